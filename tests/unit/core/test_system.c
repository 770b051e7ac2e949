/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a system starts with what it is given, stops within a bound whatever its actors do, says
 * who holds it up, and gives everything back.
 * Method: actors that block at a gate, in a handler or in a hook, and spawners that never rest;
 * the memory is counted to the last block. */
#include "core.h"
#include "system.h"

NOH_MESSAGE(block);
NOH_MESSAGE(work, (int64_t, value));
NOH_MESSAGE(spin, (noh_ref, home));
NOH_MESSAGE(try_stop, (noh_ref, home));
NOH_MESSAGE(done, (int64_t, value));
NOH_REQUEST(ping, done);

static core_gate gate = CORE_GATE;

typedef struct holder {
    int64_t worked;
} holder;

static noh_err holder_block(noh_self *self, holder *me, const block *m)
{
    core_pass(&gate);
    return NOH_OK;
}

static noh_err holder_work(noh_self *self, holder *me, const work *m)
{
    me->worked++;
    return NOH_OK;
}

static noh_err holder_ping(noh_self *self, holder *me, const ping *m)
{
    return noh_reply(self, done, .value = me->worked);
}

static noh_err holder_try_stop(noh_self *self, holder *me, const try_stop *m)
{
    noh_system *system = noh_self_system(self);
    noh_self *own;
    CHECK_ERR(noh_system_stop(system, 0), NOH_E_CONTEXT);
    CHECK_ERR(noh_system_stop(system, NOH_FOREVER), NOH_E_CONTEXT);
    CHECK_ERR(noh_system_free(system), NOH_E_CONTEXT);
    CHECK_ERR(noh_host_new(system, NULL, NULL, &own), NOH_E_INVAL);
    return noh_tell(self, m->home, done, .value = 1);
}

/* Tells itself for ever. */
static noh_err holder_spin(noh_self *self, holder *me, const spin *m)
{
    (void)noh_tell(self, noh_self_ref(self), spin, .home = m->home);
    return NOH_OK;
}

NOH_BEHAVIOR(holder, NOH_ON(block, holder_block), NOH_ON(work, holder_work),
             NOH_ON(ping, holder_ping), NOH_ON(try_stop, holder_try_stop),
             NOH_ON(spin, holder_spin));

/* Each spawns the next one, for ever. */
NOH_MESSAGE(breed);
NOH_NO_STATE(breeder);
NOH_BEHAVIOR_DECLARE(breeder, noh_nothing);

static noh_err breeder_breed(noh_self *self, breeder *me, const breed *m)
{
    noh_ref child;
    noh_err err = noh_spawn_with(self, &noh_behavior_breeder, NULL, NULL, &child);
    CHECK(err == NOH_OK || err == NOH_E_STOPPING);
    if (err == NOH_OK) {
        (void)noh_tell(self, child, breed);
    }
    return noh_tell(self, noh_self_ref(self), breed) == NOH_OK && err == NOH_OK
               ? noh_exit_self(self)
               : NOH_OK;
}

NOH_BEHAVIOR(breeder, NOH_ON(breed, breeder_breed));

/* A stop hook that blocks. */
NOH_NO_STATE(clinger);

static noh_err clinger_block(noh_self *self, clinger *me, const block *m)
{
    return NOH_OK;
}

static noh_err clinger_stopped(noh_self *self, clinger *me, const noh_exit *exit)
{
    core_pass(&gate);
    return NOH_OK;
}

NOH_BEHAVIOR(clinger, NOH_ON(block, clinger_block), NOH_ON_STOP(clinger_stopped));

/* ---- start -------------------------------------------------------------------------------- */

static void the_version_is_that_of_the_header(void)
{
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", NOH_VERSION_MAJOR, NOH_VERSION_MINOR,
             NOH_VERSION_PATCH);
    CHECK_TEXT(noh_version(), version);
}

static void options_are_checked(void)
{
    core_world world;
    core_open(&world);
    noh_env small = world.env;
    small.size = 8;
    noh_system *system = (noh_system *)(void *)&world;
    CHECK_ERR(noh_system_new(NULL, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_system_new(&(noh_options){.size = 4}, &system), NOH_E_INVAL);
    CHECK_ERR(noh_system_new(&(noh_options){.workers = 257}, &system), NOH_E_INVAL);
    CHECK_ERR(noh_system_new(&(noh_options){.stop_timeout_ns = -1}, &system), NOH_E_INVAL);
    CHECK_ERR(noh_system_new(&(noh_options){.env = &small}, &system), NOH_E_INVAL);
    CHECK(system == (noh_system *)(void *)&world);
    CHECK_ERR(noh_system_stop(NULL, 0), NOH_E_INVAL);
    CHECK_OK(noh_system_free(NULL));
    CHECK_EQ(noh_now(NULL), 0);
    CHECK(noh_system_self(NULL) == NULL);
    core_close(&world);
}

static void a_system_starts_without_options(void)
{
    noh_system *system;
    CHECK_OK(noh_system_new(NULL, &system));
    noh_stats stats;
    CHECK_OK(noh_system_stats(system, &stats));
    noh_env env = noh_env_default();
    unsigned processors = env.cpu_count(env.world);
    CHECK_EQ(stats.workers, processors > 256 ? 256 : processors);
    noh_self *self = noh_system_self(system);
    done answer;
    CHECK_OK(noh_call(self, noh_spawn(self, holder), ping, &answer));
    CHECK_OK(noh_system_free(system));
}

static void any_number_of_workers_will_do(void)
{
    static const unsigned counts[] = {1, 2, 7, 64, 256};
    for (int i = 0; i < 5; i++) {
        core_world world;
        noh_system *system = core_start(&world, counts[i], NULL);
        noh_self *self = noh_system_self(system);
        noh_ref refs[300];
        for (int k = 0; k < 300; k++) {
            refs[k] = noh_spawn(self, holder);
            CHECK_OK(noh_tell(self, refs[k], work, .value = 1));
        }
        for (int k = 0; k < 300; k++) {
            done answer;
            CHECK_OK(noh_call(self, refs[k], ping, &answer));
            CHECK_EQ(answer.value, 1);
        }
        core_end(&world, system);
    }
}

static void systems_do_not_know_each_other(void)
{
    enum { SYSTEMS = 5 };
    core_world worlds[SYSTEMS];
    noh_system *systems[SYSTEMS];
    noh_self *selfs[SYSTEMS];
    noh_ref refs[SYSTEMS];
    for (int i = 0; i < SYSTEMS; i++) {
        systems[i] = core_start(&worlds[i], 1, NULL);
        selfs[i] = noh_system_self(systems[i]);
        refs[i] = noh_spawn(selfs[i], holder);
        CHECK_OK(noh_register(selfs[i], "same", refs[i]));
        for (int k = 0; k <= i; k++) {
            CHECK_OK(noh_tell(selfs[i], refs[i], work, .value = 1));
        }
    }
    for (int i = 0; i < SYSTEMS; i++) {
        done answer;
        CHECK(selfs[i] == noh_system_self(systems[i]));
        CHECK(noh_ref_equal(noh_lookup(systems[i], "same"), refs[i]));
        CHECK_OK(noh_call(selfs[i], refs[i], ping, &answer));
        CHECK_EQ(answer.value, i + 1);
    }
    for (int i = SYSTEMS - 1; i >= 0; i -= 2) { /* the others go on */
        core_end(&worlds[i], systems[i]);
    }
    for (int i = SYSTEMS - 2; i >= 0; i -= 2) {
        done answer;
        CHECK_OK(noh_call(selfs[i], refs[i], ping, &answer));
        CHECK_EQ(answer.value, i + 1);
        core_end(&worlds[i], systems[i]);
    }
}

/* ---- stop --------------------------------------------------------------------------------- */

static void a_stop_drains_and_may_be_repeated(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref refs[100];
    for (int i = 0; i < 100; i++) {
        refs[i] = noh_spawn(self, holder);
        for (int k = 0; k < 100; k++) {
            CHECK_OK(noh_tell(self, refs[i], work, .value = k));
        }
    }
    CHECK_ERR(noh_system_stop(system, -1), NOH_E_INVAL);
    CHECK(noh_is_alive(system, refs[0]));
    CHECK_OK(noh_system_stop(system, 60 * NOH_SECOND));
    noh_ledger ledger = core_settled(system, 0);
    CHECK_EQ(ledger.handled, 10000);
    CHECK_EQ(core_actors(system), 0);
    CHECK_OK(noh_system_stop(system, 0));
    CHECK_OK(noh_system_stop(system, NOH_FOREVER));
    noh_ref ref = {77};
    CHECK_ERR(noh_spawn_with(self, &noh_behavior_holder, NULL, NULL, &ref), NOH_E_STOPPING);
    CHECK_EQ(ref.bits, 77);
    CHECK(noh_ref_is_none(noh_spawn(self, holder)));
    CHECK_ERR(noh_tell(self, refs[0], work, .value = 1), NOH_E_GONE);
    CHECK_EQ(noh_now(system) > 0, true);
    core_end(&world, system);
}

static void a_stop_from_a_handler_is_refused(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    CHECK_OK(noh_tell(self, noh_spawn(self, holder), try_stop, .home = noh_self_ref(self)));
    CHECK_EQ(CORE_RECEIVE(done, self)->value, 1);
    core_end(&world, system);
}

/* An actor that never has an empty mailbox drains all the same: what it tells itself is behind. */
static void an_actor_that_never_rests_is_stopped(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    for (int i = 0; i < 10; i++) {
        CHECK_OK(noh_tell(self, noh_spawn(self, holder), spin));
    }
    CHECK_OK(noh_system_stop(system, 60 * NOH_SECOND));
    CHECK_EQ(core_actors(system), 0);
    (void)core_settled(system, 0);
    core_end(&world, system);
}

static void spawners_do_not_escape_a_stop(void)
{
    for (int i = 0; i < 50; i++) {
        core_world world;
        noh_system *system = core_start(&world, 1 + (unsigned)i % 3, NULL);
        noh_self *self = noh_system_self(system);
        for (int k = 0; k < 5; k++) {
            CHECK_OK(noh_tell(self, noh_spawn(self, breeder), breed));
        }
        CHECK_OK(noh_system_stop(system, 60 * NOH_SECOND));
        CHECK_EQ(core_actors(system), 0);
        CHECK(noh_ref_is_none(noh_spawn(self, breeder)));
        core_end(&world, system);
    }
}

static void *spawn_until_refused(void *arg)
{
    noh_system *system = arg;
    noh_self *self = noh_system_self(system);
    noh_err err = NOH_OK;
    while (err == NOH_OK) {
        noh_ref ref;
        err = noh_spawn_with(self, &noh_behavior_holder, NULL, NULL, &ref);
        if (err == NOH_OK) {
            (void)noh_tell(self, ref, work, .value = 1);
        }
    }
    CHECK_ERR(err, NOH_E_STOPPING);
    return NULL;
}

static void threads_that_spawn_do_not_escape_a_stop(void)
{
    for (int i = 0; i < 30; i++) {
        core_world world;
        noh_system *system = core_start(&world, 1, NULL);
        pthread_t threads[2] = {core_thread(spawn_until_refused, system),
                                core_thread(spawn_until_refused, system)};
        while (core_actors(system) < 10) {
            sched_yield();
        }
        CHECK_OK(noh_system_stop(system, 60 * NOH_SECOND));
        CHECK_EQ(core_actors(system), 0);
        core_join_thread(threads[0]);
        core_join_thread(threads[1]);
        CHECK_EQ(core_actors(system), 0);
        core_end(&world, system);
    }
}

/* STP-1, step by step: a stop begins while a thread is in the middle of a spawn. */
static noh_system *overtaken;
static atomic_bool overtake_next;
static pthread_t overtaker;

static void *overtake(void *arg)
{
    CHECK_OK(noh_system_stop(arg, 2 * NOH_SECOND));
    return NULL;
}

static void *alloc_and_be_overtaken(void *world, size_t size)
{
    if (atomic_exchange(&overtake_next, false)) {
        overtaker = core_thread(overtake, overtaken);
        while (!nohi_is_stopping(overtaken)) {
            sched_yield();
        }
    }
    return fault_alloc(world, size);
}

typedef struct roomy {
    char room[200]; /* not in the slot: a spawn asks for memory */
} roomy;

static noh_err roomy_work(noh_self *self, roomy *me, const work *m)
{
    return NOH_OK;
}

NOH_BEHAVIOR(roomy, NOH_ON(work, roomy_work));

static void a_spawn_that_a_stop_overtakes_is_stopped_too(void)
{
    core_world world;
    core_open(&world);
    world.env.alloc = alloc_and_be_overtaken;
    overtaken = core_system(&world, 2, NULL);
    noh_self *self = noh_system_self(overtaken);
    for (int i = 0; i < 10; i++) {
        CHECK_OK(noh_tell(self, noh_spawn(self, roomy), work, .value = 1));
    }
    atomic_store(&overtake_next, true);
    noh_ref ref;
    noh_err err = noh_spawn_with(self, &noh_behavior_roomy, NULL, NULL, &ref);
    CHECK(!atomic_load(&overtake_next));
    CHECK(err == NOH_OK || err == NOH_E_STOPPING);
    core_join_thread(overtaker); /* it waited for the spawn, too */
    CHECK_EQ(core_actors(overtaken), 0);
    core_end(&world, overtaken);
}

static void who_holds_up_a_stop_is_named(void)
{
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, holder);
    CHECK_OK(noh_tell(self, ref, block));
    core_await_inside(&gate, 1);
    CHECK_OK(noh_tell(self, ref, work, .value = 1));
    int64_t began_ns = noh_now(system);
    CHECK_ERR(noh_system_stop(system, 20 * NOH_MS), NOH_E_HELD_UP);
    int64_t took_ns = noh_now(system) - began_ns;
    CHECK(took_ns >= 20 * NOH_MS);
    CHECK(took_ns < 10 * NOH_SECOND);
    size_t named = 0;
    for (size_t i = 0; i < world.line_count && i < CORE_LINES; i++) {
        const core_line *line = &world.lines[i];
        if (strstr(line->text, "block") != NULL) {
            CHECK_EQ(line->actor, ref.bits);
            CHECK_TEXT(line->behavior, "holder");
            CHECK(strstr(line->text, " ms") != NULL);
            named++;
        }
    }
    CHECK_EQ(named, 1);
    core_open_gate(&gate);
    CHECK_OK(noh_system_stop(system, 60 * NOH_SECOND));
    noh_ledger ledger = core_settled(system, 0);
    CHECK_EQ(ledger.dead[NOH_DEAD_STOPPED], 1); /* cut after the message in hand */
    CHECK_EQ(ledger.handled, 1);
    core_end(&world, system);
}

/* The hook, too, is a place to hang in. */
static void a_stop_hook_that_blocks_is_named(void)
{
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, clinger);
    CHECK_ERR(noh_system_stop(system, NOH_MS), NOH_E_HELD_UP);
    bool named = false;
    for (size_t i = 0; i < world.line_count && i < CORE_LINES; i++) {
        named = named || (world.lines[i].actor == ref.bits &&
                          strcmp(world.lines[i].behavior, "clinger") == 0);
    }
    CHECK(named);
    core_open_gate(&gate);
    CHECK_OK(noh_system_stop(system, 60 * NOH_SECOND));
    core_end(&world, system);
}

/* Memory stays until the handler returns, and then all of it goes. */
static core_gate freed = CORE_GATE;
static fault_world *watched;

static void watch_free(void *world, void *block, size_t size)
{
    fault_free(world, block, size);
    pthread_mutex_lock(&watched->lock);
    bool all = watched->live_blocks == 0;
    pthread_mutex_unlock(&watched->lock);
    if (all) {
        core_pass(&freed);
    }
}

static void a_freed_system_that_is_held_up_ends_with_its_handler(void)
{
    core_shut_gate(&gate);
    core_shut_gate(&freed);
    core_open_gate(&freed);
    core_world world;
    core_open(&world);
    watched = &world.fault;
    world.env.free = watch_free;
    noh_system *system = core_system(&world, 2, &(noh_options){.stop_timeout_ns = NOH_MS});
    noh_self *self = noh_system_self(system);
    noh_ref refs[2] = {noh_spawn(self, holder), noh_spawn(self, holder)};
    CHECK_OK(noh_tell(self, refs[0], block));
    core_await_inside(&gate, 1);
    CHECK_OK(noh_tell(self, refs[0], work, .value = 1));
    CHECK_OK(noh_tell(self, refs[1], work, .value = 1));
    CHECK_ERR(noh_system_free(system), NOH_E_HELD_UP);
    CHECK_EQ(freed.inside, 0);
    CHECK(core_logged(&world, "block") >= 1);
    core_open_gate(&gate);
    core_await_inside(&freed, 1);
    CHECK_EQ(world.fault.live_threads, 0);
    CHECK_EQ(world.fault.live_pages, 0);
    alarm(0); /* the world itself stays: its thread may still be in env->free */
}

static void *stop_it(void *arg)
{
    CHECK_OK(noh_system_stop(arg, 60 * NOH_SECOND));
    return NULL;
}

static void several_threads_may_stop_at_once(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    for (int i = 0; i < 1000; i++) {
        CHECK_OK(noh_tell(self, noh_spawn(self, holder), work, .value = 1));
    }
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        threads[i] = core_thread(stop_it, system);
    }
    for (int i = 0; i < 4; i++) {
        core_join_thread(threads[i]);
    }
    CHECK_EQ(core_actors(system), 0);
    CHECK_EQ(core_settled(system, 0).handled, 1000);
    core_end(&world, system);
}

/* It has its own time, and names nobody: that is left to the first. */
static void a_stop_waits_for_another_one_as_long_as_it_may(void)
{
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    CHECK_OK(noh_tell(self, noh_spawn(self, holder), block));
    core_await_inside(&gate, 1);
    pthread_t first = core_thread(stop_it, system);
    noh_ref ref;
    noh_err err = NOH_OK;
    while (err == NOH_OK) { /* until it has begun */
        err = noh_spawn_with(self, &noh_behavior_holder, NULL, NULL, &ref);
    }
    CHECK_ERR(err, NOH_E_STOPPING);
    CHECK_ERR(noh_system_stop(system, 20 * NOH_MS), NOH_E_HELD_UP);
    CHECK_EQ(core_logged(&world, "holds up"), 0);
    core_open_gate(&gate);
    core_join_thread(first);
    core_end(&world, system);
}

static void start_and_stop_leave_nothing_behind(void)
{
    for (int i = 0; i < 200; i++) {
        core_world world;
        noh_system *system = core_start(&world, 1 + (unsigned)i % 3, NULL);
        if (i % 2 == 0) {
            noh_self *self = noh_system_self(system);
            noh_ref ref = noh_spawn(self, holder);
            CHECK_OK(noh_tell(self, ref, work, .value = 1));
            if (i % 4 == 0) {
                CHECK_OK(noh_self_free(self));
            }
        }
        core_end(&world, system);
    }
}

static const test_case cases[] = {
    TEST(the_version_is_that_of_the_header),
    TEST(options_are_checked),
    TEST(a_system_starts_without_options),
    TEST(any_number_of_workers_will_do),
    TEST(systems_do_not_know_each_other),
    TEST(a_stop_drains_and_may_be_repeated),
    TEST(a_stop_from_a_handler_is_refused),
    TEST(an_actor_that_never_rests_is_stopped),
    TEST(spawners_do_not_escape_a_stop),
    TEST(threads_that_spawn_do_not_escape_a_stop),
    TEST(a_spawn_that_a_stop_overtakes_is_stopped_too),
    TEST(who_holds_up_a_stop_is_named),
    TEST(a_stop_hook_that_blocks_is_named),
    TEST(a_freed_system_that_is_held_up_ends_with_its_handler),
    TEST(several_threads_may_stop_at_once),
    TEST(a_stop_waits_for_another_one_as_long_as_it_may),
    TEST(start_and_stop_leave_nothing_behind),
};
TEST_MAIN(cases)
