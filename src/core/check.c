/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Check: walks all there is in a system and names the first invariant that does not hold.
 *
 * Purpose     For tests, at the end of what they do, and for the hostile build. Not in the libraries
 *             that are shipped.
 * Owner       At a quiet moment: nothing is on its way, no other thread is inside a call, and the
 *             caller knows of all that others did. The workers are held by locking them while they
 *             sleep (PRK-2); so a worker that cannot come to rest holds up the check. In a system
 *             whose threads have all left the caller is alone anyway.
 *             Memory comes from the C library: it is not the system's.
 * Why not     while things move: most of the invariants hold between two steps of one thread only. */
#include "check.h"

#include "role.h"
#include "strand.h"
#include "system.h"

#include <noh/watch.h>
#include <stdlib.h>

typedef struct survey {
    nohi_system *system;
    uint32_t limit;
    uint8_t *listed; /* per slot: lies in a free list */
    uint64_t living;
    bool quiet;
} survey;

static uint32_t free_link(void *ctx, uint32_t index)
{
    nohi_actor *a = nohi_slots_at(ctx, index);
    return (uint32_t)(uintptr_t)a->state_block; /* actor.c, link_of */
}

static uint32_t run_link(void *ctx, uint32_t index)
{
    nohi_actor *a = nohi_slots_at(ctx, index);
    return a->run_next;
}

static uint32_t ready_link(void *ctx, uint32_t index)
{
    nohi_actor *a = nohi_slots_at(ctx, index);
    return a->gate.ready_next;
}

/* ---- the workers, held -------------------------------------------------------------------- */

static void let_go(nohi_system *system, unsigned count)
{
    for (unsigned id = 0; id < count; id++) {
        nohi_worker *w = nohi_system_home(system, id);
        if (nohi_park_unlock(&w->park, NOHI_PARKED, false)) {
            nohi_park_wake(&w->park, &system->env);
        }
    }
}

static bool is_at_rest(nohi_worker *w)
{
    return load_relaxed(&w->run_first) == 0 && nohi_chain_to(&w->chain) == NULL &&
           !nohi_worker_has_mail(w);
}

/* Locks all workers at a moment at which none has anything to do. */
static void hold(nohi_system *system)
{
    for (unsigned held = 0; held < system->worker_count;) {
        nohi_worker *w = nohi_system_home(system, held);
        while (!nohi_park_lock(&w->park, NOHI_PARKED)) {
            system->env.relax(system->env.world);
        }
        held++;
        for (unsigned id = 0; id < held; id++) { /* those before may have got something meanwhile */
            if (!is_at_rest(nohi_system_home(system, id))) {
                let_go(system, held);
                held = 0;
            }
        }
    }
}

/* ---- lists -------------------------------------------------------------------------------- */

/* Of one free list: each slot is free, in no other list, and at home where the list is. */
static const char *check_free(survey *s, uint32_t first, unsigned home, uint32_t *ret_count)
{
    uint32_t count = 0;
    for (uint32_t index = first; index != 0; index = free_link(&s->system->slots, index)) {
        if (index >= s->limit) {
            return "ACT-1: a free list leads out of the slots";
        }
        nohi_actor *a = nohi_slots_at(&s->system->slots, index);
        if (s->listed[index] != 0) {
            return "ACT-1: a slot is in two free lists";
        }
        if (load_relaxed(&a->life) != NOHI_FREE) {
            return "ACT-1: a slot in a free list is not free";
        }
        if (nohi_gate_home(&a->gate) != home) {
            return "ACT-4: a free slot is at home elsewhere";
        }
        if (nohi_slots_is_used_up(&s->system->slots, nohi_gate_generation(&a->gate))) {
            return "SLT-3: a slot did not retire";
        }
        s->listed[index] = 1;
        count++;
    }
    *ret_count = count;
    return NULL;
}

static const char *check_home(survey *s, nohi_worker *w)
{
    nohi_slots *slots = &s->system->slots;
    uint32_t count = 0;
    const char *broken = check_free(s, w->free_first, w->id, &count);
    if (broken == NULL) {
        broken = nohi_stack_check(&w->ready, s->limit, ready_link, slots);
    }
    if (broken == NULL) {
        broken = nohi_stack_check(&w->handed, s->limit, run_link, slots);
    }
    if (broken == NULL) {
        broken = nohi_inbox_check(&w->commands);
    }
    if (broken == NULL) {
        broken = nohi_park_check(&w->park);
    }
    if (broken == NULL) {
        broken = nohi_pool_cache_check(&w->pool);
    }
    if (broken != NULL) {
        return broken;
    }
    if (count != w->free_count || (count > 0 && w->kind == NOHI_THREAD)) {
        return "THR-3: a home has another number of free slots than it may";
    }
    if (!s->quiet || w->kind != NOHI_WORKER) {
        return NULL;
    }
    return is_at_rest(w) ? nohi_lease_check(&w->lease, w->id)
                         : "WRK-1: a worker sleeps and has work";
}

static const char *check_homes(survey *s)
{
    uint32_t homes = load_acquire(&s->system->home_count);
    for (uint32_t id = 0; id < homes; id++) {
        const char *broken = check_home(s, nohi_system_home(s->system, id));
        if (broken != NULL) {
            return broken;
        }
    }
    return NULL;
}

static const char *check_pool(survey *s)
{
    nohi_system *system = s->system;
    uint32_t homes = load_acquire(&system->home_count);
    size_t bytes = homes * sizeof(nohi_pool_cache *);
    nohi_pool_cache **caches = malloc(bytes);
    if (caches == NULL) {
        return "no memory";
    }
    for (uint32_t id = 0; id < homes; id++) {
        caches[id] = &nohi_system_home(system, id)->pool;
    }
    size_t free_blocks;
    const char *broken = nohi_pool_check(&system->pool, caches, homes, &free_blocks);
    free(caches);
    return broken;
}

/* ---- slots -------------------------------------------------------------------------------- */

/* An actor that lives, while nothing moves. */
static const char *check_living(survey *s, nohi_actor *a)
{
    nohi_worker *home = nohi_system_home(s->system, nohi_gate_home(&a->gate));
    bool thread = nohi_gate_is(&a->gate, NOHI_TRAIT_THREAD);
    s->living += !thread;
    if (thread != (nohi_actor_behavior(a) == NULL) || thread != (home->own == a)) {
        return "ACT-2: a thread's slot is an actor's, or the other way round";
    }
    if (thread || home->kind != NOHI_WORKER) {
        return NULL; /* letters may wait there for their thread */
    }
    if (a->flags & (NOHI_QUEUED | NOHI_SIGNALED)) {
        return "RCV-2: queued or signaled on a worker that rests";
    }
    bool waits = (a->flags & NOHI_WAITING) != 0;
    if (waits != (a->extra != NULL && a->extra->wait != NULL)) {
        return "STR-1: a handler waits, and its actor does not know, or the other way round";
    }
    if (waits && (a->extra->wait->over || nohi_strand_has_news(a, a->extra->wait))) {
        return "STR-3: a wait is over, or has something to look at, and nobody knows";
    }
    if ((a->head != NULL && !waits) || load_relaxed(&a->gate.inbox.newest) != NULL) {
        return "INB-1: letters wait and nobody knows";
    }
    if (waits) {
        return NULL; /* what it has not taken is in its mailbox */
    }
    if (load_relaxed(&a->len) != 0 ||
        load_relaxed(&a->gate.inbox_len) != nohi_role_stashed(a)) { /* ROL-1 */
        return "SND-3: an empty mailbox is not counted as empty";
    }
    return NULL;
}

/* One where nobody lives. */
static const char *check_empty(const survey *s, nohi_actor *a, bool listed)
{
    bool used_up = nohi_slots_is_used_up(&s->system->slots, nohi_gate_generation(&a->gate));
    if (load_relaxed(&a->life) == NOHI_FREE ? !listed : !used_up) {
        return "ACT-1: a slot is lost: free, and in no list";
    }
    if (nohi_actor_behavior(a) != NULL || a->head != NULL || load_relaxed(&a->len) != 0 ||
        load_relaxed(&a->gate.inbox.newest) != NULL || load_relaxed(&a->gate.inbox_len) != 0) {
        return "ACT-2: something is left of an actor that ended";
    }
    return NULL;
}

static const char *check_slots(survey *s)
{
    nohi_slots *slots = &s->system->slots;
    uint32_t homes = load_acquire(&s->system->home_count);
    for (uint32_t index = 1; index < s->limit; index++) {
        nohi_actor *a = nohi_slots_at(slots, index);
        unsigned home = nohi_gate_home(&a->gate);
        if (home >= homes && home != NOHI_DEPOT) {
            return "GAT-1: a slot is at home nowhere";
        }
        const char *broken = nohi_inbox_check(&a->gate.inbox);
        if (broken == NULL && s->quiet) {
            broken = load_relaxed(&a->life) == NOHI_LIVE ? check_living(s, a)
                                                         : check_empty(s, a, s->listed[index] != 0);
        }
        if (broken != NULL) {
            return broken;
        }
    }
    return NULL;
}

/* What was counted, and what there is. */
static const char *check_counts(const survey *s)
{
    noh_ledger ledger;
    noh_stats stats;
    (void)noh_ledger_read(s->system, &ledger);
    (void)noh_system_stats(s->system, &stats);
    if (ledger.sent != ledger.handled + ledger.queued + noh_ledger_dead(&ledger)) {
        return "SND-1: the ledger does not balance";
    }
    if (stats.actors != s->living) {
        return "ACT-2: more or fewer live than were born and have not ended";
    }
    if (s->system->slots.tenants_max != 0 && load_relaxed(&s->system->slots.tenants) != s->living) {
        return "SLT-4: more or fewer live than were admitted";
    }
    return NULL;
}

static const char *check_all(survey *s)
{
    nohi_slots *slots = &s->system->slots;
    uint32_t count;
    const char *broken = nohi_slots_check(slots, free_link, slots);
    broken = broken != NULL ? broken : check_free(s, slots->free_first, NOHI_DEPOT, &count);
    broken = broken != NULL ? broken : check_homes(s);
    broken = broken != NULL ? broken : check_slots(s);
    broken = broken != NULL ? broken : check_pool(s);
    return broken != NULL || !s->quiet ? broken : check_counts(s);
}

const char *nohi_system_check(nohi_system *system, bool quiet)
{
    uint32_t limit = load_acquire(&system->slots.limit);
    survey s = {.system = system, .limit = limit, .quiet = quiet};
    s.listed = calloc(limit, 1);
    if (s.listed == NULL) {
        return "no memory";
    }
    if (quiet) {
        hold(system);
    }
    const char *broken = check_all(&s);
    if (quiet) {
        let_go(system, system->worker_count);
    }
    free(s.listed);
    return broken;
}
