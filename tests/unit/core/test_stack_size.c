/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: who asks for a larger stack has it in each handler and hook, also after a wait, and the others
 * have what they had. */
#include "core.h"
#include "system.h"

NOH_MESSAGE(sum, (int64_t, value));
NOH_REQUEST(dig, sum, (int64_t, bytes), (bool, waits));
NOH_MESSAGE(step, (noh_ref, home), (noh_ref, peer), (int64_t, left));
NOH_MESSAGE(done);
NOH_MESSAGE(digger_start, (int64_t, bytes));

TEST_PLAIN static int64_t dig_to(const volatile char *top, int64_t bytes)
{
    char here;
    volatile char room[2000];
    room[0] = 1;
    return top - &here > bytes ? room[0] : dig_to(top, bytes) + room[0];
}

/* How many frames it took. */
static int64_t dig_down(int64_t bytes)
{
    volatile char top = 0;
    return dig_to(&top, bytes);
}

#define DIGGER(S, ...) \
    typedef struct S { \
        int64_t started; \
        int64_t idle; \
    } S; \
    static noh_err S##_start(noh_self *self, S *me, const digger_start *start) \
    { \
        me->started = dig_down(start->bytes); \
        return NOH_OK; \
    } \
    static noh_err S##_dig(noh_self *self, S *me, const dig *m) \
    { \
        int64_t before = m->waits ? dig_down(m->bytes) : 0; \
        if (m->waits) { \
            CHECK_OK(noh_sleep(self, NOH_MS)); \
        } \
        int64_t frames = dig_down(m->bytes); \
        CHECK(!m->waits || frames == before); \
        return noh_reply(self, sum, .value = frames); \
    } \
    static noh_err S##_step(noh_self *self, S *me, const step *m) \
    { \
        return m->left == 0 ? noh_tell(self, m->home, done) \
                            : noh_tell(self, m->peer, step, .home = m->home, \
                                       .peer = noh_self_ref(self), .left = m->left - 1); \
    } \
    static noh_err S##_idle(noh_self *self, S *me, const noh_idle *m) \
    { \
        me->idle++; \
        return noh_idle_after(self, 0); \
    } \
    static noh_err S##_end(noh_self *self, S *me, const noh_exit *exit) \
    { \
        (void)dig_down(me->started > 0 ? 900 * 1024 : 0); \
        return NOH_OK; \
    } \
    NOH_BEHAVIOR_WITH(S, digger_start, S##_start, NOH_ON(dig, S##_dig), NOH_ON(step, S##_step), \
                      NOH_ON(noh_idle, S##_idle), NOH_ON_STOP(S##_end) __VA_ARGS__)

DIGGER(usual, );
DIGGER(small, , NOH_STACK(1));
DIGGER(large, , NOH_STACK(1000 * 1000));
DIGGER(largest, , NOH_STACK(1 << 30));

/* Digs in a role only. */
NOH_NO_STATE(masked);
NOH_MESSAGE(change);
NOH_ROLE_DECLARE(masked, digging);

static noh_err masked_change(noh_self *self, masked *me, const change *m)
{
    return noh_become(self, masked, digging);
}

static noh_err masked_dig(noh_self *self, masked *me, const dig *m)
{
    if (m->waits) {
        CHECK_OK(noh_sleep(self, NOH_MS));
    }
    return noh_reply(self, sum, .value = dig_down(m->bytes));
}

NOH_BEHAVIOR(masked, NOH_ON(change, masked_change), NOH_STACK(1000 * 1000));
NOH_ROLE(masked, digging, NOH_ON(dig, masked_dig));

static void the_size_stands_in_the_behavior(void)
{
    CHECK_EQ(noh_behavior_usual.stack_size, 0);
    CHECK_EQ(noh_behavior_small.stack_size, 1);
    CHECK_EQ(noh_behavior_large.stack_size, 1000 * 1000);
    CHECK_EQ(noh_behavior_large.handler_count, 4);
}

static noh_err dig_in(noh_self *me, noh_ref ref, int64_t bytes, bool waits)
{
    sum answer;
    noh_err err = noh_call(me, ref, dig, &answer, .bytes = bytes, .waits = waits);
    CHECK(err != NOH_OK || answer.value > bytes / 10000);
    return err;
}

static void each_has_the_stack_it_asked_for(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *me = noh_system_self(system);
    for (int i = 0; i < 20; i++) {
        noh_ref usual = noh_spawn(me, usual);
        noh_ref small = noh_spawn(me, small);
        noh_ref large = noh_spawn(me, large, .bytes = 900 * 1024);
        noh_ref largest = noh_spawn(me, largest, .bytes = 1024 * 1024);
        CHECK_OK(dig_in(me, usual, 100 * 1024, i % 2 == 0));
        CHECK_OK(dig_in(me, small, 100 * 1024, i % 2 == 0));
        CHECK_OK(dig_in(me, large, 900 * 1024, i % 2 == 0));
        CHECK_OK(dig_in(me, largest, 16 * 1024 * 1024, i % 2 == 0));
        CHECK_OK(dig_in(me, large, 900 * 1024, true));
        CHECK_ERR(dig_in(me, usual, 900 * 1024, false), NOH_E_STACK);
        CHECK_ERR(dig_in(me, small, 900 * 1024, false), NOH_E_STACK);
        CHECK_ERR(dig_in(me, large, 2000 * 1024, i % 2 == 0), NOH_E_STACK);
        (void)core_stop(me, largest, NOH_STOP_DRAIN);
    }
    CHECK_TEXT(nohi_system_check(system, true), NULL);
    core_end(&world, system);
}

static void in_a_role_the_stack_stays(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *me = noh_system_self(system);
    noh_ref ref = noh_spawn(me, masked);
    CHECK_OK(noh_tell(me, ref, change));
    for (int i = 0; i < 20; i++) {
        CHECK_OK(dig_in(me, ref, 900 * 1024, i % 2 == 0));
    }
    core_end(&world, system);
}

static void they_talk_with_others_and_move(void)
{
    core_world world;
    noh_system *system = core_start(&world, 3, NULL);
    noh_self *me = noh_system_self(system);
    enum { PAIRS = 10 };
    noh_ref refs[2 * PAIRS];
    for (int i = 0; i < 2 * PAIRS; i++) {
        refs[i] = i % 3 == 0 ? noh_spawn(me, usual) : noh_spawn(me, large);
    }
    for (int i = 0; i < PAIRS; i++) {
        CHECK_OK(noh_tell(me, refs[2 * i], step, .home = noh_self_ref(me), .peer = refs[2 * i + 1],
                          .left = 2000));
    }
    for (int i = 0; i < PAIRS; i++) {
        (void)CORE_RECEIVE(done, me);
    }
    for (int i = 0; i < 2 * PAIRS; i++) {
        CHECK_OK(dig_in(me, refs[i], i % 3 == 0 ? 100 * 1024 : 900 * 1024, true));
    }
    (void)core_settled(system, 0);
    core_end(&world, system);
}

/* In such an actor's flags it is the same bit. */
static void an_idle_time_out_comes_and_goes(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *me = noh_system_self(system);
    noh_ref large = noh_spawn(me, large);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(noh_tell(me, large, noh_idle)); /* ends with noh_idle_after(self, 0) */
        CHECK_OK(dig_in(me, large, 900 * 1024, false));
    }
    core_end(&world, system);
}

static void *no_reserve(void *world, size_t size)
{
    core_world *w = world;
    return size > (size_t)16 * 1024 * 1024 && size < (size_t)128 * 1024 * 1024
               ? NULL
               : fault_pages_reserve(&w->fault, size);
}

/* On the thread's own stack, which is larger than most. */
static void without_memory_for_its_stack_it_runs_without(void)
{
    core_world world;
    core_open(&world);
    world.env.pages_reserve = no_reserve;
    noh_system *system = core_system(&world, 1, NULL);
    noh_self *me = noh_system_self(system);
    noh_ref largest = noh_spawn(me, largest);
    noh_ref usual = noh_spawn(me, usual);
    for (int i = 0; i < 10; i++) {
        CHECK_OK(dig_in(me, largest, 1024 * 1024, false));
        CHECK_OK(dig_in(me, usual, 1024, true));
    }
    core_end(&world, system);
}

static const test_case cases[] = {
    TEST(the_size_stands_in_the_behavior), TEST(each_has_the_stack_it_asked_for),
    TEST(in_a_role_the_stack_stays),       TEST(they_talk_with_others_and_move),
    TEST(an_idle_time_out_comes_and_goes), TEST(without_memory_for_its_stack_it_runs_without),
};
TEST_MAIN(cases)
