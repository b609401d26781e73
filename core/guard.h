/* guard.h -- what the debug flavour checks on each call: live bits.
 * May use: base, bits, atomic, diag, pattern, size_class, arena, slab.
 * A live bit for each 16 bytes of the arena tells where a live block starts; it lies beside the descriptors, out of reach of
 * an overrun. It costs time and is called in the debug flavour alone; under full checks, which have records of their own, giving
 * and taking do nothing. */
#ifndef HAK_GUARD_H
#define HAK_GUARD_H

#include "slab.h"

/* A block leaves the allocator. */
void hak_guard_give(void *block);
/* A block comes back, by the call `doing`; ends the process if it is not the start of a live block. */
void hak_guard_take(void *block, const char *doing);
/* The block is live: for calls that only look at it. */
void hak_guard_check(const void *block, const char *doing);
bool hak_guard_is_live(const void *block);

#endif
