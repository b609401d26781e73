#include "pattern.h"

#include <string.h>

#include "diag.h"

enum { LINK_BYTES = 16 };

void hak_pattern_fill(void *block, size_t size) {
    memset((char *)block + LINK_BYTES, HAK_PATTERN_FREE, size - LINK_BYTES);
}

void hak_pattern_check(const void *block, size_t size) {
    const unsigned char *bytes = block;
    for (size_t i = LINK_BYTES; i < size; i++) {
        if (bytes[i] != HAK_PATTERN_FREE) hak_fatal(HAK_ERROR_write_after_free, block, "malloc");
    }
}
