/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Lease, taking in: worker 1 takes over what waits at worker 0, which is in a handler, also what is only
 * announced there; the actor in hand may be announced, too, and is announced again for its owner
 * (worker.c, nohi_worker_take_in; homes.h says what is mirrored). */
#define ACTORS 3
#define LEASES true
#include "homes.h"

static int flow_of(unsigned me)
{
    (void)me;
    return STAY;
}

static bool may_adopt(unsigned me, unsigned home)
{
    (void)me;
    (void)home;
    return false;
}

static bool ends_actor(const letter *l)
{
    (void)l;
    return false;
}

static void setup(void)
{
    setup_homes(0);
    store_relaxed(&S->actors[2].life, LIVE);
    nohi_lease_init(&S->homes[1].lease, 1);
    MODEL_NAME(S->homes[0].lease.token);
    MODEL_NAME(S->homes[0].lease.turn);
    MODEL_NAME(S->homes[0].lease.thief);
    MODEL_NAME(S->actors[2].gate.inbox);
    MODEL_NAME(S->actors[2].gate.home);
    MODEL_NAME(S->actors[2]);
    nohi_send(0, &S->actors[1], 0);
    nohi_send(1, &S->actors[2], 0); /* announced: while the owner runs, it looks at the hint only */
}

static void worker_0(unsigned thread)
{
    (void)run_one(thread);
    loop(thread);
}

static void worker_1(unsigned thread)
{
    seize(thread, 0);
    loop(thread);
}

static void sender(unsigned thread)
{
    nohi_send(thread, &S->actors[1], 0);
}

static void check(void)
{
    for (unsigned t = 0; t < MODEL_THREADS_MAX; t++) {
        MODEL_CHECK(G->handled[t] == G->sent[t]);
    }
}

static const model_mutant mutants[] = {
    {"compares with the turn of now", ALL},
    {"looks at the flags before the end of the turn", ALL},
    {"queues the one in hand", ALL},
    {"drops the one in hand", ALL},
    {NULL, 0},
};

MODEL(lease_take_in, .about = "what is announced to a worker in a handler is taken over",
      .shared_bytes = sizeof(homes), .setup = setup, .check = check, .ends_asleep = true,
      .membarriers = true, .threads = {worker_0, worker_1, sender},
      .thread_names = {"worker 0", "worker 1", "sender"}, .mutants = mutants);
