/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: letters come out once, in the order of each sender, and exactly one push announces an idle
 * inbox.
 * Method: the states one by one on a single thread; then three senders against an owner that goes
 * idle whenever it can, with every announcement counted. */
#include "inbox.h"
#include "test.h"

#include <pthread.h>
#include <sched.h>

typedef struct letter {
    nohi_letter head;
    int sender;
    int number;
} letter;

static bool push_one(nohi_inbox *inbox, letter *l)
{
    return nohi_inbox_push(inbox, &l->head, &l->head);
}

static void an_idle_inbox_is_announced_by_its_first_push(void)
{
    nohi_inbox inbox = {NULL};
    letter letters[3] = {{{NULL}, 0, 0}, {{NULL}, 0, 1}, {{NULL}, 0, 2}};
    CHECK(nohi_inbox_is_empty(&inbox));
    CHECK(push_one(&inbox, &letters[0]));
    CHECK(!nohi_inbox_is_empty(&inbox));
    CHECK(!push_one(&inbox, &letters[1]));
    CHECK(!push_one(&inbox, &letters[2]));
    nohi_letter *taken = nohi_inbox_take(&inbox);
    for (int i = 0; i < 3; i++) {
        CHECK(taken == &letters[i].head);
        taken = taken->next;
    }
    CHECK(taken == NULL);
}

static void an_armed_inbox_is_not_announced(void)
{
    nohi_inbox inbox = {NULL};
    letter letters[3] = {{{NULL}, 0, 0}, {{NULL}, 0, 1}, {{NULL}, 0, 2}};
    CHECK(push_one(&inbox, &letters[0]));
    CHECK(nohi_inbox_take(&inbox) == &letters[0].head);
    CHECK(nohi_inbox_is_empty(&inbox)); /* armed */
    CHECK(nohi_inbox_take(&inbox) == NULL);
    CHECK(!push_one(&inbox, &letters[1]));
    CHECK(!nohi_inbox_try_idle(&inbox)); /* letters arrived */
    CHECK(nohi_inbox_take(&inbox) == &letters[1].head);
    CHECK(letters[1].head.next == NULL);
    CHECK(nohi_inbox_try_idle(&inbox));
    CHECK(nohi_inbox_is_empty(&inbox));
    CHECK(push_one(&inbox, &letters[2])); /* idle again: announced again */
}

static void chains_come_out_oldest_first(void)
{
    nohi_inbox inbox = {NULL};
    letter letters[7];
    for (int i = 0; i < 7; i++) {
        letters[i] = (letter){{NULL}, 0, i};
    }
    /* 2 <- 1 <- 0, then 3, then 6 <- 5 <- 4: linked from the newest to the oldest */
    letters[2].head.next = &letters[1].head;
    letters[1].head.next = &letters[0].head;
    letters[6].head.next = &letters[5].head;
    letters[5].head.next = &letters[4].head;
    CHECK(nohi_inbox_push(&inbox, &letters[2].head, &letters[0].head));
    CHECK(!push_one(&inbox, &letters[3]));
    CHECK(!nohi_inbox_push(&inbox, &letters[6].head, &letters[4].head));
    nohi_letter *taken = nohi_inbox_take(&inbox);
    for (int i = 0; i < 7; i++) {
        CHECK(taken == &letters[i].head);
        taken = taken->next;
    }
    CHECK(taken == NULL);
}

/* ---- threads ------------------------------------------------------------------------------ */

enum { SENDERS = 3, LETTERS = 20000 };

static letter all[SENDERS][LETTERS];
static nohi_inbox shared;
static atom(uint32_t) announcements; /* made and not yet attended */

/* In chains of 1 to 5. */
static void *send_all(void *arg)
{
    int sender = (int)(intptr_t)arg;
    uint64_t chance = (uint64_t)sender + 7;
    for (int i = 0; i < LETTERS;) {
        int count = 1 + (int)test_below(&chance, 5);
        nohi_letter *newest = NULL;
        letter *oldest = &all[sender][i];
        for (int k = 0; k < count && i < LETTERS; k++, i++) {
            all[sender][i] = (letter){{newest}, sender, i};
            newest = &all[sender][i].head;
        }
        if (nohi_inbox_push(&shared, newest, &oldest->head)) {
            uint32_t before = add_seq_cst(&announcements, 1);
            CHECK_EQ(before, 0); /* INB-1: never two on their way */
        }
    }
    return NULL;
}

static void senders_and_owner_agree_under_load(void)
{
    pthread_t threads[SENDERS];
    int next[SENDERS] = {0};
    int left = SENDERS * LETTERS;
    for (int i = 0; i < SENDERS; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, send_all, (void *)(intptr_t)i), 0);
    }
    while (left > 0) {
        if (load_seq_cst(&announcements) == 0) {
            sched_yield();
            continue;
        }
        store_seq_cst(&announcements, 0); /* ours until try_idle succeeds */
        do {
            nohi_letter *taken = nohi_inbox_take(&shared);
            while (taken != NULL) {
                letter *l = (letter *)taken;
                taken = taken->next;
                CHECK_EQ(l->number, next[l->sender]); /* INB-3, and each once */
                next[l->sender]++;
                left--;
            }
        } while (!nohi_inbox_try_idle(&shared));
    }
    for (int i = 0; i < SENDERS; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
        CHECK_EQ(next[i], LETTERS);
    }
    CHECK_EQ(load_seq_cst(&announcements), 0);
    CHECK(nohi_inbox_is_empty(&shared));
}

static const test_case cases[] = {
    TEST(an_idle_inbox_is_announced_by_its_first_push),
    TEST(an_armed_inbox_is_not_announced),
    TEST(chains_come_out_oldest_first),
    TEST(senders_and_owner_agree_under_load),
};
TEST_MAIN(cases)
