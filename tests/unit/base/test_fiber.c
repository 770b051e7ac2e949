/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: what runs on a fiber goes on as it was: locals, registers, rounding, at any depth, on any
 * thread; who runs off its stack faults below it; and who looks at its calls comes to their end, at
 * whatever moment. */
#include "fiber.h"
#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 64 * 1024, GUARD = 64 * 1024, FIBERS = 1000, ROUNDS = 100 };

static nohi_fiber here; /* of the main thread, or of whoever switches to a fiber */

/* Above memory that faults. */
static nohi_fiber *new_fiber(nohi_fiber_fn *fn, void *arg)
{
    noh_env env = noh_env_default();
    char *start = env.pages_reserve(env.world, GUARD + SIZE);
    CHECK(start != NULL);
    CHECK_OK(env.pages_commit(env.world, start, GUARD + SIZE));
    CHECK_OK(env.pages_guard(env.world, start, GUARD));
    return nohi_fiber_make(start + GUARD, SIZE, fn, arg);
}

static void free_fiber(nohi_fiber *fiber)
{
    noh_env env = noh_env_default();
    char *start = fiber->low - GUARD;
    nohi_fiber_done(fiber);
    env.pages_release(env.world, start, GUARD + SIZE);
}

/* ---- there and back ----------------------------------------------------------------------- */

typedef struct walker {
    nohi_fiber *fiber;
    unsigned steps;
    double sum;
} walker;

/* More values than there are registers. */
static void walk(void *arg)
{
    walker *me = arg;
    double floats[12];
    uint64_t numbers[20];
    for (unsigned i = 0; i < 12; i++) {
        floats[i] = i;
    }
    for (unsigned i = 0; i < 20; i++) {
        numbers[i] = i;
    }
    for (;;) {
        for (unsigned i = 0; i < 12; i++) {
            floats[i] += 0.5;
        }
        for (unsigned i = 0; i < 20; i++) {
            numbers[i] += 3;
        }
        me->steps++;
        nohi_fiber_switch(me->fiber, &here);
        me->sum = floats[0];
        for (unsigned i = 0; i < 20; i++) {
            CHECK_EQ(numbers[i], i + 3 * me->steps);
        }
    }
}

static void each_goes_on_as_it_was(void)
{
    static walker walkers[FIBERS];
    nohi_fiber_of_thread(&here);
    memset(walkers, 0, sizeof walkers);
    for (int i = 0; i < FIBERS; i++) {
        walkers[i].fiber = new_fiber(walk, &walkers[i]);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < FIBERS; i++) {
            nohi_fiber_switch(&here, walkers[i].fiber);
            CHECK_EQ(walkers[i].steps, round + 1);
        }
    }
    for (int i = 0; i < FIBERS; i++) {
        CHECK(walkers[i].sum == (ROUNDS - 1) * 0.5);
        free_fiber(walkers[i].fiber);
    }
}

static unsigned dive(walker *me, unsigned depth)
{
    if (depth == 0) {
        nohi_fiber_switch(me->fiber, &here);
        return 0;
    }
    return 1 + dive(me, depth - 1);
}

static void dive_deep(void *arg)
{
    walker *me = arg;
    me->steps = dive(me, 100);
    nohi_fiber_switch(me->fiber, &here);
}

static void from_any_depth(void)
{
    walker diver = {.steps = 0};
    nohi_fiber_of_thread(&here);
    diver.fiber = new_fiber(dive_deep, &diver);
    nohi_fiber_switch(&here, diver.fiber);
    CHECK_EQ(diver.steps, 0);
    nohi_fiber_switch(&here, diver.fiber);
    CHECK_EQ(diver.steps, 100);
    free_fiber(diver.fiber);
}

/* What was in the middle of something is left as it is, and another one begins in its place. */
static void on_memory_that_another_one_has_left(void)
{
    walker diver = {.steps = 0};
    nohi_fiber_of_thread(&here);
    nohi_fiber *first = new_fiber(dive_deep, &diver);
    for (unsigned i = 0; i < ROUNDS; i++) {
        char *low = first->low;
        diver.fiber = first;
        nohi_fiber_switch(&here, diver.fiber);
        nohi_fiber_done(first);
        memset(low, 0x5a, SIZE);
        CHECK(nohi_fiber_make(low, SIZE, dive_deep, &diver) == first);
    }
    CHECK_EQ(diver.steps, 0);
    free_fiber(first);
}

/* ---- on another thread -------------------------------------------------------------------- */

static void *go_on(void *arg)
{
    walker *him = arg;
    nohi_fiber_of_thread(&here);
    nohi_fiber_switch(&here, him->fiber);
    return NULL;
}

static void on_any_thread(void)
{
    walker traveller = {.steps = 0};
    traveller.fiber = new_fiber(walk, &traveller);
    for (unsigned i = 1; i <= 10; i++) {
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, NULL, go_on, &traveller), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        CHECK_EQ(traveller.steps, i);
    }
    free_fiber(traveller.fiber);
}

/* ---- the mode of the processor ------------------------------------------------------------ */

#ifdef __x86_64__
#include <xmmintrin.h>

static void round_up(void *arg)
{
    walker *me = arg;
    CHECK_EQ(_MM_GET_ROUNDING_MODE(), _MM_ROUND_NEAREST);
    _MM_SET_ROUNDING_MODE(_MM_ROUND_UP);
    nohi_fiber_switch(me->fiber, &here);
    me->steps = _MM_GET_ROUNDING_MODE() == _MM_ROUND_UP;
    nohi_fiber_switch(me->fiber, &here);
}

static void each_rounds_in_its_own_way(void)
{
    walker rounder = {.steps = 0};
    nohi_fiber_of_thread(&here);
    rounder.fiber = new_fiber(round_up, &rounder);
    nohi_fiber_switch(&here, rounder.fiber);
    CHECK_EQ(_MM_GET_ROUNDING_MODE(), _MM_ROUND_NEAREST);
    nohi_fiber_switch(&here, rounder.fiber);
    CHECK_EQ(rounder.steps, 1);
    CHECK_EQ(_MM_GET_ROUNDING_MODE(), _MM_ROUND_NEAREST);
    free_fiber(rounder.fiber);
}
#else
static void each_rounds_in_its_own_way(void)
{
    /* Elsewhere the mode is the thread's. */
}
#endif

/* ---- too deep ------------------------------------------------------------------------------ */

static nohi_fiber *falling;

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    ptrdiff_t below = falling->low - (char *)info->si_addr;
    _exit(below > 0 && below <= GUARD ? 7 : 8);
}

static unsigned fall(volatile char *above)
{
    volatile char room[512];
    room[0] = above[0];
    return room[0] == 0 ? fall(room) + (unsigned)room[0] : 0;
}

static void fall_down(void *arg)
{
    volatile char room[1] = {0};
    (void)arg;
    (void)fall(room);
}

static void run_off_the_stack(void)
{
    static char own_stack[64 * 1024];
    stack_t stack = {.ss_sp = own_stack, .ss_size = sizeof own_stack};
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    (void)sigaltstack(&stack, NULL);
    (void)sigaction(SIGSEGV, &action, NULL);
    (void)sigaction(SIGBUS, &action, NULL);
    nohi_fiber_of_thread(&here);
    falling = new_fiber(fall_down, NULL);
    nohi_fiber_switch(&here, falling);
}

static void who_runs_off_its_stack_faults_below_it(void)
{
    pid_t child = fork();
    if (child == 0) {
        run_off_the_stack();
    }
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 7);
}

/* ---- its calls ---------------------------------------------------------------------------- */

#if defined(__GLIBC__) && defined(NOHI_FIBER_ASM)
#include <execinfo.h>

extern char nohi_fiber_begin[];

static void count_calls(void *arg)
{
    walker *me = arg;
    void *calls[64];
    int count = backtrace(calls, 64);
    CHECK(count > 1 && count < 16);
    ptrdiff_t at = (char *)calls[count - 1] - nohi_fiber_begin;
    CHECK(at > 0 && at < 32);
    me->steps++;
    nohi_fiber_switch(me->fiber, &here);
}
#else
static void count_calls(void *arg)
{
    walker *me = arg;
    me->steps++;
    nohi_fiber_switch(me->fiber, &here);
}
#endif

static void its_calls_end_where_it_begins(void)
{
    walker counter = {.steps = 0};
    nohi_fiber_of_thread(&here);
    counter.fiber = new_fiber(count_calls, &counter);
    CHECK(counter.fiber != NULL);
    nohi_fiber_switch(&here, counter.fiber);
    CHECK_EQ(counter.steps, 1);
    free_fiber(counter.fiber);
}

static atomic_bool asked;

/* ThreadSanitizer lets signals in here, and only for the fiber that runs. */
static void let_signals_in(void)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
}

static void bounce(void *arg)
{
    walker *me = arg;
    for (;;) {
        for (int i = 0; i < 100; i++) {
            nohi_fiber_switch(me->fiber, &here);
        }
        let_signals_in();
    }
}

/* There and back, nearly all the time in a switch. */
static void shuttle(void *arg)
{
    walker *me = arg;
    nohi_fiber_of_thread(&here);
    me->fiber = new_fiber(bounce, me);
    CHECK(me->fiber != NULL);
    while (!atomic_load(&asked)) {
        for (int i = 0; i < 100; i++) {
            nohi_fiber_switch(&here, me->fiber);
        }
        let_signals_in();
    }
    free_fiber(me->fiber);
}

static void who_switches_may_be_asked_for_its_calls(void)
{
    noh_env env = noh_env_default();
    walker me = {.steps = 0};
    void *thread;
    char text[1024];
    if (env.thread_stack == NULL) {
        return;
    }
    atomic_store(&asked, false);
    CHECK_OK(env.thread_start(env.world, shuttle, &me, "s", &thread));
    for (int i = 0; i < 1000; i++) {
        while (!env.thread_stack(env.world, thread, text, sizeof text)) {
        }
        CHECK(strlen(text) > 0);
    }
    atomic_store(&asked, true);
    env.thread_join(env.world, thread);
}

static const test_case cases[] = {
    TEST(each_goes_on_as_it_was),
    TEST(from_any_depth),
    TEST(on_memory_that_another_one_has_left),
    TEST(on_any_thread),
    TEST(each_rounds_in_its_own_way),
    TEST(who_runs_off_its_stack_faults_below_it),
    TEST(its_calls_end_where_it_begins),
    TEST(who_switches_may_be_asked_for_its_calls),
};

TEST_MAIN(cases)
