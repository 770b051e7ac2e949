/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Borrow: while a thread sleeps, another one locks it and uses its plain fields, and a third one wakes
 * it (park.h, PRK-2). Whoever touches the fields at the same time, or has not seen what the other did,
 * is a data race. */
#include "explore.h"
#include "park.h"

typedef struct shared {
    nohi_park park;
    atom(uint32_t) work;
    unsigned fields; /* the sleeper's */
} shared;
#define S MODEL_SHARED(shared)

typedef struct ghost {
    unsigned locked;
} ghost;
#define G MODEL_GHOST(ghost)

static void setup(void)
{
    MODEL_NAME(S->park);
    MODEL_NAME(S->work);
    MODEL_NAME(S->fields);
}

/* Twice, so that it is also locked, or about to be, when it goes to sleep again. */
static void sleeper(unsigned thread)
{
    for (unsigned i = 0; i < 2; i++) {
        S->fields++;
        nohi_park_announce(&S->park);
        if (load_seq_cst(&S->work) == 0) {
            nohi_park_wait(&S->park, &nohi_model_env, -1);
        }
        if (MODEL_MUTANT("does not wait out a locker")) {
            store_seq_cst(&S->park.word, NOHI_RUNNING);
        } else {
            nohi_park_leave(&S->park, &nohi_model_env);
        }
    }
    S->fields++;
}

static void locker(unsigned thread)
{
    if (!nohi_park_is_asleep(&S->park) || !nohi_park_lock(&S->park)) {
        return;
    }
    S->fields++;
    G->locked++;
    if (MODEL_MUTANT("stores PARKED after the lock")) {
        store_seq_cst(&S->park.word, NOHI_PARKED);
    } else if (nohi_park_unlock(&S->park)) {
        nohi_park_wake(&S->park, &nohi_model_env);
    }
}

static void waker(unsigned thread)
{
    store_seq_cst(&S->work, 1);
    if (nohi_park_claim(&S->park) == NOHI_DUTY_WAKE) {
        nohi_park_wake(&S->park, &nohi_model_env);
    }
}

static void check(void)
{
    MODEL_CHECK(S->fields == 3 + G->locked);
    MODEL_CHECK(load_relaxed(&S->park.word) == NOHI_RUNNING);
}

static const model_weakened weakened[] = {
    {"nohi_park_lock", "cas_seq_cst", NOHI_MODEL_RELAXED, ALL},
    {"nohi_park_unlock", "cas_seq_cst", NOHI_MODEL_ACQUIRE, ALL},
    {"nohi_park_unlock", "store_seq_cst", NOHI_MODEL_RELAXED, ALL},
    {"nohi_park_leave", "load_acquire", NOHI_MODEL_RELAXED, ALL},
    {"nohi_park_leave", "cas_seq_cst", NOHI_MODEL_RELAXED, ALL},
    {NULL, NULL, 0, 0},
};

static const model_mutant mutants[] = {
    {"does not wait out a locker", ALL},
    {"stores PARKED after the lock", ALL},
    {NULL, 0},
};

MODEL(borrow, .about = "a sleeper's fields are used by another thread while it is woken",
      .shared_bytes = sizeof(shared), .setup = setup, .check = check,
      .threads = {sleeper, locker, waker}, .thread_names = {"sleeper", "locker", "waker"},
      .weakened = weakened, .mutants = mutants);
