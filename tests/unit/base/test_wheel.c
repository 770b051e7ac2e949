/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: every node fires once, not early, in order, whatever its due time and whenever pop is
 * called; and next never oversleeps.
 * Method: random operations on a table of nodes; the model is the table itself: what is in, and
 * when it is due. The first due node is found by looking at all of them. */
#include "fault.h"
#include "test.h"
#include "wheel.h"

enum { TICK_NS = 1 << NOHI_WHEEL_TICK_BITS };

#define YEAR_NS (INT64_C(365) * 24 * 3600 * 1000000000)

static nohi_wheel wheel;

static void an_empty_wheel_owns_nothing_and_never_fires(void)
{
    fault_world fault;
    noh_env env = fault_env(&fault);
    fault_at(&fault, 1, true);
    nohi_wheel_init(&wheel, &env, 12345);
    CHECK(nohi_wheel_next(&wheel) == INT64_MAX);
    CHECK(nohi_wheel_pop(&wheel, INT64_MAX) == NULL);
    CHECK_EQ(nohi_wheel_count(&wheel), 0);
    nohi_wheel_done(&wheel);
    CHECK_EQ(fault_failures(&fault), 0);
    CHECK_EQ(fault_done(&fault), 0);
}

static void a_node_fires_at_its_nanosecond_and_once(void)
{
    static const int64_t dues[] = {0,       1,       TICK_NS - 1,  TICK_NS,       TICK_NS + 1,
                                   5000000, YEAR_NS, 90 * YEAR_NS, INT64_MAX - 1, INT64_MAX};
    noh_env env = noh_env_default();
    for (size_t i = 0; i < NOHI_COUNT(dues); i++) {
        nohi_wheel_node node = {0};
        nohi_wheel_init(&wheel, &env, -77);
        CHECK_OK(nohi_wheel_add(&wheel, &node, dues[i]));
        CHECK_EQ(nohi_wheel_next(&wheel), dues[i]);
        CHECK(nohi_wheel_pop(&wheel, dues[i] - 1) == NULL);
        CHECK_EQ(nohi_wheel_next(&wheel), dues[i]);
        CHECK(nohi_wheel_pop(&wheel, dues[i]) == &node);
        CHECK_EQ(node.slot, NOHI_WHEEL_NONE);
        CHECK_EQ(node.due_ns, dues[i]);
        CHECK(nohi_wheel_pop(&wheel, INT64_MAX) == NULL);
        nohi_wheel_done(&wheel);
    }
}

static void past_dues_fire_at_once_and_in_order(void)
{
    noh_env env = noh_env_default();
    nohi_wheel_node nodes[4] = {{0}};
    nohi_wheel_init(&wheel, &env, YEAR_NS);
    CHECK_OK(nohi_wheel_add(&wheel, &nodes[0], YEAR_NS));
    CHECK_OK(nohi_wheel_add(&wheel, &nodes[1], INT64_MIN));
    CHECK_OK(nohi_wheel_add(&wheel, &nodes[2], -5));
    CHECK_OK(nohi_wheel_add(&wheel, &nodes[3], YEAR_NS - 1));
    CHECK(nohi_wheel_next(&wheel) == INT64_MIN);
    CHECK(nohi_wheel_pop(&wheel, YEAR_NS) == &nodes[1]);
    CHECK(nohi_wheel_pop(&wheel, YEAR_NS) == &nodes[2]);
    CHECK(nohi_wheel_pop(&wheel, YEAR_NS) == &nodes[3]);
    CHECK(nohi_wheel_pop(&wheel, YEAR_NS) == &nodes[0]);
    CHECK(nohi_wheel_pop(&wheel, YEAR_NS) == NULL);
    nohi_wheel_done(&wheel);
}

static void removing_twice_or_after_firing_does_nothing(void)
{
    noh_env env = noh_env_default();
    nohi_wheel_node nodes[2] = {{0}};
    nohi_wheel_init(&wheel, &env, 0);
    nohi_wheel_remove(&wheel, &nodes[0]);
    CHECK_OK(nohi_wheel_add(&wheel, &nodes[0], 1));
    CHECK_OK(nohi_wheel_add(&wheel, &nodes[1], YEAR_NS));
    CHECK(nohi_wheel_pop(&wheel, 1) == &nodes[0]);
    nohi_wheel_remove(&wheel, &nodes[0]);
    nohi_wheel_remove(&wheel, &nodes[1]);
    nohi_wheel_remove(&wheel, &nodes[1]);
    CHECK_EQ(nohi_wheel_count(&wheel), 0);
    CHECK(nohi_wheel_next(&wheel) == INT64_MAX);
    nohi_wheel_done(&wheel);
}

/* next may come early after a removal, but then pop makes it right: no endless early waking. */
static void early_wakings_after_removals_come_to_an_end(void)
{
    noh_env env = noh_env_default();
    nohi_wheel_node nodes[100] = {{0}};
    nohi_wheel_init(&wheel, &env, 0);
    for (int i = 0; i < 100; i++) {
        CHECK_OK(nohi_wheel_add(&wheel, &nodes[i], YEAR_NS + i * INT64_C(1000000)));
    }
    for (int i = 0; i < 99; i++) {
        nohi_wheel_remove(&wheel, &nodes[i]);
    }
    int wakings = 0;
    for (nohi_wheel_node *node = NULL; node == NULL; wakings++) {
        node = nohi_wheel_pop(&wheel, nohi_wheel_next(&wheel));
    }
    CHECK(wakings <= NOHI_WHEEL_LEVELS + 1);
    nohi_wheel_done(&wheel);
}

/* ---- random operations -------------------------------------------------------------------- */

enum { NODES = 300 };

static nohi_wheel_node nodes_of_model[NODES];

static bool is_in(size_t i)
{
    return nodes_of_model[i].slot != NOHI_WHEEL_NONE;
}

/* When the first node is due; INT64_MAX without any. */
static int64_t earliest(size_t *ret_count)
{
    int64_t due = INT64_MAX;
    size_t count = 0;
    for (size_t i = 0; i < NODES; i++) {
        if (is_in(i)) {
            count++;
            due = nodes_of_model[i].due_ns < due ? nodes_of_model[i].due_ns : due;
        }
    }
    *ret_count = count;
    return due;
}

/* Of every size: the same tick, a second, a year, and the past. */
static int64_t random_due(uint64_t *chance, int64_t now_ns)
{
    int64_t distance = (int64_t)(test_random(chance) >> (2 + test_below(chance, 62)));
    switch (test_below(chance, 8)) {
    case 0:
        return now_ns - distance / 4;
    case 1:
        return now_ns; // many are equal
    case 2:
        return (now_ns / TICK_NS + (int64_t)test_below(chance, 200)) * TICK_NS; // edges of ticks
    default:
        return now_ns > INT64_MAX - distance ? INT64_MAX : now_ns + distance;
    }
}

static void add_or_remove(uint64_t *chance, int64_t now_ns)
{
    size_t i = test_below(chance, NODES);
    size_t count_before = nohi_wheel_count(&wheel);
    if (is_in(i)) {
        nohi_wheel_remove(&wheel, &nodes_of_model[i]);
        CHECK(!is_in(i));
        CHECK_EQ(nohi_wheel_count(&wheel), count_before - 1);
        return;
    }
    int64_t due_ns = random_due(chance, now_ns);
    noh_err err = nohi_wheel_add(&wheel, &nodes_of_model[i], due_ns);
    CHECK(err == NOH_OK || err == NOH_E_NOMEM);
    CHECK_EQ(is_in(i), err == NOH_OK);
    CHECK_EQ(nohi_wheel_count(&wheel), count_before + (err == NOH_OK ? 1 : 0));
    CHECK(err != NOH_OK || nodes_of_model[i].due_ns == due_ns);
}

/* Pops up to `limit` nodes at `now_ns`: each is the first that is due, and none is left unfired
 * unless the limit stopped us. */
static void pop_and_compare(int64_t now_ns, uint64_t limit)
{
    size_t count;
    int64_t due_ns = earliest(&count);
    CHECK_EQ(nohi_wheel_count(&wheel), count);
    CHECK(nohi_wheel_next(&wheel) <= due_ns);
    for (; limit > 0; limit--) {
        nohi_wheel_node *node = nohi_wheel_pop(&wheel, now_ns);
        if (count == 0 || due_ns > now_ns) {
            CHECK(node == NULL);
            return;
        }
        CHECK(node != NULL);
        CHECK(node >= nodes_of_model && node < nodes_of_model + NODES);
        CHECK_EQ(node->slot, NOHI_WHEEL_NONE);
        CHECK_EQ(node->due_ns, due_ns);
        due_ns = earliest(&count);
        CHECK(nohi_wheel_next(&wheel) <= due_ns);
    }
}

/* Time goes on by a little, by a lot, or to where next says. */
static int64_t later(uint64_t *chance, int64_t now_ns)
{
    int64_t next_ns = nohi_wheel_next(&wheel);
    if (test_below(chance, 3) == 0 && next_ns > now_ns && next_ns != INT64_MAX) {
        return next_ns;
    }
    int64_t distance = (int64_t)(test_random(chance) >> (4 + test_below(chance, 60)));
    return now_ns > INT64_MAX - distance ? now_ns : now_ns + distance;
}

/* `failing`: one in so many requests for memory fails; 0: none. */
static void live_a_life(uint64_t *chance, uint64_t failing)
{
    fault_world fault;
    noh_env env = fault_env(&fault);
    memset(nodes_of_model, 0, sizeof nodes_of_model);
    int64_t now_ns = (int64_t)test_random(chance) >> test_below(chance, 64);
    nohi_wheel_init(&wheel, &env, now_ns);
    for (int step = 0; step < 300; step++) {
        if (failing > 0) {
            fault_at(&fault, 1 + test_below(chance, failing), test_below(chance, 2) == 0);
        }
        for (uint64_t n = test_below(chance, 20); n > 0; n--) {
            add_or_remove(chance, now_ns);
        }
        now_ns = later(chance, now_ns);
        pop_and_compare(now_ns, test_below(chance, 4) == 0 ? 3 : NODES + 1);
    }
    fault_at(&fault, 1, true); // firing needs no memory
    pop_and_compare(INT64_MAX, NODES + 1);
    CHECK_EQ(nohi_wheel_count(&wheel), 0);
    nohi_wheel_done(&wheel);
    CHECK_EQ(fault_done(&fault), 0);
}

static void random_operations_agree_with_looking_at_all_nodes(void)
{
    uint64_t chance = test_seed("test_wheel", 1);
    for (int round = 0; round < 300; round++) {
        live_a_life(&chance, 0);
    }
}

static void want_of_memory_loses_and_delays_nothing(void)
{
    uint64_t chance = test_seed("test_wheel", 2);
    for (int round = 0; round < 300; round++) {
        live_a_life(&chance, 1 + test_below(&chance, 30));
    }
}

/* All memory is gone when the first cascade begins: the nodes flee to the heap and keep order. */
static void a_cascade_without_memory_still_fires_all_in_order(void)
{
    enum { COUNT = 5000 };
    uint64_t chance = test_seed("test_wheel", 3);
    fault_world fault;
    noh_env env = fault_env(&fault);
    nohi_wheel_node *nodes = calloc(COUNT, sizeof *nodes);
    CHECK(nodes != NULL);
    nohi_wheel_init(&wheel, &env, 0);
    for (int i = 0; i < COUNT; i++) {
        CHECK_OK(nohi_wheel_add(&wheel, &nodes[i], (int64_t)test_below(&chance, YEAR_NS)));
    }
    fault_at(&fault, 1, true);
    int64_t before_ns = 0;
    for (int i = 0; i < COUNT; i++) {
        nohi_wheel_node *node = nohi_wheel_pop(&wheel, YEAR_NS);
        CHECK(node != NULL);
        CHECK(node->due_ns >= before_ns);
        before_ns = node->due_ns;
    }
    CHECK(fault_failures(&fault) > 0);
    CHECK(nohi_wheel_pop(&wheel, INT64_MAX) == NULL);
    nohi_wheel_done(&wheel);
    free(nodes);
    CHECK_EQ(fault_done(&fault), 0);
}

/* ---- many --------------------------------------------------------------------------------- */

/* Fills the wheel with `count` nodes due within `span_ns`, removes every third, fires the rest in
 * steps that next gives, and checks the order. */
static void fire_many(size_t count, uint64_t span_ns, uint64_t seed)
{
    noh_env env = noh_env_default();
    nohi_wheel_node *nodes = calloc(count, sizeof *nodes);
    CHECK(nodes != NULL);
    nohi_wheel_init(&wheel, &env, 1000);
    for (size_t i = 0; i < count; i++) {
        CHECK_OK(nohi_wheel_add(&wheel, &nodes[i], 1000 + (int64_t)test_below(&seed, span_ns)));
    }
    size_t removed = 0;
    for (size_t i = 0; i < count; i += 3) {
        nohi_wheel_remove(&wheel, &nodes[i]);
        removed++;
    }
    CHECK_EQ(nohi_wheel_count(&wheel), count - removed);
    size_t fired = 0;
    int64_t before_ns = 0;
    while (nohi_wheel_count(&wheel) > 0) {
        int64_t now_ns = nohi_wheel_next(&wheel) + (int64_t)test_below(&seed, 2 * TICK_NS);
        nohi_wheel_node *node;
        while ((node = nohi_wheel_pop(&wheel, now_ns)) != NULL) {
            CHECK(node->due_ns <= now_ns && node->due_ns >= before_ns);
            CHECK((node - nodes) % 3 != 0);
            before_ns = node->due_ns;
            fired++;
        }
    }
    CHECK_EQ(fired, count - removed);
    nohi_wheel_done(&wheel);
    free(nodes);
}

static void two_million_dues_fire_in_order(void)
{
    fire_many(2000000, 10000000000, test_seed("test_wheel", 4));
}

static void a_million_equal_dues_all_fire(void)
{
    fire_many(1000000, 1, 0);
}

static void a_hundred_thousand_dues_in_one_tick_fire_in_order(void)
{
    fire_many(100000, TICK_NS / 2, test_seed("test_wheel", 5));
}

static void years_of_dues_fire_in_order(void)
{
    fire_many(100000, 250 * (uint64_t)YEAR_NS, test_seed("test_wheel", 6));
}

static const test_case cases[] = {
    TEST(an_empty_wheel_owns_nothing_and_never_fires),
    TEST(a_node_fires_at_its_nanosecond_and_once),
    TEST(past_dues_fire_at_once_and_in_order),
    TEST(removing_twice_or_after_firing_does_nothing),
    TEST(early_wakings_after_removals_come_to_an_end),
    TEST(random_operations_agree_with_looking_at_all_nodes),
    TEST(want_of_memory_loses_and_delays_nothing),
    TEST(a_cascade_without_memory_still_fires_all_in_order),
    TEST(two_million_dues_fire_in_order),
    TEST(a_million_equal_dues_all_fire),
    TEST(a_hundred_thousand_dues_in_one_tick_fire_in_order),
    TEST(years_of_dues_fire_in_order),
};
TEST_MAIN(cases)
