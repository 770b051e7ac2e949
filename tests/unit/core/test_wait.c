/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: handlers wait for answers, ends and time, at any depth, and are left and taken up again wherever
 * they are; a stop finds them there; what they hold comes back. (test_receive.c: for messages.) */
#include "waiter.h"

#include "system.h"

/* Who has ended before it is joined does not say why. */
static void check_kind(noh_exit exit, noh_exit_kind kind)
{
    CHECK(exit.kind == kind || exit.kind == NOH_EXIT_UNKNOWN);
}

static bool any(noh_self *self, void *ctx, const noh_type *type, const void *message)
{
    ++*(int *)ctx;
    return true;
}

static bool not_any(noh_self *self, void *ctx, const noh_type *type, const void *message)
{
    ++*(int *)ctx;
    return false;
}

static void ask_c(noh_self *self, waiter *me)
{
    sum s = {-1};
    noh_err err = noh_call(self, cast.c, question, &s, .value = me->value);
    tell_driver(self, s.value, err);
}

/* A last hook. */
static void tell_the_end(noh_self *self, waiter *me)
{
    tell_driver(self, -99, NOH_OK);
}

/* ---- each wait ------------------------------------------------------------------------------ */

static void end_at_once(noh_self *self, waiter *me)
{
    CHECK_OK(noh_exit_self(self));
}

/* Every wait there is, once. */
static int64_t wait_for_all(noh_self *self)
{
    sum s;
    noh_future future;
    noh_exit exit;
    const letter *l;
    const noh_type *type;
    const void *message;
    int asked = 0;
    noh_ref ref = noh_self_ref(self);
    CHECK_OK(noh_call(self, cast.b, question, &s, .value = 1));
    CHECK_EQ(s.value, 2);
    CHECK_OK(noh_ask(self, cast.b, demand, &future, .value = 2));
    CHECK_OK(noh_await(self, future, sum, NOH_SECOND * 1000, &s));
    CHECK_EQ(s.value, 1002);
    CHECK_ERR(noh_await(self, future, sum, 0, &s), NOH_E_SPENT);
    noh_ref other = let(self, end_at_once, 0);
    CHECK_OK(noh_join(self, other, NOH_FOREVER, &exit));
    check_kind(exit, NOH_EXIT_NORMAL);
    CHECK_OK(noh_sleep(self, 0));
    CHECK_OK(noh_sleep(self, 1000));
    CHECK_ERR(noh_receive(self, 0, &type, &message), NOH_E_TIMEOUT);
    CHECK_ERR(noh_receive_only(self, letter, 1000, &l), NOH_E_TIMEOUT);
    CHECK_OK(noh_tell(self, ref, letter, .value = 3));
    CHECK_OK(noh_tell(self, ref, letter, .value = 4));
    CHECK_OK(noh_tell(self, ref, letter, .value = 5));
    CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &message));
    CHECK_EQ(((const letter *)message)->value, 3);
    CHECK_OK(noh_receive_only(self, letter, NOH_FOREVER, &l));
    CHECK_EQ(l->value, 4);
    CHECK_OK(noh_receive_if(self, any, &asked, NOH_FOREVER, &type, &message));
    CHECK_EQ(((const letter *)message)->value, 5);
    CHECK_EQ(asked, 1);
    CHECK(noh_ref_equal(noh_self_ref(self), ref));
    return 1;
}

/* What lies on the stack stays there. */
static NOHI_NOINLINE int64_t deeper(noh_self *self, int64_t depth)
{
    int64_t here[16];
    for (int64_t i = 0; i < 16; i++) {
        here[i] = depth * i;
    }
    int64_t below = depth == 0 ? wait_for_all(self) : deeper(self, depth - 1);
    CHECK_OK(noh_sleep(self, 0));
    for (int64_t i = 0; i < 16; i++) {
        CHECK_EQ(here[i], depth * i);
    }
    return below + 1;
}

static void wait_at_depth(noh_self *self, waiter *me)
{
    int64_t value = me->value;
    tell_driver(self, deeper(self, value), NOH_OK);
    CHECK_EQ(me->value, value);
}

static void a_handler_waits_at_any_depth(void)
{
    for (unsigned workers = 1; workers <= 3; workers++) {
        core_world world;
        noh_system *system = core_start(&world, workers, NULL);
        noh_self *self = noh_system_self(system);
        cast.driver = noh_self_ref(self);
        cast.b = spawn_waiter(self);
        for (int64_t depth = 0; depth < 100; depth += 33) {
            (void)let(self, wait_at_depth, depth);
            expect_report(self, depth + 2, NOH_OK);
        }
        (void)core_settled(system, 0);
        CHECK_TEXT(nohi_system_check(system, true), NULL);
        core_end(&world, system);
    }
}

static void a_start_hook_waits(void)
{
    for (unsigned workers = 1; workers <= 3; workers++) {
        core_world world;
        noh_system *system = core_start(&world, workers, NULL);
        noh_self *self = noh_system_self(system);
        cast.driver = noh_self_ref(self);
        cast.b = spawn_waiter(self);
        noh_ref a = noh_spawn(self, waiter, .part = PART(wait_at_depth), .value = 10);
        noh_exit exit;
        expect_report(self, 12, NOH_OK);
        CHECK_OK(noh_tell(self, a, letter, .value = 1));
        expect_report(self, 1, NOH_OK);
        cast.c = noh_spawn(self, keeper);
        a = noh_spawn(self, waiter, .part = PART(ask_c), .last = PART(tell_the_end));
        CHECK_OK(noh_tell(self, a, letter, .value = 2)); /* waits for the start */
        CHECK_OK(noh_tell(self, cast.c, answer_all, .count = 1, .value = 7));
        expect_report(self, 7, NOH_OK);
        expect_report(self, 2, NOH_OK);
        check_kind(core_stop(self, a, NOH_STOP_NOW), NOH_EXIT_SHUTDOWN);
        expect_report(self, -99, NOH_OK);
        a = noh_spawn(self, waiter, .part = PART(ask_c), .last = PART(tell_the_end));
        (void)core_settled(system, 0);
        CHECK_OK(noh_stop(self, a, NOH_STOP_KILL)); /* in its start hook */
        CHECK_OK(noh_join(self, a, NOH_FOREVER, &exit));
        check_kind(exit, NOH_EXIT_KILLED);
        core_expect_nothing(self);
        (void)core_settled(system, 0);
        core_end(&world, system);
    }
}

/* ---- time ----------------------------------------------------------------------------------- */

static noh_system *start_with_own_clock(core_world *world)
{
    core_open(world);
    core_own_clock(world, 1000);
    return core_system(world, 1, NULL);
}

static void time_out_each(noh_self *self, waiter *me)
{
    sum s;
    noh_future future;
    const letter *l;
    const noh_type *type;
    const void *message;
    int asked = 0;
    noh_err err = NOH_OK;
    switch (me->value) {
    case 0:
        CHECK_OK(noh_ask(self, cast.b, question, &future));
        err = noh_await(self, future, sum, 100, &s);
        break;
    case 1:
        err = noh_join(self, cast.b, 100, NULL);
        break;
    case 2:
        err = noh_sleep(self, 100) == NOH_OK ? NOH_E_TIMEOUT : NOH_E_FAILED;
        break;
    case 3:
        err = noh_receive_only(self, letter, 100, &l);
        break;
    case 4:
        err = noh_receive_if(self, not_any, &asked, 100, &type, &message);
        break;
    default:
        err = noh_receive(self, 100, &type, &message);
        break;
    }
    tell_driver(self, me->value, err);
}

/* Not a nanosecond early, and at the first look after it. */
static void waits_end_when_their_time_has_come(void)
{
    core_world world;
    noh_system *system = start_with_own_clock(&world);
    noh_self *self = noh_system_self(system);
    cast.driver = noh_self_ref(self);
    cast.b = noh_spawn(self, keeper);
    for (int64_t kind = 0; kind < 6; kind++) {
        (void)let(self, time_out_each, kind);
        core_rested(&world);
        core_advance(&world, 99);
        core_rested(&world);
        core_expect_nothing(self);
        core_advance(&world, 1);
        expect_report(self, kind, NOH_E_TIMEOUT);
    }
    CHECK_OK(noh_tell(self, cast.b, answer_all, .count = 1, .value = 1)); /* late */
    core_rested(&world);
    CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_LATE], 1);
    core_end(&world, system);
}

static void await_in_time(noh_self *self, waiter *me)
{
    sum s;
    noh_future future;
    for (int i = 0; i < 3; i++) { /* its timer is cancelled: the next wait does not end by it */
        CHECK_OK(noh_ask(self, cast.b, question, &future));
        noh_err err = noh_await(self, future, sum, 100, &s);
        tell_driver(self, i, err);
    }
    CHECK_OK(noh_sleep(self, NOH_FOREVER) == NOH_E_STOPPED ? NOH_OK : NOH_E_FAILED);
}

static void an_answer_in_time_leaves_no_timer(void)
{
    core_world world;
    noh_system *system = start_with_own_clock(&world);
    noh_self *self = noh_system_self(system);
    cast.driver = noh_self_ref(self);
    cast.b = noh_spawn(self, keeper);
    noh_ref a = let(self, await_in_time, 0);
    for (int i = 0; i < 3; i++) {
        core_rested(&world);
        core_advance(&world, 99);
        CHECK_OK(noh_tell(self, cast.b, answer_all, .count = 1, .value = 1));
        expect_report(self, i, NOH_OK);
    }
    core_rested(&world);
    core_advance(&world, 1000000);
    core_rested(&world);
    CHECK_OK(noh_stop(self, a, NOH_STOP_NOW));
    CHECK_OK(noh_join(self, a, NOH_FOREVER, NULL));
    core_end(&world, system);
}

static void tell_b_and_look(noh_self *self, waiter *me)
{
    const other_letter *o;
    CHECK_OK(noh_tell(self, cast.b, letter, .value = 1));
    noh_err err = me->value == 0 ? noh_sleep(self, 0) : noh_receive_only(self, other_letter, 0, &o);
    CHECK_ERR(err, me->value == 0 ? NOH_OK : NOH_E_TIMEOUT);
    tell_driver(self, 2, NOH_OK);
}

static void no_time_is_a_look_after_others_had_their_turn(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    cast.driver = noh_self_ref(self);
    cast.b = spawn_waiter(self);
    for (int64_t i = 0; i < 2; i++) {
        (void)let(self, tell_b_and_look, i);
        expect_report(self, 1, NOH_OK);
        expect_report(self, 2, NOH_OK);
    }
    core_end(&world, system);
}

static void sleep_with_a_beat(noh_self *self, waiter *me)
{
    CHECK_OK(noh_every(self, 10, noh_self_ref(self), beat, NULL, .value = 5));
    CHECK_OK(noh_sleep(self, 1000));
    tell_driver(self, 1, NOH_OK);
}

static void ticks_do_not_pile_up_behind_a_wait(void)
{
    core_world world;
    noh_system *system = start_with_own_clock(&world);
    noh_self *self = noh_system_self(system);
    cast.driver = noh_self_ref(self);
    noh_ref a = let(self, sleep_with_a_beat, 0);
    for (int i = 0; i < 50; i++) {
        core_rested(&world);
        core_advance(&world, 19);
    }
    CHECK_EQ(core_settled(system, 2).dead[NOH_DEAD_FULL], 0); /* one, and what it performs */
    core_rested(&world);
    core_advance(&world, 50);
    expect_report(self, 1, NOH_OK);
    expect_report(self, 5, NOH_OK);
    (void)core_stop(self, a, NOH_STOP_NOW);
    core_end(&world, system);
}

static void sleep_with_idle(noh_self *self, waiter *me)
{
    CHECK_OK(noh_idle_after(self, 100));
    CHECK_OK(noh_sleep(self, 1000));
    tell_driver(self, 1, NOH_OK);
}

/* Who waits is not idle; it is when its handler has been over for so long. */
static void who_waits_is_not_idle(void)
{
    core_world world;
    noh_system *system = start_with_own_clock(&world);
    noh_self *self = noh_system_self(system);
    cast.driver = noh_self_ref(self);
    noh_ref a = let(self, sleep_with_idle, 0);
    for (int i = 0; i < 10; i++) {
        core_expect_nothing(self);
        core_rested(&world);
        core_advance(&world, 100);
    }
    expect_report(self, 1, NOH_OK);
    core_rested(&world);
    core_advance(&world, 99);
    core_rested(&world);
    core_expect_nothing(self);
    core_advance(&world, 1);
    expect_report(self, 0, NOH_OK); /* noh_idle */
    (void)core_stop(self, a, NOH_STOP_NOW);
    core_end(&world, system);
}

/* ---- answers -------------------------------------------------------------------------------- */

NOH_MESSAGE(goods, (noh_text, text), (list, int64_t, items), (noh_box, box));
NOH_REQUEST(order, goods, (int64_t, value));
NOH_NO_STATE(shop);

static atomic_int dropped;

static void drop(void *data, size_t size)
{
    free(data);
    atomic_fetch_add(&dropped, 1);
}

static noh_err shop_order(noh_self *self, shop *me, const order *m)
{
    char text[32];
    int64_t items[] = {m->value, m->value * 2};
    char *box = malloc(8);
    CHECK(box != NULL);
    snprintf(box, 8, "%d", (int)m->value);
    snprintf(text, sizeof text, "number %d", (int)m->value);
    return noh_reply(self, goods, .text = text, .items = {items, 2}, .box = {box, 8, drop});
}

NOH_BEHAVIOR(shop, NOH_ON(order, shop_order));

static void order_goods(noh_self *self, waiter *me)
{
    goods first;
    goods second;
    sum s;
    noh_future future;
    CHECK_OK(noh_call(self, cast.b, order, &first, .value = 1));
    CHECK_TEXT(first.text, "number 1");
    CHECK_EQ(first.items.items[1], 2);
    CHECK_OK(noh_call(self, cast.b, order, &second, .value = 2)); /* the box of the first is ours */
    CHECK_TEXT(second.text, "number 2");
    CHECK_EQ(second.items.count, 2);
    CHECK_TEXT(first.box.data, "1");
    free(noh_box_take(&first.box));
    free(noh_box_take(&second.box));
    CHECK_EQ(atomic_load(&dropped), 0);
    CHECK_OK(noh_ask(self, cast.b, order, &future, .value = 3));
    CHECK_ERR(noh_await(self, future, sum, NOH_FOREVER, &s), NOH_E_WRONG_TYPE); /* dropped */
    CHECK_OK(noh_ask(self, cast.b, order, &future, .value = 4));
    CHECK_OK(noh_future_cancel(self, future));
    tell_driver(self, 1, NOH_OK);
}

static void an_answer_stays_until_the_next_wait(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    atomic_store(&dropped, 0);
    cast.driver = noh_self_ref(self);
    cast.b = noh_spawn(self, shop);
    (void)let(self, order_goods, 0);
    expect_report(self, 1, NOH_OK);
    (void)core_settled(system, 0);
    core_end(&world, system);
    CHECK_EQ(atomic_load(&dropped), 2);
}

static noh_future foreign[2];

static void await_what_is_not_mine(noh_self *self, waiter *me)
{
    sum s;
    for (int i = 0; i < 2; i++) {
        CHECK_ERR(noh_await(self, foreign[i], sum, NOH_FOREVER, &s), NOH_E_SPENT);
    }
    CHECK_ERR(noh_await(self, (noh_future){0}, sum, NOH_FOREVER, &s), NOH_E_SPENT);
    CHECK_ERR(noh_await(self, (noh_future){UINT64_MAX}, sum, NOH_FOREVER, &s), NOH_E_SPENT);
    noh_future own;
    CHECK_OK(noh_ask(self, cast.b, question, &own));
    for (int i = 0; i < 2; i++) {
        CHECK_ERR(noh_await(self, foreign[i], sum, NOH_FOREVER, &s), NOH_E_SPENT);
    }
    CHECK_OK(noh_future_cancel(self, own));
    CHECK_ERR(noh_await(self, own, sum, NOH_FOREVER, &s), NOH_E_SPENT);
    tell_driver(self, 1, NOH_OK);
}

static void only_ones_own_futures_are_awaited(void)
{
    core_world world;
    core_world elsewhere;
    noh_system *system = core_start(&world, 2, NULL);
    noh_system *other = core_start(&elsewhere, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_self *there = noh_system_self(other);
    sum s;
    cast.driver = noh_self_ref(self);
    cast.b = spawn_waiter(self);
    noh_ref b = spawn_waiter(there);
    CHECK_OK(noh_ask(self, cast.b, question, &foreign[0]));
    CHECK_OK(noh_ask(there, b, question, &foreign[1]));
    (void)let(self, await_what_is_not_mine, 0);
    expect_report(self, 1, NOH_OK);
    CHECK_OK(noh_await(self, foreign[0], sum, NOH_FOREVER, &s));
    CHECK_OK(noh_await(there, foreign[1], sum, NOH_FOREVER, &s));
    (void)core_settled(system, 0);
    core_end(&elsewhere, other);
    core_end(&world, system);
}

/* Asked by one handler, awaited by the next. */
static void ask_for_later(noh_self *self, waiter *me)
{
    CHECK_OK(noh_ask(self, cast.b, question, &me->future));
    tell_driver(self, 1, NOH_OK);
}

static void await_it_now(noh_self *self, waiter *me)
{
    sum s = {-1};
    noh_err err = noh_await(self, me->future, sum, NOH_FOREVER, &s);
    tell_driver(self, s.value, err);
}

static void a_future_outlives_its_handler(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    cast.driver = noh_self_ref(self);
    cast.b = noh_spawn(self, keeper);
    noh_ref a = let(self, ask_for_later, 0);
    expect_report(self, 1, NOH_OK);
    CHECK_OK(noh_tell(self, a, perform, .part = PART(await_it_now)));
    (void)core_settled(system, 1);
    CHECK_OK(noh_tell(self, cast.b, answer_all, .count = 1, .value = 6));
    expect_report(self, 6, NOH_OK);
    CHECK_OK(noh_tell(self, a, perform, .part = PART(ask_for_later)));
    expect_report(self, 1, NOH_OK);
    CHECK_OK(noh_tell(self, cast.b, answer_all, .count = 1, .value = 7));
    expect_report(self, 7, NOH_OK); /* nobody awaited it: the handler of sums has it */
    CHECK_OK(noh_tell(self, a, perform, .part = PART(await_it_now)));
    expect_report(self, -1, NOH_E_SPENT);
    core_end(&world, system);
}

/* ---- stops ---------------------------------------------------------------------------------- */

static void stop_oneself_and_sleep(noh_self *self, waiter *me)
{
    CHECK_OK(noh_stop(self, noh_self_ref(self), (noh_stop_kind)me->value));
    tell_driver(self, 1, noh_sleep(self, NOH_FOREVER));
}

static void who_stops_itself_is_stopped_in_its_next_wait(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    cast.driver = noh_self_ref(self);
    noh_exit exit;
    noh_ref a = let(self, stop_oneself_and_sleep, NOH_STOP_NOW);
    CHECK_OK(noh_join(self, a, NOH_FOREVER, &exit));
    check_kind(exit, NOH_EXIT_SHUTDOWN);
    expect_report(self, 1, NOH_E_STOPPED);
    a = let(self, stop_oneself_and_sleep, NOH_STOP_KILL);
    CHECK_OK(noh_join(self, a, NOH_FOREVER, &exit));
    check_kind(exit, NOH_EXIT_KILLED);
    core_expect_nothing(self);
    core_end(&world, system);
}

static void answer_and_stop(noh_self *self, waiter *me)
{
    CHECK_OK(noh_reply(self, sum, .value = 7));
    CHECK_OK(noh_stop(self, cast.a, (noh_stop_kind)me->value));
}

static void call_keeper(noh_self *self, waiter *me)
{
    sum s = {-1};
    noh_err err = noh_call(self, cast.b, question, &s, .value = me->value);
    tell_driver(self, s.value, err);
}

static void receive_two(noh_self *self, waiter *me)
{
    for (int i = 0; i < 4; i++) { /* blocks at hand for what it tells later */
        tell_driver(self, 0, NOH_OK);
    }
    for (int i = 0; i < 2; i++) {
        const letter *got;
        CHECK_OK(noh_receive_only(self, letter, NOH_FOREVER, &got));
        tell_driver(self, got->value, NOH_OK);
    }
}

/* b answers a, and stops it, in one turn: both lie there when a has its next one. */
static void call_and_sleep(noh_self *self, waiter *me)
{
    sum s;
    CHECK_OK(noh_call(self, cast.b, play, &s, .part = PART(answer_and_stop), .value = me->value));
    tell_driver(self, s.value, noh_sleep(self, NOH_FOREVER));
}

static void a_stop_that_comes_with_an_answer_is_for_the_next_wait(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_exit exit;
    cast.driver = noh_self_ref(self);
    cast.b = spawn_waiter(self);
    cast.a = spawn_waiter(self);
    CHECK_OK(noh_tell(self, cast.a, perform, .part = PART(call_and_sleep), .value = NOH_STOP_NOW));
    CHECK_OK(noh_join(self, cast.a, NOH_FOREVER, &exit));
    check_kind(exit, NOH_EXIT_SHUTDOWN);
    expect_report(self, 7, NOH_E_STOPPED);
    (void)core_settled(system, 0);
    core_end(&world, system);
}

/* A drain lets it wait, and does not keep the worker busy meanwhile. */
static void a_drain_waits_for_an_answer_that_comes(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_exit exit;
    cast.driver = noh_self_ref(self);
    cast.b = noh_spawn(self, keeper);
    cast.a = let(self, call_keeper, 0);
    CHECK_OK(noh_tell(self, cast.a, letter, .value = 8));
    CHECK_OK(noh_stop(self, cast.a, NOH_STOP_DRAIN));
    CHECK_ERR(noh_join(self, cast.a, 0, NULL), NOH_E_TIMEOUT);
    CHECK_OK(noh_tell(self, cast.b, answer_all, .count = 1, .value = 3));
    CHECK_OK(noh_join(self, cast.a, NOH_FOREVER, &exit));
    check_kind(exit, NOH_EXIT_NORMAL);
    expect_report(self, 3, NOH_OK);
    expect_report(self, 8, NOH_OK);
    core_end(&world, system);
}

/* In the hostile build who has its answer may move before it goes on: then the kill comes between. */
static void an_answer_that_its_asker_does_not_live_to_see_is_late(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    cast.driver = noh_self_ref(self);
    cast.b = noh_spawn(self, keeper);
    for (int i = 0; i < 300; i++) {
        noh_exit exit;
        noh_ref a = let(self, call_keeper, 0);
        CHECK_OK(noh_tell(self, cast.b, answer_all, .count = 1, .value = 3));
        CHECK_OK(noh_stop(self, a, NOH_STOP_KILL));
        CHECK_OK(noh_join(self, a, NOH_FOREVER, &exit));
    }
    (void)core_stop(self, cast.b, NOH_STOP_NOW);
    const noh_type *type;
    const void *message;
    while (noh_receive(self, 0, &type, &message) == NOH_OK) {
    }
    (void)core_settled(system, 0);
    core_end(&world, system);
}

static void give_up_and_receive(noh_self *self, waiter *me)
{
    sum s;
    noh_future future;
    const letter *got;
    for (int i = 0; i < 3; i++) {
        CHECK_OK(noh_ask(self, cast.b, question, &future, .value = i));
        CHECK_ERR(noh_await(self, future, sum, 0, &s), NOH_E_TIMEOUT);
        CHECK_ERR(noh_await(self, future, sum, 0, &s), NOH_E_SPENT);
    }
    tell_driver(self, 0, NOH_OK);
    CHECK_OK(noh_receive_only(self, letter, NOH_FOREVER, &got));
    tell_driver(self, got->value, NOH_OK);
}

/* Also while its handler goes on: a handler may receive for ever. */
static void a_late_answer_becomes_a_dead_letter_when_it_comes(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    cast.driver = noh_self_ref(self);
    cast.b = noh_spawn(self, keeper);
    cast.a = let(self, give_up_and_receive, 0);
    expect_report(self, 0, NOH_OK);
    CHECK_EQ(core_settled(system, 1).dead[NOH_DEAD_LATE], 0); /* what it performs is in hand */
    CHECK_OK(noh_tell(self, cast.b, answer_all, .count = 3, .value = 1));
    while (core_dead(system, NOH_DEAD_LATE) < 3) {
        sched_yield();
    }
    CHECK_OK(noh_tell(self, cast.a, letter, .value = 9));
    expect_report(self, 9, NOH_OK);
    CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_LATE], 3);
    core_end(&world, system);
}

/* ---- no memory ------------------------------------------------------------------------------ */

static void a_handler_goes_on_without_memory(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    cast.driver = noh_self_ref(self);
    cast.a = let(self, receive_two, 0); /* on the only strand */
    for (int i = 0; i < 4; i++) {
        expect_report(self, 0, NOH_OK);
    }
    (void)core_settled(system, 1);
    fault_at(&world.fault, 1, true);
    CHECK_OK(noh_tell(self, cast.a, letter, .value = 1));
    CHECK_OK(noh_tell(self, cast.a, letter, .value = 2));
    expect_report(self, 1, NOH_OK);
    expect_report(self, 2, NOH_OK);
    fault_at(&world.fault, 0, false);
    (void)core_settled(system, 0);
    core_end(&world, system);
}

/* ---- where nobody may wait ------------------------------------------------------------------ */

static bool tries_to_wait(noh_self *self, void *ctx, const noh_type *type, const void *message)
{
    sum s;
    const noh_type *t;
    const void *m;
    const letter *l;
    noh_ref other = *(noh_ref *)ctx;
    CHECK_ERR(noh_sleep(self, 0), NOH_E_CONTEXT);
    CHECK_ERR(noh_receive(self, 0, &t, &m), NOH_E_CONTEXT);
    CHECK_ERR(noh_receive_only(self, letter, NOH_FOREVER, &l), NOH_E_CONTEXT);
    CHECK_ERR(noh_receive_if(self, tries_to_wait, ctx, 0, &t, &m), NOH_E_CONTEXT);
    CHECK_ERR(noh_join(self, other, 0, NULL), NOH_E_CONTEXT);
    CHECK_ERR(noh_call(self, other, question, &s, .value = 1), NOH_E_CONTEXT);
    noh_future future;
    CHECK_OK(noh_ask(self, other, question, &future, .value = 1));
    CHECK_ERR(noh_await(self, future, sum, NOH_FOREVER, &s), NOH_E_CONTEXT);
    CHECK_OK(noh_future_cancel(self, future)); /* it was not given up */
    return true;
}

static void receive_with_a_filter_that_waits(noh_self *self, waiter *me)
{
    const noh_type *type;
    const void *message;
    tell_driver(self, 0, NOH_OK);
    CHECK_OK(noh_receive_if(self, tries_to_wait, &cast.b, NOH_FOREVER, &type, &message));
    tell_driver(self, ((const letter *)message)->value, NOH_OK);
}

static void a_filter_may_not_wait(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    cast.driver = noh_self_ref(self);
    cast.b = spawn_waiter(self);
    cast.a = let(self, receive_with_a_filter_that_waits, 0);
    expect_report(self, 0, NOH_OK);
    CHECK_OK(noh_tell(self, cast.a, letter, .value = 4));
    expect_report(self, 4, NOH_OK);
    const noh_type *type;
    const void *message;
    CHECK_OK(noh_tell(self, cast.driver, letter, .value = 5)); /* a plain thread's neither */
    CHECK_OK(noh_receive_if(self, tries_to_wait, &cast.b, NOH_FOREVER, &type, &message));
    CHECK_EQ(((const letter *)message)->value, 5);
    sum s;
    CHECK_OK(noh_call(self, cast.b, question, &s, .value = 1)); /* the late answer is here, too */
    CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_LATE], 2);
    core_end(&world, system);
}

static const test_case cases[] = {
    TEST(a_handler_waits_at_any_depth),
    TEST(a_start_hook_waits),
    TEST(waits_end_when_their_time_has_come),
    TEST(an_answer_in_time_leaves_no_timer),
    TEST(no_time_is_a_look_after_others_had_their_turn),
    TEST(ticks_do_not_pile_up_behind_a_wait),
    TEST(who_waits_is_not_idle),
    TEST(an_answer_stays_until_the_next_wait),
    TEST(only_ones_own_futures_are_awaited),
    TEST(a_future_outlives_its_handler),
    TEST(who_stops_itself_is_stopped_in_its_next_wait),
    TEST(a_stop_that_comes_with_an_answer_is_for_the_next_wait),
    TEST(a_drain_waits_for_an_answer_that_comes),
    TEST(an_answer_that_its_asker_does_not_live_to_see_is_late),
    TEST(a_late_answer_becomes_a_dead_letter_when_it_comes),
    TEST(a_handler_goes_on_without_memory),
    TEST(a_filter_may_not_wait),
};
TEST_MAIN(cases)
