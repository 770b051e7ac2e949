/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: no wake-up is lost, and nobody but the locker is inside a sleeper that is locked.
 * Method: every state with every operation on one thread; then an owner without any timeout, which
 * rests and sleeps as a worker does, against two publishers and two lockers who now and then leave it
 * something to do: a lost wake-up hangs the case. */
#include "hint.h"
#include "park.h"
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

static uint32_t word_of(nohi_park *park)
{
    return load_seq_cst(&park->word);
}

static void a_running_thread_need_not_be_woken(void)
{
    noh_env env = noh_env_default();
    nohi_park park = {NOHI_RUNNING};
    CHECK_EQ(nohi_park_claim(&park), NOHI_DUTY_NONE);
    CHECK(!nohi_park_is_asleep(&park));
    CHECK(!nohi_park_is_idle(&park));
    CHECK(!nohi_park_lock(&park, NOHI_PARKED));
    CHECK(!nohi_park_lock(&park, NOHI_RESTING));
    uint32_t before = 77;
    CHECK(!nohi_park_lock_idle(&park, &env, &before));
    CHECK_EQ(before, 77);
    nohi_park_leave(&park, &env);
    CHECK_EQ(word_of(&park), NOHI_RUNNING);
}

static void who_rests_looks_for_itself_and_then_sleeps(void)
{
    noh_env env = noh_env_default();
    nohi_park park = {NOHI_RUNNING};
    nohi_park_rest(&park);
    CHECK_EQ(nohi_park_claim(&park), NOHI_DUTY_NONE);
    CHECK(!nohi_park_is_asleep(&park));
    CHECK(nohi_park_is_idle(&park));
    CHECK(!nohi_park_lock(&park, NOHI_PARKED));
    nohi_park_leave(&park, &env);
    CHECK_EQ(word_of(&park), NOHI_RUNNING);
    CHECK(!nohi_park_rouse(&park)); /* out of RESTING only */
    nohi_park_rest(&park);
    CHECK(nohi_park_rouse(&park));
    CHECK_EQ(word_of(&park), NOHI_RUNNING);
    nohi_park_announce(&park);
    CHECK(!nohi_park_rouse(&park));
    CHECK(nohi_park_is_asleep(&park));
    CHECK(nohi_park_is_idle(&park));
    nohi_park_leave(&park, &env);
    CHECK_EQ(word_of(&park), NOHI_RUNNING);
}

static void one_of_many_publishers_wakes_a_sleeper(void)
{
    noh_env env = noh_env_default();
    nohi_park park = {NOHI_RUNNING};
    nohi_park_announce(&park);
    CHECK(nohi_park_is_asleep(&park));
    CHECK_EQ(nohi_park_claim(&park), NOHI_DUTY_WAKE);
    CHECK_EQ(nohi_park_claim(&park), NOHI_DUTY_NONE);
    nohi_park_wait(&park, &env, -1); /* does not sleep: it was claimed */
    nohi_park_leave(&park, &env);
    CHECK_EQ(word_of(&park), NOHI_RUNNING);
    nohi_park_announce(&park);
    nohi_park_wait(&park, &env, 1000); /* the time passes */
    nohi_park_leave(&park, &env);
    CHECK_EQ(word_of(&park), NOHI_RUNNING);
}

static void a_locked_sleeper_is_woken_by_its_locker(void)
{
    noh_env env = noh_env_default();
    nohi_park park = {NOHI_RUNNING};
    nohi_park_announce(&park);
    CHECK(nohi_park_lock(&park, NOHI_PARKED));
    CHECK(!nohi_park_lock(&park, NOHI_PARKED));
    CHECK(!nohi_park_lock(&park, NOHI_RESTING));
    CHECK(!nohi_park_is_asleep(&park));
    CHECK(!nohi_park_is_idle(&park));
    uint32_t before;
    CHECK(!nohi_park_lock_idle(&park, &env, &before));   /* it is held for longer than a moment */
    CHECK(!nohi_park_unlock(&park, NOHI_PARKED, false)); /* nobody asked */
    CHECK_EQ(word_of(&park), NOHI_PARKED);
    CHECK(nohi_park_lock(&park, NOHI_PARKED));
    CHECK_EQ(nohi_park_claim(&park), NOHI_DUTY_NONE); /* the locker does it */
    CHECK_EQ(nohi_park_claim(&park), NOHI_DUTY_NONE);
    CHECK(!nohi_park_lock_idle(&park, &env, &before)); /* PRK-3 */
    CHECK(nohi_park_unlock(&park, NOHI_PARKED, false));
    CHECK_EQ(word_of(&park), NOHI_RUNNING);
    nohi_park_leave(&park, &env);
}

static void a_lock_ends_in_the_state_it_began_in_or_with_work(void)
{
    static const uint32_t states[] = {NOHI_RESTING, NOHI_PARKED};
    noh_env env = noh_env_default();
    for (int i = 0; i < 2; i++) {
        nohi_park park = {states[i]};
        uint32_t before;
        CHECK(nohi_park_lock_idle(&park, &env, &before));
        CHECK_EQ(before, states[i]);
        CHECK_EQ(word_of(&park), NOHI_LOCKED);
        CHECK(!nohi_park_rouse(&park)); /* the owner's */
        CHECK(!nohi_park_unlock(&park, before, false));
        CHECK_EQ(word_of(&park), states[i]);
        CHECK(nohi_park_lock_idle(&park, &env, &before));
        CHECK_EQ(nohi_park_unlock(&park, before, true), states[i] == NOHI_PARKED);
        CHECK_EQ(word_of(&park), NOHI_RUNNING);
        store_seq_cst(&park.word, states[i]);
        CHECK(nohi_park_lock_idle(&park, &env, &before));
        CHECK_EQ(nohi_park_claim(&park), NOHI_DUTY_NONE);
        CHECK(nohi_park_unlock(&park, before, i == 0));
        CHECK_EQ(word_of(&park), NOHI_RUNNING);
    }
}

/* ---- an owner who wants to go on ---------------------------------------------------------- */

typedef struct wanted {
    noh_env env;
    noh_env real;
    nohi_park park;
    atom(uint32_t) sleeps;
} wanted;

static void count_sleep(void *world, uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
    wanted *w = world;
    add_seq_cst(&w->sleeps, 1);
    w->real.park_wait(w->real.world, word, expected, timeout_ns);
}

static void *leave(void *arg)
{
    wanted *w = arg;
    nohi_park_leave(&w->park, &w->env);
    return NULL;
}

/* And it does not burn the processor that the locker may need. */
static void who_wants_to_go_on_is_the_next_and_waits_asleep(void)
{
    wanted w = {.env = noh_env_default(), .real = noh_env_default(), .park = {NOHI_RESTING}};
    w.env.world = &w;
    w.env.park_wait = count_sleep;
    uint32_t before;
    CHECK(nohi_park_lock_idle(&w.park, &w.real, &before));
    pthread_t owner;
    CHECK_EQ(pthread_create(&owner, NULL, leave, &w), 0);
    while (load_seq_cst(&w.sleeps) == 0) {
        sched_yield();
    }
    CHECK_EQ(word_of(&w.park), NOHI_LOCKED_WAKE);
    CHECK(nohi_park_unlock(&w.park, before, false));
    nohi_park_wake(&w.park, &w.real);
    CHECK_EQ(pthread_join(owner, NULL), 0);
    CHECK_EQ(word_of(&w.park), NOHI_RUNNING);
}

static void work_for_one_who_left_must_be_redirected(void)
{
    nohi_park park = {NOHI_RUNNING};
    nohi_park_close(&park);
    CHECK_EQ(nohi_park_claim(&park), NOHI_DUTY_REDIRECT);
    CHECK_EQ(nohi_park_claim(&park), NOHI_DUTY_REDIRECT);
    CHECK(!nohi_park_lock(&park, NOHI_PARKED));
    CHECK(!nohi_park_is_asleep(&park));
    CHECK(!nohi_park_is_idle(&park));
    nohi_park_open(&park);
    CHECK_EQ(nohi_park_claim(&park), NOHI_DUTY_NONE);
}

/* ---- threads ------------------------------------------------------------------------------ */

enum { ROUNDS = 20000, PUBLISHERS = 2, LOCKERS = 2 };

static noh_env env;
static nohi_park shared;
static nohi_hint hint;
static atom(uint32_t) published;
static atom(uint32_t) over;
static long inside;    /* not atomic: PRK-2 orders it */
static uint32_t left;  /* the same: what lockers left to the owner */
static uint32_t given; /* the same: in all */

static void *publish(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t before = add_seq_cst(&published, 1);
        nohi_hint_raise(&hint);
        if (nohi_park_claim(&shared) == NOHI_DUTY_WAKE) {
            nohi_park_wake(&shared, &env);
        }
        if (i % 16 == 0) { /* so that it sleeps now and then */
            while (load_seq_cst(&published) > before && load_seq_cst(&published) > 0) {
                env.relax(env.world);
            }
        }
    }
    return NULL;
}

static void *lock_now_and_then(void *arg)
{
    uint32_t before;
    for (uint32_t i = 0; load_seq_cst(&over) == 0; i++) {
        if (nohi_park_lock_idle(&shared, &env, &before)) {
            bool more = i % 8 == 0;
            inside++;
            if (more) {
                left++;
                given++;
                nohi_hint_raise(&hint);
            }
            if (nohi_park_unlock(&shared, before, more)) {
                nohi_park_wake(&shared, &env);
            }
        }
        env.relax(env.world);
    }
    return arg;
}

/* As a worker rests; what is published is seen through the hint while it is awake. */
static void rest(void)
{
    nohi_park_rest(&shared);
    for (int i = 0; i < 50 && !nohi_hint_is_raised(&hint); i++) {
        env.relax(env.world);
        if (i == 25 && nohi_park_rouse(&shared)) {
            inside++;
            nohi_park_rest(&shared);
        }
    }
    nohi_park_leave(&shared, &env);
    if (nohi_hint_is_raised(&hint)) {
        return;
    }
    nohi_park_announce(&shared);
    if (load_seq_cst(&published) == 0) {
        nohi_park_wait(&shared, &env, -1);
    }
    nohi_park_leave(&shared, &env);
}

static void no_wake_up_is_lost(void)
{
    env = noh_env_default();
    alarm(100); /* a lost one sleeps for ever */
    pthread_t threads[PUBLISHERS + LOCKERS];
    for (int i = 0; i < PUBLISHERS; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, publish, NULL), 0);
    }
    for (int i = PUBLISHERS; i < PUBLISHERS + LOCKERS; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, lock_now_and_then, NULL), 0);
    }
    uint32_t taken = 0;
    uint32_t found = 0;
    while (taken < PUBLISHERS * ROUNDS || found < 100) {
        nohi_hint_lower(&hint);
        uint32_t some = atomic_exchange(&published, 0);
        taken += some;
        found += left;
        left = 0;
        inside++;
        rest();
    }
    store_seq_cst(&over, 1);
    for (int i = 0; i < PUBLISHERS + LOCKERS; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    CHECK_EQ(taken, PUBLISHERS * ROUNDS);
    CHECK_EQ(found + left, given);
    alarm(0);
}

static const test_case cases[] = {
    TEST(a_running_thread_need_not_be_woken),
    TEST(one_of_many_publishers_wakes_a_sleeper),
    TEST(who_rests_looks_for_itself_and_then_sleeps),
    TEST(a_locked_sleeper_is_woken_by_its_locker),
    TEST(a_lock_ends_in_the_state_it_began_in_or_with_work),
    TEST(who_wants_to_go_on_is_the_next_and_waits_asleep),
    TEST(work_for_one_who_left_must_be_redirected),
    TEST(no_wake_up_is_lost),
};
TEST_MAIN(cases)
