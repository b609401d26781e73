/* wide.h: what a thread holds of wide blocks is bounded by bytes, larger ones serve, and idle bins are emptied. */
#include "../check.h"
#include "budget.h"
#include "options.h"
#include "wide.h"

static hak_cache_t cache;

static void open_arena(void) {
    hak_options_read();
    CHECK(hak_arena_open((size_t)1 << 40, HAK_HUGE_SYSTEM));
    hak_budget_set_sharers(1);
}

static void *allocate(unsigned c) {
    c = hak_wide_serving(&cache, c);
    hak_bin_t *bin = &cache.bins[c];
    void *block = bin->head;
    hak_trip_t trip;
    if (block == NULL) return hak_wide_refill(&cache, c, &trip);
    bin->head = hak_next(block);
    bin->room++;
    return block;
}

static size_t held(void) {
    size_t bytes = 0;
    for (unsigned c = HAK_WIDE_FIRST; c < HAK_CLASS_COUNT; c++) {
        int32_t count = 0;
        for (void *block = cache.bins[c].head; block != NULL; block = hak_next(block)) count++;
        CHECK_EQUAL(count, -cache.bins[c].room);
        bytes += (size_t)count * hak_classes[c].size;
    }
    return bytes;
}

static void release(void *block) { hak_wide_keep(&cache, hak_page_map_class(hak_unit_of(block)), block); }

static void threads_share_what_may_stay(void) {
    enum { MANY = 300 };
    void *blocks[MANY];
    open_arena();
    for (uint32_t sharers = 1; sharers <= 4; sharers *= 4) {
        hak_budget_set_sharers(sharers);
        size_t most = hak_options.retain / sharers, peak = 0;
        for (size_t i = 0; i < MANY; i++) {
            blocks[i] = allocate(HAK_WIDE_FIRST + (unsigned)(i * 5 % (HAK_CLASS_COUNT - HAK_WIDE_FIRST)));
            CHECK(blocks[i] != NULL);
            *(size_t *)blocks[i] = i;
        }
        for (size_t i = 0; i < MANY; i++) {
            CHECK_EQUAL(*(size_t *)blocks[i], i);
            release(blocks[i]);
            size_t now = held();
            CHECK(now <= most && now <= hak_load_relaxed(&cache.wide_bytes));
            peak = hak_max(peak, now);
        }
        CHECK(peak > most / 2);
    }
}

static void a_block_that_is_half_as_long_again_serves_but_no_longer_one(void) {
    open_arena();
    void *block = allocate(HAK_WIDE_FIRST + 6); /* 9 units */
    release(block);
    void *other = allocate(HAK_WIDE_FIRST + 2); /* 5 units, which 7 would do for */
    CHECK(other != block);
    CHECK(allocate(HAK_WIDE_FIRST + 3) == block); /* 6 units */
}

static void a_bin_that_was_idle_for_a_tick_is_emptied(void) {
    open_arena();
    release(allocate(HAK_WIDE_FIRST));
    hak_cache_tick(&cache, 0);
    CHECK_EQUAL(held(), hak_classes[HAK_WIDE_FIRST].size);
    hak_cache_tick(&cache, 0);
    hak_wide_count(&cache);
    CHECK_EQUAL(held(), 0);
    CHECK_EQUAL(hak_load_relaxed(&cache.wide_bytes), 0);
}

static void nothing_is_kept_where_nothing_may_stay(void) {
    open_arena();
    hak_options.retain = 0;
    release(allocate(HAK_WIDE_FIRST));
    CHECK_EQUAL(held(), 0);
}

CHECK_MAIN(CASE(threads_share_what_may_stay), CASE(a_block_that_is_half_as_long_again_serves_but_no_longer_one),
           CASE(a_bin_that_was_idle_for_a_tick_is_emptied), CASE(nothing_is_kept_where_nothing_may_stay))
