/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* malloc runs out, for tests of what does not ask a noh_env: modules and their libraries. This file
 * defines malloc, calloc and realloc for the whole program; include it in one file.
 *
 *     fault_malloc_at(3, false);        this thread's third request from now fails, once
 *     …
 *     fault_malloc_at(0, false);        no more
 *     fault_malloc_failures();          how many have failed since the last fault_malloc_at(n > 0)
 *     fault_open_files();               to be compared: descriptors that were not closed
 *
 * Requests of other threads never fail. Leaks are found by AddressSanitizer, whose malloc is behind
 * these. */
#ifndef NOH_FAULT_MALLOC_H
#define NOH_FAULT_MALLOC_H

#include "test.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>

typedef struct fault_malloc_state {
    uint64_t left; /* requests until the one that fails; 0: none */
    bool for_ever; /* and all after it */
    uint64_t failures;
} fault_malloc_state;

static _Thread_local fault_malloc_state fault_malloc_here;

/* The sanitizers call malloc before they are ready for instrumented code. */
#define FAULT_PLAIN __attribute__((no_sanitize("address", "thread", "undefined")))

static inline void fault_malloc_at(uint64_t n, bool for_ever)
{
    if (n > 0) {
        fault_malloc_here.failures = 0;
    }
    fault_malloc_here.for_ever = for_ever;
    fault_malloc_here.left = n;
}

static inline uint64_t fault_malloc_failures(void)
{
    return fault_malloc_here.failures;
}

static inline size_t fault_open_files(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    CHECK(folder != NULL);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

FAULT_PLAIN static bool fault_malloc_strikes(void)
{
    fault_malloc_state *here = &fault_malloc_here;
    if (here->left == 0 || --here->left > 0) {
        return false;
    }
    here->left = here->for_ever ? 1 : 0;
    here->failures++;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *block, size_t size);

FAULT_PLAIN void *malloc(size_t size)
{
    static void *(*real)(size_t);
    if (real == NULL) {
        real = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    }
    return fault_malloc_strikes() ? NULL : real(size);
}

FAULT_PLAIN void *calloc(size_t count, size_t size)
{
    static void *(*real)(size_t, size_t);
    if (real == NULL) {
        real = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
    }
    return fault_malloc_strikes() ? NULL : real(count, size);
}

/* For libraries that end the process when it fails. */
FAULT_PLAIN static inline void *fault_realloc_that_works(void *block, size_t size)
{
    static void *(*real)(void *, size_t);
    if (real == NULL) {
        real = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
    }
    return real(block, size);
}

FAULT_PLAIN void *realloc(void *block, size_t size)
{
    return fault_malloc_strikes() ? NULL : fault_realloc_that_works(block, size);
}

#endif
