/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Serve: the actor that runs libmicrohttpd.
 *
 * Purpose     An actor, so that it can ask and be answered; pinned to the loop, so that the
 *             library, which is not thread-safe in this mode, is called from one thread only.
 * Owner       The loop's thread.
 *
 * In a pass the library runs: it reads, parses, calls request.c, writes. A pass comes when the
 * library's descriptor is readable, when an answer has come, when the library says it has more to
 * do, or by the alarm; the loop asks on_source for it when the other actors have nothing to do, so
 * that a batch of requests is answered in the pass after the one that read it:
 *
 *     pass: 40 requests asked -> the handler's turn: 40 answers -> pass: 40 answers queued, then
 *     written, the next requests asked -> ...
 *
 * Invariants  SRV-1  after each pass the library was asked whether it has more to do.
 *             SRV-2  the loop sleeps only when nobody waits who is not suspended: a pass that finds
 *                    nothing to do although the library says so is followed by one that suspends.
 *             SRV-3  a library that still has "more to do" and does nothing, as it does with a
 *                    chunk size line that never ends, is called each SPIN_NS, until the line's time
 *                    is up.
 *             SRV-4  nobody is suspended when the library is stopped: that would abort the process.
 *             SRV-5  the alarm is set whenever a line has a time limit, not later than it. */
#include "server.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* How often a library that says it has work but does none is called. */
#define SPIN_NS (10 * NOH_MS)
/* What a client must send of a body, and take of an answer, at least. */
enum { BYTES_PER_SECOND = 500 };
/* How often the library runs in one pass. */
enum { RUNS_PER_PASS = 4 };
/* The same when it says it has work and nobody sees it do any. Perhaps it reads a long head: when it
 * has less than 8 KiB of memory left for that, it takes 128 bytes in each run. */
enum { RUNS_WHEN_STALLED = 8 * 1024 / 128 };
/* How often a failed handler is spawned anew within a second. */
enum { REVIVALS_MAX = 10 };
/* How many passes the last answers get when the service is closed. */
enum { LAST_PASSES = 4 };

NOH_MESSAGE(nohi_http_serving_start, (noh_box, server));
NOH_MESSAGE(nohi_http_pass);
NOH_MESSAGE(nohi_http_alarm);

typedef struct nohi_http_serving {
    noh_http_server *server;
} nohi_http_serving;

static bool on_source(void *ctx, bool readable);
static void pass(noh_http_server *server);
static bool run_library(noh_http_server *server);
static void keep_limits(noh_http_server *server);
static void look_at(noh_http_server *server, nohi_line *line);
static void cut_slow(noh_http_server *server, nohi_line *line, size_t moved);
static size_t bytes_in(int64_t ns);
static void cut(noh_http_server *server, nohi_line *line);
static void cut_idle(noh_http_server *server);
static void set_alarm(noh_http_server *server);
static int64_t period_of(const noh_http_server *server, nohi_phase phase);

/* ---- the actor ----------------------------------------------------------------------------- */

static noh_err on_start(noh_self *self, nohi_http_serving *me, const nohi_http_serving_start *start)
{
    (void)self;
    me->server = start->server.data;
    return NOH_OK;
}

static noh_err on_pass(noh_self *self, nohi_http_serving *me, const nohi_http_pass *message)
{
    (void)message;
    me->server->self = self;
    pass(me->server);
    me->server->self = NULL;
    return NOH_OK;
}

static noh_err on_alarm(noh_self *self, nohi_http_serving *me, const nohi_http_alarm *message)
{
    (void)message;
    me->server->alarm_ns = INT64_MAX;
    me->server->self = self;
    pass(me->server);
    me->server->self = NULL;
    return NOH_OK;
}

static noh_err on_response(noh_self *self, nohi_http_serving *me, const noh_http_response *response)
{
    noh_http_server *server = me->server;
    nohi_line *line = nohi_asks_take(&server->asks, noh_answered(self));
    if (line == NULL) {
        return NOH_OK; /* somebody told us one, or the request has ended */
    }
    line->ask.bits = 0;
    nohi_answer answer;
    noh_err err =
        nohi_answer_make(response, nohi_request_is_last(server, line), line->answer_room, &answer);
    if (err == NOH_OK) {
        nohi_request_answer(server, line, answer);
        return NOH_OK;
    }
    noh_log(self, NOH_LOG_ERROR, "http: the answer to %s %s %s", line->method, line->path,
            err == NOH_E_INVAL   ? "is no HTTP"
            : err == NOH_E_LIMIT ? "has too large a head"
                                 : "found no memory");
    nohi_request_answer_status(server, line, err == NOH_E_NOMEM ? 503 : 500, false);
    return NOH_OK;
}

static noh_err on_failure(noh_self *self, nohi_http_serving *me, const noh_failure *failure)
{
    noh_http_server *server = me->server;
    nohi_line *line = nohi_asks_take(&server->asks, noh_answered(self));
    if (line == NULL) {
        return NOH_OK;
    }
    line->ask.bits = 0;
    server->self = self;
    server->now_ns = noh_now(server->system);
    if (failure->code == NOH_E_STOPPED && !line->retried && nohi_serve_revive_handler(server)) {
        /* It waited behind the request that the handler failed on, and was not touched. */
        line->retried = true;
        nohi_request_ask(server, line);
    } else {
        nohi_request_answer_status(server, line, nohi_answer_status_of((noh_err)failure->code),
                                   failure->code == NOH_E_FULL);
    }
    server->self = NULL;
    return NOH_OK;
}

/* Somebody stops us, or the system does. */
static noh_err on_stop(noh_self *self, nohi_http_serving *me, const noh_exit *why)
{
    (void)self;
    (void)why;
    nohi_serve_close(me->server);
    me->server->ended = true;
    return NOH_OK;
}

NOH_BEHAVIOR_WITH(nohi_http_serving, nohi_http_serving_start, on_start,
                  NOH_ON(nohi_http_pass, on_pass), NOH_ON(noh_http_response, on_response),
                  NOH_ON(noh_failure, on_failure), NOH_ON(nohi_http_alarm, on_alarm),
                  NOH_ON_STOP(on_stop), NOH_ON_FAILURE(on_stop));

noh_err nohi_serve_start(noh_http_server *server)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    server->retry_ns = INT64_MAX;
    server->alarm_ns = INT64_MAX;
    server->dirty = true; /* the first pass puts the listening socket into the library's epoll */
    noh_err err = noh_source_add(server->loop, info->epoll_fd, on_source, server, &server->source);
    if (err != NOH_OK) {
        return err;
    }
    nohi_http_serving_start start = {.server = {.data = server}};
    noh_spawn_options options = {.pinned = true};
    return noh_spawn_with(noh_loop_self(server->loop), &noh_behavior_nohi_http_serving, &start,
                          &options, &server->actor);
}

static bool on_source(void *ctx, bool readable)
{
    noh_http_server *server = ctx;
    server->readable |= readable;
    if (!server->readable && !server->dirty && !server->again) {
        return false;
    }
    if (noh_tell(noh_loop_self(server->loop), server->actor, nohi_http_pass) == NOH_OK) {
        server->readable = false;
        return true;
    }
    if (noh_is_alive(server->system, server->actor)) {
        return true; /* no memory for the message; later */
    }
    nohi_serve_close(server); /* it was killed, so its hook did not run */
    return false;
}

/* ---- a pass -------------------------------------------------------------------------------- */

static void pass(noh_http_server *server)
{
    if (server->daemon == NULL) {
        return;
    }
    server->now_ns = noh_now(server->system);
    server->suspending = server->stalled;
    server->dirty = false;
    bool has_more = run_library(server);
    if (server->stopping) {
        cut_idle(server);
    }
    keep_limits(server);

    bool spins = has_more && server->suspending && !server->progress;
    server->stalled = has_more && !server->progress;                 /* [SRV-2] */
    server->retry_ns = spins ? server->now_ns + SPIN_NS : INT64_MAX; /* [SRV-3] */
    /* The end of the last connection must not find the loop asleep. */
    bool is_over = server->stopping && server->lines.count == 0;
    server->again = (has_more && !spins) || is_over;
    set_alarm(server);
}

/* Runs it again while it does something that no other actor needs to see first: an answer takes
 * three runs, to be queued, written and forgotten. In a pass that suspends, until it does something.
 * True when it has more to do. */
static bool run_library(noh_http_server *server)
{
    bool has_more = false;
    int runs = server->suspending ? RUNS_WHEN_STALLED : RUNS_PER_PASS;
    for (int i = 0; i < runs; i++) {
        MHD_UNSIGNED_LONG_LONG wait_ms = 0;
        server->asked = false;
        server->progress = false;
        MHD_run(server->daemon);
        has_more =
            MHD_get_timeout(server->daemon, &wait_ms) == MHD_YES && wait_ms == 0; /* [SRV-1] */
        if (!has_more || server->asked || server->progress == server->suspending) {
            break;
        }
    }
    return has_more;
}

/* Looks after those whose time is up. */
static void keep_limits(noh_http_server *server)
{
    for (nohi_phase phase = 0; phase < NOHI_PHASES; phase++) {
        int64_t due_ns = server->now_ns - period_of(server, phase);
        for (;;) {
            nohi_line *line = server->lines.oldest[phase];
            if (line == NULL || line->looked_ns > due_ns) {
                break;
            }
            look_at(server, line);
        }
    }
}

static void look_at(noh_http_server *server, nohi_line *line)
{
    size_t moved = 0; /* bytes so far */
    switch (line->phase) {
    case NOHI_BODY:
        moved = line->body.size + line->thrown;
        cut_slow(server, line, moved);
        break;
    case NOHI_SENDING:
        moved = nohi_serve_bytes_taken(line);
        cut_slow(server, line, moved);
        break;
    case NOHI_ASKED:
        if (line->answer.response == NULL) {
            nohi_request_answer_status(server, line, 503, false);
        }
        break;
    default:
        cut(server, line);
    }
    nohi_line_looked(&server->lines, line, moved, server->now_ns);
}

static void cut_slow(noh_http_server *server, nohi_line *line, size_t moved)
{
    size_t grown = moved > line->looked_size ? moved - line->looked_size : 0;
    if (grown < bytes_in(period_of(server, line->phase))) {
        cut(server, line);
    }
}

/* What must have moved in this time. */
static size_t bytes_in(int64_t ns)
{
    return (size_t)(ns / NOH_MS) * BYTES_PER_SECOND / 1000;
}

/* The library does not tell how much of an answer it wrote, and what it wrote may lie in a buffer of
 * the system. */
size_t nohi_serve_bytes_taken(const nohi_line *line)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(line->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
        return 0;
    }
    return (size_t)info.tcpi_bytes_acked;
}

/* The library sees the end of it in its next run and cleans up. */
static void cut(noh_http_server *server, nohi_line *line)
{
    shutdown(line->fd, SHUT_RDWR);
    server->progress = true;
}

static void cut_idle(noh_http_server *server)
{
    for (nohi_phase phase = NOHI_FRESH; phase <= NOHI_KEPT; phase++) {
        for (nohi_line *line = server->lines.oldest[phase]; line != NULL; line = line->newer) {
            cut(server, line);
        }
    }
}

/* [SRV-5] It may fire too early; then it is set again. Setting it anew for each request would cost
 * more. */
static void set_alarm(noh_http_server *server)
{
    int64_t at_ns = server->retry_ns;
    for (nohi_phase phase = 0; phase < NOHI_PHASES; phase++) {
        const nohi_line *line = server->lines.oldest[phase];
        if (line != NULL && line->looked_ns + period_of(server, phase) < at_ns) {
            at_ns = line->looked_ns + period_of(server, phase);
        }
    }
    if (at_ns >= server->alarm_ns || server->self == NULL) {
        return;
    }
    if (server->alarm_ns != INT64_MAX) {
        noh_timer_cancel(server->self, server->alarm);
    }
    int64_t delay_ns = at_ns > server->now_ns ? at_ns - server->now_ns : 0;
    if (noh_after(server->self, delay_ns, server->actor, nohi_http_alarm, &server->alarm) ==
        NOH_OK) {
        server->alarm_ns = at_ns;
    }
}

static int64_t period_of(const noh_http_server *server, nohi_phase phase)
{
    switch (phase) {
    case NOHI_FRESH:
    case NOHI_BODY:
        return server->options.header_timeout_ns;
    case NOHI_ASKED:
        return server->options.request_timeout_ns;
    default:
        return server->options.keep_alive_ns;
    }
}

/* ---- the end ------------------------------------------------------------------------------- */

void nohi_serve_close(noh_http_server *server)
{
    if (server->daemon == NULL) {
        return;
    }
    server->stopping = true;
    server->closing = true;
    /* [SRV-4] who is asked now gets 503, and nobody is suspended any more */
    server->suspending = false;
    for (nohi_line *line = server->lines.oldest[NOHI_ASKED]; line != NULL; line = line->newer) {
        if (line->answer.response == NULL) {
            nohi_request_answer_status(server, line, 503, false);
        }
    }
    for (int i = 0; i < LAST_PASSES; i++) {
        MHD_run(server->daemon);
    }
    noh_source_remove(server->source);
    server->source = NULL;
    MHD_stop_daemon(server->daemon);
    server->daemon = NULL;
}

/* ---- the handler --------------------------------------------------------------------------- */

noh_err nohi_serve_spawn_handler(noh_http_server *server, noh_self *self)
{
    return noh_spawn_with(self, server->options.behavior, server->options.arguments, NULL,
                          &server->handler);
}

bool nohi_serve_revive_handler(noh_http_server *server)
{
    if (server->options.behavior == NULL || server->stopping) {
        return false;
    }
    if (noh_is_alive(server->system, server->handler)) {
        return true;
    }
    if (server->now_ns - server->revival_ns >= NOH_SECOND) {
        server->revival_ns = server->now_ns;
        server->revivals = 0;
    }
    if (server->revivals >= REVIVALS_MAX) {
        return false;
    }
    server->revivals++;
    return nohi_serve_spawn_handler(server, server->self) == NOH_OK;
}
