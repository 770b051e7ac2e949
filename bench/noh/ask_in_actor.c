/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* An actor asks another and waits for the answer in its handler.
 *
 *     ask_in_actor ASKS */
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
NOH_NO_STATE(asker);

static noh_err on_ask_often(noh_self *self, asker *me, const ask_often *m)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < m->asks; i++) {
        answer a;
        noh_err err = noh_call(self, m->server, question, &a, .value = i);
        if (err != NOH_OK) {
            return err;
        }
        sum += a.value;
    }
    return noh_reply(self, asked, .sum = sum);
}

NOH_BEHAVIOR(asker, NOH_ON(ask_often, on_ask_often));

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
    bench_report("ask-in-actor", asks, took, "");
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}
