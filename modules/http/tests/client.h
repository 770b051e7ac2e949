/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A small blocking HTTP client that sends whatever it is told to, byte for byte. */
#ifndef CLIENT_H
#define CLIENT_H

#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CLIENT_PATIENCE_MS = 10000 }; /* only a broken server takes that long */

typedef struct client {
    int fd;
    char *data; /* received, not yet read */
    size_t size;
    size_t capacity;
} client;

typedef struct response {
    int status;
    char head[4096]; /* status line and headers, lines ended by '\n' */
    char *body;      /* ends with a 0 that does not count; free */
    size_t size;
} response;

static inline int64_t client_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static inline int client_try_connect(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline client client_open(uint16_t port)
{
    client c = {.fd = client_try_connect(port)};
    CHECK(c.fd >= 0);
    return c;
}

static inline void client_close(client *c)
{
    if (c->fd >= 0) {
        close(c->fd);
    }
    free(c->data);
    *c = (client){.fd = -1};
}

/* Closes so that the server gets a reset. */
static inline void client_reset(client *c)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    client_close(c);
}

/* Sends all, unless the server has closed. */
static inline void client_send_bytes(client *c, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t n = send(c->fd, at, size, MSG_NOSIGNAL);
        if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) {
            return;
        }
        CHECK(n > 0);
        at += n;
        size -= (size_t)n;
    }
}

static inline void client_send(client *c, const char *text)
{
    client_send_bytes(c, text, strlen(text));
}

static inline void client_get(client *c, const char *target)
{
    char request[256];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", target);
    client_send(c, request);
}

/* Waits for more, at most `ms`. 1: there is more, 0: closed (or reset), -1: the time is up. */
static inline int client_more(client *c, int ms)
{
    if (c->capacity - c->size < 65536) {
        c->capacity = 2 * c->capacity + 65536;
        c->data = realloc(c->data, c->capacity + 1);
        CHECK(c->data != NULL);
    }
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    if (poll(&p, 1, ms) == 0) {
        return -1;
    }
    ssize_t n = recv(c->fd, c->data + c->size, c->capacity - c->size, 0);
    if (n <= 0) {
        return 0;
    }
    c->size += (size_t)n;
    c->data[c->size] = '\0';
    return 1;
}

/* Does the server close within the time, saying nothing more? */
static inline bool client_ends(client *c, int ms)
{
    return c->size == 0 && client_more(c, ms) == 0;
}

static inline void client_drop(client *c, size_t size)
{
    memmove(c->data, c->data + size, c->size - size);
    c->size -= size;
    c->data[c->size] = '\0';
}

/* The value of a header, or NULL; copied to `value`. */
static inline const char *response_header(const response *r, const char *name, char value[256])
{
    size_t size = strlen(name);
    for (const char *line = strchr(r->head, '\n'); line != NULL && line[1] != '\0';
         line = strchr(line + 1, '\n')) {
        if (strncasecmp(line + 1, name, size) == 0 && line[1 + size] == ':') {
            snprintf(value, 256, "%.*s", (int)strcspn(line + size + 3, "\n"), line + size + 3);
            return value;
        }
    }
    return NULL;
}

/* Reads one response. False when the server closed before it was whole. */
static inline bool client_read(client *c, bool has_body, response *ret_response)
{
    response *r = ret_response;
    *r = (response){0};
    char *end;
    while (c->size == 0 || (end = strstr(c->data, "\r\n\r\n")) == NULL) {
        int more = client_more(c, CLIENT_PATIENCE_MS);
        CHECK(more >= 0);
        if (more == 0) {
            return false;
        }
    }
    size_t head_size = (size_t)(end - c->data) + 4;
    size_t at = 0;
    for (size_t i = 0; i < head_size - 2; i++) {
        if (c->data[i] != '\r') {
            CHECK(at < sizeof r->head - 1);
            r->head[at++] = c->data[i];
        }
    }
    client_drop(c, head_size);
    CHECK_EQ(sscanf(r->head, "HTTP/1.1 %d ", &r->status), 1);
    char length[256];
    if (response_header(r, "Content-Length", length) != NULL && has_body) {
        r->size = (size_t)strtoull(length, NULL, 10);
    }
    while (c->size < r->size) {
        int more = client_more(c, CLIENT_PATIENCE_MS);
        CHECK(more >= 0);
        if (more == 0) {
            return false;
        }
    }
    r->body = malloc(r->size + 1);
    CHECK(r->body != NULL);
    if (r->size > 0) {
        memcpy(r->body, c->data, r->size);
        client_drop(c, r->size);
    }
    r->body[r->size] = '\0';
    return true;
}

/* Reads one response and checks its status. */
static inline void client_expect(client *c, int status, const char *body)
{
    response r;
    CHECK(client_read(c, true, &r));
    CHECK_EQ(r.status, status);
    if (body != NULL) {
        CHECK_TEXT(r.body, body);
    }
    free(r.body);
}

#endif
