/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A handler of `add` whose message parameter is another type. */
#include <noh/noh.h>

NOH_MESSAGE(sum, (double, value));
NOH_REQUEST(add, sum, (double, a), (double, b));

typedef struct calculator {
    double last;
} calculator;

#ifdef OK
typedef add handled;
#else
typedef sum handled;
#endif

static noh_err on_add(noh_self *self, calculator *me, const handled *m)
{
    return noh_reply(self, sum, .value = me->last + *(const double *)m);
}

NOH_BEHAVIOR(calculator, NOH_ON(add, on_add));
