/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Loads beside which something else is measured: pairs of actors that play a ball back and forth,
 * and runners that tell themselves to go on, until they are halted. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench.h"

/* ---- pairs ---- */

NOH_MESSAGE(chat_ball);
NOH_MESSAGE(chatted, (int64_t, balls), (uint64_t, result));
NOH_REQUEST(chat_halt, chatted); /* the ball rests with who got this, once it is back */

typedef struct chatter {
    noh_ref partner;
    int64_t work; /* rounds of bench_work for each ball */
    int64_t balls;
    uint64_t result;
    bool halted;
} chatter;

NOH_MESSAGE(chatter_start, (noh_ref, partner), (int64_t, work));

static noh_err on_chatter_start(noh_self *self, chatter *me, const chatter_start *m)
{
    me->partner = m->partner;
    me->work = m->work;
    return NOH_OK;
}

static noh_err on_chat_ball(noh_self *self, chatter *me, const chat_ball *m)
{
    me->balls++;
    if (me->work > 0) {
        me->result += bench_work(me->work);
    }
    if (me->halted) {
        return NOH_OK;
    }
    /* The one that was spawned first does not know its partner. */
    noh_ref to = noh_ref_is_none(me->partner) ? noh_sender(self) : me->partner;
    return noh_tell(self, to, chat_ball);
}

static noh_err on_chat_halt(noh_self *self, chatter *me, const chat_halt *m)
{
    me->halted = true;
    return noh_reply(self, chatted, .balls = me->balls, .result = me->result);
}

NOH_BEHAVIOR_WITH(chatter, chatter_start, on_chatter_start, NOH_ON(chat_ball, on_chat_ball),
                  NOH_ON(chat_halt, on_chat_halt));

enum { CHAT_PAIRS_MAX = 1000 };

typedef struct chat {
    int64_t pairs;
    noh_ref first[CHAT_PAIRS_MAX];
    noh_ref second[CHAT_PAIRS_MAX];
} chat;

static inline void chat_start(noh_self *self, chat *all, int64_t pairs, int64_t work)
{
    all->pairs = pairs;
    for (int64_t i = 0; i < pairs; i++) {
        all->first[i] = noh_spawn(self, chatter, .work = work);
        all->second[i] = noh_spawn(self, chatter, .partner = all->first[i], .work = work);
        bench_must(noh_tell(self, all->second[i], chat_ball), "serve");
    }
}

/* Halts all pairs; how many balls were played until then, by the count of those that got them. */
static inline int64_t chat_halt_all(noh_self *self, chat *all)
{
    noh_future halted[CHAT_PAIRS_MAX];
    int64_t balls = 0;
    for (int64_t i = 0; i < all->pairs; i++) {
        bench_must(noh_ask(self, all->first[i], chat_halt, &halted[i]), "halt");
    }
    for (int64_t i = 0; i < all->pairs; i++) {
        chatted first, second;
        bench_must(noh_await(self, halted[i], chatted, NOH_FOREVER, &first), "halt");
        bench_must(noh_call(self, all->second[i], chat_halt, &second), "halt");
        bench_check(first.balls <= second.balls && second.balls <= first.balls + 2,
                    "each got what the other sent");
        balls += first.balls + second.balls;
    }
    return balls;
}

/* ---- runners ---- */

NOH_MESSAGE(run_on);
NOH_MESSAGE(ran, (int64_t, turns), (uint64_t, result));
NOH_REQUEST(run_halt, ran);

typedef struct runner {
    int64_t work;
    int64_t turns;
    uint64_t result;
    bool halted;
} runner;

NOH_MESSAGE(runner_start, (int64_t, work));

static noh_err on_runner_start(noh_self *self, runner *me, const runner_start *m)
{
    me->work = m->work;
    return noh_tell(self, noh_self_ref(self), run_on);
}

static noh_err on_run_on(noh_self *self, runner *me, const run_on *m)
{
    me->turns++;
    me->result += bench_work(me->work);
    return me->halted ? NOH_OK : noh_tell(self, noh_self_ref(self), run_on);
}

static noh_err on_run_halt(noh_self *self, runner *me, const run_halt *m)
{
    me->halted = true;
    return noh_reply(self, ran, .turns = me->turns, .result = me->result);
}

NOH_BEHAVIOR_WITH(runner, runner_start, on_runner_start, NOH_ON(run_on, on_run_on),
                  NOH_ON(run_halt, on_run_halt));

enum { RUNNERS_MAX = 1000 };

static inline void runners_start(noh_self *self, noh_ref *runners, int count, int64_t work)
{
    for (int i = 0; i < count; i++) {
        runners[i] = noh_spawn(self, runner, .work = work);
    }
}

/* Halts them; `turns`: how many each had until then. */
static inline void runners_halt(noh_self *self, const noh_ref *runners, int64_t *turns, int count,
                                int64_t work)
{
    noh_future halted[RUNNERS_MAX];
    for (int i = 0; i < count; i++) {
        bench_must(noh_ask(self, runners[i], run_halt, &halted[i]), "halt");
    }
    for (int i = 0; i < count; i++) {
        ran result;
        bench_must(noh_await(self, halted[i], ran, NOH_FOREVER, &result), "halt");
        bench_check(result.result == bench_work(work) * (uint64_t)result.turns, "work done");
        turns[i] = result.turns;
    }
}

#endif
