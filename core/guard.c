#include "guard.h"

#include "diag.h"
#include "pattern.h"

static _Atomic uint64_t *live_word(const void *block, uint64_t *bit) {
    size_t place = ((uintptr_t)block - hak_arena_base()) / HAK_BLOCK_ALIGN;
    *bit = (uint64_t)1 << (place % 64);
    return &hak_arena.live[place / 64];
}

bool hak_guard_is_live(const void *block) {
    if (!hak_arena_holds(block) || (uintptr_t)block % HAK_BLOCK_ALIGN != 0) return false;
    uint64_t bit;
    _Atomic uint64_t *word = live_word(block, &bit);
    return (hak_load_relaxed(word) & bit) != 0;
}

void hak_guard_give(void *block) {
    if (!hak_arena_holds(block)) return; /* a mapping of its own */
    if (HAK_DEBUG && hak_pattern_off) return; /* full checks have records */
    uint64_t bit;
    _Atomic uint64_t *word = live_word(block, &bit);
    /* Relaxed: the block itself is handed over with its own ordering. */
    if ((atomic_fetch_or_explicit(word, bit, memory_order_relaxed) & bit) != 0) {
        hak_fatal(HAK_ERROR_corrupt_list, block, "malloc");
    }
}

static _Noreturn void fatal_not_live(const void *block, const char *doing) {
    unsigned c = hak_arena_holds(block) ? hak_page_map_class(hak_unit_of(block)) : 0;
    hak_error_t error = HAK_ERROR_invalid_pointer;
    if (c == HAK_CLASS_LARGE) {
        error = HAK_ERROR_interior_pointer;
    } else if (c != 0) {
        error = hak_slab_is_block(hak_slab_head(hak_unit_of(block)), block) ? HAK_ERROR_double_free
                                                                            : HAK_ERROR_interior_pointer;
    }
    hak_fatal(error, block, doing);
}

void hak_guard_check(const void *block, const char *doing) {
    if (!hak_guard_is_live(block)) fatal_not_live(block, doing);
}

void hak_guard_take(void *block, const char *doing) {
    if (HAK_DEBUG && hak_pattern_off) return;
    hak_guard_check(block, doing);
    uint64_t bit;
    _Atomic uint64_t *word = live_word(block, &bit);
    if ((atomic_fetch_and_explicit(word, ~bit, memory_order_relaxed) & bit) == 0) fatal_not_live(block, doing);
}
