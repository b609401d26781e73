/* flow.h -- what slabs got from all caches, less what they gave, of late.
 * May use: base, bits, atomic.
 * A thread knows its own flow alone. Where one thread allocates and another frees, the flow of the second grows for ever, while
 * the slabs get no fuller. So threads add theirs to a sum, in steps, and who finds its own grown looks whether the sum has.
 * Figures are out of date by a step a thread, and changes of `low` may get lost: a hint. */
#ifndef HAK_FLOW_H
#define HAK_FLOW_H

#include "atomic.h"

/* Adds what the flow has grown by since *published, if that is a step or more. */
void hak_flow_publish(int64_t flow_bytes, int64_t *published);
/* By how many bytes the sum is above its lowest of one to two windows. */
int64_t hak_flow_risen(void);
/* A window ends. */
void hak_flow_end_window(void);

#endif
