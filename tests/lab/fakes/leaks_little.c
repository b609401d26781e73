/* leaks_little.c -- never frees one block in 128: too little to see in a short run's peak. */
#include "fake.h"

#define ONE_IN 128

static inline void on_malloc(void) {}

static inline bool on_free(void *block) { return block != NULL && fake_count() % ONE_IN != 0; }
