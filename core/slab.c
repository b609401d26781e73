#include "slab.h"

#include "diag.h"
#include "pattern.h"
#include "state.h"

enum { TURN_BYTES = 13 * 64 }; /* an odd number of cache lines: successive classes begin all over HAK_CARVE_BYTES */
void (*hak_slab_made)(size_t unit, unsigned c);

static uint32_t pack(size_t slab, const void *head, uint32_t count) {
    size_t offset = (uintptr_t)head - (uintptr_t)hak_unit_address(slab);
    return (uint32_t)(offset / HAK_BLOCK_ALIGN + 1) | count << HAK_SLAB_COUNT_SHIFT;
}

static void *head_of(size_t slab, uint32_t word) {
    uint32_t place = word & ((1u << HAK_SLAB_COUNT_SHIFT) - 1);
    return place == 0 ? NULL : (char *)hak_unit_address(slab) + (size_t)(place - 1) * HAK_BLOCK_ALIGN;
}

size_t hak_slab_make(unsigned c) {
    const hak_class_t *class = &hak_classes[c];
    bool zero;
    size_t unit = hak_stock_take(class->units, 1, HAK_UNIT_SLAB, &zero);
    if (unit == 0) return 0;
    hak_unit_t *slab = hak_unit(unit);
    hak_store_relaxed(&slab->class, (uint8_t)c);
    hak_store_relaxed(&slab->slab.word, 0);
    hak_store_relaxed(&slab->slab.carved, 0);
    slab->listed = false;
    for (size_t i = 1; i < class->units; i++) hak_store_relaxed(&hak_unit(unit + i)->head, (uint32_t)unit);
    hak_page_map_set(unit, class->units, c);
    if (HAK_DEBUG && hak_slab_made != NULL) hak_slab_made(unit, c);
    return unit;
}

void hak_slab_retire(size_t unit, uint64_t stamp_ms) {
    hak_unit_t *slab = hak_unit(unit);
    unsigned c = hak_load_relaxed(&slab->class);
    HAK_ASSERT(hak_slab_free_count(slab) == 0 && !slab->listed);
    size_t touched = (size_t)hak_slab_carved(slab) * hak_classes[c].size;
    hak_page_map_set(unit, hak_classes[c].units, 0);
    if (HAK_SECURE) hak_state_retire(c, unit, hak_slab_carved(slab));
    hak_store_relaxed(&slab->class, 0);
    hak_stock_give(unit, (touched + HAK_UNIT_SIZE - 1) >> HAK_UNIT_SHIFT, stamp_ms);
}

bool hak_slab_is_block(size_t slab, const void *block) {
    unsigned c = hak_load_relaxed(&hak_unit(slab)->class);
    size_t offset = (uintptr_t)block - (uintptr_t)hak_unit_address(slab);
    uint32_t index = hak_class_block_index(c, offset);
    return index * (size_t)hak_classes[c].size == offset && index < hak_slab_carved(hak_unit(slab));
}

/* Which of the `count` blocks of a piece is handed out first. Were it the first for every class, then the warmest blocks of all
 * classes would lie at starts of units, and fight for the same few lines of a first-level cache. */
static uint32_t turn_of(unsigned c, uint32_t count) {
    return c * TURN_BYTES % HAK_CARVE_BYTES / hak_classes[c].size % count;
}

hak_chain_t hak_slab_carve(size_t unit, uint32_t most, uint32_t bytes) {
    hak_unit_t *slab = hak_unit(unit);
    unsigned c = hak_load_relaxed(&slab->class);
    const hak_class_t *class = &hak_classes[c];
    uint32_t carved = hak_slab_carved(slab);
    uint32_t step = class->size < bytes ? bytes / class->size : 1;
    uint32_t count = (uint32_t)hak_min(hak_min(most, step), class->capacity - carved);
    if (count == 0) return (hak_chain_t){NULL, 0};
    char *first = (char *)hak_unit_address(unit) + (size_t)carved * class->size;
    char *last = first + (size_t)(count - 1) * class->size;
    hak_chain_t chain = {first, count};
    if (HAK_SECURE) {
        hak_state_carve(c, first, count, &chain);
    } else {
        chain.head = first + (size_t)turn_of(c, count) * class->size;
        for (char *block = first; block < last; block += class->size) hak_set_next(block, block + class->size);
        hak_set_next(last, first);
        hak_set_next(chain.head == first ? last : (char *)chain.head - class->size, NULL);
    }
    for (char *block = first; HAK_DEBUG && block <= last; block += class->size) hak_pattern_fill(block, class->size);
    /* Relaxed: a pusher of one of these blocks got it from a thread that had it from here. */
    hak_store_relaxed(&slab->slab.carved, carved + count);
    return chain;
}

hak_chain_t hak_slab_take(size_t unit) {
    hak_unit_t *slab = hak_unit(unit);
    /* Acquire: partner of the release in hak_slab_push; the taker reads the links that the pushers wrote. */
    uint32_t word = hak_exchange_acq_rel(&slab->slab.word, 0);
    return (hak_chain_t){head_of(unit, word), hak_slab_count_of(word)};
}

/* Release: partner of the acquire in hak_slab_take. */
static inline bool counted_swap(hak_unit_t *slab, uint32_t *expected, uint32_t word) {
    bool swapped = hak_cas_acq_rel(&slab->slab.word, expected, word);
    hak_tally_swap(HAK_SWAP_slab_push, swapped);
    return swapped;
}

hak_pushed_t hak_slab_push(size_t unit, hak_chain_t chain, void *tail) {
    hak_unit_t *slab = hak_unit(unit);
    /* Acquire: `carved` is read after the word and before the swap, so that it is at least as new as the count. An older one
     * would take blocks that were carved and freed meanwhile for too many; a newer one would miss that all are free. */
    uint32_t word = hak_load_acquire(&slab->slab.word);
    uint32_t carved, count;
    do {
        carved = hak_slab_carved(slab);
        count = hak_slab_count_of(word) + chain.count;
        if (HAK_UNLIKELY(count > carved)) hak_fatal(HAK_ERROR_double_free, chain.head, "free");
        hak_set_next(tail, head_of(unit, word));
        hak_preempt(HAK_AT_READ);
    } while (!counted_swap(slab, &word, pack(unit, chain.head, count)));
    /* From here on the slab may be anything. */
    hak_preempt(HAK_AT_SWAPPED);
    return count == chain.count || count == carved ? HAK_PUSHED_LOOK : HAK_PUSHED;
}
