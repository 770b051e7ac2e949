/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a process may be forked while handlers wait, by a plain thread, by a handler that has waited, and
 * in blocking work: the child has the memory as it was, the stack of the handler too, and may execute
 * another program; in the parent all go on as if nothing had been. */
#include "waiter.h"

#include "system.h"

#include <signal.h>
#include <sys/wait.h>

enum { FORKERS = 8, FORKS = 4, WAITING = 24, MARKS = 512 };

/* ---- what children do ----------------------------------------------------------------------- */

/* Ends at once, with a number made of what the parent had on its stack. */
static _Noreturn void end_with(const unsigned char *marks)
{
    unsigned sum = 0;
    for (size_t i = 0; i < MARKS; i++) {
        sum += marks[i];
    }
    _exit((int)(sum % 100));
}

/* Executes a program that a signal ends, which the threads of the system do not let through. */
static _Noreturn void execute(void)
{
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)execl("/bin/sh", "sh", "-c", "kill -TERM $$; exit 1", (char *)NULL);
    _exit(127);
}

static int await_child(pid_t child)
{
    int status;
    CHECK(child > 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? 100 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Forks, and looks at the end of the child. */
static void fork_once(int64_t seed)
{
    unsigned char marks[MARKS];
    memset(marks, (int)(seed & 0xff), sizeof marks);
    pid_t child = fork();
    if (child == 0) {
        end_with(marks);
    }
    CHECK_EQ(await_child(child), (int)(MARKS * (unsigned)(seed & 0xff) % 100));
    child = fork();
    if (child == 0) {
        execute();
    }
    CHECK_EQ(await_child(child), 100 + SIGTERM);
}

static noh_err fork_in_blocking(void *arg)
{
    fork_once(*(int64_t *)arg);
    return NOH_OK;
}

/* ---- those who wait meanwhile --------------------------------------------------------------- */

/* For an answer, a message or time; all of them for a letter at the end. */
static void wait_in_some_way(noh_self *self, waiter *me)
{
    sum s;
    const letter *l;
    tell_driver(self, 1, NOH_OK);
    if (me->value % 3 == 0) {
        CHECK_OK(noh_call(self, cast.b, question, &s, .value = me->value));
    } else if (me->value % 3 == 1) {
        CHECK_OK(noh_sleep(self, NOH_MS));
    }
    CHECK_OK(noh_receive_only(self, letter, NOH_FOREVER, &l));
    tell_driver(self, 2, l->value == me->value ? NOH_OK : NOH_E_FAILED);
}

typedef struct crowd {
    core_world world;
    noh_system *system;
    noh_self *self;
    noh_ref actors[WAITING];
} crowd;

static void let_a_crowd_wait(crowd *c)
{
    c->system = core_start(&c->world, 2, NULL);
    c->self = noh_system_self(c->system);
    cast.driver = noh_self_ref(c->self);
    cast.b = noh_spawn(c->self, keeper);
    for (int64_t i = 0; i < WAITING; i++) {
        c->actors[i] = let(c->self, wait_in_some_way, i);
    }
    for (int64_t i = 0; i < WAITING; i++) {
        expect_report(c->self, 1, NOH_OK);
    }
}

static void let_the_crowd_go_on(crowd *c)
{
    CHECK_OK(noh_tell(c->self, cast.b, answer_all, .count = WAITING / 3));
    for (int64_t i = 0; i < WAITING; i++) {
        CHECK_OK(noh_tell(c->self, c->actors[i], letter, .value = i));
    }
    for (int64_t i = 0; i < WAITING; i++) {
        expect_report(c->self, 2, NOH_OK);
    }
    (void)core_settled(c->system, 0);
    CHECK_TEXT(nohi_system_check(c->system, true), NULL);
    core_end(&c->world, c->system);
}

/* ---- cases ---------------------------------------------------------------------------------- */

static void a_plain_thread_forks_while_handlers_wait(void)
{
    crowd c;
    let_a_crowd_wait(&c);
    for (int64_t i = 0; i < FORKS; i++) {
        fork_once(i + 1);
    }
    let_the_crowd_go_on(&c);
}

static void wait_and_fork(noh_self *self, waiter *me)
{
    for (int64_t i = 0; i < FORKS; i++) {
        CHECK_OK(noh_sleep(self, 1000));
        fork_once(me->value + i);
    }
    tell_driver(self, 3, NOH_OK);
}

static void handlers_fork_while_others_wait(void)
{
    crowd c;
    let_a_crowd_wait(&c);
    for (int64_t i = 0; i < FORKERS; i++) {
        (void)let(c.self, wait_and_fork, i + 1);
    }
    for (int64_t i = 0; i < FORKERS; i++) {
        expect_report(c.self, 3, NOH_OK);
    }
    let_the_crowd_go_on(&c);
}

static void fork_elsewhere(noh_self *self, waiter *me)
{
    for (int64_t i = 0; i < FORKS; i++) {
        int64_t seed = me->value + i;
        CHECK_OK(noh_blocking(self, fork_in_blocking, &seed));
    }
    tell_driver(self, 3, NOH_OK);
}

static void blocking_work_forks_while_others_wait(void)
{
    crowd c;
    let_a_crowd_wait(&c);
    for (int64_t i = 0; i < FORKERS; i++) {
        (void)let(c.self, fork_elsewhere, i + 1);
    }
    for (int64_t i = 0; i < FORKERS; i++) {
        expect_report(c.self, 3, NOH_OK);
    }
    let_the_crowd_go_on(&c);
}

static const test_case cases[] = {
    TEST(a_plain_thread_forks_while_handlers_wait),
    TEST(handlers_fork_while_others_wait),
    TEST(blocking_work_forks_while_others_wait),
};
TEST_MAIN(cases)
