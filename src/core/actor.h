/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#ifndef NOHI_ACTOR_H
#define NOHI_ACTOR_H

#include "chain.h"
#include "message.h"
#include "slots.h"
#include "stacks.h"

#include <stdalign.h>

typedef struct nohi_worker nohi_worker;
typedef struct nohi_asks nohi_asks;
typedef struct nohi_promises nohi_promises;
typedef struct nohi_timers nohi_timers;
typedef struct nohi_roles nohi_roles;

enum { NOHI_STATE_INLINE = 48 };

/* In `mailbox_max`: this bound is counted message by message, all of them in `inbox_len`. */
#define NOHI_EXACT UINT32_C(0x80000000)

/* The life of a slot. */
typedef enum nohi_life {
    NOHI_FREE,   /* nobody; in a free list */
    NOHI_LIVE,   /* handles messages */
    NOHI_ENDING, /* its last hook runs */
    NOHI_DEAD,   /* nobody any more, but somebody may still announce it: not yet in a free list */
} nohi_life;

enum {
    NOHI_QUEUED = 1,   /* in its worker's run list, or on the way into one */
    NOHI_SIGNALED = 2, /* the announcement of its inbox is being attended: the inbox may be taken */
    NOHI_EXITING = 4,  /* noh_exit_self was called */
    NOHI_TIMED = 8,    /* noh_idle_after is on, or it wants a stack of another size: the long way */
    NOHI_ENDED = 16,   /* it ended in this turn */
    NOHI_UNSTARTED = 32, /* its start hook has not run: no hook may look at its state */
    NOHI_WAITING = 64,   /* a handler of it waits: strand.h */
    NOHI_WAITED =
        128, /* in this turn a handler may have waited: the turn's end takes the long way */
};

typedef struct nohi_wait nohi_wait;
typedef struct nohi_seat nohi_seat;
typedef struct nohi_seats nohi_seats;

/* What few actors have; made when first needed. The owner. */
typedef struct nohi_extra {
    nohi_asks *asks;
    nohi_promises *promises;
    nohi_timers *timers;
    nohi_roles *roles;
    nohi_letter *watchers; /* WATCH messages to be answered at the end */
    nohi_wait *wait;       /* WAITING: for what */
    uint32_t wait_serial;  /* tells waits apart, for WAKE */
    int64_t idle_ns;       /* 0: not asked for */
    int64_t last_active_ns;
    noh_timer idle_timer;
    uint32_t idle_incarnation;
    bool idle_armed;
} nohi_extra;

/* One slot: two cache lines. Senders elsewhere touch the first, the owner both. */
struct nohi_actor {
    /* any thread */
    alignas(NOHI_CACHELINE) nohi_gate gate;
    /* the owner (gate.h, GAT-1) */
    union {
        alignas(16) unsigned char state[NOHI_STATE_INLINE];
        void *state_block; /* when the state is larger */
    };
    nohi_letter *head; /* oldest */
    nohi_letter *tail;
    atom(const noh_behavior *) behavior; /* or its role; NULL: a plain thread; others may read it */
    nohi_extra *extra;                   /* or NULL */
    uint32_t run_next;                   /* run list, handed stack, or free list */
    atom(uint32_t) len; /* messages between head and tail, not notices; others may read it */
    atom(uint32_t) mailbox_max; /* constant for a generation; NOHI_EXACT: given at spawn */
    atom(uint8_t) life;         /* others may read it */
    uint8_t flags;
};

_Static_assert(sizeof(nohi_actor) == NOHI_SLOT_BYTES, "a slot is two cache lines");

NOHI_INLINE bool nohi_state_is_inline(const noh_behavior *behavior)
{
    return behavior->state_size <= NOHI_STATE_INLINE;
}

NOHI_INLINE const noh_behavior *nohi_actor_behavior(nohi_actor *a)
{
    return load_relaxed(&a->behavior); /* private, or a name for a log line */
}

/* Is the usual stack too small for it? */
NOHI_INLINE bool nohi_wants_stack(const noh_behavior *behavior)
{
    return behavior->stack_size > NOHI_STACK_USUAL;
}

NOHI_INLINE void *nohi_actor_state(nohi_actor *a)
{
    return NOHI_LIKELY(nohi_state_is_inline(nohi_actor_behavior(a))) ? a->state : a->state_block;
}

NOHI_INLINE uint32_t nohi_ref_index(noh_ref ref)
{
    return (uint32_t)ref.bits & NOHI_INDEX_MASK;
}

NOHI_INLINE uint32_t nohi_ref_generation(noh_ref ref)
{
    return (uint32_t)(ref.bits >> NOHI_INDEX_BITS) & NOHI_GENERATION_MASK;
}

NOHI_INLINE uint32_t nohi_actor_index(const nohi_slots *slots, const nohi_actor *a)
{
    return (uint32_t)((size_t)((const char *)a - slots->base) >> NOHI_SLOT_SHIFT);
}

NOHI_INLINE noh_ref nohi_actor_ref(const nohi_slots *slots, nohi_actor *a)
{
    return (noh_ref){(uint64_t)nohi_gate_generation(&a->gate) << NOHI_INDEX_BITS |
                     nohi_actor_index(slots, a)};
}

/* The slot whose tenant `ref` names, at this moment, or NULL: it has ended, never was, or lives on
 * another node. */
NOHI_INLINE nohi_actor *nohi_actor_of(nohi_slots *slots, noh_ref ref)
{
    uint32_t index = nohi_ref_index(ref);
    if (NOHI_UNLIKELY(!nohi_slots_has(slots, index))) {
        return NULL;
    }
    nohi_actor *a = nohi_slots_at(slots, index);
    /* The node's bits must be 0, too. */
    return NOHI_LIKELY(ref.bits >> NOHI_INDEX_BITS == nohi_gate_generation(&a->gate)) ? a : NULL;
}

/* Does that generation stand for a plain thread? False when it is over. */
NOHI_INLINE bool nohi_actor_is_thread(nohi_actor *a, uint32_t generation)
{
    return nohi_gate_is(&a->gate, NOHI_TRAIT_THREAD) && /* it, or a later one */
           nohi_gate_generation(&a->gate) == generation;
}

NOHI_INLINE bool nohi_actor_is_exact(nohi_actor *a)
{
    return (load_relaxed(&a->mailbox_max) & NOHI_EXACT) != 0; /* constant for a generation */
}

NOHI_INLINE uint32_t nohi_actor_bound(nohi_actor *a)
{
    return load_relaxed(&a->mailbox_max) & ~NOHI_EXACT; /* constant for a generation */
}

/* The owner's queue; `len` is the caller's matter. */
NOHI_INLINE void nohi_actor_link(nohi_actor *a, nohi_message *message)
{
    message->letter.next = NULL;
    if (NOHI_LIKELY(a->head == NULL)) {
        a->head = &message->letter;
    } else {
        a->tail->next = &message->letter;
    }
    a->tail = &message->letter;
}

/* Notices take no room in it. */
NOHI_INLINE void nohi_actor_append(nohi_actor *a, nohi_message *message)
{
    nohi_actor_link(a, message);
    bump_by(&a->len, nohi_message_is_counted(message));
}

/* A message that left the mailbox has no place there any more. */
NOHI_INLINE void nohi_actor_give_place(nohi_actor *a, nohi_message *message)
{
    if (NOHI_UNLIKELY(message->placed)) {
        message->placed = 0;
        sub_relaxed(&a->gate.inbox_len, 1); /* counter, SND-3 */
    }
}

/* It was taken out of the queue. */
NOHI_INLINE void nohi_actor_taken(nohi_actor *a, nohi_message *message)
{
    bump_by(&a->len, 0u - nohi_message_is_counted(message));
    nohi_actor_give_place(a, message);
}

NOHI_INLINE nohi_message *nohi_actor_pop(nohi_actor *a)
{
    nohi_message *message = (nohi_message *)a->head;
    a->head = message->letter.next;
    nohi_actor_taken(a, message);
    return message;
}

/* The same for one that is plain. */
NOHI_INLINE void nohi_actor_pop_plain(nohi_actor *a, const nohi_message *message)
{
    a->head = message->letter.next;
    bump_by(&a->len, UINT32_MAX);
}

/* Undoes a pop, but for the place. */
void nohi_actor_push_back(nohi_actor *a, nohi_message *message);

/* Moves what waits in the inbox behind the queue. The owner; the actor is SIGNALED. */
void nohi_actor_splice(nohi_actor *a, nohi_letter *oldest);

/* A message was taken from the inbox, and will not be in the queue. The owner. */
void nohi_actor_leave_inbox(nohi_actor *a, nohi_message *message);

/* The extra part, made if need be; NULL: no memory. The owner. */
nohi_extra *nohi_actor_extra(nohi_worker *w, nohi_actor *a);

/* A slot for a new tenant, from the free list of `w`, or from the depot. Errors: NOMEM, LIMIT. */
noh_err nohi_actor_slot(nohi_worker *w, nohi_actor **ret_actor);
noh_err nohi_actor_slot_of_depot(nohi_worker *w, nohi_actor **ret_actor);
/* Sets what senders look at. The slot's taker. */
void nohi_actor_open(nohi_actor *a, unsigned traits, uint32_t mailbox_max);
/* The tenant lives, at `home`; nobody knows its ref yet. The slot's taker, for the last time. */
void nohi_actor_settle(nohi_worker *w, nohi_actor *a, nohi_worker *home);
/* Back into the free list of `w`, or retired. */
void nohi_actor_release(nohi_worker *w, nohi_actor *a);

/* Puts a free slot, which is in no list, into the depot. */
void nohi_actor_deposit(nohi_worker *w, nohi_actor *a);
/* A late letter was pushed to a slot of the depot: buries it. False: the slot has moved. */
bool nohi_actor_announce_in_depot(nohi_worker *w, nohi_actor *a);

/* Ends the actor whose turn it is: hook, dead letters, resources, watchers. */
void nohi_actor_end(nohi_worker *w, nohi_actor *a, const noh_exit *exit);
/* The second half, after the hook, or after the hook failed. */
void nohi_actor_end_rest(nohi_worker *w, nohi_actor *a, const noh_exit *exit);
/* The end of a plain thread's own actor. How many asks were open? */
uint32_t nohi_actor_end_thread(nohi_worker *w, nohi_actor *a);

/* Answers a WATCH. Takes it over. */
void nohi_actor_tell_exit(nohi_worker *w, nohi_message *watch, const noh_exit *exit);

/* Is the handler table sound? Errors: INVAL. */
noh_err nohi_behavior_check(const noh_behavior *behavior);
/* The hook of a behavior, or NULL. */
noh_handler_fn nohi_behavior_hook(const noh_behavior *behavior, noh_hook hook);

#endif
