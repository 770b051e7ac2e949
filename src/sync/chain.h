/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Chain: letters for one receiver that their sender holds back.
 *
 * Purpose     Letters to another worker cost one push for many. And a single letter to somebody idle
 *             at home, while nobody else waits there, need not go through a mailbox and the run list
 *             at all: its receiver is next, so the worker takes it in hand and runs it when the
 *             handler has ended. That saves a fifth of all instructions between two handlers.
 * States      to == NULL    none
 *             open          it may grow; changed in the lease alone (lease.h)
 *             in hand       one letter, put there by the owner without entering the lease
 * Owner       the worker, in a handler; between two turns it needs no lease. A thief may take.
 * Invariants  CHN-1  who takes has all letters, and nobody else has them.
 *             CHN-2  nobody reads what the owner writes into the next chain.
 *             The receiver of a letter in hand may move, with a thief that came between the owner's look
 *             at its home and the hold: so who handles the letter, or queues it, looks again.
 * Ordering    hold      the letter; store to release  <->  take: load to acquire       CHN-1
 *             take      reads; revoked token before, store to NULL. An owner that sees the NULL
 *             looks at the token before it holds, and by the thief's barrier finds it revoked, or
 *             given back (lease.h), which is an acquire.                               CHN-2
 *             all else is ordered by the lease.
 * Why not     a second field beside the chain: another look in each tell and in each turn. */
#ifndef NOHI_CHAIN_H
#define NOHI_CHAIN_H

#include "inbox.h"

typedef struct nohi_actor nohi_actor;

typedef struct nohi_chain {
    atom(nohi_actor *) to; /* NULL: none */
    nohi_letter *newest;
    nohi_letter *oldest; /* NULL: in hand */
    uint32_t count;
    uint64_t ref; /* in hand: of the receiver */
} nohi_chain;

/* What was taken. `to` is NULL when there was none. */
typedef struct nohi_letters {
    nohi_actor *to;
    nohi_letter *newest;
    nohi_letter *oldest;
    uint32_t count;
    bool in_hand;
} nohi_letters;

/* Are no letters held back? The owner. */
NOHI_INLINE bool nohi_chain_is_none(nohi_chain *chain)
{
    return load_relaxed(&chain->to) == NULL; /* CHN-2: the token is looked at afterwards */
}

/* Takes one letter in hand, for somebody whose home is what the token says. There is none. The owner, in a
 * handler. */
NOHI_INLINE void nohi_chain_hold(nohi_chain *chain, nohi_actor *to, uint64_t ref,
                                 nohi_letter *letter)
{
    chain->newest = letter;
    chain->ref = ref;
    store_release(&chain->to, to); /* CHN-1: pairs with take */
}

/* Whose letters these are, or NULL. In the lease, or between two turns; elsewhere a hint. */
NOHI_INLINE nohi_actor *nohi_chain_to(nohi_chain *chain)
{
    return load_relaxed(&chain->to); /* private, or re-checked in the lease */
}

/* The letter in hand, or NULL: it is an open chain. There is one. In the lease, or between two turns. */
NOHI_INLINE nohi_letter *nohi_chain_in_hand(nohi_chain *chain)
{
    return chain->oldest == NULL ? chain->newest : NULL;
}

/* The owner handles the letter in hand itself. Between two turns. */
NOHI_INLINE void nohi_chain_drop(nohi_chain *chain)
{
    store_relaxed(&chain->to, NULL); /* private: no thief while in no handler */
}

/* Adds to an open chain, or opens one. In the lease. */
NOHI_INLINE void nohi_chain_add(nohi_chain *chain, nohi_actor *to, nohi_letter *letter,
                                bool counted)
{
    if (load_relaxed(&chain->to) == NULL) { /* private: in the lease */
        store_relaxed(&chain->to, to);
        chain->newest = NULL;
        chain->oldest = letter;
    }
    letter->next = chain->newest;
    chain->newest = letter;
    chain->count += counted;
}

/* Takes all. In the lease, or its thief. */
NOHI_INLINE nohi_letters nohi_chain_take(nohi_chain *chain)
{
    nohi_letters taken = {.to = load_acquire(&chain->to)}; /* CHN-1: pairs with hold */
    if (taken.to == NULL) {
        return taken;
    }
    taken.newest = chain->newest;
    taken.in_hand = chain->oldest == NULL;
    taken.oldest = taken.in_hand ? chain->newest : chain->oldest;
    taken.count = taken.in_hand ? 1 : chain->count;
    chain->oldest = NULL;
    chain->count = 0;
    store_relaxed(&chain->to, NULL); /* CHN-2: the token is revoked, or ours */
    return taken;
}

#endif
