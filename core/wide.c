#include "wide.h"

#include "budget.h"
#include "options.h"

enum {
    LARGER_PART = 2,   /* a block may be longer than what was asked for by one part in so many */
    EASE_PART = 3,     /* who holds too much gives up one part in so many more, so that it lasts */
    LEAST_UNITS = HAK_MID_MAX / HAK_UNIT_SIZE + 1,
    MOST_UNITS = HAK_WIDE_MAX / HAK_UNIT_SIZE,
    ALL_UNITS = (LEAST_UNITS + MOST_UNITS) * (MOST_UNITS - LEAST_UNITS + 1) / 2, /* of one block of each class */
};

HAK_NOINLINE unsigned hak_wide_serving(const hak_cache_t *cache, unsigned c) {
    if (HAK_SECURE || cache->bins[c].head != NULL) return c; /* secure: a block's canaries lie where its own class has them */
    unsigned last = (unsigned)hak_min(c + hak_classes[c].units / LARGER_PART, HAK_CLASS_COUNT - 1);
    for (unsigned larger = c + 1; larger <= last; larger++) {
        if (cache->bins[larger].head != NULL) return larger;
    }
    return c;
}

static size_t most_now(void) {
    return hak_budget_share_of(hak_min(hak_stock_unpurged_units() << HAK_UNIT_SHIFT, hak_options.cache_limit));
}

static size_t class_units(unsigned c) { return c - HAK_WIDE_FIRST + LEAST_UNITS; }

static size_t bin_units(const hak_cache_t *cache, unsigned c) { return hak_bin_blocks(&cache->bins[c]) * class_units(c); }

static size_t held_units(const hak_cache_t *cache) {
    size_t units = 0;
    for (unsigned c = HAK_WIDE_FIRST; c < HAK_CLASS_COUNT; c++) units += bin_units(cache, c);
    return units;
}

static unsigned richest(const hak_cache_t *cache) {
    unsigned best = HAK_WIDE_FIRST;
    for (unsigned c = HAK_WIDE_FIRST + 1; c < HAK_CLASS_COUNT; c++) {
        if (bin_units(cache, c) >= bin_units(cache, best)) best = c;
    }
    return best;
}

/* The cold halves of the richest bins go. */
static HAK_NOINLINE hak_trip_t give_down_to(hak_cache_t *cache, size_t units) {
    hak_trip_t trip = HAK_TRIP_SPARE;
    while (held_units(cache) > units) trip = hak_max(trip, hak_cache_give_half(cache, richest(cache)));
    return trip;
}

/* Room for as many blocks of each class as `units` suffice for, and of the shortest classes for one more. */
static void share_out(hak_cache_t *cache, size_t units) {
    size_t each = units / ALL_UNITS, left = units - each * ALL_UNITS;
    for (unsigned c = HAK_WIDE_FIRST; c < HAK_CLASS_COUNT; c++) {
        hak_bin_t *bin = &cache->bins[c];
        size_t blocks = hak_bin_blocks(bin), one = left >= class_units(c);
        left -= one * class_units(c);
        bin->limit = (uint16_t)hak_min(blocks + each + one, UINT16_MAX);
        bin->room = (int32_t)(bin->limit - blocks);
    }
}

/* Counts what the bins hold, gives up what is too much, and shares out what is left; bins that hold nothing have no room. */
static hak_trip_t settle(hak_cache_t *cache) {
    size_t held = held_units(cache), most = most_now() >> HAK_UNIT_SHIFT;
    hak_trip_t trip = HAK_TRIP_SPARE;
    if (HAK_UNLIKELY(held > most)) {
        trip = give_down_to(cache, most - most / EASE_PART);
        held = held_units(cache);
    }
    share_out(cache, held != 0 ? most - held : 0);
    hak_store_relaxed(&cache->wide_bytes, held << HAK_UNIT_SHIFT);
    return trip;
}

void hak_wide_tick(hak_cache_t *cache) { settle(cache); }

HAK_NOINLINE void *hak_wide_refill(hak_cache_t *cache, unsigned c, hak_trip_t *trip) {
    hak_bin_t *bin = &cache->bins[c];
    hak_cache_look_at_empty(bin);
    hak_cache_note(cache, bin);
    hak_chain_t chain = hak_cache_from_central(cache, c, 1, trip);
    if (chain.count == 0) return NULL;
    bin->head = hak_next(chain.head);
    bin->room -= (int32_t)chain.count - 1;
    if (bin->room < 0) *trip = hak_max(*trip, settle(cache));
    return chain.head;
}

HAK_NOINLINE hak_trip_t hak_wide_overflow(hak_cache_t *cache, unsigned c, void *block) {
    hak_bin_t *bin = &cache->bins[c];
    hak_cache_note(cache, bin);
    hak_set_next(block, bin->head);
    bin->head = block;
    bin->room--;
    hak_cache_look_at_full(cache, c);
    hak_trip_t trip = settle(cache);
    hak_call(cache, c, trip == HAK_TRIP_SPARE ? HAK_CALL_free_spare : HAK_CALL_free_flush);
    return trip;
}
