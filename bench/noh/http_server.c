/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* An HTTP server whose requests are answered by an actor; it runs until SIGTERM.
 *
 *     http_server PORT */
#include "bench.h"

#include <noh/http.h>

NOH_NO_STATE(hello);

static noh_err on_request(noh_self *self, hello *me, const noh_http_request *m)
{
    return noh_reply(self, noh_http_response, .body = noh_http_text("Hello world!"));
}

NOH_BEHAVIOR(hello, NOH_ON(noh_http_request, on_request));

int main(int argc, char **argv)
{
    noh_http_options options = {
        .port = (uint16_t)bench_size(argc, argv, 1),
        .behavior = &noh_behavior_hello,
    };
    noh_system *system = bench_system();
    noh_loop *loop;
    noh_http_server *server;
    bench_must(noh_loop_new(system, &loop), "make the loop");
    bench_must(noh_http_start(loop, &options, &server), "listen");
    bench_must(noh_loop_stop_on_signals(loop), "wait for signals");
    bench_must(noh_loop_run(loop), "run the loop");
    bench_must(noh_http_free(server), "free the server");
    bench_must(noh_loop_free(loop), "free the loop");
    bench_must(noh_system_free(system), "free the system");
    return 0;
}
