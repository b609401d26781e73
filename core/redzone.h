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

/* Sixteen bytes at any address. */
typedef uint64_t hak_redzone_pair_t __attribute__((vector_size(16), aligned(1), may_alias));

/* Zero if two pairs at `at` are both `pair`. */
static inline hak_redzone_pair_t hak_redzone_difference(const void *at, hak_redzone_pair_t pair) {
    const hak_redzone_pair_t *pairs = at;
    return (pairs[0] ^ pair) | (pairs[1] ^ pair);
}

void hak_redzone_fill_slow(void *at, size_t size, unsigned char byte);
hak_damage_t hak_redzone_damage_slow(const void *at, size_t size, unsigned char byte);

/* Most fences, and many blocks, are of 32 to 64 bytes: two pairs from the start and two up to the end, which may overlap. */
static inline bool hak_redzone_is_usual(size_t size) { return size - 32 <= 32; }

static inline void hak_redzone_fill(void *at, size_t size, unsigned char byte) {
    if (HAK_UNLIKELY(!hak_redzone_is_usual(size))) {
        hak_redzone_fill_slow(at, size, byte);
        return;
    }
    uint64_t word = 0x0101010101010101u * byte;
    hak_redzone_pair_t pair = {word, word}, *first = at, *end = (hak_redzone_pair_t *)((char *)at + size);
    first[0] = first[1] = end[-2] = end[-1] = pair;
}

/* What of `size` bytes at `at` is not `byte`. */
static inline hak_damage_t hak_redzone_damage(const void *at, size_t size, unsigned char byte) {
    if (HAK_LIKELY(hak_redzone_is_usual(size))) {
        uint64_t word = 0x0101010101010101u * byte;
        const hak_redzone_pair_t pair = {word, word};
        const char *last = (const char *)at + size - 2 * sizeof pair;
        hak_redzone_pair_t difference = hak_redzone_difference(at, pair) | hak_redzone_difference(last, pair);
        if (HAK_LIKELY((difference[0] | difference[1]) == 0)) return (hak_damage_t){0, 0};
    }
    return hak_redzone_damage_slow(at, size, byte);
}

#endif
