/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Name: an actor is named while it ends and another one moves in (gate.h, GAT-4 and GAT-6; core/name.c,
 * noh_register, and core/actor.c, clear and close_slot, mirrored).
 *
 * The table of names is plain memory under a lock. No name may be left that means an ended actor, and
 * none of a living one whose end would not find it. */
#include "explore.h"
#include "gate.h"

enum { NAMES = 2, FIRST = 1 };

typedef struct name {
    bool known;
    uint32_t generation;
} name;

typedef struct shared {
    nohi_gate gate;
    pthread_mutex_t lock;
    name names[NAMES];
    atom(uint32_t) spawned; /* the ref of the next tenant is known */
} shared;
#define S MODEL_SHARED(shared)

typedef struct ghost {
    bool named[NAMES]; /* the caller was told that it worked */
} ghost;
#define G MODEL_GHOST(ghost)

static void setup(void)
{
    store_relaxed(&S->gate.generation, FIRST);
    MODEL_NAME(S->gate);
    MODEL_NAME(S->gate.generation);
    MODEL_NAME(S->gate.traits);
    MODEL_NAME(S->lock);
    MODEL_NAME(S->names);
}

/* As noh_register. */
static bool name_it(unsigned number, uint32_t generation)
{
    if (nohi_gate_generation(&S->gate) != generation) {
        return false;
    }
    pthread_mutex_lock(&S->lock);
    S->names[number] = (name){true, generation};
    bool good = MODEL_MUTANT("does not ask the gate") || nohi_gate_name(&S->gate, generation);
    if (!good) {
        S->names[number].known = false;
    }
    pthread_mutex_unlock(&S->lock);
    return good;
}

static void namer(unsigned thread)
{
    G->named[thread] = name_it(thread, FIRST);
}

/* The next tenant's, if it is known; else the first one's too. */
static void next_namer(unsigned thread)
{
    uint32_t generation = load_acquire(&S->spawned) ? FIRST + 1 : FIRST;
    G->named[thread] = name_it(thread, generation);
}

static void forget_names(uint32_t generation)
{
    pthread_mutex_lock(&S->lock);
    for (unsigned i = 0; i < NAMES; i++) {
        S->names[i].known = S->names[i].known && S->names[i].generation != generation;
    }
    pthread_mutex_unlock(&S->lock);
}

/* One tenant ends, the next one moves in. */
static void owner(unsigned thread)
{
    bool named = MODEL_MUTANT("looks at the traits without an end")
                     ? nohi_gate_is(&S->gate, NOHI_TRAIT_NAMED)
                     : nohi_gate_end(&S->gate);
    if (named) {
        forget_names(FIRST);
    }
    nohi_gate_close(&S->gate);
    nohi_gate_open(&S->gate, 0);
    store_release(&S->spawned, 1);
}

static void check(void)
{
    bool is_named = nohi_gate_is(&S->gate, NOHI_TRAIT_NAMED);
    for (unsigned i = 0; i < NAMES; i++) {
        MODEL_CHECK(!S->names[i].known || S->names[i].generation == FIRST + 1);
        MODEL_CHECK(!S->names[i].known || is_named);
        MODEL_CHECK(!S->names[i].known || G->named[i]);
    }
}

static const model_mutant mutants[] = {
    {"does not ask the gate", ALL},
    {"looks at the traits without an end", ALL},
    {NULL, 0},
};

MODEL(name, .about = "an actor is named while it ends and the next one moves in",
      .shared_bytes = sizeof(shared), .setup = setup, .check = check,
      .threads = {namer, next_namer, owner}, .thread_names = {"namer", "second", "owner"},
      .mutants = mutants);
