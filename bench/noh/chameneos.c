/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Creatures meet in pairs, brought together by a mall, and change color: one actor that all others
 * need.
 *
 *     chameneos CREATURES MEETINGS */
#include "bench.h"

NOH_ENUM(color, BLUE, RED, YELLOW);

/* To the mall: I want to meet somebody. */
NOH_MESSAGE(arrive, (enum, color, color));
/* From the mall: this one wants to meet you. */
NOH_MESSAGE(meet, (enum, color, color), (noh_ref, partner));
/* From the partner: this is your color now. */
NOH_MESSAGE(change, (enum, color, color));
/* The mall is closed; its guest says how many it met. */
NOH_MESSAGE(fade);
NOH_MESSAGE(faded, (int64_t, met));

static color complement(color a, color b)
{
    return a == b ? a : (color)(BLUE + RED + YELLOW - a - b);
}

/* ---- a creature ---- */

NOH_MESSAGE(go, (noh_ref, mall), (enum, color, color));

typedef struct creature {
    noh_ref mall;
    color color;
    int64_t met;
} creature;

static noh_err on_go(noh_self *self, creature *me, const go *m)
{
    me->mall = m->mall;
    me->color = m->color;
    return noh_tell(self, me->mall, arrive, .color = me->color);
}

static noh_err on_meet(noh_self *self, creature *me, const meet *m)
{
    me->met++;
    me->color = complement(me->color, m->color);
    noh_err err = noh_tell(self, m->partner, change, .color = me->color);
    if (err != NOH_OK) {
        return err;
    }
    return noh_tell(self, me->mall, arrive, .color = me->color);
}

static noh_err on_change(noh_self *self, creature *me, const change *m)
{
    me->met++;
    me->color = m->color;
    return noh_tell(self, me->mall, arrive, .color = me->color);
}

static noh_err on_fade(noh_self *self, creature *me, const fade *m)
{
    noh_err err = noh_tell(self, me->mall, faded, .met = me->met);
    if (err != NOH_OK) {
        return err;
    }
    return noh_exit_self(self);
}

NOH_BEHAVIOR(creature, NOH_ON(go, on_go), NOH_ON(meet, on_meet), NOH_ON(change, on_change),
             NOH_ON(fade, on_fade));

/* ---- the mall ---- */

NOH_MESSAGE(closed, (int64_t, met));
NOH_REQUEST(run, closed, (int64_t, creatures), (int64_t, meetings));

typedef struct mall {
    noh_promise promise;
    noh_ref waiting;
    int64_t meetings_left;
    int64_t creatures_left;
    int64_t met;
} mall;

static noh_err on_arrive(noh_self *self, mall *me, const arrive *m)
{
    if (me->meetings_left == 0) {
        return noh_tell(self, noh_sender(self), fade);
    }
    if (noh_ref_is_none(me->waiting)) {
        me->waiting = noh_sender(self);
        return NOH_OK;
    }
    noh_ref first = me->waiting;
    me->waiting = NOH_NO_REF;
    me->meetings_left--;
    return noh_tell(self, first, meet, .color = m->color, .partner = noh_sender(self));
}

static noh_err on_faded(noh_self *self, mall *me, const faded *m)
{
    me->met += m->met;
    me->creatures_left--;
    if (me->creatures_left > 0) {
        return NOH_OK;
    }
    return noh_promise_keep(self, me->promise, closed, .met = me->met);
}

static noh_err on_run(noh_self *self, mall *me, const run *m)
{
    me->meetings_left = m->meetings;
    me->creatures_left = m->creatures;
    for (int64_t i = 0; i < m->creatures; i++) {
        noh_err err = noh_tell(self, noh_spawn(self, creature), go, .mall = noh_self_ref(self),
                               .color = (color)(i % 3));
        if (err != NOH_OK) {
            return err;
        }
    }
    return noh_promise_take(self, &me->promise);
}

NOH_BEHAVIOR(mall, NOH_ON(run, on_run), NOH_ON(arrive, on_arrive), NOH_ON(faded, on_faded));

int main(int argc, char **argv)
{
    int64_t creatures = bench_size(argc, argv, 1);
    int64_t meetings = bench_size(argc, argv, 2);
    noh_system *system = bench_system();
    noh_self *me = noh_system_self(system);
    noh_ref place = noh_spawn(me, mall);
    closed result;

    int64_t start = bench_now_ns();
    bench_must(noh_call(me, place, run, &result, .creatures = creatures, .meetings = meetings),
               "run the mall");
    int64_t took = bench_now_ns() - start;

    bench_check(result.met == 2 * meetings, "meetings");
    bench_report("chameneos", meetings, took, "");
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}
