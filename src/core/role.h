/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#ifndef NOHI_ROLE_H
#define NOHI_ROLE_H

#include "actor.h"

/* The behavior an actor was spawned with, whatever role it is in: its hooks count. The owner. */
const noh_behavior *nohi_role_own(nohi_actor *a);

/* What was put aside, if anything, comes back before the queue. The owner. */
void nohi_role_put_back(nohi_actor *a);

/* Gives back what roles take; nothing is put aside any more. */
void nohi_role_done(nohi_worker *w, nohi_actor *a);

/* How many messages are put aside. */
uint32_t nohi_role_stashed(const nohi_actor *a);

/* For circle.h. Is the request of that ask put aside? And the same, taken out, or NULL. */
bool nohi_role_holds(const nohi_actor *a, noh_ref from, uint32_t number);
nohi_message *nohi_role_withdraw(nohi_actor *a, noh_ref from, uint32_t number);

#endif
