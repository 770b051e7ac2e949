/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The real world, on POSIX.
 *
 * Purpose     noh_env_default(): the one place where the library meets the operating system.
 * Owner       Any thread. No function reads `world`, so a copy of this env may carry a world of its
 *             own for the members that it replaces. What thread_stack keeps for the whole process
 *             is under a lock of its own.
 * Invariants  ENV-1  a thread of ours takes no signal but the faults that it causes itself, so that
 *                    the handlers of the host program run on the threads of the host program; and
 *                    SIGURG, unless the program has a handler for it when the thread starts.
 *             ENV-2  a wake that follows a change of the word is never lost: the kernel, or the
 *                    lock of the bucket, orders it with the last look at the word.
 *             ENV-3  a thread that answers too late harms nobody: it writes to a pipe that is never
 *                    closed, and touches no memory but its own. A signal that comes too late is
 *                    ignored, as SIGURG is by default.
 * Why not     pthread_cond per sleeper on Linux: a futex needs no object to create and destroy, and
 *             the word is the state itself. Elsewhere a small table of locks takes its place. */
#include "base.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* -DNOHI_ENV_NO_FUTEX tries the way of other systems on Linux. */
#if defined(__linux__) && !defined(NOHI_ENV_NO_FUTEX)
#define USE_FUTEX 1
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#endif

/* Guards without mappings of their own, Linux 6.13; older headers do not know them. -DNOHI_ENV_NO_GUARD
 * tries the way of other systems. */
#if defined(__linux__) && !defined(NOHI_ENV_NO_GUARD)
#define USE_GUARD 1
#include <sys/syscall.h>
enum { GUARD_INSTALL = 102, GUARD_REMOVE = 103 };
#endif

#if defined(__GLIBC__)
#define USE_BACKTRACE 1
#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <ucontext.h>
#endif

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

enum {
    NANOS_PER_SECOND = 1000000000,
    LOOK_PAGES = 64,       /* at once, in pages_untouched */
    THREAD_NAME_SIZE = 16, /* the limit of Linux, with the final 0 */
    LOG_LINE_SIZE = 1400,  /* 1,023 bytes of text, a behavior's name, the rest */
    STACK_SIGNAL = SIGURG, /* ignored by default, so it may come too late */
    STACK_CALLS = 40,
    STACK_WAIT_MS = 250, /* for a thread that takes no signals now */
};

/* ---- time and chance ---------------------------------------------------------------------- */

static int64_t read_clock(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * NANOS_PER_SECOND + time.tv_nsec;
}

static int64_t now_ns(void *world)
{
    (void)world;
    return read_clock(CLOCK_MONOTONIC);
}

/* The finalizer of splitmix64: every bit of the input reaches every bit of the result. */
static uint64_t mix(uint64_t bits)
{
    bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
    return bits ^ (bits >> 31);
}

static uint64_t random_bits(void *world)
{
    (void)world;
    uint64_t bits;
    if (getentropy(&bits, sizeof bits) == 0) { // getrandom, without its short reads
        return bits;
    }
    // A sandbox may forbid it. What is left is poor, but still differs from run to run.
    bits = mix((uint64_t)read_clock(CLOCK_MONOTONIC) ^ (uint64_t)(uintptr_t)&bits);
    return mix(bits ^ (uint64_t)read_clock(CLOCK_REALTIME) ^ ((uint64_t)getpid() << 32));
}

/* ---- threads ------------------------------------------------------------------------------ */

/* What a new thread needs to begin. Its own from then on, for the handle may be freed earlier. */
typedef struct beginning {
    void (*fn)(void *arg);
    void *arg;
    char name[THREAD_NAME_SIZE];
} beginning;

/* The handle is the pthread_t itself: nothing to allocate, nothing to free. */
_Static_assert(sizeof(pthread_t) <= sizeof(void *), "a pthread_t fits into the handle");

static void name_this_thread(const char *name)
{
#if defined(__APPLE__)
    pthread_setname_np(name);
#elif defined(__linux__)
    pthread_setname_np(pthread_self(), name);
#else
    (void)name;
#endif
}

static void *thread_main(void *arg)
{
    beginning start = *(beginning *)arg;
    free(arg);
    name_this_thread(start.name);
    start.fn(start.arg);
    return NULL;
}

static bool has_handler(const struct sigaction *action)
{
    return (action->sa_flags & SA_SIGINFO) != 0 ||
           (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN);
}

/* [ENV-1] All but the faults: blocked, those would kill the process past every crash handler. */
static void signals_of_others(sigset_t *ret_set)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigfillset(ret_set);
    for (size_t i = 0; i < NOHI_COUNT(faults); i++) {
        sigdelset(ret_set, faults[i]);
    }
    struct sigaction action;
    if (sigaction(STACK_SIGNAL, NULL, &action) == 0 && !has_handler(&action)) {
        sigdelset(ret_set, STACK_SIGNAL);
    }
}

static noh_err thread_start(void *world, void (*fn)(void *arg), void *arg, const char *name,
                            void **ret_thread)
{
    (void)world;
    beginning *start = malloc(sizeof *start);
    if (start == NULL) {
        return NOH_E_NOMEM;
    }
    start->fn = fn;
    start->arg = arg;
    snprintf(start->name, sizeof start->name, "%s", name == NULL ? "noh" : name);

    sigset_t blocked;
    sigset_t before;
    pthread_t thread;
    signals_of_others(&blocked);
    pthread_sigmask(SIG_BLOCK, &blocked, &before); // inherited, so no moment is left open
    int failed = pthread_create(&thread, NULL, thread_main, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        free(start);
        return failed == ENOMEM ? NOH_E_NOMEM : NOH_E_OS;
    }
    void *handle = NULL;
    memcpy(&handle, &thread, sizeof thread);
    *ret_thread = handle;
    return NOH_OK;
}

static pthread_t thread_of(void *handle)
{
    pthread_t thread;
    memcpy(&thread, &handle, sizeof thread);
    return thread;
}

static void thread_join(void *world, void *thread)
{
    (void)world;
    pthread_join(thread_of(thread), NULL);
}

static void thread_detach(void *world, void *thread)
{
    (void)world;
    pthread_detach(thread_of(thread));
}

static unsigned cpu_count(void *world)
{
    (void)world;
#if defined(__linux__)
    cpu_set_t allowed; // fails on machines with more than 1,024 processors
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0 && CPU_COUNT(&allowed) > 0) {
        return (unsigned)CPU_COUNT(&allowed);
    }
#endif
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (unsigned)online : 1;
}

/* The key is the handle, as above. */
_Static_assert(sizeof(pthread_key_t) <= sizeof(void *), "a pthread_key_t fits into the handle");

static noh_err local_new(void *world, void (*end)(void *value), void **ret_local)
{
    (void)world;
    pthread_key_t key;
    int failed = pthread_key_create(&key, end);
    if (failed != 0) {
        return failed == ENOMEM ? NOH_E_NOMEM : NOH_E_LIMIT;
    }
    *ret_local = NULL;
    memcpy(ret_local, &key, sizeof key);
    return NOH_OK;
}

static pthread_key_t key_of(void *local)
{
    pthread_key_t key;
    memcpy(&key, &local, sizeof key);
    return key;
}

static void local_free(void *world, void *local)
{
    (void)world;
    pthread_key_delete(key_of(local));
}

static void *local_get(void *world, void *local)
{
    (void)world;
    return pthread_getspecific(key_of(local));
}

static noh_err local_set(void *world, void *local, void *value)
{
    (void)world;
    return pthread_setspecific(key_of(local), value) == 0 ? NOH_OK : NOH_E_NOMEM;
}

/* ---- what a thread does ------------------------------------------------------------------- */

#ifdef USE_BACKTRACE

/* A thread's answer, written at once: below PIPE_BUF. */
typedef struct thread_calls {
    pthread_t thread;
    void *interrupted; /* where; before it stand the calls of the signal itself */
    int count;
    void *calls[STACK_CALLS];
} thread_calls;

static void *interrupted_at(const void *context)
{
#if defined(__x86_64__)
    return (void *)(uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (void *)(uintptr_t)((const ucontext_t *)context)->uc_mcontext.pc;
#else
    (void)context;
    return NULL;
#endif
}

static void answer_with_calls(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    if (info->si_code != SI_QUEUE || info->si_pid != getpid()) {
        return; // of a socket
    }
    int error = errno;
    thread_calls answer = {.thread = pthread_self(), .interrupted = interrupted_at(context)};
    answer.count = backtrace(answer.calls, STACK_CALLS);
    ssize_t ignored = write(info->si_value.sival_int, &answer, sizeof answer); // full: no answer
    (void)ignored;
    errno = error;
}

static pthread_mutex_t stack_lock = PTHREAD_MUTEX_INITIALIZER; // one question at a time
static int answers[2] = {-1, -1};
static pid_t answers_of; // a child would share them with its parent

/* [ENV-3] */
static bool open_answers(void)
{
    if (answers_of != getpid() && pipe2(answers, O_CLOEXEC | O_NONBLOCK) == 0) {
        answers_of = getpid();
    }
    return answers_of == getpid();
}

static bool await_answer(pthread_t thread, thread_calls *ret_calls)
{
    int64_t until_ns = read_clock(CLOCK_MONOTONIC) + STACK_WAIT_MS * INT64_C(1000000);
    for (;;) {
        while (read(answers[0], ret_calls, sizeof *ret_calls) == (ssize_t)sizeof *ret_calls) {
            if (pthread_equal(ret_calls->thread, thread)) {
                return true;
            }
        }
        int64_t left_ns = until_ns - read_clock(CLOCK_MONOTONIC);
        if (left_ns <= 0) {
            return false;
        }
        struct pollfd answer = {.fd = answers[0], .events = POLLIN};
        (void)poll(&answer, 1, (int)(left_ns / 1000000) + 1);
    }
}

/* The handler stands only meanwhile. */
static bool ask_for_calls(pthread_t thread, thread_calls *ret_calls)
{
    (void)backtrace(ret_calls->calls, 1); // the first one loads a library: not in the handler
    while (read(answers[0], ret_calls, sizeof *ret_calls) > 0) {
        // who answered too late
    }
    struct sigaction ours = {.sa_sigaction = answer_with_calls,
                             .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    struct sigaction before;
    struct sigaction after;
    if (sigaction(STACK_SIGNAL, NULL, &before) != 0 || has_handler(&before) ||
        sigaction(STACK_SIGNAL, &ours, NULL) != 0) {
        return false;
    }
    union sigval where = {.sival_int = answers[1]};
    bool answered =
        pthread_sigqueue(thread, STACK_SIGNAL, where) == 0 && await_answer(thread, ret_calls);
    sigaction(STACK_SIGNAL, &before, &after);
    if (has_handler(&after) && after.sa_sigaction != answer_with_calls) {
        sigaction(STACK_SIGNAL, &after, NULL); // the program has taken the signal meanwhile
    }
    return answered;
}

/* Of "/path/program(function+0x12) [0x5566]" the function, or "program+0x3412" if it has no name. */
static int print_call(char *text, size_t size, const char *symbol)
{
    const char *open = strrchr(symbol, '(');
    const char *close = strrchr(symbol, ')');
    if (open == NULL || close == NULL || close - open < 2) {
        return snprintf(text, size, "%s", symbol);
    }
    const char *from = open + 1;
    if (*from != '+') {
        return snprintf(text, size, "%.*s", (int)(close - from), from);
    }
    const char *name = open;
    while (name > symbol && name[-1] != '/') {
        name--;
    }
    return snprintf(text, size, "%.*s%.*s", (int)(open - name), name, (int)(close - from), from);
}

static bool print_calls(thread_calls *calls, char *ret_text, size_t size)
{
    int first = 0;
    for (int i = 0; i < calls->count; i++) {
        first = calls->calls[i] == calls->interrupted ? i : first;
    }
    for (int i = first + 1; i < calls->count; i++) {
        calls->calls[i] = (char *)calls->calls[i] - 1; // the call, not what comes after it
    }
    char **symbols = backtrace_symbols(calls->calls, calls->count);
    if (symbols == NULL) {
        return false;
    }
    size_t used = 0;
    for (int i = first; i < calls->count && used < size; i++) {
        used += (size_t)snprintf(ret_text + used, size - used, "%s", i == first ? "" : ", ");
        if (used < size) {
            used += (size_t)print_call(ret_text + used, size - used, symbols[i]);
        }
    }
    free(symbols);
    return used > 0;
}

static bool thread_stack(void *world, void *thread, char *ret_text, size_t size)
{
    (void)world;
    thread_calls calls;
    pthread_mutex_lock(&stack_lock);
    bool answered = open_answers() && ask_for_calls(thread_of(thread), &calls);
    pthread_mutex_unlock(&stack_lock);
    return answered && print_calls(&calls, ret_text, size);
}

#else
#define thread_stack NULL
#endif

/* ---- sleeping ----------------------------------------------------------------------------- */

#ifdef USE_FUTEX

static void park_wait(void *world, uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
    (void)world;
    struct timespec timeout = {0};
    if (timeout_ns >= 0) {
        timeout.tv_sec = (time_t)(timeout_ns / NANOS_PER_SECOND);
        timeout.tv_nsec = (long)(timeout_ns % NANOS_PER_SECOND);
    }
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout_ns < 0 ? NULL : &timeout, NULL,
            0);
}

static void park_wake(void *world, uint32_t *word)
{
    (void)world;
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

#else

/* Sleepers whose words share a bucket wake each other for no reason, which the contract allows. */
typedef struct bucket {
    pthread_mutex_t lock; /* a leaf: nothing is called with it held */
    pthread_cond_t changed;
} bucket;

#define BUCKET \
    { \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER \
    }
#define BUCKETS4 BUCKET, BUCKET, BUCKET, BUCKET
static bucket buckets[16] = {BUCKETS4, BUCKETS4, BUCKETS4, BUCKETS4};

static bucket *bucket_of(const uint32_t *word)
{
    return &buckets[mix((uint64_t)(uintptr_t)word) % NOHI_COUNT(buckets)];
}

static void park_wait(void *world, uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
    (void)world;
    enum { LONGEST_SECONDS = 3600 }; // far from any overflow of time_t; the caller looks again
    bucket *home = bucket_of(word);
    pthread_mutex_lock(&home->lock);
    // [ENV-2] volatile: the word changes without our lock; whoever changes it takes the lock after.
    if (*(volatile uint32_t *)word != expected) {
        pthread_mutex_unlock(&home->lock);
        return;
    }
    if (timeout_ns < 0) {
        pthread_cond_wait(&home->changed, &home->lock);
    } else {
        int64_t longest = (int64_t)LONGEST_SECONDS * NANOS_PER_SECOND;
        int64_t due = read_clock(CLOCK_REALTIME) + (timeout_ns < longest ? timeout_ns : longest);
        struct timespec until = {(time_t)(due / NANOS_PER_SECOND), (long)(due % NANOS_PER_SECOND)};
        pthread_cond_timedwait(&home->changed, &home->lock, &until);
    }
    pthread_mutex_unlock(&home->lock);
}

static void park_wake(void *world, uint32_t *word)
{
    (void)world;
    bucket *home = bucket_of(word);
    pthread_mutex_lock(&home->lock);
    pthread_cond_broadcast(&home->changed);
    pthread_mutex_unlock(&home->lock);
}

#endif

static void relax(void *world)
{
    (void)world;
#if defined(__x86_64__) || defined(__i386__)
    __asm__ volatile("pause");
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#endif
}

#ifdef SYS_membarrier

static bool barrier(void *world)
{
    (void)world;
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0) {
        return true;
    }
    // The first time: the process has to say that it wants this. A sandbox may forbid it.
    return errno == EPERM &&
           syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0 &&
           syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
}

#else

static bool barrier(void *world)
{
    (void)world;
    return false;
}

#endif

/* ---- memory ------------------------------------------------------------------------------- */

static void *alloc(void *world, size_t size)
{
    (void)world;
    if (size > PTRDIFF_MAX) {
        return NULL;
    }
    size = size == 0 ? 1 : size; // NULL must mean that there is none
    return _Alignof(max_align_t) >= 16 ? malloc(size) : aligned_alloc(16, nohi_align_up(size, 16));
}

static void free_block(void *world, void *block, size_t size)
{
    (void)world;
    (void)size;
    free(block);
}

static void *pages_reserve(void *world, size_t size)
{
    (void)world;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *start = mmap(NULL, size, PROT_NONE, flags, -1, 0);
    return start == MAP_FAILED ? NULL : start;
}

static noh_err protect(void *start, size_t size, int protection)
{
    if (mprotect(start, size, protection) == 0) {
        return NOH_OK;
    }
    return errno == ENOMEM ? NOH_E_NOMEM : NOH_E_OS;
}

static noh_err pages_commit(void *world, void *start, size_t size)
{
    (void)world;
#ifdef USE_GUARD
    (void)madvise(start, size, GUARD_REMOVE); // fails where there cannot be one
#endif
    return protect(start, size, PROT_READ | PROT_WRITE);
}

#ifdef USE_GUARD

/* False: an older kernel, or memory that it does not do this for (locked, until 6.15), or an emulator
 * that takes an advice it does not know for a hint: so the kernel has to run into the guard, too. */
static bool install_guard(void *start, size_t size)
{
    return madvise(start, size, GUARD_INSTALL) == 0 &&
           syscall(SYS_getrandom, start, 1, GRND_NONBLOCK) < 0 && errno == EFAULT;
}

#else

static bool install_guard(void *start, size_t size)
{
    (void)start;
    (void)size;
    return false;
}

#endif

static noh_err pages_guard(void *world, void *start, size_t size)
{
    (void)world;
    if (install_guard(start, size)) {
        return NOH_OK;
    }
    (void)madvise(start, size, MADV_DONTNEED);
    return protect(start, size, PROT_NONE); // splits a mapping in three
}

static void pages_discard(void *world, void *start, size_t size)
{
    (void)world;
    (void)madvise(start, size, MADV_DONTNEED);
}

/* Swapped out counts as untouched. */
static size_t pages_untouched(void *world, void *start, size_t size)
{
    (void)world;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char here[LOOK_PAGES];
    size_t at = 0;
    while (at < size) {
        size_t bytes = size - at < LOOK_PAGES * page ? size - at : LOOK_PAGES * page;
        if (mincore((char *)start + at, bytes, (void *)here) != 0) {
            return 0;
        }
        for (size_t i = 0; i < bytes / page; i++) {
            if (here[i] & 1) {
                return at + i * page;
            }
        }
        at += bytes;
    }
    return size;
}

static void pages_release(void *world, void *start, size_t size)
{
    (void)world;
    munmap(start, size);
}

/* ---- log ---------------------------------------------------------------------------------- */

static const char *level_name(noh_log_level level)
{
    switch (level) {
    case NOH_LOG_ERROR:
        return "error";
    case NOH_LOG_WARNING:
        return "warning";
    case NOH_LOG_INFO:
        return "info";
    case NOH_LOG_DEBUG:
        return "debug";
    }
    return "?";
}

/* One write, so that the lines of several threads stay whole. */
static void write_log(void *world, const noh_log_record *record)
{
    (void)world;
    bool has_speaker = record->behavior != NULL || record->actor != 0;
    char actor[24] = "";
    if (record->actor != 0) {
        snprintf(actor, sizeof actor, "<0x%llx>", (unsigned long long)record->actor);
    }
    char line[LOG_LINE_SIZE];
    int written = snprintf(line, sizeof line, "noh %s%s%.200s%s: %s\n", level_name(record->level),
                           has_speaker ? " " : "", record->behavior == NULL ? "" : record->behavior,
                           actor, record->text == NULL ? "" : record->text);
    if (written < 0) {
        return;
    }
    size_t size = (size_t)written;
    if (size >= sizeof line) {
        size = sizeof line - 1;
        line[size - 1] = '\n';
    }
    ssize_t ignored = write(STDERR_FILENO, line, size); // a log that cannot be written has no log
    (void)ignored;
}

/* ------------------------------------------------------------------------------------------- */

noh_env noh_env_default(void)
{
    return (noh_env){
        .size = sizeof(noh_env),
        .world = NULL,
        .now_ns = now_ns,
        .random = random_bits,
        .thread_start = thread_start,
        .thread_join = thread_join,
        .thread_detach = thread_detach,
        .thread_stack = thread_stack,
        .cpu_count = cpu_count,
        .local_new = local_new,
        .local_free = local_free,
        .local_get = local_get,
        .local_set = local_set,
        .park_wait = park_wait,
        .park_wake = park_wake,
        .relax = relax,
        .barrier = barrier,
        .alloc = alloc,
        .free = free_block,
        .pages_reserve = pages_reserve,
        .pages_commit = pages_commit,
        .pages_guard = pages_guard,
        .pages_discard = pages_discard,
        .pages_untouched = pages_untouched,
        .pages_release = pages_release,
        .log = write_log,
    };
}
