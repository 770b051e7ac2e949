/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Lease and causality: in one handler the owner sends to an actor elsewhere, which opens a chain, and
 * then to another one: to one at home, which the thief may take over and run at once, or to one with a
 * bound elsewhere, which has no chain. Both tell the first receiver; the owner's letter must be there
 * before (SND-2). Mirrors core/send.c: noh_tell_value, put_straight, send_local, send_remote, nohi_send_push_chain,
 * nohi_send_push_chain_of; core/policy.c: seize. */
#include "explore.h"
#include "gate.h"
#include "lease.h"

enum { OWNER, THIEF };
enum { IN_HAND = 1, RECEIVER };

typedef struct shared {
    nohi_lease lease;
    atom(uint32_t) chain_to;
    nohi_letter *chain; /* in the lease */
    nohi_inbox receiver;
    nohi_inbox bounded;
    nohi_gate gate; /* of the actor at home, */
    bool queued;    /* which waits in the run list, with a letter */
    nohi_letter first;
    nohi_letter second; /* its cause is later than the first */
    nohi_letter cause;
} shared;
#define S MODEL_SHARED(shared)

static void setup(void)
{
    nohi_lease_init(&S->lease, OWNER);
    store_relaxed(&S->gate.home, OWNER);
    MODEL_NAME(S->lease.token);
    MODEL_NAME(S->lease.turn);
    MODEL_NAME(S->lease.busy);
    MODEL_NAME(S->lease.sent);
    MODEL_NAME(S->lease.ended);
    MODEL_NAME(S->lease.thief);
    MODEL_NAME(S->chain_to);
    MODEL_NAME(S->chain);
    MODEL_NAME(S->receiver);
    MODEL_NAME(S->bounded);
    MODEL_NAME(S->gate.home);
    MODEL_NAME(S->queued);
}

static nohi_letter *take_chain(void)
{
    nohi_letter *chain = load_relaxed(&S->chain_to) == 0 ? NULL : S->chain;
    store_relaxed(&S->chain_to, 0);
    return chain;
}

static void nohi_send_push_chain(void)
{
    nohi_lease_enter(&S->lease, &nohi_model_env);
    nohi_letter *chain = take_chain();
    nohi_lease_leave(&S->lease);
    if (chain != NULL) {
        (void)nohi_inbox_push(&S->receiver, chain, chain);
    }
}

static void nohi_send_flush(void)
{
    if (load_relaxed(&S->chain_to) != 0) {
        nohi_send_push_chain();
    }
}

static void send_remote(void)
{
    nohi_send_flush();
    nohi_lease_enter(&S->lease, &nohi_model_env);
    store_relaxed(&S->chain_to, RECEIVER);
    S->chain = &S->first;
    nohi_lease_leave(&S->lease);
}

/* To the one with a bound. */
static void send_bounded(void)
{
    if (MODEL_MUTANT("trusts an empty chain")) {
        nohi_send_flush();
    } else {
        nohi_send_push_chain();
    }
    (void)nohi_inbox_push(&S->bounded, &S->cause, &S->cause);
}

static void send_local(void)
{
    nohi_send_flush();
    nohi_lease_enter(&S->lease, &nohi_model_env);
    if (nohi_gate_home(&S->gate) == OWNER) {
        S->queued = true;
    }
    nohi_lease_leave(&S->lease);
}

static void noh_tell_value(void)
{
    bool chain_is_open = load_relaxed(&S->chain_to) != 0;
    if (MODEL_MUTANT("straight past a chain for another")) {
        chain_is_open = false;
    }
    nohi_lease_begin_send(&S->lease);
    uint32_t token = nohi_lease_token(&S->lease);
    if (nohi_gate_home(&S->gate) == token && !chain_is_open) {
        S->queued = true;
        nohi_lease_end_send(&S->lease);
    } else {
        nohi_lease_undo_send(&S->lease);
        nohi_lease_count_sent(&S->lease);
        send_local();
    }
}

/* The one at home, or the one with a bound, tells the receiver. */
static void run(void)
{
    (void)nohi_inbox_push(&S->receiver, &S->second, &S->second);
}

static void owner(unsigned thread)
{
    (void)thread;
    nohi_lease_begin_turn(&S->lease, IN_HAND);
    send_remote();
    if (nohi_model_choose(2) == 0) {
        noh_tell_value();
    } else {
        send_bounded();
    }
    nohi_send_flush();
    if (!nohi_lease_end_turn(&S->lease)) {
        nohi_lease_wait(&S->lease, &nohi_model_env);
    }
    if (nohi_gate_home(&S->gate) == OWNER && S->queued) {
        run();
    }
}

static void thief(unsigned thread)
{
    if (nohi_lease_seize(&S->lease, OWNER, &nohi_model_env) == 0) {
        return;
    }
    if (!MODEL_MUTANT("straight past a chain for another")) { /* that was so, too */
        nohi_letter *chain = take_chain();
        if (chain != NULL) {
            (void)nohi_inbox_push(&S->receiver, chain, chain);
        }
    }
    bool taken = S->queued;
    if (taken) {
        nohi_gate_move(&S->gate, thread);
    }
    nohi_lease_give_back(&S->lease, OWNER);
    if (taken) {
        run();
    }
}

static void worker_of_bounded(unsigned thread)
{
    (void)thread;
    if (!nohi_inbox_is_empty(&S->bounded)) {
        (void)nohi_inbox_take(&S->bounded);
        run();
    }
}

static void check(void)
{
    const nohi_letter *at = nohi_inbox_take(&S->receiver);
    MODEL_CHECK(at == &S->first && (at->next == NULL || at->next == &S->second));
}

static const model_mutant mutants[] = {
    {"trusts an empty chain", ALL},
    {"straight past a chain for another", ALL},
    {NULL, 0},
};

MODEL(lease_causal, .about = "what is sent later is not seen earlier, with a thief between",
      .shared_bytes = sizeof(shared), .setup = setup, .check = check, .membarriers = true,
      .threads = {owner, thief, worker_of_bounded},
      .thread_names = {"owner", "thief", "of bounded"}, .mutants = mutants);
