/* random_mixed.c -- a fixed number of slots; each operation frees a random full one or fills an empty one.
 *
 *   random_mixed OPERATIONS SLOTS
 *
 * A tenth of the operations first, to warm up, then all of them: 1.1 * OPERATIONS in all, always the same ones, so that
 * counts of instructions can be compared between allocators and subtracted between runs. Sizes are 16 to 1024 bytes. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { LEAST = 16, MOST = 1024 };

/* xorshift32 (Marsaglia 2003). */
static inline uint32_t next_random(uint32_t *state) {
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

/* 32 random bits -> 0 .. end - 1. */
static inline uint32_t scale(uint32_t random, uint32_t end) { return (uint32_t)(((uint64_t)random * end) >> 32); }

static void run(void **slots, uint32_t slot_count, long operations, uint32_t *state) {
    for (long i = 0; i < operations; i++) {
        uint32_t random = next_random(state);
        void **slot = &slots[scale(random, slot_count)];
        if (*slot != NULL) {
            free(*slot);
            *slot = NULL;
        } else {
            char *block = malloc(LEAST + scale(random * 2654435761u, MOST - LEAST + 1));
            block[0] = 1;
            *slot = block;
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    long operations = atol(argv[1]);
    uint32_t slot_count = (uint32_t)atol(argv[2]), state = 1234567;
    void **slots = calloc(slot_count, sizeof *slots);
    if (slots == NULL) return 1;
    run(slots, slot_count, operations / 10, &state);
    run(slots, slot_count, operations, &state);
    for (uint32_t i = 0; i < slot_count; i++) free(slots[i]);
    printf("%ld operations\n", operations + operations / 10);
    return 0;
}
