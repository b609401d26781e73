#include "budget.h"

#include "counters.h"
#include "options.h"
#include "preempt.h"

enum {
    BUDGET_LEAST = 2 << 20,
    BUDGET_THREAD = 256 * 1024,
    BUDGET_PART = 8,
};

static struct {
    _Atomic size_t leased_bytes;
    _Atomic size_t idle_bytes; /* as of the last tick */
    _Atomic uint32_t sharers;
    _Atomic uint32_t holders; /* caches that hold long blocks, */
    _Atomic size_t long_bytes; /* and how much they all hold */
} budget HAK_ALIGNED(64);

void hak_budget_set_sharers(uint32_t threads) { hak_store_relaxed(&budget.sharers, threads); }
void hak_budget_set_idle(size_t bytes) { hak_store_relaxed(&budget.idle_bytes, bytes); }

static size_t budget_bytes(void) {
    size_t used = hak_stock_used_units() << HAK_UNIT_SHIFT;
    size_t live = used - hak_min(hak_load_relaxed(&budget.idle_bytes), used);
    size_t least = hak_max(BUDGET_LEAST, (size_t)hak_load_relaxed(&budget.sharers) * BUDGET_THREAD);
    return hak_min(hak_options.cache_limit, hak_max(live / BUDGET_PART, least));
}

void hak_budget_note_long(size_t before, size_t now) {
    if (before == now) return;
    if (before == 0) hak_add_relaxed(&budget.holders, 1);
    if (now == 0) hak_sub_relaxed(&budget.holders, 1);
    hak_add_relaxed(&budget.long_bytes, now - before);
}

size_t hak_budget_long_part(size_t total, size_t held) {
    size_t others = hak_load_relaxed(&budget.long_bytes) - held;
    return hak_max(total / hak_max(1, hak_load_relaxed(&budget.holders)), total - hak_min(total, others));
}

static size_t share_of(size_t total) { return total / hak_max(1, hak_load_relaxed(&budget.sharers)); }

size_t hak_budget_even_share(void) { return share_of(budget_bytes()); }

bool hak_budget_lease(size_t held, size_t more) {
    size_t total = budget_bytes(), sharers = hak_max(1, hak_load_relaxed(&budget.sharers));
    if ((held + more) * sharers <= total) total += total / 2; /* no more than an even share: without a division */
    if (hak_load_relaxed(&budget.leased_bytes) + more > total) return false;
    hak_preempt(HAK_AT_READ);
    bool fits = hak_add_relaxed(&budget.leased_bytes, more) + more <= total;
    hak_tally_swap(HAK_SWAP_lease, fits);
    if (!fits) hak_sub_relaxed(&budget.leased_bytes, more);
    return fits;
}

void hak_budget_return(size_t bytes) { hak_sub_relaxed(&budget.leased_bytes, bytes); }

void hak_budget_after_fork(size_t lease, size_t long_bytes) {
    hak_store_relaxed(&budget.leased_bytes, lease);
    hak_store_relaxed(&budget.long_bytes, long_bytes);
    hak_store_relaxed(&budget.holders, long_bytes != 0);
}

bool hak_budget_wants_back(size_t held, size_t margin) {
    size_t total = budget_bytes();
    return hak_load_relaxed(&budget.leased_bytes) + margin > total && held > share_of(total);
}
