/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Pool: blocks of seven sizes, for messages.
 *
 * Purpose     Taking and giving back a block costs about a nanosecond on the thread that does it,
 *             and a lock per 16 KiB when blocks are taken on one thread and given back on another.
 * Owner       nohi_pool_cache: its thread. nohi_pool: any thread, under its lock.
 * Invariants  POL-1  a block is in one cache, in one batch of the depot, or in use.
 *             POL-2  memory goes back to the environment only in nohi_pool_done.
 * Ordering    batches change threads under a mutex: that is all the order there is.
 * Why not     malloc: 1.8 to 3.1 times slower in the message loop with glibc, 1.4 with mimalloc.
 *             Returning each block to its first owner: a contended line per block. */
#ifndef NOHI_POOL_H
#define NOHI_POOL_H

#include "base.h"

#include <pthread.h>

enum {
    NOHI_POOL_CLASSES = 7, /* 64, 128, … 4,096 bytes */
    NOHI_POOL_LARGE = 7,   /* the class of blocks that come from the environment, one by one */
    NOHI_POOL_SMALLEST = 64,
#ifdef NOH_MODEL
    NOHI_POOL_BATCH_BYTES = 2 * NOHI_POOL_SMALLEST, /* so that a model sees batches move */
    NOHI_POOL_CHUNK_BYTES = 4 * NOHI_POOL_SMALLEST,
#else
    NOHI_POOL_BATCH_BYTES = 16 * 1024,
    NOHI_POOL_CHUNK_BYTES = NOHI_LIMIT(64 * 1024, 4 * 1024),
#endif
    NOHI_POOL_CHUNK_TOTAL = NOHI_POOL_CHUNK_BYTES + 2 * NOHI_CACHELINE, /* with its head */
};

typedef struct nohi_block nohi_block;
struct nohi_block {
    nohi_block *next;
    nohi_block *next_batch; /* in the depot, in the first block of a batch */
};

/* Chunks are cut into blocks once and never given back before the end: blocks of one chunk spread
 * over all threads. */
typedef struct nohi_pool_chunk nohi_pool_chunk;
struct nohi_pool_chunk {
    nohi_pool_chunk *next;
};

typedef struct nohi_pool {
    const noh_env *env;
    pthread_mutex_t lock; /* rank: innermost; nothing is called with it held but env->alloc */
    nohi_block *batches[NOHI_POOL_CLASSES];
    nohi_pool_chunk *chunks;
} nohi_pool;

typedef struct nohi_pool_cache {
    nohi_pool *pool;
    struct {
        nohi_block *first;
        int32_t room;     /* for so many more; below 0, a batch goes to the depot */
        int32_t room_max; /* two batches */
    } classes[NOHI_POOL_CLASSES];
} nohi_pool_cache;

void nohi_pool_init(nohi_pool *pool, const noh_env *env);
/* Frees all memory, in use or not. */
void nohi_pool_done(nohi_pool *pool);

void nohi_pool_cache_init(nohi_pool_cache *cache, nohi_pool *pool);
/* Gives all free blocks to the depot. */
void nohi_pool_cache_done(nohi_pool_cache *cache);

/* For the inline functions below. */
nohi_block *nohi_pool_refill(nohi_pool_cache *cache, unsigned size_class);
void nohi_pool_overflow(nohi_pool_cache *cache, unsigned size_class);
void *nohi_pool_take_large(nohi_pool *pool, size_t size);
void nohi_pool_give_large(nohi_pool *pool, void *block);

/* The class that holds `size` bytes. */
NOHI_INLINE unsigned nohi_pool_class(size_t size)
{
    if (size <= NOHI_POOL_SMALLEST) {
        return 0;
    }
    unsigned size_class = (unsigned)(64 - __builtin_clzll((size - 1) / NOHI_POOL_SMALLEST));
    return size_class < NOHI_POOL_CLASSES ? size_class : NOHI_POOL_LARGE;
}

NOHI_INLINE size_t nohi_pool_class_bytes(unsigned size_class)
{
    return (size_t)NOHI_POOL_SMALLEST << size_class;
}

NOHI_INLINE bool nohi_pool_has(const nohi_pool_cache *cache, unsigned size_class)
{
    return cache->classes[size_class].first != NULL;
}

/* A block, which nohi_pool_has found. The cache's thread. */
NOHI_INLINE void *nohi_pool_take_ready(nohi_pool_cache *cache, unsigned size_class)
{
    nohi_block *block = cache->classes[size_class].first;
    NOHI_UNPOISON(block, nohi_pool_class_bytes(size_class));
    cache->classes[size_class].first = block->next;
    cache->classes[size_class].room++;
    return block;
}

/* A block of a class below NOHI_POOL_CLASSES, aligned to 64, or NULL. The cache's thread. */
NOHI_INLINE void *nohi_pool_take(nohi_pool_cache *cache, unsigned size_class)
{
    if (NOHI_UNLIKELY(!nohi_pool_has(cache, size_class)) &&
        nohi_pool_refill(cache, size_class) == NULL) {
        return NULL;
    }
    return nohi_pool_take_ready(cache, size_class);
}

NOHI_INLINE void nohi_pool_give(nohi_pool_cache *cache, void *memory, unsigned size_class)
{
    nohi_block *block = memory;
    block->next = cache->classes[size_class].first;
    cache->classes[size_class].first = block;
    NOHI_POISON(block, nohi_pool_class_bytes(size_class));
    if (NOHI_UNLIKELY(--cache->classes[size_class].room < 0)) {
        nohi_pool_overflow(cache, size_class);
    }
}

#endif
