/* trail.h -- the frames of a walk, kept for the next one.
 * May use: base, atomic, object, path, reach.
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
#include "path.h"
#include "reach.h"

enum { HAK_TRAIL_STEPS = 64, HAK_TRAILS = 64, HAK_TRAIL_EXTENTS = 4 };

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

/* Does the step from `from`, which is no mark, still lead to `to`? It was a common one: it went up, and the words that it read lie
 * between the two frames. */
static inline bool hak_step_leads(const hak_trail_step_t *from, const hak_trail_step_t *to) {
    if (hak_reach_word(to->sp - sizeof to->pc) != to->pc) return false;
    if (HAK_LIKELY(!hak_trail_needs_fp(to))) return true;
    uintptr_t fp_at = hak_trail_fp_at(from);
    return fp_at == 0 || hak_reach_word(fp_at) == to->fp;
}

typedef struct hak_trail {
    uint32_t count;
    uintptr_t high;      /* of the stack on which all these frames lie, but for those behind marks */
    uint32_t extent_count;
    hak_extent_t extents[HAK_TRAIL_EXTENTS]; /* objects that stay, through which the last walks came */
    hak_trail_step_t steps[HAK_TRAIL_STEPS]; /* outermost first: what a thread comes back to stays where it is */
    hak_paths_t paths;
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
