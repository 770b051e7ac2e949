/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A whole program with its systems in one thread, on virtual time, from one seed.
 *
 *     static noh_err program(const noh_env *env, void *arg)
 *     {
 *         noh_system *system;
 *         noh_options options = {.env = env, .workers = 2};
 *         noh_err err = noh_system_new(&options, &system);
 *         …
 *         return noh_system_free(system);
 *     }
 *
 *     noh_explore(program, &(noh_explore_options){.seeds = 1000});
 *
 * The program is what your main() would do; all that it changes is that it gives its systems the env
 * it gets. Workers, helpers of noh_blocking and threads of env->thread_start run in turns, as the seed
 * says; nothing happens at the same time, and nothing else decides who is next. Time stands still
 * while somebody can run, but for what turns are said to take, and jumps when nobody can: an hour's
 * noh_sleep costs nothing. So the same seed gives the same run, in each process and build.
 *
 * Not simulated: threads that the program starts itself (pthread_create), and what it reads beside
 * Noh: clocks, random numbers, files, the addresses of its memory. What takes time in noh_blocking
 * takes that time from everybody. */
#ifndef NOH_TESTKIT_H
#define NOH_TESTKIT_H

#include <noh/probe.h>

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The program; an error of its own makes the run a failure. `env` lives as long as the run. */
typedef noh_err noh_sim_program(const noh_env *env, void *arg);

/* Who goes on at a switching point: between two turns, after a message to another worker, where a
 * thread waits. */
typedef enum noh_sim_policy {
    NOH_SIM_UNIFORM, /* anybody */
    NOH_SIM_PCT,   /* who has the highest priority; these are drawn, and change `depth` - 1 times */
    NOH_SIM_ROBIN, /* everybody in turns; time does not pass in turns */
} noh_sim_policy;

typedef struct noh_sim_options {
    size_t size; /* sizeof(noh_sim_options); 0 means this version's */
    uint64_t seed;
    noh_sim_policy policy;
    unsigned depth;     /* for PCT; 0: 3. A race that takes so many steps in one order is found */
    unsigned cpus;      /* what the systems take for the number of processors; 0: 1 to 4, drawn */
    uint64_t steps_max; /* switching points, then the run fails with LIMIT; 0: 10,000,000 */
    /* What the systems log; NULL: kept for noh_sim_print. */
    void (*log)(void *ctx, const noh_log_record *record);
    void *log_ctx;
} noh_sim_options;

typedef struct noh_sim_result {
    noh_err err;     /* what noh_sim_run returned */
    char text[1000]; /* why, if it failed */
    uint64_t trace; /* of all turns, in their order: two runs that differ in one have another one */
    uint64_t turns; /* that were switching points */
    uint64_t steps; /* switching points */
    uint64_t blocks; /* of the systems' memory that were not given back */
    int64_t time_ns; /* that has passed */
} noh_sim_result;

/* A world to run in, again and again: it keeps its memory. One thread at a time. Errors: INVAL, NOMEM. */
typedef struct noh_sim noh_sim;
NOH_API noh_err noh_sim_new(noh_sim **ret_sim);
/* NULL is allowed. */
NOH_API void noh_sim_free(noh_sim *sim);

/* Runs the program, and all threads it has started, to their end. `options` and `ret_result` may be
 * NULL. After a failure other than the program's own, or one that has left threads behind, these
 * never go on, and what they hold is not given back. Not in a simulated program.
 * Errors: the program's; CYCLE: nobody can run, and nobody waits for a time: a deadlock; HELD_UP: the
 * program has returned, but threads that it started wait for ever; LIMIT: `steps_max`; INVAL; NOMEM. */
NOH_API noh_err noh_sim_run(noh_sim *sim, const noh_sim_options *options, noh_sim_program *program,
                            void *arg, noh_sim_result *ret_result);
/* The last turns and log lines of the last run, one a line: time, worker, actor, message, sender. */
NOH_API void noh_sim_print(const noh_sim *sim, FILE *to);

/* ---- exploration -------------------------------------------------------------------------- */

typedef struct noh_explore_options {
    size_t size;         /* sizeof(noh_explore_options); 0 means this version's */
    uint64_t first;      /* seed; 0: 1 */
    uint64_t seeds;      /* how many; 0: 1,000 */
    noh_sim_options sim; /* its seed is not read */
    void *arg;           /* the program's */
    const char *rerun;   /* the command that runs this program again; NULL: as it was called */
    FILE *to;            /* for the report; NULL: stderr */
    uint64_t *ret_seed;  /* that failed; may be NULL */
} noh_explore_options;

/* Runs the program with each seed, in a child process, until one fails: an error, a deadlock, or the
 * end of the process: an assertion, a signal, exit. Then writes what failed, the last turns, and
 *     seed=17 rerun: NOH_SEED=17 ./program
 * With NOH_SEED in the environment only that seed is run, in this process, where a debugger is;
 * NOH_SEEDS, a number, replaces `seeds`. `options` may be NULL.
 * Errors: what the run failed with; FAULT is not among them: a child that was ended gives OS; INVAL;
 * NOMEM. */
NOH_API noh_err noh_explore(noh_sim_program *program, const noh_explore_options *options);

#ifdef __cplusplus
}
#endif
#endif
