/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The actor of test_actor.c and test_stop.c: a worker that tells its watcher each hook, and fails or
 * ends in all ways when it is ordered to. A gate to block it fixes what is queued when a stop comes. */
#ifndef NOH_TEST_WORKER_H
#define NOH_TEST_WORKER_H

#include "core.h"

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

static inline noh_ref spawn_worker(noh_self *self, int64_t what)
{
    char words[] = "some words";
    noh_ref ref =
        noh_spawn(self, worker, .watcher = noh_self_ref(self), .what = what, .words = words);
    CHECK(!noh_ref_is_none(ref));
    memset(words, 'x', sizeof words - 1);
    return ref;
}

static inline void expect(noh_self *self, int64_t what, int64_t value)
{
    const event *e = CORE_RECEIVE(event, self);
    CHECK_EQ(e->what, what);
    CHECK_EQ(e->value, value);
}

static inline void expect_text(noh_self *self, int64_t what, int64_t value, const char *text)
{
    const event *e = CORE_RECEIVE(event, self);
    CHECK_EQ(e->what, what);
    CHECK_EQ(e->value, value);
    CHECK_TEXT(e->text, text);
}

static inline noh_exit join(noh_self *self, noh_ref actor)
{
    noh_exit exit;
    CHECK_OK(noh_join(self, actor, NOH_FOREVER, &exit));
    return exit;
}

#endif
