/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A clock that goes on by a microsecond whenever it is looked at; preloaded. */
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    static _Atomic(long long) ns = 1000000000;
    long long now = ns += 1000;
    (void)clock;
    *ret_time = (struct timespec){now / 1000000000, now % 1000000000};
    return 0;
}
