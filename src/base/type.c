/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Type: messages read through their descriptor.
 *
 * Purpose     Printing, comparing, measuring, copying and releasing any message, without a line of
 *             code per message. Each of them walks fields, then the elements of a field.
 * Owner       Descriptors are constant for ever; a message belongs to the caller.
 * Invariants  TYP-1  extra and copy carve the same pieces in the same order, so that a copy fits
 *                    exactly: of each field first the items of a list, then what the elements
 *                    point to.
 *             TYP-2  pieces start at multiples of 8, the items of lists at multiples of 16.
 *             TYP-3  a message without NOH_NEEDS_… is never walked to copy or release it.
 * Why not     one walk with a callback per element for all five: they share the loop and nothing
 *             else, and copying is in the path of every send. */
#include "type.h"

#include <noh/any.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EXTRA_MAX = 1 << 30,
    PIECE_ALIGNMENT = 8,
    LIST_ALIGNMENT = 16,
    ANY_DEPTH_MAX = 16, /* of printing: maps in maps come from the network and are not trusted */
};

/* Where the elements of a field are, be it one, an array or a list. */
static noh_list elements(const noh_field *field, const void *message)
{
    const char *at = (const char *)message + field->offset;
    noh_list list = {at, field->count};
    if (field->shape == NOH_SHAPE_LIST) {
        memcpy(&list, at, sizeof list);
    }
    return list;
}

static const void *element(const noh_field *field, noh_list list, size_t i)
{
    return (const char *)list.items + i * field->size;
}

/* ---- measuring ---------------------------------------------------------------------------- */

static noh_err measure(const noh_type *type, const void *message, size_t *used);

static bool is_plain(const noh_field *field)
{
    return field->kind == NOH_KIND_STRUCT ? (field->type->needs & NOH_NEEDS_COPY) == 0
                                          : field->kind < NOH_KIND_TEXT;
}

/* Adds a piece to *used, which stays at or below EXTRA_MAX. */
static noh_err take(size_t *used, const void *piece, size_t size, size_t alignment)
{
    size_t start = nohi_align_up(*used, alignment);
    if (piece == NULL) {
        return NOH_E_INVAL;
    }
    if (size > EXTRA_MAX) {
        return NOH_E_TOO_BIG;
    }
    *used = start + nohi_align_up(size, PIECE_ALIGNMENT);
    return *used <= EXTRA_MAX ? NOH_OK : NOH_E_TOO_BIG;
}

static noh_err measure_element(const noh_field *field, const void *at, size_t *used)
{
    noh_text text;
    noh_bytes bytes;
    switch (field->kind) {
    case NOH_KIND_TEXT:
        memcpy(&text, at, sizeof text);
        return text == NULL ? NOH_OK : take(used, text, strlen(text) + 1, PIECE_ALIGNMENT);
    case NOH_KIND_BYTES:
    case NOH_KIND_ANY: // the same two members
        memcpy(&bytes, at, sizeof bytes);
        return bytes.size == 0 ? NOH_OK : take(used, bytes.data, bytes.size, PIECE_ALIGNMENT);
    case NOH_KIND_STRUCT:
        return measure(field->type, at, used);
    default:
        return NOH_OK;
    }
}

static noh_err measure_field(const noh_field *field, const void *message, size_t *used)
{
    noh_list list = elements(field, message);
    noh_err err = NOH_OK;
    if (field->shape == NOH_SHAPE_LIST && list.count > 0) {
        size_t size = list.count > EXTRA_MAX / field->size ? SIZE_MAX : list.count * field->size;
        err = take(used, list.items, size, LIST_ALIGNMENT);
    }
    if (err != NOH_OK || is_plain(field)) {
        return err;
    }
    for (size_t i = 0; i < list.count && err == NOH_OK; i++) {
        err = measure_element(field, element(field, list, i), used);
    }
    return err;
}

static noh_err measure(const noh_type *type, const void *message, size_t *used)
{
    noh_err err = NOH_OK;
    if ((type->needs & NOH_NEEDS_COPY) == 0) { // TYP-3
        return NOH_OK;
    }
    for (size_t i = 0; i < type->field_count && err == NOH_OK; i++) {
        err = measure_field(&type->fields[i], message, used);
    }
    return err;
}

noh_err nohi_type_extra(const noh_type *type, const void *message, size_t *ret_size)
{
    size_t used = 0;
    noh_err err = measure(type, message, &used);
    if (err == NOH_OK) {
        *ret_size = used;
    }
    return err;
}

/* ---- copying ------------------------------------------------------------------------------ */

typedef struct pieces {
    char *start;
    size_t used;
} pieces;

static void settle(const noh_type *type, void *message, pieces *room);

/* The twin of take: the same arithmetic, with bytes (TYP-1). */
static const void *carve(pieces *room, const void *from, size_t size, size_t alignment)
{
    char *piece = room->start + nohi_align_up(room->used, alignment);
    memcpy(piece, from, size);
    room->used = (size_t)(piece - room->start) + nohi_align_up(size, PIECE_ALIGNMENT);
    return piece;
}

/* Gives the element at `at`, a plain copy, pieces of its own. */
static void settle_element(const noh_field *field, void *at, pieces *room)
{
    noh_text text;
    noh_bytes bytes;
    switch (field->kind) {
    case NOH_KIND_TEXT:
        memcpy(&text, at, sizeof text);
        if (text != NULL) {
            text = carve(room, text, strlen(text) + 1, PIECE_ALIGNMENT);
            memcpy(at, &text, sizeof text);
        }
        break;
    case NOH_KIND_BYTES:
    case NOH_KIND_ANY:
        memcpy(&bytes, at, sizeof bytes);
        bytes.data = bytes.size == 0 ? NULL // not the sender's pointer, which will not last
                                     : carve(room, bytes.data, bytes.size, PIECE_ALIGNMENT);
        memcpy(at, &bytes, sizeof bytes);
        break;
    case NOH_KIND_STRUCT:
        settle(field->type, at, room);
        break;
    default:
        break;
    }
}

static void settle_field(const noh_field *field, void *message, pieces *room)
{
    noh_list list = elements(field, message);
    if (field->shape == NOH_SHAPE_LIST) {
        list.items = list.count == 0
                         ? NULL
                         : carve(room, list.items, list.count * field->size, LIST_ALIGNMENT);
        memcpy((char *)message + field->offset, &list, sizeof list);
    }
    if (is_plain(field)) {
        return;
    }
    for (size_t i = 0; i < list.count; i++) {
        settle_element(field, (void *)(uintptr_t)element(field, list, i), room);
    }
}

static void settle(const noh_type *type, void *message, pieces *room)
{
    if ((type->needs & NOH_NEEDS_COPY) == 0) {
        return;
    }
    for (size_t i = 0; i < type->field_count; i++) {
        settle_field(&type->fields[i], message, room);
    }
}

void nohi_type_copy(const noh_type *type, void *dst, const void *src, void *room_start)
{
    memcpy(dst, src, type->size);
    pieces room = {room_start, 0};
    settle(type, dst, &room);
}

/* ---- owned parts -------------------------------------------------------------------------- */

static bool owns(const noh_field *field)
{
    return field->kind == NOH_KIND_STRUCT ? (field->type->needs & NOH_NEEDS_RELEASE) != 0
                                          : field->kind >= NOH_KIND_BOX;
}

void nohi_type_owned(const noh_type *type, void *message, nohi_type_visit_fn visit, void *ctx)
{
    if ((type->needs & NOH_NEEDS_RELEASE) == 0) { // TYP-3
        return;
    }
    for (size_t i = 0; i < type->field_count; i++) {
        const noh_field *field = &type->fields[i];
        if (!owns(field)) {
            continue;
        }
        noh_list list = elements(field, message);
        for (size_t k = 0; k < list.count; k++) {
            void *at = (void *)(uintptr_t)element(field, list, k);
            if (field->kind == NOH_KIND_STRUCT) {
                nohi_type_owned(field->type, at, visit, ctx);
            } else {
                visit(ctx, field, at);
            }
        }
    }
}

/* ---- comparing ---------------------------------------------------------------------------- */

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool is_same_enum(const noh_enum *a, const noh_enum *b)
{
    if (a == b) {
        return true;
    }
    if (a == NULL || b == NULL || a->count != b->count || !is_same_text(a->name, b->name)) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (!is_same_text(a->names[i], b->names[i])) {
            return false;
        }
    }
    return true;
}

static bool is_same_field(const noh_field *a, const noh_field *b)
{
    return a->kind == b->kind && a->shape == b->shape && a->offset == b->offset &&
           a->size == b->size && a->count == b->count && is_same_text(a->name, b->name) &&
           (a->kind != NOH_KIND_ENUM || is_same_enum(a->choices, b->choices)) &&
           (a->kind != NOH_KIND_STRUCT || nohi_type_same(a->type, b->type));
}

bool nohi_type_same(const noh_type *a, const noh_type *b)
{
    if (a == b) {
        return true;
    }
    if (a == NULL || b == NULL || a->size != b->size || a->field_count != b->field_count ||
        !is_same_text(a->name, b->name)) {
        return false;
    }
    for (size_t i = 0; i < a->field_count; i++) {
        if (!is_same_field(&a->fields[i], &b->fields[i])) {
            return false;
        }
    }
    return true;
}

bool noh_type_equal(const noh_type *a, const noh_type *b)
{
    return nohi_type_same(a, b);
}

static bool is_equal_bytes(const void *a, const void *b)
{
    noh_bytes one;
    noh_bytes other;
    memcpy(&one, a, sizeof one);
    memcpy(&other, b, sizeof other);
    return one.size == other.size &&
           (one.size == 0 || one.data == other.data || memcmp(one.data, other.data, one.size) == 0);
}

static bool is_equal_element(const noh_field *field, const void *a, const void *b)
{
    switch (field->kind) {
    case NOH_KIND_F32:
        return *(const float *)a == *(const float *)b;
    case NOH_KIND_F64:
        return *(const double *)a == *(const double *)b;
    case NOH_KIND_TEXT:
        return is_same_text(*(const noh_text *)a, *(const noh_text *)b);
    case NOH_KIND_BYTES:
    case NOH_KIND_ANY:
        return is_equal_bytes(a, b);
    case NOH_KIND_BOX:
        return ((const noh_box *)a)->data == ((const noh_box *)b)->data &&
               ((const noh_box *)a)->size == ((const noh_box *)b)->size;
    case NOH_KIND_STRUCT:
        return noh_message_equal(field->type, a, b);
    default:
        return memcmp(a, b, field->size) == 0;
    }
}

bool noh_message_equal(const noh_type *type, const void *a, const void *b)
{
    for (size_t i = 0; i < type->field_count; i++) {
        const noh_field *field = &type->fields[i];
        noh_list one = elements(field, a);
        noh_list other = elements(field, b);
        if (one.count != other.count) {
            return false;
        }
        for (size_t k = 0; k < one.count; k++) {
            if (!is_equal_element(field, element(field, one, k), element(field, other, k))) {
                return false;
            }
        }
    }
    return true;
}

/* ---- printing ----------------------------------------------------------------------------- */

typedef struct writer {
    char *buf;
    size_t size;
    size_t len; /* of the whole line, even where buf ended before */
} writer;

static void put_message(writer *line, const noh_type *type, const void *message);

static void put_char(writer *line, char c)
{
    if (line->len < line->size) {
        line->buf[line->len] = c;
    }
    line->len++;
}

static void put_text(writer *line, const char *text)
{
    for (; *text != 0; text++) {
        put_char(line, *text);
    }
}

NOHI_FORMAT(2, 3)
static void put_format(writer *line, const char *format, ...)
{
    char text[96];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    put_text(line, text);
}

static void put_escaped(writer *line, const char *text)
{
    if (text == NULL) {
        put_text(line, "none");
        return;
    }
    put_char(line, '"');
    for (; *text != 0; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            put_format(line, "\\%c", c);
        } else if (c == '\n') {
            put_text(line, "\\n");
        } else if (c == '\t') {
            put_text(line, "\\t");
        } else if (c < ' ' || c == 0x7f) {
            put_format(line, "\\x%02x", c);
        } else {
            put_char(line, *text); // UTF-8 as it is
        }
    }
    put_char(line, '"');
}

/* The shortest form that reads back as the same number. */
static void put_number(writer *line, double number, bool is_float)
{
    if (number != number) {
        put_text(line, "nan"); // the sign of a nan tells nothing
        return;
    }
    char text[40];
    int digits_max = is_float ? 9 : 17;
    for (int digits = is_float ? 6 : 15; digits <= digits_max; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (is_float ? strtof(text, NULL) == (float)number : strtod(text, NULL) == number) {
            break;
        }
    }
    char *comma = strchr(text, ','); // the host program may have set a locale
    if (comma != NULL) {
        *comma = '.';
    }
    put_text(line, text);
}

static void put_ref(writer *line, uint64_t bits)
{
    if (bits == 0) {
        put_text(line, "<none>");
        return;
    }
    uint64_t mask = (UINT64_C(1) << 27) - 1;
    put_format(line, "<%" PRIu64 ".%" PRIu64, bits & mask, (bits >> 27) & mask);
    if (bits >> 54 != 0) {
        put_format(line, ".%" PRIu64, bits >> 54);
    }
    put_char(line, '>');
}

static void put_enum(writer *line, const noh_field *field, const void *at)
{
    int64_t value = field->size == 1   ? *(const int8_t *)at
                    : field->size == 2 ? *(const int16_t *)at
                    : field->size == 4 ? *(const int32_t *)at
                                       : *(const int64_t *)at;
    if (value >= 0 && (uint64_t)value < field->choices->count) {
        put_text(line, field->choices->names[value]);
    } else {
        put_format(line, "%" PRId64, value);
    }
}

static void put_bytes(writer *line, size_t size)
{
    put_format(line, size == 1 ? "%zu byte" : "%zu bytes", size);
}

static void put_any(writer *line, noh_any any, unsigned depth);

static void put_any_value(writer *line, const noh_any_value *value, unsigned depth)
{
    switch (value->kind) {
    case NOH_ANY_BOOL:
        put_text(line, value->as.boolean ? "true" : "false");
        break;
    case NOH_ANY_INT:
        put_format(line, "%" PRId64, value->as.integer);
        break;
    case NOH_ANY_DOUBLE:
        put_number(line, value->as.number, false);
        break;
    case NOH_ANY_TEXT:
        put_escaped(line, value->as.text);
        break;
    case NOH_ANY_BYTES:
        put_bytes(line, value->as.bytes.size);
        break;
    case NOH_ANY_REF:
        put_ref(line, value->as.ref.bits);
        break;
    case NOH_ANY_MAP:
        put_any(line, value->as.map, depth + 1);
        break;
    }
}

/* Keys that a program would not write as a name are quoted. */
static void put_key(writer *line, const char *key)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    if (key[strspn(key, plain)] == 0) {
        put_text(line, key);
    } else {
        put_escaped(line, key);
    }
}

static void put_any(writer *line, noh_any any, unsigned depth)
{
    if (depth > ANY_DEPTH_MAX) {
        put_text(line, "{...}");
        return;
    }
    put_char(line, '{');
    size_t cursor = 0;
    noh_any_value value;
    for (bool first = true; noh_any_next(any, &cursor, &value); first = false) {
        put_text(line, first ? "" : ", ");
        put_key(line, value.key);
        put_text(line, ": ");
        put_any_value(line, &value, depth);
    }
    put_char(line, '}');
}

static void put_shared(writer *line, noh_shared_ptr shared)
{
    if (shared == NULL) {
        put_text(line, "none");
    } else {
        put_format(line, "shared(%zu)", shared->size);
    }
}

static void put_element(writer *line, const noh_field *field, const void *at)
{
    switch (field->kind) {
    case NOH_KIND_BOOL:
        put_text(line, *(const unsigned char *)at != 0 ? "true" : "false");
        break;
    case NOH_KIND_I8:
        put_format(line, "%d", *(const int8_t *)at);
        break;
    case NOH_KIND_I16:
        put_format(line, "%d", *(const int16_t *)at);
        break;
    case NOH_KIND_I32:
        put_format(line, "%" PRId32, *(const int32_t *)at);
        break;
    case NOH_KIND_I64:
        put_format(line, "%" PRId64, *(const int64_t *)at);
        break;
    case NOH_KIND_U8:
        put_format(line, "%u", *(const uint8_t *)at);
        break;
    case NOH_KIND_U16:
        put_format(line, "%u", *(const uint16_t *)at);
        break;
    case NOH_KIND_U32:
        put_format(line, "%" PRIu32, *(const uint32_t *)at);
        break;
    case NOH_KIND_U64:
        put_format(line, "%" PRIu64, *(const uint64_t *)at);
        break;
    case NOH_KIND_F32:
        put_number(line, (double)*(const float *)at, true);
        break;
    case NOH_KIND_F64:
        put_number(line, *(const double *)at, false);
        break;
    case NOH_KIND_REF:
        put_ref(line, ((const noh_ref *)at)->bits);
        break;
    case NOH_KIND_ENUM:
        put_enum(line, field, at);
        break;
    case NOH_KIND_STRUCT:
        put_message(line, field->type, at);
        break;
    case NOH_KIND_TEXT:
        put_escaped(line, *(const noh_text *)at);
        break;
    case NOH_KIND_BYTES:
        put_bytes(line, ((const noh_bytes *)at)->size);
        break;
    case NOH_KIND_ANY:
        put_any(line, *(const noh_any *)at, 0);
        break;
    case NOH_KIND_BOX:
        put_format(line, "box(%zu)", ((const noh_box *)at)->size);
        break;
    case NOH_KIND_SHARED:
        put_shared(line, *(const noh_shared_ptr *)at);
        break;
    }
}

static void put_field(writer *line, const noh_field *field, const void *message)
{
    noh_list list = elements(field, message);
    put_text(line, field->name);
    put_text(line, ": ");
    if (field->shape == NOH_SHAPE_ONE) {
        put_element(line, field, list.items);
        return;
    }
    put_char(line, '[');
    for (size_t i = 0; i < list.count && list.items != NULL; i++) {
        put_text(line, i == 0 ? "" : ", ");
        put_element(line, field, element(field, list, i));
    }
    put_char(line, ']');
}

static void put_message(writer *line, const noh_type *type, const void *message)
{
    put_text(line, type->name);
    put_char(line, '{');
    for (size_t i = 0; i < type->field_count; i++) {
        put_text(line, i == 0 ? "" : ", ");
        put_field(line, &type->fields[i], message);
    }
    put_char(line, '}');
}

size_t noh_message_print(const noh_type *type, const void *message, char *buf, size_t size)
{
    writer line = {buf, size, 0};
    put_message(&line, type, message);
    if (size > 0) {
        buf[line.len < size ? line.len : size - 1] = 0;
    }
    return line.len;
}
