#include "unwind.h"

#include <string.h>

#include "atomic.h"
#include "bits.h"
#include "cfi.h"
#include "hash.h"
#include "object.h"
#include "path.h"
#include "reach.h"
#include "recent.h"
#include "trail.h"

enum {
    WAYS = 8,                   /* words of a cache line */
    CACHE_SIZE = 1 << 16,       /* words */
    RULES_MAX = 1 << 12,        /* different rules; a large program has some hundreds */
    RULE_BITS = 12,
    ID_BITS = 13,
};
_Static_assert(HAK_OBJECT_ID_MAX < 1 << ID_BITS && RULE_BITS + ID_BITS + 32 < 64, "an entry of the cache is one word");

/* A rule packed into a word that is not 0. The common ones are marked, so that a walk need not unpack them: the CFA is a
 * register plus an offset, and the frame pointer is in its register or in a word below the CFA. */
typedef uint64_t packed_t;
enum { PACKED_ANY = 1, PACKED_COMMON = 2, PACKED_BY_FP = 4, PACKED_SAVES_FP = 8, PACKED_KINDS = 4, PACKED_CFA = 10, PACKED_FP = 37 };
enum { OFFSET_BITS = 27 };
_Static_assert((int)PACKED_BY_FP == (int)HAK_TRAIL_FP_USED, "a step has the rule's mark");

static bool is_common(hak_rule_t rule) {
    if (rule.cfa_is != HAK_CFA_SP && rule.cfa_is != HAK_CFA_FP) return false;
    return rule.fp_is == HAK_FP_SAME || (rule.fp_is == HAK_FP_AT_CFA && rule.fp < 0 && rule.fp % 8 == 0);
}

static packed_t pack_rule(hak_rule_t rule) {
    packed_t marks = PACKED_ANY | (is_common(rule) ? PACKED_COMMON : 0) | (rule.cfa_is == HAK_CFA_FP ? PACKED_BY_FP : 0) |
                     (rule.fp_is == HAK_FP_SAME ? 0 : PACKED_SAVES_FP);
    packed_t mask = ((packed_t)1 << OFFSET_BITS) - 1;
    return marks | ((packed_t)rule.cfa_is | (packed_t)rule.fp_is << 3) << PACKED_KINDS |
           ((packed_t)(int64_t)rule.cfa & mask) << PACKED_CFA | ((packed_t)(int64_t)rule.fp & mask) << PACKED_FP;
}
static inline int64_t packed_offset(packed_t rule, unsigned at) {
    return (int64_t)(rule << (64 - OFFSET_BITS - at)) >> (64 - OFFSET_BITS);
}
static hak_rule_t unpack_rule(packed_t rule) {
    return (hak_rule_t){(hak_cfa_t)(rule >> PACKED_KINDS & 7), (hak_fp_t)(rule >> (PACKED_KINDS + 3) & 3),
                        (int32_t)packed_offset(rule, PACKED_CFA), (int32_t)packed_offset(rule, PACKED_FP)};
}
/* Offsets of more than 64 MiB are nobody's. */
static bool fits(hak_rule_t rule) {
    hak_rule_t again = unpack_rule(pack_rule(rule));
    return again.cfa == rule.cfa && again.fp == rule.fp;
}

/* Every rule that was met, and which instruction has which. An entry of the cache is the instruction's distance from its
 * object's start, the object's id, and the rule's place in `rules`. Entries are replaced at will. */
static struct {
    _Atomic packed_t rules[RULES_MAX];
    _Atomic uint64_t entries[CACHE_SIZE] HAK_ALIGNED(HAK_CACHE_LINE);
    hak_recent_t recent[HAK_RECENT_SIZE] HAK_ALIGNED(HAK_CACHE_LINE); /* pc -> rule, in objects that stay */
} cache;

static inline uint64_t key_of(const hak_extent_t *extent, uintptr_t pc) {
    return ((uint64_t)(pc - extent->start) << ID_BITS | extent->id) << RULE_BITS;
}
static inline _Atomic uint64_t *line_of(uint64_t key) {
    return &cache.entries[(key * 0x9e3779b97f4a7c15u >> 32) % (CACHE_SIZE / WAYS) * WAYS];
}

/* The place of the rule in `rules`; RULES_MAX if they are full. */
static size_t keep_rule(packed_t rule) {
    for (size_t step = 0; step < RULES_MAX; step++) {
        size_t at = (size_t)(rule * 0x9e3779b97f4a7c15u >> 40) + step;
        packed_t there = hak_load_relaxed(&cache.rules[at % RULES_MAX]);
        if (there == 0 && hak_cas_acq_rel(&cache.rules[at % RULES_MAX], &there, rule)) return at % RULES_MAX;
        if (there == rule) return at % RULES_MAX;
    }
    return RULES_MAX;
}

static HAK_NOINLINE packed_t rule_slow(const hak_extent_t *extent, uintptr_t pc) {
    hak_object_t object;
    hak_rule_t rule = {.cfa_is = HAK_CFA_UNKNOWN};
    if (hak_object_find(pc, &object)) rule = hak_cfi_rule(&object, pc);
    if (!fits(rule)) rule = (hak_rule_t){.cfa_is = HAK_CFA_UNKNOWN};
    packed_t packed = pack_rule(rule);
    uint64_t key = key_of(extent, pc);
    size_t at = keep_rule(packed);
    if (extent->id == 0 || pc - extent->start > UINT32_MAX || at == RULES_MAX) return packed;
    _Atomic uint64_t *line = line_of(key);
    size_t way = 0;
    while (way < WAYS && hak_load_relaxed(&line[way]) != 0) way++;
    if (way == WAYS) way = pc % WAYS;
    /* Release: partner of the acquire in rule_for; shows the rule that the entry names. */
    hak_store_release(&line[way], key | at);
    return packed;
}

static inline packed_t rule_for(const hak_extent_t *extent, uintptr_t pc) {
    uint64_t key = key_of(extent, pc);
    _Atomic uint64_t *line = line_of(key);
    for (size_t way = 0; way < WAYS; way++) {
        uint64_t entry = hak_load_acquire(&line[way]); /* partner: the release in rule_slow */
        if ((entry ^ key) < RULES_MAX) return hak_load_relaxed(&cache.rules[entry % RULES_MAX]);
    }
    return rule_slow(extent, pc);
}

typedef struct walker {
    hak_registers_t at;
    hak_reach_t reach;
    hak_extent_t extent; /* the last one */
    hak_extent_t others[HAK_TRAIL_EXTENTS]; /* a walk comes back to the same few objects, and so does the next one */
    size_t others_count, others_of_trail;
    hak_trail_t *trail; /* NULL: no trail, or its objects are among the others by now */
    bool fresh;
    uintptr_t fp_at; /* of the last step; see trail.h */
} walker_t;

static hak_trails_t trails HAK_BIG_TABLE;
static _Thread_local hak_trail_owner_t own_trail;

static HAK_NOINLINE bool extent_slow(walker_t *walker, uintptr_t pc) {
    if (walker->trail != NULL) {
        memcpy(walker->others, walker->trail->extents, sizeof walker->others);
        walker->others_count = walker->others_of_trail = walker->trail->extent_count;
        walker->trail = NULL;
    }
    for (size_t i = 0; i < walker->others_count && i < HAK_TRAIL_EXTENTS; i++) {
        hak_extent_t extent = walker->others[i];
        if (pc - extent.start >= extent.end - extent.start) continue;
        walker->extent = extent;
        return true;
    }
    if (!hak_object_extent(pc, &walker->extent)) return false;
    walker->fresh = walker->fresh || walker->extent.fresh;
    walker->others[walker->others_count++ % HAK_TRAIL_EXTENTS] = walker->extent;
    return true;
}

/* Makes walker->extent that of the object in which `pc` lies. */
static inline bool find_extent(walker_t *walker, uintptr_t pc) {
    return HAK_LIKELY(pc - walker->extent.start < walker->extent.end - walker->extent.start) || extent_slow(walker, pc);
}

/* To the frame whose record (frame pointer, return address) lies at fp: by convention on aarch64, a guess elsewhere. */
static bool step_by_frame_pointer(walker_t *walker) {
    uintptr_t fp = walker->at.fp, word = sizeof(uintptr_t);
    if (fp < walker->at.sp || !hak_reach(&walker->reach, fp) || !hak_reach(&walker->reach, fp + word)) return false;
    walker->at = (hak_registers_t){hak_reach_word(fp + word), fp + 2 * word, hak_reach_word(fp)};
    return walker->at.pc != 0;
}

/* Code without a table: generated at run time, or hand-written. A guess counts if it leads to an object. */
static bool step_by_guess(walker_t *walker, bool called_nowhere) {
    if (called_nowhere && hak_reach(&walker->reach, walker->at.sp)) {
        uintptr_t pc = hak_reach_word(walker->at.sp); /* a call through a wild pointer */
        if (find_extent(walker, pc)) {
            walker->at.pc = pc;
            walker->at.sp += sizeof pc;
            return true;
        }
    }
    return step_by_frame_pointer(walker) && find_extent(walker, walker->at.pc);
}

/* The frame below a signal handler's: sp is at the context. */
static bool step_to_signal(walker_t *walker) {
    uintptr_t context = walker->at.sp;
    for (size_t word = 0; word < HAK_SIGNAL_CONTEXT_WORDS; word++) {
        if (!hak_reach(&walker->reach, context + word * sizeof(uintptr_t))) return false;
    }
    walker->at = hak_os_registers((const void *)context);
    return true;
}

static bool load_word(walker_t *walker, uintptr_t address, uintptr_t *value) {
    if (!hak_reach(&walker->reach, address)) return false;
    *value = hak_reach_word(address);
    return true;
}

static bool step_by_rule(walker_t *walker, hak_rule_t rule) {
    uintptr_t sp = walker->at.sp, fp = walker->at.fp, cfa;
    bool by_sp = rule.cfa_is == HAK_CFA_SP || rule.cfa_is == HAK_CFA_AT_SP;
    cfa = (by_sp ? sp : fp) + (uintptr_t)(intptr_t)rule.cfa;
    if (rule.cfa_is >= HAK_CFA_AT_SP && !load_word(walker, cfa, &cfa)) return false;
    if (cfa <= sp || !load_word(walker, cfa - sizeof cfa, &walker->at.pc)) return false;
    if (rule.fp_is != HAK_FP_SAME) {
        uintptr_t saved = (rule.fp_is == HAK_FP_AT_CFA ? cfa : fp) + (uintptr_t)(intptr_t)rule.fp;
        walker->at.fp = 0;
        if (rule.fp_is != HAK_FP_LOST && !load_word(walker, saved, &walker->at.fp)) return false;
    }
    walker->at.sp = cfa;
    return walker->at.pc != 0;
}

static HAK_NOINLINE bool step_slow(walker_t *walker, packed_t packed, bool *exact) {
    hak_rule_t rule = unpack_rule(packed);
    *exact = false;
    if (rule.cfa_is == HAK_CFA_SIGNAL) return *exact = step_to_signal(walker);
    if (rule.cfa_is == HAK_CFA_UNKNOWN) return step_by_guess(walker, false);
    if (rule.cfa_is != HAK_CFA_END) return step_by_rule(walker, rule);
    walker->fp_at = HAK_TRAIL_BOTTOM;
    return false;
}

/* A common rule, on the thread's own stack. False: it is not that simple, and nothing has changed. */
static inline bool step_common(walker_t *walker, packed_t rule) {
    uintptr_t low = walker->reach.own.low, size = walker->reach.own.high - low, sp = walker->at.sp;
    uintptr_t cfa = ((rule & PACKED_BY_FP) != 0 ? walker->at.fp : sp) + (uintptr_t)packed_offset(rule, PACKED_CFA);
    uintptr_t saved = cfa + (uintptr_t)packed_offset(rule, PACKED_FP);
    bool saves = (rule & PACKED_SAVES_FP) != 0;
    if ((rule & PACKED_COMMON) == 0 || cfa % sizeof cfa != 0 || cfa <= sp || cfa - sizeof cfa - low >= size) return false;
    if (saves && (saved < sp || saved >= cfa)) return false;
    walker->at.pc = hak_reach_word(cfa - sizeof cfa);
    if (saves) walker->at.fp = hak_reach_word(saved);
    walker->at.sp = cfa;
    walker->fp_at = (saves ? saved : 0) | (rule & PACKED_BY_FP);
    return true;
}

/* From one frame to its caller's; *exact tells, before and after, whether the pc is one that a signal struck. */
static inline bool walk_step(walker_t *walker, bool *exact) {
    if (!HAK_X86_64) return step_by_frame_pointer(walker);
    bool was_exact = *exact;
    uintptr_t pc = walker->at.pc - !was_exact;
    *exact = false;
    packed_t rule = hak_recent_find(cache.recent, pc);
    if (HAK_UNLIKELY(rule == 0)) {
        if (!find_extent(walker, pc)) return step_by_guess(walker, was_exact);
        rule = rule_for(&walker->extent, pc);
        if (walker->extent.lasts) hak_recent_add(cache.recent, pc, rule);
    }
    if (HAK_LIKELY(step_common(walker, rule))) return walker->at.pc != 0;
    return step_slow(walker, rule, exact);
}

/* What a walk writes. */
typedef struct trace {
    uintptr_t *pcs;
    size_t count, max;
    hak_trail_t *trail; /* NULL: none */
    size_t kept;        /* of its steps, outermost first */
    size_t fresh_count;
    hak_trail_step_t fresh[HAK_TRAIL_STEPS]; /* those above them, innermost first */
} trace_t;

static inline void add_frame(trace_t *trace, const walker_t *walker, bool exact) {
    trace->pcs[trace->count++] = walker->at.pc + exact;
    if (trace->trail == NULL) return;
    trace->fresh[trace->fresh_count++] = (hak_trail_step_t){walker->at.pc, walker->at.sp, walker->at.fp, HAK_TRAIL_END};
}

/* If the last frame is one of the trail: adds its callers as long as they are where they were. True: the walk is over. */
static inline bool follow_trail(trace_t *trace, walker_t *walker) {
    const hak_trail_step_t *steps = trace->trail->steps;
    size_t kept = trace->kept;
    while (kept != 0 && steps[kept - 1].sp < walker->at.sp) kept--;
    trace->kept = kept;
    if (kept == 0) return false;
    uintptr_t low = walker->reach.own.low, high = walker->reach.own.high;
    const hak_trail_step_t *step = &steps[kept - 1];
    if (!hak_trail_is_at(step, walker->at.pc, walker->at.sp, walker->at.fp)) return false;
    if (step->sp < low || step->sp >= high) return false;
    uintptr_t *pc = trace->pcs + trace->count, *end = pc + hak_min(trace->max - trace->count, (size_t)(step - steps));
    for (; pc < end && step->fp_at < HAK_TRAIL_BOTTOM && hak_step_leads(step, step - 1); step--) *pc++ = step[-1].pc;
    trace->count = (size_t)(pc - trace->pcs);
    trace->fresh_count--;
    if (trace->count == trace->max || hak_trail_fp_at(step) == HAK_TRAIL_BOTTOM) return true;
    /* On from the last that still leads: it and those above it will lie above what is found now. What they have in the frame
     * pointer was not needed so far, but may be from here on. */
    uintptr_t fp = walker->at.fp;
    for (trace->kept = (size_t)(step - steps); step < steps + kept; kept--) {
        hak_trail_step_t again = steps[kept - 1];
        again.fp = fp;
        trace->fresh[trace->fresh_count++] = again;
        if (hak_trail_fp_at(&again) != 0 && again.fp_at < HAK_TRAIL_BOTTOM) fp = hak_reach_word(hak_trail_fp_at(&again));
    }
    walker->at = (hak_registers_t){step->pc, step->sp, trace->fresh[trace->fresh_count - 1].fp};
    trace->fresh[trace->fresh_count - 1].fp_at = HAK_TRAIL_END;
    return false;
}

/* Does what lies further out need the frame pointer of this step? */
static inline bool needs_fp(const hak_trail_step_t *step, bool caller_needs_fp) {
    if (step->fp_at >= HAK_TRAIL_BOTTOM) return hak_trail_fp_at(step) != HAK_TRAIL_BOTTOM;
    return (step->fp_at & HAK_TRAIL_FP_USED) != 0 || (hak_trail_fp_at(step) == 0 && caller_needs_fp);
}

/* Where there is no room the outermost are dropped. */
static inline void keep_trail(const trace_t *trace) {
    hak_trail_step_t *steps = trace->trail->steps;
    size_t fresh = trace->fresh_count, kept = hak_min(trace->kept, HAK_TRAIL_STEPS - fresh);
    if (HAK_UNLIKELY(kept < trace->kept)) {
        size_t dropped = trace->kept - kept;
        memmove(steps, steps + dropped, kept * sizeof *steps);
    }
    bool needed = kept == 0 || hak_trail_needs_fp(&steps[kept - 1]);
    for (size_t i = 0; i < fresh; i++) {
        hak_trail_step_t step = trace->fresh[fresh - 1 - i];
        needed = needs_fp(&step, needed);
        step.fp_at = (step.fp_at & ~(uintptr_t)HAK_TRAIL_FP_NEEDED) | (needed ? HAK_TRAIL_FP_NEEDED : 0);
        steps[kept + i] = step;
    }
    trace->trail->count = (uint32_t)(kept + fresh);
}

/* Keeps the way of a walk that has put its steps on top of the trail's. */
static inline void remember_path(const trace_t *trace, hak_registers_t here, uint64_t hash) {
    hak_trail_t *trail = trace->trail;
    if (trace->count == 0 || trace->count > trail->count) return;
    const hak_trail_step_t *top = &trail->steps[trail->count - 1], *last = top - (trace->count - 1);
    if (trace->count < trace->max && hak_trail_fp_at(last) != HAK_TRAIL_BOTTOM) return;
    hak_path_t *path = hak_path_begin(&trail->paths, here);
    for (const hak_trail_step_t *step = top; step > last; step--) {
        if (step->fp_at >= HAK_TRAIL_BOTTOM) return;
        if (!hak_path_add(&trail->paths, path, step[-1].sp - sizeof step->pc, step[-1].pc)) return;
    }
    bool needed = false; /* by the steps so far, from the outermost on: what lies further out is not asked for */
    for (const hak_trail_step_t *step = last + 1; step <= top; step++) {
        uintptr_t fp_at = hak_trail_fp_at(step);
        if (needed && fp_at != 0 && !hak_path_add(&trail->paths, path, fp_at, step[-1].fp)) return;
        needed = (step->fp_at & HAK_TRAIL_FP_USED) != 0 || (fp_at == 0 && needed);
    }
    if (top != last) hak_path_fill_up(&trail->paths, path, top[-1].sp - sizeof top->pc, top[-1].pc);
    path->uses_fp = needed;
    path->high = trail->high;
    path->hash = hash;
    path->count = (uint16_t)trace->count;
    path->max = (uint16_t)trace->max;
}

static void keep_extents(hak_trail_t *trail, const walker_t *walker) {
    trail->extent_count = 0;
    for (size_t i = 0; i < walker->others_count && i < HAK_TRAIL_EXTENTS; i++) {
        if (walker->others[i].lasts) trail->extents[trail->extent_count++] = walker->others[i];
    }
}

/* Outermost first, as along the trail. */
static uint64_t hash_of_pcs(const uintptr_t *pcs, size_t count) {
    uint64_t hash = 0;
    while (count-- != 0) hash = hak_hash_add(hash, pcs[count]);
    return hash;
}

/* As hak_unwind, from what was found there. */
static HAK_NOINLINE hak_walk_t unwind_slow(hak_registers_t here, bool exact, hak_code_t skipped, hak_reach_t reach,
                                           hak_trail_t *trail, uintptr_t *pcs, size_t max) {
    walker_t walker;
    walker.at = here;
    walker.reach = reach;
    walker.extent = (hak_extent_t){0};
    walker.others_count = walker.others_of_trail = 0;
    walker.fresh = false;
    trace_t trace;
    trace.pcs = pcs;
    trace.count = trace.fresh_count = 0;
    trace.max = max;
    trace.kept = trail != NULL ? trail->count : 0;
    walker.trail = trace.trail = trail;
    bool skips = false;
    for (bool more = max > 0; more;) {
        bool skip = trace.count == 0 && walker.at.pc - skipped.start < skipped.end - skipped.start;
        skips = skips || skip;
        if (!skip) {
            add_frame(&trace, &walker, exact);
            if (trail != NULL && !exact && follow_trail(&trace, &walker)) break;
            if (trace.count == trace.max) break;
        }
        bool was_exact = exact;
        walker.fp_at = HAK_TRAIL_END;
        more = walk_step(&walker, &exact);
        if (!more && walker.fp_at != HAK_TRAIL_BOTTOM) walker.fp_at = HAK_TRAIL_END; /* it leads to no frame of the trail */
        if (trace.fresh_count != 0 && !was_exact) trace.fresh[trace.fresh_count - 1].fp_at = walker.fp_at;
    }
    uint64_t hash = hash_of_pcs(pcs, trace.count);
    if (trail != NULL) {
        if (walker.others_count != walker.others_of_trail) keep_extents(trail, &walker);
        keep_trail(&trace);
        if (!skips) remember_path(&trace, here, hash);
        hak_trail_give(&own_trail);
    }
    return (hak_walk_t){trace.count, walker.fresh, hash, NULL};
}

hak_walk_t hak_unwind(hak_registers_t here, bool exact, hak_code_t skipped, uintptr_t *pcs, size_t max) {
    hak_reach_t reach = hak_reach_start();
    hak_trail_t *trail = HAK_X86_64 && !exact ? hak_trail_take(&own_trail, &trails, reach.own.high) : NULL;
    if (trail == NULL) return unwind_slow(here, exact, skipped, reach, NULL, pcs, max);
    size_t most = hak_min(max, HAK_TRAIL_STEPS);
    hak_path_t *path = hak_path_find(&trail->paths, here, reach.own.low, reach.own.high, most);
    if (path == NULL) return unwind_slow(here, false, skipped, reach, trail, pcs, most);
    hak_path_pcs(&trail->paths, path, pcs);
    hak_walk_t walk = {path->count, false, path->hash, &path->stack};
    hak_trail_give(&own_trail);
    return walk;
}

bool hak_unwind_known(hak_registers_t here, size_t max, hak_walk_t *walk) {
    hak_reach_t reach = hak_reach_start();
    hak_trail_t *trail = HAK_X86_64 ? hak_trail_take(&own_trail, &trails, reach.own.high) : NULL;
    if (trail == NULL) return false;
    hak_path_t *path = hak_path_find(&trail->paths, here, reach.own.low, reach.own.high, hak_min(max, HAK_TRAIL_STEPS));
    if (HAK_LIKELY(path != NULL)) *walk = (hak_walk_t){path->count, false, path->hash, &path->stack};
    hak_trail_give(&own_trail);
    return path != NULL;
}

void hak_unwind_thread_ends(void) {
    if (own_trail.trail != NULL) hak_trail_leave(&trails, own_trail.trail);
    own_trail = (hak_trail_owner_t){NULL, true};
}

void hak_unwind_after_fork(void) {
    hak_store_relaxed(&trails.claimed, own_trail.trail != NULL ? (uint64_t)1 << (own_trail.trail - trails.trails) : 0);
}
