/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Sweep: is every ordering needed?
 *
 * Each site that any model executes is weakened by one step: seq_cst to acquire, release or acq_rel,
 * acq_rel to acquire and to release, acquire and release to relaxed. Some model must fail under RA,
 * the weakest memory model. What no model needs stands in the table below, with the reason; then it
 * is weakened further. The table must be exact. */
#include "sweep.h"

#include "world.h"

#include <stdio.h>

/* A model with more states is used only where no smaller one executes the site: each ordering that
 * nobody needs costs a complete search. */
enum { SITES_MAX = 256, MODELS_MAX = 64, STATES_MAX = 36000 };

typedef struct unneeded {
    const char *function;
    const char *operation;
    nohi_model_order order; /* as weak as this no model fails */
    const char *reason;
} unneeded;

/* None of these costs anything on x86, where a read-modify-write, a load and a release are what they are
 * under each order, but for the three seq_cst stores, and those are cold. So the code has the order that needs no argument. */
static const unneeded table[] = {
    {"nohi_inbox_try_idle", "cas_seq_cst", NOHI_MODEL_ACQ_REL,
     "who goes idle looks at no other word afterwards"},
    {"nohi_inbox_try_idle", "cas_seq_cst", NOHI_MODEL_RELEASE,
     "it replaces what the owner itself has written"},
    {"nohi_inbox_is_empty", "load_acquire", NOHI_MODEL_RELAXED,
     "which letters it must see follows from coherence; take acquires them"},
    {"nohi_park_leave", "cas_seq_cst", NOHI_MODEL_ACQ_REL,
     "PRK-1 ends with the look; a locker needs no more than PRK-2"},
    {"nohi_park_leave", "cas_seq_cst", NOHI_MODEL_ACQUIRE,
     "who locks next reads a later PARKED, which releases"},
    {"nohi_park_leave", "cas_seq_cst", NOHI_MODEL_RELEASE,
     "the load behind it acquires: the cas goes on with the release of the unlock"},
    {"nohi_park_leave", "cas_seq_cst", NOHI_MODEL_RELAXED, "both"},
    {"nohi_park_rouse", "cas_seq_cst", NOHI_MODEL_ACQ_REL, "as for leave"},
    {"nohi_park_rouse", "cas_seq_cst", NOHI_MODEL_ACQUIRE, "the same"},
    {"nohi_park_unlock", "cas_seq_cst", NOHI_MODEL_ACQ_REL, "as for lock"},
    {"nohi_park_unlock", "cas_seq_cst", NOHI_MODEL_RELEASE, "it found what it has written itself"},
    {"nohi_park_unlock", "store_seq_cst", NOHI_MODEL_RELEASE,
     "nobody looks for a RUNNING that was missed"},
    {"nohi_park_open", "store_seq_cst", NOHI_MODEL_RELEASE,
     "who still sees CLOSED redirects, and finds the actor at home"},
    {"nohi_bell_enter", "add_seq_cst", NOHI_MODEL_ACQ_REL,
     "the loop counts ringers after it saw their claim"},
    {"nohi_bell_enter", "add_seq_cst", NOHI_MODEL_ACQUIRE, "the claim releases it"},
    {"nohi_bell_enter", "add_seq_cst", NOHI_MODEL_RELEASE,
     "who enters reads nothing of the loop's"},
    {"nohi_bell_enter", "add_seq_cst", NOHI_MODEL_RELAXED, "both"},
    {"nohi_bell_leave", "sub_seq_cst", NOHI_MODEL_ACQ_REL, "the futex compares the count itself"},
    {"nohi_bell_leave", "sub_seq_cst", NOHI_MODEL_RELEASE,
     "BEL-1: what was rung happened before; the leaver reads nothing"},
    {"nohi_bell_withdraw", "load_seq_cst", NOHI_MODEL_ACQUIRE,
     "the futex looks once more, at the newest value"},
    {"nohi_gate_end", "or_seq_cst", NOHI_MODEL_ACQ_REL,
     "GAT-4: one word decides, and the names are under a lock"},
    {"nohi_gate_end", "or_seq_cst", NOHI_MODEL_ACQUIRE, "the same"},
    {"nohi_gate_end", "or_seq_cst", NOHI_MODEL_RELEASE, "the same"},
    {"nohi_gate_end", "or_seq_cst", NOHI_MODEL_RELAXED, "the same"},
    {"nohi_gate_name", "or_seq_cst", NOHI_MODEL_ACQ_REL,
     "GAT-4: one word decides, and the names are under a lock"},
    {"nohi_gate_name", "or_seq_cst", NOHI_MODEL_ACQUIRE, "the namer has nothing to tell"},
    {"nohi_gate_name", "load_seq_cst", NOHI_MODEL_ACQUIRE, "the traits before it were acquired"},
    {"nohi_gate_name", "load_seq_cst", NOHI_MODEL_RELAXED, "the same"},
    {"nohi_system_note_rest", "add_seq_cst", NOHI_MODEL_ACQ_REL, "STP-3 needs the release"},
    {"nohi_system_note_rest", "add_seq_cst", NOHI_MODEL_RELEASE, "who rests reads nothing by it"},
    {"nohi_system_note_stopping", "add_seq_cst", NOHI_MODEL_ACQ_REL,
     "the worker's spawns happened before; it makes no more"},
    {"nohi_system_note_stopping", "add_seq_cst", NOHI_MODEL_RELEASE, "the same"},
    {"nohi_system_stop", "load_seq_cst", NOHI_MODEL_ACQUIRE,
     "stop_word, STP-3: what was counted is released by it"},
    {"nohi_lease_seize", "cas_acq_rel", NOHI_MODEL_ACQUIRE,
     "who begins has nothing to tell; the next thief reads what let_go released"},
    {"nohi_lease_seize", "store_seq_cst", NOHI_MODEL_RELEASE, "the barrier behind it is a fence"},
    {"nohi_lease_seize", "store_seq_cst", NOHI_MODEL_RELAXED, "the same"},
    {"nohi_lease_end_turn", "store_release", NOHI_MODEL_RELAXED,
     "a thief that reads 0 touches nothing; the next begin_turn releases"},
    {NULL, NULL, 0, NULL},
};
static bool table_used[sizeof table / sizeof table[0]];

typedef struct swept {
    site_use use;
    const model *models[MODELS_MAX]; /* that execute it, small ones first */
    uint32_t sizes[MODELS_MAX];
    unsigned model_count;
    unsigned tried; /* orders, a set: two ways may lead to relaxed */
} swept;

static swept sites[SITES_MAX];
static unsigned site_count;

static swept *site_for(const site_use *use)
{
    for (unsigned i = 0; i < site_count; i++) {
        if (strcmp(sites[i].use.function, use->function) == 0 &&
            strcmp(sites[i].use.operation, use->operation) == 0) {
            return &sites[i];
        }
    }
    if (site_count == SITES_MAX) {
        return NULL;
    }
    sites[site_count] = (swept){.use = *use};
    return &sites[site_count++];
}

static void add_model(swept *site, const model *m, uint32_t size)
{
    if (site->model_count == MODELS_MAX) {
        return;
    }
    unsigned at = site->model_count++;
    for (; at > 0 && site->sizes[at - 1] > size; at--) {
        site->models[at] = site->models[at - 1];
        site->sizes[at] = site->sizes[at - 1];
    }
    site->models[at] = m;
    site->sizes[at] = size;
}

/* Which model executes what? */
static bool find_sites(void)
{
    for (const model *m = explore_models(); m != NULL; m = m->next) {
        const site_use *uses;
        if (m->quiet) {
            continue;
        }
        sites_clear_uses();
        search_result r = search(m, SC, NULL); /* all sites, and about its size, in less time */
        if (failed.kind != NULL) {
            printf("%s fails as it is: %s\n", m->name, failed.kind);
            return false;
        }
        unsigned count = sites_used(&uses);
        for (unsigned i = 0; i < count; i++) {
            bool ours = strncmp(uses[i].function, "nohi_", 5) == 0; /* not the model's own */
            bool weak = uses[i].order == NOHI_MODEL_RELAXED;
            swept *site = weak || !ours ? NULL : site_for(&uses[i]);
            if (site != NULL) {
                add_model(site, m, r.states);
            }
        }
    }
    return true;
}

static const model *catcher(const swept *site, nohi_model_order order)
{
    sites_weaken(site->use.function, site->use.operation, order);
    for (unsigned i = 0; i < site->model_count; i++) {
        if (i > 0 && site->sizes[i] > STATES_MAX) {
            break;
        }
        (void)search(site->models[i], RA, NULL);
        if (failed.kind != NULL && strcmp(failed.kind, "limit") != 0) {
            return site->models[i];
        }
        if (failed.kind != NULL) {
            printf("%s: %s\n", site->models[i]->name, failed.text);
        }
    }
    return NULL;
}

static bool stands_in_table(const swept *site, nohi_model_order order)
{
    for (unsigned i = 0; table[i].function != NULL; i++) {
        if (strcmp(table[i].function, site->use.function) == 0 &&
            strcmp(table[i].operation, site->use.operation) == 0 && table[i].order == order) {
            table_used[i] = true;
            return true;
        }
    }
    return false;
}

static bool sweep_site(swept *site, nohi_model_order from);

static bool sweep_one(swept *site, nohi_model_order order)
{
    if (site->tried & 1u << order) {
        return true;
    }
    site->tried |= 1u << order;
    const model *m = catcher(site, order);
    bool excused = m == NULL && stands_in_table(site, order);
    printf("%-28s %-16s -> %-8s %s%s%s\n", site->use.function, site->use.operation,
           order_names[order],
           m != NULL ? m->name
           : excused ? "in the table"
                     : "NOT CAUGHT",
           m != NULL ? ": " : "", m != NULL ? failed.kind : "");
    return m != NULL || (sweep_site(site, order) && excused);
}

static bool sweep_site(swept *site, nohi_model_order from)
{
    bool load = site->use.kind == NOHI_MODEL_LOAD;
    bool store = site->use.kind == NOHI_MODEL_STORE;
    if (from == NOHI_MODEL_SEQ_CST) {
        return sweep_one(site, load    ? NOHI_MODEL_ACQUIRE
                               : store ? NOHI_MODEL_RELEASE
                                       : NOHI_MODEL_ACQ_REL);
    }
    if (from == NOHI_MODEL_ACQ_REL) {
        bool good = sweep_one(site, NOHI_MODEL_ACQUIRE);
        return sweep_one(site, NOHI_MODEL_RELEASE) && good;
    }
    return from == NOHI_MODEL_RELAXED || sweep_one(site, NOHI_MODEL_RELAXED);
}

/* Will another part of the sweep look at this line of the table? */
static bool is_of_another(unsigned line, unsigned part, unsigned parts)
{
    for (unsigned i = 0; i < site_count; i++) {
        if (strcmp(table[line].function, sites[i].use.function) == 0 &&
            strcmp(table[line].operation, sites[i].use.operation) == 0) {
            return i % parts != part;
        }
    }
    return false;
}

bool sweep(unsigned part, unsigned parts)
{
    if (parts == 0 || !find_sites()) {
        return false;
    }
    bool good = true;
    for (unsigned i = part; i < site_count; i += parts) {
        good &= sweep_site(&sites[i], (nohi_model_order)sites[i].use.order);
    }
    for (unsigned i = 0; table[i].function != NULL; i++) {
        if (!table_used[i] && !is_of_another(i, part, parts)) {
            printf("needed after all, or gone: %s %s -> %s\n", table[i].function,
                   table[i].operation, order_names[table[i].order]);
            good = false;
        }
    }
    printf("%u sites\n", site_count);
    return good;
}
