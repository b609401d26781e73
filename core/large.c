#include "large.h"

#include <string.h>

#include "counters.h"
#include "diag.h"
#include "options.h"
#include "os.h"

enum {
    MOVE_BYTES = 256 * 1024, /* from here on moving pages costs less than copying them */
    MOVES_MAX = 10000,       /* each leaves up to two mappings more, and the system has a limit (65,530 as a rule) */
    GUARD_NS = 200000,       /* secure flavour: guards of large blocks cost some 2 % of the time at most */
    REFUSAL_COST = 100,      /* a refused move counts as so many: some kernels refuse blocks of several mappings */
};

/* Precedes a block outside the arena, in a page of its own, so that overruns of other blocks do not reach it. */
typedef struct outside {
    struct outside *next;
    void *block;
    void *mapping;
    size_t size, mapped;
} outside_t;

static struct {
    hak_lock_t lock;
    outside_t *first;
    _Atomic size_t bytes;
} outside;

static void *outside_alloc(size_t size, size_t alignment) {
    size_t page = hak_os_page_size();
    if (alignment < page) alignment = page;
    size_t mapped = hak_round_up(size, page) + page + alignment;
    if (mapped < size) return NULL;
    void *mapping = hak_os_map(NULL, mapped);
    if (mapping == NULL) return NULL;
    char *block = (char *)hak_round_up((uintptr_t)mapping + page, alignment);
    outside_t *entry = (outside_t *)(block - page);
    *entry = (outside_t){NULL, block, mapping, hak_round_up(size, page), mapped};
    hak_lock_for(&outside.lock, HAK_LOCK_outside);
    entry->next = outside.first;
    outside.first = entry;
    hak_unlock(&outside.lock);
    hak_add_relaxed(&outside.bytes, mapped);
    hak_count(HAK_COUNTER_direct_allocs, 1);
    return block;
}

size_t hak_outside_size(const void *block) {
    size_t size = 0;
    hak_lock_for(&outside.lock, HAK_LOCK_outside);
    for (outside_t *entry = outside.first; entry != NULL; entry = entry->next) {
        if (entry->block == block) size = entry->size;
    }
    hak_unlock(&outside.lock);
    return size;
}

bool hak_outside_free(void *block) {
    hak_lock_for(&outside.lock, HAK_LOCK_outside);
    outside_t **link = &outside.first;
    while (*link != NULL && (*link)->block != block) link = &(*link)->next;
    outside_t *entry = *link;
    if (entry != NULL) *link = entry->next;
    hak_unlock(&outside.lock);
    if (entry == NULL) return false;
    hak_sub_relaxed(&outside.bytes, entry->mapped);
    hak_os_release(entry->mapping, entry->mapped);
    return true;
}

size_t hak_outside_bytes(void) { return hak_load_relaxed(&outside.bytes); }

static _Atomic uint64_t very_large_ms; /* when the last very large block was made */

static size_t units_of(size_t size) { return ((size + HAK_UNIT_SIZE - 1) >> HAK_UNIT_SHIFT) + HAK_LARGE_GUARD_UNITS; }

/* Makes the unit behind a large block inaccessible, or accessible again before the span changes hands. */
static void set_guard(size_t unit, bool on) {
    hak_unit_t *head = hak_unit(unit);
    head->guarded = hak_os_guard(hak_unit_address(unit + head->units - 1), HAK_UNIT_SIZE, on) && on;
}

/* That is a system call of a microsecond or two: blocks that follow each other faster than GUARD_NS do without. */
static void place_guard(size_t unit) {
    static _Atomic uint64_t next_ns;
    if (!HAK_SECURE) return;
    hak_unit(unit)->guarded = false;
    if (hak_unit(unit)->units <= HAK_WIDE_MAX / HAK_UNIT_SIZE) return;
    uint64_t now_ns = hak_os_now_ns();
    if (now_ns < hak_load_relaxed(&next_ns)) return;
    hak_store_relaxed(&next_ns, now_ns + GUARD_NS);
    set_guard(unit, true);
}

static bool remove_guard(size_t unit) {
    bool guarded = HAK_SECURE && hak_unit(unit)->guarded;
    if (guarded) set_guard(unit, false);
    return guarded;
}

void *hak_large_alloc(size_t size, size_t alignment, bool *zero) {
    size_t units = hak_max(units_of(size), 1);
    size_t unit = hak_stock_take(units, hak_max(alignment >> HAK_UNIT_SHIFT, 1), HAK_UNIT_LARGE, zero);
    if (HAK_UNLIKELY(unit == 0)) {
        *zero = true;
        return outside_alloc(size, alignment);
    }
    place_guard(unit);
    hak_page_map_set(unit, 1, HAK_CLASS_LARGE);
    if (size >= hak_options.large_threshold) hak_store_relaxed(&very_large_ms, hak_os_now_ms());
    hak_count(HAK_COUNTER_large_allocs, 1);
    if (!*zero) hak_count(HAK_COUNTER_large_reuses, 1);
    return hak_unit_address(unit);
}

void hak_large_clear(void *block, size_t size) {
    size_t unit = hak_unit_of(block), end = unit + units_of(size) - HAK_LARGE_GUARD_UNITS, units;
    for (; unit < end; unit += units) {
        bool dirty;
        units = hak_dirty_run(unit, end - unit, &dirty);
        char *from = hak_unit_address(unit);
        if (dirty) memset(from, 0, hak_min(units << HAK_UNIT_SHIFT, (size_t)((char *)block + size - from)));
    }
}

/* Memory of a very large block is due at once, but for a program that made another of late: its temporaries follow each
 * other, and each would pay for new pages. */
static uint64_t stamp_of(size_t bytes) {
    uint64_t now_ms = hak_os_now_ms();
    if (bytes < hak_options.large_threshold) return now_ms;
    return now_ms - hak_load_relaxed(&very_large_ms) < hak_options.purge_delay_ms ? now_ms : 0;
}

void hak_large_free(size_t unit) {
    size_t units = hak_unit(unit)->units;
    hak_page_map_set(unit, 1, 0);
    remove_guard(unit);
    hak_count(HAK_COUNTER_large_frees, 1);
    hak_stock_give(unit, units, stamp_of(units << HAK_UNIT_SHIFT));
}

bool hak_large_resize(size_t unit, size_t size) {
    size_t have = hak_unit(unit)->units, want = hak_max(units_of(size), 1);
    if (want == have) return true;
    bool zero, done = true;
    bool guarded = remove_guard(unit);
    if (want < have) {
        hak_span_shorten(unit, want, stamp_of((have - want) << HAK_UNIT_SHIFT));
        if (HAK_SECURE) hak_dirty_set(unit + want - 1, 1); /* the guard's now, and the program's until now */
    } else {
        done = hak_stock_extend(unit, want, &zero);
    }
    if (done) place_guard(unit);
    else if (guarded) set_guard(unit, true);
    return done;
}

void *hak_large_move(size_t unit, size_t size) {
    size_t bytes = hak_large_size(unit);
    static _Atomic uint32_t moves;
    if (bytes < MOVE_BYTES || bytes % hak_os_page_size() != 0 || hak_load_relaxed(&moves) >= MOVES_MAX) return NULL;
    bool zero;
    void *to = hak_large_alloc(size, 1, &zero);
    if (to == NULL || !hak_arena_holds(to)) {
        if (to != NULL) hak_outside_free(to);
        return NULL;
    }
    hak_moved_t moved = hak_os_move(hak_unit_address(unit), to, bytes);
    if (moved != HAK_MOVED) {
        hak_add_relaxed(&moves, REFUSAL_COST);
        if (moved == HAK_NOT_MOVED) hak_large_free(hak_unit_of(to)); /* a lost target is never given out again */
        return NULL;
    }
    hak_add_relaxed(&moves, 1);
    hak_page_map_set(unit, 1, 0);
    remove_guard(unit);
    hak_count(HAK_COUNTER_large_frees, 1);
    hak_stock_give(unit, 0, 0); /* what was moved away left zero pages */
    return to;
}

void hak_large_before_fork(void) { hak_lock(&outside.lock); }
void hak_large_after_fork(bool child) {
    if (child) hak_lock_reset(&outside.lock);
    else hak_unlock(&outside.lock);
}
