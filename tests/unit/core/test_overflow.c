/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: an actor that runs off its stack ends and says why, wherever it was just then, and again and
 * again; all others go on; and a fault that is not an overflow is met by whoever was there before. */
#include "core.h"
#include "old_kernel.h"
#include "system.h"

#include <signal.h>
#include <sys/wait.h>

NOH_MESSAGE(sum, (int64_t, value));
NOH_REQUEST(count_to, sum, (int64_t, limit));
NOH_REQUEST(fall, sum, (int32_t, how));
NOH_MESSAGE(noise, (int64_t, number));

/* What it does on its way down. */
typedef enum fall_kind {
    FALL_SILENTLY,
    FALL_TELLING,
    FALL_SPAWNING,
    FALL_LOGGING,
    FALL_ASKING,
    FALL_BY_LEAPS,  /* with frames of many pages */
    FALL_AND_CATCH, /* ends before the reserve does */
    FALL_LATER,     /* after a wait */
    FALL_KINDS,
} fall_kind;

typedef struct victim {
    noh_ref to;
    int64_t handled;
} victim;

NOH_MESSAGE(victim_start, (noh_ref, to), (bool, at_start));

static noh_err on_noise(noh_self *self, victim *me, const noise *m)
{
    return NOH_OK;
}

static noh_err on_count(noh_self *self, victim *me, const count_to *m)
{
    return noh_reply(self, sum, .value = me->handled += m->limit);
}

static atomic_int failure_hooks;

/* Not a tail call, whatever the compiler thinks of. */
TEST_PLAIN static int64_t go_down(noh_self *self, noh_ref to, fall_kind how,
                                  volatile int64_t *above)
{
    extern const noh_behavior noh_behavior_victim;
    volatile int64_t here[8];
    noh_future future;
    noh_ref ref;
    here[0] = *above + 1;
    switch (how) {
    case FALL_TELLING:
        (void)noh_tell(self, to, noise, .number = here[0]);
        break;
    case FALL_SPAWNING:
        if (here[0] % 64 != 0) { /* all of them end by a stop, in time */
            break;
        }
        (void)noh_spawn_with(self, &noh_behavior_victim, NULL, NULL, &ref);
        break;
    case FALL_LOGGING:
        noh_log(self, NOH_LOG_DEBUG, "at %lld, on the way %s", (long long)here[0], "down");
        break;
    case FALL_ASKING:
        (void)noh_ask(self, to, count_to, &future, .limit = 1);
        break;
    default:
        break;
    }
    return *above < 0 ? 0 : go_down(self, to, how, here) + here[0];
}

/* Inlined into itself its frame would be larger than a guard. */
TEST_PLAIN static int64_t leap(volatile int64_t *above)
{
    volatile char room[48 * 1024];
    volatile int64_t here = *above + 1;
    room[0] = (char)here; /* its lowest byte, or near it */
    return room[0] == 1 && *above < 0 ? 0 : leap(&here) + room[0];
}

/* So deep that the stack, but not the reserve, is used up. */
TEST_PLAIN static int64_t touch_below(char *top)
{
    char here;
    volatile char room[1024];
    room[0] = 1;
    return top - &here > NOHI_STACK_USUAL + 8 * 1024 ? room[0] : touch_below(top) + room[0];
}

static int64_t fall_down(noh_self *self, noh_ref to, fall_kind how)
{
    volatile int64_t top = 0;
    char here;
    switch (how) {
    case FALL_BY_LEAPS:
        return leap(&top);
    case FALL_AND_CATCH:
        return touch_below(&here);
    case FALL_LATER:
        (void)noh_sleep(self, NOH_MS);
        return go_down(self, to, FALL_SILENTLY, &top);
    default:
        return go_down(self, to, how, &top);
    }
}

static noh_err on_fall(noh_self *self, victim *me, const fall *m)
{
    return noh_reply(self, sum, .value = fall_down(self, me->to, (fall_kind)m->how));
}

static noh_err on_start(noh_self *self, victim *me, const victim_start *start)
{
    me->to = start->to;
    return start->at_start ? (noh_err)fall_down(self, me->to, FALL_SILENTLY) : NOH_OK;
}

static noh_err on_failure(noh_self *self, victim *me, const noh_exit *exit)
{
    CHECK_EQ(exit->kind, NOH_EXIT_FAULT);
    CHECK_EQ(exit->code, NOH_E_STACK);
    atomic_fetch_add(&failure_hooks, 1);
    return noh_tell(self, me->to, noise, .number = -1);
}

NOH_BEHAVIOR_WITH(victim, victim_start, on_start, NOH_ON(noise, on_noise),
                  NOH_ON(count_to, on_count), NOH_ON(fall, on_fall), NOH_ON_FAILURE(on_failure));

/* Falls in each of its hooks of an end. */
NOH_NO_STATE(clumsy);

static noh_err on_clumsy_fall(noh_self *self, clumsy *me, const fall *m)
{
    return (noh_err)fall_down(self, NOH_NO_REF, (fall_kind)m->how);
}

static noh_err on_clumsy_end(noh_self *self, clumsy *me, const noh_exit *exit)
{
    return (noh_err)fall_down(self, NOH_NO_REF, FALL_SILENTLY);
}

NOH_BEHAVIOR(clumsy, NOH_ON(fall, on_clumsy_fall), NOH_ON_STOP(on_clumsy_end),
             NOH_ON_FAILURE(on_clumsy_end));

/* ---- in a handler ------------------------------------------------------------------------- */

static void check_lives(noh_self *me, noh_ref other)
{
    sum answer;
    CHECK_OK(noh_call(me, other, count_to, &answer, .limit = 1));
}

/* The victim's end, as who asked and who waits see it. */
static void check_falls(noh_self *me, noh_ref to, fall_kind how)
{
    noh_ref ref = noh_spawn(me, victim, .to = to);
    noh_future future;
    noh_exit exit;
    sum answer;
    CHECK_OK(noh_ask(me, ref, fall, &future, .how = how));
    noh_err err = noh_join(me, ref, 60 * NOH_SECOND, &exit);
    CHECK_ERR(noh_await(me, future, sum, NOH_FOREVER, &answer), NOH_E_STACK);
    CHECK_TEXT(noh_error_text(me), "stack overflow");
    CHECK_OK(err);
    if (exit.kind != NOH_EXIT_UNKNOWN) { /* it may be over before we wait */
        CHECK_EQ(exit.kind, NOH_EXIT_FAULT);
        CHECK_ERR(exit.code, NOH_E_STACK);
        CHECK_TEXT(exit.text, "stack overflow");
    }
}

static void who_runs_off_its_stack_ends_and_no_other(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *me = noh_system_self(system);
    noh_ref other = noh_spawn(me, victim);
    atomic_store(&failure_hooks, 0);
    check_falls(me, other, FALL_SILENTLY);
    check_lives(me, other);
    CHECK_EQ(failure_hooks, 1);
    CHECK_EQ(core_logged(&world, "failed in fall: stack overflow (NOH_E_STACK)"), 1);
    CHECK_TEXT(world.lines[0].behavior, "victim");
    core_end(&world, system);
}

static void fall_in_all_ways(core_world *world)
{
    noh_system *system = core_system(world, 2, NULL);
    noh_self *me = noh_system_self(system);
    noh_ref other = noh_spawn(me, victim);
    for (int round = 0; round < 5; round++) {
        for (fall_kind how = 0; how < FALL_KINDS; how++) {
            if (how != FALL_AND_CATCH) {
                check_falls(me, other, how);
            }
            check_lives(me, other);
        }
    }
    noh_ledger ledger = core_settled(system, 0);
    CHECK(ledger.dead[NOH_DEAD_CRASHED] >= 35);
    const char *broken = nohi_system_check(system, true);
    CHECK_TEXT(broken, NULL);
    core_end(world, system);
}

static void again_and_again_in_all_ways(void)
{
    core_world world;
    core_open(&world);
    fall_in_all_ways(&world);
}

static void the_same_where_a_guard_is_a_mapping(void)
{
    core_world world;
    core_open(&world);
    world.fault.real.pages_guard = env_without_guard_pages().pages_guard;
    fall_in_all_ways(&world);
}

/* In the reserve; and it is shut again afterwards. */
static void who_needs_a_little_more_than_its_stack_gets_it_once(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *me = noh_system_self(system);
    noh_ref other = noh_spawn(me, victim);
    for (int i = 0; i < 10; i++) {
        noh_ref ref = noh_spawn(me, victim, .to = other);
        sum answer;
        CHECK_OK(noh_call(me, ref, fall, &answer, .how = FALL_AND_CATCH));
        CHECK(answer.value > 200);
        check_lives(me, other);
        check_falls(me, other, FALL_TELLING);
    }
    core_end(&world, system);
}

/* ---- in hooks ----------------------------------------------------------------------------- */

static void in_a_start_hook(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *me = noh_system_self(system);
    noh_ref other = noh_spawn(me, victim);
    atomic_store(&failure_hooks, 0);
    for (int i = 0; i < 20; i++) {
        noh_exit exit;
        noh_ref ref = noh_spawn(me, victim, .to = other, .at_start = true);
        CHECK_OK(noh_join(me, ref, 60 * NOH_SECOND, &exit));
        CHECK(exit.kind == NOH_EXIT_FAULT || exit.kind == NOH_EXIT_UNKNOWN);
    }
    CHECK_EQ(failure_hooks, 0); /* its state never was whole */
    CHECK_EQ(core_logged(&world, "stack overflow"), 20);
    check_lives(me, other);
    core_end(&world, system);
}

static void in_the_hooks_of_an_end(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *me = noh_system_self(system);
    noh_ref other = noh_spawn(me, victim);
    for (size_t i = 1; i <= 10; i++) {
        noh_ref ref = noh_spawn(me, clumsy);
        noh_exit exit = core_stop(me, ref, NOH_STOP_DRAIN);
        CHECK(exit.kind == NOH_EXIT_NORMAL || exit.kind == NOH_EXIT_UNKNOWN);
        ref = noh_spawn(me, clumsy);
        sum answer;
        CHECK_ERR(noh_call(me, ref, fall, &answer), NOH_E_STACK);
        CHECK_OK(noh_join(me, ref, 60 * NOH_SECOND, NULL));
        CHECK_EQ(core_logged(&world, "a stop hook failed: stack overflow"), 2 * i);
        CHECK_EQ(core_logged(&world, "failed in fall: stack overflow"), i);
    }
    check_lives(me, other);
    core_end(&world, system);
}

/* ---- on all threads ----------------------------------------------------------------------- */

enum { CROWD = 200 };

static void many_at_once_while_others_talk(void)
{
    core_world world;
    noh_system *system = core_start(&world, 4, NULL);
    noh_self *me = noh_system_self(system);
    noh_ref other = noh_spawn(me, victim);
    noh_future futures[CROWD];
    sum answer;
    for (int i = 0; i < CROWD; i++) {
        noh_ref ref = noh_spawn(me, victim, .to = other);
        int how = i % 4 == 0 ? FALL_LATER : i % 2 == 0 ? FALL_TELLING : FALL_SILENTLY;
        CHECK_OK(noh_ask(me, ref, fall, &futures[i], .how = how));
        check_lives(me, other);
    }
    for (int i = 0; i < CROWD; i++) {
        CHECK_ERR(noh_await(me, futures[i], sum, NOH_FOREVER, &answer), NOH_E_STACK);
    }
    check_lives(me, other);
    (void)core_settled(system, 0);
    core_end(&world, system);
}

/* The worker has nothing to do, and the actor is brief: the calling thread runs it. */
static void on_the_thread_that_calls(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *me = noh_system_self(system);
    noh_ref other = noh_spawn(me, victim);
    sum answer;
    for (int i = 0; i < 20; i++) {
        noh_ref ref = noh_spawn(me, victim, .to = other);
        for (int k = 0; k < 200; k++) {
            check_lives(me, ref);
        }
        CHECK_ERR(noh_call(me, ref, fall, &answer, .how = i % 2), NOH_E_STACK);
        check_lives(me, other);
    }
    core_end(&world, system);
}

static void wake_loop(void *ctx)
{
    atomic_store((atomic_bool *)ctx, true);
}

static void on_a_host_loop(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    atomic_bool woken = false;
    noh_self *me;
    CHECK_OK(noh_host_new(system, wake_loop, &woken, &me));
    for (int i = 0; i < 20; i++) {
        noh_ref ref;
        CHECK_OK(noh_spawn_with(me, &noh_behavior_victim, NULL,
                                &(noh_spawn_options){.pinned = true}, &ref));
        noh_future future;
        sum answer;
        CHECK_OK(noh_ask(me, ref, fall, &future, .how = i % 2 == 0 ? FALL_SILENTLY : FALL_LATER));
        while (noh_is_alive(system, ref)) {
            (void)noh_host_run(me);
        }
        CHECK_ERR(noh_await(me, future, sum, NOH_FOREVER, &answer), NOH_E_STACK);
    }
    noh_host_free(me);
    core_end(&world, system);
}

/* ---- faults of others --------------------------------------------------------------------- */

NOH_NO_STATE(reckless);

static noh_err on_reckless(noh_self *self, reckless *me, const noise *m)
{
    if (m->number == 0) {
        raise(SIGSEGV);
    } else {
        *(volatile int *)(uintptr_t)(m->number * 8) = 1;
    }
    return NOH_OK;
}

NOH_BEHAVIOR(reckless, NOH_ON(noise, on_reckless));

static void note_fault(int number, siginfo_t *info, void *context)
{
    sigset_t mask;
    (void)pthread_sigmask(SIG_BLOCK, NULL, &mask);
    bool masked = sigismember(&mask, SIGSEGV) == 1 && sigismember(&mask, SIGUSR1) == 1;
    _exit(!masked ? 9 : info->si_addr == (void *)80 || info->si_code <= 0 ? 7 : 8);
}

static void note_signal(int number)
{
    _exit(number == SIGSEGV ? 6 : 5);
}

typedef enum earlier_kind {
    EARLIER_NONE,
    EARLIER_INFO,
    EARLIER_PLAIN,
} earlier_kind;

/* How a process ends whose actor does that, with such an action there before. */
static int end_of_process(earlier_kind earlier, int64_t number)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        struct sigaction action = {.sa_handler = SIG_DFL};
        if (earlier == EARLIER_INFO) {
            action.sa_sigaction = note_fault;
            action.sa_flags = SA_SIGINFO;
        } else if (earlier == EARLIER_PLAIN) {
            action.sa_handler = note_signal;
        }
        sigaddset(&action.sa_mask, SIGUSR1);
        (void)sigaction(SIGSEGV, &action, NULL);
        noh_system *system;
        CHECK_OK(noh_system_new(&(noh_options){.workers = 1}, &system));
        noh_self *me = noh_system_self(system);
        noh_ref ref = noh_spawn(me, reckless);
        (void)noh_tell(me, ref, noise, .number = number);
        (void)noh_join(me, ref, NOH_FOREVER, NULL);
        _exit(1);
    }
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? 100 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void other_faults_take_their_course(void)
{
    alarm(100);
    CHECK_EQ(end_of_process(EARLIER_NONE, 10), 100 + SIGSEGV);
    CHECK_EQ(end_of_process(EARLIER_NONE, 0), 100 + SIGSEGV);
    CHECK_EQ(end_of_process(EARLIER_INFO, 10), 7);
    CHECK_EQ(end_of_process(EARLIER_INFO, 0), 7);
    CHECK_EQ(end_of_process(EARLIER_PLAIN, 10), 6);
    CHECK_EQ(end_of_process(EARLIER_PLAIN, 0), 6);
}

static void no_handler(int number)
{
}

static void *action_now(void)
{
    struct sigaction now;
    CHECK_EQ(sigaction(SIGSEGV, NULL, &now), 0);
    return (void *)now.sa_sigaction;
}

static void the_signal_is_given_back_unless_somebody_has_it(void)
{
    core_world world;
    void *before = action_now();
    noh_system *system = core_start(&world, 1, NULL);
    CHECK(action_now() != before);
    core_end(&world, system);
    CHECK(action_now() == before);
    system = core_start(&world, 1, NULL);
    struct sigaction later = {.sa_handler = no_handler};
    struct sigaction ours;
    CHECK_EQ(sigaction(SIGSEGV, &later, &ours), 0);
    core_end(&world, system);
    CHECK(action_now() == (void *)no_handler);
    CHECK_EQ(sigaction(SIGSEGV, &ours, NULL), 0);
    system = core_start(&world, 1, NULL);
    noh_self *me = noh_system_self(system);
    check_falls(me, noh_self_ref(me), FALL_SILENTLY);
    core_end(&world, system);
    CHECK(action_now() == before);
}

static const test_case cases[] = {
    TEST(other_faults_take_their_course), /* forks: first */
    TEST(who_runs_off_its_stack_ends_and_no_other),
    TEST(again_and_again_in_all_ways),
    TEST(the_same_where_a_guard_is_a_mapping),
    TEST(who_needs_a_little_more_than_its_stack_gets_it_once),
    TEST(in_a_start_hook),
    TEST(in_the_hooks_of_an_end),
    TEST(many_at_once_while_others_talk),
    TEST(on_the_thread_that_calls),
    TEST(on_a_host_loop),
    TEST(the_signal_is_given_back_unless_somebody_has_it),
};
TEST_MAIN(cases)
