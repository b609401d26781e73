/* told.h -- what a sized or aligned free or delete says of a block, held against the class that the block has.
 * May use: everything up to checked.
 * For flavours that note nothing of single blocks: sizes of one class look alike. C++ gives back by the size that it asked for, so
 * the class must be that size's, or one that serves it (long.h); in C a realloc may have left a larger one, so no more than that
 * can be said. Blocks from outside the arena, sampled ones too, are not looked at, nor any in a process that has an operator new
 * of its own. */
#ifndef HAK_TOLD_H
#define HAK_TOLD_H

#include "checked.h"

/* Tells it if what was told of a block of class `c` cannot be, and ends the process in the debug flavour. */
void hak_told_check_slow(const void *block, unsigned c, hak_door_t door, hak_told_t told);

static inline void hak_told_check(const void *block, hak_door_t door, hak_told_t told) {
    if (!hak_arena_holds(block)) return;
    unsigned c = hak_page_map_class(hak_unit_of(block));
    bool plain = told.alignment <= 1 && told.size - 1 < HAK_TINY_MAX;
    if (HAK_LIKELY(plain && hak_class_of_tiny(told.size) == c)) return;
    hak_told_check_slow(block, c, door, told);
}

#endif
