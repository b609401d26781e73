/* wide.h -- a thread's free blocks of wide classes, which are whole spans.
 * May use: base, bits, atomic, counters, options, size_class, stock, central, budget, thread_cache.
 * By the thread that owns the cache.
 *
 * A thread may hold its even part of what may stay unpurged, in all wide bins together: bytes that are there, and not
 * bytes for which bins might have room, since fourteen bins with room for a few blocks each would need many times what moves.
 * So the bins are counted whenever one of them has no room: what they hold is taken off, and of the rest each gets room for the
 * same number of blocks, with which the fast paths then do as with any bin.
 * Where the own bin is empty, a larger block serves, by half at most; what nobody writes to is not touched.
 * Invariant: the limits of the wide bins, in bytes, are no more than what could be held when they were last counted. */
#ifndef HAK_WIDE_H
#define HAK_WIDE_H

#include "thread_cache.h"

/* The class whose bin serves a wide class: its own, or the first with a block above an empty one. */
unsigned hak_wide_serving(const hak_cache_t *cache, unsigned c);
/* hak_cache_refill and hak_cache_overflow for a wide class. */
void *hak_wide_refill(hak_cache_t *cache, unsigned c, hak_trip_t *trip);
hak_trip_t hak_wide_overflow(hak_cache_t *cache, unsigned c, void *block);
/* Counts what wide bins hold and shares out anew what they may. */
void hak_wide_tick(hak_cache_t *cache);

#endif
