/* trail.h -- the frames of a walk, kept for the next one.
 * May use: base, atomic, recent, object.
 * From one call of malloc to the next most of a thread's stack stays as it was. A walk that comes to a frame with the program
 * counter, stack pointer and frame pointer of one in the trail need not look its rule up, nor those of its callers: the same
 * rules read the same words, so as long as these hold what they held, the frames are the same. That is a word a frame, and
 * a second one where a frame pointer is needed.
 * (The one thing that is not looked at: code that was unloaded, and other code that was loaded at the same address meanwhile,
 * is taken for the same. Its frame would have to be where the other one's was, with the same return address.)
 *
 * A thread claims a trail at its first walk and keeps it until it ends, so that taking it orders nothing: what the program wrote
 * last need not have left the processor. A thread that finds none, or is in a walk already, below a signal handler, does
 * without. */
#ifndef HAK_TRAIL_H
#define HAK_TRAIL_H

#include "atomic.h"
#include "object.h"
#include "recent.h"

enum { HAK_TRAIL_STEPS = 64, HAK_TRAILS = 64, HAK_TRAIL_EXTENTS = 4, HAK_PATHS = 256, HAK_PATH_WAYS = 2, HAK_PATH_STEPS = 10 };

/* A frame, and where its caller's frame pointer was found: 0, still in its register; HAK_TRAIL_END, by no common rule;
 * HAK_TRAIL_BOTTOM: it has no caller. In its low bits: whether a rule used this frame's frame pointer to find the caller, and whether
 * this rule or one further out did. Most code keeps other things in that register, which change from call to call and lead nowhere.
 * The caller's pc was found below the caller's stack pointer. */
typedef struct hak_trail_step {
    uintptr_t pc, sp, fp, fp_at;
} hak_trail_step_t;
#define HAK_TRAIL_END (UINTPTR_MAX - 7)
#define HAK_TRAIL_BOTTOM (UINTPTR_MAX - 15)
enum { HAK_TRAIL_FP_NEEDED = 1, HAK_TRAIL_FP_USED = 4, HAK_TRAIL_FP_BITS = 7 };

static inline uintptr_t hak_trail_fp_at(const hak_trail_step_t *step) { return step->fp_at & ~(uintptr_t)HAK_TRAIL_FP_BITS; }
static inline bool hak_trail_needs_fp(const hak_trail_step_t *step) { return (step->fp_at & HAK_TRAIL_FP_NEEDED) != 0; }
/* Is the frame there the step's, as far as what lies further out can tell? */
static inline bool hak_trail_is_at(const hak_trail_step_t *step, uintptr_t pc, uintptr_t sp, uintptr_t fp) {
    return step->sp == sp && step->pc == pc && (step->fp == fp || !hak_trail_needs_fp(step));
}

/* See path.h. */
typedef struct hak_path {
    uint32_t count, joint;                  /* steps, 0: none; the place in the trail of the last one */
    uint64_t sum;                           /* the hash of the pcs of all but the last, outermost first */
    hak_recent_t stack;                     /* the last one of those who came this way: hash -> number */
    hak_trail_step_t steps[HAK_PATH_STEPS]; /* innermost first */
} hak_path_t;

typedef struct hak_trail {
    uint32_t count;
    uint32_t end;        /* no mark lies above this step; 0 if there is none */
    uintptr_t high;      /* of the stack on which all these frames lie, but for those behind marks */
    uint32_t extent_count;
    hak_extent_t extents[HAK_TRAIL_EXTENTS]; /* objects that stay, through which the last walks came */
    hak_trail_step_t steps[HAK_TRAIL_STEPS]; /* outermost first: what a thread comes back to stays where it is */
    uint64_t sums[HAK_TRAIL_STEPS + 1];      /* at i + 1: the hash of the pcs from the outermost to that at i (hash.h) */
    hak_path_t paths[HAK_PATHS];
    uint32_t next_way; /* in which a path will be kept */
} hak_trail_t;

typedef struct hak_trails {
    _Atomic uint64_t claimed; /* a bit each */
    hak_trail_t trails[HAK_TRAILS];
} hak_trails_t;
_Static_assert(HAK_TRAILS == 64, "a bit each");

/* The calling thread's. */
typedef struct hak_trail_owner {
    hak_trail_t *trail; /* NULL: not claimed yet */
    bool busy;          /* in a walk, or at its end */
} hak_trail_owner_t;

/* One that nobody has; NULL: there is none. */
static inline hak_trail_t *hak_trail_claim(hak_trails_t *all) {
    uint64_t claimed = hak_load_relaxed(&all->claimed);
    while (claimed != UINT64_MAX) {
        size_t number = (size_t)__builtin_ctzll(~claimed);
        /* Acquire: partner of the release in hak_trail_leave; what its owner before wrote is over. */
        if (hak_cas_acq_rel(&all->claimed, &claimed, claimed | (uint64_t)1 << number)) return &all->trails[number];
    }
    return NULL;
}
static inline void hak_trail_leave(hak_trails_t *all, const hak_trail_t *trail) {
    uint64_t claimed = hak_load_relaxed(&all->claimed), bit = (uint64_t)1 << (trail - all->trails);
    while (!hak_cas_acq_rel(&all->claimed, &claimed, claimed & ~bit)) continue;
}

/* The thread's trail for a walk along the stack that ends there, empty if it was another's. NULL: there is none. */
static inline hak_trail_t *hak_trail_take(hak_trail_owner_t *owner, hak_trails_t *all, uintptr_t stack_high) {
    if (HAK_UNLIKELY(owner->busy)) return NULL;
    owner->busy = true;
    hak_fence_signal(); /* a handler sees that it is busy before the trail changes */
    hak_trail_t *trail = owner->trail;
    if (HAK_UNLIKELY(trail == NULL) && (owner->trail = trail = hak_trail_claim(all)) == NULL) {
        owner->busy = false;
        return NULL;
    }
    if (HAK_UNLIKELY(trail->high != stack_high)) trail->count = 0;
    trail->high = stack_high;
    return trail;
}

static inline void hak_trail_give(hak_trail_owner_t *owner) {
    hak_fence_signal();
    owner->busy = false;
}

#endif
