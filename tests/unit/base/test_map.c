/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: the map is a map, through growth, removal in runs that wrap, and want of memory.
 * Method: random operations on few keys, compared step by step with a plain array. */
#include "fault.h"
#include "map.h"
#include "test.h"

/* hash(bytes(range(n))) of CPython 3.11 with PYTHONHASHSEED=0: SipHash-1-3 under a zero key. */
static const uint64_t known_hashes[] = {
    UINT64_C(0x68a914128e01e473), UINT64_C(0x010bac45c41e3669), UINT64_C(0x4d4c9a4a8ef6e0ad),
    UINT64_C(0x7cc43f98813e4dbd), UINT64_C(0x5abe2169dff36275), UINT64_C(0xe3c25f87624f1cdb),
    UINT64_C(0x2f098ab0c751325a), UINT64_C(0xead411e67ebe2eea), UINT64_C(0x75927f9d95124362),
    UINT64_C(0xaf9f77a65ab51a1d), UINT64_C(0xfe64ce8b6617fcff), UINT64_C(0xa6baf4fb0f9fe1c2),
    UINT64_C(0xa0cf3211850f8e0d), UINT64_C(0x7f86049379fbfe67), UINT64_C(0xf30eb725bb91c9ea),
    UINT64_C(0x8972188433a5c5b7), UINT64_C(0x4883c49a2c009c1d)};

static void the_hash_is_siphash_1_3(void)
{
    static const uint64_t zero[2];
    unsigned char data[32];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (unsigned char)i;
    }
    for (size_t i = 0; i < NOHI_COUNT(known_hashes); i++) {
        CHECK(nohi_map_hash(zero, data, i + 1) == known_hashes[i]);
    }
    static const uint64_t one[2] = {1, 0};
    CHECK(nohi_map_hash(one, data, 5) != nohi_map_hash(zero, data, 5));
}

static void an_empty_map_owns_nothing_and_finds_nothing(void)
{
    fault_world fault;
    noh_env env = fault_env(&fault);
    fault_at(&fault, 1, true);
    nohi_map map;
    nohi_map_init(&map, &env);
    CHECK_EQ(fault_failures(&fault), 0);
    CHECK(!nohi_map_get(&map, "a", NULL));
    CHECK(!nohi_map_remove(&map, "a"));
    CHECK_EQ(nohi_map_count(&map), 0);
    nohi_map_done(&map);
    nohi_map_done(&map);
    CHECK_EQ(fault_done(&fault), 0);
}

static void a_key_is_copied_and_taken_once(void)
{
    fault_world fault;
    noh_env env = fault_env(&fault);
    nohi_map map;
    nohi_map_init(&map, &env);
    char key[] = "printer";
    CHECK_OK(nohi_map_put(&map, key, 7));
    key[0] = 'P';
    CHECK_ERR(nohi_map_put(&map, "printer", 8), NOH_E_TAKEN);
    uint64_t value = 0;
    CHECK(nohi_map_get(&map, "printer", &value));
    CHECK_EQ(value, 7);
    CHECK(!nohi_map_get(&map, key, &value));
    CHECK(nohi_map_set(&map, "printer", 70));
    CHECK(!nohi_map_set(&map, key, 71));
    CHECK(nohi_map_get(&map, "printer", &value));
    CHECK_EQ(value, 70);
    CHECK_OK(nohi_map_put(&map, "", UINT64_MAX)); // the empty text is a key as any other
    CHECK(nohi_map_get(&map, "", &value));
    CHECK(value == UINT64_MAX);
    CHECK(nohi_map_remove(&map, "printer"));
    CHECK(!nohi_map_remove(&map, "printer"));
    CHECK_OK(nohi_map_put(&map, "printer", 9));
    CHECK_EQ(nohi_map_count(&map), 2);
    nohi_map_done(&map);
    CHECK_EQ(fault_done(&fault), 0);
}

enum { KEYS = 200 };

static void key_of(size_t number, char ret_key[32])
{
    snprintf(ret_key, 32, "%s%zu", number % 3 == 0 ? "a name of some length " : "k", number);
}

/* Every key is there exactly if the model has it. */
static void check_against(const nohi_map *map, const uint64_t model[KEYS])
{
    size_t count = 0;
    for (size_t i = 0; i < KEYS; i++) {
        char key[32];
        key_of(i, key);
        uint64_t value = 0;
        CHECK_EQ(nohi_map_get(map, key, &value), model[i] != 0);
        CHECK(value == model[i]);
        count += model[i] != 0;
    }
    CHECK_EQ(nohi_map_count(map), count);
}

static void do_something(nohi_map *map, uint64_t model[KEYS], uint64_t *chance, uint64_t puts)
{
    char key[32];
    size_t i = test_below(chance, KEYS);
    key_of(i, key);
    if (test_below(chance, 10) < puts) {
        uint64_t value = test_random(chance) | 1;
        noh_err err = nohi_map_put(map, key, value);
        if (model[i] != 0) {
            CHECK_ERR(err, NOH_E_TAKEN);
        } else if (err == NOH_OK) {
            model[i] = value;
        } else {
            CHECK_ERR(err, NOH_E_NOMEM);
        }
    } else {
        CHECK_EQ(nohi_map_remove(map, key), model[i] != 0);
        model[i] = 0;
    }
}

static void random_operations_agree_with_a_plain_array(void)
{
    uint64_t chance = test_seed("test_map", 1);
    for (int round = 0; round < 100; round++) {
        fault_world fault;
        noh_env env = fault_env(&fault);
        nohi_map map;
        nohi_map_init(&map, &env);
        uint64_t model[KEYS] = {0};
        for (int step = 0; step < 1000; step++) {
            // Phases of growth and of shrinking, so that runs form and dissolve.
            do_something(&map, model, &chance, step / 250 % 2 == 0 ? 8 : 2);
            if (step % 16 == 0) {
                check_against(&map, model);
            }
        }
        nohi_map_done(&map);
        CHECK_EQ(fault_done(&fault), 0);
    }
}

static void want_of_memory_leaves_the_map_as_before(void)
{
    uint64_t chance = test_seed("test_map", 2);
    uint64_t failures = 0;
    for (int round = 0; round < 50; round++) {
        fault_world fault;
        noh_env env = fault_env(&fault);
        nohi_map map;
        nohi_map_init(&map, &env);
        uint64_t model[KEYS] = {0};
        for (int step = 0; step < 500; step++) {
            fault_at(&fault, 1 + test_below(&chance, 3), test_below(&chance, 2) == 0);
            do_something(&map, model, &chance, 8);
            failures += fault_failures(&fault);
            if (step % 16 == 0) {
                check_against(&map, model);
            }
        }
        nohi_map_done(&map);
        CHECK_EQ(fault_done(&fault), 0);
    }
    CHECK(failures > 100);
}

static void a_hundred_thousand_keys_are_all_found(void)
{
    fault_world fault;
    noh_env env = fault_env(&fault);
    nohi_map map;
    nohi_map_init(&map, &env);
    enum { MANY = 100000 };
    char key[32];
    for (size_t i = 0; i < MANY; i++) {
        key_of(i, key);
        CHECK_OK(nohi_map_put(&map, key, i));
    }
    for (size_t i = 0; i < MANY; i += 2) {
        key_of(i, key);
        CHECK(nohi_map_remove(&map, key));
    }
    for (size_t i = 0; i < MANY; i++) {
        key_of(i, key);
        uint64_t value = i;
        CHECK_EQ(nohi_map_get(&map, key, &value), i % 2);
        CHECK_EQ(value, i);
    }
    nohi_map_done(&map);
    CHECK_EQ(fault_done(&fault), 0);
}

static const test_case cases[] = {
    TEST(the_hash_is_siphash_1_3),
    TEST(an_empty_map_owns_nothing_and_finds_nothing),
    TEST(a_key_is_copied_and_taken_once),
    TEST(random_operations_agree_with_a_plain_array),
    TEST(want_of_memory_leaves_the_map_as_before),
    TEST(a_hundred_thousand_keys_are_all_found),
};
TEST_MAIN(cases)
