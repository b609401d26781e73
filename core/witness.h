/* witness.h -- what full checks keep for each thread: its last calls, its part of the quarantine, a stack for signals.
 * May use: base, bits, atomic, diag, os, lock, doors, ring, redzone, record.
 * Memory is mapped for it and used again when the thread has ended. A thread past its end, and every thread where there is
 * no memory, is given hak_witness_nobody, which keeps nothing. */
#ifndef HAK_WITNESS_H
#define HAK_WITNESS_H

#include "record.h"
#include "ring.h"

/* Freed blocks on their way through the quarantine. They are pointers beside each other, so that the records can be fetched
 * ahead: in a list through the records each waits for the one before. */
enum { HAK_WAITING_BLOCKS = 61 };
typedef struct hak_waiting {
    struct hak_waiting *next;
    size_t bytes; /* as they count for the budget */
    uint32_t count;
    hak_record_t *records[HAK_WAITING_BLOCKS];
} hak_waiting_t;
_Static_assert(sizeof(hak_waiting_t) == 8 * HAK_CACHE_LINE, "as many as fit");

typedef struct hak_witness {
    hak_ring_t ring;
    uint32_t thread; /* its number to the system */
    uint32_t inside; /* calls of the checks that are running; what they allocate themselves has no stack */
    hak_waiting_t *waiting; /* being filled; NULL: none yet */
    void *signal_stack;
    struct hak_witness *next, *previous;
} hak_witness_t;

extern hak_witness_t hak_witness_nobody;
extern _Thread_local hak_witness_t *hak_witness_own;

/* The thread's witness, if it has one: nothing is allocated for it. */
static inline hak_witness_t *hak_witness_if_any(void) { return hak_witness_own != NULL ? hak_witness_own : &hak_witness_nobody; }

/* Not 0: this thread writes a report, which must not use the heap that it reports on. If it does, a line on stderr says so, once. */
extern _Thread_local uint32_t hak_witness_reports;
void hak_witness_reporter_allocates(void);

/* Called with a thread's witness when the thread ends. */
extern void (*hak_witness_ends)(hak_witness_t *witness);
/* Called with a new thread's. */
extern void (*hak_witness_begins)(hak_witness_t *witness);

void hak_witness_open(void);
hak_witness_t *hak_witness_new(void);

static inline hak_witness_t *hak_witness(void) {
    return HAK_LIKELY(hak_witness_own != NULL) ? hak_witness_own : hak_witness_new();
}

/* Empties every thread's ring, so that what it names is not taken for a pointer of the program. */
void hak_witness_forget_calls(void);

void hak_witness_before_fork(void);
void hak_witness_after_fork(bool child);

#endif
