/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a letter that its sender has in hand goes straight to who waits for it, or does nothing, when
 * the sender waits or ends its turn; in every mixture of handlers and functions, in order, and whatever
 * comes between: others' letters, stops, deadlines. */
#include "waiter.h"

#include "system.h"

NOH_MESSAGE(hop, (int64_t, left), (int64_t, seen));
NOH_MESSAGE(next_is, (noh_ref, next));
NOH_MESSAGE(noise, (int64_t, value));
NOH_MESSAGE(finish, (int64_t, value));

enum { MEMBERS = 4, HOPS = 400 };

typedef struct member {
    noh_ref next;
    int64_t noise;
} member;

static noh_err pass_hop(noh_self *self, member *me, const hop *m)
{
    if (m->left == 0) {
        tell_driver(self, m->seen, NOH_OK);
        return NOH_OK;
    }
    return noh_tell(self, me->next, hop, .left = m->left - 1, .seen = m->seen + 1);
}

static noh_err member_next(noh_self *self, member *me, const next_is *m)
{
    me->next = m->next;
    return NOH_OK;
}

static noh_err member_noise(noh_self *self, member *me, const noise *m)
{
    me->noise += m->value;
    return NOH_OK;
}

static noh_err member_finish(noh_self *self, member *me, const finish *m)
{
    tell_driver(self, me->noise, NOH_OK);
    return noh_exit_self(self);
}

NOH_BEHAVIOR(member, NOH_ON(hop, pass_hop), NOH_ON(next_is, member_next),
             NOH_ON(noise, member_noise), NOH_ON(finish, member_finish));

/* The same as a function; `only` hops and what is told first, or all there is. */
static noh_err run_member(noh_self *self, bool only)
{
    member me = {.next = NOH_NO_REF};
    const next_is *n;
    noh_err err = noh_receive_only(self, next_is, NOH_FOREVER, &n);
    if (err == NOH_OK) {
        me.next = n->next;
    }
    while (err == NOH_OK) {
        const noh_type *type = NOH_TYPE(hop);
        const void *message = NULL;
        if (only) {
            const hop *h;
            err = noh_receive_only(self, hop, NOH_FOREVER, &h);
            message = h;
        } else {
            err = noh_receive(self, NOH_FOREVER, &type, &message);
        }
        if (err != NOH_OK) {
            break;
        }
        if (type == NOH_TYPE(hop)) {
            err = pass_hop(self, &me, message);
        } else if (type == NOH_TYPE(noise)) {
            me.noise += ((const noise *)message)->value;
        } else {
            tell_driver(self, me.noise, NOH_OK);
            return NOH_OK;
        }
    }
    return err;
}

static noh_err run_for_all(noh_self *self, const noh_nothing *arguments)
{
    return run_member(self, false);
}

static noh_err run_for_hops(noh_self *self, const noh_nothing *arguments)
{
    return run_member(self, true);
}

NOH_PROCESS(member_for_all, noh_nothing, run_for_all);
NOH_PROCESS(member_for_hops, noh_nothing, run_for_hops);

static noh_ref spawn_member(noh_self *self, unsigned kind)
{
    noh_ref ref = kind == 0   ? noh_spawn(self, member)
                  : kind == 1 ? noh_spawn(self, member_for_all)
                              : noh_spawn(self, member_for_hops);
    CHECK(!noh_ref_is_none(ref));
    return ref;
}

static void close_ring(noh_self *self, const noh_ref *ring)
{
    for (int i = 0; i < MEMBERS; i++) {
        CHECK_OK(noh_tell(self, ring[i], next_is, .next = ring[(i + 1) % MEMBERS]));
    }
}

static void end(core_world *world, noh_system *system)
{
    (void)core_settled(system, 0);
    CHECK_TEXT(nohi_system_check(system, true), NULL);
    core_end(world, system);
}

/* All of the 81 rings of three kinds. */
static void every_mixture_passes_it_on(void)
{
    for (unsigned workers = 1; workers <= 2; workers++) {
        core_world world;
        noh_system *system = core_start(&world, workers, NULL);
        noh_self *self = noh_system_self(system);
        cast.driver = noh_self_ref(self);
        for (unsigned mixture = 0; mixture < 81; mixture++) {
            noh_ref ring[MEMBERS];
            unsigned kinds = mixture;
            for (int i = 0; i < MEMBERS; i++, kinds /= 3) {
                ring[i] = spawn_member(self, kinds % 3);
            }
            close_ring(self, ring);
            CHECK_OK(noh_tell(self, ring[0], hop, .left = HOPS));
            expect_report(self, HOPS, NOH_OK);
            for (int i = 0; i < MEMBERS; i++) {
                (void)core_stop(self, ring[i], NOH_STOP_NOW);
            }
        }
        end(&world, system);
    }
}

/* ---- order ---- */

enum { LETTERS = 1000 };

static void take_letters(noh_self *self, waiter *me)
{
    for (int64_t i = 0; i < LETTERS; i++) {
        const letter *l;
        CHECK_OK(noh_receive_only(self, letter, NOH_FOREVER, &l));
        CHECK_EQ(l->value, i);
        if (i % 3 == 2) { /* three came */
            CHECK_OK(noh_tell(self, noh_sender(self), beat, .value = i));
        }
    }
    tell_driver(self, 1, NOH_OK);
}

static void tell_three_and_wait(noh_self *self, waiter *me)
{
    for (int64_t i = 0; i < LETTERS; i++) {
        CHECK_OK(noh_tell(self, cast.b, letter, .value = i));
        if (i % 3 == 2) {
            const beat *b;
            CHECK_OK(noh_receive_only(self, beat, NOH_FOREVER, &b));
            CHECK_EQ(b->value, i);
        }
    }
    tell_driver(self, 2, NOH_OK);
}

static void several_stay_in_order(void)
{
    for (unsigned workers = 1; workers <= 3; workers++) {
        core_world world;
        noh_system *system = core_start(&world, workers, NULL);
        noh_self *self = noh_system_self(system);
        cast.driver = noh_self_ref(self);
        cast.b = let(self, take_letters, 0);
        cast.a = let(self, tell_three_and_wait, 0);
        int64_t reports = CORE_RECEIVE(report, self)->value;
        reports += CORE_RECEIVE(report, self)->value;
        CHECK_EQ(reports, 3);
        end(&world, system);
    }
}

static void tell_oneself(noh_self *self, waiter *me)
{
    for (int64_t i = 0; i < LETTERS; i++) {
        const letter *l;
        CHECK_OK(noh_tell(self, noh_self_ref(self), letter, .value = i));
        CHECK_OK(noh_receive_only(self, letter, NOH_FOREVER, &l));
        CHECK_EQ(l->value, i);
    }
    tell_driver(self, 1, NOH_OK);
}

static void who_tells_itself_and_waits_has_it(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    cast.driver = noh_self_ref(self);
    (void)let(self, tell_oneself, 0);
    expect_report(self, 1, NOH_OK);
    end(&world, system);
}

/* It waits for another type, or with a filter or a deadline: then the letter goes by its mailbox. */
static bool is_letter(noh_self *self, void *ctx, const noh_type *type, const void *message)
{
    return type == NOH_TYPE(letter);
}

static void take_oddly(noh_self *self, waiter *me)
{
    const noh_type *type;
    const void *message;
    const letter *l;
    const other_letter *o;
    for (int i = 0; i < LETTERS; i++) {
        CHECK_OK(noh_receive_only(self, other_letter, NOH_FOREVER, &o)); /* past the letter */
        CHECK_OK(noh_receive_if(self, is_letter, NULL, NOH_FOREVER, &type, &message));
        CHECK_OK(noh_receive_only(self, letter, 3600 * NOH_SECOND, &l));
        CHECK_OK(noh_tell(self, noh_sender(self), beat, .value = i));
    }
    tell_driver(self, 1, NOH_OK);
}

static void tell_oddly(noh_self *self, waiter *me)
{
    const beat *b;
    for (int i = 0; i < LETTERS; i++) {
        CHECK_OK(noh_tell(self, cast.b, letter, .value = i));
        CHECK_OK(noh_sleep(self, 0));
        CHECK_OK(noh_tell(self, cast.b, other_letter, .value = i));
        CHECK_OK(noh_sleep(self, 0));
        CHECK_OK(noh_tell(self, cast.b, letter, .value = i));
        CHECK_OK(noh_receive_only(self, beat, 3600 * NOH_SECOND, &b));
    }
    tell_driver(self, 2, NOH_OK);
}

static void other_waits_get_theirs(void)
{
    for (unsigned workers = 1; workers <= 2; workers++) {
        core_world world;
        noh_system *system = core_start(&world, workers, NULL);
        noh_self *self = noh_system_self(system);
        cast.driver = noh_self_ref(self);
        cast.b = let(self, take_oddly, 0);
        cast.a = let(self, tell_oddly, 0);
        int64_t reports = CORE_RECEIVE(report, self)->value;
        reports += CORE_RECEIVE(report, self)->value;
        CHECK_EQ(reports, 3);
        end(&world, system);
    }
}

/* ---- what comes between ---- */

enum { NOISES = 5000 };

static void letters_of_others_come_between(void)
{
    for (unsigned workers = 1; workers <= 3; workers++) {
        core_world world;
        noh_system *system = core_start(&world, workers, NULL);
        noh_self *self = noh_system_self(system);
        noh_ref ring[MEMBERS];
        cast.driver = noh_self_ref(self);
        for (int i = 0; i < MEMBERS; i++) {
            ring[i] = spawn_member(self, (unsigned)i % 2);
        }
        close_ring(self, ring);
        CHECK_OK(noh_tell(self, ring[0], hop, .left = 50 * HOPS));
        for (int i = 0; i < NOISES; i++) {
            CHECK_OK(noh_tell(self, ring[i % MEMBERS], noise, .value = 1));
            if (i % 64 == 0) {
                sched_yield();
            }
        }
        expect_report(self, 50 * HOPS, NOH_OK);
        int64_t noises = 0;
        for (int i = 0; i < MEMBERS; i++) {
            CHECK_OK(noh_tell(self, ring[i], finish));
            noises += CORE_RECEIVE(report, self)->value;
        }
        CHECK_EQ(noises, NOISES);
        end(&world, system);
    }
}

static void who_is_stopped_stops_it(void)
{
    static const noh_stop_kind kinds[] = {NOH_STOP_NOW, NOH_STOP_KILL, NOH_STOP_DRAIN};
    for (unsigned workers = 1; workers <= 3; workers++) {
        core_world world;
        noh_system *system = core_start(&world, workers, NULL);
        noh_self *self = noh_system_self(system);
        cast.driver = noh_self_ref(self);
        for (int round = 0; round < 60; round++) {
            noh_ref ring[MEMBERS];
            for (int i = 0; i < MEMBERS; i++) {
                ring[i] = spawn_member(self, (unsigned)(i + round) % 3);
            }
            close_ring(self, ring);
            CHECK_OK(noh_tell(self, ring[0], hop, .left = INT64_MAX));
            for (int i = 0; i < round; i++) {
                sched_yield();
            }
            for (int i = 0; i < MEMBERS; i++) {
                noh_err err = noh_stop(self, ring[i], kinds[(round + i) % 3]);
                CHECK(err == NOH_OK || err == NOH_E_GONE); /* its neighbor's end was its own */
                CHECK_OK(noh_join(self, ring[i], NOH_FOREVER, NULL));
            }
        }
        (void)core_settled(system, 0);
        core_end(&world, system);
    }
}

static const test_case cases[] = {
    TEST(every_mixture_passes_it_on),        TEST(several_stay_in_order),
    TEST(who_tells_itself_and_waits_has_it), TEST(other_waits_get_theirs),
    TEST(letters_of_others_come_between),    TEST(who_is_stopped_stops_it),
};
TEST_MAIN(cases)
