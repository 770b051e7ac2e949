/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Handles of libuv beside actors: here a timer, yours may be sockets, files or child processes.
 * Build it with -luv. */
#include <noh/net.h>

#include <uv.h>

NOH_MESSAGE(beat, (int32_t, number));
NOH_NO_STATE(drummer);

static noh_err on_beat(noh_self *self, drummer *me, const beat *m)
{
    printf("beat %d\n", m->number);
    return NOH_OK;
}

NOH_BEHAVIOR(drummer, NOH_ON(beat, on_beat));

typedef struct metronome {
    uv_timer_t timer;
    noh_loop *loop;
    noh_ref drummer;
    int32_t beats;
} metronome;

/* A callback of libuv may send and spawn; the actors run after it. */
static void on_timer(uv_timer_t *timer)
{
    metronome *m = timer->data;
    m->beats++;
    if (noh_tell(noh_loop_self(m->loop), m->drummer, beat, .number = m->beats) || m->beats == 3) {
        uv_timer_stop(timer);
        noh_loop_stop(m->loop);
    }
}

int main(void)
{
    noh_system *system;
    metronome m = {.beats = 0};
    if (noh_system_new(NULL, &system) || noh_loop_new(system, &m.loop)) {
        return 1;
    }
    m.drummer = noh_spawn(noh_loop_self(m.loop), drummer); /* lives on the loop */
    m.timer.data = &m;
    uv_timer_init(noh_loop_uv(m.loop), &m.timer);
    uv_timer_start(&m.timer, on_timer, 1, 1);
    noh_loop_run(m.loop);
    noh_loop_free(m.loop); /* closes the timer */
    noh_system_free(system);
    return 0;
}

// expect: beat 1
// expect: beat 2
// expect: beat 3
