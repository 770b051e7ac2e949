/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: whoever is stopped or killed, at whatever moment, what its function uses stays until that has
 * returned, and no call is lost or made twice.
 * Method: actors call functions that write to the handler's stack, work for a while and look whether
 * it is still theirs; three threads serve all. Plain threads spawn them and stop them in all ways at
 * random. At the end every call that was begun has ended, and nothing is left. */
#include "stress.h"

enum { BOARD = 64, THREADS = 2, WORDS = 32, CALLS = 4 };

NOH_MESSAGE(go, (uint64_t, bits));

static struct {
    atomic_ullong refs[BOARD];
    atomic_ullong begun;
    atomic_ullong ended;
    atomic_ullong refused;   /* calls that a stop ended before */
    atomic_ullong come_back; /* calls that returned to their handlers */
    atomic_ullong told;
} world;

typedef struct job {
    uint64_t bits;
    unsigned calls;
    bool returned;
    uint64_t words[WORDS];
} job;

static noh_err spoil(void *arg)
{
    job *j = arg;
    atomic_fetch_add(&world.begun, 1);
    CHECK_EQ(j->calls, 0);
    j->calls = 1;
    for (int i = 0; i < WORDS; i++) {
        j->words[i] = j->bits + (uint64_t)i;
    }
    uint64_t chance = j->bits;
    stress_busy_at_random(&chance, 100000);
    for (int i = 0; i < WORDS; i++) {
        CHECK_EQ(j->words[i], j->bits + (uint64_t)i);
    }
    j->returned = true;
    atomic_fetch_add(&world.ended, 1);
    return NOH_E_TAKEN;
}

static noh_err call(noh_self *self, uint64_t bits)
{
    job j = {.bits = bits};
    noh_err err = noh_blocking(self, spoil, &j);
    if (err == NOH_E_STOPPED) {
        CHECK_EQ(j.calls, 0);
        atomic_fetch_add(&world.refused, 1);
        return err;
    }
    CHECK_ERR(err, NOH_E_TAKEN);
    CHECK(j.returned);
    atomic_fetch_add(&world.come_back, 1);
    return NOH_OK;
}

typedef struct caller {
    uint64_t calls;
} caller;

static noh_err caller_go(noh_self *self, caller *me, const go *m)
{
    uint64_t chance = m->bits;
    noh_err err = NOH_OK;
    for (int i = 0; i < CALLS && err == NOH_OK; i++) {
        err = call(self, test_random(&chance));
        me->calls++;
    }
    return test_below(&chance, 16) == 0 ? NOH_E_LIMIT : NOH_OK;
}

NOH_BEHAVIOR(caller, NOH_ON(go, caller_go));

static void one_more(noh_self *self, uint64_t *chance)
{
    atomic_ullong *place = &world.refs[test_below(chance, BOARD)];
    noh_ref ref = noh_spawn(self, caller);
    CHECK(!noh_ref_is_none(ref));
    for (uint64_t left = 1 + test_below(chance, 3); left > 0; left--) {
        if (noh_tell(self, ref, go, .bits = test_random(chance)) == NOH_OK) {
            atomic_fetch_add(&world.told, 1);
        }
    }
    noh_ref before = {atomic_exchange(place, ref.bits)};
    noh_err err = noh_ref_is_none(before) ? NOH_OK : noh_stop(self, before, NOH_STOP_DRAIN);
    CHECK(err == NOH_OK || err == NOH_E_GONE);
}

static void *outsider(void *system)
{
    noh_self *self = noh_system_self(system);
    uint64_t chance = stress_this_thread();
    for (uint64_t rounds = stress_rounds(40000); rounds > 0; rounds--) {
        one_more(self, &chance);
        noh_ref victim = {atomic_load(&world.refs[test_below(&chance, BOARD)])};
        uint64_t how = test_below(&chance, 8);
        if (how <= NOH_STOP_KILL && !noh_ref_is_none(victim)) {
            noh_err err = noh_stop(self, victim, (noh_stop_kind)how);
            CHECK(err == NOH_OK || err == NOH_E_GONE);
            if (how == NOH_STOP_KILL && test_below(&chance, 4) == 0) {
                CHECK_OK(noh_join(self, victim, NOH_FOREVER, NULL));
            }
        }
    }
    CHECK_OK(noh_self_free(self));
    return NULL;
}

static void stops_meet_calls_at_any_moment(void)
{
    memset(&world, 0, sizeof world);
    noh_env env = stress_env();
    noh_options options = {.workers = 2, .blocking_max = 3, .env = &env};
    noh_system *system;
    CHECK_OK(noh_system_new(&options, &system));
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        threads[i] = stress_go(outsider, system);
    }
    for (int i = 0; i < THREADS; i++) {
        stress_join(threads[i]);
    }
    (void)stress_end(system);
    unsigned long long begun = atomic_load(&world.begun);
    unsigned long long back = atomic_load(&world.come_back);
    CHECK_EQ(begun, atomic_load(&world.ended));
    CHECK(back <= begun);
    printf("# %llu told, %llu calls, %llu of the killed, %llu refused\n", atomic_load(&world.told),
           begun, begun - back, atomic_load(&world.refused));
}

static const test_case cases[] = {TEST(stops_meet_calls_at_any_moment)};
TEST_MAIN(cases)
