/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Counted: the last of three users frees the thing, and sees what the others did (counted.h, CNT-1).
 * One of them gets its hold from another. */
#include "counted.h"
#include "explore.h"

typedef struct shared {
    nohi_counted users;
    atom(uint32_t) passed; /* the third one's hold */
    unsigned done[3];
} shared;
#define S MODEL_SHARED(shared)
#define FREED MODEL_GHOST(unsigned)

static void setup(void)
{
    nohi_counted_init(&S->users, 2);
    MODEL_NAME(S->users);
    MODEL_NAME(S->done);
}

static void leave(unsigned thread)
{
    S->done[thread] = 1;
    if (MODEL_MUTANT("looks at the count twice")) {
        (void)nohi_counted_release(&S->users);
        if (load_acquire(&S->users.holders) != 0) {
            return;
        }
    } else if (!nohi_counted_release(&S->users)) {
        return;
    }
    MODEL_CHECK(++FREED[0] == 1);
    for (unsigned i = 0; i < 3; i++) {
        S->done[i] = 2; /* freed: a race with whoever is not done */
    }
}

static void owner(unsigned thread)
{
    nohi_counted_hold(&S->users);
    store_release(&S->passed, 1);
    leave(thread);
}

static void guest(unsigned thread)
{
    while (load_acquire(&S->passed) == 0) {
    }
    leave(thread);
}

static void check(void)
{
    MODEL_CHECK(FREED[0] == 1);
}

static const model_weakened weakened[] = {
    {"nohi_counted_release", "sub_acq_rel", NOHI_MODEL_ACQUIRE, ALL},
    {"nohi_counted_release", "sub_acq_rel", NOHI_MODEL_RELEASE, ALL},
    {NULL, NULL, 0, 0},
};

static const model_mutant mutants[] = {{"looks at the count twice", ALL}, {NULL, 0}};

MODEL(counted, .about = "three users: the last one frees", .shared_bytes = sizeof(shared),
      .setup = setup, .check = check, .threads = {owner, leave, guest},
      .thread_names = {"owner", "user", "guest"}, .weakened = weakened, .mutants = mutants);
