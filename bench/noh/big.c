/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Everybody pings somebody at random and waits for the answer: messages without a pattern.
 *
 *     big ACTORS PINGS */
#include "bench.h"

NOH_MESSAGE(ping);
NOH_MESSAGE(pong);
NOH_MESSAGE(finished);
NOH_MESSAGE(served, (int64_t, pings));
NOH_REQUEST(get_served, served);

/* All chatters share one table of the others; the message that brings it holds it. */
NOH_MESSAGE(chat, (noh_shared_ptr, everyone), (int64_t, pings), (int64_t, seed), (noh_ref, owner));

typedef struct chatter {
    noh_shared_ptr everyone;
    noh_ref owner;
    int64_t left;
    int64_t served;
    uint64_t random;
} chatter;

static noh_err ping_somebody(noh_self *self, chatter *me)
{
    const noh_ref *everyone = me->everyone->data;
    size_t count = me->everyone->size / sizeof *everyone;
    noh_ref other;
    do {
        other = everyone[bench_random(&me->random) % count];
    } while (noh_ref_equal(other, noh_self_ref(self)));
    return noh_tell(self, other, ping);
}

static noh_err on_chat(noh_self *self, chatter *me, const chat *m)
{
    me->everyone = noh_shared_hold(m->everyone);
    me->owner = m->owner;
    me->left = m->pings;
    me->random = (uint64_t)m->seed * 0x9E3779B97F4A7C15u;
    return ping_somebody(self, me);
}

static noh_err on_ping(noh_self *self, chatter *me, const ping *m)
{
    me->served++;
    return noh_tell(self, noh_sender(self), pong);
}

static noh_err on_pong(noh_self *self, chatter *me, const pong *m)
{
    me->left--;
    if (me->left > 0) {
        return ping_somebody(self, me);
    }
    return noh_tell(self, me->owner, finished);
}

static noh_err on_get_served(noh_self *self, chatter *me, const get_served *m)
{
    return noh_reply(self, served, .pings = me->served);
}

static noh_err on_stop(noh_self *self, chatter *me, const noh_exit *why)
{
    noh_shared_release(me->everyone);
    return NOH_OK;
}

NOH_BEHAVIOR(chatter, NOH_ON(chat, on_chat), NOH_ON(ping, on_ping), NOH_ON(pong, on_pong),
             NOH_ON(get_served, on_get_served), NOH_ON_STOP(on_stop), NOH_ON_FAILURE(on_stop));

static void drop_table(void *data, size_t size)
{
    free(data);
}

static noh_shared_ptr spawn_everyone(noh_self *self, int64_t actors)
{
    size_t size = (size_t)actors * sizeof(noh_ref);
    noh_ref *table = malloc(size);
    noh_shared_ptr everyone;
    bench_check(table != NULL, "memory");
    for (int64_t i = 0; i < actors; i++) {
        table[i] = noh_spawn(self, chatter);
    }
    bench_must(noh_shared_new(table, size, drop_table, &everyone), "share the table");
    return everyone;
}

static void wait_for_finished(noh_self *self, int64_t actors)
{
    for (int64_t i = 0; i < actors; i++) {
        const noh_type *type;
        const void *message;
        bench_must(noh_receive(self, NOH_FOREVER, &type, &message), "receive");
        bench_check(noh_as(finished, type, message) != NULL, "an actor has finished");
    }
}

int main(int argc, char **argv)
{
    int64_t actors = bench_size(argc, argv, 1);
    int64_t pings = bench_size(argc, argv, 2);
    bench_check(actors > 1, "more than one actor");
    noh_system *system = bench_system();
    noh_self *me = noh_system_self(system);
    noh_shared_ptr everyone = spawn_everyone(me, actors);
    const noh_ref *refs = everyone->data;

    int64_t start = bench_now_ns();
    for (int64_t i = 0; i < actors; i++) {
        bench_must(noh_tell(me, refs[i], chat, .everyone = everyone, .pings = pings, .seed = i + 1,
                            .owner = noh_self_ref(me)),
                   "tell");
    }
    wait_for_finished(me, actors);
    int64_t took = bench_now_ns() - start;

    int64_t sum = 0;
    for (int64_t i = 0; i < actors; i++) {
        served answer;
        bench_must(noh_call(me, refs[i], get_served, &answer), "ask");
        sum += answer.pings;
    }
    bench_check(sum == actors * pings, "pings served");
    bench_report("big", actors * pings, took, "");
    noh_shared_release(everyone);
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}
