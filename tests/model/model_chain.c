/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Chain, a letter in hand: in one handler the owner tells B, who is idle at home, and the letter is taken
 * in hand; then it tells B again, or somebody elsewhere, who tells B too, or ends its turn and runs B
 * with the letter. A thief may take the letter and push it, and then B itself. Mirrors core/send.c:
 * noh_tell_value, hold, put_straight, append_in_hand, nohi_send_push_chain, nohi_send_push_chain_of;
 * core/receive.c: pass_on; core/policy.c: seize; core/worker.c: nohi_worker_take_in. */
#include "chain.h"
#include "explore.h"
#include "gate.h"
#include "lease.h"

enum { OWNER, THIEF };
enum { IN_HAND = 1, SLOT_OF_B };

struct nohi_actor {
    nohi_gate gate;
    nohi_letter *queue; /* oldest first */
    bool queued;
};

typedef struct shared {
    nohi_lease lease;
    nohi_chain chain;
    nohi_actor b;
    nohi_inbox elsewhere;
    nohi_letter first;
    nohi_letter second; /* behind the first: told later, or by who was told later */
    nohi_letter cause;
} shared;
#define S MODEL_SHARED(shared)

typedef struct ghost {
    uint8_t handled; /* 1: the first; 3: and then the second */
} ghost;
#define G MODEL_GHOST(ghost)

static void setup(void)
{
    nohi_lease_init(&S->lease, OWNER);
    store_relaxed(&S->b.gate.home, OWNER);
    MODEL_NAME(S->lease.token);
    MODEL_NAME(S->lease.turn);
    MODEL_NAME(S->lease.busy);
    MODEL_NAME(S->lease.sent);
    MODEL_NAME(S->lease.ended);
    MODEL_NAME(S->lease.thief);
    MODEL_NAME(S->chain.to);
    MODEL_NAME(S->chain.newest);
    MODEL_NAME(S->b.gate.home);
    MODEL_NAME(S->b.gate.inbox);
    MODEL_NAME(S->b);
    MODEL_NAME(S->elsewhere);
}

static void handle(const nohi_letter *letter)
{
    MODEL_CHECK(letter == (G->handled == 0 ? &S->first : &S->second));
    G->handled = (uint8_t)(2 * G->handled + 1);
}

/* ---- the owner ---------------------------------------------------------------------------- */

static void append(nohi_letter *letter)
{
    letter->next = NULL;
    *(S->b.queue == NULL ? &S->b.queue : &S->b.queue->next) = letter;
    S->b.queued = true;
}

static void push(nohi_letter *newest, nohi_letter *oldest)
{
    (void)nohi_inbox_push(&S->b.gate.inbox, newest, oldest);
}

static bool append_in_hand(const nohi_letters *letters)
{
    if (nohi_gate_home(&S->b.gate) != OWNER || !nohi_inbox_is_empty(&S->b.gate.inbox)) {
        return false;
    }
    append(letters->newest);
    return true;
}

static void nohi_send_push_chain(void)
{
    nohi_lease_enter(&S->lease, &nohi_model_env);
    nohi_letters letters = nohi_chain_take(&S->chain);
    bool done = letters.to == NULL || append_in_hand(&letters);
    nohi_lease_leave(&S->lease);
    if (!done) {
        push(letters.newest, letters.oldest);
    }
}

static bool hold(nohi_letter *letter)
{
    bool looks = !MODEL_MUTANT("takes in hand without a look at the lease");
    if (nohi_gate_home(&S->b.gate) != (looks ? nohi_lease_token(&S->lease) : OWNER)) {
        return false;
    }
    nohi_chain_hold(&S->chain, &S->b, SLOT_OF_B, letter);
    return true;
}

static inline bool put_straight(nohi_letter *letter)
{
    nohi_lease_begin_send(&S->lease);
    uint32_t token = nohi_lease_token(&S->lease);
    if (nohi_gate_home(&S->b.gate) != token || !nohi_inbox_is_empty(&S->b.gate.inbox)) {
        nohi_lease_undo_send(&S->lease);
        return false;
    }
    append(letter);
    nohi_lease_end_send(&S->lease);
    return true;
}

static void send_long(nohi_letter *letter)
{
    nohi_send_push_chain();
    nohi_lease_enter(&S->lease, &nohi_model_env);
    bool here = nohi_gate_home(&S->b.gate) == OWNER && nohi_inbox_is_empty(&S->b.gate.inbox);
    if (here) {
        append(letter);
    }
    nohi_lease_leave(&S->lease);
    if (!here) {
        push(letter, letter);
    }
}

/* `idle`: nobody waits in the run list. */
static void noh_tell_value(nohi_letter *letter, bool idle)
{
    bool none = nohi_chain_is_none(&S->chain) || MODEL_MUTANT("straight past the letter in hand");
    if (!none || !(idle ? hold(letter) : put_straight(letter))) {
        send_long(letter);
    }
}

static void tell_elsewhere(void)
{
    if (!MODEL_MUTANT("keeps the letter in hand")) {
        nohi_send_push_chain();
    }
    (void)nohi_inbox_push(&S->elsewhere, &S->cause, &S->cause);
}

static void pass_on(void)
{
    if (nohi_chain_to(&S->chain) == NULL) {
        return;
    }
    nohi_letter *letter = nohi_chain_in_hand(&S->chain);
    bool here = nohi_gate_home(&S->b.gate) == OWNER || MODEL_MUTANT("passes on to who has left");
    if (here && nohi_inbox_is_empty(&S->b.gate.inbox) && !S->b.queued) {
        nohi_chain_drop(&S->chain);
        handle(letter);
        return;
    }
    nohi_send_push_chain();
}

static void end_turn(void)
{
    if (MODEL_MUTANT("does not look at the token after the turn")) {
        store_release(&S->lease.turn, 0);
    } else if (!nohi_lease_end_turn(&S->lease)) {
        nohi_lease_wait(&S->lease, &nohi_model_env);
    }
}

/* B's turn, on whatever worker it lives; at the end everybody is done, and it is the check's. */
static void run_b(void)
{
    for (nohi_letter *at = S->b.queue; at != NULL; at = at->next) {
        handle(at);
    }
    S->b.queue = NULL;
    S->b.queued = false;
    for (nohi_letter *at = nohi_inbox_take(&S->b.gate.inbox); at != NULL;) {
        nohi_letter *next = at->next;
        handle(at);
        at = next;
    }
}

static void owner(unsigned thread)
{
    (void)thread;
    nohi_lease_begin_turn(&S->lease, IN_HAND);
    noh_tell_value(&S->first, true);
    switch (nohi_model_choose(4)) {
    case 0:
        noh_tell_value(&S->second, true); /* in hand again, if a thief took the first */
        break;
    case 1:
        noh_tell_value(&S->second, false);
        break;
    case 2:
        tell_elsewhere();
        break;
    default:
        break;
    }
    end_turn();
    pass_on();
}

/* ---- others ------------------------------------------------------------------------------- */

static void thief(unsigned thread)
{
    if (nohi_lease_seize(&S->lease, OWNER, &nohi_model_env) == 0) {
        return;
    }
    nohi_letters letters = nohi_chain_take(&S->chain);
    if (letters.to != NULL) {
        push(letters.newest, letters.oldest); /* and announced, so that it is taken in: */
    }
    /* Told by somebody else, it is taken in, too. */
    bool taken = letters.to != NULL || S->b.queued || nohi_model_choose(2) == 0;
    if (taken) {
        nohi_gate_move(&S->b.gate, thread);
    }
    nohi_lease_give_back(&S->lease, OWNER);
    if (taken) {
        S->b.queued = false; /* its turn has come, here */
    }
}

static void who_is_elsewhere(unsigned thread)
{
    (void)thread;
    if (!nohi_inbox_is_empty(&S->elsewhere)) {
        (void)nohi_inbox_take(&S->elsewhere);
        push(&S->second, &S->second);
    }
}

static void check(void)
{
    MODEL_CHECK(nohi_chain_is_none(&S->chain));
    run_b();
    MODEL_CHECK(G->handled != 0);
}

static const model_weakened weakened[] = {
    {"nohi_chain_hold", "store_release", NOHI_MODEL_RELAXED, RA},
    {"nohi_chain_take", "load_acquire", NOHI_MODEL_RELAXED, RA},
    {NULL, NULL, 0, 0},
};

static const model_mutant mutants[] = {
    {"passes on to who has left", ALL},
    {"straight past the letter in hand", ALL},
    {"keeps the letter in hand", ALL},
    {"takes in hand without a look at the lease", ALL},
    {"does not look at the token after the turn", ALL},
    {NULL, 0},
};

MODEL(chain, .about = "a letter in hand is handled once, before all that is told later",
      .shared_bytes = sizeof(shared), .setup = setup, .check = check, .membarriers = true,
      .threads = {owner, thief, who_is_elsewhere}, .thread_names = {"owner", "thief", "elsewhere"},
      .weakened = weakened, .mutants = mutants);
