/* checked.h -- malloc, free and the rest under full checks: the debug flavour when HAKMEM_CHECK_FILE is set.
 * May use: everything up to leaks.
 * The heap below serves each block with room for its redzones; what the program gets, and gives back, passes through here.
 * Every call says by which door it came, so that blocks are given back by a door of their kind. As in alloc.h, these set
 * errno, and what frees keeps it. malloc_usable_size is the size that was asked for: the rest belongs to the redzone. */
#ifndef HAK_CHECKED_H
#define HAK_CHECKED_H

#include "alloc.h"
#include "doors.h"

typedef enum { HAK_CHECKS_UNKNOWN, HAK_CHECKS_OFF, HAK_CHECKS_ON } hak_checks_t;
extern _Atomic int hak_checks;
bool hak_checks_open(void);

/* Whether calls come here. Decided at the process's first call. */
static inline bool hak_checking(void) {
    if (!HAK_DEBUG) return false;
    int checks = hak_load_relaxed(&hak_checks);
    return HAK_UNLIKELY(checks == HAK_CHECKS_UNKNOWN) ? hak_checks_open() : checks == HAK_CHECKS_ON;
}

/* `alignment` is a power of two; 1: none asked. */
HAK_NOINLINE void *hak_checked_alloc(size_t size, size_t alignment, hak_door_t door);
HAK_NOINLINE void *hak_checked_alloc_zero(size_t count, size_t size);
HAK_NOINLINE void *hak_checked_resize(void *block, size_t size, hak_door_t door);
HAK_NOINLINE void *hak_checked_resize_array(void *block, size_t count, size_t size);

/* What a sized or aligned free or delete says; 0 where it says nothing. An alignment of 1 says that none was asked. */
typedef struct hak_told {
    bool has_size;
    size_t size, alignment;
} hak_told_t;
HAK_NOINLINE void hak_checked_release(void *block, hak_door_t door, hak_told_t told);
HAK_NOINLINE void hak_checked_free(void *block); /* by the door free, which says nothing */

size_t hak_checked_size(const void *block);
bool hak_checked_owns(const void *block);

#endif
