/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Many actors that have received once and now wait in their function for the next message: resident
 * bytes of each, with its stack.
 *
 *     idle_waiting ACTORS */
#include "bench.h"

#include <unistd.h>

enum { CHUNK = 1000 }; /* asks open at a time */

NOH_MESSAGE(here, (int64_t, times));
NOH_REQUEST(are_you_there, here);

static noh_err wait_for_ever(noh_self *self, const noh_nothing *arguments)
{
    for (int64_t times = 1;; times++) {
        const are_you_there *m;
        noh_err err = noh_receive_only(self, are_you_there, NOH_FOREVER, &m);
        if (err != NOH_OK) {
            return err;
        }
        err = noh_reply(self, here, .times = times);
        if (err != NOH_OK) {
            return err;
        }
    }
}

NOH_PROCESS(waiter, noh_nothing, wait_for_ever);

/* ---- the parent spawns a chunk, asks each whether it is there, waits, and goes on ---- */

NOH_MESSAGE(populated, (int64_t, answers));
NOH_REQUEST(populate, populated, (int64_t, actors));
NOH_NO_STATE(parent);

static noh_err populate_chunk(noh_self *self, int64_t actors, int64_t *answers)
{
    noh_future open[CHUNK];
    for (int64_t i = 0; i < actors; i++) {
        noh_err err = noh_ask(self, noh_spawn(self, waiter), are_you_there, &open[i]);
        if (err != NOH_OK) {
            return err;
        }
    }
    for (int64_t i = 0; i < actors; i++) {
        here h;
        noh_err err = noh_await(self, open[i], here, NOH_FOREVER, &h);
        if (err != NOH_OK) {
            return err;
        }
        *answers += h.times;
    }
    return NOH_OK;
}

static noh_err on_populate(noh_self *self, parent *me, const populate *m)
{
    int64_t answers = 0;
    for (int64_t left = m->actors; left > 0; left -= CHUNK) {
        noh_err err = populate_chunk(self, left < CHUNK ? left : CHUNK, &answers);
        if (err != NOH_OK) {
            return err;
        }
    }
    return noh_reply(self, populated, .answers = answers);
}

NOH_BEHAVIOR(parent, NOH_ON(populate, on_populate));

/* ---- the measurement ---- */

typedef struct memory {
    int64_t resident;
    int64_t tables; /* the kernel's, for the addresses: not resident */
} memory;

static memory memory_now(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    long resident_kb = -1, tables_kb = -1;
    bench_check(status != NULL, "/proc/self/status");
    for (char line[256]; fgets(line, sizeof line, status) != NULL;) {
        (void)(sscanf(line, "VmRSS: %ld", &resident_kb) == 1 ||
               sscanf(line, "VmPTE: %ld", &tables_kb) == 1);
    }
    fclose(status);
    bench_check(resident_kb >= 0 && tables_kb >= 0, "/proc/self/status");
    return (memory){resident_kb * 1024, tables_kb * 1024};
}

int main(int argc, char **argv)
{
    int64_t actors = bench_size(argc, argv, 1);
    noh_system *system = bench_system();
    noh_self *me = noh_system_self(system);
    noh_ref root = noh_spawn(me, parent);
    populated result;

    memory before = memory_now();
    int64_t start = bench_now_ns();
    bench_must(noh_call(me, root, populate, &result, .actors = actors), "populate");
    int64_t took = bench_now_ns() - start;
    usleep(200000); /* the workers come to rest */
    memory after = memory_now();

    bench_check(result.answers == actors, "every actor answered once");
    char extra[96];
    snprintf(extra, sizeof extra, " bytes_per_actor=%.1f table_bytes_per_actor=%.1f",
             (double)(after.resident - before.resident) / (double)actors,
             (double)(after.tables - before.tables) / (double)actors);
    bench_report("idle-waiting", actors, took, extra);
    return noh_system_free(system) == NOH_OK ? 0 : 1;
}
