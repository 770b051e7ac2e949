/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* An HTTP server: every request is a message to the actor `hello`, which answers "Hello world!".
 * Every 2 s the actor `census` says how many actors are alive.
 *
 *     http_hello               serves http://127.0.0.1:5000/ until Ctrl-C
 *     http_hello --port 8080   another port; 0: a free one
 *     http_hello --check       asks itself once, prints the answer and ends */
#include <noh/http.h>
#include <noh/watch.h>

#include "http_check.h"

NOH_NO_STATE(hello);

static noh_err on_request(noh_self *self, hello *me, const noh_http_request *request)
{
    return noh_reply(self, noh_http_response, .body = noh_http_text("Hello world!"));
}

NOH_BEHAVIOR(hello, NOH_ON(noh_http_request, on_request));

NOH_MESSAGE(count);
NOH_NO_STATE(census);

static noh_err on_start(noh_self *self, census *me, const noh_nothing *arguments)
{
    return noh_every(self, 2 * NOH_SECOND, noh_self_ref(self), count, NULL);
}

static noh_err on_count(noh_self *self, census *me, const count *m)
{
    noh_stats stats;
    noh_err err = noh_system_stats(noh_self_system(self), &stats);
    if (err == NOH_OK) {
        printf("actors alive: %llu\n", (unsigned long long)stats.actors);
        fflush(stdout);
    }
    return err;
}

NOH_BEHAVIOR_WITH(census, noh_nothing, on_start, NOH_ON(count, on_count));

static int serve(noh_loop *loop, uint16_t port, bool check)
{
    noh_http_server *server;
    noh_http_options options = {.port = port, .behavior = &noh_behavior_hello};
    if (noh_http_start(loop, &options, &server)) {
        return 1; /* the log says why */
    }
    int status;
    if (check) {
        status = http_check(loop, noh_http_port(server));
    } else {
        printf("http://127.0.0.1:%u/\n", (unsigned)noh_http_port(server));
        fflush(stdout);
        noh_spawn(noh_loop_self(loop), census);
        status = noh_loop_run(loop) != NOH_OK;
    }
    noh_http_free(server);
    return status;
}

/* False for what is not in the usage. */
static bool read_arguments(char **argv, int *port, bool *check)
{
    *port = -1;
    *check = false;
    for (char **arg = argv + 1; *arg != NULL; arg++) {
        if (strcmp(*arg, "--check") == 0) {
            *check = true;
        } else if (strcmp(*arg, "--port") == 0 && arg[1] != NULL) {
            char *end;
            long value = strtol(*++arg, &end, 10);
            if (**arg < '0' || **arg > '9' || *end != '\0' || value > UINT16_MAX) {
                return false;
            }
            *port = (int)value;
        } else {
            return false;
        }
    }
    if (*port < 0) {
        *port = *check ? 0 : 5000;
    }
    return true;
}

int main(int argc, char **argv)
{
    int port;
    bool check;
    if (!read_arguments(argv, &port, &check)) {
        fprintf(stderr, "usage: http_hello [--port N] [--check]\n");
        return 2;
    }
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
