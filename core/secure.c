#include "secure.h"

#include <string.h>

#include "diag.h"
#include "options.h"
#include "os.h"

/* Where what is behind the state of a block that is not tiny stands; no such block starts there. */
enum { SIZE_OFFSET = 8, COARSE_ALIGN = 128 };

static _Noreturn void fatal_state(const void *block) { hak_fatal(HAK_ERROR_corrupt_list, block, "malloc"); }
static _Noreturn void fatal_written(const void *block) { hak_fatal(HAK_ERROR_write_after_free, block, "malloc"); }

static _Noreturn void fatal_free(const void *block, const char *doing) {
    unsigned c = hak_page_map_class(hak_unit_of(block));
    hak_error_t error = HAK_ERROR_invalid_pointer;
    if (c == HAK_CLASS_LARGE) {
        error = HAK_ERROR_interior_pointer;
    } else if (c != 0) {
        bool free = (uintptr_t)block % HAK_BLOCK_ALIGN == 0 && *hak_state(block) == c;
        error = free ? HAK_ERROR_double_free : HAK_ERROR_interior_pointer;
    }
    hak_fatal(error, block, doing);
}

/* ---- sizes and canaries ---- */

static bool is_tiny(unsigned c) { return c <= HAK_TINY_CLASSES; }

static size_t class_bytes(const void *block, unsigned c) {
    return c == HAK_CLASS_LARGE ? hak_large_size(hak_unit_of(block)) : hak_classes[c].size;
}

static uint64_t *size_word(const void *block) { return (uint64_t *)(hak_state(block) + SIZE_OFFSET); }

/* A large block has a canary if it has a guard too, which is not so for those that follow each other fast, and there is room. */
static bool has_canary(const void *block, unsigned c, size_t size) {
    if (c != HAK_CLASS_LARGE) return true;
    return hak_unit(hak_unit_of(block))->guarded && class_bytes(block, c) - size >= HAK_CANARY;
}

/* The canary as its bytes stand from `offset` of a block on: in blocks with two of them, those that overlap agree. */
static uint64_t canary_at(const void *block, unsigned c, size_t offset) {
    uint64_t canary = hak_canary(block);
    unsigned bits = is_tiny(c) ? 0 : offset % 8 * 8;
    return canary >> bits | canary << (-bits % 64);
}

/* A tiny block may be much larger than asked for where an alignment was asked for too: its requested size counts as more. */
static void mark(char *block, unsigned c, size_t size, unsigned kind) {
    size_t bytes = class_bytes(block, c), slack = 0;
    if (is_tiny(c)) {
        slack = hak_min(bytes - HAK_CANARY - size, HAK_STATE_SLACK);
        size = bytes - HAK_CANARY - slack;
    } else {
        *size_word(block) = size;
    }
    if (has_canary(block, c, size)) hak_store_word(block + size, canary_at(block, c, size));
    *hak_state(block) = (uint8_t)(HAK_STATE_LIVE | kind << HAK_STATE_KIND_SHIFT | slack);
}

static size_t checked_size(const char *block, unsigned c, const char *doing) {
    size_t bytes = class_bytes(block, c);
    size_t size = is_tiny(c) ? bytes - HAK_CANARY - (*hak_state(block) & HAK_STATE_SLACK) : *size_word(block);
    bool whole = !has_canary(block, c, size) || hak_load_word(block + size) == canary_at(block, c, size);
    if (hak_state_has_last(c)) whole = whole && hak_load_word(block + bytes - HAK_CANARY) == hak_canary(block);
    if (!whole) hak_fatal(HAK_ERROR_overrun, block, doing);
    return size;
}

/* The class of the live block that starts at `block`. */
static unsigned checked_class(const void *block, const char *doing) {
    size_t unit = hak_unit_of(block);
    unsigned c = hak_page_map_class(unit);
    size_t alignment = is_tiny(c) ? HAK_BLOCK_ALIGN : COARSE_ALIGN;
    bool start = (uintptr_t)block % alignment == 0 && (c != HAK_CLASS_LARGE || block == hak_unit_address(unit));
    if (c == 0 || !start || *hak_state(block) < HAK_STATE_LIVE) fatal_free(block, doing);
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
    bool coarse = !is_tiny(c);
    if (c != HAK_CLASS_LARGE) {
        bool start = !coarse || (uintptr_t)block % COARSE_ALIGN == 0;
        if (!hak_arena_holds(block) || !start || *hak_state(block) != c) fatal_state(block);
        if (((const uint64_t *)block)[1] != 0) fatal_written(block);
        if (hak_options.zero_on_free != 0) check_clear(block, hak_classes[c].size - (hak_state_has_last(c) ? HAK_CANARY : 0));
    }
    mark(block, c, size, HAK_KIND_MALLOC);
}

void hak_secure_take(void *block, const char *doing) {
    unsigned c = checked_class(block, doing);
    size_t size = checked_size(block, c, doing);
    if (hak_options.zero_on_free != 0) clear(block, c == HAK_CLASS_LARGE ? size : hak_classes[c].size);
    if (c == HAK_CLASS_LARGE) {
        hak_secure_leave_large(block);
        return;
    }
    if (!is_tiny(c)) *size_word(block) = 0;
    if (hak_state_has_last(c)) hak_store_word((char *)block + hak_classes[c].size - HAK_CANARY, hak_canary(block));
    *hak_state(block) = (uint8_t)c;
}

void hak_secure_leave_large(const void *block) {
    *size_word(block) = 0;
    *hak_state(block) = 0;
}

size_t hak_secure_size(const void *block, const char *doing) {
    return checked_size(block, checked_class(block, doing), doing);
}

size_t hak_secure_capacity(const void *block) {
    unsigned c = hak_page_map_class(hak_unit_of(block));
    return class_bytes(block, c) - (c == HAK_CLASS_LARGE ? 0 : HAK_CANARY);
}

void hak_secure_resize(void *block, size_t size) {
    unsigned kind = (*hak_state(block) & HAK_STATE_KIND) >> HAK_STATE_KIND_SHIFT;
    mark(block, hak_page_map_class(hak_unit_of(block)), size, kind);
}

bool hak_secure_is_live(const void *block) {
    if (!hak_arena_holds(block) || (uintptr_t)block % HAK_BLOCK_ALIGN != 0) return false;
    unsigned c = hak_page_map_class(hak_unit_of(block));
    if (c == 0 || (c > HAK_TINY_CLASSES && (uintptr_t)block % COARSE_ALIGN != 0)) return false;
    return *hak_state(block) >= HAK_STATE_LIVE;
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
