/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: at any quiet moment  sent == handled + queued + dead, whatever happened before.
 * Method: a crowd of actors does by chance all that can become of a message, and plain threads join
 * in; a seed that fails is printed. Cases of one kind compare every number with what was done. */
#include "core.h"

NOH_MESSAGE(reply_of, (int64_t, value));
NOH_MESSAGE(act, (uint64_t, seed), (int32_t, energy));
NOH_REQUEST(request_act, reply_of, (uint64_t, seed), (int32_t, energy));
NOH_MESSAGE(odd_one);
NOH_MESSAGE(block);

enum { CROWD = 40, PROMISES = 4 };

static noh_ref crowd[CROWD];
static core_gate gate = CORE_GATE;

typedef struct member {
    int64_t handled;
    noh_promise promises[PROMISES];
    int promised;
} member;

static noh_err act_on(noh_self *self, member *me, uint64_t seed, int32_t energy, bool asked)
{
    uint64_t chance = seed;
    me->handled++;
    for (int i = 0; i < 2 && energy > 0; i++) {
        noh_ref to = crowd[test_below(&chance, CROWD)];
        noh_future future;
        switch (test_below(&chance, 8)) {
        case 0:
            (void)noh_ask(self, to, request_act, &future, .seed = chance, .energy = energy - 1);
            break;
        case 1:
            (void)noh_after(self, (int64_t)test_below(&chance, 200000), to, act, NULL,
                            .seed = chance, .energy = energy - 1);
            break;
        case 2:
            (void)noh_tell(self, to, odd_one);
            break;
        default:
            (void)noh_tell(self, to, act, .seed = chance, .energy = energy - 1);
            break;
        }
    }
    switch (test_below(&chance, 200)) {
    case 0:
        return NOH_E_OS;
    case 1:
        noh_fail(self, NOH_E_FAILED, "by chance");
        return NOH_OK;
    case 2:
        return noh_exit_self(self);
    case 3:
        (void)noh_stop(self, crowd[test_below(&chance, CROWD)],
                       (noh_stop_kind)test_below(&chance, 3));
        return NOH_OK;
    default:
        break;
    }
    if (!asked) {
        return NOH_OK;
    }
    switch (test_below(&chance, 5)) {
    case 0:
        return NOH_OK; /* no answer */
    case 1:
        (void)noh_forward(self, crowd[test_below(&chance, CROWD)]);
        return NOH_OK;
    case 2:
        if (me->promised < PROMISES) {
            return noh_promise_take(self, &me->promises[me->promised++]);
        }
        (void)noh_promise_keep(self, me->promises[--me->promised], reply_of, .value = 1);
        return noh_reply(self, reply_of, .value = 2);
    case 3:
        return noh_reply_error(self, NOH_E_TAKEN, "by chance");
    default:
        return noh_reply(self, reply_of, .value = 3);
    }
}

static noh_err member_act(noh_self *self, member *me, const act *m)
{
    return act_on(self, me, m->seed, m->energy, false);
}

static noh_err member_request(noh_self *self, member *me, const request_act *m)
{
    return act_on(self, me, m->seed, m->energy, true);
}

static noh_err member_reply(noh_self *self, member *me, const reply_of *m)
{
    return NOH_OK;
}

static noh_err member_failure(noh_self *self, member *me, const noh_failure *m)
{
    return NOH_OK;
}

static noh_err member_block(noh_self *self, member *me, const block *m)
{
    core_pass(&gate);
    return NOH_OK;
}

NOH_BEHAVIOR(member, NOH_ON(act, member_act), NOH_ON(request_act, member_request),
             NOH_ON(reply_of, member_reply), NOH_ON(noh_failure, member_failure),
             NOH_ON(block, member_block));

typedef struct visitor {
    noh_system *system;
    uint64_t seed;
} visitor;

/* A plain thread that asks, tells, receives some, and leaves with the rest open. */
static void *visit(void *arg)
{
    visitor *v = arg;
    uint64_t chance = v->seed;
    noh_self *self = noh_system_self(v->system);
    noh_future futures[16] = {{0}};
    for (int i = 0; i < 300; i++) {
        noh_ref to = crowd[test_below(&chance, CROWD)];
        uint64_t k = test_below(&chance, 16);
        reply_of answer;
        const noh_type *type;
        const void *got;
        switch (test_below(&chance, 6)) {
        case 0:
        case 1:
            (void)noh_ask(self, to, request_act, &futures[k], .seed = chance, .energy = 2);
            break;
        case 2:
            (void)noh_await(self, futures[k], reply_of, (int64_t)test_below(&chance, 30000),
                            &answer);
            break;
        case 3:
            (void)noh_future_cancel(self, futures[k]);
            break;
        case 4:
            (void)noh_tell(self, noh_self_ref(self), odd_one);
            (void)noh_receive(self, 0, &type, &got);
            break;
        default:
            (void)noh_tell(self, to, act, .seed = chance, .energy = 3);
            break;
        }
    }
    if (test_below(&chance, 2) == 0) {
        (void)noh_self_free(self);
    }
    return NULL;
}

static void random_traffic_is_balanced_when_it_is_quiet(void)
{
    uint64_t seed = test_seed("test_unit_core_ledger", 1);
    uint64_t chance = seed;
    for (int round = 0; round < 30; round++) {
        core_world world;
        noh_system *system = core_start(&world, 1 + round % 3, NULL);
        noh_self *self = noh_system_self(system);
        for (int i = 0; i < CROWD; i++) {
            CHECK_OK(noh_spawn_with(self, &noh_behavior_member, NULL,
                                    &(noh_spawn_options){.mailbox_max = i % 4 == 0 ? 5 : 0},
                                    &crowd[i]));
        }
        visitor visitors[2] = {{system, test_random(&chance)}, {system, test_random(&chance)}};
        pthread_t threads[2] = {core_thread(visit, &visitors[0]), core_thread(visit, &visitors[1])};
        for (int i = 0; i < 300; i++) {
            (void)noh_tell(self, crowd[test_below(&chance, CROWD)], act,
                           .seed = test_random(&chance), .energy = 6);
        }
        core_join_thread(threads[0]);
        core_join_thread(threads[1]);
        /* Stopping ends what is left of the promises, and the timers. */
        CHECK_OK(noh_system_stop(system, 30 * NOH_SECOND));
        noh_ledger ledger = core_settled(system, 0);
        CHECK(ledger.sent > 1000);
        CHECK(ledger.handled > 100);
        CHECK_EQ(core_actors(system), 0);
        core_end(&world, system);
    }
}

static void messages_are_queued_until_they_are_handled(void)
{
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ledger ledger;
    noh_ref to = noh_spawn(self, member);
    CHECK_OK(noh_tell(self, to, block));
    core_await_inside(&gate, 1);
    for (int i = 0; i < 100; i++) {
        CHECK_OK(noh_tell(self, to, odd_one));
        CHECK_OK(noh_tell(self, noh_self_ref(self), odd_one));
    }
    CHECK_OK(noh_ledger_read(system, &ledger));
    CHECK_EQ(ledger.sent, 201);
    CHECK_EQ(ledger.queued, 200); /* one is in hand, neither queued nor handled yet */
    CHECK_EQ(ledger.handled, 0);
    core_open_gate(&gate);
    ledger = core_settled(system, 100);
    CHECK_EQ(ledger.handled, 1);
    CHECK_EQ(ledger.dead[NOH_DEAD_UNHANDLED], 100);
    for (int i = 0; i < 100; i++) {
        (void)CORE_RECEIVE(odd_one, self);
    }
    ledger = core_settled(system, 0);
    CHECK_EQ(ledger.handled, 101);
    core_end(&world, system);
}

NOH_NO_STATE(replier);

static noh_err replier_request(noh_self *self, replier *me, const request_act *m)
{
    return noh_reply(self, reply_of, .value = 1);
}

NOH_BEHAVIOR(replier, NOH_ON(request_act, replier_request));

static void an_answer_is_queued_until_it_is_awaited(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = noh_spawn(self, replier);
    noh_future futures[5];
    reply_of answer;
    for (int i = 0; i < 5; i++) {
        CHECK_OK(noh_ask(self, to, request_act, &futures[i]));
    }
    noh_ledger ledger;
    do {
        ledger = core_settled(system, 5);
    } while (ledger.sent < 10); /* first the requests were queued, now the answers are */
    CHECK_EQ(ledger.sent, 10);
    CHECK_EQ(ledger.handled, 5);
    for (int i = 0; i < 5; i++) {
        CHECK_OK(noh_await(self, futures[i], reply_of, NOH_FOREVER, &answer));
        (void)core_settled(system, 4 - (uint64_t)i);
    }
    core_end(&world, system);
}

/* "The runtime's own notices do not count": a join that was given up, a stop, a start. */
static void notices_are_not_messages(void)
{
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = noh_spawn(self, member);
    CHECK_OK(noh_tell(self, to, block));
    core_await_inside(&gate, 1);
    noh_ledger ledger;
    CHECK_ERR(noh_join(self, to, 0, NULL), NOH_E_TIMEOUT);
    CHECK_OK(noh_stop(self, to, NOH_STOP_DRAIN));
    CHECK_OK(noh_ledger_read(system, &ledger));
    CHECK_EQ(ledger.sent, 1);
    CHECK_EQ(ledger.queued, 0);
    core_open_gate(&gate);
    while (core_actors(system) > 0) { /* not a join: it would take what came for the first one */
        sched_yield();
    }
    ledger = core_settled(system, 0);
    CHECK_EQ(ledger.sent, 1);
    CHECK_EQ(ledger.handled, 1);
    core_end(&world, system);
}

typedef struct starting {
    int64_t unused;
} starting;

static noh_err starting_started(noh_self *self, starting *me, const act *start)
{
    CHECK_ERR(noh_forward(self, noh_self_ref(self)), NOH_E_CONTEXT); /* no message is in hand */
    CHECK_ERR(noh_reply(self, reply_of, .value = 1), NOH_E_NOBODY);
    return NOH_OK;
}

static noh_err starting_odd_one(noh_self *self, starting *me, const odd_one *m)
{
    return NOH_OK;
}

NOH_BEHAVIOR_WITH(starting, act, starting_started, NOH_ON(odd_one, starting_odd_one));

static void start_arguments_are_no_message(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, starting, .seed = 1);
    CHECK_OK(noh_tell(self, ref, odd_one));
    CHECK_OK(noh_stop(self, ref, NOH_STOP_DRAIN));
    CHECK_OK(noh_join(self, ref, NOH_FOREVER, NULL));
    noh_ledger ledger = core_settled(system, 0);
    CHECK_EQ(ledger.sent, 1);
    CHECK_EQ(ledger.handled, 1);
    core_end(&world, system);
}

static void reading_takes_no_null(void)
{
    core_world world;
    noh_system *system = core_start(&world, 3, NULL);
    noh_ledger ledger;
    noh_stats stats;
    CHECK_ERR(noh_ledger_read(NULL, &ledger), NOH_E_INVAL);
    CHECK_ERR(noh_ledger_read(system, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_system_stats(NULL, &stats), NOH_E_INVAL);
    CHECK_ERR(noh_system_stats(system, NULL), NOH_E_INVAL);
    CHECK_EQ(noh_ledger_dead(NULL), 0);
    CHECK_OK(noh_system_stats(system, &stats));
    CHECK_EQ(stats.workers, 3);
    CHECK_EQ(stats.actors, 0);
    CHECK_EQ(stats.threads, 0);
    CHECK_EQ(stats.spawned, 0);
    CHECK_EQ(stats.names, 0);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, member);
    CHECK_OK(noh_system_stats(system, &stats));
    CHECK_EQ(stats.actors, 1);
    CHECK_EQ(stats.threads, 1);
    CHECK_EQ(stats.spawned, 1);
    (void)core_stop(self, ref, NOH_STOP_NOW);
    CHECK_OK(noh_self_free(self));
    CHECK_OK(noh_system_stats(system, &stats));
    CHECK_EQ(stats.actors, 0);
    CHECK_EQ(stats.threads, 0);
    CHECK_EQ(stats.spawned, 1);
    core_end(&world, system);
}

static const test_case cases[] = {
    TEST(random_traffic_is_balanced_when_it_is_quiet),
    TEST(messages_are_queued_until_they_are_handled),
    TEST(an_answer_is_queued_until_it_is_awaited),
    TEST(notices_are_not_messages),
    TEST(start_arguments_are_no_message),
    TEST(reading_takes_no_null),
};
TEST_MAIN(cases)
