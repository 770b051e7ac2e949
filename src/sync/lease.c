/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#include "lease.h"

void nohi_lease_wait(nohi_lease *lease, const noh_env *env)
{
    while (nohi_lease_token(lease) == NOHI_REVOKED) {
        env->relax(env->world); /* for as long as a barrier and moving some actors take */
    }
}

/* Is the owner in a handler, and does not touch what is at home? Called with the token revoked and
 * after the barrier. */
static bool is_away(nohi_lease *lease, const noh_env *env)
{
    for (int i = 0; i < NOHI_LEASE_SPINS && load_acquire(&lease->turn) != 0; i++) { /* LSE-2 */
        uint64_t sent = load_relaxed(&lease->sent); /* re-checked by ended */
        if (load_acquire(&lease->busy) == 0 && load_acquire(&lease->ended) == sent) { /* LSE-2 */
            return true;
        }
        env->relax(env->world);
    }
    return false;
}

bool nohi_lease_seize(nohi_lease *lease, uint32_t id, const noh_env *env)
{
    uint32_t nobody = 0;
    if (load_relaxed(&lease->turn) == 0 ||         /* a hint */
        !cas_acq_rel(&lease->thief, &nobody, 1)) { /* LSE-2: one thief after the other */
        return false;
    }
    bool away = false;
    if (load_relaxed(&lease->token) == id) { /* written by thieves alone, but for host loops */
        store_seq_cst(&lease->token, NOHI_REVOKED);
        away = env->barrier(env->world) && is_away(lease, env); /* LSE-1 */
        if (!away) {
            store_release(&lease->token, id);
        }
    }
    if (!away) {
        store_release(&lease->thief, 0);
    }
    return away;
}

void nohi_lease_give_back(nohi_lease *lease, uint32_t id)
{
    store_release(&lease->token, id); /* LSE-2: pairs with the owner's look at the token */
    store_release(&lease->thief, 0);
}
