/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: slots are carved once, zeroed, with generation and home, as far as the range and the memory
 * go; an index that was not carved is none.
 * Method: every size around the steps in which memory is committed; failures by fault.h; threads
 * that carve while others look. */
#include "fault.h"
#include "slots.h"
#include "test.h"

static void carved_slots_are_zeroed_and_in_a_row(void)
{
    fault_world fault;
    noh_env env = fault_env(&fault);
    nohi_slots slots;
    CHECK_OK(nohi_slots_init(&slots, &env, 5000));
    CHECK(!nohi_slots_has(&slots, 0)); /* SLT-2 */
    CHECK_EQ(nohi_gate_home(nohi_slots_at(&slots, 0)), NOHI_DEPOT);
    CHECK(!nohi_slots_has(&slots, 1));
    uint32_t next = 1; /* SLT-2 */
    for (uint32_t count = 1; count < 90; count++) {
        uint32_t first = 0;
        CHECK_OK(nohi_slots_carve(&slots, count, count, &first));
        CHECK_EQ(first, next);
        next += count;
        for (uint32_t i = first; i < next; i++) {
            nohi_gate *gate = nohi_slots_at(&slots, i);
            CHECK(nohi_slots_has(&slots, i));
            CHECK_EQ((uintptr_t)gate % NOHI_SLOT_BYTES, 0);
            CHECK_EQ(nohi_gate_home(gate), count);
            CHECK_EQ(nohi_gate_generation(gate), slots.first_generation);
            CHECK_EQ(load_relaxed(&gate->traits), 0);
            CHECK_EQ(load_relaxed(&gate->stop), 0);
            CHECK(nohi_inbox_is_empty(&gate->inbox));
            memset((char *)gate + sizeof *gate, 0x77, NOHI_SLOT_BYTES - sizeof *gate);
        }
        CHECK(!nohi_slots_has(&slots, next));
    }
    CHECK(!nohi_slots_has(&slots, UINT32_MAX));
    nohi_slots_done(&slots);
    nohi_slots_done(&slots);
    CHECK_EQ(fault_done(&fault), 0);
}

static void a_range_ends_with_limit(void)
{
    static const uint32_t wanted[] = {1, 2, 511, 512, 513, 1024, 4000};
    for (int i = 0; i < 7; i++) {
        fault_world fault;
        noh_env env = fault_env(&fault);
        nohi_slots slots;
        uint32_t first = 77;
        CHECK_OK(nohi_slots_init(&slots, &env, wanted[i]));
        CHECK_EQ(slots.count, wanted[i] + 1); /* index 0 is none */
        CHECK_ERR(nohi_slots_carve(&slots, slots.count, 0, &first), NOH_E_LIMIT);
        CHECK_ERR(nohi_slots_carve(&slots, UINT32_MAX, 0, &first), NOH_E_LIMIT);
        CHECK_EQ(first, 77);
        CHECK_OK(nohi_slots_carve(&slots, slots.count - 1, 0, &first));
        CHECK_EQ(first, 1);
        CHECK_ERR(nohi_slots_carve(&slots, 1, 0, &first), NOH_E_LIMIT);
        nohi_slots_done(&slots);
        CHECK_EQ(fault_done(&fault), 0);
    }
}

static void without_memory_nothing_is_carved(void)
{
    fault_world fault;
    noh_env env = fault_env(&fault);
    nohi_slots slots;
    uint32_t first = 77;
    CHECK_OK(nohi_slots_init(&slots, &env, 5000));
    fault_at(&fault, 1, false);
    CHECK_ERR(nohi_slots_carve(&slots, 600, 0, &first), NOH_E_NOMEM);
    CHECK_EQ(first, 77);
    CHECK(!nohi_slots_has(&slots, 1));
    CHECK_OK(nohi_slots_carve(&slots, 600, 0, &first));
    CHECK_EQ(first, 1);
    fault_at(&fault, 2, false); /* in the middle of what it needs */
    CHECK_ERR(nohi_slots_carve(&slots, 2000, 0, &first), NOH_E_NOMEM);
    CHECK(!nohi_slots_has(&slots, 601));
    CHECK_OK(nohi_slots_carve(&slots, 2000, 0, &first));
    CHECK_EQ(first, 601);
    nohi_slots_done(&slots);
    for (uint64_t n = 1; n <= 2; n++) {
        fault_at(&fault, n, true);
        CHECK_ERR(nohi_slots_init(&slots, &env, 5000), NOH_E_NOMEM);
        fault_at(&fault, 0, false);
        nohi_slots_done(&slots);
    }
    CHECK_EQ(fault_done(&fault), 0);
}

/* The environment with little address space. */
static size_t most;
static noh_env real;

static void *reserve_little(void *world, size_t size)
{
    return size > most ? NULL : real.pages_reserve(real.world, size);
}

static void a_smaller_range_will_do_when_there_is_no_room(void)
{
    static const size_t rooms[] = {1000, 1500, 4096, 100000};
    real = noh_env_default();
    noh_env env = real;
    env.pages_reserve = reserve_little;
    nohi_slots slots;
    for (int i = 0; i < 4; i++) {
        most = rooms[i] * NOHI_SLOT_BYTES;
        noh_err err = nohi_slots_init(&slots, &env, 16000000);
        if (rooms[i] < 1024) {
            CHECK_ERR(err, NOH_E_NOMEM);
            nohi_slots_done(&slots);
            continue;
        }
        CHECK_OK(err);
        CHECK(slots.count <= rooms[i]);
        CHECK(slots.count >= 1024);
        CHECK(slots.count * 2 > rooms[i] - 1024);
        nohi_slots_done(&slots);
    }
}

/* ---- threads ------------------------------------------------------------------------------ */

enum { THREADS = 3, CARVES = 300, EACH = 7 };

static nohi_slots shared;
static uint32_t carved[THREADS][CARVES];

static void *carve_some(void *arg)
{
    uintptr_t me = (uintptr_t)arg;
    for (int i = 0; i < CARVES; i++) {
        CHECK_OK(nohi_slots_carve(&shared, EACH, (unsigned)me, &carved[me][i]));
        for (uint32_t index = 1; nohi_slots_has(&shared, index); index += 97) { /* SLT-1 */
            CHECK_EQ(nohi_gate_generation(nohi_slots_at(&shared, index)), shared.first_generation);
            CHECK(nohi_gate_home(nohi_slots_at(&shared, index)) < THREADS);
        }
    }
    return NULL;
}

static void threads_carve_different_slots(void)
{
    static bool seen[THREADS * CARVES * EACH + 1];
    noh_env env = noh_env_default();
    CHECK_OK(nohi_slots_init(&shared, &env, 10000));
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, carve_some, (void *)i), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        for (int k = 0; k < CARVES; k++) {
            for (uint32_t n = 0; n < EACH; n++) {
                uint32_t index = carved[i][k] + n;
                CHECK(index >= 1 && index <= THREADS * CARVES * EACH);
                CHECK(!seen[index]);
                seen[index] = true;
                CHECK_EQ(nohi_gate_home(nohi_slots_at(&shared, index)), i);
            }
        }
    }
    nohi_slots_done(&shared);
}

static const test_case cases[] = {
    TEST(carved_slots_are_zeroed_and_in_a_row), TEST(a_range_ends_with_limit),
    TEST(without_memory_nothing_is_carved),     TEST(a_smaller_range_will_do_when_there_is_no_room),
    TEST(threads_carve_different_slots),
};
TEST_MAIN(cases)
