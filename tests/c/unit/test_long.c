/* long.h: what a thread holds of long blocks is bounded by bytes, longer ones serve, and idle bins lose half. */
#include "../check.h"
#include "budget.h"
#include "options.h"
#include "long.h"

static hak_cache_t cache;

static void open_arena(void) {
    hak_options_read();
    CHECK(hak_arena_open((size_t)1 << 40, HAK_HUGE_SYSTEM));
}

static void *allocate(unsigned c) {
    c = hak_long_serving(&cache, c);
    hak_bin_t *bin = &cache.bins[c];
    void *block = bin->head;
    hak_trip_t trip;
    if (block == NULL) return hak_long_refill(&cache, c, &trip);
    bin->head = hak_next(block);
    bin->room++;
    return block;
}

static size_t most_times = 1;

static size_t held(void) {
    size_t bytes = 0, limits = 0;
    for (unsigned c = HAK_LONG_FIRST; c < HAK_CLASS_COUNT; c++) {
        int32_t count = 0;
        for (void *block = cache.bins[c].head; block != NULL; block = hak_next(block)) count++;
        CHECK_EQUAL(count, cache.bins[c].limit - cache.bins[c].room);
        bytes += (size_t)count * hak_classes[c].size;
        limits += cache.bins[c].limit * (size_t)hak_classes[c].size;
    }
    CHECK(bytes <= limits && limits <= most_times * hak_options.retain);
    return bytes;
}

static unsigned overflows;

static void release(void *block) {
    unsigned c = hak_page_map_class(hak_unit_of(block));
    hak_bin_t *bin = &cache.bins[c];
    if (bin->room <= 0) {
        overflows++;
        hak_long_overflow(&cache, c, block);
        return;
    }
    hak_set_next(block, bin->head);
    bin->head = block;
    bin->room--;
}

static void threads_share_what_may_stay(void) {
    enum { MANY = 300 };
    void *blocks[MANY];
    open_arena();
    hak_budget_set_sharers(100); /* who holds none has no part */
    for (size_t holders = 1; holders <= 4; holders++) {
        size_t most = hak_options.retain / holders, peak = 0;
        for (size_t i = 0; i < MANY; i++) {
            blocks[i] = allocate(HAK_LONG_FIRST + (unsigned)(i * 5 % (HAK_CLASS_COUNT - HAK_LONG_FIRST)));
            CHECK(blocks[i] != NULL);
            *(size_t *)blocks[i] = i;
        }
        hak_long_tick(&cache); /* sizes may have been missed */
        for (size_t i = 0; i < MANY; i++) {
            CHECK_EQUAL(*(size_t *)blocks[i], i);
            release(blocks[i]);
            size_t now = held();
            CHECK(now <= most);
            peak = hak_max(peak, now);
        }
        CHECK(peak > most / 2);
        hak_budget_note_long(0, hak_options.retain); /* another that leaves nothing */
    }
    hak_cache_flush(&cache);
    CHECK_EQUAL(hak_budget_long_part(100, 0), 25);
    hak_budget_note_long(4 * hak_options.retain, 4); /* as if they gave all but a byte each */
    CHECK_EQUAL(hak_budget_long_part(100, 0), 96);
    CHECK_EQUAL(hak_budget_long_part(100, 1), 97);
}

static void a_block_that_is_longer_by_a_quarter_serves_but_no_longer_one(void) {
    open_arena();
    for (unsigned c = HAK_LONG_FIRST; c < HAK_CLASS_COUNT; c++) {
        unsigned last = c;
        while (last + 1 < HAK_CLASS_COUNT && 4 * hak_classes[last + 1].size <= 5 * hak_classes[c].size) last++;
        size_t alignment = hak_min(HAK_UNIT_SIZE, (size_t)1 << __builtin_ctz(hak_classes[c].size));
        for (unsigned longer = c + 1; longer <= last + 1 && longer < HAK_CLASS_COUNT; longer++) {
            void *block = allocate(longer);
            release(block);
            CHECK_EQUAL(allocate(c) == block, longer <= last && hak_classes[longer].size % alignment == 0 && !HAK_SECURE);
            hak_cache_flush(&cache);
        }
    }
}

/* The most that bins hold while so many blocks of 144 KiB are freed. */
static size_t most_held(size_t count) {
    void *blocks[150];
    size_t most = 0;
    for (size_t i = 0; i < count; i++) blocks[i] = allocate(HAK_CLASS_COUNT - 8);
    for (size_t i = 0; i < count; i++) {
        release(blocks[i]);
        most = hak_max(most, held());
    }
    return most;
}

static void twice_as_much_is_held_where_a_size_was_missed(void) {
    open_arena();
    CHECK(most_held(150) <= hak_options.retain);
    CHECK(2 * most_held(40) > hak_options.retain);
    allocate(HAK_WIDE_FIRST);
    most_times = 2;
    size_t most = most_held(150);
    CHECK(2 * most > 3 * hak_options.retain);
    hak_long_tick(&cache);
    most_times = 1;
    CHECK(held() <= hak_options.retain);
}

static void bins_have_room_for_what_may_still_be_held(void) {
    enum { MANY = 12, ROUNDS = 100 };
    void *blocks[MANY];
    open_arena();
    overflows = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < MANY; i++) blocks[i] = allocate(HAK_LONG_FIRST + 1);
        for (size_t i = 0; i < MANY; i++) release(blocks[i]);
    }
    CHECK_EQUAL(held(), MANY * hak_classes[HAK_LONG_FIRST + 1].size);
    CHECK(overflows < MANY); /* all in the first round */
}

static void a_bin_that_was_idle_for_a_tick_loses_half(void) {
    enum { MANY = 9 };
    void *blocks[MANY];
    open_arena();
    for (size_t i = 0; i < MANY; i++) blocks[i] = allocate(HAK_LONG_FIRST);
    for (size_t i = 0; i < MANY; i++) release(blocks[i]);
    hak_cache_tick(&cache, 0);
    for (size_t left = MANY; left != 0; left = (left - 1) / 2) {
        CHECK_EQUAL(held(), left * hak_classes[HAK_LONG_FIRST].size);
        hak_cache_tick(&cache, 0);
        hak_long_tick(&cache);
        CHECK_EQUAL(hak_load_relaxed(&cache.long_bytes), held());
    }
    CHECK_EQUAL(held(), 0);
    CHECK_EQUAL(cache.bins[HAK_LONG_FIRST].limit, 0);
}

static void nothing_is_kept_where_nothing_may_stay(void) {
    open_arena();
    hak_options.retain = 0;
    release(allocate(HAK_LONG_FIRST));
    CHECK_EQUAL(held(), 0);
}

CHECK_MAIN(CASE(threads_share_what_may_stay), CASE(a_block_that_is_longer_by_a_quarter_serves_but_no_longer_one),
           CASE(twice_as_much_is_held_where_a_size_was_missed),
           CASE(bins_have_room_for_what_may_still_be_held),
           CASE(a_bin_that_was_idle_for_a_tick_loses_half), CASE(nothing_is_kept_where_nothing_may_stay))
