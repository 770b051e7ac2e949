/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: an actor is born as noh.h says: which hook runs first, with what, and what it may do there.
 * Method: actors report every hook to the plain thread. */
#include "base.h"
#include "worker.h"

/* ---- start -------------------------------------------------------------------------------- */

static void the_start_hook_runs_first_and_gets_its_arguments(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    for (int i = 0; i < 200; i++) {
        noh_ref ref = spawn_worker(self, FINE);
        CHECK_OK(noh_tell(self, ref, work, .value = i));
        CHECK(noh_is_alive(system, ref));
        expect_text(self, STARTED, FINE, "some words");
        expect(self, WORKED, i);
        CHECK_OK(noh_stop(self, ref, NOH_STOP_DRAIN));
        expect(self, STOPPED, NOH_EXIT_NORMAL);
    }
    core_expect_nothing(self);
    core_end(&world, system);
}

static void a_start_hook_that_fails_ends_the_actor_without_another_hook(void)
{
    static const int64_t orders[] = {RETURN_ERROR, FAIL, FAIL_DEEP, EXIT_AND_FAIL};
    static const noh_err codes[] = {NOH_E_TAKEN, NOH_E_TOO_BIG, NOH_E_OS, NOH_E_TAKEN};
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    for (int i = 0; i < 4; i++) {
        core_shut_gate(&gate);
        noh_ref blocked = spawn_worker(self, FINE); /* so that join comes before the start */
        expect(self, STARTED, FINE);
        CHECK_OK(noh_tell(self, blocked, block));
        core_await_inside(&gate, 1);
        noh_ref ref = spawn_worker(self, orders[i]);
        CHECK_OK(noh_tell(self, ref, work, .value = 1));
        CHECK_ERR(noh_join(self, ref, 0, NULL), NOH_E_TIMEOUT);
        core_open_gate(&gate);
        expect(self, STARTED, orders[i]);
        (void)core_stop(self, blocked, NOH_STOP_KILL);
        CHECK_OK(noh_join(self, ref, NOH_FOREVER, NULL));
        core_expect_nothing(self); /* no work, no hook */
        CHECK(!noh_is_alive(system, ref));
        CHECK_EQ(core_dead(system, NOH_DEAD_STOPPED), i + 1);
        CHECK_EQ(core_logged(&world, noh_err_name(codes[i])) > 0, true);
    }
    CHECK_EQ(core_actors(system), 0);
    core_end(&world, system);
}

static void a_start_hook_may_end_its_actor(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref ref = spawn_worker(self, EXIT);
    expect(self, STARTED, EXIT);
    expect(self, STOPPED, NOH_EXIT_NORMAL);
    CHECK_OK(noh_join(self, ref, NOH_FOREVER, NULL));
    core_end(&world, system);
}

/* Asks what its start arguments were. */
typedef struct curious {
    worker_start seen;
} curious;

static noh_err curious_started(noh_self *self, curious *me, const worker_start *start)
{
    me->seen = *start;
    return NOH_OK;
}

static noh_err curious_get_sum(noh_self *self, curious *me, const get_sum *m)
{
    bool zero = noh_ref_is_none(me->seen.watcher) && me->seen.what == 0 && me->seen.words == NULL;
    return noh_reply(self, sum, .value = zero ? 1 : 0);
}

NOH_BEHAVIOR_WITH(curious, worker_start, curious_started, NOH_ON(get_sum, curious_get_sum));

static void null_start_arguments_are_all_zero(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref refs[3] = {noh_spawn(self, curious), noh_spawn_value(self, &noh_behavior_curious, NULL),
                       noh_spawn(self, curious, .what = 7)};
    for (int i = 0; i < 3; i++) {
        sum answer;
        CHECK_OK(noh_call(self, refs[i], get_sum, &answer));
        CHECK_EQ(answer.value, i < 2);
    }
    core_end(&world, system);
}

static void spawn_options_are_checked(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref ref = {77};
    const noh_behavior *b = &noh_behavior_worker;
    CHECK_ERR(noh_spawn_with(NULL, b, NULL, NULL, &ref), NOH_E_INVAL);
    CHECK_ERR(noh_spawn_with(self, NULL, NULL, NULL, &ref), NOH_E_INVAL);
    CHECK_ERR(noh_spawn_with(self, b, NULL, NULL, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_spawn_with(self, b, NULL, &(noh_spawn_options){.size = 3}, &ref), NOH_E_INVAL);
    CHECK_ERR(noh_spawn_with(self, b, NULL, &(noh_spawn_options){.name = ""}, &ref), NOH_E_INVAL);
    char name[257];
    memset(name, 'n', sizeof name);
    name[256] = 0;
    CHECK_ERR(noh_spawn_with(self, b, NULL, &(noh_spawn_options){.name = name}, &ref), NOH_E_INVAL);
    CHECK_EQ(ref.bits, 77);
    CHECK(noh_ref_is_none(noh_spawn_value(NULL, b, NULL)));
    CHECK_OK(noh_spawn_with(
        self, b, NOH_VALUE(worker_start, .watcher = noh_self_ref(self)),
        &(noh_spawn_options){
            .size = sizeof(noh_spawn_options), .name = name + 1, .mailbox_max = 5, .pinned = true},
        &ref));
    expect(self, STARTED, FINE);
    CHECK(noh_ref_equal(noh_lookup(system, name + 1), ref));
    noh_ref second = {78};
    CHECK_ERR(noh_spawn_with(self, b, NOH_VALUE(worker_start, .watcher = noh_self_ref(self)),
                             &(noh_spawn_options){.name = name + 1}, &second),
              NOH_E_TAKEN);
    CHECK_EQ(second.bits, 78);
    (void)core_stop(self, ref, NOH_STOP_NOW);
    expect(self, STOPPED, NOH_EXIT_SHUTDOWN);
    (void)core_settled(system, 0);
    core_expect_nothing(self); /* of the one whose name was taken no hook ran */
    CHECK_EQ(core_actors(system), 0);
    core_end(&world, system);
}

/* ---- an actor among others ---------------------------------------------------------------- */

NOH_MESSAGE(count_down, (int64_t, left), (noh_ref, home));

typedef struct chain {
    int64_t seen;
} chain;

static noh_err chain_count_down(noh_self *self, chain *me, const count_down *m)
{
    me->seen++;
    if (m->left > 0) {
        return noh_tell(self, noh_self_ref(self), count_down, .left = m->left - 1, .home = m->home);
    }
    return noh_tell(self, m->home, event, .what = WORKED, .value = me->seen);
}

static noh_err chain_sum(noh_self *self, chain *me, const get_sum *m)
{
    return noh_reply(self, sum, .value = me->seen);
}

NOH_BEHAVIOR(chain, NOH_ON(count_down, chain_count_down), NOH_ON(get_sum, chain_sum));

static void an_actor_that_tells_itself_leaves_room_for_others(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref busy = noh_spawn(self, chain);
    noh_ref other = noh_spawn(self, chain);
    sum answer;
    int64_t left = NOHI_LIMIT(2000000, 100000); /* hostile: some of them give the processor away */
    CHECK_OK(noh_tell(self, busy, count_down, .left = left, .home = noh_self_ref(self)));
    for (int i = 0; i < 10; i++) {
        CHECK_OK(noh_call(self, other, get_sum, &answer));
        CHECK_EQ(answer.value, 0);
        CHECK_OK(noh_call(self, busy, get_sum, &answer)); /* interleaved with its own */
    }
    expect(self, WORKED, left + 1);
    core_end(&world, system);
}

/* Children: a tree of spawns from handlers. */
NOH_MESSAGE(grow, (int64_t, depth), (noh_ref, home));

NOH_NO_STATE(tree);
NOH_BEHAVIOR_DECLARE(tree, noh_nothing);

static noh_err tree_grow(noh_self *self, tree *me, const grow *m)
{
    for (int i = 0; i < 2 && m->depth > 0; i++) {
        noh_ref child = noh_spawn(self, tree);
        CHECK_OK(noh_tell(self, child, grow, .depth = m->depth - 1, .home = m->home));
    }
    CHECK_OK(noh_tell(self, m->home, event, .what = WORKED, .value = m->depth));
    return noh_exit_self(self);
}

NOH_BEHAVIOR(tree, NOH_ON(grow, tree_grow));

static void actors_spawn_actors(void)
{
    enum { DEPTH = 12 };
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    CHECK_OK(
        noh_tell(self, noh_spawn(self, tree), grow, .depth = DEPTH, .home = noh_self_ref(self)));
    int64_t seen[DEPTH + 1] = {0};
    for (int i = 0; i < (2 << DEPTH) - 1; i++) {
        seen[CORE_RECEIVE(event, self)->value]++;
    }
    for (int depth = 0; depth <= DEPTH; depth++) {
        CHECK_EQ(seen[depth], 1 << (DEPTH - depth));
    }
    CHECK_OK(noh_system_stop(system, NOH_FOREVER));
    CHECK_EQ(core_actors(system), 0);
    noh_stats stats;
    CHECK_OK(noh_system_stats(system, &stats));
    CHECK_EQ(stats.spawned, (2 << DEPTH) - 1);
    core_end(&world, system);
}

static const test_case cases[] = {
    TEST(the_start_hook_runs_first_and_gets_its_arguments),
    TEST(a_start_hook_that_fails_ends_the_actor_without_another_hook),
    TEST(a_start_hook_may_end_its_actor),
    TEST(null_start_arguments_are_all_zero),
    TEST(spawn_options_are_checked),
    TEST(an_actor_that_tells_itself_leaves_room_for_others),
    TEST(actors_spawn_actors),
};
TEST_MAIN(cases)
