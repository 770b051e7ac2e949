/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Dead letter: the single exit for what could not be delivered.
 *
 * Purpose     Nothing is lost without a name and a reason: each loss is counted, told to whoever
 *             subscribed, logged at a bounded rate, and answered when somebody asked.
 * Owner       Counts: the worker. Subscribers and the log's window: under `dead_lock`.
 * Invariants  DED-1  each counted message that is not handled passes here exactly once.
 *             DED-2  a dead letter about a dead letter is counted, not told. */
#include "deadletter.h"

#include "reply.h"
#include "send.h"
#include "system.h"
#include "timer.h"

enum { TEXT_MAX = 200, LOGGED_PER_SECOND = 10 };

NOH_DEFINE_MESSAGE(noh_dead_letter, (enum, noh_dead_reason, reason), (noh_ref, sender),
                   (noh_ref, receiver), (noh_text, type), (noh_text, text));

static void tell_subscribers(nohi_worker *w, const noh_dead_letter *letter);
static void log_limited(nohi_system *system, const noh_dead_letter *letter);

const char *noh_dead_reason_name(noh_dead_reason reason)
{
    static const char *const names[NOH_DEAD_REASONS] = {"gone",      "full", "stopped", "crashed",
                                                        "unhandled", "late", "nomem",   "refused"};
    return (unsigned)reason < NOH_DEAD_REASONS ? names[reason] : "?";
}

/* What an asker gets. */
static noh_err error_of(noh_dead_reason reason)
{
    static const noh_err errors[NOH_DEAD_REASONS] = {NOH_E_GONE,   NOH_E_FULL,      NOH_E_STOPPED,
                                                     NOH_E_FAILED, NOH_E_UNHANDLED, NOH_E_TIMEOUT,
                                                     NOH_E_NOMEM,  NOH_E_INVAL};
    return errors[reason];
}

noh_dead_reason nohi_dead_reason_of(noh_err err)
{
    switch (err) {
    case NOH_E_GONE:
        return NOH_DEAD_GONE;
    case NOH_E_FULL:
        return NOH_DEAD_FULL;
    case NOH_E_NOMEM:
        return NOH_DEAD_NOMEM;
    default:
        return NOH_DEAD_REFUSED;
    }
}

void nohi_dead_letter(nohi_worker *w, noh_ref receiver, nohi_message *message,
                      noh_dead_reason reason)
{
    if (nohi_message_is_counted(message)) {
        nohi_dead_note(w, message->from, receiver, message->type, nohi_message_body(message),
                       reason); /* DED-1 */
    }
    if (message->kind == NOHI_TICK) {
        nohi_timer_tick_done(w, message->number);
    }
    if (message->kind == NOHI_REQUEST) {
        nohi_reply_error(w, message, receiver, error_of(reason), NULL);
    } else {
        nohi_message_free(&w->pool, message);
    }
}

void nohi_dead_note(nohi_worker *w, noh_ref sender, noh_ref receiver, const noh_type *type,
                    const void *content, noh_dead_reason reason)
{
    bump(&w->counts.dead[reason]);
    noh_dead_letter letter = {.reason = reason,
                              .sender = sender,
                              .receiver = receiver,
                              .type = type == NULL ? "" : type->name,
                              .text = ""};
    if (type == &noh_type_noh_dead_letter) {
        return; /* DED-2 */
    }
    if (load_relaxed(&w->system->subscriber_count) > 0) { /* re-checked under the lock */
        char text[TEXT_MAX + 1] = "";
        if (content != NULL) {
            noh_message_print(type, content, text, sizeof text);
        }
        letter.text = text;
        tell_subscribers(w, &letter);
    }
    log_limited(w->system, &letter);
}

static void tell_subscribers(nohi_worker *w, const noh_dead_letter *letter)
{
    nohi_system *system = w->system;
    noh_ref subscribers[NOHI_SUBSCRIBERS_MAX];
    pthread_mutex_lock(&system->dead_lock);
    uint32_t count = load_relaxed(&system->subscriber_count); /* private: under the lock */
    memcpy(subscribers, system->subscribers, count * sizeof subscribers[0]);
    pthread_mutex_unlock(&system->dead_lock);
    for (uint32_t i = 0; i < count; i++) {
        nohi_message *m;
        if (nohi_message_new(&w->pool, &noh_type_noh_dead_letter, letter, NOHI_TELL, 0, &m) !=
            NOH_OK) {
            continue; /* counted above; there is no memory to tell about it */
        }
        m->from = w->self->ref;
        if (noh_is_alive(system, subscribers[i])) {
            (void)nohi_send_or_bury(w, subscribers[i], m, false);
        } else {
            nohi_message_unmake(&w->pool, m);
            (void)noh_dead_letters_unsubscribe(w->self, subscribers[i]);
        }
    }
}

static void log_limited(nohi_system *system, const noh_dead_letter *letter)
{
    if (load_relaxed(&system->stopping)) { /* counter: the end of everything is no news */
        return;
    }
    int64_t now_ns = nohi_now(system);
    uint64_t hidden = 0;
    pthread_mutex_lock(&system->dead_lock);
    if (now_ns - system->dead_window_ns >= NOH_SECOND) {
        system->dead_window_ns = now_ns;
        system->dead_logged = 0;
        hidden = system->dead_hidden;
        system->dead_hidden = 0;
    }
    bool shown = system->dead_logged < LOGGED_PER_SECOND;
    system->dead_logged += shown;
    system->dead_hidden += !shown;
    pthread_mutex_unlock(&system->dead_lock);
    if (hidden > 0) {
        nohi_log(system, NOH_LOG_WARNING, NOH_NO_REF, NULL,
                 "%llu more dead letters were not logged", (unsigned long long)hidden);
    }
    if (shown) {
        nohi_log(system, NOH_LOG_WARNING, letter->receiver, NULL,
                 "dead letter: %s from <%u.%u>, %s", letter->type, nohi_ref_index(letter->sender),
                 nohi_ref_generation(letter->sender), noh_dead_reason_name(letter->reason));
    }
}

noh_err noh_dead_letters_subscribe(noh_self *self, noh_ref subscriber)
{
    if (self == NULL) {
        return NOH_E_INVAL;
    }
    if (!noh_is_alive(self->system, subscriber)) {
        return NOH_E_GONE;
    }
    nohi_system *system = self->system;
    noh_err err = NOH_OK;
    pthread_mutex_lock(&system->dead_lock);
    uint32_t count = 0;
    bool known = false;
    for (uint32_t i = 0; i < load_relaxed(&system->subscriber_count); i++) { /* private: locked */
        noh_ref other = system->subscribers[i];
        if (noh_is_alive(system, other)) { /* who has ended makes room */
            known = known || noh_ref_equal(other, subscriber);
            system->subscribers[count++] = other;
        }
    }
    store_relaxed(&system->subscriber_count, count);
    if (!known && count == NOHI_SUBSCRIBERS_MAX) {
        err = NOH_E_LIMIT;
    } else if (!known) {
        system->subscribers[count] = subscriber;
        store_relaxed(&system->subscriber_count, count + 1);
    }
    pthread_mutex_unlock(&system->dead_lock);
    return err;
}

noh_err noh_dead_letters_unsubscribe(noh_self *self, noh_ref subscriber)
{
    if (self == NULL) {
        return NOH_E_INVAL;
    }
    nohi_system *system = self->system;
    noh_err err = NOH_E_NOT_FOUND;
    pthread_mutex_lock(&system->dead_lock);
    uint32_t count = load_relaxed(&system->subscriber_count); /* private: under the lock */
    for (uint32_t i = 0; i < count; i++) {
        if (noh_ref_equal(system->subscribers[i], subscriber)) {
            system->subscribers[i] = system->subscribers[count - 1];
            store_relaxed(&system->subscriber_count, count - 1);
            err = NOH_OK;
            break;
        }
    }
    pthread_mutex_unlock(&system->dead_lock);
    return err;
}
