/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: which definitions of a behavior are refused, how they are found, and what state an actor gets
 * for it. */
#include "core.h"

#include <stdalign.h>

NOH_MESSAGE(work, (int64_t, value));
NOH_MESSAGE(block);
NOH_MESSAGE(sum, (int64_t, value));
NOH_REQUEST(get_sum, sum);

/* ---- soundness ---------------------------------------------------------------------------- */

static noh_err do_nothing(noh_self *self, void *me, const void *message)
{
    return NOH_OK;
}

static const noh_handler sound[] = {{NOH_HOOK_MESSAGE, &noh_type_work, do_nothing},
                                    {NOH_HOOK_MESSAGE, &noh_type_block, do_nothing},
                                    {NOH_HOOK_STOP, NULL, do_nothing},
                                    {NOH_HOOK_FAILURE, NULL, do_nothing}};
static const noh_handler twice[] = {{NOH_HOOK_MESSAGE, &noh_type_work, do_nothing},
                                    {NOH_HOOK_MESSAGE, &noh_type_block, do_nothing},
                                    {NOH_HOOK_MESSAGE, &noh_type_work, do_nothing}};
static const noh_handler without_type[] = {{NOH_HOOK_MESSAGE, NULL, do_nothing}};
static const noh_handler without_function[] = {{NOH_HOOK_MESSAGE, &noh_type_work, NULL}};
static const noh_handler two_hooks[] = {{NOH_HOOK_MESSAGE, &noh_type_work, do_nothing},
                                        {NOH_HOOK_STOP, NULL, do_nothing},
                                        {NOH_HOOK_STOP, NULL, do_nothing}};
static const noh_handler only_hooks[] = {{NOH_HOOK_STOP, NULL, do_nothing}};

#define BY_HAND(handlers, count) \
    { \
        sizeof(noh_behavior), "by hand", 8, 8, &noh_type_noh_nothing, NULL, handlers, count, 0 \
    }

static void behaviors_that_are_not_sound_are_refused(void)
{
    static const noh_behavior good[] = {
        BY_HAND(sound, 4),
        BY_HAND(sound, 1),
        BY_HAND(only_hooks, 1),
        {sizeof(noh_behavior), "no state", 0, 1, &noh_type_noh_nothing, NULL, sound, 4, 0},
        {sizeof(noh_behavior) + 8, "newer", 8, 8, &noh_type_noh_nothing, NULL, sound, 4, 0}};
    static const noh_behavior bad[] = {
        BY_HAND(twice, 3),
        BY_HAND(without_type, 1),
        BY_HAND(without_function, 1),
        BY_HAND(two_hooks, 3),
        BY_HAND(NULL, 1),
        BY_HAND(sound, 0),
        {8, "too old", 8, 8, &noh_type_noh_nothing, NULL, sound, 4, 0},
        {sizeof(noh_behavior), NULL, 8, 8, &noh_type_noh_nothing, NULL, sound, 4, 0},
        {sizeof(noh_behavior), "no start", 8, 8, NULL, NULL, sound, 4, 0},
        {sizeof(noh_behavior), "over-aligned", 128, 64, &noh_type_noh_nothing, NULL, sound, 4, 0}};
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref ref;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK_OK(noh_spawn_with(self, &good[i], NULL, NULL, &ref));
        CHECK_OK(noh_tell(self, ref, work, .value = 1));
        (void)core_stop(self, ref, NOH_STOP_DRAIN);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ref = (noh_ref){77};
        CHECK_ERR(noh_spawn_with(self, &bad[i], NULL, NULL, &ref), NOH_E_INVAL);
        CHECK_EQ(ref.bits, 77);
        CHECK(noh_ref_is_none(noh_spawn_value(self, &bad[i], NULL)));
    }
    CHECK_EQ(core_actors(system), 0);
    core_end(&world, system);
}

/* ---- state -------------------------------------------------------------------------------- */

/* Around what a slot holds in place, and far beyond. */
#define SIZED(S, bytes) \
    typedef struct S { \
        alignas(16) unsigned char data[bytes]; \
    } S; \
    static noh_err S##_sum(noh_self *self, S *me, const get_sum *m) \
    { \
        int64_t value = 0; \
        CHECK_EQ((uintptr_t)me % 16, 0); \
        for (size_t i = 0; i < sizeof me->data; i++) { \
            value += me->data[i]; \
            me->data[i]++; \
        } \
        return noh_reply(self, sum, .value = value); \
    } \
    NOH_BEHAVIOR(S, NOH_ON(get_sum, S##_sum))

SIZED(tiny, 16);
SIZED(inside, 48);
SIZED(beyond, 64);
SIZED(big, 10240);
SIZED(huge, 1 << 20);

static void state_of_any_size_is_zeroed_aligned_and_kept(void)
{
    static const noh_behavior *const behaviors[] = {&noh_behavior_tiny, &noh_behavior_inside,
                                                    &noh_behavior_beyond, &noh_behavior_big,
                                                    &noh_behavior_huge};
    static const int64_t sizes[] = {16, 48, 64, 10240, 1 << 20};
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    for (int round = 0; round < 3; round++) { /* slots and memory are used again */
        for (int i = 0; i < 5; i++) {
            noh_ref refs[4];
            for (int k = 0; k < 4; k++) {
                refs[k] = noh_spawn_value(self, behaviors[i], NULL);
            }
            for (int64_t value = 0; value < 3; value++) {
                for (int k = 0; k < 4; k++) {
                    sum answer;
                    CHECK_OK(noh_call(self, refs[k], get_sum, &answer));
                    CHECK_EQ(answer.value, value * sizes[i]);
                }
            }
            for (int k = 0; k < 4; k++) {
                (void)core_stop(self, refs[k], k % 2 == 0 ? NOH_STOP_NOW : NOH_STOP_DRAIN);
            }
        }
    }
    core_end(&world, system);
}

static void a_state_above_1_gib_is_too_big(void)
{
    static const noh_behavior giant = {sizeof(noh_behavior),
                                       "giant",
                                       ((size_t)1 << 30) + 1,
                                       16,
                                       &noh_type_noh_nothing,
                                       NULL,
                                       sound,
                                       4,
                                       0};
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref ref = {77};
    CHECK_ERR(noh_spawn_with(self, &giant, NULL, NULL, &ref), NOH_E_TOO_BIG);
    CHECK_EQ(ref.bits, 77);
    CHECK_EQ(core_actors(system), 0);
    core_end(&world, system);
}

/* ---- names -------------------------------------------------------------------------------- */

static void behaviors_are_found_by_name(void)
{
    CHECK(noh_behavior_find("tiny") == &noh_behavior_tiny);
    CHECK(noh_behavior_find("big") != NULL);
    CHECK_TEXT(noh_behavior_find("big")->name, "big");
    CHECK(noh_behavior_find("") == NULL);
    CHECK(noh_behavior_find("tin") == NULL);
    CHECK(noh_behavior_find("tiny ") == NULL);
    CHECK(noh_behavior_find(NULL) == NULL);
    static const noh_behavior dynamic = BY_HAND(sound, 4);
    noh_definition definition = {&dynamic, NULL};
    CHECK(noh_behavior_find("by hand") == NULL);
    noh_define(&definition);
    CHECK(noh_behavior_find("by hand") == &dynamic);
    noh_undefine(&definition);
    CHECK(noh_behavior_find("by hand") == NULL);
    noh_undefine(&definition);
    CHECK(noh_behavior_find("tiny") == &noh_behavior_tiny);
}

static const test_case cases[] = {
    TEST(behaviors_that_are_not_sound_are_refused),
    TEST(state_of_any_size_is_zeroed_aligned_and_kept),
    TEST(a_state_above_1_gib_is_too_big),
    TEST(behaviors_are_found_by_name),
};
TEST_MAIN(cases)
