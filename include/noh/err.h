/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#ifndef NOH_ERR_H
#define NOH_ERR_H

#if defined(__GNUC__)
#define NOH_API __attribute__((visibility("default")))
#else
#define NOH_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Every error the library returns: name, number, sentence. The numbers cross the wire and the
 * language bindings: append only, never reuse one. */
#define NOH_ERR_MAP(X) \
    X(NOMEM, -1, "out of memory") \
    X(INVAL, -2, "invalid argument") \
    X(GONE, -3, "the actor has ended or never was") \
    X(FULL, -4, "the mailbox is full") \
    X(TIMEOUT, -5, "the deadline passed") \
    X(TAKEN, -6, "the name is taken") \
    X(NOT_FOUND, -7, "nothing has that name") \
    X(CONTEXT, -8, "not allowed in this place: it needs a plain thread, or a handler") \
    X(NO_ANSWER, -9, "the handler returned without an answer") \
    X(UNHANDLED, -10, "the behavior has no handler for this message") \
    X(FAILED, -11, "the handler failed") \
    X(STOPPING, -12, "the system is stopping") \
    X(TOO_BIG, -13, "larger than the limit") \
    X(WRONG_TYPE, -14, "the answer is of another type") \
    X(NOBODY, -15, "nobody asked") \
    X(ANSWERED, -16, "answered already") \
    X(SPENT, -17, "the future, timer or role was used up or cancelled") \
    X(LIMIT, -18, "a table of the system is full") \
    X(OPEN_ASKS, -19, "asks were still open; their answers become dead letters") \
    X(HELD_UP, -20, "actors still run and hold up the stop") \
    X(STOPPED, -21, "the actor was stopped before it handled the message") \
    X(OS, -22, "the operating system refused") \
    X(CYCLE, -23, "it would wait for itself") \
    X(STACK, -24, "stack overflow")

typedef enum noh_err {
    NOH_OK = 0,
#define X(name, number, text) NOH_E_##name = (number),
    NOH_ERR_MAP(X)
#undef X
} noh_err;

/* "NOH_E_GONE"; "NOH_OK"; "NOH_E_?" for a number that is none of ours. Static text. Any thread. */
NOH_API const char *noh_err_name(noh_err err);

/* The sentence of the table above. Static text. Any thread. */
NOH_API const char *noh_err_text(noh_err err);

#ifdef __cplusplus
}
#endif
#endif
