/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A probe: an actor for tests, which keeps what it is sent until the test asks for it, and answers what
 * the test says. Where the tested actor has colleagues, put a probe, under a name if they are found by it.
 *
 *     noh_probe *clerk;
 *     noh_probe_new(me, &clerk);
 *     noh_ref desk = noh_spawn(me, front_desk, .clerk = noh_probe_ref(clerk));
 *     noh_tell(me, desk, customer, .name = "Ada");
 *     const task *t;
 *     assert(noh_probe_expect(me, clerk, task, NOH_SECOND, &t) == NOH_OK);
 *     assert(noh_probe_reply(me, clerk, done, .number = t->number) == NOH_OK);
 *     assert(noh_probe_expect_none(me, clerk, NOH_SECOND) == NOH_OK);
 *
 * All of it are errors like any other, so it goes with any test framework. On the system's clock: in a
 * simulated world (testkit.h) no second is waited for. */
#ifndef NOH_PROBE_H
#define NOH_PROBE_H

#include <noh/noh.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct noh_probe noh_probe;

/* Spawns one. The caller owns it; one self uses it at a time. Errors: NOMEM, those of a spawn and of
 * waiting. With self; waits. */
NOH_API noh_err noh_probe_new(noh_self *self, noh_probe **ret_probe);
/* Ends it: what nobody asked for becomes dead letters. NULL is allowed; before the system is freed. With
 * self; waits. */
NOH_API void noh_probe_free(noh_self *self, noh_probe *probe);

/* Its ref, also when it has ended. */
NOH_API noh_ref noh_probe_ref(const noh_probe *probe);

/* The next message must be a T, and come within `timeout_ns`. `*ret_message` is borrowed until the next
 * call for this probe. Answers to asks do not come here.
 *     const task *t;
 *     noh_probe_expect(me, clerk, task, NOH_SECOND, &t);
 * Errors: INVAL; TIMEOUT: none came; WRONG_TYPE: it is another one, and taken; noh_probe_text says which;
 * GONE, STOPPED: the probe has ended; those of waiting. With self; waits. */
#define noh_probe_expect(self, probe, T, timeout_ns, ret_message) \
    noh_probe_expect_value(self, probe, NOH_TYPE(T), timeout_ns, \
                           _Generic((ret_message), const T **: (const void **)(ret_message)))
NOH_API noh_err noh_probe_expect_value(noh_self *self, noh_probe *probe, const noh_type *type,
                                       int64_t timeout_ns, const void **ret_message);

/* The same for the first T among those that lie there or come: the others stay, in order. */
#define noh_probe_find(self, probe, T, timeout_ns, ret_message) \
    noh_probe_find_value(self, probe, NOH_TYPE(T), timeout_ns, \
                         _Generic((ret_message), const T **: (const void **)(ret_message)))
NOH_API noh_err noh_probe_find_value(noh_self *self, noh_probe *probe, const noh_type *type,
                                     int64_t timeout_ns, const void **ret_message);

/* Nothing lies there, or comes within `for_ns`. Errors: INVAL; FAILED: something came, and is taken;
 * noh_probe_text says what; GONE, STOPPED; those of waiting. With self; waits. */
NOH_API noh_err noh_probe_expect_none(noh_self *self, noh_probe *probe, int64_t for_ns);

/* Who sent the message that came last, or NOH_NO_REF. */
NOH_API noh_ref noh_probe_sender(const noh_probe *probe);

/* Answers the message that came last. Errors: those of noh_reply; GONE, STOPPED. With self; waits. */
#define noh_probe_reply(self, probe, ...) \
    noh_probe_reply_value(self, probe, NOH_TYPE_OF_FIRST_(__VA_ARGS__), NOH_VALUE(__VA_ARGS__))
NOH_API noh_err noh_probe_reply_value(noh_self *self, noh_probe *probe, const noh_type *type,
                                      const void *answer);
/* The same with an error. Errors: those of noh_reply_error; GONE, STOPPED. With self; waits. */
NOH_API noh_err noh_probe_reply_error(noh_self *self, noh_probe *probe, noh_err code,
                                      const char *text);

/* What was expected in vain, and what came instead; "" when the last call was right. Borrowed until the
 * next call. */
NOH_API const char *noh_probe_text(const noh_probe *probe);

#ifdef __cplusplus
}
#endif
#endif
