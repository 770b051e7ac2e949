/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: the limits of http.h hold, and hostile clients, slow ones and ones that vanish harm nobody
 * but themselves.
 * Method: as in test_http.c. Where a client must be cut in time, the time is checked from both
 * sides. */
#include "handlers.h"

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
    size_t size = strtoul(request->path + 1, NULL, 10);
    char *text = malloc(size + 1);
    CHECK(text != NULL);
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

static const test_case cases[] = {
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
};
TEST_MAIN(cases)
