/* world.h -- holds the other threads of the process still, and the memory in which they may keep pointers.
 * May use: base, bits, atomic, os, lock, probe.
 * For the end of the process alone: a thread that is held sees its system calls interrupted. Threads that block the signal go
 * on. Nothing here allocates. */
#ifndef HAK_WORLD_H
#define HAK_WORLD_H

#include "os.h"

/* Stops the others, or as many as come within a tenth of a second. */
void hak_world_stop(void);
void hak_world_resume(void);
/* Visits, in pieces, copies of what the process may write and has written: data segments, stacks from their tops on, and
 * anonymous memory, but for [skip_from, skip_to) and what `is_own` says of an address (where it ends; 0: it is not). */
void hak_world_visit(uintptr_t skip_from, uintptr_t skip_to, uintptr_t (*is_own)(uintptr_t address, uintptr_t *next),
                     void (*visit)(const uintptr_t *words, size_t count, void *context), void *context);

#endif
