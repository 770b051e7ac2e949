/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: every circle of waits is found and named, once, and what is none is not; the request that is
 * withdrawn is not handled, and all others go on. And whoever waits can be listed. */
#include "waiter.h"

#include <noh/watch.h>

NOH_MESSAGE(link_start, (noh_ref, next), (uint32_t, how));
NOH_REQUEST(go_round, sum, (uint32_t, left));
NOH_MESSAGE(next_is, (noh_ref, next));
NOH_MESSAGE(ask_early, (int64_t, value), (bool, promised));
NOH_REQUEST(ask_late, sum);
NOH_REQUEST(pledge, sum, (uint32_t, left));
NOH_MESSAGE(fulfil, (uint32_t, left));
NOH_REQUEST(pledge_late, sum);
NOH_MESSAGE(await_early);

enum { RING_MAX = 8, WAITS_MAX = 16 };

static core_gate gate = CORE_GATE;

/* How a link passes it on. */
enum { BY_CALL, BY_FORWARD, BY_PROMISE, BY_JOIN };

/* What the one wait that failed has seen; read after all answers are in. */
static struct {
    atomic_int found;   /* how many have */
    atomic_uint rounds; /* go_round handled */
    noh_ref by;
    size_t count;
    noh_wait waits[WAITS_MAX];
    char text[512];
} circle;

typedef struct ring_link {
    noh_ref next;
    uint32_t how;
    noh_future early;
    noh_promise promise;
} ring_link;

static noh_err linked(noh_self *self, ring_link *me, const link_start *m)
{
    me->next = m->next;
    me->how = m->how;
    return NOH_OK;
}

static noh_err link_next(noh_self *self, ring_link *me, const next_is *m)
{
    me->next = m->next;
    return NOH_OK;
}

static void note_circle(noh_self *self)
{
    size_t count = noh_cycle(self, circle.waits, WAITS_MAX);
    if (count > 0) {
        circle.count = count;
        circle.by = noh_self_ref(self);
        snprintf(circle.text, sizeof circle.text, "%s", noh_error_text(self));
        atomic_fetch_add(&circle.found, 1);
    }
}

/* The error of a wait goes to whoever asked. */
static noh_err answer_with(noh_self *self, noh_err err, int64_t value)
{
    if (err == NOH_OK) {
        return noh_reply(self, sum, .value = value);
    }
    note_circle(self);
    return noh_reply_error(self, err, NULL);
}

static noh_err link_round(noh_self *self, ring_link *me, const go_round *m)
{
    sum s = {0};
    noh_promise promise;
    noh_err err;
    atomic_fetch_add(&circle.rounds, 1);
    if (m->left == 0) {
        return noh_reply(self, sum, .value = 1);
    }
    switch (me->how) {
    case BY_FORWARD:
        return noh_forward(self, me->next);
    case BY_JOIN:
        err = noh_join(self, me->next, NOH_FOREVER, NULL);
        return answer_with(self, err, 0);
    case BY_PROMISE:
        CHECK_OK(noh_promise_take(self, &promise));
        err = noh_call(self, me->next, go_round, &s, .left = m->left - 1);
        note_circle(self);
        return err == NOH_OK ? noh_promise_keep(self, promise, sum, .value = s.value + 1)
                             : noh_promise_fail(self, promise, err, NULL);
    default:
        err = noh_call(self, me->next, go_round, &s, .left = m->left - 1);
        return answer_with(self, err, s.value + 1);
    }
}

static noh_err link_ask_early(noh_self *self, ring_link *me, const ask_early *m)
{
    if (m->value == 1) {
        core_pass(&gate);
    }
    return m->promised ? noh_ask(self, me->next, pledge_late, &me->early)
                       : noh_ask(self, me->next, ask_late, &me->early);
}

static noh_err link_ask_late(noh_self *self, ring_link *me, const ask_late *m)
{
    sum s = {0};
    noh_err err = noh_await(self, me->early, sum, NOH_FOREVER, &s);
    return answer_with(self, err, s.value);
}

/* Promises in one handler, and waits in another. */
static noh_err link_pledge(noh_self *self, ring_link *me, const pledge *m)
{
    if (m->left == 0) {
        return noh_reply(self, sum, .value = 1);
    }
    CHECK_OK(noh_promise_take(self, &me->promise));
    return noh_tell(self, noh_self_ref(self), fulfil, .left = m->left);
}

static noh_err keep_with(noh_self *self, ring_link *me, noh_err err, int64_t value)
{
    note_circle(self);
    return err == NOH_OK ? noh_promise_keep(self, me->promise, sum, .value = value)
                         : noh_promise_fail(self, me->promise, err, NULL);
}

static noh_err link_fulfil(noh_self *self, ring_link *me, const fulfil *m)
{
    sum s = {0};
    noh_err err = noh_call(self, me->next, pledge, &s, .left = m->left - 1);
    return keep_with(self, me, err, s.value + 1);
}

static noh_err link_pledge_late(noh_self *self, ring_link *me, const pledge_late *m)
{
    CHECK_OK(noh_promise_take(self, &me->promise));
    return noh_tell(self, noh_self_ref(self), await_early);
}

static noh_err link_await_early(noh_self *self, ring_link *me, const await_early *m)
{
    sum s = {0};
    noh_err err = noh_await(self, me->early, sum, NOH_FOREVER, &s);
    return keep_with(self, me, err, s.value);
}

NOH_BEHAVIOR_WITH(ring_link, link_start, linked, NOH_ON(go_round, link_round),
                  NOH_ON(next_is, link_next), NOH_ON(ask_early, link_ask_early),
                  NOH_ON(ask_late, link_ask_late), NOH_ON(pledge, link_pledge),
                  NOH_ON(fulfil, link_fulfil), NOH_ON(pledge_late, link_pledge_late),
                  NOH_ON(await_early, link_await_early));

static noh_ref ring[RING_MAX];

static void make_ring(noh_self *self, size_t count, uint32_t how)
{
    memset(&circle, 0, sizeof circle);
    for (size_t i = 0; i < count; i++) {
        ring[i] = noh_spawn(self, ring_link, .how = i == 0 ? BY_CALL : how);
    }
    for (size_t i = 0; i < count; i++) {
        CHECK_OK(noh_tell(self, ring[i], next_is, .next = ring[(i + 1) % count]));
    }
}

static size_t place(noh_ref actor)
{
    for (size_t i = 0; i < RING_MAX; i++) {
        if (noh_ref_equal(ring[i], actor)) {
            return i;
        }
    }
    test_failed(__FILE__, __LINE__, "not of the ring");
}

/* The circle that was found: `count` of them, each once, in order. */
static void check_circle(size_t count, const char *message)
{
    CHECK_EQ(atomic_load(&circle.found), 1);
    CHECK_EQ(circle.count, count);
    CHECK(noh_ref_equal(circle.waits[0].actor, circle.by));
    for (size_t i = 0; i < count; i++) {
        const noh_wait *wait = &circle.waits[i];
        const noh_wait *next = &circle.waits[(i + 1) % count];
        CHECK_EQ(place(next->actor), (place(wait->actor) + 1) % count);
        CHECK(noh_ref_equal(wait->on, next->actor));
        CHECK_TEXT(wait->behavior, "ring_link");
        CHECK_TEXT(wait->message, message);
        CHECK_EQ(wait->why, NOH_WAIT_FOR_ANSWER);
        CHECK(wait->for_ns >= 0);
    }
    CHECK(strstr(circle.text, "ring_link<") != NULL);
    CHECK(strstr(circle.text, message) != NULL);
}

static void a_circle_of_calls_is_found_and_named(void)
{
    for (unsigned workers = 1; workers <= 3; workers++) {
        core_world world;
        noh_system *system = core_start(&world, workers, NULL);
        noh_self *self = noh_system_self(system);
        for (uint32_t count = 1; count <= RING_MAX; count++) {
            for (size_t from = 0; from < count; from++) {
                sum s;
                make_ring(self, count, BY_CALL);
                CHECK_ERR(noh_call(self, ring[from], go_round, &s, .left = count), NOH_E_CYCLE);
                (void)core_settled(system, 0);
                check_circle(count, "go_round");
                /* The request that closes it is handled, unless it is the one that is withdrawn. */
                bool withdrawn = place(circle.by) == (from + count - 1) % count;
                CHECK_EQ(atomic_load(&circle.rounds), withdrawn ? count : count + 1);
                CHECK_EQ(noh_cycle(self, NULL, 0), 0);                         /* not this one's */
                CHECK_OK(noh_call(self, ring[from], go_round, &s, .left = 0)); /* all go on */
                for (size_t i = 0; i < count; i++) {
                    (void)core_stop(self, ring[i], NOH_STOP_DRAIN);
                }
            }
        }
        CHECK(core_dead(system, NOH_DEAD_LATE) > 0);
        core_end(&world, system);
    }
}

static void a_circle_of_promises_is_found(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    for (uint32_t count = 1; count <= RING_MAX; count++) {
        sum s;
        make_ring(self, count, BY_PROMISE);
        CHECK_ERR(noh_call(self, ring[0], go_round, &s, .left = count), NOH_E_CYCLE);
        (void)core_settled(system, 0);
        check_circle(count, "go_round");
    }
    core_end(&world, system);
}

/* Who passes a request on does not wait: the circle is of those that do. */
static void a_circle_through_forwards_is_found(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    for (uint32_t count = 2; count <= RING_MAX; count++) {
        sum s;
        make_ring(self, count, BY_FORWARD);
        CHECK_ERR(noh_call(self, ring[0], go_round, &s, .left = RING_MAX), NOH_E_CYCLE);
        (void)core_settled(system, 0);
        CHECK_EQ(atomic_load(&circle.found), 1);
        CHECK_EQ(circle.count, 1);
        CHECK(noh_ref_equal(circle.waits[0].actor, ring[0]));
        CHECK(noh_ref_equal(circle.waits[0].on, ring[0]));
    }
    core_end(&world, system);
}

/* Nobody ends who waits for the end of who waits for it. */
static void a_circle_through_a_join_is_found(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    for (size_t count = 2; count <= RING_MAX; count++) {
        sum s;
        make_ring(self, count, BY_CALL);
        noh_ref last = noh_spawn(self, ring_link, .how = BY_JOIN, .next = ring[0]);
        CHECK_OK(noh_tell(self, ring[count - 1], next_is, .next = last));
        CHECK_ERR(noh_call(self, ring[0], go_round, &s, .left = 100), NOH_E_CYCLE);
        (void)core_settled(system, 0);
        CHECK_EQ(atomic_load(&circle.found), 1);
        CHECK_EQ(circle.count, count + 1);
        size_t ends = 0;
        for (size_t i = 0; i < circle.count; i++) {
            bool joins = noh_ref_equal(circle.waits[i].actor, last);
            CHECK_EQ(circle.waits[i].why, joins ? NOH_WAIT_FOR_END : NOH_WAIT_FOR_ANSWER);
            CHECK_TEXT(circle.waits[i].message, joins ? "" : "go_round");
            ends += joins;
        }
        CHECK_EQ(ends, 1);
    }
    core_end(&world, system);
}

/* Each has a promise of an earlier handler, and no request in hand, when it waits. */
static void a_circle_of_earlier_promises_is_found(void)
{
    for (unsigned workers = 1; workers <= 3; workers++) {
        core_world world;
        noh_system *system = core_start(&world, workers, NULL);
        noh_self *self = noh_system_self(system);
        for (uint32_t count = 1; count <= RING_MAX; count++) {
            sum s;
            make_ring(self, count, BY_CALL);
            CHECK_ERR(noh_call(self, ring[0], pledge, &s, .left = count), NOH_E_CYCLE);
            (void)core_settled(system, 0);
            check_circle(count, "pledge");
            CHECK_OK(noh_call(self, ring[0], pledge, &s, .left = 0)); /* all go on */
        }
        core_end(&world, system);
    }
}

/* All have asked, in one handler, before the first awaits, in another. */
static void await_late(bool promised, const char *message)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    for (size_t count = 1; count <= RING_MAX; count++) {
        make_ring(self, count, BY_CALL);
        core_shut_gate(&gate); /* each is told to ask before it is asked */
        CHECK_OK(noh_tell(self, ring[0], ask_early, .value = 1, .promised = promised));
        for (size_t i = count - 1; i > 0; i--) {
            CHECK_OK(noh_tell(self, ring[i], ask_early, .promised = promised));
        }
        core_open_gate(&gate);
        sum s;
        for (size_t i = 0; i < count; i++) { /* they go on */
            CHECK_OK(noh_call(self, ring[i], go_round, &s, .left = 0));
        }
        (void)core_settled(system, 0);
        check_circle(count, message);
    }
    core_end(&world, system);
}

static void a_circle_of_late_awaits_is_found(void)
{
    await_late(false, "ask_late");
}

static void a_circle_of_late_awaits_with_promises_is_found(void)
{
    await_late(true, "pledge_late");
}

/* Each asks before it waits, so that its probe is there when the other begins. */
static noh_ref own_asker;

static void ask_oneself(noh_self *self, waiter *me)
{
    sum s;
    noh_future future;
    CHECK_OK(noh_ask(self, noh_self_ref(self), question, &future, .value = 1));
    noh_err err = noh_await(self, future, sum, NOH_FOREVER, &s);
    note_circle(self);
    CHECK_OK(noh_reply_error(self, err, NULL));
}

static void ask_who_asks_itself(noh_self *self, waiter *me)
{
    sum s;
    noh_future future;
    CHECK_OK(noh_ask(self, own_asker, play, &future, .part = PART(ask_oneself)));
    noh_err err = noh_await(self, future, sum, NOH_FOREVER, &s);
    CHECK_EQ(noh_cycle(self, NULL, 0), 0);
    CHECK_OK(noh_reply_error(self, err, NULL));
}

/* The circle is of one, and the probe of another comes into it. */
static void a_probe_ends_at_who_waits_for_itself(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref two[] = {spawn_waiter(self), spawn_waiter(self)};
    for (size_t i = 0; i < 2;
         i++) { /* the higher of them asks the lower, and the other way round */
        sum s;
        memset(&circle, 0, sizeof circle);
        own_asker = two[i];
        CHECK_ERR(noh_call(self, two[1 - i], play, &s, .part = PART(ask_who_asks_itself)),
                  NOH_E_CYCLE);
        CHECK_EQ(circle.count, 1);
        CHECK(noh_ref_equal(circle.by, own_asker));
    }
    core_end(&world, system);
}

static noh_ref passer;
static noh_ref passed_to;

static void pass_on(noh_self *self, waiter *me)
{
    CHECK_OK(noh_ref_equal(noh_self_ref(self), passed_to) ? noh_reply(self, sum)
                                                          : noh_forward(self, passed_to));
}

static void call_back(noh_self *self, waiter *me)
{
    sum s;
    CHECK_OK(noh_call(self, cast.a, question, &s, .value = 1)); /* when that one goes on */
    CHECK_OK(noh_reply(self, sum));
}

/* The notice that its first request was passed on lies before it, and is left out by the call; the answer
 * to that request comes meanwhile. Then the same ask, by its number, goes to the same actor again. */
static void ask_again(noh_self *self, waiter *me)
{
    sum s;
    noh_future other;
    CHECK_OK(noh_future_cancel(self, me->future));
    CHECK_OK(noh_call(self, cast.c, question, &s, .value = 1));
    CHECK_OK(noh_ask(self, cast.c, question, &other, .value = 2));
    CHECK_OK(noh_ask(self, passer, play, &me->future, .part = PART(call_back)));
    noh_err err = noh_await(self, me->future, sum, NOH_FOREVER, &s);
    note_circle(self);
    CHECK_OK(noh_future_cancel(self, other));
    tell_driver(self, 0, err);
}

static void ask_and_go_on(noh_self *self, waiter *me)
{
    CHECK_OK(noh_ask(self, passer, play, &me->future, .part = PART(pass_on)));
    CHECK_OK(noh_tell(self, noh_self_ref(self), perform, .part = PART(ask_again)));
}

static void a_late_notice_is_not_for_a_later_ask(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    memset(&circle, 0, sizeof circle);
    cast.driver = noh_self_ref(self);
    cast.c = spawn_waiter(self);
    passer = spawn_waiter(self);
    passed_to = spawn_waiter(self);
    cast.a = spawn_waiter(self); /* the highest: its probe goes on */
    CHECK_OK(noh_tell(self, cast.a, perform, .part = PART(ask_and_go_on)));
    expect_report(self, 0, NOH_E_CYCLE);
    CHECK_EQ(circle.count, 2);
    core_end(&world, system);
}

/* ---- plain threads -------------------------------------------------------------------------- */

/* It is told the thread's ref, and asks it while it waits. */
static void ask_the_driver(noh_self *self, waiter *me)
{
    sum s;
    noh_err err = noh_call(self, cast.driver, question, &s, .value = 1);
    note_circle(self);
    CHECK_OK(noh_reply_error(self, err, NULL));
}

static void a_circle_through_a_plain_thread_is_found(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    sum s;
    memset(&circle, 0, sizeof circle);
    cast.driver = noh_self_ref(self);
    noh_ref a = spawn_waiter(self);
    CHECK_ERR(noh_call(self, a, play, &s, .part = PART(ask_the_driver)), NOH_E_CYCLE);
    size_t own = noh_cycle(self, circle.waits, WAITS_MAX); /* either of the two is told */
    CHECK_EQ(own > 0 ? own : circle.count, 2);
    (void)noh_self_free(self);
    core_end(&world, system);
}

/* ---- no false alarm ------------------------------------------------------------------------- */

enum { LAYERS = 6, WIDTH = 12, ROUNDS = 2000 };

NOH_REQUEST(descend, sum, (uint32_t, level), (uint64_t, seed));
NOH_NO_STATE(node);

static noh_ref nodes[LAYERS][WIDTH];

/* Asks two of the next layers, one after the other; layers below never ask above. */
static noh_err node_descend(noh_self *self, node *me, const descend *m)
{
    int64_t total = 1;
    uint64_t seed = m->seed;
    for (int i = 0; i < 2 && m->level + 1 < LAYERS; i++) {
        sum s;
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint32_t to = m->level + 1 + (uint32_t)(seed >> 60) % (LAYERS - m->level - 1);
        CHECK_OK(noh_call(self, nodes[to][(seed >> 33) % WIDTH], descend, &s, .level = to,
                          .seed = seed));
        total += s.value;
    }
    return noh_reply(self, sum, .value = total);
}

NOH_BEHAVIOR(node, NOH_ON(descend, node_descend));

static void what_is_no_circle_is_none(void)
{
    core_world world;
    noh_system *system = core_start(&world, 3, NULL);
    noh_self *self = noh_system_self(system);
    for (size_t i = 0; i < LAYERS; i++) {
        for (size_t j = 0; j < WIDTH; j++) {
            nodes[i][j] = noh_spawn(self, node);
        }
    }
    noh_future futures[50];
    for (uint64_t round = 0; round < ROUNDS / 50; round++) {
        for (uint64_t i = 0; i < 50; i++) {
            CHECK_OK(noh_ask(self, nodes[0][i % WIDTH], descend, &futures[i],
                             .seed = round * 50 + i + 1));
        }
        for (size_t i = 0; i < 50; i++) {
            sum s;
            CHECK_OK(noh_await(self, futures[i], sum, NOH_FOREVER, &s));
            CHECK(s.value > 2);
        }
    }
    CHECK_EQ(core_dead(system, NOH_DEAD_LATE), 0);
    core_end(&world, system);
}

NOH_MESSAGE(pass_it_on, (struct, noh_promise, promise));
NOH_MESSAGE(holder_start, (noh_ref, whom));
NOH_NO_STATE(holder);

/* Keeps what it gets, but asks first. */
static noh_err holder_asks(noh_self *self, holder *me, const holder_start *m)
{
    sum s = {0};
    CHECK_OK(noh_call(self, m->whom, question, &s, .value = 1));
    tell_driver(self, s.value, NOH_OK);
    return NOH_OK;
}

static noh_err holder_keeps(noh_self *self, holder *me, const pass_it_on *m)
{
    tell_driver(self, 3, noh_promise_keep(self, m->promise, sum, .value = 3));
    return NOH_OK;
}

NOH_BEHAVIOR_WITH(holder, holder_start, holder_asks, NOH_ON(pass_it_on, holder_keeps));

static void wait_for_somebody(noh_self *self, waiter *me)
{
    noh_future future;
    noh_promise promise;
    sum s = {0};
    CHECK_OK(noh_future_open(self, sum, &future, &promise));
    CHECK_OK(noh_tell(self, cast.driver, pass_it_on, .promise = promise));
    CHECK_OK(noh_await(self, future, sum, NOH_FOREVER, &s));
    tell_driver(self, s.value, NOH_OK);
}

static size_t stuck(noh_system *system, int64_t for_ns, noh_wait *waits, size_t max)
{
    size_t count = SIZE_MAX;
    CHECK_OK(noh_stuck(system, for_ns, waits, max, &count));
    return count;
}

/* Nobody knows who will keep a promise that was sent on: perhaps one who is in no circle. But both are listed. */
static void who_has_a_promise_closes_no_circle(void)
{
    for (unsigned workers = 1; workers <= 2; workers++) {
        core_world world;
        noh_wait waits[2];
        noh_system *system = core_start(&world, workers, NULL);
        noh_self *self = noh_system_self(system);
        cast.driver = noh_self_ref(self);
        noh_ref a = let(self, wait_for_somebody, 0);
        noh_promise promise = CORE_RECEIVE(pass_it_on, self)->promise;
        noh_ref b = noh_spawn(self, holder, .whom = a);
        CHECK_OK(noh_tell(self, b, pass_it_on, .promise = promise)); /* behind its wait */
        while (stuck(system, 0, waits, 2) < 2) {
            sched_yield();
        }
        size_t of_b = noh_ref_equal(waits[0].actor, b) ? 0 : 1;
        CHECK(noh_ref_equal(waits[of_b].actor, b) && noh_ref_equal(waits[of_b].on, a));
        CHECK(noh_ref_equal(waits[1 - of_b].actor, a));
        CHECK(noh_ref_is_none(waits[1 - of_b].on));
        (void)core_settled(system, 3); /* what one has in hand, and the mailbox of each */
        CHECK_OK(noh_promise_keep(self, promise, sum, .value = 1));
        expect_report(self, 1, NOH_OK);
        expect_report(self, 2, NOH_OK);
        expect_report(self, 3, NOH_E_ANSWERED);
        (void)core_settled(system, 0);
        core_end(&world, system);
    }
}

/* ---- who waits ------------------------------------------------------------------------------ */

static void call_b(noh_self *self, waiter *me)
{
    sum s;
    (void)noh_call(self, cast.b, question, &s, .value = 1);
}

static void join_b(noh_self *self, waiter *me)
{
    (void)noh_join(self, cast.b, NOH_FOREVER, NULL);
}

static void receive_letter(noh_self *self, waiter *me)
{
    const letter *l;
    (void)noh_receive_only(self, letter, NOH_FOREVER, &l);
}

static void receive_any(noh_self *self, waiter *me)
{
    const noh_type *type;
    const void *message;
    (void)noh_receive(self, NOH_FOREVER, &type, &message);
}

static void sleep_long(noh_self *self, waiter *me)
{
    (void)noh_sleep(self, NOH_FOREVER);
}

static noh_err pass_gate(void *arg)
{
    core_pass(&gate);
    return NOH_OK;
}

static void block(noh_self *self, waiter *me)
{
    (void)noh_blocking(self, pass_gate, NULL);
}

typedef struct expected_wait {
    part_fn *part;
    noh_wait_why why;
    bool on_b;
    const char *message;
} expected_wait;

static const expected_wait expected[] = {
    {call_b, NOH_WAIT_FOR_ANSWER, true, "question"},
    {join_b, NOH_WAIT_FOR_END, true, ""},
    {receive_letter, NOH_WAIT_FOR_MESSAGE, false, "letter"},
    {receive_any, NOH_WAIT_FOR_MESSAGE, false, ""},
    {sleep_long, NOH_WAIT_FOR_TIME, false, ""},
    {block, NOH_WAIT_FOR_WORK, false, ""},
};
enum { KINDS = sizeof expected / sizeof *expected };

static void who_waits_is_listed(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref actors[KINDS];
    noh_wait waits[KINDS];
    core_shut_gate(&gate);
    cast.b = noh_spawn(self, keeper); /* does not answer */
    CHECK_EQ(stuck(system, 0, waits, KINDS), 0);
    for (size_t i = 0; i < KINDS; i++) {
        actors[i] = let(self, expected[i].part, 0);
    }
    while (stuck(system, 0, waits, KINDS) < KINDS) {
        sched_yield();
    }
    for (size_t i = 0; i < KINDS; i++) {
        size_t at = 0;
        while (at < KINDS && !noh_ref_equal(waits[at].actor, actors[i])) {
            at++;
        }
        CHECK(at < KINDS);
        CHECK_TEXT(waits[at].behavior, "waiter");
        CHECK_EQ(waits[at].why, expected[i].why);
        CHECK_TEXT(waits[at].message, expected[i].message);
        CHECK(noh_ref_equal(waits[at].on, expected[i].on_b ? cast.b : NOH_NO_REF));
        CHECK(waits[at].for_ns >= 0);
    }
    memset(waits, 0, sizeof waits);
    CHECK_EQ(stuck(system, 0, waits, 2), KINDS); /* more than fit */
    CHECK(noh_ref_is_none(waits[2].actor));
    CHECK_EQ(stuck(system, 0, NULL, 0), KINDS);
    CHECK_EQ(stuck(system, NOH_FOREVER, waits, KINDS), 0);
    core_open_gate(&gate);
    for (size_t i = 0; i < KINDS; i++) {
        (void)core_stop(self, actors[i], NOH_STOP_KILL);
    }
    CHECK_EQ(stuck(system, 0, waits, KINDS), 0);
    size_t count;
    CHECK_ERR(noh_stuck(NULL, 0, waits, KINDS, &count), NOH_E_INVAL);
    CHECK_ERR(noh_stuck(system, -1, waits, KINDS, &count), NOH_E_INVAL);
    CHECK_ERR(noh_stuck(system, 0, NULL, 1, &count), NOH_E_INVAL);
    CHECK_ERR(noh_stuck(system, 0, waits, KINDS, NULL), NOH_E_INVAL);
    CHECK_EQ(noh_cycle(NULL, waits, KINDS), 0);
    core_end(&world, system);
}

enum { AWAITS, CALLS, JOINS, ALL_OF_THEM, THREAD_KINDS };

typedef struct thread_part {
    noh_system *system;
    int kind;
    _Atomic uint64_t ref;
} thread_part;

static void *wait_on_thread(void *arg)
{
    thread_part *part = arg;
    noh_self *self = noh_system_self(part->system);
    noh_future future;
    sum s;
    atomic_store(&part->ref, noh_self_ref(self).bits);
    switch (part->kind) {
    case AWAITS:
        CHECK_OK(noh_ask(self, cast.b, question, &future));
        CHECK_OK(noh_await(self, future, sum, NOH_FOREVER, &s));
        break;
    case CALLS:
        CHECK_OK(noh_call(self, cast.b, question, &s));
        break;
    case ALL_OF_THEM:
        CHECK_OK(noh_ask(self, cast.b, question, &future));
        CHECK_OK(noh_await_all(self, &future, 1, sum, NOH_FOREVER, &s, NULL));
        break;
    default:
        CHECK_OK(noh_join(self, cast.b, NOH_FOREVER, NULL));
        break;
    }
    (void)noh_self_free(self);
    return NULL;
}

static void a_plain_thread_that_waits_is_listed(void)
{
    for (int kind = 0; kind < THREAD_KINDS; kind++) {
        core_world world;
        noh_wait wait;
        noh_system *system = core_start(&world, 2, NULL);
        noh_self *self = noh_system_self(system);
        thread_part part = {.system = system, .kind = kind};
        cast.b = noh_spawn(self, keeper); /* does not answer */
        pthread_t thread = core_thread(wait_on_thread, &part);
        while (stuck(system, 0, &wait, 1) < 1) {
            sched_yield();
        }
        CHECK_EQ(wait.actor.bits, atomic_load(&part.ref));
        CHECK_TEXT(wait.behavior, "");
        CHECK_EQ(wait.why, kind == JOINS ? NOH_WAIT_FOR_END : NOH_WAIT_FOR_ANSWER);
        CHECK(noh_ref_equal(wait.on, cast.b));
        CHECK_TEXT(wait.message, kind == JOINS ? "" : "question");
        CHECK(wait.for_ns >= 0);
        CHECK_EQ(stuck(system, NOH_FOREVER, &wait, 1), 0);
        if (kind == JOINS) {
            CHECK_OK(noh_stop(self, cast.b, NOH_STOP_NOW));
        } else {
            CHECK_OK(noh_tell(self, cast.b, answer_all, .count = 1));
        }
        core_join_thread(thread);
        CHECK_EQ(stuck(system, 0, &wait, 1), 0);
        core_end(&world, system);
    }
}

static const test_case cases[] = {
    TEST(a_circle_of_calls_is_found_and_named),
    TEST(a_circle_of_promises_is_found),
    TEST(a_circle_through_forwards_is_found),
    TEST(a_circle_through_a_join_is_found),
    TEST(a_circle_of_earlier_promises_is_found),
    TEST(a_circle_of_late_awaits_is_found),
    TEST(a_circle_of_late_awaits_with_promises_is_found),
    TEST(a_probe_ends_at_who_waits_for_itself),
    TEST(a_late_notice_is_not_for_a_later_ask),
    TEST(a_circle_through_a_plain_thread_is_found),
    TEST(what_is_no_circle_is_none),
    TEST(who_has_a_promise_closes_no_circle),
    TEST(who_waits_is_listed),
    TEST(a_plain_thread_that_waits_is_listed),
};
TEST_MAIN(cases)
