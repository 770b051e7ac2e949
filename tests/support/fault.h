/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A world in which things run out, for tests.
 *
 *     fault_world fault;
 *     noh_env env = fault_env(&fault);
 *     fault_at(&fault, 3, false);        the third request from now fails, once
 *     …
 *     CHECK_EQ(fault_done(&fault), 0);   blocks, page ranges and handles that were not given back
 *
 * Requests are alloc, pages_reserve, pages_commit, pages_guard and thread_start, counted together. Memory is
 * filled with 0xa5 when given and 0x5a when freed; a free with a wrong size aborts. Any thread. */
#ifndef NOH_FAULT_H
#define NOH_FAULT_H

#include <noh/env.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct fault_world {
    noh_env real;         /* constant after fault_env */
    pthread_mutex_t lock; /* the rest, a leaf */
    uint64_t requests;    /* since fault_env */
    uint64_t failing;     /* the first request that fails; 0: none */
    bool for_ever;        /* and all after it */
    uint64_t failures;    /* so far */
    size_t live_blocks;
    size_t live_bytes;
    size_t live_pages; /* bytes reserved */
    size_t live_threads;
} fault_world;

/* In front of every block; 16 bytes keep its alignment. */
typedef struct fault_header {
    size_t size;
    size_t size_inverted;
} fault_header;

static inline bool fault_strikes(fault_world *fault)
{
    pthread_mutex_lock(&fault->lock);
    fault->requests++;
    bool strikes = fault->failing != 0 && (fault->requests == fault->failing ||
                                           (fault->for_ever && fault->requests > fault->failing));
    fault->failures += strikes ? 1 : 0;
    pthread_mutex_unlock(&fault->lock);
    return strikes;
}

/* Adds to one of the counters of live things; `sign` is 1 or -1. */
static inline void fault_count(fault_world *fault, size_t *counter, size_t amount, int sign)
{
    pthread_mutex_lock(&fault->lock);
    *counter = sign > 0 ? *counter + amount : *counter - amount;
    pthread_mutex_unlock(&fault->lock);
}

static inline void *fault_alloc(void *world, size_t size)
{
    fault_world *state = world;
    if (fault_strikes(state)) {
        return NULL;
    }
    fault_header *header = state->real.alloc(state->real.world, sizeof *header + size);
    if (header == NULL) {
        return NULL;
    }
    *header = (fault_header){size, ~size};
    memset(header + 1, 0xa5, size);
    fault_count(state, &state->live_blocks, 1, 1);
    fault_count(state, &state->live_bytes, size, 1);
    return header + 1;
}

static inline void fault_free(void *world, void *block, size_t size)
{
    fault_world *state = world;
    if (block == NULL) {
        return;
    }
    fault_header *header = (fault_header *)block - 1;
    if (header->size != size || header->size_inverted != ~size) {
        fprintf(stderr, "free of %zu bytes, but the block has %zu\n", size, header->size);
        abort();
    }
    memset(header, 0x5a, sizeof *header + size);
    state->real.free(state->real.world, header, sizeof *header + size);
    fault_count(state, &state->live_bytes, size, -1);
    fault_count(state, &state->live_blocks, 1, -1); /* last: who sees 0 may end this world */
}

static inline void *fault_pages_reserve(void *world, size_t size)
{
    fault_world *state = world;
    if (fault_strikes(state)) {
        return NULL;
    }
    void *start = state->real.pages_reserve(state->real.world, size);
    if (start != NULL) {
        fault_count(state, &state->live_pages, size, 1);
    }
    return start;
}

static inline noh_err fault_pages_commit(void *world, void *start, size_t size)
{
    fault_world *state = world;
    if (fault_strikes(state)) {
        return NOH_E_NOMEM;
    }
    return state->real.pages_commit(state->real.world, start, size);
}

static inline noh_err fault_pages_guard(void *world, void *start, size_t size)
{
    fault_world *state = world;
    if (fault_strikes(state)) {
        return NOH_E_NOMEM;
    }
    return state->real.pages_guard(state->real.world, start, size);
}

static inline void fault_pages_release(void *world, void *start, size_t size)
{
    fault_world *state = world;
    state->real.pages_release(state->real.world, start, size);
    fault_count(state, &state->live_pages, size, -1);
}

static inline noh_err fault_thread_start(void *world, void (*fn)(void *arg), void *arg,
                                         const char *name, void **ret_thread)
{
    fault_world *state = world;
    if (fault_strikes(state)) {
        return NOH_E_OS;
    }
    noh_err err = state->real.thread_start(state->real.world, fn, arg, name, ret_thread);
    if (err == NOH_OK) {
        fault_count(state, &state->live_threads, 1, 1);
    }
    return err;
}

static inline void fault_thread_join(void *world, void *thread)
{
    fault_world *state = world;
    state->real.thread_join(state->real.world, thread);
    fault_count(state, &state->live_threads, 1, -1);
}

static inline void fault_thread_detach(void *world, void *thread)
{
    fault_world *state = world;
    state->real.thread_detach(state->real.world, thread);
    fault_count(state, &state->live_threads, 1, -1);
}

/* The default world with the members above replaced; the others do not read `world`. */
static inline noh_env fault_env(fault_world *fault)
{
    memset(fault, 0, sizeof *fault);
    pthread_mutex_init(&fault->lock, NULL);
    fault->real = noh_env_default();
    noh_env env = fault->real;
    env.world = fault;
    env.alloc = fault_alloc;
    env.free = fault_free;
    env.pages_reserve = fault_pages_reserve;
    env.pages_commit = fault_pages_commit;
    env.pages_guard = fault_pages_guard;
    env.pages_release = fault_pages_release;
    env.thread_start = fault_thread_start;
    env.thread_join = fault_thread_join;
    env.thread_detach = fault_thread_detach;
    return env;
}

/* The n-th request from now (1: the next) fails, and with `for_ever` all after it; 0: none. */
static inline void fault_at(fault_world *fault, uint64_t n, bool for_ever)
{
    pthread_mutex_lock(&fault->lock);
    fault->failing = n == 0 ? 0 : fault->requests + n;
    fault->for_ever = for_ever;
    fault->failures = 0;
    pthread_mutex_unlock(&fault->lock);
}

/* How many requests have failed since the last fault_at. */
static inline uint64_t fault_failures(fault_world *fault)
{
    pthread_mutex_lock(&fault->lock);
    uint64_t failures = fault->failures;
    pthread_mutex_unlock(&fault->lock);
    return failures;
}

/* How many things were not given back; prints them if there are any. The fault is over then. */
static inline size_t fault_done(fault_world *fault)
{
    size_t left = fault->live_blocks + fault->live_threads + (fault->live_pages > 0 ? 1 : 0);
    if (left > 0) {
        fprintf(stderr, "not given back: %zu blocks (%zu bytes), %zu bytes of pages, %zu threads\n",
                fault->live_blocks, fault->live_bytes, fault->live_pages, fault->live_threads);
    }
    pthread_mutex_destroy(&fault->lock);
    return left;
}

#endif
