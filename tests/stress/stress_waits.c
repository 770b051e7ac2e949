/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: every ask of a handler that waits ends exactly once, whatever becomes of its target; no wait is
 * left lying; who is killed in the middle of a wait leaves nothing behind.
 * Method: actors that ask from within one long handler, and wait with and without time-outs, for answers,
 * ends, messages and time, while others tell them what they do not wait for. Their targets die, are full,
 * slow, stopped in the three ways, forward, promise, fail, say nothing, or wait themselves. Each question
 * carries a number that its answer must bring back. Beside them actors do the same that are killed and
 * stopped at random, and end in the middle of it. */
#include "stress.h"

enum { TARGETS = 16, ASKERS = 6, VICTIMS = 12, WINDOW = 8 };

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifdef UNDER_TSAN /* each stack is a thread for it, of a megabyte, 8,128 at most, and a switch is dear */
#define CROWD 1500
#define ASKS (stress_rounds(500000) / 4)
#else
#define CROWD stress_rounds(100000)
#define ASKS stress_rounds(500000)
#endif

NOH_MESSAGE(reply, (uint64_t, number));
NOH_REQUEST(inquiry, reply, (uint64_t, number), (uint64_t, bits));
NOH_MESSAGE(begin, (uint64_t, asks));
NOH_MESSAGE(later, (uint64_t, index));
NOH_MESSAGE(noise, (uint64_t, number));
NOH_MESSAGE(signal_to, (uint64_t, number));
NOH_MESSAGE(all_answered);
NOH_MESSAGE(replace);

/* How asks ended. */
typedef struct tally {
    atomic_ullong answered;
    atomic_ullong errors;
    atomic_ullong refused; /* the ask itself returned an error */
    atomic_ullong given_up;
} tally;

static struct {
    atomic_ullong targets[TARGETS];
    atomic_ullong victims[VICTIMS];
    tally stable; /* of those whom nobody stops */
    tally stopped;
    atomic_ullong received;
    atomic_ullong replaced;    /* victims that were killed or stopped, */
    atomic_ullong interrupted; /* and those that saw it */
    atomic_ullong kinds[64];   /* by the number of the error */
    noh_ref driver;
    noh_ref clerk;
} quiz;

static atomic_bool keeper_may_end;

static void add(atomic_ullong *count)
{
    atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
}

static noh_ref target(uint64_t bits)
{
    return (noh_ref){atomic_load_explicit(&quiz.targets[bits % TARGETS], memory_order_relaxed)};
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
    return start->chance % 4 == 0 ? noh_sleep(self, (int64_t)(start->chance >> 8) % 50000) : NOH_OK;
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
    }
    return NOH_OK;
}

/* Asks one of a higher index first: no circle. */
static noh_err ask_another(noh_self *self, const oracle *me, uint64_t bits)
{
    reply answer;
    uint64_t higher = me->index + 1 + bits % (TARGETS - me->index - 1);
    noh_err err = noh_call(self, target(higher), inquiry, &answer, .number = bits, .bits = bits);
    CHECK(err != NOH_OK || answer.number == bits);
    CHECK(err != NOH_E_TIMEOUT && err != NOH_E_SPENT && err != NOH_E_CONTEXT);
    return err;
}

static noh_err on_inquiry(noh_self *self, oracle *me, const inquiry *message)
{
    uint64_t bits = test_random(&me->chance);
    uint64_t number = message->number;
    const inquiry *other;
    noh_err err;
    switch (me->index) {
    case 0: /* asks on, waits, and dies often */
        if (bits % 8 == 0) {
            CHECK_OK(noh_exit_self(self));
        }
        (void)ask_another(self, me, bits);
        break;
    case 1: /* dies without a word */
        return bits % 8 == 0 ? noh_exit_self(self) : NOH_OK;
    case 2: /* asks on, and fails */
        if (bits % 4 != 0) {
            (void)ask_another(self, me, bits);
        }
        noh_fail(self, NOH_E_FAILED, "no idea");
        break;
    case 3:
        return bits % 4 == 0 ? NOH_E_UNHANDLED : promise_it(self, me, message);
    case 4: /* promises, and dies before */
        return bits % 16 == 0 ? noh_exit_self(self) : promise_it(self, me, message);
    case 5:
    case 6:
        err = noh_forward(self, target(bits));
        CHECK(err == NOH_OK || err == NOH_E_GONE || err == NOH_E_FULL);
        return NOH_OK;
    case 7: /* takes two: the newer one is answered first */
        err = noh_receive_only(self, inquiry, (int64_t)(bits % 2000), &other);
        if (err == NOH_OK) {
            CHECK_OK(noh_reply(self, reply, .number = other->number));
        }
        break;
    case 8: /* slow, and full */
    case 9:
        stress_busy(bits % 3000);
        break;
    case 10: /* full, and asleep */
        (void)noh_sleep(self, (int64_t)(bits % 20000));
        break;
    case 11:
        return NOH_OK; /* NO_ANSWER */
    case 12:
        return noh_reply_error(self, NOH_E_TOO_BIG, "no");
    case 13: /* stops itself, in the three ways */
        if (bits % 16 == 0) {
            CHECK_OK(noh_stop(self, noh_self_ref(self), (noh_stop_kind)((bits >> 8) % 3)));
            (void)noh_sleep(self, 1000);
        }
        break;
    default:
        break;
    }
    return noh_reply(self, reply, .number = number);
}

NOH_BEHAVIOR_WITH(oracle, oracle_start, on_oracle_start, NOH_ON(inquiry, on_inquiry),
                  NOH_ON(later, on_later));

static void put_target(noh_self *self, uint32_t index, uint64_t chance)
{
    noh_ref ref;
    noh_spawn_options options = {.mailbox_max = index >= 8 && index <= 10 ? 4 : 0};
    noh_err err =
        noh_spawn_with(self, &noh_behavior_oracle,
                       NOH_VALUE(oracle_start, .index = index, .chance = chance), &options, &ref);
    if (err != NOH_E_STOPPING) { /* at the very end */
        CHECK_OK(err);
        atomic_store(&quiz.targets[index], ref.bits);
    }
}

/* ---- those who ask ------------------------------------------------------------------------ */

typedef struct asker {
    uint64_t chance;
    uint64_t number;
    uint64_t seen; /* the number of the last noise */
    bool victim;
    tally *tally;
} asker;

NOH_MESSAGE(asker_start, (uint64_t, chance), (bool, victim));

static noh_err on_asker_start(noh_self *self, asker *me, const asker_start *start)
{
    me->chance = start->chance;
    me->victim = start->victim;
    me->tally = me->victim ? &quiz.stopped : &quiz.stable;
    return NOH_OK;
}

/* One wait for `future` has ended with `err`. */
static void note_end(asker *me, noh_err err, const reply *answer, uint64_t number)
{
    if (err == NOH_OK) {
        CHECK_EQ(answer->number, number);
        add(&me->tally->answered);
        return;
    }
    CHECK(err < 0 && err > -64 && err != NOH_E_SPENT && err != NOH_E_CONTEXT && err != NOH_E_NOMEM);
    if (!me->victim) {
        add(&quiz.kinds[-err]);
    }
    add(err == NOH_E_TIMEOUT ? &me->tally->given_up : &me->tally->errors);
}

static int64_t some_time(asker *me)
{
    switch (test_below(&me->chance, 4)) {
    case 0:
        return 0;
    case 1:
        return (int64_t)test_below(&me->chance, 20000);
    default:
        return NOH_FOREVER;
    }
}

/* Asks some at once, and awaits them in any order. How many were asked? */
static uint64_t ask_some(noh_self *self, asker *me, uint64_t most)
{
    noh_future open[WINDOW];
    uint64_t numbers[WINDOW];
    unsigned count = 0;
    uint64_t asks = 1 + test_below(&me->chance, most < WINDOW ? most : WINDOW);
    for (uint64_t i = 0; i < asks; i++) {
        uint64_t bits = test_random(&me->chance);
        noh_err err = noh_ask(self, target(bits), inquiry, &open[count], .number = ++me->number,
                              .bits = bits);
        if (err != NOH_OK) {
            CHECK(err == NOH_E_GONE || err == NOH_E_FULL);
            add(&me->tally->refused);
        } else {
            numbers[count++] = me->number;
        }
    }
    while (count > 0) {
        unsigned i = (unsigned)test_below(&me->chance, count);
        reply answer = {0};
        noh_err err;
        if (test_below(&me->chance, 16) == 0) {
            CHECK_OK(noh_future_cancel(self, open[i]));
            err = NOH_E_TIMEOUT;
        } else {
            err = noh_await(self, open[i], reply, some_time(me), &answer);
        }
        CHECK_ERR(noh_await(self, open[i], reply, 0, &answer), NOH_E_SPENT);
        note_end(me, err, &answer, numbers[i]);
        count--;
        open[i] = open[count];
        numbers[i] = numbers[count];
        if (err == NOH_E_STOPPED && me->victim) {
            break; /* its end answers the others */
        }
    }
    return asks;
}

static bool even(noh_self *self, void *ctx, const noh_type *type, const void *message)
{
    const noise *n = noh_as(noise, type, message);
    ++*(uint64_t *)ctx;
    return n != NULL && n->number % 2 == 0;
}

/* Another wait, for something else. */
static noh_err wait_otherwise(noh_self *self, asker *me)
{
    const noh_type *type;
    const void *message;
    const signal_to *s;
    uint64_t asked = 0;
    noh_err err;
    switch (test_below(&me->chance, 6)) {
    case 0:
        return noh_sleep(self, (int64_t)test_below(&me->chance, 5000));
    case 1:
        err = noh_join(self, target(me->chance >> 7), (int64_t)test_below(&me->chance, 5000), NULL);
        CHECK(err == NOH_OK || err == NOH_E_TIMEOUT || err == NOH_E_STOPPED || err == NOH_E_NOMEM);
        return err;
    case 2: /* to itself, past the others in its mailbox */
        err = noh_tell(self, noh_self_ref(self), signal_to, .number = me->number);
        if (err == NOH_E_FULL) { /* of noise, or late answers */
            err = noh_receive(self, 0, &type, &message);
            CHECK(err == NOH_OK || err == NOH_E_STOPPED || err == NOH_E_TIMEOUT);
            break;
        }
        CHECK_OK(err);
        err = noh_receive_only(self, signal_to, NOH_FOREVER, &s);
        CHECK(err != NOH_OK || s->number == me->number);
        break;
    case 3:
        err = noh_receive_if(self, even, &asked, (int64_t)test_below(&me->chance, 2000), &type,
                             &message);
        break;
    default:
        err = noh_receive(self, 0, &type, &message);
        break;
    }
    if (err == NOH_OK) {
        add(&quiz.received);
    }
    return err;
}

static noh_err on_begin(noh_self *self, asker *me, const begin *message)
{
    uint64_t left = message->asks;
    while (left > 0) {
        left -= ask_some(self, me, left);
        noh_err err = test_below(&me->chance, 4) == 0 ? wait_otherwise(self, me) : NOH_OK;
        if (err == NOH_E_STOPPED) {
            CHECK(me->victim);
            add(&quiz.interrupted);
            return test_below(&me->chance, 2) == 0 ? NOH_OK : NOH_E_STOPPED;
        }
    }
    return me->victim ? NOH_OK : noh_tell(self, quiz.driver, all_answered);
}

static noh_err on_noise(noh_self *self, asker *me, const noise *message)
{
    return NOH_OK;
}

NOH_BEHAVIOR_WITH(asker, asker_start, on_asker_start, NOH_ON(begin, on_begin),
                  NOH_ON(noise, on_noise));

/* ---- who puts new ones in the place of dead ones ------------------------------------------ */

typedef struct keeper {
    uint64_t chance;
    uint64_t rounds;
    noh_ref stable[ASKERS];
} keeper;

NOH_MESSAGE(keeper_start, (array, noh_ref, stable, ASKERS));

static noh_err on_keeper_start(noh_self *self, keeper *me, const keeper_start *start)
{
    memcpy(me->stable, start->stable, sizeof me->stable);
    return NOH_OK;
}

static void put_victim(noh_self *self, uint32_t index, uint64_t chance)
{
    noh_ref ref;
    noh_spawn_options options = {.mailbox_max = index % 3 == 0 ? 6 : 0};
    noh_err err =
        noh_spawn_with(self, &noh_behavior_asker,
                       NOH_VALUE(asker_start, .chance = chance, .victim = true), &options, &ref);
    if (err != NOH_E_STOPPING) {
        CHECK_OK(err);
        atomic_store(&quiz.victims[index], ref.bits);
        CHECK_OK(noh_tell(self, ref, begin, .asks = UINT64_MAX / 2));
    }
}

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
    for (uint32_t i = 0; i < VICTIMS; i++) {
        noh_ref victim = {atomic_load(&quiz.victims[i])};
        if (!noh_is_alive(system, victim)) {
            put_victim(self, i, test_random(&me->chance));
        } else if (test_below(&me->chance, 64) == 0) {
            add(&quiz.replaced);
            (void)noh_stop(self, victim,
                           test_below(&me->chance, 4) == 0 ? NOH_STOP_NOW : NOH_STOP_KILL);
        }
    }
    for (uint32_t i = 0; i < ASKERS && me->rounds % 8 == 0; i++) { /* not more than they take */
        (void)noh_tell(self, me->stable[i], noise, .number = me->rounds / 8);
    }
    me->rounds++;
    return atomic_load(&keeper_may_end) ? NOH_OK : noh_tell(self, noh_self_ref(self), replace);
}

NOH_BEHAVIOR_WITH(keeper, keeper_start, on_keeper_start, NOH_ON(replace, on_replace));

static void must_have_met(noh_err err)
{
    if (STRESS_SLOW == 1 && atomic_load(&quiz.kinds[-err]) == 0) {
        test_failed(__FILE__, __LINE__, "nobody was answered %s", noh_err_name(err));
    }
}

static void ask_all(unsigned workers, uint64_t asks)
{
    memset(&quiz, 0, sizeof quiz);
    atomic_store(&keeper_may_end, false);
    noh_system *system = stress_start(workers);
    noh_self *self = noh_system_self(system);
    quiz.driver = noh_self_ref(self);
    uint64_t share = asks / ASKERS + 1;
    keeper_start start;
    for (uint32_t i = 0; i < TARGETS; i++) {
        put_target(self, i, i);
    }
    for (uint32_t i = 0; i < VICTIMS; i++) {
        put_victim(self, i, i + 1000);
    }
    for (uint64_t i = 0; i < ASKERS; i++) {
        noh_spawn_options options = {.mailbox_max = 64};
        CHECK_OK(noh_spawn_with(self, &noh_behavior_asker, NOH_VALUE(asker_start, .chance = i),
                                &options, &start.stable[i]));
        CHECK_OK(noh_tell(self, start.stable[i], begin, .asks = share));
    }
    noh_ref watch = noh_spawn_value(self, &noh_behavior_keeper, &start);
    CHECK_OK(noh_tell(self, watch, replace));
    for (unsigned i = 0; i < ASKERS; i++) {
        const noh_type *type;
        const void *message;
        CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &message));
    }
    atomic_store(&keeper_may_end, true);
    for (unsigned i = 0; i < VICTIMS; i++) { /* they ask for ever */
        (void)noh_stop(self, (noh_ref){atomic_load(&quiz.victims[i])}, NOH_STOP_NOW);
    }
    CHECK_OK(noh_stop(self, watch, NOH_STOP_NOW));
    CHECK_OK(noh_join(self, watch, NOH_FOREVER, NULL));
    for (unsigned i = 0; i < VICTIMS; i++) { /* and those it has put there since */
        noh_ref victim = {atomic_load(&quiz.victims[i])};
        (void)noh_stop(self, victim, NOH_STOP_NOW);
        CHECK_OK(noh_join(self, victim, NOH_FOREVER, NULL));
    }
    stress_end(system);
    tally *t = &quiz.stable;
    printf("    %u workers: %llu answered, %llu errors, %llu refused, %llu given up; "
           "%llu received; %llu stopped, of which %llu saw it, with %llu answers\n",
           workers, (unsigned long long)atomic_load(&t->answered),
           (unsigned long long)atomic_load(&t->errors),
           (unsigned long long)atomic_load(&t->refused),
           (unsigned long long)atomic_load(&t->given_up),
           (unsigned long long)atomic_load(&quiz.received),
           (unsigned long long)atomic_load(&quiz.replaced),
           (unsigned long long)atomic_load(&quiz.interrupted),
           (unsigned long long)atomic_load(&quiz.stopped.answered));
    CHECK_EQ(atomic_load(&t->answered) + atomic_load(&t->errors) + atomic_load(&t->refused) +
                 atomic_load(&t->given_up),
             share * ASKERS);
    static const noh_err must[] = {NOH_E_GONE,      NOH_E_FULL,    NOH_E_NO_ANSWER, NOH_E_FAILED,
                                   NOH_E_UNHANDLED, NOH_E_STOPPED, NOH_E_TIMEOUT};
    for (unsigned i = 0; i < sizeof must / sizeof *must; i++) {
        must_have_met(must[i]);
    }
}

static void each_ask_ends_once_on_two_workers(void)
{
    ask_all(2, ASKS);
}

static void each_ask_ends_once_on_four_workers(void)
{
    ask_all(4, ASKS);
}

/* ---- many at once --------------------------------------------------------------------------- */

NOH_MESSAGE(wait_now, (uint64_t, how));
NOH_MESSAGE(go_on, (uint64_t, number));
NOH_MESSAGE(went_on, (uint64_t, number));

typedef struct sleeper {
    uint64_t number;
} sleeper;

static noh_err on_wait_now(noh_self *self, sleeper *me, const wait_now *message)
{
    reply answer = {0};
    const go_on *go = NULL;
    noh_err err = NOH_OK;
    switch (message->how) {
    case 0:
        err = noh_call(self, quiz.clerk, inquiry, &answer, .number = 7);
        break;
    case 1:
        CHECK_OK(noh_tell(self, quiz.driver, went_on));
        err = noh_receive_only(self, go_on, NOH_FOREVER, &go);
        break;
    default:
        CHECK_OK(noh_tell(self, quiz.driver, went_on));
        err = noh_sleep(self, NOH_FOREVER);
        break;
    }
    add(err == NOH_OK ? &quiz.stable.answered : &quiz.stable.errors);
    CHECK(err == NOH_OK ? answer.number == 8 || go->number == 8 : err == NOH_E_STOPPED);
    return NOH_OK;
}

NOH_BEHAVIOR(sleeper, NOH_ON(wait_now, on_wait_now));

/* Lets all questions wait until it is told to go on. */
NOH_NO_STATE(clerk);

static noh_err on_clerk_waits(noh_self *self, clerk *me, const wait_now *message)
{
    const go_on *go;
    return noh_receive_only(self, go_on, NOH_FOREVER, &go);
}

static noh_err on_clerk_asked(noh_self *self, clerk *me, const inquiry *message)
{
    return noh_reply(self, reply, .number = message->number + 1);
}

NOH_BEHAVIOR(clerk, NOH_ON(wait_now, on_clerk_waits), NOH_ON(inquiry, on_clerk_asked));

/* All wait at the same time: a third for an answer, which the clerk has not given yet, a third for a
 * message, a third for time, and are stopped. */
static void many_wait_at_once(void)
{
    memset(&quiz, 0, sizeof quiz);
    noh_system *system = stress_start(2);
    noh_self *self = noh_system_self(system);
    quiz.driver = noh_self_ref(self);
    quiz.clerk = noh_spawn(self, clerk);
    CHECK_OK(noh_tell(self, quiz.clerk, wait_now));
    uint64_t count = CROWD / 3 * 3;
    noh_ref *crowd = calloc(count, sizeof *crowd);
    CHECK(crowd != NULL);
    for (uint64_t i = 0; i < count; i++) {
        crowd[i] = noh_spawn(self, sleeper);
        CHECK_OK(noh_tell(self, crowd[i], wait_now, .how = i % 3));
    }
    const went_on *w;
    for (uint64_t i = 0; i < count / 3 * 2; i++) {
        CHECK_OK(noh_receive_only(self, went_on, NOH_FOREVER, &w));
    }
    noh_ledger ledger;
    do { /* and all questions are there: each of them, and the clerk, has a message in hand */
        stress_balance(system);
        CHECK_OK(noh_ledger_read(system, &ledger));
    } while (ledger.queued != count + 1 + count / 3);
    CHECK_EQ(atomic_load(&quiz.stable.answered) + atomic_load(&quiz.stable.errors), 0);
    CHECK_OK(noh_tell(self, quiz.clerk, go_on));
    for (uint64_t i = 0; i < count; i++) {
        if (i % 3 == 1) {
            CHECK_OK(noh_tell(self, crowd[i], go_on, .number = 8));
        } else if (i % 3 == 2) {
            CHECK_OK(noh_stop(self, crowd[i], i % 2 == 0 ? NOH_STOP_NOW : NOH_STOP_KILL));
        }
    }
    stress_end(system);
    CHECK_EQ(atomic_load(&quiz.stable.answered), count / 3 * 2);
    CHECK(atomic_load(&quiz.stable.errors) <= count / 3);
    free(crowd);
}

static const test_case cases[] = {
    TEST(each_ask_ends_once_on_two_workers),
    TEST(each_ask_ends_once_on_four_workers),
    TEST(many_wait_at_once),
};
TEST_MAIN(cases)
