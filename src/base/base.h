/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Plain C helpers that every layer uses. GNU extensions live here and nowhere else in C files. */
#ifndef NOHI_BASE_H
#define NOHI_BASE_H

#include <noh/env.h>
#include <noh/err.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOHI_CACHELINE 64

#define NOHI_LIKELY(x) __builtin_expect(!!(x), 1)
#define NOHI_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define NOHI_NOINLINE __attribute__((noinline))
#define NOHI_COLD __attribute__((cold, noinline))
#define NOHI_INLINE static inline __attribute__((always_inline))
#define NOHI_PREFETCH_WRITE(p) __builtin_prefetch(p, 1)
#define NOHI_FORMAT(text, first) __attribute__((format(printf, text, first)))

#define NOHI_CONTAINER(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
#define NOHI_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A broken invariant of our own: prints its id and aborts. Always on where it is cheap. */
#define NOHI_ASSERT(id, condition) \
    ((condition) ? (void)0 : nohi_assert_failed(#id, #condition, __FILE__, __LINE__))
_Noreturn void nohi_assert_failed(const char *id, const char *condition, const char *file,
                                  int line);

/* The same where the check is dear; and a limit: small in the hostile build, so that its edge, which
 * is met once in thousands of times, is met each time. */
#ifdef NOH_HOSTILE
#define NOHI_CHECK(id, condition) NOHI_ASSERT(id, condition)
#define NOHI_LIMIT(usual, hostile) (hostile)
#else
#define NOHI_CHECK(id, condition) ((void)0)
#define NOHI_LIMIT(usual, hostile) (usual)
#endif

/* Tell AddressSanitizer that pooled memory is free, so that a use after release is reported. */
#if defined(__SANITIZE_ADDRESS__)
#define NOHI_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NOHI_ASAN 1
#endif
#endif
#ifdef NOHI_ASAN
void __asan_poison_memory_region(void const volatile *start, size_t size);
void __asan_unpoison_memory_region(void const volatile *start, size_t size);
#define NOHI_POISON(start, size) __asan_poison_memory_region(start, size)
#define NOHI_UNPOISON(start, size) __asan_unpoison_memory_region(start, size)
#else
#define NOHI_POISON(start, size) ((void)(start), (void)(size))
#define NOHI_UNPOISON(start, size) ((void)(start), (void)(size))
#endif

NOHI_INLINE size_t nohi_align_up(size_t size, size_t alignment)
{
    return (size + alignment - 1) & ~(alignment - 1);
}

/* The number of the highest and of the lowest 1 bit; assumes that there is one. */
NOHI_INLINE unsigned nohi_highest_bit(uint64_t bits)
{
    return 63 - (unsigned)__builtin_clzll(bits);
}

NOHI_INLINE unsigned nohi_lowest_bit(uint64_t bits)
{
    return (unsigned)__builtin_ctzll(bits);
}

/* A time so much later, or INT64_MAX. `delay_ns` >= 0; a clock may be below zero. */
NOHI_INLINE int64_t nohi_later(int64_t now_ns, int64_t delay_ns)
{
    return now_ns > 0 && delay_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + delay_ns;
}

NOHI_INLINE void *nohi_alloc(const noh_env *env, size_t size)
{
    return env->alloc(env->world, size);
}

NOHI_INLINE void nohi_free(const noh_env *env, void *block, size_t size)
{
    if (block != NULL) {
        env->free(env->world, block, size);
    }
}

#endif
