/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Explore: the program. README.md says what it checks.
 *
 *   noh_explore NAME…              models NAME and NAME_…, their weakened orderings and its mutants
 *   noh_explore --sweep [PART OF]  weakens every ordering, one by one; PART from 0
 *   noh_explore --self             the explorer's own test: litmus tests and planted faults
 *   noh_explore --list             the models
 *   noh_explore --show MODEL sc|tso|ra MUTANT | FUNCTION OPERATION ORDER
 *                                  the trace of one failure */
#include "sweep.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

static model *models;

static const struct {
    unsigned bit;
    const char *name;
} memory_models[] = {{SC, "sc"}, {TSO, "tso"}, {RA, "ra"}};

void nohi_model_add(model *added)
{
    model **at = &models;
    while (*at != NULL && strcmp((*at)->name, added->name) < 0) {
        at = &(*at)->next;
    }
    added->next = *at;
    *at = added;
}

const model *explore_models(void)
{
    return models;
}

static const model *find_model(const char *name)
{
    const model *m = models;
    while (m != NULL && strcmp(m->name, name) != 0) {
        m = m->next;
    }
    return m;
}

static bool is_limit(void)
{
    return failed.kind != NULL && strcmp(failed.kind, "limit") == 0;
}

static bool run_clean(const model *m, unsigned bit, const char *name)
{
    search_result r = search(m, bit, NULL);
    printf("%-14s %-4s %9u states %10llu transitions %8.3f s\n", m->name, name, r.states,
           (unsigned long long)r.transitions, r.seconds);
    if (failed.kind != NULL) {
        search_print_trace();
    }
    return failed.kind == NULL;
}

/* A variant that must fail. */
static bool run_broken(const model *m, unsigned index, const char *mutant, const char *what)
{
    search_result r = search(m, memory_models[index].bit, mutant);
    bool caught = failed.kind != NULL && !is_limit();
    printf("  %-4s %-60s %s %8.3f s\n", memory_models[index].name, what,
           caught ? failed.kind : "NOT CAUGHT", r.seconds);
    if (is_limit()) {
        printf("  => %s\n", failed.text);
    }
    return caught;
}

static bool run_weakened(const model *m)
{
    bool good = true;
    for (const model_weakened *w = m->weakened; w != NULL && w->function != NULL; w++) {
        char what[128];
        snprintf(what, sizeof what, "%s %s -> %s", w->function, w->operation,
                 order_names[w->order]);
        sites_weaken(w->function, w->operation, w->order);
        for (unsigned i = 0; i < NOHI_COUNT(memory_models); i++) {
            good &= (w->in & memory_models[i].bit) == 0 || run_broken(m, i, NULL, what);
        }
    }
    sites_weaken(NULL, NULL, 0);
    return good;
}

static bool run_mutants(const model *m)
{
    bool good = true;
    for (const model_mutant *v = m->mutants; v != NULL && v->name != NULL; v++) {
        for (unsigned i = 0; i < NOHI_COUNT(memory_models); i++) {
            good &= (v->in & memory_models[i].bit) == 0 || run_broken(m, i, v->name, v->name);
        }
    }
    return good;
}

static bool run_model(const model *m)
{
    bool good = true;
    for (unsigned i = 0; i < NOHI_COUNT(memory_models); i++) {
        good &= run_clean(m, memory_models[i].bit, memory_models[i].name);
    }
    if (!good) {
        return false;
    }
    good = run_weakened(m);
    return run_mutants(m) && good;
}

/* Those of one file: NAME, NAME_this and NAME_that. */
static bool run_models(const char *name)
{
    bool good = true;
    unsigned count = 0;
    size_t length = strlen(name);
    for (const model *m = models; m != NULL; m = m->next) {
        bool meant =
            strncmp(m->name, name, length) == 0 && (m->name[length] == 0 || m->name[length] == '_');
        if (meant && !m->quiet) {
            good &= run_model(m);
            count++;
        }
    }
    return good && count > 0;
}

/* ---- the explorer's own test -------------------------------------------------------------- */

static bool has_outcomes(const model *m, const char *expected, const search_result *r)
{
    char shown[4 * OUTCOMES_MAX] = "";
    for (unsigned i = 0; i < OUTCOMES_MAX; i++) {
        if (r->outcomes[i]) {
            sprintf(shown + strlen(shown), shown[0] == 0 ? "%02u" : " %02u", i);
        }
    }
    if (strcmp(shown, expected) != 0) {
        printf("%s shows %s, not %s\n", m->name, shown, expected);
    }
    return strcmp(shown, expected) == 0;
}

static bool run_self(const model *m)
{
    bool good = true;
    for (unsigned i = 0; i < NOHI_COUNT(memory_models); i++) {
        search_result r = search(m, memory_models[i].bit, NULL);
        const char *kind = failed.kind == NULL ? "none" : failed.kind;
        const char *expected = m->fails == NULL ? "none" : m->fails;
        bool as_expected = strcmp(kind, expected) == 0;
        if (!as_expected) {
            printf("%s under %s: failure %s, not %s\n", m->name, memory_models[i].name, kind,
                   expected);
            search_print_trace();
        }
        good &= as_expected;
        good &= m->outcomes[i] == NULL || has_outcomes(m, m->outcomes[i], &r);
    }
    printf("%-20s %s\n", m->name, good ? "as it should" : "WRONG");
    return good;
}

static bool run_all_self(void)
{
    bool good = true;
    for (const model *m = models; m != NULL; m = m->next) {
        good &= !m->quiet || run_self(m);
    }
    return good;
}

/* ---- one failure ------------------------------------------------------------------------- */

static unsigned order_of_name(const char *name)
{
    unsigned order = 0;
    while (order < NOHI_MODEL_SEQ_CST && strcmp(order_names[order], name) != 0) {
        order++;
    }
    return order;
}

static bool show(int count, char **words)
{
    const model *m = count < 2 ? NULL : find_model(words[0]);
    unsigned bit = 0;
    for (unsigned i = 0; m != NULL && i < NOHI_COUNT(memory_models); i++) {
        bit |= strcmp(memory_models[i].name, words[1]) == 0 ? memory_models[i].bit : 0;
    }
    if (bit == 0) {
        return false;
    }
    if (count == 5) {
        sites_weaken(words[2], words[3], order_of_name(words[4]));
    }
    search_result r = search(m, bit, count == 3 ? words[2] : NULL);
    printf("%u states, %s\n", r.states, failed.kind == NULL ? "no failure" : failed.kind);
    if (failed.kind != NULL) {
        search_print_trace();
    }
    return true;
}

int main(int count, char **words)
{
    bool good = count > 1;
    catch_crashes();
    setvbuf(stdout, NULL, _IOLBF, 0);
    if ((count == 2 || count == 4) && strcmp(words[1], "--sweep") == 0) {
        bool all = count == 2;
        return sweep(all ? 0 : (unsigned)atoi(words[2]), all ? 1 : (unsigned)atoi(words[3])) ? 0
                                                                                             : 1;
    }
    if (count > 1 && strcmp(words[1], "--self") == 0) {
        return run_all_self() ? 0 : 1;
    }
    if (count > 1 && strcmp(words[1], "--show") == 0) {
        return show(count - 2, words + 2) ? 0 : 2;
    }
    if (count > 1 && strcmp(words[1], "--list") == 0) {
        for (const model *m = models; m != NULL; m = m->next) {
            if (!m->quiet) {
                printf("%-14s %s\n", m->name, m->about);
            }
        }
        return 0;
    }
    for (int i = 1; i < count; i++) {
        good &= run_models(words[i]);
    }
    return good ? 0 : 1;
}
