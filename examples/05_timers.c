/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Time: a reminder, a clock that is turned off, and an actor that goes home when nobody calls. */
#include <noh/noh.h>

NOH_MESSAGE(tick, (int32_t, step));
NOH_MESSAGE(remind, (noh_text, what));

typedef struct clock_actor {
    noh_timer timer;
    int32_t ticks;
} clock_actor;

static noh_err on_start(noh_self *self, clock_actor *me, const noh_nothing *arguments)
{
    noh_err err = noh_every(self, 5 * NOH_MS, noh_self_ref(self), tick, &me->timer, .step = 1);
    return err != NOH_OK ? err
                         : noh_after(self, NOH_MS, noh_self_ref(self), remind, NULL,
                                     .what = "wind the clock");
}

static noh_err on_remind(noh_self *self, clock_actor *me, const remind *m)
{
    printf("reminder: %s\n", m->what);
    return NOH_OK;
}

static noh_err on_tick(noh_self *self, clock_actor *me, const tick *m)
{
    me->ticks += m->step;
    if (me->ticks < 3) {
        return NOH_OK;
    }
    printf("%d ticks\n", me->ticks);
    noh_err err = noh_timer_cancel(self, me->timer);
    return err != NOH_OK ? err : noh_idle_after(self, 10 * NOH_MS);
}

static noh_err on_idle(noh_self *self, clock_actor *me, const noh_idle *m)
{
    printf("nothing to do\n");
    return noh_exit_self(self);
}

NOH_BEHAVIOR_WITH(clock_actor, noh_nothing, on_start, NOH_ON(tick, on_tick),
                  NOH_ON(remind, on_remind), NOH_ON(noh_idle, on_idle));

int main(void)
{
    noh_system *system;
    if (noh_system_new(NULL, &system) != NOH_OK) {
        return 1;
    }
    noh_self *me = noh_system_self(system);
    int64_t began_ns = noh_now(system);
    noh_join(me, noh_spawn(me, clock_actor), NOH_FOREVER, NULL);
    printf("after 25 ms or more: %d\n", noh_now(system) - began_ns >= 25 * NOH_MS);
    noh_system_free(system);
    return 0;
}

// expect: reminder: wind the clock
// expect: 3 ticks
// expect: nothing to do
// expect: after 25 ms or more: 1
