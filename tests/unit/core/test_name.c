/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a name means one living actor, from its registration to its end or its unregistration, and
 * nothing of it is left afterwards.
 * Method: the names of the system are counted after every step; a race between registering and
 * dying is run often. */
#include "core.h"

NOH_MESSAGE(go_on);

NOH_NO_STATE(somebody);

static noh_err somebody_go_on(noh_self *self, somebody *me, const go_on *m)
{
    return NOH_OK;
}

NOH_BEHAVIOR(somebody, NOH_ON(go_on, somebody_go_on));

static uint64_t names(noh_system *system)
{
    noh_stats stats;
    CHECK_OK(noh_system_stats(system, &stats));
    return stats.names;
}

static void a_name_finds_its_actor_until_it_ends(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    for (int i = 0; i < 100; i++) {
        char name[] = "counter";
        noh_ref ref = noh_spawn(self, somebody);
        CHECK(noh_ref_is_none(noh_lookup(system, "counter")));
        CHECK_OK(noh_register(self, name, ref));
        name[0] = 'x'; /* it was copied */
        CHECK(noh_ref_equal(noh_lookup(system, "counter"), ref));
        CHECK_EQ(names(system), 1);
        (void)core_stop(self, ref, i % 3);
        CHECK(noh_ref_is_none(noh_lookup(system, "counter")));
        CHECK_EQ(names(system), 0);
    }
    core_end(&world, system);
}

static void a_taken_name_stays_with_its_owner(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref first = noh_spawn(self, somebody);
    noh_ref second = noh_spawn(self, somebody);
    CHECK_OK(noh_register(self, "n", first));
    CHECK_ERR(noh_register(self, "n", second), NOH_E_TAKEN);
    CHECK_ERR(noh_register(self, "n", first), NOH_E_TAKEN);
    CHECK(noh_ref_equal(noh_lookup(system, "n"), first));
    CHECK_OK(noh_unregister(self, "n"));
    CHECK_ERR(noh_unregister(self, "n"), NOH_E_NOT_FOUND);
    CHECK(noh_ref_is_none(noh_lookup(system, "n")));
    CHECK_OK(noh_register(self, "n", second));
    (void)core_stop(self, first, NOH_STOP_NOW); /* it has no name any more to take back */
    CHECK(noh_ref_equal(noh_lookup(system, "n"), second));
    core_end(&world, system);
}

NOH_MESSAGE(carry, (noh_box, box));

NOH_NO_STATE(carrier);

static noh_err carrier_started(noh_self *self, carrier *me, const carry *start)
{
    return NOH_OK;
}

static noh_err carrier_go_on(noh_self *self, carrier *me, const go_on *m)
{
    return NOH_OK;
}

NOH_BEHAVIOR_WITH(carrier, carry, carrier_started, NOH_ON(go_on, carrier_go_on));

static void count_drop(void *data, size_t size)
{
    ++*(atomic_int *)data;
}

/* No actor, so nobody dies, holds a place, or takes what the caller gave. */
static void a_spawn_whose_name_is_taken_makes_nothing(void)
{
    atomic_int drops = 0;
    core_world world;
    noh_system *system = core_start(&world, 2, &(noh_options){.actors_max = 2});
    noh_self *self = noh_system_self(system);
    noh_spawn_options named = {.name = "n"};
    noh_ref first;
    noh_ref second = NOH_NO_REF;
    noh_box box = {&drops, 1, count_drop};
    CHECK_OK(noh_spawn_with(self, &noh_behavior_carrier, NULL, &named, &first));
    for (int i = 0; i < 100; i++) {
        CHECK_ERR(noh_spawn_with(self, &noh_behavior_carrier, NOH_VALUE(carry, .box = box), &named,
                                 &second),
                  NOH_E_TAKEN);
        CHECK(noh_ref_is_none(second));
    }
    named.name = "";
    CHECK_ERR(noh_spawn_with(self, &noh_behavior_carrier, NULL, &named, &second), NOH_E_INVAL);
    CHECK_EQ(drops, 0);
    CHECK_EQ(names(system), 1);
    CHECK_EQ(core_actors(system), 1);
    named.name = "m";
    CHECK_OK(
        noh_spawn_with(self, &noh_behavior_carrier, NOH_VALUE(carry, .box = box), &named, &second));
    CHECK(noh_ref_equal(noh_lookup(system, "n"), first));
    CHECK(noh_ref_equal(noh_lookup(system, "m"), second));
    core_end(&world, system);
    CHECK_EQ(drops, 1);
}

static void an_actor_may_have_several_names(void)
{
    static const char *const several[] = {"a", "b", "c", "d", "e"};
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    for (int removed = 0; removed < 5; removed++) { /* first, last or one between */
        noh_ref ref = noh_spawn(self, somebody);
        for (int i = 0; i < 5; i++) {
            CHECK_OK(noh_register(self, several[i], ref));
        }
        CHECK_EQ(names(system), 5);
        CHECK_OK(noh_unregister(self, several[removed]));
        CHECK_OK(noh_unregister(self, several[(removed + 2) % 5]));
        for (int i = 0; i < 5; i++) {
            bool there = i != removed && i != (removed + 2) % 5;
            CHECK_EQ(noh_ref_equal(noh_lookup(system, several[i]), ref), there);
        }
        CHECK_EQ(names(system), 3);
        CHECK_OK(noh_register(self, several[removed], ref));
        (void)core_stop(self, ref, NOH_STOP_KILL);
        CHECK_EQ(names(system), 0);
    }
    core_end(&world, system);
}

static void names_have_1_to_255_bytes(void)
{
    char name[300];
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, somebody);
    memset(name, 'n', sizeof name);
    name[256] = 0;
    CHECK_ERR(noh_register(self, name, ref), NOH_E_INVAL);
    name[255] = 0;
    CHECK_OK(noh_register(self, name, ref));
    CHECK(noh_ref_equal(noh_lookup(system, name), ref));
    name[1] = 0;
    CHECK_OK(noh_register(self, name, ref));
    CHECK_OK(noh_register(self, "\xc3\xa4/b c\n", ref));
    CHECK(noh_ref_equal(noh_lookup(system, "\xc3\xa4/b c\n"), ref));
    CHECK_ERR(noh_register(self, "", ref), NOH_E_INVAL);
    CHECK_ERR(noh_register(self, NULL, ref), NOH_E_INVAL);
    CHECK_ERR(noh_register(NULL, "x", ref), NOH_E_INVAL);
    CHECK_ERR(noh_register(self, "x", NOH_NO_REF), NOH_E_GONE);
    CHECK_ERR(noh_unregister(self, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_unregister(NULL, "x"), NOH_E_INVAL);
    CHECK_ERR(noh_unregister(self, "x"), NOH_E_NOT_FOUND);
    CHECK(noh_ref_is_none(noh_lookup(system, NULL)));
    CHECK(noh_ref_is_none(noh_lookup(NULL, "x")));
    CHECK(noh_ref_is_none(noh_lookup(system, "")));
    (void)core_stop(self, ref, NOH_STOP_NOW);
    CHECK_ERR(noh_register(self, "x", ref), NOH_E_GONE);
    CHECK_EQ(names(system), 0);
    core_end(&world, system);
}

static void a_thread_may_have_a_name(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    CHECK_OK(noh_register(self, "main", noh_self_ref(self)));
    CHECK(noh_ref_equal(noh_lookup(system, "main"), noh_self_ref(self)));
    CHECK_OK(noh_self_free(self));
    CHECK(noh_ref_is_none(noh_lookup(system, "main")));
    CHECK_EQ(names(system), 0);
    core_end(&world, system);
}

static void the_65537th_name_is_refused(void)
{
    enum { MOST = 65536 };
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, somebody);
    char name[32];
    for (int i = 0; i < MOST; i++) {
        snprintf(name, sizeof name, "name %d", i);
        CHECK_OK(noh_register(self, name, ref));
    }
    CHECK_ERR(noh_register(self, "one more", ref), NOH_E_LIMIT);
    CHECK_OK(noh_unregister(self, "name 5"));
    CHECK_OK(noh_register(self, "one more", ref));
    CHECK_EQ(names(system), MOST);
    (void)core_stop(self, ref, NOH_STOP_NOW);
    CHECK_EQ(names(system), 0);
    core_end(&world, system);
}

/* GAT-4: one thread names actors, while others end. */
typedef struct naming {
    noh_system *system;
    _Atomic uint64_t ref;
    atomic_bool over;
    int64_t named;
    int64_t gone;
} naming;

static void *name_what_comes(void *arg)
{
    naming *n = arg;
    noh_self *self = noh_system_self(n->system);
    uint64_t last = 0;
    while (!atomic_load(&n->over)) {
        noh_ref ref = {atomic_load(&n->ref)};
        if (ref.bits == last) {
            continue;
        }
        last = ref.bits;
        noh_err err = noh_register(self, "hot", ref);
        n->named += err == NOH_OK;
        n->gone += err == NOH_E_GONE;
        CHECK(err == NOH_OK || err == NOH_E_GONE || err == NOH_E_TAKEN);
    }
    return NULL;
}

static void an_actor_that_dies_while_it_is_named_leaves_no_name(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    naming n = {.system = system};
    pthread_t thread = core_thread(name_what_comes, &n);
    for (int i = 0; i < 5000; i++) {
        noh_ref ref = noh_spawn(self, somebody);
        atomic_store(&n.ref, ref.bits);
        (void)core_stop(self, ref, NOH_STOP_KILL);
        noh_ref found = noh_lookup(system, "hot");
        CHECK(noh_ref_is_none(found) || !noh_ref_equal(found, ref));
    }
    atomic_store(&n.over, true);
    core_join_thread(thread);
    CHECK_EQ(names(system), 0);
    core_end(&world, system);
}

/* An actor that is spawned with a name can be found before the spawn returns; its start hook still
 * runs before anything that is told to it. */
typedef struct early {
    bool started;
} early;

static atomic_int started;
static atomic_int handled;

static noh_err early_started(noh_self *self, early *me, const noh_nothing *start)
{
    me->started = true;
    atomic_fetch_add(&started, 1);
    return NOH_OK;
}

static noh_err early_go_on(noh_self *self, early *me, const go_on *m)
{
    CHECK(me->started);
    atomic_fetch_add(&handled, 1);
    return NOH_OK;
}

NOH_BEHAVIOR_WITH(early, noh_nothing, early_started, NOH_ON(go_on, early_go_on));

static void *tell_by_name(void *arg)
{
    naming *n = arg;
    noh_self *self = noh_system_self(n->system);
    while (!atomic_load(&n->over)) {
        noh_ref ref = noh_lookup(n->system, "early");
        if (!noh_ref_is_none(ref)) {
            n->named += noh_tell(self, ref, go_on) == NOH_OK;
        }
    }
    return NULL;
}

static void a_name_does_not_let_messages_in_before_the_start_hook(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    naming n = {.system = system};
    pthread_t thread = core_thread(tell_by_name, &n);
    for (int i = 0; i < 3000; i++) {
        noh_ref ref;
        CHECK_OK(noh_spawn_with(self, &noh_behavior_early, NULL,
                                &(noh_spawn_options){.name = "early", .mailbox_max = 100}, &ref));
        (void)core_stop(self, ref, NOH_STOP_DRAIN);
    }
    atomic_store(&n.over, true);
    core_join_thread(thread);
    CHECK_EQ(started, 3000);
    core_end(&world, system);
}

static const test_case cases[] = {
    TEST(a_name_finds_its_actor_until_it_ends),
    TEST(a_taken_name_stays_with_its_owner),
    TEST(a_spawn_whose_name_is_taken_makes_nothing),
    TEST(an_actor_may_have_several_names),
    TEST(names_have_1_to_255_bytes),
    TEST(a_thread_may_have_a_name),
    TEST(the_65537th_name_is_refused),
    TEST(an_actor_that_dies_while_it_is_named_leaves_no_name),
    TEST(a_name_does_not_let_messages_in_before_the_start_hook),
};
TEST_MAIN(cases)
