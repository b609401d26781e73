/* quarantine.h -- freed blocks wait before the heap may use them again, first in, first out, up to a number of bytes.
 * May use: base, bits, atomic, lock, options, redzone, record, witness.
 * A thread gathers what it frees and hands it over in batches; what then exceeds the budget comes back to it, and is its
 * caller's to look at and to release. */
#ifndef HAK_QUARANTINE_H
#define HAK_QUARANTINE_H

#include "witness.h"

/* Takes a record in the phase freed. True if a batch was handed over: *out is a list of records then, linked by `next`, whose
 * time is up. */
bool hak_quarantine_put(hak_witness_t *witness, hak_record_t *record, hak_record_t **out);
/* Hands over what the thread gathered, at its end. */
hak_record_t *hak_quarantine_flush(hak_witness_t *witness);
/* Bytes that wait, as they count for the budget. */
size_t hak_quarantine_bytes(void);

void hak_quarantine_before_fork(void);
void hak_quarantine_after_fork(bool child);

#endif
