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
 * Cost        Some 3 ns. A switch goes by an indirect jump, since a `ret` to where no call came from is
 *             always mispredicted (9 ns); and on x86-64 it comes by none either, so that the calls and
 *             returns around it stay in pairs: it is no function, but a place in one, which saves
 *             whatever registers it has in use itself.
 * Traps       The compiler may keep the address of a thread-local variable, errno's among them, across
 *             the switch: on another thread that is another thread's.
 *             What runs off its stack writes to whatever lies below: the memory's owner sees to that
 *             (core/stacks.h).
 *             Who switches away need not be on the stack of `from`: what runs there may have made fibers
 *             of its own, and be on one of those. It comes back there. */
#ifndef NOHI_FIBER_H
#define NOHI_FIBER_H

#include "base.h"

#if defined(__SANITIZE_THREAD__)
#define NOHI_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NOHI_TSAN 1
#endif
#endif
#if defined(NOHI_ASAN) || defined(NOHI_TSAN)
#define NOHI_FIBER_TOLD 1 /* a sanitizer is told of each switch */
#endif

/* Does not return: the end of a fiber is a switch to another one, who may free it. */
typedef void nohi_fiber_fn(void *arg);

#if defined(__x86_64__) || defined(__aarch64__)
#define NOHI_FIBER_ASM 1
#else
#include <ucontext.h>
#endif

typedef struct nohi_fiber {
#ifdef NOHI_FIBER_ASM
    void *sp; /* this and what follows: while it does not run */
#ifdef __x86_64__
    void *bp;
    void *pc;
    uint32_t mxcsr; /* the control words of the two floating point units */
    uint16_t x87;
#endif
#else
    ucontext_t context;
#endif
    char *low;   /* the lowest byte that may be touched; of a thread's own stack NULL */
    size_t size; /* of the stack above it */
    nohi_fiber_fn *fn;
    void *arg;
    void *shadow; /* of a sanitizer: of the stack it was left on */
#ifdef NOHI_ASAN
    const void *left_low; /* and the bounds of that */
    size_t left_size;
#endif
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

#ifdef __x86_64__
/* Those that exist only with some options. */
#ifdef __AVX512F__
#define NOHI_FIBER_MORE \
    , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", \
        "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6", \
        "k7"
#else
#define NOHI_FIBER_MORE
#endif

/* For who looks at calls from a signal, between the two stacks: they end here. */
#ifdef __GCC_HAVE_DWARF2_CFI_ASM
#define NOHI_FIBER_BETWEEN ".cfi_remember_state\n\t.cfi_undefined rip\n\t"
#define NOHI_FIBER_BEHIND ".cfi_restore_state\n"
#else
#define NOHI_FIBER_BETWEEN
#define NOHI_FIBER_BEHIND
#endif

NOHI_INLINE void nohi_fiber_jump(nohi_fiber *from, nohi_fiber *to)
{
    __asm__ volatile(
        "stmxcsr %c[mxcsr](%%rdi)\n\t"
        "fnstcw %c[x87](%%rdi)\n\t"
        "leaq 3f(%%rip), %%rax\n\t"
        "movq %%rax, %c[pc](%%rdi)\n\t"
        /* Loading them is dear, and they are nearly always the same. */
        "movl %c[mxcsr](%%rdi), %%eax\n\t"
        "movzwl %c[x87](%%rdi), %%ecx\n\t"
        "cmpl %c[mxcsr](%%rsi), %%eax\n\t"
        "jne 2f\n\t"
        "cmpw %c[x87](%%rsi), %%cx\n\t"
        "jne 2f\n"
        "1:\n\t"
        "movq %%rsp, %c[sp](%%rdi)\n\t"
        "movq %%rbp, %c[bp](%%rdi)\n\t"
        "movq %c[pc](%%rsi), %%rcx\n\t" NOHI_FIBER_BETWEEN "movq %c[bp](%%rsi), %%rbp\n\t"
        "movq %c[sp](%%rsi), %%rsp\n\t"
        "notrack jmpq *%%rcx\n\t" NOHI_FIBER_BEHIND "2:\n\t"
        "ldmxcsr %c[mxcsr](%%rsi)\n\t"
        "fldcw %c[x87](%%rsi)\n\t"
        "jmp 1b\n"
        "3:\n"
        : "+D"(from), "+S"(to)
        : [sp] "i"(offsetof(nohi_fiber, sp)), [bp] "i"(offsetof(nohi_fiber, bp)),
          [pc] "i"(offsetof(nohi_fiber, pc)), [mxcsr] "i"(offsetof(nohi_fiber, mxcsr)),
          [x87] "i"(offsetof(nohi_fiber, x87))
        : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc",
          "memory", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "xmm0",
          "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
          "xmm12", "xmm13", "xmm14", "xmm15" NOHI_FIBER_MORE);
}
#endif

/* Goes on where `to` stopped, or begins it. Returns when somebody switches to `from`, on whatever
 * thread that is. */
#if defined(__x86_64__) && !defined(NOHI_FIBER_TOLD)
NOHI_INLINE void nohi_fiber_switch(nohi_fiber *from, nohi_fiber *to)
{
    nohi_fiber_jump(from, to);
}
#else
void nohi_fiber_switch(nohi_fiber *from, nohi_fiber *to);
#endif

#endif
