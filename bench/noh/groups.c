/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Independent pairs, each with a ball of its own: work for several workers, of which each piece is
 * too light to be moved.
 *
 *     groups PAIRS ROUNDS */
#include "bench.h"

NOH_MESSAGE(ball, (int64_t, left));
NOH_MESSAGE(finished, (int64_t, rounds));

/* ---- pong sends every ball back ---- */

NOH_NO_STATE(pong);

static noh_err on_ball(noh_self *self, pong *me, const ball *m)
{
    return noh_tell(self, noh_sender(self), ball, .left = m->left);
}

NOH_BEHAVIOR(pong, NOH_ON(ball, on_ball));

/* ---- ping serves, returns, and tells when the last ball has come back ---- */

NOH_MESSAGE(play, (noh_ref, partner), (noh_ref, owner), (int64_t, rounds));

typedef struct ping {
    noh_ref partner;
    noh_ref owner;
    int64_t rounds;
} ping;

static noh_err on_play(noh_self *self, ping *me, const play *m)
{
    me->partner = m->partner;
    me->owner = m->owner;
    return noh_tell(self, me->partner, ball, .left = m->rounds - 1);
}

static noh_err on_return(noh_self *self, ping *me, const ball *m)
{
    me->rounds++;
    if (m->left == 0) {
        return noh_tell(self, me->owner, finished, .rounds = me->rounds);
    }
    return noh_tell(self, me->partner, ball, .left = m->left - 1);
}

NOH_BEHAVIOR(ping, NOH_ON(play, on_play), NOH_ON(ball, on_return));

int main(int argc, char **argv)
{
    int64_t pairs = bench_size(argc, argv, 1);
    int64_t rounds = bench_size(argc, argv, 2);
    noh_system *system = bench_system();
    noh_self *me = noh_system_self(system);
    int64_t played = 0;

    int64_t start = bench_now_ns();
    for (int64_t i = 0; i < pairs; i++) {
        noh_ref one = noh_spawn(me, ping);
        bench_must(noh_tell(me, one, play, .partner = noh_spawn(me, pong),
                            .owner = noh_self_ref(me), .rounds = rounds),
                   "play");
    }
    for (int64_t i = 0; i < pairs; i++) {
        const noh_type *type;
        const void *message;
        bench_must(noh_receive(me, NOH_FOREVER, &type, &message), "receive");
        const finished *done = noh_as(finished, type, message);
        bench_check(done != NULL, "a pair has finished");
        played += done->rounds;
    }
    int64_t took = bench_now_ns() - start;

    bench_check(played == pairs * rounds, "every ball came back");
    bench_report("groups", played, took, "");
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}
