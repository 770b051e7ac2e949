/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Stacks: the memory that strands stand on, for all homes of a system.
 *
 * Purpose     Rooms of a few sizes, each with a guard below it; kept when they are given back, as far
 *             as that is cheap.
 * Owner       What is taken belongs to the taker, all else to the lock. The lock is a leaf, but for
 *             env's functions.
 * Invariants  STK-1  each room that was ever taken has its guard: without one there is no room.
 *             STK-2  free rooms that may have memory behind them are WARM_MAX bytes at most; the
 *                    others are address space only.
 *             STK-3  a slab whose rooms are all free goes, unless few others are free.
 * Cost        A guard is several pages, for a frame may be larger than one; that is address space. A
 *             frame of more than GUARD - RESERVE bytes that is not touched from above can still jump
 *             over it: compile such code with -fstack-clash-protection.
 *             Where the kernel knows guard pages (6.13) 100,000 stacks are a few mappings, since slabs
 *             lie side by side. Elsewhere each stack is two, and vm.max_map_count, 65,530 by default,
 *             allows for some 32,000; what is beyond that is NOMEM.
 *             The lock is held while a room is made: two system calls for a slab, one for each room.
 * Why not     one mapping per stack, released when it is given back: two system calls for each wait in
 *             a burst, and each process is one of those with few mappings. */
#ifndef NOHI_STACKS_H
#define NOHI_STACKS_H

#include "atomic.h"
#include "base.h"

#include <noh/watch.h>
#include <pthread.h>

enum {
    NOHI_STACK_GUARD = 128 * 1024,  /* whole pages, also where these are of 64 KiB */
    NOHI_STACK_RESERVE = 64 * 1024, /* its upper part: see overflow.h */
    NOHI_STACK_LEAST = 16 * 1024,
    NOHI_STACK_USUAL = 256 * 1024,
    NOHI_STACK_MOST = 64 * 1024 * 1024,
    NOHI_STACK_CLASSES = 13, /* the powers of two between */
};

typedef struct nohi_slab nohi_slab;

/* Room for one stack: `size` bytes from `low` up. Below them the guard. */
typedef struct nohi_room {
    char *low;
    size_t size;
    nohi_slab *slab;
    struct nohi_room *next;           /* in a list of free ones */
    bool warm;                        /* free: it may have memory behind it */
    atom(const noh_behavior *) waits; /* whose handler waits on it; others read it */
} nohi_room;

/* The deepest use that the table knows of, as a home has seen it last. */
typedef struct nohi_deepest {
    const noh_behavior *behavior;
    size_t bytes;
} nohi_deepest;

enum { NOHI_DEEPEST = NOHI_LIMIT(16, 1) };

typedef struct nohi_slabs {
    nohi_slab *first; /* with free rooms, then those without */
    nohi_slab *last;
    uint32_t free; /* rooms in them that were given back */
} nohi_slabs;

typedef struct nohi_stacks {
    const noh_env *env;
    pthread_mutex_t lock;
    nohi_slabs classes[NOHI_STACK_CLASSES];
    size_t warm_bytes;
    noh_stack_use *uses; /* one for each behavior that has waited */
    size_t use_count;
    size_t use_capacity;
} nohi_stacks;

void nohi_stacks_init(nohi_stacks *stacks, const noh_env *env);
/* Gives back all rooms, those that are taken as well. */
void nohi_stacks_done(nohi_stacks *stacks);

/* The size of the room for a stack of so many bytes: 0 means the usual, and too many the most. */
size_t nohi_stacks_size(size_t bytes);

/* A list of rooms of a size that nohi_stacks_size gave: `count`, or fewer when memory or mappings are
 * short; NULL: none. */
nohi_room *nohi_stacks_take(nohi_stacks *stacks, size_t size, uint32_t count);
/* A handler of that behavior used so many bytes; `seen` are the home's NOHI_DEEPEST. Depth is measured
 * when a handler begins to wait, by the stack pointer: that is exact, and whose it is is known. Which
 * pages were touched says less: a strand runs turns of many actors, one after the other. */
void nohi_stacks_note_more(nohi_stacks *stacks, nohi_deepest *seen, const noh_behavior *behavior,
                           size_t bytes);
NOHI_INLINE void nohi_stacks_note(nohi_stacks *stacks, nohi_deepest *seen,
                                  const noh_behavior *behavior, size_t bytes)
{
    seen +=
        (uintptr_t)behavior / 64 % NOHI_DEEPEST; /* hardly any two that are neighbors share one */
    if (NOHI_UNLIKELY(seen->behavior != behavior || seen->bytes < bytes)) {
        nohi_stacks_note_more(stacks, seen, behavior, bytes);
    }
}

/* A list of rooms of whatever size; nobody is on them. */
void nohi_stacks_give(nohi_stacks *stacks, nohi_room *list);

#endif
