/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Hint: a busy worker that never sleeps does not miss mail for ever (hint.h, HNT-1; stack.h).
 *
 * Two publishers push a node and raise the hint, the second one only when the stack was empty, as
 * core/worker.c does. A missed node leaves the worker without an end: "stuck". */
#include "explore.h"
#include "hint.h"
#include "stack.h"

enum { PUBLISHERS = 2 };

typedef struct node {
    uint32_t next;
    unsigned value;
} node;

typedef struct shared {
    nohi_hint mail;
    nohi_stack ready;
    nohi_stack handed;
    node nodes[PUBLISHERS + 1];
} shared;
#define S MODEL_SHARED(shared)
#define TAKEN MODEL_GHOST(unsigned)

static void setup(void)
{
    MODEL_NAME(S->mail);
    MODEL_NAME(S->ready);
    MODEL_NAME(S->handed);
    MODEL_NAME(S->nodes);
}

static void publisher(unsigned thread)
{
    uint32_t index = thread + 1;
    S->nodes[index].value = index;
    if (MODEL_MUTANT("raises before it pushes")) {
        nohi_hint_raise(&S->mail);
        (void)nohi_stack_push(&S->ready, index, &S->nodes[index].next);
    } else if (nohi_stack_push(&S->ready, index, &S->nodes[index].next)) {
        nohi_hint_raise(&S->mail);
    }
}

/* Into another stack: the two share the hint. */
static void giver(unsigned thread)
{
    uint32_t index = thread + 1;
    S->nodes[index].value = index;
    if (nohi_stack_push(&S->handed, index, &S->nodes[index].next)) {
        nohi_hint_raise(&S->mail);
    }
}

static unsigned take(nohi_stack *stack)
{
    unsigned count = 0;
    for (uint32_t at = nohi_stack_take(stack); at != 0; at = S->nodes[at].next) {
        MODEL_CHECK(S->nodes[at].value == at);
        TAKEN[at]++;
        count++;
    }
    return count;
}

static void worker(unsigned thread)
{
    unsigned count = 0;
    while (count < PUBLISHERS) {
        if (!nohi_hint_is_raised(&S->mail)) {
            continue;
        }
        if (MODEL_MUTANT("takes before it lowers")) {
            count += take(&S->handed) + take(&S->ready);
            nohi_hint_lower(&S->mail);
        } else {
            nohi_hint_lower(&S->mail);
            count += take(&S->handed) + take(&S->ready);
        }
    }
}

static void check(void)
{
    MODEL_CHECK(TAKEN[1] == 1 && TAKEN[2] == 1);
}

static const model_weakened weakened[] = {
    {"nohi_hint_raise", "or_release", NOHI_MODEL_RELAXED, RA},
    {"nohi_hint_lower", "xchg_acquire", NOHI_MODEL_RELAXED, RA},
    {NULL, NULL, 0, 0},
};

static const model_mutant mutants[] = {
    {"raises before it pushes", ALL},
    {"takes before it lowers", ALL},
    {NULL, 0},
};

MODEL(hint, .about = "two publishers and a worker that never sleeps: no mail is missed for ever",
      .shared_bytes = sizeof(shared), .setup = setup, .check = check,
      .threads = {publisher, giver, worker}, .thread_names = {"publisher", "giver", "worker"},
      .weakened = weakened, .mutants = mutants);
