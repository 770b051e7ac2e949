/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Atomic operations named by their memory order.
 *
 * Purpose   The only file that includes <stdatomic.h>. A reader sees the order at the call, and a
 *           model checker can replace this file without touching the algorithms.
 * Why not   <stdatomic.h> directly: its short names mean seq_cst, so the cheapest spelling hides
 *           the strongest order. Stand-alone fences: ThreadSanitizer does not model them. */
#ifndef NOHI_ATOMIC_H
#define NOHI_ATOMIC_H

#ifdef NOH_MODEL
#include "model_atomic.h" /* tests/model: the same names, executed by the explorer */
#else
#include "hostile.h"

#include <stdatomic.h>

#define atom(T) _Atomic(T)

#define NOHI_AT(operation) (nohi_hostile_point(), operation)

#define load_relaxed(p) NOHI_AT(atomic_load_explicit((p), memory_order_relaxed))
#define load_acquire(p) NOHI_AT(atomic_load_explicit((p), memory_order_acquire))
#define load_seq_cst(p) NOHI_AT(atomic_load_explicit((p), memory_order_seq_cst))
#define store_relaxed(p, v) NOHI_AT(atomic_store_explicit((p), (v), memory_order_relaxed))
#define store_release(p, v) NOHI_AT(atomic_store_explicit((p), (v), memory_order_release))
#define store_seq_cst(p, v) NOHI_AT(atomic_store_explicit((p), (v), memory_order_seq_cst))
#define xchg_acquire(p, v) NOHI_AT(atomic_exchange_explicit((p), (v), memory_order_acquire))
#define add_relaxed(p, v) NOHI_AT(atomic_fetch_add_explicit((p), (v), memory_order_relaxed))
#define add_seq_cst(p, v) NOHI_AT(atomic_fetch_add_explicit((p), (v), memory_order_seq_cst))
#define sub_relaxed(p, v) NOHI_AT(atomic_fetch_sub_explicit((p), (v), memory_order_relaxed))
#define sub_acq_rel(p, v) NOHI_AT(atomic_fetch_sub_explicit((p), (v), memory_order_acq_rel))
#define sub_seq_cst(p, v) NOHI_AT(atomic_fetch_sub_explicit((p), (v), memory_order_seq_cst))
#define and_relaxed(p, v) NOHI_AT(atomic_fetch_and_explicit((p), (v), memory_order_relaxed))
#define or_release(p, v) NOHI_AT(atomic_fetch_or_explicit((p), (v), memory_order_release))
#define or_seq_cst(p, v) NOHI_AT(atomic_fetch_or_explicit((p), (v), memory_order_seq_cst))
/* On failure all write the value found to `*seen` and order nothing. */
#define cas_weak_seq_cst(p, seen, v) \
    NOHI_AT(atomic_compare_exchange_weak_explicit((p), (seen), (v), memory_order_seq_cst, \
                                                  memory_order_relaxed))
#define cas_seq_cst(p, seen, v) \
    NOHI_AT(atomic_compare_exchange_strong_explicit((p), (seen), (v), memory_order_seq_cst, \
                                                    memory_order_relaxed))
#define cas_acq_rel(p, seen, v) \
    NOHI_AT(atomic_compare_exchange_strong_explicit((p), (seen), (v), memory_order_acq_rel, \
                                                    memory_order_relaxed))
#define cas_relaxed(p, seen, v) \
    NOHI_AT(atomic_compare_exchange_strong_explicit((p), (seen), (v), memory_order_relaxed, \
                                                    memory_order_relaxed))

/* The compiler keeps what stands before it there; the processor need not: lease.h. */
#define compiler_fence() atomic_signal_fence(memory_order_seq_cst)
#endif

/* A counter with one writer: others read it whenever they like and decide nothing on it. No locked
 * instruction. */
#define bump(p) store_relaxed((p), load_relaxed(p) + 1)
#define bump_release(p) store_release((p), load_relaxed(p) + 1) /* after what it counts */
#define bump_by(p, n) store_relaxed((p), load_relaxed(p) + (n))

#endif
