/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#ifndef NOHI_HTTP_ASKS_H
#define NOHI_HTTP_ASKS_H

#include <noh/noh.h>

/* Which connection waits for which answer: future -> line. */
typedef struct nohi_asks {
    struct nohi_ask *table;
    size_t mask;
    unsigned shift;
} nohi_asks;

/* Room for `count_max` at once. Errors: NOMEM. */
noh_err nohi_asks_init(nohi_asks *asks, size_t count_max);
void nohi_asks_done(nohi_asks *asks);
/* Adds a future that is not in it. */
void nohi_asks_put(nohi_asks *asks, noh_future future, void *line);
/* Takes it out: its line, or NULL when it is not in it. */
void *nohi_asks_take(nohi_asks *asks, noh_future future);

#endif
