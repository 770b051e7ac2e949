/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: nothing is lost without a name and a reason: each loss is counted under its reason, told to
 * who subscribed, and logged at a bounded rate.
 * Method: each reason is caused once and looked for in the ledger, at a subscriber and in the log;
 * the log's rate is tried on a clock that the test moves. */
#include "core.h"

NOH_MESSAGE(number, (int64_t, value), (noh_text, words));
NOH_MESSAGE(block);
NOH_MESSAGE(fail_now);
NOH_MESSAGE(not_handled, (int32_t, value));
NOH_MESSAGE(many, (list, int64_t, numbers));
NOH_MESSAGE(answer, (int64_t, value));
NOH_REQUEST(question, answer);

static core_gate gate = CORE_GATE;

typedef struct target {
    int64_t handled;
} target;

static noh_err target_number(noh_self *self, target *me, const number *m)
{
    me->handled++;
    return NOH_OK;
}

static noh_err target_block(noh_self *self, target *me, const block *m)
{
    core_pass(&gate);
    return NOH_OK;
}

static noh_err target_fail(noh_self *self, target *me, const fail_now *m)
{
    return NOH_E_OS;
}

static noh_err target_question(noh_self *self, target *me, const question *m)
{
    return noh_reply(self, answer, .value = me->handled);
}

NOH_BEHAVIOR(target, NOH_ON(number, target_number), NOH_ON(block, target_block),
             NOH_ON(fail_now, target_fail), NOH_ON(question, target_question));

static void expect_letter(noh_self *self, noh_dead_reason reason, noh_ref sender, noh_ref receiver,
                          const char *type, const char *text)
{
    const noh_dead_letter *letter = CORE_RECEIVE(noh_dead_letter, self);
    CHECK_EQ(letter->reason, reason);
    CHECK(noh_ref_equal(letter->sender, sender));
    CHECK(noh_ref_equal(letter->receiver, receiver));
    CHECK_TEXT(letter->type, type);
    if (text != NULL) {
        CHECK_TEXT(letter->text, text);
    }
}

static void each_reason_is_counted_and_told(void)
{
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref me = noh_self_ref(self);
    noh_ref to;
    noh_future future;
    answer reply;
    CHECK_OK(noh_spawn_with(self, &noh_behavior_target, NULL,
                            &(noh_spawn_options){.mailbox_max = 4}, &to));
    CHECK_OK(noh_dead_letters_subscribe(self, me));
    CHECK_OK(noh_dead_letters_subscribe(self, me)); /* once is enough */

    CHECK_ERR(noh_tell(self, NOH_NO_REF, number, .value = 1, .words = "a\"b"), NOH_E_GONE);
    expect_letter(self, NOH_DEAD_GONE, me, NOH_NO_REF, "number",
                  "number{value: 1, words: \"a\\\"b\"}");

    CHECK_OK(noh_tell(self, to, block));
    core_await_inside(&gate, 1);
    CHECK_OK(noh_tell(self, to, not_handled, .value = 5));
    CHECK_OK(noh_tell(self, to, fail_now));
    CHECK_OK(noh_tell(self, to, number, .value = 2));
    CHECK_OK(noh_ask(self, to, question, &future));
    CHECK_ERR(noh_tell(self, to, number, .value = 3), NOH_E_FULL);
    expect_letter(self, NOH_DEAD_FULL, me, to, "number", "number{value: 3, words: none}");

    CHECK_ERR(noh_tell(self, to, many, .numbers = {(int64_t[]){1}, SIZE_MAX / 4}), NOH_E_TOO_BIG);
    expect_letter(self, NOH_DEAD_REFUSED, me, to, "many", NULL);

    fault_at(&world.fault, 1, true);
    static int64_t numbers[100000];
    CHECK_ERR(noh_tell(self, to, many, .numbers = {numbers, 100000}), NOH_E_NOMEM);
    fault_at(&world.fault, 0, false);
    CHECK_EQ(core_dead(system, NOH_DEAD_NOMEM), 1);
    expect_letter(self, NOH_DEAD_NOMEM, me, to, "many", "");

    core_open_gate(&gate);
    expect_letter(self, NOH_DEAD_UNHANDLED, me, to, "not_handled", "not_handled{value: 5}");
    expect_letter(self, NOH_DEAD_CRASHED, me, to, "fail_now", "fail_now{}");
    expect_letter(self, NOH_DEAD_STOPPED, me, to, "number", "number{value: 2, words: none}");
    expect_letter(self, NOH_DEAD_STOPPED, me, to, "question", "question{}");
    CHECK_ERR(noh_await(self, future, answer, NOH_FOREVER, &reply), NOH_E_STOPPED);

    noh_ref second = noh_spawn(self, target);
    CHECK_OK(noh_ask(self, second, question, &future));
    CHECK_OK(noh_future_cancel(self, future));
    expect_letter(self, NOH_DEAD_LATE, second, me, "answer", "answer{value: 0}");

    noh_ledger ledger = core_settled(system, 0);
    static const uint64_t expected[NOH_DEAD_REASONS] = {1, 1, 2, 1, 1, 1, 1, 1};
    for (int i = 0; i < NOH_DEAD_REASONS; i++) {
        CHECK_EQ(ledger.dead[i], expected[i]);
    }
    CHECK_EQ(noh_ledger_dead(&ledger), 9);
    CHECK_OK(noh_dead_letters_unsubscribe(self, me));
    CHECK_ERR(noh_tell(self, NOH_NO_REF, number), NOH_E_GONE);
    core_expect_nothing(self);
    CHECK_ERR(noh_dead_letters_unsubscribe(self, me), NOH_E_NOT_FOUND);
    core_end(&world, system);
}

static void reasons_have_names(void)
{
    static const char *const names[] = {"gone",      "full", "stopped", "crashed",
                                        "unhandled", "late", "nomem",   "refused"};
    for (int i = 0; i < NOH_DEAD_REASONS; i++) {
        CHECK_TEXT(noh_dead_reason_name((noh_dead_reason)i), names[i]);
    }
    CHECK_TEXT(noh_dead_reason_name((noh_dead_reason)NOH_DEAD_REASONS), "?");
    CHECK_TEXT(noh_dead_reason_name((noh_dead_reason)-1), "?");
}

static void the_text_is_cut_to_200_bytes(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    char words[1000];
    memset(words, 'w', sizeof words);
    words[999] = 0;
    CHECK_OK(noh_dead_letters_subscribe(self, noh_self_ref(self)));
    CHECK_ERR(noh_tell(self, NOH_NO_REF, number, .value = 1, .words = words), NOH_E_GONE);
    const noh_dead_letter *letter = CORE_RECEIVE(noh_dead_letter, self);
    CHECK_EQ(strlen(letter->text), 200);
    CHECK_EQ(strncmp(letter->text, "number{value: 1, words: \"wwww", 29), 0);
    core_end(&world, system);
}

/* DED-2: or else one lost letter would make another without end. */
static void dead_letters_about_dead_letters_are_counted_not_told(void)
{
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref full;
    noh_ref deaf = noh_spawn(self, target); /* it has no handler for dead letters */
    CHECK_OK(noh_spawn_with(self, &noh_behavior_target, NULL,
                            &(noh_spawn_options){.mailbox_max = 1}, &full));
    CHECK_OK(noh_dead_letters_subscribe(self, full));
    CHECK_OK(noh_dead_letters_subscribe(self, deaf));
    CHECK_OK(noh_dead_letters_subscribe(self, noh_self_ref(self)));
    CHECK_OK(noh_tell(self, full, block));
    core_await_inside(&gate, 1);
    CHECK_OK(noh_tell(self, full, number, .value = 1)); /* now it is full */
    for (int i = 0; i < 3; i++) {
        CHECK_ERR(noh_tell(self, NOH_NO_REF, number, .value = i), NOH_E_GONE);
    }
    CHECK_EQ(core_dead(system, NOH_DEAD_FULL), 3);
    core_open_gate(&gate);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(CORE_RECEIVE(noh_dead_letter, self)->reason, NOH_DEAD_GONE);
    }
    noh_ledger ledger = core_settled(system, 0);
    CHECK_EQ(ledger.dead[NOH_DEAD_UNHANDLED], 3);
    core_expect_nothing(self);
    core_end(&world, system);
}

static void a_subscriber_that_ends_is_forgotten(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    for (int round = 0; round < 3; round++) { /* 16 each time: their places are free again */
        noh_ref refs[17];
        for (int i = 0; i < 17; i++) {
            refs[i] = noh_spawn(self, target);
            CHECK_ERR(noh_dead_letters_subscribe(self, refs[i]), i < 16 ? NOH_OK : NOH_E_LIMIT);
        }
        for (int i = 0; i < 17; i++) {
            (void)core_stop(self, refs[i], NOH_STOP_NOW);
        }
        uint64_t before = core_settled(system, 0).dead[NOH_DEAD_GONE];
        CHECK_ERR(noh_tell(self, NOH_NO_REF, number), NOH_E_GONE);
        CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_GONE], before + 1);
    }
    core_end(&world, system);
}

/* The same, but no dead letter comes between that would show who has ended. */
static void dead_subscribers_take_no_place(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    for (int i = 0; i < 100; i++) {
        noh_ref ref = noh_spawn(self, target);
        CHECK_OK(noh_dead_letters_subscribe(self, ref));
        (void)core_stop(self, ref, NOH_STOP_NOW);
    }
    core_end(&world, system);
}

static void subscribing_nobody_is_refused(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, target);
    (void)core_stop(self, ref, NOH_STOP_NOW);
    CHECK_ERR(noh_dead_letters_subscribe(self, ref), NOH_E_GONE);
    CHECK_ERR(noh_dead_letters_subscribe(self, NOH_NO_REF), NOH_E_GONE);
    CHECK_ERR(noh_dead_letters_subscribe(NULL, ref), NOH_E_INVAL);
    CHECK_ERR(noh_dead_letters_unsubscribe(NULL, ref), NOH_E_INVAL);
    CHECK_ERR(noh_dead_letters_unsubscribe(self, ref), NOH_E_NOT_FOUND);
    core_end(&world, system);
}

static void dead_letters_are_few_lines(int64_t now_ns)
{
    core_world world;
    core_open(&world);
    core_own_clock(&world, now_ns);
    noh_system *system = core_system(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    for (int second = 0; second < 3; second++) {
        for (int i = 0; i < 1000; i++) {
            CHECK_ERR(noh_tell(self, NOH_NO_REF, number, .value = i), NOH_E_GONE);
        }
        CHECK_EQ(world.line_count, 10 + second * 11);
        core_advance(&world, NOH_SECOND);
    }
    CHECK_EQ(core_logged(&world, "dead letter: number from "), 30);
    CHECK_EQ(core_logged(&world, "gone"), 30);
    CHECK_EQ(core_logged(&world, "990 more dead letters were not logged"), 2);
    CHECK_EQ(core_dead(system, NOH_DEAD_GONE), 3000);
    core_end(&world, system);
}

static void a_thousand_dead_letters_are_few_lines(void)
{
    dead_letters_are_few_lines(1000 * NOH_SECOND);
    dead_letters_are_few_lines(-1000 * NOH_SECOND);
}

static void lines_of_the_log_have_no_control_characters(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_log(self, NOH_LOG_INFO, "two\nlines\r\t%c and \x7f", 27);
    CHECK_EQ(world.line_count, 1);
    CHECK_TEXT(world.lines[0].text, "two?lines??? and ?");
    CHECK_EQ(world.lines[0].level, NOH_LOG_INFO);
    CHECK_EQ(world.lines[0].actor, noh_self_ref(self).bits);
    CHECK_TEXT(world.lines[0].behavior, "");
    noh_log(NULL, NOH_LOG_INFO, "nobody");
    CHECK_EQ(world.line_count, 1);
    core_end(&world, system);
}

static const test_case cases[] = {
    TEST(each_reason_is_counted_and_told),
    TEST(reasons_have_names),
    TEST(the_text_is_cut_to_200_bytes),
    TEST(dead_letters_about_dead_letters_are_counted_not_told),
    TEST(a_subscriber_that_ends_is_forgotten),
    TEST(dead_subscribers_take_no_place),
    TEST(subscribing_nobody_is_refused),
    TEST(a_thousand_dead_letters_are_few_lines),
    TEST(lines_of_the_log_have_no_control_characters),
};
TEST_MAIN(cases)
