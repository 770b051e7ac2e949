/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Borrow: a call whose thread runs its target itself.
 *
 * Purpose     A thread that calls an actor has nothing to do until the answer comes. When the actor's
 *             worker has nothing to do either, the thread locks that worker (park.h), and is it for a
 *             turn or a few: it puts its request into the actor's queue, as the worker would, and
 *             runs the actor, as the worker would, with the worker's self, memory, wheel and run
 *             list. No wake-up, no change of threads: tens of nanoseconds in place of microseconds.
 *             What it may not run, or has no time for, it leaves in the run list, and wakes the
 *             worker.
 * Owner       Between lock and unlock all that is the worker's is the thread's (PRK-2), and its own
 *             home too, of course. `borrower` and `borrowed` say who is whom meanwhile.
 * Invariants  BRW-1  the worker's own thread finds things as if it had run the turns itself; what came
 *                    meanwhile (LOCKED_WAKE), what is runnable, or due before it meant to wake, makes
 *                    it go on.
 *             BRW-2  nobody runs but who is known not to be heavy, is not pinned, and has a message
 *                    for its handlers next (policy.c, rule 6): a call that waits without a limit waits
 *                    as long anyway, but the rest of the worker's actors wait as well.
 *             BRW-3  no turn once the worker has seen a stop: who waits for the end of the last actor
 *                    is told by workers.
 *             BRW-4  it takes nothing away from P1: a letter that this thread sent before is in the
 *                    actor's inbox or was handled, and nohi_send looks there first (SND-1).
 *             BRW-5  meanwhile the worker is up (policy.c, rule 3), or nobody would take over what waits
 *                    behind a handler that does not end.
 * Why not     the thread's home as the actor's home for a turn: such a home has no wheel, no slots, no
 *             samples and no run list that others may find, and each of them would need a way out
 *             (docs/adr/0008-calls-run-by-the-caller.md). */
#include "borrow.h"

#include "fiber.h"
#include "overflow.h"
#include "receive.h"
#include "send.h"
#include "strand.h"
#include "system.h"
#include "timer.h"

enum {
    TURNS_MAX = 8, /* what the target tells to others of its worker, cheaper than waking that */
};

static void run_turns(nohi_worker *w);
static void give_back(nohi_worker *w, uint32_t before, bool more);

/* The worker an actor lives on at this moment, if that has nothing to do; else NULL. */
static nohi_worker *idle_home(nohi_worker *t, noh_ref to)
{
    nohi_actor *a = nohi_actor_of(t->slots, to);
    unsigned home = a == NULL ? NOHI_DEPOT : nohi_gate_home(&a->gate);
    if (home >= t->system->worker_count) {
        return NULL;
    }
    nohi_worker *w = nohi_system_home(t->system, home);
    return nohi_park_is_idle(&w->park) ? w : NULL;
}

noh_err nohi_borrow_send(nohi_worker *t, noh_ref to, nohi_message *request)
{
    uint32_t before;
    nohi_worker *w = idle_home(t, to);
    if (w == NULL || !nohi_park_lock_idle(&w->park, &t->system->env, &before)) {
        return nohi_send(t, to, request, false);
    }
    int64_t next_ns = nohi_timer_next(w);
    bool more = false;
    w->borrower = t;
    t->borrowed = w;
    noh_err err = nohi_send(w, to, request, false);      /* BRW-4 */
    if (err == NOH_OK && !nohi_is_stopping(w->system)) { /* BRW-3 */
        nohi_posture posture = w->policy.posture;
        nohi_policy_get_up(w); /* BRW-5 */
        run_turns(w);
        more = !nohi_policy_lie_again(w, posture);
    }
    t->borrowed = NULL;
    w->borrower = NULL;
    give_back(w, before, more || nohi_timer_next(w) < next_ns);
    return err;
}

/* Is there a next one that we may run? */
static bool has_turn(nohi_worker *w)
{
    uint32_t index = load_relaxed(&w->run_first); /* private, as below: PRK-2 */
    return index != 0 && nohi_policy_may_borrow(w, nohi_worker_slot(w, index));
}

static void run_some(noh_self *self)
{
    for (int left = TURNS_MAX; left > 0 && has_turn(self->worker); left--) {
        nohi_receive_turn(self);
    }
}

/* On a strand of the worker, which is left to the handler if that waits. */
static void run_turns(nohi_worker *w)
{
    nohi_fiber base;
    nohi_fiber *others = w->base;
    nohi_fiber_of_thread(&base);
    w->base = &base;
    nohi_trap trap = {.ask = nohi_overflow_ask, .ctx = w};
    nohi_trap_enter(&trap);
    nohi_strand_run(w, run_some);
    nohi_trap_leave(&trap);
    w->base = others;
}

/* BRW-1 */
static void give_back(nohi_worker *w, uint32_t before, bool more)
{
    more = more || load_relaxed(&w->run_first) != 0;
    if (more) {
        nohi_hint_raise(&w->mail);
    }
    if (nohi_park_unlock(&w->park, before, more)) {
        nohi_park_wake(&w->park, &w->system->env);
    }
}
