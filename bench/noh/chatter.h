/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Pairs of actors that play a ball back and forth until they are halted: a load beside which
 * something else is measured. */
#ifndef BENCH_CHATTER_H
#define BENCH_CHATTER_H

#include "bench.h"

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

#endif
