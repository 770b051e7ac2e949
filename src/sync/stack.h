/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Stack of numbered nodes: many push, one takes all.
 *
 * Purpose     A worker's lists that others write: actors announced to it, actors handed to it.
 * Owner       `push`: any thread that owns the nodes; `take`: the worker.
 * Invariants  STK-1  a node is in at most one stack, pushed by who may write its link.
 *             STK-2  the taker sees everything the pusher wrote before (the node's fields too).
 * Ordering    push cas seq_cst (release)  <->  take xchg acquire          STK-2
 *             push cas seq_cst, then the look at the sleeper, pairs with park.h (PRK-1).
 * Why not     a ring: it has a size. All nodes leave at once, so there is no ABA problem. */
#ifndef NOHI_STACK_H
#define NOHI_STACK_H

#include "atomic.h"
#include "base.h"

typedef struct nohi_stack {
    atom(uint32_t) top; /* 0: empty */
} nohi_stack;

/* Pushes the chain that starts with `first`; `last_link` is the link of its last node.
 * True: the stack was empty, so the caller must look whether the worker sleeps. */
NOHI_INLINE bool nohi_stack_push(nohi_stack *stack, uint32_t first, uint32_t *last_link)
{
    uint32_t seen = load_relaxed(&stack->top); /* re-checked by the cas */
    do {
        *last_link = seen;
    } while (!cas_weak_seq_cst(&stack->top, &seen, first)); /* STK-2, PRK-1 */
    return seen == 0;
}

/* The chain, newest first, or 0. The worker. */
NOHI_INLINE uint32_t nohi_stack_take(nohi_stack *stack)
{
    if (load_relaxed(&stack->top) == 0) { /* re-checked before the worker sleeps */
        return 0;
    }
    return xchg_acquire(&stack->top, 0); /* STK-2 */
}

/* For the worker's look before it sleeps: after nohi_park_announce. */
NOHI_INLINE bool nohi_stack_is_empty(nohi_stack *stack)
{
    return load_seq_cst(&stack->top) == 0; /* PRK-1 */
}

#endif
