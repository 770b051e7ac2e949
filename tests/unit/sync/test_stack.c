/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: what is pushed is taken once, with all that the pusher wrote; only the first push to an
 * empty stack says so.
 * Method: chains on one thread; then three pushers against one taker. */
#include "stack.h"
#include "test.h"

#include <pthread.h>
#include <sched.h>

enum { NODES = 30000, PUSHERS = 3 };

static uint32_t links[NODES + 1];
static int payload[NODES + 1]; /* not atomic: STK-2 orders it */
static nohi_stack shared;

static void an_empty_stack_gives_nothing(void)
{
    nohi_stack stack = {0};
    CHECK(nohi_stack_is_empty(&stack));
    CHECK_EQ(nohi_stack_take(&stack), 0);
    CHECK(nohi_stack_is_empty(&stack));
}

static void nodes_come_out_newest_first(void)
{
    nohi_stack stack = {0};
    CHECK(nohi_stack_push(&stack, 5, &links[5]));
    CHECK(!nohi_stack_push(&stack, 7, &links[7]));
    CHECK(!nohi_stack_is_empty(&stack));
    CHECK_EQ(nohi_stack_take(&stack), 7);
    CHECK_EQ(links[7], 5);
    CHECK_EQ(links[5], 0);
    CHECK(nohi_stack_is_empty(&stack));
    CHECK(nohi_stack_push(&stack, 1, &links[1]));
    CHECK_EQ(nohi_stack_take(&stack), 1);
    CHECK_EQ(links[1], 0);
}

static void a_chain_is_pushed_as_a_whole(void)
{
    nohi_stack stack = {0};
    CHECK(nohi_stack_push(&stack, 9, &links[9]));
    links[1] = 2;
    links[2] = 3;
    CHECK(!nohi_stack_push(&stack, 1, &links[3]));
    uint32_t expected[] = {1, 2, 3, 9, 0};
    uint32_t node = nohi_stack_take(&stack);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(node, expected[i]);
        node = node == 0 ? 0 : links[node];
    }
}

static void *push_some(void *arg)
{
    uint32_t first = (uint32_t)(uintptr_t)arg;
    for (uint32_t node = first; node <= NODES; node += PUSHERS) {
        payload[node] = (int)node * 3;
        (void)nohi_stack_push(&shared, node, &links[node]);
    }
    return NULL;
}

static void pushers_and_taker_agree_under_load(void)
{
    static bool seen[NODES + 1];
    uint32_t newest[PUSHERS];
    pthread_t threads[PUSHERS];
    for (uint32_t i = 0; i < PUSHERS; i++) {
        newest[i] = 0;
        CHECK_EQ(pthread_create(&threads[i], NULL, push_some, (void *)(uintptr_t)(i + 1)), 0);
    }
    int left = NODES;
    while (left > 0) {
        uint32_t top[PUSHERS] = {0};   /* the last one seen in this batch */
        uint32_t batch[PUSHERS] = {0}; /* the newest in this batch */
        for (uint32_t node = nohi_stack_take(&shared); node != 0; node = links[node]) {
            uint32_t pusher = (node - 1) % PUSHERS;
            CHECK(!seen[node]);
            CHECK_EQ(payload[node], (int)node * 3);
            CHECK(top[pusher] == 0 || node < top[pusher]); /* newest first */
            CHECK(node > newest[pusher]);                  /* and all newer than what came before */
            batch[pusher] = top[pusher] == 0 ? node : batch[pusher];
            top[pusher] = node;
            seen[node] = true;
            left--;
        }
        for (uint32_t i = 0; i < PUSHERS; i++) {
            newest[i] = batch[i] > newest[i] ? batch[i] : newest[i];
        }
        if (left > 0) {
            sched_yield();
        }
    }
    for (uint32_t i = 0; i < PUSHERS; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    CHECK(nohi_stack_is_empty(&shared));
}

static const test_case cases[] = {
    TEST(an_empty_stack_gives_nothing),
    TEST(nodes_come_out_newest_first),
    TEST(a_chain_is_pushed_as_a_whole),
    TEST(pushers_and_taker_agree_under_load),
};
TEST_MAIN(cases)
