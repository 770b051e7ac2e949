/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The server of test_ask.c, test_ask_in_actor.c and test_reply.c: it does with a request what its
 * number says. A gate keeps answers away as long as the case wants. */
#ifndef NOH_TEST_SERVER_H
#define NOH_TEST_SERVER_H

#include "core.h"

NOH_MESSAGE(result, (int64_t, value), (noh_text, text));
NOH_MESSAGE(other_result, (int64_t, value));
NOH_REQUEST(request, result, (int64_t, what), (int64_t, value));
NOH_REQUEST(not_handled, result);
NOH_MESSAGE(keep, (int64_t, value));
NOH_MESSAGE(keep_all, (bool, reversed));
NOH_MESSAGE(plain, (int64_t, value));

enum {
    DOUBLE,              /* answers at once */
    NOTHING,             /* returns without an answer */
    TWICE,               /* answers twice */
    WRONG,               /* answers with another type */
    ERROR_TEXT,          /* answers with an error and its words */
    ERROR_ONLY,          /* answers with an error, without words */
    ERROR_LONG,          /* with 400 bytes of words */
    RETURNS,             /* returns an error */
    FAILS,               /* noh_fail */
    REPLIES_AND_RETURNS, /* answers, then returns an error */
    REPLIES_AND_FAILS,   /* answers, then noh_fail */
    PROMISES,            /* takes a promise, kept by `keep` */
    PROMISE_NOW,         /* takes a promise and keeps it at once, twice */
    PROMISE_FAILS,       /* fails with the promise taken */
    PROMISE_ERROR,       /* takes it and breaks it with an error */
    BLOCKS,              /* at the gate, then answers */
    FAILURE_ZERO,        /* answers noh_failure with code 0 */
    FAILURE_BARE,        /* answers noh_failure without text */
    LONG_TEXT,           /* answers with a long text */
    ERRS_OF_REPLY,       /* tries what noh_reply must refuse, then answers */
};

enum { PROMISES_MAX = 1200 };

static core_gate gate = CORE_GATE;

typedef struct server {
    int64_t promised;
    noh_promise promises[PROMISES_MAX];
} server;

static const char long_words[] =
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
    "012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012"
    "3";

static void refused_replies(noh_self *self)
{
    noh_promise promise;
    CHECK_ERR(noh_reply_value(self, NULL, &(result){1, NULL}), NOH_E_INVAL);
    CHECK_ERR(noh_reply_value(self, NOH_TYPE(result), NULL), NOH_E_INVAL);
    CHECK_ERR(noh_reply_value(NULL, NOH_TYPE(result), &(result){1, NULL}), NOH_E_INVAL);
    CHECK_ERR(noh_reply(self, other_result, .value = 1), NOH_E_WRONG_TYPE);
    CHECK_ERR(noh_reply_error(self, NOH_OK, "fine"), NOH_E_INVAL);
    CHECK_ERR(noh_reply_error(NULL, NOH_E_FULL, "fine"), NOH_E_INVAL);
    CHECK_ERR(noh_promise_take(self, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_promise_take(NULL, &promise), NOH_E_INVAL);
    CHECK_ERR(noh_promise_keep(self, (noh_promise){0}, result, .value = 1), NOH_E_ANSWERED);
    CHECK_ERR(noh_promise_keep(self, (noh_promise){.bits = UINT64_MAX}, result, .value = 1),
              NOH_E_ANSWERED);
}

static noh_err server_request(noh_self *self, server *me, const request *m)
{
    noh_promise promise;
    switch (m->what) {
    case DOUBLE:
        return noh_reply(self, result, .value = 2 * m->value);
    case NOTHING:
        return NOH_OK;
    case TWICE:
        CHECK_OK(noh_reply(self, result, .value = 1));
        CHECK_ERR(noh_reply(self, result, .value = 2), NOH_E_ANSWERED);
        CHECK_ERR(noh_reply_error(self, NOH_E_FULL, NULL), NOH_E_ANSWERED);
        CHECK_ERR(noh_promise_take(self, &promise), NOH_E_ANSWERED);
        CHECK_ERR(noh_forward(self, noh_self_ref(self)), NOH_E_ANSWERED);
        return NOH_OK;
    case WRONG:
        return noh_reply(self, other_result, .value = 1);
    case ERROR_TEXT:
        return noh_reply_error(self, NOH_E_NOT_FOUND, "no such thing");
    case ERROR_ONLY:
        return noh_reply_error(self, NOH_E_TAKEN, NULL);
    case ERROR_LONG:
        return noh_reply_error(self, NOH_E_TAKEN, long_words);
    case RETURNS:
        return NOH_E_LIMIT;
    case FAILS:
        noh_fail(self, NOH_E_OS, "disk %d is gone", 7);
        return NOH_OK;
    case REPLIES_AND_RETURNS:
        CHECK_OK(noh_reply(self, result, .value = 5));
        return NOH_E_LIMIT;
    case REPLIES_AND_FAILS:
        CHECK_OK(noh_reply(self, result, .value = 6));
        noh_fail(self, NOH_E_OS, "after the answer");
        return NOH_OK;
    case PROMISES:
        CHECK(me->promised < PROMISES_MAX);
        CHECK_OK(noh_promise_take(self, &me->promises[me->promised++]));
        CHECK_ERR(noh_reply(self, result, .value = 1), NOH_E_ANSWERED);
        CHECK_ERR(noh_promise_take(self, &promise), NOH_E_ANSWERED);
        CHECK_ERR(noh_forward(self, noh_self_ref(self)), NOH_E_ANSWERED);
        return NOH_OK;
    case PROMISE_NOW:
        CHECK_OK(noh_promise_take(self, &promise));
        CHECK_ERR(noh_promise_keep(self, promise, other_result, .value = 1), NOH_E_WRONG_TYPE);
        CHECK_ERR(noh_promise_keep_value(NULL, promise, NOH_TYPE(result), NOH_VALUE(result)),
                  NOH_E_INVAL);
        CHECK_ERR(noh_promise_keep_value(self, promise, NULL, NOH_VALUE(result)), NOH_E_INVAL);
        CHECK_ERR(noh_promise_keep_value(self, promise, NOH_TYPE(result), NULL), NOH_E_INVAL);
        CHECK_OK(noh_promise_keep(self, promise, result, .value = 11));
        CHECK_ERR(noh_promise_keep(self, promise, result, .value = 12), NOH_E_ANSWERED);
        CHECK_ERR(noh_promise_fail(self, promise, NOH_E_FULL, "x"), NOH_E_ANSWERED);
        CHECK_ERR(noh_reply(self, result, .value = 13), NOH_E_ANSWERED);
        return NOH_OK;
    case PROMISE_FAILS:
        CHECK_OK(noh_promise_take(self, &promise));
        return NOH_E_LIMIT;
    case PROMISE_ERROR:
        CHECK_OK(noh_promise_take(self, &promise));
        CHECK_ERR(noh_promise_fail(self, promise, NOH_OK, "x"), NOH_E_INVAL);
        CHECK_OK(noh_promise_fail(self, promise, NOH_E_FULL, "no room"));
        return NOH_OK;
    case BLOCKS:
        core_pass(&gate);
        return noh_reply(self, result, .value = m->value);
    case FAILURE_ZERO:
        CHECK_ERR(noh_reply(self, noh_failure, .code = NOH_OK, .text = "fine"), NOH_E_INVAL);
        return noh_reply(self, result, .value = 1);
    case FAILURE_BARE:
        return noh_reply(self, noh_failure, .code = NOH_E_TAKEN);
    case LONG_TEXT:
        return noh_reply(self, result, .value = 1, .text = long_words);
    case ERRS_OF_REPLY:
        refused_replies(self);
        return noh_reply(self, result, .value = 9);
    default:
        return NOH_E_INVAL;
    }
}

static noh_err server_keep(noh_self *self, server *me, const keep *m)
{
    CHECK_ERR(noh_reply(self, result, .value = 1), NOH_E_NOBODY);
    CHECK_ERR(noh_reply_error(self, NOH_E_FULL, NULL), NOH_E_NOBODY);
    noh_promise promise;
    CHECK_ERR(noh_promise_take(self, &promise), NOH_E_NOBODY);
    CHECK(me->promised > 0);
    promise = me->promises[--me->promised];
    CHECK_OK(noh_promise_keep(self, promise, result, .value = m->value));
    CHECK_ERR(noh_promise_keep(self, promise, result, .value = m->value), NOH_E_ANSWERED);
    return NOH_OK;
}

static noh_err server_keep_all(noh_self *self, server *me, const keep_all *m)
{
    for (int64_t i = 0; i < me->promised; i++) {
        int64_t k = m->reversed ? me->promised - 1 - i : i;
        CHECK_OK(noh_promise_keep_value(self, me->promises[k], NOH_TYPE(result),
                                        NOH_VALUE(result, .value = k)));
    }
    me->promised = 0;
    return NOH_OK;
}

static noh_err server_plain(noh_self *self, server *me, const plain *m)
{
    noh_err err = noh_reply(self, other_result, .value = m->value + 1);
    CHECK(err == NOH_OK || err == NOH_E_NOBODY);
    return NOH_OK;
}

NOH_BEHAVIOR(server, NOH_ON(request, server_request), NOH_ON(keep, server_keep),
             NOH_ON(keep_all, server_keep_all), NOH_ON(plain, server_plain));

static inline noh_ref spawn_server(noh_self *self)
{
    noh_ref ref = noh_spawn(self, server);
    CHECK(!noh_ref_is_none(ref));
    return ref;
}

static inline noh_err call(noh_self *self, noh_ref to, int64_t what, int64_t value, result *ret)
{
    memset(ret, 0x5c, sizeof *ret);
    return noh_call(self, to, request, ret, .what = what, .value = value);
}

#endif
