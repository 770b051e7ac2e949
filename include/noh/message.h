/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Messages, declared once.
 *
 *     NOH_MESSAGE(sum, (double, value));
 *     NOH_REQUEST(add, sum, (double, a), (double, b));      an add is answered with a sum
 *
 * gives the C structs `sum` and `add` and a descriptor of each: name, fields, types, offsets,
 * answer. Printing, comparing, copying and, later, every wire format read the descriptor, so
 * nothing is written twice. A message may be declared in a header that several files include.
 *
 * A field is one of
 *     (type, name)                     type: bool, [u]int8_t … [u]int64_t, float, double, noh_ref,
 *                                      noh_text, noh_bytes, noh_any, noh_box, noh_shared_ptr
 *     (enum, color, name)              a NOH_ENUM
 *     (struct, point, name)            another message, nested
 *     (array, type, name, 4)           four of them, in place; no enums in arrays and lists
 *     (array, struct, point, name, 4)
 *     (list, type, name)               counted: { const type *items; size_t count; }
 *     (list, struct, point, name)
 * A message has 0 to 60 fields. */
#ifndef NOH_MESSAGE_H
#define NOH_MESSAGE_H

#include "err.h"
#include "pp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Names an actor for ever: copy it, store it, send it. It stays safe after the actor's death, and
 * no later actor gets the same value. A struct so that the compiler keeps it apart from numbers;
 * do not read `bits` (index 27 | generation 27 | node 10, 0 = here). */
typedef struct noh_ref {
    uint64_t bits;
} noh_ref;

/* The ref of nobody: all bits 0. */
#ifdef __cplusplus
#define NOH_NO_REF (noh_ref{0})
#else
#define NOH_NO_REF ((noh_ref){0})
#endif

static inline bool noh_ref_equal(noh_ref a, noh_ref b)
{
    return a.bits == b.bits;
}

static inline bool noh_ref_is_none(noh_ref ref)
{
    return ref.bits == 0;
}

/* Copied with the message, into the same block. NULL stays NULL. */
typedef const char *noh_text;

/* Copied with the message, into the same block. */
typedef struct noh_bytes {
    const void *data;
    size_t size;
} noh_bytes;

/* A dynamic key/value map, see any.h. Copied like noh_bytes. */
typedef struct noh_any {
    const void *data;
    size_t size;
} noh_any;

/* Moved with the message, without a copy: the message owns `data` once it was accepted, and calls
 * `drop` when it is released, handled or not. A send that returns an error leaves it with the
 * caller. A handler that wants to keep it takes it out with noh_box_take. */
typedef struct noh_box {
    void *data;
    size_t size;
    void (*drop)(void *data, size_t size); /* NULL: nothing to do; any thread */
} noh_box;

/* Takes `data` out of a box inside a received message: the caller owns it now. Inside the handler
 * that received the message, or between noh_receive and the next wait; or out of an answer that
 * noh_await or noh_call wrote, at any time. */
static inline void *noh_box_take(const noh_box *box)
{
    noh_box *own = (noh_box *)(uintptr_t)box; /* a message in hand is writable memory */
    own->drop = NULL;
    return box->data;
}

/* Shared by all who hold it, counted: a message in flight holds it too. The bytes are read-only
 * from the moment they are shared. */
typedef struct noh_shared {
    const void *data; /* read-only; constant while you hold a reference */
    size_t size;
} noh_shared;
typedef noh_shared *noh_shared_ptr;

/* Makes `*ret_shared` hold `data`; `drop(data, size)` runs on the thread that gives up the last
 * reference (NULL: nothing to do). The caller owns one reference. Errors: NOMEM, INVAL. */
NOH_API noh_err noh_shared_new(void *data, size_t size, void (*drop)(void *data, size_t size),
                               noh_shared_ptr *ret_shared);
/* One reference more; returns `shared`. NULL is allowed. Any thread. */
NOH_API noh_shared_ptr noh_shared_hold(noh_shared_ptr shared);
/* One reference less. NULL is allowed. Any thread. */
NOH_API void noh_shared_release(noh_shared_ptr shared);

/* ---- descriptors -------------------------------------------------------------------------- */

typedef enum noh_kind {
    NOH_KIND_BOOL = 1,
    NOH_KIND_I8,
    NOH_KIND_I16,
    NOH_KIND_I32,
    NOH_KIND_I64,
    NOH_KIND_U8,
    NOH_KIND_U16,
    NOH_KIND_U32,
    NOH_KIND_U64,
    NOH_KIND_F32,
    NOH_KIND_F64,
    NOH_KIND_REF,
    NOH_KIND_ENUM,
    NOH_KIND_STRUCT,
    NOH_KIND_TEXT, /* from here on a plain copy of the struct is not enough */
    NOH_KIND_BYTES,
    NOH_KIND_ANY,
    NOH_KIND_BOX, /* from here on the message must be released field by field */
    NOH_KIND_SHARED,
} noh_kind;

typedef enum noh_shape {
    NOH_SHAPE_ONE,
    NOH_SHAPE_ARRAY, /* `count` elements in place */
    NOH_SHAPE_LIST,  /* { const T *items; size_t count; } */
} noh_shape;

typedef struct noh_enum {
    const char *name;
    size_t count;
    const char *const *names; /* names[value] */
} noh_enum;

typedef struct noh_type noh_type;

typedef struct noh_field {
    const char *name;
    noh_kind kind;
    noh_shape shape;
    size_t offset;
    size_t size;             /* bytes of one element */
    size_t count;            /* elements in place: 1, or the length of an array; 0 for a list */
    const noh_type *type;    /* NOH_KIND_STRUCT */
    const noh_enum *choices; /* NOH_KIND_ENUM */
} noh_field;

enum { NOH_NEEDS_COPY = 1, NOH_NEEDS_RELEASE = 2 };
enum { NOH_PLAIN_MAX = 32 }; /* what fits a cache line beside what the runtime writes there */

struct noh_type {
    const char *name;
    size_t size; /* bytes of the struct */
    size_t field_count;
    const noh_field *fields;
    const noh_type *answer; /* NULL for a NOH_MESSAGE */
    unsigned needs;         /* NOH_NEEDS_… of all fields together; 0: a plain copy is enough */
    unsigned plain_size;    /* `size`, where it is at most NOH_PLAIN_MAX and needs is 0; else 0 */
};

/* The list { items, count } of any element type, as the runtime reads it. */
typedef struct noh_list {
    const void *items;
    size_t count;
} noh_list;

/* Writes `message` as one line, `add{a: 1, b: 3}`, like snprintf: at most `size` bytes with the
 * final 0, and returns the length the whole line needs. Text is escaped. Any thread. */
NOH_API size_t noh_message_print(const noh_type *type, const void *message, char *buf, size_t size);

/* Are the two equal, field by field? Text and bytes compare by content, boxes and shared payloads
 * by identity, floating point with ==. Any thread. */
NOH_API bool noh_message_equal(const noh_type *type, const void *a, const void *b);

/* Do both descriptors mean the same message? True for the same declaration seen from two shared
 * libraries. Any thread. */
NOH_API bool noh_type_equal(const noh_type *a, const noh_type *b);

/* The message as `const T *` if it is a T, else NULL. */
#define noh_as(T, type, message) \
    ((const T *)(noh_type_equal((type), NOH_TYPE(T)) ? (message) : NULL))

/* The descriptor of a declared message. */
#define NOH_TYPE(T) (&noh_type_##T)

/* ---- declarations ------------------------------------------------------------------------- */

/* clang-format off */

#ifdef __cplusplus
/* C++ sees the struct; the descriptor lives in a C file. */
#define NOH_DESCRIBE_1(T, A) extern const noh_type noh_type_##T
#define NOH_DESCRIBE_N(T, A, ...) extern const noh_type noh_type_##T
#else
#define NOH_DESCRIBE_1(T, A) \
    __attribute__((weak)) const noh_type noh_type_##T = {#T, sizeof(T), 0, NULL, A, 0, sizeof(T)}
#define NOH_DESCRIBE_N(T, A, ...) \
    __attribute__((weak)) const noh_type noh_type_##T = { \
        #T, \
        sizeof(T), \
        NOH_PP_COUNT(__VA_ARGS__), \
        (const noh_field[]){NOH_PP_EACH(NOH_DESC_, T, __VA_ARGS__)}, \
        A, \
        noh_needs_##T, noh_needs_##T == 0 && sizeof(T) <= NOH_PLAIN_MAX ? sizeof(T) : 0}
#endif

/* NOH_MESSAGE(name, fields…) */
#define NOH_MESSAGE(...) NOH_PP_CAT(NOH_MESSAGE_, NOH_PP_MANY(__VA_ARGS__))(__VA_ARGS__)
#define NOH_MESSAGE_1(T) \
    NOH_STRUCT_1(T); \
    NOH_DESCRIBE_1(T, NULL)
#define NOH_MESSAGE_N(T, ...) \
    NOH_STRUCT_N(T, __VA_ARGS__); \
    NOH_DESCRIBE_N(T, NULL, __VA_ARGS__)

/* NOH_REQUEST(name, answer, fields…): `answer` is a message declared before. */
#define NOH_REQUEST(...) NOH_PP_CAT(NOH_REQUEST_, NOH_PP_MANY2(__VA_ARGS__))(__VA_ARGS__)
#define NOH_REQUEST_2(T, A) \
    NOH_STRUCT_1(T); \
    typedef A noh_answer_of_##T; \
    NOH_DESCRIBE_1(T, &noh_type_##A)
#define NOH_REQUEST_N(T, A, ...) \
    NOH_STRUCT_N(T, __VA_ARGS__); \
    typedef A noh_answer_of_##T; \
    NOH_DESCRIBE_N(T, &noh_type_##A, __VA_ARGS__)

/* NOH_LIST(people, person): a message that is a list of others,
 * struct people { struct { const person *items; size_t count; } list; }. What futures are joined to,
 * filtered and reduced from. */
#define NOH_LIST(L, T) \
    NOH_MESSAGE(L, (list, struct, T, list)); \
    typedef T noh_item_of_##L

/* For a library that owns its messages: the struct and an extern descriptor in its header
 * (`api` is its export attribute), NOH_DEFINE_MESSAGE / NOH_DEFINE_REQUEST in one of its files. */
#define NOH_DECLARE_MESSAGE(api, ...) \
    NOH_PP_CAT(NOH_STRUCT_, NOH_PP_MANY(__VA_ARGS__))(__VA_ARGS__); \
    extern api const noh_type NOH_PP_CAT(noh_type_, NOH_PP_FIRST(__VA_ARGS__))
#define NOH_DECLARE_REQUEST(api, A, ...) \
    NOH_DECLARE_MESSAGE(api, __VA_ARGS__); \
    typedef A NOH_PP_CAT(noh_answer_of_, NOH_PP_FIRST(__VA_ARGS__))
#define NOH_DEFINE_MESSAGE(...) \
    NOH_PP_CAT(NOH_DEFINE_, NOH_PP_MANY(__VA_ARGS__))(NULL, __VA_ARGS__)
#define NOH_DEFINE_REQUEST(A, ...) \
    NOH_PP_CAT(NOH_DEFINE_, NOH_PP_MANY(__VA_ARGS__))(&noh_type_##A, __VA_ARGS__)
#define NOH_DEFINE_1(A, T) NOH_DESCRIBE_1(T, A)
#define NOH_DEFINE_N(A, T, ...) NOH_DESCRIBE_N(T, A, __VA_ARGS__)

/* NOH_ENUM(color, RED, GREEN, BLUE): an enum, 0, 1, 2, whose names are known at run time. */
#define NOH_ENUM(T, ...) \
    typedef enum T { __VA_ARGS__ } T; \
    NOH_ENUM_DESCRIBE_(T, __VA_ARGS__)
#ifdef __cplusplus
#define NOH_ENUM_DESCRIBE_(T, ...) extern const noh_enum noh_enum_##T
#else
#define NOH_ENUM_DESCRIBE_(T, ...) \
    __attribute__((weak)) const noh_enum noh_enum_##T = { \
        #T, \
        NOH_PP_COUNT(__VA_ARGS__), \
        (const char *const[]){NOH_PP_EACH(NOH_ENUM_NAME_, T, __VA_ARGS__)}}
#endif
#define NOH_ENUM_NAME_(c, x) #x,

/* The struct, and what its fields need, for messages it is nested in. */
#define NOH_STRUCT_1(T) \
    typedef struct T { \
        char noh_empty; \
    } T; \
    enum { noh_needs_##T = 0 }
#ifdef __cplusplus
#define NOH_STRUCT_N(T, ...) \
    typedef struct T { \
        NOH_PP_EACH(NOH_MEMBER_, T, __VA_ARGS__) \
    } T
#else
#define NOH_STRUCT_N(T, ...) \
    typedef struct T { \
        NOH_PP_EACH(NOH_MEMBER_, T, __VA_ARGS__) \
    } T; \
    enum { noh_needs_##T = 0 NOH_PP_EACH(NOH_NEED_, T, __VA_ARGS__) }
#endif
#define NOH_MEMBER_(c, x) NOH_PP_CAT(NOH_MEMBER_, NOH_PP_COUNT x) x
#define NOH_MEMBER_2(type, name) type name;
#define NOH_MEMBER_3(shape, type, name) NOH_MEMBER_3_##shape(type, name)
#define NOH_MEMBER_3_enum(type, name) type name;
#define NOH_MEMBER_3_struct(type, name) type name;
#define NOH_MEMBER_3_list(type, name) \
    struct { \
        const type *items; \
        size_t count; \
    } name;
#define NOH_MEMBER_4(shape, a, b, c) NOH_MEMBER_4_##shape(a, b, c)
#define NOH_MEMBER_4_array(type, name, n) type name[n];
#define NOH_MEMBER_4_list(kind, type, name) NOH_MEMBER_3_list(type, name)
#define NOH_MEMBER_5(shape, kind, type, name, n) type name[n];

/* The descriptor of a field. */
#define NOH_KIND_OF_(expression) \
    _Generic((expression), \
        bool: NOH_KIND_BOOL, \
        int8_t: NOH_KIND_I8, \
        int16_t: NOH_KIND_I16, \
        int32_t: NOH_KIND_I32, \
        int64_t: NOH_KIND_I64, \
        uint8_t: NOH_KIND_U8, \
        uint16_t: NOH_KIND_U16, \
        uint32_t: NOH_KIND_U32, \
        uint64_t: NOH_KIND_U64, \
        float: NOH_KIND_F32, \
        double: NOH_KIND_F64, \
        noh_ref: NOH_KIND_REF, \
        noh_text: NOH_KIND_TEXT, \
        noh_bytes: NOH_KIND_BYTES, \
        noh_any: NOH_KIND_ANY, \
        noh_box: NOH_KIND_BOX, \
        noh_shared_ptr: NOH_KIND_SHARED)
#define NOH_AT_(T, name) ((T *)0)->name
#define NOH_DESC_(T, x) NOH_PP_APPLY(NOH_PP_CAT(NOH_DESC_, NOH_PP_COUNT x), T, NOH_PP_UNWRAP x)
#define NOH_DESC_2(T, type, name) \
    {#name, NOH_KIND_OF_(NOH_AT_(T, name)), NOH_SHAPE_ONE, offsetof(T, name), sizeof(type), 1, \
     NULL, NULL},
#define NOH_DESC_3(T, shape, type, name) NOH_DESC_3_##shape(T, type, name)
#define NOH_DESC_3_enum(T, type, name) \
    {#name, NOH_KIND_ENUM, NOH_SHAPE_ONE, offsetof(T, name), sizeof(type), 1, NULL, \
     &noh_enum_##type},
#define NOH_DESC_3_struct(T, type, name) \
    {#name, NOH_KIND_STRUCT, NOH_SHAPE_ONE, offsetof(T, name), sizeof(type), 1, \
     &noh_type_##type, NULL},
#define NOH_DESC_3_list(T, type, name) \
    {#name, NOH_KIND_OF_(NOH_AT_(T, name.items)[0]), NOH_SHAPE_LIST, offsetof(T, name), \
     sizeof(type), 0, NULL, NULL},
#define NOH_DESC_4(T, shape, a, b, c) NOH_DESC_4_##shape(T, a, b, c)
#define NOH_DESC_4_array(T, type, name, n) \
    {#name, NOH_KIND_OF_(NOH_AT_(T, name)[0]), NOH_SHAPE_ARRAY, offsetof(T, name), sizeof(type), n, \
     NULL, NULL},
#define NOH_DESC_4_list(T, kind, type, name) \
    {#name, NOH_KIND_STRUCT, NOH_SHAPE_LIST, offsetof(T, name), sizeof(type), 0, \
     &noh_type_##type, NULL},
#define NOH_DESC_5(T, shape, kind, type, name, n) \
    {#name, NOH_KIND_STRUCT, NOH_SHAPE_ARRAY, offsetof(T, name), sizeof(type), n, \
     &noh_type_##type, NULL},

/* What a field needs beyond a plain copy, as an integer constant. */
#define NOH_NEED_(T, x) NOH_PP_APPLY(NOH_PP_CAT(NOH_NEED_, NOH_PP_COUNT x), T, NOH_PP_UNWRAP x)
#define NOH_NEED_OF_(kind) \
    ((kind) >= NOH_KIND_BOX ? 3 : (kind) >= NOH_KIND_TEXT ? 1 : 0)
#define NOH_NEED_2(T, type, name) | NOH_NEED_OF_(NOH_KIND_OF_(NOH_AT_(T, name)))
#define NOH_NEED_3(T, shape, type, name) NOH_NEED_3_##shape(T, type, name)
#define NOH_NEED_3_enum(T, type, name)
#define NOH_NEED_3_struct(T, type, name) | (int)noh_needs_##type
#define NOH_NEED_3_list(T, type, name) | 1 | NOH_NEED_OF_(NOH_KIND_OF_(NOH_AT_(T, name.items)[0]))
#define NOH_NEED_4(T, shape, a, b, c) NOH_NEED_4_##shape(T, a, b, c)
#define NOH_NEED_4_array(T, type, name, n) | NOH_NEED_OF_(NOH_KIND_OF_(NOH_AT_(T, name)[0]))
#define NOH_NEED_4_list(T, kind, type, name) | 1 | (int)noh_needs_##type
#define NOH_NEED_5(T, shape, kind, type, name, n) | (int)noh_needs_##type

/* clang-format on */

/* A pointer to a T on the stack: NOH_VALUE(add, .a = 1, .b = 3), NOH_VALUE(last). */
#define NOH_VALUE(...) NOH_PP_CAT(NOH_VALUE_, NOH_PP_MANY(__VA_ARGS__))(__VA_ARGS__)
#define NOH_VALUE_1(T) (&(T){0})
#define NOH_VALUE_N(T, ...) (&(T){__VA_ARGS__})

/* `pointer` checked to be a T *, at compile time. */
#define NOH_CHECKED(T, pointer) (_Generic((pointer), T * : (pointer)))

#ifdef __cplusplus
}
#endif
#endif
