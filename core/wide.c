#include "wide.h"

#include "budget.h"
#include "options.h"

enum {
    LARGER_PART = 2, /* a block may be longer than what was asked for by one part in so many */
    EASE_PART = 4,   /* who holds too much gives up one part in so many more, so that it lasts */
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

static size_t bin_bytes(const hak_cache_t *cache, unsigned c) { return (size_t)-cache->bins[c].room * hak_classes[c].size; }

static size_t bytes_now(const hak_cache_t *cache) {
    size_t bytes = 0;
    for (unsigned c = HAK_WIDE_FIRST; c < HAK_CLASS_COUNT; c++) bytes += bin_bytes(cache, c);
    return bytes;
}

void hak_wide_count(hak_cache_t *cache) { hak_store_relaxed(&cache->wide_bytes, bytes_now(cache)); }

static unsigned richest(const hak_cache_t *cache) {
    unsigned best = HAK_WIDE_FIRST;
    for (unsigned c = HAK_WIDE_FIRST + 1; c < HAK_CLASS_COUNT; c++) {
        if (bin_bytes(cache, c) >= bin_bytes(cache, best)) best = c;
    }
    return best;
}

/* What may be too much is counted; of what is, the cold halves of the richest bins go. */
static HAK_NOINLINE hak_trip_t settle(hak_cache_t *cache) {
    hak_trip_t trip = HAK_TRIP_SPARE;
    size_t bytes = bytes_now(cache);
    cache->wide_most = most_now();
    if (bytes > cache->wide_most) {
        while (bytes > cache->wide_most - cache->wide_most / EASE_PART) {
            trip = hak_max(trip, hak_cache_give_half(cache, richest(cache)));
            bytes = bytes_now(cache);
        }
    }
    hak_store_relaxed(&cache->wide_bytes, bytes);
    return trip;
}

/* Relaxed: written by the owner alone. */
static bool add_bytes_held(hak_cache_t *cache, size_t more) {
    size_t bytes = hak_load_relaxed(&cache->wide_bytes) + more;
    hak_store_relaxed(&cache->wide_bytes, bytes);
    return bytes <= cache->wide_most;
}

HAK_NOINLINE void *hak_wide_refill(hak_cache_t *cache, unsigned c, hak_trip_t *trip) {
    hak_bin_t *bin = &cache->bins[c];
    hak_cache_look_at_empty(bin);
    hak_cache_note(cache, bin);
    hak_chain_t chain = hak_cache_from_central(cache, c, 1, trip);
    if (chain.count == 0) return NULL;
    bin->head = hak_next(chain.head);
    bin->room -= (int32_t)chain.count - 1;
    if (!add_bytes_held(cache, bin_bytes(cache, c))) *trip = hak_max(*trip, settle(cache));
    return chain.head;
}

HAK_NOINLINE hak_trip_t hak_wide_keep(hak_cache_t *cache, unsigned c, void *block) {
    hak_bin_t *bin = &cache->bins[c];
    hak_cache_note(cache, bin);
    hak_set_next(block, bin->head);
    bin->head = block;
    bin->room--;
    hak_cache_look_at_full(cache, c);
    hak_trip_t trip = add_bytes_held(cache, hak_classes[c].size) ? HAK_TRIP_SPARE : settle(cache);
    hak_call(cache, c, trip == HAK_TRIP_SPARE ? HAK_CALL_free_spare : HAK_CALL_free_flush);
    return trip;
}
