/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Very many timers of one actor: to start them, to cancel them in random order, and to fire them.
 *
 *     timers TIMERS
 *
 * insert and cancel: delays of 100 to 200 s; done once before it counts, in order, which fetches
 * the memory from the operating system. fire: all are due within 10 ms, so the system falls behind;
 * measured from the first that is due until the last tick was handled. All must be started before
 * the first is due; where that takes too long, it is done again with twice the time. */
#include "bench.h"

NOH_MESSAGE(tick);

/* The answer to all three: how long it took. */
NOH_MESSAGE(took, (int64_t, ns));
NOH_REQUEST(insert, took, (int64_t, timers));
NOH_REQUEST(cancel, took, (bool, at_random));
NOH_REQUEST(fire, took, (int64_t, timers));

typedef struct keeper {
    noh_timer *timers;
    int64_t count;
    uint64_t random;
    noh_promise promise;
    int64_t lead_ns; /* from the start of the first timer to the first that is due */
    int64_t first_due;
    bool started_in_time;
    int64_t ticks_left;
} keeper;

static noh_err on_insert(noh_self *self, keeper *me, const insert *m)
{
    noh_timer *timers = realloc(me->timers, (size_t)m->timers * sizeof *timers);
    if (timers == NULL) {
        return NOH_E_NOMEM;
    }
    me->timers = timers;
    me->count = m->timers;
    me->random = 1;
    int64_t start = bench_now_ns();
    for (int64_t i = 0; i < m->timers; i++) {
        int64_t delay = 100 * NOH_SECOND + (int64_t)(bench_random(&me->random) % 100000) * NOH_MS;
        noh_err err = noh_after(self, delay, noh_self_ref(self), tick, &me->timers[i]);
        if (err != NOH_OK) {
            return err;
        }
    }
    return noh_reply(self, took, .ns = bench_now_ns() - start);
}

static void shuffle(keeper *me)
{
    for (int64_t i = me->count - 1; i > 0; i--) {
        int64_t j = (int64_t)(bench_random(&me->random) % (uint64_t)(i + 1));
        noh_timer swapped = me->timers[i];
        me->timers[i] = me->timers[j];
        me->timers[j] = swapped;
    }
}

static noh_err on_cancel(noh_self *self, keeper *me, const cancel *m)
{
    if (m->at_random) {
        shuffle(me);
    }
    int64_t start = bench_now_ns();
    for (int64_t i = 0; i < me->count; i++) {
        noh_err err = noh_timer_cancel(self, me->timers[i]);
        if (err != NOH_OK) {
            return err;
        }
    }
    return noh_reply(self, took, .ns = bench_now_ns() - start);
}

static noh_err start_firing(noh_self *self, keeper *me)
{
    noh_system *system = noh_self_system(self);
    me->ticks_left = me->count;
    me->first_due = noh_now(system) + me->lead_ns;
    for (int64_t i = 0; i < me->count; i++) {
        int64_t due = me->first_due + (int64_t)(bench_random(&me->random) % (10 * NOH_MS));
        int64_t delay = due - noh_now(system);
        noh_err err = noh_after(self, delay > 0 ? delay : 0, noh_self_ref(self), tick, NULL);
        if (err != NOH_OK) {
            return err;
        }
    }
    me->started_in_time = noh_now(system) < me->first_due;
    return NOH_OK;
}

static noh_err on_fire(noh_self *self, keeper *me, const fire *m)
{
    me->count = m->timers;
    me->lead_ns = 50 * NOH_MS + m->timers * NOH_US;
    noh_err err = noh_promise_take(self, &me->promise);
    if (err != NOH_OK) {
        return err;
    }
    return start_firing(self, me);
}

static noh_err on_tick(noh_self *self, keeper *me, const tick *m)
{
    if (me->ticks_left == 0) {
        return NOH_E_SPENT; /* a timer fired that was cancelled, or twice */
    }
    me->ticks_left--;
    if (me->ticks_left > 0) {
        return NOH_OK;
    }
    if (!me->started_in_time) {
        me->lead_ns *= 2;
        return start_firing(self, me);
    }
    int64_t ns = noh_now(noh_self_system(self)) - me->first_due;
    return noh_promise_keep(self, me->promise, took, .ns = ns);
}

static noh_err on_stop(noh_self *self, keeper *me, const noh_exit *why)
{
    free(me->timers);
    return NOH_OK;
}

NOH_BEHAVIOR(keeper, NOH_ON(insert, on_insert), NOH_ON(cancel, on_cancel), NOH_ON(fire, on_fire),
             NOH_ON(tick, on_tick), NOH_ON_STOP(on_stop), NOH_ON_FAILURE(on_stop));

int main(int argc, char **argv)
{
    int64_t timers = bench_size(argc, argv, 1);
    noh_system *system = bench_system();
    noh_self *me = noh_system_self(system);
    noh_ref clock = noh_spawn(me, keeper);
    took inserting, cancelling, firing;

    bench_must(noh_call(me, clock, insert, &inserting, .timers = timers), "insert, not measured");
    bench_must(noh_call(me, clock, cancel, &cancelling), "cancel, not measured");
    bench_must(noh_call(me, clock, insert, &inserting, .timers = timers), "insert");
    bench_must(noh_call(me, clock, cancel, &cancelling, .at_random = true), "cancel");
    bench_must(noh_call(me, clock, fire, &firing, .timers = timers), "fire");

    bench_report("timers-insert", timers, inserting.ns, "");
    bench_report("timers-cancel", timers, cancelling.ns, "");
    bench_report("timers-fire", timers, firing.ns, "");
    bench_report("timers", timers, inserting.ns + cancelling.ns + firing.ns, "");
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}
