/* counters.h -- process-wide figures of what happens off the fast path.
 * May use: base, atomic.
 * Figures only: relaxed order, nothing is decided by them. */
#ifndef HAK_COUNTERS_H
#define HAK_COUNTERS_H

#include "atomic.h"

#define HAK_COUNTER_ID(id, text) HAK_COUNTER_##id,
typedef enum { HAK_COUNTERS(HAK_COUNTER_ID) HAK_COUNTER_COUNT } hak_counter_t;
#undef HAK_COUNTER_ID

extern _Atomic uint64_t hak_counters[HAK_COUNTER_COUNT];

static inline void hak_count(hak_counter_t counter, uint64_t n) { hak_add_relaxed(&hak_counters[counter], n); }

#endif
