/* python_seen.h -- a thread's Python frames as its last walk found them, outermost first.
 * May use: base, bits, hash.
 * From one call of malloc to the next most of them stay as they were. A frame that is where it was, at the instruction where it
 * was, of code that has not ended, needs no look at that code; and the hash of a row of frames follows from those of its beginnings. */
#ifndef HAK_PYTHON_SEEN_H
#define HAK_PYTHON_SEEN_H

#include <string.h>

#include "bits.h"
#include "hash.h"

enum { HAK_PYTHON_SEEN = 24 };

typedef struct hak_python_step {
    uintptr_t at, instruction; /* 0: what is there may be other code each time */
    uint64_t words;            /* of it and those further out; frames of the interpreter's own have none */
} hak_python_step_t;

typedef struct hak_python_seen {
    uint64_t gone; /* hak_python_codes_gone at that time */
    uintptr_t beyond; /* the frame that called the outermost step; 0: none */
    size_t count;
    hak_python_step_t steps[HAK_PYTHON_SEEN];
    uint64_t words[HAK_PYTHON_SEEN];    /* see hak_python_frame_code */
    uint64_t sums[HAK_PYTHON_SEEN + 1]; /* at i: the hash of the first i words */
    struct {
        size_t max;    /* words that were asked for; 0: the steps were not all that there is to them */
        size_t count, last; /* words; the outermost step that matters to them */
        bool whole;    /* there are no more */
        uint64_t hash; /* of them alone */
    } taken;           /* by the last walk */
} hak_python_seen_t;

/* The place of the frame among the steps; their number if it is not there. */
static inline size_t hak_python_find_step(const hak_python_seen_t *seen, uintptr_t at) {
    for (size_t i = seen->count; i-- != 0;) {
        if (seen->steps[i].at == at) return i;
    }
    return seen->count;
}

static inline uint64_t hak_python_words_before(const hak_python_seen_t *seen, size_t step) {
    return step == 0 ? 0 : seen->steps[step - 1].words;
}

/* Puts a frame on top, with its word, 0 for none; false: no room. */
static inline bool hak_python_push_step(hak_python_seen_t *seen, uintptr_t at, uintptr_t instruction, uint64_t word) {
    if (seen->count == HAK_PYTHON_SEEN) return false;
    uint64_t words = hak_python_words_before(seen, seen->count);
    if (word != 0) {
        seen->words[words] = word;
        seen->sums[words + 1] = hak_hash_add(seen->sums[words], word);
        words++;
    }
    seen->steps[seen->count++] = (hak_python_step_t){at, instruction, words};
    return true;
}

/* Writes the innermost frames, at most `max`, outermost first, and notes what they are. */
static inline void hak_python_take_words(hak_python_seen_t *seen, uint64_t *frames, size_t max) {
    size_t all = hak_python_words_before(seen, seen->count), count = hak_min(all, max), from = all - count, last = 0;
    while (last + 1 < seen->count && all - seen->steps[last].words >= max) last++;
    memcpy(frames, seen->words + from, count * sizeof *frames);
    seen->taken.max = max;
    seen->taken.count = count;
    seen->taken.last = last;
    seen->taken.whole = last == 0 && all < max;
    seen->taken.hash = hak_hash_between(seen->sums[from], seen->sums[all], count);
}

#endif
