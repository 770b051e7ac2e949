/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Hostile: bad luck on purpose, in the hostile build only; elsewhere nothing of it is left.
 *
 * Purpose     Two processors and short windows hide most of what can go wrong between threads. Here
 *             each atomic operation may first give the processor away or wait a moment (atomic.h),
 *             and the policy moves actors for no reason (policy.c).
 * Owner       Each thread draws from a sequence of its own; NOH_SEED, a number in the environment,
 *             chooses the sequences. The same seed gives the same draws, not the same schedule, but
 *             for a world that decides that itself: there they follow from its own chance. */
#ifndef NOHI_HOSTILE_H
#define NOHI_HOSTILE_H

#include "base.h"

#ifdef NOH_HOSTILE

/* Operations until the next disturbance. This thread. */
extern _Thread_local uint32_t nohi_hostile_left;
void nohi_hostile_strike(void);
uint32_t nohi_hostile_below(uint32_t limit);
/* From here on this thread draws the sequence of that number. */
void nohi_hostile_begin(uint64_t number);

NOHI_INLINE void nohi_hostile_point(void)
{
    if (NOHI_UNLIKELY(nohi_hostile_left-- == 0)) {
        nohi_hostile_strike();
    }
}

#else

#define nohi_hostile_point() ((void)0)
#define nohi_hostile_begin(number) ((void)(number))

/* A number below `limit`; 0 in other builds. */
NOHI_INLINE uint32_t nohi_hostile_below(uint32_t limit)
{
    (void)limit;
    return 0;
}

#endif

/* True once in `times`; never in other builds. */
NOHI_INLINE bool nohi_hostile_chance(uint32_t times)
{
    return NOHI_LIMIT(false, true) && nohi_hostile_below(times) == 0;
}

#endif
