/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* System: one running instance, from its first thread to its last.
 *
 * Purpose     Owns everything. Starting it, stopping it within a bound, and counting what is in it.
 * Owner       Under the locks named in system.h; the rest is constant after noh_system_new.
 * Invariants  STP-1  every actor is asked to stop, also one spawned while the stop begins: a worker
 *                    that has seen the stop spawns no more; another thread says that it spawns before
 *                    it looks whether a stop has begun. When all workers have seen it, and no thread
 *                    spawns, all actors are asked once more.
 *             STP-2  memory goes when the last user has left: the owner, or a worker whose handler, or
 *                    a helper whose job held up the stop.
 *             STP-3  who waits for the stop and finds `stop_word` changed sees what the change is
 *                    about: a worker's last ends, a spawn that is over.
 * Ordering    stopper: store `stopping` seq_cst; look at `spawning` seq_cst
 *             spawner: store `spawning` seq_cst; look at `stopping` seq_cst
 *                      at least one of the two sees the other                            STP-1
 *             rester:  end, count it release; add to `stop_word` seq_cst
 *             stopper: look at `stop_word` seq_cst; count; sleep if the word is still the same  STP-3
 *             users: counted.h                                                       STP-2 */
#include "system.h"

#include "circle.h"
#include "promise.h"
#include "receive.h"
#include "timer.h"
#include "trap.h"

enum {
    ACTORS_MAX_DEFAULT = 16777216,
    MAILBOX_MAX_DEFAULT = 1048576,
    BLOCKING_MAX_DEFAULT = NOHI_LIMIT(64, 2),
    COUNTED_BELOW =
        1048576,          /* an actors_max that is kept exactly: one shared counter to count in */
    GRACE_NS = 100000000, /* for the message in hand, after NOH_STOP_NOW */
    RETRY_NS = 1000000,
    NAMED_MAX = 16, /* of those that wait and hold up a stop */
};

static noh_err start(nohi_system *system);
static noh_err start_workers(nohi_system *system);
static void close_all(nohi_system *system);
static void join_workers(nohi_system *system);
static void detach_workers(nohi_system *system);
static void destroy(nohi_system *system);
static void self_destructor(void *worker);

const char *noh_version(void)
{
    return "0.1.0";
}

/* ---- start -------------------------------------------------------------------------------- */

noh_err noh_system_new(const noh_options *options, noh_system **ret_system)
{
    noh_options o = options == NULL ? (noh_options){.size = 0} : *options;
    if (ret_system == NULL || o.workers > NOHI_WORKERS_MAX || o.stop_timeout_ns < 0 ||
        o.blocking_max > NOHI_HELPERS_MAX || o.watchdog_ns < 0 ||
        (o.size != 0 && o.size < sizeof o) || (o.env != NULL && o.env->size < sizeof *o.env)) {
        return NOH_E_INVAL;
    }
    noh_env env = o.env == NULL ? noh_env_default() : *o.env;
    nohi_system *system = nohi_alloc(&env, sizeof *system);
    if (system == NULL) {
        return NOH_E_NOMEM;
    }
    memset(system, 0, sizeof *system);
    system->env = env;
    system->options = o;
    system->options.env = &system->env;
    if (o.actors_max == 0) {
        system->options.actors_max = ACTORS_MAX_DEFAULT;
    } else if (o.actors_max > NOHI_INDEX_MASK - NOHI_THREADS_MAX) {
        system->options.actors_max = NOHI_INDEX_MASK - NOHI_THREADS_MAX;
    }
    if (o.mailbox_max == 0) {
        system->options.mailbox_max = MAILBOX_MAX_DEFAULT;
    } else if (o.mailbox_max >= NOHI_EXACT) {
        system->options.mailbox_max = NOHI_EXACT - 1; /* out of reach all the same */
    }
    if (o.stop_timeout_ns == 0) {
        system->options.stop_timeout_ns = 5 * NOH_SECOND;
    }
    if (o.blocking_max == 0) {
        system->options.blocking_max = BLOCKING_MAX_DEFAULT;
    }
    unsigned processors = env.cpu_count(env.world);
    system->spins = processors > 1;
    system->worker_count = o.workers != 0                  ? o.workers
                           : processors > NOHI_WORKERS_MAX ? NOHI_WORKERS_MAX
                                                           : processors;
    noh_err err = start(system);
    if (err != NOH_OK) {
        return err;
    }
    *ret_system = system;
    return NOH_OK;
}

/* Where actors are counted, there are slots for all of them, whoever keeps some ready. */
static noh_err init_slots(nohi_system *system)
{
    uint32_t actors_max = system->options.actors_max;
    bool counted = actors_max < COUNTED_BELOW;
    uint32_t more = counted ? NOHI_THREADS_MAX + NOHI_HOMES_MAX * NOHI_FREE_MAX_COUNTED : 0;
    noh_err err = nohi_slots_init(&system->slots, &system->env, actors_max + more);
    system->slots.tenants_max = counted ? actors_max : 0;
    return err;
}

static noh_err start(nohi_system *system)
{
    pthread_mutex_init(&system->stop_lock, NULL);
    pthread_mutex_init(&system->lock, NULL);
    pthread_mutex_init(&system->names_lock, NULL);
    pthread_mutex_init(&system->dead_lock, NULL);
    nohi_blocking_init(&system->blocking, system->options.blocking_max);
    pthread_mutex_init(&system->promises_lock, NULL);
    nohi_pool_init(&system->pool, &system->env);
    nohi_stacks_init(&system->stacks, &system->env);
    nohi_trap_begin();
    nohi_map_init(&system->names, &system->env);
    nohi_map_init(&system->by_ref, &system->env);
    nohi_counted_init(&system->users, 1);
    system->dead_window_ns = nohi_now(system);
    system->secret = system->env.random(system->env.world);
    if (system->env.step != NULL) {
        nohi_hostile_begin(system->secret);
    }
    noh_err err = init_slots(system);
    if (err == NOH_OK) {
        err = system->env.local_new(system->env.world, self_destructor, &system->selfs);
    }
    system->has_selfs = err == NOH_OK;
    if (err == NOH_OK) {
        err = start_workers(system);
    }
    if (err != NOH_OK) {
        close_all(system);
        nohi_watchdog_end(system);
        join_workers(system);
        nohi_system_release(system);
    }
    return err;
}

/* All homes exist before the first thread runs. */
static noh_err start_workers(nohi_system *system)
{
    for (unsigned i = 0; i < system->worker_count; i++) {
        nohi_worker *w;
        noh_err err = nohi_system_add_home(system, NOHI_WORKER, &w);
        if (err != NOH_OK) {
            return err;
        }
    }
    noh_err err = nohi_system_add_home(system, NOHI_THREAD, &system->root);
    if (err != NOH_OK) {
        return err;
    }
    if (system->worker_count > 1) {
        (void)system->env.barrier(system->env.world); /* the first one takes milliseconds */
    }
    for (unsigned i = 0; i < system->worker_count; i++) {
        nohi_worker *w = nohi_system_home(system, i);
        char name[16];
        snprintf(name, sizeof name, "noh-%u", i);
        nohi_counted_hold(&system->users);
        err = system->env.thread_start(system->env.world, nohi_worker_main, w, name, &w->thread);
        if (err != NOH_OK) {
            (void)nohi_counted_release(&system->users);
            w->thread = NULL;
            return err;
        }
    }
    return nohi_watchdog_start(system);
}

/* Homes keep their kind: whoever notifies one asks for it without a lock. */
static nohi_worker *home_left(nohi_system *system, nohi_worker_kind kind)
{
    uint32_t count = load_relaxed(&system->home_count); /* private: under the lock */
    for (uint32_t id = system->worker_count + 1; id < count; id++) {
        nohi_worker *w = nohi_system_home(system, id);
        if (!w->in_use && w->kind == kind) {
            return w;
        }
    }
    return NULL;
}

static noh_err new_home(nohi_system *system, nohi_worker_kind kind, nohi_worker **ret_home)
{
    uint32_t id = load_relaxed(&system->home_count); /* private: under the lock */
    if (id == NOHI_HOMES_MAX) {
        return NOH_E_LIMIT;
    }
    char *memory = nohi_alloc(&system->env, sizeof(nohi_worker) + NOHI_CACHELINE);
    if (memory == NULL) {
        return NOH_E_NOMEM;
    }
    nohi_worker *w =
        (nohi_worker *)(void *)(memory + NOHI_CACHELINE - ((uintptr_t)memory % NOHI_CACHELINE));
    memset(w, 0, sizeof *w);
    w->memory = memory;
    nohi_worker_init(w, system, id, kind);
    store_release(&system->homes[id], w);
    store_seq_cst(&system->home_count, id + 1); /* STP-1: before its first spawn */
    *ret_home = w;
    return NOH_OK;
}

noh_err nohi_system_add_home(nohi_system *system, nohi_worker_kind kind, nohi_worker **ret_home)
{
    noh_err err = NOH_OK;
    pthread_mutex_lock(&system->lock);
    bool later = load_relaxed(&system->home_count) > system->worker_count; /* than the first ones */
    bool thread = later && kind != NOHI_HELPER;
    nohi_worker *w = later ? home_left(system, kind) : NULL;
    if (thread && system->threads == NOHI_THREADS_MAX) {
        err = NOH_E_LIMIT;
    } else if (w == NULL) {
        err = new_home(system, kind, &w);
    }
    if (err == NOH_OK) {
        w->in_use = true;
        system->threads += thread;
        *ret_home = w;
    }
    pthread_mutex_unlock(&system->lock);
    return err;
}

void nohi_system_give_home(nohi_system *system, nohi_worker *home)
{
    pthread_mutex_lock(&system->lock);
    home->tenancy++;
    home->in_use = false;
    system->threads -= home->kind != NOHI_HELPER;
    pthread_mutex_unlock(&system->lock);
}

static void self_destructor(void *worker)
{
    (void)nohi_thread_leave(worker);
}

/* ---- stop --------------------------------------------------------------------------------- */

void nohi_system_note_rest(nohi_system *system)
{
    add_seq_cst(&system->stop_word, 1); /* STP-3 */
    system->env.park_wake(system->env.world, (uint32_t *)(void *)&system->stop_word);
}

void nohi_system_note_stopping(nohi_system *system)
{
    add_seq_cst(&system->stop_seen, 1); /* STP-1 */
    nohi_system_note_rest(system);
}

void nohi_system_begin_spawn(nohi_worker *w)
{
    store_seq_cst(&w->spawning, 1); /* STP-1 */
}

void nohi_system_end_spawn(nohi_worker *w)
{
    store_seq_cst(&w->spawning, 0); /* STP-1 */
    if (NOHI_UNLIKELY(nohi_is_stopping(w->system))) {
        nohi_system_note_rest(w->system);
    }
}

/* Does nobody spawn any more, and never will? After `stopping` was set. */
static bool spawns_are_over(nohi_system *system)
{
    if (load_seq_cst(&system->stop_seen) != system->worker_count) {
        return false;
    }
    uint32_t homes = load_seq_cst(&system->home_count);
    for (uint32_t id = system->worker_count; id < homes; id++) {
        if (load_seq_cst(&nohi_system_home(system, id)->spawning) != 0) { /* STP-1 */
            return false;
        }
    }
    return true;
}

/* Never too few: all ends are counted before the first birth, and each was born before it ended. */
static uint64_t alive(nohi_system *system, uint64_t *ret_spawned)
{
    uint64_t spawned = 0;
    uint64_t ended = 0;
    uint32_t homes = load_acquire(&system->home_count);
    for (uint32_t id = 0; id < homes; id++) {
        ended += load_acquire(&nohi_system_home(system, id)->counts.ended); /* bump_release */
    }
    homes = load_acquire(&system->home_count);
    for (uint32_t id = 0; id < homes; id++) {
        spawned += load_relaxed(&nohi_system_home(system, id)->counts.spawned); /* counter */
    }
    *ret_spawned = spawned;
    return spawned - ended;
}

/* Asks all that were not asked yet. False: there was no memory for some. */
static bool ask_all(nohi_system *system, noh_stop_kind kind)
{
    bool all = true;
    uint32_t limit = load_acquire(&system->slots.limit);
    for (uint32_t index = 1; index < limit; index++) {
        nohi_actor *a = nohi_slots_at(&system->slots, index);
        /* In this order: an end writes `life` first, so LIVE means this generation, or a later one.
         * Who is not seen to live yet is asked when all have seen the stop. */
        uint32_t generation = nohi_gate_generation(&a->gate);
        if (load_relaxed(&a->life) != NOHI_LIVE ||
            (load_relaxed(&a->gate.traits) & NOHI_TRAIT_THREAD)) {
            continue;
        }
        if (nohi_gate_stop_kind(&a->gate, generation) >= (int)kind) {
            continue;
        }
        noh_ref ref = {(uint64_t)generation << NOHI_INDEX_BITS | index};
        if (noh_stop(system->root->self, ref, kind) == NOH_E_NOMEM) {
            all = false;
        } else {
            (void)nohi_gate_ask_stop(&a->gate, generation, (unsigned)kind);
        }
    }
    return all;
}

/* Called with stop_lock held. */
static void tell_workers(nohi_system *system)
{
    for (unsigned id = 0; id < system->worker_count; id++) {
        nohi_worker *w = nohi_system_home(system, id);
        if (!w->stopping_sent) {
            w->stopping_sent = true;
            w->stopping = (nohi_message){.kind = NOHI_STOPPING};
            (void)nohi_inbox_push(&w->commands, &w->stopping.letter, &w->stopping.letter);
            nohi_worker_notify(system->root, w);
        }
    }
}

/* A loop that waits in a stop runs its actors meanwhile. */
static void run_host(nohi_worker *host)
{
    if (host != NULL) {
        nohi_thread_work(host);
    }
}

/* Sleeps until somebody rests, or for a short time: memory may come back, a loop may have work. */
static void wait_for_change(nohi_system *system, uint32_t word, bool poll, int64_t left_ns)
{
    system->env.park_wait(system->env.world, (uint32_t *)(void *)&system->stop_word, word,
                          poll && left_ns > RETRY_NS ? RETRY_NS : left_ns);
}

/* Waits until all actors have ended, or the time has come. */
static bool wait_for_end(nohi_system *system, nohi_worker *host, noh_stop_kind kind,
                         int64_t deadline_ns)
{
    bool asked_last = false;
    bool complete = ask_all(system, kind);
    uint64_t spawned;
    for (;;) {
        uint32_t word = load_seq_cst(&system->stop_word);
        bool over = spawns_are_over(system);
        if ((over && !asked_last) || !complete) {
            complete = ask_all(system, kind);
            asked_last = over;
        }
        run_host(host);
        if (over && alive(system, &spawned) == 0) {
            return true;
        }
        int64_t left_ns = deadline_ns - nohi_now(system);
        if (left_ns <= 0) {
            return false;
        }
        wait_for_change(system, word, !complete || host != NULL, left_ns);
    }
}

/* Host loops that still have guests: whoever owns the loop did not run it. */
static void name_idle_loops(nohi_system *system)
{
    uint32_t limit = load_acquire(&system->slots.limit);
    for (uint32_t index = 1; index < limit; index++) {
        nohi_actor *a = nohi_slots_at(&system->slots, index);
        unsigned id = nohi_gate_home(&a->gate);
        if (load_relaxed(&a->life) != NOHI_LIVE || id == NOHI_DEPOT || /* counter */
            nohi_system_home(system, id)->kind != NOHI_HOST ||
            (load_relaxed(&a->gate.traits) & NOHI_TRAIT_THREAD)) {
            continue;
        }
        nohi_log(system, NOH_LOG_ERROR, nohi_actor_ref(&system->slots, a), NULL,
                 "holds up the stop: it lives on a host loop that does not run");
    }
}

/* Handlers that wait, the first of them. */
static void name_waits(nohi_system *system)
{
    static const char *const whys[] = {[NOH_WAIT_FOR_ANSWER] = "an answer to ",
                                       [NOH_WAIT_FOR_MESSAGE] = "a message ",
                                       [NOH_WAIT_FOR_WORK] = "blocking work",
                                       [NOH_WAIT_FOR_TIME] = "some time",
                                       [NOH_WAIT_FOR_END] = "an end"};
    noh_wait waits[NAMED_MAX];
    size_t count = 0;
    (void)noh_stuck(system, 0, waits, NAMED_MAX, &count);
    for (size_t i = 0; i < count && i < NAMED_MAX; i++) {
        const noh_wait *wait = &waits[i];
        char on[40] = "";
        if (!noh_ref_is_none(wait->on)) {
            snprintf(on, sizeof on, " of <%u.%u>", nohi_ref_index(wait->on),
                     nohi_ref_generation(wait->on));
        }
        nohi_log(system, NOH_LOG_ERROR, wait->actor, NULL,
                 "holds up the stop: %s waits for %s%s%s for %lld ms", wait->behavior,
                 whys[wait->why], wait->message, on, (long long)(wait->for_ns / NOH_MS));
    }
}

static void name_holders(nohi_system *system, int64_t since_ns)
{
    uint64_t spawned;
    uint64_t left = alive(system, &spawned);
    uint32_t homes = load_acquire(&system->home_count);
    for (unsigned id = 0; id < homes; id++) {
        nohi_worker *w = nohi_system_home(system, id);
        uint32_t index = nohi_lease_turn(&w->lease);
        if (index == 0) {
            continue;
        }
        nohi_actor *a = nohi_slots_at(&system->slots, index);
        const noh_type *type = load_relaxed(&w->running_type);
        nohi_log(system, NOH_LOG_ERROR, nohi_actor_ref(&system->slots, a), nohi_actor_behavior(a),
                 "holds up the stop: in the handler of %s for at least %lld ms",
                 type == NULL ? "a notice" : type->name,
                 (long long)((nohi_now(system) - since_ns) / NOH_MS));
    }
    nohi_blocking_name_holders(system);
    name_idle_loops(system);
    name_waits(system);
    nohi_log(system, NOH_LOG_ERROR, NOH_NO_REF, NULL, "%llu actors have not ended",
             (unsigned long long)left);
}

/* May this thread wait for the actors? Its own self, if it has one, in *ret_own. */
static bool may_wait(nohi_system *system, nohi_worker **ret_own)
{
    *ret_own = nohi_thread_here(system);
    return *ret_own == NULL || ((*ret_own)->kind != NOHI_WORKER && !(*ret_own)->self->in_handler);
}

/* One stop at a time; false: another one is still at it when the time has come. */
static bool begin_stop(nohi_system *system, nohi_worker *host, int64_t deadline_ns)
{
    for (;;) {
        uint32_t word = load_seq_cst(&system->stop_word); /* before the look: end_stop changes it */
        if (pthread_mutex_trylock(&system->stop_lock) == 0) {
            return true;
        }
        int64_t left_ns = deadline_ns - nohi_now(system);
        if (left_ns <= 0) {
            return false;
        }
        run_host(host);
        wait_for_change(system, word, host != NULL, left_ns);
    }
}

static void end_stop(nohi_system *system, nohi_worker *host)
{
    pthread_mutex_unlock(&system->stop_lock);
    nohi_system_note_rest(system);
    if (host != NULL) {
        host->host_wake(host->host_ctx); /* its guests may have work left */
    }
}

noh_err noh_system_stop(noh_system *system, int64_t timeout_ns)
{
    nohi_worker *own;
    if (system == NULL || timeout_ns < 0) {
        return NOH_E_INVAL;
    }
    if (!may_wait(system, &own)) {
        return NOH_E_CONTEXT;
    }
    nohi_worker *host = own != NULL && own->kind == NOHI_HOST ? own : NULL;
    int64_t now_ns = nohi_now(system);
    int64_t deadline_ns = nohi_later(now_ns, timeout_ns);
    if (!begin_stop(system, host, deadline_ns)) {
        return NOH_E_HELD_UP;
    }
    store_seq_cst(&system->stopping, 1); /* STP-1 */
    tell_workers(system);
    bool ended = wait_for_end(system, host, NOH_STOP_DRAIN, deadline_ns) ||
                 wait_for_end(system, host, NOH_STOP_NOW, nohi_later(nohi_now(system), GRACE_NS));
    if (!ended) {
        name_holders(system, now_ns);
    }
    end_stop(system, host);
    return ended ? NOH_OK : NOH_E_HELD_UP;
}

/* ---- free --------------------------------------------------------------------------------- */

noh_err noh_system_free(noh_system *system)
{
    nohi_worker *own;
    if (system == NULL) {
        return NOH_OK;
    }
    if (!may_wait(system, &own)) {
        return NOH_E_CONTEXT;
    }
    noh_err err = noh_system_stop(system, system->options.stop_timeout_ns);
    close_all(system);
    nohi_blocking_close(system, err == NOH_OK);
    nohi_watchdog_end(system);
    if (err == NOH_OK) {
        join_workers(system);
    } else {
        detach_workers(system);
    }
    nohi_system_release(system);
    return err;
}

/* Those that were started. */
static void join_workers(nohi_system *system)
{
    uint32_t homes = load_acquire(&system->home_count);
    for (uint32_t id = 0; id < homes && id < system->worker_count; id++) {
        nohi_worker *w = nohi_system_home(system, id);
        if (w->thread != NULL) {
            system->env.thread_join(system->env.world, w->thread);
            w->thread = NULL;
        }
    }
}

static void detach_workers(nohi_system *system)
{
    for (unsigned id = 0; id < system->worker_count; id++) {
        nohi_worker *w = nohi_system_home(system, id);
        system->env.thread_detach(system->env.world, w->thread);
        w->thread = NULL;
    }
}

/* Workers leave when their turn ends; the selfs of threads are dead. */
static void close_all(nohi_system *system)
{
    store_seq_cst(&system->stopping, 1);
    store_seq_cst(&system->closing, 1);
    uint32_t homes = load_acquire(&system->home_count);
    for (uint32_t id = 0; id < homes && id < system->worker_count; id++) {
        nohi_worker_notify(nohi_system_home(system, id), nohi_system_home(system, id));
    }
    pthread_mutex_lock(&system->lock);
    if (system->has_selfs) {
        system->env.local_free(system->env.world, system->selfs);
        system->has_selfs = false;
    }
    pthread_mutex_unlock(&system->lock);
}

void nohi_system_release(nohi_system *system)
{
    if (nohi_counted_release(&system->users)) { /* STP-2 */
        destroy(system);
    }
}

/* Alone now: ends what is left, so that nothing a message owns is forgotten. */
static void bury_the_rest(nohi_system *system)
{
    uint32_t homes = load_acquire(&system->home_count);
    for (uint32_t id = system->worker_count + 1; id < homes; id++) {
        nohi_worker *w = nohi_system_home(system, id);
        if (w->in_use && w->self->actor != NULL) {
            (void)nohi_thread_leave(w);
        }
    }
    uint32_t limit = load_acquire(&system->slots.limit);
    for (uint32_t index = 1; index < limit; index++) {
        nohi_actor *a = nohi_slots_at(&system->slots, index);
        nohi_worker *w = nohi_system_home(system, 0);
        w->self->ref = nohi_actor_ref(&system->slots, a);
        nohi_gate_move(&a->gate, 0);
        a->flags |= NOHI_SIGNALED; /* nobody else looks at inboxes any more */
        if (load_relaxed(&a->life) == NOHI_LIVE) {
            nohi_actor_end_rest(w, a, &(noh_exit){.kind = NOH_EXIT_KILLED});
        } else {
            nohi_receive_bury(w, a);
        }
    }
}

static void destroy(nohi_system *system)
{
    uint32_t homes = load_acquire(&system->home_count);
    if (homes > 0) {
        NOHI_CHECK(ACT_1, nohi_system_check(system, false) == NULL);
        bury_the_rest(system);
    }
    nohi_timer_free_all(system);
    nohi_seat_done(system);
    nohi_map_done(&system->names);
    nohi_map_done(&system->by_ref);
    for (uint32_t id = 0; id < homes; id++) {
        nohi_worker *w = nohi_system_home(system, id);
        nohi_worker_done(w);
        nohi_free(&system->env, w->memory, sizeof *w + NOHI_CACHELINE);
    }
    nohi_pool_done(&system->pool);
    nohi_stacks_done(&system->stacks);
    nohi_trap_end();
    nohi_slots_done(&system->slots);
    nohi_blocking_done(&system->blocking);
    pthread_mutex_destroy(&system->stop_lock);
    pthread_mutex_destroy(&system->lock);
    pthread_mutex_destroy(&system->names_lock);
    pthread_mutex_destroy(&system->dead_lock);
    nohi_promise_free_all(system);
    noh_env env = system->env;
    nohi_free(&env, system, sizeof *system);
}

/* ---- what there is ------------------------------------------------------------------------ */

int64_t noh_now(noh_system *system)
{
    return system == NULL ? 0 : nohi_now(system);
}

noh_err noh_ledger_read(noh_system *system, noh_ledger *ret_ledger)
{
    if (system == NULL || ret_ledger == NULL) {
        return NOH_E_INVAL;
    }
    noh_ledger ledger = {.sent = 0};
    uint32_t homes = load_acquire(&system->home_count);
    for (uint32_t id = 0; id < homes; id++) {
        nohi_worker *w = nohi_system_home(system, id);
        ledger.sent += nohi_worker_sent(w);
        ledger.handled += load_relaxed(&w->counts.handled);
        ledger.queued += (uint64_t)(int64_t)(int32_t)load_relaxed(&w->answers_waiting);
        ledger.queued += load_relaxed(&w->in_hand);
        for (unsigned reason = 0; reason < NOH_DEAD_REASONS; reason++) {
            ledger.dead[reason] += load_relaxed(&w->counts.dead[reason]);
        }
    }
    uint32_t limit = load_acquire(&system->slots.limit);
    for (uint32_t index = 1; index < limit; index++) {
        nohi_actor *a = nohi_slots_at(&system->slots, index);
        ledger.queued += load_relaxed(&a->gate.inbox_len);
        ledger.queued += nohi_actor_is_exact(a) ? 0 : load_relaxed(&a->len); /* SND-3 */
    }
    *ret_ledger = ledger;
    return NOH_OK;
}

uint64_t noh_ledger_dead(const noh_ledger *ledger)
{
    uint64_t sum = 0;
    for (unsigned reason = 0; ledger != NULL && reason < NOH_DEAD_REASONS; reason++) {
        sum += ledger->dead[reason];
    }
    return sum;
}

noh_err noh_system_stats(noh_system *system, noh_stats *ret_stats)
{
    if (system == NULL || ret_stats == NULL) {
        return NOH_E_INVAL;
    }
    noh_stats stats = {.workers = system->worker_count,
                       .long_handlers = load_relaxed(&system->watchdog.reports)}; /* counter */
    stats.actors = alive(system, &stats.spawned);
    pthread_mutex_lock(&system->lock);
    stats.threads = system->threads;
    pthread_mutex_unlock(&system->lock);
    pthread_mutex_lock(&system->names_lock);
    stats.names = nohi_map_count(&system->names);
    pthread_mutex_unlock(&system->names_lock);
    nohi_blocking_count(system, &stats.blocking_threads, &stats.blocking_queued);
    *ret_stats = stats;
    return NOH_OK;
}
