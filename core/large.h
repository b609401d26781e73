/* large.h -- blocks above 256 KiB, and others that no class serves: a span each; what the arena cannot hold is a mapping of its
 * own, in a locked list.
 * May use: base, bits, atomic, counters, diag, os, lock, options, size_class, arena, span, stock.
 * Sizes are bytes; a large block is as long as its span. Any thread may call. */
#ifndef HAK_LARGE_H
#define HAK_LARGE_H

#include "stock.h"

/* In the secure flavour the last unit of a large block's span cannot be accessed, and does not count as part of the block. */
enum { HAK_LARGE_GUARD_UNITS = HAK_SECURE ? 1 : 0 };

/* NULL if there is no memory. `alignment` is a power of two. *zero: every byte is zero. */
void *hak_large_alloc(size_t size, size_t alignment, bool *zero);
/* Zeroes what may not be zero of the first `size` bytes of a block that is new. */
void hak_large_clear(void *block, size_t size);
/* `unit` is the first unit of a live large block. */
void hak_large_free(size_t unit);
static inline size_t hak_large_size(size_t unit) {
    return (size_t)(hak_unit(unit)->units - HAK_LARGE_GUARD_UNITS) << HAK_UNIT_SHIFT;
}
/* Makes a block longer or shorter where it is; false if that is not possible. */
bool hak_large_resize(size_t unit, size_t size);
/* Moves the pages of a large block to a new, larger one without copying; NULL if that is not possible. */
void *hak_large_move(size_t unit, size_t size);

/* Blocks outside the arena, by their exact start. Size 0: not one of them. */
size_t hak_outside_size(const void *block);
bool hak_outside_free(void *block);
size_t hak_outside_bytes(void);

void hak_large_before_fork(void);
void hak_large_after_fork(bool child);

#endif
