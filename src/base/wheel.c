/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Wheel: a million timers, each moved a few times in its life.
 *
 * Purpose     Time is cut into ticks of 2^16 ns, and the 48 bit number of a tick into eight digits
 *             of six bits. A node waits at the level of the highest digit in which its tick differs
 *             from the wheel's, in the slot of its own digit there. When the wheel's tick reaches
 *             a slot, its nodes move to lower levels, and from the tick they are due in to `ready`,
 *             a heap that gives them out one by one, to the nanosecond and in order.
 * Owner       Whoever owns the wheel; no locks here.
 * Invariants  WHL-1  a node in slot d of level l shares all digits above l with the wheel's tick,
 *                    and d is larger than the tick's digit l. Hence every node of a level is due
 *                    before every node of the levels above it, and lower slots before higher ones;
 *                    and the tick may move up to the first occupied slot without moving a node.
 *             WHL-2  ready has room for all nodes of the wheel: a cascade that finds no memory for
 *                    a slot puts the node there, where it fires as well. Only add can fail.
 *             WHL-3  a slot's earliest_ns is no later than any due time in it.
 *             WHL-4  a node is in one place at most.
 * Why not     intrusive lists: a cascade then waits for one cache miss after the other; arrays of
 *             {due, node} fire 5 to 8 times faster (docs: performance, timers). The room WHL-2 asks
 *             for costs addresses only: memory that ready never used is never touched.
 *             One heap for all: 222 ns per fired timer at a million, against 35 to 69. */
#include "wheel.h"

#include <string.h>

enum {
    DIGIT_BITS = NOHI_LIMIT(6, 2),
    DIGIT_MASK = NOHI_WHEEL_SLOTS - 1,
    READY = 1 + NOHI_WHEEL_LEVELS * NOHI_WHEEL_SLOTS, /* the `slot` of a node in the heap */
    CAPACITY_MIN = NOHI_LIMIT(8, 1),
    CAPACITY_KEPT =
        NOHI_LIMIT(64, 1), /* 1 KiB: an emptied array up to this size waits for its next use */
    LOOKAHEAD = 8,         /* nodes fetched ahead of a cascade: a quarter off the cost of firing */
    HEAP_WAYS = 4,         /* four entries share a cache line */
};

_Static_assert(NOHI_WHEEL_TICK_BITS + NOHI_WHEEL_LEVELS * DIGIT_BITS == 64,
               "all times have a slot");

static uint64_t tick_of(int64_t time_ns);
static bool reserve(const noh_env *env, nohi_wheel_slot *slot, size_t count);
static bool put_into_slot(nohi_wheel *wheel, nohi_wheel_entry entry, uint64_t tick);
static nohi_wheel_slot *first_slot(nohi_wheel *wheel, unsigned *ret_level);
static bool advance(nohi_wheel *wheel, uint64_t target);
static void cascade(nohi_wheel *wheel, nohi_wheel_slot *slot);
static void vacate(const noh_env *env, nohi_wheel_slot *slot);
static void heap_push(nohi_wheel_slot *heap, nohi_wheel_entry entry);
static void heap_remove(nohi_wheel_slot *heap, uint32_t index);

void nohi_wheel_init(nohi_wheel *wheel, const noh_env *env, int64_t now_ns)
{
    memset(wheel, 0, sizeof *wheel);
    wheel->env = env;
    wheel->tick = tick_of(now_ns);
}

void nohi_wheel_done(nohi_wheel *wheel)
{
    for (size_t i = 0; i < NOHI_COUNT(wheel->slots); i++) {
        nohi_wheel_slot *slot = &wheel->slots[i];
        nohi_free(wheel->env, slot->entries, slot->capacity * sizeof *slot->entries);
    }
    nohi_free(wheel->env, wheel->ready.entries, wheel->ready.capacity * sizeof(nohi_wheel_entry));
    memset(wheel, 0, sizeof *wheel);
}

noh_err nohi_wheel_add(nohi_wheel *wheel, nohi_wheel_node *node, int64_t due_ns)
{
    NOHI_ASSERT(WHL_4, node->slot == NOHI_WHEEL_NONE);
    if (!reserve(wheel->env, &wheel->ready, wheel->count + 1)) { // WHL-2
        return NOH_E_NOMEM;
    }
    nohi_wheel_entry entry = {due_ns, node};
    uint64_t tick = tick_of(due_ns);
    if (tick <= wheel->tick) {
        heap_push(&wheel->ready, entry);
    } else if (!put_into_slot(wheel, entry, tick)) {
        return NOH_E_NOMEM;
    }
    node->due_ns = due_ns;
    wheel->count++;
    return NOH_OK;
}

void nohi_wheel_remove(nohi_wheel *wheel, nohi_wheel_node *node)
{
    if (node->slot == NOHI_WHEEL_NONE) {
        return;
    }
    if (node->slot == READY) {
        heap_remove(&wheel->ready, node->index);
    } else {
        uint32_t number = node->slot - 1;
        nohi_wheel_slot *slot = &wheel->slots[number];
        nohi_wheel_entry last = slot->entries[--slot->count];
        slot->entries[node->index] = last;
        last.node->index = node->index;
        if (slot->count == 0) {
            wheel->occupied[number / NOHI_WHEEL_SLOTS] &= ~(UINT64_C(1) << (number & DIGIT_MASK));
            vacate(wheel->env, slot);
        }
    }
    node->slot = NOHI_WHEEL_NONE;
    wheel->count--;
    if (wheel->count == 0) {
        vacate(wheel->env, &wheel->ready);
    }
}

nohi_wheel_node *nohi_wheel_pop(nohi_wheel *wheel, int64_t now_ns)
{
    uint64_t target = tick_of(now_ns);
    nohi_wheel_slot *ready = &wheel->ready;
    // The head of ready is due first only once the wheel has come to its tick: a node that fled
    // there (WHL-2) may be ahead of it.
    while (ready->count == 0 || tick_of(ready->entries[0].due_ns) > wheel->tick) {
        if (!advance(wheel, target)) {
            break;
        }
    }
    if (ready->count == 0 || ready->entries[0].due_ns > now_ns) {
        return NULL;
    }
    nohi_wheel_node *node = ready->entries[0].node;
    nohi_wheel_remove(wheel, node);
    return node;
}

int64_t nohi_wheel_next(const nohi_wheel *wheel)
{
    int64_t next_ns = wheel->ready.count == 0 ? INT64_MAX : wheel->ready.entries[0].due_ns;
    unsigned level;
    const nohi_wheel_slot *slot = first_slot((nohi_wheel *)(uintptr_t)wheel, &level);
    return slot != NULL && slot->earliest_ns < next_ns ? slot->earliest_ns : next_ns;
}

size_t nohi_wheel_count(const nohi_wheel *wheel)
{
    return wheel->count;
}

/* Ticks are unsigned and keep the order of the times, negative ones included. */
static uint64_t tick_of(int64_t time_ns)
{
    return ((uint64_t)time_ns ^ (UINT64_C(1) << 63)) >> NOHI_WHEEL_TICK_BITS;
}

static bool grow(const noh_env *env, nohi_wheel_slot *slot)
{
    if (slot->capacity > UINT32_MAX / 2) {
        return false;
    }
    uint32_t capacity = slot->capacity == 0 ? CAPACITY_MIN : slot->capacity * 2;
    nohi_wheel_entry *entries = nohi_alloc(env, capacity * sizeof *entries);
    if (entries == NULL) {
        return false;
    }
    if (slot->count > 0) {
        memcpy(entries, slot->entries, slot->count * sizeof *entries);
    }
    nohi_free(env, slot->entries, slot->capacity * sizeof *entries);
    slot->entries = entries;
    slot->capacity = capacity;
    return true;
}

/* Makes room for `count` entries in all. Counts grow by one, so one doubling is enough. */
static bool reserve(const noh_env *env, nohi_wheel_slot *slot, size_t count)
{
    return NOHI_LIKELY(count <= slot->capacity) || grow(env, slot);
}

/* Puts an entry of a later tick where WHL-1 wants it. False: no memory, nothing changed. */
static bool put_into_slot(nohi_wheel *wheel, nohi_wheel_entry entry, uint64_t tick)
{
    unsigned highest_bit = nohi_highest_bit(tick ^ wheel->tick);
    unsigned level = highest_bit / DIGIT_BITS;
    unsigned digit = (unsigned)(tick >> (level * DIGIT_BITS)) & DIGIT_MASK;
    unsigned number = level * NOHI_WHEEL_SLOTS + digit;
    nohi_wheel_slot *slot = &wheel->slots[number];
    if (!reserve(wheel->env, slot, (size_t)slot->count + 1)) {
        return false;
    }
    if (slot->count == 0 || entry.due_ns < slot->earliest_ns) {
        slot->earliest_ns = entry.due_ns; // WHL-3
    }
    entry.node->slot = number + 1;
    entry.node->index = slot->count;
    slot->entries[slot->count++] = entry;
    wheel->occupied[level] |= UINT64_C(1) << digit;
    return true;
}

/* The slot that is due first (WHL-1), or NULL. */
static nohi_wheel_slot *first_slot(nohi_wheel *wheel, unsigned *ret_level)
{
    for (unsigned level = 0; level < NOHI_WHEEL_LEVELS; level++) {
        if (wheel->occupied[level] != 0) {
            unsigned digit = nohi_lowest_bit(wheel->occupied[level]);
            *ret_level = level;
            return &wheel->slots[level * NOHI_WHEEL_SLOTS + digit];
        }
    }
    return NULL;
}

/* Moves the tick to the first slot, or to `target` if that comes before it; then it returns false,
 * for there is no more to find. */
static bool advance(nohi_wheel *wheel, uint64_t target)
{
    unsigned level;
    nohi_wheel_slot *slot = first_slot(wheel, &level);
    if (slot != NULL) {
        unsigned shift = level * DIGIT_BITS;
        uint64_t digit = (uint64_t)(slot - wheel->slots) & DIGIT_MASK;
        uint64_t above = wheel->tick >> shift >> DIGIT_BITS; // two shifts: level 7 has none above
        uint64_t start = ((above << DIGIT_BITS) | digit) << shift;
        if (start <= target) {
            wheel->tick = start;
            wheel->occupied[level] &= ~(UINT64_C(1) << digit);
            cascade(wheel, slot);
            return true;
        }
    }
    if (wheel->tick < target) {
        wheel->tick = target;
    }
    return false;
}

/* Sorts out a slot that the tick has reached. None of the nodes comes back to it: they share its
 * digit with the tick now. */
static void cascade(nohi_wheel *wheel, nohi_wheel_slot *slot)
{
    for (uint32_t i = 0; i < slot->count; i++) {
        if (i + LOOKAHEAD < slot->count) {
            NOHI_PREFETCH_WRITE(slot->entries[i + LOOKAHEAD].node);
        }
        nohi_wheel_entry entry = slot->entries[i];
        uint64_t tick = tick_of(entry.due_ns);
        if (tick <= wheel->tick || !put_into_slot(wheel, entry, tick)) {
            heap_push(&wheel->ready, entry); // WHL-2: there is room
        }
    }
    slot->count = 0;
    vacate(wheel->env, slot);
}

/* Gives back the memory of an empty slot if it is large: a slot of a high level is used once in
 * years. */
static void vacate(const noh_env *env, nohi_wheel_slot *slot)
{
    if (slot->capacity > CAPACITY_KEPT) {
        nohi_free(env, slot->entries, slot->capacity * sizeof *slot->entries);
        slot->entries = NULL;
        slot->capacity = 0;
    }
}

/* ---- the heap ----------------------------------------------------------------------------- */

static void heap_set(nohi_wheel_slot *heap, uint32_t index, nohi_wheel_entry entry)
{
    heap->entries[index] = entry;
    entry.node->index = index;
}

/* Finds the place of `entry` from the free place `index` upward. */
static void heap_rise(nohi_wheel_slot *heap, uint32_t index, nohi_wheel_entry entry)
{
    while (index > 0) {
        uint32_t parent = (index - 1) / HEAP_WAYS;
        if (heap->entries[parent].due_ns <= entry.due_ns) {
            break;
        }
        heap_set(heap, index, heap->entries[parent]);
        index = parent;
    }
    heap_set(heap, index, entry);
}

static uint32_t heap_first_child(const nohi_wheel_slot *heap, uint32_t first)
{
    uint32_t best = first;
    for (uint32_t i = first + 1; i < first + HEAP_WAYS && i < heap->count; i++) {
        if (heap->entries[i].due_ns < heap->entries[best].due_ns) {
            best = i;
        }
    }
    return best;
}

/* Finds the place of `entry` from the free place `index` downward. */
static void heap_sink(nohi_wheel_slot *heap, uint32_t index, nohi_wheel_entry entry)
{
    for (;;) {
        size_t first = (size_t)index * HEAP_WAYS + 1;
        if (first >= heap->count) {
            break;
        }
        uint32_t child = heap_first_child(heap, (uint32_t)first);
        if (heap->entries[child].due_ns >= entry.due_ns) {
            break;
        }
        heap_set(heap, index, heap->entries[child]);
        index = child;
    }
    heap_set(heap, index, entry);
}

static void heap_push(nohi_wheel_slot *heap, nohi_wheel_entry entry)
{
    entry.node->slot = READY;
    heap_rise(heap, heap->count++, entry);
}

static void heap_remove(nohi_wheel_slot *heap, uint32_t index)
{
    nohi_wheel_entry last = heap->entries[--heap->count];
    if (index == heap->count) {
        return;
    }
    if (index > 0 && last.due_ns < heap->entries[(index - 1) / HEAP_WAYS].due_ns) {
        heap_rise(heap, index, last);
    } else {
        heap_sink(heap, index, last);
    }
}
