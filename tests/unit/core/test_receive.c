/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a handler takes messages out of its mailbox, in any order it likes; what it does not take keeps
 * its order; every request it took is answered, whatever becomes of it. And so does a plain thread. */
#include "waiter.h"

#include "system.h"

NOH_MESSAGE(parcel, (noh_text, text), (list, int64_t, items), (noh_box, box));

static atomic_int dropped;

static void drop(void *data, size_t size)
{
    free(data);
    atomic_fetch_add(&dropped, 1);
}

static noh_box box_of(const char *text)
{
    size_t size = strlen(text) + 1;
    char *data = malloc(size);
    CHECK(data != NULL);
    return (noh_box){memcpy(data, text, size), size, drop};
}

typedef struct stage {
    core_world world;
    noh_system *system;
    noh_self *self;
} stage;

static void open_stage(stage *s, unsigned workers)
{
    s->system = core_start(&s->world, workers, NULL);
    s->self = noh_system_self(s->system);
    cast.driver = noh_self_ref(s->self);
    atomic_store(&dropped, 0);
}

/* All is over: what was sent was handled or is dead, every invariant holds, all memory is back. */
static void close_stage(stage *s)
{
    (void)core_settled(s->system, 0);
    CHECK_TEXT(nohi_system_check(s->system, true), NULL);
    core_end(&s->world, s->system);
}

/* ---- order -------------------------------------------------------------------------------- */

static void take_by_type(noh_self *self, waiter *me)
{
    const letter *l;
    const other_letter *o;
    const question *q;
    tell_driver(self, 0, NOH_OK);
    CHECK_OK(noh_receive_only(self, question, NOH_FOREVER, &q));
    CHECK_EQ(q->value, 4);
    CHECK_OK(noh_reply(self, sum, .value = 40));
    CHECK_OK(noh_receive_only(self, other_letter, NOH_FOREVER, &o));
    tell_driver(self, o->value, NOH_OK);
    CHECK_OK(noh_receive_only(self, letter, NOH_FOREVER, &l));
    tell_driver(self, l->value, NOH_OK);
    CHECK_OK(noh_receive_only(self, letter, NOH_FOREVER, &l));
    tell_driver(self, l->value, NOH_OK);
}

/* letter 1, other 2, letter 3, question 4, letter 5, other 6: it takes 4, 2, 1, 3; 5 and 6 are left. */
static void what_is_not_taken_keeps_its_order(void)
{
    for (unsigned workers = 1; workers <= 2; workers++) {
        stage s;
        open_stage(&s, workers);
        noh_ref a = let(s.self, take_by_type, 0);
        expect_report(s.self, 0, NOH_OK);
        noh_future future;
        sum answer;
        CHECK_OK(noh_tell(s.self, a, letter, .value = 1));
        CHECK_OK(noh_tell(s.self, a, other_letter, .value = 2));
        CHECK_OK(noh_tell(s.self, a, letter, .value = 3));
        CHECK_OK(noh_ask(s.self, a, question, &future, .value = 4));
        CHECK_OK(noh_tell(s.self, a, letter, .value = 5));
        CHECK_OK(noh_tell(s.self, a, other_letter, .value = 6));
        CHECK_OK(noh_await(s.self, future, sum, NOH_FOREVER, &answer));
        CHECK_EQ(answer.value, 40);
        static const int64_t order[] = {2, 1, 3, 5, 6};
        for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
            expect_report(s.self, order[i], NOH_OK);
        }
        close_stage(&s);
    }
}

static void take_beats(noh_self *self, waiter *me)
{
    const beat *b;
    const letter *l;
    noh_timer timer;
    CHECK_OK(noh_every(self, 10, noh_self_ref(self), beat, &timer, .value = 7));
    for (int i = 0; i < 3;
         i++) { /* past a letter that waits; the next one comes when this is handled */
        CHECK_OK(noh_receive_only(self, beat, NOH_FOREVER, &b));
        tell_driver(self, b->value, NOH_OK);
    }
    CHECK_OK(noh_receive_only(self, letter, NOH_FOREVER, &l)); /* ends the third beat */
    CHECK_OK(noh_timer_cancel(self, timer));
    tell_driver(self, l->value, NOH_OK);
}

static void ticks_are_received_like_others(void)
{
    stage s;
    core_open(&s.world);
    core_own_clock(&s.world, 1000);
    s.system = core_system(&s.world, 1, NULL);
    s.self = noh_system_self(s.system);
    cast.driver = noh_self_ref(s.self);
    noh_ref a = let(s.self, take_beats, 0);
    CHECK_OK(noh_tell(s.self, a, letter, .value = 1));
    for (int i = 0; i < 3; i++) {
        core_expect_nothing(s.self);
        core_rested(&s.world);
        core_advance(&s.world, 10);
        expect_report(s.self, 7, NOH_OK);
    }
    expect_report(s.self, 1, NOH_OK);
    core_end(&s.world, s.system);
}

static bool is_value(noh_self *self, void *ctx, const noh_type *type, const void *message)
{
    int64_t *state = ctx; /* [0] wanted, [1] the last one asked about, [2] how many */
    const letter *l = noh_as(letter, type, message);
    state[2]++;
    if (l == NULL) {
        return false;
    }
    CHECK(l->value > state[1]); /* each once, in order */
    state[1] = l->value;
    return l->value == state[0];
}

static void take_the_fifth(noh_self *self, waiter *me)
{
    const noh_type *type;
    const void *message;
    int64_t state[] = {5, 0, 0};
    tell_driver(self, 0, NOH_OK);
    CHECK_OK(noh_receive_if(self, is_value, state, NOH_FOREVER, &type, &message));
    CHECK_EQ(((const letter *)message)->value, 5);
    CHECK(type == NOH_TYPE(letter));
    CHECK_EQ(state[2], 6); /* and the question */
    tell_driver(self, 5, NOH_OK);
}

static void a_filter_is_asked_once_for_each_in_order(void)
{
    stage s;
    open_stage(&s, 2);
    noh_ref a = let(s.self, take_the_fifth, 0);
    expect_report(s.self, 0, NOH_OK);
    noh_future future;
    sum answer;
    CHECK_OK(noh_ask(s.self, a, question, &future, .value = 1));
    for (int64_t i = 1; i <= 7; i++) {
        CHECK_OK(noh_tell(s.self, a, letter, .value = i));
    }
    expect_report(s.self, 5, NOH_OK);
    for (int64_t i = 1; i <= 7; i++) {
        if (i != 5) {
            expect_report(s.self, i, NOH_OK);
        }
    }
    CHECK_OK(noh_await(s.self, future, sum, NOH_FOREVER, &answer));
    CHECK_EQ(answer.value, 2);
    close_stage(&s);
}

static bool fails(noh_self *self, void *ctx, const noh_type *type, const void *message)
{
    if (type == NOH_TYPE(other_letter)) {
        noh_fail(self, NOH_E_TAKEN, "no more");
    }
    return false;
}

static void filter_and_fail(noh_self *self, waiter *me)
{
    const noh_type *type;
    const void *message;
    tell_driver(self, 0, NOH_OK);
    (void)noh_receive_if(self, fails, NULL, me->value, &type, &message);
    CHECK(false);
}

/* What it was asked about is lost by name, and who asked for something is told. */
static void a_filter_that_fails_fails_the_actor(void)
{
    for (int timed = 0; timed < 2; timed++) {
        stage s;
        open_stage(&s, 1);
        noh_ref a = let(s.self, filter_and_fail, timed != 0 ? 3600 * NOH_SECOND : NOH_FOREVER);
        expect_report(s.self, 0, NOH_OK);
        noh_future future;
        sum answer;
        CHECK_OK(noh_ask(s.self, a, question, &future, .value = 1));
        CHECK_OK(noh_tell(s.self, a, letter, .value = 1));
        CHECK_OK(noh_tell(s.self, a, other_letter, .value = 1));
        CHECK_OK(noh_join(s.self, a, NOH_FOREVER, NULL));
        CHECK_EQ(core_logged(&s.world, "no more"), 1);
        CHECK_ERR(noh_await(s.self, future, sum, NOH_FOREVER, &answer), NOH_E_STOPPED);
        noh_ledger ledger = core_settled(s.system, 0);
        CHECK_EQ(ledger.dead[NOH_DEAD_STOPPED], 3);
        CHECK_EQ(ledger.dead[NOH_DEAD_CRASHED], 1); /* what it performed */
        close_stage(&s);
    }
}

/* ---- replies ------------------------------------------------------------------------------ */

static void answer_both(noh_self *self, waiter *me)
{
    const question *q;
    tell_driver(self, 0, NOH_OK);
    CHECK(noh_ref_equal(noh_sender(self), cast.driver));
    CHECK_OK(noh_receive_only(self, question, NOH_FOREVER, &q));
    CHECK(noh_ref_equal(noh_sender(self), cast.b));
    CHECK_OK(noh_reply(self, sum, .value = q->value)); /* the newer first */
    CHECK_OK(noh_reply(self, sum, .value = 77));       /* then its own */
    CHECK_ERR(noh_reply(self, sum, .value = 78), NOH_E_ANSWERED);
}

static void ask_a(noh_self *self, waiter *me)
{
    sum s = {-1};
    noh_err err = noh_call(self, cast.a, question, &s, .value = me->value);
    tell_driver(self, s.value, err);
}

static void the_newer_request_is_answered_first(void)
{
    stage s;
    open_stage(&s, 2);
    cast.a = spawn_waiter(s.self);
    cast.b = spawn_waiter(s.self);
    noh_future future;
    sum answer;
    CHECK_OK(noh_ask(s.self, cast.a, play, &future, .part = PART(answer_both)));
    expect_report(s.self, 0, NOH_OK);
    CHECK_OK(noh_tell(s.self, cast.b, perform, .part = PART(ask_a), .value = 5));
    expect_report(s.self, 5, NOH_OK);
    CHECK_OK(noh_await(s.self, future, sum, NOH_FOREVER, &answer));
    CHECK_EQ(answer.value, 77);
    close_stage(&s);
}

static void answer_twice(noh_self *self, waiter *me)
{
    const question *q;
    tell_driver(self, 0, NOH_OK);
    CHECK_OK(noh_receive_only(self, question, NOH_FOREVER, &q));
    CHECK_OK(noh_reply(self, sum, .value = q->value));
    CHECK_ERR(noh_reply(self, sum, .value = q->value), NOH_E_ANSWERED);
}

/* Behind it lies what nobody asked. */
static void a_received_request_is_answered_once(void)
{
    stage s;
    open_stage(&s, 1);
    cast.a = let(s.self, answer_twice, 0);
    expect_report(s.self, 0, NOH_OK);
    sum answer;
    CHECK_OK(noh_call(s.self, cast.a, question, &answer, .value = 6));
    CHECK_EQ(answer.value, 6);
    close_stage(&s);
}

static void receive_and_forget(noh_self *self, waiter *me)
{
    const question *q;
    const letter *l;
    tell_driver(self, 0, NOH_OK);
    CHECK_OK(noh_receive_only(self, question, NOH_FOREVER, &q));
    CHECK_ERR(noh_receive_only(self, letter, 0, &l), NOH_E_TIMEOUT); /* closes it */
    tell_driver(self, 1, NOH_OK);
    CHECK_OK(noh_receive_only(self, letter, NOH_FOREVER, &l));
    CHECK_OK(
        noh_reply(self, sum, .value = l->value)); /* to its own request, behind what was told */
    CHECK_OK(noh_receive_only(self, question, NOH_FOREVER, &q));
}

static void a_received_request_that_is_forgotten_gets_no_answer(void)
{
    stage s;
    open_stage(&s, 2);
    cast.a = spawn_waiter(s.self);
    noh_future own;
    noh_future first;
    noh_future second;
    sum answer;
    CHECK_OK(noh_ask(s.self, cast.a, play, &own, .part = PART(receive_and_forget)));
    expect_report(s.self, 0, NOH_OK);
    CHECK_OK(noh_ask(s.self, cast.a, question, &first, .value = 5));
    CHECK_ERR(noh_await(s.self, first, sum, NOH_FOREVER, &answer), NOH_E_NO_ANSWER);
    expect_report(s.self, 1, NOH_OK);
    CHECK_OK(noh_tell(s.self, cast.a, letter, .value = 6));
    CHECK_OK(noh_await(s.self, own, sum, NOH_FOREVER, &answer));
    CHECK_EQ(answer.value, 6);
    CHECK_OK(noh_ask(s.self, cast.a, question, &second, .value = 7)); /* forgotten at the end */
    CHECK_ERR(noh_await(s.self, second, sum, NOH_FOREVER, &answer), NOH_E_NO_ANSWER);
    close_stage(&s);
}

static void pass_it_on(noh_self *self, waiter *me)
{
    const question *q;
    tell_driver(self, 0, NOH_OK);
    CHECK_OK(noh_receive_only(self, question, NOH_FOREVER, &q));
    CHECK_OK(noh_forward(self, cast.b));
    CHECK_ERR(noh_forward(self, cast.b), NOH_E_ANSWERED);
    CHECK(noh_ref_is_none(noh_sender(self)));
    CHECK_OK(noh_receive_only(self, question, NOH_FOREVER, &q));
    CHECK_OK(noh_promise_take(self, &me->promise));
    CHECK_ERR(noh_promise_take(self, &me->promise), NOH_E_ANSWERED);
    CHECK_OK(noh_receive_only(self, question, NOH_FOREVER, &q));
    CHECK_EQ(q->value, 30);
    noh_promise third;
    CHECK_OK(noh_promise_take(self, &third));
    CHECK_OK(noh_promise_keep(self, third, sum, .value = 33)); /* in the turn that took it */
    CHECK_OK(noh_sleep(self, 0));
    CHECK_OK(noh_promise_keep(self, me->promise, sum, .value = 22));
}

static void a_received_request_is_forwarded_or_promised(void)
{
    stage s;
    open_stage(&s, 2);
    cast.b = spawn_waiter(s.self);
    noh_ref a = let(s.self, pass_it_on, 0);
    expect_report(s.self, 0, NOH_OK);
    noh_future futures[3];
    sum answer;
    for (int i = 0; i < 3; i++) {
        CHECK_OK(noh_ask(s.self, a, question, &futures[i], .value = 10 * (i + 1)));
    }
    static const int64_t answers[] = {11, 22, 33};
    for (int i = 0; i < 3; i++) {
        CHECK_OK(noh_await(s.self, futures[i], sum, NOH_FOREVER, &answer));
        CHECK_EQ(answer.value, answers[i]);
    }
    close_stage(&s);
}

static void receive_and_fail(noh_self *self, waiter *me)
{
    const question *q;
    tell_driver(self, 0, NOH_OK);
    CHECK_OK(noh_receive_only(self, question, NOH_FOREVER, &q));
    if (me->value != 0) {
        CHECK_OK(noh_reply(self, sum, .value = me->value));
    }
    noh_fail(self, NOH_E_OS, "both of you");
}

static void both_askers_are_told_of_a_failure(void)
{
    for (int64_t answered = 0; answered < 2; answered++) {
        stage s;
        open_stage(&s, 2);
        cast.a = spawn_waiter(s.self);
        noh_future own;
        noh_future received;
        sum answer;
        CHECK_OK(
            noh_ask(s.self, cast.a, play, &own, .part = PART(receive_and_fail), .value = answered));
        expect_report(s.self, 0, NOH_OK);
        CHECK_OK(noh_ask(s.self, cast.a, question, &received, .value = 5));
        CHECK_ERR(noh_await(s.self, received, sum, NOH_FOREVER, &answer),
                  answered != 0 ? NOH_OK : NOH_E_OS);
        CHECK_ERR(noh_await(s.self, own, sum, NOH_FOREVER, &answer), NOH_E_OS);
        CHECK_TEXT(noh_error_text(s.self), "both of you");
        CHECK_OK(noh_join(s.self, cast.a, NOH_FOREVER, NULL));
        CHECK_EQ(core_settled(s.system, 0).dead[NOH_DEAD_CRASHED], 1);
        close_stage(&s);
    }
}

/* ---- payloads ----------------------------------------------------------------------------- */

static void take_parcels(noh_self *self, waiter *me)
{
    const parcel *p;
    tell_driver(self, 0, NOH_OK);
    CHECK_OK(noh_receive_only(self, parcel, NOH_FOREVER, &p));
    CHECK_TEXT(p->text, "first");
    CHECK_EQ(p->items.count, 3);
    CHECK_OK(noh_sleep(self, 0)); /* a message in hand stays, whatever is waited for */
    CHECK_TEXT(p->text, "first");
    CHECK_EQ(p->items.items[2], 30);
    char *kept = noh_box_take(&p->box);
    CHECK_OK(noh_receive_only(self, parcel, NOH_FOREVER, &p)); /* not taken out */
    CHECK_TEXT(p->box.data, "other");
    CHECK_TEXT(kept, "box");
    free(kept);
    CHECK_EQ(atomic_load(&dropped), 0);
    tell_driver(self, 1, NOH_OK);
}

static void boxes_and_texts_live_as_long_as_the_message_is_in_hand(void)
{
    stage s;
    open_stage(&s, 2);
    noh_ref a = let(s.self, take_parcels, 0);
    expect_report(s.self, 0, NOH_OK);
    const int64_t items[] = {10, 20, 30};
    CHECK_OK(
        noh_tell(s.self, a, parcel, .text = "first", .items = {items, 3}, .box = box_of("box")));
    CHECK_OK(noh_tell(s.self, a, parcel, .text = "second", .box = box_of("other")));
    CHECK_OK(noh_tell(s.self, a, parcel, .text = "third", .box = box_of("left"))); /* unhandled */
    expect_report(s.self, 1, NOH_OK);
    CHECK_EQ(core_settled(s.system, 0).dead[NOH_DEAD_UNHANDLED], 1);
    close_stage(&s);
    CHECK_EQ(atomic_load(&dropped), 2);
}

/* ---- an exact bound ----------------------------------------------------------------------- */

static void take_two_and_call(noh_self *self, waiter *me)
{
    const letter *l;
    sum answer;
    tell_driver(self, 0, NOH_OK);
    for (int i = 0; i < 2; i++) {
        CHECK_OK(noh_receive_only(self, letter, NOH_FOREVER, &l));
        tell_driver(self, l->value, NOH_OK);
    }
    CHECK_OK(noh_call(self, cast.b, question, &answer));
    tell_driver(self, answer.value, NOH_OK);
}

static void a_mailbox_fills_up_behind_a_wait_and_empties_again(void)
{
    for (unsigned workers = 1; workers <= 2; workers++) {
        stage s;
        noh_ref a;
        open_stage(&s, workers);
        cast.b = noh_spawn(s.self, keeper);
        CHECK_OK(noh_spawn_with(s.self, &noh_behavior_waiter, NULL,
                                &(noh_spawn_options){.mailbox_max = 3}, &a));
        CHECK_OK(noh_tell(s.self, a, perform, .part = PART(take_two_and_call)));
        expect_report(s.self, 0, NOH_OK);
        (void)core_settled(s.system, 1);
        CHECK_OK(noh_tell(s.self, a, other_letter, .value = 1));
        CHECK_OK(noh_tell(s.self, a, other_letter, .value = 2));
        for (int64_t i = 10; i < 12; i++) { /* the third place, twice */
            CHECK_OK(noh_tell(s.self, a, letter, .value = i));
            expect_report(s.self, i, NOH_OK);
            (void)core_settled(s.system, 3);
        }
        CHECK_OK(noh_tell(s.self, a, other_letter, .value = 3));
        CHECK_ERR(noh_tell(s.self, a, letter, .value = 9), NOH_E_FULL);
        CHECK_EQ(core_settled(s.system, 4).dead[NOH_DEAD_FULL], 1);
        CHECK_OK(noh_tell(s.self, cast.b, answer_all, .count = 1, .value = 20)); /* gets in */
        expect_report(s.self, 20, NOH_OK);
        for (int64_t i = 1; i <= 3; i++) {
            expect_report(s.self, i, NOH_OK);
        }
        (void)core_settled(s.system, 0);
        CHECK_OK(noh_tell(s.self, a, letter, .value = 30));
        expect_report(s.self, 30, NOH_OK);
        close_stage(&s);
    }
}

/* ---- in a batch, in one look ---------------------------------------------------------------- */

static void take_the_next_two(noh_self *self, waiter *me)
{
    const letter *got;
    for (int i = 0; i < 2; i++) {
        CHECK_OK(noh_receive_only(self, letter, NOH_FOREVER, &got));
        tell_driver(self, 100 + got->value, NOH_OK);
    }
}

static void send_all_at_once(noh_self *self, waiter *me)
{
    CHECK_OK(noh_tell(self, cast.a, perform, .part = PART(take_the_next_two)));
    for (int64_t i = 1; i <= 2 + me->value; i++) {
        CHECK_OK(noh_tell(self, cast.a, letter, .value = i));
    }
}

static void a_handler_takes_the_rest_of_its_batch(void)
{
    for (int64_t more = 0; more < 3; more++) {
        stage s;
        open_stage(&s, 1);
        cast.a = spawn_waiter(s.self);
        (void)let(s.self, send_all_at_once, more);
        expect_report(s.self, 101, NOH_OK);
        expect_report(s.self, 102, NOH_OK);
        for (int64_t i = 0; i < more; i++) {
            expect_report(s.self, 3 + i, NOH_OK);
        }
        close_stage(&s);
    }
}

static bool none(noh_self *self, void *ctx, const noh_type *type, const void *message)
{
    ++*(int *)ctx;
    return false;
}

static void send_one(noh_self *self, waiter *me)
{
    CHECK_OK(noh_tell(self, cast.a, letter, .value = me->value));
}

static void look_once_with_a_filter(noh_self *self, waiter *me)
{
    const noh_type *type = NULL;
    const void *message = NULL;
    int asked = 0;
    CHECK_OK(noh_tell(self, cast.b, perform, .part = PART(send_one), .value = 5));
    CHECK_ERR(noh_receive_if(self, none, &asked, 0, &type, &message), NOH_E_TIMEOUT);
    CHECK(type == NULL && message == NULL);
    CHECK_EQ(asked, 1);
    tell_driver(self, 1, NOH_OK);
}

static void a_filter_refuses_what_comes_in_a_single_look(void)
{
    stage s;
    open_stage(&s, 1);
    cast.a = spawn_waiter(s.self);
    cast.b = spawn_waiter(s.self);
    CHECK_OK(noh_tell(s.self, cast.a, perform, .part = PART(look_once_with_a_filter)));
    expect_report(s.self, 1, NOH_OK);
    expect_report(s.self, 5, NOH_OK);
    close_stage(&s);
}

/* One that never stops receiving lets others run: told by each other, one worker. */
static void receive_and_return(noh_self *self, waiter *me)
{
    const letter *l;
    for (int64_t i = 0; i < me->value; i++) {
        CHECK_OK(noh_tell(self, noh_self_ref(self), letter, .value = i));
        CHECK_OK(noh_receive_only(self, letter, NOH_FOREVER, &l));
        CHECK_EQ(l->value, i);
    }
    tell_driver(self, me->value, NOH_OK);
}

static void who_receives_on_and_on_lets_others_run(void)
{
    stage s;
    open_stage(&s, 1);
    (void)let(s.self, receive_and_return, 1000000);
    (void)let(s.self, receive_and_return, 1);
    expect_report(s.self, 1, NOH_OK);
    expect_report(s.self, 1000000, NOH_OK);
    close_stage(&s);
}

/* ---- plain threads ------------------------------------------------------------------------ */

static void a_plain_thread_receives_in_any_order(void)
{
    stage s;
    open_stage(&s, 1);
    const noh_type *type;
    const void *message;
    const letter *l;
    const other_letter *o;
    for (int64_t i = 1; i <= 3; i++) {
        CHECK_OK(noh_tell(s.self, cast.driver, letter, .value = i));
        CHECK_OK(noh_tell(s.self, cast.driver, other_letter, .value = i + 10));
    }
    CHECK_OK(noh_receive_only(s.self, other_letter, NOH_FOREVER, &o));
    CHECK_EQ(o->value, 11);
    int64_t state[] = {3, 0, 0};
    CHECK_OK(noh_receive_if(s.self, is_value, state, NOH_FOREVER, &type, &message));
    CHECK_EQ(((const letter *)message)->value, 3);
    CHECK_EQ(state[2], 4);
    CHECK_OK(noh_receive(s.self, NOH_FOREVER, &type, &message));
    CHECK_EQ(((const letter *)message)->value, 1);
    CHECK_OK(noh_sleep(s.self, 0));
    CHECK_OK(noh_receive_only(s.self, letter, 0, &l));
    CHECK_EQ(l->value, 2);
    CHECK_ERR(noh_receive_only(s.self, letter, 0, &l), NOH_E_TIMEOUT);
    CHECK_ERR(noh_receive_only(s.self, letter, 1000, &l), NOH_E_TIMEOUT);
    CHECK_OK(noh_receive_only(s.self, other_letter, 0, &o));
    CHECK_EQ(o->value, 12);
    CHECK_OK(noh_receive(s.self, 0, &type, &message));
    CHECK_EQ(((const other_letter *)message)->value, 13);
    core_expect_nothing(s.self);
    close_stage(&s);
}

static void a_plain_thread_is_asked_while_it_waits_for_another(void)
{
    stage s;
    open_stage(&s, 2);
    cast.a = cast.driver;
    const question *q;
    for (int64_t i = 0; i < 2; i++) {
        (void)let(s.self, ask_a, i);
    }
    (void)let(s.self, send_one, 3);
    const letter *l;
    CHECK_OK(noh_receive_only(s.self, letter, NOH_FOREVER, &l));
    CHECK_EQ(l->value, 3);
    int64_t sent = 0;
    for (int i = 0; i < 2; i++) {
        CHECK_OK(noh_receive_only(s.self, question, NOH_FOREVER, &q));
        sent += q->value;
        CHECK_OK(noh_reply(s.self, sum, .value = q->value));
    }
    CHECK_EQ(sent, 1);
    sent = CORE_RECEIVE(report, s.self)->value;
    CHECK_EQ(sent + CORE_RECEIVE(report, s.self)->value, 1);
    close_stage(&s);
}

static void what_is_wrong_is_refused(noh_self *self, waiter *me)
{
    const noh_type *type;
    const void *message;
    const letter *l;
    int asked = 0;
    CHECK_ERR(noh_receive(NULL, 0, &type, &message), NOH_E_INVAL);
    CHECK_ERR(noh_receive(self, -1, &type, &message), NOH_E_INVAL);
    CHECK_ERR(noh_receive(self, 0, NULL, &message), NOH_E_INVAL);
    CHECK_ERR(noh_receive(self, 0, &type, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_receive_value(self, NULL, 0, &message), NOH_E_INVAL);
    CHECK_ERR(noh_receive_value(self, NOH_TYPE(letter), 0, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_receive_only(self, letter, -1, &l), NOH_E_INVAL);
    CHECK_ERR(noh_receive_if(self, NULL, NULL, 0, &type, &message), NOH_E_INVAL);
    CHECK_ERR(noh_receive_if(self, none, &asked, -1, &type, &message), NOH_E_INVAL);
    CHECK_ERR(noh_sleep(self, -1), NOH_E_INVAL);
    CHECK_ERR(noh_sleep(NULL, 1), NOH_E_INVAL);
    CHECK_EQ(asked, 0);
    if (me != NULL) {
        tell_driver(self, 1, NOH_OK);
    }
}

static void wrong_arguments_are_refused(void)
{
    stage s;
    open_stage(&s, 1);
    what_is_wrong_is_refused(s.self, NULL);
    (void)let(s.self, what_is_wrong_is_refused, 0);
    expect_report(s.self, 1, NOH_OK);
    close_stage(&s);
}

static const test_case cases[] = {
    TEST(what_is_not_taken_keeps_its_order),
    TEST(ticks_are_received_like_others),
    TEST(a_filter_is_asked_once_for_each_in_order),
    TEST(a_filter_that_fails_fails_the_actor),
    TEST(the_newer_request_is_answered_first),
    TEST(a_received_request_is_answered_once),
    TEST(a_received_request_that_is_forgotten_gets_no_answer),
    TEST(a_received_request_is_forwarded_or_promised),
    TEST(both_askers_are_told_of_a_failure),
    TEST(boxes_and_texts_live_as_long_as_the_message_is_in_hand),
    TEST(a_mailbox_fills_up_behind_a_wait_and_empties_again),
    TEST(a_handler_takes_the_rest_of_its_batch),
    TEST(a_filter_refuses_what_comes_in_a_single_look),
    TEST(who_receives_on_and_on_lets_others_run),
    TEST(a_plain_thread_receives_in_any_order),
    TEST(a_plain_thread_is_asked_while_it_waits_for_another),
    TEST(wrong_arguments_are_refused),
};
TEST_MAIN(cases)
