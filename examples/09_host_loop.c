/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* An event loop of your own that runs actors: here it waits on a pipe; yours may be libuv's, GTK's,
 * a game's. (modules/net has one for libuv.) */
#include <noh/noh.h>

#include <poll.h>
#include <unistd.h>

NOH_MESSAGE(step, (int32_t, left));

typedef struct walker {
    int32_t steps;
} walker;

static noh_err on_step(noh_self *self, walker *me, const step *m)
{
    me->steps++;
    if (m->left > 0) {
        return noh_after(self, NOH_MS, noh_self_ref(self), step, NULL, .left = m->left - 1);
    }
    noh_log(self, NOH_LOG_INFO, "walked %d steps", me->steps);
    return noh_exit_self(self);
}

NOH_BEHAVIOR(walker, NOH_ON(step, on_step));

static void wake(void *pipe_end) /* any thread */
{
    (void)!write(*(int *)pipe_end, "", 1);
}

static void print_log(void *world, const noh_log_record *record)
{
    printf("%s: %s\n", record->behavior, record->text);
}

int main(void)
{
    int ends[2];
    noh_env env = noh_env_default();
    env.log = print_log;
    noh_system *system;
    noh_self *loop;
    if (pipe(ends) != 0 || noh_system_new(&(noh_options){.env = &env}, &system) != NOH_OK ||
        noh_host_new(system, wake, &ends[1], &loop) != NOH_OK) {
        return 1;
    }
    noh_ref someone = NOH_NO_REF;
    noh_spawn_with(loop, &noh_behavior_walker, NULL, /* not even a heavy one leaves this loop: */
                   &(noh_spawn_options){.pinned = true}, &someone);
    noh_tell(loop, someone, step, .left = 4);
    while (noh_is_alive(noh_self_system(loop), someone)) {
        uint64_t seen = noh_host_seen(loop);
        int64_t sleep_ns = noh_host_run(loop);
        struct pollfd woken = {.fd = ends[0], .events = POLLIN};
        int sleep_ms = sleep_ns == NOH_FOREVER ? -1 : (int)((sleep_ns + NOH_MS - 1) / NOH_MS);
        bool news = noh_host_seen(loop) != seen; /* perhaps that it has ended */
        if (!news && poll(&woken, 1, sleep_ms) == 1) {
            char byte;
            (void)!read(ends[0], &byte, 1);
        }
    }
    noh_host_free(loop);
    noh_system_free(system);
    return 0;
}

// expect: walker: walked 5 steps
