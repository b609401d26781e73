/* budget.h -- what all thread caches together may hold, and how much of it is leased.
 * May use: base, bits, atomic, counters, preempt, options, size_class, arena, span, stock.
 * The budget is min(cache_limit, max(live / 8, 2 MiB, 256 KiB a thread)); docs/design/limits.md. Any thread may call.
 *
 * First come, first served; who has more than an even share when the budget is used up gives some back at its next tick. So that
 * nobody starves until then, or behind a blocked thread, which has no ticks, even shares are given out up to half the budget
 * beyond it. */
#ifndef HAK_BUDGET_H
#define HAK_BUDGET_H

#include "stock.h"

/* What the budget depends on: how many threads share it, and how many bytes of spans in use are no live blocks. */
void hak_budget_set_sharers(uint32_t threads);
void hak_budget_set_idle(size_t bytes);

/* Bytes. */
size_t hak_budget_even_share(void);

/* Long blocks, which the budget does not count: what a cache holds of them has changed. */
void hak_budget_note_long(size_t before, size_t now);
/* What a cache that has `held` may hold if all may hold `total` bytes: what the others leave, and an even part at least. */
size_t hak_budget_long_part(size_t total, size_t held);

/* Leases `more` bytes to a cache that has `held`; false if the budget does not allow it. */
bool hak_budget_lease(size_t held, size_t more);
void hak_budget_return(size_t bytes);
/* In a forked child: of all caches one is left, with this lease and so many bytes of long blocks. Others may have been on their
 * way between their own account and this one. */
void hak_budget_after_fork(size_t lease, size_t long_bytes);
/* True if the budget is used up but for `margin` bytes, and a cache that has `held` has more than its share. */
bool hak_budget_wants_back(size_t held, size_t margin);

#endif
