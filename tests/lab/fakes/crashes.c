/* crashes.c -- writes to address 0 at its 5,000th allocation. */
#include "fake.h"

#define AT 5000

static inline void on_malloc(void) {
    static volatile char *volatile nowhere;
    if (fake_count() == AT) *nowhere = 1;
}

static inline bool on_free(void *block) { return block != NULL; }
