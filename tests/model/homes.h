/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Homes: the way of a letter between workers, in small. What the core composes from src/sync, function
 * by function and in the same order of steps, under the same names:
 *   core/worker.c   nohi_worker_announce, redirect, notify, attend, take_in, loop, rest
 *   core/receive.c  turn, leave_turn
 *   core/send.c     nohi_send, send_local, send_remote, adopt
 *   core/policy.c   seize (where the model has LEASES)
 *   core/actor.c    nohi_actor_end, close_slot, release, deposit, grant_one, settle, announce_in_depot
 * Left out: what stays on one thread (chains, bounds, samples, handlers), the busy wait, timers, and
 * the hint, which saves looks: model_hint.c and model_park.c have it. Here each round looks.
 *
 * The model says what the policy would: where an actor flows, who may adopt. Letters are numbered, so
 * that each sender's are seen to arrive once and in order; handling them touches plain memory of the
 * actor, so that two runners are a data race. */
#ifndef MODEL_HOMES_H
#define MODEL_HOMES_H

#include "explore.h"
#include "gate.h"
#include "lease.h"
#include "park.h"
#include "stack.h"

#ifndef ACTORS
#define ACTORS 2 /* 0 is nobody's */
#endif
#ifndef LEASES
#define LEASES false /* does anybody seize? */
#endif
enum { HOMES = 2, LETTERS_MAX = 4, STAY = -1 };
enum { QUEUED = 1, SIGNALED = 2 };
enum { FREE, LIVE, DEAD };

typedef struct letter {
    nohi_letter letter;
    uint8_t sender;
    uint8_t number;
    uint8_t generation;
} letter;

typedef struct actor {
    nohi_gate gate;
    nohi_letter *head;
    nohi_letter *tail;
    uint32_t run_next;
    uint32_t free_next;
    uint32_t handled;
    atom(uint8_t) life;
    uint8_t flags;
} actor;

typedef struct home {
    nohi_park park;
    nohi_stack ready;
    nohi_stack handed;
    uint32_t run_first;
    uint32_t run_last;
    nohi_lease lease;
    bool is_worker; /* constant */
} home;

typedef struct homes {
    home homes[HOMES];
    actor actors[ACTORS];
    letter letters[MODEL_THREADS_MAX][LETTERS_MAX];
    pthread_mutex_t slots_lock;
    uint32_t free_first;     /* the depot; under the lock */
    atom(uint32_t) deposits; /* for the model: something may be there */
} homes;
#define S MODEL_SHARED(homes)

typedef struct ghost {
    uint8_t sent[MODEL_THREADS_MAX];
    uint8_t handled[MODEL_THREADS_MAX]; /* of each sender: the number of its last letter */
    uint8_t buried;
    uint8_t moves;
    uint8_t free_lists; /* that the slot is in */
} ghost;
#define G MODEL_GHOST(ghost)

/* What the policy says when a turn with the announcement attended ends. The model's. */
static int flow_of(unsigned me);
/* May a sender take over actors of this sleeping home? The model's. */
static bool may_adopt(unsigned me, unsigned home);
/* Does the actor end with this letter? The model's. */
static bool ends_actor(const letter *l);

static void setup_homes(unsigned home_of_actor)
{
    for (unsigned h = 0; h < HOMES; h++) {
        S->homes[h].is_worker = true;
    }
    store_relaxed(&S->actors[1].gate.home, (uint16_t)home_of_actor);
    store_relaxed(&S->actors[1].life, LIVE);
    MODEL_NAME(S->homes[0].park);
    MODEL_NAME(S->homes[0].ready);
    MODEL_NAME(S->homes[0].handed);
    MODEL_NAME(S->homes[0]);
    MODEL_NAME(S->homes[1].park);
    MODEL_NAME(S->homes[1].ready);
    MODEL_NAME(S->homes[1].handed);
    MODEL_NAME(S->homes[1]);
    MODEL_NAME(S->actors[1].gate.inbox);
    MODEL_NAME(S->actors[1].gate.home);
    MODEL_NAME(S->actors[1].gate.generation);
    MODEL_NAME(S->actors[1].life);
    MODEL_NAME(S->actors[1]);
    MODEL_NAME(S->letters);
}

static uint32_t index_of(const actor *a)
{
    return (uint32_t)(a - S->actors);
}

/* ---- actor.c: slots ----------------------------------------------------------------------- */

static void deposit(actor *a)
{
    pthread_mutex_lock(&S->slots_lock);
    MODEL_CHECK(G->free_lists++ == 0);
    nohi_gate_move(&a->gate, NOHI_DEPOT);
    a->free_next = S->free_first;
    S->free_first = index_of(a);
    pthread_mutex_unlock(&S->slots_lock);
    store_relaxed(&S->deposits, 1);
}

static inline actor *grant_one(void)
{
    actor *a = NULL;
    pthread_mutex_lock(&S->slots_lock);
    if (S->free_first != 0) {
        a = &S->actors[S->free_first];
        S->free_first = a->free_next;
        G->free_lists--;
    }
    pthread_mutex_unlock(&S->slots_lock);
    return a;
}

static inline void settle(actor *a, unsigned home)
{
    pthread_mutex_lock(&S->slots_lock);
    store_relaxed(&a->life, LIVE);
    nohi_gate_move(&a->gate, home);
    pthread_mutex_unlock(&S->slots_lock);
}

static bool nohi_actor_announce_in_depot(actor *a)
{
    bool locks = !MODEL_MUTANT("looks into the depot without the lock");
    if (locks) {
        pthread_mutex_lock(&S->slots_lock);
    }
    bool there = nohi_gate_home(&a->gate) == NOHI_DEPOT;
    while (there) {
        nohi_letter *taken = nohi_inbox_take(&a->gate.inbox);
        if (taken == NULL && nohi_inbox_try_idle(&a->gate.inbox)) {
            break;
        }
        for (; taken != NULL; taken = taken->next) {
            G->buried++;
        }
    }
    if (locks) {
        pthread_mutex_unlock(&S->slots_lock);
    }
    return there;
}

/* ---- worker.c: what others leave ---------------------------------------------------------- */

static void nohi_worker_announce(actor *a);

static void redirect(home *gone)
{
    uint32_t index = nohi_stack_is_empty(&gone->ready) ? 0 : nohi_stack_take(&gone->ready);
    while (index != 0) {
        actor *a = &S->actors[index];
        index = a->gate.ready_next;
        nohi_worker_announce(a);
    }
}

static void nohi_worker_notify(home *to)
{
    nohi_duty duty = nohi_park_claim(&to->park);
    if (duty == NOHI_DUTY_WAKE) {
        nohi_park_wake(&to->park, &nohi_model_env);
    }
    if (duty == NOHI_DUTY_REDIRECT) {
        redirect(to);
    }
}

static void nohi_worker_announce(actor *a)
{
    unsigned id = nohi_gate_home(&a->gate);
    while (id == NOHI_DEPOT) {
        if (nohi_actor_announce_in_depot(a)) {
            return;
        }
        id = nohi_gate_home(&a->gate);
    }
    home *to = &S->homes[id];
    if (nohi_stack_push(&to->ready, index_of(a), &a->gate.ready_next)) {
        nohi_worker_notify(to);
    }
    if (!to->is_worker && !MODEL_MUTANT("trusts the home it read") &&
        nohi_gate_home(&a->gate) != id) {
        redirect(to);
    }
}

static void queue(home *w, actor *a)
{
    if (a->flags & QUEUED) {
        return;
    }
    a->flags |= QUEUED;
    a->run_next = 0;
    if (w->run_first == 0) {
        w->run_first = index_of(a);
    } else {
        S->actors[w->run_last].run_next = index_of(a);
    }
    w->run_last = index_of(a);
}

/* Is it the one in whose handler the owner was when it was seized? */
static bool is_in_hand(home *w, uint32_t index, uint32_t in_hand)
{
    if (in_hand != 0 && MODEL_MUTANT("compares with the turn of now")) {
        in_hand = nohi_lease_turn(&w->lease);
    }
    if (in_hand != 0 && MODEL_MUTANT("looks at the flags before the end of the turn")) {
        in_hand = load_acquire(&w->lease.turn); /* both were so, and one hid the other */
    }
    return index == in_hand && !MODEL_MUTANT("queues the one in hand");
}

/* What others left at `me`; for itself, or for its thief. */
static void nohi_worker_take_in(unsigned me, uint32_t in_hand)
{
    home *w = &S->homes[me];
    uint32_t index = nohi_stack_take(&w->handed);
    while (index != 0) {
        actor *a = &S->actors[index];
        index = a->run_next;
        a->flags = (uint8_t)(a->flags & ~QUEUED);
        queue(w, a);
    }
    index = nohi_stack_take(&w->ready);
    while (index != 0) {
        actor *a = &S->actors[index];
        index = a->gate.ready_next;
        if (nohi_gate_home(&a->gate) != me && !MODEL_MUTANT("runs what it was announced")) {
            nohi_worker_announce(a);
        } else if (LEASES && is_in_hand(w, index_of(a), in_hand)) {
            if (!MODEL_MUTANT("drops the one in hand")) {
                (void)nohi_stack_push(&w->ready, in_hand, &a->gate.ready_next);
            }
        } else {
            a->flags |= SIGNALED;
            queue(w, a);
        }
    }
}

static void nohi_worker_attend(unsigned me)
{
    nohi_worker_take_in(me, 0);
}

/* ---- receive.c ---------------------------------------------------------------------------- */

static void append(actor *a, nohi_letter *l)
{
    l->next = NULL;
    if (a->head == NULL) {
        a->head = l;
    } else {
        a->tail->next = l;
    }
    a->tail = l;
}

static void splice(actor *a, nohi_letter *oldest)
{
    while (oldest != NULL) {
        nohi_letter *next = oldest->next;
        append(a, oldest);
        oldest = next;
    }
}

static void bury(actor *a)
{
    if (!nohi_inbox_is_empty(&a->gate.inbox)) {
        splice(a, nohi_inbox_take(&a->gate.inbox));
    }
    for (; a->head != NULL; a->head = a->head->next) {
        G->buried++;
    }
}

static void nohi_actor_end(actor *a)
{
    store_relaxed(&a->life, DEAD);
    nohi_gate_close(&a->gate);
    bury(a);
    a->flags &= QUEUED | SIGNALED;
}

static void handle(actor *a)
{
    uint32_t generation = nohi_gate_generation(&a->gate);
    while (a->head != NULL) {
        const letter *l = NOHI_CONTAINER(a->head, letter, letter);
        a->head = l->letter.next;
        if (l->generation != generation && !MODEL_MUTANT("does not compare generations")) {
            G->buried++;
            continue;
        }
        MODEL_CHECK(l->number == G->handled[l->sender] + 1); /* once, in order: SND-1 */
        G->handled[l->sender] = l->number;
        a->handled++;
        if (ends_actor(l)) {
            nohi_actor_end(a);
        }
    }
}

static void end_turn(unsigned me, actor *a)
{
    uint8_t flags = a->flags;
    if (!nohi_lease_end_turn(&S->homes[me].lease)) {
        nohi_lease_wait(&S->homes[me].lease, &nohi_model_env);
    }
    if (MODEL_MUTANT("looks at the flags before the end of the turn")) {
        a->flags = flags;
    }
}

static void nohi_leave_turn(unsigned me, actor *a)
{
    if (LEASES) {
        end_turn(me, a);
    }
    bool idle = a->head == NULL;
    bool signaled = (a->flags & SIGNALED) != 0;
    int flow = signaled ? flow_of(me) : STAY;
    if ((signaled || MODEL_MUTANT("goes idle without SIGNALED")) && idle) {
        idle = nohi_inbox_try_idle(&a->gate.inbox);
        a->flags = (uint8_t)(idle ? a->flags & ~SIGNALED : a->flags);
    }
    if (!idle && flow != STAY) {
        home *to = &S->homes[flow];
        nohi_gate_move(&a->gate, (unsigned)flow); /* still QUEUED: on its way */
        if (nohi_stack_push(&to->handed, index_of(a), &a->run_next)) {
            nohi_worker_notify(to);
        }
        return;
    }
    bool late = MODEL_MUTANT("writes after the move") && flow != STAY;
    a->flags = (uint8_t)(late ? a->flags : a->flags & ~QUEUED);
    if (!idle) {
        queue(&S->homes[me], a);
    } else if (load_relaxed(&a->life) == DEAD) {
        deposit(a);
    } else if (flow != STAY) {
        nohi_gate_move(&a->gate, (unsigned)flow);
    }
    if (late) {
        a->flags = (uint8_t)(a->flags & ~QUEUED);
    }
}

static void turn(unsigned me, actor *a)
{
    MODEL_CHECK(nohi_gate_home(&a->gate) == me && (a->flags & QUEUED) != 0);
    if ((a->flags & SIGNALED) && a->head == NULL) {
        splice(a, nohi_inbox_take(&a->gate.inbox));
    }
    if (load_relaxed(&a->life) == LIVE) {
        handle(a);
    } else {
        bury(a);
    }
    nohi_leave_turn(me, a);
}

/* ---- worker.c: the loop ------------------------------------------------------------------- */

static bool nohi_worker_has_mail(home *w)
{
    return !nohi_stack_is_empty(&w->ready) || !nohi_stack_is_empty(&w->handed);
}

static void rest(home *w)
{
    nohi_park_announce(&w->park);
    if (!nohi_worker_has_mail(w)) {
        nohi_park_wait(&w->park, &nohi_model_env, -1);
    }
    nohi_park_leave(&w->park, &nohi_model_env);
}

static bool run_one(unsigned me)
{
    home *w = &S->homes[me];
    if (w->run_first == 0) {
        return false;
    }
    actor *a = &S->actors[w->run_first];
    w->run_first = a->run_next;
    if (LEASES) {
        nohi_lease_begin_turn(&w->lease, index_of(a));
    }
    turn(me, a);
    return true;
}

/* One round: false when there was nothing to do. */
static bool work(unsigned me)
{
    nohi_worker_attend(me);
    return run_one(me);
}

/* Never ends: it sleeps when all is done. */
static inline _Noreturn void loop(unsigned me)
{
    for (;;) {
        if (!work(me)) {
            rest(&S->homes[me]);
        }
    }
}

/* ---- policy.c: what waits behind a long handler ------------------------------------------- */

static inline void seize(unsigned me, unsigned victim)
{
    home *w = &S->homes[me];
    home *v = &S->homes[victim];
    uint32_t in_hand = nohi_lease_seize(&v->lease, victim, &nohi_model_env);
    if (in_hand == 0) {
        return;
    }
    nohi_worker_take_in(victim, in_hand);
    uint32_t first = v->run_first;
    v->run_first = 0;
    for (uint32_t at = first; at != 0; at = S->actors[at].run_next) {
        G->moves++;
        nohi_gate_move(&S->actors[at].gate, me);
    }
    nohi_lease_give_back(&v->lease, victim);
    while (first != 0) {
        actor *a = &S->actors[first];
        first = a->run_next;
        a->flags = (uint8_t)(a->flags & ~QUEUED);
        queue(w, a);
    }
}

/* ---- send.c ------------------------------------------------------------------------------- */

static bool adopt(unsigned me, actor *a, uint32_t generation)
{
    unsigned id = nohi_gate_home(&a->gate);
    home *h = &S->homes[id];
    if (!may_adopt(me, id) || !nohi_park_is_asleep(&h->park)) {
        return false;
    }
    if (!MODEL_MUTANT("adopts without a lock") && !nohi_park_lock(&h->park, NOHI_PARKED)) {
        return false;
    }
    bool still = nohi_gate_home(&a->gate) == id || MODEL_MUTANT("does not look again");
    bool ours = still && nohi_gate_generation(&a->gate) == generation &&
                load_relaxed(&a->life) == LIVE && (a->flags & (QUEUED | SIGNALED)) == 0;
    if (ours) {
        G->moves++;
        nohi_gate_move(&a->gate, me);
    }
    if (!MODEL_MUTANT("adopts without a lock") && nohi_park_unlock(&h->park, NOHI_PARKED, false) &&
        !MODEL_MUTANT("does not wake after the lock")) {
        nohi_park_wake(&h->park, &nohi_model_env);
    }
    return ours;
}

static void push(actor *a, letter *l)
{
    if (nohi_inbox_push(&a->gate.inbox, &l->letter, &l->letter)) {
        nohi_worker_announce(a);
    }
}

/* `me` is HOMES or more for a thread that is no home. */
static void nohi_send(unsigned me, actor *a, uint32_t generation)
{
    letter *l = &S->letters[me][G->sent[me]];
    l->sender = (uint8_t)me;
    l->number = ++G->sent[me];
    l->generation = (uint8_t)generation;
    if (nohi_gate_generation(&a->gate) != generation) {
        G->buried++;
        return;
    }
    if (nohi_gate_home(&a->gate) != me && !(me < HOMES && adopt(me, a, generation))) {
        push(a, l);
    } else if (!nohi_inbox_is_empty(&a->gate.inbox) && !MODEL_MUTANT("passes the inbox")) {
        push(a, l); /* SND-1 */
    } else {
        append(a, &l->letter);
        queue(&S->homes[me], a);
    }
}

/* ---- the end ------------------------------------------------------------------------------ */

static inline void check_homes(void)
{
    for (unsigned t = 0; t < MODEL_THREADS_MAX; t++) {
        MODEL_CHECK(G->handled[t] == G->sent[t]);
    }
    MODEL_CHECK(S->actors[1].handled ==
                (uint32_t)G->sent[0] + G->sent[1] + G->sent[2] + G->sent[3]);
}

#endif
