/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Asks: a hash table with open addressing, at most half full, that never grows: a connection waits
 * for one answer at a time, and the number of connections is bounded. */
#include "asks.h"

#include <stdlib.h>

struct nohi_ask {
    uint64_t bits; /* of the future; 0: free */
    void *line;
};

static size_t place_of(const nohi_asks *asks, uint64_t bits)
{
    return (size_t)((bits * UINT64_C(0x9E3779B97F4A7C15)) >> asks->shift);
}

noh_err nohi_asks_init(nohi_asks *asks, size_t count_max)
{
    size_t size = 2;
    unsigned shift = 63;
    while (size < 2 * count_max) {
        size *= 2;
        shift--;
    }
    asks->table = calloc(size, sizeof *asks->table);
    asks->mask = size - 1;
    asks->shift = shift;
    return asks->table == NULL ? NOH_E_NOMEM : NOH_OK;
}

void nohi_asks_done(nohi_asks *asks)
{
    free(asks->table);
    asks->table = NULL;
}

void nohi_asks_put(nohi_asks *asks, noh_future future, void *line)
{
    size_t i = place_of(asks, future.bits);
    while (asks->table[i].bits != 0) {
        i = (i + 1) & asks->mask;
    }
    asks->table[i].bits = future.bits;
    asks->table[i].line = line;
}

void *nohi_asks_take(nohi_asks *asks, noh_future future)
{
    if (future.bits == 0) {
        return NULL;
    }
    size_t hole = place_of(asks, future.bits);
    while (asks->table[hole].bits != future.bits) {
        if (asks->table[hole].bits == 0) {
            return NULL;
        }
        hole = (hole + 1) & asks->mask;
    }
    void *line = asks->table[hole].line;
    /* Move up those behind the hole that were displaced over it, so that none is cut off. */
    for (size_t i = (hole + 1) & asks->mask; asks->table[i].bits != 0; i = (i + 1) & asks->mask) {
        size_t home = place_of(asks, asks->table[i].bits);
        if (((i - home) & asks->mask) >= ((i - hole) & asks->mask)) {
            asks->table[hole] = asks->table[i];
            hole = i;
        }
    }
    asks->table[hole].bits = 0;
    return line;
}
