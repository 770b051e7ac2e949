/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The real world does what env.h promises. Time is only ever compared in the direction in which a
 * slow machine cannot be wrong. */
#include "base.h"
#include "fault.h"
#include "test.h"

#include <pthread.h>
#include <sched.h>
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
    TEST(a_thread_has_its_name_and_takes_no_signals_of_others),
    TEST(a_detached_thread_runs),
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
