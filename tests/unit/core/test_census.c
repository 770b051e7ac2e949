/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: how many handlers of a behavior wait, how deep they were, and what that costs, is known; also
 * of 100,000 that wait at once. */
#include "core.h"

NOH_MESSAGE(begin, (noh_ref, home), (int64_t, bytes), (bool, says_so));
NOH_MESSAGE(go_on);
NOH_MESSAGE(done);
NOH_MESSAGE(counter_start, (noh_ref, home));

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__) || defined(NOH_HOSTILE)
enum { MANY = 2000 };
#else
enum { MANY = 100000 };
#endif

TEST_PLAIN static noh_err wait_at(noh_self *self, const volatile char *top, int64_t bytes)
{
    volatile char room[500];
    room[0] = 1;
    if (top - room < bytes) {
        noh_err err = wait_at(self, top, bytes);
        return room[0] == 1 ? err : NOH_E_FAILED;
    }
    const noh_type *type;
    const void *message;
    return noh_receive(self, NOH_FOREVER, &type, &message);
}

#define WAITER(S) \
    NOH_NO_STATE(S); \
    static noh_err S##_begin(noh_self *self, S *me, const begin *m) \
    { \
        const volatile char top = 0; \
        noh_ref home = m->home; \
        if (m->says_so) { \
            (void)noh_tell(self, home, done); \
        } \
        noh_err err = wait_at(self, &top, m->bytes); \
        return err != NOH_OK ? err : noh_tell(self, home, done); \
    } \
    NOH_BEHAVIOR(S, NOH_ON(begin, S##_begin))

WAITER(shallow_one);
WAITER(deep_one);
WAITER(a_waiter_whose_name_is_far_too_long_to_be_written_down_in_full);

/* Tells its home when many are done. */
typedef struct counter {
    noh_ref home;
    int64_t count;
} counter;

static noh_err counter_started(noh_self *self, counter *me, const counter_start *start)
{
    me->home = start->home;
    return NOH_OK;
}

static noh_err counter_done(noh_self *self, counter *me, const done *m)
{
    return ++me->count % MANY == 0 ? noh_tell(self, me->home, done) : NOH_OK;
}

NOH_BEHAVIOR_WITH(counter, counter_start, counter_started, NOH_ON(done, counter_done));

static noh_stack_use use_named(noh_system *system, const char *name)
{
    noh_stack_use uses[8];
    size_t count;
    CHECK_OK(noh_stack_census(system, uses, 8, &count));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(uses[i].behavior, name) == 0) {
            return uses[i];
        }
    }
    return (noh_stack_use){.waiting = 0};
}

static noh_stack_use await_waiting(noh_system *system, const char *name, uint64_t wanted)
{
    noh_stack_use use;
    while ((use = use_named(system, name)).waiting != wanted) {
        sched_yield();
    }
    return use;
}

static void who_waits_is_counted_and_measured(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *me = noh_system_self(system);
    noh_ref refs[10];
    CHECK_EQ(use_named(system, "deep_one").deepest, 0);
    for (int i = 0; i < 10; i++) {
        refs[i] = i % 2 == 0 ? noh_spawn(me, shallow_one) : noh_spawn(me, deep_one);
        CHECK_OK(noh_tell(me, refs[i], begin, .home = noh_self_ref(me),
                          .bytes = i % 2 == 0 ? 0 : 20000 * i));
    }
    noh_stack_use shallow = await_waiting(system, "shallow_one", 5);
    noh_stack_use deep = await_waiting(system, "deep_one", 5);
    CHECK(shallow.deepest > 500 && shallow.deepest < 20000);
    CHECK(deep.deepest > 180000 && deep.deepest < 256 * 1024);
    CHECK(shallow.touched >= 5 * 4096 && deep.touched > 20000 + 60000 + 100000 + 140000 + 180000);
    for (int i = 0; i < 10; i++) {
        CHECK_OK(noh_tell(me, refs[i], go_on));
        (void)CORE_RECEIVE(done, me);
    }
    CHECK_EQ(await_waiting(system, "shallow_one", 0).deepest, shallow.deepest);
    deep = await_waiting(system, "deep_one", 0);
    CHECK(deep.deepest > 180000 && deep.touched == 0);
    core_end(&world, system);
}

static void who_ran_off_its_stack_is_known_as_deep(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *me = noh_system_self(system);
    noh_ref ref = noh_spawn(me, deep_one);
    CHECK_OK(noh_tell(me, ref, begin, .bytes = 1 << 20));
    CHECK_OK(noh_join(me, ref, 60 * NOH_SECOND, NULL));
    noh_stack_use use = use_named(system, "deep_one");
    CHECK_EQ(use.deepest, 256 * 1024);
    CHECK_EQ(use.waiting, 0);
    core_end(&world, system);
}

static void who_is_stopped_in_a_wait_waits_no_more(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *me = noh_system_self(system);
    static const noh_stop_kind kinds[] = {NOH_STOP_DRAIN, NOH_STOP_NOW, NOH_STOP_KILL};
    for (int i = 0; i < 30; i++) {
        noh_ref ref = noh_spawn(me, shallow_one);
        CHECK_OK(noh_tell(me, ref, begin, .home = noh_self_ref(me)));
        (void)await_waiting(system, "shallow_one", 1);
        (void)core_stop(me, ref, kinds[i % 3]);
        CHECK_EQ(use_named(system, "shallow_one").waiting, 0);
    }
    core_end(&world, system);
}

static void a_short_list_and_bad_arguments(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *me = noh_system_self(system);
    noh_stack_use uses[2] = {{.waiting = 77}, {.waiting = 77}};
    size_t count = 77;
    CHECK_ERR(noh_stack_census(NULL, uses, 2, &count), NOH_E_INVAL);
    CHECK_ERR(noh_stack_census(system, NULL, 2, &count), NOH_E_INVAL);
    CHECK_ERR(noh_stack_census(system, uses, 2, NULL), NOH_E_INVAL);
    CHECK_EQ(count, 77);
    CHECK_OK(noh_stack_census(system, NULL, 0, &count));
    CHECK_EQ(count, 0);
    noh_ref refs[] = {
        noh_spawn(me, shallow_one), noh_spawn(me, deep_one),
        noh_spawn(me, a_waiter_whose_name_is_far_too_long_to_be_written_down_in_full)};
    for (int i = 0; i < 3; i++) {
        CHECK_OK(noh_tell(me, refs[i], begin, .home = noh_self_ref(me)));
    }
    do {
        CHECK_OK(noh_stack_census(system, uses, 1, &count));
    } while (count < 3);
    CHECK_EQ(uses[1].waiting, 77);
    (void)await_waiting(system, "a_waiter_whose_name_is_far_too_long_to_be_written_down_", 1);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(noh_tell(me, refs[i], go_on));
        (void)CORE_RECEIVE(done, me);
    }
    core_end(&world, system);
}

static void a_hundred_thousand_wait_at_once(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *me = noh_system_self(system);
    noh_ref *refs = malloc(MANY * sizeof *refs);
    CHECK(refs != NULL);
    noh_ref home = noh_spawn(me, counter, .home = noh_self_ref(me));
    for (int i = 0; i < MANY; i++) {
        refs[i] = noh_spawn(me, shallow_one);
        CHECK_OK(noh_tell(me, refs[i], begin, .home = home, .says_so = true));
    }
    (void)CORE_RECEIVE(done, me); /* or we would look too often */
    noh_stack_use use = await_waiting(system, "shallow_one", MANY);
    printf("%d wait: %llu bytes each, the deepest used %zu\n", MANY,
           (unsigned long long)use.touched / MANY, use.deepest);
    CHECK(use.touched < (uint64_t)MANY * 32 * 1024);
    for (int i = 0; i < MANY; i++) {
        CHECK_OK(noh_tell(me, refs[i], go_on));
    }
    (void)CORE_RECEIVE(done, me);
    free(refs);
    CHECK_EQ(use_named(system, "shallow_one").waiting, 0);
    core_end(&world, system);
}

static const test_case cases[] = {
    TEST(who_waits_is_counted_and_measured),      TEST(who_ran_off_its_stack_is_known_as_deep),
    TEST(who_is_stopped_in_a_wait_waits_no_more), TEST(a_short_list_and_bad_arguments),
    TEST(a_hundred_thousand_wait_at_once),
};
TEST_MAIN(cases)
