/* sweep.h -- looks at every block there is: now and then, at the end, and when something has gone wrong already.
 * May use: base, bits, atomic, os, lock, options, probe, redzone, record, finding, inspect, witness, report.
 * Threads go on meanwhile. Memory is looked at in copies that the kernel makes; what looks damaged is copied anew between two
 * looks at its record, and counts only if nobody took or gave the block in between. */
#ifndef HAK_SWEEP_H
#define HAK_SWEEP_H

#include "report.h"

typedef struct hak_sweep_totals {
    uint64_t live_blocks, live_bytes;
} hak_sweep_totals_t;

/* Something has gone wrong; `signal_context` as for hak_report. Does nothing if a sweep is on its way, perhaps this thread's own. */
void hak_sweep_at_fault(const void *signal_context);
/* Waits for a sweep that is on its way, so that damage done since it passed is seen. */
hak_sweep_totals_t hak_sweep_at_exit(void);
/* Starts the thread that sweeps now and then, if the settings ask for it. Cheap when it runs already. */
void hak_sweep_start_thread(void);
void hak_sweep_after_fork(void);

#endif
