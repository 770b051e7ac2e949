/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Handlers that really work, from 500 ns to 1 ms: how much faster are all workers than one?
 *
 *     scale MILLISECONDS
 *
 * A driver feeds 1,000 actors in turn, as in forkjoin_throughput. Each row has work for about
 * MILLISECONDS on one worker, but at least one job for each actor. It runs three times with one
 * worker and three times with the default number, alternating; medians count. */
#include "bench.h"

enum { ACTORS = 1000, REPEATS = 3 };

/* ---- a laborer works a while for each message ---- */

NOH_MESSAGE(job, (int64_t, rounds));
NOH_MESSAGE(all_done, (int64_t, jobs), (uint64_t, result));

typedef struct laborer {
    noh_ref driver;
    int64_t expected;
    int64_t done;
    uint64_t result;
} laborer;

NOH_MESSAGE(laborer_start, (noh_ref, driver), (int64_t, jobs));

static noh_err on_laborer_start(noh_self *self, laborer *me, const laborer_start *m)
{
    me->driver = m->driver;
    me->expected = m->jobs;
    return NOH_OK;
}

static noh_err on_job(noh_self *self, laborer *me, const job *m)
{
    me->result += bench_work(m->rounds);
    me->done++;
    if (me->done < me->expected) {
        return NOH_OK;
    }
    return noh_tell(self, me->driver, all_done, .jobs = me->done, .result = me->result);
}

NOH_BEHAVIOR_WITH(laborer, laborer_start, on_laborer_start, NOH_ON(job, on_job));

/* ---- the driver gives each laborer one job per turn ---- */

NOH_MESSAGE(driven, (int64_t, jobs), (uint64_t, result));
NOH_REQUEST(drive, driven, (int64_t, jobs_each), (int64_t, rounds));
NOH_MESSAGE(next_turn);

typedef struct driver {
    noh_promise promise;
    int64_t rounds;
    int64_t turns_left;
    int64_t busy;
    driven total;
    noh_ref laborers[ACTORS];
} driver;

static noh_err on_drive(noh_self *self, driver *me, const drive *m)
{
    for (int i = 0; i < ACTORS; i++) {
        me->laborers[i] =
            noh_spawn(self, laborer, .driver = noh_self_ref(self), .jobs = m->jobs_each);
    }
    me->busy = ACTORS;
    me->rounds = m->rounds;
    me->turns_left = m->jobs_each;
    noh_err err = noh_promise_take(self, &me->promise);
    if (err != NOH_OK) {
        return err;
    }
    return noh_tell(self, noh_self_ref(self), next_turn);
}

static noh_err on_next_turn(noh_self *self, driver *me, const next_turn *m)
{
    me->turns_left--;
    for (int i = 0; i < ACTORS; i++) {
        noh_err err = noh_tell(self, me->laborers[i], job, .rounds = me->rounds);
        if (err != NOH_OK) {
            return err;
        }
    }
    if (me->turns_left == 0) {
        return NOH_OK;
    }
    return noh_tell(self, noh_self_ref(self), next_turn);
}

static noh_err on_all_done(noh_self *self, driver *me, const all_done *m)
{
    me->total.jobs += m->jobs;
    me->total.result += m->result;
    me->busy--;
    if (me->busy > 0) {
        return NOH_OK;
    }
    return noh_promise_keep(self, me->promise, driven, .jobs = me->total.jobs,
                            .result = me->total.result);
}

NOH_BEHAVIOR(driver, NOH_ON(drive, on_drive), NOH_ON(next_turn, on_next_turn),
             NOH_ON(all_done, on_all_done));

/* ---- the measurement ---- */

/* Nanoseconds for `each` jobs of `rounds` per actor; `workers` 0: the default. */
static int64_t run_once(unsigned workers, int64_t each, int64_t rounds)
{
    noh_system *system = bench_system_of(workers);
    noh_self *me = noh_system_self(system);
    noh_ref root = noh_spawn(me, driver);
    driven result;

    int64_t start = bench_now_ns();
    bench_must(noh_call(me, root, drive, &result, .jobs_each = each, .rounds = rounds), "drive");
    int64_t took = bench_now_ns() - start;

    uint64_t expected = bench_work(rounds) * (uint64_t)(ACTORS * each);
    bench_check(result.jobs == ACTORS * each && result.result == expected, "jobs done");
    bench_must(noh_system_free(system), "free the system");
    return took;
}

static int64_t median(int64_t *values)
{
    int64_t a = values[0], b = values[1], c = values[2];
    return a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
}

static void report(const char *workload, int64_t n, int64_t one_ns, int64_t all_ns)
{
    char extra[96];
    snprintf(extra, sizeof extra, " one_worker_rate=%.0f speedup=%.3f",
             (double)n * 1e9 / (double)one_ns, (double)one_ns / (double)all_ns);
    bench_report(workload, n, all_ns, extra);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int64_t ns;
    } rows[] = {
        {"scale-500ns", 500},
        {"scale-1us", 1000},
        {"scale-5us", 5000},
        {"scale-1ms", 1000000},
    };
    int64_t budget_ns = bench_size(argc, argv, 1) * NOH_MS;
    int64_t all_jobs = 0, all_one = 0, all_default = 0;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        int64_t each = budget_ns / rows[row].ns / ACTORS;
        each = each > 0 ? each : 1;
        int64_t rounds = bench_work_rounds(rows[row].ns);
        int64_t one[REPEATS], all[REPEATS];
        for (int i = 0; i < REPEATS; i++) {
            one[i] = run_once(1, each, rounds);
            all[i] = run_once(0, each, rounds);
        }
        report(rows[row].name, ACTORS * each, median(one), median(all));
        all_jobs += ACTORS * each;
        all_one += median(one);
        all_default += median(all);
    }
    report("scale", all_jobs, all_one, all_default);
    return 0;
}
