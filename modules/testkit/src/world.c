/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* World: threads that run in turns, and the time they see.
 *
 * Purpose     A thread of env->thread_start is a fiber. It runs until it comes to a switching point: a
 *             function of env that waits, or `step`. There the seed says who goes on.
 * Invariants  WLD-1  nobody is passed on anywhere else: the systems hold locks when they call the
 *                    other functions, and a lock that a thread keeps while it is not its turn would be
 *                    waited for by the one OS thread there is.
 *             WLD-2  who is next depends on the seed, the steps so far, and the order in which
 *                    threads were born: on no address, and on no real clock.
 *             WLD-3  a stack is used again only when its thread has been left. */
#include "world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    GUARD_BYTES = 64 * 1024,
    STACK_BYTES = 1024 * 1024, /* of address space */
    RELAX_NS = 4000,           /* a busy wait takes some ten of them */
    SLOW_ONE_IN = 32,
    SLOW_NS = 1000000,
    RUDE_ONE_IN = 32,
};

_Noreturn void nohi_assert_failed(const char *id, const char *condition, const char *file, int line)
{
    fprintf(stderr, "noh: %s:%d: %s: %s\n", file, line, id, condition);
    abort();
}

/* ---- who is next -------------------------------------------------------------------------- */

static void make_ready(noh_sim *sim, sim_thread *t)
{
    t->state = SIM_READY;
    t->word = NULL;
    t->place = sim->ready_count;
    sim->ready[sim->ready_count++] = t;
}

static void unready(noh_sim *sim, sim_thread *t)
{
    sim_thread *last = sim->ready[--sim->ready_count];
    sim->ready[t->place] = last;
    last->place = t->place;
}

/* Those whose time has come. */
static void wake_due(noh_sim *sim)
{
    if (sim->now_ns < sim->due_ns) {
        return;
    }
    sim->due_ns = NOH_FOREVER;
    for (uint32_t i = 0; i < sim->thread_count; i++) {
        sim_thread *t = sim->threads[i];
        if (t->state != SIM_WAITS) {
            continue;
        }
        if (t->until_ns <= sim->now_ns) {
            make_ready(sim, t);
        } else if (t->until_ns < sim->due_ns) {
            sim->due_ns = t->until_ns;
        }
    }
}

/* Nobody can run: to the next time that somebody waits for. False: there is none. */
static bool jump(noh_sim *sim)
{
    int64_t due_ns = NOH_FOREVER;
    for (uint32_t i = 0; i < sim->thread_count; i++) {
        int64_t until_ns = sim->threads[i]->until_ns; /* all of them wait */
        due_ns = until_ns < due_ns ? until_ns : due_ns;
    }
    if (due_ns == NOH_FOREVER) {
        return false;
    }
    sim->now_ns = due_ns;
    sim->due_ns = due_ns;
    wake_due(sim);
    return true;
}

static sim_thread *who_ran_first(noh_sim *sim)
{
    sim_thread *found = sim->ready[0];
    for (uint32_t i = 1; i < sim->ready_count; i++) {
        found = sim->ready[i]->ran < found->ran ? sim->ready[i] : found;
    }
    return found;
}

static sim_thread *who_is_highest(noh_sim *sim)
{
    if (sim->changes_left > 0 && sim->steps >= sim->changes[sim->changes_left - 1]) {
        sim->changes_left--;
        sim->current->priority = --sim->lowest;
    }
    sim_thread *found = sim->ready[0];
    for (uint32_t i = 1; i < sim->ready_count; i++) {
        found = sim->ready[i]->priority > found->priority ? sim->ready[i] : found;
    }
    return found;
}

/* One of those that are ready. */
static sim_thread *choose(noh_sim *sim)
{
    switch (sim->options.policy) {
    case NOH_SIM_PCT:
        return who_is_highest(sim);
    case NOH_SIM_ROBIN:
        return who_ran_first(sim);
    case NOH_SIM_UNIFORM:
        break;
    }
    return sim->ready[sim_below(&sim->order, sim->ready_count)];
}

_Noreturn void sim_world_leave(noh_sim *sim)
{
    nohi_fiber_switch(sim->current->fiber, &sim->outside);
    nohi_assert_failed("WLD-3", "who was left goes on", __FILE__, __LINE__);
}

/* A switching point. Returns when the current thread is to go on. */
static void pass(noh_sim *sim)
{
    sim_thread *from = sim->current;
    if (++sim->steps > sim->options.steps_max) {
        sim_fail(sim, NOH_E_LIMIT, "more than %llu steps", (unsigned long long)sim->steps - 1);
        sim_world_leave(sim);
    }
    wake_due(sim);
    if (sim->ready_count == 0 && !jump(sim)) {
        if (sim->thread_count > 0) {
            sim_stuck(sim);
        }
        sim_world_leave(sim);
    }
    sim_thread *to = choose(sim);
    to->ran = sim->steps;
    if (to != from) {
        from->error = errno;
        sim->current = to;
        nohi_fiber_switch(from->fiber, to->fiber);
        errno = from->error;
    }
}

/* Until somebody makes it ready, or the time has come. */
static void wait(noh_sim *sim, uint32_t *word, int64_t until_ns)
{
    sim_thread *t = sim->current;
    unready(sim, t);
    t->state = SIM_WAITS;
    t->word = word;
    t->until_ns = until_ns;
    sim->due_ns = until_ns < sim->due_ns ? until_ns : sim->due_ns;
    pass(sim);
}

static int64_t later(const noh_sim *sim, int64_t delay_ns)
{
    return delay_ns < 0 || delay_ns > NOH_FOREVER - sim->now_ns ? NOH_FOREVER
                                                                : sim->now_ns + delay_ns;
}

/* ---- time and chance ---------------------------------------------------------------------- */

static int64_t now_ns(void *world)
{
    return ((noh_sim *)world)->now_ns;
}

static uint64_t random_bits(void *world)
{
    return sim_next(&((noh_sim *)world)->numbers);
}

static unsigned cpu_count(void *world)
{
    return ((noh_sim *)world)->cpus;
}

/* ---- threads ------------------------------------------------------------------------------ */

static bool has_room(noh_sim *sim)
{
    if (sim->thread_count < sim->thread_capacity) {
        return true;
    }
    uint32_t capacity = sim->thread_capacity == 0 ? 16 : sim->thread_capacity * 2;
    sim_thread **threads = realloc(sim->threads, capacity * sizeof *threads);
    sim->threads = threads == NULL ? sim->threads : threads;
    sim_thread **ready = realloc(sim->ready, capacity * sizeof *ready);
    sim->ready = ready == NULL ? sim->ready : ready;
    if (threads == NULL || ready == NULL) {
        return false;
    }
    sim->thread_capacity = capacity;
    return true;
}

static sim_thread *new_thread(noh_sim *sim)
{
    const noh_env *real = &sim->real;
    sim_thread *t = sim->spare;
    if (t != NULL) {
        sim->spare = t->next;
        char *stack = t->stack;
        *t = (sim_thread){.stack = stack};
        return t;
    }
    t = calloc(1, sizeof *t);
    char *stack = real->pages_reserve(real->world, GUARD_BYTES + STACK_BYTES);
    if (t == NULL || stack == NULL ||
        real->pages_commit(real->world, stack, GUARD_BYTES + STACK_BYTES) != NOH_OK ||
        real->pages_guard(real->world, stack, GUARD_BYTES) != NOH_OK) {
        free(t);
        if (stack != NULL) {
            real->pages_release(real->world, stack, GUARD_BYTES + STACK_BYTES);
        }
        return NULL;
    }
    t->stack = stack;
    return t;
}

/* It has ended, and has been left. */
static void recycle(noh_sim *sim, sim_thread *t)
{
    nohi_fiber_done(t->fiber);
    t->next = sim->spare;
    sim->spare = t;
}

static void end_locals(noh_sim *sim, sim_thread *t)
{
    for (unsigned i = 0; i < LOCALS_MAX; i++) {
        void *value = t->values[i];
        t->values[i] = NULL;
        if (value != NULL && sim->ends[i] != NULL) {
            sim->ends[i](value);
        }
    }
}

static void forget_thread(noh_sim *sim, sim_thread *t)
{
    uint32_t i = 0;
    while (sim->threads[i] != t) {
        i++;
    }
    sim->thread_count--;
    memmove(&sim->threads[i], &sim->threads[i + 1],
            (sim->thread_count - i) * sizeof sim->threads[0]);
}

/* The body of each. */
static void live(void *thread)
{
    sim_thread *t = thread;
    noh_sim *sim = t->sim;
    t->fn(t->arg);
    end_locals(sim, t);
    forget_thread(sim, t);
    unready(sim, t);
    t->state = SIM_ENDED;
    if (t->joiner != NULL) {
        make_ready(sim, t->joiner);
    } else if (t->detached) {
        t->next = sim->gone;
        sim->gone = t;
    }
    pass(sim);
}

static noh_err start(noh_sim *sim, void (*fn)(void *arg), void *arg, const char *name,
                     sim_thread **ret_thread)
{
    sim_thread *t = has_room(sim) ? new_thread(sim) : NULL;
    if (t == NULL) {
        return NOH_E_NOMEM;
    }
    t->sim = sim;
    t->fn = fn;
    t->arg = arg;
    t->priority = (int64_t)(sim_next(&sim->order) >> 2);
    t->ran = sim->steps;
    snprintf(t->name, sizeof t->name, "%s", name == NULL ? "thread" : name);
    t->fiber = nohi_fiber_make(t->stack + GUARD_BYTES, STACK_BYTES, live, t);
    sim->threads[sim->thread_count++] = t;
    make_ready(sim, t);
    *ret_thread = t;
    return NOH_OK;
}

static noh_err thread_start(void *world, void (*fn)(void *arg), void *arg, const char *name,
                            void **ret_thread)
{
    sim_thread *t;
    noh_err err = start(world, fn, arg, name, &t);
    if (err == NOH_OK) {
        *ret_thread = t;
    }
    return err;
}

static void thread_join(void *world, void *thread)
{
    noh_sim *sim = world;
    sim_thread *t = thread;
    pass(sim);
    if (t->state != SIM_ENDED) {
        t->joiner = sim->current;
        wait(sim, NULL, NOH_FOREVER);
    }
    recycle(sim, t);
}

static void thread_detach(void *world, void *thread)
{
    sim_thread *t = thread;
    t->detached = true;
    if (t->state == SIM_ENDED) {
        recycle(world, t);
    }
}

/* ---- locals ------------------------------------------------------------------------------- */

/* The handle is the number of the place, from 1. */
static uintptr_t place_of(void *local)
{
    return (uintptr_t)local - 1;
}

static noh_err local_new(void *world, void (*end)(void *value), void **ret_local)
{
    noh_sim *sim = world;
    for (uintptr_t i = 0; i < LOCALS_MAX; i++) {
        if (!sim->taken[i]) {
            sim->taken[i] = true;
            sim->ends[i] = end;
            *ret_local = (void *)(i + 1);
            return NOH_OK;
        }
    }
    return NOH_E_LIMIT;
}

static void local_free(void *world, void *local)
{
    noh_sim *sim = world;
    uintptr_t place = place_of(local);
    sim->taken[place] = false;
    for (uint32_t i = 0; i < sim->thread_count; i++) {
        sim->threads[i]->values[place] = NULL;
    }
}

static void *local_get(void *world, void *local)
{
    return ((noh_sim *)world)->current->values[place_of(local)];
}

static noh_err local_set(void *world, void *local, void *value)
{
    ((noh_sim *)world)->current->values[place_of(local)] = value;
    return NOH_OK;
}

/* ---- switching points --------------------------------------------------------------------- */

static void park_wait(void *world, uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
    noh_sim *sim = world;
    pass(sim); /* others may come before the last look */
    bool rude = sim->rude && sim_below(&sim->order, RUDE_ONE_IN) == 0;
    if (*(volatile uint32_t *)word == expected && timeout_ns != 0 && !rude) {
        wait(sim, word, later(sim, timeout_ns));
    }
}

static void park_wake(void *world, uint32_t *word)
{
    noh_sim *sim = world;
    for (uint32_t i = 0; i < sim->thread_count; i++) {
        sim_thread *t = sim->threads[i];
        if (t->state == SIM_WAITS && t->word == word) {
            make_ready(sim, t);
        }
    }
}

/* Who spins waits for others. */
static void relax(void *world)
{
    noh_sim *sim = world;
    sim->now_ns += RELAX_NS;
    sim->current->priority = --sim->lowest;
    pass(sim);
}

/* There is one thread: whatever it has written, it sees. */
static bool barrier(void *world)
{
    (void)world;
    return true;
}

static uint32_t step(void *world, const noh_turn *turn)
{
    noh_sim *sim = world;
    if (turn == NULL) {
        pass(sim);
        return 0;
    }
    sim_note_turn(sim, turn);
    if (sim->slow && sim_below(&sim->order, SLOW_ONE_IN) == 0) {
        wait(sim, NULL, later(sim, (int64_t)sim_below(&sim->order, SLOW_NS)));
    } else {
        sim->now_ns +=
            sim->pace_ns == 0 ? 0 : (int64_t)sim_below(&sim->order, 2 * (uint64_t)sim->pace_ns);
        pass(sim);
    }
    return sim->loose && sim_below(&sim->order, 2) == 0 ? (uint32_t)sim_below(&sim->order, 8) : 0;
}

/* ---- all ---------------------------------------------------------------------------------- */

void sim_world_env(noh_env *env)
{
    env->now_ns = now_ns;
    env->random = random_bits;
    env->cpu_count = cpu_count;
    env->thread_start = thread_start;
    env->thread_join = thread_join;
    env->thread_detach = thread_detach;
    env->thread_stack = NULL;
    env->local_new = local_new;
    env->local_free = local_free;
    env->local_get = local_get;
    env->local_set = local_set;
    env->park_wait = park_wait;
    env->park_wake = park_wake;
    env->relax = relax;
    env->barrier = barrier;
    env->step = step;
}

/* How this run is. */
static void draw(noh_sim *sim)
{
    static const int64_t paces_ns[] = {0, 100, 1000, 20000};
    bool robin = sim->options.policy == NOH_SIM_ROBIN;
    uint64_t bits = sim_next(&sim->order);
    sim->pace_ns = robin ? 0 : paces_ns[bits % NOHI_COUNT(paces_ns)];
    sim->slow = !robin && (bits >> 8 & 3) == 0;
    sim->rude = !robin && (bits >> 16 & 1) == 0;
    sim->loose = !robin && (bits >> 24 & 3) == 0;
    sim->cpus = sim->options.cpus != 0 ? sim->options.cpus : 1 + (bits >> 32 & 3);
    sim->changes_left = 0;
    if (sim->options.policy == NOH_SIM_PCT) {
        unsigned depth = sim->options.depth == 0 ? 3 : sim->options.depth;
        unsigned changes = depth - 1 < NOHI_COUNT(sim->changes) ? depth - 1 : 0;
        for (; sim->changes_left < changes; sim->changes_left++) {
            unsigned at = sim->changes_left;
            uint64_t when = sim_below(&sim->order, UINT64_C(1) << (4 + bits % 8));
            for (; at > 0 && sim->changes[at - 1] < when; at--) {
                sim->changes[at] = sim->changes[at - 1];
            }
            sim->changes[at] = when; /* the last ones first */
        }
    }
}

noh_err sim_world_run(noh_sim *sim, void (*fn)(void *arg), void *arg)
{
    sim_thread *t;
    sim->thread_count = 0;
    sim->ready_count = 0;
    sim->now_ns = NOH_SECOND;
    sim->due_ns = NOH_FOREVER;
    sim->lowest = 0;
    memset(sim->taken, 0, sizeof sim->taken);
    draw(sim);
    noh_err err = start(sim, fn, arg, "main", &t);
    if (err != NOH_OK) {
        return err;
    }
    t->detached = true;
    nohi_fiber_of_thread(&sim->outside);
    sim->current = t;
    nohi_fiber_switch(&sim->outside, t->fiber);
    sim->current = NULL;
    while (sim->gone != NULL) {
        t = sim->gone;
        sim->gone = t->next;
        recycle(sim, t);
    }
    for (uint32_t i = 0; i < sim->thread_count; i++) { /* their stacks stay: WLD-3 */
        free(sim->threads[i]);
    }
    sim->thread_count = 0;
    return NOH_OK;
}

void sim_world_free(noh_sim *sim)
{
    while (sim->spare != NULL) {
        sim_thread *t = sim->spare;
        sim->spare = t->next;
        sim->real.pages_release(sim->real.world, t->stack, GUARD_BYTES + STACK_BYTES);
        free(t);
    }
    free(sim->threads);
    free(sim->ready);
}
