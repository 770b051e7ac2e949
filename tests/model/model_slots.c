/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Slots: two threads carve, one of them also lets tenants in and out, and a third resolves (slots.h,
 * SLT-1, SLT-2, SLT-4). */
#include "explore.h"
#include "slots.h"

enum { HOME = 7, SLOTS_MAX = 3 };

typedef struct shared {
    nohi_slots slots;
} shared;
#define S MODEL_SHARED(shared)

typedef struct ghost {
    unsigned carved[SLOTS_MAX + 1];
    unsigned tenants;
    unsigned refused;
} ghost;
#define G MODEL_GHOST(ghost)

static void setup(void)
{
    MODEL_CHECK(nohi_slots_init(&S->slots, &nohi_model_env, SLOTS_MAX) == NOH_OK);
    S->slots.tenants_max = 1;
    MODEL_NAME(S->slots);
}

static void carver(unsigned thread)
{
    uint32_t first;
    uint32_t count = thread + 1;
    noh_err err = nohi_slots_carve(&S->slots, count, HOME, &first);
    MODEL_CHECK(err == NOH_OK);
    for (uint32_t i = first; i < first + count; i++) {
        MODEL_CHECK(i <= SLOTS_MAX && G->carved[i]++ == 0);
    }
    if (!nohi_slots_admit(&S->slots)) {
        G->refused++;
        return;
    }
    MODEL_CHECK(++G->tenants == 1); /* SLT-4 */
    G->tenants--;
    nohi_slots_leave(&S->slots);
}

static void resolver(unsigned thread)
{
    MODEL_CHECK(!nohi_slots_has(&S->slots, 0)); /* SLT-2 */
    for (uint32_t index = 1; index <= SLOTS_MAX; index++) {
        if (nohi_slots_has(&S->slots, index)) {
            nohi_gate *gate = nohi_slots_at(&S->slots, index);
            MODEL_CHECK(nohi_gate_generation(gate) == 1 && nohi_gate_home(gate) == HOME);
        }
    }
}

static void check(void)
{
    uint32_t first;
    for (unsigned i = 1; i <= SLOTS_MAX; i++) {
        MODEL_CHECK(G->carved[i] == 1);
    }
    MODEL_CHECK(nohi_slots_carve(&S->slots, 1, HOME, &first) == NOH_E_LIMIT);
    MODEL_CHECK(load_relaxed(&S->slots.tenants) == 0 && G->refused < 2);
}

static const model_weakened weakened[] = {
    {"nohi_slots_carve", "store_release", NOHI_MODEL_RELAXED, RA},
    {"nohi_slots_has", "load_acquire", NOHI_MODEL_RELAXED, RA},
    {NULL, NULL, 0, 0},
};

MODEL(slots, .about = "two carve, one resolves; one tenant at a time",
      .shared_bytes = sizeof(shared), .heap_bytes = (SLOTS_MAX + 1) * NOHI_SLOT_BYTES,
      .setup = setup, .check = check, .threads = {carver, carver, resolver},
      .thread_names = {"carver", "twocarver", "resolver"}, .weakened = weakened);
