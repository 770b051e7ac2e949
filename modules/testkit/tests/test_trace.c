/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: the same seed gives the same run, in this process and in another one, wherever its memory lies;
 * other seeds give other runs, and among them all that may happen. */
#include "mixture.h"

#include <unistd.h>

enum { SEEDS = 10000 / FEWER / FEWER, SEEDS_ELSEWHERE = 200 / FEWER, PROCESSES = 3 };

static uint64_t trace_of(noh_sim *sim, uint64_t seed, noh_sim_policy policy)
{
    noh_sim_result result;
    noh_sim_options options = {.seed = seed, .policy = policy};
    CHECK_OK(noh_sim_run(sim, &options, mixture, NULL, &result));
    CHECK(result.turns > 0);
    return result.trace;
}

/* ---- the same ----------------------------------------------------------------------------- */

static void a_seed_gives_the_same_run_twice(void)
{
    static uint64_t traces[SEEDS];
    noh_sim *first;
    noh_sim *second;
    CHECK_OK(noh_sim_new(&first));
    CHECK_OK(noh_sim_new(&second));
    for (unsigned seed = 0; seed < SEEDS; seed++) {
        traces[seed] = trace_of(first, seed, (noh_sim_policy)(seed % 3));
    }
    for (unsigned seed = SEEDS; seed-- > 0;) { /* from a world with another past */
        CHECK_EQ(trace_of(second, seed, (noh_sim_policy)(seed % 3)), traces[seed]);
    }
    noh_sim_free(first);
    noh_sim_free(second);
}

/* Of the first seeds, all in one. */
static uint64_t common_trace(void)
{
    noh_sim *sim;
    uint64_t trace = 0;
    CHECK_OK(noh_sim_new(&sim));
    for (unsigned seed = 0; seed < SEEDS_ELSEWHERE; seed++) {
        trace = trace * 31 + trace_of(sim, seed, NOH_SIM_UNIFORM);
    }
    noh_sim_free(sim);
    return trace;
}

static char own_path[4096];

static void a_seed_gives_the_same_run_in_another_process(void)
{
    char command[sizeof own_path + 16];
    uint64_t trace = common_trace();
    snprintf(command, sizeof command, "'%s' --trace", own_path);
    for (int i = 0; i < PROCESSES; i++) {
        unsigned long long other = 0;
        FILE *output = popen(command, "r");
        CHECK(output != NULL);
        CHECK_EQ(fscanf(output, "%llx", &other), 1);
        CHECK_EQ(pclose(output), 0);
        CHECK_EQ(other, trace);
    }
}

/* ---- different ---------------------------------------------------------------------------- */

static void seeds_give_different_runs(void)
{
    uint64_t traces[50];
    noh_sim *sim;
    CHECK_OK(noh_sim_new(&sim));
    for (unsigned seed = 0; seed < 50; seed++) {
        traces[seed] = trace_of(sim, seed, NOH_SIM_UNIFORM);
        for (unsigned other = 0; other < seed; other++) {
            CHECK(traces[other] != traces[seed]);
        }
    }
    noh_sim_free(sim);
}

/* Two runners, a judge: who comes first? */
NOH_MESSAGE(done, (int32_t, runner));
NOH_MESSAGE(run, (noh_ref, judge), (int32_t, number));
NOH_NO_STATE(runner);

static noh_err on_run(noh_self *self, runner *me, const run *m)
{
    return noh_tell(self, m->judge, done, .runner = m->number);
}

NOH_BEHAVIOR(runner, NOH_ON(run, on_run));

static noh_err race(const noh_env *env, void *first)
{
    noh_system *system;
    noh_options options = {.env = env, .workers = 2};
    CHECK_OK(noh_system_new(&options, &system));
    noh_self *self = noh_system_self(system);
    for (int32_t i = 0; i < 2; i++) {
        noh_ref r = noh_spawn(self, runner);
        CHECK_OK(noh_tell(self, r, run, .judge = noh_self_ref(self), .number = i));
    }
    for (int32_t i = 0; i < 2; i++) {
        const done *d;
        CHECK_OK(noh_receive_only(self, done, NOH_FOREVER, &d));
        if (i == 0) {
            *(int32_t *)first = d->runner;
        }
    }
    return noh_system_free(system);
}

static void check_both_win(noh_sim_policy policy)
{
    int wins[2] = {0, 0};
    noh_sim *sim;
    CHECK_OK(noh_sim_new(&sim));
    for (unsigned seed = 0; seed < 1000 / FEWER; seed++) {
        int32_t first = -1;
        noh_sim_options options = {.seed = seed, .policy = policy};
        CHECK_OK(noh_sim_run(sim, &options, race, &first, NULL));
        wins[first]++;
    }
    CHECK(wins[0] > 0 && wins[1] > 0);
    noh_sim_free(sim);
}

static void a_race_has_both_outcomes(void)
{
    check_both_win(NOH_SIM_UNIFORM);
    check_both_win(NOH_SIM_PCT);
}

/* ---- what is printed ---------------------------------------------------------------------- */

static void the_last_turns_are_printed(void)
{
    char text[16384];
    noh_sim *sim;
    unsigned workers = 0; /* bit n: noh-n had a turn */
    CHECK_OK(noh_sim_new(&sim));
    for (unsigned seed = 0; seed < 10; seed++) {
        (void)trace_of(sim, seed, NOH_SIM_UNIFORM);
        FILE *to = fmemopen(text, sizeof text, "w");
        CHECK(to != NULL);
        noh_sim_print(sim, to);
        CHECK_EQ(fclose(to), 0);
        CHECK(strstr(text, " hopper<") != NULL);
        CHECK(strstr(text, " token from <") != NULL);
        workers |= strstr(text, "noh-0 ") != NULL ? 1 : 0;
        workers |= strstr(text, "noh-1 ") != NULL ? 2 : 0;
        workers |= strstr(text, "noh-2 ") != NULL ? 4 : 0;
    }
    CHECK_EQ(workers, 7);
    noh_sim_free(sim);
}

static const test_case cases[] = {
    TEST(a_seed_gives_the_same_run_twice), TEST(a_seed_gives_the_same_run_in_another_process),
    TEST(seeds_give_different_runs),       TEST(a_race_has_both_outcomes),
    TEST(the_last_turns_are_printed),
};

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--trace") == 0) {
        printf("%llx\n", (unsigned long long)common_trace());
        return 0;
    }
    ssize_t length = readlink("/proc/self/exe", own_path, sizeof own_path - 1);
    CHECK(length > 0);
    return test_main(cases, sizeof cases / sizeof *cases, argc > 1 ? argv[1] : "");
}
