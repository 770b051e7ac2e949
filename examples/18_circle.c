/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Who waits for whom. A clerk asks a manager, who asks an auditor, who asks the clerk: none would ever
 * go on. It is found at once: the wait of one of them ends with an error, and all go on. */
#include <noh/noh.h>
#include <noh/watch.h>

#include <string.h>

NOH_MESSAGE(note, (noh_text, words));
NOH_REQUEST(order, note);
NOH_REQUEST(approve, note);
NOH_REQUEST(audit, note);
NOH_REQUEST(show, note);
NOH_MESSAGE(stamp, (int32_t, number));
NOH_MESSAGE(knows, (noh_ref, whom)); /* start arguments */

typedef struct manager {
    noh_ref auditor;
} manager;
typedef struct auditor {
    noh_ref clerk;
} auditor;
typedef struct clerk {
    noh_ref manager;
} clerk;

/* Answers with the error that a wait has ended with. Which of the three is told of the circle is not
 * said; who it is comes first in it, so here it is turned until the clerk does. */
static noh_err refuse(noh_self *self, noh_err err)
{
    noh_wait circle[3];
    size_t count =
        noh_cycle(self, circle, 3); /* 0: another one was told, and has answered with it */
    size_t first = 0;
    while (first < count && strcmp(circle[first].behavior, "clerk") != 0) {
        first++;
    }
    for (size_t i = 0; i < count; i++) {
        const noh_wait *wait = &circle[(first + i) % count];
        printf("  %s waits for %s\n", wait->behavior, wait->message);
    }
    return noh_reply_error(self, err, "not approved");
}

/* ---- the auditor -------------------------------------------------------------------------- */

static noh_err auditor_starts(noh_self *self, auditor *me, const knows *m)
{
    me->clerk = m->whom;
    return NOH_OK;
}

/* One audit, and it goes home: this ends an actor as the end of a NOH_PROCESS does. */
static noh_err on_audit(noh_self *self, auditor *me, const audit *m)
{
    note shown;
    noh_err err = noh_call(self, me->clerk, show, &shown);
    err = err != NOH_OK ? refuse(self, err) : noh_reply(self, note, .words = shown.words);
    return noh_process_ends(self, err);
}

NOH_BEHAVIOR_WITH(auditor, knows, auditor_starts, NOH_ON(audit, on_audit));

/* ---- the manager -------------------------------------------------------------------------- */

static noh_err manager_starts(noh_self *self, manager *me, const knows *m)
{
    me->auditor = m->whom;
    return NOH_OK;
}

static noh_err on_approve(noh_self *self, manager *me, const approve *m)
{
    note found;
    noh_err err = noh_call(self, me->auditor, audit, &found);
    return err != NOH_OK ? refuse(self, err) : noh_reply(self, note, .words = found.words);
}

NOH_BEHAVIOR_WITH(manager, knows, manager_starts, NOH_ON(approve, on_approve));

/* ---- the clerk ---------------------------------------------------------------------------- */

static noh_err clerk_starts(noh_self *self, clerk *me, const noh_nothing *m)
{
    noh_ref audits = noh_spawn(self, auditor, .whom = noh_self_ref(self));
    me->manager = noh_spawn(self, manager, .whom = audits);
    return NOH_OK;
}

static noh_err on_order(noh_self *self, clerk *me, const order *m)
{
    const stamp *s;
    note approved;
    noh_err err = noh_receive_only(self, stamp, NOH_FOREVER, &s);
    if (err == NOH_OK) {
        err = noh_call(self, me->manager, approve, &approved);
    }
    return err != NOH_OK ? refuse(self, err) : noh_reply(self, note, .words = approved.words);
}

static noh_err on_show(noh_self *self, clerk *me, const show *m)
{
    return noh_reply(self, note, .words = "all the papers");
}

NOH_BEHAVIOR_WITH(clerk, noh_nothing, clerk_starts, NOH_ON(order, on_order), NOH_ON(show, on_show));

/* The first who waits. */
static noh_wait somebody_waits(noh_system *system)
{
    noh_wait wait;
    size_t count = 0;
    while (noh_stuck(system, 0, &wait, 1, &count) != NOH_OK || count == 0) {
    }
    return wait;
}

int main(void)
{
    noh_system *system;
    if (noh_system_new(NULL, &system) != NOH_OK) {
        return 1;
    }
    noh_self *me = noh_system_self(system);
    noh_ref desk = noh_spawn(me, clerk);
    noh_future ordered;
    noh_ask(me, desk, order, &ordered);
    noh_wait wait = somebody_waits(system);
    printf("%s waits for %s %s\n", wait.behavior,
           wait.why == NOH_WAIT_FOR_MESSAGE ? "the message" : "something else", wait.message);
    noh_tell(me, desk, stamp, .number = 1);
    note answer;
    noh_err err = noh_await(me, ordered, note, NOH_FOREVER, &answer);
    printf("%s: %s\n", noh_err_name(err), noh_error_text(me));
    if (noh_call(me, desk, show, &answer) == NOH_OK) {
        printf("%s\n", answer.words);
    }
    noh_system_free(system);
    return 0;
}

// expect: clerk waits for the message stamp
// expect:   clerk waits for approve
// expect:   manager waits for audit
// expect:   auditor waits for show
// expect: NOH_E_CYCLE: not approved
// expect: all the papers
