/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Two actors and a ball: who sent a message is known, and actors ask each other without waiting:
 * the answer comes as a message. */
#include <noh/noh.h>

NOH_MESSAGE(ball, (int32_t, hits));
NOH_REQUEST(serve, ball, (noh_ref, partner), (int32_t, until));

NOH_NO_STATE(wall);

static noh_err wall_on_ball(noh_self *self, wall *me, const ball *m)
{
    return noh_tell(self, noh_sender(self), ball, .hits = m->hits + 1);
}

NOH_BEHAVIOR(wall, NOH_ON(ball, wall_on_ball));

typedef struct player {
    noh_promise promise; /* the answer we owe */
    int32_t until;
} player;

static noh_err on_serve(noh_self *self, player *me, const serve *m)
{
    me->until = m->until;
    noh_err err = noh_promise_take(self, &me->promise);
    return err != NOH_OK ? err : noh_tell(self, m->partner, ball, .hits = 1);
}

static noh_err player_on_ball(noh_self *self, player *me, const ball *m)
{
    if (m->hits >= me->until) {
        return noh_promise_keep(self, me->promise, ball, .hits = m->hits);
    }
    return noh_tell(self, noh_sender(self), ball, .hits = m->hits + 1);
}

NOH_BEHAVIOR(player, NOH_ON(serve, on_serve), NOH_ON(ball, player_on_ball));

int main(void)
{
    noh_system *system;
    if (noh_system_new(NULL, &system) != NOH_OK) {
        return 1;
    }
    noh_self *me = noh_system_self(system);
    noh_ref ann = noh_spawn(me, player);
    noh_ref bob = noh_spawn(me, wall);
    ball last;
    if (noh_call(me, ann, serve, &last, .partner = bob, .until = 100000) == NOH_OK) {
        printf("%d hits\n", last.hits);
    }
    noh_system_free(system);
    return 0;
}

// expect: 100000 hits
