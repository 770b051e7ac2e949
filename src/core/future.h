/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#ifndef NOHI_FUTURE_H
#define NOHI_FUTURE_H

#include "ask.h"

/* Can it be taken, or computed, without waiting? */
bool nohi_future_is_here(const nohi_asks *asks, uint32_t number);
/* Waits until a derived one is. Errors: TIMEOUT, and those of waiting. With self. */
noh_err nohi_future_wait(noh_self *self, uint32_t number, int64_t timeout_ns);
/* Makes the answer of a derived one that is; it is KEPT then. Who calls counts it as sent. */
void nohi_future_compute(noh_self *self, uint32_t number);
/* Gives up a future, and all that it was derived from. */
void nohi_future_drop(nohi_worker *w, nohi_asks *asks, uint32_t number);
/* At the end of an actor: the description of a derived one. */
void nohi_future_free(nohi_worker *w, nohi_derived *derived);

/* The same as nohi_ask_arrived, for an answer that a derived future waits for. */
bool nohi_future_arrived(nohi_worker *w, nohi_actor *a, nohi_message **message,
                         noh_future *ret_future);

/* What an answer in its queue is to an actor that waits for futures. */
typedef enum nohi_meeting {
    NOHI_STRANGER,
    NOHI_PART,  /* of one that it waits for; others are still to come */
    NOHI_WHOLE, /* with it, one of those is there */
} nohi_meeting;
nohi_meeting nohi_future_meets(nohi_actor *a, const nohi_message *answer, uint32_t *ret_number);
/* Keeps one that was taken out of the queue. */
void nohi_future_keep(nohi_worker *w, nohi_actor *a, nohi_message *answer);
/* If the ask that `wait` is on has been answered: the next one that it needs. */
void nohi_future_aim(nohi_actor *a, nohi_wait *wait);

#endif
