/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Probe: an actor whose mailbox is what it has recorded.
 *
 * Purpose     The actor is a plain function that does what the test says, one order after the other. What
 *             it is told stays in its mailbox, and the message that was taken last in hand, where it can
 *             be read and answered.
 * Owner       The struct: the test. The actor gets all that it needs in the orders.
 * Invariants  PRB-1  orders and results do not come by the mailbox, which belongs to the tested: they are
 *                    futures that each side opens and the other one sets, so what is in hand stays there.
 *             PRB-2  the actor waits for an order, or there is a result on its way.
 * Why not     copies of what came, in a list under a lock: a second mailbox, and nobody to answer. */
#include <noh/probe.h>

#include <stdlib.h>
#include <string.h>

enum { TEXT_SIZE = 512 };

typedef enum verb {
    END,
    EXPECT,
    FIND,
    EXPECT_NONE,
    REPLY,
} verb;

NOH_MESSAGE(probe_order, (int32_t, verb), (uint64_t, type), (uint64_t, value), (int64_t, for_ns),
            (struct, noh_promise, done));
NOH_MESSAGE(probe_result, (int32_t, code), (uint64_t, type), (uint64_t, message), (noh_ref, sender),
            (struct, noh_promise, next));

struct noh_probe {
    noh_ref ref;
    noh_ref sender;
    noh_promise order; /* the next one */
    char text[TEXT_SIZE];
};

/* ---- the actor ---------------------------------------------------------------------------- */

static noh_err take(noh_self *self, const probe_order *order, probe_result *result)
{
    const noh_type *wanted = (const noh_type *)(uintptr_t)order->type;
    const noh_type *type = wanted;
    const void *message = NULL;
    noh_err err = order->verb == FIND ? noh_receive_value(self, wanted, order->for_ns, &message)
                                      : noh_receive(self, order->for_ns, &type, &message);
    if (err == NOH_OK) {
        result->type = (uintptr_t)type;
        result->message = (uintptr_t)message;
        result->sender = noh_sender(self);
    }
    if (order->verb == EXPECT_NONE) {
        return err == NOH_OK ? NOH_E_FAILED : err == NOH_E_TIMEOUT ? NOH_OK : err;
    }
    return err == NOH_OK && !noh_type_equal(type, wanted) ? NOH_E_WRONG_TYPE : err;
}

static noh_err obey(noh_self *self, const probe_order *order, probe_result *result)
{
    const noh_type *type = (const noh_type *)(uintptr_t)order->type;
    switch ((verb)order->verb) {
    case EXPECT:
    case FIND:
    case EXPECT_NONE:
        return take(self, order, result);
    case REPLY:
        return noh_reply_value(self, type, (const void *)(uintptr_t)order->value);
    case END:
        break;
    }
    return NOH_OK;
}

/* `arg`: the promise for its first result. */
static noh_err run_probe(noh_self *self, void *arg)
{
    probe_order order = {.verb = EXPECT, .done = *(const noh_promise *)arg};
    probe_result result = {.code = NOH_OK};
    while (order.verb != END) {
        noh_future next;
        noh_err err = noh_future_open(self, probe_order, &next, &result.next);
        if (err == NOH_OK) {
            err = noh_promise_keep_value(self, order.done, NOH_TYPE(probe_result),
                                         &result); /* PRB-1 */
        }
        if (err == NOH_OK) {
            err = noh_await(self, next, probe_order, NOH_FOREVER, &order);
        }
        if (err != NOH_OK) {
            return err;
        }
        result = (probe_result){.code = NOH_OK};
        result.code = obey(self, &order, &result);
    }
    return noh_promise_keep_value(self, order.done, NOH_TYPE(probe_result), &result);
}

/* ---- the test's side ---------------------------------------------------------------------- */

/* A result that is due in `for_ns`. One that was killed meanwhile does not give it. */
static noh_err await_result(noh_self *self, noh_probe *probe, noh_future future, int64_t for_ns,
                            probe_result *ret_result)
{
    noh_system *system = noh_self_system(self);
    noh_err err;
    int64_t left_ns = for_ns;
    size_t index;
    do {
        err = noh_await_any(self, &future, 1, left_ns, &index);
        left_ns = NOH_SECOND;
    } while (err == NOH_E_TIMEOUT && noh_is_alive(system, probe->ref));
    if (err == NOH_E_TIMEOUT || err == NOH_OK) {
        err = noh_await(self, future, probe_result, 0, ret_result);
    } else {
        (void)noh_future_cancel(self, future);
    }
    return err == NOH_E_TIMEOUT ? NOH_E_GONE : err;
}

static noh_err give_order(noh_self *self, noh_probe *probe, probe_order *order,
                          probe_result *ret_result)
{
    noh_future future;
    probe->text[0] = 0;
    noh_err err = noh_future_open(self, probe_result, &future, &order->done);
    if (err != NOH_OK) {
        return err;
    }
    err = noh_promise_keep_value(self, probe->order, NOH_TYPE(probe_order), order);
    if (err != NOH_OK) {
        (void)noh_future_cancel(self, future);
        return err == NOH_E_ANSWERED ? NOH_E_GONE : err;
    }
    err = await_result(self, probe, future, order->for_ns, ret_result);
    if (err == NOH_OK) {
        probe->order = ret_result->next;
        err = (noh_err)ret_result->code;
    }
    return err;
}

noh_err noh_probe_new(noh_self *self, noh_probe **ret_probe)
{
    if (self == NULL || ret_probe == NULL) {
        return NOH_E_INVAL;
    }
    noh_probe *probe = calloc(1, sizeof *probe);
    noh_promise *first = malloc(sizeof *first);
    noh_future future = {0};
    noh_err err = probe == NULL || first == NULL ? NOH_E_NOMEM : NOH_OK;
    if (err == NOH_OK) {
        err = noh_future_open(self, probe_result, &future, first);
    }
    if (err == NOH_OK) {
        err = noh_spawn_fn_with(self, run_probe, first, free, NULL, &probe->ref);
        if (err == NOH_OK) {
            first = NULL; /* the actor's */
        } else {
            (void)noh_future_cancel(self, future);
        }
    }
    free(first);
    probe_result result;
    if (err == NOH_OK) {
        err = await_result(self, probe, future, NOH_SECOND, &result);
    }
    if (err != NOH_OK) {
        free(probe);
        return err;
    }
    probe->order = result.next;
    *ret_probe = probe;
    return NOH_OK;
}

void noh_probe_free(noh_self *self, noh_probe *probe)
{
    if (self == NULL || probe == NULL) {
        return;
    }
    probe_result result;
    (void)give_order(self, probe, &(probe_order){.verb = END}, &result);
    (void)noh_join(self, probe->ref, NOH_FOREVER, NULL);
    free(probe);
}

noh_ref noh_probe_ref(const noh_probe *probe)
{
    return probe == NULL ? NOH_NO_REF : probe->ref;
}

noh_ref noh_probe_sender(const noh_probe *probe)
{
    return probe == NULL ? NOH_NO_REF : probe->sender;
}

const char *noh_probe_text(const noh_probe *probe)
{
    return probe == NULL ? "" : probe->text;
}

/* Why it is not what was expected. */
static void say(noh_probe *probe, const noh_type *wanted, int64_t for_ns,
                const probe_result *result)
{
    const noh_type *type = (const noh_type *)(uintptr_t)result->type;
    int at = snprintf(probe->text, TEXT_SIZE, "expected %s within %lld ms",
                      wanted == NULL ? "nothing" : wanted->name, (long long)(for_ns / NOH_MS));
    size_t used = (size_t)at < TEXT_SIZE ? (size_t)at : TEXT_SIZE - 1;
    if (type == NULL) {
        snprintf(probe->text + used, TEXT_SIZE - used, ", nothing came");
        return;
    }
    used += (size_t)snprintf(probe->text + used, TEXT_SIZE - used, ", got ");
    (void)noh_message_print(type, (const void *)(uintptr_t)result->message, probe->text + used,
                            TEXT_SIZE - used);
}

static noh_err expect(noh_self *self, noh_probe *probe, verb what, const noh_type *type,
                      int64_t for_ns, const void **ret_message)
{
    if (self == NULL || probe == NULL || for_ns < 0) {
        return NOH_E_INVAL;
    }
    probe_result result = {.code = NOH_OK};
    probe_order order = {.verb = what, .type = (uintptr_t)type, .for_ns = for_ns};
    noh_err err = give_order(self, probe, &order, &result);
    if (result.type != 0) {
        probe->sender = result.sender;
    }
    if (err == NOH_E_TIMEOUT || err == NOH_E_WRONG_TYPE || err == NOH_E_FAILED) {
        say(probe, type, for_ns, &result);
    } else if (err == NOH_OK && ret_message != NULL) {
        *ret_message = (const void *)(uintptr_t)result.message;
    }
    return err;
}

noh_err noh_probe_expect_value(noh_self *self, noh_probe *probe, const noh_type *type,
                               int64_t timeout_ns, const void **ret_message)
{
    return type == NULL || ret_message == NULL
               ? NOH_E_INVAL
               : expect(self, probe, EXPECT, type, timeout_ns, ret_message);
}

noh_err noh_probe_find_value(noh_self *self, noh_probe *probe, const noh_type *type,
                             int64_t timeout_ns, const void **ret_message)
{
    return type == NULL || ret_message == NULL
               ? NOH_E_INVAL
               : expect(self, probe, FIND, type, timeout_ns, ret_message);
}

noh_err noh_probe_expect_none(noh_self *self, noh_probe *probe, int64_t for_ns)
{
    return expect(self, probe, EXPECT_NONE, NULL, for_ns, NULL);
}

noh_err noh_probe_reply_value(noh_self *self, noh_probe *probe, const noh_type *type,
                              const void *answer)
{
    if (self == NULL || probe == NULL || type == NULL || answer == NULL) {
        return NOH_E_INVAL;
    }
    probe_result result;
    probe_order order = {.verb = REPLY, .type = (uintptr_t)type, .value = (uintptr_t)answer};
    return give_order(self, probe, &order, &result);
}

noh_err noh_probe_reply_error(noh_self *self, noh_probe *probe, noh_err code, const char *text)
{
    char words[256];
    snprintf(words, sizeof words, "%s", text == NULL ? "" : text);
    return code == NOH_OK ? NOH_E_INVAL
                          : noh_probe_reply_value(self, probe, NOH_TYPE(noh_failure),
                                                  &(noh_failure){(int32_t)code, words});
}
