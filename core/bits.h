/* bits.h -- arithmetic on words.
 * May use: base. */
#ifndef HAK_BITS_H
#define HAK_BITS_H

#include "base.h"

static inline size_t hak_round_up(size_t value, size_t power_of_two) {
    return (value + power_of_two - 1) & ~(power_of_two - 1);
}
static inline size_t hak_round_down(size_t value, size_t power_of_two) {
    return value & ~(power_of_two - 1);
}
static inline bool hak_is_power_of_two(size_t value) {
    return value != 0 && (value & (value - 1)) == 0;
}
/* Position of the highest set bit; value is not 0. */
static inline unsigned hak_log2(size_t value) { return 63u - (unsigned)__builtin_clzl(value); }

static inline size_t hak_min(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t hak_max(size_t a, size_t b) { return a > b ? a : b; }

/* Where a range of memory ends in which `address` lies; 0 if it does not, and then *next is lowered to where the range begins. */
static inline uintptr_t hak_range_end(uintptr_t from, size_t bytes, uintptr_t address, uintptr_t *next) {
    if (address - from < bytes) return from + bytes;
    if (from > address && from < *next) *next = from;
    return 0;
}

/* One word's part of a run of bits that starts at bit `first` of that word and is `count` bits long. */
static inline uint64_t hak_mask(unsigned first, size_t count) {
    uint64_t ones = count >= 64 ? ~(uint64_t)0 : (((uint64_t)1 << count) - 1);
    return ones << first;
}

/* A number's digits in a base of 10 to 16, as text that ends in `room`. */
enum { HAK_DIGITS = 21 };
static inline const char *hak_digits(char room[HAK_DIGITS], uint64_t number, unsigned base) {
    char *at = room + HAK_DIGITS - 1;
    *at = '\0';
    do {
        *--at = "0123456789abcdef"[number % base];
        number /= base;
    } while (number != 0);
    return at;
}

#endif
