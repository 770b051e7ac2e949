/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#include "lease.h"

void nohi_lease_wait(nohi_lease *lease, const noh_env *env)
{
    while (nohi_lease_token(lease) == NOHI_REVOKED) {
        env->relax(env->world); /* for as long as a barrier and moving some actors take */
    }
}

static bool nohi_lease_is_busy(nohi_lease *lease)
{
    return load_acquire(&lease->busy) != 0; /* LSE-2 */
}

static bool nohi_lease_is_sending(nohi_lease *lease)
{
    uint64_t sent = load_relaxed(&lease->sent); /* re-checked by ended */
    return load_acquire(&lease->ended) != sent; /* LSE-2 */
}

/* The slot in whose handler the owner is, if it does not touch what is at home, or 0. Called with
 * the token revoked and after the barrier. */
static uint32_t nohi_lease_slot_if_away(nohi_lease *lease, const noh_env *env)
{
    for (int i = 0; i < NOHI_LEASE_SPINS; i++) {
        uint32_t slot = load_acquire(&lease->turn); /* LSE-2 */
        if (slot == 0 || (!nohi_lease_is_busy(lease) && !nohi_lease_is_sending(lease))) {
            return slot;
        }
        env->relax(env->world);
    }
    return 0;
}

static void nohi_lease_let_go(nohi_lease *lease)
{
    store_release(&lease->thief, 0); /* LSE-2: pairs with the next thief's cas */
}

uint32_t nohi_lease_seize(nohi_lease *lease, uint32_t id, const noh_env *env)
{
    uint32_t nobody = 0;
    if (load_relaxed(&lease->turn) == 0 ||         /* a hint */
        !cas_acq_rel(&lease->thief, &nobody, 1)) { /* LSE-2: one thief after the other */
        return 0;
    }
    if (load_relaxed(&lease->token) != id) { /* written by thieves alone, but for host loops */
        nohi_lease_let_go(lease);
        return 0;
    }
    store_seq_cst(&lease->token, NOHI_REVOKED);
    uint32_t slot = env->barrier(env->world) ? nohi_lease_slot_if_away(lease, env) : 0; /* LSE-1 */
    if (slot == 0) {
        nohi_lease_give_back(lease, id);
    }
    return slot;
}

void nohi_lease_give_back(nohi_lease *lease, uint32_t id)
{
    store_release(&lease->token, id); /* LSE-2: pairs with the owner's look at the token */
    nohi_lease_let_go(lease);
}
