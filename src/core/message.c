/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Message: one block from the pool that holds a struct and everything it points to.
 *
 * Purpose     Making, releasing and turning messages; the payloads that are moved or shared.
 * Owner       A message has one owner at a time: sender, mailbox, turn. No count is needed.
 * Invariants  MSG-1  a box is dropped once: by its message, or by who took it out.
 *             MSG-2  a message holds one reference of each shared payload in it. */
#include "message.h"

#include "counted.h"

#include <stdlib.h>

NOH_DEFINE_MESSAGE(noh_nothing);
NOH_DEFINE_MESSAGE(noh_failure, (int32_t, code), (noh_text, text));
NOH_DEFINE_MESSAGE(noh_idle);
NOH_DEFINE_MESSAGE(noh_promise, (uint64_t, bits), (noh_ref, owner), (uint32_t, place));

static void hold_shared(void *ctx, const noh_field *field, void *at)
{
    (void)ctx;
    if (field->kind == NOH_KIND_SHARED) {
        noh_shared_hold(*(noh_shared_ptr *)at);
    }
}

static void release_shared(void *ctx, const noh_field *field, void *at)
{
    (void)ctx;
    if (field->kind == NOH_KIND_SHARED) {
        noh_shared_release(*(noh_shared_ptr *)at);
    }
}

static void release_owned(void *ctx, const noh_field *field, void *at)
{
    if (field->kind == NOH_KIND_BOX) {
        noh_box *box = at;
        if (box->drop != NULL) {
            box->drop(box->data, box->size); /* MSG-1 */
            box->drop = NULL;
        }
    } else {
        release_shared(ctx, field, at);
    }
}

noh_err nohi_message_new_deep(nohi_pool_cache *pool, const noh_type *type, const void *content,
                              nohi_message_kind kind, uint32_t number, nohi_message **ret_message)
{
    if (type->size > NOHI_MESSAGE_LIMIT) {
        return NOH_E_TOO_BIG;
    }
    size_t extra = 0;
    noh_err err = type->needs == 0 ? NOH_OK : nohi_type_extra(type, content, &extra);
    if (err != NOH_OK) {
        return err;
    }
    size_t body = nohi_align_up(type->size, 16);
    if (extra > NOHI_MESSAGE_LIMIT - body) {
        return NOH_E_TOO_BIG;
    }
    nohi_message *message = nohi_message_block(pool, body + extra, kind, number);
    if (message == NULL) {
        return NOH_E_NOMEM;
    }
    message->type = type;
    message->owns = (type->needs & NOH_NEEDS_RELEASE) != 0;
    char *to = nohi_message_body(message);
    nohi_type_copy(type, to, content, to + body);
    nohi_type_owned(type, to, hold_shared, NULL); /* MSG-2 */
    *ret_message = message;
    return NOH_OK;
}

nohi_message *nohi_message_notice(nohi_pool_cache *pool, nohi_message_kind kind, uint32_t number)
{
    nohi_message *message = nohi_message_block(pool, 0, kind, number);
    if (message != NULL) {
        message->type = NULL;
        message->from = NOH_NO_REF;
    }
    return message;
}

void nohi_message_drop_value(const noh_type *type, void *value)
{
    nohi_type_owned(type, value, release_owned, NULL);
}

void nohi_message_drop_content(nohi_message *message)
{
    nohi_message_drop_value(message->type, nohi_message_body(message));
}

/* Boxes of lists lie behind the struct and stay. */
static void move_box(void *ctx, const noh_field *field, void *at)
{
    nohi_message *message = ctx;
    size_t offset = (size_t)((char *)at - (char *)nohi_message_body(message));
    if (field->kind == NOH_KIND_BOX && offset < message->type->size) {
        *(noh_box *)at = (noh_box){.drop = NULL};
    }
}

void nohi_message_copy_out(nohi_message *message, void *to)
{
    memcpy(to, nohi_message_body(message), message->type->size);
    if (message->owns) {
        nohi_type_owned(message->type, nohi_message_body(message), move_box, message);
    }
}

void nohi_message_unmake(nohi_pool_cache *pool, nohi_message *message)
{
    if (message->owns) {
        nohi_type_owned(message->type, nohi_message_body(message), release_shared, NULL);
    }
    nohi_message_free_block(pool, message);
}

nohi_message *nohi_message_to_error(nohi_pool_cache *pool, nohi_message *request, noh_err code,
                                    const char *text)
{
    if (request->owns) {
        nohi_message_drop_content(request);
        request->owns = 0;
    }
    size_t length = text == NULL ? 0 : strnlen(text, 255);
    size_t block = request->size_class < NOHI_POOL_CLASSES
                       ? nohi_pool_class_bytes(request->size_class)
                       : nohi_pool_class_bytes(NOHI_POOL_CLASSES - 1);
    size_t room = block - sizeof *request - sizeof(noh_failure) - 1;
    nohi_message *error = request;
    if (length > room) {
        error =
            nohi_message_block(pool, sizeof(noh_failure) + length + 1, NOHI_ERROR, request->number);
        if (error != NULL) {
            error->from = request->from;
            nohi_message_free_block(pool, request);
        } else {
            error = request;
            length = room;
        }
    }
    noh_failure *failure = nohi_message_body(error);
    char *words = (char *)(failure + 1);
    if (length > 0) {
        memcpy(words, text, length);
    }
    words[length] = 0;
    *failure = (noh_failure){.code = code, .text = words};
    error->type = &noh_type_noh_failure;
    error->kind = NOHI_ERROR;
    return error;
}

/* ---- shared payloads ---------------------------------------------------------------------- */

/* Not tied to a system: a payload may outlive the one it was made in. So it lies in malloc. */
typedef struct shared {
    noh_shared public;
    void (*drop)(void *data, size_t size);
    nohi_counted counted;
} shared;

noh_err noh_shared_new(void *data, size_t size, void (*drop)(void *data, size_t size),
                       noh_shared_ptr *ret_shared)
{
    if (ret_shared == NULL || (data == NULL && size > 0)) {
        return NOH_E_INVAL;
    }
    shared *s = malloc(sizeof *s);
    if (s == NULL) {
        return NOH_E_NOMEM;
    }
    s->public = (noh_shared){data, size};
    s->drop = drop;
    nohi_counted_init(&s->counted, 1);
    *ret_shared = &s->public;
    return NOH_OK;
}

noh_shared_ptr noh_shared_hold(noh_shared_ptr payload)
{
    if (payload != NULL) {
        nohi_counted_hold(&NOHI_CONTAINER(payload, shared, public)->counted);
    }
    return payload;
}

void noh_shared_release(noh_shared_ptr payload)
{
    if (payload == NULL) {
        return;
    }
    shared *s = NOHI_CONTAINER(payload, shared, public);
    if (nohi_counted_release(&s->counted)) {
        if (s->drop != NULL) {
            s->drop((void *)(uintptr_t)s->public.data, s->public.size);
        }
        free(s);
    }
}
