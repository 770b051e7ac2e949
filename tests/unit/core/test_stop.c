/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: an actor ends as noh.h says: which hook runs, what is still handled, what is not, and what
 * who waits for the end learns.
 * Method: as test_actor.c; a handler blocked at a gate fixes what is queued when a stop comes. */
#include "worker.h"

/* ---- stop --------------------------------------------------------------------------------- */

typedef struct stopping {
    noh_system *system;
    noh_self *self;
    noh_ref ref;
} stopping;

/* A worker with a message in hand and work 1, 2, 3 queued. */
static stopping start_stopping(core_world *world)
{
    stopping s = {.system = core_start(world, 2, NULL)};
    core_shut_gate(&gate);
    s.self = noh_system_self(s.system);
    s.ref = spawn_worker(s.self, FINE);
    expect(s.self, STARTED, FINE);
    CHECK_OK(noh_tell(s.self, s.ref, block));
    core_await_inside(&gate, 1);
    for (int i = 1; i <= 3; i++) {
        CHECK_OK(noh_tell(s.self, s.ref, work, .value = i));
    }
    return s;
}

static void drain_handles_what_is_queued(void)
{
    core_world world;
    stopping s = start_stopping(&world);
    CHECK_OK(noh_stop(s.self, s.ref, NOH_STOP_DRAIN));
    CHECK_OK(noh_stop(s.self, s.ref, NOH_STOP_DRAIN));
    for (int i = 4; i <= 6; i++) { /* behind the stop */
        CHECK_OK(noh_tell(s.self, s.ref, work, .value = i));
    }
    CHECK(noh_is_alive(s.system, s.ref));
    CHECK_ERR(noh_join(s.self, s.ref, 0, NULL), NOH_E_TIMEOUT);
    core_open_gate(&gate);
    for (int i = 1; i <= 3; i++) {
        expect(s.self, WORKED, i);
    }
    expect_text(s.self, STOPPED, NOH_EXIT_NORMAL, "");
    CHECK_OK(noh_join(s.self, s.ref, NOH_FOREVER, NULL));
    core_expect_nothing(s.self);
    CHECK_EQ(core_settled(s.system, 0).dead[NOH_DEAD_STOPPED], 3);
    core_end(&world, s.system);
}

static void now_ends_after_the_message_in_hand(void)
{
    core_world world;
    stopping s = start_stopping(&world);
    CHECK_OK(noh_stop(s.self, s.ref, NOH_STOP_DRAIN));
    CHECK_OK(noh_stop(s.self, s.ref, NOH_STOP_NOW)); /* the stronger counts */
    CHECK_OK(noh_stop(s.self, s.ref, NOH_STOP_DRAIN));
    core_open_gate(&gate);
    expect(s.self, STOPPED, NOH_EXIT_SHUTDOWN);
    CHECK_OK(noh_join(s.self, s.ref, NOH_FOREVER, NULL));
    core_expect_nothing(s.self);
    noh_ledger ledger = core_settled(s.system, 0);
    CHECK_EQ(ledger.dead[NOH_DEAD_STOPPED], 3);
    CHECK_EQ(ledger.handled, 3); /* the block, and two events here */
    core_end(&world, s.system);
}

static void kill_runs_no_hook(void)
{
    core_world world;
    stopping s = start_stopping(&world);
    CHECK_OK(noh_stop(s.self, s.ref, NOH_STOP_NOW));
    CHECK_OK(noh_stop(s.self, s.ref, NOH_STOP_KILL));
    CHECK_OK(noh_stop(s.self, s.ref, NOH_STOP_NOW));
    core_open_gate(&gate);
    CHECK_OK(noh_join(s.self, s.ref, NOH_FOREVER, NULL));
    core_expect_nothing(s.self);
    CHECK_EQ(core_settled(s.system, 0).dead[NOH_DEAD_STOPPED], 3);
    core_end(&world, s.system);
}

/* The exit that a join learns, for each way to end; the join is there before the end. */
static void join_learns_how_the_actor_ended(void)
{
    static const struct {
        int64_t order; /* -1: a stop of kind `stop` */
        noh_stop_kind stop;
        noh_exit exit;
        int64_t hook; /* the event of its hook, or -1 */
        int64_t dead; /* messages that were not handled */
    } ways[] = {
        {-1, NOH_STOP_DRAIN, {NOH_EXIT_NORMAL, 0, ""}, STOPPED, 0},
        {-1, NOH_STOP_NOW, {NOH_EXIT_SHUTDOWN, 0, ""}, STOPPED, 0},
        {-1, NOH_STOP_KILL, {NOH_EXIT_KILLED, 0, ""}, -1, 0},
        {EXIT, 0, {NOH_EXIT_NORMAL, 0, ""}, STOPPED, 0},
        {RETURN_ERROR, 0, {NOH_EXIT_FAILED, NOH_E_TAKEN, "the name is taken"}, FAILED, 1},
        {FAIL, 0, {NOH_EXIT_FAILED, NOH_E_TOO_BIG, "too much"}, FAILED, 1},
        {FAIL_DEEP, 0, {NOH_EXIT_FAILED, NOH_E_OS, "at the bottom of 20 frames"}, FAILED, 1},
        {FAIL_OK, 0, {NOH_EXIT_FAILED, NOH_E_FAILED, "no code"}, FAILED, 1},
        {FAIL_LONG,
         0,
         {NOH_EXIT_FAILED, NOH_E_OS, "0000000000000000000000000000000000000000000000000000000"},
         FAILED,
         1},
        {EXIT_AND_FAIL, 0, {NOH_EXIT_FAILED, NOH_E_TAKEN, "the name is taken"}, FAILED, 1},
        {STOP_SELF_DRAIN, 0, {NOH_EXIT_NORMAL, 0, ""}, STOPPED, 1},
        {STOP_SELF_NOW, 0, {NOH_EXIT_SHUTDOWN, 0, ""}, STOPPED, 1},
        {STOP_SELF_KILL, 0, {NOH_EXIT_KILLED, 0, ""}, -1, 1},
        {TELL_SELF_AND_EXIT, 0, {NOH_EXIT_NORMAL, 0, ""}, STOPPED, 1},
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        core_world world;
        noh_system *system = core_start(&world, 1, NULL);
        noh_self *self = noh_system_self(system);
        core_shut_gate(&gate);
        noh_ref ref = spawn_worker(self, FINE);
        expect(self, STARTED, FINE);
        CHECK_OK(noh_tell(self, ref, block));
        core_await_inside(&gate, 1);
        if (ways[i].order >= 0) {
            CHECK_OK(noh_tell(self, ref, order, .what = ways[i].order));
        } else {
            CHECK_OK(noh_stop(self, ref, ways[i].stop));
        }
        core_open_when_i_sleep(&world, &gate);
        noh_exit exit = join(self, ref);
        CHECK_EQ(exit.kind, ways[i].exit.kind);
        CHECK_EQ(exit.code, ways[i].exit.code);
        CHECK_TEXT(exit.text, ways[i].exit.text);
        CHECK(!noh_is_alive(system, ref));
        if (ways[i].order == STOP_SELF_DRAIN) {
            expect(self, WORKED, 100);
        }
        if (ways[i].hook == FAILED) {
            expect_text(self, FAILED, ways[i].exit.code, ways[i].exit.text);
        } else if (ways[i].hook == STOPPED) {
            expect_text(self, STOPPED, ways[i].exit.kind, "");
        }
        core_expect_nothing(self);
        noh_ledger ledger = core_settled(system, 0);
        CHECK_EQ(noh_ledger_dead(&ledger), ways[i].dead);
        CHECK_EQ(core_logged(&world, "failed in order"), ways[i].hook == FAILED);
        core_end(&world, system);
    }
}

static void stopping_the_dead_is_gone(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref ref = spawn_worker(self, FINE);
    CHECK_EQ(core_stop(self, ref, NOH_STOP_KILL).code, NOH_OK);
    CHECK_ERR(noh_stop(self, ref, NOH_STOP_DRAIN), NOH_E_GONE);
    CHECK_ERR(noh_stop(self, ref, NOH_STOP_NOW), NOH_E_GONE);
    CHECK_ERR(noh_stop(self, ref, NOH_STOP_KILL), NOH_E_GONE);
    CHECK_ERR(noh_stop(NULL, ref, NOH_STOP_KILL), NOH_E_INVAL);
    CHECK_ERR(noh_stop(self, ref, (noh_stop_kind)3), NOH_E_INVAL);
    CHECK_ERR(noh_stop(self, ref, (noh_stop_kind)-1), NOH_E_INVAL);
    CHECK_ERR(noh_stop(self, noh_self_ref(self), NOH_STOP_NOW), NOH_E_CONTEXT);
    noh_exit exit = {.kind = NOH_EXIT_NORMAL, .code = NOH_E_OS};
    CHECK_OK(noh_join(self, ref, 0, &exit));
    CHECK_EQ(exit.kind, NOH_EXIT_UNKNOWN);
    CHECK_EQ(exit.code, NOH_OK);
    CHECK_OK(noh_join(self, NOH_NO_REF, 0, &exit));
    CHECK_EQ(exit.kind, NOH_EXIT_UNKNOWN);
    CHECK_OK(noh_join(self, ref, NOH_FOREVER, NULL));
    core_end(&world, system);
}

static void joins_refuse_what_they_cannot_wait_for(void)
{
    core_world world;
    stopping s = start_stopping(&world);
    noh_exit exit;
    CHECK_ERR(noh_join(NULL, s.ref, 0, &exit), NOH_E_INVAL);
    CHECK_ERR(noh_join(s.self, s.ref, -1, &exit), NOH_E_INVAL);
    CHECK_ERR(noh_join(s.self, noh_self_ref(s.self), 0, &exit), NOH_E_CONTEXT);
    for (int i = 0; i < 5; i++) {
        CHECK_ERR(noh_join(s.self, s.ref, i * NOH_US, &exit), NOH_E_TIMEOUT);
    }
    CHECK_OK(noh_stop(s.self, s.ref, NOH_STOP_NOW));
    core_open_when_i_sleep(&world, &gate);
    CHECK_EQ(join(s.self, s.ref).kind, NOH_EXIT_SHUTDOWN); /* the ones given up are no trouble */
    core_end(&world, s.system);
}

typedef struct joiner {
    noh_system *system;
    noh_ref ref;
    noh_exit_kind expected;
} joiner;

static void *join_on_a_thread(void *arg)
{
    joiner *j = arg;
    noh_self *self = noh_system_self(j->system);
    noh_exit exit;
    CHECK_OK(noh_join(self, j->ref, NOH_FOREVER, &exit));
    CHECK(exit.kind == j->expected || exit.kind == NOH_EXIT_UNKNOWN);
    return NULL;
}

static void many_may_join_one_actor(void)
{
    core_world world;
    stopping s = start_stopping(&world);
    joiner j = {s.system, s.ref, NOH_EXIT_SHUTDOWN};
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) {
        threads[i] = core_thread(join_on_a_thread, &j);
    }
    CHECK_OK(noh_stop(s.self, s.ref, NOH_STOP_NOW));
    core_open_when_i_sleep(&world, &gate);
    CHECK_EQ(join(s.self, s.ref).kind, NOH_EXIT_SHUTDOWN);
    for (int i = 0; i < 8; i++) {
        core_join_thread(threads[i]);
    }
    core_end(&world, s.system);
}

/* ---- hooks -------------------------------------------------------------------------------- */

static void a_hook_that_fails_does_not_hold_up_the_end(void)
{
    static const int64_t orders[] = {HOOK_ERROR, HOOK_FAIL, HOOK_TELL};
    for (int failing = 0; failing < 2; failing++) {
        for (int i = 0; i < 3; i++) {
            core_world world;
            noh_system *system = core_start(&world, 1, NULL);
            noh_self *self = noh_system_self(system);
            core_shut_gate(&gate);
            noh_ref ref = spawn_worker(self, orders[i]);
            expect(self, STARTED, orders[i]);
            CHECK_OK(noh_tell(self, ref, block));
            core_await_inside(&gate, 1);
            CHECK_OK(noh_tell(self, ref, order, .what = failing ? FAIL : EXIT));
            CHECK_OK(noh_tell(self, ref, work, .value = 1));
            core_open_when_i_sleep(&world, &gate);
            CHECK_EQ(join(self, ref).kind, failing ? NOH_EXIT_FAILED : NOH_EXIT_NORMAL);
            expect(self, failing ? FAILED : STOPPED,
                   failing ? (int64_t)NOH_E_TOO_BIG : (int64_t)NOH_EXIT_NORMAL);
            core_expect_nothing(self); /* the hook ran once */
            CHECK_EQ(core_logged(&world, "hook failed"), orders[i] == HOOK_TELL ? 0 : 1);
            CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_STOPPED],
                     orders[i] == HOOK_TELL ? 2 : 1);
            CHECK_EQ(core_actors(system), 0);
            /* The worker goes on as if nothing had been. */
            noh_ref next = spawn_worker(self, FINE);
            sum answer;
            CHECK_OK(noh_call(self, next, get_sum, &answer));
            core_end(&world, system);
        }
    }
}

/* "Waits until it has ended and its resources are released": not while its last hook runs. */
static void a_join_waits_for_the_last_hook(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    core_shut_gate(&gate);
    noh_ref ref = spawn_worker(self, HOOK_BLOCK);
    expect(self, STARTED, HOOK_BLOCK);
    CHECK_OK(noh_stop(self, ref, NOH_STOP_DRAIN));
    core_await_inside(&gate, 1);
    CHECK_EQ(core_actors(system), 1);
    CHECK_ERR(noh_join(self, ref, 0, NULL), NOH_E_TIMEOUT);
    core_open_when_i_sleep(&world, &gate);
    CHECK_EQ(join(self, ref).kind, NOH_EXIT_NORMAL);
    CHECK_EQ(core_actors(system), 0);
    core_end(&world, system);
}

static void noh_fail_on_a_thread_logs_and_returns(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_fail(self, NOH_E_OS, "not an actor %d", 5);
    noh_fail(NULL, NOH_E_OS, "nobody");
    CHECK_EQ(core_logged(&world, "not an actor 5"), 1);
    CHECK_ERR(noh_exit_self(self), NOH_E_CONTEXT);
    CHECK_ERR(noh_exit_self(NULL), NOH_E_INVAL);
    core_end(&world, system);
}

static const test_case cases[] = {
    TEST(drain_handles_what_is_queued),
    TEST(now_ends_after_the_message_in_hand),
    TEST(kill_runs_no_hook),
    TEST(join_learns_how_the_actor_ended),
    TEST(stopping_the_dead_is_gone),
    TEST(joins_refuse_what_they_cannot_wait_for),
    TEST(many_may_join_one_actor),
    TEST(a_hook_that_fails_does_not_hold_up_the_end),
    TEST(a_join_waits_for_the_last_hook),
    TEST(noh_fail_on_a_thread_logs_and_returns),
};
TEST_MAIN(cases)
