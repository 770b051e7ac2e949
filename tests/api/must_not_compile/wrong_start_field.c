/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Start arguments for a behavior that takes none. */
#include <noh/noh.h>

NOH_MESSAGE(tick);
NOH_NO_STATE(ticker);

static noh_err on_tick(noh_self *self, ticker *me, const tick *m)
{
    return NOH_OK;
}

NOH_BEHAVIOR(ticker, NOH_ON(tick, on_tick));

noh_ref start(noh_self *me);

noh_ref start(noh_self *me)
{
#ifdef OK
    return noh_spawn(me, ticker);
#else
    return noh_spawn(me, ticker, .x = 1);
#endif
}
