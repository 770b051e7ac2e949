/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Circle: who waits for whom.
 *
 * Purpose     A circle of waits is found at once, and named. And whoever asks is told who waits.
 * Owner       A seat: who waits there; its numbers may be read by any thread.
 * Invariants  CIR-1  in every circle of waits for answers, or for ends, there is one who begins a probe when
 *                    the circle is closed: who waits and finds a request in its mailbox; who begins to
 *                    wait for an ask that it had sent before, with a request or a promise in hand, or a request put aside; who is
 *                    told that its request was passed on. Whoever handles a request, and sends and awaits
 *                    another in one, need not: that one is seen where it arrives.
 *             CIR-2  a probe goes from who waits to whom it waits for, and on from there only while that one
 *                    waits itself, and holds the request of who sent the probe, unanswered. Delivery is
 *                    causal, so an answer that was sent before arrives before the probe: what comes back
 *                    to who has begun it, still in the same wait, has gone around a circle that holds;
 *                    but for one that a time-out, or a stop, has opened behind the probe.
 *             CIR-3  of several probes in one circle that of the highest ref goes on, the others end there:
 *                    one wait fails, and with it the circle is open.
 *             CIR-4  the request of a wait that failed in a circle is withdrawn where it waits: handled later,
 *                    it would close the circle again, for ever.
 *             CIR-5  who waits for itself passes on no probe but its own: another's would come to it again in
 *                    the same look, for ever, and can never come back to who began it.
 * Cost        Nothing for who waits for somebody who does not wait; one message for each wait in a row of
 *             them that is looked at.
 * Why not     a graph of waits under a lock: every wait would pay for it. Walking other workers' waits
 *             without one: an answer on its way is not seen, and a circle is named that is none.
 * Source      edge chasing, K. M. Chandy, J. Misra, L. M. Haas, Distributed Deadlock Detection, 1983. */
#ifndef NOHI_CIRCLE_H
#define NOHI_CIRCLE_H

#include "strand.h"

/* Who waits, since when, for what: for noh_stuck. */
struct nohi_seat {
    atom(uint64_t) since; /* 0: nobody sits here; changes last, and first */
    atom(uint64_t) actor;
    atom(uint64_t) on;
    atom(const noh_type *) type;
    atom(uint32_t) kind; /* nohi_wait_kind */
    nohi_seat *next;     /* free; its worker */
};

/* A PROBE, or a FORWARDED, has come for `a`, which waits, or not (NULL). Takes it over. True: the wait is
 * over, with CYCLE. */
bool nohi_circle_obey(nohi_worker *w, nohi_actor *a, nohi_wait *wait, nohi_message *message);
/* `a` waits for an answer, and is itself asked: is there a circle? */
void nohi_circle_probe(nohi_worker *w, nohi_actor *a, nohi_wait *wait);
/* The request in hand was passed on: its asker waits for another one now. */
void nohi_circle_passed_on(nohi_worker *w, const nohi_message *request, noh_ref to);

/* More seats for `w`; they are given back at the very end, so whoever looks finds one. False: no memory. */
bool nohi_seat_add(nohi_worker *w);

/* Around a wait; no memory: then it is not listed. */
NOHI_INLINE void nohi_seat_take(nohi_worker *w, noh_ref actor, nohi_wait *wait)
{
    if (NOHI_UNLIKELY(w->seat_free == NULL) && !nohi_seat_add(w)) {
        return;
    }
    nohi_seat *seat = w->seat_free;
    noh_ref on = wait->on; /* all at once: behind an atomic store it would be read again */
    const noh_type *type = wait->type;
    uint32_t kind = (uint32_t)wait->kind;
    uint64_t since = (uint64_t)wait->since_ns + 1;
    w->seat_free = seat->next;
    wait->seat = seat;
    store_relaxed(&seat->actor, actor.bits); /* counter, as those below: see noh_stuck */
    store_relaxed(&seat->on, on.bits);
    store_relaxed(&seat->type, type);
    store_relaxed(&seat->kind, kind);
    store_release(&seat->since, since); /* pairs with noh_stuck */
}

/* It waits for another one. */
NOHI_INLINE void nohi_seat_aim(nohi_wait *wait)
{
    if (wait->seat != NULL) {
        store_relaxed(&wait->seat->on, wait->on.bits); /* counter */
        store_relaxed(&wait->seat->type, wait->type);  /* counter */
    }
}

NOHI_INLINE void nohi_seat_leave(nohi_worker *w, nohi_wait *wait)
{
    if (NOHI_LIKELY(wait->seat != NULL)) {
        nohi_seat *seat = wait->seat;
        store_release(&seat->since, 0); /* pairs with noh_stuck */
        seat->next = w->seat_free;
        w->seat_free = seat;
        wait->seat = NULL;
    }
}

/* All workers have left. */
void nohi_seat_done(nohi_system *system);

#endif
