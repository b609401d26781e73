/* transfer.h -- the transfer cache: whole batches on their way between threads, in a shard for each processor.
 * May use: base, bits, atomic, counters, diag, chain, os, lock, shard, size_class.
 *
 * A batch is a chain that moves as one; its count stands in the second word of its first block. A thread puts batches into its
 * processor's shard and takes them from there, last in first out a class, so that lock, list and blocks stay in that
 * processor's cache. A thread whose shard has nothing, or no room, looks at a few others.
 * What a shard holds is bounded in bytes too, since the blocks of its batches keep their slabs from becoming free.
 * Invariant of a shelf, the part of a shard for one class: low <= count <= the class's batches <= HAK_TRANSFER_DEPTH. */
#ifndef HAK_TRANSFER_H
#define HAK_TRANSFER_H

#include "chain.h"
#include "shard.h"
#include "size_class.h"

typedef struct hak_transfer_figures {
    uint64_t blocks; /* there now */
    uint64_t hits, hit_blocks;
    uint64_t puts, put_blocks;
    uint64_t full, full_blocks; /* batches that found no room, and their blocks */
    uint64_t lock_waits;
} hak_transfer_figures_t;

/* A batch of class `c`, or an empty chain. */
hak_chain_t hak_transfer_take(unsigned c);
/* Keeps a batch; false if there is no room for it. */
bool hak_transfer_put(unsigned c, hak_chain_t chain);
/* What all shards together may hold, in bytes; each has an even part, or 2 MiB if that is more. */
void hak_transfer_set_limit(size_t bytes);

/* Takes the batches of a shelf that nobody needed since the last call, or all; their number. */
uint32_t hak_transfer_drop(uint32_t shard, unsigned c, bool all, void *idle[HAK_TRANSFER_DEPTH]);
/* Calls `visit` for every batch of a class. */
void hak_transfer_visit(unsigned c, void (*visit)(void *batch, void *context), void *context);
/* Without a lock: what other threads do at the moment may be half in them. */
hak_transfer_figures_t hak_transfer_figures(unsigned c);

void hak_transfer_before_fork(void);
void hak_transfer_after_fork(bool child);

#endif
