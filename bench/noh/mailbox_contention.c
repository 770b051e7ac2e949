/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Many actors flood one: what a mailbox costs when its senders meet there.
 *
 *     mailbox_contention PRODUCERS EACH
 *
 * Mailboxes are bounded, so each producer keeps a window: after each thousand it asks the consumer
 * whether it has come so far, and goes on when the answer is there. */
#include "bench.h"

enum { WINDOW = 1000 };

NOH_MESSAGE(item, (int64_t, value));
NOH_MESSAGE(here);
NOH_REQUEST(come_so_far, here);

/* ---- the consumer adds up, and answers `consume` when all items have come ---- */

NOH_MESSAGE(consumed, (int64_t, sum));
NOH_REQUEST(consume, consumed, (int64_t, items));

typedef struct consumer {
    noh_promise promise;
    int64_t left;
    int64_t sum;
} consumer;

static noh_err on_consume(noh_self *self, consumer *me, const consume *m)
{
    me->left = m->items;
    return noh_promise_take(self, &me->promise);
}

static noh_err on_item(noh_self *self, consumer *me, const item *m)
{
    me->sum += m->value;
    me->left--;
    if (me->left > 0) {
        return NOH_OK;
    }
    return noh_promise_keep(self, me->promise, consumed, .sum = me->sum);
}

static noh_err on_come_so_far(noh_self *self, consumer *me, const come_so_far *m)
{
    return noh_reply(self, here);
}

NOH_BEHAVIOR(consumer, NOH_ON(consume, on_consume), NOH_ON(item, on_item),
             NOH_ON(come_so_far, on_come_so_far));

/* ---- a producer ---- */

NOH_MESSAGE(produce, (noh_ref, consumer), (int64_t, items));

typedef struct producer {
    noh_ref consumer;
    int64_t left;
} producer;

static noh_err send_window(noh_self *self, producer *me)
{
    for (int i = 0; i < WINDOW && me->left > 0; i++) {
        me->left--;
        noh_err err = noh_tell(self, me->consumer, item, .value = me->left);
        if (err != NOH_OK) {
            return err;
        }
    }
    if (me->left == 0) {
        return NOH_OK;
    }
    noh_future answer; /* arrives at on_here; there is only one at a time */
    return noh_ask(self, me->consumer, come_so_far, &answer);
}

static noh_err on_produce(noh_self *self, producer *me, const produce *m)
{
    me->consumer = m->consumer;
    me->left = m->items;
    return send_window(self, me);
}

static noh_err on_here(noh_self *self, producer *me, const here *m)
{
    return send_window(self, me);
}

NOH_BEHAVIOR(producer, NOH_ON(produce, on_produce), NOH_ON(here, on_here));

int main(int argc, char **argv)
{
    int64_t producers = bench_size(argc, argv, 1);
    int64_t each = bench_size(argc, argv, 2);
    noh_system *system = bench_system();
    noh_self *me = noh_system_self(system);
    noh_ref sink = noh_spawn(me, consumer);
    noh_future all_consumed;
    consumed result;

    int64_t start = bench_now_ns();
    bench_must(noh_ask(me, sink, consume, &all_consumed, .items = producers * each), "consume");
    for (int64_t i = 0; i < producers; i++) {
        noh_ref source = noh_spawn(me, producer);
        bench_must(noh_tell(me, source, produce, .consumer = sink, .items = each), "produce");
    }
    bench_must(noh_await(me, all_consumed, consumed, NOH_FOREVER, &result),
               "wait for the consumer");
    int64_t took = bench_now_ns() - start;

    bench_check(result.sum == producers * (each * (each - 1) / 2), "sum of what was received");
    bench_report("mailbox-contention", producers * each, took, "");
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}
