/* slots.h -- the frame of random_mixed for other ways to allocate: each operation picks a random slot and frees it if it is
 * full, else fills it with a block of uniform random size.
 *
 * May use: workload. */
#ifndef HAKMEM_SLOTS_H
#define HAKMEM_SLOTS_H

#include "workload.h"

typedef struct slots {
    void **blocks;
    uint64_t count, low, span; /* sizes are low to low + span - 1 */
    uint64_t random, allocations, bytes;
} slots_t;

/* Gives a block of at least `size` bytes, or ends the process; `random` holds 64 bits of its own. */
typedef void *slots_allocate_t(size_t size, uint64_t random);

/* Inlined, so that each way to allocate is called directly. */
__attribute__((always_inline)) static inline void slots_run(slots_t *slots, uint64_t operations,
                                                            slots_allocate_t *allocate) {
    slots_t now = *slots;
    for (uint64_t i = 0; i < operations; i++) {
        uint64_t x = lab_random(&now.random);
        void **block = &now.blocks[lab_below((uint32_t)x, now.count)];
        if (*block != NULL) {
            free(*block);
            *block = NULL;
        } else {
            size_t size = now.low + lab_below((uint32_t)(x >> 32), now.span);
            *block = allocate(size, x * 0x9e3779b97f4a7c15u);
            now.allocations++;
            now.bytes += size;
        }
    }
    *slots = now;
}

static inline void slots_empty(slots_t *slots) {
    for (uint64_t i = 0; i < slots->count; i++) free(slots->blocks[i]);
}

/* Reads [MIN MAX], 16 and 1024 without them. */
static inline void slots_read_sizes(slots_t *slots) {
    slots->low = lab_whole_or("MIN", 1, 1 << 30, 16);
    slots->span = lab_whole_or("MAX", slots->low, 1 << 30, slots->low > 1024 ? slots->low : 1024) - slots->low + 1;
}

/* Starts a program whose arguments are OPERATIONS SLOTS, then `own - 2` of its own, then [MIN MAX [SEED]]; gives OPERATIONS. */
static inline uint64_t slots_begin(slots_t *slots, const char *name, const char *usage, int count, char **arguments,
                                   int own) {
    lab_begin(name, usage, count, arguments, own, own + 3);
    uint64_t operations = lab_whole("OPERATIONS", 1, UINT64_MAX / 2);
    *slots = (slots_t){.count = lab_whole("SLOTS", 1, 1 << 28)};
    slots->blocks = lab_map(slots->count * sizeof *slots->blocks);
    return operations;
}

/* The rest of such a program. A tenth of the operations warms up first. */
__attribute__((always_inline)) static inline int slots_measure(slots_t *slots, uint64_t operations,
                                                               slots_allocate_t *allocate) {
    slots_read_sizes(slots);
    slots->random = lab_stream(lab_whole_or("SEED", 0, UINT64_MAX, 1), 0);
    uint64_t warmup = operations / 10;
    slots_run(slots, warmup, allocate);
    double begin = lab_now();
    slots_run(slots, operations, allocate);
    double seconds = lab_now() - begin;

    lab_figure("warmup", (double)warmup);
    lab_result(operations, seconds, lab_mix(lab_mix(slots->random, slots->allocations), slots->bytes));
    slots_empty(slots);
    return 0;
}

#endif
