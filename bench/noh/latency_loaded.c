/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* From when a message is due to its handler, when others keep the workers busy: 100 pairs play a
 * ball back and forth at full speed, without work (`light`) and with 1 us of work for each ball,
 * which keeps all workers busy; about each 100 us a prober tells a target. A prober that does not
 * get its turn is late, and that counts.
 *
 *     latency_loaded MILLISECONDS */
#include "latency.h"
#include "load.h"

enum { PAIRS = 100, WARM_UP_MS = 20 };
#define PERIOD_NS (100 * NOH_US)

/* ---- the prober: a timer is too coarse, so it looks at the clock whenever it has its turn ---- */

NOH_MESSAGE(probed, (int64_t, probes));
NOH_REQUEST(probe, probed, (noh_ref, target), (int64_t, until_ns));
NOH_MESSAGE(look);

typedef struct prober {
    noh_promise promise;
    noh_ref target;
    int64_t probes;
    int64_t due_ns;
    int64_t until_ns;
} prober;

static noh_err on_probe(noh_self *self, prober *me, const probe *m)
{
    me->target = m->target;
    me->due_ns = bench_now_ns() + PERIOD_NS;
    me->until_ns = m->until_ns;
    noh_err err = noh_promise_take(self, &me->promise);
    if (err != NOH_OK) {
        return err;
    }
    return noh_tell(self, noh_self_ref(self), look);
}

static noh_err on_look(noh_self *self, prober *me, const look *m)
{
    int64_t now_ns = bench_now_ns();
    if (now_ns >= me->due_ns) {
        noh_err err = noh_tell(self, me->target, stamp, .due_ns = me->due_ns);
        if (err != NOH_OK) {
            return err;
        }
        me->due_ns = now_ns + PERIOD_NS;
        me->probes++;
    }
    if (now_ns < me->until_ns) {
        return noh_tell(self, noh_self_ref(self), look);
    }
    return noh_promise_keep(self, me->promise, probed, .probes = me->probes);
}

NOH_BEHAVIOR(prober, NOH_ON(probe, on_probe), NOH_ON(look, on_look));

/* ---- the measurement ---- */

static void measure(noh_self *self, const char *row, int64_t work, int64_t time_ns)
{
    static chat load;
    static latencies measured;
    noh_ref to = latency_target(self, &measured);
    noh_ref from = noh_spawn(self, prober);
    chat_start(self, &load, PAIRS, work);
    bench_wait_until(bench_now_ns() + WARM_UP_MS * NOH_MS);
    probed done;
    int64_t start = bench_now_ns();
    bench_must(noh_call(self, from, probe, &done, .target = to, .until_ns = start + time_ns),
               "probe");
    int64_t took = bench_now_ns() - start;
    latency_check(self, to, done.probes);
    bench_check(chat_halt_all(self, &load) > done.probes, "there was a load");
    latency_report(row, &measured, took);
}

int main(int argc, char **argv)
{
    int64_t time_ns = bench_size(argc, argv, 1) * NOH_MS;
    int64_t work = bench_work_rounds(NOH_US);
    noh_system *system = bench_system();
    noh_self *me = noh_system_self(system);
    measure(me, "latency-loaded-light", 0, time_ns);
    measure(me, "latency-loaded-1us", work, time_ns);
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}
