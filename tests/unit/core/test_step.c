/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a world that wants to be asked before turns is asked as often as it says, and told what comes. */
#include "core.h"
#include "system.h"

enum { MESSAGES = 40 };

NOH_MESSAGE(drip, (int32_t, number));
NOH_MESSAGE(all_came, (int32_t, count));
NOH_MESSAGE(bucket_start, (noh_ref, home));
NOH_NO_STATE(tap);
NOH_REQUEST(open_tap, all_came, (noh_ref, into));

typedef struct bucket {
    noh_ref home;
    int32_t count;
} bucket;

static noh_err on_bucket(noh_self *self, bucket *me, const bucket_start *m)
{
    me->home = m->home;
    return NOH_OK;
}

static noh_err on_drip(noh_self *self, bucket *me, const drip *m)
{
    CHECK_EQ(m->number, me->count);
    me->count++;
    return me->count < MESSAGES ? NOH_OK : noh_tell(self, me->home, all_came, .count = me->count);
}

NOH_BEHAVIOR_WITH(bucket, bucket_start, on_bucket, NOH_ON(drip, on_drip));

/* All at once, so that one turn could take them all. */
static noh_err on_open(noh_self *self, tap *me, const open_tap *m)
{
    for (int32_t i = 0; i < MESSAGES; i++) {
        CHECK_OK(noh_tell(self, m->into, drip, .number = i));
    }
    return noh_reply(self, all_came, .count = MESSAGES);
}

NOH_BEHAVIOR(tap, NOH_ON(open_tap, on_open));

/* What the world was asked. */
typedef struct record {
    uint32_t free_turns; /* its answer */
    atomic_int drips;
    atomic_int gifts;
    atomic_int wrong;
} record;

static uint32_t note_step(void *world, const noh_turn *turn)
{
    record *r = world;
    if (turn == NULL) {
        atomic_fetch_add(&r->gifts, 1);
        return 0;
    }
    bool is_drip = turn->message != NULL && strcmp(turn->message, "drip") == 0;
    if (turn->system == NULL || turn->worker > 1 || turn->actor == 0 ||
        (is_drip && (turn->sender == 0 || strcmp(turn->behavior, "bucket") != 0))) {
        atomic_fetch_add(&r->wrong, 1);
    }
    atomic_fetch_add(&r->drips, is_drip);
    return r->free_turns;
}

static void run(record *r)
{
    noh_env env = noh_env_default();
    noh_system *system;
    env.world = r;
    env.step = note_step;
    CHECK_OK(noh_system_new(&(noh_options){.env = &env, .workers = 2}, &system));
    noh_self *self = noh_system_self(system);
    noh_ref into = noh_spawn(self, bucket, .home = noh_self_ref(self));
    all_came answer;
    const all_came *told;
    CHECK_OK(noh_call(self, noh_spawn(self, tap), open_tap, &answer, .into = into));
    CHECK_OK(noh_receive_only(self, all_came, NOH_FOREVER, &told));
    CHECK_EQ(told->count, MESSAGES);
    CHECK_OK(noh_system_free(system));
    CHECK_EQ(r->wrong, 0);
}

static void it_is_asked_before_each_message(void)
{
    record r = {.free_turns = 0};
    run(&r);
    CHECK_EQ(r.drips, MESSAGES);
    CHECK(r.gifts > 0);
}

static void it_may_want_to_be_asked_less_often(void)
{
    record r = {.free_turns = 1000};
    run(&r);
    CHECK(r.drips < MESSAGES);
}

static const test_case cases[] = {
    TEST(it_is_asked_before_each_message),
    TEST(it_may_want_to_be_asked_less_often),
};
TEST_MAIN(cases)
