/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Wait: sleep and receive, in handlers and on plain threads.
 *
 * Owner       The self that waits.
 * Invariants  WAI-1  a handler that receives again and again lets others run after a batch.
 *             WAI-2  the message a handler was called with stays in hand behind the one it received. */
#include "receive.h"
#include "strand.h"
#include "system.h"

/* ---- sleep -------------------------------------------------------------------------------- */

static bool never(nohi_worker *w, void *ctx)
{
    (void)w;
    (void)ctx;
    return false;
}

noh_err noh_sleep(noh_self *self, int64_t duration_ns)
{
    if (self == NULL || duration_ns < 0) {
        return NOH_E_INVAL;
    }
    if (!nohi_self_may_wait(self)) {
        return NOH_E_CONTEXT;
    }
    nohi_wait wait = {.kind = NOHI_WAIT_TURN};
    noh_err err = self->in_handler ? nohi_strand_wait(self, &wait, duration_ns)
                                   : nohi_thread_wait(self->worker, duration_ns, never, NULL);
    return err == NOH_E_TIMEOUT ? NOH_OK : err;
}

/* ---- receive ------------------------------------------------------------------------------ */

static bool has_come(nohi_worker *w, void *ctx)
{
    return nohi_strand_look(w, w->own, ctx);
}

/* In a handler: others first, now and then (WAI-1). */
static noh_err receive_in_handler(noh_self *self, nohi_wait *wait, int64_t timeout_ns)
{
    if (self->takes >= NOHI_BATCH) {
        nohi_wait turn = {.kind = NOHI_WAIT_TURN};
        noh_err err = nohi_strand_wait(self, &turn, 0);
        if (err != NOH_E_TIMEOUT) {
            return err;
        }
    }
    noh_err err = nohi_strand_wait(self, wait, timeout_ns);
    self->takes++;
    return err;
}

/* Puts what was received in hand. */
static void put_in_hand(noh_self *self, nohi_message *message)
{
    if (self->in_handler && !self->has_outer) {
        self->has_outer = true; /* WAI-2 */
        self->outer = (nohi_hand){self->message, self->answer_state, self->promised};
    }
    self->message = message;
    self->answer_state = NOHI_UNANSWERED;
    self->promised = false;
    store_relaxed(&self->worker->running_type, message->type); /* counter: for reports */
    bump(&self->worker->counts.handled);
}

static noh_err receive(noh_self *self, nohi_wait *wait, int64_t timeout_ns,
                       const noh_type **ret_type, const void **ret_message)
{
    if (self == NULL || timeout_ns < 0 || ret_type == NULL || ret_message == NULL) {
        return NOH_E_INVAL;
    }
    if (!nohi_self_may_wait(self)) {
        return NOH_E_CONTEXT;
    }
    noh_err err;
    wait->self = self;
    if (self->in_handler) {
        nohi_receive_close_received(self, NOH_E_NO_ANSWER, NULL);
        if (NOHI_UNLIKELY(self->kept != NULL)) {
            nohi_self_drop_answer(self);
        }
        err = receive_in_handler(self, wait, timeout_ns);
    } else {
        nohi_thread_finish(self);
        err = nohi_thread_wait(self->worker, timeout_ns, has_come, wait);
        store_relaxed(&self->actor->gate.local_len, load_relaxed(&self->actor->len)); /* counter */
    }
    if (err == NOH_OK) {
        put_in_hand(self, wait->got);
        *ret_type = wait->got->type;
        *ret_message = nohi_message_body(wait->got);
    }
    return err;
}

noh_err noh_receive(noh_self *self, int64_t timeout_ns, const noh_type **ret_type,
                    const void **ret_message)
{
    nohi_wait wait;
    nohi_wait_init(&wait, NOHI_WAIT_MESSAGE);
    return receive(self, &wait, timeout_ns, ret_type, ret_message);
}

noh_err noh_receive_value(noh_self *self, const noh_type *type, int64_t timeout_ns,
                          const void **ret_message)
{
    const noh_type *received;
    nohi_wait wait;
    nohi_wait_init(&wait, NOHI_WAIT_MESSAGE);
    wait.type = type;
    return type == NULL ? NOH_E_INVAL : receive(self, &wait, timeout_ns, &received, ret_message);
}

noh_err noh_receive_if(noh_self *self, noh_filter_fn *filter, void *ctx, int64_t timeout_ns,
                       const noh_type **ret_type, const void **ret_message)
{
    nohi_wait wait = {.kind = NOHI_WAIT_MESSAGE, .filter = filter, .filter_ctx = ctx};
    return filter == NULL ? NOH_E_INVAL : receive(self, &wait, timeout_ns, ret_type, ret_message);
}
