/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A dynamic map for messages whose fields are known only at run time: keys are text, values are
 * bool, int64, double, text, bytes, ref or another map. It is built in memory you give and read in
 * place; as a field of a message (noh_any) it travels like bytes.
 *
 *     char room[256];
 *     noh_map map;
 *     noh_map_init(&map, room, sizeof room);
 *     noh_map_put_text(&map, "name", "Ann");
 *     noh_map_put_int(&map, "age", 41);
 *     noh_tell(self, to, person, .fields = noh_map_any(&map));
 *
 * None of these functions allocates; any thread, one at a time per map. */
#ifndef NOH_ANY_H
#define NOH_ANY_H

#include "message.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct noh_map {
    char *data;
    size_t size;
    size_t capacity;
} noh_map;

/* An empty map in `capacity` bytes at `room`, which it borrows. */
NOH_API void noh_map_init(noh_map *map, void *room, size_t capacity);

/* Adds a value; copies key and value. A key put before is shadowed by the later value.
 * Errors: INVAL (key NULL, empty or above 255 bytes; text NULL; data NULL with a size above 0), FULL
 * (no room, or a value above 4 GiB; the map is as before). */
NOH_API noh_err noh_map_put_bool(noh_map *map, const char *key, bool value);
NOH_API noh_err noh_map_put_int(noh_map *map, const char *key, int64_t value);
NOH_API noh_err noh_map_put_double(noh_map *map, const char *key, double value);
NOH_API noh_err noh_map_put_text(noh_map *map, const char *key, const char *value);
NOH_API noh_err noh_map_put_bytes(noh_map *map, const char *key, const void *data, size_t size);
NOH_API noh_err noh_map_put_ref(noh_map *map, const char *key, noh_ref value);
NOH_API noh_err noh_map_put_map(noh_map *map, const char *key, noh_any value);

/* The map as a field value; borrowed from the map's room. */
NOH_API noh_any noh_map_any(const noh_map *map);

typedef enum noh_any_kind {
    NOH_ANY_BOOL = 1,
    NOH_ANY_INT,
    NOH_ANY_DOUBLE,
    NOH_ANY_TEXT,
    NOH_ANY_BYTES,
    NOH_ANY_REF,
    NOH_ANY_MAP,
} noh_any_kind;

/* One value; pointers lead into the map. */
typedef struct noh_any_value {
    const char *key;
    noh_any_kind kind;
    union {
        bool boolean;
        int64_t integer;
        double number;
        const char *text;
        noh_bytes bytes;
        noh_ref ref;
        noh_any map;
    } as;
} noh_any_value;

/* The value under `key`. Errors: INVAL, NOT_FOUND. */
NOH_API noh_err noh_any_get(noh_any any, const char *key, noh_any_value *ret_value);

/* Walks all values: start with *cursor = 0; false at the end. Bytes that are no map end the walk. */
NOH_API bool noh_any_next(noh_any any, size_t *cursor, noh_any_value *ret_value);

#ifdef __cplusplus
}
#endif
#endif
