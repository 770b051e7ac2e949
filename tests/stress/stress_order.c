/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: what one actor tells another arrives in the order of the tells, wherever both have moved
 * meanwhile; delivery is causal.
 * Method: 48 actors pass tokens to each other at random. Each message carries its number among
 * those of its sender to its receiver, so a receiver knows what must come next. The cost of a
 * message changes at random, for all, between nothing and much: heavy actors are given away, light
 * ones flow together, and in quiet times sleepers are robbed. That they moved is counted and must
 * have happened. Now and then all tokens end, and the ledger must balance before they go on.
 * Causality: A tells C, then B, and B tells C, who must hear A first. */
#include "stress.h"

enum { ROVERS = 48, QUIET_POINTS = 8, PATIENCE = 50 };

NOH_MESSAGE(numbered, (uint32_t, from), (uint64_t, number));
NOH_MESSAGE(token);
NOH_MESSAGE(all_done, (uint64_t, handled));

static struct {
    noh_ref rovers[ROVERS];
    noh_ref driver;
    uint64_t seed;
    atomic_llong left;   /* tells still to be made */
    atomic_llong on_way; /* tokens that have not ended */
    atomic_ullong handled;
    atomic_ullong moves;
    uint64_t told[ROVERS][ROVERS]; /* by their stop hooks: by whom, to whom */
    uint64_t heard[ROVERS][ROVERS];
} field;

typedef struct rover {
    uint32_t index;
    uint64_t chance;
    const noh_self *seen; /* differs from worker to worker */
    uint64_t handled;
    uint64_t told[ROVERS];
    uint64_t heard[ROVERS];
} rover;

/* What a message costs at the moment, in ns; changes at random, for all. */
static atomic_uint cost;

static void work_at_random(uint64_t *chance)
{
    static const unsigned costs[] = {0, 0, 300, 1000, 4000};
    uint64_t bits = test_random(chance);
    unsigned now = atomic_load_explicit(&cost, memory_order_relaxed);
    if (bits % (now == 0 ? 65536 : 2048) == 0) { /* each time lasts about as long */
        now = costs[(bits >> 20) % 5];
        atomic_store(&cost, now);
    }
    stress_busy((bits >> 32) % (now + 1));
}

/* A second behavior, so that heavy and light ones live side by side. */
typedef rover light_rover;

NOH_MESSAGE(rover_start, (uint32_t, index));

static noh_err on_rover_start(noh_self *self, rover *me, const rover_start *start)
{
    me->index = start->index;
    me->chance = field.seed * ROVERS + start->index;
    me->seen = self;
    return NOH_OK;
}

static void tell_somebody(noh_self *self, rover *me)
{
    uint32_t to = (uint32_t)test_below(&me->chance, ROVERS);
    CHECK_OK(
        noh_tell(self, field.rovers[to], numbered, .from = me->index, .number = ++me->told[to]));
}

static void note_move(noh_self *self, rover *me)
{
    if (me->seen != self) {
        me->seen = self;
        atomic_fetch_add(&field.moves, 1);
    }
}

/* Passes the token on; sometimes as three, as long as there are tells left. */
static noh_err pass_on(noh_self *self, rover *me)
{
    note_move(self, me);
    me->handled++;
    work_at_random(&me->chance);
    unsigned tells = test_below(&me->chance, 64) == 0 ? 3 : 1;
    for (unsigned i = 0; i < tells; i++) {
        if (atomic_fetch_sub(&field.left, 1) > 0) {
            atomic_fetch_add(&field.on_way, 1);
            tell_somebody(self, me);
        }
    }
    if (atomic_fetch_sub(&field.on_way, 1) == 1) {
        return noh_tell(self, field.driver, all_done, .handled = 0);
    }
    return NOH_OK;
}

static noh_err on_token(noh_self *self, rover *me, const token *message)
{
    return pass_on(self, me);
}

static noh_err on_numbered(noh_self *self, rover *me, const numbered *message)
{
    CHECK_EQ(message->number, ++me->heard[message->from]);
    return pass_on(self, me);
}

static noh_err on_rover_stop(noh_self *self, rover *me, const noh_exit *exit)
{
    atomic_fetch_add(&field.handled, me->handled);
    memcpy(field.told[me->index], me->told, sizeof me->told);
    memcpy(field.heard[me->index], me->heard, sizeof me->heard);
    return NOH_OK;
}

NOH_BEHAVIOR_WITH(rover, rover_start, on_rover_start, NOH_ON(numbered, on_numbered),
                  NOH_ON(token, on_token), NOH_ON_STOP(on_rover_stop));
NOH_BEHAVIOR_WITH(light_rover, rover_start, on_rover_start, NOH_ON(numbered, on_numbered),
                  NOH_ON(token, on_token), NOH_ON_STOP(on_rover_stop));

static void wait_for_all_done(noh_self *self)
{
    const noh_type *type;
    const void *message;
    CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &message));
    CHECK(noh_as(all_done, type, message) != NULL);
}

/* Tokens for all, until they have ended. */
static void rove_until_quiet(noh_system *system, uint64_t tells)
{
    noh_self *self = noh_system_self(system);
    atomic_store(&field.left, (long long)tells);
    atomic_store(&field.on_way, ROVERS);
    for (uint32_t i = 0; i < ROVERS; i++) {
        CHECK_OK(noh_tell(self, field.rovers[i], token));
    }
    wait_for_all_done(self);
    (void)stress_balance(system);
}

static void rove(unsigned workers, uint64_t tells)
{
    memset(&field, 0, sizeof field);
    noh_system *system = stress_start(workers);
    noh_self *self = noh_system_self(system);
    field.driver = noh_self_ref(self);
    field.seed = test_seed("order", 1);
    for (uint32_t i = 0; i < ROVERS; i++) {
        field.rovers[i] = i % 3 == 0 ? noh_spawn(self, light_rover, .index = i)
                                     : noh_spawn(self, rover, .index = i);
    }
    /* Again, if they have stayed where they were: a short time may be too short for the policy. */
    for (unsigned i = 0;
         i < QUIET_POINTS || (i < PATIENCE * QUIET_POINTS && atomic_load(&field.moves) == 0); i++) {
        rove_until_quiet(system, tells / QUIET_POINTS);
    }
    uint64_t sent = stress_end(system);
    printf("    %u workers: %llu messages, %llu moves\n", workers, (unsigned long long)sent,
           (unsigned long long)atomic_load(&field.moves));
    CHECK(atomic_load(&field.handled) >= tells);
    CHECK(atomic_load(&field.moves) > 0);
    for (uint32_t from = 0; from < ROVERS; from++) {
        for (uint32_t to = 0; to < ROVERS; to++) {
            CHECK_EQ(field.heard[to][from], field.told[from][to]); /* the last ones, too */
        }
    }
}

static void numbers_stay_in_order_on_two_workers(void)
{
    rove(2, stress_rounds(4000000));
}

static void numbers_stay_in_order_on_four_workers(void)
{
    rove(4, stress_rounds(2000000));
}

static void numbers_stay_in_order_on_eight_workers(void)
{
    rove(8, stress_rounds(2000000));
}

/* ---- cause and effect --------------------------------------------------------------------- */

enum { TRIPLES = 12, WINDOW = 32 };

NOH_MESSAGE(cause, (uint64_t, number));
NOH_MESSAGE(effect, (uint64_t, number));
NOH_MESSAGE(go_on, (uint64_t, credit));

static struct {
    noh_ref a[TRIPLES];
    noh_ref b[TRIPLES];
    noh_ref c[TRIPLES];
    noh_ref driver;
    uint64_t rounds;
    atomic_uint unfinished;
    atomic_ullong moves;
} triples;

typedef struct corner {
    uint32_t index;
    uint64_t chance;
    uint64_t told;
    uint64_t from_a;
    uint64_t from_b;
    const noh_self *seen;
    uint64_t moves;
} corner;

NOH_MESSAGE(corner_start, (uint32_t, index), (uint64_t, chance));

static noh_err on_corner_start(noh_self *self, corner *me, const corner_start *start)
{
    me->index = start->index;
    me->chance = start->chance;
    me->seen = self;
    return NOH_OK;
}

static void corner_work(noh_self *self, corner *me)
{
    if (me->seen != self) {
        me->seen = self;
        atomic_fetch_add(&triples.moves, 1);
    }
    work_at_random(&me->chance);
}

/* A: tells C, then B. */
static noh_err on_go_on(noh_self *self, corner *me, const go_on *message)
{
    for (uint64_t i = 0; i < message->credit && me->told < triples.rounds; i++) {
        me->told++;
        CHECK_OK(noh_tell(self, triples.c[me->index], cause, .number = me->told));
        corner_work(self, me);
        CHECK_OK(noh_tell(self, triples.b[me->index], cause, .number = me->told));
    }
    return NOH_OK;
}

/* B: passes it on. */
static noh_err on_cause_at_b(noh_self *self, corner *me, const cause *message)
{
    CHECK_EQ(message->number, ++me->from_a);
    corner_work(self, me);
    return noh_tell(self, triples.c[me->index], effect, .number = message->number);
}

static noh_err on_cause_at_c(noh_self *self, corner *me, const cause *message)
{
    CHECK_EQ(message->number, ++me->from_a);
    corner_work(self, me);
    return NOH_OK;
}

static noh_err on_effect(noh_self *self, corner *me, const effect *message)
{
    CHECK_EQ(message->number, ++me->from_b);
    CHECK(me->from_a >= me->from_b); /* causal */
    if (me->from_b == triples.rounds && atomic_fetch_sub(&triples.unfinished, 1) == 1) {
        return noh_tell(self, triples.driver, all_done, .handled = 0);
    }
    if (me->from_b % WINDOW == 0) {
        return noh_tell(self, triples.a[me->index], go_on, .credit = WINDOW);
    }
    return NOH_OK;
}

typedef corner corner_a;
typedef corner corner_b;
typedef corner corner_c;
NOH_BEHAVIOR_WITH(corner_a, corner_start, on_corner_start, NOH_ON(go_on, on_go_on));
NOH_BEHAVIOR_WITH(corner_b, corner_start, on_corner_start, NOH_ON(cause, on_cause_at_b));
NOH_BEHAVIOR_WITH(corner_c, corner_start, on_corner_start, NOH_ON(cause, on_cause_at_c),
                  NOH_ON(effect, on_effect));

static void run_triples(unsigned workers, uint64_t rounds)
{
    memset(&triples, 0, sizeof triples);
    noh_system *system = stress_start(workers);
    noh_self *self = noh_system_self(system);
    triples.driver = noh_self_ref(self);
    triples.rounds = rounds;
    uint64_t chance = test_seed("order", 1);
    atomic_store(&triples.unfinished, TRIPLES);
    for (uint32_t i = 0; i < TRIPLES; i++) {
        triples.a[i] = noh_spawn(self, corner_a, .index = i, .chance = test_random(&chance));
        triples.b[i] = noh_spawn(self, corner_b, .index = i, .chance = test_random(&chance));
        triples.c[i] = noh_spawn(self, corner_c, .index = i, .chance = test_random(&chance));
    }
    for (uint32_t i = 0; i < TRIPLES; i++) {
        CHECK_OK(noh_tell(self, triples.a[i], go_on, .credit = WINDOW * 2));
    }
    wait_for_all_done(self);
    uint64_t sent = stress_end(system);
    printf("    %u workers: %llu messages, %llu moves\n", workers, (unsigned long long)sent,
           (unsigned long long)atomic_load(&triples.moves));
    CHECK(atomic_load(&triples.moves) > 0);
}

static void who_caused_it_is_heard_first(void)
{
    run_triples(2, stress_rounds(100000));
    run_triples(4, stress_rounds(50000));
    run_triples(8, stress_rounds(50000));
}

static const test_case cases[] = {
    TEST(numbers_stay_in_order_on_two_workers),
    TEST(numbers_stay_in_order_on_four_workers),
    TEST(numbers_stay_in_order_on_eight_workers),
    TEST(who_caused_it_is_heard_first),
};
TEST_MAIN(cases)
