/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: every future finds its line, whatever was taken out before it.
 * Method: random puts and takes against an array; keys with few different bits, so that they
 * collide. */
#include "asks.h"

#include "test.h"

enum { COUNT_MAX = 50, STEPS = 200000 };

static void it_agrees_with_an_array(void)
{
    uint64_t random = test_seed("test_http_asks", 1);
    nohi_asks asks;
    CHECK_OK(nohi_asks_init(&asks, COUNT_MAX));
    uint64_t keys[COUNT_MAX];
    size_t count = 0;
    uint64_t next = 1;
    for (int i = 0; i < STEPS; i++) {
        if (count < COUNT_MAX && test_below(&random, 2) == 0) {
            keys[count] = next;
            nohi_asks_put(&asks, (noh_future){next}, &keys[0] + next % 7);
            count++;
            next += (uint64_t)1 << (40 * test_below(&random, 2)); /* often far apart */
        } else if (count > 0) {
            size_t at = (size_t)test_below(&random, count);
            CHECK(nohi_asks_take(&asks, (noh_future){keys[at]}) == &keys[0] + keys[at] % 7);
            CHECK(nohi_asks_take(&asks, (noh_future){keys[at]}) == NULL);
            keys[at] = keys[--count];
        }
        CHECK(nohi_asks_take(&asks, (noh_future){next}) == NULL);
        CHECK(nohi_asks_take(&asks, (noh_future){0}) == NULL);
    }
    nohi_asks_done(&asks);
}

static void it_holds_one(void)
{
    nohi_asks asks;
    int line;
    CHECK_OK(nohi_asks_init(&asks, 1));
    for (uint64_t bits = 1; bits < 1000; bits++) {
        nohi_asks_put(&asks, (noh_future){bits}, &line);
        CHECK(nohi_asks_take(&asks, (noh_future){bits}) == &line);
    }
    nohi_asks_done(&asks);
}

static const test_case cases[] = {
    TEST(it_agrees_with_an_array),
    TEST(it_holds_one),
};
TEST_MAIN(cases)
