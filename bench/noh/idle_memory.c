/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Very many actors that have worked once and now wait: resident bytes of each, with its state.
 *
 *     idle_memory ACTORS */
#include "bench.h"

#include <unistd.h>

enum { CHUNK = 1000 }; /* asks open at a time */

NOH_MESSAGE(here, (int64_t, times));
NOH_REQUEST(are_you_there, here);

typedef struct idler {
    int64_t times;
} idler;

static noh_err on_are_you_there(noh_self *self, idler *me, const are_you_there *m)
{
    me->times++;
    return noh_reply(self, here, .times = me->times);
}

NOH_BEHAVIOR(idler, NOH_ON(are_you_there, on_are_you_there));

/* ---- the parent spawns a chunk, asks each whether it is there, waits, and goes on ---- */

NOH_MESSAGE(populated, (int64_t, answers));
NOH_REQUEST(populate, populated, (int64_t, actors));

typedef struct parent {
    noh_promise promise;
    int64_t actors;
    int64_t spawned;
    int64_t answers;
} parent;

static noh_err spawn_chunk(noh_self *self, parent *me)
{
    for (int i = 0; i < CHUNK && me->spawned < me->actors; i++) {
        noh_future answer; /* arrives at on_here */
        noh_err err = noh_ask(self, noh_spawn(self, idler), are_you_there, &answer);
        if (err != NOH_OK) {
            return err;
        }
        me->spawned++;
    }
    return NOH_OK;
}

static noh_err on_populate(noh_self *self, parent *me, const populate *m)
{
    me->actors = m->actors;
    noh_err err = noh_promise_take(self, &me->promise);
    if (err != NOH_OK) {
        return err;
    }
    return spawn_chunk(self, me);
}

static noh_err on_here(noh_self *self, parent *me, const here *m)
{
    me->answers += m->times;
    if (me->answers < me->spawned) {
        return NOH_OK;
    }
    if (me->spawned < me->actors) {
        return spawn_chunk(self, me);
    }
    return noh_promise_keep(self, me->promise, populated, .answers = me->answers);
}

NOH_BEHAVIOR(parent, NOH_ON(populate, on_populate), NOH_ON(here, on_here));

static int64_t resident_bytes(void)
{
    FILE *statm = fopen("/proc/self/statm", "r");
    long total = 0, resident = 0;
    bench_check(statm != NULL && fscanf(statm, "%ld %ld", &total, &resident) == 2, "statm");
    fclose(statm);
    return (int64_t)resident * sysconf(_SC_PAGESIZE);
}

int main(int argc, char **argv)
{
    int64_t actors = bench_size(argc, argv, 1);
    noh_system *system = bench_system();
    noh_self *me = noh_system_self(system);
    noh_ref root = noh_spawn(me, parent);
    populated result;

    int64_t before = resident_bytes();
    int64_t start = bench_now_ns();
    bench_must(noh_call(me, root, populate, &result, .actors = actors), "populate");
    int64_t took = bench_now_ns() - start;
    usleep(200000); /* the workers come to rest */
    int64_t after = resident_bytes();

    bench_check(result.answers == actors, "every actor answered once");
    char extra[64];
    snprintf(extra, sizeof extra, " bytes_per_actor=%.1f",
             (double)(after - before) / (double)actors);
    bench_report("idle-memory", actors, took, extra);
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}
