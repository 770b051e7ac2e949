/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Call, hand to hand (STR-5): in a handler the caller calls the callee, who is idle at the same home. The
 * caller's turn ends, the callee's begins on another strand, and its answer goes straight into the wait.
 * Meanwhile a thief takes over who waits at that home, and a thread that is no home tells one of the two, or
 * stops the caller. Mirrors, under the same names:
 *   core/strand.c   nohi_strand_begin_call, nohi_strand_call, nohi_strand_answer, nohi_strand_look
 *   core/receive.c  turn, turn_of_waiting, nohi_receive_left, nohi_receive_called, end_turn, leave_turn
 *   core/reply.c    noh_call_value, send_answer
 *   core/send.c     send_local, push; core/worker.c: announce, take_in; core/policy.c: seize
 * Left out: chains (model_chain.c has them; no call goes from hand to hand with one), sleep and wake
 * (homes.h), samples and moves. What the threads leave undone when they end is done by the check.
 *
 * Whoever runs an actor touches its plain memory, so two who do are a data race; and so is going on on a
 * stack that was not left. */
#include "explore.h"
#include "gate.h"
#include "lease.h"
#include "stack.h"

enum { OWNER, THIEF, HOMES };
enum { NOBODY, CALLER, CALLEE, ACTORS };
enum { QUEUED = 1, SIGNALED = 2, WAITING = 4, ENDED = 8 };
enum { NOW = 1, KILL = 2 };
typedef enum kind { TELL, REQUEST, ANSWER, STOP } kind;

typedef struct letter {
    nohi_letter letter;
    uint8_t kind;
    uint8_t generation;
} letter;

typedef struct actor {
    nohi_gate gate;
    nohi_letter *head;
    nohi_letter *tail;
    uint32_t run_next;
    uint8_t flags;
} actor;

typedef struct home {
    nohi_stack ready;
    uint32_t run_first;
    uint32_t run_last;
} home;

/* The caller's. */
typedef struct wait {
    bool over;
    letter *got;
    nohi_letter *seen;
} wait;

typedef struct shared {
    nohi_lease lease; /* the owner's; nobody seizes the thief */
    home homes[HOMES];
    actor actors[ACTORS];
    wait wait;
    unsigned stack; /* of the handler that calls */
    letter request;
    letter answer;
    letter note; /* from the callee to the caller, before the answer */
    letter sent; /* by the one who is no home */
} shared;
#define S MODEL_SHARED(shared)

typedef struct ghost {
    uint8_t is_called; /* turns of the callee with the request */
    uint8_t goes_on;   /* the handler that waited */
    uint8_t killed;
    uint8_t answered; /* waits that ended with the answer */
    uint8_t late;     /* answers that came too late */
    uint8_t told;
    uint8_t dead;
    uint8_t obeyed; /* stops */
    bool has_left;  /* the strand */
    bool notes;     /* the callee tells the caller before it answers */
    bool promises;  /* it answers when all else is over */
} ghost;
#define G MODEL_GHOST(ghost)

static uint32_t index_of(const actor *a)
{
    return (uint32_t)(a - S->actors);
}

static letter *letter_of(nohi_letter *l)
{
    return NOHI_CONTAINER(l, letter, letter);
}

/* ---- worker.c ----------------------------------------------------------------------------- */

static void link_last(unsigned me, actor *a)
{
    home *w = &S->homes[me];
    a->run_next = 0;
    if (w->run_first == 0) {
        w->run_first = index_of(a);
    } else {
        S->actors[w->run_last].run_next = index_of(a);
    }
    w->run_last = index_of(a);
}

static void queue(unsigned me, actor *a)
{
    if ((a->flags & QUEUED) == 0) {
        a->flags |= QUEUED;
        link_last(me, a);
    }
}

static void announce(actor *a)
{
    home *to = &S->homes[nohi_gate_home(&a->gate)];
    (void)nohi_stack_push(&to->ready, index_of(a), &a->gate.ready_next);
}

/* What was announced at `me`; for itself, or for its thief. */
static void take_in(unsigned me, uint32_t in_hand)
{
    uint32_t index = nohi_stack_take(&S->homes[me].ready);
    while (index != 0) {
        actor *a = &S->actors[index];
        index = a->gate.ready_next;
        if (nohi_gate_home(&a->gate) != me) {
            announce(a);
        } else if (index_of(a) == in_hand) {
            (void)nohi_stack_push(&S->homes[me].ready, in_hand, &a->gate.ready_next);
        } else {
            a->flags |= SIGNALED;
            queue(me, a);
        }
    }
}

/* ---- send.c ------------------------------------------------------------------------------- */

static void append(actor *a, nohi_letter *l)
{
    l->next = NULL;
    *(a->head == NULL ? &a->head : &a->tail->next) = l;
    a->tail = l;
}

static void push(actor *a, letter *l)
{
    if (nohi_inbox_push(&a->gate.inbox, &l->letter, &l->letter)) {
        announce(a);
    }
}

static void bury(const letter *l)
{
    G->late += l->kind == ANSWER;
    G->dead += l->kind != ANSWER;
}

/* The receiver seems to live here. False: a thief has taken it. */
static bool send_local(unsigned me, actor *a, letter *l)
{
    bool leased = me == OWNER;
    if (leased) {
        nohi_lease_enter(&S->lease, &nohi_model_env);
    }
    bool here = nohi_gate_home(&a->gate) == me && nohi_gate_generation(&a->gate) == l->generation;
    bool appends = here && nohi_inbox_is_empty(&a->gate.inbox);
    if (appends) {
        append(a, &l->letter);
        queue(me, a);
    }
    if (leased) {
        nohi_lease_leave(&S->lease);
    }
    if (here && !appends) {
        push(a, l); /* SND-1 */
    }
    return here;
}

static void send(unsigned me, actor *a, letter *l)
{
    l->generation = 0;
    if (nohi_gate_generation(&a->gate) != l->generation) {
        bury(l);
    } else if (nohi_gate_home(&a->gate) != me || !send_local(me, a, l)) {
        push(a, l);
    }
}

/* ---- receive.c, strand.c ------------------------------------------------------------------ */

static void end_of_handlers(unsigned me)
{
    if (me != OWNER) {
        return;
    }
    if (MODEL_MUTANT("does not look at the token after the turn")) {
        store_release(&S->lease.turn, 0);
    } else if (!nohi_lease_end_turn(&S->lease)) {
        nohi_lease_wait(&S->lease, &nohi_model_env);
    }
}

static void end_actor(actor *a)
{
    nohi_gate_close(&a->gate);
    for (; a->head != NULL; a->head = a->head->next) {
        bury(letter_of(a->head));
    }
    a->flags = (uint8_t)((a->flags & ~WAITING) | ENDED);
}

static void leave_turn(unsigned me, actor *a)
{
    end_of_handlers(me);
    bool idle = a->head == NULL;
    if ((a->flags & SIGNALED) && idle) {
        idle = nohi_inbox_try_idle(&a->gate.inbox);
        a->flags = (uint8_t)(idle ? a->flags & ~SIGNALED : a->flags);
    }
    a->flags = (uint8_t)(a->flags & ~QUEUED);
    if (!idle) {
        queue(me, a);
    }
}

static void take_letters(actor *a)
{
    nohi_letter *taken = nohi_inbox_take(&a->gate.inbox);
    while (taken != NULL) {
        nohi_letter *next = taken->next;
        if (a->flags & ENDED) {
            bury(letter_of(taken));
        } else {
            append(a, taken);
        }
        taken = next;
    }
}

static bool has_news(const actor *a)
{
    return (S->wait.seen == NULL ? a->head : S->wait.seen->next) != NULL;
}

/* Looks at what has come since the last look. True: the wait is over. */
static bool look(actor *a)
{
    while (has_news(a)) {
        nohi_letter *before = S->wait.seen;
        nohi_letter *next = before == NULL ? a->head : before->next;
        if (letter_of(next)->kind == ANSWER) {
            *(before == NULL ? &a->head : &before->next) = next->next;
            a->tail = a->tail == next ? before : a->tail;
            S->wait.got = letter_of(next);
            S->wait.over = true;
            return true;
        }
        S->wait.seen = next;
    }
    return false;
}

/* Its handler waits, and its strand has been left. */
static void receive_left(unsigned me, actor *a)
{
    end_of_handlers(me);
    a->flags = (uint8_t)((a->flags | WAITING) & ~QUEUED);
    bool runs = has_news(a);
    if (a->flags & SIGNALED) {
        if (!runs && nohi_inbox_try_idle(&a->gate.inbox)) {
            a->flags = (uint8_t)(a->flags & ~SIGNALED);
        } else {
            runs = true;
        }
    }
    if (runs) {
        queue(me, a);
    }
}

/* Behind the call, on its strand. */
static void go_on(unsigned me, actor *a)
{
    MODEL_CHECK(G->has_left); /* STR-1 */
    S->stack++;
    G->goes_on++;
    G->answered += S->wait.got != NULL;
    /* What the callee has told before it answered has come before. */
    MODEL_CHECK(S->wait.got == NULL || !G->notes || a->head == &S->note.letter ||
                (a->head != NULL && a->head->next == &S->note.letter));
    leave_turn(me, a);
}

static void turn_of_waiting(unsigned me, actor *a)
{
    if (a->flags & SIGNALED) {
        take_letters(a);
    }
    uint32_t stop = load_relaxed(&a->gate.stop);
    if (stop == KILL + 1) {
        MODEL_CHECK(G->has_left); /* STR-1: the strand is given back */
        S->stack++;
        G->killed++;
        if (S->wait.got != NULL) {
            bury(S->wait.got); /* nohi_strand_drop */
        }
        end_actor(a);
        leave_turn(me, a);
        return;
    }
    bool over = S->wait.over || look(a);
    if (!over && stop != NOW + 1) {
        receive_left(me, a);
        return;
    }
    S->wait.over = true;
    a->flags = (uint8_t)(a->flags & ~WAITING);
    go_on(me, a);
}

/* False: to be sent. */
static bool strand_answer(unsigned me, actor *a, letter *answer)
{
    uint32_t token = me;
    if (me == OWNER) {
        nohi_lease_begin_send(&S->lease);
        token = nohi_lease_token(&S->lease);
    }
    bool unmarked = MODEL_MUTANT("answers without a look at the lease");
    bool behind = !MODEL_MUTANT("answers past the inbox");
    if (nohi_gate_home(&a->gate) != (unmarked ? me : token) ||
        nohi_gate_generation(&a->gate) != answer->generation ||
        (behind && !nohi_inbox_is_empty(&a->gate.inbox))) {
        if (me == OWNER) {
            nohi_lease_undo_send(&S->lease);
        }
        return false;
    }
    uint8_t kept = MODEL_MUTANT("answers who is in the run list") ? WAITING : WAITING | QUEUED;
    bool waits = (a->flags & kept) == WAITING;
    if (waits) { /* for this one: it has no other ask */
        S->wait.got = answer;
        S->wait.over = true;
        a->flags |= QUEUED;
        link_last(me, a);
    }
    if (me == OWNER && !waits && MODEL_MUTANT("has looked, and takes it back")) {
        nohi_lease_undo_send(&S->lease);
    } else if (me == OWNER) {
        nohi_lease_end_send(&S->lease);
    }
    return waits;
}

static void reply(unsigned me)
{
    actor *a = &S->actors[CALLER];
    if (G->notes) {
        send(me, a, &S->note);
    }
    if (!strand_answer(me, a, &S->answer)) {
        send(me, a, &S->answer);
    }
}

/* The callee's handler. */
static void handle_request(unsigned me)
{
    MODEL_CHECK(G->is_called++ == 0);
    if (!G->promises) {
        reply(me);
    }
}

static void handle(unsigned me, actor *a, const letter *l)
{
    switch ((kind)l->kind) {
    case TELL:
        G->told++;
        break;
    case REQUEST:
        handle_request(me);
        break;
    case ANSWER:
        G->late++; /* the wait has ended otherwise */
        break;
    case STOP:
        G->obeyed++;
        end_actor(a);
        break;
    }
}

static void turn(unsigned me, actor *a)
{
    MODEL_CHECK(nohi_gate_home(&a->gate) == me && (a->flags & QUEUED) != 0);
    if (a->flags & WAITING) {
        turn_of_waiting(me, a);
        return;
    }
    if ((a->flags & SIGNALED) && a->head == NULL) {
        take_letters(a);
    }
    nohi_letter *last = a->tail;
    bool more = a->head != NULL;
    while (more) {
        nohi_letter *l = a->head;
        a->head = l->next;
        more = l != last && a->head != NULL;
        handle(me, a, letter_of(l));
        more = more && (a->flags & ENDED) == 0;
    }
    leave_turn(me, a);
}

static void receive_turns(unsigned me)
{
    home *w = &S->homes[me];
    while (w->run_first != 0) {
        actor *a = &S->actors[w->run_first];
        w->run_first = a->run_next;
        if (me == OWNER) {
            nohi_lease_begin_turn(&S->lease, index_of(a));
        }
        turn(me, a);
    }
}

static void receive_called(actor *b)
{
    nohi_lease_begin_turn(&S->lease, CALLEE);
    handle(OWNER, b, &S->request);
    leave_turn(OWNER, b);
    receive_turns(OWNER);
}

static bool is_idle_here(actor *b)
{
    return (nohi_gate_home(&b->gate) == OWNER || MODEL_MUTANT("does not look at the home")) &&
           b->flags == 0 && nohi_inbox_is_empty(&b->gate.inbox);
}

/* False: the handler goes on in its turn. */
static bool begin_call(actor *b)
{
    bool early = MODEL_MUTANT("looks before its turn has ended");
    bool idle = early && is_idle_here(b);
    bool ended = MODEL_MUTANT("does not end its turn") || nohi_lease_end_turn(&S->lease) ||
                 MODEL_MUTANT("does not look at the token after its turn");
    if (ended && (early ? idle : is_idle_here(b))) {
        return true;
    }
    nohi_lease_begin_turn(&S->lease, CALLER);
    return false;
}

static void switch_from_caller(void)
{
    S->stack++;
    G->has_left = true;
}

static void strand_call(actor *a, actor *b)
{
    b->flags = QUEUED;
    a->flags = WAITING;
    if (MODEL_MUTANT("begins the turn before the switch")) {
        nohi_lease_begin_turn(&S->lease, CALLEE);
    }
    switch_from_caller();
    receive_called(b);
}

/* The caller's handler. */
static void call(unsigned thread)
{
    actor *a = &S->actors[CALLER];
    actor *b = &S->actors[CALLEE];
    (void)thread;
    nohi_lease_begin_turn(&S->lease, CALLER);
    if (begin_call(b)) {
        strand_call(a, b);
    } else {
        send(OWNER, b, &S->request);
        switch_from_caller();
        receive_left(OWNER, a);
        receive_turns(OWNER);
    }
}

/* ---- others ------------------------------------------------------------------------------- */

static void thief(unsigned thread)
{
    home *v = &S->homes[OWNER];
    uint32_t in_hand = nohi_lease_seize(&S->lease, OWNER, &nohi_model_env);
    if (in_hand == 0) {
        return;
    }
    take_in(OWNER, in_hand);
    uint32_t first = v->run_first;
    v->run_first = 0;
    for (uint32_t at = first; at != 0; at = S->actors[at].run_next) {
        MODEL_CHECK(at != in_hand);
        nohi_gate_move(&S->actors[at].gate, thread);
    }
    nohi_lease_give_back(&S->lease, OWNER);
    while (first != 0) {
        actor *a = &S->actors[first];
        first = a->run_next;
        link_last(thread, a);
    }
    receive_turns(thread);
}

static void stop(unsigned kind)
{
    S->sent.kind = STOP;
    (void)nohi_gate_ask_stop(&S->actors[CALLER].gate, 0, kind);
    push(&S->actors[CALLER], &S->sent);
}

static void setup(void)
{
    nohi_lease_init(&S->lease, OWNER);
    S->request.kind = REQUEST;
    S->answer.kind = ANSWER;
    MODEL_NAME(S->lease.token);
    MODEL_NAME(S->lease.turn);
    MODEL_NAME(S->lease.busy);
    MODEL_NAME(S->lease.sent);
    MODEL_NAME(S->lease.ended);
    MODEL_NAME(S->lease.thief);
    MODEL_NAME(S->homes[OWNER]);
    MODEL_NAME(S->homes[THIEF]);
    MODEL_NAME(S->actors[CALLER].gate.home);
    MODEL_NAME(S->actors[CALLER].gate.inbox);
    MODEL_NAME(S->actors[CALLER].gate.generation);
    MODEL_NAME(S->actors[CALLER].gate.stop);
    MODEL_NAME(S->actors[CALLER]);
    MODEL_NAME(S->actors[CALLEE].gate.home);
    MODEL_NAME(S->actors[CALLEE].gate.inbox);
    MODEL_NAME(S->actors[CALLEE]);
    MODEL_NAME(S->wait);
    MODEL_NAME(S->stack);
}

static void run_all(void)
{
    bool more = true;
    while (more) {
        more = false;
        for (unsigned me = 0; me < HOMES; me++) {
            take_in(me, 0);
            more = more || S->homes[me].run_first != 0;
            receive_turns(me);
        }
    }
}

static void check(void)
{
    run_all();
    if (G->promises) {
        reply(nohi_gate_home(&S->actors[CALLEE].gate));
        run_all();
    }
    for (uint32_t i = 1; i < ACTORS; i++) {
        actor *a = &S->actors[i];
        MODEL_CHECK((a->flags & ~ENDED) == 0 && a->head == NULL);
        MODEL_CHECK(nohi_inbox_is_empty(&a->gate.inbox));
    }
    MODEL_CHECK(G->is_called == 1);
    MODEL_CHECK(G->goes_on + G->killed == 1);
    MODEL_CHECK(G->answered + G->late == 1);
    MODEL_CHECK(G->told + G->dead + G->obeyed == 1 + G->notes);
    MODEL_CHECK(load_relaxed(&S->lease.sent) == load_relaxed(&S->lease.ended));
}

/* ---- to the callee's turn ----------------------------------------------------------------- */

static void setup_call(void)
{
    setup();
    S->actors[CALLER].flags = QUEUED; /* it is its turn */
    G->promises = true;
}

static void tells_callee_or_kills(unsigned thread)
{
    (void)thread;
    if (nohi_model_choose(2) == 0) {
        push(&S->actors[CALLEE], &S->sent);
    } else {
        stop(KILL);
    }
}

static const model_mutant mutants[] = {
    {"does not look at the home", ALL},
    {"looks before its turn has ended", ALL},
    {"does not end its turn", ALL},
    {"does not look at the token after its turn", ALL},
    {"begins the turn before the switch", ALL},
    {NULL, 0},
};

MODEL(call, .about = "a call from hand to hand, with a thief, a letter and a stop between",
      .shared_bytes = sizeof(shared), .setup = setup_call, .check = check, .membarriers = true,
      .threads = {call, thief, tells_callee_or_kills},
      .thread_names = {"owner", "thief", "stranger"}, .mutants = mutants);

/* ---- and back ----------------------------------------------------------------------------- */

static void setup_answer(void)
{
    setup();
    S->actors[CALLER].flags = WAITING;
    S->actors[CALLEE].flags = QUEUED;
    G->has_left = true;
}

static void answer(unsigned thread)
{
    (void)thread;
    receive_called(&S->actors[CALLEE]);
}

static void tells_caller(unsigned thread)
{
    (void)thread;
    push(&S->actors[CALLER], &S->sent);
}

static void setup_notes(void)
{
    setup_answer();
    G->notes = true;
}

static const model_mutant mutants_answer[] = {
    {"answers without a look at the lease", ALL},
    {"answers past the inbox", ALL},
    {"answers who is in the run list", ALL},
    {"has looked, and takes it back", ALL},
    {"does not look at the token after the turn", ALL},
    {NULL, 0},
};

MODEL(call_answer, .about = "an answer from hand to hand, with a thief and other letters between",
      .shared_bytes = sizeof(shared), .setup = setup_notes, .check = check, .membarriers = true,
      .threads = {answer, thief, tells_caller}, .thread_names = {"owner", "thief", "stranger"},
      .mutants = mutants_answer);

static void stops_caller(unsigned thread)
{
    (void)thread;
    stop(nohi_model_choose(2) == 0 ? NOW : KILL);
}

static const model_mutant mutants_stop[] = {
    {"answers without a look at the lease", ALL},
    {NULL, 0},
};

MODEL(call_stop, .about = "an answer from hand to hand, with a thief and a stop between",
      .shared_bytes = sizeof(shared), .setup = setup_answer, .check = check, .membarriers = true,
      .threads = {answer, thief, stops_caller}, .thread_names = {"owner", "thief", "stranger"},
      .mutants = mutants_stop);
