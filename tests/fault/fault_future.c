/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: whatever request for memory fails, once or from then on, futures give an error that says so,
 * nothing hangs, nothing leaks, no box is lost or dropped twice.
 * Method: one scenario, on a plain thread and in a handler, with the n-th request failing, for n = 1, 2, …
 * until a run needs fewer than n. */
#include "fault.h"
#include "test.h"

#include <noh/noh.h>
#include <noh/watch.h>

#include <stdatomic.h>
#include <unistd.h>

NOH_MESSAGE(parcel, (int64_t, value), (noh_text, words), (noh_box, box));
NOH_LIST(parcels, parcel);
NOH_MESSAGE(total, (int64_t, value), (noh_text, words));
NOH_REQUEST(get, parcel, (int64_t, value));
NOH_REQUEST(run_it, total, (noh_ref, to));
NOH_MESSAGE(keep_it, (struct, noh_promise, promise));

enum { SOURCES = 5, WORDS = 3000 };

static char long_words[WORDS + 1];

static bool is_want(noh_err err)
{
    return err == NOH_OK || err == NOH_E_NOMEM || err == NOH_E_LIMIT || err == NOH_E_OS;
}

static void want(noh_err err, int line)
{
    if (!is_want(err) && err != NOH_E_GONE && err != NOH_E_STOPPED && err != NOH_E_NO_ANSWER &&
        err != NOH_E_SPENT) { /* SPENT: of a future that was not made */
        test_failed(__FILE__, line, "%s", noh_err_name(err));
    }
}

#define WANT(err) want((err), __LINE__)

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

/* ---- actors ------------------------------------------------------------------------------- */

NOH_NO_STATE(server);

static noh_err server_get(noh_self *self, server *me, const get *m)
{
    noh_box box = new_box();
    noh_err err = noh_reply(self, parcel, .value = m->value, .words = long_words, .box = box);
    WANT(err);
    if (err != NOH_OK) {
        box.drop(box.data, box.size);
    }
    return NOH_OK;
}

static noh_err server_keep_it(noh_self *self, server *me, const keep_it *m)
{
    noh_err err = noh_promise_keep(self, m->promise, total, .value = 1, .words = long_words);
    if (err != NOH_OK && err != NOH_E_ANSWERED) { /* it was given up */
        WANT(err);
        err = noh_promise_fail(self, m->promise, err, NULL);
        WANT(err == NOH_E_ANSWERED ? NOH_OK : err);
    }
    return NOH_OK;
}

NOH_BEHAVIOR(server, NOH_ON(get, server_get), NOH_ON(keep_it, server_keep_it));

/* ---- the scenario ------------------------------------------------------------------------- */

static bool is_even(noh_self *self, void *ctx, const parcel *item)
{
    return item->value % 2 == 0;
}

static noh_err repack(noh_self *self, void *ctx, const parcel *from, parcel *to)
{
    *to = *from;
    (void)noh_box_take(&from->box);
    return NOH_OK;
}

static noh_err add_up(noh_self *self, void *ctx, total *so_far, const parcel *item)
{
    so_far->value += item->value;
    so_far->words = item->words;
    return NOH_OK;
}

/* One of several, each repacked; none when there is no memory. */
static size_t ask_all(noh_self *self, noh_ref to, noh_future *futures)
{
    size_t asked = 0;
    for (int64_t i = 0; i < SOURCES; i++) {
        noh_err err = noh_ask(self, to, get, &futures[asked], .value = i);
        WANT(err);
        if (err == NOH_OK) {
            WANT(noh_future_map(self, futures[asked], parcel, parcel, repack, NULL,
                                &futures[asked]));
            asked++;
        }
    }
    return asked;
}

static void pipeline(noh_self *self, noh_ref to)
{
    noh_future futures[SOURCES];
    noh_future f;
    total sum;
    size_t asked = ask_all(self, to, futures);
    noh_err err = asked == 0 ? NOH_E_NOMEM : noh_future_join(self, futures, asked, parcels, &f);
    WANT(err);
    for (size_t i = 0; err != NOH_OK && i < asked; i++) {
        CHECK_OK(noh_future_cancel(self, futures[i])); /* nothing was done */
    }
    if (err != NOH_OK) {
        return;
    }
    noh_err filtered = noh_future_filter(self, f, parcels, is_even, NULL, &f);
    WANT(filtered);
    err = noh_future_reduce(self, f, parcels, total, add_up, NULL,
                            (&(total){.words = "an initial text"}), &f);
    WANT(err);
    if (err != NOH_OK) {
        CHECK_OK(noh_future_cancel(self, f));
        return;
    }
    err = noh_await(self, f, total, NOH_FOREVER, &sum);
    WANT(err);
    CHECK(err != NOH_OK || asked < SOURCES || sum.value == (filtered == NOH_OK ? 6 : 10));
    CHECK_ERR(noh_future_cancel(self, f), NOH_E_SPENT);
}

static void all_of_them(noh_self *self, noh_ref to)
{
    noh_future futures[SOURCES];
    parcel parcels[SOURCES];
    size_t index;
    size_t asked = ask_all(self, to, futures);
    noh_err err = noh_await_any(self, futures, asked, NOH_FOREVER, &index);
    WANT(err);
    err = noh_await_all(self, futures, asked, parcel, NOH_FOREVER, parcels, NULL);
    WANT(err);
    for (size_t i = 0; i < asked; i++) {
        CHECK_ERR(noh_future_cancel(self, futures[i]), NOH_E_SPENT);
        if (err == NOH_OK) {
            CHECK_TEXT(parcels[i].words, long_words);
            drop_box(noh_box_take(&parcels[i].box), parcels[i].box.size);
        }
    }
}

static void set_from_outside(noh_self *self, noh_ref to)
{
    noh_future f;
    noh_promise promise;
    total sum;
    for (int i = 0; i < 6; i++) {
        noh_err err = noh_future_open(self, total, &f, &promise);
        WANT(err);
        if (err != NOH_OK) {
            continue;
        }
        err = noh_tell(self, to, keep_it, .promise = promise);
        WANT(err);
        if (err == NOH_OK && i % 2 == 0) {
            err = noh_await(self, f, total, NOH_SECOND, &sum);
            WANT(err == NOH_E_TIMEOUT ? NOH_OK : err); /* not even the error could be sent */
        } else {
            CHECK_OK(noh_future_cancel(self, f));
        }
    }
}

static void scenario(noh_self *self, noh_ref to)
{
    pipeline(self, to);
    all_of_them(self, to);
    set_from_outside(self, to);
}

NOH_NO_STATE(runner);

static noh_err runner_run_it(noh_self *self, runner *me, const run_it *m)
{
    scenario(self, m->to);
    noh_future left; /* for the end */
    if (noh_ask(self, m->to, get, &left) == NOH_OK) {
        (void)noh_future_map(self, left, parcel, parcel, repack, NULL, &left);
    }
    return noh_reply(self, total, .value = 1);
}

static noh_err runner_parcel(noh_self *self, runner *me, const parcel *m)
{
    return NOH_OK;
}

static noh_err runner_failure(noh_self *self, runner *me, const noh_failure *m)
{
    WANT((noh_err)m->code);
    return NOH_OK;
}

NOH_BEHAVIOR(runner, NOH_ON(run_it, runner_run_it), NOH_ON(parcel, runner_parcel),
             NOH_ON(noh_failure, runner_failure));

static void no_log(void *world, const noh_log_record *record)
{
}

/* The n-th request after the start fails. True: one did. */
static bool run_with_failure(uint64_t n, bool for_ever)
{
    fault_world fault;
    noh_env env = fault_env(&fault);
    env.log = no_log;
    noh_system *system = NULL;
    total answer;
    alarm(60);
    atomic_store(&boxes_out, 0);
    CHECK_OK(noh_system_new(&(noh_options){.workers = 2, .env = &env}, &system));
    noh_self *self = noh_system_self(system);
    noh_ref to = noh_spawn(self, server);
    noh_ref in_handler = noh_spawn(self, runner);
    CHECK(!noh_ref_is_none(to) && !noh_ref_is_none(in_handler));
    fault_at(&fault, n, for_ever);
    scenario(self, to);
    WANT(noh_call(self, in_handler, run_it, &answer, .to = to));
    bool failed = fault_failures(&fault) > 0;
    fault_at(&fault, 0, false);
    CHECK_OK(noh_system_free(system));
    if (fault_done(&fault) != 0) {
        test_failed(__FILE__, __LINE__, "something leaks when request %llu fails %s",
                    (unsigned long long)n, for_ever ? "and all after it" : "once");
    }
    CHECK_EQ(boxes_out, 0);
    alarm(0);
    return failed;
}

static void no_future_breaks_when_one_request_fails(void)
{
    uint64_t n = 1;
    memset(long_words, 'w', WORDS);
    while (run_with_failure(n, false)) {
        n++;
    }
    CHECK(n > 10);
}

static void no_future_breaks_when_all_requests_fail_from_one_on(void)
{
    uint64_t n = 1;
    while (run_with_failure(n, true)) {
        n++;
    }
    CHECK(n > 10);
}

static const test_case cases[] = {
    TEST(no_future_breaks_when_one_request_fails),
    TEST(no_future_breaks_when_all_requests_fail_from_one_on),
};
TEST_MAIN(cases)
