/* thread.h -- a thread's beginning and end as this allocator sees them, and fork.
 * May use: base, bits, atomic, counters, diag, os, lock, options, sampled, size_class, arena, state, span, large, slab, central, budget, thread_cache.
 *
 * hak_cache_fast is what the fast paths use: the thread's cache, or the empty cache, which sends every call to the slow
 * path. It is the empty one before the thread's first call, after its end, and while a trap is set: other threads may set
 * it so (relaxed; at worst a trap is lost; never after its end) to make the thread come by and help with upkeep.
 * hak_cache_own is the owner's. */
#ifndef HAK_THREAD_H
#define HAK_THREAD_H

#include "large.h"
#include "thread_cache.h"

extern _Thread_local _Atomic(hak_cache_t *) hak_cache_fast;

/* The calling thread's cache, made at its first call, which keeps errno; NULL once the thread has run its destructors, or without memory. */
hak_cache_t *hak_thread_cache(void);

/* The same for a call that only gives back: a thread whose first calls are frees gets no cache for the first few. Threads that
 * are past their end free what the C library kept of earlier threads, and nobody would see them end again. */
hak_cache_t *hak_thread_cache_to_free(void);

/* Opens the allocator, once; false if the system gives no address space. */
bool hak_thread_open(void);

static inline hak_cache_t *hak_thread_fast(void) { return hak_read_hot(&hak_cache_fast); }
bool hak_thread_is_trapped(void);
void hak_thread_set_trap(hak_cache_t *cache, bool on);

/* Visits every registered cache under the registry lock; false (and no visit) if the lock is taken and `wait` is false. */
bool hak_thread_visit(void (*visit)(hak_cache_t *cache, void *context), void *context, bool wait);

/* Sum of the call counters of threads that have ended; count flavour. */
extern hak_call_figures_t hak_thread_ended_calls;

/* glibc's fork takes the lock of its list of streams after all handlers, while fflush(NULL) holds it and waits for a stream
 * whose holder may wait for the heap. So whoever takes locks before fork takes that one first; glibc's locks of this kind may be
 * taken twice. */
void hak_streams_before_fork(void);
void hak_streams_after_fork(bool child);

/* Called in the child after fork, when the heap works again. */
extern void (*hak_thread_forked)(void);

#endif
