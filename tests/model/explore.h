/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* What a model is written with. README.md says what the explorer does with it.
 *
 *   typedef struct shared { nohi_inbox inbox; … } shared;
 *   #define S MODEL_SHARED(shared)
 *   static void setup(void)              fills S, alone
 *   static void sender(unsigned thread)  one function for each thread
 *   static void check(void)              looks at S when all threads have ended
 *   MODEL(inbox, .shared_bytes = sizeof(shared), .setup = setup, .threads = {sender, owner}, …);
 *
 * Threads keep what they share in S, or in MODEL_GHOST, and nothing in globals. */
#ifndef EXPLORE_H
#define EXPLORE_H

#include "atomic.h"
#include "base.h"

#include <string.h>

enum { MODEL_THREADS_MAX = 4, MODEL_SHARED_BYTES = 4096, MODEL_GHOST_BYTES = 256 };

/* Memory models; a set of them is a sum. */
enum { SC = 1, TSO = 2, RA = 4, ALL = 7 };

/* An ordering that must be what it is: with this weaker one the model fails under `in`. */
typedef struct model_weakened {
    const char *function;
    const char *operation;
    nohi_model_order order;
    unsigned in;
} model_weakened;

/* A broken variant of the model's own code (MODEL_MUTANT), which fails under `in`. */
typedef struct model_mutant {
    const char *name;
    unsigned in;
} model_mutant;

typedef struct model {
    const char *name;
    const char *about; /* one line */
    void (*threads[MODEL_THREADS_MAX])(unsigned thread);
    const char *thread_names[MODEL_THREADS_MAX];
    void (*setup)(void);
    void (*check)(void);
    size_t shared_bytes;
    size_t heap_bytes; /* for nohi_model_env.alloc: memory behind `shared` */
    unsigned spurious; /* memory models in which park_wait also returns for no reason */
    bool membarriers;  /* it uses nohi_model_membarrier */
    bool ends_asleep;  /* when all that have not ended sleep, that is an end too: see `check` */
    bool quiet;        /* a part of the explorer's own test: not run as a model */
    const model_weakened *weakened; /* up to one without a function */
    const model_mutant *mutants;    /* up to one without a name */
    const char *fails;              /* for the explorer's own test: how it must fail, */
    const char *outcomes[3];        /* or what it may show under SC, TSO, RA: "00 01 11" */
    struct model *next;
} model;

#define MODEL(name_, ...) \
    static model model_##name_ = {.name = #name_, __VA_ARGS__}; \
    __attribute__((constructor)) static void model_##name_##_is_known(void) \
    { \
        nohi_model_add(&model_##name_); \
    } \
    static model model_##name_
void nohi_model_add(model *added);

extern char nohi_model_shared[];
extern char nohi_model_ghost[];
#define MODEL_SHARED(type) ((type *)(void *)nohi_model_shared)
/* Counters and notes of the model itself: saved with the state, and never a data race. */
#define MODEL_GHOST(type) ((type *)(void *)nohi_model_ghost)

#define MODEL_CHECK(condition) \
    ((condition) ? (void)0 : nohi_model_failed("check", #condition, __FILE__, __LINE__))
_Noreturn void nohi_model_failed(const char *kind, const char *what, const char *file, int line);

/* In setup: what traces call this object. */
#define MODEL_NAME(object) nohi_model_name(&(object), sizeof(object), #object)
void nohi_model_name(const void *start, size_t size, const char *text);

/* 0 … count-1, each of them. */
unsigned nohi_model_choose(unsigned count);
/* Is this the variant to run? */
#define MODEL_MUTANT(name_) nohi_model_mutant(name_)
bool nohi_model_mutant(const char *name);
/* A full fence here, and at some moment before it returns in every other thread (membarrier(2)). */
void nohi_model_membarrier(void);
/* In `check`, for the explorer's own test: one possible outcome, in digits. */
void nohi_model_outcome(unsigned digits);

extern const noh_env nohi_model_env;

#endif
