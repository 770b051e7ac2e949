/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a system starts, stops and is gone, thousands of times, whatever happens in it meanwhile:
 * no hang, no memory, no thread left.
 * Method: short lives of several kinds in turn: empty; with traffic that never ends by itself;
 * with timers; with threads that have selfs, asks open and mail; with threads and actors that
 * spawn until they are refused, while another thread stops. The stop has no limit, so who is
 * forgotten by it hangs the test. Memory is counted by the environment and by the kernel, threads
 * by the kernel. */
#include "stress.h"

NOH_MESSAGE(pong, (uint64_t, number));
NOH_REQUEST(ping, pong, (uint64_t, number), (noh_text, text));
NOH_MESSAGE(ball, (uint64_t, number), (noh_text, text));
NOH_MESSAGE(breed);
NOH_MESSAGE(tick);

static atomic_ullong started;
static atomic_ullong ended;

typedef struct player {
    noh_ref other;
    bool started;
    char ballast[100];
} player;

NOH_MESSAGE(player_start, (noh_ref, other));

static noh_err on_player_start(noh_self *self, player *me, const player_start *start)
{
    atomic_fetch_add_explicit(&started, 1, memory_order_relaxed);
    me->other = start->other;
    me->started = true;
    return NOH_OK;
}

static noh_err on_ball(noh_self *self, player *me, const ball *message)
{
    noh_ref to = noh_ref_is_none(me->other) ? noh_sender(self) : me->other;
    noh_err err = noh_tell(self, to, ball, .number = message->number + 1, .text = message->text);
    return err == NOH_E_INVAL || err == NOH_E_NOMEM ? err : NOH_OK;
}

static noh_err on_ping(noh_self *self, player *me, const ping *message)
{
    return noh_reply(self, pong, .number = message->number);
}

static noh_err on_tick(noh_self *self, player *me, const tick *message)
{
    return NOH_OK;
}

extern const noh_behavior noh_behavior_player;

/* Spawns until it is refused. */
static noh_err on_breed(noh_self *self, player *me, const breed *message)
{
    noh_ref ref;
    noh_err err = noh_spawn_with(self, &noh_behavior_player, NULL, NULL, &ref);
    if (err != NOH_OK) {
        CHECK_ERR(err, NOH_E_STOPPING);
        return NOH_OK;
    }
    return noh_tell(self, ref, breed) == NOH_E_INVAL ? NOH_E_FAILED : NOH_OK;
}

static noh_err on_player_stop(noh_self *self, player *me, const noh_exit *exit)
{
    CHECK(me->started); /* no hook sees a state that was never whole */
    atomic_fetch_add_explicit(&ended, 1, memory_order_relaxed);
    (void)noh_tell(self, me->other, tick); /* hooks send */
    noh_ref ref;
    CHECK_ERR(noh_spawn_with(self, &noh_behavior_player, NULL, NULL, &ref), NOH_E_STOPPING);
    return NOH_OK;
}

NOH_BEHAVIOR_WITH(player, player_start, on_player_start, NOH_ON(ball, on_ball),
                  NOH_ON(ping, on_ping), NOH_ON(tick, on_tick), NOH_ON(breed, on_breed),
                  NOH_ON_STOP(on_player_stop));

/* ---- kinds of lives ----------------------------------------------------------------------- */

static void traffic(noh_self *self, unsigned pairs)
{
    for (unsigned i = 0; i < pairs; i++) {
        noh_ref a = noh_spawn(self, player);
        noh_ref b = noh_spawn(self, player, .other = a);
        CHECK_OK(noh_tell(self, b, ball, .text = "a ball that never stops"));
    }
}

static void timers(noh_self *self)
{
    noh_ref a = noh_spawn(self, player);
    CHECK_OK(noh_after(self, 0, a, tick, NULL));
    CHECK_OK(noh_after(self, NOH_SECOND, a, tick, NULL));
    CHECK_OK(noh_every(self, 10 * NOH_US, a, tick, NULL));
    CHECK_OK(noh_every(self, NOH_MS, noh_self_ref(self), tick, NULL));
}

/* A thread with a self that does not end before the system. */
static void *resident(void *arg)
{
    noh_system *system = arg;
    noh_self *self = noh_system_self(system);
    CHECK(self != NULL);
    for (unsigned i = 0; i < 50; i++) {
        noh_ref ref;
        noh_err err = noh_spawn_with(self, &noh_behavior_player, NULL, NULL, &ref);
        if (err == NOH_OK) {
            noh_future future;
            (void)noh_ask(self, ref, ping, &future, .number = i, .text = "ping");
            (void)noh_tell(self, ref, ball, .text = "to you");
        }
    }
    noh_err err = noh_self_free(self);
    CHECK(err == NOH_OK || err == NOH_E_OPEN_ASKS);
    return NULL;
}

typedef struct spawner {
    noh_system *system;
    atomic_bool ready;
} spawner;

static void *spawn_until_refused(void *arg)
{
    spawner *s = arg;
    noh_self *self = noh_system_self(s->system);
    atomic_store(&s->ready, true);
    for (;;) {
        noh_ref ref;
        noh_err err = noh_spawn_with(self, &noh_behavior_player, NULL, NULL, &ref);
        if (err != NOH_OK) {
            CHECK_ERR(err, NOH_E_STOPPING);
            break;
        }
        (void)noh_tell(self, ref, breed);
    }
    CHECK_OK(noh_self_free(self));
    return NULL;
}

static void *spawn_and_stay(void *arg)
{
    spawner *s = arg;
    noh_self *self = noh_system_self(s->system);
    atomic_store(&s->ready, true);
    noh_err err = NOH_OK;
    while (err == NOH_OK) {
        noh_ref ref;
        err = noh_spawn_with(self, &noh_behavior_player, NULL, NULL, &ref);
    }
    CHECK_ERR(err, NOH_E_STOPPING);
    /* It neither waits for anything nor leaves: the stop must not need it. */
    while (atomic_load(&s->ready)) {
        sched_yield();
    }
    return NULL;
}

static void wait_ready(spawner *s)
{
    while (!atomic_load(&s->ready)) {
        sched_yield();
    }
}

#ifndef __SANITIZE_THREAD__
static unsigned threads_of_this_process(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    CHECK(file != NULL);
    char line[256];
    unsigned threads = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "Threads: %u", &threads);
    }
    fclose(file);
    return threads;
}

/* A thread that was joined is counted for a moment more: the kernel wakes who joins it before it takes it
 * off its list. */
static void check_that_no_thread_is_left(void)
{
    for (int looks = 0; looks < 10000 && threads_of_this_process() > 1; looks++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    CHECK_EQ(threads_of_this_process(), 1);
}
#else
static void check_that_no_thread_is_left(void)
{
    /* ThreadSanitizer has a thread of its own. */
}
#endif

static long resident_pages(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL);
    long size;
    long pages;
    CHECK_EQ(fscanf(file, "%ld %ld", &size, &pages), 2);
    fclose(file);
    return pages;
}

typedef enum life_kind { EMPTY, TRAFFIC, TIMERS, THREADS, SPAWNERS, STAYERS } life_kind;

static void stop_and_check(noh_system *system)
{
    CHECK_OK(noh_system_stop(system, NOH_FOREVER));
    noh_stats stats;
    CHECK_OK(noh_system_stats(system, &stats));
    CHECK_EQ(stats.actors, 0);
}

static void live_with_residents(noh_system *system)
{
    pthread_t a = stress_go(resident, system);
    pthread_t b = stress_go(resident, system);
    stress_join(a);
    stress_join(b);
    stop_and_check(system);
}

static void live_with_spawners(noh_system *system, noh_self *self, uint64_t number)
{
    spawner a = {.system = system};
    spawner b = {.system = system};
    traffic(self, 1);
    CHECK_OK(noh_tell(self, noh_spawn(self, player), breed));
    pthread_t first = stress_go(spawn_until_refused, &a);
    pthread_t second = stress_go(spawn_until_refused, &b);
    wait_ready(number % 2 == 0 ? &a : &b);
    stop_and_check(system);
    stress_join(first);
    stress_join(second);
}

static void live_with_stayers(noh_system *system, uint64_t number)
{
    spawner a = {.system = system};
    pthread_t thread = stress_go(spawn_and_stay, &a);
    wait_ready(&a);
    stress_busy(number * 37 % 20000);
    stop_and_check(system);
    atomic_store(&a.ready, false);
    stress_join(thread);
}

static void live(life_kind kind, uint64_t number)
{
    noh_system *system = stress_start(1 + (unsigned)(number % 4));
    noh_self *self = kind == EMPTY || kind == STAYERS ? NULL : noh_system_self(system);
    switch (kind) {
    case EMPTY:
        stop_and_check(system);
        break;
    case TRAFFIC:
        traffic(self, 3);
        stop_and_check(system);
        break;
    case TIMERS:
        timers(self);
        stop_and_check(system);
        break;
    case THREADS:
        live_with_residents(system);
        break;
    case SPAWNERS:
        live_with_spawners(system, self, number);
        break;
    case STAYERS:
        live_with_stayers(system, number);
        break;
    }
    stress_release(system);
}

/* Lives of `kinds` kinds in turn. */
static void live_often(uint64_t rounds, const life_kind *kinds, unsigned count)
{
    long pages = 0;
    for (uint64_t i = 0; i < rounds; i++) {
        live(kinds[i / 4 % count], i);
        if (i == rounds / 4) {
            pages = resident_pages();
        }
    }
    printf("    %llu lives, %llu actors, %ld pages more at the end\n", (unsigned long long)rounds,
           (unsigned long long)atomic_load(&started), resident_pages() - pages);
    CHECK(STRESS_SLOW > 1 || resident_pages() - pages < 1024); /* sanitizers keep some */
    check_that_no_thread_is_left();
    CHECK_EQ(atomic_load(&ended), atomic_load(&started));
}

static void thousands_of_lives_leave_nothing_behind(void)
{
    static const life_kind kinds[] = {EMPTY, TRAFFIC, TIMERS, THREADS};
    live_often(stress_rounds(8000), kinds, 4);
}

static void a_stop_finds_what_is_spawned_while_it_begins(void)
{
    static const life_kind kinds[] = {SPAWNERS};
    live_often(stress_rounds(1000), kinds, 1);
}

static void a_stop_needs_no_help_of_threads_that_spawned(void)
{
    static const life_kind kinds[] = {STAYERS};
    live_often(stress_rounds(1000), kinds, 1);
}

static const test_case cases[] = {
    TEST(thousands_of_lives_leave_nothing_behind),
    TEST(a_stop_finds_what_is_spawned_while_it_begins),
    TEST(a_stop_needs_no_help_of_threads_that_spawned),
};
TEST_MAIN(cases)
