/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Two actors play one ball back and forth: the cost of a message to an actor that waits for it.
 *
 *     pingpong ROUNDS */
#include "bench.h"

NOH_MESSAGE(ball, (int64_t, left));

/* ---- pong sends every ball back ---- */

NOH_MESSAGE(seen, (int64_t, balls));
NOH_REQUEST(get_seen, seen);

typedef struct pong {
    int64_t balls;
} pong;

static noh_err on_ball(noh_self *self, pong *me, const ball *m)
{
    me->balls++;
    return noh_tell(self, noh_sender(self), ball, .left = m->left);
}

static noh_err on_get_seen(noh_self *self, pong *me, const get_seen *m)
{
    return noh_reply(self, seen, .balls = me->balls);
}

NOH_BEHAVIOR(pong, NOH_ON(ball, on_ball), NOH_ON(get_seen, on_get_seen));

/* ---- ping serves, returns, and answers when the last ball has come back ---- */

NOH_MESSAGE(played, (int64_t, rounds));
NOH_REQUEST(play, played, (noh_ref, partner), (int64_t, rounds));

typedef struct ping {
    noh_ref partner;
    noh_promise promise;
    int64_t rounds;
} ping;

static noh_err on_play(noh_self *self, ping *me, const play *m)
{
    me->partner = m->partner;
    noh_err err = noh_promise_take(self, &me->promise);
    if (err != NOH_OK) {
        return err;
    }
    return noh_tell(self, me->partner, ball, .left = m->rounds - 1);
}

static noh_err on_return(noh_self *self, ping *me, const ball *m)
{
    me->rounds++;
    if (m->left == 0) {
        return noh_promise_keep(self, me->promise, played, .rounds = me->rounds);
    }
    return noh_tell(self, me->partner, ball, .left = m->left - 1);
}

NOH_BEHAVIOR(ping, NOH_ON(play, on_play), NOH_ON(ball, on_return));

int main(int argc, char **argv)
{
    int64_t rounds = bench_size(argc, argv, 1);
    noh_system *system = bench_system();
    noh_self *me = noh_system_self(system);
    noh_ref one = noh_spawn(me, ping);
    noh_ref other = noh_spawn(me, pong);
    played game;
    seen count;

    int64_t start = bench_now_ns();
    bench_must(noh_call(me, one, play, &game, .partner = other, .rounds = rounds), "play");
    int64_t took = bench_now_ns() - start;

    bench_must(noh_call(me, other, get_seen, &count), "ask pong");
    bench_check(game.rounds == rounds && count.balls == rounds, "every ball came back");
    bench_report("pingpong", rounds, took, "");
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}
