/* instructions.c -- some 1,000 instructions an allocation that touch no memory. */
#include "fake.h"

#define ROUNDS 250

static inline void on_malloc(void) {
    unsigned long x = 1;
    for (int i = 0; i < ROUNDS; i++) __asm__ volatile("" : "+r"(x)); /* add, compare, branch: kept by the asm */
}

static inline bool on_free(void *block) { return block != NULL; }
