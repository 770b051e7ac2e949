/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* What the latency programs share: a histogram, the actor that fills it, and the report. Steps of
 * 3 %, so a quantile is at most that much too high; the maximum is exact. */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include "bench.h"

enum { LATENCY_STEPS = 32, LATENCY_SHIFT = 5 }; /* steps for each power of two */

typedef struct latencies {
    int64_t count;
    int64_t max_ns;
    int64_t steps[64 * LATENCY_STEPS];
} latencies;

static inline void latency_add(latencies *all, int64_t ns)
{
    uint64_t value = ns < 0 ? 0 : (uint64_t)ns;
    uint64_t step = value;
    if (value >= LATENCY_STEPS) {
        unsigned power = 63 - (unsigned)__builtin_clzll(value) - LATENCY_SHIFT;
        step = power * LATENCY_STEPS + (value >> power);
    }
    all->steps[step]++;
    all->count++;
    all->max_ns = ns > all->max_ns ? ns : all->max_ns;
}

/* The latency that `per_mille` of 1,000 do not exceed. */
static inline int64_t latency_quantile(const latencies *all, int64_t per_mille)
{
    int64_t wanted = (all->count * per_mille + 999) / 1000;
    int64_t step = 0;
    for (int64_t seen = all->steps[0]; seen < wanted; seen += all->steps[step]) {
        step++;
    }
    int64_t power = step < LATENCY_STEPS ? 0 : step / LATENCY_STEPS - 1;
    int64_t highest = ((step - power * LATENCY_STEPS + 1) << power) - 1;
    return highest < all->max_ns ? highest : all->max_ns;
}

/* ---- a target notes how late each stamp is ---- */

NOH_MESSAGE(stamp, (int64_t, due_ns));
NOH_MESSAGE(seen, (int64_t, stamps));
NOH_REQUEST(get_seen, seen);
NOH_MESSAGE(target_start, (uint64_t, latencies)); /* a pointer: the target's until get_seen */

typedef struct target {
    latencies *measured;
} target;

static noh_err on_target_start(noh_self *self, target *me, const target_start *m)
{
    me->measured = (latencies *)(uintptr_t)m->latencies;
    return NOH_OK;
}

static noh_err on_stamp(noh_self *self, target *me, const stamp *m)
{
    latency_add(me->measured, bench_now_ns() - m->due_ns);
    return NOH_OK;
}

static noh_err on_get_seen(noh_self *self, target *me, const get_seen *m)
{
    return noh_reply(self, seen, .stamps = me->measured->count);
}

NOH_BEHAVIOR_WITH(target, target_start, on_target_start, NOH_ON(stamp, on_stamp),
                  NOH_ON(get_seen, on_get_seen));

static inline noh_ref latency_target(noh_self *self, latencies *measured)
{
    *measured = (latencies){0};
    return noh_spawn(self, target, .latencies = (uint64_t)(uintptr_t)measured);
}

/* All stamps have arrived. */
static inline void latency_check(noh_self *self, noh_ref to, int64_t stamps)
{
    seen answer;
    bench_must(noh_call(self, to, get_seen, &answer), "ask the target");
    bench_check(answer.stamps == stamps, "every stamp arrived");
}

/* ---- the report ---- */

static inline void latency_report(const char *row, const latencies *all, int64_t took_ns)
{
    char extra[160];
    snprintf(extra, sizeof extra,
             " p50_ns=%" PRId64 " p99_ns=%" PRId64 " p999_ns=%" PRId64 " max_ns=%" PRId64,
             latency_quantile(all, 500), latency_quantile(all, 990), latency_quantile(all, 999),
             all->max_ns);
    bench_report(row, all->count, took_ns, extra);
}

#endif
