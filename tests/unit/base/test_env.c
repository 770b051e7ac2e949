/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The real world does what env.h promises. Time is only ever compared in the direction in which a
 * slow machine cannot be wrong. */
#include "base.h"
#include "fault.h"
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

enum { MS = 1000000, FAR_MS = 60000 };

static void every_member_is_there(void)
{
    noh_env env = noh_env_default();
    CHECK_EQ(env.size, sizeof env);
    CHECK(env.now_ns != NULL && env.random != NULL && env.thread_start != NULL);
    CHECK(env.thread_join != NULL && env.thread_detach != NULL && env.cpu_count != NULL);
#ifdef __GLIBC__
    CHECK(env.thread_stack != NULL);
#endif
    CHECK(env.local_new != NULL && env.local_free != NULL);
    CHECK(env.local_get != NULL && env.local_set != NULL && env.step == NULL);
    CHECK(env.park_wait != NULL && env.park_wake != NULL && env.relax != NULL);
    CHECK(env.alloc != NULL && env.free != NULL && env.log != NULL);
    CHECK(env.pages_reserve != NULL && env.pages_commit != NULL && env.pages_release != NULL);
    CHECK(env.pages_guard != NULL && env.pages_discard != NULL && env.pages_untouched != NULL);
    CHECK(env.cpu_count(env.world) >= 1);
    env.relax(env.world);
}

static void time_does_not_go_back(void)
{
    noh_env env = noh_env_default();
    int64_t before = env.now_ns(env.world);
    for (int i = 0; i < 10000; i++) {
        int64_t now = env.now_ns(env.world);
        CHECK(now >= before);
        before = now;
    }
}

static void random_bits_do_not_repeat(void)
{
    noh_env env = noh_env_default();
    uint64_t seen[64];
    uint64_t ever_set = 0;
    uint64_t ever_clear = 0;
    for (size_t i = 0; i < NOHI_COUNT(seen); i++) {
        seen[i] = env.random(env.world);
        ever_set |= seen[i];
        ever_clear |= ~seen[i];
        for (size_t k = 0; k < i; k++) {
            CHECK(seen[i] != seen[k]);
        }
    }
    CHECK(ever_set == UINT64_MAX && ever_clear == UINT64_MAX);
}

/* ---- what a thread keeps for itself ------------------------------------------------------- */

typedef struct keeper {
    noh_env env;
    void *local;
    int ended; /* by the end of its thread */
} keeper;

static void count_end(void *k)
{
    ((keeper *)k)->ended++;
}

static void keep(void *arg)
{
    keeper *k = arg;
    CHECK(k->env.local_get(k->env.world, k->local) == NULL);
    CHECK_OK(k->env.local_set(k->env.world, k->local, k));
    CHECK(k->env.local_get(k->env.world, k->local) == k);
}

static void keep_and_take_back(void *arg)
{
    keeper *k = arg;
    keep(k);
    CHECK_OK(k->env.local_set(k->env.world, k->local, NULL));
}

static void run_thread(noh_env *env, void (*fn)(void *arg), void *arg)
{
    void *thread;
    CHECK_OK(env->thread_start(env->world, fn, arg, "keeper", &thread));
    env->thread_join(env->world, thread);
}

static void each_thread_has_a_value_of_its_own(void)
{
    keeper k = {.env = noh_env_default()};
    CHECK_OK(k.env.local_new(k.env.world, count_end, &k.local));
    CHECK_OK(k.env.local_set(k.env.world, k.local, &k.env));
    run_thread(&k.env, keep, &k);
    CHECK_EQ(k.ended, 1);
    run_thread(&k.env, keep_and_take_back, &k);
    CHECK_EQ(k.ended, 1);
    CHECK(k.env.local_get(k.env.world, k.local) == &k.env);
    k.env.local_free(k.env.world, k.local);
    CHECK_OK(k.env.local_new(k.env.world, NULL, &k.local));
    CHECK(k.env.local_get(k.env.world, k.local) == NULL);
    run_thread(&k.env, keep, &k);
    k.env.local_free(k.env.world, k.local);
}

/* ---- threads ------------------------------------------------------------------------------ */

typedef struct surroundings {
    char name[32];
    sigset_t blocked;
    atomic_int done;
} surroundings;

static void look_around(void *arg)
{
    surroundings *inside = arg;
    pthread_getname_np(pthread_self(), inside->name, sizeof inside->name);
    pthread_sigmask(SIG_BLOCK, NULL, &inside->blocked);
    atomic_store(&inside->done, 1);
}

static void a_thread_has_its_name_and_takes_no_signals_of_others(void)
{
    noh_env env = noh_env_default();
    surroundings inside = {.name = ""};
    sigset_t before;
    sigset_t after;
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    void *thread;
    CHECK_OK(env.thread_start(env.world, look_around, &inside, "a name of 20 letters", &thread));
    env.thread_join(env.world, thread);
    CHECK_EQ(atomic_load(&inside.done), 1);
    CHECK_TEXT(inside.name, "a name of 20 le");
    static const int blocked[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGUSR1, SIGCHLD, SIGPIPE};
    for (size_t i = 0; i < NOHI_COUNT(blocked); i++) {
        CHECK_EQ(sigismember(&inside.blocked, blocked[i]), 1);
    }
    CHECK_EQ(sigismember(&inside.blocked, SIGSEGV), 0); // crash handlers still see crashes
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    CHECK_EQ(sigismember(&before, SIGINT), sigismember(&after, SIGINT));
    CHECK_EQ(sigismember(&after, SIGUSR1), sigismember(&before, SIGUSR1));
}

static void a_detached_thread_runs(void)
{
    noh_env env = noh_env_default();
    static surroundings inside;
    void *thread;
    CHECK_OK(env.thread_start(env.world, look_around, &inside, NULL, &thread));
    env.thread_detach(env.world, thread);
    while (atomic_load(&inside.done) == 0) {
        sched_yield();
    }
}

/* ---- what a thread does ------------------------------------------------------------------- */

typedef struct waiter {
    noh_env env;
    sem_t told;
    atomic_int is_deaf; // takes no SIGURG
    atomic_int begun;
    int failed;
} waiter;

// Not static: its name is in the stack.
void test_env_waits(waiter *r);
NOHI_NOINLINE void test_env_waits(waiter *r)
{
    r->failed = sem_wait(&r->told);
    atomic_fetch_add(&r->begun, 1); // so that the call is not the last thing it does
}

static void wait_until_told(void *arg)
{
    waiter *r = arg;
    sigset_t urgent;
    sigemptyset(&urgent);
    sigaddset(&urgent, SIGURG);
    if (atomic_load(&r->is_deaf)) {
        pthread_sigmask(SIG_BLOCK, &urgent, NULL);
    }
    atomic_store(&r->begun, 1);
    while (atomic_load(&r->is_deaf)) {
        sched_yield();
    }
    pthread_sigmask(SIG_UNBLOCK, &urgent, NULL);
    test_env_waits(r);
}

static void *start_waiter(waiter *r)
{
    void *thread;
    CHECK_EQ(sem_init(&r->told, 0, 0), 0);
    CHECK_OK(r->env.thread_start(r->env.world, wait_until_told, r, "r", &thread));
    while (atomic_load(&r->begun) == 0) {
        sched_yield();
    }
    return thread;
}

static void end_waiter(waiter *r, void *thread)
{
    CHECK_EQ(sem_post(&r->told), 0);
    r->env.thread_join(r->env.world, thread);
    CHECK_EQ(r->failed, 0); // its call was not interrupted, or went on
    CHECK_EQ(sem_destroy(&r->told), 0);
}

static void a_thread_says_what_it_does(void)
{
    waiter r = {.env = noh_env_default()};
    if (r.env.thread_stack == NULL) {
        return;
    }
    void *thread = start_waiter(&r);
    char text[1024] = "";
    while (strstr(text, "test_env_waits+") == NULL) { // it was not there yet
        (void)r.env.thread_stack(r.env.world, thread, text, sizeof text);
    }
    char all[1024];
    memcpy(all, text, sizeof all);
    memset(text, 'x', sizeof text);
    while (!r.env.thread_stack(r.env.world, thread, text, 10)) {
    }
    CHECK_EQ(strlen(text), 9);
    CHECK_EQ(text[10], 'x');
    CHECK_EQ(strncmp(all, text, 9), 0);
    end_waiter(&r, thread);
}

static void a_thread_that_takes_no_signals_may_answer_later(void)
{
    waiter r = {.env = noh_env_default(), .is_deaf = 1};
    if (r.env.thread_stack == NULL) {
        return;
    }
    void *thread = start_waiter(&r);
    char text[1024] = "";
    CHECK(!r.env.thread_stack(r.env.world, thread, text, sizeof text));
    atomic_store(&r.is_deaf, 0); // the signal comes, and harms nobody
    while (!r.env.thread_stack(r.env.world, thread, text, sizeof text)) {
    }
    end_waiter(&r, thread);
}

static void be_urgent(int signal)
{
    (void)signal;
}

static void a_program_keeps_its_handler_for_urgent_data(void)
{
    waiter r = {.env = noh_env_default()};
    if (r.env.thread_stack == NULL) {
        return;
    }
    void *before = start_waiter(&r);
    struct sigaction own = {.sa_handler = be_urgent};
    struct sigaction old;
    CHECK_EQ(sigaction(SIGURG, &own, &old), 0);
    CHECK(old.sa_handler == SIG_DFL);
    char text[64];
    CHECK(!r.env.thread_stack(r.env.world, before, text, sizeof text));
    surroundings inside = {.name = ""};
    void *after;
    CHECK_OK(r.env.thread_start(r.env.world, look_around, &inside, "s", &after));
    r.env.thread_join(r.env.world, after);
    CHECK_EQ(sigismember(&inside.blocked, SIGURG), 1);
    CHECK_EQ(sigaction(SIGURG, &old, &own), 0);
    CHECK(own.sa_handler == be_urgent);
    while (!r.env.thread_stack(r.env.world, before, text, sizeof text)) {
    }
    CHECK_EQ(sigaction(SIGURG, NULL, &own), 0);
    CHECK(own.sa_handler == SIG_DFL);
    end_waiter(&r, before);
}

static void parking_returns_at_once_when_the_word_has_changed(void)
{
    noh_env env = noh_env_default();
    uint32_t word = 1;
    int64_t start = env.now_ns(env.world);
    env.park_wait(env.world, &word, 0, (int64_t)FAR_MS * MS);
    env.park_wait(env.world, &word, 0, -1);
    CHECK(env.now_ns(env.world) - start < (int64_t)FAR_MS * MS);
}

static void parking_ends_after_its_time(void)
{
    noh_env env = noh_env_default();
    uint32_t word = 0;
    int64_t start = env.now_ns(env.world);
    // It may wake for no reason, hence the loop.
    while (env.now_ns(env.world) - start < 20 * MS) {
        env.park_wait(env.world, &word, 0, 20 * MS);
    }
    env.park_wait(env.world, &word, 0, 0);
}

typedef struct barrier {
    noh_env env;
    _Atomic uint32_t word;
    atomic_int passed;
} barrier;

static void wait_at_gate(void *arg)
{
    barrier *gate = arg;
    while (atomic_load(&gate->word) == 0) {
        gate->env.park_wait(gate->env.world, (uint32_t *)&gate->word, 0, -1);
    }
    atomic_fetch_add(&gate->passed, 1);
}

static void one_wake_wakes_every_sleeper(void)
{
    enum { ROUNDS = 200, SLEEPERS = 4 };
    for (int round = 0; round < ROUNDS; round++) {
        barrier gate = {.env = noh_env_default()};
        void *threads[SLEEPERS];
        for (int i = 0; i < SLEEPERS; i++) {
            CHECK_OK(gate.env.thread_start(gate.env.world, wait_at_gate, &gate, "s", &threads[i]));
        }
        for (int i = 0; i < round % 8; i++) { // some rounds find them asleep, some awake
            sched_yield();
        }
        atomic_store(&gate.word, 1);
        gate.env.park_wake(gate.env.world, (uint32_t *)&gate.word);
        for (int i = 0; i < SLEEPERS; i++) {
            gate.env.thread_join(gate.env.world, threads[i]);
        }
        CHECK_EQ(atomic_load(&gate.passed), SLEEPERS);
    }
}

static void memory_is_aligned_and_refused_when_absurd(void)
{
    noh_env env = noh_env_default();
    for (size_t size = 0; size < 300; size++) {
        char *block = env.alloc(env.world, size);
        CHECK(block != NULL);
        CHECK_EQ((uintptr_t)block % 16, 0);
        memset(block, 1, size);
        env.free(env.world, block, size);
    }
    CHECK(env.alloc(env.world, SIZE_MAX - 100) == NULL);
}

static void pages_are_reserved_then_committed_zeroed(void)
{
    noh_env env = noh_env_default();
    size_t reserved = (size_t)1 << 36; // far more than the machine has
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *start = env.pages_reserve(env.world, reserved);
    CHECK(start != NULL);
    CHECK_OK(env.pages_commit(env.world, start, page));
    CHECK_OK(env.pages_commit(env.world, start + reserved / 2, 4 * page));
    for (size_t i = 0; i < 4 * page; i++) {
        CHECK_EQ(start[reserved / 2 + i], 0);
    }
    memset(start, 1, page);
    env.pages_release(env.world, start, reserved);
    CHECK(env.pages_commit(env.world, start, page) != NOH_OK);
    CHECK(env.pages_reserve(env.world, (size_t)1 << 62) == NULL);
}

/* What one call of the log writes to stderr. */
static void logged(noh_log_record record, char *ret_text, size_t size)
{
    noh_env env = noh_env_default();
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    int saved = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    env.log(env.world, &record);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    ssize_t got = read(ends[0], ret_text, size - 1);
    CHECK(got >= 0);
    ret_text[got] = 0;
    close(ends[0]);
}

static void a_log_record_is_one_line(void)
{
    char text[2048];
    logged((noh_log_record){NOH_LOG_ERROR, 0x12, "calculator", "text"}, text, sizeof text);
    CHECK_TEXT(text, "noh error calculator<0x12>: text\n");
    logged((noh_log_record){NOH_LOG_WARNING, 0, NULL, "text"}, text, sizeof text);
    CHECK_TEXT(text, "noh warning: text\n");
    logged((noh_log_record){NOH_LOG_INFO, 0x12, NULL, "text"}, text, sizeof text);
    CHECK_TEXT(text, "noh info <0x12>: text\n");
    logged((noh_log_record){NOH_LOG_DEBUG, 0, "calculator", NULL}, text, sizeof text);
    CHECK_TEXT(text, "noh debug calculator: \n");
}

static void an_overlong_log_line_is_cut_but_ends(void)
{
    char text[4096];
    char longer[3000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    logged((noh_log_record){NOH_LOG_ERROR, 1, longer, longer}, text, sizeof text);
    CHECK(strlen(text) > 1023 + 200 && strlen(text) < 1500);
    CHECK(strchr(text, '\n') == text + strlen(text) - 1);
}

static void the_failing_world_fails_when_told_and_counts(void)
{
    fault_world fault;
    noh_env env = fault_env(&fault);
    fault_at(&fault, 2, false);
    void *first = env.alloc(env.world, 10);
    CHECK(first != NULL);
    CHECK(env.alloc(env.world, 10) == NULL);
    void *third = env.alloc(env.world, 30);
    CHECK(third != NULL);
    CHECK_EQ(fault_failures(&fault), 1);
    CHECK_EQ(fault.live_bytes, 40);
    fault_at(&fault, 1, true);
    CHECK(env.pages_reserve(env.world, 4096) == NULL);
    void *thread;
    CHECK_ERR(env.thread_start(env.world, look_around, NULL, "x", &thread), NOH_E_OS);
    CHECK_EQ(fault_failures(&fault), 2);
    env.free(env.world, first, 10);
    CHECK_EQ(fault.live_blocks, 1);
    env.free(env.world, third, 30);
    CHECK_EQ(fault_done(&fault), 0);
}

static const test_case cases[] = {
    TEST(every_member_is_there),
    TEST(time_does_not_go_back),
    TEST(random_bits_do_not_repeat),
    TEST(each_thread_has_a_value_of_its_own),
    TEST(a_thread_has_its_name_and_takes_no_signals_of_others),
    TEST(a_detached_thread_runs),
    TEST(a_thread_says_what_it_does),
    TEST(a_thread_that_takes_no_signals_may_answer_later),
    TEST(a_program_keeps_its_handler_for_urgent_data),
    TEST(parking_returns_at_once_when_the_word_has_changed),
    TEST(parking_ends_after_its_time),
    TEST(one_wake_wakes_every_sleeper),
    TEST(memory_is_aligned_and_refused_when_absurd),
    TEST(pages_are_reserved_then_committed_zeroed),
    TEST(a_log_record_is_one_line),
    TEST(an_overlong_log_line_is_cut_but_ends),
    TEST(the_failing_world_fails_when_told_and_counts),
};
TEST_MAIN(cases)
