/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Work that passes through hands: forward, asks between actors, promises, names. The desk forwards
 * simple questions; for the others it asks two experts and answers when both have. */
#include <noh/noh.h>

NOH_MESSAGE(fact, (int32_t, value));
NOH_REQUEST(question, fact, (int32_t, about));
NOH_REQUEST(hard_question, fact, (int32_t, about));

NOH_NO_STATE(expert);

static noh_err expert_on_question(noh_self *self, expert *me, const question *m)
{
    if (m->about < 0) {
        return noh_reply_error(self, NOH_E_NOT_FOUND, "nobody knows");
    }
    return noh_reply(self, fact, .value = m->about * 10);
}

NOH_BEHAVIOR(expert, NOH_ON(question, expert_on_question));

typedef struct desk {
    noh_ref expert;
    noh_promise promise; /* one hard question at a time */
    noh_future first;
    int32_t sum;
} desk;

static noh_err on_start(noh_self *self, desk *me, const noh_nothing *arguments)
{
    me->expert = noh_spawn(self, expert);
    return noh_register(self, "desk", noh_self_ref(self));
}

/* The asker gets the expert's answer; the desk is out of it. */
static noh_err on_question(noh_self *self, desk *me, const question *m)
{
    return noh_forward(self, me->expert);
}

static noh_err on_hard_question(noh_self *self, desk *me, const hard_question *m)
{
    noh_future second;
    me->sum = 0;
    noh_err err = noh_promise_take(self, &me->promise);
    if (err == NOH_OK) {
        err = noh_ask(self, me->expert, question, &me->first, .about = m->about);
    }
    return err != NOH_OK ? err : noh_ask(self, me->expert, question, &second, .about = 1);
}

/* The answer of an ask that this actor sent. */
static noh_err on_fact(noh_self *self, desk *me, const fact *m)
{
    me->sum += m->value;
    if (noh_answered(self).bits == me->first.bits) {
        return NOH_OK;
    }
    noh_err err = noh_promise_keep(self, me->promise, fact, .value = me->sum);
    return err == NOH_E_ANSWERED ? NOH_OK : err; /* the other expert failed before */
}

/* The same when it is an error. */
static noh_err on_failure(noh_self *self, desk *me, const noh_failure *m)
{
    return noh_promise_fail(self, me->promise, (noh_err)m->code, m->text);
}

NOH_BEHAVIOR_WITH(desk, noh_nothing, on_start, NOH_ON(question, on_question),
                  NOH_ON(hard_question, on_hard_question), NOH_ON(fact, on_fact),
                  NOH_ON(noh_failure, on_failure));

int main(void)
{
    noh_system *system;
    if (noh_system_new(NULL, &system) != NOH_OK) {
        return 1;
    }
    noh_self *me = noh_system_self(system);
    noh_ref front = noh_spawn(me, desk);
    fact answer;
    if (noh_call(me, front, question, &answer, .about = 4) == NOH_OK) {
        printf("simple: %d\n", answer.value);
    }
    printf("by name: %d\n", noh_ref_equal(noh_lookup(system, "desk"), front));
    if (noh_call(me, front, hard_question, &answer, .about = 4) == NOH_OK) {
        printf("hard: %d\n", answer.value);
    }
    printf("%s\n", noh_err_name(noh_call(me, front, question, &answer, .about = -1)));
    noh_unregister(me, "desk");
    printf("no name: %d\n", noh_ref_is_none(noh_lookup(system, "desk")));
    noh_system_free(system);
    return 0;
}

// expect: simple: 40
// expect: by name: 1
// expect: hard: 50
// expect: NOH_E_NOT_FOUND
// expect: no name: 1
