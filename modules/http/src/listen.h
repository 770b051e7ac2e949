/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#ifndef NOHI_HTTP_LISTEN_H
#define NOHI_HTTP_LISTEN_H

#include <noh/http.h>

#include <sys/socket.h>

/* Room for "[address]:port". */
enum { NOHI_PEER_SIZE = 64 };

/* A listening socket, which the caller closes, and its port. `text` is an address in numbers;
 * without `allow_public` it must be loopback. What is wrong is logged with `self`. Errors: INVAL,
 * TAKEN, OS. With self. */
noh_err nohi_http_listen(noh_self *self, const char *text, uint16_t port, bool allow_public,
                         int *ret_fd, uint16_t *ret_port);

/* Writes "127.0.0.1:40404" or "[::1]:40404". */
void nohi_http_peer_print(const struct sockaddr *address, char text[NOHI_PEER_SIZE]);

#endif
