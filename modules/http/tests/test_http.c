/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: what http.h promises, seen by clients: good ones, hostile ones, ones that vanish.
 * Method: a server on a free port, on a thread of its own; the client here sends bytes. Waiting is
 * waiting for the socket. At each end the ledger of the system must add up, and under
 * AddressSanitizer no byte may be left. */
#include "client.h"
#include "site.h"

#include <stdatomic.h>

/* ---- handlers ------------------------------------------------------------------------------ */

NOH_NO_STATE(hello);

static noh_err say_hello(noh_self *self, hello *me, const noh_http_request *request)
{
    return noh_reply(self, noh_http_response, .body = noh_http_text("Hello world!"));
}

NOH_BEHAVIOR(hello, NOH_ON(noh_http_request, say_hello));

/* Gives the body back. */
NOH_NO_STATE(echo);

static noh_err give_back(noh_self *self, echo *me, const noh_http_request *request)
{
    return noh_reply(self, noh_http_response, .content_type = "application/octet-stream",
                     .body = request->body);
}

NOH_BEHAVIOR(echo, NOH_ON(noh_http_request, give_back));

/* Prints what it was asked. */
NOH_NO_STATE(mirror);

static noh_err describe(noh_self *self, mirror *me, const noh_http_request *r)
{
    char text[2048];
    int size = snprintf(text, sizeof text, "%s|%s|%s|", r->method, r->path, r->query);
    for (size_t i = 0; i < r->headers.count; i++) {
        size += snprintf(text + size, sizeof text - (size_t)size, "%s=%s;",
                         r->headers.items[i].name, r->headers.items[i].value);
    }
    const char *host = noh_http_header_value(r, "HOST");
    CHECK(noh_http_header_value(r, "nobody") == NULL);
    snprintf(text + size, sizeof text - (size_t)size, "|%s|%.*s|%.10s", host, (int)r->body.size,
             (const char *)r->body.data, r->peer);
    return noh_reply(self, noh_http_response, .body = noh_http_text(text));
}

NOH_BEHAVIOR(mirror, NOH_ON(noh_http_request, describe));

/* Does what the path says. */
NOH_MESSAGE(keep_promises);

typedef struct moody {
    noh_promise promises[512];
    size_t count;
} moody;

/* Where the next moody actor is, for tests that talk to it. */
static atomic_ullong moody_ref;
static atomic_int moody_count;

static noh_err moody_begin(noh_self *self, moody *me, const noh_nothing *nothing)
{
    atomic_store(&moody_ref, noh_self_ref(self).bits);
    atomic_fetch_add(&moody_count, 1);
    return NOH_OK;
}

static noh_err reply_with(noh_self *self, const char *path)
{
    static const noh_http_header split[] = {{"X-Bad", "a\r\nSet-Cookie: b"}};
    static const noh_http_header named[] = {{"X Bad", "a"}};
    static const noh_http_header good[] = {{"X-One", "1"}, {"x-two", "2"}, {"Content-Length", "7"}};
    if (strcmp(path, "/split") == 0) {
        return noh_reply(self, noh_http_response, .headers = {split, 1});
    }
    if (strcmp(path, "/named") == 0) {
        return noh_reply(self, noh_http_response, .headers = {named, 1});
    }
    if (strcmp(path, "/headers") == 0) {
        return noh_reply(self, noh_http_response, .headers = {good, 3});
    }
    if (strcmp(path, "/moved") == 0) {
        return noh_reply(self, noh_http_response, .location = "http://elsewhere/");
    }
    if (strcmp(path, "/odd") == 0) {
        return noh_reply(self, noh_http_response, .status = 99);
    }
    if (strcmp(path, "/gone") == 0) {
        return noh_reply(self, noh_http_response, .status = 204);
    }
    return noh_reply(self, noh_http_response, .status = 404, .content_type = "text/x-sad",
                     .body = noh_http_text("no such page"));
}

static noh_err on_request(noh_self *self, moody *me, const noh_http_request *request)
{
    const char *path = request->path;
    if (strcmp(path, "/fail") == 0) {
        return NOH_E_INVAL;
    }
    if (strcmp(path, "/jump") == 0) {
        noh_fail(self, NOH_E_INVAL, "at once");
    }
    if (strcmp(path, "/error") == 0) {
        return noh_reply_error(self, NOH_E_INVAL, "not that");
    }
    if (strcmp(path, "/silent") == 0) {
        return NOH_OK;
    }
    if (strcmp(path, "/later") == 0) {
        CHECK(me->count < 512);
        return noh_promise_take(self, &me->promises[me->count++]);
    }
    return reply_with(self, path);
}

static noh_err on_keep(noh_self *self, moody *me, const keep_promises *message)
{
    for (size_t i = 0; i < me->count; i++) {
        (void)noh_promise_keep(self, me->promises[i], noh_http_response,
                               .body = noh_http_text("at last"));
    }
    me->count = 0;
    return NOH_OK;
}

NOH_BEHAVIOR_WITH(moody, noh_nothing, moody_begin, NOH_ON(noh_http_request, on_request),
                  NOH_ON(keep_promises, on_keep));

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

static void begin(site *s, const noh_behavior *behavior)
{
    static noh_http_options options;
    options = (noh_http_options){.behavior = behavior};
    site_begin(s, NULL, &options);
}

/* Tells the moody actor of the site to keep its promises. */
static void keep(const site *s)
{
    noh_self *self = noh_system_self(s->system);
    CHECK_OK(noh_tell(self, (noh_ref){atomic_load(&moody_ref)}, keep_promises));
}

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

/* ---- limits -------------------------------------------------------------------------------- */

static void bodies_beyond_the_limit_are_413(void)
{
    noh_http_options options = {.behavior = &noh_behavior_echo, .body_max = 1000};
    site s;
    site_begin(&s, NULL, &options);
    char *big = malloc(5000);
    CHECK(big != NULL);
    memset(big, 'a', 5000);

    client c = client_open(s.port);
    client_send(&c, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1001\r\n\r\n");
    client_expect(&c, 413, "413 Content Too Large\n"); /* before it was sent */
    CHECK(client_ends(&c, CLIENT_PATIENCE_MS));
    client_close(&c);

    c = client_open(s.port); /* a chunked one is known only when it is there */
    client_send(&c, "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "3e8\r\n");
    client_send_bytes(&c, big, 1000);
    client_send(&c, "\r\n1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: test\r\n\r\n");
    client_expect(&c, 413, NULL);
    CHECK(client_ends(&c, CLIENT_PATIENCE_MS));
    client_close(&c);

    c = client_open(s.port); /* and one without end is cut */
    client_send(&c, "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 10; i++) {
        client_send(&c, "3e8\r\n");
        client_send_bytes(&c, big, 1000);
        client_send(&c, "\r\n");
    }
    CHECK(client_ends(&c, CLIENT_PATIENCE_MS));
    client_close(&c);

    c = client_open(s.port);
    client_send(&c, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n");
    client_send_bytes(&c, big, 1000);
    client_expect(&c, 200, NULL);
    client_close(&c);
    free(big);
    site_end(&s);
}

/* Sends a request with `count` headers of `size` bytes each. */
static void send_headers(client *c, int count, int size)
{
    client_send(c, "GET / HTTP/1.1\r\nHost: test\r\n");
    char *line = malloc((size_t)size + 1);
    CHECK(line != NULL);
    memset(line, 'a', (size_t)size);
    memcpy(line, "X: ", 3);
    memcpy(line + size - 2, "\r\n", 3);
    for (int i = 0; i < count; i++) {
        client_send(c, line);
    }
    client_send(c, "\r\n");
    free(line);
}

static void heads_beyond_the_limits_are_431_and_414(void)
{
    static const struct {
        int headers;
        int size;
        int status;
    } heads[] = {
        {99, 10, 200},    {100, 10, 431}, {1, 15000, 200}, {1, 16300, 431},
        {1, 100000, 431}, {30, 400, 200}, {40, 400, 431},
    };
    site s;
    begin(&s, &noh_behavior_hello);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        client c = client_open(s.port);
        send_headers(&c, heads[i].headers, heads[i].size);
        client_expect(&c, heads[i].status, NULL);
        if (heads[i].status != 200) {
            (void)client_more(&c, CLIENT_PATIENCE_MS); /* closed, or reset with bytes unread */
            CHECK_EQ(c.size, 0);
        }
        client_close(&c);
    }
    static char target[9000];
    memset(target, 'a', sizeof target - 1);
    for (size_t i = 0; i < 3; i++) {
        /* the query counts too, and needs no room in the library */
        static const size_t sizes[] = {8 * 1024, 8 * 1024 + 1, 8 * 1024};
        char request[9100];
        target[0] = '/';
        target[1] = '?';
        for (size_t k = 2; k < sizes[i]; k++) {
            target[k] = i == 2 ? '&' : 'a';
        }
        snprintf(request, sizeof request, "GET %.*s HTTP/1.1\r\nHost: test\r\n\r\n", (int)sizes[i],
                 target);
        client c = client_open(s.port);
        client_send(&c, request);
        client_expect(&c, i == 1 ? 414 : 200, NULL);
        client_close(&c);
    }
    site_end(&s);
}

/* The library reads the end of such a head in small steps, which look as if it did nothing. */
static void long_heads_do_not_take_long(void)
{
    site s;
    begin(&s, &noh_behavior_hello);
    client c = client_open(s.port);
    int64_t began = client_now_ms();
    for (int i = 0; i < 20; i++) {
        send_headers(&c, 1, 15000);
        client_expect(&c, 200, NULL);
    }
    CHECK(client_now_ms() - began < 2000);
    client_close(&c);
    site_end(&s);
}

/* Answers with a header of as many bytes as the path says. */
NOH_NO_STATE(wordy);

static noh_err answer_with_a_header(noh_self *self, wordy *me, const noh_http_request *request)
{
    static const char value[20000];
    char *text = malloc(sizeof value);
    CHECK(text != NULL);
    size_t size = strtoul(request->path + 1, NULL, 10);
    CHECK(size < sizeof value);
    memset(text, 'w', size);
    text[size] = '\0';
    noh_http_header header = {"X", text};
    noh_err err = noh_reply(self, noh_http_response, .headers = {&header, 1});
    free(text);
    return err;
}

NOH_BEHAVIOR(wordy, NOH_ON(noh_http_request, answer_with_a_header));

/* Asks with a header of `asked` bytes for one of `answered` bytes, with more requests behind. */
static int ask_for_words(uint16_t port, const char *name, int asked, int answered, int behind)
{
    client c = client_open(port);
    char *bytes = malloc(60000);
    CHECK(bytes != NULL);
    int size = snprintf(bytes, 60000, "GET /1 HTTP/1.1\r\nHost: test\r\n\r\n");
    size = behind % 2 == 0 ? size : 0; /* on a new connection, or on one that was used */
    bool is_kept = size > 0;
    size += snprintf(bytes + size, 60000, "GET /%d HTTP/1.1\r\nHost: test\r\n%s: ", answered, name);
    for (int i = 0; i < asked; i++) {
        bytes[size++] = *name == 'C' && i % 100 == 99 ? ';' : 'q';
    }
    size += snprintf(bytes + size, 100, "\r\n\r\n");
    for (int i = 0; i < behind; i++) {
        size += snprintf(bytes + size, 100, "GET /1 HTTP/1.1\r\nHost: test\r\n\r\n");
    }
    client_send_bytes(&c, bytes, (size_t)size);
    free(bytes);
    if (is_kept) {
        client_expect(&c, 200, NULL);
    }
    while (c.size == 0 || strstr(c.data, "\r\n\r\n") == NULL) {
        CHECK(client_more(&c, CLIENT_PATIENCE_MS) == 1);
    }
    int status = 0;
    sscanf(c.data, "HTTP/1.1 %d", &status);
    client_close(&c);
    return status;
}

static void answers_whose_head_is_too_large_are_500(void)
{
    static const int asked[] = {0, 1000, 5000, 8000, 9000, 10000, 12000, 15000, 16200};
    static const int behind[] = {0, 1, 10, 50, 51, 150, 151, 500, 501, 1000};
    enum { ASKED = sizeof asked / sizeof *asked, BEHIND = sizeof behind / sizeof *behind };
    noh_http_options options = {.behavior = &noh_behavior_wordy, .per_address_max = UINT32_MAX};
    site s;
    site_begin(&s, NULL, &options);
    int refused = 0;
    for (int i = 0; i < ASKED * BEHIND; i++) {
        int before = 200;
        for (int size = 100; size < 20000; size += size < 9000 ? 500 : 5000) {
            int status = ask_for_words(s.port, "X", asked[i / BEHIND], size, behind[i % BEHIND]);
            CHECK(status == 500 || (status == 200 && before == 200));
            CHECK(status == (size < 1700 ? 200 : size > 7000 ? 500 : status));
            before = status;
            refused += status == 500;
        }
        if (asked[i / BEHIND] <= 6000) {
            int status =
                ask_for_words(s.port, "Cookie", asked[i / BEHIND], 2000, behind[i % BEHIND]);
            CHECK(status == 200 || status == 500);
        }
    }
    CHECK(refused > 0);
    CHECK(strstr(site_log, "has too large a head") != NULL);
    site_end(&s);
}

/* The library keeps a copy of the cookies and a note of each; here they do not fit. */
static void cookies_that_do_not_fit_end_the_connection(void)
{
    site s;
    begin(&s, &noh_behavior_hello);
    for (int i = 0; i < 2; i++) {
        client c = client_open(s.port);
        client_send(&c, "GET / HTTP/1.1\r\nHost: test\r\nCookie: ");
        for (int k = 0; k < (i == 0 ? 50 : 1500); k++) {
            client_send(&c, i == 0 ? "a_name_of_a_cookie=a_value_of_some_length_of_a_cookie; "
                                   : "a=b; ");
        }
        client_send(&c, "\r\n\r\n");
        if (i == 0) {
            client_expect(&c, 200, NULL);
        } else {
            while (client_more(&c, CLIENT_PATIENCE_MS) > 0) {
            }
            CHECK(c.size == 0 || strncmp(c.data, "HTTP/1.1 431 ", 13) == 0);
        }
        client_close(&c);
    }
    site_end(&s);
}

static void connections_of_one_address_are_bounded(void)
{
    noh_http_options options = {.behavior = &noh_behavior_hello, .per_address_max = 3};
    site s;
    site_begin(&s, NULL, &options);
    client clients[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = client_open(s.port);
        client_get(&clients[i], "/");
        client_expect(&clients[i], 200, NULL);
    }
    client c = client_open(s.port);
    CHECK(client_ends(&c, CLIENT_PATIENCE_MS));
    client_close(&c);
    client_close(&clients[0]);
    do { /* until the server has seen it */
        client_close(&c);
        c = client_open(s.port);
        client_get(&c, "/");
    } while (client_more(&c, CLIENT_PATIENCE_MS) == 0);
    client_expect(&c, 200, NULL);
    client_close(&c);
    client_close(&clients[1]);
    client_close(&clients[2]);
    site_end(&s);
}

static void connections_beyond_the_limit_wait(void)
{
    noh_http_options options = {
        .behavior = &noh_behavior_hello, .connections_max = 2, .per_address_max = UINT32_MAX};
    site s;
    site_begin(&s, NULL, &options);
    client clients[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = client_open(s.port);
        client_get(&clients[i], "/");
    }
    client_expect(&clients[0], 200, NULL);
    client_expect(&clients[1], 200, NULL);
    CHECK_EQ(client_more(&clients[2], 50), -1);
    client_close(&clients[0]);
    client_expect(&clients[2], 200, NULL);
    client_close(&clients[1]);
    client_close(&clients[2]);
    site_end(&s);
}

/* ---- hostile clients ----------------------------------------------------------------------- */

typedef struct hostile {
    const char *name;
    const char *bytes; /* a NUL is written as \x01 */
    int status;
} hostile;

#define HEAD(first) first "\r\nHost: test\r\n"
#define POST HEAD("POST / HTTP/1.1")
#define CHUNKED POST "Transfer-Encoding: chunked\r\n"

/* Each is followed by a second request, which must never be answered. */
static const hostile hostiles[] = {
    {"content-length twice", POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400},
    {"content-length differs", POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400},
    {"content-length list", POST "Content-Length: 5, 5\r\n\r\nhello", 400},
    {"content-length signed", POST "Content-Length: +5\r\n\r\nhello", 400},
    {"content-length negative", POST "Content-Length: -5\r\n\r\nhello", 400},
    {"content-length hex", POST "Content-Length: 0x5\r\n\r\nhello", 400},
    {"content-length empty", POST "Content-Length:\r\n\r\nhello", 400},
    {"content-length huge", POST "Content-Length: 99999999999999999999\r\n\r\n", 413},
    {"content-length with a blank", POST "Content-Length: 5 \r\n\r\nhello", 400},
    {"length and chunked", CHUNKED "Content-Length: 5\r\n\r\n0\r\n\r\n", 400},
    {"chunked and length", POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400},
    {"encoding twice", CHUNKED "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"encoding gzip", POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
    {"encoding identity", POST "Transfer-Encoding: identity\r\n\r\n", 400},
    {"encoding nearly chunked", POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400},
    {"encoding in HTTP/1.0", HEAD("POST / HTTP/1.0") "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400},
    {"blank before the colon", POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
    {"tab in a name", POST "X\tY: z\r\n\r\n", 400},
    {"empty name", POST ": z\r\n\r\n", 400},
    {"no colon", POST "nonsense\r\n\r\n", 400},
    {"folded line", POST "X: y\r\n z\r\n\r\n", 400},
    {"folded encoding", POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400},
    {"folded length", POST "Content-Length:\r\n\t5\r\n\r\nhello", 400},
    {"first line folded", "GET / HTTP/1.1\r\n X: y\r\nHost: test\r\n\r\n", 400},
    {"host twice", POST "Host: other\r\n\r\n", 400},
    {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
    {"bare LF", "GET / HTTP/1.1\nHost: test\n\n", 400},
    {"one bare LF", "GET / HTTP/1.1\r\nX: y\nHost: test\r\n\r\n", 400},
    {"bare CR in a value", HEAD("GET / HTTP/1.1") "X: a\rContent-Length: 5\r\n\r\n", 400},
    {"NUL in a value",
     HEAD("GET / HTTP/1.1") "X: a\x01"
                            "b\r\n\r\n",
     400},
    {"NUL in a name", HEAD("GET / HTTP/1.1") "X\x01: a\r\n\r\n", 400},
    {"NUL in the target",
     HEAD("GET /a\x01"
          "b HTTP/1.1") "\r\n",
     400},
    {"NUL in the query",
     HEAD("GET /a?b\x01"
          "c HTTP/1.1") "\r\n",
     400},
    {"encoded NUL", HEAD("GET /a%00b HTTP/1.1") "\r\n", 400},
    {"blank in the target", HEAD("GET /a b HTTP/1.1") "\r\n", 400},
    {"two blanks", HEAD("GET  / HTTP/1.1") "\r\n", 400},
    {"blank at the end", HEAD("GET / HTTP/1.1 ") "\r\n", 400},
    {"tab in the target", HEAD("GET /a\tb HTTP/1.1") "\r\n", 400},
    {"no version", "GET /\r\n\r\n", 400},
    {"lower case version", HEAD("GET / http/1.1") "\r\n", 400},
    {"version 2", HEAD("GET / HTTP/2.0") "\r\n", 505},
    {"version 1.2", HEAD("GET / HTTP/1.10") "\r\n", 400},
    {"odd method", HEAD("G(T / HTTP/1.1") "\r\n", 400},
    {"chunk size not hex", CHUNKED "\r\nxyz\r\nhello\r\n0\r\n\r\n", 400},
    {"chunk size signed", CHUNKED "\r\n+5\r\nhello\r\n0\r\n\r\n", 400},
    {"chunk size 0x", CHUNKED "\r\n0x5\r\nhello\r\n0\r\n\r\n", 400},
    {"chunk size huge", CHUNKED "\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n", 413},
    {"chunk without end", CHUNKED "\r\n5\r\nhelloX\r\n0\r\n\r\n", 400},
    {"host empty", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
    {"host with a blank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"host is a list", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400},
    {"target without a slash", HEAD("GET a HTTP/1.1") "\r\n", 400},
    {"target with an encoded slash", HEAD("GET %2fa HTTP/1.1") "\r\n", 400},
    {"asterisk", HEAD("GET * HTTP/1.1") "\r\n", 400},
    {"other host", HEAD("GET http://other/ HTTP/1.1") "\r\n", 400},
    {"user and host", HEAD("GET http://user@test/ HTTP/1.1") "\r\n", 400},
    {"host with an escape", HEAD("GET http://t%65st/ HTTP/1.1") "\r\n", 400},
    {"other scheme", HEAD("GET https://test/ HTTP/1.1") "\r\n", 400},
    {"no host in the target", HEAD("GET http:///a HTTP/1.1") "\r\n", 400},
    {"connect", HEAD("CONNECT test:80 HTTP/1.1") "\r\n", 501},
    {"connect to a path", HEAD("CONNECT / HTTP/1.1") "\r\n", 501},
    {"unknown expectation", POST "Expect: 200-ok\r\nContent-Length: 5\r\n\r\nhello", 417},
    {"TLS", "\x16\x03\x01\x02\x05\x01\r\n\r\n", 0},
};

static void hostile_requests_are_refused_and_the_connection_ends(void)
{
    static const char second[] = "GET /second HTTP/1.1\r\nHost: test\r\n\r\n";
    noh_http_options options = {.behavior = &noh_behavior_echo, .per_address_max = UINT32_MAX};
    site s;
    site_begin(&s, NULL, &options);
    for (size_t i = 0; i < sizeof hostiles / sizeof *hostiles; i++) {
        const hostile *h = &hostiles[i];
        char bytes[1024];
        size_t size = (size_t)snprintf(bytes, sizeof bytes, "%s%s", h->bytes, second);
        for (size_t k = 0; k < size; k++) {
            bytes[k] = bytes[k] == '\x01' ? '\0' : bytes[k];
        }
        client c = client_open(s.port);
        client_send_bytes(&c, bytes, size);
        while (client_more(&c, CLIENT_PATIENCE_MS) > 0) {
        }
        int status = 0;
        if (c.size > 0) {
            c.data[c.size] = '\0';
            sscanf(c.data, "HTTP/1.1 %d", &status);
        }
        if (status != h->status || (c.size > 0 && strstr(c.data, " 200 ") != NULL)) {
            test_failed(__FILE__, __LINE__, "%s: status %d, not %d", h->name, status, h->status);
        }
        client_close(&c);
    }
    client c = client_open(s.port);
    client_get(&c, "/");
    client_expect(&c, 200, "");
    client_close(&c);
    site_end(&s);
    printf("# %zu hostile requests\n", sizeof hostiles / sizeof *hostiles);
}

/* Sends a byte each 20 ms, so it is never idle. Returns how long it was let. */
static int64_t drip(client *c, const char *first)
{
    int64_t began = client_now_ms();
    client_send(c, first);
    while (client_more(c, 20) == -1 && client_now_ms() - began < CLIENT_PATIENCE_MS) {
        client_send(c, "a");
    }
    return client_now_ms() - began;
}

static void clients_that_drip_are_cut(void)
{
    static const char *const firsts[] = {
        "",
        "GET / HT",
        "GET / HTTP/1.1\r\nHost: test\r\nX: ",
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10000\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5;",
    };
    noh_http_options options = {.behavior = &noh_behavior_hello,
                                .header_timeout_ns = 200 * NOH_MS,
                                .keep_alive_ns = 300 * NOH_MS};
    site s;
    site_begin(&s, NULL, &options);
    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
        client c = client_open(s.port);
        int64_t took = drip(&c, firsts[i]);
        CHECK(took >= 190 && took < 2000);
        client_close(&c);
    }
    client c = client_open(s.port); /* and on a connection that was good once */
    client_get(&c, "/");
    client_expect(&c, 200, NULL);
    int64_t took = drip(&c, "GET / HTTP/1.1\r\nX: ");
    CHECK(took >= 290 && took < 2000);
    client_close(&c);
    c = client_open(s.port); /* idle ones go too */
    client_get(&c, "/");
    client_expect(&c, 200, NULL);
    CHECK(client_ends(&c, CLIENT_PATIENCE_MS));
    client_close(&c);
    site_end(&s);
}

/* An endless chunk extension fills the library's memory; it must not keep the loop busy. */
static void a_client_that_gets_the_library_stuck_does_not_keep_the_loop_busy(void)
{
    noh_http_options options = {.behavior = &noh_behavior_hello, .header_timeout_ns = 300 * NOH_MS};
    site s;
    site_begin(&s, NULL, &options);
    client c = client_open(s.port);
    client_send(&c, "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5;");
    char *extension = malloc(100000);
    CHECK(extension != NULL);
    memset(extension, 'a', 100000);
    client_send_bytes(&c, extension, 100000);
    free(extension);
    clockid_t clock;
    CHECK_EQ(pthread_getcpuclockid(s.thread, &clock), 0);
    struct timespec before, after;
    clock_gettime(clock, &before);
    client other = client_open(s.port);
    client_get(&other, "/");
    client_expect(&other, 200, NULL);
    CHECK(client_ends(&c, CLIENT_PATIENCE_MS));
    clock_gettime(clock, &after);
    int64_t used_ms =
        (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
    CHECK(used_ms < 100); /* of about 300 */
    client_close(&c);
    client_close(&other);
    site_end(&s);
}

NOH_NO_STATE(giant);

static noh_err answer_much(noh_self *self, giant *me, const noh_http_request *request)
{
    size_t size = strcmp(request->path, "/small") == 0 ? 100 * 1024 : 16 * 1024 * 1024;
    char *bytes = malloc(size);
    CHECK(bytes != NULL);
    memset(bytes, 'g', size);
    noh_err err = noh_reply(self, noh_http_response, .body = {bytes, size});
    free(bytes);
    return err;
}

NOH_BEHAVIOR(giant, NOH_ON(noh_http_request, answer_much));

static void clients_that_do_not_read_are_cut(void)
{
    noh_http_options options = {.behavior = &noh_behavior_giant, .keep_alive_ns = 200 * NOH_MS};
    site s;
    site_begin(&s, NULL, &options);
    client good = client_open(s.port);
    client_get(&good, "/");
    response r;
    CHECK(client_read(&good, true, &r));
    CHECK_EQ(r.size, 16 * 1024 * 1024);
    free(r.body);
    client_close(&good);

    client c = client_open(s.port);
    client_get(&c, "/");
    struct pollfd p = {.fd = c.fd};
    CHECK_EQ(poll(&p, 1, 1000), 0); /* takes nothing for that long */
    while (client_more(&c, CLIENT_PATIENCE_MS) > 0) {
    }
    CHECK(c.size > 0 && c.size < 16 * 1024 * 1024);
    client_close(&c);
    site_end(&s);
}

/* The buffers are full when the answer begins that does not fit: what was taken before it does not
 * count. Requests that nobody has read make the end a reset, which can be seen without reading. */
static void a_client_that_stopped_reading_is_cut_after_one_period(void)
{
    noh_http_options options = {.behavior = &noh_behavior_giant, .keep_alive_ns = 600 * NOH_MS};
    site s;
    site_begin(&s, NULL, &options);
    client c = client_open(s.port);
    int room = 16 * 1024; /* the system would take all answers */
    setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    int64_t began = client_now_ms();
    for (int i = 0; i < 2000; i++) {
        client_get(&c, "/small");
    }
    struct pollfd p = {.fd = c.fd};
    CHECK_EQ(poll(&p, 1, CLIENT_PATIENCE_MS), 1);
    int64_t took = client_now_ms() - began;
    CHECK(took >= 590 && took < 1150);
    client_close(&c);
    site_end(&s);
}

/* They vanish while their request is with the handler, some with half of the next one sent. */
static void clients_that_vanish_leave_nothing_behind(void)
{
    enum { CLIENTS = 200 };
    noh_http_options options = {.behavior = &noh_behavior_moody,
                                .connections_max = CLIENTS,
                                .per_address_max = UINT32_MAX,
                                .request_timeout_ns = 300 * NOH_MS};
    site s;
    site_begin(&s, NULL, &options);
    for (int i = 0; i < CLIENTS; i++) {
        client c = client_open(s.port);
        client_get(&c, "/later");
        if (i % 3 == 0) {
            client_send(&c, "GET /next HT");
        }
        if (i % 2 == 0) {
            client_reset(&c);
        } else {
            client_close(&c);
        }
    }
    keep(&s); /* those that got there; the others keep theirs until the end */
    client clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_open(s.port);
        client_get(&clients[i], "/gone");
    }
    for (int i = 0; i < CLIENTS; i++) { /* all at once: nobody holds a place any more */
        client_expect(&clients[i], 204, NULL);
    }
    for (int i = 0; i < CLIENTS; i++) {
        client_close(&clients[i]);
    }
    site_end(&s);
}

static void clients_may_vanish_in_any_phase(void)
{
    static const char *const parts[] = {
        "",
        "GET",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: test\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "GET / HTTP/1.1\r\nHost: test\r\n\r\nGET / HTTP/1.1\r\nHost: test\r\n\r\nGET / HT",
    };
    enum { PARTS = sizeof parts / sizeof *parts };
    site s;
    begin(&s, &noh_behavior_echo);
    for (size_t i = 0; i < 50 * PARTS; i++) {
        client c = client_open(s.port);
        client_send(&c, parts[i % PARTS]);
        if (i / PARTS % 2 == 0) {
            client_reset(&c);
        } else {
            client_close(&c);
        }
    }
    client c = client_open(s.port);
    client_get(&c, "/");
    client_expect(&c, 200, "");
    client_close(&c);
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
    TEST(bodies_beyond_the_limit_are_413),
    TEST(heads_beyond_the_limits_are_431_and_414),
    TEST(long_heads_do_not_take_long),
    TEST(answers_whose_head_is_too_large_are_500),
    TEST(cookies_that_do_not_fit_end_the_connection),
    TEST(connections_of_one_address_are_bounded),
    TEST(connections_beyond_the_limit_wait),
    TEST(hostile_requests_are_refused_and_the_connection_ends),
    TEST(clients_that_drip_are_cut),
    TEST(a_client_that_gets_the_library_stuck_does_not_keep_the_loop_busy),
    TEST(clients_that_do_not_read_are_cut),
    TEST(a_client_that_stopped_reading_is_cut_after_one_period),
    TEST(clients_that_vanish_leave_nothing_behind),
    TEST(clients_may_vanish_in_any_phase),
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
