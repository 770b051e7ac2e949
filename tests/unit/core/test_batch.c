/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a turn of several letters ends well when a handler of it takes letters out of the queue. */
#include "core.h"

NOH_MESSAGE(block);
NOH_MESSAGE(take_next);
NOH_MESSAGE(item, (int64_t, value));
NOH_MESSAGE(seen, (int64_t, value), (bool, received));
NOH_MESSAGE(taker_start, (noh_ref, watcher));

typedef struct taker {
    noh_ref watcher;
} taker;

static core_gate gate = CORE_GATE;

static noh_err on_start(noh_self *self, taker *me, const taker_start *start)
{
    me->watcher = start->watcher;
    return NOH_OK;
}

static noh_err on_block(noh_self *self, taker *me, const block *m)
{
    core_pass(&gate);
    return NOH_OK;
}

static noh_err on_item(noh_self *self, taker *me, const item *m)
{
    return noh_tell(self, me->watcher, seen, .value = m->value);
}

/* It is there already: nothing waits. */
static noh_err on_take_next(noh_self *self, taker *me, const take_next *m)
{
    const noh_type *type;
    const void *received;
    CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &received));
    return noh_tell(self, me->watcher, seen, .value = ((const item *)received)->value,
                    .received = true);
}

NOH_BEHAVIOR_WITH(taker, taker_start, on_start, NOH_ON(block, on_block),
                  NOH_ON(take_next, on_take_next), NOH_ON(item, on_item));

/* The last letter of the turn leaves the queue before its time. */
static void a_handler_may_receive_the_last_letter_of_its_turn(void)
{
    for (int64_t more = 0; more < 3; more++) {
        core_world world;
        noh_system *system = core_start(&world, 1, NULL);
        noh_self *self = noh_system_self(system);
        noh_ref to = noh_spawn(self, taker, .watcher = noh_self_ref(self));
        core_shut_gate(&gate);
        CHECK_OK(noh_tell(self, to, block));
        core_await_inside(&gate, 1);
        for (int64_t i = 0; i <= more; i++) {
            CHECK_OK(noh_tell(self, to, take_next));
            CHECK_OK(noh_tell(self, to, item, .value = i));
        }
        core_open_gate(&gate);
        for (int64_t i = 0; i <= more; i++) {
            const seen *s = CORE_RECEIVE(seen, self);
            CHECK_EQ(s->value, i);
            CHECK(s->received);
        }
        core_settled(system, 0);
        core_end(&world, system);
    }
}

static const test_case cases[] = {TEST(a_handler_may_receive_the_last_letter_of_its_turn)};
TEST_MAIN(cases)
