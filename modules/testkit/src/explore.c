/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Explore: many seeds, until one fails.
 *
 * Purpose     The seeds are run in a child process, since what fails may be an assertion. Which seed it
 *             is at stands in memory that both share, so the parent knows whatever ends the child.
 * Why not     a process for each seed: dearer than a run. */
#include "world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SEEDS_DEFAULT = 1000 };

/* What the child leaves. */
typedef struct progress {
    uint64_t seed; /* being run */
    bool done;     /* the child has ended by itself */
    noh_err err;   /* of that seed */
} progress;

static bool number_of(const char *name, uint64_t *ret_number)
{
    const char *text = getenv(name);
    char *end;
    if (text == NULL || *text == 0) {
        return false;
    }
    *ret_number = strtoull(text, &end, 0);
    return *end == 0;
}

/* The arguments of this process, as one would type them; or "PROGRAM". */
static void print_command(FILE *to, const noh_explore_options *o)
{
    if (o->rerun != NULL) {
        fprintf(to, "%s", o->rerun);
        return;
    }
    FILE *arguments = fopen("/proc/self/cmdline", "r");
    if (arguments == NULL) {
        fprintf(to, "PROGRAM");
        return;
    }
    for (int c = getc(arguments); c != EOF;) {
        int next = getc(arguments);
        putc(c != 0 ? c : next == EOF ? '\n' : ' ', to);
        c = next;
    }
    fclose(arguments);
}

static void print_rerun(FILE *to, const noh_explore_options *o, uint64_t seed)
{
    fprintf(to, "seed=%llu rerun: NOH_SEED=%llu ", (unsigned long long)seed,
            (unsigned long long)seed);
    print_command(to, o);
    fflush(to);
}

static noh_err run_one(noh_sim *sim, noh_sim_program *program, const noh_explore_options *o,
                       uint64_t seed)
{
    noh_sim_options options = o->sim;
    noh_sim_result result;
    options.seed = seed;
    noh_err err = noh_sim_run(sim, &options, program, o->arg, &result);
    if (err != NOH_OK) {
        fprintf(o->to, "%s\nThe last turns:\n", result.text);
        noh_sim_print(sim, o->to);
        fflush(o->to);
    }
    return err;
}

/* In the child. */
static void run_all(noh_sim *sim, noh_sim_program *program, const noh_explore_options *o,
                    progress *p)
{
    for (uint64_t i = 0; i < o->seeds && p->err == NOH_OK; i++) {
        p->seed = o->first + i;
        p->err = run_one(sim, program, o, p->seed);
    }
    p->done = true;
}

static noh_err watch(pid_t child, const noh_explore_options *o, const progress *p)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (p->done && p->err == NOH_OK) {
        return NOH_OK;
    }
    if (!p->done && WIFSIGNALED(status)) {
        fprintf(o->to, "the process was ended by signal %d\n", WTERMSIG(status));
    } else if (!p->done) {
        fprintf(o->to, "the process has ended with status %d\n", WEXITSTATUS(status));
    }
    if (o->ret_seed != NULL) {
        *o->ret_seed = p->seed;
    }
    print_rerun(o->to, o, p->seed);
    return p->done ? p->err : NOH_E_OS;
}

static noh_err run_in_child(noh_sim *sim, noh_sim_program *program, const noh_explore_options *o)
{
    progress *p = mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        return NOH_E_NOMEM;
    }
    p->seed = o->first;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        run_all(sim, program, o, p);
        fflush(NULL);
        _exit(0);
    }
    noh_err err = child < 0 ? NOH_E_OS : watch(child, o, p);
    (void)munmap(p, sizeof *p);
    return err;
}

noh_err noh_explore(noh_sim_program *program, const noh_explore_options *options)
{
    noh_explore_options o = options == NULL ? (noh_explore_options){.first = 0} : *options;
    if (program == NULL || (o.size != 0 && o.size < sizeof o)) {
        return NOH_E_INVAL;
    }
    o.to = o.to == NULL ? stderr : o.to;
    o.first = o.first == 0 ? 1 : o.first;
    o.seeds = o.seeds == 0 ? SEEDS_DEFAULT : o.seeds;
    (void)number_of("NOH_SEEDS", &o.seeds);
    noh_sim *sim;
    noh_err err = noh_sim_new(&sim);
    if (err != NOH_OK) {
        return err;
    }
    if (number_of("NOH_SEED", &o.first)) {
        err = run_one(sim, program, &o, o.first);
        if (err != NOH_OK && o.ret_seed != NULL) {
            *o.ret_seed = o.first;
        }
    } else {
        err = run_in_child(sim, program, &o);
    }
    noh_sim_free(sim);
    return err;
}
