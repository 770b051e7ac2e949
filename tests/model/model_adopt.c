/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Adopt: a worker takes over an actor of a sleeping one, while a thread wakes that one with a letter
 * (park.h, PRK-2; send.c, adopt; homes.h says what is mirrored). */
#include "homes.h"

static int flow_of(unsigned me)
{
    (void)me;
    return STAY;
}

static bool may_adopt(unsigned me, unsigned home)
{
    return me == 0 && home == 1;
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
    {"nohi_park_lock", "cas_seq_cst", NOHI_MODEL_RELAXED, ALL},
    {"nohi_park_unlock", "cas_seq_cst", NOHI_MODEL_RELAXED, RA},
    {NULL, NULL, 0, 0},
};

static const model_mutant mutants[] = {
    {"adopts without a lock", ALL},
    {"does not wake after the lock", ALL},
    {NULL, 0},
};

MODEL(adopt, .about = "an actor of a sleeping worker is taken over while that one is woken",
      .shared_bytes = sizeof(homes), .setup = setup, .check = check_homes, .ends_asleep = true,
      .threads = {worker_0, worker_1, sender}, .thread_names = {"worker 0", "worker 1", "sender"},
      .weakened = weakened, .mutants = mutants);
