/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A notice board: what is written into a pipe is what the site shows. The pipe is a source of the
 * loop, the board an actor, and the visitor stands on the same thread: it takes turns of the loop
 * while it waits. */
#include <noh/http.h>

#include <arpa/inet.h>
#include <unistd.h>

/* ---- the board ------------------------------------------------------------------------------ */

NOH_MESSAGE(notice, (noh_text, text));

typedef struct board {
    char text[64];
} board;

static noh_err on_notice(noh_self *self, board *me, const notice *m)
{
    snprintf(me->text, sizeof me->text, "%s", m->text);
    return NOH_OK;
}

/* In the form that the visitor likes. */
static noh_err on_request(noh_self *self, board *me, const noh_http_request *request)
{
    const char *accepted = noh_http_header_value(request, "Accept");
    if (accepted == NULL || strcmp(accepted, "text/html") != 0) {
        return noh_reply(self, noh_http_response, .body = noh_http_text(me->text));
    }
    char page[128];
    snprintf(page, sizeof page, "<h1>%s</h1>", me->text);
    noh_http_header varies = {"Vary", "Accept"};
    return noh_reply(self, noh_http_response, .content_type = "text/html", .headers = {&varies, 1},
                     .body = noh_http_text(page));
}

NOH_BEHAVIOR(board, NOH_ON(notice, on_notice), NOH_ON(noh_http_request, on_request));

/* ---- the pipe ------------------------------------------------------------------------------- */

typedef struct feed {
    noh_self *self;
    noh_ref board;
    int fd;
    int notices; /* so far */
} feed;

/* The loop asks before it sleeps: is there anything for an actor? */
static bool on_feed(void *ctx, bool readable)
{
    feed *f = ctx;
    char text[64];
    ssize_t size = readable ? read(f->fd, text, sizeof text - 1) : 0;
    if (size <= 0) {
        return false;
    }
    text[size] = '\0';
    f->notices++;
    return noh_tell(f->self, f->board, notice, .text = text) == NOH_OK;
}

/* ---- the visitor ---------------------------------------------------------------------------- */

/* Prints type and body of the page, or that there is no site. */
static void visit(noh_loop *loop, uint16_t port, const char *accepted)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        printf("nobody is there\n");
        close(fd);
        return;
    }
    char page[1024];
    int request_size = snprintf(page, sizeof page,
                                "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: %s\r\n"
                                "Connection: close\r\n\r\n",
                                accepted);
    ssize_t n = send(fd, page, (size_t)request_size, 0);
    size_t size = 0;
    while (n != 0 && size < sizeof page - 1) { /* until the site closes */
        noh_loop_turn(loop, 10 * NOH_MS);
        n = recv(fd, page + size, sizeof page - 1 - size, MSG_DONTWAIT);
        size += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    page[size] = '\0';
    const char *type = strstr(page, "Content-Type: ");
    const char *body = strstr(page, "\r\n\r\n");
    if (type != NULL && body != NULL) {
        printf("%.*s: %s\n", (int)strcspn(type + 14, "\r"), type + 14, body + 4);
    }
}

static int show(noh_loop *loop, const int ends[2])
{
    feed f = {.self = noh_loop_self(loop), .fd = ends[0]};
    f.board = noh_spawn(f.self, board); /* lives on the loop */
    noh_http_server *server;
    noh_source *source;
    if (noh_http_start(loop, &(noh_http_options){.handler = f.board}, &server) ||
        noh_source_add(loop, f.fd, on_feed, &f, &source)) {
        return 1;
    }
    uint16_t port = noh_http_port(server);

    (void)!write(ends[1], "back at five", 12);
    while (f.notices == 0) {
        noh_loop_turn(loop, NOH_SECOND);
    }
    visit(loop, port, "text/plain");
    visit(loop, port, "text/html");

    noh_source_remove(source);
    (void)!write(ends[1], "closed", 6); /* nobody looks */
    visit(loop, port, "text/plain");

    noh_http_stop(server);
    visit(loop, port, "text/plain");
    noh_http_free(server);
    return 0;
}

int main(void)
{
    int ends[2];
    noh_system *system;
    noh_loop *loop;
    if (pipe(ends) != 0 || noh_system_new(NULL, &system) || noh_loop_new(system, &loop)) {
        return 1;
    }
    int status = show(loop, ends);
    noh_loop_free(loop);
    noh_system_free(system);
    return status;
}

// expect: text/plain: back at five
// expect: text/html: <h1>back at five</h1>
// expect: text/plain: back at five
// expect: nobody is there
