/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Reuse: a slot has all the tenants its generations allow, four here, while senders hold refs of the
 * first two (gate.h, GAT-2, GAT-3, GAT-6; slots.h, SLT-3; core/actor.c, close_slot and release).
 *
 * No letter reaches a tenant that its sender did not mean, so the slot retires in time. Each tenant
 * looks at the inbox once; what comes later the next one finds. */
#include "explore.h"
#include "gate.h"

enum { FIRST = 3, SENDERS = 2 };

typedef struct letter {
    nohi_letter letter;
    uint32_t generation;
    unsigned tenant; /* whom the sender meant: tells apart what generations may not */
} letter;

typedef struct shared {
    nohi_gate gate;
    unsigned
        remains; /* what the owner leaves behind: seen by who finds a generation closed, GAT-6 */
    letter letters[SENDERS];
} shared;
#define S MODEL_SHARED(shared)

static void setup(void)
{
    store_relaxed(&S->gate.generation, FIRST);
    store_relaxed(&S->gate.inbox.newest, NOHI_INBOX_ARMED);
    MODEL_NAME(S->gate.generation);
    MODEL_NAME(S->gate.traits);
    MODEL_NAME(S->gate.inbox);
    MODEL_NAME(S->remains);
    MODEL_NAME(S->letters);
}

static void sender(unsigned thread)
{
    uint32_t mine = (FIRST + thread) & NOHI_GENERATION_MASK;
    letter *l = &S->letters[thread];
    if (nohi_gate_generation(&S->gate) != mine) {
        return;
    }
    l->generation = mine;
    l->tenant = thread;
    (void)nohi_inbox_push(&S->gate.inbox, &l->letter, &l->letter);
}

static void watcher(unsigned thread)
{
    if (nohi_gate_generation(&S->gate) == ((FIRST + 1) & NOHI_GENERATION_MASK)) {
        MODEL_CHECK(S->remains == 1);
    }
}

static void owner(unsigned thread)
{
    uint32_t generation = FIRST;
    unsigned tenant = 0;
    do {
        nohi_letter *at = nohi_inbox_take(&S->gate.inbox);
        for (; at != NULL; at = at->next) {
            const letter *l = NOHI_CONTAINER(at, letter, letter);
            MODEL_CHECK(l->generation != generation || l->tenant == tenant);
        }
        if (tenant == 0) {
            S->remains = 1;
        }
        nohi_gate_close(&S->gate);
        generation = nohi_gate_generation(&S->gate);
        tenant++;
    } while (generation != FIRST || (tenant == 4 && MODEL_MUTANT("does not retire")));
    MODEL_CHECK(tenant >= 4);
}

static const model_weakened weakened[] = {
    {"nohi_gate_close", "store_release", NOHI_MODEL_RELAXED, ALL},
    {"nohi_gate_generation", "load_acquire", NOHI_MODEL_RELAXED, ALL},
    {NULL, NULL, 0, 0},
};

static const model_mutant mutants[] = {{"does not retire", ALL}, {NULL, 0}};

MODEL(reuse, .about = "a slot uses up its generations while late letters come",
      .shared_bytes = sizeof(shared), .setup = setup, .threads = {sender, sender, owner, watcher},
      .thread_names = {"first", "second", "owner", "watcher"}, .weakened = weakened,
      .mutants = mutants);
