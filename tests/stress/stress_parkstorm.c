/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: no wake-up is lost: who sleeps while work lies there is woken (PRK-1), also by a locker who
 * has left it some; a locker is alone inside (PRK-2); work pushed to a home that closes is found by
 * somebody.
 * Method: first the protocol alone. In each round sleeper and publisher start together, with small
 * random delays, so that the announcement and the push meet; in one of sixteen the publisher waits
 * until the other is about to sleep, so that there are sleeps also where the two share a processor.
 * A sleeper that still sleeps half a
 * second after its publisher has finished was lost: it is counted, and woken to go on.
 * park_wait spins in most rounds: that is the same protocol a hundred times as often. Then a system
 * with one processor, as it thinks, so that everybody parks at once instead of looking around, and
 * one with two, where the delays lie around the moment at which the look around ends; in both nobody
 * wakes before he is woken. */
#include "park.h"
#include "stack.h"
#include "stress.h"

enum { PUBLISHERS = 3, LOST_NS = 500000000, ENOUGH = 4, ASLEEP_EACH = 16 };

/* ---- the protocol alone ------------------------------------------------------------------- */

static struct {
    nohi_park park;
    nohi_stack stack;
    uint32_t links[PUBLISHERS + 2]; /* node n is 1 … PUBLISHERS + 1; node 0 is none */
    noh_env env;
    uint64_t rounds;
    atomic_ullong go; /* the round both may begin */
    atomic_ullong taken[PUBLISHERS + 2];
    atomic_uint at_work; /* publishers that have not finished */
    atomic_ullong lost;
    atomic_ullong slept;
    uint64_t inside; /* plain: PRK-2 orders it, or ThreadSanitizer says so */
    uint64_t left;   /* the same: pieces of work that lockers left, and the owner has not seen */
    uint64_t found;  /* the same: those it has */
    uint64_t given;  /* the same: all of them */
} storm;

/* A park_wait that never gives the processor away. */
static void spin_wait(void *world, uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
    CHECK_EQ(timeout_ns, -1);
    unsigned spins = 0;
    while (__atomic_load_n(word, __ATOMIC_RELAXED) == expected) {
        if (++spins % 4096 == 0) {
            sched_yield();
        }
    }
}

static void spin_wake(void *world, uint32_t *word)
{
}

static void prepare(uint64_t rounds, bool spinning)
{
    memset(&storm, 0, sizeof storm);
    storm.env = noh_env_default();
    storm.rounds = rounds;
    if (spinning) {
        storm.env.park_wait = spin_wait;
        storm.env.park_wake = spin_wake;
    }
}

/* What a worker does when it has nothing to do. */
static void sleep_once(void)
{
    nohi_park_rest(&storm.park);
    nohi_park_leave(&storm.park, &storm.env);
    if (storm.left > 0) {
        return; /* the hint would say so */
    }
    nohi_park_announce(&storm.park);
    if (nohi_stack_is_empty(&storm.stack)) {
        atomic_fetch_add_explicit(&storm.slept, 1, memory_order_relaxed);
        nohi_park_wait(&storm.park, &storm.env, -1);
    }
    nohi_park_leave(&storm.park, &storm.env);
}

static uint32_t take_all(void)
{
    uint32_t count = 0;
    for (uint32_t node = nohi_stack_take(&storm.stack); node != 0;) {
        uint32_t next = storm.links[node];
        atomic_fetch_add(&storm.taken[node], 1);
        node = next;
        count++;
    }
    return count;
}

static void publish(uint32_t node)
{
    if (nohi_stack_push(&storm.stack, node, &storm.links[node])) {
        switch (nohi_park_claim(&storm.park)) {
        case NOHI_DUTY_NONE:
            break;
        case NOHI_DUTY_WAKE:
            nohi_park_wake(&storm.park, &storm.env);
            break;
        case NOHI_DUTY_REDIRECT:
            (void)take_all();
            break;
        }
    }
}

/* Waits until `node` was taken `times` times; counts and ends a sleep that nobody else would. */
static void wait_until_taken(uint32_t node, uint64_t times)
{
    int64_t since_ns = 0;
    for (unsigned spins = 1; atomic_load(&storm.taken[node]) < times; spins++) {
        if (spins % 1024 != 0) {
            continue;
        }
        sched_yield();
        bool sleeps = load_relaxed(&storm.park.word) == NOHI_PARKED;
        if (!sleeps || atomic_load(&storm.at_work) != 0) {
            since_ns = 0;
        } else if (since_ns == 0) {
            since_ns = stress_now_ns();
        } else if (stress_now_ns() - since_ns > LOST_NS &&
                   nohi_park_claim(&storm.park) == NOHI_DUTY_WAKE) {
            nohi_park_wake(&storm.park, &storm.env);
            CHECK(atomic_fetch_add(&storm.lost, 1) < ENOUGH); /* each costs us time */
        }
    }
}

static void *sleeper_in_step(void *seed)
{
    uint64_t chance = *(uint64_t *)seed;
    for (uint64_t round = 1; round <= storm.rounds; round++) {
        for (unsigned spins = 1; atomic_load(&storm.go) < round; spins++) {
            if (spins % 4096 == 0) {
                sched_yield();
            }
        }
        stress_busy(test_below(&chance, 64));
        do {
            sleep_once();
        } while (take_all() == 0);
    }
    return NULL;
}

static void storm_in_step(uint64_t rounds, bool spinning)
{
    prepare(rounds, spinning);
    uint64_t seed = test_seed("parkstorm", 7);
    uint64_t chance = seed + 1;
    pthread_t sleeper = stress_go(sleeper_in_step, &seed);
    for (uint64_t round = 1; round <= rounds; round++) {
        uint64_t slept = atomic_load(&storm.slept);
        atomic_store(&storm.go, round);
        stress_busy(test_below(&chance, 256)); /* the other has to see it first */
        while (round % ASLEEP_EACH == 0 && atomic_load(&storm.slept) == slept) {
            sched_yield();
        }
        publish(1);
        wait_until_taken(1, round);
    }
    stress_join(sleeper);
    printf("    %llu rounds, %llu slept\n", (unsigned long long)rounds,
           (unsigned long long)atomic_load(&storm.slept));
    CHECK_EQ(atomic_load(&storm.lost), 0);
    CHECK_EQ(atomic_load(&storm.taken[1]), rounds);
    CHECK(atomic_load(&storm.slept) >= rounds / ASLEEP_EACH); /* they did meet */
}

static void a_million_meetings_of_announcement_and_push_lose_nothing(void)
{
    storm_in_step(stress_rounds(1000000), true);
}

static void sleepers_in_the_kernel_are_woken(void)
{
    storm_in_step(stress_rounds(50000), false);
}

static void *publisher(void *arg)
{
    uint32_t node = (uint32_t)(uintptr_t)arg;
    uint64_t chance = node;
    for (uint64_t round = 1; round <= storm.rounds; round++) {
        atomic_fetch_add(&storm.at_work, 1);
        stress_busy_at_random(&chance, 400);
        publish(node);
        atomic_fetch_sub(&storm.at_work, 1);
        wait_until_taken(node, round);
    }
    return NULL;
}

static uint64_t taken_in_all(void)
{
    uint64_t sum = 0;
    for (uint32_t node = 1; node <= PUBLISHERS; node++) {
        sum += atomic_load(&storm.taken[node]);
    }
    return sum;
}

/* As who adopts, and as who borrows; the second one leaves something behind now and then. */
static void *locker(void *stop)
{
    uint64_t chance = 5;
    while (!atomic_load((atomic_bool *)stop)) {
        uint64_t bits = test_random(&chance);
        uint32_t before = NOHI_PARKED;
        if (bits % 2 == 0 ? nohi_park_is_asleep(&storm.park) && nohi_park_lock(&storm.park, before)
                          : nohi_park_lock_idle(&storm.park, &storm.env, &before)) {
            bool more = bits % 16 == 1;
            storm.inside++;
            storm.left += more;
            storm.given += more;
            stress_busy(bits % 64);
            if (nohi_park_unlock(&storm.park, before, more)) {
                nohi_park_wake(&storm.park, &storm.env);
            }
        }
        sched_yield();
    }
    return NULL;
}

static void storm_of_many(uint64_t rounds, bool spinning)
{
    atomic_bool stop = false;
    prepare(rounds, spinning);
    pthread_t publishers[PUBLISHERS];
    for (uint32_t i = 0; i < PUBLISHERS; i++) {
        publishers[i] = stress_go(publisher, (void *)(uintptr_t)(i + 1));
    }
    pthread_t lockers[] = {stress_go(locker, &stop), stress_go(locker, &stop)};
    while (taken_in_all() < rounds * PUBLISHERS || storm.found < 2000) {
        storm.inside++;
        storm.found += storm.left;
        storm.left = 0;
        if (take_all() == 0) {
            sleep_once();
        }
    }
    for (uint32_t i = 0; i < PUBLISHERS; i++) {
        stress_join(publishers[i]);
    }
    atomic_store(&stop, true);
    stress_join(lockers[0]);
    stress_join(lockers[1]);
    printf("    %llu rounds, %llu slept, lockers left something %llu times\n",
           (unsigned long long)rounds * PUBLISHERS, (unsigned long long)atomic_load(&storm.slept),
           (unsigned long long)storm.given);
    CHECK_EQ(atomic_load(&storm.lost), 0);
    CHECK_EQ(taken_in_all(), rounds * PUBLISHERS);
    CHECK_EQ(storm.found + storm.left, storm.given);
}

static void several_publishers_and_lockers_lose_nothing(void)
{
    storm_of_many(stress_rounds(100000), true);
    storm_of_many(stress_rounds(20000), false);
}

/* The thread leaves while work comes: each piece is taken once, by it or by who is redirected. */
static void *tenant(void *arg)
{
    uint64_t chance = 99;
    for (uint64_t round = 1; round <= storm.rounds; round++) {
        while (atomic_load(&storm.go) < round) {
            sched_yield();
        }
        stress_busy(test_below(&chance, 64));
        (void)take_all();
        nohi_park_close(&storm.park);
        if (nohi_park_claim(&storm.park) == NOHI_DUTY_REDIRECT) {
            (void)take_all();
        }
        atomic_fetch_add(&storm.at_work, 1);
        while (atomic_load(&storm.at_work) != 0) {
            sched_yield();
        }
    }
    return NULL;
}

static void a_home_that_closes_leaves_no_work_behind(void)
{
    prepare(stress_rounds(100000), true);
    uint64_t chance = 98;
    pthread_t thread = stress_go(tenant, NULL);
    for (uint64_t round = 1; round <= storm.rounds; round++) {
        nohi_park_open(&storm.park);
        atomic_store(&storm.go, round);
        stress_busy(test_below(&chance, 64));
        publish(1);
        while (atomic_load(&storm.at_work) == 0) {
            sched_yield();
        }
        CHECK_EQ(atomic_load(&storm.taken[1]), round);
        atomic_store(&storm.at_work, 0);
    }
    stress_join(thread);
}

/* ---- the runtime -------------------------------------------------------------------------- */

NOH_MESSAGE(pong, (uint64_t, number));
NOH_REQUEST(ping, pong, (uint64_t, number), (uint64_t, delay));

NOH_NO_STATE(echo);

static noh_err on_ping(noh_self *self, echo *me, const ping *message)
{
    stress_busy(message->delay);
    return noh_reply(self, pong, .number = message->number);
}

NOH_BEHAVIOR(echo, NOH_ON(ping, on_ping));

typedef struct talk {
    noh_system *system;
    noh_ref to;
    uint64_t rounds;
    uint64_t least_ns;
    uint64_t most_ns;
    uint64_t seed;
    bool calls; /* now and then it acts for the worker itself, instead of waking it */
} talk;

static noh_err ask_and_wait(noh_self *self, noh_ref to, const ping *question, pong *ret_answer)
{
    noh_future future;
    noh_err err = noh_ask_value(self, to, NOH_TYPE(ping), question, &future);
    return err != NOH_OK ? err : noh_await(self, future, pong, NOH_FOREVER, ret_answer);
}

static void *talker(void *arg)
{
    talk *t = arg;
    uint64_t chance = t->seed;
    noh_self *self = noh_system_self(t->system);
    CHECK(self != NULL);
    for (uint64_t round = 1; round <= t->rounds; round++) {
        pong answer;
        stress_busy(t->least_ns + test_below(&chance, t->most_ns - t->least_ns));
        uint64_t delay = t->least_ns + test_below(&chance, t->most_ns - t->least_ns);
        ping question = {round, delay};
        if (t->calls && test_below(&chance, 2) == 0) {
            CHECK_OK(noh_call_value(self, t->to, NOH_TYPE(ping), &question, &answer));
        } else {
            CHECK_OK(ask_and_wait(self, t->to, &question, &answer));
        }
        CHECK_EQ(answer.number, round);
    }
    return NULL;
}

/* Each talker has an actor of its own; all of them park between the messages. */
static void talk_for(uint64_t rounds, unsigned cpus, unsigned talkers, uint64_t least_ns,
                     uint64_t most_ns, bool calls)
{
    stress.cpus = cpus;
    stress.until_woken = true;
    noh_system *system = stress_start(2);
    noh_self *self = noh_system_self(system);
    uint64_t slept = atomic_load(&stress.sleeps);
    talk talks[8];
    pthread_t threads[8];
    for (unsigned i = 0; i < talkers; i++) {
        talks[i] = (talk){system, noh_spawn(self, echo), rounds, least_ns, most_ns, i + 1, calls};
        threads[i] = stress_go(talker, &talks[i]);
    }
    for (unsigned i = 0; i < talkers; i++) {
        stress_join(threads[i]);
    }
    slept = atomic_load(&stress.sleeps) - slept;
    printf("    %llu calls, %llu sleeps\n", (unsigned long long)rounds * talkers,
           (unsigned long long)slept);
    CHECK(slept > 0);
    stress_end(system);
    stress.cpus = 0;
    stress.until_woken = false;
}

static void a_thread_and_an_actor_that_park_at_once_miss_nothing(void)
{
    talk_for(stress_rounds(40000), 1, 1, 0, 2000, false);
    talk_for(stress_rounds(10000), 1, 3, 0, 20000, false);
}

/* Both look around for 50 us before they sleep. */
static void a_thread_and_an_actor_meet_at_the_end_of_the_look_around(void)
{
    talk_for(stress_rounds(10000), 2, 1, 30000, 70000, false);
}

static void threads_that_act_for_a_worker_and_its_own_miss_nothing(void)
{
    talk_for(stress_rounds(40000), 1, 1, 0, 2000, true);
    talk_for(stress_rounds(10000), 1, 3, 0, 20000, true);
    talk_for(stress_rounds(5000), 2, 2, 0, 60000, true);
}

static const test_case cases[] = {
    TEST(a_million_meetings_of_announcement_and_push_lose_nothing),
    TEST(sleepers_in_the_kernel_are_woken),
    TEST(several_publishers_and_lockers_lose_nothing),
    TEST(a_home_that_closes_leaves_no_work_behind),
    TEST(a_thread_and_an_actor_that_park_at_once_miss_nothing),
    TEST(a_thread_and_an_actor_meet_at_the_end_of_the_look_around),
    TEST(threads_that_act_for_a_worker_and_its_own_miss_nothing),
};
TEST_MAIN(cases)
