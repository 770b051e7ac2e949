/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Request: what libmicrohttpd calls while the actor of the server runs it.
 *
 * Purpose     Turns connections into questions to the handler: looks at the head, collects the
 *             body, asks, and hands the answer over when the library comes by again.
 * Owner       The loop's thread, inside a handler of the server's actor (`server->self`), or while
 *             the service is closed.
 * Invariants  REQ-1  a line in phase ASKED has an open ask or an answer, never both, never none.
 *             REQ-2  an answer is queued in the access handler only, the one place where the
 *                    library allows it for a connection that is not suspended.
 *             REQ-3  a request that ends early gives up its ask: a late answer finds no line.
 *             REQ-4  a chunked request is the last one of its connection: the library is lenient
 *                    about chunks (bare LF, whatever an extension or a trailer holds), so a proxy
 *                    may see its end elsewhere, and what follows would be a request that the proxy
 *                    never saw.
 * Why not     suspending each connection when its request is asked: that is two system calls for
 *             the descriptor and two for the library's wake-up, for each request, while an actor of
 *             the same loop answers before the library looks again. The access handler returns
 *             without an answer, the library asks again in the next pass, and the connection is
 *             suspended only if the loop would otherwise spin. */
#include "server.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The library's memory for a connection holds the head of the request, and then also that of the
 * response. It is cleared after each request, which is why it should not be larger than needed:
 * 43 KiB instead of 18 took a tenth of the server's time. */
enum { RESPONSE_HEAD_ROOM = 2 * 1024 };
/* What it leaves of that memory when it makes room to read more, and the step in which it does so
 * for a head that is not whole. */
enum { READ_LEAVES = 7 * 1024, READ_STEP = 128 };
/* A request that waits this long for its answer is suspended, so that the library does not come by
 * at all those who wait whenever it serves another one. */
#define PATIENCE_NS NOH_MS
/* A body up to this size goes to the system in one piece, whether or not the client reads, so that
 * it is not worth a system call to know where it begins. If it does not, the client is given the
 * time limit twice. */
enum { SENT_AT_ONCE = 16 * 1024 };

static void *on_target(void *cls, const char *target, struct MHD_Connection *connection);
static enum MHD_Result on_access(void *cls, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_size, void **request);
static void on_completed(void *cls, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode why);
static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode what);
static size_t room_for_answer(const noh_http_server *server, const nohi_line *line,
                              const nohi_head *head);
static enum MHD_Result on_head(noh_http_server *server, nohi_line *line);
static enum MHD_Result on_body(noh_http_server *server, nohi_line *line, const char *data,
                               size_t *size);
static enum MHD_Result on_whole(noh_http_server *server, nohi_line *line);
static enum MHD_Result on_return(noh_http_server *server, nohi_line *line);
static enum MHD_Result queue(noh_http_server *server, nohi_line *line, nohi_answer answer);
static void give_up_ask(noh_http_server *server, nohi_line *line);

static nohi_line *line_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

noh_err nohi_request_start(noh_http_server *server, int listener)
{
    size_t memory = server->limits.bytes + RESPONSE_HEAD_ROOM;
    /* Not MHD_USE_TURBO: it drops the requests of clients that have closed their side. No time-out
     * of the library: serve.c has stricter ones. Not strict: head.c refuses more than that, and the
     * library would answer a missing Host with the head of its 400 twice, and a blank in the target
     * with nothing. */
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_access, server,
        MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_STRICT_FOR_CLIENT, 0,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory, MHD_OPTION_CONNECTION_LIMIT,
        server->options.connections_max, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        server->options.per_address_max == UINT32_MAX ? 0U : server->options.per_address_max,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_END);
    if (server->daemon == NULL) {
        noh_err err = errno == ENOMEM ? NOH_E_NOMEM : NOH_E_OS;
        close(listener); /* the library does so only after it has started */
        return err;
    }
    return NOH_OK;
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
    noh_http_server *server = cls;
    server->progress = true;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        /* If the limit of connections was reached, the library listens again only in its next run,
         * and does not say that it wants one. */
        server->dirty = true;
        if (*socket_context != NULL) {
            nohi_line_free(&server->lines, *socket_context);
        }
        return;
    }
    int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    nohi_line *line = nohi_line_new(&server->lines, connection, server->now_ns);
    *socket_context = line;
    if (line == NULL || server->stopping) {
        shutdown(fd, SHUT_RDWR);
    }
    if (line != NULL) {
        line->fd = fd;
        nohi_http_peer_print(
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
            line->peer);
    }
}

/* The request line is there, its target as it was sent. The library takes it apart after this. */
static void *on_target(void *cls, const char *target, struct MHD_Connection *connection)
{
    noh_http_server *server = cls;
    nohi_line *line = line_of(connection);
    server->headers_of = NULL;
    if (line == NULL) {
        return NULL;
    }
    line->target = nohi_head_read_target(target);
    const char *query = target + line->target.query_at;
    if (*query == '?') {
        if (line->target.size <= server->limits.target &&
            !nohi_room_add(&line->query, query + 1, strlen(query))) {
            line->target.is_good = false;
        }
        /* The library would now cut the query into arguments, each with a note of 64 bytes, and get
         * stuck when they do not fit. We have it; let it find none. */
        ((char *)(uintptr_t)query)[1] = '\0';
    }
    return line;
}

typedef struct reading {
    const nohi_head_limits *limits;
    nohi_head head;
} reading;

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                 size_t name_size, const char *value, size_t value_size)
{
    reading *r = cls;
    (void)kind;
    nohi_head_add(&r->head, r->limits, name, name_size, value == NULL ? "" : value, value_size);
    return MHD_YES;
}

/* Leaves the headers in `server->headers`; the status to refuse the request with, or 0. */
static unsigned read_head(noh_http_server *server, nohi_line *line)
{
    reading r = {.limits = &server->limits};
    nohi_head_init(&r.head, line->method, line->target, line->version, server->headers);
    MHD_get_connection_values_n(line->connection, MHD_HEADER_KIND, on_header, &r);
    size_t size = 0;
    if (server->knows_head_size) {
        size = MHD_get_connection_info(line->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)
                   ->header_size;
    }
    size_t room = server->limits.headers;
    server->header_count = r.head.count < room ? r.head.count : room;
    server->headers_of = line;
    line->is_chunked = r.head.encodings > 0;
    unsigned status = nohi_head_verdict(&r.head, &server->limits, size);
    line->answer_room = status == 0 ? room_for_answer(server, line, &r.head) : 0;
    return status;
}

/* The library closes the connection when the head of an answer does not find room in its memory,
 * beside that of the request, notes of its headers, a copy of its cookies, and what it has read of
 * the next requests, at first into half of the memory. How much that is it does not tell: here it is
 * the most it can be. */
static size_t room_for_answer(const noh_http_server *server, const nohi_line *line,
                              const nohi_head *head)
{
    size_t memory = server->limits.bytes + RESPONSE_HEAD_ROOM;
    size_t room = memory - head->size - READ_STEP; /* both fit: the verdict said so */
    room = room < memory / 2 ? room : memory / 2;
    room = room < READ_LEAVES ? room : READ_LEAVES;
    size_t cookies = 0;
    if (head->cookie_size > 0) {
        int count = MHD_get_connection_values(line->connection, MHD_COOKIE_KIND, NULL, NULL);
        cookies = head->cookie_size + (size_t)count * NOHI_HEAD_PER_HEADER;
    }
    size_t notes = head->count * NOHI_HEAD_PER_HEADER + cookies + NOHI_HEAD_PER_HEADER;
    return room > notes ? room - notes : 0;
}

/* `url` is the target without its query, decoded; its host has no escapes, so that the path still
 * stands where it stood. */
static const char *path_of(const nohi_target *target, const char *url)
{
    return url[target->path_at] == '\0' ? "/" : url + target->path_at;
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_size, void **request)
{
    noh_http_server *server = cls;
    nohi_line *line = *request;
    (void)connection;
    if (line == NULL) { /* there was no memory for it */
        return MHD_NO;
    }
    switch (line->phase) {
    case NOHI_FRESH:
    case NOHI_KEPT:
        line->method = method;
        line->path = path_of(&line->target, url);
        line->version = version;
        return on_head(server, line);
    case NOHI_BODY:
        return *upload_size > 0 ? on_body(server, line, upload, upload_size)
                                : on_whole(server, line);
    case NOHI_ASKED:
        return on_return(server, line);
    default:
        return MHD_YES;
    }
}

/* The head is there, the body is not. A refusal ends the connection, since nobody will read what
 * follows. */
static enum MHD_Result on_head(noh_http_server *server, nohi_line *line)
{
    nohi_line_enter(&server->lines, line, NOHI_BODY, server->now_ns);
    server->progress = true;
    unsigned status = read_head(server, line);
    if (status == 0) {
        return MHD_YES;
    }
    nohi_answer answer;
    if (nohi_answer_make_status(status, true, false, &answer) != NOH_OK) {
        return MHD_NO;
    }
    return queue(server, line, answer);
}

static enum MHD_Result on_body(noh_http_server *server, nohi_line *line, const char *data,
                               size_t *size)
{
    size_t limit = server->limits.body;
    server->progress = true;
    server->headers_of = NULL;
    if (line->thrown > 0 || *size > limit - line->body.size) {
        /* A body of unknown length; else it had been refused before. The answer must wait for its
         * end, so the rest is read and thrown away, but not for ever. */
        line->thrown += *size;
        *size = 0;
        return line->thrown <= limit ? MHD_YES : MHD_NO;
    }
    if (!nohi_room_add(&line->body, data, *size)) {
        return MHD_NO;
    }
    *size = 0;
    return MHD_YES;
}

/* The request is whole. */
static enum MHD_Result on_whole(noh_http_server *server, nohi_line *line)
{
    nohi_line_enter(&server->lines, line, NOHI_ASKED, server->now_ns);
    server->progress = true;
    if (line->thrown > 0) {
        nohi_request_answer_status(server, line, 413, false);
    } else {
        nohi_request_ask(server, line);
    }
    return line->answer.response != NULL ? queue(server, line, line->answer) : MHD_YES;
}

/* The library looks again whether there is an answer. */
static enum MHD_Result on_return(noh_http_server *server, nohi_line *line)
{
    if (line->answer.response != NULL) {
        return queue(server, line, line->answer);
    }
    if (server->suspending || server->now_ns - line->looked_ns > PATIENCE_NS) {
        line->suspended = true;
        server->progress = true;
        MHD_suspend_connection(line->connection);
    }
    return MHD_YES;
}

/* [REQ-2] Takes the answer. */
static enum MHD_Result queue(noh_http_server *server, nohi_line *line, nohi_answer answer)
{
    line->answer.response = NULL;
    nohi_line_enter(&server->lines, line, NOHI_SENDING, server->now_ns);
    if (answer.body_size > SENT_AT_ONCE) {
        line->looked_size = nohi_serve_bytes_taken(line);
    }
    server->progress = true;
    enum MHD_Result result = MHD_queue_response(line->connection, answer.status, answer.response);
    MHD_destroy_response(answer.response);
    return result;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode why)
{
    noh_http_server *server = cls;
    nohi_line *line = *request;
    (void)connection;
    (void)why;
    if (line == NULL) {
        return;
    }
    *request = NULL;
    server->progress = true;
    if (server->headers_of == line) {
        server->headers_of = NULL;
    }
    give_up_ask(server, line);
    nohi_line_clear(line);
    nohi_line_enter(&server->lines, line, NOHI_KEPT, server->now_ns);
}

/* [REQ-3] */
static void give_up_ask(noh_http_server *server, nohi_line *line)
{
    if (line->ask.bits == 0) {
        return;
    }
    nohi_asks_take(&server->asks, line->ask);
    if (server->self != NULL) { /* else the service ends, and the actor will not know the answer */
        noh_future_cancel(server->self, line->ask);
    }
    line->ask.bits = 0;
}

static noh_err ask(noh_http_server *server, nohi_line *line)
{
    noh_http_request request = {.method = line->method,
                                .path = line->path,
                                .query = line->query.size > 0 ? line->query.data : "",
                                .headers.items = server->headers,
                                .headers.count = server->header_count,
                                .body = {line->body.data, line->body.size},
                                .peer = line->peer};
    noh_err err = noh_ask_value(server->self, server->handler, NOH_TYPE(noh_http_request), &request,
                                &line->ask);
    if (err == NOH_OK) {
        nohi_asks_put(&server->asks, line->ask, line);
        server->asked = true;
    }
    return err;
}

void nohi_request_ask(noh_http_server *server, nohi_line *line)
{
    if (server->closing || server->self == NULL) {
        nohi_request_answer_status(server, line, 503, false);
        return;
    }
    if (server->headers_of != line) {
        (void)read_head(server, line); /* it was good when it was read first */
    }
    noh_err err = ask(server, line);
    if (err == NOH_E_GONE && nohi_serve_revive_handler(server)) {
        err = ask(server, line);
    }
    if (err != NOH_OK) {
        nohi_request_answer_status(server, line, nohi_answer_status_of(err), err == NOH_E_FULL);
    }
}

/* [REQ-4] */
bool nohi_request_is_last(const noh_http_server *server, const nohi_line *line)
{
    return server->stopping || line->is_chunked;
}

void nohi_request_answer(noh_http_server *server, nohi_line *line, nohi_answer answer)
{
    give_up_ask(server, line); /* when it comes from the server itself */
    line->answer = answer;
    server->dirty = true;
    server->progress = true;
    if (line->suspended) {
        line->suspended = false;
        MHD_resume_connection(line->connection);
    }
}

void nohi_request_answer_status(noh_http_server *server, nohi_line *line, unsigned status,
                                bool retry_after)
{
    nohi_answer answer;
    bool must_close = nohi_request_is_last(server, line);
    if (nohi_answer_make_status(status, must_close, retry_after, &answer) == NOH_OK) {
        nohi_request_answer(server, line, answer);
        return;
    }
    give_up_ask(server, line);
    if (line->suspended) {
        line->suspended = false;
        MHD_resume_connection(line->connection);
    }
    shutdown(line->fd, SHUT_RDWR); /* no memory to say why */
}
