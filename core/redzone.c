#include "redzone.h"

#include <string.h>

#include "bits.h"

typedef uint64_t __attribute__((may_alias, aligned(1))) word_t;

void hak_redzone_fill_slow(void *at, size_t size, unsigned char byte) {
    if (size > 8 * sizeof(word_t)) {
        memset(at, byte, size);
        return;
    }
    uint64_t word = 0x0101010101010101u * byte;
    char *to = at, *last = to + size - sizeof word;
    if (size >= sizeof word) {
        for (; to < last; to += sizeof word) *(word_t *)to = word;
        *(word_t *)last = word;
        return;
    }
    while (size-- != 0) *to++ = (char)byte;
}

static bool is_filled_by_words(const unsigned char *at, size_t size, uint64_t word) {
    uint64_t difference = 0;
    const unsigned char *last = at + size - sizeof word;
    for (; at < last; at += sizeof word) difference |= *(const word_t *)at ^ word;
    difference |= *(const word_t *)last ^ word; /* it may overlap the one before */
    return difference == 0;
}

static inline bool is_filled(const unsigned char *at, size_t size, unsigned char byte) {
    uint64_t word = 0x0101010101010101u * byte, different = 0;
    const hak_redzone_pair_t pair = {word, word};
    if (size < sizeof word) {
        while (size-- != 0) different |= (uint64_t)(*at++ ^ byte);
        return different == 0;
    }
    if (size < 2 * sizeof pair) return is_filled_by_words(at, size, word);
    const unsigned char *last = at + size - 2 * sizeof pair;
    hak_redzone_pair_t difference = hak_redzone_difference(last, pair); /* it may overlap the one before */
    for (; at < last; at += 2 * sizeof pair) difference |= hak_redzone_difference(at, pair);
    return (difference[0] | difference[1]) == 0;
}

static HAK_COLD hak_damage_t measure(const unsigned char *at, size_t size, unsigned char byte) {
    size_t first = 0, last = 0;
    while (first < size && at[first] == byte) first++;
    for (size_t i = first; i < size; i++) {
        if (at[i] != byte) last = i;
    }
    return (hak_damage_t){first, first < size ? last - first + 1 : 0};
}

hak_damage_t hak_redzone_damage_slow(const void *at, size_t size, unsigned char byte) {
    if (HAK_LIKELY(is_filled(at, size, byte))) return (hak_damage_t){0, 0};
    return measure(at, size, byte);
}
