#include "stock.h"

#include "counters.h"
#include "options.h"
#include "shard.h"

enum {
    LONGER = HAK_STOCK_UNITS + 1, /* the list of spans beyond those with a list of their own */
    SPANS_LOOKED = 4,             /* spans looked at in one list */
    LIMIT_MAX = 256,              /* units: dirty ones that a stock keeps, 4 MiB */
    LIMIT_PART = 2,               /* of what may stay unpurged, one part in so many for stocks */
    UNPURGED_PART = 8,            /* of the heap, one part in so many may stay unpurged, or what is retained */
    TRADE_LEAST = 16,             /* units that a stock takes at once, if its limit is less: a slab of the longest */
    SHOW_PART = 8,                /* of its limit, so much may change before a stock shows it */
};

typedef struct stock {
    hak_lock_t lock;
    bool used;
    uint32_t limit; /* dirty units; 0 until one is looked for */
    _Atomic uint32_t units, dirty;
    uint32_t shown_units, shown_dirty;
    uint64_t nonempty[2];
    uint32_t lists[LONGER + 1];
} HAK_ALIGNED(64) stock_t;

static HAK_BIG_TABLE stock_t stocks[HAK_SHARDS];

/* What stocks have shown: a line that is written once for a part of a limit that came or went. */
static struct {
    _Atomic size_t units, dirty;
    _Atomic uint32_t stocks; /* that were ever used: they share what all may keep */
} figures HAK_ALIGNED(64);

size_t hak_stock_used_units(void) {
    size_t used = hak_span_used_units();
    return used - hak_min(used, hak_load_relaxed(&figures.units));
}

size_t hak_stock_dirty_units(void) { return hak_load_relaxed(&figures.dirty); }

size_t hak_stock_unpurged_units(void) {
    return hak_max(hak_options.retain >> HAK_UNIT_SHIFT, hak_stock_used_units() / UNPURGED_PART);
}

static uint32_t limit_now(stock_t *stock) {
    if (!stock->used) hak_add_relaxed(&figures.stocks, 1);
    stock->used = true;
    if (hak_options.retain < HAK_UNIT_SIZE || hak_span_is_limited()) return 0;
    return (uint32_t)hak_min(hak_stock_unpurged_units() / LIMIT_PART / hak_load_relaxed(&figures.stocks), LIMIT_MAX);
}

static uint32_t distance(uint32_t a, uint32_t b) { return a > b ? a - b : b - a; }

static void show(stock_t *stock) {
    uint32_t units = hak_load_relaxed(&stock->units), dirty = hak_load_relaxed(&stock->dirty), most = stock->limit / SHOW_PART;
    if (distance(units, stock->shown_units) <= most && distance(dirty, stock->shown_dirty) <= most) return;
    hak_add_relaxed(&figures.units, (size_t)units - stock->shown_units); /* what shrank wraps around, and so does the sum */
    hak_add_relaxed(&figures.dirty, (size_t)dirty - stock->shown_dirty);
    stock->shown_units = units;
    stock->shown_dirty = dirty;
}

static stock_t *open_stock(uint32_t shard, hak_lock_use_t use) {
    hak_lock_for(&stocks[shard].lock, use);
    return &stocks[shard];
}

static void close_stock(stock_t *stock) {
    show(stock);
    hak_unlock(&stock->lock);
}

static unsigned list_of(size_t units) { return (unsigned)hak_min(units, LONGER); }

static unsigned next_list(const stock_t *stock, unsigned list) {
    for (unsigned word = list / 64; word < 2; word++) {
        uint64_t bits = stock->nonempty[word];
        if (word == list / 64) bits &= ~(uint64_t)0 << (list % 64);
        if (bits != 0) return word * 64 + (unsigned)__builtin_ctzl(bits);
    }
    return LONGER + 1;
}

static void insert(stock_t *stock, size_t unit, size_t units, size_t dirty, uint64_t stamp_ms) {
    hak_unit_t *span = hak_unit(unit);
    unsigned list = list_of(units);
    hak_span_mark(unit, units, HAK_UNIT_STOCKED);
    span->free.dirty = (uint32_t)dirty;
    span->free.stamp_ms = stamp_ms;
    span->next = stock->lists[list];
    stock->lists[list] = (uint32_t)unit;
    stock->nonempty[list / 64] |= (uint64_t)1 << (list % 64);
    hak_store_relaxed(&stock->units, hak_load_relaxed(&stock->units) + (uint32_t)units);
    hak_store_relaxed(&stock->dirty, hak_load_relaxed(&stock->dirty) + (uint32_t)dirty);
}

/* Removes the span to which `link`, in the list, leads. */
static void remove_at(stock_t *stock, unsigned list, uint32_t *link) {
    const hak_unit_t *span = hak_unit(*link);
    *link = span->next;
    if (stock->lists[list] == 0) stock->nonempty[list / 64] &= ~((uint64_t)1 << (list % 64));
    hak_store_relaxed(&stock->units, hak_load_relaxed(&stock->units) - span->units);
    hak_store_relaxed(&stock->dirty, hak_load_relaxed(&stock->dirty) - span->free.dirty);
}

/* Takes [run, run + units) out of a span that has left its list; what is over joins the stock. */
static size_t cut(stock_t *stock, size_t span, size_t run, size_t units, hak_unit_kind_t kind, bool *zero) {
    const hak_unit_t *head = hak_unit(span);
    size_t all = head->units, dirty = head->free.dirty, left = run - span, right = all - left - units;
    uint64_t stamp_ms = head->free.stamp_ms;
    size_t dirty_left = hak_dirty_part(all, dirty, span, left), dirty_right = hak_dirty_part(all, dirty, run + units, right);
    *zero = dirty == dirty_left + dirty_right;
    hak_span_mark(run, units, kind);
    if (left != 0) insert(stock, span, left, dirty_left, stamp_ms);
    if (right != 0) insert(stock, run + units, right, dirty_right, stamp_ms);
    return run;
}

/* The shortest span that fits, of those that a bounded search sees, cut to what is wanted; or 0. */
static size_t serve(stock_t *stock, size_t units, size_t alignment, hak_unit_kind_t kind, bool *zero) {
    for (unsigned list = next_list(stock, list_of(units)); list <= LONGER; list = next_list(stock, list + 1)) {
        uint32_t *link = &stock->lists[list];
        for (int looked = 0; *link != 0 && looked < SPANS_LOOKED; looked++, link = &hak_unit(*link)->next) {
            size_t span = *link, run = hak_span_fit(span, units, alignment);
            if (run == 0) continue;
            remove_at(stock, list, link);
            return cut(stock, span, run, units, kind, zero);
        }
    }
    return 0;
}

/* Takes all that a stock has, as a chain: by length, the newest first. */
static size_t take_all(stock_t *stock) {
    uint32_t chain = 0, *end = &chain;
    for (unsigned list = next_list(stock, 1); list <= LONGER; list = next_list(stock, list + 1)) {
        *end = stock->lists[list];
        while (*end != 0) end = &hak_unit(*end)->next;
        stock->lists[list] = 0;
    }
    stock->nonempty[0] = stock->nonempty[1] = 0;
    hak_store_relaxed(&stock->units, 0);
    hak_store_relaxed(&stock->dirty, 0);
    return chain;
}

/* Trades all that the stock has for what is wanted and more. */
static size_t restock(stock_t *stock, size_t units, size_t alignment, hak_unit_kind_t kind, bool *zero) {
    stock->limit = limit_now(stock);
    size_t most = hak_max(hak_min(2 * (size_t)stock->limit, HAK_SUPERSLAB_UNITS), TRADE_LEAST);
    most = hak_span_is_limited() ? units : hak_max(units, most);
    hak_span_want_t want = {units, alignment, most, stock->limit / 2};
    size_t first = hak_span_trade(take_all(stock), &want, HAK_LOCK_pool_stock);
    if (first == 0) return 0;
    for (size_t span = hak_unit(first)->next, next; span != 0; span = next) {
        const hak_unit_t *head = hak_unit(span);
        next = head->next;
        insert(stock, span, head->units, head->free.dirty, head->free.stamp_ms);
    }
    return cut(stock, first, first, units, kind, zero);
}

static void empty(uint32_t shard, hak_lock_use_t use) {
    if (hak_load_relaxed(&stocks[shard].units) == 0) return; /* a hint: who fills it now has just been here */
    stock_t *stock = open_stock(shard, use);
    size_t chain = take_all(stock);
    stock->limit = 0;
    if (chain != 0) hak_span_trade(chain, NULL, HAK_LOCK_pool_upkeep);
    close_stock(stock);
}

void hak_stock_empty(void) {
    for (uint32_t shard = 0; shard < hak_shard_count(); shard++) empty(shard, HAK_LOCK_stock_idle);
}

/* What the stocks have may be what is missing: the own one's before the arena grows, the others' before it is given up. */
static size_t take_long(size_t units, size_t alignment, hak_unit_kind_t kind, bool *zero) {
    size_t unit = hak_span_alloc(units, alignment, HAK_MAY_NOT_GROW, kind, zero);
    if (unit != 0) return unit;
    empty(hak_shard_own(), HAK_LOCK_stock_idle);
    unit = hak_span_alloc(units, alignment, HAK_MAY_GROW, kind, zero);
    if (unit != 0) return unit;
    hak_stock_empty();
    return hak_span_alloc(units, alignment, HAK_MAY_GROW, kind, zero);
}

static hak_lock_use_t use_by(hak_unit_kind_t kind) { return kind == HAK_UNIT_SLAB ? HAK_LOCK_stock_slab : HAK_LOCK_stock_large; }

size_t hak_stock_take(size_t units, size_t alignment, hak_unit_kind_t kind, bool *zero) {
    if (units == 0 || units > HAK_STOCK_UNITS || alignment > HAK_STOCK_UNITS) return take_long(units, alignment, kind, zero);
    stock_t *stock = open_stock(hak_shard_own(), use_by(kind));
    size_t unit = serve(stock, units, alignment, kind, zero);
    if (unit == 0) unit = restock(stock, units, alignment, kind, zero);
    close_stock(stock);
    return HAK_LIKELY(unit != 0) ? unit : take_long(units, alignment, kind, zero);
}

void hak_stock_give(size_t unit, size_t dirty, uint64_t stamp_ms) {
    size_t units = hak_unit(unit)->units;
    if (units > HAK_STOCK_UNITS) {
        hak_span_free(unit, dirty, stamp_ms);
        return;
    }
    hak_lock_use_t use = use_by((hak_unit_kind_t)hak_load_relaxed(&hak_unit(unit)->kind));
    stock_t *stock = open_stock(hak_shard_own(), use);
    hak_dirty_set(unit, dirty);
    insert(stock, unit, units, dirty == units ? units : hak_dirty_count(unit, units), stamp_ms);
    if (hak_load_relaxed(&stock->dirty) > stock->limit) {
        stock->limit = limit_now(stock);
        if (hak_load_relaxed(&stock->dirty) > stock->limit) hak_span_trade(take_all(stock), NULL, HAK_LOCK_pool_stock);
    }
    close_stock(stock);
}

bool hak_stock_extend(size_t unit, size_t units, bool *zero) {
    if (hak_span_extend(unit, units, zero)) return true;
    empty(hak_shard_own(), HAK_LOCK_stock_idle);
    return hak_span_extend(unit, units, zero);
}

hak_span_totals_t hak_stock_totals(void) {
    hak_span_totals_t totals = hak_span_totals();
    for (uint32_t shard = 0; shard < hak_shard_count(); shard++) {
        stock_t *stock = open_stock(shard, HAK_LOCK_stock_look);
        totals.used_units -= hak_load_relaxed(&stock->units);
        totals.free_units += hak_load_relaxed(&stock->units);
        totals.dirty_units += hak_load_relaxed(&stock->dirty);
        close_stock(stock);
    }
    return totals;
}

size_t hak_stock_overdue_units(uint64_t before_ms) {
    size_t overdue = hak_span_overdue_units(before_ms);
    for (uint32_t shard = 0; shard < hak_shard_count(); shard++) {
        stock_t *stock = open_stock(shard, HAK_LOCK_stock_look);
        for (unsigned list = 1; list <= LONGER; list++) {
            for (size_t unit = stock->lists[list]; unit != 0; unit = hak_unit(unit)->next) {
                if (hak_unit(unit)->free.stamp_ms <= before_ms) overdue += hak_unit(unit)->free.dirty;
            }
        }
        close_stock(stock);
    }
    return overdue;
}

void hak_stock_visit(void (*visit)(size_t unit, void *context), void *context) {
    hak_shard_hold();
    for (uint32_t shard = 0; shard < hak_shard_count(); shard++) open_stock(shard, HAK_LOCK_stock_look);
    hak_span_visit(visit, context);
    for (uint32_t shard = 0; shard < hak_shard_count(); shard++) close_stock(&stocks[shard]);
    hak_shard_let_go(false);
}

/* The caller holds the number of shards. */
void hak_stock_before_fork(void) {
    for (uint32_t shard = 0; shard < hak_shard_count(); shard++) hak_lock(&stocks[shard].lock);
}

void hak_stock_after_fork(bool child) {
    for (uint32_t shard = 0; shard < hak_shard_count(); shard++) {
        if (child) hak_lock_reset(&stocks[shard].lock);
        else hak_unlock(&stocks[shard].lock);
    }
}
