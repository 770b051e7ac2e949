/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: an event loop that hosts actors loses no wake-up: not from workers, not from another loop,
 * not for what it sends, spawns or starts itself between two runs, not while it waits in a call;
 * and when it goes, its actors and their timers live on, and its wake function is not called any
 * more.
 * Method: two loops made by hand from a mutex, a condition variable and a flag; they sleep as long
 * as noh_host_run says and not a moment less, so whoever forgets to wake them hangs the test.
 * Actors on the loops and on workers pass tokens to each other. */
#include "stress.h"

enum { LOOPS = 2, HOSTED = 6, ON_WORKERS = 6, PLAYERS = LOOPS * HOSTED + ON_WORKERS, TOKENS = 8 };

NOH_MESSAGE(pass, (uint64_t, number), (uint32_t, from));
NOH_MESSAGE(done);
NOH_MESSAGE(pong, (uint64_t, number));
NOH_REQUEST(ping, pong, (uint64_t, number));
NOH_MESSAGE(alarm_rang, (uint64_t, number));

/* ---- a loop made by hand ------------------------------------------------------------------ */

enum { ALIVE = 0x10093, FREED = 0xdead };

typedef struct loop {
    uint32_t magic;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool woken;
    bool leaving;
    noh_self *self;
} loop;

static void wake_loop(void *ctx)
{
    loop *l = ctx;
    CHECK_EQ(l->magic, ALIVE);
    pthread_mutex_lock(&l->lock);
    l->woken = true;
    pthread_cond_signal(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

/* Ends the loop from outside. */
static void loop_leave(loop *l)
{
    pthread_mutex_lock(&l->lock);
    l->leaving = true;
    l->woken = true;
    pthread_cond_signal(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

static bool loop_leaves(loop *l)
{
    pthread_mutex_lock(&l->lock);
    bool leaving = l->leaving;
    pthread_mutex_unlock(&l->lock);
    return leaving;
}

static loop *loop_new(noh_system *system)
{
    loop *l = malloc(sizeof *l);
    *l = (loop){.magic = ALIVE};
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&l->changed, &attributes);
    CHECK_OK(noh_host_new(system, wake_loop, l, &l->self));
    return l;
}

/* After noh_host_free nobody may call wake, so its memory goes at once. */
static void loop_free(loop *l)
{
    noh_host_free(l->self);
    l->magic = FREED;
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->changed);
    free(l);
}

/* Sleeps until woken or `sleep_ns` have passed. */
static void loop_sleep(loop *l, int64_t sleep_ns)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t due_ns = until.tv_nsec + (sleep_ns == NOH_FOREVER ? 0 : sleep_ns);
    until.tv_sec += due_ns / 1000000000;
    until.tv_nsec = due_ns % 1000000000;
    pthread_mutex_lock(&l->lock);
    int err = 0;
    while (!l->woken && err == 0) {
        err = sleep_ns == NOH_FOREVER ? pthread_cond_wait(&l->changed, &l->lock)
                                      : pthread_cond_timedwait(&l->changed, &l->lock, &until);
    }
    l->woken = false;
    pthread_mutex_unlock(&l->lock);
}

static void loop_turn(loop *l)
{
    int64_t sleep_ns = noh_host_run(l->self);
    if (sleep_ns > 0) {
        loop_sleep(l, sleep_ns);
    }
}

/* ---- players ------------------------------------------------------------------------------ */

static struct {
    noh_system *system;
    atomic_ullong players[PLAYERS];
    noh_ref driver;
    atomic_llong left;
    atomic_llong on_way;
    atomic_bool enough;
    atomic_uint ready;
    loop *loops[LOOPS];
} pitch;

typedef struct player {
    uint32_t index;
    uint64_t chance;
    uint64_t told[PLAYERS];
    uint64_t heard[PLAYERS];
    bool started;
} player;

NOH_MESSAGE(player_start, (uint32_t, index));

static noh_err on_player_start(noh_self *self, player *me, const player_start *start)
{
    me->index = start->index;
    me->chance = start->index + 1;
    me->started = true;
    return NOH_OK;
}

static noh_ref player_ref(uint64_t index)
{
    return (noh_ref){atomic_load_explicit(&pitch.players[index % PLAYERS], memory_order_relaxed)};
}

static noh_err on_pass(noh_self *self, player *me, const pass *message)
{
    CHECK(me->started);
    if (message->from < PLAYERS) {
        CHECK_EQ(message->number, ++me->heard[message->from]);
    }
    stress_busy_at_random(&me->chance, 3000);
    if (atomic_fetch_sub(&pitch.left, 1) > 0) {
        uint32_t to = (uint32_t)test_below(&me->chance, PLAYERS);
        return noh_tell(self, player_ref(to), pass, .number = ++me->told[to], .from = me->index);
    }
    if (atomic_fetch_sub(&pitch.on_way, 1) == 1) {
        return noh_tell(self, pitch.driver, done);
    }
    return NOH_OK;
}

static noh_err on_ping(noh_self *self, player *me, const ping *message)
{
    return noh_reply(self, pong, .number = message->number);
}

NOH_BEHAVIOR_WITH(player, player_start, on_player_start, NOH_ON(pass, on_pass),
                  NOH_ON(ping, on_ping));

static void wait_for_done(noh_self *self)
{
    const noh_type *type;
    const void *message;
    CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &message));
    CHECK(noh_as(done, type, message) != NULL);
}

static void *hosting_thread(void *arg)
{
    uint32_t first = (uint32_t)(uintptr_t)arg;
    loop *l = loop_new(pitch.system);
    for (uint32_t i = 0; i < HOSTED; i++) {
        noh_ref ref = noh_spawn(l->self, player, .index = first + i);
        atomic_store(&pitch.players[first + i], ref.bits);
    }
    pitch.loops[first / HOSTED] = l;
    atomic_fetch_add(&pitch.ready, 1);
    while (!loop_leaves(l)) {
        loop_turn(l);
    }
    loop_free(l);
    return NULL;
}

static void start_pitch(unsigned workers, uint64_t passes)
{
    memset(&pitch, 0, sizeof pitch);
    pitch.system = stress_start(workers);
    noh_self *self = noh_system_self(pitch.system);
    pitch.driver = noh_self_ref(self);
    atomic_store(&pitch.left, (long long)passes);
    for (uint32_t i = LOOPS * HOSTED; i < PLAYERS; i++) {
        atomic_store(&pitch.players[i], noh_spawn(self, player, .index = i).bits);
    }
}

static void throw_in(noh_self *self)
{
    atomic_store(&pitch.on_way, TOKENS);
    for (uint64_t i = 0; i < TOKENS; i++) {
        CHECK_OK(noh_tell(self, player_ref(i * 3), pass, .from = PLAYERS));
    }
}

static void play(unsigned workers, uint64_t passes)
{
    start_pitch(workers, passes);
    noh_self *self = noh_system_self(pitch.system);
    pthread_t loops[LOOPS];
    for (uintptr_t i = 0; i < LOOPS; i++) {
        loops[i] = stress_go(hosting_thread, (void *)(i * HOSTED));
    }
    while (atomic_load(&pitch.ready) < LOOPS) {
        sched_yield();
    }
    throw_in(self);
    wait_for_done(self);
    for (unsigned i = 0; i < LOOPS; i++) {
        loop_leave(pitch.loops[i]);
        stress_join(loops[i]);
    }
    stress_end(pitch.system);
}

static void two_loops_and_workers_pass_tokens_in_order(void)
{
    play(1, stress_rounds(200000));
    play(2, stress_rounds(200000));
}

/* ---- between two runs --------------------------------------------------------------------- */

static void *loop_that_acts_between_runs(void *arg)
{
    static const noh_spawn_options stays = {.pinned = true};
    loop *l = loop_new(pitch.system);
    noh_ref other;
    noh_ref here;
    CHECK_OK(noh_spawn_with(l->self, &noh_behavior_player, NULL, &stays, &here));
    uint64_t rounds = *(uint64_t *)arg;
    for (uint64_t round = 0; round < rounds; round++) {
        while (noh_host_run(l->self) == 0) { /* until it could sleep for ever */
        }
        atomic_store(&pitch.left, 0);
        atomic_store(&pitch.on_way, 1);
        /* As a callback of the loop would do; what follows is the loop, which knows nothing. */
        switch (round % 3) {
        case 0:
            CHECK_OK(noh_tell(l->self, here, pass, .from = PLAYERS));
            break;
        case 1:
            CHECK_OK(noh_after(l->self, 0, here, pass, NULL, .from = PLAYERS));
            break;
        default:
            CHECK_OK(noh_spawn_with(l->self, &noh_behavior_player, NULL, &stays, &other));
            CHECK_OK(noh_tell(l->self, other, pass, .from = PLAYERS));
        }
        int64_t sleep_ns = NOH_FOREVER;
        while (atomic_load(&pitch.on_way) != 0) {
            loop_sleep(l, sleep_ns);
            while ((sleep_ns = noh_host_run(l->self)) == 0) {
            }
        }
    }
    loop_free(l);
    return NULL;
}

static void what_a_loop_does_between_two_runs_wakes_it(void)
{
    start_pitch(1, 0);
    noh_self *self = noh_system_self(pitch.system);
    uint64_t rounds = 300;
    pthread_t thread = stress_go(loop_that_acts_between_runs, &rounds);
    for (uint64_t i = 0; i < rounds; i++) {
        wait_for_done(self);
    }
    stress_join(thread);
    stress_end(pitch.system);
}

/* ---- a loop that calls -------------------------------------------------------------------- */

static void *loop_that_calls(void *arg)
{
    loop *l = loop_new(pitch.system);
    uint64_t rounds = *(uint64_t *)arg;
    uint64_t chance = 5;
    for (uint64_t round = 1; round <= rounds; round++) {
        pong answer;
        CHECK_OK(noh_call(l->self, player_ref(LOOPS * HOSTED), ping, &answer, .number = round));
        CHECK_EQ(answer.number, round);
        if (test_below(&chance, 4) == 0) {
            (void)noh_host_run(l->self);
        }
        stress_busy_at_random(&chance, 100000);
    }
    loop_free(l);
    return NULL;
}

static void a_loop_may_wait_in_a_call(void)
{
    stress.cpus = 1; /* parks at once */
    start_pitch(1, 0);
    uint64_t rounds = stress_rounds(20000);
    stress_join(stress_go(loop_that_calls, &rounds));
    stress_end(pitch.system);
    stress.cpus = 0;
}

/* ---- loops come and go -------------------------------------------------------------------- */

NOH_NO_STATE(sleeper);

static noh_err on_alarm(noh_self *self, sleeper *me, const alarm_rang *message)
{
    return noh_tell(self, pitch.driver, done);
}

static noh_err on_nap(noh_self *self, sleeper *me, const noh_nothing *start)
{
    return noh_after(self, 2 * NOH_MS, noh_self_ref(self), alarm_rang, NULL);
}

NOH_BEHAVIOR_WITH(sleeper, noh_nothing, on_nap, NOH_ON(alarm_rang, on_alarm));

static void *loop_that_leaves_timers(void *arg)
{
    loop *l = loop_new(pitch.system);
    for (unsigned i = 0; i < 4; i++) {
        CHECK(!noh_ref_is_none(noh_spawn(l->self, sleeper)));
    }
    (void)noh_host_run(l->self); /* all have set their alarms */
    loop_free(l);
    return NULL;
}

static void timers_outlive_the_loop_they_were_made_on(void)
{
    start_pitch(1, 0);
    noh_self *self = noh_system_self(pitch.system);
    stress_join(stress_go(loop_that_leaves_timers, NULL));
    for (unsigned i = 0; i < 4; i++) {
        wait_for_done(self);
    }
    stress_end(pitch.system);
}

/* Lives shortly, again and again, with actors on it that everybody sends to. */
static void *short_lived_loops(void *arg)
{
    uint32_t first = (uint32_t)(uintptr_t)arg;
    uint64_t chance = first + 77;
    while (!atomic_load(&pitch.enough)) {
        loop *l = loop_new(pitch.system);
        for (uint64_t i = test_below(&chance, HOSTED); i > 0; i--) {
            noh_ref ref = noh_spawn(l->self, player, .index = first);
            noh_ref old = {atomic_exchange(&pitch.players[first + i], ref.bits)};
            (void)noh_stop(l->self, old, NOH_STOP_DRAIN);
        }
        for (uint64_t turns = test_below(&chance, 20); turns > 0; turns--) {
            int64_t sleep_ns = noh_host_run(l->self);
            if (sleep_ns > 0 && test_below(&chance, 4) == 0) {
                loop_sleep(l, 20000);
            }
        }
        loop_free(l);
        atomic_fetch_add(&pitch.ready, 1);
    }
    return NULL;
}

/* Tells at random; nobody counts, but the ledger. Calls now and then, so that it does not run away
 * from those who listen: loops with full mailboxes take their time. */
static void *shouter(void *arg)
{
    noh_self *self = noh_system_self(pitch.system);
    uint64_t chance = (uint64_t)(uintptr_t)arg;
    for (uint64_t told = 0; !atomic_load(&pitch.enough); told++) {
        noh_ref to = player_ref(test_random(&chance));
        (void)noh_tell(self, to, pass, .from = PLAYERS);
        stress_busy_at_random(&chance, 2000);
        if (told % 16 == 0) {
            pong answer;
            CHECK_OK(noh_call(self, player_ref(LOOPS * HOSTED), ping, &answer, .number = told));
        }
    }
    return NULL;
}

static void loops_come_and_go_while_others_send_to_their_actors(void)
{
    start_pitch(2, 0);
    atomic_store(&pitch.on_way, 1000000000000);
    pthread_t threads[5];
    uint64_t wanted = stress_rounds(5000);
    threads[0] = stress_go(short_lived_loops, (void *)0);
    threads[1] = stress_go(short_lived_loops, (void *)(uintptr_t)HOSTED);
    for (uintptr_t i = 2; i < 5; i++) {
        threads[i] = stress_go(shouter, (void *)i);
    }
    while (atomic_load(&pitch.ready) < wanted) {
        stress_sleep_us(1000);
    }
    atomic_store(&pitch.enough, true);
    for (unsigned i = 0; i < 5; i++) {
        stress_join(threads[i]);
    }
    stress_end(pitch.system);
}

static const test_case cases[] = {
    TEST(two_loops_and_workers_pass_tokens_in_order),
    TEST(loops_come_and_go_while_others_send_to_their_actors),
    TEST(timers_outlive_the_loop_they_were_made_on),
    TEST(a_loop_may_wait_in_a_call),
    TEST(what_a_loop_does_between_two_runs_wakes_it),
};
TEST_MAIN(cases)
