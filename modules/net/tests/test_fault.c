/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: whichever request for memory fails, each call of net.h says so or does its work; nothing
 * crashes, nothing is left.
 * Method: one scenario, run with the n-th request of its thread failing, for n = 1, 2, … until a run
 * needs fewer than n. libuv ends the process when it cannot grow its table of descriptors, so its
 * realloc never fails here. */
#include "fault_malloc.h"

#include <noh/net.h>

#include <unistd.h>
#include <uv.h>

NOH_MESSAGE(read_bytes, (int32_t, count));

typedef struct reader {
    int32_t count;
} reader;

static int32_t seen;

static noh_err on_read_bytes(noh_self *self, reader *me, const read_bytes *m)
{
    seen += m->count;
    return NOH_OK;
}

NOH_BEHAVIOR(reader, NOH_ON(read_bytes, on_read_bytes));

typedef struct feed {
    noh_self *self;
    noh_ref reader;
    int fd;
} feed;

static bool on_feed(void *ctx, bool readable)
{
    feed *f = ctx;
    char bytes[8];
    if (!readable || read(f->fd, bytes, sizeof bytes) != 3) {
        return false;
    }
    return noh_tell(f->self, f->reader, read_bytes, .count = 3) == NOH_OK;
}

static noh_err use(noh_loop *loop, int fd)
{
    feed f = {.self = noh_loop_self(loop), .fd = fd};
    noh_err err = noh_spawn_with(f.self, &noh_behavior_reader, NULL,
                                 &(noh_spawn_options){.pinned = true}, &f.reader);
    noh_source *source = NULL;
    if (err == NOH_OK) {
        err = noh_source_add(loop, fd, on_feed, &f, &source);
    }
    if (err == NOH_OK) {
        err = noh_loop_stop_on_signals(loop);
    }
    for (int i = 0; err == NOH_OK && i < 4; i++) {
        err = noh_loop_turn(loop, NOH_MS);
    }
    noh_source_remove(source);
    return err;
}

/* True when a request failed. */
static bool run_with_failure(noh_system *system, uint64_t n, bool for_ever)
{
    int fds[2];
    CHECK_EQ(pipe(fds), 0);
    CHECK_EQ(write(fds[1], "abc", 3), 3);
    size_t files = fault_open_files();
    noh_loop *loop = NULL;
    seen = 0;
    fault_malloc_at(n, for_ever);
    noh_err err = noh_loop_new(system, &loop);
    if (err == NOH_OK) {
        err = use(loop, fds[0]);
    } else {
        CHECK(loop == NULL);
    }
    CHECK_OK(noh_loop_free(loop));
    bool failed = fault_malloc_failures() > 0;
    fault_malloc_at(0, false);
    CHECK(err == NOH_OK || (failed && (err == NOH_E_NOMEM || err == NOH_E_OS)));
    CHECK(seen == 3 || failed);
    CHECK_EQ(fault_open_files(), files);
    close(fds[0]);
    close(fds[1]);
    return failed;
}

static void run_with_failures(bool for_ever)
{
    noh_system *system;
    CHECK_OK(noh_system_new(&(noh_options){.workers = 1}, &system));
    noh_loop *loop;
    CHECK_OK(noh_loop_new(system, &loop)); /* libuv keeps a pipe for signals from now on */
    CHECK_OK(noh_loop_free(loop));
    uint64_t n = 1;
    while (run_with_failure(system, n, for_ever)) {
        n++;
    }
    printf("# %llu requests\n", (unsigned long long)n - 1);
    CHECK(n > 3);
    CHECK_OK(noh_system_free(system));
}

static void nothing_breaks_when_one_request_fails(void)
{
    run_with_failures(false);
}

static void nothing_breaks_when_all_requests_fail_from_one_on(void)
{
    run_with_failures(true);
}

static const test_case cases[] = {
    TEST(nothing_breaks_when_one_request_fails),
    TEST(nothing_breaks_when_all_requests_fail_from_one_on),
};

int main(int argc, char **argv)
{
    uv_replace_allocator(malloc, fault_realloc_that_works, calloc, free);
    return test_main(cases, sizeof cases / sizeof *cases, argc > 1 ? argv[1] : "");
}
