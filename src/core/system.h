/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#ifndef NOHI_SYSTEM_H
#define NOHI_SYSTEM_H

#include "blocking.h"
#include "counted.h"
#include "map.h"
#include "watchdog.h"
#include "worker.h"

enum { NOHI_SUBSCRIBERS_MAX = 16, NOHI_TIMER_PAGE = 1024, NOHI_TIMER_PAGES = 8192 };

typedef struct nohi_timer nohi_timer;
typedef struct nohi_outside nohi_outside;

/* Everything a system owns; there are no globals. Locks, outermost first: `stop_lock`,
 * `blocking.lock`, `lock`, `names_lock`, `dead_lock`; and those of slots, pool, stacks and promises. No
 * callback of the user runs with one held, but for env's functions, and actors of a loop that stops the
 * system. */
struct noh_system {
    noh_env env;
    noh_options options;
    nohi_slots slots;
    nohi_pool pool;
    nohi_stacks stacks;
    unsigned worker_count;
    atom(nohi_worker *) homes[NOHI_HOMES_MAX]; /* by id; workers first; only ever filled */
    atom(uint32_t) home_count;
    nohi_counted users; /* worker threads, helpers, and the owner until noh_system_free */

    pthread_mutex_t stop_lock; /* one stop at a time; never waited for: see begin_stop */
    nohi_worker *root;         /* the self the stop acts with */
    atom(uint32_t) stopping;   /* spawns and timers are refused */
    atom(uint32_t) closing;    /* workers leave */
    atom(uint32_t) stop_word;  /* changes when somebody rests while stopping */
    atom(uint32_t) stop_seen;  /* workers that have seen it */
    atom(uint32_t) watcher;    /* the worker that looks at the busy ones, + 1, or 0; policy.c */
    atom(uint32_t) asleep;     /* workers that doze, and that sleep: policy.c, rule 3 */
    atom(nohi_seats *) seats;  /* circle.h; only ever more */
    nohi_watchdog watchdog;
    bool spins;      /* more than one processor: a short busy wait may pay */
    uint64_t secret; /* tells this system from others, by chance */

    pthread_mutex_t lock; /* threads come and go; timer pages */
    uint32_t threads;     /* homes of threads and host loops in use; under `lock` */
    void *selfs;          /* the local of env where each thread's home is; */
    bool has_selfs;       /* until noh_system_free; under `lock` where that may run */

    nohi_blocking blocking;

    pthread_mutex_t names_lock;
    nohi_map names;  /* name -> nohi_name * */
    nohi_map by_ref; /* ref as text -> its first nohi_name * */

    pthread_mutex_t dead_lock;
    noh_ref subscribers[NOHI_SUBSCRIBERS_MAX];
    atom(uint32_t) subscriber_count;
    int64_t dead_window_ns; /* the log's rate limit */
    uint32_t dead_logged;
    uint64_t dead_hidden;

    pthread_mutex_t promises_lock;
    nohi_outside *outside; /* promise.c */
    uint32_t outside_capacity;
    uint32_t outside_free; /* place + 1 of the first free one */
    uint64_t outside_serial;

    atom(nohi_timer *) timer_pages[NOHI_TIMER_PAGES];
    uint32_t timer_page_count; /* under `lock` */
    uint32_t timer_free;       /* free records for all homes; under `lock` */
};

NOHI_INLINE nohi_worker *nohi_system_home(nohi_system *system, unsigned id)
{
    return load_acquire(&system->homes[id]);
}

NOHI_INLINE int64_t nohi_now(nohi_system *system)
{
    return system->env.now_ns(system->env.world);
}

/* The home of this thread, or NULL. */
NOHI_INLINE nohi_worker *nohi_system_own(nohi_system *system)
{
    return system->env.local_get(system->env.world, system->selfs);
}

/* NOMEM; never for NULL. */
NOHI_INLINE noh_err nohi_system_set_own(nohi_system *system, nohi_worker *w)
{
    return system->env.local_set(system->env.world, system->selfs, w);
}

NOHI_INLINE bool nohi_is_stopping(nohi_system *system)
{
    return load_seq_cst(&system->stopping) != 0;
}

/* A new home, or one that a thread of the same kind has left. Errors: LIMIT, NOMEM. */
noh_err nohi_system_add_home(nohi_system *system, nohi_worker_kind kind, nohi_worker **ret_home);
/* The thread has left it. */
void nohi_system_give_home(nohi_system *system, nohi_worker *home);
/* One user less; the last one frees the system. */
void nohi_system_release(nohi_system *system);
/* While the system stops: a worker has nothing to do; a worker has seen that it stops. */
void nohi_system_note_rest(nohi_system *system);
void nohi_system_note_stopping(nohi_system *system);
/* Around the look whether the system stops, and the spawn, of a home that is no worker. */
void nohi_system_begin_spawn(nohi_worker *w);
void nohi_system_end_spawn(nohi_worker *w);

/* check.c, for tests: NULL, or an invariant that does not hold. `quiet`: the system runs and is at
 * rest, no other thread is in a call. Not quiet: its threads have left, letters may lie anywhere. */
const char *nohi_system_check(nohi_system *system, bool quiet);

/* name.c: a name for an actor to be spawned, not found yet; errors as noh_register's. Then it is. */
noh_err nohi_name_reserve(nohi_system *system, const char *text, noh_ref actor);
void nohi_name_publish(nohi_system *system, const char *text, noh_ref actor);
/* Takes back all names of an actor that ended, or never was. */
void nohi_name_forget(nohi_system *system, noh_ref ref);

/* log.c */
void nohi_log(nohi_system *system, noh_log_level level, noh_ref ref, const noh_behavior *behavior,
              const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
