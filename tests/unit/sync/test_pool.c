/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a block is big enough, aligned, nobody else's, and all memory goes back in the end; without
 * memory the pool says so and goes on later.
 * Method: blocks are filled with a pattern of their owner; blocks travel between threads that only
 * take and threads that only give. */
#include "fault.h"
#include "pool.h"
#include "atomic.h"
#include "test.h"

#include <sched.h>

static void sizes_have_the_smallest_class_that_holds_them(void)
{
    CHECK_EQ(nohi_pool_class(0), 0);
    CHECK_EQ(nohi_pool_class(64), 0);
    CHECK_EQ(nohi_pool_class(65), 1);
    CHECK_EQ(nohi_pool_class(4096), NOHI_POOL_CLASSES - 1);
    CHECK_EQ(nohi_pool_class(4097), NOHI_POOL_LARGE);
    CHECK_EQ(nohi_pool_class(SIZE_MAX), NOHI_POOL_LARGE);
    for (size_t size = 1; size <= 4096; size++) {
        unsigned c = nohi_pool_class(size);
        CHECK(nohi_pool_class_bytes(c) >= size);
        CHECK(c == 0 || nohi_pool_class_bytes(c - 1) < size);
    }
}

static void blocks_are_aligned_and_apart(void)
{
    enum { COUNT = 3000 };
    fault_world fault;
    noh_env env = fault_env(&fault);
    nohi_pool pool;
    nohi_pool_cache cache;
    static unsigned char *blocks[COUNT];
    static unsigned classes[COUNT];
    nohi_pool_init(&pool, &env);
    nohi_pool_cache_init(&cache, &pool);
    uint64_t chance = 5;
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < COUNT; i++) {
            classes[i] = (unsigned)test_below(&chance, NOHI_POOL_CLASSES);
            blocks[i] = nohi_pool_take(&cache, classes[i]);
            CHECK(blocks[i] != NULL);
            CHECK_EQ((uintptr_t)blocks[i] % 64, 0);
            memset(blocks[i], i & 0xff, nohi_pool_class_bytes(classes[i]));
        }
        for (int k = 0; k < COUNT; k++) {
            int i = (k * 7) % COUNT;
            for (size_t at = 0; at < nohi_pool_class_bytes(classes[i]); at++) {
                CHECK_EQ(blocks[i][at], i & 0xff);
            }
            nohi_pool_give(&cache, blocks[i], classes[i]);
        }
    }
    nohi_pool_cache_done(&cache);
    nohi_pool_done(&pool);
    CHECK_EQ(fault_done(&fault), 0);
}

static void given_blocks_are_used_again(void)
{
    fault_world fault;
    noh_env env = fault_env(&fault);
    nohi_pool pool;
    nohi_pool_cache first;
    nohi_pool_cache second;
    nohi_pool_init(&pool, &env);
    nohi_pool_cache_init(&first, &pool);
    nohi_pool_cache_init(&second, &pool);
    for (int round = 0; round < 1000; round++) {
        void *blocks[100];
        for (int i = 0; i < 100; i++) { /* taken here, given back there */
            blocks[i] = nohi_pool_take(&first, 3);
            CHECK(blocks[i] != NULL);
        }
        for (int i = 0; i < 100; i++) {
            nohi_pool_give(&second, blocks[i], 3);
        }
    }
    size_t chunks = NOHI_LIMIT(3, 30); /* of 128 blocks, or of 8 */
    CHECK(fault.live_blocks <= chunks);
    nohi_pool_cache_done(&second);
    void *block = nohi_pool_take(&first, 3);
    CHECK(block != NULL);
    nohi_pool_give(&first, block, 3);
    nohi_pool_cache_done(&first);
    CHECK(fault.live_blocks <= chunks);
    nohi_pool_done(&pool);
    CHECK_EQ(fault_done(&fault), 0);
}

static void large_blocks_go_back_at_once(void)
{
    static const size_t sizes[] = {4097, 65536, 1 << 24};
    fault_world fault;
    noh_env env = fault_env(&fault);
    nohi_pool pool;
    nohi_pool_init(&pool, &env);
    for (int i = 0; i < 3; i++) {
        unsigned char *block = nohi_pool_take_large(&pool, sizes[i]);
        CHECK(block != NULL);
        CHECK_EQ((uintptr_t)block % 16, 0);
        memset(block, 1, sizes[i]);
        CHECK_EQ(fault.live_blocks, 1);
        nohi_pool_give_large(&pool, block);
        CHECK_EQ(fault.live_blocks, 0);
    }
    CHECK(nohi_pool_take_large(&pool, SIZE_MAX) == NULL);
    CHECK(nohi_pool_take_large(&pool, SIZE_MAX - 63) == NULL);
    nohi_pool_done(&pool);
    CHECK_EQ(fault_done(&fault), 0);
}

static void without_memory_there_is_no_block(void)
{
    fault_world fault;
    noh_env env = fault_env(&fault);
    nohi_pool pool;
    nohi_pool_cache cache;
    nohi_pool_init(&pool, &env);
    nohi_pool_cache_init(&cache, &pool);
    fault_at(&fault, 1, true);
    for (unsigned c = 0; c < NOHI_POOL_CLASSES; c++) {
        CHECK(nohi_pool_take(&cache, c) == NULL);
        CHECK(nohi_pool_take(&cache, c) == NULL);
    }
    CHECK(nohi_pool_take_large(&pool, 5000) == NULL);
    fault_at(&fault, 0, false);
    for (unsigned c = 0; c < NOHI_POOL_CLASSES; c++) {
        void *block = nohi_pool_take(&cache, c);
        CHECK(block != NULL);
        nohi_pool_give(&cache, block, c);
    }
    nohi_pool_cache_done(&cache);
    nohi_pool_done(&pool);
    CHECK_EQ(fault_done(&fault), 0);
}

/* ---- threads ------------------------------------------------------------------------------ */

enum { TRADES = 20000, PLACES = 64, TRADERS = 3 };

static nohi_pool shared_pool;
static atom(uint64_t *) places[PLACES];

/* Takes blocks and swaps them with what others left: most are given back by another thread. */
static void *trade(void *arg)
{
    uint64_t chance = (uint64_t)(uintptr_t)arg;
    nohi_pool_cache cache;
    nohi_pool_cache_init(&cache, &shared_pool);
    for (int i = 0; i < TRADES; i++) {
        uint64_t *block = nohi_pool_take(&cache, 0);
        CHECK(block != NULL);
        for (int k = 0; k < 8; k++) {
            block[k] = (uint64_t)i * 8;
        }
        block = atomic_exchange(&places[test_below(&chance, PLACES)], block);
        if (block != NULL) {
            for (int k = 0; k < 8; k++) {
                CHECK_EQ(block[k], block[0]);
            }
            nohi_pool_give(&cache, block, 0);
        }
    }
    nohi_pool_cache_done(&cache);
    return NULL;
}

static void blocks_travel_between_threads(void)
{
    fault_world fault;
    noh_env env = fault_env(&fault);
    nohi_pool_init(&shared_pool, &env);
    pthread_t threads[TRADERS];
    for (uintptr_t i = 0; i < TRADERS; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, trade, (void *)(i + 1)), 0);
    }
    for (int i = 0; i < TRADERS; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    /* 64 lie in the places, and each cache holds less than two batches. */
    CHECK(fault.live_blocks <= 4);
    nohi_pool_done(&shared_pool);
    CHECK_EQ(fault_done(&fault), 0);
}

static const test_case cases[] = {
    TEST(sizes_have_the_smallest_class_that_holds_them),
    TEST(blocks_are_aligned_and_apart),
    TEST(given_blocks_are_used_again),
    TEST(large_blocks_go_back_at_once),
    TEST(without_memory_there_is_no_block),
    TEST(blocks_travel_between_threads),
};
TEST_MAIN(cases)
