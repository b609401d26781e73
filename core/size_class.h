/* size_class.h -- size <-> size class, and the shape of each class's slabs. Arithmetic and constant tables.
 * May use: base, bits.
 * Class 0 is no class. Classes 1..64 are multiples of 16 ("tiny"), so that a tiny block's size is 16 times its class;
 * above, HAK_CLASSES_PER_DOUBLING sizes a doubling up to 32 KiB ("mid"), and whole units up to 256 KiB ("wide"), of which a
 * slab holds one. HAK_CLASS_LARGE stands for everything bigger. */
#ifndef HAK_SIZE_CLASS_H
#define HAK_SIZE_CLASS_H

#include "bits.h"

enum {
    HAK_CLASS_LARGE = HAK_CLASS_COUNT,
    HAK_TINY_CLASSES = HAK_TINY_MAX / HAK_BLOCK_ALIGN,
    HAK_WIDE_FIRST = HAK_CLASS_COUNT - ((HAK_WIDE_MAX - HAK_MID_MAX) >> HAK_UNIT_SHIFT), /* and up to HAK_CLASS_COUNT */
};

typedef struct hak_class {
    uint32_t size;        /* bytes of a block */
    uint8_t units;        /* units of a slab */
    uint8_t batches;      /* what a shard of the transfer cache holds at most */
    uint16_t capacity;    /* blocks of a slab */
    uint64_t reciprocal;  /* ceil(2^40 / size): offset / size == offset * reciprocal >> 40 for offsets within a slab */
} hak_class_t;

extern const hak_class_t hak_classes[HAK_CLASS_COUNT];

static inline unsigned hak_class_of_tiny(size_t size) { return (unsigned)((size + 15) >> 4); }

/* (size - 1) >> HAK_MID_STEP_SHIFT -> class: one load in place of ten instructions. */
extern const uint8_t hak_mid_classes[HAK_MID_MAX >> HAK_MID_STEP_SHIFT];

/* 1024 < size <= 32 KiB. */
static inline unsigned hak_class_of_mid(size_t size) { return hak_mid_classes[(size - 1) >> HAK_MID_STEP_SHIFT]; }

/* 32 KiB < size <= 256 KiB. */
static inline unsigned hak_class_of_wide(size_t size) {
    return (unsigned)((size - 1) >> HAK_UNIT_SHIFT) + (HAK_CLASS_COUNT - (HAK_WIDE_MAX >> HAK_UNIT_SHIFT));
}

/* Longer than half a unit. */
static inline bool hak_class_is_long(unsigned c) { return c >= HAK_LONG_FIRST; }


/* What all blocks of a class are aligned to, since slabs start at units. */
static inline size_t hak_class_alignment(unsigned c) {
    size_t size = hak_classes[c].size;
    return hak_min(size & -size, HAK_UNIT_SIZE);
}

/* Bytes of the longest block that may stand for one of long class `c`. */
static inline size_t hak_class_longest(unsigned c) { return hak_classes[c].size + hak_classes[c].size / HAK_LONGER_PART; }

/* May a block of class `longer` stand for one of long class `c`? It is not much longer, and as aligned. */
static inline bool hak_class_serves(unsigned longer, unsigned c) {
    bool as_long = longer >= c && hak_classes[longer].size <= hak_class_longest(c);
    return as_long && hak_class_alignment(longer) >= hak_class_alignment(c);
}

/* size <= HAK_WIDE_MAX; size 0 counts as 1. */
static inline unsigned hak_class_of(size_t size) {
    if (size <= HAK_TINY_MAX) return size == 0 ? 1 : hak_class_of_tiny(size);
    return size <= HAK_MID_MAX ? hak_class_of_mid(size) : hak_class_of_wide(size);
}

/* Number of the block that holds the byte at `offset` of a slab of class `c`. */
static inline uint32_t hak_class_block_index(unsigned c, size_t offset) {
    return (uint32_t)((offset * hak_classes[c].reciprocal) >> 40);
}

/* True if `offset` of a slab of class `c` is the start of a block. */
static inline bool hak_class_is_start(unsigned c, size_t offset) {
    return hak_class_block_index(c, offset) * (size_t)hak_classes[c].size == offset;
}

#endif
