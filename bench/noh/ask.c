/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A plain thread asks an actor and waits for each answer: the cost of a call from outside.
 *
 *     ask ASKS */
#include "bench.h"

NOH_MESSAGE(answer, (int64_t, value));
NOH_REQUEST(question, answer, (int64_t, value));
NOH_NO_STATE(echo);

static noh_err on_question(noh_self *self, echo *me, const question *m)
{
    return noh_reply(self, answer, .value = m->value);
}

NOH_BEHAVIOR(echo, NOH_ON(question, on_question));

int main(int argc, char **argv)
{
    int64_t asks = bench_size(argc, argv, 1);
    noh_system *system = bench_system();
    noh_self *me = noh_system_self(system);
    noh_ref server = noh_spawn(me, echo);
    int64_t sum = 0;

    int64_t start = bench_now_ns();
    for (int64_t i = 0; i < asks; i++) {
        answer a;
        bench_must(noh_call(me, server, question, &a, .value = i), "call");
        sum += a.value;
    }
    int64_t took = bench_now_ns() - start;

    bench_check(sum == asks * (asks - 1) / 2, "answers");
    bench_report("ask", asks, took, "");
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}
