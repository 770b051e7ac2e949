/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Slots: where actors lie; a ref's index is an address.
 *
 * Purpose     One reserved range of addresses, 128 bytes a slot, backed by memory as it is needed
 *             and never unmapped before the end: finding an actor is an addition, and a late sender
 *             always finds a slot.
 * Owner       `limit`: any thread reads; carving under the lock. `tenants`: any thread.
 * Invariants  SLT-1  slots below `limit` have memory, a generation and a home.
 *             SLT-2  slot 0 is nobody's: it is at home nowhere, and no index 0 is ever looked up.
 *             SLT-3  a generation is never used twice in a slot: the first one is `first_generation`;
 *                    the last one gets no tenant, the slot retires in it, so that no ref finds it.
 *             SLT-4  no more than `tenants_max` actors are admitted and have not left.
 * Ordering    carving stores `limit` release  <->  a resolver's load acquire         SLT-1
 *             tenants: cas and sub relaxed: a count alone, nothing else is read by it     SLT-4
 * Why not     a paged table: 4 % slower on ping-pong, and the pages never pay off: address space
 *             costs nothing. */
#ifndef NOHI_SLOTS_H
#define NOHI_SLOTS_H

#include "gate.h"

#include <pthread.h>

enum {
    NOHI_SLOT_BYTES = 128,
    NOHI_SLOT_SHIFT = 7,
    NOHI_TENANTS_EACH = NOHI_LIMIT(NOHI_GENERATION_MASK, 3), /* of a slot, one after the other */
};

typedef struct nohi_slots {
    char *base;
    atom(uint32_t) limit;
    uint32_t count; /* slots the range has room for; constant */
    uint32_t first_generation;
    const noh_env *env;
    pthread_mutex_t lock; /* rank: innermost */
    uint32_t committed;   /* slots with memory; under the lock */
    uint32_t free_first;  /* the depot: free slots for all, linked by the caller; under the lock */
    uint32_t tenants_max; /* 0: not counted; constant */
    atom(uint32_t) tenants;
} nohi_slots;

/* Reserves room for `wanted` slots, or for fewer if there is no address space, down to 1,024.
 * Errors: NOMEM. */
noh_err nohi_slots_init(nohi_slots *slots, const noh_env *env, uint32_t wanted);
void nohi_slots_done(nohi_slots *slots);

/* `count` fresh slots in a row, zeroed but for generation and `home`; returns the first index.
 * Errors: LIMIT (the range is used up), NOMEM. Any thread. */
noh_err nohi_slots_carve(nohi_slots *slots, uint32_t count, unsigned home, uint32_t *ret_first);

NOHI_INLINE void *nohi_slots_at(const nohi_slots *slots, uint32_t index)
{
    return slots->base + ((size_t)index << NOHI_SLOT_SHIFT);
}

NOHI_INLINE bool nohi_slots_has(nohi_slots *slots, uint32_t index)
{
    return index != 0 && index < load_acquire(&slots->limit); /* SLT-2, SLT-1 */
}

/* Has the slot of that generation, whose tenant has left, had all it may have? SLT-3 */
NOHI_INLINE bool nohi_slots_is_used_up(const nohi_slots *slots, uint32_t generation)
{
    return ((generation - slots->first_generation) & NOHI_GENERATION_MASK) >= NOHI_TENANTS_EACH;
}

/* One actor more; false: there are as many as there may be. */
NOHI_INLINE bool nohi_slots_admit(nohi_slots *slots)
{
    if (NOHI_LIKELY(slots->tenants_max == 0)) {
        return true;
    }
    uint32_t seen = load_relaxed(&slots->tenants); /* re-checked by the cas */
    do {
        if (seen >= slots->tenants_max) {
            return false;
        }
    } while (!cas_relaxed(&slots->tenants, &seen, seen + 1)); /* SLT-4 */
    return true;
}

/* One that was admitted has left. */
NOHI_INLINE void nohi_slots_leave(nohi_slots *slots)
{
    if (NOHI_UNLIKELY(slots->tenants_max != 0)) {
        sub_relaxed(&slots->tenants, 1); /* SLT-4 */
    }
}

#endif
