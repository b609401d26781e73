#include "pages.h"

#include <fcntl.h>
#include <unistd.h>

#include "alloc.h"
#include "inspect.h"
#include "options.h"
#include "os.h"
#include "spare.h"

enum { GUARD_OFF, GUARD_END, GUARD_START, GUARD_EXACT };
enum {
    MAPPINGS = 65530,      /* proc(5), /proc/sys/vm/max_map_count, where it cannot be read */
    MAPPINGS_LEFT = 12000, /* for the program and for the heap below */
    MAPPINGS_EACH = 2,
};

static _Atomic int64_t room; /* blocks that may still be guarded or closed */
static _Atomic uint64_t unguarded;

uint64_t hak_pages_unguarded(void) { return hak_load_relaxed(&unguarded); }

void hak_pages_open(void) {
    char text[32];
    int64_t limit = 0;
    int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : 0;
    for (ssize_t i = 0; i < n && text[i] >= '0' && text[i] <= '9' && limit < 1 << 28; i++) limit = limit * 10 + (text[i] - '0');
    if (fd >= 0) close(fd);
    if (limit == 0) limit = MAPPINGS;
    hak_store_relaxed(&room, limit > MAPPINGS_LEFT ? (limit - MAPPINGS_LEFT) / MAPPINGS_EACH : 0);
}

static bool reserve_room(void) {
    if (hak_sub_relaxed(&room, 1) > 0) return true;
    hak_add_relaxed(&room, 1);
    return false;
}

/* Where the block begins in pages that hold it. What is smaller than 16 bytes needs no more alignment than its size. */
static uintptr_t place_in(uintptr_t from, uintptr_t to, size_t size, size_t alignment) {
    if (hak_options.check_guard == GUARD_START) return from;
    size_t natural = size >= HAK_BLOCK_ALIGN ? HAK_BLOCK_ALIGN : size == 0 ? 1 : (size_t)1 << hak_log2(size);
    if (hak_options.check_guard == GUARD_EXACT) natural = 1;
    return hak_round_down(to - size, hak_max(alignment, natural));
}

bool hak_pages_take(size_t size, size_t alignment, hak_site_t *site) {
    if (HAK_LIKELY(hak_options.check_guard == GUARD_OFF)) return false;
    size_t page = hak_os_page_size();
    if (alignment > page || page > HAK_UNIT_SIZE || size > PTRDIFF_MAX - 4 * HAK_UNIT_SIZE || !reserve_room()) {
        hak_add_relaxed(&unguarded, 1);
        return false;
    }
    size_t inside = hak_round_up(hak_max(size, 1), page);
    char *start = hak_alloc_aligned(HAK_UNIT_SIZE, inside + 2 * page);
    if (start != NULL) {
        *site = hak_record_of_new(start);
        char *from = start + page, *to = from + inside, *end = start + site->size;
        if (site->record != NULL && hak_arena_holds(start) && hak_os_forbid(start, page) && hak_os_forbid(to, (size_t)(end - to))) {
            site->record->block = place_in((uintptr_t)from, (uintptr_t)to, size, alignment);
            site->record->flags = HAK_RECORD_PAGES;
            return true;
        }
        if (hak_arena_holds(start)) hak_os_commit(start, site->size);
        if (site->record != NULL) hak_record_drop(site->record);
        hak_release(start);
    }
    hak_add_relaxed(&room, 1);
    hak_add_relaxed(&unguarded, 1);
    return false;
}

static bool is_large(const hak_site_t *site) {
    bool in_units = site->size > HAK_WIDE_MAX && hak_os_page_size() <= HAK_UNIT_SIZE;
    return in_units && (site->record->flags & (HAK_RECORD_OUTSIDE | HAK_RECORD_PAGES)) == 0;
}

/* Of a large block, the whole pages from its site's start on that a block of this size is brought with. */
static size_t bytes_brought(const hak_site_t *site, size_t size) {
    return hak_round_down(site->record->block + hak_min(size, HAK_INSPECT_MAX) - (uintptr_t)site->start, hak_os_page_size());
}

bool hak_pages_bring(const hak_site_t *site, size_t size) {
    uintptr_t from = site->record->block, end = from + size;
    if (is_large(site) && reserve_room()) {
        size_t bytes = bytes_brought(site, size);
        hak_moved_t moved = hak_spare_move_in(site->start, &bytes);
        if (moved == HAK_TARGET_LOST) return false;
        if (moved == HAK_MOVED) {
            site->record->flags |= HAK_RECORD_MOVED;
            from = hak_max(from, (uintptr_t)site->start + bytes);
        } else {
            hak_add_relaxed(&room, 1);
        }
    }
    if (from < end) hak_os_populate((void *)from, end - from);
    return true;
}

/* Nothing can be accessed there any more, and no pages are held. */
static bool close_site(const hak_site_t *site) {
    hak_record_t *record = site->record;
    if ((record->flags & HAK_RECORD_MOVED) != 0 && hak_arena_renew(site->start, site->size)) {
        record->flags &= (uint8_t)~HAK_RECORD_MOVED;
        return true;
    }
    if (!hak_os_forbid(site->start, site->size)) return false;
    hak_os_purge(site->start, site->size);
    return true;
}

bool hak_pages_close(const hak_site_t *site) {
    hak_record_t *record = site->record;
    size_t kept = is_large(site) ? bytes_brought(site, record->size) : 0;
    bool has_room = (record->flags & (HAK_RECORD_PAGES | HAK_RECORD_MOVED)) != 0;
    if (!has_room && (kept == 0 || !reserve_room())) return false;
    if (kept != 0) hak_spare_move_out(site->start, kept);
    if (!close_site(site)) {
        if (!has_room) hak_add_relaxed(&room, 1);
        return false;
    }
    record->flags |= HAK_RECORD_CLOSED;
    return true;
}

bool hak_pages_reopen(const hak_site_t *site) {
    hak_record_t *record = site->record;
    uint8_t all = HAK_RECORD_CLOSED | HAK_RECORD_PAGES | HAK_RECORD_MOVED;
    if ((record->flags & all) == 0) return true;
    if (!hak_os_commit(site->start, site->size)) return false;
    record->flags &= (uint8_t)~all;
    record->flags |= HAK_RECORD_REOPENED;
    hak_add_relaxed(&room, 1);
    return true;
}

bool hak_pages_let_pass(const void *address) {
    size_t page = hak_os_page_size();
    return hak_os_commit((void *)hak_round_down((uintptr_t)address, page), page);
}
