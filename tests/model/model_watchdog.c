/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Watchdog: it goes to sleep while a worker, or somebody in its place, gets up for a handler that does
 * not end (core/watchdog.c, WDG-1; with the order of sleep_soundly and nohi_watchdog_rouse, of
 * core/policy.c, nohi_policy_get_up, and core/borrow.c).
 *
 * The worker sleeps at first. A watchdog that misses it sleeps for ever: a deadlock. */
#include "explore.h"
#include "park.h"

typedef struct shared {
    nohi_park worker;
    nohi_park watchdog;
} shared;
#define S MODEL_SHARED(shared)

static void setup(void)
{
    MODEL_NAME(S->worker);
    MODEL_NAME(S->watchdog);
    nohi_park_announce(&S->worker);
}

static void claim_and_wake(nohi_park *park)
{
    if (nohi_park_claim(park) == NOHI_DUTY_WAKE) {
        nohi_park_wake(park, &nohi_model_env);
    }
}

static void publisher(unsigned thread)
{
    claim_and_wake(&S->worker);
}

static void worker(unsigned thread)
{
    nohi_park_wait(&S->worker, &nohi_model_env, -1);
    nohi_park_leave(&S->worker, &nohi_model_env);
    if (!MODEL_MUTANT("does not rouse")) {
        claim_and_wake(&S->watchdog);
    }
}

/* A borrower. */
static void locker(unsigned thread)
{
    bool early = MODEL_MUTANT("rouses before it locks");
    if (early) {
        claim_and_wake(&S->watchdog);
    }
    MODEL_CHECK(nohi_park_lock(&S->worker, NOHI_PARKED));
    if (!early) {
        claim_and_wake(&S->watchdog);
    }
}

/* Until it has seen somebody up. */
static void watchdog(unsigned thread)
{
    bool quiet = true;
    while (quiet) {
        bool early = MODEL_MUTANT("looks before it announces");
        bool asleep = early && nohi_park_is_still_asleep(&S->worker);
        nohi_park_announce(&S->watchdog);
        quiet = early ? asleep : nohi_park_is_still_asleep(&S->worker);
        if (quiet) {
            nohi_park_wait(&S->watchdog, &nohi_model_env, -1);
        }
        nohi_park_leave(&S->watchdog, &nohi_model_env);
    }
}

static const model_weakened weakened[] = {
    {"nohi_park_announce", "store_seq_cst", NOHI_MODEL_RELEASE, TSO | RA},
    {"nohi_park_is_still_asleep", "load_seq_cst", NOHI_MODEL_ACQUIRE, RA},
    {"nohi_park_claim", "load_seq_cst", NOHI_MODEL_ACQUIRE, RA},
    {NULL, NULL, 0, 0},
};

static const model_mutant mutants[] = {
    {"does not rouse", ALL},
    {"looks before it announces", ALL},
    {NULL, 0},
};

MODEL(watchdog, .about = "a worker gets up while the watchdog goes to sleep: it is seen",
      .shared_bytes = sizeof(shared), .setup = setup, .threads = {publisher, worker, watchdog},
      .thread_names = {"publisher", "worker", "watchdog"}, .weakened = weakened,
      .mutants = mutants);

static const model_weakened locked_weakened[] = {
    {"nohi_park_lock", "cas_seq_cst", NOHI_MODEL_ACQ_REL, RA},
    {"nohi_park_is_still_asleep", "load_seq_cst", NOHI_MODEL_ACQUIRE, RA},
    {NULL, NULL, 0, 0},
};

static const model_mutant locked_mutants[] = {
    {"rouses before it locks", ALL},
    {"looks before it announces", ALL},
    {NULL, 0},
};

MODEL(watchdog_locked, .about = "the same, and another thread acts for the worker",
      .shared_bytes = sizeof(shared), .setup = setup, .threads = {locker, watchdog},
      .thread_names = {"locker", "watchdog"}, .weakened = locked_weakened,
      .mutants = locked_mutants);
