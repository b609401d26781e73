/* quarantine.h -- freed blocks wait before the heap may use them again, first in, first out, up to a number of bytes.
 * May use: base, bits, atomic, os, lock, options, redzone, record, witness.
 * A thread gathers what it frees and hands it over in batches; the oldest batches, without which the rest is within the
 * budget, come back to it: their blocks are its caller's to look at and to release, and the batches to be given back empty. */
#ifndef HAK_QUARANTINE_H
#define HAK_QUARANTINE_H

#include "witness.h"

/* Takes a record in the phase freed. True if a batch was handed over: *out is a list of batches then, linked by `next`, whose
 * time is up. Where there is no memory for a batch the block stays freed for ever. */
bool hak_quarantine_put(hak_witness_t *witness, hak_record_t *record, hak_waiting_t **out);
/* Hands over what the thread gathered, at its end. */
hak_waiting_t *hak_quarantine_flush(hak_witness_t *witness);
/* Takes batches back whose blocks have been seen to. */
void hak_quarantine_done(hak_witness_t *witness, hak_waiting_t *batches);
/* Bytes that wait, as they count for the budget. */
size_t hak_quarantine_bytes(void);

void hak_quarantine_before_fork(void);
void hak_quarantine_after_fork(bool child);

#endif
