/* fault.h -- SIGSEGV and SIGBUS under full checks: an access that a guard page stopped becomes a report.
 * May use: base, bits, atomic, diag, os, lock, options, stack, record, finding, witness, report, pages, sweep.
 * Faults elsewhere are the program's: its own handler gets them, or the system's action takes place. A program that sets its
 * handler later than ours is noticed when it allocates, and ours is put in front again. The handler runs on a stack of its
 * own, allocates nothing, and ends with one line if it faults itself. */
#ifndef HAK_FAULT_H
#define HAK_FAULT_H

#include "report.h"

void hak_fault_open(void);
/* Gives the calling thread a stack for signals, if it has none; takes it away again. */
void hak_fault_thread_begins(hak_witness_t *witness);
void hak_fault_thread_ends(hak_witness_t *witness);
/* Puts the handlers in front again. */
void hak_fault_renew(void);

#endif
