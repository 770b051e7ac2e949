/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Leases: the owner of a run list in a handler, and thieves, in small. Mirrors, under the same names:
 *   core/policy.c   seize, pick, move
 *   core/send.c     noh_tell_value, send_local
 *   core/receive.c  nohi_receive_turns, end_turn
 * Left out: the mailbox is a number; letters to an actor that has been taken away stay in its inbox.
 *
 * Run lists and actors are plain memory, so two who touch them at once are a data race. */
#ifndef MODEL_LEASES_H
#define MODEL_LEASES_H

#include "explore.h"
#include "gate.h"
#include "lease.h"

enum { NOBODY, IN_HAND, WAITING, IDLE, ACTORS };
enum { OWNER, THIEF, SECOND_THIEF, HOMES };

typedef struct actor {
    nohi_gate gate;
    uint32_t run_next;
    uint32_t len;
    bool queued;
} actor;

typedef struct home {
    uint32_t run_first;
    uint32_t run_last;
} home;

typedef struct leases {
    nohi_lease lease; /* the owner's */
    home homes[HOMES];
    actor actors[ACTORS];
    nohi_letter away; /* the letter that is sent elsewhere */
} leases;
#define S MODEL_SHARED(leases)

typedef struct ghost {
    uint8_t sent;
    uint8_t handled;
} ghost;
#define G MODEL_GHOST(ghost)

/* What the owner does in the handler of IN_HAND. The model's. */
static void handler(void);

static void link_last(home *h, uint32_t index)
{
    S->actors[index].run_next = 0;
    if (h->run_first == 0) {
        h->run_first = index;
    } else {
        S->actors[h->run_last].run_next = index;
    }
    h->run_last = index;
}

static uint32_t unlink_first(home *h)
{
    uint32_t index = h->run_first;
    if (index != 0) {
        h->run_first = S->actors[index].run_next;
    }
    return index;
}

static void append(actor *a)
{
    a->len++;
    if (!a->queued) {
        a->queued = true;
        link_last(&S->homes[OWNER], (uint32_t)(a - S->actors));
    }
}

static void setup_leases(void)
{
    nohi_lease_init(&S->lease, OWNER);
    for (uint32_t i = 1; i < ACTORS; i++) {
        store_relaxed(&S->actors[i].gate.home, OWNER);
        if (i != IDLE) {
            append(&S->actors[i]);
            G->sent++;
        }
    }
    MODEL_NAME(S->lease.token);
    MODEL_NAME(S->lease.turn);
    MODEL_NAME(S->lease.ended);
    MODEL_NAME(S->lease.sent);
    MODEL_NAME(S->lease.busy);
    MODEL_NAME(S->lease.thief);
    MODEL_NAME(S->homes[OWNER]);
    MODEL_NAME(S->homes[THIEF]);
    MODEL_NAME(S->actors[IN_HAND]);
    MODEL_NAME(S->actors[WAITING].gate.home);
    MODEL_NAME(S->actors[WAITING].gate.inbox);
    MODEL_NAME(S->actors[WAITING]);
    MODEL_NAME(S->actors[IDLE].gate.home);
    MODEL_NAME(S->actors[IDLE]);
}

static void handle(actor *a)
{
    G->handled = (uint8_t)(G->handled + a->len);
    a->len = 0;
}

/* ---- the owner ---------------------------------------------------------------------------- */

static void push(actor *a)
{
    (void)nohi_inbox_push(&a->gate.inbox, &S->away, &S->away);
}

static inline void send_local(actor *a)
{
    nohi_lease_enter(&S->lease, &nohi_model_env);
    bool ours = nohi_gate_home(&a->gate) == OWNER;
    if (ours) {
        append(a);
    }
    nohi_lease_leave(&S->lease);
    if (!ours) {
        push(a);
    }
}

static inline void noh_tell_value(actor *a)
{
    unsigned home =
        MODEL_MUTANT("looks at the home before the token") ? nohi_gate_home(&a->gate) : HOMES;
    bool early = MODEL_MUTANT("looks at the token before it marks");
    uint32_t token = early ? nohi_lease_token(&S->lease) : 0;
    nohi_lease_begin_send(&S->lease);
    token = early ? token : nohi_lease_token(&S->lease);
    if ((home == HOMES ? nohi_gate_home(&a->gate) : home) == token) {
        append(a);
        nohi_lease_end_send(&S->lease);
        return;
    }
    nohi_lease_undo_send(&S->lease);
    nohi_lease_count_sent(&S->lease);
    if (nohi_gate_home(&a->gate) == OWNER) {
        send_local(a);
    } else {
        push(a);
    }
}

static void end_turn(actor *a)
{
    if (MODEL_MUTANT("does not look at the token after the turn")) {
        store_release(&S->lease.turn, 0);
    } else if (!nohi_lease_end_turn(&S->lease)) {
        nohi_lease_wait(&S->lease, &nohi_model_env);
    }
    a->queued = a->len != 0;
    if (a->queued) {
        link_last(&S->homes[OWNER], (uint32_t)(a - S->actors));
    }
}

static void owner(unsigned thread)
{
    uint32_t index;
    (void)thread;
    while ((index = unlink_first(&S->homes[OWNER])) != 0) {
        actor *a = &S->actors[index];
        MODEL_CHECK(nohi_gate_home(&a->gate) == OWNER && a->queued);
        nohi_lease_begin_turn(&S->lease, index);
        handle(a);
        if (index == IN_HAND) {
            handler();
        }
        end_turn(a);
    }
}

/* ---- thieves ------------------------------------------------------------------------------ */

static bool no_barrier(void *world)
{
    (void)world;
    return true;
}

static const noh_env no_barrier_env = {.barrier = no_barrier};

/* As nohi_lease_seize, but it does not wait for what the owner is about. */
static uint32_t seize_at_once(nohi_lease *lease)
{
    uint32_t nobody = 0;
    if (load_relaxed(&lease->turn) == 0 || !cas_acq_rel(&lease->thief, &nobody, 1)) {
        return 0;
    }
    store_seq_cst(&lease->token, NOHI_REVOKED);
    nohi_model_membarrier();
    uint32_t slot = load_acquire(&lease->turn);
    if (slot == 0) {
        nohi_lease_give_back(lease, OWNER);
    }
    return slot;
}

static uint32_t nohi_seize(nohi_lease *lease)
{
    if (MODEL_MUTANT("does not wait for a send")) {
        return seize_at_once(lease);
    }
    bool barrier = !MODEL_MUTANT("no barrier");
    return nohi_lease_seize(lease, OWNER, barrier ? &nohi_model_env : &no_barrier_env);
}

/* Takes over at most so many. False: nobody. */
static bool seize(unsigned me, unsigned most)
{
    uint32_t index;
    if (nohi_seize(&S->lease) == 0) {
        return false;
    }
    if (MODEL_MUTANT("gives back too early")) {
        nohi_lease_give_back(&S->lease, OWNER);
    }
    for (; most > 0 && (index = unlink_first(&S->homes[OWNER])) != 0; most--) {
        nohi_gate_move(&S->actors[index].gate, me);
        link_last(&S->homes[me], index);
    }
    if (!MODEL_MUTANT("gives back too early")) {
        nohi_lease_give_back(&S->lease, OWNER);
    }
    return S->homes[me].run_first != 0;
}

static void run_taken(unsigned me)
{
    uint32_t index;
    while ((index = unlink_first(&S->homes[me])) != 0) {
        actor *a = &S->actors[index];
        MODEL_CHECK(index != IN_HAND && nohi_gate_home(&a->gate) == me && a->queued);
        a->queued = false;
        handle(a);
    }
}

/* ---- the end ------------------------------------------------------------------------------ */

static void check_leases(void)
{
    unsigned away = 0;
    for (uint32_t i = 1; i < ACTORS; i++) {
        actor *a = &S->actors[i];
        away += !nohi_inbox_is_empty(&a->gate.inbox);
        MODEL_CHECK(!a->queued && a->len == 0);
    }
    for (unsigned h = 0; h < HOMES; h++) {
        MODEL_CHECK(S->homes[h].run_first == 0);
    }
    MODEL_CHECK(G->handled + away == G->sent);
}

#endif
