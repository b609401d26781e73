/* unwind.h -- the native frames of the calling thread.
 * May use: base, bits, atomic, os, recent, reach, hash, object, cfi, trail, path.
 * On x86-64 by the tables of the compiler (cfi.h), whose rules are kept by pc; on other processors by frame pointers. Takes no
 * lock. Reads stack memory that reach.h allows, so that a wrong rule or a ruined stack ends the walk and nothing worse. */
#ifndef HAK_UNWIND_H
#define HAK_UNWIND_H

#include "os.h"
#include "recent.h"

typedef struct hak_walk {
    size_t count;
    bool fresh; /* it came through an object where no walk had been before */
    uint64_t hash; /* of the pcs (hash.h) */
    hak_recent_t *stack; /* where to note the number of the whole stack, by its hash; NULL: nowhere */
} hak_walk_t;

typedef struct hak_code {
    uintptr_t start, end;
} hak_code_t;

/* Writes at most `max` pcs, innermost first: return addresses, and for a frame that a signal struck the address after its pc.
 * Frames in `skipped` are left out as long as there is none outside it. `here` is the function that runs at here.pc; exact: that is the instruction that a signal struck, not a return address. */
hak_walk_t hak_unwind(hak_registers_t here, bool exact, hak_code_t skipped, uintptr_t *pcs, size_t max);
/* The same of a caller's stack that this thread had not long ago, without the pcs; false: it did not, or nobody remembers. */
bool hak_unwind_known(hak_registers_t here, size_t max, hak_walk_t *walk);

/* The calling thread has walked its stack for the last time but for a few. */
void hak_unwind_thread_ends(void);
/* In the child, where the other threads are gone. */
void hak_unwind_after_fork(void);

#endif
