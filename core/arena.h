/* arena.h -- the address range that holds every superslab, its units, and the tables that describe them.
 * May use: base, bits, atomic, diag, os, size_class.
 *
 *   [ live bits (debug), states (secure) | unit descriptors | dirty bits | page map ][ units 0, 1, 2 ... committed | reserved | claimed ]
 *                                     HAK_PAGE_MAP_SPAN below base ^ base
 *
 * The range is claimed by position only: a place far from where the system puts mappings is chosen, and reserved step by
 * step as the heap grows, so that a small process stays small for mlockall, RLIMIT_AS and fork. Where that place cannot be
 * had (sanitizers, small address spaces), one reservation is made at once. Foreign mappings in the way are stepped over.
 *
 * Invariants: page map, descriptors and dirty bits are mapped for every unit below hak_arena.size, and zero before first use;
 * unit 0 is never given out. Growing and shrinking are done under the span lock. */
#ifndef HAK_ARENA_H
#define HAK_ARENA_H

#include "atomic.h"
#include "os.h"
#include "size_class.h"

#define HAK_ARENA_MAX ((size_t)1 << 42)
#define HAK_PAGE_MAP_SPAN (HAK_ARENA_MAX / HAK_UNIT_SIZE * sizeof(hak_page_map_entry_t))

/* Byte offset of a size class's bin in a thread cache: 16 * class. 0: not the start of a slab's or large block's unit. */
typedef _Atomic uint16_t hak_page_map_entry_t;

typedef enum {
    HAK_UNIT_NONE,      /* never used, or inside a span */
    HAK_UNIT_FREE,      /* head of a free span in the pool */
    HAK_UNIT_FREE_LAST, /* its last unit, if it is not the head */
    HAK_UNIT_STOCKED,   /* head of a free span in a stock; the units behind it are as those of a span in use */
    HAK_UNIT_PURGING,   /* head of a free span that is in no pool because its pages are being given back */
    HAK_UNIT_SLAB,
    HAK_UNIT_LARGE,
} hak_unit_kind_t;

/* Descriptor of one unit. `head` and `kind` hold for every unit of a slab; the rest for a span's first unit alone. */
typedef struct hak_unit {
    _Atomic uint32_t head; /* first unit of the span */
    _Atomic uint8_t kind;
    _Atomic uint8_t class; /* of a slab's head; changes under that class's lock only */
    union {
        uint8_t listed;  /* slab: on its class's list; guarded by the class lock */
        uint8_t guarded; /* large, secure flavour: its last unit is inaccessible */
    };
    uint8_t age_listed;    /* free span: on the list of dirty spans; guarded by the span lock */
    uint32_t units;        /* length of the span */
    uint32_t previous, next; /* neighbours in the list of slabs with room, or of free spans of like size; 0 ends it */
    union {
        struct {
            _Atomic uint32_t word;    /* head and count of the list of free blocks; see slab.h */
            _Atomic uint32_t carved;  /* blocks ever handed out */
        } slab;
        struct {
            uint32_t older, newer; /* neighbours in the list of dirty free spans */
            uint32_t dirty;        /* how many of its units are dirty */
            uint64_t stamp_ms;     /* when it became free */
        } free;
    };
} HAK_ALIGNED(64) hak_unit_t;
_Static_assert(sizeof(hak_unit_t) == HAK_CACHE_LINE, "one cache line a unit");

typedef struct hak_arena {
    _Atomic uintptr_t base;
    _Atomic size_t size; /* bytes from base that are committed; 0 before initialisation */
    hak_unit_t *units;
    _Atomic uint64_t *dirty; /* a bit a unit: its pages may be resident and not zero */
    /* For each 16 bytes: debug, a bit (guard.h); secure, a byte (state.h). */
    union {
        _Atomic uint64_t *live;
        uint8_t *states;
    };
    size_t committed_units; /* units below are committed, or foreign and stepped over; the tables cover them */
    size_t frontier_units;  /* where the next commit begins: the same, or behind a foreign mapping */
    size_t reserved_units;  /* from the frontier on, units up to here are reserved */
    size_t max_units;
    size_t table_units; /* units that the tables cover */
    size_t accessible_units; /* units below need no commit */
    hak_huge_t huge_policy;
    bool whole;         /* reserved at once */
} HAK_ALIGNED(64) hak_arena_t;

extern hak_arena_t hak_arena;

/* Chooses and opens the range. False: the system gives no address space at all. */
bool hak_arena_open(size_t max_bytes, hak_huge_t policy);
/* Commits `units` more units in one run and stores their number in *got (at least `units`); their first unit, or 0. */
size_t hak_arena_grow(size_t units, size_t *got);
/* Gives the address space from `unit` on, all of it free, back to the system, where it was reserved step by step; the first
 * unit given back (`unit` rounded up to a superslab), or the end of what is committed. */
size_t hak_arena_shrink(size_t unit);

/* Makes whole pages from the start of a unit on new ones of the arena, empty and without access, whatever was mapped there. */
bool hak_arena_renew(void *at, size_t size);

static inline uintptr_t hak_arena_base(void) { return hak_load_relaxed(&hak_arena.base); }
static inline bool hak_arena_holds(const void *p) {
    return (uintptr_t)p - hak_arena_base() < hak_load_relaxed(&hak_arena.size);
}
static inline size_t hak_unit_of(const void *p) { return ((uintptr_t)p - hak_arena_base()) >> HAK_UNIT_SHIFT; }
static inline void *hak_unit_address(size_t unit) { return (void *)(hak_arena_base() + (unit << HAK_UNIT_SHIFT)); }
static inline hak_unit_t *hak_unit(size_t unit) { return &hak_arena.units[unit]; }

/* The page map lies at a fixed distance from the base, so that no pointer to it is loaded. */
static inline hak_page_map_entry_t *hak_page_map(size_t unit) {
    return (hak_page_map_entry_t *)(hak_arena_base() - HAK_PAGE_MAP_SPAN) + unit;
}
/* Relaxed: a thread that holds a block got it from one that had written the entry before. */
static inline unsigned hak_page_map_class(size_t unit) {
    return hak_load_relaxed(hak_page_map(unit)) / HAK_BLOCK_ALIGN;
}
static inline void hak_page_map_set(size_t unit, size_t count, unsigned class) {
    for (size_t i = 0; i < count; i++) hak_store_relaxed(hak_page_map(unit + i), (uint16_t)(class * HAK_BLOCK_ALIGN));
}

/* Dirty bits of a run of units, by whoever holds the run: under the span lock, under that of the stock which has it, or as a
 * block. Runs of different holders share words, so a change is one atomic operation; it needs no order, since a run changes
 * hands by locks. */
size_t hak_dirty_count(size_t unit, size_t count);
/* The same for a part of a span that has `dirty` of `all` units: most have none or nothing else. */
static inline size_t hak_dirty_part(size_t all, size_t dirty, size_t unit, size_t units) {
    return dirty == 0 ? 0 : dirty == all ? units : hak_dirty_count(unit, units);
}
void hak_dirty_set(size_t unit, size_t count);
void hak_dirty_clear(size_t unit, size_t count);
/* Length of the run of units with the same bit, from `unit` on, within `count` units; *dirty tells which. */
size_t hak_dirty_run(size_t unit, size_t count, bool *dirty);

#endif
