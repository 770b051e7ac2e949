/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Trap: see trap.h. */
#include "trap.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#ifdef __APPLE__
enum { SIGNAL = SIGBUS }; /* what a page without access gives there */
#else
enum { SIGNAL = SIGSEGV };
#endif

enum { ALTERNATE_SIZE = 64 * 1024 }; /* the frame of the widest registers is 11 KiB */

/* Initial-exec: read without a call, which might not be safe in a signal handler. */
#define OF_THREAD static _Thread_local __attribute__((tls_model("initial-exec")))
OF_THREAD nohi_trap *asked;
OF_THREAD bool has_alternate;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* a leaf; the rest of the variables */
static unsigned users;
static bool in_place;            /* our handler is there, or in a chain that we cannot look into */
static struct sigaction earlier; /* what was there before; constant while `in_place` */
static pthread_key_t alternates; /* frees them; made once, with `has_key` */
static bool has_key;

/* ---- the handler -------------------------------------------------------------------------- */

/* The signal takes its default course: the faulting instruction runs into it again, or it was sent. */
static void die(int number, const siginfo_t *info)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    (void)sigaction(number, &action, NULL);
    if (info->si_code <= 0) {
        (void)raise(number);
    }
}

/* TRP-2, for a handler of others: as if it were the first. */
static void mask_as(const struct sigaction *action, int number, const ucontext_t *context)
{
    sigset_t mask = context->uc_sigmask;
    for (int other = 1; other < NSIG; other++) {
        if (sigismember(&action->sa_mask, other) == 1) {
            (void)sigaddset(&mask, other);
        }
    }
    if ((action->sa_flags & SA_NODEFER) == 0) {
        (void)sigaddset(&mask, number);
    }
    (void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

static void pass_on(int number, siginfo_t *info, void *context)
{
    if ((earlier.sa_flags & SA_SIGINFO) != 0) {
        mask_as(&earlier, number, context);
        earlier.sa_sigaction(number, info, context);
    } else if (earlier.sa_handler == SIG_DFL ||
               (earlier.sa_handler == SIG_IGN && info->si_code > 0)) {
        die(number, info); /* a fault cannot be ignored */
    } else if (earlier.sa_handler != SIG_IGN) {
        mask_as(&earlier, number, context);
        earlier.sa_handler(number);
    }
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    int error = errno;
    jmp_buf *to = NULL;
    const nohi_trap *trap = info->si_code > 0 ? asked : NULL; /* not one that was sent */
    nohi_trap_answer answer = NOHI_TRAP_OTHERS;
    for (; trap != NULL && answer == NOHI_TRAP_OTHERS; trap = trap->next) {
        answer = trap->ask(trap->ctx, info->si_addr, &to);
    }
    if (answer == NOHI_TRAP_LEAVE) {
        (void)pthread_sigmask(SIG_SETMASK, &((ucontext_t *)context)->uc_sigmask, NULL);
        errno = error;
        longjmp(*to, 1);
    }
    if (answer == NOHI_TRAP_OTHERS) {
        pass_on(number, info, context);
    }
    errno = error;
}

/* ---- the process -------------------------------------------------------------------------- */

static void free_alternate(void *stack)
{
    stack_t now;
    if (sigaltstack(NULL, &now) == 0 && now.ss_sp == stack) {
        now.ss_flags = SS_DISABLE;
        (void)sigaltstack(&now, NULL);
    }
    has_alternate = false;
    asked = NULL;
    (void)munmap(stack, ALTERNATE_SIZE);
}

/* Called with the lock held. */
static void take_signal(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    if (!has_key) {
        has_key = pthread_key_create(&alternates, free_alternate) == 0;
    }
    if (has_key && sigaction(SIGNAL, NULL, &earlier) == 0) { /* there before we are */
        in_place = sigaction(SIGNAL, &action, NULL) == 0;
    }
}

void nohi_trap_begin(void)
{
    pthread_mutex_lock(&lock);
    if (users++ == 0 && !in_place) {
        take_signal();
    }
    pthread_mutex_unlock(&lock);
}

/* Where somebody else's handler is by now, it may pass on to ours: ours stays what it is, for ever. */
void nohi_trap_end(void)
{
    struct sigaction now;
    pthread_mutex_lock(&lock);
    if (--users == 0 && in_place && sigaction(SIGNAL, NULL, &now) == 0 &&
        (now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == on_fault) {
        in_place = sigaction(SIGNAL, &earlier, NULL) != 0;
    }
    pthread_mutex_unlock(&lock);
}

/* ---- the thread --------------------------------------------------------------------------- */

/* Its lowest page is not used: a handler of others that needs more than there is should fault. */
static NOHI_COLD void want_alternate(void)
{
    stack_t now;
    has_alternate = true; /* or it cannot be had: one attempt */
    if (sigaltstack(NULL, &now) != 0 || (now.ss_flags & SS_DISABLE) == 0) {
        return;
    }
    char *stack =
        mmap(NULL, ALTERNATE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED) {
        return;
    }
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    (void)mprotect(stack, page, PROT_NONE);
    stack_t own = {.ss_sp = stack, .ss_size = ALTERNATE_SIZE};
    if (pthread_setspecific(alternates, stack) != 0) {
        (void)munmap(stack, ALTERNATE_SIZE);
    } else if (sigaltstack(&own, NULL) != 0) {
        (void)pthread_setspecific(alternates, NULL);
        (void)munmap(stack, ALTERNATE_SIZE);
    }
}

void nohi_trap_enter(nohi_trap *trap)
{
    if (NOHI_UNLIKELY(!has_alternate)) {
        want_alternate();
    }
    trap->next = asked;
    asked = trap;
}

void nohi_trap_leave(nohi_trap *trap)
{
    nohi_trap **link = &asked;
    while (*link != trap) {
        link = &(*link)->next;
    }
    *link = trap->next;
}
