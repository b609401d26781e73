/* central.h -- the central store: per size class the transfer cache, and behind it the slabs with free blocks.
 * May use: base, bits, atomic, counters, diag, os, lock, size_class, arena, span, stock, slab, transfer.
 * Any thread may call; a class's lock guards its list of slabs and its current slab.
 *
 * Batches go to the transfer cache first, from which the next refill takes them whole; only what does not fit there, or stays
 * unused, goes to its slabs.
 * The current slab, the one being carved, is on no list and is never retired; it is looked at again when it is replaced.
 * Invariant: blocks in use + in thread caches + in batches + in the slabs' lists == blocks carved. */
#ifndef HAK_CENTRAL_H
#define HAK_CENTRAL_H

#include "slab.h"
#include "transfer.h"

#define HAK_CLASS_COUNTER_FIELD(id, text) uint64_t id;
typedef struct hak_class_figures {
    HAK_CLASS_COUNTERS(HAK_CLASS_COUNTER_FIELD)
    uint64_t lock_waits;
    uint64_t transfer_blocks; /* in the transfer cache now */
} hak_class_figures_t;
#undef HAK_CLASS_COUNTER_FIELD

typedef enum { HAK_FROM_TRANSFER, HAK_FROM_SLAB, HAK_FROM_SPAN } hak_source_t;

/* The last of the first `count` blocks of a list of class `c`; ends the process if the list is damaged. */
void *hak_central_walk(unsigned c, void *head, uint32_t count);

/* A batch of class `c`: a whole one from the transfer cache, else up to `most` blocks from slabs. Empty: no memory. */
hak_chain_t hak_central_get(unsigned c, uint32_t most, hak_source_t *source);
/* Takes a batch; false if the transfer cache was full and the blocks went to their slabs. */
bool hak_central_put(unsigned c, hak_chain_t chain);
/* The same for blocks that were idle: they go to their slabs, past the transfer cache. */
void hak_central_settle(unsigned c, hak_chain_t chain, uint64_t stamp_ms);
/* Gives a chain's blocks to their slabs; wholly free slabs go to the pool, unused since `stamp_ms`. */
void hak_central_push(unsigned c, hak_chain_t chain, uint64_t stamp_ms);
/* Moves the batches that nobody needed since the last call (or all of them) to their slabs. */
void hak_central_age(unsigned c, bool all, uint64_t stamp_ms);

/* Without a lock: what other threads do at the moment may be half in them. */
hak_class_figures_t hak_central_figures(unsigned c);
/* Blocks that the central store holds: in batches, in slabs' lists, and those that were never carved. A little less after calls
 * of threads without a cache, which are not counted. */
uint64_t hak_central_idle(unsigned c);
/* True if `block` is in the transfer cache or in its slab's list, or no carved block at all: a slow look for hak_owns. */
bool hak_central_has(unsigned c, size_t slab, const void *block);

void hak_central_before_fork(void);
void hak_central_after_fork(bool child);

#endif
