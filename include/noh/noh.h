/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Noh: an actor runtime for C.
 *
 * An actor is private state, a behavior and a mailbox; it handles one message at a time, so its
 * handlers need no locks. Actors know each other by ref and talk by message, on as many threads as
 * the machine has processors. A short program stands in README.md and in examples/.
 *
 * In this header
 *   system     noh_system_new, noh_system_self, noh_system_stop, noh_system_free
 *   behavior   NOH_BEHAVIOR, NOH_ON, NOH_ON_REENTRANT, NOH_ON_STOP, NOH_ON_FAILURE
 *   roles      NOH_ROLE, noh_become, noh_unbecome, noh_stash, noh_unstash
 *   life       noh_spawn, noh_stop, noh_join, noh_exit_self, noh_fail
 *   process    NOH_PROCESS, noh_spawn_fn: a plain function that is an actor
 *   messages   noh_tell, noh_ask, noh_await, noh_call
 *   waiting    noh_receive, noh_receive_only, noh_receive_if, noh_sleep, noh_blocking; noh_await,
 *              noh_call, noh_join
 *   answers    noh_reply, noh_reply_error, noh_forward, noh_promise_take
 *   futures    noh_await_all, noh_await_any, noh_future_map and others, noh_future_open
 *   names      noh_register, noh_unregister, noh_lookup
 *   time       noh_after, noh_every, noh_timer_cancel, noh_idle_after
 *   host loop  noh_host_new, noh_host_run: actors on the event loop of your program
 * Beside it    message.h (declaring messages), any.h (dynamic maps), watch.h (ledger, dead letters,
 *              counts), env.h (the outside world), err.h (errors).
 *
 * Words of the contracts
 *   any thread      callable from everywhere, at the same time
 *   with self       on the thread that `self` belongs to: inside a handler with the self it was
 *                   given, or on a plain thread with its own. A handler's self ends with it: kept
 *                   and used later, or elsewhere, it is another actor's, or no memory at all
 *   in a handler    with self, while a message is in hand
 *   waits           also in a handler, at any depth of calls: see "waiting"
 *   copies, moves, borrows   what happens to what a pointer points to; no word: borrowed for the call
 * Functions that can fail return noh_err and write their results only on NOH_OK. A NULL where the
 * contract allows none gives NOH_E_INVAL. Times are nanoseconds. */
#ifndef NOH_NOH_H
#define NOH_NOH_H

#include "any.h"
#include "env.h"
#include "err.h"
#include "message.h"

#include <stdio.h> /* for nothing here: so that a first program needs one include */

#ifdef __cplusplus
extern "C" {
#endif

#define NOH_VERSION_MAJOR 0
#define NOH_VERSION_MINOR 1
#define NOH_VERSION_PATCH 0

/* "0.1.0", of the library that runs. */
NOH_API const char *noh_version(void);

/* One running instance: workers, actors, names. A process may hold several. */
typedef struct noh_system noh_system;

/* Who acts: handed to every handler, and given to plain threads by noh_system_self. */
typedef struct noh_self noh_self;

#define NOH_FOREVER INT64_MAX
#define NOH_US INT64_C(1000)
#define NOH_MS INT64_C(1000000)
#define NOH_SECOND INT64_C(1000000000)

/* ---- system ------------------------------------------------------------------------------- */

typedef struct noh_options {
    size_t size;             /* sizeof(noh_options); 0 means this version's */
    unsigned workers;        /* threads that run actors; 0: one per processor; at most 256 */
    uint32_t actors_max;     /* actors alive at once; 0: 16,777,216 (or what the address space
                                 allows). Exact below 1,048,576; from there on selfs of threads
                                 count too, and the up to 4,096 places a worker keeps ready. */
    uint32_t mailbox_max;    /* messages a mailbox holds unless the spawn says otherwise; 0:
                                 1,048,576. This common bound is a guard, not a count: up to 64
                                 messages more per sending worker, and 64 for the receiver's turn,
                                 may get in, and as many as are put aside (noh_stash). A bound
                                 given at spawn is exact. */
    int64_t stop_timeout_ns; /* what noh_system_free waits for actors to drain; 0: 5 s */
    int64_t watchdog_ns;     /* a handler that holds its worker, or event loop, for so long is
                                reported, once: a line of the log, NOH_LOG_WARNING, names behavior,
                                message, time and, where it runs on a worker, the calls it is in.
                                The other actors of that worker go on elsewhere. One that waits
                                holds nobody. 0: 1 s; looked at each quarter of it, but not more
                                often than each millisecond. NOH_FOREVER: no watchdog, and no
                                thread for it. The calls are asked for by a signal (env.h): what
                                cannot be restarted, as poll and nanosleep, may return EINTR. */
    const noh_env *env;      /* copied; NULL: noh_env_default() */
    unsigned blocking_max;   /* threads for noh_blocking; 0: 64; at most 1,024 */
} noh_options;

/* A running system with its workers started. `options` may be NULL.
 * The caller owns it: noh_system_free. Errors: INVAL, NOMEM, OS. Any thread. */
NOH_API noh_err noh_system_new(const noh_options *options, noh_system **ret_system);

/* This thread, as an actor: it has a ref, can send, ask, be told and be asked. The same self for
 * the same thread and system each time. It ends with the thread, with noh_self_free, or with the
 * system. NULL when memory or the table of threads (4,096) is exhausted. Any plain thread; inside a
 * handler use the self you were given. */
NOH_API noh_self *noh_system_self(noh_system *system);

/* Ends this thread's self before the thread does; its ref is dead from then on; a host loop's ends as
 * by noh_host_free. NULL is allowed.
 * NOH_E_OPEN_ASKS: done too, but asks were open; their answers become dead letters. With self. */
NOH_API noh_err noh_self_free(noh_self *self);

/* Stops every actor (drain), and those left after `timeout_ns` with NOH_STOP_NOW. Spawns are
 * refused with NOH_E_STOPPING from now on, timers are cancelled. Returns when all have ended, or
 * shortly after the timeout with NOH_E_HELD_UP, and then a log line names each actor that still
 * runs, its message, and for how long. May be called again; while another thread's stop is at work it
 * waits for that, and leaves the naming to it. A plain thread, but no self of it may be in a handler.
 * Errors: INVAL, HELD_UP, CONTEXT. */
NOH_API noh_err noh_system_stop(noh_system *system, int64_t timeout_ns);

/* noh_system_stop with `stop_timeout_ns` of the options, then ends the workers and gives back all
 * memory. Every self of the system is invalid afterwards, so other threads must be done with it.
 * Should an actor hold up the stop, its thread and the system's memory stay behind until its
 * handler, or what it gave to noh_blocking, returns: HELD_UP. Host loops of other threads must be
 * freed before, their actors then live on workers. NULL is allowed. A plain thread. */
NOH_API noh_err noh_system_free(noh_system *system);

/* The system `self` belongs to. With self. */
NOH_API noh_system *noh_self_system(const noh_self *self);
/* Nanoseconds of the system's clock. Any thread. */
NOH_API int64_t noh_now(noh_system *system);

/* ---- behavior ----------------------------------------------------------------------------- */

typedef noh_err (*noh_handler_fn)(noh_self *self, void *me, const void *message);

typedef enum noh_hook {
    NOH_HOOK_MESSAGE, /* a handler */
    NOH_HOOK_STOP,
    NOH_HOOK_FAILURE,
    NOH_HOOK_PROCESS,   /* no handler: the start hook is all there is; see NOH_PROCESS */
    NOH_HOOK_REENTRANT, /* a handler: NOH_ON_REENTRANT */
} noh_hook;

typedef struct noh_handler {
    noh_hook hook;
    const noh_type *type; /* of handlers; else NULL */
    noh_handler_fn fn;
} noh_handler;

/* Made by NOH_BEHAVIOR; read-only afterwards. */
typedef struct noh_behavior {
    size_t size; /* sizeof(noh_behavior) when compiled */
    const char *name;
    size_t state_size;
    size_t state_align;
    const noh_type *start_type; /* the start arguments */
    noh_handler_fn on_start;    /* or NULL */
    const noh_handler *handlers;
    size_t handler_count;
    size_t stack_size; /* NOH_STACK; 0: the usual */
} noh_behavior;

/* Why an actor ended. */
typedef enum noh_exit_kind {
    NOH_EXIT_NORMAL,   /* noh_exit_self, or a drain */
    NOH_EXIT_SHUTDOWN, /* NOH_STOP_NOW, or the end of the system */
    NOH_EXIT_KILLED,
    NOH_EXIT_FAILED, /* `code` and `text` say why */
    NOH_EXIT_FAULT,  /* the processor said no; the same. STACK: it ran off its stack */
    NOH_EXIT_UNKNOWN /* it had ended before you asked, or never was */
} noh_exit_kind;

typedef struct noh_exit {
    noh_exit_kind kind;
    noh_err code;
    char text[56]; /* cut to fit */
} noh_exit;

/* The start arguments of a behavior that takes none. */
NOH_DECLARE_MESSAGE(NOH_API, noh_nothing);

/* NOH_BEHAVIOR(counter, entries…) defines the behavior of actors whose state is the type
 * `counter`, under the name "counter"; the state is zeroed at first. Entries, 1 to 60:
 *     NOH_ON(add, fn)       noh_err fn(noh_self *, counter *, const add *)
 *     NOH_ON_REENTRANT(look, fn)
 *                           as NOH_ON, and also while another handler of this actor waits, past what
 *                           waits in the mailbox. So that handler finds a state that may have changed.
 *                           Meanwhile this one may not wait, become or put aside (CONTEXT), and its
 *                           noh_exit_self counts when the other has returned; let it never do so.
 *                           Not while the start waits, nor during noh_blocking; a noh_receive that
 *                           waits for such a message gets it itself.
 *     NOH_ON_STOP(fn)       noh_err fn(noh_self *, counter *, const noh_exit *): ends, not by failure
 *     NOH_ON_FAILURE(fn)    the same, after a handler failed, or ran off its stack; NOH_ON_STOP's is
 *                           not run then
 *     NOH_STACK(bytes)      at most once: its handlers and hooks run on a stack of at least so many bytes,
 *                           a power of two up to 64 MiB; below 256 KiB, which all have, it says
 *                           nothing. A message costs some 100 ns more then. When there is no memory for
 *                           it, they run on the thread's stack, and may not wait.
 * A function of another type does not compile. A handler that returns an error fails (see
 * noh_fail), unless that is STOPPED, which a wait has told it (see "waiting").
 *
 * NOH_BEHAVIOR_WITH(counter, counter_start, on_start, entries…) adds start arguments, a message
 * `counter_start`, and a hook noh_err on_start(noh_self *, counter *, const counter_start *) that
 * runs in the actor before its first message; an error it returns ends the actor. noh_nothing in
 * place of the arguments' type: on_start gets no arguments worth reading.
 *
 * At file scope, in a C file; put NOH_BEHAVIOR_DECLARE in a header to spawn from elsewhere. */
#define NOH_BEHAVIOR(S, ...) \
    typedef noh_nothing noh_start_of_##S; \
    NOH_BEHAVIOR_(S, noh_nothing, NULL, __VA_ARGS__)
/* clang-format off */
#define NOH_BEHAVIOR_WITH(S, A, start_fn, ...) \
    typedef A noh_start_of_##S; \
    static noh_err noh_started_##S(noh_self *self, void *me, const void *arguments) \
    { \
        return _Generic((start_fn), noh_err(*)(noh_self *, S *, const A *): (start_fn))( \
            self, (S *)me, (const A *)arguments); \
    } \
    NOH_BEHAVIOR_(S, A, noh_started_##S, __VA_ARGS__)
/* clang-format on */
#define NOH_BEHAVIOR_DECLARE(S, A) \
    typedef A noh_start_of_##S; \
    extern const noh_behavior noh_behavior_##S

#define NOH_ON(message, fn) (MESSAGE, message, fn)
#define NOH_ON_REENTRANT(message, fn) (REENTRANT, message, fn)
#define NOH_ON_STOP(fn) (STOP, stop, fn)
#define NOH_ON_FAILURE(fn) (FAILURE, failure, fn)
#define NOH_STACK(bytes) (STACK, stack, bytes)

/* A state type for behaviors that have nothing to remember. */
#define NOH_NO_STATE(S) \
    typedef struct S { \
        char noh_empty; \
    } S

#define NOH_BEHAVIOR_(S, A, start, ...) \
    NOH_PP_EACH(NOH_THUNK_, S, __VA_ARGS__) \
    extern const noh_behavior noh_behavior_##S; \
    const noh_behavior noh_behavior_##S = { \
        sizeof(noh_behavior), \
        #S, \
        sizeof(S), \
        _Alignof(S), \
        &noh_type_##A, \
        start, \
        (const noh_handler[]){NOH_PP_EACH(NOH_ENTRY_, S, __VA_ARGS__)}, \
        sizeof((const noh_handler[]){NOH_PP_EACH(NOH_ENTRY_, S, __VA_ARGS__)}) / \
            sizeof(noh_handler), \
        0 NOH_PP_EACH(NOH_ENTRY_SIZE_, S, __VA_ARGS__)}; \
    static noh_definition noh_definition_##S = {&noh_behavior_##S, NULL}; \
    __attribute__((constructor)) static void noh_define_##S(void) \
    { \
        noh_define(&noh_definition_##S); \
    } \
    __attribute__((destructor)) static void noh_undefine_##S(void) \
    { \
        noh_undefine(&noh_definition_##S); \
    } \
    typedef int noh_behavior_ends_with_a_semicolon_##S

#define NOH_THUNK_(S, x) NOH_PP_APPLY(NOH_THUNK_ENTRY_, S, NOH_PP_UNWRAP x)
#define NOH_THUNK_ENTRY_(S, hook, message, fn) NOH_THUNK_##hook(S, message, fn)
#define NOH_THUNK_MESSAGE(S, message, fn) NOH_THUNK_OF_(S, message, message, fn)
#define NOH_THUNK_REENTRANT(S, message, fn) NOH_THUNK_OF_(S, message, message, fn)
#define NOH_THUNK_STOP(S, name, fn) NOH_THUNK_OF_(S, noh_hook_##name, noh_exit, fn)
#define NOH_THUNK_FAILURE(S, name, fn) NOH_THUNK_OF_(S, noh_hook_##name, noh_exit, fn)
#define NOH_THUNK_STACK(S, name, bytes) enum { noh_stack_of_##S = (bytes) };
/* clang-format off */
#define NOH_THUNK_OF_(S, name, M, fn) \
    static noh_err noh_on_##S##_##name(noh_self *self, void *me, const void *message) \
    { \
        return _Generic((fn), noh_err(*)(noh_self *, S *, const M *): (fn))( \
            self, (S *)me, (const M *)message); \
    }
/* clang-format on */
#define NOH_ENTRY_(S, x) NOH_PP_APPLY(NOH_ENTRY_OF_, S, NOH_PP_UNWRAP x)
#define NOH_ENTRY_OF_(S, hook, message, fn) NOH_ENTRY_##hook(S, message)
#define NOH_ENTRY_MESSAGE(S, message) \
    {NOH_HOOK_MESSAGE, &noh_type_##message, noh_on_##S##_##message},
#define NOH_ENTRY_REENTRANT(S, message) \
    {NOH_HOOK_REENTRANT, &noh_type_##message, noh_on_##S##_##message},
#define NOH_ENTRY_STOP(S, name) {NOH_HOOK_STOP, NULL, noh_on_##S##_noh_hook_##name},
#define NOH_ENTRY_FAILURE(S, name) {NOH_HOOK_FAILURE, NULL, noh_on_##S##_noh_hook_##name},
#define NOH_ENTRY_STACK(S, name)
#define NOH_ENTRY_SIZE_(S, x) NOH_PP_APPLY(NOH_ENTRY_SIZE_OF_, S, NOH_PP_UNWRAP x)
#define NOH_ENTRY_SIZE_OF_(S, hook, message, fn) NOH_ENTRY_SIZE_##hook(S)
#define NOH_ENTRY_SIZE_MESSAGE(S)
#define NOH_ENTRY_SIZE_REENTRANT(S)
#define NOH_ENTRY_SIZE_STOP(S)
#define NOH_ENTRY_SIZE_FAILURE(S)
#define NOH_ENTRY_SIZE_PROCESS(S)
#define NOH_ENTRY_SIZE_STACK(S) +noh_stack_of_##S

/* The list of behaviors a program defines; NOH_BEHAVIOR fills it before main, and empties it after.
 * By hand: `definition` and what it points to stay where they are until noh_undefine, which does not
 * touch living actors; of two with one name the later is found. Any thread, one at a time. */
typedef struct noh_definition {
    const noh_behavior *behavior;
    struct noh_definition *next;
} noh_definition;
NOH_API void noh_define(noh_definition *definition);
NOH_API void noh_undefine(noh_definition *definition);

/* The behavior defined under `name`, or NULL. Any thread. */
NOH_API const noh_behavior *noh_behavior_find(const char *name);

/* ---- roles -------------------------------------------------------------------------------- */

/* NOH_ROLE(door, open, entries…) defines another handler table for actors of the behavior `door`:
 * what they do while they are in the role `open`, under the name "door.open". Entries, 1 to 60:
 * NOH_ON, NOH_ON_REENTRANT. State, hooks, names and stack stay as they are. What a role has no entry for is unhandled in
 * it.
 *
 * At file scope, in a C file; NOH_ROLE_DECLARE(door, open) for handlers that stand before it, or
 * in a header. */
#define NOH_ROLE(S, role, ...) \
    NOH_PP_EACH(NOH_THUNK_IN_, (S, role), __VA_ARGS__) \
    NOH_ROLE_DECLARE(S, role); \
    const noh_behavior noh_role_##S##_##role = { \
        sizeof(noh_behavior), \
        #S "." #role, \
        sizeof(S), \
        _Alignof(S), \
        &noh_type_noh_nothing, \
        NULL, \
        (const noh_handler[]){NOH_PP_EACH(NOH_ENTRY_IN_, (S, role), __VA_ARGS__)}, \
        NOH_PP_COUNT(__VA_ARGS__), \
        0}
#define NOH_ROLE_DECLARE(S, role) extern const noh_behavior noh_role_##S##_##role

/* clang-format off */
#define NOH_THUNK_IN_(SR, x) \
    NOH_PP_APPLY(NOH_THUNK_ROLE_ENTRY_, NOH_PP_UNWRAP SR, NOH_PP_UNWRAP x)
#define NOH_THUNK_ROLE_ENTRY_(S, role, hook, message, fn) \
    NOH_THUNK_ROLE_##hook(S, role, message, fn)
#define NOH_THUNK_ROLE_MESSAGE(S, role, message, fn) \
    NOH_THUNK_OF_(S, role##_role_##message, message, fn)
#define NOH_THUNK_ROLE_REENTRANT(S, role, message, fn) \
    NOH_THUNK_OF_(S, role##_role_##message, message, fn)
#define NOH_ENTRY_IN_(SR, x) \
    NOH_PP_APPLY(NOH_ENTRY_ROLE_, NOH_PP_UNWRAP SR, NOH_PP_UNWRAP x)
#define NOH_ENTRY_ROLE_(S, role, hook, message, fn) \
    {NOH_HOOK_##hook, &noh_type_##message, noh_on_##S##_##role##_role_##message},
/* clang-format on */

/* From the next message on this actor is in that role, in place of the one it is in; what was put
 * aside comes first, as by noh_unstash.
 *     noh_become(self, door, open);
 * noh_become_stacked keeps the role it is in, up to 8 deep, for noh_unbecome to come back to.
 * Errors: INVAL (a role of another behavior), NOMEM, LIMIT (stacked), CONTEXT (not in a handler; in
 * one of NOH_ON_STOP or NOH_ON_FAILURE; in a filter of noh_receive_if). In a handler, also that of
 * the start. */
#define noh_become(self, S, role) noh_become_value(self, &noh_role_##S##_##role, false)
#define noh_become_stacked(self, S, role) noh_become_value(self, &noh_role_##S##_##role, true)
/* The function behind both. `role` stays as it is, where it is, as long as the system. */
NOH_API noh_err noh_become_value(noh_self *self, const noh_behavior *role, bool stacked);

/* From the next message on this actor is in the role that noh_become_stacked has kept, or else in
 * none: its own behavior counts. What was put aside comes first.
 * Errors: SPENT (it is in no role), CONTEXT as above. In a handler. */
NOH_API noh_err noh_unbecome(noh_self *self);

/* Puts the message in hand aside: it is neither handled nor answered now, and is not in hand any
 * more; the handler returns NOH_OK. It counts as queued, and has a place in the mailbox. A tick
 * that is put aside is unhandled, so its timer sends no other; an answer comes back as a message
 * that noh_answered knows nothing of. When the actor ends, it becomes a dead letter and its asker
 * gets STOPPED, as what is queued, also when it is this handler that fails.
 * Errors: NOMEM, FULL (others have filled the mailbox: the message stays in hand), ANSWERED (it
 * was answered, forwarded or promised before), CONTEXT (none in hand, or one that noh_receive has
 * given; or as above). In a handler. */
NOH_API noh_err noh_stash(noh_self *self);

/* All that was put aside comes next, oldest first, before what is queued. With nothing put aside
 * it does nothing. Errors: CONTEXT as above. In a handler. */
NOH_API noh_err noh_unstash(noh_self *self);

/* ---- life --------------------------------------------------------------------------------- */

typedef struct noh_spawn_options {
    size_t size;          /* sizeof(noh_spawn_options); 0 means this version's */
    const char *name;     /* registers the actor; copied; NULL: no name */
    uint32_t mailbox_max; /* messages its mailbox holds, exactly; 0: the system's bound */
    bool pinned;          /* stays on the worker or host loop that spawned it while that exists */
} noh_spawn_options;

/* Spawns an actor; its ref, or NOH_NO_REF on an error (noh_spawn_with tells which).
 *     noh_ref a = noh_spawn(self, calculator);
 *     noh_ref b = noh_spawn(self, counter, .from = 10);       start arguments
 * The ref is usable at once. The start hook runs later, in the actor. noh_spawn_value: arguments of
 * the behavior's start type, or NULL: all zero. With self. */
#define noh_spawn(self, ...) NOH_PP_CAT(noh_spawn_, NOH_PP_MANY(__VA_ARGS__))(self, __VA_ARGS__)
#define noh_spawn_1(self, S) noh_spawn_value(self, &noh_behavior_##S, &(noh_start_of_##S){0})
#define noh_spawn_N(self, S, ...) \
    noh_spawn_value(self, &noh_behavior_##S, &(noh_start_of_##S){__VA_ARGS__})
NOH_API noh_ref noh_spawn_value(noh_self *self, const noh_behavior *behavior,
                                const void *arguments);

/* The same with options (NULL: none), arguments (NULL: all zero) and the error.
 *     noh_spawn_with(self, &noh_behavior_counter, NOH_VALUE(counter_start, .from = 10),
 *                    &(noh_spawn_options){.name = "counter"}, &ref);
 * Errors: INVAL (also: the handler table names a message twice or none), NOMEM, LIMIT, TAKEN,
 * STOPPING, TOO_BIG (state above 1 GiB). With self. */
NOH_API noh_err noh_spawn_with(noh_self *self, const noh_behavior *behavior, const void *arguments,
                               const noh_spawn_options *options, noh_ref *ret_ref);

/* NOH_PROCESS(room, room_start, fn) defines the behavior of actors that are a plain function:
 *     noh_err fn(noh_self *self, const room_start *arguments)
 * It takes its messages itself, by noh_receive, and may wait wherever it likes; when it returns the
 * actor ends: failed, if it returns an error, unless that is STOPPED. What is in its mailbox then
 * becomes dead letters. noh_nothing in place of the arguments' type: none worth reading. Spawned like
 * any other:
 *     noh_spawn(self, room, .name = "lobby");
 * NOH_PROCESS(room, room_start, fn, NOH_STACK(bytes)): on a larger stack, as in NOH_BEHAVIOR.
 * At file scope, in a C file. */
#define NOH_PROCESS(P, A, ...) NOH_PP_CAT(NOH_PROCESS_, NOH_PP_MANY(__VA_ARGS__))(P, A, __VA_ARGS__)
#define NOH_PROCESS_1(P, A, fn) NOH_PROCESS_OF_(P, A, fn, (PROCESS, process, fn))
#define NOH_PROCESS_N(P, A, fn, x) \
    NOH_PROCESS_OF_(P, A, fn, (PROCESS, process, fn), \
                    NOH_PP_APPLY(NOH_ENTRY_PROCESS_, NOH_PP_UNWRAP x))
#define NOH_ENTRY_PROCESS_(hook, name, x) NOH_ENTRY_PROCESS_##hook(name, x)
#define NOH_ENTRY_PROCESS_STACK(name, bytes) (STACK, name, bytes)
/* clang-format off */
#define NOH_PROCESS_OF_(P, A, fn, ...) \
    NOH_NO_STATE(P); \
    typedef A noh_start_of_##P; \
    static noh_err noh_started_##P(noh_self *self, void *me, const void *arguments) \
    { \
        (void)me; \
        return noh_process_ends( \
            self, _Generic((fn), noh_err(*)(noh_self *, const A *): (fn))(self, (const A *)arguments)); \
    } \
    NOH_BEHAVIOR_(P, A, noh_started_##P, __VA_ARGS__)
/* clang-format on */
#define NOH_THUNK_PROCESS(P, name, fn)
#define NOH_ENTRY_PROCESS(P, name) {NOH_HOOK_PROCESS, NULL, noh_started_##P},
/* What becomes of an actor whose function returned `err`: for NOH_PROCESS. In a handler. */
NOH_API noh_err noh_process_ends(noh_self *self, noh_err err);

/* The same for any function, without a definition: it gets `arg`, which it owns from now on; `drop`
 * (or NULL) is called with it when the actor has ended, however it did. The ref, or NOH_NO_REF on an
 * error: then `arg` is still the caller's. Its behavior is called "noh_fn". With self. */
typedef noh_err noh_process_fn(noh_self *self, void *arg);
NOH_API noh_ref noh_spawn_fn(noh_self *self, noh_process_fn *fn, void *arg,
                             void (*drop)(void *arg));
/* With options (NULL: none), and the error: those of noh_spawn_with. */
NOH_API noh_err noh_spawn_fn_with(noh_self *self, noh_process_fn *fn, void *arg,
                                  void (*drop)(void *arg), const noh_spawn_options *options,
                                  noh_ref *ret_ref);

typedef enum noh_stop_kind {
    NOH_STOP_DRAIN, /* after the messages already queued */
    NOH_STOP_NOW,   /* after the message in hand; the queue becomes dead letters */
    NOH_STOP_KILL,  /* as NOW, but no hook runs */
} noh_stop_kind;

/* Asks an actor to end. Returns at once; noh_join waits. Stopping twice is harmless, the stronger
 * kind counts. Errors: INVAL, NOMEM, GONE (it has ended already); CONTEXT (the ref of a plain
 * thread). With self. */
NOH_API noh_err noh_stop(noh_self *self, noh_ref actor, noh_stop_kind kind);

/* Waits until `actor` has ended: its last hook has returned, its names are free, what it held is
 * released. `ret_exit` may be NULL; it is UNKNOWN when the actor had ended before the call, as it
 * may have right after noh_stop.
 * Errors: INVAL (also `timeout_ns` < 0), NOMEM, TIMEOUT, CONTEXT (`actor` is a plain thread), and those
 * of waiting. With self; waits. */
NOH_API noh_err noh_join(noh_self *self, noh_ref actor, int64_t timeout_ns, noh_exit *ret_exit);

/* Ends this actor after the message in hand, reason normal. What is queued becomes dead letters.
 * In a handler; CONTEXT elsewhere. */
NOH_API noh_err noh_exit_self(noh_self *self);

/* Fails this actor from any depth of its handler; does not return. The turn is abandoned: C frames
 * between are dropped as by longjmp. An asker gets the code and the text; NOH_ON_FAILURE's hook
 * runs; the actor ends with NOH_EXIT_FAILED. A handler that returns an error does the same.
 * In a handler; on a plain thread it logs and returns. `code` NOH_OK counts as FAILED.
 * A handler or hook that runs off its stack (256 KiB) fails in the same way, with NOH_E_STACK and
 * NOH_EXIT_FAULT, and other actors live. What it was about to do is left where it was: functions of this
 * library are not, they come to their end first; of the C library's, one that holds a lock is. This takes
 * SIGSEGV while systems run, on Linux, and passes on whatever is not ours to the action that was there
 * before; an action that comes later must do so with what is not its own. A frame of more than 64
 * KiB may reach beyond the guard: compile such code with -fstack-clash-protection. */
NOH_API void noh_fail(noh_self *self, noh_err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The own ref. With self. */
NOH_API noh_ref noh_self_ref(const noh_self *self);
/* Does the actor live, now? Any thread. */
NOH_API bool noh_is_alive(noh_system *system, noh_ref actor);

/* ---- messages ----------------------------------------------------------------------------- */

/* Sends; never waits.
 *     noh_tell(self, counter, add, .a = 1, .b = 2);
 * Copies the message; moves boxes and holds shared payloads in it on NOH_OK.
 * Order: messages of one sender to one receiver arrive in the order of the tells; within a system
 * delivery is causal.
 * Errors: INVAL, NOMEM, GONE, FULL, TOO_BIG (above 1 GiB). On GONE and FULL the message was counted
 * as a dead letter. A message that could not be handled later becomes a dead letter too. With
 * self. */
#define noh_tell(self, to, ...) \
    noh_tell_value(self, to, NOH_TYPE_OF_FIRST_(__VA_ARGS__), NOH_VALUE(__VA_ARGS__))
NOH_API noh_err noh_tell_value(noh_self *self, noh_ref to, const noh_type *type,
                               const void *message);

/* An answer that is still to come. A plain value; belongs to the self that asked. */
typedef struct noh_future {
    uint64_t bits;
} noh_future;

/* Sends a request and returns; the answer comes later, exactly once, and is never lost silently:
 * when the target ends, refuses or forgets, the answer is an error.
 *     noh_future f;
 *     noh_ask(self, calc, add, &f, .a = 1, .b = 3);
 * Then noh_await(self, f, …). In an actor, an answer that nobody awaits arrives as a message of the
 * answer's type for its handler (an error as noh_failure); noh_answered(self) says which ask it
 * belongs to. Errors: as noh_tell, and LIMIT (65,536 open asks). With self. */
#define noh_ask(self, to, ...) \
    NOH_PP_CAT(noh_ask_, NOH_PP_MANY2(__VA_ARGS__))(self, to, __VA_ARGS__)
#define noh_ask_2(self, to, T, ret_future) noh_ask_value(self, to, NOH_TYPE(T), &(T){0}, ret_future)
#define noh_ask_N(self, to, T, ret_future, ...) \
    noh_ask_value(self, to, NOH_TYPE(T), &(T){__VA_ARGS__}, ret_future)
NOH_API noh_err noh_ask_value(noh_self *self, noh_ref to, const noh_type *type, const void *message,
                              noh_future *ret_future);

/* Waits for the answer and copies its struct to `*ret_answer`. Text, bytes and lists inside point
 * into the answer, which stays until this self's next noh_await, noh_call or noh_receive. A box in
 * the struct is the caller's.
 *     sum s;
 *     noh_await(self, f, sum, NOH_SECOND, &s);
 * The future is used up then, on any error but INVAL and CONTEXT: one that is not answered yet is given
 * up, and a late answer becomes a dead letter.
 * Errors: INVAL (also `timeout_ns` < 0), TIMEOUT, SPENT (awaited before, or another self's), WRONG_TYPE,
 * those of waiting, or the error the other side answered: noh_error_text(self) has its words. With self;
 * waits. */
#define noh_await(self, future, T, timeout_ns, ret_answer) \
    noh_await_value(self, future, NOH_TYPE(T), timeout_ns, NOH_CHECKED(T, ret_answer))
NOH_API noh_err noh_await_value(noh_self *self, noh_future future, const noh_type *type,
                                int64_t timeout_ns, void *ret_answer);

/* The typed call: ask and await without a limit.
 *     sum s;
 *     noh_call(self, calc, add, &s, .a = 1, .b = 3);
 * `&s` must point to the answer's type. When the target's worker has nothing to do, short handlers may
 * run on the calling thread meanwhile: on its stack, with its thread-locals and its signal mask, and
 * while it holds whatever locks it holds. Those of pinned actors never do, nor does anything during
 * noh_ask and noh_await. Errors: those of noh_ask and noh_await. With self; waits. */
#define noh_call(self, to, ...) \
    NOH_PP_CAT(noh_call_, NOH_PP_MANY2(__VA_ARGS__))(self, to, __VA_ARGS__)
#define noh_call_2(self, to, T, ret_answer) \
    noh_call_value(self, to, NOH_TYPE(T), &(T){0}, NOH_CHECKED(noh_answer_of_##T, ret_answer))
#define noh_call_N(self, to, T, ret_answer, ...) \
    noh_call_value(self, to, NOH_TYPE(T), &(T){__VA_ARGS__}, \
                   NOH_CHECKED(noh_answer_of_##T, ret_answer))
NOH_API noh_err noh_call_value(noh_self *self, noh_ref to, const noh_type *type,
                               const void *message, void *ret_answer);

/* Gives up on an answer; a late one becomes a dead letter. Of a derived future (see "futures"), on all
 * that it is made of. SPENT if it was used already. With self. */
NOH_API noh_err noh_future_cancel(noh_self *self, noh_future future);

/* In the handler of an answer: the future it answers. Elsewhere {0}. With self. */
NOH_API noh_future noh_answered(const noh_self *self);

/* An answer that is an error, as an actor's handler gets it. */
NOH_DECLARE_MESSAGE(NOH_API, noh_failure, (int32_t, code), (noh_text, text));

/* The words of the last error answer this self awaited; "" when it had none. Stays until the next
 * wait. With self. */
NOH_API const char *noh_error_text(const noh_self *self);

/* Who sent the message in hand; NOH_NO_REF without one. With self. */
NOH_API noh_ref noh_sender(const noh_self *self);

/* ---- waiting ------------------------------------------------------------------------------ */

/* What waits may be called in a handler, at any depth of calls, and holds no thread there: the handler's
 * stack stays with the actor, its worker runs others, and the handler goes on, perhaps on another
 * thread, when the wait is over. Until then the actor handles no other message; what comes stays in
 * its mailbox, in order. A handler may wait as often as it likes. On a plain thread the thread waits.
 *
 * Besides their own, all have these errors:
 *   NOMEM    no memory, or no address space, for the handler's stack
 *   CYCLE    whom it waits for waits itself, for another one, and so on, and the last of them for this
 *            actor: none would ever go on. Found at once, and one of those in it is told, whoever;
 *            noh_error_text tells the circle, noh_cycle (watch.h) lists it. The request that was to
 *            be answered is withdrawn, if it was not handled yet: a dead letter, LATE. A wait in the
 *            circle that ends at the same moment, by its time or by a stop, may open it, too late to
 *            be seen. In noh_await, noh_call and noh_join, within a system
 *   STOPPED  the actor was asked to stop, NOH_STOP_NOW; or to drain, and noh_receive has seen all that
 *            was told before. The handler should come to its end. When it returns STOPPED then, it has
 *            not failed: what it has in hand becomes a dead letter, STOPPED, as what is queued, and the
 *            actor ends as it was asked to. One that is killed does not go on: its stack is dropped, as
 *            by noh_fail, but no hook runs
 *   CONTEXT  in a stop hook, in a filter, while another handler of the actor waits (NOH_ON_REENTRANT)
 * Traps: the address of a thread-local variable, errno's among them, may be another one after a wait, and
 * the compiler may keep the old one: read what you need of errno before. A lock that is held across a
 * wait is held until the handler goes on. The child of a fork() has the calling thread alone: no other
 * handler goes on there. Until it executes another program, or calls _exit, it may do what a signal
 * handler may: nothing of this library, nor return from the handler that forked. What it executes starts
 * with the signals blocked that its thread had blocked: unblock them first. The parent does not notice. */

/* Waits. Errors: INVAL (< 0), and those of waiting. With self. */
NOH_API noh_err noh_sleep(noh_self *self, int64_t duration_ns);

/* Calls fn(arg), which may block its thread: files, databases, any C library that does not know of
 * actors. From a handler on a thread of a pool, while the handler waits; on a plain thread right here.
 * Returns what fn returned.
 *     page p = {.path = "notes.txt"};
 *     noh_err err = noh_blocking(self, read_page, &p);
 * fn may use all that `arg` leads to, also the handler's variables and the actor's state, but not
 * `self`; a noh_system_self that it asks for ends when fn returns. It must return. In the pool it runs
 * with all signals blocked but faults.
 * The pool starts threads when it needs them, up to `blocking_max` of the options; beyond that calls
 * wait for one, in order, so let no fn wait for another one. A thread without work for 10 s ends.
 * There is no time-out: what runs in C cannot be called back. For the same reason neither NOH_STOP_NOW
 * nor NOH_STOP_KILL ends the wait once fn was called, since it may be at work on the handler's stack:
 * the handler goes on, or the killed actor ends, when fn has returned. A system's stop that this holds
 * up names the actor. Before fn was called they end the wait as any other, and fn is not called.
 * errno is as fn left it (see the traps: it is safer in `arg`).
 * Errors: OS, LIMIT (no thread could be started, and there is none), INVAL, and those of waiting; then
 * fn was not called. Should fn return the same ones, let it note in `arg` that it was called. With self;
 * waits. */
NOH_API noh_err noh_blocking(noh_self *self, noh_err (*fn)(void *arg), void *arg);

/* Waits for the next message that is not an answer and puts it in hand: noh_sender, noh_reply and so on
 * refer to it until this self's next noh_receive, or until the handler returns. In a handler the message
 * it was called with stays in hand behind it: a reply goes to the newer of the two that is a request and
 * was not answered. Both results are borrowed for as long.
 * Errors: INVAL (also `timeout_ns` < 0), TIMEOUT, and those of waiting. With self. */
NOH_API noh_err noh_receive(noh_self *self, int64_t timeout_ns, const noh_type **ret_type,
                            const void **ret_message);

/* The same for the next message of one type; those before it stay in the mailbox, in order.
 *     const deposit *d;
 *     noh_receive_only(self, deposit, NOH_SECOND, &d); */
#define noh_receive_only(self, T, timeout_ns, ret_message) \
    noh_receive_value(self, NOH_TYPE(T), timeout_ns, \
                      _Generic((ret_message), const T **: (const void **)(ret_message)))
NOH_API noh_err noh_receive_value(noh_self *self, const noh_type *type, int64_t timeout_ns,
                                  const void **ret_message);

/* The same for the next message that `filter` says true to. It is asked once for each message that lies
 * in the mailbox or comes, in order, with the self that waits; it may not wait. One that calls noh_fail
 * fails the actor; the message stays in the mailbox, and is lost with it, by name. */
typedef bool noh_filter_fn(noh_self *self, void *ctx, const noh_type *type, const void *message);
NOH_API noh_err noh_receive_if(noh_self *self, noh_filter_fn *filter, void *ctx, int64_t timeout_ns,
                               const noh_type **ret_type, const void **ret_message);

/* ---- answers ------------------------------------------------------------------------------ */

/* Answers the message in hand:  return noh_reply(self, sum, .value = 4);
 * A handler that returns NOH_OK without a reply, a promise or a forward answers NO_ANSWER.
 * Errors: INVAL, NOMEM, NOBODY (it was told, not asked), ANSWERED, WRONG_TYPE (the request declares
 * another answer), TOO_BIG. In a handler, or after noh_receive. */
#define noh_reply(self, ...) \
    noh_reply_value(self, NOH_TYPE_OF_FIRST_(__VA_ARGS__), NOH_VALUE(__VA_ARGS__))
NOH_API noh_err noh_reply_value(noh_self *self, const noh_type *type, const void *answer);

/* Answers with an error; this actor lives on. `text` is copied, cut to 255 bytes; NULL: none.
 * Errors: INVAL (also code NOH_OK), NOBODY, ANSWERED. */
NOH_API noh_err noh_reply_error(noh_self *self, noh_err code, const char *text);

/* Passes the message in hand on; `to` sees the first sender, and its answer goes to the first
 * asker. Errors: INVAL, NOMEM, GONE, FULL (the asker has got the error then), CONTEXT (none in
 * hand), ANSWERED (it was answered, forwarded or promised before). */
NOH_API noh_err noh_forward(noh_self *self, noh_ref to);

/* The duty to answer later: of noh_promise_take, or of noh_future_open. A plain value; as a message,
 * other messages may have it as a field: (struct, noh_promise, done). Do not read its fields. */
NOH_DECLARE_MESSAGE(NOH_API, noh_promise, (uint64_t, bits), (noh_ref, owner), (uint32_t, place));

/* Takes the duty to answer the message in hand out of this turn. It belongs to this actor; when that
 * ends, the asker gets STOPPED. Errors: INVAL, NOMEM, NOBODY, ANSWERED. */
NOH_API noh_err noh_promise_take(noh_self *self, noh_promise *ret_promise);
/*     noh_promise_keep(self, me->promise, sum, .value = 4);
 * Errors: those of noh_reply; ANSWERED for a promise that was kept before, or that another self has taken,
 * or whose future was given up; GONE: the owner of the future has ended. With self. */
#define noh_promise_keep(self, promise, ...) \
    noh_promise_keep_value(self, promise, NOH_TYPE_OF_FIRST_(__VA_ARGS__), NOH_VALUE(__VA_ARGS__))
NOH_API noh_err noh_promise_keep_value(noh_self *self, noh_promise promise, const noh_type *type,
                                       const void *answer);
/* Answers with an error, as noh_reply_error does. Errors: those of noh_reply_error. With self. */
NOH_API noh_err noh_promise_fail(noh_self *self, noh_promise promise, noh_err code,
                                 const char *text);

/* ---- futures ------------------------------------------------------------------------------ */

/* A future is used once, by the self that has it: awaited, cancelled, taken over by one that is derived
 * from it, or, in an actor, by the handler that gets its answer as a message because nobody waits for
 * it. After that, and with another self, each of these calls gives SPENT.
 *
 * A derived future has sources, whose answers a function makes into its own. The function runs once,
 * with the self that has it: when it is awaited and all sources are there; or, in an actor, when all are
 * there and nobody waits for it: then its answer comes as a message of its type, like any other. So this
 * is "then", and what was told meanwhile is handled meanwhile:
 *     noh_ask(self, shop, find, &found, .what = "tea");
 *     noh_future_map(self, found, offer, priced, add_tax, NULL, &then);       and on_priced goes on
 * The first source that is an error is the answer at once, and the others are given up; so is what else a
 * future is made of when it is cancelled, or not there in time. A time-out is that of all of it.
 * The function borrows what it gets, and may take a box out of it; of what it writes, text, bytes and
 * lists are copied when it returns, boxes are moved. An error that it returns is the answer. It may send
 * and ask, but not wait (CONTEXT). `ctx` is borrowed until then.
 * Errors of all of them: INVAL, NOMEM, LIMIT (65,536 open asks and futures), SPENT: nothing was done.
 * A source of another type gives WRONG_TYPE as the answer. With self. */

/* noh_err add_tax(noh_self *self, void *ctx, const offer *from, priced *to): `*to` is zero before. */
typedef noh_err noh_future_map_fn(noh_self *self, void *ctx, const void *from, void *to);
#define noh_future_map(self, future, T, U, fn, ctx, ret_future) \
    noh_future_map_value( \
        self, future, NOH_TYPE(T), NOH_TYPE(U), \
        (noh_future_map_fn *)_Generic((fn), noh_err(*)(noh_self *, void *, const T *, U *) \
                                      : (fn)), \
        ctx, ret_future)
NOH_API noh_err noh_future_map_value(noh_self *self, noh_future future, const noh_type *from,
                                     const noh_type *to, noh_future_map_fn *fn, void *ctx,
                                     noh_future *ret_future);

/* Several of one type to a list of them, in their order. `L` is declared with NOH_LIST; `count` > 0.
 *     noh_future_join(self, futures, 3, people, &joined); */
#define noh_future_join(self, futures, count, L, ret_future) \
    noh_future_join_value(self, futures, count, NOH_TYPE(L), ret_future)
NOH_API noh_err noh_future_join_value(noh_self *self, const noh_future *futures, size_t count,
                                      const noh_type *list, noh_future *ret_future);

/* A list to those of its items that the function says true to, in their order.
 *     bool is_grown_up(noh_self *self, void *ctx, const person *item) */
typedef bool noh_future_filter_fn(noh_self *self, void *ctx, const void *item);
#define noh_future_filter(self, future, L, fn, ctx, ret_future) \
    noh_future_filter_value(self, future, NOH_TYPE(L), \
                            (noh_future_filter_fn *)_Generic( \
                                (fn), bool (*)(noh_self *, void *, const noh_item_of_##L *) \
                                : (fn)), \
                            ctx, ret_future)
NOH_API noh_err noh_future_filter_value(noh_self *self, noh_future future, const noh_type *list,
                                        noh_future_filter_fn *fn, void *ctx,
                                        noh_future *ret_future);

/* A list to one value, which begins as a copy of `*initial` and to which the function adds each item;
 * of an empty list it is the initial one. It has no boxes or shared payloads (INVAL).
 *     noh_err add_age(noh_self *self, void *ctx, total *so_far, const person *item) */
typedef noh_err noh_future_reduce_fn(noh_self *self, void *ctx, void *so_far, const void *item);
#define noh_future_reduce(self, future, L, U, fn, ctx, initial, ret_future) \
    noh_future_reduce_value( \
        self, future, NOH_TYPE(L), NOH_TYPE(U), \
        (noh_future_reduce_fn *)_Generic( \
            (fn), noh_err(*)(noh_self *, void *, U *, const noh_item_of_##L *): (fn)), \
        ctx, _Generic((initial), const U *: (initial), U *: (initial)), ret_future)
NOH_API noh_err noh_future_reduce_value(noh_self *self, noh_future future, const noh_type *list,
                                        const noh_type *to, noh_future_reduce_fn *fn, void *ctx,
                                        const void *initial, noh_future *ret_future);

/* Waits for all answers, `timeout_ns` together, and writes them to the array `ret_answers` when all are
 * there and none is an error. As after noh_await, what they point to stays until the next wait, and
 * boxes in them are the caller's.
 *     sum sums[3];
 *     noh_await_all(self, futures, 3, sum, NOH_SECOND, sums, &failed);
 * The first error that comes is returned at once, `*ret_failed` (or NULL) says whose it is, and nothing
 * is written to `ret_answers`. On any error but INVAL and CONTEXT all futures are used up, also when the
 * wait ends with STOPPED or has no memory: those still open are given up. `count` may be 0.
 * Errors: those of noh_await, NOMEM, LIMIT. With self; waits. */
#define noh_await_all(self, futures, count, T, timeout_ns, ret_answers, ret_failed) \
    noh_await_all_value(self, futures, count, NOH_TYPE(T), timeout_ns, \
                        NOH_CHECKED(T, &(ret_answers)[0]), ret_failed)
NOH_API noh_err noh_await_all_value(noh_self *self, const noh_future *futures, size_t count,
                                    const noh_type *type, int64_t timeout_ns, void *ret_answers,
                                    size_t *ret_failed);

/* Waits until one of them is there, answer or error, and says which; it stays as it is, and noh_await
 * gives it at once. Those that are used up are passed over, so this ends with SPENT, with all taken in
 * the order in which they came:
 *     while ((err = noh_await_any(self, futures, 3, NOH_FOREVER, &i)) == NOH_OK) {
 *         err = noh_await(self, futures[i], sum, 0, &sums[i]);
 *     }
 * With one future and no time it is a look whether that is there. On an error, also STOPPED or NOMEM, all
 * stay as they are. A circle of waits is not found here, as any of them may open it: give it a time.
 * Errors: INVAL (also `timeout_ns` < 0), TIMEOUT, SPENT (all are), those of waiting. With self; waits. */
NOH_API noh_err noh_await_any(noh_self *self, const noh_future *futures, size_t count,
                              int64_t timeout_ns, size_t *ret_index);

/* A future that is set from outside: whoever has the promise, in this actor or in another, on any thread,
 * answers with noh_promise_keep or noh_promise_fail. The first one does; the others get ANSWERED. Send
 * it on in a message. Nobody notices that whoever has it forgets it, or ends: give noh_await a time.
 *     noh_future_open(self, sum, &future, &promise);
 * Errors: INVAL, NOMEM, LIMIT. With self. */
#define noh_future_open(self, T, ret_future, ret_promise) \
    noh_future_open_value(self, NOH_TYPE(T), ret_future, ret_promise)
NOH_API noh_err noh_future_open_value(noh_self *self, const noh_type *type, noh_future *ret_future,
                                      noh_promise *ret_promise);

/* ---- names -------------------------------------------------------------------------------- */

/* Gives a living actor a name of 1 to 255 bytes; it is free again when the actor has ended.
 * An actor may have several. Copies. Errors: INVAL, NOMEM, GONE, TAKEN, LIMIT (65,536 names). With
 * self. */
NOH_API noh_err noh_register(noh_self *self, const char *name, noh_ref actor);
/* NOT_FOUND when nothing has that name. With self. */
NOH_API noh_err noh_unregister(noh_self *self, const char *name);
/* The actor of that name, or NOH_NO_REF. Any thread. */
NOH_API noh_ref noh_lookup(noh_system *system, const char *name);

/* ---- time --------------------------------------------------------------------------------- */

/* A plain value; {0} is no timer. */
typedef struct noh_timer {
    uint64_t bits;
} noh_timer;

/* Sends a message to `to` after `delay_ns`, or each `period_ns`, not earlier and, on an idle worker,
 * not more than 1 ms later. The message is copied now and comes from this self's ref. A tick that is
 * due while the last one is still unhandled is left out, so ticks never pile up. Timers end with
 * the self that made them and, periodic ones, with their receiver. `ret_timer` may be NULL.
 *     noh_after(self, 10 * NOH_MS, noh_self_ref(self), tick, NULL);
 *     noh_every(self, NOH_SECOND, collector, sample, &timer, .level = 3);
 * A delay beyond 290 years never comes. Errors: INVAL (delay < 0, period <= 0, a box in the message
 * of noh_every), NOMEM, LIMIT (8 million timers), STOPPING. With self. */
#define noh_after(self, delay_ns, to, ...) \
    NOH_PP_CAT(noh_after_, NOH_PP_MANY2(__VA_ARGS__))(self, delay_ns, to, __VA_ARGS__)
#define noh_after_2(self, delay_ns, to, T, ret_timer) \
    noh_timer_start(self, delay_ns, 0, to, NOH_TYPE(T), &(T){0}, ret_timer)
#define noh_after_N(self, delay_ns, to, T, ret_timer, ...) \
    noh_timer_start(self, delay_ns, 0, to, NOH_TYPE(T), &(T){__VA_ARGS__}, ret_timer)
#define noh_every(self, period_ns, to, ...) \
    NOH_PP_CAT(noh_every_, NOH_PP_MANY2(__VA_ARGS__))(self, period_ns, to, __VA_ARGS__)
#define noh_every_2(self, period_ns, to, T, ret_timer) \
    noh_timer_start(self, period_ns, noh_period_(period_ns), to, NOH_TYPE(T), &(T){0}, ret_timer)
#define noh_every_N(self, period_ns, to, T, ret_timer, ...) \
    noh_timer_start(self, period_ns, noh_period_(period_ns), to, NOH_TYPE(T), &(T){__VA_ARGS__}, \
                    ret_timer)
/* A period of 0 is refused, like a negative one. */
static inline int64_t noh_period_(int64_t period_ns)
{
    return period_ns > 0 ? period_ns : -1;
}
/* The function behind both: first after `delay_ns`, then each `period_ns` (0: once). */
NOH_API noh_err noh_timer_start(noh_self *self, int64_t delay_ns, int64_t period_ns, noh_ref to,
                                const noh_type *type, const void *message, noh_timer *ret_timer);

/* It fires no more; a message it has sent may still wait in the mailbox. SPENT: it had fired for the
 * last time, or was cancelled. With the self that made it. */
NOH_API noh_err noh_timer_cancel(noh_self *self, noh_timer timer);

/* Told to an actor that asked for it when it was idle. */
NOH_DECLARE_MESSAGE(NOH_API, noh_idle);

/* From now on this actor is told noh_idle whenever no message came for `idle_ns`, and again each
 * `idle_ns` while none comes; 0: no more. Errors: INVAL (< 0), NOMEM, CONTEXT (a plain thread). In a handler. */
NOH_API noh_err noh_idle_after(noh_self *self, int64_t idle_ns);

/* ---- host loop ---------------------------------------------------------------------------- */

/* Lets the calling thread, which has an event loop of its own, run actors: those it spawns live on
 * this loop (and leave it for a worker only when they are heavy). `wake(ctx)` is called from any
 * thread when there is work, this one included; it must make the loop call noh_host_run soon, and not
 * call the system itself. The self acts for the loop: between runs it can send, spawn and wait. Free
 * it with noh_host_free before the system.
 * Errors: INVAL, NOMEM, LIMIT, TAKEN (this thread has a self already). A plain thread. */
NOH_API noh_err noh_host_new(noh_system *system, void (*wake)(void *ctx), void *ctx,
                             noh_self **ret_self);
/* Runs what is runnable, for about 1 ms at most. Returns how long the loop may sleep: 0 when work is
 * left, the nanoseconds to the next timer, or NOH_FOREVER. With self, outside handlers. */
NOH_API int64_t noh_host_run(noh_self *self);
/* Grows with each message that was handled here or has come for the self, and each actor that ended here:
 * who waits for something looks again before he sleeps. 0: no host loop. With self. */
NOH_API uint64_t noh_host_seen(const noh_self *self);
/* Actors and timers that still live here move to the workers; `wake` is not called any more when
 * this returns. NULL is allowed. With self, outside handlers. */
NOH_API void noh_host_free(noh_self *self);

/* ---- log ---------------------------------------------------------------------------------- */

/* Logs with the identity of this actor, through noh_env's log. With self. */
NOH_API void noh_log(noh_self *self, noh_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define NOH_TYPE_OF_FIRST_(...) NOH_TYPE_OF_FIRST2_(NOH_PP_FIRST(__VA_ARGS__))
#define NOH_TYPE_OF_FIRST2_(T) NOH_TYPE(T)

#ifdef __cplusplus
}
#endif
#endif
