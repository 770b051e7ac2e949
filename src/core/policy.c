/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Policy: who runs what. The rules, all of them, and their numbers.
 *
 * Rule 1  Measure the work of handlers, not elapsed time: cost of a message = handler time, without
 *         remote sends, over messages handled and sent; a running mean per behavior and worker, from
 *         sampled turns only.
 * Rule 2  Light actors are never stolen. Heavy ones are pulled: an idle worker asks the one with the
 *         most heavy work; a busy one, at a sample, another that has a quarter more than it. The
 *         owner answers between two messages with half of what it has more.
 * Rule 3  Who waits behind a long handler is taken over by another worker (lease.h): an idle one that
 *         naps and looks, or, when there is none, busy ones at their samples. While anybody is up,
 *         one of those who lie dozes at least: a handler may never end. Who is left behind shall not
 *         have a worker for itself: light, it follows the others (heavy: rule 2).
 * Rule 4  Light actors flow downhill: woken by a message from a worker of a lower number, they move
 *         there; so do those that mostly send there, when a sample shows it. A direction, so two
 *         partners cannot swap; it alone brings split chatter together.
 * Rule 5  A sender whose target lives on a sleeping worker takes it over instead of waking it.
 * Rule 6  A thread that calls an actor of an idle worker, and waits, acts for that worker meanwhile:
 *         it runs what was always brief of late, and may run elsewhere, itself (borrow.c). Not what is
 *         light by rule 1: a handler that runs once in a while finds cold caches, is soon at the
 *         clamp, and it is then that the wake-up costs most.
 * And     what a plain thread spawns lives on worker 0 and spreads by rule 2; what a host loop spawns
 *         stays on the loop unless it is heavy.
 *
 * Why     chatter split over two cores is 60 times slower than on one; handlers above about 100 ns
 *         gain from the second core. Numbers: measured on two cores, see docs/adr/0003-scheduler.md.
 * Owner   `policy`: its worker. `balance`: any thread, relaxed or through one cas; a number read late
 *         costs time, never correctness. */
#include "policy.h"

#include "role.h"
#include "send.h"
#include "system.h"

enum {
    LIGHT_NS = 120,          /* below: light, once it is known */
    HEAVY_NS = 200,          /* above: heavy; between: stays where it is */
    CLAMP_NS = 800,          /* one preempted turn must not make a behavior heavy */
    SURELY_HEAVY_NS = 20000, /* above what a page fault or a preemption adds to a cheap message */
    OVERHEAD_NS = 8,         /* of our own, per message */
    CLOCK_NS_MAX = 200,      /* a dearer look at the clock was interrupted */
    KNOWN = 4,               /* samples */
    SAMPLE_NS = 50000,
    INTERVAL_MAX = NOHI_LIMIT(256, 4),
    HOST_INTERVAL_MAX = NOHI_LIMIT(64, 4), /* a host loop looks at the clock after each sample */
    WARM_UP = 16,
    WARM_UP_INTERVAL = 4,
    ASK_NS = 10000, /* heavy work worth asking for */
    LENGTH_MAX = 1024,
    PATIENCE_NS =
        NOHI_LIMIT(30000, 3000), /* with a question that is not answered: dearer than a seizure */
    STUCK_NS = NOHI_LIMIT(150000, 5000),     /* in one handler */
    AGAIN_NS = NOHI_LIMIT(50000, 5000),      /* the ones taken talk to others there */
    FRUITLESS_NS = NOHI_LIMIT(500000, 5000), /* nobody could be taken */
    SEIZE_MAX = 4096,                   /* actors at once: the victim may have to wait for it */
    WAKE_NS = 50000,                    /* worth a wake-up, which costs the waker 12 to 16 us */
    NAP_NS = NOHI_LIMIT(100000, 10000), /* of the watcher: two looks find a long handler */
    DOZE_NS = NOHI_LIMIT(10000000, 1000000), /* what a long handler nobody expected may cost */
    DOZERS_MAX = 2,                          /* the other one dozes on when one has work */
    QUIET_MAX = 100,                         /* looks before a dozer sleeps: a second */
    DOZER = 1 << 16, /* in system->asleep, above those who sleep until they are woken */
    BRIEF_NS = NOHI_LIMIT(5000, 500000), /* of one message, for rule 6 */
};

static void look_around(nohi_worker *w, int64_t now_ns);
static void even_out(nohi_worker *w, int64_t queued_ns, int64_t now_ns);
static void rejoin(nohi_worker *w, const nohi_kind *kind);
static bool seize(nohi_worker *w, nohi_worker *victim, bool all);

/* ---- rule 1 ------------------------------------------------------------------------------- */

/* A stepped world is to do the same in each run, wherever the program lies: then it is the name. */
static uint64_t hash_of(const nohi_worker *w, const noh_behavior *behavior)
{
    if (NOHI_LIKELY(!w->policy.stepped)) {
        return (uintptr_t)behavior / sizeof(void *);
    }
    uint64_t hash = 0;
    for (const char *c = behavior->name; c != NULL && *c != 0; c++) {
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    }
    return hash;
}

nohi_kind *nohi_policy_kind(nohi_worker *w, const noh_behavior *behavior)
{
    uint64_t hash = hash_of(w, behavior);
    nohi_kind *kind = &w->policy.kinds[(hash ^ hash >> 6) % NOHI_KINDS];
    if (NOHI_UNLIKELY(kind->behavior != behavior)) {
        if (nohi_behavior_check(behavior) != NOH_OK) {
            return NULL;
        }
        *kind = (nohi_kind){.behavior = behavior};
    }
    return kind;
}

static bool is_heavy(const nohi_kind *kind)
{
    return kind->cost_ns > HEAVY_NS;
}

static bool is_light(const nohi_kind *kind)
{
    return kind->cost_ns < LIGHT_NS && kind->samples >= KNOWN;
}

/* One more of something that is enough when it is KNOWN. */
static uint16_t at_most_known(uint16_t count)
{
    return (uint16_t)(count + (count < KNOWN));
}

/* What a worker has done: messages handled and sent, actors spawned. */
static uint64_t acts(nohi_worker *w)
{
    return load_relaxed(&w->counts.handled) + nohi_worker_sent(w) + /* private */
           load_relaxed(&w->counts.spawned);
}

void nohi_policy_sample_begin(nohi_worker *w)
{
    nohi_policy *p = &w->policy;
    if (p->heavy_turn_ns > STUCK_NS) {
        nohi_policy_want_watcher(w); /* when this turn is over it may be too late */
    }
    p->sampling = true;
    p->remote_ns = 0;
    p->remote_sends = 0;
    p->acts_before = acts(w);
    p->sends_before = nohi_worker_sent(w);
    int64_t look_ns = nohi_now(w->system);
    p->began_ns = nohi_now(w->system);
    if (p->began_ns - look_ns < p->clock_ns || p->clock_ns == 0) {
        p->clock_ns = p->began_ns - look_ns;
    }
}

void nohi_policy_step(nohi_worker *w, nohi_actor *a, const nohi_message *message)
{
    const noh_env *env = &w->system->env;
    const noh_behavior *behavior = nohi_actor_behavior(a);
    noh_turn turn = {.system = w->system, .worker = w->id, .actor = w->self->ref.bits};
    turn.behavior = behavior == NULL ? NULL : behavior->name;
    if (message != NULL) {
        turn.sender = message->from.bits;
        turn.message = message->type == NULL ? NULL : message->type->name;
    }
    w->policy.letters_max = 1;
    w->policy.free_turns = env->step(env->world, &turn);
}

/* So that there is one sample in SAMPLE_NS, whatever turns cost. */
static uint32_t next_interval(nohi_worker *w, int64_t now_ns)
{
    nohi_policy *p = &w->policy;
    int64_t most = w->kind == NOHI_HOST ? HOST_INTERVAL_MAX : INTERVAL_MAX;
    if (p->warm_up < WARM_UP) {
        p->warm_up++;
        return WARM_UP_INTERVAL;
    }
    int64_t turns = (int64_t)p->interval + 1;
    int64_t turn_ns = (now_ns - p->last_sample_ns) / turns + 1;
    int64_t interval = SAMPLE_NS / turn_ns;
    return (uint32_t)(interval > most ? most : interval);
}

static void wake_a_sleeper(nohi_worker *w)
{
    nohi_system *system = w->system;
    for (unsigned id = 0; id < system->worker_count; id++) {
        nohi_worker *other = nohi_system_home(system, id);
        if (other != w && nohi_park_is_asleep(&other->park)) {
            nohi_worker_notify(w, other);
            return;
        }
    }
}

/* Of the run list; no further than it takes to decide something. */
static uint32_t queue_length(nohi_worker *w)
{
    uint32_t length = 0;
    for (uint32_t at = load_relaxed(&w->run_first); at != 0 && length < LENGTH_MAX; length++) {
        at = nohi_worker_slot(w, at)->run_next;
    }
    return length;
}

void nohi_policy_sample_end(nohi_worker *w, nohi_actor *a)
{
    nohi_policy *p = &w->policy;
    int64_t now_ns = nohi_now(w->system);
    int64_t done = (int64_t)(acts(w) - p->acts_before);
    uint64_t sends = nohi_worker_sent(w) - p->sends_before;
    p->sampling = false;
    p->interval = next_interval(w, now_ns);
    p->countdown = (int32_t)(p->stepped ? p->free_turns : p->interval);
    p->letters_max = NOHI_BATCH;
    p->last_sample_ns = now_ns;
    p->seen_ns = now_ns;
    nohi_worker_look_at_timers(w, now_ns);
    look_around(w, now_ns);
    const noh_behavior *behavior = nohi_actor_behavior(a);
    nohi_kind *kind = behavior == NULL ? NULL : nohi_policy_kind(w, behavior);
    p->flow_home = NOHI_STAY;
    if (done == 0 || kind == NULL) {
        return;
    }
    int64_t clock_ns = p->clock_ns > CLOCK_NS_MAX ? CLOCK_NS_MAX : p->clock_ns;
    int64_t turn_ns = now_ns - p->began_ns - p->remote_ns - clock_ns;
    int64_t cost_ns = turn_ns / done - OVERHEAD_NS;
    if (cost_ns > SURELY_HEAVY_NS) {
        kind->cost_ns = CLAMP_NS;
    }
    int64_t messages = done > (int64_t)sends ? done - (int64_t)sends : 1;
    kind->brief = turn_ns / messages < BRIEF_NS ? at_most_known(kind->brief) : 0;
    cost_ns = cost_ns < 0 ? 0 : cost_ns > CLAMP_NS ? CLAMP_NS : cost_ns;
    kind->cost_ns += ((int32_t)cost_ns - kind->cost_ns) / 8;
    kind->samples = at_most_known(kind->samples);
    if (is_light(kind) && 2 * (uint64_t)p->remote_sends > sends && p->remote_home < w->id) {
        p->flow_home = (int)p->remote_home;
    }
    bool pulled = is_heavy(kind) && !(load_relaxed(&a->gate.traits) & NOHI_TRAIT_PINNED);
    p->heavy_turn_ns += ((pulled ? turn_ns : 0) - p->heavy_turn_ns) / 8;
    bool none_heavy = p->heavy_turn_ns < 8; /* a mean that is rounded never comes to 0 */
    int64_t queued_ns = none_heavy ? 0 : p->heavy_turn_ns * queue_length(w);
    store_relaxed(&w->balance.queued_ns, queued_ns); /* counter */
    if (queued_ns > WAKE_NS) {
        wake_a_sleeper(w);
    }
    if (is_heavy(kind)) {
        even_out(w, queued_ns, now_ns);
    } else {
        rejoin(w, kind);
    }
}

void nohi_policy_sample_cancel(nohi_worker *w)
{
    w->policy.sampling = false;
    w->policy.countdown = 0;
    w->policy.letters_max = NOHI_BATCH;
    w->policy.flow_home = NOHI_STAY;
}

/* To see what depends on who lives where: may something be done that is allowed at any time, for no
 * reason? In the hostile build, and in a world that is stepped: there it is part of what is drawn. */
static bool for_no_reason(const nohi_worker *w, uint32_t one_in)
{
    if (NOHI_LIKELY(!w->policy.stepped)) {
        return nohi_hostile_chance(one_in);
    }
    const noh_env *env = &w->system->env;
    return env->random(env->world) % one_in == 0;
}

static unsigned any_id(const nohi_worker *w)
{
    const nohi_system *system = w->system;
    uint32_t count = system->worker_count;
    return w->policy.stepped ? (unsigned)(system->env.random(system->env.world) % count)
                             : nohi_hostile_below(count);
}

/* Worker `usual`, or, for no reason, any. */
static nohi_worker *any_worker(const nohi_worker *w, unsigned usual)
{
    return nohi_system_home(w->system, for_no_reason(w, 2) ? any_id(w) : usual);
}

/* ---- rule 2 ------------------------------------------------------------------------------- */

/* Asks for a share of its heavy work. 0, or who had asked before: its id + 1. */
static uint32_t put_question(nohi_worker *w, nohi_worker *victim)
{
    uint32_t asker = 0;
    if (cas_relaxed(&victim->balance.attention, &asker, w->id + 1)) { /* re-checked by give */
        nohi_hint_raise(&victim->mail);
    }
    return asker;
}

nohi_worker *nohi_policy_victim(const nohi_worker *w)
{
    nohi_system *system = w->system;
    nohi_worker *victim = NULL;
    int64_t most_ns = ASK_NS;
    uint32_t homes = load_acquire(&system->home_count);
    for (uint32_t id = 0; id < homes; id++) {
        nohi_worker *other = nohi_system_home(system, id);
        int64_t queued_ns = other == w ? 0 : load_relaxed(&other->balance.queued_ns); /* counter */
        if (queued_ns > most_ns) {
            most_ns = queued_ns;
            victim = other;
        }
    }
    if (nohi_hostile_chance(4)) {
        victim = any_worker(w, 0);
    }
    return victim;
}

bool nohi_policy_ask(nohi_worker *w, int64_t now_ns)
{
    nohi_worker *victim = nohi_policy_victim(w);
    if (victim == NULL) {
        return false;
    }
    uint32_t asker = put_question(w, victim);
    if (asker == 0) {
        w->policy.asked_ns = now_ns;
    } else if (asker == w->id + 1 && now_ns - w->policy.asked_ns > PATIENCE_NS) {
        w->policy.asked_ns = now_ns;
        (void)seize(w, victim, false);
    }
    return true;
}

/* After a sample of a heavy one: compares with one of the others, each in its turn, and asks it for a share
 * if it has more. Not before all that wait here have had a turn since the last time: who is moved waits
 * at the end of a list again. */
static void even_out(nohi_worker *w, int64_t queued_ns, int64_t now_ns)
{
    nohi_system *system = w->system;
    w->policy.compared = (w->policy.compared + 1) % system->worker_count;
    nohi_worker *other = nohi_system_home(system, w->policy.compared);
    int64_t more_ns = load_relaxed(&other->balance.queued_ns) - queued_ns * 5 / 4; /* counter */
    if (other != w && w->kind == NOHI_WORKER && more_ns > WAKE_NS &&
        now_ns - w->policy.evened_ns > queued_ns) {
        w->policy.evened_ns = now_ns;
        (void)put_question(w, other);
    }
}

static bool may_move(nohi_actor *a)
{
    return load_relaxed(&a->life) == NOHI_LIVE && /* private; ACT-1 */
           (load_relaxed(&a->gate.traits) & NOHI_TRAIT_PINNED) == 0;
}

/* Whom to pick. */
typedef bool may_fn(nohi_worker *w, nohi_actor *a);

static bool may_seize(nohi_worker *w, nohi_actor *a)
{
    (void)w;
    return may_move(a);
}

static bool may_give(nohi_worker *w, nohi_actor *a)
{
    nohi_kind *kind = may_move(a) ? nohi_policy_kind(w, nohi_actor_behavior(a)) : NULL;
    return kind != NULL && (is_heavy(kind) || nohi_hostile_chance(2));
}

static bool may_rejoin(nohi_worker *w, nohi_actor *a)
{
    nohi_kind *kind = may_move(a) ? nohi_policy_kind(w, nohi_actor_behavior(a)) : NULL;
    return kind != NULL && is_light(kind);
}

/* Actors taken out of a run list, oldest first; still QUEUED. */
typedef struct picked {
    uint32_t first;
    nohi_actor *last;
    uint32_t count;
} picked;

/* Takes at most `most` actors out of the run list of `w`, none of the first `skip`. The owner of the
 * list, or its thief. */
static picked pick(nohi_worker *w, uint32_t skip, uint32_t most, may_fn *may)
{
    picked taken = {0};
    uint32_t first = load_relaxed(&w->run_first); /* private */
    uint32_t *link = &first;
    uint32_t last_kept = 0;
    while (*link != 0 && taken.count < most) {
        uint32_t index = *link;
        nohi_actor *a = nohi_slots_at(w->slots, index);
        if (skip > 0 || !may(w, a)) {
            skip -= skip > 0;
            last_kept = index;
            link = &a->run_next;
            continue;
        }
        *link = a->run_next;
        a->run_next = 0;
        *(taken.count == 0 ? &taken.first : &taken.last->run_next) = index;
        taken.last = a;
        taken.count++;
    }
    if (*link == 0) {
        w->run_last = last_kept;
    }
    store_relaxed(&w->run_first, first);
    return taken;
}

/* They have another home from now on. */
static void move(nohi_worker *w, picked taken, nohi_worker *to)
{
    for (uint32_t index = taken.first; index != 0;) {
        nohi_actor *a = nohi_slots_at(w->slots, index);
        index = a->run_next;
        nohi_gate_move(&a->gate, to->id);
    }
}

static void hand_over(nohi_worker *w, picked taken, nohi_worker *to)
{
    if (taken.count > 0) {
        move(w, taken, to); /* on their way */
        if (nohi_stack_push(&to->handed, taken.first, &taken.last->run_next)) {
            nohi_worker_notify(w, to);
        }
    }
}

/* Half of what it has more: of all, to one who has nothing. Those at the end of the list: wherever they
 * are, many are before them. */
static void give_share(nohi_worker *w, nohi_worker *to)
{
    uint32_t length = queue_length(w);
    int64_t turn_ns = w->policy.heavy_turn_ns;
    int64_t more_ns = turn_ns * length - load_relaxed(&to->balance.queued_ns); /* counter */
    uint32_t share = turn_ns == 0  ? length / 2
                     : more_ns < 0 ? 0
                                   : (uint32_t)(more_ns / turn_ns / 2);
    picked taken = pick(w, length - share, share, may_give);
    store_relaxed(&w->balance.queued_ns, /* none: until the next sample knows better */
                  taken.count == 0 ? 0 : turn_ns * (length - taken.count));
    hand_over(w, taken, to);
}

void nohi_policy_give(nohi_worker *w)
{
    uint32_t asker = load_relaxed(&w->balance.attention); /* only we reset it */
    if (asker != 0) {
        store_relaxed(&w->balance.attention, 0);
        give_share(w, nohi_system_home(w->system, asker - 1));
    }
}

/* ---- rule 3 ------------------------------------------------------------------------------- */

/* Takes over what waits behind the handler that `victim` is in: all, or half of it. False: nothing. */
static bool seize(nohi_worker *w, nohi_worker *victim, bool all)
{
    uint32_t in_hand = nohi_lease_seize(&victim->lease, victim->id, &w->system->env);
    if (in_hand == 0) {
        return false;
    }
    nohi_send_push_chain_of(w, victim);
    nohi_worker_take_in(w, victim, in_hand);
    picked taken = pick(victim, 0, all ? SEIZE_MAX : queue_length(victim) / 2, may_seize);
    move(w, taken, w);
    nohi_lease_give_back(&victim->lease, victim->id);
    for (uint32_t index = taken.first; index != 0;) {
        nohi_actor *a = nohi_slots_at(w->slots, index);
        uint32_t at = index;
        index = a->run_next;
        nohi_worker_link(w, a, at);
    }
    return taken.count > 0;
}

static bool has_waiting(nohi_worker *victim)
{
    return load_relaxed(&victim->run_first) != 0 || /* hints: re-checked in the lease */
           !nohi_stack_is_empty(&victim->ready) || !nohi_stack_is_empty(&victim->handed) ||
           nohi_chain_to(&victim->chain) != NULL;
}

/* Grows whenever somebody behind the handler in hand had a chance: when it ends, and when it waits. */
static uint64_t acts_of(nohi_worker *other)
{
    return load_relaxed(&other->counts.handled) +
           load_relaxed(&other->counts.waited); /* counters */
}

/* Is it in the same handler, without a wait, as at the last look of anybody? */
static bool is_as_seen(nohi_worker *other)
{
    uint32_t turn = nohi_lease_turn(&other->lease);
    return turn != 0 && load_relaxed(&other->balance.seen_turn) == turn &&
           load_relaxed(&other->balance.seen_acts) == acts_of(other);
}

static void look_at(nohi_worker *w, nohi_worker *other, int64_t now_ns)
{
    nohi_balance *b = &other->balance;
    if (!is_as_seen(other)) {
        store_relaxed(&b->seen_turn, nohi_lease_turn(&other->lease));
        store_relaxed(&b->seen_acts, acts_of(other));
        store_relaxed(&b->seize_ns, now_ns + STUCK_NS);
    } else if (now_ns >= load_relaxed(&b->seize_ns) && has_waiting(other)) {
        bool fruitful = seize(w, other, true); /* each costs the other an interrupt */
        store_relaxed(&b->seize_ns, now_ns + (fruitful ? AGAIN_NS : FRUITLESS_NS));
        if (fruitful) {
            store_relaxed(&b->robbed_by, w->id + 1); /* read late, it costs time */
        }
    }
}

/* Light ones that a seizure has left behind follow the others. */
static void rejoin(nohi_worker *w, const nohi_kind *kind)
{
    uint32_t thief = load_relaxed(&w->balance.robbed_by); /* written by thieves */
    if (thief == 0 || !is_light(kind)) {
        return;
    }
    nohi_worker *other = nohi_system_home(w->system, thief - 1);
    if (is_as_seen(other)) {
        return;
    }
    store_relaxed(&w->balance.robbed_by, 0);
    hand_over(w, pick(w, 0, SEIZE_MAX, may_rejoin), other);
    w->policy.flow_home = (int)other->id;
}

/* Two looks at the others in turn for who is busy; with a watcher about, none. */
static void look_around(nohi_worker *w, int64_t now_ns)
{
    nohi_system *system = w->system;
    if (w->borrower != NULL) {
        return; /* it has no time for this, and w is idle but for it */
    }
    if (nohi_hostile_chance(4) && w->kind == NOHI_WORKER) {
        seize(w, any_worker(w, w->id), nohi_hostile_chance(2));
    }
    if (system->worker_count > 1 && load_relaxed(&system->watcher) == 0) {
        if (now_ns - w->policy.rested_ns > STUCK_NS) {
            nohi_policy_want_watcher(w);
        }
        w->policy.look_at = (w->policy.look_at + 1) % system->worker_count;
        if (w->policy.look_at != w->id &&
            w->kind == NOHI_WORKER) { /* a loop has other things to do */
            look_at(w, nohi_system_home(system, w->policy.look_at), now_ns);
        }
    }
}

/* Workers that doze or sleep, of a value of system->asleep. */
static uint32_t lying(uint32_t asleep)
{
    return asleep / DOZER + asleep % DOZER;
}

/* From UP, with nobody to watch, or somebody who watches. */
static void doze_or_sleep(nohi_worker *w)
{
    uint32_t asleep = load_relaxed(&w->system->asleep); /* re-checked by the cas */
    bool dozes;
    do {
        dozes = asleep / DOZER < DOZERS_MAX;
    } while (!cas_relaxed(&w->system->asleep, &asleep, asleep + (dozes ? DOZER : 1)));
    w->policy.posture = dozes ? NOHI_DOZING : NOHI_ASLEEP;
    w->policy.quiet_looks = 0;
}

/* From DOZE to sleep, unless somebody is up now: who gets up later sees in the same word that nobody
 * dozes. */
static void fall_asleep(nohi_worker *w)
{
    nohi_system *system = w->system;
    uint32_t asleep = load_relaxed(&system->asleep); /* re-checked by the cas */
    do {
        if (lying(asleep) < system->worker_count) {
            w->policy.quiet_looks = 0;
            return;
        }
    } while (!cas_relaxed(&system->asleep, &asleep, asleep - DOZER + 1));
    w->policy.posture = NOHI_ASLEEP;
}

static void stand_up(nohi_worker *w)
{
    nohi_system *system = w->system;
    switch (w->policy.posture) {
    case NOHI_UP:
        return;
    case NOHI_WATCHING:
        store_relaxed(&system->watcher, 0);
        break;
    case NOHI_DOZING:
        sub_relaxed(&system->asleep, DOZER);
        break;
    case NOHI_ASLEEP:
        sub_relaxed(&system->asleep, 1);
        break;
    case NOHI_ALONE:
        break;
    }
    w->policy.posture = NOHI_UP;
}

int64_t nohi_policy_lie_down(nohi_worker *w)
{
    nohi_system *system = w->system;
    uint32_t nobody = 0;
    if (system->worker_count == 1) {
        w->policy.posture = NOHI_ALONE;
        return NOH_FOREVER;
    }
    if (w->policy.posture == NOHI_ASLEEP) {
        stand_up(w); /* woken for nothing, it dozes first: or it is woken again at once (rule 6) */
    }
    bool counted = w->policy.posture == NOHI_DOZING;
    uint32_t others = lying(load_relaxed(&system->asleep)) - counted;
    bool all_lie = others + 1 >= system->worker_count;
    if (w->policy.posture != NOHI_WATCHING ? !all_lie && load_relaxed(&system->watcher) == 0
                                           : all_lie) {
        stand_up(w); /* and becomes the watcher, or is it no more */
    }
    if (w->policy.posture == NOHI_UP) {
        if (!all_lie && cas_relaxed(&system->watcher, &nobody, w->id + 1)) {
            w->policy.posture = NOHI_WATCHING;
        } else {
            doze_or_sleep(w);
        }
    } else if (w->policy.posture == NOHI_DOZING && w->policy.quiet_looks >= QUIET_MAX) {
        fall_asleep(w);
    }
    return w->policy.posture == NOHI_WATCHING ? NAP_NS
           : w->policy.posture == NOHI_DOZING ? DOZE_NS
                                              : NOH_FOREVER;
}

void nohi_policy_look(nohi_worker *w, int64_t now_ns)
{
    nohi_policy *p = &w->policy;
    if (p->posture == NOHI_DOZING) {
        p->quiet_looks++;
    }
    if (p->posture != NOHI_WATCHING) {
        return;
    }
    for (unsigned id = 0; id < w->system->worker_count; id++) {
        if (id != w->id) {
            look_at(w, nohi_system_home(w->system, id), now_ns);
        }
    }
    (void)nohi_policy_ask(w, now_ns);
}

void nohi_policy_get_up(nohi_worker *w)
{
    if (NOHI_LIKELY(w->policy.posture == NOHI_UP)) {
        return;
    }
    stand_up(w);
    nohi_watchdog_rouse(w->system);                     /* WDG-1 */
    uint32_t asleep = load_relaxed(&w->system->asleep); /* our own change to it, or a later one */
    if (asleep != 0 && asleep < DOZER) {
        nohi_policy_want_watcher(w);
    }
}

bool nohi_policy_lie_again(nohi_worker *w, nohi_posture before)
{
    nohi_system *system = w->system;
    uint32_t one = before == NOHI_ASLEEP ? 1 : DOZER; /* its thread may sleep for so long */
    if (before == NOHI_UP || before == NOHI_ALONE) {
        w->policy.posture = before;
        return true;
    }
    w->policy.posture = before == NOHI_ASLEEP ? NOHI_ASLEEP : NOHI_DOZING;
    uint32_t asleep = add_relaxed(&system->asleep, one) + one;
    return asleep >= DOZER || asleep == system->worker_count;
}

void nohi_policy_want_watcher(nohi_worker *w)
{
    if (load_relaxed(&w->system->watcher) == 0 && load_relaxed(&w->system->asleep) != 0) {
        wake_a_sleeper(w);
    }
}

/* ---- rules 4 and 5 ------------------------------------------------------------------------ */

/* Not to one who seems to be in a long handler. */
static int flow_to(nohi_worker *w, int home)
{
    return is_as_seen(nohi_system_home(w->system, (unsigned)home)) ? NOHI_STAY : home;
}

int nohi_policy_flow(nohi_worker *w, nohi_actor *a, noh_ref sender)
{
    int decided = w->policy.flow_home;
    w->policy.flow_home = NOHI_STAY;
    if (for_no_reason(w, 4) && !(load_relaxed(&a->gate.traits) & NOHI_TRAIT_PINNED)) {
        return (int)any_worker(w, w->id)->id;
    }
    if (w->kind != NOHI_WORKER || (load_relaxed(&a->gate.traits) & NOHI_TRAIT_PINNED)) {
        return NOHI_STAY;
    }
    if (decided != NOHI_STAY) {
        return flow_to(w, decided);
    }
    if (w->id == 0 || noh_ref_is_none(sender)) {
        return NOHI_STAY;
    }
    nohi_kind *kind = nohi_policy_kind(w, nohi_actor_behavior(a));
    nohi_actor *from = nohi_actor_of(w->slots, sender);
    if (kind == NULL || !is_light(kind) || from == NULL) {
        return NOHI_STAY;
    }
    unsigned home = nohi_gate_home(&from->gate);
    return home < w->id ? flow_to(w, (int)home) : NOHI_STAY;
}

bool nohi_policy_may_adopt(const nohi_worker *w, const nohi_worker *home)
{
    return w->kind == NOHI_WORKER && home->kind == NOHI_WORKER;
}

bool nohi_policy_may_borrow(nohi_worker *w, nohi_actor *a)
{
    const nohi_message *first = (const nohi_message *)a->head;
    if (first == NULL || first->letter.next != NULL || /* one message, not a batch; */
        !nohi_message_is_counted(first) ||             /* and no notice: those have hooks behind */
        nohi_gate_has_stop(&a->gate) || (a->flags & ~(NOHI_QUEUED | NOHI_TIMED)) != 0 ||
        load_relaxed(&a->life) != NOHI_LIVE || /* private */
        (load_relaxed(&a->gate.traits) & NOHI_TRAIT_PINNED) || nohi_wants_stack(nohi_role_own(a))) {
        return false;
    }
    const nohi_kind *kind = nohi_policy_kind(w, nohi_actor_behavior(a));
    return kind != NULL && kind->brief == KNOWN;
}

nohi_worker *nohi_policy_home(nohi_worker *spawner)
{
    return NOHI_LIKELY(spawner->kind != NOHI_THREAD) ? spawner : any_worker(spawner, 0);
}
