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
 * Invariants  STR-1  a wait is noted after the switch, by the base or by the strand that was switched to:
 *                    nobody goes on with a strand that has not been left (FIB-1).
 *             STR-2  between switches self->worker is the home whose thread runs the strand.
 *             STR-3  what comes for an actor that waits is looked at by the wait alone; what that does
 *                    not take stays in the queue, in order. An actor that waits and is not QUEUED has
 *                    nothing in its queue that its wait has not seen.
 *                    But for messages for reentrant handlers: those it passes by, and the actor's turn
 *                    handles them if the wait goes on.
 *             STR-4  a wait ends once: with what it waits for, its time-out, or a stop, whichever comes
 *                    first; but for BLK-1. A WAKE for a wait that is over is dropped.
 *             STR-5  a call of who is idle here, while nobody else waits here, goes from hand to hand: the
 *                    caller's turn ends before the other one is looked at, and before its strand is
 *                    left. Nobody can have either run meanwhile: they are in no list, and between two
 *                    turns a worker has no thieves (lease.h).
 *             STR-6  an ask is not closed, and its number not used again, before all that was sent to its asker
 *                    ahead of the answer was looked at: a notice of it may lie there.
 *             STR-7  so does the letter in hand (chain.h), when its sender waits, or ends its turn: to who
 *                    waits for just that, or does nothing. Who waits is given it before its strand goes
 *                    on, and its turn begins there, not before: until then there are no thieves, who
 *                    could go on with the stack that is being left.
 * Cost        Two switches for each time that a home begins to run turns, and two for each wait: to
 *             a spare strand, and back. An actor that waits holds a strand: address space, and the
 *             pages its stack has touched.
 * Why not     the worker's loop itself on a strand: each spare one would be somewhere in the middle of
 *             a loop of a home that it has left. */
#ifndef NOHI_STRAND_H
#define NOHI_STRAND_H

#include "worker.h"

typedef enum nohi_wait_kind {
    NOHI_WAIT_ANSWER,  /* to the ask `number` */
    NOHI_WAIT_DERIVED, /* to an ask that `root` is made of, `number`, and then to another of them */
    NOHI_WAIT_ANY,     /* one of those that are wanted is there: `root`, which it writes */
    NOHI_WAIT_MESSAGE, /* the next message that is no answer, of `type`, and that the filter lets
                          through; NULL: any */
    NOHI_WAIT_WAKE,    /* for its `wake` */
    NOHI_WAIT_TURN,    /* for nothing: others first */
} nohi_wait_kind;

/* What a handler waits for; on its strand's stack. */
struct nohi_wait {
    nohi_wait_kind kind;
    uint32_t number;
    uint32_t root;
    uint32_t probe; /* the number of its last probe, or 0 */
    uint32_t wake;  /* the number of the WAKE that ends it, or 0: none will come */
    bool asked;     /* who waits is itself asked: circle.h */
    bool skips;     /* it began behind what lay there, which was not looked at: STR-6 */
    bool once;      /* one look more, and it is over */
    bool news;      /* something for the filter, which runs on the strand alone */
    bool meanwhile; /* something for a reentrant handler */
    bool over;      /* with: */
    noh_err err;    /* TIMEOUT, STOPPED */
    bool counted;   /* the ledger counts what is in hand meanwhile */
    noh_filter_fn *filter;
    nohi_job *job;     /* WAKE: what may touch this stack meanwhile, so that nothing ends the wait
                          before it is done, or taken back: blocking.h; or NULL */
    nohi_message *got; /* taken out of the queue */
    nohi_seat *seat;   /* or NULL */
    nohi_letter *seen; /* the last of the queue that was looked at; NULL: none */
    void *filter_ctx;
    const noh_type *type; /* of the request, for an answer */
    noh_ref on;           /* who is to answer */
    noh_self *self;       /* the filter's */
    int64_t since_ns;     /* about */
    nohi_strand *strand;
    const noh_type *running; /* what its worker ran */
};

/* For an answer that somebody, who may wait himself, has to give. */
NOHI_INLINE bool nohi_wait_is_for_answer(const nohi_wait *wait)
{
    return wait->kind <= NOHI_WAIT_DERIVED;
}

/* A wait that has not begun. Field by field: all of it at once costs a string instruction. */
NOHI_INLINE void nohi_wait_init(nohi_wait *wait, nohi_wait_kind kind)
{
    wait->kind = kind;
    wait->number = 0;
    wait->root = 0;
    wait->probe = 0;
    wait->wake = 0;
    wait->asked = false;
    wait->skips = false;
    wait->once = false;
    wait->news = false;
    wait->meanwhile = false;
    wait->over = false;
    wait->err = NOH_OK;
    wait->filter = NULL;
    wait->job = NULL;
    wait->got = NULL;
    wait->seat = NULL;
    wait->seen = NULL;
    wait->type = NULL;
    wait->on = NOH_NO_REF;
}

/* It is over, as its actor was told to stop. */
NOHI_INLINE void nohi_wait_stop(nohi_wait *wait)
{
    wait->over = true;
    wait->err = NOH_E_STOPPED;
    wait->self->told_to_stop = true;
}

/* What a strand is to do. */
typedef void nohi_turns_fn(noh_self *self);

/* Lets a strand of `w` do that; it may come to an end early, when a handler waits. noh_fail ends it, too. On
 * the base. */
void nohi_strand_run(nohi_worker *w, nohi_turns_fn *turns);

/* May this handler wait? Errors: CONTEXT, NOMEM. */
noh_err nohi_strand_may_wait(noh_self *self);
/* Stops this handler until `wait` is over, or for `timeout_ns`. Errors: CONTEXT (not in a handler that may
 * wait), NOMEM, TIMEOUT, STOPPED. With self. */
noh_err nohi_strand_wait(noh_self *self, nohi_wait *wait, int64_t timeout_ns);
/* May the handler in hand, on its own self, call that actor from hand to hand (STR-5)? True: its turn has ended,
 * and nohi_strand_call follows, with nothing between them that may fail. */
bool nohi_strand_begin_call(noh_self *self, noh_ref to);
/* Does it: the request is in hand next. Returns when the wait is over. Takes the request, which is counted,
 * over. */
noh_err nohi_strand_call(noh_self *self, noh_ref to, nohi_message *request, nohi_wait *wait);
/* Gives an answer, which is counted here, to a handler that waits for it, at home here. False: it is not one
 * of those, and nothing was done. */
bool nohi_strand_answer(nohi_worker *w, noh_ref to, nohi_message *answer);

/* A number for a WAKE of the next wait of this handler. 0: no memory. */
uint32_t nohi_strand_wake_number(noh_self *self);

/* Gives the letter in hand to `a`, if it waits for just that, and nothing else has come for it: its strand is
 * to go on, next. False: nothing was done. Between two turns. */
bool nohi_strand_give(nohi_worker *w, nohi_actor *a);

/* Looks at what has come since the last look. True: the wait is over. The actor's owner. */
bool nohi_strand_look(nohi_worker *w, nohi_actor *a, nohi_wait *wait);
/* Has something come that the wait has not seen, or that is to be handled meanwhile? The actor's owner. */
bool nohi_strand_has_news(const nohi_actor *a, const nohi_wait *wait);
/* Takes a letter out of the queue of an actor that waits, or of a plain thread; `seen` is the one before. */
void nohi_strand_unlink(nohi_actor *a, nohi_letter *seen, nohi_message *message);

/* The actor ends, and its handler does not go on: gives the strand back. */
void nohi_strand_drop(nohi_worker *w, nohi_actor *a);

/* What it stands on. */
nohi_room *nohi_strand_room(const nohi_strand *strand);

/* Gives back what spare ones hold. */
void nohi_strand_done(nohi_worker *w);

#endif
