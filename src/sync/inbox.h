/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Inbox: what other threads push to one owner.
 *
 * Purpose     Many senders push chains of letters; one owner takes all of them. One word holds the
 *             newest letter and who must announce it, so "was I first?" and "is it mine to
 *             announce?" are the same atomic step.
 * States      NULL     idle: the owner does not look here; who pushes must announce the inbox.
 *             ARMED    empty, but the owner has promised to look again before it goes idle.
 *             letter   the newest of a list linked by `next`, oldest last.
 * Owner       `take` and `try_idle`: the owner, and only between an announcement it received and
 *             the try_idle that succeeds. `push`: any thread.
 * Invariants  INB-1  a push that finds NULL returns true, and no other push does until the owner
 *                    went idle again: exactly one announcement is on its way or being attended.
 *             INB-2  the owner sees everything a sender wrote before its push.
 *             INB-3  letters of one sender come out in the order they went in.
 * Ordering    push      cas seq_cst (release)  <->  take  xchg acquire          INB-2
 *             push      cas seq_cst            <->  try_idle  cas seq_cst       INB-1: one word,
 *                       so its modification order alone decides which of the two came first.
 *             seq_cst on push also orders it before the pusher's look at the sleeper (park.h).
 * Why not     Vyukov's linked queue: a preempted producer stalls the consumer, and "idle" needs a
 *             second word, with a window between the two. Letters are taken all at once, so the
 *             list has no ABA problem. */
#ifndef NOHI_INBOX_H
#define NOHI_INBOX_H

#include "atomic.h"
#include "base.h"

typedef struct nohi_letter nohi_letter;

/* First member of everything that travels. */
struct nohi_letter {
    nohi_letter *next; /* owned by whoever owns the letter: sender, inbox, then owner */
};

typedef struct nohi_inbox {
    atom(nohi_letter *) newest;
} nohi_inbox;

#define NOHI_INBOX_ARMED ((nohi_letter *)1)

/* Nothing waits here: what the owner appends to its own queue cannot overtake a letter. */
NOHI_INLINE bool nohi_inbox_is_empty(nohi_inbox *inbox)
{
    /* acquire, INB-2: a letter pushed before (in the sender's sense of before) is seen here. */
    return (uintptr_t)load_acquire(&inbox->newest) <= (uintptr_t)NOHI_INBOX_ARMED;
}

/* The same, for the owner's look before it sleeps: after nohi_park_announce. */
NOHI_INLINE bool nohi_inbox_is_still_empty(nohi_inbox *inbox)
{
    return (uintptr_t)load_seq_cst(&inbox->newest) <= (uintptr_t)NOHI_INBOX_ARMED; /* PRK-1 */
}

/* Pushes a chain linked from `newest` to `oldest` by `next`; the inbox owns it now.
 * True: the inbox was idle and the caller must announce it. Any thread. */
NOHI_INLINE bool nohi_inbox_push(nohi_inbox *inbox, nohi_letter *newest, nohi_letter *oldest)
{
    nohi_letter *seen = load_relaxed(&inbox->newest); /* re-checked by the cas */
    do {
        oldest->next = (uintptr_t)seen <= (uintptr_t)NOHI_INBOX_ARMED ? NULL : seen;
        /* INB-1, INB-2: pairs with take and try_idle. */
    } while (!cas_weak_seq_cst(&inbox->newest, &seen, newest));
    return seen == NULL;
}

/* All letters, oldest first, or NULL. The inbox is armed afterwards. The owner. */
NOHI_INLINE nohi_letter *nohi_inbox_take(nohi_inbox *inbox)
{
    if (load_relaxed(&inbox->newest) == NOHI_INBOX_ARMED) { /* re-checked by try_idle */
        return NULL;
    }
    /* INB-2: pairs with push. */
    nohi_letter *newest = xchg_acquire(&inbox->newest, NOHI_INBOX_ARMED);
    nohi_letter *oldest = NULL;
    while ((uintptr_t)newest > (uintptr_t)NOHI_INBOX_ARMED) {
        nohi_letter *older = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = older;
    }
    return oldest;
}

/* True: idle; the next push announces, and until then the owner must not call take.
 * False: letters arrived. The owner. */
NOHI_INLINE bool nohi_inbox_try_idle(nohi_inbox *inbox)
{
    nohi_letter *seen = NOHI_INBOX_ARMED;
    return cas_seq_cst(&inbox->newest, &seen, NULL); /* INB-1: pairs with push */
}

#endif
