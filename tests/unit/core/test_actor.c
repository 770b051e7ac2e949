/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: an actor is born, ends and is replaced as noh.h says: which hook runs, what is handled,
 * what is not, what who waits for it learns, and that its ref never means another one.
 * Method: actors report every hook to the plain thread; a handler blocked at a gate fixes what
 * is queued when a stop comes. */
#include "core.h"
#include "system.h"

#include <stdalign.h>

NOH_MESSAGE(work, (int64_t, value));
NOH_MESSAGE(block);
NOH_MESSAGE(order, (int64_t, what));
NOH_MESSAGE(event, (int64_t, what), (int64_t, value), (noh_text, text));
NOH_MESSAGE(worker_start, (noh_ref, watcher), (int64_t, what), (noh_text, words));
NOH_MESSAGE(sum, (int64_t, value));
NOH_REQUEST(get_sum, sum);

enum { STARTED, WORKED, STOPPED, FAILED };

/* What a worker is ordered to do; also as `what` of its start. */
enum {
    FINE,
    RETURN_ERROR,
    FAIL,
    FAIL_DEEP,
    FAIL_OK,
    FAIL_LONG,
    EXIT,
    EXIT_AND_FAIL,
    STOP_SELF_DRAIN,
    STOP_SELF_NOW,
    STOP_SELF_KILL,
    TELL_SELF_AND_EXIT,
    HOOK_ERROR, /* the stop hook returns an error */
    HOOK_FAIL,  /* the stop hook fails */
    HOOK_BLOCK, /* the stop hook blocks at the gate */
    HOOK_TELL,  /* the stop hook tells itself */
};

static core_gate gate = CORE_GATE;

typedef struct worker {
    noh_ref watcher;
    int64_t sum;
    int64_t hook;
} worker;

static noh_err tell_event(noh_self *self, const worker *me, int64_t what, int64_t value,
                          const char *text)
{
    return noh_tell(self, me->watcher, event, .what = what, .value = value, .text = text);
}

static void fail_deep(noh_self *self, int depth)
{
    volatile char frame[256];
    frame[depth] = 0;
    if (depth == 0) {
        noh_fail(self, NOH_E_OS, "at the bottom of %d frames", 20);
    } else {
        fail_deep(self, depth - 1);
    }
    CHECK_EQ(frame[depth], 1); /* nobody comes back here */
}

static noh_err obey(noh_self *self, worker *me, int64_t what)
{
    switch (what) {
    case RETURN_ERROR:
        return NOH_E_TAKEN;
    case FAIL:
        noh_fail(self, NOH_E_TOO_BIG, "%s", "too much");
        return NOH_OK;
    case FAIL_DEEP:
        fail_deep(self, 20);
        return NOH_OK;
    case FAIL_OK:
        noh_fail(self, NOH_OK, "no code");
        return NOH_OK;
    case FAIL_LONG:
        noh_fail(self, NOH_E_OS, "%0200d", 7);
        return NOH_OK;
    case EXIT:
        CHECK_OK(noh_exit_self(self));
        return noh_exit_self(self);
    case EXIT_AND_FAIL:
        CHECK_OK(noh_exit_self(self));
        return NOH_E_TAKEN;
    case STOP_SELF_DRAIN:
        CHECK_OK(noh_tell(self, noh_self_ref(self), work, .value = 100));
        CHECK_OK(noh_stop(self, noh_self_ref(self), NOH_STOP_DRAIN));
        return noh_tell(self, noh_self_ref(self), work, .value = 1000);
    case STOP_SELF_NOW:
        CHECK_OK(noh_tell(self, noh_self_ref(self), work, .value = 100));
        return noh_stop(self, noh_self_ref(self), NOH_STOP_NOW);
    case STOP_SELF_KILL:
        CHECK_OK(noh_tell(self, noh_self_ref(self), work, .value = 100));
        return noh_stop(self, noh_self_ref(self), NOH_STOP_KILL);
    case TELL_SELF_AND_EXIT:
        CHECK_OK(noh_tell(self, noh_self_ref(self), work, .value = 100));
        return noh_exit_self(self);
    case HOOK_ERROR:
    case HOOK_FAIL:
    case HOOK_BLOCK:
    case HOOK_TELL:
        me->hook = what;
        return NOH_OK;
    default:
        return NOH_OK;
    }
}

static noh_err worker_started(noh_self *self, worker *me, const worker_start *start)
{
    CHECK_EQ(me->sum, 0);
    me->watcher = start->watcher;
    CHECK_OK(tell_event(self, me, STARTED, start->what, start->words));
    return obey(self, me, start->what);
}

static noh_err worker_work(noh_self *self, worker *me, const work *m)
{
    me->sum += m->value;
    return tell_event(self, me, WORKED, m->value, NULL);
}

static noh_err worker_block(noh_self *self, worker *me, const block *m)
{
    core_pass(&gate);
    return NOH_OK;
}

static noh_err worker_order(noh_self *self, worker *me, const order *m)
{
    return obey(self, me, m->what);
}

static noh_err worker_get_sum(noh_self *self, worker *me, const get_sum *m)
{
    return noh_reply(self, sum, .value = me->sum);
}

static noh_err run_hook(noh_self *self, worker *me)
{
    switch (me->hook) {
    case HOOK_ERROR:
        return NOH_E_LIMIT;
    case HOOK_FAIL:
        noh_fail(self, NOH_E_LIMIT, "in the hook");
        return NOH_OK;
    case HOOK_BLOCK:
        core_pass(&gate);
        return NOH_OK;
    case HOOK_TELL:
        CHECK_OK(noh_tell(self, noh_self_ref(self), work, .value = 1)); /* it will not be handled */
        CHECK_OK(noh_exit_self(self));
        return NOH_OK;
    default:
        return NOH_OK;
    }
}

static noh_err worker_stopped(noh_self *self, worker *me, const noh_exit *exit)
{
    CHECK(noh_ref_is_none(noh_sender(self)));
    CHECK_ERR(noh_reply(self, sum, .value = 1), NOH_E_NOBODY);
    CHECK_OK(tell_event(self, me, STOPPED, exit->kind, exit->text));
    return run_hook(self, me);
}

static noh_err worker_failed(noh_self *self, worker *me, const noh_exit *exit)
{
    CHECK_EQ(exit->kind, NOH_EXIT_FAILED);
    CHECK_OK(tell_event(self, me, FAILED, exit->code, exit->text));
    return run_hook(self, me);
}

NOH_BEHAVIOR_WITH(worker, worker_start, worker_started, NOH_ON(work, worker_work),
                  NOH_ON(block, worker_block), NOH_ON(order, worker_order),
                  NOH_ON(get_sum, worker_get_sum), NOH_ON_STOP(worker_stopped),
                  NOH_ON_FAILURE(worker_failed));

static noh_ref spawn_worker(noh_self *self, int64_t what)
{
    char words[] = "some words";
    noh_ref ref =
        noh_spawn(self, worker, .watcher = noh_self_ref(self), .what = what, .words = words);
    CHECK(!noh_ref_is_none(ref));
    memset(words, 'x', sizeof words - 1);
    return ref;
}

static void expect(noh_self *self, int64_t what, int64_t value)
{
    const event *e = CORE_RECEIVE(event, self);
    CHECK_EQ(e->what, what);
    CHECK_EQ(e->value, value);
}

static void expect_text(noh_self *self, int64_t what, int64_t value, const char *text)
{
    const event *e = CORE_RECEIVE(event, self);
    CHECK_EQ(e->what, what);
    CHECK_EQ(e->value, value);
    CHECK_TEXT(e->text, text);
}

static noh_exit join(noh_self *self, noh_ref actor)
{
    noh_exit exit;
    CHECK_OK(noh_join(self, actor, NOH_FOREVER, &exit));
    return exit;
}

/* ---- start -------------------------------------------------------------------------------- */

static void the_start_hook_runs_first_and_gets_its_arguments(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    for (int i = 0; i < 200; i++) {
        noh_ref ref = spawn_worker(self, FINE);
        CHECK_OK(noh_tell(self, ref, work, .value = i));
        CHECK(noh_is_alive(system, ref));
        expect_text(self, STARTED, FINE, "some words");
        expect(self, WORKED, i);
        CHECK_OK(noh_stop(self, ref, NOH_STOP_DRAIN));
        expect(self, STOPPED, NOH_EXIT_NORMAL);
    }
    core_expect_nothing(self);
    core_end(&world, system);
}

static void a_start_hook_that_fails_ends_the_actor_without_another_hook(void)
{
    static const int64_t orders[] = {RETURN_ERROR, FAIL, FAIL_DEEP, EXIT_AND_FAIL};
    static const noh_err codes[] = {NOH_E_TAKEN, NOH_E_TOO_BIG, NOH_E_OS, NOH_E_TAKEN};
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    for (int i = 0; i < 4; i++) {
        core_shut_gate(&gate);
        noh_ref blocked = spawn_worker(self, FINE); /* so that join comes before the start */
        expect(self, STARTED, FINE);
        CHECK_OK(noh_tell(self, blocked, block));
        core_await_inside(&gate, 1);
        noh_ref ref = spawn_worker(self, orders[i]);
        CHECK_OK(noh_tell(self, ref, work, .value = 1));
        CHECK_ERR(noh_join(self, ref, 0, NULL), NOH_E_TIMEOUT);
        core_open_gate(&gate);
        expect(self, STARTED, orders[i]);
        (void)core_stop(self, blocked, NOH_STOP_KILL);
        CHECK_OK(noh_join(self, ref, NOH_FOREVER, NULL));
        core_expect_nothing(self); /* no work, no hook */
        CHECK(!noh_is_alive(system, ref));
        CHECK_EQ(core_dead(system, NOH_DEAD_STOPPED), i + 1);
        CHECK_EQ(core_logged(&world, noh_err_name(codes[i])) > 0, true);
    }
    CHECK_EQ(core_actors(system), 0);
    core_end(&world, system);
}

static void a_start_hook_may_end_its_actor(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref ref = spawn_worker(self, EXIT);
    expect(self, STARTED, EXIT);
    expect(self, STOPPED, NOH_EXIT_NORMAL);
    CHECK_OK(noh_join(self, ref, NOH_FOREVER, NULL));
    core_end(&world, system);
}

/* Asks what its start arguments were. */
typedef struct curious {
    worker_start seen;
} curious;

static noh_err curious_started(noh_self *self, curious *me, const worker_start *start)
{
    me->seen = *start;
    return NOH_OK;
}

static noh_err curious_get_sum(noh_self *self, curious *me, const get_sum *m)
{
    bool zero = noh_ref_is_none(me->seen.watcher) && me->seen.what == 0 && me->seen.words == NULL;
    return noh_reply(self, sum, .value = zero ? 1 : 0);
}

NOH_BEHAVIOR_WITH(curious, worker_start, curious_started, NOH_ON(get_sum, curious_get_sum));

static void null_start_arguments_are_all_zero(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref refs[3] = {noh_spawn(self, curious), noh_spawn_value(self, &noh_behavior_curious, NULL),
                       noh_spawn(self, curious, .what = 7)};
    for (int i = 0; i < 3; i++) {
        sum answer;
        CHECK_OK(noh_call(self, refs[i], get_sum, &answer));
        CHECK_EQ(answer.value, i < 2);
    }
    core_end(&world, system);
}

/* ---- stop --------------------------------------------------------------------------------- */

typedef struct stopping {
    noh_system *system;
    noh_self *self;
    noh_ref ref;
} stopping;

/* A worker with a message in hand and work 1, 2, 3 queued. */
static stopping start_stopping(core_world *world)
{
    stopping s = {.system = core_start(world, 2, NULL)};
    core_shut_gate(&gate);
    s.self = noh_system_self(s.system);
    s.ref = spawn_worker(s.self, FINE);
    expect(s.self, STARTED, FINE);
    CHECK_OK(noh_tell(s.self, s.ref, block));
    core_await_inside(&gate, 1);
    for (int i = 1; i <= 3; i++) {
        CHECK_OK(noh_tell(s.self, s.ref, work, .value = i));
    }
    return s;
}

static void drain_handles_what_is_queued(void)
{
    core_world world;
    stopping s = start_stopping(&world);
    CHECK_OK(noh_stop(s.self, s.ref, NOH_STOP_DRAIN));
    CHECK_OK(noh_stop(s.self, s.ref, NOH_STOP_DRAIN));
    for (int i = 4; i <= 6; i++) { /* behind the stop */
        CHECK_OK(noh_tell(s.self, s.ref, work, .value = i));
    }
    CHECK(noh_is_alive(s.system, s.ref));
    CHECK_ERR(noh_join(s.self, s.ref, 0, NULL), NOH_E_TIMEOUT);
    core_open_gate(&gate);
    for (int i = 1; i <= 3; i++) {
        expect(s.self, WORKED, i);
    }
    expect_text(s.self, STOPPED, NOH_EXIT_NORMAL, "");
    CHECK_OK(noh_join(s.self, s.ref, NOH_FOREVER, NULL));
    core_expect_nothing(s.self);
    CHECK_EQ(core_settled(s.system, 0).dead[NOH_DEAD_STOPPED], 3);
    core_end(&world, s.system);
}

static void now_ends_after_the_message_in_hand(void)
{
    core_world world;
    stopping s = start_stopping(&world);
    CHECK_OK(noh_stop(s.self, s.ref, NOH_STOP_DRAIN));
    CHECK_OK(noh_stop(s.self, s.ref, NOH_STOP_NOW)); /* the stronger counts */
    CHECK_OK(noh_stop(s.self, s.ref, NOH_STOP_DRAIN));
    core_open_gate(&gate);
    expect(s.self, STOPPED, NOH_EXIT_SHUTDOWN);
    CHECK_OK(noh_join(s.self, s.ref, NOH_FOREVER, NULL));
    core_expect_nothing(s.self);
    noh_ledger ledger = core_settled(s.system, 0);
    CHECK_EQ(ledger.dead[NOH_DEAD_STOPPED], 3);
    CHECK_EQ(ledger.handled, 3); /* the block, and two events here */
    core_end(&world, s.system);
}

static void kill_runs_no_hook(void)
{
    core_world world;
    stopping s = start_stopping(&world);
    CHECK_OK(noh_stop(s.self, s.ref, NOH_STOP_NOW));
    CHECK_OK(noh_stop(s.self, s.ref, NOH_STOP_KILL));
    CHECK_OK(noh_stop(s.self, s.ref, NOH_STOP_NOW));
    core_open_gate(&gate);
    CHECK_OK(noh_join(s.self, s.ref, NOH_FOREVER, NULL));
    core_expect_nothing(s.self);
    CHECK_EQ(core_settled(s.system, 0).dead[NOH_DEAD_STOPPED], 3);
    core_end(&world, s.system);
}

/* The exit that a join learns, for each way to end; the join is there before the end. */
static void join_learns_how_the_actor_ended(void)
{
    static const struct {
        int64_t order; /* -1: a stop of kind `stop` */
        noh_stop_kind stop;
        noh_exit exit;
        int64_t hook; /* the event of its hook, or -1 */
        int64_t dead; /* messages that were not handled */
    } ways[] = {
        {-1, NOH_STOP_DRAIN, {NOH_EXIT_NORMAL, 0, ""}, STOPPED, 0},
        {-1, NOH_STOP_NOW, {NOH_EXIT_SHUTDOWN, 0, ""}, STOPPED, 0},
        {-1, NOH_STOP_KILL, {NOH_EXIT_KILLED, 0, ""}, -1, 0},
        {EXIT, 0, {NOH_EXIT_NORMAL, 0, ""}, STOPPED, 0},
        {RETURN_ERROR, 0, {NOH_EXIT_FAILED, NOH_E_TAKEN, "the name is taken"}, FAILED, 1},
        {FAIL, 0, {NOH_EXIT_FAILED, NOH_E_TOO_BIG, "too much"}, FAILED, 1},
        {FAIL_DEEP, 0, {NOH_EXIT_FAILED, NOH_E_OS, "at the bottom of 20 frames"}, FAILED, 1},
        {FAIL_OK, 0, {NOH_EXIT_FAILED, NOH_E_FAILED, "no code"}, FAILED, 1},
        {FAIL_LONG,
         0,
         {NOH_EXIT_FAILED, NOH_E_OS, "0000000000000000000000000000000000000000000000000000000"},
         FAILED,
         1},
        {EXIT_AND_FAIL, 0, {NOH_EXIT_FAILED, NOH_E_TAKEN, "the name is taken"}, FAILED, 1},
        {STOP_SELF_DRAIN, 0, {NOH_EXIT_NORMAL, 0, ""}, STOPPED, 1},
        {STOP_SELF_NOW, 0, {NOH_EXIT_SHUTDOWN, 0, ""}, STOPPED, 1},
        {STOP_SELF_KILL, 0, {NOH_EXIT_KILLED, 0, ""}, -1, 1},
        {TELL_SELF_AND_EXIT, 0, {NOH_EXIT_NORMAL, 0, ""}, STOPPED, 1},
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        core_world world;
        noh_system *system = core_start(&world, 1, NULL);
        noh_self *self = noh_system_self(system);
        core_shut_gate(&gate);
        noh_ref ref = spawn_worker(self, FINE);
        expect(self, STARTED, FINE);
        CHECK_OK(noh_tell(self, ref, block));
        core_await_inside(&gate, 1);
        if (ways[i].order >= 0) {
            CHECK_OK(noh_tell(self, ref, order, .what = ways[i].order));
        } else {
            CHECK_OK(noh_stop(self, ref, ways[i].stop));
        }
        core_open_when_i_sleep(&world, &gate);
        noh_exit exit = join(self, ref);
        CHECK_EQ(exit.kind, ways[i].exit.kind);
        CHECK_EQ(exit.code, ways[i].exit.code);
        CHECK_TEXT(exit.text, ways[i].exit.text);
        CHECK(!noh_is_alive(system, ref));
        if (ways[i].order == STOP_SELF_DRAIN) {
            expect(self, WORKED, 100);
        }
        if (ways[i].hook == FAILED) {
            expect_text(self, FAILED, ways[i].exit.code, ways[i].exit.text);
        } else if (ways[i].hook == STOPPED) {
            expect_text(self, STOPPED, ways[i].exit.kind, "");
        }
        core_expect_nothing(self);
        noh_ledger ledger = core_settled(system, 0);
        CHECK_EQ(noh_ledger_dead(&ledger), ways[i].dead);
        CHECK_EQ(core_logged(&world, "failed in order"), ways[i].hook == FAILED);
        core_end(&world, system);
    }
}

static void stopping_the_dead_is_gone(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref ref = spawn_worker(self, FINE);
    CHECK_EQ(core_stop(self, ref, NOH_STOP_KILL).code, NOH_OK);
    CHECK_ERR(noh_stop(self, ref, NOH_STOP_DRAIN), NOH_E_GONE);
    CHECK_ERR(noh_stop(self, ref, NOH_STOP_NOW), NOH_E_GONE);
    CHECK_ERR(noh_stop(self, ref, NOH_STOP_KILL), NOH_E_GONE);
    CHECK_ERR(noh_stop(NULL, ref, NOH_STOP_KILL), NOH_E_INVAL);
    CHECK_ERR(noh_stop(self, ref, (noh_stop_kind)3), NOH_E_INVAL);
    CHECK_ERR(noh_stop(self, ref, (noh_stop_kind)-1), NOH_E_INVAL);
    CHECK_ERR(noh_stop(self, noh_self_ref(self), NOH_STOP_NOW), NOH_E_CONTEXT);
    noh_exit exit = {.kind = NOH_EXIT_NORMAL, .code = NOH_E_OS};
    CHECK_OK(noh_join(self, ref, 0, &exit));
    CHECK_EQ(exit.kind, NOH_EXIT_UNKNOWN);
    CHECK_EQ(exit.code, NOH_OK);
    CHECK_OK(noh_join(self, NOH_NO_REF, 0, &exit));
    CHECK_EQ(exit.kind, NOH_EXIT_UNKNOWN);
    CHECK_OK(noh_join(self, ref, NOH_FOREVER, NULL));
    core_end(&world, system);
}

static void joins_refuse_what_they_cannot_wait_for(void)
{
    core_world world;
    stopping s = start_stopping(&world);
    noh_exit exit;
    CHECK_ERR(noh_join(NULL, s.ref, 0, &exit), NOH_E_INVAL);
    CHECK_ERR(noh_join(s.self, s.ref, -1, &exit), NOH_E_INVAL);
    CHECK_ERR(noh_join(s.self, noh_self_ref(s.self), 0, &exit), NOH_E_CONTEXT);
    for (int i = 0; i < 5; i++) {
        CHECK_ERR(noh_join(s.self, s.ref, i * NOH_US, &exit), NOH_E_TIMEOUT);
    }
    CHECK_OK(noh_stop(s.self, s.ref, NOH_STOP_NOW));
    core_open_when_i_sleep(&world, &gate);
    CHECK_EQ(join(s.self, s.ref).kind, NOH_EXIT_SHUTDOWN); /* the ones given up are no trouble */
    core_end(&world, s.system);
}

typedef struct joiner {
    noh_system *system;
    noh_ref ref;
    noh_exit_kind expected;
} joiner;

static void *join_on_a_thread(void *arg)
{
    joiner *j = arg;
    noh_self *self = noh_system_self(j->system);
    noh_exit exit;
    CHECK_OK(noh_join(self, j->ref, NOH_FOREVER, &exit));
    CHECK(exit.kind == j->expected || exit.kind == NOH_EXIT_UNKNOWN);
    return NULL;
}

static void many_may_join_one_actor(void)
{
    core_world world;
    stopping s = start_stopping(&world);
    joiner j = {s.system, s.ref, NOH_EXIT_SHUTDOWN};
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) {
        threads[i] = core_thread(join_on_a_thread, &j);
    }
    CHECK_OK(noh_stop(s.self, s.ref, NOH_STOP_NOW));
    core_open_when_i_sleep(&world, &gate);
    CHECK_EQ(join(s.self, s.ref).kind, NOH_EXIT_SHUTDOWN);
    for (int i = 0; i < 8; i++) {
        core_join_thread(threads[i]);
    }
    core_end(&world, s.system);
}

/* ---- hooks -------------------------------------------------------------------------------- */

static void a_hook_that_fails_does_not_hold_up_the_end(void)
{
    static const int64_t orders[] = {HOOK_ERROR, HOOK_FAIL, HOOK_TELL};
    for (int failing = 0; failing < 2; failing++) {
        for (int i = 0; i < 3; i++) {
            core_world world;
            noh_system *system = core_start(&world, 1, NULL);
            noh_self *self = noh_system_self(system);
            core_shut_gate(&gate);
            noh_ref ref = spawn_worker(self, orders[i]);
            expect(self, STARTED, orders[i]);
            CHECK_OK(noh_tell(self, ref, block));
            core_await_inside(&gate, 1);
            CHECK_OK(noh_tell(self, ref, order, .what = failing ? FAIL : EXIT));
            CHECK_OK(noh_tell(self, ref, work, .value = 1));
            core_open_when_i_sleep(&world, &gate);
            CHECK_EQ(join(self, ref).kind, failing ? NOH_EXIT_FAILED : NOH_EXIT_NORMAL);
            expect(self, failing ? FAILED : STOPPED,
                   failing ? (int64_t)NOH_E_TOO_BIG : (int64_t)NOH_EXIT_NORMAL);
            core_expect_nothing(self); /* the hook ran once */
            CHECK_EQ(core_logged(&world, "hook failed"), orders[i] == HOOK_TELL ? 0 : 1);
            CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_STOPPED],
                     orders[i] == HOOK_TELL ? 2 : 1);
            CHECK_EQ(core_actors(system), 0);
            /* The worker goes on as if nothing had been. */
            noh_ref next = spawn_worker(self, FINE);
            sum answer;
            CHECK_OK(noh_call(self, next, get_sum, &answer));
            core_end(&world, system);
        }
    }
}

/* "Waits until it has ended and its resources are released": not while its last hook runs. */
static void a_join_waits_for_the_last_hook(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    core_shut_gate(&gate);
    noh_ref ref = spawn_worker(self, HOOK_BLOCK);
    expect(self, STARTED, HOOK_BLOCK);
    CHECK_OK(noh_stop(self, ref, NOH_STOP_DRAIN));
    core_await_inside(&gate, 1);
    CHECK_EQ(core_actors(system), 1);
    CHECK_ERR(noh_join(self, ref, 0, NULL), NOH_E_TIMEOUT);
    core_open_when_i_sleep(&world, &gate);
    CHECK_EQ(join(self, ref).kind, NOH_EXIT_NORMAL);
    CHECK_EQ(core_actors(system), 0);
    core_end(&world, system);
}

static void noh_fail_on_a_thread_logs_and_returns(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_fail(self, NOH_E_OS, "not an actor %d", 5);
    noh_fail(NULL, NOH_E_OS, "nobody");
    CHECK_EQ(core_logged(&world, "not an actor 5"), 1);
    CHECK_ERR(noh_exit_self(self), NOH_E_CONTEXT);
    CHECK_ERR(noh_exit_self(NULL), NOH_E_INVAL);
    core_end(&world, system);
}

/* ---- behaviors ---------------------------------------------------------------------------- */

static noh_err do_nothing(noh_self *self, void *me, const void *message)
{
    return NOH_OK;
}

static const noh_handler sound[] = {{NOH_HOOK_MESSAGE, &noh_type_work, do_nothing},
                                    {NOH_HOOK_MESSAGE, &noh_type_block, do_nothing},
                                    {NOH_HOOK_STOP, NULL, do_nothing},
                                    {NOH_HOOK_FAILURE, NULL, do_nothing}};
static const noh_handler twice[] = {{NOH_HOOK_MESSAGE, &noh_type_work, do_nothing},
                                    {NOH_HOOK_MESSAGE, &noh_type_block, do_nothing},
                                    {NOH_HOOK_MESSAGE, &noh_type_work, do_nothing}};
static const noh_handler without_type[] = {{NOH_HOOK_MESSAGE, NULL, do_nothing}};
static const noh_handler without_function[] = {{NOH_HOOK_MESSAGE, &noh_type_work, NULL}};
static const noh_handler two_hooks[] = {{NOH_HOOK_MESSAGE, &noh_type_work, do_nothing},
                                        {NOH_HOOK_STOP, NULL, do_nothing},
                                        {NOH_HOOK_STOP, NULL, do_nothing}};
static const noh_handler only_hooks[] = {{NOH_HOOK_STOP, NULL, do_nothing}};

#define BY_HAND(handlers, count) \
    { \
        sizeof(noh_behavior), "by hand", 8, 8, &noh_type_noh_nothing, NULL, handlers, count \
    }

static void behaviors_that_are_not_sound_are_refused(void)
{
    static const noh_behavior good[] = {
        BY_HAND(sound, 4),
        BY_HAND(sound, 1),
        BY_HAND(only_hooks, 1),
        {sizeof(noh_behavior), "no state", 0, 1, &noh_type_noh_nothing, NULL, sound, 4},
        {sizeof(noh_behavior) + 8, "newer", 8, 8, &noh_type_noh_nothing, NULL, sound, 4}};
    static const noh_behavior bad[] = {
        BY_HAND(twice, 3),
        BY_HAND(without_type, 1),
        BY_HAND(without_function, 1),
        BY_HAND(two_hooks, 3),
        BY_HAND(NULL, 1),
        BY_HAND(sound, 0),
        {8, "too old", 8, 8, &noh_type_noh_nothing, NULL, sound, 4},
        {sizeof(noh_behavior), NULL, 8, 8, &noh_type_noh_nothing, NULL, sound, 4},
        {sizeof(noh_behavior), "no start", 8, 8, NULL, NULL, sound, 4},
        {sizeof(noh_behavior), "over-aligned", 128, 64, &noh_type_noh_nothing, NULL, sound, 4}};
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref ref;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK_OK(noh_spawn_with(self, &good[i], NULL, NULL, &ref));
        CHECK_OK(noh_tell(self, ref, work, .value = 1));
        (void)core_stop(self, ref, NOH_STOP_DRAIN);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ref = (noh_ref){77};
        CHECK_ERR(noh_spawn_with(self, &bad[i], NULL, NULL, &ref), NOH_E_INVAL);
        CHECK_EQ(ref.bits, 77);
        CHECK(noh_ref_is_none(noh_spawn_value(self, &bad[i], NULL)));
    }
    CHECK_EQ(core_actors(system), 0);
    core_end(&world, system);
}

static void spawn_options_are_checked(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref ref = {77};
    const noh_behavior *b = &noh_behavior_worker;
    CHECK_ERR(noh_spawn_with(NULL, b, NULL, NULL, &ref), NOH_E_INVAL);
    CHECK_ERR(noh_spawn_with(self, NULL, NULL, NULL, &ref), NOH_E_INVAL);
    CHECK_ERR(noh_spawn_with(self, b, NULL, NULL, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_spawn_with(self, b, NULL, &(noh_spawn_options){.size = 3}, &ref), NOH_E_INVAL);
    CHECK_ERR(noh_spawn_with(self, b, NULL, &(noh_spawn_options){.name = ""}, &ref), NOH_E_INVAL);
    char name[257];
    memset(name, 'n', sizeof name);
    name[256] = 0;
    CHECK_ERR(noh_spawn_with(self, b, NULL, &(noh_spawn_options){.name = name}, &ref), NOH_E_INVAL);
    CHECK_EQ(ref.bits, 77);
    CHECK(noh_ref_is_none(noh_spawn_value(NULL, b, NULL)));
    CHECK_OK(noh_spawn_with(
        self, b, NOH_VALUE(worker_start, .watcher = noh_self_ref(self)),
        &(noh_spawn_options){
            .size = sizeof(noh_spawn_options), .name = name + 1, .mailbox_max = 5, .pinned = true},
        &ref));
    expect(self, STARTED, FINE);
    CHECK(noh_ref_equal(noh_lookup(system, name + 1), ref));
    noh_ref second = {78};
    CHECK_ERR(noh_spawn_with(self, b, NOH_VALUE(worker_start, .watcher = noh_self_ref(self)),
                             &(noh_spawn_options){.name = name + 1}, &second),
              NOH_E_TAKEN);
    CHECK_EQ(second.bits, 78);
    (void)core_stop(self, ref, NOH_STOP_NOW);
    expect(self, STOPPED, NOH_EXIT_SHUTDOWN);
    (void)core_settled(system, 0);
    core_expect_nothing(self); /* of the one whose name was taken no hook ran */
    CHECK_EQ(core_actors(system), 0);
    core_end(&world, system);
}

static void behaviors_are_found_by_name(void)
{
    CHECK(noh_behavior_find("worker") == &noh_behavior_worker);
    CHECK(noh_behavior_find("big") != NULL);
    CHECK_TEXT(noh_behavior_find("big")->name, "big");
    CHECK(noh_behavior_find("") == NULL);
    CHECK(noh_behavior_find("worke") == NULL);
    CHECK(noh_behavior_find("worker ") == NULL);
    CHECK(noh_behavior_find(NULL) == NULL);
    static const noh_behavior dynamic = BY_HAND(sound, 4);
    noh_definition definition = {&dynamic, NULL};
    CHECK(noh_behavior_find("by hand") == NULL);
    noh_define(&definition);
    CHECK(noh_behavior_find("by hand") == &dynamic);
    noh_undefine(&definition);
    CHECK(noh_behavior_find("by hand") == NULL);
    noh_undefine(&definition);
    CHECK(noh_behavior_find("worker") == &noh_behavior_worker);
}

/* ---- state -------------------------------------------------------------------------------- */

/* Around what a slot holds in place, and far beyond. */
#define SIZED(S, bytes) \
    typedef struct S { \
        alignas(16) unsigned char data[bytes]; \
    } S; \
    static noh_err S##_sum(noh_self *self, S *me, const get_sum *m) \
    { \
        int64_t value = 0; \
        CHECK_EQ((uintptr_t)me % 16, 0); \
        for (size_t i = 0; i < sizeof me->data; i++) { \
            value += me->data[i]; \
            me->data[i]++; \
        } \
        return noh_reply(self, sum, .value = value); \
    } \
    NOH_BEHAVIOR(S, NOH_ON(get_sum, S##_sum))

SIZED(tiny, 16);
SIZED(inside, 48);
SIZED(beyond, 64);
SIZED(big, 10240);
SIZED(huge, 1 << 20);

static void state_of_any_size_is_zeroed_aligned_and_kept(void)
{
    static const noh_behavior *const behaviors[] = {&noh_behavior_tiny, &noh_behavior_inside,
                                                    &noh_behavior_beyond, &noh_behavior_big,
                                                    &noh_behavior_huge};
    static const int64_t sizes[] = {16, 48, 64, 10240, 1 << 20};
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    for (int round = 0; round < 3; round++) { /* slots and memory are used again */
        for (int i = 0; i < 5; i++) {
            noh_ref refs[4];
            for (int k = 0; k < 4; k++) {
                refs[k] = noh_spawn_value(self, behaviors[i], NULL);
            }
            for (int64_t value = 0; value < 3; value++) {
                for (int k = 0; k < 4; k++) {
                    sum answer;
                    CHECK_OK(noh_call(self, refs[k], get_sum, &answer));
                    CHECK_EQ(answer.value, value * sizes[i]);
                }
            }
            for (int k = 0; k < 4; k++) {
                (void)core_stop(self, refs[k], k % 2 == 0 ? NOH_STOP_NOW : NOH_STOP_DRAIN);
            }
        }
    }
    core_end(&world, system);
}

static void a_state_above_1_gib_is_too_big(void)
{
    static const noh_behavior giant = {sizeof(noh_behavior),
                                       "giant",
                                       ((size_t)1 << 30) + 1,
                                       16,
                                       &noh_type_noh_nothing,
                                       NULL,
                                       sound,
                                       4};
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref ref = {77};
    CHECK_ERR(noh_spawn_with(self, &giant, NULL, NULL, &ref), NOH_E_TOO_BIG);
    CHECK_EQ(ref.bits, 77);
    CHECK_EQ(core_actors(system), 0);
    core_end(&world, system);
}

/* ---- limits and refs ---------------------------------------------------------------------- */

static void no_more_than_actors_max_live_at_once(void)
{
    static const uint32_t limits[] = {1000, 1, 2000};
    for (int i = 0; i < 3; i++) {
        core_world world;
        noh_system *system = core_start(&world, 2, &(noh_options){.actors_max = limits[i]});
        noh_self *self = noh_system_self(system);
        noh_ref *refs = calloc(limits[i] + 1, sizeof *refs);
        CHECK(refs != NULL);
        for (int round = 0; round < 3; round++) {
            uint32_t count = 0;
            noh_err err = NOH_OK;
            while (count <= limits[i] && err == NOH_OK) {
                err = noh_spawn_with(self, &noh_behavior_tiny, NULL, NULL, &refs[count]);
                count += err == NOH_OK;
            }
            CHECK_ERR(err, NOH_E_LIMIT);
            CHECK_EQ(count, limits[i]);
            CHECK_EQ(core_actors(system), limits[i]);
            sum answer;
            CHECK_OK(noh_call(self, refs[0], get_sum, &answer));
            for (uint32_t k = 0; k < count; k++) {
                (void)core_stop(self, refs[k], NOH_STOP_KILL);
            }
        }
        free(refs);
        core_end(&world, system);
    }
}

/* The place is free before anybody learns of the end, and after a spawn that failed. */
static void a_place_is_free_when_its_actor_has_ended(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, &(noh_options){.actors_max = 1});
    noh_self *self = noh_system_self(system);
    for (int i = 0; i < 3000; i++) {
        noh_ref ref;
        CHECK_OK(noh_spawn_with(self, &noh_behavior_tiny, NULL, NULL, &ref));
        CHECK_OK(noh_stop(self, ref, i % 2 == 0 ? NOH_STOP_KILL : NOH_STOP_DRAIN));
        if (i % 3 == 0) {
            CHECK_OK(noh_join(self, ref, NOH_FOREVER, NULL));
        }
        while (noh_tell(self, ref, work, .value = 1) != NOH_E_GONE) {
        }
    }
    noh_ref big = NOH_NO_REF;
    for (uint64_t at = 1; noh_ref_is_none(big); at++) {
        CHECK(at < 100);
        fault_at(&world.fault, at, false);
        noh_err err = noh_spawn_with(self, &noh_behavior_huge, NULL, NULL, &big);
        fault_at(&world.fault, 0, false);
        CHECK(err == NOH_OK || err == NOH_E_NOMEM);
    }
    noh_ref ref = NOH_NO_REF;
    CHECK_ERR(noh_spawn_with(self, &noh_behavior_tiny, NULL, NULL, &ref), NOH_E_LIMIT);
    core_end(&world, system);
}

/* Also for who learns of it as an asker. */
static void a_place_is_free_when_its_askers_are_told(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, &(noh_options){.actors_max = 1});
    noh_self *self = noh_system_self(system);
    for (int i = 0; i < 2000; i++) {
        noh_ref ref;
        noh_future future;
        sum answer;
        CHECK_OK(noh_spawn_with(self, &noh_behavior_tiny, NULL, NULL, &ref));
        CHECK_OK(noh_stop(self, ref, NOH_STOP_KILL));
        if (noh_ask(self, ref, get_sum, &future) == NOH_OK) {
            noh_err err = noh_await(self, future, sum, NOH_FOREVER, &answer);
            CHECK(err == NOH_E_STOPPED || err == NOH_E_GONE);
        }
    }
    core_end(&world, system);
}

static int compare_refs(const void *a, const void *b)
{
    uint64_t x = ((const noh_ref *)a)->bits;
    uint64_t y = ((const noh_ref *)b)->bits;
    return x < y ? -1 : x > y;
}

static void a_ref_never_comes_back(void)
{
    enum { REFS = 100000, ALIVE = 50 };
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref *refs = calloc(REFS, sizeof *refs);
    CHECK(refs != NULL);
    for (int i = 0; i < REFS; i++) {
        refs[i] = noh_spawn(self, tiny);
        CHECK(!noh_ref_is_none(refs[i]));
        if (i >= ALIVE) {
            CHECK_OK(noh_stop(self, refs[i - ALIVE], NOH_STOP_KILL));
        }
        if (i % 1000 == 999) { /* all the stops have come */
            CHECK_OK(noh_join(self, refs[i - ALIVE], NOH_FOREVER, NULL));
        }
    }
    for (int i = 0; i < REFS; i++) {
        bool alive = i >= REFS - ALIVE;
        CHECK_EQ(noh_is_alive(system, refs[i]), alive);
        CHECK_ERR(noh_tell(self, refs[i], work, .value = 1), alive ? NOH_OK : NOH_E_GONE);
    }
    qsort(refs, REFS, sizeof *refs, compare_refs);
    for (int i = 1; i < REFS; i++) {
        CHECK(!noh_ref_equal(refs[i - 1], refs[i]));
    }
    noh_stats stats;
    CHECK_OK(noh_system_stats(system, &stats));
    CHECK_EQ(stats.spawned, REFS);
    CHECK_EQ(stats.actors, ALIVE);
    free(refs);
    core_end(&world, system);
}

NOH_MESSAGE(born, (noh_ref, ref), (int64_t, err));
NOH_REQUEST(bear, born);
NOH_NO_STATE(mother);

/* On a worker, where a slot that was freed is used again at once. */
static noh_err on_bear(noh_self *self, mother *me, const bear *message)
{
    noh_ref ref = NOH_NO_REF;
    noh_err err = noh_spawn_with(self, &noh_behavior_tiny, NULL, NULL, &ref);
    return noh_reply(self, born, .ref = ref, .err = err);
}

NOH_BEHAVIOR(mother, NOH_ON(bear, on_bear));

static void the_first_ref_of_a_slot_stays_gone_after_the_last(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref parent = noh_spawn(self, mother);
    born first;
    born next;
    CHECK_OK(noh_call(self, parent, bear, &first));
    (void)core_stop(self, first.ref, NOH_STOP_NOW);
    nohi_gate *place = nohi_slots_at(&system->slots, nohi_ref_index(first.ref));
    /* As if millions had come and gone: few generations are left. */
    uint32_t generation = system->slots.first_generation + NOHI_TENANTS_EACH - 3;
    store_release(&place->generation, generation & NOHI_GENERATION_MASK);
    unsigned tenants = 0;
    for (;;) {
        CHECK_OK(noh_call(self, parent, bear, &next));
        if (nohi_ref_index(next.ref) != nohi_ref_index(first.ref)) {
            break; /* SLT-3: it has retired */
        }
        (void)core_stop(self, next.ref, NOH_STOP_NOW);
        CHECK_ERR(noh_tell(self, next.ref, work, .value = 1), NOH_E_GONE);
        tenants++;
    }
    CHECK_EQ(tenants, 3);
    CHECK_ERR(noh_tell(self, first.ref, work, .value = 1), NOH_E_GONE);
    CHECK_ERR(noh_stop(self, first.ref, NOH_STOP_NOW), NOH_E_GONE);
    core_end(&world, system);
}

/* While nothing moves: all free slots have one generation left. */
static void use_up_free_slots(noh_system *system)
{
    CHECK_TEXT(nohi_system_check(system, true), NULL);
    nohi_slots *slots = &system->slots;
    uint32_t limit = load_acquire(&slots->limit);
    uint32_t last = (slots->first_generation + NOHI_TENANTS_EACH - 1) & NOHI_GENERATION_MASK;
    for (uint32_t index = 1; index < limit; index++) {
        nohi_actor *a = nohi_slots_at(slots, index);
        if (load_relaxed(&a->life) == NOHI_FREE) {
            store_release(&a->gate.generation, last);
        }
    }
}

static void without_a_slot_left_there_is_no_actor_more(void)
{
    enum { ROOM = 60 };
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref parent = noh_spawn(self, mother);
    noh_ref refs[2 * ROOM]; /* fresh ones have a tenant before we see them */
    unsigned count = 0;
    uint32_t reserved = system->slots.count;
    system->slots.count = ROOM;
    for (;; count++) {
        born child;
        use_up_free_slots(system);
        CHECK_OK(noh_call(self, parent, bear, &child));
        if (child.err != NOH_OK) {
            CHECK_EQ(child.err, NOH_E_LIMIT);
            break;
        }
        CHECK(count < 2 * ROOM);
        refs[count] = child.ref;
        (void)core_stop(self, child.ref, NOH_STOP_NOW);
    }
    CHECK(count > 0);
    for (unsigned i = 0; i < count; i++) {
        CHECK_ERR(noh_tell(self, refs[i], work, .value = 1), NOH_E_GONE);
    }
    CHECK(noh_ref_is_none(noh_spawn(self, tiny)));
    born none;
    CHECK_OK(noh_call(self, parent, bear, &none)); /* who lives goes on */
    CHECK_EQ(none.err, NOH_E_LIMIT);
    CHECK_TEXT(nohi_system_check(system, true), NULL);
    system->slots.count = reserved;
    core_end(&world, system);
}

static void is_alive_takes_anything(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, tiny);
    CHECK(noh_is_alive(system, ref));
    CHECK(noh_is_alive(system, noh_self_ref(self)));
    CHECK(!noh_is_alive(NULL, ref));
    CHECK(!noh_is_alive(system, NOH_NO_REF));
    CHECK(!noh_is_alive(system, (noh_ref){UINT64_MAX}));
    core_end(&world, system);
}

/* ---- an actor among others ---------------------------------------------------------------- */

NOH_MESSAGE(count_down, (int64_t, left), (noh_ref, home));

typedef struct chain {
    int64_t seen;
} chain;

static noh_err chain_count_down(noh_self *self, chain *me, const count_down *m)
{
    me->seen++;
    if (m->left > 0) {
        return noh_tell(self, noh_self_ref(self), count_down, .left = m->left - 1, .home = m->home);
    }
    return noh_tell(self, m->home, event, .what = WORKED, .value = me->seen);
}

static noh_err chain_sum(noh_self *self, chain *me, const get_sum *m)
{
    return noh_reply(self, sum, .value = me->seen);
}

NOH_BEHAVIOR(chain, NOH_ON(count_down, chain_count_down), NOH_ON(get_sum, chain_sum));

static void an_actor_that_tells_itself_leaves_room_for_others(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref busy = noh_spawn(self, chain);
    noh_ref other = noh_spawn(self, chain);
    sum answer;
    CHECK_OK(noh_tell(self, busy, count_down, .left = 2000000, .home = noh_self_ref(self)));
    for (int i = 0; i < 10; i++) {
        CHECK_OK(noh_call(self, other, get_sum, &answer));
        CHECK_EQ(answer.value, 0);
        CHECK_OK(noh_call(self, busy, get_sum, &answer)); /* interleaved with its own */
    }
    expect(self, WORKED, 2000001);
    core_end(&world, system);
}

/* Children: a tree of spawns from handlers. */
NOH_MESSAGE(grow, (int64_t, depth), (noh_ref, home));

NOH_NO_STATE(tree);
NOH_BEHAVIOR_DECLARE(tree, noh_nothing);

static noh_err tree_grow(noh_self *self, tree *me, const grow *m)
{
    for (int i = 0; i < 2 && m->depth > 0; i++) {
        noh_ref child = noh_spawn(self, tree);
        CHECK_OK(noh_tell(self, child, grow, .depth = m->depth - 1, .home = m->home));
    }
    CHECK_OK(noh_tell(self, m->home, event, .what = WORKED, .value = m->depth));
    return noh_exit_self(self);
}

NOH_BEHAVIOR(tree, NOH_ON(grow, tree_grow));

static void actors_spawn_actors(void)
{
    enum { DEPTH = 12 };
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    CHECK_OK(
        noh_tell(self, noh_spawn(self, tree), grow, .depth = DEPTH, .home = noh_self_ref(self)));
    int64_t seen[DEPTH + 1] = {0};
    for (int i = 0; i < (2 << DEPTH) - 1; i++) {
        seen[CORE_RECEIVE(event, self)->value]++;
    }
    for (int depth = 0; depth <= DEPTH; depth++) {
        CHECK_EQ(seen[depth], 1 << (DEPTH - depth));
    }
    CHECK_OK(noh_system_stop(system, NOH_FOREVER));
    CHECK_EQ(core_actors(system), 0);
    noh_stats stats;
    CHECK_OK(noh_system_stats(system, &stats));
    CHECK_EQ(stats.spawned, (2 << DEPTH) - 1);
    core_end(&world, system);
}

static const test_case cases[] = {
    TEST(the_start_hook_runs_first_and_gets_its_arguments),
    TEST(a_start_hook_that_fails_ends_the_actor_without_another_hook),
    TEST(a_start_hook_may_end_its_actor),
    TEST(null_start_arguments_are_all_zero),
    TEST(drain_handles_what_is_queued),
    TEST(now_ends_after_the_message_in_hand),
    TEST(kill_runs_no_hook),
    TEST(join_learns_how_the_actor_ended),
    TEST(stopping_the_dead_is_gone),
    TEST(joins_refuse_what_they_cannot_wait_for),
    TEST(many_may_join_one_actor),
    TEST(a_hook_that_fails_does_not_hold_up_the_end),
    TEST(a_join_waits_for_the_last_hook),
    TEST(noh_fail_on_a_thread_logs_and_returns),
    TEST(behaviors_that_are_not_sound_are_refused),
    TEST(spawn_options_are_checked),
    TEST(behaviors_are_found_by_name),
    TEST(state_of_any_size_is_zeroed_aligned_and_kept),
    TEST(a_state_above_1_gib_is_too_big),
    TEST(no_more_than_actors_max_live_at_once),
    TEST(a_place_is_free_when_its_actor_has_ended),
    TEST(a_place_is_free_when_its_askers_are_told),
    TEST(a_ref_never_comes_back),
    TEST(the_first_ref_of_a_slot_stays_gone_after_the_last),
    TEST(without_a_slot_left_there_is_no_actor_more),
    TEST(is_alive_takes_anything),
    TEST(an_actor_that_tells_itself_leaves_room_for_others),
    TEST(actors_spawn_actors),
};
TEST_MAIN(cases)
