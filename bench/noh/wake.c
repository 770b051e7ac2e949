/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* What does it cost to wake an actor that waits in its function, beside a plain message?
 *
 *     wake ROUNDS
 *
 * Two actors play one ball back and forth, ROUNDS times: two with handlers; two that wait for each
 * ball in their function (wake-both); one of each (wake-one). What they do with a ball is the same.
 * All three games in turn, nine times; the median of the ratios to the first one counts. Where only
 * one of them waits, every other message is a plain one, and its time is taken off. */
#include "bench.h"

#include <string.h>

enum { REPEATS = 9 };

NOH_MESSAGE(ball, (int64_t, left));
NOH_MESSAGE(played, (int64_t, balls));
NOH_REQUEST(play, played, (noh_ref, partner), (int64_t, rounds));

/* ---- a player with handlers ---- */

typedef struct player {
    noh_promise promise;
    int64_t balls;
} player;

static noh_err on_play(noh_self *self, player *me, const play *m)
{
    me->balls = 0;
    noh_err err = noh_promise_take(self, &me->promise);
    if (err != NOH_OK) {
        return err;
    }
    return noh_tell(self, m->partner, ball, .left = 2 * m->rounds - 1);
}

static noh_err on_ball(noh_self *self, player *me, const ball *m)
{
    me->balls++;
    if (m->left == 0) { /* who served has it */
        return noh_promise_keep(self, me->promise, played, .balls = me->balls);
    }
    return noh_tell(self, noh_sender(self), ball, .left = m->left - 1);
}

NOH_BEHAVIOR(player, NOH_ON(play, on_play), NOH_ON(ball, on_ball));

/* ---- a player that waits ---- */

static noh_err wait_and_play(noh_self *self, const noh_nothing *arguments)
{
    player me = {0};
    noh_err err = NOH_OK;
    while (err == NOH_OK) {
        const noh_type *type;
        const void *message;
        err = noh_receive(self, NOH_FOREVER, &type, &message);
        if (err == NOH_OK) {
            err =
                type == NOH_TYPE(ball) ? on_ball(self, &me, message) : on_play(self, &me, message);
        }
    }
    return err;
}

NOH_PROCESS(waiter, noh_nothing, wait_and_play);

/* ---- the measurement ---- */

typedef struct game {
    const char *workload;
    noh_ref one;
    noh_ref other;
    int64_t ns[REPEATS];
    double ratios[REPEATS];
} game;

static int64_t play_game(noh_self *self, const game *g, int64_t rounds)
{
    played result;
    int64_t start = bench_now_ns();
    bench_must(noh_call(self, g->one, play, &result, .partner = g->other, .rounds = rounds),
               "play");
    int64_t took = bench_now_ns() - start;
    bench_check(result.balls == rounds, "every ball came back");
    return took;
}

static int in_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Those of the repeat with the median ratio. */
static void report(const game *g, const game *plain, int64_t rounds)
{
    double sorted[REPEATS];
    memcpy(sorted, g->ratios, sizeof sorted);
    qsort(sorted, REPEATS, sizeof *sorted, in_order);
    double ratio = sorted[REPEATS / 2];
    int at = 0;
    while (g->ratios[at] != ratio) {
        at++;
    }
    char extra[96];
    snprintf(extra, sizeof extra, " plain_rate=%.0f ratio=%.3f",
             (double)(2 * rounds) * 1e9 / (double)plain->ns[at], ratio);
    bench_report(g->workload, 2 * rounds, g->ns[at], extra);
}

int main(int argc, char **argv)
{
    int64_t rounds = bench_size(argc, argv, 1);
    noh_system *system = bench_system();
    noh_self *me = noh_system_self(system);
    game plain = {NULL, noh_spawn(me, player), noh_spawn(me, player), {0}, {0}};
    game both = {"wake-both", noh_spawn(me, waiter), noh_spawn(me, waiter), {0}, {0}};
    game one = {"wake-one", noh_spawn(me, player), noh_spawn(me, waiter), {0}, {0}};

    for (int i = -1; i < REPEATS; i++) { /* the first time does not count */
        int at = i < 0 ? 0 : i;
        plain.ns[at] = play_game(me, &plain, rounds);
        both.ns[at] = play_game(me, &both, rounds);
        one.ns[at] = play_game(me, &one, rounds);
        both.ratios[at] = (double)both.ns[at] / (double)plain.ns[at];
        one.ratios[at] = 2 * (double)one.ns[at] / (double)plain.ns[at] - 1;
    }
    report(&both, &plain, rounds);
    report(&one, &plain, rounds);
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}
