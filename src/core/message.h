/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#ifndef NOHI_MESSAGE_H
#define NOHI_MESSAGE_H

#include "gate.h"
#include "pool.h"
#include "type.h"

#include <noh/noh.h>
#include <string.h>

typedef enum nohi_message_kind {
    /* the ledger counts these */
    NOHI_TELL,
    NOHI_REQUEST, /* `number`: the asker's open ask */
    NOHI_ANSWER,  /* `number`: the same, coming back */
    NOHI_ERROR,   /* an answer that is a noh_failure */
    NOHI_TICK,    /* `number`: the periodic timer that sent it */
    /* the runtime's own notices */
    NOHI_START,     /* start arguments */
    NOHI_STOP,      /* `number`: a noh_stop_kind */
    NOHI_WATCH,     /* a join: answered with NOHI_EXITED at the end; room for a noh_exit */
    NOHI_EXITED,    /* `number`: the joiner's open ask */
    NOHI_IDLE,      /* the idle timer: `number` is its incarnation */
    NOHI_TIMER_ADD, /* to a worker: `number` is a timer to put on its wheel */
    NOHI_TIMER_DROP,
    NOHI_STOPPING, /* to a worker: say that you have seen it */
    NOHI_WAKE,     /* to a handler that waits: `number` is its wait's; strand.h */
    NOHI_PROBE, /* is there a circle of waits? circle.h; `number`: the ask its sender waits for */
    NOHI_PASSED_ON, /* to an asker: somebody else will answer ask `number` */
} nohi_message_kind;

enum { NOHI_NUMBER_BITS = 23, NOHI_NUMBER_MAX = (1 << NOHI_NUMBER_BITS) - 1 };

/* A message on its way: 32 bytes, then the struct, then its text and lists. */
typedef struct nohi_message {
    nohi_letter letter;
    const noh_type *type; /* NULL for a notice without content */
    noh_ref from;
    uint32_t generation; /* of the actor it is meant for */
    union {
        struct {
            uint32_t kind : 4;
            uint32_t placed : 1;     /* it has a place in a mailbox that counts exactly: SND-3 */
            uint32_t size_class : 3; /* of the block, for the pool */
            uint32_t owns : 1;       /* boxes or shared payloads: to be released field by field */
            uint32_t number : NOHI_NUMBER_BITS;
        };
        uint32_t tag; /* all of them */
    };
} nohi_message;

_Static_assert(sizeof(nohi_message) == 32, "two messages to a cache line pair");
_Static_assert(NOHI_POOL_SMALLEST - sizeof(nohi_message) == NOH_PLAIN_MAX, "a cache line each");

enum { NOHI_MESSAGE_LIMIT = 1 << 30 }; /* bytes of one message, TOO_BIG above */

NOHI_INLINE void *nohi_message_body(nohi_message *message)
{
    return message + 1;
}

/* Told, asked, or a tick: for a handler, or for noh_receive. */
NOHI_INLINE bool nohi_message_is_for_handler(const nohi_message *message)
{
    return message->kind <= NOHI_REQUEST || message->kind == NOHI_TICK;
}

NOHI_INLINE bool nohi_message_is_counted(const nohi_message *message)
{
    return message->kind <= NOHI_TICK;
}

/* Is it that ask, or that join? */
NOHI_INLINE bool nohi_message_is_ask(const nohi_message *message, noh_ref from, uint32_t number)
{
    return (message->kind == NOHI_REQUEST || message->kind == NOHI_WATCH) &&
           message->number == number && noh_ref_equal(message->from, from);
}

/* Told or asked, and no place to give back. In one comparison. */
NOHI_INLINE bool nohi_message_is_plain(const nohi_message *message)
{
    _Static_assert(NOHI_TELL == 0 && NOHI_REQUEST == 1, "these two have no other bits");
    const nohi_message not_plain = {.kind = 15u - NOHI_REQUEST, .placed = 1};
    return (message->tag & not_plain.tag) == 0;
}

/* Told, in a block of the smallest class, with nothing to give back: what most are. */
NOHI_INLINE bool nohi_message_is_told(const nohi_message *message)
{
    _Static_assert(NOHI_TELL == 0, "a told message's tag is 0");
    return message->tag == 0;
}

/* An answer, no error, in a block of the smallest class, with nothing to give back: all but the number. */
NOHI_INLINE bool nohi_message_is_small_answer(const nohi_message *message)
{
    const nohi_message but = {.number = NOHI_NUMBER_MAX};
    const nohi_message answer = {.kind = NOHI_ANSWER};
    return (message->tag & ~but.tag) == answer.tag;
}

/* In one store. */
NOHI_INLINE void nohi_message_tag(nohi_message *message, nohi_message_kind kind, uint32_t number,
                                  unsigned size_class)
{
    message->kind = (unsigned)kind & 15u;
    message->placed = 0;
    message->size_class = size_class & 7u;
    message->owns = 0;
    message->number = number & NOHI_NUMBER_MAX;
}

/* A block for `size` bytes of content, tagged, or NULL. */
NOHI_INLINE nohi_message *nohi_message_block(nohi_pool_cache *pool, size_t size,
                                             nohi_message_kind kind, uint32_t number)
{
    unsigned size_class = nohi_pool_class(size + sizeof(nohi_message));
    nohi_message *message = NOHI_LIKELY(size_class != NOHI_POOL_LARGE)
                                ? nohi_pool_take(pool, size_class)
                                : nohi_pool_take_large(pool->pool, size + sizeof(nohi_message));
    if (NOHI_LIKELY(message != NULL)) {
        nohi_message_tag(message, kind, number, size_class);
    }
    return message;
}

/* memcpy of at most 32 bytes, without the call: two moves that may overlap. */
NOHI_INLINE void nohi_message_copy_small(void *to, const void *from, size_t size)
{
    char *t = to;
    const char *f = from;
    if (NOHI_LIKELY(size >= 8 && size <= 16)) {
        uint64_t last;
        memcpy(&last, f + size - 8, 8);
        memcpy(t, f, 8);
        memcpy(t + size - 8, &last, 8);
    } else if (size > 16) {
        memcpy(t, f, 16);
        memcpy(t + size - 16, f + size - 16, 16);
    } else {
        for (size_t at = 0; at < size; at++) {
            t[at] = f[at];
        }
    }
}

NOHI_INLINE void nohi_message_free_block(nohi_pool_cache *pool, nohi_message *message)
{
    unsigned size_class = message->size_class;
    if (NOHI_LIKELY(size_class != NOHI_POOL_LARGE)) {
        nohi_pool_give(pool, message, size_class);
    } else {
        nohi_pool_give_large(pool->pool, message);
    }
}

/* Does a message of this type fit the smallest block, with a plain copy? */
NOHI_INLINE bool nohi_message_is_small(const noh_type *type)
{
    return type->plain_size != 0;
}

/* One of those; the pool has a block. */
NOHI_INLINE nohi_message *nohi_message_small(nohi_pool_cache *pool, const noh_type *type,
                                             const void *content, nohi_message_kind kind,
                                             uint32_t number)
{
    size_t size = type->plain_size;
    nohi_message *message = nohi_pool_take_ready(pool, 0);
    nohi_message_tag(message, kind, number, 0);
    message->type = type;
    nohi_message_copy_small(nohi_message_body(message), content, size);
    return message;
}

/* The slow half of nohi_message_new: large ones, text, lists, boxes, shared payloads. */
noh_err nohi_message_new_deep(nohi_pool_cache *pool, const noh_type *type, const void *content,
                              nohi_message_kind kind, uint32_t number, nohi_message **ret_message);

/* A copy of `content`, with type, kind and number set. Shared payloads are held; boxes are in it as
 * values, so that the caller decides who owns them. Errors: NOMEM, TOO_BIG, INVAL. */
NOHI_INLINE noh_err nohi_message_new(nohi_pool_cache *pool, const noh_type *type,
                                     const void *content, nohi_message_kind kind, uint32_t number,
                                     nohi_message **ret_message)
{
    if (!nohi_message_is_small(type)) {
        return nohi_message_new_deep(pool, type, content, kind, number, ret_message);
    }
    if (!nohi_pool_has(pool, 0) && nohi_pool_refill(pool, 0) == NULL) {
        return NOH_E_NOMEM;
    }
    *ret_message = nohi_message_small(pool, type, content, kind, number);
    return NOH_OK;
}

/* A notice without content. NULL: no memory. */
nohi_message *nohi_message_notice(nohi_pool_cache *pool, nohi_message_kind kind, uint32_t number);

/* A value is over: drops boxes, releases shared payloads. */
void nohi_message_drop_value(const noh_type *type, void *value);
/* The same for what is in a message. */
void nohi_message_drop_content(nohi_message *message);
/* Content and block. */
NOHI_INLINE void nohi_message_free(nohi_pool_cache *pool, nohi_message *message)
{
    if (NOHI_UNLIKELY(message->owns)) {
        nohi_message_drop_content(message);
    }
    nohi_message_free_block(pool, message);
}
/* The same for what is told most, with less to look at. */
NOHI_INLINE void nohi_message_free_told(nohi_pool_cache *pool, nohi_message *message)
{
    if (NOHI_LIKELY(message->size_class == 0 && message->owns == 0)) {
        nohi_pool_give(pool, message, 0);
    } else {
        nohi_message_free(pool, message);
    }
}
/* Copies the struct to `*to`. Boxes in it are moved: they are the caller's now. */
void nohi_message_copy_out(nohi_message *message, void *to);
/* Undoes nohi_message_new: boxes stay with the caller. */
void nohi_message_unmake(nohi_pool_cache *pool, nohi_message *message);

/* Turns a request into its own error answer, in place, so that it needs no memory; `text` (or NULL)
 * is cut to what fits unless there is memory for all of it. */
nohi_message *nohi_message_to_error(nohi_pool_cache *pool, nohi_message *request, noh_err code,
                                    const char *text);

#endif
