/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Strand: see strand.h. */
#include "strand.h"

#include "circle.h"
#include "deadletter.h"
#include "fiber.h"
#include "future.h"
#include "overflow.h"
#include "receive.h"
#include "reply.h"
#include "send.h"
#include "system.h"
#include "timer.h"

enum {
    SPARE_MAX = NOHI_LIMIT(64, 2), /* above, half of them are given back */
    ROOMS_AT_ONCE = NOHI_LIMIT(8, 1),
};

/* Lies on its own stack. */
struct nohi_strand {
    nohi_fiber *fiber;
    nohi_room *room;
    noh_self self;
    nohi_turns_fn *turns;
    nohi_strand *next; /* spare */
};

typedef struct birth {
    nohi_worker *w;
    nohi_room *room;
    nohi_fiber *fiber;
    nohi_strand *strand;
} birth;

static void live(void *arg);

/* ---- strands ------------------------------------------------------------------------------ */

/* On the base. */
static nohi_strand *make_in(nohi_worker *w, nohi_room *room)
{
    birth b = {.w = w, .room = room};
    b.fiber = nohi_fiber_make(room->low, room->size, live, &b);
    nohi_fiber_switch(w->base, b.fiber);
    return b.strand;
}

static nohi_strand *make(nohi_worker *w)
{
    if (w->rooms == NULL) {
        w->rooms = nohi_stacks_take(&w->system->stacks, NOHI_STACK_USUAL, ROOMS_AT_ONCE);
    }
    nohi_room *room = w->rooms;
    if (room == NULL) {
        return NULL;
    }
    w->rooms = room->next;
    return make_in(w, room);
}

/* Where it stood. It does not run; what lies on it is not unwound. */
static nohi_room *unmake(nohi_strand *strand)
{
    nohi_room *room = strand->room;
    if (!noh_ref_is_none(strand->self.strained)) {
        nohi_overflow_shut(&strand->self);
    }
    nohi_fiber_done(strand->fiber);
    return room;
}

nohi_room *nohi_strand_room(const nohi_strand *strand)
{
    return strand->room;
}

/* On the stack of the thread. Apart, so that its frame lives when noh_fail jumps. */
static NOHI_NOINLINE void run_without_strand(noh_self *self, nohi_turns_fn *turns)
{
    jmp_buf caught;
    self->caught = &caught;
    if (_setjmp(caught) != 0) {
        nohi_receive_after_failure(self->worker);
    } else {
        turns(self);
    }
}

/* On who is switched to: the handler that waits has been left. */
NOHI_INLINE void arrive(nohi_worker *w)
{
    nohi_actor *a = w->waits;
    if (a != NULL) {
        w->waits = NULL;
        nohi_receive_left(w, a); /* STR-1 */
    }
}

/* The next one to run for `w`. */
static void begin(nohi_worker *w, nohi_strand *strand)
{
    strand->self.worker = w; /* STR-2 */
    w->self = &strand->self;
}

static void push_spare(nohi_worker *w, nohi_strand *strand)
{
    strand->next = w->spare;
    w->spare = strand;
    w->spares++;
}

/* There is one. */
static nohi_strand *pop_spare(nohi_worker *w)
{
    nohi_strand *strand = w->spare;
    w->spare = strand->next;
    w->spares--;
    return strand;
}

/* May one strand switch to another without a visit to the base? A loop of the user's, or a thread that acts
 * for the worker, wants to look at its time there. */
NOHI_INLINE bool goes_straight(const nohi_worker *w)
{
    return w->kind == NOHI_WORKER && w->borrower == NULL;
}

/* Turns have come to an end on this strand: it is spare, and another one goes on; or it goes to the base. */
NOHI_INLINE nohi_fiber *whom_next(nohi_strand *strand)
{
    nohi_worker *w = strand->self.worker;
    nohi_strand *next = w->goes_on;
    if (next == NULL || w->spares >= SPARE_MAX || strand->self.apart || !goes_straight(w)) {
        return w->base;
    }
    w->goes_on = NULL;
    push_spare(w, strand);
    begin(w, next);
    return next->fiber;
}

static void live(void *arg)
{
    birth *b = arg;
    nohi_strand strand = {.fiber = b->fiber, .room = b->room};
    jmp_buf caught;
    strand.self =
        (noh_self){.worker = b->w, .system = b->w->system, .strand = &strand, .caught = &caught};
    b->strand = &strand;
    nohi_fiber_switch(strand.fiber, b->w->base);
    if (_setjmp(caught) != 0) { /* again and again: this frame stays */
        nohi_overflow_left(&strand.self);
        nohi_receive_after_failure(strand.self.worker);
        nohi_fiber_switch(strand.fiber, whom_next(&strand));
    }
    for (;;) {
        arrive(strand.self.worker);
        bool goes_on = strand.self.worker->called != NULL && nohi_receive_called(&strand.self);
        if (!goes_on) {
            strand.turns(&strand.self);
        }
        nohi_fiber_switch(strand.fiber, whom_next(&strand));
    }
}

/* A spare one, which there is, runs the next turns. */
NOHI_INLINE nohi_fiber *spare_instead(nohi_worker *w, nohi_turns_fn *turns)
{
    nohi_strand *next = pop_spare(w);
    next->turns = turns;
    begin(w, next);
    return next->fiber;
}

/* A handler on this strand waits: a spare one runs the next turns; or the base sees to it. */
static nohi_fiber *who_instead(nohi_worker *w, nohi_turns_fn *turns)
{
    if (w->spare == NULL || !goes_straight(w)) {
        return w->base;
    }
    return spare_instead(w, turns);
}

static nohi_strand *take(nohi_worker *w)
{
    return NOHI_UNLIKELY(w->spare == NULL) ? make(w) : pop_spare(w);
}

/* As many of the spare ones. */
static void give_back(nohi_worker *w, uint32_t count)
{
    nohi_room *list = NULL;
    for (; count > 0; count--) {
        nohi_room *room = unmake(take(w));
        room->next = list;
        list = room;
    }
    nohi_stacks_give(&w->system->stacks, list);
}

static void give_one_back(nohi_worker *w, nohi_strand *strand)
{
    nohi_room *room = unmake(strand);
    room->next = NULL;
    nohi_stacks_give(&w->system->stacks, room);
}

/* The last one of these is kept. */
static NOHI_COLD void give_apart(nohi_worker *w, nohi_strand *strand)
{
    nohi_strand *other = w->apart;
    w->apart = strand;
    if (other != NULL) {
        give_one_back(w, other);
    }
}

/* One of the size that is wanted; NULL: no memory. */
static NOHI_COLD nohi_strand *take_apart(nohi_worker *w, nohi_turns_fn *turns)
{
    size_t size = w->wants_stack;
    nohi_strand *strand = w->apart;
    w->wants_stack = 0;
    if (strand != NULL && strand->room->size == size) {
        w->apart = NULL;
    } else {
        nohi_room *room = nohi_stacks_take(&w->system->stacks, size, 1);
        if (room == NULL) {
            return NULL;
        }
        strand = make_in(w, room);
        strand->self.apart = true;
    }
    strand->turns = turns;
    return strand;
}

static void give(nohi_worker *w, nohi_strand *strand)
{
    if (NOHI_UNLIKELY(strand->self.apart)) {
        give_apart(w, strand);
        return;
    }
    push_spare(w, strand);
    if (NOHI_UNLIKELY(w->spares > SPARE_MAX)) {
        give_back(w, SPARE_MAX / 2);
    }
}

void nohi_strand_done(nohi_worker *w)
{
    give_back(w, w->spares);
    if (w->apart != NULL) {
        give_one_back(w, w->apart);
        w->apart = NULL;
    }
    nohi_stacks_give(&w->system->stacks, w->rooms);
    w->rooms = NULL;
}

/* False: a handler on it waits now. */
NOHI_INLINE bool run_on(nohi_worker *w, nohi_strand *strand)
{
    noh_self *own = w->self;
    begin(w, strand);
    nohi_fiber_switch(w->base, strand->fiber);
    strand = w->self->strand; /* perhaps another one */
    w->self = own;
    if (w->waits != NULL) {
        arrive(w);
        return false;
    }
    give(w, strand);
    return true;
}

void nohi_strand_run(nohi_worker *w, nohi_turns_fn *turns)
{
    nohi_strand *strand = take(w);
    bool more = true;
    if (NOHI_LIKELY(strand != NULL)) {
        strand->turns = turns;
    }
    while (more) {
        if (NOHI_UNLIKELY(strand == NULL)) { /* no memory: then nobody may begin to wait */
            run_without_strand(w->self, turns);
        } else if (!run_on(w, strand)) {
            return;
        }
        strand = w->goes_on;
        w->goes_on = NULL;
        more = strand != NULL;
        if (NOHI_UNLIKELY(w->wants_stack != 0)) {
            strand = take_apart(w, turns);
            more = true;
        }
    }
}

/* The message that a handler was called with is neither handled nor queued while it waits, but the ledger is
 * to balance all the same. One that was received was counted then; NULL: passed on, or a promise's. */
NOHI_INLINE bool has_counted(const noh_self *self)
{
    const nohi_message *own = self->has_outer ? self->outer.message : self->message;
    return own == NULL ? !self->stashed : nohi_message_is_counted(own);
}

void nohi_strand_drop(nohi_worker *w, nohi_actor *a)
{
    nohi_strand *strand = a->extra->wait->strand;
    if (a->extra->wait->got != NULL) { /* it was over, but moved first, and did not live to go on */
        nohi_actor_push_back(a, a->extra->wait->got);
    }
    nohi_seat_leave(w, a->extra->wait);
    bump_by(&w->in_hand, 0u - (uint64_t)a->extra->wait->counted);
    a->extra->wait = NULL;
    a->flags = (uint8_t)(a->flags & ~NOHI_WAITING);
    nohi_receive_abandon(w, &strand->self);
    give_one_back(w, strand);
}

/* ---- waits -------------------------------------------------------------------------------- */

void nohi_strand_unlink(nohi_actor *a, nohi_letter *seen, nohi_message *message)
{
    *(seen == NULL ? &a->head : &seen->next) = message->letter.next;
    if (a->tail == &message->letter) {
        a->tail = seen;
    }
    nohi_actor_taken(a, message);
}

bool nohi_strand_has_news(const nohi_actor *a, const nohi_wait *wait)
{
    return (wait->seen == NULL ? a->head : wait->seen->next) != NULL || wait->meanwhile;
}

static bool ends(nohi_wait *wait, noh_err err)
{
    wait->over = true;
    wait->err = err;
    return true;
}

/* Time has passed, or something was done elsewhere; perhaps for a wait that is over. */
static bool obey_wake(nohi_worker *w, nohi_actor *a, nohi_wait *wait, nohi_message *message)
{
    bool meant = message->number == wait->wake;
    nohi_strand_unlink(a, wait->seen, message);
    nohi_message_free_block(&w->pool, message);
    if (!meant) {
        return false;
    }
    wait->wake = 0;
    return ends(wait, wait->kind == NOHI_WAIT_WAKE ? NOH_OK : NOH_E_TIMEOUT);
}

/* An answer that nobody wants any more: else those of one that waits for ever would pile up. */
static void bury_late(nohi_worker *w, nohi_actor *a, nohi_wait *wait, nohi_message *message)
{
    noh_future future;
    nohi_strand_unlink(a, wait->seen, message);
    (void)nohi_ask_arrived(w, a, &message, &future);
}

static bool passes(nohi_wait *wait, nohi_message *message)
{
    if (wait->filter == NULL) {
        return true;
    }
    wait->self->bound = true;
    bool passed =
        wait->filter(wait->self, wait->filter_ctx, message->type, nohi_message_body(message));
    wait->self->bound = false;
    return passed;
}

/* Is it this that the wait is for? */
static bool is_meant(nohi_actor *a, nohi_wait *wait, nohi_message *message)
{
    if (wait->kind == NOHI_WAIT_ANSWER) {
        return nohi_message_is_answer(message) && message->number == wait->number;
    }
    if (wait->kind != NOHI_WAIT_MESSAGE || !nohi_message_is_for_handler(message) ||
        (wait->type != NULL && wait->type != message->type &&
         !noh_type_equal(wait->type, message->type))) {
        return false;
    }
    wait->news = wait->filter != NULL && a->extra != NULL && a->extra->wait == wait;
    return wait->news || passes(wait, message);
}

/* An answer, for who waits for futures. True: the wait is over. */
static bool meet(nohi_worker *w, nohi_actor *a, nohi_wait *wait, nohi_message *answer)
{
    nohi_meeting meeting = nohi_future_meets(a, answer, &wait->root);
    bool whole = meeting == NOHI_WHOLE;
    if (meeting == NOHI_STRANGER || (whole && wait->kind == NOHI_WAIT_ANY)) { /* FUT-3 */
        wait->seen = &answer->letter;
    } else {
        nohi_strand_unlink(a, wait->seen, answer);
        nohi_future_keep(w, a, answer);
        nohi_future_aim(a, wait);
    }
    return whole && ends(wait, NOH_OK);
}

bool nohi_strand_look(nohi_worker *w, nohi_actor *a, nohi_wait *wait)
{
    nohi_letter *next;
    while ((next = wait->seen == NULL ? a->head : wait->seen->next) != NULL) {
        nohi_message *message = (nohi_message *)next;
        if (is_meant(a, wait, message)) {
            if (!wait->news) {
                nohi_strand_unlink(a, wait->seen, message);
                wait->got = message;
            }
            return ends(wait, NOH_OK);
        }
        if (message->kind == NOHI_WAKE) {
            if (obey_wake(w, a, wait, message)) {
                return true;
            }
            continue;
        }
        if (nohi_message_is_answer(message) && !wait->skips && /* STR-6 */
            nohi_ask_is_given_up(a, message)) {
            bury_late(w, a, wait, message);
            continue;
        }
        if ((wait->kind == NOHI_WAIT_DERIVED || wait->kind == NOHI_WAIT_ANY) &&
            nohi_message_is_answer(message)) {
            if (meet(w, a, wait, message)) {
                return true;
            }
            continue;
        }
        if (message->kind == NOHI_PROBE || message->kind == NOHI_PASSED_ON) {
            nohi_strand_unlink(a, wait->seen, message);
            if (nohi_circle_obey(w, a, wait, message)) {
                return true;
            }
            continue;
        }
        if (nohi_receive_is_reentrant(a, wait, message)) {
            wait->meanwhile = true;
        } else if (message->kind == NOHI_REQUEST || message->kind == NOHI_WATCH) {
            wait->asked = true; /* CIR-1 */
        }
        if (wait->kind == NOHI_WAIT_MESSAGE && message->kind == NOHI_STOP) {
            nohi_wait_stop(wait); /* all that were told before it were looked at */
            return true;
        }
        wait->seen = next;
    }
    return false;
}

noh_err nohi_strand_may_wait(noh_self *self)
{
    nohi_actor *a = self->actor;
    if (!self->in_handler || self->bound || load_relaxed(&a->life) != NOHI_LIVE || /* private */
        (a->extra != NULL && a->extra->wait != NULL)) {
        return NOH_E_CONTEXT;
    }
    return self->strand == NULL || nohi_actor_extra(self->worker, a) == NULL ? NOH_E_NOMEM : NOH_OK;
}

uint32_t nohi_strand_wake_number(noh_self *self)
{
    nohi_extra *extra = nohi_actor_extra(self->worker, self->actor);
    if (extra == NULL) {
        return 0;
    }
    extra->wait_serial = extra->wait_serial % NOHI_NUMBER_MAX + 1;
    return extra->wait_serial;
}

/* For the census. The wait lies where the stack ends, but for what runs from here to the switch. */
NOHI_INLINE void note_wait(nohi_worker *w, nohi_room *room, nohi_actor *a, const nohi_wait *wait)
{
    const noh_behavior *behavior = nohi_actor_behavior(a);
    size_t depth = (size_t)(room->low + room->size - (const char *)wait);
    nohi_stacks_note(&w->system->stacks, w->deepest, behavior, depth);
    store_relaxed(&room->waits, behavior); /* counter; who sees it finds the depth noted */
}

NOHI_INLINE void begin_wait(nohi_worker *w, noh_self *self, nohi_actor *a, nohi_wait *wait)
{
    bool counted = has_counted(self);
    wait->strand = self->strand;
    wait->over = false;
    wait->news = false;
    wait->counted = counted;
    self->takes = 0;
    a->extra->wait = wait;
    nohi_seat_take(w, self->ref, wait);
    wait->running = load_relaxed(&w->running_type); /* private */
    bump_by(&w->in_hand, counted);
    note_wait(w, wait->strand->room, a, wait);
}

NOHI_INLINE void end_wait(noh_self *self, nohi_wait *wait)
{
    nohi_worker *w = self->worker;
    self->actor->extra->wait = NULL;
    nohi_seat_leave(w, wait);
    store_relaxed(&w->running_type, wait->running); /* counter: for reports */
    bump_by(&w->in_hand, 0u - (uint64_t)wait->counted);
    store_relaxed(&wait->strand->room->waits, NULL); /* counter */
}

/* It comes back, and its turn has begun already, or begins here: STR-7. */
NOHI_INLINE void go_on(noh_self *self, nohi_wait *wait)
{
    nohi_lease_begin_turn(&self->worker->lease, nohi_ref_index(self->ref));
    end_wait(self, wait);
}

/* Goes elsewhere, and comes back when the wait is over, or there is news for its filter. */
static void leave(noh_self *self, nohi_wait *wait)
{
    nohi_worker *w = self->worker;
    begin_wait(w, self, self->actor, wait);
    if (NOHI_UNLIKELY(wait->asked) && nohi_wait_is_for_answer(wait)) {
        nohi_circle_probe(w, self->actor, wait);
    }
    w->waits = self->actor;
    nohi_fiber_switch(self->strand->fiber, who_instead(w, nohi_receive_turns));
    go_on(self, wait);
}

/* Does it do nothing, so that its next turn could be with that very letter? Between two turns. */
NOHI_INLINE bool is_idle_here(nohi_worker *w, nohi_actor *a, noh_ref ref)
{
    return nohi_gate_home(&a->gate) == w->id && /* GAT-1: it is ours */
           nohi_gate_generation(&a->gate) == ref.bits >> NOHI_INDEX_BITS && a->flags == 0 &&
           nohi_inbox_is_empty(&a->gate.inbox);
}

/* Does it wait for that message, and has nothing come that it has not seen? Between two turns. */
NOHI_INLINE bool waits_for(nohi_worker *w, nohi_actor *a, const nohi_message *message)
{
    if (nohi_gate_home(&a->gate) != w->id || /* GAT-1: it is ours */
        nohi_gate_generation(&a->gate) != message->generation ||
        (a->flags & ~(NOHI_UNSTARTED | NOHI_WAITED)) != NOHI_WAITING ||
        nohi_gate_has_stop(&a->gate) || !nohi_inbox_is_empty(&a->gate.inbox)) {
        return false;
    }
    const nohi_wait *wait = a->extra->wait;
    return wait->kind == NOHI_WAIT_MESSAGE && wait->filter == NULL &&
           (wait->type == NULL || wait->type == message->type) && !nohi_strand_has_news(a, wait);
}

/* The strand that has it then is to go on. */
NOHI_INLINE nohi_strand *hand_over(nohi_worker *w, nohi_actor *a, nohi_message *message)
{
    nohi_wait *wait = a->extra->wait;
    nohi_chain_drop(&w->chain);
    wait->got = message;
    (void)ends(wait, NOH_OK);
    w->woken_by = NOH_NO_REF;
    a->flags = (uint8_t)((a->flags & NOHI_UNSTARTED) | NOHI_QUEUED | NOHI_WAITED);
    return wait->strand;
}

bool nohi_strand_give(nohi_worker *w, nohi_actor *a)
{
    nohi_message *message = (nohi_message *)nohi_chain_in_hand(&w->chain);
    if (message == NULL || load_relaxed(&w->run_first) != 0 || /* private, or a hint */
        nohi_hint_is_raised(&w->mail) || w->policy.flow_home != NOHI_STAY ||
        !waits_for(w, a, message) || nohi_hostile_chance(4)) {
        return false;
    }
    w->goes_on = hand_over(w, a, message);
    return true;
}

/* The handler of `a` is about to wait: may the letter in hand go to its receiver now, and that have the next
 * turn? Then this turn is over. */
static bool may_pass(nohi_worker *w, const noh_self *self, nohi_actor *a)
{
    if (self->strand == NULL || w->spare == NULL || !goes_straight(w) ||
        load_relaxed(&w->run_first) != 0 ||
        nohi_hint_is_raised(&w->mail) || /* private, or a hint */
        w->policy.countdown <= 0 || w->policy.flow_home != NOHI_STAY ||
        (a->flags & ~(NOHI_QUEUED | NOHI_WAITED | NOHI_UNSTARTED)) != 0 ||
        nohi_gate_has_stop(&a->gate) || nohi_hostile_chance(4)) {
        return false;
    }
    if (NOHI_LIKELY(nohi_lease_end_turn(&w->lease))) { /* else a thief may have it */
        nohi_actor *to = nohi_chain_to(&w->chain);
        nohi_message *message = (nohi_message *)nohi_chain_in_hand(&w->chain);
        if (to != NULL && message != NULL &&
            (waits_for(w, to, message) || is_idle_here(w, to, (noh_ref){w->chain.ref}))) {
            return true;
        }
    }
    nohi_lease_begin_turn(&w->lease, nohi_ref_index(self->ref)); /* it goes on */
    return false;
}

/* Does so, and waits. STR-7 */
static void pass_and_leave(noh_self *self, nohi_actor *a, nohi_wait *wait)
{
    nohi_worker *w = self->worker;
    nohi_actor *to = nohi_chain_to(&w->chain);
    nohi_message *message = (nohi_message *)nohi_chain_in_hand(&w->chain);
    nohi_fiber *next;
    begin_wait(w, self, a, wait);
    bump(&w->counts.waited);
    w->policy.countdown--;
    a->flags =
        (uint8_t)((a->flags & NOHI_UNSTARTED) | NOHI_WAITING); /* nobody else runs it: STR-1 */
    if (to->flags & NOHI_WAITING) {
        nohi_strand *strand = hand_over(w, to, message);
        begin(w, strand);
        next = strand->fiber;
    } else {
        to->flags = NOHI_QUEUED;
        w->called = message;
        w->call_ref = (noh_ref){w->chain.ref};
        nohi_chain_drop(&w->chain);
        next = spare_instead(w, nohi_receive_turns);
    }
    nohi_fiber_switch(self->strand->fiber, next);
    go_on(self, wait);
}

/* `passes`: it has the letter in hand to pass on first. */
static noh_err leave_until_over(noh_self *self, nohi_wait *wait, bool passes)
{
    do {
        if (passes) {
            pass_and_leave(self, self->actor, wait);
            passes = false;
        } else {
            leave(self, wait);
        }
        if (!wait->news) {
            return wait->err;
        }
        wait->news = false;
        wait->over = false;
        nohi_send_flush(self->worker); /* STR-3: what a filter may have sent */
    } while (!nohi_strand_look(self->worker, self->actor, wait) && !wait->once);
    return wait->got != NULL ? NOH_OK : wait->over ? wait->err : NOH_E_TIMEOUT;
}

/* Was it asked to stop, so that nothing more may come to tell it? Who receives finds the STOP itself. */
static bool is_stopped(nohi_actor *a, const nohi_wait *wait)
{
    return wait->kind != NOHI_WAIT_MESSAGE && wait->job == NULL &&
           nohi_gate_stop_kind(&a->gate, nohi_gate_generation(&a->gate)) >= (int)NOH_STOP_NOW;
}

noh_err nohi_strand_wait(noh_self *self, nohi_wait *wait, int64_t timeout_ns)
{
    noh_err err = nohi_strand_may_wait(self);
    if (err != NOH_OK) {
        return err;
    }
    if (wait->job == NULL) { /* BLK-1 */
        nohi_overflow_poll(self);
    }
    nohi_actor *a = self->actor;
    a->flags |= NOHI_WAITED;
    self->waits++;
    wait->self = self;
    wait->since_ns = self->worker->policy.seen_ns;
    if (NOHI_UNLIKELY(self->circle != NULL)) {
        nohi_self_drop_circle(self->worker, self);
    }
    if (timeout_ns == NOH_FOREVER && nohi_chain_to(&self->worker->chain) != NULL && !wait->asked &&
        !nohi_strand_has_news(a, wait) && may_pass(self->worker, self, a)) {
        return leave_until_over(self, wait, true);
    }
    nohi_send_flush(self->worker); /* SND-2; and before the look: STR-3 */
    if (nohi_strand_has_news(a, wait) && nohi_strand_look(self->worker, a, wait)) {
        return wait->err;
    }
    noh_timer timer = {0};
    wait->once = timeout_ns == 0 || is_stopped(a, wait);
    if (!wait->once && timeout_ns != NOH_FOREVER) {
        wait->wake = nohi_strand_wake_number(self);
        err = nohi_timer_wake(self->worker, a, timeout_ns, wait->wake, &timer);
        if (err != NOH_OK) {
            return err;
        }
    }
    err = leave_until_over(self, wait, false);
    if (timer.bits != 0 && wait->wake != 0) {
        (void)noh_timer_cancel(self, timer);
    }
    return err;
}

/* ---- calls, hand to hand ------------------------------------------------------------------ */

/* Has this home nothing to do but to run the handler in hand? A turn that is sampled, or about to be, has
 * used up the countdown. */
NOHI_INLINE bool has_nothing_else(nohi_worker *w)
{
    return load_relaxed(&w->run_first) == 0 && /* private, or a hint */
           !nohi_hint_is_raised(&w->mail) && nohi_chain_is_none(&w->chain) &&
           w->policy.countdown > 0;
}

bool nohi_strand_begin_call(noh_self *self, noh_ref to)
{
    nohi_worker *w = self->worker;
    nohi_actor *a = self->actor;
    uint32_t index = nohi_ref_index(to);
    if (self->strand == NULL || w->spare == NULL || !goes_straight(w) || !has_nothing_else(w) ||
        index >= w->slots_limit || nohi_hostile_chance(4)) {
        return false;
    }
    if ((a->flags & ~(NOHI_QUEUED | NOHI_WAITED | NOHI_UNSTARTED)) != 0 ||
        nohi_gate_has_stop(&a->gate) || load_relaxed(&a->life) != NOHI_LIVE) { /* private */
        return false;
    }
    if (NOHI_LIKELY(nohi_lease_end_turn(&w->lease)) && /* else a thief may have it */
        NOHI_LIKELY(is_idle_here(w, nohi_worker_slot(w, index), to))) {
        return true;
    }
    nohi_lease_begin_turn(&w->lease,
                          nohi_ref_index(self->ref)); /* it goes on, and has touched nobody */
    return false;
}

noh_err nohi_strand_call(noh_self *self, noh_ref to, nohi_message *request, nohi_wait *wait)
{
    nohi_worker *w = self->worker;
    nohi_actor *a = self->actor;
    wait->self = self;
    wait->since_ns = w->policy.seen_ns;
    self->waits++;
    begin_wait(w, self, a, wait);
    nohi_worker_slot(w, nohi_ref_index(to))->flags = NOHI_QUEUED;
    w->policy.countdown--;
    a->flags =
        (uint8_t)((a->flags & NOHI_UNSTARTED) | NOHI_WAITING); /* before the switch, as nobody
                                                                          else runs it: STR-1, STR-5 */
    w->called = request;
    w->call_ref = to;
    nohi_fiber_switch(self->strand->fiber, spare_instead(w, nohi_receive_turns));
    end_wait(self, wait);
    return wait->err;
}

bool nohi_strand_answer(nohi_worker *w, noh_ref to, nohi_message *answer)
{
    uint32_t index = nohi_ref_index(to);
    if (NOHI_UNLIKELY(index >= w->slots_limit) || NOHI_UNLIKELY(!nohi_chain_is_none(&w->chain))) {
        return false; /* SND-2 */
    }
    nohi_actor *a = nohi_worker_slot(w, index);
    nohi_lease_begin_send(&w->lease);
    bool ours = nohi_gate_home(&a->gate) == nohi_lease_token(&w->lease) &&
                nohi_gate_generation(&a->gate) == to.bits >> NOHI_INDEX_BITS &&
                nohi_inbox_is_empty(&a->gate.inbox); /* SND-1 */
    if (NOHI_UNLIKELY(!ours)) {
        nohi_lease_undo_send(&w->lease);
        return false;
    }
    bool waits = (a->flags & (NOHI_WAITING | NOHI_QUEUED)) == NOHI_WAITING; /* STR-1 */
    nohi_wait *wait = waits ? a->extra->wait : NULL;
    if (NOHI_LIKELY(waits) && NOHI_LIKELY(wait->kind == NOHI_WAIT_ANSWER) &&
        NOHI_LIKELY(wait->number == answer->number)) {
        answer->generation = nohi_ref_generation(to);
        wait->got = answer;
        (void)ends(wait, NOH_OK);
        a->flags |= NOHI_QUEUED;
        nohi_worker_link(w, a, index);
        nohi_lease_end_send(&w->lease);
        return true;
    }
    nohi_lease_end_send(&w->lease);       /* LSE-2: it was looked at; a thief may come now */
    bump_by(&w->counts.held, UINT64_MAX); /* but not sent yet */
    return false;
}
