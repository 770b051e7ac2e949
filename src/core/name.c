/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Name: names of actors.
 *
 * Owner       Both maps and every nohi_name: under `names_lock`.
 * Invariants  NAM-1  a name means a living actor, or one that is about to take it back (GAT-4).
 *             NAM-2  a name given at spawn is reserved before there is an actor, so that a spawn whose
 *                    name is taken makes none; it is not found until the actor is whole. */
#include "system.h"

enum { NAME_MAX_BYTES = 255, NAMES_MAX = 65536 };

typedef struct nohi_name nohi_name;
struct nohi_name {
    nohi_name *next; /* of the same actor */
    noh_ref ref;
    size_t size; /* of this block */
    bool is_reserved;
    char text[];
};

typedef struct ref_key {
    char text[17];
} ref_key;

static ref_key key_of(noh_ref ref)
{
    ref_key key;
    snprintf(key.text, sizeof key.text, "%016llx", (unsigned long long)ref.bits);
    return key;
}

static nohi_name *find(const nohi_map *map, const char *key)
{
    uint64_t value;
    return nohi_map_get(map, key, &value) ? (nohi_name *)(uintptr_t)value : NULL;
}

/* What this name means, or NULL. */
static nohi_name *known(const nohi_system *system, const char *text)
{
    nohi_name *name = find(&system->names, text);
    return name == NULL || name->is_reserved ? NULL : name; /* NAM-2 */
}

/* Puts `name` into both maps. Errors: NOMEM, TAKEN, LIMIT. */
static noh_err insert(nohi_system *system, nohi_name *name)
{
    if (nohi_map_count(&system->names) >= NAMES_MAX) {
        return NOH_E_LIMIT;
    }
    noh_err err = nohi_map_put(&system->names, name->text, (uintptr_t)name);
    if (err != NOH_OK) {
        return err;
    }
    ref_key key = key_of(name->ref);
    nohi_name *first = find(&system->by_ref, key.text);
    if (first != NULL) {
        name->next = first->next;
        first->next = name;
        return NOH_OK;
    }
    err = nohi_map_put(&system->by_ref, key.text, (uintptr_t)name);
    if (err != NOH_OK) {
        (void)nohi_map_remove(&system->names, name->text);
    }
    return err;
}

/* Takes `name` out of both maps and frees it. */
static void erase(nohi_system *system, nohi_name *name)
{
    (void)nohi_map_remove(&system->names, name->text);
    ref_key key = key_of(name->ref);
    nohi_name *first = find(&system->by_ref, key.text);
    if (first == name && name->next == NULL) {
        (void)nohi_map_remove(&system->by_ref, key.text);
    } else if (first == name) {
        (void)nohi_map_set(&system->by_ref, key.text, (uintptr_t)name->next);
    } else {
        while (first->next != name) {
            first = first->next;
        }
        first->next = name->next;
    }
    nohi_free(&system->env, name, name->size);
}

/* A name in both maps, reserved. Under the lock. Errors: INVAL, NOMEM, TAKEN, LIMIT. */
static noh_err add(nohi_system *system, const char *text, noh_ref actor, nohi_name **ret_name)
{
    size_t length = strnlen(text, NAME_MAX_BYTES + 1);
    if (length == 0 || length > NAME_MAX_BYTES) {
        return NOH_E_INVAL;
    }
    size_t size = sizeof(nohi_name) + length + 1;
    nohi_name *name = nohi_alloc(&system->env, size);
    if (name == NULL) {
        return NOH_E_NOMEM;
    }
    *name = (nohi_name){.ref = actor, .size = size, .is_reserved = true};
    memcpy(name->text, text, length + 1);
    noh_err err = insert(system, name);
    if (err != NOH_OK) {
        nohi_free(&system->env, name, size);
        return err;
    }
    *ret_name = name;
    return NOH_OK;
}

noh_err nohi_name_reserve(nohi_system *system, const char *text, noh_ref actor)
{
    nohi_name *name;
    pthread_mutex_lock(&system->names_lock);
    noh_err err = add(system, text, actor, &name);
    pthread_mutex_unlock(&system->names_lock);
    return err;
}

void nohi_name_publish(nohi_system *system, const char *text, noh_ref actor)
{
    pthread_mutex_lock(&system->names_lock);
    nohi_name *name = find(&system->names, text);
    if (name != NULL && noh_ref_equal(name->ref, actor)) { /* else it has ended already */
        name->is_reserved = false;
    }
    pthread_mutex_unlock(&system->names_lock);
}

noh_err noh_register(noh_self *self, const char *text, noh_ref actor)
{
    if (self == NULL || text == NULL) {
        return NOH_E_INVAL;
    }
    nohi_system *system = self->system;
    nohi_actor *a = nohi_actor_of(&system->slots, actor);
    if (a == NULL || !noh_is_alive(system, actor)) {
        return NOH_E_GONE;
    }
    nohi_name *name;
    pthread_mutex_lock(&system->names_lock);
    noh_err err = add(system, text, actor, &name);
    if (err == NOH_OK && nohi_gate_name(&a->gate, nohi_ref_generation(actor))) {
        name->is_reserved = false;
    } else if (err == NOH_OK) {
        erase(system, name); /* GAT-4: it died meanwhile */
        err = NOH_E_GONE;
    }
    pthread_mutex_unlock(&system->names_lock);
    return err;
}

noh_err noh_unregister(noh_self *self, const char *text)
{
    if (self == NULL || text == NULL) {
        return NOH_E_INVAL;
    }
    nohi_system *system = self->system;
    pthread_mutex_lock(&system->names_lock);
    nohi_name *name = known(system, text);
    if (name != NULL) {
        erase(system, name);
    }
    pthread_mutex_unlock(&system->names_lock);
    return name == NULL ? NOH_E_NOT_FOUND : NOH_OK;
}

noh_ref noh_lookup(noh_system *system, const char *text)
{
    if (system == NULL || text == NULL) {
        return NOH_NO_REF;
    }
    pthread_mutex_lock(&system->names_lock);
    const nohi_name *name = known(system, text);
    noh_ref ref = name == NULL ? NOH_NO_REF : name->ref;
    pthread_mutex_unlock(&system->names_lock);
    return ref;
}

void nohi_name_forget(nohi_system *system, noh_ref ref)
{
    ref_key key = key_of(ref);
    pthread_mutex_lock(&system->names_lock);
    nohi_name *name;
    while ((name = find(&system->by_ref, key.text)) != NULL) {
        erase(system, name);
    }
    pthread_mutex_unlock(&system->names_lock);
}
