/* slab.h -- a span cut into equal blocks, with no owner: any thread gives blocks back with one compare-and-swap.
 * May use: base, bits, atomic, counters, diag, chain, options, pattern, os, lock, size_class, arena, state, span, stock.
 *
 * The list of free blocks is one atomic word: the head's offset in the slab (in 16 bytes, plus 1; 0 is empty) and the count.
 * Two operations exist, push a chain (anyone) and take all (under the class lock), so ABA cannot occur; keep it so.
 * Blocks are carved lazily: those from `carved` on were never handed out and their pages never touched.
 *
 * After a push the pusher no longer pins the slab: its unit may be retired and reused at once. All that it may do with what
 * it knew is to take the class lock and look again (central.c; the protocol is model-checked in tests/spin/).
 * Invariant: blocks in use + in thread caches + in batches + in the word == carved. */
#ifndef HAK_SLAB_H
#define HAK_SLAB_H

#include "chain.h"
#include "stock.h"

enum {
    HAK_SLAB_COUNT_SHIFT = 16,
    HAK_CARVE_BYTES = 4096, /* what is carved at a time, if blocks are smaller */
    HAK_CARVE_BYTES_MAX = 16384, /* the same for a class that has grown (central.c) */
};

static inline uint32_t hak_slab_count_of(uint32_t word) { return word >> HAK_SLAB_COUNT_SHIFT; }

/* Relaxed: a hint, or read under the class lock that orders it. */
static inline uint32_t hak_slab_free_count(const hak_unit_t *slab) {
    return hak_slab_count_of(hak_load_relaxed(&slab->slab.word));
}
static inline uint32_t hak_slab_carved(const hak_unit_t *slab) { return hak_load_relaxed(&slab->slab.carved); }

/* First unit of the slab or large block that `unit` belongs to. Relaxed: see hak_page_map_class. */
static inline size_t hak_slab_head(size_t unit) { return hak_load_relaxed(&hak_unit(unit)->head); }

/* Makes a slab of class `c` out of a new span; its first unit, or 0 if there is no memory. Under the lock of class `c`. */
size_t hak_slab_make(unsigned c);
/* Debug flavour: if set, called for each new slab. */
extern void (*hak_slab_made)(size_t unit, unsigned c);
/* Gives a slab back to the pool whose blocks are all free and whose list was taken. Under the lock of its class. */
void hak_slab_retire(size_t unit, uint64_t stamp_ms);

/* True if `block` is the start of a block of the slab. */
bool hak_slab_is_block(size_t slab, const void *block);

/* Cuts up to `most` new blocks, and one or at most `bytes`, linked in order of address from one in their midst on, and around.
 * Under the class lock. */
hak_chain_t hak_slab_carve(size_t slab, uint32_t most, uint32_t bytes);

/* Takes the whole list. Under the class lock. */
hak_chain_t hak_slab_take(size_t slab);

typedef enum {
    HAK_PUSHED,      /* nothing more to do */
    HAK_PUSHED_LOOK, /* the list was empty before, or all carved blocks are free now: look again under the class lock */
} hak_pushed_t;

/* Puts a chain whose last block is `tail` on the slab's list. */
hak_pushed_t hak_slab_push(size_t slab, hak_chain_t chain, void *tail);

#endif
