/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a plain function is an actor: it ends as it returns, and what it was given is dropped exactly
 * once, however it ends; what it was not given stays the caller's. */
#include "waiter.h"

NOH_MESSAGE(play_start, (noh_text, name), (int64_t, value));

/* ---- NOH_PROCESS ---------------------------------------------------------------------------- */

static noh_err add_letters(noh_self *self, const play_start *m)
{
    int64_t value = m->value;
    CHECK_TEXT(m->name, "adder");
    for (;;) {
        const noh_type *type;
        const void *message;
        noh_err err = noh_receive(self, NOH_FOREVER, &type, &message);
        if (err != NOH_OK) {
            tell_driver(self, value, err);
            return err;
        }
        if (noh_type_equal(type, NOH_TYPE(question))) {
            CHECK_OK(noh_reply(self, sum, .value = value));
        } else if (noh_type_equal(type, NOH_TYPE(other_letter))) {
            return (noh_err)((const other_letter *)message)->value;
        } else {
            value += ((const letter *)message)->value;
        }
    }
}

NOH_PROCESS(adder, play_start, add_letters);

static noh_err return_at_once(noh_self *self, const noh_nothing *m)
{
    return NOH_OK;
}

NOH_PROCESS(short_lived, noh_nothing, return_at_once);

/* Deeper than the usual stack is, before and after a wait. */
TEST_PLAIN static int64_t dig_to(const volatile char *top, int64_t bytes)
{
    char here;
    volatile char room[2000];
    room[0] = 1;
    return top - &here > bytes ? room[0] : dig_to(top, bytes) + room[0];
}

static noh_err dig_and_answer(noh_self *self, const play_start *m)
{
    volatile char top = 0;
    int64_t frames = dig_to(&top, m->value);
    const question *q;
    noh_err err = noh_receive_only(self, question, NOH_FOREVER, &q);
    if (err == NOH_OK) {
        CHECK_EQ(dig_to(&top, m->value), frames);
        err = noh_reply(self, sum, .value = frames);
    }
    return err;
}

NOH_PROCESS(digger, play_start, dig_and_answer, NOH_STACK(1000 * 1000));

static void check_kind(noh_exit exit, noh_exit_kind kind)
{
    CHECK(exit.kind == kind || exit.kind == NOH_EXIT_UNKNOWN);
}

/* It returns `code`; UNKNOWN if it was quicker than the join. */
static noh_exit end_with(noh_self *self, noh_ref actor, noh_err code)
{
    noh_exit exit;
    CHECK_OK(noh_tell(self, actor, other_letter, .value = code));
    CHECK_OK(noh_join(self, actor, NOH_FOREVER, &exit));
    return exit;
}

static void a_function_takes_its_messages_and_ends_as_it_returns(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    sum s;
    cast.driver = noh_self_ref(self);
    noh_ref a = noh_spawn(self, adder, .name = "adder", .value = 10);
    CHECK_OK(noh_tell(self, a, letter, .value = 1));
    CHECK_OK(noh_tell(self, a, letter, .value = 2));
    CHECK_OK(noh_call(self, a, question, &s));
    CHECK_EQ(s.value, 13);
    check_kind(end_with(self, a, NOH_OK), NOH_EXIT_NORMAL);
    CHECK_ERR(noh_call(self, a, question, &s), NOH_E_GONE);
    a = noh_spawn(self, adder, .name = "adder");
    check_kind(end_with(self, a, NOH_E_STOPPED), NOH_EXIT_NORMAL);
    a = noh_spawn(self, adder, .name = "adder");
    noh_exit exit = end_with(self, a, NOH_E_TOO_BIG);
    check_kind(exit, NOH_EXIT_FAILED);
    CHECK(exit.kind == NOH_EXIT_UNKNOWN || exit.code == NOH_E_TOO_BIG);
    CHECK_OK(noh_join(self, noh_spawn(self, short_lived), NOH_FOREVER, NULL));
    (void)core_settled(system, 0);
    core_end(&world, system);
}

static void it_may_have_a_larger_stack(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    CHECK_EQ(noh_behavior_digger.stack_size, 1000 * 1000);
    CHECK_EQ(noh_behavior_adder.stack_size, 0);
    for (int i = 0; i < 10; i++) {
        sum s;
        noh_ref a = noh_spawn(self, digger, .name = "digger", .value = 900 * 1024);
        CHECK_OK(noh_call(self, a, question, &s));
        CHECK(s.value > 90);
        CHECK_OK(noh_join(self, a, NOH_FOREVER, NULL));
    }
    core_end(&world, system);
}

static void what_it_leaves_in_its_mailbox_is_dead(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_future future;
    sum s;
    cast.driver = noh_self_ref(self);
    noh_ref a = noh_spawn(self, adder, .name = "adder");
    CHECK_OK(noh_tell(self, a, other_letter, .value = NOH_OK));
    noh_err told = noh_tell(self, a, letter, .value = 1);
    CHECK(told == NOH_OK || told == NOH_E_GONE);
    noh_err err = noh_ask(self, a, question, &future);
    err = err != NOH_OK ? err : noh_await(self, future, sum, NOH_FOREVER, &s);
    CHECK(err == NOH_E_STOPPED || err == NOH_E_GONE);
    noh_ledger ledger = core_settled(system, 0);
    CHECK_EQ(ledger.dead[NOH_DEAD_STOPPED] + ledger.dead[NOH_DEAD_GONE], 2);
    core_end(&world, system);
}

static void a_drain_is_seen_after_what_was_told(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    cast.driver = noh_self_ref(self);
    for (int64_t i = 0; i < 50; i++) {
        noh_ref a = noh_spawn(self, adder, .name = "adder");
        CHECK_OK(noh_tell(self, a, letter, .value = i));
        CHECK_OK(noh_tell(self, a, letter, .value = 1));
        check_kind(core_stop(self, a, NOH_STOP_DRAIN), NOH_EXIT_NORMAL);
        expect_report(self, i + 1, NOH_E_STOPPED);
    }
    core_end(&world, system);
}

NOH_NO_STATE(mortal);

static noh_err ends_by_question(noh_self *self, mortal *me, const question *m)
{
    CHECK_OK(noh_reply(self, sum, .value = m->value));
    return noh_process_ends(self, (noh_err)m->value);
}

NOH_BEHAVIOR(mortal, NOH_ON(question, ends_by_question));

static void any_handler_may_end_like_a_process(void)
{
    static const noh_err ends[] = {NOH_OK, NOH_E_STOPPED, NOH_E_LIMIT};
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    for (size_t i = 0; i < 3; i++) {
        noh_exit exit;
        sum s;
        noh_ref a = noh_spawn(self, mortal);
        CHECK_OK(noh_call(self, a, question, &s, .value = ends[i]));
        CHECK_OK(noh_join(self, a, NOH_FOREVER, &exit));
        check_kind(exit, i < 2 ? NOH_EXIT_NORMAL : NOH_EXIT_FAILED);
    }
    CHECK_ERR(noh_process_ends(NULL, NOH_OK), NOH_E_INVAL);
    CHECK_ERR(noh_process_ends(self, NOH_OK), NOH_E_CONTEXT); /* a plain thread */
    core_end(&world, system);
}

/* ---- closures ------------------------------------------------------------------------------- */

typedef enum ending { RETURNS, RETURNS_ERROR, FAILS, WAITS } ending;

typedef struct thing {
    ending ending;
    atomic_int started;
    atomic_int dropped;
} thing;

static void drop_thing(void *arg)
{
    atomic_fetch_add(&((thing *)arg)->dropped, 1);
}

static noh_err run_thing(noh_self *self, void *arg)
{
    thing *t = arg;
    CHECK_EQ(atomic_load(&t->dropped), 0);
    atomic_store(&t->started, 1);
    switch (t->ending) {
    case RETURNS:
        return NOH_OK;
    case RETURNS_ERROR:
        return NOH_E_TOO_BIG;
    case FAILS:
        noh_fail(self, NOH_E_LIMIT, "as told");
        break;
    case WAITS:
        break;
    }
    const letter *l;
    noh_err err = noh_receive_only(self, letter, NOH_FOREVER, &l);
    CHECK_EQ(atomic_load(&t->dropped), 0); /* it is stopped, and has it still */
    return err;
}

static void await_start(thing *t)
{
    while (atomic_load(&t->started) == 0) {
        sched_yield();
    }
}

static void an_argument_is_dropped_once_however_it_ends(void)
{
    static const noh_stop_kind stops[] = {NOH_STOP_DRAIN, NOH_STOP_NOW, NOH_STOP_KILL};
    for (unsigned workers = 1; workers <= 2; workers++) {
        core_world world;
        noh_system *system = core_start(&world, workers, NULL);
        noh_self *self = noh_system_self(system);
        for (int i = 0; i < 3; i++) {
            thing t = {.ending = (ending)i};
            noh_exit exit;
            noh_ref a = noh_spawn_fn(self, run_thing, &t, drop_thing);
            CHECK_OK(noh_join(self, a, NOH_FOREVER, &exit));
            check_kind(exit, i == RETURNS ? NOH_EXIT_NORMAL : NOH_EXIT_FAILED);
            CHECK_EQ(atomic_load(&t.dropped), 1);
        }
        for (int i = 0; i < 6; i++) {
            thing t = {.ending = WAITS};
            noh_ref a = noh_spawn_fn(self, run_thing, &t, drop_thing);
            if (i < 3) { /* else perhaps before it has begun */
                await_start(&t);
            }
            (void)core_stop(self, a, stops[i % 3]);
            CHECK_EQ(atomic_load(&t.dropped), 1);
        }
        core_end(&world, system);
    }
}

static void what_is_left_is_dropped_with_the_system(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    thing things[8] = {{.ending = WAITS}};
    for (int i = 0; i < 8; i++) {
        things[i].ending = WAITS;
        CHECK(!noh_ref_is_none(noh_spawn_fn(self, run_thing, &things[i], drop_thing)));
    }
    core_end(&world, system);
    for (int i = 0; i < 8; i++) {
        CHECK_EQ(atomic_load(&things[i].dropped), 1);
    }
}

static void a_drop_function_may_be_missing(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    thing t = {.ending = RETURNS};
    CHECK_OK(noh_join(self, noh_spawn_fn(self, run_thing, &t, NULL), NOH_FOREVER, NULL));
    CHECK_EQ(atomic_load(&t.started), 1);
    CHECK_EQ(atomic_load(&t.dropped), 0);
    core_end(&world, system);
}

static void a_refused_argument_stays_the_callers(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    thing first = {.ending = WAITS};
    thing second = {.ending = WAITS};
    noh_spawn_options named = {.name = "only one"};
    noh_ref a = NOH_NO_REF;
    noh_ref b = NOH_NO_REF;
    CHECK_OK(noh_spawn_fn_with(self, run_thing, &first, drop_thing, &named, &a));
    CHECK(noh_ref_equal(noh_lookup(system, "only one"), a));
    CHECK_ERR(noh_spawn_fn_with(self, run_thing, &second, drop_thing, &named, &b), NOH_E_TAKEN);
    CHECK_ERR(noh_spawn_fn_with(self, NULL, &second, drop_thing, NULL, &b), NOH_E_INVAL);
    CHECK_ERR(noh_spawn_fn_with(self, run_thing, &second, drop_thing, NULL, NULL), NOH_E_INVAL);
    CHECK(noh_ref_is_none(noh_spawn_fn(self, NULL, &second, drop_thing)));
    CHECK(noh_ref_is_none(noh_spawn_fn(NULL, run_thing, &second, drop_thing)));
    CHECK(noh_ref_is_none(b));
    (void)core_stop(self, a, NOH_STOP_NOW);
    CHECK_OK(noh_system_stop(system, NOH_SECOND * 60));
    CHECK_ERR(noh_spawn_fn_with(self, run_thing, &second, drop_thing, NULL, &b), NOH_E_STOPPING);
    core_end(&world, system);
    CHECK_EQ(atomic_load(&first.dropped), 1);
    CHECK_EQ(atomic_load(&second.dropped), 0);
    CHECK_EQ(atomic_load(&second.started), 0);
}

static const test_case cases[] = {
    TEST(a_function_takes_its_messages_and_ends_as_it_returns),
    TEST(it_may_have_a_larger_stack),
    TEST(what_it_leaves_in_its_mailbox_is_dead),
    TEST(a_drain_is_seen_after_what_was_told),
    TEST(any_handler_may_end_like_a_process),
    TEST(an_argument_is_dropped_once_however_it_ends),
    TEST(what_is_left_is_dropped_with_the_system),
    TEST(a_drop_function_may_be_missing),
    TEST(a_refused_argument_stays_the_callers),
};
TEST_MAIN(cases)
