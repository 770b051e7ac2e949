/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* An HTTP/1.1 server whose requests are answered by actors.
 *
 *     static noh_err on_request(noh_self *self, hello *me, const noh_http_request *request)
 *     {
 *         return noh_reply(self, noh_http_response, .body = noh_http_text("Hello world!\n"));
 *     }
 *     NOH_BEHAVIOR(hello, NOH_ON(noh_http_request, on_request));
 *
 *     noh_http_start(loop, &(noh_http_options){.port = 5000, .behavior = &noh_behavior_hello}, &s);
 *
 * Each request is asked of one actor, the handler, which may answer in its turn, forward it, or
 * take a promise and answer later, on any thread. What the client gets when there is no answer:
 *     500   the handler failed, answered with an error, did not answer, or its answer was no HTTP
 *     503   it has ended, is stopping, its mailbox is full (with Retry-After), or the time is up
 * What it gets without the handler being asked: 400 and the end of the connection for a request
 * whose framing or host two readers could understand differently, 413, 414 and 431 for one beyond a
 * limit, 417 for an unknown Expect, 501 for CONNECT. A request with a chunked body is the last one of
 * its connection, whatever its answer.
 *
 * Not here: TLS, HTTP/2 and WebSocket. Put a proxy in front that speaks them. */
#ifndef NOH_HTTP_H
#define NOH_HTTP_H

#include <noh/net.h>

#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- messages ----------------------------------------------------------------------------- */

NOH_DECLARE_MESSAGE(NOH_API, noh_http_header, (noh_text, name), (noh_text, value));

/* The answer. All zero: 200 without a body.
 *     status         200 to 599; 0 means 200, or 301 when there is a location
 *     content_type   NULL means text/plain
 *     headers        beyond Date, Content-Type, Content-Length and Connection, which the server
 *                    writes; a name or value that is no HTTP makes the answer a 500, as do more
 *                    headers than there is room for, 1.8 to 7 KiB beside those of the request
 *     location       where the client shall look instead; NULL: nowhere */
NOH_DECLARE_MESSAGE(NOH_API, noh_http_response, (int32_t, status), (noh_text, content_type),
                    (noh_bytes, body), (list, struct, noh_http_header, headers),
                    (noh_text, location));

/* What a handler is asked.
 *     method     as it was sent: "GET"; HEAD is asked too, its body is not sent
 *     path       with its % escapes decoded; of "http://host/path" the path; "*" only for OPTIONS
 *     query      what follows the '?', as it was sent; "" when there is none
 *     headers    in their order, values without the blanks before them
 *     body       whole
 *     peer       "127.0.0.1:40404", "[::1]:40404" */
NOH_DECLARE_REQUEST(NOH_API, noh_http_response, noh_http_request, (noh_text, method),
                    (noh_text, path), (noh_text, query), (list, struct, noh_http_header, headers),
                    (noh_bytes, body), (noh_text, peer));

/* The value of the first header of that name, in whatever case, or NULL; borrowed from the request.
 * Any thread. */
NOH_API const char *noh_http_header_value(const noh_http_request *request, const char *name);

/* Text as a body; borrowed. NULL gives no body. */
static inline noh_bytes noh_http_text(const char *text)
{
    noh_bytes bytes;
    bytes.data = text;
    bytes.size = text == NULL ? 0 : strlen(text);
    return bytes;
}

/* ---- server ------------------------------------------------------------------------------- */

typedef struct noh_http_server noh_http_server;

typedef struct noh_http_options {
    size_t size;         /* sizeof(noh_http_options); 0 means this version's */
    const char *address; /* in numbers, not a name; NULL: 127.0.0.1 */
    uint16_t port;       /* 0: a free one, see noh_http_port */
    bool allow_public;   /* without it only loopback addresses are served */

    /* Who answers: an actor of yours, or an actor of `behavior` that the server spawns on its loop,
     * ends with itself, and spawns anew (at most 10 times a second) when it has failed. Behavior
     * and arguments are borrowed until noh_http_free. */
    noh_ref handler;
    const noh_behavior *behavior;
    const void *arguments; /* of the behavior's start type; NULL: all zero */

    /* Limits; 0 means the number in brackets. Bodies may take connections_max x body_max bytes of
     * memory at once, and again as messages: 1 GB and 1 GB with these numbers. */
    size_t body_max;            /* bytes of a body (1 MiB) */
    size_t header_max;          /* bytes of request line and headers together, and 64 for each
                                   header (16 KiB). More costs time: the library clears a
                                   connection's memory, this and 2 KiB for the head of the answer,
                                   after each request */
    size_t request_line_max;    /* bytes of the path with its query (8 KiB) */
    unsigned headers_max;       /* headers of a request (100) */
    unsigned connections_max;   /* open at once; more wait to be accepted (1,000) */
    unsigned per_address_max;   /* of one address; more are closed (half of connections_max and
                                   one; UINT_MAX: no limit, for a server behind a proxy) */
    int64_t request_timeout_ns; /* from the end of a request to its answer (10 s) */
    int64_t header_timeout_ns;  /* from accept to the end of the first request's headers; also how
                                   often a body must have grown by 500 B/s (10 s) */
    int64_t keep_alive_ns;      /* from an answer to the end of the next request's headers (30 s) */
    int64_t stop_grace_ns;      /* what noh_http_stop waits for open requests (1 s) */
} noh_http_options;

/* A server that listens when this returns; it is served whenever the loop runs.
 * The caller owns it: noh_http_free, before the loop is freed.
 * Errors: INVAL (also: both or neither of handler and behavior, an address that is no number or not
 * loopback, a time < 0), GONE (the handler has ended), NOMEM, TAKEN (the port), OS, and those of
 * noh_spawn_with. A log line says why. The loop's thread, outside handlers. */
NOH_API noh_err noh_http_start(noh_loop *loop, const noh_http_options *options,
                               noh_http_server **ret_server);

/* The port it listens on. Any thread. */
NOH_API uint16_t noh_http_port(const noh_http_server *server);

/* Ends the service in order: new connections are refused, idle ones closed, open requests answered;
 * those without an answer after the grace get 503. Runs the loop meanwhile, and returns when all
 * connections are closed, at the latest shortly after the grace. May be called again.
 * Errors: INVAL, CONTEXT (from inside the loop: a handler, a callback). The loop's thread. */
NOH_API noh_err noh_http_stop(noh_http_server *server);

/* noh_http_stop, then gives up the server and the handler it spawned. NULL is allowed. Errors:
 * CONTEXT. The loop's thread. */
NOH_API noh_err noh_http_free(noh_http_server *server);

#ifdef __cplusplus
}
#endif
#endif
