/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: what http.h promises to good clients and their handlers, at the start and at the end.
 * Method: a server on a free port, on a thread of its own; the client here sends bytes. Waiting is
 * waiting for the socket. At each end the ledger of the system must add up, and under
 * AddressSanitizer no byte may be left. */
#include "handlers.h"

/* Does not know requests. */
NOH_NO_STATE(deaf);

static noh_err ignore(noh_self *self, deaf *me, const keep_promises *message)
{
    return NOH_OK;
}

NOH_BEHAVIOR(deaf, NOH_ON(keep_promises, ignore));

/* Holds its worker until it is let go. */
static sem_t stuck_entered;
static sem_t stuck_release;
NOH_NO_STATE(stuck);

static noh_err hold(noh_self *self, stuck *me, const noh_http_request *request)
{
    sem_post(&stuck_entered);
    while (sem_wait(&stuck_release) != 0) {
    }
    return noh_reply(self, noh_http_response, .body = noh_http_text("free"));
}

NOH_BEHAVIOR(stuck, NOH_ON(noh_http_request, hold));

/* ---- plain service ------------------------------------------------------------------------- */

static void it_says_hello(void)
{
    site s;
    begin(&s, &noh_behavior_hello);
    client c = client_open(s.port);
    client_get(&c, "/");
    response r;
    char value[256];
    CHECK(client_read(&c, true, &r));
    CHECK_EQ(r.status, 200);
    CHECK_TEXT(r.body, "Hello world!");
    CHECK_TEXT(response_header(&r, "Content-Type", value), "text/plain");
    CHECK_TEXT(response_header(&r, "Content-Length", value), "12");
    CHECK(response_header(&r, "Connection", value) == NULL);
    CHECK(response_header(&r, "Date", value) != NULL);
    struct tm date;
    const char *rest = strptime(value, "%a, %d %b %Y %H:%M:%S GMT", &date);
    CHECK(rest != NULL && *rest == '\0');
    CHECK(llabs((long long)timegm(&date) - (long long)time(NULL)) < 60);
    free(r.body);
    client_close(&c);
    site_end(&s);
}

static void handlers_see_the_whole_request(void)
{
    site s;
    begin(&s, &noh_behavior_mirror);
    client c = client_open(s.port);
    client_send(&c, "PUT /a%20b/c?d=%41&e HTTP/1.1\r\nHost: test\r\nX-Empty:\r\n"
                    "x-Twice: 1\r\nX-Twice:  2\r\nContent-Length: 4\r\n\r\nbody");
    client_expect(&c, 200,
                  "PUT|/a b/c|d=%41&e|Host=test;X-Empty=;x-Twice=1;X-Twice=2;Content-Length=4;"
                  "|test|body|127.0.0.1:");
    client_get(&c, "/no?query?twice&");
    client_expect(&c, 200, "GET|/no|query?twice&|Host=test;|test||127.0.0.1:");
    client_get(&c, "/?");
    client_expect(&c, 200, "GET|/||Host=test;|test||127.0.0.1:");
    client_send(&c, "OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n");
    client_expect(&c, 200, "OPTIONS|*||Host=test;|test||127.0.0.1:");
    client_close(&c);
    site_end(&s);
}

/* As a proxy is asked. */
static void the_host_of_a_target_is_taken_off(void)
{
    static const char *const targets[][2] = {
        {"http://test/a%2fb?c", "/a/b|c"}, {"HTTP://Test/", "/|"},  {"http://test", "/|"},
        {"http://test?a=b", "/|a=b"},      {"http://test/?", "/|"}, {"http://test//a", "//a|"},
    };
    site s;
    begin(&s, &noh_behavior_mirror);
    client c = client_open(s.port);
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        char expected[128];
        snprintf(expected, sizeof expected, "GET|%s|Host=test;|test||127.0.0.1:", targets[i][1]);
        client_get(&c, targets[i][0]);
        client_expect(&c, 200, expected);
    }
    client_send(&c, "GET http://other/a HTTP/1.0\r\nX: y\r\nHost: other\r\n\r\n");
    client_expect(&c, 200, "GET|/a||X=y;Host=other;|other||127.0.0.1:");
    client_close(&c);
    site_end(&s);
}

static void one_connection_serves_many_requests(void)
{
    site s;
    begin(&s, &noh_behavior_hello);
    client c = client_open(s.port);
    for (int i = 0; i < 100; i++) {
        client_get(&c, "/");
        client_expect(&c, 200, "Hello world!");
    }
    client_close(&c);
    site_end(&s);
}

static void pipelined_requests_are_answered_in_order(void)
{
    site s;
    begin(&s, &noh_behavior_mirror);
    client c = client_open(s.port);
    char requests[4096] = "";
    for (int i = 0; i < 16; i++) {
        size_t size = strlen(requests);
        snprintf(requests + size, sizeof requests - size, "GET /%d HTTP/1.1\r\nHost: test\r\n\r\n",
                 i);
    }
    for (int round = 0; round < 20; round++) {
        client_send(&c, requests);
        for (int i = 0; i < 16; i++) {
            char expected[128];
            snprintf(expected, sizeof expected, "GET|/%d||Host=test;|test||127.0.0.1:", i);
            client_expect(&c, 200, expected);
        }
    }
    client_close(&c);
    site_end(&s);
}

static void head_is_answered_without_a_body(void)
{
    site s;
    begin(&s, &noh_behavior_hello);
    client c = client_open(s.port);
    client_send(&c, "HEAD / HTTP/1.1\r\nHost: test\r\n\r\n");
    response r;
    char value[256];
    CHECK(client_read(&c, false, &r));
    CHECK_EQ(r.status, 200);
    CHECK_TEXT(response_header(&r, "Content-Length", value), "12");
    free(r.body);
    client_get(&c, "/"); /* no body lies between */
    client_expect(&c, 200, "Hello world!");
    client_close(&c);
    site_end(&s);
}

static void old_and_unwilling_clients_get_a_close(void)
{
    static const char *const requests[] = {
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
    };
    site s;
    begin(&s, &noh_behavior_hello);
    for (size_t i = 0; i < 2; i++) {
        client c = client_open(s.port);
        client_send(&c, requests[i]);
        client_expect(&c, 200, "Hello world!");
        CHECK(client_ends(&c, CLIENT_PATIENCE_MS));
        client_close(&c);
    }
    client c = client_open(s.port);
    client_send(&c, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    client_expect(&c, 200, "Hello world!");
    client_send(&c, "GET / HTTP/1.0\r\n\r\n");
    client_expect(&c, 200, "Hello world!");
    CHECK(client_ends(&c, CLIENT_PATIENCE_MS));
    client_close(&c);
    site_end(&s);
}

/* Trap: the turbo mode of the library would drop it. The library may not notice that the side is
 * closed, so the connection ends by its time limit. */
static void a_client_that_closed_its_side_gets_its_answer(void)
{
    noh_http_options options = {.behavior = &noh_behavior_moody, .keep_alive_ns = 100 * NOH_MS};
    site s;
    site_begin(&s, NULL, &options);
    client c = client_open(s.port);
    client_get(&c, "/moved");
    shutdown(c.fd, SHUT_WR);
    client_expect(&c, 301, "");
    CHECK(client_ends(&c, CLIENT_PATIENCE_MS));
    client_close(&c);
    site_end(&s);
}

static void bodies_come_and_go_whole(void)
{
    enum { SIZE = 1024 * 1024 };
    site s;
    begin(&s, &noh_behavior_echo);
    uint64_t random = test_seed("test_http_http", 7);
    char *body = malloc(SIZE);
    CHECK(body != NULL);
    for (size_t i = 0; i < SIZE; i++) {
        body[i] = (char)test_random(&random);
    }
    client c = client_open(s.port);
    for (int round = 0; round < 3; round++) {
        char head[128];
        snprintf(head, sizeof head, "POST / HTTP/1.1\r\nHost: test\r\n%sContent-Length: %d\r\n\r\n",
                 round == 0 ? "" : "Expect: 100-continue\r\n", SIZE);
        client_send(&c, head);
        if (round > 0) {
            response r;
            CHECK(client_read(&c, false, &r));
            CHECK_EQ(r.status, 100);
            free(r.body);
        }
        client_send_bytes(&c, body, SIZE);
        response r;
        CHECK(client_read(&c, true, &r));
        CHECK_EQ(r.status, 200);
        CHECK_EQ(r.size, SIZE);
        CHECK(memcmp(r.body, body, SIZE) == 0);
        free(r.body);
    }
    client_close(&c);
    free(body);
    site_end(&s);
}

static void chunked_bodies_are_put_together(void)
{
    site s;
    begin(&s, &noh_behavior_echo);
    client c = client_open(s.port);
    client_send(&c, "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "5\r\nHello\r\n1;name=value\r\n \r\n6\r\nworld!\r\n0\r\nX-Trailer: t\r\n\r\n");
    client_expect(&c, 200, "Hello world!");
    client_close(&c);
    c = client_open(s.port);
    client_send(&c, "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    client_expect(&c, 200, "");
    client_close(&c);
    site_end(&s);
}

/* REQ-4: where one reader sees the end, another may not; then `second` is part of the first. */
static void nothing_is_read_behind_a_chunked_request(void)
{
    static const char second[] = "GET /second HTTP/1.1\r\nHost: test\r\n\r\n";
    static const char *const bodies[] = {
        "5\r\nhello\r\n0\r\n\r\n",
        "0\r\n\r\n",
        "5;a=\"b\"\r\nhello\r\n0\r\nX: y\r\n\r\n",
        "5\nhello\n0\n\n",
        "5;\n\rhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nX: y\n\n",
        "5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
    };
    static const struct {
        const char *path;
        int status;
    } kinds[] = {{"/nowhere", 404}, {"/fail", 500}, {"/split", 500}, {"/later", 200}};
    enum { BODIES = sizeof bodies / sizeof *bodies, KINDS = sizeof kinds / sizeof *kinds };
    site s;
    begin(&s, &noh_behavior_moody);
    for (size_t i = 0; i < BODIES * KINDS; i++) {
        client c = client_open(s.port);
        char bytes[512];
        snprintf(bytes, sizeof bytes,
                 "POST %s HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n%s%s",
                 kinds[i % KINDS].path, bodies[i / KINDS], second);
        client_send(&c, bytes);
        if (kinds[i % KINDS].status == 200) {
            client other = client_open(s.port); /* the first one is there when this is answered */
            client_get(&other, "/gone");
            client_expect(&other, 204, NULL);
            client_close(&other);
            keep(&s);
        }
        response r;
        char value[256];
        CHECK(client_read(&c, true, &r));
        CHECK(r.status == kinds[i % KINDS].status || r.status == 400);
        CHECK_TEXT(response_header(&r, "Connection", value), "close");
        free(r.body);
        CHECK(client_ends(&c, CLIENT_PATIENCE_MS));
        client_close(&c);
    }
    site_end(&s);
}

static void servers_of_one_loop_have_their_own_behaviors(void)
{
    static const noh_http_options options[2] = {{.behavior = &noh_behavior_hello},
                                                {.behavior = &noh_behavior_echo}};
    site s;
    site_try(&s, NULL, options, 2);
    CHECK_OK(s.err);
    CHECK(s.port != s.second_port);
    client a = client_open(s.port);
    client b = client_open(s.second_port);
    for (int i = 0; i < 10; i++) {
        client_get(&a, "/");
        client_send(&b, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nme");
        client_expect(&a, 200, "Hello world!");
        client_expect(&b, 200, "me");
    }
    client_close(&a);
    client_close(&b);
    site_end(&s);
}

static void answers_may_be_redirections_and_have_headers(void)
{
    site s;
    begin(&s, &noh_behavior_moody);
    client c = client_open(s.port);
    response r;
    char value[256];
    client_get(&c, "/moved");
    CHECK(client_read(&c, true, &r));
    CHECK_EQ(r.status, 301);
    CHECK_TEXT(response_header(&r, "Location", value), "http://elsewhere/");
    free(r.body);
    client_get(&c, "/headers");
    CHECK(client_read(&c, true, &r));
    CHECK_TEXT(response_header(&r, "X-One", value), "1");
    CHECK_TEXT(response_header(&r, "X-Two", value), "2");
    CHECK_TEXT(response_header(&r, "Content-Length", value), "0");
    free(r.body);
    client_get(&c, "/gone");
    CHECK(client_read(&c, true, &r));
    CHECK_EQ(r.status, 204);
    CHECK(response_header(&r, "Content-Type", value) == NULL);
    free(r.body);
    client_get(&c, "/nowhere");
    CHECK(client_read(&c, true, &r));
    CHECK_EQ(r.status, 404);
    CHECK_TEXT(response_header(&r, "Content-Type", value), "text/x-sad");
    CHECK_TEXT(r.body, "no such page");
    free(r.body);
    client_close(&c);
    site_end(&s);
}

/* ---- handlers that do not answer ------------------------------------------------------------ */

static void errors_of_the_handler_are_500(void)
{
    static const char *const paths[] = {"/error", "/silent", "/fail", "/jump",
                                        "/odd",   "/split",  "/named"};
    site s;
    begin(&s, &noh_behavior_moody);
    client c = client_open(s.port);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
            client_get(&c, paths[i]);
            client_expect(&c, 500, "500 Internal Server Error\n");
        }
        client_get(&c, "/nowhere");
        client_expect(&c, 404, NULL);
    }
    client_close(&c);
    site_end(&s);

    begin(&s, &noh_behavior_deaf);
    c = client_open(s.port);
    client_get(&c, "/");
    client_expect(&c, 500, NULL);
    client_close(&c);
    site_end(&s);
}

/* Pipelined, so that requests wait behind the one that fails. */
static void requests_behind_a_failure_are_asked_again(void)
{
    site s;
    begin(&s, &noh_behavior_moody);
    client clients[20];
    for (size_t i = 0; i < 20; i++) {
        clients[i] = client_open(s.port);
        client_get(&clients[i], "/gone");
        client_expect(&clients[i], 204, NULL);
    }
    int before = atomic_load(&moody_count);
    for (size_t i = 0; i < 20; i++) {
        client_get(&clients[i], i == 5 ? "/fail" : "/gone");
    }
    for (size_t i = 0; i < 20; i++) {
        client_expect(&clients[i], i == 5 ? 500 : 204, NULL);
        client_close(&clients[i]);
    }
    CHECK_EQ(atomic_load(&moody_count), before + 1);
    site_end(&s);
}

static void a_handler_that_always_fails_is_not_spawned_without_end(void)
{
    site s;
    begin(&s, &noh_behavior_moody);
    client c = client_open(s.port);
    client_get(&c, "/gone");
    client_expect(&c, 204, NULL);
    int before = atomic_load(&moody_count);
    int64_t began = client_now_ms();
    int refused = 0;
    for (int i = 0; i < 200; i++) {
        response r;
        client_get(&c, "/fail");
        CHECK(client_read(&c, true, &r));
        CHECK(r.status == 500 || r.status == 503);
        refused += r.status == 503;
        free(r.body);
    }
    int64_t seconds = (client_now_ms() - began) / 1000 + 1;
    CHECK(atomic_load(&moody_count) - before <= 10 * (seconds + 1));
    CHECK(refused > 0 || seconds > 10);
    client_close(&c);
    site_end(&s);
}

static void a_handler_that_has_ended_is_503(void)
{
    noh_system *system = site_system();
    noh_self *self = noh_system_self(system);
    noh_ref actor = noh_spawn(self, hello);
    noh_http_options options = {.handler = actor};
    site s;
    site_begin(&s, system, &options);
    client c = client_open(s.port);
    client_get(&c, "/");
    client_expect(&c, 200, "Hello world!"); /* lives on a worker */
    CHECK_OK(noh_stop(self, actor, NOH_STOP_DRAIN));
    CHECK_OK(noh_join(self, actor, 5 * NOH_SECOND, NULL));
    client_get(&c, "/");
    client_expect(&c, 503, NULL);
    client_close(&c);
    site_end(&s);
}

static void requests_may_be_answered_later(void)
{
    site s;
    begin(&s, &noh_behavior_moody);
    client clients[40];
    for (size_t i = 0; i < 40; i++) {
        clients[i] = client_open(s.port);
        client_get(&clients[i], "/later");
    }
    client c = client_open(s.port);
    client_get(&c, "/gone");
    client_expect(&c, 204, NULL);
    for (size_t i = 0; i < 40; i++) {
        CHECK_EQ(client_more(&clients[i], 0), -1);
    }
    keep(&s);
    for (size_t i = 0; i < 40; i++) {
        client_expect(&clients[i], 200, "at last");
        client_get(&clients[i], "/gone");
        client_expect(&clients[i], 204, NULL);
        client_close(&clients[i]);
    }
    client_close(&c);
    site_end(&s);
}

static void a_handler_that_takes_too_long_is_503_and_its_late_answer_harmless(void)
{
    noh_http_options options = {.behavior = &noh_behavior_moody,
                                .request_timeout_ns = 150 * NOH_MS};
    site s;
    site_begin(&s, NULL, &options);
    client c = client_open(s.port);
    for (int i = 0; i < 3; i++) {
        int64_t began = client_now_ms();
        client_get(&c, "/later");
        client_expect(&c, 503, "503 Service Unavailable\n");
        CHECK(client_now_ms() - began >= 149);
    }
    keep(&s);
    client_get(&c, "/gone");
    client_expect(&c, 204, NULL);
    client_close(&c);
    site_stop(&s);
    noh_ledger ledger;
    CHECK_OK(noh_system_stop(s.system, 5 * NOH_SECOND));
    CHECK_OK(noh_ledger_read(s.system, &ledger));
    CHECK_EQ(ledger.dead[NOH_DEAD_LATE], 3);
    CHECK_OK(noh_system_free(s.system));
}

static void a_full_mailbox_is_503_with_retry_after(void)
{
    sem_init(&stuck_entered, 0, 0);
    sem_init(&stuck_release, 0, 0);
    noh_system *system = site_system();
    noh_ref actor;
    CHECK_OK(noh_spawn_with(noh_system_self(system), &noh_behavior_stuck, NULL,
                            &(noh_spawn_options){.mailbox_max = 1}, &actor));
    noh_http_options options = {.handler = actor};
    site s;
    site_begin(&s, system, &options);
    client first = client_open(s.port);
    client_get(&first, "/");
    while (sem_wait(&stuck_entered) != 0) {
    }
    client second = client_open(s.port);
    client_get(&second, "/");
    client third = client_open(s.port);
    client_get(&third, "/");
    struct pollfd p[2] = {{.fd = second.fd, .events = POLLIN}, {.fd = third.fd, .events = POLLIN}};
    CHECK(poll(p, 2, CLIENT_PATIENCE_MS) == 1); /* whichever came second to the server */
    client *refused = p[0].revents != 0 ? &second : &third;
    client *queued = p[0].revents != 0 ? &third : &second;
    response r;
    char value[256];
    CHECK(client_read(refused, true, &r));
    CHECK_EQ(r.status, 503);
    CHECK_TEXT(response_header(&r, "Retry-After", value), "1");
    free(r.body);
    sem_post(&stuck_release);
    sem_post(&stuck_release);
    client_expect(&first, 200, "free");
    client_expect(queued, 200, "free");
    client_close(&first);
    client_close(&second);
    client_close(&third);
    site_end(&s);
}

/* ---- start and end ------------------------------------------------------------------------- */

static void the_end_finds_clients_in_every_phase(void)
{
    enum { CLIENTS = 102 };
    site s;
    begin(&s, &noh_behavior_moody);
    client clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_open(s.port);
        if (i % 3 == 0) { /* idle */
            client_get(&clients[i], "/gone");
            client_expect(&clients[i], 204, NULL);
        } else if (i % 3 == 1) { /* half a request */
            client_send(&clients[i], "GET / HTTP/1.1\r\nHo");
        } else { /* one that nobody answers */
            client_get(&clients[i], "/later");
        }
    }
    client c = client_open(s.port); /* the others are there when this is answered */
    client_get(&c, "/gone");
    client_expect(&c, 204, NULL);
    int64_t began = client_now_ms();
    site_end(&s);
    CHECK(client_now_ms() - began < 2000);
    for (int i = 0; i < CLIENTS; i++) {
        if (i % 3 == 2) {
            response r;
            char value[256];
            CHECK(client_read(&clients[i], true, &r));
            CHECK_EQ(r.status, 503);
            CHECK_TEXT(response_header(&r, "Connection", value), "close");
            free(r.body);
        }
        CHECK(client_ends(&clients[i], CLIENT_PATIENCE_MS));
        client_close(&clients[i]);
    }
    client_close(&c);
}

static void open_requests_are_answered_before_the_end(void)
{
    site s;
    begin(&s, &noh_behavior_moody);
    client c = client_open(s.port);
    client_get(&c, "/later");
    client posting = client_open(s.port);
    client_send(&posting, "POST /gone HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhel");
    client other = client_open(s.port);
    client_get(&other, "/gone");
    client_expect(&other, 204, NULL);
    site_tell_to_stop(&s);
    CHECK(client_ends(&other, CLIENT_PATIENCE_MS)); /* it has begun */
    CHECK_EQ(client_try_connect(s.port), -1);
    client_send(&posting, "lo");
    keep(&s);
    client_expect(&c, 200, "at last");
    client_expect(&posting, 204, NULL);
    CHECK(client_ends(&c, CLIENT_PATIENCE_MS));
    CHECK(client_ends(&posting, CLIENT_PATIENCE_MS));
    int64_t began = client_now_ms();
    site_end(&s);
    CHECK(client_now_ms() - began < 800); /* and it does not wait for the grace then */
    client_close(&c);
    client_close(&posting);
    client_close(&other);
}

/* Not even when requests come at the very end. */
static void the_end_leaves_no_dead_letters(void)
{
    for (int round = 0; round < 50; round++) {
        site s;
        begin(&s, &noh_behavior_hello);
        client clients[4];
        for (int i = 0; i < 4; i++) {
            clients[i] = client_open(s.port);
            client_get(&clients[i], "/");
        }
        client_expect(&clients[0], 200, NULL);
        client_get(&clients[0], "/");
        site_stop(&s);
        CHECK_OK(noh_system_stop(s.system, 5 * NOH_SECOND));
        noh_ledger ledger;
        CHECK_OK(noh_ledger_read(s.system, &ledger));
        CHECK_EQ(noh_ledger_dead(&ledger), 0);
        CHECK_OK(noh_system_free(s.system));
        for (int i = 0; i < 4; i++) {
            client_close(&clients[i]);
        }
    }
}

static void a_server_may_be_stopped_twice_and_another_takes_its_port(void)
{
    noh_system *system = site_system();
    noh_loop *loop;
    CHECK_OK(noh_loop_new(system, &loop));
    noh_http_server *server;
    noh_http_options options = {.behavior = &noh_behavior_hello};
    CHECK_OK(noh_http_start(loop, &options, &server));
    options.port = noh_http_port(server);
    CHECK(options.port != 0);
    client c = client_open(options.port);
    CHECK_OK(noh_http_stop(server));
    CHECK_OK(noh_http_stop(server));
    CHECK(client_ends(&c, CLIENT_PATIENCE_MS));
    CHECK_EQ(client_try_connect(options.port), -1);
    CHECK_EQ(noh_http_port(server), options.port);
    noh_http_server *next;
    CHECK_OK(noh_http_start(loop, &options, &next));
    CHECK_OK(noh_http_free(server));
    CHECK_OK(noh_http_free(next));
    client_close(&c);
    CHECK_OK(noh_loop_free(loop));
    CHECK_OK(noh_system_free(system));
}

/* In the wrong order, but a program may be ended from many places. */
static void the_system_may_stop_first(void)
{
    site s;
    begin(&s, &noh_behavior_moody);
    client waiting = client_open(s.port);
    client_get(&waiting, "/later");
    client idle = client_open(s.port);
    client_get(&idle, "/gone");
    client_expect(&idle, 204, NULL);
    CHECK_OK(noh_system_stop(s.system, 5 * NOH_SECOND));
    client_expect(&waiting, 503, NULL);
    CHECK(client_ends(&waiting, CLIENT_PATIENCE_MS));
    CHECK(client_ends(&idle, CLIENT_PATIENCE_MS));
    CHECK_EQ(client_try_connect(s.port), -1);
    client_close(&waiting);
    client_close(&idle);
    site_end(&s);
}

static void only_loopback_is_served_unless_told(void)
{
    static const char *const outside[] = {"0.0.0.0", "::", "192.0.2.1", "::ffff:192.0.2.1"};
    for (size_t i = 0; i < 4; i++) {
        noh_http_options options = {.behavior = &noh_behavior_hello, .address = outside[i]};
        site s;
        site_try(&s, NULL, &options, 1);
        CHECK_ERR(s.err, NOH_E_INVAL);
        CHECK(strstr(site_log, "not loopback") != NULL);
        site_end(&s);
    }
    noh_http_options options = {
        .behavior = &noh_behavior_hello, .address = "0.0.0.0", .allow_public = true};
    site s;
    site_begin(&s, NULL, &options);
    client c = client_open(s.port);
    client_get(&c, "/");
    client_expect(&c, 200, NULL);
    client_close(&c);
    site_end(&s);
}

static void wrong_options_are_refused(void)
{
    static const noh_http_options wrong[] = {
        {.address = "localhost", .behavior = &noh_behavior_hello},
        {.address = "", .behavior = &noh_behavior_hello},
        {.port = 0},
        {.behavior = &noh_behavior_hello, .handler = {1}},
        {.behavior = &noh_behavior_hello, .request_timeout_ns = -1},
        {.behavior = &noh_behavior_hello, .header_timeout_ns = -1},
        {.behavior = &noh_behavior_hello, .keep_alive_ns = -NOH_SECOND},
        {.behavior = &noh_behavior_hello, .stop_grace_ns = INT64_MIN},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        site s;
        site_try(&s, NULL, &wrong[i], 1);
        CHECK_ERR(s.err, NOH_E_INVAL);
        site_end(&s);
    }
    CHECK_ERR(noh_http_start(NULL, NULL, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_http_stop(NULL), NOH_E_INVAL);
    CHECK_OK(noh_http_free(NULL));
    CHECK_EQ(noh_http_port(NULL), 0);
}

static void a_handler_that_has_ended_is_refused(void)
{
    noh_system *system = site_system();
    noh_self *self = noh_system_self(system);
    noh_ref actor = noh_spawn(self, hello);
    CHECK_OK(noh_stop(self, actor, NOH_STOP_DRAIN));
    CHECK_OK(noh_join(self, actor, 5 * NOH_SECOND, NULL));
    noh_http_options options = {.handler = actor};
    site s;
    site_try(&s, system, &options, 1);
    CHECK_ERR(s.err, NOH_E_GONE);
    CHECK(strstr(site_log, "has ended") != NULL);
    site_end(&s);
}

static void a_port_that_is_taken_is_an_error(void)
{
    site s;
    begin(&s, &noh_behavior_hello);
    noh_http_options options = {.behavior = &noh_behavior_hello, .port = s.port};
    site t;
    site_try(&t, NULL, &options, 1);
    CHECK_ERR(t.err, NOH_E_TAKEN);
    CHECK(strstr(site_log, "cannot listen") != NULL);
    site_end(&t);
    site_end(&s);
    site_begin(&t, NULL, &options); /* and it is free again at once */
    client c = client_open(t.port);
    client_get(&c, "/");
    client_expect(&c, 200, NULL);
    client_close(&c);
    site_end(&t);
}

static noh_err nested_stop;

typedef struct stopper {
    int unused;
} stopper;

static noh_http_server *_Atomic stopper_server;

static noh_err try_to_stop(noh_self *self, stopper *me, const noh_http_request *request)
{
    nested_stop = noh_http_stop(atomic_load(&stopper_server));
    return noh_reply(self, noh_http_response, .body = noh_http_text("tried"));
}

NOH_BEHAVIOR(stopper, NOH_ON(noh_http_request, try_to_stop));

static void a_handler_cannot_stop_the_server(void)
{
    site s;
    begin(&s, &noh_behavior_stopper);
    atomic_store(&stopper_server, s.servers[0]);
    client c = client_open(s.port);
    client_get(&c, "/");
    client_expect(&c, 200, "tried");
    CHECK_ERR(nested_stop, NOH_E_CONTEXT);
    client_close(&c);
    site_end(&s);
}

/* Every answer must be the one to its own question. */
static void many_clients_at_once_get_their_own_answers(void)
{
    enum { CLIENTS = 64, ROUNDS = 60 };
    site s;
    begin(&s, &noh_behavior_echo);
    client clients[CLIENTS];
    bool chunked[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_open(s.port);
    }
    uint64_t random = test_seed("test_http_http", 11);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CLIENTS; i++) {
            char request[256], body[64];
            int size = snprintf(body, sizeof body, "%d/%d", i, round);
            chunked[i] = test_below(&random, 4) == 0;
            snprintf(request, sizeof request,
                     chunked[i] ? "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: "
                                  "chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
                                : "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n%s",
                     (unsigned)size, body);
            client_send(&clients[i], request);
        }
        for (int i = 0; i < CLIENTS; i++) {
            char body[64];
            snprintf(body, sizeof body, "%d/%d", i, round);
            client_expect(&clients[i], 200, body);
            if (chunked[i]) {
                CHECK(client_ends(&clients[i], CLIENT_PATIENCE_MS));
                client_close(&clients[i]);
                clients[i] = client_open(s.port);
            }
        }
    }
    for (int i = 0; i < CLIENTS; i++) {
        client_close(&clients[i]);
    }
    site_end(&s);
}

static const test_case cases[] = {
    TEST(it_says_hello),
    TEST(handlers_see_the_whole_request),
    TEST(the_host_of_a_target_is_taken_off),
    TEST(one_connection_serves_many_requests),
    TEST(pipelined_requests_are_answered_in_order),
    TEST(head_is_answered_without_a_body),
    TEST(old_and_unwilling_clients_get_a_close),
    TEST(a_client_that_closed_its_side_gets_its_answer),
    TEST(bodies_come_and_go_whole),
    TEST(chunked_bodies_are_put_together),
    TEST(nothing_is_read_behind_a_chunked_request),
    TEST(servers_of_one_loop_have_their_own_behaviors),
    TEST(answers_may_be_redirections_and_have_headers),
    TEST(errors_of_the_handler_are_500),
    TEST(requests_behind_a_failure_are_asked_again),
    TEST(a_handler_that_always_fails_is_not_spawned_without_end),
    TEST(a_handler_that_has_ended_is_503),
    TEST(requests_may_be_answered_later),
    TEST(a_handler_that_takes_too_long_is_503_and_its_late_answer_harmless),
    TEST(a_full_mailbox_is_503_with_retry_after),
    TEST(the_end_finds_clients_in_every_phase),
    TEST(open_requests_are_answered_before_the_end),
    TEST(the_end_leaves_no_dead_letters),
    TEST(a_server_may_be_stopped_twice_and_another_takes_its_port),
    TEST(the_system_may_stop_first),
    TEST(only_loopback_is_served_unless_told),
    TEST(wrong_options_are_refused),
    TEST(a_handler_that_has_ended_is_refused),
    TEST(a_port_that_is_taken_is_an_error),
    TEST(a_handler_cannot_stop_the_server),
    TEST(many_clients_at_once_get_their_own_answers),
};
TEST_MAIN(cases)
