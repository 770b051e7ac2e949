/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: one descriptor is enough to print, compare, measure, copy and release a message.
 * Method: messages with every kind and shape; copies go into a block of exactly the measured size,
 * the source is then overwritten, and the copy must print as the source did. */
#include "test.h"
#include "type.h"

#include <noh/any.h>

#include <math.h>

NOH_MESSAGE(nothing_at_all);
NOH_MESSAGE(add, (int32_t, a), (int32_t, b));
NOH_ENUM(color, RED, GREEN, BLUE);
NOH_MESSAGE(point, (double, x), (double, y));
NOH_MESSAGE(label, (noh_text, text), (struct, point, at));
NOH_MESSAGE(numbers, (bool, yes), (int8_t, i8), (int16_t, i16), (int32_t, i32), (int64_t, i64),
            (uint8_t, u8), (uint16_t, u16), (uint32_t, u32), (uint64_t, u64), (float, f32),
            (double, f64));
NOH_MESSAGE(shapes, (enum, color, ink), (array, int16_t, three, 3), (list, uint8_t, many),
            (array, struct, point, corners, 2), (list, struct, label, labels));
NOH_MESSAGE(texts, (noh_text, one), (noh_bytes, bytes), (noh_any, any), (noh_ref, ref),
            (list, noh_text, list), (array, noh_text, array, 2));
NOH_MESSAGE(real, (double, value));
NOH_MESSAGE(single, (float, value));
NOH_MESSAGE(refs, (noh_ref, a), (noh_ref, b), (noh_ref, c));
NOH_MESSAGE(parcel, (noh_box, box), (noh_text, note));
NOH_MESSAGE(cargo, (int32_t, id), (struct, parcel, first), (array, struct, parcel, two, 2),
            (list, struct, parcel, more), (list, noh_box, boxes), (noh_shared_ptr, shared),
            (struct, point, at));
NOH_MESSAGE(payload, (noh_bytes, bytes));
NOH_MESSAGE(table, (list, struct, point, rows));

/* The same messages twice: in one piece, and as a library does it, apart. */
NOH_MESSAGE(whole, (noh_text, name), (struct, point, at), (noh_box, box));
NOH_MESSAGE(whole_bare);
NOH_REQUEST(whole_get, whole, (enum, color, ink));
NOH_REQUEST(whole_get_bare, whole);
NOH_DECLARE_MESSAGE(NOH_API, parted, (noh_text, name), (struct, point, at), (noh_box, box));
NOH_DECLARE_MESSAGE(NOH_API, parted_bare);
NOH_DECLARE_REQUEST(NOH_API, whole, parted_get, (enum, color, ink));
NOH_DECLARE_REQUEST(NOH_API, whole, parted_get_bare);
NOH_DEFINE_MESSAGE(parted, (noh_text, name), (struct, point, at), (noh_box, box));
NOH_DEFINE_MESSAGE(parted_bare);
NOH_DEFINE_REQUEST(whole, parted_get, (enum, color, ink));
NOH_DEFINE_REQUEST(whole, parted_get_bare);

#define CHECK_PRINT(T, expected, ...) \
    do { \
        char print_buf[512]; \
        size_t print_len = \
            noh_message_print(NOH_TYPE(T), &(T){__VA_ARGS__}, print_buf, sizeof print_buf); \
        CHECK_TEXT(print_buf, expected); \
        CHECK_EQ(print_len, strlen(expected)); \
    } while (0)

/* ---- printing ----------------------------------------------------------------------------- */

static void numbers_print_plainly(void)
{
    CHECK_PRINT(nothing_at_all, "nothing_at_all{}", 0);
    CHECK_PRINT(add, "add{a: 1, b: 3}", .a = 1, .b = 3);
    CHECK_PRINT(numbers,
                "numbers{yes: true, i8: -128, i16: -32768, i32: -2147483648, "
                "i64: -9223372036854775808, u8: 255, u16: 65535, u32: 4294967295, "
                "u64: 18446744073709551615, f32: 0.1, f64: 0.1}",
                true, INT8_MIN, INT16_MIN, INT32_MIN, INT64_MIN, UINT8_MAX, UINT16_MAX, UINT32_MAX,
                UINT64_MAX, 0.1F, 0.1);
}

static void floating_point_prints_shortest_that_reads_back(void)
{
    CHECK_PRINT(real, "real{value: 0.3}", 0.3);
    CHECK_PRINT(real, "real{value: 0.30000000000000004}", 0.1 + 0.2);
    CHECK_PRINT(real, "real{value: 1e+100}", 1e100);
    CHECK_PRINT(real, "real{value: inf}", INFINITY);
    CHECK_PRINT(real, "real{value: -inf}", -INFINITY);
    CHECK_PRINT(real, "real{value: nan}", -NAN);
    CHECK_PRINT(single, "single{value: 16777216}", 16777216.0F);
    uint64_t chance = test_seed("test_type", 1);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = test_random(&chance);
        real message;
        memcpy(&message.value, &bits, sizeof bits);
        if (!isfinite(message.value)) {
            continue;
        }
        char buf[64];
        noh_message_print(NOH_TYPE(real), &message, buf, sizeof buf);
        CHECK(strtod(buf + strlen("real{value: "), NULL) == message.value);
    }
}

static void text_is_escaped_and_the_absent_is_none(void)
{
    char room[200];
    noh_map map;
    noh_map inner;
    char inner_room[64];
    noh_map_init(&inner, inner_room, sizeof inner_room);
    noh_map_put_bool(&inner, "b", true);
    noh_map_init(&map, room, sizeof room);
    noh_map_put_text(&map, "a key", "v");
    noh_map_put_map(&map, "inner", noh_map_any(&inner));
    noh_map_put_bytes(&map, "raw", "x", 1);
    noh_text list[] = {"p", NULL};
    CHECK_PRINT(texts,
                "texts{one: \"a \\\"b\\\" \\\\ \\n\\t\\x1b \u00e9\", bytes: 3 bytes, "
                "any: {\"a key\": \"v\", inner: {b: true}, raw: 1 byte}, ref: <none>, "
                "list: [\"p\", none], array: [\"q\", none]}",
                .one = "a \"b\" \\ \n\t\x1b \u00e9", .bytes = {"abc", 3}, .any = noh_map_any(&map),
                .list = {list, 2}, .array = {"q"});
}

static void refs_print_their_parts(void)
{
    CHECK_PRINT(refs, "refs{a: <5.1>, b: <0.134217727>, c: <134217727.0.1023>}",
                {5 | UINT64_C(1) << 27}, {((UINT64_C(1) << 27) - 1) << 27},
                {((UINT64_C(1) << 27) - 1) | UINT64_C(1023) << 54});
}

static void shapes_print_as_lists(void)
{
    uint8_t many[] = {1, 2};
    label labels[] = {{"one", {1, 2}}, {NULL, {0.5, -1}}};
    CHECK_PRINT(shapes,
                "shapes{ink: BLUE, three: [1, -2, 3], many: [1, 2], "
                "corners: [point{x: 1, y: 2}, point{x: 0, y: 0}], "
                "labels: [label{text: \"one\", at: point{x: 1, y: 2}}, "
                "label{text: none, at: point{x: 0.5, y: -1}}]}",
                BLUE, {1, -2, 3}, {many, 2}, {{1, 2}}, {labels, 2});
    CHECK_PRINT(shapes,
                "shapes{ink: 77, three: [0, 0, 0], many: [], "
                "corners: [point{x: 0, y: 0}, point{x: 0, y: 0}], labels: []}",
                .ink = (color)77);
}

static void owned_parts_print_their_size(void)
{
    noh_shared shared = {"x", 9};
    noh_box boxes[] = {{NULL, 4, NULL}};
    CHECK_PRINT(cargo,
                "cargo{id: 1, first: parcel{box: box(0), note: none}, "
                "two: [parcel{box: box(0), note: none}, parcel{box: box(0), note: none}], "
                "more: [], boxes: [box(4)], shared: shared(9), at: point{x: 0, y: 0}}",
                .id = 1, .boxes = {boxes, 1}, .shared = &shared);
}

static void a_short_buffer_gets_the_beginning(void)
{
    static const char whole[] = "add{a: 1, b: 3}";
    add message = {1, 3};
    CHECK_EQ(noh_message_print(NOH_TYPE(add), &message, NULL, 0), strlen(whole));
    for (size_t size = 1; size < sizeof whole + 3; size++) {
        char buf[32];
        memset(buf, '#', sizeof buf);
        CHECK_EQ(noh_message_print(NOH_TYPE(add), &message, buf, size), strlen(whole));
        size_t len = size - 1 < strlen(whole) ? size - 1 : strlen(whole);
        CHECK_EQ(strlen(buf), len);
        CHECK_EQ(strncmp(buf, whole, len), 0);
        CHECK_EQ(buf[size], '#');
    }
}

/* A map in a map in a map …: the printer must not follow it to the end of the stack. */
static void deeply_nested_maps_are_cut(void)
{
    enum { DEPTH = 20000 };
    size_t capacity = DEPTH * 8 + 64;
    char *room = malloc(capacity);
    char *buf = malloc(capacity);
    CHECK(room != NULL && buf != NULL);
    // From the inside out, each map at the end of the one around it: 6 of head, "k", 0.
    for (size_t i = 0; i < DEPTH; i++) {
        size_t value_size = (DEPTH - 1 - i) * 8;
        char head[8] = {
            NOH_ANY_MAP, 1, (char)value_size, (char)(value_size >> 8), (char)(value_size >> 16), 0,
            'k',         0};
        memcpy(room + i * 8, head, 8);
    }
    noh_any_value value;
    size_t cursor = 0;
    CHECK(noh_any_next((noh_any){room, DEPTH * 8}, &cursor, &value));
    CHECK_EQ(value.as.map.size, (DEPTH - 1) * 8);
    texts message = {.any = {room, DEPTH * 8}};
    noh_message_print(NOH_TYPE(texts), &message, buf, capacity);
    CHECK(strstr(buf, "{...}") != NULL);
    CHECK(strlen(buf) < 500);
    free(room);
    free(buf);
}

/* ---- comparing ---------------------------------------------------------------------------- */

static bool is_equal(const noh_type *type, const void *a, const void *b)
{
    bool equal = noh_message_equal(type, a, b);
    CHECK_EQ(noh_message_equal(type, b, a), equal);
    return equal;
}

static void messages_compare_by_content(void)
{
    char hello[] = "hello";
    noh_text list_a[] = {"x", NULL};
    noh_text list_b[] = {"x", NULL};
    texts a = {"hello", {"12", 2}, {"34", 2}, {7}, {list_a, 2}, {"p", "q"}};
    texts b = {hello, {"12", 2}, {"34", 2}, {7}, {list_b, 2}, {"p", "q"}};
    const noh_type *type = NOH_TYPE(texts);
    CHECK(is_equal(type, &a, &b));
    hello[0] = 'H';
    CHECK(!is_equal(type, &a, &b));
    hello[0] = 'h';
    b.bytes = (noh_bytes){"13", 2};
    CHECK(!is_equal(type, &a, &b));
    b.bytes = (noh_bytes){"12", 1};
    CHECK(!is_equal(type, &a, &b));
    b = a;
    b.any.data = "35";
    CHECK(!is_equal(type, &a, &b));
    b = a;
    b.ref.bits = 8;
    CHECK(!is_equal(type, &a, &b));
    b = a;
    b.list.items = list_b;
    list_b[1] = "y";
    CHECK(!is_equal(type, &a, &b));
    b.list.count = 1;
    CHECK(!is_equal(type, &a, &b));
    b = a;
    b.array[1] = NULL;
    CHECK(!is_equal(type, &a, &b));
}

static void padding_and_zero_signs_do_not_count(void)
{
    label a;
    label b;
    memset(&a, 0x11, sizeof a);
    memset(&b, 0x22, sizeof b);
    a.text = b.text = NULL;
    a.at = (point){0.0, 1};
    b.at = (point){-0.0, 1};
    CHECK(is_equal(NOH_TYPE(label), &a, &b));
    a.at.x = b.at.x = NAN;
    CHECK(!is_equal(NOH_TYPE(label), &a, &b));
    nothing_at_all none_a = {1};
    nothing_at_all none_b = {2};
    CHECK(is_equal(NOH_TYPE(nothing_at_all), &none_a, &none_b));
}

static void boxes_and_shared_compare_by_identity(void)
{
    int one = 5;
    int two = 5;
    noh_shared shared_a = {&one, 4};
    noh_shared shared_b = {&one, 4};
    cargo a = {.first = {{&one, 4, NULL}, NULL}, .shared = &shared_a};
    cargo b = a;
    CHECK(is_equal(NOH_TYPE(cargo), &a, &b));
    b.first.box.data = &two;
    CHECK(!is_equal(NOH_TYPE(cargo), &a, &b));
    b = a;
    b.shared = &shared_b;
    CHECK(!is_equal(NOH_TYPE(cargo), &a, &b));
}

static void the_same_declaration_twice_is_the_same_type(void)
{
    const noh_type *type = NOH_TYPE(shapes);
    noh_field fields[8];
    CHECK(type->field_count <= NOHI_COUNT(fields));
    memcpy(fields, type->fields, type->field_count * sizeof *fields);
    noh_type inner = *NOH_TYPE(label);
    noh_enum choices = *fields[0].choices;
    noh_type twin = *type;
    twin.fields = fields;
    fields[0].choices = &choices;
    fields[4].type = &inner;
    CHECK(noh_type_equal(type, &twin) && noh_type_equal(&twin, type));
    CHECK(noh_as(shapes, &twin, &twin) != NULL);

    inner.name = "other";
    CHECK(!noh_type_equal(type, &twin));
    inner.name = "label";
    choices.count--;
    CHECK(!noh_type_equal(type, &twin));
    choices.count++;
    fields[1].count = 4;
    CHECK(!noh_type_equal(type, &twin));
    fields[1].count = 3;
    fields[2].kind = NOH_KIND_I8;
    CHECK(!noh_type_equal(type, &twin));
    fields[2] = type->fields[2];
    twin.size++;
    CHECK(!noh_type_equal(type, &twin));
    twin.size--;
    twin.name = "shape";
    CHECK(!noh_type_equal(type, &twin));
    CHECK(!noh_type_equal(NOH_TYPE(add), NOH_TYPE(point)));
    CHECK(!noh_type_equal(NULL, type) && !noh_type_equal(type, NULL));
}

static void check_same_but_for_the_name(const noh_type *type, const noh_type *other)
{
    noh_type twin = *other;
    twin.name = type->name;
    CHECK(noh_type_equal(type, &twin));
    CHECK_EQ(type->needs, other->needs);
    CHECK(type->answer == other->answer);
    for (size_t i = 0; i < type->field_count; i++) {
        CHECK_TEXT(type->fields[i].name, other->fields[i].name);
        CHECK_EQ(type->fields[i].offset, other->fields[i].offset);
    }
}

static void declared_and_defined_apart_is_the_same(void)
{
    check_same_but_for_the_name(NOH_TYPE(parted), NOH_TYPE(whole));
    check_same_but_for_the_name(NOH_TYPE(parted_bare), NOH_TYPE(whole_bare));
    check_same_but_for_the_name(NOH_TYPE(parted_get), NOH_TYPE(whole_get));
    check_same_but_for_the_name(NOH_TYPE(parted_get_bare), NOH_TYPE(whole_get_bare));
    CHECK_TEXT(NOH_TYPE(parted_get)->name, "parted_get");
    CHECK(NOH_TYPE(parted)->answer == NULL);
    CHECK(NOH_TYPE(parted_get)->answer == NOH_TYPE(whole));
    whole answer; // what a call of either request stores
    noh_answer_of_parted_get *stored = &answer;
    CHECK(NOH_CHECKED(noh_answer_of_parted_get_bare, stored) == &answer);
}

/* ---- copying ------------------------------------------------------------------------------ */

static size_t extra_of(const noh_type *type, const void *message)
{
    size_t extra = SIZE_MAX;
    CHECK_EQ(nohi_type_extra(type, message, &extra), NOH_OK);
    return extra;
}

static noh_err refusal_of(const noh_type *type, const void *message)
{
    size_t extra = 7;
    noh_err err = nohi_type_extra(type, message, &extra);
    CHECK_EQ(extra, 7);
    return err;
}

static void plain_messages_need_nothing_extra(void)
{
    CHECK_EQ(extra_of(NOH_TYPE(numbers), &(numbers){.i8 = 1}), 0);
    CHECK_EQ(extra_of(NOH_TYPE(nothing_at_all), &(nothing_at_all){0}), 0);
    CHECK_EQ(extra_of(NOH_TYPE(texts), &(texts){.one = NULL}), 0);
    CHECK_EQ(extra_of(NOH_TYPE(parcel), &(parcel){.box = {NULL, 5, NULL}}), 0);
}

static void extra_counts_each_piece_aligned(void)
{
    CHECK_EQ(extra_of(NOH_TYPE(texts), &(texts){.one = ""}), 8);
    CHECK_EQ(extra_of(NOH_TYPE(texts), &(texts){.one = "1234567"}), 8);
    CHECK_EQ(extra_of(NOH_TYPE(texts), &(texts){.one = "12345678"}), 16);
    CHECK_EQ(extra_of(NOH_TYPE(texts), &(texts){.bytes = {"123456789", 9}}), 16);
    noh_text list[] = {"a"};
    // "x" at 0, the list at 16, "a" at 24
    CHECK_EQ(extra_of(NOH_TYPE(texts), &(texts){.one = "x", .list = {list, 1}}), 32);
}

static void broken_and_giant_messages_are_refused(void)
{
    size_t gib = (size_t)1 << 30;
    point rows[1];
    CHECK_EQ(refusal_of(NOH_TYPE(payload), &(payload){{NULL, 1}}), NOH_E_INVAL);
    CHECK_EQ(refusal_of(NOH_TYPE(texts), &(texts){.any = {NULL, 1}}), NOH_E_INVAL);
    CHECK_EQ(refusal_of(NOH_TYPE(table), &(table){{NULL, 1}}), NOH_E_INVAL);
    CHECK_EQ(extra_of(NOH_TYPE(payload), &(payload){{rows, gib}}), gib); // never read
    CHECK_EQ(refusal_of(NOH_TYPE(payload), &(payload){{rows, gib + 1}}), NOH_E_TOO_BIG);
    CHECK_EQ(refusal_of(NOH_TYPE(payload), &(payload){{rows, SIZE_MAX}}), NOH_E_TOO_BIG);
    CHECK_EQ(extra_of(NOH_TYPE(table), &(table){{rows, gib / 16}}), gib);
    CHECK_EQ(refusal_of(NOH_TYPE(table), &(table){{rows, gib / 16 + 1}}), NOH_E_TOO_BIG);
    CHECK_EQ(refusal_of(NOH_TYPE(table), &(table){{rows, SIZE_MAX / 16 + 2}}), NOH_E_TOO_BIG);
    CHECK_EQ(refusal_of(NOH_TYPE(table), &(table){{rows, SIZE_MAX}}), NOH_E_TOO_BIG);
    texts both = {.bytes = {rows, gib}, .any = {rows, 1}};
    CHECK_EQ(refusal_of(NOH_TYPE(texts), &both), NOH_E_TOO_BIG);
}

/* Copies into blocks of exactly the measured sizes. */
static void *copy_exactly(const noh_type *type, const void *src, void **ret_room)
{
    size_t extra = extra_of(type, src);
    void *dst = malloc(type->size);
    *ret_room = malloc(extra == 0 ? 1 : extra);
    CHECK(dst != NULL && *ret_room != NULL);
    nohi_type_copy(type, dst, src, *ret_room);
    CHECK(noh_message_equal(type, dst, src));
    CHECK_EQ(extra_of(type, dst), extra);
    return dst;
}

static void a_copy_outlives_its_source(void)
{
    char one[] = "one";
    char item[] = "an item of the list";
    char bytes[] = {1, 2, 3};
    noh_text list[] = {item, NULL, item};
    texts source = {.one = one, .bytes = {bytes, 3}, .list = {list, 3}, .array = {NULL, one}};
    void *room;
    texts *copy = copy_exactly(NOH_TYPE(texts), &source, &room);
    memset(one, '#', sizeof one - 1);
    memset(item, '#', sizeof item - 1);
    memset(bytes, 9, sizeof bytes);
    memset(list, 0, sizeof list);
    memset(&source, 0, sizeof source);
    CHECK_TEXT(copy->one, "one");
    CHECK_EQ(copy->bytes.size, 3);
    CHECK_EQ(memcmp(copy->bytes.data, "\1\2\3", 3), 0);
    CHECK_EQ(copy->list.count, 3);
    CHECK_EQ((uintptr_t)copy->list.items % 16, 0);
    CHECK_TEXT(copy->list.items[0], "an item of the list");
    CHECK(copy->list.items[1] == NULL);
    CHECK_TEXT(copy->list.items[2], "an item of the list");
    CHECK(copy->array[0] == NULL);
    CHECK_TEXT(copy->array[1], "one");
    CHECK(copy->any.data == NULL);
    free(copy);
    free(room);
}

static void nothing_counted_points_nowhere_in_the_copy(void)
{
    char stack[4] = "";
    texts source = {
        .bytes = {stack, 0}, .any = {stack, 0}, .list = {(noh_text *)(void *)&stack, 0}};
    void *room;
    texts *copy = copy_exactly(NOH_TYPE(texts), &source, &room);
    CHECK(copy->bytes.data == NULL && copy->any.data == NULL && copy->list.items == NULL);
    free(copy);
    free(room);
}

static noh_text random_text(uint64_t *chance, char *pool)
{
    // Suffixes of one text: all lengths from 0 to 40, and none.
    return test_below(chance, 5) == 0 ? NULL : pool + test_below(chance, 41);
}

static void random_nested_messages_copy_exactly(void)
{
    uint64_t chance = test_seed("test_type", 2);
    char pool[] = "a text of forty letters, cut where it is";
    CHECK_EQ(strlen(pool), 40);
    for (int round = 0; round < 5000; round++) {
        label labels[5];
        uint8_t many[20] = {1, 2, 3};
        for (size_t i = 0; i < NOHI_COUNT(labels); i++) {
            labels[i] = (label){random_text(&chance, pool), {(double)i, 1}};
        }
        shapes source = {.ink = GREEN,
                         .many = {many, test_below(&chance, 21)},
                         .labels = {labels, test_below(&chance, 6)}};
        char before[2048];
        char after[2048];
        noh_message_print(NOH_TYPE(shapes), &source, before, sizeof before);
        void *room;
        shapes *copy = copy_exactly(NOH_TYPE(shapes), &source, &room);
        memset(labels, 0xee, sizeof labels);
        memset(many, 0xee, sizeof many);
        noh_message_print(NOH_TYPE(shapes), copy, after, sizeof after);
        CHECK_TEXT(after, before);
        free(copy);
        free(room);
    }
}

/* ---- owned parts -------------------------------------------------------------------------- */

typedef struct visits {
    size_t count;
    int sum; /* of the first byte of each payload */
    int shared;
} visits;

static void note_visit(void *ctx, const noh_field *field, void *at)
{
    visits *seen = ctx;
    seen->count++;
    if (field->kind == NOH_KIND_BOX) {
        noh_box *box = at;
        seen->sum += box->data == NULL ? 0 : *(char *)box->data;
        box->drop = NULL; // `at` may be written
    } else {
        CHECK_EQ(field->kind, NOH_KIND_SHARED);
        seen->shared += *(noh_shared_ptr *)at != NULL ? 1 : 0;
    }
}

static void every_owned_part_is_visited_once(void)
{
    char payload_bytes[] = {1, 2, 4, 8, 16, 32, 64};
    noh_shared shared = {payload_bytes, 1};
    parcel more[2] = {{{payload_bytes + 3, 1, NULL}, "a"}, {{payload_bytes + 4, 1, NULL}, "b"}};
    noh_box boxes[2] = {{payload_bytes + 5, 1, NULL}, {payload_bytes + 6, 1, NULL}};
    cargo source = {
        .id = 7,
        .first = {{payload_bytes, 1, NULL}, "n"},
        .two = {{{payload_bytes + 1, 1, NULL}, NULL}, {{payload_bytes + 2, 1, NULL}, NULL}},
        .more = {more, 2},
        .boxes = {boxes, 2},
        .shared = &shared};
    visits seen = {0};
    void *room;
    cargo *copy = copy_exactly(NOH_TYPE(cargo), &source, &room);
    nohi_type_owned(NOH_TYPE(cargo), copy, note_visit, &seen);
    CHECK_EQ(seen.count, 8);
    CHECK_EQ(seen.sum, 127);
    CHECK_EQ(seen.shared, 1);
    CHECK(copy->first.box.data == payload_bytes); // moved, not copied
    CHECK(copy->shared == &shared);
    free(copy);
    free(room);
}

static void messages_without_owned_parts_are_not_walked(void)
{
    visits seen = {0};
    nohi_type_owned(NOH_TYPE(texts), NULL, note_visit, &seen); // would crash if it were
    nohi_type_owned(NOH_TYPE(add), NULL, note_visit, &seen);
    CHECK_EQ(seen.count, 0);
    CHECK_EQ(NOH_TYPE(add)->needs, 0);
    CHECK_EQ(NOH_TYPE(shapes)->needs, NOH_NEEDS_COPY);
    CHECK_EQ(NOH_TYPE(cargo)->needs, NOH_NEEDS_COPY | NOH_NEEDS_RELEASE);
}

static const test_case cases[] = {
    TEST(numbers_print_plainly),
    TEST(floating_point_prints_shortest_that_reads_back),
    TEST(text_is_escaped_and_the_absent_is_none),
    TEST(refs_print_their_parts),
    TEST(shapes_print_as_lists),
    TEST(owned_parts_print_their_size),
    TEST(a_short_buffer_gets_the_beginning),
    TEST(deeply_nested_maps_are_cut),
    TEST(messages_compare_by_content),
    TEST(padding_and_zero_signs_do_not_count),
    TEST(boxes_and_shared_compare_by_identity),
    TEST(the_same_declaration_twice_is_the_same_type),
    TEST(declared_and_defined_apart_is_the_same),
    TEST(plain_messages_need_nothing_extra),
    TEST(extra_counts_each_piece_aligned),
    TEST(broken_and_giant_messages_are_refused),
    TEST(a_copy_outlives_its_source),
    TEST(nothing_counted_points_nowhere_in_the_copy),
    TEST(random_nested_messages_copy_exactly),
    TEST(every_owned_part_is_visited_once),
    TEST(messages_without_owned_parts_are_not_walked),
};
TEST_MAIN(cases)
