/* shard.h -- numbers what is kept by processor: the transfer cache's shelves, the stocks of free spans.
 * May use: base, atomic, os, lock.
 * Which shard a thread gets is a hint (it may be moved at any moment) on which nothing but speed depends. */
#ifndef HAK_SHARD_H
#define HAK_SHARD_H

#include "lock.h"

enum {
    HAK_SHARDS = 64, /* further processors share them; memory is touched where they are used */
};

/* The shard of the processor on which the thread runs. */
uint32_t hak_shard_own(void);
/* Shards are numbered from 0; those from here on were never used. */
uint32_t hak_shard_count(void);

/* Between the two the number does not grow, so that who locks every shard knows them all; a fork lies between them too. */
void hak_shard_hold(void);
void hak_shard_let_go(bool child);

#endif
