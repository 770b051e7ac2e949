/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a handler that holds its home beyond the budget is reported, once, with all that noh.h
 * promises; one that waits is not; and the watchdog sleeps while nobody has anything to do.
 * Method: a handler spins until the report is in the log of the test's world, and then for some more
 * looks. The watchdog's looks are counted by its sleeps; it is known by the name of its thread. Its
 * clock goes on only where a case lets it: a handler that the machine has no time for is not reported. */
#include "core.h"
#include "base.h"

NOH_MESSAGE(spun, (noh_ref, who), (uint64_t, thread));
NOH_MESSAGE(spin, (int64_t, reports), (noh_ref, home));
NOH_REQUEST(spin_here, spun, (uint64_t, thread), (int64_t, reports));
NOH_REQUEST(ping, spun);
NOH_MESSAGE(call, (noh_ref, whom), (noh_ref, home));
NOH_MESSAGE(wait_often, (int64_t, looks), (noh_ref, home));
NOH_MESSAGE(call_and_spin, (noh_ref, whom), (noh_ref, home));
NOH_MESSAGE(block);

enum { MORE_LOOKS = 8 };
static const int64_t budget_ns = 20 * NOH_MS;

static core_world world;
static core_gate gate = CORE_GATE;
static atomic_llong looks;       /* sleeps of the watchdog, */
static atomic_bool is_sound;     /* of which the last one has no limit */
static _Atomic int64_t watch_ns; /* its clock */
static atomic_bool clock_stands; /* that of all others */
static bool no_stack;

/* ---- the world ---------------------------------------------------------------------------- */

static bool is_watchdog(void)
{
    char name[16];
    return pthread_getname_np(pthread_self(), name, sizeof name) == 0 &&
           strcmp(name, "noh-watch") == 0;
}

static void count_looks(void *w, uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
    if (is_watchdog()) {
        atomic_fetch_add(&looks, 1);
        atomic_store(&is_sound, timeout_ns < 0);
    }
    core_park_wait(w, word, expected, timeout_ns);
}

/* A machine with much to do may let a thread wait for long. */
static bool insist_on_stack(void *w, void *thread, char *ret_text, size_t size)
{
    CHECK(is_watchdog());
    while (!no_stack && !world.fault.real.thread_stack(w, thread, ret_text, size)) {
    }
    return !no_stack;
}

static int64_t clock_of_watchdog(void *w)
{
    return is_watchdog()                ? atomic_load(&watch_ns)
           : atomic_load(&clock_stands) ? NOH_SECOND
                                        : core_now(w);
}

static void open_world(void)
{
    core_open(&world);
    world.env.park_wait = count_looks;
    world.env.now_ns = clock_of_watchdog;
    if (world.env.thread_stack != NULL) {
        world.env.thread_stack = insist_on_stack;
    }
    atomic_store(&is_sound, false);
}

static noh_system *start(unsigned workers, int64_t watchdog_ns)
{
    open_world();
    return core_system(&world, workers, &(noh_options){.watchdog_ns = watchdog_ns});
}

static void let_watch_go_on(void)
{
    atomic_fetch_add(&watch_ns, budget_ns / 20);
    sched_yield();
}

static void await_sound_sleep(void)
{
    while (!atomic_load(&is_sound)) {
        sched_yield();
    }
}

static int64_t reports(void)
{
    return (int64_t)(core_logged(&world, "holds ") - core_logged(&world, "holds up"));
}

static uint64_t counted_reports(noh_system *system)
{
    noh_stats stats;
    CHECK_OK(noh_system_stats(system, &stats));
    return stats.long_handlers;
}

/* The n-th line about a handler, from 0. */
static core_line report_line(int64_t n)
{
    core_line found = {.actor = 0};
    pthread_mutex_lock(&world.log_lock);
    for (size_t i = 0; i < world.line_count && i < CORE_LINES && n >= 0; i++) {
        n -= strstr(world.lines[i].text, "holds ") != NULL;
        found = world.lines[i];
    }
    pthread_mutex_unlock(&world.log_lock);
    CHECK_EQ(n, -1);
    return found;
}

/* ---- actors ------------------------------------------------------------------------------- */

NOH_NO_STATE(spinner);

/* Not static: its name is in the report. */
void test_watchdog_spins(int64_t until);
NOHI_NOINLINE void test_watchdog_spins(int64_t until)
{
    while (reports() < until) {
        let_watch_go_on();
    }
    int64_t enough = atomic_load(&looks) + MORE_LOOKS;
    while (atomic_load(&looks) < enough) { /* and is not reported again */
        let_watch_go_on();
    }
}

static uint64_t this_thread(void)
{
    return (uint64_t)(uintptr_t)pthread_self();
}

static noh_err on_spin(noh_self *self, spinner *me, const spin *m)
{
    test_watchdog_spins(m->reports);
    return noh_tell(self, m->home, spun, .who = noh_self_ref(self), .thread = this_thread());
}

static noh_err on_spin_here(noh_self *self, spinner *me, const spin_here *m)
{
    if (m->thread == this_thread()) {
        test_watchdog_spins(m->reports);
    }
    return noh_reply(self, spun, .thread = this_thread());
}

static noh_err on_ping(noh_self *self, spinner *me, const ping *m)
{
    return noh_reply(self, spun, .who = noh_self_ref(self));
}

static noh_err on_call(noh_self *self, spinner *me, const call *m)
{
    spun answer;
    CHECK_OK(noh_call(self, m->whom, ping, &answer));
    return noh_tell(self, m->home, spun, .who = noh_self_ref(self));
}

/* One handler, for so many looks of the watchdog. Most of the time it does not wait, so it is seen at most
 * looks; but the budget is over only when it has waited twice. */
static noh_err on_wait_often(noh_self *self, spinner *me, const wait_often *m)
{
    noh_system *system = noh_self_system(self);
    int64_t enough = atomic_load(&looks) + m->looks;
    while (atomic_load(&looks) < enough) {
        CHECK_OK(noh_sleep(self, NOH_US));
        atomic_fetch_add(&watch_ns, budget_ns / 2);
        int64_t until_ns = noh_now(system) + NOH_MS;
        while (noh_now(system) < until_ns) {
        }
    }
    return noh_tell(self, m->home, spun, .who = noh_self_ref(self));
}

static noh_err on_call_and_spin(noh_self *self, spinner *me, const call_and_spin *m)
{
    spun answer;
    CHECK_OK(noh_call(self, m->whom, ping, &answer));
    test_watchdog_spins(1);
    return noh_tell(self, m->home, spun, .who = noh_self_ref(self));
}

static noh_err on_block(noh_self *self, spinner *me, const block *m)
{
    core_pass(&gate);
    return NOH_OK;
}

NOH_BEHAVIOR(spinner, NOH_ON(spin, on_spin), NOH_ON(spin_here, on_spin_here), NOH_ON(ping, on_ping),
             NOH_ON(call, on_call), NOH_ON(wait_often, on_wait_often),
             NOH_ON(call_and_spin, on_call_and_spin), NOH_ON(block, on_block));

typedef struct clinger {
    bool clings;
} clinger;

static noh_err on_cling(noh_self *self, clinger *me, const block *m)
{
    return noh_exit_self(self);
}

static noh_err on_stop(noh_self *self, clinger *me, const noh_exit *exit)
{
    test_watchdog_spins(1);
    return NOH_OK;
}

NOH_BEHAVIOR(clinger, NOH_ON(block, on_cling), NOH_ON_STOP(on_stop));

/* ---- cases -------------------------------------------------------------------------------- */

static void expect_report(int64_t n, noh_ref who, const char *held, const char *where)
{
    core_line line = report_line(n);
    CHECK_EQ(line.level, NOH_LOG_WARNING);
    CHECK_EQ(line.actor, who.bits);
    char text[128];
    snprintf(text, sizeof text, "holds %s: in %s for at least ", held, where);
    CHECK_TEXT(strncmp(line.text, text, strlen(text)) == 0 ? text : line.text, text);
    CHECK(atoll(line.text + strlen(text)) >= budget_ns / NOH_MS);
    bool named = strstr(line.text, "test_watchdog_spins+") != NULL;
    if (world.env.thread_stack != NULL && !no_stack && strcmp(held, "its worker") == 0) {
        CHECK_TEXT(named ? "named" : line.text, "named");
    } else {
        CHECK_TEXT(line.text + strlen(line.text) - strlen(" ms"), " ms");
    }
}

static void a_handler_that_holds_its_worker_is_reported_once(void)
{
    for (unsigned workers = 1; workers <= 2; workers++) {
        for (int without = 0; without < 2; without++) {
            no_stack = without;
            noh_system *system = start(workers, budget_ns);
            noh_self *self = noh_system_self(system);
            noh_ref ref = noh_spawn(self, spinner);
            for (int64_t n = 0; n < 3; n++) {
                if (n == 2) {
                    await_sound_sleep(); /* it is roused */
                }
                CHECK_OK(noh_tell(self, ref, spin, .reports = n + 1, .home = noh_self_ref(self)));
                (void)CORE_RECEIVE(spun, self);
                CHECK_EQ(reports(), n + 1);
                CHECK_EQ(counted_reports(system), n + 1);
                expect_report(n, ref, "its worker", "the handler of spin");
                CHECK_TEXT(report_line(n).behavior, "spinner");
            }
            core_end(&world, system);
        }
    }
    no_stack = false;
}

static void all_workers_may_be_stuck_at_once(void)
{
    enum { WORKERS = 2 };
    noh_system *system = start(WORKERS, budget_ns);
    noh_self *self = noh_system_self(system);
    noh_ref refs[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        refs[i] = noh_spawn(self, spinner);
        CHECK_OK(noh_tell(self, refs[i], spin, .reports = WORKERS, .home = noh_self_ref(self)));
    }
    for (int i = 0; i < WORKERS; i++) {
        (void)CORE_RECEIVE(spun, self);
    }
    CHECK_EQ(reports(), WORKERS);
    bool swapped = report_line(0).actor != refs[0].bits;
    expect_report(swapped, refs[0], "its worker", "the handler of spin");
    expect_report(!swapped, refs[1], "its worker", "the handler of spin");
    core_end(&world, system);
}

static void a_last_hook_is_reported(void)
{
    noh_system *system = start(1, budget_ns);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, clinger);
    CHECK_OK(noh_tell(self, ref, block));
    CHECK_OK(noh_join(self, ref, NOH_FOREVER, NULL));
    CHECK_EQ(reports(), 1);
    expect_report(0, ref, "its worker", "its last hook");
    core_end(&world, system);
}

/* The question is answered when the watchdog has looked often, and sleeps: there is nothing to see. */
static void who_waits_holds_nobody(void)
{
    noh_system *system = start(1, budget_ns);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, spinner);
    noh_ref home = noh_self_ref(self);
    CHECK_OK(noh_tell(self, ref, call, .whom = home, .home = home));
    (void)CORE_RECEIVE(ping, self);
    while (!atomic_load(&is_sound)) {
        let_watch_go_on();
    }
    CHECK_OK(noh_reply(self, spun));
    (void)CORE_RECEIVE(spun, self);
    CHECK_EQ(reports(), 0);
    core_end(&world, system);
}

/* Its worker has nothing else to do: it is seen in this handler at nearly each look, and nothing was
 * handled. */
static void who_waits_again_and_again_holds_nobody(void)
{
    for (unsigned workers = 1; workers <= 2; workers++) {
        noh_system *system = start(workers, budget_ns);
        noh_self *self = noh_system_self(system);
        noh_ref home = noh_self_ref(self);
        noh_ref ref = noh_spawn(self, spinner);
        CHECK_OK(noh_tell(self, ref, wait_often, .looks = 40, .home = home));
        (void)CORE_RECEIVE(spun, self);
        CHECK_EQ(reports(), 0);
        core_end(&world, system);
    }
}

/* Its worker has handled something else meanwhile. */
static void a_handler_that_has_waited_is_reported_by_its_own_message(void)
{
    noh_system *system = start(1, budget_ns);
    noh_self *self = noh_system_self(system);
    noh_ref home = noh_self_ref(self);
    noh_ref ref = noh_spawn(self, spinner);
    noh_ref other = noh_spawn(self, spinner);
    CHECK_OK(noh_tell(self, ref, call_and_spin, .whom = other, .home = home));
    (void)CORE_RECEIVE(spun, self);
    CHECK_EQ(reports(), 1);
    expect_report(0, ref, "its worker", "the handler of call_and_spin");
    core_end(&world, system);
}

static noh_err receive_and_spin(noh_self *self, void *arg)
{
    const noh_type *type;
    const void *message;
    CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &message));
    const spin *m = noh_as(spin, type, message);
    CHECK(m != NULL);
    noh_ref home = m->home;
    test_watchdog_spins(m->reports);
    return noh_tell(self, home, spun, .who = noh_self_ref(self));
}

static void a_process_is_reported_with_what_it_has_received(void)
{
    noh_system *system = start(1, budget_ns);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn_fn(self, receive_and_spin, NULL, NULL);
    CHECK_OK(noh_tell(self, ref, spin, .reports = 1, .home = noh_self_ref(self)));
    (void)CORE_RECEIVE(spun, self);
    CHECK_EQ(reports(), 1);
    expect_report(0, ref, "its worker", "the handler of spin");
    core_end(&world, system);
}

static void ring(void *ctx)
{
    (void)ctx;
}

static void a_handler_on_an_event_loop_is_reported(void)
{
    noh_system *system = start(1, budget_ns);
    noh_self *loop = NULL;
    CHECK_OK(noh_host_new(system, ring, NULL, &loop));
    noh_ref ref;
    CHECK_OK(noh_spawn_with(loop, &noh_behavior_spinner, NULL, &(noh_spawn_options){.pinned = true},
                            &ref));
    for (int64_t n = 0; n < 2; n++) {
        (void)noh_host_run(loop);
        await_sound_sleep();
        CHECK_OK(noh_tell(loop, ref, spin, .reports = n + 1, .home = noh_self_ref(loop)));
        while (noh_host_run(loop) == 0) {
        }
        CHECK_EQ(reports(), n + 1);
        expect_report(n, ref, "its event loop", "the handler of spin");
    }
    noh_host_free(loop);
    core_end(&world, system);
}

/* The clock stands still, so that each handler is brief, until one runs here. */
static void a_handler_on_a_thread_that_calls_is_reported(void)
{
    atomic_store(&clock_stands, true);
    open_world();
    world.env.cpu_count = core_one_cpu;
    noh_system *system = core_system(&world, 1, &(noh_options){.watchdog_ns = budget_ns});
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, spinner);
    spun answer = {.thread = 0};
    while (answer.thread != this_thread()) {
        await_sound_sleep(); /* so its worker sleeps, and the call rouses the watchdog */
        CHECK_OK(noh_call(self, ref, spin_here, &answer, .thread = this_thread(), .reports = 1));
    }
    CHECK_EQ(reports(), 1);
    expect_report(0, ref, "a thread that calls", "the handler of spin_here");
    core_end(&world, system);
    atomic_store(&clock_stands, false);
}

/* Workers doze meanwhile. */
static bool sleeps_for_100_ms(noh_system *system)
{
    await_sound_sleep();
    int64_t before = atomic_load(&looks);
    int64_t until_ns = noh_now(system) + 100 * NOH_MS;
    while (noh_now(system) < until_ns) {
        sched_yield();
    }
    return atomic_load(&looks) == before;
}

static void it_sleeps_while_nobody_has_anything_to_do(void)
{
    for (unsigned workers = 1; workers <= 2; workers++) {
        noh_system *system = start(workers, 4 * NOH_MS);
        noh_self *self = noh_system_self(system);
        noh_ref ref = noh_spawn(self, spinner);
        spun answer;
        CHECK_OK(noh_call(self, ref, ping, &answer));
        /* The sleep that is seen first may be one that the call has ended. */
        CHECK(sleeps_for_100_ms(system) || sleeps_for_100_ms(system));
        core_end(&world, system);
    }
}

static void there_need_not_be_one(void)
{
    noh_system *system = start(2, NOH_FOREVER);
    pthread_mutex_lock(&world.fault.lock);
    CHECK_EQ(world.fault.live_threads, 2);
    pthread_mutex_unlock(&world.fault.lock);
    noh_stats stats;
    CHECK_OK(noh_system_stats(system, &stats));
    CHECK_EQ(stats.long_handlers, 0);
    core_end(&world, system);
    noh_system *none = NULL;
    CHECK_ERR(noh_system_new(&(noh_options){.watchdog_ns = -1}, &none), NOH_E_INVAL);
}

/* Neither its naps nor its sleep hold up the end. */
static void it_leaves_at_once(void)
{
    for (int i = 0; i < 20; i++) {
        int64_t before = atomic_load(&looks);
        noh_system *system = start(1, 3600 * NOH_SECOND);
        while (i % 2 != 0 && atomic_load(&looks) == before) {
            sched_yield();
        }
        core_end(&world, system);
    }
    noh_system *system = start(1, NOH_MS);
    await_sound_sleep();
    core_end(&world, system);
}

static core_gate freed = CORE_GATE;

static void watch_free(void *w, void *memory, size_t size)
{
    fault_free(w, memory, size);
    pthread_mutex_lock(&world.fault.lock);
    bool all = world.fault.live_blocks == 0;
    pthread_mutex_unlock(&world.fault.lock);
    if (all) {
        core_pass(&freed);
    }
}

static void a_held_up_system_is_freed_without_it(void)
{
    core_shut_gate(&gate);
    core_shut_gate(&freed);
    core_open_gate(&freed);
    open_world();
    world.env.free = watch_free;
    noh_system *system =
        core_system(&world, 1, &(noh_options){.watchdog_ns = budget_ns, .stop_timeout_ns = NOH_MS});
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, spinner);
    CHECK_OK(noh_tell(self, ref, block));
    while (reports() == 0) {
        let_watch_go_on();
    }
    CHECK_ERR(noh_system_free(system), NOH_E_HELD_UP);
    pthread_mutex_lock(&world.fault.lock);
    CHECK_EQ(world.fault.live_threads, 0);
    pthread_mutex_unlock(&world.fault.lock);
    core_open_gate(&gate);
    core_await_inside(&freed, 1);
    CHECK_EQ(reports(), 1);
    core_close(&world);
}

static const test_case cases[] = {
    TEST(a_handler_that_holds_its_worker_is_reported_once),
    TEST(all_workers_may_be_stuck_at_once),
    TEST(a_last_hook_is_reported),
    TEST(who_waits_holds_nobody),
    TEST(who_waits_again_and_again_holds_nobody),
    TEST(a_handler_that_has_waited_is_reported_by_its_own_message),
    TEST(a_process_is_reported_with_what_it_has_received),
    TEST(a_handler_on_an_event_loop_is_reported),
    TEST(a_handler_on_a_thread_that_calls_is_reported),
    TEST(it_sleeps_while_nobody_has_anything_to_do),
    TEST(there_need_not_be_one),
    TEST(it_leaves_at_once),
    TEST(a_held_up_system_is_freed_without_it),
};
TEST_MAIN(cases)
