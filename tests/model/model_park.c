/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Park: no lost wake-up (park.h, PRK-1), with the stack and the hint that a worker has (core/worker.c,
 * nohi_worker_notify, attend, loop and rest; here without timers and without the short busy wait).
 *
 * Two publishers push a node each, and look whether the worker sleeps, as nohi_stack_push tells them
 * to. The worker takes, and sleeps when it finds nothing. A lost wake-up is a deadlock. */
#include "explore.h"
#include "hint.h"
#include "park.h"
#include "stack.h"

enum { PUBLISHERS = 2 };

typedef struct node {
    uint32_t next;
    unsigned value;
} node;

typedef struct shared {
    nohi_park park;
    nohi_hint mail;
    nohi_stack ready;
    node nodes[PUBLISHERS + 1];
} shared;
#define S MODEL_SHARED(shared)

typedef struct ghost {
    unsigned taken[PUBLISHERS + 1];
} ghost;
#define G MODEL_GHOST(ghost)

static void setup(void)
{
    MODEL_NAME(S->park);
    MODEL_NAME(S->mail);
    MODEL_NAME(S->ready);
    MODEL_NAME(S->nodes);
}

static void notify(void)
{
    if (!MODEL_MUTANT("wakes without a hint")) {
        nohi_hint_raise(&S->mail);
    }
    if (nohi_park_claim(&S->park) == NOHI_DUTY_WAKE) {
        nohi_park_wake(&S->park, &nohi_model_env);
    }
}

static void publisher(unsigned thread)
{
    uint32_t index = thread + 1;
    S->nodes[index].value = index * 10;
    if (MODEL_MUTANT("looks at the sleeper before it pushes")) {
        notify();
        (void)nohi_stack_push(&S->ready, index, &S->nodes[index].next);
        return;
    }
    if (nohi_stack_push(&S->ready, index, &S->nodes[index].next)) {
        notify();
    }
}

static unsigned attend(void)
{
    unsigned count = 0;
    nohi_hint_lower(&S->mail);
    for (uint32_t at = nohi_stack_take(&S->ready); at != 0; at = S->nodes[at].next) {
        MODEL_CHECK(S->nodes[at].value == at * 10); /* STK-2 */
        G->taken[at]++;
        count++;
    }
    return count;
}

static void rest(void)
{
    if (MODEL_MUTANT("looks at the queue before it announces")) {
        if (nohi_stack_is_empty(&S->ready)) {
            nohi_park_announce(&S->park);
            nohi_park_wait(&S->park, &nohi_model_env, -1);
        }
    } else {
        nohi_park_announce(&S->park);
        if (nohi_stack_is_empty(&S->ready)) {
            nohi_park_wait(&S->park, &nohi_model_env, -1);
        }
    }
    nohi_park_leave(&S->park, &nohi_model_env);
    if (!MODEL_MUTANT("does not look after a sleep")) {
        nohi_hint_raise(&S->mail); /* whatever woke it */
    }
}

static void worker(unsigned thread)
{
    unsigned count = 0;
    while (count < PUBLISHERS) {
        if (nohi_hint_is_raised(&S->mail)) {
            count += attend();
        } else {
            rest();
        }
    }
}

static void check(void)
{
    for (unsigned i = 1; i <= PUBLISHERS; i++) {
        MODEL_CHECK(G->taken[i] == 1); /* STK-1 */
    }
    MODEL_CHECK(load_relaxed(&S->park.word) == NOHI_RUNNING);
}

static const model_weakened weakened[] = {
    {"nohi_park_announce", "store_seq_cst", NOHI_MODEL_RELEASE, TSO | RA},
    {"nohi_park_claim", "load_seq_cst", NOHI_MODEL_ACQUIRE, RA},
    {"nohi_stack_is_empty", "load_seq_cst", NOHI_MODEL_ACQUIRE, RA},
    {"nohi_stack_push", "cas_weak_seq_cst", NOHI_MODEL_ACQ_REL, RA},
    {"nohi_stack_take", "xchg_acquire", NOHI_MODEL_RELAXED, ALL},
    {NULL, NULL, 0, 0},
};

static const model_mutant mutants[] = {
    {"looks at the queue before it announces", ALL},
    {"looks at the sleeper before it pushes", ALL},
    {NULL, 0},
};

MODEL(park, .about = "two publishers and a worker that sleeps: no lost wake-up",
      .shared_bytes = sizeof(shared), .setup = setup, .check = check,
      .threads = {publisher, publisher, worker}, .thread_names = {"first", "second", "worker"},
      .weakened = weakened, .mutants = mutants);

/* A sleep may end for no reason. Then a lost wake-up does not show: only the rest is checked. */
MODEL(park_spurious, .about = "the same, and sleeps end for no reason",
      .shared_bytes = sizeof(shared), .setup = setup, .check = check, .spurious = SC | TSO,
      .threads = {publisher, publisher, worker}, .thread_names = {"first", "second", "worker"});
