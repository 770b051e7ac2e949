/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A list of `sum` that is reduced by a function of other items. */
#include <noh/noh.h>

NOH_MESSAGE(sum, (double, value));
NOH_MESSAGE(product, (double, value));
NOH_LIST(sums, sum);

#ifdef OK
typedef sum item;
#else
typedef product item;
#endif

noh_err add(noh_self *self, void *ctx, sum *so_far, const item *item);
noh_err derive(noh_self *me, noh_future *future);

noh_err derive(noh_self *me, noh_future *future)
{
    return noh_future_reduce(me, *future, sums, sum, add, NULL, &(sum){0}, future);
}
