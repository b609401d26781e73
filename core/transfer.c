#include "transfer.h"

enum { OTHERS_MAX = 8 }; /* other shards at which a thread looks whose own has nothing, or no room */

typedef struct shelf {
    _Atomic uint32_t count; /* written under the shard's lock; others read it as a hint */
    uint32_t low;           /* the fewest batches since the last drop: so many were not needed */
    void *batches[HAK_TRANSFER_DEPTH];
    hak_transfer_figures_t figures;
} HAK_ALIGNED(64) shelf_t;

typedef struct shard {
    hak_lock_t lock;
    shelf_t shelves[HAK_CLASS_COUNT];
} HAK_ALIGNED(64) shard_t;

static shard_t shards[HAK_TRANSFER_SHARDS];

static struct {
    hak_lock_t lock; /* held while the number grows, and over a fork, so that the child knows every shard that was locked */
    _Atomic uint32_t count;
} used;

uint32_t hak_transfer_shards(void) { return hak_load_relaxed(&used.count); }

static HAK_COLD void use_up_to(uint32_t shard) {
    hak_lock_for(&used.lock, HAK_LOCK_start);
    if (hak_load_relaxed(&used.count) <= shard) hak_store_relaxed(&used.count, shard + 1);
    hak_unlock(&used.lock);
}

static uint32_t own_shard(void) {
    uint32_t shard = hak_os_processor() % HAK_TRANSFER_SHARDS;
    if (HAK_UNLIKELY(shard >= hak_transfer_shards())) use_up_to(shard);
    hak_preempt(HAK_AT_READ); /* from here on the thread may run on another processor */
    return shard;
}

static shelf_t *enter_shard(uint32_t shard, unsigned c, hak_lock_use_t use) {
    shelf_t *shelf = &shards[shard].shelves[c];
    if (HAK_UNLIKELY(!hak_lock_for(&shards[shard].lock, use))) shelf->figures.lock_waits++;
    return shelf;
}

static void leave_shard(uint32_t shard) { hak_unlock(&shards[shard].lock); }

/* Relaxed: a hint; who acts on it looks again under the lock. */
static bool seems_empty(uint32_t shard, unsigned c) { return hak_load_relaxed(&shards[shard].shelves[c].count) == 0; }

static hak_chain_t take_from(uint32_t shard, unsigned c, hak_lock_use_t use) {
    hak_chain_t chain = {NULL, 0};
    if (seems_empty(shard, c)) return chain;
    hak_preempt(HAK_AT_READ);
    shelf_t *shelf = enter_shard(shard, c, use);
    uint32_t count = hak_load_relaxed(&shelf->count);
    hak_tally_swap(HAK_SWAP_shelf_hint, count != 0);
    if (count != 0) {
        void *head = shelf->batches[--count];
        chain = (hak_chain_t){head, hak_batch_count(head)};
        hak_store_relaxed(&shelf->count, count);
        if (count < shelf->low) shelf->low = count;
        shelf->figures.blocks -= chain.count;
        shelf->figures.hits++;
        shelf->figures.hit_blocks += chain.count;
    }
    leave_shard(shard);
    return chain;
}

hak_chain_t hak_transfer_take(unsigned c) {
    uint32_t own = own_shard(), count = hak_transfer_shards();
    hak_chain_t chain = take_from(own, c, HAK_LOCK_shard_take);
    for (uint32_t i = 1; chain.count == 0 && i < count && i <= OTHERS_MAX; i++)
        chain = take_from((own + i) % count, c, HAK_LOCK_shard_steal);
    return chain;
}

/* The own shard, or one nearby that seems to have room where the own has none: who only frees fills more than one shard, from
 * which those take who only allocate. */
static uint32_t shard_with_room(uint32_t own, unsigned c) {
    uint32_t count = hak_transfer_shards();
    for (uint32_t i = 0; i < count && i <= OTHERS_MAX; i++) {
        uint32_t shard = (own + i) % count;
        if (hak_load_relaxed(&shards[shard].shelves[c].count) < hak_classes[c].batches) return shard;
    }
    return own;
}

bool hak_transfer_put(unsigned c, hak_chain_t chain) {
    uint32_t own = own_shard(), shard = shard_with_room(own, c);
    hak_preempt(HAK_AT_READ);
    shelf_t *shelf = enter_shard(shard, c, shard == own ? HAK_LOCK_shard_put : HAK_LOCK_shard_spill);
    uint32_t count = hak_load_relaxed(&shelf->count);
    bool fits = count < hak_classes[c].batches;
    if (fits) {
        hak_batch_set_count(chain.head, chain.count);
        shelf->batches[count] = chain.head;
        hak_store_relaxed(&shelf->count, count + 1);
        shelf->figures.blocks += chain.count;
        shelf->figures.puts++;
        shelf->figures.put_blocks += chain.count;
    }
    leave_shard(shard);
    return fits;
}

uint32_t hak_transfer_drop(uint32_t shard, unsigned c, bool all, void *idle[HAK_TRANSFER_DEPTH]) {
    if (seems_empty(shard, c)) return 0;
    shelf_t *shelf = enter_shard(shard, c, HAK_LOCK_shard_age);
    uint32_t count = hak_load_relaxed(&shelf->count), dropped = all ? count : shelf->low;
    for (uint32_t i = 0; i < dropped; i++) {
        idle[i] = shelf->batches[i];
        shelf->figures.blocks -= hak_batch_count(idle[i]);
    }
    for (uint32_t i = dropped; i < count; i++) shelf->batches[i - dropped] = shelf->batches[i];
    hak_store_relaxed(&shelf->count, count - dropped);
    shelf->low = count - dropped;
    leave_shard(shard);
    return dropped;
}

void hak_transfer_visit(unsigned c, void (*visit)(void *, void *), void *context) {
    for (uint32_t shard = 0; shard < hak_transfer_shards(); shard++) {
        shelf_t *shelf = enter_shard(shard, c, HAK_LOCK_shard_look);
        for (uint32_t i = 0; i < hak_load_relaxed(&shelf->count); i++) visit(shelf->batches[i], context);
        leave_shard(shard);
    }
}

hak_transfer_figures_t hak_transfer_figures(unsigned c) {
    hak_transfer_figures_t sum = {0};
    for (uint32_t shard = 0; shard < hak_transfer_shards(); shard++) {
        const hak_transfer_figures_t *figures = &enter_shard(shard, c, HAK_LOCK_shard_look)->figures;
        sum.blocks += figures->blocks;
        sum.hits += figures->hits;
        sum.hit_blocks += figures->hit_blocks;
        sum.puts += figures->puts;
        sum.put_blocks += figures->put_blocks;
        sum.lock_waits += figures->lock_waits;
        leave_shard(shard);
    }
    return sum;
}

void hak_transfer_before_fork(void) {
    hak_lock(&used.lock);
    for (uint32_t shard = 0; shard < hak_transfer_shards(); shard++) hak_lock(&shards[shard].lock);
}

void hak_transfer_after_fork(bool child) {
    for (uint32_t shard = hak_transfer_shards(); shard-- != 0;) {
        if (child) hak_lock_reset(&shards[shard].lock);
        else hak_unlock(&shards[shard].lock);
    }
    if (child) hak_lock_reset(&used.lock);
    else hak_unlock(&used.lock);
}
