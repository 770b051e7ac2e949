/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Map: names to numbers.
 *
 * Purpose     Finds the 64 bit value of a text key in one probe on average, whoever chose the keys.
 *             Names come from the network too, so the hash is keyed: nobody can aim at one place.
 * Owner       Whoever owns the map; no locks here.
 * Invariants  MAP-1  an entry is reached from its home (hash & mask) over used entries only.
 *             MAP-2  a quarter of the entries is free, so that every search ends.
 * Why not     tombstones: a table of names that come and go would fill up with them. Removing
 *             shifts the rest of the run back instead, which the short runs make cheap.
 *             SipHash-2-4: Rust, Python and Ruby settled on 1-3 for tables. */
#include "map.h"

#include <string.h>

enum { CAPACITY_MIN = NOHI_LIMIT(16, 4) };

static uint64_t hash_of(const nohi_map *map, const char *key);
static nohi_map_entry *find(const nohi_map *map, const char *key, uint64_t hash);
static noh_err grow_for_one(nohi_map *map);
static nohi_map_entry *free_entry(nohi_map_entry *entries, size_t mask, uint64_t hash);
static void close_gap(nohi_map *map, size_t gap);

void nohi_map_init(nohi_map *map, const noh_env *env)
{
    memset(map, 0, sizeof *map);
    map->env = env;
    map->secret[0] = env->random(env->world);
    map->secret[1] = env->random(env->world);
}

void nohi_map_done(nohi_map *map)
{
    for (size_t i = 0; i < map->capacity; i++) {
        char *key = map->entries[i].key;
        if (key != NULL) {
            nohi_free(map->env, key, strlen(key) + 1);
        }
    }
    nohi_free(map->env, map->entries, map->capacity * sizeof *map->entries);
    map->entries = NULL;
    map->capacity = 0;
    map->count = 0;
}

noh_err nohi_map_put(nohi_map *map, const char *key, uint64_t value)
{
    uint64_t hash = hash_of(map, key);
    if (find(map, key, hash) != NULL) {
        return NOH_E_TAKEN;
    }
    size_t size = strlen(key) + 1;
    char *copy = nohi_alloc(map->env, size);
    if (copy == NULL) {
        return NOH_E_NOMEM;
    }
    if (grow_for_one(map) != NOH_OK) {
        nohi_free(map->env, copy, size);
        return NOH_E_NOMEM;
    }
    memcpy(copy, key, size);
    *free_entry(map->entries, map->capacity - 1, hash) = (nohi_map_entry){copy, hash, value};
    map->count++;
    return NOH_OK;
}

bool nohi_map_get(const nohi_map *map, const char *key, uint64_t *ret_value)
{
    const nohi_map_entry *entry = find(map, key, hash_of(map, key));
    if (entry == NULL) {
        return false;
    }
    if (ret_value != NULL) {
        *ret_value = entry->value;
    }
    return true;
}

bool nohi_map_set(nohi_map *map, const char *key, uint64_t value)
{
    nohi_map_entry *entry = find(map, key, hash_of(map, key));
    if (entry != NULL) {
        entry->value = value;
    }
    return entry != NULL;
}

bool nohi_map_remove(nohi_map *map, const char *key)
{
    nohi_map_entry *entry = find(map, key, hash_of(map, key));
    if (entry == NULL) {
        return false;
    }
    nohi_free(map->env, entry->key, strlen(entry->key) + 1);
    entry->key = NULL;
    map->count--;
    close_gap(map, (size_t)(entry - map->entries));
    return true;
}

size_t nohi_map_count(const nohi_map *map)
{
    return map->count;
}

static uint64_t hash_of(const nohi_map *map, const char *key)
{
    return nohi_map_hash(map->secret, key, strlen(key));
}

static nohi_map_entry *find(const nohi_map *map, const char *key, uint64_t hash)
{
    if (map->count == 0) {
        return NULL;
    }
    size_t mask = map->capacity - 1;
    for (size_t i = (size_t)hash & mask; map->entries[i].key != NULL; i = (i + 1) & mask) {
        nohi_map_entry *entry = &map->entries[i];
        if (entry->hash == hash && strcmp(entry->key, key) == 0) {
            return entry;
        }
    }
    return NULL;
}

/* Keeps MAP-2 when one more comes. */
static noh_err grow_for_one(nohi_map *map)
{
    if (map->count + 1 <= map->capacity - map->capacity / 4) {
        return NOH_OK;
    }
    size_t capacity = map->capacity == 0 ? CAPACITY_MIN : map->capacity * 2;
    size_t size = capacity * sizeof *map->entries;
    nohi_map_entry *entries = nohi_alloc(map->env, size);
    if (entries == NULL) {
        return NOH_E_NOMEM;
    }
    memset(entries, 0, size);
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->entries[i].key != NULL) {
            *free_entry(entries, capacity - 1, map->entries[i].hash) = map->entries[i];
        }
    }
    nohi_free(map->env, map->entries, map->capacity * sizeof *map->entries);
    map->entries = entries;
    map->capacity = capacity;
    return NOH_OK;
}

/* The place of a new entry: the first free one from its home on (MAP-1). */
static nohi_map_entry *free_entry(nohi_map_entry *entries, size_t mask, uint64_t hash)
{
    size_t i = (size_t)hash & mask;
    while (entries[i].key != NULL) {
        i = (i + 1) & mask;
    }
    return &entries[i];
}

/* Moves later entries of the run into the gap until none would gain by it (MAP-1). */
static void close_gap(nohi_map *map, size_t gap)
{
    size_t mask = map->capacity - 1;
    for (size_t i = (gap + 1) & mask; map->entries[i].key != NULL; i = (i + 1) & mask) {
        size_t home = (size_t)map->entries[i].hash & mask;
        size_t distance = (i - home) & mask;
        if (distance >= ((i - gap) & mask)) { // its way from home leads over the gap
            map->entries[gap] = map->entries[i];
            map->entries[i].key = NULL;
            gap = i;
        }
    }
}

/* ---- SipHash-1-3, Aumasson and Bernstein 2012 --------------------------------------------- */

typedef struct sip {
    uint64_t a;
    uint64_t b;
    uint64_t c;
    uint64_t d;
} sip;

static inline uint64_t rotate(uint64_t bits, unsigned by)
{
    return (bits << by) | (bits >> (64 - by));
}

static inline void sip_round(sip *s)
{
    s->a += s->b;
    s->b = rotate(s->b, 13) ^ s->a;
    s->a = rotate(s->a, 32);
    s->c += s->d;
    s->d = rotate(s->d, 16) ^ s->c;
    s->a += s->d;
    s->d = rotate(s->d, 21) ^ s->a;
    s->c += s->b;
    s->b = rotate(s->b, 17) ^ s->c;
    s->c = rotate(s->c, 32);
}

static inline void sip_word(sip *s, uint64_t word)
{
    s->d ^= word;
    sip_round(s);
    s->a ^= word;
}

uint64_t nohi_map_hash(const uint64_t secret[2], const void *data, size_t size)
{
    sip s = {secret[0] ^ UINT64_C(0x736f6d6570736575), secret[1] ^ UINT64_C(0x646f72616e646f6d),
             secret[0] ^ UINT64_C(0x6c7967656e657261), secret[1] ^ UINT64_C(0x7465646279746573)};
    const unsigned char *bytes = data;
    size_t left = size;
    for (; left >= 8; left -= 8, bytes += 8) {
        uint64_t word; // in the order of this machine: the hash never leaves it
        memcpy(&word, bytes, sizeof word);
        sip_word(&s, word);
    }
    uint64_t last = (uint64_t)size << 56;
    for (size_t i = 0; i < left; i++) {
        last |= (uint64_t)bytes[i] << (8 * i);
    }
    sip_word(&s, last);
    s.c ^= 0xff;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    return s.a ^ s.b ^ s.c ^ s.d;
}
