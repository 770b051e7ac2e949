/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#ifndef NOHI_REPLY_H
#define NOHI_REPLY_H

#include "worker.h"

/* Opens an ask of `a`; its number goes into the request. Errors: NOMEM, LIMIT. */
noh_err nohi_ask_open(nohi_worker *w, nohi_actor *a, uint32_t *ret_number, noh_future *ret_future);
/* Whom the answer to an open ask is expected from, and to what; a NULL type: its end. False: to no one. */
bool nohi_ask_target(nohi_actor *a, uint32_t number, noh_ref *ret_to, const noh_type **ret_type);
/* `from` has passed its request on. */
void nohi_ask_passed_on(nohi_actor *a, uint32_t number, noh_ref from, noh_ref to);
/* Has `a` promised to answer that ask? Any at all? */
bool nohi_promise_holds(nohi_actor *a, noh_ref from, uint32_t number);
bool nohi_promise_any(const nohi_actor *a);
/* Closes an ask whose request was never sent. */
void nohi_ask_abandon(nohi_actor *a, uint32_t number);

/* An answer has arrived at `a`. For a plain thread it is kept until awaited: false. For an actor:
 * true, and `*ret_future` says which ask it answers, for the handler; or it was late, is buried, and
 * `*message` is NULL. */
bool nohi_ask_arrived(nohi_worker *w, nohi_actor *a, nohi_message **message,
                      noh_future *ret_future);

/* Did its asker give up the ask that this answers? */
bool nohi_ask_is_given_up(const nohi_actor *a, const nohi_message *answer);

/* Answers `request` with an error, in the name of `from`. Takes it over; never fails. */
void nohi_reply_error(nohi_worker *w, nohi_message *request, noh_ref from, noh_err code,
                      const char *text);

/* At the end of an actor: unanswered promises, kept answers. How many asks are open? */
uint32_t nohi_ask_done(nohi_worker *w, nohi_actor *a);
void nohi_promise_done(nohi_worker *w, nohi_actor *a);

/* May an answer be of that type, and that content, where `declared` (or NULL) is? Errors: INVAL, WRONG_TYPE. */
noh_err nohi_answer_check(const noh_type *declared, const noh_type *type, const void *content);

NOHI_INLINE nohi_message_kind nohi_answer_kind(const noh_type *type)
{
    return type == &noh_type_noh_failure ? NOHI_ERROR : NOHI_ANSWER;
}

/* ANSWER, ERROR and EXITED come back with the number of an ask. */
NOHI_INLINE bool nohi_message_is_answer(const nohi_message *message)
{
    return message->kind == NOHI_ANSWER || message->kind == NOHI_ERROR ||
           message->kind == NOHI_EXITED;
}

#endif
