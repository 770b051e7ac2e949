/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Promise: futures that are set from outside, by whoever has the promise.
 *
 * Purpose     Such a future is an entry among its owner's asks for which no request was sent. A record in
 *             a table of the system says that it is open; who keeps the promise takes the record away,
 *             and sends the answer.
 * Owner       The table: under `promises_lock`, a leaf.
 * Invariants  PRM-1  a record is taken away once: by who keeps the promise, or by the future's owner,
 *                    who gives it up or ends. So an entry has one answer on its way at most (RPL-1), and
 *                    one that was given up is free at once, or waits for its answer (RPL-2).
 *             PRM-2  serials are never used again: a promise never meets a later record.
 * Why not     sending each answer and dropping those that come second: who kept it in vain would not
 *             learn that, and the answer had to carry a serial that never wraps. */
#include "promise.h"

#include "ask.h"
#include "reply.h"
#include "send.h"
#include "system.h"

struct nohi_outside {
    uint64_t serial; /* of the promise; 0: free */
    noh_ref owner;
    const noh_type *type;
    uint32_t number; /* of the owner's entry; until that is closed no other record has it */
    uint32_t next_free;
};

static size_t table_bytes(uint32_t capacity)
{
    return capacity * sizeof(nohi_outside);
}

/* Under the lock, as below. Errors: NOMEM, LIMIT. */
static noh_err grow(noh_system *system)
{
    uint32_t old = system->outside_capacity;
    uint32_t capacity = old == 0 ? 4 : old * 2;
    if (capacity < old) {
        return NOH_E_LIMIT;
    }
    nohi_outside *table = nohi_alloc(&system->env, table_bytes(capacity));
    if (table == NULL) {
        return NOH_E_NOMEM;
    }
    if (old > 0) {
        memcpy(table, system->outside, table_bytes(old));
        nohi_free(&system->env, system->outside, table_bytes(old));
    }
    for (uint32_t i = old; i < capacity; i++) {
        table[i] = (nohi_outside){.next_free = i + 1 < capacity ? i + 2 : 0};
    }
    if (old == 0) { /* so that a promise means nothing to another system */
        system->outside_serial = system->secret * UINT64_C(0x9e3779b97f4a7c15);
    }
    system->outside = table;
    system->outside_capacity = capacity;
    system->outside_free = old + 1;
    return NOH_OK;
}

static noh_err add_record(noh_system *system, const noh_type *type, uint32_t number,
                          noh_promise *promise)
{
    noh_err err = NOH_OK;
    pthread_mutex_lock(&system->promises_lock);
    if (system->outside_free == 0) {
        err = grow(system);
    }
    if (err == NOH_OK) {
        promise->place = system->outside_free - 1;
        promise->bits = ++system->outside_serial; /* PRM-2 */
        nohi_outside *record = &system->outside[promise->place];
        system->outside_free = record->next_free;
        *record = (nohi_outside){
            .serial = promise->bits, .owner = promise->owner, .type = type, .number = number};
    }
    pthread_mutex_unlock(&system->promises_lock);
    return err;
}

static void free_record(noh_system *system, uint32_t place)
{
    system->outside[place] = (nohi_outside){.next_free = system->outside_free};
    system->outside_free = place + 1;
}

/* Takes the record away, for an answer of `type`. Errors: ANSWERED (there is none), WRONG_TYPE. */
static noh_err take_record(noh_system *system, const noh_promise *promise, const noh_type *type,
                           const void *content, nohi_outside *ret_record)
{
    noh_err err = NOH_E_ANSWERED;
    pthread_mutex_lock(&system->promises_lock);
    nohi_outside *record =
        promise->place < system->outside_capacity ? &system->outside[promise->place] : NULL;
    if (record != NULL && promise->bits != 0 && record->serial == promise->bits) {
        err = nohi_answer_check(record->type, type, content);
        if (err == NOH_OK) {
            *ret_record = *record;
            free_record(system, promise->place); /* PRM-1 */
        }
    }
    pthread_mutex_unlock(&system->promises_lock);
    return err;
}

bool nohi_promise_withdraw(noh_system *system, uint32_t place, noh_ref owner, uint32_t number)
{
    pthread_mutex_lock(&system->promises_lock);
    const nohi_outside *record = &system->outside[place];
    bool open =
        record->serial != 0 && noh_ref_equal(record->owner, owner) && record->number == number;
    if (open) {
        free_record(system, place); /* PRM-1 */
    }
    pthread_mutex_unlock(&system->promises_lock);
    return open;
}

noh_err noh_future_open_value(noh_self *self, const noh_type *type, noh_future *ret_future,
                              noh_promise *ret_promise)
{
    if (self == NULL || self->actor == NULL || type == NULL || ret_future == NULL ||
        ret_promise == NULL) {
        return NOH_E_INVAL;
    }
    uint32_t number;
    noh_future future;
    noh_err err = nohi_ask_open(self->worker, self->actor, &number, &future);
    if (err != NOH_OK) {
        return err;
    }
    noh_promise promise = {.owner = self->ref};
    err = add_record(self->system, type, number, &promise);
    if (err != NOH_OK) {
        nohi_ask_abandon(self->actor, number);
        return err;
    }
    nohi_ask *entry = &self->actor->extra->asks->entries[number];
    entry->is_outside = true;
    entry->place = promise.place;
    entry->type = type;
    *ret_future = future;
    *ret_promise = promise;
    return NOH_OK;
}

noh_err nohi_promise_set(noh_self *self, const noh_promise *promise, const noh_type *type,
                         const void *content)
{
    nohi_worker *w = self->worker;
    nohi_message *m;
    noh_err err = nohi_message_new(&w->pool, type, content, nohi_answer_kind(type), 0, &m);
    if (err != NOH_OK) {
        return err;
    }
    nohi_outside record;
    err = take_record(self->system, promise, type, content, &record);
    if (err != NOH_OK) {
        nohi_message_unmake(&w->pool, m);
        bool gone = nohi_actor_of(w->slots, promise->owner) == NULL;
        return err == NOH_E_ANSWERED && gone ? NOH_E_GONE : err;
    }
    m->number = record.number & NOHI_NUMBER_MAX;
    m->from = self->ref;
    (void)nohi_send_or_bury(w, record.owner, m, true);
    return NOH_OK;
}

void nohi_promise_free_all(noh_system *system)
{
    pthread_mutex_destroy(&system->promises_lock);
    nohi_free(&system->env, system->outside, table_bytes(system->outside_capacity));
}
