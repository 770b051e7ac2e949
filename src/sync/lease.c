/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#include "lease.h"

void nohi_lease_wait(nohi_lease *lease, const noh_env *env)
{
    while (nohi_lease_token(lease) == NOHI_REVOKED) {
        env->relax(env->world); /* for as long as a barrier and moving some actors take */
    }
}

/* The slot in whose handler the owner is, if it does not touch what is at home, or 0. Called with the token revoked and
 * after the barrier. */
static uint32_t slot_if_away(nohi_lease *lease, const noh_env *env)
{
    for (int i = 0; i < NOHI_LEASE_SPINS; i++) {
        uint32_t slot = load_acquire(&lease->turn); /* LSE-2 */
        uint64_t sent = load_relaxed(&lease->sent); /* re-checked by ended */
        if (slot == 0 ||
            (load_acquire(&lease->busy) == 0 && load_acquire(&lease->ended) == sent)) { /* LSE-2 */
            return slot;
        }
        env->relax(env->world);
    }
    return 0;
}

uint32_t nohi_lease_seize(nohi_lease *lease, uint32_t id, const noh_env *env)
{
    uint32_t nobody = 0;
    if (load_relaxed(&lease->turn) == 0 ||         /* a hint */
        !cas_acq_rel(&lease->thief, &nobody, 1)) { /* LSE-2: one thief after the other */
        return 0;
    }
    uint32_t slot = 0;
    if (load_relaxed(&lease->token) == id) { /* written by thieves alone, but for host loops */
        store_seq_cst(&lease->token, NOHI_REVOKED);
        slot = env->barrier(env->world) ? slot_if_away(lease, env) : 0; /* LSE-1 */
        if (slot == 0) {
            store_release(&lease->token, id);
        }
    }
    if (slot == 0) {
        store_release(&lease->thief, 0);
    }
    return slot;
}

void nohi_lease_give_back(nohi_lease *lease, uint32_t id)
{
    store_release(&lease->token, id); /* LSE-2: pairs with the owner's look at the token */
    store_release(&lease->thief, 0);
}
