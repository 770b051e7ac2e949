/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Lease: the owner sends straight, while a thief takes over all that wait in its run list (lease.h,
 * LSE-1, LSE-2; leases.h says what is mirrored). To one that waits, or to one that does not. */
#include "leases.h"

static void handler(void)
{
    G->sent++;
    noh_tell_value(&S->actors[nohi_model_choose(2) == 0 ? WAITING : IDLE]);
}

static void setup(void)
{
    setup_leases();
}

static void thief(unsigned thread)
{
    if (seize(thread, ACTORS)) {
        run_taken(thread);
    }
}

static const model_weakened weakened[] = {
    {"nohi_lease_begin_turn", "store_release", NOHI_MODEL_RELAXED, ALL},
    {"nohi_lease_end_send", "store_release", NOHI_MODEL_RELAXED, ALL},
    {"nohi_lease_token", "load_acquire", NOHI_MODEL_RELAXED, ALL},
    {"nohi_lease_slot_if_away", "load_acquire", NOHI_MODEL_RELAXED, ALL},
    {"nohi_lease_is_sending", "load_acquire", NOHI_MODEL_RELAXED, ALL},
    {"nohi_lease_give_back", "store_release", NOHI_MODEL_RELAXED, ALL},
    {NULL, NULL, 0, 0},
};

static const model_mutant mutants[] = {
    {"no barrier", TSO | RA},
    {"looks at the token before it marks", ALL},
    {"looks at the home before the token", ALL},
    {"does not wait for a send", ALL},
    {"does not look at the token after the turn", ALL},
    {"gives back too early", ALL},
    {NULL, 0},
};

MODEL(lease, .about = "a straight send, while a thief takes over the run list",
      .shared_bytes = sizeof(leases), .setup = setup, .check = check_leases, .membarriers = true,
      .threads = {owner, thief}, .thread_names = {"owner", "thief"}, .weakened = weakened,
      .mutants = mutants);
