/* finding.h -- an error that full checks found, and the sentence that says it.
 * May use: base, diag, doors, record.
 * Sentences are those of the table in spec/errors.py, with what was found in their places. */
#ifndef HAK_FINDING_H
#define HAK_FINDING_H

#include "diag.h"
#include "record.h"

typedef struct hak_finding {
    hak_error_t error;
    hak_door_t door;               /* the call that found it, or HAK_DOOR_none */
    const void *pointer;
    const hak_record_t *record;    /* the block that it is about; NULL: none */
    const hak_record_t *neighbour; /* whose underrun it may be as well; NULL: none */
    const char *when;              /* "call", "reuse", "sweep", "exit", "fault" */
    ptrdiff_t offset;              /* of the first damaged byte, or of the pointer, from the block's start */
    size_t length;                 /* damaged bytes; 0: none */
    uint64_t given;                /* the size or alignment that does not fit */
    const void *signal_context;    /* where a signal struck; NULL: here */
    bool goes_on;                  /* the process goes on, whatever the settings say */
} hak_finding_t;

/* Fills `text`, cut off if it is too short, with a NUL at its end. */
void hak_finding_say(const hak_finding_t *finding, char *text, size_t size);

#endif
