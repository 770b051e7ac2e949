/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Tokens travel around a ring of actors: the cost of a hop. With one token a single actor can run
 * at a time; with a hundred there is a choice.
 *
 *     ring MEMBERS HOPS TOKENS */
#include "bench.h"

NOH_MESSAGE(token, (int64_t, hops));
NOH_MESSAGE(neighbor, (noh_ref, next));
NOH_MESSAGE(finished);
NOH_MESSAGE(passed, (int64_t, hops));
NOH_REQUEST(get_passed, passed);

typedef struct member {
    noh_ref next;
    noh_ref owner;
    int64_t passed;
} member;

NOH_MESSAGE(member_start, (noh_ref, next), (noh_ref, owner));

static noh_err on_start(noh_self *self, member *me, const member_start *m)
{
    me->next = m->next;
    me->owner = m->owner;
    return NOH_OK;
}

static noh_err on_neighbor(noh_self *self, member *me, const neighbor *m)
{
    me->next = m->next;
    return NOH_OK;
}

static noh_err on_token(noh_self *self, member *me, const token *m)
{
    me->passed++;
    if (m->hops > 1) {
        return noh_tell(self, me->next, token, .hops = m->hops - 1);
    }
    return noh_tell(self, me->owner, finished);
}

static noh_err on_get_passed(noh_self *self, member *me, const get_passed *m)
{
    return noh_reply(self, passed, .hops = me->passed);
}

NOH_BEHAVIOR_WITH(member, member_start, on_start, NOH_ON(token, on_token),
                  NOH_ON(neighbor, on_neighbor), NOH_ON(get_passed, on_get_passed));

/* Spawns the last member first, each with the one behind it, and closes the ring. */
static noh_ref *spawn_ring(noh_self *self, int64_t members)
{
    noh_ref *ring = calloc((size_t)members, sizeof *ring);
    bench_check(ring != NULL, "memory");
    noh_ref next = NOH_NO_REF;
    for (int64_t i = members - 1; i >= 0; i--) {
        ring[i] = noh_spawn(self, member, .next = next, .owner = noh_self_ref(self));
        next = ring[i];
    }
    bench_must(noh_tell(self, ring[members - 1], neighbor, .next = ring[0]), "close the ring");
    return ring;
}

static void wait_for_finished(noh_self *self, int64_t tokens)
{
    for (int64_t i = 0; i < tokens; i++) {
        const noh_type *type;
        const void *message;
        bench_must(noh_receive(self, NOH_FOREVER, &type, &message), "receive");
        bench_check(noh_as(finished, type, message) != NULL, "a token has finished");
    }
}

static int64_t hops_of_all(noh_self *self, const noh_ref *ring, int64_t members)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < members; i++) {
        passed answer;
        bench_must(noh_call(self, ring[i], get_passed, &answer), "ask");
        sum += answer.hops;
    }
    return sum;
}

int main(int argc, char **argv)
{
    int64_t members = bench_size(argc, argv, 1);
    int64_t hops = bench_size(argc, argv, 2);
    int64_t tokens = bench_size(argc, argv, 3);
    bench_check(hops % tokens == 0, "hops divide by tokens");
    noh_system *system = bench_system();
    noh_self *me = noh_system_self(system);
    noh_ref *ring = spawn_ring(me, members);

    int64_t start = bench_now_ns();
    for (int64_t i = 0; i < tokens; i++) {
        bench_must(noh_tell(me, ring[i * members / tokens], token, .hops = hops / tokens), "tell");
    }
    wait_for_finished(me, tokens);
    int64_t took = bench_now_ns() - start;

    bench_check(hops_of_all(me, ring, members) == hops, "hops");
    bench_report(tokens == 1 ? "ring" : "ring100", hops, took, "");
    free(ring);
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}
