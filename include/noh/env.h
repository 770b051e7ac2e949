/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The world a system runs in: time, randomness, threads, waiting, memory, log.
 *
 * A system touches the outside through this struct and nowhere else. Leave `noh_options.env` NULL
 * for the real world; change one member of a copy of `noh_env_default()` to count allocations, to
 * catch the log, or to run a test on a clock of its own. Every function gets `world`, which the
 * default ones ignore, may be called from any thread unless it says otherwise, and must not call
 * back into the system. */
#ifndef NOH_ENV_H
#define NOH_ENV_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum noh_log_level {
    NOH_LOG_ERROR = 1,
    NOH_LOG_WARNING,
    NOH_LOG_INFO,
    NOH_LOG_DEBUG,
} noh_log_level;

/* One line of the log. All pointers are borrowed for the call. */
typedef struct noh_log_record {
    noh_log_level level;
    uint64_t actor;       /* bits of the ref, 0 when no actor speaks */
    const char *behavior; /* its behavior's name, or NULL */
    const char *text;     /* at most 1,023 bytes, one line, control characters replaced by '?' */
} noh_log_record;

struct noh_system;

/* What a worker is about to do: a turn of an actor. All pointers are borrowed for the call. */
typedef struct noh_turn {
    const struct noh_system *system;
    unsigned worker;      /* of that system, from 0 */
    uint64_t actor;       /* bits of its ref */
    const char *behavior; /* its name, or NULL: one that has ended is buried */
    uint64_t sender;      /* of the message, bits of the ref; 0: none */
    const char *message;  /* the name of its type, or NULL: a notice of the system's */
} noh_turn;

typedef struct noh_env {
    size_t size; /* sizeof(noh_env) of the caller, so that the struct can grow */
    void *world; /* yours; the first argument of every function */

    /* Nanoseconds that never go back; the epoch is free, and may lie in the future. */
    int64_t (*now_ns)(void *world);
    /* 64 unpredictable bits (they key hash tables). */
    uint64_t (*random)(void *world);

    /* Starts fn(arg) on a new thread and gives its handle. NOH_E_NOMEM, NOH_E_OS. */
    noh_err (*thread_start)(void *world, void (*fn)(void *arg), void *arg, const char *name,
                            void **ret_thread);
    /* Waits for the end of the thread and frees the handle. */
    void (*thread_join)(void *world, void *thread);
    /* Frees the handle of a thread that will never be joined. */
    void (*thread_detach)(void *world, void *thread);
    /* Writes what a thread of thread_start is doing at this moment into `ret_text`: its calls, the
     * innermost first, "inner+0x12, outer+0x34", cut to `size` bytes with the final 0. Whoever calls
     * keeps the thread from being joined or detached meanwhile. False: not possible here, or it does
     * not answer soon. NULL: not possible; then the watchdog's reports have no stack. */
    bool (*thread_stack)(void *world, void *thread, char *ret_text, size_t size);
    /* Processors this process may use, at least 1. */
    unsigned (*cpu_count)(void *world);

    /* A place where each thread keeps a value of its own, NULL at first. `end(value)` is called when a
     * thread ends that has another one there. NOH_E_LIMIT, NOH_E_NOMEM. */
    noh_err (*local_new)(void *world, void (*end)(void *value), void **ret_local);
    /* Forgets what all threads have there; nothing is ended. */
    void (*local_free)(void *world, void *local);
    void *(*local_get)(void *world, void *local);
    /* NOH_E_NOMEM. */
    noh_err (*local_set)(void *world, void *local, void *value);

    /* Sleeps while *word == expected, until park_wake on `word` or `timeout_ns` (< 0: no limit)
     * have passed. May wake for no reason; the caller looks again. */
    void (*park_wait)(void *world, uint32_t *word, uint32_t expected, int64_t timeout_ns);
    /* Wakes every sleeper on `word`. The caller has changed *word before. */
    void (*park_wake)(void *world, uint32_t *word);
    /* One step of a short busy wait. */
    void (*relax)(void *world);
    /* NULL, as by default: nobody asks. For a world that decides which of its threads goes on: called
     * before turns, and with NULL where a thread has given something to another one. It returns when
     * this thread is to go on. The result: how many turns of this worker may pass before the next
     * call; after 0 each turn is a call, and takes one message. */
    uint32_t (*step)(void *world, const noh_turn *turn);
    /* Each running thread of the process passes a full memory barrier before this returns: as the
     * command PRIVATE_EXPEDITED of membarrier(2). False: not possible here; then the actors who wait
     * behind a long handler wait until it returns. */
    bool (*barrier)(void *world);

    /* Memory of `size` bytes, aligned to 16, or NULL; freed with the same size. */
    void *(*alloc)(void *world, size_t size);
    void (*free)(void *world, void *block, size_t size);
    /* Address space of `size` bytes without memory behind it, or NULL. */
    void *(*pages_reserve)(void *world, size_t size);
    /* Puts zeroed memory behind a part of it, also where pages_guard was. NOH_E_NOMEM when there is
     * none, NOH_E_OS. May be called by a signal handler, after a fault in such a part. */
    noh_err (*pages_commit)(void *world, void *start, size_t size);
    /* Takes the memory of a committed part away: who touches it faults. NOH_E_NOMEM, also when the
     * kernel needs a mapping for it and has none left; NOH_E_OS. */
    noh_err (*pages_guard)(void *world, void *start, size_t size);
    /* A committed part is not needed for now: its memory may go, and its content with it. */
    void (*pages_discard)(void *world, void *start, size_t size);
    /* How many bytes of a committed part, from its start up, nobody has touched since it was
     * committed or discarded; 0 when that cannot be known. */
    size_t (*pages_untouched)(void *world, void *start, size_t size);
    void (*pages_release)(void *world, void *start, size_t size);

    /* Writes one line. The default prints to stderr. */
    void (*log)(void *world, const noh_log_record *record);
} noh_env;

/* The real world: CLOCK_MONOTONIC, getrandom, POSIX threads, futex, malloc, mmap, stderr.
 * Its threads take no signals but faults, and SIGURG, by which thread_stack asks; a program that has a
 * handler for SIGURG keeps it, and gets no stacks. */
NOH_API noh_env noh_env_default(void);

#ifdef __cplusplus
}
#endif
#endif
