/* pages.h -- blocks in system pages of their own, so that the processor stops what reaches past them.
 * May use: base, bits, atomic, os, size_class, arena, options, alloc, redzone, record, inspect, spare.
 *
 *   guarded:  [ no access | the block at the end, or the start, of its pages | no access ]
 *   closed:   [ no access: freed, and waiting in the quarantine                          ]
 *
 * Large blocks are closed too when they are freed. The system limits the mappings of a process: when that limit is near,
 * blocks are neither guarded nor closed any more. */
#ifndef HAK_PAGES_H
#define HAK_PAGES_H

#include "record.h"

void hak_pages_open(void);
/* Takes a guarded block; false if it is to be an ordinary one. Fills in the record's block and flags, and *site. */
bool hak_pages_take(size_t size, size_t alignment, hak_site_t *site);
/* Brings the first `size` bytes of the block in one call; what they hold is anything. False: nothing is mapped there any more. */
bool hak_pages_bring(const hak_site_t *site, size_t size);
/* Closes a freed block if it is guarded or large; false: it stays open. */
bool hak_pages_close(const hak_site_t *site);
/* Opens it again for the heap; false if the system refuses. */
bool hak_pages_reopen(const hak_site_t *site);
/* Opens the one page at `address`, so that a program that goes on gets past it. */
bool hak_pages_let_pass(const void *address);
/* Blocks that should have been guarded and were not. */
uint64_t hak_pages_unguarded(void);

#endif
