/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Any: values by name, in one flat run of bytes.
 *
 * Purpose     A map is a sequence of entries, each of them
 *                 kind (1)  key size (1)  value size (4)  key  0  value
 *             with numbers in little endian, so that the bytes mean the same on every machine. A
 *             text value counts and carries its final 0. Nothing is aligned.
 * Owner       Whoever owns the bytes; nothing here has state.
 * Invariants  ANY-1  nothing outside [data, data + size) is ever read, whatever the bytes are: an
 *                    entry is given out only after all its sizes were found to fit.
 *             ANY-2  a put that fails leaves the map as before.
 * Why not     an index for faster search: these maps have a handful of entries, and the first
 *             reader of hostile bytes would have to check the index as well. */
#include "base.h"

#include <noh/any.h>

#include <string.h>

enum {
    HEADER_SIZE = 6,
    KEY_SIZE_MAX = 255,
};

static noh_err put(noh_map *map, const char *key, noh_any_kind kind, noh_bytes value);
static void write_number(char *to, uint64_t number, size_t size);
static uint64_t read_number(const char *from, size_t size);
static bool read_value(noh_any_kind kind, noh_bytes bytes, noh_any_value *ret_value);

void noh_map_init(noh_map *map, void *room, size_t capacity)
{
    map->data = room;
    map->size = 0;
    map->capacity = room == NULL ? 0 : capacity;
}

noh_err noh_map_put_bool(noh_map *map, const char *key, bool value)
{
    char byte = value ? 1 : 0;
    return put(map, key, NOH_ANY_BOOL, (noh_bytes){&byte, 1});
}

static noh_err put_number(noh_map *map, const char *key, noh_any_kind kind, uint64_t bits)
{
    char bytes[8];
    write_number(bytes, bits, sizeof bytes);
    return put(map, key, kind, (noh_bytes){bytes, sizeof bytes});
}

noh_err noh_map_put_int(noh_map *map, const char *key, int64_t value)
{
    return put_number(map, key, NOH_ANY_INT, (uint64_t)value);
}

noh_err noh_map_put_double(noh_map *map, const char *key, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return put_number(map, key, NOH_ANY_DOUBLE, bits);
}

noh_err noh_map_put_text(noh_map *map, const char *key, const char *value)
{
    if (value == NULL) {
        return NOH_E_INVAL;
    }
    return put(map, key, NOH_ANY_TEXT, (noh_bytes){value, strlen(value) + 1});
}

noh_err noh_map_put_bytes(noh_map *map, const char *key, const void *data, size_t size)
{
    return put(map, key, NOH_ANY_BYTES, (noh_bytes){data, size});
}

noh_err noh_map_put_ref(noh_map *map, const char *key, noh_ref value)
{
    return put_number(map, key, NOH_ANY_REF, value.bits);
}

noh_err noh_map_put_map(noh_map *map, const char *key, noh_any value)
{
    return put(map, key, NOH_ANY_MAP, (noh_bytes){value.data, value.size});
}

noh_any noh_map_any(const noh_map *map)
{
    return (noh_any){map->data, map->size};
}

noh_err noh_any_get(noh_any any, const char *key, noh_any_value *ret_value)
{
    if (key == NULL || (any.data == NULL && any.size > 0)) {
        return NOH_E_INVAL;
    }
    bool found = false;
    noh_any_value found_value = {0};
    noh_any_value value;
    size_t cursor = 0;
    while (noh_any_next(any, &cursor, &value)) {
        if (strcmp(value.key, key) == 0) {
            found = true; // and on: a later one shadows it
            found_value = value;
        }
    }
    if (cursor != any.size) {
        return NOH_E_INVAL; // the walk stopped at bytes that are no entry
    }
    if (!found) {
        return NOH_E_NOT_FOUND;
    }
    *ret_value = found_value;
    return NOH_OK;
}

bool noh_any_next(noh_any any, size_t *cursor, noh_any_value *ret_value)
{
    if (any.data == NULL || *cursor > any.size || any.size - *cursor < HEADER_SIZE) {
        return false;
    }
    const char *entry = (const char *)any.data + *cursor;
    size_t left = any.size - *cursor - HEADER_SIZE;
    noh_any_kind kind = (noh_any_kind)read_number(entry, 1);
    size_t key_size = (size_t)read_number(entry + 1, 1);
    size_t value_size = (size_t)read_number(entry + 2, 4);
    if (key_size == 0 || left < key_size + 1 || left - key_size - 1 < value_size) {
        return false;
    }
    const char *key = entry + HEADER_SIZE;
    if (memchr(key, 0, key_size + 1) != key + key_size) {
        return false;
    }
    noh_any_value value = {.key = key};
    if (!read_value(kind, (noh_bytes){key + key_size + 1, value_size}, &value)) {
        return false;
    }
    *ret_value = value;
    *cursor += HEADER_SIZE + key_size + 1 + value_size;
    return true;
}

static noh_err put(noh_map *map, const char *key, noh_any_kind kind, noh_bytes value)
{
    size_t key_size = key == NULL ? 0 : strlen(key);
    if (key_size == 0 || key_size > KEY_SIZE_MAX || (value.data == NULL && value.size > 0)) {
        return NOH_E_INVAL;
    }
    size_t before_value = HEADER_SIZE + key_size + 1;
    size_t left = map->capacity - map->size;
    if (value.size > UINT32_MAX || left < before_value || left - before_value < value.size) {
        return NOH_E_FULL; // ANY-2
    }
    char *entry = map->data + map->size;
    write_number(entry, (uint64_t)kind, 1);
    write_number(entry + 1, key_size, 1);
    write_number(entry + 2, value.size, 4);
    memcpy(entry + HEADER_SIZE, key, key_size + 1);
    if (value.size > 0) {
        memcpy(entry + before_value, value.data, value.size);
    }
    map->size += before_value + value.size;
    return NOH_OK;
}

static void write_number(char *to, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        to[i] = (char)(unsigned char)(number >> (8 * i));
    }
}

static uint64_t read_number(const char *from, size_t size)
{
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++) {
        number |= (uint64_t)(unsigned char)from[i] << (8 * i);
    }
    return number;
}

/* False when the bytes cannot be a value of that kind. */
static bool read_value(noh_any_kind kind, noh_bytes bytes, noh_any_value *ret_value)
{
    const char *data = bytes.data;
    ret_value->kind = kind;
    switch (kind) {
    case NOH_ANY_BOOL:
        ret_value->as.boolean = bytes.size == 1 && data[0] != 0;
        return bytes.size == 1;
    case NOH_ANY_INT:
    case NOH_ANY_DOUBLE:
    case NOH_ANY_REF:
        if (bytes.size != 8) {
            return false;
        }
        // The three have the same size and the same place in the union.
        uint64_t bits = read_number(data, 8);
        memcpy(&ret_value->as, &bits, sizeof bits);
        return true;
    case NOH_ANY_TEXT:
        ret_value->as.text = data;
        return bytes.size > 0 && data[bytes.size - 1] == 0;
    case NOH_ANY_BYTES:
        ret_value->as.bytes = bytes;
        return true;
    case NOH_ANY_MAP:
        ret_value->as.map = (noh_any){data, bytes.size};
        return true;
    }
    return false;
}
