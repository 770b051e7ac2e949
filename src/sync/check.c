/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#include "check.h"

#include <stdlib.h>

enum { LETTERS_MAX = 1 << 28 }; /* more do not fit into memory: it is a ring */

const char *nohi_inbox_check(nohi_inbox *inbox)
{
    const nohi_letter *letter = load_acquire(&inbox->newest);
    for (uint32_t count = 0; (uintptr_t)letter > (uintptr_t)NOHI_INBOX_ARMED; count++) {
        if (count == LETTERS_MAX) {
            return "INB-3: the letters form a ring";
        }
        if ((uintptr_t)letter % sizeof(void *) != 0) {
            return "INB-3: no letter can lie there";
        }
        letter = letter->next;
    }
    return letter == NOHI_INBOX_ARMED && load_relaxed(&inbox->newest) != NOHI_INBOX_ARMED
               ? "INB-1: armed behind a letter"
               : NULL;
}

/* Does a chain end within `limit` nodes, all of them below `limit`? */
static bool is_list(uint32_t node, uint32_t limit, nohi_link_fn *link, void *ctx,
                    uint32_t *ret_count)
{
    uint32_t count = 0;
    for (; node != 0; node = link(ctx, node)) {
        if (node >= limit || ++count >= limit) {
            return false;
        }
    }
    *ret_count = count;
    return true;
}

const char *nohi_stack_check(nohi_stack *stack, uint32_t limit, nohi_link_fn *link, void *ctx)
{
    uint32_t count;
    return is_list(load_acquire(&stack->top), limit, link, ctx, &count)
               ? NULL
               : "STK-1: a node is there twice, or is none";
}

const char *nohi_park_check(nohi_park *park)
{
    return load_acquire(&park->word) <= NOHI_CLOSED ? NULL : "PRK-1: no such state";
}

const char *nohi_lease_check(nohi_lease *lease, uint32_t id)
{
    if (load_acquire(&lease->token) != id || load_relaxed(&lease->thief) != 0) {
        return "LSE-1: a lease was not given back";
    }
    return load_relaxed(&lease->turn) != 0 || load_relaxed(&lease->busy) != 0 ||
                   load_relaxed(&lease->sent) != load_relaxed(&lease->ended)
               ? "LSE-1: a mark was left behind"
               : NULL;
}

/* ---- pool --------------------------------------------------------------------------------- */

static nohi_block *next_of(nohi_block *block, size_t size)
{
    NOHI_UNPOISON(block, sizeof *block);
    nohi_block *next = block->next;
    NOHI_POISON(block, size);
    return next;
}

static nohi_block *next_batch_of(nohi_block *block, size_t size)
{
    NOHI_UNPOISON(block, sizeof *block);
    nohi_block *next = block->next_batch;
    NOHI_POISON(block, size);
    return next;
}

const char *nohi_pool_cache_check(const nohi_pool_cache *cache)
{
    for (unsigned c = 0; c < NOHI_POOL_CLASSES; c++) {
        size_t size = nohi_pool_class_bytes(c);
        int32_t left = cache->classes[c].room_max - cache->classes[c].room;
        nohi_block *block = cache->classes[c].first;
        for (; block != NULL && left > 0; left--) {
            block = next_of(block, size);
        }
        if (block != NULL || left != 0) {
            return "POL-1: a cache has another number of blocks than it counts";
        }
    }
    return NULL;
}

/* Free blocks, as addresses. With `at` NULL they are only counted. */
typedef struct tally {
    uintptr_t *at;
    size_t count;
    size_t most; /* as many as there can be; more is a ring */
} tally;

static bool add_list(tally *t, nohi_block *block, unsigned size_class)
{
    for (; block != NULL; block = next_of(block, nohi_pool_class_bytes(size_class))) {
        if (t->count == t->most) {
            return false;
        }
        if (t->at != NULL) {
            t->at[t->count] = (uintptr_t)block;
        }
        t->count++;
    }
    return true;
}

static bool add_all(tally *t, nohi_pool *pool, nohi_pool_cache *const *caches, size_t count)
{
    for (unsigned c = 0; c < NOHI_POOL_CLASSES; c++) {
        size_t size = nohi_pool_class_bytes(c);
        for (nohi_block *batch = pool->batches[c]; batch != NULL;
             batch = next_batch_of(batch, size)) {
            if (!add_list(t, batch, c)) {
                return false;
            }
        }
        for (size_t i = 0; i < count; i++) {
            if (!add_list(t, caches[i]->classes[c].first, c)) {
                return false;
            }
        }
    }
    return true;
}

static int by_address(const void *a, const void *b)
{
    uintptr_t x = *(const uintptr_t *)a;
    uintptr_t y = *(const uintptr_t *)b;
    return x < y ? -1 : x > y;
}

/* Both sorted. */
static const char *compare(const tally *blocks, const uintptr_t *chunks, size_t chunk_count)
{
    size_t chunk = 0;
    for (size_t i = 0; i < blocks->count; i++) {
        if (i > 0 && blocks->at[i] == blocks->at[i - 1]) {
            return "POL-1: a free block is in two places";
        }
        while (chunk < chunk_count && chunks[chunk] + NOHI_POOL_CHUNK_TOTAL <= blocks->at[i]) {
            chunk++;
        }
        if (chunk == chunk_count || blocks->at[i] < chunks[chunk]) {
            return "POL-1: a free block is of no chunk";
        }
    }
    return NULL;
}

const char *nohi_pool_check(nohi_pool *pool, nohi_pool_cache *const *caches, size_t count,
                            size_t *ret_free)
{
    const char *broken = NULL;
    size_t chunk_count = 0;
    pthread_mutex_lock(&pool->lock);
    for (nohi_pool_chunk *chunk = pool->chunks; chunk != NULL; chunk = chunk->next) {
        chunk_count++;
    }
    tally blocks = {.most = chunk_count * (NOHI_POOL_CHUNK_BYTES / NOHI_POOL_SMALLEST)};
    if (!add_all(&blocks, pool, caches, count)) {
        broken = "POL-1: more free blocks than there are";
    }
    *ret_free = blocks.count;
    size_t bytes = (blocks.count + chunk_count) * sizeof(uintptr_t);
    uintptr_t *memory = bytes == 0 || broken != NULL ? NULL : malloc(bytes);
    if (memory != NULL) {
        blocks = (tally){.at = memory + chunk_count, .most = blocks.count};
        (void)add_all(&blocks, pool, caches, count);
        chunk_count = 0;
        for (nohi_pool_chunk *chunk = pool->chunks; chunk != NULL; chunk = chunk->next) {
            memory[chunk_count++] = (uintptr_t)chunk;
        }
        qsort(memory, chunk_count, sizeof *memory, by_address);
        qsort(blocks.at, blocks.count, sizeof *memory, by_address);
        broken = compare(&blocks, memory, chunk_count);
        free(memory);
    } else if (bytes != 0 && broken == NULL) {
        broken = "no memory";
    }
    pthread_mutex_unlock(&pool->lock);
    return broken;
}

/* ---- slots -------------------------------------------------------------------------------- */

const char *nohi_slots_check(nohi_slots *slots, nohi_link_fn *link, void *ctx)
{
    const char *broken = NULL;
    uint32_t count;
    pthread_mutex_lock(&slots->lock);
    uint32_t limit = load_relaxed(&slots->limit);
    nohi_gate *nobody = nohi_slots_at(slots, 0);
    if (limit > slots->count || limit > slots->committed) {
        broken = "SLT-1: slots without memory";
    } else if (nohi_gate_home(nobody) != NOHI_DEPOT || load_relaxed(&nobody->inbox.newest)) {
        broken = "SLT-2: slot 0 is somebody's";
    } else if (slots->tenants_max != 0 && load_relaxed(&slots->tenants) > slots->tenants_max) {
        broken = "SLT-4: more actors than there may be";
    } else if (!is_list(slots->free_first, limit, link, ctx, &count)) {
        broken = "ACT-4: the depot's list has no end";
    }
    for (uint32_t at = slots->free_first; broken == NULL && at != 0; at = link(ctx, at)) {
        if (nohi_gate_home(nohi_slots_at(slots, at)) != NOHI_DEPOT) {
            broken = "ACT-4: a slot in the depot has another home";
        }
    }
    pthread_mutex_unlock(&slots->lock);
    return broken;
}
