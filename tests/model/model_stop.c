/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Stop: a stop is asked of a tenant while it ends and the next one moves in, and of the next one, whose
 * generation is 0: they wrap (gate.h, GAT-5; core/actor.c, noh_stop, close_slot and nohi_actor_open,
 * mirrored).
 *
 * What is asked of the next one must not be lost, and the late one must not stop it. */
#include "explore.h"
#include "gate.h"

enum { FIRST = NOHI_GENERATION_MASK, NEXT = 0, NOW = 1, KILL = 2 };

typedef struct shared {
    nohi_gate gate;
    atom(uint32_t) spawned; /* the last tenant whose ref is known */
} shared;
#define S MODEL_SHARED(shared)

static void setup(void)
{
    store_relaxed(&S->gate.generation, FIRST);
    store_relaxed(&S->spawned, FIRST);
    MODEL_NAME(S->gate.generation);
    MODEL_NAME(S->gate.traits);
    MODEL_NAME(S->gate.stop);
    MODEL_NAME(S->spawned);
}

static void ask(uint32_t generation, unsigned kind)
{
    if (MODEL_MUTANT("stores what it wants")) {
        store_relaxed(&S->gate.stop, generation << 3 | (kind + 1));
    } else {
        (void)nohi_gate_ask_stop(&S->gate, generation, kind);
    }
}

static void late_stopper(unsigned thread)
{
    uint32_t generation = load_acquire(&S->spawned);
    if (nohi_gate_generation(&S->gate) == generation) {
        ask(generation, NOW);
    }
}

/* First softly, then hard. */
static void stopper(unsigned thread)
{
    while (load_acquire(&S->spawned) != NEXT) {
    }
    MODEL_CHECK(nohi_gate_generation(&S->gate) == NEXT);
    ask(NEXT, NOW);
    ask(NEXT, KILL);
}

/* One tenant ends, the next one moves in. */
static void owner(unsigned thread)
{
    (void)nohi_gate_end(&S->gate);
    nohi_gate_close(&S->gate);
    store_relaxed(&S->gate.stop, 0);
    nohi_gate_open(&S->gate, 0);
    store_release(&S->spawned, NEXT);
}

static void check(void)
{
    MODEL_CHECK(nohi_gate_stop_kind(&S->gate, NEXT) == KILL);
}

static const model_mutant mutants[] = {{"stores what it wants", ALL}, {NULL, 0}};

MODEL(stop, .about = "stops are asked of two tenants of one slot", .shared_bytes = sizeof(shared),
      .setup = setup, .check = check, .threads = {late_stopper, stopper, owner},
      .thread_names = {"late", "stopper", "owner"}, .mutants = mutants);
