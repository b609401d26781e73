/* sampled.h -- sampled guard blocks: now and then a block lies alone between pages that cannot be accessed.
 * May use: base, bits, atomic, diag, os, callers, lock, options.
 *
 * The fast path counts nothing. A thread counts down by the blocks that its trips past the cache bring it; and, since it may live
 * on the blocks of its own cache, by its processor's time, as far as that stands for more blocks than trips have brought: for
 * this the trap (upkeep.c) sends it past its cache now and then. When it has come to 0, the next block for which it goes past its
 * cache is a guarded one, and the next distance is drawn at random between one and 2 N - 1.
 * A slot has room for HAK_SAMPLED_MAX bytes; the block stands at its end or, as often, at its start. A freed slot cannot be
 * accessed until its turn comes again, which is the last of all free ones. When no slot is free nothing is sampled.
 * Invariant: of a slot, the pages of its block can be accessed, exactly while it is live. */
#ifndef HAK_SAMPLED_H
#define HAK_SAMPLED_H

#include "options.h"
#include "os.h"

enum {
    HAK_SAMPLED_MAX = 16 * 1024,
    HAK_SAMPLED_A_MS = 10000, /* blocks that a thread is taken to allocate in a millisecond of its processor's time: 100 ns each */
};

extern uintptr_t hak_sampled_base;
extern size_t hak_sampled_bytes; /* 0: off */

/* Makes the slots, if `guard_sample` asks for any, and looks at faults. `also` gets those that lie elsewhere; NULL: nobody. */
void hak_sampled_open(hak_fault_handler_t also);

static inline bool hak_sampled_holds(const void *block) { return (uintptr_t)block - hak_sampled_base < hak_sampled_bytes; }

/* A trip has brought the thread `blocks` besides the one that it asked for. Only where sampling is on. */
void hak_sampled_count(uint32_t blocks);
/* The thread has gone past its cache for a block of `size` bytes: a guarded one, or NULL. */
void *hak_sampled_alloc(size_t size);
/* The same for a thread that found its own blocks, because it was trapped. */
void *hak_sampled_alloc_trapped(size_t size);

/* `block` lies in the slots. What is wrong with it ends the process. */
void hak_sampled_free(void *block, const char *doing);
size_t hak_sampled_size(const void *block, const char *doing);
bool hak_sampled_is_live(const void *block);
void hak_sampled_before_fork(void);
void hak_sampled_after_fork(bool child);

#endif
