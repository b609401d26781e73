#include "span.h"

#include <string.h>

#include "counters.h"
#include "diag.h"
#include "os.h"

/* Size bins: one for each length up to EXACT units, then STEPS for each doubling. */
enum {
    EXACT = 64,
    LOG_EXACT = 6,
    LOG_STEPS = 3,
    STEPS = 1 << LOG_STEPS,
    DOUBLINGS = 42 - HAK_UNIT_SHIFT - LOG_EXACT + 1,
    BINS = EXACT + 1 + DOUBLINGS * STEPS,
    SEARCH_MAX = 32,       /* spans looked at in one bin for the best fit */
    PURGE_CHUNK = 512,     /* units that are given back at once: 8 MiB */
    PURGE_RUNS_MAX = PURGE_CHUNK / 2,
    SHRINK_LEAST = 512,    /* units: what the end of a limited arena gives back at once, 8 MiB */
    SHRINK_TRIGGER = 3,    /* units: spans from here on are large blocks and the biggest slabs */
    RUNS_MAX = 32,         /* spans that a stock gets at once */
};

static struct {
    hak_lock_t lock HAK_ALIGNED(64);
    hak_lock_t purge_lock; /* held while pages are given back; before the span lock */
    uint32_t oldest, newest; /* dirty free spans by age */
    _Atomic size_t used_units, free_units, dirty_units;
    uint64_t nonempty[(BINS + 63) / 64];
    uint32_t bins[BINS];
    bool purge_keeps, purge_probed; /* whether the system keeps what should be zero, and whether that is known */
    _Atomic bool limited; /* RLIMIT_AS is set, as of limit_ms */
    _Atomic uint64_t limit_ms;
} pool;

/* Figures: written under the lock, read by anyone. */
static inline void add(_Atomic size_t *figure, size_t n) { hak_store_relaxed(figure, hak_load_relaxed(figure) + n); }
static inline void subtract(_Atomic size_t *figure, size_t n) { hak_store_relaxed(figure, hak_load_relaxed(figure) - n); }

static unsigned bin_of(size_t units) {
    if (units <= EXACT) return (unsigned)units;
    unsigned doubling = hak_log2(units);
    unsigned step = (unsigned)(units >> (doubling - LOG_STEPS)) & (STEPS - 1);
    return EXACT + 1 + (doubling - LOG_EXACT) * STEPS + step;
}

static unsigned next_nonempty(unsigned bin) {
    for (unsigned word = bin / 64; word < sizeof pool.nonempty / sizeof *pool.nonempty; word++) {
        uint64_t bits = pool.nonempty[word];
        if (word == bin / 64) bits &= ~(uint64_t)0 << (bin % 64);
        if (bits != 0) return word * 64 + (unsigned)__builtin_ctzl(bits);
    }
    return BINS;
}

static hak_unit_kind_t kind_of(size_t unit) { return (hak_unit_kind_t)hak_load_relaxed(&hak_unit(unit)->kind); }
static void set_kind(size_t unit, hak_unit_kind_t kind) { hak_store_relaxed(&hak_unit(unit)->kind, (uint8_t)kind); }

void hak_span_mark(size_t unit, size_t units, hak_unit_kind_t kind) {
    hak_unit_t *head = hak_unit(unit), *last = hak_unit(unit + units - 1);
    hak_store_relaxed(&last->head, (uint32_t)unit);
    hak_store_relaxed(&last->kind, (uint8_t)(kind == HAK_UNIT_FREE ? HAK_UNIT_FREE_LAST : HAK_UNIT_NONE));
    hak_store_relaxed(&head->head, (uint32_t)unit);
    hak_store_relaxed(&head->kind, (uint8_t)kind);
    head->units = (uint32_t)units;
}

/* The list of dirty free spans is in the order of their stamps. A new one joins at its newest end; what is made of a span by
 * merging or splitting keeps its stamp and its place, which is behind the next older span (0: it is the oldest). */
#define NEWEST UINT32_MAX

static void age_insert(size_t unit, uint32_t older) {
    hak_unit_t *span = hak_unit(unit);
    if (older == NEWEST) older = pool.newest;
    uint32_t newer = older != 0 ? hak_unit(older)->free.newer : pool.oldest;
    span->age_listed = true;
    span->free.older = older;
    span->free.newer = newer;
    if (older != 0) hak_unit(older)->free.newer = (uint32_t)unit;
    else pool.oldest = (uint32_t)unit;
    if (newer != 0) hak_unit(newer)->free.older = (uint32_t)unit;
    else pool.newest = (uint32_t)unit;
}

static void age_remove(size_t unit) {
    hak_unit_t *span = hak_unit(unit);
    if (!span->age_listed) return;
    span->age_listed = false;
    if (span->free.older != 0) hak_unit(span->free.older)->free.newer = span->free.newer;
    else pool.oldest = span->free.newer;
    if (span->free.newer != 0) hak_unit(span->free.newer)->free.older = span->free.older;
    else pool.newest = span->free.older;
}

/* The place that the span had in the list of dirty ones. */
static uint32_t pool_remove(size_t unit) {
    hak_unit_t *span = hak_unit(unit);
    uint32_t older = span->age_listed ? span->free.older : NEWEST;
    unsigned bin = bin_of(span->units);
    if (span->previous != 0) hak_unit(span->previous)->next = span->next;
    else pool.bins[bin] = span->next;
    if (span->next != 0) hak_unit(span->next)->previous = span->previous;
    if (pool.bins[bin] == 0) pool.nonempty[bin / 64] &= ~((uint64_t)1 << (bin % 64));
    age_remove(unit);
    subtract(&pool.free_units, span->units);
    subtract(&pool.dirty_units, span->free.dirty);
    return older;
}

static void pool_insert(size_t unit, size_t units, size_t dirty, uint64_t stamp_ms, uint32_t older) {
    hak_unit_t *span = hak_unit(unit);
    hak_span_mark(unit, units, HAK_UNIT_FREE);
    span->free.dirty = (uint32_t)dirty;
    span->free.stamp_ms = stamp_ms;
    span->age_listed = false;
    unsigned bin = bin_of(units);
    span->previous = 0;
    span->next = pool.bins[bin];
    if (span->next != 0) hak_unit(span->next)->previous = (uint32_t)unit;
    pool.bins[bin] = (uint32_t)unit;
    pool.nonempty[bin / 64] |= (uint64_t)1 << (bin % 64);
    add(&pool.free_units, units);
    add(&pool.dirty_units, dirty);
    if (dirty != 0) age_insert(unit, older);
}

/* Inserts a free run, made one with its free neighbours. The part with the most dirty units gives stamp and place. What comes
 * out of a stock has been free for a while already; it counts as free since the newest of the others was, so that the list
 * stays in order. */
static void pool_merge(size_t unit, size_t units, size_t dirty, uint64_t stamp_ms) {
    if (stamp_ms != 0 && pool.newest != 0) stamp_ms = hak_max(stamp_ms, hak_unit(pool.newest)->free.stamp_ms);
    size_t before = 0, after = unit + units;
    if (kind_of(unit - 1) == HAK_UNIT_FREE) before = unit - 1;
    if (kind_of(unit - 1) == HAK_UNIT_FREE_LAST) before = hak_load_relaxed(&hak_unit(unit - 1)->head);
    if (after >= hak_arena.committed_units || kind_of(after) != HAK_UNIT_FREE) after = 0;
    size_t dirty_before = before != 0 ? hak_unit(before)->free.dirty : 0;
    size_t dirty_after = after != 0 ? hak_unit(after)->free.dirty : 0;
    size_t most = hak_max(dirty, hak_max(dirty_before, dirty_after));
    size_t eldest = most == dirty ? 0 : most == dirty_before ? before : after;
    uint32_t older = stamp_ms == 0 ? 0 : NEWEST;
    if (before != 0 && before != eldest) pool_remove(before);
    if (after != 0 && after != eldest) pool_remove(after);
    if (eldest != 0) { /* last, so that its place is not behind a span that goes too */
        stamp_ms = hak_unit(eldest)->free.stamp_ms;
        older = pool_remove(eldest);
    }
    /* What was a head or an end is inside a span now. */
    set_kind(unit, HAK_UNIT_NONE);
    if (before != 0) {
        set_kind(unit - 1, HAK_UNIT_NONE);
        units += unit - before;
        unit = before;
    }
    if (after != 0) {
        units += hak_unit(after)->units;
        set_kind(after, HAK_UNIT_NONE);
    }
    pool_insert(unit, units, dirty + dirty_before + dirty_after, stamp_ms, older);
}

size_t hak_span_fit(size_t span, size_t units, size_t alignment) {
    size_t base = hak_arena_base() >> HAK_UNIT_SHIFT; /* addresses are aligned, not units */
    size_t first = hak_round_up(base + span, alignment) - base;
    return first + units <= span + hak_unit(span)->units ? first : 0;
}

/* The shortest free span that fits, of those that a bounded search sees. */
static size_t find(size_t units, size_t alignment) {
    for (unsigned bin = next_nonempty(bin_of(units)); bin < BINS; bin = next_nonempty(bin + 1)) {
        size_t best = 0;
        int looked = 0;
        for (size_t span = pool.bins[bin]; span != 0 && looked < SEARCH_MAX; span = hak_unit(span)->next, looked++) {
            if (hak_span_fit(span, units, alignment) == 0) continue;
            if (best == 0 || hak_unit(span)->units < hak_unit(best)->units) best = span;
            if (bin <= EXACT) break; /* all of one length */
        }
        if (best != 0) return best;
    }
    return 0;
}

static void count_superslabs(hak_counter_t counter, size_t unit, size_t units) {
    size_t first = hak_round_up(unit, HAK_SUPERSLAB_UNITS);
    size_t end = hak_round_down(unit + units, HAK_SUPERSLAB_UNITS);
    if (end > first) hak_count(counter, (end - first) / HAK_SUPERSLAB_UNITS);
}

/* New units join the pool. In the secure flavour the last unit of each superslab that grows for a slab does not, and cannot be
 * accessed. Large blocks have guards of their own, and grow over superslabs. */
static void pool_add(size_t first, size_t count, size_t units, bool guards) {
    if (!guards) {
        pool_merge(first, count, 0, 0);
        return;
    }
    size_t end = first + count;
    for (size_t from = first, least = units; from < end; least = 1) {
        size_t stop = hak_min(hak_round_up(from + least + 1, HAK_SUPERSLAB_UNITS), end);
        pool_merge(from, stop - 1 - from, 0, 0);
        hak_os_guard(hak_unit_address(stop - 1), HAK_UNIT_SIZE, true);
        from = stop;
    }
}

static bool grow(size_t units, bool for_slab) {
    bool guards = HAK_SECURE && for_slab;
    size_t count;
    size_t first = hak_arena_grow(units + (guards ? 1 : 0), &count);
    if (first == 0) return false;
    hak_count(HAK_COUNTER_superslabs_made, (count + HAK_SUPERSLAB_UNITS - 1) / HAK_SUPERSLAB_UNITS);
    pool_add(first, count, units, guards);
    return true;
}

/* Takes [unit, unit + units) out of the free span that holds it; what is left over goes back. */
static bool carve_out(size_t span, size_t unit, size_t units, hak_unit_kind_t kind) {
    hak_unit_t *head = hak_unit(span);
    size_t all = head->units, end = span + all;
    uint64_t stamp = head->free.stamp_ms;
    size_t dirty = head->free.dirty;
    uint32_t older = pool_remove(span);
    size_t dirty_here = hak_dirty_part(all, dirty, unit, units);
    size_t left = unit - span, right = end - (unit + units);
    hak_span_mark(unit, units, kind);
    size_t dirty_left = hak_dirty_part(all, dirty, span, left);
    if (left != 0) pool_insert(span, left, dirty_left, stamp, older);
    if (right != 0) pool_insert(unit + units, right, dirty - dirty_here - dirty_left, stamp, older);
    if (dirty_here != 0) count_superslabs(HAK_COUNTER_superslabs_reused, unit, units);
    return dirty_here == 0;
}

static size_t find_or_grow(size_t units, size_t alignment, hak_growth_t growth) {
    size_t span = find(units, alignment);
    return span == 0 && growth == HAK_MAY_GROW && grow(units + (alignment - 1), units <= HAK_SLAB_UNITS_MAX) ? find(units, alignment) : span;
}

size_t hak_span_alloc(size_t units, size_t alignment, hak_growth_t growth, hak_unit_kind_t kind, bool *zero) {
    if (units == 0 || units > hak_arena.max_units || alignment > hak_arena.max_units) return 0;
    hak_lock_for(&pool.lock, HAK_LOCK_pool_large);
    size_t unit = 0;
    size_t span = find_or_grow(units, alignment, growth);
    if (span != 0) {
        unit = hak_span_fit(span, units, alignment);
        *zero = carve_out(span, unit, units, kind);
        add(&pool.used_units, units);
    }
    hak_unlock(&pool.lock);
    return unit;
}

/* RLIMIT_AS may change at any time; it is asked for once in each tick of the coarse clock. Relaxed: threads that look at once
 * may ask twice, or use the answer of the tick before. */
bool hak_span_is_limited(void) {
    uint64_t now_ms = hak_os_now_ms();
    if (now_ms != hak_load_relaxed(&pool.limit_ms)) hak_store_relaxed(&pool.limited, hak_os_address_space_is_limited());
    hak_store_relaxed(&pool.limit_ms, now_ms);
    return hak_load_relaxed(&pool.limited);
}

/* Where address space is limited, a free span at the arena's end goes back at once: threads' stacks and files may need it. */
static void shrink(void) {
    size_t last = hak_arena.committed_units - 1;
    size_t unit = kind_of(last) == HAK_UNIT_FREE_LAST ? hak_load_relaxed(&hak_unit(last)->head) : last;
    if (kind_of(unit) != HAK_UNIT_FREE || hak_unit(unit)->units < SHRINK_LEAST) return;
    if (!hak_span_is_limited()) return;
    size_t units = hak_unit(unit)->units;
    uint64_t stamp_ms = hak_unit(unit)->free.stamp_ms;
    uint32_t older = pool_remove(unit);
    hak_span_mark(unit, units, HAK_UNIT_NONE);
    size_t left = hak_arena_shrink(unit) - unit;
    if (left != 0) pool_insert(unit, left, hak_dirty_count(unit, left), stamp_ms, older);
    count_superslabs(HAK_COUNTER_superslabs_returned, unit + left, units - left);
}

static void release(size_t unit, size_t units, size_t dirty, uint64_t stamp_ms) {
    hak_dirty_set(unit, dirty);
    subtract(&pool.used_units, units);
    pool_merge(unit, units, dirty == units ? units : hak_dirty_count(unit, units), stamp_ms);
    if (units >= SHRINK_TRIGGER) shrink();
}

void hak_span_free(size_t unit, size_t dirty, uint64_t stamp_ms) {
    hak_lock_for(&pool.lock, HAK_LOCK_pool_large);
    release(unit, hak_unit(unit)->units, dirty, stamp_ms);
    hak_unlock(&pool.lock);
}

/* A chain of free spans, the first of which is what is wanted; the others are as long, or longer. */
static size_t take_runs(const hak_span_want_t *want) {
    size_t chain = 0, last = 0, units = 0, dirty = 0;
    size_t span = find_or_grow(want->units, want->alignment, HAK_MAY_GROW);
    for (int i = 0; span != 0 && i < RUNS_MAX; i++) {
        size_t run = chain == 0 ? hak_span_fit(span, want->units, want->alignment) : span;
        size_t room = want->most - units;
        if (hak_unit(span)->free.dirty != 0) room = hak_min(room, want->most_dirty - hak_min(dirty, want->most_dirty));
        if (chain == 0) room = hak_max(room, want->units);
        size_t length = hak_min(span + hak_unit(span)->units - run, room);
        if (length < want->units) break;
        uint64_t stamp_ms = hak_unit(span)->free.stamp_ms;
        bool zero = carve_out(span, run, length, HAK_UNIT_STOCKED);
        add(&pool.used_units, length);
        hak_unit_t *head = hak_unit(run);
        head->free.dirty = zero ? 0 : (uint32_t)hak_dirty_count(run, length);
        head->free.stamp_ms = stamp_ms;
        head->next = 0;
        if (chain == 0) chain = run;
        else hak_unit(last)->next = (uint32_t)run;
        last = run;
        units += length;
        dirty += head->free.dirty;
        span = units < want->most ? find(want->units, 1) : 0;
    }
    return chain;
}

size_t hak_span_trade(size_t back, const hak_span_want_t *want, hak_lock_use_t use) {
    hak_lock_for(&pool.lock, use);
    for (size_t unit = back, next; unit != 0; unit = next) {
        next = hak_unit(unit)->next;
        release(unit, hak_unit(unit)->units, 0, hak_unit(unit)->free.stamp_ms);
    }
    size_t chain = want != NULL ? take_runs(want) : 0;
    hak_unlock(&pool.lock);
    return chain;
}

bool hak_span_extend(size_t unit, size_t units, bool *zero) {
    hak_lock_for(&pool.lock, HAK_LOCK_pool_large);
    size_t have = hak_unit(unit)->units;
    size_t after = unit + have;
    size_t more = units - have;
    bool at_end = after == hak_arena.committed_units;
    bool free_after = !at_end && kind_of(after) == HAK_UNIT_FREE;
    if ((at_end || (free_after && after + hak_unit(after)->units == hak_arena.committed_units &&
                    hak_unit(after)->units < more)) &&
        grow(more - (at_end ? 0 : hak_unit(after)->units), false)) {
        free_after = after < hak_arena.committed_units && kind_of(after) == HAK_UNIT_FREE;
    }
    bool done = free_after && hak_unit(after)->units >= more;
    if (done) {
        hak_unit_kind_t kind = kind_of(unit);
        *zero = carve_out(after, after, more, HAK_UNIT_NONE);
        set_kind(after - 1, HAK_UNIT_NONE);
        hak_span_mark(unit, units, kind);
        add(&pool.used_units, more);
    }
    hak_unlock(&pool.lock);
    return done;
}

void hak_span_shorten(size_t unit, size_t units, uint64_t stamp_ms) {
    hak_lock_for(&pool.lock, HAK_LOCK_pool_large);
    size_t have = hak_unit(unit)->units;
    hak_span_mark(unit, units, kind_of(unit));
    release(unit + units, have - units, have - units, stamp_ms);
    hak_unlock(&pool.lock);
}

/* A run of pages to give back, in units. */
typedef struct run {
    uint32_t first, count;
} run_t;

/* Takes the next piece of the longest unused dirty span out of the pool; its dirty runs. */
static size_t purge_take(size_t keep, uint64_t before_ms, run_t runs[PURGE_RUNS_MAX], size_t *run_count) {
    size_t unit = pool.oldest;
    if (unit == 0 || hak_load_relaxed(&pool.dirty_units) <= keep) return 0;
    hak_unit_t *span = hak_unit(unit);
    uint64_t stamp = span->free.stamp_ms;
    if (stamp > before_ms) return 0;
    size_t units = span->units, dirty = span->free.dirty;
    uint32_t older = pool_remove(unit);
    bool is_dirty;
    size_t clean = hak_dirty_run(unit, units, &is_dirty);
    size_t lead = is_dirty ? 0 : clean;
    size_t size = hak_min(units - lead, PURGE_CHUNK);
    size_t dirty_here = hak_dirty_count(unit + lead, size);
    if (lead != 0) pool_insert(unit, lead, 0, stamp, older);
    unit += lead;
    if (units - lead > size) pool_insert(unit + size, units - lead - size, dirty - dirty_here, stamp, older);
    hak_span_mark(unit, size, HAK_UNIT_PURGING);
    *run_count = 0;
    for (size_t at = 0; at < size;) {
        size_t n = hak_dirty_run(unit + at, size - at, &is_dirty);
        if (is_dirty) runs[(*run_count)++] = (run_t){(uint32_t)(unit + at), (uint32_t)n};
        at += n;
    }
    return unit;
}

/* The first purge of all shows whether this system's purge zeroes; known-zero spans rest on it. Where pages are larger than
 * units, what of the run shares a page with others is cleared by hand. */
static bool purge_run(run_t run) {
    size_t page = hak_os_page_size();
    char *first = hak_unit_address(run.first), *end = first + ((size_t)run.count << HAK_UNIT_SHIFT);
    char *from = (char *)hak_round_up((uintptr_t)first, page), *to = (char *)hak_round_down((uintptr_t)end, page);
    if (from >= to) {
        memset(first, 0, (size_t)(end - first));
        return true;
    }
    if (!pool.purge_probed) *(volatile char *)from = 1;
    if (!hak_os_purge(from, (size_t)(to - from))) return false;
    if (!pool.purge_probed) {
        pool.purge_keeps = *(volatile char *)from != 0;
        pool.purge_probed = true;
    }
    memset(first, 0, (size_t)(from - first));
    memset(to, 0, (size_t)(end - to));
    hak_count(HAK_COUNTER_purged_bytes, (size_t)(to - from));
    count_superslabs(HAK_COUNTER_superslabs_returned, run.first, run.count);
    return true;
}

bool hak_span_purge(size_t keep, uint64_t before_ms, uint64_t budget_ns) {
    bool unbounded = budget_ns == UINT64_MAX;
    if (unbounded) hak_lock_for(&pool.purge_lock, HAK_LOCK_purge);
    else if (!hak_try_lock_for(&pool.purge_lock, HAK_LOCK_purge)) return false; /* somebody else is at it */
    uint64_t end_ns = unbounded ? 0 : hak_os_now_ns() + budget_ns;
    bool any = false, refused = false;
    do {
        run_t runs[PURGE_RUNS_MAX];
        size_t run_count;
        hak_lock_for(&pool.lock, HAK_LOCK_pool_upkeep);
        size_t unit = purge_take(keep, before_ms, runs, &run_count);
        hak_unlock(&pool.lock);
        if (unit == 0) break;
        for (size_t i = 0; i < run_count && !refused; i++) {
            refused = !purge_run(runs[i]);
            if (refused) run_count = i;
        }
        hak_lock_for(&pool.lock, HAK_LOCK_pool_upkeep);
        for (size_t i = 0; i < run_count && !pool.purge_keeps; i++) hak_dirty_clear(runs[i].first, runs[i].count);
        size_t units = hak_unit(unit)->units;
        size_t dirty = hak_dirty_count(unit, units);
        /* What the system would not take is offered again after another delay. */
        pool_merge(unit, units, dirty, hak_os_now_ms());
        hak_unlock(&pool.lock);
        refused = refused || dirty != 0;
        if (run_count != 0) hak_count(HAK_COUNTER_purges, 1);
        any = any || run_count != 0;
    } while (!refused && (unbounded || hak_os_now_ns() < end_ns));
    hak_unlock(&pool.purge_lock);
    return any;
}

uint64_t hak_span_oldest(void) {
    hak_lock_for(&pool.lock, HAK_LOCK_pool_upkeep);
    uint64_t stamp = pool.oldest != 0 ? hak_unit(pool.oldest)->free.stamp_ms : UINT64_MAX;
    hak_unlock(&pool.lock);
    return stamp;
}

size_t hak_span_overdue_units(uint64_t before_ms) {
    hak_lock_for(&pool.lock, HAK_LOCK_pool_look);
    size_t units = hak_load_relaxed(&pool.dirty_units);
    /* From the newest on, so that a dirty span which the list had lost would count as overdue. */
    for (size_t unit = pool.newest; unit != 0 && hak_unit(unit)->free.stamp_ms > before_ms; unit = hak_unit(unit)->free.older) {
        units -= hak_unit(unit)->free.dirty;
    }
    hak_unlock(&pool.lock);
    return units;
}

hak_span_totals_t hak_span_totals(void) {
    hak_lock_for(&pool.lock, HAK_LOCK_pool_look);
    hak_span_totals_t totals = {hak_load_relaxed(&pool.used_units), hak_load_relaxed(&pool.free_units),
                                hak_load_relaxed(&pool.dirty_units)};
    hak_unlock(&pool.lock);
    return totals;
}

size_t hak_span_used_units(void) { return hak_load_relaxed(&pool.used_units); }
size_t hak_span_dirty_units(void) { return hak_load_relaxed(&pool.dirty_units); }

void hak_span_visit(void (*visit)(size_t unit, void *context), void *context) {
    hak_lock_for(&pool.lock, HAK_LOCK_pool_look);
    for (size_t unit = 1; unit < hak_arena.committed_units;) {
        hak_unit_kind_t kind = kind_of(unit);
        if (kind == HAK_UNIT_NONE) { /* unit 0's page, or foreign memory inside the range */
            unit++;
            continue;
        }
        if (kind == HAK_UNIT_SLAB || kind == HAK_UNIT_LARGE) visit(unit, context);
        unit += hak_unit(unit)->units;
    }
    hak_unlock(&pool.lock);
}

void hak_span_hold(void) { hak_lock_for(&pool.lock, HAK_LOCK_pool_look); }
void hak_span_let_go(void) { hak_unlock(&pool.lock); }

void hak_span_before_fork(void) {
    hak_lock(&pool.purge_lock); /* waits for purges, so that no span is in flight in the child */
    hak_lock(&pool.lock);
}

void hak_span_after_fork(bool child) {
    if (child) {
        hak_lock_reset(&pool.lock);
        hak_lock_reset(&pool.purge_lock);
    } else {
        hak_unlock(&pool.lock);
        hak_unlock(&pool.purge_lock);
    }
}
