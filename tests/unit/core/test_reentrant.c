/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: messages that were chosen for it are handled while another handler of the actor waits, and only
 * those; they may not wait themselves; what they do to the actor counts; and nobody who waits for their
 * answer is taken for a link of a circle. */
#include "waiter.h"

#include "system.h"

NOH_REQUEST(look, sum);                   /* reentrant */
NOH_MESSAGE(meanwhile, (uint64_t, part)); /* reentrant: performs it */
NOH_MESSAGE(later, (uint64_t, part));     /* not so */
NOH_MESSAGE(tick, (int64_t, value));      /* reentrant */
NOH_MESSAGE(desk_start, (uint64_t, part));

enum { MANY = 300 };

typedef struct desk {
    int64_t value;
    noh_timer timer;
} desk;

typedef void desk_fn(noh_self *self, desk *me);

static core_gate gate = CORE_GATE;

static void perform_part(noh_self *self, desk *me, uint64_t part)
{
    if (part != 0) {
        ((desk_fn *)(uintptr_t)part)(self, me);
    }
}

static noh_err on_start(noh_self *self, desk *me, const desk_start *m)
{
    perform_part(self, me, m->part);
    return NOH_OK;
}

static noh_err on_later(noh_self *self, desk *me, const later *m)
{
    perform_part(self, me, m->part);
    return NOH_OK;
}

static noh_err on_meanwhile(noh_self *self, desk *me, const meanwhile *m)
{
    perform_part(self, me, m->part);
    return NOH_OK;
}

static noh_err on_look(noh_self *self, desk *me, const look *m)
{
    return noh_reply(self, sum, .value = me->value);
}

static noh_err on_question(noh_self *self, desk *me, const question *m)
{
    return noh_reply(self, sum, .value = me->value);
}

static noh_err on_letter(noh_self *self, desk *me, const letter *m)
{
    tell_driver(self, m->value, NOH_OK);
    return NOH_OK;
}

static noh_err on_tick(noh_self *self, desk *me, const tick *m)
{
    tell_driver(self, m->value, NOH_OK);
    return NOH_OK;
}

static noh_err on_sum(noh_self *self, desk *me, const sum *m)
{
    tell_driver(self, m->value, NOH_OK);
    return NOH_OK;
}

NOH_BEHAVIOR_WITH(desk, desk_start, on_start, NOH_ON(later, on_later),
                  NOH_ON_REENTRANT(meanwhile, on_meanwhile), NOH_ON_REENTRANT(look, on_look),
                  NOH_ON(question, on_question), NOH_ON(letter, on_letter),
                  NOH_ON_REENTRANT(tick, on_tick), NOH_ON(sum, on_sum));
NOH_ROLE(desk, shut, NOH_ON_REENTRANT(meanwhile, on_meanwhile), NOH_ON(look, on_look),
         NOH_ON(later, on_later));

typedef struct deep_desk {
    int64_t value;
    noh_timer timer;
} deep_desk;

static noh_err deep_later(noh_self *self, deep_desk *me, const later *m)
{
    perform_part(self, (desk *)me, m->part);
    return NOH_OK;
}

static noh_err deep_meanwhile(noh_self *self, deep_desk *me, const meanwhile *m)
{
    perform_part(self, (desk *)me, m->part);
    return NOH_OK;
}

NOH_BEHAVIOR(deep_desk, NOH_ON(later, deep_later), NOH_ON_REENTRANT(meanwhile, deep_meanwhile),
             NOH_STACK(1 << 20));

/* ---- parts ---- */

static void ask_keeper(noh_self *self, desk *me)
{
    sum s = {-1};
    me->value = 1;
    noh_err err = noh_call(self, cast.c, question, &s, .value = 7);
    tell_driver(self, s.value + me->value, err);
}

static void add_ten(noh_self *self, desk *me)
{
    me->value += 10;
    tell_driver(self, me->value, NOH_OK);
}

/* Once it is told, the one who waits goes on. */
static void let_keeper_answer(noh_self *self, int64_t value)
{
    CHECK_OK(noh_tell(self, cast.c, answer_all, .count = 1, .value = value));
}

static int64_t look_at(noh_self *self, noh_ref ref)
{
    sum s = {-1};
    CHECK_OK(noh_call(self, ref, look, &s));
    return s.value;
}

static noh_system *begin(core_world *world, unsigned workers)
{
    noh_system *system = core_start(world, workers, NULL);
    noh_self *self = noh_system_self(system);
    cast.driver = noh_self_ref(self);
    cast.c = noh_spawn(self, keeper);
    return system;
}

static void end(core_world *world, noh_system *system)
{
    (void)core_settled(system, 0);
    CHECK_TEXT(nohi_system_check(system, true), NULL);
    core_end(world, system);
}

/* ---- cases -------------------------------------------------------------------------------- */

static void chosen_messages_are_handled_meanwhile(void)
{
    for (unsigned workers = 1; workers <= 3; workers++) {
        core_world world;
        noh_system *system = begin(&world, workers);
        noh_self *self = noh_system_self(system);
        noh_ref ref = noh_spawn(self, desk);
        CHECK_EQ(look_at(self, ref), 0); /* nobody waits */
        CHECK_OK(noh_tell(self, ref, later, .part = PART(ask_keeper)));
        CHECK_OK(noh_tell(self, ref, letter, .value = 5));
        CHECK_OK(noh_tell(self, ref, meanwhile, .part = PART(add_ten)));
        CHECK_OK(noh_tell(self, ref, letter, .value = 6));
        CHECK_OK(noh_tell(self, ref, meanwhile, .part = PART(add_ten)));
        expect_report(self, 11, NOH_OK); /* before the letter */
        expect_report(self, 21, NOH_OK);
        CHECK_EQ(look_at(self, ref), 21);
        CHECK_EQ(look_at(self, ref), 21);
        let_keeper_answer(self, 100);
        expect_report(self, 121, NOH_OK);
        expect_report(self, 5, NOH_OK);
        expect_report(self, 6, NOH_OK);
        end(&world, system);
    }
}

static void many_are_handled_in_their_order(void)
{
    core_world world;
    noh_system *system = begin(&world, 2);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, desk);
    CHECK_OK(noh_tell(self, ref, later, .part = PART(ask_keeper)));
    for (int i = 0; i < MANY; i++) {
        CHECK_OK(noh_tell(self, ref, tick, .value = i));
        CHECK_OK(noh_tell(self, ref, letter, .value = i));
    }
    for (int i = 0; i < MANY; i++) {
        expect_report(self, i, NOH_OK);
    }
    let_keeper_answer(self, 100);
    expect_report(self, 101, NOH_OK);
    for (int i = 0; i < MANY; i++) {
        expect_report(self, i, NOH_OK);
    }
    end(&world, system);
}

static void tell_itself_a_tick(noh_self *self, desk *me)
{
    CHECK_OK(noh_tell(self, noh_self_ref(self), tick, .value = 3));
    CHECK_OK(noh_tell(self, noh_self_ref(self), letter, .value = 4));
}

static void what_they_tell_the_own_actor_comes_as_well(void)
{
    core_world world;
    noh_system *system = begin(&world, 1);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, desk);
    CHECK_OK(noh_tell(self, ref, later, .part = PART(ask_keeper)));
    CHECK_OK(noh_tell(self, ref, meanwhile, .part = PART(tell_itself_a_tick)));
    expect_report(self, 3, NOH_OK);
    let_keeper_answer(self, 100);
    expect_report(self, 101, NOH_OK);
    expect_report(self, 4, NOH_OK);
    end(&world, system);
}

static noh_err nothing(void *arg)
{
    return NOH_OK;
}

static void try_to_wait(noh_self *self, desk *me)
{
    sum s;
    noh_future future;
    const letter *l;
    const noh_type *type;
    const void *message;
    CHECK_ERR(noh_sleep(self, 1), NOH_E_CONTEXT);
    CHECK_ERR(noh_call(self, cast.b, question, &s, .value = 1), NOH_E_CONTEXT);
    CHECK_ERR(noh_receive(self, 0, &type, &message), NOH_E_CONTEXT);
    CHECK_ERR(noh_receive_only(self, letter, 0, &l), NOH_E_CONTEXT);
    CHECK_ERR(noh_join(self, cast.b, 0, NULL), NOH_E_CONTEXT);
    CHECK_ERR(noh_blocking(self, nothing, NULL), NOH_E_CONTEXT);
    CHECK_ERR(noh_become(self, desk, shut), NOH_E_CONTEXT);
    CHECK_ERR(noh_stash(self), NOH_E_CONTEXT);
    CHECK_ERR(noh_unstash(self), NOH_E_CONTEXT);
    CHECK_OK(noh_ask(self, cast.b, question, &future, .value = 1)); /* its answer is a message */
    CHECK_ERR(noh_await(self, future, sum, NOH_SECOND, &s), NOH_E_CONTEXT);
    tell_driver(self, 1, NOH_OK);
}

static void they_may_ask_but_not_wait(void)
{
    core_world world;
    noh_system *system = begin(&world, 2);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, desk);
    cast.b = spawn_waiter(self);
    CHECK_OK(noh_tell(self, ref, later, .part = PART(ask_keeper)));
    CHECK_OK(noh_tell(self, ref, meanwhile, .part = PART(try_to_wait)));
    expect_report(self, 1, NOH_OK);
    let_keeper_answer(self, 100);
    expect_report(self, 101, NOH_OK);
    expect_report(self, 2, NOH_OK);                                 /* the answer to its ask */
    CHECK_OK(noh_tell(self, ref, later, .part = PART(ask_keeper))); /* and others wait as before */
    let_keeper_answer(self, 100);
    expect_report(self, 101, NOH_OK);
    end(&world, system);
}

static void fail_it(noh_self *self, desk *me)
{
    noh_fail(self, NOH_E_FAILED, "no way on");
}

static void exit_it(noh_self *self, desk *me)
{
    CHECK_OK(noh_exit_self(self));
    tell_driver(self, 3, NOH_OK);
}

static void a_failure_meanwhile_ends_the_actor(void)
{
    for (unsigned workers = 1; workers <= 2; workers++) {
        core_world world;
        noh_system *system = begin(&world, workers);
        noh_self *self = noh_system_self(system);
        noh_ref ref = noh_spawn(self, desk);
        noh_future waits;
        noh_exit exit;
        sum s;
        CHECK_OK(noh_tell(self, ref, later, .part = PART(ask_keeper)));
        CHECK_OK(noh_tell(self, ref, letter, .value = 5));
        CHECK_OK(noh_ask(self, ref, question, &waits));
        CHECK_EQ(look_at(self, ref), 1); /* it waits */
        CHECK_OK(noh_tell(self, ref, meanwhile, .part = PART(fail_it)));
        CHECK_OK(noh_join(self, ref, NOH_FOREVER, &exit));
        CHECK(exit.kind == NOH_EXIT_FAILED || exit.kind == NOH_EXIT_UNKNOWN);
        CHECK_ERR(noh_await(self, waits, sum, NOH_FOREVER, &s), NOH_E_STOPPED);
        let_keeper_answer(self, 100); /* to nobody */
        CHECK_EQ(core_logged(&world, "no way on"), 1);
        end(&world, system);
    }
}

static void an_exit_meanwhile_lets_the_other_come_to_its_end(void)
{
    core_world world;
    noh_system *system = begin(&world, 2);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, desk);
    noh_exit exit;
    CHECK_OK(noh_tell(self, ref, later, .part = PART(ask_keeper)));
    CHECK_OK(noh_tell(self, ref, meanwhile, .part = PART(exit_it)));
    expect_report(self, 3, NOH_OK);
    CHECK(noh_is_alive(system, ref));
    let_keeper_answer(self, 100);
    expect_report(self, 101, NOH_OK);
    CHECK_OK(noh_join(self, ref, NOH_FOREVER, &exit));
    CHECK(exit.kind == NOH_EXIT_NORMAL || exit.kind == NOH_EXIT_UNKNOWN);
    end(&world, system);
}

static void stops_count_while_messages_come(void)
{
    core_world world;
    noh_system *system = begin(&world, 2);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, desk);
    CHECK_OK(noh_tell(self, ref, later, .part = PART(ask_keeper)));
    CHECK_EQ(look_at(self, ref), 1);
    CHECK_OK(noh_tell(self, ref, tick, .value = 1));
    CHECK_OK(noh_stop(self, ref, NOH_STOP_NOW));
    noh_err err;
    while ((err = noh_tell(self, ref, tick, .value = 1)) == NOH_OK) {
        sched_yield();
    }
    CHECK_ERR(err, NOH_E_GONE);
    const noh_type *type;
    const void *message;
    bool told = false; /* that its wait ended so */
    while (noh_receive(self, 0, &type, &message) == NOH_OK) {
        told |= ((const report *)message)->code == NOH_E_STOPPED;
    }
    CHECK(told);
    let_keeper_answer(self, 100);
    end(&world, system);
}

static noh_err pass_the_gate(void *arg)
{
    core_pass(&gate);
    return NOH_OK;
}

static void block(noh_self *self, desk *me)
{
    CHECK_OK(noh_blocking(self, pass_the_gate, NULL));
    tell_driver(self, 2, NOH_OK);
}

/* What the helper uses may lie on the stack of who waits, so nothing may end the actor meanwhile. */
static void not_during_blocking_work(void)
{
    core_world world;
    noh_system *system = begin(&world, 2);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, desk);
    core_shut_gate(&gate);
    CHECK_OK(noh_tell(self, ref, later, .part = PART(block)));
    core_await_inside(&gate, 1);
    CHECK_OK(noh_tell(self, ref, meanwhile, .part = PART(fail_it)));
    core_open_gate(&gate);
    expect_report(self, 2, NOH_OK);
    CHECK_OK(noh_join(self, ref, NOH_FOREVER, NULL));
    end(&world, system);
}

static void not_before_the_start_is_over(void)
{
    core_world world;
    noh_system *system = begin(&world, 1);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, desk, .part = PART(ask_keeper));
    CHECK_OK(noh_tell(self, ref, tick, .value = 4));
    let_keeper_answer(self, 100);
    expect_report(self, 101, NOH_OK);
    expect_report(self, 4, NOH_OK);
    end(&world, system);
}

/* ---- which wait gets what ---- */

static void receive_some(noh_self *self, desk *me)
{
    const letter *l;
    const tick *t;
    const noh_type *type;
    const void *message;
    CHECK_OK(noh_receive_only(self, letter, NOH_FOREVER, &l));
    tell_driver(self, l->value, NOH_OK);
    CHECK_OK(noh_receive_only(self, tick, NOH_FOREVER, &t));
    tell_driver(self, t->value + 100, NOH_OK);
    CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &message));
    CHECK(type == NOH_TYPE(tick));
    tell_driver(self, ((const tick *)message)->value + 100, NOH_OK);
}

static void who_receives_it_has_it(void)
{
    core_world world;
    noh_system *system = begin(&world, 1);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, desk);
    CHECK_OK(noh_tell(self, ref, later, .part = PART(receive_some)));
    CHECK_OK(noh_tell(self, ref, tick, .value = 1));
    expect_report(self, 1, NOH_OK); /* it waits for a letter */
    CHECK_OK(noh_tell(self, ref, letter, .value = 2));
    expect_report(self, 2, NOH_OK);
    CHECK_OK(noh_tell(self, ref, tick, .value = 3));
    expect_report(self, 103, NOH_OK);
    CHECK_OK(noh_tell(self, ref, tick, .value = 4));
    expect_report(self, 104, NOH_OK);
    end(&world, system);
}

static void tick_and_wait(noh_self *self, desk *me)
{
    CHECK_OK(noh_every(self, NOH_MS, noh_self_ref(self), tick, &me->timer, .value = 6));
    ask_keeper(self, me);
    CHECK_OK(noh_timer_cancel(self, me->timer));
}

static void timers_tick_meanwhile(void)
{
    core_world world;
    noh_system *system = begin(&world, 1);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, desk);
    CHECK_OK(noh_tell(self, ref, later, .part = PART(tick_and_wait)));
    expect_report(self, 6, NOH_OK);
    expect_report(self, 6, NOH_OK);
    let_keeper_answer(self, 100);
    int64_t value;
    while ((value = CORE_RECEIVE(report, self)->value) == 6) {
    }
    CHECK_EQ(value, 101);
    noh_exit exit = core_stop(self, ref, NOH_STOP_NOW);
    CHECK(exit.kind == NOH_EXIT_SHUTDOWN || exit.kind == NOH_EXIT_UNKNOWN);
    const noh_type *type;
    const void *message;
    while (noh_receive(self, 0, &type, &message) == NOH_OK) { /* of ticks that were on their way */
    }
    end(&world, system);
}

static void shut_and_wait(noh_self *self, desk *me)
{
    CHECK_OK(noh_become(self, desk, shut));
    ask_keeper(self, me);
}

static void roles_choose_their_own(void)
{
    core_world world;
    noh_system *system = begin(&world, 1);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, desk);
    noh_future looks;
    size_t index;
    sum s;
    CHECK_OK(noh_tell(self, ref, later, .part = PART(shut_and_wait)));
    CHECK_OK(noh_ask(self, ref, look, &looks)); /* in that role it is not reentrant */
    CHECK_OK(noh_tell(self, ref, meanwhile, .part = PART(add_ten)));
    expect_report(self, 11, NOH_OK);
    CHECK_ERR(noh_await_any(self, &looks, 1, 0, &index), NOH_E_TIMEOUT);
    let_keeper_answer(self, 100);
    expect_report(self, 111, NOH_OK);
    CHECK_OK(noh_await(self, looks, sum, NOH_FOREVER, &s));
    CHECK_EQ(s.value, 11);
    end(&world, system);
}

/* Deeper than the usual stack. */
static NOHI_NOINLINE int64_t use_stack(int64_t depth)
{
    volatile char here[4096];
    here[0] = (char)depth;
    return depth == 0 ? here[0] : use_stack(depth - 1) + 1;
}

static void go_deep(noh_self *self, desk *me)
{
    tell_driver(self, use_stack(150), NOH_OK);
}

static void they_have_the_stack_of_their_behavior(void)
{
    core_world world;
    noh_system *system = begin(&world, 1);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, deep_desk);
    CHECK_OK(noh_tell(self, ref, later, .part = PART(ask_keeper)));
    CHECK_OK(noh_tell(self, ref, meanwhile, .part = PART(go_deep)));
    CHECK_OK(noh_tell(self, ref, meanwhile, .part = PART(add_ten)));
    expect_report(self, 150, NOH_OK);
    expect_report(self, 11, NOH_OK);
    let_keeper_answer(self, 100);
    expect_report(self, 111, NOH_OK);
    end(&world, system);
}

/* ---- circles ---- */

static void look_at_itself(noh_self *self, desk *me)
{
    me->value = 8;
    tell_driver(self, look_at(self, noh_self_ref(self)), NOH_OK);
    sum s;
    CHECK_ERR(noh_call(self, noh_self_ref(self), question, &s), NOH_E_CYCLE);
}

static void who_asks_itself_is_answered(void)
{
    core_world world;
    noh_system *system = begin(&world, 1);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, desk);
    CHECK_OK(noh_tell(self, ref, later, .part = PART(look_at_itself)));
    expect_report(self, 8, NOH_OK);
    end(&world, system);
}

static void look_back(noh_self *self, waiter *me)
{
    sum s;
    if (me->value == 0) {
        CHECK_OK(noh_call(self, cast.a, look, &s));
    } else {
        CHECK_ERR(noh_call(self, cast.a, question, &s), NOH_E_CYCLE);
        s.value = -5;
    }
    CHECK_OK(noh_reply(self, sum, .value = s.value));
}

static void be_looked_at(noh_self *self, desk *me)
{
    sum s;
    me->value = 4;
    CHECK_OK(noh_call(self, cast.b, play, &s, .part = PART(look_back), .value = 0));
    tell_driver(self, s.value, NOH_OK);
}

static void be_asked(noh_self *self, desk *me)
{
    sum s = {-1};
    noh_err err = noh_call(self, cast.b, play, &s, .part = PART(look_back), .value = 1);
    tell_driver(self, s.value, err);
}

static void it_closes_no_circle(void)
{
    for (unsigned workers = 1; workers <= 3; workers++) {
        core_world world;
        noh_system *system = begin(&world, workers);
        noh_self *self = noh_system_self(system);
        cast.a = noh_spawn(self, desk);
        cast.b = spawn_waiter(self);
        for (int i = 0; i < 100; i++) {
            CHECK_OK(noh_tell(self, cast.a, later, .part = PART(be_looked_at)));
            expect_report(self, 4, NOH_OK);
        }
        CHECK_OK(noh_tell(self, cast.a, later, .part = PART(be_asked)));
        expect_report(self, -5, NOH_OK); /* an ordinary request does */
        end(&world, system);
    }
}

/* ---- many at once ---- */

enum { LOOKERS = 4, LOOKS = 2000 };

static void ask_often(noh_self *self, desk *me)
{
    sum s;
    for (int i = 0; i < LOOKS; i++) {
        CHECK_OK(noh_call(self, cast.b, question, &s, .value = i));
        CHECK_EQ(s.value, i + 1);
        me->value++;
    }
    tell_driver(self, me->value, NOH_OK);
}

static void look_often(noh_self *self, waiter *me)
{
    int64_t before = 0;
    for (int i = 0; i < LOOKS; i++) {
        int64_t now = look_at(self, cast.a);
        CHECK(now >= before);
        before = now;
    }
    tell_driver(self, -1, NOH_OK);
}

static void many_look_while_it_asks(void)
{
    for (unsigned workers = 1; workers <= 3; workers++) {
        core_world world;
        noh_system *system = begin(&world, workers);
        noh_self *self = noh_system_self(system);
        int64_t sum_of_reports = 0;
        cast.a = noh_spawn(self, desk);
        cast.b = spawn_waiter(self);
        CHECK_OK(noh_tell(self, cast.a, later, .part = PART(ask_often)));
        for (int i = 0; i < LOOKERS; i++) {
            (void)let(self, look_often, 0);
        }
        for (int i = 0; i < LOOKERS + 1; i++) {
            sum_of_reports += CORE_RECEIVE(report, self)->value;
        }
        CHECK_EQ(sum_of_reports, LOOKS - LOOKERS);
        end(&world, system);
    }
}

static const test_case cases[] = {
    TEST(chosen_messages_are_handled_meanwhile),
    TEST(many_are_handled_in_their_order),
    TEST(what_they_tell_the_own_actor_comes_as_well),
    TEST(they_may_ask_but_not_wait),
    TEST(a_failure_meanwhile_ends_the_actor),
    TEST(an_exit_meanwhile_lets_the_other_come_to_its_end),
    TEST(stops_count_while_messages_come),
    TEST(not_during_blocking_work),
    TEST(not_before_the_start_is_over),
    TEST(who_receives_it_has_it),
    TEST(timers_tick_meanwhile),
    TEST(roles_choose_their_own),
    TEST(they_have_the_stack_of_their_behavior),
    TEST(who_asks_itself_is_answered),
    TEST(it_closes_no_circle),
    TEST(many_look_while_it_asks),
};
TEST_MAIN(cases)
