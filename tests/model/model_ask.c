/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Ask: a plain thread asks an actor, and waits, perhaps not for long enough, while somebody stops the
 * actor (core/reply.c, noh_ask_value, await, nohi_ask_arrived, nohi_reply_error; core/thread.c, pump,
 * sleep_until, wait_until; core/actor.c, drain and close_slot, all mirrored; homes.h for the rest).
 *
 * The ask ends once: with an answer, with an error out of the request's own block, with GONE, or with
 * a time-out; then the late answer still comes, and only it frees the entry (RPL-1, RPL-2). */
#define ACTORS 3
#include "homes.h"

enum { TARGET = 1, OWN = 2, WORKER = 0, ASKER = 1, STOPPER = 2 };
enum { ASK_FREE, ASK_OPEN, ASK_KEPT, ASK_GIVEN_UP };

typedef struct ask_ghost {
    ghost of_homes;
    uint8_t state; /* the asker's entry: its own, like the ends below */
    uint8_t answers;
    uint8_t gone;
    uint8_t given_up;
    uint8_t kept;
} ask_ghost;
#define A MODEL_GHOST(ask_ghost)

static int flow_of(unsigned me)
{
    (void)me;
    return STAY;
}

static bool may_adopt(unsigned me, unsigned home)
{
    (void)me;
    (void)home;
    return false;
}

static bool ends_actor(const letter *l)
{
    return l->sender == STOPPER;
}

/* The request's block becomes the answer, or the error, and goes back. */
static void answer(letter *request)
{
    request->sender = WORKER;
    if (nohi_inbox_push(&S->actors[OWN].gate.inbox, &request->letter, &request->letter)) {
        nohi_worker_announce(&S->actors[OWN]);
    }
}

/* Letters of the target: what is behind its stop is drained, and answered with an error. */
static void nohi_target_turn(actor *a)
{
    bool ended = load_relaxed(&a->life) != LIVE;
    splice(a, nohi_inbox_take(&a->gate.inbox));
    for (;;) {
        while (a->head != NULL) {
            letter *l = NOHI_CONTAINER(a->head, letter, letter);
            a->head = l->letter.next;
            if (l->sender == ASKER) {
                if (!ended || !MODEL_MUTANT("forgets requests when it ends")) {
                    answer(l);
                }
            } else if (!ended) {
                ended = true;
                store_relaxed(&a->life, DEAD);
                nohi_gate_close(&a->gate);
            }
        }
        if (nohi_inbox_try_idle(&a->gate.inbox)) {
            break;
        }
        splice(a, nohi_inbox_take(&a->gate.inbox));
    }
    a->flags = 0;
}

static void worker(unsigned thread)
{
    home *w = &S->homes[WORKER];
    for (;;) {
        nohi_worker_attend(WORKER);
        if (w->run_first != 0) {
            w->run_first = 0;
            nohi_target_turn(&S->actors[TARGET]);
        } else {
            rest(w);
        }
    }
}

static void stopper(unsigned thread)
{
    nohi_send(STOPPER, &S->actors[TARGET], 0);
}

/* ---- the asker ---------------------------------------------------------------------------- */

static void nohi_ask_arrived(void)
{
    MODEL_CHECK(A->state == ASK_OPEN || A->state == ASK_GIVEN_UP);
    A->state = A->state == ASK_OPEN ? ASK_KEPT : ASK_FREE;
    A->answers++;
}

static void pump(void)
{
    actor *own = &S->actors[OWN];
    nohi_worker_attend(ASKER);
    if ((own->flags & SIGNALED) == 0) {
        return;
    }
    for (nohi_letter *l = nohi_inbox_take(&own->gate.inbox); l != NULL; l = l->next) {
        nohi_ask_arrived();
    }
}

static bool has_mail(void)
{
    return nohi_worker_has_mail(&S->homes[ASKER]) ||
           !nohi_inbox_is_empty(&S->actors[OWN].gate.inbox);
}

static void nohi_sleep_until(int64_t timeout_ns)
{
    home *w = &S->homes[ASKER];
    actor *own = &S->actors[OWN];
    if (own->flags & SIGNALED) {
        if (!nohi_inbox_try_idle(&own->gate.inbox)) {
            return;
        }
        own->flags = (uint8_t)(own->flags & ~SIGNALED);
    }
    bool announces_late = MODEL_MUTANT("looks before it announces");
    if (announces_late && nohi_worker_has_mail(w)) {
        return;
    }
    nohi_park_announce(&w->park);
    if (announces_late || !nohi_worker_has_mail(w)) {
        nohi_park_wait(&w->park, &nohi_model_env, timeout_ns);
    }
    nohi_park_leave(&w->park, &nohi_model_env);
}

/* With a limit it sleeps once. */
static bool nohi_wait_until_answered(bool limited)
{
    for (bool slept = false;; slept = true) {
        pump();
        if (A->state == ASK_KEPT || A->state == ASK_FREE) {
            return true;
        }
        if (limited && slept) {
            return false;
        }
        if (!has_mail()) {
            nohi_sleep_until(limited ? 1 : -1);
        }
    }
}

static void asker(unsigned thread)
{
    A->state = ASK_OPEN;
    letter *request = &S->letters[ASKER][0];
    request->sender = ASKER;
    actor *target = &S->actors[TARGET];
    if (nohi_gate_generation(&target->gate) != 0) {
        A->gone++;
        A->state = ASK_FREE;
        return;
    }
    push(target, request);
    if (!nohi_wait_until_answered(true)) {
        A->given_up++;
        A->state = MODEL_MUTANT("frees what it gives up") ? ASK_FREE : ASK_GIVEN_UP;
        (void)nohi_wait_until_answered(false);
    } else {
        A->kept++;
        A->state = ASK_FREE;
    }
    nohi_worker_attend(ASKER);
    for (nohi_letter *l = (S->actors[OWN].flags & SIGNALED) == 0
                              ? NULL
                              : nohi_inbox_take(&S->actors[OWN].gate.inbox);
         l != NULL; l = l->next) {
        nohi_ask_arrived(); /* a second answer, or one to a free entry */
    }
}

static void setup(void)
{
    setup_homes(WORKER);
    S->homes[ASKER].is_worker = false;
    store_relaxed(&S->actors[OWN].gate.home, ASKER);
    store_relaxed(&S->actors[OWN].life, LIVE);
    S->actors[OWN].flags = QUEUED; /* THR-1 */
    MODEL_NAME(S->actors[OWN].gate.inbox);
    MODEL_NAME(S->actors[OWN]);
}

static void check(void)
{
    MODEL_CHECK(A->state == ASK_FREE);
    MODEL_CHECK(A->kept + A->given_up + A->gone == 1);
    MODEL_CHECK(A->answers == 1 - A->gone);
    MODEL_CHECK(load_relaxed(&S->actors[TARGET].life) == DEAD);
}

static const model_mutant mutants[] = {
    {"forgets requests when it ends", ALL},
    {"looks before it announces", ALL},
    {"frees what it gives up", ALL},
    {NULL, 0},
};

MODEL(ask, .about = "an ask, its time-out and the end of its target meet",
      .shared_bytes = sizeof(homes), .setup = setup, .check = check, .ends_asleep = true,
      .threads = {worker, asker, stopper}, .thread_names = {"worker", "asker", "stopper"},
      .mutants = mutants);
