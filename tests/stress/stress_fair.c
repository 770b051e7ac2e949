/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: nobody starves: among equal actors that always have something to do each gets at least half
 * of its fair share, and a flood does not keep quiet ones from their turn.
 * Method: time is not looked at, turns are counted: the share of each actor in all turns. On two
 * workers, for long enough that the operating system runs both, and what a seizure leaves behind
 * counts little; where all is slower, that is not so, and a quarter is the bound. On more workers
 * than processors one may wait for long: there it is a tenth.
 * Beside a flood, letters are counted: those that the flooding pair handles between a tell to a quiet actor
 * and its turn. */
#include "stress.h"

enum { ACTORS = 1000 };

NOH_MESSAGE(go_on);
NOH_MESSAGE(all_done);

static struct {
    noh_ref driver;
    atomic_llong left; /* turns */
    atomic_uint running;
    uint64_t turns[ACTORS];
    atomic_ullong moves;
} race;

typedef struct runner {
    uint32_t index;
    unsigned cost_ns;
    const noh_self *seen; /* differs from worker to worker */
} runner;

NOH_MESSAGE(runner_start, (uint32_t, index), (uint32_t, cost_ns));

static noh_err on_runner_start(noh_self *self, runner *me, const runner_start *start)
{
    me->index = start->index;
    me->cost_ns = start->cost_ns;
    return NOH_OK;
}

static noh_err on_go_on(noh_self *self, runner *me, const go_on *message)
{
    race.turns[me->index]++;
    if (me->seen != self && me->seen != NULL) {
        atomic_fetch_add_explicit(&race.moves, 1, memory_order_relaxed);
    }
    me->seen = self;
    stress_busy(me->cost_ns);
    if (atomic_fetch_sub_explicit(&race.left, 1, memory_order_relaxed) > 0) {
        return noh_tell(self, noh_self_ref(self), go_on);
    }
    return atomic_fetch_sub(&race.running, 1) == 1 ? noh_tell(self, race.driver, all_done) : NOH_OK;
}

NOH_BEHAVIOR_WITH(runner, runner_start, on_runner_start, NOH_ON(go_on, on_go_on));

static void wait_for_all_done(noh_self *self)
{
    const noh_type *type;
    const void *message;
    CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &message));
    CHECK(noh_as(all_done, type, message) != NULL);
}

/* Starts the runners from within, so that all are there before the first turn of any. */
NOH_MESSAGE(start_all, (uint32_t, cost_ns));
NOH_NO_STATE(starter);

static noh_err on_start_all(noh_self *self, starter *me, const start_all *message)
{
    for (uint32_t i = 0; i < ACTORS; i++) {
        noh_ref ref = noh_spawn(self, runner, .index = i, .cost_ns = message->cost_ns);
        CHECK_OK(noh_tell(self, ref, go_on));
    }
    return NOH_OK;
}

NOH_BEHAVIOR(starter, NOH_ON(start_all, on_start_all));

/* Returns the turns of the slowest. */
static uint64_t run_race(unsigned workers, uint64_t turns, unsigned cost_ns)
{
    memset(&race, 0, sizeof race);
    noh_system *system = stress_start(workers);
    noh_self *self = noh_system_self(system);
    race.driver = noh_self_ref(self);
    atomic_store(&race.left, (long long)turns);
    atomic_store(&race.running, ACTORS);
    CHECK_OK(noh_tell(self, noh_spawn(self, starter), start_all, .cost_ns = cost_ns));
    wait_for_all_done(self);
    stress_end(system);
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < ACTORS; i++) {
        least = race.turns[i] < least ? race.turns[i] : least;
    }
    printf("    %u workers, %u ns: %llu moves, the slowest had %llu of %llu turns\n", workers,
           cost_ns, (unsigned long long)atomic_load(&race.moves), (unsigned long long)least,
           (unsigned long long)turns / ACTORS);
    return least;
}

static void on_one_worker_each_gets_half_of_its_share_at_least(void)
{
    uint64_t turns = stress_rounds(1000000);
    CHECK(run_race(1, turns, 0) * 2 >= turns / ACTORS);
    CHECK(run_race(1, turns, 400) * 2 >= turns / ACTORS);
}

static void on_two_workers_too(void)
{
    uint64_t light = stress_rounds(20000000);
    uint64_t heavy = stress_rounds(4000000);
    unsigned bound = STRESS_SLOW > 1 ? 4 : 2;
    CHECK(run_race(2, light, 0) * bound >= light / ACTORS);
    CHECK(run_race(2, heavy, 400) * bound >= heavy / ACTORS);
}

static void on_four_nobody_is_forgotten(void)
{
    uint64_t turns = stress_rounds(1000000);
    CHECK(run_race(4, turns, 0) * 10 >= turns / ACTORS);
    CHECK(run_race(4, turns, 400) * 10 >= turns / ACTORS);
    CHECK(atomic_load(&race.moves) > 0);
}

/* ---- beside a flood ----------------------------------------------------------------------- */

enum { LETTERS = 64 };

NOH_MESSAGE(begin, (noh_ref, partner));
NOH_MESSAGE(letter);
NOH_MESSAGE(poke);
NOH_MESSAGE(poked);
NOH_MESSAGE(call, (uint64_t, rounds));

/* All on one worker. */
static struct {
    noh_ref driver;
    uint64_t letters; /* handled by both */
    uint64_t before;  /* when the quiet ones were told */
    uint64_t most;    /* between that and a quiet one's turn */
    bool dammed;
} flood;

NOH_NO_STATE(flooder);

static noh_err on_begin(noh_self *self, flooder *me, const begin *message)
{
    for (int i = 0; i < LETTERS; i++) {
        CHECK_OK(noh_tell(self, message->partner, letter));
    }
    return NOH_OK;
}

static noh_err on_letter(noh_self *self, flooder *me, const letter *message)
{
    flood.letters++;
    return flood.dammed ? NOH_OK : noh_tell(self, noh_sender(self), letter);
}

NOH_BEHAVIOR(flooder, NOH_ON(begin, on_begin), NOH_ON(letter, on_letter));

NOH_NO_STATE(quiet);

static noh_err on_poke(noh_self *self, quiet *me, const poke *message)
{
    uint64_t letters = flood.letters - flood.before;
    flood.most = letters > flood.most ? letters : flood.most;
    return noh_tell(self, noh_sender(self), poked);
}

NOH_BEHAVIOR(quiet, NOH_ON(poke, on_poke));

typedef struct caller {
    uint64_t rounds;
    uint32_t waiting;
    noh_ref quiet[ACTORS];
} caller;

static noh_err poke_all(noh_self *self, caller *me)
{
    flood.before = flood.letters;
    me->waiting = ACTORS;
    for (int i = 0; i < ACTORS; i++) {
        CHECK_OK(noh_tell(self, me->quiet[i], poke));
    }
    return NOH_OK;
}

static noh_err on_call(noh_self *self, caller *me, const call *message)
{
    me->rounds = message->rounds;
    for (int i = 0; i < ACTORS; i++) {
        me->quiet[i] = noh_spawn(self, quiet);
    }
    return poke_all(self, me);
}

static noh_err on_poked(noh_self *self, caller *me, const poked *message)
{
    me->waiting--;
    if (me->waiting > 0) {
        return NOH_OK;
    }
    me->rounds--;
    if (me->rounds > 0) {
        return poke_all(self, me);
    }
    flood.dammed = true;
    return noh_tell(self, flood.driver, all_done);
}

NOH_BEHAVIOR(caller, NOH_ON(call, on_call), NOH_ON(poked, on_poked));

/* One turn of each flooder may come before a quiet one's, a letter in hand beside it; twice that is
 * the bound. */
static void quiet_ones_get_their_turn_beside_a_flood(void)
{
    uint64_t rounds = stress_rounds(500);
    memset(&flood, 0, sizeof flood);
    noh_system *system = stress_start(1);
    noh_self *self = noh_system_self(system);
    flood.driver = noh_self_ref(self);
    noh_ref one = noh_spawn(self, flooder);
    CHECK_OK(noh_tell(self, one, begin, .partner = noh_spawn(self, flooder)));
    CHECK_OK(noh_tell(self, noh_spawn(self, caller), call, .rounds = rounds));
    wait_for_all_done(self);
    stress_end(system);
    printf("    %llu letters, at most %llu before a quiet one's turn\n",
           (unsigned long long)flood.letters, (unsigned long long)flood.most);
    CHECK(flood.letters > rounds);
    CHECK(flood.most <= 4 * LETTERS);
}

static const test_case cases[] = {
    TEST(on_one_worker_each_gets_half_of_its_share_at_least),
    TEST(on_two_workers_too),
    TEST(on_four_nobody_is_forgotten),
    TEST(quiet_ones_get_their_turn_beside_a_flood),
};
TEST_MAIN(cases)
