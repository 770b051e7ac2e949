/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#include "pool.h"

#include "atomic.h"
#include "check.h"

enum { LARGE_HEAD = NOHI_CACHELINE };

static nohi_block *cut_chunk(nohi_pool *pool, unsigned size_class, uint32_t *ret_count);
static nohi_block *next_of(nohi_block *block, size_t size);

void nohi_pool_init(nohi_pool *pool, const noh_env *env)
{
    *pool = (nohi_pool){.env = env};
    pthread_mutex_init(&pool->lock, NULL);
}

void nohi_pool_done(nohi_pool *pool)
{
    while (pool->chunks != NULL) {
        nohi_pool_chunk *chunk = pool->chunks;
        pool->chunks = chunk->next;
        NOHI_UNPOISON(chunk, NOHI_POOL_CHUNK_TOTAL);
        nohi_free(pool->env, chunk, NOHI_POOL_CHUNK_TOTAL);
    }
    pthread_mutex_destroy(&pool->lock);
}

void nohi_pool_cache_init(nohi_pool_cache *cache, nohi_pool *pool)
{
    *cache = (nohi_pool_cache){.pool = pool};
    for (unsigned c = 0; c < NOHI_POOL_CLASSES; c++) {
        int32_t two_batches =
            NOHI_LIMIT((int32_t)(2 * NOHI_POOL_BATCH_BYTES / nohi_pool_class_bytes(c)), 4);
        cache->classes[c].room = two_batches;
        cache->classes[c].room_max = two_batches;
    }
}

void nohi_pool_cache_done(nohi_pool_cache *cache)
{
    for (unsigned c = 0; c < NOHI_POOL_CLASSES; c++) {
        nohi_block *first = cache->classes[c].first;
        if (first == NULL) {
            continue;
        }
        /* A batch of the depot may be of any length; refill counts it. */
        pthread_mutex_lock(&cache->pool->lock);
        NOHI_UNPOISON(first, sizeof *first);
        first->next_batch = cache->pool->batches[c];
        cache->pool->batches[c] = first;
        NOHI_POISON(first, sizeof *first);
        pthread_mutex_unlock(&cache->pool->lock);
        cache->classes[c].first = NULL;
        cache->classes[c].room = cache->classes[c].room_max;
    }
}

nohi_block *nohi_pool_refill(nohi_pool_cache *cache, unsigned size_class)
{
    nohi_pool *pool = cache->pool;
    size_t size = nohi_pool_class_bytes(size_class);
    uint32_t count = 0;
    pthread_mutex_lock(&pool->lock);
    nohi_block *first = pool->batches[size_class];
    if (first != NULL) {
        NOHI_UNPOISON(first, sizeof *first);
        pool->batches[size_class] = first->next_batch;
        NOHI_POISON(first, sizeof *first);
    } else {
        first = cut_chunk(pool, size_class, &count);
    }
    pthread_mutex_unlock(&pool->lock);
    if (count == 0) {
        for (nohi_block *block = first; block != NULL; block = next_of(block, size)) {
            count++;
        }
    }
    cache->classes[size_class].first = first;
    cache->classes[size_class].room = cache->classes[size_class].room_max - (int32_t)count;
    NOHI_CHECK(POL_1, nohi_pool_cache_check(cache) == NULL);
    return first;
}

void nohi_pool_overflow(nohi_pool_cache *cache, unsigned size_class)
{
    NOHI_CHECK(POL_1, nohi_pool_cache_check(cache) == NULL);
    size_t size = nohi_pool_class_bytes(size_class);
    int32_t batch = cache->classes[size_class].room_max / 2;
    nohi_block *first = cache->classes[size_class].first;
    nohi_block *last = first;
    for (int32_t i = 1; i < batch; i++) {
        last = next_of(last, size);
    }
    NOHI_UNPOISON(first, sizeof *first);
    NOHI_UNPOISON(last, sizeof *last);
    cache->classes[size_class].first = last->next;
    cache->classes[size_class].room += batch;
    last->next = NULL;
    pthread_mutex_lock(&cache->pool->lock);
    first->next_batch = cache->pool->batches[size_class];
    cache->pool->batches[size_class] = first;
    NOHI_POISON(first, size);
    NOHI_POISON(last, size);
    pthread_mutex_unlock(&cache->pool->lock);
}

void *nohi_pool_take_large(nohi_pool *pool, size_t size)
{
    size_t total = size + LARGE_HEAD;
    char *memory = total < size ? NULL : nohi_alloc(pool->env, total);
    if (memory == NULL) {
        return NULL;
    }
    *(size_t *)(void *)memory = total;
    return memory + LARGE_HEAD;
}

void nohi_pool_give_large(nohi_pool *pool, void *block)
{
    char *memory = (char *)block - LARGE_HEAD;
    nohi_free(pool->env, memory, *(size_t *)(void *)memory);
}

/* Called with the lock held. NULL when there is no memory. */
static nohi_block *cut_chunk(nohi_pool *pool, unsigned size_class, uint32_t *ret_count)
{
    nohi_pool_chunk *chunk = nohi_alloc(pool->env, NOHI_POOL_CHUNK_TOTAL);
    if (chunk == NULL) {
        return NULL;
    }
    chunk->next = pool->chunks;
    pool->chunks = chunk;
    size_t size = nohi_pool_class_bytes(size_class);
    char *start = (char *)nohi_align_up((uintptr_t)(chunk + 1), NOHI_CACHELINE);
    uint32_t count = (uint32_t)(NOHI_POOL_CHUNK_BYTES / size);
    nohi_block *first = NULL;
    for (uint32_t i = count; i-- > 0;) {
        nohi_block *block = (nohi_block *)(void *)(start + i * size);
        block->next = first;
        first = block;
        NOHI_POISON(block, size);
    }
    *ret_count = count;
    return first;
}

static nohi_block *next_of(nohi_block *block, size_t size)
{
    NOHI_UNPOISON(block, sizeof *block);
    nohi_block *next = block->next;
    NOHI_POISON(block, size);
    return next;
}
