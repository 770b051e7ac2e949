/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* env_without_guard_pages(): the world as it is on Linux before 6.13, where guards are mappings. For
 * one source file of a test. */
#ifndef NOH_OLD_KERNEL_H
#define NOH_OLD_KERNEL_H

#include <noh/env.h>

noh_env env_without_guard_pages(void);

#define NOHI_ENV_NO_GUARD 1
#define noh_env_default env_without_guard_pages
#include "env_posix.c"
#undef noh_env_default

#endif
