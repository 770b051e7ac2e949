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
    nohi_target seen = nohi_head_read_target(target);
    nohi_head_init(&head, method, target, seen.size, version, headers);
    head.is_bad |= !seen.is_good;
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
    CHECK_EQ(judge("M-SEARCH", "*", "HTTP/1.1", LINES("Host: a"), 0), 0);
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
    nohi_head_init(&head, "GET", "/", 1, "HTTP/1.1", headers);
    nohi_head_add(&head, &limits, moved + 2, 4, moved, 1);
    CHECK_EQ(nohi_head_verdict(&head, &limits, 0), 400);
}

static void limits_have_their_own_status(void)
{
    char target[102];
    memset(target, 'a', sizeof target);
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
    TEST(names_and_values_are_clean),
    TEST(targets_are_clean),
    TEST(bytes_that_belong_to_no_part_are_refused),
    TEST(limits_have_their_own_status),
};
TEST_MAIN(cases)
