/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Probes in more ways: what is sent in any order, who has sent it, a colleague that refuses, a test
 * written as a table of descriptors, and what a failed expectation says. */
#include <noh/testkit.h>

NOH_MESSAGE(printed, (int64_t, pages));
NOH_REQUEST(print_it, printed, (noh_text, title));
NOH_MESSAGE(started, (noh_text, title));
NOH_MESSAGE(failed, (noh_text, title), (noh_text, why));
NOH_MESSAGE(publish, (noh_text, title));
NOH_MESSAGE(press_start, (noh_ref, printer), (noh_ref, news));

/* ---- the actor: tells the news what becomes of each title ---------------------------------- */

typedef struct press {
    noh_ref printer;
    noh_ref news;
} press;

static noh_err on_start(noh_self *self, press *me, const press_start *m)
{
    *me = (press){.printer = m->printer, .news = m->news};
    return NOH_OK;
}

static noh_err on_publish(noh_self *self, press *me, const publish *m)
{
    printed p;
    noh_err err = noh_tell(self, me->news, started, .title = m->title);
    if (err == NOH_OK) {
        err = noh_call(self, me->printer, print_it, &p, .title = m->title);
    }
    return err == NOH_OK
               ? noh_tell(self, me->news, printed, .pages = p.pages)
               : noh_tell(self, me->news, failed, .title = m->title, .why = noh_error_text(self));
}

NOH_BEHAVIOR_WITH(press, press_start, on_start, NOH_ON(publish, on_publish));

/* ---- its test ----------------------------------------------------------------------------- */

typedef struct desk {
    noh_self *me;
    noh_probe *printer;
    noh_probe *news;
    noh_ref press;
} desk;

static void check(const char *what, bool right, const noh_probe *probe)
{
    printf("%s: %s%s\n", what, right ? "ok" : "not ok, ", right ? "" : noh_probe_text(probe));
}

static void a_refusal_is_news(const desk *d)
{
    const print_it *p;
    const failed *f;
    noh_tell(d->me, d->press, publish, .title = "Moby Dick");
    bool asked = noh_probe_expect(d->me, d->printer, print_it, NOH_SECOND, &p) == NOH_OK &&
                 noh_ref_equal(noh_probe_sender(d->printer), d->press);
    noh_probe_reply_error(d->me, d->printer, NOH_E_FULL, "no paper");
    check("asked", asked, d->printer);
    check("refused", noh_probe_find(d->me, d->news, failed, NOH_SECOND, &f) == NOH_OK, d->news);
    printf("why: %s\n", f->why);
}

/* The order of what comes, as data. */
static void success_is_news(const desk *d)
{
    const noh_type *script[] = {NOH_TYPE(started), NOH_TYPE(started), NOH_TYPE(printed)};
    const void *message;
    noh_tell(d->me, d->press, publish, .title = "Ulysses");
    noh_err err = noh_probe_find_value(d->me, d->printer, NOH_TYPE(print_it), NOH_SECOND, &message);
    if (err == NOH_OK) {
        noh_probe_reply_value(d->me, d->printer, NOH_TYPE(printed),
                              NOH_VALUE(printed, .pages = 700));
    }
    for (size_t i = 0; i < 3 && err == NOH_OK; i++) { /* the first is of the refusal */
        err = noh_probe_expect_value(d->me, d->news, script[i], NOH_SECOND, &message);
    }
    check("printed", err == NOH_OK, d->news);
    const print_it *p;
    err = noh_probe_expect(d->me, d->printer, print_it, NOH_MS, &p);
    check("more", err == NOH_OK, d->printer);
}

int main(void)
{
    noh_system *system;
    desk d;
    if (noh_system_new(NULL, &system) != NOH_OK) {
        return 1;
    }
    d.me = noh_system_self(system);
    if (noh_probe_new(d.me, &d.printer) != NOH_OK || noh_probe_new(d.me, &d.news) != NOH_OK) {
        return 1;
    }
    d.press =
        noh_spawn(d.me, press, .printer = noh_probe_ref(d.printer), .news = noh_probe_ref(d.news));
    a_refusal_is_news(&d);
    success_is_news(&d);
    noh_probe_free(d.me, d.printer);
    noh_probe_free(d.me, d.news);
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}

// expect: asked: ok
// expect: refused: ok
// expect: why: no paper
// expect: printed: ok
// expect: more: not ok, expected print_it within 1 ms, nothing came
