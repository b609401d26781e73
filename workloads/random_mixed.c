/* random_mixed.c -- a working set of SLOTS blocks of uniform random size: each operation picks a random slot and frees it if
 * it is full, else fills it.
 *
 *   random_mixed [--cold] OPERATIONS SLOTS [SEED [MIN MAX]]
 *
 * A tenth of the operations warms up first. --cold leaves that out, and the laboratory takes the time of the whole process:
 * what a short-lived program sees of an allocator is its start. */
#include "workload.h"

static uint32_t state, low;
static uint64_t slots, span, allocations, bytes;
static void **blocks;

static void run(uint64_t operations) {
    uint32_t random = state; /* here, and not in memory: a call could change what it sees */
    for (uint64_t i = 0; i < operations; i++) {
        uint32_t x = lab_random32(&random);
        void **block = &blocks[lab_below(x, slots)];
        if (*block != NULL) {
            free(*block);
            *block = NULL;
        } else {
            size_t size = low + lab_below(x * 2654435761u, span); /* Knuth's multiplier: other bits than the slot's */
            *block = lab_malloc(size);
            *(volatile char *)*block = 1;
            allocations++;
            bytes += size;
        }
    }
    state = random;
}

int main(int count, char **arguments) {
    int cold = count > 1 && strcmp(arguments[1], "--cold") == 0;
    lab_begin("random_mixed", "[--cold] OPERATIONS SLOTS [SEED [MIN MAX]]", count - cold, arguments + cold, 2, 5);
    uint64_t operations = lab_whole("OPERATIONS", 1, UINT64_MAX / 2);
    slots = lab_whole("SLOTS", 1, 1 << 28);
    state = (uint32_t)lab_whole_or("SEED", 1, UINT32_MAX, 1234567);
    low = (uint32_t)lab_whole_or("MIN", 1, 1 << 30, 16);
    span = lab_whole_or("MAX", low, 1 << 30, low > 1024 ? low : 1024) - low + 1;
    blocks = lab_map(slots * sizeof *blocks);

    uint64_t warmup = cold ? 0 : operations / 10;
    run(warmup);
    double begin = lab_now();
    run(operations);
    double seconds = lab_now() - begin;

    uint64_t checksum = lab_mix(lab_mix(lab_mix(0, state), allocations), bytes);
    lab_figure("warmup", (double)warmup);
    lab_result(operations, cold ? LAB_FROM_START : seconds, checksum);
    for (uint64_t i = 0; i < slots; i++) free(blocks[i]);
    return 0;
}
