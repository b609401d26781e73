#include "unwind.h"

#include "atomic.h"
#include "bits.h"
#include "cfi.h"
#include "object.h"
#include "reach.h"

enum {
    EXTENTS = 4,                 /* objects that a walk remembers: it comes back to the same few */
    WAYS = 8,                   /* words of a cache line */
    CACHE_SIZE = 1 << 16,       /* words */
    RULES_MAX = 1 << 12,        /* different rules; a large program has some hundreds */
    RULE_BITS = 12,
    ID_BITS = 13,
};
_Static_assert(HAK_OBJECT_ID_MAX < 1 << ID_BITS && RULE_BITS + ID_BITS + 32 < 64, "an entry of the cache is one word");

/* A rule packed into a word that is not 0. */
typedef uint64_t packed_t;

static packed_t pack_rule(hak_rule_t rule) {
    return 1 | (packed_t)rule.cfa_is << 1 | (packed_t)rule.fp_is << 4 | (packed_t)((uint32_t)rule.cfa & 0xfffffff) << 6 |
           (packed_t)((uint32_t)rule.fp & 0xfffffff) << 34;
}
static int32_t packed_offset(packed_t rule, unsigned at) { return (int32_t)((uint32_t)(rule >> at) << 4) >> 4; }
static inline hak_rule_t unpack_rule(packed_t rule) {
    return (hak_rule_t){(hak_cfa_t)(rule >> 1 & 7), (hak_fp_t)(rule >> 4 & 3), packed_offset(rule, 6),
                        packed_offset(rule, 34)};
}
/* Offsets of more than 128 MiB are nobody's. */
static bool fits(hak_rule_t rule) {
    hak_rule_t again = unpack_rule(pack_rule(rule));
    return again.cfa == rule.cfa && again.fp == rule.fp;
}

/* Every rule that was met, and which instruction has which. An entry of the cache is the instruction's distance from its
 * object's start, the object's id, and the rule's place in `rules`. Entries are replaced at will. */
static struct {
    _Atomic packed_t rules[RULES_MAX];
    _Atomic uint64_t entries[CACHE_SIZE] HAK_ALIGNED(HAK_CACHE_LINE);
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
    hak_extent_t extents[EXTENTS];
    size_t extents_count, last;
    bool fresh;
} walker_t;

static HAK_NOINLINE const hak_extent_t *extent_slow(walker_t *walker, uintptr_t pc) {
    for (size_t i = 0; i < walker->extents_count && i < EXTENTS; i++) {
        walker->last = i;
        if (pc - walker->extents[i].start < walker->extents[i].end - walker->extents[i].start) return &walker->extents[i];
    }
    hak_extent_t extent;
    if (!hak_object_extent(pc, &extent)) return NULL;
    walker->fresh = walker->fresh || extent.fresh;
    walker->last = walker->extents_count++ % EXTENTS;
    walker->extents[walker->last] = extent;
    return &walker->extents[walker->last];
}

static inline const hak_extent_t *extent_for(walker_t *walker, uintptr_t pc) {
    const hak_extent_t *extent = &walker->extents[walker->last];
    return HAK_LIKELY(pc - extent->start < extent->end - extent->start) ? extent : extent_slow(walker, pc);
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
        if (extent_for(walker, pc) != NULL) {
            walker->at.pc = pc;
            walker->at.sp += sizeof pc;
            return true;
        }
    }
    return step_by_frame_pointer(walker) && extent_for(walker, walker->at.pc) != NULL;
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

static inline bool step_by_rule(walker_t *walker, hak_rule_t rule) {
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

/* From one frame to its caller's; *exact tells, before and after, whether the pc is one that a signal struck. */
static inline bool walk_step(walker_t *walker, bool *exact) {
    if (!HAK_X86_64) return step_by_frame_pointer(walker);
    bool was_exact = *exact;
    uintptr_t pc = walker->at.pc - !was_exact;
    *exact = false;
    const hak_extent_t *extent = extent_for(walker, pc);
    if (extent == NULL) return step_by_guess(walker, was_exact);
    hak_rule_t rule = unpack_rule(rule_for(extent, pc));
    if (rule.cfa_is == HAK_CFA_SIGNAL) return *exact = step_to_signal(walker);
    if (rule.cfa_is == HAK_CFA_UNKNOWN) return step_by_guess(walker, false);
    return rule.cfa_is != HAK_CFA_END && step_by_rule(walker, rule);
}

hak_walk_t hak_unwind(hak_registers_t here, bool exact, hak_code_t skipped, uintptr_t *pcs, size_t max) {
    walker_t walker = {.at = here, .reach = hak_reach_start()};
    size_t count = 0;
    bool more = true;
    while (more && count < max) {
        bool skip = count == 0 && walker.at.pc - skipped.start < skipped.end - skipped.start;
        if (!skip) pcs[count++] = walker.at.pc + exact;
        more = walk_step(&walker, &exact);
    }
    return (hak_walk_t){count, walker.fresh};
}
