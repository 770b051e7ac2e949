/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Receive: one turn of one actor.
 *
 * Purpose     Take what waits, hand it to the handlers one by one, and decide what becomes of the
 *             actor afterwards: again, idle, elsewhere, ended.
 * Owner       The worker that runs the turn.
 * Invariants  RCV-1  a turn handles at most the letters that were there when it began: an actor that
 *                    tells itself does not keep the worker.
 *             RCV-2  the inbox is taken by the owner alone, and made idle only while SIGNALED, that
 *                    is, after its announcement has arrived: so one announcement is under way at
 *                    most. SIGNALED ends only with try_idle.
 *             RCV-3  a letter of another generation never comes into the queue: who sends at home
 *                    compares, and what the inbox gives is compared here.
 *             RCV-4  every request in hand is answered, forwarded or promised when its turn ends.
 *             RCV-5  commands to a worker never come to an actor.
 *             RCV-6  a handler may wait, and go on on another worker: who has called one looks at
 *                    self->worker again. */
#include "receive.h"

#include "circle.h"
#include "deadletter.h"
#include "reply.h"
#include "role.h"
#include "send.h"
#include "strand.h"
#include "system.h"
#include "timer.h"

static noh_ref take_letters(nohi_worker *w, nohi_actor *a, nohi_letter *taken);
static NOHI_COLD void end_by(nohi_worker *w, nohi_actor *a, int stop);
static NOHI_COLD void obey_stop(nohi_worker *w, nohi_actor *a, nohi_message *message);
static NOHI_NOINLINE void handle_odd(noh_self *self, nohi_actor *a);
static NOHI_NOINLINE void handle_notice(noh_self *self, nohi_actor *a, nohi_message *message);
static NOHI_COLD const noh_handler *find_equal(const noh_behavior *behavior, const noh_type *type);
static void begin_busy_turn(nohi_worker *w, nohi_actor *a);
static NOHI_NOINLINE void close_message(noh_self *self);
static NOHI_COLD void fail_with(nohi_worker *w, nohi_actor *a, noh_err err);
static NOHI_COLD void fail(nohi_worker *w, nohi_actor *a);
static NOHI_NOINLINE void handle_many(noh_self *self, nohi_actor *a);
static NOHI_NOINLINE bool turn_of_waiting(nohi_worker *w, nohi_actor *a);
static NOHI_NOINLINE bool leave_turn(nohi_worker *w, nohi_actor *a);
static NOHI_COLD bool wants_other_strand(noh_self *self, nohi_actor *a);

/* Was the request in hand answered? Then it is over. */
NOHI_INLINE bool is_done(const noh_self *self)
{
    return self->message->kind == NOHI_REQUEST && self->answer_state == NOHI_ANSWERED &&
           !self->promised;
}

/* Calls a handler, and closes the message unless it fails. */
NOHI_INLINE void call(noh_self *self, nohi_actor *a, noh_handler_fn fn, void *state,
                      nohi_message *message)
{
    bool told = message->kind == NOHI_TELL;
    store_relaxed(&self->worker->running_type, message->type); /* counter: for reports */
    self->message = message;
    if (!told) {
        self->answer_state = NOHI_UNANSWERED;
    }
    noh_err err = fn(self, state, nohi_message_body(message));
    nohi_worker *w = self->worker; /* RCV-6 */
    if (NOHI_UNLIKELY(err != NOH_OK)) {
        fail_with(w, a, err);
        return;
    }
    if (NOHI_LIKELY(self->message == message) && (told || is_done(self))) {
        bump(&w->counts.handled);
        nohi_message_free_told(&w->pool, message);
    } else {
        close_message(self);
    }
}

/* The handler of exactly that type, or NULL. */
NOHI_INLINE const noh_handler *find_handler(const noh_behavior *behavior, const noh_type *type)
{
    const noh_handler *handler = behavior->handlers;
    if (NOHI_LIKELY(handler->type == type)) {
        return handler;
    }
    const noh_handler *end = handler + behavior->handler_count;
    do {
        if (NOHI_UNLIKELY(++handler == end)) {
            return NULL;
        }
    } while (handler->type != type);
    return handler;
}

/* To the handler of its type. */
NOHI_INLINE void deliver(noh_self *self, nohi_actor *a, const noh_behavior *behavior,
                         nohi_message *message)
{
    void *state = NOHI_LIKELY(nohi_state_is_inline(behavior)) ? a->state : a->state_block;
    const noh_handler *handler = find_handler(behavior, message->type);
    if (NOHI_UNLIKELY(handler == NULL)) {
        handler = find_equal(behavior, message->type);
        if (handler == NULL) {
            nohi_dead_letter(self->worker, self->ref, message, NOH_DEAD_UNHANDLED);
            return;
        }
    }
    call(self, a, handler->fn, state, message);
}

/* A letter that is not plain, or one that ends the actor. */
static void handle_odd(noh_self *self, nohi_actor *a)
{
    nohi_message *message = nohi_actor_pop(a);
    NOHI_CHECK(RCV_3, message->generation == nohi_gate_generation(&a->gate));
    if (nohi_gate_stop_kind(&a->gate, message->generation) >= NOH_STOP_NOW) {
        obey_stop(self->worker, a, message);
    } else if (message->kind <= NOHI_REQUEST) {
        deliver(self, a, nohi_actor_behavior(a), message);
    } else {
        handle_notice(self, a, message);
    }
}

NOHI_INLINE void handle_letter(noh_self *self, nohi_actor *a, const noh_behavior *behavior,
                               nohi_message *message)
{
    if (NOHI_LIKELY(nohi_message_is_plain(message) && !nohi_gate_has_stop(&a->gate))) {
        nohi_actor_pop_plain(a, message);
        deliver(self, a, behavior, message);
    } else {
        handle_odd(self, a);
    }
    nohi_send_flush(self->worker); /* SND-2 */
}

/* All that wait, or a batch of them (RCV-1), unless the actor ends. */
static void handle_many(noh_self *self, nohi_actor *a)
{
    const nohi_letter *last = a->tail;
    uint32_t left = self->worker->policy.letters_max;
    uint32_t waits = self->waits; /* who has waited finds another queue */
    bool more = true;
    while (more) {
        nohi_message *message = (nohi_message *)a->head;
        more = &message->letter != last;
        handle_letter(self, a, nohi_actor_behavior(a), message);
        /* A worker that asks for work must not wait for a whole batch of heavy letters. */
        more = more && --left > 0 && self->waits == waits &&
               (a->flags & (NOHI_EXITING | NOHI_ENDED)) == 0 &&
               load_relaxed(&self->worker->balance.attention) == 0; /* see give */
    }
}

/* From here on the run list is ours. */
NOHI_INLINE void leave_handlers(nohi_worker *w)
{
    if (NOHI_UNLIKELY(!nohi_lease_end_turn(&w->lease))) {
        nohi_lease_wait(&w->lease, &w->system->env);
    }
}

/* What becomes of the actor after a turn that was not sampled. */
NOHI_INLINE void end_turn(nohi_worker *w, nohi_actor *a)
{
    leave_handlers(w);                            /* a thief may have set SIGNALED */
    if (NOHI_UNLIKELY(a->flags != NOHI_QUEUED)) { /* or it ends, or moves */
        (void)leave_turn(w, a);
    } else if (NOHI_LIKELY(a->head == NULL)) {
        a->flags = 0;
    } else {
        nohi_worker_link(w, a, nohi_actor_index(w->slots, a));
    }
}

/* To another worker; it is QUEUED: on its way. */
static void hand_on(nohi_worker *w, nohi_actor *a, int flow)
{
    nohi_worker *to = nohi_system_home(w->system, (unsigned)flow);
    nohi_gate_move(&a->gate, to->id);
    if (nohi_stack_push(&to->handed, nohi_actor_index(w->slots, a), &a->run_next)) {
        nohi_worker_notify(w, to);
    }
}

/* Does something use the stack of the handler, so that not even a stop ends the wait? BLK-1 */
static bool is_in_use(nohi_worker *w, nohi_actor *a, nohi_wait *wait, int stop)
{
    return wait->job != NULL && !wait->over && !nohi_strand_look(w, a, wait) &&
           (stop < (int)NOH_STOP_NOW || !nohi_blocking_cancel(w, wait->job));
}

bool nohi_receive_is_reentrant(nohi_actor *a, const nohi_wait *wait, const nohi_message *message)
{
    const noh_behavior *behavior = nohi_actor_behavior(a);
    if (!nohi_message_is_for_handler(message) || behavior == NULL ||
        wait->job != NULL || /* BLK-1 */
        (a->flags & NOHI_UNSTARTED)) {
        return false;
    }
    const noh_handler *handler = find_handler(behavior, message->type);
    if (handler == NULL) {
        handler = find_equal(behavior, message->type);
    }
    return handler != NULL && handler->hook == NOH_HOOK_REENTRANT;
}

/* A simulation may want to let others go on now. */
NOHI_INLINE void step(nohi_worker *w, nohi_actor *a, const nohi_message *next)
{
    if (NOHI_UNLIKELY(w->policy.stepped)) {
        nohi_policy_step(w, a, next);
    }
}

/* Hands what waits for reentrant handlers to them, on this strand, while another handler waits on its own.
 * False: the actor has ended. RCV-1 */
static bool handle_meanwhile(noh_self *self, nohi_actor *a, nohi_wait *wait)
{
    nohi_letter *before =
        NULL; /* nobody else takes from the queue meanwhile: such a handler is bound */
    const nohi_letter *last = a->tail;
    uint32_t left = NOHI_BATCH;
    bool more = a->head != NULL;
    self->bound = true;
    while (more && left > 0) {
        nohi_letter *at = before == NULL ? a->head : before->next;
        more = at != last;
        if (!nohi_receive_is_reentrant(a, wait, (nohi_message *)at)) {
            before = at;
            continue;
        }
        left--;
        if (NOHI_UNLIKELY(self->worker->policy.stepped) && self->worker->policy.sampling) {
            step(self->worker, a, (nohi_message *)at);
            left = 0;
        }
        wait->seen = wait->seen == at ? before : wait->seen;
        nohi_strand_unlink(a, before, (nohi_message *)at);
        deliver(self, a, nohi_actor_behavior(a), (nohi_message *)at);
        nohi_send_flush(self->worker); /* SND-2 */
        if (a->flags & NOHI_ENDED) {
            self->bound = false;
            return false;
        }
    }
    self->bound = false;
    wait->meanwhile = more;
    return true;
}

/* Gives what came to the wait of its handler. When that is over, its strand goes on, in this turn, or
 * where the actor is to live. */
static bool turn_of_waiting(nohi_worker *w, nohi_actor *a)
{
    nohi_wait *wait = a->extra->wait;
    w->woken_by = NOH_NO_REF;
    if (a->flags & NOHI_SIGNALED) {
        nohi_letter *taken = nohi_inbox_take(&a->gate.inbox); /* RCV-2 */
        w->woken_by = taken == NULL ? NOH_NO_REF : take_letters(w, a, taken);
    }
    int stop = nohi_gate_stop_kind(&a->gate, nohi_gate_generation(&a->gate));
    if (NOHI_UNLIKELY(is_in_use(w, a, wait, stop))) {
        nohi_receive_left(w, a);
        return true;
    }
    if (stop == NOH_STOP_KILL) {
        nohi_actor_end(w, a, &(noh_exit){.kind = NOH_EXIT_KILLED});
        return leave_turn(w, a);
    }
    bool over = wait->over || nohi_strand_look(w, a, wait);
    if (!over && stop == NOH_STOP_NOW) {
        over = true;
        nohi_wait_stop(wait);
    } else if (!over && wait->once) {
        over = true;
        wait->over = true;
        wait->err = NOH_E_TIMEOUT;
    }
    if (!over && NOHI_UNLIKELY(wait->meanwhile)) {
        if (wants_other_strand(w->self, a)) {
            return false;
        }
        if (w->policy.countdown < 0) {
            nohi_policy_sample_begin(w);
        }
        if (!handle_meanwhile(w->self, a, wait)) {
            return leave_turn(w, a);
        }
    }
    if (!over) {
        if (NOHI_UNLIKELY(wait->asked) && nohi_wait_is_for_answer(wait)) {
            nohi_circle_probe(w, a, wait);
        }
        nohi_receive_left(w, a);
        return true;
    }
    int flow = nohi_policy_flow(w, a, w->woken_by);
    if (flow != NOHI_STAY) {
        nohi_send_flush(w); /* SND-2: what was buried here may be answered */
        leave_handlers(w);
        hand_on(w, a, flow);
        return true;
    }
    a->flags = (uint8_t)((a->flags & ~NOHI_WAITING) | NOHI_WAITED);
    if (w->policy.countdown < 0) {
        nohi_policy_sample_begin(w);
        step(w, a, wait->got);
    }
    w->woken_by = NOH_NO_REF;
    w->handled_before = load_relaxed(&w->counts.handled); /* private */
    w->goes_on = wait->strand;
    return false;
}

void nohi_receive_left(nohi_worker *w, nohi_actor *a)
{
    nohi_wait *wait = a->extra->wait;
    nohi_send_flush(w); /* what was buried here may be answered */
    leave_handlers(w);
    if (w->policy.sampling) {
        nohi_policy_sample_end(w, a);
        w->policy.flow_home = NOHI_STAY; /* who waits moves when it is woken */
    }
    bump(&w->counts.waited);
    a->flags = (uint8_t)((a->flags | NOHI_WAITING) & ~NOHI_QUEUED);
    bool runs = wait->once || nohi_strand_has_news(a, wait); /* STR-3 */
    if (a->flags & NOHI_SIGNALED) {
        if (!nohi_actor_is_exact(a)) {
            store_relaxed(&a->gate.local_len, load_relaxed(&a->len)); /* counter */
        }
        if (!runs && nohi_inbox_try_idle(&a->gate.inbox)) { /* RCV-2 */
            a->flags = (uint8_t)(a->flags & ~NOHI_SIGNALED);
        } else {
            runs = true;
        }
    }
    if (runs) {
        nohi_worker_queue(w, a);
    }
}

/* Is this strand's stack of another size? Then the actor is next, on a larger one, and this turn was none. */
static NOHI_COLD bool wants_other_strand(noh_self *self, nohi_actor *a)
{
    nohi_worker *w = self->worker;
    size_t size = nohi_stacks_size(nohi_role_own(a)->stack_size);
    if (self->strand == NULL || nohi_strand_room(self->strand)->size == size) {
        return false;
    }
    leave_handlers(w);
    nohi_worker_link_first(w, a, nohi_actor_index(w->slots, a));
    w->wants_stack = size;
    return true;
}

/* A turn of any kind. False: it was sampled, or another strand goes on. */
static bool turn(noh_self *self, nohi_actor *a)
{
    nohi_worker *w = self->worker;
    if (a->flags & NOHI_WAITING) {
        return turn_of_waiting(w, a);
    }
    if ((a->flags & NOHI_TIMED) && nohi_wants_stack(nohi_role_own(a)) &&
        wants_other_strand(self, a)) {
        return false;
    }
    if (w->policy.countdown < 0) {
        nohi_policy_sample_begin(w);
    }
    if (a->flags & (NOHI_SIGNALED | NOHI_TIMED)) {
        begin_busy_turn(w, a);
    }
    if (w->policy.sampling) {
        step(w, a, (nohi_message *)a->head);
    }
    if (nohi_actor_behavior(a) == NULL) {
        nohi_receive_bury(w, a);
        return leave_turn(w, a);
    }
    if (a->head != NULL) {
        handle_many(self, a);
        w = self->worker; /* RCV-6 */
    }
    if (w->policy.sampling) {
        return leave_turn(w, a);
    }
    end_turn(w, a);
    return !self->apart;
}

/* Hands a told letter, which has left the mailbox, to its handler. */
NOHI_INLINE void handle_told(noh_self *self, nohi_actor *a, const noh_behavior *behavior,
                             const noh_handler *handler, nohi_message *message)
{
    void *state = NOHI_LIKELY(nohi_state_is_inline(behavior)) ? a->state : a->state_block;
    self->message = message;
    store_relaxed(&self->worker->running_type, message->type); /* counter: for reports */
    noh_err err = handler->fn(self, state, nohi_message_body(message));
    nohi_worker *w = self->worker; /* RCV-6 */
    if (NOHI_UNLIKELY(err != NOH_OK)) {
        fail_with(w, a, err);
    } else if (NOHI_LIKELY(self->message == message)) {
        bump(&w->counts.handled);
        nohi_pool_give(&w->pool, message, 0);
    } else {
        close_message(self);
    }
}

NOHI_INLINE void begin_turn(noh_self *self, nohi_actor *a, noh_ref ref)
{
    nohi_lease_begin_turn(&self->worker->lease, nohi_ref_index(ref));
    self->actor = a;
    self->ref = ref;
}

/* May the receiver of the letter in hand have its turn now (SND-4)? Nobody else waits, and with that
 * letter its mailbox has one. Between two turns. */
NOHI_INLINE bool may_pass_on(nohi_worker *w, nohi_actor *a, const nohi_message *message)
{
    return message != NULL && load_relaxed(&w->run_first) == 0 && !nohi_hint_is_raised(&w->mail) &&
           --w->policy.countdown >= 0 && nohi_gate_home(&a->gate) == w->id && /* CHN-2 */
           nohi_gate_generation(&a->gate) == message->generation &&
           nohi_inbox_is_empty(&a->gate.inbox) && a->flags == 0 && !nohi_hostile_chance(4);
}

/* The turns of who got the letter in hand, and so on. */
static NOHI_NOINLINE void pass_on(noh_self *self, nohi_actor *a)
{
    nohi_worker *w = self->worker;
    do {
        nohi_message *message = (nohi_message *)nohi_chain_in_hand(&w->chain);
        if (!may_pass_on(w, a, message)) {
            if (message != NULL && w->policy.countdown >= 0 && nohi_strand_give(w, a)) {
                return; /* STR-7 */
            }
            break;
        }
        const noh_behavior *behavior = nohi_actor_behavior(a);
        const noh_handler *handler = find_handler(behavior, message->type);
        if (NOHI_UNLIKELY(handler == NULL)) {
            break;
        }
        nohi_chain_drop(&w->chain);
        a->flags = NOHI_QUEUED;
        begin_turn(self, a, (noh_ref){w->chain.ref});
        handle_told(self, a, behavior, handler, message);
        w = self->worker; /* RCV-6 */
        end_turn(w, a);
        a = nohi_chain_to(&w->chain);
    } while (a != NULL);
    nohi_send_flush(w); /* SND-2 */
}

/* In chatter most turns have one letter, told, without bound or box, and nothing else is the matter:
 * the straight way. False: it is not one of those, and nothing was done. A stop that nobody
 * announced yet (SIGNALED) may come one letter later. */
NOHI_INLINE bool turn_of_one(noh_self *self, nohi_actor *a)
{
    nohi_message *message = (nohi_message *)a->head;
    if (NOHI_UNLIKELY(--self->worker->policy.countdown < 0 || a->flags != NOHI_QUEUED ||
                      message == NULL) ||
        NOHI_UNLIKELY(message->letter.next != NULL || !nohi_message_is_told(message))) {
        return false;
    }
    const noh_behavior *behavior = nohi_actor_behavior(a);
    const noh_handler *handler = find_handler(behavior, message->type);
    if (NOHI_UNLIKELY(handler == NULL)) {
        return false;
    }
    a->head = NULL;
    store_relaxed(&a->len, 0);
    handle_told(self, a, behavior, handler, message);
    nohi_worker *w = self->worker; /* RCV-6 */
    end_turn(w, a);
    a = nohi_chain_to(&w->chain);
    if (NOHI_UNLIKELY(a != NULL)) {
        pass_on(self, a);
    }
    return true;
}

/* Of an actor that was taken from the run list. */
NOHI_INLINE void begin_listed_turn(noh_self *self, nohi_actor *a, uint32_t index)
{
    NOHI_CHECK(GAT_1,
               nohi_gate_home(&a->gate) == self->worker->id && (a->flags & NOHI_QUEUED) != 0);
    uint64_t generation = nohi_gate_generation(&a->gate);
    begin_turn(self, a, (noh_ref){generation << NOHI_INDEX_BITS | index});
}

/* May who runs next go on at once? Its answer has come from hand to hand, and that is all that has. Then that
 * is its turn, and its strand goes on; else nothing was done. Between two turns. */
NOHI_INLINE bool turn_of_answered(nohi_worker *w)
{
    uint32_t index = load_relaxed(&w->run_first); /* private */
    if (NOHI_UNLIKELY(index == 0 || nohi_hint_is_raised(&w->mail) || w->policy.countdown <= 0)) {
        return false;
    }
    nohi_actor *a = nohi_worker_slot(w, index);
    if (NOHI_UNLIKELY((a->flags & ~NOHI_UNSTARTED) != (NOHI_QUEUED | NOHI_WAITING) ||
                      !a->extra->wait->over || nohi_gate_has_stop(&a->gate) ||
                      w->policy.flow_home != NOHI_STAY || nohi_hostile_chance(4))) {
        return false;
    }
    store_relaxed(&w->run_first, a->run_next);
    nohi_lease_begin_turn(&w->lease, index);
    w->policy.countdown--;
    w->woken_by = NOH_NO_REF;
    a->flags = (uint8_t)((a->flags & NOHI_UNSTARTED) | NOHI_QUEUED | NOHI_WAITED);
    w->goes_on = a->extra->wait->strand;
    return true;
}

bool nohi_receive_called(noh_self *self)
{
    nohi_worker *w = self->worker;
    nohi_message *message = w->called;
    noh_ref ref = w->call_ref;
    nohi_actor *a = nohi_worker_slot(w, nohi_ref_index(ref));
    w->called = NULL;
    self->in_handler = true;
    begin_turn(self, a, ref);
    deliver(self, a, nohi_actor_behavior(a), message);
    w = self->worker; /* RCV-6 */
    end_turn(w, a);
    a = nohi_chain_to(&w->chain);
    if (a != NULL) {
        pass_on(self, a);
        w = self->worker; /* RCV-6 */
    }
    self->in_handler = false;
    return turn_of_answered(w);
}

void nohi_receive_turns(noh_self *self)
{
    uint32_t index;
    nohi_actor *a;
    self->in_handler = true;
    while (!nohi_hint_is_raised(&self->worker->mail) &&
           (a = nohi_worker_next(self->worker, &index)) != NULL) {
        begin_listed_turn(self, a, index);
        if (NOHI_UNLIKELY(!turn_of_one(self, a)) && !turn(self, a)) {
            break;
        }
    }
    self->in_handler = false;
    nohi_send_flush(self->worker); /* what the last turn's end has sent */
}

void nohi_receive_turn(noh_self *self)
{
    uint32_t index = 0;
    nohi_worker *w = self->worker;
    nohi_actor *a = nohi_worker_next(w, &index);
    begin_listed_turn(self, a, index);
    self->in_handler = true;
    if (--w->policy.countdown < 0) {
        nohi_policy_sample_begin(w);
        step(w, a, (nohi_message *)a->head);
    }
    w->handled_before = load_relaxed(&w->counts.handled); /* private */
    handle_many(self, a);
    w = self->worker; /* RCV-6 */
    (void)leave_turn(w, a);
    self->in_handler = false;
    nohi_send_flush(w);
}

/* Puts letters of this generation into the queue, and buries the others (RCV-3). Who sent the newest? */
static noh_ref take_letters(nohi_worker *w, nohi_actor *a, nohi_letter *taken)
{
    uint32_t generation = nohi_gate_generation(&a->gate);
    nohi_letter **link = &taken;
    nohi_letter *late = NULL;
    nohi_message *newest = NULL;
    while (*link != NULL) {
        nohi_message *message = (nohi_message *)*link;
        if (NOHI_LIKELY(message->generation == generation)) {
            newest = message;
            link = &message->letter.next;
        } else {
            *link = message->letter.next;
            message->letter.next = late;
            late = &message->letter;
        }
    }
    if (NOHI_LIKELY(newest != NULL)) {
        nohi_actor_splice(a, taken);
    }
    while (NOHI_UNLIKELY(late != NULL)) {
        nohi_message *message = (nohi_message *)late;
        late = late->next;
        nohi_actor_leave_inbox(a, message);
        nohi_receive_late(w, a, message);
    }
    return newest == NULL ? NOH_NO_REF : newest->from;
}

/* What some turns need before their first letter: the inbox, the clock of an idle time-out. */
static void begin_busy_turn(nohi_worker *w, nohi_actor *a)
{
    w->woken_by = NOH_NO_REF;
    w->handled_before = load_relaxed(&w->counts.handled); /* private */
    if ((a->flags & NOHI_SIGNALED) && a->head == NULL) {
        nohi_letter *taken = nohi_inbox_take(&a->gate.inbox); /* RCV-2 */
        if (taken != NULL) {
            w->woken_by = take_letters(w, a, taken);
        }
    }
}

NOHI_NOINLINE void nohi_receive_bury(nohi_worker *w, nohi_actor *a)
{
    w->self->ref = NOH_NO_REF; /* nobody's turn */
    if (!nohi_inbox_is_empty(&a->gate.inbox)) {
        nohi_actor_splice(a, nohi_inbox_take(&a->gate.inbox));
    }
    while (a->head != NULL) {
        nohi_receive_late(w, a, nohi_actor_pop(a));
    }
}

void nohi_receive_after_failure(nohi_worker *w)
{
    nohi_actor *a = w->self->actor;
    w->self->in_handler = false;
    w->self->bound = false;
    if (load_relaxed(&a->life) == NOHI_ENDING) {
        nohi_log(w->system, NOH_LOG_ERROR, w->self->ref, nohi_actor_behavior(a),
                 "a stop hook failed: %s", w->self->failure.text);
        nohi_actor_end_rest(w, a, &w->ending);
    } else {
        fail(w, a);
    }
    (void)leave_turn(w, a);
}

/* The end of who was asked to stop so; less than 0: to drain. */
static void end_by(nohi_worker *w, nohi_actor *a, int stop)
{
    nohi_actor_end(w, a,
                   &(noh_exit){.kind = stop == NOH_STOP_KILL  ? NOH_EXIT_KILLED
                                       : stop == NOH_STOP_NOW ? NOH_EXIT_SHUTDOWN
                                                              : NOH_EXIT_NORMAL});
}

/* Before a letter was handled: it goes back to the others, and all of them become dead letters. */
static void obey_stop(nohi_worker *w, nohi_actor *a, nohi_message *message)
{
    int kind = nohi_gate_stop_kind(&a->gate, message->generation);
    nohi_actor_push_back(a, message);
    end_by(w, a, kind);
}

void nohi_receive_late(nohi_worker *w, nohi_actor *a, nohi_message *message)
{
    noh_ref to = {(uint64_t)message->generation << NOHI_INDEX_BITS | nohi_actor_index(w->slots, a)};
    if (message->kind == NOHI_WATCH) {
        nohi_actor_tell_exit(w, message, &(noh_exit){.kind = NOH_EXIT_UNKNOWN});
    } else if (nohi_message_is_counted(message)) {
        bool answer = nohi_message_is_answer(message);
        nohi_dead_letter(w, to, message, answer ? NOH_DEAD_LATE : NOH_DEAD_GONE);
    } else {
        nohi_message_free(&w->pool, message);
    }
}

static void handle_notice(noh_self *self, nohi_actor *a, nohi_message *message)
{
    nohi_worker *w = self->worker;
    nohi_extra *extra;
    switch ((nohi_message_kind)message->kind) {
    case NOHI_TICK:
        deliver(self, a, nohi_actor_behavior(a), message);
        return;
    case NOHI_ANSWER:
    case NOHI_ERROR:
    case NOHI_EXITED:
        if (nohi_ask_arrived(w, a, &message, &self->answered) && message != NULL) {
            deliver(self, a, nohi_actor_behavior(a), message);
        }
        self->answered = (noh_future){0};
        return;
    case NOHI_START:
        call(self, a, nohi_actor_behavior(a)->on_start, nohi_actor_state(a), message);
        a->flags = (uint8_t)(a->flags & ~NOHI_UNSTARTED);
        return;
    case NOHI_STOP:
        nohi_message_free_block(&w->pool, message);
        nohi_actor_end(w, a, &(noh_exit){.kind = NOH_EXIT_NORMAL});
        return;
    case NOHI_WATCH:
        extra = nohi_actor_extra(w, a);
        if (extra == NULL) {
            nohi_reply_error(w, message, self->ref, NOH_E_NOMEM, NULL);
            return;
        }
        message->letter.next = extra->watchers;
        extra->watchers = &message->letter;
        return;
    case NOHI_IDLE:
        extra = a->extra;
        bool now_idle = extra != NULL && message->number == extra->idle_incarnation;
        if (now_idle && extra->idle_ns > 0) {
            int64_t left_ns =
                nohi_later(extra->last_active_ns, extra->idle_ns) - nohi_now(w->system);
            extra->idle_armed = false;
            if (load_relaxed(&w->counts.handled) == w->handled_before && left_ns <= 0) {
                extra->last_active_ns += extra->idle_ns - left_ns; /* now */
                message->type = &noh_type_noh_idle;
                message->kind = NOHI_TELL;
                message->from = self->ref;
                nohi_lease_count_sent(&w->lease);
                deliver(self, a, nohi_actor_behavior(a), message);
                return;
            }
        } /* else leave_turn arms it again */
        nohi_message_free_block(&w->pool, message);
        return;
    case NOHI_TELL:
    case NOHI_REQUEST:
    case NOHI_TIMER_ADD:
    case NOHI_TIMER_DROP:
    case NOHI_STOPPING:
        break;
    case NOHI_WAKE:
        nohi_message_free_block(&w->pool, message); /* STR-4 */
        return;
    case NOHI_PROBE:
    case NOHI_PASSED_ON:
        (void)nohi_circle_obey(w, a, NULL, message);
        return;
    }
    NOHI_ASSERT(RCV_5, false);
}

/* The same declaration compiled into another shared object. */
static const noh_handler *find_equal(const noh_behavior *behavior, const noh_type *type)
{
    for (size_t i = 0; i < behavior->handler_count; i++) {
        const noh_handler *handler = &behavior->handlers[i];
        if (handler->type != NULL && noh_type_equal(handler->type, type)) {
            return handler;
        }
    }
    return NULL;
}

void nohi_receive_close_received(noh_self *self, noh_err code, const char *text)
{
    if (!self->has_outer) {
        return;
    }
    nohi_worker *w = self->worker;
    nohi_message *message = self->promised ? NULL : self->message;
    bool open = self->answer_state == NOHI_UNANSWERED;
    self->has_outer = false;
    self->message = self->outer.message;
    self->answer_state = self->outer.answer_state;
    self->promised = self->outer.promised;
    if (message == NULL) {
        return; /* forwarded, or its promise has it */
    }
    if (message->kind == NOHI_TICK) {
        nohi_timer_tick_done(w, message->number);
    }
    if (message->kind == NOHI_REQUEST && open) {
        nohi_reply_error(w, message, self->ref, code, text);
    } else {
        nohi_message_free(&w->pool, message);
    }
}

/* The message has left the turn: it was forwarded, or its promise answers; or it was put aside, and
 * is still to be handled (ROL-2). */
static void count_parted(nohi_worker *w, noh_self *self)
{
    bump_by(&w->counts.handled, !self->stashed);
    self->stashed = false;
}

void nohi_receive_abandon(nohi_worker *w, noh_self *self)
{
    self->worker = w;
    nohi_self_drop_answer(self);
    nohi_self_drop_circle(w, self);
    nohi_receive_close_received(self, NOH_E_STOPPED, NULL);
    nohi_message *message = self->message;
    self->message = NULL;
    if (message == NULL || self->promised) {
        count_parted(w, self);
    } else if (!nohi_message_is_counted(message)) {
        nohi_message_free(&w->pool, message);
    } else if (message->kind == NOHI_REQUEST && self->answer_state == NOHI_ANSWERED) {
        bump(&w->counts.handled);
        nohi_message_free(&w->pool, message);
    } else {
        nohi_dead_letter(w, self->ref, message, NOH_DEAD_STOPPED);
    }
}

/* After a handler returned that did more than to look at a told message. */
static void close_message(noh_self *self)
{
    nohi_worker *w = self->worker;
    nohi_receive_close_received(self, NOH_E_NO_ANSWER, NULL);
    nohi_message *message = self->message; /* NULL: forwarded, or put aside */
    self->message = NULL;
    if (message == NULL) {
        count_parted(w, self);
        return;
    }
    if (nohi_message_is_counted(message)) {
        bump(&w->counts.handled);
    }
    if (message->kind == NOHI_TICK) {
        nohi_timer_tick_done(w, message->number);
    }
    if (self->promised) {
        self->promised = false;
    } else if (message->kind == NOHI_REQUEST && self->answer_state == NOHI_UNANSWERED) {
        nohi_reply_error(w, message, self->ref, NOH_E_NO_ANSWER, NULL); /* RCV-4 */
    } else {
        nohi_message_free(&w->pool, message);
    }
}

/* The handler says STOPPED because it was told so, which is no failure. Told to drain, the actor handles its
 * queue first, unless its state is not whole. */
static void end_as_told(nohi_worker *w, nohi_actor *a)
{
    noh_self *self = w->self;
    int stop = nohi_gate_stop_kind(&a->gate, nohi_gate_generation(&a->gate));
    nohi_send_flush(w); /* what it told before was told */
    nohi_receive_abandon(w, self);
    self->promised = false;
    self->answered = (noh_future){0};
    if (stop > NOH_STOP_DRAIN || (a->flags & NOHI_UNSTARTED)) {
        self->told_to_stop = false;
        end_by(w, a, stop);
    }
}

static void fail_with(nohi_worker *w, nohi_actor *a, noh_err err)
{
    if (err == NOH_E_STOPPED && w->self->told_to_stop) {
        end_as_told(w, a);
        return;
    }
    noh_exit *failure = &w->self->failure;
    *failure = (noh_exit){.kind = NOH_EXIT_FAILED, .code = err};
    snprintf(failure->text, sizeof failure->text, "%s", noh_err_text(err));
    fail(w, a);
}

/* The message a handler failed on. Who asked is told why, unless it was answered before. */
static void bury_crashed(nohi_worker *w, nohi_message *message, const noh_exit *exit)
{
    nohi_dead_note(w, message->from, w->self->ref, message->type, nohi_message_body(message),
                   NOH_DEAD_CRASHED);
    if (message->kind == NOHI_TICK) {
        nohi_timer_tick_done(w, message->number);
    }
    if (message->kind == NOHI_REQUEST && w->self->answer_state == NOHI_UNANSWERED) {
        nohi_reply_error(w, message, w->self->ref, exit->code, exit->text);
    } else {
        nohi_message_free(&w->pool, message);
    }
}

/* The handler failed: self->failure says why. */
static void fail(nohi_worker *w, nohi_actor *a)
{
    noh_self *self = w->self;
    noh_exit exit = self->failure;
    nohi_receive_close_received(self, exit.code, exit.text);
    nohi_message *message = self->message;
    nohi_send_flush(w); /* what it told before it failed was told */
    self->message = NULL;
    self->answered = (noh_future){0};
    self->told_to_stop = false;
    nohi_log(w->system, NOH_LOG_ERROR, self->ref, nohi_actor_behavior(a), "failed in %s: %s (%s)",
             message == NULL || message->type == NULL ? "a message" : message->type->name,
             exit.text, noh_err_name(exit.code));
    bool starting = message != NULL && message->kind == NOHI_START;
    if (message == NULL || self->promised) {
        count_parted(w, self);
    } else if (starting) {
        nohi_message_free(&w->pool, message);
    } else {
        bury_crashed(w, message, &exit);
    }
    self->promised = false;
    nohi_actor_end(w, a, &exit);
}

/* An actor with an idle time-out had a turn: did a message come, and is the timer on? */
static void keep_idle_time(nohi_worker *w, nohi_actor *a)
{
    nohi_extra *extra = a->extra;
    if (extra == NULL || extra->idle_ns == 0) {
        return;
    }
    int64_t now_ns = nohi_now(w->system);
    if (load_relaxed(&w->counts.handled) != w->handled_before) {
        extra->last_active_ns = now_ns;
    }
    if (!extra->idle_armed) {
        int64_t left_ns = nohi_later(extra->last_active_ns, extra->idle_ns) - now_ns;
        (void)nohi_timer_idle(w, a, left_ns < 0 ? 0 : left_ns); /* NOMEM: after the next message */
    }
}

/* The same with all that may be the matter, exit included. */
static bool leave_turn(nohi_worker *w, nohi_actor *a)
{
    if (a->flags & NOHI_WAITED) {
        nohi_self_drop_answer(w->self);
        nohi_self_drop_circle(w, w->self);
        w->self->told_to_stop = false;
        a->flags = (uint8_t)(a->flags & ~NOHI_WAITED);
    }
    if (a->flags & NOHI_EXITING) {
        int stop = nohi_gate_stop_kind(&a->gate, nohi_gate_generation(&a->gate));
        nohi_actor_end(
            w, a, &(noh_exit){.kind = stop > NOH_STOP_DRAIN ? NOH_EXIT_SHUTDOWN : NOH_EXIT_NORMAL});
    }
    nohi_send_flush(w); /* what the runtime itself sent */
    leave_handlers(w);
    bool sampled = w->policy.sampling;
    if (sampled) {
        nohi_policy_sample_end(w, a);
    }
    bool live = load_relaxed(&a->life) == NOHI_LIVE; /* private */
    if (live && (a->flags & NOHI_TIMED)) {
        keep_idle_time(w, a);
    }
    bool idle = a->head == NULL;
    int flow = NOHI_STAY;
    bool signaled = (a->flags & NOHI_SIGNALED) != 0;
    if (live && (signaled || sampled)) {
        flow = nohi_policy_flow(w, a, signaled ? w->woken_by : NOH_NO_REF);
    }
    if (signaled) {
        if (!nohi_actor_is_exact(a)) {
            store_relaxed(&a->gate.local_len, load_relaxed(&a->len)); /* counter */
        }
        if (idle) {
            idle = nohi_inbox_try_idle(&a->gate.inbox); /* RCV-2 */
            a->flags = (uint8_t)(idle ? a->flags & ~NOHI_SIGNALED : a->flags);
        }
    }
    if (!idle && flow != NOHI_STAY) {
        hand_on(w, a, flow);
        return !sampled;
    }
    a->flags = (uint8_t)(a->flags & ~(NOHI_QUEUED | NOHI_ENDED));
    if (!idle) {
        nohi_worker_queue(w, a);
    } else if (load_relaxed(&a->life) == NOHI_DEAD) { /* private */
        nohi_actor_release(w, a);
    } else if (flow != NOHI_STAY) {
        nohi_gate_move(&a->gate, (unsigned)flow);
    }
    return !sampled;
}
