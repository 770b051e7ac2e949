/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The operations of src/sync/atomic.h, given to the explorer: included by that file under NOH_MODEL.
 *
 * Each place in the code where an operation stands is a site: it knows its function, the name of the
 * operation and the order, and the explorer may weaken that order for one run. */
#ifndef NOHI_MODEL_ATOMIC_H
#define NOHI_MODEL_ATOMIC_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum nohi_model_order {
    NOHI_MODEL_RELAXED,
    NOHI_MODEL_ACQUIRE,
    NOHI_MODEL_RELEASE,
    NOHI_MODEL_ACQ_REL,
    NOHI_MODEL_SEQ_CST,
} nohi_model_order;

typedef enum nohi_model_kind {
    NOHI_MODEL_LOAD,
    NOHI_MODEL_STORE,
    NOHI_MODEL_XCHG,
    NOHI_MODEL_ADD,
    NOHI_MODEL_SUB,
    NOHI_MODEL_AND,
    NOHI_MODEL_OR,
    NOHI_MODEL_CAS,
    NOHI_MODEL_CAS_WEAK,
    /* what is no operation on an atomic object */
    NOHI_MODEL_LOCK,
    NOHI_MODEL_UNLOCK,
    NOHI_MODEL_WAIT,
    NOHI_MODEL_WAKE,
    NOHI_MODEL_CHOOSE,
    NOHI_MODEL_MEMBARRIER,
} nohi_model_kind;

typedef struct nohi_model_site {
    const char *function;
    const char *operation;
    uint8_t kind;
    uint8_t order; /* as declared */
    uint8_t used;  /* the order of this run, and 128: not executed yet */
} nohi_model_site;

typedef struct nohi_model_found {
    uint64_t value;
    bool done;
} nohi_model_found;

uint64_t nohi_model_load(nohi_model_site *site, const void *address, size_t size);
void nohi_model_store(nohi_model_site *site, void *address, size_t size, uint64_t value);
/* The value before. */
uint64_t nohi_model_change(nohi_model_site *site, void *address, size_t size, uint64_t operand);
nohi_model_found nohi_model_cas(nohi_model_site *site, void *address, size_t size,
                                uint64_t expected, uint64_t value);
int nohi_model_lock(pthread_mutex_t *mutex);
int nohi_model_unlock(pthread_mutex_t *mutex);
int nohi_model_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int nohi_model_mutex_destroy(pthread_mutex_t *mutex);

#define pthread_mutex_lock(mutex) nohi_model_lock(mutex)
#define pthread_mutex_unlock(mutex) nohi_model_unlock(mutex)
#define pthread_mutex_init(mutex, attributes) nohi_model_mutex_init(mutex, attributes)
#define pthread_mutex_destroy(mutex) nohi_model_mutex_destroy(mutex)

#define NOHI_MODEL_SITE(kind, order, name) \
    ({ \
        static nohi_model_site site_ = {__func__, name, NOHI_MODEL_##kind, NOHI_MODEL_##order, \
                                        128}; \
        &site_; \
    })
#define NOHI_MODEL_BITS(p, v) ((uint64_t)(uintptr_t)(__typeof__(*(p)))(v))
/* A statement expression, so that nobody has to use the value. */
#define NOHI_MODEL_TYPED(p, bits) \
    ({ \
        uint64_t bits_ = (bits); \
        (__typeof__(*(p)))(uintptr_t)bits_; \
    })

#define NOHI_MODEL_DO_LOAD(order, name, p) \
    NOHI_MODEL_TYPED(p, nohi_model_load(NOHI_MODEL_SITE(LOAD, order, name), (p), sizeof *(p)))
#define NOHI_MODEL_DO_STORE(order, name, p, v) \
    nohi_model_store(NOHI_MODEL_SITE(STORE, order, name), (p), sizeof *(p), NOHI_MODEL_BITS(p, v))
#define NOHI_MODEL_DO_CHANGE(kind, order, name, p, v) \
    NOHI_MODEL_TYPED(p, nohi_model_change(NOHI_MODEL_SITE(kind, order, name), (p), sizeof *(p), \
                                          NOHI_MODEL_BITS(p, v)))
#define NOHI_MODEL_DO_CAS(kind, order, name, p, seen, v) \
    ({ \
        __typeof__(seen) seen_ = (seen); \
        nohi_model_found found_ = \
            nohi_model_cas(NOHI_MODEL_SITE(kind, order, name), (p), sizeof *(p), \
                           NOHI_MODEL_BITS(p, *seen_), NOHI_MODEL_BITS(p, v)); \
        if (!found_.done) { \
            *seen_ = NOHI_MODEL_TYPED(p, found_.value); \
        } \
        found_.done; \
    })

#define atom(T) __typeof__(T)

#define load_relaxed(p) NOHI_MODEL_DO_LOAD(RELAXED, "load_relaxed", p)
#define load_acquire(p) NOHI_MODEL_DO_LOAD(ACQUIRE, "load_acquire", p)
#define load_seq_cst(p) NOHI_MODEL_DO_LOAD(SEQ_CST, "load_seq_cst", p)
#define store_relaxed(p, v) NOHI_MODEL_DO_STORE(RELAXED, "store_relaxed", p, v)
#define store_release(p, v) NOHI_MODEL_DO_STORE(RELEASE, "store_release", p, v)
#define store_seq_cst(p, v) NOHI_MODEL_DO_STORE(SEQ_CST, "store_seq_cst", p, v)
#define xchg_acquire(p, v) NOHI_MODEL_DO_CHANGE(XCHG, ACQUIRE, "xchg_acquire", p, v)
#define add_relaxed(p, v) NOHI_MODEL_DO_CHANGE(ADD, RELAXED, "add_relaxed", p, v)
#define add_seq_cst(p, v) NOHI_MODEL_DO_CHANGE(ADD, SEQ_CST, "add_seq_cst", p, v)
#define sub_relaxed(p, v) NOHI_MODEL_DO_CHANGE(SUB, RELAXED, "sub_relaxed", p, v)
#define sub_acq_rel(p, v) NOHI_MODEL_DO_CHANGE(SUB, ACQ_REL, "sub_acq_rel", p, v)
#define sub_seq_cst(p, v) NOHI_MODEL_DO_CHANGE(SUB, SEQ_CST, "sub_seq_cst", p, v)
#define and_relaxed(p, v) NOHI_MODEL_DO_CHANGE(AND, RELAXED, "and_relaxed", p, v)
#define or_release(p, v) NOHI_MODEL_DO_CHANGE(OR, RELEASE, "or_release", p, v)
#define or_seq_cst(p, v) NOHI_MODEL_DO_CHANGE(OR, SEQ_CST, "or_seq_cst", p, v)
#define cas_weak_seq_cst(p, seen, v) \
    NOHI_MODEL_DO_CAS(CAS_WEAK, SEQ_CST, "cas_weak_seq_cst", p, seen, v)
#define cas_seq_cst(p, seen, v) NOHI_MODEL_DO_CAS(CAS, SEQ_CST, "cas_seq_cst", p, seen, v)
#define cas_acq_rel(p, seen, v) NOHI_MODEL_DO_CAS(CAS, ACQ_REL, "cas_acq_rel", p, seen, v)
#define cas_relaxed(p, seen, v) NOHI_MODEL_DO_CAS(CAS, RELAXED, "cas_relaxed", p, seen, v)

/* Threads stop before each operation, in the order of the program. */
#define compiler_fence() ((void)0)

#endif
