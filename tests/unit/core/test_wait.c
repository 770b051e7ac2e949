/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: handlers wait for answers, ends and time. */
#include "waiter.h"

/* ---- bugs first ---- */

static void take_the_next_two(noh_self *self, waiter *me)
{
    const letter *got;
    for (int i = 0; i < 2; i++) {
        CHECK_OK(noh_receive_only(self, letter, NOH_FOREVER, &got));
        tell_driver(self, 100 + got->value, NOH_OK);
    }
}

static void send_all_at_once(noh_self *self, waiter *me)
{
    CHECK_OK(noh_tell(self, cast.a, perform, .part = PART(take_the_next_two)));
    CHECK_OK(noh_tell(self, cast.a, letter, .value = 1));
    CHECK_OK(noh_tell(self, cast.a, letter, .value = 2));
    for (int i = 3; i < 3 + me->value; i++) {
        CHECK_OK(noh_tell(self, cast.a, letter, .value = i));
    }
}

static void a_handler_takes_the_rest_of_its_batch(void)
{
    for (int64_t more = 0; more < 3; more++) {
        core_world world;
        noh_system *system = core_start(&world, 1, NULL);
        noh_self *self = noh_system_self(system);
        cast.driver = noh_self_ref(self);
        cast.a = spawn_waiter(self);
        (void)let(self, send_all_at_once, more);
        expect_report(self, 101, NOH_OK);
        expect_report(self, 102, NOH_OK);
        for (int64_t i = 0; i < more; i++) {
            expect_report(self, 3 + i, NOH_OK);
        }
        (void)core_settled(system, 0);
        core_end(&world, system);
    }
}

static bool none(noh_self *self, void *ctx, const noh_type *type, const void *message)
{
    ++*(int *)ctx;
    return false;
}

static void send_one(noh_self *self, waiter *me)
{
    CHECK_OK(noh_tell(self, cast.a, letter, .value = me->value));
}

static void look_once_with_a_filter(noh_self *self, waiter *me)
{
    const noh_type *type = NULL;
    const void *message = NULL;
    int asked = 0;
    CHECK_OK(noh_tell(self, cast.b, perform, .part = PART(send_one), .value = 5));
    CHECK_ERR(noh_receive_if(self, none, &asked, 0, &type, &message), NOH_E_TIMEOUT);
    CHECK_EQ(asked, 1);
    tell_driver(self, 1, NOH_OK);
}

static void a_filter_that_refuses_what_comes_in_a_single_look(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    cast.driver = noh_self_ref(self);
    cast.a = spawn_waiter(self);
    cast.b = spawn_waiter(self);
    CHECK_OK(noh_tell(self, cast.a, perform, .part = PART(look_once_with_a_filter)));
    expect_report(self, 1, NOH_OK);
    expect_report(self, 5, NOH_OK);
    (void)core_settled(system, 0);
    core_end(&world, system);
}

static void stop_oneself_and_sleep(noh_self *self, waiter *me)
{
    CHECK_OK(noh_stop(self, noh_self_ref(self), (noh_stop_kind)me->value));
    tell_driver(self, 1, noh_sleep(self, NOH_FOREVER));
}

static void who_stops_itself_is_stopped_in_its_next_wait(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    cast.driver = noh_self_ref(self);
    noh_exit exit;
    noh_ref a = let(self, stop_oneself_and_sleep, NOH_STOP_NOW);
    CHECK_OK(noh_join(self, a, NOH_FOREVER, &exit));
    CHECK_EQ(exit.kind, NOH_EXIT_SHUTDOWN);
    expect_report(self, 1, NOH_E_STOPPED);
    a = let(self, stop_oneself_and_sleep, NOH_STOP_KILL);
    CHECK_OK(noh_join(self, a, NOH_FOREVER, &exit));
    CHECK_EQ(exit.kind, NOH_EXIT_KILLED);
    core_expect_nothing(self);
    core_end(&world, system);
}

static void answer_and_stop(noh_self *self, waiter *me)
{
    CHECK_OK(noh_reply(self, sum, .value = 7));
    CHECK_OK(noh_stop(self, cast.a, (noh_stop_kind)me->value));
}

static void call_keeper(noh_self *self, waiter *me)
{
    sum s = {-1};
    noh_err err = noh_call(self, cast.b, question, &s, .value = me->value);
    tell_driver(self, s.value, err);
}

/* b answers a, and stops it, in one turn: both lie there when a has its next one. */
static void call_and_sleep(noh_self *self, waiter *me)
{
    sum s;
    CHECK_OK(noh_call(self, cast.b, play, &s, .part = PART(answer_and_stop), .value = me->value));
    tell_driver(self, s.value, noh_sleep(self, NOH_FOREVER));
}

static void a_stop_that_comes_with_an_answer_is_for_the_next_wait(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_exit exit;
    cast.driver = noh_self_ref(self);
    cast.b = spawn_waiter(self);
    cast.a = spawn_waiter(self);
    CHECK_OK(noh_tell(self, cast.a, perform, .part = PART(call_and_sleep), .value = NOH_STOP_NOW));
    CHECK_OK(noh_join(self, cast.a, NOH_FOREVER, &exit));
    CHECK_EQ(exit.kind, NOH_EXIT_SHUTDOWN);
    expect_report(self, 7, NOH_E_STOPPED);
    (void)core_settled(system, 0);
    core_end(&world, system);
}

/* A drain lets it wait, and does not keep the worker busy meanwhile. */
static void a_drain_waits_for_an_answer_that_comes(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_exit exit;
    cast.driver = noh_self_ref(self);
    cast.b = noh_spawn(self, keeper);
    cast.a = let(self, call_keeper, 0);
    CHECK_OK(noh_tell(self, cast.a, letter, .value = 8));
    CHECK_OK(noh_stop(self, cast.a, NOH_STOP_DRAIN));
    CHECK_ERR(noh_join(self, cast.a, 0, NULL), NOH_E_TIMEOUT);
    CHECK_OK(noh_tell(self, cast.b, answer_all, .count = 1, .value = 3));
    CHECK_OK(noh_join(self, cast.a, NOH_FOREVER, &exit));
    CHECK_EQ(exit.kind, NOH_EXIT_NORMAL);
    expect_report(self, 3, NOH_OK);
    expect_report(self, 8, NOH_OK);
    core_end(&world, system);
}

static const test_case cases[] = {
    TEST(a_handler_takes_the_rest_of_its_batch),
    TEST(a_filter_that_refuses_what_comes_in_a_single_look),
    TEST(who_stops_itself_is_stopped_in_its_next_wait),
    TEST(a_stop_that_comes_with_an_answer_is_for_the_next_wait),
    TEST(a_drain_waits_for_an_answer_that_comes),
};
TEST_MAIN(cases)
