/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The test harness: checks that print both values and abort, and a table of cases.
 *
 *     static void two_and_two_make_four(void)
 *     {
 *         CHECK_EQ(2 + 2, 4);
 *     }
 *
 *     static const test_case cases[] = {TEST(two_and_two_make_four)};
 *     TEST_MAIN(cases)
 *
 * A case that is not in the table is an unused function, hence a compile error. The program takes a
 * part of a case's name and runs only those. Checks may be used on any thread. */
#ifndef NOH_TEST_H
#define NOH_TEST_H

#include <noh/err.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct test_case {
    const char *name;
    void (*run)(void);
} test_case;

#define TEST(function) \
    { \
#function, function \
    }

#define CHECK(condition) ((condition) ? (void)0 : test_failed(__FILE__, __LINE__, "%s", #condition))

/* Integers, enums and booleans; both are printed. Each argument is evaluated once. */
#define CHECK_EQ(a, b) test_equal(__FILE__, __LINE__, #a " == " #b, (long long)(a), (long long)(b))

/* Text; NULL equals NULL. */
#define CHECK_TEXT(a, b) test_equal_text(__FILE__, __LINE__, #a " == " #b, (a), (b))

/* A noh_err that must be NOH_OK, or another one. */
#define CHECK_OK(err) CHECK_ERR(err, NOH_OK)
#define CHECK_ERR(err, expected) test_equal_err(__FILE__, __LINE__, #err, (err), (expected))

#define TEST_MAIN(cases) \
    int main(int argc, char **argv) \
    { \
        return test_main((cases), sizeof(cases) / sizeof *(cases), argc > 1 ? argv[1] : ""); \
    }

/* Of a function that runs off its stack: ThreadSanitizer holds locks of its own where one begins and ends,
 * and what faults there never gives them back. Not inlined, for its frame is what it is about. */
#ifdef __SANITIZE_THREAD__
#define TEST_PLAIN __attribute__((noinline, no_sanitize("thread")))
#else
#define TEST_PLAIN __attribute__((noinline))
#endif

__attribute__((format(printf, 3, 4), noreturn)) static inline void
test_failed(const char *file, int line, const char *format, ...)
{
    char text[1024];
    __builtin_va_list arguments;
    __builtin_va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    __builtin_va_end(arguments);
    fflush(stdout);
    fprintf(stderr, "%s:%d: check failed: %s\n", file, line, text);
    abort();
}

static inline void test_equal(const char *file, int line, const char *what, long long a,
                              long long b)
{
    if (a != b) {
        test_failed(file, line, "%s: %lld and %lld", what, a, b);
    }
}

static inline void test_equal_text(const char *file, int line, const char *what, const char *a,
                                   const char *b)
{
    if (a == NULL || b == NULL ? a != b : strcmp(a, b) != 0) {
        test_failed(file, line, "%s:\n    \"%s\" and\n    \"%s\"", what, a == NULL ? "(NULL)" : a,
                    b == NULL ? "(NULL)" : b);
    }
}

static inline void test_equal_err(const char *file, int line, const char *what, noh_err err,
                                  noh_err expected)
{
    if (err != expected) {
        test_failed(file, line, "%s: %s, not %s", what, noh_err_name(err), noh_err_name(expected));
    }
}

/* "closed_mailbox_refuses" -> "closed mailbox refuses" */
static inline void test_print_sentence(const char *name)
{
    for (; *name != 0; name++) {
        putchar(*name == '_' ? ' ' : *name);
    }
    putchar('\n');
}

static inline int test_main(const test_case *cases, size_t count, const char *filter)
{
    size_t ran = 0;
    for (size_t i = 0; i < count; i++) {
        if (strstr(cases[i].name, filter) == NULL) {
            continue;
        }
        cases[i].run();
        ran++;
        printf("ok %zu - ", ran);
        test_print_sentence(cases[i].name);
        fflush(stdout);
    }
    if (ran == 0) {
        fprintf(stderr, "no case has \"%s\" in its name\n", filter);
        return 1;
    }
    return 0;
}

/* ---- chance ------------------------------------------------------------------------------- */

/* The seed of a randomised case: NOH_SEED if set, else `otherwise`. Printed before anything can
 * fail. */
static inline uint64_t test_seed(const char *program, uint64_t otherwise)
{
    const char *text = getenv("NOH_SEED");
    uint64_t seed = text == NULL ? otherwise : strtoull(text, NULL, 0);
    printf("seed=%llu  rerun: NOH_SEED=%llu %s\n", (unsigned long long)seed,
           (unsigned long long)seed, program);
    fflush(stdout);
    return seed;
}

/* splitmix64 */
static inline uint64_t test_random(uint64_t *state)
{
    uint64_t bits = *state += UINT64_C(0x9e3779b97f4a7c15);
    bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
    return bits ^ (bits >> 31);
}

/* 0 … limit - 1 */
static inline uint64_t test_below(uint64_t *state, uint64_t limit)
{
    return test_random(state) % limit;
}

#endif
