/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* One actor floods another: the cost of a message that waits in a queue.
 *
 *     counting ADDS
 *
 * Mailboxes are bounded, so the producer keeps a window: after each thousand it asks for the total
 * and goes on when the answer is there. */
#include "bench.h"

enum { WINDOW = 1000 };

NOH_MESSAGE(add, (int64_t, value));
NOH_MESSAGE(total, (int64_t, value));
NOH_REQUEST(get_total, total);

typedef struct counter {
    int64_t value;
} counter;

static noh_err on_add(noh_self *self, counter *me, const add *m)
{
    me->value += m->value;
    return NOH_OK;
}

static noh_err on_get_total(noh_self *self, counter *me, const get_total *m)
{
    return noh_reply(self, total, .value = me->value);
}

NOH_BEHAVIOR(counter, NOH_ON(add, on_add), NOH_ON(get_total, on_get_total));

/* ---- the producer ---- */

NOH_REQUEST(produce, total, (noh_ref, counter), (int64_t, adds));

typedef struct producer {
    noh_ref counter;
    noh_promise promise;
    int64_t left;
} producer;

static noh_err send_window(noh_self *self, producer *me)
{
    for (int i = 0; i < WINDOW && me->left > 0; i++) {
        noh_err err = noh_tell(self, me->counter, add, .value = 1);
        if (err != NOH_OK) {
            return err;
        }
        me->left--;
    }
    noh_future answer; /* arrives at on_total; there is only one at a time */
    return noh_ask(self, me->counter, get_total, &answer);
}

static noh_err on_produce(noh_self *self, producer *me, const produce *m)
{
    me->counter = m->counter;
    me->left = m->adds;
    noh_err err = noh_promise_take(self, &me->promise);
    if (err != NOH_OK) {
        return err;
    }
    return send_window(self, me);
}

static noh_err on_total(noh_self *self, producer *me, const total *m)
{
    if (me->left > 0) {
        return send_window(self, me);
    }
    return noh_promise_keep(self, me->promise, total, .value = m->value);
}

NOH_BEHAVIOR(producer, NOH_ON(produce, on_produce), NOH_ON(total, on_total));

int main(int argc, char **argv)
{
    int64_t adds = bench_size(argc, argv, 1);
    noh_system *system = bench_system();
    noh_self *me = noh_system_self(system);
    noh_ref sink = noh_spawn(me, counter);
    noh_ref source = noh_spawn(me, producer);
    total sum;

    int64_t start = bench_now_ns();
    bench_must(noh_call(me, source, produce, &sum, .counter = sink, .adds = adds), "produce");
    int64_t took = bench_now_ns() - start;

    bench_check(sum.value == adds, "total");
    bench_report("counting", adds, took, "");
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}
