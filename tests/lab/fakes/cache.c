/* cache.c -- reads 16 lines an allocation from all over 8 MiB: none is in the first two levels of the cache, and as each
 * address comes from what the last one held, no two are fetched at a time. The lines are resident from the start. */
#include "fake.h"

#define LINE 64ul
#define LINES (1ul << 17)
#define READS 16

static inline void on_malloc(void) {
    static _Atomic(char *) memory;
    static _Thread_local unsigned long at;
    char *lines = atomic_load_explicit(&memory, memory_order_acquire); /* with the store below: a mapped range */
    if (lines == NULL) {
        lines = fake_map(LINES * LINE, MAP_POPULATE);
        atomic_store_explicit(&memory, lines, memory_order_release);
    }
    for (int i = 0; i < READS; i++) {
        unsigned long zero = *(volatile unsigned long *)(lines + at * LINE);
        at = (at * 5 + 12345 + zero) % LINES; /* comes by every line (Hull and Dobell, 1962) */
    }
}

static inline bool on_free(void *block) { return block != NULL; }
