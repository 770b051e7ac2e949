/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: waiting for several answers, answers made of others, and answers set from outside: each future is
 * used once, whatever comes first; nothing is lost, nothing comes late, nothing leaks.
 * Method: most cases run twice, on a plain thread and in the handler of an actor. */
#include "server.h"

NOH_MESSAGE(run_scenario, (uint64_t, fn), (noh_ref, to));
NOH_MESSAGE(scenario_done);
NOH_MESSAGE(seen, (int64_t, value), (int64_t, code), (noh_text, text), (uint64_t, answered));
NOH_MESSAGE(shown, (noh_text, text), (int64_t, value));
NOH_MESSAGE(total, (int64_t, value), (noh_text, text));
NOH_LIST(results, result);
NOH_MESSAGE(crate, (noh_box, box), (int64_t, number), (noh_shared_ptr, shared));
NOH_LIST(crates, crate);
NOH_REQUEST(get_crate, crate, (int64_t, number));
NOH_REQUEST(get_results, results, (int64_t, count));
NOH_MESSAGE(keep_this, (struct, noh_promise, promise), (int64_t, value), (noh_ref, report_to));

enum { MANY = 300 };

typedef void scenario_fn(noh_self *self, noh_ref to);

/* ---- boxes, counted ----------------------------------------------------------------------- */

static atomic_int boxes_out;

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

static void drop(const noh_box *box)
{
    box->drop(noh_box_take(box), box->size);
}

/* ---- actors ------------------------------------------------------------------------------- */

/* Runs scenarios; tells what comes to it beside. */
typedef struct runner {
    noh_ref watcher;
    noh_future future;
} runner;

static noh_err runner_run(noh_self *self, runner *me, const run_scenario *m)
{
    me->watcher = noh_sender(self);
    scenario_fn *fn = (scenario_fn *)(uintptr_t)m->fn;
    fn(self, m->to);
    return noh_tell(self, me->watcher, scenario_done);
}

static noh_err runner_result(noh_self *self, runner *me, const result *m)
{
    return noh_tell(self, me->watcher, seen, .value = m->value, .text = m->text,
                    .answered = noh_answered(self).bits);
}

static noh_err runner_shown(noh_self *self, runner *me, const shown *m)
{
    return noh_tell(self, me->watcher, seen, .value = m->value, .text = m->text,
                    .answered = noh_answered(self).bits);
}

static noh_err runner_total(noh_self *self, runner *me, const total *m)
{
    return noh_tell(self, me->watcher, seen, .value = m->value, .text = m->text,
                    .answered = noh_answered(self).bits);
}

static noh_err runner_failure(noh_self *self, runner *me, const noh_failure *m)
{
    return noh_tell(self, me->watcher, seen, .code = m->code, .text = m->text,
                    .answered = noh_answered(self).bits);
}

NOH_BEHAVIOR(runner, NOH_ON(run_scenario, runner_run), NOH_ON(result, runner_result),
             NOH_ON(shown, runner_shown), NOH_ON(total, runner_total),
             NOH_ON(noh_failure, runner_failure));

/* Answers with boxes and lists, and keeps promises it is told of. */
NOH_NO_STATE(store);

static noh_err store_get_crate(noh_self *self, store *me, const get_crate *m)
{
    noh_shared_ptr shared = NULL;
    CHECK_OK(noh_shared_new(NULL, 0, NULL, &shared));
    noh_err err = noh_reply(self, crate, .box = new_box(), .number = m->number, .shared = shared);
    noh_shared_release(shared);
    return err;
}

static noh_err store_get_results(noh_self *self, store *me, const get_results *m)
{
    result items[16];
    char words[16][8];
    CHECK(m->count <= 16);
    for (int64_t i = 0; i < m->count; i++) {
        snprintf(words[i], sizeof words[i], "r%d", (int)i);
        items[i] = (result){.value = i, .text = words[i]};
    }
    return noh_reply(self, results, .list = {items, (size_t)m->count});
}

static noh_err store_keep_this(noh_self *self, store *me, const keep_this *m)
{
    noh_err err = noh_promise_keep(self, m->promise, result, .value = m->value, .text = "kept");
    return noh_ref_is_none(m->report_to) ? NOH_OK : noh_tell(self, m->report_to, seen, .code = err);
}

NOH_BEHAVIOR(store, NOH_ON(get_crate, store_get_crate), NOH_ON(get_results, store_get_results),
             NOH_ON(keep_this, store_keep_this));

/* ---- both kinds of self ------------------------------------------------------------------- */

static noh_ref begin_in_actor(noh_self *self, scenario_fn *fn, noh_ref to)
{
    noh_ref actor = noh_spawn(self, runner);
    CHECK_OK(noh_tell(self, actor, run_scenario, .fn = (uintptr_t)fn, .to = to));
    return actor;
}

static void run_in_actor(noh_self *self, scenario_fn *fn, noh_ref to)
{
    noh_ref actor = begin_in_actor(self, fn, to);
    (void)CORE_RECEIVE(scenario_done, self);
    core_stop(self, actor, NOH_STOP_DRAIN);
}

/* A fresh system for each; all answers were handled, but for `late` ones. */
static void on_thread(scenario_fn *fn, uint64_t late)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    fn(self, spawn_server(self));
    core_expect_nothing(self); /* takes in what is late: sync_with may have called without a wait */
    CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_LATE], late);
    CHECK_EQ(core_dead(system, NOH_DEAD_UNHANDLED), 0);
    core_end(&world, system);
}

static void in_handler(scenario_fn *fn, uint64_t late)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    run_in_actor(self, fn, spawn_server(self));
    CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_LATE], late);
    CHECK_EQ(core_dead(system, NOH_DEAD_UNHANDLED), 0);
    core_expect_nothing(self);
    core_end(&world, system);
}

static void on_both(scenario_fn *fn, uint64_t late)
{
    on_thread(fn, late);
    in_handler(fn, late);
}

static noh_future ask(noh_self *self, noh_ref to, int64_t what, int64_t value)
{
    noh_future future = {0};
    CHECK_OK(noh_ask(self, to, request, &future, .what = what, .value = value));
    return future;
}

/* Until the server has handled what was sent to it before. */
static void sync_with(noh_self *self, noh_ref to)
{
    result answer;
    CHECK_OK(noh_call(self, to, request, &answer, .what = DOUBLE));
}

static void check_spent(noh_self *self, noh_future future)
{
    result answer;
    size_t index;
    noh_future derived;
    CHECK_ERR(noh_await(self, future, result, 0, &answer), NOH_E_SPENT);
    CHECK_ERR(noh_future_cancel(self, future), NOH_E_SPENT);
    CHECK_ERR(noh_await_any(self, &future, 1, 0, &index), NOH_E_SPENT);
    CHECK_ERR(noh_await_all(self, &future, 1, result, 0, &answer, NULL), NOH_E_SPENT);
    CHECK_ERR(noh_future_join(self, &future, 1, results, &derived), NOH_E_SPENT);
}

/* ---- all ---------------------------------------------------------------------------------- */

static void all_in_order(noh_self *self, noh_ref to)
{
    noh_future futures[MANY];
    result answers[MANY];
    for (int i = 0; i < MANY; i++) {
        futures[i] = ask(self, to, PROMISES, 0);
    }
    CHECK_OK(noh_tell(self, to, keep_all, .reversed = true));
    CHECK_OK(noh_await_all(self, futures, MANY, result, NOH_FOREVER, answers, NULL));
    for (int i = 0; i < MANY; i++) {
        CHECK_EQ(answers[i].value, i);
        check_spent(self, futures[i]);
    }
    CHECK_OK(noh_await_all(self, futures, 0, result, 0, answers, NULL));
    CHECK_OK(noh_await_all_value(self, NULL, 0, NOH_TYPE(result), 0, NULL, NULL));
}

static void all_answers_come_in_the_order_of_the_futures(void)
{
    on_both(all_in_order, 0);
}

static void texts_of_all(noh_self *self, noh_ref to)
{
    noh_future futures[3];
    result answers[3];
    for (int i = 0; i < 3; i++) {
        futures[i] = ask(self, to, i == 1 ? DOUBLE : LONG_TEXT, 1);
    }
    CHECK_OK(noh_await_all(self, futures, 3, result, NOH_FOREVER, answers, NULL));
    CHECK_TEXT(answers[0].text, long_words);
    CHECK_TEXT(answers[1].text, NULL);
    CHECK_TEXT(answers[2].text, long_words);
    CHECK(answers[0].text != answers[2].text);
}

static void the_texts_of_all_answers_stay(void)
{
    on_both(texts_of_all, 0);
}

/* The first future is never answered before the error is known. */
static void error_among_all(noh_self *self, noh_ref to)
{
    noh_future futures[4] = {ask(self, to, PROMISES, 0), ask(self, to, DOUBLE, 1),
                             ask(self, to, ERROR_TEXT, 0), ask(self, to, DOUBLE, 2)};
    result answers[4];
    memset(answers, 0x5c, sizeof answers);
    result untouched[4];
    memcpy(untouched, answers, sizeof answers);
    size_t failed = 99;
    CHECK_ERR(noh_await_all(self, futures, 4, result, NOH_FOREVER, answers, &failed),
              NOH_E_NOT_FOUND);
    CHECK_EQ(failed, 2);
    CHECK_TEXT(noh_error_text(self), "no such thing");
    CHECK(memcmp(answers, untouched, sizeof answers) == 0);
    for (int i = 0; i < 4; i++) {
        check_spent(self, futures[i]);
    }
    CHECK_OK(noh_tell(self, to, keep, .value = 1));
    sync_with(self, to);
}

static void the_first_error_among_all_ends_the_wait(void)
{
    on_both(error_among_all, 3);
}

static void wrong_type_among_all(noh_self *self, noh_ref to)
{
    noh_future futures[2] = {ask(self, to, DOUBLE, 1)};
    other_result answers[2];
    size_t failed = 99;
    CHECK_OK(noh_ask(self, to, plain, &futures[1], .value = 1));
    CHECK_ERR(noh_await_all(self, futures, 2, other_result, NOH_FOREVER, answers, &failed),
              NOH_E_WRONG_TYPE);
    CHECK_EQ(failed, 0);
    check_spent(self, futures[1]);
}

static void a_wrong_type_among_all_is_named(void)
{
    on_both(wrong_type_among_all, 1);
}

static void spent_among_all(noh_self *self, noh_ref to)
{
    result answers[3];
    noh_future futures[3] = {ask(self, to, PROMISES, 0), ask(self, to, PROMISES, 0)};
    futures[2] = futures[0];
    CHECK_ERR(noh_await_all(self, futures, 3, result, NOH_FOREVER, answers, NULL), NOH_E_SPENT);
    check_spent(self, futures[0]);
    check_spent(self, futures[1]);
    futures[0] = ask(self, to, PROMISES, 0);
    CHECK_ERR(noh_await_all(self, futures, 2, result, NOH_FOREVER, answers, NULL), NOH_E_SPENT);
    check_spent(self, futures[0]);
    CHECK_OK(noh_tell(self, to, keep_all));
    sync_with(self, to);
}

static void a_spent_one_among_all_spends_all(void)
{
    on_both(spent_among_all, 3);
}

static void refused_waits(noh_self *self, noh_ref to)
{
    noh_future future = ask(self, to, DOUBLE, 4);
    result answer;
    size_t index;
    const noh_type *type = NOH_TYPE(result);
    CHECK_ERR(noh_await_all_value(NULL, &future, 1, type, 0, &answer, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_await_all_value(self, NULL, 1, type, 0, &answer, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_await_all_value(self, &future, 1, NULL, 0, &answer, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_await_all_value(self, &future, 1, type, -1, &answer, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_await_all_value(self, &future, 1, type, 0, NULL, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_await_any(NULL, &future, 1, 0, &index), NOH_E_INVAL);
    CHECK_ERR(noh_await_any(self, NULL, 1, 0, &index), NOH_E_INVAL);
    CHECK_ERR(noh_await_any(self, &future, 1, -1, &index), NOH_E_INVAL);
    CHECK_ERR(noh_await_any(self, &future, 1, 0, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_await_any(self, NULL, 0, 0, &index), NOH_E_SPENT);
    CHECK_OK(noh_await(self, future, result, NOH_FOREVER, &answer));
    CHECK_EQ(answer.value, 8);
}

static void what_makes_no_sense_is_refused_and_uses_nothing(void)
{
    on_both(refused_waits, 0);
}

/* ---- one deadline ------------------------------------------------------------------------- */

static core_world *clock_world;
static core_gate clock_gate =
    CORE_GATE; /* opened when a scenario waits, or, in a handler, is about to */
static bool clock_in_handler;

static void open_when_i_wait(void)
{
    if (clock_in_handler) {
        core_open_gate(&clock_gate);
    } else {
        core_open_when_i_sleep(clock_world, &clock_gate);
    }
}

/* With a time-out for each future, the clock that stops at 120 would not end the wait. */
static void one_deadline(noh_self *self, noh_ref to)
{
    noh_future futures[2] = {ask(self, to, PROMISES, 0), ask(self, to, PROMISES, 0)};
    result answers[2];
    size_t failed = 99;
    open_when_i_wait();
    CHECK_ERR(noh_await_all(self, futures, 2, result, 100 * NOH_MS, answers, &failed),
              NOH_E_TIMEOUT);
    CHECK_EQ(failed, 99);
    check_spent(self, futures[0]);
    check_spent(self, futures[1]);
}

/* The same through two levels: join of a map. */
static noh_err show(noh_self *self, void *ctx, const result *from, shown *to);
static noh_err count_results(noh_self *self, void *ctx, const results *from, total *to);

static void one_deadline_of_derived(noh_self *self, noh_ref to)
{
    noh_future futures[2] = {ask(self, to, PROMISES, 0), ask(self, to, PROMISES, 0)};
    noh_future joined;
    noh_future counted;
    total sum;
    CHECK_OK(noh_future_join(self, futures, 2, results, &joined));
    CHECK_OK(noh_future_map(self, joined, results, total, count_results, NULL, &counted));
    open_when_i_wait();
    CHECK_ERR(noh_await(self, counted, total, 100 * NOH_MS, &sum), NOH_E_TIMEOUT);
    check_spent(self, futures[0]);
    check_spent(self, joined);
    check_spent(self, counted);
}

typedef struct keeper {
    noh_system *system;
    noh_ref to;
} keeper;

/* Moves the clock by 60 ms, answers one, moves it by 60 ms more. */
static void *keep_and_advance(void *arg)
{
    keeper *k = arg;
    core_pass(&clock_gate);
    noh_self *self = noh_system_self(k->system);
    sync_with(self, k->to); /* there is one worker: the handler waits */
    core_advance(clock_world, 60 * NOH_MS);
    CHECK_OK(noh_tell(self, k->to, keep, .value = 1));
    sync_with(self, k->to);
    core_rested(clock_world); /* it has seen the answer */
    core_advance(clock_world, 60 * NOH_MS);
    return NULL;
}

static void with_clock(scenario_fn *fn, bool actor)
{
    core_world world;
    core_open(&world);
    core_own_clock(&world, NOH_SECOND);
    clock_world = &world;
    clock_in_handler = actor;
    core_shut_gate(&clock_gate);
    noh_system *system = core_system(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    keeper k = {system, spawn_server(self)};
    pthread_t thread = core_thread(keep_and_advance, &k);
    if (actor) {
        noh_ref ref = begin_in_actor(self, fn, k.to);
        const noh_type *type = NULL;
        const void *message;
        CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &message));
        CHECK(type == NOH_TYPE(scenario_done));
        core_stop(self, ref, NOH_STOP_DRAIN);
    } else {
        fn(self, k.to);
    }
    core_join_thread(thread);
    CHECK_OK(noh_tell(self, k.to, keep_all));
    sync_with(self, k.to);
    core_expect_nothing(self);
    CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_LATE], 2); /* the one in time, too: given up */
    core_end(&world, system);
}

static void all_have_one_deadline(void)
{
    with_clock(one_deadline, false);
    with_clock(one_deadline, true);
    with_clock(one_deadline_of_derived, false);
    with_clock(one_deadline_of_derived, true);
}

/* ---- any ---------------------------------------------------------------------------------- */

static void any_in_turn(noh_self *self, noh_ref to)
{
    noh_future futures[3] = {ask(self, to, PROMISES, 0), ask(self, to, PROMISES, 0),
                             ask(self, to, PROMISES, 0)};
    result answer;
    size_t index = 99;
    size_t again;
    CHECK_ERR(noh_await_any(self, futures, 3, 0, &index), NOH_E_TIMEOUT);
    CHECK_ERR(noh_await_any(self, futures, 3, NOH_MS, &index), NOH_E_TIMEOUT);
    CHECK_EQ(index, 99);
    for (int i = 2; i >= 0; i--) { /* the server keeps the newest first */
        CHECK_OK(noh_tell(self, to, keep, .value = i));
        CHECK_OK(noh_await_any(self, futures, 3, NOH_FOREVER, &index));
        CHECK_EQ(index, i);
        CHECK_OK(noh_await_any(self, futures, 3, 0, &again)); /* it stays as it is */
        CHECK_EQ(again, i);
        CHECK_OK(noh_await(self, futures[index], result, 0, &answer));
        CHECK_EQ(answer.value, i);
    }
    CHECK_ERR(noh_await_any(self, futures, 3, NOH_FOREVER, &index), NOH_E_SPENT);
}

static void any_says_which_is_there_first_and_passes_over_spent_ones(void)
{
    on_both(any_in_turn, 0);
}

static void any_with_error(noh_self *self, noh_ref to)
{
    noh_future futures[2] = {ask(self, to, PROMISES, 0), ask(self, to, ERROR_TEXT, 0)};
    result answer;
    size_t index;
    CHECK_OK(noh_await_any(self, futures, 2, NOH_FOREVER, &index));
    CHECK_EQ(index, 1);
    CHECK_ERR(noh_await(self, futures[1], result, 0, &answer), NOH_E_NOT_FOUND);
    CHECK_OK(noh_future_cancel(self, futures[0]));
    CHECK_OK(noh_tell(self, to, keep));
    sync_with(self, to);
}

static void an_error_is_there_too(void)
{
    on_both(any_with_error, 1);
}

/* A derived one is there when all of it is. */
static void any_of_derived(noh_self *self, noh_ref to)
{
    noh_future sources[2] = {ask(self, to, PROMISES, 0), ask(self, to, PROMISES, 0)};
    noh_future futures[2];
    size_t index;
    results list;
    shown one;
    CHECK_OK(noh_future_join(self, sources, 2, results, &futures[0]));
    futures[1] = ask(self, to, PROMISES, 0);
    noh_future plain_one = futures[1];
    CHECK_OK(noh_future_map(self, plain_one, result, shown, show, NULL, &futures[1]));
    CHECK_OK(noh_tell(self, to, keep, .value = 2)); /* the last one asked */
    CHECK_OK(noh_await_any(self, futures, 2, NOH_FOREVER, &index));
    CHECK_EQ(index, 1);
    CHECK_OK(noh_await(self, futures[1], shown, 0, &one));
    CHECK_EQ(one.value, 2);
    CHECK_OK(noh_tell(self, to, keep, .value = 1)); /* half of the list */
    sync_with(self, to);
    CHECK_ERR(noh_await_any(self, futures, 2, 0, &index), NOH_E_TIMEOUT);
    CHECK_OK(noh_tell(self, to, keep, .value = 0));
    CHECK_OK(noh_await_any(self, futures, 2, NOH_FOREVER, &index));
    CHECK_OK(noh_await_any(self, futures, 2, 0, &index));
    CHECK_EQ(index, 0);
    CHECK_OK(noh_await(self, futures[0], results, 0, &list));
    CHECK_EQ(list.list.count, 2);
    CHECK_EQ(list.list.items[0].value, 0);
    CHECK_EQ(list.list.items[1].value, 1);
}

static void any_waits_for_derived_ones(void)
{
    on_both(any_of_derived, 0);
}

/* ---- map ---------------------------------------------------------------------------------- */

static int shows; /* calls of `show`; one thread at a time */

/* Borrows text of the source, or has its own in ctx. */
static noh_err show(noh_self *self, void *ctx, const result *from, shown *to)
{
    shows++;
    CHECK_EQ(to->value, 0);
    CHECK(to->text == NULL);
    to->value = from->value;
    to->text = ctx != NULL ? ctx : from->text;
    return NOH_OK;
}

static noh_err show_more(noh_self *self, void *ctx, const shown *from, shown *to)
{
    to->value = from->value + 1;
    to->text = from->text;
    return NOH_OK;
}

static noh_err refuse_to_show(noh_self *self, void *ctx, const result *from, shown *to)
{
    return NOH_E_FULL;
}

static void map_once(noh_self *self, noh_ref to)
{
    char words[] = "words in the context";
    noh_future asked = ask(self, to, LONG_TEXT, 0);
    noh_future mapped;
    noh_future again;
    shown answer;
    shows = 0;
    CHECK_OK(noh_future_map(self, asked, result, shown, show, NULL, &mapped));
    CHECK_OK(noh_future_map(self, mapped, shown, shown, show_more, NULL, &again));
    check_spent(self, asked);
    check_spent(self, mapped);
    CHECK_OK(noh_await(self, again, shown, NOH_FOREVER, &answer));
    CHECK_EQ(shows, 1);
    CHECK_EQ(answer.value, 2);
    CHECK_TEXT(answer.text, long_words);
    check_spent(self, again);
    asked = ask(self, to, DOUBLE, 4);
    CHECK_OK(noh_future_map(self, asked, result, shown, show, words, &mapped));
    CHECK_OK(noh_await(self, mapped, shown, NOH_FOREVER, &answer));
    memset(words, 'x', sizeof words - 1);
    CHECK_EQ(answer.value, 8);
    CHECK_TEXT(answer.text, "words in the context");
}

static void a_map_is_computed_once_and_takes_its_source_over(void)
{
    on_both(map_once, 0);
}

static void map_errors(noh_self *self, noh_ref to)
{
    noh_future asked = ask(self, to, ERROR_TEXT, 0);
    noh_future mapped;
    shown answer;
    shows = 0;
    CHECK_OK(noh_future_map(self, asked, result, shown, show, NULL, &mapped));
    CHECK_ERR(noh_await(self, mapped, shown, NOH_FOREVER, &answer), NOH_E_NOT_FOUND);
    CHECK_TEXT(noh_error_text(self), "no such thing");
    CHECK_EQ(shows, 0);
    asked = ask(self, to, DOUBLE, 1);
    CHECK_OK(noh_future_map(self, asked, result, shown, refuse_to_show, NULL, &mapped));
    CHECK_OK(noh_future_map(self, mapped, shown, shown, show_more, NULL, &mapped));
    CHECK_ERR(noh_await(self, mapped, shown, NOH_FOREVER, &answer), NOH_E_FULL);
    CHECK_TEXT(noh_error_text(self), "");
    CHECK_OK(noh_ask(self, to, plain, &asked, .value = 1));
    CHECK_OK(noh_future_map(self, asked, result, shown, show, NULL, &mapped));
    CHECK_ERR(noh_await(self, mapped, shown, NOH_FOREVER, &answer), NOH_E_WRONG_TYPE);
    asked = ask(self, to, DOUBLE, 1);
    CHECK_OK(noh_future_map(self, asked, result, shown, show, NULL, &mapped));
    result other;
    CHECK_ERR(noh_await(self, mapped, result, NOH_FOREVER, &other), NOH_E_WRONG_TYPE);
    CHECK_EQ(shows, 1);
}

static void errors_pass_through_a_map(void)
{
    on_both(map_errors, 0);
}

static bool is_even(noh_self *self, void *ctx, const result *item);

static void refused_derivations(noh_self *self, noh_ref to)
{
    noh_future f = ask(self, to, DOUBLE, 1);
    noh_future ret;
    const noh_type *one = NOH_TYPE(result);
    const noh_type *list = NOH_TYPE(results);
    noh_future_map_fn *map = (noh_future_map_fn *)show;
    noh_future_filter_fn *filter = (noh_future_filter_fn *)is_even;
    noh_future_reduce_fn *reduce = (noh_future_reduce_fn *)show;
    CHECK_ERR(noh_future_map_value(NULL, f, one, one, map, NULL, &ret), NOH_E_INVAL);
    CHECK_ERR(noh_future_map_value(self, f, NULL, one, map, NULL, &ret), NOH_E_INVAL);
    CHECK_ERR(noh_future_map_value(self, f, one, NULL, map, NULL, &ret), NOH_E_INVAL);
    CHECK_ERR(noh_future_map_value(self, f, one, one, NULL, NULL, &ret), NOH_E_INVAL);
    CHECK_ERR(noh_future_map_value(self, f, one, one, map, NULL, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_future_join_value(self, &f, 1, one, &ret), NOH_E_INVAL);
    CHECK_ERR(noh_future_join_value(self, &f, 0, list, &ret), NOH_E_INVAL);
    CHECK_ERR(noh_future_join_value(self, NULL, 1, list, &ret), NOH_E_INVAL);
    CHECK_ERR(noh_future_join_value(self, &f, 1, list, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_future_join_value(NULL, &f, 1, list, &ret), NOH_E_INVAL);
    CHECK_ERR(noh_future_filter_value(self, f, one, filter, NULL, &ret), NOH_E_INVAL);
    CHECK_ERR(noh_future_filter_value(self, f, list, NULL, NULL, &ret), NOH_E_INVAL);
    CHECK_ERR(noh_future_filter_value(NULL, f, list, filter, NULL, &ret), NOH_E_INVAL);
    CHECK_ERR(noh_future_filter_value(self, f, list, filter, NULL, NULL), NOH_E_INVAL);
    result r = {0};
    crate c = {.number = 0};
    CHECK_ERR(noh_future_reduce_value(self, f, one, one, reduce, NULL, &r, &ret), NOH_E_INVAL);
    CHECK_ERR(noh_future_reduce_value(self, f, list, NULL, reduce, NULL, &r, &ret), NOH_E_INVAL);
    CHECK_ERR(noh_future_reduce_value(self, f, list, one, NULL, NULL, &r, &ret), NOH_E_INVAL);
    CHECK_ERR(noh_future_reduce_value(self, f, list, one, reduce, NULL, NULL, &ret), NOH_E_INVAL);
    CHECK_ERR(noh_future_reduce_value(self, f, list, NOH_TYPE(crate), reduce, NULL, &c, &ret),
              NOH_E_INVAL);
    CHECK_OK(noh_await(self, f, result, NOH_FOREVER, &r));
    CHECK_ERR(noh_future_reduce_value(self, f, list, one, reduce, NULL, &r, &ret), NOH_E_SPENT);
}

static void what_cannot_be_derived_is_refused(void)
{
    on_both(refused_derivations, 0);
}

/* It may ask, so many times that the table moves; it may not wait, nor use what it is made for. */
typedef struct busy {
    noh_ref to;
    noh_future itself;
    noh_future asked[40];
} busy;

static noh_err ask_around(noh_self *self, void *ctx, const result *from, shown *to)
{
    busy *b = ctx;
    result answer;
    size_t index;
    const noh_type *type;
    const void *message;
    for (int i = 0; i < 40; i++) {
        b->asked[i] = ask(self, b->to, DOUBLE, i);
    }
    CHECK_ERR(noh_await(self, b->asked[0], result, 0, &answer), NOH_E_CONTEXT);
    CHECK_ERR(noh_await_any(self, b->asked, 1, 0, &index), NOH_E_CONTEXT);
    CHECK_ERR(noh_await_all(self, b->asked, 1, result, 0, &answer, NULL), NOH_E_CONTEXT);
    CHECK_ERR(noh_call(self, b->to, request, &answer, .what = DOUBLE), NOH_E_CONTEXT);
    CHECK_ERR(noh_receive(self, 0, &type, &message), NOH_E_CONTEXT);
    CHECK_ERR(noh_sleep(self, 0), NOH_E_CONTEXT);
    CHECK_ERR(noh_future_cancel(self, b->itself), NOH_E_SPENT);
    to->value = from->value;
    return NOH_OK;
}

static void busy_functions(noh_self *self, noh_ref to)
{
    busy b = {.to = to};
    result answers[40];
    shown answer;
    noh_future asked = ask(self, to, DOUBLE, 21);
    CHECK_OK(noh_future_map(self, asked, result, shown, ask_around, &b, &b.itself));
    CHECK_OK(noh_await(self, b.itself, shown, NOH_FOREVER, &answer));
    CHECK_EQ(answer.value, 42);
    CHECK_OK(noh_await_all(self, b.asked, 40, result, NOH_FOREVER, answers, NULL));
    CHECK_EQ(answers[39].value, 78);
}

static void a_function_may_ask_but_not_wait(void)
{
    on_both(busy_functions, 0);
}

/* ---- lists -------------------------------------------------------------------------------- */

static noh_err count_results(noh_self *self, void *ctx, const results *from, total *to)
{
    to->value = (int64_t)from->list.count;
    return NOH_OK;
}

static bool is_even(noh_self *self, void *ctx, const result *item)
{
    return item->value % 2 == 0;
}

static noh_err add_up(noh_self *self, void *ctx, total *so_far, const result *item)
{
    if (ctx != NULL && item->value == *(int64_t *)ctx) {
        return NOH_E_LIMIT;
    }
    so_far->value += item->value;
    so_far->text = item->text == NULL ? so_far->text : item->text;
    return NOH_OK;
}

static void lists(noh_self *self, noh_ref to)
{
    noh_future futures[5];
    noh_future f;
    results list;
    total sum;
    char words[] = "initial";
    for (int i = 0; i < 5; i++) {
        futures[i] = ask(self, to, PROMISES, 0);
    }
    CHECK_OK(noh_tell(self, to, keep_all, .reversed = true));
    CHECK_OK(noh_future_join(self, futures, 5, results, &f));
    CHECK_OK(noh_future_filter(self, f, results, is_even, NULL, &f));
    CHECK_OK(noh_await(self, f, results, NOH_FOREVER, &list));
    CHECK_EQ(list.list.count, 3);
    CHECK_EQ(list.list.items[0].value, 0);
    CHECK_EQ(list.list.items[1].value, 2);
    CHECK_EQ(list.list.items[2].value, 4);

    for (int i = 0; i < 5; i++) {
        futures[i] = ask(self, to, DOUBLE, i);
    }
    CHECK_OK(noh_future_join(self, futures, 5, results, &f));
    CHECK_OK(noh_future_reduce(self, f, results, total, add_up, NULL,
                               (&(total){.value = 100, .text = words}), &f));
    memset(words, 'x', sizeof words - 1);
    CHECK_OK(noh_await(self, f, total, NOH_FOREVER, &sum));
    CHECK_EQ(sum.value, 120);
    CHECK_TEXT(sum.text, "initial");
}

static void join_keeps_the_order_filter_and_reduce_work_on_lists(void)
{
    on_both(lists, 0);
}

static void lists_of_the_store(noh_self *self, noh_ref to)
{
    noh_ref shop = noh_spawn(self, store);
    noh_future f;
    noh_future filtered;
    results list;
    total sum;
    CHECK_OK(noh_ask(self, shop, get_results, &f, .count = 0));
    CHECK_OK(noh_future_filter(self, f, results, is_even, NULL, &filtered));
    CHECK_OK(noh_future_reduce(self, filtered, results, total, add_up, NULL,
                               (&(total){.value = 7, .text = "none"}), &f));
    CHECK_OK(noh_await(self, f, total, NOH_FOREVER, &sum));
    CHECK_EQ(sum.value, 7);
    CHECK_TEXT(sum.text, "none");
    CHECK_OK(noh_ask(self, shop, get_results, &f, .count = 16));
    CHECK_OK(noh_future_filter(self, f, results, is_even, NULL, &filtered));
    CHECK_OK(noh_await(self, filtered, results, NOH_FOREVER, &list));
    CHECK_EQ(list.list.count, 8);
    CHECK_TEXT(list.list.items[7].text, "r14");
    CHECK_OK(noh_ask(self, shop, get_results, &f, .count = 4));
    int64_t bad = 3;
    CHECK_OK(noh_future_reduce(self, f, results, total, add_up, &bad, (&(total){0, NULL}), &f));
    CHECK_ERR(noh_await(self, f, total, NOH_FOREVER, &sum), NOH_E_LIMIT);
    CHECK_OK(noh_ask(self, shop, get_results, &f, .count = 4));
    CHECK_OK(noh_future_reduce(self, f, results, total, add_up, NULL, (&(total){0, NULL}), &f));
    CHECK_OK(noh_await(self, f, total, NOH_FOREVER, &sum));
    CHECK_EQ(sum.value, 6);
    CHECK_TEXT(sum.text, "r3");
    f = ask(self, to, DOUBLE, 1); /* no list */
    CHECK_OK(noh_future_reduce(self, f, results, total, add_up, NULL, (&(total){0, NULL}), &f));
    CHECK_ERR(noh_await(self, f, total, NOH_FOREVER, &sum), NOH_E_WRONG_TYPE);
    f = ask(self, to, DOUBLE, 1);
    CHECK_OK(noh_future_filter(self, f, results, is_even, NULL, &f));
    CHECK_ERR(noh_await(self, f, results, NOH_FOREVER, &list), NOH_E_WRONG_TYPE);
    core_stop(self, shop, NOH_STOP_DRAIN);
}

static void an_empty_list_reduces_to_the_initial_value(void)
{
    on_both(lists_of_the_store, 0);
}

static void failed_joins(noh_self *self, noh_ref to)
{
    noh_future futures[3] = {ask(self, to, PROMISES, 0), ask(self, to, ERROR_TEXT, 0),
                             ask(self, to, DOUBLE, 1)};
    noh_future f;
    results list;
    CHECK_OK(noh_future_join(self, futures, 3, results, &f));
    CHECK_ERR(noh_await(self, f, results, NOH_FOREVER, &list), NOH_E_NOT_FOUND);
    CHECK_TEXT(noh_error_text(self), "no such thing");
    CHECK_OK(noh_tell(self, to, keep));
    sync_with(self, to);
    noh_future twice[2] = {ask(self, to, DOUBLE, 1)};
    twice[1] = twice[0];
    CHECK_ERR(noh_future_join(self, twice, 2, results, &f), NOH_E_SPENT);
    result answer;
    CHECK_OK(noh_await(self, twice[0], result, NOH_FOREVER, &answer)); /* nothing was done */
    CHECK_OK(noh_ask(self, to, plain, &twice[0], .value = 1));
    twice[1] = ask(self, to, DOUBLE, 1);
    CHECK_OK(noh_future_join(self, twice, 2, results, &f));
    CHECK_ERR(noh_await(self, f, results, NOH_FOREVER, &list), NOH_E_WRONG_TYPE);
}

static void an_error_in_a_join_is_the_answer_at_once(void)
{
    on_both(failed_joins, 2);
}

/* The error of a function inside is found when it is computed: the others are not. */
static void function_fails_inside(noh_self *self, noh_ref to)
{
    noh_future inner[2] = {ask(self, to, DOUBLE, 1), ask(self, to, DOUBLE, 2)};
    noh_future f;
    shown answers[2];
    size_t failed = 99;
    shows = 0;
    CHECK_OK(noh_future_map(self, inner[0], result, shown, refuse_to_show, NULL, &inner[0]));
    CHECK_OK(noh_future_map(self, inner[1], result, shown, show, NULL, &inner[1]));
    f = inner[1];
    CHECK_ERR(noh_await_all(self, inner, 2, shown, NOH_FOREVER, answers, &failed), NOH_E_FULL);
    CHECK_EQ(failed, 0);
    CHECK_EQ(shows, 0);
    check_spent(self, f);
    inner[0] = ask(self, to, DOUBLE, 1);
    inner[1] = ask(self, to, DOUBLE, 2);
    CHECK_OK(noh_future_map(self, inner[0], result, shown, show, NULL, &inner[0]));
    CHECK_OK(noh_future_map(self, inner[1], result, shown, show, NULL, &inner[1]));
    CHECK_OK(noh_await_all(self, inner, 2, shown, NOH_FOREVER, answers, &failed));
    CHECK_EQ(shows, 2);
    CHECK_EQ(answers[0].value, 2);
    CHECK_EQ(answers[1].value, 4);
}

static void the_first_function_that_fails_ends_the_computation(void)
{
    on_both(function_fails_inside, 1);
}

enum { DEEP = 20000 };

/* Recursion, 20,000 deep, would not fit a handler's stack. */
static void deep_chains(noh_self *self, noh_ref to)
{
    noh_future f = ask(self, to, DOUBLE, 1);
    shown answer;
    CHECK_OK(noh_future_map(self, f, result, shown, show, "deep", &f));
    for (int i = 0; i < DEEP; i++) {
        CHECK_OK(noh_future_map(self, f, shown, shown, show_more, NULL, &f));
    }
    CHECK_OK(noh_await(self, f, shown, NOH_FOREVER, &answer));
    CHECK_EQ(answer.value, 2 + DEEP);
    CHECK_TEXT(answer.text, "deep");
    f = ask(self, to, PROMISES, 1);
    CHECK_OK(noh_future_map(self, f, result, shown, show, NULL, &f));
    for (int i = 0; i < DEEP; i++) {
        CHECK_OK(noh_future_map(self, f, shown, shown, show_more, NULL, &f));
    }
    CHECK_OK(noh_future_cancel(self, f));
    check_spent(self, f);
    CHECK_OK(noh_tell(self, to, keep));
    sync_with(self, to);
}

static void chains_may_be_deep(void)
{
    on_both(deep_chains, 1);
}

/* ---- boxes and shared payloads ------------------------------------------------------------ */

static noh_err repack(noh_self *self, void *ctx, const crate *from, crate *to)
{
    to->box = from->box;
    (void)noh_box_take(&from->box);
    to->number = from->number + 10;
    to->shared = from->shared;
    return ctx == NULL ? NOH_OK : NOH_E_FULL;
}

static noh_err only_number(noh_self *self, void *ctx, const crate *from, result *to)
{
    to->value = from->number;
    return NOH_OK;
}

static bool has_odd_number(noh_self *self, void *ctx, const crate *item)
{
    return item->number % 2 == 1;
}

static noh_future ask_crate(noh_self *self, noh_ref shop, int64_t number)
{
    noh_future future = {0};
    CHECK_OK(noh_ask(self, shop, get_crate, &future, .number = number));
    return future;
}

static void crates_in_futures(noh_self *self, noh_ref to)
{
    noh_ref shop = noh_spawn(self, store);
    noh_future futures[5];
    noh_future f = ask_crate(self, shop, 1);
    crate all[5];
    crate one;
    crates list;
    result number;
    CHECK_OK(noh_future_map(self, f, crate, crate, repack, NULL, &f));
    CHECK_OK(noh_await(self, f, crate, NOH_FOREVER, &one));
    CHECK_EQ(one.number, 11);
    CHECK_EQ(boxes_out, 1);
    drop(&one.box);
    f = ask_crate(self, shop, 1); /* its box is left in the source */
    CHECK_OK(noh_future_map(self, f, crate, result, only_number, NULL, &f));
    CHECK_OK(noh_await(self, f, result, NOH_FOREVER, &number));
    CHECK_EQ(boxes_out, 0);
    for (int i = 0; i < 5; i++) {
        futures[i] = ask_crate(self, shop, i);
    }
    CHECK_OK(noh_await_all(self, futures, 5, crate, NOH_FOREVER, all, NULL));
    CHECK_EQ(boxes_out, 5);
    for (int i = 0; i < 5; i++) {
        drop(&all[i].box);
        futures[i] = ask_crate(self, shop, i);
    }
    CHECK_OK(noh_future_join(self, futures, 5, crates, &f));
    CHECK_OK(noh_future_filter(self, f, crates, has_odd_number, NULL, &f));
    CHECK_OK(noh_await(self, f, crates, NOH_FOREVER, &list));
    CHECK_EQ(boxes_out, 2);
    CHECK_EQ(list.list.count, 2);
    CHECK_EQ(list.list.items[1].number, 3);
    CHECK(list.list.items[1].shared != NULL);
    drop(&list.list.items[0].box);
    CHECK_ERR(noh_await(self, f, crates, NOH_FOREVER, &list), NOH_E_SPENT);
    sync_with(self, to); /* the next wait: the other box of the list is dropped */
    CHECK_EQ(boxes_out, 0);
    futures[0] = ask_crate(self, shop, 0);
    futures[1] = ask(self, to, ERROR_TEXT, 0);
    CHECK_OK(noh_future_join(self, futures, 2, crates, &f));
    CHECK_ERR(noh_await(self, f, crates, NOH_FOREVER, &list), NOH_E_NOT_FOUND);
    core_stop(self, shop, NOH_STOP_DRAIN);
}

static void boxes_move_through_futures(void)
{
    atomic_store(&boxes_out, 0);
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    crates_in_futures(self, to);
    run_in_actor(self, crates_in_futures, to);
    core_expect_nothing(self);
    (void)core_settled(system, 0);
    core_end(&world, system);
    CHECK_EQ(boxes_out, 0);
}

/* ---- then --------------------------------------------------------------------------------- */

static noh_future left_open; /* what the scenario leaves for the handlers */

static void leave_map(noh_self *self, noh_ref to)
{
    noh_future f = ask(self, to, DOUBLE, 4);
    CHECK_OK(noh_future_map(self, f, result, shown, show, "then", &left_open));
}

static void leave_failing_map(noh_self *self, noh_ref to)
{
    noh_future f = ask(self, to, ERROR_TEXT, 4);
    CHECK_OK(noh_future_map(self, f, result, shown, show, "then", &left_open));
}

static void leave_list(noh_self *self, noh_ref to)
{
    noh_future futures[4];
    noh_future f;
    for (int i = 0; i < 4; i++) {
        futures[i] = ask(self, to, DOUBLE, i);
    }
    CHECK_OK(noh_future_join(self, futures, 4, results, &f));
    CHECK_OK(
        noh_future_reduce(self, f, results, total, add_up, NULL, (&(total){0, "sum"}), &left_open));
}

/* It has seen one part, and the last one lies in its queue when it returns. */
static void leave_after_any(noh_self *self, noh_ref to)
{
    noh_future parts[2] = {ask(self, to, DOUBLE, 1), ask(self, to, DOUBLE, 2)};
    noh_future f;
    size_t index;
    CHECK_OK(noh_future_join(self, parts, 2, results, &f));
    CHECK_OK(noh_future_map(self, f, results, total, count_results, NULL, &left_open));
    CHECK_OK(noh_await_any(self, &left_open, 1, NOH_FOREVER, &index));
    sync_with(self, to);
}

static void leave_open_plain(noh_self *self, noh_ref to)
{
    noh_promise promise;
    CHECK_OK(noh_future_open(self, result, &left_open, &promise));
    CHECK_OK(noh_promise_keep(self, promise, result, .value = 5, .text = "kept"));
}

static void expect_then(scenario_fn *fn, int64_t value, const char *text, noh_err code)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref actor = begin_in_actor(self, fn, spawn_server(self));
    (void)CORE_RECEIVE(scenario_done, self);
    const seen *s = CORE_RECEIVE(seen, self);
    CHECK_EQ(s->code, code);
    CHECK_EQ(s->value, value);
    CHECK_TEXT(s->text, text);
    CHECK_EQ(s->answered, left_open.bits);
    core_stop(self, actor, NOH_STOP_DRAIN);
    core_expect_nothing(self);
    (void)core_settled(system, 0);
    core_end(&world, system);
}

static void what_nobody_awaits_comes_as_a_message(void)
{
    expect_then(leave_map, 8, "then", NOH_OK);
    expect_then(leave_failing_map, 0, "no such thing", NOH_E_NOT_FOUND);
    expect_then(leave_list, 12, "sum", NOH_OK);
    expect_then(leave_after_any, 2, NULL, NOH_OK);
    expect_then(leave_open_plain, 5, "kept", NOH_OK);
}

static noh_err fail_to_show(noh_self *self, void *ctx, const shown *from, shown *to)
{
    noh_fail(self, NOH_E_OS, "the function failed");
    return NOH_OK;
}

static void leave_noh_fail(noh_self *self, noh_ref to)
{
    noh_future parts[2] = {ask(self, to, DOUBLE, 1), ask(self, to, DOUBLE, 2)};
    CHECK_OK(noh_future_map(self, parts[0], result, shown, show, NULL, &left_open));
    CHECK_OK(noh_future_map(self, left_open, shown, shown, fail_to_show, NULL, &left_open));
    CHECK_OK(noh_future_cancel(self, parts[1]));
}

static void await_noh_fail(noh_self *self, noh_ref to)
{
    shown answer;
    leave_noh_fail(self, to);
    (void)noh_await(self, left_open, shown, NOH_FOREVER, &answer);
    CHECK(false);
}

static void expect_failure(scenario_fn *fn, bool done)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref actor = begin_in_actor(self, fn, spawn_server(self));
    if (done) {
        (void)CORE_RECEIVE(scenario_done, self);
    }
    noh_exit exit;
    CHECK_OK(noh_join(self, actor, NOH_FOREVER, &exit));
    CHECK_EQ(core_logged(&world, "the function failed"), 1);
    core_expect_nothing(self);
    (void)core_settled(system, 0);
    core_end(&world, system);
}

static void a_function_may_fail_its_actor(void)
{
    expect_failure(leave_noh_fail, true);
    expect_failure(await_noh_fail, false);
}

/* ---- set from outside --------------------------------------------------------------------- */

static void set_by_itself(noh_self *self, noh_ref to)
{
    noh_future f;
    noh_promise promise;
    result answer;
    CHECK_OK(noh_future_open(self, result, &f, &promise));
    noh_promise copy = promise;
    CHECK_ERR(noh_promise_keep(self, promise, other_result, .value = 1), NOH_E_WRONG_TYPE);
    CHECK_ERR(noh_promise_fail(self, promise, NOH_OK, "fine"), NOH_E_INVAL);
    CHECK_ERR(noh_await(self, f, result, 0, &answer), NOH_E_TIMEOUT); /* given up */
    CHECK_ERR(noh_promise_keep(self, promise, result, .value = 1), NOH_E_ANSWERED);
    CHECK_OK(noh_future_open(self, result, &f, &promise));
    CHECK_ERR(noh_promise_keep(self, copy, result, .value = 1), NOH_E_ANSWERED);
    CHECK_OK(noh_promise_keep(self, promise, result, .value = 7, .text = "seven"));
    CHECK_ERR(noh_promise_keep(self, promise, result, .value = 8), NOH_E_ANSWERED);
    CHECK_ERR(noh_promise_fail(self, promise, NOH_E_FULL, NULL), NOH_E_ANSWERED);
    CHECK_OK(noh_await(self, f, result, NOH_FOREVER, &answer));
    CHECK_EQ(answer.value, 7);
    CHECK_TEXT(answer.text, "seven");
    check_spent(self, f);
    CHECK_OK(noh_future_open(self, result, &f, &promise));
    CHECK_OK(noh_promise_fail(self, promise, NOH_E_TAKEN, "no more"));
    CHECK_ERR(noh_await(self, f, result, NOH_FOREVER, &answer), NOH_E_TAKEN);
    CHECK_TEXT(noh_error_text(self), "no more");
    CHECK_ERR(noh_future_open_value(NULL, NOH_TYPE(result), &f, &promise), NOH_E_INVAL);
    CHECK_ERR(noh_future_open_value(self, NULL, &f, &promise), NOH_E_INVAL);
    CHECK_ERR(noh_future_open_value(self, NOH_TYPE(result), NULL, &promise), NOH_E_INVAL);
    CHECK_ERR(noh_future_open_value(self, NOH_TYPE(result), &f, NULL), NOH_E_INVAL);
}

static void a_future_is_set_from_outside_once(void)
{
    on_both(set_by_itself, 0);
}

/* Kept, and given up before the answer is looked at: it is late. */
static void set_too_late(noh_self *self, noh_ref to)
{
    noh_future f;
    noh_promise promise;
    noh_ref shop = noh_spawn(self, store);
    CHECK_OK(noh_future_open(self, result, &f, &promise));
    CHECK_OK(noh_tell(self, shop, keep_this, .promise = promise, .value = 3));
    core_stop(self, shop, NOH_STOP_DRAIN);
    CHECK_OK(noh_future_cancel(self, f));
    sync_with(self, to);
}

static void an_answer_that_crosses_with_a_cancel_is_late(void)
{
    on_both(set_too_late, 1);
}

static void set_by_another_actor(noh_self *self, noh_ref to)
{
    noh_ref shop = noh_spawn(self, store);
    noh_future futures[MANY];
    result answers[MANY];
    for (int i = 0; i < MANY; i++) {
        noh_promise promise;
        CHECK_OK(noh_future_open(self, result, &futures[i], &promise));
        CHECK_OK(noh_tell(self, shop, keep_this, .promise = promise, .value = i));
        CHECK_OK(noh_tell(self, shop, keep_this, .promise = promise, .value = -1)); /* in vain */
    }
    CHECK_OK(noh_await_all(self, futures, MANY, result, NOH_FOREVER, answers, NULL));
    for (int i = 0; i < MANY; i++) {
        CHECK_EQ(answers[i].value, i);
        CHECK_TEXT(answers[i].text, "kept");
    }
    core_stop(self, shop, NOH_STOP_DRAIN);
}

static void a_promise_may_be_sent_on(void)
{
    on_both(set_by_another_actor, 0);
}

typedef struct setter {
    noh_system *system;
    noh_promise promise;
    core_gate *gate;
    atomic_int *won;
} setter;

static void *set_on_thread(void *arg)
{
    setter *s = arg;
    noh_self *self = noh_system_self(s->system);
    core_pass(s->gate);
    noh_err err = noh_promise_keep(self, s->promise, result, .value = 9);
    CHECK(err == NOH_OK || err == NOH_E_ANSWERED);
    atomic_fetch_add(s->won, err == NOH_OK);
    CHECK_OK(noh_self_free(self));
    return NULL;
}

static void of_several_threads_one_keeps_a_promise(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    for (int round = 0; round < 50; round++) {
        core_gate start = CORE_GATE;
        atomic_int won = 0;
        setter s = {.system = system, .gate = &start, .won = &won};
        noh_future f;
        result answer;
        CHECK_OK(noh_future_open(self, result, &f, &s.promise));
        pthread_t threads[3];
        for (int i = 0; i < 3; i++) {
            threads[i] = core_thread(set_on_thread, &s);
        }
        core_await_inside(&start, 3);
        core_open_gate(&start);
        CHECK_OK(noh_await(self, f, result, NOH_FOREVER, &answer));
        CHECK_EQ(answer.value, 9);
        for (int i = 0; i < 3; i++) {
            core_join_thread(threads[i]);
        }
        CHECK_EQ(won, 1);
    }
    core_expect_nothing(self);
    (void)core_settled(system, 0);
    core_end(&world, system);
}

static noh_promise handed_out;

static void open_and_leave(noh_self *self, noh_ref to)
{
    CHECK_OK(noh_future_open(self, result, &left_open, &handed_out));
}

static void the_promise_of_an_owner_that_ended_is_gone(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    run_in_actor(self, open_and_leave, NOH_NO_REF);
    CHECK_ERR(noh_promise_keep(self, handed_out, result, .value = 1), NOH_E_GONE);
    open_and_leave(self, NOH_NO_REF);
    noh_system *other = core_system(&world, 1, NULL);
    noh_self *other_self = noh_system_self(other);
    CHECK(noh_promise_keep(other_self, handed_out, result, .value = 1) != NOH_OK);
    noh_promise theirs;
    noh_future f;
    CHECK_OK(noh_future_open(other_self, result, &f, &theirs));
    CHECK(noh_promise_keep(other_self, handed_out, result, .value = 1) != NOH_OK);
    CHECK_ERR(noh_self_free(other_self), NOH_E_OPEN_ASKS);
    CHECK_OK(noh_system_free(other));
    CHECK_ERR(noh_self_free(self), NOH_E_OPEN_ASKS);
    self = noh_system_self(system);
    CHECK_ERR(noh_promise_keep(self, handed_out, result, .value = 1), NOH_E_GONE);
    core_expect_nothing(self);
    (void)core_settled(system, 0);
    core_end(&world, system);
}

/* ---- whose it is -------------------------------------------------------------------------- */

static noh_future of_another;

static void use_of_another(noh_self *self, noh_ref to)
{
    result answer;
    check_spent(self, of_another); /* without an ask of its own */
    CHECK_OK(noh_call(self, to, request, &answer, .what = DOUBLE, .value = 1));
    check_spent(self, of_another);
}

static void a_future_of_another_self_or_system_is_spent(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    of_another = ask(self, to, PROMISES, 0);
    run_in_actor(self, use_of_another, to);
    noh_system *other = core_system(&world, 1, NULL);
    noh_self *other_self = noh_system_self(other);
    use_of_another(other_self, spawn_server(other_self));
    CHECK_OK(noh_system_free(other));
    result answer;
    CHECK_OK(noh_tell(self, to, keep, .value = 3));
    CHECK_OK(noh_await(self, of_another, result, NOH_FOREVER, &answer));
    CHECK_EQ(answer.value, 3);
    core_expect_nothing(self);
    (void)core_settled(system, 0);
    core_end(&world, system);
}

/* ---- ends --------------------------------------------------------------------------------- */

static void leave_much_open(noh_self *self, noh_ref to)
{
    noh_future futures[6];
    noh_promise promise;
    noh_future f;
    for (int i = 0; i < 5; i++) {
        futures[i] = ask(self, to, i < 3 ? PROMISES : DOUBLE, 0);
    }
    CHECK_OK(noh_future_open(self, result, &futures[5], &promise));
    CHECK_OK(noh_future_join(self, futures, 6, results, &f));
    CHECK_OK(noh_future_reduce(self, f, results, total, add_up, NULL, (&(total){0, "x"}), &f));
    sync_with(self, to);
    sync_with(self, to);
}

static void wait_with_much_open(noh_self *self, noh_ref to)
{
    noh_future futures[2];
    result answers[2];
    leave_much_open(self, to);
    for (int i = 0; i < 2; i++) {
        futures[i] = ask(self, to, PROMISES, 0);
    }
    CHECK_OK(noh_tell(self, to, keep, .value = 3));
    core_open_gate(&clock_gate);
    CHECK_ERR(noh_await_all(self, futures, 2, result, NOH_FOREVER, answers, NULL), NOH_E_STOPPED);
}

static void what_is_open_at_the_end_is_given_back(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_server(self);
    leave_much_open(self, to);
    CHECK_ERR(noh_self_free(self), NOH_E_OPEN_ASKS);
    self = noh_system_self(system);
    run_in_actor(self, leave_much_open, to);
    CHECK_OK(noh_tell(self, to, keep_all));
    sync_with(self, to);
    core_expect_nothing(self);
    CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_LATE], 10);
    for (noh_stop_kind kind = NOH_STOP_NOW; kind <= NOH_STOP_KILL; kind++) {
        core_shut_gate(&clock_gate);
        noh_ref actor = begin_in_actor(self, wait_with_much_open, to);
        core_pass(&clock_gate);
        (void)core_stop(self, actor, kind);
        if (kind == NOH_STOP_NOW) {
            (void)CORE_RECEIVE(scenario_done, self);
        }
    }
    CHECK_OK(noh_tell(self, to, keep_all));
    sync_with(self, to);
    core_expect_nothing(self);
    CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_LATE], 24);
    core_end(&world, system);
}

static void cancel_derived(noh_self *self, noh_ref to)
{
    noh_future futures[3] = {ask(self, to, DOUBLE, 1), ask(self, to, PROMISES, 1),
                             ask(self, to, DOUBLE, 2)};
    noh_future f;
    sync_with(self, to); /* on a plain thread two are kept */
    CHECK_OK(noh_future_join(self, futures, 3, results, &f));
    CHECK_OK(noh_future_map(self, f, results, total, count_results, NULL, &f));
    CHECK_OK(noh_future_cancel(self, f));
    check_spent(self, f);
    CHECK_OK(noh_tell(self, to, keep));
    sync_with(self, to);
}

static void cancelling_a_derived_one_gives_up_all_of_it(void)
{
    on_both(cancel_derived, 3);
}

/* ---- circles ------------------------------------------------------------------------------ */

NOH_REQUEST(around, result, (noh_ref, other), (noh_ref, steady), (bool, derived));

NOH_NO_STATE(ring);

/* Asks the other one, who asks back; and, later, one who answers. */
static noh_err ring_around(noh_self *self, ring *me, const around *m)
{
    noh_future futures[2];
    noh_future joined;
    result answers[2];
    results list;
    noh_err err = noh_ask(self, m->other, around, &futures[0], .other = noh_self_ref(self),
                          .steady = m->steady, .derived = m->derived);
    CHECK_OK(err);
    futures[1] = ask(self, m->steady, DOUBLE, 1);
    if (m->derived) {
        CHECK_OK(noh_future_join(self, futures, 2, results, &joined));
        err = noh_await(self, joined, results, NOH_FOREVER, &list);
    } else {
        err = noh_await_all(self, futures, 2, result, NOH_FOREVER, answers, NULL);
    }
    CHECK_ERR(err, NOH_E_CYCLE);
    return noh_reply_error(self, err, noh_error_text(self));
}

NOH_BEHAVIOR(ring, NOH_ON(around, ring_around));

static void a_circle_of_waits_for_several_is_found(void)
{
    for (int derived = 0; derived < 2; derived++) {
        core_world world;
        noh_system *system = core_start(&world, 2, NULL);
        noh_self *self = noh_system_self(system);
        noh_ref one = noh_spawn(self, ring);
        noh_ref two = noh_spawn(self, ring);
        noh_ref steady = spawn_server(self);
        result answer;
        CHECK_ERR(noh_call(self, one, around, &answer, .other = two, .steady = steady,
                           .derived = derived == 1),
                  NOH_E_CYCLE);
        CHECK(strstr(noh_error_text(self), "ring<") != NULL);
        (void)core_stop(self, one, NOH_STOP_DRAIN);
        (void)core_stop(self, two, NOH_STOP_DRAIN);
        core_expect_nothing(self);
        (void)core_settled(system, 0);
        core_end(&world, system);
    }
}

/* ---- limits ------------------------------------------------------------------------------- */

static void too_many(noh_self *self, noh_ref to)
{
    static noh_future futures[65536];
    noh_future more;
    for (int i = 0; i < 65536; i++) {
        noh_promise promise;
        CHECK_OK(noh_future_open(self, result, &futures[i], &promise));
    }
    noh_promise promise;
    CHECK_ERR(noh_future_open(self, result, &more, &promise), NOH_E_LIMIT);
    CHECK_ERR(noh_future_join(self, futures, 2, results, &more), NOH_E_LIMIT);
    CHECK_ERR(noh_future_map(self, futures[0], result, shown, show, NULL, &more), NOH_E_LIMIT);
    CHECK_OK(noh_future_cancel(self, futures[65535]));
    CHECK_OK(noh_future_join(self, futures, 65535, results, &more)); /* nothing was done */
    CHECK_OK(noh_future_cancel(self, more));
    CHECK_OK(noh_future_open(self, result, &more, &promise));
    CHECK_OK(noh_future_cancel(self, more));
}

static void there_are_65536_at_most(void)
{
    on_both(too_many, 0);
}

static const test_case cases[] = {
    TEST(all_answers_come_in_the_order_of_the_futures),
    TEST(the_texts_of_all_answers_stay),
    TEST(the_first_error_among_all_ends_the_wait),
    TEST(a_wrong_type_among_all_is_named),
    TEST(a_spent_one_among_all_spends_all),
    TEST(what_makes_no_sense_is_refused_and_uses_nothing),
    TEST(all_have_one_deadline),
    TEST(any_says_which_is_there_first_and_passes_over_spent_ones),
    TEST(an_error_is_there_too),
    TEST(any_waits_for_derived_ones),
    TEST(a_map_is_computed_once_and_takes_its_source_over),
    TEST(errors_pass_through_a_map),
    TEST(what_cannot_be_derived_is_refused),
    TEST(a_function_may_ask_but_not_wait),
    TEST(join_keeps_the_order_filter_and_reduce_work_on_lists),
    TEST(an_empty_list_reduces_to_the_initial_value),
    TEST(an_error_in_a_join_is_the_answer_at_once),
    TEST(the_first_function_that_fails_ends_the_computation),
    TEST(chains_may_be_deep),
    TEST(boxes_move_through_futures),
    TEST(what_nobody_awaits_comes_as_a_message),
    TEST(a_function_may_fail_its_actor),
    TEST(a_future_is_set_from_outside_once),
    TEST(an_answer_that_crosses_with_a_cancel_is_late),
    TEST(a_promise_may_be_sent_on),
    TEST(of_several_threads_one_keeps_a_promise),
    TEST(the_promise_of_an_owner_that_ended_is_gone),
    TEST(a_future_of_another_self_or_system_is_spent),
    TEST(what_is_open_at_the_end_is_given_back),
    TEST(cancelling_a_derived_one_gives_up_all_of_it),
    TEST(a_circle_of_waits_for_several_is_found),
    TEST(there_are_65536_at_most),
};
TEST_MAIN(cases)
