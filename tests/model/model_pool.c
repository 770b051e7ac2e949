/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Pool: two threads take blocks and send them to a third, which gives them back and takes some itself
 * (pool.h, POL-1). Batches are of two blocks, a chunk has four. */
#include "explore.h"
#include "inbox.h"
#include "pool.h"

enum { SENT = 2, CHUNKS = 3, CHUNK_BYTES = NOHI_POOL_CHUNK_BYTES + 2 * NOHI_CACHELINE };

typedef struct block {
    nohi_letter letter;
    unsigned value;
} block;

typedef struct shared {
    nohi_pool pool;
    nohi_pool_cache caches[3];
    nohi_inbox inbox;
} shared;
#define S MODEL_SHARED(shared)

typedef struct ghost {
    bool in_use[CHUNKS * CHUNK_BYTES / NOHI_POOL_SMALLEST];
} ghost;
#define G MODEL_GHOST(ghost)

static void setup(void)
{
    nohi_pool_init(&S->pool, &nohi_model_env);
    for (unsigned i = 0; i < 3; i++) {
        nohi_pool_cache_init(&S->caches[i], &S->pool);
    }
    MODEL_NAME(S->pool);
    MODEL_NAME(S->caches);
    MODEL_NAME(S->inbox);
}

static bool *use_of(const void *memory)
{
    return &G->in_use[((const char *)memory - (const char *)(S + 1)) / NOHI_POOL_SMALLEST];
}

static block *take(unsigned thread)
{
    block *b = nohi_pool_take(&S->caches[thread], 0);
    MODEL_CHECK(b != NULL && !*use_of(b)); /* POL-1 */
    *use_of(b) = true;
    b->value = thread;
    return b;
}

static void give(unsigned thread, block *b, unsigned value)
{
    MODEL_CHECK(b->value == value);
    *use_of(b) = false;
    nohi_pool_give(&S->caches[thread], b, 0);
}

static void sender(unsigned thread)
{
    for (unsigned i = 0; i < SENT; i++) {
        block *b = take(thread);
        (void)nohi_inbox_push(&S->inbox, &b->letter, &b->letter);
    }
    if (!MODEL_MUTANT("gives back what it has sent")) {
        nohi_pool_cache_done(&S->caches[thread]);
    } else {
        block *b = take(thread);
        (void)nohi_inbox_push(&S->inbox, &b->letter, &b->letter);
        give(thread, b, thread);
    }
}

static void receiver(unsigned thread)
{
    unsigned count = 0;
    while (count < 2 * SENT) {
        if (nohi_inbox_is_empty(&S->inbox)) {
            continue;
        }
        for (nohi_letter *at = nohi_inbox_take(&S->inbox); at != NULL; count++) {
            block *b = NOHI_CONTAINER(at, block, letter);
            at = at->next;
            give(thread, b, b->value);
        }
    }
    block *one = take(thread);
    block *two = take(thread);
    give(thread, one, thread);
    give(thread, two, thread);
}

static void check(void)
{
    for (unsigned i = 0; i < NOHI_COUNT(G->in_use); i++) {
        MODEL_CHECK(!G->in_use[i]);
    }
}

static const model_mutant mutants[] = {{"gives back what it has sent", ALL}, {NULL, 0}};

MODEL(pool, .about = "blocks taken by two threads and given back by a third",
      .shared_bytes = sizeof(shared), .heap_bytes = CHUNKS * CHUNK_BYTES, .setup = setup,
      .check = check, .threads = {sender, sender, receiver},
      .thread_names = {"first", "second", "receiver"}, .mutants = mutants);
