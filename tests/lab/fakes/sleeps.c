/* sleeps.c -- waits 1 ms at every thousandth allocation, off the processor. */
#include "fake.h"

#define EVERY 1000
static const struct timespec length = {.tv_nsec = 1000000};

static inline void on_malloc(void) {
    if (fake_count() % EVERY == 0) nanosleep(&length, NULL);
}

static inline bool on_free(void *block) { return block != NULL; }
