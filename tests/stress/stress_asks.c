/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: every ask ends exactly once, whatever becomes of its target; an answer belongs to its ask;
 * a bound given at spawn is exact.
 * Method: plain threads and actors keep windows of asks open to targets that die, are full,
 * stopped, forward, promise (and keep it, later, or forget it), fail, refuse or say nothing. Each
 * question carries a number that the answer must bring back. Asks are awaited, cancelled, or given
 * up by time, and then asked for again: SPENT. Answers are counted against asks, per asker. */
#include "stress.h"

enum { TARGETS = 16, ASKERS = 4, THREADS = 3, WINDOW = 48 };

NOH_MESSAGE(reply, (uint64_t, number));
NOH_REQUEST(inquiry, reply, (uint64_t, number), (uint64_t, bits));
NOH_MESSAGE(begin, (uint64_t, asks));
NOH_MESSAGE(later, (uint64_t, index));
NOH_MESSAGE(all_answered);
NOH_MESSAGE(replace);

static struct {
    atomic_ullong targets[TARGETS];
    atomic_ullong answered;
    atomic_ullong errors;
    atomic_ullong refused; /* the ask itself returned an error */
    atomic_ullong given_up;
    atomic_ullong kinds[32]; /* by the number of the error */
    noh_ref driver;
} quiz;

static noh_ref target(uint64_t bits)
{
    return (noh_ref){atomic_load_explicit(&quiz.targets[bits % TARGETS], memory_order_relaxed)};
}

static void note_error(int code)
{
    CHECK(code < 0 && code > -32);
    atomic_fetch_add_explicit(&quiz.kinds[-code], 1, memory_order_relaxed);
}

/* ---- those who are asked ------------------------------------------------------------------ */

typedef struct oracle {
    uint32_t index;
    uint64_t chance;
    noh_promise promises[4];
    uint64_t numbers[4];
    bool promised[4];
} oracle;

NOH_MESSAGE(oracle_start, (uint32_t, index), (uint64_t, chance));

static noh_err on_oracle_start(noh_self *self, oracle *me, const oracle_start *start)
{
    me->index = start->index;
    me->chance = start->chance;
    return NOH_OK;
}

static noh_err promise_it(noh_self *self, oracle *me, const inquiry *message)
{
    for (unsigned i = 0; i < 4; i++) {
        if (!me->promised[i]) {
            CHECK_OK(noh_promise_take(self, &me->promises[i]));
            me->promised[i] = true;
            me->numbers[i] = message->number;
            return noh_tell(self, noh_self_ref(self), later, .index = i) == NOH_E_GONE
                       ? NOH_E_FAILED
                       : NOH_OK;
        }
    }
    return noh_reply_error(self, NOH_E_FULL, "too many promises");
}

static noh_err on_later(noh_self *self, oracle *me, const later *message)
{
    if (me->promised[message->index]) {
        me->promised[message->index] = false;
        CHECK_OK(noh_promise_keep(self, me->promises[message->index], reply,
                                  .number = me->numbers[message->index]));
        CHECK_ERR(noh_promise_keep(self, me->promises[message->index], reply, .number = 0),
                  NOH_E_ANSWERED);
    }
    return NOH_OK;
}

static noh_err on_inquiry(noh_self *self, oracle *me, const inquiry *message)
{
    uint64_t bits = test_random(&me->chance);
    switch (me->index) {
    case 0: /* dies often */
        if (bits % 8 == 0) {
            CHECK_OK(noh_exit_self(self));
        }
        break;
    case 1: /* dies without a word */
        return bits % 8 == 0 ? noh_exit_self(self) : NOH_OK;
    case 2:
        noh_fail(self, NOH_E_FAILED, "no idea");
        break;
    case 3:
        return bits % 4 == 0 ? NOH_E_UNHANDLED : promise_it(self, me, message);
    case 4: /* promises, and dies before */
        return bits % 16 == 0 ? noh_exit_self(self) : promise_it(self, me, message);
    case 5:
    case 6:
    case 7: { /* the error has gone to the asker */
        noh_err err = noh_forward(self, target(bits));
        CHECK(err == NOH_OK || err == NOH_E_GONE || err == NOH_E_FULL);
        return NOH_OK;
    }
    case 8: /* slow and full */
    case 9:
        stress_busy(bits % 3000);
        break;
    case 10:
        return noh_reply_error(self, NOH_E_TOO_BIG, "no");
    case 11:
        return NOH_OK; /* NO_ANSWER */
    case 12:
        CHECK_OK(noh_reply(self, reply, .number = message->number));
        CHECK_ERR(noh_reply(self, reply, .number = 0), NOH_E_ANSWERED);
        return NOH_OK;
    case 13: /* stops itself, in the three ways */
        if (bits % 16 == 0) {
            CHECK_OK(noh_stop(self, noh_self_ref(self), (noh_stop_kind)((bits >> 8) % 3)));
        }
        break;
    default:
        break;
    }
    return noh_reply(self, reply, .number = message->number);
}

NOH_BEHAVIOR_WITH(oracle, oracle_start, on_oracle_start, NOH_ON(inquiry, on_inquiry),
                  NOH_ON(later, on_later));

static void put_target(noh_self *self, uint32_t index, uint64_t chance)
{
    noh_ref ref;
    noh_spawn_options options = {.mailbox_max = index == 8 || index == 9 ? 4 : 0};
    noh_err err =
        noh_spawn_with(self, &noh_behavior_oracle,
                       NOH_VALUE(oracle_start, .index = index, .chance = chance), &options, &ref);
    if (err != NOH_E_STOPPING) { /* at the very end */
        CHECK_OK(err);
        atomic_store(&quiz.targets[index], ref.bits);
    }
}

/* Puts new targets in the place of dead ones. */
typedef struct keeper {
    uint64_t chance;
    uint64_t rounds;
} keeper;

static atomic_bool keeper_may_end;

static noh_err on_replace(noh_self *self, keeper *me, const replace *message)
{
    noh_system *system = noh_self_system(self);
    for (uint32_t i = 0; i < TARGETS; i++) {
        if (!noh_is_alive(system, target(i))) {
            put_target(self, i, test_random(&me->chance));
        } else if (test_below(&me->chance, 1024) == 0) {
            (void)noh_stop(self, target(i), (noh_stop_kind)test_below(&me->chance, 3));
        }
    }
    return atomic_load(&keeper_may_end) ? NOH_OK : noh_tell(self, noh_self_ref(self), replace);
}

NOH_BEHAVIOR(keeper, NOH_ON(replace, on_replace));

/* ---- those who ask ------------------------------------------------------------------------ */

typedef struct open_ask {
    uint64_t future;
    uint64_t number;
} open_ask;

typedef struct asker {
    uint64_t chance;
    uint64_t left;
    uint64_t number;
    unsigned open;
    open_ask asks[WINDOW];
} asker;

NOH_MESSAGE(asker_start, (uint64_t, chance));

static noh_err on_asker_start(noh_self *self, asker *me, const asker_start *start)
{
    me->chance = start->chance;
    return NOH_OK;
}

static noh_err ask_more(noh_self *self, asker *me)
{
    while (me->left > 0 && me->open < WINDOW) {
        me->left--;
        uint64_t bits = test_random(&me->chance);
        noh_future future;
        noh_err err =
            noh_ask(self, target(bits), inquiry, &future, .number = ++me->number, .bits = bits);
        if (err != NOH_OK) {
            CHECK(err == NOH_E_GONE || err == NOH_E_FULL);
            atomic_fetch_add_explicit(&quiz.refused, 1, memory_order_relaxed);
            continue;
        }
        if ((bits >> 20) % 16 == 0) {
            CHECK_OK(noh_future_cancel(self, future));
            CHECK_ERR(noh_future_cancel(self, future), NOH_E_SPENT);
            atomic_fetch_add_explicit(&quiz.given_up, 1, memory_order_relaxed);
            continue;
        }
        for (unsigned i = 0; i < WINDOW; i++) {
            CHECK(me->asks[i].future != future.bits);
            if (me->asks[i].future == 0) {
                me->asks[i] = (open_ask){future.bits, me->number};
                me->open++;
                break;
            }
        }
    }
    if (me->left == 0 && me->open == 0) {
        return noh_tell(self, quiz.driver, all_answered);
    }
    return NOH_OK;
}

static noh_err on_begin(noh_self *self, asker *me, const begin *message)
{
    me->left = message->asks;
    return ask_more(self, me);
}

/* The ask that this answer ends; there is exactly one. */
static uint64_t close_ask(noh_self *self, asker *me)
{
    uint64_t future = noh_answered(self).bits;
    CHECK(future != 0);
    for (unsigned i = 0; i < WINDOW; i++) {
        if (me->asks[i].future == future) {
            me->asks[i].future = 0;
            me->open--;
            return me->asks[i].number;
        }
    }
    test_failed(__FILE__, __LINE__, "an answer for an ask that has ended");
}

static noh_err on_reply(noh_self *self, asker *me, const reply *message)
{
    CHECK_EQ(message->number, close_ask(self, me));
    atomic_fetch_add_explicit(&quiz.answered, 1, memory_order_relaxed);
    return me->open < WINDOW / 2 ? ask_more(self, me) : NOH_OK;
}

static noh_err on_failure(noh_self *self, asker *me, const noh_failure *message)
{
    (void)close_ask(self, me);
    note_error(message->code);
    atomic_fetch_add_explicit(&quiz.errors, 1, memory_order_relaxed);
    return me->open < WINDOW / 2 ? ask_more(self, me) : NOH_OK;
}

NOH_BEHAVIOR_WITH(asker, asker_start, on_asker_start, NOH_ON(begin, on_begin),
                  NOH_ON(reply, on_reply), NOH_ON(noh_failure, on_failure));

typedef struct thread_asker {
    noh_system *system;
    uint64_t chance;
    uint64_t asks;
} thread_asker;

/* Ends one ask in one of the ways. */
static void end_ask(noh_self *self, uint64_t *chance, open_ask ask)
{
    noh_future future = {ask.future};
    reply answer = {0};
    noh_err err;
    switch (test_below(chance, 8)) {
    case 0:
        CHECK_OK(noh_future_cancel(self, future));
        atomic_fetch_add_explicit(&quiz.given_up, 1, memory_order_relaxed);
        break;
    case 1:
        err = noh_await(self, future, reply, (int64_t)test_below(chance, 20000), &answer);
        if (err == NOH_OK) {
            CHECK_EQ(answer.number, ask.number);
            atomic_fetch_add_explicit(&quiz.answered, 1, memory_order_relaxed);
        } else {
            note_error(err);
            atomic_fetch_add_explicit(err == NOH_E_TIMEOUT ? &quiz.given_up : &quiz.errors, 1,
                                      memory_order_relaxed);
        }
        break;
    default:
        err = noh_await(self, future, reply, NOH_FOREVER, &answer);
        if (err == NOH_OK) {
            CHECK_EQ(answer.number, ask.number);
            atomic_fetch_add_explicit(&quiz.answered, 1, memory_order_relaxed);
        } else {
            CHECK(err != NOH_E_TIMEOUT && err != NOH_E_SPENT);
            note_error(err);
            atomic_fetch_add_explicit(&quiz.errors, 1, memory_order_relaxed);
        }
    }
    CHECK_ERR(noh_await(self, future, reply, 0, &answer), NOH_E_SPENT);
}

static void *ask_from_a_thread(void *arg)
{
    thread_asker *t = arg;
    noh_self *self = noh_system_self(t->system);
    uint64_t number = 0;
    open_ask open[WINDOW];
    for (uint64_t left = t->asks; left > 0;) {
        unsigned count = 0;
        for (; count < 1 + t->chance % WINDOW && left > 0; left--) {
            uint64_t bits = test_random(&t->chance);
            noh_future future;
            noh_err err =
                noh_ask(self, target(bits), inquiry, &future, .number = ++number, .bits = bits);
            if (err == NOH_OK) {
                open[count++] = (open_ask){future.bits, number};
            } else {
                CHECK(err == NOH_E_GONE || err == NOH_E_FULL);
                atomic_fetch_add_explicit(&quiz.refused, 1, memory_order_relaxed);
            }
        }
        while (count > 0) { /* in any order */
            unsigned i = (unsigned)test_below(&t->chance, count);
            end_ask(self, &t->chance, open[i]);
            open[i] = open[--count];
        }
    }
    CHECK_OK(noh_self_free(self));
    return NULL;
}

static void ask_all(unsigned workers, uint64_t asks)
{
    memset(&quiz, 0, sizeof quiz);
    atomic_store(&keeper_may_end, false);
    noh_system *system = stress_start(workers);
    noh_self *self = noh_system_self(system);
    quiz.driver = noh_self_ref(self);
    for (uint32_t i = 0; i < TARGETS; i++) {
        put_target(self, i, i);
    }
    CHECK_OK(noh_tell(self, noh_spawn(self, keeper), replace));
    uint64_t share = asks / (ASKERS + THREADS) + 1;
    for (uint64_t i = 0; i < ASKERS; i++) {
        CHECK_OK(noh_tell(self, noh_spawn(self, asker, .chance = i), begin, .asks = share));
    }
    thread_asker askers[THREADS];
    pthread_t threads[THREADS];
    for (uint64_t i = 0; i < THREADS; i++) {
        askers[i] = (thread_asker){system, i + 100, share};
        threads[i] = stress_go(ask_from_a_thread, &askers[i]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        stress_join(threads[i]);
    }
    for (unsigned i = 0; i < ASKERS; i++) {
        const noh_type *type;
        const void *message;
        CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &message));
    }
    atomic_store(&keeper_may_end, true);
    stress_end(system);
    uint64_t ended = atomic_load(&quiz.answered) + atomic_load(&quiz.errors) +
                     atomic_load(&quiz.refused) + atomic_load(&quiz.given_up);
    printf("    %u workers: %llu answered, %llu errors, %llu refused, %llu given up\n", workers,
           (unsigned long long)atomic_load(&quiz.answered),
           (unsigned long long)atomic_load(&quiz.errors),
           (unsigned long long)atomic_load(&quiz.refused),
           (unsigned long long)atomic_load(&quiz.given_up));
    CHECK_EQ(ended, share * (ASKERS + THREADS));
    static const noh_err must[] = {NOH_E_GONE,      NOH_E_FULL,    NOH_E_NO_ANSWER, NOH_E_FAILED,
                                   NOH_E_UNHANDLED, NOH_E_STOPPED, NOH_E_TOO_BIG};
    for (unsigned i = 0; i < sizeof must / sizeof *must; i++) {
        if (STRESS_SLOW == 1 && atomic_load(&quiz.kinds[-must[i]]) == 0) {
            test_failed(__FILE__, __LINE__, "nobody was answered %s", noh_err_name(must[i]));
        }
    }
}

static void each_ask_ends_once_on_two_workers(void)
{
    ask_all(2, stress_rounds(1000000));
}

static void each_ask_ends_once_on_four_workers(void)
{
    ask_all(4, stress_rounds(500000));
}

/* ---- answers nobody wrote ----------------------------------------------------------------- */

NOH_REQUEST(riddle, reply, (uint64_t, number));
NOH_REQUEST(babble, reply, (uint64_t, number));
typedef struct guide {
    noh_ref next;
} guide;
NOH_MESSAGE(guide_start, (noh_ref, next));
NOH_NO_STATE(sphinx);

static noh_err on_guide_start(noh_self *self, guide *me, const guide_start *start)
{
    me->next = start->next;
    return NOH_OK;
}

static noh_err on_riddle(noh_self *self, guide *me, const riddle *message)
{
    return noh_forward(self, me->next);
}

static noh_err on_babble(noh_self *self, guide *me, const babble *message)
{
    return noh_forward(self, me->next);
}

static noh_err on_silent_riddle(noh_self *self, sphinx *me, const riddle *message)
{
    return NOH_OK;
}

NOH_BEHAVIOR_WITH(guide, guide_start, on_guide_start, NOH_ON(riddle, on_riddle),
                  NOH_ON(babble, on_babble));
NOH_BEHAVIOR(sphinx, NOH_ON(riddle, on_silent_riddle));

/* They come out of a turn that ends the quick way: nothing is in the sphinx's inbox. */
static void answers_of_the_runtime_leave_at_once(void)
{
    noh_system *system = stress_start(1);
    noh_self *self = noh_system_self(system);
    noh_ref to = noh_spawn(self, guide, .next = noh_spawn(self, sphinx));
    for (uint64_t i = 0; i < stress_rounds(20000); i++) {
        reply answer;
        CHECK_ERR(noh_call(self, to, riddle, &answer, .number = i), NOH_E_NO_ANSWER);
        CHECK_ERR(noh_call(self, to, babble, &answer, .number = i), NOH_E_UNHANDLED);
    }
    stress_end(system);
}

/* ---- a bound ------------------------------------------------------------------------------ */

enum { BOUND = 10 };

NOH_MESSAGE(fill);
NOH_MESSAGE(drop_of_water);
NOH_NO_STATE(vessel);
typedef struct filler {
    noh_ref vessel;
} filler;

static atomic_uint filled;
static atomic_ullong vessel_ref;

static noh_err on_drop(noh_self *self, vessel *me, const drop_of_water *message)
{
    return NOH_OK;
}

NOH_BEHAVIOR(vessel, NOH_ON(drop_of_water, on_drop));

/* Fills the vessel, which lives beside it and cannot run before this handler returns. */
static noh_err on_fill(noh_self *self, filler *me, const fill *message)
{
    noh_ref ref;
    CHECK_OK(noh_spawn_with(self, &noh_behavior_vessel, NULL,
                            &(noh_spawn_options){.mailbox_max = BOUND, .pinned = true}, &ref));
    for (unsigned i = 0; i < BOUND; i++) {
        CHECK_OK(noh_tell(self, ref, drop_of_water));
    }
    CHECK_ERR(noh_tell(self, ref, drop_of_water), NOH_E_FULL);
    atomic_store(&vessel_ref, ref.bits);
    atomic_store(&filled, 1);
    while (atomic_load(&filled) == 1) {
        sched_yield();
    }
    return NOH_OK;
}

NOH_BEHAVIOR(filler, NOH_ON(fill, on_fill));

static void a_bound_holds_for_neighbors_and_strangers_together(void)
{
    noh_system *system = stress_start(1);
    noh_self *self = noh_system_self(system);
    atomic_store(&filled, 0);
    CHECK_OK(noh_tell(self, noh_spawn(self, filler), fill));
    while (atomic_load(&filled) == 0) {
        sched_yield();
    }
    noh_err err = noh_tell(self, (noh_ref){atomic_load(&vessel_ref)}, drop_of_water);
    atomic_store(&filled, 2);
    CHECK_ERR(err, NOH_E_FULL);
    stress_end(system);
}

static const test_case cases[] = {
    TEST(each_ask_ends_once_on_two_workers),
    TEST(each_ask_ends_once_on_four_workers),
    TEST(answers_of_the_runtime_leave_at_once),
    TEST(a_bound_holds_for_neighbors_and_strangers_together),
};
TEST_MAIN(cases)
