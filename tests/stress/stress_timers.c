/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a timer fires or is cancelled, never both, never neither, and not early; ticks of a
 * periodic one do not pile up; records are used again, whoever made the timer.
 * Method: actors that move between workers, and plain threads, start timers with short delays and
 * cancel them around the time they are due. Each timer has an entry that knows what it may still
 * do: a message for one that was cancelled with success, or a second one, is found at once; at the
 * end the sums must agree exactly, and nobody waits longer than until his last timer has ended. */
#include "stress.h"

enum { CLOCKS = 12, OPEN = 32, THREADS = 2, HEARTS = 1024 };

NOH_MESSAGE(rang, (uint64_t, serial), (uint32_t, entry), (int64_t, due_ns));
NOH_MESSAGE(beat, (uint64_t, serial));
NOH_MESSAGE(wind);
NOH_MESSAGE(all_rung);

static struct {
    noh_system *system;
    noh_ref driver;
    atomic_ullong started;
    atomic_ullong fired;
    atomic_ullong cancelled;
    atomic_ullong spent; /* cancelled too late: it fires, or has fired */
    atomic_ullong beats;
    atomic_ullong moves;
    uint64_t share;
} hall;

typedef struct entry {
    uint64_t serial; /* 0: free */
    noh_timer timer;
} entry;

/* What an actor and a plain thread have in common. */
typedef struct watch {
    uint64_t chance;
    uint64_t left;
    uint64_t serial;
    unsigned open;
    entry entries[OPEN];
} watch;

static int64_t delay_of(uint64_t bits)
{
    return (bits >> 8) % 4 == 0 ? 0 : (int64_t)((bits >> 16) % (300 * 1000));
}

static void start_one(noh_self *self, watch *me)
{
    for (unsigned i = 0; i < OPEN; i++) {
        entry *e = &me->entries[i];
        if (e->serial != 0) {
            continue;
        }
        int64_t delay_ns = delay_of(test_random(&me->chance));
        e->serial = ++me->serial;
        CHECK_OK(noh_after(self, delay_ns, noh_self_ref(self), rang, &e->timer, .serial = e->serial,
                           .entry = i, .due_ns = noh_now(hall.system) + delay_ns));
        atomic_fetch_add_explicit(&hall.started, 1, memory_order_relaxed);
        me->open++;
        me->left--;
        return;
    }
}

static void cancel_one(noh_self *self, watch *me)
{
    entry *e = &me->entries[test_below(&me->chance, OPEN)];
    if (e->serial == 0) {
        return;
    }
    noh_err err = noh_timer_cancel(self, e->timer);
    if (err == NOH_OK) {
        CHECK_ERR(noh_timer_cancel(self, e->timer), NOH_E_SPENT);
        e->serial = 0;
        me->open--;
        atomic_fetch_add_explicit(&hall.cancelled, 1, memory_order_relaxed);
    } else {
        CHECK_ERR(err, NOH_E_SPENT); /* its message is on the way: the entry stays */
        atomic_fetch_add_explicit(&hall.spent, 1, memory_order_relaxed);
    }
}

static void ring(noh_self *self, watch *me, const rang *message)
{
    entry *e = &me->entries[message->entry];
    CHECK(noh_now(hall.system) >= message->due_ns - 1); /* the delay began after that was written */
    CHECK_EQ(e->serial, message->serial);
    CHECK_ERR(noh_timer_cancel(self, e->timer), NOH_E_SPENT);
    e->serial = 0;
    me->open--;
    atomic_fetch_add_explicit(&hall.fired, 1, memory_order_relaxed);
}

static void turn_once(noh_self *self, watch *me)
{
    for (unsigned i = 0; i < 4; i++) {
        uint64_t bits = test_random(&me->chance);
        if (me->left > 0 && me->open < OPEN) {
            start_one(self, me);
        }
        if (bits % 4 != 0) {
            cancel_one(self, me);
        }
    }
}

/* ---- actors ------------------------------------------------------------------------------- */

typedef struct clock_actor {
    watch watch;
    const noh_self *seen;
    noh_timer heart;
    uint64_t heart_serial;
    bool one_more[HEARTS]; /* of those cancelled last: its last beat may still be on its way */
} clock_actor;

NOH_MESSAGE(clock_start, (uint64_t, chance));

static noh_err go_on(noh_self *self, clock_actor *me);

static noh_err on_clock_start(noh_self *self, clock_actor *me, const clock_start *start)
{
    me->watch.chance = start->chance;
    me->watch.left = hall.share;
    me->seen = self;
    return noh_tell(self, noh_self_ref(self), wind);
}

static void restart_heart(noh_self *self, clock_actor *me)
{
    if (me->heart.bits != 0) {
        CHECK_OK(noh_timer_cancel(self, me->heart));
    }
    me->one_more[me->heart_serial++ % HEARTS] = true;
    CHECK_OK(noh_every(self, 5000 + (int64_t)test_below(&me->watch.chance, 50000),
                       noh_self_ref(self), beat, &me->heart, .serial = me->heart_serial));
}

static noh_err go_on(noh_self *self, clock_actor *me)
{
    if (me->seen != self) {
        me->seen = self;
        atomic_fetch_add(&hall.moves, 1);
    }
    stress_busy_at_random(&me->watch.chance, 40000); /* heavy at times: it is given away */
    turn_once(self, &me->watch);
    if (me->watch.left % 64 == 1 || me->heart.bits == 0) {
        restart_heart(self, me);
    }
    if (me->watch.left == 0 && me->watch.open == 0) {
        CHECK_OK(noh_timer_cancel(self, me->heart));
        return noh_tell(self, hall.driver, all_rung);
    }
    return NOH_OK;
}

static noh_err on_wind(noh_self *self, clock_actor *me, const wind *message)
{
    noh_err err = go_on(self, me);
    return err == NOH_OK && me->watch.left > 0 ? noh_tell(self, noh_self_ref(self), wind) : err;
}

static noh_err on_rang(noh_self *self, clock_actor *me, const rang *message)
{
    ring(self, &me->watch, message);
    return me->watch.left == 0 ? go_on(self, me) : NOH_OK;
}

static noh_err on_beat(noh_self *self, clock_actor *me, const beat *message)
{
    atomic_fetch_add_explicit(&hall.beats, 1, memory_order_relaxed);
    if (message->serial != me->heart_serial) {
        CHECK(message->serial < me->heart_serial && message->serial + HEARTS > me->heart_serial);
        CHECK(me->one_more[message->serial % HEARTS]); /* TIM-3 */
        me->one_more[message->serial % HEARTS] = false;
    }
    return NOH_OK;
}

NOH_BEHAVIOR_WITH(clock_actor, clock_start, on_clock_start, NOH_ON(wind, on_wind),
                  NOH_ON(rang, on_rang), NOH_ON(beat, on_beat));

/* ---- threads ------------------------------------------------------------------------------ */

static void *clock_thread(void *arg)
{
    noh_self *self = noh_system_self(hall.system);
    watch me = {.chance = (uint64_t)(uintptr_t)arg, .left = hall.share};
    while (me.left > 0 || me.open > 0) {
        turn_once(self, &me);
        const noh_type *type;
        const void *message;
        int64_t wait_ns = me.left > 0 ? 0 : NOH_FOREVER;
        if (me.open > 0 && noh_receive(self, wait_ns, &type, &message) == NOH_OK) {
            CHECK(noh_as(rang, type, message) != NULL);
            ring(self, &me, message);
        }
    }
    return NULL;
}

static void ring_all(unsigned workers, uint64_t timers)
{
    memset(&hall, 0, sizeof hall);
    hall.system = stress_start(workers);
    noh_self *self = noh_system_self(hall.system);
    hall.driver = noh_self_ref(self);
    hall.share = timers / (CLOCKS + THREADS) + 1;
    for (uint64_t i = 0; i < CLOCKS; i++) {
        CHECK(!noh_ref_is_none(noh_spawn(self, clock_actor, .chance = i + 1)));
    }
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) {
        threads[i] = stress_go(clock_thread, (void *)(i + 1000));
    }
    for (unsigned i = 0; i < THREADS; i++) {
        stress_join(threads[i]);
    }
    for (unsigned i = 0; i < CLOCKS; i++) {
        const noh_type *type;
        const void *message;
        CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &message));
        CHECK(noh_as(all_rung, type, message) != NULL);
    }
    stress_end(hall.system);
    printf("    %u workers: %llu started, %llu fired, %llu cancelled, %llu too late, %llu beats, "
           "%llu moves\n",
           workers, (unsigned long long)atomic_load(&hall.started),
           (unsigned long long)atomic_load(&hall.fired),
           (unsigned long long)atomic_load(&hall.cancelled),
           (unsigned long long)atomic_load(&hall.spent),
           (unsigned long long)atomic_load(&hall.beats),
           (unsigned long long)atomic_load(&hall.moves));
    CHECK_EQ(atomic_load(&hall.started), hall.share * (CLOCKS + THREADS));
    CHECK_EQ(atomic_load(&hall.fired) + atomic_load(&hall.cancelled), atomic_load(&hall.started));
    CHECK(atomic_load(&hall.fired) > 0 && atomic_load(&hall.cancelled) > 0);
}

static void each_timer_fires_or_is_cancelled(void)
{
    ring_all(1, stress_rounds(200000));
    ring_all(2, stress_rounds(200000));
    unsigned long long moves = atomic_load(&hall.moves);
    ring_all(4, stress_rounds(400000));
    moves += atomic_load(&hall.moves);
    CHECK(STRESS_SLOW > 1 || moves > 0);
}

/* As many timers as would fill the table, were their records not used again, need little memory. */
static void records_of_a_thread_s_timers_are_used_again(void)
{
    noh_system *system = stress_start(1);
    noh_self *self = noh_system_self(system);
    uint64_t rounds = stress_rounds(200);
    long long before = 0;
    for (uint64_t round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < 500; i++) {
            noh_timer timer;
            CHECK_OK(noh_after(self, 0, noh_self_ref(self), wind, NULL));
            CHECK_OK(noh_after(self, NOH_SECOND * 100, noh_self_ref(self), wind, &timer));
            CHECK_OK(noh_timer_cancel(self, timer));
        }
        for (unsigned i = 0; i < 500; i++) {
            const noh_type *type;
            const void *message;
            CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &message));
        }
        if (round == 4) {
            before = atomic_load(&stress.bytes);
        }
    }
    long long more = atomic_load(&stress.bytes) - before;
    printf("    %llu timers, %lld bytes more\n", (unsigned long long)rounds * 1000, more);
    stress_end(system);
    CHECK(rounds < 5 || more < 1000000);
}

static const test_case cases[] = {
    TEST(each_timer_fires_or_is_cancelled),
    TEST(records_of_a_thread_s_timers_are_used_again),
};
TEST_MAIN(cases)
