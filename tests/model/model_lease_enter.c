/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Lease, entered: the owner sends the other way, and enters once more, while two thieves take over one
 * actor each (lease.h, LSE-1, LSE-2; leases.h says what is mirrored). */
#include "leases.h"

static void handler(void)
{
    G->sent++;
    send_local(&S->actors[WAITING]);
    nohi_lease_enter(&S->lease, &nohi_model_env); /* as spawn does */
    nohi_lease_leave(&S->lease);
}

static void setup(void)
{
    setup_leases();
}

static void thief(unsigned thread)
{
    if (seize(thread, 1)) {
        run_taken(thread);
    }
}

static const model_weakened weakened[] = {
    {"nohi_lease_leave", "store_release", NOHI_MODEL_RELAXED, ALL},
    {"nohi_lease_enter", "store_release", NOHI_MODEL_RELAXED, RA},
    {"nohi_lease_is_busy", "load_acquire", NOHI_MODEL_RELAXED, ALL},
    {"nohi_lease_seize", "cas_acq_rel", NOHI_MODEL_RELEASE, ALL},
    {"nohi_lease_let_go", "store_release", NOHI_MODEL_RELAXED, ALL},
    {NULL, NULL, 0, 0},
};

static const model_mutant mutants[] = {
    {"no barrier", TSO | RA},
    {"does not wait for a send", ALL},
    {"does not look at the token after the turn", ALL},
    {"gives back too early", ALL},
    {NULL, 0},
};

MODEL(lease_enter, .about = "sends at home while two thieves take over actors",
      .shared_bytes = sizeof(leases), .setup = setup, .check = check_leases, .membarriers = true,
      .threads = {owner, thief, thief}, .thread_names = {"owner", "thief", "second thief"},
      .weakened = weakened, .mutants = mutants);
