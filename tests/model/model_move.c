/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Move: an actor flows from worker 1 to worker 0, which sends to it, while a thread sends, too (gate.h,
 * GAT-1; inbox.h; policy.c, rule 4; homes.h says what is mirrored).
 *
 * One runner at a time, each sender's letters in order, also those of worker 0, which first go through
 * the inbox and then are appended at home; nothing is lost. */
#include "homes.h"

static int flow_of(unsigned me)
{
    return me == 1 ? 0 : STAY;
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
}

static void worker_0(unsigned thread)
{
    nohi_send(0, &S->actors[1], 0);
    (void)work(0);
    nohi_send(0, &S->actors[1], 0);
    loop(0);
}

static void worker_1(unsigned thread)
{
    loop(1);
}

static void sender(unsigned thread)
{
    nohi_send(2, &S->actors[1], 0);
}

static const model_weakened weakened[] = {
    {"nohi_gate_move", "store_release", NOHI_MODEL_RELAXED, ALL},
    {"nohi_gate_home", "load_acquire", NOHI_MODEL_RELAXED, ALL},
    {NULL, NULL, 0, 0},
};

static const model_mutant mutants[] = {
    {"runs what it was announced", ALL},
    {"goes idle without SIGNALED", ALL},
    {"writes after the move", ALL},
    {"passes the inbox", ALL},
    {NULL, 0},
};

MODEL(move, .about = "an actor moves between two workers while two send",
      .shared_bytes = sizeof(homes), .setup = setup, .check = check_homes, .ends_asleep = true,
      .threads = {worker_0, worker_1, sender}, .thread_names = {"worker 0", "worker 1", "sender"},
      .weakened = weakened, .mutants = mutants);
