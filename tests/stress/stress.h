/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* What the stress tests share: how much to do, a system whose memory is counted, plain threads.
 *
 *     noh_system *system = stress_start(2);
 *     …
 *     stress_end(system);      stops, and checks that the ledger balances, that all invariants hold
 *                              (core/check.c), and that nothing is left
 *
 * Nothing here waits with a limit and then goes on: a lost wake-up hangs, and ctest kills it. The
 * one limit there is, in stress_balance, ends in a failure. */
#ifndef NOH_STRESS_H
#define NOH_STRESS_H

#include "test.h"

#include "system.h"

#include <noh/watch.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

/* ---- how much ----------------------------------------------------------------------------- */

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define STRESS_SLOW 5
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define STRESS_SLOW 5
#endif
#endif
#ifndef STRESS_SLOW
#define STRESS_SLOW NOHI_LIMIT(1, 2)
#endif

/* How many rounds of what takes `full` rounds in a release build: fewer under a sanitizer and in the
 * hostile build, NOH_STRESS times as many if that is set. */
static inline uint64_t stress_rounds(uint64_t full)
{
    const char *text = getenv("NOH_STRESS");
    uint64_t times = text == NULL ? 1 : strtoull(text, NULL, 0);
    uint64_t rounds = full * (times == 0 ? 1 : times) / STRESS_SLOW;
    return rounds == 0 ? 1 : rounds;
}

static inline int64_t stress_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Works for about as many nanoseconds, without a system call. */
static inline void stress_busy(uint64_t ns)
{
    if (ns < 500) {
        for (volatile uint64_t i = 0; i < ns; i++) {
        }
        return;
    }
    int64_t until_ns = stress_now_ns() + (int64_t)ns;
    while (stress_now_ns() < until_ns) {
    }
}

/* Mostly nothing, now and then up to `most`: so that windows of all lengths are met. */
static inline void stress_busy_at_random(uint64_t *chance, uint64_t most)
{
    uint64_t bits = test_random(chance);
    if ((bits & 3) == 0) {
        stress_busy((bits >> 8) % (most >> ((bits >> 2) % 6)));
    }
}

static inline void stress_sleep_us(unsigned us)
{
    nanosleep(&(struct timespec){us / 1000000, (long)(us % 1000000) * 1000}, NULL);
}

/* ---- the world ---------------------------------------------------------------------------- */

/* What systems of this program hold at the moment. */
typedef struct stress_world {
    noh_env real;
    atomic_llong blocks;
    atomic_llong bytes;
    atomic_llong pages;
    atomic_llong threads;
    atomic_ullong sleeps;
    unsigned cpus;    /* what systems are told; 0: the truth */
    bool until_woken; /* who sleeps is not helped by a time-out */
} stress_world;

static stress_world stress;

static inline void *stress_alloc(void *world, size_t size)
{
    (void)world;
    void *block = stress.real.alloc(stress.real.world, size);
    if (block != NULL) {
        atomic_fetch_add_explicit(&stress.blocks, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&stress.bytes, (long long)size, memory_order_relaxed);
    }
    return block;
}

static inline void stress_free(void *world, void *block, size_t size)
{
    (void)world;
    atomic_fetch_sub_explicit(&stress.blocks, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&stress.bytes, (long long)size, memory_order_relaxed);
    stress.real.free(stress.real.world, block, size);
}

static inline void *stress_pages_reserve(void *world, size_t size)
{
    (void)world;
    void *start = stress.real.pages_reserve(stress.real.world, size);
    atomic_fetch_add_explicit(&stress.pages, start == NULL ? 0 : 1, memory_order_relaxed);
    return start;
}

static inline void stress_pages_release(void *world, void *start, size_t size)
{
    (void)world;
    atomic_fetch_sub_explicit(&stress.pages, 1, memory_order_relaxed);
    stress.real.pages_release(stress.real.world, start, size);
}

static inline noh_err stress_thread_start(void *world, void (*fn)(void *arg), void *arg,
                                          const char *name, void **ret_thread)
{
    (void)world;
    noh_err err = stress.real.thread_start(stress.real.world, fn, arg, name, ret_thread);
    atomic_fetch_add_explicit(&stress.threads, err == NOH_OK ? 1 : 0, memory_order_relaxed);
    return err;
}

static inline void stress_thread_join(void *world, void *thread)
{
    (void)world;
    stress.real.thread_join(stress.real.world, thread);
    atomic_fetch_sub_explicit(&stress.threads, 1, memory_order_relaxed);
}

static inline unsigned stress_cpu_count(void *world)
{
    (void)world;
    return stress.cpus != 0 ? stress.cpus : stress.real.cpu_count(stress.real.world);
}

static inline void stress_park_wait(void *world, uint32_t *word, uint32_t expected,
                                    int64_t timeout_ns)
{
    (void)world;
    atomic_fetch_add_explicit(&stress.sleeps, 1, memory_order_relaxed);
    stress.real.park_wait(stress.real.world, word, expected, stress.until_woken ? -1 : timeout_ns);
}

/* Dead letters and failures are what these tests are made of. */
static inline void stress_log(void *world, const noh_log_record *record)
{
    (void)world;
    (void)record;
}

static inline noh_env stress_env(void)
{
    stress.real = noh_env_default();
    noh_env env = stress.real;
    env.alloc = stress_alloc;
    env.free = stress_free;
    env.pages_reserve = stress_pages_reserve;
    env.pages_release = stress_pages_release;
    env.thread_start = stress_thread_start;
    env.thread_join = stress_thread_join;
    env.cpu_count = stress_cpu_count;
    env.park_wait = stress_park_wait;
    env.log = stress_log;
    return env;
}

/* ---- systems ------------------------------------------------------------------------------ */

/* NOH_WORKERS, if set, stands for any number above one: more workers than processors are preempted
 * where two never are. */
static inline noh_system *stress_start(unsigned workers)
{
    noh_env env = stress_env();
    const char *text = getenv("NOH_WORKERS");
    if (text != NULL && workers > 1) {
        workers = (unsigned)strtoul(text, NULL, 0);
    }
    noh_system *system;
    CHECK_OK(noh_system_new(&(noh_options){.workers = workers, .env = &env}, &system));
    return system;
}

/* Waits for a quiet moment and checks the ledger then; how many messages were sent. Who fails here
 * prints what is missing. */
static inline uint64_t stress_balance(noh_system *system)
{
    noh_ledger ledger;
    uint64_t sum = 0;
    for (unsigned tries = 0; tries < 20000; tries++) {
        CHECK_OK(noh_ledger_read(system, &ledger));
        sum = ledger.handled + ledger.queued + noh_ledger_dead(&ledger);
        if (ledger.sent == sum) {
            return ledger.sent;
        }
        stress_sleep_us(1000);
    }
    test_failed(__FILE__, __LINE__,
                "the ledger does not balance: sent %llu, handled %llu, "
                "queued %llu, dead %llu; sent - sum = %lld",
                (unsigned long long)ledger.sent, (unsigned long long)ledger.handled,
                (unsigned long long)ledger.queued, (unsigned long long)noh_ledger_dead(&ledger),
                (long long)(ledger.sent - sum));
}

/* Frees a system that has stopped, and checks that it gave everything back. */
static inline void stress_release(noh_system *system)
{
    CHECK_OK(noh_system_free(system));
    CHECK_EQ(atomic_load(&stress.blocks), 0);
    CHECK_EQ(atomic_load(&stress.bytes), 0);
    CHECK_EQ(atomic_load(&stress.pages), 0);
    CHECK_EQ(atomic_load(&stress.threads), 0);
}

/* How many messages were sent in all? */
static inline uint64_t stress_end(noh_system *system)
{
    noh_stats stats;
    CHECK_OK(noh_system_stop(system, NOH_FOREVER));
    CHECK_OK(noh_system_stats(system, &stats));
    CHECK_EQ(stats.actors, 0);
    uint64_t sent = stress_balance(system);
    const char *broken = nohi_system_check(system, true);
    CHECK_TEXT(broken, NULL);
    stress_release(system);
    return sent;
}

/* ---- threads ------------------------------------------------------------------------------ */

static inline pthread_t stress_go(void *(*fn)(void *arg), void *arg)
{
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, fn, arg), 0);
    return thread;
}

static inline void stress_join(pthread_t thread)
{
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* A number that tells this thread from all that live. */
static inline uint64_t stress_this_thread(void)
{
    static _Thread_local char here;
    return (uint64_t)(uintptr_t)&here;
}

#endif
