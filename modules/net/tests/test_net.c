/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: actors run on the loop's thread, between libuv's callbacks; messages from other threads
 * wake it; timers come in time; it ends when told.
 * Method: real threads, real descriptors; whoever waits waits for an event, with a limit that only
 * a broken loop reaches. */
#include <noh/net.h>

#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#include <uv.h>

NOH_MESSAGE(number, (int32_t, value));
NOH_REQUEST(twice, number, (int32_t, value));
NOH_MESSAGE(done);

typedef struct place {
    pthread_t thread;
    noh_loop *loop;
    int seen;
} place;

/* What the actors of a case report to. */
static place here;

typedef struct doubler {
    int32_t count;
} doubler;

static noh_err on_twice(noh_self *self, doubler *me, const twice *m)
{
    CHECK(pthread_equal(pthread_self(), here.thread));
    me->count++;
    return noh_reply(self, number, .value = 2 * m->value);
}

static noh_err on_number(noh_self *self, doubler *me, const number *m)
{
    CHECK(pthread_equal(pthread_self(), here.thread));
    here.seen += m->value;
    return NOH_OK;
}

static noh_err on_done(noh_self *self, doubler *me, const done *m)
{
    noh_loop_stop(here.loop);
    return NOH_OK;
}

NOH_BEHAVIOR(doubler, NOH_ON(twice, on_twice), NOH_ON(number, on_number), NOH_ON(done, on_done));

static noh_system *begin(void)
{
    noh_system *system;
    CHECK_OK(noh_system_new(NULL, &system));
    here = (place){.thread = pthread_self()};
    CHECK_OK(noh_loop_new(system, &here.loop));
    CHECK(noh_loop_self(here.loop) != NULL);
    CHECK(noh_loop_uv(here.loop) != NULL);
    return system;
}

static void end(noh_system *system)
{
    CHECK_OK(noh_loop_free(here.loop));
    CHECK_OK(noh_system_free(system));
}

static noh_ref spawn_pinned(void)
{
    noh_ref actor;
    CHECK_OK(noh_spawn_with(noh_loop_self(here.loop), &noh_behavior_doubler, NULL,
                            &(noh_spawn_options){.pinned = true}, &actor));
    return actor;
}

static void actors_run_on_the_thread_of_the_loop(void)
{
    noh_system *system = begin();
    noh_ref actor = spawn_pinned();
    for (int i = 0; i < 1000; i++) {
        CHECK_OK(noh_tell(noh_loop_self(here.loop), actor, number, .value = 1));
    }
    CHECK_OK(noh_tell(noh_loop_self(here.loop), actor, done));
    CHECK_OK(noh_loop_run(here.loop));
    CHECK_EQ(here.seen, 1000);
    end(system);
}

typedef struct caller {
    noh_system *system;
    noh_ref actor;
    int calls;
} caller;

static void *call_often(void *arg)
{
    caller *c = arg;
    noh_self *self = noh_system_self(c->system);
    for (int32_t i = 0; i < c->calls; i++) {
        number answer;
        CHECK_OK(noh_call(self, c->actor, twice, &answer, .value = i));
        CHECK_EQ(answer.value, 2 * i);
    }
    CHECK_OK(noh_tell(self, c->actor, done));
    noh_self_free(self);
    return NULL;
}

/* Each call finds the loop asleep, or about to be: a lost wake-up would hang it. */
static void messages_of_other_threads_wake_the_loop(void)
{
    noh_system *system = begin();
    caller c = {system, spawn_pinned(), 20000};
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, call_often, &c), 0);
    CHECK_OK(noh_loop_run(here.loop));
    pthread_join(thread, NULL);
    end(system);
}

static void timers_wake_the_loop_in_time(void)
{
    noh_system *system = begin();
    noh_self *self = noh_loop_self(here.loop);
    noh_ref actor = spawn_pinned();
    int64_t began = noh_now(system);
    CHECK_OK(noh_after(self, 30 * NOH_MS, actor, number, NULL, .value = 1));
    CHECK_OK(noh_after(self, 50 * NOH_MS, actor, done, NULL));
    CHECK_OK(noh_loop_run(here.loop));
    int64_t took = noh_now(system) - began;
    CHECK_EQ(here.seen, 1);
    CHECK(took >= 50 * NOH_MS);
    CHECK(took < 1050 * NOH_MS); /* a busy machine, not a forgotten timer */
    end(system);
}

static void periodic_timers_tick_on_an_idle_loop(void)
{
    noh_system *system = begin();
    noh_self *self = noh_loop_self(here.loop);
    noh_ref actor = spawn_pinned();
    CHECK_OK(noh_every(self, 5 * NOH_MS, actor, number, NULL, .value = 1));
    int64_t end_ns = noh_now(system) + 5 * NOH_SECOND;
    while (here.seen < 10 && noh_now(system) < end_ns) {
        CHECK_OK(noh_loop_turn(here.loop, NOH_SECOND));
    }
    CHECK_EQ(here.seen, 10);
    /* A tick that is queued when the loop goes would be handled by a worker. */
    CHECK_OK(noh_stop(self, actor, NOH_STOP_NOW));
    while (noh_is_alive(system, actor)) {
        CHECK_OK(noh_loop_turn(here.loop, NOH_MS));
    }
    end(system);
}

static void a_turn_returns_when_its_time_is_up(void)
{
    noh_system *system = begin();
    int64_t began = noh_now(system);
    CHECK_OK(noh_loop_turn(here.loop, 0));
    CHECK_OK(noh_loop_turn(here.loop, 20 * NOH_MS));
    CHECK(noh_now(system) - began >= 20 * NOH_MS);
    CHECK_ERR(noh_loop_turn(here.loop, -1), NOH_E_INVAL);
    end(system);
}

static void *send_one(void *arg)
{
    const caller *c = arg;
    noh_self *self = noh_system_self(c->system);
    CHECK_OK(noh_tell(self, c->actor, number, .value = 1));
    noh_self_free(self);
    return NULL;
}

/* Whoever waits for it must not wait for the end of another turn. */
static void a_turn_ends_when_what_came_was_handled(void)
{
    noh_system *system = begin();
    caller c = {.system = system, .actor = spawn_pinned()};
    int64_t began = noh_now(system);
    for (int i = 1; i <= 10; i++) {
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, NULL, send_one, &c), 0);
        while (here.seen < i) {
            CHECK_OK(noh_loop_turn(here.loop, 10 * NOH_SECOND));
        }
        pthread_join(thread, NULL);
    }
    CHECK(noh_now(system) - began < 5 * NOH_SECOND);
    end(system);
}

static void tell_one(uv_prepare_t *prepare)
{
    CHECK_OK(noh_tell(noh_loop_self(here.loop), *(noh_ref *)prepare->data, number, .value = 1));
    uv_prepare_stop(prepare);
}

/* The same for what comes right before the loop sleeps. */
static void a_turn_ends_when_its_own_sending_was_handled(void)
{
    noh_system *system = begin();
    noh_ref actor = spawn_pinned();
    uv_prepare_t prepare = {.data = &actor};
    uv_prepare_init(noh_loop_uv(here.loop), &prepare);
    int64_t began = noh_now(system);
    for (int i = 1; i <= 2; i++) {
        uv_prepare_start(&prepare, tell_one);
        while (here.seen < i) {
            CHECK_OK(noh_loop_turn(here.loop, 60 * NOH_SECOND));
        }
    }
    CHECK(noh_now(system) - began < 60 * NOH_SECOND);
    end(system); /* closes it */
}

static void *stop_it(void *arg)
{
    noh_loop_stop(arg);
    return NULL;
}

static void any_thread_stops_it_before_or_after_it_runs(void)
{
    noh_system *system = begin();
    noh_loop_stop(here.loop);
    CHECK_OK(noh_loop_run(here.loop));
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, NULL, stop_it, here.loop), 0);
        CHECK_OK(noh_loop_run(here.loop));
        pthread_join(thread, NULL);
    }
    noh_loop_stop(NULL);
    end(system);
}

static void both_signals_have_their_default_action(void)
{
    static const int signals[] = {SIGINT, SIGTERM};
    for (int i = 0; i < 2; i++) {
        struct sigaction action;
        sigaction(signals[i], NULL, &action);
        CHECK(action.sa_handler == SIG_DFL);
    }
}

/* Also where they were ignored before, as in what a shell script starts in the background. */
static void signals_end_the_run_and_then_kill_again(void)
{
    static const int signals[] = {SIGINT, SIGTERM};
    for (int i = 0; i < 2; i++) {
        noh_system *system = begin();
        signal(signals[i], SIG_IGN);
        CHECK_OK(noh_loop_stop_on_signals(here.loop));
        CHECK_OK(noh_loop_stop_on_signals(here.loop));
        kill(getpid(), signals[i]);
        CHECK_OK(noh_loop_run(here.loop));
        both_signals_have_their_default_action();
        CHECK_OK(noh_loop_stop_on_signals(here.loop)); /* and again */
        kill(getpid(), signals[i]);
        CHECK_OK(noh_loop_run(here.loop));
        CHECK_OK(noh_loop_stop_on_signals(here.loop));
        end(system);
        both_signals_have_their_default_action();
    }
}

/* A source that reads its pipe in its function and gives an actor what it read. */
typedef struct reader {
    int fd;
    noh_ref actor;
    int calls;
    int readable;
} reader;

static bool read_pipe(void *ctx, bool readable)
{
    reader *r = ctx;
    r->calls++;
    if (!readable) {
        return false;
    }
    r->readable++;
    char bytes[16];
    ssize_t n = read(r->fd, bytes, sizeof bytes);
    CHECK(n > 0);
    noh_self *self = noh_loop_self(here.loop);
    CHECK_OK(noh_tell(self, r->actor, number, .value = (int32_t)n));
    if (bytes[n - 1] == '!') {
        CHECK_OK(noh_tell(self, r->actor, done));
    }
    return true;
}

static void *write_pipe(void *arg)
{
    int fd = *(int *)arg;
    for (int i = 0; i < 999; i++) {
        CHECK_EQ(write(fd, ".", 1), 1);
    }
    CHECK_EQ(write(fd, "!", 1), 1);
    return NULL;
}

static void a_source_feeds_actors_before_the_loop_sleeps(void)
{
    noh_system *system = begin();
    int fds[2];
    CHECK_EQ(pipe(fds), 0);
    reader r = {.fd = fds[0], .actor = spawn_pinned()};
    noh_source *source;
    CHECK_OK(noh_source_add(here.loop, fds[0], read_pipe, &r, &source));
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, write_pipe, &fds[1]), 0);
    CHECK_OK(noh_loop_run(here.loop));
    pthread_join(thread, NULL);
    CHECK_EQ(here.seen, 1000);
    CHECK(r.readable > 0 && r.calls > r.readable);
    noh_source_remove(source);
    noh_source_remove(NULL);
    CHECK_OK(noh_loop_turn(here.loop, 0));
    close(fds[0]);
    close(fds[1]);
    end(system);
}

/* A source that always has more: the loop must still look at its other descriptors. */
static bool never_enough(void *ctx, bool readable)
{
    int *calls = ctx;
    (*calls)++;
    return true;
}

static void a_busy_source_does_not_starve_the_others(void)
{
    noh_system *system = begin();
    int calls = 0;
    noh_source *source;
    CHECK_OK(noh_source_add(here.loop, -1, never_enough, &calls, &source));
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, stop_it, here.loop), 0);
    CHECK_OK(noh_loop_run(here.loop));
    pthread_join(thread, NULL);
    CHECK(calls > 0);
    end(system); /* with the source still there */
}

static noh_err nested;

static void run_nested(uv_timer_t *timer)
{
    nested = noh_loop_run(here.loop);
    CHECK_ERR(noh_loop_turn(here.loop, 0), NOH_E_CONTEXT);
    CHECK_ERR(noh_loop_free(here.loop), NOH_E_CONTEXT);
    CHECK_OK(noh_tell(noh_loop_self(here.loop), *(noh_ref *)timer->data, number, .value = 7));
    CHECK_OK(noh_tell(noh_loop_self(here.loop), *(noh_ref *)timer->data, done));
}

static void callbacks_of_libuv_may_send_but_not_run_the_loop(void)
{
    noh_system *system = begin();
    noh_ref actor = spawn_pinned();
    uv_timer_t timer = {.data = &actor};
    uv_timer_init(noh_loop_uv(here.loop), &timer);
    uv_timer_start(&timer, run_nested, 1, 0);
    CHECK_OK(noh_loop_run(here.loop));
    CHECK_ERR(nested, NOH_E_CONTEXT);
    CHECK_EQ(here.seen, 7);
    end(system); /* closes the timer */
}

static void wrong_arguments_are_refused(void)
{
    noh_loop *loop = NULL;
    noh_source *source;
    CHECK_ERR(noh_loop_new(NULL, &loop), NOH_E_INVAL);
    CHECK_ERR(noh_loop_run(NULL), NOH_E_INVAL);
    CHECK_ERR(noh_loop_turn(NULL, 0), NOH_E_INVAL);
    CHECK_ERR(noh_loop_stop_on_signals(NULL), NOH_E_INVAL);
    CHECK_OK(noh_loop_free(NULL));
    CHECK(noh_loop_self(NULL) == NULL && noh_loop_uv(NULL) == NULL);

    noh_system *system = begin();
    CHECK_ERR(noh_loop_new(system, &loop), NOH_E_TAKEN);
    CHECK(loop == NULL);
    CHECK_ERR(noh_source_add(here.loop, 100000, read_pipe, NULL, &source), NOH_E_OS);
    CHECK_ERR(noh_source_add(here.loop, -1, NULL, NULL, &source), NOH_E_INVAL);
    end(system);
}

static const test_case cases[] = {
    TEST(actors_run_on_the_thread_of_the_loop),
    TEST(messages_of_other_threads_wake_the_loop),
    TEST(timers_wake_the_loop_in_time),
    TEST(periodic_timers_tick_on_an_idle_loop),
    TEST(a_turn_returns_when_its_time_is_up),
    TEST(a_turn_ends_when_what_came_was_handled),
    TEST(a_turn_ends_when_its_own_sending_was_handled),
    TEST(any_thread_stops_it_before_or_after_it_runs),
    TEST(signals_end_the_run_and_then_kill_again),
    TEST(a_source_feeds_actors_before_the_loop_sleeps),
    TEST(a_busy_source_does_not_starve_the_others),
    TEST(callbacks_of_libuv_may_send_but_not_run_the_loop),
    TEST(wrong_arguments_are_refused),
};
TEST_MAIN(cases)
