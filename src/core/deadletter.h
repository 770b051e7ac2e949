/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#ifndef NOHI_DEADLETTER_H
#define NOHI_DEADLETTER_H

#include "worker.h"

/* The single exit for what is not handled: counts it, tells the subscribers, logs it, answers an
 * asker, and frees the message. Takes it over. */
void nohi_dead_letter(nohi_worker *w, noh_ref receiver, nohi_message *message,
                      noh_dead_reason reason);

/* The first three of these, for content that never became a message or stays the caller's. */
void nohi_dead_note(nohi_worker *w, noh_ref sender, noh_ref receiver, const noh_type *type,
                    const void *content, noh_dead_reason reason);

/* The reason for an error of a send. */
noh_dead_reason nohi_dead_reason_of(noh_err err);

#endif
