/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The actor of the tests of what waits: its handler does what a function of the
 * case says, so that a case reads from top to bottom.
 *
 *     static void look(noh_self *self, waiter *me) { … waits, checks … }
 *     CHECK_OK(noh_tell(self, actor, perform, .part = PART(look)));
 *     CHECK_EQ(CORE_RECEIVE(report, self)->value, …);       what it told with tell_driver */
#ifndef NOH_TEST_WAITER_H
#define NOH_TEST_WAITER_H

#include "core.h"

NOH_MESSAGE(sum, (int64_t, value));
NOH_REQUEST(question, sum, (int64_t, value));
NOH_REQUEST(demand, sum, (int64_t, value)); /* a second type of requests */
NOH_MESSAGE(perform, (uint64_t, part), (int64_t, value));
NOH_REQUEST(play, sum, (uint64_t, part), (int64_t, value)); /* the same, asked */
NOH_MESSAGE(letter, (int64_t, value));
NOH_MESSAGE(other_letter, (int64_t, value));
NOH_MESSAGE(beat, (int64_t, value));
NOH_MESSAGE(report, (int64_t, value), (int64_t, code));
NOH_MESSAGE(waiter_start, (uint64_t, part), (uint64_t, last), (int64_t, value));

typedef struct waiter waiter;
typedef void part_fn(noh_self *self, waiter *me);
#define PART(fn) ((uint64_t)(uintptr_t)(fn))

struct waiter {
    int64_t value; /* of the message that it performs */
    noh_future future;
    noh_promise promise;
    part_fn *last; /* its stop hook */
};

/* Who takes part; set by the case before it tells anybody. */
static struct {
    noh_ref driver; /* the thread of the case */
    noh_ref a;
    noh_ref b;
    noh_ref c;
} cast;

static inline void tell_driver(noh_self *self, int64_t value, noh_err code)
{
    CHECK_OK(noh_tell(self, cast.driver, report, .value = value, .code = code));
}

static noh_err waiter_perform(noh_self *self, waiter *me, const perform *m)
{
    me->value = m->value;
    ((part_fn *)(uintptr_t)m->part)(self, me);
    return NOH_OK;
}

static noh_err waiter_play(noh_self *self, waiter *me, const play *m)
{
    me->value = m->value;
    ((part_fn *)(uintptr_t)m->part)(self, me);
    return NOH_OK;
}

static noh_err waiter_started(noh_self *self, waiter *me, const waiter_start *m)
{
    me->value = m->value;
    me->last = (part_fn *)(uintptr_t)m->last;
    if (m->part != 0) {
        ((part_fn *)(uintptr_t)m->part)(self, me);
    }
    return NOH_OK;
}

static noh_err waiter_ended(noh_self *self, waiter *me, const noh_exit *exit)
{
    if (me->last != NULL) {
        me->last(self, me);
    }
    return NOH_OK;
}

/* What a handler gets, and not a wait. */
static noh_err waiter_letter(noh_self *self, waiter *me, const letter *m)
{
    tell_driver(self, m->value, NOH_OK);
    return NOH_OK;
}

static noh_err waiter_other_letter(noh_self *self, waiter *me, const other_letter *m)
{
    tell_driver(self, m->value, NOH_OK);
    return NOH_OK;
}

static noh_err waiter_beat(noh_self *self, waiter *me, const beat *m)
{
    tell_driver(self, m->value, NOH_OK);
    return NOH_OK;
}

static noh_err waiter_sum(noh_self *self, waiter *me, const sum *m)
{
    tell_driver(self, m->value, NOH_OK);
    return NOH_OK;
}

static noh_err waiter_failure(noh_self *self, waiter *me, const noh_failure *m)
{
    tell_driver(self, -1, (noh_err)m->code);
    return NOH_OK;
}

static noh_err waiter_idle(noh_self *self, waiter *me, const noh_idle *m)
{
    tell_driver(self, 0, NOH_OK);
    return NOH_OK;
}

static noh_err waiter_question(noh_self *self, waiter *me, const question *m)
{
    return noh_reply(self, sum, .value = m->value + 1);
}

static noh_err waiter_demand(noh_self *self, waiter *me, const demand *m)
{
    return noh_reply(self, sum, .value = m->value + 1000);
}

NOH_BEHAVIOR_WITH(waiter, waiter_start, waiter_started, NOH_ON(perform, waiter_perform),
                  NOH_ON(play, waiter_play), NOH_ON(letter, waiter_letter),
                  NOH_ON(other_letter, waiter_other_letter), NOH_ON(beat, waiter_beat),
                  NOH_ON(sum, waiter_sum), NOH_ON(noh_failure, waiter_failure),
                  NOH_ON(noh_idle, waiter_idle), NOH_ON(question, waiter_question),
                  NOH_ON(demand, waiter_demand), NOH_ON_STOP(waiter_ended));

static inline noh_ref spawn_waiter(noh_self *self)
{
    noh_ref ref = noh_spawn(self, waiter);
    CHECK(!noh_ref_is_none(ref));
    return ref;
}

/* The next report, which must have these. */
static inline void expect_report(noh_self *self, int64_t value, noh_err code)
{
    const report *r = CORE_RECEIVE(report, self);
    CHECK_EQ(r->value, value);
    CHECK_ERR((noh_err)r->code, code);
}

/* Lets an actor of its own perform `part`; its ref. */
static inline noh_ref let(noh_self *self, part_fn *part, int64_t value)
{
    noh_ref ref = spawn_waiter(self);
    CHECK_OK(noh_tell(self, ref, perform, .part = PART(part), .value = value));
    return ref;
}

/* ---- one who answers when it is told to ----------------------------------------------------- */

/* Answers `count` questions, as soon as it has as many: `value`, `value` + 1, … */
NOH_MESSAGE(answer_all, (uint32_t, count), (int64_t, value));

enum { HELD_MAX = 128 };

typedef struct keeper {
    answer_all wanted;
    uint32_t count;
    noh_promise held[HELD_MAX];
} keeper;

static noh_err answer_if_all_are_here(noh_self *self, keeper *me)
{
    if (me->wanted.count == 0 || me->count < me->wanted.count) {
        return NOH_OK;
    }
    for (uint32_t i = 0; i < me->count; i++) {
        CHECK_OK(noh_promise_keep(self, me->held[i], sum, .value = me->wanted.value + i));
    }
    me->count = 0;
    me->wanted.count = 0;
    return NOH_OK;
}

static noh_err keeper_question(noh_self *self, keeper *me, const question *m)
{
    CHECK(me->count < HELD_MAX);
    CHECK_OK(noh_promise_take(self, &me->held[me->count++]));
    return answer_if_all_are_here(self, me);
}

static noh_err keeper_answer_all(noh_self *self, keeper *me, const answer_all *m)
{
    me->wanted = *m;
    return answer_if_all_are_here(self, me);
}

NOH_BEHAVIOR(keeper, NOH_ON(question, keeper_question), NOH_ON(answer_all, keeper_answer_all));

#endif
