/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: whatever request for memory, pages or a thread fails, once or from then on, each call
 * returns OK or an error that says so, nothing hangs, nothing leaks, nothing crashes.
 * Method: one scenario that does everything public. It is run with its n-th request failing, for
 * n = 1, 2, … until a run needs fewer than n. A request that fails only once is followed by the
 * rest of the scenario with memory; SIGALRM ends what hangs. */
#include "fault.h"
#include "test.h"

#include <noh/noh.h>
#include <noh/watch.h>

#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

NOH_MESSAGE(text_message, (noh_text, text), (noh_bytes, bytes), (list, int64_t, numbers));
NOH_MESSAGE(parcel, (noh_box, box), (noh_shared_ptr, shared));
NOH_MESSAGE(sum, (int64_t, value), (noh_text, words));
NOH_REQUEST(add, sum, (int64_t, a), (int64_t, b));
NOH_REQUEST(add_later, sum, (int64_t, a), (int64_t, b));
NOH_REQUEST(add_elsewhere, sum, (int64_t, a), (int64_t, b));
NOH_REQUEST(refuse, sum);
NOH_MESSAGE(keep_promises);
NOH_MESSAGE(tick, (noh_text, text));
NOH_MESSAGE(use_timers);
NOH_MESSAGE(ask_around);
NOH_MESSAGE(change_roles);
NOH_MESSAGE(keep_numbers);
NOH_MESSAGE(fail_now);
NOH_MESSAGE(start_with, (noh_text, words), (noh_ref, helper));

/* A call may fail for want of something, and for nothing else. What follows from a want, such as a
 * ref that is NOH_NO_REF, shows as GONE; an answer that could not be made as one of the others. */
static bool is_want(noh_err err)
{
    return err == NOH_E_NOMEM || err == NOH_E_LIMIT || err == NOH_E_OS;
}

static void want(noh_err err, int line)
{
    if (err != NOH_OK && !is_want(err)) {
        test_failed(__FILE__, line, "%s", noh_err_name(err));
    }
}

static void want_or_gone(noh_err err, int line)
{
    if (err != NOH_E_GONE) {
        want(err, line);
    }
}

static void want_answer(noh_err err, int line)
{
    if (err != NOH_E_STOPPED && err != NOH_E_NO_ANSWER) {
        want_or_gone(err, line);
    }
}

/* In a handler that may run while the system drains. */
static void want_or_stopping(noh_err err, int line)
{
    if (err != NOH_E_STOPPING) {
        want(err, line);
    }
}

#define WANT(err) want((err), __LINE__)
#define WANT_OR_STOPPING(err) want_or_stopping((err), __LINE__)
#define WANT_OR_GONE(err) want_or_gone((err), __LINE__)
#define WANT_ANSWER(err) want_answer((err), __LINE__)

/* ---- boxes, counted ----------------------------------------------------------------------- */

static atomic_int boxes_out; /* boxes that were made and not dropped */

static void drop_box(void *data, size_t size)
{
    CHECK_EQ(size, 1);
    atomic_fetch_sub(&boxes_out, 1);
}

static noh_box new_box(void)
{
    static char content;
    atomic_fetch_add(&boxes_out, 1);
    return (noh_box){&content, 1, drop_box};
}

/* ---- actors ------------------------------------------------------------------------------- */

typedef struct server {
    char large[3000];
    noh_ref helper;
    noh_promise promises[32];
    int promised;
} server;

static noh_err server_started(noh_self *self, server *me, const start_with *start)
{
    me->helper = start->helper;
    CHECK_TEXT(start->words, "words of the start");
    return NOH_OK;
}

static noh_err server_text(noh_self *self, server *me, const text_message *m)
{
    CHECK_TEXT(m->text, "some text");
    CHECK_EQ(m->bytes.size, 6000);
    CHECK_EQ(m->numbers.items[2], 3);
    return NOH_OK;
}

static noh_err server_parcel(noh_self *self, server *me, const parcel *m)
{
    CHECK_EQ(m->box.size, 1);
    return NOH_OK;
}

static noh_err server_add(noh_self *self, server *me, const add *m)
{
    return noh_reply(self, sum, .value = m->a + m->b, .words = "an answer with words");
}

static noh_err server_add_later(noh_self *self, server *me, const add_later *m)
{
    if (me->promised == 32) {
        return NOH_OK;
    }
    noh_err err = noh_promise_take(self, &me->promises[me->promised]);
    WANT(err);
    me->promised += err == NOH_OK;
    return NOH_OK;
}

static noh_err server_keep(noh_self *self, server *me, const keep_promises *m)
{
    while (me->promised > 0) {
        noh_promise promise = me->promises[--me->promised];
        noh_err err = noh_promise_keep(self, promise, sum, .value = 7);
        WANT(err);
        if (err != NOH_OK) {
            WANT(noh_promise_fail(self, promise, NOH_E_NOMEM, "no memory for the answer"));
        }
    }
    return NOH_OK;
}

static noh_err server_add_elsewhere(noh_self *self, server *me, const add_elsewhere *m)
{
    WANT_OR_GONE(noh_forward(self, me->helper));
    return NOH_OK;
}

static noh_err server_refuse(noh_self *self, server *me, const refuse *m)
{
    return noh_reply_error(self, NOH_E_NOMEM,
                           "words that are longer than what fits into a request");
}

static noh_err server_tick(noh_self *self, server *me, const tick *m)
{
    CHECK_TEXT(m->text, "tick");
    return NOH_OK;
}

static noh_err server_timers(noh_self *self, server *me, const use_timers *m)
{
    noh_timer timers[6];
    for (int i = 0; i < 6; i++) {
        noh_err err = noh_after(self, i, noh_self_ref(self), tick, &timers[i], .text = "tick");
        WANT_OR_STOPPING(err);
        if (err == NOH_OK && i % 2 == 0) {
            err = noh_timer_cancel(self, timers[i]);
            CHECK(err == NOH_OK || err == NOH_E_SPENT);
        }
    }
    WANT_OR_STOPPING(noh_every(self, NOH_MS, noh_self_ref(self), tick, NULL, .text = "tick"));
    WANT(noh_idle_after(self, NOH_MS));
    return NOH_OK;
}

static noh_err server_idle(noh_self *self, server *me, const noh_idle *m)
{
    return NOH_OK;
}

static noh_err server_ask_around(noh_self *self, server *me, const ask_around *m)
{
    noh_future future;
    for (int i = 0; i < 6; i++) {
        WANT_OR_GONE(noh_ask(self, me->helper, add, &future, .a = i));
    }
    noh_ref child;
    noh_err err = noh_spawn_with(self, noh_behavior_find("child"), NULL,
                                 &(noh_spawn_options){.name = "child"}, &child);
    WANT_OR_STOPPING(err == NOH_E_TAKEN ? NOH_OK : err);
    if (err == NOH_OK) {
        WANT(noh_tell(self, child, tick, .text = "tick"));
        WANT(noh_stop(self, child, NOH_STOP_DRAIN));
    }
    return NOH_OK;
}

static noh_err server_sum(noh_self *self, server *me, const sum *m)
{
    CHECK(noh_answered(self).bits != 0);
    return NOH_OK;
}

static noh_err server_failure(noh_self *self, server *me, const noh_failure *m)
{
    WANT_ANSWER((noh_err)m->code);
    return NOH_OK;
}

static noh_err server_fail(noh_self *self, server *me, const fail_now *m)
{
    noh_fail(self, NOH_E_OS, "as it was told");
    return NOH_OK;
}

static noh_err server_stopped(noh_self *self, server *me, const noh_exit *exit)
{
    return NOH_OK;
}

NOH_ROLE_DECLARE(server, busy);

/* Puts itself aside and comes back busy; without memory it is for nothing. */
static noh_err server_change_roles(noh_self *self, server *me, const change_roles *m)
{
    noh_err err = noh_become(self, server, busy);
    WANT(err);
    if (err == NOH_OK) {
        CHECK_OK(noh_stash(self));
        CHECK_OK(noh_unstash(self));
    }
    return NOH_OK;
}

static noh_err busy_change_roles(noh_self *self, server *me, const change_roles *m)
{
    return noh_unbecome(self);
}

static noh_err busy_tick(noh_self *self, server *me, const tick *m)
{
    return noh_stash(self);
}

NOH_ROLE(server, busy, NOH_ON(change_roles, busy_change_roles), NOH_ON(tick, busy_tick));

/* The other way round, so that it is stash that finds no memory. */
static noh_err server_keep_numbers(noh_self *self, server *me, const keep_numbers *m)
{
    WANT(noh_stash(self));
    return NOH_OK;
}

NOH_BEHAVIOR_WITH(server, start_with, server_started, NOH_ON(text_message, server_text),
                  NOH_ON(parcel, server_parcel), NOH_ON(add, server_add),
                  NOH_ON(add_later, server_add_later), NOH_ON(keep_promises, server_keep),
                  NOH_ON(add_elsewhere, server_add_elsewhere), NOH_ON(refuse, server_refuse),
                  NOH_ON(tick, server_tick), NOH_ON(use_timers, server_timers),
                  NOH_ON(noh_idle, server_idle), NOH_ON(ask_around, server_ask_around),
                  NOH_ON(sum, server_sum), NOH_ON(noh_failure, server_failure),
                  NOH_ON(fail_now, server_fail), NOH_ON(change_roles, server_change_roles),
                  NOH_ON(keep_numbers, server_keep_numbers), NOH_ON_STOP(server_stopped),
                  NOH_ON_FAILURE(server_stopped));

NOH_NO_STATE(child);

static noh_err child_tick(noh_self *self, child *me, const tick *m)
{
    return NOH_OK;
}

NOH_BEHAVIOR(child, NOH_ON(tick, child_tick));

/* ---- the scenario ------------------------------------------------------------------------- */

static uint64_t alive(noh_system *system)
{
    noh_stats stats;
    CHECK_OK(noh_system_stats(system, &stats));
    return stats.actors;
}

static noh_ref spawn_server(noh_self *self, noh_ref helper, const char *name)
{
    noh_ref ref = NOH_NO_REF;
    WANT(noh_spawn_with(self, &noh_behavior_server,
                        NOH_VALUE(start_with, .words = "words of the start", .helper = helper),
                        &(noh_spawn_options){.name = name}, &ref));
    return ref;
}

static void tell_all_sorts(noh_self *self, noh_ref to)
{
    static const char bytes[6000];
    WANT_OR_GONE(noh_tell(self, to, text_message, .text = "some text", .bytes = {bytes, 6000},
                          .numbers = {(const int64_t[]){1, 2, 3}, 3}));
    noh_box box = new_box();
    noh_shared_ptr shared = NULL;
    WANT(noh_shared_new(NULL, 0, NULL, &shared));
    noh_err err = noh_tell(self, to, parcel, .box = box, .shared = shared);
    WANT_OR_GONE(err);
    if (err != NOH_OK) {
        box.drop(box.data, box.size);
    }
    noh_shared_release(shared);
}

static void ask_all_sorts(noh_self *self, noh_ref to)
{
    sum answer;
    noh_future futures[12];
    noh_err asked[12];
    WANT_ANSWER(noh_call(self, to, add, &answer, .a = 1, .b = 2));
    WANT_ANSWER(noh_call(self, to, add_elsewhere, &answer, .a = 1, .b = 2));
    WANT_ANSWER(noh_call(self, to, refuse, &answer));
    for (int i = 0; i < 12; i++) {
        asked[i] = noh_ask(self, to, add_later, &futures[i], .a = i);
        WANT_OR_GONE(asked[i]);
    }
    noh_err told = noh_tell(self, to, keep_promises);
    WANT_OR_GONE(told);
    for (int i = 0; i < 12; i++) {
        if (asked[i] != NOH_OK) {
            continue;
        }
        if (told != NOH_OK || i % 4 == 0) {
            CHECK_OK(noh_future_cancel(self, futures[i]));
        } else {
            WANT_ANSWER(noh_await(self, futures[i], sum, NOH_FOREVER, &answer));
        }
    }
}

static void use_a_thread_as_an_actor(noh_self *self)
{
    const noh_type *type;
    const void *got;
    noh_future future;
    noh_timer timer;
    sum answer;
    noh_ref me = noh_self_ref(self);
    if (noh_ask(self, me, add, &future, .a = 1) == NOH_OK) {
        do { /* dead letters may come between */
            CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &got));
        } while (type != NOH_TYPE(add));
        noh_promise promise;
        if (noh_promise_take(self, &promise) == NOH_OK) {
            WANT(noh_promise_keep(self, promise, sum, .value = 1));
            if (noh_future_cancel(self, future) != NOH_OK) {
                CHECK(false);
            }
        } else {
            WANT(noh_reply(self, sum, .value = 1));
            WANT_ANSWER(noh_await(self, future, sum, NOH_FOREVER, &answer));
        }
    }
    WANT(noh_after(self, 3600 * NOH_SECOND, me, tick, &timer, .text = "tick"));
    noh_err err = noh_after(self, 3600 * NOH_SECOND, me, tick, &timer, .text = "tick");
    if (err == NOH_OK) {
        noh_err cancelled = noh_timer_cancel(self, timer);
        CHECK(cancelled == NOH_OK || cancelled == NOH_E_SPENT);
    }
    noh_box box = new_box();
    err = noh_after(self, 3600 * NOH_SECOND, me, parcel, &timer, .box = box);
    WANT(err);
    if (err != NOH_OK) {
        box.drop(box.data, box.size);
    }
    for (int i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof name, "name %d", i);
        WANT(noh_register(self, name, me));
    }
}

static void run_in(noh_system *system)
{
    noh_self *self = noh_system_self(system);
    if (self == NULL) {
        return;
    }
    WANT(noh_dead_letters_subscribe(self, noh_self_ref(self)));
    uint64_t before = alive(system);
    noh_ref helper = spawn_server(self, NOH_NO_REF, NULL);
    noh_ref to = spawn_server(self, helper, "the server");
    if (noh_ref_is_none(helper) && noh_ref_is_none(to)) {
        /* What was begun of them ends, too. */
        while (alive(system) > before) {
            (void)noh_receive(self, NOH_MS, &(const noh_type *){NULL}, &(const void *){NULL});
        }
    }
    (void)noh_tell(self, NOH_NO_REF, tick, .text = "to nobody");
    tell_all_sorts(self, to);
    ask_all_sorts(self, to);
    WANT_OR_GONE(noh_tell(self, to, use_timers));
    WANT_OR_GONE(noh_tell(self, to, ask_around));
    WANT_OR_GONE(noh_tell(self, to, change_roles));
    WANT_OR_GONE(noh_tell(self, helper, keep_numbers));
    use_a_thread_as_an_actor(self);
    noh_exit exit;
    if (!noh_ref_is_none(helper)) {
        noh_err err = noh_join(self, helper, 0, &exit);
        bool over = !noh_is_alive(system, helper); /* its start hook has failed for want */
        CHECK(err == NOH_E_TIMEOUT || is_want(err) || (err == NOH_OK && over));
        WANT_OR_GONE(noh_tell(self, helper, fail_now));
        tell_all_sorts(self, helper); /* maybe behind its end */
    }
    if (!noh_ref_is_none(to) && noh_stop(self, to, NOH_STOP_DRAIN) == NOH_OK) {
        WANT(noh_join(self, to, NOH_FOREVER, &exit));
    }
    noh_err err = noh_self_free(self);
    CHECK(err == NOH_OK || err == NOH_E_OPEN_ASKS);
}

/* The worlds of all runs: where a stop was held up, a worker gives back what is left later. */
typedef struct run {
    fault_world fault;
    struct run *next;
} run;
static run *runs;

static void await_all_given_back(fault_world *fault)
{
    size_t left;
    fault_at(fault, 0, false);
    do {
        sched_yield();
        pthread_mutex_lock(&fault->lock);
        left = fault->live_blocks;
        pthread_mutex_unlock(&fault->lock);
    } while (left > 0);
}

static void no_log(void *world, const noh_log_record *record)
{
}

/* The n-th request fails. True: one did. */
static bool run_with_failure(uint64_t n, bool for_ever)
{
    run *this_run = calloc(1, sizeof *this_run);
    CHECK(this_run != NULL);
    this_run->next = runs;
    runs = this_run;
    fault_world *fault = &this_run->fault;
    noh_env env = fault_env(fault);
    env.log = no_log;
    atomic_store(&boxes_out, 0);
    alarm(60);
    fault_at(fault, n, for_ever);
    noh_system *system = NULL;
    noh_err err = noh_system_new(
        &(noh_options){.workers = 2, .env = &env, .stop_timeout_ns = 200 * NOH_MS}, &system);
    bool failed;
    if (err == NOH_OK) {
        run_in(system);
        err = noh_system_free(system);
        failed = fault_failures(fault) > 0;
        if (for_ever && err == NOH_E_HELD_UP) { /* there was no memory to ask all to stop */
            await_all_given_back(fault);
        } else {
            CHECK_OK(err);
        }
    } else {
        failed = fault_failures(fault) > 0;
        CHECK(is_want(err));
        CHECK(system == NULL);
    }
    if (fault_done(fault) != 0) {
        test_failed(__FILE__, __LINE__, "something leaks when request %llu fails %s",
                    (unsigned long long)n, for_ever ? "and all after it" : "once");
    }
    CHECK_EQ(boxes_out, 0);
    alarm(0);
    return failed;
}

static void nothing_breaks_when_one_request_fails(void)
{
    uint64_t n = 1;
    while (run_with_failure(n, false)) {
        n++;
    }
    CHECK(n > 20);
}

static void nothing_breaks_when_all_requests_fail_from_one_on(void)
{
    uint64_t n = 1;
    while (run_with_failure(n, true)) {
        n++;
    }
    CHECK(n > 20);
}

/* One after the other in a system that runs: after a failure the same call succeeds. */
static void a_call_that_failed_for_want_can_be_repeated(void)
{
    fault_world fault;
    noh_env env = fault_env(&fault);
    env.log = no_log;
    noh_system *system;
    CHECK_OK(noh_system_new(&(noh_options){.workers = 1, .env = &env}, &system));
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, child);
    CHECK_OK(
        noh_tell(self, ref, tick, .text = "tick")); /* so that the worker has a strand already, */
    CHECK_OK(noh_stop(self, ref, NOH_STOP_DRAIN));  /* and asks for nothing meanwhile */
    CHECK_OK(noh_join(self, ref, NOH_FOREVER, NULL));
    uint64_t failed = 0;
    for (uint64_t n = 1;; n++) {
        fault_at(&fault, n, false);
        noh_err err = noh_spawn_with(
            self, &noh_behavior_server, NOH_VALUE(start_with, .words = "words of the start"),
            &(noh_spawn_options){.name = "a name that was not there before"}, &ref);
        uint64_t failures = fault_failures(&fault);
        fault_at(&fault, 0, false);
        if (err == NOH_OK && failures == 0) {
            break;
        }
        if (err == NOH_OK) { /* it was the worker's request, for a strand: it goes on without */
            CHECK_OK(noh_stop(self, ref, NOH_STOP_KILL));
            CHECK_OK(noh_join(self, ref, NOH_FOREVER, NULL));
            continue;
        }
        CHECK_ERR(err, NOH_E_NOMEM);
        CHECK(noh_ref_is_none(noh_lookup(system, "a name that was not there before")));
        while (alive(system) > 0) {
            (void)noh_receive(self, NOH_MS, &(const noh_type *){NULL}, &(const void *){NULL});
        }
        failed++;
    }
    CHECK(failed >= 2);
    sum answer;
    CHECK_OK(noh_call(self, ref, add, &answer, .a = 1, .b = 2));
    CHECK_EQ(answer.value, 3);
    CHECK_OK(noh_system_free(system));
    CHECK_EQ(fault_done(&fault), 0);
}

static const test_case cases[] = {
    TEST(nothing_breaks_when_one_request_fails),
    TEST(nothing_breaks_when_all_requests_fail_from_one_on),
    TEST(a_call_that_failed_for_want_can_be_repeated),
};
TEST_MAIN(cases)
