/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: as many actors as there is room for, none more; a place is free before anybody learns of the
 * end; and a ref never means another actor, also when a slot has used up its generations. */
#include "core.h"
#include "system.h"

NOH_MESSAGE(work, (int64_t, value));
NOH_MESSAGE(sum, (int64_t, value));
NOH_REQUEST(get_sum, sum);

NOH_NO_STATE(tiny);

static noh_err tiny_get_sum(noh_self *self, tiny *me, const get_sum *m)
{
    return noh_reply(self, sum, .value = 0);
}

NOH_BEHAVIOR(tiny, NOH_ON(get_sum, tiny_get_sum));

typedef struct huge {
    unsigned char data[1 << 20];
} huge;

static noh_err huge_work(noh_self *self, huge *me, const work *m)
{
    return NOH_OK;
}

NOH_BEHAVIOR(huge, NOH_ON(work, huge_work));

/* ---- limits ------------------------------------------------------------------------------- */

static void no_more_than_actors_max_live_at_once(void)
{
    static const uint32_t limits[] = {1000, 1, 2000};
    for (int i = 0; i < 3; i++) {
        core_world world;
        noh_system *system = core_start(&world, 2, &(noh_options){.actors_max = limits[i]});
        noh_self *self = noh_system_self(system);
        noh_ref *refs = calloc(limits[i] + 1, sizeof *refs);
        CHECK(refs != NULL);
        for (int round = 0; round < 3; round++) {
            uint32_t count = 0;
            noh_err err = NOH_OK;
            while (count <= limits[i] && err == NOH_OK) {
                err = noh_spawn_with(self, &noh_behavior_tiny, NULL, NULL, &refs[count]);
                count += err == NOH_OK;
            }
            CHECK_ERR(err, NOH_E_LIMIT);
            CHECK_EQ(count, limits[i]);
            CHECK_EQ(core_actors(system), limits[i]);
            sum answer;
            CHECK_OK(noh_call(self, refs[0], get_sum, &answer));
            for (uint32_t k = 0; k < count; k++) {
                (void)core_stop(self, refs[k], NOH_STOP_KILL);
            }
        }
        free(refs);
        core_end(&world, system);
    }
}

/* The place is free before anybody learns of the end, and after a spawn that failed. */
static void a_place_is_free_when_its_actor_has_ended(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, &(noh_options){.actors_max = 1});
    noh_self *self = noh_system_self(system);
    for (int i = 0; i < 3000; i++) {
        noh_ref ref;
        CHECK_OK(noh_spawn_with(self, &noh_behavior_tiny, NULL, NULL, &ref));
        CHECK_OK(noh_stop(self, ref, i % 2 == 0 ? NOH_STOP_KILL : NOH_STOP_DRAIN));
        if (i % 3 == 0) {
            CHECK_OK(noh_join(self, ref, NOH_FOREVER, NULL));
        }
        while (noh_tell(self, ref, work, .value = 1) != NOH_E_GONE) {
            sched_yield();
        }
    }
    noh_ref big = NOH_NO_REF;
    for (uint64_t at = 1; noh_ref_is_none(big); at++) {
        CHECK(at < 100);
        fault_at(&world.fault, at, false);
        noh_err err = noh_spawn_with(self, &noh_behavior_huge, NULL, NULL, &big);
        fault_at(&world.fault, 0, false);
        CHECK(err == NOH_OK || err == NOH_E_NOMEM);
    }
    noh_ref ref = NOH_NO_REF;
    CHECK_ERR(noh_spawn_with(self, &noh_behavior_tiny, NULL, NULL, &ref), NOH_E_LIMIT);
    core_end(&world, system);
}

/* Also for who learns of it as an asker. */
static void a_place_is_free_when_its_askers_are_told(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, &(noh_options){.actors_max = 1});
    noh_self *self = noh_system_self(system);
    for (int i = 0; i < 2000; i++) {
        noh_ref ref;
        noh_future future;
        sum answer;
        CHECK_OK(noh_spawn_with(self, &noh_behavior_tiny, NULL, NULL, &ref));
        CHECK_OK(noh_stop(self, ref, NOH_STOP_KILL));
        if (noh_ask(self, ref, get_sum, &future) == NOH_OK) {
            noh_err err = noh_await(self, future, sum, NOH_FOREVER, &answer);
            CHECK(err == NOH_E_STOPPED || err == NOH_E_GONE);
        }
    }
    core_end(&world, system);
}

static int compare_refs(const void *a, const void *b)
{
    uint64_t x = ((const noh_ref *)a)->bits;
    uint64_t y = ((const noh_ref *)b)->bits;
    return x < y ? -1 : x > y;
}

/* ---- refs --------------------------------------------------------------------------------- */

static void a_ref_never_comes_back(void)
{
    enum { REFS = 100000, ALIVE = 50 };
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref *refs = calloc(REFS, sizeof *refs);
    CHECK(refs != NULL);
    for (int i = 0; i < REFS; i++) {
        refs[i] = noh_spawn(self, tiny);
        CHECK(!noh_ref_is_none(refs[i]));
        if (i >= ALIVE) {
            CHECK_OK(noh_stop(self, refs[i - ALIVE], NOH_STOP_KILL));
        }
        if (i % 1000 == 999) { /* all the stops have come */
            CHECK_OK(noh_join(self, refs[i - ALIVE], NOH_FOREVER, NULL));
        }
    }
    for (int i = 0; i < REFS; i++) {
        bool alive = i >= REFS - ALIVE;
        CHECK_EQ(noh_is_alive(system, refs[i]), alive);
        CHECK_ERR(noh_tell(self, refs[i], work, .value = 1), alive ? NOH_OK : NOH_E_GONE);
    }
    qsort(refs, REFS, sizeof *refs, compare_refs);
    for (int i = 1; i < REFS; i++) {
        CHECK(!noh_ref_equal(refs[i - 1], refs[i]));
    }
    noh_stats stats;
    CHECK_OK(noh_system_stats(system, &stats));
    CHECK_EQ(stats.spawned, REFS);
    CHECK_EQ(stats.actors, ALIVE);
    free(refs);
    core_end(&world, system);
}

NOH_MESSAGE(born, (noh_ref, ref), (int64_t, err));
NOH_REQUEST(bear, born);
NOH_NO_STATE(mother);

/* On a worker, where a slot that was freed is used again at once. */
static noh_err on_bear(noh_self *self, mother *me, const bear *message)
{
    noh_ref ref = NOH_NO_REF;
    noh_err err = noh_spawn_with(self, &noh_behavior_tiny, NULL, NULL, &ref);
    return noh_reply(self, born, .ref = ref, .err = err);
}

NOH_BEHAVIOR(mother, NOH_ON(bear, on_bear));

static void the_first_ref_of_a_slot_stays_gone_after_the_last(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref parent = noh_spawn(self, mother);
    born first;
    born next;
    CHECK_OK(noh_call(self, parent, bear, &first));
    (void)core_stop(self, first.ref, NOH_STOP_NOW);
    nohi_gate *place = nohi_slots_at(&system->slots, nohi_ref_index(first.ref));
    /* As if millions had come and gone: few generations are left. */
    uint32_t generation = system->slots.first_generation + NOHI_TENANTS_EACH - 3;
    store_release(&place->generation, generation & NOHI_GENERATION_MASK);
    unsigned tenants = 0;
    for (;;) {
        CHECK_OK(noh_call(self, parent, bear, &next));
        if (nohi_ref_index(next.ref) != nohi_ref_index(first.ref)) {
            break; /* SLT-3: it has retired */
        }
        (void)core_stop(self, next.ref, NOH_STOP_NOW);
        CHECK_ERR(noh_tell(self, next.ref, work, .value = 1), NOH_E_GONE);
        tenants++;
    }
    CHECK_EQ(tenants, 3);
    CHECK_ERR(noh_tell(self, first.ref, work, .value = 1), NOH_E_GONE);
    CHECK_ERR(noh_stop(self, first.ref, NOH_STOP_NOW), NOH_E_GONE);
    core_end(&world, system);
}

/* While nothing moves: all free slots have one generation left. */
static void use_up_free_slots(noh_system *system)
{
    CHECK_TEXT(nohi_system_check(system, true), NULL);
    nohi_slots *slots = &system->slots;
    uint32_t limit = load_acquire(&slots->limit);
    uint32_t last = (slots->first_generation + NOHI_TENANTS_EACH - 1) & NOHI_GENERATION_MASK;
    for (uint32_t index = 1; index < limit; index++) {
        nohi_actor *a = nohi_slots_at(slots, index);
        if (load_relaxed(&a->life) == NOHI_FREE) {
            store_release(&a->gate.generation, last);
        }
    }
}

static void without_a_slot_left_there_is_no_actor_more(void)
{
    enum { ROOM = 60 };
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref parent = noh_spawn(self, mother);
    noh_ref refs[2 * ROOM]; /* fresh ones have a tenant before we see them */
    unsigned count = 0;
    uint32_t reserved = system->slots.count;
    system->slots.count = ROOM;
    for (;; count++) {
        born child;
        use_up_free_slots(system);
        CHECK_OK(noh_call(self, parent, bear, &child));
        if (child.err != NOH_OK) {
            CHECK_EQ(child.err, NOH_E_LIMIT);
            break;
        }
        CHECK(count < 2 * ROOM);
        refs[count] = child.ref;
        (void)core_stop(self, child.ref, NOH_STOP_NOW);
    }
    CHECK(count > 0);
    for (unsigned i = 0; i < count; i++) {
        CHECK_ERR(noh_tell(self, refs[i], work, .value = 1), NOH_E_GONE);
    }
    CHECK(noh_ref_is_none(noh_spawn(self, tiny)));
    born none;
    CHECK_OK(noh_call(self, parent, bear, &none)); /* who lives goes on */
    CHECK_EQ(none.err, NOH_E_LIMIT);
    CHECK_TEXT(nohi_system_check(system, true), NULL);
    system->slots.count = reserved;
    core_end(&world, system);
}

static void is_alive_takes_anything(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, tiny);
    CHECK(noh_is_alive(system, ref));
    CHECK(noh_is_alive(system, noh_self_ref(self)));
    CHECK(!noh_is_alive(NULL, ref));
    CHECK(!noh_is_alive(system, NOH_NO_REF));
    CHECK(!noh_is_alive(system, (noh_ref){UINT64_MAX}));
    core_end(&world, system);
}

static const test_case cases[] = {
    TEST(no_more_than_actors_max_live_at_once),
    TEST(a_place_is_free_when_its_actor_has_ended),
    TEST(a_place_is_free_when_its_askers_are_told),
    TEST(a_ref_never_comes_back),
    TEST(the_first_ref_of_a_slot_stays_gone_after_the_last),
    TEST(without_a_slot_left_there_is_no_actor_more),
    TEST(is_alive_takes_anything),
};
TEST_MAIN(cases)
