/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A handler that does not end: the log says which one, and the others go on elsewhere. */
#include <noh/noh.h>
#include <noh/watch.h>
#include <string.h>

NOH_MESSAGE(search, (noh_ref, judge));
NOH_REQUEST(is_found, noh_nothing);
NOH_MESSAGE(finding, (noh_text, text));

NOH_NO_STATE(searcher);
NOH_NO_STATE(other);

/* Nobody would write this: it ends when it is too long. */
static noh_err on_search(noh_self *self, searcher *me, const search *m)
{
    noh_stats stats = {.long_handlers = 0};
    while (stats.long_handlers == 0) {
        noh_system_stats(noh_self_system(self), &stats);
    }
    return noh_tell(self, m->judge, finding, .text = "found after all");
}

static noh_err on_is_found(noh_self *self, other *me, const is_found *m)
{
    return noh_reply(self, noh_nothing);
}

NOH_BEHAVIOR(searcher, NOH_ON(search, on_search));
NOH_BEHAVIOR(other, NOH_ON(is_found, on_is_found));

static char line[256]; /* what the log said */

/* By default it goes to stderr. After this come the time, and the calls the handler is in. */
static void keep_line(void *world, const noh_log_record *record)
{
    const char *end = strstr(record->text, " for at least");
    int length = end == NULL ? (int)strlen(record->text) : (int)(end - record->text);
    snprintf(line, sizeof line, "%s %.*s", record->behavior, length, record->text);
}

int main(void)
{
    noh_env env = noh_env_default();
    env.log = keep_line;
    noh_options options = {.workers = 2, .watchdog_ns = 20 * NOH_MS, .env = &env};
    noh_system *system;
    if (noh_system_new(&options, &system) != NOH_OK) {
        return 1;
    }
    noh_self *me = noh_system_self(system);
    noh_ref helper = noh_spawn(me, other);
    noh_tell(me, noh_spawn(me, searcher), search, .judge = noh_self_ref(me));
    noh_nothing answer;
    if (noh_call(me, helper, is_found, &answer) == NOH_OK) {
        puts("the other one answers");
    }

    const noh_type *type;
    const void *message;
    if (noh_receive(me, NOH_FOREVER, &type, &message) == NOH_OK) {
        const finding *f = noh_as(finding, type, message);
        puts(f == NULL ? type->name : f->text);
    }
    noh_system_free(system);
    puts(line);
    return 0;
}

// expect: the other one answers
// expect: found after all
// expect: searcher holds its worker: in the handler of search
