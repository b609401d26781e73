#include "upkeep.h"

#include "budget.h"
#include "flow.h"
#include "options.h"
#include "os.h"
#include "long.h"

enum {
    CALL_BUDGET_NS = 1000000, /* a call gives pages back for at most a millisecond */
    TICK_MAX_MS = 250,
    SAMPLE_TICK_MS = 20,
    SKIP_CALLS_MAX = 63,      /* calls of a trapped thread between two looks at the clock, at most */
    SKIP_TRIPS_MAX = 15,      /* trips to the transfer cache between two looks, at most */
    BUSY_TRIPS = 64,          /* trips past the cache, without a growing debt, after which a thread is busy, */
    BUSY_DEBT = 2,            /* if no more than so many times of what may stay is free: it may fall silent while it is not trapped */
    STEP_PART = 16,           /* of what is retained, a debt that grows by less than one part in so many does not grow */
    GROWTH_MS = 20,           /* a debt that has not grown for so long does not grow */
    GROWTH_PART = 32,         /* growth of what is in use by one part in so many, */
    GROWTH_LEAST = 128,       /* and by at least so many units, is a tick before its time */
    TRANSFER_PART = 8,        /* of what is live, the transfer cache holds one part in so many at most */
    SETTLE_TICKS = 3,         /* after so many what was idle at the burst's end has gone to its slabs */
    WINDOW_TICKS = 3,         /* a window of flow.h: what a burst's end gave is seen for as long */
};

static const uint64_t long_ago = 0; /* what has been unused since then is due for a purge at once */

static struct {
    _Atomic uint64_t next_ms;
    _Atomic uint32_t ticks, timed_ticks; /* of either kind; those that the clock made due */
    _Atomic size_t mark_units; /* in use at the last tick of either kind */
    _Atomic size_t long_units; /* that threads had in bins of long blocks then, at most */
    _Atomic bool has_thread;
} state HAK_ALIGNED(64);

static size_t retained_units(void) { return hak_options.retain >> HAK_UNIT_SHIFT; }
/* What stocks have beyond their part of what is retained is theirs by the size of the heap (stock.c), and no debt; but for what
 * they still have from when they were fewer, or the heap was larger. */
static size_t dirty_units(void) {
    size_t stocked = hak_stock_dirty_units(), theirs = hak_min(stocked, hak_stock_unpurged_units() / 2);
    return hak_span_dirty_units() + hak_min(stocked, retained_units() / 2) + (stocked - theirs);
}
static bool in_debt(void) { return dirty_units() > retained_units(); }

static uint64_t tick_ms(void) { return hak_min(hak_options.purge_delay_ms / 2, TICK_MAX_MS); }

static uint64_t before(uint64_t now_ms, uint64_t ms) { return now_ms > ms ? now_ms - ms : 0; }

static void visit_trap(hak_cache_t *cache, void *context) {
    (void)context;
    hak_thread_set_trap(cache, true);
}

typedef struct idle_visit {
    uint64_t stamp_ms;
    size_t long_bytes;
} idle_visit_t;

static void visit_idle(hak_cache_t *cache, void *context) {
    idle_visit_t *visit = context;
    uint32_t events = hak_load_relaxed(&cache->events);
    if (events == cache->events_seen) hak_cache_steal_spares(cache, visit->stamp_ms);
    cache->events_seen = events;
    visit->long_bytes += hak_load_relaxed(&cache->long_bytes);
}

static void visit_steal(hak_cache_t *cache, void *context) { hak_cache_steal_spares(cache, *(uint64_t *)context); }

/* Each thread looks at its own bins once after a tick; its first tick only begins the count. */
static void tick_own(hak_cache_t *cache, uint64_t stamp_ms) {
    uint32_t ticks = hak_load_relaxed(&state.ticks);
    if (cache == NULL || cache->ticks_seen == ticks) return;
    if (cache->ticks_seen != 0) {
        hak_cache_tick(cache, stamp_ms);
        hak_long_tick(cache);
    }
    cache->ticks_seen = ticks;
}

/* Blocks that nobody used for a tick go to their slabs. */
static void collect_idle(hak_cache_t *cache, uint64_t stamp_ms) {
    tick_own(cache, stamp_ms);
    idle_visit_t visit = {stamp_ms, 0};
    if (hak_thread_visit(visit_idle, &visit, false)) hak_store_relaxed(&state.long_units, visit.long_bytes >> HAK_UNIT_SHIFT);
    size_t idle_bytes = 0;
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) {
        hak_central_age(c, false, stamp_ms);
        idle_bytes += hak_central_idle(c) * hak_classes[c].size;
    }
    hak_budget_set_idle(idle_bytes);
    hak_stock_empty();
    size_t used_units = hak_stock_used_units(), used_bytes = used_units << HAK_UNIT_SHIFT;
    hak_transfer_set_limit((used_bytes - hak_min(idle_bytes, used_bytes)) / TRANSFER_PART);
    hak_store_relaxed(&state.mark_units, used_units);
}

/* A heap that grows while blocks of other sizes lie idle needs their slabs now, and not when the clock says so. What becomes
 * free is about to be used again: it is not due for a purge. */
static void tick_for_growth(hak_cache_t *cache, uint64_t now_ms) {
    size_t mark = hak_load_relaxed(&state.mark_units), used = hak_stock_used_units();
    if (used < mark + hak_max(GROWTH_LEAST, mark / GROWTH_PART) || !hak_cas_relaxed(&state.mark_units, &mark, used)) return;
    hak_add_relaxed(&state.ticks, 1);
    collect_idle(cache, now_ms);
}

static void tick(hak_cache_t *cache, uint64_t now_ms, uint64_t budget_ns) {
    uint64_t due = hak_load_relaxed(&state.next_ms);
    if (now_ms < due || !hak_cas_relaxed(&state.next_ms, &due, now_ms + tick_ms())) return;
    hak_add_relaxed(&state.ticks, 1);
    if (hak_add_relaxed(&state.timed_ticks, 1) % WINDOW_TICKS == 0) hak_flow_end_window();
    if (due == 0) return; /* the process has just begun: nothing can be idle */
    collect_idle(cache, long_ago);
    uint64_t before_ms = before(now_ms, hak_options.purge_delay_ms);
    hak_span_purge(retained_units() - hak_min(hak_load_relaxed(&state.long_units), retained_units()), before_ms, budget_ns);
    if (!in_debt()) return;
    /* The budget was too short: the next slow path goes on. */
    if (hak_span_oldest() <= before_ms) hak_store_relaxed(&state.next_ms, now_ms + 1);
    hak_thread_visit(visit_trap, NULL, false);
}

static void *purge_thread(void *argument) {
    (void)argument;
    for (;;) {
        hak_os_sleep_ms(hak_options.guard_sample != 0 ? SAMPLE_TICK_MS : tick_ms() + 1);
        /* Threads that never leave their caches come by, and may get a guarded block (sampled.h). */
        if (hak_options.guard_sample != 0) hak_thread_visit(visit_trap, NULL, false);
        tick(NULL, hak_os_now_ms(), UINT64_MAX);
    }
    return NULL;
}

static void thread_gone(void) { hak_store_relaxed(&state.has_thread, false); }

static HAK_COLD void start_thread(void) {
    bool none = false;
    if (!hak_cas_relaxed(&state.has_thread, &none, true)) return;
    hak_thread_forked = thread_gone;
    if (!hak_os_start_thread(purge_thread)) hak_store_relaxed(&state.has_thread, false);
}

/* Much went to slabs lately, and other threads did not take as much from there. They may be wholly free but for some blocks
 * that idle caches hold, until ticks collect those. */
static bool is_unsettled(hak_cache_t *cache, uint64_t now_ms) {
    int64_t flow = cache->flow_bytes - cache->settled_flow_bytes;
    if (flow <= (int64_t)hak_options.retain && flow >= 0) return false;
    bool risen = hak_flow_risen() > (int64_t)hak_options.retain;
    if (flow >= 0 && risen && now_ms - cache->growth_ms <= SETTLE_TICKS * tick_ms()) return true;
    cache->settled_flow_bytes = cache->flow_bytes;
    cache->debt_flow_bytes = cache->flow_bytes;
    return false;
}

/* True if there is more to collect than this thread has seen since the last tick, or was so a moment ago. */
static bool debt_grows(hak_cache_t *cache, size_t dirty, uint64_t now_ms) {
    uint64_t next_ms = hak_load_relaxed(&state.next_ms);
    if (next_ms != cache->debt_tick_ms) {
        cache->debt_tick_ms = next_ms;
        cache->debt_units = 0;
        cache->debt_flow_bytes = cache->flow_bytes;
    }
    size_t step = hak_options.retain / STEP_PART;
    if (dirty > cache->debt_units + (step >> HAK_UNIT_SHIFT) || cache->flow_bytes > cache->debt_flow_bytes + (int64_t)step) {
        cache->debt_units = hak_max(dirty, cache->debt_units);
        if (cache->flow_bytes > cache->debt_flow_bytes) cache->debt_flow_bytes = cache->flow_bytes;
        cache->growth_ms = now_ms;
    }
    return now_ms - cache->growth_ms <= GROWTH_MS;
}

/* After a look at the clock. The longer the clock stands still, the faster the thread comes by, and the more may be skipped; a
 * thread that comes by now and then looks each time. */
static void set_pace(struct hak_pace *pace, uint32_t most, uint64_t now_ms) {
    pace->between = now_ms == pace->look_ms ? (uint32_t)hak_min(2 * pace->between + 1, most) : 0;
    pace->left = pace->between;
    pace->look_ms = now_ms;
}

static bool skips(struct hak_pace *pace) {
    if (pace->left == 0) return false;
    pace->left--;
    return true;
}

static void watch_debt(hak_cache_t *cache, uint64_t now_ms) {
    size_t dirty = dirty_units();
    bool grows = debt_grows(cache, dirty, now_ms);
    if (dirty <= retained_units() && !is_unsettled(cache, now_ms)) {
        if (hak_thread_is_trapped()) hak_thread_set_trap(cache, false);
        set_pace(&cache->trip_pace, SKIP_TRIPS_MAX, now_ms);
    } else if (grows) {
        cache->trap_trips = 0;
        hak_thread_set_trap(cache, true);
    } else if (++cache->trap_trips >= BUSY_TRIPS && dirty <= BUSY_DEBT * hak_stock_unpurged_units()) {
        hak_thread_set_trap(cache, false);
    }
}

void hak_upkeep(hak_cache_t *cache) {
    uint64_t now_ms = hak_os_now_ms();
    if (HAK_UNLIKELY(now_ms >= hak_load_relaxed(&state.next_ms))) tick(cache, now_ms, CALL_BUDGET_NS);
    tick_for_growth(cache, now_ms);
    if (cache == NULL) return;
    tick_own(cache, long_ago);
    hak_flow_publish(cache->flow_bytes, &cache->published_flow_bytes);
    watch_debt(cache, now_ms);
}

void hak_upkeep_after(hak_cache_t *cache, hak_trip_t trip) {
    if (trip == HAK_TRIP_SPARE || (trip == HAK_TRIP_TRANSFER && skips(&cache->trip_pace))) return;
    hak_upkeep(cache);
}

void hak_upkeep_start_thread(void) {
    if (HAK_UNLIKELY((hak_options.background_purge | hak_options.guard_sample) != 0) && !hak_load_relaxed(&state.has_thread)) start_thread();
}

void hak_upkeep_trapped(hak_cache_t *cache) {
    if (skips(&cache->call_pace)) return;
    uint64_t now_ms = hak_os_now_ms();
    set_pace(&cache->call_pace, SKIP_CALLS_MAX, now_ms);
    tick(cache, now_ms, CALL_BUDGET_NS);
    tick_own(cache, long_ago);
    if (!in_debt() && !is_unsettled(cache, now_ms)) hak_thread_set_trap(cache, false);
}

size_t hak_upkeep_overdue_units(void) {
    return hak_stock_overdue_units(before(hak_os_now_ms(), hak_options.purge_delay_ms + tick_ms()));
}

bool hak_upkeep_trim(hak_cache_t *cache, size_t pad) {
    if (cache != NULL) hak_cache_flush(cache);
    uint64_t stamp_ms = long_ago;
    hak_thread_visit(visit_steal, &stamp_ms, true);
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) hak_central_age(c, true, long_ago);
    hak_stock_empty();
    return hak_span_purge(pad >> HAK_UNIT_SHIFT, UINT64_MAX, UINT64_MAX);
}
