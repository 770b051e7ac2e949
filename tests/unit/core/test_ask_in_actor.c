/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: an actor asks, and is told the answer or the failure as a message; it may not wait for it. */
#include "server.h"

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

/* What ends the system, or this thread's self, is not allowed here. */
static noh_err asker_try_waiting(noh_self *self, asker *me, const try_waiting *m)
{
    noh_future future;
    CHECK_OK(noh_ask(self, m->to, request, &future, .what = NOTHING));
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
    while (core_settled(system, 1).sent < 6) { /* three tells, three requests */
    }
    CHECK_OK(noh_self_free(self)); /* one promised, one in hand, one in the mailbox */
    noh_ledger ledger = core_settled(system, 0);
    CHECK_EQ(ledger.dead[NOH_DEAD_STOPPED], 1);
    CHECK_EQ(ledger.dead[NOH_DEAD_UNHANDLED], 3); /* the asker's reports: it got three errors */
    CHECK_EQ(ledger.sent, 12);
    CHECK_EQ(ledger.handled, 8);
    core_end(&world, system);
}

static const test_case cases[] = {
    TEST(an_actor_gets_its_answer_as_a_message),
    TEST(an_actor_that_fails_on_an_answer_leaves_no_trace),
    TEST(an_actor_gets_errors_as_noh_failure),
    TEST(an_actor_asks_itself),
    TEST(waiting_in_a_handler_is_refused),
    TEST(answers_to_an_actor_that_ended_are_late),
    TEST(requests_that_a_leaving_thread_holds_are_answered),
};
TEST_MAIN(cases)
