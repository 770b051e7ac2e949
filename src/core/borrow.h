/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#ifndef NOHI_BORROW_H
#define NOHI_BORROW_H

#include "worker.h"

/* nohi_send for a request whose sender waits for the answer without a limit. When the target's worker
 * is idle, the sender's thread acts for it, and the answer may be there when this returns. `t`: a
 * plain thread or a host loop, outside handlers. */
noh_err nohi_borrow_send(nohi_worker *t, noh_ref to, nohi_message *request);

#endif
