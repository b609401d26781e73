#include "long.h"

#include "budget.h"
#include "options.h"

enum {
    EASE_PART = 3,               /* who holds too much gives up one part in so many more, so that it lasts */
    FULL_PART = 2,               /* a block is missed while bins hold one part in so many of what they may: its size is what they lack */
    MORE_TIMES = 2,              /* then they may hold so many times as much until the next tick */
    GIVEN_PART = 4,              /* of what may be held, room for one part in so many until all is counted again, */
    ROOM_LEAST = 8,              /* and for so many blocks in a bin until it is looked at; for what there is, if that is more */
    BIN_BLOCKS = (1 << 15) - 1,  /* in a bin, which counts its room in 16 bits */
    UNASKED_BYTES = 512 * 1024,  /* what a bin may hold of which the thread asks for no blocks */
};

_Static_assert(HAK_CLASS_COUNT - HAK_LONG_FIRST <= 32, "long_asked has a bit for each long class");

HAK_NOINLINE unsigned hak_long_serving(const hak_cache_t *cache, unsigned c) {
    if (HAK_SECURE || cache->bins[c].head != NULL) return c; /* secure: a block's canaries lie where its own class has them */
    for (unsigned longer = c + 1; longer < HAK_CLASS_COUNT && hak_classes[longer].size <= hak_class_longest(c); longer++) {
        if (cache->bins[longer].head != NULL && hak_class_serves(longer, c)) return longer;
    }
    return c;
}

static size_t most_now(const hak_cache_t *cache) {
    size_t unpurged = hak_stock_unpurged_units() << HAK_UNIT_SHIFT;
    size_t most = hak_min(cache->long_more ? MORE_TIMES * unpurged : unpurged, hak_options.cache_limit);
    return hak_budget_long_part(most, hak_load_relaxed(&cache->long_bytes));
}

static size_t bin_bytes(const hak_cache_t *cache, unsigned c) { return (size_t)hak_bin_blocks(&cache->bins[c]) * hak_classes[c].size; }

static size_t all_bytes(const hak_cache_t *cache) {
    size_t bytes = 0;
    for (unsigned c = HAK_LONG_FIRST; c < HAK_CLASS_COUNT; c++) bytes += bin_bytes(cache, c);
    return bytes;
}

static unsigned richest(const hak_cache_t *cache) {
    unsigned best = HAK_LONG_FIRST;
    for (unsigned c = HAK_LONG_FIRST + 1; c < HAK_CLASS_COUNT; c++) {
        if (bin_bytes(cache, c) >= bin_bytes(cache, best)) best = c;
    }
    return best;
}

/* The cold halves of the richest bins go. */
static HAK_NOINLINE hak_trip_t give_down_to(hak_cache_t *cache, size_t bytes) {
    hak_trip_t trip = HAK_TRIP_SPARE;
    while (all_bytes(cache) > bytes) trip = hak_max(trip, hak_cache_give_half(cache, richest(cache)));
    return trip;
}

static uint32_t bit_of(unsigned c) { return 1u << (c - HAK_LONG_FIRST); }
static bool is_asked(const hak_cache_t *cache, unsigned c) { return ((cache->long_asked[0] | cache->long_asked[1]) & bit_of(c)) != 0; }

static size_t room_most(const hak_bin_t *bin) { return hak_max(ROOM_LEAST, hak_bin_blocks(bin)); }

/* A class of which nobody asks for blocks: what other threads allocate and this one frees should be theirs soon. */
static size_t room_unasked(const hak_cache_t *cache, unsigned c, size_t bytes) {
    size_t held = bin_bytes(cache, c), may = held < UNASKED_BYTES && cache->bins[c].events != 0 ? UNASKED_BYTES - held : 0;
    return hak_min(hak_min(may, bytes) / hak_classes[c].size, room_most(&cache->bins[c]));
}

static void set_room(hak_bin_t *bin, size_t room) {
    uint32_t blocks = hak_bin_blocks(bin);
    bin->limit = (uint16_t)hak_min(blocks + room, UINT16_MAX);
    bin->room = (int32_t)(bin->limit - blocks);
}

/* Room for as many blocks of each class that is asked for as `bytes` suffice for, and of the shortest for one more. */
static void share_out(hak_cache_t *cache, size_t bytes) {
    size_t one_of_each = 0;
    for (unsigned c = HAK_LONG_FIRST; c < HAK_CLASS_COUNT; c++) {
        if (is_asked(cache, c)) {
            one_of_each += hak_classes[c].size;
        } else {
            size_t room = room_unasked(cache, c, bytes);
            bytes -= room * hak_classes[c].size;
            set_room(&cache->bins[c], room);
        }
    }
    if (one_of_each == 0) return;
    size_t each = bytes / one_of_each, left = bytes - each * one_of_each;
    for (unsigned c = HAK_LONG_FIRST; c < HAK_CLASS_COUNT; c++) {
        if (!is_asked(cache, c)) continue;
        size_t one = left >= hak_classes[c].size;
        left -= one * hak_classes[c].size;
        set_room(&cache->bins[c], hak_min(each + one, room_most(&cache->bins[c])));
    }
}

/* Counts what the bins hold, gives up what is too much, and shares out what is left; bins that hold nothing have no room. */
static hak_trip_t settle(hak_cache_t *cache) {
    size_t held = all_bytes(cache);
    hak_trip_t trip = HAK_TRIP_SPARE;
    hak_cache_set_long(cache, held);
    size_t most = most_now(cache);
    if (HAK_UNLIKELY(held > most)) {
        trip = give_down_to(cache, most - most / EASE_PART);
        held = all_bytes(cache);
        hak_cache_set_long(cache, held);
    }
    size_t room = hak_min(most - held, hak_max(held, most / GIVEN_PART));
    share_out(cache, held != 0 ? room : 0);
    return trip;
}

void hak_long_tick(hak_cache_t *cache) {
    cache->long_more = false;
    cache->long_asked[1] = cache->long_asked[0];
    cache->long_asked[0] = 0;
    settle(cache);
}

HAK_NOINLINE void *hak_long_refill(hak_cache_t *cache, unsigned c, hak_trip_t *trip) {
    hak_bin_t *bin = &cache->bins[c];
    if (!cache->long_more) cache->long_more = all_bytes(cache) > most_now(cache) / FULL_PART;
    cache->long_asked[0] |= bit_of(c);
    hak_cache_look_at_empty(bin);
    hak_cache_note(cache, bin);
    hak_chain_t chain = hak_cache_from_central(cache, c, 1, trip);
    if (chain.count == 0) return NULL;
    bin->head = hak_next(chain.head);
    bin->room -= (int32_t)chain.count - 1;
    if (bin->room < 0) *trip = hak_max(*trip, settle(cache));
    return chain.head;
}

HAK_NOINLINE hak_trip_t hak_long_overflow(hak_cache_t *cache, unsigned c, void *block) {
    hak_bin_t *bin = &cache->bins[c];
    hak_cache_note(cache, bin);
    hak_set_next(block, bin->head);
    bin->head = block;
    bin->room--;
    hak_cache_look_at_full(cache, c);
    hak_trip_t trip = HAK_TRIP_SPARE;
    bool piles_up = !is_asked(cache, c) && bin_bytes(cache, c) > UNASKED_BYTES;
    if (piles_up || hak_bin_blocks(bin) > BIN_BLOCKS) trip = hak_cache_give_half(cache, c);
    trip = hak_max(trip, settle(cache));
    hak_call(cache, c, trip == HAK_TRIP_SPARE ? HAK_CALL_free_spare : HAK_CALL_free_flush);
    return trip;
}
