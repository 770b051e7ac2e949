/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* An awaited answer, a `sum`, that is stored in another type. */
#include <noh/noh.h>

NOH_MESSAGE(sum, (double, value));
NOH_MESSAGE(product, (double, value));

#ifdef OK
typedef sum stored;
#else
typedef product stored;
#endif

noh_err wait(noh_self *me, noh_future future);

noh_err wait(noh_self *me, noh_future future)
{
    stored answer;
    return noh_await(me, future, sum, NOH_SECOND, &answer);
}
