/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* System: it stops while a worker and a plain thread spawn (core/system.c, STP-1: noh_system_stop,
 * tell_workers, wait_for_end, ask_all, spawns_are_over, alive, note_rest, note_stopping, begin_spawn,
 * end_spawn; core/actor.c, noh_spawn_with and nohi_actor_end_rest; core/worker.c, loop and rest, all
 * mirrored).
 *
 * Each spawn is asked to stop, and none comes after the end. The stop sleeps without a limit here: it
 * must be woken by what it waits for, not by its time-out. The hint is left out. */
#include "explore.h"
#include "gate.h"
#include "park.h"
#include "stack.h"

enum { SLOTS = 1, STOPPING = SLOTS + 1, FREE = 0, LIVE, DEAD };

/* STOPPING stands for the command to the worker: it comes the same way as a letter to an actor. */

typedef struct slot {
    atom(uint8_t) life;
    uint32_t next;
} slot;

typedef struct shared {
    nohi_park park;
    nohi_stack ready;
    atom(uint32_t) stopping;
    atom(uint32_t) closing;
    atom(uint32_t) stop_word;
    atom(uint32_t) stop_seen;
    atom(uint32_t) spawning;
    atom(uint32_t) ended;
    atom(uint32_t) spawned;
    slot slots[SLOTS + 2];
} shared;
#define S MODEL_SHARED(shared)

typedef struct ghost {
    bool spawned[SLOTS + 1];
    bool stopped;
} ghost;
#define G MODEL_GHOST(ghost)

static void setup(void)
{
    MODEL_NAME(S->park);
    MODEL_NAME(S->ready);
    MODEL_NAME(S->stopping);
    MODEL_NAME(S->closing);
    MODEL_NAME(S->stop_word);
    MODEL_NAME(S->stop_seen);
    MODEL_NAME(S->spawning);
    MODEL_NAME(S->ended);
    MODEL_NAME(S->spawned);
    MODEL_NAME(S->slots);
}

/* ---- system.c ----------------------------------------------------------------------------- */

static bool nohi_is_stopping(void)
{
    return load_seq_cst(&S->stopping) != 0;
}

static void nohi_system_note_rest(void)
{
    add_seq_cst(&S->stop_word, 1);
    nohi_model_env.park_wake(NULL, (uint32_t *)(void *)&S->stop_word);
}

static void nohi_system_note_stopping(void)
{
    add_seq_cst(&S->stop_seen, 1);
    nohi_system_note_rest();
}

static void nohi_system_begin_spawn(void)
{
    if (!MODEL_MUTANT("does not say that it spawns")) {
        store_seq_cst(&S->spawning, 1);
    }
}

static void nohi_system_end_spawn(void)
{
    store_seq_cst(&S->spawning, 0);
    if (nohi_is_stopping()) {
        nohi_system_note_rest();
    }
}

static bool nohi_spawns_are_over(void)
{
    return load_seq_cst(&S->stop_seen) == 1 && load_seq_cst(&S->spawning) == 0;
}

static uint32_t nohi_alive(void)
{
    uint32_t ended = load_acquire(&S->ended);
    return load_relaxed(&S->spawned) - ended;
}

static void tell(uint32_t index)
{
    if (nohi_stack_push(&S->ready, index, &S->slots[index].next) &&
        nohi_park_claim(&S->park) == NOHI_DUTY_WAKE) {
        nohi_park_wake(&S->park, &nohi_model_env);
    }
}

static void ask_all(bool *asked)
{
    for (uint32_t i = 1; i <= SLOTS; i++) {
        if (!asked[i] && load_relaxed(&S->slots[i].life) == LIVE) {
            asked[i] = true;
            tell(i);
        }
    }
}

static void nohi_system_stop(void)
{
    bool asked[SLOTS + 1] = {false};
    store_seq_cst(&S->stopping, 1);
    tell(STOPPING);
    bool asked_last = MODEL_MUTANT("does not ask again");
    ask_all(asked);
    for (;;) {
        uint32_t word = load_seq_cst(&S->stop_word);
        bool over = MODEL_MUTANT("does not wait for spawners") || nohi_spawns_are_over();
        if (over && !asked_last) {
            ask_all(asked);
            asked_last = true;
        }
        if (over && nohi_alive() == 0) {
            break;
        }
        nohi_model_env.park_wait(NULL, (uint32_t *)(void *)&S->stop_word, word, -1);
    }
    G->stopped = true;
    store_relaxed(&S->closing, 1);
}

/* ---- actor.c ------------------------------------------------------------------------------ */

static void spawn(uint32_t index)
{
    if (nohi_is_stopping()) {
        return;
    }
    MODEL_CHECK(!G->stopped);
    G->spawned[index] = true;
    bump(&S->spawned);
    store_relaxed(&S->slots[index].life, LIVE);
}

static void nohi_actor_end(slot *s)
{
    store_relaxed(&s->life, DEAD);
    bump_release(&S->ended);
}

/* ---- the threads -------------------------------------------------------------------------- */

static bool attend(void)
{
    uint32_t index = nohi_stack_take(&S->ready);
    bool any = index != 0;
    while (index != 0) {
        slot *s = &S->slots[index];
        if (index == STOPPING) {
            nohi_system_note_stopping();
        } else {
            nohi_actor_end(s);
        }
        index = s->next;
    }
    return any;
}

static void rest(void)
{
    if (nohi_is_stopping()) {
        nohi_system_note_rest();
    }
    nohi_park_announce(&S->park);
    if (nohi_stack_is_empty(&S->ready)) {
        nohi_park_wait(&S->park, &nohi_model_env, -1);
    }
    nohi_park_leave(&S->park, &nohi_model_env);
}

static void worker(unsigned thread)
{
    for (;;) {
        if (!attend()) {
            rest();
        }
    }
}

/* The same without sleep, which system_worker has. */
static void busy_worker(unsigned thread)
{
    while (load_relaxed(&S->closing) == 0) {
        if (load_relaxed(&S->ready.top) != 0 && attend()) {
            nohi_system_note_rest();
        }
    }
}

static void spawning_worker(unsigned thread)
{
    spawn(1);
    worker(thread);
}

static void spawner(unsigned thread)
{
    nohi_system_begin_spawn();
    spawn(1);
    nohi_system_end_spawn();
}

static void stopper(unsigned thread)
{
    nohi_system_stop();
}

static void check(void)
{
    MODEL_CHECK(G->stopped);
    for (uint32_t i = 1; i <= SLOTS; i++) {
        MODEL_CHECK(load_relaxed(&S->slots[i].life) == (G->spawned[i] ? DEAD : FREE));
    }
}

static const model_weakened weakened[] = {
    {"nohi_system_note_rest", "add_seq_cst", NOHI_MODEL_RELAXED, RA}, /* STP-3 */
    {"nohi_system_begin_spawn", "store_seq_cst", NOHI_MODEL_RELEASE, TSO | RA},
    {NULL, NULL, 0, 0},
};

static const model_mutant mutants[] = {
    {"does not say that it spawns", ALL},
    {"does not ask again", ALL},
    {"does not wait for spawners", ALL},
    {NULL, 0},
};

MODEL(system, .about = "the system stops while a plain thread spawns",
      .shared_bytes = sizeof(shared), .setup = setup, .check = check, .ends_asleep = true,
      .threads = {busy_worker, spawner, stopper}, .thread_names = {"worker", "spawner", "stopper"},
      .weakened = weakened, .mutants = mutants);

/* A worker says by taking the command that it spawns no more. */
static const model_mutant worker_mutants[] = {
    {"does not ask again", ALL},
    {"does not wait for spawners", ALL},
    {NULL, 0},
};

MODEL(system_worker, .about = "the system stops while a worker spawns",
      .shared_bytes = sizeof(shared), .setup = setup, .check = check, .ends_asleep = true,
      .threads = {spawning_worker, stopper}, .thread_names = {"worker", "stopper"},
      .mutants = worker_mutants);

/* One home spawns, another one ends, and somebody counts: never fewer than none. */
static void spawning_home(unsigned thread)
{
    bump(&S->spawned);
    tell(1);
}

static void ending_home(unsigned thread)
{
    while (load_relaxed(&S->ready.top) == 0) {
    }
    if (nohi_stack_take(&S->ready) != 0) {
        nohi_actor_end(&S->slots[1]);
    }
}

static void counter(unsigned thread)
{
    MODEL_CHECK(nohi_alive() <= 1);
}

static const model_weakened count_weakened[] = {
    {"nohi_actor_end", "store_release", NOHI_MODEL_RELAXED, RA},
    {"nohi_alive", "load_acquire", NOHI_MODEL_RELAXED, RA},
    {NULL, NULL, 0, 0},
};

MODEL(system_count, .about = "actors are counted while one is spawned and ends elsewhere",
      .shared_bytes = sizeof(shared), .setup = setup,
      .threads = {spawning_home, ending_home, counter},
      .thread_names = {"spawning", "ending", "counter"}, .weakened = count_weakened);
