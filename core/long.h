/* long.h -- a thread's free blocks of long classes: longer than half a unit.
 * May use: base, bits, atomic, counters, options, size_class, stock, central, budget, thread_cache.
 * By the thread that owns the cache.
 *
 * A thread may hold what others leave of what may stay unpurged, and an even part among those that hold any at least: bytes
 * that are there, and not bytes for which bins might have room, since a score of bins with room for a few blocks each would
 * need many times what moves.
 * So the bins are counted whenever one of them has no room: what they hold is taken off, and of the rest, at most as much as
 * they hold or a quarter of all, each in use gets room for the same number of blocks, with which the fast paths then do as
 * with any bin.
 * A block that is missed while the others hold half of what they may shows that many sizes are in use: until the next tick,
 * before which a purge would take nothing, the thread may hold twice as much.
 * Where the own bin is empty, a longer block serves, by a quarter at most; what nobody writes to is not touched.
 * Invariant: the limits of these bins, in bytes, are no more than what could be held when they were last counted. */
#ifndef HAK_LONG_H
#define HAK_LONG_H

#include "thread_cache.h"

/* The class whose bin serves a long class: its own, or the first above it with a block that may. */
unsigned hak_long_serving(const hak_cache_t *cache, unsigned c);
/* hak_cache_refill and hak_cache_overflow for a long class. */
void *hak_long_refill(hak_cache_t *cache, unsigned c, hak_trip_t *trip);
hak_trip_t hak_long_overflow(hak_cache_t *cache, unsigned c, void *block);
/* Counts what bins of long blocks hold and shares out anew what they may. */
void hak_long_tick(hak_cache_t *cache);

#endif
