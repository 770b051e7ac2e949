/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* World: what a simulated program lives in. One OS thread runs all of it, so nothing here is locked, and
 * nothing here may wait but where threads are passed on (world.c). */
#ifndef NOHI_TESTKIT_WORLD_H
#define NOHI_TESTKIT_WORLD_H

#include "fiber.h"

#include <noh/testkit.h>
#include <noh/watch.h>

enum {
    LOCALS_MAX = 32,
    SYSTEMS_MAX = 8,
    NOTES_MAX = 64, /* turns and log lines that are kept; a power of two */
    NAME_SIZE = 32,
};

typedef struct sim_thread sim_thread;
typedef struct sim_region sim_region;
typedef struct sim_block sim_block;

typedef enum sim_state {
    SIM_READY,
    SIM_WAITS, /* for its word, for a time, for an end */
    SIM_ENDED, /* its handle is still there */
} sim_state;

struct sim_thread {
    noh_sim *sim;
    nohi_fiber *fiber;
    char *stack; /* with its guard below */
    void (*fn)(void *arg);
    void *arg;
    char name[NAME_SIZE];
    sim_state state;
    uint32_t place;   /* READY: in `ready` */
    uint32_t *word;   /* WAITS: or NULL */
    int64_t until_ns; /* WAITS: or NOH_FOREVER */
    sim_thread *joiner;
    bool detached;
    int error; /* its errno while others run */
    int64_t priority;
    uint64_t ran; /* when it was chosen last, in steps */
    void *values[LOCALS_MAX];
    sim_thread *next; /* free */
};

/* A line of noh_sim_print. */
typedef struct sim_note {
    int64_t time_ns;
    bool is_log;
    unsigned system;
    unsigned worker;
    uint64_t actor;
    uint64_t sender;
    char behavior[NAME_SIZE];
    char text[NAME_SIZE * 3]; /* of the message, or the line */
} sim_note;

struct noh_sim {
    noh_env real;
    noh_env env; /* what the program gets */
    noh_sim_options options;
    /* chance: two streams, so that a system draws the same whoever goes on */
    uint64_t order;
    uint64_t numbers;
    /* how this run is, drawn from its seed */
    unsigned cpus;
    int64_t pace_ns; /* what a turn takes, about */
    bool slow;       /* some take much longer */
    bool rude;       /* some waits end for no reason */
    bool loose;      /* some turns are no switching points */
    /* threads */
    sim_thread **threads; /* that have not ended, in the order of their birth */
    sim_thread **ready;
    uint32_t thread_count;
    uint32_t ready_count;
    uint32_t thread_capacity;
    sim_thread *current;
    sim_thread *spare;
    sim_thread *gone;   /* detached, and ended */
    nohi_fiber outside; /* of noh_sim_run */
    int64_t now_ns;
    int64_t due_ns;       /* no wait ends before, but by a wake */
    int64_t lowest;       /* priority that was given */
    uint64_t changes[16]; /* PCT: the steps at which who runs becomes the lowest; */
    unsigned changes_left;
    void (*ends[LOCALS_MAX])(void *value); /* of locals; NULL: free, or nothing to end */
    bool taken[LOCALS_MAX];
    /* memory */
    sim_region *live;
    sim_region *idle;
    sim_block *blocks; /* in use */
    uint64_t block_count;
    /* what has happened */
    const struct noh_system *systems[SYSTEMS_MAX]; /* that had a turn, and are not freed */
    uint64_t trace;
    uint64_t turns;
    uint64_t steps;
    sim_note notes[NOTES_MAX];
    uint64_t note_count;
    /* how it ended */
    noh_sim_program *program;
    void *arg;
    bool returned;
    noh_err program_err;
    noh_err err;
    char text[sizeof((noh_sim_result *)0)->text];
};

/* splitmix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014. */
static inline uint64_t sim_next(uint64_t *state)
{
    uint64_t bits = *state += UINT64_C(0x9e3779b97f4a7c15);
    bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
    return bits ^ (bits >> 31);
}

/* Below `limit`, which is small: all about as often. */
static inline uint64_t sim_below(uint64_t *state, uint64_t limit)
{
    return (sim_next(state) >> 32) * limit >> 32;
}

/* The functions of env that are the world's. */
void sim_world_env(noh_env *env);
/* Runs fn(arg) on a thread, and all that it starts, until nobody can go on. Errors: NOMEM. */
noh_err sim_world_run(noh_sim *sim, void (*fn)(void *arg), void *arg);
/* The run is over: control goes back to sim_world_run, and nobody goes on. Does not return. */
_Noreturn void sim_world_leave(noh_sim *sim);
void sim_world_free(noh_sim *sim);

/* Those that are memory.c's. */
void sim_memory_env(noh_env *env);
/* What is live stays behind. */
void sim_memory_abandon(noh_sim *sim);
void sim_memory_free(noh_sim *sim);

/* sim.c: a turn begins; a line is logged. */
void sim_note_turn(noh_sim *sim, const noh_turn *turn);
/* The run has failed: why. */
void sim_fail(noh_sim *sim, noh_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Nobody can go on. */
void sim_stuck(noh_sim *sim);

#endif
