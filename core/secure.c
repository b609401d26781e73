#include "secure.h"

#include <string.h>

#include "diag.h"
#include "options.h"
#include "os.h"

static _Noreturn void fatal_state(const void *block) { hak_fatal(HAK_ERROR_corrupt_list, block, "malloc"); }
static _Noreturn void fatal_written(const void *block) { hak_fatal(HAK_ERROR_write_after_free, block, "malloc"); }

static bool is_aligned(const void *block, unsigned c) {
    return (uintptr_t)block % (hak_state_is_coarse(c) ? HAK_COARSE_ALIGN : HAK_BLOCK_ALIGN) == 0;
}

static _Noreturn void fatal_free(const void *block, const char *doing) {
    unsigned c = hak_page_map_class(hak_unit_of(block));
    hak_error_t error = HAK_ERROR_invalid_pointer;
    if (c == HAK_CLASS_LARGE) {
        error = HAK_ERROR_interior_pointer;
    } else if (c != 0) {
        error = is_aligned(block, c) && *hak_state(block) == c ? HAK_ERROR_double_free : HAK_ERROR_interior_pointer;
    }
    hak_fatal(error, block, doing);
}

/* ---- sizes and canaries ---- */

static size_t class_bytes(const void *block, unsigned c) {
    return c == HAK_CLASS_LARGE ? hak_large_size(hak_unit_of(block)) : hak_classes[c].size;
}

/* A tiny block may be much larger than asked for where an alignment was asked for too: its requested size counts as more. */
static HAK_INLINE void mark(char *block, unsigned c, size_t size, unsigned kind) {
    uint64_t canary = hak_canary(block);
    if (hak_state_is_coarse(c)) {
        hak_store_word(hak_state(block), hak_state_live_word(size, kind));
        canary = hak_canary_turned(canary, size);
    } else {
        size_t most = hak_classes[c].size - HAK_CANARY, slack = hak_min(most - size, HAK_STATE_SLACK);
        size = most - slack;
        *hak_state(block) = (uint8_t)(HAK_STATE_LIVE | kind << HAK_STATE_KIND_SHIFT | slack);
    }
    if (hak_state_has_canary(c)) hak_store_word(block + size, canary);
}

static HAK_INLINE size_t checked_size(const char *block, unsigned c, const char *doing) {
    if (!hak_state_has_canary(c)) return hak_load_word(hak_state(block)) >> HAK_STATE_SIZE_SHIFT;
    size_t most = hak_classes[c].size - HAK_CANARY, size = most - (*hak_state(block) & HAK_STATE_SLACK);
    uint64_t canary = hak_canary(block);
    bool whole = !hak_state_has_last(c) || hak_load_word(block + most) == canary;
    if (hak_state_is_coarse(c)) {
        size = hak_load_word(hak_state(block)) >> HAK_STATE_SIZE_SHIFT;
        canary = hak_canary_turned(canary, size);
    }
    if (HAK_UNLIKELY(!whole || hak_load_word(block + size) != canary)) hak_fatal(HAK_ERROR_overrun, block, doing);
    return size;
}

/* The class of the live block that starts at `block`. */
static HAK_INLINE unsigned checked_class(const void *block, const char *doing) {
    unsigned c = hak_page_map_class(hak_unit_of(block));
    if (HAK_UNLIKELY(c == 0 || !is_aligned(block, c) || *hak_state(block) < HAK_STATE_LIVE)) fatal_free(block, doing);
    return c;
}

static void clear(void *block, size_t bytes) { memset(block, 0, bytes); }

static void check_clear(const void *block, size_t bytes) {
    const uint64_t *words = block;
    uint64_t all = 0;
    for (size_t i = 1; i < bytes / sizeof *words; i++) all |= words[i];
    if (all != 0) fatal_written(block);
}

/* ---- all blocks ---- */

void hak_secure_give(void *block, unsigned c, size_t size) {
    if (c != HAK_CLASS_LARGE) {
        if (!hak_arena_holds(block) || !is_aligned(block, c) || *hak_state(block) != c) fatal_state(block);
        if (hak_link_second(block) != 0) fatal_written(block);
        if (hak_options.zero_on_free != 0) check_clear(block, hak_classes[c].size - (hak_state_has_last(c) ? HAK_CANARY : 0));
    }
    mark(block, c, size, HAK_KIND_MALLOC);
}

/* In each caller: one load of the state, of the class and of the secret. */
static HAK_INLINE size_t look(const void *block, unsigned *c, const char *doing) {
    *c = checked_class(block, doing);
    return checked_size(block, *c, doing);
}

size_t hak_secure_look(const void *block, unsigned *c, const char *doing) { return look(block, c, doing); }

void hak_secure_retire(void *block, unsigned c, size_t size) {
    if (hak_options.zero_on_free != 0) {
        clear(block, c == HAK_CLASS_LARGE ? size : hak_classes[c].size);
        if (hak_state_has_last(c)) hak_store_word((char *)block + hak_classes[c].size - HAK_CANARY, hak_canary(block));
    }
    if (hak_state_is_coarse(c)) hak_store_word(hak_state(block), c == HAK_CLASS_LARGE ? 0 : c);
    else *hak_state(block) = (uint8_t)c;
}

void hak_secure_take(void *block, const char *doing) {
    unsigned c;
    size_t size = look(block, &c, doing);
    hak_secure_retire(block, c, size);
}

void hak_secure_leave_large(const void *block) { hak_store_word(hak_state(block), 0); }

size_t hak_secure_size(const void *block, const char *doing) {
    unsigned c;
    return look(block, &c, doing);
}

size_t hak_secure_capacity(const void *block, unsigned c) {
    return class_bytes(block, c) - (c == HAK_CLASS_LARGE ? 0 : HAK_CANARY);
}

void hak_secure_resize(void *block, unsigned c, size_t size) {
    mark(block, c, size, (*hak_state(block) & HAK_STATE_KIND) >> HAK_STATE_KIND_SHIFT);
}

bool hak_secure_is_live(const void *block) {
    if (!hak_arena_holds(block)) return false;
    unsigned c = hak_page_map_class(hak_unit_of(block));
    return c != 0 && is_aligned(block, c) && *hak_state(block) >= HAK_STATE_LIVE;
}

void hak_secure_set_kind(void *block, hak_kind_t kind) {
    if (!hak_arena_holds(block)) return;
    uint8_t *state = hak_state(block);
    *state = (uint8_t)((*state & ~HAK_STATE_KIND) | (unsigned)kind << HAK_STATE_KIND_SHIFT);
}

void hak_secure_expect(const void *block, hak_kind_t kind, size_t size) {
    if (hak_options.check_kinds == 0 || block == NULL || !hak_arena_holds(block)) return;
    size_t have = hak_secure_size(block, "delete");
    uint8_t state = *hak_state(block);
    unsigned noted = (state & HAK_STATE_KIND) >> HAK_STATE_KIND_SHIFT;
    if (noted != (unsigned)kind) hak_fatal(HAK_ERROR_kind_mismatch, block, "delete");
    bool exact = (state & HAK_STATE_SLACK) != HAK_STATE_SLACK; /* else it was asked for less, with an alignment */
    if (size != SIZE_MAX && (exact ? size != have : size > have)) hak_fatal(HAK_ERROR_size_mismatch, block, "delete");
}
