/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* From a tell to its handler, when the system has nothing else to do: a plain thread tells an actor
 * now and then. After a millisecond the worker sleeps and must be woken; after 20 us it may still
 * look around.
 *
 *     latency_idle PROBES      at 1 ms; 20 times as many at 20 us */
#include "latency.h"

static void probe(noh_self *self, const char *row, int64_t period_ns, int64_t probes)
{
    static latencies measured;
    noh_ref to = latency_target(self, &measured);
    int64_t start = bench_now_ns();
    for (int64_t i = 0; i < probes; i++) {
        bench_wait_until(bench_now_ns() + period_ns);
        bench_must(noh_tell(self, to, stamp, .due_ns = bench_now_ns()), "tell");
    }
    int64_t took = bench_now_ns() - start;
    latency_check(self, to, probes);
    latency_report(row, &measured, took);
}

int main(int argc, char **argv)
{
    int64_t probes = bench_size(argc, argv, 1);
    noh_system *system = bench_system();
    noh_self *me = noh_system_self(system);
    probe(me, "latency-idle-1ms", NOH_MS, probes);
    probe(me, "latency-idle-20us", 20 * NOH_US, 20 * probes);
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}
