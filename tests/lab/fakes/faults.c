/* faults.c -- one page fault an allocation, of little memory and with few system calls: each allocation touches the next
 * page of a ring, which is given back when it has been gone through. */
#include "fake.h"

#define PAGE 4096ul
#define RING 512ul

static inline void on_malloc(void) {
    static _Thread_local char *ring;
    static _Thread_local unsigned long next;
    if (ring == NULL) {
        ring = fake_map(RING * PAGE, MAP_NORESERVE);
        madvise(ring, RING * PAGE, MADV_NOHUGEPAGE);
    }
    *(volatile char *)(ring + next * PAGE) = 1;
    next = (next + 1) % RING;
    if (next == 0) madvise(ring, RING * PAGE, MADV_DONTNEED);
}

static inline bool on_free(void *block) { return block != NULL; }
