/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Litmus: small programs whose outcomes under each memory model are known, and planted faults. Two
 * digits are what was read, in the order of the text. */
#include "explore.h"

typedef struct shared {
    atom(uint32_t) x;
    atom(uint32_t) y;
    uint32_t plain;
    pthread_mutex_t lock;
} shared;
#define S MODEL_SHARED(shared)
#define R MODEL_GHOST(unsigned)

#define LITMUS(name, ...) \
    MODEL(name, .quiet = true, .about = "", .shared_bytes = sizeof(shared), \
          .thread_names = {"one", "two", "three", "four"}, __VA_ARGS__)

static void show_two(void)
{
    nohi_model_outcome(R[0] * 10 + R[1]);
}

/* ---- store buffering: x=1; read y || y=1; read x ------------------------------------------ */

#define STORE_BUFFERING(name, store, load) \
    static void name##_one(unsigned thread) \
    { \
        store(&S->x, 1); \
        R[0] = load(&S->y); \
    } \
    static void name##_two(unsigned thread) \
    { \
        store(&S->y, 1); \
        R[1] = load(&S->x); \
    }
STORE_BUFFERING(sb_rlx, store_relaxed, load_relaxed)
STORE_BUFFERING(sb_ra, store_release, load_acquire)
STORE_BUFFERING(sb_sc, store_seq_cst, load_seq_cst)
STORE_BUFFERING(sb_half, store_release, load_seq_cst)
LITMUS(sb_rlx, .threads = {sb_rlx_one, sb_rlx_two}, .check = show_two,
       .outcomes = {"01 10 11", "00 01 10 11", "00 01 10 11"});
LITMUS(sb_ra, .threads = {sb_ra_one, sb_ra_two}, .check = show_two,
       .outcomes = {"01 10 11", "00 01 10 11", "00 01 10 11"});
LITMUS(sb_sc, .threads = {sb_sc_one, sb_sc_two}, .check = show_two,
       .outcomes = {"01 10 11", "01 10 11", "01 10 11"});
LITMUS(sb_half, .threads = {sb_half_one, sb_half_two}, .check = show_two,
       .outcomes = {"01 10 11", "00 01 10 11", "00 01 10 11"});

/* The same with relaxed operations and a membarrier on one side. */
static void sb_membarrier_two(unsigned thread)
{
    store_relaxed(&S->y, 1);
    nohi_model_membarrier();
    R[1] = load_relaxed(&S->x);
}
LITMUS(sb_membarrier, .membarriers = true, .threads = {sb_rlx_one, sb_membarrier_two},
       .check = show_two, .outcomes = {"01 10 11", "01 10 11", "01 10 11"});

/* ---- message passing: x=1; y=1 || read y; read x ------------------------------------------ */

static void mp_rlx_one(unsigned thread)
{
    store_relaxed(&S->x, 1);
    store_relaxed(&S->y, 1);
}

static void mp_ra_one(unsigned thread)
{
    store_relaxed(&S->x, 1);
    store_release(&S->y, 1);
}

static void mp_rlx_two(unsigned thread)
{
    R[0] = load_relaxed(&S->y);
    R[1] = load_relaxed(&S->x);
}

static void mp_ra_two(unsigned thread)
{
    R[0] = load_acquire(&S->y);
    R[1] = load_relaxed(&S->x);
}
LITMUS(mp_rlx, .threads = {mp_rlx_one, mp_rlx_two}, .check = show_two,
       .outcomes = {"00 01 11", "00 01 11", "00 01 10 11"});
LITMUS(mp_ra, .threads = {mp_ra_one, mp_ra_two}, .check = show_two,
       .outcomes = {"00 01 11", "00 01 11", "00 01 11"});
LITMUS(mp_no_acquire, .threads = {mp_ra_one, mp_rlx_two}, .check = show_two,
       .outcomes = {"00 01 11", "00 01 11", "00 01 10 11"});
LITMUS(mp_no_release, .threads = {mp_rlx_one, mp_ra_two}, .check = show_two,
       .outcomes = {"00 01 11", "00 01 11", "00 01 10 11"});

/* ---- load buffering: read x; y=1 || read y; x=1. Not covered: 11 is never shown ------------ */

static void lb_one(unsigned thread)
{
    R[0] = load_relaxed(&S->x);
    store_relaxed(&S->y, 1);
}

static void lb_two(unsigned thread)
{
    R[1] = load_relaxed(&S->y);
    store_relaxed(&S->x, 1);
}
LITMUS(lb, .threads = {lb_one, lb_two}, .check = show_two,
       .outcomes = {"00 01 10", "00 01 10", "00 01 10"});

/* ---- coherence: x=1; x=2 || read x; read x ------------------------------------------------- */

static void corr_one(unsigned thread)
{
    store_relaxed(&S->x, 1);
    store_relaxed(&S->x, 2);
}

static void corr_two(unsigned thread)
{
    R[0] = load_relaxed(&S->x);
    R[1] = load_relaxed(&S->x);
}
LITMUS(corr, .threads = {corr_one, corr_two}, .check = show_two,
       .outcomes = {"00 01 02 11 12 22", "00 01 02 11 12 22", "00 01 02 11 12 22"});

/* ---- 2+2W: x=1; y=2 || y=1; x=2. What is left: x y ----------------------------------------- */

#define TWO_WRITES(name, store) \
    static void name##_one(unsigned thread) \
    { \
        store(&S->x, 1); \
        store(&S->y, 2); \
    } \
    static void name##_two(unsigned thread) \
    { \
        store(&S->y, 1); \
        store(&S->x, 2); \
    }
TWO_WRITES(ww, store_release)
TWO_WRITES(ww_sc, store_seq_cst)

static void show_memory(void)
{
    nohi_model_outcome(load_relaxed(&S->x) * 10 + load_relaxed(&S->y));
}
LITMUS(ww, .threads = {ww_one, ww_two}, .check = show_memory,
       .outcomes = {"12 21 22", "12 21 22", "11 12 21 22"});
LITMUS(ww_sc, .threads = {ww_sc_one, ww_sc_two}, .check = show_memory,
       .outcomes = {"12 21 22", "12 21 22", "12 21 22"});

/* ---- IRIW: x=1 || y=1 || read x, y || read y, x. 10: the readers see them in two orders ----- */

#define IRIW(name, store, load) \
    static void name##_one(unsigned thread) \
    { \
        store(&S->x, 1); \
    } \
    static void name##_two(unsigned thread) \
    { \
        store(&S->y, 1); \
    } \
    static void name##_three(unsigned thread) \
    { \
        R[0] = load(&S->x); \
        R[1] = load(&S->y); \
    } \
    static void name##_four(unsigned thread) \
    { \
        R[2] = load(&S->y); \
        R[3] = load(&S->x); \
    }
IRIW(iriw, store_release, load_acquire)
IRIW(iriw_sc, store_seq_cst, load_seq_cst)

static void show_disagreement(void)
{
    nohi_model_outcome(R[0] == 1 && R[1] == 0 && R[2] == 1 && R[3] == 0 ? 10 : 0);
}
LITMUS(iriw, .threads = {iriw_one, iriw_two, iriw_three, iriw_four}, .check = show_disagreement,
       .outcomes = {"00", "00", "00 10"});
LITMUS(iriw_sc, .threads = {iriw_sc_one, iriw_sc_two, iriw_sc_three, iriw_sc_four},
       .check = show_disagreement, .outcomes = {"00", "00", "00"});

/* ---- release sequence: x=1; y=1 release || y += 1 relaxed || read y; read x ----------------- */

static void rs_two(unsigned thread)
{
    (void)add_relaxed(&S->y, 4);
}

static void rs_overwrite(unsigned thread)
{
    store_relaxed(&S->y, 4);
}
/* y is 5: the addition came after the release and hands it on. */
LITMUS(release_sequence, .threads = {mp_ra_one, rs_two, mp_ra_two}, .check = show_two,
       .outcomes = {"00 01 11 40 41 51", "00 01 11 40 41 51", "00 01 11 40 41 51"});
/* 4 tells nothing, also where it comes after the release. */
LITMUS(no_release_sequence, .threads = {mp_ra_one, rs_overwrite, mp_ra_two}, .check = show_two,
       .outcomes = {"00 01 11 40 41", "00 01 11 40 41", "00 01 11 40 41"});

/* ---- read-modify-writes: nothing comes between the read and the write ----------------------- */

static void rmw_one(unsigned thread)
{
    (void)add_relaxed(&S->x, 1);
}

static void rmw_store(unsigned thread)
{
    store_relaxed(&S->x, 5);
}
LITMUS(rmw, .threads = {rmw_one, rmw_one, rmw_one}, .check = show_memory,
       .outcomes = {"30", "30", "30"});
LITMUS(rmw_store, .threads = {rmw_one, rmw_store}, .check = show_memory,
       .outcomes = {"50 60", "50 60", "50 60"});

static void cas_one(unsigned thread)
{
    uint32_t seen = 0;
    R[thread] = cas_weak_seq_cst(&S->x, &seen, 1) ? 1 : 0;
}
/* One wins at most, and a weak one may fail for no reason. */
LITMUS(cas, .threads = {cas_one, cas_one}, .check = show_two,
       .outcomes = {"00 01 10", "00 01 10", "00 01 10"});

/* ---- planted faults ----------------------------------------------------------------------- */

static void race_write(unsigned thread)
{
    S->plain = 1;
    store_release(&S->x, 1);
}

static void race_read(unsigned thread)
{
    if (load_acquire(&S->x) == 1) {
        R[0] = S->plain;
    }
}

static void race_read_relaxed(unsigned thread)
{
    if (load_relaxed(&S->x) == 1) {
        R[0] = S->plain;
    }
}
LITMUS(no_race, .threads = {race_write, race_read, race_read});
LITMUS(race, .threads = {race_write, race_read_relaxed}, .fails = "race");
LITMUS(race_of_writes, .threads = {race_write, race_write}, .fails = "race");

static void race_after_read(unsigned thread)
{
    R[0] = S->plain;
}
LITMUS(race_read_write, .threads = {race_after_read, race_write}, .fails = "race");

static void locked(unsigned thread)
{
    pthread_mutex_lock(&S->lock);
    S->plain++;
    pthread_mutex_unlock(&S->lock);
}

static void three_were_there(void)
{
    MODEL_CHECK(S->plain == 3);
}
LITMUS(lock, .threads = {locked, locked, locked}, .check = three_were_there);

static void locked_twice(unsigned thread)
{
    pthread_mutex_lock(&S->lock);
    pthread_mutex_lock(&S->lock);
}
LITMUS(deadlock, .threads = {locked_twice, race_write}, .fails = "deadlock");

/* A lost wake-up: it looks, and then sleeps for good. */
static void sleeper(unsigned thread)
{
    const noh_env *env = &nohi_model_env;
    if (load_seq_cst(&S->x) == 0) {
        env->park_wait(env->world, &S->y, 0, -1);
    }
}

static void waker(unsigned thread)
{
    const noh_env *env = &nohi_model_env;
    store_seq_cst(&S->x, 1);
    env->park_wake(env->world, &S->y);
}

static void changing_waker(unsigned thread)
{
    store_seq_cst(&S->y, 1);
    waker(thread);
}
LITMUS(lost_wakeup, .threads = {sleeper, waker}, .fails = "deadlock");
LITMUS(no_lost_wakeup, .threads = {sleeper, changing_waker});
LITMUS(spurious, .threads = {sleeper, waker}, .spurious = ALL);

static void spinner(unsigned thread)
{
    while (load_acquire(&S->x) == 0) {
    }
}

static void releaser(unsigned thread)
{
    store_release(&S->x, 1);
}
LITMUS(stuck, .threads = {spinner, sb_half_two}, .fails = "stuck");
LITMUS(not_stuck, .threads = {spinner, releaser});

/* Each always does something, and neither ever ends. */
static void livelock_one(unsigned thread)
{
    for (;;) {
        while (load_relaxed(&S->x) != thread) {
        }
        store_relaxed(&S->x, 1 - thread);
    }
}
LITMUS(livelock, .threads = {livelock_one, livelock_one}, .fails = "stuck");

static void stray_write(unsigned thread)
{
    static unsigned volatile outside[1];
    outside[0] += thread;
}
LITMUS(stray, .threads = {stray_write}, .fails = "access");

static void chooser(unsigned thread)
{
    R[thread] = nohi_model_choose(3);
}
LITMUS(choose, .threads = {chooser, chooser}, .check = show_two,
       .outcomes = {"00 01 02 10 11 12 20 21 22", NULL, NULL});

static void failing(unsigned thread)
{
    (void)add_relaxed(&S->x, 1);
    MODEL_CHECK(load_relaxed(&S->x) != 2);
}
LITMUS(failing_check, .threads = {failing, failing}, .fails = "check");

static void wild(unsigned thread)
{
    (void)add_relaxed(&S->x, 1);
    *(volatile int *)(uintptr_t)(load_relaxed(&S->x) * 8) = 1;
}
LITMUS(crash, .threads = {wild}, .fails = "access");
