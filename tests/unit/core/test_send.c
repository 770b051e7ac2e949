/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: messages arrive in order, from a known sender, within the bound; and what cannot be sent
 * is refused with the right error and counted under the right reason.
 * Method: actors report to the plain thread, which receives and compares. A handler blocked at a
 * gate keeps a mailbox as full as the case wants it. Order is tried on one worker and on
 * several. */
#include "core.h"

NOH_MESSAGE(number, (int64_t, value));
NOH_MESSAGE(first_part, (int64_t, round));
NOH_MESSAGE(second_part, (int64_t, round));
NOH_MESSAGE(go, (noh_ref, middle), (noh_ref, last), (int64_t, rounds));
NOH_MESSAGE(pass_on, (noh_ref, last), (int64_t, round));
NOH_MESSAGE(block);
NOH_MESSAGE(fill_up, (noh_ref, target), (int32_t, count));
NOH_MESSAGE(pour, (int32_t, count));
NOH_MESSAGE(filled, (int32_t, accepted), (int32_t, full), (int32_t, other));
NOH_MESSAGE(counted, (int64_t, value), (noh_ref, sender));
NOH_REQUEST(how_many, counted);
NOH_REQUEST(question, counted, (int64_t, value));
NOH_MESSAGE(forward_to, (noh_ref, to));

static core_gate gate = CORE_GATE;

/* ---- a counter: remembers the last number, and that they came in order ---------------------- */

typedef struct counter {
    int64_t last;
    int64_t seen;
    noh_ref sender;
} counter;

static noh_err counter_number(noh_self *self, counter *me, const number *m)
{
    CHECK_EQ(m->value, me->last + 1);
    me->last = m->value;
    me->seen++;
    me->sender = noh_sender(self);
    return NOH_OK;
}

static noh_err counter_how_many(noh_self *self, counter *me, const how_many *m)
{
    return noh_reply(self, counted, .value = me->seen, .sender = me->sender);
}

static noh_err counter_block(noh_self *self, counter *me, const block *m)
{
    core_pass(&gate);
    return NOH_OK;
}

static noh_err counter_fill_up(noh_self *self, counter *me, const fill_up *m)
{
    filled result = {0, 0, 0};
    for (int32_t i = 0; i < m->count; i++) {
        noh_err err = noh_tell(self, m->target, number, .value = i + 1);
        result.accepted += err == NOH_OK;
        result.full += err == NOH_E_FULL;
        result.other += err != NOH_OK && err != NOH_E_FULL;
    }
    return noh_tell_value(self, noh_sender(self), NOH_TYPE(filled), &result);
}

/* As many as there is room for. */
static noh_err counter_pour(noh_self *self, counter *me, const pour *m)
{
    noh_err err = NOH_OK;
    for (int32_t i = 0; i < m->count; i++) {
        err = noh_tell(self, noh_sender(self), number, .value = i);
    }
    CHECK_ERR(err, NOH_E_FULL);
    return NOH_OK;
}

NOH_BEHAVIOR(counter, NOH_ON(number, counter_number), NOH_ON(how_many, counter_how_many),
             NOH_ON(block, counter_block), NOH_ON(fill_up, counter_fill_up),
             NOH_ON(pour, counter_pour));

/* ---- one with a start hook ------------------------------------------------------------------ */

typedef struct starter {
    int64_t unused;
} starter;

static noh_err starter_started(noh_self *self, starter *me, const noh_nothing *start)
{
    return NOH_OK;
}

static noh_err starter_number(noh_self *self, starter *me, const number *m)
{
    return NOH_OK;
}

NOH_BEHAVIOR_WITH(starter, noh_nothing, starter_started, NOH_ON(number, starter_number));

static counted ask_counter(noh_self *self, noh_ref to)
{
    counted answer;
    CHECK_OK(noh_call(self, to, how_many, &answer));
    return answer;
}

static noh_ref spawn_bounded(noh_self *self, uint32_t mailbox_max)
{
    noh_ref ref;
    CHECK_OK(noh_spawn_with(self, &noh_behavior_counter, NULL,
                            &(noh_spawn_options){.mailbox_max = mailbox_max}, &ref));
    return ref;
}

/* ---- cases -------------------------------------------------------------------------------- */

static void messages_of_one_sender_arrive_in_the_order_of_the_tells(void)
{
    for (unsigned workers = 1; workers <= 3; workers++) {
        core_world world;
        noh_system *system = core_start(&world, workers, NULL);
        noh_self *self = noh_system_self(system);
        noh_ref to = noh_spawn(self, counter);
        for (int64_t i = 1; i <= 50000; i++) {
            CHECK_OK(noh_tell(self, to, number, .value = i));
        }
        counted answer = ask_counter(self, to);
        CHECK_EQ(answer.value, 50000);
        CHECK(noh_ref_equal(answer.sender, noh_self_ref(self)));
        core_end(&world, system);
    }
}

static void a_thread_tells_itself_in_order(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    const noh_type *type;
    const void *got;
    for (int64_t i = 0; i < 1000; i++) {
        CHECK_OK(noh_tell(self, noh_self_ref(self), number, .value = i));
    }
    for (int64_t i = 0; i < 1000; i++) {
        CHECK_OK(noh_receive(self, 0, &type, &got));
        CHECK_EQ(((const number *)got)->value, i);
        CHECK(noh_ref_equal(noh_sender(self), noh_self_ref(self)));
    }
    CHECK_ERR(noh_receive(self, 0, &type, &got), NOH_E_TIMEOUT);
    CHECK(noh_ref_is_none(noh_sender(self)));
    core_end(&world, system);
}

static void telling_nobody_is_gone_and_counted(void)
{
    core_world world;
    core_world other_world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_system *other = core_start(&other_world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_self *other_self = noh_system_self(other);
    noh_ref dead = noh_spawn(self, counter);
    (void)core_stop(self, dead, NOH_STOP_NOW);
    noh_ref foreign = noh_spawn(other_self, counter);
    noh_ref live = noh_spawn(self, counter);
    noh_ref nobody[] = {
        dead,
        foreign,
        NOH_NO_REF,
        {UINT64_MAX},
        {1},
        {live.bits + (UINT64_C(1) << 27)}, /* a later generation */
        {live.bits | (UINT64_C(1) << 54)}, /* another node */
        {live.bits ^ (UINT64_C(1) << 26)}, /* an index that was never used */
        {UINT64_C(0x7ffffff) << 27},       /* index 0 */
        {UINT64_C(0xffffffff) << 27},
        {noh_self_ref(self).bits & ~UINT64_C(0x7ffffff)},
    };
    uint64_t gone = 0;
    for (size_t i = 0; i < sizeof nobody / sizeof nobody[0]; i++) {
        noh_future future;
        CHECK_ERR(noh_tell(self, nobody[i], number, .value = 1), NOH_E_GONE);
        CHECK_ERR(noh_ask(self, nobody[i], how_many, &future), NOH_E_GONE);
        gone += 2;
        CHECK_EQ(core_dead(system, NOH_DEAD_GONE), gone);
        CHECK(!noh_is_alive(system, nobody[i]));
        CHECK_ERR(noh_stop(self, nobody[i], NOH_STOP_NOW), NOH_E_GONE);
    }
    noh_ledger ledger = core_settled(system, 0);
    CHECK_EQ(ledger.sent, gone);
    CHECK_EQ(ledger.handled, 0);
    core_end(&world, system);
    core_end(&other_world, other);
}

static void null_arguments_are_invalid_and_not_counted(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = noh_self_ref(self);
    noh_future future;
    number message = {1};
    CHECK_ERR(noh_tell_value(NULL, to, NOH_TYPE(number), &message), NOH_E_INVAL);
    CHECK_ERR(noh_tell_value(self, to, NULL, &message), NOH_E_INVAL);
    CHECK_ERR(noh_tell_value(self, to, NOH_TYPE(number), NULL), NOH_E_INVAL);
    CHECK_ERR(noh_ask_value(NULL, to, NOH_TYPE(number), &message, &future), NOH_E_INVAL);
    CHECK_ERR(noh_ask_value(self, to, NULL, &message, &future), NOH_E_INVAL);
    CHECK_ERR(noh_ask_value(self, to, NOH_TYPE(number), NULL, &future), NOH_E_INVAL);
    CHECK_ERR(noh_ask_value(self, to, NOH_TYPE(number), &message, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_forward(NULL, to), NOH_E_INVAL);
    CHECK_ERR(noh_forward(self, to), NOH_E_CONTEXT);
    CHECK(noh_ref_is_none(noh_sender(NULL)));
    CHECK(noh_ref_is_none(noh_self_ref(NULL)));
    CHECK(noh_self_system(NULL) == NULL);
    CHECK(noh_self_system(self) == system);
    noh_ledger ledger;
    CHECK_OK(noh_ledger_read(system, &ledger));
    CHECK_EQ(ledger.sent, 0);
    core_end(&world, system);
}

/* ---- the bound ---------------------------------------------------------------------------- */

static void a_mailbox_of_10_takes_10_from_a_thread(void)
{
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_bounded(self, 10);
    CHECK_OK(noh_tell(self, to, block));
    core_await_inside(&gate, 1);
    for (int i = 1; i <= 10; i++) {
        CHECK_OK(noh_tell(self, to, number, .value = i));
    }
    CHECK_ERR(noh_tell(self, to, number, .value = 11), NOH_E_FULL);
    CHECK_ERR(noh_tell(self, to, number, .value = 12), NOH_E_FULL);
    noh_future future;
    CHECK_ERR(noh_ask(self, to, how_many, &future), NOH_E_FULL);
    CHECK_EQ(core_dead(system, NOH_DEAD_FULL), 3);
    core_open_gate(&gate);
    CHECK_EQ(core_settled(system, 0).handled, 11);
    CHECK_EQ(ask_counter(self, to).value, 10);
    core_end(&world, system);
}

static void no_wake(void *ctx)
{
    (void)ctx;
}

typedef struct elsewhere {
    noh_system *system;
    noh_ref target;
    int64_t rounds;
} elsewhere;

/* A host loop is a home of its own: the filler runs here, whatever the workers do. */
static void *fill_from_a_host_loop(void *arg)
{
    elsewhere *job = arg;
    noh_self *host;
    CHECK_OK(noh_host_new(job->system, no_wake, NULL, &host));
    noh_ref filler = noh_spawn(host, counter);
    CHECK_OK(noh_tell(host, filler, fill_up, .target = job->target, .count = 15));
    const filled *result = CORE_RECEIVE(filled, host);
    CHECK_EQ(result->accepted, 10);
    CHECK_EQ(result->full, 5);
    CHECK_EQ(result->other, 0);
    noh_host_free(host);
    return NULL;
}

static void a_mailbox_of_10_takes_10_from_an_actor_elsewhere(void)
{
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_bounded(self, 10);
    CHECK_OK(noh_tell(self, to, block));
    core_await_inside(&gate, 1);
    elsewhere job = {system, to, 0};
    core_join_thread(core_thread(fill_from_a_host_loop, &job));
    CHECK_EQ(core_dead(system, NOH_DEAD_FULL), 5);
    core_open_gate(&gate);
    (void)core_settled(system, 0);
    CHECK_EQ(ask_counter(self, to).value, 10);
    core_end(&world, system);
}

static void a_mailbox_of_10_takes_10_from_an_actor_on_the_same_worker(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_bounded(self, 10);
    noh_ref filler = noh_spawn(self, counter);
    CHECK_OK(noh_tell(self, filler, fill_up, .target = to, .count = 15));
    const filled *result = CORE_RECEIVE(filled, self);
    CHECK_EQ(result->accepted, 10);
    CHECK_EQ(result->full, 5);
    (void)core_settled(system, 0);
    CHECK_EQ(ask_counter(self, to).value, 10);
    CHECK_EQ(core_dead(system, NOH_DEAD_FULL), 5);
    core_end(&world, system);
}

/* What the runtime sends itself takes no room: the bound counts messages. */
static void notices_take_no_room_in_the_mailbox(void)
{
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref blocked = noh_spawn(self, counter);
    CHECK_OK(noh_tell(self, blocked, block));
    core_await_inside(&gate, 1);
    /* The only worker is busy: these wait with their start, a join and a stop. */
    noh_ref starting;
    noh_ref joined = spawn_bounded(self, 1);
    noh_ref stopped = spawn_bounded(self, 1);
    CHECK_OK(noh_spawn_with(self, &noh_behavior_starter, NULL,
                            &(noh_spawn_options){.mailbox_max = 1}, &starting));
    CHECK_ERR(noh_join(self, joined, 0, NULL), NOH_E_TIMEOUT);
    CHECK_OK(noh_stop(self, stopped, NOH_STOP_DRAIN));
    CHECK_OK(noh_tell(self, starting, number, .value = 1));
    CHECK_ERR(noh_tell(self, starting, number, .value = 2), NOH_E_FULL);
    CHECK_OK(noh_tell(self, joined, number, .value = 1));
    CHECK_ERR(noh_tell(self, joined, number, .value = 2), NOH_E_FULL);
    CHECK_OK(noh_tell(self, stopped, number, .value = 1));
    CHECK_ERR(noh_tell(self, stopped, number, .value = 2), NOH_E_FULL);
    core_open_gate(&gate);
    core_end(&world, system);
}

static void the_common_bound_is_kept_within_its_slack(void)
{
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 1, &(noh_options){.mailbox_max = 1000});
    noh_self *self = noh_system_self(system);
    noh_ref to = noh_spawn(self, counter);
    CHECK_OK(noh_tell(self, to, block));
    core_await_inside(&gate, 1);
    int64_t accepted = 0;
    while (noh_tell(self, to, number, .value = accepted + 1) == NOH_OK) {
        accepted++;
        CHECK(accepted <= 1064);
    }
    CHECK(accepted >= 1000);
    core_open_gate(&gate);
    (void)core_settled(system, 0);
    CHECK_EQ(ask_counter(self, to).value, accepted);

    /* From one actor to another on the same worker. */
    noh_ref second = noh_spawn(self, counter);
    CHECK_OK(noh_tell(self, to, fill_up, .target = second, .count = 2000));
    const filled *result = CORE_RECEIVE(filled, self);
    CHECK(result->accepted >= 1000 && result->accepted <= 1064);
    CHECK_EQ(result->full, 2000 - result->accepted);
    core_end(&world, system);
}

static void a_full_mailbox_takes_messages_again_when_it_is_handled(void)
{
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_bounded(self, 1);
    int64_t value = 1;
    for (int round = 0; round < 100; round++) {
        core_shut_gate(&gate);
        CHECK_OK(noh_tell(self, to, block));
        core_await_inside(&gate, 1);
        CHECK_OK(noh_tell(self, to, number, .value = value++));
        CHECK_ERR(noh_tell(self, to, number, .value = value), NOH_E_FULL);
        core_open_gate(&gate);
        (void)core_settled(system, 0);
    }
    CHECK_EQ(ask_counter(self, to).value, 100);
    core_end(&world, system);
}

/* An answer is never refused: a thread whose mailbox is full still gets it. */
static void answers_come_through_a_full_mailbox(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, &(noh_options){.mailbox_max = 4});
    noh_self *self = noh_system_self(system);
    noh_ref to = noh_spawn(self, counter);
    for (int i = 0; i < 4; i++) {
        CHECK_OK(noh_tell(self, noh_self_ref(self), block));
    }
    CHECK_ERR(noh_tell(self, noh_self_ref(self), block), NOH_E_FULL);
    CHECK_EQ(ask_counter(self, to).value, 0);
    for (int i = 0; i < 4; i++) {
        (void)CORE_RECEIVE(block, self);
    }
    core_expect_nothing(self);
    core_end(&world, system);
}

/* Nor is the word of somebody's end; here the mailbox has no room left even with its slack. */
static void answers_and_ends_come_when_senders_elsewhere_are_refused(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, &(noh_options){.mailbox_max = 4});
    noh_self *self = noh_system_self(system);
    noh_ref to = noh_spawn(self, counter);
    noh_ref other = noh_spawn(self, counter);
    CHECK_OK(noh_tell(self, to, pour, .count = 1000));
    CHECK_EQ(ask_counter(self, to).value, 0);
    CHECK_ERR(noh_join(self, to, 0, NULL), NOH_E_TIMEOUT);
    CHECK_OK(noh_stop(self, to, NOH_STOP_DRAIN));
    while (noh_is_alive(system, to)) {
        CHECK_EQ(ask_counter(self, other).value, 0);
    }
    CHECK_EQ(ask_counter(self, other).value, 0); /* on the same worker: the end was told before */
    CHECK_OK(noh_join(self, to, 0, NULL));
    const noh_type *type;
    const void *got;
    while (noh_receive(self, 0, &type, &got) == NOH_OK) {
        CHECK(type == NOH_TYPE(number));
    }
    core_end(&world, system);
}

/* ---- causal order ------------------------------------------------------------------------- */

static void work_a_while(void)
{
    volatile unsigned sink = 0;
    for (unsigned i = 0; i < 3000; i++) {
        sink = sink + i;
    }
}

typedef struct teller {
    int64_t unused;
} teller;

static noh_err teller_go(noh_self *self, teller *me, const go *m)
{
    for (int64_t i = 0; i < m->rounds; i++) {
        CHECK_OK(noh_tell(self, m->last, first_part, .round = i));
        CHECK_OK(noh_tell(self, m->middle, pass_on, .last = m->last, .round = i));
        if (i % 16 == 0) {
            work_a_while();
        }
    }
    return NOH_OK;
}

static noh_err teller_pass_on(noh_self *self, teller *me, const pass_on *m)
{
    return noh_tell(self, m->last, second_part, .round = m->round);
}

NOH_BEHAVIOR(teller, NOH_ON(go, teller_go), NOH_ON(pass_on, teller_pass_on));

typedef struct listener {
    int64_t firsts;
    int64_t seconds;
} listener;

static noh_err listener_first(noh_self *self, listener *me, const first_part *m)
{
    CHECK_EQ(m->round, me->firsts);
    me->firsts++;
    return NOH_OK;
}

static noh_err listener_second(noh_self *self, listener *me, const second_part *m)
{
    CHECK_EQ(m->round, me->seconds);
    me->seconds++;
    CHECK(me->seconds <= me->firsts); /* the cause before the effect */
    if (m->round % 16 == 0) {
        work_a_while();
    }
    return NOH_OK;
}

static noh_err listener_how_many(noh_self *self, listener *me, const how_many *m)
{
    CHECK_EQ(me->firsts, me->seconds);
    return noh_reply(self, counted, .value = me->seconds);
}

NOH_BEHAVIOR(listener, NOH_ON(first_part, listener_first), NOH_ON(second_part, listener_second),
             NOH_ON(how_many, listener_how_many));

static void an_effect_never_overtakes_its_cause(void)
{
    enum { ROUNDS = 500, BURSTS = 40 };
    for (unsigned workers = 1; workers <= 4; workers++) {
        core_world world;
        noh_system *system = core_start(&world, workers, NULL);
        noh_self *self = noh_system_self(system);
        noh_ref from = noh_spawn(self, teller);
        noh_ref middle = noh_spawn(self, teller);
        noh_ref last = noh_spawn(self, listener);
        for (int burst = 0; burst < BURSTS; burst++) {
            if (burst > 0) { /* the rounds begin at 0 again, so with a new listener */
                last = noh_spawn(self, listener);
            }
            CHECK_OK(noh_tell(self, from, go, .middle = middle, .last = last, .rounds = ROUNDS));
            counted answer = {0};
            while (answer.value < ROUNDS) {
                noh_ledger ledger = core_settled(system, 0);
                CHECK_EQ(noh_ledger_dead(&ledger), 0);
                CHECK_OK(noh_call(self, last, how_many, &answer));
            }
            CHECK_EQ(answer.value, ROUNDS);
        }
        core_end(&world, system);
    }
}

/* The teller on a host loop, the middle on a worker, the last one a plain thread: three homes. */
static void *tell_from_a_host_loop(void *arg)
{
    elsewhere *job = arg;
    noh_self *host;
    CHECK_OK(noh_host_new(job->system, no_wake, NULL, &host));
    noh_ref from = noh_spawn(host, teller);
    noh_ref last = noh_lookup(job->system, "last");
    CHECK_OK(noh_tell(host, from, go, .middle = job->target, .last = last, .rounds = job->rounds));
    while (noh_host_run(host) == 0) {
    }
    noh_host_free(host);
    return NULL;
}

static void an_effect_never_overtakes_its_cause_across_three_homes(void)
{
    enum { ROUNDS = 20000 };
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    CHECK_OK(noh_register(self, "last", noh_self_ref(self)));
    elsewhere job = {system, noh_spawn(self, teller), ROUNDS};
    pthread_t thread = core_thread(tell_from_a_host_loop, &job);
    int64_t firsts = 0;
    int64_t seconds = 0;
    while (seconds < ROUNDS) {
        const noh_type *type;
        const void *got;
        CHECK_OK(noh_receive(self, 60 * NOH_SECOND, &type, &got));
        if (type == NOH_TYPE(first_part)) {
            CHECK_EQ(((const first_part *)got)->round, firsts);
            firsts++;
        } else {
            CHECK_EQ(((const second_part *)got)->round, seconds);
            seconds++;
            CHECK(seconds <= firsts);
        }
    }
    CHECK_EQ(firsts, ROUNDS);
    core_join_thread(thread);
    core_end(&world, system);
}

/* ---- forward ------------------------------------------------------------------------------ */

typedef struct relay {
    noh_ref to;
    noh_err last;
} relay;

static noh_err relay_forward_to(noh_self *self, relay *me, const forward_to *m)
{
    me->to = m->to;
    return NOH_OK;
}

static noh_err relay_number(noh_self *self, relay *me, const number *m)
{
    me->last = noh_forward(self, me->to);
    CHECK_ERR(noh_forward(self, me->to), NOH_E_ANSWERED);
    return NOH_OK;
}

static noh_err relay_question(noh_self *self, relay *me, const question *m)
{
    if (m->value < 0) {
        CHECK_OK(noh_reply(self, counted, .value = m->value));
        CHECK_ERR(noh_forward(self, me->to), NOH_E_ANSWERED);
        return NOH_OK;
    }
    me->last = noh_forward(self, me->to);
    CHECK_ERR(noh_reply(self, counted, .value = 0), NOH_E_ANSWERED);
    return NOH_OK;
}

static noh_err relay_how_many(noh_self *self, relay *me, const how_many *m)
{
    return noh_reply(self, counted, .value = me->last);
}

NOH_BEHAVIOR(relay, NOH_ON(forward_to, relay_forward_to), NOH_ON(number, relay_number),
             NOH_ON(question, relay_question), NOH_ON(how_many, relay_how_many));

typedef struct answerer {
    int64_t unused;
} answerer;

static noh_err answerer_question(noh_self *self, answerer *me, const question *m)
{
    return noh_reply(self, counted, .value = 2 * m->value, .sender = noh_sender(self));
}

NOH_BEHAVIOR(answerer, NOH_ON(question, answerer_question));

static void a_forwarded_message_keeps_its_first_sender(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = noh_spawn(self, counter);
    noh_ref relays[5];
    for (int i = 0; i < 5; i++) {
        relays[i] = noh_spawn(self, relay);
        CHECK_OK(noh_tell(self, relays[i], forward_to, .to = i == 0 ? to : relays[i - 1]));
    }
    for (int i = 1; i <= 100; i++) {
        CHECK_OK(noh_tell(self, relays[4], number, .value = i));
    }
    noh_ledger ledger = core_settled(system, 0);
    CHECK_EQ(ledger.handled, 5 + 6 * 100);
    CHECK_EQ(ledger.sent, 5 + 6 * 100);
    counted answer = ask_counter(self, to);
    CHECK_EQ(answer.value, 100);
    CHECK(noh_ref_equal(answer.sender, noh_self_ref(self)));
    core_end(&world, system);
}

static void the_first_asker_gets_the_answer_to_what_was_forwarded(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = noh_spawn(self, answerer);
    noh_ref relays[5];
    for (int i = 0; i < 5; i++) {
        relays[i] = noh_spawn(self, relay);
        CHECK_OK(noh_tell(self, relays[i], forward_to, .to = i == 0 ? to : relays[i - 1]));
    }
    for (int i = 1; i <= 100; i++) {
        counted answer;
        CHECK_OK(noh_call(self, relays[4], question, &answer, .value = i));
        CHECK_EQ(answer.value, 2 * i);
        CHECK(noh_ref_equal(answer.sender, noh_self_ref(self)));
    }
    counted answer;
    CHECK_OK(
        noh_call(self, relays[4], question, &answer, .value = -1)); /* answered, not passed on */
    CHECK_EQ(answer.value, -1);
    core_end(&world, system);
}

static void forwarding_to_nobody_gives_the_asker_an_error(void)
{
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref via = noh_spawn(self, relay);
    noh_ref dead = noh_spawn(self, counter);
    (void)core_stop(self, dead, NOH_STOP_NOW);
    noh_ref nobody[] = {dead, NOH_NO_REF};
    for (int i = 0; i < 2; i++) {
        counted answer;
        CHECK_OK(noh_tell(self, via, forward_to, .to = nobody[i]));
        CHECK_ERR(noh_call(self, via, question, &answer, .value = 1), NOH_E_GONE);
        CHECK_OK(noh_call(self, via, how_many, &answer));
        CHECK_EQ(answer.value, NOH_E_GONE);
        CHECK_OK(noh_tell(self, via, number, .value = 1)); /* told: nobody to answer */
    }
    CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_GONE], 4);
    core_end(&world, system);
}

static void forwarding_to_a_full_mailbox_gives_the_asker_an_error(void)
{
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref full = spawn_bounded(self, 1);
    noh_self *host;
    /* The target's worker is blocked, so the relay needs a home elsewhere. */
    CHECK_OK(noh_tell(self, full, block));
    core_await_inside(&gate, 1);
    CHECK_OK(noh_tell(self, full, number, .value = 1));
    CHECK_OK(noh_self_free(self));
    CHECK_OK(noh_host_new(system, no_wake, NULL, &host));
    noh_ref via;
    noh_spawn_options stays = {.pinned = true};
    CHECK_OK(noh_spawn_with(host, &noh_behavior_relay, NULL, &stays, &via));
    counted answer;
    CHECK_OK(noh_tell(host, via, forward_to, .to = full));
    CHECK_ERR(noh_call(host, via, question, &answer, .value = 1), NOH_E_FULL);
    CHECK_OK(noh_call(host, via, how_many, &answer));
    CHECK_EQ(answer.value, NOH_E_FULL);
    CHECK_EQ(core_dead(system, NOH_DEAD_FULL), 1);
    core_open_gate(&gate);
    noh_host_free(host);
    core_end(&world, system);
}

/* A plain thread may forward what it received, too. */
static void a_thread_forwards_what_it_has_in_hand(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = noh_spawn(self, answerer);
    noh_ref via = noh_spawn(self, relay);
    CHECK_OK(noh_tell(self, via, forward_to, .to = noh_self_ref(self)));
    noh_future future;
    CHECK_OK(noh_ask(self, via, question, &future, .value = 21));
    (void)CORE_RECEIVE(question, self);
    CHECK(noh_ref_equal(noh_sender(self), noh_self_ref(self)));
    CHECK_OK(noh_forward(self, to));
    CHECK_ERR(noh_forward(self, to), NOH_E_ANSWERED);
    counted answer;
    CHECK_OK(noh_await(self, future, counted, NOH_FOREVER, &answer));
    CHECK_EQ(answer.value, 42);
    (void)core_settled(system, 0);
    core_end(&world, system);
}

/* ---- a receiver that goes before the letter does --------------------------------------------- */

typedef struct slow_relay {
    noh_ref to;
} slow_relay;

static noh_err slow_relay_forward_to(noh_self *self, slow_relay *me, const forward_to *m)
{
    me->to = m->to;
    return NOH_OK;
}

static noh_err slow_relay_question(noh_self *self, slow_relay *me, const question *m)
{
    CHECK_OK(noh_forward(self, me->to)); /* lies at hand until the handler has returned */
    core_pass(&gate);
    return NOH_OK;
}

NOH_BEHAVIOR(slow_relay, NOH_ON(forward_to, slow_relay_forward_to),
             NOH_ON(question, slow_relay_question));

typedef struct victim {
    noh_system *system;
    noh_ref ref;
    core_gate known;
} victim;

/* An actor on a loop; both end, and the place of the actor is nobody's. */
static void *host_a_victim(void *arg)
{
    victim *v = arg;
    noh_self *host;
    CHECK_OK(noh_host_new(v->system, no_wake, NULL, &host));
    v->ref = noh_spawn(host, counter);
    core_pass(&v->known);
    CHECK_OK(noh_stop(host, v->ref, NOH_STOP_KILL));
    (void)noh_host_run(host);
    noh_host_free(host);
    return NULL;
}

static void the_asker_learns_that_the_place_of_the_receiver_is_empty(void)
{
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    victim v = {.system = system, .known = CORE_GATE};
    pthread_t thread = core_thread(host_a_victim, &v);
    core_await_inside(&v.known, 1);
    noh_ref via = noh_spawn(self, slow_relay);
    CHECK_OK(noh_tell(self, via, forward_to, .to = v.ref));
    noh_future future;
    counted answer;
    CHECK_OK(noh_ask(self, via, question, &future, .value = 1));
    core_await_inside(&gate, 1);
    core_open_gate(&v.known);
    core_join_thread(thread);
    core_open_gate(&gate);
    CHECK_ERR(noh_await(self, future, counted, 60 * NOH_SECOND, &answer), NOH_E_GONE);
    CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_GONE], 1);
    core_end(&world, system);
}

/* ---- actors that send among themselves ----------------------------------------------------- */

NOH_MESSAGE(hop, (int64_t, left), (noh_ref, home));

typedef struct ring {
    noh_ref next;
} ring;

static noh_err ring_forward_to(noh_self *self, ring *me, const forward_to *m)
{
    me->next = m->to;
    return NOH_OK;
}

static noh_err ring_hop(noh_self *self, ring *me, const hop *m)
{
    return m->left == 0 ? noh_tell(self, m->home, number, .value = 1)
                        : noh_tell(self, me->next, hop, .left = m->left - 1, .home = m->home);
}

NOH_BEHAVIOR(ring, NOH_ON(forward_to, ring_forward_to), NOH_ON(hop, ring_hop));

static void a_ring_of_actors_loses_nothing(void)
{
    enum { SIZE = 100, TOKENS = 20, HOPS = 2000 };
    for (unsigned workers = 1; workers <= 3; workers++) {
        core_world world;
        noh_system *system = core_start(&world, workers, NULL);
        noh_self *self = noh_system_self(system);
        noh_ref members[SIZE];
        for (int i = 0; i < SIZE; i++) {
            members[i] = noh_spawn(self, ring);
        }
        for (int i = 0; i < SIZE; i++) {
            CHECK_OK(noh_tell(self, members[i], forward_to, .to = members[(i + 1) % SIZE]));
        }
        for (int i = 0; i < TOKENS; i++) {
            CHECK_OK(noh_tell(self, members[i * 5], hop, .left = HOPS, .home = noh_self_ref(self)));
        }
        for (int i = 0; i < TOKENS; i++) {
            (void)CORE_RECEIVE(number, self);
        }
        core_expect_nothing(self);
        noh_ledger ledger = core_settled(system, 0);
        CHECK_EQ(ledger.sent, SIZE + TOKENS * (HOPS + 2));
        CHECK_EQ(ledger.handled, ledger.sent);
        core_end(&world, system);
    }
}

static const test_case cases[] = {
    TEST(messages_of_one_sender_arrive_in_the_order_of_the_tells),
    TEST(a_thread_tells_itself_in_order),
    TEST(telling_nobody_is_gone_and_counted),
    TEST(null_arguments_are_invalid_and_not_counted),
    TEST(a_mailbox_of_10_takes_10_from_a_thread),
    TEST(a_mailbox_of_10_takes_10_from_an_actor_elsewhere),
    TEST(a_mailbox_of_10_takes_10_from_an_actor_on_the_same_worker),
    TEST(notices_take_no_room_in_the_mailbox),
    TEST(the_common_bound_is_kept_within_its_slack),
    TEST(a_full_mailbox_takes_messages_again_when_it_is_handled),
    TEST(answers_come_through_a_full_mailbox),
    TEST(answers_and_ends_come_when_senders_elsewhere_are_refused),
    TEST(an_effect_never_overtakes_its_cause),
    TEST(an_effect_never_overtakes_its_cause_across_three_homes),
    TEST(a_forwarded_message_keeps_its_first_sender),
    TEST(the_first_asker_gets_the_answer_to_what_was_forwarded),
    TEST(forwarding_to_nobody_gives_the_asker_an_error),
    TEST(forwarding_to_a_full_mailbox_gives_the_asker_an_error),
    TEST(a_thread_forwards_what_it_has_in_hand),
    TEST(the_asker_learns_that_the_place_of_the_receiver_is_empty),
    TEST(a_ring_of_actors_loses_nothing),
};
TEST_MAIN(cases)
