/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: who can run does run: no worker sleeps while heavy actors wait elsewhere; a flood of letters,
 * of timers, or of an actor to itself stops nobody; a slow actor's mailbox keeps its bound, and each
 * of its senders knows what became of his messages.
 * Method: waiting is counted in handlers, not in time: between a tell and its handler the worker calls
 * no more others than a run list of that length may. What moved meanwhile waits anew, and is counted
 * apart. The shares of workers and actors are compared in the end, coarsely: the machine has other
 * work, too. */
#include "stress.h"

/* ---- work conservation -------------------------------------------------------------------- */

enum { HEAVY = 24, HEAVY_NS = 20000, WORKERS_MAX = 64 };

NOH_MESSAGE(again);
NOH_MESSAGE(finished);

static struct {
    noh_ref driver;
    atomic_llong left;
    atomic_ullong by_worker[WORKERS_MAX];
    atomic_ullong by_actor[HEAVY];
    _Atomic(const noh_self *) workers[WORKERS_MAX];
    atomic_uint unfinished;
} mill;

/* Which of the workers seen so far is this? */
static unsigned worker_number(const noh_self *self)
{
    for (unsigned i = 0; i < WORKERS_MAX; i++) {
        const noh_self *nobody = NULL;
        if (atomic_load_explicit(&mill.workers[i], memory_order_relaxed) == self ||
            atomic_compare_exchange_strong(&mill.workers[i], &nobody, self) || nobody == self) {
            return i;
        }
    }
    return WORKERS_MAX - 1;
}

typedef struct miller {
    uint32_t index;
} miller;

NOH_MESSAGE(miller_start, (uint32_t, index));

static noh_err on_miller_start(noh_self *self, miller *me, const miller_start *start)
{
    me->index = start->index;
    return noh_tell(self, noh_self_ref(self), again);
}

static noh_err on_again(noh_self *self, miller *me, const again *message)
{
    stress_busy(HEAVY_NS);
    atomic_fetch_add_explicit(&mill.by_worker[worker_number(self)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&mill.by_actor[me->index], 1, memory_order_relaxed);
    if (atomic_fetch_sub(&mill.left, 1) > 0) {
        return noh_tell(self, noh_self_ref(self), again);
    }
    return atomic_fetch_sub(&mill.unfinished, 1) == 1 ? noh_tell(self, mill.driver, finished)
                                                      : NOH_OK;
}

NOH_BEHAVIOR_WITH(miller, miller_start, on_miller_start, NOH_ON(again, on_again));

static void wait_for_finished(noh_self *self)
{
    const noh_type *type;
    const void *message;
    CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &message));
    CHECK(noh_as(finished, type, message) != NULL);
}

/* All of them are born on one worker; there are always more of them than workers. */
static void grind(unsigned workers, uint64_t turns)
{
    memset(&mill, 0, sizeof mill);
    stress.until_woken = true;
    noh_system *system = stress_start(workers);
    noh_self *self = noh_system_self(system);
    noh_stats stats;
    CHECK_OK(noh_system_stats(system, &stats));
    mill.driver = noh_self_ref(self);
    atomic_store(&mill.left, (long long)turns);
    atomic_store(&mill.unfinished, HEAVY);
    for (uint32_t i = 0; i < HEAVY; i++) {
        CHECK(!noh_ref_is_none(noh_spawn(self, miller, .index = i)));
    }
    unsigned long long sleeps = atomic_load(&stress.sleeps);
    wait_for_finished(self);
    sleeps = atomic_load(&stress.sleeps) - sleeps;
    stress_end(system);
    stress.until_woken = false;
    unsigned long long least = UINT64_MAX;
    unsigned long long hungriest = UINT64_MAX;
    for (unsigned i = 0; i < stats.workers; i++) {
        unsigned long long done = atomic_load(&mill.by_worker[i]);
        least = done < least ? done : least;
    }
    for (unsigned i = 0; i < HEAVY; i++) {
        unsigned long long done = atomic_load(&mill.by_actor[i]);
        hungriest = done < hungriest ? done : hungriest;
    }
    printf(
        "    %u workers: %llu turns, the worker with least had %llu, the actor %llu; %llu sleeps\n",
        stats.workers, (unsigned long long)turns, least, hungriest, sleeps);
    CHECK(stats.workers > HEAVY || least >= turns / stats.workers / 8);
    CHECK(hungriest >= turns / HEAVY / 8);
}

static void no_worker_sleeps_while_heavy_actors_wait(void)
{
    grind(2, stress_rounds(60000));
    grind(4, stress_rounds(30000));
}

/* ---- long handlers, after a rest ---------------------------------------------------------- */

enum { LONG_NS = 10000000, PAUSE_US = 2000 };

static struct {
    noh_ref driver;
    atomic_uint inside;
    atomic_uint met;  /* two were in their handlers at the same time */
    atomic_bool shut; /* who wakes waits a little longer */
} yard;

static void wake_at_the_gate(void *world, uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
    stress_park_wait(world, word, expected, timeout_ns);
    while (atomic_load(&yard.shut)) {
        sched_yield();
    }
}

NOH_NO_STATE(carrier);

static noh_err on_carry(noh_self *self, carrier *me, const again *message)
{
    if (atomic_fetch_add(&yard.inside, 1) > 0) {
        atomic_fetch_add(&yard.met, 1);
    }
    stress_busy(LONG_NS);
    atomic_fetch_sub(&yard.inside, 1);
    return noh_tell(self, yard.driver, finished);
}

NOH_BEHAVIOR(carrier, NOH_ON(again, on_carry));

/* Both wait on one worker when it wakes, and the other one sleeps. Where the machine has other work,
 * they may meet by chance. */
static void two_long_handlers_told_at_once_do_not_wait_for_each_other(void)
{
    unsigned rounds = (unsigned)stress_rounds(50);
    memset(&yard, 0, sizeof yard);
    noh_env env = stress_env();
    env.park_wait = wake_at_the_gate;
    noh_system *system;
    CHECK_OK(noh_system_new(&(noh_options){.workers = 2, .env = &env}, &system));
    noh_self *self = noh_system_self(system);
    yard.driver = noh_self_ref(self);
    noh_ref one = noh_spawn(self, carrier);
    noh_ref two = noh_spawn(self, carrier);
    for (unsigned i = 0; i < rounds; i++) {
        stress_sleep_us(PAUSE_US);
        atomic_store(&yard.shut, true);
        CHECK_OK(noh_tell(self, one, again));
        CHECK_OK(noh_tell(self, two, again));
        atomic_store(&yard.shut, false);
        wait_for_finished(self);
        wait_for_finished(self);
    }
    stress_end(system);
    printf("    %u of %u times at once\n", atomic_load(&yard.met), rounds);
    CHECK(atomic_load(&yard.met) >= rounds / 2);
}

/* ---- a long handler, and what it has told ------------------------------------------------- */

NOH_MESSAGE(hurry);

static struct {
    noh_ref driver;
    noh_ref runner;
    atomic_uint ran;
    atomic_uint met; /* the runner ran while the one who had told it was in its handler */
} errand;

NOH_NO_STATE(runner);

static noh_err on_hurry(noh_self *self, runner *me, const hurry *message)
{
    atomic_fetch_add(&errand.ran, 1);
    return NOH_OK;
}

NOH_BEHAVIOR(runner, NOH_ON(hurry, on_hurry));

NOH_NO_STATE(master);

static noh_err on_errand(noh_self *self, master *me, const again *message)
{
    unsigned before = atomic_load(&errand.ran);
    CHECK_OK(noh_tell(self, errand.runner, hurry));
    stress_busy(LONG_NS);
    atomic_fetch_add(&errand.met, atomic_load(&errand.ran) > before);
    return noh_tell(self, errand.driver, finished);
}

NOH_BEHAVIOR(master, NOH_ON(again, on_errand));

/* The letter is in its worker's hand, and in no list. Where the machine has other work, nobody may look
 * in time. */
static void who_is_told_by_a_long_handler_does_not_wait_for_its_end(void)
{
    memset(&errand, 0, sizeof errand);
    noh_system *system = stress_start(2);
    noh_self *self = noh_system_self(system);
    errand.driver = noh_self_ref(self);
    errand.runner = noh_spawn(self, runner);
    noh_ref ref = noh_spawn(self, master);
    unsigned rounds = (unsigned)stress_rounds(60);
    for (unsigned i = 0; i < rounds; i++) {
        CHECK_OK(noh_tell(self, ref, again));
        wait_for_finished(self);
    }
    stress_end(system);
    printf("    %u of %u times meanwhile\n", atomic_load(&errand.met), rounds);
    CHECK(atomic_load(&errand.met) >= rounds / 2);
}

/* ---- floods ------------------------------------------------------------------------------- */

enum { FLOODERS = 4, WALKERS = 16, TICKERS = 8, FLOOD_WINDOW = 1000 };

/* Actors, and as many that the runtime or the test may have beside them. */
#define LONGEST_LIST (FLOODERS + WALKERS + TICKERS + 8)

NOH_MESSAGE(drop_of_water, (uint64_t, number));
NOH_MESSAGE(step, (uint64_t, here), (uint64_t, called));
NOH_MESSAGE(tick_tock);

static struct {
    noh_ref driver;
    noh_ref flooders[FLOODERS];
    noh_ref walkers[WALKERS];
    uint64_t steps;
    atomic_uint walking;
    atomic_bool enough;
    atomic_ullong longest; /* handlers called here between a tell and its handler */
    atomic_ullong waits;
    atomic_ullong waits_with_moves;
    atomic_ullong long_waits;
    atomic_ullong drops;
    atomic_ullong ticks;
} dam;

/* Handlers that this worker has called. */
static _Thread_local uint64_t called;

typedef struct flooder {
    uint64_t number;
} flooder;

/* Keeps its own mailbox as full as it is. */
static noh_err on_drop(noh_self *self, flooder *me, const drop_of_water *message)
{
    called++;
    atomic_fetch_add_explicit(&dam.drops, 1, memory_order_relaxed);
    if (message->number != 0 && !atomic_load_explicit(&dam.enough, memory_order_relaxed)) {
        return noh_tell(self, noh_self_ref(self), drop_of_water, .number = ++me->number);
    }
    return NOH_OK;
}

NOH_BEHAVIOR(flooder, NOH_ON(drop_of_water, on_drop));

NOH_NO_STATE(ticker);

static noh_err on_tick(noh_self *self, ticker *me, const tick_tock *message)
{
    called++;
    atomic_fetch_add_explicit(&dam.ticks, 1, memory_order_relaxed);
    return NOH_OK;
}

static noh_err on_ticker_start(noh_self *self, ticker *me, const again *start)
{
    called++;
    return noh_every(self, 1000, noh_self_ref(self), tick_tock, NULL);
}

NOH_BEHAVIOR_WITH(ticker, again, on_ticker_start, NOH_ON(tick_tock, on_tick));

typedef struct walker {
    uint64_t steps;
} walker;

static uint64_t here(void)
{
    return stress_this_thread();
}

static void note_wait(const step *message)
{
    if (message->here != here()) {
        atomic_fetch_add_explicit(&dam.waits_with_moves, 1, memory_order_relaxed);
        return;
    }
    unsigned long long waited = called - message->called;
    unsigned long long longest = atomic_load_explicit(&dam.longest, memory_order_relaxed);
    while (waited > longest && !atomic_compare_exchange_weak(&dam.longest, &longest, waited)) {
    }
    atomic_fetch_add_explicit(&dam.waits, 1, memory_order_relaxed);
    if (waited > LONGEST_LIST * 64) {
        atomic_fetch_add_explicit(&dam.long_waits, 1, memory_order_relaxed);
    }
}

static noh_err on_step(noh_self *self, walker *me, const step *message)
{
    called++;
    if (message->here != 0) {
        note_wait(message);
    }
    if (++me->steps < dam.steps) {
        return noh_tell(self, noh_self_ref(self), step, .here = here(), .called = called);
    }
    return atomic_fetch_sub(&dam.walking, 1) == 1 ? noh_tell(self, dam.driver, finished) : NOH_OK;
}

NOH_BEHAVIOR(walker, NOH_ON(step, on_step));

static void *outside_flooder(void *arg)
{
    noh_self *self = noh_system_self(arg);
    for (uint64_t i = 0; !atomic_load_explicit(&dam.enough, memory_order_relaxed); i++) {
        CHECK_OK(noh_tell(self, dam.flooders[i % FLOODERS], drop_of_water, .number = 0));
        if (i % 256 == 0) {
            sched_yield(); /* a mailbox holds a million */
        }
        while (i > atomic_load_explicit(&dam.drops, memory_order_relaxed) + 100000) {
            sched_yield();
        }
    }
    return NULL;
}

static void flood(unsigned workers, uint64_t steps)
{
    memset(&dam, 0, sizeof dam);
    noh_system *system = stress_start(workers);
    noh_self *self = noh_system_self(system);
    dam.driver = noh_self_ref(self);
    dam.steps = steps;
    atomic_store(&dam.walking, WALKERS);
    for (unsigned i = 0; i < FLOODERS; i++) {
        dam.flooders[i] = noh_spawn(self, flooder);
        for (unsigned k = 0; k < FLOOD_WINDOW; k++) {
            CHECK_OK(noh_tell(self, dam.flooders[i], drop_of_water, .number = 1));
        }
    }
    for (unsigned i = 0; i < TICKERS; i++) {
        CHECK(!noh_ref_is_none(noh_spawn(self, ticker)));
    }
    for (unsigned i = 0; i < WALKERS; i++) {
        dam.walkers[i] = noh_spawn(self, walker);
        CHECK_OK(noh_tell(self, dam.walkers[i], step));
    }
    pthread_t thread = stress_go(outside_flooder, system);
    wait_for_finished(self);
    atomic_store(&dam.enough, true);
    stress_join(thread);
    stress_end(system);
    printf("    %u workers: at most %llu handlers between a tell and its own, in %llu waits, and "
           "%llu with a move; %llu drops, %llu ticks\n",
           workers, (unsigned long long)atomic_load(&dam.longest),
           (unsigned long long)atomic_load(&dam.waits),
           (unsigned long long)atomic_load(&dam.waits_with_moves),
           (unsigned long long)atomic_load(&dam.drops),
           (unsigned long long)atomic_load(&dam.ticks));
    CHECK(atomic_load(&dam.waits) > 0 && atomic_load(&dam.ticks) > 0);
    /* Who was taken over by a worker that the operating system stopped then, and taken back, comes
     * late, and cannot know. */
    CHECK(atomic_load(&dam.long_waits) * 1000 <= (workers == 1 ? 0 : atomic_load(&dam.waits)));
}

static void a_flood_stops_nobody(void)
{
    flood(1, stress_rounds(20000));
    flood(2, stress_rounds(20000));
}

/* ---- a slow consumer ---------------------------------------------------------------------- */

enum { PRODUCERS = 8, ROOM = 100 };

NOH_MESSAGE(goods, (uint32_t, from), (uint64_t, number));
NOH_MESSAGE(produce);

static struct {
    noh_ref driver;
    noh_ref consumer;
    uint64_t each;
    atomic_uint unfinished;
    uint64_t accepted[PRODUCERS]; /* one writer each */
    uint64_t refused[PRODUCERS];
    uint64_t handled[PRODUCERS]; /* by the consumer's stop hook */
} market;

typedef struct consumer {
    uint64_t chance;
    uint64_t handled[PRODUCERS];
    uint64_t newest[PRODUCERS];
} consumer;

static noh_err on_goods(noh_self *self, consumer *me, const goods *message)
{
    CHECK(message->number > me->newest[message->from]); /* in order, with gaps */
    me->newest[message->from] = message->number;
    me->handled[message->from]++;
    stress_busy_at_random(&me->chance, 20000);
    return NOH_OK;
}

static noh_err on_consumer_stop(noh_self *self, consumer *me, const noh_exit *exit)
{
    memcpy(market.handled, me->handled, sizeof market.handled);
    return NOH_OK;
}

NOH_BEHAVIOR(consumer, NOH_ON(goods, on_goods), NOH_ON_STOP(on_consumer_stop));

static void offer(noh_self *self, uint32_t from, uint64_t number)
{
    noh_err err = noh_tell(self, market.consumer, goods, .from = from, .number = number);
    if (err == NOH_OK) {
        market.accepted[from]++;
    } else {
        CHECK_ERR(err, NOH_E_FULL);
        market.refused[from]++;
    }
}

typedef struct producer {
    uint32_t index;
    uint64_t number;
} producer;

NOH_MESSAGE(producer_start, (uint32_t, index));

static noh_err on_producer_start(noh_self *self, producer *me, const producer_start *start)
{
    me->index = start->index;
    return noh_tell(self, noh_self_ref(self), produce);
}

static noh_err on_produce(noh_self *self, producer *me, const produce *message)
{
    for (unsigned i = 0; i < 16 && me->number < market.each; i++) {
        offer(self, me->index, ++me->number);
    }
    if (me->number < market.each) {
        return noh_tell(self, noh_self_ref(self), produce);
    }
    return atomic_fetch_sub(&market.unfinished, 1) == 1 ? noh_tell(self, market.driver, finished)
                                                        : NOH_OK;
}

NOH_BEHAVIOR_WITH(producer, producer_start, on_producer_start, NOH_ON(produce, on_produce));

typedef struct merchant {
    noh_system *system;
    uint32_t index;
} merchant;

static void *merchant_thread(void *arg)
{
    const merchant *me = arg;
    noh_self *self = noh_system_self(me->system);
    for (uint64_t number = 1; number <= market.each; number++) {
        offer(self, me->index, number);
    }
    return NULL;
}

static void each_sender_of_a_slow_consumer_knows_what_became_of_his_messages(void)
{
    memset(&market, 0, sizeof market);
    noh_system *system = stress_start(2);
    noh_self *self = noh_system_self(system);
    market.driver = noh_self_ref(self);
    market.each = stress_rounds(200000);
    atomic_store(&market.unfinished, PRODUCERS / 2);
    CHECK_OK(noh_spawn_with(self, &noh_behavior_consumer, NULL,
                            &(noh_spawn_options){.mailbox_max = ROOM}, &market.consumer));
    pthread_t threads[PRODUCERS / 2];
    merchant merchants[PRODUCERS / 2];
    for (uint32_t i = 0; i < PRODUCERS / 2; i++) {
        CHECK(!noh_ref_is_none(noh_spawn(self, producer, .index = i)));
        merchants[i] = (merchant){system, PRODUCERS / 2 + i};
        threads[i] = stress_go(merchant_thread, &merchants[i]);
    }
    for (uint32_t i = 0; i < PRODUCERS / 2; i++) {
        stress_join(threads[i]);
    }
    wait_for_finished(self);
    CHECK_OK(noh_stop(self, market.consumer, NOH_STOP_DRAIN));
    CHECK_OK(noh_join(self, market.consumer, NOH_FOREVER, NULL));
    noh_ledger ledger;
    CHECK_OK(noh_ledger_read(system, &ledger));
    uint64_t accepted = 0;
    uint64_t refused = 0;
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        CHECK_EQ(market.accepted[i] + market.refused[i], market.each);
        CHECK_EQ(market.handled[i], market.accepted[i]);
        accepted += market.accepted[i];
        refused += market.refused[i];
    }
    CHECK_EQ(ledger.dead[NOH_DEAD_FULL], refused);
    CHECK(accepted > 0 && refused > 0);
    printf("    %llu accepted, %llu refused\n", (unsigned long long)accepted,
           (unsigned long long)refused);
    stress_end(system);
}

/* ---- a full mailbox that crashes ---------------------------------------------------------- */

typedef struct heap {
    atomic_bool *go;
} heap;

NOH_MESSAGE(heap_start, (uint64_t, go));

static noh_err on_heap_start(noh_self *self, heap *me, const heap_start *start)
{
    me->go = (atomic_bool *)(uintptr_t)start->go;
    return NOH_OK;
}

static noh_err on_heap(noh_self *self, heap *me, const goods *message)
{
    while (!atomic_load(me->go)) {
        sched_yield();
    }
    return NOH_E_FAILED;
}

NOH_BEHAVIOR_WITH(heap, heap_start, on_heap_start, NOH_ON(goods, on_heap));

static void a_million_letters_die_with_their_actor(void)
{
    enum { LETTERS = 1000000 };
    noh_system *system = stress_start(1);
    noh_self *self = noh_system_self(system);
    atomic_bool go = false;
    noh_ref ref = noh_spawn(self, heap, .go = (uint64_t)(uintptr_t)&go);
    for (uint64_t i = 0; i < LETTERS; i++) {
        CHECK_OK(noh_tell(self, ref, goods, .number = i));
    }
    atomic_store(&go, true);
    noh_exit exit;
    CHECK_OK(noh_join(self, ref, NOH_FOREVER, &exit));
    CHECK_EQ(exit.kind, NOH_EXIT_FAILED);
    noh_ledger ledger;
    CHECK_OK(noh_ledger_read(system, &ledger));
    CHECK_EQ(ledger.dead[NOH_DEAD_CRASHED], 1);
    CHECK_EQ(ledger.dead[NOH_DEAD_STOPPED], LETTERS - 1);
    stress_end(system);
}

static const test_case cases[] = {
    TEST(no_worker_sleeps_while_heavy_actors_wait),
    TEST(two_long_handlers_told_at_once_do_not_wait_for_each_other),
    TEST(who_is_told_by_a_long_handler_does_not_wait_for_its_end),
    TEST(a_flood_stops_nobody),
    TEST(each_sender_of_a_slow_consumer_knows_what_became_of_his_messages),
    TEST(a_million_letters_die_with_their_actor),
};
TEST_MAIN(cases)
