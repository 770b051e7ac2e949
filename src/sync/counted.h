/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Counted: how many hold a thing; the last one frees it.
 *
 * Invariants  CNT-1  who counts down to 0 sees all that the other holders did with the thing.
 * Ordering    release  sub acq_rel  <->  release  sub acq_rel   CNT-1
 *             hold     add relaxed: the caller holds one already, so the thing cannot vanish. */
#ifndef NOHI_COUNTED_H
#define NOHI_COUNTED_H

#include "atomic.h"
#include "base.h"

typedef struct nohi_counted {
    atom(uint32_t) holders;
} nohi_counted;

NOHI_INLINE void nohi_counted_init(nohi_counted *counted, uint32_t holders)
{
    store_relaxed(&counted->holders, holders); /* private: nobody else has it yet */
}

NOHI_INLINE void nohi_counted_hold(nohi_counted *counted)
{
    add_relaxed(&counted->holders, 1);
}

/* True: the caller was the last and must free the thing. */
NOHI_INLINE bool nohi_counted_release(nohi_counted *counted)
{
    return sub_acq_rel(&counted->holders, 1) == 1; /* CNT-1 */
}

#endif
