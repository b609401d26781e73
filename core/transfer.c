#include "transfer.h"

enum {
    OTHERS_MAX = 8,        /* other shards at which a thread looks whose own has nothing, or no room */
    SHARD_LEAST = 2 << 20, /* bytes that a shard may hold in any case */
};

typedef struct shelf {
    uint16_t low; /* the fewest batches since the last drop: so many were not needed */
    _Atomic uint32_t lock_waits;
    void *batches[HAK_TRANSFER_DEPTH];
    _Atomic uint64_t blocks, hits, hit_blocks, puts, put_blocks, full, full_blocks; /* hak_transfer_figures_t */
} HAK_ALIGNED(64) shelf_t;
_Static_assert(sizeof(shelf_t) == 3 * HAK_CACHE_LINE, "three lines, with a depth of sixteen");

typedef struct shard {
    hak_lock_t lock;
    _Atomic size_t bytes; /* of its batches; written under the lock, others read it as a hint */
    /* Batches on each shelf, likewise. They lie together: most looks find none, and need no line of the shelf for it. */
    _Atomic uint16_t counts[HAK_CLASS_COUNT] HAK_ALIGNED(64);
    shelf_t shelves[HAK_CLASS_COUNT];
} HAK_ALIGNED(64) shard_t;

static HAK_BIG_TABLE shard_t shards[HAK_SHARDS];

static _Atomic size_t shard_bytes = SHARD_LEAST;

void hak_transfer_set_limit(size_t bytes) {
    hak_store_relaxed(&shard_bytes, hak_max(SHARD_LEAST, bytes / hak_max(1, hak_shard_count())));
}

static void add_bytes(uint32_t shard, unsigned c, uint64_t blocks) {
    hak_store_relaxed(&shards[shard].bytes, hak_load_relaxed(&shards[shard].bytes) + blocks * hak_classes[c].size);
}

static void subtract_bytes(uint32_t shard, unsigned c, uint64_t blocks) {
    hak_store_relaxed(&shards[shard].bytes, hak_load_relaxed(&shards[shard].bytes) - blocks * hak_classes[c].size);
}

static uint32_t batches_in(uint32_t shard, unsigned c) { return hak_load_relaxed(&shards[shard].counts[c]); }

static void set_batches(uint32_t shard, unsigned c, uint32_t count) {
    hak_store_relaxed(&shards[shard].counts[c], (uint16_t)count);
}

static bool has_room(uint32_t shard, unsigned c, uint32_t blocks) {
    size_t bytes = hak_load_relaxed(&shards[shard].bytes) + blocks * (size_t)hak_classes[c].size;
    return batches_in(shard, c) < hak_classes[c].batches && bytes <= hak_load_relaxed(&shard_bytes);
}

static shelf_t *enter_shard(uint32_t shard, unsigned c, hak_lock_use_t use) {
    shelf_t *shelf = &shards[shard].shelves[c];
    if (HAK_UNLIKELY(!hak_lock_for(&shards[shard].lock, use))) {
        hak_store_relaxed(&shelf->lock_waits, hak_load_relaxed(&shelf->lock_waits) + 1);
    }
    return shelf;
}

static void leave_shard(uint32_t shard) { hak_unlock(&shards[shard].lock); }

/* Relaxed: a hint; who acts on it looks again under the lock. */
static bool seems_empty(uint32_t shard, unsigned c) { return batches_in(shard, c) == 0; }

static hak_chain_t take_from(uint32_t shard, unsigned c, hak_lock_use_t use) {
    hak_chain_t chain = {NULL, 0};
    if (seems_empty(shard, c)) return chain;
    hak_preempt(HAK_AT_READ);
    shelf_t *shelf = enter_shard(shard, c, use);
    uint32_t count = batches_in(shard, c);
    hak_tally_swap(HAK_SWAP_shelf_hint, count != 0);
    if (count != 0) {
        void *head = shelf->batches[--count];
        chain = (hak_chain_t){head, hak_batch_take_count(head)};
        set_batches(shard, c, count);
        if (count < shelf->low) shelf->low = (uint16_t)count;
        subtract_bytes(shard, c, chain.count);
        hak_figure_add(&shelf->blocks, 0 - (uint64_t)chain.count);
        hak_figure_add(&shelf->hits, 1);
        hak_figure_add(&shelf->hit_blocks, chain.count);
    }
    leave_shard(shard);
    return chain;
}

/* The i-th shard behind one, i less than their count: a division would be a tenth of a trip. */
static uint32_t neighbour(uint32_t shard, uint32_t i, uint32_t count) {
    return shard + i < count ? shard + i : shard + i - count;
}

hak_chain_t hak_transfer_take(unsigned c) {
    uint32_t own = hak_shard_own(), count = hak_shard_count();
    hak_chain_t chain = take_from(own, c, HAK_LOCK_shard_take);
    for (uint32_t i = 1; chain.count == 0 && i < count && i <= OTHERS_MAX; i++)
        chain = take_from(neighbour(own, i, count), c, HAK_LOCK_shard_steal);
    return chain;
}

/* The own shard, or one nearby that seems to have room where the own has none: who only frees fills more than one shard, from
 * which those take who only allocate. */
static uint32_t shard_with_room(uint32_t own, unsigned c, uint32_t blocks) {
    uint32_t count = hak_shard_count();
    for (uint32_t i = 0; i < count && i <= OTHERS_MAX; i++) {
        uint32_t shard = neighbour(own, i, count);
        if (has_room(shard, c, blocks)) return shard;
    }
    return own;
}

bool hak_transfer_put(unsigned c, hak_chain_t chain) {
    uint32_t own = hak_shard_own(), shard = shard_with_room(own, c, chain.count);
    hak_preempt(HAK_AT_READ);
    shelf_t *shelf = enter_shard(shard, c, shard == own ? HAK_LOCK_shard_put : HAK_LOCK_shard_spill);
    uint32_t count = batches_in(shard, c);
    bool fits = has_room(shard, c, chain.count);
    if (fits) {
        hak_batch_set_count(chain.head, chain.count);
        shelf->batches[count] = chain.head;
        set_batches(shard, c, count + 1);
        add_bytes(shard, c, chain.count);
        hak_figure_add(&shelf->blocks, chain.count);
        hak_figure_add(&shelf->puts, 1);
        hak_figure_add(&shelf->put_blocks, chain.count);
    } else {
        hak_figure_add(&shelf->full, 1);
        hak_figure_add(&shelf->full_blocks, chain.count);
    }
    leave_shard(shard);
    return fits;
}

uint32_t hak_transfer_drop(uint32_t shard, unsigned c, bool all, void *idle[HAK_TRANSFER_DEPTH]) {
    if (seems_empty(shard, c)) return 0;
    shelf_t *shelf = enter_shard(shard, c, HAK_LOCK_shard_age);
    uint32_t count = batches_in(shard, c), dropped = all ? count : shelf->low;
    for (uint32_t i = 0; i < dropped; i++) {
        idle[i] = shelf->batches[i];
        subtract_bytes(shard, c, hak_batch_count(idle[i]));
        hak_figure_add(&shelf->blocks, 0 - (uint64_t)hak_batch_count(idle[i]));
    }
    for (uint32_t i = dropped; i < count; i++) shelf->batches[i - dropped] = shelf->batches[i];
    set_batches(shard, c, count - dropped);
    shelf->low = (uint16_t)(count - dropped);
    leave_shard(shard);
    return dropped;
}

void hak_transfer_visit(unsigned c, void (*visit)(void *, void *), void *context) {
    for (uint32_t shard = 0; shard < hak_shard_count(); shard++) {
        shelf_t *shelf = enter_shard(shard, c, HAK_LOCK_shard_look);
        for (uint32_t i = 0; i < batches_in(shard, c); i++) visit(shelf->batches[i], context);
        leave_shard(shard);
    }
}

hak_transfer_figures_t hak_transfer_figures(unsigned c) {
    hak_transfer_figures_t sum = {0};
    for (uint32_t shard = 0; shard < hak_shard_count(); shard++) {
        const shelf_t *shelf = &shards[shard].shelves[c];
        sum.blocks += hak_load_relaxed(&shelf->blocks);
        sum.hits += hak_load_relaxed(&shelf->hits);
        sum.hit_blocks += hak_load_relaxed(&shelf->hit_blocks);
        sum.puts += hak_load_relaxed(&shelf->puts);
        sum.put_blocks += hak_load_relaxed(&shelf->put_blocks);
        sum.full += hak_load_relaxed(&shelf->full);
        sum.full_blocks += hak_load_relaxed(&shelf->full_blocks);
        sum.lock_waits += hak_load_relaxed(&shelf->lock_waits);
    }
    return sum;
}

void hak_transfer_before_fork(void) {
    hak_shard_hold();
    for (uint32_t shard = 0; shard < hak_shard_count(); shard++) hak_lock(&shards[shard].lock);
}

void hak_transfer_after_fork(bool child) {
    for (uint32_t shard = hak_shard_count(); shard-- != 0;) {
        if (child) hak_lock_reset(&shards[shard].lock);
        else hak_unlock(&shards[shard].lock);
    }
    hak_shard_let_go(child);
}
