#include "counters.h"

_Atomic uint64_t hak_counters[HAK_COUNTER_COUNT];
hak_tally_t hak_lock_tallies[HAK_COUNT ? HAK_LOCK_USE_COUNT : 1];
hak_tally_t hak_swap_tallies[HAK_COUNT ? HAK_SWAP_COUNT : 1];
