/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#include "slots.h"

enum {
    FEWEST = 1024,
    COMMIT_SLOTS = NOHI_LIMIT(512, 32), /* 64 KiB at a time: a page fault per 32 slots is dearer
                                           than the call; a page is the least there is */
};

static noh_err commit_up_to(nohi_slots *slots, uint32_t end);

static size_t reserved_bytes(const nohi_slots *slots)
{
    return nohi_align_up(slots->count, COMMIT_SLOTS) * NOHI_SLOT_BYTES;
}

noh_err nohi_slots_init(nohi_slots *slots, const noh_env *env, uint32_t wanted)
{
    *slots = (nohi_slots){.env = env};
    if (wanted > NOHI_INDEX_MASK) {
        wanted = NOHI_INDEX_MASK;
    }
    slots->count = wanted + 1;
    for (;;) {
        slots->base = env->pages_reserve(env->world, reserved_bytes(slots));
        if (slots->base != NULL) {
            break;
        }
        if (slots->count <= FEWEST) {
            return NOH_E_NOMEM;
        }
        slots->count = slots->count / 2 > FEWEST ? slots->count / 2 : FEWEST;
    }
    slots->first_generation = (uint32_t)env->random(env->world) & NOHI_GENERATION_MASK;
    pthread_mutex_init(&slots->lock, NULL);
    noh_err err = commit_up_to(slots, 1);
    if (err != NOH_OK) {
        nohi_slots_done(slots);
        return err;
    }
    nohi_gate *nobody = nohi_slots_at(slots, 0);
    store_relaxed(&nobody->home, NOHI_DEPOT); /* SLT-2; private */
    store_relaxed(&slots->limit, 1);
    return NOH_OK;
}

void nohi_slots_done(nohi_slots *slots)
{
    if (slots->base != NULL) {
        slots->env->pages_release(slots->env->world, slots->base, reserved_bytes(slots));
        pthread_mutex_destroy(&slots->lock);
        slots->base = NULL;
    }
}

static noh_err commit_up_to(nohi_slots *slots, uint32_t end)
{
    while (slots->committed < end) {
        noh_err err =
            slots->env->pages_commit(slots->env->world, nohi_slots_at(slots, slots->committed),
                                     (size_t)COMMIT_SLOTS * NOHI_SLOT_BYTES);
        if (err != NOH_OK) {
            return err;
        }
        slots->committed += COMMIT_SLOTS;
    }
    return NOH_OK;
}

noh_err nohi_slots_carve(nohi_slots *slots, uint32_t count, unsigned home, uint32_t *ret_first)
{
    pthread_mutex_lock(&slots->lock);
    uint32_t first = load_relaxed(&slots->limit); /* private: written under the lock */
    noh_err err = count > slots->count - first ? NOH_E_LIMIT : commit_up_to(slots, first + count);
    if (err == NOH_OK) {
        for (uint32_t i = 0; i < count; i++) {
            nohi_gate *gate = nohi_slots_at(slots, first + i);
            store_relaxed(&gate->generation, slots->first_generation); /* published by limit */
            store_relaxed(&gate->home, (uint16_t)home);
        }
        store_release(&slots->limit, first + count); /* SLT-1 */
        *ret_first = first;
    }
    pthread_mutex_unlock(&slots->lock);
    return err;
}
