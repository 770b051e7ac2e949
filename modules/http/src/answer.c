/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Answer: from the message of a handler to the response of libmicrohttpd.
 *
 * Purpose     Checks what an actor answered, since it may hold what a client sent: a line break in
 *             a header would let the client write headers of its own.
 * Owner       Whoever makes it. */
#include "answer.h"

#include "head.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Status line, Date, Connection and Content-Length, which libmicrohttpd writes. */
enum { HEAD_FIXED = 192 };

/* A response whose headers are being added. */
typedef struct writing {
    struct MHD_Response *response;
    size_t room; /* for more of them */
} writing;

static noh_err add_headers(writing *w, const noh_http_response *message, unsigned status,
                           bool must_close);
static bool is_ours(const char *name);

noh_err nohi_answer_make(const noh_http_response *message, bool must_close, size_t room,
                         nohi_answer *ret_answer)
{
    unsigned status = (unsigned)message->status;
    if (message->status == 0) {
        status = message->location != NULL ? 301 : 200;
    }
    if (status < 200 || status > 599) {
        return NOH_E_INVAL;
    }
    if (room < HEAD_FIXED) {
        return NOH_E_LIMIT;
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(
        message->body.size, (void *)(uintptr_t)message->body.data, MHD_RESPMEM_MUST_COPY);
    if (response == NULL) {
        return NOH_E_NOMEM;
    }
    writing w = {response, room - HEAD_FIXED};
    noh_err err = add_headers(&w, message, status, must_close);
    if (err != NOH_OK) {
        MHD_destroy_response(response);
        return err;
    }
    *ret_answer = (nohi_answer){response, status, message->body.size};
    return NOH_OK;
}

noh_err nohi_answer_make_status(unsigned status, bool must_close, bool retry_after,
                                nohi_answer *ret_answer)
{
    char text[64];
    const char *phrase = MHD_get_reason_phrase_for(status);
    int size = snprintf(text, sizeof text, "%u %s\n", status, phrase);
    noh_http_response message = {.status = (int32_t)status,
                                 .body = {text, size < 0 ? 0 : (size_t)size}};
    noh_http_header retry = {"Retry-After", "1"};
    if (retry_after) {
        message.headers.items = &retry;
        message.headers.count = 1;
    }
    return nohi_answer_make(&message, must_close, SIZE_MAX, ret_answer);
}

unsigned nohi_answer_status_of(noh_err err)
{
    switch (err) {
    case NOH_E_GONE:
    case NOH_E_FULL:
    case NOH_E_TIMEOUT:
    case NOH_E_STOPPING:
    case NOH_E_STOPPED:
    case NOH_E_NOMEM:
    case NOH_E_LIMIT:
        return 503;
    default:
        return 500;
    }
}

static noh_err add(writing *w, const char *name, const char *value)
{
    if (name == NULL || value == NULL || !nohi_head_is_token(name, strlen(name)) ||
        !nohi_head_is_value(value, strlen(value))) {
        return NOH_E_INVAL;
    }
    if (value[0] == '\0') { /* libmicrohttpd has no empty ones; nobody will miss it */
        return NOH_OK;
    }
    size_t size = strlen(name) + strlen(value) + 4; /* name: value CRLF */
    if (size > w->room) {
        return NOH_E_LIMIT;
    }
    w->room -= size;
    return MHD_add_response_header(w->response, name, value) == MHD_YES ? NOH_OK : NOH_E_NOMEM;
}

static noh_err add_headers(writing *w, const noh_http_response *message, unsigned status,
                           bool must_close)
{
    noh_err err = NOH_OK;
    if (status != 204 && status != 304) {
        err = add(w, "Content-Type",
                  message->content_type != NULL ? message->content_type : "text/plain");
    }
    if (err == NOH_OK && message->location != NULL) {
        err = add(w, "Location", message->location);
    }
    if (err == NOH_OK && must_close) {
        err = add(w, "Connection", "close");
    }
    for (size_t i = 0; err == NOH_OK && i < message->headers.count; i++) {
        const noh_http_header *header = &message->headers.items[i];
        if (header->name == NULL || !is_ours(header->name)) {
            err = add(w, header->name, header->value);
        }
    }
    return err;
}

/* What the server itself knows better. */
static bool is_ours(const char *name)
{
    return strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Transfer-Encoding") == 0 ||
           strcasecmp(name, "Connection") == 0 || strcasecmp(name, "Date") == 0 ||
           strcasecmp(name, "Content-Type") == 0;
}
