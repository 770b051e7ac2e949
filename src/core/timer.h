/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#ifndef NOHI_TIMER_H
#define NOHI_TIMER_H

#include "system.h"

/* Fires what is due on the wheel of `w`. */
void nohi_timer_fire(nohi_worker *w, int64_t now_ns);
/* When to call it next; NOH_FOREVER when the wheel is empty. */
int64_t nohi_timer_next(nohi_worker *w);
/* Commands of other threads. */
void nohi_timer_add_here(nohi_worker *w, uint32_t number);
void nohi_timer_drop_here(nohi_worker *w, uint32_t number);
/* Does that timer, to be dropped, lie on the wheel of `w`, not of a loop that had this home before? */
bool nohi_timer_is_here(nohi_worker *w, uint32_t number);
/* The home it lies on. */
unsigned nohi_timer_home(nohi_worker *w, uint32_t number);
/* A host loop leaves: its timers go to worker 0. Takes `command`, a notice, over. */
void nohi_timer_move_all(nohi_worker *w, nohi_message *command);
/* A tick was handled or lost: the next one may be sent. */
void nohi_timer_tick_done(nohi_worker *w, uint32_t number);
/* Cancels all timers of an actor that ends. */
void nohi_timer_done(nohi_worker *w, nohi_actor *a);
/* Frees all records. */
void nohi_timer_free_all(nohi_system *system);

/* A WAKE with `number` for a handler of `a` that waits. Errors: NOMEM, LIMIT. */
noh_err nohi_timer_wake(nohi_worker *w, nohi_actor *a, int64_t delay_ns, uint32_t number,
                        noh_timer *ret_timer);

/* (Re)arms the idle timer of `a`. Errors: NOMEM. */
noh_err nohi_timer_idle(nohi_worker *w, nohi_actor *a, int64_t delay_ns);

#endif
