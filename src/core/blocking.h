/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Blocking: threads for calls that block, so that workers do not.
 *
 * Purpose     A handler hands a function to a helper, a thread of this pool, and waits as for an answer.
 *             Helpers are started when they are needed, up to a bound, and end when they had nothing
 *             to do for a while; above the bound jobs wait in order.
 * Owner       The pool: any thread, under its lock. A job lies on the stack of the handler that waits
 *             for it; while it runs, and is not queued, it is its helper's.
 * Invariants  BLK-1  a handler whose job runs does not go on, and its stack is not dropped, before the
 *                    function has returned, whoever stops or kills its actor: the job, and mostly what
 *                    `arg` points to, lie there. One whose job is still queued is stopped as in any wait.
 *             BLK-2  the end of a job needs no memory: its notice is made before it begins.
 *             BLK-3  a job waits in the queue only while there are helpers and none is idle.
 *             BLK-4  a helper is the system's user (STP-2). Who ends joins the one that ended before, so
 *                    one at most is left to join.
 * Ordering    the lock, and the inbox of the actor, through which the notice goes.
 * Why not     4 threads, as in libuv: four slow look-ups of names stop all files. 512, as in Tokio: most
 *             of what blocks, a disk or a database, serves some dozens at once, and each more only waits
 *             there, with a stack of its own. No bound: a burst of jobs takes all memory.
 *             The longest idle first: the work would go around, and nobody would ever end.
 *             A self for each helper: a slot, and a mailbox that nobody reads; a home that only sends
 *             does it. */
#ifndef NOHI_BLOCKING_H
#define NOHI_BLOCKING_H

#include "worker.h"

typedef struct nohi_blocking {
    pthread_mutex_t lock; /* the rest, and of HELPER homes `job`, `next_idle`, `thread` */
    unsigned helpers_max;
    unsigned helpers;
    nohi_worker *idle;  /* the last that became it first */
    nohi_worker *ended; /* to be joined, or NULL */
    nohi_job *first;    /* queued */
    nohi_job *last;
    unsigned queued;
    bool closing;
} nohi_blocking;

void nohi_blocking_init(nohi_blocking *pool, unsigned helpers_max);
void nohi_blocking_done(nohi_blocking *pool);

/* Takes a job back that was not begun, and its notice. False: it was. The actor's owner. */
bool nohi_blocking_cancel(nohi_worker *w, nohi_job *job);

/* Logs whose jobs run. While the system stops. */
void nohi_blocking_name_holders(nohi_system *system);
/* Helpers leave when their jobs end. `join`: none runs, and they have left on return. */
void nohi_blocking_close(nohi_system *system, bool join);

/* How many there are. Any thread. */
void nohi_blocking_count(nohi_system *system, unsigned *ret_helpers, unsigned *ret_queued);

#endif
