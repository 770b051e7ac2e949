/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: guards fault, and what is discarded or untouched is known, both on kernels that have guard
 * pages and on those where a guard is a mapping of its own. */
#include "test.h"

#include "old_kernel.h"

/* Would a touch fault? The kernel looks for us. */
static bool faults(const char *at)
{
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    bool failed = write(ends[1], at, 1) < 0;
    close(ends[0]);
    close(ends[1]);
    return failed;
}

static void check_guards(noh_env env)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *start = env.pages_reserve(env.world, 200 * page);
    CHECK(start != NULL);
    CHECK_OK(env.pages_commit(env.world, start, 200 * page));
    CHECK_EQ(env.pages_untouched(env.world, start, 200 * page), 200 * page);
    memset(start, 1, 2 * page);
    CHECK_OK(env.pages_guard(env.world, start, 2 * page));
    CHECK(faults(start) && faults(start + 2 * page - 1) && !faults(start + 2 * page));
    CHECK_OK(env.pages_commit(env.world, start + page, page));
    CHECK(faults(start) && !faults(start + page));
    CHECK_EQ(start[page], 0);
    start[150 * page] = 1;
    CHECK_EQ(env.pages_untouched(env.world, start + 3 * page, 197 * page), 147 * page);
    env.pages_discard(env.world, start + page, 199 * page);
    CHECK_EQ(env.pages_untouched(env.world, start + 3 * page, 197 * page), 197 * page);
    CHECK(faults(start));
    env.pages_release(env.world, start, 200 * page);
}

static void what_is_guarded_faults_until_it_is_committed_again(void)
{
    check_guards(noh_env_default());
}

static void the_same_where_a_guard_is_a_mapping(void)
{
    check_guards(env_without_guard_pages());
}

static const test_case cases[] = {
    TEST(what_is_guarded_faults_until_it_is_committed_again),
    TEST(the_same_where_a_guard_is_a_mapping),
};
TEST_MAIN(cases)
