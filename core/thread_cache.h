/* thread_cache.h -- a thread's own lists of free blocks: one bin a size class, and one spare batch behind each.
 * May use: base, bits, atomic, counters, diag, os, lock, options, size_class, arena, span, stock, slab, look, central, budget.
 *
 * Bins belong to one thread. Spares are exchanged atomically, so that any thread may take an idle thread's spare.
 * A bin that reaches its limit moves whole to the spare, in O(1); only a second crossing goes to the central store. Where the
 * budget has no room for a spare, half of the bin goes there instead.
 * Limits start at nothing, double with each trip to the central store while the byte budget of all caches allows, and halve
 * when a bin is idle.
 *
 * Bins of long blocks share what they may hold, and no lease: long.h.
 *
 * Two bins always lack blocks for malloc and room for free: bin 0 (size 0, wrapped sizes; units that hold no block) and
 * HAK_CLASS_LARGE. hak_cache_empty is a cache of such bins alone, with which every thread starts. A push counts the room
 * down before it looks; where there was none, the slow path puts it back (hak_cache_put_room_back).
 * Invariant of a bin: blocks in the list == limit - room. Trips look whether the front of a list is whole (look.h): all of a
 * cache's first ones, later some. */
#ifndef HAK_THREAD_CACHE_H
#define HAK_THREAD_CACHE_H

#include "central.h"

typedef struct hak_bin {
    void *head;
    int32_t room;    /* blocks that still fit; negative after a batch that was larger than the limit */
    uint16_t limit;
    uint16_t events; /* trips to spare or central store since the last tick */
} hak_bin_t;
_Static_assert(sizeof(hak_bin_t) == HAK_BLOCK_ALIGN, "a tiny block's size is its bin's offset");

#define HAK_CALL_COUNTER_ID(id, text) HAK_CALL_##id,
typedef enum { HAK_CALL_COUNTERS(HAK_CALL_COUNTER_ID) HAK_CALL_COUNT } hak_call_t;
#undef HAK_CALL_COUNTER_ID
enum { HAK_CALL_CLASSES = HAK_COUNT ? HAK_CLASS_COUNT + 1 : 1 };
typedef uint64_t hak_call_figures_t[HAK_CALL_CLASSES][HAK_CALL_COUNT];

typedef struct hak_cache {
    hak_bin_t bins[HAK_CLASS_COUNT + 1];
    _Atomic(void *) spares[HAK_CLASS_COUNT + 1];
    /* Blocks in each spare, while it is there. Kept apart from the batch, which may be in use elsewhere when one looks. */
    _Atomic uint16_t spare_counts[HAK_CLASS_COUNT + 1];
    size_t capacity_bytes; /* what the bins may hold by their limits */
    _Atomic size_t long_bytes; /* what bins of long blocks held when they were last counted: long.h; others read it at ticks */
    bool long_more;        /* until the next tick they may hold more: long.h */
    uint32_t long_asked[2]; /* long classes of which a block was missed: since the last tick, and before; a bit for each */
    size_t spare_bytes;    /* what the spares hold, or less if others took some since the last tick */
    size_t lease_bytes;    /* its part of the budget */
    _Atomic uint32_t events; /* trips to the central store, for others to see whether the thread is idle */
    uint32_t events_seen;
    uint32_t ticks_seen; /* the last tick after which the owner looked at its bins; 0 for none */
    int64_t flow_bytes; /* what went to slabs, less what came from slabs; see upkeep.c */
    int64_t published_flow_bytes; /* of it, what flow.c has */
    /* Of upkeep.c, for a trapped thread's calls and for trips to the transfer cache: how many to skip between two looks at the
     * clock, those that are still to be skipped, and when the last look was. */
    struct hak_pace {
        uint32_t between, left;
        uint64_t look_ms;
    } call_pace, trip_pace;
    /* Trips since the trap was set; the most dirty units and the most flow since the tick at debt_tick_ms, and when
     * one of them last grew; the flow that has been settled. */
    uint32_t trap_trips;
    size_t debt_units;
    int64_t debt_flow_bytes, settled_flow_bytes;
    uint64_t debt_tick_ms, growth_ms;
    struct hak_cache *next, *previous; /* registry; see thread.h */
    void *slot;                        /* the owner's pointer to its cache; see thread.h */
    hak_call_figures_t calls;
} HAK_ALIGNED(64) hak_cache_t;

extern hak_cache_t hak_cache_empty;

static inline hak_bin_t *hak_bin_at(hak_cache_t *cache, size_t offset) { return (hak_bin_t *)((char *)cache + offset); }

static inline uint32_t hak_bin_blocks(const hak_bin_t *bin) { return (uint32_t)(bin->limit - bin->room); }

static inline void hak_cache_put_room_back(hak_bin_t *bin) {
    /* Threads share the empty cache, where counts get lost: its room is never put above nothing. */
    if ((uintptr_t)bin - (uintptr_t)&hak_cache_empty < sizeof hak_cache_empty) hak_clear_hot(&bin->room);
    else bin->room++;
}

static inline void hak_call(hak_cache_t *cache, unsigned c, hak_call_t counter) {
    if (HAK_COUNT) cache->calls[c][counter]++;
}

/* How far past its bin a call went. */
typedef enum { HAK_TRIP_SPARE, HAK_TRIP_TRANSFER, HAK_TRIP_SLABS } hak_trip_t;

/* A block of class `c`, whose bin is empty; NULL if there is no memory. Of a long class: long.h. */
void *hak_cache_refill(hak_cache_t *cache, unsigned c, hak_trip_t *trip);
/* Takes a block of class `c`, whose bin has no room; of a long class: long.h. */
hak_trip_t hak_cache_overflow(hak_cache_t *cache, unsigned c, void *block);

/* Notes that a bin is in use. */
void hak_cache_note(hak_cache_t *cache, hak_bin_t *bin);
/* Look for damage (look.h): now and then at a bin that has no room, and at the end of a list whose bin must be empty. */
void hak_cache_look_at_full(hak_cache_t *cache, unsigned c);
void hak_cache_look_at_empty(const hak_bin_t *bin);
/* Takes some blocks out of the central store for a bin, `want` at most as a rule; none if there is no memory. */
hak_chain_t hak_cache_from_central(hak_cache_t *cache, unsigned c, uint32_t want, hak_trip_t *trip);
/* Gives the half of a bin that was freed longer ago to the central store, of a single block that. */
hak_trip_t hak_cache_give_half(hak_cache_t *cache, unsigned c);

/* Gives everything to the central store, and the lease back. */
void hak_cache_flush(hak_cache_t *cache);
/* Bins of long blocks were counted and hold so many bytes. */
void hak_cache_set_long(hak_cache_t *cache, size_t bytes);
/* Empties bins that had no trip since the last tick, long ones by half, and halves their limits; gives back lease beyond its
 * share. */
void hak_cache_tick(hak_cache_t *cache, uint64_t stamp_ms);
/* Takes all spares of any thread's cache and gives their blocks to their slabs. */
void hak_cache_steal_spares(hak_cache_t *cache, uint64_t stamp_ms);
/* Fills the bins of the tiny classes. */
void hak_cache_prewarm(hak_cache_t *cache);
/* Forgets what a thread that no longer exists (after fork) had in its bins. */
void hak_cache_abandon(hak_cache_t *cache);

/* Blocks of class `c` in a cache: exact for the caller's own, a glance at another's. */
uint32_t hak_cache_blocks(hak_cache_t *cache, unsigned c);
/* Called with the spans held (span.h). */
bool hak_cache_has(hak_cache_t *cache, unsigned c, const void *block);

#endif
