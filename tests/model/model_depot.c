/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Depot: an actor ends, its slot goes to the depot, and a plain thread takes it from there for the next
 * tenant, while late letters come to the first one (actor.c, ACT-1, ACT-3, ACT-4; gate.h, GAT-2;
 * homes.h says what is mirrored).
 *
 * No late letter reaches the second tenant, none is lost, the slot is in one free list at most, and the
 * second tenant gets its own letter. */
#include "homes.h"

enum { WORKER = 0, SPAWNER = 2, LATE = 3, FIRST = 1 };

static int flow_of(unsigned me)
{
    (void)me;
    return STAY;
}

static bool may_adopt(unsigned me, unsigned home)
{
    (void)me;
    (void)home;
    return false;
}

static bool ends_actor(const letter *l)
{
    (void)l;
    return false;
}

static void setup(void)
{
    setup_homes(WORKER);
    store_relaxed(&S->actors[1].gate.generation, FIRST);
    S->actors[1].flags = QUEUED;
    MODEL_NAME(S->slots_lock);
}

/* The first tenant ends in the turn with which this begins. */
static void worker(unsigned thread)
{
    nohi_actor_end(&S->actors[1]);
    nohi_leave_turn(WORKER, &S->actors[1]);
    loop(WORKER);
}

static void late_sender(unsigned thread)
{
    nohi_send(LATE, &S->actors[1], FIRST);
}

static actor *new_tenant(void)
{
    while (load_relaxed(&S->deposits) == 0) {
    }
    actor *a = grant_one();
    MODEL_CHECK(a != NULL);
    store_relaxed(&a->gate.stop, 0);
    nohi_gate_open(&a->gate, 0);
    return a;
}

/* A plain thread: START lies in the queue before anybody knows the ref. */
static void spawner(unsigned thread)
{
    actor *a = new_tenant();
    letter *start = &S->letters[SPAWNER][0];
    uint8_t generation = (uint8_t)nohi_gate_generation(&a->gate);
    *start = (letter){.sender = SPAWNER, .number = 1, .generation = generation};
    append(a, &start->letter);
    G->sent[SPAWNER] = 1;
    a->flags |= QUEUED;
    settle(a, WORKER);
    if (nohi_stack_push(&S->homes[WORKER].handed, index_of(a), &a->run_next)) {
        nohi_worker_notify(&S->homes[WORKER]);
    }
}

/* Of an actor that needs no START. */
static void telling_spawner(unsigned thread)
{
    actor *a = new_tenant();
    uint32_t generation = nohi_gate_generation(&a->gate);
    settle(a, WORKER);
    nohi_send(SPAWNER, a, generation);
}

static void check(void)
{
    MODEL_CHECK(G->handled[LATE] == 0 && G->buried == 1);
    MODEL_CHECK(G->handled[SPAWNER] == 1 && G->free_lists == 0);
    MODEL_CHECK(load_relaxed(&S->actors[1].life) == LIVE);
}

static const model_weakened weakened[] = {
    {"nohi_gate_move", "store_release", NOHI_MODEL_RELAXED, RA},
    {NULL, NULL, 0, 0},
};

static const model_mutant mutants[] = {{"does not compare generations", ALL}, {NULL, 0}};

MODEL(depot, .about = "a slot goes through the depot to its next tenant, and a late letter comes",
      .shared_bytes = sizeof(homes), .setup = setup, .check = check, .ends_asleep = true,
      .threads = {worker, spawner, late_sender}, .thread_names = {"worker", "spawner", "late"},
      .weakened = weakened, .mutants = mutants);

static const model_mutant tell_mutants[] = {
    {"looks into the depot without the lock", ALL},
    {NULL, 0},
};

MODEL(depot_tell, .about = "the same, and the next tenant's first letter comes through the inbox",
      .shared_bytes = sizeof(homes), .setup = setup, .check = check, .ends_asleep = true,
      .threads = {worker, telling_spawner, late_sender},
      .thread_names = {"worker", "spawner", "late"}, .mutants = tell_mutants);
