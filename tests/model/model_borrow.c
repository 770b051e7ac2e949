/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Borrow: while a worker rests or sleeps, another thread locks it, uses its plain fields as if it were
 * the worker, and leaves it something to do; a third one wakes it (park.h; core/borrow.c,
 * nohi_borrow_send and give_back; core/worker.c, notify, attend, loop, spin and sleep_until, without
 * timers). Whoever touches the fields at the same time, or has not seen what the other did, is a data
 * race; what is left, or pushed, and not found is a deadlock. */
#include "explore.h"
#include "hint.h"
#include "park.h"
#include "stack.h"

enum { NODES = 3, WORK = 2 }; /* node 0 is none */

typedef struct shared {
    nohi_park park;
    nohi_hint mail;
    nohi_stack ready;
    uint32_t links[NODES];
    unsigned fields; /* the worker's */
    unsigned left;   /* its run list: what others put there */
} shared;
#define S MODEL_SHARED(shared)

typedef struct ghost {
    unsigned touched; /* fields */
    unsigned locked;
} ghost;
#define G MODEL_GHOST(ghost)

static void setup(void)
{
    MODEL_NAME(S->park);
    MODEL_NAME(S->mail);
    MODEL_NAME(S->ready);
    MODEL_NAME(S->links);
    MODEL_NAME(S->fields);
    MODEL_NAME(S->left);
}

static void touch(void)
{
    S->fields++;
    G->touched++;
}

/* ---- the worker --------------------------------------------------------------------------- */

static unsigned attend(void)
{
    unsigned count = 0;
    nohi_hint_lower(&S->mail);
    for (uint32_t at = nohi_stack_take(&S->ready); at != 0; at = S->links[at]) {
        count++;
    }
    return count;
}

/* One look; in between it has a question to others, and touches its fields. */
static void look_around(void)
{
    if (MODEL_MUTANT("touches its fields while it rests")) {
        touch();
    }
    if (!nohi_hint_is_raised(&S->mail) && nohi_model_choose(2) == 1 && nohi_park_rouse(&S->park)) {
        touch();
        nohi_park_rest(&S->park);
    }
}

static void rest(void)
{
    nohi_park_rest(&S->park);
    look_around();
    if (!MODEL_MUTANT("falls asleep under a locker")) {
        nohi_park_leave(&S->park, &nohi_model_env);
        touch();
        if (nohi_hint_is_raised(&S->mail) || S->left > 0) {
            return;
        }
    }
    nohi_park_announce(&S->park);
    if (nohi_stack_is_empty(&S->ready)) {
        nohi_park_wait(&S->park, &nohi_model_env, -1);
    }
    if (MODEL_MUTANT("does not wait out a locker")) {
        store_seq_cst(&S->park.word, NOHI_RUNNING);
    } else {
        nohi_park_leave(&S->park, &nohi_model_env);
    }
    nohi_hint_raise(&S->mail);
}

static void worker(unsigned thread)
{
    unsigned count = 0;
    while (count < WORK) {
        if (nohi_hint_is_raised(&S->mail)) {
            count += attend();
        }
        count += S->left;
        S->left = 0;
        touch();
        if (count < WORK) {
            rest();
        }
    }
}

/* ---- others ------------------------------------------------------------------------------- */

static void publish(uint32_t node)
{
    if (nohi_stack_push(&S->ready, node, &S->links[node])) {
        nohi_hint_raise(&S->mail);
        if (nohi_park_claim(&S->park) == NOHI_DUTY_WAKE) {
            nohi_park_wake(&S->park, &nohi_model_env);
        }
    }
}

static void publisher(unsigned thread)
{
    publish(thread);
}

/* A call: what it cannot do itself, or nothing of it, it leaves to the worker. */
static void borrower(unsigned thread)
{
    uint32_t before;
    if (!nohi_park_lock_idle(&S->park, &nohi_model_env, &before)) {
        publish(thread);
        return;
    }
    G->locked++;
    touch();
    S->left++;
    bool more = !MODEL_MUTANT("says nothing of what it leaves");
    if (more) {
        nohi_hint_raise(&S->mail);
    }
    if (MODEL_MUTANT("stores what was before")) {
        store_seq_cst(&S->park.word, before);
    } else if (nohi_park_unlock(&S->park, before, more)) {
        nohi_park_wake(&S->park, &nohi_model_env);
    }
}

/* It does all of it, and leaves nothing; what it publishes comes afterwards. */
static void tidy_borrower(unsigned thread)
{
    uint32_t before;
    if (nohi_park_lock_idle(&S->park, &nohi_model_env, &before)) {
        G->locked++;
        touch();
        if (nohi_park_unlock(&S->park, before, false)) {
            nohi_park_wake(&S->park, &nohi_model_env);
        }
    }
    publish(1);
    publish(2);
}

static void check(void)
{
    MODEL_CHECK(S->fields == G->touched);
    MODEL_CHECK(S->left == 0);
    MODEL_CHECK(load_relaxed(&S->park.word) == NOHI_RUNNING);
}

static const model_weakened weakened[] = {
    {"nohi_park_rest", "store_release", NOHI_MODEL_RELAXED, RA},
    {"nohi_park_lock", "cas_seq_cst", NOHI_MODEL_RELAXED, ALL},
    {"nohi_park_unlock", "cas_seq_cst", NOHI_MODEL_ACQUIRE, ALL},
    {"nohi_park_unlock", "store_seq_cst", NOHI_MODEL_RELAXED, ALL},
    {"nohi_park_leave", "load_acquire", NOHI_MODEL_RELAXED, ALL},
    {NULL, NULL, 0, 0},
};

static const model_mutant mutants[] = {
    {"touches its fields while it rests", ALL},
    {"falls asleep under a locker", ALL},
    {"does not wait out a locker", ALL},
    {"says nothing of what it leaves", ALL},
    {"stores what was before", ALL},
    {NULL, 0},
};

MODEL(borrow, .about = "a thread acts for a worker that rests or sleeps, and leaves it work",
      .shared_bytes = sizeof(shared), .setup = setup, .check = check,
      .threads = {worker, borrower, publisher}, .thread_names = {"worker", "borrower", "publisher"},
      .weakened = weakened, .mutants = mutants);

static const model_weakened weakened_back[] = {
    {"nohi_park_rouse", "cas_seq_cst", NOHI_MODEL_RELAXED, ALL},
    {NULL, NULL, 0, 0},
};

MODEL(borrow_back, .about = "a thread acts for a worker that goes on resting",
      .shared_bytes = sizeof(shared), .setup = setup, .check = check,
      .threads = {worker, tidy_borrower}, .thread_names = {"worker", "borrower"},
      .weakened = weakened_back);

/* ---- small enough for the sweep ----------------------------------------------------------- */

static void short_rest(unsigned thread)
{
    touch();
    nohi_park_rest(&S->park);
    nohi_park_leave(&S->park, &nohi_model_env);
    touch();
}

static void short_borrow(unsigned thread)
{
    uint32_t before;
    if (nohi_park_lock_idle(&S->park, &nohi_model_env, &before)) {
        touch();
        if (nohi_park_unlock(&S->park, before, false)) {
            nohi_park_wake(&S->park, &nohi_model_env);
        }
    }
}

static const model_weakened weakened_short[] = {
    {"nohi_park_leave", "load_acquire", NOHI_MODEL_RELAXED, ALL},
    {NULL, NULL, 0, 0},
};

MODEL(borrow_short, .about = "a thread acts once for a worker that rests once",
      .shared_bytes = sizeof(shared), .setup = setup, .check = check,
      .threads = {short_rest, short_borrow}, .thread_names = {"worker", "borrower"},
      .weakened = weakened_short);
