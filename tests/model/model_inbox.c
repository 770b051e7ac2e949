/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Inbox: two senders and an owner that takes, goes idle and is announced again (inbox.h, INB-1 to 3).
 *
 * The owner waits for announcements in a word of its own, as a worker does with its ready stack. It
 * must get each letter once, each sender's in order, one announcement at a time, and read what lies in
 * them without a race. */
#include "explore.h"
#include "inbox.h"

enum { SENDERS = 2, LETTERS = 2 };

typedef struct letter {
    nohi_letter letter;
    unsigned sender;
    unsigned number;
} letter;

typedef struct shared {
    nohi_inbox inbox;
    atom(uint32_t) announced; /* announcements that the owner has not attended yet */
    letter letters[SENDERS][LETTERS];
} shared;
#define S MODEL_SHARED(shared)

typedef struct ghost {
    unsigned announcements; /* sent and not attended */
    bool attending;
    unsigned taken[SENDERS];
} ghost;
#define G MODEL_GHOST(ghost)

static void setup(void)
{
    MODEL_NAME(S->inbox);
    MODEL_NAME(S->announced);
    for (unsigned s = 0; s < SENDERS; s++) {
        MODEL_NAME(S->letters[s][0]);
        MODEL_NAME(S->letters[s][1]);
    }
}

static void announce(void)
{
    MODEL_CHECK(!G->attending && G->announcements++ == 0); /* INB-1 */
    (void)or_release(&S->announced, 1);
}

static void sender(unsigned thread)
{
    for (unsigned i = 0; i < LETTERS; i++) {
        letter *l = &S->letters[thread][i];
        l->sender = thread;
        l->number = i;
        bool first = nohi_inbox_push(&S->inbox, &l->letter, &l->letter);
        if (MODEL_MUTANT("does not announce") && thread == 0) {
            continue;
        }
        if (first) {
            announce();
        }
    }
}

static void chain_sender(unsigned thread)
{
    for (unsigned i = 0; i < LETTERS; i++) {
        S->letters[thread][i].sender = thread;
        S->letters[thread][i].number = i;
        S->letters[thread][i].letter.next = i == 0 ? NULL : &S->letters[thread][i - 1].letter;
    }
    if (nohi_inbox_push(&S->inbox, &S->letters[thread][1].letter, &S->letters[thread][0].letter)) {
        announce();
    }
}

static unsigned read_letters(void)
{
    unsigned count = 0;
    nohi_letter *at = nohi_inbox_take(&S->inbox);
    while (at != NULL) {
        const letter *l = NOHI_CONTAINER(at, letter, letter);
        at = at->next;
        MODEL_CHECK(l->number == G->taken[l->sender]); /* INB-2, INB-3 */
        G->taken[l->sender]++;
        count++;
    }
    return count;
}

static void owner(unsigned thread)
{
    unsigned count = 0;
    while (count < SENDERS * LETTERS) {
        if (load_relaxed(&S->announced) == 0) {
            continue; /* a loop of reads comes back to the same state, one of writes does not */
        }
        (void)xchg_acquire(&S->announced, 0);
        G->announcements = 0;
        G->attending = true;
        for (;;) {
            count += read_letters();
            if (MODEL_MUTANT("idle without a last look")) {
                store_relaxed(&S->inbox.newest, NULL);
                break;
            }
            G->attending = false; /* from the moment at which it succeeds */
            if (nohi_inbox_try_idle(&S->inbox)) {
                break;
            }
            G->attending = true;
        }
    }
}

static void check(void)
{
    for (unsigned s = 0; s < SENDERS; s++) {
        MODEL_CHECK(G->taken[s] == LETTERS);
    }
    MODEL_CHECK(load_relaxed(&S->inbox.newest) == NULL && G->announcements == 0);
}

static const model_weakened weakened[] = {
    {"nohi_inbox_push", "cas_weak_seq_cst", NOHI_MODEL_RELAXED, ALL},
    {"nohi_inbox_take", "xchg_acquire", NOHI_MODEL_RELAXED, ALL},
    {NULL, NULL, 0, 0},
};

static const model_mutant mutants[] = {
    {"idle without a last look", ALL},
    {"does not announce", ALL},
    {NULL, 0},
};

MODEL(inbox, .about = "two senders, one owner: exactly one announcement, no letter lost",
      .shared_bytes = sizeof(shared), .setup = setup, .check = check,
      .threads = {sender, chain_sender, owner}, .thread_names = {"sender", "chainer", "owner"},
      .weakened = weakened, .mutants = mutants);
