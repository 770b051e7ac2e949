/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Light and heavy side by side: 500 pairs play a ball back and forth, 500 actors tell themselves to
 * go on and work 5 us each time. How much of the processors does something useful?
 *
 *     mixed MILLISECONDS
 *
 * Useful is the work of the heavy, and of the light what the balls would have taken one worker that
 * has nothing else to do. */
#include "load.h"

enum { PAIRS = 500, HEAVY = 500, HEAVY_NS = 5000 };

/* Balls that one worker plays in a second. */
static double balls_alone(int64_t time_ns)
{
    static chat pairs;
    noh_system *system = bench_system_of(1);
    noh_self *me = noh_system_self(system);
    int64_t start = bench_now_ns();
    chat_start(me, &pairs, PAIRS, 0);
    bench_wait_until(start + time_ns);
    int64_t took = bench_now_ns() - start;
    int64_t balls = chat_halt_all(me, &pairs);
    bench_must(noh_system_free(system), "free the system");
    return (double)balls * 1e9 / (double)took;
}

int main(int argc, char **argv)
{
    static chat pairs;
    static noh_ref heavy[HEAVY];
    static int64_t turns[HEAVY];
    int64_t time_ns = bench_size(argc, argv, 1) * NOH_MS;
    int64_t work = bench_work_rounds(HEAVY_NS);
    double alone = balls_alone(time_ns / 2);
    noh_system *system = bench_system();
    noh_self *me = noh_system_self(system);

    int64_t start = bench_now_ns();
    runners_start(me, heavy, HEAVY, work);
    chat_start(me, &pairs, PAIRS, 0);
    bench_wait_until(start + time_ns);
    int64_t took = bench_now_ns() - start;
    runners_halt(me, heavy, turns, HEAVY, work);
    int64_t balls = chat_halt_all(me, &pairs);

    int64_t sum = 0;
    for (int i = 0; i < HEAVY; i++) {
        sum += turns[i];
    }
    bench_check(sum > 0 && balls > 0, "both kinds had their turns");
    double heavy_cores = (double)sum * HEAVY_NS / (double)took;
    double light_cores = (double)balls * 1e9 / (double)took / alone;
    char extra[128];
    snprintf(extra, sizeof extra, " balls_rate=%.0f heavy_cores=%.3f useful_cores=%.3f",
             (double)balls * 1e9 / (double)took, heavy_cores, heavy_cores + light_cores);
    bench_report("mixed", sum, took, extra);
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}
