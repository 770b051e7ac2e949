/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Listen: the socket of a server.
 *
 * Purpose     Binds where the caller said and nowhere else: a server that nobody meant to publish
 *             must not be reachable from outside.
 * Why not     libmicrohttpd's own socket: it cannot tell why it failed, and it would look up names,
 *             which may mean another address tomorrow. */
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} address;

static bool parse(const char *text, uint16_t port, address *ret_address, socklen_t *ret_size);
static bool is_loopback(const address *a);
static noh_err bind_and_listen(int fd, const address *a, socklen_t size);

noh_err nohi_http_listen(noh_self *self, const char *text, uint16_t port, bool allow_public,
                         int *ret_fd, uint16_t *ret_port)
{
    address a;
    socklen_t size;
    if (!parse(text, port, &a, &size)) {
        noh_log(self, NOH_LOG_ERROR, "http: \"%s\" is no address in numbers", text);
        return NOH_E_INVAL;
    }
    if (!allow_public && !is_loopback(&a)) {
        noh_log(self, NOH_LOG_ERROR,
                "http: %s is not loopback; serving it needs the option allow_public", text);
        return NOH_E_INVAL;
    }
    int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        noh_log(self, NOH_LOG_ERROR, "http: no socket: %s", strerror(errno));
        return NOH_E_OS;
    }
    noh_err err = bind_and_listen(fd, &a, size);
    if (err != NOH_OK) {
        noh_log(self, NOH_LOG_ERROR, "http: cannot listen on %s port %u: %s", text, (unsigned)port,
                strerror(errno));
        close(fd);
        return err;
    }
    getsockname(fd, &a.any, &size);
    *ret_port = ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
    *ret_fd = fd;
    return NOH_OK;
}

void nohi_http_peer_print(const struct sockaddr *peer, char text[NOHI_PEER_SIZE])
{
    char host[INET6_ADDRSTRLEN];
    address a = {.any = {.sa_family = AF_UNSPEC}};
    text[0] = '\0';
    if (peer->sa_family == AF_INET) {
        memcpy(&a.v4, peer, sizeof a.v4);
        inet_ntop(AF_INET, &a.v4.sin_addr, host, sizeof host);
        snprintf(text, NOHI_PEER_SIZE, "%s:%u", host, (unsigned)ntohs(a.v4.sin_port));
    } else if (peer->sa_family == AF_INET6) {
        memcpy(&a.v6, peer, sizeof a.v6);
        inet_ntop(AF_INET6, &a.v6.sin6_addr, host, sizeof host);
        snprintf(text, NOHI_PEER_SIZE, "[%s]:%u", host, (unsigned)ntohs(a.v6.sin6_port));
    }
}

static bool parse(const char *text, uint16_t port, address *ret_address, socklen_t *ret_size)
{
    memset(ret_address, 0, sizeof *ret_address);
    if (inet_pton(AF_INET, text, &ret_address->v4.sin_addr) == 1) {
        ret_address->v4.sin_family = AF_INET;
        ret_address->v4.sin_port = htons(port);
        *ret_size = sizeof ret_address->v4;
        return true;
    }
    if (inet_pton(AF_INET6, text, &ret_address->v6.sin6_addr) == 1) {
        ret_address->v6.sin6_family = AF_INET6;
        ret_address->v6.sin6_port = htons(port);
        *ret_size = sizeof ret_address->v6;
        return true;
    }
    return false;
}

static bool is_loopback(const address *a)
{
    if (a->any.sa_family == AF_INET) {
        return ntohl(a->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    const struct in6_addr *v6 = &a->v6.sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(v6) ||
           (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == IN_LOOPBACKNET);
}

static noh_err bind_and_listen(int fd, const address *a, socklen_t size)
{
    int on = 1;
    /* For a server that starts again while connections of the last one linger. It does not let two
     * servers share a port; SO_REUSEPORT would. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (a->any.sa_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    if (bind(fd, &a->any, size) != 0 || listen(fd, SOMAXCONN) != 0) {
        return errno == EADDRINUSE ? NOH_E_TAKEN : NOH_E_OS;
    }
    return NOH_OK;
}
