/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A backup that takes long, and is asked how far it is. Its handler waits for one piece after the other;
 * meanwhile the questions that were chosen for it are answered, and another backup has to wait. */
#include <noh/noh.h>

NOH_MESSAGE(piece, (int64_t, bytes));
NOH_REQUEST(fetch, piece, (int64_t, number));
NOH_MESSAGE(done, (int64_t, bytes));
NOH_REQUEST(back_up, done, (int64_t, pieces));
NOH_MESSAGE(progress, (int64_t, pieces), (int64_t, of));
NOH_REQUEST(how_far, progress);

/* ---- the store: gives a piece when it is told to ------------------------------------------- */

NOH_MESSAGE(go_on, (int64_t, pieces));

typedef struct store {
    int64_t allowed;
    noh_promise waits;
    bool somebody_waits;
} store;

static noh_err give_one(noh_self *self, store *me)
{
    if (!me->somebody_waits || me->allowed == 0) {
        return NOH_OK;
    }
    me->somebody_waits = false;
    me->allowed--;
    return noh_promise_keep(self, me->waits, piece, .bytes = 1000);
}

static noh_err on_fetch(noh_self *self, store *me, const fetch *m)
{
    me->somebody_waits = true;
    noh_err err = noh_promise_take(self, &me->waits);
    return err != NOH_OK ? err : give_one(self, me);
}

static noh_err on_go_on(noh_self *self, store *me, const go_on *m)
{
    me->allowed += m->pieces;
    return give_one(self, me);
}

NOH_BEHAVIOR(store, NOH_ON(fetch, on_fetch), NOH_ON(go_on, on_go_on));

/* ---- the backup --------------------------------------------------------------------------- */

NOH_MESSAGE(backup_start, (noh_ref, store));

typedef struct backup {
    noh_ref store;
    int64_t have;
    int64_t want;
} backup;

static noh_err on_start(noh_self *self, backup *me, const backup_start *m)
{
    me->store = m->store;
    return NOH_OK;
}

static noh_err on_back_up(noh_self *self, backup *me, const back_up *m)
{
    int64_t bytes = 0;
    me->want = m->pieces;
    for (me->have = 0; me->have < me->want; me->have++) {
        piece p;
        noh_err err = noh_call(self, me->store, fetch, &p, .number = me->have); /* waits */
        if (err != NOH_OK) {
            return noh_reply_error(self, err, noh_error_text(self));
        }
        bytes += p.bytes;
    }
    return noh_reply(self, done, .bytes = bytes);
}

static noh_err on_how_far(noh_self *self, backup *me, const how_far *m)
{
    return noh_reply(self, progress, .pieces = me->have, .of = me->want);
}

NOH_BEHAVIOR_WITH(backup, backup_start, on_start, NOH_ON(back_up, on_back_up),
                  NOH_ON_REENTRANT(how_far, on_how_far));

/* ---- main --------------------------------------------------------------------------------- */

static void print_progress(noh_self *me, noh_ref backup, int64_t at_least)
{
    progress p = {0};
    do {
        if (noh_call(me, backup, how_far, &p) != NOH_OK) {
            return;
        }
    } while (p.pieces < at_least); /* the piece is on its way */
    printf("%lld of %lld\n", (long long)p.pieces, (long long)p.of);
}

int main(void)
{
    noh_system *system;
    if (noh_system_new(NULL, &system) != NOH_OK) {
        return 1;
    }
    noh_self *me = noh_system_self(system);
    noh_ref shelf = noh_spawn(me, store);
    noh_ref saver = noh_spawn(me, backup, .store = shelf);
    noh_future first;
    noh_future second;
    done d = {0};
    noh_ask(me, saver, back_up, &first, .pieces = 3);
    noh_ask(me, saver, back_up, &second, .pieces = 1);
    print_progress(me, saver, 0);
    noh_tell(me, shelf, go_on, .pieces = 2);
    print_progress(me, saver, 2);
    noh_tell(me, shelf, go_on, .pieces = 2);
    if (noh_await(me, first, done, NOH_FOREVER, &d) == NOH_OK) {
        printf("first: %lld bytes\n", (long long)d.bytes);
    }
    if (noh_await(me, second, done, NOH_FOREVER, &d) == NOH_OK) {
        printf("second: %lld bytes\n", (long long)d.bytes);
    }
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}

// expect: 0 of 3
// expect: 2 of 3
// expect: first: 3000 bytes
// expect: second: 1000 bytes
