/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a room has its guard or there is none; as many as memory and mappings allow; what is free
 * costs little, and goes in the end. */
#include "stacks.h"

#include "fault.h"
#include "test.h"

#include "old_kernel.h"

#include <stdlib.h>

enum { MANY = 100000, MAPPINGS_MAX = 65530 };

/* Its shadow is made of mappings, too, and it ends the process when there are none left. */
static bool is_under_tsan(const char *name)
{
#ifdef __SANITIZE_THREAD__
    printf("SKIPPED %s: ThreadSanitizer needs the mappings for itself\n", name);
    return true;
#else
    (void)name;
    return false;
#endif
}

static size_t length(const nohi_room *list)
{
    size_t count = 0;
    for (; list != NULL; list = list->next) {
        count++;
    }
    return count;
}

/* Would a touch fault? The kernel looks for us. */
static bool faults(const char *at)
{
    static int ends[2];
    if (ends[1] == 0) {
        CHECK_EQ(pipe(ends), 0);
    }
    char byte;
    return write(ends[1], at, 1) < 0 || read(ends[0], &byte, 1) != 1;
}

static void check_room(const nohi_room *room)
{
    CHECK(faults(room->low - 1) && faults(room->low - NOHI_STACK_GUARD));
    CHECK(!faults(room->low) && !faults(room->low + room->size - 1));
}

static size_t mappings(void)
{
    FILE *file = fopen("/proc/self/maps", "r");
    CHECK(file != NULL);
    size_t lines = 0;
    for (int c = getc(file); c != EOF; c = getc(file)) {
        lines += c == '\n';
    }
    fclose(file);
    return lines;
}

static bool has_guard_pages(const noh_env *env)
{
    size_t before = mappings();
    char *start = env->pages_reserve(env->world, 1 << 20);
    CHECK(start != NULL);
    CHECK_OK(env->pages_commit(env->world, start, 1 << 20));
    CHECK_OK(env->pages_guard(env->world, start + (1 << 16), 1 << 16));
    size_t after = mappings();
    env->pages_release(env->world, start, 1 << 20);
    return after <= before + 1;
}

static void a_size_is_a_power_of_two_between_bounds(void)
{
    CHECK_EQ(nohi_stacks_size(0), 256 * 1024);
    CHECK_EQ(nohi_stacks_size(1), 16 * 1024);
    CHECK_EQ(nohi_stacks_size(16 * 1024), 16 * 1024);
    CHECK_EQ(nohi_stacks_size(16 * 1024 + 1), 32 * 1024);
    CHECK_EQ(nohi_stacks_size(64 * 1024 * 1024), 64 * 1024 * 1024);
    CHECK_EQ(nohi_stacks_size(SIZE_MAX), 64 * 1024 * 1024);
}

static void each_room_has_its_size_and_its_guard(void)
{
    fault_world fault;
    noh_env env = fault_env(&fault);
    nohi_stacks stacks;
    nohi_stacks_init(&stacks, &env);
    for (size_t size = NOHI_STACK_LEAST; size <= NOHI_STACK_MOST; size *= 2) {
        nohi_room *list = nohi_stacks_take(&stacks, size, 3);
        CHECK_EQ(length(list), 3);
        for (nohi_room *room = list; room != NULL; room = room->next) {
            CHECK_EQ(room->size, size);
            check_room(room);
            memset(room->low, 1, NOHI_STACK_LEAST);
        }
        nohi_stacks_give(&stacks, list);
    }
    CHECK(fault.live_pages > 0);
    nohi_stacks_done(&stacks);
    CHECK_EQ(fault_done(&fault), 0);
}

static void many_at_once_are_few_mappings(void)
{
    noh_env env = noh_env_default();
    if (is_under_tsan(__func__)) {
        return;
    }
    if (!has_guard_pages(&env)) {
        printf("SKIPPED %s: this kernel has no guard pages\n", __func__);
        return;
    }
    nohi_stacks stacks;
    nohi_stacks_init(&stacks, &env);
    size_t before = mappings();
    nohi_room *list = nohi_stacks_take(&stacks, NOHI_STACK_USUAL, MANY);
    CHECK_EQ(length(list), MANY);
    printf("%d stacks: %zu mappings more\n", MANY, mappings() - before);
    CHECK(mappings() - before < MANY / 50);
    for (nohi_room *room = list; room != NULL; room = room->next) {
        room->low[room->size - 1] = 1;
        CHECK(faults(room->low - 1));
    }
    nohi_stacks_give(&stacks, list);
    CHECK(mappings() - before < MANY / 50);
    nohi_stacks_done(&stacks);
}

/* The kernel's limit is met by no more than an error, and what there is can be used again. */
static void beyond_the_limit_of_mappings_there_is_no_room_without_guard(void)
{
    noh_env env = env_without_guard_pages();
    nohi_stacks stacks;
    if (is_under_tsan(__func__)) {
        return;
    }
    nohi_stacks_init(&stacks, &env);
    nohi_room *list = nohi_stacks_take(&stacks, NOHI_STACK_USUAL, MANY);
    size_t count = length(list);
    CHECK(nohi_stacks_take(&stacks, NOHI_STACK_USUAL, 1) == NULL);
    for (nohi_room *room = list; room != NULL; room = room->next) {
        CHECK(faults(room->low - 1) && !faults(room->low));
    }
    nohi_room *one = list;
    list = list->next;
    one->next = NULL;
    nohi_stacks_give(&stacks, one);
    nohi_room *again = nohi_stacks_take(&stacks, NOHI_STACK_USUAL, 2);
    CHECK_EQ(length(again), 1);
    nohi_stacks_give(&stacks, again);
    nohi_stacks_give(&stacks, list);
    nohi_stacks_done(&stacks);
    printf("%zu stacks where each guard is a mapping\n", count);
    CHECK(count < MANY);
    CHECK(count > MAPPINGS_MAX / 2 - 2000);
}

static size_t touched(const noh_env *env, nohi_room *list)
{
    size_t sum = 0;
    for (; list != NULL; list = list->next) {
        sum += list->size - env->pages_untouched(env->world, list->low, list->size);
    }
    return sum;
}

static void what_is_free_has_little_memory_behind_it(void)
{
    noh_env env = noh_env_default();
    nohi_stacks stacks;
    nohi_stacks_init(&stacks, &env);
    nohi_room *list = nohi_stacks_take(&stacks, NOHI_STACK_USUAL, 1000);
    for (nohi_room *room = list; room != NULL; room = room->next) {
        memset(room->low, 1, room->size);
    }
    CHECK_EQ(touched(&env, list), 1000 * NOHI_STACK_USUAL);
    nohi_stacks_give(&stacks, list);
    list = nohi_stacks_take(&stacks, NOHI_STACK_USUAL, 1000);
    CHECK_EQ(length(list), 1000);
    CHECK(touched(&env, list) <= 64 * 1024 * 1024);
    for (nohi_room *room = list; room != NULL; room = room->next) {
        CHECK(faults(room->low - 1));
    }
    nohi_stacks_give(&stacks, list);
    nohi_stacks_done(&stacks);
}

static void most_of_what_is_free_goes(void)
{
    fault_world fault;
    noh_env env = fault_env(&fault);
    nohi_stacks stacks;
    nohi_stacks_init(&stacks, &env);
    nohi_room *list = nohi_stacks_take(&stacks, NOHI_STACK_USUAL, 40000);
    CHECK_EQ(length(list), 40000);
    size_t full = fault.live_pages;
    CHECK(full >= 40000 * (size_t)NOHI_STACK_USUAL);
    nohi_stacks_give(&stacks, list);
    CHECK(fault.live_pages <= full / 8);
    size_t kept = fault.live_pages;
    for (int i = 0; i < 100; i++) { /* and taking again what was kept needs nothing new */
        list = nohi_stacks_take(&stacks, NOHI_STACK_USUAL, 2);
        CHECK_EQ(length(list), 2);
        nohi_stacks_give(&stacks, list);
        CHECK_EQ(fault.live_pages, kept);
    }
    nohi_stacks_done(&stacks);
    CHECK_EQ(fault_done(&fault), 0);
}

/* In any order, of any size. */
static void rooms_come_and_go(void)
{
    uint64_t seed = test_seed("test_unit_core_stacks", 1);
    fault_world fault;
    noh_env env = fault_env(&fault);
    nohi_stacks stacks;
    nohi_room *held[300] = {NULL};
    nohi_stacks_init(&stacks, &env);
    for (int i = 0; i < 20000; i++) {
        nohi_room **at = &held[test_below(&seed, 300)];
        if (*at != NULL) {
            CHECK_EQ(memcmp((*at)->low + (*at)->size - sizeof(void *), at, sizeof *at), 0);
            nohi_stacks_give(&stacks, *at);
            *at = NULL;
        } else {
            size_t size = (size_t)NOHI_STACK_LEAST << test_below(&seed, 6);
            *at = nohi_stacks_take(&stacks, size, 1);
            CHECK(*at != NULL && (*at)->size == size && (*at)->next == NULL);
            memcpy((*at)->low + size - sizeof(void *), at, sizeof *at); /* nobody else has it */
        }
    }
    for (int i = 0; i < 300; i++) {
        nohi_stacks_give(&stacks, held[i]);
    }
    nohi_stacks_done(&stacks);
    CHECK_EQ(fault_done(&fault), 0);
}

static void without_memory_there_is_no_room_and_nothing_is_lost(void)
{
    for (uint64_t n = 1;; n++) {
        fault_world fault;
        noh_env env = fault_env(&fault);
        nohi_stacks stacks;
        nohi_stacks_init(&stacks, &env);
        fault_at(&fault, n, false);
        nohi_room *list = nohi_stacks_take(&stacks, NOHI_STACK_USUAL, 100);
        uint64_t failures = fault_failures(&fault);
        fault_at(&fault, 0, false);
        CHECK_EQ(failures > 0, length(list) < 100);
        nohi_room *more = nohi_stacks_take(&stacks, NOHI_STACK_USUAL, 1);
        CHECK(more != NULL);
        check_room(more);
        nohi_stacks_give(&stacks, more);
        nohi_stacks_give(&stacks, list);
        nohi_stacks_done(&stacks);
        CHECK_EQ(fault_done(&fault), 0);
        if (failures == 0) {
            CHECK(n > 100); /* each guard is one */
            return;
        }
    }
}

static const test_case cases[] = {
    TEST(a_size_is_a_power_of_two_between_bounds),
    TEST(each_room_has_its_size_and_its_guard),
    TEST(many_at_once_are_few_mappings),
    TEST(beyond_the_limit_of_mappings_there_is_no_room_without_guard),
    TEST(what_is_free_has_little_memory_behind_it),
    TEST(most_of_what_is_free_goes),
    TEST(rooms_come_and_go),
    TEST(without_memory_there_is_no_room_and_nothing_is_lost),
};
TEST_MAIN(cases)
