/* plain.c -- no defect: the control. */
#include "fake.h"

static inline void on_malloc(void) {}

static inline bool on_free(void *block) { return block != NULL; }
