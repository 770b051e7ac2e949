// SPDX-License-Identifier: Apache-2.0
// Copyright The Noh Authors

// What the workloads of the CAF peer share.
#pragma once

#include <caf/all.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

using sizes = std::vector<int64_t>;

// Seconds since some moment in the past.
inline double now() {
    using namespace std::chrono;
    return duration<double>(steady_clock::now().time_since_epoch()).count();
}

// Ends the program when a workload computed the wrong result.
void check(bool ok, const char *what);

// Prints the one line that the driver reads.
void report(const char *workload, int64_t n, double seconds, const std::string &extra = "");

// The workloads; each takes its sizes in the order of the command line.
void pingpong(caf::actor_system &system, const sizes &n);
void counting(caf::actor_system &system, const sizes &n);
void ring(caf::actor_system &system, const sizes &n);
void mailbox_contention(caf::actor_system &system, const sizes &n);
void forkjoin_create(caf::actor_system &system, const sizes &n);
void forkjoin_throughput(caf::actor_system &system, const sizes &n);
void big(caf::actor_system &system, const sizes &n);
void chameneos(caf::actor_system &system, const sizes &n);
void idle_memory(caf::actor_system &system, const sizes &n);
void ask(caf::actor_system &system, const sizes &n);
void ask_in_actor(caf::actor_system &system, const sizes &n);
void restart(caf::actor_system &system, const sizes &n);

} // namespace bench
