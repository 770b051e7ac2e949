// SPDX-License-Identifier: Apache-2.0
// Copyright The Noh Authors

// The CAF peer, for CAF 0.17: event-based actors, dynamically typed messages.
//
//     bench WORKLOAD SIZE...

#include "bench.hpp"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <unistd.h>

namespace bench {

void check(bool ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "CHECK FAILED: %s\n", what);
        _exit(1);
    }
}

void report(const char *workload, int64_t n, double seconds, const std::string &extra) {
    printf("workload=%s peer=caf n=%" PRId64 " seconds=%.6f rate=%.0f%s\n", workload, n, seconds,
           n / seconds, extra.c_str());
    fflush(stdout);
}

struct workload {
    const char *name;
    size_t size_count;
    void (*run)(caf::actor_system &system, const sizes &n);
};

static const workload workloads[] = {
    {"pingpong", 1, pingpong},
    {"counting", 1, counting},
    {"ring", 3, ring},
    {"ring100", 3, ring},
    {"forkjoin-create", 1, forkjoin_create},
    {"forkjoin-throughput", 2, forkjoin_throughput},
    {"big", 2, big},
    {"chameneos", 2, chameneos},
    {"mailbox-contention", 2, mailbox_contention},
    {"idle-memory", 1, idle_memory},
    {"ask", 1, ask},
    {"ask-in-actor", 1, ask_in_actor},
    {"restart", 1, restart},
};

static const workload *find(const std::string &name) {
    for (const workload &candidate : workloads) {
        if (name == candidate.name) {
            return &candidate;
        }
    }
    return nullptr;
}

// One worker per processor, unless BENCH_THREADS is set. CAF itself would start at least four; the
// difference is small.
static int64_t worker_count() {
    const char *threads = getenv("BENCH_THREADS");
    return threads ? atoll(threads) : std::thread::hardware_concurrency();
}

} // namespace bench

int main(int argc, char **argv) {
    const bench::workload *chosen = argc > 1 ? bench::find(argv[1]) : nullptr;
    if (!chosen) {
        fprintf(stderr, "not written for CAF: %s\n", argc > 1 ? argv[1] : "");
        return 3;
    }
    bench::sizes n;
    for (int i = 2; i < argc; i++) {
        n.push_back(atoll(argv[i]));
    }
    bench::check(n.size() == chosen->size_count, "number of sizes");

    caf::actor_system_config config;
    config.set("scheduler.max-threads", bench::worker_count());
    caf::actor_system system{config};
    chosen->run(system, n);
    _exit(0); // do not wait for actors that are idle
}
