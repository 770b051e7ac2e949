/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#ifndef NOHI_HTTP_HEAD_H
#define NOHI_HTTP_HEAD_H

#include <noh/http.h>

/* What a header counts beyond its bytes: the library's note of it. */
enum { NOHI_HEAD_PER_HEADER = 64 };

typedef struct nohi_head_limits {
    size_t bytes;   /* of the whole head, and NOHI_HEAD_PER_HEADER for each header */
    size_t target;  /* of path and query */
    size_t headers; /* how many */
    size_t body;    /* bytes */
} nohi_head_limits;

/* What was read of a request's head: request line and headers. The texts belong to whoever parsed
 * it. */
typedef struct nohi_head {
    const char *method;
    const char *target; /* path and query */
    size_t target_size; /* of the target as it was sent */
    const char *version;
    noh_http_header *headers; /* room of the caller for `limits.headers` */
    size_t count;             /* of headers seen, also beyond the room */
    size_t size;              /* bytes that these parts had when they were sent, see head.c */
    unsigned hosts;
    unsigned lengths;
    unsigned encodings;
    uint64_t body_size; /* Content-Length */
    bool is_chunked;
    bool is_bad; /* broke a rule already */
} nohi_head;

/* Looks at a target as it was sent: its size, where its query begins (its size without one), and
 * whether it is free of blanks, control characters and encoded NULs. */
typedef struct nohi_target {
    size_t size;
    size_t query_at;
    bool is_good;
} nohi_target;
nohi_target nohi_head_read_target(const char *target);

/* Is it a token of HTTP (a name, a method)? Is it free of control characters? Any thread. */
bool nohi_head_is_token(const char *text, size_t size);
bool nohi_head_is_value(const char *text, size_t size);

/* Starts a head. */
void nohi_head_init(nohi_head *head, const char *method, const char *target, size_t target_size,
                    const char *version, noh_http_header *headers);
/* Adds the next header. `name` and `value` end with a 0. */
void nohi_head_add(nohi_head *head, const nohi_head_limits *limits, const char *name,
                   size_t name_size, const char *value, size_t value_size);
/* 0 if the request may be served, else the status to refuse it with. `size`: of the whole head as
 * it was sent, 0 if unknown. */
unsigned nohi_head_verdict(const nohi_head *head, const nohi_head_limits *limits, size_t size);

#endif
