/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* What the tests of the core share: a world whose log is caught, whose memory is counted and whose
 * clock can be set; a gate to block a handler with; and waiting for a ledger to be balanced.
 *
 *     core_world world;
 *     noh_system *system = core_start(&world, 2, NULL);
 *     ...
 *     core_end(&world, system);          free is OK, and everything was given back */
#ifndef NOH_TEST_CORE_H
#define NOH_TEST_CORE_H

#include "fault.h"
#include "test.h"

#include <noh/noh.h>
#include <noh/watch.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

/* ---- a gate to block with ----------------------------------------------------------------- */

typedef struct core_gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned inside; /* how many came so far */
    unsigned passed;
    bool is_open;
} core_gate;

#define CORE_GATE \
    { \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, false \
    }

/* Waits until the gate is open. */
static inline void core_pass(core_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->inside++;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->is_open) {
        pthread_cond_wait(&gate->changed, &gate->lock);
    }
    gate->passed++;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

/* Waits until `count` have come to the gate. */
static inline void core_await_inside(core_gate *gate, unsigned count)
{
    pthread_mutex_lock(&gate->lock);
    while (gate->inside < count) {
        pthread_cond_wait(&gate->changed, &gate->lock);
    }
    pthread_mutex_unlock(&gate->lock);
}

static inline void core_open_gate(core_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->is_open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

static inline void core_shut_gate(core_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->is_open = false;
    gate->inside = 0;
    gate->passed = 0;
    pthread_mutex_unlock(&gate->lock);
}

/* ---- the world ----------------------------------------------------------------------------- */

enum { CORE_LINES = 64, CORE_LINE_SIZE = 1024 };

typedef struct core_line {
    noh_log_level level;
    uint64_t actor;
    char behavior[64];
    char text[CORE_LINE_SIZE];
} core_line;

typedef struct core_world {
    fault_world fault; /* first: env.world points here */
    noh_env env;
    atomic_bool clock_is_set;
    _Atomic int64_t now_ns;
    atomic_ullong sleeps;       /* calls of park_wait */
    core_gate *opened_by_sleep; /* opened when `sleeper` is about to sleep */
    pthread_t sleeper;
    pthread_mutex_t log_lock; /* the rest, and the two above */
    size_t line_count;        /* lines written, also those beyond CORE_LINES */
    core_line lines[CORE_LINES];
} core_world;

static inline void core_log(void *world, const noh_log_record *record)
{
    core_world *w = world;
    pthread_mutex_lock(&w->log_lock);
    if (w->line_count < CORE_LINES) {
        core_line *line = &w->lines[w->line_count];
        line->level = record->level;
        line->actor = record->actor;
        snprintf(line->behavior, sizeof line->behavior, "%s",
                 record->behavior == NULL ? "" : record->behavior);
        snprintf(line->text, sizeof line->text, "%.*s", CORE_LINE_SIZE - 1, record->text);
    }
    w->line_count++;
    pthread_mutex_unlock(&w->log_lock);
}

static inline int64_t core_now(void *world)
{
    core_world *w = world;
    return atomic_load(&w->clock_is_set) ? atomic_load(&w->now_ns)
                                         : w->fault.real.now_ns(w->fault.real.world);
}

/* With a clock of our own a sleeper looks at it once in a while. */
static inline void core_park_wait(void *world, uint32_t *word, uint32_t expected,
                                  int64_t timeout_ns)
{
    core_world *w = world;
    atomic_fetch_add(&w->sleeps, 1);
    pthread_mutex_lock(&w->log_lock);
    if (w->opened_by_sleep != NULL && pthread_equal(w->sleeper, pthread_self())) {
        core_open_gate(w->opened_by_sleep);
        w->opened_by_sleep = NULL;
    }
    pthread_mutex_unlock(&w->log_lock);
    if (atomic_load(&w->clock_is_set) && (timeout_ns < 0 || timeout_ns > NOH_MS / 2)) {
        timeout_ns = NOH_MS / 2;
    }
    w->fault.real.park_wait(w->fault.real.world, word, expected, timeout_ns);
}

/* One processor, so that nobody spins until a clock moves that does not. */
static inline unsigned core_one_cpu(void *world)
{
    (void)world;
    return 1;
}

/* A world with the real clock. A case that hangs ends by SIGALRM. */
static inline void core_open(core_world *world)
{
    alarm(100);
    memset(world, 0, sizeof *world);
    world->env = fault_env(&world->fault);
    pthread_mutex_init(&world->log_lock, NULL);
    world->env.log = core_log;
    world->env.now_ns = core_now;
    world->env.park_wait = core_park_wait;
}

/* From now on time stands still, but for core_set_clock. Before the system is made. */
static inline void core_own_clock(core_world *world, int64_t now_ns)
{
    atomic_store(&world->now_ns, now_ns);
    atomic_store(&world->clock_is_set, true);
    world->env.cpu_count = core_one_cpu;
}

static inline void core_advance(core_world *world, int64_t by_ns)
{
    atomic_fetch_add(&world->now_ns, by_ns);
}

/* Waits until the system's only worker, on a clock of our own, has done all it had to do at this
 * time, and sleeps: it looks at the clock between two sleeps. */
static inline void core_rested(core_world *world)
{
    unsigned long long before = atomic_load(&world->sleeps);
    while (atomic_load(&world->sleeps) < before + 2) {
        sched_yield();
    }
}

/* Opens the gate when this thread sleeps next: what it sent before it waits is on its way then. */
static inline void core_open_when_i_sleep(core_world *world, core_gate *gate)
{
    pthread_mutex_lock(&world->log_lock);
    world->opened_by_sleep = gate;
    world->sleeper = pthread_self();
    pthread_mutex_unlock(&world->log_lock);
}

/* A system in a world that is open. */
static inline noh_system *core_system(core_world *world, unsigned workers,
                                      const noh_options *options)
{
    noh_options o = {.size = 0};
    if (options != NULL) {
        o = *options;
    }
    o.workers = workers;
    if (o.watchdog_ns == 0 && atomic_load(&world->clock_is_set)) {
        o.watchdog_ns = NOH_FOREVER; /* it would nap on a clock that stands still */
    }
    o.env = &world->env;
    noh_system *system = NULL;
    CHECK_OK(noh_system_new(&o, &system));
    return system;
}

static inline noh_system *core_start(core_world *world, unsigned workers,
                                     const noh_options *options)
{
    core_open(world);
    return core_system(world, workers, options);
}

static inline void core_close(core_world *world)
{
    pthread_mutex_destroy(&world->log_lock);
    CHECK_EQ(fault_done(&world->fault), 0);
}

static inline void core_end(core_world *world, noh_system *system)
{
    CHECK_OK(noh_system_free(system));
    core_close(world);
}

/* How many lines of the log have `part` in their text. */
static inline size_t core_logged(core_world *world, const char *part)
{
    size_t found = 0;
    pthread_mutex_lock(&world->log_lock);
    for (size_t i = 0; i < world->line_count && i < CORE_LINES; i++) {
        found += strstr(world->lines[i].text, part) != NULL;
    }
    pthread_mutex_unlock(&world->log_lock);
    return found;
}

/* ---- messages for the test's own thread ---------------------------------------------------- */

/* The next message, which must be a T and must come within a minute. */
#define CORE_RECEIVE(T, self) ((const T *)core_receive((self), NOH_TYPE(T), __FILE__, __LINE__))

static inline const void *core_receive(noh_self *self, const noh_type *expected, const char *file,
                                       int line)
{
    const noh_type *type = NULL;
    const void *message = NULL;
    noh_err err = noh_receive(self, 60 * NOH_SECOND, &type, &message);
    if (err != NOH_OK || !noh_type_equal(type, expected)) {
        test_failed(file, line, "received %s (%s), not %s", type == NULL ? "nothing" : type->name,
                    noh_err_name(err), expected->name);
    }
    return message;
}

/* Nothing waits in the mailbox. */
static inline void core_expect_nothing(noh_self *self)
{
    const noh_type *type = NULL;
    const void *message;
    noh_err err = noh_receive(self, 0, &type, &message);
    if (err != NOH_E_TIMEOUT) {
        test_failed(__FILE__, __LINE__, "received %s (%s), not nothing",
                    type == NULL ? "nothing" : type->name, noh_err_name(err));
    }
}

/* ---- threads ------------------------------------------------------------------------------ */

static inline pthread_t core_thread(void *(*run)(void *arg), void *arg)
{
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, run, arg), 0);
    return thread;
}

static inline void core_join_thread(pthread_t thread)
{
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* ---- counts ------------------------------------------------------------------------------- */

static inline bool core_is_balanced(const noh_ledger *ledger)
{
    return ledger->sent == ledger->handled + ledger->queued + noh_ledger_dead(ledger);
}

/* Reads the ledger until it is balanced with `queued` messages left, twice in a row the same: while
 * messages move, the sums of one reading are of different moments, and may fit by chance. Fails when all
 * have had the processor so often, and nothing has moved. */
static inline noh_ledger core_settled(noh_system *system, uint64_t queued)
{
    noh_ledger ledger;
    noh_ledger before = {.sent = UINT64_MAX};
    for (int same = 0; same < 500000; same++) {
        CHECK_OK(noh_ledger_read(system, &ledger));
        if (memcmp(&ledger, &before, sizeof ledger) != 0) {
            same = 0;
        } else if (ledger.queued == queued && core_is_balanced(&ledger)) {
            return ledger;
        }
        before = ledger;
        sched_yield();
    }
    test_failed(__FILE__, __LINE__, "not balanced: sent %llu, handled %llu, queued %llu, dead %llu",
                (unsigned long long)ledger.sent, (unsigned long long)ledger.handled,
                (unsigned long long)ledger.queued, (unsigned long long)noh_ledger_dead(&ledger));
}

static inline uint64_t core_dead(noh_system *system, noh_dead_reason reason)
{
    noh_ledger ledger;
    CHECK_OK(noh_ledger_read(system, &ledger));
    return ledger.dead[reason];
}

static inline uint64_t core_actors(noh_system *system)
{
    noh_stats stats;
    CHECK_OK(noh_system_stats(system, &stats));
    return stats.actors;
}

/* Stops an actor and waits for its end. */
static inline noh_exit core_stop(noh_self *self, noh_ref actor, noh_stop_kind kind)
{
    noh_exit exit = {.kind = NOH_EXIT_UNKNOWN};
    CHECK_OK(noh_stop(self, actor, kind));
    CHECK_OK(noh_join(self, actor, NOH_FOREVER, &exit));
    return exit;
}

#endif
