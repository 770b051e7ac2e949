/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A list of `sum` that is filtered by a function of other items. */
#include <noh/noh.h>

NOH_MESSAGE(sum, (double, value));
NOH_MESSAGE(product, (double, value));
NOH_LIST(sums, sum);

#ifdef OK
typedef sum item;
#else
typedef product item;
#endif

bool is_large(noh_self *self, void *ctx, const item *item);
noh_err derive(noh_self *me, noh_future *future);

noh_err derive(noh_self *me, noh_future *future)
{
    return noh_future_filter(me, *future, sums, is_large, NULL, future);
}
