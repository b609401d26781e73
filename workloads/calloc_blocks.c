/* calloc_blocks.c -- random_mixed with calloc.
 *
 *   calloc_blocks OPERATIONS SLOTS [MIN MAX [SEED]]
 *
 * Each block is looked at in the places that are then written: its first and last byte and one in every 4 KiB between, so that
 * memory which comes back uncleared is noticed. */
#include "slots.h"

static bool must_be_zero; /* false on the floor allocator */

static void *allocate(size_t size, uint64_t random) {
    (void)random;
    unsigned char *block = calloc(1, size);
    if (block == NULL) lab_out_of_memory(size);
    unsigned char found = block[size - 1];
    for (size_t i = 0; i < size; i += LAB_PAGE_BYTES) found |= block[i];
    if (found != 0 && must_be_zero) lab_fail(1, "calloc gave a block of %zu bytes that is not zero", size);
    lab_touch(block, size);
    return block;
}

int main(int count, char **arguments) {
    slots_t slots;
    uint64_t operations = slots_begin(&slots, "calloc_blocks", "OPERATIONS SLOTS [MIN MAX [SEED]]", count, arguments, 2);
    must_be_zero = !lab_is_floor();
    return slots_measure(&slots, operations, allocate);
}
