/* cxx.h -- what operator new does when there is no memory: new-handler, then std::bad_alloc.
 * May use: base, diag, doors, alloc, checked.
 * The core is C: the C++ runtime is found by mangled names when it is in the process, and a failing `new` without one ends
 * the process with a line. */
#ifndef HAK_CXX_H
#define HAK_CXX_H

#include "alloc.h"
#include "doors.h"

/* Calls the new-handler until there is memory; throws std::bad_alloc where there is no handler. Alignment 1: none asked. */
void *hak_new_slow(size_t size, size_t alignment, hak_door_t door);
/* The same for the nothrow forms: NULL instead of an exception. */
void *hak_new_nothrow_slow(size_t size, size_t alignment, hak_door_t door);

#endif
