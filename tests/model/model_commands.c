/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Commands: two threads give a worker a timer command each; its inbox of commands is always armed, so
 * no push announces it (core/worker.c, nohi_worker_give_command, obey_commands, loop and rest,
 * mirrored). The worker's first sleep has a limit, as with a timer. */
#include "explore.h"
#include "hint.h"
#include "inbox.h"
#include "park.h"

enum { GIVERS = 2 };

typedef struct command {
    nohi_letter letter;
    unsigned number;
} command;

typedef struct shared {
    nohi_park park;
    nohi_hint mail;
    nohi_inbox commands;
    command given[GIVERS];
} shared;
#define S MODEL_SHARED(shared)
#define OBEYED MODEL_GHOST(unsigned)

static void setup(void)
{
    store_relaxed(&S->commands.newest, NOHI_INBOX_ARMED);
    MODEL_NAME(S->park);
    MODEL_NAME(S->mail);
    MODEL_NAME(S->commands);
    MODEL_NAME(S->given);
}

static void giver(unsigned thread)
{
    command *c = &S->given[thread];
    c->number = thread;
    MODEL_CHECK(!nohi_inbox_push(&S->commands, &c->letter, &c->letter));
    nohi_hint_raise(&S->mail);
    if (nohi_park_claim(&S->park) == NOHI_DUTY_WAKE) {
        nohi_park_wake(&S->park, &nohi_model_env);
    }
}

static unsigned attend(void)
{
    unsigned count = 0;
    nohi_hint_lower(&S->mail);
    for (nohi_letter *at = nohi_inbox_take(&S->commands); at != NULL; at = at->next, count++) {
        OBEYED[NOHI_CONTAINER(at, command, letter)->number]++;
    }
    return count;
}

static void rest(int64_t timeout_ns)
{
    nohi_park_announce(&S->park);
    if (nohi_inbox_is_still_empty(&S->commands) || MODEL_MUTANT("does not look again")) {
        nohi_park_wait(&S->park, &nohi_model_env, timeout_ns);
    }
    nohi_park_leave(&S->park, &nohi_model_env);
    nohi_hint_raise(&S->mail);
}

static void worker(unsigned thread)
{
    int64_t timeout_ns = 1;
    unsigned count = 0;
    while (count < GIVERS) {
        if (nohi_hint_is_raised(&S->mail)) {
            count += attend();
        } else {
            rest(timeout_ns);
            timeout_ns = -1;
        }
    }
}

static void check(void)
{
    MODEL_CHECK(OBEYED[0] == 1 && OBEYED[1] == 1);
}

static const model_weakened weakened[] = {
    {"nohi_inbox_is_still_empty", "load_seq_cst", NOHI_MODEL_ACQUIRE, RA},
    {"nohi_inbox_push", "cas_weak_seq_cst", NOHI_MODEL_ACQ_REL, RA},
    {"nohi_park_announce", "store_seq_cst", NOHI_MODEL_RELEASE, TSO | RA},
    {NULL, NULL, 0, 0},
};

static const model_mutant mutants[] = {{"does not look again", ALL}, {NULL, 0}};

MODEL(commands, .about = "two commands wake a worker that sleeps, first with a limit",
      .shared_bytes = sizeof(shared), .setup = setup, .check = check,
      .threads = {giver, giver, worker}, .thread_names = {"first", "second", "worker"},
      .weakened = weakened, .mutants = mutants);
