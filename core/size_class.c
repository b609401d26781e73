#include "size_class.h"

#define HAK_CLASS_ROW(c, bytes, slab_units, shard_batches) \
    [c] = {.size = (bytes), \
           .units = (slab_units), \
           .batches = (shard_batches), \
           .capacity = (bytes) == 0 ? 0 : ((slab_units) * HAK_UNIT_SIZE) / ((bytes) + !(bytes)), \
           .reciprocal = (bytes) == 0 ? 0 : (((uint64_t)1 << 40) + (bytes) - 1) / ((bytes) + !(bytes))},
const hak_class_t hak_classes[HAK_CLASS_COUNT] = {HAK_CLASS_TABLE(HAK_CLASS_ROW)};

const uint8_t hak_mid_classes[HAK_MID_MAX >> HAK_MID_STEP_SHIFT] = {HAK_MID_CLASSES};
_Static_assert(HAK_CLASS_COUNT <= UINT8_MAX, "a class fits an entry");
