/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Thread: plain threads as actors, and event loops that host actors.
 *
 * Purpose     A plain thread has a home of its own with one actor in it, whose letters are looked at
 *             when the thread waits. A host loop is the same, and runs other actors too.
 * Owner       The thread. Homes are kept when a thread leaves and given to the next one, so that a
 *             late announcer always finds one (park.h, CLOSED).
 * Invariants  THR-1  the home's actor is always QUEUED, so nothing puts it into a run list.
 *             THR-2  a thread sleeps only after try_idle, announce, and one more look (PRK-1).
 *             THR-3  a plain thread has no slots but its own actor's, so it never owes anybody a turn.
 *             THR-4  a host loop that sleeps is woken by whatever is put there, also by its own
 *                    thread between two runs (NOHI_NOWHERE, nohi_worker_stir). */
#include "circle.h"
#include "receive.h"
#include "reply.h"
#include "send.h"
#include "strand.h"
#include "system.h"
#include "timer.h"

enum { SPIN_NS = NOHI_LIMIT(50000, 5000), HOST_SLICE_NS = NOHI_LIMIT(1000000, 10000) };

static bool sleep_in_loop(nohi_worker *w);

/* ---- coming and going --------------------------------------------------------------------- */

/* A home with its own actor in it. */
static noh_err move_in(nohi_system *system, nohi_worker_kind kind, nohi_worker **ret_worker)
{
    nohi_worker *w;
    noh_err err = nohi_system_add_home(system, kind, &w);
    if (err != NOH_OK) {
        return err;
    }
    nohi_actor *a;
    err = nohi_actor_slot_of_depot(w, &a);
    if (err != NOH_OK) {
        nohi_system_give_home(system, w);
        return err;
    }
    nohi_actor_open(a, NOHI_TRAIT_THREAD | NOHI_TRAIT_PINNED, system->options.mailbox_max);
    store_relaxed(&a->behavior, NULL);
    a->extra = NULL;
    a->flags = NOHI_QUEUED; /* THR-1 */
    w->own_self =
        (noh_self){.worker = w, .system = system, .actor = a, .ref = nohi_actor_ref(w->slots, a)};
    w->own = a;
    nohi_park_open(&w->park);
    nohi_actor_settle(w, a, w);
    *ret_worker = w;
    return NOH_OK;
}

nohi_worker *nohi_thread_here(nohi_system *system)
{
    nohi_worker *w = nohi_system_own(system);
    return w != NULL && w->borrowed != NULL ? w->borrowed : w;
}

noh_self *noh_system_self(noh_system *system)
{
    if (system == NULL) {
        return NULL;
    }
    nohi_worker *w = nohi_thread_here(system);
    if (w == NULL) {
        if (move_in(system, NOHI_THREAD, &w) != NOH_OK) {
            return NULL;
        }
        if (nohi_system_set_own(system, w) != NOH_OK) {
            (void)nohi_thread_leave(w);
            return NULL;
        }
    }
    return w->self;
}

noh_err noh_self_free(noh_self *self)
{
    if (self == NULL) {
        return NOH_OK;
    }
    if (self->worker->kind == NOHI_WORKER || self->in_handler || self->bound) {
        return NOH_E_CONTEXT;
    }
    (void)nohi_system_set_own(self->system, NULL);
    return nohi_thread_leave(self->worker) ? NOH_E_OPEN_ASKS : NOH_OK;
}

void nohi_thread_drop_self(nohi_system *system)
{
    nohi_worker *w = NULL;
    pthread_mutex_lock(&system->lock);
    if (system->has_selfs) {
        w = nohi_system_own(system);
    }
    if (w != NULL) {
        (void)nohi_system_set_own(system, NULL);
    }
    pthread_mutex_unlock(&system->lock);
    if (w != NULL) {
        (void)nohi_thread_leave(w);
    }
}

/* Gives an actor, queued or idle, to worker 0. */
static void evict(nohi_worker *w, nohi_actor *a, bool queued)
{
    nohi_worker *to = nohi_system_home(w->system, 0);
    nohi_gate_unpin(&a->gate);
    nohi_gate_move(&a->gate, to->id);
    if (queued && nohi_stack_push(&to->handed, nohi_actor_index(w->slots, a), &a->run_next)) {
        nohi_worker_notify(w, to);
    }
}

/* All slots a loop has: guests and dead ones to worker 0, free ones to the depot. */
static void evict_all(nohi_worker *w)
{
    nohi_actor *a;
    uint32_t index;
    while (w->free_count > 0) {
        (void)nohi_actor_slot(w, &a);
        if (a->flags == 0) {
            nohi_actor_deposit(w, a);
        } else {
            store_relaxed(&a->life, NOHI_DEAD); /* in the run list: a late letter lies there */
        }
    }
    while ((a = nohi_worker_next(w, &index)) != NULL) {
        evict(w, a, true);
    }
    uint32_t limit = load_acquire(&w->slots->limit);
    for (index = 1; index < limit; index++) {
        a = nohi_slots_at(w->slots, index);
        if (a != w->own && nohi_gate_home(&a->gate) == w->id) {
            evict(w, a, false);
        }
    }
}

bool nohi_thread_leave(nohi_worker *w)
{
    const noh_env *env = &w->system->env;
    nohi_actor *a = w->own;
    nohi_park_leave(&w->park, env);
    nohi_thread_finish(w->self);
    nohi_worker_attend(w);
    if (w->kind == NOHI_HOST) {
        evict_all(w);
    }
    bool open = nohi_actor_end_thread(w, a) > 0;
    if (w->farewell != NULL) {
        nohi_timer_move_all(w, w->farewell); /* TIM-4: before the home closes */
        w->farewell = NULL;
    }
    evict(w, a, true); /* worker 0 frees it when nobody announces it any more (ACT-1) */
    w->self->actor = NULL;
    w->own = NULL;
    store_relaxed(&w->balance.queued_ns, 0); /* counter */
    nohi_strand_done(w);
    nohi_pool_cache_done(&w->pool);
    nohi_park_close(&w->park);
    nohi_worker_notify(w, w); /* redirects what came in the last moment */
    if (w->kind == NOHI_HOST) {
        nohi_bell_withdraw(&w->bell, env);
    }
    nohi_system_give_home(w->system, w);
    return open;
}

/* ---- waiting ------------------------------------------------------------------------------ */

void nohi_self_drop_answer(noh_self *self)
{
    while (self->kept != NULL) {
        nohi_message *answer = self->kept;
        self->kept = (nohi_message *)answer->letter.next;
        nohi_message_free(&self->worker->pool, answer);
    }
}

void nohi_thread_finish(noh_self *self)
{
    nohi_worker *w = self->worker;
    nohi_send_flush(w);
    nohi_self_drop_answer(self);
    nohi_message *message = self->message;
    self->message = NULL;
    bool promised = self->promised;
    self->promised = false;
    if (message == NULL || promised) {
        return;
    }
    if (message->kind == NOHI_TICK) {
        nohi_timer_tick_done(w, message->number);
    }
    if (message->kind == NOHI_REQUEST && self->answer_state == NOHI_UNANSWERED) {
        nohi_reply_error(w, message, self->ref, NOH_E_NO_ANSWER, NULL);
    } else {
        nohi_message_free(&w->pool, message);
    }
}

/* Takes what came: answers to their asks, the rest behind the queue. */
static void take_letters(nohi_worker *w, nohi_actor *a)
{
    nohi_letter *letter = nohi_inbox_take(&a->gate.inbox);
    nohi_wait *wait = w->own_wait;
    uint32_t taken = 0;
    while (letter != NULL) {
        nohi_message *message = (nohi_message *)letter;
        letter = letter->next;
        taken += nohi_message_is_counted(message);
        noh_future future;
        if (message->generation != nohi_gate_generation(&a->gate)) {
            message->placed = 0;
            nohi_receive_late(w, a, message);
        } else if (nohi_message_is_answer(message)) {
            (void)nohi_ask_arrived(w, a, &message, &future);
        } else if (message->kind == NOHI_PROBE || message->kind == NOHI_PASSED_ON) {
            (void)nohi_circle_obey(w, a, wait, message);
        } else {
            nohi_actor_append(a, message);
            if (wait != NULL && message->kind == NOHI_REQUEST) {
                wait->asked = true; /* CIR-1 */
            }
        }
    }
    store_relaxed(&a->gate.local_len, load_relaxed(&a->len)); /* counter */
    if (taken > 0) {
        sub_relaxed(&a->gate.inbox_len, taken);
    }
}

static void pump(nohi_worker *w)
{
    nohi_actor *a = w->own;
    nohi_worker_attend(w);
    if (a->flags & NOHI_SIGNALED) {
        take_letters(w, a);
    }
    nohi_wait *wait = w->own_wait;
    if (NOHI_UNLIKELY(wait != NULL && wait->asked && !wait->over)) {
        nohi_circle_probe(w, a, wait);
        nohi_send_flush(w);
    }
}

/* The actors that live on a host loop. */
static void run_guests(nohi_worker *w)
{
    noh_self in_hand = *w->self;
    w->self->message = NULL;
    w->self->answer_state = NOHI_UNANSWERED;
    w->self->promised = false;
    nohi_worker_run(w, nohi_later(nohi_now(w->system), HOST_SLICE_NS));
    w->self->actor = in_hand.actor;
    w->self->ref = in_hand.ref;
    w->self->message = in_hand.message;
    w->self->answer_state = in_hand.answer_state;
    w->self->promised = in_hand.promised;
}

void nohi_thread_work(nohi_worker *w)
{
    if (w->kind == NOHI_HOST) {
        run_guests(w);
    }
    pump(w);
}

static bool has_mail(nohi_worker *w)
{
    return nohi_worker_has_mail(w) || !nohi_inbox_is_empty(&w->self->actor->gate.inbox) ||
           load_relaxed(&w->run_first) != 0; /* private */
}

static void sleep_until(nohi_worker *w, int64_t deadline_ns)
{
    const noh_env *env = &w->system->env;
    nohi_actor *a = w->self->actor;
    if (a->flags & NOHI_SIGNALED) {
        if (!nohi_inbox_try_idle(&a->gate.inbox)) { /* THR-2 */
            return;
        }
        a->flags = (uint8_t)(a->flags & ~NOHI_SIGNALED);
    }
    int64_t next_ns = w->kind == NOHI_HOST ? nohi_timer_next(w) : NOH_FOREVER;
    int64_t until_ns = deadline_ns < next_ns ? deadline_ns : next_ns;
    int64_t now_ns = until_ns == NOH_FOREVER ? 0 : nohi_now(w->system);
    if (now_ns >= until_ns) {
        return;
    }
    if (NOHI_UNLIKELY(w->kind == NOHI_HOST && nohi_is_stopping(w->system))) {
        nohi_system_note_rest(w->system); /* perhaps the last of its guests has ended */
    }
    store_relaxed(&w->host_waits, 1); /* ordered by the park word */
    nohi_park_announce(&w->park);
    if (!nohi_worker_has_mail(w)) {
        nohi_park_wait(&w->park, env, until_ns == NOH_FOREVER ? -1 : until_ns - now_ns);
    }
    nohi_park_leave(&w->park, env);
    store_relaxed(&w->host_waits, 0);
}

static noh_err wait_until(nohi_worker *w, int64_t deadline_ns,
                          bool (*done)(nohi_worker *w, void *ctx), void *ctx)
{
    const noh_env *env = &w->system->env;
    int64_t now_ns = nohi_now(w->system);
    int64_t spin_until_ns = w->system->spins ? nohi_later(now_ns, SPIN_NS) : now_ns;
    for (;;) {
        nohi_thread_work(w);
        if (done(w, ctx)) {
            return NOH_OK;
        }
        now_ns = nohi_now(w->system);
        while (now_ns < spin_until_ns && now_ns < deadline_ns && !has_mail(w)) {
            env->relax(env->world);
            now_ns = nohi_now(w->system);
        }
        if (now_ns >= deadline_ns) {
            return NOH_E_TIMEOUT;
        }
        if (!has_mail(w)) {
            sleep_until(w, deadline_ns);
        }
    }
}

noh_err nohi_thread_wait(nohi_worker *w, int64_t timeout_ns,
                         bool (*done)(nohi_worker *w, void *ctx), void *ctx)
{
    nohi_send_flush(w);
    if (w->kind != NOHI_HOST) {
        return wait_until(w, nohi_later(nohi_now(w->system), timeout_ns), done, ctx);
    }
    nohi_park_leave(&w->park, &w->system->env);
    int64_t next_ns = nohi_timer_next(w);
    noh_err err = wait_until(w, nohi_later(nohi_now(w->system), timeout_ns), done, ctx);
    if (!sleep_in_loop(w) || nohi_timer_next(w) < next_ns) {
        w->host_wake(w->host_ctx); /* there is work left, or a timer that the loop does not know */
    }
    return err;
}

/* ---- host loops --------------------------------------------------------------------------- */

noh_err noh_host_new(noh_system *system, void (*wake)(void *ctx), void *ctx, noh_self **ret_self)
{
    if (system == NULL || wake == NULL || ret_self == NULL) {
        return NOH_E_INVAL;
    }
    if (nohi_system_own(system) != NULL) {
        return NOH_E_TAKEN;
    }
    nohi_worker *w;
    noh_err err = move_in(system, NOHI_HOST, &w);
    if (err != NOH_OK) {
        return err;
    }
    w->host_wake = wake;
    w->host_ctx = ctx;
    nohi_bell_hang(&w->bell);
    w->farewell = nohi_message_notice(&w->pool, NOHI_TIMER_ADD, 0);
    if (w->farewell == NULL || nohi_system_set_own(system, w) != NOH_OK) {
        (void)nohi_thread_leave(w);
        return NOH_E_NOMEM;
    }
    *ret_self = w->self;
    if (!sleep_in_loop(w)) {
        wake(ctx); /* for who was here before: it has to be passed on */
    }
    return NOH_OK;
}

/* From now on senders call wake, the loop itself included. False: there is something to do. */
static bool sleep_in_loop(nohi_worker *w)
{
    nohi_actor *a = w->own;
    if ((a->flags & NOHI_SIGNALED) && nohi_inbox_try_idle(&a->gate.inbox)) {
        a->flags = (uint8_t)(a->flags & ~NOHI_SIGNALED);
    }
    store_relaxed(&w->lease.token, NOHI_NOWHERE); /* private */
    nohi_park_announce(&w->park);
    return load_relaxed(&w->run_first) == 0 && /* private */
           (a->flags & NOHI_SIGNALED) == 0 && !nohi_worker_has_mail(w);
}

int64_t noh_host_run(noh_self *self)
{
    if (self == NULL || self->in_handler || self->worker->kind != NOHI_HOST) {
        return NOH_FOREVER;
    }
    nohi_worker *w = self->worker;
    nohi_park_leave(&w->park, &w->system->env);
    store_relaxed(&w->lease.token, w->id); /* private: host loops have no thieves */
    nohi_thread_work(w);
    if (load_relaxed(&w->run_first) != 0) { /* private */
        return 0;
    }
    if (nohi_is_stopping(w->system)) {
        nohi_system_note_rest(w->system);
    }
    if (!sleep_in_loop(w)) {
        nohi_park_leave(&w->park, &w->system->env);
        return 0;
    }
    int64_t next_ns = nohi_timer_next(w);
    if (next_ns == NOH_FOREVER) {
        return NOH_FOREVER;
    }
    int64_t now_ns = nohi_now(w->system);
    return next_ns <= now_ns ? 0 : next_ns - now_ns;
}

uint64_t noh_host_seen(const noh_self *self)
{
    if (self == NULL || self->worker->kind != NOHI_HOST) {
        return 0;
    }
    const nohi_worker *w = self->worker;
    return load_relaxed(&w->counts.handled) + load_relaxed(&w->counts.ended) + /* private, as all */
           load_relaxed(&w->own->len) + load_relaxed(&w->answers_waiting);
}

void noh_host_free(noh_self *self)
{
    if (self != NULL && self->worker->kind == NOHI_HOST) {
        (void)noh_self_free(self);
    }
}
