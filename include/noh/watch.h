/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Reading a system from outside: what became of every message, and what there is. */
#ifndef NOH_WATCH_H
#define NOH_WATCH_H

#include "noh.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Why a message was not handled. */
/* clang-format off */
NOH_ENUM(noh_dead_reason,
         NOH_DEAD_GONE,      /* the receiver had ended, or never was */
         NOH_DEAD_FULL,      /* its mailbox was full */
         NOH_DEAD_STOPPED,   /* it ended with the message still queued */
         NOH_DEAD_CRASHED,   /* its handler failed on this message */
         NOH_DEAD_UNHANDLED, /* its behavior has no handler for it */
         NOH_DEAD_LATE,      /* an answer that nobody waits for any more */
         NOH_DEAD_NOMEM,     /* there was no memory to send it */
         NOH_DEAD_REFUSED);  /* it broke a rule of the call: too big, wrong type */
/* clang-format on */
enum { NOH_DEAD_REASONS = 8 };

/* The ledger: at any quiet moment  sent == handled + queued + the sum of dead[].  While messages
 * move the sums are read one after the other and may differ by what moved meanwhile. Told, asked
 * and answered messages and timer ticks count; the runtime's own notices do not. */
typedef struct noh_ledger {
    uint64_t sent;
    uint64_t handled;
    uint64_t
        queued; /* counted by walking the mailboxes, not derived from the others; and what is in
                        hand of handlers that wait */
    uint64_t dead[NOH_DEAD_REASONS];
} noh_ledger;

/* Time grows with the number of actors. Errors: INVAL. Any thread. */
NOH_API noh_err noh_ledger_read(noh_system *system, noh_ledger *ret_ledger);
/* The sum of `dead`. */
NOH_API uint64_t noh_ledger_dead(const noh_ledger *ledger);

typedef struct noh_stats {
    unsigned workers;
    uint64_t actors;           /* alive now, without the selfs of plain threads */
    uint64_t threads;          /* plain threads and host loops with a self */
    uint64_t spawned;          /* ever */
    uint64_t names;            /* registered now */
    unsigned blocking_threads; /* of noh_blocking, idle ones included; at most blocking_max */
    unsigned blocking_queued;  /* calls of noh_blocking that wait for one */
    uint64_t long_handlers;    /* reported for `watchdog_ns`, ever */
} noh_stats;

/* Errors: INVAL. Any thread. */
NOH_API noh_err noh_system_stats(noh_system *system, noh_stats *ret_stats);

/* ---- who waits for whom ------------------------------------------------------------------- */

typedef enum noh_wait_why {
    NOH_WAIT_FOR_ANSWER,  /* noh_await, noh_call */
    NOH_WAIT_FOR_MESSAGE, /* noh_receive */
    NOH_WAIT_FOR_WORK,    /* noh_blocking */
    NOH_WAIT_FOR_TIME,    /* noh_sleep, or for others to have a turn */
    NOH_WAIT_FOR_END,     /* noh_join */
} noh_wait_why;

/* One who waits. The texts are static, or live as long as the behavior's definition. */
typedef struct noh_wait {
    noh_ref actor;        /* perhaps that of a plain thread */
    const char *behavior; /* "" for a plain thread */
    noh_wait_why why;
    noh_ref on;          /* whose answer or end it waits for; or NOH_NO_REF */
    const char *message; /* the request, or the message it wants; "" for none, or any */
    int64_t for_ns;      /* how long; some 50 us are not seen */
} noh_wait;

/* Lists handlers, and plain threads in noh_await, noh_call and noh_join, that have waited for at least
 * `for_ns`: the first `max` of them into `waits`; how many there are into `*ret_count`, which may be
 * more. Read while things go on: who waits no longer may be in it, and one that waits for something new
 * may be described by a mixture of both. Errors: INVAL. Any thread. */
NOH_API noh_err noh_stuck(noh_system *system, int64_t for_ns, noh_wait *waits, size_t max,
                          size_t *ret_count);

/* After a wait that ended with NOH_E_CYCLE: the circle, the own actor first, each waiting for the next and
 * the last for the first. Returns how many they are, writes the first `max`; at most 16 are known.
 * noh_error_text(self) has it in words. Until the next wait; 0 otherwise. With self. */
NOH_API size_t noh_cycle(const noh_self *self, noh_wait *waits, size_t max);

/* ---- stacks -------------------------------------------------------------------------------- */

/* What the handlers of one behavior use of their stacks. */
typedef struct noh_stack_use {
    char behavior[56]; /* its name, cut to fit */
    uint64_t waiting;  /* handlers of it that wait now, each on a stack of its own */
    uint64_t touched; /* bytes of memory behind those stacks; also what others had touched before */
    size_t deepest; /* bytes that lay on a stack when a handler of it began to wait, at most, ever;
                          or the whole stack, when it ran off one. What it uses between waits is not
                          seen. */
} noh_stack_use;

/* One for each behavior that has ever waited in a handler: at most `max` are written to `uses`, and
 * `*ret_count` is how many there are. Time grows with the number of waiting handlers, about half a
 * microsecond each, and meanwhile who needs another stack waits. `uses` may be NULL when `max` is 0.
 * Errors: INVAL. Any thread. */
NOH_API noh_err noh_stack_census(noh_system *system, noh_stack_use *uses, size_t max,
                                 size_t *ret_count);

/* ---- dead letters -------------------------------------------------------------------------- */

/* What a subscriber is told about each dead letter, whoever lost it. */
NOH_DECLARE_MESSAGE(NOH_API, noh_dead_letter, (enum, noh_dead_reason, reason), (noh_ref, sender),
                    (noh_ref, receiver), (noh_text, type), (noh_text, text));

/* `subscriber` is told a noh_dead_letter for each from now on, until it ends or is taken off. Dead
 * letters about dead letters are counted but not told. `text` is the message printed, cut to 200
 * bytes. Errors: INVAL, NOMEM, GONE, LIMIT (16). With self. */
NOH_API noh_err noh_dead_letters_subscribe(noh_self *self, noh_ref subscriber);
/* NOT_FOUND when it was not subscribed. With self. */
NOH_API noh_err noh_dead_letters_unsubscribe(noh_self *self, noh_ref subscriber);

/* "gone", "full", … */
NOH_API const char *noh_dead_reason_name(noh_dead_reason reason);

#ifdef __cplusplus
}
#endif
#endif
