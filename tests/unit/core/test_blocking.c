/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a handler calls what blocks, and only it waits; what it gave is never used after its end. */
#include "core.h"

#include <errno.h>

NOH_MESSAGE(task, (int64_t, what), (int64_t, number));
NOH_MESSAGE(report, (int64_t, err), (int64_t, value), (int64_t, number), (int64_t, error));
NOH_MESSAGE(note, (int64_t, number));
NOH_MESSAGE(blocker_start, (noh_ref, watcher));
NOH_MESSAGE(pong);
NOH_REQUEST(ping, pong);

enum {
    PASS,        /* waits at the gate */
    FAIL_IN_FN,  /* fails, with an errno */
    WRITE,       /* into the handler's stack, when the gate is open */
    WAIT_AFTER,  /* passes the gate, and then the handler waits again, without a limit */
    FAIL_AFTER,  /* passes the gate, and then the handler fails */
    SELF,        /* acts for itself */
    MANY,        /* one call after the other */
    FALL,        /* the same, further and further down the stack */
    STOP_BEFORE, /* stops itself before, with the kind `number` */
};

static core_gate gate = CORE_GATE;
static atomic_int calls;
static atomic_int inside;
static atomic_int most;
static atomic_int went_on; /* handlers, behind noh_blocking */
static int64_t order[16];

/* ---- what blocks -------------------------------------------------------------------------- */

typedef struct errand {
    noh_system *system;
    noh_ref watcher;
    int64_t number;
    int64_t value;
    noh_ref self;
} errand;

static void count_in(int64_t number)
{
    int at = atomic_fetch_add(&calls, 1);
    if (at < (int)(sizeof order / sizeof order[0])) {
        order[at] = number;
    }
    int now = atomic_fetch_add(&inside, 1) + 1;
    int seen = atomic_load(&most);
    while (seen < now && !atomic_compare_exchange_weak(&most, &seen, now)) {
    }
}

static noh_err pass(void *arg)
{
    errand *e = arg;
    count_in(e->number);
    core_pass(&gate);
    atomic_fetch_sub(&inside, 1);
    e->value = e->number * 2;
    return NOH_OK;
}

static noh_err fail_in_fn(void *arg)
{
    CHECK_EQ(errno, 0);
    ((errand *)arg)->value = 7;
    errno = ENOTDIR;
    return NOH_E_NOT_FOUND;
}

static noh_err add_one(void *arg)
{
    ((errand *)arg)->value++;
    return NOH_OK;
}

static _Thread_local bool is_helper;

static noh_err add_two(void *arg)
{
    is_helper = true;
    atomic_fetch_add(&calls, 1);
    ((errand *)arg)->value += 2;
    return NOH_OK;
}

static noh_err add_slowly(void *arg)
{
    errand *e = arg;
    int64_t before = e->value;
    for (int i = 0; i < 10; i++) {
        sched_yield();
    }
    CHECK_EQ(e->value, before);
    e->value++;
    return NOH_OK;
}

/* A plain thread like any other. */
static noh_err act(void *arg)
{
    errand *e = arg;
    noh_self *self = noh_system_self(e->system);
    e->self = noh_self_ref(self);
    CHECK_OK(noh_tell(self, e->watcher, note, .number = e->number));
    CHECK_OK(noh_blocking(self, add_one, e)); /* right here */
    return NOH_OK;
}

/* ---- who calls it -------------------------------------------------------------------------- */

typedef struct blocker {
    noh_ref watcher;
} blocker;

static void reset(void)
{
    core_shut_gate(&gate);
    atomic_store(&calls, 0);
    atomic_store(&inside, 0);
    atomic_store(&most, 0);
    atomic_store(&went_on, 0);
}

static noh_err tell_report(noh_self *self, const blocker *me, noh_err err, const errand *e)
{
    int error = errno;
    return noh_tell(self, me->watcher, report, .err = err, .value = e->value, .number = e->number,
                    .error = error);
}

static noh_err blocker_started(noh_self *self, blocker *me, const blocker_start *start)
{
    me->watcher = start->watcher;
    return NOH_OK;
}

static noh_err many(noh_self *self, errand *e)
{
    for (int i = 0; i < 200; i++) {
        CHECK_OK(noh_blocking(self, add_two, e));
        atomic_fetch_add(&went_on, 1);
        noh_stats stats;
        CHECK_OK(noh_system_stats(e->system, &stats));
        CHECK(stats.blocking_threads <= 1);
        CHECK_EQ(stats.blocking_queued, 0);
    }
    return NOH_OK;
}

/* Not a tail call, whatever the compiler thinks of. */
static int64_t fall(noh_self *self, errand *above)
{
    volatile errand here = *above;
    CHECK_OK(noh_blocking(self, add_slowly, (errand *)&here));
    return above->value < 0 ? 0 : here.value + fall(self, (errand *)&here);
}

static noh_err call(noh_self *self, errand *e, int64_t what)
{
    switch (what) {
    case FAIL_IN_FN:
        return noh_blocking(self, fail_in_fn, e);
    case SELF:
        CHECK_OK(noh_tell(self, e->watcher, note, .number = e->number - 1));
        return noh_blocking(self, act, e);
    case MANY:
        return many(self, e);
    case FALL:
        return (noh_err)fall(self, e);
    case STOP_BEFORE:
        CHECK_OK(noh_stop(self, noh_self_ref(self), (noh_stop_kind)e->number));
        return noh_blocking(self, add_one, e);
    default:
        return noh_blocking(self, pass, e);
    }
}

static noh_err blocker_task(noh_self *self, blocker *me, const task *m)
{
    errand e = {.system = noh_self_system(self), .watcher = me->watcher, .number = m->number};
    noh_err err = call(self, &e, m->what);
    atomic_fetch_add(&went_on, 1);
    CHECK_OK(tell_report(self, me, err, &e));
    if (m->what == FAIL_AFTER) {
        noh_fail(self, NOH_E_LIMIT, "after the call");
    }
    if (m->what == WAIT_AFTER) {
        return tell_report(self, me, noh_sleep(self, NOH_FOREVER), &e);
    }
    if (m->what == SELF) {
        CHECK(!noh_is_alive(e.system, e.self));
    }
    return NOH_OK;
}

static noh_err blocker_note(noh_self *self, blocker *me, const note *m)
{
    return noh_tell(self, me->watcher, note, .number = m->number);
}

static noh_err blocker_ping(noh_self *self, blocker *me, const ping *m)
{
    return noh_reply(self, pong);
}

/* A stop hook may not wait. */
static noh_err blocker_stopped(noh_self *self, blocker *me, const noh_exit *exit)
{
    errand e = {.number = 0};
    CHECK_ERR(noh_blocking(self, add_one, &e), NOH_E_CONTEXT);
    CHECK_EQ(e.value, 0);
    return NOH_OK;
}

NOH_BEHAVIOR_WITH(blocker, blocker_start, blocker_started, NOH_ON(task, blocker_task),
                  NOH_ON(note, blocker_note), NOH_ON(ping, blocker_ping),
                  NOH_ON_STOP(blocker_stopped));

static noh_ref spawn_blocker(noh_self *self)
{
    noh_ref ref = noh_spawn(self, blocker, .watcher = noh_self_ref(self));
    CHECK(!noh_ref_is_none(ref));
    return ref;
}

static noh_ref give(noh_self *self, int64_t what, int64_t number)
{
    noh_ref ref = spawn_blocker(self);
    CHECK_OK(noh_tell(self, ref, task, .what = what, .number = number));
    return ref;
}

static void expect(noh_self *self, noh_err err, int64_t value)
{
    const report *r = CORE_RECEIVE(report, self);
    CHECK_ERR((noh_err)r->err, err);
    CHECK_EQ(r->value, value);
}

static void expect_note(noh_self *self, int64_t number)
{
    CHECK_EQ(CORE_RECEIVE(note, self)->number, number);
}

/* All that was sent to the only worker before has been looked at. Asked and awaited, so that this
 * thread does not run the actor itself. */
static void attended(noh_self *self, noh_ref other)
{
    noh_future future;
    pong answer;
    CHECK_OK(noh_ask(self, other, ping, &future));
    CHECK_OK(noh_await(self, future, pong, NOH_FOREVER, &answer));
}

static void await_queued(noh_system *system, unsigned count)
{
    noh_stats stats;
    do {
        sched_yield();
        CHECK_OK(noh_system_stats(system, &stats));
    } while (stats.blocking_queued != count);
}

/* Calls that pass the gate, one after the other, for one thread; that has begun the first. */
static void give_queue(noh_self *self, noh_ref *ret_refs, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        ret_refs[i] = give(self, PASS, i + 1);
        core_await_inside(&gate, 1);
        await_queued(noh_self_system(self), i);
    }
}

static unsigned threads(noh_system *system)
{
    noh_stats stats;
    CHECK_OK(noh_system_stats(system, &stats));
    return stats.blocking_threads;
}

static void await_threads(noh_system *system, unsigned count)
{
    while (threads(system) != count) {
        sched_yield();
    }
}

/* ---- cases: the call ------------------------------------------------------------------------ */

static void the_actor_waits_and_its_worker_does_not(void)
{
    reset();
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref waits = give(self, PASS, 4);
    noh_ref other = spawn_blocker(self);
    core_await_inside(&gate, 1);
    CHECK_OK(noh_tell(self, waits, note, .number = 1));
    CHECK_OK(noh_tell(self, other, note, .number = 2));
    CHECK_OK(noh_tell(self, waits, note, .number = 3));
    expect_note(self, 2);
    attended(self, other);
    core_expect_nothing(self);
    core_open_gate(&gate);
    expect(self, NOH_OK, 8);
    expect_note(self, 1);
    expect_note(self, 3);
    core_settled(system, 0);
    core_end(&world, system);
}

static void what_the_function_returns_comes_back_with_its_errno(void)
{
    reset();
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref ref = spawn_blocker(self);
    for (int i = 0; i < 100; i++) {
        CHECK_OK(noh_tell(self, ref, task, .what = FAIL_IN_FN, .number = i));
    }
    for (int i = 0; i < 100; i++) {
        const report *r = CORE_RECEIVE(report, self);
        CHECK_ERR((noh_err)r->err, NOH_E_NOT_FOUND);
        CHECK_EQ(r->value, 7);
        CHECK_EQ(r->number, i);
        CHECK_EQ(r->error, ENOTDIR);
    }
    core_end(&world, system);
}

static noh_err is_here(void *arg)
{
    errno = ENOTDIR;
    return pthread_equal(*(pthread_t *)arg, pthread_self()) ? NOH_E_TAKEN : NOH_OK;
}

static bool filter_blocks(noh_self *self, void *ctx, const noh_type *type, const void *message)
{
    CHECK_ERR(noh_blocking(self, is_here, ctx), NOH_E_CONTEXT);
    return true;
}

static void on_a_plain_thread_the_thread_blocks(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    pthread_t me = pthread_self();
    errno = 0;
    CHECK_ERR(noh_blocking(self, is_here, &me), NOH_E_TAKEN);
    CHECK_EQ(errno, ENOTDIR);
    CHECK_EQ(threads(system), 0);
    CHECK_ERR(noh_blocking(NULL, is_here, &me), NOH_E_INVAL);
    CHECK_ERR(noh_blocking(self, NULL, &me), NOH_E_INVAL);
    const noh_type *type;
    const void *message;
    CHECK_OK(noh_tell(self, noh_self_ref(self), note));
    CHECK_OK(noh_receive_if(self, filter_blocks, &me, NOH_FOREVER, &type, &message));
    core_end(&world, system);
}

static void wake_loop(void *ctx)
{
    core_open_gate(ctx);
}

static void a_handler_on_a_loop_waits_and_the_loop_does_not(void)
{
    reset();
    core_gate woken = CORE_GATE;
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *loop;
    CHECK_OK(noh_host_new(system, wake_loop, &woken, &loop));
    noh_ref waits = give(loop, PASS, 4);
    while (atomic_load(&calls) == 0) {
        (void)noh_host_run(loop);
    }
    CHECK(noh_host_run(loop) > 0);
    core_shut_gate(&woken);
    CHECK_OK(noh_tell(loop, waits, note, .number = 1));
    core_open_gate(&gate);
    expect(loop, NOH_OK, 8); /* runs the loop */
    expect_note(loop, 1);
    noh_host_free(loop);
    core_end(&world, system);
}

static void the_function_may_act_for_itself(void)
{
    reset();
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref ref = spawn_blocker(self);
    for (int i = 0; i < 100; i++) {
        CHECK_OK(noh_tell(self, ref, task, .what = SELF, .number = 2 * i + 1));
        expect_note(self, 2 * i); /* of the handler, before the call */
        expect_note(self, 2 * i + 1);
        expect(self, NOH_OK, 1);
    }
    noh_stats stats;
    CHECK_OK(noh_system_stats(system, &stats));
    CHECK_EQ(stats.threads, 1); /* this one */
    core_end(&world, system);
}

static void a_handler_may_fail_after_a_call(void)
{
    reset();
    core_open_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref ref = give(self, FAIL_AFTER, 4);
    expect(self, NOH_OK, 8);
    noh_exit exit;
    CHECK_OK(noh_join(self, ref, NOH_FOREVER, &exit));
    CHECK(exit.kind == NOH_EXIT_FAILED || exit.kind == NOH_EXIT_UNKNOWN);
    core_end(&world, system);
}

/* ---- cases: the pool ------------------------------------------------------------------------ */

static void the_bound_holds_and_the_rest_waits_in_order(void)
{
    reset();
    core_world world;
    noh_system *system = core_start(&world, 1, &(noh_options){.blocking_max = 1});
    noh_self *self = noh_system_self(system);
    noh_ref refs[6];
    give_queue(self, refs, 6);
    CHECK_EQ(threads(system), 1);
    core_open_gate(&gate);
    int64_t sum = 0;
    for (int i = 0; i < 6; i++) {
        const report *r = CORE_RECEIVE(report, self);
        CHECK_OK((noh_err)r->err);
        sum += r->value;
    }
    CHECK_EQ(sum, 2 * (1 + 2 + 3 + 4 + 5 + 6));
    for (int i = 0; i < 6; i++) {
        CHECK_EQ(order[i], i + 1);
    }
    CHECK_EQ(atomic_load(&most), 1);
    noh_system *none;
    CHECK_ERR(noh_system_new(&(noh_options){.blocking_max = 1025}, &none), NOH_E_INVAL);
    core_end(&world, system);
}

enum { CROWD = 1000, FEW = 4 };

static void a_thousand_wait_for_four_threads(void)
{
    reset();
    core_world world;
    noh_system *system = core_start(&world, 2, &(noh_options){.blocking_max = FEW});
    noh_self *self = noh_system_self(system);
    for (int i = 0; i < CROWD; i++) {
        (void)give(self, PASS, i);
    }
    core_await_inside(&gate, FEW);
    await_queued(system, CROWD - FEW);
    CHECK_EQ(threads(system), FEW);
    core_open_gate(&gate);
    int64_t sum = 0;
    for (int i = 0; i < CROWD; i++) {
        const report *r = CORE_RECEIVE(report, self);
        CHECK_OK((noh_err)r->err);
        sum += r->value;
    }
    CHECK_EQ(sum, (int64_t)CROWD * (CROWD - 1));
    CHECK_EQ(atomic_load(&most), FEW);
    CHECK_EQ(atomic_load(&calls), CROWD);
    core_settled(system, 0);
    core_end(&world, system);
}

/* Whom a function's thread wakes goes on before that thread does. */
static void wake_first(void *world, uint32_t *word)
{
    core_world *w = world;
    w->fault.real.park_wake(w->fault.real.world, word);
    while (is_helper && atomic_load(&went_on) < atomic_load(&calls)) {
        sched_yield();
    }
}

static void one_call_after_the_other_needs_one_thread(void)
{
    reset();
    core_world world;
    core_open(&world);
    world.env.park_wake = wake_first;
    noh_system *system = core_system(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    (void)give(self, MANY, 0);
    expect(self, NOH_OK, 400);
    core_end(&world, system);
}

/* Each call goes to who was idle last; so the others come to their end. */
static void threads_without_work_end(void)
{
    reset();
    core_world world;
    core_open(&world);
    core_own_clock(&world, NOH_SECOND);
    noh_system *system = core_system(&world, 1, &(noh_options){.blocking_max = 8});
    noh_self *self = noh_system_self(system);
    for (int i = 0; i < 3; i++) {
        (void)give(self, PASS, 1);
    }
    core_await_inside(&gate, 3);
    CHECK_EQ(threads(system), 3);
    core_open_gate(&gate);
    for (int i = 0; i < 3; i++) {
        expect(self, NOH_OK, 2);
    }
#ifndef NOH_HOSTILE /* there they end after 1 ms */
    CHECK_EQ(threads(system), 3);
    for (int i = 0; i < 2; i++) {
        core_advance(&world, 9 * NOH_SECOND);
        CHECK(threads(system) > 0);
        (void)give(self, PASS, 1);
        expect(self, NOH_OK, 2);
    }
    await_threads(system, 1);
#endif
    core_advance(&world, 10 * NOH_SECOND);
    await_threads(system, 0);
    (void)give(self, PASS, 1); /* and starts again */
    expect(self, NOH_OK, 2);
    CHECK_EQ(threads(system), 1);
    core_end(&world, system);
}

static size_t live_threads(core_world *world)
{
    pthread_mutex_lock(&world->fault.lock);
    size_t live = world->fault.live_threads;
    pthread_mutex_unlock(&world->fault.lock);
    return live;
}

/* They come and go, and each is joined. */
static void threads_end_and_start_all_the_time(void)
{
    reset();
    core_open_gate(&gate);
    core_world world;
    core_open(&world);
    core_own_clock(&world, NOH_SECOND);
    noh_system *system = core_system(&world, 1, &(noh_options){.blocking_max = 4});
    noh_self *self = noh_system_self(system);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 6; i++) {
            (void)give(self, PASS, i);
        }
        for (int i = 0; i < 6; i++) {
            (void)CORE_RECEIVE(report, self);
        }
        core_advance(&world, 10 * NOH_SECOND);
        if (round % 2 == 0) {
            await_threads(system, 0);
            while (live_threads(&world) > 2) { /* the worker, and the last that has ended */
                sched_yield();
            }
        }
    }
    core_end(&world, system);
}

/* ---- cases: stops --------------------------------------------------------------------------- */

static void a_stop_waits_for_the_function(void)
{
    reset();
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref other = spawn_blocker(self);
    noh_ref ref = give(self, WAIT_AFTER, 4);
    core_await_inside(&gate, 1);
    CHECK_OK(noh_tell(self, ref, note, .number = 1));
    CHECK_OK(noh_stop(self, ref, NOH_STOP_NOW));
    attended(self, other);
    CHECK(noh_is_alive(system, ref));
    CHECK_EQ(atomic_load(&went_on), 0);
    noh_exit exit;
    CHECK_ERR(noh_join(self, ref, 0, &exit), NOH_E_TIMEOUT);
    core_open_gate(&gate);
    CHECK_OK(noh_join(self, ref, NOH_FOREVER, &exit));
    CHECK_EQ(exit.kind, NOH_EXIT_SHUTDOWN);
    expect(self, NOH_OK, 8);        /* it was called, and this is its result */
    expect(self, NOH_E_STOPPED, 8); /* the next wait */
    core_end(&world, system);
}

static void who_is_killed_keeps_its_stack_until_the_function_returns(void)
{
    reset();
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref other = spawn_blocker(self);
    noh_ref ref = give(self, PASS, 4);
    core_await_inside(&gate, 1);
    CHECK_OK(noh_stop(self, ref, NOH_STOP_KILL));
    attended(self, other);
    CHECK_OK(noh_tell(self, ref, note, .number = 1)); /* it lives, and looks again */
    attended(self, other);
    noh_exit exit;
    CHECK_ERR(noh_join(self, ref, 0, &exit), NOH_E_TIMEOUT);
    core_open_gate(&gate);
    CHECK_OK(noh_join(self, ref, NOH_FOREVER, &exit));
    CHECK_EQ(exit.kind, NOH_EXIT_KILLED);
    CHECK_EQ(atomic_load(&inside), 0);
    CHECK_EQ(atomic_load(&went_on), 0);
    core_expect_nothing(self);
    noh_ledger ledger = core_settled(system, 0);
    CHECK_EQ(ledger.dead[NOH_DEAD_STOPPED], 2);
    core_end(&world, system);
}

static void kill_it(noh_self *self, noh_ref actor)
{
    CHECK_OK(noh_stop(self, actor, NOH_STOP_KILL));
    CHECK_OK(noh_join(self, actor, NOH_FOREVER, NULL));
}

static void what_was_not_begun_is_taken_back(void)
{
    reset();
    core_world world;
    noh_system *system = core_start(&world, 1, &(noh_options){.blocking_max = 1});
    noh_self *self = noh_system_self(system);
    noh_ref refs[5];
    give_queue(self, refs, 5);
    CHECK_OK(noh_stop(self, refs[2], NOH_STOP_NOW));
    expect(self, NOH_E_STOPPED, 0);
    kill_it(self, refs[4]); /* the last */
    kill_it(self, refs[1]); /* the first */
    await_queued(system, 1);
    CHECK_EQ(atomic_load(&went_on), 1);
    core_open_gate(&gate);
    int64_t sum = 0;
    for (int i = 0; i < 2; i++) {
        const report *r = CORE_RECEIVE(report, self);
        CHECK_OK((noh_err)r->err);
        sum += r->value;
    }
    CHECK_EQ(sum, 2 * (1 + 4));
    CHECK_EQ(atomic_load(&calls), 2);
    CHECK_EQ(order[1], 4);
    core_end(&world, system);
}

static void who_was_stopped_before_does_not_begin(void)
{
    reset();
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref ref = give(self, STOP_BEFORE, NOH_STOP_NOW);
    expect(self, NOH_E_STOPPED, 0);
    ref = give(self, STOP_BEFORE, NOH_STOP_KILL);
    CHECK_OK(noh_join(self, ref, NOH_FOREVER, NULL));
    CHECK_EQ(atomic_load(&went_on), 1);
    ref = give(self, STOP_BEFORE, NOH_STOP_DRAIN);
    expect(self, NOH_OK, 1);
    CHECK_OK(noh_join(self, ref, NOH_FOREVER, NULL));
    core_end(&world, system);
}

static void a_drain_lets_calls_come_to_their_end(void)
{
    reset();
    core_world world;
    noh_system *system = core_start(&world, 1, &(noh_options){.blocking_max = 2});
    noh_self *self = noh_system_self(system);
    for (int i = 0; i < 4; i++) {
        (void)give(self, PASS, 1);
    }
    core_await_inside(&gate, 2);
    await_queued(system, 2);
    core_open_when_i_sleep(&world, &gate); /* in the stop */
    CHECK_OK(noh_system_stop(system, NOH_FOREVER));
    CHECK_EQ(atomic_load(&went_on), 4);
    CHECK_EQ(atomic_load(&calls), 4);
    core_end(&world, system);
}

static void who_holds_up_a_stop_is_named(void)
{
    reset();
    core_world world;
    noh_system *system = core_start(&world, 2, &(noh_options){.blocking_max = 1});
    noh_self *self = noh_system_self(system);
    noh_ref ref = give(self, PASS, 1);
    core_await_inside(&gate, 1);
    noh_ref queued = give(self, PASS, 2);
    await_queued(system, 1);
    CHECK_ERR(noh_system_stop(system, 0), NOH_E_HELD_UP);
    CHECK(!noh_is_alive(system, queued));
    size_t named = 0;
    for (size_t i = 0; i < world.line_count && i < CORE_LINES; i++) {
        const core_line *line = &world.lines[i];
        if (strstr(line->text, "in blocking work of the handler of task") != NULL) {
            CHECK_EQ(line->actor, ref.bits);
            CHECK_TEXT(line->behavior, "blocker");
            named++;
        }
    }
    CHECK_EQ(named, 1);
    core_open_gate(&gate);
    CHECK_OK(noh_system_stop(system, NOH_FOREVER));
    CHECK_EQ(atomic_load(&went_on), 2);
    core_end(&world, system);
}

/* Memory stays until the function returns, and then all of it goes. */
static core_gate freed = CORE_GATE;
static fault_world *watched;

static void watch_free(void *world, void *block, size_t size)
{
    fault_free(world, block, size);
    pthread_mutex_lock(&watched->lock);
    bool all = watched->live_blocks == 0;
    pthread_mutex_unlock(&watched->lock);
    if (all) {
        core_pass(&freed);
    }
}

static void a_freed_system_that_is_held_up_ends_with_the_function(void)
{
    reset();
    core_shut_gate(&freed);
    core_open_gate(&freed);
    static core_world world;
    core_open(&world);
    watched = &world.fault;
    world.env.free = watch_free;
    noh_options options = {.stop_timeout_ns = NOH_MS, .blocking_max = 2};
    noh_system *system = core_system(&world, 2, &options);
    noh_self *self = noh_system_self(system);
    (void)give(self, PASS, 1);
    (void)give(self, PASS, 2);
    core_await_inside(&gate, 2);
    CHECK_ERR(noh_system_free(system), NOH_E_HELD_UP);
    CHECK_EQ(freed.inside, 0);
    core_open_gate(&gate);
    core_await_inside(&freed, 1);
    CHECK_EQ(atomic_load(&went_on), 0);
    CHECK_EQ(world.fault.live_threads, 0);
    CHECK_EQ(world.fault.live_pages, 0);
    alarm(0); /* the world itself stays: its thread may still be in env->free */
}

/* Waking a helper takes more stack than all else, so that the fault comes when it may run already. */
static void wake_deep(void *world, uint32_t *word)
{
    volatile char room[8192];
    room[0] = 1;
    core_world *w = world;
    w->fault.real.park_wake(w->fault.real.world, word);
    CHECK_EQ(room[0], 1);
}

static void who_runs_off_its_stack_ends_when_the_function_has_returned(void)
{
    reset();
    core_world world;
    core_open(&world);
    world.env.park_wake = wake_deep;
    noh_system *system = core_system(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    for (int i = 0; i < 3; i++) {
        noh_ref ref = give(self, FALL, i);
        CHECK_OK(noh_join(self, ref, NOH_FOREVER, NULL));
    }
    CHECK_EQ(core_logged(&world, "failed in task"), 3);
    CHECK_EQ(atomic_load(&went_on), 0);
    core_end(&world, system);
}

/* ---- cases: nothing is left ----------------------------------------------------------------- */

static atomic_bool refuses;

static noh_err refuse_start(void *world, void (*fn)(void *arg), void *arg, const char *name,
                            void **ret_thread)
{
    return atomic_load(&refuses) ? NOH_E_OS : fault_thread_start(world, fn, arg, name, ret_thread);
}

static void without_threads_a_call_fails_and_with_one_it_waits(void)
{
    reset();
    core_world world;
    core_open(&world);
    world.env.thread_start = refuse_start;
    noh_system *system = core_system(&world, 1, &(noh_options){.blocking_max = 4});
    noh_self *self = noh_system_self(system);
    atomic_store(&refuses, true);
    (void)give(self, PASS, 1);
    expect(self, NOH_E_OS, 0);
    atomic_store(&refuses, false);
    (void)give(self, PASS, 1);
    core_await_inside(&gate, 1);
    atomic_store(&refuses, true);
    (void)give(self, PASS, 2);
    await_queued(system, 1);
    CHECK_EQ(threads(system), 1);
    core_open_gate(&gate);
    CHECK_EQ(CORE_RECEIVE(report, self)->value + CORE_RECEIVE(report, self)->value, 2 + 4);
    atomic_store(&refuses, false);
    core_end(&world, system);
}

/* The n-th request from the call on fails, and perhaps all after it: it works all the same, or says so. */
static void fail_from(bool for_ever)
{
    bool failed = true;
    for (uint64_t n = 1; failed || n < 12; n++) {
        reset();
        core_open_gate(&gate);
        core_world world;
        noh_system *system = core_start(&world, 1, NULL);
        noh_self *self = noh_system_self(system);
        noh_ref ref = spawn_blocker(self);
        attended(self, ref);
        fault_at(&world.fault, n, for_ever);
        noh_err told = noh_tell(self, ref, task, .what = PASS, .number = 4);
        if (told == NOH_OK) {
            const report *r = CORE_RECEIVE(report, self);
            CHECK(r->err == NOH_OK || r->err == NOH_E_NOMEM || r->err == NOH_E_OS);
            CHECK_EQ(r->value, r->err == NOH_OK ? 8 : 0);
            failed = r->err != NOH_OK;
        }
        fault_at(&world.fault, 0, false);
        core_end(&world, system);
    }
}

static void without_memory_a_call_fails_or_ends(void)
{
    fail_from(true);
    fail_from(false);
}

static const test_case cases[] = {
    TEST(the_actor_waits_and_its_worker_does_not),
    TEST(what_the_function_returns_comes_back_with_its_errno),
    TEST(on_a_plain_thread_the_thread_blocks),
    TEST(a_handler_on_a_loop_waits_and_the_loop_does_not),
    TEST(the_function_may_act_for_itself),
    TEST(a_handler_may_fail_after_a_call),
    TEST(the_bound_holds_and_the_rest_waits_in_order),
    TEST(a_thousand_wait_for_four_threads),
    TEST(one_call_after_the_other_needs_one_thread),
    TEST(threads_without_work_end),
    TEST(threads_end_and_start_all_the_time),
    TEST(a_stop_waits_for_the_function),
    TEST(who_is_killed_keeps_its_stack_until_the_function_returns),
    TEST(what_was_not_begun_is_taken_back),
    TEST(who_was_stopped_before_does_not_begin),
    TEST(a_drain_lets_calls_come_to_their_end),
    TEST(who_holds_up_a_stop_is_named),
    TEST(a_freed_system_that_is_held_up_ends_with_the_function),
    TEST(who_runs_off_its_stack_ends_when_the_function_has_returned),
    TEST(without_threads_a_call_fails_and_with_one_it_waits),
    TEST(without_memory_a_call_fails_or_ends),
};
TEST_MAIN(cases)
