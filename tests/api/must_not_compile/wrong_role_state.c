/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A role whose handler takes the state of another behavior. */
#include <noh/noh.h>

NOH_MESSAGE(note, (noh_text, text));

typedef struct reader {
    int count;
} reader;
typedef struct writer {
    int count;
} writer;

#ifdef OK
typedef reader state;
#else
typedef writer state;
#endif

static noh_err on_note(noh_self *self, state *me, const note *m)
{
    return noh_unbecome(self);
}

NOH_ROLE(reader, tired, NOH_ON(note, on_note));
