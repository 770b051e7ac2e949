/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: the check of a whole system finds what is broken, and nothing else.
 * Method: a system at rest, with actors that live and slots of those that ended; broken by hand while
 * its worker sleeps, and mended again. The check itself waits until the worker rests. */
#include "core.h"
#include "system.h"

NOH_MESSAGE(poke);
NOH_NO_STATE(post);

static noh_err on_poke(noh_self *self, post *me, const poke *message)
{
    return NOH_OK;
}

NOH_BEHAVIOR(post, NOH_ON(poke, on_poke));

static core_world world;
static noh_system *broken_one;

/* The first word of what the check says is the invariant's. */
static void expect(const char *id)
{
    const char *broken = nohi_system_check(broken_one, true);
    if (broken == NULL || strncmp(broken, id, strlen(id)) != 0) {
        test_failed(__FILE__, __LINE__, "%s, not %s", broken == NULL ? "sound" : broken, id);
    }
}

static void each_broken_invariant_is_named(void)
{
    noh_system *system = broken_one = core_start(&world, 1, &(noh_options){.actors_max = 1000});
    noh_self *self = noh_system_self(system);
    nohi_worker *w = nohi_system_home(system, 0);
    noh_ref refs[100];
    for (int i = 0; i < 100; i++) {
        refs[i] = noh_spawn(self, post);
        CHECK_OK(noh_tell(self, refs[i], poke));
    }
    for (int i = 0; i < 50; i++) {
        (void)core_stop(self, refs[i], NOH_STOP_NOW);
    }
    CHECK_TEXT(nohi_system_check(system, true), NULL); /* the worker rests now */
    nohi_slots *slots = &system->slots;
    nohi_actor *living = nohi_slots_at(slots, nohi_ref_index(refs[99]));

    nohi_gate_move(&living->gate, 77);
    expect("GAT-1");
    nohi_gate_move(&living->gate, 0);

    living->flags = NOHI_SIGNALED;
    expect("RCV-2");
    living->flags = 0;

    nohi_letter letter = {NULL};
    store_relaxed(&living->gate.inbox.newest, &letter);
    expect("INB-1");
    store_relaxed(&living->gate.inbox.newest, NULL);

    store_relaxed(&living->gate.inbox_len, 1);
    expect("SND-3");
    store_relaxed(&living->gate.inbox_len, 0);

    store_relaxed(&living->life, NOHI_DEAD); /* nobody's, and in no list */
    expect("ACT-1");
    store_relaxed(&living->life, NOHI_LIVE);

    uint32_t first = w->free_first;
    uint32_t count = w->free_count;
    w->free_count++;
    expect("THR-3");
    w->free_count--;
    if (first != 0) { /* forgotten; not there when all have gone to the depot */
        w->free_first = 0;
        w->free_count = 0;
        expect("ACT-1");
        w->free_first = nohi_actor_index(slots, living); /* in use */
        expect("ACT-1");
        w->free_first = first;
        w->free_count = count;
    }

    bump(&w->lease.sent);
    expect("LSE-1");
    bump(&w->lease.ended);
    expect("SND-1");
    bump(&w->counts.handled);
    bump(&w->counts.spawned);
    expect("ACT-2");
    bump(&w->counts.ended);
    add_relaxed(&slots->tenants, 1);
    expect("SLT-4");
    sub_relaxed(&slots->tenants, 1);
    CHECK_TEXT(nohi_system_check(system, true), NULL);
    core_end(&world, system);
}

static const test_case cases[] = {TEST(each_broken_invariant_is_named)};
TEST_MAIN(cases)
