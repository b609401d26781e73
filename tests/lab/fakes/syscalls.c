/* syscalls.c -- one cheap system call an allocation. */
#include "fake.h"

static inline void on_malloc(void) { syscall(SYS_getppid); }

static inline bool on_free(void *block) { return block != NULL; }
