/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Sites: the places in the code where an operation stands, each with the order it has in this run. */
#include "world.h"

enum { SITES_MAX = 1024, USES_MAX = 256, UNSEEN = 128 };

const char *const order_names[] = {"relaxed", "acquire", "release", "acq_rel", "seq_cst"};

static nohi_model_site *sites[SITES_MAX]; /* a function inlined twice has two */
static unsigned count;
static site_use uses[USES_MAX];
static unsigned use_count;

static struct {
    const char *function;
    const char *operation;
    unsigned order;
} weak;

static bool is_same(const char *function, const char *operation, const nohi_model_site *site)
{
    return strcmp(function, site->function) == 0 && strcmp(operation, site->operation) == 0;
}

static void note_use(const nohi_model_site *site)
{
    for (unsigned i = 0; i < use_count; i++) {
        if (is_same(uses[i].function, uses[i].operation, site)) {
            return;
        }
    }
    if (use_count == USES_MAX) {
        fail("limit", "more than %d sites in one model", USES_MAX);
    }
    uses[use_count++] = (site_use){site->function, site->operation, site->kind, site->order};
}

void sites_add(nohi_model_site *site)
{
    if (count == SITES_MAX) {
        fail("limit", "more than %d sites", SITES_MAX);
    }
    bool weakened = weak.function != NULL && is_same(weak.function, weak.operation, site);
    site->used = (uint8_t)(weakened ? weak.order : site->order);
    sites[count++] = site;
    note_use(site);
}

/* Forgetting is enough: each site comes again when it is executed. */
static void forget_all(void)
{
    while (count > 0) {
        nohi_model_site *site = sites[--count];
        site->used = UNSEEN;
    }
}

void sites_weaken(const char *function, const char *operation, unsigned order)
{
    forget_all();
    weak.function = function;
    weak.operation = operation;
    weak.order = order;
}

void sites_clear_uses(void)
{
    forget_all();
    use_count = 0;
}

unsigned sites_used(const site_use **ret_uses)
{
    *ret_uses = uses;
    return use_count;
}
