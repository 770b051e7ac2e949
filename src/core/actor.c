/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Actor: birth and death of a slot's tenant.
 *
 * Purpose     Spawn, stop, join, fail; the order in which an actor comes apart.
 * Owner       The worker that is its home.
 * Invariants  ACT-1  a slot goes to a free list only when it is in no run list, no ready stack and
 *                    no handed stack: at the idle transition. Only LIVE actors move.
 *             ACT-2  who waits for an actor's end is told after its last message was sent, its queue
 *                    was dead-lettered and its memory given back.
 *             ACT-3  a spawn keeps QUEUED, SIGNALED and the inbox of the slot: a late sender may be
 *                    at work there.
 *             ACT-4  a slot in the depot, the list of free slots that all share, has the home
 *                    NOHI_DEPOT and belongs to whoever holds the slots' lock. */
#include "actor.h"

#include "deadletter.h"
#include "receive.h"
#include "reply.h"
#include "send.h"
#include "system.h"
#include "timer.h"

#include <stdarg.h>

enum { CARVE = 32, GIVE_BACK = 256, STATE_LIMIT = 1 << 30 };

static noh_err refill(nohi_worker *w);
static void give_back(nohi_worker *w);
static noh_err make_state(nohi_worker *w, nohi_actor *a, const noh_behavior *behavior);
static void drop_state(nohi_worker *w, nohi_actor *a);
static void drain(nohi_worker *w, nohi_actor *a, noh_ref ref, nohi_letter **watchers);

/* ---- slots -------------------------------------------------------------------------------- */

noh_err nohi_actor_slot(nohi_worker *w, nohi_actor **ret_actor)
{
    if (w->free_first == 0) {
        noh_err err = refill(w);
        if (err != NOH_OK) {
            return err;
        }
    }
    nohi_actor *a = nohi_slots_at(w->slots, w->free_first);
    w->free_first = (uint32_t)(uintptr_t)a->state_block; /* run_next may be in use: ACT-3 */
    w->free_count--;
    *ret_actor = a;
    return NOH_OK;
}

void nohi_actor_release(nohi_worker *w, nohi_actor *a)
{
    if (nohi_gate_generation(&a->gate) == w->slots->first_generation) {
        return; /* SLT-3: every generation was used; it stays DEAD */
    }
    store_relaxed(&a->life, NOHI_FREE); /* private */
    a->state_block = (void *)(uintptr_t)w->free_first;
    w->free_first = nohi_actor_index(w->slots, a);
    if (++w->free_count >= 4 * GIVE_BACK) {
        give_back(w);
    }
}

/* Slots that other workers had too many of, else fresh ones. */
static noh_err refill(nohi_worker *w)
{
    nohi_slots *slots = w->slots;
    uint32_t first;
    uint32_t count = 0;
    pthread_mutex_lock(&slots->lock);
    while (slots->free_first != 0 && count < GIVE_BACK) {
        uint32_t index = slots->free_first;
        nohi_actor *a = nohi_slots_at(slots, index);
        slots->free_first = (uint32_t)(uintptr_t)a->state_block;
        a->state_block = (void *)(uintptr_t)w->free_first;
        w->free_first = index;
        nohi_gate_move(&a->gate, w->id); /* ACT-4: under the lock */
        count++;
    }
    pthread_mutex_unlock(&slots->lock);
    w->free_count += count;
    if (count == 0) {
        noh_err err = nohi_slots_carve(slots, CARVE, w->id, &first);
        if (err != NOH_OK) {
            return err;
        }
        for (count = CARVE; count > 0; count--) {
            nohi_actor *a = nohi_slots_at(slots, first + count - 1);
            a->state_block = (void *)(uintptr_t)w->free_first;
            w->free_first = first + count - 1;
        }
        w->free_count = CARVE;
        return NOH_OK;
    }
    return NOH_OK;
}

void nohi_actor_deposit(nohi_worker *w, nohi_actor *a)
{
    nohi_slots *slots = w->slots;
    pthread_mutex_lock(&slots->lock);
    a->state_block = (void *)(uintptr_t)slots->free_first;
    slots->free_first = nohi_actor_index(slots, a);
    nohi_gate_move(&a->gate, NOHI_DEPOT); /* ACT-4 */
    pthread_mutex_unlock(&slots->lock);
}

bool nohi_actor_announce_in_depot(nohi_worker *w, nohi_actor *a)
{
    nohi_slots *slots = w->slots;
    nohi_letter *late = NULL;
    pthread_mutex_lock(&slots->lock);
    bool there = nohi_gate_home(&a->gate) == NOHI_DEPOT;
    while (there) { /* ACT-4: ours to look at */
        nohi_letter *taken = nohi_inbox_take(&a->gate.inbox);
        if (taken == NULL && nohi_inbox_try_idle(&a->gate.inbox)) {
            break;
        }
        while (taken != NULL) {
            nohi_letter *next = taken->next;
            taken->next = late;
            late = taken;
            taken = next;
            sub_relaxed(&a->gate.inbox_len, 1);
        }
    }
    pthread_mutex_unlock(&slots->lock);
    while (late != NULL) {
        nohi_message *message = (nohi_message *)late;
        late = late->next;
        nohi_receive_late(w, a, message);
    }
    return there;
}

/* Half of the free slots, but none that a late sender has put into the run list (ACT-1). */
static void give_back(nohi_worker *w)
{
    uint32_t index = w->free_first;
    w->free_first = 0;
    w->free_count = 0;
    while (index != 0) {
        uint32_t here = index;
        nohi_actor *a = nohi_slots_at(w->slots, here);
        index = (uint32_t)(uintptr_t)a->state_block;
        if (w->free_count < 2 * GIVE_BACK || a->flags != 0) {
            a->state_block = (void *)(uintptr_t)w->free_first;
            w->free_first = here;
            w->free_count++;
        } else {
            nohi_actor_deposit(w, a);
        }
    }
}

void nohi_actor_splice(nohi_actor *a, nohi_letter *oldest)
{
    uint32_t count = 1;
    nohi_letter *newest = oldest;
    while (newest->next != NULL) {
        newest = newest->next;
        count++;
    }
    if (a->head == NULL) {
        a->head = oldest;
    } else {
        a->tail->next = oldest;
    }
    a->tail = newest;
    uint32_t len = load_relaxed(&a->len) + count; /* private */
    store_relaxed(&a->len, len);
    store_relaxed(&a->gate.local_len, len); /* first here, then out there: never too few */
    sub_relaxed(&a->gate.inbox_len, count);
}

nohi_extra *nohi_actor_extra(nohi_worker *w, nohi_actor *a)
{
    if (a->extra == NULL) {
        a->extra = nohi_alloc(&w->system->env, sizeof(nohi_extra));
        if (a->extra != NULL) {
            *a->extra = (nohi_extra){.idle_incarnation = 0};
        }
    }
    return a->extra;
}

/* ---- spawn -------------------------------------------------------------------------------- */

noh_ref noh_spawn_value(noh_self *self, const noh_behavior *behavior, const void *arguments)
{
    noh_ref ref = NOH_NO_REF;
    (void)noh_spawn_with(self, behavior, arguments, NULL, &ref);
    return ref;
}

/* The start arguments as the actor's first letter; NULL in *ret_start when nobody reads them. */
static noh_err make_start(noh_self *self, const noh_behavior *behavior, const void *arguments,
                          nohi_message **ret_start)
{
    *ret_start = NULL;
    if (NOHI_LIKELY(behavior->on_start == NULL)) {
        return NOH_OK;
    }
    nohi_pool_cache *pool = &self->worker->pool;
    nohi_message *start;
    noh_err err;
    if (arguments != NULL) {
        err = nohi_message_new(pool, behavior->start_type, arguments, NOHI_START, 0, &start);
        if (err != NOH_OK) {
            return err;
        }
    } else {
        start = nohi_message_block(pool, behavior->start_type->size, NOHI_START, 0);
        if (start == NULL) {
            return NOH_E_NOMEM;
        }
        memset(nohi_message_body(start), 0, behavior->start_type->size);
        start->type = behavior->start_type;
    }
    start->from = self->ref;
    *ret_start = start;
    return NOH_OK;
}

/* The new tenant moves in; its ref is not known to anybody yet. */
static noh_ref move_in(nohi_worker *w, nohi_actor *a, const noh_behavior *behavior,
                       const noh_spawn_options *options)
{
    bool bounded = options != NULL && options->mailbox_max != 0;
    bool pinned = options != NULL && options->pinned;
    store_relaxed(&a->gate.stop, 0); /* GAT-5: only older generations can have asked */
    nohi_gate_open(&a->gate, (bounded ? NOHI_TRAIT_BOUNDED : 0u) |
                                 (pinned ? NOHI_TRAIT_PINNED : 0u));
    a->behavior = behavior;
    a->extra = NULL;
    store_relaxed(&a->mailbox_max,
                  bounded ? options->mailbox_max : w->system->options.mailbox_max);
    store_relaxed(&a->gate.local_len, load_relaxed(&a->len)); /* late letters may lie there */
    store_relaxed(&a->life, NOHI_LIVE);                       /* private until the ref is known */
    return nohi_actor_ref(w->slots, a);
}

noh_err noh_spawn_with(noh_self *self, const noh_behavior *behavior, const void *arguments,
                       const noh_spawn_options *options, noh_ref *ret_ref)
{
    if (self == NULL || behavior == NULL || ret_ref == NULL ||
        (options != NULL && options->size != 0 && options->size < sizeof *options)) {
        return NOH_E_INVAL;
    }
    nohi_worker *w = self->worker;
    if (NOHI_UNLIKELY(nohi_policy_kind(w, behavior) == NULL)) {
        return NOH_E_INVAL;
    }
    if (NOHI_UNLIKELY(nohi_is_stopping(w->system))) {
        return NOH_E_STOPPING;
    }
    nohi_message *start;
    noh_err err = make_start(self, behavior, arguments, &start);
    if (err != NOH_OK) {
        return err;
    }
    nohi_actor *a = NULL;
    err = nohi_actor_slot(w, &a);
    if (err != NOH_OK) {
        goto fail_start;
    }
    uint32_t next_free = (uint32_t)(uintptr_t)a->state_block;
    err = make_state(w, a, behavior);
    if (err != NOH_OK) {
        goto fail_slot;
    }
    noh_ref ref = move_in(w, a, behavior, options);
    bump(&w->counts.spawned);
    if (NOHI_UNLIKELY(w->kind != NOHI_WORKER && nohi_system_stop_overtook(w->system))) {
        (void)noh_stop(self, ref, NOH_STOP_DRAIN); /* STP-1 */
    }
    nohi_worker *home = nohi_policy_home(w);
    if (home != w) {
        nohi_gate_move(&a->gate, home->id);
    }
    if (options != NULL && options->name != NULL) {
        err = noh_register(self, options->name, ref);
        if (err != NOH_OK) {
            goto fail_name;
        }
    }
    if (start != NULL) {
        (void)nohi_send(w, ref, start, true); /* it lives: nobody else has its ref */
    }
    *ret_ref = ref;
    return NOH_OK;

fail_name:
    if (start != NULL) {
        nohi_message_unmake(&w->pool, start);
    }
    (void)noh_stop(self, ref, NOH_STOP_KILL);
    return err;
fail_slot:
    a->state_block = (void *)(uintptr_t)next_free;
    w->free_first = nohi_actor_index(w->slots, a);
    w->free_count++;
fail_start:
    if (start != NULL) {
        nohi_message_unmake(&w->pool, start);
    }
    return err;
}

static noh_err make_state(nohi_worker *w, nohi_actor *a, const noh_behavior *behavior)
{
    if (NOHI_LIKELY(nohi_state_is_inline(behavior))) {
        memset(a->state, 0, sizeof a->state);
        return NOH_OK;
    }
    if (behavior->state_size > STATE_LIMIT) {
        return NOH_E_TOO_BIG;
    }
    void *block = nohi_alloc(&w->system->env, behavior->state_size);
    if (block == NULL) {
        return NOH_E_NOMEM;
    }
    memset(block, 0, behavior->state_size);
    a->state_block = block;
    return NOH_OK;
}

static void drop_state(nohi_worker *w, nohi_actor *a)
{
    if (a->behavior != NULL && !nohi_state_is_inline(a->behavior)) {
        nohi_free(&w->system->env, a->state_block, a->behavior->state_size);
        a->state_block = NULL;
    }
}

/* ---- stop --------------------------------------------------------------------------------- */

noh_err noh_stop(noh_self *self, noh_ref actor, noh_stop_kind kind)
{
    if (self == NULL || kind < NOH_STOP_DRAIN || kind > NOH_STOP_KILL) {
        return NOH_E_INVAL;
    }
    nohi_worker *w = self->worker;
    nohi_actor *a = nohi_actor_of(w->slots, actor);
    uint32_t generation = nohi_ref_generation(actor);
    if (a == NULL) {
        return NOH_E_GONE;
    }
    if (load_relaxed(&a->gate.traits) & NOHI_TRAIT_THREAD) { /* constant for a generation */
        return NOH_E_CONTEXT;
    }
    nohi_message *stop = nohi_message_notice(&w->pool, NOHI_STOP, (uint32_t)kind);
    if (stop == NULL) {
        return NOH_E_NOMEM;
    }
    if (kind != NOH_STOP_DRAIN) {
        (void)nohi_gate_ask_stop(&a->gate, generation, (unsigned)kind);
    }
    noh_err err = nohi_send(w, actor, stop, true); /* and makes sure that it has a turn */
    if (err != NOH_OK) {
        nohi_message_free_block(&w->pool, stop);
    }
    return err;
}

noh_err noh_exit_self(noh_self *self)
{
    if (self == NULL) {
        return NOH_E_INVAL;
    }
    if (!self->in_handler || self->actor == NULL) {
        return NOH_E_CONTEXT;
    }
    self->actor->flags |= NOHI_EXITING;
    return NOH_OK;
}

void noh_fail(noh_self *self, noh_err code, const char *format, ...)
{
    if (self == NULL) {
        return;
    }
    noh_exit *failure = &self->failure;
    *failure = (noh_exit){.kind = NOH_EXIT_FAILED, .code = code == NOH_OK ? NOH_E_FAILED : code};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure->text, sizeof failure->text, format == NULL ? "" : format, arguments);
    va_end(arguments);
    if (!self->in_handler) {
        nohi_log(self->system, NOH_LOG_ERROR, self->ref, NULL, "noh_fail outside a handler: %s",
                 failure->text);
        return;
    }
    longjmp(self->worker->caught, 1);
}

bool noh_is_alive(noh_system *system, noh_ref actor)
{
    if (system == NULL) {
        return false;
    }
    nohi_actor *a = nohi_actor_of(&system->slots, actor);
    return a != NULL && load_relaxed(&a->life) == NOHI_LIVE; /* counter: true at some moment */
}

/* ---- end ---------------------------------------------------------------------------------- */

void nohi_actor_end(nohi_worker *w, nohi_actor *a, const noh_exit *exit)
{
    w->ending = *exit;
    w->ending_named = nohi_gate_close(&a->gate); /* from here on tells get GONE */
    store_relaxed(&a->life, NOHI_ENDING);        /* private */
    noh_handler_fn hook = NULL;
    if (exit->kind != NOH_EXIT_KILLED) {
        hook = nohi_behavior_hook(a->behavior, exit->kind == NOH_EXIT_FAILED ? NOH_HOOK_FAILURE
                                                                             : NOH_HOOK_STOP);
    }
    if (hook != NULL) {
        w->self.message = NULL;
        w->self.in_handler = true;
        noh_err err = hook(&w->self, nohi_actor_state(a), &w->ending);
        w->self.in_handler = false;
        if (err != NOH_OK) {
            nohi_log(w->system, NOH_LOG_ERROR, w->self.ref, a->behavior, "a stop hook failed: %s",
                     noh_err_text(err));
        }
    }
    nohi_actor_end_rest(w, a, &w->ending);
}

void nohi_actor_end_rest(nohi_worker *w, nohi_actor *a, const noh_exit *exit)
{
    nohi_send_flush(w); /* ACT-2 */
    if (w->ending_named) {
        nohi_name_forget(w->system, w->self.ref);
    }
    nohi_actor_clear(w, a, exit);
    bump(&w->counts.ended);
}

void nohi_actor_clear(nohi_worker *w, nohi_actor *a, const noh_exit *exit)
{
    noh_ref ref = w->self.ref;
    nohi_letter *watchers = NULL;
    drain(w, a, ref, &watchers);
    if (a->flags & NOHI_SIGNALED) { /* RCV-2; else the inbox comes later, and is late */
        nohi_letter *taken = nohi_inbox_take(&a->gate.inbox);
        if (taken != NULL) {
            nohi_actor_splice(a, taken);
            drain(w, a, ref, &watchers);
        }
    }
    drop_state(w, a);
    nohi_extra *extra = a->extra;
    if (extra != NULL) {
        nohi_promise_done(w, a);
        (void)nohi_ask_done(w, a);
        nohi_timer_done(w, a);
        while (extra->watchers != NULL) {
            nohi_letter *watch = extra->watchers;
            extra->watchers = watch->next;
            watch->next = watchers;
            watchers = watch;
        }
        nohi_free(&w->system->env, extra, sizeof *extra);
        a->extra = NULL;
    }
    a->flags = (uint8_t)((a->flags & ~(NOHI_EXITING | NOHI_TIMED)) | NOHI_ENDED);
    a->behavior = NULL;
    store_relaxed(&a->life, NOHI_DEAD); /* private */
    while (watchers != NULL) {
        nohi_letter *watch = watchers;
        watchers = watch->next;
        nohi_actor_tell_exit(w, (nohi_message *)watch, exit); /* ACT-2 */
    }
}

/* The queue becomes dead letters, but for who waits for the end. */
static void drain(nohi_worker *w, nohi_actor *a, noh_ref ref, nohi_letter **watchers)
{
    while (a->head != NULL) {
        nohi_message *message = nohi_actor_pop(a);
        if (message->kind == NOHI_WATCH) {
            message->letter.next = *watchers;
            *watchers = &message->letter;
        } else if (!nohi_message_is_counted(message)) {
            nohi_message_free(&w->pool, message);
        } else {
            bool answer = nohi_message_is_answer(message);
            nohi_dead_letter(w, ref, message, answer ? NOH_DEAD_LATE : NOH_DEAD_STOPPED);
        }
    }
}

void nohi_actor_tell_exit(nohi_worker *w, nohi_message *watch, const noh_exit *exit)
{
    memcpy(nohi_message_body(watch), exit, sizeof *exit);
    watch->kind = NOHI_EXITED;
    noh_ref to = watch->from;
    if (nohi_send(w, to, watch, true) != NOH_OK) {
        nohi_message_free_block(&w->pool, watch);
    }
}
