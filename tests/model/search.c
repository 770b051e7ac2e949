/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Search: every state that a model can reach, once.
 *
 * A depth-first walk. A state is saved as bytes before it is left and put back for each way that
 * leads on, so nothing is executed twice; a state whose 128-bit fingerprint is known is not entered
 * again, so loops end. All edges are kept: from every state some end must be reachable. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { NONE = 0xffffffff, STATES_MAX = 30000000 };

/* One way on: whose, and which. */
enum { STEP_OPERATION, STEP_FLUSH, STEP_FENCE };
typedef struct step {
    uint8_t thread;
    uint8_t kind;
    uint16_t which; /* outcome; FENCE: the caller */
} step;

typedef struct state {
    uint32_t parent;
    step by;
    bool final;
    bool ends; /* a final state can be reached */
} state;

typedef struct seen {
    uint64_t low;
    uint64_t high;
    uint32_t id; /* + 1; 0: free */
} seen;

typedef struct edge {
    uint32_t from;
    uint32_t to;
} edge;

typedef struct frame {
    uint32_t id;
    size_t saved; /* where its bytes begin */
    size_t first; /* its steps */
    size_t next;
} frame;

/* Arrays that grow. */
#define GROW(array, count, capacity) \
    do { \
        if ((count) == (capacity)) { \
            (capacity) = (capacity) == 0 ? 1024 : 2 * (capacity); \
            (array) = realloc((array), (capacity) * sizeof *(array)); \
            if ((array) == NULL) { \
                abort(); \
            } \
        } \
    } while (0)

static state *states;
static size_t state_count, state_capacity;
static edge *edges;
static size_t edge_count, edge_capacity;
static frame *frames;
static size_t frame_count, frame_capacity;
static step *steps;
static size_t step_count, step_capacity;
static seen *table;
static size_t table_size;    /* a power of two */
static unsigned char *bytes; /* saved states, one on top of the other */
static size_t byte_count, byte_capacity;

static uint32_t failed_at; /* the state before the failure, */
static step failed_by;     /* and the step from there; thread 255: none */
static search_result *result;

/* ---- a state as bytes --------------------------------------------------------------------- */

typedef struct part {
    void *start;
    size_t size;
    bool grows; /* as the search goes on: zeros at its end make no difference */
} part;

enum { PARTS_MAX = 16 };

static size_t used_shared(void)
{
    const model *m = current.model;
    return m->heap_bytes == 0 ? m->shared_bytes
                              : nohi_align_up(m->shared_bytes, 64) + m->heap_bytes;
}

/* What there is to save. The sizes of the stacks and of the messages are read from `now`. */
static unsigned parts(part *list)
{
    unsigned n = 0;
    list[n++] = (part){now.threads, current.threads * sizeof(thread), false};
    list[n++] = (part){&now.message_count, sizeof now.message_count, false};
    list[n++] = (part){&now.heap_used, sizeof now.heap_used, false};
    list[n++] = (part){nohi_model_shared, used_shared(), false};
    list[n++] = (part){nohi_model_ghost, MODEL_GHOST_BYTES, false};
    list[n++] = (part){now.locations, current.location_count * sizeof(location), true};
    list[n++] = (part){now.cells, current.cell_count * sizeof(cell), true};
    if (current.memory_model == TSO) {
        list[n++] = (part){now.buffers, current.threads * sizeof now.buffers[0], false};
    }
    if (current.memory_model == RA) {
        list[n++] = (part){&now.fence, sizeof now.fence, false};
        list[n++] = (part){now.messages, now.message_count * sizeof(message), false};
    }
    for (unsigned t = 0; t < current.threads; t++) {
        uint32_t used = now.threads[t].stack;
        list[n++] = (part){stacks[t] + used, STACK_BYTES - used, false};
    }
    return n;
}

typedef struct counts {
    uint32_t locations;
    uint32_t cells;
} counts;

static void push_bytes(const void *start, size_t size)
{
    while (byte_count + size > byte_capacity) {
        byte_capacity = byte_capacity == 0 ? 1u << 20 : 2 * byte_capacity;
        bytes = realloc(bytes, byte_capacity);
        if (bytes == NULL) {
            abort();
        }
    }
    memcpy(bytes + byte_count, start, size);
    byte_count += size;
}

static size_t save(void)
{
    part list[PARTS_MAX];
    size_t start = byte_count;
    counts c = {current.location_count, current.cell_count};
    push_bytes(&c, sizeof c);
    unsigned n = parts(list);
    for (unsigned i = 0; i < n; i++) {
        push_bytes(list[i].start, list[i].size);
    }
    return start;
}

/* Below the used part of a stack all is zero, whatever was there before. */
static void restore(size_t at)
{
    uint32_t before[MODEL_THREADS_MAX];
    for (unsigned t = 0; t < current.threads; t++) {
        before[t] = now.threads[t].stack;
    }
    counts have = {current.location_count, current.cell_count};
    counts c;
    memcpy(&c, bytes + at, sizeof c);
    at += sizeof c;
    current.location_count = c.locations;
    current.cell_count = c.cells;
    memcpy(now.threads, bytes + at, current.threads * sizeof(thread));
    memcpy(&now.message_count, bytes + at + current.threads * sizeof(thread),
           sizeof now.message_count);
    part list[PARTS_MAX];
    unsigned n = parts(list);
    for (unsigned i = 0; i < n; i++) {
        memcpy(list[i].start, bytes + at, list[i].size);
        at += list[i].size;
    }
    for (unsigned t = 0; t < current.threads; t++) {
        if (before[t] < now.threads[t].stack) {
            memset(stacks[t] + before[t], 0, now.threads[t].stack - before[t]);
        }
    }
    memset(now.locations + c.locations, 0, (have.locations - c.locations) * sizeof(location));
    memset(now.cells + c.cells, 0, (have.cells - c.cells) * sizeof(cell));
    current.location_count = have.locations;
    current.cell_count = have.cells;
    current.races_changed = false;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static void hash_bytes(seen *hash, const unsigned char *start, size_t size)
{
    const uint64_t one = 0xa0761d6478bd642f, two = 0xe7037ed1a0b428db;
    uint64_t word[2];
    for (; size >= sizeof word; size -= sizeof word, start += sizeof word) {
        memcpy(word, start, sizeof word);
        hash->low = mix(hash->low ^ word[0] ^ one, word[1] ^ two);
        hash->high = mix(hash->high ^ word[1] ^ two, word[0] ^ one ^ hash->low);
    }
    word[0] = size;
    word[1] = 0;
    memcpy((char *)word + 8, start, size > 8 ? 8 : size);
    if (size > 8) {
        uint64_t rest = 0;
        memcpy(&rest, start + 8, size - 8);
        word[0] ^= rest << 4;
    }
    hash->low = mix(hash->low ^ word[0] ^ one, word[1] ^ two);
    hash->high = mix(hash->high ^ word[1] ^ one, word[0] ^ two ^ hash->low);
}

static seen fingerprint(void)
{
    seen hash = {.low = 1, .high = 2};
    part list[PARTS_MAX];
    unsigned n = parts(list);
    for (unsigned i = 0; i < n; i++) {
        const unsigned char *start = list[i].start;
        size_t size = list[i].size;
        while (list[i].grows && size > 0 && start[size - 1] == 0) {
            size--;
        }
        hash_bytes(&hash, start, size);
    }
    return hash;
}

/* ---- the states seen ---------------------------------------------------------------------- */

static seen *place_of(const seen *hash)
{
    size_t at = hash->low & (table_size - 1);
    while (table[at].id != 0 && (table[at].low != hash->low || table[at].high != hash->high)) {
        at = (at + 1) & (table_size - 1);
    }
    return &table[at];
}

static void enlarge_table(void)
{
    seen *old = table;
    size_t old_size = table_size;
    table_size = old_size == 0 ? 1u << 16 : 2 * old_size;
    table = calloc(table_size, sizeof(seen));
    if (table == NULL) {
        abort();
    }
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].id != 0) {
            *place_of(&old[i]) = old[i];
        }
    }
    free(old);
}

/* The number of the present state; was it new? */
static uint32_t number_of_state(uint32_t parent, step by, bool *ret_new)
{
    if (2 * (state_count + 1) > table_size) {
        enlarge_table();
    }
    seen hash = fingerprint();
    seen *place = place_of(&hash);
    *ret_new = place->id == 0;
    if (*ret_new) {
        GROW(states, state_count, state_capacity);
        states[state_count++] = (state){.parent = parent, .by = by};
        *place = hash;
        place->id = (uint32_t)state_count;
    }
    return place->id - 1;
}

/* ---- one step ----------------------------------------------------------------------------- */

static step taken;

static void perform_taken(void)
{
    unsigned t = taken.thread;
    if (taken.kind == STEP_FLUSH) {
        memory_flush(t);
    } else if (taken.kind == STEP_FENCE) {
        if (current.tracing) {
            trace_line(t, "  fence, for %s", current.model->thread_names[taken.which]);
        }
        now.threads[t].fences_due &= (uint8_t) ~(1u << taken.which);
        memory_fence(t);
    } else {
        memory_perform(t, taken.which);
    }
}

/* False: it failed. */
static bool take(step s)
{
    thread *t = &now.threads[s.thread];
    operation op = t->next;
    taken = s;
    if (current.tracing && s.kind == STEP_OPERATION && t->status == READY) {
        trace_operation(s.thread);
    }
    if (!run_guarded(perform_taken)) {
        return false;
    }
    if (s.kind == STEP_OPERATION && t->status == READY) {
        if (current.tracing) {
            trace_result(s.thread, &op);
        }
        if (!fiber_resume(s.thread)) {
            return false;
        }
    } else if (current.tracing && t->status == ASLEEP && s.kind == STEP_OPERATION) {
        trace_result(s.thread, &op);
    }
    return run_guarded(memory_normalize);
}

static void add_step(unsigned thread, unsigned kind, unsigned which)
{
    GROW(steps, step_count, step_capacity);
    steps[step_count++] = (step){(uint8_t)thread, (uint8_t)kind, (uint16_t)which};
}

/* All ways on from the present state. */
static void list_steps(void)
{
    for (unsigned t = 0; t < current.threads; t++) {
        unsigned outcomes = memory_outcomes(t);
        for (unsigned i = 0; i < outcomes; i++) {
            add_step(t, STEP_OPERATION, i);
        }
        if (now.threads[t].buffered > 0) {
            add_step(t, STEP_FLUSH, 0);
        }
        for (unsigned caller = 0; caller < current.threads && memory_can_fence(t); caller++) {
            if (now.threads[t].fences_due & 1u << caller) {
                add_step(t, STEP_FENCE, caller);
            }
        }
    }
}

/* ---- the walk ----------------------------------------------------------------------------- */

static void note_failure(uint32_t at, step by)
{
    failed_at = at;
    failed_by = by;
}

static bool all_done(void)
{
    bool may_sleep = current.model->ends_asleep;
    for (unsigned t = 0; t < current.threads; t++) {
        if (now.threads[t].status != DONE && !(may_sleep && now.threads[t].status == ASLEEP)) {
            return false;
        }
    }
    return true;
}

/* Nothing can go on: that is the end, or a deadlock. False: it failed. */
static bool look_at_end(uint32_t id)
{
    const step none = {.thread = 255};
    if (!all_done()) {
        failed.kind = "deadlock";
        snprintf(failed.text, sizeof failed.text, "nobody can go on");
    } else {
        states[id].final = true;
        run_guarded(current.model->check);
    }
    if (failed.kind != NULL) {
        note_failure(id, none);
    }
    return failed.kind == NULL;
}

static bool enter(uint32_t id)
{
    GROW(frames, frame_count, frame_capacity);
    frame f = {.id = id, .first = step_count, .next = step_count};
    list_steps();
    if (step_count == f.first) {
        return look_at_end(id);
    }
    f.saved = save();
    frames[frame_count++] = f;
    return true;
}

static bool go_on(frame *f)
{
    uint32_t from = f->id;
    step s = steps[f->next++];
    restore(f->saved);
    if (!take(s)) {
        note_failure(from, s);
        return false;
    }
    bool is_new;
    uint32_t to = number_of_state(from, s, &is_new);
    GROW(edges, edge_count, edge_capacity);
    edges[edge_count++] = (edge){from, to};
    if (state_count > STATES_MAX) {
        failed = (failure){.kind = "limit", .text = "too many states"};
        return false;
    }
    return !is_new || enter(to);
}

static size_t steps_end(size_t level)
{
    return level + 1 == frame_count ? step_count : frames[level + 1].first;
}

static bool walk(void)
{
    while (frame_count > 0) {
        frame *f = &frames[frame_count - 1];
        if (f->next == steps_end(frame_count - 1)) {
            byte_count = f->saved;
            step_count = f->first;
            frame_count--;
        } else if (!go_on(f)) {
            return false;
        }
    }
    return true;
}

/* ---- can it always end? ------------------------------------------------------------------- */

/* Backwards along the edges from all final states. */
static void mark_ending_states(void)
{
    uint32_t *first = calloc(state_count + 1, sizeof *first);
    uint32_t *from = malloc((edge_count + 1) * sizeof *from);
    uint32_t *todo = malloc((state_count + 1) * sizeof *todo);
    if (first == NULL || from == NULL || todo == NULL) {
        abort();
    }
    for (size_t i = 0; i < edge_count; i++) {
        first[edges[i].to + 1]++;
    }
    for (size_t i = 0; i < state_count; i++) {
        first[i + 1] += first[i];
    }
    for (size_t i = 0; i < edge_count; i++) {
        from[first[edges[i].to]++] = edges[i].from;
    }
    size_t count = 0;
    for (uint32_t i = 0; i < state_count; i++) {
        if (states[i].final) {
            states[i].ends = true;
            todo[count++] = i;
        }
    }
    while (count > 0) {
        uint32_t to = todo[--count];
        for (uint32_t i = to == 0 ? 0 : first[to - 1]; i < first[to]; i++) {
            if (!states[from[i]].ends) {
                states[from[i]].ends = true;
                todo[count++] = from[i];
            }
        }
    }
    free(first);
    free(from);
    free(todo);
}

static void check_progress(void)
{
    mark_ending_states();
    for (uint32_t i = 0; i < state_count; i++) {
        if (!states[i].ends) {
            failed = (failure){.kind = "stuck", .text = "from here no end can be reached"};
            note_failure(i, (step){.thread = 255});
            return;
        }
    }
}

/* ---- the whole ---------------------------------------------------------------------------- */

static void clear_world(void)
{
    memset(&now, 0, sizeof now);
    memset(nohi_model_shared, 0, MODEL_SHARED_BYTES);
    memset(nohi_model_ghost, 0, MODEL_GHOST_BYTES);
    memset(stacks, 0, sizeof stacks);
    trace_clear_names();
}

/* The state in which each thread stands before its first operation. False: it failed. */
static bool begin(void)
{
    clear_world();
    if (!run_guarded(current.model->setup)) {
        return false;
    }
    for (unsigned t = 0; t < current.threads; t++) {
        now.threads[t].knows.of[t] = 1;
        now.threads[t].stack = STACK_BYTES;
    }
    fibers_start();
    for (unsigned t = 0; t < current.threads; t++) {
        if (!fiber_resume(t)) {
            return false;
        }
    }
    return run_guarded(memory_normalize);
}

static void forget_search(void)
{
    state_count = edge_count = frame_count = step_count = byte_count = 0;
    free(table); /* it may be much too large for the next model */
    table = NULL;
    table_size = 0;
    failed = (failure){.kind = NULL};
    race_reset();
}

static double seconds_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time); /* whoever else uses the machine */
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void explore(void)
{
    const step none = {.thread = 255};
    bool is_new;
    note_failure(NONE, none);
    if (!begin()) {
        return;
    }
    uint32_t first = number_of_state(NONE, none, &is_new);
    if (enter(first) && walk()) {
        check_progress();
    }
}

search_result search(const model *explored, unsigned memory_model, const char *mutant)
{
    search_result r = {.states = 0};
    double began = seconds_now();
    current =
        (run){.model = explored, .memory_model = memory_model, .mutant = mutant, .running = -1};
    while (current.threads < MODEL_THREADS_MAX && explored->threads[current.threads] != NULL) {
        current.threads++;
    }
    forget_search();
    result = &r;
    explore();
    r.states = (uint32_t)state_count;
    r.transitions = edge_count;
    r.seconds = seconds_now() - began;
    return r;
}

void nohi_model_outcome(unsigned digits)
{
    if (digits < OUTCOMES_MAX) {
        result->outcomes[digits] = true;
    }
}

bool nohi_model_mutant(const char *name)
{
    return current.mutant != NULL && strcmp(current.mutant, name) == 0;
}

/* Runs the path again, and says what happens. */
void search_print_trace(void)
{
    failure why = failed;
    size_t length = 0;
    for (uint32_t at = failed_at; at != NONE && at != 0; at = states[at].parent) {
        length++;
    }
    step *path = malloc((length + 1) * sizeof *path);
    if (path == NULL) {
        abort();
    }
    size_t left = length;
    for (uint32_t at = failed_at; at != NONE && at != 0; at = states[at].parent) {
        path[--left] = states[at].by;
    }
    path[length] = failed_by;
    length += failed_by.thread != 255;
    failed.kind = NULL;
    current.tracing = true;
    bool going = begin();
    for (size_t i = 0; i < length && going; i++) {
        going = take(path[i]);
    }
    for (unsigned t = 0; t < current.threads && failed_by.thread == 255; t++) {
        static const char *const words[] = {"stands before:", "sleeps", "waits for fences",
                                            "is done"};
        trace_line(t, "%s", words[now.threads[t].status]);
        if (now.threads[t].status == READY) {
            trace_operation(t);
        }
    }
    current.tracing = false;
    failed = why;
    printf("  => %s: %s\n", why.kind, why.text);
    free(path);
}
