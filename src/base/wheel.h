/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Timers as pure data: time is an argument. One thread at a time. The essay is in wheel.c. */
#ifndef NOHI_WHEEL_H
#define NOHI_WHEEL_H

#include "base.h"

enum {
    NOHI_WHEEL_LEVELS = NOHI_LIMIT(8, 24),
    NOHI_WHEEL_SLOTS = NOHI_LIMIT(64, 4), /* per level */
    NOHI_WHEEL_TICK_BITS = 16,
    NOHI_WHEEL_NONE = 0, /* `slot` of a node that is in no wheel: zeroed memory is such a node */
};

/* Embedded in the caller's struct, which must stay where it is while the node is in. */
typedef struct nohi_wheel_node {
    int64_t due_ns;
    uint32_t slot; /* 1 + where it is, or NOHI_WHEEL_NONE */
    uint32_t index;
} nohi_wheel_node;

typedef struct nohi_wheel_entry {
    int64_t due_ns; /* a copy, so that sorting out a slot need not read the nodes */
    nohi_wheel_node *node;
} nohi_wheel_entry;

typedef struct nohi_wheel_slot {
    nohi_wheel_entry *entries;
    uint32_t count;
    uint32_t capacity;
    int64_t earliest_ns; /* valid while count > 0; no later than any due time in here */
} nohi_wheel_slot;

typedef struct nohi_wheel {
    const noh_env *env;
    uint64_t tick;                        /* all nodes of the slots are due in later ticks */
    size_t count;                         /* of all nodes */
    uint64_t occupied[NOHI_WHEEL_LEVELS]; /* bit d: slot d of the level has nodes */
    nohi_wheel_slot ready; /* a heap by due time: the ticks up to now, and who had to flee here */
    nohi_wheel_slot slots[NOHI_WHEEL_LEVELS * NOHI_WHEEL_SLOTS];
} nohi_wheel;

/* An empty wheel that owns nothing yet. Borrows `env` until done. */
void nohi_wheel_init(nohi_wheel *wheel, const noh_env *env, int64_t now_ns);

/* Frees what the wheel owns; nodes that are still in are forgotten and not touched. */
void nohi_wheel_done(nohi_wheel *wheel);

/* Puts in a node that is in no wheel. Any due time goes: past, INT64_MAX. Errors: NOMEM. */
noh_err nohi_wheel_add(nohi_wheel *wheel, nohi_wheel_node *node, int64_t due_ns);

/* Takes a node out, if it is in. */
void nohi_wheel_remove(nohi_wheel *wheel, nohi_wheel_node *node);

/* Takes out the node that is due first, if it is due at `now_ns` or before, else NULL. Never fails
 * for want of memory, never early. */
nohi_wheel_node *nohi_wheel_pop(nohi_wheel *wheel, int64_t now_ns);

/* When to call pop next; INT64_MAX when empty. Never later than the earliest due time; earlier only
 * after nodes were removed, and pop at that time makes it right. */
int64_t nohi_wheel_next(const nohi_wheel *wheel);

size_t nohi_wheel_count(const nohi_wheel *wheel);

#endif
