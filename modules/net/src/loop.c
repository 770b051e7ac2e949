/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Loop: a libuv loop and the actors that live on its thread.
 *
 * Purpose     libuv waits for descriptors, timers and signals; the runtime says when it has work
 *             and how long it may sleep. Both meet in one place, the prepare callback, which libuv
 *             calls right before it blocks: run the actors, ask the sources, then set how long to
 *             block. A turn does so once more at its end.
 * Owner       Everything belongs to the loop's thread, except `wake` and `stop`: uv_async_send is
 *             the one call of libuv that other threads may make.
 * Invariants  NET-1  libuv blocks only after noh_host_run said that nothing is runnable and every
 *                    source said no.
 *             NET-2  a wake that comes later than that ends the blocking, since it writes to the
 *                    descriptor that libuv waits for.
 * Why not     a uv_check as well: what a callback gives an actor to do is done in the next prepare,
 *             which comes before the next wait; running actors after each wait too would only look
 *             twice. Nor one uv_timer per actor timer: the runtime has a wheel, and libuv's timers
 *             are a heap of milliseconds. */
#include <noh/net.h>

#include <limits.h>
#include <stdlib.h>
#include <uv.h>

/* How often sources and actors may keep each other busy before libuv looks at the other
 * descriptors: with a pass of some 100 us, these wait 1 to 2 ms at most. */
enum { ROUNDS_MAX = 16 };

enum { SIGNALS = 2 };

struct noh_source {
    noh_source *next;
    noh_loop *loop;
    noh_source_fn fn;
    void *ctx;
    uv_poll_t poll; /* only with a descriptor */
    bool has_poll;
    bool readable; /* since fn was called last */
};

struct noh_loop {
    /* any thread */
    uv_async_t wake;
    uv_async_t stop;
    /* the loop's thread */
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_idle_t idle;   /* active: do not block */
    uv_timer_t timer; /* the runtime's next timer */
    uv_timer_t limit; /* the end of a turn */
    uv_signal_t signals[SIGNALS];
    noh_self *self;
    noh_source *sources;
    uint64_t timer_at_ms; /* when `timer` fires; UINT64_MAX: it does not */
    bool in_run;
    bool in_turn; /* which ends when something was handled */
    bool stopped;
};

/* The loop that runs on this thread. A wake from here is not needed: prepare comes before libuv
 * blocks. */
static _Thread_local const noh_loop *loop_here;

static void wake(void *ctx);
static void on_wake(uv_async_t *handle);
static void on_stop(uv_async_t *handle);
static void on_prepare(uv_prepare_t *handle);
static void on_idle(uv_idle_t *handle);
static void on_timer(uv_timer_t *handle);
static void on_signal(uv_signal_t *handle, int number);
static void stop_signals(noh_loop *loop);
static void on_poll(uv_poll_t *handle, int status, int events);
static void on_source_closed(uv_handle_t *handle);
static void close_handle(uv_handle_t *handle, void *arg);
static noh_err open_handles(noh_loop *loop);
static void close_handles(noh_loop *loop);
static int64_t serve(noh_loop *loop);
static bool ask_sources(noh_loop *loop);
static void plan_sleep(noh_loop *loop, int64_t sleep_ns);
static uint64_t ms_up(int64_t ns);

noh_err noh_loop_new(noh_system *system, noh_loop **ret_loop)
{
    if (system == NULL || ret_loop == NULL) {
        return NOH_E_INVAL;
    }
    noh_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL) {
        return NOH_E_NOMEM;
    }
    int status = uv_loop_init(&loop->uv);
    if (status != 0) {
        free(loop);
        return status == UV_ENOMEM ? NOH_E_NOMEM : NOH_E_OS;
    }
    noh_err err = open_handles(loop);
    if (err == NOH_OK) {
        err = noh_host_new(system, wake, loop, &loop->self);
    }
    if (err != NOH_OK) {
        close_handles(loop);
        free(loop);
        return err;
    }
    *ret_loop = loop;
    return NOH_OK;
}

noh_err noh_loop_free(noh_loop *loop)
{
    if (loop == NULL) {
        return NOH_OK;
    }
    if (loop->in_run) {
        return NOH_E_CONTEXT;
    }
    noh_host_free(loop->self);
    while (loop->sources != NULL) {
        noh_source_remove(loop->sources);
    }
    close_handles(loop);
    free(loop);
    return NOH_OK;
}

noh_self *noh_loop_self(const noh_loop *loop)
{
    return loop == NULL ? NULL : loop->self;
}

void *noh_loop_uv(const noh_loop *loop)
{
    return loop == NULL ? NULL : (void *)(uintptr_t)&loop->uv;
}

static void run(noh_loop *loop, uv_run_mode mode)
{
    const noh_loop *outer = loop_here; /* of another system, whose callback runs us */
    loop_here = loop;
    loop->in_run = true;
    loop->in_turn = mode != UV_RUN_DEFAULT;
    uv_run(&loop->uv, mode);
    if (loop->in_turn) {
        (void)serve(loop); /* what the turn waited for; the next one would then sleep */
    }
    loop->in_run = false;
    loop_here = outer;
}

noh_err noh_loop_run(noh_loop *loop)
{
    if (loop == NULL) {
        return NOH_E_INVAL;
    }
    if (loop->in_run) {
        return NOH_E_CONTEXT;
    }
    while (!loop->stopped) { /* again when a handle of the caller ended the run */
        run(loop, UV_RUN_DEFAULT);
    }
    loop->stopped = false;
    return NOH_OK;
}

noh_err noh_loop_turn(noh_loop *loop, int64_t timeout_ns)
{
    if (loop == NULL || timeout_ns < 0) {
        return NOH_E_INVAL;
    }
    if (loop->in_run) {
        return NOH_E_CONTEXT;
    }
    if (timeout_ns == 0) {
        run(loop, UV_RUN_NOWAIT);
        return NOH_OK;
    }
    if (timeout_ns != NOH_FOREVER) {
        uv_update_time(&loop->uv);
        uv_timer_start(&loop->limit, on_timer, ms_up(timeout_ns), 0);
    }
    run(loop, UV_RUN_ONCE);
    uv_timer_stop(&loop->limit);
    return NOH_OK;
}

void noh_loop_stop(noh_loop *loop)
{
    if (loop != NULL) {
        uv_async_send(&loop->stop);
    }
}

noh_err noh_loop_stop_on_signals(noh_loop *loop)
{
    static const int numbers[SIGNALS] = {SIGINT, SIGTERM};

    if (loop == NULL) {
        return NOH_E_INVAL;
    }
    for (int i = 0; i < SIGNALS; i++) {
        if (uv_signal_start(&loop->signals[i], on_signal, numbers[i]) != 0) {
            stop_signals(loop);
            return NOH_E_OS;
        }
    }
    return NOH_OK;
}

noh_err noh_source_add(noh_loop *loop, int fd, noh_source_fn fn, void *ctx, noh_source **ret_source)
{
    if (loop == NULL || fn == NULL || ret_source == NULL) {
        return NOH_E_INVAL;
    }
    noh_source *source = calloc(1, sizeof *source);
    if (source == NULL) {
        return NOH_E_NOMEM;
    }
    source->loop = loop;
    source->fn = fn;
    source->ctx = ctx;
    if (fd >= 0) {
        if (uv_poll_init(&loop->uv, &source->poll, fd) != 0) {
            free(source);
            return NOH_E_OS;
        }
        source->has_poll = true;
        source->poll.data = source;
        if (uv_poll_start(&source->poll, UV_READABLE, on_poll) != 0) {
            uv_close((uv_handle_t *)&source->poll, on_source_closed);
            return NOH_E_OS;
        }
    }
    source->next = loop->sources;
    loop->sources = source;
    *ret_source = source;
    return NOH_OK;
}

void noh_source_remove(noh_source *source)
{
    if (source == NULL) {
        return;
    }
    noh_source **link = &source->loop->sources;
    while (*link != source) {
        link = &(*link)->next;
    }
    *link = source->next;
    if (source->has_poll) {
        uv_close((uv_handle_t *)&source->poll, on_source_closed);
    } else {
        free(source);
    }
}

static noh_err open_handles(noh_loop *loop)
{
    if (uv_async_init(&loop->uv, &loop->wake, on_wake) != 0 ||
        uv_async_init(&loop->uv, &loop->stop, on_stop) != 0) {
        return NOH_E_OS;
    }
    for (int i = 0; i < SIGNALS; i++) {
        if (uv_signal_init(&loop->uv, &loop->signals[i]) != 0) {
            return NOH_E_OS;
        }
        loop->signals[i].data = loop;
    }
    uv_prepare_init(&loop->uv, &loop->prepare);
    uv_idle_init(&loop->uv, &loop->idle);
    uv_timer_init(&loop->uv, &loop->timer);
    uv_timer_init(&loop->uv, &loop->limit);
    loop->stop.data = loop;
    loop->prepare.data = loop;
    loop->timer.data = loop;
    loop->timer_at_ms = UINT64_MAX;
    /* Started first and therefore called last: it sees what the caller's prepare handles send. */
    uv_prepare_start(&loop->prepare, on_prepare);
    return NOH_OK;
}

static void close_handles(noh_loop *loop)
{
    uv_walk(&loop->uv, close_handle, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    uv_loop_close(&loop->uv);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

static void on_source_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* Called by the runtime, on any thread. */
static void wake(void *ctx)
{
    noh_loop *loop = ctx;
    if (loop_here != loop) {
        uv_async_send(&loop->wake);
    }
}

static void on_wake(uv_async_t *handle)
{
    (void)handle; /* libuv stopped waiting, which is all we want; prepare does the work */
}

static void on_stop(uv_async_t *handle)
{
    noh_loop *loop = handle->data;
    loop->stopped = true;
    uv_stop(&loop->uv);
}

static void on_idle(uv_idle_t *handle)
{
    (void)handle;
}

static void on_timer(uv_timer_t *handle)
{
    noh_loop *loop = handle->data;
    if (loop != NULL) { /* `limit` has none */
        loop->timer_at_ms = UINT64_MAX;
    }
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    noh_loop *loop = handle->data;
    stop_signals(loop);
    on_stop(&loop->stop);
}

static void stop_signals(noh_loop *loop)
{
    for (int i = 0; i < SIGNALS; i++) {
        uv_signal_stop(&loop->signals[i]);
    }
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    (void)status; /* the source's library finds out what is wrong */
    (void)events;
    noh_source *source = handle->data;
    source->readable = true;
}

/* [NET-1] */
static void on_prepare(uv_prepare_t *handle)
{
    noh_loop *loop = handle->data;
    uint64_t seen = noh_host_seen(loop->self);
    int64_t sleep_ns = serve(loop);
    bool news = loop->in_turn && noh_host_seen(loop->self) != seen;
    plan_sleep(loop, news ? 0 : sleep_ns);
}

/* Runs actors and sources. How long the loop may sleep then. */
static int64_t serve(noh_loop *loop)
{
    int64_t sleep_ns = noh_host_run(loop->self);
    for (int round = 0; sleep_ns != 0 && ask_sources(loop); round++) {
        sleep_ns = round < ROUNDS_MAX ? noh_host_run(loop->self) : 0;
    }
    return sleep_ns;
}

static bool ask_sources(noh_loop *loop)
{
    bool made_work = false;
    noh_source *next;
    for (noh_source *source = loop->sources; source != NULL; source = next) {
        next = source->next; /* it may remove itself */
        bool readable = source->readable;
        source->readable = false;
        made_work |= source->fn(source->ctx, readable);
    }
    return made_work;
}

static void plan_sleep(noh_loop *loop, int64_t sleep_ns)
{
    if (sleep_ns == 0) {
        uv_idle_start(&loop->idle, on_idle); /* nothing when it is active */
        return;
    }
    uv_idle_stop(&loop->idle);
    if (sleep_ns == NOH_FOREVER) {
        if (loop->timer_at_ms != UINT64_MAX) {
            loop->timer_at_ms = UINT64_MAX;
            uv_timer_stop(&loop->timer);
        }
        return;
    }
    uint64_t wait_ms = ms_up(sleep_ns);
    uint64_t at_ms = uv_now(&loop->uv) + wait_ms;
    /* The same time seen from two turns differs by the rounding. A timer that fires 1 ms early is
     * set again; setting it at each turn would cost more. */
    if (loop->timer_at_ms <= at_ms && at_ms - loop->timer_at_ms <= 1) {
        return;
    }
    loop->timer_at_ms = at_ms;
    uv_timer_start(&loop->timer, on_timer, wait_ms, 0);
}

static uint64_t ms_up(int64_t ns)
{
    return ((uint64_t)ns + (uint64_t)NOH_MS - 1) / (uint64_t)NOH_MS;
}
