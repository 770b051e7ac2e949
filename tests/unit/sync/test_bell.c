/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: after a bell came down nobody is in its callback, and nobody will be.
 * Method: one thread; then three that ring a loop which closes and frees what the callback uses. */
#include "bell.h"
#include "park.h"
#include "test.h"

#include <pthread.h>
#include <sched.h>

static void a_bell_that_nobody_rings_comes_down_at_once(void)
{
    noh_env env = noh_env_default();
    nohi_bell bell = {.withdrawn = 1};
    nohi_bell_hang(&bell);
    nohi_bell_enter(&bell);
    nohi_bell_leave(&bell, &env);
    nohi_bell_withdraw(&bell, &env);
    CHECK_EQ(load_relaxed(&bell.ringers), 0);
    CHECK_EQ(load_relaxed(&bell.withdrawn), 1);
}

/* ---- threads ------------------------------------------------------------------------------ */

enum { ROUNDS = 3000, RINGERS = 3 };

typedef struct loop {
    nohi_bell bell;
    nohi_park park;
    atom(uint32_t) round;  /* the loop of this round is open */
    atom(uint32_t) rounds; /* of the ringers, together */
    int *freed;            /* what the callback uses: valid until withdraw returns */
} loop;

static loop shared;
static noh_env world;

static void ring_once(void)
{
    nohi_bell_enter(&shared.bell);
    if (nohi_park_claim(&shared.park) == NOHI_DUTY_WAKE) {
        *shared.freed += 1; /* AddressSanitizer and ThreadSanitizer look at this */
    }
    nohi_bell_leave(&shared.bell, &world);
}

static void *ring(void *arg)
{
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        while (load_seq_cst(&shared.round) < i) {
            sched_yield();
        }
        ring_once();
        add_seq_cst(&shared.rounds, 1);
    }
    return arg;
}

/* BEL-1: after withdraw the callback's data may go. */
static void nobody_rings_a_bell_that_came_down(void)
{
    pthread_t threads[RINGERS];
    int rung = 0;
    world = noh_env_default();
    for (int i = 0; i < RINGERS; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, ring, NULL), 0);
    }
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        shared.freed = calloc(1, sizeof *shared.freed);
        CHECK(shared.freed != NULL);
        nohi_bell_hang(&shared.bell);
        nohi_park_announce(&shared.park);
        store_seq_cst(&shared.round, i);
        while (i % 2 == 0 && load_seq_cst(&shared.rounds) == (i - 1) * RINGERS &&
               load_seq_cst(&shared.bell.ringers) == 0) {
        }
        nohi_park_close(&shared.park);
        nohi_bell_withdraw(&shared.bell, &world);
        rung += *shared.freed;
        free(shared.freed);
        while (load_seq_cst(&shared.rounds) < i * RINGERS) {
            sched_yield();
        }
    }
    for (int i = 0; i < RINGERS; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    printf("%d of %d loops were rung before they closed\n", rung, ROUNDS);
}

static const test_case cases[] = {
    TEST(a_bell_that_nobody_rings_comes_down_at_once),
    TEST(nobody_rings_a_bell_that_came_down),
};
TEST_MAIN(cases)
