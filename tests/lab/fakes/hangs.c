/* hangs.c -- does not come back from its 5,000th allocation. */
#include "fake.h"

#define AT 5000

static inline void on_malloc(void) {
    if (fake_count() == AT)
        for (;;) pause();
}

static inline bool on_free(void *block) { return block != NULL; }
