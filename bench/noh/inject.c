/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Plain threads tell actors as fast as they can: 1, 2, 4 and 8 threads, one actor and 64.
 *
 *     inject MESSAGES
 *
 * Mailboxes are bounded, so each thread keeps a window: after each 1,024 it asks the actor it told
 * last whether it has come so far. */
#include "bench.h"

#include <pthread.h>

enum { WINDOW = 1024, SINKS_MAX = 64, THREADS_MAX = 8 };

NOH_MESSAGE(item, (int64_t, value));
NOH_MESSAGE(total, (int64_t, value));
NOH_REQUEST(get_total, total);

typedef struct sink {
    int64_t total;
} sink;

static noh_err on_item(noh_self *self, sink *me, const item *m)
{
    me->total += m->value;
    return NOH_OK;
}

static noh_err on_get_total(noh_self *self, sink *me, const get_total *m)
{
    return noh_reply(self, total, .value = me->total);
}

NOH_BEHAVIOR(sink, NOH_ON(item, on_item), NOH_ON(get_total, on_get_total));

typedef struct injection {
    noh_system *system;
    noh_ref sinks[SINKS_MAX];
    int64_t sink_count;
    int64_t each; /* items of a thread */
} injection;

static void *inject(void *arg)
{
    const injection *all = arg;
    noh_self *me = noh_system_self(all->system);
    for (int64_t i = 0; i < all->each; i++) {
        noh_ref to = all->sinks[i % all->sink_count];
        bench_must(noh_tell(me, to, item, .value = i), "tell");
        if (i % WINDOW == WINDOW - 1) {
            total reached;
            bench_must(noh_call(me, to, get_total, &reached), "ask");
        }
    }
    bench_must(noh_self_free(me), "free the thread's self");
    return NULL;
}

static void measure(noh_self *self, int threads, int64_t sinks, int64_t messages)
{
    injection all = {noh_self_system(self), {{0}}, sinks, messages / threads};
    pthread_t running[THREADS_MAX];
    for (int64_t i = 0; i < sinks; i++) {
        all.sinks[i] = noh_spawn(self, sink);
    }
    int64_t start = bench_now_ns();
    for (int i = 0; i < threads; i++) {
        bench_check(pthread_create(&running[i], NULL, inject, &all) == 0, "start a thread");
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(running[i], NULL);
    }
    int64_t sum = 0;
    for (int64_t i = 0; i < sinks; i++) {
        total part;
        bench_must(noh_call(self, all.sinks[i], get_total, &part), "ask");
        sum += part.value;
    }
    int64_t took = bench_now_ns() - start;
    bench_check(sum == threads * (all.each * (all.each - 1) / 2), "sum of what was received");
    char row[32];
    snprintf(row, sizeof row, "inject-%s-%d", sinks == 1 ? "one" : "many", threads);
    bench_report(row, threads * all.each, took, "");
}

int main(int argc, char **argv)
{
    int64_t messages = bench_size(argc, argv, 1);
    noh_system *system = bench_system();
    noh_self *me = noh_system_self(system);
    for (int64_t sinks = 1; sinks <= SINKS_MAX; sinks *= SINKS_MAX) {
        for (int threads = 1; threads <= THREADS_MAX; threads *= 2) {
            measure(me, threads, sinks, messages);
        }
    }
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}
