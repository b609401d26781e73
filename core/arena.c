#include "arena.h"

#include "os.h"

hak_arena_t hak_arena;

enum {
    TABLE_COUNT = HAK_DEBUG || HAK_SECURE ? 4 : 3,
    LIVE_BITS = (HAK_DEBUG ? 1 : HAK_SECURE ? 8 : 0) << (HAK_UNIT_SHIFT - 4), /* a unit's live bits, or states */
};

#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)
#define TIB ((size_t)1 << 40)
#define STEP_BYTES (8 * MIB)         /* the least that is reserved at once: mlockall counts it */
#define RANGE_BYTES (64 * MIB)       /* the granule of the range, and the least that is reserved as a whole */
#define COMMIT_MAX_BYTES (32 * MIB)  /* the most that is committed beyond what is asked for */
#define SMALL_HEAP_BYTES (32 * MIB)  /* below this no huge pages, so that a small process stays small */
#define IN_GIB (576 * MIB)           /* base, page map and dirty bits lie in one GiB, which saves the system's tables a page */
/* So that the descriptors of a whole reservation fit between its page map and its base. */
#define WHOLE_MAX_BYTES (HAK_SECURE ? 4 * GIB : HAK_DEBUG ? 16 * GIB : 64 * GIB)

/* One table: its first byte and how many bits each unit has in it. */
typedef struct table {
    uintptr_t start;
    size_t bits;
} table_t;

static void tables(table_t out[4]) {
    uintptr_t page_map = hak_arena_base() - HAK_PAGE_MAP_SPAN;
    out[0] = (table_t){page_map, 8 * sizeof(hak_page_map_entry_t)};
    out[1] = (table_t){(uintptr_t)hak_arena.units, 8 * sizeof(hak_unit_t)};
    out[2] = (table_t){(uintptr_t)hak_arena.dirty, 1};
    out[3] = (table_t){(uintptr_t)hak_arena.live, LIVE_BITS};
}

/* Bytes of a table for `units` units, in whole system pages. */
static size_t table_bytes(const table_t *table, size_t units) {
    return hak_round_up((units * table->bits + 7) / 8, hak_os_page_size());
}

static bool tables_cover(size_t units) {
    if (units <= hak_arena.table_units) return true;
    size_t step = hak_max(STEP_BYTES / HAK_UNIT_SIZE, hak_arena.table_units / 4);
    size_t target = hak_min((units + step - 1) / step * step, hak_arena.max_units);
    table_t all[4];
    tables(all);
    for (int i = 0; i < TABLE_COUNT; i++) {
        size_t have = table_bytes(&all[i], hak_arena.table_units);
        size_t want = table_bytes(&all[i], target);
        if (want == have) continue;
        void *at = (void *)(all[i].start + have);
        bool done = hak_arena.whole ? hak_os_commit(at, want - have) : hak_os_map(at, want - have) != NULL;
        if (!done) { /* give back what this call mapped, so that the next call starts from the same state */
            for (int k = 0; k < i && !hak_arena.whole; k++) {
                size_t kept = table_bytes(&all[k], hak_arena.table_units);
                size_t made = table_bytes(&all[k], target);
                if (made != kept) hak_os_release((void *)(all[k].start + kept), made - kept);
            }
            return false;
        }
        if (i == 1 && want >= HAK_SUPERSLAB_SIZE) /* no huge page fits before */
            hak_os_huge_pages(at, want - have, HAK_HUGE_NEVER);
    }
    hak_arena.table_units = target;
    return true;
}

/* Reserves what is missing for `units` units in one run from the frontier on, and returns how many it reserved; steps over
 * what others have mapped there, which moves the frontier. */
static size_t reserve(size_t units) {
    size_t step = STEP_BYTES / HAK_UNIT_SIZE;
    size_t ahead = hak_os_address_space_is_limited() ? 0 : hak_max(step, hak_arena.reserved_units / 2);
    size_t hop = step;
    while (!hak_arena.whole) {
        size_t least = hak_round_up(hak_arena.frontier_units + units - hak_arena.reserved_units, HAK_SUPERSLAB_UNITS);
        if (hak_arena.reserved_units + least > hak_arena.max_units) break;
        size_t size = hak_min(hak_max(least, ahead), hak_arena.max_units - hak_arena.reserved_units);
        void *at = hak_unit_address(hak_arena.reserved_units);
        hak_reserved_t result = hak_os_reserve_at(at, size << HAK_UNIT_SHIFT);
        if (result == HAK_RESERVED) {
            hak_arena.reserved_units += size;
            return size;
        }
        if (size > least) {
            ahead = size / 2;
        } else if (result == HAK_TAKEN) {
            hak_arena.reserved_units += hop;
            hak_arena.frontier_units = hak_arena.reserved_units;
            hop *= 2;
        } else {
            break;
        }
    }
    return 0;
}

static void apply_huge_policy(size_t first, size_t count) {
    if (first + count <= HAK_SUPERSLAB_UNITS) return; /* it lacks unit 0: no huge page fits */
    size_t small_end = hak_arena.huge_policy == HAK_HUGE_FROM_START ? 0 : SMALL_HEAP_BYTES / HAK_UNIT_SIZE;
    if (first < small_end) {
        size_t n = hak_min(small_end - first, count);
        hak_os_huge_pages(hak_unit_address(first), n << HAK_UNIT_SHIFT, HAK_HUGE_NEVER);
        first += n;
        count -= n;
    }
    if (count != 0) hak_os_huge_pages(hak_unit_address(first), count << HAK_UNIT_SHIFT, hak_arena.huge_policy);
}

bool hak_arena_renew(void *at, size_t size) {
    bool done = hak_os_map_anew(at, size);
    if (done) apply_huge_policy(hak_unit_of(at), hak_round_up(size, HAK_UNIT_SIZE) >> HAK_UNIT_SHIFT);
    return done;
}

/* Commits `units` units from the frontier on, or more where that is cheap; how many, or 0. */
static size_t commit(size_t units) {
    size_t first = hak_arena.frontier_units;
    size_t left = hak_arena.reserved_units - first;
    size_t spare = hak_min(first / 8, COMMIT_MAX_BYTES / HAK_UNIT_SIZE);
    size_t least = hak_min(hak_round_up(first + units, HAK_SUPERSLAB_UNITS) - first, left);
    size_t count = hak_min(hak_round_up(first + hak_max(units, spare), HAK_SUPERSLAB_UNITS) - first, left);
    while (first + count > hak_arena.accessible_units &&
           !hak_os_commit(hak_unit_address(first), count << HAK_UNIT_SHIFT)) {
        if (count == least) return 0;
        count = least;
    }
    return tables_cover(first + count) ? count : 0;
}

size_t hak_arena_grow(size_t units, size_t *got) {
    if (units > hak_arena.max_units) return 0;
    size_t reserved = 0;
    if (hak_arena.frontier_units + units > hak_arena.reserved_units) {
        reserved = reserve(units);
        if (reserved == 0) return 0;
    }
    size_t count = commit(units);
    if (count == 0) {
        hak_arena.reserved_units -= reserved;
        if (reserved != 0) hak_os_release(hak_unit_address(hak_arena.reserved_units), reserved << HAK_UNIT_SHIFT);
        return 0;
    }
    size_t first = hak_arena.frontier_units;
    apply_huge_policy(first, count);
    hak_arena.frontier_units = first + count;
    hak_arena.committed_units = first + count;
    /* Relaxed: whoever frees a block of the new part got it from a thread that ran this first. */
    hak_store_relaxed(&hak_arena.size, (first + count) << HAK_UNIT_SHIFT);
    *got = count;
    return first;
}

/* Lays the tables out downwards from `top`. */
static void place(uintptr_t base, size_t max_bytes, uintptr_t top) {
    size_t max_units = max_bytes >> HAK_UNIT_SHIFT;
    uintptr_t dirty = hak_round_down(top - max_units / 8, HAK_SUPERSLAB_SIZE);
    uintptr_t units = dirty - max_units * sizeof(hak_unit_t);
    hak_store_relaxed(&hak_arena.base, base);
    hak_arena.max_units = max_units;
    hak_arena.units = (hak_unit_t *)units;
    hak_arena.dirty = (_Atomic uint64_t *)dirty;
    hak_arena.live = (_Atomic uint64_t *)(units - max_units * LIVE_BITS / 8);
    /* Unit 0 stands for "none"; with larger pages what shares its page stays unused with it. */
    hak_arena.committed_units = hak_max(1, hak_os_page_size() >> HAK_UNIT_SHIFT);
    hak_arena.frontier_units = hak_arena.committed_units;
}

size_t hak_arena_shrink(size_t unit) {
    size_t first = hak_round_up(unit, HAK_SUPERSLAB_UNITS);
    bool foreign = hak_arena.frontier_units != hak_arena.committed_units;
    if (hak_arena.whole || foreign || first >= hak_arena.committed_units) return hak_arena.committed_units;
    hak_os_release(hak_unit_address(first), (hak_arena.reserved_units - first) << HAK_UNIT_SHIFT);
    hak_dirty_clear(first, hak_arena.committed_units - first);
    hak_arena.reserved_units = first;
    hak_arena.frontier_units = first;
    hak_arena.committed_units = first;
    hak_store_relaxed(&hak_arena.size, first << HAK_UNIT_SHIFT);
    return first;
}

static bool open_at(uintptr_t base, size_t max_bytes) {
    place(base, max_bytes, base - HAK_PAGE_MAP_SPAN);
    /* The first superslab is accessible at once: a small process needs no other. */
    void *first = hak_unit_address(hak_arena.frontier_units);
    size_t size = HAK_SUPERSLAB_SIZE - (hak_arena.frontier_units << HAK_UNIT_SHIFT);
    if (hak_os_map(first, size) == NULL) return false;
    hak_arena.reserved_units = HAK_SUPERSLAB_UNITS;
    hak_arena.accessible_units = HAK_SUPERSLAB_UNITS;
    if (tables_cover(1)) return true;
    hak_os_release(first, size);
    return false;
}

/* One reservation, halved until the system agrees; the other tables lie between its page map and the base. */
static bool open_whole(size_t max_bytes) {
    hak_arena.whole = true;
    hak_arena.accessible_units = 0;
    for (size_t size = hak_min(max_bytes, WHOLE_MAX_BYTES); size >= RANGE_BYTES; size /= 2) {
        size_t total = HAK_PAGE_MAP_SPAN + size + HAK_SUPERSLAB_SIZE;
        void *p = hak_os_reserve(total);
        if (p == NULL) continue;
        uintptr_t base = hak_round_up((uintptr_t)p, HAK_SUPERSLAB_SIZE) + HAK_PAGE_MAP_SPAN;
        place(base, size, base);
        hak_arena.reserved_units = hak_arena.max_units;
        if (tables_cover(1)) return true;
        hak_os_release(p, total);
    }
    return false;
}

bool hak_arena_open(size_t max_bytes, hak_huge_t policy) {
    hak_arena.huge_policy = policy;
    max_bytes = hak_round_down(hak_min(max_bytes, HAK_ARENA_MAX), RANGE_BYTES);
    /* Between the shadow memory of AddressSanitizer (below 16 TiB) and position-independent programs (from 85 TiB on);
     * the second place is one that valgrind, which manages 16 TiB, can give. */
    uintptr_t random = hak_os_entropy() % 40960;
    uintptr_t places[] = {32 * TIB + random * GIB + IN_GIB, 32 * TIB + (random ^ 0x155) * GIB + IN_GIB, 10 * TIB + IN_GIB};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (open_at(places[i], max_bytes)) return true;
    }
    return open_whole(max_bytes);
}

/* Calls for each word that a run of bits touches; the mask selects the run's bits in it. */
#define FOR_EACH_WORD(unit, count, word, mask) \
    for (size_t at_ = (unit), end_ = (unit) + (count), n_ = 0; \
         at_ < end_ && (n_ = hak_min(64 - at_ % 64, end_ - at_), (word) = &hak_arena.dirty[at_ / 64], \
                        (mask) = hak_mask((unsigned)(at_ % 64), n_), true); \
         at_ += n_)

size_t hak_dirty_count(size_t unit, size_t count) {
    _Atomic uint64_t *word;
    uint64_t mask;
    size_t total = 0;
    FOR_EACH_WORD(unit, count, word, mask) total += (size_t)__builtin_popcountl(hak_load_relaxed(word) & mask);
    return total;
}

void hak_dirty_set(size_t unit, size_t count) {
    _Atomic uint64_t *word;
    uint64_t mask;
    FOR_EACH_WORD(unit, count, word, mask) {
        if ((hak_load_relaxed(word) & mask) != mask) hak_or_relaxed(word, mask);
    }
}

void hak_dirty_clear(size_t unit, size_t count) {
    _Atomic uint64_t *word;
    uint64_t mask;
    FOR_EACH_WORD(unit, count, word, mask) hak_and_relaxed(word, ~mask);
}

size_t hak_dirty_run(size_t unit, size_t count, bool *dirty) {
    *dirty = hak_dirty_count(unit, 1) != 0;
    size_t n = 1;
    while (n < count) {
        size_t at = unit + n;
        uint64_t word = hak_load_relaxed(&hak_arena.dirty[at / 64]);
        uint64_t other = (*dirty ? ~word : word) >> (at % 64);
        size_t here = hak_min(64 - at % 64, count - n);
        if (other != 0) return n + hak_min((size_t)__builtin_ctzl(other), here);
        n += here;
    }
    return n;
}
