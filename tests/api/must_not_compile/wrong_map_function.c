/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A future of a `sum` that is mapped by a function of another message. */
#include <noh/noh.h>

NOH_MESSAGE(sum, (double, value));
NOH_MESSAGE(product, (double, value));

#ifdef OK
typedef sum source;
#else
typedef product source;
#endif

noh_err show(noh_self *self, void *ctx, const source *from, sum *to);
noh_err derive(noh_self *me, noh_future *future);

noh_err derive(noh_self *me, noh_future *future)
{
    return noh_future_map(me, *future, sum, sum, show, NULL, future);
}
