/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#ifndef NOHI_HTTP_ANSWER_H
#define NOHI_HTTP_ANSWER_H

#include <noh/http.h>

#include <microhttpd.h>

/* A message as libmicrohttpd sends it. The caller owns `response`: MHD_destroy_response. */
typedef struct nohi_answer {
    struct MHD_Response *response;
    unsigned status;
    size_t body_size;
} nohi_answer;

/* Copies `message`. `must_close`: the connection ends after it. `room`: bytes that its head may have.
 * Errors: NOMEM, INVAL (a status or header that is no HTTP), LIMIT (no room). Any thread. */
noh_err nohi_answer_make(const noh_http_response *message, bool must_close, size_t room,
                         nohi_answer *ret_answer);

/* The answer of the server itself: the status and its phrase as text. Errors: NOMEM. Any thread. */
noh_err nohi_answer_make_status(unsigned status, bool must_close, bool retry_after,
                                nohi_answer *ret_answer);

/* The status a client gets when its request was answered with an error. */
unsigned nohi_answer_status_of(noh_err err);

#endif
