/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A parent spawns very many actors; each gets one message, handles it and ends: the cost of a life.
 *
 *     forkjoin_create ACTORS */
#include "bench.h"

enum { CHUNK = 1000 }; /* spawned per turn, so that children run between */

/* Each child ticks off its own byte here, so main can see that every one did its work. */
static unsigned char *ticked;

NOH_MESSAGE(work, (int64_t, number));
NOH_NO_STATE(child);

static noh_err on_work(noh_self *self, child *me, const work *m)
{
    ticked[m->number] = 1;
    return noh_exit_self(self);
}

NOH_BEHAVIOR(child, NOH_ON(work, on_work));

/* ---- the parent ---- */

NOH_MESSAGE(spawned, (int64_t, children));
NOH_REQUEST(spawn_children, spawned, (int64_t, children));
NOH_MESSAGE(go_on);

typedef struct parent {
    noh_promise promise;
    int64_t children;
    int64_t spawned;
} parent;

static noh_err on_go_on(noh_self *self, parent *me, const go_on *m)
{
    for (int i = 0; i < CHUNK && me->spawned < me->children; i++) {
        noh_err err = noh_tell(self, noh_spawn(self, child), work, .number = me->spawned);
        if (err != NOH_OK) {
            return err;
        }
        me->spawned++;
    }
    if (me->spawned < me->children) {
        return noh_tell(self, noh_self_ref(self), go_on);
    }
    return noh_promise_keep(self, me->promise, spawned, .children = me->spawned);
}

static noh_err on_spawn_children(noh_self *self, parent *me, const spawn_children *m)
{
    me->children = m->children;
    noh_err err = noh_promise_take(self, &me->promise);
    if (err != NOH_OK) {
        return err;
    }
    return noh_tell(self, noh_self_ref(self), go_on);
}

NOH_BEHAVIOR(parent, NOH_ON(spawn_children, on_spawn_children), NOH_ON(go_on, on_go_on));

int main(int argc, char **argv)
{
    int64_t actors = bench_size(argc, argv, 1);
    ticked = calloc((size_t)actors, 1);
    bench_check(ticked != NULL, "memory");
    noh_system *system = bench_system();
    noh_self *me = noh_system_self(system);
    noh_ref root = noh_spawn(me, parent);
    spawned result;

    int64_t start = bench_now_ns();
    bench_must(noh_call(me, root, spawn_children, &result, .children = actors), "spawn");
    bench_must(noh_system_stop(system, NOH_FOREVER), "wait until all have ended");
    int64_t took = bench_now_ns() - start;

    int64_t handled = 0;
    for (int64_t i = 0; i < actors; i++) {
        handled += ticked[i];
    }
    bench_check(handled == actors, "every actor handled its message");
    bench_report("forkjoin-create", actors, took, "");
    free(ticked);
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}
