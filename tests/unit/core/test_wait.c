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

static void receive_two(noh_self *self, waiter *me)
{
    for (int i = 0; i < 4; i++) { /* blocks at hand for what it tells later */
        tell_driver(self, 0, NOH_OK);
    }
    for (int i = 0; i < 2; i++) {
        const letter *got;
        CHECK_OK(noh_receive_only(self, letter, NOH_FOREVER, &got));
        tell_driver(self, got->value, NOH_OK);
    }
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

/* In the hostile build who has its answer may move before it goes on: then the kill comes between. */
static void an_answer_that_its_asker_does_not_live_to_see_is_late(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    cast.driver = noh_self_ref(self);
    cast.b = noh_spawn(self, keeper);
    for (int i = 0; i < 300; i++) {
        noh_exit exit;
        noh_ref a = let(self, call_keeper, 0);
        CHECK_OK(noh_tell(self, cast.b, answer_all, .count = 1, .value = 3));
        CHECK_OK(noh_stop(self, a, NOH_STOP_KILL));
        CHECK_OK(noh_join(self, a, NOH_FOREVER, &exit));
    }
    (void)core_stop(self, cast.b, NOH_STOP_NOW);
    const noh_type *type;
    const void *message;
    while (noh_receive(self, 0, &type, &message) == NOH_OK) {
    }
    (void)core_settled(system, 0);
    core_end(&world, system);
}

static void give_up_and_receive(noh_self *self, waiter *me)
{
    sum s;
    noh_future future;
    const letter *got;
    for (int i = 0; i < 3; i++) {
        CHECK_OK(noh_ask(self, cast.b, question, &future, .value = i));
        CHECK_ERR(noh_await(self, future, sum, 0, &s), NOH_E_TIMEOUT);
        CHECK_ERR(noh_await(self, future, sum, 0, &s), NOH_E_SPENT);
    }
    tell_driver(self, 0, NOH_OK);
    CHECK_OK(noh_receive_only(self, letter, NOH_FOREVER, &got));
    tell_driver(self, got->value, NOH_OK);
}

/* Also while its handler goes on: a handler may receive for ever. */
static void a_late_answer_becomes_a_dead_letter_when_it_comes(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    cast.driver = noh_self_ref(self);
    cast.b = noh_spawn(self, keeper);
    cast.a = let(self, give_up_and_receive, 0);
    expect_report(self, 0, NOH_OK);
    CHECK_EQ(core_settled(system, 1).dead[NOH_DEAD_LATE], 0); /* what it performs is in hand */
    CHECK_OK(noh_tell(self, cast.b, answer_all, .count = 3, .value = 1));
    while (core_dead(system, NOH_DEAD_LATE) < 3) {
        sched_yield();
    }
    CHECK_OK(noh_tell(self, cast.a, letter, .value = 9));
    expect_report(self, 9, NOH_OK);
    CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_LATE], 3);
    core_end(&world, system);
}

/* ---- no memory ------------------------------------------------------------------------------ */

static void a_handler_goes_on_without_memory(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    cast.driver = noh_self_ref(self);
    cast.a = let(self, receive_two, 0); /* on the only strand */
    for (int i = 0; i < 4; i++) {
        expect_report(self, 0, NOH_OK);
    }
    (void)core_settled(system, 1);
    fault_at(&world.fault, 1, true);
    CHECK_OK(noh_tell(self, cast.a, letter, .value = 1));
    CHECK_OK(noh_tell(self, cast.a, letter, .value = 2));
    expect_report(self, 1, NOH_OK);
    expect_report(self, 2, NOH_OK);
    fault_at(&world.fault, 0, false);
    (void)core_settled(system, 0);
    core_end(&world, system);
}

/* ---- where nobody may wait ------------------------------------------------------------------ */

static bool tries_to_wait(noh_self *self, void *ctx, const noh_type *type, const void *message)
{
    sum s;
    const noh_type *t;
    const void *m;
    const letter *l;
    noh_ref other = *(noh_ref *)ctx;
    CHECK_ERR(noh_sleep(self, 0), NOH_E_CONTEXT);
    CHECK_ERR(noh_receive(self, 0, &t, &m), NOH_E_CONTEXT);
    CHECK_ERR(noh_receive_only(self, letter, NOH_FOREVER, &l), NOH_E_CONTEXT);
    CHECK_ERR(noh_receive_if(self, tries_to_wait, ctx, 0, &t, &m), NOH_E_CONTEXT);
    CHECK_ERR(noh_join(self, other, 0, NULL), NOH_E_CONTEXT);
    CHECK_ERR(noh_call(self, other, question, &s, .value = 1), NOH_E_CONTEXT);
    noh_future future;
    CHECK_OK(noh_ask(self, other, question, &future, .value = 1));
    CHECK_ERR(noh_await(self, future, sum, NOH_FOREVER, &s), NOH_E_CONTEXT);
    CHECK_OK(noh_future_cancel(self, future)); /* it was not given up */
    return true;
}

static void receive_with_a_filter_that_waits(noh_self *self, waiter *me)
{
    const noh_type *type;
    const void *message;
    tell_driver(self, 0, NOH_OK);
    CHECK_OK(noh_receive_if(self, tries_to_wait, &cast.b, NOH_FOREVER, &type, &message));
    tell_driver(self, ((const letter *)message)->value, NOH_OK);
}

static void a_filter_may_not_wait(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    cast.driver = noh_self_ref(self);
    cast.b = spawn_waiter(self);
    cast.a = let(self, receive_with_a_filter_that_waits, 0);
    expect_report(self, 0, NOH_OK);
    CHECK_OK(noh_tell(self, cast.a, letter, .value = 4));
    expect_report(self, 4, NOH_OK);
    const noh_type *type;
    const void *message;
    CHECK_OK(noh_tell(self, cast.driver, letter, .value = 5)); /* a plain thread's neither */
    CHECK_OK(noh_receive_if(self, tries_to_wait, &cast.b, NOH_FOREVER, &type, &message));
    CHECK_EQ(((const letter *)message)->value, 5);
    sum s;
    CHECK_OK(noh_call(self, cast.b, question, &s, .value = 1)); /* the late answer is here, too */
    CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_LATE], 2);
    core_end(&world, system);
}

static const test_case cases[] = {
    TEST(a_handler_takes_the_rest_of_its_batch),
    TEST(a_filter_that_refuses_what_comes_in_a_single_look),
    TEST(who_stops_itself_is_stopped_in_its_next_wait),
    TEST(a_stop_that_comes_with_an_answer_is_for_the_next_wait),
    TEST(a_drain_waits_for_an_answer_that_comes),
    TEST(an_answer_that_its_asker_does_not_live_to_see_is_late),
    TEST(a_late_answer_becomes_a_dead_letter_when_it_comes),
    TEST(a_handler_goes_on_without_memory),
    TEST(a_filter_may_not_wait),
};
TEST_MAIN(cases)
