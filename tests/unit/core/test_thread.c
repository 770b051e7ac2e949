/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a plain thread is an actor like any other: it has one self, is told and asked, and when it
 * leaves, however it leaves, nothing of it stays and nobody waits for it in vain.
 * Method: threads come, do a little and go, many one after the other and several at once, while
 * others send to the refs they had. */
#include "core.h"

#include <limits.h>

NOH_MESSAGE(number, (int64_t, value));
NOH_MESSAGE(sum, (int64_t, value));
NOH_REQUEST(add, sum, (int64_t, a), (int64_t, b));

NOH_NO_STATE(adder);

static noh_err adder_add(noh_self *self, adder *me, const add *m)
{
    return noh_reply(self, sum, .value = m->a + m->b);
}

static noh_err adder_number(noh_self *self, adder *me, const number *m)
{
    (void)noh_tell(self, noh_sender(self), number, .value = m->value); /* it may have left */
    return NOH_OK;
}

NOH_BEHAVIOR(adder, NOH_ON(add, adder_add), NOH_ON(number, adder_number));

static void *get_self(void *arg)
{
    return noh_system_self(arg);
}

static void a_thread_has_one_self(void)
{
    core_world world;
    core_world other_world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_system *other = core_start(&other_world, 1, NULL);
    noh_self *self = noh_system_self(system);
    CHECK(self != NULL);
    for (int i = 0; i < 10; i++) {
        CHECK(noh_system_self(system) == self);
        CHECK(noh_system_self(other) != self);
    }
    CHECK(noh_self_system(self) == system);
    CHECK(noh_is_alive(system, noh_self_ref(self)));
    void *of_another = NULL;
    CHECK_EQ(pthread_join(core_thread(get_self, system), &of_another), 0);
    CHECK(of_another != NULL && of_another != self);
    CHECK(noh_system_self(system) == self);
    core_end(&world, system);
    core_end(&other_world, other);
}

static void a_freed_self_is_dead_and_a_new_one_is_another(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_ref before = NOH_NO_REF;
    for (int i = 0; i < 1000; i++) {
        noh_self *self = noh_system_self(system);
        noh_ref ref = noh_self_ref(self);
        CHECK(noh_is_alive(system, ref));
        CHECK(!noh_is_alive(system, before));
        CHECK(!noh_ref_equal(ref, before));
        CHECK_ERR(noh_tell(self, before, number, .value = i), NOH_E_GONE);
        CHECK_OK(noh_tell(self, ref, number, .value = i));
        CHECK_OK(noh_self_free(self)); /* with a message in its mailbox */
        before = ref;
    }
    noh_stats stats;
    CHECK_OK(noh_system_stats(system, &stats));
    CHECK_EQ(stats.threads, 0);
    CHECK_EQ(stats.actors, 0);
    noh_ledger ledger = core_settled(system, 0);
    CHECK_EQ(ledger.dead[NOH_DEAD_STOPPED], 1000);
    CHECK_EQ(ledger.dead[NOH_DEAD_GONE], 1000);
    core_end(&world, system);
}

static void receive_takes_what_is_there_or_times_out(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref me = noh_self_ref(self);
    const noh_type *type = NULL;
    const void *got = NULL;
    CHECK_ERR(noh_receive(self, 0, &type, &got), NOH_E_TIMEOUT);
    CHECK_ERR(noh_receive(self, -1, &type, &got), NOH_E_INVAL);
    CHECK_ERR(noh_receive(self, INT64_MIN, &type, &got), NOH_E_INVAL);
    CHECK_ERR(noh_receive(NULL, 0, &type, &got), NOH_E_INVAL);
    CHECK_ERR(noh_receive(self, 0, NULL, &got), NOH_E_INVAL);
    CHECK_ERR(noh_receive(self, 0, &type, NULL), NOH_E_INVAL);
    CHECK(type == NULL && got == NULL);
    static const int64_t timeouts[] = {1, NOH_US, 100 * NOH_US, 3 * NOH_MS};
    for (int i = 0; i < 4; i++) {
        int64_t began_ns = noh_now(system);
        CHECK_ERR(noh_receive(self, timeouts[i], &type, &got), NOH_E_TIMEOUT);
        CHECK(noh_now(system) - began_ns >= timeouts[i]);
    }
    CHECK_OK(noh_tell(self, me, number, .value = 5));
    CHECK_OK(noh_receive(self, 0, &type, &got));
    CHECK(type == NOH_TYPE(number));
    CHECK_EQ(((const number *)got)->value, 5);
    CHECK(noh_ref_equal(noh_sender(self), me));
    CHECK_ERR(noh_receive(self, -1, &type, &got), NOH_E_INVAL);
    CHECK_EQ(((const number *)got)->value, 5); /* an invalid call is no wait */
    CHECK(noh_ref_equal(noh_sender(self), me));
    CHECK_ERR(noh_receive(self, 0, &type, &got), NOH_E_TIMEOUT);
    CHECK(noh_ref_is_none(noh_sender(self)));
    core_end(&world, system);
}

typedef struct service {
    noh_system *system;
    int requests;
} service;

/* A thread that serves requests, as an actor would. */
static void *serve(void *arg)
{
    service *s = arg;
    noh_self *self = noh_system_self(s->system);
    CHECK_OK(noh_register(self, "service", noh_self_ref(self)));
    for (int i = 0; i < s->requests; i++) {
        const add *m = CORE_RECEIVE(add, self);
        if (m->a >= 0) {
            CHECK_ERR(noh_reply(self, number, .value = 1), NOH_E_WRONG_TYPE);
            CHECK_OK(noh_reply(self, sum, .value = m->a + m->b));
            CHECK_ERR(noh_reply(self, sum, .value = 0), NOH_E_ANSWERED);
        }
    }
    return NULL;
}

static void a_thread_answers_what_it_receives(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    service s = {system, 201};
    pthread_t thread = core_thread(serve, &s);
    noh_ref to = NOH_NO_REF;
    while (noh_ref_is_none(to)) {
        to = noh_lookup(system, "service");
        sched_yield();
    }
    sum answer;
    for (int i = 0; i < 200; i++) {
        if (i % 10 == 9) { /* forgotten: the next wait of that thread says so */
            CHECK_ERR(noh_call(self, to, add, &answer, .a = -1), NOH_E_NO_ANSWER);
        } else {
            CHECK_OK(noh_call(self, to, add, &answer, .a = i, .b = 1));
            CHECK_EQ(answer.value, i + 1);
        }
    }
    CHECK_ERR(noh_call(self, to, add, &answer, .a = -1), NOH_E_NO_ANSWER); /* it ends instead */
    core_join_thread(thread);
    CHECK_ERR(noh_call(self, to, add, &answer, .a = 1), NOH_E_GONE);
    CHECK(noh_ref_is_none(noh_lookup(system, "service")));
    core_end(&world, system);
}

static void a_thread_asks_itself(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref me = noh_self_ref(self);
    noh_future futures[100];
    sum answer;
    for (int i = 0; i < 100; i++) {
        CHECK_OK(noh_ask(self, me, add, &futures[i], .a = i, .b = i));
    }
    CHECK_ERR(noh_await(self, futures[0], sum, 0, &answer), NOH_E_TIMEOUT);
    for (int i = 0; i < 100; i++) {
        const add *m = CORE_RECEIVE(add, self);
        CHECK_OK(noh_reply(self, sum, .value = m->a + m->b));
    }
    for (int i = 99; i > 0; i--) {
        CHECK_OK(noh_await(self, futures[i], sum, 0, &answer));
        CHECK_EQ(answer.value, 2 * i);
    }
    CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_LATE], 1);
    core_end(&world, system);
}

static void answers_do_not_disturb_what_is_received(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = noh_spawn(self, adder);
    for (int64_t i = 0; i < 200; i++) {
        noh_future future;
        sum answer;
        CHECK_OK(noh_ask(self, to, add, &future, .a = i, .b = 1));
        CHECK_OK(noh_tell(self, to, number, .value = i));
        CHECK_EQ(CORE_RECEIVE(number, self)->value, i); /* the answer came before it */
        CHECK_OK(noh_await(self, future, sum, 0, &answer));
        CHECK_EQ(answer.value, i + 1);
    }
    core_expect_nothing(self);
    core_end(&world, system);
}

/* ---- coming and going --------------------------------------------------------------------- */

static void *come_and_go(void *arg)
{
    service *s = arg;
    noh_self *self = noh_system_self(s->system);
    noh_ref to = noh_lookup(s->system, "adder");
    uint64_t chance = noh_self_ref(self).bits;
    noh_future future;
    sum answer;
    CHECK_OK(noh_call(self, to, add, &answer, .a = 20, .b = 1));
    CHECK_EQ(answer.value, 21);
    for (int i = 0; i < 5; i++) {
        CHECK_OK(noh_tell(self, to, number, .value = i)); /* comes back, maybe too late */
        CHECK_OK(noh_ask(self, to, add, &future, .a = i));
        noh_ref own = noh_spawn(self, adder);
        CHECK_OK(noh_tell(self, own, number, .value = i));
        CHECK_OK(noh_stop(self, own, (noh_stop_kind)test_below(&chance, 3)));
    }
    switch (test_below(&chance, 3)) {
    case 0:
        CHECK_ERR(noh_self_free(self), NOH_E_OPEN_ASKS);
        break;
    case 1:
        CHECK_OK(noh_await(self, future, sum, NOH_FOREVER, &answer));
        break;
    default:
        break; /* ends as it is */
    }
    return NULL;
}

static void many_threads_come_and_go(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = noh_spawn(self, adder);
    CHECK_OK(noh_register(self, "adder", to));
    service s = {system, 0};
    for (int round = 0; round < 200; round++) {
        pthread_t threads[4];
        for (int i = 0; i < 4; i++) {
            threads[i] = core_thread(come_and_go, &s);
        }
        for (int i = 0; i < 4; i++) {
            core_join_thread(threads[i]);
        }
    }
    noh_stats stats;
    CHECK_OK(noh_system_stats(system, &stats));
    CHECK_EQ(stats.threads, 1);
    CHECK_EQ(stats.spawned, 1 + 200 * 4 * 5);
    while (core_actors(system) > 1) {
        sched_yield();
    }
    (void)core_settled(system, 0);
    CHECK(noh_is_alive(system, to));
    core_end(&world, system);
}

typedef struct waiting {
    noh_system *system;
    core_gate *gate;
    atomic_int refused;
    atomic_int granted;
} waiting;

static void *take_a_self(void *arg)
{
    waiting *w = arg;
    noh_self *self = noh_system_self(w->system);
    atomic_fetch_add(self == NULL ? &w->refused : &w->granted, 1);
    core_pass(w->gate);
    return NULL;
}

/* 4,096 threads have a self, the next one does not, until one has left. */
static void the_4097th_thread_gets_no_self(void)
{
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    return; /* so many threads are too many for a sanitizer */
#endif
    enum { MOST = 4096, MORE = 3 };
    static pthread_t threads[MOST + MORE];
    static core_gate gate = CORE_GATE;
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    waiting w = {.system = system, .gate = &gate};
    pthread_attr_t small;
    CHECK_EQ(pthread_attr_init(&small), 0);
    CHECK_EQ(pthread_attr_setstacksize(&small, 64 * 1024), 0);
    int count = 0;
    while (count < MOST + MORE) {
        if (pthread_create(&threads[count], &small, take_a_self, &w) != 0) {
            break; /* this machine does not have so many */
        }
        count++;
    }
    core_await_inside(&gate, (unsigned)count);
    int expected = count < MOST ? count : MOST;
    CHECK_EQ(w.granted, expected);
    CHECK_EQ(w.refused, count - expected);
    core_open_gate(&gate);
    for (int i = 0; i < count; i++) {
        core_join_thread(threads[i]);
    }
    CHECK(noh_system_self(system) != NULL);
    CHECK_EQ(pthread_attr_destroy(&small), 0);
    core_end(&world, system);
}

/* A thread may outlive the system it had a self of. */
static core_gate outlive = CORE_GATE;

static void *outlive_it(void *arg)
{
    CHECK(noh_system_self(arg) != NULL);
    core_pass(&outlive);
    return NULL;
}

static void a_thread_may_end_after_the_system(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    pthread_t thread = core_thread(outlive_it, system);
    core_await_inside(&outlive, 1);
    core_end(&world, system);
    core_open_gate(&outlive);
    core_join_thread(thread);
}

static const test_case cases[] = {
    TEST(a_thread_has_one_self),
    TEST(a_freed_self_is_dead_and_a_new_one_is_another),
    TEST(receive_takes_what_is_there_or_times_out),
    TEST(a_thread_answers_what_it_receives),
    TEST(a_thread_asks_itself),
    TEST(answers_do_not_disturb_what_is_received),
    TEST(many_threads_come_and_go),
    TEST(the_4097th_thread_gets_no_self),
    TEST(a_thread_may_end_after_the_system),
};
TEST_MAIN(cases)
