/* path.h -- whole stacks below callers of malloc, each known by the words that lead through it.
 * May use: base, bits, os, recent, reach.
 * From the same pc, stack pointer and (where a rule needs it) frame pointer the same rules read the same words. As long as these hold
 * what they held, the frames are the same: return addresses, and frame pointers where a rule further out needs one. So a stack that
 * a thread had before is proven by comparing words, looks no rule up, writes nothing, and has its hash ready.
 * What trail.h says of code that was unloaded holds here for longer: a path stays until another takes its place. */
#ifndef HAK_PATH_H
#define HAK_PATH_H

#include "bits.h"
#include "os.h"
#include "reach.h"
#include "recent.h"

enum {
    HAK_PATH_SETS = 128,
    HAK_PATH_WAYS = 4,
    HAK_PATHS = HAK_PATH_SETS * HAK_PATH_WAYS,
    HAK_PATH_AT_ONCE = 4, /* words that are compared */
    HAK_PATH_FIRST = 6,   /* groups of so many words, enough for most stacks */
    HAK_PATH_MORE = 26,
};

/* What words held, and where they are from the path's stack pointer on. */
typedef struct hak_path_words {
    uint64_t values[HAK_PATH_AT_ONCE];
    uint32_t offsets[HAK_PATH_AT_ONCE];
} hak_path_words_t;

typedef struct hak_path {
    hak_registers_t here;
    uintptr_t high;     /* of the stack */
    uint64_t hash;      /* of the pcs (hash.h) */
    hak_recent_t stack; /* the last one of those who came this way: hash -> number */
    uint16_t max;       /* frames that were asked for; 0: no path */
    uint16_t count;     /* frames */
    uint16_t words;     /* whole groups: those of the callers' pcs first, innermost first */
    uint16_t uses_fp;   /* 1: a rule needs here.fp */
    hak_path_words_t first[HAK_PATH_FIRST];
} HAK_ALIGNED(HAK_CACHE_LINE) hak_path_t;
_Static_assert(offsetof(hak_path_t, first) == HAK_CACHE_LINE, "16 words make it four lines");

typedef uint32_t hak_path_tags_t __attribute__((vector_size(HAK_PATH_WAYS * sizeof(uint32_t))));

/* A thread's. */
typedef struct hak_paths {
    hak_path_tags_t tags[HAK_PATH_SETS]; /* of the paths of the same place */
    hak_path_t paths[HAK_PATHS];
    hak_path_words_t more[HAK_PATHS][HAK_PATH_MORE]; /* what has no room in the path of the same place */
    uint32_t next_way; /* in which a path will be kept */
} hak_paths_t;

/* Where a path from there may be: in one of the ways of the set, under this tag. */
typedef struct hak_path_place {
    size_t set;
    uint32_t tag; /* not 0 */
} hak_path_place_t;

static inline hak_path_place_t hak_path_place(hak_registers_t here) {
    uint64_t mixed = (here.pc + here.sp) * 0x9e3779b97f4a7c15u;
    return (hak_path_place_t){(mixed >> 32) % HAK_PATH_SETS, (uint32_t)(mixed >> 20) | 1};
}

/* A bit for each of the ways that has the tag. */
static HAK_INLINE unsigned hak_path_ways(const hak_paths_t *paths, hak_path_place_t place) {
    const hak_path_tags_t bits = {1, 2, 4, 8};
    union {
        hak_path_tags_t ways;
        uint64_t halves[2];
    } found = {.ways = (hak_path_tags_t)(paths->tags[place.set] == place.tag) & bits};
    uint64_t both = found.halves[0] | found.halves[1];
    return (unsigned)(both | both >> 32);
}

typedef uint64_t hak_path_pair_t __attribute__((vector_size(16)));

static HAK_INLINE bool hak_path_words_hold(uintptr_t sp, const hak_path_words_t *words, size_t groups) {
    hak_path_pair_t difference = {0, 0}, other = {0, 0};
    for (const hak_path_words_t *end = words + groups; words != end; words++) {
        const uint32_t *offsets = words->offsets;
        hak_path_pair_t first = {hak_reach_word(sp + offsets[0]), hak_reach_word(sp + offsets[1])};
        hak_path_pair_t second = {hak_reach_word(sp + offsets[2]), hak_reach_word(sp + offsets[3])};
        difference |= first ^ (hak_path_pair_t){words->values[0], words->values[1]};
        other |= second ^ (hak_path_pair_t){words->values[2], words->values[3]};
    }
    difference |= other;
    return (difference[0] | difference[1]) == 0;
}

static HAK_NOINLINE bool hak_path_long_holds(const hak_path_t *path, const hak_path_words_t *more) {
    size_t groups = path->words / HAK_PATH_AT_ONCE;
    return hak_path_words_hold(path->here.sp, path->first, HAK_PATH_FIRST) &&
           hak_path_words_hold(path->here.sp, more, groups - HAK_PATH_FIRST);
}

/* The path that leads from there through at most `max` frames, of a thread whose own stack is between low and high. */
static HAK_INLINE hak_path_t *hak_path_find(hak_paths_t *paths, hak_registers_t here, uintptr_t low, uintptr_t high, size_t max) {
    if (HAK_UNLIKELY(here.sp < low)) return NULL;
    hak_path_place_t place = hak_path_place(here);
    for (unsigned ways = hak_path_ways(paths, place); ways != 0; ways &= ways - 1) {
        size_t at = place.set * HAK_PATH_WAYS + (size_t)__builtin_ctz(ways);
        hak_path_t *path = &paths->paths[at];
        uintptr_t other = (path->here.pc ^ here.pc) | (path->here.sp ^ here.sp) | (path->high ^ high) | (path->max ^ max);
        if ((other | ((path->here.fp ^ here.fp) & -(uintptr_t)path->uses_fp)) != 0) continue;
        size_t groups = path->words / HAK_PATH_AT_ONCE;
        if (HAK_UNLIKELY(groups > HAK_PATH_FIRST)) {
            if (hak_path_long_holds(path, paths->more[at])) return path;
        } else if (hak_path_words_hold(here.sp, path->first, groups)) {
            return path;
        }
    }
    return NULL;
}

/* The group in which a word of the path is. */
static inline hak_path_words_t *hak_path_group(hak_paths_t *paths, hak_path_t *path, size_t word) {
    size_t group = word / HAK_PATH_AT_ONCE;
    return group < HAK_PATH_FIRST ? &path->first[group] : &paths->more[path - paths->paths][group - HAK_PATH_FIRST];
}

/* Writes the path's frames, innermost first. */
static inline void hak_path_pcs(hak_paths_t *paths, hak_path_t *path, uintptr_t *pcs) {
    *pcs++ = path->here.pc;
    for (size_t i = 0; i + 1 < path->count; i++) *pcs++ = hak_path_group(paths, path, i)->values[i % HAK_PATH_AT_ONCE];
}

/* An empty path in place of an older one; it leads nowhere before its `max` is set. */
static inline hak_path_t *hak_path_begin(hak_paths_t *paths, hak_registers_t here) {
    hak_path_place_t place = hak_path_place(here);
    size_t way = paths->next_way++ % HAK_PATH_WAYS;
    hak_path_t *path = &paths->paths[place.set * HAK_PATH_WAYS + way];
    paths->tags[place.set][way] = place.tag;
    path->here = here;
    path->max = path->words = 0;
    return path;
}

/* The word at `address`, above the path's beginning, has to be `value`; false: there is no room. */
static inline bool hak_path_add(hak_paths_t *paths, hak_path_t *path, uintptr_t address, uint64_t value) {
    size_t at = path->words, offset = address - path->here.sp;
    if (at == (HAK_PATH_FIRST + HAK_PATH_MORE) * HAK_PATH_AT_ONCE || offset > UINT32_MAX) return false;
    hak_path_words_t *group = hak_path_group(paths, path, at);
    group->values[at % HAK_PATH_AT_ONCE] = value;
    group->offsets[at % HAK_PATH_AT_ONCE] = (uint32_t)offset;
    path->words++;
    return true;
}

/* So that as many can be compared at once: the word there is compared again. */
static inline void hak_path_fill_up(hak_paths_t *paths, hak_path_t *path, uintptr_t address, uint64_t value) {
    while (path->words % HAK_PATH_AT_ONCE != 0) hak_path_add(paths, path, address, value);
}

#endif
