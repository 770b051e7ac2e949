/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A handler that takes 50 ms, on the worker on which 1,000 others play 500 balls: how long is a ball
 * on its way at worst, in each of so many events?
 *
 *     latency_stuck EVENTS */
#include "latency.h"

#include <stdatomic.h>

enum { PAIRS = 500, STUCK_MS = 50, PAUSE_MS = 10 };

static _Atomic(int64_t) worst_ns;                /* of this event; all pairs */
static _Atomic(const noh_self *) first_pair_was; /* its worker's */

/* ---- the one with the long handler ---- */

NOH_MESSAGE(worked, (bool, together));
NOH_REQUEST(work, worked, (int64_t, ns));
NOH_NO_STATE(laborer);

static noh_err on_work(noh_self *self, laborer *me, const work *m)
{
    bool together = self == atomic_load(&first_pair_was);
    for (int64_t until_ns = bench_now_ns() + m->ns; bench_now_ns() < until_ns;) {
    }
    bench_must(noh_exit_self(self), "exit");
    return noh_reply(self, worked, .together = together);
}

NOH_BEHAVIOR(laborer, NOH_ON(work, on_work));

/* ---- a player ---- */

NOH_MESSAGE(ball, (int64_t, sent_ns));
NOH_MESSAGE(halted);
NOH_REQUEST(halt, halted);

typedef struct player {
    bool is_first;
    bool halted;
} player;

NOH_MESSAGE(serve, (noh_ref, partner));

static noh_err on_serve(noh_self *self, player *me, const serve *m)
{
    return noh_tell(self, m->partner, ball, .sent_ns = bench_now_ns());
}

static noh_err on_ball(noh_self *self, player *me, const ball *m)
{
    int64_t now_ns = bench_now_ns();
    int64_t worst = atomic_load_explicit(&worst_ns, memory_order_relaxed);
    while (now_ns - m->sent_ns > worst &&
           !atomic_compare_exchange_weak(&worst_ns, &worst, now_ns - m->sent_ns)) {
    }
    if (me->is_first) {
        atomic_store_explicit(&first_pair_was, self, memory_order_relaxed);
    }
    return me->halted ? NOH_OK : noh_tell(self, noh_sender(self), ball, .sent_ns = now_ns);
}

/* For the one who works long, on the worker on which the player is now. */
static noh_err on_player_work(noh_self *self, player *me, const work *m)
{
    noh_ref one;
    bench_must(noh_spawn_with(self, &noh_behavior_laborer, NULL,
                              &(noh_spawn_options){.pinned = true}, &one),
               "spawn");
    return noh_forward(self, one);
}

static noh_err on_halt(noh_self *self, player *me, const halt *m)
{
    me->halted = true;
    return noh_reply(self, halted);
}

NOH_MESSAGE(player_start, (bool, is_first));

static noh_err on_player_start(noh_self *self, player *me, const player_start *m)
{
    me->is_first = m->is_first;
    return NOH_OK;
}

NOH_BEHAVIOR_WITH(player, player_start, on_player_start, NOH_ON(serve, on_serve),
                  NOH_ON(ball, on_ball), NOH_ON(work, on_player_work), NOH_ON(halt, on_halt));

/* ---- the measurement ---- */

static void spawn_players(noh_self *self, noh_ref *players)
{
    for (int i = 0; i < PAIRS; i++) {
        players[2 * i] = noh_spawn(self, player, .is_first = i == 0);
        players[2 * i + 1] = noh_spawn(self, player, .is_first = false);
        bench_must(noh_tell(self, players[2 * i], serve, .partner = players[2 * i + 1]), "serve");
    }
}

/* The worst latency while one worker was busy, and shortly after. */
static int64_t measure_event(noh_self *self, noh_ref first, int64_t *together)
{
    worked result;
    atomic_store(&worst_ns, 0);
    bench_must(noh_call(self, first, work, &result, .ns = STUCK_MS * NOH_MS), "work");
    *together += result.together;
    bench_wait_until(bench_now_ns() + PAUSE_MS * NOH_MS); /* those that waited get their balls */
    return atomic_load(&worst_ns);
}

int main(int argc, char **argv)
{
    int64_t events = bench_size(argc, argv, 1);
    static noh_ref players[2 * PAIRS];
    static latencies measured;
    noh_system *system = bench_system();
    noh_self *me = noh_system_self(system);
    int64_t together = 0;
    spawn_players(me, players);
    bench_wait_until(bench_now_ns() + PAUSE_MS * NOH_MS);

    int64_t start = bench_now_ns();
    for (int64_t i = 0; i < events; i++) {
        int64_t worst = measure_event(me, players[0], &together);
        bench_check(worst > 0, "balls were played");
        latency_add(&measured, worst);
    }
    int64_t took = bench_now_ns() - start;

    for (int i = 0; i < 2 * PAIRS; i++) {
        halted done;
        bench_must(noh_call(me, players[i], halt, &done), "halt");
    }
    bench_check(2 * together > events, "the long handler was beside the players");
    latency_report("latency-stuck", &measured, took);
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}
