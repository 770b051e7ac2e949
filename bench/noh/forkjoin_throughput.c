/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A driver sends to many actors in turn: the cost of a message when none is in the cache twice in a
 * row.
 *
 *     forkjoin_throughput ACTORS EACH */
#include "bench.h"

/* ---- a taker says when all its messages have come ---- */

NOH_MESSAGE(item, (int64_t, value));
NOH_MESSAGE(all_taken, (int64_t, sum));

typedef struct taker {
    noh_ref driver;
    int64_t left;
    int64_t sum;
} taker;

NOH_MESSAGE(taker_start, (noh_ref, driver), (int64_t, items));

static noh_err on_taker_start(noh_self *self, taker *me, const taker_start *m)
{
    me->driver = m->driver;
    me->left = m->items;
    return NOH_OK;
}

static noh_err on_item(noh_self *self, taker *me, const item *m)
{
    me->sum += m->value;
    me->left--;
    if (me->left > 0) {
        return NOH_OK;
    }
    return noh_tell(self, me->driver, all_taken, .sum = me->sum);
}

NOH_BEHAVIOR_WITH(taker, taker_start, on_taker_start, NOH_ON(item, on_item));

/* ---- the driver sends one message to each taker per turn ---- */

NOH_MESSAGE(driven, (int64_t, sum));
NOH_REQUEST(drive, driven, (int64_t, takers), (int64_t, rounds));
NOH_MESSAGE(next_round);

typedef struct driver {
    noh_promise promise;
    noh_ref *takers;
    int64_t taker_count;
    int64_t takers_left;
    int64_t rounds_left;
    int64_t sum;
} driver;

static noh_err on_drive(noh_self *self, driver *me, const drive *m)
{
    me->takers = calloc((size_t)m->takers, sizeof *me->takers);
    if (me->takers == NULL) {
        return NOH_E_NOMEM;
    }
    for (int64_t i = 0; i < m->takers; i++) {
        me->takers[i] = noh_spawn(self, taker, .driver = noh_self_ref(self), .items = m->rounds);
    }
    me->taker_count = m->takers;
    me->takers_left = m->takers;
    me->rounds_left = m->rounds;
    noh_err err = noh_promise_take(self, &me->promise);
    if (err != NOH_OK) {
        return err;
    }
    return noh_tell(self, noh_self_ref(self), next_round);
}

static noh_err on_next_round(noh_self *self, driver *me, const next_round *m)
{
    me->rounds_left--;
    for (int64_t i = 0; i < me->taker_count; i++) {
        noh_err err = noh_tell(self, me->takers[i], item, .value = me->rounds_left);
        if (err != NOH_OK) {
            return err;
        }
    }
    if (me->rounds_left == 0) {
        return NOH_OK;
    }
    return noh_tell(self, noh_self_ref(self), next_round);
}

static noh_err on_all_taken(noh_self *self, driver *me, const all_taken *m)
{
    me->sum += m->sum;
    me->takers_left--;
    if (me->takers_left > 0) {
        return NOH_OK;
    }
    return noh_promise_keep(self, me->promise, driven, .sum = me->sum);
}

static noh_err on_stop(noh_self *self, driver *me, const noh_exit *why)
{
    free(me->takers);
    return NOH_OK;
}

NOH_BEHAVIOR(driver, NOH_ON(drive, on_drive), NOH_ON(next_round, on_next_round),
             NOH_ON(all_taken, on_all_taken), NOH_ON_STOP(on_stop), NOH_ON_FAILURE(on_stop));

int main(int argc, char **argv)
{
    int64_t actors = bench_size(argc, argv, 1);
    int64_t each = bench_size(argc, argv, 2);
    noh_system *system = bench_system();
    noh_self *me = noh_system_self(system);
    noh_ref root = noh_spawn(me, driver);
    driven result;

    int64_t start = bench_now_ns();
    bench_must(noh_call(me, root, drive, &result, .takers = actors, .rounds = each), "drive");
    int64_t took = bench_now_ns() - start;

    bench_check(result.sum == actors * (each * (each - 1) / 2), "sum of what was received");
    bench_report("forkjoin-throughput", actors * each, took, "");
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}
