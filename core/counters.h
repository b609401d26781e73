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

/* In the count flavour alone: what locks are taken for, and words that threads change without one. */
#define HAK_LOCK_USE_ID(id, text) HAK_LOCK_##id,
typedef enum { HAK_LOCK_USES(HAK_LOCK_USE_ID) HAK_LOCK_USE_COUNT } hak_lock_use_t;
#undef HAK_LOCK_USE_ID
#define HAK_SWAP_ID(id, text) HAK_SWAP_##id,
typedef enum { HAK_SWAPS(HAK_SWAP_ID) HAK_SWAP_COUNT } hak_swap_t;
#undef HAK_SWAP_ID

/* How often something went well at once, and how often it did not. */
typedef struct hak_tally {
    _Atomic uint64_t at_once, not_at_once;
} hak_tally_t;

extern hak_tally_t hak_lock_tallies[HAK_COUNT ? HAK_LOCK_USE_COUNT : 1];
extern hak_tally_t hak_swap_tallies[HAK_COUNT ? HAK_SWAP_COUNT : 1];

static inline void hak_tally(hak_tally_t *tally, bool at_once) {
    hak_add_relaxed(at_once ? &tally->at_once : &tally->not_at_once, 1);
}
static inline void hak_tally_lock(hak_lock_use_t use, bool at_once) {
    if (HAK_COUNT) hak_tally(&hak_lock_tallies[use], at_once);
}
static inline void hak_tally_swap(hak_swap_t place, bool at_once) {
    if (HAK_COUNT) hak_tally(&hak_swap_tallies[place], at_once);
}

/* A figure that is written under a lock, and read by anyone without it. */
static inline void hak_figure_add(_Atomic uint64_t *figure, uint64_t n) {
    hak_store_relaxed(figure, hak_load_relaxed(figure) + n);
}

static inline void hak_count(hak_counter_t counter, uint64_t n) { hak_add_relaxed(&hak_counters[counter], n); }

#endif
