/* atomic.h -- C11 atomics under names that say their order.
 * May use: base.
 * Orders in use: relaxed for figures and hints; acquire/release pairs where one thread hands memory to another. */
#ifndef HAK_ATOMIC_H
#define HAK_ATOMIC_H

#include <stdatomic.h>

#include "base.h"

#define hak_load_relaxed(p) atomic_load_explicit((p), memory_order_relaxed)
#define hak_load_acquire(p) atomic_load_explicit((p), memory_order_acquire)
#define hak_store_relaxed(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define hak_store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define hak_add_relaxed(p, v) atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define hak_sub_relaxed(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_relaxed)
#define hak_or_relaxed(p, v) atomic_fetch_or_explicit((p), (v), memory_order_relaxed)
#define hak_and_relaxed(p, v) atomic_fetch_and_explicit((p), (v), memory_order_relaxed)
#define hak_exchange_acq_rel(p, v) atomic_exchange_explicit((p), (v), memory_order_acq_rel)
#define hak_cas_acq_rel(p, expected, v) \
    atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_acq_rel, memory_order_acquire)
#define hak_cas_relaxed(p, expected, v) \
    atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_relaxed, memory_order_relaxed)

/* Between a thread and a signal handler that interrupts it. */
#define hak_fence_signal() atomic_signal_fence(memory_order_seq_cst)

/* A relaxed load on a fast path, of an aligned word. Compilers do not fold atomic loads into the instruction that uses the
 * value, so it is an ordinary read, but for ThreadSanitizer. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAK_THREAD_SANITIZER
#endif
#elif defined(__SANITIZE_THREAD__)
#define HAK_THREAD_SANITIZER
#endif
#ifdef HAK_THREAD_SANITIZER
#define hak_read_hot(p) hak_load_relaxed(p)
#define hak_count_down_hot(p) (__atomic_sub_fetch((p), 1, __ATOMIC_RELAXED))
#define hak_clear_hot(p) (__atomic_store_n((p), 0, __ATOMIC_RELAXED))
#define hak_fence_release() ((void)0) /* it knows no fences */
#define hak_fence_acquire() ((void)0)
#else
#define hak_read_hot(p) (*(const __typeof__(atomic_load_explicit((p), memory_order_relaxed)) *)(p))
/* The same for counting down in memory and looking at the sign, in one instruction. Counts get lost where threads share. */
#define hak_count_down_hot(p) (--*(p))
#define hak_clear_hot(p) ((void)(*(p) = 0))
/* For a reader that goes by a count of changes (sweep.c): what comes before the first stays before later stores, what comes
 * behind the second stays behind earlier loads. No instruction on x86. */
#define hak_fence_release() atomic_thread_fence(memory_order_release)
#define hak_fence_acquire() atomic_thread_fence(memory_order_acquire)
#endif

#endif
