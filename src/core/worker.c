/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Worker: a home of actors, and the loop that runs them.
 *
 * Purpose     Look at what others left, run turns, fire timers, and sleep when there is nothing.
 * Owner       Its thread; the last cache lines of the struct belong to any thread.
 * Invariants  WRK-1  a worker sleeps only after it announced it and then found nothing (PRK-1).
 *             WRK-2  an actor announced here that has moved is announced again where it is; also
 *                    when its home's thread has left, or has left and another one has come.
 * Why not     stealing from public run queues: a locked operation per turn on both sides, and
 *             chatter spread over cores (policy.c). */
#include "worker.h"

#include "fiber.h"
#include "overflow.h"
#include "receive.h"
#include "send.h"
#include "strand.h"
#include "system.h"
#include "timer.h"

enum {
    SPIN_NS = NOHI_LIMIT(
        50000, 5000), /* a wake-up across cores costs the waker 12 to 16 us, the sleeper 60 */
    FREE_MAX = NOHI_LIMIT(4096, 4), /* free slots that a home keeps for itself */
};

static void redirect(nohi_worker *w, nohi_worker *gone);
static void loop(nohi_worker *w);
static void rest(nohi_worker *w);

void nohi_worker_init(nohi_worker *w, nohi_system *system, uint32_t id, nohi_worker_kind kind)
{
    w->system = system;
    w->slots = &system->slots;
    w->slots_base = system->slots.base;
    w->policy.flow_home = NOHI_STAY;
    w->policy.letters_max = NOHI_BATCH;
    w->policy.stepped = system->env.step != NULL;
    w->id = id;
    nohi_lease_init(&w->lease, kind == NOHI_WORKER || kind == NOHI_HOST ? id : NOHI_NOWHERE);
    w->kind = kind;
    w->free_max = system->slots.tenants_max != 0 ? NOHI_FREE_MAX_COUNTED : FREE_MAX;
    w->own_self = (noh_self){.worker = w, .system = system};
    w->self = &w->own_self;
    nohi_pool_cache_init(&w->pool, &system->pool);
    nohi_wheel_init(&w->wheel, &system->env, nohi_now(system));
    store_relaxed(&w->commands.newest, NOHI_INBOX_ARMED); /* private: not yet in `homes` */
}

void nohi_worker_done(nohi_worker *w)
{
    nohi_strand_done(w);
    nohi_wheel_done(&w->wheel);
    nohi_pool_cache_done(&w->pool);
}

/* ---- what others leave here --------------------------------------------------------------- */

/* Rule 1 of policy.c: a wake-up is not the work of the handler that is sampled. */
static void notify_untimed(nohi_worker *w, nohi_worker *to)
{
    bool sampling = w->policy.sampling;
    int64_t began_ns = sampling ? nohi_now(w->system) : 0;
    nohi_worker_notify(w, to);
    w->policy.remote_ns += sampling ? nohi_now(w->system) - began_ns : 0;
}

void nohi_worker_announce(nohi_worker *w, nohi_actor *a)
{
    unsigned home = nohi_gate_home(&a->gate);
    while (NOHI_UNLIKELY(home == NOHI_DEPOT)) {
        if (nohi_actor_announce_in_depot(w, a)) {
            return;
        }
        home = nohi_gate_home(&a->gate);
    }
    nohi_worker *to = nohi_system_home(w->system, home);
    if (nohi_stack_push(&to->ready, nohi_actor_index(w->slots, a), &a->gate.ready_next)) {
        notify_untimed(w, to);
    }
    if (NOHI_UNLIKELY(w->policy.stepped)) {
        (void)w->system->env.step(w->system->env.world, NULL);
    }
    if (NOHI_UNLIKELY(to->kind != NOHI_WORKER) && nohi_gate_home(&a->gate) != home) {
        redirect(w, to); /* WRK-2: whoever came after it may not look for long */
    }
}

/* A plain thread, or a host loop, has left; its mail goes to where the actors and timers are now.
 * Should another one have moved in, then what was its own comes back to it. */
static void redirect(nohi_worker *w, nohi_worker *gone)
{
    uint32_t index = nohi_stack_is_empty(&gone->ready) ? 0 : nohi_stack_take(&gone->ready);
    while (index != 0) {
        nohi_actor *a = nohi_slots_at(gone->slots, index);
        index = a->gate.ready_next;
        nohi_worker_announce(w, a);
    }
}

/* Timers move to worker 0 when their host loop leaves. A command that is taken too late, when another
 * loop has moved in, comes back from there: obey_commands. */
static void redirect_commands(nohi_worker *w, nohi_worker *gone)
{
    nohi_letter *letter = nohi_inbox_take(&gone->commands);
    while (letter != NULL) {
        nohi_letter *next = letter->next;
        nohi_worker_give_command(w, nohi_system_home(w->system, 0), (nohi_message *)letter);
        letter = next;
    }
}

static void wake(nohi_worker *to)
{
    if (to->kind == NOHI_HOST && load_relaxed(&to->host_waits) == 0) { /* ordered by PRK-2 */
        to->host_wake(to->host_ctx);
    } else {
        nohi_park_wake(&to->park, &to->system->env);
    }
}

void nohi_worker_notify(nohi_worker *w, nohi_worker *to)
{
    bool rings = to->kind == NOHI_HOST;
    if (rings) {
        nohi_bell_enter(&to->bell);
    }
    nohi_hint_raise(&to->mail);
    nohi_duty duty = nohi_park_claim(&to->park);
    if (duty == NOHI_DUTY_WAKE) {
        wake(to);
    } else if (NOHI_UNLIKELY(nohi_lease_turn(&to->lease) != 0)) {
        nohi_policy_want_watcher(w);
    }
    if (rings) {
        nohi_bell_leave(&to->bell, &w->system->env);
    }
    if (duty == NOHI_DUTY_REDIRECT) {
        redirect(w, to);
        redirect_commands(w, to);
    }
}

void nohi_worker_give_command(nohi_worker *from, nohi_worker *to, nohi_message *command)
{
    nohi_send_flush(from); /* SND-2 */
    (void)nohi_inbox_push(&to->commands, &command->letter, &command->letter);
    nohi_worker_notify(from, to);
}

/* Chains come newest first; who waits longest should run first. */
static uint32_t reversed_ready(nohi_slots *slots, uint32_t index)
{
    uint32_t oldest = 0;
    while (index != 0) {
        nohi_actor *a = nohi_slots_at(slots, index);
        uint32_t next = a->gate.ready_next;
        a->gate.ready_next = oldest;
        oldest = index;
        index = next;
    }
    return oldest;
}

static void obey_commands(nohi_worker *w)
{
    nohi_letter *letter = nohi_inbox_take(&w->commands);
    while (letter != NULL) {
        nohi_message *command = (nohi_message *)letter;
        letter = letter->next;
        if (command->kind == NOHI_STOPPING) {
            nohi_system_note_stopping(w->system);
            continue; /* it is ours, not the pool's */
        }
        if (command->kind == NOHI_TIMER_ADD) {
            nohi_timer_add_here(w, command->number);
        } else if (NOHI_UNLIKELY(!nohi_timer_is_here(w, command->number))) {
            unsigned home = w->id == 0 ? nohi_timer_home(w, command->number) : 0;
            nohi_worker_give_command(w, nohi_system_home(w->system, home), command);
            continue;
        } else {
            nohi_timer_drop_here(w, command->number);
        }
        nohi_message_free_block(&w->pool, command);
    }
}

void nohi_worker_take_in(nohi_worker *by, nohi_worker *w, uint32_t in_hand)
{
    uint32_t index = nohi_stack_take(&w->handed);
    while (index != 0) {
        nohi_actor *a = nohi_slots_at(w->slots, index);
        index = a->run_next;
        a->flags = (uint8_t)(a->flags & ~NOHI_QUEUED);
        nohi_worker_queue(w, a);
    }
    index = reversed_ready(w->slots, nohi_stack_take(&w->ready));
    while (index != 0) {
        nohi_actor *a = nohi_slots_at(w->slots, index);
        index = a->gate.ready_next;
        if (NOHI_UNLIKELY(nohi_gate_home(&a->gate) != w->id)) {
            nohi_worker_announce(by, a); /* WRK-2 */
        } else if (NOHI_UNLIKELY(nohi_actor_index(w->slots, a) == in_hand)) {
            (void)nohi_stack_push(&w->ready, in_hand, &a->gate.ready_next);
            nohi_hint_raise(&w->mail); /* LSE-1: not a thief's to touch */
        } else {
            a->flags |= NOHI_SIGNALED;
            nohi_worker_queue(w, a);
        }
    }
}

void nohi_worker_attend(nohi_worker *w)
{
    nohi_hint_lower(&w->mail);
    nohi_worker_take_in(w, w, 0);
    obey_commands(w);
    nohi_policy_give(w);
}

bool nohi_worker_has_mail(nohi_worker *w)
{
    return !nohi_stack_is_empty(&w->ready) || !nohi_stack_is_empty(&w->handed) ||
           !nohi_inbox_is_still_empty(&w->commands) || load_seq_cst(&w->system->closing) != 0;
}

/* ---- the loop ----------------------------------------------------------------------------- */

void nohi_worker_main(void *worker)
{
    nohi_worker *w = worker;
    nohi_fiber base;
    nohi_fiber_of_thread(&base);
    w->base = &base;
    (void)nohi_system_set_own(w->system, w);
    nohi_trap trap = {.ask = nohi_overflow_ask, .ctx = w};
    nohi_trap_enter(&trap);
    loop(w);
    nohi_trap_leave(&trap);
    (void)nohi_system_set_own(w->system, NULL);
    nohi_system_release(w->system);
}

static void loop(nohi_worker *w)
{
    for (;;) {
        if (NOHI_UNLIKELY(nohi_hint_is_raised(&w->mail))) {
            nohi_worker_attend(w);
            if (load_relaxed(&w->system->closing) != 0) { /* re-checked before sleeping */
                return;
            }
        }
        if (load_relaxed(&w->run_first) != 0) { /* private */
            nohi_policy_get_up(w);
            nohi_strand_run(w, nohi_receive_turns);
        } else {
            rest(w);
        }
    }
}

void nohi_worker_look_at_timers(nohi_worker *w, int64_t now_ns)
{
    if (nohi_wheel_count(&w->wheel) > 0) {
        nohi_timer_fire(w, now_ns);
    }
}

/* Asks the others for work. When to ask again? At once: it has helped itself. */
static int64_t ask(nohi_worker *w, int64_t now_ns)
{
    if (nohi_policy_victim(w) == NULL || !nohi_park_rouse(&w->park)) {
        return now_ns + 10000; /* nobody to ask, or somebody acts for us */
    }
    int64_t again_ns = now_ns + (nohi_policy_ask(w, now_ns) ? 2000 : 10000);
    if (load_relaxed(&w->run_first) != 0) { /* private */
        return now_ns;
    }
    nohi_park_rest(&w->park);
    return again_ns;
}

/* Looks around until then. Meanwhile others may act for us, and all that is ours is theirs (park.h). */
static int64_t look_around(nohi_worker *w, int64_t now_ns, int64_t until_ns)
{
    const noh_env *env = &w->system->env;
    int64_t ask_ns = now_ns;
    while (now_ns < until_ns) {
        for (int i = 0; i < 16; i++) {
            if (nohi_hint_is_raised(&w->mail)) {
                return now_ns;
            }
            env->relax(env->world);
        }
        now_ns = nohi_now(w->system);
        if (now_ns >= ask_ns) {
            ask_ns = ask(w, now_ns);
            if (ask_ns == now_ns) {
                return now_ns;
            }
        }
    }
    return now_ns;
}

/* For a moment. True: there may be something to do. */
static bool spin(nohi_worker *w, int64_t next_ns, int64_t *now_ns)
{
    int64_t until_ns = *now_ns + SPIN_NS;
    if (!w->system->spins) {
        return false;
    }
    nohi_park_rest(&w->park);
    *now_ns = look_around(w, *now_ns, until_ns < next_ns ? until_ns : next_ns);
    nohi_park_leave(&w->park, &w->system->env);
    return nohi_hint_is_raised(&w->mail) || load_relaxed(&w->run_first) != 0; /* private */
}

/* Sleeps, perhaps only until it looks at the others again. */
static void sleep_until(nohi_worker *w, int64_t now_ns, int64_t next_ns)
{
    const noh_env *env = &w->system->env;
    int64_t nap_ns = nohi_policy_lie_down(w);
    if (next_ns != NOH_FOREVER && next_ns - now_ns < nap_ns) {
        nap_ns = next_ns - now_ns;
    }
    nohi_park_announce(&w->park);
    if (!nohi_worker_has_mail(w)) { /* WRK-1 */
        nohi_park_wait(&w->park, env, nap_ns == NOH_FOREVER ? -1 : nap_ns);
    }
    nohi_park_leave(&w->park, env);
    nohi_hint_raise(&w->mail); /* whatever woke it */
    now_ns = nohi_now(w->system);
    w->policy.seen_ns = now_ns;
    nohi_worker_look_at_timers(w, now_ns);
    nohi_policy_look(w, now_ns);
}

/* Nothing to do. Returns when there may be something. */
static void rest(nohi_worker *w)
{
    store_relaxed(&w->balance.queued_ns, 0); /* counter */
    store_relaxed(&w->balance.robbed_by, 0); /* nobody was left behind */
    if (NOHI_UNLIKELY(nohi_is_stopping(w->system))) {
        nohi_system_note_rest(w->system);
    }
    int64_t now_ns = nohi_now(w->system);
    int64_t next_ns = nohi_timer_next(w);
    w->policy.countdown = 0; /* what comes after idleness is worth a sample */
    w->policy.rested_ns = now_ns;
    w->policy.seen_ns = now_ns;
    if (w->policy.posture == NOHI_UP && spin(w, next_ns, &now_ns)) {
        return;
    }
    if (now_ns >= next_ns) {
        nohi_timer_fire(w, now_ns);
    } else {
        sleep_until(w, now_ns, next_ns);
    }
}

/* ---- for host loops ----------------------------------------------------------------------- */

void nohi_worker_run(nohi_worker *w, int64_t until_ns)
{
    nohi_fiber base;
    nohi_fiber_of_thread(&base);
    w->base = &base;
    nohi_trap trap = {.ask = nohi_overflow_ask, .ctx = w};
    nohi_trap_enter(&trap);
    nohi_watchdog_rouse(w->system); /* WDG-1 */
    nohi_worker_look_at_timers(w, nohi_now(w->system));
    do {
        if (nohi_hint_is_raised(&w->mail)) {
            nohi_worker_attend(w);
        }
        nohi_strand_run(w, nohi_receive_turns);
    } while (load_relaxed(&w->run_first) != 0 && nohi_now(w->system) < until_ns); /* private */
    nohi_trap_leave(&trap);
}
