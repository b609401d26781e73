/* reach.h -- the stack memory that the calling thread may read without a fault.
 * May use: base, bits, os.
 * Pages are asked for once (hak_os_readable_pages) and then remembered for the thread: its own stack stays mapped while it
 * lives. Other stacks on which it runs (of a signal handler, of a coroutine) are asked for on each capture, since they may go. */
#ifndef HAK_REACH_H
#define HAK_REACH_H

#include "base.h"

typedef struct hak_reach {
    struct {
        uintptr_t low, high;
    } own, other; /* other: the last one that was asked for */
} hak_reach_t;

/* What the thread has asked for before. */
hak_reach_t hak_reach_start(void);
bool hak_reach_slow(hak_reach_t *reach, uintptr_t address);

/* True if the aligned word at `address` may be read. */
static inline bool hak_reach(hak_reach_t *reach, uintptr_t address) {
    if (address % sizeof(uintptr_t) != 0) return false;
    if (HAK_LIKELY(address - reach->own.low < reach->own.high - reach->own.low)) return true;
    return address - reach->other.low < reach->other.high - reach->other.low || hak_reach_slow(reach, address);
}

typedef uintptr_t __attribute__((may_alias)) hak_reach_word_t;
HAK_RAW_READS static inline uintptr_t hak_reach_word(uintptr_t address) { return *(const hak_reach_word_t *)address; }

#endif
