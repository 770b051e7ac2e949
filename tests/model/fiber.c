/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Fiber: the threads of a model, and the operations they stop at.
 *
 * A thread runs on a small stack of its own until it is about to do its next operation; then it hands
 * over to the search, which may copy the stack away and back. Switching is _setjmp and _longjmp: they
 * only move registers, which lie in `now` and are saved with it. */
#include "world.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

world now;
run current = {.running = -1};
failure failed;
alignas(64) char nohi_model_shared[MODEL_SHARED_BYTES];
alignas(64) char nohi_model_ghost[MODEL_GHOST_BYTES];
alignas(64) char stacks[MODEL_THREADS_MAX][STACK_BYTES];

static jmp_buf scheduler; /* where a thread, or a guarded function, leaves to */
static ucontext_t starter;

/* ---- failing ------------------------------------------------------------------------------ */

_Noreturn void fail(const char *kind, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    failed.kind = kind;
    vsnprintf(failed.text, sizeof failed.text, format, arguments);
    va_end(arguments);
    _longjmp(scheduler, 2);
}

_Noreturn void nohi_model_failed(const char *kind, const char *what, const char *file, int line)
{
    const char *slash = strrchr(file, '/');
    fail(kind, "%s (%s:%d)", what, slash == NULL ? file : slash + 1, line);
}

_Noreturn void nohi_assert_failed(const char *id, const char *condition, const char *file, int line)
{
    (void)id;
    nohi_model_failed("check", condition, file, line);
}

static void on_crash(int signal)
{
    failed.kind = "crash";
    snprintf(failed.text, sizeof failed.text, "signal %d", signal);
    _longjmp(scheduler, 2);
}

/* A broken variant may follow a wild pointer: that is a failure like others. */
void catch_crashes(void)
{
    static char stack[65536];
    stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK | SA_NODEFER};
    sigaltstack(&alternative, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

/* ---- switching ---------------------------------------------------------------------------- */

static void *here(void);
static __attribute__((noinline)) void *here(void)
{
    return __builtin_frame_address(0); /* below all of the caller's frame */
}

/* Until the search lets this thread go on. */
static __attribute__((noinline)) void hand_over(void)
{
    thread *t = &now.threads[current.running];
    t->stack = (uint32_t)((char *)here() - stacks[current.running]);
    if (_setjmp(t->registers) == 0) {
        _longjmp(scheduler, 1);
    }
}

static void thread_main(void)
{
    unsigned number = (unsigned)current.running;
    now.threads[number].stack = (uint32_t)((char *)here() - stacks[number]);
    if (_setjmp(now.threads[number].registers) == 0) {
        setcontext(&starter);
    }
    current.model->threads[number](number);
    now.threads[number].status = DONE;
    now.threads[number].next = (operation){.site = NULL};
    now.threads[number].stack = STACK_BYTES;
    _longjmp(scheduler, 1);
}

/* What lies below the stack pointer is dead, and zero. */
static void clear_below(unsigned number)
{
    uint32_t used = now.threads[number].stack;
    const uint64_t *guard = (const uint64_t *)(void *)stacks[number];
    bool overflowed = guard[0] != 0 || guard[1] != 0;
    memset(stacks[number], 0, used);
    if (now.threads[number].status == DONE) {
        memset(now.threads[number].registers, 0, sizeof(jmp_buf));
    }
    if (overflowed) {
        failed = (failure){.kind = "limit", .text = "a stack is too small"};
    }
}

bool fiber_resume(unsigned number)
{
    current.running = (int)number;
    current.plain_accesses = 0;
    int left = _setjmp(scheduler);
    if (left == 0) {
        _longjmp(now.threads[number].registers, 1);
    }
    current.running = -1;
    if (left == 1) {
        clear_below(number);
    }
    return failed.kind == NULL;
}

/* Puts each thread in front of its first instruction. */
void fibers_start(void)
{
    for (unsigned i = 0; i < current.threads; i++) {
        ucontext_t context;
        getcontext(&context);
        context.uc_stack.ss_sp = stacks[i];
        context.uc_stack.ss_size = STACK_BYTES;
        context.uc_link = NULL;
        makecontext(&context, thread_main, 0);
        current.running = (int)i;
        swapcontext(&starter, &context);
    }
    current.running = -1;
}

bool run_guarded(void (*fn)(void))
{
    current.running = -1;
    if (fn != NULL && _setjmp(scheduler) == 0) {
        fn();
    }
    current.running = -1;
    return failed.kind == NULL;
}

/* ---- operations --------------------------------------------------------------------------- */

static thread *perform(operation op)
{
    thread *t = &now.threads[current.running];
    bool shared = (char *)op.address >= nohi_model_shared &&
                  (char *)op.address < nohi_model_shared + MODEL_SHARED_BYTES;
    if (op.address != NULL && !shared) {
        fail("access", "an operation on memory that is not shared");
    }
    op.location = op.address == NULL ? 0 : (uint8_t)(memory_location(op.address, op.size) + 1);
    t->next = op;
    t->result = 0; /* of the one before: nobody reads it any more */
    t->done = false;
    hand_over();
    return t;
}

static uint8_t order_of(nohi_model_site *site)
{
    if (site->used & 128) {
        sites_add(site);
    }
    return site->used;
}

static operation operation_at(nohi_model_site *site, const void *address, size_t size)
{
    uint8_t order = order_of(site);
    return (operation){.site = site,
                       .address = (void *)(uintptr_t)address,
                       .kind = site->kind,
                       .order = order,
                       .size = (uint8_t)size};
}

uint64_t nohi_model_load(nohi_model_site *site, const void *address, size_t size)
{
    if (current.running < 0) {
        return memory_read(address, size);
    }
    return perform(operation_at(site, address, size))->result;
}

static uint64_t cut(uint64_t value, size_t size)
{
    return size == 8 ? value : value & ((UINT64_C(1) << 8 * size) - 1);
}

void nohi_model_store(nohi_model_site *site, void *address, size_t size, uint64_t value)
{
    if (current.running < 0) {
        memory_write(address, size, value);
        return;
    }
    operation op = operation_at(site, address, size);
    op.operand = cut(value, size);
    perform(op);
}

/* Outside of threads: setup and check. */
static uint64_t change_alone(nohi_model_kind kind, void *address, size_t size, uint64_t operand)
{
    uint64_t old = memory_read(address, size);
    uint64_t value = kind == NOHI_MODEL_ADD   ? old + operand
                     : kind == NOHI_MODEL_SUB ? old - operand
                     : kind == NOHI_MODEL_AND ? (old & operand)
                     : kind == NOHI_MODEL_OR  ? (old | operand)
                                              : operand;
    memory_write(address, size, value);
    return old;
}

uint64_t nohi_model_change(nohi_model_site *site, void *address, size_t size, uint64_t operand)
{
    if (current.running < 0) {
        return change_alone((nohi_model_kind)site->kind, address, size, operand);
    }
    operation op = operation_at(site, address, size);
    op.operand = cut(operand, size);
    return perform(op)->result;
}

nohi_model_found nohi_model_cas(nohi_model_site *site, void *address, size_t size,
                                uint64_t expected, uint64_t value)
{
    expected = cut(expected, size);
    if (current.running < 0) {
        uint64_t old = memory_read(address, size);
        if (old == expected) {
            memory_write(address, size, value);
        }
        return (nohi_model_found){old, old == expected};
    }
    operation op = operation_at(site, address, size);
    op.expected = expected;
    op.operand = cut(value, size);
    const thread *t = perform(op);
    return (nohi_model_found){t->result, t->done};
}

static int do_lock(pthread_mutex_t *mutex, nohi_model_kind kind, nohi_model_order order)
{
    if (current.running >= 0) {
        perform((operation){.address = mutex, .kind = kind, .order = order, .size = 4});
    }
    return 0;
}

int nohi_model_lock(pthread_mutex_t *mutex)
{
    return do_lock(mutex, NOHI_MODEL_LOCK, NOHI_MODEL_ACQUIRE);
}

int nohi_model_unlock(pthread_mutex_t *mutex)
{
    return do_lock(mutex, NOHI_MODEL_UNLOCK, NOHI_MODEL_RELEASE);
}

int nohi_model_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
    (void)attributes;
    memory_write(mutex, 4, 0);
    return 0;
}

int nohi_model_mutex_destroy(pthread_mutex_t *mutex)
{
    (void)mutex;
    return 0;
}

unsigned nohi_model_choose(unsigned count)
{
    return (unsigned)perform((operation){.kind = NOHI_MODEL_CHOOSE, .operand = count})->result;
}

void nohi_model_membarrier(void)
{
    if (!current.model->membarriers) {
        fail("limit", "the model does not say that it uses membarrier");
    }
    perform((operation){.kind = NOHI_MODEL_MEMBARRIER, .order = NOHI_MODEL_SEQ_CST});
}

/* ---- the world behind noh_env ------------------------------------------------------------- */

static int64_t env_now(void *world)
{
    (void)world;
    return 0;
}

static uint64_t env_random(void *world)
{
    (void)world;
    return 1;
}

/* Atomically looks at the newest value and sleeps. */
static void env_park_wait(void *world, uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
    (void)world;
    perform((operation){.address = word,
                        .kind = NOHI_MODEL_WAIT,
                        .size = 4,
                        .expected = expected,
                        .timed = timeout_ns >= 0});
}

static void env_park_wake(void *world, uint32_t *word)
{
    (void)world;
    perform((operation){.address = word, .kind = NOHI_MODEL_WAKE, .size = 4});
}

/* Threads wait before each operation anyway. */
static void env_relax(void *world)
{
    (void)world;
}

static bool env_barrier(void *world)
{
    (void)world;
    nohi_model_membarrier();
    return true;
}

static void *env_alloc(void *world, size_t size)
{
    (void)world;
    size = nohi_align_up(size, 16);
    if (now.heap_used + size > current.model->heap_bytes) {
        return NULL;
    }
    char *start = nohi_model_shared + nohi_align_up(current.model->shared_bytes, 64);
    char *block = start + now.heap_used;
    now.heap_used += (unsigned)size;
    return block;
}

static void env_free(void *world, void *block, size_t size)
{
    (void)world;
    (void)block;
    (void)size;
}

/* The heap is all there is. */
static void *env_pages_reserve(void *world, size_t size)
{
    (void)world;
    (void)size;
    return nohi_model_shared + nohi_align_up(current.model->shared_bytes, 64);
}

static noh_err env_pages_commit(void *world, void *start, size_t size)
{
    (void)world;
    (void)start;
    (void)size;
    return NOH_OK;
}

static void env_pages_release(void *world, void *start, size_t size)
{
    (void)world;
    (void)start;
    (void)size;
}

const noh_env nohi_model_env = {
    .size = sizeof(noh_env),
    .now_ns = env_now,
    .random = env_random,
    .park_wait = env_park_wait,
    .park_wake = env_park_wake,
    .relax = env_relax,
    .barrier = env_barrier,
    .alloc = env_alloc,
    .free = env_free,
    .pages_reserve = env_pages_reserve,
    .pages_commit = env_pages_commit,
    .pages_release = env_pages_release,
};
