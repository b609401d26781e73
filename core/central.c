#include "central.h"

#include "diag.h"

enum {
    LOOK_MAX = 8,     /* slabs that one refill inspects */
    PILES = 16,       /* slabs whose blocks are gathered before they are pushed; a power of two */
    GROWN_SLABS = 8,  /* a class with so many slabs soon uses what is carved for it */
};

#define HAK_CLASS_FIGURE(id, text) _Atomic uint64_t id;
typedef struct central {
    hak_lock_t lock;
    uint32_t current;     /* slab being carved, or 0 */
    uint32_t first;       /* list of slabs with free blocks */
    struct {
        HAK_CLASS_COUNTERS(HAK_CLASS_FIGURE)
        _Atomic uint64_t lock_waits;
    } figures; /* written under the lock */
} HAK_ALIGNED(64) central_t;
#undef HAK_CLASS_FIGURE

static HAK_BIG_TABLE central_t centrals[HAK_CLASS_COUNT];

static central_t *enter(unsigned c, hak_lock_use_t use) {
    central_t *central = &centrals[c];
    if (!hak_lock_for(&central->lock, use)) hak_figure_add(&central->figures.lock_waits, 1);
    return central;
}

static void list_add(central_t *central, size_t unit) {
    hak_unit_t *slab = hak_unit(unit);
    slab->listed = true;
    slab->previous = 0;
    slab->next = central->first;
    if (slab->next != 0) hak_unit(slab->next)->previous = (uint32_t)unit;
    central->first = (uint32_t)unit;
}

static void list_remove(central_t *central, size_t unit) {
    hak_unit_t *slab = hak_unit(unit);
    slab->listed = false;
    if (slab->previous != 0) hak_unit(slab->previous)->next = slab->next;
    else central->first = slab->next;
    if (slab->next != 0) hak_unit(slab->next)->previous = slab->previous;
}

/* The rule (slab.h): what a pusher knew is void; only what is read here, under the class lock, counts. */
static void look_again(central_t *central, unsigned c, size_t unit, uint64_t stamp_ms) {
    hak_unit_t *slab = hak_unit(unit);
    if (hak_load_relaxed(&slab->class) != c || unit == central->current) return;
    uint32_t free_blocks = hak_slab_free_count(slab);
    if (free_blocks == 0) return;
    if (free_blocks == hak_slab_carved(slab)) {
        /* All blocks are in the list, so nobody is left who could push. */
        if (slab->listed) list_remove(central, unit);
        hak_chain_t all = hak_slab_take(unit);
        HAK_ASSERT(all.count == free_blocks);
        (void)all;
        hak_figure_add(&central->figures.slabs_retired, 1);
        hak_slab_retire(unit, stamp_ms);
    } else if (!slab->listed) {
        list_add(central, unit);
    }
}

static void drop_current(central_t *central, unsigned c, uint64_t stamp_ms) {
    size_t unit = central->current;
    central->current = 0;
    if (unit != 0) look_again(central, c, unit, stamp_ms);
}

static _Noreturn void fatal_list(const void *block) { hak_fatal(HAK_ERROR_corrupt_list, block, "list of free blocks"); }

/* The slab of a block that a list of class `c` names. */
static size_t checked_slab(unsigned c, const void *block) {
    if (!hak_arena_holds(block)) fatal_list(block);
    size_t unit = hak_unit_of(block);
    if (hak_page_map_class(unit) != c) fatal_list(block);
    size_t slab = hak_slab_head(unit);
    if (!hak_slab_is_block(slab, block)) hak_fatal(HAK_ERROR_interior_pointer, block, "free");
    return slab;
}

void *hak_central_walk(unsigned c, void *head, uint32_t count) {
    void *block = head;
    for (uint32_t i = 1; i < count; i++) {
        block = hak_next(block);
        if (HAK_UNLIKELY(!hak_arena_holds(block) || hak_page_map_class(hak_unit_of(block)) != c)) fatal_list(block);
    }
    return block;
}

/* Takes what is needed from a slab's list and puts the rest back. */
static void gather(unsigned c, size_t unit, uint32_t most, hak_chain_t *out) {
    hak_chain_t chain = hak_slab_take(unit);
    if (chain.count == 0) return;
    uint32_t count = (uint32_t)hak_min(chain.count, most - out->count);
    void *tail = hak_central_walk(c, chain.head, count);
    void *rest = hak_next(tail);
    hak_set_next(tail, out->head);
    *out = (hak_chain_t){chain.head, out->count + count};
    uint32_t left = chain.count - count;
    /* Looking again is not needed: the caller holds the lock and lists the slab if it has free blocks. */
    if (left != 0) hak_slab_push(unit, (hak_chain_t){rest, left}, hak_central_walk(c, rest, left));
}

/* Of the first few slabs with free blocks, the one with the fewest: the others may become wholly free. */
static size_t fullest(const central_t *central) {
    size_t best = 0;
    uint32_t best_free = UINT32_MAX;
    int looked = 0;
    for (size_t unit = central->first; unit != 0 && looked < LOOK_MAX; unit = hak_unit(unit)->next, looked++) {
        uint32_t free_blocks = hak_slab_free_count(hak_unit(unit));
        if (free_blocks < best_free) {
            best = unit;
            best_free = free_blocks;
        }
    }
    return best;
}

static hak_chain_t carve(central_t *central, unsigned c, uint32_t most, hak_source_t *source) {
    hak_chain_t chain = {NULL, 0};
    uint64_t slabs = hak_load_relaxed(&central->figures.slabs_made) - hak_load_relaxed(&central->figures.slabs_retired);
    uint32_t bytes = slabs >= GROWN_SLABS ? HAK_CARVE_BYTES_MAX : HAK_CARVE_BYTES;
    if (central->current != 0) chain = hak_slab_carve(central->current, most, bytes);
    if (chain.count != 0) return chain;
    drop_current(central, c, 0);
    central->current = (uint32_t)hak_slab_make(c);
    if (central->current == 0) return chain;
    hak_figure_add(&central->figures.slabs_made, 1);
    *source = HAK_FROM_SPAN;
    return hak_slab_carve(central->current, most, bytes);
}

/* What the slabs have; from a new one only if nothing else is there. */
static hak_chain_t get_from_slabs(unsigned c, uint32_t most, hak_source_t *source) {
    central_t *central = enter(c, HAK_LOCK_class_refill);
    hak_chain_t out = {NULL, 0};
    *source = HAK_FROM_SLAB;
    if (central->current != 0) gather(c, central->current, most, &out);
    for (int i = 0; i < LOOK_MAX && out.count < most && central->first != 0; i++) {
        size_t unit = fullest(central);
        gather(c, unit, most, &out);
        if (hak_slab_free_count(hak_unit(unit)) == 0) list_remove(central, unit);
    }
    if (out.count == 0) out = carve(central, c, most, source);
    hak_figure_add(&central->figures.refills, 1);
    hak_figure_add(&central->figures.refilled_blocks, out.count);
    hak_unlock(&central->lock);
    return out;
}

hak_chain_t hak_central_get(unsigned c, uint32_t most, hak_source_t *source) {
    hak_chain_t batch = hak_transfer_take(c);
    *source = HAK_FROM_TRANSFER;
    return batch.count != 0 ? batch : get_from_slabs(c, most, source);
}

/* Blocks of one slab on their way to it. */
typedef struct pile {
    size_t slab;
    hak_chain_t chain;
    void *tail;
} pile_t;

static void push_pile(unsigned c, pile_t *pile, uint64_t stamp_ms) {
    if (pile->chain.count == 0) return;
    if (hak_slab_push(pile->slab, pile->chain, pile->tail) == HAK_PUSHED_LOOK) {
        central_t *central = enter(c, HAK_LOCK_class_push);
        look_again(central, c, pile->slab, stamp_ms);
        hak_unlock(&central->lock);
    }
}

void hak_central_push(unsigned c, hak_chain_t chain, uint64_t stamp_ms) {
    pile_t piles[PILES] = {{0, {NULL, 0}, NULL}};
    void *block = chain.head;
    /* The slab of the block before, and what was carved of it. If this block lies there too, the slab was never retired: a block
     * that is still to come pins it. Its pile is where it was. */
    size_t slab = 0, bytes = 0;
    pile_t *pile = piles;
    for (uint32_t i = 0; i < chain.count; i++) {
        size_t offset = (uintptr_t)block - (uintptr_t)hak_unit_address(slab);
        if (offset >= bytes || !hak_class_is_start(c, offset)) {
            slab = checked_slab(c, block);
            bytes = (size_t)hak_slab_carved(hak_unit(slab)) * hak_classes[c].size;
            pile = &piles[slab % PILES];
            if (pile->slab != slab) {
                push_pile(c, pile, stamp_ms);
                *pile = (pile_t){slab, {NULL, 0}, block};
            }
        }
        void *next = hak_next(block);
        hak_set_next(block, pile->chain.head);
        pile->chain.head = block;
        pile->chain.count++;
        block = next;
    }
    for (int i = 0; i < PILES; i++) push_pile(c, &piles[i], stamp_ms);
}

void hak_central_settle(unsigned c, hak_chain_t chain, uint64_t stamp_ms) {
    if (chain.count == 0) return;
    central_t *central = enter(c, HAK_LOCK_class_idle);
    hak_figure_add(&central->figures.flushes, 1);
    hak_figure_add(&central->figures.flushed_blocks, chain.count);
    hak_unlock(&central->lock);
    hak_central_push(c, chain, stamp_ms);
}

bool hak_central_put(unsigned c, hak_chain_t chain) {
    if (chain.count == 0 || hak_transfer_put(c, chain)) return true;
    hak_central_push(c, chain, hak_os_now_ms());
    return false;
}

/* Retires the current slab if all that was carved of it is free. */
static void release_idle_current(unsigned c, uint64_t stamp_ms) {
    central_t *central = enter(c, HAK_LOCK_class_age);
    if (central->current != 0) {
        const hak_unit_t *slab = hak_unit(central->current);
        if (hak_slab_free_count(slab) == hak_slab_carved(slab)) drop_current(central, c, stamp_ms);
    }
    hak_unlock(&central->lock);
}

void hak_central_age(unsigned c, bool all, uint64_t stamp_ms) {
    for (uint32_t shard = 0; shard < hak_shard_count(); shard++) {
        void *idle[HAK_TRANSFER_DEPTH];
        uint32_t count = hak_transfer_drop(shard, c, all, idle);
        for (uint32_t i = 0; i < count; i++) hak_central_push(c, (hak_chain_t){idle[i], hak_batch_count(idle[i])}, stamp_ms);
    }
    release_idle_current(c, stamp_ms);
}

hak_class_figures_t hak_central_figures(unsigned c) {
    const hak_transfer_figures_t transfer = hak_transfer_figures(c);
    const central_t *central = &centrals[c];
#define HAK_READ(id, text) .id = hak_load_relaxed(&central->figures.id),
    hak_class_figures_t figures = {HAK_CLASS_COUNTERS(HAK_READ).lock_waits = hak_load_relaxed(&central->figures.lock_waits)};
#undef HAK_READ
    figures.refills += transfer.hits;
    figures.refilled_blocks += transfer.hit_blocks;
    figures.flushes += transfer.puts + transfer.full;
    figures.flushed_blocks += transfer.put_blocks + transfer.full_blocks;
    figures.transfer_hits = transfer.hits;
    figures.transfer_puts = transfer.puts;
    figures.transfer_full = transfer.full;
    figures.transfer_blocks = transfer.blocks;
    figures.lock_waits += transfer.lock_waits;
    return figures;
}

uint64_t hak_central_idle(unsigned c) {
    hak_class_figures_t figures = hak_central_figures(c);
    uint64_t blocks = (figures.slabs_made - figures.slabs_retired) * hak_classes[c].capacity;
    uint64_t out = figures.refilled_blocks - hak_min(figures.flushed_blocks, figures.refilled_blocks);
    return blocks - hak_min(out, blocks);
}

static bool chain_has(void *head, uint32_t count, const void *block) {
    for (; count != 0 && head != NULL; count--, head = hak_next(head)) {
        if (head == block) return true;
    }
    return false;
}

typedef struct batch_search {
    const void *block;
    bool found;
} batch_search_t;

static void search_batch(void *batch, void *context) {
    batch_search_t *search = context;
    search->found = search->found || chain_has(batch, hak_batch_count(batch), search->block);
}

bool hak_central_has(unsigned c, size_t unit, const void *block) {
    batch_search_t search = {block, false};
    hak_transfer_visit(c, search_batch, &search);
    if (search.found) return true;
    central_t *central = enter(c, HAK_LOCK_class_look);
    /* A dead block pins nothing: whether the slab is still one of this class is known under the lock alone. */
    bool is_slab = hak_load_relaxed(&hak_unit(unit)->class) == c;
    bool found = !is_slab || !hak_slab_is_block(unit, block);
    if (!found) {
        hak_chain_t list = hak_slab_take(unit);
        found = chain_has(list.head, list.count, block);
        if (list.count != 0) hak_slab_push(unit, list, hak_central_walk(c, list.head, list.count));
    }
    hak_unlock(&central->lock);
    return found;
}

void hak_central_before_fork(void) {
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) hak_lock(&centrals[c].lock);
    hak_transfer_before_fork();
}

void hak_central_after_fork(bool child) {
    hak_transfer_after_fork(child);
    for (unsigned c = HAK_CLASS_COUNT - 1; c >= 1; c--) {
        if (child) hak_lock_reset(&centrals[c].lock);
        else hak_unlock(&centrals[c].lock);
    }
}
