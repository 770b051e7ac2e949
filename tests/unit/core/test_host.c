/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: the event loop of a program runs actors as a worker does: it is woken when there is
 * work, it knows how long it may sleep, and what it leaves behind goes on elsewhere.
 * Method: a loop made by hand, of an eventfd and poll; a loop that would sleep for ever with
 * work left hangs the case. */
#include "core.h"

#include <poll.h>
#include <sys/eventfd.h>

NOH_MESSAGE(poke, (int64_t, value));
NOH_MESSAGE(poked, (int64_t, value), (uint64_t, thread));
NOH_MESSAGE(count_down, (noh_ref, home), (int64_t, left));
NOH_MESSAGE(later, (noh_ref, home), (int64_t, delay_ns));
NOH_MESSAGE(tick, (noh_ref, home));
NOH_MESSAGE(fail_now);
NOH_MESSAGE(block);
NOH_MESSAGE(sum, (int64_t, value));
NOH_REQUEST(get_sum, sum);
NOH_REQUEST(forget, sum);
NOH_MESSAGE(arm_many, (int64_t, count));

static core_gate gate = CORE_GATE;

typedef struct guest {
    int64_t sum;
} guest;

static uint64_t this_thread(void)
{
    return (uint64_t)(uintptr_t)pthread_self();
}

static noh_err guest_poke(noh_self *self, guest *me, const poke *m)
{
    me->sum += m->value;
    (void)noh_tell(self, noh_sender(self), poked, .value = m->value, .thread = this_thread());
    return NOH_OK; /* the loop may have gone */
}

static noh_err guest_count_down(noh_self *self, guest *me, const count_down *m)
{
    return m->left == 0 ? noh_tell(self, m->home, poked, .thread = this_thread())
                        : noh_tell(self, noh_self_ref(self), count_down, .home = m->home,
                                   .left = m->left - 1);
}

static noh_err guest_later(noh_self *self, guest *me, const later *m)
{
    return noh_after(self, m->delay_ns, noh_self_ref(self), tick, NULL, .home = m->home);
}

static noh_err guest_tick(noh_self *self, guest *me, const tick *m)
{
    return noh_tell(self, m->home, poked, .value = -1, .thread = this_thread());
}

static noh_err guest_fail(noh_self *self, guest *me, const fail_now *m)
{
    noh_fail(self, NOH_E_OS, "on the loop");
    return NOH_OK;
}

static noh_err guest_block(noh_self *self, guest *me, const block *m)
{
    core_pass(&gate);
    return NOH_OK;
}

static noh_err guest_forget(noh_self *self, guest *me, const forget *m)
{
    return NOH_OK;
}

static noh_err guest_arm_many(noh_self *self, guest *me, const arm_many *m)
{
    for (int64_t i = 0; i < m->count; i++) {
        CHECK_OK(noh_after(self, 3600 * NOH_SECOND, noh_self_ref(self), tick, NULL));
    }
    return NOH_OK;
}

static noh_err guest_get_sum(noh_self *self, guest *me, const get_sum *m)
{
    return noh_reply(self, sum, .value = me->sum);
}

NOH_BEHAVIOR(guest, NOH_ON(poke, guest_poke), NOH_ON(count_down, guest_count_down),
             NOH_ON(later, guest_later), NOH_ON(tick, guest_tick), NOH_ON(fail_now, guest_fail),
             NOH_ON(block, guest_block), NOH_ON(forget, guest_forget),
             NOH_ON(arm_many, guest_arm_many), NOH_ON(get_sum, guest_get_sum));

/* ---- a loop ------------------------------------------------------------------------------- */

typedef struct loop {
    int fd;
    atomic_int wakes;
    noh_self *self;
} loop;

static void wake_loop(void *ctx)
{
    loop *l = ctx;
    uint64_t one = 1;
    atomic_fetch_add(&l->wakes, 1);
    CHECK_EQ(write(l->fd, &one, sizeof one), (ssize_t)sizeof one);
}

static void open_loop(loop *l, noh_system *system)
{
    *l = (loop){.fd = eventfd(0, EFD_NONBLOCK)};
    CHECK(l->fd >= 0);
    CHECK_OK(noh_host_new(system, wake_loop, l, &l->self));
}

static void close_loop(loop *l)
{
    noh_host_free(l->self);
    CHECK_EQ(close(l->fd), 0);
}

/* Sleeps until the loop is woken, or for as long as noh_host_run allows. */
static void sleep_until_woken(const loop *l, int64_t sleep_ns)
{
    CHECK(sleep_ns >= 0);
    int timeout_ms = sleep_ns == NOH_FOREVER ? -1 : (int)((sleep_ns + NOH_MS - 1) / NOH_MS);
    struct pollfd waiting = {.fd = l->fd, .events = POLLIN};
    (void)poll(&waiting, 1, timeout_ms);
    uint64_t count;
    (void)!read(l->fd, &count, sizeof count);
}

static void run_all(loop *l)
{
    while (noh_host_run(l->self) == 0) {
    }
}

/* One that stays here, however heavy it is. */
static noh_ref spawn_pinned(noh_self *self)
{
    noh_ref ref;
    CHECK_OK(noh_spawn_with(self, &noh_behavior_guest, NULL, &(noh_spawn_options){.pinned = true},
                            &ref));
    return ref;
}

/* ---- cases -------------------------------------------------------------------------------- */

static void what_a_loop_spawns_runs_on_the_loop(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    loop l;
    open_loop(&l, system);
    CHECK(noh_system_self(system) == l.self);
    noh_ref ref = spawn_pinned(l.self);
    for (int i = 0; i < 100; i++) {
        CHECK_OK(noh_tell(l.self, ref, poke, .value = i));
        const poked *p = CORE_RECEIVE(poked, l.self);
        CHECK_EQ(p->value, i);
        CHECK_EQ(p->thread, this_thread());
    }
    sum answer;
    CHECK_OK(noh_call(l.self, ref, get_sum, &answer));
    CHECK_EQ(answer.value, 99 * 50);
    CHECK_EQ(noh_host_run(l.self), NOH_FOREVER);
    close_loop(&l);
    core_end(&world, system);
}

static void a_run_that_did_something_is_seen(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    loop l;
    open_loop(&l, system);
    noh_ref ref = spawn_pinned(l.self);
    run_all(&l);
    uint64_t seen = noh_host_seen(l.self);
    run_all(&l);
    CHECK_EQ(noh_host_seen(l.self), seen); /* nothing was there */
    CHECK_OK(noh_tell(l.self, ref, poke, .value = 1));
    run_all(&l);
    CHECK_EQ(noh_host_seen(l.self), seen + 2); /* the poke, and what came back */
    CORE_RECEIVE(poked, l.self);
    CHECK_EQ(noh_host_seen(l.self), seen + 2); /* that is the same message */
    CHECK_OK(noh_stop(l.self, ref, NOH_STOP_NOW));
    run_all(&l);
    CHECK_EQ(noh_host_seen(l.self), seen + 3);
    close_loop(&l);
    core_end(&world, system);
}

static void host_loops_are_checked(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = NULL;
    CHECK_ERR(noh_host_new(NULL, wake_loop, NULL, &self), NOH_E_INVAL);
    CHECK_ERR(noh_host_new(system, NULL, NULL, &self), NOH_E_INVAL);
    CHECK_ERR(noh_host_new(system, wake_loop, NULL, NULL), NOH_E_INVAL);
    CHECK(self == NULL);
    CHECK_OK(noh_host_new(system, wake_loop, NULL, &self));
    noh_self *second = NULL;
    CHECK_ERR(noh_host_new(system, wake_loop, NULL, &second), NOH_E_TAKEN);
    noh_host_free(self);
    noh_self *plain = noh_system_self(system);
    CHECK_ERR(noh_host_new(system, wake_loop, NULL, &second), NOH_E_TAKEN);
    CHECK(second == NULL);
    CHECK_EQ(noh_host_run(plain), NOH_FOREVER); /* no loop: nothing to run */
    CHECK_EQ(noh_host_seen(plain), 0);
    noh_host_free(plain);
    CHECK(noh_system_self(system) == plain); /* nor to free */
    CHECK_EQ(noh_host_run(NULL), NOH_FOREVER);
    CHECK_EQ(noh_host_seen(NULL), 0);
    noh_host_free(NULL);
    core_end(&world, system);
}

typedef struct outside {
    noh_system *system;
    noh_ref guest;
    int64_t rounds;
} outside;

/* Asks the guest again and again; each time the loop may be asleep. */
static void *ask_from_outside(void *arg)
{
    outside *o = arg;
    noh_self *self = noh_system_self(o->system);
    noh_ref home = noh_lookup(o->system, "loop");
    for (int64_t i = 0; i < o->rounds; i++) {
        sum answer;
        CHECK_OK(noh_tell(self, o->guest, poke, .value = 1));
        CHECK_OK(noh_call(self, o->guest, get_sum, &answer));
        CHECK_EQ(answer.value, i + 1);
        (void)CORE_RECEIVE(poked, self);
    }
    CHECK_OK(noh_tell(self, home, poke, .value = 0));
    return NULL;
}

static void a_sleeping_loop_is_woken_by_each_message(void)
{
    enum { ROUNDS = 3000 };
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    loop l;
    open_loop(&l, system);
    outside o = {system, noh_spawn(l.self, guest), ROUNDS};
    CHECK_OK(noh_register(l.self, "loop", noh_self_ref(l.self)));
    pthread_t thread = core_thread(ask_from_outside, &o);
    const noh_type *type;
    const void *got;
    for (;;) {
        int64_t sleep_ns = noh_host_run(l.self);
        /* The loop's own mail, which the run may have brought without a wake-up. */
        if (noh_receive(l.self, 0, &type, &got) == NOH_OK) {
            CHECK(type == NOH_TYPE(poke));
            break;
        }
        sleep_until_woken(&l, sleep_ns);
    }
    core_join_thread(thread);
    CHECK(l.wakes >= 1);
    close_loop(&l);
    core_end(&world, system);
}

static void a_run_ends_in_time_and_says_that_work_is_left(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    loop l;
    open_loop(&l, system);
    noh_ref ref = spawn_pinned(l.self);
    CHECK_OK(noh_tell(l.self, ref, count_down, .home = noh_self_ref(l.self), .left = 5000000));
    int64_t began_ns = noh_now(system);
    CHECK_EQ(noh_host_run(l.self), 0);
    CHECK(noh_now(system) - began_ns < 5 * NOH_SECOND);
    CHECK_OK(noh_stop(l.self, ref, NOH_STOP_NOW));
    CHECK_OK(noh_join(l.self, ref, NOH_FOREVER, NULL));
    close_loop(&l);
    core_end(&world, system);
}

static void timers_of_a_loop_fire_on_the_loop(void)
{
    core_world world;
    core_open(&world);
    core_own_clock(&world, NOH_SECOND);
    noh_system *system = core_system(&world, 1, NULL);
    loop l;
    open_loop(&l, system);
    noh_ref me = noh_self_ref(l.self);
    noh_ref ref = spawn_pinned(l.self);
    CHECK_OK(noh_tell(l.self, ref, later, .home = me, .delay_ns = 50 * NOH_MS));
    CHECK_OK(noh_after(l.self, 20 * NOH_MS, me, poke, NULL, .value = 2));
    run_all(&l);
    CHECK_EQ(noh_host_run(l.self), 20 * NOH_MS); /* to the next one */
    core_advance(&world, 5 * NOH_MS);
    CHECK_EQ(noh_host_run(l.self), 15 * NOH_MS);
    core_expect_nothing(l.self);
    core_advance(&world, 15 * NOH_MS);
    run_all(&l);
    CHECK_EQ(CORE_RECEIVE(poke, l.self)->value, 2);
    CHECK_EQ(noh_host_run(l.self), 30 * NOH_MS);
    core_advance(&world, 100 * NOH_MS);
    run_all(&l);
    const poked *p = CORE_RECEIVE(poked, l.self);
    CHECK_EQ(p->value, -1);
    CHECK_EQ(p->thread, this_thread());
    CHECK_EQ(noh_host_run(l.self), NOH_FOREVER);
    close_loop(&l);
    core_end(&world, system);
}

/* It sleeps for as long as it was told, and that is too long now. */
static void a_loop_is_woken_for_a_timer_of_its_own(void)
{
    core_world world;
    core_open(&world);
    core_own_clock(&world, NOH_SECOND);
    noh_system *system = core_system(&world, 1, NULL);
    loop l;
    open_loop(&l, system);
    noh_ref me = noh_self_ref(l.self);
    CHECK_EQ(noh_host_run(l.self), NOH_FOREVER);
    int before = atomic_load(&l.wakes);
    CHECK_OK(noh_after(l.self, 20 * NOH_MS, me, poke, NULL, .value = 1));
    CHECK_EQ(atomic_load(&l.wakes), before + 1);
    run_all(&l);
    CHECK_EQ(noh_host_run(l.self), 20 * NOH_MS);
    before = atomic_load(&l.wakes);
    CHECK_OK(noh_after(l.self, 5 * NOH_MS, me, poke, NULL, .value = 2));
    CHECK_EQ(atomic_load(&l.wakes), before + 1);
    run_all(&l);
    CHECK_EQ(noh_host_run(l.self), 5 * NOH_MS);
    close_loop(&l);
    core_end(&world, system);
}

static void a_guest_that_fails_does_not_harm_the_loop(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    loop l;
    open_loop(&l, system);
    for (int i = 0; i < 100; i++) {
        noh_ref ref = noh_spawn(l.self, guest);
        noh_ref other = noh_spawn(l.self, guest);
        CHECK_OK(noh_tell(l.self, ref, fail_now));
        CHECK_OK(noh_tell(l.self, other, poke, .value = 1));
        noh_exit exit;
        CHECK_OK(noh_join(l.self, ref, NOH_FOREVER, &exit));
        CHECK_EQ(exit.kind == NOH_EXIT_UNKNOWN || exit.code == NOH_E_OS, true);
        CHECK_EQ(CORE_RECEIVE(poked, l.self)->value, 1);
        CHECK_OK(noh_stop(l.self, other, NOH_STOP_NOW));
        CHECK_OK(noh_join(l.self, other, NOH_FOREVER, NULL));
    }
    CHECK_EQ(core_logged(&world, "on the loop") + core_logged(&world, "dead letter"), CORE_LINES);
    CHECK_EQ(core_actors(system), 0);
    close_loop(&l);
    core_end(&world, system);
}

/* ---- the loop ends ------------------------------------------------------------------------ */

static void guests_move_to_the_workers_when_the_loop_ends(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    loop l;
    open_loop(&l, system);
    noh_ref refs[50];
    for (int i = 0; i < 50; i++) {
        CHECK_OK(noh_spawn_with(l.self, &noh_behavior_guest, NULL,
                                &(noh_spawn_options){.pinned = i % 2}, &refs[i]));
        if (i < 25) {
            CHECK_OK(noh_tell(l.self, refs[i], poke, .value = 1)); /* never run here */
        }
    }
    close_loop(&l);
    noh_self *self = noh_system_self(system);
    for (int i = 0; i < 50; i++) {
        sum answer;
        CHECK_OK(noh_call(self, refs[i], get_sum, &answer));
        CHECK_EQ(answer.value, i < 25);
        CHECK_OK(noh_tell(self, refs[i], poke, .value = 1));
        CHECK(CORE_RECEIVE(poked, self)->thread != this_thread());
    }
    core_end(&world, system);
}

static void timers_of_guests_outlive_the_loop(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self;
    loop l;
    open_loop(&l, system);
    noh_ref ref = noh_spawn(l.self, guest);
    CHECK_OK(noh_register(l.self, "guest", ref));
    CHECK_OK(noh_tell(l.self, ref, later, .home = ref, .delay_ns = 20 * NOH_MS));
    run_all(&l);
    close_loop(&l);
    self = noh_system_self(system);
    /* The tick comes to the guest, and `poked` from it, which it does not handle. */
    for (int i = 0; i < 3000 && core_dead(system, NOH_DEAD_UNHANDLED) == 0; i++) {
        const noh_type *type;
        const void *got;
        CHECK_ERR(noh_receive(self, NOH_MS, &type, &got), NOH_E_TIMEOUT);
    }
    CHECK_EQ(core_dead(system, NOH_DEAD_UNHANDLED), 1);
    core_end(&world, system);
}

typedef struct host_thread {
    noh_system *system;
    atomic_bool over;
    _Atomic uint64_t guest;
    core_gate ready;
} host_thread;

/* Ends without noh_host_free. */
static void *host_and_end(void *arg)
{
    host_thread *h = arg;
    loop l;
    open_loop(&l, h->system);
    atomic_store(&h->guest, noh_spawn(l.self, guest).bits);
    run_all(&l);
    CHECK_EQ(close(l.fd), 0);
    return NULL;
}

static void a_thread_that_ends_as_a_loop_leaves_its_guests(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    for (int i = 0; i < 50; i++) {
        host_thread h = {.system = system};
        core_join_thread(core_thread(host_and_end, &h));
        sum answer;
        CHECK_OK(noh_call(self, (noh_ref){h.guest}, get_sum, &answer));
        (void)core_stop(self, (noh_ref){h.guest}, NOH_STOP_NOW);
    }
    noh_stats stats;
    CHECK_OK(noh_system_stats(system, &stats));
    CHECK_EQ(stats.threads, 1);
    core_end(&world, system);
}

static void *ask_the_forgetful(void *arg)
{
    host_thread *h = arg;
    noh_self *self = noh_system_self(h->system);
    sum answer;
    CHECK_ERR(noh_call(self, (noh_ref){h->guest}, forget, &answer), NOH_E_NO_ANSWER);
    atomic_store(&h->over, true);
    return NULL;
}

static void *ask_the_loop(void *arg)
{
    host_thread *h = arg;
    noh_self *self = noh_system_self(h->system);
    sum answer;
    CHECK_OK(noh_call(self, (noh_ref){h->guest}, get_sum, &answer));
    CHECK_EQ(answer.value, 5);
    return NULL;
}

/* A promise that the loop took for its message is not the guest's. */
static void guests_do_not_see_what_the_loop_has_in_hand(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    loop l;
    open_loop(&l, system);
    noh_ref ref = spawn_pinned(l.self);
    host_thread of_loop = {.system = system, .guest = noh_self_ref(l.self).bits};
    host_thread of_guest = {.system = system, .guest = ref.bits};
    pthread_t first = core_thread(ask_the_loop, &of_loop);
    (void)CORE_RECEIVE(get_sum, l.self);
    noh_promise promise;
    CHECK_OK(noh_promise_take(l.self, &promise));
    pthread_t second = core_thread(ask_the_forgetful, &of_guest);
    while (!atomic_load(&of_guest.over)) {
        (void)noh_host_run(l.self);
        sched_yield();
    }
    CHECK_OK(noh_promise_keep(l.self, promise, sum, .value = 5));
    core_join_thread(first);
    core_join_thread(second);
    close_loop(&l);
    core_end(&world, system);
}

/* Looking into its mailbox is no reason to be woken. */
static void a_loop_that_looks_into_its_mailbox_may_sleep(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    loop l;
    open_loop(&l, system);
    noh_ref ref = spawn_pinned(l.self);
    CHECK_OK(
        noh_tell(l.self, ref, later, .home = noh_self_ref(l.self), .delay_ns = 3 * NOH_SECOND));
    run_all(&l);
    int before = atomic_load(&l.wakes);
    for (int i = 0; i < 1000; i++) {
        const noh_type *type;
        const void *message;
        CHECK_ERR(noh_receive(l.self, 0, &type, &message), NOH_E_TIMEOUT);
        CHECK(noh_host_run(l.self) > 0);
    }
    CHECK_EQ(atomic_load(&l.wakes), before);
    CHECK_OK(noh_tell(l.self, ref, poke, .value = 1)); /* but then it is */
    CHECK_EQ(atomic_load(&l.wakes), before + 1);
    close_loop(&l);
    core_end(&world, system);
}

static void timers_of_loops_that_left_leave_no_records(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    size_t bytes = 0;
    for (int i = 0; i < 60; i++) {
        loop l;
        open_loop(&l, system);
        noh_ref ref = spawn_pinned(l.self);
        CHECK_OK(noh_tell(l.self, ref, arm_many, .count = 4000));
        run_all(&l);
        close_loop(&l);
        noh_self *self = noh_system_self(system);
        (void)core_stop(self, ref, NOH_STOP_NOW);
        CHECK_OK(noh_self_free(self));
        pthread_mutex_lock(&world.fault.lock);
        bytes = i == 20 ? world.fault.live_bytes : bytes;
        CHECK(i <= 20 || world.fault.live_bytes < bytes + (1 << 20));
        pthread_mutex_unlock(&world.fault.lock);
    }
    core_end(&world, system);
}

/* ---- stop --------------------------------------------------------------------------------- */

static void a_loop_that_stops_the_system_runs_its_guests_to_the_end(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    loop l;
    open_loop(&l, system);
    for (int i = 0; i < 100; i++) {
        CHECK_OK(noh_tell(l.self, noh_spawn(l.self, guest), poke, .value = 1));
    }
    CHECK_OK(noh_system_stop(system, 60 * NOH_SECOND));
    CHECK_EQ(core_actors(system), 0);
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(CORE_RECEIVE(poked, l.self)->value,
                 1); /* here, or on a worker if they are heavy */
    }
    CHECK(noh_ref_is_none(noh_spawn(l.self, guest)));
    close_loop(&l);
    core_end(&world, system);
}

static void *run_a_loop(void *arg)
{
    host_thread *h = arg;
    loop l;
    open_loop(&l, h->system);
    noh_ref ref = spawn_pinned(l.self);
    CHECK_OK(noh_tell(l.self, ref, poke, .value = 1));
    CHECK_OK(noh_tell(l.self, ref, block));
    atomic_store(&h->guest, ref.bits);
    while (!atomic_load(&h->over)) {
        int64_t sleep_ns = noh_host_run(l.self);
        struct pollfd waiting = {.fd = l.fd, .events = POLLIN};
        (void)poll(&waiting, 1, sleep_ns == 0 ? 0 : 1);
        uint64_t count;
        (void)!read(l.fd, &count, sizeof count);
    }
    close_loop(&l);
    return NULL;
}

static void a_stop_waits_for_another_threads_loop_and_names_its_guest(void)
{
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    host_thread h = {.system = system};
    pthread_t thread = core_thread(run_a_loop, &h);
    core_await_inside(&gate, 1);
    CHECK_ERR(noh_system_stop(system, NOH_MS), NOH_E_HELD_UP);
    bool named = false;
    for (size_t i = 0; i < world.line_count && i < CORE_LINES; i++) {
        named = named || world.lines[i].actor == h.guest;
    }
    CHECK(named);
    core_open_gate(&gate);
    CHECK_OK(noh_system_stop(system, 60 * NOH_SECOND));
    CHECK_EQ(core_actors(system), 0);
    atomic_store(&h.over, true);
    core_join_thread(thread);
    core_end(&world, system);
}

static void *wait_in_a_loop(void *arg)
{
    host_thread *h = arg;
    loop l;
    open_loop(&l, h->system);
    for (int i = 0; i < 10; i++) {
        (void)noh_spawn(l.self, guest);
    }
    atomic_store(&h->guest, noh_self_ref(l.self).bits);
    core_pass(&h->ready);
    (void)CORE_RECEIVE(poke, l.self); /* its guests run meanwhile, and end */
    close_loop(&l);
    return NULL;
}

static void a_stop_sees_the_end_of_guests_whose_loop_waits_for_a_message(void)
{
    for (int i = 0; i < 100; i++) {
        core_world world;
        noh_system *system = core_start(&world, 1, NULL);
        host_thread h = {.system = system, .ready = CORE_GATE};
        pthread_t thread = core_thread(wait_in_a_loop, &h);
        core_await_inside(&h.ready, 1);
        core_open_gate(&h.ready);
        CHECK_OK(noh_system_stop(system, 60 * NOH_SECOND));
        CHECK_OK(noh_tell(noh_system_self(system), (noh_ref){h.guest}, poke, .value = 1));
        core_join_thread(thread);
        core_end(&world, system);
    }
}

static const test_case cases[] = {
    TEST(what_a_loop_spawns_runs_on_the_loop),
    TEST(a_run_that_did_something_is_seen),
    TEST(host_loops_are_checked),
    TEST(a_sleeping_loop_is_woken_by_each_message),
    TEST(a_run_ends_in_time_and_says_that_work_is_left),
    TEST(timers_of_a_loop_fire_on_the_loop),
    TEST(a_loop_is_woken_for_a_timer_of_its_own),
    TEST(a_guest_that_fails_does_not_harm_the_loop),
    TEST(guests_move_to_the_workers_when_the_loop_ends),
    TEST(timers_of_guests_outlive_the_loop),
    TEST(a_thread_that_ends_as_a_loop_leaves_its_guests),
    TEST(guests_do_not_see_what_the_loop_has_in_hand),
    TEST(a_loop_that_looks_into_its_mailbox_may_sleep),
    TEST(timers_of_loops_that_left_leave_no_records),
    TEST(a_loop_that_stops_the_system_runs_its_guests_to_the_end),
    TEST(a_stop_waits_for_another_threads_loop_and_names_its_guest),
    TEST(a_stop_sees_the_end_of_guests_whose_loop_waits_for_a_message),
};
TEST_MAIN(cases)
