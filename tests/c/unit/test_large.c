/* large.h: spans as blocks, resized, moved, aligned; and mappings of their own where the arena ends. */
#include "../check.h"
#include "large.h"
#include "options.h"

#define MIB ((size_t)1 << 20)

hak_reserved_t __real_hak_os_reserve_at(void *at, size_t size);
hak_reserved_t __wrap_hak_os_reserve_at(void *at, size_t size);
static bool no_places;
hak_reserved_t __wrap_hak_os_reserve_at(void *at, size_t size) {
    return no_places ? HAK_REFUSED : __real_hak_os_reserve_at(at, size);
}

static void open_arena(size_t bytes) { CHECK(hak_arena_open(bytes, HAK_HUGE_SYSTEM)); }

static void *allocate(size_t size, size_t alignment) {
    bool zero = false;
    char *block = hak_large_alloc(size, alignment, &zero);
    CHECK(block != NULL);
    CHECK_EQUAL((uintptr_t)block % alignment, 0);
    for (size_t at = 0; zero && at < size; at += 512) CHECK_EQUAL(block[at], 0);
    return block;
}

static void fill(char *block, size_t size) {
    for (size_t at = 0; at < size; at += 512) block[at] = (char)(at / 512 * 7 + 1);
}
static void check_fill(const char *block, size_t size) {
    for (size_t at = 0; at < size; at += 512) CHECK_EQUAL(block[at], (char)(at / 512 * 7 + 1));
}

static void sizes_are_rounded_to_units_and_recorded(void) {
    open_arena((size_t)1 << 40);
    for (size_t size = 32 * 1024 + 1; size < 3 * MIB; size += 12345) {
        char *block = allocate(size, 1);
        size_t unit = hak_unit_of(block);
        CHECK_EQUAL(hak_large_size(unit), (size + HAK_UNIT_SIZE - 1) / HAK_UNIT_SIZE * HAK_UNIT_SIZE);
        CHECK_EQUAL(hak_page_map_class(unit), HAK_CLASS_LARGE);
        if (hak_large_size(unit) > HAK_UNIT_SIZE) CHECK_EQUAL(hak_page_map_class(unit + 1), 0);
        fill(block, size);
        hak_large_free(unit);
        CHECK_EQUAL(hak_page_map_class(unit), 0);
    }
    CHECK_EQUAL(hak_stock_totals().used_units, 0);
}

static void a_block_grows_into_the_free_space_behind_it(void) {
    open_arena((size_t)1 << 40);
    char *a = allocate(MIB, 1);
    size_t unit = hak_unit_of(a);
    fill(a, MIB);
    hak_stock_empty(); /* what lies behind it may be in the stock of a processor that the thread has left since */
    CHECK(hak_large_resize(unit, 2 * MIB));
    CHECK_EQUAL(hak_large_size(unit), 2 * MIB);
    check_fill(a, MIB);
    char *b = (char *)a + 2 * MIB; /* the neighbour, if the next one lies there */
    if (allocate(MIB, 1) == b) CHECK(!hak_large_resize(unit, 3 * MIB));
    CHECK(hak_large_resize(unit, 100 * 1024));
    CHECK_EQUAL(hak_large_size(unit), 7 * HAK_UNIT_SIZE);
    check_fill(a, 100 * 1024);
}

static void clearing_touches_only_what_was_used(void) {
    open_arena((size_t)1 << 40);
    char *used = allocate(MIB, 1);
    fill(used, MIB);
    hak_large_free(hak_unit_of(used));
    hak_stock_empty();
    bool zero = true;
    char *block = hak_large_alloc(16 * MIB, 1, &zero);
    CHECK(block == used);
    CHECK(!zero);
    size_t resident = check_resident();
    hak_large_clear(block, 16 * MIB);
    if (CHECK_SANITIZER == CHECK_SANITIZER_OFF) CHECK_MOST(check_resident(), resident + MIB);
    for (size_t at = 0; at < 16 * MIB; at += 512) CHECK_EQUAL(block[at], 0);
}

static void moving_keeps_contents_and_leaves_zero_pages(void) {
    open_arena((size_t)1 << 40);
    char *block = allocate(MIB, 1);
    fill(block, MIB);
    size_t size = MIB;
    for (int i = 0; i < 12; i++) {
        size_t larger = size + size / 2;
        char *moved = hak_large_move(hak_unit_of(block), larger);
        if (moved == NULL) { /* not possible: the block is as it was */
            check_fill(block, MIB);
            CHECK(hak_large_resize(hak_unit_of(block), size));
            continue;
        }
        check_fill(moved, MIB);
        fill(moved + size / 512 * 512, 512); /* the new part is there */
        fill(moved, MIB);
        block = moved;
        size = larger / HAK_UNIT_SIZE * HAK_UNIT_SIZE;
    }
    /* Whatever lies about in the pool: what is said to be zero is. */
    for (int i = 0; i < 200; i++) allocate(MIB / 2, 1);
}

static void blocks_moved_across_old_seams_keep_their_contents(void) {
    open_arena((size_t)1 << 40);
    check_random_t random = {check_seed()};
    enum { BLOCKS = 24 };
    char *blocks[BLOCKS] = {NULL};
    size_t sizes[BLOCKS] = {0};
    for (size_t round = check_scaled(1500); round != 0; round--) {
        size_t i = check_below(&random, BLOCKS);
        if (blocks[i] == NULL) {
            sizes[i] = check_log_uniform(&random, 256 * 1024, 4 * MIB);
            blocks[i] = allocate(sizes[i], 1);
            fill(blocks[i], sizes[i]);
        } else if (check_below(&random, 3) == 0) {
            check_fill(blocks[i], sizes[i]);
            hak_large_free(hak_unit_of(blocks[i]));
            blocks[i] = NULL;
        } else {
            size_t larger = sizes[i] + check_below(&random, 2 * MIB) + HAK_UNIT_SIZE;
            if (larger > 16 * MIB) continue;
            char *moved = hak_large_move(hak_unit_of(blocks[i]), larger);
            check_fill(moved != NULL ? moved : blocks[i], sizes[i]);
            if (moved == NULL) continue;
            blocks[i] = moved;
            sizes[i] = larger;
            fill(moved, larger);
        }
    }
}

static void alignments_hold(void) {
    open_arena((size_t)1 << 40);
    for (size_t alignment = 1; alignment <= ((size_t)1 << 30); alignment *= 2) {
        char *blocks[3];
        for (int i = 0; i < 3; i++) fill(blocks[i] = allocate(100000, alignment), 100000);
        for (int i = 0; i < 3; i++) {
            check_fill(blocks[i], 100000);
            if (hak_arena_holds(blocks[i])) hak_large_free(hak_unit_of(blocks[i]));
            else CHECK(hak_outside_free(blocks[i]));
        }
    }
    CHECK_EQUAL(hak_stock_totals().used_units, 0);
}

static void alignments_hold_in_a_range_reserved_at_once(void) {
    no_places = true;
    open_arena((size_t)1 << 40);
    for (size_t alignment = 1; alignment <= ((size_t)1 << 32); alignment *= 4) fill(allocate(100000, alignment), 100000);
}

static void alignments_beyond_that_of_the_base_hold_too(void) {
    open_arena((size_t)1 << 40);
    for (size_t alignment = (size_t)1 << 31; alignment <= ((size_t)1 << 35); alignment *= 2) {
        bool zero;
        char *block = hak_large_alloc(100000, alignment, &zero);
        if (block == NULL) continue; /* may be too much to ask */
        CHECK_EQUAL((uintptr_t)block % alignment, 0);
        fill(block, 100000);
    }
}

static void what_the_arena_cannot_hold_is_a_mapping_of_its_own(void) {
    open_arena(64 * MIB);
    char *inside = allocate(MIB, 1), *blocks[8];
    CHECK(hak_arena_holds(inside));
    CHECK_EQUAL(hak_outside_bytes(), 0);
    for (int i = 0; i < 8; i++) {
        blocks[i] = allocate(70 * MIB + (size_t)i * 5000, (size_t)4096 << (3 * i));
        CHECK(!hak_arena_holds(blocks[i]));
        CHECK(hak_outside_size(blocks[i]) >= 70 * MIB + (size_t)i * 5000);
        CHECK_EQUAL(hak_outside_size(blocks[i] + 16), 0);
        fill(blocks[i], 70 * MIB);
    }
    CHECK(hak_outside_bytes() >= 8 * 70 * MIB);
    for (int i = 0; i < 8; i++) check_fill(blocks[i], 70 * MIB);
    CHECK(!hak_outside_free(blocks[0] + 4096) && !hak_outside_free(inside) && !hak_outside_free(NULL));
    for (int i = 0; i < 8; i++) {
        CHECK(hak_outside_free(blocks[(i * 3) % 8]));
        CHECK(!hak_outside_free(blocks[(i * 3) % 8]));
    }
    CHECK_EQUAL(hak_outside_bytes(), 0);
}

static void more_than_the_address_space_is_not_had(void) {
    open_arena((size_t)1 << 40);
    bool zero;
    CHECK(hak_large_alloc((size_t)1 << 50, 1, &zero) == NULL);
    CHECK(hak_large_alloc(PTRDIFF_MAX, 1, &zero) == NULL);
    CHECK(hak_large_alloc(PTRDIFF_MAX, (size_t)1 << 62, &zero) == NULL);
    CHECK(hak_large_alloc(1, (size_t)1 << 62, &zero) == NULL);
    CHECK(hak_large_alloc(100000, 1, &zero) != NULL);
}

CHECK_MAIN(CASE(sizes_are_rounded_to_units_and_recorded), CASE(a_block_grows_into_the_free_space_behind_it),
           CASE(clearing_touches_only_what_was_used), CASE(moving_keeps_contents_and_leaves_zero_pages),
           CASE(blocks_moved_across_old_seams_keep_their_contents), CASE(alignments_hold),
           CASE(alignments_hold_in_a_range_reserved_at_once),
           CASE(alignments_beyond_that_of_the_base_hold_too), CASE(what_the_arena_cannot_hold_is_a_mapping_of_its_own),
           CASE(more_than_the_address_space_is_not_had))
