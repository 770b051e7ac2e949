/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Errors: their names and sentences, and the end of a broken invariant.
 *
 * Purpose     Everything here is generated from NOH_ERR_MAP, so a new error is one new line there.
 * Owner       Any thread; nothing here has state.
 * Why not     an array indexed by -number: a gap in the numbers would be a NULL to forget. */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>

const char *noh_err_name(noh_err err)
{
    switch (err) {
    case NOH_OK:
        return "NOH_OK";
#define X(name, number, text) \
    case NOH_E_##name: \
        return "NOH_E_" #name;
        NOH_ERR_MAP(X)
#undef X
    }
    return "NOH_E_?";
}

const char *noh_err_text(noh_err err)
{
    switch (err) {
    case NOH_OK:
        return "no error";
#define X(name, number, text) \
    case NOH_E_##name: \
        return text;
        NOH_ERR_MAP(X)
#undef X
    }
    return "an unknown error";
}

NOHI_COLD void nohi_assert_failed(const char *id, const char *condition, const char *file, int line)
{
    fprintf(stderr, "noh: broken invariant %s: %s (%s:%d)\n", id, condition, file, line);
    abort();
}
