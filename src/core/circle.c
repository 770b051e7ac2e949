/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Circle: see circle.h. */
#include "circle.h"

#include "deadletter.h"
#include "receive.h"
#include "reply.h"
#include "role.h"
#include "send.h"
#include "system.h"

#include <noh/watch.h>

enum {
    HOPS_MAX = 16, /* of a longer circle those at the end are not named */
    SEATS = 64,    /* of one chunk */
};

typedef struct hop {
    noh_ref actor;
    const char *behavior;
    const noh_type *type; /* of the request it waits for an answer to; NULL: it waits for an end */
    int64_t since_ns;
} hop;

typedef struct probe {
    noh_ref first; /* who began it, */
    uint32_t wait; /* and in which of its waits; 0: its request is withdrawn, CIR-4 */
    uint32_t count;
    hop hops[HOPS_MAX];
} probe;

struct nohi_seats {
    nohi_seats *next;
    nohi_seat seats[SEATS];
};

/* ---- probes ------------------------------------------------------------------------------- */

/* Adds `a` to those that wait, and sends the probe to whom it waits for. Takes the message over. */
static void pass(nohi_worker *w, nohi_actor *a, nohi_wait *wait, nohi_message *message)
{
    probe *p = nohi_message_body(message);
    noh_ref to;
    const noh_type *type;
    noh_ref own = nohi_actor_ref(w->slots, a);
    bool open = nohi_ask_target(a, wait->number, &to, &type);
    if (!open || (noh_ref_equal(to, own) && !noh_ref_equal(p->first, own))) { /* CIR-5 */
        nohi_message_free_block(&w->pool, message);
        return;
    }
    if (p->count < HOPS_MAX) {
        const noh_behavior *behavior = nohi_actor_behavior(a);
        p->hops[p->count] = (hop){.actor = own,
                                  .behavior = behavior == NULL ? "" : behavior->name,
                                  .type = type,
                                  .since_ns = wait->since_ns};
    }
    p->count++;
    message->from = own;
    message->number = wait->number & NOHI_NUMBER_MAX;
    if (nohi_send(w, to, message, true) != NOH_OK) {
        nohi_message_free_block(&w->pool, message);
    }
}

void nohi_circle_probe(nohi_worker *w, nohi_actor *a, nohi_wait *wait)
{
    wait->asked = false;
    nohi_message *message = nohi_message_block(&w->pool, sizeof(probe), NOHI_PROBE, 0);
    if (message == NULL) {
        wait->asked = true; /* at the next look */
        return;
    }
    message->type = NULL;
    a->extra->wait_serial = a->extra->wait_serial % NOHI_NUMBER_MAX + 1;
    wait->probe = a->extra->wait_serial;
    probe *p = nohi_message_body(message);
    p->first = nohi_actor_ref(w->slots, a);
    p->wait = wait->probe;
    p->count = 0;
    pass(w, a, wait, message);
}

/* Is that request, or that wish to be told the end, one that `a` has not answered? */
static bool holds(nohi_actor *a, const nohi_wait *wait, noh_ref from, uint32_t number)
{
    const noh_self *self = wait->self;
    const nohi_message *in_hand[] = {
        self->answer_state == NOHI_UNANSWERED ? self->message : NULL,
        self->has_outer && self->outer.answer_state == NOHI_UNANSWERED ? self->outer.message : NULL,
    };
    for (size_t i = 0; i < NOHI_COUNT(in_hand); i++) {
        if (in_hand[i] != NULL && nohi_message_is_ask(in_hand[i], from, number)) {
            return true;
        }
    }
    for (const nohi_letter *at = a->head; at != NULL; at = at->next) {
        const nohi_message *request = (const nohi_message *)at;
        if (nohi_message_is_ask(request, from, number)) {
            return !nohi_receive_is_reentrant(a, wait, request);
        }
    }
    for (const nohi_letter *at = a->extra->watchers; at != NULL; at = at->next) {
        if (nohi_message_is_ask((const nohi_message *)at, from, number)) {
            return true;
        }
    }
    return nohi_promise_holds(a, from, number) || nohi_role_holds(a, from, number);
}

/* Says it in words, as far as they go. */
static void say(noh_self *self, const probe *p)
{
    char *at = self->error_text;
    char *end = self->error_text + sizeof self->error_text;
    int64_t now_ns = nohi_now(self->system);
    for (uint32_t i = 0; i < p->count && i < HOPS_MAX && at < end; i++) {
        const hop *h = &p->hops[i];
        at += snprintf(at, (size_t)(end - at), "%s<%u.%u> waits %lld ms for %s%s", h->behavior,
                       nohi_ref_index(h->actor), nohi_ref_generation(h->actor),
                       (long long)((now_ns - h->since_ns) / NOH_MS),
                       h->type == NULL ? "the end" : h->type->name,
                       i + 1 < p->count ? " of " : " of the first");
    }
}

/* That request does not wait at `a` any more, in its queue or put aside. */
static void drop_request(nohi_worker *w, nohi_actor *a, nohi_wait *wait, noh_ref from,
                         uint32_t number)
{
    nohi_letter *before = NULL;
    nohi_message *stashed = nohi_role_withdraw(a, from, number);
    if (stashed != NULL) {
        nohi_dead_letter(w, nohi_actor_ref(w->slots, a), stashed, NOH_DEAD_LATE);
        return;
    }
    for (nohi_letter *at = a->head; at != NULL; before = at, at = at->next) {
        nohi_message *request = (nohi_message *)at;
        if (request->kind == NOHI_REQUEST && nohi_message_is_ask(request, from, number)) {
            if (wait != NULL && wait->seen == at) {
                wait->seen = before;
            }
            nohi_strand_unlink(a, before, request);
            w->self->waits++; /* perhaps in a turn of several letters: handle_many */
            nohi_dead_letter(w, nohi_actor_ref(w->slots, a), request, NOH_DEAD_LATE);
            return;
        }
    }
}

/* CIR-4 */
static void withdraw(nohi_worker *w, nohi_actor *a, nohi_wait *wait)
{
    noh_ref to;
    const noh_type *type;
    noh_ref own = nohi_actor_ref(w->slots, a);
    (void)nohi_ask_target(a, wait->number, &to, &type);
    if (noh_ref_equal(to, own)) {
        drop_request(w, a, wait, own, wait->number);
        return;
    }
    nohi_message *message = nohi_message_block(&w->pool, sizeof(probe), NOHI_PROBE, wait->number);
    if (message == NULL) {
        return;
    }
    message->type = NULL;
    message->from = own;
    *(probe *)nohi_message_body(message) = (probe){.wait = 0};
    if (nohi_send(w, to, message, true) != NOH_OK) {
        nohi_message_free_block(&w->pool, message);
    }
}

/* It came back. */
static bool close_circle(nohi_worker *w, nohi_actor *a, nohi_wait *wait, nohi_message *message)
{
    withdraw(w, a, wait);
    say(wait->self, nohi_message_body(message));
    nohi_self_drop_circle(w, wait->self);
    wait->self->circle = message;
    wait->over = true;
    wait->err = NOH_E_CYCLE;
    return true;
}

static bool meet_probe(nohi_worker *w, nohi_actor *a, nohi_wait *wait, nohi_message *message)
{
    const probe *p = nohi_message_body(message);
    noh_ref own = nohi_actor_ref(w->slots, a);
    bool waits = wait != NULL && nohi_wait_is_for_answer(wait);
    if (p->wait == 0) {
        drop_request(w, a, wait, message->from, message->number);
        nohi_message_free_block(&w->pool, message);
    } else if (!waits || !holds(a, wait, message->from, message->number)) { /* CIR-2 */
        nohi_message_free_block(&w->pool, message);
    } else if (!noh_ref_equal(p->first, own)) {
        if (p->first.bits > own.bits) {
            pass(w, a, wait, message);
        } else { /* CIR-3 */
            nohi_message_free_block(&w->pool, message);
            nohi_circle_probe(w, a, wait);
        }
    } else if (p->wait == wait->probe) {
        return close_circle(w, a, wait, message);
    } else {
        nohi_message_free_block(&w->pool, message);
    }
    return false;
}

typedef struct passed_on {
    noh_ref to;
} passed_on;

bool nohi_circle_obey(nohi_worker *w, nohi_actor *a, nohi_wait *wait, nohi_message *message)
{
    if (message->kind == NOHI_PROBE) {
        return meet_probe(w, a, wait, message);
    }
    noh_ref to = ((const passed_on *)nohi_message_body(message))->to;
    uint32_t number = message->number;
    nohi_ask_passed_on(a, number, message->from, to);
    nohi_message_free_block(&w->pool, message);
    if (wait != NULL && nohi_wait_is_for_answer(wait) && wait->number == number) {
        wait->asked = true; /* CIR-1 */
        wait->on = to;      /* for a seat that it takes later */
        if (wait->seat != NULL) {
            store_relaxed(&wait->seat->on, to.bits); /* counter */
        }
    }
    return false;
}

void nohi_circle_passed_on(nohi_worker *w, const nohi_message *request, noh_ref to)
{
    nohi_message *message =
        nohi_message_block(&w->pool, sizeof(passed_on), NOHI_PASSED_ON, request->number);
    if (message == NULL) {
        return;
    }
    message->type = NULL;
    message->from = w->self->ref;
    *(passed_on *)nohi_message_body(message) = (passed_on){to};
    if (nohi_send(w, request->from, message, true) != NOH_OK) {
        nohi_message_free_block(&w->pool, message);
    }
}

void nohi_self_drop_circle(nohi_worker *w, noh_self *self)
{
    if (self->circle != NULL) {
        nohi_message_free_block(&w->pool, self->circle);
        self->circle = NULL;
    }
}

static noh_wait as_wait(const hop *h, noh_ref on, int64_t now_ns)
{
    return (noh_wait){.actor = h->actor,
                      .behavior = h->behavior,
                      .why = h->type == NULL ? NOH_WAIT_FOR_END : NOH_WAIT_FOR_ANSWER,
                      .on = on,
                      .message = h->type == NULL ? "" : h->type->name,
                      .for_ns = now_ns - h->since_ns};
}

size_t noh_cycle(const noh_self *self, noh_wait *waits, size_t max)
{
    if (self == NULL || self->circle == NULL) {
        return 0;
    }
    const probe *p = nohi_message_body(self->circle);
    uint32_t named = p->count < HOPS_MAX ? p->count : HOPS_MAX;
    int64_t now_ns = nohi_now(self->system);
    for (uint32_t i = 0; waits != NULL && i < named && i < max; i++) {
        bool last = i + 1 == p->count;
        noh_ref on = last ? p->hops[0].actor : i + 1 < named ? p->hops[i + 1].actor : NOH_NO_REF;
        waits[i] = as_wait(&p->hops[i], on, now_ns);
    }
    return p->count;
}

/* ---- seats -------------------------------------------------------------------------------- */

bool nohi_seat_add(nohi_worker *w)
{
    nohi_system *system = w->system;
    nohi_seats *chunk = nohi_alloc(&system->env, sizeof *chunk);
    if (chunk == NULL) {
        return false;
    }
    memset(chunk, 0, sizeof *chunk);
    for (uint32_t i = 0; i < SEATS; i++) {
        chunk->seats[i].next = w->seat_free;
        w->seat_free = &chunk->seats[i];
    }
    pthread_mutex_lock(&system->lock);
    chunk->next = load_relaxed(&system->seats); /* private: under the lock */
    store_release(&system->seats, chunk);
    pthread_mutex_unlock(&system->lock);
    return true;
}

static noh_wait_why why(uint32_t kind, const noh_type *type)
{
    switch ((nohi_wait_kind)kind) {
    case NOHI_WAIT_ANSWER:
        return type == NULL ? NOH_WAIT_FOR_END : NOH_WAIT_FOR_ANSWER;
    case NOHI_WAIT_DERIVED:
    case NOHI_WAIT_ANY:
        return NOH_WAIT_FOR_ANSWER;
    case NOHI_WAIT_MESSAGE:
        return NOH_WAIT_FOR_MESSAGE;
    case NOHI_WAIT_WAKE:
        return NOH_WAIT_FOR_WORK;
    case NOHI_WAIT_TURN:
        break;
    }
    return NOH_WAIT_FOR_TIME;
}

/* The name of its behavior, if that one still lives: else it waits no more. */
static bool name_of(nohi_system *system, noh_ref actor, const char **ret_name)
{
    nohi_actor *a = nohi_actor_of(&system->slots, actor);
    const noh_behavior *behavior = a == NULL ? NULL : nohi_actor_behavior(a);
    *ret_name = behavior == NULL ? "" : behavior->name;
    return a != NULL && load_relaxed(&a->life) == NOHI_LIVE; /* counter */
}

/* Who sits there, and has for so long? */
static bool read_seat(nohi_system *system, nohi_seat *seat, int64_t now_ns, noh_wait *ret_wait)
{
    uint64_t since = load_acquire(&seat->since);      /* pairs with nohi_seat_take */
    const noh_type *type = load_relaxed(&seat->type); /* counter, as those below: see noh_stuck */
    *ret_wait = (noh_wait){.actor = {load_relaxed(&seat->actor)},
                           .why = why(load_relaxed(&seat->kind), type),
                           .on = {load_relaxed(&seat->on)},
                           .message = type == NULL ? "" : type->name,
                           .for_ns = now_ns - ((int64_t)since - 1)};
    return since != 0 && name_of(system, ret_wait->actor, &ret_wait->behavior);
}

noh_err noh_stuck(noh_system *system, int64_t for_ns, noh_wait *waits, size_t max,
                  size_t *ret_count)
{
    if (system == NULL || for_ns < 0 || (waits == NULL && max > 0) || ret_count == NULL) {
        return NOH_E_INVAL;
    }
    int64_t now_ns = nohi_now(system);
    size_t count = 0;
    for (nohi_seats *chunk = load_acquire(&system->seats); chunk != NULL; chunk = chunk->next) {
        for (uint32_t i = 0; i < SEATS; i++) {
            noh_wait wait;
            if (!read_seat(system, &chunk->seats[i], now_ns, &wait) || wait.for_ns < for_ns) {
                continue;
            }
            if (count < max) {
                waits[count] = wait;
            }
            count++;
        }
    }
    *ret_count = count;
    return NOH_OK;
}

void nohi_seat_done(nohi_system *system)
{
    nohi_seats *chunk = load_relaxed(&system->seats); /* private: all have left */
    while (chunk != NULL) {
        nohi_seats *next = chunk->next;
        nohi_free(&system->env, chunk, sizeof *chunk);
        chunk = next;
    }
}
