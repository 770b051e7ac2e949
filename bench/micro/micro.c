/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* What each operation of src/sync costs, beside what it could cost at least: a floor measured in the
 * same run, by the same loop, with the plainest instruction that does the same kind of thing.
 *
 *     micro [PART OF A ROW'S NAME]
 *
 * Each number is the best of ROUNDS: what disturbs a loop makes it slower, never faster. What the loop
 * itself costs is in all of them. */
#include "bell.h"
#include "chain.h"
#include "counted.h"
#include "hint.h"
#include "inbox.h"
#include "lease.h"
#include "park.h"
#include "pool.h"
#include "slots.h"
#include "stack.h"

#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 9, MANY = 2000000, SOME = 400000, FEW = 20000, BATCH = 64 };

static noh_env env;

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* The compiler must believe that memory was read and written here. */
static inline void seen(void)
{
    __asm__ volatile("" ::: "memory");
}

typedef void run_fn(unsigned count);

typedef struct row {
    const char *name;
    run_fn *run;
    unsigned count; /* operations in a run */
    const char *floor_name;
    run_fn *floor;
} row;

static void measure(run_fn *run, unsigned count, double *best_ns)
{
    double began = now_ns();
    run(count);
    double took = (now_ns() - began) / count;
    *best_ns = took < *best_ns ? took : *best_ns;
}

/* ---- two threads -------------------------------------------------------------------------- */

typedef struct pair {
    void (*other)(unsigned count);
    unsigned count;
    atom(uint32_t) ready;
} pair;

static void *second_thread(void *arg)
{
    pair *p = arg;
    add_seq_cst(&p->ready, 1);
    while (load_acquire(&p->ready) != 2) {
    }
    p->other(p->count);
    return NULL;
}

/* Both at once, from a common start. */
static void together(run_fn *one, run_fn *other, unsigned count)
{
    pair p = {.other = other, .count = count};
    pthread_t thread;
    if (pthread_create(&thread, NULL, second_thread, &p) != 0) {
        abort();
    }
    while (load_acquire(&p.ready) != 1) {
        sched_yield();
    }
    add_seq_cst(&p.ready, 1);
    one(count);
    pthread_join(thread, NULL);
}

/* ---- floors ------------------------------------------------------------------------------- */

static alignas(NOHI_CACHELINE) atom(uint64_t) word;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void plain_load(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        (void)load_relaxed(&word);
        seen();
    }
}

static void plain_store(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        store_relaxed(&word, i);
        seen();
    }
}

static void exchange(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        (void)xchg_acquire(&word, i);
    }
}

static void fetch_add(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        (void)add_relaxed(&word, 1);
    }
}

static void two_fetch_adds(unsigned count)
{
    fetch_add(2 * count);
}

static void three_exchanges(unsigned count)
{
    exchange(3 * count);
}

static void two_exchanges(unsigned count)
{
    exchange(2 * count);
}

static void lock_and_unlock(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        pthread_mutex_lock(&mutex);
        seen();
        pthread_mutex_unlock(&mutex);
    }
}

static void malloc_and_free(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        void *volatile block = malloc(64);
        seen();
        free(block);
    }
}

static void fetch_add_by_two(unsigned count)
{
    together(fetch_add, fetch_add, count);
}

static void mutex_by_two(unsigned count)
{
    together(lock_and_unlock, lock_and_unlock, count);
}

/* ---- inbox -------------------------------------------------------------------------------- */

static nohi_inbox inbox;
static nohi_letter *letters;

static void inbox_one_by_one(unsigned count)
{
    store_relaxed(&inbox.newest, NULL);
    for (unsigned i = 0; i < count; i++) {
        (void)nohi_inbox_push(&inbox, letters, letters);
        (void)nohi_inbox_take(&inbox);
        (void)nohi_inbox_try_idle(&inbox);
    }
}

static void inbox_is_empty(unsigned count)
{
    store_relaxed(&inbox.newest, NULL);
    for (unsigned i = 0; i < count; i++) {
        (void)nohi_inbox_is_empty(&inbox);
        seen();
    }
}

/* Chains of BATCH letters; the cost of one letter. */
static void inbox_chains(unsigned count)
{
    store_relaxed(&inbox.newest, NOHI_INBOX_ARMED);
    for (unsigned i = 0; i < count; i += BATCH) {
        for (unsigned k = 1; k < BATCH; k++) {
            letters[k].next = &letters[k - 1];
        }
        (void)nohi_inbox_push(&inbox, &letters[BATCH - 1], &letters[0]);
        (void)nohi_inbox_take(&inbox);
    }
}

static void walk_chains(unsigned count)
{
    for (unsigned i = 0; i < count; i += BATCH) {
        for (unsigned k = 1; k < BATCH; k++) {
            letters[k].next = &letters[k - 1];
        }
        seen();
    }
}

static void push_all(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        (void)nohi_inbox_push(&inbox, &letters[i], &letters[i]);
    }
}

static void take_all(unsigned count)
{
    for (unsigned taken = 0; taken < count;) {
        for (nohi_letter *letter = nohi_inbox_take(&inbox); letter != NULL; letter = letter->next) {
            taken++;
        }
    }
}

static void inbox_across(unsigned count)
{
    store_relaxed(&inbox.newest, NOHI_INBOX_ARMED);
    together(take_all, push_all, count);
}

/* ---- stack, hint -------------------------------------------------------------------------- */

static nohi_stack stack;
static uint32_t *links;

static void stack_one_by_one(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        (void)nohi_stack_push(&stack, 1, &links[1]);
        (void)nohi_stack_take(&stack);
    }
}

static void stack_push_all(unsigned count)
{
    for (unsigned i = 1; i <= count; i++) {
        (void)nohi_stack_push(&stack, i, &links[i]);
    }
}

static void stack_take_all(unsigned count)
{
    for (unsigned taken = 0; taken < count;) {
        for (uint32_t at = nohi_stack_take(&stack); at != 0; at = links[at]) {
            taken++;
        }
    }
}

static void stack_across(unsigned count)
{
    together(stack_take_all, stack_push_all, count);
}

static nohi_hint hint;

static void hint_look(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        (void)nohi_hint_is_raised(&hint);
        seen();
    }
}

static void hint_raise_and_lower(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        nohi_hint_raise(&hint);
        nohi_hint_lower(&hint);
    }
}

/* ---- park, bell, counted ------------------------------------------------------------------ */

static nohi_park parks[2];

static void park_claim_awake(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        (void)nohi_park_claim(&parks[0]);
    }
}

static void park_announce_and_leave(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        nohi_park_announce(&parks[0]);
        nohi_park_leave(&parks[0], &env);
    }
}

static void park_lock_and_unlock(unsigned count)
{
    nohi_park_announce(&parks[0]);
    for (unsigned i = 0; i < count; i++) {
        (void)nohi_park_lock(&parks[0], NOHI_PARKED);
        (void)nohi_park_unlock(&parks[0], NOHI_PARKED, false);
    }
    nohi_park_leave(&parks[0], &env);
}

static alignas(NOHI_CACHELINE) atom(uint32_t) mail[2];

/* Sleeps until mail[me] is there, as a worker does (WRK-1). */
static void sleep_for_mail(unsigned me)
{
    while (load_acquire(&mail[me]) == 0) {
        nohi_park_announce(&parks[me]);
        if (load_seq_cst(&mail[me]) == 0) {
            nohi_park_wait(&parks[me], &env, -1);
        }
        nohi_park_leave(&parks[me], &env);
    }
    store_relaxed(&mail[me], 0);
}

static void post(unsigned to)
{
    store_seq_cst(&mail[to], 1);
    if (nohi_park_claim(&parks[to]) == NOHI_DUTY_WAKE) {
        nohi_park_wake(&parks[to], &env);
    }
}

static void ping(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        post(1);
        sleep_for_mail(0);
    }
}

static void pong(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        sleep_for_mail(1);
        post(0);
    }
}

static void park_round_trip(unsigned count)
{
    together(ping, pong, count);
}

/* The system call alone: one word, no protocol. */
static void futex_wait_for(uint32_t from)
{
    while (load_acquire(&mail[0]) == from) {
        env.park_wait(env.world, (uint32_t *)(void *)&mail[0], from, -1);
    }
}

static void futex_give(uint32_t to)
{
    store_seq_cst(&mail[0], to);
    env.park_wake(env.world, (uint32_t *)(void *)&mail[0]);
}

static void futex_ping(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        futex_give(1);
        futex_wait_for(1);
    }
}

static void futex_pong(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        futex_wait_for(0);
        futex_give(0);
    }
}

static void futex_round_trip(unsigned count)
{
    together(futex_ping, futex_pong, count);
    store_relaxed(&mail[0], 0);
}

static nohi_bell bell;

static void bell_enter_and_leave(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        nohi_bell_enter(&bell);
        nohi_bell_leave(&bell, &env);
    }
}

static nohi_counted counted;

static void counted_hold_and_release(unsigned count)
{
    nohi_counted_init(&counted, 1);
    for (unsigned i = 0; i < count; i++) {
        nohi_counted_hold(&counted);
        (void)nohi_counted_release(&counted);
    }
}

static nohi_lease lease;

static void lease_mark_sends(unsigned count)
{
    nohi_lease_init(&lease, 1);
    for (unsigned i = 0; i < count; i++) {
        nohi_lease_begin_send(&lease);
        (void)nohi_lease_token(&lease);
        nohi_lease_end_send(&lease);
    }
}

static void lease_mark_turns(unsigned count)
{
    nohi_lease_init(&lease, 1);
    for (unsigned i = 0; i < count; i++) {
        nohi_lease_begin_turn(&lease, 1);
        (void)nohi_lease_end_turn(&lease);
    }
}

static nohi_chain chain;

static void chain_hold_and_drop(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        nohi_chain_hold(&chain, (nohi_actor *)letters, i, &letters[i % BATCH]);
        store_relaxed(&word, nohi_chain_in_hand(&chain) != NULL);
        nohi_chain_drop(&chain);
    }
}

/* ---- slots, gate -------------------------------------------------------------------------- */

static nohi_slots slots;

static uint32_t is_there(uint32_t index, uint32_t generation)
{
    nohi_gate *gate = nohi_slots_at(&slots, index);
    return nohi_slots_has(&slots, index) && nohi_gate_generation(gate) == generation;
}

static void resolve_one(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        store_relaxed(&word, is_there(7, slots.first_generation));
        seen();
    }
}

/* Slots of a million, in no order: a cache miss each. */
static void resolve_many(unsigned count)
{
    uint32_t index = 1;
    for (unsigned i = 0; i < count; i++) {
        index = (index * 1664525 + 1013904223) & 0xfffff;
        store_relaxed(&word, is_there(index | 1, slots.first_generation));
    }
}

static void touch_many(unsigned count)
{
    uint32_t index = 1;
    for (unsigned i = 0; i < count; i++) {
        index = (index * 1664525 + 1013904223) & 0xfffff;
        store_relaxed(&word, *(volatile uint32_t *)nohi_slots_at(&slots, index | 1));
    }
}

static void is_mine(unsigned count)
{
    nohi_gate *gate = nohi_slots_at(&slots, 7);
    for (unsigned i = 0; i < count; i++) {
        store_relaxed(&word, nohi_gate_home(gate) == 3);
        seen();
    }
}

static void load_and_store(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        store_relaxed(&word, load_relaxed(&word));
        seen();
    }
}

static void admit_and_leave(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        (void)nohi_slots_admit(&slots);
        nohi_slots_leave(&slots);
    }
}

/* ---- pool --------------------------------------------------------------------------------- */

static nohi_pool pool;
static nohi_pool_cache caches[2];

static void pool_take_and_give(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        void *block = nohi_pool_take(&caches[0], 0);
        seen();
        nohi_pool_give(&caches[0], block, 0);
    }
}

static void pool_take_and_push(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        nohi_letter *letter = nohi_pool_take(&caches[0], 0);
        (void)nohi_inbox_push(&inbox, letter, letter);
    }
}

static void pool_take_and_give_there(unsigned count)
{
    for (unsigned taken = 0; taken < count;) {
        nohi_letter *next;
        for (nohi_letter *letter = nohi_inbox_take(&inbox); letter != NULL; letter = next) {
            next = letter->next;
            nohi_pool_give(&caches[1], letter, 0);
            taken++;
        }
    }
}

static void pool_across(unsigned count)
{
    store_relaxed(&inbox.newest, NOHI_INBOX_ARMED);
    together(pool_take_and_give_there, pool_take_and_push, count);
}

/* ------------------------------------------------------------------------------------------- */

static const row rows[] = {
    {"inbox, look", inbox_is_empty, MANY, "load", plain_load},
    {"inbox, push + take + idle", inbox_one_by_one, MANY, "3 xchg", three_exchanges},
    {"inbox, chain of 64, a letter", inbox_chains, MANY, "link it", walk_chains},
    {"inbox, two threads, a letter", inbox_across, SOME, "fetch_add by two", fetch_add_by_two},
    {"stack, push + take", stack_one_by_one, MANY, "2 xchg", two_exchanges},
    {"stack, two threads, a node", stack_across, SOME, "fetch_add by two", fetch_add_by_two},
    {"hint, look", hint_look, MANY, "load", plain_load},
    {"hint, raise + lower", hint_raise_and_lower, MANY, "2 xchg", two_exchanges},
    {"park, claim of one awake", park_claim_awake, MANY, "load", plain_load},
    {"park, announce + leave", park_announce_and_leave, MANY, "2 xchg", two_exchanges},
    {"park, lock + unlock", park_lock_and_unlock, MANY, "mutex", lock_and_unlock},
    {"park, round trip of two sleepers", park_round_trip, FEW, "futex alone", futex_round_trip},
    {"gate, is it at home here?", is_mine, MANY, "load + store", load_and_store},
    {"slots, resolve", resolve_one, MANY, "load + store", load_and_store},
    {"slots, resolve one of a million", resolve_many, MANY, "touch it", touch_many},
    {"slots, admit + leave", admit_and_leave, MANY, "2 fetch_add", two_fetch_adds},
    {"pool, take + give", pool_take_and_give, MANY, "malloc + free", malloc_and_free},
    {"pool, taken here, given there", pool_across, SOME, "inbox, two threads", inbox_across},
    {"bell, enter + leave", bell_enter_and_leave, MANY, "2 fetch_add", two_fetch_adds},
    {"lease, marks of a send", lease_mark_sends, MANY, "load + store", load_and_store},
    {"lease, marks of a turn", lease_mark_turns, MANY, "load + store", load_and_store},
    {"chain, hold + drop", chain_hold_and_drop, MANY, "load + store", load_and_store},
    {"counted, hold + release", counted_hold_and_release, MANY, "2 fetch_add", two_fetch_adds},
    {"(a store)", plain_store, MANY, "load", plain_load},
    {"(a mutex that two want)", mutex_by_two, SOME, "mutex", lock_and_unlock},
};

static void prepare(void)
{
    env = noh_env_default();
    letters = calloc(SOME + BATCH, sizeof *letters);
    links = calloc(SOME + 1, sizeof *links);
    uint32_t first;
    if (letters == NULL || links == NULL || nohi_slots_init(&slots, &env, 1 << 20) != NOH_OK ||
        nohi_slots_carve(&slots, 1 << 20, 3, &first) != NOH_OK) {
        abort();
    }
    slots.tenants_max = 1000;
    nohi_pool_init(&pool, &env);
    nohi_pool_cache_init(&caches[0], &pool);
    nohi_pool_cache_init(&caches[1], &pool);
}

int main(int argc, char **argv)
{
    const char *part = argc > 1 ? argv[1] : "";
    prepare();
    printf("%-34s %9s   %-18s %9s %7s\n", "operation", "ns", "floor", "ns", "ratio");
    for (size_t i = 0; i < NOHI_COUNT(rows); i++) {
        const row *r = &rows[i];
        if (strstr(r->name, part) != NULL) {
            double floor_ns = 1e18;
            double ns = 1e18;
            for (unsigned round = 0; round < ROUNDS; round++) { /* in turn: the same weather */
                measure(r->floor, r->count, &floor_ns);
                measure(r->run, r->count, &ns);
            }
            printf("%-34s %9.2f   %-18s %9.2f %7.2f\n", r->name, ns, r->floor_name, floor_ns,
                   ns / floor_ns);
            fflush(stdout);
        }
    }
    return 0;
}
