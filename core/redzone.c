#include "redzone.h"

#include <string.h>

#include "bits.h"

typedef uint64_t __attribute__((may_alias, aligned(1))) word_t;

void hak_redzone_fill(void *at, size_t size, unsigned char byte) {
    if (size > 8 * sizeof(word_t)) {
        memset(at, byte, size);
        return;
    }
    uint64_t word = 0x0101010101010101u * byte;
    char *to = at;
    for (; size >= sizeof word; size -= sizeof word, to += sizeof word) *(word_t *)to = word;
    while (size-- != 0) *to++ = (char)byte;
}

static bool is_filled(const unsigned char *at, size_t size, unsigned char byte) {
    uint64_t word = 0x0101010101010101u * byte, difference = 0;
    for (; size >= 4 * sizeof word; size -= 4 * sizeof word, at += 4 * sizeof word) {
        const word_t *words = (const word_t *)at;
        difference |= (words[0] ^ word) | (words[1] ^ word) | (words[2] ^ word) | (words[3] ^ word);
    }
    for (; size >= sizeof word; size -= sizeof word, at += sizeof word) difference |= *(const word_t *)at ^ word;
    while (size-- != 0) difference |= (uint64_t)(*at++ ^ byte);
    return difference == 0;
}

static HAK_COLD hak_damage_t measure(const unsigned char *at, size_t size, unsigned char byte) {
    size_t first = 0, last = 0;
    while (first < size && at[first] == byte) first++;
    for (size_t i = first; i < size; i++) {
        if (at[i] != byte) last = i;
    }
    return (hak_damage_t){first, first < size ? last - first + 1 : 0};
}

hak_damage_t hak_redzone_damage(const void *at, size_t size, unsigned char byte) {
    if (HAK_LIKELY(is_filled(at, size, byte))) return (hak_damage_t){0, 0};
    return measure(at, size, byte);
}
