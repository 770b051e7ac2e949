/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Leave: a host loop leaves while a letter comes for its guest, and another loop moves in that does not
 * look for long (park.h, CLOSED and REDIRECT; worker.c, WRK-2; thread.c, nohi_thread_leave and evict;
 * homes.h says what else is mirrored). Worker 0 must get each letter. */
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
    setup_homes(1);
    S->homes[1].is_worker = false;
}

static void worker_0(unsigned thread)
{
    loop(0);
}

static void evict(actor *a, bool queued)
{
    nohi_gate_move(&a->gate, 0);
    if (queued && nohi_stack_push(&S->homes[0].handed, index_of(a), &a->run_next)) {
        nohi_worker_notify(&S->homes[0]);
    }
}

static void nohi_thread_leave(void)
{
    home *w = &S->homes[1];
    actor *a = &S->actors[1];
    nohi_park_leave(&w->park, &nohi_model_env);
    nohi_worker_attend(1);
    bool queued = w->run_first != 0;
    w->run_first = 0;
    evict(a, queued);
    if (!MODEL_MUTANT("does not close")) {
        nohi_park_close(&w->park);
    }
    if (!MODEL_MUTANT("does not look after it closed")) {
        nohi_worker_notify(w);
    }
}

static void host(unsigned thread)
{
    (void)work(1);
    nohi_park_announce(&S->homes[1].park); /* asleep in a loop of the user */
    nohi_thread_leave();
    nohi_park_open(&S->homes[1].park); /* the next one, which computes for ever */
}

static void sender(unsigned thread)
{
    nohi_send(2, &S->actors[1], 0);
}

static const model_mutant mutants[] = {
    {"does not close", ALL},
    {"does not look after it closed", ALL},
    {"trusts the home it read", ALL},
    {NULL, 0},
};

MODEL(leave, .about = "a host loop leaves, and another moves in, while letters come for its guest",
      .shared_bytes = sizeof(homes), .setup = setup, .check = check_homes, .ends_asleep = true,
      .threads = {worker_0, host, sender}, .thread_names = {"worker 0", "host", "sender"},
      .mutants = mutants);
