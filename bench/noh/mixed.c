/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Light and heavy side by side: 500 pairs play a ball back and forth, 500 actors tell themselves to
 * go on and work 5 us each time. How many balls, and how much of the processors does real work?
 *
 *     mixed MILLISECONDS */
#include "load.h"

enum { PAIRS = 500, HEAVY = 500, HEAVY_NS = 5000 };

int main(int argc, char **argv)
{
    static chat pairs;
    static noh_ref heavy[HEAVY];
    static int64_t turns[HEAVY];
    int64_t time_ns = bench_size(argc, argv, 1) * NOH_MS;
    int64_t work = bench_work_rounds(HEAVY_NS);
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
    char extra[64];
    snprintf(extra, sizeof extra, " useful_cores=%.3f", (double)sum * HEAVY_NS / (double)took);
    bench_report("mixed-heavy", sum, took, extra);
    bench_report("mixed-light", balls, took, "");
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}
