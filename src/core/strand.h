/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Strand: what runs turns, on a stack of its own, so that a handler may wait.
 *
 * Purpose     A home runs its turns on a strand. A handler that waits keeps the strand, with all that
 *             lies on its stack; the home's thread goes back to its own stack, the base, and takes
 *             another strand for the next turns. When the wait is over, the next turn of the actor,
 *             wherever that is, switches to its strand: the handler goes on there, and afterwards the
 *             strand runs turns for that home.
 * Owner       While it runs: its home. With a handler that waits: the owner of the actor. Spare: the home
 *             in whose list it is.
 * Invariants  STR-1  a wait is noted by the base, after the switch: nobody goes on with a strand that has
 *                    not been left (FIB-1).
 *             STR-2  between switches self->worker is the home whose thread runs the strand.
 *             STR-3  an actor that waits is not IDLE for its mailbox: what comes is looked at by the
 *                    wait alone, and what it does not take stays in order.
 * Cost        Two switches for each time that a home begins to run turns, and two for each wait; an
 *             actor that waits holds a strand: address space, and the pages its stack has touched.
 * Why not     the loop itself on the strand, as a symmetric coroutine: one switch less, but each
 *             spare one is then somewhere in the middle of a loop of a home that it has left. */
#ifndef NOHI_STRAND_H
#define NOHI_STRAND_H

#include "worker.h"

typedef enum nohi_wait_kind {
    NOHI_WAIT_ANSWER, /* to the ask `number` */
    NOHI_WAIT_MESSAGE /* the next one that is not an answer */
} nohi_wait_kind;

/* What a handler waits for; on its strand's stack. */
struct nohi_wait {
    nohi_wait_kind kind;
    uint32_t number;
    nohi_strand *strand;
    nohi_letter *seen; /* the last of the queue that was looked at; NULL: none */
    nohi_message *got; /* taken out of the queue */
    noh_err err;
};

/* Runs turns of the actors in the run list of `w` until there is none, mail came, one was sampled, or a
 * handler waits. On the base. */
void nohi_strand_run(nohi_worker *w);

/* Stops this handler until `wait` is over; its result is in `got`. Errors: CONTEXT (not in a handler
 * that may wait), NOMEM, STOPPED. In a handler. */
noh_err nohi_strand_wait(noh_self *self, nohi_wait *wait);

/* Looks at what has come since the last look. True: that ends the wait. The actor's owner. */
bool nohi_strand_look(nohi_actor *a, nohi_wait *wait);

/* Gives back what spare ones hold. */
void nohi_strand_done(nohi_worker *w);

#endif
