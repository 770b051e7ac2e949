/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* What the benchmark programs share: sizes, a clock, checks, the report. Not about actors: each
 * program beside this file shows how its workload is written with Noh. */
#ifndef BENCH_H
#define BENCH_H

#include <noh/noh.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Ends the program when a workload computed the wrong result. */
static inline void bench_check(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "CHECK FAILED: %s\n", what);
        exit(1);
    }
}

/* The same for an error that must not happen. */
static inline void bench_must(noh_err err, const char *what)
{
    if (err != NOH_OK) {
        fprintf(stderr, "FAILED: %s: %s\n", what, noh_err_text(err));
        exit(1);
    }
}

/* The size at place `at` of the command line, from 1. */
static inline int64_t bench_size(int argc, char **argv, int at)
{
    int64_t size = at < argc ? strtoll(argv[at], NULL, 10) : 0;
    bench_check(size > 0, "a size above 0 is missing on the command line");
    return size;
}

static inline int64_t bench_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * NOH_SECOND + t.tv_nsec;
}

/* A system with that many workers; 0 is what a user gets, or what BENCH_THREADS says. */
static inline noh_system *bench_system_of(unsigned workers)
{
    const char *threads = getenv("BENCH_THREADS");
    if (workers == 0 && threads != NULL) {
        workers = (unsigned)atoi(threads);
    }
    noh_system *system;
    bench_must(noh_system_new(&(noh_options){.workers = workers}, &system), "start a system");
    return system;
}

/* A system as a user would start it. */
static inline noh_system *bench_system(void)
{
    return bench_system_of(0);
}

/* xorshift64: good enough to pick somebody. The state must not be 0. */
static inline uint64_t bench_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* A chain of dependent multiplications: time on a processor, which a clock loop would not be. */
static inline uint64_t bench_work(int64_t rounds)
{
    uint64_t x = 1;
    for (int64_t i = 0; i < rounds; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
    }
    return x;
}

/* The rounds of bench_work that take `ns`. */
static inline int64_t bench_work_rounds(int64_t ns)
{
    enum { ROUNDS = 10000000, REPEATS = 5 };
    static int64_t best_ns = INT64_MAX;
    static int measured = 0;
    for (; measured < REPEATS; measured++) {
        int64_t start = bench_now_ns();
        volatile uint64_t kept = bench_work(ROUNDS);
        (void)kept;
        int64_t took = bench_now_ns() - start;
        best_ns = took < best_ns ? took : best_ns;
    }
    return (int64_t)((double)ns * (double)ROUNDS / (double)best_ns);
}

/* Sleeps, or spins when that is too short for a sleep. */
static inline void bench_wait_until(int64_t due_ns)
{
    if (due_ns - bench_now_ns() > 200 * NOH_US) {
        struct timespec due = {(time_t)(due_ns / NOH_SECOND), (long)(due_ns % NOH_SECOND)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
    }
    while (bench_now_ns() < due_ns) {
    }
}

/* Prints the one line that the driver reads; `extra` is "" or " key=value". */
static inline void bench_report(const char *workload, int64_t n, int64_t took_ns, const char *extra)
{
    double seconds = (double)took_ns / 1e9;
    printf("workload=%s peer=noh n=%" PRId64 " seconds=%.6f rate=%.0f%s\n", workload, n, seconds,
           (double)n / seconds, extra);
    fflush(stdout);
}

#endif
