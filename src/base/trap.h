/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Trap: asks those on a thread about the address that it faulted at, before anybody else hears of it.
 *
 * Purpose     Who runs off a stack of ours should not end the process. The signal comes to a handler on
 *             an alternate stack, which asks all that nohi_trap_enter has put down for this thread,
 *             the newest first, until one knows it: workers that act on one thread in turns, as in a
 *             simulation, are all there.
 * Owner       The signal's action belongs to the process: it is ours from the first nohi_trap_begin
 *             to the last nohi_trap_end, and whatever was there before gets all that is not ours, as if
 *             it had been called alone, but on this thread's alternate stack. Who takes the signal
 *             after us has to pass on what is not his, or an overflow is his.
 *             The question and the alternate stack belong to the thread. A thread that has an alternate
 *             stack already keeps it; ours goes with the thread, not with a system.
 * Invariants  TRP-1  the answer is given in a signal handler: it calls nothing that is not safe there.
 *             TRP-2  after it the thread's signal mask is what it was at the fault.
 * Why not     noh_env for this: a thread has one signal mask and one alternate stack, however many
 *             systems and worlds there are. The thread-local pointer is the only way for a handler
 *             to know where it is; it is read nowhere else. */
#ifndef NOHI_TRAP_H
#define NOHI_TRAP_H

#include "base.h"

#include <setjmp.h>

typedef enum nohi_trap_answer {
    NOHI_TRAP_OTHERS, /* none of ours */
    NOHI_TRAP_GO_ON,  /* there is memory now: once more */
    NOHI_TRAP_LEAVE,  /* to *ret_to, by longjmp */
} nohi_trap_answer;

typedef struct nohi_trap nohi_trap;
struct nohi_trap {
    nohi_trap_answer (*ask)(void *ctx, void *address, jmp_buf **ret_to);
    void *ctx;
    nohi_trap *next;
};

/* Around all that follows; counted. When the signal cannot be had, overflows end the process as ever. */
void nohi_trap_begin(void);
void nohi_trap_end(void);

/* From here to there this thread's faults are asked about there, too. Borrows the trap meanwhile. */
void nohi_trap_enter(nohi_trap *trap);
void nohi_trap_leave(nohi_trap *trap);

#endif
