/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#ifndef NOHI_HTTP_LINE_H
#define NOHI_HTTP_LINE_H

#include "answer.h"
#include "head.h"
#include "listen.h"

/* What a connection is at. Each phase has its own time limit. */
typedef enum nohi_phase {
    NOHI_FRESH,   /* accepted: the head of its first request is awaited */
    NOHI_KEPT,    /* answered: the head of the next request */
    NOHI_BODY,    /* head read: the body */
    NOHI_ASKED,   /* request whole: the handler's answer */
    NOHI_SENDING, /* answered: the client reads */
    NOHI_PHASES
} nohi_phase;

/* Memory that grows. */
typedef struct nohi_room {
    char *data;
    size_t size;
    size_t capacity;
} nohi_room;

/* One connection with the request it is at. */
typedef struct nohi_line {
    struct nohi_line *older; /* neighbours in the list of its phase */
    struct nohi_line *newer;
    nohi_phase phase;
    int64_t looked_ns;  /* when it entered the phase or its limit was looked at; lists are in this
                           order */
    size_t looked_size; /* bytes that had moved then */
    struct MHD_Connection *connection;
    int fd;
    bool suspended;     /* libmicrohttpd looks away until it is resumed */
    bool retried;       /* asked again, of a new handler */
    bool is_chunked;    /* its body is, so this request is the connection's last */
    size_t thrown;      /* bytes of a body beyond the limit, read and thrown away */
    noh_future ask;     /* bits 0: none open */
    nohi_answer answer; /* response NULL: none yet, or handed over */
    size_t answer_room; /* bytes that the head of an answer may have */
    /* texts of the request, in the memory of the connection */
    nohi_target target; /* its text as sent, until the library takes it apart */
    const char *method;
    const char *path;
    const char *version;
    nohi_room query;
    nohi_room body;
    char peer[NOHI_PEER_SIZE];
} nohi_line;

/* All lines: a list for each phase, the one that was looked at longest ago first. */
typedef struct nohi_lines {
    nohi_line *oldest[NOHI_PHASES];
    nohi_line *newest[NOHI_PHASES];
    size_t count;
} nohi_lines;

/* A line in phase FRESH, or NULL without memory. Owned by the list: nohi_line_free. */
nohi_line *nohi_line_new(nohi_lines *lines, struct MHD_Connection *connection, int64_t now_ns);
void nohi_line_free(nohi_lines *lines, nohi_line *line);

/* Goes over to a phase; its time begins. */
void nohi_line_enter(nohi_lines *lines, nohi_line *line, nohi_phase phase, int64_t now_ns);
/* Its limit was looked at, when `size` bytes had moved: its turn comes again after the others of
 * its phase. */
void nohi_line_looked(nohi_lines *lines, nohi_line *line, size_t size, int64_t now_ns);
/* Forgets the request, keeps the connection. */
void nohi_line_clear(nohi_line *line);

/* Appends. False without memory. */
bool nohi_room_add(nohi_room *room, const char *data, size_t size);

#endif
