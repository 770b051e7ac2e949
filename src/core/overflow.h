/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Overflow: an actor that runs off its strand's stack ends, and no other.
 *
 * Purpose     A fault in the guard below a strand's stack ends the turn as noh_fail does. But it may
 *             come in the middle of a function of ours, with a message half sent: so the first fault
 *             opens the upper part of the guard, the reserve. What is under way comes to its end
 *             there, and the actor ends with its next call of the library; or at the next fault, in the
 *             lower part.
 * Owner       The home whose thread runs the strand.
 * Invariants  OVR-1  the reserve is shut again when the turn was left; until then `strained` says whose
 *                    turn it was.
 *             OVR-2  while it is open, noh_tell takes its long way, which looks at `strained`: the
 *                    worker believes in no slots.
 * Traps       What is abandoned may be a function of the C library that was called by a handler, with
 *             a lock held. A call of the library every 64 KiB of stack, and it is not. The same holds
 *             for ThreadSanitizer's own functions, which are called by every function it has compiled. */
#ifndef NOHI_OVERFLOW_H
#define NOHI_OVERFLOW_H

#include "trap.h"
#include "worker.h"

/* trap.h: `worker` is the home whose thread has faulted. In a signal handler. */
nohi_trap_answer nohi_overflow_ask(void *worker, void *address, jmp_buf **ret_to);

/* Some turn on this strand was strained: this one fails, does not return; or it is over. */
void nohi_overflow_seen(noh_self *self);

/* The turn was left, by a jump to `caught`. */
void nohi_overflow_left(noh_self *self);
/* The same later: nobody runs there any more. It was strained. */
void nohi_overflow_shut(noh_self *self);

/* At the beginning of a call that handlers make, with nothing begun yet. */
NOHI_INLINE void nohi_overflow_poll(noh_self *self)
{
    if (NOHI_UNLIKELY(!noh_ref_is_none(self->strained))) {
        nohi_overflow_seen(self);
    }
}

#endif
