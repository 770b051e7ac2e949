/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Server: its start and its end.
 *
 * Purpose     Fills in the limits, opens the socket, starts library, actor and handler, and takes
 *             them down again in the order in which nothing is lost: first nobody new comes, then
 *             those who are there get their answers, then the library stops.
 * Owner       The loop's thread, outside handlers. */
#include "server.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Time limits beyond this count as this: nobody waits longer, and sums do not overflow. */
#define LIMIT_NS (INT64_C(366) * 24 * 3600 * NOH_SECOND)
/* The same for heads. */
#define HEAD_BYTES ((size_t)1 << 30)

static noh_err check(noh_self *self, const noh_http_options *o);
static void fill_in(noh_http_options *options, const noh_http_options *given);
static noh_err start(noh_http_server *server);
static void done(noh_http_server *server);

noh_err noh_http_start(noh_loop *loop, const noh_http_options *options,
                       noh_http_server **ret_server)
{
    if (loop == NULL || options == NULL || ret_server == NULL) {
        return NOH_E_INVAL;
    }
    noh_http_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        return NOH_E_NOMEM;
    }
    server->loop = loop;
    server->system = noh_self_system(noh_loop_self(loop));
    fill_in(&server->options, options);
    noh_err err = check(noh_loop_self(loop), &server->options);
    if (err == NOH_OK) {
        err = start(server);
    }
    if (err != NOH_OK) {
        done(server);
        return err;
    }
    *ret_server = server;
    return NOH_OK;
}

uint16_t noh_http_port(const noh_http_server *server)
{
    return server == NULL ? 0 : server->port;
}

noh_err noh_http_stop(noh_http_server *server)
{
    if (server == NULL) {
        return NOH_E_INVAL;
    }
    noh_err err = noh_loop_turn(server->loop, 0); /* or we are inside the loop */
    if (err != NOH_OK || server->daemon == NULL) {
        return err;
    }
    if (!server->stopping) {
        server->stopping = true;
        close(MHD_quiesce_daemon(server->daemon));
    }
    server->dirty = true; /* the next pass closes the idle ones */
    int64_t end_ns = noh_now(server->system) + server->options.stop_grace_ns;
    while (server->daemon != NULL) {
        int64_t left_ns = end_ns - noh_now(server->system);
        if (server->lines.count == 0 || left_ns <= 0) {
            nohi_serve_close(server);
        } else {
            noh_loop_turn(server->loop, left_ns);
        }
    }
    return NOH_OK;
}

noh_err noh_http_free(noh_http_server *server)
{
    if (server == NULL) {
        return NOH_OK;
    }
    noh_err err = noh_http_stop(server);
    if (err == NOH_OK) {
        done(server);
    }
    return err;
}

/* Accepts a half-started server. */
static void done(noh_http_server *server)
{
    noh_self *self = noh_loop_self(server->loop);
    nohi_serve_close(server);
    if (!noh_ref_is_none(server->actor)) {
        while (!server->ended && noh_is_alive(server->system, server->actor)) {
            /* A drain: a pass that it was told before the service ended is no dead letter. Again
             * when there was no memory for it. */
            noh_stop(self, server->actor, NOH_STOP_DRAIN);
            noh_loop_turn(server->loop, 0); /* it lives on this loop */
        }
    }
    if (server->options.behavior != NULL && !noh_ref_is_none(server->handler)) {
        noh_stop(self, server->handler, NOH_STOP_DRAIN);
    }
    nohi_asks_done(&server->asks);
    free(server->headers);
    free(server);
}

static noh_err start(noh_http_server *server)
{
    noh_self *self = noh_loop_self(server->loop);
    noh_http_options *o = &server->options;
    server->limits = (nohi_head_limits){.bytes = o->header_max,
                                        .target = o->request_line_max,
                                        .headers = o->headers_max,
                                        .body = o->body_max};
    server->knows_head_size = strncmp(MHD_get_version(), "0.9.", 4) == 0;
    server->headers = calloc(o->headers_max, sizeof *server->headers);
    noh_err err = nohi_asks_init(&server->asks, o->connections_max);
    if (err != NOH_OK || server->headers == NULL) {
        return NOH_E_NOMEM;
    }
    server->handler = o->handler;
    if (o->behavior != NULL) {
        err = nohi_serve_spawn_handler(server, self);
    }
    int listener = -1;
    if (err == NOH_OK) {
        err =
            nohi_http_listen(self, o->address, o->port, o->allow_public, &listener, &server->port);
    }
    if (err == NOH_OK) {
        err = nohi_request_start(server, listener);
    }
    if (err == NOH_OK) {
        err = nohi_serve_start(server);
    }
    return err;
}

static noh_err check(noh_self *self, const noh_http_options *o)
{
    if (noh_ref_is_none(o->handler) == (o->behavior == NULL)) {
        noh_log(self, NOH_LOG_ERROR, "http: a server needs a handler or a behavior, and not both");
        return NOH_E_INVAL;
    }
    if (o->request_timeout_ns < 0 || o->header_timeout_ns < 0 || o->keep_alive_ns < 0 ||
        o->stop_grace_ns < 0) {
        noh_log(self, NOH_LOG_ERROR, "http: a time is negative");
        return NOH_E_INVAL;
    }
    if (o->behavior == NULL && !noh_is_alive(noh_self_system(self), o->handler)) {
        noh_log(self, NOH_LOG_ERROR, "http: the handler has ended");
        return NOH_E_GONE;
    }
    return NOH_OK;
}

static void default_size(size_t *size, size_t value)
{
    if (*size == 0) {
        *size = value;
    }
}

static void default_count(unsigned *count, unsigned value)
{
    if (*count == 0) {
        *count = value;
    }
}

static void default_time(int64_t *time_ns, int64_t value_ns)
{
    if (*time_ns == 0) {
        *time_ns = value_ns;
    }
    if (*time_ns > LIMIT_NS) {
        *time_ns = LIMIT_NS;
    }
}

static void fill_in(noh_http_options *o, const noh_http_options *given)
{
    size_t size = given->size == 0 || given->size > sizeof *given ? sizeof *given : given->size;
    memcpy(o, given, size);
    if (o->address == NULL) {
        o->address = "127.0.0.1";
    }
    default_size(&o->body_max, 1024 * 1024);
    default_size(&o->header_max, 16 * 1024);
    o->header_max = o->header_max < HEAD_BYTES ? o->header_max : HEAD_BYTES;
    default_size(&o->request_line_max, 8 * 1024);
    default_count(&o->headers_max, 100);
    default_count(&o->connections_max, 1000);
    default_count(&o->per_address_max, o->connections_max / 2 + 1);
    default_time(&o->request_timeout_ns, 10 * NOH_SECOND);
    default_time(&o->header_timeout_ns, 10 * NOH_SECOND);
    default_time(&o->keep_alive_ns, 30 * NOH_SECOND);
    default_time(&o->stop_grace_ns, NOH_SECOND);
}
