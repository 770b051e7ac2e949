/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: every ask of a plain thread ends exactly once: with its answer, with an error, or with a
 * timeout; and what comes too late meets nobody. */
#include "server.h"

/* ---- one ---------------------------------------------------------------------------------- */

static void a_call_returns_the_answer(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    result answer;
    for (int i = 0; i < 1000; i++) {
        CHECK_OK(call(self, to, DOUBLE, i, &answer));
        CHECK_EQ(answer.value, 2 * i);
        CHECK(answer.text == NULL);
    }
    CHECK_TEXT(noh_error_text(self), "");
    noh_ledger ledger = core_settled(system, 0);
    CHECK_EQ(ledger.sent, 2000);
    CHECK_EQ(ledger.handled, 2000);
    core_end(&world, system);
}

static void a_future_is_used_up_by_one_await(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    noh_future future;
    result answer;
    CHECK_OK(noh_ask(self, to, request, &future, .what = DOUBLE, .value = 4));
    CHECK_OK(noh_await(self, future, result, NOH_FOREVER, &answer));
    CHECK_EQ(answer.value, 8);
    CHECK_ERR(noh_await(self, future, result, NOH_FOREVER, &answer), NOH_E_SPENT);
    CHECK_ERR(noh_future_cancel(self, future), NOH_E_SPENT);
    noh_future second;
    CHECK_OK(noh_ask(self, to, request, &second, .what = DOUBLE, .value = 5)); /* the same entry */
    CHECK_ERR(noh_await(self, future, result, NOH_FOREVER, &answer), NOH_E_SPENT);
    CHECK_ERR(noh_future_cancel(self, future), NOH_E_SPENT);
    CHECK_OK(noh_await(self, second, result, NOH_FOREVER, &answer));
    CHECK_EQ(answer.value, 10);
    CHECK_ERR(noh_await(self, (noh_future){0}, result, 0, &answer), NOH_E_SPENT);
    CHECK_ERR(noh_await(self, (noh_future){UINT64_MAX}, result, 0, &answer), NOH_E_SPENT);
    CHECK_ERR(noh_future_cancel(self, (noh_future){0}), NOH_E_SPENT);
    CHECK_ERR(noh_future_cancel(NULL, second), NOH_E_INVAL);
    core_end(&world, system);
}

static void invalid_awaits_leave_the_future_as_it_was(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    noh_future future;
    result answer;
    CHECK_OK(noh_ask(self, to, request, &future, .what = DOUBLE, .value = 4));
    CHECK_ERR(noh_await(self, future, result, -1, &answer), NOH_E_INVAL);
    CHECK_ERR(noh_await(self, future, result, INT64_MIN, &answer), NOH_E_INVAL);
    CHECK_ERR(noh_await_value(NULL, future, NOH_TYPE(result), 0, &answer), NOH_E_INVAL);
    CHECK_ERR(noh_await_value(self, future, NULL, 0, &answer), NOH_E_INVAL);
    CHECK_ERR(noh_await_value(self, future, NOH_TYPE(result), 0, NULL), NOH_E_INVAL);
    CHECK_OK(noh_await(self, future, result, INT64_MAX, &answer));
    CHECK_EQ(answer.value, 8);
    CHECK_ERR(noh_call_value(self, to, NOH_TYPE(plain), &(plain){1}, &answer), NOH_E_INVAL);
    CHECK_ERR(noh_call_value(NULL, to, NOH_TYPE(request), &(request){0}, &answer), NOH_E_INVAL);
    CHECK_ERR(noh_call_value(self, to, NULL, &(request){0}, &answer), NOH_E_INVAL);
    CHECK_ERR(noh_call_value(self, to, NOH_TYPE(request), NULL, &answer), NOH_E_INVAL);
    CHECK_ERR(noh_call_value(self, to, NOH_TYPE(request), &(request){0}, NULL), NOH_E_INVAL);
    CHECK_TEXT(noh_error_text(NULL), "");
    CHECK_EQ(noh_answered(self).bits, 0);
    CHECK_EQ(noh_answered(NULL).bits, 0);
    core_end(&world, system);
}

static void a_late_answer_is_a_dead_letter(void)
{
    static const int64_t timeouts[] = {0, 1, NOH_MS};
    for (int i = 0; i < 3; i++) {
        core_shut_gate(&gate);
        core_world world;
        noh_system *system = core_start(&world, 1, NULL);
        noh_self *self = noh_system_self(system);
        noh_ref to = spawn_server(self);
        noh_future future;
        result answer = {.value = 77};
        CHECK_OK(noh_ask(self, to, request, &future, .what = BLOCKS));
        core_await_inside(&gate, 1);
        CHECK_ERR(noh_await(self, future, result, timeouts[i], &answer), NOH_E_TIMEOUT);
        CHECK_EQ(answer.value, 77);
        CHECK_ERR(noh_await(self, future, result, timeouts[i], &answer), NOH_E_SPENT);
        CHECK_ERR(noh_future_cancel(self, future), NOH_E_SPENT);
        CHECK_EQ(core_dead(system, NOH_DEAD_LATE), 0);
        core_open_gate(&gate);
        /* The answer waits until this thread looks; a later ask brings it to that. */
        CHECK_OK(call(self, to, DOUBLE, 4, &answer));
        CHECK_EQ(answer.value, 8);
        CHECK_ERR(noh_await(self, future, result, NOH_FOREVER, &answer), NOH_E_SPENT);
        CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_LATE], 1);
        core_end(&world, system);
    }
}

static void a_cancelled_answer_is_a_dead_letter(void)
{
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    noh_future before;
    noh_future after;
    result answer;
    CHECK_OK(noh_ask(self, to, request, &after, .what = DOUBLE));
    CHECK_OK(noh_ask(self, to, request, &before, .what = BLOCKS));
    core_await_inside(&gate, 1);
    CHECK_OK(noh_future_cancel(self, before)); /* the answer is still to come */
    CHECK_ERR(noh_future_cancel(self, before), NOH_E_SPENT);
    core_open_gate(&gate);
    CHECK_OK(call(self, to, DOUBLE, 4, &answer)); /* all answers have come */
    CHECK_EQ(core_settled(system, 1).dead[NOH_DEAD_LATE], 1);
    CHECK_OK(noh_future_cancel(self, after));
    CHECK_ERR(noh_future_cancel(self, after), NOH_E_SPENT);
    CHECK_ERR(noh_await(self, after, result, NOH_FOREVER, &answer), NOH_E_SPENT);
    CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_LATE], 2);
    core_end(&world, system);
}

static void asking_the_dead_fails_at_once(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    (void)core_stop(self, to, NOH_STOP_DRAIN);
    noh_future future = {123};
    result answer;
    for (int i = 0; i < 100; i++) {
        CHECK_ERR(noh_ask(self, to, request, &future, .what = DOUBLE), NOH_E_GONE);
        CHECK_ERR(call(self, to, DOUBLE, 1, &answer), NOH_E_GONE);
    }
    CHECK_EQ(future.bits, 123);
    CHECK_EQ(core_dead(system, NOH_DEAD_GONE), 200);
    core_end(&world, system);
}

static void asks_that_are_queued_at_the_end_get_stopped(void)
{
    static const noh_stop_kind kinds[] = {NOH_STOP_DRAIN, NOH_STOP_NOW, NOH_STOP_KILL};
    for (int k = 0; k < 3; k++) {
        core_shut_gate(&gate);
        core_world world;
        noh_system *system = core_start(&world, 2, NULL);
        noh_self *self = noh_system_self(system);
        noh_ref to = spawn_server(self);
        noh_future first;
        noh_future futures[100];
        CHECK_OK(noh_ask(self, to, request, &first, .what = BLOCKS, .value = 3));
        core_await_inside(&gate, 1);
        CHECK_OK(noh_stop(self, to, kinds[k]));
        for (int i = 0; i < 100; i++) {
            CHECK_OK(noh_ask(self, to, request, &futures[i], .what = DOUBLE));
        }
        core_open_gate(&gate);
        result answer;
        CHECK_OK(noh_await(self, first, result, NOH_FOREVER, &answer)); /* it was in hand */
        CHECK_EQ(answer.value, 3);
        for (int i = 0; i < 100; i++) {
            CHECK_ERR(noh_await(self, futures[i], result, NOH_FOREVER, &answer), NOH_E_STOPPED);
        }
        CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_STOPPED], 100);
        core_end(&world, system);
    }
}

static void a_request_without_handler_is_unhandled(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    result answer;
    CHECK_ERR(noh_call(self, to, not_handled, &answer), NOH_E_UNHANDLED);
    CHECK(noh_is_alive(system, to));
    CHECK_OK(noh_tell(self, to, not_handled));
    CHECK_OK(call(self, to, DOUBLE, 1, &answer));
    CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_UNHANDLED], 2);
    core_end(&world, system);
}

static void a_plain_message_can_be_asked(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    noh_future future;
    other_result answer;
    CHECK_OK(noh_ask(self, to, plain, &future, .value = 4));
    CHECK_OK(noh_await(self, future, other_result, NOH_FOREVER, &answer));
    CHECK_EQ(answer.value, 5);
    core_end(&world, system);
}

/* ---- many --------------------------------------------------------------------------------- */

static void a_thousand_asks_are_answered_in_any_order(void)
{
    for (int reversed = 0; reversed < 2; reversed++) {
        core_world world;
        noh_system *system = core_start(&world, 2, NULL);
        noh_self *self = noh_system_self(system);
        noh_ref to = spawn_server(self);
        noh_future futures[1000];
        for (int i = 0; i < 1000; i++) {
            CHECK_OK(noh_ask(self, to, request, &futures[i], .what = PROMISES));
        }
        CHECK_OK(noh_tell(self, to, keep_all, .reversed = reversed));
        for (int i = 0; i < 1000; i++) {
            result answer;
            int k = (i * 7) % 1000; /* awaited in yet another order */
            CHECK_OK(noh_await(self, futures[k], result, NOH_FOREVER, &answer));
            CHECK_EQ(answer.value, k);
        }
        noh_ledger ledger = core_settled(system, 0);
        CHECK_EQ(ledger.sent, 2001);
        CHECK_EQ(ledger.handled, 2001);
        core_end(&world, system);
    }
}

static void the_65537th_open_ask_is_refused(void)
{
    enum { MOST = 65536 };
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    noh_future *futures = calloc(MOST + 1, sizeof *futures);
    CHECK(futures != NULL);
    CHECK_OK(noh_ask(self, to, request, &futures[0], .what = BLOCKS));
    core_await_inside(&gate, 1);
    for (int i = 1; i < MOST; i++) {
        CHECK_OK(noh_ask(self, to, request, &futures[i], .what = DOUBLE, .value = i));
    }
    CHECK_ERR(noh_ask(self, to, request, &futures[MOST], .what = DOUBLE), NOH_E_LIMIT);
    core_open_gate(&gate);
    result answer;
    for (int i = 0; i < MOST; i++) {
        CHECK_OK(noh_await(self, futures[i], result, NOH_FOREVER, &answer));
        CHECK_EQ(answer.value, 2 * i);
        if (i == 0) { /* one is free again */
            CHECK_OK(noh_ask(self, to, request, &futures[MOST], .what = DOUBLE, .value = 21));
        }
    }
    CHECK_OK(noh_await(self, futures[MOST], result, NOH_FOREVER, &answer));
    CHECK_EQ(answer.value, 42);
    free(futures);
    core_end(&world, system);
}

static void text_in_an_answer_stays_until_the_next_wait(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    result answer;
    noh_future future;
    CHECK_OK(call(self, to, LONG_TEXT, 0, &answer));
    CHECK_OK(noh_ask(self, to, request, &future, .what = DOUBLE)); /* no wait */
    CHECK_OK(noh_tell(self, to, plain, .value = 1));
    for (int i = 0; i < 1000; i++) {
        CHECK_OK(noh_tell(self, noh_self_ref(self), plain, .value = i));
    }
    CHECK_TEXT(answer.text, long_words);
    CHECK(answer.text != long_words);
    core_end(&world, system);
}

/* A join that was given up is taken up by the next one: it costs nothing to ask again and again. */
static void a_join_may_be_polled(void)
{
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    noh_ref other = spawn_server(self);
    noh_future future;
    noh_exit exit = {.kind = NOH_EXIT_UNKNOWN};
    result answer;
    CHECK_OK(noh_ask(self, to, request, &future, .what = BLOCKS, .value = 3));
    core_await_inside(&gate, 1);
    for (int i = 0; i < 70000; i++) {
        CHECK_ERR(noh_join(self, i % 2 == 0 ? to : other, 0, &exit), NOH_E_TIMEOUT);
    }
    CHECK_OK(noh_stop(self, to, NOH_STOP_DRAIN));
    core_open_gate(&gate);
    CHECK_OK(noh_join(self, to, NOH_FOREVER, &exit));
    CHECK_EQ(exit.kind, NOH_EXIT_NORMAL);
    CHECK_OK(noh_await(self, future, result, NOH_FOREVER, &answer));
    CHECK_EQ(answer.value, 3);
    CHECK_EQ(core_stop(self, other, NOH_STOP_KILL).kind, NOH_EXIT_KILLED);
    core_end(&world, system);
}

/* ---- a thread leaves ---------------------------------------------------------------------- */

static void a_thread_that_leaves_with_asks_open_is_told_so(void)
{
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    noh_future future;
    result answer;
    CHECK_OK(noh_ask(self, to, request, &future, .what = DOUBLE)); /* arrives, is not awaited */
    CHECK_OK(noh_ask(self, to, request, &future, .what = DOUBLE));
    CHECK_OK(noh_await(self, future, result, NOH_FOREVER, &answer));
    CHECK_OK(noh_ask(self, to, request, &future, .what = BLOCKS));
    core_await_inside(&gate, 1);
    CHECK_ERR(noh_self_free(self), NOH_E_OPEN_ASKS);
    core_open_gate(&gate);
    CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_LATE], 2);

    self = noh_system_self(system); /* a new one: nothing of the old one comes here */
    CHECK_OK(call(self, to, DOUBLE, 4, &answer));
    CHECK_EQ(answer.value, 8);
    CHECK_OK(noh_self_free(self));
    CHECK_OK(noh_self_free(NULL));
    core_end(&world, system);
}

static const test_case cases[] = {
    TEST(a_call_returns_the_answer),
    TEST(a_future_is_used_up_by_one_await),
    TEST(invalid_awaits_leave_the_future_as_it_was),
    TEST(a_late_answer_is_a_dead_letter),
    TEST(a_cancelled_answer_is_a_dead_letter),
    TEST(asking_the_dead_fails_at_once),
    TEST(asks_that_are_queued_at_the_end_get_stopped),
    TEST(a_request_without_handler_is_unhandled),
    TEST(a_plain_message_can_be_asked),
    TEST(a_thousand_asks_are_answered_in_any_order),
    TEST(the_65537th_open_ask_is_refused),
    TEST(text_in_an_answer_stays_until_the_next_wait),
    TEST(a_join_may_be_polled),
    TEST(a_thread_that_leaves_with_asks_open_is_told_so),
};
TEST_MAIN(cases)
