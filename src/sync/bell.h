/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Bell: a callback that many may ring and its owner may take away.
 *
 * Purpose     A host loop is woken through a function of its user; once the loop is freed, that
 *             function must not be called any more, nor be running.
 * Owner       `enter`, `leave`: any thread, around the question whether to ring (park.h, claim) and
 *             the ringing. `withdraw`: the loop, after nohi_park_close; `hang`: before it opens.
 * Invariants  BEL-1  when withdraw returns nobody rings, and nobody will.
 * Ordering    ringer:  add seq_cst; claim seq_cst; ring; sub seq_cst; look at `withdrawn` seq_cst
 *             owner:   close seq_cst; store `withdrawn` seq_cst; look at `ringers` seq_cst
 *                      who claimed before the close is seen in `ringers`; who claims after it gets
 *                      REDIRECT, not WAKE                                             BEL-1
 *                      the last ringer sees `withdrawn`, or the owner sees it gone: no lost wake-up
 * Why not     a lock around the callback: the user's function would run with a lock held. */
#ifndef NOHI_BELL_H
#define NOHI_BELL_H

#include "atomic.h"
#include "base.h"

typedef struct nohi_bell {
    atom(uint32_t) ringers;
    atom(uint32_t) withdrawn;
} nohi_bell;

NOHI_INLINE void nohi_bell_hang(nohi_bell *bell)
{
    store_relaxed(&bell->withdrawn, 0); /* private: nobody rings before the loop opens */
}

NOHI_INLINE void nohi_bell_enter(nohi_bell *bell)
{
    add_seq_cst(&bell->ringers, 1);
}

NOHI_INLINE void nohi_bell_leave(nohi_bell *bell, const noh_env *env)
{
    if (sub_seq_cst(&bell->ringers, 1) == 1 && load_seq_cst(&bell->withdrawn) != 0) {
        env->park_wake(env->world, (uint32_t *)(void *)&bell->ringers);
    }
}

/* Waits until nobody rings any more. */
NOHI_INLINE void nohi_bell_withdraw(nohi_bell *bell, const noh_env *env)
{
    store_seq_cst(&bell->withdrawn, 1);
    for (;;) {
        uint32_t ringers = load_seq_cst(&bell->ringers); /* BEL-1 */
        if (ringers == 0) {
            return;
        }
        env->park_wait(env->world, (uint32_t *)(void *)&bell->ringers, ringers, -1);
    }
}

#endif
