/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A process has no hooks and no handlers: what it does in the end stands at its end. */
#include <noh/noh.h>

static noh_err run(noh_self *self, const noh_nothing *arguments)
{
    return NOH_OK;
}

#ifdef OK
#define ENTRY NOH_STACK(1 << 20)
#else
#define ENTRY NOH_ON_STOP(ended)
struct runner;
static noh_err ended(noh_self *self, struct runner *me, const noh_exit *exit)
{
    return NOH_OK;
}
#endif

NOH_PROCESS(runner, noh_nothing, run, ENTRY);
