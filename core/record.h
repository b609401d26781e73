/* record.h -- what full checks know of each block: a record beside the heap, out of reach of an overrun.
 * May use: base, bits, atomic, os, size_class, arena, span, large, slab, doors, redzone.
 *
 * The heap below serves *sites*: blocks of a slab, large blocks, and mappings outside the arena. Inside a site lies the
 * block that the program knows, between its redzones. A site's record is found by arithmetic: the unit's area of records,
 * and the number of the site in its slab. Areas are mapped a superslab at a time and stay, so that what a site held last
 * can still be told when its slab is long gone.
 *
 * `state` holds the phase and a count of changes: a reader that finds the same word before and after has seen a block that
 * nobody took or gave meanwhile. Phases go round: none, live, freeing, freed (waits in quarantine), gone (given back to
 * the heap), live. The step from live to freeing is a compare-and-swap, so that of two frees at once one is the second. */
#ifndef HAK_RECORD_H
#define HAK_RECORD_H

#include "doors.h"
#include "large.h"
#include "redzone.h"
#include "slab.h"

typedef enum { HAK_PHASE_NONE, HAK_PHASE_LIVE, HAK_PHASE_FREEING, HAK_PHASE_FREED, HAK_PHASE_GONE } hak_phase_t;
enum { HAK_PHASE_BITS = 3 };

enum {
    HAK_RECORD_PAGES = 1,   /* in pages of its own, between pages without access: guarded.h */
    HAK_RECORD_CLOSED = 2,  /* freed, and its pages without access */
    HAK_RECORD_OUTSIDE = 4, /* a mapping outside the arena */
    HAK_RECORD_MARKED = 8,  /* of leaks.c */
    HAK_RECORD_TOLD = 16,   /* its damage has been reported */
    HAK_RECORD_STALE = 32,  /* of a block of an earlier slab: what is in the site now says nothing about it */
    HAK_RECORD_REOPENED = 64, /* its pages were closed meanwhile, and are empty */
    HAK_RECORD_MOVED = 128, /* pages of others were moved to it: spare.h */
};

typedef struct hak_record {
    uintptr_t block; /* 0: there never was one */
    uint64_t size;   /* as asked for */
    _Atomic uint32_t state;
    uint32_t taken_stack, given_stack;
    uint32_t taken_by, given_by; /* thread ids */
    uint8_t door;                /* hak_door_t that took it */
    uint8_t alignment_shift;     /* 0 if none was asked for */
    uint8_t flags;
    uint8_t before_shift; /* bytes from the site's start to the block; meaningless with PAGES */
    struct hak_record *next;
} hak_record_t;
_Static_assert(sizeof(hak_record_t) == 48, "341 to 16 KiB of records, for a unit of sites of 48 bytes and more");

/* A site, and its record. */
typedef struct hak_site {
    hak_record_t *record;
    char *start;
    size_t size;
} hak_site_t;

static inline hak_phase_t hak_record_phase(const hak_record_t *record) {
    /* Acquire: partner of the release in hak_record_enter; shows the fields that go with the phase. */
    return (hak_phase_t)(hak_load_acquire(&record->state) & ((1u << HAK_PHASE_BITS) - 1));
}
/* Makes what was written to the record and the block known. One thread at a time. */
void hak_record_enter(hak_record_t *record, hak_phase_t phase);
/* False if another thread was faster. */
bool hak_record_leave_live(hak_record_t *record);

bool hak_record_open(void);
/* The site that the heap has just handed out at `start`; no record if there is no memory for one. */
hak_site_t hak_record_of_new(void *start);
/* The site in which `block` lies, as hak_record_find, but that its record is not read: the processor fetches it, and what else a
 * free will read, while something else is done. False also of what lies outside the arena. */
bool hak_record_fetch_ahead(const void *block, hak_site_t *site);
/* The site in which `pointer` lies now. False if it is in none, or in one that never held a block. */
bool hak_record_find(const void *pointer, hak_site_t *site);
/* The site of a record that is in use. */
hak_site_t hak_record_site(const hak_record_t *record);
/* A large block has the first unit's first record, as a slab's first site, and is told of no new slab. */
static inline bool hak_record_in_slab(const hak_site_t *site) {
    return hak_arena_holds(site->start) && hak_page_map_class(hak_unit_of(site->start)) != HAK_CLASS_LARGE;
}
/* Bytes of the size class of a record's site; 0 for a large block, and for a site that is another's by now. */
size_t hak_record_class_bytes(const hak_record_t *record);
/* The neighbour of a site in its slab; -1 the one before it, 1 behind it. */
bool hak_record_neighbour(const hak_site_t *site, int step, hak_site_t *neighbour);
/* A record that says a block once began at `pointer`, whatever is there now. Slow. */
hak_record_t *hak_record_of_former(const void *pointer);
/* A record whose site is no longer its own: of outside mappings. */
void hak_record_drop(hak_record_t *record);

/* Visits every site with a record, by address. Sites may come and go meanwhile. */
void hak_record_visit(void (*visit)(const hak_site_t *site, void *context), void *context);
static inline uintptr_t hak_record_end(const hak_record_t *record) { return record->block + record->size; }

/* Where the records in which `address` lies end; 0 if it lies in none, and then *next is lowered to where the next begin. */
uintptr_t hak_record_own(uintptr_t address, uintptr_t *next);

void hak_record_before_fork(void);
void hak_record_after_fork(bool child);

#endif
