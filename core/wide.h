/* wide.h -- a thread's free blocks of wide classes, which are whole spans.
 * May use: base, bits, atomic, counters, options, size_class, stock, central, budget, thread_cache.
 * By the thread that owns the cache.
 *
 * A thread may hold its even part of what may stay unpurged, in all wide bins together: bytes that are there, and not
 * bytes for which bins have room, since fourteen bins with room for a few blocks each would need many times what moves. So a
 * wide bin's limit is 0 and its room is less than nothing, by its blocks: each free comes by here. malloc's fast path pops as
 * from any bin, so that `wide_bytes` is the most that there may be, and is counted anew where that is too much.
 * Where the own bin is empty, a larger block serves, by half at most; what nobody writes to is not touched.
 * Invariant: what wide bins hold <= wide_bytes. */
#ifndef HAK_WIDE_H
#define HAK_WIDE_H

#include "thread_cache.h"

/* The class whose bin serves a wide class: its own, or the first with a block above an empty one. */
unsigned hak_wide_serving(const hak_cache_t *cache, unsigned c);
/* hak_cache_refill and hak_cache_overflow for a wide class. */
void *hak_wide_refill(hak_cache_t *cache, unsigned c, hak_trip_t *trip);
hak_trip_t hak_wide_keep(hak_cache_t *cache, unsigned c, void *block);
/* Counts what wide bins hold, for others to see. */
void hak_wide_count(hak_cache_t *cache);

#endif
