/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a failure is found, whatever it is; its seed is named, and gives it again. */
#include <noh/noh.h>
#include <noh/testkit.h>

#include "test.h"

NOH_MESSAGE(set_to, (int32_t, value));
NOH_REQUEST(read_it, set_to);

typedef struct cell {
    int32_t value;
} cell;

static noh_err on_set(noh_self *self, cell *me, const set_to *m)
{
    me->value = m->value;
    return NOH_OK;
}

static noh_err on_read(noh_self *self, cell *me, const read_it *m)
{
    return noh_reply(self, set_to, .value = me->value);
}

NOH_BEHAVIOR(cell, NOH_ON(set_to, on_set), NOH_ON(read_it, on_read));

/* Tells what it is told to a cell. */
NOH_MESSAGE(writer_start, (noh_ref, cell));
typedef struct writer {
    noh_ref cell;
} writer;

static noh_err on_start(noh_self *self, writer *me, const writer_start *m)
{
    me->cell = m->cell;
    return NOH_OK;
}

static noh_err on_write(noh_self *self, writer *me, const set_to *m)
{
    return noh_tell(self, me->cell, set_to, .value = m->value);
}

NOH_BEHAVIOR_WITH(writer, writer_start, on_start, NOH_ON(set_to, on_write));

/* How the program ends when the second writer was not the last. */
typedef enum ending { FINE, BY_ERROR, BY_ABORT, BY_EXIT } ending;

static noh_err write_twice(const noh_env *env, void *arg)
{
    noh_system *system;
    noh_options options = {.env = env, .workers = 2};
    CHECK_OK(noh_system_new(&options, &system));
    noh_self *self = noh_system_self(system);
    noh_ref c = noh_spawn(self, cell);
    set_to last;
    for (int32_t i = 1; i <= 2; i++) {
        CHECK_OK(noh_tell(self, noh_spawn(self, writer, .cell = c), set_to, .value = i));
    }
    CHECK_OK(noh_sleep(self, NOH_SECOND));
    CHECK_OK(noh_call(self, c, read_it, &last));
    ending how = *(ending *)arg;
    if (last.value == 1) {
        if (how == BY_ABORT) {
            abort();
        }
        if (how == BY_EXIT) {
            exit(7);
        }
    }
    CHECK_OK(noh_system_free(system));
    return last.value == 1 && how == BY_ERROR ? NOH_E_FAILED : NOH_OK;
}

static uint64_t first = 1;

static noh_err explore(ending how, uint64_t *ret_seed, char *text, size_t size)
{
    FILE *to = fmemopen(text, size, "w");
    CHECK(to != NULL);
    noh_err err = noh_explore(
        write_twice,
        &(noh_explore_options){
            .first = first, .arg = &how, .to = to, .ret_seed = ret_seed, .rerun = "./it"});
    CHECK_EQ(fclose(to), 0);
    return err;
}

static void check_report(const char *text, uint64_t seed)
{
    char line[100];
    snprintf(line, sizeof line, "seed=%d rerun: NOH_SEED=%d ./it", (int)seed, (int)seed);
    if (strstr(text, line) == NULL) {
        test_failed(__FILE__, __LINE__, "\"%s\" is not in \"%s\"", line, text);
    }
}

static void what_never_fails_passes(void)
{
    char text[4096] = "";
    uint64_t seed = 0;
    CHECK_OK(explore(FINE, &seed, text, sizeof text));
    CHECK_EQ(seed, 0);
    CHECK_TEXT(text, "");
}

static void a_failure_is_found_and_comes_again(void)
{
    char text[16384];
    char number[32];
    uint64_t seed = 0;
    uint64_t again = 0;
    CHECK_ERR(explore(BY_ERROR, &seed, text, sizeof text), NOH_E_FAILED);
    check_report(text, seed);
    snprintf(number, sizeof number, "%d", (int)seed);
    CHECK_EQ(setenv("NOH_SEED", number, 1), 0);
    CHECK_ERR(explore(BY_ERROR, &again, text, sizeof text), NOH_E_FAILED);
    CHECK_EQ(again, seed);
    CHECK_EQ(unsetenv("NOH_SEED"), 0);
}

static void the_end_of_the_process_is_a_failure(void)
{
    char text[4096];
    uint64_t seeds[3];
    CHECK_ERR(explore(BY_ERROR, &seeds[0], text, sizeof text), NOH_E_FAILED);
    CHECK_ERR(explore(BY_ABORT, &seeds[1], text, sizeof text), NOH_E_OS);
    CHECK(strstr(text, "ended by signal 6") != NULL);
    check_report(text, seeds[1]);
    CHECK_ERR(explore(BY_EXIT, &seeds[2], text, sizeof text), NOH_E_OS);
    CHECK(strstr(text, "ended with status 7") != NULL);
    CHECK_EQ(seeds[1], seeds[0]);
    CHECK_EQ(seeds[2], seeds[0]);
}

static void the_number_of_seeds_may_come_from_outside(void)
{
    char text[4096] = "";
    uint64_t seed = 0;
    CHECK_EQ(setenv("NOH_SEEDS", "1", 1), 0);
    while (explore(BY_ERROR, &seed, text, sizeof text) != NOH_OK) {
        first++;
    }
    CHECK_EQ(unsetenv("NOH_SEEDS"), 0);
    CHECK_ERR(explore(BY_ERROR, &seed, text, sizeof text), NOH_E_FAILED); /* a later one */
    CHECK(seed > first);
    first = 1;
    CHECK_ERR(noh_explore(NULL, NULL), NOH_E_INVAL);
}

static const test_case cases[] = {
    TEST(what_never_fails_passes),
    TEST(a_failure_is_found_and_comes_again),
    TEST(the_end_of_the_process_is_a_failure),
    TEST(the_number_of_seeds_may_come_from_outside),
};
TEST_MAIN(cases)
