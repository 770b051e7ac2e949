/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* An HTTP server: every request is a message to the actor `hello`, which answers "Hello world!".
 *
 *     http_hello               serves http://127.0.0.1:5000/ until Ctrl-C
 *     http_hello --port 8080   another port; 0: a free one
 *     http_hello --check       asks itself once, prints the answer and ends */
#include <noh/http.h>

#include "http_check.h"

NOH_NO_STATE(hello);

static noh_err on_request(noh_self *self, hello *me, const noh_http_request *request)
{
    return noh_reply(self, noh_http_response, .body = noh_http_text("Hello world!"));
}

NOH_BEHAVIOR(hello, NOH_ON(noh_http_request, on_request));

static int serve(noh_loop *loop, uint16_t port, bool check)
{
    noh_http_server *server;
    noh_http_options options = {.port = port, .behavior = &noh_behavior_hello};
    if (noh_http_start(loop, &options, &server)) {
        return 1; /* the log says why */
    }
    if (!check) {
        printf("http://127.0.0.1:%u/\n", (unsigned)noh_http_port(server));
        fflush(stdout);
    }
    int status = check ? http_check(loop, noh_http_port(server)) : noh_loop_run(loop) != NOH_OK;
    noh_http_free(server);
    return status;
}

int main(int argc, char **argv)
{
    bool check = argc > 1 && strcmp(argv[1], "--check") == 0;
    bool has_port = argc > 2 && strcmp(argv[1], "--port") == 0;
    int port = has_port ? atoi(argv[2]) : check ? 0 : 5000;
    noh_system *system;
    noh_loop *loop;
    if (noh_system_new(NULL, &system) || noh_loop_new(system, &loop)) {
        return 1;
    }
    noh_loop_stop_on_signals(loop);
    int status = serve(loop, (uint16_t)port, check);
    noh_loop_free(loop);
    noh_system_free(system);
    return status;
}

/* What --check prints:
// check: HTTP/1.1 200 OK
// check: Content-Type: text/plain
// check: Content-Length: 12
// check: Hello world!
 */
