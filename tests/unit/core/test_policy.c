/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a handler that does not end keeps only its own actor waiting, whatever the others did before:
 * also when nobody knew it to be long, and all other workers slept.
 * Method: a handler that ends when somebody has run who lives where it does, and waits behind it. A
 * worker that never looks makes the test endless. */
#include "core.h"

#include "policy.c"

#include <stdatomic.h>

NOH_MESSAGE(hold_out, (noh_ref, whom), (noh_ref, driver));
NOH_MESSAGE(run);
NOH_MESSAGE(held_out);

static atomic_uint runs;

NOH_NO_STATE(runner);

static noh_err on_run(noh_self *self, runner *me, const run *message)
{
    atomic_fetch_add(&runs, 1);
    return NOH_OK;
}

NOH_BEHAVIOR(runner, NOH_ON(run, on_run));

NOH_NO_STATE(stubborn);

static noh_err on_hold_out(noh_self *self, stubborn *me, const hold_out *message)
{
    unsigned before = atomic_load(&runs);
    CHECK_OK(noh_tell(self, message->whom, run));
    while (atomic_load(&runs) == before) {
        sched_yield();
    }
    return noh_tell(self, message->driver, held_out);
}

NOH_BEHAVIOR(stubborn, NOH_ON(hold_out, on_hold_out));

/* Tells one to hold out, and behind it in the run list somebody to run. */
NOH_NO_STATE(spawner);

static noh_err on_spawn(noh_self *self, spawner *me, const hold_out *message)
{
    noh_ref other = noh_spawn(self, runner);
    CHECK_OK(noh_tell(self, noh_spawn(self, stubborn), hold_out, .whom = other,
                      .driver = message->driver));
    return noh_tell(self, noh_spawn(self, runner), run);
}

NOH_BEHAVIOR(spawner, NOH_ON(hold_out, on_spawn));

static void wait_until_held_out(noh_self *self)
{
    const noh_type *type;
    const void *message;
    CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &message));
    CHECK(noh_as(held_out, type, message) != NULL);
}

static noh_system *start(unsigned workers)
{
    noh_system *system;
    CHECK_OK(noh_system_new(&(noh_options){.workers = workers}, &system));
    return system;
}

/* Nobody looks around any more. */
static void wait_for_night(noh_system *system)
{
    while (load_relaxed(&system->asleep) != system->worker_count) {
        sched_yield();
    }
}

static void run_both(noh_self *self)
{
    noh_ref one = noh_spawn(self, stubborn);
    noh_ref two = noh_spawn(self, runner);
    CHECK_OK(noh_tell(self, one, hold_out, .whom = two, .driver = noh_self_ref(self)));
    wait_until_held_out(self);
    CHECK_OK(noh_tell(self, noh_spawn(self, spawner), hold_out, .driver = noh_self_ref(self)));
    wait_until_held_out(self);
}

static void who_is_told_by_an_endless_handler_runs(void)
{
    for (unsigned workers = 2; workers <= 5; workers++) {
        noh_system *system = start(workers);
        run_both(noh_system_self(system));
        CHECK_OK(noh_system_free(system));
    }
}

static void at_any_moment(void)
{
    noh_system *system = start(3);
    for (long round = 0; round < 40; round++) {
        run_both(noh_system_self(system));
        for (long pause = 0; pause < round * 500; pause++) {
            sched_yield();
        }
    }
    CHECK_OK(noh_system_free(system));
}

static void the_last_ones_to_look_around_fall_asleep_and_are_woken(void)
{
    noh_system *system = start(4);
    noh_self *self = noh_system_self(system);
    for (int night = 0; night < 2; night++) {
        wait_for_night(system);
        run_both(self);
    }
    CHECK_OK(noh_system_free(system));
}

/* Two looks see one long handler only if nothing came to its end meanwhile, and it did not wait. */
static void who_waits_is_in_no_long_handler(void)
{
    static nohi_worker other;
    static nohi_worker by;
    look_at(&by, &other, 1);
    CHECK(!is_as_seen(&other)); /* in none */
    nohi_lease_begin_turn(&other.lease, 7);
    CHECK(!is_as_seen(&other));
    look_at(&by, &other, 1);
    CHECK(is_as_seen(&other));
    bump(&other.counts.waited); /* and goes on, in the same turn as far as one can see */
    CHECK(!is_as_seen(&other));
    look_at(&by, &other, 1);
    CHECK(is_as_seen(&other));
    bump(&other.counts.handled);
    CHECK(!is_as_seen(&other));
    look_at(&by, &other, 1);
    nohi_lease_begin_turn(&other.lease, 8);
    CHECK(!is_as_seen(&other));
}

static const test_case cases[] = {
    TEST(who_is_told_by_an_endless_handler_runs),
    TEST(at_any_moment),
    TEST(the_last_ones_to_look_around_fall_asleep_and_are_woken),
    TEST(who_waits_is_in_no_long_handler),
};
TEST_MAIN(cases)
