/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#ifndef EXPLORE_SWEEP_H
#define EXPLORE_SWEEP_H

#include "explore.h"

const model *explore_models(void);
/* True: each weakened ordering is caught by a model, or stands in the table, and no other does. One of
 * several parts of the work. */
bool sweep(unsigned part, unsigned parts);

#endif
