/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* For http_hello --check: a client on a thread of its own, while the loop serves it. */
#ifndef HTTP_CHECK_H
#define HTTP_CHECK_H

#include <noh/net.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct http_check_call {
    noh_loop *loop;
    uint16_t port;
    char answer[4096];
} http_check_call;

/* Sends one request and reads until the server closes. */
static void *http_check_client(void *arg)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    http_check_call *call = arg;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(call->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t size = 0;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        send(fd, request, strlen(request), 0) == (ssize_t)strlen(request)) {
        ssize_t n;
        while ((n = recv(fd, call->answer + size, sizeof call->answer - 1 - size, 0)) > 0) {
            size += (size_t)n;
        }
    }
    call->answer[size] = '\0';
    close(fd);
    noh_loop_stop(call->loop);
    return NULL;
}

/* Prints status line, type, length and body of the answer. 0 when it is the expected one: 200 and
 * the text. */
static int http_check(noh_loop *loop, uint16_t port)
{
    http_check_call call = {.loop = loop, .port = port};
    pthread_t thread;
    if (pthread_create(&thread, NULL, http_check_client, &call) != 0) {
        return 1;
    }
    noh_loop_run(loop);
    pthread_join(thread, NULL);

    bool is_ok = strncmp(call.answer, "HTTP/1.1 200 ", 13) == 0;
    int seen = 0;
    char *body = strstr(call.answer, "\r\n\r\n");
    if (body != NULL) {
        *body = '\0';
        body += 4;
        for (char *line = strtok(call.answer, "\r\n"); line != NULL; line = strtok(NULL, "\r\n")) {
            if (strncmp(line, "HTTP/", 5) == 0 || strncmp(line, "Content-", 8) == 0) {
                seen++;
                printf("%s\n", line);
            }
        }
        printf("%s\n", body);
    }
    return is_ok && seen == 3 && strcmp(body, "Hello world!") == 0 ? 0 : 1;
}

#endif
