/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Actor: birth and death of a slot's tenant.
 *
 * Purpose     Spawn, stop, join, fail; the order in which an actor comes apart.
 * Owner       The worker that is its home.
 * Invariants  ACT-1  a slot goes to a free list at its idle transition: then it is in no run list,
 *                    no ready stack and no handed stack; only a letter that comes later puts it there
 *                    again. Only LIVE actors move.
 *             ACT-2  who waits for an actor's end is told, and its ref means nobody, after its last
 *                    message was sent, its names were taken back, its queue was dead-lettered and its
 *                    memory given back.
 *             ACT-3  a spawn keeps QUEUED, SIGNALED and the inbox of the slot: a late sender may be
 *                    at work there.
 *             ACT-4  a slot in the depot, the list of free slots that all share, has the home
 *                    NOHI_DEPOT and belongs to whoever holds the slots' lock. Plain threads take
 *                    slots from there and have none of their own, since they run no turns: the
 *                    taker keeps NOHI_DEPOT, and fills the slot but for its inbox, until it settles
 *                    the tenant under the lock.
 *             ACT-5  START is the first letter of its actor, whoever learns its ref or its name. */
#include "actor.h"

#include "deadletter.h"
#include "overflow.h"
#include "receive.h"
#include "reply.h"
#include "role.h"
#include "send.h"
#include "strand.h"
#include "system.h"
#include "timer.h"

#include <stdarg.h>

enum {
    CARVE = NOHI_LIMIT(32, 2),       /* fresh slots at once: one page, */
    CARVE_MANY = NOHI_LIMIT(256, 2), /* for a worker that keeps some at hand */
    STATE_LIMIT = 1 << 30,
};

static noh_err refill(nohi_worker *w);
static void give_back(nohi_worker *w);
static uint32_t link_of(const nohi_actor *a);
static void set_link(nohi_actor *a, uint32_t next);
static noh_err make_state(nohi_worker *w, nohi_actor *a, const noh_behavior *behavior);
static void drop_state(nohi_worker *w, nohi_actor *a);
static bool has_letters(nohi_actor *a);
static NOHI_NOINLINE void drain(nohi_worker *w, nohi_actor *a, nohi_letter **watchers);
static uint32_t clear(nohi_worker *w, nohi_actor *a, nohi_letter **watchers);
static void close_slot(nohi_worker *w, nohi_actor *a, nohi_letter **watchers);

/* ---- slots -------------------------------------------------------------------------------- */

/* A free slot's link to the next one. Not `run_next`, which may be in use: ACT-3. */
static uint32_t link_of(const nohi_actor *a)
{
    return (uint32_t)(uintptr_t)a->state_block;
}

static void set_link(nohi_actor *a, uint32_t next)
{
    a->state_block = (void *)(uintptr_t)next;
}

static void push_free(nohi_worker *w, nohi_actor *a)
{
    set_link(a, w->free_first);
    w->free_first = nohi_actor_index(w->slots, a);
    w->free_count++;
}

noh_err nohi_actor_slot(nohi_worker *w, nohi_actor **ret_actor)
{
    if (w->free_first == 0) {
        noh_err err = refill(w);
        if (err != NOH_OK) {
            return err;
        }
    }
    nohi_actor *a = nohi_slots_at(w->slots, w->free_first);
    w->free_first = link_of(a);
    w->free_count--;
    *ret_actor = a;
    return NOH_OK;
}

void nohi_actor_release(nohi_worker *w, nohi_actor *a)
{
    if (nohi_slots_is_used_up(w->slots, nohi_gate_generation(&a->gate))) {
        return; /* SLT-3: it stays DEAD */
    }
    NOHI_CHECK(ACT_1, (a->flags & (NOHI_QUEUED | NOHI_SIGNALED)) == 0 && a->head == NULL);
    store_relaxed(&a->life, NOHI_FREE); /* private */
    push_free(w, a);
    if (w->free_count >= w->free_max) {
        give_back(w);
    }
}

/* Out of the depot into the free list of `w`, at most `most`. */
static void grant(nohi_worker *w, uint32_t most)
{
    nohi_slots *slots = w->slots;
    pthread_mutex_lock(&slots->lock);
    for (; most > 0 && slots->free_first != 0; most--) {
        nohi_actor *a = nohi_slots_at(slots, slots->free_first);
        slots->free_first = link_of(a);
        push_free(w, a);
        nohi_gate_move(&a->gate, w->id); /* ACT-4 */
    }
    pthread_mutex_unlock(&slots->lock);
}

/* One slot out of the depot, which stays its home, or NULL. */
static nohi_actor *grant_one(nohi_slots *slots)
{
    nohi_actor *a = NULL;
    pthread_mutex_lock(&slots->lock);
    if (slots->free_first != 0) {
        a = nohi_slots_at(slots, slots->free_first);
        slots->free_first = link_of(a);
    }
    pthread_mutex_unlock(&slots->lock);
    return a;
}

/* Puts free slots into the depot; their links are set. */
static void deposit(nohi_slots *slots, nohi_actor *first, nohi_actor *last)
{
    pthread_mutex_lock(&slots->lock);
    for (nohi_actor *a = first; a != last; a = nohi_slots_at(slots, link_of(a))) {
        nohi_gate_move(&a->gate, NOHI_DEPOT); /* ACT-4 */
    }
    nohi_gate_move(&last->gate, NOHI_DEPOT);
    set_link(last, slots->free_first);
    slots->free_first = nohi_actor_index(slots, first);
    pthread_mutex_unlock(&slots->lock);
}

void nohi_actor_deposit(nohi_worker *w, nohi_actor *a)
{
    deposit(w->slots, a, a);
}

/* Fresh slots for the depot: `count`, or as many as are left. Errors: NOMEM, LIMIT. */
static noh_err fill_depot(nohi_slots *slots, uint32_t count)
{
    uint32_t first;
    noh_err err;
    do {
        err = nohi_slots_carve(slots, count, NOHI_DEPOT, &first);
    } while (err == NOH_E_LIMIT && (count /= 2) > 0);
    if (err != NOH_OK) {
        return err;
    }
    for (uint32_t index = first; index < first + count - 1; index++) {
        set_link(nohi_slots_at(slots, index), index + 1);
    }
    deposit(slots, nohi_slots_at(slots, first), nohi_slots_at(slots, first + count - 1));
    return NOH_OK;
}

noh_err nohi_actor_slot_of_depot(nohi_worker *w, nohi_actor **ret_actor)
{
    for (;;) {
        nohi_actor *a = grant_one(w->slots);
        if (a != NULL) {
            *ret_actor = a;
            return NOH_OK;
        }
        noh_err err = fill_depot(w->slots, CARVE);
        if (err != NOH_OK) {
            return err;
        }
    }
}

/* Slots for the free list of `w`. */
static noh_err refill(nohi_worker *w)
{
    uint32_t most = w->free_max / 4;
    for (;;) {
        grant(w, most);
        if (w->free_count > 0) {
            return NOH_OK;
        }
        noh_err err = fill_depot(w->slots, most < CARVE_MANY ? CARVE : CARVE_MANY);
        if (err != NOH_OK) {
            return err;
        }
    }
}

/* Half of the free slots, but none that a late sender has put into the run list (ACT-1). */
static void give_back(nohi_worker *w)
{
    uint32_t index = w->free_first;
    nohi_actor *first = NULL;
    nohi_actor *last = NULL;
    w->free_first = 0;
    w->free_count = 0;
    while (index != 0) {
        nohi_actor *a = nohi_slots_at(w->slots, index);
        index = link_of(a);
        if (w->free_count < w->free_max / 2 || a->flags != 0) {
            push_free(w, a);
            continue;
        }
        set_link(a, first == NULL ? 0 : nohi_actor_index(w->slots, first));
        first = a;
        last = last == NULL ? a : last;
    }
    if (first != NULL) {
        deposit(w->slots, first, last);
    }
}

void nohi_actor_leave_inbox(nohi_actor *a, nohi_message *message)
{
    message->placed = 0;
    sub_relaxed(&a->gate.inbox_len, nohi_message_is_counted(message)); /* counter */
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
            nohi_actor_leave_inbox(a, (nohi_message *)late);
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

void nohi_actor_splice(nohi_actor *a, nohi_letter *oldest)
{
    nohi_letter *newest = oldest;
    uint32_t count = 0;
    uint32_t placed = 0; /* they keep their places until they are popped */
    for (nohi_letter *at = oldest; at != NULL; at = at->next) {
        newest = at;
        count += nohi_message_is_counted((nohi_message *)at);
        placed += ((nohi_message *)at)->placed;
    }
    if (a->head == NULL) {
        a->head = oldest;
    } else {
        a->tail->next = oldest;
    }
    a->tail = newest;
    uint32_t len = load_relaxed(&a->len) + count; /* private */
    store_relaxed(&a->len, len);
    if (!nohi_actor_is_exact(a)) {
        store_relaxed(&a->gate.local_len, len); /* first here, then out there: never too few */
    }
    if (count > placed) {
        sub_relaxed(&a->gate.inbox_len, count - placed);
    }
}

void nohi_actor_push_back(nohi_actor *a, nohi_message *message)
{
    message->letter.next = a->head;
    a->tail = a->head == NULL ? &message->letter : a->tail;
    a->head = &message->letter;
    bump_by(&a->len, nohi_message_is_counted(message));
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

void nohi_actor_open(nohi_actor *a, unsigned traits, uint32_t mailbox_max)
{
    uint32_t late = load_relaxed(&a->len); /* private: late letters may lie there */
    store_relaxed(&a->mailbox_max, mailbox_max);
    store_relaxed(&a->gate.local_len, nohi_actor_is_exact(a) ? 0 : late);
    store_relaxed(&a->gate.stop, 0); /* GAT-5: only older generations can have asked */
    nohi_gate_open(&a->gate, traits);
}

void nohi_actor_settle(nohi_worker *w, nohi_actor *a, nohi_worker *home)
{
    if (nohi_gate_home(&a->gate) != NOHI_DEPOT) {
        store_relaxed(&a->life, NOHI_LIVE); /* private until the ref is known */
        return;
    }
    pthread_mutex_lock(&w->slots->lock);
    store_relaxed(&a->life, NOHI_LIVE);
    nohi_gate_move(&a->gate, home->id); /* ACT-4 */
    pthread_mutex_unlock(&w->slots->lock);
}

static bool is_named(const noh_spawn_options *options)
{
    return options != NULL && options->name != NULL;
}

/* The new tenant moves in, with its first letter (or NULL). */
static noh_ref move_in(nohi_worker *w, nohi_actor *a, const noh_behavior *behavior,
                       const noh_spawn_options *options, nohi_message *start)
{
    uint32_t bound = options == NULL ? 0 : options->mailbox_max;
    bool pinned = options != NULL && options->pinned;
    bound = bound > ~NOHI_EXACT ? ~NOHI_EXACT : bound;
    nohi_actor_open(a,
                    (bound != 0 ? NOHI_TRAIT_BOUNDED : 0u) | (pinned ? NOHI_TRAIT_PINNED : 0u) |
                        (is_named(options) ? NOHI_TRAIT_NAMED : 0u),
                    bound != 0 ? bound | NOHI_EXACT : w->system->options.mailbox_max);
    store_relaxed(&a->behavior, behavior);
    a->extra = NULL;
    if (NOHI_UNLIKELY(nohi_wants_stack(behavior))) {
        a->flags |= NOHI_TIMED;
    }
    if (start != NULL) {
        start->generation = nohi_gate_generation(&a->gate);
        nohi_actor_append(a, start); /* ACT-5; behind late letters, which do not count */
        a->flags |= NOHI_UNSTARTED;
    }
    return nohi_actor_ref(w->slots, a);
}

/* Lets the actor run for the first time, at home here or where it was sent to. */
static void set_going(nohi_worker *w, nohi_actor *a, nohi_worker *home)
{
    if (home == w) {
        nohi_worker_queue(w, a);
        nohi_worker_stir(w);
    } else if (nohi_stack_push(&home->handed, nohi_actor_index(w->slots, a), &a->run_next)) {
        nohi_worker_notify(w, home);
    }
}

/* Spawns with all memory at hand, and the name reserved. */
static noh_ref spawn_in(nohi_worker *w, nohi_actor *a, const noh_behavior *behavior,
                        const noh_spawn_options *options, nohi_message *start)
{
    noh_ref ref = move_in(w, a, behavior, options, start);
    nohi_worker *home = nohi_policy_home(w);
    if (home != w && start != NULL) {
        a->flags |= NOHI_QUEUED; /* on its way: nobody may run it before it is handed over */
    }
    bump(&w->counts.spawned);
    nohi_actor_settle(w, a, home);
    if (is_named(options)) {
        nohi_name_publish(w->system, options->name, ref);
    }
    if (start != NULL) {
        set_going(w, a, home);
    }
    return ref;
}

static void give_slot_back(nohi_worker *w, nohi_actor *a)
{
    if (w->kind == NOHI_THREAD) {
        nohi_actor_deposit(w, a);
    } else {
        push_free(w, a);
    }
}

/* A slot with a name and a state. Errors: those of noh_spawn_with. */
static noh_err prepare(nohi_worker *w, const noh_behavior *behavior,
                       const noh_spawn_options *options, nohi_actor **ret_actor)
{
    nohi_actor *a = NULL;
    noh_err err = w->kind == NOHI_THREAD ? nohi_actor_slot_of_depot(w, &a) : nohi_actor_slot(w, &a);
    if (err != NOH_OK) {
        return err;
    }
    noh_ref ref = nohi_actor_ref(w->slots, a);
    if (is_named(options)) {
        err = nohi_name_reserve(w->system, options->name, ref);
        if (err != NOH_OK) {
            goto fail_slot;
        }
    }
    err = make_state(w, a, behavior);
    if (err != NOH_OK) {
        goto fail_name;
    }
    *ret_actor = a;
    return NOH_OK;

fail_name:
    if (is_named(options)) {
        nohi_name_forget(w->system, ref);
    }
fail_slot:
    give_slot_back(w, a);
    return err;
}

static noh_err spawn(nohi_worker *w, const noh_behavior *behavior, const void *arguments,
                     const noh_spawn_options *options, noh_ref *ret_ref)
{
    nohi_message *start;
    noh_err err = make_start(w->self, behavior, arguments, &start);
    if (err != NOH_OK) {
        return err;
    }
    if (!nohi_slots_admit(w->slots)) {
        err = NOH_E_LIMIT;
        goto fail_start;
    }
    nohi_actor *a;
    nohi_send_flush(w);                           /* SND-2: a thief may run it at once */
    nohi_lease_enter(&w->lease, &w->system->env); /* a late letter may be on its way to the slot */
    err = prepare(w, behavior, options, &a);
    if (err == NOH_OK) {
        *ret_ref = spawn_in(w, a, behavior, options, start);
    }
    nohi_lease_leave(&w->lease);
    if (err == NOH_OK) {
        return NOH_OK;
    }

    nohi_slots_leave(w->slots);
fail_start:
    if (start != NULL) {
        nohi_message_unmake(&w->pool, start);
    }
    return err;
}

/* A worker has seen a stop, or sees it after this turn; the stop asks it. Who is no worker says that
 * it spawns (STP-1). */
noh_err noh_spawn_with(noh_self *self, const noh_behavior *behavior, const void *arguments,
                       const noh_spawn_options *options, noh_ref *ret_ref)
{
    if (self == NULL || behavior == NULL || ret_ref == NULL ||
        (options != NULL && options->size != 0 && options->size < sizeof *options)) {
        return NOH_E_INVAL;
    }
    nohi_overflow_poll(self);
    nohi_worker *w = self->worker;
    if (NOHI_UNLIKELY(nohi_policy_kind(w, behavior) == NULL)) {
        return NOH_E_INVAL;
    }
    bool outside = w->kind != NOHI_WORKER;
    if (outside) {
        nohi_system_begin_spawn(w);
    }
    noh_err err = NOH_E_STOPPING;
    if (NOHI_LIKELY(!nohi_is_stopping(w->system))) {
        err = spawn(w, behavior, arguments, options, ret_ref);
    }
    if (outside) {
        nohi_system_end_spawn(w);
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
    const noh_behavior *behavior = nohi_actor_behavior(a);
    if (behavior != NULL && !nohi_state_is_inline(behavior)) {
        nohi_free(&w->system->env, a->state_block, behavior->state_size);
        a->state_block = NULL;
    }
}

/* ---- stop --------------------------------------------------------------------------------- */

noh_err noh_stop(noh_self *self, noh_ref actor, noh_stop_kind kind)
{
    if (self == NULL || kind < NOH_STOP_DRAIN || kind > NOH_STOP_KILL) {
        return NOH_E_INVAL;
    }
    nohi_overflow_poll(self);
    nohi_worker *w = self->worker;
    nohi_actor *a = nohi_actor_of(w->slots, actor);
    uint32_t generation = nohi_ref_generation(actor);
    if (a == NULL) {
        return NOH_E_GONE;
    }
    if (nohi_actor_is_thread(a, generation)) {
        return NOH_E_CONTEXT;
    }
    nohi_message *stop = nohi_message_notice(&w->pool, NOHI_STOP, (uint32_t)kind);
    if (stop == NULL) {
        return NOH_E_NOMEM;
    }
    if (kind != NOH_STOP_DRAIN) {
        (void)nohi_gate_ask_stop(&a->gate, generation, (unsigned)kind);
    }
    if (nohi_send(w, actor, stop, true) != NOH_OK) { /* it makes sure that it has a turn */
        nohi_message_free_block(&w->pool, stop);     /* it has seen the mark, or ended by itself */
    }
    return NOH_OK;
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
    if (format != NULL) {
        vsnprintf(failure->text, sizeof failure->text, format, arguments);
    }
    va_end(arguments);
    if (!self->in_handler) {
        nohi_log(self->system, NOH_LOG_ERROR, self->ref, NULL, "noh_fail outside a handler: %s",
                 failure->text);
        return;
    }
    longjmp(*self->caught, 1);
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

/* The hook of its end, unless its state never was whole. */
static void run_last_hook(nohi_worker *w, nohi_actor *a)
{
    noh_self *self = w->self;
    const noh_exit *exit = &w->ending;
    if (exit->kind == NOH_EXIT_KILLED || (a->flags & NOHI_UNSTARTED)) {
        return;
    }
    bool failed = exit->kind == NOH_EXIT_FAILED || exit->kind == NOH_EXIT_FAULT;
    noh_handler_fn hook =
        nohi_behavior_hook(nohi_role_own(a), failed ? NOH_HOOK_FAILURE : NOH_HOOK_STOP);
    if (hook == NULL) {
        return;
    }
    bool in_turns = self->in_handler;
    self->message = NULL;
    self->answer_state = NOHI_UNANSWERED;
    self->in_handler = true;
    store_relaxed(&w->running_type, NULL); /* counter: for reports */
    noh_err err = hook(self, nohi_actor_state(a), exit);
    self->in_handler = in_turns;
    if (err != NOH_OK) {
        nohi_log(w->system, NOH_LOG_ERROR, self->ref, nohi_actor_behavior(a),
                 "a stop hook failed: %s", noh_err_text(err));
    }
}

void nohi_actor_end(nohi_worker *w, nohi_actor *a, const noh_exit *exit)
{
    w->ending = *exit;
    store_relaxed(&a->life, NOHI_ENDING); /* private */
    run_last_hook(w, a);
    nohi_actor_end_rest(w, a, &w->ending);
}

static void tell_watchers(nohi_worker *w, nohi_letter *watchers, const noh_exit *exit)
{
    while (watchers != NULL) {
        nohi_letter *watch = watchers;
        watchers = watch->next;
        nohi_actor_tell_exit(w, (nohi_message *)watch, exit);
    }
}

void nohi_actor_end_rest(nohi_worker *w, nohi_actor *a, const noh_exit *exit)
{
    nohi_letter *watchers = NULL;
    nohi_send_flush(w);         /* ACT-2 */
    nohi_slots_leave(w->slots); /* whoever learns of the end may spawn another */
    (void)clear(w, a, &watchers);
    bump_release(&w->counts.ended);
    close_slot(w, a, &watchers);
    tell_watchers(w, watchers, exit);
}

uint32_t nohi_actor_end_thread(nohi_worker *w, nohi_actor *a)
{
    nohi_letter *watchers = NULL;
    uint32_t open = clear(w, a, &watchers);
    close_slot(w, a, &watchers);
    tell_watchers(w, watchers, &(noh_exit){.kind = NOH_EXIT_NORMAL});
    return open;
}

/* Gives back everything an actor holds. How many asks were open? */
static uint32_t clear(nohi_worker *w, nohi_actor *a, nohi_letter **watchers)
{
    uint32_t open = 0;
    if (NOHI_UNLIKELY(a->flags & NOHI_WAITING)) {
        nohi_strand_drop(w, a);
    }
    if (nohi_gate_end(&a->gate)) {
        nohi_name_forget(w->system, w->self->ref);
    }
    nohi_role_put_back(a);
    if (NOHI_UNLIKELY(has_letters(a))) {
        drain(w, a, watchers);
    }
    drop_state(w, a);
    nohi_extra *extra = a->extra;
    if (extra != NULL) {
        nohi_promise_done(w, a);
        open = nohi_ask_done(w, a);
        nohi_timer_done(w, a);
        nohi_role_done(w, a);
        while (extra->watchers != NULL) {
            nohi_letter *watch = extra->watchers;
            extra->watchers = watch->next;
            watch->next = *watchers;
            *watchers = watch;
        }
        nohi_free(&w->system->env, extra, sizeof *extra);
        a->extra = NULL;
    }
    return open;
}

/* From here on tells get GONE, and whoever does, finds nothing of the actor left (ACT-2). */
static void close_slot(nohi_worker *w, nohi_actor *a, nohi_letter **watchers)
{
    store_relaxed(&a->life, NOHI_DEAD); /* before the generation: see ask_all */
    nohi_gate_close(&a->gate);
    if (NOHI_UNLIKELY(has_letters(a))) {
        drain(w, a, watchers);
    }
    a->flags = (uint8_t)((a->flags & (NOHI_QUEUED | NOHI_SIGNALED)) | NOHI_ENDED);
    store_relaxed(&a->behavior, NULL);
}

static bool has_letters(nohi_actor *a)
{
    return a->head != NULL || !nohi_inbox_is_empty(&a->gate.inbox);
}

/* Queue and inbox become dead letters, but for who waits for the end. */
static void drain(nohi_worker *w, nohi_actor *a, nohi_letter **watchers)
{
    if (!nohi_inbox_is_empty(&a->gate.inbox)) { /* RCV-2 */
        nohi_actor_splice(a, nohi_inbox_take(&a->gate.inbox));
    }
    while (a->head != NULL) {
        nohi_message *message = nohi_actor_pop(a);
        if (message->generation != nohi_ref_generation(w->self->ref)) {
            nohi_receive_late(w, a, message);
        } else if (message->kind == NOHI_WATCH) {
            message->letter.next = *watchers;
            *watchers = &message->letter;
        } else if (!nohi_message_is_counted(message)) {
            nohi_message_free(&w->pool, message);
        } else {
            bool answer = nohi_message_is_answer(message);
            nohi_dead_letter(w, w->self->ref, message, answer ? NOH_DEAD_LATE : NOH_DEAD_STOPPED);
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
