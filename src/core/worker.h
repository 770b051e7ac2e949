/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#ifndef NOHI_WORKER_H
#define NOHI_WORKER_H

#include "actor.h"
#include "bell.h"
#include "chain.h"
#include "hint.h"
#include "lease.h"
#include "park.h"
#include "policy.h"
#include "stack.h"
#include "stacks.h"
#include "wheel.h"

#include <noh/watch.h>
#include <setjmp.h>

typedef struct noh_system nohi_system;

enum {
    NOHI_WORKERS_MAX = 256,
    NOHI_THREADS_MAX = 4096,
    NOHI_HELPERS_MAX = 1024,
    NOHI_HOMES_MAX = NOHI_WORKERS_MAX + 1 + 2 * NOHI_THREADS_MAX +
                     NOHI_HELPERS_MAX, /* workers, the system itself, threads and host loops, and
                                          helpers, since a home keeps its kind */
    NOHI_FREE_MAX_COUNTED =
        NOHI_LIMIT(64, 4),          /* free slots that a home keeps when actors are counted */
    NOHI_BATCH = NOHI_LIMIT(64, 1), /* letters an actor handles in one turn: 16 to 64 measured best;
                                       the turn ends earlier when its queue does */
    NOHI_CHAIN_MAX = NOHI_LIMIT(64, 2),
};

/* What became of the request in hand. */
typedef enum nohi_answer_state {
    NOHI_UNANSWERED,
    NOHI_ANSWERED /* or forwarded, or promised */
} nohi_answer_state;

/* A message in hand, put aside. */
typedef struct nohi_hand {
    nohi_message *message;
    nohi_answer_state answer_state;
    bool promised;
} nohi_hand;

typedef struct nohi_strand nohi_strand;
typedef struct nohi_job nohi_job;
typedef struct nohi_fiber nohi_fiber;

struct noh_self {
    nohi_worker *worker;
    nohi_system *system;
    nohi_actor *actor; /* whose turn it is, or was last; a plain thread's own */
    noh_ref ref;
    nohi_message *message;          /* in hand, or NULL */
    nohi_answer_state answer_state; /* of a request in hand; else of the last one */
    bool promised;                  /* the message in hand belongs to a promise: do not free it */
    bool in_handler;
    bool bound; /* a filter, a function of a future, or a reentrant handler runs: it may not wait */
    bool has_outer;    /* the message in hand was received by a handler that has one of its own: */
    nohi_hand outer;   /* this one */
    uint32_t takes;    /* messages that this handler has received in a row, without waiting */
    bool stashed;      /* this handler has put its own message aside */
    bool told_to_stop; /* a wait of this handler has ended with STOPPED */
    noh_future answered;
    nohi_message *kept;   /* the answers awaited last */
    nohi_message *circle; /* of the wait that ended last, with CYCLE; circle.h */
    noh_ref strained;     /* whose turn has used up the stack (overflow.h), or none */
    noh_exit failure;     /* of noh_fail */
    jmp_buf *caught;      /* where noh_fail goes */
    nohi_strand *strand;  /* on which it runs, or NULL: then it may not wait */
    bool apart;           /* its strand is larger than most */
    uint32_t waits;       /* how often its handlers waited, or took letters from the queue */
    char error_text[256]; /* noh_error_text */
};

typedef enum nohi_worker_kind {
    NOHI_WORKER, /* a thread of the system that runs actors */
    NOHI_THREAD, /* a plain thread: home of its own actor alone */
    NOHI_HOST,   /* a plain thread whose event loop runs actors too */
    NOHI_HELPER, /* a thread of blocking.h: nobody's home, it only sends */
} nohi_worker_kind;

/* One writer each, summed on read. */
typedef struct nohi_counts {
    atom(uint64_t) handled;
    atom(uint64_t) held; /* sent, and taken in hand first (chain.h); the lease counts all others */
    atom(uint64_t) dead[NOH_DEAD_REASONS];
    atom(uint64_t) spawned;
    atom(uint64_t) ended;
    atom(uint64_t) waited; /* turns whose handler waits now, or still */
} nohi_counts;

/* In which handler a home was seen, if any; the watchdog's. */
typedef struct nohi_seen {
    noh_ref ref; /* or none */
    const noh_behavior *behavior;
    const noh_type *type; /* NULL: a last hook */
    uint64_t acts;
    int64_t since_ns;
    bool reported;
} nohi_seen;

/* A home of actors. Never freed before the system, so that a late announcer finds it. */
struct nohi_worker {
    /* its thread */
    noh_self *self; /* of what runs: of a strand, or `own_self` */
    nohi_system *system;
    nohi_slots *slots;
    uint32_t id;
    nohi_worker_kind kind;    /* constant */
    nohi_actor *own;          /* THREAD, HOST: the actor that stands for the thread */
    noh_self own_self;        /* of its thread, where no strand runs */
    char *slots_base;         /* of `slots`, at hand */
    uint32_t slots_limit;     /* of `slots`, as last seen */
    atom(uint32_t) run_first; /* actors with something to do, oldest first; a thief's: lease.h */
    uint32_t run_last;
    uint32_t free_first; /* free slots */
    uint32_t free_count;
    uint32_t free_max; /* above, half of them go to the depot */
    nohi_chain chain;
    nohi_pool_cache pool;
    nohi_policy policy;
    nohi_wheel wheel;
    uint32_t timer_free;     /* free timer records, */
    uint32_t timers_free;    /* and how many */
    noh_ref woken_by;        /* who sent the newest letter this turn took from the inbox */
    uint64_t handled_before; /* counts.handled when a turn of a TIMED actor began */
    noh_exit ending;         /* while an actor ends */
    nohi_fiber *base;        /* the stack of the thread that runs turns here */
    nohi_strand *spare;      /* strands, */
    uint32_t spares;         /* and how many; */
    nohi_room *rooms;        /* and rooms for new ones */
    nohi_deepest deepest[NOHI_DEEPEST];
    nohi_actor *waits;     /* from a strand to the base: its handler waits now; */
    nohi_strand *goes_on;  /* or this one is to go on; */
    nohi_message *called;  /* from strand to strand: a request, or NULL; */
    noh_ref call_ref;      /* and whose turn that is: STR-5 */
    size_t wants_stack;    /* or the next actor wants one of that size; 0 */
    nohi_strand *apart;    /* a spare one that is larger, or NULL */
    nohi_wait *own_wait;   /* THREAD, HOST: what its thread waits for */
    nohi_seat *seat_free;  /* circle.h */
    nohi_worker *borrower; /* the thread that acts for this worker (borrow.c), or NULL */
    nohi_worker *borrowed; /* THREAD, HOST: the worker it acts for, or NULL */
    bool calls;            /* THREAD, HOST: the ask under way is noh_call's (borrow.c) */
    void *memory;          /* the block this struct lies in */
    void *thread;
    void (*host_wake)(void *ctx);
    void *host_ctx;
    nohi_message
        *farewell;    /* HOST: a notice for the day it leaves, so that it needs no memory then */
    bool in_use;      /* all but workers; under the system's lock */
    uint16_t tenancy; /* HOST: tells the loops that had this home apart */
    nohi_job *job;    /* HELPER: what it runs, or shall run, or NULL; here and below: blocking.h */
    nohi_worker *next_idle;         /* HELPER */
    int64_t idle_until_ns;          /* HELPER: then it ends */
    nohi_message stopping;          /* its own letter for NOHI_STOPPING: needs no memory */
    bool stopping_sent;             /* under the system's stop_lock */
    atom(uint32_t) spawning;        /* THREAD, HOST: a spawn is under way (system.c, STP-1) */
    atom(uint32_t) answers_waiting; /* answers kept here, less those taken here */
    atom(uint64_t) in_hand;         /* of handlers that wait: began to here, less went on here */

    alignas(NOHI_CACHELINE) nohi_counts counts;
    atom(const noh_type *) running_type; /* of the message in hand, or last; for reports */
    nohi_lease
        lease; /* NOHI_NOWHERE: plain threads; host loops between two runs, so that their sends
                         take the long way, which wakes them */

    /* any thread */
    alignas(NOHI_CACHELINE) nohi_hint mail; /* something lies in one of these: */
    nohi_stack ready;                       /* actors whose inbox was announced */
    nohi_stack handed;                      /* actors given by their former owner */
    nohi_inbox commands;                    /* TIMER_ADD, TIMER_DROP; always armed */
    nohi_park park;
    nohi_bell bell;            /* HOST: around host_wake */
    atom(uint32_t) host_waits; /* HOST: it sleeps in a call of its own, not in its loop */
    nohi_balance balance;      /* policy.h */

    nohi_seen seen; /* the watchdog alone */
};

/* In a handler, or on a plain thread: not what a handler has left behind, and not in a filter. */
NOHI_INLINE bool nohi_self_may_wait(const noh_self *self)
{
    bool thread = self->worker->kind != NOHI_WORKER && self->strand == NULL;
    return (self->in_handler || thread) && !self->bound;
}

NOHI_INLINE nohi_worker *nohi_worker_of(noh_self *self)
{
    return self->worker;
}

/* Messages sent from here. */
NOHI_INLINE uint64_t nohi_worker_sent(nohi_worker *w)
{
    return load_relaxed(&w->lease.sent) + load_relaxed(&w->counts.held); /* counters */
}

NOHI_INLINE nohi_actor *nohi_worker_slot(nohi_worker *w, uint32_t index)
{
    return (nohi_actor *)(void *)(w->slots_base + ((size_t)index << NOHI_SLOT_SHIFT));
}

/* Is there such a slot? Asks the table when the worker's knowledge is too old. */
NOHI_INLINE bool nohi_worker_has_slot(nohi_worker *w, uint32_t index)
{
    uint32_t limit = w->slots_limit;
    if (NOHI_UNLIKELY(index >= limit)) {
        limit = load_acquire(&w->slots->limit);                /* SLT-1 */
        if (NOHI_LIKELY(noh_ref_is_none(w->self->strained))) { /* OVR-2 */
            w->slots_limit = limit;
        }
    }
    return index != 0 && index < limit; /* SLT-2 */
}

/* Puts an actor, which is marked as QUEUED, at the end of the run list. */
NOHI_INLINE void nohi_worker_link(nohi_worker *w, nohi_actor *a, uint32_t index)
{
    a->run_next = 0;
    if (load_relaxed(&w->run_first) == 0) { /* private, here and below: LSE-1 */
        store_relaxed(&w->run_first, index);
    } else {
        nohi_worker_slot(w, w->run_last)->run_next = index;
    }
    w->run_last = index;
}

/* The same at the beginning. */
NOHI_INLINE void nohi_worker_link_first(nohi_worker *w, nohi_actor *a, uint32_t index)
{
    a->run_next = load_relaxed(&w->run_first); /* private: LSE-1 */
    if (a->run_next == 0) {
        w->run_last = index;
    }
    store_relaxed(&w->run_first, index);
}

/* The same for any, unless it is there. */
NOHI_INLINE void nohi_worker_queue_at(nohi_worker *w, nohi_actor *a, uint32_t index)
{
    if ((a->flags & NOHI_QUEUED) == 0) {
        a->flags |= NOHI_QUEUED;
        nohi_worker_link(w, a, index);
    }
}

NOHI_INLINE void nohi_worker_queue(nohi_worker *w, nohi_actor *a)
{
    nohi_worker_queue_at(w, a, nohi_actor_index(w->slots, a));
}

/* The next actor; it stays QUEUED until its turn ends. NULL when there is none. */
NOHI_INLINE nohi_actor *nohi_worker_next(nohi_worker *w, uint32_t *ret_index)
{
    uint32_t index = load_relaxed(&w->run_first);
    if (index == 0) {
        return NULL;
    }
    nohi_actor *a = nohi_worker_slot(w, index);
    store_relaxed(&w->run_first, a->run_next);
    *ret_index = index;
    return a;
}

void nohi_worker_init(nohi_worker *w, nohi_system *system, uint32_t id, nohi_worker_kind kind);
void nohi_worker_done(nohi_worker *w);
/* The body of a worker thread. */
void nohi_worker_main(void *worker);
/* Takes what others left here: announced and handed actors, commands, questions of idle workers. */
void nohi_worker_attend(nohi_worker *w);
/* The part of it that a thief may do for the owner, who is in the handler of slot `in_hand` (or 0):
 * takes in announced and handed actors. */
void nohi_worker_take_in(nohi_worker *by, nohi_worker *w, uint32_t in_hand);
/* Fires what is due; called at each sample, so about each 50 us, and around sleeping. */
void nohi_worker_look_at_timers(nohi_worker *w, int64_t now_ns);
/* Anything to attend? Any thread may write it, so a hint, unless after nohi_park_announce. */
bool nohi_worker_has_mail(nohi_worker *w);
/* Runs turns until nothing is runnable or `until_ns`; for host loops. */
void nohi_worker_run(nohi_worker *w, int64_t until_ns);
/* Makes `to` look at its mail: raises the hint, wakes it if it sleeps, redirects its mail if it left.
 * Called on `w` after work was pushed. */
void nohi_worker_notify(nohi_worker *w, nohi_worker *to);
/* Makes the home of `a` look at its inbox. The push on `w` returned true (INB-1). */
void nohi_worker_announce(nohi_worker *w, nohi_actor *a);
/* Something was put here by the home's own thread: a host loop between two runs wants to know. */
NOHI_INLINE void nohi_worker_stir(nohi_worker *w)
{
    if (NOHI_UNLIKELY(w->kind == NOHI_HOST) && nohi_park_is_asleep(&w->park)) {
        nohi_worker_notify(w, w);
    }
}

/* Takes the command over: TIMER_ADD, TIMER_DROP. Any thread with self. */
void nohi_worker_give_command(nohi_worker *from, nohi_worker *to, nohi_message *command);

/* The home this thread acts for: its own, or one that it has borrowed; NULL: it has no self. */
nohi_worker *nohi_thread_here(nohi_system *system);
/* Ends a plain thread's hold of the message, and the answer, it got last. */
void nohi_thread_finish(noh_self *self);
/* The same for the answer alone, and for the circle. Any self. */
void nohi_self_drop_answer(noh_self *self);
void nohi_self_drop_circle(nohi_worker *w, noh_self *self);
/* Waits until `done`; TIMEOUT. A plain thread, outside handlers. */
noh_err nohi_thread_wait(nohi_worker *w, int64_t timeout_ns,
                         bool (*done)(nohi_worker *w, void *ctx), void *ctx);
/* One round of a plain thread or host loop: run what is runnable, take what came. */
void nohi_thread_work(nohi_worker *w);
/* This thread's self, if it has one, ends: others will use the thread. */
void nohi_thread_drop_self(nohi_system *system);
/* The thread has no self any more; true: asks were open. */
bool nohi_thread_leave(nohi_worker *w);

#endif
