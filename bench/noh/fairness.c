/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Does everybody get a turn? 1,000 actors tell themselves to go on, for some time, without work and
 * with 1 us of it: what share of the mean has the slowest? And 1,000 quiet actors beside two that
 * flood each other, 64 letters on their way: how long does a quiet one wait?
 *
 *     fairness MILLISECONDS */
#include "latency.h"
#include "load.h"

enum { ACTORS = RUNNERS_MAX, LETTERS = 64, WARM_UP_MS = 10 };

/* ---- equal shares ---- */

static void report_shares(const char *row, const int64_t *turns, int64_t took_ns)
{
    int64_t least = INT64_MAX, most = 0, sum = 0;
    for (int i = 0; i < ACTORS; i++) {
        least = turns[i] < least ? turns[i] : least;
        most = turns[i] > most ? turns[i] : most;
        sum += turns[i];
    }
    char extra[64];
    snprintf(extra, sizeof extra, " min_share=%.4f max_share=%.4f",
             (double)least * ACTORS / (double)sum, (double)most * ACTORS / (double)sum);
    bench_report(row, sum, took_ns, extra);
}

static void share(noh_self *self, const char *row, int64_t work, int64_t time_ns)
{
    static noh_ref runners[ACTORS];
    static int64_t turns[ACTORS];
    int64_t start = bench_now_ns();
    runners_start(self, runners, ACTORS, work);
    bench_wait_until(start + time_ns);
    int64_t took = bench_now_ns() - start;
    runners_halt(self, runners, turns, ACTORS, work);
    report_shares(row, turns, took);
}

/* ---- a flood beside quiet ones ---- */

NOH_MESSAGE(letter);
NOH_MESSAGE(dry, (int64_t, letters));
NOH_REQUEST(dam, dry);

typedef struct flooder {
    int64_t letters;
    bool dammed;
} flooder;

NOH_MESSAGE(flood, (noh_ref, partner));

static noh_err on_flood(noh_self *self, flooder *me, const flood *m)
{
    for (int i = 0; i < LETTERS; i++) {
        noh_err err = noh_tell(self, m->partner, letter);
        if (err != NOH_OK) {
            return err;
        }
    }
    return NOH_OK;
}

static noh_err on_letter(noh_self *self, flooder *me, const letter *m)
{
    me->letters++;
    return me->dammed ? NOH_OK : noh_tell(self, noh_sender(self), letter);
}

static noh_err on_dam(noh_self *self, flooder *me, const dam *m)
{
    me->dammed = true;
    return noh_reply(self, dry, .letters = me->letters);
}

NOH_BEHAVIOR(flooder, NOH_ON(flood, on_flood), NOH_ON(letter, on_letter), NOH_ON(dam, on_dam));

/* ---- a quiet one says how long it waited; the caller calls all of them, again and again ---- */

NOH_MESSAGE(poke, (int64_t, sent_ns));
NOH_MESSAGE(poked, (int64_t, waited_ns));
NOH_NO_STATE(quiet);

static noh_err on_poke(noh_self *self, quiet *me, const poke *m)
{
    return noh_tell(self, noh_sender(self), poked, .waited_ns = bench_now_ns() - m->sent_ns);
}

NOH_BEHAVIOR(quiet, NOH_ON(poke, on_poke));

NOH_MESSAGE(called, (int64_t, rounds));
NOH_REQUEST(call, called, (int64_t, until_ns));

typedef struct caller {
    noh_promise promise;
    int64_t until_ns;
    int64_t rounds;
    int64_t waiting;
    noh_ref quiet[ACTORS];
} caller;

static latencies waits; /* the caller's, until it answers */

static noh_err poke_all(noh_self *self, caller *me)
{
    me->rounds++;
    me->waiting = ACTORS;
    for (int i = 0; i < ACTORS; i++) {
        noh_err err = noh_tell(self, me->quiet[i], poke, .sent_ns = bench_now_ns());
        if (err != NOH_OK) {
            return err;
        }
    }
    return NOH_OK;
}

static noh_err on_call(noh_self *self, caller *me, const call *m)
{
    for (int i = 0; i < ACTORS; i++) {
        me->quiet[i] = noh_spawn(self, quiet);
    }
    me->until_ns = m->until_ns;
    noh_err err = noh_promise_take(self, &me->promise);
    return err != NOH_OK ? err : poke_all(self, me);
}

static noh_err on_poked(noh_self *self, caller *me, const poked *m)
{
    latency_add(&waits, m->waited_ns);
    me->waiting--;
    if (me->waiting > 0) {
        return NOH_OK;
    }
    if (bench_now_ns() < me->until_ns) {
        return poke_all(self, me);
    }
    return noh_promise_keep(self, me->promise, called, .rounds = me->rounds);
}

NOH_BEHAVIOR(caller, NOH_ON(call, on_call), NOH_ON(poked, on_poked));

static void wait_beside_a_flood(noh_self *self, int64_t time_ns)
{
    noh_ref one = noh_spawn(self, flooder);
    noh_ref other = noh_spawn(self, flooder);
    noh_ref calling = noh_spawn(self, caller);
    called result;
    dry letters;
    bench_must(noh_tell(self, one, flood, .partner = other), "flood");
    bench_wait_until(bench_now_ns() + WARM_UP_MS * NOH_MS);
    int64_t start = bench_now_ns();
    bench_must(noh_call(self, calling, call, &result, .until_ns = start + time_ns), "call");
    int64_t took = bench_now_ns() - start;
    bench_must(noh_call(self, one, dam, &letters), "dam");
    bench_check(letters.letters > LETTERS, "there was a flood");
    bench_check(waits.count == result.rounds * ACTORS, "everybody answered");
    latency_report("fairness-flood", &waits, took);
}

int main(int argc, char **argv)
{
    int64_t time_ns = bench_size(argc, argv, 1) * NOH_MS;
    int64_t work = bench_work_rounds(NOH_US);
    noh_system *system = bench_system();
    noh_self *me = noh_system_self(system);
    share(me, "fairness-light", 0, time_ns);
    share(me, "fairness-1us", work, time_ns);
    wait_beside_a_flood(me, time_ns);
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}
