/* spare.h -- pages of large blocks that were freed, kept for those that are taken: the kernel moves a page in a small part of
 * the time in which it brings one.
 * May use: base, bits, atomic, os.
 *
 *   slot:  empty -> busy -> holds bytes -> busy -> holds what is left, or empty
 *
 * Who makes a slot busy owns it until it says what the slot holds. Pages come with what the block held that they were part of. */
#ifndef HAK_SPARE_H
#define HAK_SPARE_H

#include "os.h"

enum { HAK_SPARE_SLOTS = 8, HAK_SPARE_SLOT_BYTES = 1 << 20 };

/* Moves spare pages to the start of a range of pages of the arena, as many as fit and a slot holds: *size bytes, which says before
 * how many are wanted. Where they were moved to is a mapping of its own, until hak_arena_renew makes it one of the arena's again. */
hak_moved_t hak_spare_move_in(void *at, size_t *size);
/* Keeps the pages at the start of a range of the arena if a slot is empty, or in place of fewer; the range stays mapped, and reads
 * as zero where they were. */
void hak_spare_move_out(void *at, size_t size);
/* As hak_record_own. */
uintptr_t hak_spare_own(uintptr_t address, uintptr_t *next);

#endif
