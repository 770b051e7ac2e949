/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Park: sleeping and waking without a lost wake-up, and acting for one who has nothing to do.
 *
 * Purpose     A thread with nothing to do sleeps; whoever gives it work wakes it. While it has
 *             nothing to do another thread may lock it and act in its place: to take over one of its
 *             actors (core: send.c), or to run some (borrow.c). That is cheaper than a wake-up by a
 *             factor of a hundred.
 * States      RUNNING      works
 *             RESTING      a worker, awake, that has nothing and looks around; it sees what is
 *                          published by itself, through its hint (hint.h)
 *             PARKED       sleeps, or is about to and has looked again since
 *             LOCKED       was RESTING or PARKED, and another thread acts for it
 *             LOCKED_WAKE  the same, and it must go on: somebody published, or it wants to itself
 *             CLOSED       its thread has left; who pushes work to it must take it back
 * Steps       owner      RUNNING -> RESTING           rest: nothing is left to do
 *                        RESTING -> RUNNING           rouse, unless it is locked
 *                        RUNNING -> PARKED            announce: then a last look, and the sleep
 *                        RESTING, PARKED -> RUNNING   leave
 *                        LOCKED -> LOCKED_WAKE        leave; then it waits for RUNNING, in the end
 *                                                     asleep on LOCKED_WAKE
 *             publisher  PARKED -> RUNNING, wake      claim, after the push and the hint
 *                        LOCKED -> LOCKED_WAKE        claim: the locker will wake
 *             locker     RESTING, PARKED -> LOCKED    lock
 *                        LOCKED -> as it was before   unlock: nothing was left behind
 *                        LOCKED -> RUNNING            unlock: something was, and the hint is raised;
 *                                                     wake if it was PARKED
 *                        LOCKED_WAKE -> RUNNING, wake unlock
 *             All are compare-and-swaps but rest, announce and the last one, where nobody else may
 *             change the word. Who holds a lock waits for nobody: meeting another one, it pushes.
 * Invariants  PRK-1  no lost wake-up: if work was published and the owner did not see it in its last
 *                    look, the publisher sees PARKED or LOCKED, and the owner is woken.
 *             PRK-2  between lock and unlock nobody but the locker touches the owner's fields: the
 *                    owner does not between rest, or announce, and the end of leave.
 *             PRK-3  an owner who wants to go on is the next: no lock succeeds between LOCKED_WAKE
 *                    and RUNNING.
 * Ordering    sleeper:   PARKED seq_cst; look at the queues seq_cst
 *             publisher: push seq_cst; look at `word` seq_cst
 *                        store buffering: at least one of the two sees the other    PRK-1
 *             The same for one who sleeps while others do, the watchdog: what is published is that
 *             somebody gets up, by claim or lock; the last look is is_still_asleep       PRK-1
 *             locker:    raise the hint; unlock seq_cst (release)  <->  leave load acquire, then the
 *                        look at the hint: what was left behind is seen             PRK-1
 *             rest store release, announce store seq_cst  <->  lock cas seq_cst (acquire)    PRK-2
 *             unlock seq_cst (release)  <->  leave load acquire, rouse cas, the next lock cas  PRK-2
 * Why not     release/acquire: it loses one wake-up in nine natively on x86, and ThreadSanitizer
 *             does not see it. A condition variable: a lock on every send to a sleeper. A LOCKED
 *             state for each state before: the locker knows which it was.
 * Source      the sleeper protocol of tokio's idle.rs and its repairs; Dekker's mutual look. */
#ifndef NOHI_PARK_H
#define NOHI_PARK_H

#include "atomic.h"
#include "base.h"

enum { NOHI_RUNNING, NOHI_RESTING, NOHI_PARKED, NOHI_LOCKED, NOHI_LOCKED_WAKE, NOHI_CLOSED };

enum {
#ifdef NOH_MODEL
    NOHI_PARK_LOCK_TRIES = 2,
    NOHI_PARK_LEAVE_SPINS = 1,
#else
    NOHI_PARK_LOCK_TRIES = 64,   /* others hold the lock for some hundred nanoseconds at most, */
    NOHI_PARK_LEAVE_SPINS = 256, /* unless a handler takes longer than it is known for */
#endif
};

/* What a publisher must do after it pushed work. */
typedef enum nohi_duty {
    NOHI_DUTY_NONE,
    NOHI_DUTY_WAKE,    /* wake the thread: futex, or a host loop's callback */
    NOHI_DUTY_REDIRECT /* nobody lives there any more: take the work and push it elsewhere */
} nohi_duty;

typedef struct nohi_park {
    atom(uint32_t) word;
} nohi_park;

/* Nothing is left to do. From now on another thread may lock us. A worker. */
NOHI_INLINE void nohi_park_rest(nohi_park *park)
{
    store_release(&park->word, NOHI_RESTING); /* PRK-2; to a publisher it is as good as RUNNING */
}

/* Stops resting. False: somebody acts for us, or has left us something to do. */
NOHI_INLINE bool nohi_park_rouse(nohi_park *park)
{
    uint32_t seen = NOHI_RESTING;
    return cas_seq_cst(&park->word, &seen, NOHI_RUNNING); /* PRK-2 */
}

/* Before the last look at the queues. The sleeper. */
NOHI_INLINE void nohi_park_announce(nohi_park *park)
{
    store_seq_cst(&park->word, NOHI_PARKED); /* PRK-1, PRK-2 */
}

/* Back to work, whatever became of the sleep. Who acts for us is asked to end. The owner. */
NOHI_INLINE void nohi_park_leave(nohi_park *park, const noh_env *env)
{
    uint32_t seen;
    unsigned spins = 0;
    while ((seen = load_acquire(&park->word)) != NOHI_RUNNING) { /* PRK-2 */
        if (seen != NOHI_LOCKED_WAKE) {
            (void)cas_seq_cst(&park->word, &seen,
                              seen == NOHI_LOCKED ? NOHI_LOCKED_WAKE : NOHI_RUNNING);
        } else if (spins < NOHI_PARK_LEAVE_SPINS) {
            env->relax(env->world);
            spins++;
        } else {
            env->park_wait(env->world, (uint32_t *)(void *)&park->word, NOHI_LOCKED_WAKE, -1);
        }
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

/* The same for one with nothing to do, asleep or not. */
NOHI_INLINE bool nohi_park_is_idle(nohi_park *park)
{
    uint32_t seen = load_relaxed(&park->word); /* re-checked by lock */
    return seen == NOHI_RESTING || seen == NOHI_PARKED;
}

/* The same in its last look before it sleeps itself, of a thread that others rouse when they get up:
 * between announce and wait, of its own park. */
NOHI_INLINE bool nohi_park_is_still_asleep(nohi_park *park)
{
    uint32_t seen = load_seq_cst(&park->word); /* PRK-1: getting up is what is published */
    return seen == NOHI_PARKED || seen == NOHI_CLOSED;
}

/* Does another thread act for it? A hint. Any thread. */
NOHI_INLINE bool nohi_park_is_locked(nohi_park *park)
{
    uint32_t seen = load_relaxed(&park->word); /* told to people only */
    return seen == NOHI_LOCKED || seen == NOHI_LOCKED_WAKE;
}

/* Called after work was pushed. Any thread. */
NOHI_INLINE nohi_duty nohi_park_claim(nohi_park *park)
{
    uint32_t seen = load_seq_cst(&park->word); /* PRK-1 */
    for (;;) {
        if (NOHI_LIKELY(seen == NOHI_RUNNING || seen == NOHI_RESTING || seen == NOHI_LOCKED_WAKE)) {
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

/* Locks one in the state `before`, RESTING or PARKED: its fields are the caller's until unlock. */
NOHI_INLINE bool nohi_park_lock(nohi_park *park, uint32_t before)
{
    return cas_seq_cst(&park->word, &before, NOHI_LOCKED); /* PRK-2 */
}

/* The same, whichever of the two it is; waits a moment for another locker. False: it works. */
NOHI_INLINE bool nohi_park_lock_idle(nohi_park *park, const noh_env *env, uint32_t *ret_before)
{
    for (int tries = 0; tries < NOHI_PARK_LOCK_TRIES; tries++) {
        uint32_t seen = load_relaxed(&park->word); /* re-checked by the cas */
        if (seen == NOHI_RESTING || seen == NOHI_PARKED) {
            if (nohi_park_lock(park, seen)) {
                *ret_before = seen;
                return true;
            }
        } else if (seen != NOHI_LOCKED) {
            return false; /* PRK-3 */
        } else {
            env->relax(env->world);
        }
    }
    return false;
}

/* True: the caller must wake it. `more`: it has something to do now, and its hint was raised. The
 * locker. */
NOHI_INLINE bool nohi_park_unlock(nohi_park *park, uint32_t before, bool more)
{
    uint32_t seen = NOHI_LOCKED;
    if (cas_seq_cst(&park->word, &seen, more ? NOHI_RUNNING : before)) { /* PRK-2 */
        return more && before == NOHI_PARKED;
    }
    store_seq_cst(&park->word, NOHI_RUNNING); /* LOCKED_WAKE has no other way out */
    return true;
}

#endif
