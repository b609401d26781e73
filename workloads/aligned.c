/* aligned.c -- random_mixed with alignments: aligned_alloc and posix_memalign in turn, each power of two from LEAST to MOST as
 * often as the others.
 *
 *   aligned OPERATIONS SLOTS LEAST MOST [MIN MAX [SEED]]
 *
 * aligned_alloc's sizes are rounded up to a multiple of the alignment, as C11 had it. */
#include "slots.h"

static unsigned least, kinds; /* exponents: least to least + kinds - 1 */

static void *allocate(size_t size, uint64_t random) {
    size_t alignment = (size_t)1 << (least + lab_below((uint32_t)(random >> 32), kinds));
    void *block = NULL;
    if (random >> 31 & 1) {
        size = (size + alignment - 1) & ~(alignment - 1);
        block = aligned_alloc(alignment, size);
    } else if (posix_memalign(&block, alignment, size) != 0) {
        block = NULL;
    }
    if (block == NULL) lab_out_of_memory(size);
    if ((uintptr_t)block & (alignment - 1)) lab_fail(1, "a block of %zu bytes is not aligned to %zu", size, alignment);
    *(volatile char *)block = 1;
    return block;
}

static unsigned exponent(const char *name, uint64_t low) {
    uint64_t alignment = lab_whole(name, low, 1 << 24);
    if (alignment & (alignment - 1)) lab_fail(2, "%s must be a power of two, not %llu", name, (unsigned long long)alignment);
    return (unsigned)__builtin_ctzll(alignment);
}

int main(int count, char **arguments) {
    slots_t slots;
    uint64_t operations = slots_begin(&slots, "aligned", "OPERATIONS SLOTS LEAST MOST [MIN MAX [SEED]]", count, arguments, 4);
    least = exponent("LEAST", sizeof(void *));
    kinds = exponent("MOST", (uint64_t)1 << least) - least + 1;
    return slots_measure(&slots, operations, allocate);
}
