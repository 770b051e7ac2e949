/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a call of an idle actor runs on the thread that calls, and nobody can tell but by the name of
 * the thread: whatever the handler does goes as on a worker, and the worker goes on afterwards.
 * Method: the clock stands still, so that each handler is brief, and a worker rests for ever (two
 * processors) or sleeps at once and for ever (one); each case runs with both, in many rounds. A handler
 * notes the thread it runs on. Whatever the worker is not told of in the end hangs the case. In the
 * hostile build a worker also goes on for no reason and sends actors to itself, so there only what
 * comes of a call is exact, and where it runs is counted. */
#include "core.h"
#include "system.h"

NOH_MESSAGE(result, (int64_t, value), (noh_text, text));
NOH_REQUEST(act, result, (int64_t, what), (int64_t, value), (noh_ref, other));
NOH_REQUEST(not_handled, result);
NOH_MESSAGE(add, (int64_t, value));
NOH_MESSAGE(done, (int64_t, value), (noh_ref, who));
NOH_MESSAGE(doer_start, (noh_ref, watcher));

/* What a doer may be asked: to answer with what was added so far, without a trace, after something else */
enum { SUM, UNSEEN, TELLS, REPORTS, SPAWNS, STOPS_OTHER, TIMES, CANCELS, IDLES, MISBEHAVES, WAITS };
enum { TAKES_LONG = 20, EXITS, FAILS, RETURNS, STOPS_ITSELF };
enum { FORWARDS = 30, ASKS, PROMISES, FORGETS, ERRS, WRITES }; /* or to answer otherwise. */
enum { ROUNDS = 8 };

static const bool is_exact = NOHI_LIMIT(true, false); /* an idle worker stays idle */

static core_gate gate = CORE_GATE;
static _Atomic int64_t clock_ns;
static atomic_bool clock_runs;   /* instead */
static _Atomic pthread_t ran_on; /* the last doer_act */
static atomic_int hooks;         /* that have run */
static atomic_int ended_by;      /* what the last one was told */
static atomic_bool stop_hook_fails;
static atomic_int acts_there; /* of doers on a worker's thread, */
static atomic_int acts_here;  /* and on the one that calls */
static _Atomic pthread_t caller;
static atomic_int forwards_left; /* the doer that is asked to forwards so often */
static atomic_int adds;          /* that were handled */
static atomic_int woken;         /* whoever slept */
static _Atomic(void *) worker_word;

/* ---- the actor ---------------------------------------------------------------------------- */

typedef struct doer {
    noh_ref watcher;
    int64_t sum;
    noh_promise promise;
    noh_timer timer;
} doer;

NOH_BEHAVIOR_DECLARE(doer, doer_start);

static noh_err tell_watcher(noh_self *self, const doer *me, int64_t value)
{
    return noh_ref_is_none(me->watcher)
               ? NOH_OK
               : noh_tell(self, me->watcher, done, .value = value, .who = noh_self_ref(self));
}

static noh_err doer_begins(noh_self *self, doer *me, const doer_start *start)
{
    me->watcher = start->watcher;
    return tell_watcher(self, me, -1);
}

static noh_err doer_ends(noh_self *self, doer *me, const noh_exit *exit)
{
    atomic_fetch_add(&hooks, 1);
    atomic_store(&ended_by, (int)exit->kind);
    if (atomic_load(&stop_hook_fails)) {
        noh_fail(self, NOH_E_OS, "in the hook");
    }
    return NOH_OK;
}

static noh_err doer_add(noh_self *self, doer *me, const add *m)
{
    me->sum += m->value;
    atomic_fetch_add(&adds, 1);
    return tell_watcher(self, me, me->sum);
}

static noh_err doer_result(noh_self *self, doer *me, const result *m)
{
    return noh_promise_keep(self, me->promise, result, .value = m->value + 1);
}

static noh_err doer_idle(noh_self *self, doer *me, const noh_idle *m)
{
    CHECK_OK(noh_idle_after(self, 0));
    return tell_watcher(self, me, -2);
}

/* Was the last doer_act run by the thread that calls? */
static bool ran_here(void)
{
    return pthread_equal(atomic_load(&ran_on), atomic_load(&caller)) != 0;
}

/* What goes by the thread that runs, and not by `self` alone. */
static void must_not(noh_self *self)
{
    noh_system *system = noh_self_system(self);
    noh_self *host;
    CHECK_ERR(noh_self_free(self), NOH_E_CONTEXT);
    CHECK_ERR(noh_system_stop(system, 0), NOH_E_CONTEXT);
    CHECK_ERR(noh_system_free(system), NOH_E_CONTEXT);
    CHECK_ERR(noh_host_new(system, NULL, NULL, &host), NOH_E_INVAL);
    CHECK_EQ(noh_host_run(self), NOH_FOREVER);
}

/* Does it, and answers with the sum. */
static noh_err just_do(noh_self *self, doer *me, const act *m)
{
    noh_ref own = noh_self_ref(self);
    switch (m->what) {
    case TELLS:
        for (int64_t i = 0; i < m->value; i++) {
            CHECK_OK(noh_tell(self, m->other, add, .value = 1));
        }
        break;
    case REPORTS:
        for (int64_t i = 1; i <= 3; i++) {
            CHECK_OK(noh_tell(self, noh_sender(self), done, .value = i, .who = own));
        }
        break;
    case SPAWNS:
        CHECK(noh_is_alive(noh_self_system(self), noh_spawn(self, doer, .watcher = m->other)));
        break;
    case STOPS_OTHER:
        CHECK_OK(noh_stop(self, m->other, NOH_STOP_NOW));
        break;
    case TIMES:
        CHECK_OK(noh_after(self, m->value, own, add, &me->timer, .value = 1));
        break;
    case CANCELS:
        CHECK_OK(noh_timer_cancel(self, me->timer));
        break;
    case IDLES:
        CHECK_OK(noh_idle_after(self, m->value));
        break;
    case MISBEHAVES:
        must_not(self);
        break;
    case WAITS:
        if (!noh_ref_is_none(m->other)) {
            CHECK_OK(noh_tell(self, m->other, add, .value = 1));
        }
        core_pass(&gate);
        break;
    case TAKES_LONG:
        atomic_fetch_add(&clock_ns, m->value);
        break;
    default:
        break;
    }
    return noh_reply(self, result, .value = me->sum);
}

static noh_err doer_act(noh_self *self, doer *me, const act *m)
{
    noh_ref own = noh_self_ref(self);
    noh_future future;
    char text[1000];
    if (m->what != UNSEEN) {
        atomic_store(&ran_on, pthread_self());
        atomic_fetch_add(ran_here() ? &acts_here : &acts_there, 1);
    }
    CHECK(noh_system_self(noh_self_system(self)) == self);
    switch (m->what) {
    case FORWARDS:
        if (atomic_fetch_sub(&forwards_left, 1) > 0) {
            return noh_forward(self, m->other);
        }
        break;
    case ASKS:
        CHECK_OK(noh_ask(self, m->other, act, &future, .what = SUM));
        return noh_promise_take(self, &me->promise);
    case PROMISES:
        return noh_promise_take(self, &me->promise);
    case FORGETS:
        return NOH_OK;
    case ERRS:
        return noh_reply_error(self, NOH_E_LIMIT, "no more of that");
    case WRITES:
        memset(text, 'x', sizeof text);
        text[sizeof text - 1] = 0;
        return noh_reply(self, result, .text = text);
    case EXITS:
        CHECK_OK(noh_exit_self(self));
        break;
    case FAILS:
        noh_fail(self, NOH_E_OS, "as asked, %d", (int)m->value);
        break;
    case RETURNS:
        return NOH_E_OS;
    case STOPS_ITSELF:
        CHECK_OK(noh_stop(self, own, NOH_STOP_DRAIN));
        CHECK_OK(noh_tell(self, own, add, .value = 1));
        break;
    default:
        break;
    }
    return just_do(self, me, m);
}

NOH_BEHAVIOR_WITH(doer, doer_start, doer_begins, NOH_ON(act, doer_act), NOH_ON(add, doer_add),
                  NOH_ON(result, doer_result), NOH_ON(noh_idle, doer_idle), NOH_ON_STOP(doer_ends),
                  NOH_ON_FAILURE(doer_ends));

/* ---- a world that stands still ------------------------------------------------------------ */

static int64_t still(void *world)
{
    core_world *w = world;
    return atomic_load(&clock_runs) ? w->fault.real.now_ns(w->fault.real.world)
                                    : atomic_load(&clock_ns);
}

/* Nobody wakes for no reason: who is asleep stays so, also the worker when it was locked just before
 * it fell asleep, as if that had come just after it. */
static void sleep_well(void *world, uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
    uint32_t seen = expected;
    do {
        if (seen == expected) {
            core_park_wait(world, word, expected, timeout_ns);
        } else {
            sched_yield();
        }
        seen = __atomic_load_n(word, __ATOMIC_ACQUIRE);
    } while ((seen == expected || (seen == NOHI_LOCKED && word == atomic_load(&worker_word))) &&
             (timeout_ns < 0 || timeout_ns > NOH_SECOND));
}

static void count_woken(void *world, uint32_t *word)
{
    core_world *w = world;
    atomic_fetch_add(&woken, 1);
    w->fault.real.park_wake(w->fault.real.world, word);
}

static unsigned two_cpus(void *world)
{
    (void)world;
    return 2;
}

typedef struct stage {
    core_world world;
    noh_system *system;
    noh_self *self;
    nohi_worker *worker;
    noh_ref actor;
    bool is_over;       /* the system was stopped */
    int calls_for_here; /* of those who were idle and brief */
    int calls_here;     /* that ran here */
} stage;

/* The worker has seen what we sent, and has done what it had to do. Its hint tells nothing: who asks a
 * sleeper for a share raises it, and lets it sleep. */
static void await_idle(stage *s)
{
    while (nohi_worker_has_mail(s->worker) || !nohi_park_is_idle(&s->worker->park)) {
        sched_yield();
    }
}

/* Calls `actor` when the worker is idle. Errors: those of the call. */
static noh_err call(stage *s, noh_ref actor, act request, result *ret_result)
{
    await_idle(s);
    atomic_store(&caller, pthread_self());
    atomic_store(&acts_here, 0);
    atomic_store(&acts_there, 0);
    return noh_call_value(s->self, actor, NOH_TYPE(act), &request, ret_result);
}

/* The same: it must run on this thread, and its answer must be `err`. */
static result here_err(stage *s, noh_ref actor, noh_err err, act request)
{
    result answer = {0};
    CHECK_ERR(call(s, actor, request, &answer), err);
    CHECK(ran_here() || !is_exact);
    s->calls_for_here++;
    s->calls_here += ran_here();
    return answer;
}

static int64_t here(stage *s, noh_ref actor, act request)
{
    return here_err(s, actor, NOH_OK, request).value;
}

#define HERE(s, ...) here(s, (s)->actor, (act){__VA_ARGS__})

/* It must run on the worker. */
static int64_t there(stage *s, noh_ref actor, act request)
{
    result answer = {0};
    CHECK_OK(call(s, actor, request, &answer));
    CHECK(!ran_here());
    return answer.value;
}

/* Wherever that runs, and whatever the worker does. */
static int64_t sum_of(noh_self *self, noh_ref actor)
{
    result answer;
    CHECK_OK(noh_call(self, actor, act, &answer, .what = UNSEEN));
    return answer.value;
}

static noh_ref spawn(stage *s, noh_spawn_options options)
{
    noh_ref actor;
    CHECK_OK(noh_spawn_with(s->self, &noh_behavior_doer, NULL, &options, &actor));
    CHECK_EQ(sum_of(s->self, actor), 0); /* it has started */
    return actor;
}

/* The behavior is brief for all one knows: four samples, which the worker takes. */
static void begin(stage *s, unsigned cpus, unsigned workers)
{
    memset(s, 0, sizeof *s);
    atomic_store(&clock_runs, false);
    core_open(&s->world);
    s->world.env.now_ns = still;
    s->world.env.park_wait = sleep_well;
    s->world.env.park_wake = count_woken;
    s->world.env.cpu_count = cpus == 1 ? core_one_cpu : two_cpus;
    s->system = core_system(&s->world, workers, NULL);
    s->self = noh_system_self(s->system);
    s->worker = nohi_system_home(s->system, 0);
    atomic_store(&worker_word, (void *)&s->worker->park.word);
    s->actor = noh_spawn(s->self, doer);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(there(s, s->actor, (act){.what = SUM}), 0);
    }
}

/* The worker still does all that a worker does, and the books balance. */
static void end(stage *s)
{
    if (!s->is_over) {
        noh_ref last = noh_spawn(s->self, doer, .watcher = noh_self_ref(s->self));
        CHECK_EQ(CORE_RECEIVE(done, s->self)->value, -1);
        CHECK_OK(noh_tell(s->self, last, add, .value = 7));
        CHECK_EQ(CORE_RECEIVE(done, s->self)->value, 7);
    }
    (void)core_settled(s->system, 0);
    CHECK(2 * s->calls_here + 1 >= s->calls_for_here); /* most of them, also in the hostile build */
    core_end(&s->world, s->system);
}

typedef void scene_fn(stage *s, int64_t round);

static void play(scene_fn *scene)
{
    for (unsigned cpus = 1; cpus <= 2; cpus++) {
        stage s;
        begin(&s, cpus, 1);
        for (int64_t round = 0; round < ROUNDS && !s.is_over; round++) {
            core_shut_gate(&gate);
            scene(&s, round);
        }
        end(&s);
    }
}

#define SCENE(name) \
    static scene_fn name##_on; \
    static void name(void) \
    { \
        play(name##_on); \
    } \
    static void name##_on(stage *s, int64_t round)

/* ---- who runs here ------------------------------------------------------------------------ */

SCENE(a_call_of_an_idle_actor_runs_here_and_wakes_nobody)
{
    nohi_worker *own = s->self->worker;
    await_idle(s);
    noh_ledger before = core_settled(s->system, 0);
    uint64_t handled_there = load_relaxed(&s->worker->counts.handled);
    uint64_t handled_here = load_relaxed(&own->counts.handled);
    atomic_store(&woken, 0);
    for (int i = 0; i < 50; i++) {
        CHECK_EQ(HERE(s, .what = SUM), 0);
    }
    CHECK(atomic_load(&woken) == 0 || !is_exact); /* nor has the thread slept */
    CHECK_EQ(load_relaxed(&s->worker->counts.handled), handled_there + 50);
    CHECK_EQ(load_relaxed(&own->counts.handled), handled_here + 50);
    CHECK_EQ(core_settled(s->system, 0).sent, before.sent + 100);
    CHECK_EQ(nohi_lease_turn(&s->worker->lease), 0);
}

SCENE(neither_pinned_actors_nor_asks_that_are_awaited_later_run_here)
{
    noh_future future;
    result answer;
    CHECK_EQ(there(s, spawn(s, (noh_spawn_options){.pinned = true}), (act){.what = SUM}), 0);
    await_idle(s);
    CHECK_OK(noh_ask(s->self, s->actor, act, &future, .what = SUM));
    CHECK_OK(noh_await(s->self, future, result, NOH_FOREVER, &answer));
    CHECK(!ran_here());
    CHECK_EQ(HERE(s, .what = SUM), 0);
}

/* The next turn is a sample, wherever it runs. */
static void sample_next(stage *s)
{
    uint32_t before;
    do {
        await_idle(s);
    } while (!nohi_park_lock_idle(&s->worker->park, &s->world.env, &before));
    s->worker->policy.countdown = 0;
    CHECK(!nohi_park_unlock(&s->worker->park, before, false));
}

SCENE(what_took_long_of_late_does_not_run_here)
{
    int calls_there = 0;
    result answer;
    sample_next(s);
    (void)HERE(s, .what = TAKES_LONG, .value = NOH_MS); /* who could know? */
    while (CHECK_OK(call(s, s->actor, (act){.what = SUM}, &answer)), !ran_here()) {
        calls_there++;
    }
    CHECK(calls_there >= 4); /* four samples */
    CHECK(calls_there <= NOHI_LIMIT(5, 1000));
    sample_next(s);
    (void)HERE(s, .what = TAKES_LONG, .value = NOH_US);
    (void)HERE(s, .what = SUM);
}

/* Opens the gate when something waits in the actor's inbox. */
static void *open_when_asked(void *actor)
{
    while (nohi_inbox_is_empty(&((nohi_actor *)actor)->gate.inbox)) {
        sched_yield();
    }
    core_open_gate(&gate);
    return NULL;
}

SCENE(a_busy_worker_is_waited_for)
{
    noh_future blocked;
    result answer;
    CHECK_OK(noh_ask(s->self, noh_spawn(s->self, doer), act, &blocked, .what = WAITS));
    core_await_inside(&gate, 1);
    pthread_t opener = core_thread(open_when_asked, nohi_actor_of(&s->system->slots, s->actor));
    CHECK_OK(noh_call(s->self, s->actor, act, &answer, .what = SUM));
    CHECK(!ran_here());
    CHECK_OK(noh_await(s->self, blocked, result, NOH_FOREVER, &answer));
    core_join_thread(opener);
}

/* ---- what a handler does here ------------------------------------------------------------- */

SCENE(what_the_actor_was_told_before_comes_before)
{
    int64_t told = HERE(s, .what = SUM);
    for (int i = 0; i < 16; i++) {
        CHECK_OK(noh_tell(s->self, s->actor, add, .value = 1));
        CHECK_EQ(sum_of(s->self, s->actor), ++told);
    }
}

SCENE(what_it_tells_itself_and_others_comes_behind)
{
    noh_ref other = noh_spawn(s->self, doer);
    int64_t told = HERE(s, .what = SUM);
    CHECK_EQ(HERE(s, .what = TELLS, .value = round, .other = s->actor), told);
    CHECK_EQ(HERE(s, .what = TELLS, .value = round, .other = other), told + round);
    CHECK_EQ(sum_of(s->self, other), round); /* at once */
}

/* Eight turns, and the worker does the rest. */
SCENE(a_chain_of_turns_begins_here_and_goes_on_there)
{
    atomic_store(&forwards_left, 20);
    CHECK_EQ(there(s, s->actor, (act){.what = FORWARDS, .other = s->actor}), 0);
    CHECK(atomic_load(&acts_here) == 8 || !is_exact);
    CHECK_EQ(atomic_load(&acts_here) + atomic_load(&acts_there), 21);
}

/* And the thread waits when that one answers later. */
SCENE(an_answer_may_come_from_another_actor)
{
    noh_ref other = noh_spawn(s->self, doer);
    noh_ref pinned = spawn(s, (noh_spawn_options){.pinned = true});
    CHECK_OK(noh_tell(s->self, other, add, .value = 5));
    atomic_store(&forwards_left, 1);
    CHECK_EQ(HERE(s, .what = FORWARDS, .other = other), 5);
    atomic_store(&forwards_left, 1);
    CHECK_EQ(there(s, s->actor, (act){.what = FORWARDS, .other = pinned}), 0); /* began here */
    CHECK_EQ(HERE(s, .what = ASKS, .other = other), 6);
    CHECK_EQ(there(s, s->actor, (act){.what = ASKS, .other = pinned}), 1);
}

SCENE(it_spawns_another_and_stops_it)
{
    noh_ref mother = spawn(s, (noh_spawn_options){.pinned = false});
    noh_exit exit;
    (void)here(s, mother, (act){.what = SPAWNS, .other = noh_self_ref(s->self)});
    const done *child = CORE_RECEIVE(done, s->self);
    CHECK_EQ(child->value, -1); /* it has started there */
    noh_ref who = child->who;
    (void)here(s, mother, (act){.what = STOPS_OTHER, .other = who});
    CHECK_OK(noh_join(s->self, who, NOH_FOREVER, &exit));
    CHECK(exit.kind == NOH_EXIT_SHUTDOWN || exit.kind == NOH_EXIT_UNKNOWN);
    CHECK_EQ(core_actors(s->system), round + 2);
}

static const struct {
    int64_t what;
    noh_err err;
    noh_exit_kind kind;
} ends[] = {
    {EXITS, NOH_OK, NOH_EXIT_NORMAL},
    {FAILS, NOH_E_OS, NOH_EXIT_FAILED},
    {RETURNS, NOH_E_OS, NOH_EXIT_FAILED},
    {STOPS_ITSELF, NOH_OK, NOH_EXIT_NORMAL},
};

SCENE(an_actor_ends_here)
{
    result answer;
    int way = (int)round % 4;
    noh_ref mortal = spawn(s, (noh_spawn_options){.name = "mortal"});
    atomic_store(&hooks, 0);
    atomic_store(&stop_hook_fails, round % 8 >= 4); /* noh_fail again, while it ends */
    CHECK_ERR(noh_join(s->self, mortal, 0, NULL), NOH_E_TIMEOUT); /* somebody waits for it */
    (void)here_err(s, mortal, ends[way].err, (act){.what = ends[way].what, .value = 3});
    if (ends[way].what == FAILS) {
        CHECK_TEXT(noh_error_text(s->self), "as asked, 3");
    }
    noh_exit exit;
    CHECK_OK(noh_join(s->self, mortal, NOH_FOREVER, &exit));
    CHECK(exit.kind == ends[way].kind || exit.kind == NOH_EXIT_UNKNOWN);
    CHECK_EQ(atomic_load(&ended_by), ends[way].kind);
    CHECK_EQ(atomic_load(&hooks), 1);
    CHECK(noh_ref_is_none(noh_lookup(s->system, "mortal")));
    CHECK_ERR(noh_call(s->self, mortal, act, &answer, .what = SUM), NOH_E_GONE);
    atomic_store(&stop_hook_fails, false);
    /* Where noh_fail goes on the worker itself is what it was. */
    noh_future future;
    CHECK_OK(noh_ask(s->self, noh_spawn(s->self, doer), act, &future, .what = FAILS));
    CHECK_ERR(noh_await(s->self, future, result, NOH_FOREVER, &answer), NOH_E_OS);
    CHECK(!ran_here());
}

/* The worker sleeps, or rests, without a limit when the first one is started, and for long when the
 * others are. */
SCENE(its_timers_fire)
{
    static const int64_t delays_ns[] = {900 * NOH_SECOND, 800 * NOH_SECOND, NOH_US};
    noh_ref actor = noh_spawn(s->self, doer, .watcher = noh_self_ref(s->self));
    CHECK_EQ(CORE_RECEIVE(done, s->self)->value, -1);
    for (int i = 0; i < 3; i++) {
        (void)here(s, actor, (act){.what = TIMES, .value = delays_ns[i]});
        if (i < 2) {
            (void)here(s, actor, (act){.what = CANCELS});
        }
    }
    core_expect_nothing(s->self);
    atomic_fetch_add(&clock_ns, NOH_US);
    CHECK_EQ(CORE_RECEIVE(done, s->self)->value, 1);
    (void)here(s, actor, (act){.what = IDLES, .value = NOH_MS});
    atomic_fetch_add(&clock_ns, NOH_MS);
    CHECK_EQ(CORE_RECEIVE(done, s->self)->value, -2);
}

SCENE(it_may_do_what_it_may_on_a_worker_and_no_more)
{
    result answer;
    (void)HERE(s, .what = MISBEHAVES);
    CHECK(noh_system_self(s->system) == s->self);
    (void)here_err(s, s->actor, NOH_E_NO_ANSWER, (act){.what = FORGETS});
    (void)here_err(s, s->actor, NOH_E_LIMIT, (act){.what = ERRS});
    CHECK_TEXT(noh_error_text(s->self), "no more of that");
    answer = here_err(s, s->actor, NOH_OK, (act){.what = WRITES});
    CHECK_EQ(strlen(answer.text), 999); /* it stays until the next wait */
    CHECK_EQ(strspn(answer.text, "x"), 999);
    await_idle(s);
    CHECK_ERR(noh_call(s->self, s->actor, not_handled, &answer), NOH_E_UNHANDLED);
}

SCENE(it_tells_the_thread_that_runs_it)
{
    (void)HERE(s, .what = REPORTS);
    for (int64_t i = 1; i <= 3; i++) {
        CHECK_EQ(CORE_RECEIVE(done, s->self)->value, i);
        CHECK(noh_ref_equal(noh_sender(s->self), s->actor));
    }
    core_expect_nothing(s->self);
}

SCENE(other_asks_of_the_thread_are_not_mixed_up)
{
    noh_ref other = noh_spawn(s->self, doer);
    noh_future first;
    noh_future second;
    result answer;
    CHECK_OK(noh_tell(s->self, s->actor, add, .value = 3));
    CHECK_OK(noh_ask(s->self, other, act, &first, .what = PROMISES));
    CHECK_OK(noh_ask(s->self, s->actor, act, &second, .what = SUM));
    CHECK_EQ(HERE(s, .what = SUM), 3 * round + 3);
    CHECK_OK(noh_tell(s->self, other, result, .value = round));
    CHECK_EQ(HERE(s, .what = SUM), 3 * round + 3);
    CHECK_OK(noh_await(s->self, first, result, NOH_FOREVER, &answer));
    CHECK_EQ(answer.value, round + 1);
    CHECK_OK(noh_await(s->self, second, result, NOH_FOREVER, &answer));
    CHECK_EQ(answer.value, 3 * round + 3);
}

SCENE(a_mailbox_for_one_has_room_for_it)
{
    noh_ref small = spawn(s, (noh_spawn_options){.mailbox_max = 1});
    for (int64_t i = 0; i < 3; i++) {
        CHECK_EQ(here(s, small, (act){.what = SUM}), i);
        CHECK_OK(noh_tell(s->self, small, add, .value = 1)); /* its place was given back */
    }
}

/* ---- while it runs here ------------------------------------------------------------------- */

/* Comes when a handler is at the gate, maybe on the thread that acts for the worker. */
typedef struct visitor {
    stage *s;
    noh_ref other;
    void (*comes)(struct visitor *v, noh_self *self);
} visitor;

static void *visit(void *arg)
{
    visitor *v = arg;
    noh_self *self = noh_system_self(v->s->system);
    core_await_inside(&gate, 1);
    v->comes(v, self);
    core_open_gate(&gate);
    CHECK_OK(noh_self_free(self));
    return NULL;
}

/* To another actor, and to the one that is in its turn; and opens the gate when it waits itself. */
static void tell_and_call(visitor *v, noh_self *self)
{
    nohi_park *park = &v->s->worker->park;
    CHECK(load_relaxed(&park->word) == NOHI_LOCKED || !is_exact);
    for (int i = 0; i < 10; i++) {
        CHECK_OK(noh_tell(self, v->s->actor, add, .value = 1));
    }
    CHECK(load_relaxed(&park->word) == NOHI_LOCKED_WAKE || !is_exact);
    pthread_t opener = core_thread(open_when_asked, nohi_actor_of(&v->s->system->slots, v->other));
    CHECK_EQ(sum_of(self, v->other), 0);
    core_join_thread(opener);
}

SCENE(who_comes_meanwhile_is_served_by_the_worker_afterwards)
{
    visitor v = {s, spawn(s, (noh_spawn_options){.pinned = false}), tell_and_call};
    pthread_t thread = core_thread(visit, &v);
    CHECK_EQ(HERE(s, .what = WAITS), 10 * round);
    core_join_thread(thread);
    CHECK_EQ(sum_of(s->self, s->actor), 10 * (round + 1));
}

/* Its worker cannot run it, since that is in a handler, on whichever thread. */
static void be_served(visitor *v, noh_self *self)
{
    atomic_store(&clock_runs, true); /* or no handler is long */
    while (atomic_load(&adds) == 0) {
        sched_yield(); /* nobody is told that the handler has left it something */
    }
    for (int i = 2; i <= 20; i++) {
        CHECK_OK(noh_tell(self, v->other, add, .value = 1));
        CHECK_EQ(sum_of(self, v->other), i);
    }
}

static void who_waits_behind_a_long_handler_is_taken_over(void)
{
    int ran = 0;
    for (unsigned i = 0; i < 10; i++) {
        stage s;
        begin(&s, 1 + i % 2, 2);
        core_shut_gate(&gate);
        atomic_store(&adds, 0);
        visitor v = {&s, spawn(&s, (noh_spawn_options){.pinned = false}), be_served};
        pthread_t thread = core_thread(visit, &v);
        result answer;
        CHECK_OK(call(&s, s.actor, (act){.what = WAITS, .other = v.other}, &answer));
        ran += ran_here(); /* a worker that has watched the other one may still nap */
        core_join_thread(thread);
        end(&s);
    }
    CHECK(ran > 0);
}

static void *stop_it_all(void *arg)
{
    stage *s = arg;
    core_await_inside(&gate, 1);
    atomic_store(&clock_runs, true); /* the stop waits for a while */
    CHECK_ERR(noh_system_stop(s->system, 0), NOH_E_HELD_UP);
    CHECK_EQ(core_logged(&s->world, "holds up the stop: in the handler of act"), 1);
    core_open_gate(&gate);
    CHECK_OK(noh_system_stop(s->system, NOH_FOREVER));
    return NULL;
}

SCENE(a_stop_names_what_runs_here_and_goes_on_when_it_has_ended)
{
    result answer;
    pthread_t thread = core_thread(stop_it_all, s);
    CHECK_EQ(HERE(s, .what = WAITS), round);
    core_join_thread(thread);
    CHECK_OK(
        noh_join(s->self, s->actor, NOH_FOREVER, NULL)); /* the stop is told a moment earlier */
    CHECK_ERR(noh_call(s->self, s->actor, act, &answer, .what = SUM), NOH_E_GONE);
    CHECK_EQ(core_actors(s->system), 0);
    s->is_over = true;
}

/* ---- a loop calls ------------------------------------------------------------------------- */

static atomic_int wakes;

static void count_wake(void *ctx)
{
    (void)ctx;
    atomic_fetch_add(&wakes, 1);
}

static void *call_from_a_loop(void *arg)
{
    stage *s = arg;
    CHECK_OK(noh_host_new(s->system, count_wake, NULL, &s->self));
    noh_ref guest = noh_spawn(s->self, doer, .watcher = noh_self_ref(s->self));
    CHECK_EQ(CORE_RECEIVE(done, s->self)->value, -1);
    for (int i = 0; i < 2; i++) {
        while (noh_host_run(s->self) != NOH_FOREVER) {
        }
        int before = atomic_load(&wakes);
        CHECK_EQ(HERE(s, .what = SUM), 0);
        CHECK(atomic_load(&wakes) == before || !is_exact); /* it sleeps in its own way */
        CHECK_EQ(HERE(s, .what = TELLS, .value = 1, .other = guest), 0);
        CHECK(atomic_load(&wakes) > before); /* but its guest has something to do */
        CHECK_EQ(CORE_RECEIVE(done, s->self)->value, i + 1);
    }
    noh_host_free(s->self);
    return NULL;
}

SCENE(an_event_loop_may_call_as_well)
{
    noh_self *self = s->self;
    core_join_thread(core_thread(call_from_a_loop, s));
    s->self = self;
    CHECK_EQ(HERE(s, .what = SUM), 0);
    (void)round;
}

static const test_case cases[] = {
    TEST(a_call_of_an_idle_actor_runs_here_and_wakes_nobody),
    TEST(neither_pinned_actors_nor_asks_that_are_awaited_later_run_here),
    TEST(what_took_long_of_late_does_not_run_here),
    TEST(a_busy_worker_is_waited_for),
    TEST(what_the_actor_was_told_before_comes_before),
    TEST(what_it_tells_itself_and_others_comes_behind),
    TEST(a_chain_of_turns_begins_here_and_goes_on_there),
    TEST(an_answer_may_come_from_another_actor),
    TEST(it_spawns_another_and_stops_it),
    TEST(an_actor_ends_here),
    TEST(its_timers_fire),
    TEST(it_may_do_what_it_may_on_a_worker_and_no_more),
    TEST(it_tells_the_thread_that_runs_it),
    TEST(other_asks_of_the_thread_are_not_mixed_up),
    TEST(a_mailbox_for_one_has_room_for_it),
    TEST(who_comes_meanwhile_is_served_by_the_worker_afterwards),
    TEST(who_waits_behind_a_long_handler_is_taken_over),
    TEST(a_stop_names_what_runs_here_and_goes_on_when_it_has_ended),
    TEST(an_event_loop_may_call_as_well),
};
TEST_MAIN(cases)
