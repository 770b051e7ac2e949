/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: each request gets one answer: what may be answered, by whom, when, and what comes of it when the
 * one who should answer fails, forgets, promises or ends. */
#include "server.h"

/* ---- answers ------------------------------------------------------------------------------ */

static void a_failing_handler_tells_its_asker_why(void)
{
    static const struct {
        int64_t what;
        noh_err code;
        const char *text;
    } tries[] = {{RETURNS, NOH_E_LIMIT, "a table of the system is full"},
                 {FAILS, NOH_E_OS, "disk 7 is gone"}};
    for (int i = 0; i < 2; i++) {
        core_world world;
        noh_system *system = core_start(&world, 1, NULL);
        noh_self *self = noh_system_self(system);
        noh_ref to = spawn_server(self);
        noh_future future;
        result answer = {.value = 77};
        CHECK_OK(noh_ask(self, to, request, &future, .what = tries[i].what));
        CHECK_ERR(noh_await(self, future, result, NOH_FOREVER, &answer), tries[i].code);
        CHECK_TEXT(noh_error_text(self), tries[i].text);
        CHECK_EQ(answer.value, 77);
        noh_exit exit;
        CHECK_OK(noh_join(self, to, NOH_FOREVER, &exit)); /* it may have ended before */
        CHECK(!noh_is_alive(system, to));
        CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_CRASHED], 1);
        CHECK_EQ(core_logged(&world, tries[i].text), 1);
        core_end(&world, system);
    }
}

/* The asker has its answer, so it must not get a second one. */
static void failing_after_the_answer_does_not_answer_again(void)
{
    for (int64_t what = REPLIES_AND_RETURNS; what <= REPLIES_AND_FAILS; what++) {
        core_world world;
        noh_system *system = core_start(&world, 1, NULL);
        noh_self *self = noh_system_self(system);
        noh_ref to = spawn_server(self);
        result answer;
        CHECK_OK(call(self, to, what, 0, &answer));
        CHECK_EQ(answer.value, what == REPLIES_AND_RETURNS ? 5 : 6);
        CHECK_OK(noh_join(self, to, NOH_FOREVER, NULL));
        noh_ref second = spawn_server(self);
        CHECK_OK(call(self, second, DOUBLE, 4, &answer));
        CHECK_EQ(answer.value, 8);
        noh_ledger ledger = core_settled(system, 0);
        CHECK_EQ(ledger.sent, 4);
        CHECK_EQ(ledger.dead[NOH_DEAD_CRASHED], 1);
        CHECK_EQ(ledger.handled, 3);
        core_end(&world, system);
    }
}

static void errors_of_the_other_side_arrive_with_their_words(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    result answer;
    char cut[256];
    snprintf(cut, sizeof cut, "%.255s", long_words);
    CHECK_ERR(call(self, to, ERROR_TEXT, 0, &answer), NOH_E_NOT_FOUND);
    CHECK_TEXT(noh_error_text(self), "no such thing");
    CHECK_ERR(call(self, to, ERROR_ONLY, 0, &answer), NOH_E_TAKEN);
    CHECK_TEXT(noh_error_text(self), "");
    CHECK_ERR(call(self, to, ERROR_LONG, 0, &answer), NOH_E_TAKEN);
    CHECK_TEXT(noh_error_text(self), cut);
    CHECK_ERR(call(self, to, FAILURE_BARE, 0, &answer), NOH_E_TAKEN);
    CHECK_TEXT(noh_error_text(self), "");
    CHECK_ERR(call(self, to, ERROR_TEXT, 0, &answer), NOH_E_NOT_FOUND);
    CHECK_OK(call(self, to, DOUBLE, 1, &answer));
    CHECK_TEXT(noh_error_text(self), "");
    CHECK_ERR(call(self, to, NOTHING, 0, &answer), NOH_E_NO_ANSWER);
    CHECK_TEXT(noh_error_text(self), "");
    CHECK(noh_is_alive(system, to));
    core_end(&world, system);
}

static void an_error_answer_of_code_ok_is_refused(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    result answer;
    CHECK_OK(call(self, spawn_server(self), FAILURE_ZERO, 0, &answer));
    CHECK_EQ(answer.value, 1);
    core_end(&world, system);
}

static void a_second_answer_is_refused(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    result answer;
    CHECK_OK(call(self, to, TWICE, 0, &answer));
    CHECK_EQ(answer.value, 1);
    CHECK_OK(call(self, to, PROMISE_NOW, 0, &answer));
    CHECK_EQ(answer.value, 11);
    CHECK_OK(call(self, to, ERRS_OF_REPLY, 0, &answer));
    CHECK_EQ(answer.value, 9);
    CHECK_EQ(core_settled(system, 0).sent, 6);
    core_end(&world, system);
}

static void an_answer_of_another_type_is_refused_at_both_ends(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    noh_future future;
    other_result other = {.value = 77};
    result answer;
    CHECK_ERR(call(self, to, WRONG, 0, &answer), NOH_E_WRONG_TYPE); /* its handler failed with it */
    to = spawn_server(self);
    CHECK_OK(noh_ask(self, to, request, &future, .what = DOUBLE));
    CHECK_ERR(noh_await(self, future, other_result, NOH_FOREVER, &other), NOH_E_WRONG_TYPE);
    CHECK_EQ(other.value, 77);
    CHECK_ERR(noh_await(self, future, result, NOH_FOREVER, &answer), NOH_E_SPENT);
    core_end(&world, system);
}

static void replies_of_a_thread_with_nothing_in_hand_reach_nobody(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_promise promise;
    CHECK_ERR(noh_reply(self, result, .value = 1), NOH_E_NOBODY);
    CHECK_ERR(noh_reply_error(self, NOH_E_FULL, NULL), NOH_E_NOBODY);
    CHECK_ERR(noh_promise_take(self, &promise), NOH_E_NOBODY);
    CHECK_ERR(noh_promise_keep(self, (noh_promise){0}, result, .value = 1), NOH_E_ANSWERED);
    core_end(&world, system);
}

/* ---- promises ----------------------------------------------------------------------------- */

static void a_promise_is_kept_from_a_later_message(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    noh_future future;
    result answer;
    for (int i = 0; i < 10; i++) {
        CHECK_OK(noh_ask(self, to, request, &future, .what = PROMISES));
        CHECK_OK(call(self, to, DOUBLE, 1, &answer));
        CHECK_ERR(noh_await(self, future, result, 0, &answer), NOH_E_TIMEOUT);
        CHECK_OK(noh_tell(self, to, keep, .value = 1)); /* too late for that one */
        CHECK_OK(noh_ask(self, to, request, &future, .what = PROMISES));
        CHECK_OK(noh_tell(self, to, keep, .value = 40 + i));
        CHECK_OK(noh_await(self, future, result, NOH_FOREVER, &answer));
        CHECK_EQ(answer.value, 40 + i);
    }
    CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_LATE], 10);
    core_end(&world, system);
}

static void a_promise_ends_with_its_actor(void)
{
    static const noh_stop_kind kinds[] = {NOH_STOP_DRAIN, NOH_STOP_NOW, NOH_STOP_KILL};
    for (int k = 0; k < 3; k++) {
        core_world world;
        noh_system *system = core_start(&world, 1, NULL);
        noh_self *self = noh_system_self(system);
        noh_ref to = spawn_server(self);
        noh_future futures[10];
        result answer;
        for (int i = 0; i < 10; i++) {
            CHECK_OK(noh_ask(self, to, request, &futures[i], .what = PROMISES));
        }
        CHECK_OK(call(self, to, DOUBLE, 1, &answer));
        CHECK_OK(noh_stop(self, to, kinds[k]));
        for (int i = 0; i < 10; i++) {
            CHECK_ERR(noh_await(self, futures[i], result, NOH_FOREVER, &answer), NOH_E_STOPPED);
        }
        core_end(&world, system);
    }
}

static void a_promise_can_be_broken_with_an_error(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    result answer;
    CHECK_ERR(call(self, to, PROMISE_ERROR, 0, &answer), NOH_E_FULL);
    CHECK_TEXT(noh_error_text(self), "no room");
    CHECK(noh_is_alive(system, to));
    CHECK_ERR(call(self, to, PROMISE_FAILS, 0, &answer), NOH_E_STOPPED); /* it ended */
    CHECK_OK(noh_join(self, to, NOH_FOREVER, NULL));
    (void)core_settled(system, 0);
    core_end(&world, system);
}

/* A plain thread can promise too, and what it has promised ends with it. */
static void a_thread_promises_and_forgets(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_future kept;
    noh_future refused;
    noh_future ignored;
    noh_promise promise;
    result answer;
    noh_ref me = noh_self_ref(self);
    CHECK_OK(noh_ask(self, me, request, &kept, .value = 1));
    CHECK_OK(noh_ask(self, me, request, &refused, .value = 2));
    CHECK_OK(noh_ask(self, me, request, &ignored, .value = 3));
    (void)CORE_RECEIVE(request, self);
    CHECK_OK(noh_promise_take(self, &promise));
    CHECK_ERR(noh_reply(self, result, .value = 1), NOH_E_ANSWERED);
    (void)CORE_RECEIVE(request, self);
    CHECK_OK(noh_reply_error(self, NOH_E_TAKEN, "no"));
    CHECK_EQ(CORE_RECEIVE(request, self)->value, 3);
    CHECK_ERR(noh_await(self, refused, result, NOH_FOREVER, &answer), NOH_E_TAKEN);
    CHECK_TEXT(noh_error_text(self), "no");
    core_expect_nothing(self); /* and the third request is in hand no more */
    CHECK_ERR(noh_await(self, ignored, result, NOH_FOREVER, &answer), NOH_E_NO_ANSWER);
    CHECK_ERR(noh_await(self, kept, result, 0, &answer), NOH_E_TIMEOUT);
    CHECK_OK(noh_promise_keep(self, promise, result, .value = 5));
    CHECK_ERR(noh_promise_keep(self, promise, result, .value = 5), NOH_E_ANSWERED);
    CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_LATE], 1);
    core_end(&world, system);
}

/* Asks itself, and promises the answer. */
static noh_promise promise_myself(noh_self *self, noh_future *ret_future)
{
    noh_promise promise;
    CHECK_OK(noh_ask(self, noh_self_ref(self), request, ret_future, .value = 1));
    (void)CORE_RECEIVE(request, self);
    CHECK_OK(noh_promise_take(self, &promise));
    return promise;
}

/* Nor does it keep one of its own. */
static void who_gets_a_promise_that_another_one_has_taken_cannot_keep_it(void)
{
    core_world worlds[2];
    noh_system *systems[2];
    noh_self *selves[2];
    noh_future futures[2];
    noh_promise promises[2];
    result answer;
    for (int i = 0; i < 2; i++) {
        systems[i] = core_start(&worlds[i], 1, NULL);
        selves[i] = noh_system_self(systems[i]);
        promises[i] = promise_myself(selves[i], &futures[i]);
    }
    for (int i = 0; i < 2; i++) {
        noh_promise others = promises[1 - i];
        CHECK_ERR(noh_promise_keep(selves[i], others, result, .value = 3), NOH_E_ANSWERED);
    }
    for (int i = 0; i < 2; i++) {
        CHECK_OK(noh_promise_keep(selves[i], promises[i], result, .value = i));
        CHECK_OK(noh_await(selves[i], futures[i], result, NOH_FOREVER, &answer));
        CHECK_EQ(answer.value, i);
    }
    for (int i = 0; i < 2; i++) {
        core_end(&worlds[i], systems[i]);
    }
}

static const test_case cases[] = {
    TEST(a_failing_handler_tells_its_asker_why),
    TEST(failing_after_the_answer_does_not_answer_again),
    TEST(errors_of_the_other_side_arrive_with_their_words),
    TEST(an_error_answer_of_code_ok_is_refused),
    TEST(a_second_answer_is_refused),
    TEST(an_answer_of_another_type_is_refused_at_both_ends),
    TEST(replies_of_a_thread_with_nothing_in_hand_reach_nobody),
    TEST(a_promise_is_kept_from_a_later_message),
    TEST(a_promise_ends_with_its_actor),
    TEST(a_promise_can_be_broken_with_an_error),
    TEST(a_thread_promises_and_forgets),
    TEST(who_gets_a_promise_that_another_one_has_taken_cannot_keep_it),
};
TEST_MAIN(cases)
