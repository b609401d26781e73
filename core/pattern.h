/* pattern.h -- the pattern of free blocks in the debug flavour, by which a write after free is found.
 * May use: base, diag.
 * A free block is filled from its third word on; the first two link it and carry its batch's count. */
#ifndef HAK_PATTERN_H
#define HAK_PATTERN_H

#include "base.h"

enum { HAK_PATTERN_FREE = 0xDF };

/* True under full checks, which have patterns of their own. */
extern bool hak_pattern_off;

void hak_pattern_fill(void *block, size_t size);
/* Ends the process if a byte of the pattern has changed. */
void hak_pattern_check(const void *block, size_t size);

#endif
