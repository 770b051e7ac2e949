/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a timer's message comes when it is due, in order, once; ticks never pile up; and a timer
 * ends when it is cancelled, or with its actor, or with its receiver.
 * Method: the system runs on a clock that the test moves, so nothing comes by chance; a message
 * that must not come is looked for after a later one has come. */
#include "core.h"

NOH_MESSAGE(tick, (int64_t, value), (noh_text, text));
NOH_MESSAGE(after_that, (int64_t, delay_ns), (int64_t, value));
NOH_MESSAGE(every_such, (int64_t, period_ns), (int64_t, value));
NOH_MESSAGE(idle_for, (int64_t, idle_ns), (int32_t, times));
NOH_MESSAGE(cancel_it);
NOH_MESSAGE(block);
NOH_MESSAGE(poke);
NOH_MESSAGE(sleeper_start, (noh_ref, watcher));
NOH_MESSAGE(event, (int64_t, value), (int64_t, now_ns));
NOH_MESSAGE(parcel, (noh_box, box));
NOH_MESSAGE(nested, (array, struct, parcel, parcels, 1));
NOH_MESSAGE(count, (int64_t, value));
NOH_REQUEST(get_count, count);

static core_gate gate = CORE_GATE;

typedef struct sleeper {
    noh_ref watcher;
    noh_timer timer;
    int64_t ticks;
} sleeper;

enum { IDLE = 1000, CANCELLED = 2000 };

static noh_err tell_event(noh_self *self, sleeper *me, int64_t value)
{
    return noh_tell(self, me->watcher, event, .value = value,
                    .now_ns = noh_now(noh_self_system(self)));
}

static noh_err sleeper_started(noh_self *self, sleeper *me, const sleeper_start *start)
{
    me->watcher = start->watcher;
    return NOH_OK;
}

static noh_err sleeper_tick(noh_self *self, sleeper *me, const tick *m)
{
    me->ticks++;
    return tell_event(self, me, m->value);
}

static noh_err sleeper_after(noh_self *self, sleeper *me, const after_that *m)
{
    return noh_after(self, m->delay_ns, noh_self_ref(self), tick, &me->timer, .value = m->value);
}

static noh_err sleeper_every(noh_self *self, sleeper *me, const every_such *m)
{
    return noh_every(self, m->period_ns, noh_self_ref(self), tick, &me->timer, .value = m->value);
}

static noh_err sleeper_cancel(noh_self *self, sleeper *me, const cancel_it *m)
{
    CHECK_OK(noh_timer_cancel(self, me->timer));
    CHECK_ERR(noh_timer_cancel(self, me->timer), NOH_E_SPENT);
    return tell_event(self, me, CANCELLED);
}

static noh_err sleeper_idle_for(noh_self *self, sleeper *me, const idle_for *m)
{
    for (int i = 0; i < m->times; i++) {
        CHECK_OK(noh_idle_after(self, m->idle_ns));
    }
    CHECK_ERR(noh_idle_after(self, -1), NOH_E_INVAL);
    return noh_idle_after(self, m->idle_ns);
}

static noh_err sleeper_idle(noh_self *self, sleeper *me, const noh_idle *m)
{
    return tell_event(self, me, IDLE);
}

static noh_err sleeper_block(noh_self *self, sleeper *me, const block *m)
{
    core_pass(&gate);
    return NOH_OK;
}

static noh_err sleeper_poke(noh_self *self, sleeper *me, const poke *m)
{
    return NOH_OK;
}

static noh_err sleeper_get_count(noh_self *self, sleeper *me, const get_count *m)
{
    return noh_reply(self, count, .value = me->ticks);
}

NOH_BEHAVIOR_WITH(sleeper, sleeper_start, sleeper_started, NOH_ON(tick, sleeper_tick),
                  NOH_ON(after_that, sleeper_after), NOH_ON(every_such, sleeper_every),
                  NOH_ON(cancel_it, sleeper_cancel), NOH_ON(idle_for, sleeper_idle_for),
                  NOH_ON(noh_idle, sleeper_idle), NOH_ON(block, sleeper_block),
                  NOH_ON(poke, sleeper_poke), NOH_ON(get_count, sleeper_get_count));

/* ---- a system on a clock of its own --------------------------------------------------------- */

enum { BEGIN_NS = 1000000000 };

static noh_system *start_at(core_world *world, unsigned workers, int64_t now_ns)
{
    core_open(world);
    core_own_clock(world, now_ns);
    return core_system(world, workers, NULL);
}

static noh_system *start(core_world *world, unsigned workers)
{
    return start_at(world, workers, BEGIN_NS);
}

static noh_ref spawn_sleeper(noh_self *self)
{
    noh_ref ref = noh_spawn(self, sleeper, .watcher = noh_self_ref(self));
    CHECK(!noh_ref_is_none(ref));
    return ref;
}

static int64_t ticks_of(noh_self *self, noh_ref actor)
{
    count answer;
    CHECK_OK(noh_call(self, actor, get_count, &answer));
    return answer.value;
}

/* Time stands still while the test looks, so the next message is waited for without a limit. */
static const void *next(noh_self *self, const noh_type *expected)
{
    const noh_type *type;
    const void *got;
    CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &got));
    CHECK_TEXT(type->name, expected->name);
    return got;
}

static int64_t next_tick(noh_self *self)
{
    return ((const tick *)next(self, NOH_TYPE(tick)))->value;
}

static void expect_event(noh_self *self, int64_t value, int64_t now_ns)
{
    const event *e = next(self, NOH_TYPE(event));
    CHECK_EQ(e->value, value);
    CHECK_EQ(e->now_ns, now_ns);
}

/* Has everything come that is due? A timer made now, due now, comes behind all of it. */
static void flush_timers(noh_self *self)
{
    CHECK_OK(noh_after(self, 0, noh_self_ref(self), poke, NULL));
    next(self, NOH_TYPE(poke));
}

/* ---- once --------------------------------------------------------------------------------- */

static void a_message_comes_when_it_is_due_and_not_before(void)
{
    core_world world;
    noh_system *system = start(&world, 1);
    noh_self *self = noh_system_self(system);
    char words[] = "copied now";
    noh_timer timer;
    CHECK_OK(noh_after(self, 100, noh_self_ref(self), tick, &timer, .value = 1, .text = words));
    CHECK(timer.bits != 0);
    memset(words, 'x', sizeof words - 1);
    flush_timers(self);
    core_expect_nothing(self);
    core_advance(&world, 99);
    flush_timers(self);
    core_expect_nothing(self);
    core_advance(&world, 1);
    const tick *m = next(self, NOH_TYPE(tick));
    CHECK_EQ(m->value, 1);
    CHECK_TEXT(m->text, "copied now");
    CHECK(noh_ref_equal(noh_sender(self), noh_self_ref(self)));
    CHECK_ERR(noh_timer_cancel(self, timer), NOH_E_SPENT);
    core_advance(&world, NOH_SECOND);
    flush_timers(self);
    core_expect_nothing(self);
    core_end(&world, system);
}

static void messages_come_in_the_order_in_which_they_are_due(void)
{
    enum { COUNT = 200 };
    core_world world;
    noh_system *system = start(&world, 1);
    noh_self *self = noh_system_self(system);
    for (int64_t i = 0; i < COUNT; i++) {
        int64_t rank = (i * 77) % COUNT; /* a permutation */
        CHECK_OK(
            noh_after(self, 1 + rank * 3 * NOH_MS, noh_self_ref(self), tick, NULL, .value = rank));
    }
    flush_timers(self); /* all lie on the wheel */
    core_advance(&world, COUNT * 3 * NOH_MS);
    for (int64_t rank = 0; rank < COUNT; rank++) {
        CHECK_EQ(next_tick(self), rank);
    }
    core_expect_nothing(self);
    core_end(&world, system);
}

static void an_actors_timer_comes_to_it(void)
{
    core_world world;
    noh_system *system = start(&world, 2);
    noh_self *self = noh_system_self(system);
    noh_ref ref = spawn_sleeper(self);
    int64_t now_ns = BEGIN_NS;
    for (int64_t i = 0; i < 20; i++) {
        CHECK_OK(noh_tell(self, ref, after_that, .delay_ns = i * NOH_MS, .value = i));
        CHECK_EQ(ticks_of(self, ref) <= i + 1, true);
        core_advance(&world, i * NOH_MS);
        now_ns += i * NOH_MS;
        expect_event(self, i, now_ns);
    }
    core_end(&world, system);
}

static void absurd_delays_never_come_and_cost_nothing(void)
{
    core_world world;
    noh_system *system = start(&world, 1);
    noh_self *self = noh_system_self(system);
    noh_ref ref = spawn_sleeper(self);
    noh_timer timers[3];
    static const int64_t delays[] = {INT64_MAX, INT64_MAX - 1, INT64_MAX - BEGIN_NS};
    for (int i = 0; i < 3; i++) {
        CHECK_OK(noh_after(self, delays[i], ref, tick, &timers[i], .value = 1));
        CHECK_OK(noh_after(self, delays[i], ref, tick, NULL, .value = 1));
        CHECK_OK(noh_every(self, delays[i], ref, tick, NULL, .value = 1));
        CHECK_OK(noh_tell(self, ref, after_that, .delay_ns = delays[i]));
        CHECK_OK(noh_tell(self, ref, every_such, .period_ns = delays[i]));
    }
    CHECK_EQ(ticks_of(self, ref), 0);
    core_advance(&world, INT64_MAX / 2 - BEGIN_NS);
    flush_timers(self);
    CHECK_EQ(ticks_of(self, ref), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(noh_timer_cancel(self, timers[i]));
        CHECK_ERR(noh_timer_cancel(self, timers[i]), NOH_E_SPENT);
    }
    CHECK_OK(noh_tell(self, ref, cancel_it));
    expect_event(self, CANCELLED, INT64_MAX / 2);
    core_end(&world, system);
}

static void what_cannot_be_a_timer_is_invalid(void)
{
    core_world world;
    noh_system *system = start(&world, 1);
    noh_self *self = noh_system_self(system);
    noh_ref me = noh_self_ref(self);
    noh_timer timer = {77};
    noh_box box = {&world, 1, NULL};
    CHECK_ERR(noh_after(self, -1, me, tick, &timer), NOH_E_INVAL);
    CHECK_ERR(noh_after(self, INT64_MIN, me, tick, &timer), NOH_E_INVAL);
    CHECK_ERR(noh_every(self, 0, me, tick, &timer), NOH_E_INVAL);
    CHECK_ERR(noh_every(self, -1, me, tick, &timer), NOH_E_INVAL);
    CHECK_ERR(noh_every(self, INT64_MIN, me, tick, &timer), NOH_E_INVAL);
    CHECK_ERR(noh_every(self, 1, me, parcel, &timer, .box = box), NOH_E_INVAL);
    CHECK_ERR(noh_every(self, 1, me, nested, &timer, .parcels = {{box}}), NOH_E_INVAL);
    CHECK_ERR(noh_every(self, 1, me, parcel, &timer), NOH_E_INVAL); /* an empty one, too */
    CHECK_ERR(noh_timer_start(NULL, 1, 0, me, NOH_TYPE(tick), &(tick){0, NULL}, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_timer_start(self, 1, 0, me, NULL, &(tick){0, NULL}, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_timer_start(self, 1, 0, me, NOH_TYPE(tick), NULL, NULL), NOH_E_INVAL);
    CHECK_EQ(timer.bits, 77);
    CHECK_ERR(noh_timer_cancel(self, (noh_timer){0}), NOH_E_SPENT);
    CHECK_ERR(noh_timer_cancel(self, (noh_timer){UINT64_MAX}), NOH_E_SPENT);
    CHECK_ERR(noh_timer_cancel(self, (noh_timer){1}), NOH_E_SPENT);
    CHECK_ERR(noh_timer_cancel(NULL, (noh_timer){1}), NOH_E_INVAL);
    CHECK_ERR(noh_idle_after(self, 1), NOH_E_CONTEXT);
    CHECK_ERR(noh_idle_after(NULL, 1), NOH_E_INVAL);
    core_advance(&world, NOH_SECOND);
    flush_timers(self);
    core_expect_nothing(self);
    core_end(&world, system);
}

static void a_cancelled_timer_does_not_fire(void)
{
    core_world world;
    noh_system *system = start(&world, 1);
    noh_self *self = noh_system_self(system);
    noh_ref ref = spawn_sleeper(self);
    noh_timer timers[100];
    for (int i = 0; i < 100; i++) {
        CHECK_OK(noh_after(self, 10 + i, noh_self_ref(self), tick, &timers[i], .value = i));
    }
    for (int i = 0; i < 100; i += 2) {
        CHECK_OK(noh_timer_cancel(self, timers[i]));
        CHECK_ERR(noh_timer_cancel(self, timers[i]), NOH_E_SPENT);
    }
    CHECK_OK(noh_tell(self, ref, after_that, .delay_ns = 5, .value = 1));
    CHECK_OK(noh_tell(self, ref, cancel_it));
    expect_event(self, CANCELLED, BEGIN_NS);
    CHECK_OK(noh_tell(self, ref, every_such, .period_ns = 5, .value = 1));
    CHECK_OK(noh_tell(self, ref, cancel_it));
    expect_event(self, CANCELLED, BEGIN_NS);
    core_advance(&world, 1000);
    for (int i = 1; i < 100; i += 2) {
        CHECK_EQ(next_tick(self), i);
    }
    flush_timers(self);
    core_expect_nothing(self);
    CHECK_EQ(ticks_of(self, ref), 0);
    for (int i = 0; i < 100; i++) {
        CHECK_ERR(noh_timer_cancel(self, timers[i]), NOH_E_SPENT);
    }
    core_end(&world, system);
}

static void a_timer_to_nobody_is_a_dead_letter(void)
{
    core_world world;
    noh_system *system = start(&world, 1);
    noh_self *self = noh_system_self(system);
    noh_ref ref = spawn_sleeper(self);
    CHECK_OK(noh_after(self, 10, NOH_NO_REF, tick, NULL));
    CHECK_OK(noh_after(self, 10, ref, tick, NULL));
    noh_timer periodic;
    CHECK_OK(noh_every(self, 10, ref, tick, &periodic));
    (void)core_stop(self, ref, NOH_STOP_NOW);
    CHECK_EQ(core_dead(system, NOH_DEAD_GONE), 0);
    for (int i = 0; i < 5; i++) {
        core_advance(&world, 10);
        flush_timers(self);
    }
    CHECK_EQ(core_dead(system, NOH_DEAD_GONE), 2); /* the periodic one ended with its receiver */
    CHECK_ERR(noh_timer_cancel(self, periodic), NOH_E_SPENT);
    core_end(&world, system);
}

static void timers_end_with_the_actor_that_made_them(void)
{
    core_world world;
    noh_system *system = start(&world, 2);
    noh_self *self = noh_system_self(system);
    for (int k = 0; k < 3; k++) {
        noh_ref ref = spawn_sleeper(self);
        for (int i = 0; i < 50; i++) {
            CHECK_OK(noh_tell(self, ref, after_that, .delay_ns = 10, .value = 1));
            CHECK_OK(noh_tell(self, ref, every_such, .period_ns = 10, .value = 1));
        }
        CHECK_EQ(ticks_of(self, ref), 0);
        (void)core_stop(self, ref, k);
        core_advance(&world, 1000);
        flush_timers(self);
        core_expect_nothing(self);
        noh_ledger ledger = core_settled(system, 0);
        CHECK_EQ(noh_ledger_dead(&ledger), 0);
    }
    core_end(&world, system);
}

static void *leave_with_timers(void *arg)
{
    noh_system *system = arg;
    noh_self *self = noh_system_self(system);
    noh_ref to = noh_lookup(system, "main");
    for (int i = 0; i < 10; i++) {
        CHECK_OK(noh_after(self, 10, to, tick, NULL));
        CHECK_OK(noh_every(self, 10, to, tick, NULL));
        CHECK_OK(noh_after(self, 10, noh_self_ref(self), tick, NULL));
    }
    return NULL;
}

static void timers_end_with_the_thread_that_made_them(void)
{
    core_world world;
    noh_system *system = start(&world, 1);
    noh_self *self = noh_system_self(system);
    CHECK_OK(noh_register(self, "main", noh_self_ref(self)));
    core_join_thread(core_thread(leave_with_timers, system));
    core_advance(&world, 1000);
    flush_timers(self);
    core_expect_nothing(self);
    CHECK_EQ(core_dead(system, NOH_DEAD_GONE), 0);
    core_end(&world, system);
}

/* ---- periodic ----------------------------------------------------------------------------- */

static void ticks_come_each_period(void)
{
    core_world world;
    noh_system *system = start(&world, 1);
    noh_self *self = noh_system_self(system);
    noh_timer timer;
    CHECK_OK(noh_every(self, 100, noh_self_ref(self), tick, &timer, .value = 3, .text = "again"));
    flush_timers(self);
    core_expect_nothing(self);
    for (int i = 0; i < 20; i++) {
        core_advance(&world, 99);
        flush_timers(self);
        core_expect_nothing(self);
        core_advance(&world, 1);
        const tick *m = next(self, NOH_TYPE(tick));
        CHECK_EQ(m->value, 3);
        CHECK_TEXT(m->text, "again");
        core_expect_nothing(self); /* ends the tick */
    }
    CHECK_OK(noh_timer_cancel(self, timer));
    core_advance(&world, 1000);
    flush_timers(self);
    core_expect_nothing(self);
    core_end(&world, system);
}

/* Waits until the actor has had `ticks` ticks: its worker has looked at its wheel by then. */
static void await_ticks(noh_self *self, noh_ref actor, int64_t ticks)
{
    while (ticks_of(self, actor) < ticks) {
        sched_yield();
    }
    CHECK_EQ(ticks_of(self, actor), ticks);
}

NOH_MESSAGE(two_timers, (noh_ref, lazy), (int64_t, period_ns));

typedef struct ticker {
    int64_t ticks;
} ticker;

static noh_err ticker_two_timers(noh_self *self, ticker *me, const two_timers *m)
{
    CHECK_OK(noh_every(self, m->period_ns, m->lazy, tick, NULL, .value = 5));
    return noh_every(self, m->period_ns, noh_self_ref(self), tick, NULL, .value = 6);
}

static noh_err ticker_tick(noh_self *self, ticker *me, const tick *m)
{
    me->ticks++;
    return NOH_OK;
}

static noh_err ticker_get_count(noh_self *self, ticker *me, const get_count *m)
{
    return noh_reply(self, count, .value = me->ticks);
}

NOH_BEHAVIOR(ticker, NOH_ON(two_timers, ticker_two_timers), NOH_ON(tick, ticker_tick),
             NOH_ON(get_count, ticker_get_count));

static void ticks_do_not_pile_up_in_a_mailbox(void)
{
    core_world world;
    noh_system *system = start(&world, 1);
    noh_self *self = noh_system_self(system);
    noh_ref ref = noh_spawn(self, ticker);
    CHECK_OK(noh_tell(self, ref, two_timers, .lazy = noh_self_ref(self), .period_ns = 10));
    CHECK_EQ(ticks_of(self, ref), 0);
    for (int i = 1; i <= 50; i++) { /* this thread does not look */
        core_advance(&world, 10);
        await_ticks(self, ref, i);
    }
    CHECK_EQ(next_tick(self), 5);
    core_expect_nothing(self);
    core_advance(&world, 10);
    await_ticks(self, ref, 51);
    CHECK_EQ(next_tick(self), 5);
    core_advance(&world, 10); /* the tick is still in hand */
    core_rested(&world);
    core_expect_nothing(self);
    core_advance(&world, 1000); /* a long time at once is one tick, too */
    await_ticks(self, ref, 53);
    CHECK_EQ(next_tick(self), 5);
    core_expect_nothing(self);
    core_end(&world, system);
}

static void no_wake(void *ctx)
{
    (void)ctx;
}

static void ticks_do_not_pile_up_at_a_blocked_handler(void)
{
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = start(&world, 1);
    noh_self *host;
    noh_self *self = noh_system_self(system);
    noh_ref ref = spawn_sleeper(self);
    CHECK_OK(noh_tell(self, ref, block));
    core_await_inside(&gate, 1);
    CHECK_OK(noh_self_free(self)); /* so that this thread may be a host; the actor lives on */
    CHECK_OK(noh_host_new(system, no_wake, NULL, &host)); /* its timers are on its own wheel */
    CHECK_OK(noh_every(host, 10, ref, tick, NULL, .value = 5));
    CHECK_OK(noh_after(host, 10, ref, tick, NULL, .value = 7));
    for (int i = 0; i < 50; i++) {
        core_advance(&world, 10);
        while (noh_host_run(host) == 0) {
        }
    }
    CHECK_OK(noh_stop(host, ref, NOH_STOP_NOW));
    core_open_gate(&gate);
    CHECK_OK(noh_join(host, ref, NOH_FOREVER, NULL));
    CHECK_EQ(core_settled(system, 0).dead[NOH_DEAD_STOPPED], 2); /* one of each */
    noh_host_free(host);
    core_end(&world, system);
}

static void a_forwarded_tick_makes_room_for_the_next(void)
{
    core_world world;
    noh_system *system = start(&world, 1);
    noh_self *self = noh_system_self(system);
    noh_ref ref = spawn_sleeper(self);
    noh_timer timer;
    CHECK_OK(noh_every(self, 10, noh_self_ref(self), tick, &timer, .value = 9));
    for (int i = 0; i < 5; i++) {
        core_advance(&world, 10);
        CHECK_EQ(next_tick(self), 9);
        CHECK_OK(noh_forward(self, ref));
        expect_event(self, 9, BEGIN_NS + (i + 1) * 10);
    }
    CHECK_OK(noh_timer_cancel(self, timer));
    core_end(&world, system);
}

/* ---- boxes -------------------------------------------------------------------------------- */

static atomic_int drops;

static void count_drop(void *data, size_t size)
{
    atomic_fetch_add(&drops, 1);
}

static void a_box_in_a_timer_is_moved_or_dropped_once(void)
{
    atomic_store(&drops, 0);
    core_world world;
    noh_system *system = start(&world, 1);
    noh_self *self = noh_system_self(system);
    noh_box box = {&world, 1, count_drop};
    noh_timer timer;
    CHECK_ERR(noh_after(self, -1, noh_self_ref(self), parcel, NULL, .box = box), NOH_E_INVAL);
    CHECK_EQ(drops, 0);
    CHECK_OK(noh_after(self, 10, noh_self_ref(self), parcel, &timer, .box = box));
    CHECK_OK(noh_timer_cancel(self, timer));
    flush_timers(self); /* the worker has seen the cancelling */
    CHECK_EQ(drops, 1);
    CHECK_OK(noh_after(self, 10, noh_self_ref(self), parcel, NULL, .box = box));
    core_advance(&world, 10);
    CHECK(((const parcel *)next(self, NOH_TYPE(parcel)))->box.data == &world);
    CHECK_EQ(drops, 1);
    core_expect_nothing(self);
    CHECK_EQ(drops, 2);
    CHECK_OK(noh_after(self, 10, NOH_NO_REF, parcel, NULL, .box = box));
    core_advance(&world, 10);
    flush_timers(self);
    CHECK_EQ(drops, 3);
    core_end(&world, system);
    CHECK_EQ(drops, 3);
}

/* ---- idle --------------------------------------------------------------------------------- */

static void an_idle_actor_is_told_so(void)
{
    core_world world;
    noh_system *system = start(&world, 1);
    noh_self *self = noh_system_self(system);
    noh_ref ref = spawn_sleeper(self);
    CHECK_OK(noh_tell(self, ref, idle_for, .idle_ns = 100, .times = 0));
    CHECK_EQ(ticks_of(self, ref), 0);
    core_rested(&world);
    core_advance(&world, 99);
    CHECK_EQ(ticks_of(self, ref), 0); /* a message: 100 more */
    core_rested(&world);
    core_advance(&world, 99);
    flush_timers(self);
    core_expect_nothing(self);
    core_advance(&world, 1);
    expect_event(self, IDLE, BEGIN_NS + 199);
    CHECK_OK(noh_tell(self, ref, idle_for, .idle_ns = 0, .times = 0));
    CHECK_EQ(ticks_of(self, ref), 0);
    for (int i = 0; i < 10; i++) {
        core_advance(&world, 100);
        flush_timers(self);
    }
    core_expect_nothing(self);
    core_end(&world, system);
}

static void a_new_idle_time_replaces_the_old_one(void)
{
    core_world world;
    noh_system *system = start(&world, 1);
    noh_self *self = noh_system_self(system);
    noh_ref ref = spawn_sleeper(self);
    CHECK_OK(noh_tell(self, ref, idle_for, .idle_ns = 100, .times = 0));
    CHECK_OK(noh_tell(self, ref, idle_for, .idle_ns = 1000, .times = 0));
    CHECK_EQ(ticks_of(self, ref), 0);
    core_rested(&world);
    core_advance(&world, 999);
    flush_timers(self);
    core_expect_nothing(self);
    core_advance(&world, 1);
    expect_event(self, IDLE, BEGIN_NS + 1000);
    core_end(&world, system);
}

/* Who sets it in every handler must not fill the memory with timers. */
static void setting_the_idle_time_often_costs_nothing(void)
{
    core_world world;
    noh_system *system = start(&world, 1);
    noh_self *self = noh_system_self(system);
    noh_ref ref = spawn_sleeper(self);
    CHECK_OK(noh_tell(self, ref, idle_for, .idle_ns = 3600 * NOH_SECOND, .times = 100));
    CHECK_EQ(ticks_of(self, ref), 0);
    pthread_mutex_lock(&world.fault.lock);
    size_t before = world.fault.live_bytes;
    pthread_mutex_unlock(&world.fault.lock);
    CHECK_OK(noh_tell(self, ref, idle_for, .idle_ns = 3600 * NOH_SECOND, .times = 100000));
    CHECK_EQ(ticks_of(self, ref), 0);
    pthread_mutex_lock(&world.fault.lock);
    size_t after = world.fault.live_bytes;
    pthread_mutex_unlock(&world.fault.lock);
    CHECK(after - before < 1 << 20);
    core_end(&world, system);
}

/* ---- the end, and other epochs ------------------------------------------------------------ */

static void a_stopped_system_starts_no_timer(void)
{
    core_world world;
    noh_system *system = start(&world, 1);
    noh_self *self = noh_system_self(system);
    CHECK_OK(noh_every(self, 10, noh_self_ref(self), tick, NULL));
    CHECK_OK(noh_after(self, 10, noh_self_ref(self), tick, NULL));
    CHECK_OK(noh_system_stop(system, NOH_SECOND));
    CHECK_ERR(noh_after(self, 10, noh_self_ref(self), tick, NULL), NOH_E_STOPPING);
    CHECK_ERR(noh_every(self, 10, noh_self_ref(self), tick, NULL), NOH_E_STOPPING);
    core_advance(&world, 1000);
    core_expect_nothing(self);
    core_end(&world, system);
}

/* "The epoch is free": the clock may begin below zero, or near its end. */
static void time_may_begin_anywhere(void)
{
    static const int64_t begins[] = {0, -1000 * NOH_SECOND, INT64_MIN / 2, INT64_MAX / 2, -5};
    for (int i = 0; i < 5; i++) {
        core_world world;
        noh_system *system = start_at(&world, 1, begins[i]);
        noh_self *self = noh_system_self(system);
        const noh_type *type;
        const void *got;
        CHECK_EQ(noh_now(system), begins[i]);
        CHECK_OK(noh_after(self, 10, noh_self_ref(self), tick, NULL, .value = 1));
        CHECK_OK(noh_after(self, INT64_MAX, noh_self_ref(self), tick, NULL, .value = 2));
        CHECK_ERR(noh_receive(self, 0, &type, &got), NOH_E_TIMEOUT);
        core_advance(&world, 10);
        CHECK_EQ(next_tick(self), 1);
        core_expect_nothing(self);
        CHECK_OK(noh_every(self, 10, noh_self_ref(self), tick, NULL, .value = 3));
        core_advance(&world, 10);
        CHECK_EQ(next_tick(self), 3);
        core_end(&world, system);
    }
}

/* On the real clock, so that the timeout passes. */
static int64_t real_now_ns;

static int64_t now_below_zero(void *world)
{
    const core_world *w = world;
    return w->fault.real.now_ns(w->fault.real.world) - real_now_ns - 3600 * NOH_SECOND;
}

static void a_timeout_ends_on_a_clock_below_zero(void)
{
    core_world world;
    core_open(&world);
    real_now_ns = world.fault.real.now_ns(world.fault.real.world);
    world.env.now_ns = now_below_zero;
    noh_system *system = core_system(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    const noh_type *type;
    const void *got;
    CHECK(noh_now(system) < 0);
    CHECK_ERR(noh_receive(self, NOH_MS, &type, &got), NOH_E_TIMEOUT);
    core_end(&world, system);
}

static void real_timers_are_not_early(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    for (int64_t i = 1; i <= 10; i++) {
        int64_t began_ns = noh_now(system);
        CHECK_OK(noh_after(self, i * NOH_MS, noh_self_ref(self), tick, NULL, .value = i));
        CHECK_EQ(next_tick(self), i);
        CHECK(noh_now(system) - began_ns >= i * NOH_MS);
    }
    core_end(&world, system);
}

static const test_case cases[] = {
    TEST(a_message_comes_when_it_is_due_and_not_before),
    TEST(messages_come_in_the_order_in_which_they_are_due),
    TEST(an_actors_timer_comes_to_it),
    TEST(absurd_delays_never_come_and_cost_nothing),
    TEST(what_cannot_be_a_timer_is_invalid),
    TEST(a_cancelled_timer_does_not_fire),
    TEST(a_timer_to_nobody_is_a_dead_letter),
    TEST(timers_end_with_the_actor_that_made_them),
    TEST(timers_end_with_the_thread_that_made_them),
    TEST(ticks_come_each_period),
    TEST(ticks_do_not_pile_up_in_a_mailbox),
    TEST(ticks_do_not_pile_up_at_a_blocked_handler),
    TEST(a_forwarded_tick_makes_room_for_the_next),
    TEST(a_box_in_a_timer_is_moved_or_dropped_once),
    TEST(an_idle_actor_is_told_so),
    TEST(a_new_idle_time_replaces_the_old_one),
    TEST(setting_the_idle_time_often_costs_nothing),
    TEST(a_stopped_system_starts_no_timer),
    TEST(time_may_begin_anywhere),
    TEST(a_timeout_ends_on_a_clock_below_zero),
    TEST(real_timers_are_not_early),
};
TEST_MAIN(cases)
