/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Bell: a host loop goes to sleep, works and leaves, while two ring (bell.h, BEL-1; with the order of
 * core/worker.c, nohi_worker_notify, and core/thread.c, nohi_thread_leave).
 *
 * What the callback uses is plain memory, and the loop frees it after withdraw: a callback that comes
 * too late is a data race. */
#include "bell.h"
#include "explore.h"
#include "park.h"

typedef struct shared {
    nohi_park park;
    nohi_bell bell;
    unsigned context; /* of the user's callback */
} shared;
#define S MODEL_SHARED(shared)

static void setup(void)
{
    MODEL_NAME(S->park);
    MODEL_NAME(S->bell);
    MODEL_NAME(S->context);
    S->context = 1;
    nohi_bell_hang(&S->bell);
}

static void ringer(unsigned thread)
{
    bool late = MODEL_MUTANT("enters after the question");
    if (!late) {
        nohi_bell_enter(&S->bell);
    }
    nohi_duty duty = nohi_park_claim(&S->park);
    if (late) {
        nohi_bell_enter(&S->bell);
    }
    if (duty == NOHI_DUTY_WAKE) {
        MODEL_CHECK(S->context == 1);
    }
    nohi_bell_leave(&S->bell, &nohi_model_env);
}

static void loop(unsigned thread)
{
    nohi_park_announce(&S->park); /* asleep in the loop of the user */
    nohi_park_leave(&S->park, &nohi_model_env);
    nohi_park_announce(&S->park);
    nohi_park_leave(&S->park, &nohi_model_env);
    if (!MODEL_MUTANT("does not close")) {
        nohi_park_close(&S->park);
    } else {
        nohi_park_announce(&S->park);
    }
    if (!MODEL_MUTANT("does not withdraw")) {
        nohi_bell_withdraw(&S->bell, &nohi_model_env);
    }
    S->context = 0;
}

static const model_weakened weakened[] = {
    {"nohi_bell_leave", "sub_seq_cst", NOHI_MODEL_RELAXED, ALL},
    {"nohi_bell_leave", "load_seq_cst", NOHI_MODEL_ACQUIRE, RA},
    {"nohi_bell_withdraw", "load_seq_cst", NOHI_MODEL_RELAXED, ALL},
    {"nohi_bell_withdraw", "store_seq_cst", NOHI_MODEL_RELEASE, RA}, /* a futex call is a fence */
    {NULL, NULL, 0, 0},
};

static const model_mutant mutants[] = {
    {"enters after the question", ALL},
    {"does not close", ALL},
    {"does not withdraw", ALL},
    {NULL, 0},
};

MODEL(bell, .about = "two ring, the loop leaves: nobody rings afterwards",
      .shared_bytes = sizeof(shared), .setup = setup, .threads = {ringer, ringer, loop},
      .thread_names = {"first", "second", "loop"}, .weakened = weakened, .mutants = mutants);
