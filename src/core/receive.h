/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#ifndef NOHI_RECEIVE_H
#define NOHI_RECEIVE_H

#include "worker.h"

/* Runs turns of the actors in the run list until there is none, mail came, or one was sampled. */
void nohi_receive_turns(noh_self *self);
/* The turn of who was called from hand to hand (STR-5). True: the next one is that of a handler whose strand
 * goes on. */
bool nohi_receive_called(noh_self *self);
/* A handler of `a` waits, and its strand was left: ends the turn. */
void nohi_receive_left(nohi_worker *w, nohi_actor *a);
/* One turn of the first of them; there is one, and it has a letter in its queue. */
void nohi_receive_turn(noh_self *self);
/* A letter for a tenant that is no more. Takes it over. */
void nohi_receive_late(nohi_worker *w, nohi_actor *a, nohi_message *message);
/* Letters that lie in a slot where nobody lives any more. */
void nohi_receive_bury(nohi_worker *w, nohi_actor *a);
/* A handler received a message, beside its own, and takes the next one, or is over: answers that with an
 * error if nobody has. */
void nohi_receive_close_received(noh_self *self, noh_err code, const char *text);
/* What the handler has in hand that waits, and will not go on, becomes dead letters. On `w`. */
void nohi_receive_abandon(nohi_worker *w, noh_self *self);
/* Goes on after noh_fail left a turn by longjmp. */
void nohi_receive_after_failure(nohi_worker *w);

/* Is that a letter for a handler that may run while another one of `a` waits? The actor's owner. */
bool nohi_receive_is_reentrant(nohi_actor *a, const nohi_wait *wait, const nohi_message *message);

#endif
