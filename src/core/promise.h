/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#ifndef NOHI_PROMISE_H
#define NOHI_PROMISE_H

#include "worker.h"

/* Keeps a promise that noh_future_open gave. Errors: those of noh_promise_keep. With self. */
noh_err nohi_promise_set(noh_self *self, const noh_promise *promise, const noh_type *type,
                         const void *content);
/* The future of that entry is given up, or ends. False: it was kept, and the answer is on its way. */
bool nohi_promise_withdraw(noh_system *system, uint32_t place, noh_ref owner, uint32_t number);
/* At the end of a system. */
void nohi_promise_free_all(noh_system *system);

#endif
