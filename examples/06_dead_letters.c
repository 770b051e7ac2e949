/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Nothing is lost without a name and a reason: dead letters, and the ledger that adds up. */
#include <noh/noh.h>
#include <noh/watch.h>

NOH_MESSAGE(work, (int32_t, number));
NOH_MESSAGE(gossip, (noh_text, about));

NOH_NO_STATE(worker);

static noh_err on_work(noh_self *self, worker *me, const work *m)
{
    return m->number < 0 ? NOH_E_INVAL : NOH_OK; /* an error fails the actor */
}

NOH_BEHAVIOR(worker, NOH_ON(work, on_work));

static void keep_quiet(void *world, const noh_log_record *record)
{
    /* dead letters and failures are logged, too */
}

/* This thread has subscribed, so it is told like any actor. */
static void print_dead_letter(noh_self *me)
{
    const noh_type *type;
    const void *message;
    if (noh_receive(me, NOH_SECOND, &type, &message) == NOH_OK) {
        const noh_dead_letter *letter = noh_as(noh_dead_letter, type, message);
        if (letter != NULL) {
            printf("%s, %s: %s\n", noh_dead_reason_name(letter->reason), letter->type,
                   letter->text);
        }
    }
}

int main(void)
{
    noh_env env = noh_env_default();
    env.log = keep_quiet;
    noh_system *system;
    if (noh_system_new(&(noh_options){.env = &env}, &system) != NOH_OK) {
        return 1;
    }
    noh_self *me = noh_system_self(system);
    noh_dead_letters_subscribe(me, noh_self_ref(me));

    noh_ref someone = noh_spawn(me, worker);
    noh_tell(me, someone, gossip, .about = "the weather"); /* it has no handler for that */
    print_dead_letter(me);
    noh_tell(me, someone, work, .number = 1);
    noh_tell(me, someone, work, .number = -1); /* fails */
    print_dead_letter(me);
    noh_join(me, someone, NOH_FOREVER, NULL);
    noh_tell(me, someone, work, .number = 2); /* too late */
    print_dead_letter(me);
    noh_dead_letters_unsubscribe(me, noh_self_ref(me));

    noh_ledger ledger;
    noh_stats stats;
    noh_ledger_read(system, &ledger);
    noh_system_stats(system, &stats);
    printf("sent %d = handled %d + queued %d + dead %d\n", (int)ledger.sent, (int)ledger.handled,
           (int)ledger.queued, (int)noh_ledger_dead(&ledger));
    printf("%d actors alive of %d\n", (int)stats.actors, (int)stats.spawned);
    noh_system_free(system);
    return 0;
}

// expect: unhandled, gossip: gossip{about: "the weather"}
// expect: crashed, work: work{number: -1}
// expect: gone, work: work{number: 2}
// expect: sent 7 = handled 4 + queued 0 + dead 3
// expect: 0 actors alive of 1
