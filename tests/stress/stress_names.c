/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a name leads to a living actor, or to one that is just dying; it is free when the death is
 * over, whatever raced; who is found by name has started.
 * Method: actors register themselves, are registered by others, and are spawned with a name, while
 * they die. Lookers find them, tell them, kill and join them: after the join the name must lead
 * elsewhere, and a name that leads to a dead actor must soon stop to. */
#include "stress.h"

enum { NAMES = 24, LOOKERS = 3 };

NOH_MESSAGE(knock);
NOH_MESSAGE(breed);
NOH_MESSAGE(die);

static struct {
    noh_system *system;
    atomic_llong left;
    atomic_ullong found;
    atomic_ullong stale; /* the name led to a dead one for a moment */
    atomic_ullong registered;
    atomic_ullong taken;
    atomic_ullong gone;
} book;

static const char *name_of(uint64_t bits, char *room)
{
    snprintf(room, 16, "name %u", (unsigned)(bits % NAMES));
    return room;
}

static void note_register(noh_err err)
{
    CHECK(err == NOH_OK || err == NOH_E_TAKEN || err == NOH_E_GONE);
    atomic_fetch_add(err == NOH_OK       ? &book.registered
                     : err == NOH_E_GONE ? &book.gone
                                         : &book.taken,
                     1);
}

typedef struct citizen {
    uint64_t chance;
    bool started;
} citizen;

NOH_MESSAGE(citizen_start, (uint64_t, chance));

static noh_err on_citizen_start(noh_self *self, citizen *me, const citizen_start *start)
{
    char room[16];
    me->chance = start->chance;
    me->started = true;
    for (unsigned i = 0; i < me->chance % 3; i++) {
        note_register(
            noh_register(self, name_of(test_random(&me->chance), room), noh_self_ref(self)));
    }
    return me->chance % 8 == 0 ? noh_exit_self(self) : NOH_OK;
}

static noh_err on_knock(noh_self *self, citizen *me, const knock *message)
{
    CHECK(me->started); /* the start hook runs before the first message */
    return test_below(&me->chance, 8) == 0 ? noh_exit_self(self) : NOH_OK;
}

static noh_err on_die(noh_self *self, citizen *me, const die *message)
{
    return noh_exit_self(self);
}

static noh_err on_citizen_stop(noh_self *self, citizen *me, const noh_exit *exit)
{
    char room[16];
    CHECK_ERR(noh_register(self, name_of(me->chance, room), noh_self_ref(self)), NOH_E_GONE);
    return NOH_OK;
}

NOH_BEHAVIOR_WITH(citizen, citizen_start, on_citizen_start, NOH_ON(knock, on_knock),
                  NOH_ON(die, on_die), NOH_ON_STOP(on_citizen_stop));

/* Spawns with a name, and registers somebody who may be dead by then. */
typedef struct mother {
    uint64_t chance;
    noh_ref last;
} mother;

NOH_MESSAGE(mother_start, (uint64_t, chance));

static noh_err on_mother_start(noh_self *self, mother *me, const mother_start *start)
{
    me->chance = start->chance;
    return noh_tell(self, noh_self_ref(self), breed);
}

static void bear(noh_self *self, uint64_t *chance, noh_ref *last)
{
    char room[16];
    uint64_t bits = test_random(chance);
    noh_spawn_options options = {.name = bits % 2 == 0 ? name_of(bits >> 8, room) : NULL};
    noh_ref ref;
    noh_err err = noh_spawn_with(self, &noh_behavior_citizen,
                                 NOH_VALUE(citizen_start, .chance = bits >> 4), &options, &ref);
    if (err == NOH_OK) {
        (void)noh_tell(self, *last, die); /* all die, sooner or later */
        note_register(noh_register(self, name_of(bits >> 16, room), *last));
        *last = ref;
    } else {
        CHECK(err == NOH_E_TAKEN || err == NOH_E_STOPPING);
    }
    if ((bits >> 32) % 64 == 0) {
        err = noh_unregister(self, name_of(bits >> 24, room));
        CHECK(err == NOH_OK || err == NOH_E_NOT_FOUND);
    }
}

static noh_err on_breed(noh_self *self, mother *me, const breed *message)
{
    for (unsigned i = 0; i < 8; i++) {
        bear(self, &me->chance, &me->last);
    }
    return atomic_load(&book.left) > 0 ? noh_tell(self, noh_self_ref(self), breed) : NOH_OK;
}

NOH_BEHAVIOR_WITH(mother, mother_start, on_mother_start, NOH_ON(breed, on_breed));

static bool leads_to(const char *name, noh_ref ref)
{
    return noh_ref_equal(noh_lookup(book.system, name), ref);
}

static void *looker(void *arg)
{
    noh_self *self = noh_system_self(book.system);
    uint64_t chance = (uint64_t)(uintptr_t)arg;
    noh_ref last = NOH_NO_REF;
    while (atomic_fetch_sub(&book.left, 1) > 0) {
        char room[16];
        const char *name = name_of(test_random(&chance), room);
        noh_ref ref = noh_lookup(book.system, name);
        if (noh_ref_is_none(ref)) {
            bear(self, &chance, &last);
            continue;
        }
        atomic_fetch_add(&book.found, 1);
        if (!noh_is_alive(book.system, ref)) {
            atomic_fetch_add(&book.stale, 1);
            while (leads_to(name, ref)) { /* for ever: that is the failure */
                sched_yield();
            }
            continue;
        }
        noh_err err = noh_tell(self, ref, knock);
        CHECK(err == NOH_OK || err == NOH_E_GONE);
        if (test_below(&chance, 8) == 0) {
            (void)noh_stop(self, ref, (noh_stop_kind)test_below(&chance, 3));
            CHECK_OK(noh_join(self, ref, NOH_FOREVER, NULL));
            CHECK(!leads_to(name, ref));
            for (unsigned i = 0; i < NAMES; i++) {
                CHECK(!leads_to(name_of(i, room), ref));
            }
        }
    }
    (void)noh_stop(self, last, NOH_STOP_DRAIN);
    return NULL;
}

static void look_up(unsigned workers, uint64_t looks)
{
    memset(&book, 0, sizeof book);
    book.system = stress_start(workers);
    noh_self *self = noh_system_self(book.system);
    atomic_store(&book.left, (long long)looks);
    for (uint64_t i = 0; i < 2; i++) {
        CHECK(!noh_ref_is_none(noh_spawn(self, mother, .chance = i)));
    }
    pthread_t threads[LOOKERS];
    for (uintptr_t i = 0; i < LOOKERS; i++) {
        threads[i] = stress_go(looker, (void *)(i + 1));
    }
    for (unsigned i = 0; i < LOOKERS; i++) {
        stress_join(threads[i]);
    }
    CHECK_OK(noh_system_stop(book.system, NOH_FOREVER));
    noh_stats stats;
    CHECK_OK(noh_system_stats(book.system, &stats));
    CHECK_EQ(stats.names, 0);
    stress_end(book.system);
    printf(
        "    %u workers: %llu found, %llu of them dying, %llu registered, %llu taken, %llu gone\n",
        workers, (unsigned long long)atomic_load(&book.found),
        (unsigned long long)atomic_load(&book.stale),
        (unsigned long long)atomic_load(&book.registered),
        (unsigned long long)atomic_load(&book.taken), (unsigned long long)atomic_load(&book.gone));
    CHECK(atomic_load(&book.found) > 0 && atomic_load(&book.registered) > 0);
}

static void names_follow_the_living(void)
{
    look_up(1, stress_rounds(200000));
    look_up(2, stress_rounds(200000));
    look_up(4, stress_rounds(200000));
}

static const test_case cases[] = {
    TEST(names_follow_the_living),
};
TEST_MAIN(cases)
