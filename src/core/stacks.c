/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Stacks: see stacks.h. */
#include "stacks.h"

#include "system.h"

#include <stdio.h>
#include <string.h>

enum {
    SLAB_ROOMS = NOHI_LIMIT(64, 2),   /* at most, */
    SLAB_BYTES = 16 * 1024 * 1024,    /* and of about this size, unless it is one room */
    KEEP_ROOMS = NOHI_LIMIT(4096, 2), /* free ones of a size, in slabs that could go */
    KEEP_BYTES = 1024 * 1024 * 1024,  /* the same of large ones */
    WARM_MAX = NOHI_LIMIT(64, 1) * 1024 * 1024,
};

/* Rooms side by side: guard, room, guard, room. */
struct nohi_slab {
    nohi_slab *next;
    nohi_slab *before;
    char *start;
    size_t stride; /* from room to room */
    uint32_t capacity;
    uint32_t made;
    uint32_t taken;
    nohi_room *free;
    nohi_room rooms[];
};

/* ---- sizes -------------------------------------------------------------------------------- */

size_t nohi_stacks_size(size_t bytes)
{
    if (bytes == 0) {
        return NOHI_STACK_USUAL;
    }
    size_t size = NOHI_STACK_LEAST;
    while (size < bytes && size < NOHI_STACK_MOST) {
        size *= 2;
    }
    return size;
}

static nohi_slabs *class_of(nohi_stacks *stacks, size_t size)
{
    return &stacks->classes[nohi_highest_bit(size) - nohi_highest_bit(NOHI_STACK_LEAST)];
}

static uint32_t keep_max(size_t size)
{
    return size * KEEP_ROOMS <= KEEP_BYTES ? KEEP_ROOMS : (uint32_t)(KEEP_BYTES / size);
}

/* ---- slabs -------------------------------------------------------------------------------- */

static void unlink_slab(nohi_slabs *slabs, nohi_slab *slab)
{
    *(slab->before == NULL ? &slabs->first : &slab->before->next) = slab->next;
    *(slab->next == NULL ? &slabs->last : &slab->next->before) = slab->before;
}

static void link_first(nohi_slabs *slabs, nohi_slab *slab)
{
    slab->before = NULL;
    slab->next = slabs->first;
    *(slabs->first == NULL ? &slabs->last : &slabs->first->before) = slab;
    slabs->first = slab;
}

static void link_last(nohi_slabs *slabs, nohi_slab *slab)
{
    slab->next = NULL;
    slab->before = slabs->last;
    *(slabs->last == NULL ? &slabs->first : &slabs->last->next) = slab;
    slabs->last = slab;
}

static bool is_full(const nohi_slab *slab)
{
    return slab->taken == slab->capacity;
}

static size_t slab_bytes(uint32_t capacity)
{
    return sizeof(nohi_slab) + capacity * sizeof(nohi_room);
}

static void free_slab(const noh_env *env, nohi_slab *slab)
{
    env->pages_release(env->world, slab->start, slab->capacity * slab->stride);
    nohi_free(env, slab, slab_bytes(slab->capacity));
}

/* No room is made yet. NULL: no memory. */
static nohi_slab *new_slab(const noh_env *env, size_t size)
{
    size_t stride = NOHI_STACK_GUARD + size;
    size_t fit = SLAB_BYTES / stride;
    uint32_t capacity = fit == 0 ? 1 : fit > SLAB_ROOMS ? SLAB_ROOMS : (uint32_t)fit;
    nohi_slab *slab = nohi_alloc(env, slab_bytes(capacity));
    if (slab == NULL) {
        return NULL;
    }
    *slab = (nohi_slab){.stride = stride, .capacity = capacity};
    slab->start = env->pages_reserve(env->world, capacity * stride);
    if (slab->start == NULL) {
        nohi_free(env, slab, slab_bytes(capacity));
        return NULL;
    }
    if (env->pages_commit(env->world, slab->start, capacity * stride) != NOH_OK) {
        free_slab(env, slab);
        return NULL;
    }
    return slab;
}

/* ---- take --------------------------------------------------------------------------------- */

/* A room that was given back, or a new one; NULL: no memory for its guard. */
static nohi_room *room_of(nohi_stacks *stacks, nohi_slabs *slabs, nohi_slab *slab)
{
    const noh_env *env = stacks->env;
    nohi_room *room = slab->free;
    if (room != NULL) {
        slab->free = room->next;
        slabs->free--;
        stacks->warm_bytes -= room->warm ? room->size : 0;
        return room;
    }
    char *guard = slab->start + slab->made * slab->stride;
    if (env->pages_guard(env->world, guard, NOHI_STACK_GUARD) != NOH_OK) {
        return NULL; /* STK-1 */
    }
    room = &slab->rooms[slab->made++];
    *room = (nohi_room){
        .low = guard + NOHI_STACK_GUARD, .size = slab->stride - NOHI_STACK_GUARD, .slab = slab};
    return room;
}

static nohi_room *take_one(nohi_stacks *stacks, size_t size)
{
    nohi_slabs *slabs = class_of(stacks, size);
    nohi_slab *slab = slabs->first;
    if (slab == NULL || is_full(slab)) {
        slab = new_slab(stacks->env, size);
        if (slab == NULL) {
            return NULL;
        }
        link_first(slabs, slab);
    }
    nohi_room *room = room_of(stacks, slabs, slab);
    if (room != NULL && ++slab->taken == slab->capacity) {
        unlink_slab(slabs, slab);
        link_last(slabs, slab);
    }
    return room;
}

nohi_room *nohi_stacks_take(nohi_stacks *stacks, size_t size, uint32_t count)
{
    nohi_room *list = NULL;
    pthread_mutex_lock(&stacks->lock);
    for (; count > 0; count--) {
        nohi_room *room = take_one(stacks, size);
        if (room == NULL) {
            break;
        }
        room->next = list;
        list = room;
    }
    pthread_mutex_unlock(&stacks->lock);
    return list;
}

/* ---- give --------------------------------------------------------------------------------- */

/* Called with the lock held. A slab that should go: STK-3. */
static nohi_slab *put_back(nohi_stacks *stacks, nohi_room *room)
{
    store_relaxed(&room->waits, NULL); /* private: the lock is held */
    nohi_slab *slab = room->slab;
    nohi_slabs *slabs = class_of(stacks, room->size);
    if (is_full(slab)) {
        unlink_slab(slabs, slab);
        link_first(slabs, slab);
    }
    room->next = slab->free;
    slab->free = room;
    slabs->free++;
    if (--slab->taken > 0 || slabs->free - slab->made < keep_max(room->size)) {
        return NULL;
    }
    for (room = slab->free; room != NULL; room = room->next) {
        stacks->warm_bytes -= room->warm ? room->size : 0;
    }
    slabs->free -= slab->made;
    unlink_slab(slabs, slab);
    return slab;
}

/* Puts back what has a state, warm or cold; a list of slabs that should go. */
static nohi_slab *put_back_all(nohi_stacks *stacks, nohi_room *list)
{
    nohi_slab *gone = NULL;
    while (list != NULL) {
        nohi_room *room = list;
        list = room->next;
        nohi_slab *slab = put_back(stacks, room);
        if (slab != NULL) {
            slab->next = gone;
            gone = slab;
        }
    }
    return gone;
}

/* Called with the lock held. Moves those that may stay warm to *ret_warm. */
static nohi_room *part_warm(nohi_stacks *stacks, nohi_room *list, nohi_room **ret_warm)
{
    nohi_room *cold = NULL;
    nohi_room *warm = NULL;
    while (list != NULL) {
        nohi_room *room = list;
        list = room->next;
        room->warm = stacks->warm_bytes + room->size <= (size_t)WARM_MAX; /* STK-2 */
        stacks->warm_bytes += room->warm ? room->size : 0;
        nohi_room **to = room->warm ? &warm : &cold;
        room->next = *to;
        *to = room;
    }
    *ret_warm = warm;
    return cold;
}

static void free_slabs(const noh_env *env, nohi_slab *list)
{
    while (list != NULL) {
        nohi_slab *slab = list;
        list = slab->next;
        free_slab(env, slab);
    }
}

void nohi_stacks_give(nohi_stacks *stacks, nohi_room *list)
{
    const noh_env *env = stacks->env;
    nohi_room *warm;
    if (list == NULL) {
        return;
    }
    pthread_mutex_lock(&stacks->lock);
    nohi_room *cold = part_warm(stacks, list, &warm);
    nohi_slab *gone = put_back_all(stacks, warm);
    pthread_mutex_unlock(&stacks->lock);
    free_slabs(env, gone);
    if (cold == NULL) {
        return;
    }
    for (nohi_room *room = cold; room != NULL; room = room->next) {
        env->pages_discard(env->world, room->low, room->size);
    }
    pthread_mutex_lock(&stacks->lock);
    gone = put_back_all(stacks, cold);
    pthread_mutex_unlock(&stacks->lock);
    free_slabs(env, gone);
}

/* ---- census ------------------------------------------------------------------------------- */

/* Called with the lock held. NULL: there is none, and no memory for one. */
static noh_stack_use *use_of(nohi_stacks *stacks, const noh_behavior *behavior)
{
    const noh_env *env = stacks->env;
    char name[sizeof stacks->uses->behavior];
    snprintf(name, sizeof name, "%s", behavior->name);
    for (size_t i = 0; i < stacks->use_count; i++) {
        if (strcmp(stacks->uses[i].behavior, name) == 0) {
            return &stacks->uses[i];
        }
    }
    if (stacks->use_count == stacks->use_capacity) {
        size_t capacity = stacks->use_capacity == 0 ? 16 : stacks->use_capacity * 2;
        noh_stack_use *uses = nohi_alloc(env, capacity * sizeof *uses);
        if (uses == NULL) {
            return NULL;
        }
        if (stacks->use_count > 0) {
            memcpy(uses, stacks->uses, stacks->use_count * sizeof *uses);
        }
        nohi_free(env, stacks->uses, stacks->use_capacity * sizeof *uses);
        stacks->uses = uses;
        stacks->use_capacity = capacity;
    }
    noh_stack_use *use = &stacks->uses[stacks->use_count++];
    *use = (noh_stack_use){.waiting = 0};
    memcpy(use->behavior, name, sizeof name);
    return use;
}

void nohi_stacks_note_more(nohi_stacks *stacks, nohi_deepest *seen, const noh_behavior *behavior,
                           size_t bytes)
{
    pthread_mutex_lock(&stacks->lock);
    noh_stack_use *use = use_of(stacks, behavior);
    if (use != NULL) {
        use->deepest = use->deepest < bytes ? bytes : use->deepest;
        *seen = (nohi_deepest){behavior, use->deepest};
    }
    pthread_mutex_unlock(&stacks->lock);
}

/* Called with the lock held. */
static void count_waiting(nohi_stacks *stacks, nohi_slab *slab)
{
    const noh_env *env = stacks->env;
    for (uint32_t i = 0; i < slab->made; i++) {
        nohi_room *room = &slab->rooms[i];
        const noh_behavior *behavior = load_relaxed(&room->waits); /* counter: at some moment */
        noh_stack_use *use = behavior == NULL ? NULL : use_of(stacks, behavior);
        if (use != NULL) {
            use->waiting++;
            use->touched += room->size - env->pages_untouched(env->world, room->low, room->size);
        }
    }
}

noh_err noh_stack_census(noh_system *system, noh_stack_use *uses, size_t max, size_t *ret_count)
{
    if (system == NULL || ret_count == NULL || (uses == NULL && max > 0)) {
        return NOH_E_INVAL;
    }
    nohi_stacks *stacks = &system->stacks;
    pthread_mutex_lock(&stacks->lock);
    for (size_t i = 0; i < stacks->use_count; i++) {
        stacks->uses[i].waiting = 0;
        stacks->uses[i].touched = 0;
    }
    for (unsigned i = 0; i < NOHI_STACK_CLASSES; i++) {
        for (nohi_slab *slab = stacks->classes[i].first; slab != NULL; slab = slab->next) {
            count_waiting(stacks, slab);
        }
    }
    size_t count = stacks->use_count < max ? stacks->use_count : max;
    if (count > 0) {
        memcpy(uses, stacks->uses, count * sizeof *uses);
    }
    *ret_count = stacks->use_count;
    pthread_mutex_unlock(&stacks->lock);
    return NOH_OK;
}

/* ---- all ---------------------------------------------------------------------------------- */

void nohi_stacks_init(nohi_stacks *stacks, const noh_env *env)
{
    *stacks = (nohi_stacks){.env = env};
    pthread_mutex_init(&stacks->lock, NULL);
}

void nohi_stacks_done(nohi_stacks *stacks)
{
    for (unsigned i = 0; i < NOHI_STACK_CLASSES; i++) {
        nohi_slab *slab = stacks->classes[i].first;
        while (slab != NULL) {
            nohi_slab *next = slab->next;
            free_slab(stacks->env, slab);
            slab = next;
        }
    }
    nohi_free(stacks->env, stacks->uses, stacks->use_capacity * sizeof *stacks->uses);
    pthread_mutex_destroy(&stacks->lock);
}
