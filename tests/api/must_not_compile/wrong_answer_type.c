/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A call that stores the answer, a `sum`, in another type. */
#include <noh/noh.h>

NOH_MESSAGE(sum, (double, value));
NOH_REQUEST(add, sum, (double, a), (double, b));

#ifdef OK
typedef sum stored;
#else
typedef add stored;
#endif

noh_err call(noh_self *me, noh_ref calculator);

noh_err call(noh_self *me, noh_ref calculator)
{
    stored answer;
    return noh_call(me, calculator, add, &answer, .a = 1, .b = 3);
}
