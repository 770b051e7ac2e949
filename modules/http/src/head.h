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

/* What a target asks for. */
typedef enum nohi_target_form {
    NOHI_TARGET_OTHER,
    NOHI_TARGET_PATH,    /* /path?query */
    NOHI_TARGET_WHOLE,   /* http://host/path?query */
    NOHI_TARGET_ASTERISK /* * */
} nohi_target_form;

/* A target as it was sent. The text is borrowed. */
typedef struct nohi_target {
    const char *text;
    size_t size;
    nohi_target_form form;
    size_t path_at;  /* of a whole one: behind its host; else 0 */
    size_t query_at; /* its size without one */
    bool is_good;    /* no blanks, no control characters, no encoded NULs */
} nohi_target;

nohi_target nohi_head_read_target(const char *text);

/* What was read of a request's head: request line and headers. The texts belong to whoever parsed
 * it. */
typedef struct nohi_head {
    const char *method;
    nohi_target target;
    const char *version;
    noh_http_header *headers; /* room of the caller for `limits.headers` */
    size_t count;             /* of headers seen, also beyond the room */
    size_t size;              /* bytes that these parts had when they were sent, see head.c */
    unsigned hosts;
    const char *host; /* the first */
    unsigned lengths;
    unsigned encodings;
    uint64_t body_size; /* Content-Length */
    size_t cookie_size; /* of the first Cookie */
    bool is_chunked;
    bool expects_other; /* than 100-continue */
    bool is_bad;        /* broke a rule already */
} nohi_head;

/* Is it a token of HTTP (a name, a method)? Is it free of control characters? Any thread. */
bool nohi_head_is_token(const char *text, size_t size);
bool nohi_head_is_value(const char *text, size_t size);

/* Starts a head. The target's text may have been decoded since it was read. */
void nohi_head_init(nohi_head *head, const char *method, nohi_target target, const char *version,
                    noh_http_header *headers);
/* Adds the next header. `name` and `value` end with a 0. */
void nohi_head_add(nohi_head *head, const nohi_head_limits *limits, const char *name,
                   size_t name_size, const char *value, size_t value_size);
/* 0 if the request may be served, else the status to refuse it with. `size`: of the whole head as
 * it was sent, 0 if unknown. */
unsigned nohi_head_verdict(const nohi_head *head, const nohi_head_limits *limits, size_t size);

#endif
