/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#ifndef NOHI_HTTP_SERVER_H
#define NOHI_HTTP_SERVER_H

#include "asks.h"
#include "head.h"
#include "line.h"

/* A server: the library's daemon, and the actor that runs it and asks for its requests. Everything
 * here belongs to the loop's thread. */
struct noh_http_server {
    /* constant after start */
    noh_loop *loop;
    noh_system *system;
    noh_source *source; /* NULL when it ended */
    noh_http_options options;
    nohi_head_limits limits;
    uint16_t port;
    bool knows_head_size; /* the library counts it as head.c does */
    noh_ref actor;

    struct MHD_Daemon *daemon; /* NULL when the service has ended */
    noh_ref handler;
    nohi_lines lines;
    nohi_asks asks;
    noh_http_header *headers; /* of the head that was read last */
    size_t header_count;
    const nohi_line *headers_of; /* whose, until the library may have moved them */

    /* while the actor is in a handler */
    noh_self *self; /* NULL otherwise */
    int64_t now_ns;

    /* between two passes: see serve.c */
    bool readable;    /* the library's descriptor is */
    bool dirty;       /* an answer waits for the next pass */
    bool again;       /* the library has more to do */
    bool asked;       /* the last run of the library sent a request to the handler */
    bool progress;    /* something happened in it */
    bool stalled;     /* nothing did: the next pass suspends those who wait */
    bool suspending;  /* it is that pass */
    int64_t retry_ns; /* when to look again at a library that has work but does none */
    noh_timer alarm;
    int64_t alarm_ns; /* when it fires; INT64_MAX: not set */

    bool stopping;      /* no new connections, idle ones are closed */
    bool closing;       /* the grace is over: every request gets 503 */
    bool ended;         /* the actor has left */
    int64_t revival_ns; /* when counting began */
    unsigned revivals;
};

/* ---- request.c: what the library calls ----------------------------------------------------- */

/* A daemon for `listener`, which it owns from then on; closed on failure. Errors: NOMEM, OS. */
noh_err nohi_request_start(noh_http_server *server, int listener);
/* Asks the handler again. The line is in phase ASKED. */
void nohi_request_ask(noh_http_server *server, nohi_line *line);
/* Must the connection end with the answer? */
bool nohi_request_is_last(const noh_http_server *server, const nohi_line *line);
/* Gives the line its answer; the next pass sends it. */
void nohi_request_answer(noh_http_server *server, nohi_line *line, nohi_answer answer);
void nohi_request_answer_status(noh_http_server *server, nohi_line *line, unsigned status,
                                bool retry_after);

/* ---- serve.c: the actor -------------------------------------------------------------------- */

/* Spawns the actor of a server whose daemon runs. Errors: those of noh_spawn_with. */
noh_err nohi_serve_start(noh_http_server *server);
/* Ends the service at once: open requests get 503, all connections are closed. */
void nohi_serve_close(noh_http_server *server);
/* Spawns the handler that the server owns. With `self`. Errors: those of noh_spawn_with. */
noh_err nohi_serve_spawn_handler(noh_http_server *server, noh_self *self);
/* How many bytes the client has acknowledged since it connected; 0 when the system does not say. */
size_t nohi_serve_bytes_taken(const nohi_line *line);
/* Spawns it anew if it has ended and may be. In the actor. */
bool nohi_serve_revive_handler(noh_http_server *server);

#endif
