/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#include "base.h"
#include "test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static const noh_err all[] = {
#define X(name, number, text) NOH_E_##name,
    NOH_ERR_MAP(X)
#undef X
};

static void every_error_has_its_name_and_sentence(void)
{
    CHECK_TEXT(noh_err_name(NOH_OK), "NOH_OK");
    CHECK_TEXT(noh_err_name(NOH_E_GONE), "NOH_E_GONE");
    CHECK_TEXT(noh_err_text(NOH_E_GONE), "the actor has ended or never was");
    CHECK_TEXT(noh_err_name(NOH_E_OS), "NOH_E_OS");
    for (size_t i = 0; i < NOHI_COUNT(all); i++) {
        CHECK(strncmp(noh_err_name(all[i]), "NOH_E_", 6) == 0);
        CHECK(strcmp(noh_err_name(all[i]), "NOH_E_?") != 0);
        CHECK(strlen(noh_err_text(all[i])) > 3);
    }
}

static void numbers_are_negative_and_used_once(void)
{
    for (size_t i = 0; i < NOHI_COUNT(all); i++) {
        CHECK(all[i] < 0);
        for (size_t k = 0; k < i; k++) {
            CHECK(all[i] != all[k]);
            CHECK(strcmp(noh_err_name(all[i]), noh_err_name(all[k])) != 0);
        }
    }
}

static void a_number_of_nobody_is_a_question_mark(void)
{
    CHECK_TEXT(noh_err_name((noh_err)-9999), "NOH_E_?");
    CHECK_TEXT(noh_err_name((noh_err)1), "NOH_E_?");
    CHECK(strlen(noh_err_text((noh_err)-9999)) > 3);
}

static void a_broken_invariant_prints_its_id_and_aborts(void)
{
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        NOHI_ASSERT(ABC_1, 1 + 1 == 3);
        _exit(0);
    }
    close(ends[1]);
    char text[512] = "";
    size_t size = 0;
    for (ssize_t got = 1; got > 0 && size < sizeof text - 1; size += (size_t)got) {
        got = read(ends[0], text + size, sizeof text - 1 - size);
        CHECK(got >= 0);
    }
    close(ends[0]);
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGABRT);
    CHECK(strstr(text, "ABC_1") != NULL);
    CHECK(strstr(text, "1 + 1 == 3") != NULL);
    CHECK(strstr(text, "test_err.c") != NULL);
}

static const test_case cases[] = {
    TEST(every_error_has_its_name_and_sentence),
    TEST(numbers_are_negative_and_used_once),
    TEST(a_number_of_nobody_is_a_question_mark),
    TEST(a_broken_invariant_prints_its_id_and_aborts),
};
TEST_MAIN(cases)
