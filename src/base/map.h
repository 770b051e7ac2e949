/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The one hash map: text to a 64 bit number. One thread at a time, or under a lock of the owner. */
#ifndef NOHI_MAP_H
#define NOHI_MAP_H

#include "base.h"

typedef struct nohi_map_entry {
    char *key; /* owned copy; NULL: the entry is free */
    uint64_t hash;
    uint64_t value;
} nohi_map_entry;

typedef struct nohi_map {
    const noh_env *env;
    uint64_t secret[2]; /* constant after init */
    nohi_map_entry *entries;
    size_t capacity; /* 0, or a power of two */
    size_t count;
} nohi_map;

/* An empty map that owns nothing yet. Borrows `env` until done. */
void nohi_map_init(nohi_map *map, const noh_env *env);

/* Frees what the map owns and leaves it empty. May be called again; a zeroed map is fine. */
void nohi_map_done(nohi_map *map);

/* Errors: TAKEN (the key is there, its value stays), NOMEM (the map is as before). Copies `key`. */
noh_err nohi_map_put(nohi_map *map, const char *key, uint64_t value);

/* Gives a key that is there another value. False when it is not there. */
bool nohi_map_set(nohi_map *map, const char *key, uint64_t value);

/* False when the key is not there. `ret_value` may be NULL. */
bool nohi_map_get(const nohi_map *map, const char *key, uint64_t *ret_value);

/* False when the key was not there. */
bool nohi_map_remove(nohi_map *map, const char *key);

size_t nohi_map_count(const nohi_map *map);

/* SipHash-1-3 of `size` bytes at `data` under a 128 bit secret. */
uint64_t nohi_map_hash(const uint64_t secret[2], const void *data, size_t size);

#endif
