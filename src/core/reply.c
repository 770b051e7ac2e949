/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Reply: asks and their answers.
 *
 * Purpose     An ask opens an entry in its asker's table; its number travels in the request and
 *             comes back in the answer. Every request is answered exactly once, so an entry is
 *             always closed, and no late answer can meet a later ask.
 * Owner       The tables belong to the asking, or promising, actor.
 * Invariants  RPL-1  an open entry has exactly one request or answer on its way.
 *             RPL-2  an entry is free only after its answer has arrived: given-up ones wait for it.
 *             RPL-4  who waits for one end again and again has one watcher there: a join that was
 *                    given up is taken up by the next one.
 *             RPL-3  an error answer needs no memory: it is the request's own block.
 * Why not     a one-shot mailbox per ask: an allocation and a ref per ask. Correlation by a serial
 *             number alone: it wraps, and then a late answer meets a later ask. */
#include "reply.h"

#include "ask.h"
#include "borrow.h"
#include "circle.h"
#include "deadletter.h"
#include "future.h"
#include "overflow.h"
#include "promise.h"
#include "role.h"
#include "send.h"
#include "strand.h"
#include "system.h"

enum { ASKS_MAX = 65536 };

static NOHI_NOINLINE noh_err call_by_mail(noh_self *self, noh_ref to, const noh_type *type,
                                          const void *message, void *ret_answer);

typedef struct promise {
    nohi_message *request; /* NULL: kept */
    uint32_t serial;
} promise;

struct nohi_promises {
    uint32_t capacity;
    uint32_t serial;
    uint32_t open;
    promise entries[];
};

/* ---- the asker's table -------------------------------------------------------------------- */

static size_t asks_bytes(uint32_t capacity)
{
    return sizeof(nohi_asks) + capacity * sizeof(nohi_ask);
}

/* So that hardly a future, or a promise, of one table means something in another. */
static uint32_t first_serial(const nohi_worker *w, nohi_actor *a)
{
    uint64_t ref = nohi_actor_ref(w->slots, a).bits;
    return (uint32_t)((w->system->secret ^ ref) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

static noh_err grow_asks(nohi_worker *w, nohi_actor *a)
{
    nohi_extra *extra = a->extra;
    const noh_env *env = &w->system->env;
    nohi_asks *old = extra->asks;
    uint32_t capacity = old == NULL ? 4 : old->capacity * 2;
    if (capacity > ASKS_MAX) {
        return NOH_E_LIMIT;
    }
    nohi_asks *asks = nohi_alloc(env, asks_bytes(capacity));
    if (asks == NULL) {
        return NOH_E_NOMEM;
    }
    uint32_t kept = 0;
    if (old != NULL) {
        kept = old->capacity;
        memcpy(asks, old, asks_bytes(kept));
        nohi_free(env, old, asks_bytes(kept));
    } else {
        *asks = (nohi_asks){.serial = first_serial(w, a)};
    }
    for (uint32_t i = kept; i < capacity; i++) {
        asks->entries[i] = (nohi_ask){.next_free = i + 1 < capacity ? i + 2 : 0};
    }
    asks->capacity = capacity;
    asks->free_first = kept + 1; /* it was 0 */
    extra->asks = asks;
    return NOH_OK;
}

/* The first free one. */
NOHI_INLINE nohi_ask *take_entry(nohi_asks *asks, uint32_t number)
{
    nohi_ask *entry = &asks->entries[number];
    asks->free_first = entry->next_free;
    asks->open++;
    entry->answer = NULL;
    entry->owner = 0;
    entry->is_outside = false;
    entry->is_wanted = false;
    entry->to = NOH_NO_REF;
    entry->type = NULL;
    entry->serial = ++asks->serial;
    entry->state = NOHI_ASK_OPEN;
    return entry;
}

noh_err nohi_ask_open(nohi_worker *w, nohi_actor *a, uint32_t *ret_number, noh_future *ret_future)
{
    nohi_extra *extra = nohi_actor_extra(w, a);
    if (extra == NULL) {
        return NOH_E_NOMEM;
    }
    if (extra->asks == NULL || extra->asks->free_first == 0) {
        noh_err err = grow_asks(w, a);
        if (err != NOH_OK) {
            return err;
        }
    }
    uint32_t number = extra->asks->free_first - 1;
    (void)take_entry(extra->asks, number);
    *ret_number = number;
    *ret_future = nohi_ask_future(extra->asks, number);
    return NOH_OK;
}

bool nohi_ask_target(nohi_actor *a, uint32_t number, noh_ref *ret_to, const noh_type **ret_type)
{
    const nohi_ask *entry = &a->extra->asks->entries[number];
    *ret_to = entry->to;
    *ret_type = entry->type;
    return entry->state == NOHI_ASK_OPEN;
}

void nohi_ask_passed_on(nohi_actor *a, uint32_t number, noh_ref from, noh_ref to)
{
    nohi_asks *asks = a->extra == NULL ? NULL : a->extra->asks;
    if (asks != NULL && number < asks->capacity && asks->entries[number].state == NOHI_ASK_OPEN &&
        noh_ref_equal(asks->entries[number].to, from)) {
        asks->entries[number].to = to;
    }
}

void nohi_ask_keep(nohi_worker *w, nohi_asks *asks, uint32_t number, nohi_message *answer)
{
    asks->entries[number].state = NOHI_ASK_KEPT;
    asks->entries[number].answer = answer;
    bump_by(&w->answers_waiting, (uint32_t)nohi_message_is_counted(answer));
}

nohi_message *nohi_ask_take(nohi_worker *w, nohi_asks *asks, uint32_t number)
{
    nohi_message *answer = asks->entries[number].answer;
    nohi_ask_close(asks, number);
    bump_by(&w->answers_waiting, 0u - nohi_message_is_counted(answer));
    return answer;
}

static void bury_late(nohi_worker *w, nohi_message *answer)
{
    if (nohi_message_is_counted(answer)) {
        nohi_dead_letter(w, w->self->ref, answer, NOH_DEAD_LATE);
    } else {
        nohi_message_free_block(&w->pool, answer);
    }
}

void nohi_ask_give_up(nohi_worker *w, nohi_asks *asks, uint32_t number)
{
    nohi_ask *entry = &asks->entries[number];
    if (entry->state == NOHI_ASK_KEPT) {
        bury_late(w, nohi_ask_take(w, asks, number));
    } else if (entry->is_outside &&
               nohi_promise_withdraw(w->system, entry->place, w->self->ref, number)) {
        nohi_ask_close(asks, number);
    } else {
        entry->state = NOHI_ASK_GIVEN_UP; /* RPL-2 */
        entry->owner = 0;
        entry->is_outside = false;
        entry->is_wanted = false;
    }
}

void nohi_ask_abandon(nohi_actor *a, uint32_t number)
{
    nohi_ask_close(a->extra->asks, number);
}

nohi_ask *nohi_ask_of(nohi_actor *a, noh_future future, uint32_t *ret_number)
{
    nohi_asks *asks = a == NULL || a->extra == NULL ? NULL : a->extra->asks;
    uint32_t number = (uint32_t)future.bits - 1;
    if (asks == NULL || number >= asks->capacity) {
        return NULL;
    }
    nohi_ask *entry = &asks->entries[number];
    *ret_number = number;
    bool usable = entry->serial == (uint32_t)(future.bits >> 32) && entry->owner == 0 &&
                  (entry->state == NOHI_ASK_OPEN || entry->state == NOHI_ASK_KEPT ||
                   entry->state == NOHI_ASK_DERIVED);
    return usable ? entry : NULL;
}

bool nohi_ask_arrived(nohi_worker *w, nohi_actor *a, nohi_message **message, noh_future *ret_future)
{
    nohi_asks *asks = a->extra == NULL ? NULL : a->extra->asks;
    uint32_t number = (*message)->number;
    NOHI_ASSERT(RPL_1, asks != NULL && number < asks->capacity &&
                           asks->entries[number].state != NOHI_ASK_FREE);
    nohi_ask *entry = &asks->entries[number];
    *ret_future = nohi_ask_future(asks, number);
    if (entry->state == NOHI_ASK_GIVEN_UP) {
        asks->joins -= entry->type == NULL;
        nohi_ask_close(asks, number); /* RPL-2 */
        bury_late(w, *message);
        *message = NULL;
        return true;
    }
    if (NOHI_UNLIKELY(entry->owner != 0)) {
        return nohi_future_arrived(w, a, message, ret_future);
    }
    if (nohi_actor_behavior(a) != NULL) {
        nohi_ask_close(asks, number);
        return true;
    }
    nohi_ask_keep(w, asks, number, *message);
    return false;
}

bool nohi_ask_is_given_up(const nohi_actor *a, const nohi_message *answer)
{
    const nohi_asks *asks = a->extra == NULL ? NULL : a->extra->asks;
    return asks != NULL && answer->number < asks->capacity &&
           asks->entries[answer->number].state == NOHI_ASK_GIVEN_UP;
}

uint32_t nohi_ask_done(nohi_worker *w, nohi_actor *a)
{
    nohi_asks *asks = a->extra == NULL ? NULL : a->extra->asks;
    if (asks == NULL) {
        return 0;
    }
    uint32_t open = 0;
    for (uint32_t i = 0; i < asks->capacity; i++) {
        nohi_ask *entry = &asks->entries[i];
        open += entry->state == NOHI_ASK_OPEN || entry->state == NOHI_ASK_KEPT;
        if (entry->state == NOHI_ASK_DERIVED) {
            nohi_future_free(w, entry->derived);
        } else if (entry->state == NOHI_ASK_KEPT ||
                   (entry->state == NOHI_ASK_OPEN && entry->is_outside)) {
            nohi_ask_give_up(w, asks, i);
        }
    }
    nohi_free(&w->system->env, asks, asks_bytes(asks->capacity));
    a->extra->asks = NULL;
    return open;
}

/* ---- ask and await ------------------------------------------------------------------------ */

/* Sends `m` as the request of an ask that was opened for it. */
static noh_err send_request(noh_self *self, noh_ref to, const noh_type *type, const void *content,
                            uint32_t number)
{
    nohi_worker *w = self->worker;
    nohi_message *m;
    noh_err err = nohi_message_new(&w->pool, type, content, NOHI_REQUEST, number, &m);
    if (err != NOH_OK) {
        nohi_lease_count_sent(&w->lease);
        nohi_dead_note(w, self->ref, to, type, NULL, nohi_dead_reason_of(err));
        return err;
    }
    m->from = self->ref;
    if (NOHI_LIKELY(!w->calls) && nohi_send_straight(w, to, m)) {
        return NOH_OK;
    }
    nohi_lease_count_sent(&w->lease);
    err = NOHI_UNLIKELY(w->calls) ? nohi_borrow_send(w, to, m) : nohi_send(w, to, m, false);
    if (err != NOH_OK) {
        nohi_dead_note(w, self->ref, to, type, content, nohi_dead_reason_of(err));
        nohi_message_unmake(&w->pool, m);
    }
    return err;
}

noh_err noh_ask_value(noh_self *self, noh_ref to, const noh_type *type, const void *message,
                      noh_future *ret_future)
{
    if (self == NULL || type == NULL || message == NULL || ret_future == NULL ||
        self->actor == NULL) {
        return NOH_E_INVAL;
    }
    nohi_overflow_poll(self);
    uint32_t number;
    noh_future future;
    noh_err err = nohi_ask_open(self->worker, self->actor, &number, &future);
    if (err != NOH_OK) {
        return err;
    }
    nohi_ask *entry = &self->actor->extra->asks->entries[number];
    entry->to = to;
    entry->type = type;
    err = send_request(self, to, type, message, number);
    if (err != NOH_OK) {
        nohi_ask_abandon(self->actor, number);
        return err;
    }
    *ret_future = future;
    return NOH_OK;
}

noh_err noh_future_cancel(noh_self *self, noh_future future)
{
    if (self == NULL) {
        return NOH_E_INVAL;
    }
    uint32_t number;
    if (nohi_ask_of(self->actor, future, &number) == NULL) {
        return NOH_E_SPENT;
    }
    nohi_future_drop(self->worker, self->actor->extra->asks, number);
    return NOH_OK;
}

noh_future noh_answered(const noh_self *self)
{
    return self == NULL ? (noh_future){0} : self->answered;
}

const char *noh_error_text(const noh_self *self)
{
    return self == NULL ? "" : self->error_text;
}

/* Has it a request in hand that nobody has answered? */
static bool has_request(const noh_self *self)
{
    return (self->message != NULL && self->message->kind == NOHI_REQUEST &&
            self->answer_state == NOHI_UNANSWERED) ||
           (self->has_outer && self->outer.message != NULL &&
            self->outer.message->kind == NOHI_REQUEST &&
            self->outer.answer_state == NOHI_UNANSWERED);
}

bool nohi_ask_is_asked(const noh_self *self)
{
    return has_request(self) || nohi_promise_any(self->actor) ||
           nohi_role_stashed(self->actor) > 0 || self->actor->head != NULL;
}

noh_err nohi_ask_wait_on_thread(noh_self *self, nohi_wait *wait, int64_t timeout_ns,
                                bool (*done)(nohi_worker *w, void *wait))
{
    nohi_worker *w = self->worker;
    nohi_send_flush(w);
    if (done(w, wait)) {
        return NOH_OK;
    }
    wait->self = self;
    wait->since_ns = nohi_now(w->system);
    nohi_seat_take(w, self->ref, wait);
    w->own_wait = wait;
    noh_err err = nohi_thread_wait(w, timeout_ns, done, wait);
    w->own_wait = NULL;
    nohi_seat_leave(w, wait);
    return err != NOH_OK ? err : wait->err;
}

static bool is_settled(nohi_worker *w, void *ctx)
{
    const nohi_wait *wait = ctx;
    return wait->over || w->own->extra->asks->entries[wait->number].state == NOHI_ASK_KEPT;
}

/* A plain thread: its answers are kept in its table. */
static noh_err await_on_thread(noh_self *self, nohi_wait *wait, int64_t timeout_ns)
{
    noh_err err = nohi_ask_wait_on_thread(self, wait, timeout_ns, is_settled);
    bool kept = self->actor->extra->asks->entries[wait->number].state == NOHI_ASK_KEPT;
    return kept ? NOH_OK : err; /* whatever else has come */
}

/* One that is made of others. */
static noh_err await_derived(noh_self *self, uint32_t number, int64_t timeout_ns,
                             nohi_message **ret)
{
    noh_err err = nohi_future_wait(self, number, timeout_ns);
    if (err != NOH_OK) {
        nohi_future_drop(self->worker, self->actor->extra->asks, number);
        return err;
    }
    nohi_future_compute(self, number);
    nohi_lease_count_sent(&self->worker->lease); /* FUT-5 */
    *ret = nohi_ask_take(self->worker, self->actor->extra->asks, number);
    return NOH_OK;
}

/* Does something lie in the queue that may be for a reentrant handler? Nobody has looked at it yet. */
static bool may_have_reentrant(nohi_actor *a)
{
    const noh_behavior *behavior = nohi_actor_behavior(a); /* NULL: a plain thread */
    return a->head != NULL && behavior != NULL &&
           nohi_behavior_hook(behavior, NOH_HOOK_REENTRANT) != NULL;
}

/* A wait for that answer. */
NOHI_INLINE void wait_for(const nohi_ask *entry, uint32_t number, nohi_letter *seen,
                          nohi_wait *wait)
{
    nohi_wait_init(wait, NOHI_WAIT_ANSWER);
    wait->number = number;
    wait->on = entry->to;
    wait->type = entry->type;
    wait->seen = seen;
    wait->skips = seen != NULL;
}

/* It is over: the ask is closed, or given up. */
NOHI_INLINE noh_err close_wait(noh_self *self, nohi_asks *asks, const nohi_wait *wait, noh_err err,
                               nohi_message **ret)
{
    if (err != NOH_OK) {
        nohi_ask_give_up(self->worker, asks, wait->number);
        return err;
    }
    nohi_ask_close(asks, wait->number);
    *ret = wait->got;
    return NOH_OK;
}

/* The answer to an ask, once it is there; the caller owns it. `late`: the request was sent some time
 * before, so that a circle may have closed unseen (CIR-1). Not late: the answer is not among what lay in
 * the queue up to `seen`. */
static noh_err await(noh_self *self, uint32_t number, bool late, nohi_letter *seen,
                     int64_t timeout_ns, nohi_message **ret)
{
    nohi_wait wait;
    nohi_self_drop_answer(self);
    nohi_self_drop_circle(self->worker, self);
    const nohi_ask *entry = &self->actor->extra->asks->entries[number];
    wait_for(entry, number, seen, &wait);
    if (NOHI_UNLIKELY(entry->state == NOHI_ASK_DERIVED)) {
        return await_derived(self, number, timeout_ns, ret);
    }
    wait.asked = late && nohi_ask_is_asked(self);
    wait.meanwhile = seen != NULL && may_have_reentrant(self->actor);
    noh_err err = self->in_handler ? nohi_strand_wait(self, &wait, timeout_ns)
                                   : await_on_thread(self, &wait, timeout_ns);
    if (err == NOH_OK && !self->in_handler) {
        *ret = nohi_ask_take(self->worker, self->actor->extra->asks, number);
        return NOH_OK;
    }
    nohi_asks *asks = self->actor->extra->asks; /* it may have grown */
    return close_wait(self, asks, &wait, err, ret);
}

/* The same, with the request first, from hand to hand. False: not to be had so; nothing was done. */
NOHI_INLINE bool call_straight(noh_self *self, noh_ref to, const noh_type *type,
                               const void *content, noh_err *ret_err, nohi_message **ret)
{
    nohi_worker *w = self->worker;
    nohi_actor *a = self->actor;
    nohi_asks *asks = a->extra == NULL ? NULL : a->extra->asks;
    if (asks == NULL || asks->free_first == 0 || !nohi_message_is_small(type) ||
        !nohi_pool_has(&w->pool, 0) || may_have_reentrant(a) || !nohi_strand_begin_call(self, to)) {
        return false;
    }
    uint32_t number = asks->free_first - 1;
    nohi_ask *entry = take_entry(asks, number);
    entry->to = to;
    entry->type = type;
    nohi_message *m = nohi_message_small(&w->pool, type, content, NOHI_REQUEST, number);
    m->from = self->ref;
    m->generation = nohi_ref_generation(to);
    bump(&w->counts.held);
    nohi_wait wait;
    wait_for(entry, number, a->head == NULL ? NULL : a->tail, &wait);
    if (NOHI_UNLIKELY(self->circle != NULL)) {
        nohi_self_drop_circle(w, self);
    }
    noh_err err = nohi_strand_call(self, to, m, &wait);
    asks = self->actor->extra->asks; /* it may have grown */
    *ret_err = close_wait(self, asks, &wait, err, ret);
    if (NOHI_UNLIKELY(self->kept != NULL)) {
        nohi_self_drop_answer(self); /* calls functions of the user's: not between two turns */
    }
    return true;
}

/* Is that a future that this self may await? */
static noh_err may_await(noh_self *self, noh_future future, int64_t timeout_ns,
                         uint32_t *ret_number)
{
    if (timeout_ns < 0) {
        return NOH_E_INVAL;
    }
    if (!nohi_self_may_wait(self)) {
        return NOH_E_CONTEXT;
    }
    return nohi_ask_of(self->actor, future, ret_number) == NULL ? NOH_E_SPENT : NOH_OK;
}

noh_err nohi_ask_read(noh_self *self, nohi_message *answer, const noh_type *type, void *ret_answer)
{
    answer->letter.next = (nohi_letter *)self->kept;
    self->kept = answer;
    if (answer->kind == NOHI_ERROR) {
        const noh_failure *failure = nohi_message_body(answer);
        snprintf(self->error_text, sizeof self->error_text, "%s",
                 failure->text == NULL ? "" : failure->text);
        return (noh_err)failure->code;
    }
    if (answer->type != type && !noh_type_equal(answer->type, type)) {
        return NOH_E_WRONG_TYPE;
    }
    nohi_message_copy_out(answer, ret_answer);
    return NOH_OK;
}

/* The same for one that was awaited alone. */
NOHI_INLINE noh_err read_answer(noh_self *self, nohi_message *answer, const noh_type *type,
                                void *ret_answer)
{
    nohi_worker *w = self->worker;
    bump(&w->counts.handled);
    self->error_text[0] = 0;
    if (NOHI_LIKELY(answer->type == type && nohi_message_is_small(type)) &&
        NOHI_LIKELY(nohi_message_is_small_answer(answer))) {
        nohi_message_copy_small(ret_answer, nohi_message_body(answer), type->plain_size);
        nohi_pool_give(&w->pool, answer, 0); /* nothing in it points into it */
        return NOH_OK;
    }
    return nohi_ask_read(self, answer, type, ret_answer);
}

noh_err noh_await_value(noh_self *self, noh_future future, const noh_type *type, int64_t timeout_ns,
                        void *ret_answer)
{
    if (self == NULL || type == NULL || ret_answer == NULL) {
        return NOH_E_INVAL;
    }
    uint32_t number;
    nohi_message *answer;
    noh_err err = may_await(self, future, timeout_ns, &number);
    if (err == NOH_OK) {
        err = await(self, number, true, NULL, timeout_ns, &answer);
    }
    return err != NOH_OK ? err : read_answer(self, answer, type, ret_answer);
}

noh_err noh_call_value(noh_self *self, noh_ref to, const noh_type *type, const void *message,
                       void *ret_answer)
{
    if (self == NULL || type == NULL || type->answer == NULL || ret_answer == NULL) {
        return NOH_E_INVAL;
    }
    if (!nohi_self_may_wait(self)) {
        return NOH_E_CONTEXT;
    }
    nohi_message *answer;
    noh_err err;
    if (NOHI_LIKELY(call_straight(self, to, type, message, &err, &answer))) {
        return err != NOH_OK ? err : read_answer(self, answer, type->answer, ret_answer);
    }
    return call_by_mail(self, to, type, message, ret_answer);
}

static noh_err call_by_mail(noh_self *self, noh_ref to, const noh_type *type, const void *message,
                            void *ret_answer)
{
    noh_future future;
    nohi_message *answer;
    nohi_actor *a = self->actor;
    nohi_letter *seen = self->in_handler && a->head != NULL ? a->tail : NULL;
    self->worker->calls = !self->in_handler;
    noh_err err = noh_ask_value(self, to, type, message, &future);
    self->worker->calls = false;
    if (err == NOH_OK) {
        err = await(self, (uint32_t)future.bits - 1, false, seen, NOH_FOREVER, &answer);
    }
    return err != NOH_OK ? err : read_answer(self, answer, type->answer, ret_answer);
}

/* Takes up a join of `actor` that was given up; false: there is none. RPL-4 */
static bool resume_join(nohi_actor *a, noh_ref actor, uint32_t *ret_number)
{
    nohi_asks *asks = a->extra == NULL ? NULL : a->extra->asks;
    if (asks == NULL || asks->joins == 0) {
        return false;
    }
    for (uint32_t i = 0; i < asks->capacity; i++) {
        nohi_ask *entry = &asks->entries[i];
        if (entry->state == NOHI_ASK_GIVEN_UP && entry->type == NULL &&
            noh_ref_equal(entry->to, actor)) {
            asks->joins--;
            entry->state = NOHI_ASK_OPEN;
            *ret_number = i;
            return true;
        }
    }
    return false;
}

/* Asks `actor` to tell its end. GONE: it has ended. */
static noh_err watch(noh_self *self, noh_ref actor, uint32_t *ret_number)
{
    nohi_worker *w = self->worker;
    noh_future future;
    noh_err err = nohi_ask_open(w, self->actor, ret_number, &future);
    if (err != NOH_OK) {
        return err;
    }
    nohi_message *m = nohi_message_block(&w->pool, sizeof(noh_exit), NOHI_WATCH, *ret_number);
    if (m == NULL) {
        nohi_ask_abandon(self->actor, *ret_number);
        return NOH_E_NOMEM;
    }
    m->type = NULL;
    m->from = self->ref;
    self->actor->extra->asks->entries[*ret_number].to = actor;
    err = nohi_send(w, actor, m, true);
    if (err != NOH_OK) {
        nohi_message_free_block(&w->pool, m);
        nohi_ask_abandon(self->actor, *ret_number);
    }
    return err;
}

/* The exit in an answer to a watcher, which is freed; or the target's error: it had no memory to
 * note us. */
static noh_err read_exit(nohi_worker *w, nohi_message *answer, noh_exit *ret_exit)
{
    noh_err err = NOH_OK;
    if (answer->kind == NOHI_ERROR) {
        err = (noh_err)((const noh_failure *)nohi_message_body(answer))->code;
        bump(&w->counts.handled);
    } else {
        memcpy(ret_exit, nohi_message_body(answer), sizeof *ret_exit);
    }
    nohi_message_free_block(&w->pool, answer);
    return err;
}

noh_err noh_join(noh_self *self, noh_ref actor, int64_t timeout_ns, noh_exit *ret_exit)
{
    if (self == NULL || timeout_ns < 0) {
        return NOH_E_INVAL;
    }
    nohi_actor *target = nohi_actor_of(self->worker->slots, actor);
    if (!nohi_self_may_wait(self) ||
        (target != NULL && nohi_actor_is_thread(target, nohi_ref_generation(actor)))) {
        return NOH_E_CONTEXT;
    }
    uint32_t number;
    nohi_message *answer;
    noh_exit exit = {.kind = NOH_EXIT_UNKNOWN};
    noh_err err = NOH_OK;
    bool late = resume_join(self->actor, actor, &number);
    if (!late) {
        err = watch(self, actor, &number);
    }
    if (err == NOH_OK) {
        err = await(self, number, late, NULL, timeout_ns, &answer);
        if (err == NOH_OK) {
            err = read_exit(self->worker, answer, &exit);
        } else {
            self->actor->extra->asks->joins++; /* RPL-4 */
        }
    } else if (err == NOH_E_GONE) {
        err = NOH_OK;
    }
    if (err == NOH_OK && ret_exit != NULL) {
        *ret_exit = exit;
    }
    return err;
}

/* ---- answers ------------------------------------------------------------------------------ */

/* Who acts for this worker has asked itself: its answer need not travel. */
static NOHI_NOINLINE void mail_answer(nohi_worker *w, noh_ref to, nohi_message *m)
{
    nohi_worker *asker = w->borrower;
    if (asker == NULL || !noh_ref_equal(to, asker->self->ref)) {
        (void)nohi_send_or_bury(w, to, m, true);
        return;
    }
    noh_future future;
    nohi_lease_count_sent(&w->lease);
    (void)nohi_ask_arrived(asker, asker->own, &m, &future);
}

/* Takes it over. */
NOHI_INLINE void send_answer(nohi_worker *w, noh_ref to, nohi_message *m)
{
    if (NOHI_UNLIKELY(!nohi_strand_answer(w, to, m))) {
        mail_answer(w, to, m);
    }
}

void nohi_reply_error(nohi_worker *w, nohi_message *request, noh_ref from, noh_err code,
                      const char *text)
{
    nohi_message *error = nohi_message_to_error(&w->pool, request, code, text); /* RPL-3 */
    noh_ref to = error->from;
    error->from = from;
    send_answer(w, to, error);
}

noh_err nohi_answer_check(const noh_type *declared, const noh_type *type, const void *content)
{
    if (type == &noh_type_noh_failure) { /* with OK the asker would take it for success */
        return ((const noh_failure *)content)->code == NOH_OK ? NOH_E_INVAL : NOH_OK;
    }
    return declared == NULL || noh_type_equal(declared, type) ? NOH_OK : NOH_E_WRONG_TYPE;
}

/* Any answer. */
static NOHI_NOINLINE noh_err answer_any(noh_self *self, const nohi_message *request,
                                        const noh_type *type, const void *content)
{
    noh_err err = nohi_answer_check(request->type->answer, type, content);
    if (err != NOH_OK) {
        return err;
    }
    nohi_worker *w = self->worker;
    nohi_message *m;
    err = nohi_message_new(&w->pool, type, content, nohi_answer_kind(type), request->number, &m);
    if (err != NOH_OK) {
        return err;
    }
    m->from = self->ref;
    send_answer(w, request->from, m);
    return NOH_OK;
}

/* Answers `request`, which stays the caller's. Most answers are small, so no noh_failure, and of the very type
 * that is declared. */
NOHI_INLINE noh_err answer(noh_self *self, const nohi_message *request, const noh_type *type,
                           const void *content)
{
    nohi_worker *w = self->worker;
    if (NOHI_UNLIKELY(request->type->answer != type || !nohi_message_is_small(type) ||
                      !nohi_pool_has(&w->pool, 0))) {
        return answer_any(self, request, type, content);
    }
    nohi_message *m = nohi_message_small(&w->pool, type, content, NOHI_ANSWER, request->number);
    m->from = self->ref;
    send_answer(w, request->from, m);
    return NOH_OK;
}

static noh_err can_answer(const noh_self *self)
{
    if (self->message != NULL && self->message->kind != NOHI_REQUEST) {
        return NOH_E_NOBODY;
    }
    if (self->answer_state == NOHI_ANSWERED) {
        return NOH_E_ANSWERED;
    }
    return self->message == NULL ? NOH_E_NOBODY : NOH_OK;
}

static void swap_hands(noh_self *self)
{
    nohi_hand hand = {self->message, self->answer_state, self->promised};
    self->message = self->outer.message;
    self->answer_state = self->outer.answer_state;
    self->promised = self->outer.promised;
    self->outer = hand;
}

/* With the newest request in hand that was not answered. */
static noh_err with_request(noh_self *self, noh_err (*then)(noh_self *self, void *ctx), void *ctx)
{
    if (self == NULL) {
        return NOH_E_INVAL;
    }
    noh_err err = can_answer(self);
    bool outer = err != NOH_OK && self->has_outer;
    if (outer) {
        swap_hands(self);
        noh_err own = can_answer(self);
        err = own == NOH_E_NOBODY ? err : own;
    }
    if (err == NOH_OK) {
        err = then(self, ctx);
    }
    if (outer) {
        swap_hands(self);
    }
    return err;
}

typedef struct answering {
    const noh_type *type;
    const void *value;
} answering;

static noh_err reply_now(noh_self *self, void *ctx)
{
    const answering *c = ctx;
    if (c->type == NULL || c->value == NULL) {
        return NOH_E_INVAL;
    }
    noh_err err = answer(self, self->message, c->type, c->value);
    if (err == NOH_OK) {
        self->answer_state = NOHI_ANSWERED;
    }
    return err;
}

noh_err noh_reply_value(noh_self *self, const noh_type *type, const void *value)
{
    return with_request(self, reply_now, &(answering){type, value});
}

noh_err noh_reply_error(noh_self *self, noh_err code, const char *text)
{
    if (code == NOH_OK) {
        return NOH_E_INVAL;
    }
    char words[256];
    snprintf(words, sizeof words, "%s", text == NULL ? "" : text);
    return noh_reply_value(self, &noh_type_noh_failure, &(noh_failure){code, words});
}

/* ---- promises ----------------------------------------------------------------------------- */

static size_t promises_bytes(uint32_t capacity)
{
    return sizeof(nohi_promises) + capacity * sizeof(promise);
}

/* A free entry, in a table that grows. NULL: no memory. */
static promise *free_promise(nohi_worker *w, nohi_actor *a)
{
    nohi_extra *extra = nohi_actor_extra(w, a);
    if (extra == NULL) {
        return NULL;
    }
    nohi_promises *old = extra->promises;
    uint32_t kept = old == NULL ? 0 : old->capacity;
    for (uint32_t i = 0; i < kept; i++) {
        if (old->entries[i].request == NULL) {
            return &old->entries[i];
        }
    }
    uint32_t capacity = kept == 0 ? 4 : kept * 2;
    nohi_promises *table = nohi_alloc(&w->system->env, promises_bytes(capacity));
    if (table == NULL) {
        return NULL;
    }
    memset(table, 0, promises_bytes(capacity));
    table->serial = first_serial(w, a);
    if (old != NULL) {
        memcpy(table, old, promises_bytes(kept));
        nohi_free(&w->system->env, old, promises_bytes(kept));
    }
    table->capacity = capacity;
    extra->promises = table;
    return &table->entries[kept];
}

static noh_err promise_now(noh_self *self, void *ctx)
{
    noh_promise *ret_promise = ctx;
    promise *entry = free_promise(self->worker, self->actor);
    if (entry == NULL) {
        return NOH_E_NOMEM;
    }
    nohi_promises *table = self->actor->extra->promises;
    table->open++;
    *entry = (promise){.request = self->message, .serial = ++table->serial};
    self->answer_state = NOHI_ANSWERED;
    self->promised = true;
    *ret_promise = (noh_promise){.bits = (uint64_t)entry->serial << 32 |
                                         ((uint64_t)(entry - table->entries) + 1)};
    return NOH_OK;
}

noh_err noh_promise_take(noh_self *self, noh_promise *ret_promise)
{
    return ret_promise == NULL ? NOH_E_INVAL : with_request(self, promise_now, ret_promise);
}

static promise *promise_of(noh_self *self, noh_promise value)
{
    nohi_extra *extra = self->actor == NULL ? NULL : self->actor->extra;
    uint32_t number = (uint32_t)value.bits - 1;
    if (extra == NULL || extra->promises == NULL || number >= extra->promises->capacity) {
        return NULL;
    }
    promise *entry = &extra->promises->entries[number];
    bool open = entry->request != NULL && entry->serial == (uint32_t)(value.bits >> 32);
    return open ? entry : NULL;
}

noh_err noh_promise_keep_value(noh_self *self, noh_promise value, const noh_type *type,
                               const void *content)
{
    if (self == NULL || type == NULL || content == NULL) {
        return NOH_E_INVAL;
    }
    if (!noh_ref_is_none(value.owner)) {
        return nohi_promise_set(self, &value, type, content);
    }
    promise *entry = promise_of(self, value);
    if (entry == NULL) {
        return NOH_E_ANSWERED;
    }
    noh_err err = answer(self, entry->request, type, content);
    if (err != NOH_OK) {
        return err;
    }
    if (entry->request == self->message) {
        self->promised = false; /* kept in the turn that took it: the turn frees the message */
    } else if (self->has_outer && entry->request == self->outer.message) {
        self->outer.promised = false;
    } else {
        nohi_message_free(&self->worker->pool, entry->request);
    }
    entry->request = NULL;
    self->actor->extra->promises->open--;
    return NOH_OK;
}

bool nohi_promise_holds(nohi_actor *a, noh_ref from, uint32_t number)
{
    const nohi_promises *table = a->extra->promises;
    for (uint32_t i = 0; table != NULL && i < table->capacity; i++) {
        const nohi_message *request = table->entries[i].request;
        if (request != NULL && nohi_message_is_ask(request, from, number)) {
            return true;
        }
    }
    return false;
}

bool nohi_promise_any(const nohi_actor *a)
{
    return a->extra->promises != NULL && a->extra->promises->open > 0;
}

noh_err noh_promise_fail(noh_self *self, noh_promise value, noh_err code, const char *text)
{
    if (code == NOH_OK) {
        return NOH_E_INVAL;
    }
    char words[256];
    snprintf(words, sizeof words, "%s", text == NULL ? "" : text);
    return noh_promise_keep_value(self, value, &noh_type_noh_failure, &(noh_failure){code, words});
}

void nohi_promise_done(nohi_worker *w, nohi_actor *a)
{
    nohi_promises *table = a->extra->promises;
    if (table == NULL) {
        return;
    }
    for (uint32_t i = 0; i < table->capacity; i++) {
        if (table->entries[i].request != NULL) {
            nohi_reply_error(w, table->entries[i].request, w->self->ref, NOH_E_STOPPED, NULL);
        }
    }
    nohi_free(&w->system->env, table, promises_bytes(table->capacity));
    a->extra->promises = NULL;
}
