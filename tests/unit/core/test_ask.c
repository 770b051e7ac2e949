/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: every ask ends exactly once: with its answer, with the error the other side gave, or with a
 * timeout; and what comes too late meets nobody.
 * Method: one server that does with a request what its number says; askers are plain threads and
 * actors. A gate keeps answers away as long as the case wants. */
#include "core.h"

NOH_MESSAGE(result, (int64_t, value), (noh_text, text));
NOH_MESSAGE(other_result, (int64_t, value));
NOH_REQUEST(request, result, (int64_t, what), (int64_t, value));
NOH_REQUEST(not_handled, result);
NOH_MESSAGE(keep, (int64_t, value));
NOH_MESSAGE(keep_all, (bool, reversed));
NOH_MESSAGE(plain, (int64_t, value));

enum {
    DOUBLE,              /* answers at once */
    NOTHING,             /* returns without an answer */
    TWICE,               /* answers twice */
    WRONG,               /* answers with another type */
    ERROR_TEXT,          /* answers with an error and its words */
    ERROR_ONLY,          /* answers with an error, without words */
    ERROR_LONG,          /* with 400 bytes of words */
    RETURNS,             /* returns an error */
    FAILS,               /* noh_fail */
    REPLIES_AND_RETURNS, /* answers, then returns an error */
    REPLIES_AND_FAILS,   /* answers, then noh_fail */
    PROMISES,            /* takes a promise, kept by `keep` */
    PROMISE_NOW,         /* takes a promise and keeps it at once, twice */
    PROMISE_FAILS,       /* fails with the promise taken */
    PROMISE_ERROR,       /* takes it and breaks it with an error */
    BLOCKS,              /* at the gate, then answers */
    FAILURE_ZERO,        /* answers noh_failure with code 0 */
    FAILURE_BARE,        /* answers noh_failure without text */
    LONG_TEXT,           /* answers with a long text */
    ERRS_OF_REPLY,       /* tries what noh_reply must refuse, then answers */
};

enum { PROMISES_MAX = 1200 };

static core_gate gate = CORE_GATE;

typedef struct server {
    int64_t promised;
    noh_promise promises[PROMISES_MAX];
} server;

static const char long_words[] =
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
    "012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012"
    "3";

static void refused_replies(noh_self *self)
{
    noh_promise promise;
    CHECK_ERR(noh_reply_value(self, NULL, &(result){1, NULL}), NOH_E_INVAL);
    CHECK_ERR(noh_reply_value(self, NOH_TYPE(result), NULL), NOH_E_INVAL);
    CHECK_ERR(noh_reply_value(NULL, NOH_TYPE(result), &(result){1, NULL}), NOH_E_INVAL);
    CHECK_ERR(noh_reply(self, other_result, .value = 1), NOH_E_WRONG_TYPE);
    CHECK_ERR(noh_reply_error(self, NOH_OK, "fine"), NOH_E_INVAL);
    CHECK_ERR(noh_reply_error(NULL, NOH_E_FULL, "fine"), NOH_E_INVAL);
    CHECK_ERR(noh_promise_take(self, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_promise_take(NULL, &promise), NOH_E_INVAL);
    CHECK_ERR(noh_promise_keep(self, (noh_promise){0}, result, .value = 1), NOH_E_ANSWERED);
    CHECK_ERR(noh_promise_keep(self, (noh_promise){UINT64_MAX}, result, .value = 1),
              NOH_E_ANSWERED);
}

static noh_err server_request(noh_self *self, server *me, const request *m)
{
    noh_promise promise;
    switch (m->what) {
    case DOUBLE:
        return noh_reply(self, result, .value = 2 * m->value);
    case NOTHING:
        return NOH_OK;
    case TWICE:
        CHECK_OK(noh_reply(self, result, .value = 1));
        CHECK_ERR(noh_reply(self, result, .value = 2), NOH_E_ANSWERED);
        CHECK_ERR(noh_reply_error(self, NOH_E_FULL, NULL), NOH_E_ANSWERED);
        CHECK_ERR(noh_promise_take(self, &promise), NOH_E_ANSWERED);
        CHECK_ERR(noh_forward(self, noh_self_ref(self)), NOH_E_ANSWERED);
        return NOH_OK;
    case WRONG:
        return noh_reply(self, other_result, .value = 1);
    case ERROR_TEXT:
        return noh_reply_error(self, NOH_E_NOT_FOUND, "no such thing");
    case ERROR_ONLY:
        return noh_reply_error(self, NOH_E_TAKEN, NULL);
    case ERROR_LONG:
        return noh_reply_error(self, NOH_E_TAKEN, long_words);
    case RETURNS:
        return NOH_E_LIMIT;
    case FAILS:
        noh_fail(self, NOH_E_OS, "disk %d is gone", 7);
        return NOH_OK;
    case REPLIES_AND_RETURNS:
        CHECK_OK(noh_reply(self, result, .value = 5));
        return NOH_E_LIMIT;
    case REPLIES_AND_FAILS:
        CHECK_OK(noh_reply(self, result, .value = 6));
        noh_fail(self, NOH_E_OS, "after the answer");
        return NOH_OK;
    case PROMISES:
        CHECK(me->promised < PROMISES_MAX);
        CHECK_OK(noh_promise_take(self, &me->promises[me->promised++]));
        CHECK_ERR(noh_reply(self, result, .value = 1), NOH_E_ANSWERED);
        CHECK_ERR(noh_promise_take(self, &promise), NOH_E_ANSWERED);
        CHECK_ERR(noh_forward(self, noh_self_ref(self)), NOH_E_ANSWERED);
        return NOH_OK;
    case PROMISE_NOW:
        CHECK_OK(noh_promise_take(self, &promise));
        CHECK_ERR(noh_promise_keep(self, promise, other_result, .value = 1), NOH_E_WRONG_TYPE);
        CHECK_ERR(noh_promise_keep_value(NULL, promise, NOH_TYPE(result), NOH_VALUE(result)),
                  NOH_E_INVAL);
        CHECK_ERR(noh_promise_keep_value(self, promise, NULL, NOH_VALUE(result)), NOH_E_INVAL);
        CHECK_ERR(noh_promise_keep_value(self, promise, NOH_TYPE(result), NULL), NOH_E_INVAL);
        CHECK_OK(noh_promise_keep(self, promise, result, .value = 11));
        CHECK_ERR(noh_promise_keep(self, promise, result, .value = 12), NOH_E_ANSWERED);
        CHECK_ERR(noh_promise_fail(self, promise, NOH_E_FULL, "x"), NOH_E_ANSWERED);
        CHECK_ERR(noh_reply(self, result, .value = 13), NOH_E_ANSWERED);
        return NOH_OK;
    case PROMISE_FAILS:
        CHECK_OK(noh_promise_take(self, &promise));
        return NOH_E_LIMIT;
    case PROMISE_ERROR:
        CHECK_OK(noh_promise_take(self, &promise));
        CHECK_ERR(noh_promise_fail(self, promise, NOH_OK, "x"), NOH_E_INVAL);
        CHECK_OK(noh_promise_fail(self, promise, NOH_E_FULL, "no room"));
        return NOH_OK;
    case BLOCKS:
        core_pass(&gate);
        return noh_reply(self, result, .value = m->value);
    case FAILURE_ZERO:
        CHECK_ERR(noh_reply(self, noh_failure, .code = NOH_OK, .text = "fine"), NOH_E_INVAL);
        return noh_reply(self, result, .value = 1);
    case FAILURE_BARE:
        return noh_reply(self, noh_failure, .code = NOH_E_TAKEN);
    case LONG_TEXT:
        return noh_reply(self, result, .value = 1, .text = long_words);
    case ERRS_OF_REPLY:
        refused_replies(self);
        return noh_reply(self, result, .value = 9);
    default:
        return NOH_E_INVAL;
    }
}

static noh_err server_keep(noh_self *self, server *me, const keep *m)
{
    CHECK_ERR(noh_reply(self, result, .value = 1), NOH_E_NOBODY);
    CHECK_ERR(noh_reply_error(self, NOH_E_FULL, NULL), NOH_E_NOBODY);
    noh_promise promise;
    CHECK_ERR(noh_promise_take(self, &promise), NOH_E_NOBODY);
    CHECK(me->promised > 0);
    promise = me->promises[--me->promised];
    CHECK_OK(noh_promise_keep(self, promise, result, .value = m->value));
    CHECK_ERR(noh_promise_keep(self, promise, result, .value = m->value), NOH_E_ANSWERED);
    return NOH_OK;
}

static noh_err server_keep_all(noh_self *self, server *me, const keep_all *m)
{
    for (int64_t i = 0; i < me->promised; i++) {
        int64_t k = m->reversed ? me->promised - 1 - i : i;
        CHECK_OK(noh_promise_keep_value(self, me->promises[k], NOH_TYPE(result),
                                        NOH_VALUE(result, .value = k)));
    }
    me->promised = 0;
    return NOH_OK;
}

static noh_err server_plain(noh_self *self, server *me, const plain *m)
{
    noh_err err = noh_reply(self, other_result, .value = m->value + 1);
    CHECK(err == NOH_OK || err == NOH_E_NOBODY);
    return NOH_OK;
}

NOH_BEHAVIOR(server, NOH_ON(request, server_request), NOH_ON(keep, server_keep),
             NOH_ON(keep_all, server_keep_all), NOH_ON(plain, server_plain));

static noh_ref spawn_server(noh_self *self)
{
    noh_ref ref = noh_spawn(self, server);
    CHECK(!noh_ref_is_none(ref));
    return ref;
}

static noh_err call(noh_self *self, noh_ref to, int64_t what, int64_t value, result *ret)
{
    memset(ret, 0x5c, sizeof *ret);
    return noh_call(self, to, request, ret, .what = what, .value = value);
}

/* ---- a plain thread asks ------------------------------------------------------------------ */

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

/* A message that declares no answer may be asked as well. */
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
    CHECK_ERR(noh_await(self, ignored, result, NOH_FOREVER, &answer), NOH_E_NO_ANSWER);
    CHECK_ERR(noh_await(self, kept, result, 0, &answer), NOH_E_TIMEOUT);
    CHECK_OK(noh_promise_keep(self, promise, result, .value = 5));
    CHECK_ERR(noh_promise_keep(self, promise, result, .value = 5), NOH_E_ANSWERED);
    CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_LATE], 1);
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

/* ---- actors ask --------------------------------------------------------------------------- */

NOH_MESSAGE(ask_it, (noh_ref, to), (int64_t, what), (int64_t, value));
NOH_MESSAGE(report, (int64_t, value), (int64_t, code), (noh_text, text), (uint64_t, asked),
            (uint64_t, answered));
NOH_MESSAGE(try_waiting, (noh_ref, to));
NOH_MESSAGE(asker_start, (noh_ref, watcher));

typedef struct asker {
    noh_ref watcher;
    noh_future asked;
} asker;

static noh_err asker_started(noh_self *self, asker *me, const asker_start *start)
{
    me->watcher = start->watcher;
    return NOH_OK;
}

static noh_err asker_ask_it(noh_self *self, asker *me, const ask_it *m)
{
    CHECK_EQ(noh_answered(self).bits, 0);
    noh_err err = noh_ask(self, m->to, request, &me->asked, .what = m->what, .value = m->value);
    return err == NOH_OK ? NOH_OK : noh_tell(self, me->watcher, report, .code = err);
}

static noh_err asker_result(noh_self *self, asker *me, const result *m)
{
    if (m->value < 0) {
        noh_fail(self, NOH_E_FAILED, "below zero");
    }
    return noh_tell(self, me->watcher, report, .value = m->value, .text = m->text,
                    .asked = me->asked.bits, .answered = noh_answered(self).bits);
}

static noh_err asker_failure(noh_self *self, asker *me, const noh_failure *m)
{
    return noh_tell(self, me->watcher, report, .code = m->code, .text = m->text,
                    .asked = me->asked.bits, .answered = noh_answered(self).bits);
}

/* Nothing that waits is allowed here. */
static noh_err asker_try_waiting(noh_self *self, asker *me, const try_waiting *m)
{
    result answer;
    noh_future future;
    const noh_type *type;
    const void *message;
    CHECK_OK(noh_ask(self, m->to, request, &future, .what = NOTHING));
    CHECK_ERR(noh_await(self, future, result, 0, &answer), NOH_E_CONTEXT);
    CHECK_ERR(noh_call(self, m->to, request, &answer, .what = DOUBLE), NOH_E_CONTEXT);
    CHECK_ERR(noh_receive(self, 0, &type, &message), NOH_E_CONTEXT);
    CHECK_ERR(noh_join(self, m->to, 0, NULL), NOH_E_CONTEXT);
    CHECK_ERR(noh_self_free(self), NOH_E_CONTEXT);
    CHECK_ERR(noh_system_stop(noh_self_system(self), 0), NOH_E_CONTEXT);
    CHECK_ERR(noh_system_free(noh_self_system(self)), NOH_E_CONTEXT);
    CHECK_OK(noh_future_cancel(self, future));
    CHECK_ERR(noh_future_cancel(self, future), NOH_E_SPENT);
    return noh_tell(self, me->watcher, report, .value = 1);
}

NOH_BEHAVIOR_WITH(asker, asker_start, asker_started, NOH_ON(ask_it, asker_ask_it),
                  NOH_ON(result, asker_result), NOH_ON(noh_failure, asker_failure),
                  NOH_ON(try_waiting, asker_try_waiting));

static void an_actor_gets_its_answer_as_a_message(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    noh_ref from = noh_spawn(self, asker, .watcher = noh_self_ref(self));
    for (int i = 0; i < 100; i++) {
        CHECK_OK(noh_tell(self, from, ask_it, .to = to, .what = DOUBLE, .value = i));
        const report *r = CORE_RECEIVE(report, self);
        CHECK_EQ(r->value, 2 * i);
        CHECK_EQ(r->code, NOH_OK);
        CHECK(r->asked != 0);
        CHECK_EQ(r->asked, r->answered);
        CHECK(noh_ref_equal(noh_sender(self), from));
    }
    CHECK_OK(noh_tell(self, from, ask_it, .to = to, .what = LONG_TEXT));
    CHECK_TEXT(CORE_RECEIVE(report, self)->text, long_words);
    core_end(&world, system);
}

/* Who comes after it on the same worker must not take its ask for an answered one of his. */
static void an_actor_that_fails_on_an_answer_leaves_no_trace(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    noh_ref first = noh_spawn(self, asker, .watcher = noh_self_ref(self));
    noh_ref second = noh_spawn(self, asker, .watcher = noh_self_ref(self));
    CHECK_OK(noh_tell(self, first, ask_it, .to = to, .what = DOUBLE, .value = -1));
    CHECK_OK(noh_join(self, first, NOH_FOREVER, NULL));
    CHECK_EQ(core_logged(&world, "below zero"), 1);
    CHECK_OK(noh_tell(self, second, ask_it, .to = to, .what = DOUBLE, .value = 2)); /* looks */
    CHECK_EQ(CORE_RECEIVE(report, self)->value, 4);
    core_end(&world, system);
}

static void an_actor_gets_errors_as_noh_failure(void)
{
    static const struct {
        int64_t what;
        noh_err code;
        const char *text;
    } tries[] = {{ERROR_TEXT, NOH_E_NOT_FOUND, "no such thing"},
                 {NOTHING, NOH_E_NO_ANSWER, ""},
                 {PROMISE_ERROR, NOH_E_FULL, "no room"},
                 {FAILS, NOH_E_OS, "disk 7 is gone"}};
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    noh_ref from = noh_spawn(self, asker, .watcher = noh_self_ref(self));
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        CHECK_OK(noh_tell(self, from, ask_it, .to = to, .what = tries[i].what));
        const report *r = CORE_RECEIVE(report, self);
        CHECK_EQ(r->code, tries[i].code);
        CHECK_TEXT(r->text == NULL ? "" : r->text, tries[i].text);
        CHECK_EQ(r->asked, r->answered);
        CHECK(r->asked != 0);
    }
    CHECK_OK(noh_join(self, to, NOH_FOREVER, NULL));
    CHECK_OK(noh_tell(self, from, ask_it, .to = to, .what = DOUBLE));
    CHECK_EQ(CORE_RECEIVE(report, self)->code, NOH_E_GONE); /* at once, from noh_ask */
    core_end(&world, system);
}

static void an_actor_asks_itself(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref from = noh_spawn(self, asker, .watcher = noh_self_ref(self));
    CHECK_OK(noh_tell(self, from, ask_it, .to = from, .what = DOUBLE, .value = 1));
    CHECK_EQ(CORE_RECEIVE(report, self)->code, NOH_E_UNHANDLED);
    core_end(&world, system);
}

static void waiting_in_a_handler_is_refused(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    noh_ref from = noh_spawn(self, asker, .watcher = noh_self_ref(self));
    CHECK_OK(noh_tell(self, from, try_waiting, .to = to));
    CHECK_EQ(CORE_RECEIVE(report, self)->value, 1);
    CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_LATE], 1); /* the cancelled one */
    core_end(&world, system);
}

static void answers_to_an_actor_that_ended_are_late(void)
{
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    noh_ref from = noh_spawn(self, asker, .watcher = noh_self_ref(self));
    for (int i = 0; i < 10; i++) {
        CHECK_OK(noh_tell(self, from, ask_it, .to = to, .what = PROMISES));
    }
    (void)core_settled(system, 0);
    (void)core_stop(self, from, NOH_STOP_DRAIN);
    CHECK_OK(noh_tell(self, to, keep_all, .reversed = false));
    result answer;
    CHECK_OK(call(self, to, DOUBLE, 1, &answer));
    CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_LATE], 10);
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

static void requests_that_a_leaving_thread_holds_are_answered(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref from = noh_spawn(self, asker, .watcher = spawn_server(self)); /* it handles no report */
    noh_ref me = noh_self_ref(self);
    noh_promise promise;
    for (int i = 0; i < 3; i++) {
        CHECK_OK(noh_tell(self, from, ask_it, .to = me));
    }
    (void)CORE_RECEIVE(request, self);
    CHECK_OK(noh_promise_take(self, &promise));
    (void)CORE_RECEIVE(request, self);
    (void)core_settled(system, 1);
    CHECK_OK(noh_self_free(self)); /* one promised, one in hand, one in the mailbox */
    noh_ledger ledger = core_settled(system, 0);
    CHECK_EQ(ledger.dead[NOH_DEAD_STOPPED], 1);
    CHECK_EQ(ledger.dead[NOH_DEAD_UNHANDLED], 3); /* the asker's reports: it got three errors */
    CHECK_EQ(ledger.sent, 12);
    CHECK_EQ(ledger.handled, 8);
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
    TEST(a_failing_handler_tells_its_asker_why),
    TEST(failing_after_the_answer_does_not_answer_again),
    TEST(errors_of_the_other_side_arrive_with_their_words),
    TEST(an_error_answer_of_code_ok_is_refused),
    TEST(a_request_without_handler_is_unhandled),
    TEST(a_second_answer_is_refused),
    TEST(an_answer_of_another_type_is_refused_at_both_ends),
    TEST(a_plain_message_can_be_asked),
    TEST(replies_of_a_thread_with_nothing_in_hand_reach_nobody),
    TEST(a_promise_is_kept_from_a_later_message),
    TEST(a_promise_ends_with_its_actor),
    TEST(a_promise_can_be_broken_with_an_error),
    TEST(a_thread_promises_and_forgets),
    TEST(a_thousand_asks_are_answered_in_any_order),
    TEST(the_65537th_open_ask_is_refused),
    TEST(text_in_an_answer_stays_until_the_next_wait),
    TEST(an_actor_gets_its_answer_as_a_message),
    TEST(a_join_may_be_polled),
    TEST(an_actor_that_fails_on_an_answer_leaves_no_trace),
    TEST(an_actor_gets_errors_as_noh_failure),
    TEST(an_actor_asks_itself),
    TEST(waiting_in_a_handler_is_refused),
    TEST(answers_to_an_actor_that_ended_are_late),
    TEST(a_thread_that_leaves_with_asks_open_is_told_so),
    TEST(requests_that_a_leaving_thread_holds_are_answered),
};
TEST_MAIN(cases)
