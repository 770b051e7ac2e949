/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a crowd of actors, a million in scripts/soak: each hears what it is told, ends as it was asked
 * to, and leaves nothing behind; the next crowd lives in the same slots.
 * Method: districts spawn their shares at the same time, in one long handler each, so that members
 * are taken over while others are still spawned. Each greets its own members, then its neighbor's;
 * at last it greets its neighbor's once more and stops them in all three ways, while the main thread
 * joins them. Each member counts the greetings; the ledger must balance while all are alive, too. */
#include "stress.h"

enum { DISTRICTS = 8, LIVES = 2, GREETINGS = 2 };

NOH_MESSAGE(greeting);
NOH_MESSAGE(done);
NOH_MESSAGE(settle);
NOH_MESSAGE(visit);
NOH_MESSAGE(clear);

static struct {
    noh_ref *members; /* each district's lie together */
    uint64_t each;    /* members of a district */
    noh_ref driver;
    atomic_ullong drained;
    atomic_ullong stopped;
} crowd;

/* ---- members ------------------------------------------------------------------------------ */

typedef struct member {
    uint64_t number;
    uint64_t heard;
} member;

NOH_MESSAGE(member_start, (uint64_t, number));

/* How it will end. */
static noh_stop_kind end_of(uint64_t number)
{
    return (noh_stop_kind)(number % 3);
}

static noh_err on_member_start(noh_self *self, member *me, const member_start *start)
{
    me->number = start->number;
    return NOH_OK;
}

static noh_err on_greeting(noh_self *self, member *me, const greeting *message)
{
    me->heard++;
    return NOH_OK;
}

static noh_err on_member_stop(noh_self *self, member *me, const noh_exit *exit)
{
    if (end_of(me->number) == NOH_STOP_DRAIN) {
        CHECK_EQ(exit->kind, NOH_EXIT_NORMAL);
        CHECK_EQ(me->heard, GREETINGS + 1);
        atomic_fetch_add(&crowd.drained, 1);
    } else {
        CHECK_EQ(end_of(me->number), NOH_STOP_NOW);
        CHECK_EQ(exit->kind, NOH_EXIT_SHUTDOWN);
        CHECK(me->heard == GREETINGS || me->heard == GREETINGS + 1);
        atomic_fetch_add(&crowd.stopped, 1);
    }
    return NOH_OK;
}

NOH_BEHAVIOR_WITH(member, member_start, on_member_start, NOH_ON(greeting, on_greeting),
                  NOH_ON_STOP(on_member_stop));

/* ---- districts ---------------------------------------------------------------------------- */

typedef struct district {
    uint64_t own; /* its first member */
    uint64_t neighbors;
} district;

NOH_MESSAGE(district_start, (uint64_t, index));

static noh_err on_district_start(noh_self *self, district *me, const district_start *start)
{
    me->own = start->index * crowd.each;
    me->neighbors = (start->index + 1) % DISTRICTS * crowd.each;
    return NOH_OK;
}

static noh_err on_settle(noh_self *self, district *me, const settle *message)
{
    for (uint64_t i = me->own; i < me->own + crowd.each; i++) {
        crowd.members[i] = noh_spawn(self, member, .number = i);
        CHECK_OK(noh_tell(self, crowd.members[i], greeting));
    }
    return noh_tell(self, crowd.driver, done);
}

static noh_err on_visit(noh_self *self, district *me, const visit *message)
{
    for (uint64_t i = me->neighbors; i < me->neighbors + crowd.each; i++) {
        CHECK_OK(noh_tell(self, crowd.members[i], greeting));
    }
    return noh_tell(self, crowd.driver, done);
}

static noh_err on_clear(noh_self *self, district *me, const clear *message)
{
    for (uint64_t i = me->neighbors; i < me->neighbors + crowd.each; i++) {
        CHECK_OK(noh_tell(self, crowd.members[i], greeting));
        CHECK_OK(noh_stop(self, crowd.members[i], end_of(i)));
    }
    return noh_tell(self, crowd.driver, done);
}

NOH_BEHAVIOR_WITH(district, district_start, on_district_start, NOH_ON(settle, on_settle),
                  NOH_ON(visit, on_visit), NOH_ON(clear, on_clear));

/* ---- one life after the other ------------------------------------------------------------- */

static void wait_for_all(noh_self *self)
{
    for (unsigned i = 0; i < DISTRICTS; i++) {
        const noh_type *type;
        const void *message;
        CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &message));
        CHECK(noh_as(done, type, message) != NULL);
    }
}

static void join_all(noh_self *self, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        CHECK_OK(noh_join(self, crowd.members[i], NOH_FOREVER, NULL));
    }
}

static uint64_t actors_of(noh_system *system)
{
    noh_stats stats;
    CHECK_OK(noh_system_stats(system, &stats));
    return stats.actors;
}

/* Nobody sends any more. Who has not started would end without a hook. */
static void wait_until_heard(noh_system *system)
{
    noh_ledger ledger;
    do {
        stress_sleep_us(1000);
        CHECK_OK(noh_ledger_read(system, &ledger));
    } while (ledger.handled + noh_ledger_dead(&ledger) != ledger.sent);
    CHECK_EQ(ledger.queued, 0);
}

static void live_once(noh_system *system, const noh_ref *districts)
{
    noh_self *self = noh_system_self(system);
    uint64_t count = crowd.each * DISTRICTS;
    atomic_store(&crowd.drained, 0);
    atomic_store(&crowd.stopped, 0);
    for (unsigned i = 0; i < DISTRICTS; i++) {
        CHECK_OK(noh_tell(self, districts[i], settle));
    }
    wait_for_all(self); /* neighbors know each other's refs now */
    for (unsigned i = 0; i < DISTRICTS; i++) {
        CHECK_OK(noh_tell(self, districts[i], visit));
    }
    wait_for_all(self);
    wait_until_heard(system);
    CHECK_EQ(actors_of(system), count + DISTRICTS);
    for (unsigned i = 0; i < DISTRICTS; i++) {
        CHECK_OK(noh_tell(self, districts[i], clear));
    }
    wait_for_all(self);
    join_all(self, count);
    CHECK_EQ(actors_of(system), DISTRICTS);
    CHECK_EQ(atomic_load(&crowd.drained), (count + 2) / 3);
    CHECK_EQ(atomic_load(&crowd.stopped), (count + 1) / 3);
    (void)stress_balance(system);
}

static void live(unsigned workers, uint64_t actors)
{
    memset(&crowd, 0, sizeof crowd);
    noh_system *system = stress_start(workers);
    noh_self *self = noh_system_self(system);
    crowd.driver = noh_self_ref(self);
    crowd.each = actors / DISTRICTS;
    crowd.members = calloc(crowd.each * DISTRICTS, sizeof *crowd.members);
    CHECK(crowd.members != NULL);
    noh_ref districts[DISTRICTS];
    for (unsigned i = 0; i < DISTRICTS; i++) {
        districts[i] = noh_spawn(self, district, .index = i);
    }
    for (unsigned i = 0; i < LIVES; i++) {
        live_once(system, districts);
    }
    uint64_t sent = stress_end(system);
    printf("    %u workers: %llu actors, %u times, %llu messages\n", workers,
           (unsigned long long)crowd.each * DISTRICTS, (unsigned)LIVES, (unsigned long long)sent);
    free(crowd.members);
}

static void a_crowd_lives_and_ends_on_two_workers(void)
{
    live(2, stress_rounds(250000));
}

static void a_crowd_lives_and_ends_on_four_workers(void)
{
    live(4, stress_rounds(250000));
}

static const test_case cases[] = {
    TEST(a_crowd_lives_and_ends_on_two_workers),
    TEST(a_crowd_lives_and_ends_on_four_workers),
};
TEST_MAIN(cases)
