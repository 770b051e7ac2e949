/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Memory: address space that the next run finds where this one has left it.
 *
 * Purpose     A run starts systems and ends them; most of what that costs are calls of the kernel. So
 *             ranges of addresses are kept, with the memory behind them, by their size.
 * Invariants  MEM-1  what is committed is zero, also in a range that was used before: what a program
 *                    reads there by mistake is the same in each run.
 *             MEM-2  in a range that is committed whole, guards of its last user stand until they are
 *                    wanted again: slabs of stacks, the only ones, put theirs where these are, and touch
 *                    no stack before its guard is there. */
#include "world.h"

#include <stdlib.h>
#include <string.h>

enum {
    CLEAR_BYTES = 256 * 1024, /* at most, where it is not given to the kernel */
    GUARDS_MAX = 64,          /* of one range, that are known */
};

typedef struct sim_guard {
    char *start;
    size_t size;
    bool standing; /* of the last user */
} sim_guard;

struct sim_region {
    char *start;
    size_t size;
    size_t used; /* nothing above that was committed ever */
    sim_guard guards[GUARDS_MAX];
    uint32_t guard_count; /* above GUARDS_MAX: some are not known */
    sim_region *next;
};

/* Before each block. */
struct sim_block {
    sim_block *next;
    sim_block **link;
};
_Static_assert(sizeof(sim_block) % 16 == 0, "what comes behind it is aligned");

/* Of runs that were left in the middle: what signal handlers may still find there, and what leak
 * checkers should. */
static _Thread_local sim_block *lost;

static void link_block(sim_block **list, sim_block *block)
{
    block->next = *list;
    block->link = list;
    if (block->next != NULL) {
        block->next->link = &block->next;
    }
    *list = block;
}

static void unlink_block(sim_block *block)
{
    *block->link = block->next;
    if (block->next != NULL) {
        block->next->link = block->link;
    }
}

static void *alloc(void *world, size_t size)
{
    noh_sim *sim = world;
    sim_block *block = size > PTRDIFF_MAX - sizeof *block
                           ? NULL
                           : sim->real.alloc(sim->real.world, sizeof *block + size);
    if (block == NULL) {
        return NULL;
    }
    link_block(&sim->blocks, block);
    sim->block_count++;
    return block + 1;
}

static void free_block(void *world, void *block, size_t size)
{
    noh_sim *sim = world;
    if (block == NULL) {
        return;
    }
    for (unsigned i = 0; i < SYSTEMS_MAX; i++) {
        sim->systems[i] = sim->systems[i] == block ? NULL : sim->systems[i];
    }
    sim_block *head = (sim_block *)block - 1;
    unlink_block(head);
    sim->block_count--;
    sim->real.free(sim->real.world, head, sizeof *head + size);
}

/* The link to the one that has this address, or to the end. */
static sim_region **find(noh_sim *sim, const void *address)
{
    sim_region **link = &sim->live;
    const char *at = address;
    while (*link != NULL && (at < (*link)->start || at >= (*link)->start + (*link)->size)) {
        link = &(*link)->next;
    }
    return link;
}

static void *pages_reserve(void *world, size_t size)
{
    noh_sim *sim = world;
    sim_region **link = &sim->idle;
    while (*link != NULL && (*link)->size != size) {
        link = &(*link)->next;
    }
    sim_region *region = *link;
    if (region != NULL) {
        *link = region->next;
    } else {
        region = calloc(1, sizeof *region);
        void *start = region == NULL ? NULL : sim->real.pages_reserve(sim->real.world, size);
        if (start == NULL) {
            free(region);
            return NULL;
        }
        region->start = start;
        region->size = size;
    }
    region->next = sim->live;
    sim->live = region;
    return region->start;
}

/* Some guards may be no more. */
static void forget_guards(sim_region *region, const char *start, size_t size)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < region->guard_count && i < GUARDS_MAX; i++) {
        sim_guard *guard = &region->guards[i];
        if (guard->start + guard->size <= start || guard->start >= start + size) {
            region->guards[kept++] = *guard;
        }
    }
    region->guard_count = kept;
}

static noh_err pages_commit(void *world, void *start, size_t size)
{
    noh_sim *sim = world;
    sim_region *region = *find(sim, start);
    size_t end = (size_t)((char *)start - region->start) + size;
    bool again = end <= region->used;
    if (again && region->guard_count == 0 && size <= CLEAR_BYTES) { /* MEM-1 */
        memset(start, 0, size);
        return NOH_OK;
    }
    if (end - size < region->used) {
        sim->real.pages_discard(sim->real.world, start, size);
    }
    if (again && size == region->size && region->guard_count <= GUARDS_MAX) { /* MEM-2 */
        for (uint32_t i = 0; i < region->guard_count; i++) {
            region->guards[i].standing = true;
        }
        return NOH_OK;
    }
    forget_guards(region, start, size);
    region->used = end > region->used ? end : region->used;
    return sim->real.pages_commit(sim->real.world, start, size);
}

static noh_err pages_guard(void *world, void *start, size_t size)
{
    noh_sim *sim = world;
    sim_region *region = *find(sim, start);
    for (uint32_t i = 0; i < region->guard_count && i < GUARDS_MAX; i++) {
        sim_guard *guard = &region->guards[i];
        if (guard->standing && guard->start == start && guard->size == size) {
            guard->standing = false;
            return NOH_OK;
        }
    }
    if (region->guard_count < GUARDS_MAX) {
        region->guards[region->guard_count] = (sim_guard){.start = start, .size = size};
    }
    region->guard_count += region->guard_count <= GUARDS_MAX;
    return sim->real.pages_guard(sim->real.world, start, size);
}

static void pages_discard(void *world, void *start, size_t size)
{
    noh_sim *sim = world;
    sim->real.pages_discard(sim->real.world, start, size);
}

static size_t pages_untouched(void *world, void *start, size_t size)
{
    noh_sim *sim = world;
    return sim->real.pages_untouched(sim->real.world, start, size);
}

static void pages_release(void *world, void *start, size_t size)
{
    noh_sim *sim = world;
    sim_region **link = find(sim, start);
    sim_region *region = *link;
    (void)size;
    *link = region->next;
    region->next = sim->idle;
    sim->idle = region;
    NOHI_UNPOISON(region->start, region->used);
}

void sim_memory_env(noh_env *env)
{
    env->alloc = alloc;
    env->free = free_block;
    env->pages_reserve = pages_reserve;
    env->pages_commit = pages_commit;
    env->pages_guard = pages_guard;
    env->pages_discard = pages_discard;
    env->pages_untouched = pages_untouched;
    env->pages_release = pages_release;
}

void sim_memory_abandon(noh_sim *sim)
{
    while (sim->blocks != NULL) {
        sim_block *block = sim->blocks;
        unlink_block(block);
        link_block(&lost, block);
    }
    sim->block_count = 0;
    while (sim->live != NULL) {
        sim_region *region = sim->live;
        sim->live = region->next;
        free(region);
    }
}

void sim_memory_free(noh_sim *sim)
{
    sim_memory_abandon(sim);
    while (sim->idle != NULL) {
        sim_region *region = sim->idle;
        sim->idle = region->next;
        sim->real.pages_release(sim->real.world, region->start, region->size);
        free(region);
    }
}
