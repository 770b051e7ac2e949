/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* An event loop that hosts actors: sockets, timers, signals and children through libuv, and actors
 * on the same thread.
 *
 *     noh_loop *loop;
 *     noh_loop_new(system, &loop);
 *     noh_ref a = noh_spawn(noh_loop_self(loop), greeter);      lives on the loop
 *     noh_loop_stop_on_signals(loop);
 *     noh_loop_run(loop);                                       until Ctrl-C
 *     noh_loop_free(loop);
 *
 * A loop belongs to the thread that made it. Only noh_loop_stop may be called from another one, and
 * messages to its actors may come from everywhere. Actors of the loop run between the callbacks of
 * libuv, never inside one. */
#ifndef NOH_NET_H
#define NOH_NET_H

#include <noh/noh.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct noh_loop noh_loop;

/* A loop for the calling thread, which must not have a self of `system` yet.
 * The caller owns it: noh_loop_free, before the system is freed.
 * Errors: INVAL, NOMEM, OS, and those of noh_host_new. A plain thread. */
NOH_API noh_err noh_loop_new(noh_system *system, noh_loop **ret_loop);

/* Gives up the loop and the self of its thread. Handles of libuv that the caller left open are
 * closed. NULL is allowed. Errors: CONTEXT (from inside the loop). The loop's thread. */
NOH_API noh_err noh_loop_free(noh_loop *loop);

/* Who acts for the loop: sends, spawns. What is spawned with it lives on the loop. Borrowed, as
 * long as the loop. The loop's thread, outside handlers. */
NOH_API noh_self *noh_loop_self(const noh_loop *loop);

/* The uv_loop_t below, for handles of your own; borrowed, as long as the loop. */
NOH_API void *noh_loop_uv(const noh_loop *loop);

/* Serves events and actors until noh_loop_stop. Errors: INVAL, CONTEXT (from inside the loop). The
 * loop's thread. */
NOH_API noh_err noh_loop_run(noh_loop *loop);

/* Serves what is there, waiting for it at most `timeout_ns` (rounded up to ms), and returns when
 * actors and sources have seen it: for those who wait for something while the loop goes on. Errors: INVAL (also `timeout_ns` < 0),
 * CONTEXT (from inside the loop). The loop's thread. */
NOH_API noh_err noh_loop_turn(noh_loop *loop, int64_t timeout_ns);

/* Ends noh_loop_run soon; the next one, when none runs. NULL is allowed. Any thread. */
NOH_API void noh_loop_stop(noh_loop *loop);

/* The first SIGINT or SIGTERM ends noh_loop_run. From then on, and when the loop is freed, both have
 * their default action, whatever they did before: a second Ctrl-C ends a program whose end takes too
 * long. May be called again. Errors: INVAL, OS. The loop's thread. */
NOH_API noh_err noh_loop_stop_on_signals(noh_loop *loop);

/* Another library's event queue, served on the loop. */
typedef struct noh_source noh_source;

/* Called before the loop would sleep, on its thread and outside handlers: `readable` when the
 * source's descriptor was. Returns whether it gave an actor something to do; it is called again,
 * after the actors ran and before the loop sleeps, until it says no. */
typedef bool (*noh_source_fn)(void *ctx, bool readable);

/* Adds a source whose descriptor is `fd` (-1: none). The descriptor is borrowed and must stay open
 * until noh_source_remove. Errors: INVAL, NOMEM, OS. The loop's thread. */
NOH_API noh_err noh_source_add(noh_loop *loop, int fd, noh_source_fn fn, void *ctx,
                               noh_source **ret_source);
/* It is not called again. NULL is allowed. The loop's thread; in a
 * source's function only that source. */
NOH_API void noh_source_remove(noh_source *source);

#ifdef __cplusplus
}
#endif
#endif
