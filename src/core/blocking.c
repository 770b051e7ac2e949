/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Blocking: see blocking.h. */
#include "blocking.h"

#include "overflow.h"
#include "send.h"
#include "strand.h"
#include "system.h"

#include <errno.h>

static const int64_t IDLE_NS = NOHI_LIMIT(10 * NOH_SECOND, NOH_MS);

/* On the stack of the handler that waits for it. */
struct nohi_job {
    noh_err (*fn)(void *arg);
    void *arg;
    noh_err result;
    int error;            /* fn's errno */
    nohi_message *notice; /* BLK-2 */
    nohi_job *next;       /* queued */
    nohi_job *before;
    bool is_queued; /* under the lock */
    /* for the stop report */
    noh_ref actor;
    const noh_behavior *behavior;
    const noh_type *type; /* of the message in hand */
    int64_t began_ns;
};

void nohi_blocking_init(nohi_blocking *pool, unsigned helpers_max)
{
    *pool = (nohi_blocking){.helpers_max = helpers_max};
    pthread_mutex_init(&pool->lock, NULL);
}

void nohi_blocking_done(nohi_blocking *pool)
{
    pthread_mutex_destroy(&pool->lock);
}

/* ---- the queue, under the lock ------------------------------------------------------------ */

static void enqueue(nohi_blocking *pool, nohi_job *job)
{
    job->is_queued = true;
    job->next = NULL;
    job->before = pool->last;
    *(pool->last == NULL ? &pool->first : &pool->last->next) = job;
    pool->last = job;
    pool->queued++;
}

static void unlink_job(nohi_blocking *pool, nohi_job *job)
{
    *(job->before == NULL ? &pool->first : &job->before->next) = job->next;
    *(job->next == NULL ? &pool->last : &job->next->before) = job->before;
    job->is_queued = false;
    pool->queued--;
}

/* ---- helpers ------------------------------------------------------------------------------ */

/* Under the lock, as below. */
static void assign(nohi_worker *h, nohi_job *job)
{
    job->began_ns = nohi_now(h->system);
    h->job = job;
}

/* The next job, or idleness. */
static void take_next(nohi_worker *h)
{
    nohi_blocking *pool = &h->system->blocking;
    pthread_mutex_lock(&pool->lock);
    nohi_job *job = pool->closing ? NULL : pool->first;
    if (job != NULL) {
        unlink_job(pool, job);
        assign(h, job);
    } else {
        h->job = NULL;
        h->idle_until_ns = nohi_later(nohi_now(h->system), IDLE_NS);
        h->next_idle = pool->idle;
        pool->idle = h;
    }
    pthread_mutex_unlock(&pool->lock);
}

static void run_job(nohi_worker *h)
{
    nohi_job *job = h->job;
    errno = 0;
    job->result = job->fn(job->arg);
    job->error = errno;
    nohi_thread_drop_self(h->system); /* of what it told, nothing comes after its end */
    noh_ref actor = job->actor;
    nohi_message *notice = job->notice;
    take_next(h); /* first: an actor that has another job finds us idle */
    noh_err err = nohi_send(h, actor, notice, true);
    NOHI_ASSERT(BLK_1, err == NOH_OK); /* it waits */
}

/* Sleeps until there is a job. False: none came for long, or none will. Locked. */
static bool wait_for_job(nohi_worker *h)
{
    const noh_env *env = &h->system->env;
    nohi_blocking *pool = &h->system->blocking;
    while (h->job == NULL) {
        int64_t left_ns = h->idle_until_ns - nohi_now(h->system);
        if (pool->closing || left_ns <= 0) {
            return false;
        }
        nohi_park_announce(&h->park);
        pthread_mutex_unlock(&pool->lock);
        nohi_park_wait(&h->park, env, left_ns);
        nohi_park_leave(&h->park, env);
        pthread_mutex_lock(&pool->lock);
    }
    return true;
}

static bool has_job(nohi_worker *h)
{
    nohi_blocking *pool = &h->system->blocking;
    pthread_mutex_lock(&pool->lock);
    bool has = wait_for_job(h);
    if (!has) {
        nohi_worker **link = &pool->idle;
        while (*link != h) {
            link = &(*link)->next_idle;
        }
        *link = h->next_idle;
        pool->helpers--;
    }
    pthread_mutex_unlock(&pool->lock);
    return has;
}

/* BLK-4. Not when the pool closes: then who closes it sees to all. */
static void join_who_ended_before(nohi_worker *h)
{
    nohi_system *system = h->system;
    nohi_blocking *pool = &system->blocking;
    nohi_worker *before = NULL;
    void *thread = NULL;
    pthread_mutex_lock(&pool->lock);
    if (!pool->closing) {
        before = pool->ended;
        pool->ended = h;
    }
    if (before != NULL) {
        thread = before->thread;
        before->thread = NULL;
    }
    pthread_mutex_unlock(&pool->lock);
    if (before != NULL) {
        system->env.thread_join(system->env.world, thread);
        nohi_system_give_home(system, before);
    }
}

static void helper_main(void *home)
{
    nohi_worker *h = home;
    nohi_system *system = h->system;
    do {
        run_job(h);
    } while (has_job(h));
    join_who_ended_before(h);
    nohi_system_release(system);
}

/* One more, for that job. Under the lock, so that it does not end before its handle is known. */
static noh_err start_helper(nohi_system *system, nohi_job *job)
{
    nohi_worker *h;
    noh_err err = nohi_system_add_home(system, NOHI_HELPER, &h);
    if (err != NOH_OK) {
        return err;
    }
    assign(h, job);
    nohi_counted_hold(&system->users);
    err = system->env.thread_start(system->env.world, helper_main, h, "noh-blocking", &h->thread);
    if (err != NOH_OK) {
        (void)nohi_counted_release(&system->users); /* not the last: its worker is one */
        h->job = NULL;
        h->thread = NULL;
        nohi_system_give_home(system, h);
        return err;
    }
    system->blocking.helpers++;
    return NOH_OK;
}

static void wake(nohi_worker *h)
{
    if (nohi_park_claim(&h->park) == NOHI_DUTY_WAKE) {
        nohi_park_wake(&h->park, &h->system->env);
    }
}

/* ---- jobs --------------------------------------------------------------------------------- */

/* To who was idle last, else to a new one, else into the queue. */
static noh_err submit(nohi_system *system, nohi_job *job)
{
    nohi_blocking *pool = &system->blocking;
    noh_err err = NOH_OK;
    pthread_mutex_lock(&pool->lock);
    nohi_worker *h = pool->idle;
    if (pool->closing) {
        err = NOH_E_STOPPED;
    } else if (h != NULL) {
        pool->idle = h->next_idle;
        assign(h, job);
        wake(h);
    } else {
        err = pool->helpers < pool->helpers_max ? start_helper(system, job) : NOH_E_LIMIT;
        if (err != NOH_OK && pool->helpers > 0) { /* BLK-3 */
            enqueue(pool, job);
            err = NOH_OK;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return err;
}

bool nohi_blocking_cancel(nohi_worker *w, nohi_job *job)
{
    nohi_blocking *pool = &w->system->blocking;
    pthread_mutex_lock(&pool->lock);
    bool was_queued = job->is_queued;
    if (was_queued) {
        unlink_job(pool, job);
    }
    pthread_mutex_unlock(&pool->lock);
    if (was_queued) {
        nohi_message_free_block(&w->pool, job->notice);
    }
    return was_queued;
}

/* Apart, so that the address of errno is taken on the thread that the handler goes on on. */
static NOHI_NOINLINE void set_errno(int error)
{
    errno = error;
}

static noh_err run_and_wait(noh_self *self, nohi_job *job)
{
    nohi_worker *w = self->worker;
    nohi_wait wait = {.kind = NOHI_WAIT_WAKE, .job = job, .wake = nohi_strand_wake_number(self)};
    job->notice = wait.wake == 0 ? NULL : nohi_message_notice(&w->pool, NOHI_WAKE, wait.wake);
    if (job->notice == NULL) {
        return NOH_E_NOMEM;
    }
    nohi_send_flush(w); /* SND-2: the function may tell others, too */
    noh_err err = submit(w->system, job);
    if (err != NOH_OK) {
        nohi_message_free_block(&w->pool, job->notice);
        return err;
    }
    err = nohi_strand_wait(self, &wait, NOH_FOREVER);
    if (err != NOH_OK) {
        return err;
    }
    set_errno(job->error);
    return job->result;
}

static noh_err block_in_handler(noh_self *self, noh_err (*fn)(void *arg), void *arg)
{
    nohi_actor *a = self->actor;
    noh_err err = nohi_strand_may_wait(self);
    if (err != NOH_OK) {
        return err;
    }
    nohi_overflow_poll(self); /* while nothing uses its stack */
    if (nohi_gate_stop_kind(&a->gate, nohi_gate_generation(&a->gate)) >= (int)NOH_STOP_NOW) {
        nohi_wait turn = {.kind = NOHI_WAIT_TURN};
        return nohi_strand_wait(self, &turn, 0); /* STOPPED; who is killed stays there */
    }
    nohi_job job = {.fn = fn,
                    .arg = arg,
                    .actor = self->ref,
                    .behavior = nohi_actor_behavior(a),
                    .type = self->message == NULL ? NULL : self->message->type};
    return run_and_wait(self, &job);
}

noh_err noh_blocking(noh_self *self, noh_err (*fn)(void *arg), void *arg)
{
    if (self == NULL || fn == NULL) {
        return NOH_E_INVAL;
    }
    if (!nohi_self_may_wait(self) || self->bound) {
        return NOH_E_CONTEXT;
    }
    return self->in_handler ? block_in_handler(self, fn, arg) : fn(arg);
}

/* ---- the system --------------------------------------------------------------------------- */

/* The helpers' homes, one after the other; `*id` is 0 at first. NULL: no more. */
static nohi_worker *next_home(nohi_system *system, uint32_t *id)
{
    uint32_t homes = load_acquire(&system->home_count);
    *id = *id == 0 ? system->worker_count : *id;
    while (++*id < homes) {
        nohi_worker *h = nohi_system_home(system, *id);
        if (h->kind == NOHI_HELPER) {
            return h;
        }
    }
    return NULL;
}

void nohi_blocking_name_holders(nohi_system *system)
{
    nohi_worker *h;
    uint32_t id = 0;
    pthread_mutex_lock(&system->blocking.lock);
    while ((h = next_home(system, &id)) != NULL) {
        const nohi_job *job = h->job;
        if (job != NULL) {
            nohi_log(system, NOH_LOG_ERROR, job->actor, job->behavior,
                     "holds up the stop: in blocking work of the handler of %s for %lld ms",
                     job->type == NULL ? "a notice" : job->type->name,
                     (long long)((nohi_now(system) - job->began_ns) / NOH_MS));
        }
    }
    pthread_mutex_unlock(&system->blocking.lock);
}

void nohi_blocking_close(nohi_system *system, bool join)
{
    const noh_env *env = &system->env;
    nohi_blocking *pool = &system->blocking;
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    for (nohi_worker *h = pool->idle; h != NULL; h = h->next_idle) {
        wake(h);
    }
    pthread_mutex_unlock(&pool->lock);
    nohi_worker *h;
    uint32_t id = 0;
    while ((h = next_home(system, &id)) != NULL) { /* none is started or joined any more */
        if (h->thread != NULL) {
            (join ? env->thread_join : env->thread_detach)(env->world, h->thread);
            h->thread = NULL;
        }
    }
}

void nohi_blocking_count(nohi_system *system, unsigned *ret_helpers, unsigned *ret_queued)
{
    nohi_blocking *pool = &system->blocking;
    pthread_mutex_lock(&pool->lock);
    *ret_helpers = pool->helpers;
    *ret_queued = pool->queued;
    pthread_mutex_unlock(&pool->lock);
}
