/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a whole program runs in one thread, as it would elsewhere; time costs nothing; and what does not
 * come to an end is named. */
#include "mixture.h"

NOH_NO_STATE(sleeper);
NOH_MESSAGE(woke, (int64_t, at_ns));
NOH_REQUEST(nap, woke, (int64_t, for_ns));

static noh_err on_nap(noh_self *self, sleeper *me, const nap *m)
{
    noh_err err = noh_sleep(self, m->for_ns);
    return err != NOH_OK ? err : noh_reply(self, woke, .at_ns = noh_now(noh_self_system(self)));
}

NOH_BEHAVIOR(sleeper, NOH_ON(nap, on_nap));

static noh_sim *new_sim(void)
{
    noh_sim *sim;
    CHECK_OK(noh_sim_new(&sim));
    return sim;
}

/* The system of most programs here. */
static noh_system *new_system(const noh_env *env, unsigned workers)
{
    noh_system *system;
    noh_options options = {.env = env, .workers = workers};
    CHECK_OK(noh_system_new(&options, &system));
    return system;
}

/* Seeds 0 to `seeds` - 1; all of them must succeed, and give everything back. */
static void run_all(noh_sim_program *program, void *arg, unsigned seeds, noh_sim_policy policy)
{
    noh_sim *sim = new_sim();
    for (unsigned seed = 0; seed < seeds; seed++) {
        noh_sim_result result;
        noh_sim_options options = {.seed = seed, .policy = policy};
        noh_err err = noh_sim_run(sim, &options, program, arg, &result);
        if (err != NOH_OK) {
            noh_sim_print(sim, stderr);
            test_failed(__FILE__, __LINE__, "seed %u: %s", seed, result.text);
        }
        CHECK_EQ(result.blocks, 0);
    }
    noh_sim_free(sim);
}

/* ---- what runs ---------------------------------------------------------------------------- */

static void all_kinds_of_things_run(void)
{
    run_all(mixture, NULL, 300 / FEWER, NOH_SIM_UNIFORM);
    run_all(mixture, NULL, 300 / FEWER, NOH_SIM_PCT);
    run_all(mixture, NULL, 10, NOH_SIM_ROBIN);
}

static noh_err run_two(const noh_env *env, void *arg)
{
    noh_system *one = new_system(env, 2);
    noh_system *two = new_system(env, 1);
    noh_self *self_one = noh_system_self(one);
    noh_self *self_two = noh_system_self(two);
    CHECK(self_one != self_two && self_one == noh_system_self(one));
    total answer;
    noh_ref a = noh_spawn(self_one, adder);
    noh_ref b = noh_spawn(self_two, adder);
    for (int i = 1; i <= 3; i++) {
        CHECK_OK(noh_call(self_one, a, add_up, &answer, .value = 1));
        CHECK_EQ(answer.value, i);
        CHECK_OK(noh_call(self_two, b, add_up, &answer, .value = 10));
        CHECK_EQ(answer.value, 10 * i);
    }
    CHECK_OK(noh_system_free(one));
    return noh_system_free(two);
}

static void two_systems_live_in_one_run(void)
{
    run_all(run_two, NULL, 100 / FEWER, NOH_SIM_UNIFORM);
}

/* A self ends with its thread. */
typedef struct visit {
    noh_system *system;
    noh_ref ref;
} visit;

static void come_and_go(void *arg)
{
    visit *v = arg;
    v->ref = noh_self_ref(noh_system_self(v->system));
    CHECK(noh_is_alive(v->system, v->ref));
}

static noh_err visits(const noh_env *env, void *arg)
{
    noh_system *system = new_system(env, 1);
    noh_self *self = noh_system_self(system);
    visit v[3];
    void *threads[3];
    for (int i = 0; i < 3; i++) {
        v[i].system = system;
        CHECK_OK(env->thread_start(env->world, come_and_go, &v[i], "visitor", &threads[i]));
    }
    for (int i = 0; i < 3; i++) {
        env->thread_join(env->world, threads[i]);
        CHECK(!noh_ref_equal(v[i].ref, noh_self_ref(self)));
        CHECK(!noh_is_alive(system, v[i].ref));
    }
    return noh_system_free(system);
}

static void threads_have_selfs_of_their_own(void)
{
    run_all(visits, NULL, 100 / FEWER, NOH_SIM_UNIFORM);
}

NOH_REQUEST(deep, total);
NOH_NO_STATE(diver);

TEST_PLAIN static int64_t dive(volatile int64_t *above)
{
    volatile int64_t here[64];
    here[0] = *above + 1;
    int64_t below = here[0] < INT32_MAX ? dive(here) : 0; /* never that deep */
    return below + here[0];
}

static noh_err on_deep(noh_self *self, diver *me, const deep *m)
{
    volatile int64_t here[1] = {0};
    return noh_reply(self, total, .value = dive(here));
}

NOH_BEHAVIOR(diver, NOH_ON(deep, on_deep));

static noh_err dives(const noh_env *env, void *arg)
{
    noh_system *system = new_system(env, 2);
    noh_self *self = noh_system_self(system);
    noh_future futures[3];
    for (int i = 0; i < 3; i++) {
        CHECK_OK(noh_ask(self, noh_spawn(self, diver), deep, &futures[i]));
    }
    for (int i = 0; i < 3; i++) {
        total answer;
        CHECK_ERR(noh_await(self, futures[i], total, NOH_FOREVER, &answer), NOH_E_STACK);
    }
    return noh_system_free(system);
}

static void who_runs_off_its_stack_ends_alone(void)
{
    run_all(dives, NULL, 20, NOH_SIM_UNIFORM);
}

/* ---- time --------------------------------------------------------------------------------- */

static noh_err sleep_long(const noh_env *env, void *arg)
{
    noh_system *system = new_system(env, 2);
    noh_self *self = noh_system_self(system);
    int64_t began_ns = noh_now(system);
    noh_ref a = noh_spawn(self, sleeper);
    woke answer;
    CHECK_OK(noh_call(self, a, nap, &answer, .for_ns = 3600 * NOH_SECOND));
    CHECK(answer.at_ns - began_ns >= 3600 * NOH_SECOND);
    CHECK(answer.at_ns - began_ns < 3601 * NOH_SECOND);
    return noh_system_free(system);
}

static void an_hour_is_a_few_steps(void)
{
    noh_sim *sim = new_sim();
    noh_sim_result result;
    CHECK_OK(noh_sim_run(sim, &(noh_sim_options){.seed = 1}, sleep_long, NULL, &result));
    CHECK(result.time_ns >= 3600 * NOH_SECOND);
    CHECK(result.steps < 5000);
    noh_sim_free(sim);
}

/* Timers of one actor come in the order of their times, whoever runs. */
static noh_err set_timers(const noh_env *env, void *arg)
{
    enum { TIMERS = 8 };
    noh_system *system = new_system(env, 3);
    noh_self *self = noh_system_self(system);
    for (int32_t i = 0; i < TIMERS; i++) {
        int32_t number = i * 5 % TIMERS; /* all of them, mixed */
        CHECK_OK(noh_after(self, 10 * NOH_SECOND + number * NOH_SECOND, noh_self_ref(self), token,
                           NULL, .left = number));
    }
    for (int32_t i = 0; i < TIMERS; i++) {
        const token *t;
        CHECK_OK(noh_receive_only(self, token, NOH_FOREVER, &t));
        CHECK_EQ(t->left, i);
    }
    return noh_system_free(system);
}

static void timers_come_in_order(void)
{
    run_all(set_timers, NULL, 100 / FEWER, NOH_SIM_UNIFORM);
}

/* ---- the end ------------------------------------------------------------------------------ */

NOH_NO_STATE(listener);

static noh_err on_listen(noh_self *self, listener *me, const add_up *m)
{
    const token *t;
    return noh_receive_only(self, token, NOH_FOREVER, &t);
}

NOH_BEHAVIOR(listener, NOH_ON(add_up, on_listen));

static noh_err wait_for_nothing(const noh_env *env, void *arg)
{
    noh_system *system = new_system(env, 2);
    noh_self *self = noh_system_self(system);
    total answer;
    noh_ref a = noh_spawn(self, listener);
    CHECK_OK(noh_call(self, a, add_up, &answer));
    return noh_system_free(system);
}

static void check_text(const noh_sim_result *result, const char *part)
{
    if (strstr(result->text, part) == NULL) {
        test_failed(__FILE__, __LINE__, "\"%s\" is not in \"%s\"", part, result->text);
    }
}

static void a_deadlock_is_named(void)
{
    noh_sim *sim = new_sim();
    noh_sim_result result;
    for (uint64_t seed = 0; seed < 20; seed++) {
        noh_sim_options options = {.seed = seed};
        CHECK_ERR(noh_sim_run(sim, &options, wait_for_nothing, NULL, &result), NOH_E_CYCLE);
        CHECK_ERR(result.err, NOH_E_CYCLE);
        check_text(&result, "deadlock");
        check_text(&result, "main");
        check_text(&result, "noh-1");
        check_text(&result, "listener<");
        check_text(&result, "waits for a message token");
        check_text(&result, "waits for an answer to add_up of <");
    }
    CHECK_OK(noh_sim_run(sim, NULL, mixture, NULL, &result)); /* and the world goes on */
    noh_sim_free(sim);
}

static noh_err leave_a_system(const noh_env *env, void *arg)
{
    (void)new_system(env, 1);
    return NOH_OK;
}

static noh_err fail_in_the_middle(const noh_env *env, void *arg)
{
    (void)new_system(env, 2);
    return NOH_E_FULL;
}

static noh_err tell_for_ever(const noh_env *env, void *arg)
{
    noh_system *system = new_system(env, 1);
    noh_self *self = noh_system_self(system);
    for (;;) {
        CHECK_OK(noh_tell(self, noh_self_ref(self), token));
        const token *t;
        CHECK_OK(noh_receive_only(self, token, NOH_FOREVER, &t));
        CHECK_ERR(noh_receive_only(self, token, NOH_MS, &t), NOH_E_TIMEOUT);
    }
    return noh_system_free(system);
}

static void what_does_not_end_well_says_why(void)
{
    noh_sim *sim = new_sim();
    noh_sim_result result;
    CHECK_ERR(noh_sim_run(sim, NULL, leave_a_system, NULL, &result), NOH_E_HELD_UP);
    check_text(&result, "left threads behind: noh-0");
    CHECK_ERR(noh_sim_run(sim, NULL, fail_in_the_middle, NULL, &result), NOH_E_FULL);
    check_text(&result, "NOH_E_FULL");
    CHECK_ERR(noh_sim_run(sim, &(noh_sim_options){.steps_max = 1000}, tell_for_ever, NULL, &result),
              NOH_E_LIMIT);
    check_text(&result, "1000 steps");
    noh_sim_free(sim);
}

static void wrong_arguments_are_refused(void)
{
    noh_sim *sim = new_sim();
    CHECK_ERR(noh_sim_new(NULL), NOH_E_INVAL);
    CHECK_ERR(noh_sim_run(NULL, NULL, mixture, NULL, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_sim_run(sim, NULL, NULL, NULL, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_sim_run(sim, &(noh_sim_options){.size = 8}, mixture, NULL, NULL), NOH_E_INVAL);
    CHECK_ERR(
        noh_sim_run(sim, &(noh_sim_options){.policy = (noh_sim_policy)9}, mixture, NULL, NULL),
        NOH_E_INVAL);
    noh_sim_free(sim);
    noh_sim_free(NULL);
}

static const test_case cases[] = {
    TEST(all_kinds_of_things_run),
    TEST(two_systems_live_in_one_run),
    TEST(threads_have_selfs_of_their_own),
    TEST(who_runs_off_its_stack_ends_alone),
    TEST(an_hour_is_a_few_steps),
    TEST(timers_come_in_order),
    TEST(a_deadlock_is_named),
    TEST(what_does_not_end_well_says_why),
    TEST(wrong_arguments_are_refused),
};
TEST_MAIN(cases)
