/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Fiber: see fiber.h. From below: the stack, the nohi_fiber. */
#include "fiber.h"

#include <string.h>

#if defined(__has_include) && !defined(NVALGRIND)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef VALGRIND_STACK_REGISTER
#define VALGRIND_STACK_REGISTER(low, high) ((void)(low), (void)(high), 0)
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#endif

/* ---- what the sanitizers want to know ----------------------------------------------------- */

#if defined(NOHI_ASAN)
void __sanitizer_start_switch_fiber(void **save, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *saved, const void **ret_bottom, size_t *ret_size);

static void tell_new(nohi_fiber *fiber)
{
    fiber->left_low = fiber->low;
    fiber->left_size = fiber->size;
}

static void tell_free(nohi_fiber *fiber)
{
    NOHI_UNPOISON(fiber->low, fiber->size);
}

/* Where it was left is known when it is switched back to: it has been left before. */
static void tell_thread(nohi_fiber *fiber)
{
    (void)fiber;
}

static _Thread_local nohi_fiber *left;

/* Neither is inlined: what is left on one thread may go on on another, with another `left`. */
static NOHI_NOINLINE void tell_leave(nohi_fiber *from, nohi_fiber *to)
{
    left = from;
    __sanitizer_start_switch_fiber(&from->shadow, to->left_low, to->left_size);
}

static NOHI_NOINLINE void tell_arrive(nohi_fiber *at)
{
    __sanitizer_finish_switch_fiber(at->shadow, &left->left_low, &left->left_size);
}
#elif defined(NOHI_TSAN)
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);

static void tell_new(nohi_fiber *fiber)
{
    fiber->shadow = __tsan_create_fiber(0);
}

static void tell_free(nohi_fiber *fiber)
{
    __tsan_destroy_fiber(fiber->shadow);
}

static void tell_thread(nohi_fiber *fiber)
{
    (void)fiber;
}

static void tell_leave(nohi_fiber *from, nohi_fiber *to)
{
    from->shadow = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(to->shadow, 0);
}

static void tell_arrive(nohi_fiber *at)
{
    (void)at;
}
#else
#define tell_new(fiber) ((void)(fiber))
#define tell_free(fiber) ((void)(fiber))
#define tell_thread(fiber) ((void)(fiber))
#define tell_leave(from, to) ((void)(from), (void)(to))
#define tell_arrive(at) ((void)(at))
#endif

/* ---- the switch --------------------------------------------------------------------------- */

/* Where a new fiber begins. */
void nohi_fiber_enter(nohi_fiber *at);

void nohi_fiber_enter(nohi_fiber *at)
{
    tell_arrive(at);
    at->fn(at->arg);
    NOHI_ASSERT(FIB_1, !"a fiber ends by a switch to another one");
}

#ifdef NOHI_FIBER_ASM
void nohi_fiber_begin(void);

/* Its stack without what lies there. */
static char *top_of(const nohi_fiber *fiber)
{
    return (char *)((uintptr_t)(fiber->low + fiber->size) & ~(uintptr_t)15);
}

#ifdef __x86_64__
static void prepare(nohi_fiber *fiber)
{
    fiber->sp = top_of(fiber);
    fiber->pc = (void *)(uintptr_t)nohi_fiber_begin;
    fiber->mxcsr = 0x1f80; /* System V ABI 3.4.1 */
    fiber->x87 = 0x037f;
}
#else
enum { GO_ON = 11, FRAME = 20, FIBER = 0 };

void nohi_fiber_jump_to(void **save, void *sp);

static void prepare(nohi_fiber *fiber)
{
    uintptr_t *frame = (uintptr_t *)(void *)top_of(fiber) - FRAME;
    memset(frame, 0, FRAME * sizeof *frame);
    frame[GO_ON] = (uintptr_t)nohi_fiber_begin;
    frame[FIBER] = (uintptr_t)fiber;
    fiber->sp = frame;
}

static void nohi_fiber_jump(nohi_fiber *from, nohi_fiber *to)
{
    nohi_fiber_jump_to(&from->sp, to->sp);
}
#endif

#if !defined(__x86_64__) || defined(NOHI_FIBER_TOLD)
void nohi_fiber_switch(nohi_fiber *from, nohi_fiber *to)
{
    tell_leave(from, to);
    nohi_fiber_jump(from, to);
    tell_arrive(from);
}
#endif
#else
static void begin_in_halves(unsigned high, unsigned low)
{
    nohi_fiber_enter((void *)((uintptr_t)high << 16 << 16 | low));
}

static void prepare(nohi_fiber *fiber)
{
    uintptr_t self = (uintptr_t)fiber;
    (void)getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->low;
    fiber->context.uc_stack.ss_size = fiber->size;
    fiber->context.uc_link = NULL;
    makecontext(&fiber->context, (void (*)(void))begin_in_halves, 2, (unsigned)(self >> 16 >> 16),
                (unsigned)self);
}

void nohi_fiber_switch(nohi_fiber *from, nohi_fiber *to)
{
    tell_leave(from, to);
    (void)swapcontext(&from->context, &to->context);
    tell_arrive(from);
}
#endif

/* ---- life --------------------------------------------------------------------------------- */

nohi_fiber *nohi_fiber_make(void *memory, size_t size, nohi_fiber_fn *fn, void *arg)
{
    char *low = memory;
    size_t own = nohi_align_up(sizeof(nohi_fiber), NOHI_CACHELINE);
    nohi_fiber *fiber = (nohi_fiber *)(void *)(low + size - own);
    *fiber = (nohi_fiber){.low = low, .size = size - own, .fn = fn, .arg = arg};
    fiber->valgrind = VALGRIND_STACK_REGISTER(fiber->low, (char *)fiber);
    tell_new(fiber);
    prepare(fiber);
    return fiber;
}

void nohi_fiber_done(nohi_fiber *fiber)
{
    tell_free(fiber);
    VALGRIND_STACK_DEREGISTER(fiber->valgrind);
}

void nohi_fiber_of_thread(nohi_fiber *fiber)
{
    *fiber = (nohi_fiber){.low = NULL};
    tell_thread(fiber);
}
