/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A role with a hook: hooks are the behavior's. */
#include <noh/noh.h>

NOH_MESSAGE(note, (noh_text, text));

typedef struct reader {
    int count;
} reader;

static noh_err on_note(noh_self *self, reader *me, const note *m)
{
    me->count++;
    return NOH_OK;
}

static noh_err on_stop(noh_self *self, reader *me, const noh_exit *exit)
{
    return NOH_OK;
}

#ifdef OK
NOH_ROLE(reader, tired, NOH_ON(note, on_note));
NOH_BEHAVIOR(reader, NOH_ON(note, on_note), NOH_ON_STOP(on_stop));
#else
NOH_ROLE(reader, tired, NOH_ON(note, on_note), NOH_ON_STOP(on_stop));
NOH_BEHAVIOR(reader, NOH_ON(note, on_note));
#endif
