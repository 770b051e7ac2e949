/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* An actor asks another and goes on when the answer arrives at its handler: without waiting.
 *
 *     ask_continued ASKS */
#include "bench.h"

NOH_MESSAGE(answer, (int64_t, value));
NOH_REQUEST(question, answer, (int64_t, value));
NOH_NO_STATE(echo);

static noh_err on_question(noh_self *self, echo *me, const question *m)
{
    return noh_reply(self, answer, .value = m->value);
}

NOH_BEHAVIOR(echo, NOH_ON(question, on_question));

/* ---- the asker ---- */

NOH_MESSAGE(asked, (int64_t, sum));
NOH_REQUEST(ask_often, asked, (noh_ref, server), (int64_t, asks));

typedef struct asker {
    noh_promise promise;
    noh_ref server;
    int64_t asks;
    int64_t asked;
    int64_t sum;
} asker;

static noh_err ask_next(noh_self *self, asker *me)
{
    noh_future f; /* its answer arrives at on_answer; there is only one at a time */
    noh_err err = noh_ask(self, me->server, question, &f, .value = me->asked);
    me->asked++;
    return err;
}

static noh_err on_ask_often(noh_self *self, asker *me, const ask_often *m)
{
    me->server = m->server;
    me->asks = m->asks;
    noh_err err = noh_promise_take(self, &me->promise);
    if (err != NOH_OK) {
        return err;
    }
    return ask_next(self, me);
}

static noh_err on_answer(noh_self *self, asker *me, const answer *m)
{
    me->sum += m->value;
    if (me->asked < me->asks) {
        return ask_next(self, me);
    }
    return noh_promise_keep(self, me->promise, asked, .sum = me->sum);
}

NOH_BEHAVIOR(asker, NOH_ON(ask_often, on_ask_often), NOH_ON(answer, on_answer));

int main(int argc, char **argv)
{
    int64_t asks = bench_size(argc, argv, 1);
    noh_system *system = bench_system();
    noh_self *me = noh_system_self(system);
    noh_ref server = noh_spawn(me, echo);
    noh_ref client = noh_spawn(me, asker);
    asked result;

    int64_t start = bench_now_ns();
    bench_must(noh_call(me, client, ask_often, &result, .server = server, .asks = asks), "ask");
    int64_t took = bench_now_ns() - start;

    bench_check(result.sum == asks * (asks - 1) / 2, "answers");
    bench_report("ask-continued", asks, took, "");
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}
