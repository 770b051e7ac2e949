/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A program with something of everything: several workers and threads, calls and waits in handlers, timers,
 * helpers, spawns and ends. It checks what must hold in any order. */
#ifndef MIXTURE_H
#define MIXTURE_H

#include <noh/noh.h>
#include <noh/testkit.h>
#include <noh/watch.h>

#include "test.h"

/* A sanitizer makes it slow, not different. */
#if defined(__SANITIZE_THREAD__)
enum { FEWER = 20 };
#elif defined(__SANITIZE_ADDRESS__)
enum { FEWER = 5 };
#else
enum { FEWER = 1 };
#endif

enum { MIXTURE_ACTORS = 4, MIXTURE_TOKENS = 3, MIXTURE_HOPS = 12 };

NOH_MESSAGE(total, (int64_t, value));
NOH_REQUEST(add_up, total, (int64_t, value));
NOH_MESSAGE(token, (int32_t, left));
NOH_MESSAGE(arrived, (int32_t, token));
NOH_MESSAGE(hopper_start, (noh_ref, home), (noh_ref, sum), (int32_t, number));
NOH_MESSAGE(next_is, (noh_ref, next));

/* ---- a sum -------------------------------------------------------------------------------- */

typedef struct adder {
    int64_t value;
} adder;

static noh_err on_add_up(noh_self *self, adder *me, const add_up *m)
{
    me->value += m->value;
    return noh_reply(self, total, .value = me->value);
}

NOH_BEHAVIOR(adder, NOH_ON(add_up, on_add_up));

/* ---- a ring in which tokens hop, each time in another way --------------------------------- */

typedef struct hopper {
    noh_ref home;
    noh_ref sum;
    noh_ref next;
    int32_t number;
} hopper;

static noh_err on_hopper_start(noh_self *self, hopper *me, const hopper_start *m)
{
    me->home = m->home;
    me->sum = m->sum;
    me->number = m->number;
    return NOH_OK;
}

static noh_err on_next_is(noh_self *self, hopper *me, const next_is *m)
{
    me->next = m->next;
    return NOH_OK;
}

static noh_err square(void *number)
{
    *(int64_t *)number *= *(int64_t *)number;
    return NOH_OK;
}

static noh_err on_token(noh_self *self, hopper *me, const token *m)
{
    total answer;
    int64_t one = 1;
    switch ((m->left + me->number) % 6) {
    case 0:
        CHECK_OK(noh_sleep(self, 3 * NOH_MS));
        break;
    case 1:
        CHECK_OK(noh_blocking(self, square, &one));
        break;
    case 2:
        CHECK_OK(noh_after(self, NOH_MS, me->next, token, NULL, .left = m->left - 1));
        CHECK_OK(noh_call(self, me->sum, add_up, &answer, .value = 1));
        return m->left == 0 ? noh_tell(self, me->home, arrived) : NOH_OK;
    default:
        break;
    }
    CHECK_OK(noh_call(self, me->sum, add_up, &answer, .value = one));
    return m->left == 0 ? noh_tell(self, me->home, arrived)
                        : noh_tell(self, me->next, token, .left = m->left - 1);
}

NOH_BEHAVIOR_WITH(hopper, hopper_start, on_hopper_start, NOH_ON(next_is, on_next_is),
                  NOH_ON(token, on_token));

/* ---- a thread of the program's ------------------------------------------------------------ */

typedef struct caller {
    noh_system *system;
    noh_ref sum;
} caller;

static void call_some(void *arg)
{
    caller *c = arg;
    total answer;
    noh_self *self = noh_system_self(c->system);
    for (int i = 0; i < 5; i++) {
        CHECK_OK(noh_call(self, c->sum, add_up, &answer, .value = 100));
    }
}

/* ---- all of it ---------------------------------------------------------------------------- */

static inline void check_ledger(noh_system *system)
{
    noh_ledger ledger;
    CHECK_OK(noh_ledger_read(system, &ledger));
    CHECK_EQ(ledger.sent, ledger.handled + ledger.queued + noh_ledger_dead(&ledger));
}

static inline noh_err mixture(const noh_env *env, void *arg)
{
    noh_system *system;
    noh_options options = {.env = env, .workers = 3};
    CHECK_OK(noh_system_new(&options, &system));
    noh_self *self = noh_system_self(system);
    caller c = {.system = system, .sum = noh_spawn(self, adder)};
    noh_ref ring[MIXTURE_ACTORS];
    void *thread;
    for (int i = 0; i < MIXTURE_ACTORS; i++) {
        ring[i] = noh_spawn(self, hopper, .home = noh_self_ref(self), .sum = c.sum, .number = i);
    }
    for (int i = 0; i < MIXTURE_ACTORS; i++) {
        CHECK_OK(noh_tell(self, ring[i], next_is, .next = ring[(i + 1) % MIXTURE_ACTORS]));
    }
    CHECK_OK(env->thread_start(env->world, call_some, &c, "caller", &thread));
    for (int i = 0; i < MIXTURE_TOKENS; i++) {
        CHECK_OK(noh_tell(self, ring[i], token, .left = MIXTURE_HOPS - 1));
    }
    for (int i = 0; i < MIXTURE_TOKENS; i++) {
        const arrived *a;
        CHECK_OK(noh_receive_only(self, arrived, NOH_FOREVER, &a));
    }
    env->thread_join(env->world, thread);
    total answer;
    CHECK_OK(noh_call(self, c.sum, add_up, &answer, .value = 0));
    CHECK_EQ(answer.value, MIXTURE_TOKENS * MIXTURE_HOPS + 500);
    CHECK_OK(noh_system_stop(system, NOH_SECOND));
    check_ledger(system);
    return noh_system_free(system);
}

#endif
