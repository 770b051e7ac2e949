/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: no wake-up is lost, and nobody but the locker is inside a sleeper that is locked.
 * Method: every state with every operation on one thread; then a sleeper without any timeout
 * against two publishers and a locker: a lost wake-up hangs the case. */
#include "park.h"
#include "test.h"

#include <pthread.h>
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
    CHECK(!nohi_park_lock(&park));
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
    CHECK(nohi_park_lock(&park));
    CHECK(!nohi_park_lock(&park));
    CHECK(!nohi_park_is_asleep(&park));
    CHECK(!nohi_park_unlock(&park)); /* nobody asked */
    CHECK_EQ(word_of(&park), NOHI_PARKED);
    CHECK(nohi_park_lock(&park));
    CHECK_EQ(nohi_park_claim(&park), NOHI_DUTY_NONE); /* the locker does it */
    CHECK_EQ(nohi_park_claim(&park), NOHI_DUTY_NONE);
    CHECK(nohi_park_unlock(&park));
    CHECK_EQ(word_of(&park), NOHI_RUNNING);
    nohi_park_leave(&park, &env);
}

static void work_for_one_who_left_must_be_redirected(void)
{
    nohi_park park = {NOHI_RUNNING};
    nohi_park_close(&park);
    CHECK_EQ(nohi_park_claim(&park), NOHI_DUTY_REDIRECT);
    CHECK_EQ(nohi_park_claim(&park), NOHI_DUTY_REDIRECT);
    CHECK(!nohi_park_lock(&park));
    CHECK(!nohi_park_is_asleep(&park));
    nohi_park_open(&park);
    CHECK_EQ(nohi_park_claim(&park), NOHI_DUTY_NONE);
}

/* ---- threads ------------------------------------------------------------------------------ */

enum { ROUNDS = 20000, PUBLISHERS = 2 };

static noh_env env;
static nohi_park shared;
static atom(uint32_t) published;
static atom(uint32_t) over;
static long inside; /* not atomic: PRK-2 orders it */

static void *publish(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t before = add_seq_cst(&published, 1);
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
    while (load_seq_cst(&over) == 0) {
        if (nohi_park_lock(&shared)) {
            inside++;
            if (nohi_park_unlock(&shared)) {
                nohi_park_wake(&shared, &env);
            }
        }
        env.relax(env.world);
    }
    return arg;
}

static void no_wake_up_is_lost(void)
{
    env = noh_env_default();
    alarm(100); /* a lost one sleeps for ever */
    pthread_t threads[PUBLISHERS + 1];
    for (int i = 0; i < PUBLISHERS; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, publish, NULL), 0);
    }
    CHECK_EQ(pthread_create(&threads[PUBLISHERS], NULL, lock_now_and_then, NULL), 0);
    uint32_t taken = 0;
    while (taken < PUBLISHERS * ROUNDS) {
        uint32_t some = atomic_exchange(&published, 0);
        taken += some;
        if (some > 0) {
            inside++;
            continue;
        }
        nohi_park_announce(&shared);
        if (load_seq_cst(&published) == 0 && taken < PUBLISHERS * ROUNDS) {
            nohi_park_wait(&shared, &env, -1);
        }
        nohi_park_leave(&shared, &env);
    }
    store_seq_cst(&over, 1);
    for (int i = 0; i <= PUBLISHERS; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    CHECK_EQ(taken, PUBLISHERS * ROUNDS);
    alarm(0);
}

static const test_case cases[] = {
    TEST(a_running_thread_need_not_be_woken),
    TEST(one_of_many_publishers_wakes_a_sleeper),
    TEST(a_locked_sleeper_is_woken_by_its_locker),
    TEST(work_for_one_who_left_must_be_redirected),
    TEST(no_wake_up_is_lost),
};
TEST_MAIN(cases)
