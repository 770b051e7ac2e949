/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Hint: one word that says "look at your mail", so that a busy worker reads one line, not five.
 *
 * Owner       `raise`: any thread, after it pushed; `lower`: the worker, before it takes.
 * Invariants  HNT-1  a busy worker does not miss mail for ever: if a push is not seen by the take that
 *                    follows a lower, then its raise comes after that lower in the word's order, and
 *                    the next look sees it.
 * Ordering    raise: push; or release      <->  lower: xchg acquire; take            HNT-1
 *             Read-modify-writes on both sides: a lower that comes after several raises reads the
 *             last of a chain, and so sees what was pushed before each of them. Before sleeping the
 *             worker looks at the queues themselves (park.h). */
#ifndef NOHI_HINT_H
#define NOHI_HINT_H

#include "atomic.h"
#include "base.h"

typedef struct nohi_hint {
    atom(uint32_t) raised;
} nohi_hint;

NOHI_INLINE void nohi_hint_raise(nohi_hint *hint)
{
    (void)or_release(&hint->raised, 1); /* HNT-1 */
}

NOHI_INLINE bool nohi_hint_is_raised(nohi_hint *hint)
{
    return load_relaxed(&hint->raised) != 0; /* re-checked by taking */
}

NOHI_INLINE void nohi_hint_lower(nohi_hint *hint)
{
    (void)xchg_acquire(&hint->raised, 0); /* HNT-1 */
}

#endif
