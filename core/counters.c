#include "counters.h"

_Atomic uint64_t hak_counters[HAK_COUNTER_COUNT];
