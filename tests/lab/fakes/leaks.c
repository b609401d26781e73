/* leaks.c -- never frees one block in four. */
#include "fake.h"

#define ONE_IN 4

static inline void on_malloc(void) {}

static inline bool on_free(void *block) { return block != NULL && fake_count() % ONE_IN != 0; }
