/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Fiber: what runs on a stack of its own, and the switch from one to another.
 *
 * Purpose     What runs on a fiber can stop in the middle of a function, at any depth, and go on
 *             later, also on another thread. Who goes on when, and where, is the caller's matter.
 * Owner       Who runs on it; while it does not run, whoever has the pointer. Handing that to another
 *             thread needs the usual ordering.
 * Invariants  FIB-1  a fiber runs on one thread at a time, and is switched to only after the switch
 *                    away from it has returned somewhere.
 * Cost        A switch is a function call that saves six registers, 3 ns; it returns by an indirect
 *             jump, since a `ret` to where no call came from is always mispredicted (9 ns).
 * Traps       The compiler may keep the address of a thread-local variable, errno's among them, across
 *             the switch: on another thread that is another thread's.
 *             What runs off its stack writes to whatever lies below: the memory's owner sees to that
 *             (core/stacks.h). */
#ifndef NOHI_FIBER_H
#define NOHI_FIBER_H

#include "base.h"

/* Does not return: the end of a fiber is a switch to another one, who may free it. */
typedef void nohi_fiber_fn(void *arg);

#if defined(__x86_64__) || defined(__aarch64__)
#define NOHI_FIBER_ASM 1
#else
#include <ucontext.h>
#endif

typedef struct nohi_fiber {
#ifdef NOHI_FIBER_ASM
    void *sp; /* while it does not run */
#else
    ucontext_t context;
#endif
    char *low;   /* the lowest byte that may be touched; of a thread's own stack NULL */
    size_t size; /* of the stack above it */
    nohi_fiber_fn *fn;
    void *arg;
    void *shadow;      /* of a sanitizer */
    unsigned valgrind; /* its name for the stack */
} nohi_fiber;

/* A fiber that will run fn(arg). Its stack is that memory, but for the upper end, where the struct
 * lies. */
nohi_fiber *nohi_fiber_make(void *memory, size_t size, nohi_fiber_fn *fn, void *arg);
/* The memory may serve something else from now on, another fiber too. What ran there stopped somewhere,
 * and is not unwound. It does not run. */
void nohi_fiber_done(nohi_fiber *fiber);

/* The thread's own stack, to switch back to. The memory is the caller's. */
void nohi_fiber_of_thread(nohi_fiber *fiber);

/* Goes on where `to` stopped, or begins it. Returns when somebody switches to `from`, on whatever
 * thread that is. */
void nohi_fiber_switch(nohi_fiber *from, nohi_fiber *to);

#endif
