/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Send: from a call to a mailbox.
 *
 * Purpose     Resolve the ref, admit or refuse, put the letter where its receiver will find it, and
 *             make sure that the receiver's home looks.
 * Owner       The sending thread. An actor at home here is ours to touch; one elsewhere is not.
 * Invariants  SND-1  letters of one sender reach one receiver in order, wherever both move: what is
 *                    behind a letter in the inbox goes through the inbox too.
 *             SND-2  delivery is causal: a letter is visible to its receiver before any letter sent
 *                    later is visible to anybody. So at most one chain is open, and it is pushed
 *                    before any other letter is sent, also one at home, since a thief may take its
 *                    receiver away while the handler still runs (lease.h), and at the end of the
 *                    handler.
 *             SND-3  a bound given at spawn is exact: `inbox_len` counts all messages of such a
 *                    mailbox; each of them asks for its place, and is `placed` until it leaves the
 *                    queue, and again while it is put aside (ROL-1). The common bound is kept by estimate: `local_len` may be a batch too
 *                    high, so that much is let in more; chains ask once. Notices and answers always
 *                    find room.
 *             SND-4  a chain that is held in hand is one letter, told by a handler to an actor at
 *                    home while nobody waits there. Its receiver is not touched before the chain is
 *                    pushed, or before the next turn, which may be the receiver's, with that letter.
 * Why not     one chain for each of several targets: 2 to 3 times cheaper for fan-out across
 *             workers, but it breaks SND-2. */
#include "send.h"

#include "circle.h"
#include "deadletter.h"
#include "overflow.h"
#include "reply.h"
#include "system.h"
#include "timer.h"

static NOHI_NOINLINE noh_err tell_any(noh_self *self, noh_ref to, const noh_type *type,
                                      const void *message);
static NOHI_NOINLINE noh_err tell_made(noh_self *self, noh_ref to, nohi_message *m,
                                       const void *message);
static bool send_local(nohi_worker *w, nohi_actor *a, nohi_message *message, bool force,
                       noh_err *ret_err);
static noh_err send_away(nohi_worker *w, nohi_actor *a, nohi_message *message, bool force);
static noh_err send_remote(nohi_worker *w, nohi_actor *a, nohi_message *message, bool force);
static void enter_for(nohi_worker *w, nohi_actor *a);
static bool adopt(nohi_worker *w, nohi_actor *a, uint32_t generation);
static NOHI_COLD noh_err refused(noh_self *self, noh_ref to, const noh_type *type, noh_err err);

NOHI_INLINE bool is_meant(nohi_actor *a, noh_ref to)
{
    return to.bits >> NOHI_INDEX_BITS == nohi_gate_generation(&a->gate); /* and the node is 0 */
}

/* Into the mailbox of an actor that is at home here, that nobody else writes to, and that has no exact
 * bound (its mailbox_max is negative, as a signed number). False: it is not one of those, and nothing
 * was done. No chain is open: an actor may have come here by itself since the chain for it was opened,
 * and a thief may let the receiver run at once. */
NOHI_INLINE bool put_straight(nohi_worker *w, nohi_actor *a, noh_ref to, nohi_message *m)
{
    nohi_lease_begin_send(&w->lease);
    uint32_t token = nohi_lease_token(&w->lease); /* first: it may come back from a thief */
    bool straight = nohi_gate_home(&a->gate) == token &&
                    is_meant(a, to) && /* RCV-3: it is ours now */
                    nohi_inbox_is_empty(&a->gate.inbox);
    uint32_t len = load_relaxed(&a->len); /* if straight, private from here on: GAT-1 */
    if (NOHI_UNLIKELY(!straight || (int32_t)len >= (int32_t)load_relaxed(&a->mailbox_max))) {
        nohi_lease_undo_send(&w->lease);
        return false;
    }
    uint32_t index = nohi_ref_index(to);
    nohi_actor_link(a, m);
    store_relaxed(&a->len, len + 1);
    if (NOHI_LIKELY(a->flags == 0)) {
        a->flags = NOHI_QUEUED;
        nohi_worker_link(w, a, index);
    } else {
        nohi_worker_queue_at(w, a, index);
    }
    nohi_lease_end_send(&w->lease);
    return true;
}

/* The same for one that is idle, while nobody waits here: taken in hand (SND-4). */
NOHI_INLINE bool hold(nohi_worker *w, nohi_actor *a, noh_ref to, nohi_message *m)
{
    if (NOHI_UNLIKELY(nohi_gate_home(&a->gate) != nohi_lease_token(&w->lease) || !is_meant(a, to) ||
                      (int32_t)load_relaxed(&a->mailbox_max) <= 0)) { /* who is idle has room */
        return false;
    }
    bump(&w->counts.held);
    nohi_chain_hold(&w->chain, a, to.bits, &m->letter);
    return true;
}

/* The straight way first, for a small plain message: calls nothing. */
noh_err noh_tell_value(noh_self *self, noh_ref to, const noh_type *type, const void *message)
{
    if (NOHI_UNLIKELY(self == NULL) || NOHI_UNLIKELY((type == NULL) | (message == NULL))) {
        return NOH_E_INVAL;
    }
    nohi_worker *w = nohi_worker_of(self);
    uint32_t index = nohi_ref_index(to);
    if (NOHI_UNLIKELY(index >= w->slots_limit) || NOHI_UNLIKELY(!nohi_message_is_small(type)) ||
        NOHI_UNLIKELY(!nohi_pool_has(&w->pool, 0))) {
        return tell_any(self, to, type, message);
    }
    nohi_actor *a = nohi_worker_slot(w, index);
    nohi_message *m = nohi_message_small(&w->pool, type, message, NOHI_TELL, 0);
    m->from = self->ref;
    m->generation = (uint32_t)(to.bits >> NOHI_INDEX_BITS); /* is_meant looks at all bits */
    if (NOHI_LIKELY(nohi_chain_is_none(&w->chain)) &&       /* SND-2 */
        NOHI_LIKELY(load_relaxed(&w->run_first) == 0        /* private, or a hint */
                        ? hold(w, a, to, m)
                        : put_straight(w, a, to, m))) {
        return NOH_OK;
    }
    return tell_made(self, to, m, message);
}

bool nohi_send_straight(nohi_worker *w, noh_ref to, nohi_message *m)
{
    uint32_t index = nohi_ref_index(to);
    if (NOHI_UNLIKELY(index >= w->slots_limit) || NOHI_UNLIKELY(!nohi_chain_is_none(&w->chain))) {
        return false;
    }
    nohi_actor *a = nohi_worker_slot(w, index);
    m->generation = (uint32_t)(to.bits >> NOHI_INDEX_BITS); /* is_meant looks at all bits */
    return NOHI_LIKELY(a != w->own) && put_straight(w, a, to, m);
}

static noh_err tell_any(noh_self *self, noh_ref to, const noh_type *type, const void *message)
{
    nohi_overflow_poll(self);
    nohi_message *m;
    noh_err err = nohi_message_new(&self->worker->pool, type, message, NOHI_TELL, 0, &m);
    if (err != NOH_OK) {
        return refused(self, to, type, err);
    }
    m->from = self->ref;
    return tell_made(self, to, m, message);
}

static NOHI_NOINLINE noh_err tell_made(noh_self *self, noh_ref to, nohi_message *m,
                                       const void *message)
{
    nohi_worker *w = self->worker;
    nohi_lease_count_sent(&w->lease);
    noh_err err = nohi_send(w, to, m, false);
    if (err != NOH_OK) {
        nohi_dead_note(w, self->ref, to, m->type, message, nohi_dead_reason_of(err));
        nohi_message_unmake(&w->pool, m);
    }
    return err;
}

noh_err nohi_send(nohi_worker *w, noh_ref to, nohi_message *message, bool force)
{
    uint32_t index = nohi_ref_index(to);
    if (NOHI_UNLIKELY(!nohi_worker_has_slot(w, index))) {
        return NOH_E_GONE;
    }
    nohi_actor *a = nohi_worker_slot(w, index);
    uint32_t generation = nohi_gate_generation(&a->gate);
    if (NOHI_UNLIKELY(to.bits >> NOHI_INDEX_BITS != generation)) { /* and the node is 0 */
        return NOH_E_GONE;
    }
    message->generation = generation;
    noh_err err;
    if ((NOHI_LIKELY(nohi_gate_home(&a->gate) == w->id) || adopt(w, a, generation)) &&
        send_local(w, a, message, force, &err)) {
        return err;
    }
    return send_away(w, a, message, force);
}

noh_err nohi_send_or_bury(nohi_worker *w, noh_ref to, nohi_message *message, bool force)
{
    bool counted = nohi_message_is_counted(message);
    if (counted && nohi_send_straight(w, to, message)) {
        return NOH_OK;
    }
    if (counted) {
        nohi_lease_count_sent(&w->lease);
    }
    noh_err err = nohi_send(w, to, message, force);
    if (err != NOH_OK) {
        bool answer = message->kind == NOHI_ANSWER || message->kind == NOHI_ERROR;
        nohi_dead_letter(w, to, message, answer ? NOH_DEAD_LATE : nohi_dead_reason_of(err));
    }
    return err;
}

static void push(nohi_worker *w, nohi_actor *a, nohi_letter *newest, nohi_letter *oldest)
{
    if (nohi_inbox_push(&a->gate.inbox, newest, oldest)) {
        nohi_worker_announce(w, a);
    }
}

bool nohi_send_take_place(nohi_actor *a, nohi_message *message, bool force)
{
    uint32_t bound = force ? UINT32_MAX : nohi_actor_bound(a);
    if (!nohi_message_is_counted(message)) {
        return true;
    }
    uint32_t taken = load_relaxed(&a->gate.inbox_len); /* re-checked by the cas */
    do {
        if (taken >= bound) {
            return false;
        }
    } while (!cas_relaxed(&a->gate.inbox_len, &taken, taken + 1));
    message->placed = 1;
    return true;
}

/* Into the queue of an actor that is ours until nohi_lease_leave. True: into the inbox instead. */
static bool append_or_push(nohi_worker *w, nohi_actor *a, nohi_message *message)
{
    if (nohi_inbox_is_empty(&a->gate.inbox)) {
        nohi_actor_append(a, message);
        nohi_worker_queue(w, a);
        return false;
    }
    if (!nohi_actor_is_exact(a)) {
        add_relaxed(&a->gate.inbox_len, nohi_message_is_counted(message));
    }
    return true;
}

/* The actor seems to live here. False: a thief has taken it, or it has ended elsewhere and another one
 * came here in its slot. */
static bool send_local(nohi_worker *w, nohi_actor *a, nohi_message *message, bool force,
                       noh_err *ret_err)
{
    nohi_send_flush(w); /* SND-2: a thief may have it run at once; SND-1: it may have moved here */
    *ret_err = NOH_OK;
    if (a == w->own && nohi_message_is_answer(message)) {
        noh_future future; /* a plain thread answers itself */
        (void)nohi_ask_arrived(w, a, &message, &future);
        return true;
    }
    nohi_lease_enter(&w->lease, &w->system->env);
    if (NOHI_UNLIKELY(nohi_gate_home(&a->gate) != w->id ||
                      nohi_gate_generation(&a->gate) != message->generation)) { /* RCV-3 */
        nohi_lease_leave(&w->lease);
        return false;
    }
    bool exact = nohi_actor_is_exact(a);
    uint32_t waiting = load_relaxed(&a->len) + load_relaxed(&a->gate.inbox_len); /* counter */
    bool full =
        exact ? !nohi_send_take_place(a, message, force) : waiting >= nohi_actor_bound(a) && !force;
    bool pushes = !full && append_or_push(w, a, message);
    nohi_lease_leave(&w->lease);
    if (full) {
        *ret_err = NOH_E_FULL;
    } else if (pushes) {
        push(w, a, &message->letter, &message->letter); /* SND-1 */
    } else {
        nohi_worker_stir(w);
    }
    return true;
}

static noh_err send_away(nohi_worker *w, nohi_actor *a, nohi_message *message, bool force)
{
    if (NOHI_LIKELY(!w->policy.sampling)) {
        return send_remote(w, a, message, force);
    }
    w->policy.remote_sends++;
    w->policy.remote_home = nohi_gate_home(&a->gate);
    int64_t began_ns = nohi_now(w->system) - w->policy.remote_ns; /* no wake-up is counted twice */
    noh_err err = send_remote(w, a, message, force);
    w->policy.remote_ns = nohi_now(w->system) - began_ns;
    return err;
}

/* In the lease. Errors: FULL. */
static noh_err may_open_chain(nohi_worker *w, nohi_actor *a, bool force)
{
    uint32_t waiting = load_relaxed(&a->gate.inbox_len) + load_relaxed(&a->gate.local_len);
    if (waiting >= w->system->options.mailbox_max + NOHI_BATCH && !force) { /* SND-3 */
        return NOH_E_FULL;
    }
    return NOH_OK;
}

/* Enters the lease, with no chain open, or with one for `a` that may grow. */
static void enter_for(nohi_worker *w, nohi_actor *a)
{
    for (;;) {
        nohi_lease_enter(&w->lease, &w->system->env);
        nohi_actor *to = nohi_chain_to(&w->chain);
        if (to == NULL || (to == a && nohi_chain_in_hand(&w->chain) == NULL)) {
            return;
        }
        nohi_lease_leave(&w->lease);
        nohi_send_push_chain(w); /* SND-2 */
    }
}

/* The actor lives elsewhere: through its inbox. */
static noh_err send_remote(nohi_worker *w, nohi_actor *a, nohi_message *message, bool force)
{
    if (load_relaxed(&a->gate.traits) & NOHI_TRAIT_BOUNDED) {
        nohi_send_push_chain(w); /* SND-2: a thief may have taken it, and not pushed it yet */
        if (!nohi_send_take_place(a, message, force)) {
            return NOH_E_FULL;
        }
        push(w, a, &message->letter, &message->letter);
        return NOH_OK;
    }
    noh_err err = NOH_OK;
    enter_for(w, a);
    if (nohi_chain_to(&w->chain) == NULL) {
        err = may_open_chain(w, a, force);
    }
    if (err == NOH_OK) {
        nohi_chain_add(&w->chain, a, &message->letter, nohi_message_is_counted(message));
    }
    uint32_t count = w->chain.count;
    nohi_lease_leave(&w->lease);
    if (count >= NOHI_CHAIN_MAX || !w->self->in_handler) {
        nohi_send_flush(w);
    }
    return err;
}

static void push_letters(nohi_worker *w, const nohi_letters *letters)
{
    nohi_gate *gate = &letters->to->gate;
    add_relaxed(&gate->inbox_len, letters->count); /* before the push: never below zero */
    push(w, letters->to, letters->newest, letters->oldest);
}

/* A letter in hand, for who is still at home here, and unless others are before it in the inbox: into
 * its receiver's queue. In the lease. */
static bool append_in_hand(nohi_worker *w, const nohi_letters *letters)
{
    nohi_actor *a = letters->to;
    nohi_message *message = (nohi_message *)letters->newest;
    if (!letters->in_hand || nohi_gate_home(&a->gate) != w->id ||
        nohi_gate_generation(&a->gate) != message->generation ||
        !nohi_inbox_is_empty(&a->gate.inbox)) {
        return false;
    }
    nohi_actor_append(a, message);
    nohi_worker_queue(w, a);
    return true;
}

void nohi_send_push_chain(nohi_worker *w)
{
    /* Again, when a push met a slot of the depot: what is buried there may be answered. */
    for (;;) {
        nohi_lease_enter(&w->lease, &w->system->env);
        nohi_letters letters = nohi_chain_take(&w->chain);
        bool done = letters.to == NULL || append_in_hand(w, &letters);
        nohi_lease_leave(&w->lease);
        if (done) {
            return;
        }
        push_letters(w, &letters);
    }
}

void nohi_send_push_chain_of(nohi_worker *w, nohi_worker *stuck)
{
    nohi_letters letters = nohi_chain_take(&stuck->chain);
    if (letters.to != NULL) {
        push_letters(w, &letters);
    }
}

/* Takes over an actor of a worker that sleeps: two locked operations instead of a wake-up. */
static void enter_for(nohi_worker *w, nohi_actor *a);
static bool adopt(nohi_worker *w, nohi_actor *a, uint32_t generation)
{
    unsigned id = nohi_gate_home(&a->gate);
    if (id == NOHI_DEPOT) {
        return false; /* it has died since */
    }
    nohi_worker *home = nohi_system_home(w->system, id);
    if (!nohi_park_is_asleep(&home->park) || !nohi_policy_may_adopt(w, home) ||
        nohi_chain_to(&w->chain) == a || /* SND-1 */
        (load_relaxed(&a->gate.traits) & NOHI_TRAIT_PINNED) ||
        !nohi_park_lock(&home->park, NOHI_PARKED)) {
        return false;
    }
    /* PRK-2: until unlock the sleeper's actors are ours. */
    bool ours =
        nohi_gate_home(&a->gate) == home->id && nohi_gate_generation(&a->gate) == generation &&
        load_relaxed(&a->life) == NOHI_LIVE && (a->flags & (NOHI_QUEUED | NOHI_SIGNALED)) == 0;
    if (ours) {
        nohi_gate_move(&a->gate, w->id);
    }
    if (nohi_park_unlock(&home->park, NOHI_PARKED, false)) {
        nohi_park_wake(&home->park, &w->system->env);
    }
    return ours;
}

/* A message that was never made: its content may be what is wrong with it. */
static noh_err refused(noh_self *self, noh_ref to, const noh_type *type, noh_err err)
{
    nohi_worker *w = self->worker;
    nohi_lease_count_sent(&w->lease);
    nohi_dead_note(w, self->ref, to, type, NULL, nohi_dead_reason_of(err));
    return err;
}

noh_err nohi_send_may_part(const noh_self *self)
{
    const nohi_message *message = self->message;
    if (message == NULL ? self->answer_state == NOHI_ANSWERED
                        : message->kind == NOHI_REQUEST && self->answer_state == NOHI_ANSWERED) {
        return NOH_E_ANSWERED;
    }
    return message == NULL || !nohi_message_is_counted(message) ? NOH_E_CONTEXT : NOH_OK;
}

noh_err noh_forward(noh_self *self, noh_ref to)
{
    if (self == NULL) {
        return NOH_E_INVAL;
    }
    noh_err err = nohi_send_may_part(self);
    if (err != NOH_OK) {
        return err;
    }
    nohi_message *message = self->message;
    if (message->kind == NOHI_TICK) {
        nohi_timer_tick_done(self->worker, message->number);
    }
    if (message->kind != NOHI_REQUEST) {
        message->kind = NOHI_TELL;
    }
    self->message = NULL;
    self->answer_state = NOHI_ANSWERED;
    if (message->kind == NOHI_REQUEST) {
        nohi_circle_passed_on(self->worker, message, to);
    }
    return nohi_send_or_bury(self->worker, to, message, false);
}

noh_ref noh_sender(const noh_self *self)
{
    return self == NULL || self->message == NULL ? NOH_NO_REF : self->message->from;
}

noh_ref noh_self_ref(const noh_self *self)
{
    return self == NULL ? NOH_NO_REF : self->ref;
}

noh_system *noh_self_system(const noh_self *self)
{
    return self == NULL ? NULL : self->system;
}
