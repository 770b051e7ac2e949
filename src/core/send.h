/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#ifndef NOHI_SEND_H
#define NOHI_SEND_H

#include "worker.h"

/* The same for a message that counts, to an actor that is at home here and has nothing in its inbox; counts
 * it. False: it is not one of those, and nothing was done. */
bool nohi_send_straight(nohi_worker *w, noh_ref to, nohi_message *message);

/* Puts `message` on its way; `force` ignores the bound (answers and notices are never refused).
 * On an error the caller still owns it. Counts nothing. Errors: GONE, FULL. */
noh_err nohi_send(nohi_worker *w, noh_ref to, nohi_message *message, bool force);

/* Counts it as sent and sends it; on an error it becomes a dead letter. Takes it over. */
noh_err nohi_send_or_bury(nohi_worker *w, noh_ref to, nohi_message *message, bool force);

/* A place in a mailbox with a bound of its own; false: it is full (SND-3). */
bool nohi_send_take_place(nohi_actor *a, nohi_message *message, bool force);

/* May the message in hand leave its turn unhandled? Errors: ANSWERED, CONTEXT. */
noh_err nohi_send_may_part(const noh_self *self);

/* There are some. For the inline function below. */
void nohi_send_push_chain(nohi_worker *w);

/* The same for a worker that is stuck in a handler, by its thief. */
void nohi_send_push_chain_of(nohi_worker *w, nohi_worker *stuck);

/* Pushes the letters held back, if any. */
NOHI_INLINE void nohi_send_flush(nohi_worker *w)
{
    if (NOHI_UNLIKELY(nohi_chain_to(&w->chain) != NULL)) {
        nohi_send_push_chain(w);
    }
}

#endif
