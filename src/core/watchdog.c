/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Watchdog: reports a handler that holds its home for long.
 *
 * Purpose     The others of its worker go on elsewhere (policy.c, rule 3), so all that is left to do is
 *             to say which handler it is, and where in it. All workers may be stuck at once, so it
 *             cannot be one of them: it is a thread of its own, that looks at all homes each quarter
 *             of the budget, and sleeps while all of them sleep.
 * Owner       The thread; `seen` of each home is its own. It reads what turns leave anyway, so they pay
 *             nothing for it: no clock, no mark.
 * Invariants  WDG-1  no handler runs unwatched: after it announced its sleep it has seen each home
 *                    asleep, and a home that got up before a turn rouses it (PRK-1).
 *             WDG-2  a handler is reported once, and not before it was seen over the whole budget. Two
 *                    looks see the same handler when it is of the same actor and type, and nothing was
 *                    handled on that home in between, and no handler has waited: who waits holds
 *                    nobody.
 *             WDG-3  a thread that is asked for its stack has not been joined or detached: workers' are
 *                    after the watchdog has ended. A plain thread may leave whenever it likes, so what
 *                    runs on one, an event loop or a caller (borrow.c), is reported without a stack.
 * Ordering    watchdog:    PARKED seq_cst; look at each home's park word seq_cst
 *             worker:      park word to RUNNING, or a borrower's LOCKED, seq_cst; rouse: look at the
 *                          watchdog's word seq_cst                                       WDG-1
 * Why not     a clock at each turn, as Vert.x has it: 20 ns. A timer that interrupts each worker, as
 *             Seastar has it: system calls of all handlers would be interrupted, not just of those
 *             that are too long. */
#include "watchdog.h"

#include "system.h"

enum {
    LOOKS = 4, /* in a budget; and without anybody up, before it sleeps */
    STACK_BYTES = 800,
};

static const int64_t default_ns = NOH_SECOND;
static const int64_t shortest_nap_ns = NOH_MS;

/* ---- what a home does --------------------------------------------------------------------- */

static nohi_seen see(nohi_worker *w)
{
    nohi_seen seen = {.ref = NOH_NO_REF};
    uint32_t index = nohi_lease_turn(&w->lease);
    if (index != 0) {
        nohi_actor *a = nohi_slots_at(w->slots, index);
        seen.ref = nohi_actor_ref(w->slots, a);
        seen.behavior = nohi_actor_behavior(a);
        seen.type = load_relaxed(&w->running_type); /* counters, all of them */
        seen.acts = load_relaxed(&w->counts.handled) + load_relaxed(&w->counts.waited) +
                    load_relaxed(&w->counts.dead[NOH_DEAD_UNHANDLED]);
    }
    return seen;
}

static bool is_same(const nohi_seen *a, const nohi_seen *b) /* WDG-2 */
{
    return noh_ref_equal(a->ref, b->ref) && a->type == b->type && a->acts == b->acts;
}

/* Of a worker's own thread, if it is still in that handler. */
static bool read_stack(nohi_worker *w, char *ret_text, size_t size)
{
    const noh_env *env = &w->system->env;
    if (w->kind != NOHI_WORKER || nohi_park_is_locked(&w->park) || env->thread_stack == NULL ||
        !env->thread_stack(env->world, w->thread, ret_text, size)) { /* WDG-3 */
        return false;
    }
    nohi_seen now = see(w);
    return is_same(&now, &w->seen);
}

static void report(nohi_worker *w, int64_t held_ns)
{
    char stack[STACK_BYTES];
    bool has_stack = read_stack(w, stack, sizeof stack);
    const nohi_seen *seen = &w->seen;
    nohi_log(w->system, NOH_LOG_WARNING, seen->ref, seen->behavior,
             "holds %s: in %s%s for at least %lld ms%s%s",
             w->kind == NOHI_HOST            ? "its event loop"
             : nohi_park_is_locked(&w->park) ? "a thread that calls"
                                             : "its worker",
             seen->type == NULL ? "its last hook" : "the handler of ",
             seen->type == NULL ? "" : seen->type->name, (long long)(held_ns / NOH_MS),
             has_stack ? ": " : "", has_stack ? stack : "");
    bump(&w->system->watchdog.reports);
}

/* `now_ns` is of before. */
static void look_at(nohi_worker *w, int64_t now_ns)
{
    nohi_seen seen = see(w);
    if (!is_same(&seen, &w->seen)) {
        seen.since_ns = nohi_now(w->system); /* after the look: at least since then */
        w->seen = seen;
    } else if (!noh_ref_is_none(seen.ref) && !w->seen.reported &&
               now_ns - w->seen.since_ns >= w->system->watchdog.budget_ns) {
        w->seen.reported = true; /* WDG-2 */
        report(w, now_ns - w->seen.since_ns);
    }
}

/* ---- its thread --------------------------------------------------------------------------- */

/* Plain threads run no turns, but as borrowers of a worker. */
static bool is_quiet(nohi_worker *w)
{
    return w->kind == NOHI_THREAD ||
           (nohi_park_is_still_asleep(&w->park) && nohi_lease_turn(&w->lease) == 0);
}

/* Does everybody sleep? */
static bool look(nohi_system *system)
{
    bool quiet = true;
    int64_t now_ns = nohi_now(system);
    uint32_t homes = load_acquire(&system->home_count);
    for (uint32_t id = 0; id < homes; id++) {
        nohi_worker *w = nohi_system_home(system, id);
        look_at(w, now_ns);
        quiet = is_quiet(w) && quiet;
    }
    return quiet;
}

/* Until somebody rouses it. */
static void sleep_soundly(nohi_system *system)
{
    nohi_park *park = &system->watchdog.park;
    nohi_park_announce(park);
    if (look(system) && load_seq_cst(&system->closing) == 0) { /* WDG-1 */
        nohi_park_wait(park, &system->env, -1);
    }
    nohi_park_leave(park, &system->env);
}

/* Nobody can rouse it: who gets up while it naps does not pay for a wake-up. */
static void nap(nohi_system *system)
{
    int64_t nap_ns = system->watchdog.budget_ns / LOOKS;
    system->env.park_wait(system->env.world, (uint32_t *)(void *)&system->closing, 0,
                          nap_ns < shortest_nap_ns ? shortest_nap_ns : nap_ns);
}

static void watch(void *arg)
{
    nohi_system *system = arg;
    int quiet_looks = 0;
    while (load_seq_cst(&system->closing) == 0) {
        quiet_looks = look(system) ? quiet_looks + 1 : 0;
        if (quiet_looks < LOOKS) {
            nap(system);
        } else {
            sleep_soundly(system);
            quiet_looks = 0;
        }
    }
}

noh_err nohi_watchdog_start(nohi_system *system)
{
    int64_t budget_ns = system->options.watchdog_ns;
    if (budget_ns == NOH_FOREVER) {
        return NOH_OK;
    }
    nohi_watchdog *d = &system->watchdog;
    d->budget_ns = budget_ns == 0 ? default_ns : budget_ns;
    noh_err err =
        system->env.thread_start(system->env.world, watch, system, "noh-watch", &d->thread);
    if (err != NOH_OK) {
        d->thread = NULL;
    }
    return err;
}

void nohi_watchdog_end(nohi_system *system)
{
    const noh_env *env = &system->env;
    if (system->watchdog.thread != NULL) {
        env->park_wake(env->world, (uint32_t *)(void *)&system->closing);
        nohi_watchdog_rouse(system);
        env->thread_join(env->world, system->watchdog.thread);
        system->watchdog.thread = NULL;
    }
}

void nohi_watchdog_rouse(nohi_system *system)
{
    nohi_park *park = &system->watchdog.park;
    if (nohi_park_claim(park) == NOHI_DUTY_WAKE) {
        nohi_park_wake(park, &system->env);
    }
}
