/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* What a descriptor knows how to do with its messages. Any thread. */
#ifndef NOHI_TYPE_H
#define NOHI_TYPE_H

#include "base.h"

#include <noh/message.h>

/* Bytes beyond the struct that a deep copy of `message` needs; 0 if a plain copy is enough.
 * Errors: TOO_BIG (more than 1 GiB), INVAL (bytes, an any or a list that counts something at NULL). */
noh_err nohi_type_extra(const noh_type *type, const void *message, size_t *ret_size);

/* Copies the struct to `dst` and everything it points to into `room`, which is aligned to 16 and
 * has what nohi_type_extra gave for `src`. Boxes and shared payloads are copied as values:
 * afterwards only one of the two messages owns them.  */
void nohi_type_copy(const noh_type *type, void *dst, const void *src, void *room);

typedef void (*nohi_type_visit_fn)(void *ctx, const noh_field *field, void *at);

/* Calls visit(ctx, field, at) for each box and each shared payload in `message`, nested ones too,
 * in the order of the fields; `at` is a noh_box * or a noh_shared_ptr *, as field->kind says. */
void nohi_type_owned(const noh_type *type, void *message, nohi_type_visit_fn visit, void *ctx);

/* Same name, size and fields: see noh_type_equal. */
bool nohi_type_same(const noh_type *a, const noh_type *b);

#endif
