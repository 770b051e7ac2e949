/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: whatever a handler waits for, a stop finds it there, and what the actor held is given back; where
 * nobody may wait it is refused; wherever the actor lives, on workers, pinned, on an event loop or under
 * a thread that calls, its handler goes on. */
#include "waiter.h"

#include "system.h"

#include <poll.h>
#include <sys/eventfd.h>

NOH_LIST(sums, sum);

#if defined(__SANITIZE_THREAD__)
#define CROWD 600 /* for ThreadSanitizer each is a thread, of a megabyte */
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CROWD 600
#endif
#endif
#ifndef CROWD
#define CROWD 10000
#endif

typedef struct stage {
    core_world world;
    noh_system *system;
    noh_self *self;
} stage;

static void open_stage(stage *s, unsigned workers)
{
    s->system = core_start(&s->world, workers, NULL);
    s->self = noh_system_self(s->system);
    cast.driver = noh_self_ref(s->self);
}

static void close_stage(stage *s)
{
    (void)core_settled(s->system, 0);
    CHECK_TEXT(nohi_system_check(s->system, true), NULL);
    core_end(&s->world, s->system);
}

/* ---- stops in every kind of wait ------------------------------------------------------------ */

enum { AWAIT, CALL, JOIN, SLEEP, RECEIVE, ONLY, IF, KINDS };

static bool not_any(noh_self *self, void *ctx, const noh_type *type, const void *message)
{
    return false;
}

/* For what never comes. */
static noh_err wait_in_vain(noh_self *self, int64_t kind, int64_t timeout_ns)
{
    sum s;
    noh_future future;
    const beat *b;
    const noh_type *type;
    const void *message;
    noh_err err;
    switch (kind) {
    case AWAIT:
        err = noh_ask(self, cast.b, question, &future);
        return err != NOH_OK ? err : noh_await(self, future, sum, timeout_ns, &s);
    case CALL:
        return noh_call(self, cast.b, question, &s);
    case JOIN:
        return noh_join(self, cast.b, timeout_ns, NULL);
    case SLEEP:
        return noh_sleep(self, timeout_ns);
    case RECEIVE:
        return noh_receive(self, timeout_ns, &type, &message);
    case ONLY:
        return noh_receive_only(self, beat, timeout_ns, &b);
    default:
        return noh_receive_if(self, not_any, NULL, timeout_ns, &type, &message);
    }
}

static void wait_for_good(noh_self *self, waiter *me)
{
    tell_driver(self, me->value, NOH_OK);
    noh_err err = wait_in_vain(self, me->value, NOH_FOREVER);
    tell_driver(self, 100, err);
    err = wait_in_vain(self, me->value, NOH_FOREVER); /* again, though it knows */
    tell_driver(self, 101, err);
}

static void wait_with_a_limit(noh_self *self, waiter *me)
{
    tell_driver(self, me->value, NOH_OK);
    tell_driver(self, 100, wait_in_vain(self, me->value, 1000 * NOH_SECOND));
}

static void tell_the_end(noh_self *self, waiter *me)
{
    tell_driver(self, -99, NOH_OK);
}

static void set_last(noh_self *self, waiter *me)
{
    me->last = tell_the_end;
}

/* It waits, and everything lies still. */
static noh_ref let_wait(stage *s, part_fn *part, int64_t kind)
{
    noh_ref a = spawn_waiter(s->self);
    CHECK_OK(noh_tell(s->self, a, perform, .part = PART(set_last)));
    CHECK_OK(noh_tell(s->self, a, perform, .part = PART(part), .value = kind));
    expect_report(s->self, kind, NOH_OK);
    (void)core_settled(s->system, 1);
    CHECK_TEXT(nohi_system_check(s->system, true), NULL);
    return a;
}

static void now_ends_every_wait(void)
{
    for (int64_t kind = 0; kind < KINDS; kind++) {
        for (unsigned workers = 1; workers <= 2; workers++) {
            stage s;
            open_stage(&s, workers);
            cast.b = noh_spawn(s.self, keeper);
            noh_ref a = let_wait(&s, wait_for_good, kind);
            CHECK_OK(noh_tell(s.self, a, letter, .value = 1));
            if (kind == RECEIVE) {
                expect_report(s.self, 100, NOH_OK); /* it takes this one, and waits again */
            }
            CHECK_OK(noh_stop(s.self, a, NOH_STOP_NOW));
            CHECK_OK(noh_join(s.self, a, NOH_FOREVER, NULL));
            if (kind != RECEIVE) {
                expect_report(s.self, 100, NOH_E_STOPPED);
            }
            expect_report(s.self, 101, NOH_E_STOPPED);
            expect_report(s.self, -99, NOH_OK);
            CHECK_OK(noh_tell(s.self, cast.b, answer_all, .count = 1));
            CHECK_EQ(core_settled(s.system, 0).dead[NOH_DEAD_STOPPED], kind != RECEIVE);
            close_stage(&s);
        }
    }
}

static void kill_ends_every_wait_without_a_word(void)
{
    for (int64_t kind = 0; kind < KINDS; kind++) {
        for (int limited = 0; limited < 2; limited++) {
            stage s;
            open_stage(&s, 2);
            cast.b = noh_spawn(s.self, keeper);
            noh_ref a = let_wait(&s, limited ? wait_with_a_limit : wait_for_good, kind);
            noh_exit exit;
            CHECK_OK(noh_stop(s.self, a, NOH_STOP_KILL));
            CHECK_OK(noh_join(s.self, a, NOH_FOREVER, &exit));
            CHECK(exit.kind == NOH_EXIT_KILLED || exit.kind == NOH_EXIT_UNKNOWN);
            (void)core_stop(s.self, cast.b, NOH_STOP_NOW);
            core_expect_nothing(s.self);
            noh_ledger ledger = core_settled(s.system, 0);
            CHECK_EQ(ledger.dead[NOH_DEAD_STOPPED], 1); /* what it performed */
            CHECK_EQ(ledger.dead[NOH_DEAD_LATE], kind == AWAIT || kind == CALL);
            close_stage(&s);
        }
    }
}

/* Who receives has seen all that was told before; who waits otherwise waits on. */
static void drain_ends_who_receives(void)
{
    for (int64_t kind = 0; kind < KINDS; kind++) {
        stage s;
        open_stage(&s, 2);
        cast.b = noh_spawn(s.self, keeper);
        noh_ref a = let_wait(&s, wait_for_good, kind);
        CHECK_OK(noh_tell(s.self, a, letter, .value = 7));
        CHECK_OK(noh_stop(s.self, a, NOH_STOP_DRAIN));
        if (kind < RECEIVE) {
            (void)core_settled(s.system, 2);
            core_expect_nothing(s.self);
            CHECK_OK(noh_stop(s.self, a, NOH_STOP_NOW));
        }
        CHECK_OK(noh_join(s.self, a, NOH_FOREVER, NULL));
        expect_report(s.self, 100, kind == RECEIVE ? NOH_OK : NOH_E_STOPPED);
        expect_report(s.self, 101, NOH_E_STOPPED);
        if (kind > RECEIVE) {
            expect_report(s.self, 7, NOH_OK); /* its handler */
        }
        expect_report(s.self, -99, NOH_OK);
        (void)core_stop(s.self, cast.b, NOH_STOP_NOW);
        close_stage(&s);
    }
}

/* The end of the system: all of them, in every kind of wait. */
static void the_end_of_the_system_finds_all_that_wait(void)
{
    for (int64_t timeout_ns = 0; timeout_ns <= 10 * NOH_MS; timeout_ns += 10 * NOH_MS) {
        stage s;
        open_stage(&s, 2);
        cast.b = noh_spawn(s.self, keeper);
        for (int64_t kind = 0; kind < KINDS; kind++) {
            (void)let(s.self, wait_for_good, kind);
        }
        for (int64_t kind = 0; kind < KINDS; kind++) {
            (void)CORE_RECEIVE(report, s.self);
        }
        CHECK_OK(noh_system_stop(s.system, timeout_ns));
        CHECK_EQ(core_actors(s.system), 0);
        for (int64_t i = 0; i < 2 * KINDS; i++) {
            /* The keeper ends as well: its answers, and its end, may come before. */
            (void)CORE_RECEIVE(report, s.self);
        }
        close_stage(&s);
    }
}

static void ask_b(noh_self *self, waiter *me)
{
    sum s = {-1};
    tell_driver(self, 0, NOH_OK);
    noh_err err = noh_call(self, cast.b, question, &s);
    tell_driver(self, s.value, err);
}

static void answer_soon(noh_self *self, waiter *me)
{
    const question *q;
    CHECK_OK(noh_receive_only(self, question, NOH_FOREVER, &q));
    tell_driver(self, 1, NOH_OK);
    CHECK_OK(noh_sleep(self, 5 * NOH_MS)); /* a drain does not end it */
    CHECK_OK(noh_reply(self, sum, .value = 42));
}

static void the_end_of_the_system_drains_who_waits_for_an_answer_that_comes(void)
{
    stage s;
    open_stage(&s, 2);
    cast.b = let(s.self, answer_soon, 0);
    (void)let(s.self, ask_b, 0);
    (void)CORE_RECEIVE(report, s.self);
    (void)CORE_RECEIVE(report, s.self);
    CHECK_OK(noh_system_stop(s.system, NOH_FOREVER));
    expect_report(s.self, 42, NOH_OK);
    close_stage(&s);
}

static atomic_bool may_end;

static void wait_whatever_happens(noh_self *self, waiter *me)
{
    tell_driver(self, 0, NOH_OK);
    while (!atomic_load(&may_end)) {
        (void)wait_in_vain(self, me->value, NOH_FOREVER);
    }
}

/* It does not keep others from running, and when it gives in the system can end. */
static void who_ignores_a_stop_holds_it_up(void)
{
    static const int64_t kinds[] = {SLEEP, JOIN};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        stage s;
        open_stage(&s, 1);
        atomic_store(&may_end, false);
        cast.b = noh_spawn(s.self, keeper);
        noh_ref a = let(s.self, wait_whatever_happens, kinds[i]);
        expect_report(s.self, 0, NOH_OK);
        noh_ref other = spawn_waiter(s.self);
        CHECK_OK(noh_stop(s.self, a, NOH_STOP_NOW));
        sum answer;
        CHECK_OK(noh_call(s.self, other, question, &answer, .value = 1));
        if (kinds[i] == SLEEP) {
            CHECK_ERR(noh_system_stop(s.system, 0), NOH_E_HELD_UP);
        }
        atomic_store(&may_end, true);
        CHECK_OK(noh_system_stop(s.system, NOH_FOREVER));
        close_stage(&s);
    }
}

/* ---- who says that it was stopped ------------------------------------------------------------ */

NOH_MESSAGE(give_up, (int64_t, kind));
NOH_REQUEST(give_up_asked, sum, (int64_t, kind));
NOH_MESSAGE(quitter_start, (int64_t, kind));
NOH_NO_STATE(quitter);

enum { BY_ITSELF = KINDS, AFTER_A_SLEEP, OF_B };

/* Ends as its wait does, or says STOPPED by itself. */
static noh_err give_up_when_told(noh_self *self, int64_t kind)
{
    sum s;
    tell_driver(self, kind, NOH_OK);
    switch (kind) {
    case AFTER_A_SLEEP:
        CHECK_OK(noh_sleep(self, 1));
        return NOH_E_STOPPED;
    case BY_ITSELF:
        return NOH_E_STOPPED;
    case OF_B:
        return noh_call(self, cast.b, question, &s);
    default:
        return wait_in_vain(self, kind, NOH_FOREVER);
    }
}

static noh_err quitter_started(noh_self *self, quitter *me, const quitter_start *m)
{
    return m->kind < 0 ? NOH_OK : give_up_when_told(self, m->kind);
}

static noh_err quitter_told(noh_self *self, quitter *me, const give_up *m)
{
    return give_up_when_told(self, m->kind);
}

static noh_err quitter_asked(noh_self *self, quitter *me, const give_up_asked *m)
{
    return give_up_when_told(self, m->kind);
}

static noh_err quitter_letter(noh_self *self, quitter *me, const letter *m)
{
    tell_driver(self, m->value, NOH_OK);
    return NOH_OK;
}

static noh_err quitter_ended(noh_self *self, quitter *me, const noh_exit *exit)
{
    tell_driver(self, 1000 + (int64_t)exit->kind, exit->code);
    return NOH_OK;
}

NOH_BEHAVIOR_WITH(quitter, quitter_start, quitter_started, NOH_ON(give_up, quitter_told),
                  NOH_ON(give_up_asked, quitter_asked), NOH_ON(letter, quitter_letter),
                  NOH_ON_STOP(quitter_ended), NOH_ON_FAILURE(quitter_ended));

static void expect_exit(noh_self *self, noh_exit_kind kind, noh_err code)
{
    expect_report(self, 1000 + (int64_t)kind, code);
}

static void check_failures(stage *s, size_t count)
{
    CHECK_EQ(core_logged(&s->world, "failed in"), count);
    CHECK_EQ(core_dead(s->system, NOH_DEAD_CRASHED), count);
}

/* What it has in hand ends as what is queued: who asked is told STOPPED. */
static void who_says_that_it_was_stopped_has_not_failed(void)
{
    for (int64_t kind = 0; kind < KINDS; kind++) {
        for (int asked = 0; asked < 2; asked++) {
            stage s;
            sum answer;
            noh_future future;
            open_stage(&s, 2);
            cast.b = noh_spawn(s.self, keeper);
            noh_ref a = noh_spawn(s.self, quitter, .kind = -1);
            CHECK_OK(asked ? noh_ask(s.self, a, give_up_asked, &future, .kind = kind)
                           : noh_tell(s.self, a, give_up, .kind = kind));
            expect_report(s.self, kind, NOH_OK);
            (void)core_settled(s.system, 1); /* who is asked has the question */
            CHECK_OK(noh_stop(s.self, a, NOH_STOP_NOW));
            expect_exit(s.self, NOH_EXIT_SHUTDOWN, NOH_OK);
            if (asked) {
                CHECK_ERR(noh_await(s.self, future, sum, NOH_FOREVER, &answer), NOH_E_STOPPED);
            }
            CHECK_OK(noh_join(s.self, a, NOH_FOREVER, NULL));
            (void)core_stop(s.self, cast.b, NOH_STOP_NOW);
            check_failures(&s, 0);
            CHECK_EQ(core_settled(s.system, 0).dead[NOH_DEAD_STOPPED], 1);
            close_stage(&s);
        }
    }
}

/* Told to drain, it handles what else was there. */
static void who_says_that_it_was_drained_handles_the_rest(void)
{
    for (int64_t kind = RECEIVE; kind < KINDS; kind++) {
        stage s;
        open_stage(&s, 2);
        noh_ref a = noh_spawn(s.self, quitter, .kind = -1);
        CHECK_OK(noh_tell(s.self, a, give_up, .kind = kind));
        expect_report(s.self, kind, NOH_OK);
        if (kind != RECEIVE) {
            CHECK_OK(noh_tell(s.self, a, letter, .value = 7));
        }
        CHECK_OK(noh_stop(s.self, a, NOH_STOP_DRAIN));
        if (kind != RECEIVE) {
            expect_report(s.self, 7, NOH_OK);
        }
        expect_exit(s.self, NOH_EXIT_NORMAL, NOH_OK);
        CHECK_OK(noh_join(s.self, a, NOH_FOREVER, NULL));
        check_failures(&s, 0);
        CHECK_EQ(core_settled(s.system, 0).dead[NOH_DEAD_STOPPED], 1);
        close_stage(&s);
    }
}

/* Its state is not whole: no hook sees it, nor what is queued. */
static void who_is_stopped_while_it_starts_has_not_failed(void)
{
    static const noh_stop_kind stops[] = {NOH_STOP_DRAIN, NOH_STOP_NOW};
    for (size_t i = 0; i < 2; i++) {
        stage s;
        open_stage(&s, 2);
        noh_ref a = noh_spawn(s.self, quitter, .kind = ONLY);
        expect_report(s.self, ONLY, NOH_OK);
        CHECK_OK(noh_tell(s.self, a, letter, .value = 7));
        (void)core_stop(s.self, a, stops[i]);
        core_expect_nothing(s.self);
        CHECK_EQ(core_logged(&s.world, "failed"), 0);
        CHECK_EQ(core_settled(s.system, 0).dead[NOH_DEAD_STOPPED], 1);
        close_stage(&s);
    }
}

/* Nobody has told it: it waited for something else, or not at all, or another one was stopped. */
static void who_says_so_by_itself_has_failed(void)
{
    for (int64_t kind = BY_ITSELF; kind <= OF_B; kind++) {
        stage s;
        open_stage(&s, 1);
        cast.b = noh_spawn(s.self, keeper);
        noh_ref told = noh_spawn(s.self, quitter, .kind = -1);
        CHECK_OK(noh_tell(s.self, told, give_up, .kind = ONLY));
        expect_report(s.self, ONLY, NOH_OK);
        noh_ref a = noh_spawn(s.self, quitter, .kind = -1);
        CHECK_OK(noh_tell(s.self, a, give_up, .kind = kind));
        expect_report(s.self, kind, NOH_OK);
        if (kind == OF_B) {
            (void)core_stop(s.self, cast.b, NOH_STOP_NOW);
        }
        expect_exit(s.self, NOH_EXIT_FAILED, NOH_E_STOPPED);
        CHECK_OK(noh_join(s.self, a, NOH_FOREVER, NULL));
        check_failures(&s, 1);
        (void)core_stop(s.self, told, NOH_STOP_NOW);
        expect_exit(s.self, NOH_EXIT_SHUTDOWN, NOH_OK);
        check_failures(&s, 1);
        close_stage(&s);
    }
}

/* ---- what a wait uses up -------------------------------------------------------------------- */

enum { ONE, ALL, DERIVED, ANY, WAYS, ASKS = 3, TWO_ASKS = 2 };

/* Waits in some way for answers that do not come, until that ends with `expected`. What it waited for is
 * used up then, but for any of several: those stay as they are. */
static void await_in_vain(noh_self *self, int64_t way, noh_err expected)
{
    noh_future f[ASKS];
    sum s[ASKS];
    size_t index = 99;
    size_t used = way == ONE ? 1 : way == ALL ? ASKS : way == DERIVED ? TWO_ASKS : 0;
    noh_err err = NOH_OK;
    for (int i = 0; i < ASKS; i++) {
        CHECK_OK(noh_ask(self, cast.b, question, &f[i]));
    }
    switch (way) {
    case ONE:
        err = noh_await(self, f[0], sum, NOH_FOREVER, &s[0]);
        break;
    case ALL:
        err = noh_await_all(self, f, ASKS, sum, NOH_FOREVER, s, &index);
        break;
    case DERIVED: {
        noh_future joined;
        sums all;
        CHECK_OK(noh_future_join(self, f, TWO_ASKS, sums, &joined));
        err = noh_await(self, joined, sums, NOH_FOREVER, &all);
        CHECK_ERR(noh_future_cancel(self, joined), NOH_E_SPENT);
        break;
    }
    default:
        err = noh_await_any(self, f, ASKS, NOH_FOREVER, &index);
        break;
    }
    CHECK_ERR(err, expected);
    CHECK_EQ(index, 99);
    for (size_t i = 0; i < ASKS; i++) {
        CHECK_ERR(noh_future_cancel(self, f[i]), i < used ? NOH_E_SPENT : NOH_OK);
    }
}

static void await_until_stopped(noh_self *self, waiter *me)
{
    tell_driver(self, 0, NOH_OK);
    await_in_vain(self, me->value, NOH_E_STOPPED);
    tell_driver(self, 1, NOH_OK);
}

/* All answers that come later are late. */
static void end_with_late_answers(stage *s)
{
    CHECK_OK(noh_tell(s->self, cast.b, answer_all, .count = ASKS));
    while (core_dead(s->system, NOH_DEAD_LATE) + core_dead(s->system, NOH_DEAD_GONE) < ASKS) {
        sched_yield();
    }
    close_stage(s);
}

static void a_stop_uses_up_what_was_awaited(void)
{
    for (int64_t way = 0; way < WAYS; way++) {
        stage s;
        open_stage(&s, 2);
        cast.b = noh_spawn(s.self, keeper);
        noh_ref a = let(s.self, await_until_stopped, way);
        expect_report(s.self, 0, NOH_OK);
        (void)core_settled(s.system, 1);
        CHECK_OK(noh_stop(s.self, a, NOH_STOP_NOW));
        expect_report(s.self, 1, NOH_OK);
        end_with_late_answers(&s);
    }
}

/* Its stack is larger than there is address space for. */
typedef waiter roomy;
NOH_BEHAVIOR(roomy, NOH_ON(perform, waiter_perform), NOH_STACK(32 << 20));

static void await_without_memory(noh_self *self, waiter *me)
{
    sum answer;
    await_in_vain(self, me->value, NOH_E_NOMEM);
    CHECK_ERR(noh_call(self, cast.c, question, &answer), NOH_E_NOMEM);
    tell_driver(self, 1, NOH_OK);
}

static void *no_large_reserve(void *world, size_t size)
{
    core_world *w = world;
    bool large = size > (size_t)16 << 20 && size < (size_t)128 << 20;
    return large ? NULL : fault_pages_reserve(&w->fault, size);
}

static void a_wait_without_memory_uses_up_what_was_awaited(void)
{
    for (int64_t way = 0; way < WAYS; way++) {
        stage s;
        core_open(&s.world);
        s.world.env.pages_reserve = no_large_reserve;
        s.system = core_system(&s.world, 1, NULL);
        s.self = noh_system_self(s.system);
        cast.driver = noh_self_ref(s.self);
        cast.b = noh_spawn(s.self, keeper);
        cast.c = spawn_waiter(s.self);
        noh_ref a = noh_spawn(s.self, roomy);
        CHECK_OK(noh_tell(s.self, a, perform, .part = PART(await_without_memory), .value = way));
        expect_report(s.self, 1, NOH_OK);
        end_with_late_answers(&s);
    }
}

/* ---- what an actor holds -------------------------------------------------------------------- */

static void hold_everything(noh_self *self, waiter *me)
{
    noh_future future;
    const question *q;
    CHECK_OK(noh_ask(self, cast.b, question, &future));
    CHECK_OK(noh_register(self, "holder", noh_self_ref(self)));
    CHECK_OK(noh_after(self, 1000 * NOH_SECOND, noh_self_ref(self), beat, NULL));
    CHECK_OK(noh_every(self, 1000 * NOH_SECOND, noh_self_ref(self), beat, NULL));
    CHECK_OK(noh_receive_only(self, question, NOH_FOREVER, &q));
    CHECK_OK(noh_promise_take(self, &me->promise));
    CHECK_OK(noh_receive_only(self, question, NOH_FOREVER, &q));
    tell_driver(self, 0, NOH_OK);
    (void)noh_sleep(self, me->value);
    CHECK(false);
}

/* Its own request, the one it received, the promised one and the queued one are all answered. */
static void a_killed_one_leaves_nothing_behind(void)
{
    for (int64_t limited = 0; limited < 2; limited++) {
        stage s;
        open_stage(&s, 2);
        cast.b = noh_spawn(s.self, keeper);
        noh_ref a = spawn_waiter(s.self);
        noh_future futures[4];
        sum answer;
        CHECK_OK(noh_ask(s.self, a, play, &futures[0], .part = PART(hold_everything),
                         .value = limited ? 1000 * NOH_SECOND : NOH_FOREVER));
        for (int i = 1; i < 3; i++) {
            CHECK_OK(noh_ask(s.self, a, question, &futures[i]));
        }
        expect_report(s.self, 0, NOH_OK);
        CHECK_OK(noh_ask(s.self, a, question, &futures[3]));
        CHECK(noh_ref_equal(noh_lookup(s.system, "holder"), a));
        CHECK_OK(noh_stop(s.self, a, NOH_STOP_KILL));
        CHECK_OK(noh_join(s.self, a, NOH_FOREVER, NULL));
        CHECK(noh_ref_is_none(noh_lookup(s.system, "holder")));
        for (int i = 0; i < 4; i++) {
            CHECK_ERR(noh_await(s.self, futures[i], sum, NOH_FOREVER, &answer), NOH_E_STOPPED);
        }
        CHECK_OK(noh_tell(s.self, cast.b, answer_all, .count = 1));
        while (core_dead(s.system, NOH_DEAD_LATE) < 1) {
            sched_yield();
        }
        noh_ledger ledger = core_settled(s.system, 0);
        CHECK_EQ(ledger.dead[NOH_DEAD_STOPPED], 2); /* its own, and the queued one */
        close_stage(&s);
    }
}

static void join_a(noh_self *self, waiter *me)
{
    noh_exit exit;
    tell_driver(self, 0, NOH_OK);
    noh_err err = noh_join(self, cast.a, NOH_FOREVER, &exit);
    tell_driver(self, (int64_t)exit.kind, err);
}

static void who_waits_is_joined_like_others(void)
{
    stage s;
    open_stage(&s, 2);
    cast.b = noh_spawn(s.self, keeper);
    cast.a = let(s.self, ask_b, 0);
    expect_report(s.self, 0, NOH_OK);
    (void)let(s.self, join_a, 0);
    (void)let(s.self, join_a, 0);
    expect_report(s.self, 0, NOH_OK);
    expect_report(s.self, 0, NOH_OK);
    CHECK_ERR(noh_join(s.self, cast.a, 0, NULL), NOH_E_TIMEOUT);
    (void)core_settled(s.system, 3);
    CHECK_OK(noh_tell(s.self, cast.b, answer_all, .count = 1, .value = 5));
    expect_report(s.self, 5, NOH_OK);
    CHECK_OK(noh_stop(s.self, cast.a, NOH_STOP_DRAIN));
    for (int i = 0; i < 2; i++) {
        const report *r = CORE_RECEIVE(report, s.self);
        CHECK(r->value == NOH_EXIT_NORMAL || r->value == NOH_EXIT_UNKNOWN);
    }
    close_stage(&s);
}

static void exit_then_wait(noh_self *self, waiter *me)
{
    CHECK_OK(noh_exit_self(self));
    CHECK_OK(noh_sleep(self, 0));
    sum s = {-1};
    noh_err err = noh_call(self, cast.b, question, &s, .value = 1);
    tell_driver(self, s.value, err);
}

static void who_exits_may_wait_before(void)
{
    stage s;
    open_stage(&s, 2);
    cast.b = spawn_waiter(s.self);
    noh_ref a = let(s.self, exit_then_wait, 0);
    expect_report(s.self, 2, NOH_OK);
    CHECK_OK(noh_join(s.self, a, NOH_FOREVER, NULL));
    close_stage(&s);
}

/* ---- where nobody may wait ------------------------------------------------------------------ */

static void every_wait_is_refused(noh_self *self)
{
    sum s;
    const letter *l;
    const noh_type *type;
    const void *message;
    CHECK_ERR(noh_sleep(self, 0), NOH_E_CONTEXT);
    CHECK_ERR(noh_sleep(self, NOH_FOREVER), NOH_E_CONTEXT);
    CHECK_ERR(noh_receive(self, NOH_FOREVER, &type, &message), NOH_E_CONTEXT);
    CHECK_ERR(noh_receive_only(self, letter, NOH_FOREVER, &l), NOH_E_CONTEXT);
    CHECK_ERR(noh_receive_if(self, not_any, NULL, NOH_FOREVER, &type, &message), NOH_E_CONTEXT);
    CHECK_ERR(noh_join(self, cast.b, NOH_FOREVER, NULL), NOH_E_CONTEXT);
    CHECK_ERR(noh_call(self, cast.b, question, &s), NOH_E_CONTEXT);
}

static void wait_in_the_last_hook(noh_self *self, waiter *me)
{
    every_wait_is_refused(self);
    tell_driver(self, 1, NOH_OK);
}

static void set_waiting_last(noh_self *self, waiter *me)
{
    me->last = wait_in_the_last_hook;
}

static void sleep_then_fail(noh_self *self, waiter *me)
{
    CHECK_OK(noh_sleep(self, 0));
    noh_fail(self, NOH_E_OS, "in vain");
}

static void a_last_hook_may_not_wait(void)
{
    for (int kind = NOH_STOP_DRAIN; kind <= NOH_STOP_NOW; kind++) {
        stage s;
        open_stage(&s, 2);
        cast.b = spawn_waiter(s.self);
        noh_ref a = let(s.self, set_waiting_last, 0);
        (void)core_stop(s.self, a, (noh_stop_kind)kind);
        if (kind == NOH_STOP_DRAIN) {
            expect_report(s.self, 1, NOH_OK);
        } else { /* it may be stopped before it knows its last part */
            const noh_type *type;
            const void *message;
            (void)noh_receive(s.self, 0, &type, &message);
        }
        CHECK_OK(noh_join(s.self, let(s.self, sleep_then_fail, 0), NOH_FOREVER, NULL));
        CHECK_EQ(core_logged(&s.world, "in vain"), 1);
        close_stage(&s);
    }
}

static noh_self *kept_self;

static void sleep_for_another(noh_self *self, waiter *me)
{
    CHECK(self != kept_self);
    CHECK_ERR(noh_sleep(kept_self, 0), NOH_E_CONTEXT);
    CHECK_OK(noh_tell(self, cast.a, letter, .value = 1));
}

static void keep_self_and_wait(noh_self *self, waiter *me)
{
    const letter *l;
    kept_self = self;
    CHECK_OK(noh_tell(self, cast.b, perform, .part = PART(sleep_for_another)));
    CHECK_OK(noh_receive_only(self, letter, NOH_FOREVER, &l));
    tell_driver(self, 2, NOH_OK);
}

static void nobody_waits_with_the_self_of_one_that_waits(void)
{
    stage s;
    open_stage(&s, 1);
    cast.b = spawn_waiter(s.self);
    cast.a = spawn_waiter(s.self);
    CHECK_OK(noh_tell(s.self, cast.a, perform, .part = PART(keep_self_and_wait)));
    expect_report(s.self, 2, NOH_OK);
    close_stage(&s);
}

/* ---- where actors live ---------------------------------------------------------------------- */

static void stay_here(noh_self *self, waiter *me)
{
    pthread_t here = pthread_self();
    sum answer;
    for (int64_t i = 0; i < me->value; i++) {
        CHECK_OK(noh_call(self, cast.b, question, &answer, .value = i));
        CHECK_EQ(answer.value, i + 1);
        CHECK(pthread_equal(here, pthread_self()));
        CHECK_OK(noh_sleep(self, 0));
        CHECK(pthread_equal(here, pthread_self()));
    }
    tell_driver(self, me->value, NOH_OK);
}

static void a_pinned_one_goes_on_where_it_was(void)
{
    stage s;
    noh_ref pinned;
    open_stage(&s, 3);
    cast.b = spawn_waiter(s.self);
    CHECK_OK(noh_spawn_with(s.self, &noh_behavior_waiter, NULL,
                            &(noh_spawn_options){.pinned = true}, &pinned));
    CHECK_OK(noh_tell(s.self, pinned, perform, .part = PART(stay_here), .value = 2000));
    expect_report(s.self, 2000, NOH_OK);
    close_stage(&s);
}

typedef struct loop {
    int fd;
    noh_self *self;
} loop;

static void wake_loop(void *ctx)
{
    loop *l = ctx;
    uint64_t one = 1;
    CHECK_EQ(write(l->fd, &one, sizeof one), (ssize_t)sizeof one);
}

/* Runs it until something came for its own self, which is a report. */
static int64_t run_loop(loop *l)
{
    const report *r;
    for (;;) {
        int64_t sleep_ns = noh_host_run(l->self);
        if (noh_receive_only(l->self, report, 0, &r) == NOH_OK) {
            return r->value;
        }
        int timeout_ms = sleep_ns == NOH_FOREVER ? -1 : (int)((sleep_ns + NOH_MS - 1) / NOH_MS);
        struct pollfd waiting = {.fd = l->fd, .events = POLLIN};
        uint64_t count;
        (void)poll(&waiting, 1, timeout_ms);
        (void)!read(l->fd, &count, sizeof count);
    }
}

static void call_and_sleep_often(noh_self *self, waiter *me)
{
    sum answer;
    kept_self = self;
    for (int64_t i = 0; i < me->value; i++) {
        CHECK_OK(noh_call(self, cast.b, question, &answer, .value = i));
        CHECK_EQ(answer.value, i + 1);
        CHECK_OK(noh_sleep(self, i % 16 == 0 ? 1000 : 0));
    }
    tell_driver(self, me->value, NOH_OK);
}

static void answer_for_ever(noh_self *self, waiter *me)
{
    const question *q;
    while (noh_receive_only(self, question, NOH_FOREVER, &q) == NOH_OK) {
        CHECK_OK(noh_reply(self, sum, .value = q->value + 1));
    }
}

/* A guest asks a worker's actor, a worker's actor asks a guest, and both wait. What waits when the loop
 * leaves goes on on a worker. */
static void guests_of_a_loop_wait(void)
{
    stage s;
    loop l = {.fd = eventfd(0, EFD_NONBLOCK)};
    CHECK(l.fd >= 0);
    s.system = core_start(&s.world, 2, NULL);
    CHECK_OK(noh_host_new(s.system, wake_loop, &l, &l.self));
    cast.driver = noh_self_ref(l.self);
    noh_ref guest;
    noh_ref answerer;
    noh_spawn_options pinned = {.pinned = true};
    CHECK_OK(noh_spawn_with(l.self, &noh_behavior_waiter, NULL, &pinned, &guest));
    CHECK_OK(noh_spawn_with(l.self, &noh_behavior_waiter, NULL, &pinned, &answerer));
    cast.b = answerer;
    CHECK_OK(noh_tell(l.self, guest, perform, .part = PART(call_and_sleep_often), .value = 200));
    CHECK_EQ(run_loop(&l), 200);
    every_wait_is_refused(kept_self); /* that of a handler that has returned is no thread's */
    CHECK_OK(noh_tell(l.self, answerer, perform, .part = PART(answer_for_ever)));
    sum answer;
    for (int64_t i = 0; i < 200; i++) { /* the loop waits itself, and runs its guests meanwhile */
        CHECK_OK(noh_call(l.self, answerer, question, &answer, .value = i));
        CHECK_EQ(answer.value, i + 1);
    }
    CHECK_OK(
        noh_tell(l.self, guest, perform, .part = PART(call_and_sleep_often), .value = INT64_MAX));
    (void)noh_host_run(l.self); /* some of it */
    noh_host_free(l.self);
    CHECK_EQ(close(l.fd), 0);
    s.self = noh_system_self(s.system);
    cast.driver = noh_self_ref(s.self);
    CHECK_OK(noh_call(s.self, answerer, question, &answer, .value = 7)); /* on a worker now */
    CHECK_EQ(answer.value, 8);
    CHECK_OK(noh_stop(s.self, guest, NOH_STOP_KILL));
    CHECK_OK(noh_join(s.self, guest, NOH_FOREVER, NULL));
    CHECK_OK(noh_stop(s.self, answerer, NOH_STOP_NOW));
    CHECK_OK(noh_join(s.self, answerer, NOH_FOREVER, NULL));
    close_stage(&s);
}

/* Asks the one before it and adds one. */
NOH_MESSAGE(link_start, (noh_ref, before));
typedef struct chain_link {
    noh_ref before;
} chain_link;

static noh_err link_started(noh_self *self, chain_link *me, const link_start *m)
{
    me->before = m->before;
    return NOH_OK;
}

static noh_err link_question(noh_self *self, chain_link *me, const question *m)
{
    sum s = {m->value};
    if (!noh_ref_is_none(me->before)) {
        noh_err err = noh_call(self, me->before, question, &s, .value = m->value);
        if (err != NOH_OK) {
            return noh_reply_error(self, err, noh_error_text(self));
        }
    }
    return noh_reply(self, sum, .value = s.value + 1);
}

NOH_BEHAVIOR_WITH(chain_link, link_start, link_started, NOH_ON(question, link_question));

enum { LINKS = 100 };

static void calls_are_nested_a_hundred_deep(void)
{
    for (unsigned workers = 1; workers <= 4; workers++) {
        stage s;
        open_stage(&s, workers);
        noh_ref links[LINKS];
        for (int i = 0; i < LINKS; i++) {
            links[i] = noh_spawn(s.self, chain_link, .before = i == 0 ? NOH_NO_REF : links[i - 1]);
        }
        for (int64_t i = 0; i < 20; i++) {
            sum answer;
            CHECK_OK(noh_call(s.self, links[LINKS - 1], question, &answer, .value = i));
            CHECK_EQ(answer.value, LINKS + i);
        }
        (void)core_stop(s.self, links[0], NOH_STOP_NOW);
        sum answer;
        CHECK_ERR(noh_call(s.self, links[LINKS - 1], question, &answer), NOH_E_GONE);
        close_stage(&s);
    }
}

/* A thread's call runs its target itself where it can; the target waits, now and then. */
static void what_runs_on_a_calling_thread_waits(void)
{
    for (unsigned workers = 1; workers <= 2; workers++) {
        stage s;
        open_stage(&s, workers);
        noh_ref last = noh_spawn(s.self, chain_link);
        noh_ref middle = noh_spawn(s.self, chain_link, .before = last);
        noh_ref first = noh_spawn(s.self, chain_link, .before = middle);
        const noh_ref targets[] = {last, middle, first};
        for (int64_t i = 0; i < 3000; i++) {
            sum answer;
            CHECK_OK(noh_call(s.self, targets[i % 3], question, &answer, .value = i));
            CHECK_EQ(answer.value, i + i % 3 + 1);
        }
        close_stage(&s);
    }
}

/* ---- from hand to hand ---------------------------------------------------------------------- */

static void sleep_and_answer(noh_self *self, waiter *me)
{
    CHECK_OK(noh_sleep(self, 0));
    tell_driver(self, 1, NOH_OK);
    const letter *l;
    CHECK_OK(noh_receive_only(self, letter, NOH_FOREVER, &l));
    CHECK_OK(noh_reply(self, sum, .value = l->value));
}

static void play_with_b(noh_self *self, waiter *me)
{
    sum s;
    CHECK_OK(noh_call(self, cast.b, play, &s, .part = PART(sleep_and_answer)));
    tell_driver(self, s.value, NOH_OK);
}

static void tell_a_many(noh_self *self, waiter *me)
{
    CHECK_OK(noh_tell(self, cast.a, perform, .part = PART(play_with_b)));
    for (int64_t i = 1; i <= me->value; i++) {
        CHECK_OK(noh_tell(self, cast.a, letter, .value = 10 + i));
    }
}

/* Who is called at once has letters behind the one in hand: they wait, and nothing is forgotten. */
static void a_caller_has_more_letters(void)
{
    for (int64_t more = 0; more < 4; more++) {
        stage s;
        open_stage(&s, 1);
        cast.a = spawn_waiter(s.self);
        cast.b = spawn_waiter(s.self);
        for (int i = 0; i < 50; i++) {
            (void)let(s.self, tell_a_many, more);
            expect_report(s.self, 1, NOH_OK);
            (void)core_settled(s.system, 2 + (uint64_t)more);
            CHECK_TEXT(nohi_system_check(s.system, true), NULL);
            CHECK_OK(noh_tell(s.self, cast.b, letter, .value = 7));
            expect_report(s.self, 7, NOH_OK);
            for (int64_t k = 1; k <= more; k++) {
                expect_report(s.self, 10 + k, NOH_OK);
            }
        }
        close_stage(&s);
    }
}

/* ---- many ----------------------------------------------------------------------------------- */

static void wait_for_a_letter(noh_self *self, waiter *me)
{
    const letter *l;
    tell_driver(self, 1, NOH_OK);
    CHECK_OK(noh_receive_only(self, letter, NOH_FOREVER, &l));
    CHECK_EQ(l->value, me->value);
    tell_driver(self, 2, NOH_OK);
}

static void many_wait_at_once(void)
{
    stage s;
    open_stage(&s, 2);
    noh_ref *crowd = calloc(CROWD, sizeof *crowd);
    CHECK(crowd != NULL);
    for (int64_t i = 0; i < CROWD; i++) {
        crowd[i] = let(s.self, wait_for_a_letter, i);
    }
    for (int64_t i = 0; i < CROWD; i++) {
        expect_report(s.self, 1, NOH_OK);
    }
    (void)core_settled(s.system, CROWD);
    CHECK_TEXT(nohi_system_check(s.system, true), NULL);
    for (int64_t i = 0; i < CROWD; i++) {
        CHECK_OK(noh_tell(s.self, crowd[i], letter, .value = i));
    }
    for (int64_t i = 0; i < CROWD; i++) {
        expect_report(s.self, 2, NOH_OK);
    }
    free(crowd);
    close_stage(&s);
}

static const test_case cases[] = {
    TEST(now_ends_every_wait),
    TEST(kill_ends_every_wait_without_a_word),
    TEST(drain_ends_who_receives),
    TEST(the_end_of_the_system_finds_all_that_wait),
    TEST(the_end_of_the_system_drains_who_waits_for_an_answer_that_comes),
    TEST(who_ignores_a_stop_holds_it_up),
    TEST(who_says_that_it_was_stopped_has_not_failed),
    TEST(who_says_that_it_was_drained_handles_the_rest),
    TEST(who_is_stopped_while_it_starts_has_not_failed),
    TEST(who_says_so_by_itself_has_failed),
    TEST(a_stop_uses_up_what_was_awaited),
    TEST(a_wait_without_memory_uses_up_what_was_awaited),
    TEST(a_killed_one_leaves_nothing_behind),
    TEST(who_waits_is_joined_like_others),
    TEST(who_exits_may_wait_before),
    TEST(a_last_hook_may_not_wait),
    TEST(nobody_waits_with_the_self_of_one_that_waits),
    TEST(a_pinned_one_goes_on_where_it_was),
    TEST(guests_of_a_loop_wait),
    TEST(calls_are_nested_a_hundred_deep),
    TEST(what_runs_on_a_calling_thread_waits),
    TEST(a_caller_has_more_letters),
    TEST(many_wait_at_once),
};
TEST_MAIN(cases)
