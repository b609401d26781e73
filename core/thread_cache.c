#include "thread_cache.h"

#include "budget.h"
#include "counters.h"
#include "diag.h"
#include "look.h"
#include "options.h"

enum {
    COLD_BLOCKS = 16,
    COLD_BYTES = 8 * 1024,
    LEAST_BLOCKS = 2,
    WARM_TRIPS = 8,              /* trips after which a bin is warm; were it earlier, memory would be carved before its time */
    FIRST_PART = 128,            /* of a cache's even share, a bin's first limit takes one part in so many at most */
    LEASE_BYTES = 16 * 1024,     /* what a cache takes from the budget at once */
    LOOK_FULL = 16,              /* blocks at which a look in a full bin looks: those that were freed last, */
    LOOK_SPARE = 8,              /* in its spare, which was looked at when it was full, */
    LOOK_FILLED = 4,             /* and in what fills a bin: */
    LOOK_FIRST = 256,            /* on the first trips of a cache, */
    LOOK_EVERY = 11,             /* and then on one in so many: a prime, since trips of two kinds may alternate */
};

/* What one bin may hold at most: small beside the budget, many blocks of the classes that are used most. */
static const size_t bin_bytes_max = 128 * 1024;

hak_cache_t hak_cache_empty;

/* True if the cache may hold `more` bytes: in its lease, or in a larger one that the budget allows. */
static bool lease(hak_cache_t *cache, size_t more) {
    size_t need = cache->capacity_bytes + cache->spare_bytes + more;
    if (need <= cache->lease_bytes) return true;
    size_t want = hak_round_up(need - cache->lease_bytes, LEASE_BYTES);
    if (!hak_budget_lease(cache->lease_bytes, want)) return false;
    cache->lease_bytes += want;
    return true;
}

static void return_lease(hak_cache_t *cache) {
    size_t needed = hak_round_up(cache->capacity_bytes + cache->spare_bytes, LEASE_BYTES);
    if (needed >= cache->lease_bytes) return;
    hak_budget_return(cache->lease_bytes - needed);
    cache->lease_bytes = needed;
}

static uint32_t clamp(size_t value, uint32_t low, uint32_t high) {
    return value < low ? low : value > high ? high : (uint32_t)value;
}

static uint32_t limit_max(unsigned c) { return (uint32_t)hak_min(bin_bytes_max / hak_classes[c].size, hak_options.cache_blocks); }

/* The first limit of a class. */
static uint32_t limit_cold(unsigned c) {
    size_t bytes = hak_min(COLD_BYTES, hak_budget_even_share() / FIRST_PART);
    return clamp(bytes / hak_classes[c].size, LEAST_BLOCKS, COLD_BLOCKS);
}

static void set_limit(hak_cache_t *cache, unsigned c, uint32_t limit) {
    hak_bin_t *bin = &cache->bins[c];
    size_t size = hak_classes[c].size;
    if (!hak_class_is_long(c)) cache->capacity_bytes += size * limit - size * bin->limit;
    bin->room += (int32_t)limit - bin->limit;
    bin->limit = (uint16_t)limit;
}

/* The bin may hold twice as much from now on, if the budget allows. */
static void raise_limit(hak_cache_t *cache, unsigned c) {
    hak_bin_t *bin = &cache->bins[c];
    uint32_t high = limit_max(c);
    uint32_t limit = bin->limit == 0 ? limit_cold(c) : 2u * bin->limit;
    if (limit > high) limit = high;
    if (limit <= bin->limit) return;
    size_t more = (size_t)(limit - bin->limit) * hak_classes[c].size;
    if (lease(cache, more)) set_limit(cache, c, limit);
    else if (bin->limit < LEAST_BLOCKS) set_limit(cache, c, hak_min(LEAST_BLOCKS, high));
}

static void raise_if_warm(hak_cache_t *cache, unsigned c) {
    hak_bin_t *bin = &cache->bins[c];
    if (bin->limit != 0 && bin->events < WARM_TRIPS) return;
    raise_limit(cache, c);
    bin->events = 1; /* not idle, and as many trips again before the next doubling */
}

void hak_cache_note(hak_cache_t *cache, hak_bin_t *bin) {
    if (bin->events < UINT16_MAX) bin->events++;
    hak_store_relaxed(&cache->events, hak_load_relaxed(&cache->events) + 1);
}

/* A short process is looked at whole; of a long one looks take a small part of the time, and what is done wrong again is found. */
static bool has_a_look(hak_cache_t *cache) {
    uint32_t events = hak_load_relaxed(&cache->events);
    return events < LOOK_FIRST || events % LOOK_EVERY == 0;
}

static void *fill(hak_cache_t *cache, unsigned c, hak_chain_t chain) {
    hak_bin_t *bin = &cache->bins[c];
    if (has_a_look(cache)) hak_look(c, chain, LOOK_FILLED);
    bin->head = hak_next(chain.head);
    bin->room -= (int32_t)chain.count - 1;
    return chain.head;
}

/* By any thread. */
static hak_chain_t take_spare(hak_cache_t *cache, unsigned c) {
    if (hak_load_relaxed(&cache->spares[c]) == NULL) return (hak_chain_t){NULL, 0};
    hak_preempt(HAK_AT_READ);
    /* Acquire: partner of the release with which the batch was put there. */
    void *head = hak_exchange_acq_rel(&cache->spares[c], NULL);
    return (hak_chain_t){head, head != NULL ? hak_batch_take_count(head) : 0};
}

/* By the owner, who keeps account; spares that others take are noticed at the next tick. */
static hak_chain_t take_own_spare(hak_cache_t *cache, unsigned c) {
    hak_chain_t chain = take_spare(cache, c);
    cache->spare_bytes -= hak_min(cache->spare_bytes, chain.count * (size_t)hak_classes[c].size);
    return chain;
}

static int64_t chain_bytes(unsigned c, hak_chain_t chain) { return (int64_t)chain.count * hak_classes[c].size; }

static hak_chain_t bin_chain(const hak_bin_t *bin) { return (hak_chain_t){bin->head, hak_bin_blocks(bin)}; }

static hak_chain_t take_bin(hak_bin_t *bin) {
    hak_chain_t chain = bin_chain(bin);
    bin->head = NULL;
    bin->room = bin->limit;
    return chain;
}

/* Keeps the blocks that were freed last, which are warm, so many that with the next one the bin is half full. */
static hak_chain_t take_cold_half(hak_bin_t *bin, unsigned c) {
    uint32_t all = hak_bin_blocks(bin), kept = (uint32_t)(hak_max(all, 1) - 1) / 2;
    if (kept == 0) return take_bin(bin);
    void *last = hak_central_walk(c, bin->head, kept);
    hak_chain_t chain = {hak_next(last), all - kept};
    hak_set_next(last, NULL);
    bin->room += (int32_t)chain.count;
    return chain;
}

static hak_trip_t put_central(hak_cache_t *cache, unsigned c, hak_chain_t chain) {
    if (hak_central_put(c, chain)) return HAK_TRIP_TRANSFER;
    cache->flow_bytes += chain_bytes(c, chain);
    return HAK_TRIP_SLABS;
}

/* The whole list becomes the spare, if the budget has room for one: no block is touched, and malloc finds it there. */
static bool set_aside(hak_cache_t *cache, unsigned c) {
    hak_bin_t *bin = &cache->bins[c];
    size_t bytes = hak_bin_blocks(bin) * (size_t)hak_classes[c].size;
    if (!lease(cache, bytes)) return false;
    cache->spare_bytes += bytes;
    hak_chain_t chain = take_bin(bin);
    hak_batch_set_count(chain.head, chain.count);
    HAK_ASSERT(chain.count <= UINT16_MAX);
    hak_store_relaxed(&cache->spare_counts[c], (uint16_t)chain.count);
    /* Release: whoever takes the spare reads the links. The slot is empty: only the owner fills it. */
    hak_store_release(&cache->spares[c], chain.head);
    hak_preempt(HAK_AT_SWAPPED);
    return true;
}

hak_trip_t hak_cache_give_half(hak_cache_t *cache, unsigned c) {
    return put_central(cache, c, take_cold_half(&cache->bins[c], c));
}

void hak_cache_look_at_full(hak_cache_t *cache, unsigned c) {
    if (has_a_look(cache)) hak_look(c, bin_chain(&cache->bins[c]), LOOK_FULL);
}

/* One block may be missing where a signal's handler calls malloc amid a call of it. */
void hak_cache_look_at_empty(const hak_bin_t *bin) {
    if (HAK_UNLIKELY(bin->room < bin->limit - 1)) hak_link_fatal(bin);
}

/* Makes room in a full bin. */
static hak_trip_t make_room(hak_cache_t *cache, unsigned c) {
    hak_chain_t old = take_own_spare(cache, c);
    hak_trip_t trip = HAK_TRIP_SPARE;
    hak_cache_look_at_full(cache, c);
    if (has_a_look(cache)) hak_look(c, old, LOOK_SPARE);
    bool scarce = !set_aside(cache, c);
    /* Half of the list goes, so that the bin is neither full nor empty and serves calls of both kinds before its next trip. */
    if (scarce) trip = put_central(cache, c, take_cold_half(&cache->bins[c], c));
    if (old.count != 0) trip = hak_max(trip, put_central(cache, c, old));
    if (!scarce && old.count != 0) raise_limit(cache, c);
    return trip;
}

hak_chain_t hak_cache_from_central(hak_cache_t *cache, unsigned c, uint32_t want, hak_trip_t *trip) {
    hak_source_t source;
    hak_chain_t chain = hak_central_get(c, want, &source);
    *trip = source == HAK_FROM_TRANSFER ? HAK_TRIP_TRANSFER : HAK_TRIP_SLABS;
    if (chain.count == 0) return chain;
    if (source != HAK_FROM_TRANSFER) cache->flow_bytes -= chain_bytes(c, chain);
    hak_call(cache, c,
             source == HAK_FROM_TRANSFER ? HAK_CALL_refill_transfer
             : source == HAK_FROM_SLAB   ? HAK_CALL_refill_slab
                                         : HAK_CALL_refill_span);
    return chain;
}

void *hak_cache_refill(hak_cache_t *cache, unsigned c, hak_trip_t *trip) {
    hak_bin_t *bin = &cache->bins[c];
    hak_cache_look_at_empty(bin);
    hak_cache_note(cache, bin);
    *trip = HAK_TRIP_SPARE;
    hak_chain_t chain = take_own_spare(cache, c);
    if (chain.count != 0) {
        hak_call(cache, c, HAK_CALL_refill_spare);
        return fill(cache, c, chain);
    }
    raise_if_warm(cache, c);
    chain = hak_cache_from_central(cache, c, clamp(bin->limit, 1, UINT16_MAX), trip);
    if (chain.count == 0) return NULL;
    return fill(cache, c, chain);
}

hak_trip_t hak_cache_overflow(hak_cache_t *cache, unsigned c, void *block) {
    hak_bin_t *bin = &cache->bins[c];
    hak_cache_note(cache, bin);
    raise_if_warm(cache, c);
    hak_trip_t trip = bin->room <= 0 ? make_room(cache, c) : HAK_TRIP_SPARE;
    if (bin->limit == 0) {
        hak_set_next(block, NULL);
        trip = put_central(cache, c, (hak_chain_t){block, 1});
    } else {
        hak_set_next(block, bin->head);
        bin->head = block;
        bin->room--;
    }
    hak_call(cache, c, trip == HAK_TRIP_SPARE ? HAK_CALL_free_spare : HAK_CALL_free_flush);
    return trip;
}

/* Relaxed: a glance, also by the owner, whose spare others may take at any moment. */
static uint32_t spare_blocks(hak_cache_t *cache, unsigned c) {
    return hak_load_relaxed(&cache->spares[c]) != NULL ? hak_load_relaxed(&cache->spare_counts[c]) : 0;
}

void hak_cache_set_long(hak_cache_t *cache, size_t bytes) {
    hak_budget_note_long(hak_load_relaxed(&cache->long_bytes), bytes);
    hak_store_relaxed(&cache->long_bytes, bytes);
}

/* What a thread's bins of long blocks were, and what it asked for, is nothing to the thread that will have its cache. */
static void forget_long(hak_cache_t *cache) {
    hak_cache_set_long(cache, 0);
    cache->long_more = false;
    cache->long_asked[0] = cache->long_asked[1] = 0;
}

void hak_cache_flush(hak_cache_t *cache) {
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) {
        hak_bin_t *bin = &cache->bins[c];
        /* Most threads use few classes. Relaxed: only the owner fills the spare. */
        if (bin->limit == 0 && bin->head == NULL && hak_load_relaxed(&cache->spares[c]) == NULL) continue;
        hak_central_put(c, take_bin(bin));
        hak_central_put(c, take_own_spare(cache, c));
        set_limit(cache, c, 0);
    }
    cache->spare_bytes = 0;
    forget_long(cache);
    return_lease(cache);
}

void hak_cache_steal_spares(hak_cache_t *cache, uint64_t stamp_ms) {
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) {
        hak_central_settle(c, take_spare(cache, c), stamp_ms);
    }
}

void hak_cache_tick(hak_cache_t *cache, uint64_t stamp_ms) {
    bool shrink = hak_budget_wants_back(cache->lease_bytes, LEASE_BYTES);
    cache->spare_bytes = 0;
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) {
        hak_bin_t *bin = &cache->bins[c];
        bool idle = bin->events == 0 && (bin->limit != 0 || bin->head != NULL);
        if (idle || (bin->limit != 0 && shrink && !hak_class_is_long(c))) {
            /* A bin of long blocks may be in use without a trip, and what it has was dear. */
            hak_central_settle(c, hak_class_is_long(c) ? take_cold_half(bin, c) : take_bin(bin), stamp_ms);
            hak_central_settle(c, take_spare(cache, c), stamp_ms);
            set_limit(cache, c, bin->limit / 2 < LEAST_BLOCKS ? 0 : bin->limit / 2u);
        }
        bin->events = 0;
        cache->spare_bytes += spare_blocks(cache, c) * (size_t)hak_classes[c].size;
    }
    return_lease(cache);
}

void hak_cache_prewarm(hak_cache_t *cache) {
    for (unsigned c = 1; c <= HAK_TINY_CLASSES; c++) {
        hak_bin_t *bin = &cache->bins[c];
        raise_limit(cache, c);
        hak_source_t source;
        hak_chain_t chain = hak_central_get(c, bin->limit, &source);
        bin->head = chain.head;
        bin->room -= (int32_t)chain.count;
    }
}

void hak_cache_abandon(hak_cache_t *cache) {
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) {
        hak_bin_t *bin = &cache->bins[c];
        bin->head = NULL;
        bin->room = bin->limit;
        set_limit(cache, c, 0);
    }
    cache->spare_bytes = 0;
    forget_long(cache);
    return_lease(cache);
}

uint32_t hak_cache_blocks(hak_cache_t *cache, unsigned c) {
    int32_t in_bin = (int32_t)cache->bins[c].limit - cache->bins[c].room;
    return (uint32_t)(in_bin > 0 ? in_bin : 0) + spare_blocks(cache, c);
}

/* Another thread may change its list meanwhile: the walk is bounded and stays inside the arena, whose memory the caller
 * holds, so the worst is a wrong answer about a block that is being given or taken at this moment. */
static bool list_has(void *head, uint32_t count, const void *block) {
    for (; count != 0 && head != NULL && hak_arena_holds(head); count--, head = hak_next(head)) {
        if (head == block) return true;
    }
    return false;
}

bool hak_cache_has(hak_cache_t *cache, unsigned c, const void *block) {
    int32_t in_bin = (int32_t)cache->bins[c].limit - cache->bins[c].room;
    if (in_bin > 0 && list_has(cache->bins[c].head, (uint32_t)in_bin, block)) return true;
    void *spare = hak_load_acquire(&cache->spares[c]);
    return spare != NULL && list_has(spare, spare_blocks(cache, c), block);
}
