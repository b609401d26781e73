#include "pattern.h"

#include <string.h>

#include "diag.h"

enum { LINK_BYTES = 16 };

bool hak_pattern_off;

void hak_pattern_fill(void *block, size_t size) {
    if (hak_pattern_off) return;
    memset((char *)block + LINK_BYTES, HAK_PATTERN_FREE, size - LINK_BYTES);
}

/* Sizes are multiples of 16, so whole words are compared. */
void hak_pattern_check(const void *block, size_t size) {
    if (hak_pattern_off) return;
    const uint64_t *words = block;
    uint64_t difference = 0;
    for (size_t i = LINK_BYTES / sizeof *words; i < size / sizeof *words; i++) {
        difference |= words[i] ^ (0x0101010101010101u * HAK_PATTERN_FREE);
    }
    if (difference != 0) hak_fatal(HAK_ERROR_write_after_free, block, "malloc");
}
