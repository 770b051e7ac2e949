/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: what was put is found, and hostile bytes are never believed.
 * Method: hostile bytes lie in a block of exactly their size, so that AddressSanitizer sees one
 * byte too many; without it the test still proves that every walk ends inside. */
#include "base.h"
#include "test.h"

#include <noh/any.h>

static void what_was_put_is_found(void)
{
    char room[512];
    noh_map map;
    noh_map_init(&map, room + 1, sizeof room - 1); // an odd address: nothing needs alignment
    char inner_room[64];
    noh_map inner;
    noh_map_init(&inner, inner_room, sizeof inner_room);
    CHECK_OK(noh_map_put_int(&inner, "x", 7));
    CHECK_OK(noh_map_put_bool(&map, "yes", true));
    CHECK_OK(noh_map_put_bool(&map, "no", false));
    CHECK_OK(noh_map_put_int(&map, "least", INT64_MIN));
    CHECK_OK(noh_map_put_double(&map, "pi", 3.25));
    CHECK_OK(noh_map_put_text(&map, "name", "Ann"));
    CHECK_OK(noh_map_put_text(&map, "nothing", ""));
    CHECK_OK(noh_map_put_bytes(&map, "bytes", "a\0b", 3));
    CHECK_OK(noh_map_put_bytes(&map, "no bytes", NULL, 0));
    CHECK_OK(noh_map_put_ref(&map, "ref", (noh_ref){UINT64_C(0x123456789abcdef0)}));
    CHECK_OK(noh_map_put_map(&map, "inner", noh_map_any(&inner)));

    noh_any any = noh_map_any(&map);
    noh_any_value value;
    CHECK_OK(noh_any_get(any, "yes", &value));
    CHECK_EQ(value.kind, NOH_ANY_BOOL);
    CHECK(value.as.boolean);
    CHECK_OK(noh_any_get(any, "no", &value));
    CHECK(!value.as.boolean);
    CHECK_OK(noh_any_get(any, "least", &value));
    CHECK_EQ(value.kind, NOH_ANY_INT);
    CHECK(value.as.integer == INT64_MIN);
    CHECK_OK(noh_any_get(any, "pi", &value));
    CHECK_EQ(value.kind, NOH_ANY_DOUBLE);
    CHECK(value.as.number == 3.25);
    CHECK_OK(noh_any_get(any, "name", &value));
    CHECK_EQ(value.kind, NOH_ANY_TEXT);
    CHECK_TEXT(value.as.text, "Ann");
    CHECK_TEXT(value.key, "name");
    CHECK_OK(noh_any_get(any, "nothing", &value));
    CHECK_TEXT(value.as.text, "");
    CHECK_OK(noh_any_get(any, "bytes", &value));
    CHECK_EQ(value.as.bytes.size, 3);
    CHECK_EQ(memcmp(value.as.bytes.data, "a\0b", 3), 0);
    CHECK_OK(noh_any_get(any, "no bytes", &value));
    CHECK_EQ(value.as.bytes.size, 0);
    CHECK_OK(noh_any_get(any, "ref", &value));
    CHECK(value.as.ref.bits == UINT64_C(0x123456789abcdef0));
    CHECK_OK(noh_any_get(any, "inner", &value));
    CHECK_EQ(value.kind, NOH_ANY_MAP);
    CHECK_OK(noh_any_get(value.as.map, "x", &value));
    CHECK_EQ(value.as.integer, 7);
    CHECK_ERR(noh_any_get(any, "absent", &value), NOH_E_NOT_FOUND);
    CHECK_EQ(value.as.integer, 7); // written only on success
}

static void a_later_value_shadows_and_a_walk_sees_both(void)
{
    char room[128];
    noh_map map;
    noh_map_init(&map, room, sizeof room);
    CHECK_OK(noh_map_put_int(&map, "a", 1));
    CHECK_OK(noh_map_put_int(&map, "b", 2));
    CHECK_OK(noh_map_put_text(&map, "a", "three"));
    noh_any_value value;
    CHECK_OK(noh_any_get(noh_map_any(&map), "a", &value));
    CHECK_TEXT(value.as.text, "three");
    size_t cursor = 0;
    char keys[8] = "";
    while (noh_any_next(noh_map_any(&map), &cursor, &value)) {
        strcat(keys, value.key);
    }
    CHECK_TEXT(keys, "aba");
    CHECK_EQ(cursor, map.size);
}

static void wrong_arguments_are_refused(void)
{
    char room[1024];
    noh_map map;
    noh_map_init(&map, room, sizeof room);
    char key[257];
    memset(key, 'k', 256);
    key[256] = 0;
    CHECK_ERR(noh_map_put_int(&map, NULL, 1), NOH_E_INVAL);
    CHECK_ERR(noh_map_put_int(&map, "", 1), NOH_E_INVAL);
    CHECK_ERR(noh_map_put_int(&map, key, 1), NOH_E_INVAL);
    CHECK_ERR(noh_map_put_text(&map, "a", NULL), NOH_E_INVAL);
    CHECK_ERR(noh_map_put_bytes(&map, "a", NULL, 1), NOH_E_INVAL);
    CHECK_EQ(map.size, 0);
    CHECK_OK(noh_map_put_int(&map, key + 1, 1)); // 255
    noh_any_value value;
    CHECK_OK(noh_any_get(noh_map_any(&map), key + 1, &value));
    CHECK_ERR(noh_any_get(noh_map_any(&map), NULL, &value), NOH_E_INVAL);
    CHECK_ERR(noh_any_get((noh_any){NULL, 5}, "a", &value), NOH_E_INVAL);
    CHECK_ERR(noh_any_get((noh_any){NULL, 0}, "a", &value), NOH_E_NOT_FOUND);
    CHECK_ERR(noh_any_get((noh_any){"rubbish", 7}, "a", &value), NOH_E_INVAL);
    size_t cursor = SIZE_MAX;
    CHECK(!noh_any_next(noh_map_any(&map), &cursor, &value));
}

static void a_full_map_stays_as_it_was(void)
{
    char whole[64];
    noh_map map;
    noh_map_init(&map, whole, sizeof whole);
    CHECK_OK(noh_map_put_text(&map, "key", "some text"));
    size_t needed = map.size;
    for (size_t capacity = 0; capacity < needed; capacity++) {
        char room[64];
        memset(room, 0x77, sizeof room);
        noh_map_init(&map, room, capacity);
        CHECK_ERR(noh_map_put_text(&map, "key", "some text"), NOH_E_FULL);
        CHECK_EQ(map.size, 0);
        for (size_t i = 0; i < sizeof room; i++) {
            CHECK_EQ(room[i], 0x77);
        }
    }
    noh_map_init(&map, whole, needed);
    CHECK_OK(noh_map_put_text(&map, "key", "some text"));
    CHECK_ERR(noh_map_put_bool(&map, "k", true), NOH_E_FULL);
    noh_map_init(&map, NULL, 100);
    CHECK_ERR(noh_map_put_bool(&map, "k", true), NOH_E_FULL);
}

/* ---- hostile bytes ------------------------------------------------------------------------ */

/* Reads all that a walk gives, as a user would. The sum keeps the reads from being left out. */
static unsigned read_all(noh_any any, unsigned depth)
{
    unsigned sum = 0;
    size_t cursor = 0;
    size_t before = 0;
    noh_any_value value;
    while (noh_any_next(any, &cursor, &value)) {
        CHECK(cursor > before && cursor <= any.size);
        before = cursor;
        sum += (unsigned)strlen(value.key);
        if (value.kind == NOH_ANY_TEXT) {
            sum += (unsigned)strlen(value.as.text);
        } else if (value.kind == NOH_ANY_BYTES && value.as.bytes.size > 0) {
            sum += ((const unsigned char *)value.as.bytes.data)[value.as.bytes.size - 1];
        } else if (value.kind == NOH_ANY_MAP && depth < 8) {
            sum += read_all(value.as.map, depth + 1);
        }
    }
    return sum;
}

static void use_hostile(const void *bytes, size_t size)
{
    void *exact = malloc(size == 0 ? 1 : size);
    CHECK(exact != NULL);
    if (size > 0) {
        memcpy(exact, bytes, size);
    }
    noh_any_value value;
    read_all((noh_any){exact, size}, 0);
    noh_err err = noh_any_get((noh_any){exact, size}, "a", &value);
    CHECK(err == NOH_OK || err == NOH_E_NOT_FOUND || err == NOH_E_INVAL);
    free(exact);
}

static size_t an_honest_map(char *room, size_t capacity)
{
    noh_map map;
    noh_map inner;
    char inner_room[64];
    noh_map_init(&inner, inner_room, sizeof inner_room);
    noh_map_put_text(&inner, "t", "inner");
    noh_map_init(&map, room, capacity);
    noh_map_put_int(&map, "a", 5);
    noh_map_put_text(&map, "text", "some text");
    noh_map_put_map(&map, "map", noh_map_any(&inner));
    noh_map_put_bytes(&map, "bytes", "12345", 5);
    noh_map_put_bool(&map, "a", true);
    return map.size;
}

static void every_cut_and_every_changed_byte_is_survived(void)
{
    char honest[256];
    size_t size = an_honest_map(honest, sizeof honest);
    for (size_t cut = 0; cut < size; cut++) {
        use_hostile(honest, cut);
    }
    for (size_t i = 0; i < size; i++) {
        for (int byte = 0; byte < 256; byte++) {
            char changed[256];
            memcpy(changed, honest, size);
            changed[i] = (char)byte;
            use_hostile(changed, size);
        }
    }
}

static void random_bytes_are_survived(void)
{
    uint64_t chance = test_seed("test_any", 1);
    char honest[256];
    size_t honest_size = an_honest_map(honest, sizeof honest);
    for (int round = 0; round < 100000; round++) {
        unsigned char bytes[256];
        size_t size = test_below(&chance, honest_size + 1);
        memcpy(bytes, honest, size);
        // Small numbers are likelier to pass as kinds and sizes.
        for (uint64_t n = 1 + test_below(&chance, 8); size > 0 && n > 0; n--) {
            bytes[test_below(&chance, size)] =
                (unsigned char)(test_random(&chance) >> (56 + test_below(&chance, 8)));
        }
        use_hostile(bytes, size);
    }
}

static void bytes_with_a_false_end_are_refused(void)
{
    noh_any_value value;
    size_t cursor = 0;
    // kind text, key "a", three bytes of value without a final 0
    static const char text[] = {4, 1, 3, 0, 0, 0, 'a', 0, 'x', 'y', 'z'};
    CHECK(!noh_any_next((noh_any){text, sizeof text}, &cursor, &value));
    // a key with a 0 inside, which would be found under another name
    static const char key[] = {1, 2, 1, 0, 0, 0, 'a', 0, 0, 1};
    CHECK(!noh_any_next((noh_any){key, sizeof key}, &cursor, &value));
    // an int of four bytes
    static const char number[] = {2, 1, 4, 0, 0, 0, 'a', 0, 1, 2, 3, 4};
    CHECK(!noh_any_next((noh_any){number, sizeof number}, &cursor, &value));
    // a kind that does not exist
    static const char kind[] = {8, 1, 1, 0, 0, 0, 'a', 0, 1};
    CHECK(!noh_any_next((noh_any){kind, sizeof kind}, &cursor, &value));
    // a value of 4 GiB
    static const char huge[] = {5, 1, -1, -1, -1, -1, 'a', 0, 1};
    CHECK(!noh_any_next((noh_any){huge, sizeof huge}, &cursor, &value));
    CHECK_EQ(cursor, 0);
}

static const test_case cases[] = {
    TEST(what_was_put_is_found),
    TEST(a_later_value_shadows_and_a_walk_sees_both),
    TEST(wrong_arguments_are_refused),
    TEST(a_full_map_stays_as_it_was),
    TEST(every_cut_and_every_changed_byte_is_survived),
    TEST(random_bytes_are_survived),
    TEST(bytes_with_a_false_end_are_refused),
};
TEST_MAIN(cases)
