/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Timer: messages that come later.
 *
 * Purpose     Each worker has a wheel; a timer lies on the wheel of the worker that made it, or on
 *             worker 0's for plain threads, and sends its message from there.
 * Owner       The wheel and a record's plain fields: the worker it lies on. `state`: any thread.
 * Invariants  TIM-1  a timer fires or is cancelled, never both: one cas on `state` decides.
 *             TIM-2  a record is reused only under a new serial, so an old noh_timer is SPENT.
 *             TIM-3  at most one tick of a periodic timer is unhandled; a record is not used again
 *                    before its last tick was handled.
 *             TIM-4  the command to drop a timer reaches the wheel's owner after the command to add
 *                    it: when a host loop leaves, its timers go to worker 0 before the loop's home
 *                    closes, and what arrives at the home afterwards follows them.
 * Ordering    state: cas seq_cst both ways (TIM-1); the loser touches nothing else.
 *             tick_waits: store relaxed while the timer lives: seen late, a tick is left out; cas seq_cst
 *                    by who ends the timer and by who ends the tick: the second one frees the record.
 *             tick: cas on tick_waits <-> load acquire, then a look at `state`: who cancels and then
 *                    handles the last tick gets no other (TIM-3).
 * Why not     one heap under a lock: every insert would meet every other; 6 times slower to fire. */
#include "timer.h"

#include "deadletter.h"
#include "role.h"
#include "overflow.h"
#include "send.h"

enum {
    ARMED = 1,
    CANCELLED = 2,
    ORPHANED = 3, /* cancelled, and no command will free it: there was no memory for one */
    STATE_BITS = 2
};
/* What `tick_waits` says. The last: the timer is over, and the tick's end frees its record. */
enum { NO_TICK, TICK_WAITS, TICK_FREES };
enum {
    SERIAL_MASK = (1 << (32 - STATE_BITS)) - 1,
    NO_WHEEL = 0xffff, /* of a timer that is never due; no home has this number */
    RECORDS_AT_ONCE = NOHI_LIMIT(NOHI_TIMER_PAGE, 1),
    RECORDS_KEPT = 2 * RECORDS_AT_ONCE,
};
_Static_assert(NOHI_TIMER_PAGE *NOHI_TIMER_PAGES <= NOHI_NUMBER_MAX + 1,
               "a tick's number is that of its timer's record");

struct nohi_timer {
    nohi_wheel_node node;
    nohi_message *message; /* what is sent; a periodic timer sends copies */
    noh_ref to;
    int64_t due_ns;
    int64_t period_ns;         /* 0: once */
    uint32_t number;           /* its own; constant */
    uint32_t next_free;        /* number of the next free record, or of the next one to be added */
    atom(uint32_t) state;      /* serial << 2 | ARMED, CANCELLED, or 0: free */
    atom(uint32_t) tick_waits; /* TICK_WAITS: one was sent and is not handled yet */
    atom(uint32_t) worker;     /* whose wheel, a tag: id, and tenancy of a host loop; or NO_WHEEL */
};

/* The timers an actor made, so that they end with it; may hold old ones. */
struct nohi_timers {
    uint32_t capacity;
    uint32_t count;
    noh_timer entries[];
};

static void fire(nohi_worker *w, nohi_timer *t, int64_t now_ns);
static void free_record(nohi_worker *w, nohi_timer *t);
static void put_free(nohi_worker *w, nohi_timer *t);

/* ---- records ------------------------------------------------------------------------------ */

static nohi_timer *record(nohi_system *system, uint32_t number)
{
    nohi_timer *page = load_acquire(&system->timer_pages[number / NOHI_TIMER_PAGE]);
    return &page[number % NOHI_TIMER_PAGE];
}

/* A fresh page of records as a free list. Under the system's lock. Errors: NOMEM, LIMIT.
 * Numbers start at 1; 0 ends a list. */
static noh_err new_page(nohi_system *system, uint32_t *ret_first)
{
    uint32_t page = system->timer_page_count;
    if (page == NOHI_TIMER_PAGES) {
        return NOH_E_LIMIT;
    }
    nohi_timer *records = nohi_alloc(&system->env, NOHI_TIMER_PAGE * sizeof *records);
    if (records == NULL) {
        return NOH_E_NOMEM;
    }
    memset(records, 0, NOHI_TIMER_PAGE * sizeof *records);
    *ret_first = 0;
    for (uint32_t i = NOHI_TIMER_PAGE; i-- > 0;) {
        uint32_t number = page * NOHI_TIMER_PAGE + i;
        records[i].number = number;
        if (number != 0) {
            records[i].next_free = *ret_first;
            *ret_first = number;
        }
    }
    system->timer_page_count++;
    store_release(&system->timer_pages[page], records);
    return NOH_OK;
}

/* Cuts the first `count` records, or as many as there are, off a list. */
static uint32_t cut(nohi_system *system, uint32_t *list, uint32_t count, nohi_timer **ret_last)
{
    uint32_t first = *list;
    nohi_timer *last = record(system, first);
    uint32_t cut_off = 1;
    for (; cut_off < count && last->next_free != 0; cut_off++) {
        last = record(system, last->next_free);
    }
    *list = last->next_free;
    last->next_free = 0;
    *ret_last = last;
    return cut_off;
}

/* Records for the list of `w`, from the system's list or fresh. A plain thread frees none, so it
 * takes one at a time. */
static noh_err refill(nohi_worker *w)
{
    nohi_system *system = w->system;
    noh_err err = NOH_OK;
    pthread_mutex_lock(&system->lock);
    if (system->timer_free == 0) {
        err = new_page(system, &system->timer_free);
    }
    if (err == NOH_OK) {
        nohi_timer *last;
        w->timer_free = system->timer_free;
        w->timers_free =
            cut(system, &system->timer_free, w->kind == NOHI_THREAD ? 1 : RECORDS_AT_ONCE, &last);
    }
    pthread_mutex_unlock(&system->lock);
    return err;
}

static noh_err new_record(nohi_worker *w, nohi_timer **ret_timer)
{
    noh_err err = w->timer_free != 0 ? NOH_OK : refill(w);
    if (err == NOH_OK) {
        nohi_timer *t = record(w->system, w->timer_free);
        w->timer_free = t->next_free;
        w->timers_free--;
        t->next_free = 0;
        *ret_timer = t;
    }
    return err;
}

/* The first `count` of the list of `w`: where timers end may not be where they are made. */
static void give_back(nohi_worker *w, uint32_t count)
{
    nohi_system *system = w->system;
    nohi_timer *first = record(system, w->timer_free);
    nohi_timer *last;
    w->timers_free -= cut(system, &w->timer_free, count, &last);
    pthread_mutex_lock(&system->lock);
    last->next_free = system->timer_free;
    system->timer_free = first->number;
    pthread_mutex_unlock(&system->lock);
}

/* ---- start -------------------------------------------------------------------------------- */

static uint32_t tag_of(const nohi_worker *w)
{
    return w->id | (uint32_t)w->tenancy << 16;
}

/* Puts an armed record on a wheel. One that is never due lies on none: who cancels it frees it.
 * Errors: NOMEM. */
static noh_err place(nohi_worker *w, nohi_timer *t)
{
    if (t->due_ns == INT64_MAX) {
        store_relaxed(&t->worker, NO_WHEEL); /* private: nobody knows the timer yet */
        return NOH_OK;
    }
    store_relaxed(&t->worker, 0);
    if (w->kind == NOHI_THREAD) {
        nohi_message *add = nohi_message_notice(&w->pool, NOHI_TIMER_ADD, t->number);
        if (add == NULL) {
            return NOH_E_NOMEM;
        }
        nohi_worker_give_command(w, nohi_system_home(w->system, 0), add);
        return NOH_OK;
    }
    store_relaxed(&t->worker, tag_of(w));
    nohi_worker_stir(w);
    return nohi_wheel_add(&w->wheel, &t->node, t->due_ns);
}

/* Takes `message` over on NOH_OK. */
static noh_err start(nohi_worker *w, nohi_message *message, noh_ref to, int64_t delay_ns,
                     int64_t period_ns, noh_timer *ret_timer)
{
    nohi_timer *t;
    noh_err err = new_record(w, &t);
    if (err != NOH_OK) {
        return err;
    }
    uint32_t serial = ((load_relaxed(&t->state) >> STATE_BITS) + 1) & SERIAL_MASK; /* TIM-2 */
    t->message = message;
    t->to = to;
    t->due_ns = nohi_later(nohi_now(w->system), delay_ns);
    t->period_ns = period_ns;
    t->node.slot = NOHI_WHEEL_NONE;
    store_seq_cst(&t->state, serial << STATE_BITS | ARMED);
    err = place(w, t);
    if (err != NOH_OK) {
        t->message = NULL;
        free_record(w, t);
        return err;
    }
    *ret_timer = (noh_timer){(uint64_t)serial << 32 | t->number};
    return NOH_OK;
}

/* Is that timer over? */
static bool is_spent(nohi_system *system, noh_timer timer)
{
    uint32_t state = load_seq_cst(&record(system, (uint32_t)timer.bits)->state);
    return state != ((uint32_t)(timer.bits >> 32) << STATE_BITS | ARMED);
}

static size_t timers_bytes(uint32_t capacity)
{
    return sizeof(nohi_timers) + capacity * sizeof(noh_timer);
}

/* Makes room for one more in the list of `a`: forgets spent ones, else grows. */
static noh_err reserve(nohi_worker *w, nohi_actor *a)
{
    nohi_extra *extra = nohi_actor_extra(w, a);
    if (extra == NULL) {
        return NOH_E_NOMEM;
    }
    nohi_timers *old = extra->timers;
    if (old != NULL && old->count < old->capacity) {
        return NOH_OK;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; old != NULL && i < old->count; i++) {
        if (!is_spent(w->system, old->entries[i])) {
            old->entries[kept++] = old->entries[i];
        }
    }
    if (old != NULL) {
        old->count = kept;
        if (kept <= old->capacity / 2) {
            return NOH_OK;
        }
    }
    uint32_t capacity = old == NULL ? 4 : old->capacity * 2;
    nohi_timers *list = nohi_alloc(&w->system->env, timers_bytes(capacity));
    if (list == NULL) {
        return NOH_E_NOMEM;
    }
    *list = (nohi_timers){.capacity = capacity, .count = kept};
    if (old != NULL) {
        memcpy(list->entries, old->entries, kept * sizeof old->entries[0]);
        nohi_free(&w->system->env, old, timers_bytes(old->capacity));
    }
    extra->timers = list;
    return NOH_OK;
}

/* A box can be sent once only. */
static void note_box(void *ctx, const noh_field *field, void *at)
{
    (void)at;
    *(bool *)ctx = *(bool *)ctx || field->kind == NOH_KIND_BOX;
}

noh_err noh_timer_start(noh_self *self, int64_t delay_ns, int64_t period_ns, noh_ref to,
                        const noh_type *type, const void *message, noh_timer *ret_timer)
{
    if (self == NULL || type == NULL || message == NULL || delay_ns < 0 || period_ns < 0 ||
        self->actor == NULL) {
        return NOH_E_INVAL;
    }
    nohi_overflow_poll(self);
    nohi_worker *w = self->worker;
    bool box = false;
    nohi_type_owned(type, (void *)(uintptr_t)message, note_box, &box);
    if (period_ns > 0 && box) {
        return NOH_E_INVAL;
    }
    if (nohi_is_stopping(w->system)) {
        return NOH_E_STOPPING;
    }
    noh_err err = reserve(w, self->actor);
    if (err != NOH_OK) {
        return err;
    }
    nohi_message *m;
    err = nohi_message_new(&w->pool, type, message, NOHI_TELL, 0, &m);
    if (err != NOH_OK) {
        return err;
    }
    m->from = self->ref;
    noh_timer timer;
    err = start(w, m, to, delay_ns, period_ns, &timer);
    if (err != NOH_OK) {
        nohi_message_unmake(&w->pool, m);
        return err;
    }
    nohi_timers *list = self->actor->extra->timers;
    list->entries[list->count++] = timer;
    if (ret_timer != NULL) {
        *ret_timer = timer;
    }
    return NOH_OK;
}

/* No memory to keep it. */
static void lose(nohi_worker *w, nohi_timer *t)
{
    uint32_t seen = load_relaxed(&t->state); /* re-checked by the cas */
    if ((seen & CANCELLED) != 0 ||
        !cas_seq_cst(&t->state, &seen, seen >> STATE_BITS << STATE_BITS)) { /* TIM-1 */
        return;
    }
    nohi_message *message = t->message;
    t->message = NULL;
    if (!nohi_message_is_counted(message)) { /* early: an idle actor looks at the clock, and tries
                                                again; a wait ends before its time */
        (void)nohi_send_or_bury(w, t->to, message, true);
    } else {
        nohi_log(w->system, NOH_LOG_ERROR, message->from, NULL, "a timer was lost: no memory");
        nohi_lease_count_sent(&w->lease);
        nohi_dead_letter(w, t->to, message, NOH_DEAD_NOMEM);
    }
    free_record(w, t);
}

/* Onto the wheel of `w`, or it is lost by name. */
static void add_here(nohi_worker *w, nohi_timer *t)
{
    store_relaxed(&t->worker, tag_of(w)); /* read late, its DROP comes by way of its old home */
    uint32_t seen = load_seq_cst(&t->state);
    if ((seen & ORPHANED) == ORPHANED) {
        free_record(w, t);
    } else if ((seen & CANCELLED) != 0) {
        return; /* TIMER_DROP follows and frees it: TIM-4 */
    } else if (nohi_wheel_add(&w->wheel, &t->node, t->due_ns) != NOH_OK) {
        lose(w, t);
    }
}

void nohi_timer_add_here(nohi_worker *w, uint32_t number)
{
    while (number != 0) {
        nohi_timer *t = record(w->system, number);
        number = t->next_free;
        add_here(w, t);
    }
}

void nohi_timer_move_all(nohi_worker *w, nohi_message *command)
{
    uint32_t first = 0;
    nohi_wheel_node *node;
    while ((node = nohi_wheel_pop(&w->wheel, INT64_MAX)) != NULL) {
        nohi_timer *t = NOHI_CONTAINER(node, nohi_timer, node);
        t->next_free = first;
        first = t->number;
    }
    nohi_wheel_done(&w->wheel); /* its time has run to the end */
    nohi_wheel_init(&w->wheel, &w->system->env, nohi_now(w->system));
    if (first == 0) {
        nohi_message_free_block(&w->pool, command);
        return;
    }
    nohi_worker *to = nohi_system_home(w->system, 0);
    nohi_message_tag(command, NOHI_TIMER_ADD, first, command->size_class);
    nohi_worker_give_command(w, to, command);
}

bool nohi_timer_is_here(nohi_worker *w, uint32_t number)
{
    nohi_timer *t = record(w->system, number);
    return load_relaxed(&t->worker) == tag_of(w); /* ours, or an older one */
}

unsigned nohi_timer_home(nohi_worker *w, uint32_t number)
{
    return load_relaxed(&record(w->system, number)->worker) & 0xffff; /* the same */
}

/* ---- cancel ------------------------------------------------------------------------------- */

static noh_err cancel(nohi_worker *w, noh_timer timer)
{
    uint32_t number = (uint32_t)timer.bits;
    nohi_system *system = w->system;
    if (number / NOHI_TIMER_PAGE >= NOHI_TIMER_PAGES ||
        load_acquire(&system->timer_pages[number / NOHI_TIMER_PAGE]) == NULL) {
        return NOH_E_SPENT;
    }
    nohi_timer *t = record(system, number);
    uint32_t serial = (uint32_t)(timer.bits >> 32);
    uint32_t seen = serial << STATE_BITS | ARMED;
    uint32_t tag = load_relaxed(&t->worker); /* TIM-4: an old one leads there, too */
    bool here = tag == tag_of(w) || tag == NO_WHEEL;
    nohi_message *drop = here ? NULL : nohi_message_notice(&w->pool, NOHI_TIMER_DROP, number);
    uint32_t state = here || drop != NULL ? CANCELLED : ORPHANED;
    if (!cas_seq_cst(&t->state, &seen, serial << STATE_BITS | state)) { /* TIM-1 */
        if (drop != NULL) {
            nohi_message_free_block(&w->pool, drop);
        }
        return NOH_E_SPENT;
    }
    if (here) {
        nohi_timer_drop_here(w, number);
    } else if (drop != NULL) {
        nohi_worker_give_command(w, nohi_system_home(system, tag & 0xffff), drop);
    }
    return NOH_OK;
}

noh_err noh_timer_cancel(noh_self *self, noh_timer timer)
{
    if (self == NULL) {
        return NOH_E_INVAL;
    }
    return timer.bits == 0 ? NOH_E_SPENT : cancel(self->worker, timer);
}

void nohi_timer_drop_here(nohi_worker *w, uint32_t number)
{
    nohi_timer *t = record(w->system, number);
    NOHI_ASSERT(TIM_2, (load_seq_cst(&t->state) & CANCELLED) != 0); /* one drop frees it */
    nohi_wheel_remove(&w->wheel, &t->node);
    free_record(w, t);
}

void nohi_timer_done(nohi_worker *w, nohi_actor *a)
{
    nohi_timers *list = a->extra->timers;
    if (list == NULL) {
        return;
    }
    for (uint32_t i = 0; i < list->count; i++) {
        (void)cancel(w, list->entries[i]);
    }
    nohi_free(&w->system->env, list, timers_bytes(list->capacity));
    a->extra->timers = NULL;
}

static void free_record(nohi_worker *w, nohi_timer *t)
{
    if (t->message != NULL) {
        nohi_message_free(&w->pool, t->message);
        t->message = NULL;
    }
    uint32_t serial = load_relaxed(&t->state) >> STATE_BITS; /* private: CANCELLED or fired */
    store_seq_cst(&t->state, serial << STATE_BITS);
    uint32_t seen = TICK_WAITS;
    if (!cas_seq_cst(&t->tick_waits, &seen, TICK_FREES)) { /* TIM-3 */
        put_free(w, t);
    }
}

static void put_free(nohi_worker *w, nohi_timer *t)
{
    t->next_free = w->timer_free;
    w->timer_free = t->number;
    w->timers_free++;
    if (w->kind == NOHI_THREAD || w->timers_free >= RECORDS_KEPT) {
        give_back(w, (w->timers_free + 1) / 2);
    }
}

void nohi_timer_free_all(nohi_system *system)
{
    for (uint32_t page = 0; page < system->timer_page_count; page++) {
        nohi_timer *records = load_relaxed(&system->timer_pages[page]); /* private: all have left */
        for (uint32_t i = 0; i < NOHI_TIMER_PAGE; i++) {
            nohi_message *message = records[i].message;
            if (message != NULL && message->owns) {
                nohi_message_drop_content(message);
            }
            if (message != NULL && message->size_class == NOHI_POOL_LARGE) {
                nohi_pool_give_large(&system->pool, message);
            }
        }
        nohi_free(&system->env, records, NOHI_TIMER_PAGE * sizeof *records);
    }
}

/* ---- fire --------------------------------------------------------------------------------- */

int64_t nohi_timer_next(nohi_worker *w)
{
    return nohi_wheel_count(&w->wheel) == 0 ? NOH_FOREVER : nohi_wheel_next(&w->wheel);
}

void nohi_timer_fire(nohi_worker *w, int64_t now_ns)
{
    nohi_wheel_node *node;
    while ((node = nohi_wheel_pop(&w->wheel, now_ns)) != NULL) {
        fire(w, NOHI_CONTAINER(node, nohi_timer, node), now_ns);
    }
}

static void send_tick(nohi_worker *w, nohi_timer *t)
{
    if (load_acquire(&t->tick_waits) != NO_TICK || nohi_is_stopping(w->system) ||
        (load_relaxed(&t->state) & CANCELLED) != 0) {
        return; /* TIM-3 */
    }
    const nohi_message *m = t->message;
    nohi_message *tick;
    noh_err err =
        nohi_message_new(&w->pool, m->type, (const void *)(m + 1), NOHI_TICK, t->number, &tick);
    if (err != NOH_OK) {
        nohi_lease_count_sent(&w->lease);
        nohi_dead_note(w, m->from, t->to, m->type, NULL, NOH_DEAD_NOMEM);
        return;
    }
    tick->from = m->from;
    store_relaxed(&t->tick_waits, TICK_WAITS);
    (void)nohi_send_or_bury(w, t->to, tick, false);
}

static void fire(nohi_worker *w, nohi_timer *t, int64_t now_ns)
{
    uint32_t seen = load_relaxed(&t->state); /* re-checked by the cas */
    uint32_t serial = seen >> STATE_BITS;
    if ((seen & CANCELLED) != 0) {
        if ((seen & ORPHANED) == ORPHANED) {
            free_record(w, t);
        }
        return; /* else the command that frees it is on its way */
    }
    bool receiver_gone = !noh_is_alive(w->system, t->to);
    if (t->period_ns > 0 && !receiver_gone) {
        send_tick(w, t);
        int64_t missed = (now_ns - t->due_ns) / t->period_ns;
        t->due_ns = nohi_later(t->due_ns, (missed + 1) * t->period_ns);
        if (nohi_wheel_add(&w->wheel, &t->node, t->due_ns) == NOH_OK) {
            return;
        }
        nohi_log(w->system, NOH_LOG_ERROR, t->message->from, NULL, "a timer ended: no memory");
    }
    if (!cas_seq_cst(&t->state, &seen, serial << STATE_BITS)) { /* TIM-1 */
        return;
    }
    nohi_message *message = t->message;
    bool notice = !nohi_message_is_counted(message);
    if (t->period_ns == 0 && (notice || !nohi_is_stopping(w->system))) {
        t->message = NULL;
        (void)nohi_send_or_bury(w, t->to, message, notice);
    }
    free_record(w, t);
}

void nohi_timer_tick_done(nohi_worker *w, uint32_t number)
{
    nohi_timer *t = record(w->system, number);
    uint32_t seen = TICK_WAITS;
    if (!cas_seq_cst(&t->tick_waits, &seen, NO_TICK)) { /* TIM-3: the timer was over before */
        NOHI_ASSERT(TIM_3, load_acquire(&t->tick_waits) == TICK_FREES);
        store_relaxed(&t->tick_waits, NO_TICK);
        put_free(w, t);
    }
}

/* ---- idle --------------------------------------------------------------------------------- */

/* A notice for `a` itself; it has its extra part. */
static noh_err start_notice(nohi_worker *w, nohi_actor *a, nohi_message_kind kind, uint32_t number,
                            int64_t delay_ns, noh_timer *ret_timer)
{
    nohi_message *m = nohi_message_notice(&w->pool, kind, number);
    if (m == NULL) {
        return NOH_E_NOMEM;
    }
    noh_err err = reserve(w, a);
    if (err == NOH_OK) {
        err = start(w, m, nohi_actor_ref(w->slots, a), delay_ns, 0, ret_timer);
    }
    if (err != NOH_OK) {
        nohi_message_free_block(&w->pool, m);
        return err;
    }
    a->extra->timers->entries[a->extra->timers->count++] = *ret_timer;
    return NOH_OK;
}

noh_err nohi_timer_wake(nohi_worker *w, nohi_actor *a, int64_t delay_ns, uint32_t number,
                        noh_timer *ret_timer)
{
    return start_notice(w, a, NOHI_WAKE, number, delay_ns, ret_timer);
}

noh_err nohi_timer_idle(nohi_worker *w, nohi_actor *a, int64_t delay_ns)
{
    noh_timer timer;
    noh_err err = start_notice(w, a, NOHI_IDLE, a->extra->idle_incarnation, delay_ns, &timer);
    if (err == NOH_OK) {
        a->extra->idle_timer = timer;
        a->extra->idle_armed = true;
    }
    return err;
}

noh_err noh_idle_after(noh_self *self, int64_t idle_ns)
{
    if (self == NULL || idle_ns < 0) {
        return NOH_E_INVAL;
    }
    if (!self->in_handler || self->actor == NULL || nohi_actor_behavior(self->actor) == NULL) {
        return NOH_E_CONTEXT;
    }
    nohi_worker *w = self->worker;
    nohi_extra *extra = nohi_actor_extra(w, self->actor);
    if (extra == NULL) {
        return NOH_E_NOMEM;
    }
    if (extra->idle_armed) {
        (void)cancel(w, extra->idle_timer);
    }
    extra->idle_incarnation = (extra->idle_incarnation + 1) & NOHI_NUMBER_MAX;
    extra->idle_ns = 0;
    extra->idle_armed = false;
    if (!nohi_wants_stack(nohi_role_own(self->actor))) {
        self->actor->flags = (uint8_t)(self->actor->flags & ~NOHI_TIMED);
    }
    noh_err err = idle_ns == 0 ? NOH_OK : nohi_timer_idle(w, self->actor, idle_ns);
    if (err == NOH_OK && idle_ns > 0) {
        extra->idle_ns = idle_ns;
        extra->last_active_ns = nohi_now(w->system);
        self->actor->flags |= NOHI_TIMED;
    }
    return err;
}
