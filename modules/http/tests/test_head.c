/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: each rule of head.c by itself, also those that libmicrohttpd would not let through today.
 * Method: heads are put together from parts, as the library hands them over: name, colon, blanks
 * and value in one piece of memory. */
#include "head.h"

#include "test.h"

static const nohi_head_limits limits = {.bytes = 2000, .target = 100, .headers = 8, .body = 1000};

/* The verdict on a request line and "Name: value" lines, the last NULL; `extra` bytes are in the
 * head that no part accounts for. */
static unsigned judge(const char *method, const char *target, const char *version,
                      const char *const *lines, size_t extra)
{
    static char memory[64][512];
    noh_http_header headers[8];
    nohi_head head;
    nohi_head_init(&head, method, nohi_head_read_target(target), version, headers);
    size_t size = strlen(method) + strlen(target) + strlen(version) + 6;
    for (size_t i = 0; lines[i] != NULL; i++) {
        snprintf(memory[i], sizeof memory[i], "%s", lines[i]);
        char *colon = strchr(memory[i], ':');
        *colon = '\0';
        char *value = colon + 1 + strspn(colon + 1, " \t");
        size += strlen(lines[i]) + 2;
        nohi_head_add(&head, &limits, memory[i], (size_t)(colon - memory[i]), value, strlen(value));
    }
    return nohi_head_verdict(&head, &limits, size + extra);
}

#define LINES(...) \
    (const char *const[]) \
    { \
        __VA_ARGS__, NULL \
    }
#define JUDGE(...) judge("GET", "/", "HTTP/1.1", LINES(__VA_ARGS__), 0)

static void good_heads_pass(void)
{
    CHECK_EQ(JUDGE("Host: a"), 0);
    CHECK_EQ(JUDGE("Host:a"), 0);
    CHECK_EQ(JUDGE("hOST:   a"), 0);
    CHECK_EQ(JUDGE("Host: a", "Content-Length: 1000"), 0);
    CHECK_EQ(JUDGE("Host: a", "Transfer-Encoding: Chunked"), 0);
    CHECK_EQ(JUDGE("Host: a", "X: caf\xc3\xa9\tau lait"), 0);
    CHECK_EQ(JUDGE("Host: a", "X:"), 0);
    CHECK_EQ(judge("GET", "/", "HTTP/1.0", (const char *const[]){NULL}, 0), 0);
    CHECK_EQ(judge("M-SEARCH", "/", "HTTP/1.1", LINES("Host: a"), 0), 0);
    CHECK_EQ(judge("OPTIONS", "*", "HTTP/1.1", LINES("Host: a"), 0), 0);
    CHECK_EQ(judge("GET", "http://a:80/b", "HTTP/1.1", LINES("Host: A:80"), 0), 0);
    CHECK_EQ(judge("GET", "http://a/b", "HTTP/1.0", LINES("X: y"), 0), 0);
    CHECK_EQ(JUDGE("Host: a", "Expect: 100-Continue"), 0);
}

static void framing_must_be_clear(void)
{
    CHECK_EQ(JUDGE("Host: a", "Content-Length: 5", "Content-Length: 5"), 400);
    CHECK_EQ(JUDGE("Host: a", "Content-Length: 5", "Transfer-Encoding: chunked"), 400);
    CHECK_EQ(JUDGE("Host: a", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 400);
    CHECK_EQ(JUDGE("Host: a", "Transfer-Encoding: gzip, chunked"), 400);
    CHECK_EQ(JUDGE("Host: a", "Transfer-Encoding:"), 400);
    CHECK_EQ(judge("GET", "/", "HTTP/1.0", LINES("Transfer-Encoding: chunked"), 0), 400);
    static const char *const lengths[] = {"",   "+5", "-5", "0x5", "5,5",
                                          "5 ", "5a", "٥",  "1e3", "99999999999999999999"};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char line[64];
        snprintf(line, sizeof line, "Content-Length: %s", lengths[i]);
        CHECK_EQ(JUDGE("Host: a", line), 400);
    }
}

static void there_is_one_host(void)
{
    CHECK_EQ(JUDGE("X: y"), 400);
    CHECK_EQ(JUDGE("Host: a", "Host: a"), 400);
    CHECK_EQ(judge("GET", "/", "HTTP/1.0", LINES("Host: a", "host: b"), 0), 400);
}

static void a_host_is_a_host(void)
{
    static const char *const good[] = {"a",   "a.example.", "a_b-c~d",     "127.0.0.1",
                                       "a:1", "a:",         "[::1]:65535", "[2001:DB8::1.2.3.4]"};
    static const char *const bad[] = {"",      ":80",   "a b",  "a,b",         "a/b",    "a@b",
                                      "a:b",   "a:1:2", "a%20", "[::1",        "[::1]a", "[]x",
                                      "[::g]", "[]",    "[::g", "[:/]",        "::1",    "http://a",
                                      "a?b",   "a\tb",  "a#b",  "caf\xc3\xa9", "a;b"};
    char line[64];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(line, sizeof line, "Host: %s", good[i]);
        CHECK_EQ(JUDGE(line), 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(line, sizeof line, "Host: %s", bad[i]);
        CHECK_EQ(JUDGE(line), 400);
        CHECK_EQ(judge("GET", "/", "HTTP/1.0", LINES(line), 0), 400);
    }
}

/* HED-5 */
static void targets_have_a_form(void)
{
    static const struct {
        const char *method;
        const char *target;
        unsigned status;
    } targets[] = {
        {"GET", "*", 400},           {"OPTIONS", "*?a", 400},     {"OPTIONS", "%2a", 400},
        {"GET", "a", 400},           {"GET", "%2Fa", 400},        {"GET", "?a", 400},
        {"GET", "a:80", 400},        {"GET", "http:/", 400},      {"GET", "http:///b", 400},
        {"GET", "https://a/", 400},  {"GET", "ftp://a/", 400},    {"GET", "http://b/", 400},
        {"GET", "http://aa/", 400},  {"GET", "http://a:80", 400}, {"GET", "http://b@a/", 400},
        {"GET", "http://%61/", 400}, {"CONNECT", "a:80", 501},    {"CONNECT", "/", 501},
        {"GET", "HTTP://A/", 0},     {"GET", "http://a?b", 0},    {"OPTIONS", "http://a", 0},
        {"GET", "//a", 0},           {"GET", "/http://b/", 0},    {"DELETE", "/*", 0},
    };
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        unsigned status =
            judge(targets[i].method, targets[i].target, "HTTP/1.1", LINES("Host: a"), 0);
        if (status != targets[i].status) {
            test_failed(__FILE__, __LINE__, "%s %s: %u, not %u", targets[i].method,
                        targets[i].target, status, targets[i].status);
        }
    }
    CHECK_EQ(judge("GET", "http://a,b/", "HTTP/1.0", LINES("X: y"), 0), 400);
    CHECK_EQ(nohi_head_read_target("http://a/b?c").path_at, 8);
    CHECK_EQ(nohi_head_read_target("http://a?b").path_at, 8);
    CHECK_EQ(nohi_head_read_target("/http://a").path_at, 0);
}

static void expectations_that_we_do_not_know_are_417(void)
{
    CHECK_EQ(JUDGE("Host: a", "Expect: 200-ok"), 417);
    CHECK_EQ(JUDGE("Host: a", "Expect:"), 417);
    CHECK_EQ(JUDGE("Host: a", "Expect: 100-continue, 200-ok"), 417);
    CHECK_EQ(JUDGE("Host: a", "Expect: 100-continue", "Expect: more"), 417);
    CHECK_EQ(JUDGE("Expect: more"), 400); /* what is worse comes first */
}

static void names_and_values_are_clean(void)
{
    CHECK_EQ(JUDGE("Host: a", "X : y"), 400);
    CHECK_EQ(JUDGE("Host: a", " X: y"), 400);
    CHECK_EQ(JUDGE("Host: a", ": y"), 400);
    CHECK_EQ(JUDGE("Host: a", "X\x01: y"), 400);
    CHECK_EQ(JUDGE("Host: a", "caf\xc3\xa9: y"), 400);
    CHECK_EQ(JUDGE("Host: a", "X: y\rz"), 400);
    CHECK_EQ(JUDGE("Host: a", "X: \x7f"), 400);
    CHECK_EQ(judge("GE T", "/", "HTTP/1.1", LINES("Host: a"), 0), 400);
    CHECK_EQ(judge("", "/", "HTTP/1.1", LINES("Host: a"), 0), 400);
}

static void targets_are_clean(void)
{
    static const char *const bad[] = {"", "/a b", "/a\tb", "/a%00b", "/a?b=%00", "/\x7f", "/a\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_EQ(judge("GET", bad[i], "HTTP/1.1", LINES("Host: a"), 0), 400);
    }
    nohi_target seen = nohi_head_read_target("/a?b?c");
    CHECK(seen.is_good);
    CHECK_EQ(seen.size, 6);
    CHECK_EQ(seen.query_at, 2);
    CHECK_EQ(nohi_head_read_target("/abc").query_at, 4);
}

/* HED-4: a folded line, a bare LF, a NUL leave bytes over, or too few. */
static void bytes_that_belong_to_no_part_are_refused(void)
{
    CHECK_EQ(judge("GET", "/", "HTTP/1.1", LINES("Host: a"), 1), 400);
    CHECK_EQ(judge("GET", "/", "HTTP/1.1", LINES("Host: a"), (size_t)-1), 400);

    /* a value that was moved away from its name */
    static const char moved[] = "a\0Host";
    noh_http_header headers[8];
    nohi_head head;
    nohi_head_init(&head, "GET", nohi_head_read_target("/"), "HTTP/1.1", headers);
    nohi_head_add(&head, &limits, moved + 2, 4, moved, 1);
    CHECK_EQ(nohi_head_verdict(&head, &limits, 0), 400);
}

static void limits_have_their_own_status(void)
{
    char target[102];
    memset(target, '/', sizeof target);
    target[101] = '\0';
    CHECK_EQ(judge("GET", target, "HTTP/1.1", LINES("Host: a"), 0), 414);
    CHECK_EQ(judge("GET", target + 1, "HTTP/1.1", LINES("Host: a"), 0), 0);
    CHECK_EQ(JUDGE("Host: a", "A: b", "A: b", "A: b", "A: b", "A: b", "A: b", "A: b"), 0);
    CHECK_EQ(JUDGE("Host: a", "A: b", "A: b", "A: b", "A: b", "A: b", "A: b", "A: b", "A: b"), 431);
    char line[501];
    memset(line, 'a', sizeof line);
    memcpy(line, "X: ", 3);
    line[500] = '\0';
    CHECK_EQ(JUDGE("Host: a", line, line, line), 0);
    CHECK_EQ(JUDGE("Host: a", line, line, line, line), 431);
    CHECK_EQ(JUDGE("Host: a", "Content-Length: 1001"), 413);
}

static const test_case cases[] = {
    TEST(good_heads_pass),
    TEST(framing_must_be_clear),
    TEST(there_is_one_host),
    TEST(a_host_is_a_host),
    TEST(targets_have_a_form),
    TEST(expectations_that_we_do_not_know_are_417),
    TEST(names_and_values_are_clean),
    TEST(targets_are_clean),
    TEST(bytes_that_belong_to_no_part_are_refused),
    TEST(limits_have_their_own_status),
};
TEST_MAIN(cases)
