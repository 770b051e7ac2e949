/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The explored state, as the explorer's own files see it. */
#ifndef EXPLORE_WORLD_H
#define EXPLORE_WORLD_H

#include "explore.h"

#include <setjmp.h>
#include <stdalign.h>

enum {
    STACK_BYTES = 8192,
    LOCATIONS_MAX = 48,
    MESSAGES_MAX = 160,
    BUFFER_MAX = 6,
    CELLS_MAX = 400,
    CHOICES_MAX = 2 * MESSAGES_MAX,
};

/* Of each location, which of its messages a thread may still read: no older one than this. */
typedef struct view {
    uint8_t at[LOCATIONS_MAX];
} view;

/* Of each thread, the last of its periods whose plain accesses are known to have happened. */
typedef struct epochs {
    uint8_t of[MODEL_THREADS_MAX];
} epochs;

typedef enum status { READY, ASLEEP, FENCING, DONE } status;

typedef struct operation {
    nohi_model_site *site; /* NULL: none of atomic.h's */
    void *address;
    uint64_t operand;
    uint64_t expected;
    uint8_t kind;
    uint8_t order;
    uint8_t size;
    uint8_t location; /* number + 1; 0: none */
    bool timed;       /* WAIT: with a limit */
    uint8_t zero[3];  /* all bytes of a state count, so none is left undefined */
} operation;

typedef struct thread {
    uint8_t status;
    uint8_t fences_due; /* callers of membarrier that wait for this thread, a set */
    uint8_t buffered;   /* TSO: stores in the buffer */
    bool done;          /* CAS: it was */
    uint32_t stack;     /* where the used part begins */
    operation next;     /* what it will do */
    uint64_t result;
    view sees; /* RA */
    epochs knows;
    jmp_buf registers;
} thread;

/* TSO: a store on its way to memory. */
typedef struct buffered {
    uint64_t value;
    epochs knows;
    uint8_t location;
    uint8_t zero[3];
} buffered;

/* RA: one write of a location; those of one location lie together, in modification order. */
typedef struct message {
    uint64_t value;
    view sees; /* what an acquire learns */
    epochs knows;
    bool glued; /* written by a read-modify-write that read the one before it */
    uint8_t zero[3];
} message;

typedef struct location {
    uint8_t count;  /* RA: messages; 0: one, with the value in memory, and known to all */
    uint8_t strict; /* RA: seq_cst loads read no older message than this */
    epochs knows;   /* SC, TSO: what an acquire learns */
} location;

/* Plain memory: who touched it last, for data races. Periods; 0: nobody, or all know. */
typedef struct cell {
    uint8_t writer; /* number + 1 */
    uint8_t written;
    uint8_t read[MODEL_THREADS_MAX];
} cell;

/* All of it is saved with a state, but only the used parts. */
typedef struct world {
    thread threads[MODEL_THREADS_MAX];
    buffered buffers[MODEL_THREADS_MAX][BUFFER_MAX];
    location locations[LOCATIONS_MAX];
    message messages[MESSAGES_MAX];
    unsigned message_count;
    view fence; /* RA: what fences have brought together */
    unsigned heap_used;
    cell cells[CELLS_MAX];
} world;

extern world now;
extern char stacks[MODEL_THREADS_MAX][STACK_BYTES];

/* Of the whole search, not of a state. */
typedef struct run {
    const model *model;
    unsigned memory_model; /* SC, TSO or RA */
    const char *mutant;
    int running; /* the thread whose code runs, or -1 */
    unsigned threads;
    unsigned location_count;
    unsigned cell_count;
    unsigned plain_accesses; /* in this step: an endless one is found */
    bool races_changed;      /* since the last normalize */
    bool tracing;
    void *addresses[LOCATIONS_MAX];
    uint8_t sizes[LOCATIONS_MAX];
} run;
extern run current;

/* Why a search ended early. */
typedef struct failure {
    const char *kind; /* "check", "race", "deadlock", "stuck", …; NULL: it did not */
    char text[256];
} failure;
extern failure failed;
/* Notes the failure, and leaves the step. */
_Noreturn void fail(const char *kind, const char *format, ...) NOHI_FORMAT(2, 3);

/* ---- fiber.c: threads, and what they call ---- */
void fibers_start(void);
/* Lets a thread go on to its next operation. False: it failed. */
bool fiber_resume(unsigned thread);
/* Runs `fn` outside all threads. False: it failed. */
bool run_guarded(void (*fn)(void));
void catch_crashes(void);

/* ---- memory.c: what operations may do under a memory model ---- */
unsigned memory_location(void *address, size_t size);
/* In how many ways can the thread go on? 0: it has to wait. */
unsigned memory_outcomes(unsigned thread);
void memory_perform(unsigned thread, unsigned outcome);
bool memory_can_fence(unsigned thread);
void memory_fence(unsigned thread);
void memory_flush(unsigned thread);
/* Forgets what can make no difference any more, and numbers the rest afresh. */
void memory_normalize(void);
uint64_t memory_read(const void *address, size_t size);
void memory_write(void *address, size_t size, uint64_t value);

/* ---- race.c: data races ---- */
void race_reset(void);
void race_access(const void *address, size_t size, bool writes);
/* A release tells the thread's clock; it begins a new period. */
epochs race_tell(unsigned thread);
void race_learn(unsigned thread, const epochs *told);
void race_normalize(void);

/* ---- sites.c: where operations stand, and the weakened one ---- */
void sites_add(nohi_model_site *site);
/* All as declared, but for this one; NULL: all. */
void sites_weaken(const char *function, const char *operation, unsigned order);
/* What the search that follows executes, each function and operation once. */
typedef struct site_use {
    const char *function;
    const char *operation;
    uint8_t kind;
    uint8_t order;
} site_use;
void sites_clear_uses(void);
unsigned sites_used(const site_use **ret_uses);
extern const char *const order_names[];

/* ---- trace.c: what a person reads ---- */
const char *trace_name(const void *address);
void trace_clear_names(void);
void trace_line(unsigned thread, const char *format, ...) NOHI_FORMAT(2, 3);
/* Before it is performed, and after. */
void trace_operation(unsigned thread);
void trace_result(unsigned thread, const operation *performed);

/* ---- search.c: all states ---- */
enum { OUTCOMES_MAX = 100 };
typedef struct search_result {
    uint32_t states;
    uint64_t transitions;
    double seconds;
    bool outcomes[OUTCOMES_MAX]; /* seen by nohi_model_outcome */
} search_result;
/* Explores a model; `failed` says whether it went wrong. */
search_result search(const model *explored, unsigned memory_model, const char *mutant);
/* Prints the steps that lead to the failure of the last search. */
void search_print_trace(void);

#endif
