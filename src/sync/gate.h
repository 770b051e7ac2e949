/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Gate: the part of an actor's slot that any thread may touch.
 *
 * Purpose     Generation (is it still the actor the ref means?), home (which worker owns it),
 *             inbox, counts for the bound, and a stop request.
 * Owner       The worker whose number stands in `home` owns the rest of the slot; it alone writes
 *             `home` and `generation`, except that the locker of an idle worker acts for it (park.h).
 * Invariants  GAT-1  the worker that reads its own number in `home` sees everything the former
 *                    owner wrote to the slot.
 *             GAT-2  a slot's memory stays a slot for ever (type-stable), so a late sender may
 *                    push to it; the receiver compares generations and drops what is not its own.
 *             GAT-3  a generation, once closed, never comes back: 27 bits, then the slot retires.
 *             GAT-4  a name given to an actor is taken back at its death, however they overlap: one
 *                    word, `traits`, says whether the name or the end came first.
 *             GAT-6  who finds a generation closed sees everything its owner did before.
 *             GAT-5  a stop request of an older generation never replaces one of a newer.
 * Ordering    home      store release   <->  load acquire                        GAT-1
 *             traits    or seq_cst, by who names and by who ends                     GAT-4
 *             generation store release <-> load acquire                              GAT-6
 *             stop      cas relaxed; the STOP letter behind it carries the order; reading it early
 *                       is a courtesy.                                           re-checked
 * Why not     hazard pointers or reference counts in refs: 2.1 times slower on ping-pong and 3.8
 *             times across cores than a generation compared by the receiver. */
#ifndef NOHI_GATE_H
#define NOHI_GATE_H

#include "inbox.h"

enum {
    NOHI_INDEX_BITS = 27,
#ifdef NOH_MODEL
    NOHI_GENERATION_BITS = 2, /* so that a model sees them used up */
#else
    NOHI_GENERATION_BITS = 27,
#endif
    NOHI_GENERATION_MASK = (1 << NOHI_GENERATION_BITS) - 1,
    NOHI_INDEX_MASK = (1 << NOHI_INDEX_BITS) - 1,
};

/* The home of slots that nobody has: they belong to the slots' lock. */
enum { NOHI_DEPOT = 0xffff };

/* What anybody may know of an actor. */
enum {
    NOHI_TRAIT_BOUNDED = 1, /* has a bound of its own, counted exactly: in `inbox_len` */
    NOHI_TRAIT_PINNED = 2,  /* never moves */
    NOHI_TRAIT_NAMED = 4,   /* has, or had, a name */
    NOHI_TRAIT_THREAD = 8,  /* stands for a plain thread */
    NOHI_TRAIT_ENDING = 16, /* takes no name any more */
};

typedef struct nohi_gate {
    nohi_inbox inbox;
    uint32_t ready_next; /* link in a worker's ready stack; who announces the inbox (INB-1) */
    atom(uint32_t) generation;
    atom(uint16_t) home;
    atom(uint16_t) traits;
    atom(uint32_t) inbox_len; /* messages pushed and not yet taken, perhaps a few too many;
                                 BOUNDED: all that are in the mailbox, exactly */
    atom(uint32_t) local_len; /* messages in the owner's queue, as last published; BOUNDED: 0 */
    atom(uint32_t) stop;      /* 0, or generation << 3 | the strongest stop kind asked for + 1 */
} nohi_gate;

NOHI_INLINE unsigned nohi_gate_home(nohi_gate *gate)
{
    return load_acquire(&gate->home); /* GAT-1 */
}

/* Gives the slot to another worker; the caller must not touch it again. The owner. */
NOHI_INLINE void nohi_gate_move(nohi_gate *gate, unsigned home)
{
    store_release(&gate->home, (uint16_t)home); /* GAT-1 */
}

NOHI_INLINE uint32_t nohi_gate_generation(nohi_gate *gate)
{
    return load_acquire(&gate->generation); /* GAT-6; re-checked by the receiver, GAT-2 */
}

/* Opens a slot for a new actor. The owner. */
NOHI_INLINE void nohi_gate_open(nohi_gate *gate, unsigned traits)
{
    store_release(&gate->traits, (uint16_t)traits); /* GAT-4, GAT-6; the ref is not known yet */
}

/* Has the tenant, or a later one, that trait? A generation read afterwards says which. */
NOHI_INLINE bool nohi_gate_is(nohi_gate *gate, unsigned trait)
{
    return (load_acquire(&gate->traits) & trait) != 0; /* GAT-6: open comes after a close */
}

/* The actor will end: from now on it gets no name. True when it has some. The owner. */
NOHI_INLINE bool nohi_gate_end(nohi_gate *gate)
{
    return (or_seq_cst(&gate->traits, NOHI_TRAIT_ENDING) & NOHI_TRAIT_NAMED) != 0; /* GAT-4 */
}

/* Ends the generation: from now on the ref means nobody. The owner. */
NOHI_INLINE void nohi_gate_close(nohi_gate *gate)
{
    uint32_t next = (load_relaxed(&gate->generation) + 1) & NOHI_GENERATION_MASK; /* private */
    store_release(&gate->generation, next);                                       /* GAT-6 */
}

/* Marks the actor as named; false when it ends, or has ended. Any thread. */
NOHI_INLINE bool nohi_gate_name(nohi_gate *gate, uint32_t generation)
{
    unsigned before = or_seq_cst(&gate->traits, NOHI_TRAIT_NAMED); /* GAT-4 */
    return (before & NOHI_TRAIT_ENDING) == 0 && load_seq_cst(&gate->generation) == generation;
}

/* The actor may move from now on. The owner, while others may name it. */
NOHI_INLINE void nohi_gate_unpin(nohi_gate *gate)
{
    and_relaxed(&gate->traits,
                (uint16_t)~NOHI_TRAIT_PINNED); /* read by the owner, and by lockers */
}

/* Asks for a stop of `kind` (0 drain, 1 now, 2 kill). False: that or more was asked before. */
NOHI_INLINE bool nohi_gate_ask_stop(nohi_gate *gate, uint32_t generation, unsigned kind)
{
    uint32_t wanted = (generation & NOHI_GENERATION_MASK) << 3 | (kind + 1);
    uint32_t seen = load_relaxed(&gate->stop); /* re-checked by the cas */
    do {
        /* GAT-5: generations are compared around the wrap. */
        uint32_t older_by = ((wanted >> 3) - (seen >> 3)) & NOHI_GENERATION_MASK;
        if (seen != 0 &&
            (older_by > NOHI_GENERATION_MASK / 2 || (older_by == 0 && seen >= wanted))) {
            return false;
        }
    } while (!cas_relaxed(&gate->stop, &seen, wanted));
    return true;
}

/* Was a stop asked, of this generation or an older one? */
NOHI_INLINE bool nohi_gate_has_stop(nohi_gate *gate)
{
    return load_relaxed(&gate->stop) != 0; /* re-checked: the STOP letter follows */
}

/* The strongest stop asked of this generation: -1 none, else its kind. The owner. */
NOHI_INLINE int nohi_gate_stop_kind(nohi_gate *gate, uint32_t generation)
{
    uint32_t stop = load_relaxed(&gate->stop); /* re-checked: the STOP letter follows */
    return NOHI_LIKELY(stop == 0) || stop >> 3 != generation ? -1 : (int)(stop & 7) - 1;
}

#endif
