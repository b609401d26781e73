/* witness.h -- what full checks keep for each thread: its last calls, its part of the quarantine, a stack for signals.
 * May use: base, bits, atomic, diag, os, lock, doors, ring, redzone, record.
 * Memory is mapped for it and used again when the thread has ended. A thread past its end, and every thread where there is
 * no memory, is given hak_witness_nobody, which keeps nothing. */
#ifndef HAK_WITNESS_H
#define HAK_WITNESS_H

#include "record.h"
#include "ring.h"

typedef struct hak_witness {
    hak_ring_t ring;
    uint32_t thread; /* its number to the system */
    uint32_t inside; /* calls of the checks that are running; what they allocate themselves has no stack */
    hak_record_t *first, *last; /* freed, on their way to the quarantine */
    uint32_t waiting;
    size_t waiting_bytes;
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
