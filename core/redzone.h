/* redzone.h -- the patterns around and in blocks under full checks, and what has changed in them.
 * May use: base, bits.
 *
 *   [ before ][ the block, as the program knows it ][ after: at least HAK_REDZONE_AFTER, up to the end of what was taken ]
 *
 * The part before the block is a multiple of its alignment. Where the heap below links free blocks through their first
 * words, it writes into that part alone. */
#ifndef HAK_REDZONE_H
#define HAK_REDZONE_H

#include "base.h"

enum {
    HAK_REDZONE_BEFORE = 32, /* the least */
    HAK_REDZONE_AFTER = 32,
    HAK_REDZONE_PAGE = 4096, /* before blocks above HAK_MID_MAX, and the most that is filled before any */
    HAK_BYTE_NEW = 0xA5,
    HAK_BYTE_FREED = 0xDF,
    HAK_BYTE_FENCE = 0xFB,
};

typedef struct hak_damage {
    size_t first, length; /* from the first to the last byte that changed; length 0: none */
} hak_damage_t;

void hak_redzone_fill(void *at, size_t size, unsigned char byte);
/* What of `size` bytes at `at` is not `byte`. */
hak_damage_t hak_redzone_damage(const void *at, size_t size, unsigned char byte);

#endif
