/* stock.h -- free spans kept by processor, so that slabs and large blocks come and go without the pool's lock.
 * May use: base, bits, atomic, counters, os, lock, shard, options, arena, span.
 *
 * Each shard has a stock: short lists of free spans by length. It serves spans of up to HAK_STOCK_UNITS units, the shortest that
 * suffices, and cuts what is longer; spans in a stock are not merged. A stock that cannot serve gives all that it has back to
 * the pool, where it is merged, and gets up to a superslab, or less where many stocks share what all may keep: who cut new
 * memory for long would leave what others have freed unused. One that has too much gives all back. So the pool's lock is taken
 * about once for each superslab that comes or goes, or each `limit` where that is less.
 * What is in stocks is free memory: they share half of what may stay unpurged (a stock may have more until it next looks, when
 * others have come since), and each tick and trim empties them. Where address space is limited they keep nothing.
 *
 * Any thread may call; a stock's lock guards its spans and is taken after class locks and before the span lock.
 * Invariants: a span in a stock has kind HAK_UNIT_STOCKED, so that nobody else merges with it, and its dirty bits are set;
 * units and dirty are the sums over the stock's spans; what is shown of them is at most an eighth of the limit away. */
#ifndef HAK_STOCK_H
#define HAK_STOCK_H

#include "span.h"

enum {
    HAK_STOCK_UNITS = 64, /* longer spans are the pool's: 1 MiB */
};

/* The same as the pool's calls (span.h), which these make where no stock serves. */
size_t hak_stock_take(size_t units, size_t alignment, hak_unit_kind_t kind, bool *zero);
void hak_stock_give(size_t unit, size_t dirty, uint64_t stamp_ms);
bool hak_stock_extend(size_t unit, size_t units, bool *zero);

/* Gives what is in every stock back to the pool. */
void hak_stock_empty(void);

/* Relaxed figures for decisions on slow paths, without a lock: units of spans in use, and dirty units in stocks. */
size_t hak_stock_used_units(void);
size_t hak_stock_dirty_units(void);
/* What may stay unpurged, wherever it waits (stocks, pool, threads' bins of long blocks): the setting `retain`, or an eighth of the heap. */
size_t hak_stock_unpurged_units(void);

/* The pool's figures with those of the stocks. Slow: for statistics. */
hak_span_totals_t hak_stock_totals(void);
size_t hak_stock_overdue_units(uint64_t before_ms);
/* Visits the head of every span in use, while no span changes hands. */
void hak_stock_visit(void (*visit)(size_t unit, void *context), void *context);

/* Between hak_shard_hold and hak_shard_let_go. */
void hak_stock_before_fork(void);
void hak_stock_after_fork(bool child);

#endif
