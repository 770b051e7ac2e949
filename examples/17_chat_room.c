/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Actors that are plain functions: a room that takes its messages when it wants them, guests that
 * each own an argument, and a caretaker that closes the room when they have gone. */
#include <noh/noh.h>

#include <stdlib.h>

enum { SEATS = 3 };

NOH_MESSAGE(room_start, (noh_text, name));
NOH_MESSAGE(enter, (int32_t, seat));
NOH_MESSAGE(say, (int32_t, seat), (noh_text, words));
NOH_MESSAGE(heard, (noh_text, words));
NOH_MESSAGE(leave, (int32_t, seat));

/* ---- the room ----------------------------------------------------------------------------- */

static bool is_of_seat(noh_self *self, void *seat, const noh_type *type, const void *message)
{
    return noh_type_equal(type, NOH_TYPE(say)) && ((const say *)message)->seat == *(int32_t *)seat;
}

/* It begins when all are there; who spoke before waits in the mailbox. Then one line of each. */
static noh_err run_room(noh_self *self, const room_start *arguments)
{
    noh_ref guests[SEATS];
    noh_err err = NOH_OK;
    for (int i = 0; i < SEATS && err == NOH_OK; i++) {
        const enter *e;
        err = noh_receive_only(self, enter, NOH_FOREVER, &e);
        if (err == NOH_OK) {
            guests[e->seat] = noh_sender(self);
        }
    }
    const noh_type *type;
    const void *message;
    for (int32_t seat = 0; seat < SEATS && err == NOH_OK; seat++) {
        err = noh_receive_if(self, is_of_seat, &seat, NOH_FOREVER, &type, &message);
        for (int i = 0; i < SEATS && err == NOH_OK; i++) {
            noh_tell(self, guests[i], heard, .words = ((const say *)message)->words);
        }
    }
    int left = 0;
    while (err == NOH_OK) { /* until it is stopped: STOPPED is a normal end */
        err = noh_receive(self, NOH_FOREVER, &type, &message);
        left += err == NOH_OK && noh_type_equal(type, NOH_TYPE(leave));
    }
    printf("%s closes, %d have left\n", arguments->name, left);
    return err;
}

NOH_PROCESS(room, room_start, run_room);

/* ---- guests ------------------------------------------------------------------------------- */

typedef struct guest {
    noh_ref room;
    int32_t seat;
    const char *words;
} guest;

/* The first one prints what all hear. */
static noh_err run_guest(noh_self *self, void *arg)
{
    const guest *me = arg;
    noh_tell(self, me->room, say, .seat = me->seat, .words = me->words);
    noh_tell(self, me->room, enter, .seat = me->seat);
    for (int i = 0; i < SEATS; i++) {
        const void *message; /* noh_receive_only, where the type is a variable */
        noh_err err = noh_receive_value(self, NOH_TYPE(heard), NOH_FOREVER, &message);
        if (err != NOH_OK) {
            return err;
        }
        if (me->seat == 0) {
            printf("%s\n", ((const heard *)message)->words);
        }
    }
    return noh_tell(self, me->room, leave, .seat = me->seat);
}

static noh_ref spawn_guest(noh_self *self, noh_ref to, int32_t seat, const char *words)
{
    guest *arg = malloc(sizeof *arg);
    if (arg == NULL) {
        return NOH_NO_REF;
    }
    *arg = (guest){.room = to, .seat = seat, .words = words};
    noh_ref ref = noh_spawn_fn(self, run_guest, arg, free);
    if (noh_ref_is_none(ref)) {
        free(arg); /* still ours */
    }
    return ref;
}

/* ---- the caretaker ------------------------------------------------------------------------ */

/* Waits for the guests, then closes the room: what was told before is seen. */
static noh_err run_caretaker(noh_self *self, void *arg)
{
    const noh_ref *all = arg; /* the guests, and the room */
    for (int i = 0; i < SEATS; i++) {
        noh_err err = noh_join(self, all[i], NOH_FOREVER, NULL);
        if (err != NOH_OK) {
            return err;
        }
    }
    return noh_stop(self, all[SEATS], NOH_STOP_DRAIN);
}

int main(void)
{
    noh_system *system;
    if (noh_system_new(NULL, &system) != NOH_OK) {
        return 1;
    }
    noh_self *me = noh_system_self(system);
    noh_ref lobby = noh_spawn(me, room, .name = "lobby");
    noh_ref all[SEATS + 1] = {spawn_guest(me, lobby, 0, "ann: good evening"),
                              spawn_guest(me, lobby, 1, "bob: hello ann"),
                              spawn_guest(me, lobby, 2, "eve: bye"), lobby};
    noh_spawn_options named = {.name = "caretaker"};
    noh_ref caretaker;
    noh_err err = noh_spawn_fn_with(me, run_caretaker, all, NULL, &named, &caretaker);
    if (err == NOH_OK) {
        noh_join(me, caretaker, NOH_FOREVER, NULL);
    }
    noh_join(me, lobby, NOH_FOREVER, NULL);
    noh_system_free(system);
    return 0;
}

// expect: ann: good evening
// expect: bob: hello ann
// expect: eve: bye
// expect: lobby closes, 3 have left
