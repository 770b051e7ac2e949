/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Race: every plain access to shared memory, and whether it happens after the others it may clash
 * with, by the declared orders, whatever the memory model.
 *
 * The models are compiled with -fsanitize=thread and linked without its runtime: the compiler's calls
 * come here. A thread's time is cut into periods, a new one after each release; its epochs knows of
 * each other thread the last period that happened before. Periods are numbered afresh in each state,
 * so that loops come back to the same state. */
#include "world.h"

enum { PLAIN_MAX = 100000 };

static uint16_t cell_of[MODEL_SHARED_BYTES]; /* number + 1, of the whole search */
static uint16_t starts[CELLS_MAX];

void race_reset(void)
{
    memset(cell_of, 0, sizeof cell_of);
}

epochs race_tell(unsigned number)
{
    thread *t = &now.threads[number];
    epochs told = t->knows;
    if (++t->knows.of[number] == UINT8_MAX) {
        fail("limit", "too many periods");
    }
    current.races_changed = true;
    return told;
}

void race_learn(unsigned number, const epochs *told)
{
    epochs *knows = &now.threads[number].knows;
    for (unsigned i = 0; i < MODEL_THREADS_MAX; i++) {
        knows->of[i] = told->of[i] > knows->of[i] ? told->of[i] : knows->of[i];
    }
    current.races_changed = true;
}

/* ---- cells -------------------------------------------------------------------------------- */

/* The cell of a byte; a new one has as many bytes of this access as are in no cell yet, eight at
 * most. */
static cell *cell_at(size_t byte, size_t end)
{
    if (cell_of[byte] == 0) {
        if (current.cell_count == CELLS_MAX) {
            fail("limit", "more than %d cells of plain memory", CELLS_MAX);
        }
        starts[current.cell_count] = (uint16_t)byte;
        unsigned number = ++current.cell_count;
        size_t last = (byte | 7) + 1 < end ? (byte | 7) + 1 : end;
        for (size_t i = byte; i < last && cell_of[i] == 0; i++) {
            cell_of[i] = (uint16_t)number;
        }
    }
    return &now.cells[cell_of[byte] - 1];
}

static _Noreturn void found(size_t byte, bool writes, unsigned other, bool other_wrote)
{
    fail("race", "%s %s %s, and %s has %s it, not ordered before",
         current.model->thread_names[current.running], writes ? "writes" : "reads",
         trace_name(nohi_model_shared + byte), current.model->thread_names[other],
         other_wrote ? "written" : "read");
}

static void touch(cell *c, size_t byte, bool writes)
{
    unsigned me = (unsigned)current.running;
    const epochs *knows = &now.threads[me].knows;
    uint8_t period = knows->of[me];
    if (c->writer != 0 && c->writer - 1u != me && c->written > knows->of[c->writer - 1]) {
        found(byte, writes, c->writer - 1u, true);
    }
    if (!writes) {
        current.races_changed |= c->read[me] != period;
        c->read[me] = period;
        return;
    }
    for (unsigned i = 0; i < current.threads; i++) {
        if (i != me && c->read[i] > knows->of[i]) {
            found(byte, true, i, false);
        }
    }
    *c = (cell){.writer = (uint8_t)(me + 1), .written = period};
    current.races_changed = true;
}

static void refuse_atomic(const char *start, size_t size)
{
    for (unsigned i = 0; i < current.location_count; i++) {
        const char *at = current.addresses[i];
        if (at < start + size && start < at + current.sizes[i]) {
            fail("access", "a plain access to %s, which is atomic", trace_name(at));
        }
    }
}

static void access_shared(const char *start, size_t size, bool writes)
{
    size_t byte = (size_t)(start - nohi_model_shared);
    size_t end = byte + size;
    const cell *before = NULL;
    refuse_atomic(start, size);
    for (; byte < end; byte++) {
        cell *c = cell_at(byte, end);
        if (c != before) {
            touch(c, byte, writes);
            before = c;
        }
    }
}

void race_access(const void *address, size_t size, bool writes)
{
    const char *start = address;
    if (current.running < 0 || size == 0) {
        return;
    }
    if (++current.plain_accesses > PLAIN_MAX) {
        fail("endless", "a step without an end");
    }
    if (start >= nohi_model_shared && start < nohi_model_shared + MODEL_SHARED_BYTES) {
        access_shared(start, size, writes);
        return;
    }
    if (start >= nohi_model_ghost && start < nohi_model_ghost + MODEL_GHOST_BYTES) {
        return;
    }
    const char *own = stacks[current.running];
    if (start >= own && start < own + STACK_BYTES) {
        return;
    }
    if (writes || (start >= stacks[0] && start < stacks[0] + sizeof stacks)) {
        fail("access", "%s %s memory that is neither shared nor its own, at %p",
             current.model->thread_names[current.running], writes ? "writes" : "reads", address);
    }
}

/* ---- one form for states that can do the same --------------------------------------------- */

/* Of each thread, the last period that all others know: nothing can clash with it any more. */
static void known_to_all(uint8_t known[MODEL_THREADS_MAX])
{
    for (unsigned t = 0; t < current.threads; t++) {
        known[t] = UINT8_MAX;
        for (unsigned u = 0; u < current.threads; u++) {
            uint8_t of = now.threads[u].knows.of[t];
            if (u != t && now.threads[u].status != DONE && of < known[t]) {
                known[t] = of;
            }
        }
    }
}

typedef struct ranks {
    uint8_t of[MODEL_THREADS_MAX][UINT8_MAX + 1]; /* a period's new number */
} ranks;

/* Forgets what all know, and marks the periods that are left. */
static void mark_periods(ranks *r)
{
    uint8_t known[MODEL_THREADS_MAX];
    known_to_all(known);
    for (unsigned i = 0; i < current.cell_count; i++) {
        cell *c = &now.cells[i];
        if (c->writer != 0 && c->written <= known[c->writer - 1]) {
            c->writer = 0;
            c->written = 0;
        }
        if (c->writer != 0) {
            r->of[c->writer - 1][c->written] = 1;
        }
        for (unsigned t = 0; t < current.threads; t++) {
            c->read[t] = c->read[t] <= known[t] ? 0 : c->read[t];
            r->of[t][c->read[t]] = c->read[t] != 0;
        }
    }
}

static void count_up(ranks *r)
{
    for (unsigned t = 0; t < current.threads; t++) {
        uint8_t rank = 0;
        for (unsigned p = 0; p <= UINT8_MAX; p++) {
            rank = (uint8_t)(rank + r->of[t][p]);
            r->of[t][p] = rank;
        }
    }
}

static void renumber(const ranks *r, epochs *c)
{
    for (unsigned t = 0; t < current.threads; t++) {
        c->of[t] = r->of[t][c->of[t]];
    }
}

/* The thread's own period is above all that others know. */
static void renumber_own(const ranks *r, unsigned number)
{
    epochs *knows = &now.threads[number].knows;
    if (now.threads[number].status == DONE) {
        *knows = (epochs){{0}};
        return;
    }
    uint8_t period = knows->of[number];
    bool used = r->of[number][period] != r->of[number][period - 1];
    renumber(r, knows);
    knows->of[number] = (uint8_t)(knows->of[number] + !used);
}

void race_normalize(void)
{
    ranks r = {{{0}}};
    mark_periods(&r);
    count_up(&r);
    for (unsigned i = 0; i < current.cell_count; i++) {
        cell *c = &now.cells[i];
        c->written = c->writer == 0 ? 0 : r.of[c->writer - 1][c->written];
        for (unsigned t = 0; t < current.threads; t++) {
            c->read[t] = r.of[t][c->read[t]];
        }
    }
    for (unsigned t = 0; t < current.threads; t++) {
        renumber_own(&r, t);
        for (unsigned i = 0; i < now.threads[t].buffered; i++) {
            renumber(&r, &now.buffers[t][i].knows);
        }
    }
    for (unsigned l = 0; l < current.location_count; l++) {
        renumber(&r, &now.locations[l].knows);
    }
    for (unsigned i = 0; i < now.message_count; i++) {
        renumber(&r, &now.messages[i].knows);
    }
}

/* ---- what the compiler calls -------------------------------------------------------------- */

#define ACCESS(size) \
    void __tsan_read##size(void *p); \
    void __tsan_write##size(void *p); \
    void __tsan_unaligned_read##size(void *p); \
    void __tsan_unaligned_write##size(void *p); \
    void __tsan_read##size(void *p) \
    { \
        race_access(p, size, false); \
    } \
    void __tsan_write##size(void *p) \
    { \
        race_access(p, size, true); \
    } \
    void __tsan_unaligned_read##size(void *p) \
    { \
        race_access(p, size, false); \
    } \
    void __tsan_unaligned_write##size(void *p) \
    { \
        race_access(p, size, true); \
    }
ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

void __tsan_read_range(void *p, size_t size);
void __tsan_write_range(void *p, size_t size);
void __tsan_func_entry(void *caller);
void __tsan_func_exit(void);
void __tsan_init(void);

void __tsan_read_range(void *p, size_t size)
{
    race_access(p, size, false);
}

void __tsan_write_range(void *p, size_t size)
{
    race_access(p, size, true);
}

void __tsan_func_entry(void *caller)
{
    (void)caller;
}

void __tsan_func_exit(void)
{
}

void __tsan_init(void)
{
}

/* clang 14 copies structs with plain memcpy and memset; linked with --wrap. */
void *__real_memcpy(void *to, const void *from, size_t size);
void *__real_memset(void *to, int byte, size_t size);
void *__wrap_memcpy(void *to, const void *from, size_t size);
void *__wrap_memset(void *to, int byte, size_t size);

void *__wrap_memcpy(void *to, const void *from, size_t size)
{
    race_access(from, size, false);
    race_access(to, size, true);
    return __real_memcpy(to, from, size);
}

void *__wrap_memset(void *to, int byte, size_t size)
{
    race_access(to, size, true);
    return __real_memset(to, byte, size);
}
