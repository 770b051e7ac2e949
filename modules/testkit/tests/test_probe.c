/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a probe keeps what comes, in order, gives it to the test, answers as the test says, and says
 * what was wrong; and its end is seen. */
#include "test.h"

#include <noh/testkit.h>

NOH_MESSAGE(sum, (int64_t, value));
NOH_REQUEST(add, sum, (int64_t, a), (int64_t, b));
NOH_MESSAGE(note, (noh_text, words));
NOH_MESSAGE(other, (int64_t, value));
NOH_NO_STATE(asker);

/* Asks whoever the test says, and tells the test what it got. */
NOH_MESSAGE(ask_it, (noh_ref, whom), (noh_ref, then));
NOH_MESSAGE(got, (int64_t, value), (int64_t, code), (noh_text, text));

static noh_err on_ask(noh_self *self, asker *me, const ask_it *m)
{
    sum s = {-1};
    noh_err err = noh_call(self, m->whom, add, &s, .a = 1, .b = 2);
    return noh_tell(self, m->then, got, .value = s.value, .code = err,
                    .text = err == NOH_OK ? "" : noh_error_text(self));
}

NOH_BEHAVIOR(asker, NOH_ON(ask_it, on_ask));

static noh_system *system_of_test;

static noh_self *begin(noh_probe **ret_probe)
{
    CHECK_OK(noh_system_new(&(noh_options){.workers = 2}, &system_of_test));
    noh_self *self = noh_system_self(system_of_test);
    CHECK_OK(noh_probe_new(self, ret_probe));
    return self;
}

static void end(noh_self *self, noh_probe *probe)
{
    noh_probe_free(self, probe);
    CHECK_OK(noh_system_free(system_of_test));
}

static void what_comes_is_there_in_order(void)
{
    noh_probe *probe;
    noh_self *self = begin(&probe);
    noh_ref ref = noh_probe_ref(probe);
    const sum *s;
    const note *n;
    CHECK_OK(noh_tell(self, ref, sum, .value = 1));
    CHECK_OK(noh_tell(self, ref, note, .words = "two"));
    CHECK_OK(noh_tell(self, ref, sum, .value = 3));
    CHECK_OK(noh_probe_expect(self, probe, sum, NOH_SECOND, &s));
    CHECK_EQ(s->value, 1);
    CHECK(noh_ref_equal(noh_probe_sender(probe), noh_self_ref(self)));
    CHECK_OK(noh_probe_expect(self, probe, note, NOH_SECOND, &n));
    CHECK_TEXT(n->words, "two");
    CHECK_TEXT(noh_probe_text(probe), "");
    CHECK_OK(noh_probe_expect(self, probe, sum, 0, &s)); /* it lies there */
    CHECK_EQ(s->value, 3);
    CHECK_OK(noh_probe_expect_none(self, probe, NOH_MS));
    end(self, probe);
}

static void one_type_is_found_among_others(void)
{
    noh_probe *probe;
    noh_self *self = begin(&probe);
    noh_ref ref = noh_probe_ref(probe);
    const sum *s;
    const other *o;
    CHECK_OK(noh_tell(self, ref, sum, .value = 1));
    CHECK_OK(noh_tell(self, ref, sum, .value = 2));
    CHECK_OK(noh_tell(self, ref, other, .value = 3));
    CHECK_OK(noh_probe_find(self, probe, other, NOH_SECOND, &o));
    CHECK_EQ(o->value, 3);
    CHECK_OK(noh_probe_expect(self, probe, sum, 0, &s));
    CHECK_EQ(s->value, 1);
    CHECK_ERR(noh_probe_find(self, probe, other, NOH_MS, &o), NOH_E_TIMEOUT);
    CHECK_OK(noh_probe_expect(self, probe, sum, 0, &s));
    CHECK_EQ(s->value, 2);
    end(self, probe);
}

static void what_is_wrong_is_said(void)
{
    noh_probe *probe;
    noh_self *self = begin(&probe);
    noh_ref ref = noh_probe_ref(probe);
    const sum *s = NULL;
    CHECK_ERR(noh_probe_expect(self, probe, sum, 2 * NOH_MS, &s), NOH_E_TIMEOUT);
    CHECK_TEXT(noh_probe_text(probe), "expected sum within 2 ms, nothing came");
    CHECK_OK(noh_tell(self, ref, other, .value = 7));
    CHECK_ERR(noh_probe_expect(self, probe, sum, NOH_SECOND, &s), NOH_E_WRONG_TYPE);
    CHECK(s == NULL);
    CHECK(strstr(noh_probe_text(probe), "expected sum within 1000 ms, got other") != NULL);
    CHECK(strchr(noh_probe_text(probe), '7') != NULL);
    CHECK_OK(noh_tell(self, ref, other, .value = 8));
    CHECK_ERR(noh_probe_expect_none(self, probe, NOH_SECOND), NOH_E_FAILED);
    CHECK(strstr(noh_probe_text(probe), "expected nothing within 1000 ms, got other") != NULL);
    CHECK_OK(noh_probe_expect_none(self, probe, 0)); /* it was taken */
    end(self, probe);
}

static void it_answers_what_the_test_says(void)
{
    noh_probe *probe;
    noh_self *self = begin(&probe);
    noh_probe *answers;
    CHECK_OK(noh_probe_new(self, &answers));
    noh_ref client = noh_spawn(self, asker);
    const add *a;
    const got *g;
    CHECK_OK(noh_tell(self, client, ask_it, .whom = noh_probe_ref(probe),
                      .then = noh_probe_ref(answers)));
    CHECK_OK(noh_probe_expect(self, probe, add, NOH_SECOND, &a));
    CHECK(noh_ref_equal(noh_probe_sender(probe), client));
    CHECK_ERR(noh_probe_reply(self, probe, other, .value = 1), NOH_E_WRONG_TYPE);
    CHECK_OK(noh_probe_reply(self, probe, sum, .value = a->a + a->b));
    CHECK_ERR(noh_probe_reply(self, probe, sum, .value = 4), NOH_E_ANSWERED);
    CHECK_OK(noh_probe_expect(self, answers, got, NOH_SECOND, &g));
    CHECK_EQ(g->value, 3);

    CHECK_OK(noh_tell(self, client, ask_it, .whom = noh_probe_ref(probe),
                      .then = noh_probe_ref(answers)));
    CHECK_OK(noh_probe_expect(self, probe, add, NOH_SECOND, &a));
    CHECK_OK(noh_probe_reply_error(self, probe, NOH_E_FULL, "no more"));
    CHECK_OK(noh_probe_expect(self, answers, got, NOH_SECOND, &g));
    CHECK_EQ(g->code, NOH_E_FULL);
    CHECK_TEXT(g->text, "no more");
    CHECK_ERR(noh_probe_reply(self, answers, sum, .value = 1), NOH_E_NOBODY);

    CHECK_OK(noh_tell(self, client, ask_it, .whom = noh_probe_ref(probe),
                      .then = noh_probe_ref(answers)));
    CHECK_OK(noh_probe_expect(self, probe, add, NOH_SECOND, &a));
    CHECK_OK(noh_probe_expect_none(self, probe, 0)); /* goes on, so it is not answered any more */
    CHECK_OK(noh_probe_expect(self, answers, got, NOH_SECOND, &g));
    CHECK_EQ(g->code, NOH_E_NO_ANSWER);
    noh_probe_free(self, answers);
    end(self, probe);
}

static void it_stands_in_by_name(void)
{
    noh_probe *probe;
    noh_self *self = begin(&probe);
    noh_ref found;
    const sum *s;
    CHECK_OK(noh_register(self, "clerk", noh_probe_ref(probe)));
    found = noh_lookup(system_of_test, "clerk");
    CHECK_OK(noh_tell(self, found, sum, .value = 5));
    CHECK_OK(noh_probe_expect(self, probe, sum, NOH_SECOND, &s));
    CHECK_EQ(s->value, 5);
    end(self, probe);
}

static void its_end_is_seen(void)
{
    const noh_stop_kind kinds[] = {NOH_STOP_NOW, NOH_STOP_KILL};
    for (size_t i = 0; i < 2; i++) {
        noh_probe *probe;
        noh_self *self = begin(&probe);
        const sum *s;
        CHECK_OK(noh_stop(self, noh_probe_ref(probe), kinds[i]));
        CHECK_OK(noh_join(self, noh_probe_ref(probe), NOH_FOREVER, NULL));
        CHECK_ERR(noh_probe_expect(self, probe, sum, NOH_FOREVER, &s), NOH_E_GONE);
        CHECK_ERR(noh_probe_reply(self, probe, sum, .value = 1), NOH_E_GONE);
        end(self, probe);
    }
}

/* Kills the probe while the test waits for it. */
NOH_MESSAGE(kill_it, (noh_ref, whom));

static noh_err kill_now(noh_self *self, void *arg)
{
    const kill_it *k;
    noh_err err = noh_receive_only(self, kill_it, NOH_FOREVER, &k);
    return err != NOH_OK ? err : noh_stop(self, k->whom, NOH_STOP_KILL);
}

static void one_that_is_killed_meanwhile_holds_up_nobody(void)
{
    noh_probe *probe;
    noh_self *self = begin(&probe);
    const sum *s;
    noh_ref killer = noh_spawn_fn(self, kill_now, NULL, NULL);
    CHECK_OK(noh_tell(self, killer, kill_it, .whom = noh_probe_ref(probe)));
    CHECK_ERR(noh_probe_expect(self, probe, sum, 100 * NOH_MS, &s), NOH_E_GONE);
    end(self, probe);
}

/* What takes an hour by the clock of the system. */
static noh_err wait_for_an_hour(const noh_env *env, void *arg)
{
    noh_system *system;
    noh_probe *probe;
    const sum *s;
    noh_err err = noh_system_new(&(noh_options){.env = env, .workers = 2}, &system);
    if (err != NOH_OK) {
        return err;
    }
    noh_self *self = noh_system_self(system);
    CHECK_OK(noh_probe_new(self, &probe));
    CHECK_OK(noh_probe_expect_none(self, probe, 3600 * NOH_SECOND));
    CHECK_OK(noh_tell(self, noh_probe_ref(probe), sum, .value = 4));
    CHECK_OK(noh_probe_expect(self, probe, sum, 3600 * NOH_SECOND, &s));
    CHECK_EQ(s->value, 4);
    noh_probe_free(self, probe);
    *(int *)arg += 1;
    return noh_system_free(system);
}

static void no_second_is_waited_for_in_a_simulation(void)
{
    noh_sim *sim;
    CHECK_OK(noh_sim_new(&sim));
    int runs = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        noh_sim_result result;
        CHECK_OK(
            noh_sim_run(sim, &(noh_sim_options){.seed = seed}, wait_for_an_hour, &runs, &result));
        CHECK(result.time_ns >= 3600 * NOH_SECOND);
    }
    CHECK_EQ(runs, 100);
    noh_sim_free(sim);
}

static void wrong_arguments_are_refused(void)
{
    noh_probe *probe;
    noh_self *self = begin(&probe);
    noh_probe *none = NULL;
    const void *message;
    const sum *s;
    CHECK_ERR(noh_probe_new(NULL, &none), NOH_E_INVAL);
    CHECK_ERR(noh_probe_new(self, NULL), NOH_E_INVAL);
    CHECK(none == NULL);
    noh_probe_free(self, NULL);
    CHECK(noh_ref_is_none(noh_probe_ref(NULL)) && noh_ref_is_none(noh_probe_sender(NULL)));
    CHECK_TEXT(noh_probe_text(NULL), "");
    CHECK_ERR(noh_probe_expect(self, probe, sum, -1, &s), NOH_E_INVAL);
    CHECK_ERR(noh_probe_expect(self, NULL, sum, 1, &s), NOH_E_INVAL);
    CHECK_ERR(noh_probe_expect_value(self, probe, NULL, 1, &message), NOH_E_INVAL);
    CHECK_ERR(noh_probe_find_value(self, probe, NULL, 1, &message), NOH_E_INVAL);
    CHECK_ERR(noh_probe_expect_none(self, probe, -1), NOH_E_INVAL);
    CHECK_ERR(noh_probe_reply_value(self, probe, NULL, "x"), NOH_E_INVAL);
    CHECK_ERR(noh_probe_reply_error(self, probe, NOH_OK, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_probe_reply(self, probe, sum, .value = 1), NOH_E_NOBODY);
    end(self, probe);
}

static const test_case cases[] = {
    TEST(what_comes_is_there_in_order),
    TEST(one_type_is_found_among_others),
    TEST(what_is_wrong_is_said),
    TEST(it_answers_what_the_test_says),
    TEST(it_stands_in_by_name),
    TEST(its_end_is_seen),
    TEST(one_that_is_killed_meanwhile_holds_up_nobody),
    TEST(no_second_is_waited_for_in_a_simulation),
    TEST(wrong_arguments_are_refused),
};
TEST_MAIN(cases)
