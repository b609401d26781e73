/* arena.h: the range and its tables as they grow, with foreign mappings in the way and without the system's help. */
#include <sys/mman.h>

#include "../check.h"
#include "arena.h"

#define ARENA_BYTES ((size_t)1 << 40)
#define STEP_UNITS (((size_t)64 << 20) / HAK_UNIT_SIZE)

hak_reserved_t __real_hak_os_reserve_at(void *at, size_t size);
hak_reserved_t __wrap_hak_os_reserve_at(void *at, size_t size);
bool __real_hak_os_commit(void *address, size_t size);
bool __wrap_hak_os_commit(void *address, size_t size);
static bool no_places, no_commit;
hak_reserved_t __wrap_hak_os_reserve_at(void *at, size_t size) {
    return no_places ? HAK_REFUSED : __real_hak_os_reserve_at(at, size);
}
bool __wrap_hak_os_commit(void *address, size_t size) { return !no_commit && __real_hak_os_commit(address, size); }

/* Grows, and verifies what growing promises: new units, zero and writable, with zero descriptors and page map entries. */
static size_t grow(size_t units) {
    size_t got = 0, before = hak_load_relaxed(&hak_arena.size) >> HAK_UNIT_SHIFT;
    size_t first = hak_arena_grow(units, &got);
    if (first == 0) return 0;
    CHECK(got >= units && first >= before);
    CHECK_EQUAL(hak_load_relaxed(&hak_arena.size) >> HAK_UNIT_SHIFT, first + got);
    for (size_t unit = first; unit < first + got; unit++) {
        volatile char *bytes = hak_unit_address(unit);
        CHECK_EQUAL(bytes[0], 0);
        CHECK_EQUAL(hak_page_map_class(unit), 0);
        CHECK_EQUAL(hak_load_relaxed(&hak_unit(unit)->kind), HAK_UNIT_NONE);
        CHECK_EQUAL(hak_dirty_count(unit, 1), 0);
        bytes[0] = 1;
        hak_unit(unit)->units = 1;
        CHECK_EQUAL(hak_unit_of((const char *)bytes + HAK_UNIT_SIZE - 1), unit);
        CHECK(hak_arena_holds((const void *)bytes));
    }
    CHECK(!hak_arena_holds(hak_unit_address(first + got)));
    return first;
}

static void nothing_is_held_before_it_grows(void) {
    CHECK(!hak_arena_holds(NULL) && !hak_arena_holds(&no_places));
    CHECK(hak_arena_open(ARENA_BYTES, HAK_HUGE_SYSTEM));
    CHECK_EQUAL(hak_load_relaxed(&hak_arena.size), 0);
    CHECK(!hak_arena_holds(NULL) && !hak_arena_holds(hak_unit_address(0)));
    CHECK(grow(1) > 0); /* unit 0 is never given out */
}

static void growing_appends_without_gaps(void) {
    check_random_t random = {check_seed()};
    CHECK(hak_arena_open(ARENA_BYTES, HAK_HUGE_SYSTEM));
    size_t end = 0;
    for (int i = 0; i < 60; i++) {
        size_t first = grow(1 + check_below(&random, 2000));
        CHECK(first != 0);
        CHECK(end == 0 || first == end);
        end = hak_load_relaxed(&hak_arena.size) >> HAK_UNIT_SHIFT;
    }
}

static void what_is_mapped_in_the_way_is_stepped_over_and_kept(void) {
    CHECK(hak_arena_open(ARENA_BYTES, HAK_HUGE_SYSTEM));
    if (hak_arena.whole) {
        printf("skipped: this build reserves the whole range at once\n");
        return;
    }
    CHECK(grow(1) != 0);
    char *foreign = hak_unit_address(hak_arena.reserved_units);
    CHECK_EQUAL(__real_hak_os_reserve_at(foreign, HAK_UNIT_SIZE), HAK_RESERVED);
    CHECK(__real_hak_os_commit(foreign, HAK_UNIT_SIZE));
    memset(foreign, 9, HAK_UNIT_SIZE);
    for (int i = 0; i < 5; i++) {
        size_t got, first = hak_arena_grow(STEP_UNITS, &got);
        CHECK(first != 0);
        char *bytes = hak_unit_address(first);
        CHECK(foreign + HAK_UNIT_SIZE <= bytes || bytes + (got << HAK_UNIT_SHIFT) <= foreign);
        memset(bytes, 1, HAK_UNIT_SIZE);
        bytes[(got << HAK_UNIT_SHIFT) - 1] = 1;
    }
    for (size_t i = 0; i < HAK_UNIT_SIZE; i++) CHECK_EQUAL(foreign[i], 9);
    CHECK_EQUAL(hak_page_map_class(hak_unit_of(foreign)), 0);
}

static void a_full_range_says_so_and_stays_whole(void) {
    CHECK(hak_arena_open((size_t)64 << 20, HAK_HUGE_SYSTEM));
    CHECK_EQUAL(grow(STEP_UNITS + 1), 0);
    size_t units = 0, got;
    while (hak_arena_grow(100, &got) != 0) units += got;
    CHECK(units >= STEP_UNITS - 101 && units <= STEP_UNITS);
    size_t size = hak_load_relaxed(&hak_arena.size);
    CHECK_EQUAL(hak_arena_grow(SIZE_MAX >> HAK_UNIT_SHIFT, &got), 0);
    CHECK_EQUAL(hak_load_relaxed(&hak_arena.size), size);
}

static void without_memory_nothing_changes(void) {
    CHECK(hak_arena_open(ARENA_BYTES, HAK_HUGE_SYSTEM));
    CHECK(grow(10) != 0);
    size_t size = hak_load_relaxed(&hak_arena.size), got;
    no_commit = true;
    for (int i = 0; i < 10; i++) {
        CHECK_EQUAL(hak_arena_grow(100, &got), 0);
        CHECK_EQUAL(hak_arena_grow(3 * STEP_UNITS, &got), 0);
    }
    CHECK_EQUAL(hak_load_relaxed(&hak_arena.size), size);
    no_commit = false;
    CHECK_EQUAL(grow(100), size >> HAK_UNIT_SHIFT);
    CHECK(grow(3 * STEP_UNITS) != 0);
}

static void where_no_place_can_be_chosen_one_reservation_does(void) {
    no_places = true;
    CHECK(hak_arena_open(ARENA_BYTES, HAK_HUGE_SYSTEM));
    no_places = false;
    CHECK(grow(1) != 0);
    CHECK(grow(2 * STEP_UNITS) != 0);
    CHECK(grow(3000) != 0);
}

/* The tables of all units below the end of what is committed are mapped, whatever lies in the range. */
static void tables_cover_what_was_stepped_over_even_without_memory(void) {
    CHECK(hak_arena_open(ARENA_BYTES, HAK_HUGE_SYSTEM));
    if (hak_arena.whole) {
        printf("skipped: this build reserves the whole range at once\n");
        return;
    }
    size_t got;
    while (hak_arena.committed_units < hak_arena.reserved_units) {
        CHECK(hak_arena_grow(hak_arena.reserved_units - hak_arena.committed_units, &got) != 0);
    }
    CHECK_EQUAL(__real_hak_os_reserve_at(hak_unit_address(hak_arena.reserved_units), HAK_UNIT_SIZE), HAK_RESERVED);
    no_commit = true;
    CHECK_EQUAL(hak_arena_grow(1, &got), 0);
    for (size_t unit = 0; unit < hak_arena.committed_units; unit++) {
        CHECK_EQUAL(hak_load_relaxed(&hak_unit(unit)->kind), HAK_UNIT_NONE);
        CHECK_EQUAL(hak_page_map_class(unit), 0);
    }
}

static void dirty_bits_agree_with_a_plain_array(void) {
    enum { UNITS = 3000 };
    static bool model[UNITS];
    CHECK(hak_arena_open(ARENA_BYTES, HAK_HUGE_SYSTEM));
    size_t got, base = hak_arena_grow(UNITS, &got);
    CHECK(base != 0);
    check_random_t random = {check_seed()};
    for (size_t round = check_scaled(30000); round != 0; round--) {
        size_t first = check_below(&random, UNITS), count = check_log_uniform(&random, 1, UNITS - first);
        uint64_t kind = check_below(&random, 4);
        if (kind == 0) hak_dirty_set(base + first, count);
        if (kind == 1) hak_dirty_clear(base + first, count);
        if (kind <= 1) memset(model + first, kind == 0, count);
        if (kind == 2) {
            size_t expected = 0;
            for (size_t i = 0; i < count; i++) expected += model[first + i];
            CHECK_EQUAL(hak_dirty_count(base + first, count), expected);
        }
        if (kind == 3) {
            bool dirty;
            size_t run = 1;
            while (run < count && model[first + run] == model[first]) run++;
            CHECK_EQUAL(hak_dirty_run(base + first, count, &dirty), run);
            CHECK_EQUAL(dirty, model[first]);
        }
    }
    CHECK_EQUAL(hak_dirty_count(base + UNITS, got - UNITS), 0);
}

CHECK_MAIN(CASE(nothing_is_held_before_it_grows), CASE(growing_appends_without_gaps),
           CASE(what_is_mapped_in_the_way_is_stepped_over_and_kept),
           CASE(a_full_range_says_so_and_stays_whole), CASE(without_memory_nothing_changes),
           CASE(where_no_place_can_be_chosen_one_reservation_does),
           CASE(tables_cover_what_was_stepped_over_even_without_memory), CASE(dirty_bits_agree_with_a_plain_array))
