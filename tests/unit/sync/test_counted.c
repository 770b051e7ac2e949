/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: the last holder, and nobody else, is told to free the thing, and sees what the others did.
 * Method: counting on one thread; then four threads that hold, write and let go. */
#include "counted.h"
#include "test.h"

#include <pthread.h>

static void the_last_release_says_so(void)
{
    nohi_counted counted;
    nohi_counted_init(&counted, 1);
    CHECK(nohi_counted_release(&counted));
    nohi_counted_init(&counted, 3);
    CHECK(!nohi_counted_release(&counted));
    nohi_counted_hold(&counted);
    CHECK(!nohi_counted_release(&counted));
    CHECK(!nohi_counted_release(&counted));
    CHECK(nohi_counted_release(&counted));
}

enum { HOLDERS = 4, ROUNDS = 3000 };

typedef struct thing {
    nohi_counted counted;
    int written[HOLDERS]; /* not atomic: CNT-1 orders them */
    int freed;
} thing;

static thing things[ROUNDS];

static void *hold_and_release(void *arg)
{
    uintptr_t me = (uintptr_t)arg;
    for (int i = 0; i < ROUNDS; i++) {
        thing *t = &things[i];
        nohi_counted_hold(&t->counted);
        CHECK(!nohi_counted_release(&t->counted));
        t->written[me] = i + 1;
        if (nohi_counted_release(&t->counted)) {
            for (int k = 0; k < HOLDERS; k++) {
                CHECK_EQ(t->written[k], i + 1);
            }
            t->freed++;
        }
    }
    return NULL;
}

static void one_of_several_threads_frees(void)
{
    pthread_t threads[HOLDERS];
    for (int i = 0; i < ROUNDS; i++) {
        nohi_counted_init(&things[i].counted, HOLDERS);
    }
    for (uintptr_t i = 0; i < HOLDERS; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, hold_and_release, (void *)i), 0);
    }
    for (int i = 0; i < HOLDERS; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    for (int i = 0; i < ROUNDS; i++) {
        CHECK_EQ(things[i].freed, 1);
    }
}

static const test_case cases[] = {
    TEST(the_last_release_says_so),
    TEST(one_of_several_threads_frees),
};
TEST_MAIN(cases)
