#include "record.h"

#include "os.h"

enum {
    AREA_BYTES = 16384, /* of records for a unit, so that a slab's are one run */
    FORMER_UNITS = HAK_SLAB_UNITS_MAX,
};

typedef _Atomic(char *) chunk_t; /* the areas of a superslab's units */

static chunk_t *chunks;
static size_t chunk_count;

static struct {
    hak_lock_t lock;
    hak_record_t *first, *unused;
} strays;

void hak_record_enter(hak_record_t *record, hak_phase_t phase) {
    uint32_t state = hak_load_relaxed(&record->state);
    uint32_t count = (state >> HAK_PHASE_BITS) + 1;
    /* Release: partner of the acquire in hak_record_phase. */
    hak_store_release(&record->state, count << HAK_PHASE_BITS | phase);
    hak_fence_release(); /* partner: the fence in sweep.c; who sees what is written from here on sees that the phase was left */
}

bool hak_record_leave_live(hak_record_t *record) {
    uint32_t state = hak_load_acquire(&record->state);
    if ((state & ((1u << HAK_PHASE_BITS) - 1)) != HAK_PHASE_LIVE) return false;
    uint32_t count = (state >> HAK_PHASE_BITS) + 1;
    bool left = hak_cas_acq_rel(&record->state, &state, count << HAK_PHASE_BITS | HAK_PHASE_FREEING);
    hak_fence_release(); /* as above */
    return left;
}

/* The records of a unit; NULL if there are none, and with `make` if there is no memory. */
static HAK_COLD char *chunk_slow(size_t index) {
    size_t bytes = HAK_SUPERSLAB_UNITS * AREA_BYTES;
    char *fresh = hak_os_map(NULL, bytes), *chunk = NULL;
    if (fresh == NULL || hak_cas_acq_rel(&chunks[index], &chunk, fresh)) return fresh;
    hak_os_release(fresh, bytes);
    return chunk;
}

static inline char *area(size_t unit, bool make) {
    size_t index = unit / HAK_SUPERSLAB_UNITS;
    if (HAK_UNLIKELY(index >= chunk_count)) return NULL;
    /* Acquire: partner of the exchange above. */
    char *chunk = hak_load_acquire(&chunks[index]);
    if (HAK_UNLIKELY(chunk == NULL) && (!make || (chunk = chunk_slow(index)) == NULL)) return NULL;
    return chunk + unit % HAK_SUPERSLAB_UNITS * AREA_BYTES;
}

/* Number `index` of the slab that begins at `unit`; a slab may cross from one superslab into the next. */
static inline hak_record_t *numbered(size_t unit, size_t index, bool make) {
    size_t each = AREA_BYTES / sizeof(hak_record_t);
    if (HAK_LIKELY(index < each)) {
        char *first = area(unit, make);
        return first == NULL ? NULL : (hak_record_t *)first + index;
    }
    char *records = area(unit + index / each, make);
    return records == NULL ? NULL : (hak_record_t *)records + index % each;
}

static void make_stale(size_t unit, unsigned c) {
    hak_record_t *first = numbered(unit, 0, true);
    if (first != NULL && first->block == 0) { /* its first slab: all of it will be used soon, since what is freed waits */
        hak_os_populate(first, hak_min(hak_classes[c].capacity * sizeof *first, AREA_BYTES));
        hak_os_populate(hak_unit_address(unit), hak_classes[c].units << HAK_UNIT_SHIFT);
    }
    for (uint32_t i = 0; i < hak_classes[c].capacity; i++) {
        hak_record_t *record = numbered(unit, i, false);
        if (record != NULL && record->block != 0) record->flags |= HAK_RECORD_STALE;
    }
}

bool hak_record_open(void) {
    chunk_count = hak_arena.max_units / HAK_SUPERSLAB_UNITS + 1;
    chunks = hak_os_map(NULL, hak_round_up(chunk_count * sizeof *chunks, hak_os_page_size()));
    if (chunks != NULL) hak_slab_made = make_stale;
    return chunks != NULL;
}

/* The first unit of the large block in which `unit` lies; 0 if it lies in none. */
static size_t large_head(size_t unit) {
    size_t head = unit;
    while (head != 0 && hak_page_map_class(head) == 0) head--;
    bool inside = head != 0 && hak_page_map_class(head) == HAK_CLASS_LARGE && unit - head < hak_unit(head)->units;
    return inside ? head : 0;
}

static HAK_NOINLINE bool locate_large(size_t unit, bool make, hak_site_t *site) {
    size_t head = large_head(unit);
    if (head == 0) return false;
    *site = (hak_site_t){numbered(head, 0, make), hak_unit_address(head), hak_large_size(head)};
    return site->record != NULL;
}

static HAK_INLINE bool locate(const void *pointer, bool make, hak_site_t *site) {
    size_t unit = hak_unit_of(pointer);
    unsigned c = hak_page_map_class(unit);
    if (HAK_UNLIKELY(c == 0 || c == HAK_CLASS_LARGE)) return locate_large(unit, make, site);
    const hak_class_t *class = &hak_classes[c];
    size_t head = class->units == 1 ? unit : hak_slab_head(unit), size = class->size; /* the head is in no cache, as a rule */
    char *slab = hak_unit_address(head);
    uint32_t index = hak_class_block_index(c, (size_t)((const char *)pointer - slab));
    if (HAK_UNLIKELY(index >= class->capacity)) return false;
    *site = (hak_site_t){numbered(head, index, make), slab + index * size, size};
    return site->record != NULL;
}

static size_t room_before_of(const hak_record_t *record) { return (size_t)1 << record->before_shift; }

static hak_site_t stray_site(const hak_record_t *record) {
    char *start = (char *)record->block - room_before_of(record);
    return (hak_site_t){(hak_record_t *)record, start, hak_outside_size(start)};
}

static hak_record_t *stray_new(void) {
    hak_lock_for(&strays.lock, HAK_LOCK_check);
    if (strays.unused == NULL) {
        size_t bytes = hak_os_page_size();
        hak_record_t *fresh = hak_os_map(NULL, bytes);
        for (size_t i = 0; fresh != NULL && i < bytes / sizeof *fresh; i++) {
            fresh[i].next = strays.unused;
            strays.unused = &fresh[i];
        }
    }
    hak_record_t *record = strays.unused;
    if (record != NULL) {
        strays.unused = record->next;
        record->flags = HAK_RECORD_OUTSIDE;
        record->block = 0;
        record->next = strays.first;
        strays.first = record;
    }
    hak_unlock(&strays.lock);
    return record;
}

void hak_record_drop(hak_record_t *record) {
    if ((record->flags & HAK_RECORD_OUTSIDE) == 0) return;
    hak_lock_for(&strays.lock, HAK_LOCK_check);
    for (hak_record_t **link = &strays.first; *link != NULL; link = &(*link)->next) {
        if (*link != record) continue;
        *link = record->next;
        record->next = strays.unused;
        strays.unused = record;
        break;
    }
    hak_unlock(&strays.lock);
}

static bool stray_find(const void *pointer, hak_site_t *site) {
    bool found = false;
    hak_lock_for(&strays.lock, HAK_LOCK_check);
    for (hak_record_t *record = strays.first; record != NULL && !found; record = record->next) {
        uintptr_t start = record->block - room_before_of(record);
        if (record->block == 0 || (uintptr_t)pointer - start >= room_before_of(record) + record->size + HAK_REDZONE_AFTER) continue;
        *site = stray_site(record);
        found = true;
    }
    hak_unlock(&strays.lock);
    return found;
}

hak_site_t hak_record_of_new(void *start) {
    hak_site_t site = {NULL, start, 0};
    if (HAK_LIKELY(hak_arena_holds(start))) locate(start, true, &site);
    else site = (hak_site_t){stray_new(), start, hak_outside_size(start)};
    return site;
}

bool hak_record_fetch_ahead(const void *block, hak_site_t *site) {
    if (!hak_arena_holds(block) || !locate(block, false, site)) return false;
    __builtin_prefetch(site->record);
    __builtin_prefetch((const char *)(site->record + 1) - 1);
    __builtin_prefetch((const char *)block - HAK_REDZONE_BEFORE);
    __builtin_prefetch((const char *)block + HAK_CACHE_LINE - HAK_REDZONE_BEFORE);
    return true;
}

bool hak_record_find(const void *pointer, hak_site_t *site) {
    if (HAK_UNLIKELY(!hak_arena_holds(pointer))) return stray_find(pointer, site);
    return locate(pointer, false, site) && site->record->block != 0;
}

hak_site_t hak_record_site(const hak_record_t *record) {
    hak_site_t site = {NULL, NULL, 0};
    if ((record->flags & HAK_RECORD_OUTSIDE) != 0) return stray_site(record);
    if (hak_arena_holds((const void *)record->block)) locate((const void *)record->block, false, &site);
    return site;
}

size_t hak_record_class_bytes(const hak_record_t *record) {
    hak_site_t site = hak_record_site(record);
    return site.record == record && hak_record_in_slab(&site) ? site.size : 0;
}

bool hak_record_neighbour(const hak_site_t *site, int step, hak_site_t *neighbour) {
    const char *inside = step < 0 ? site->start - 1 : site->start + site->size;
    const hak_record_t *own = site->record;
    if (!hak_arena_holds(site->start) || !hak_arena_holds(inside)) return false;
    return hak_record_find(inside, neighbour) && neighbour->record != own;
}

/* In the areas of the units from the start of the longest slab that could have held it. */
hak_record_t *hak_record_of_former(const void *pointer) {
    if (!hak_arena_holds(pointer)) return NULL;
    size_t unit = hak_unit_of(pointer);
    for (size_t at = unit; at != 0 && at + FORMER_UNITS > unit; at--) {
        hak_record_t *records = (hak_record_t *)area(at, false);
        for (size_t i = 0; records != NULL && i < AREA_BYTES / sizeof *records; i++) {
            if (records[i].block == (uintptr_t)pointer && hak_record_phase(&records[i]) == HAK_PHASE_GONE) return &records[i];
        }
    }
    return NULL;
}

typedef void (*visit_t)(const hak_site_t *site, void *context);

/* Units that the slab or block at `unit` takes; 1 for what is neither. */
static size_t visit_unit(size_t unit, visit_t visit, void *context) {
    unsigned c = hak_page_map_class(unit);
    hak_site_t site = {NULL, hak_unit_address(unit), 0};
    if (c == 0) return 1;
    if (c == HAK_CLASS_LARGE) {
        size_t units = hak_unit(unit)->units;
        site.record = numbered(unit, 0, false);
        site.size = units << HAK_UNIT_SHIFT;
        if (site.record != NULL && site.record->block != 0) visit(&site, context);
        return hak_max(units, 1);
    }
    size_t head = hak_slab_head(unit);
    if (head != unit) return 1;
    site.size = hak_classes[c].size;
    uint32_t carved = (uint32_t)hak_min(hak_slab_carved(hak_unit(unit)), hak_classes[c].capacity);
    for (uint32_t i = 0; i < carved; i++, site.start += site.size) {
        site.record = numbered(unit, i, false);
        if (site.record != NULL && site.record->block - (uintptr_t)site.start < site.size) visit(&site, context);
    }
    return hak_classes[c].units;
}

void hak_record_visit(visit_t visit, void *context) {
    for (size_t unit = 1; unit < hak_load_relaxed(&hak_arena.size) >> HAK_UNIT_SHIFT;) unit += visit_unit(unit, visit, context);
    hak_lock_for(&strays.lock, HAK_LOCK_check);
    for (hak_record_t *record = strays.first; record != NULL; record = record->next) {
        hak_site_t site = stray_site(record);
        if (record->block != 0) visit(&site, context);
    }
    hak_unlock(&strays.lock);
}

uintptr_t hak_record_own(uintptr_t address, uintptr_t *next) {
    size_t used = hak_min(chunk_count, (hak_load_relaxed(&hak_arena.size) >> HAK_SUPERSLAB_SHIFT) + 2);
    for (size_t i = 0; i < used; i++) {
        uintptr_t from = (uintptr_t)hak_load_relaxed(&chunks[i]);
        uintptr_t end = from == 0 ? 0 : hak_range_end(from, HAK_SUPERSLAB_UNITS * AREA_BYTES, address, next);
        if (end != 0) return end;
    }
    return 0;
}

void hak_record_before_fork(void) { hak_lock(&strays.lock); }
void hak_record_after_fork(bool child) {
    if (child) hak_lock_reset(&strays.lock);
    else hak_unlock(&strays.lock);
}
