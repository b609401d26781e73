/* span.h: random use of the pool against a shadow that knows who has each unit and what each must hold. */
#include <pthread.h>
#include <sys/mman.h>

#include "../check.h"
#include "span.h"

enum { SPANS = 300, LONGEST = 700 };

typedef struct owned {
    size_t unit, units;
    unsigned char mark;
} owned_t;

static owned_t spans[SPANS];
static size_t used_units;
static check_random_t random_;
static uint64_t stamp_; /* of the last free: they only grow */

static void open_arena(void) {
    random_.state = check_seed();
    CHECK(hak_arena_open((size_t)1 << 40, HAK_HUGE_SYSTEM));
}

/* One byte a page is marked: cheap, and enough to see units that two spans have. */
static void mark(const owned_t *span, size_t from) {
    unsigned char *bytes = hak_unit_address(span->unit);
    for (size_t at = from << HAK_UNIT_SHIFT; at < span->units << HAK_UNIT_SHIFT; at += 4096) bytes[at] = span->mark;
}
static void check_mark(const owned_t *span) {
    const unsigned char *bytes = hak_unit_address(span->unit);
    for (size_t at = 0; at < span->units << HAK_UNIT_SHIFT; at += 4096) CHECK_EQUAL(bytes[at], span->mark);
}
static void check_zero(size_t unit, size_t units) {
    const uint64_t *words = hak_unit_address(unit);
    for (size_t i = 0; i < units * HAK_UNIT_SIZE / 8; i++) CHECK_EQUAL(words[i], 0);
}

static void take(owned_t *span, size_t units, size_t alignment) {
    bool zero = false;
    size_t unit = hak_span_alloc(units, alignment, HAK_MAY_GROW, HAK_UNIT_LARGE, &zero);
    *span = (owned_t){unit, units, (unsigned char)(1 + check_below(&random_, 255))};
    CHECK(span->unit != 0);
    CHECK_EQUAL((uintptr_t)hak_unit_address(span->unit) % (alignment << HAK_UNIT_SHIFT), 0);
    CHECK_EQUAL(hak_unit(span->unit)->units, units);
    CHECK_EQUAL(hak_load_relaxed(&hak_unit(span->unit)->kind), HAK_UNIT_LARGE);
    if (zero) check_zero(span->unit, units);
    used_units += units;
    mark(span, 0);
}

static void give(owned_t *span) {
    check_mark(span);
    hak_span_free(span->unit, span->units, ++stamp_);
    used_units -= span->units;
    *span = (owned_t){0, 0, 0};
}

static void extend(owned_t *span) {
    size_t units = span->units + 1 + check_below(&random_, 60);
    bool zero = false;
    check_mark(span);
    if (!hak_span_extend(span->unit, units, &zero)) return;
    if (zero) check_zero(span->unit + span->units, units - span->units);
    used_units += units - span->units;
    size_t had = span->units;
    span->units = units;
    CHECK_EQUAL(hak_unit(span->unit)->units, units);
    CHECK_EQUAL(hak_load_relaxed(&hak_unit(span->unit)->kind), HAK_UNIT_LARGE);
    mark(span, had);
}

static void shorten(owned_t *span) {
    if (span->units == 1) return;
    size_t units = 1 + check_below(&random_, span->units - 1);
    hak_span_shorten(span->unit, units, ++stamp_);
    used_units -= span->units - units;
    span->units = units;
    CHECK_EQUAL(hak_unit(span->unit)->units, units);
}

static void count_span(size_t unit, void *context) { *(size_t *)context += hak_unit(unit)->units; }

/* The invariants of span.h, from the descriptors alone. */
static void check_pool(void) {
    size_t free_units = 0, dirty_units = 0, used = 0;
    bool after_free = false;
    for (size_t unit = 1; unit < hak_arena.committed_units;) {
        hak_unit_t *span = hak_unit(unit);
        uint8_t kind = hak_load_relaxed(&span->kind);
        if (kind == HAK_UNIT_NONE) {
            unit++;
            after_free = false;
            continue;
        }
        CHECK(kind == HAK_UNIT_FREE || kind == HAK_UNIT_LARGE);
        CHECK_EQUAL(hak_load_relaxed(&hak_unit(unit + span->units - 1)->head), unit);
        if (kind == HAK_UNIT_FREE) {
            CHECK(!after_free); /* free spans that touch are one */
            CHECK_EQUAL(span->free.dirty, hak_dirty_count(unit, span->units));
            CHECK_EQUAL(span->age_listed != 0, span->free.dirty != 0);
            free_units += span->units;
            dirty_units += span->free.dirty;
        } else {
            used += span->units;
        }
        after_free = kind == HAK_UNIT_FREE;
        unit += span->units;
    }
    hak_span_totals_t totals = hak_span_totals();
    CHECK_EQUAL(totals.used_units, used_units);
    CHECK_EQUAL(used, used_units);
    CHECK_EQUAL(totals.free_units, free_units);
    CHECK_EQUAL(totals.dirty_units, dirty_units);
    CHECK_EQUAL(hak_span_used_units(), used_units);
    CHECK_EQUAL(hak_span_dirty_units(), dirty_units);
    size_t visited = 0;
    hak_span_visit(count_span, &visited);
    CHECK_EQUAL(visited, used_units);
    CHECK_EQUAL(hak_span_oldest() == UINT64_MAX, dirty_units == 0);
}

static void a_random_life_keeps_the_invariants(void) {
    open_arena();
    for (size_t round = check_scaled(60000); round != 0; round--) {
        owned_t *span = &spans[check_below(&random_, SPANS)];
        uint64_t kind = check_below(&random_, 1000);
        if (span->unit == 0) {
            size_t alignment = kind < 700 ? 1 : (size_t)1 << check_below(&random_, 9);
            take(span, check_log_uniform(&random_, 1, LONGEST), alignment);
        } else if (kind < 600) {
            give(span);
        } else if (kind < 800) {
            extend(span);
        } else if (kind < 990) {
            shorten(span);
        } else {
            hak_span_purge(check_below(&random_, 200), stamp_ - check_below(&random_, stamp_ + 1), UINT64_MAX);
        }
        if (round % 256 == 0) check_pool();
    }
    for (size_t i = 0; i < SPANS; i++) {
        if (spans[i].unit != 0) give(&spans[i]);
    }
    check_pool();
    hak_span_purge(0, UINT64_MAX, UINT64_MAX);
    check_pool();
    CHECK_EQUAL(hak_span_dirty_units(), 0);
    /* All that the pool has is zero again, and is one span. */
    bool zero = false;
    size_t units = hak_span_totals().free_units;
    size_t all = hak_span_alloc(units, 1, HAK_MAY_GROW, HAK_UNIT_LARGE, &zero);
    CHECK(all != 0 && zero);
    for (size_t i = 0; i < units; i++) check_zero(all + i, 1);
}

static bool is_resident(size_t unit) {
    unsigned char state[HAK_UNIT_SIZE / 4096];
    CHECK_EQUAL(mincore(hak_unit_address(unit), HAK_UNIT_SIZE, state), 0);
    for (size_t i = 0; i < sizeof state; i++) {
        if (state[i] & 1) return true;
    }
    return false;
}

static void purge_takes_the_longest_unused_first_and_stops_where_told(void) {
    open_arena();
    owned_t kept[4], gone[4];
    /* The first purge of all looks at what it purged, which maps the zero page there. */
    take(&gone[0], 1, 1);
    give(&gone[0]);
    CHECK(hak_span_purge(0, UINT64_MAX, UINT64_MAX));
    take(&kept[0], 4, 1);
    /* Four dirty free spans with used ones between them. */
    for (int i = 0; i < 4; i++) {
        take(&gone[i], 8, 1);
        take(&kept[i], 1, 1);
    }
    static const int order[4] = {1, 3, 0, 2};
    for (uint64_t i = 0; i < 4; i++) hak_span_free(gone[order[i]].unit, 8, 10 * (i + 1)); /* stamps only grow */
    used_units -= 4 * 8;
    CHECK_EQUAL(hak_span_dirty_units(), 32);
    CHECK_EQUAL(hak_span_oldest(), 10);
    for (uint64_t i = 0; i < 4; i++) CHECK_EQUAL(hak_span_overdue_units(10 * (i + 1)), 8 * (i + 1));
    CHECK_EQUAL(hak_span_overdue_units(9), 0);
    CHECK_EQUAL(hak_span_overdue_units(UINT64_MAX), 32);
    CHECK(!hak_span_purge(0, 9, UINT64_MAX));
    CHECK_EQUAL(hak_span_dirty_units(), 32);
    CHECK(hak_span_purge(0, 10, UINT64_MAX));
    CHECK(!is_resident(gone[1].unit) && is_resident(gone[3].unit) && is_resident(gone[0].unit));
    CHECK_EQUAL(hak_span_dirty_units(), 24);
    CHECK_EQUAL(hak_span_overdue_units(20), 8);
    CHECK(!hak_span_purge(24, UINT64_MAX, UINT64_MAX));
    CHECK(hak_span_purge(0, UINT64_MAX, UINT64_MAX));
    CHECK_EQUAL(hak_span_dirty_units(), 0);
    CHECK_EQUAL(hak_span_oldest(), UINT64_MAX);
    for (int i = 0; i < 4; i++) {
        CHECK(!is_resident(gone[i].unit));
        check_mark(&kept[i]);
    }
    check_pool();
}

/* Only what was written to counts as dirty, and only that is given back. */
static void a_span_that_was_hardly_used_is_mostly_clean(void) {
    open_arena();
    bool zero = false;
    size_t unit = hak_span_alloc(100, 1, HAK_MAY_GROW, HAK_UNIT_LARGE, &zero);
    CHECK(unit != 0 && zero);
    memset(hak_unit_address(unit), 1, 3 * HAK_UNIT_SIZE);
    hak_span_free(unit, 3, 1);
    CHECK_EQUAL(hak_span_dirty_units(), 3);
    unit = hak_span_alloc(100, 1, HAK_MAY_GROW, HAK_UNIT_LARGE, &zero);
    CHECK(!zero);
    hak_span_free(unit, 0, 1);
    CHECK_EQUAL(hak_span_dirty_units(), 3);
    hak_span_purge(0, UINT64_MAX, UINT64_MAX);
    CHECK_EQUAL(hak_span_alloc(100, 1, HAK_MAY_GROW, HAK_UNIT_LARGE, &zero), unit);
    CHECK(zero);
    check_zero(unit, 100);
}

static void best_fit_leaves_long_spans_whole(void) {
    open_arena();
    owned_t a, b, fence;
    take(&a, 40, 1);
    take(&fence, 1, 1);
    take(&b, 20, 1);
    take(&fence, 1, 1);
    size_t short_unit = b.unit, long_unit = a.unit;
    give(&a);
    give(&b);
    owned_t fitted, rest;
    take(&fitted, 20, 1);
    CHECK_EQUAL(fitted.unit, short_unit);
    take(&rest, 40, 1);
    CHECK_EQUAL(rest.unit, long_unit);
}

static void what_cannot_be_had_is_not_had(void) {
    open_arena();
    bool zero;
    CHECK_EQUAL(hak_span_alloc(0, 1, HAK_MAY_GROW, HAK_UNIT_LARGE, &zero), 0);
    CHECK_EQUAL(hak_span_alloc(hak_arena.max_units + 1, 1, HAK_MAY_GROW, HAK_UNIT_LARGE, &zero), 0);
    CHECK_EQUAL(hak_span_alloc(SIZE_MAX / 2, 1, HAK_MAY_GROW, HAK_UNIT_LARGE, &zero), 0);
    CHECK_EQUAL(hak_span_alloc(1, (size_t)1 << 62, HAK_MAY_GROW, HAK_UNIT_LARGE, &zero), 0);
    CHECK(hak_span_alloc(1, 1, HAK_MAY_GROW, HAK_UNIT_LARGE, &zero) != 0);
}

static void *live_for_a_while(void *argument) {
    check_random_t random = {check_seed() + *(unsigned *)argument};
    enum { MINE = 40 };
    size_t units[MINE] = {0}, lengths[MINE] = {0};
    for (size_t round = check_scaled(30000); round != 0; round--) {
        size_t i = check_below(&random, MINE);
        bool zero;
        if (units[i] == 0) {
            lengths[i] = check_log_uniform(&random, 1, 100);
            units[i] = hak_span_alloc(lengths[i], 1, HAK_MAY_GROW, HAK_UNIT_LARGE, &zero);
            CHECK(units[i] != 0);
            if (zero) CHECK_EQUAL(*(char *)hak_unit_address(units[i]), 0);
            memset(hak_unit_address(units[i]), 1 + *(unsigned *)argument, 16);
        } else {
            CHECK_EQUAL(*(unsigned char *)hak_unit_address(units[i]), 1 + *(unsigned *)argument);
            hak_span_free(units[i], lengths[i], hak_os_now_ms());
            units[i] = 0;
        }
        if (round % 512 == 0) hak_span_purge(0, UINT64_MAX, 1000000);
    }
    for (int i = 0; i < MINE; i++) {
        if (units[i] != 0) hak_span_free(units[i], lengths[i], 0);
    }
    return NULL;
}

static void threads_share_the_pool(void) {
    open_arena();
    pthread_t threads[4];
    unsigned numbers[4] = {0, 1, 2, 3};
    for (int i = 0; i < 4; i++) CHECK_EQUAL(pthread_create(&threads[i], NULL, live_for_a_while, &numbers[i]), 0);
    for (int i = 0; i < 4; i++) CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
    check_pool();
}

CHECK_MAIN(CASE(a_random_life_keeps_the_invariants), CASE(purge_takes_the_longest_unused_first_and_stops_where_told),
           CASE(a_span_that_was_hardly_used_is_mostly_clean), CASE(best_fit_leaves_long_spans_whole),
           CASE(what_cannot_be_had_is_not_had), CASE(threads_share_the_pool))
