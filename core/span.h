/* span.h -- the shared pool: runs of whole units, by which every size class and every large block is served.
 * May use: base, bits, atomic, counters, diag, os, lock, arena.
 * Any thread may call. The span lock guards the pool, the descriptors' span fields, the dirty bits and the arena's growth;
 * no page is given back while it is held.
 * Invariants: free spans that touch are one (but for spans that are being purged); a free span is in exactly one size bin,
 * and on the age list exactly if it has dirty units; dirty_units is the sum over free spans of their dirty units;
 * used_units + free_units + units being purged == units handed to the pool. */
#ifndef HAK_SPAN_H
#define HAK_SPAN_H

#include "arena.h"
#include "lock.h"

typedef struct hak_span_totals {
    size_t used_units;
    size_t free_units;
    size_t dirty_units; /* of the free ones: may be resident */
} hak_span_totals_t;

typedef enum { HAK_MAY_GROW, HAK_MAY_NOT_GROW } hak_growth_t;

/* A run of `units` units whose address is a multiple of `alignment` units; 0 if the system gives no more memory, or the
 * pool has no such run and the arena may not grow for it.
 * *zero tells that every byte of it is zero. The head's kind is set to `kind`. */
size_t hak_span_alloc(size_t units, size_t alignment, hak_growth_t growth, hak_unit_kind_t kind, bool *zero);
/* Gives a span back. Its first `dirty` units may have been written to. `stamp_ms`: since when it has been unused. */
void hak_span_free(size_t unit, size_t dirty, uint64_t stamp_ms);
/* What a stock wants of the pool: a run of `units` units on a multiple of `alignment`, and with it, if they are there, further
 * units in spans as long or longer, up to `most` in all, of which about `most_dirty` may be dirty. */
typedef struct hak_span_want {
    size_t units, alignment, most, most_dirty;
} hak_span_want_t;

/* Under one lock: gives the spans of the chain `back` to the pool, whose dirty bits are set; and then takes what is wanted, if
 * `want` is not NULL, growing the arena if need be. The chain of what it took, the wanted run first; 0 if there is none. Chains
 * are linked by `next` and end with 0; each head tells length, dirty units and stamp. */
size_t hak_span_trade(size_t back, const hak_span_want_t *want, hak_lock_use_t use);
/* First unit of an aligned run of `units` within the span, or 0. */
size_t hak_span_fit(size_t span, size_t units, size_t alignment);
/* Sets what neighbours and look-ups read of a span: both ends. By who holds it. */
void hak_span_mark(size_t unit, size_t units, hak_unit_kind_t kind);
/* True if RLIMIT_AS is set: then free memory goes back as soon as it can. */
bool hak_span_is_limited(void);

/* Makes a span longer by taking the free span behind it; false if there is none that suffices. *zero: the new part is zero. */
bool hak_span_extend(size_t unit, size_t units, bool *zero);
/* Gives back all but the first `units` units of a span. */
void hak_span_shorten(size_t unit, size_t units, uint64_t stamp_ms);

/* Gives the pages of free spans back to the system, longest unused first, until at most `keep` dirty units are left, only
 * spans unused since `before_ms` or longer, and for about `budget_ns` (UINT64_MAX: as long as it takes; waits for others'
 * purges). True if it gave anything back. */
bool hak_span_purge(size_t keep, uint64_t before_ms, uint64_t budget_ns);
/* When the longest unused dirty span became free; UINT64_MAX if there is none. */
uint64_t hak_span_oldest(void);
/* Dirty units of free spans, less those of spans that became free after `before_ms`. Slow: for figures. */
size_t hak_span_overdue_units(uint64_t before_ms);

hak_span_totals_t hak_span_totals(void);
/* Relaxed figures for decisions on slow paths, without the lock. */
size_t hak_span_used_units(void);
size_t hak_span_dirty_units(void);

/* Visits the head of every span in use, under the span lock. */
void hak_span_visit(void (*visit)(size_t unit, void *context), void *context);

/* Between the two no span comes to the pool or leaves it, and no address space goes back: for looks at memory that may be dead. */
void hak_span_hold(void);
void hak_span_let_go(void);

void hak_span_before_fork(void);
void hak_span_after_fork(bool child);

#endif
