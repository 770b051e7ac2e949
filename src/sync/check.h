/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Check: does a structure keep its invariants? For tests, and for the hostile build; the libraries
 * that are shipped have nothing of it.
 *
 * Each returns NULL, or the invariant that is broken, by its id. Whoever calls owns all it looks at:
 * nobody else is at work there. */
#ifndef NOHI_CHECK_H
#define NOHI_CHECK_H

#include "inbox.h"
#include "lease.h"
#include "park.h"
#include "pool.h"
#include "slots.h"
#include "stack.h"

/* Finds the link of a node; for lists whose links stand in structs of the caller. */
typedef uint32_t nohi_link_fn(void *ctx, uint32_t node);

/* The letters end, with the oldest. */
const char *nohi_inbox_check(nohi_inbox *inbox);

/* All nodes are below `limit`, and none is there twice. */
const char *nohi_stack_check(nohi_stack *stack, uint32_t limit, nohi_link_fn *link, void *ctx);

const char *nohi_park_check(nohi_park *park);

/* Of a worker that rests: nobody holds its lease, and what it began is over. */
const char *nohi_lease_check(nohi_lease *lease, uint32_t id);

/* A cache counts what it has. */
const char *nohi_pool_cache_check(const nohi_pool_cache *cache);

/* No block lies twice in the depot or in these caches, and all come from chunks of this pool.
 * *ret_free: how many there are. "no memory": could not tell. */
const char *nohi_pool_check(nohi_pool *pool, nohi_pool_cache *const *caches, size_t count,
                            size_t *ret_free);

/* The range and what lies at its two ends; the depot's list, all of it at home there. */
const char *nohi_slots_check(nohi_slots *slots, nohi_link_fn *link, void *ctx);

#endif
