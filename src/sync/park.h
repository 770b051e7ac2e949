/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Park: sleeping and waking without a lost wake-up, and borrowing a sleeper's actors.
 *
 * Purpose     A thread with nothing to do sleeps; whoever gives it work wakes it. While it sleeps,
 *             another worker may lock it for a moment to take over one of its actors, which is
 *             cheaper than a wake-up by a factor of a hundred.
 * States      RUNNING      works or is looking for work
 *             PARKED       sleeps, or is about to and has looked again since
 *             LOCKED       PARKED, and another worker is inside its fields
 *             LOCKED_WAKE  the same, and somebody wants it awake
 *             CLOSED       its thread has left; who pushes work to it must take it back
 * Invariants  PRK-1  no lost wake-up: if work was published and the sleeper did not see it in its
 *                    last look, the publisher sees PARKED or LOCKED and wakes.
 *             PRK-2  between lock and unlock nobody but the locker touches the sleeper's fields.
 * Ordering    sleeper:   store PARKED seq_cst; look at the queues seq_cst
 *             publisher: push seq_cst; look at `word` seq_cst
 *                        store buffering: at least one of the two sees the other    PRK-1
 *             lock   cas seq_cst (acquire)  <->  sleeper's store PARKED (release)   PRK-2
 *             unlock cas seq_cst (release)  <->  sleeper's leave load, cas (acquire) PRK-2
 * Why not     release/acquire: it loses one wake-up in nine natively on x86, and ThreadSanitizer
 *             does not see it. A condition variable: a lock on every send to a sleeper.
 * Source      the sleeper protocol of tokio's idle.rs and its repairs; Dekker's mutual look. */
#ifndef NOHI_PARK_H
#define NOHI_PARK_H

#include "atomic.h"
#include "base.h"

enum { NOHI_RUNNING, NOHI_PARKED, NOHI_LOCKED, NOHI_LOCKED_WAKE, NOHI_CLOSED };

/* What a publisher must do after it pushed work. */
typedef enum nohi_duty {
    NOHI_DUTY_NONE,
    NOHI_DUTY_WAKE,    /* wake the thread: futex, or a host loop's callback */
    NOHI_DUTY_REDIRECT /* nobody lives there any more: take the work and push it elsewhere */
} nohi_duty;

typedef struct nohi_park {
    atom(uint32_t) word;
} nohi_park;

/* Before the last look at the queues. The sleeper. */
NOHI_INLINE void nohi_park_announce(nohi_park *park)
{
    store_seq_cst(&park->word, NOHI_PARKED); /* PRK-1, PRK-2 */
}

/* Back to work, whatever became of the sleep; waits out a locker. The sleeper. */
NOHI_INLINE void nohi_park_leave(nohi_park *park, const noh_env *env)
{
    for (;;) {
        uint32_t seen = NOHI_PARKED;
        if (load_acquire(&park->word) ==
                NOHI_RUNNING || /* PRK-2: a cas that fails orders nothing */
            cas_seq_cst(&park->word, &seen, NOHI_RUNNING)) {
            return;
        }
        env->relax(env->world); /* a locker holds it for some ten nanoseconds */
    }
}

/* Sleeps until woken or `timeout_ns` (< 0: no limit) have passed. Between announce and leave. */
NOHI_INLINE void nohi_park_wait(nohi_park *park, const noh_env *env, int64_t timeout_ns)
{
    /* A locked word is not PARKED, so the wait returns and the caller's loop looks again. */
    env->park_wait(env->world, (uint32_t *)(void *)&park->word, NOHI_PARKED, timeout_ns);
}

/* May the sleeper be worth a lock? A hint. Any thread. */
NOHI_INLINE bool nohi_park_is_asleep(nohi_park *park)
{
    return load_relaxed(&park->word) == NOHI_PARKED; /* re-checked by lock */
}

/* Called after work was pushed. Any thread. */
NOHI_INLINE nohi_duty nohi_park_claim(nohi_park *park)
{
    uint32_t seen = load_seq_cst(&park->word); /* PRK-1 */
    for (;;) {
        if (NOHI_LIKELY(seen == NOHI_RUNNING || seen == NOHI_LOCKED_WAKE)) {
            return NOHI_DUTY_NONE;
        }
        if (seen == NOHI_CLOSED) {
            return NOHI_DUTY_REDIRECT;
        }
        uint32_t next = seen == NOHI_PARKED ? NOHI_RUNNING : NOHI_LOCKED_WAKE;
        if (cas_seq_cst(&park->word, &seen, next)) {
            return next == NOHI_RUNNING ? NOHI_DUTY_WAKE : NOHI_DUTY_NONE;
        }
    }
}

/* The thread leaves for good. It must look at its queues once more afterwards (PRK-1 again: either
 * it sees the work, or the publisher sees CLOSED). The sleeper. */
NOHI_INLINE void nohi_park_close(nohi_park *park)
{
    store_seq_cst(&park->word, NOHI_CLOSED);
}

/* A thread moves in. */
NOHI_INLINE void nohi_park_open(nohi_park *park)
{
    store_seq_cst(&park->word, NOHI_RUNNING);
}

NOHI_INLINE void nohi_park_wake(nohi_park *park, const noh_env *env)
{
    env->park_wake(env->world, (uint32_t *)(void *)&park->word);
}

/* Locks a sleeper. Then its fields are the caller's until unlock. Another worker. */
NOHI_INLINE bool nohi_park_lock(nohi_park *park)
{
    uint32_t seen = NOHI_PARKED;
    return cas_seq_cst(&park->word, &seen, NOHI_LOCKED); /* PRK-2 */
}

/* True: somebody wanted it awake meanwhile; the caller must wake it. The locker. */
NOHI_INLINE bool nohi_park_unlock(nohi_park *park)
{
    uint32_t seen = NOHI_LOCKED;
    if (cas_seq_cst(&park->word, &seen, NOHI_PARKED)) { /* PRK-2 */
        return false;
    }
    store_seq_cst(&park->word, NOHI_RUNNING); /* LOCKED_WAKE has no other way out */
    return true;
}

#endif
