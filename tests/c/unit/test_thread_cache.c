/* thread_cache.h: a cache by itself: its invariant, its limits and its budget, spares that anyone may take. */
#include <pthread.h>

#include "../check.h"
#include "budget.h"
#include "options.h"
#include "thread_cache.h"

static hak_cache_t cache, other;

static void open_arena(void) {
    hak_options_read();
    CHECK(hak_arena_open((size_t)1 << 40, HAK_HUGE_SYSTEM));
    hak_budget_set_sharers(1);
}

/* Blocks in the list == limit - room. */
static void check_bin(const hak_cache_t *one, unsigned c) {
    const hak_bin_t *bin = &one->bins[c];
    int32_t count = 0;
    for (void *block = bin->head; block != NULL; block = hak_next(block)) {
        CHECK_EQUAL(hak_page_map_class(hak_unit_of(block)), c);
        if (++count > (int32_t)bin->limit - bin->room) break; /* the last link is not always NULL */
    }
    CHECK_EQUAL(count, (int32_t)bin->limit - bin->room);
}

static void *allocate(hak_cache_t *from, unsigned c) {
    hak_bin_t *bin = &from->bins[c];
    hak_trip_t trip;
    if (bin->head == NULL) {
        void *block = hak_cache_refill(from, c, &trip);
        CHECK(block != NULL);
        return block;
    }
    void *block = bin->head;
    bin->head = hak_next(block);
    bin->room++;
    return block;
}

static void release(hak_cache_t *to, unsigned c, void *block) {
    hak_bin_t *bin = &to->bins[c];
    if (bin->room <= 0) {
        hak_cache_overflow(to, c, block);
        return;
    }
    hak_set_next(block, bin->head);
    bin->head = block;
    bin->room--;
}

static void the_empty_cache_has_neither_blocks_nor_room(void) {
    for (unsigned c = 0; c <= HAK_CLASS_COUNT; c++) {
        CHECK(hak_cache_empty.bins[c].head == NULL && hak_cache_empty.bins[c].room <= 0);
    }
    for (unsigned c = 1; c <= HAK_TINY_CLASSES; c++) {
        CHECK(hak_bin_at(&cache, hak_classes[c].size) == &cache.bins[c]);
    }
}

static void every_class_can_be_taken_and_given_back(void) {
    enum { MANY = 2000 };
    static void *blocks[MANY];
    open_arena();
    for (unsigned c = 1; c < HAK_LONG_FIRST; c++) {
        size_t count = c <= HAK_TINY_CLASSES ? MANY : 100;
        for (size_t i = 0; i < count; i++) {
            blocks[i] = allocate(&cache, c);
            *(size_t *)blocks[i] = i;
        }
        check_bin(&cache, c);
        for (size_t i = 0; i < count; i++) {
            CHECK_EQUAL(*(size_t *)blocks[i], i);
            release(&cache, c, blocks[i]);
        }
        check_bin(&cache, c);
        uint32_t blocks_max = 2 * (uint32_t)hak_options.cache_blocks;
        CHECK_MOST(hak_cache_blocks(&cache, c), blocks_max);
    }
    hak_cache_flush(&cache);
    for (unsigned c = 1; c < HAK_LONG_FIRST; c++) {
        CHECK_EQUAL(hak_cache_blocks(&cache, c), 0);
        hak_central_age(c, true, 0);
        hak_central_age(c, true, 0);
    }
    CHECK_EQUAL(cache.lease_bytes, 0);
    CHECK_EQUAL(cache.capacity_bytes, 0);
    CHECK_EQUAL(hak_stock_totals().used_units, 0);
}

static size_t cached_bytes(hak_cache_t *one) {
    size_t bytes = 0;
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) bytes += (size_t)hak_cache_blocks(one, c) * hak_classes[c].size;
    return bytes;
}

/* With little alive, a cache ends up within the 2 MiB that all caches together may hold, whatever is thrown at it. */
static void the_budget_holds_whatever_is_freed(void) {
    enum { MANY = 4000 };
    static void *blocks[MANY];
    open_arena();
    for (int round = 0; round < 4; round++) {
        for (unsigned c = 1; c < HAK_LONG_FIRST; c += 3) {
            size_t count = (size_t)(4 << 20) / hak_classes[c].size;
            if (count > MANY) count = MANY;
            for (size_t i = 0; i < count; i++) blocks[i] = allocate(&cache, c);
            for (size_t i = 0; i < count; i++) release(&cache, c, blocks[i]);
            check_bin(&cache, c);
        }
    }
    /* Spans in use are the caches and what the central store keeps; its share of them is small beside the budget. */
    size_t live = hak_stock_totals().used_units << HAK_UNIT_SHIFT;
    size_t budget = live / 8 > (2 << 20) ? live / 8 : 2 << 20;
    size_t least = 0; /* two blocks and a spare of two, where the budget is used up */
    for (unsigned c = 1; c < HAK_LONG_FIRST; c++) least += 4 * hak_classes[c].size;
    CHECK_MOST(cached_bytes(&cache), budget + least);
}

static void idle_bins_are_emptied_by_ticks(void) {
    open_arena();
    void *blocks[200];
    for (int i = 0; i < 200; i++) blocks[i] = allocate(&cache, 12);
    for (int i = 0; i < 200; i++) release(&cache, 12, blocks[i]);
    CHECK(hak_cache_blocks(&cache, 12) != 0);
    hak_cache_tick(&cache, 0);
    hak_cache_tick(&cache, 0);
    CHECK_EQUAL(hak_cache_blocks(&cache, 12), 0);
    for (int i = 0; i < 20; i++) hak_cache_tick(&cache, 0);
    CHECK_EQUAL(cache.lease_bytes, 0);
    release(&cache, 12, allocate(&cache, 12));
    check_bin(&cache, 12);
}

static void it_knows_its_own_blocks(void) {
    open_arena();
    void *blocks[60];
    for (int i = 0; i < 60; i++) blocks[i] = allocate(&cache, 7);
    for (int i = 0; i < 60; i++) CHECK(!hak_cache_has(&cache, 7, blocks[i]));
    release(&cache, 7, blocks[0]);
    CHECK(hak_cache_has(&cache, 7, blocks[0]));
    CHECK(!hak_cache_has(&cache, 7, blocks[1]) && !hak_cache_has(&other, 7, blocks[0]));
}

static void prewarmed_bins_serve_without_a_trip(void) {
    open_arena();
    hak_cache_prewarm(&cache);
    for (unsigned c = 1; c <= HAK_TINY_CLASSES; c++) {
        CHECK(cache.bins[c].head != NULL);
        check_bin(&cache, c);
    }
}

/* A thread uses the cache while another takes its spares: no block is lost. */
static _Atomic bool stop;

static void *steal(void *argument) {
    (void)argument;
    while (!hak_load_acquire(&stop)) {
        hak_cache_steal_spares(&cache, 0);
        usleep(50);
    }
    return NULL;
}

static void spares_can_be_stolen_at_any_moment(void) {
    enum { HELD = 600 };
    static void *held[HELD];
    open_arena();
    pthread_t thief;
    CHECK_EQUAL(pthread_create(&thief, NULL, steal, NULL), 0);
    check_random_t random = {check_seed()};
    for (size_t round = check_scaled(400000); round != 0; round--) {
        size_t i = check_below(&random, HELD);
        unsigned c = 1 + (unsigned)(i % 40);
        /* In long waves, so that bins overflow and run empty. */
        bool grow = round / 3000 % 2;
        if (grow && held[i] == NULL) {
            held[i] = allocate(&cache, c);
            *(size_t *)held[i] = i;
        } else if (!grow && held[i] != NULL) {
            CHECK_EQUAL(*(size_t *)held[i], i);
            release(&cache, c, held[i]);
            held[i] = NULL;
        }
    }
    for (size_t i = 0; i < HELD; i++) {
        if (held[i] != NULL) release(&cache, 1 + (unsigned)(i % 40), held[i]);
    }
    hak_store_release(&stop, true);
    CHECK_EQUAL(pthread_join(thief, NULL), 0);
    hak_cache_flush(&cache);
    for (int twice = 0; twice < 2; twice++) {
        for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) hak_central_age(c, true, 0);
    }
    CHECK_EQUAL(hak_stock_totals().used_units, 0);
}

CHECK_MAIN(CASE(the_empty_cache_has_neither_blocks_nor_room), CASE(every_class_can_be_taken_and_given_back),
           CASE(the_budget_holds_whatever_is_freed), CASE(idle_bins_are_emptied_by_ticks), CASE(it_knows_its_own_blocks),
           CASE(prewarmed_bins_serve_without_a_trip), CASE(spares_can_be_stolen_at_any_moment))
