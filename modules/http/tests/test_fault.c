/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: whichever request for memory fails, of ours, of libmicrohttpd or of libuv, a server starts
 * or says why not, a client gets an answer or the end of its connection; nothing crashes, hangs or
 * is left.
 * Method: one scenario, run with the n-th request of its thread failing, for n = 1, 2, … until a run
 * needs fewer than n. The clients stand on the same thread, between turns of the loop, and use the
 * system only. libuv ends the process when it cannot grow its table of descriptors, so its realloc
 * never fails here. When all requests fail from one on, memory is back before the end: to stop an
 * actor takes a message. */
#include "fault_malloc.h"

#include <noh/http.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

NOH_NO_STATE(echo);

static noh_err on_request(noh_self *self, echo *me, const noh_http_request *request)
{
    noh_http_header header = {"X-Query", request->query};
    return noh_reply(self, noh_http_response, .headers = {&header, 1}, .body = request->body);
}

NOH_BEHAVIOR(echo, NOH_ON(noh_http_request, on_request));

static void no_log(void *world, const noh_log_record *record)
{
}

/* Sends the request and returns the status of the answer; 0 when the server closed without one. */
static int ask(noh_loop *loop, uint16_t port, const char *request)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK_EQ(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_EQ(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    char answer[4096];
    size_t size = 0;
    ssize_t n = -1;
    for (int turns = 0; n != 0 && size < sizeof answer - 1; turns++) {
        CHECK(turns < 2000);
        CHECK_OK(noh_loop_turn(loop, 10 * NOH_MS));
        n = recv(fd, answer + size, sizeof answer - 1 - size, MSG_DONTWAIT);
        size += n > 0 ? (size_t)n : 0;
        n = n < 0 && errno == ECONNRESET ? 0 : n;
    }
    close(fd);
    answer[size] = '\0';
    int status = 0;
    CHECK(size == 0 || sscanf(answer, "HTTP/1.1 %d", &status) == 1);
    return status;
}

/* Is it the answer, or did something fail and this says so? */
static void check_status(int status)
{
    bool is_sorry = status == 0 || status == 500 || status == 503 || status == 431 || status == 400;
    if (status != 200 && (!is_sorry || fault_malloc_failures() == 0)) {
        test_failed(__FILE__, __LINE__, "status %d after %d failures", status,
                    (int)fault_malloc_failures());
    }
}

static void ask_all_sorts(noh_loop *loop, uint16_t port)
{
    check_status(ask(loop, port,
                     "GET /a?b=c HTTP/1.1\r\nHost: test\r\nCookie: a=b\r\n\r\n"
                     "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"));
    check_status(ask(loop, port, "POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello"));
    check_status(ask(loop, port,
                     "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"));
    int status = ask(loop, port, "GET / HTTP/1.1\r\n\r\n");
    CHECK(status == 400 || fault_malloc_failures() > 0);
}

/* True when a request failed. */
static bool run_with_failure(noh_system *system, uint64_t n, bool for_ever)
{
    size_t files = fault_open_files();
    noh_loop *loop = NULL;
    noh_http_server *server = NULL;
    noh_http_options options = {.behavior = &noh_behavior_echo,
                                .connections_max = 8,
                                .request_timeout_ns = 50 * NOH_MS,
                                .keep_alive_ns = 50 * NOH_MS,
                                .header_timeout_ns = 50 * NOH_MS};
    fault_malloc_at(n, for_ever);
    noh_err err = noh_loop_new(system, &loop);
    if (err == NOH_OK) {
        err = noh_http_start(loop, &options, &server);
    }
    CHECK(err == NOH_OK || err == NOH_E_NOMEM || err == NOH_E_OS);
    CHECK(err == NOH_OK || (server == NULL && fault_malloc_failures() > 0));
    if (err == NOH_OK) {
        ask_all_sorts(loop, noh_http_port(server));
    }
    if (for_ever) {
        fault_malloc_at(0, false);
    }
    CHECK_OK(noh_http_free(server));
    CHECK_OK(noh_loop_free(loop));
    fault_malloc_at(0, false);
    CHECK_EQ(fault_open_files(), files);
    return fault_malloc_failures() > 0;
}

static void run_with_failures(bool for_ever)
{
    noh_env env = noh_env_default();
    env.log = no_log;
    noh_system *system;
    CHECK_OK(noh_system_new(&(noh_options){.workers = 1, .env = &env}, &system));
    noh_loop *loop;
    CHECK_OK(noh_loop_new(system, &loop)); /* libuv keeps a pipe for signals from now on */
    CHECK_OK(noh_loop_free(loop));
    uint64_t n = 1;
    while (run_with_failure(system, n, for_ever)) {
        n++;
    }
    printf("# %llu requests\n", (unsigned long long)n - 1);
    CHECK(n > 30);
    CHECK_OK(noh_system_free(system));
}

static void nothing_breaks_when_one_request_fails(void)
{
    run_with_failures(false);
}

static void nothing_breaks_when_all_requests_fail_from_one_on(void)
{
    run_with_failures(true);
}

static const test_case cases[] = {
    TEST(nothing_breaks_when_one_request_fails),
    TEST(nothing_breaks_when_all_requests_fail_from_one_on),
};

int main(int argc, char **argv)
{
    uv_replace_allocator(malloc, fault_realloc_that_works, calloc, free);
    return test_main(cases, sizeof cases / sizeof *cases, argc > 1 ? argv[1] : "");
}
