/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#include "chain.h"
#include "test.h"

struct nohi_actor {
    int some;
};

static nohi_actor receiver;
static nohi_letter letters[3];

static void a_new_chain_is_none(void)
{
    nohi_chain chain = {.count = 0};
    CHECK(nohi_chain_is_none(&chain));
    CHECK(nohi_chain_to(&chain) == NULL);
    CHECK(nohi_chain_take(&chain).to == NULL);
}

static void a_letter_in_hand_is_taken_alone(void)
{
    nohi_chain chain = {.count = 0};
    nohi_chain_hold(&chain, &receiver, 77, &letters[0]);
    CHECK(!nohi_chain_is_none(&chain));
    CHECK(nohi_chain_in_hand(&chain) == &letters[0]);
    CHECK_EQ(chain.ref, 77);
    nohi_letters taken = nohi_chain_take(&chain);
    CHECK(taken.to == &receiver && taken.in_hand);
    CHECK(taken.newest == &letters[0] && taken.oldest == &letters[0]);
    CHECK_EQ(taken.count, 1);
    CHECK(nohi_chain_is_none(&chain));
}

static void a_dropped_letter_is_gone(void)
{
    nohi_chain chain = {.count = 0};
    nohi_chain_hold(&chain, &receiver, 77, &letters[0]);
    nohi_chain_drop(&chain);
    CHECK(nohi_chain_is_none(&chain));
    nohi_chain_add(&chain, &receiver, &letters[1], true);
    CHECK(nohi_chain_in_hand(&chain) == NULL);
    CHECK_EQ(nohi_chain_take(&chain).count, 1);
}

static void an_open_chain_grows_newest_first(void)
{
    nohi_chain chain = {.count = 0};
    nohi_chain_add(&chain, &receiver, &letters[0], true);
    nohi_chain_add(&chain, &receiver, &letters[1], false); /* a notice */
    nohi_chain_add(&chain, &receiver, &letters[2], true);
    CHECK(nohi_chain_in_hand(&chain) == NULL);
    nohi_letters taken = nohi_chain_take(&chain);
    CHECK(taken.to == &receiver && !taken.in_hand);
    CHECK_EQ(taken.count, 2);
    CHECK(taken.newest == &letters[2] && letters[2].next == &letters[1]);
    CHECK(letters[1].next == &letters[0] && taken.oldest == &letters[0]);
    nohi_chain_hold(&chain, &receiver, 78, &letters[0]);
    CHECK_EQ(nohi_chain_take(&chain).count, 1);
}

static const test_case cases[] = {
    TEST(a_new_chain_is_none),
    TEST(a_letter_in_hand_is_taken_alone),
    TEST(a_dropped_letter_is_gone),
    TEST(an_open_chain_grows_newest_first),
};
TEST_MAIN(cases)
