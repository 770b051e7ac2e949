/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Roles: a telephone that handles the same words in another way in each state of a call, and keeps what
 * comes too early until it suits. */
#include <noh/noh.h>

NOH_MESSAGE(word, (int32_t, number));
NOH_MESSAGE(picked_up); /* the other side */
NOH_MESSAGE(hang_up);
NOH_MESSAGE(hold);
NOH_MESSAGE(go_on);
NOH_MESSAGE(said); /* a word takes its time */
NOH_MESSAGE(words, (int32_t, said));
NOH_REQUEST(count, words);

typedef struct phone {
    int32_t said;
    bool is_speaking;
} phone;

/* For handlers that stand before their role. */
NOH_ROLE_DECLARE(phone, ringing);
NOH_ROLE_DECLARE(phone, talking);
NOH_ROLE_DECLARE(phone, waiting);

static noh_err keep_word(noh_self *self, phone *me, const word *m)
{
    return noh_stash(self);
}

/* A request that is put aside is answered when it comes back. */
static noh_err keep_count(noh_self *self, phone *me, const count *m)
{
    return noh_stash(self);
}

/* ---- on hook: the own behavior, the first word dials ---------------------------------------- */

static noh_err dial(noh_self *self, phone *me, const word *m)
{
    printf("ringing\n");
    noh_err err = noh_stash(self); /* it comes back at the next change of roles */
    return err != NOH_OK ? err : noh_become(self, phone, ringing);
}

NOH_BEHAVIOR(phone, NOH_ON(word, dial));

/* ---- ringing: words wait --------------------------------------------------------------------- */

static noh_err on_picked_up(noh_self *self, phone *me, const picked_up *m)
{
    printf("talking\n");
    return noh_become(self, phone, talking);
}

NOH_ROLE(phone, ringing, NOH_ON(word, keep_word), NOH_ON(count, keep_count),
         NOH_ON(picked_up, on_picked_up));

/* ---- talking: one word at a time -------------------------------------------------------------- */

static noh_err say(noh_self *self, phone *me, const word *m)
{
    if (me->is_speaking) {
        return noh_stash(self);
    }
    printf("word %d\n", m->number);
    me->is_speaking = true;
    return noh_after(self, NOH_MS, noh_self_ref(self), said, NULL);
}

static noh_err on_said(noh_self *self, phone *me, const said *m)
{
    me->said++;
    me->is_speaking = false;
    return noh_unstash(self);
}

static noh_err on_count(noh_self *self, phone *me, const count *m)
{
    return me->is_speaking ? noh_stash(self) : noh_reply(self, words, .said = me->said);
}

/* For a while: the call goes on where it was. */
static noh_err on_hold(noh_self *self, phone *me, const hold *m)
{
    printf("on hold\n");
    return noh_become_stacked(self, phone, waiting);
}

static noh_err on_hang_up(noh_self *self, phone *me, const hang_up *m)
{
    printf("over\n");
    return noh_unbecome(self);
}

NOH_ROLE(phone, talking, NOH_ON(word, say), NOH_ON(said, on_said), NOH_ON(count, on_count),
         NOH_ON(hold, on_hold), NOH_ON(hang_up, on_hang_up));

/* ---- on hold ---------------------------------------------------------------------------------- */

static noh_err on_go_on(noh_self *self, phone *me, const go_on *m)
{
    printf("talking again\n");
    return noh_unbecome(self);
}

NOH_ROLE(phone, waiting, NOH_ON(word, keep_word), NOH_ON(count, keep_count), NOH_ON(said, on_said),
         NOH_ON(go_on, on_go_on));

int main(void)
{
    noh_system *system;
    if (noh_system_new(NULL, &system) != NOH_OK) {
        return 1;
    }
    noh_self *me = noh_system_self(system);
    noh_ref line = noh_spawn(me, phone);
    words answer;
    noh_tell(me, line, word, .number = 1);
    noh_tell(me, line, word, .number = 2);
    noh_tell(me, line, picked_up);
    noh_call(me, line, count, &answer); /* after the words that were there before it */
    printf("%d said\n", answer.said);

    noh_tell(me, line, hold);
    noh_tell(me, line, word, .number = 3);
    noh_tell(me, line, go_on);
    noh_call(me, line, count, &answer);
    printf("%d said\n", answer.said);

    noh_tell(me, line, hang_up);
    noh_err err = noh_call(me, line, count, &answer);
    printf("%s\n", noh_err_text(err)); /* nobody counts on hook */
    noh_system_free(system);
    return 0;
}

// expect: ringing
// expect: talking
// expect: word 1
// expect: word 2
// expect: 2 said
// expect: on hold
// expect: talking again
// expect: word 3
// expect: 3 said
// expect: over
// expect: the behavior has no handler for this message
