/* sampled.h -- sampled guard blocks: now and then a block lies alone between pages that cannot be accessed.
 * May use: base, bits, atomic, diag, os, callers, lock, options.
 *
 * The fast path counts nothing. A thread counts down by what its trips past the cache bring it: so many blocks as a bin may hold
 * at a refill, one otherwise; and, where it lives on the blocks of its own cache, by time, for which the trap (upkeep.c) sends
 * it past its cache now and then. At 0 the block it asks for is a guarded one, and the next distance is drawn at random between
 * one and 2 N - 1.
 * A slot has room for HAK_SAMPLED_MAX bytes; the block stands at its end or, as often, at its start. A freed slot cannot be
 * accessed until its turn comes again, which is the last of all free ones. When no slot is free nothing is sampled.
 * Invariant: a slot's pages can be accessed exactly while its block is live. */
#ifndef HAK_SAMPLED_H
#define HAK_SAMPLED_H

#include "options.h"
#include "os.h"

enum {
    HAK_SAMPLED_MAX = 16 * 1024,
    HAK_SAMPLED_A_MS = 10000, /* blocks that a thread is taken to allocate in a millisecond without a trip: 100 ns each */
};

extern uintptr_t hak_sampled_base;
extern size_t hak_sampled_bytes; /* 0: off */

/* Makes the slots, if `guard_sample` asks for any, and looks at faults. `also` gets those that lie elsewhere; NULL: nobody. */
void hak_sampled_open(hak_fault_handler_t also);

static inline bool hak_sampled_holds(const void *block) { return (uintptr_t)block - hak_sampled_base < hak_sampled_bytes; }

/* The thread has gone past its cache for a block of `size` bytes and will take `blocks` of them; a guarded block, or NULL. */
void *hak_sampled_alloc(size_t size, uint32_t blocks);
/* The same for a thread that found its own blocks, because it was trapped. */
void *hak_sampled_alloc_trapped(size_t size);

/* `block` lies in the slots. What is wrong with it ends the process. */
void hak_sampled_free(void *block, const char *doing);
size_t hak_sampled_size(const void *block, const char *doing);
bool hak_sampled_is_live(const void *block);
void hak_sampled_before_fork(void);
void hak_sampled_after_fork(bool child);

#endif
