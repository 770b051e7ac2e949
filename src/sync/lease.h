/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Lease: a worker's right to its own run list, which another worker may take away for a moment.
 *
 * Purpose     A worker that is stuck in a handler keeps everybody who waits in its run list from
 *             running. Another worker, the thief, revokes the lease, moves actors to itself, and
 *             gives the lease back. The owner pays two plain stores and a load per turn and one
 *             store per message sent at home; the thief pays for both with a barrier on all
 *             processors (membarrier).
 * Owner       `turn`, `busy`, `sent`, `ended`: the worker whose lease it is. `token`: the thief,
 *             while it holds `thief`; a host loop, for its own.
 * States      token == id       the owner may touch its run list, and its actors
 *             NOHI_REVOKED      a thief may, if the owner is in a handler and not sending
 *             NOHI_NOWHERE      nobody sends straight: a plain thread, a host loop between two runs
 * Invariants  LSE-1  between a seize that succeeded and its give_back the owner touches neither its
 *                    run list nor any actor but the one in whose handler it is.
 *             LSE-2  the thief sees everything the owner did to them before, and the owner
 *                    everything the thief did.
 * Ordering    owner, send:  `sent` up, or `busy` 1; load token acquire; touch; `ended` up, or
 *                           `busy` 0, release
 *             owner, turn:  take from the list; store turn release; handler; store turn 0 release;
 *                           load token acquire: while it is revoked, wait; touch
 *             thief:        store token REVOKED; barrier; load turn, busy, ended acquire
 *                           The owner's store and load are in program order for the compiler alone
 *                           (compiler_fence); the barrier, which the owner's processor passes at
 *                           some point of its program, makes it a store buffering test with a fence
 *                           on both sides: the owner sees REVOKED or the thief sees the mark. LSE-1
 *             give_back     store token release  <->  load token acquire                  LSE-2
 *             `turn`, `ended` store release      <->  the thief's load acquire            LSE-2
 * Why not     a fence in each send: 5 ns, a third of all it costs. A signal to the stuck thread:
 *             its system calls would be interrupted. Constant marks (1 and 0) around a send in
 *             place of counters: up to 30 % slower on counting.
 * Source      asymmetric Dekker synchronization, as in membarrier(2) and liburcu. */
#ifndef NOHI_LEASE_H
#define NOHI_LEASE_H

#include "atomic.h"
#include "base.h"

enum { NOHI_NOWHERE = 0x10000, NOHI_REVOKED = 0x10001 }; /* no worker's id */

typedef struct nohi_lease {
    atom(uint32_t) token;
    atom(uint32_t) turn;  /* the slot in whose handler the owner is; 0: in none */
    atom(uint64_t) ended; /* straight sends that are over */
    atom(uint64_t) sent;  /* messages sent from here, also those that are being sent */
    atom(uint32_t) busy;  /* the owner touches its actors in another way */
    atom(uint32_t) thief; /* 1: somebody tries */
} nohi_lease;

#ifdef NOH_MODEL
enum { NOHI_LEASE_SPINS = 2 };
#else
enum { NOHI_LEASE_SPINS = 200 }; /* a send at home takes some 20 ns */
#endif

NOHI_INLINE void nohi_lease_init(nohi_lease *lease, uint32_t id)
{
    store_relaxed(&lease->token, id); /* private: nobody knows the worker yet */
}

/* ---- the owner ---------------------------------------------------------------------------- */

/* Begins a straight send: counts it. Then the caller compares the target's home with the token. */
NOHI_INLINE void nohi_lease_begin_send(nohi_lease *lease)
{
    bump(&lease->sent); /* LSE-1: ordered by the thief's barrier */
    compiler_fence();
}

NOHI_INLINE uint32_t nohi_lease_token(nohi_lease *lease)
{
    return load_acquire(&lease->token); /* LSE-1, LSE-2: pairs with seize and give_back */
}

NOHI_INLINE void nohi_lease_end_send(nohi_lease *lease)
{
    store_release(&lease->ended, load_relaxed(&lease->sent)); /* LSE-2: pairs with seize */
}

/* It was not straight after all, and nothing was touched. */
NOHI_INLINE void nohi_lease_undo_send(nohi_lease *lease)
{
    bump_by(&lease->sent, UINT64_MAX);
}

/* Counts a message that is sent in another way. */
NOHI_INLINE void nohi_lease_count_sent(nohi_lease *lease)
{
    bump(&lease->sent);
    nohi_lease_end_send(lease); /* nothing was touched */
}

/* Waits while a thief is at work. */
void nohi_lease_wait(nohi_lease *lease, const noh_env *env);

/* Around whatever else touches the run list or actors at home, within a handler. Not nested. */
NOHI_INLINE void nohi_lease_enter(nohi_lease *lease, const noh_env *env)
{
    for (;;) {
        store_relaxed(&lease->busy, 1); /* LSE-1: ordered by the thief's barrier */
        compiler_fence();
        if (NOHI_LIKELY(nohi_lease_token(lease) != NOHI_REVOKED)) {
            return;
        }
        store_release(&lease->busy, 0);
        nohi_lease_wait(lease, env);
    }
}

NOHI_INLINE void nohi_lease_leave(nohi_lease *lease)
{
    store_release(&lease->busy, 0); /* LSE-2: pairs with seize */
}

/* After the actor was taken from the run list; `slot` is not 0. */
NOHI_INLINE void nohi_lease_begin_turn(nohi_lease *lease, uint32_t slot)
{
    store_release(&lease->turn, slot); /* LSE-2: pairs with seize */
}

/* After the last handler of the turn. True: from here on the list is the owner's. False: after
 * nohi_lease_wait. */
NOHI_INLINE bool nohi_lease_end_turn(nohi_lease *lease)
{
    store_release(&lease->turn, 0); /* LSE-1: ordered by the thief's barrier */
    compiler_fence();
    return nohi_lease_token(lease) != NOHI_REVOKED;
}

/* ---- others ------------------------------------------------------------------------------- */

/* The slot in whose handler the owner is, or 0. A hint. Any thread. */
NOHI_INLINE uint32_t nohi_lease_turn(nohi_lease *lease)
{
    return load_relaxed(&lease->turn); /* re-checked by seize */
}

/* The slot in whose handler the owner is: until give_back its run list, and its actors but that one,
 * are the caller's, also if the handler ends meanwhile. 0: the owner is in no handler, or sends for
 * long, or somebody else tries, or the world has no barrier. Another worker. */
uint32_t nohi_lease_seize(nohi_lease *lease, uint32_t id, const noh_env *env);
void nohi_lease_give_back(nohi_lease *lease, uint32_t id);

#endif
