/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: plain threads may come and go as they like: what is sent to them, asked of them or owed to
 * them when they leave is accounted for, and a home that one leaves serves the next.
 * Method: threads of short life get a self, put its ref on a board, send, ask, and leave at a
 * random moment: with asks open, with mail unread, with a request in hand, by noh_self_free or by
 * ending. Actors tell and ask the refs on the board all the time. Each ask of an actor must end,
 * once. */
#include "stress.h"

enum { BOARD = 64, ACTORS = 6, NURSERIES = 4 };

NOH_MESSAGE(greeting, (uint64_t, number));
NOH_MESSAGE(reply, (uint64_t, number));
NOH_REQUEST(inquiry, reply, (uint64_t, number));
NOH_MESSAGE(walk);
NOH_MESSAGE(walked);

static struct {
    noh_system *system;
    atomic_ullong refs[BOARD];
    noh_ref actors[ACTORS];
    noh_ref driver;
    atomic_llong lives; /* threads still to be born */
    atomic_bool enough;
    atomic_ullong born;
    atomic_ullong asked;
    atomic_ullong answered;
    atomic_ullong errors;
} town;

typedef struct postman {
    uint64_t chance;
    uint64_t open;
    bool enough;
} postman;

NOH_MESSAGE(postman_start, (uint64_t, chance));

static noh_err on_postman_start(noh_self *self, postman *me, const postman_start *start)
{
    me->chance = start->chance;
    return noh_tell(self, noh_self_ref(self), walk);
}

static noh_ref someone(uint64_t bits)
{
    return (noh_ref){atomic_load_explicit(&town.refs[bits % BOARD], memory_order_relaxed)};
}

static noh_err rest_if_enough(noh_self *self, postman *me)
{
    return me->enough && me->open == 0 ? noh_tell(self, town.driver, walked) : NOH_OK;
}

static noh_err on_walk(noh_self *self, postman *me, const walk *message)
{
    for (unsigned i = 0; i < 8 && !me->enough; i++) {
        uint64_t bits = test_random(&me->chance);
        noh_ref to = someone(bits);
        noh_future future;
        if ((bits >> 20) % 2 == 0) {
            (void)noh_tell(self, to, greeting, .number = bits);
        } else if (me->open < 1000 &&
                   noh_ask(self, to, inquiry, &future, .number = bits) == NOH_OK) {
            me->open++;
            atomic_fetch_add(&town.asked, 1);
        }
        if ((bits >> 24) % 256 == 0) {
            stress_busy((bits >> 40) % 50000); /* with the chain open */
        }
    }
    if (!me->enough && atomic_load(&town.enough)) {
        me->enough = true;
        return rest_if_enough(self, me);
    }
    return me->enough ? NOH_OK : noh_tell(self, noh_self_ref(self), walk);
}

static noh_err ended(noh_self *self, postman *me, atomic_ullong *counter)
{
    CHECK(me->open > 0);
    me->open--;
    atomic_fetch_add(counter, 1);
    return rest_if_enough(self, me);
}

static noh_err on_reply(noh_self *self, postman *me, const reply *message)
{
    return ended(self, me, &town.answered);
}

static noh_err on_failure(noh_self *self, postman *me, const noh_failure *message)
{
    return ended(self, me, &town.errors);
}

/* What threads ask. */
static noh_err on_inquiry(noh_self *self, postman *me, const inquiry *message)
{
    stress_busy_at_random(&me->chance, 5000);
    return noh_reply(self, reply, .number = message->number);
}

static noh_err on_greeting(noh_self *self, postman *me, const greeting *message)
{
    return noh_tell(self, noh_sender(self), greeting, .number = message->number) == NOH_E_INVAL
               ? NOH_E_FAILED
               : NOH_OK;
}

NOH_BEHAVIOR_WITH(postman, postman_start, on_postman_start, NOH_ON(walk, on_walk),
                  NOH_ON(reply, on_reply), NOH_ON(noh_failure, on_failure),
                  NOH_ON(inquiry, on_inquiry), NOH_ON(greeting, on_greeting));

/* Short-lived, so that threads own slots and spawn from them. */
NOH_NO_STATE(guest);

static noh_err on_guest_greeting(noh_self *self, guest *me, const greeting *message)
{
    return noh_exit_self(self);
}

NOH_BEHAVIOR(guest, NOH_ON(greeting, on_guest_greeting));

/* ---- lives -------------------------------------------------------------------------------- */

static void receive_some(noh_self *self, uint64_t *chance)
{
    for (uint64_t n = test_below(chance, 8); n > 0; n--) {
        const noh_type *type;
        const void *message;
        noh_err err = noh_receive(self, test_below(chance, 2) * 50 * NOH_US, &type, &message);
        if (err == NOH_E_TIMEOUT) {
            return;
        }
        CHECK_OK(err);
        const inquiry *question = noh_as(inquiry, type, message);
        if (question != NULL && test_below(chance, 4) != 0) {
            CHECK_OK(noh_reply(self, reply, .number = question->number));
        } else if (question != NULL && test_below(chance, 2) != 0) {
            (void)noh_forward(self, town.actors[question->number % ACTORS]);
        }
    }
}

static void ask_some(noh_self *self, uint64_t *chance)
{
    noh_future futures[8];
    uint64_t numbers[8];
    unsigned count = (unsigned)test_below(chance, 8);
    for (unsigned i = 0; i < count; i++) {
        numbers[i] = test_random(chance);
        CHECK_OK(noh_ask(self, town.actors[numbers[i] % ACTORS], inquiry, &futures[i],
                         .number = numbers[i]));
    }
    for (unsigned i = 0; i < count; i++) {
        reply answer;
        switch (test_below(chance, 4)) {
        case 0:
            break; /* leaves without waiting, perhaps */
        case 1:
            CHECK_OK(noh_future_cancel(self, futures[i]));
            CHECK_ERR(noh_await(self, futures[i], reply, 0, &answer), NOH_E_SPENT);
            break;
        default:
            CHECK_OK(noh_await(self, futures[i], reply, NOH_FOREVER, &answer));
            CHECK_EQ(answer.number, numbers[i]);
        }
    }
}

static void *life(void *arg)
{
    uint64_t chance = (uint64_t)(uintptr_t)arg;
    noh_self *self = noh_system_self(town.system);
    CHECK(self != NULL);
    CHECK(noh_system_self(town.system) == self);
    atomic_store(&town.refs[test_below(&chance, BOARD)], noh_self_ref(self).bits);
    atomic_fetch_add(&town.born, 1);
    for (uint64_t deeds = test_below(&chance, 5); deeds > 0; deeds--) {
        switch (test_below(&chance, 5)) {
        case 0:
            receive_some(self, &chance);
            break;
        case 1:
            ask_some(self, &chance);
            break;
        case 2:
            CHECK_OK(noh_tell(self, town.actors[chance % ACTORS], greeting, .number = 1));
            break;
        case 3:
            for (unsigned i = 0; i < 40; i++) {
                noh_ref ref = noh_spawn(self, guest);
                CHECK_OK(noh_tell(self, ref, greeting, .number = 1));
            }
            break;
        default:
            stress_busy(test_below(&chance, 20000));
        }
    }
    if (chance % 2 == 0) {
        noh_err err = noh_self_free(self);
        CHECK(err == NOH_OK || err == NOH_E_OPEN_ASKS);
    }
    return NULL;
}

static void *nursery(void *arg)
{
    while (atomic_fetch_sub(&town.lives, 1) > 0) {
        uint64_t chance = atomic_load(&town.born) * 4 + (uint64_t)(uintptr_t)arg;
        stress_join(stress_go(life, (void *)(uintptr_t)test_random(&chance)));
    }
    return NULL;
}

static void come_and_go(unsigned workers, uint64_t lives)
{
    memset(&town, 0, sizeof town);
    town.system = stress_start(workers);
    noh_self *self = noh_system_self(town.system);
    town.driver = noh_self_ref(self);
    atomic_store(&town.lives, (long long)lives);
    for (unsigned i = 0; i < ACTORS; i++) {
        town.actors[i] = noh_spawn(self, postman, .chance = i + 1);
    }
    pthread_t nurseries[NURSERIES];
    for (uintptr_t i = 0; i < NURSERIES; i++) {
        nurseries[i] = stress_go(nursery, (void *)i);
    }
    for (unsigned i = 0; i < NURSERIES; i++) {
        stress_join(nurseries[i]);
    }
    atomic_store(&town.enough, true);
    for (unsigned done = 0; done < ACTORS; done++) { /* each says so when all its asks have ended */
        const noh_type *type;
        const void *message;
        CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &message));
        CHECK(noh_as(walked, type, message) != NULL);
    }
    noh_stats stats;
    CHECK_OK(noh_system_stats(town.system, &stats));
    CHECK_EQ(stats.threads, 1);
    stress_end(town.system);
    uint64_t asked = atomic_load(&town.asked);
    printf("    %u workers: %llu threads, %llu asked, %llu answered\n", workers,
           (unsigned long long)atomic_load(&town.born), (unsigned long long)asked,
           (unsigned long long)atomic_load(&town.answered));
    CHECK_EQ(atomic_load(&town.answered) + atomic_load(&town.errors), asked);
    CHECK(atomic_load(&town.answered) > 0 && atomic_load(&town.errors) > 0);
}

static void threads_come_and_go_and_everybody_who_asked_them_is_answered(void)
{
    come_and_go(1, stress_rounds(10000));
    come_and_go(2, stress_rounds(10000));
    come_and_go(4, stress_rounds(10000));
}

static const test_case cases[] = {
    TEST(threads_come_and_go_and_everybody_who_asked_them_is_answered),
};
TEST_MAIN(cases)
