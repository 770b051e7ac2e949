/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a gate keeps a generation apart from the next, remembers the strongest stop of the right
 * one, and takes a name back at the end, however the two overlap.
 * Method: around the wrap of the generation too; naming and closing raced by two threads. */
#include "gate.h"
#include "test.h"

#include <pthread.h>

static void closing_ends_the_generation(void)
{
    nohi_gate gate = {.generation = 41, .home = 3};
    CHECK_EQ(nohi_gate_home(&gate), 3);
    nohi_gate_move(&gate, 4351);
    CHECK_EQ(nohi_gate_home(&gate), 4351);
    nohi_gate_open(&gate, NOHI_TRAIT_BOUNDED | NOHI_TRAIT_PINNED);
    CHECK_EQ(nohi_gate_generation(&gate), 41);
    nohi_gate_unpin(&gate);
    CHECK_EQ(load_relaxed(&gate.traits), NOHI_TRAIT_BOUNDED);
    CHECK(!nohi_gate_end(&gate));
    nohi_gate_close(&gate);
    CHECK_EQ(nohi_gate_generation(&gate), 42);
}

static void the_generation_wraps_at_27_bits(void)
{
    nohi_gate gate = {.generation = NOHI_GENERATION_MASK};
    nohi_gate_open(&gate, 0);
    nohi_gate_close(&gate);
    CHECK_EQ(nohi_gate_generation(&gate), 0);
}

static void a_named_actor_is_known_at_its_end(void)
{
    nohi_gate gate = {.generation = 7};
    nohi_gate_open(&gate, NOHI_TRAIT_PINNED);
    CHECK(nohi_gate_name(&gate, 7));
    CHECK(nohi_gate_name(&gate, 7)); /* another one */
    CHECK(nohi_gate_end(&gate));
    CHECK(!nohi_gate_name(&gate, 7)); /* too late: it ends */
    nohi_gate_close(&gate);
    nohi_gate_open(&gate, 0);
    CHECK(!nohi_gate_end(&gate)); /* the next one has no name */
}

static void a_name_for_the_tenant_before_is_refused(void)
{
    nohi_gate gate = {.generation = 8};
    nohi_gate_open(&gate, 0);
    CHECK(!nohi_gate_name(&gate, 7));
    CHECK(nohi_gate_name(&gate, 8));
}

static void the_strongest_stop_counts(void)
{
    nohi_gate gate = {.generation = 7};
    CHECK_EQ(nohi_gate_stop_kind(&gate, 7), -1);
    CHECK(nohi_gate_ask_stop(&gate, 7, 0));
    CHECK_EQ(nohi_gate_stop_kind(&gate, 7), 0);
    CHECK(!nohi_gate_ask_stop(&gate, 7, 0));
    CHECK(nohi_gate_ask_stop(&gate, 7, 2));
    CHECK(!nohi_gate_ask_stop(&gate, 7, 1));
    CHECK_EQ(nohi_gate_stop_kind(&gate, 7), 2);
    CHECK_EQ(nohi_gate_stop_kind(&gate, 8), -1); /* not meant for the next one */
    CHECK(nohi_gate_ask_stop(&gate, 8, 0));
    CHECK_EQ(nohi_gate_stop_kind(&gate, 8), 0);
    CHECK(!nohi_gate_ask_stop(&gate, 7, 2)); /* GAT-5: late */
    CHECK_EQ(nohi_gate_stop_kind(&gate, 8), 0);
}

static void stops_know_old_from_new_around_the_wrap(void)
{
    static const uint32_t last = NOHI_GENERATION_MASK;
    nohi_gate gate = {.generation = last};
    CHECK(nohi_gate_ask_stop(&gate, last, 1));
    CHECK_EQ(nohi_gate_stop_kind(&gate, last), 1);
    CHECK_EQ(nohi_gate_stop_kind(&gate, 0), -1);
    CHECK(nohi_gate_ask_stop(&gate, 0, 0));
    CHECK_EQ(nohi_gate_stop_kind(&gate, 0), 0);
    CHECK(!nohi_gate_ask_stop(&gate, last, 2));
    CHECK_EQ(nohi_gate_stop_kind(&gate, 0), 0);
    CHECK(nohi_gate_ask_stop(&gate, 1, 2));
    CHECK_EQ(nohi_gate_stop_kind(&gate, 1), 2);
}

/* ---- threads ------------------------------------------------------------------------------ */

enum { ROUNDS = 20000 };

static nohi_gate shared;
static atom(uint32_t) round_of_namer;
static atom(uint32_t) round_of_owner;
static bool was_named; /* ordered by the rounds */

static void *name_each_round(void *arg)
{
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        while (load_seq_cst(&round_of_owner) < i) {
        }
        was_named = nohi_gate_name(&shared, i & NOHI_GENERATION_MASK);
        store_seq_cst(&round_of_namer, i);
    }
    return arg;
}

/* GAT-4: if the namer thinks that the name holds, the closer knows of it. */
static void a_name_and_a_death_see_each_other(void)
{
    pthread_t thread;
    int held = 0;
    CHECK_EQ(pthread_create(&thread, NULL, name_each_round, NULL), 0);
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        store_relaxed(&shared.generation, i);
        nohi_gate_open(&shared, 0);
        store_seq_cst(&round_of_owner, i);
        bool named = nohi_gate_end(&shared);
        while (load_seq_cst(&round_of_namer) < i) {
        }
        CHECK(!was_named || named);
        held += was_named;
    }
    CHECK_EQ(pthread_join(thread, NULL), 0);
    printf("%d of %d names came in time\n", held, ROUNDS); /* both orders should occur */
}

static const test_case cases[] = {
    TEST(closing_ends_the_generation),       TEST(the_generation_wraps_at_27_bits),
    TEST(a_named_actor_is_known_at_its_end), TEST(a_name_for_the_tenant_before_is_refused),
    TEST(the_strongest_stop_counts),         TEST(stops_know_old_from_new_around_the_wrap),
    TEST(a_name_and_a_death_see_each_other),
};
TEST_MAIN(cases)
