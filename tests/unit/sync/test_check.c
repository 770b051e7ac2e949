/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: the self-checks find what is broken, and nothing else.
 * Method: each structure is right at first, then broken by hand in each way its check knows. */
#include "check.h"
#include "fault.h"
#include "test.h"

#include <stdalign.h>

static void letters_in_a_ring_are_found(void)
{
    nohi_letter letters[3] = {{&letters[1]}, {&letters[2]}, {NULL}};
    nohi_inbox inbox = {NULL};
    CHECK_TEXT(nohi_inbox_check(&inbox), NULL);
    store_relaxed(&inbox.newest, NOHI_INBOX_ARMED);
    CHECK_TEXT(nohi_inbox_check(&inbox), NULL);
    store_relaxed(&inbox.newest, &letters[0]);
    CHECK_TEXT(nohi_inbox_check(&inbox), NULL);
    letters[2].next = &letters[0];
    CHECK(nohi_inbox_check(&inbox) != NULL);
    letters[2].next = NOHI_INBOX_ARMED;
    CHECK(nohi_inbox_check(&inbox) != NULL);
    letters[2].next = (nohi_letter *)(uintptr_t)1234567; /* odd */
    CHECK(nohi_inbox_check(&inbox) != NULL);
}

static uint32_t link_in(void *ctx, uint32_t node)
{
    return ((const uint32_t *)ctx)[node];
}

static void nodes_that_are_twice_in_a_stack_are_found(void)
{
    uint32_t links[4] = {0, 2, 3, 0};
    nohi_stack stack = {1};
    CHECK_TEXT(nohi_stack_check(&stack, 4, link_in, links), NULL);
    links[3] = 4;
    CHECK(nohi_stack_check(&stack, 4, link_in, links) != NULL);
    links[3] = 1;
    CHECK(nohi_stack_check(&stack, 4, link_in, links) != NULL);
}

static void a_park_word_that_is_no_state_is_found(void)
{
    nohi_park park;
    for (uint32_t word = 0; word < 7; word++) {
        store_relaxed(&park.word, word);
        CHECK_EQ(nohi_park_check(&park) == NULL, word <= NOHI_CLOSED);
    }
}

static void a_lease_that_is_not_given_back_is_found(void)
{
    nohi_lease lease = {0};
    nohi_lease_init(&lease, 3);
    CHECK_TEXT(nohi_lease_check(&lease, 3), NULL);
    nohi_lease_count_sent(&lease);
    CHECK_TEXT(nohi_lease_check(&lease, 3), NULL);
    nohi_lease_begin_send(&lease);
    CHECK(nohi_lease_check(&lease, 3) != NULL);
    nohi_lease_end_send(&lease);
    nohi_lease_begin_turn(&lease, 5);
    CHECK(nohi_lease_check(&lease, 3) != NULL);
    store_relaxed(&lease.turn, 0);
    store_relaxed(&lease.token, NOHI_REVOKED);
    CHECK(nohi_lease_check(&lease, 3) != NULL);
}

static void blocks_that_are_twice_free_are_found(void)
{
    fault_world fault;
    noh_env env = fault_env(&fault);
    nohi_pool pool;
    nohi_pool_cache one;
    nohi_pool_cache two;
    nohi_pool_cache *caches[] = {&one, &two};
    size_t free_blocks;
    nohi_pool_init(&pool, &env);
    nohi_pool_cache_init(&one, &pool);
    nohi_pool_cache_init(&two, &pool);
    CHECK_TEXT(nohi_pool_check(&pool, caches, 2, &free_blocks), NULL);
    CHECK_EQ(free_blocks, 0);
    void *blocks[300];
    for (int i = 0; i < 300; i++) {
        blocks[i] = nohi_pool_take(&one, (unsigned)i % 3);
    }
    for (int i = 0; i < 300; i++) {
        nohi_pool_give(&two, blocks[i], (unsigned)i % 3);
    }
    CHECK_TEXT(nohi_pool_check(&pool, caches, 2, &free_blocks), NULL);
    CHECK(free_blocks >= 300);
    CHECK_TEXT(nohi_pool_cache_check(&two), NULL);

    two.classes[1].room--; /* counted wrong */
    CHECK(nohi_pool_cache_check(&two) != NULL);
    two.classes[1].room += 2;
    CHECK(nohi_pool_cache_check(&two) != NULL);
    two.classes[1].room--;

    void *block = nohi_pool_take(&two, 0); /* given back twice */
    nohi_block *before = two.classes[0].first;
    nohi_pool_give(&two, block, 0);
    NOHI_UNPOISON(before, sizeof *before);
    nohi_block *kept = before->next;
    before->next = one.classes[0].first;
    NOHI_UNPOISON(block, sizeof *before);
    one.classes[0].first = block;
    CHECK(nohi_pool_check(&pool, caches, 2, &free_blocks) != NULL);
    NOHI_UNPOISON(before, sizeof *before); /* the check has poisoned it again */
    one.classes[0].first = before->next;
    before->next = kept;
    CHECK_TEXT(nohi_pool_check(&pool, caches, 2, &free_blocks), NULL);

    static alignas(64) unsigned char room[256]; /* a block of that class, of no chunk */
    nohi_block *foreign = (nohi_block *)(void *)room;
    nohi_block *first = two.classes[2].first;
    foreign->next = first;
    two.classes[2].first = foreign;
    CHECK(nohi_pool_check(&pool, caches, 2, &free_blocks) != NULL);
    two.classes[2].first = first;
    NOHI_UNPOISON(room, sizeof room);

    nohi_pool_cache_done(&one);
    nohi_pool_cache_done(&two);
    CHECK_TEXT(nohi_pool_check(&pool, caches, 2, &free_blocks), NULL);
    nohi_pool_done(&pool);
    CHECK_EQ(fault_done(&fault), 0);
}

static void slots_that_do_not_belong_to_the_depot_are_found(void)
{
    noh_env env = noh_env_default();
    nohi_slots slots;
    uint32_t links[8] = {0, 3, 0, 2};
    uint32_t first;
    CHECK_OK(nohi_slots_init(&slots, &env, 5000));
    CHECK_OK(nohi_slots_carve(&slots, 5, NOHI_DEPOT, &first));
    CHECK_TEXT(nohi_slots_check(&slots, link_in, links), NULL);
    slots.free_first = 1;
    CHECK_TEXT(nohi_slots_check(&slots, link_in, links), NULL);
    nohi_gate_move(nohi_slots_at(&slots, 2), 5);
    CHECK(nohi_slots_check(&slots, link_in, links) != NULL);
    nohi_gate_move(nohi_slots_at(&slots, 2), NOHI_DEPOT);
    links[2] = 1;
    CHECK(nohi_slots_check(&slots, link_in, links) != NULL);
    links[2] = 7;
    CHECK(nohi_slots_check(&slots, link_in, links) != NULL);
    links[2] = 0;
    slots.tenants_max = 3;
    store_relaxed(&slots.tenants, 4);
    CHECK(nohi_slots_check(&slots, link_in, links) != NULL);
    store_relaxed(&slots.tenants, 3);
    CHECK_TEXT(nohi_slots_check(&slots, link_in, links), NULL);
    nohi_gate_move(nohi_slots_at(&slots, 0), 1);
    CHECK(nohi_slots_check(&slots, link_in, links) != NULL);
    nohi_slots_done(&slots);
}

static const test_case cases[] = {
    TEST(letters_in_a_ring_are_found),
    TEST(nodes_that_are_twice_in_a_stack_are_found),
    TEST(a_park_word_that_is_no_state_is_found),
    TEST(a_lease_that_is_not_given_back_is_found),
    TEST(blocks_that_are_twice_free_are_found),
    TEST(slots_that_do_not_belong_to_the_depot_are_found),
};
TEST_MAIN(cases)
