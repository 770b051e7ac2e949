/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#include "hostile.h"

#include "atomic.h"

#include <sched.h>
#include <stdlib.h>

enum {
    GAP_BITS = 11,   /* up to 1,024 operations between two disturbances; short gaps come in rows */
    SHORT_WAIT = 64, /* turns of a loop: what another core needs for a few operations */
    LONG_WAIT = 4096,
    SETTLING = 1000, /* operations of ours before the first draw */
};

_Thread_local uint32_t nohi_hostile_left;
static _Thread_local uint64_t chance; /* 0: nothing was drawn yet */
static atom(uint32_t) threads;

static void seed(void)
{
    nohi_hostile_left = SETTLING; /* what comes now shall not come here again */
    const char *text = getenv("NOH_SEED");
    uint64_t number = text == NULL ? 1 : strtoull(text, NULL, 0);
    chance = (number * 4096 + add_relaxed(&threads, 1) + 1) * UINT64_C(0x9e3779b97f4a7c15);
    chance |= 1;
}

void nohi_hostile_begin(uint64_t number)
{
    nohi_hostile_left = SETTLING;
    chance = number | 1;
}

/* xorshift */
static uint32_t draw(void)
{
    if (chance == 0) {
        seed();
    }
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (uint32_t)(chance >> 32);
}

uint32_t nohi_hostile_below(uint32_t limit)
{
    return draw() % limit;
}

static void wait(uint32_t turns)
{
    for (volatile uint32_t i = 0; i < turns; i++) {
    }
}

void nohi_hostile_strike(void)
{
    uint32_t bits = draw();
    switch (bits % 8) {
    case 0:
    case 1:
        sched_yield();
        break;
    case 2:
        wait(bits >> 16 & (LONG_WAIT - 1));
        break;
    default:
        wait(bits >> 16 & (SHORT_WAIT - 1));
        break;
    }
    nohi_hostile_left = draw() & ((UINT32_C(1) << draw() % GAP_BITS) - 1);
}
