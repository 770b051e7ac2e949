/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#ifndef NOHI_WATCHDOG_H
#define NOHI_WATCHDOG_H

#include "park.h"
#include "worker.h"

/* A thread of the system; see watchdog.c. */
typedef struct nohi_watchdog {
    nohi_park park;
    void *thread; /* NULL: there is none */
    int64_t budget_ns;
    atom(uint64_t) reports;
} nohi_watchdog;

/* Starts it, when the options want one and all homes of workers exist. Errors: NOMEM, OS. */
noh_err nohi_watchdog_start(nohi_system *system);
/* Ends it, once `closing` is set; before the workers' threads are joined or detached. */
void nohi_watchdog_end(nohi_system *system);

/* Turns are about to run on a home that had nothing to do; its park word says so (WDG-1). */
void nohi_watchdog_rouse(nohi_system *system);

#endif
