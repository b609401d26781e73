#include "python_frames.h"

#include <pthread.h>

#include "bits.h"
#include "hash.h"
#include "object.h"
#include "os.h"
#include "python_seen.h"
#include "recent.h"

enum {
    OWNED_BY_INTERPRETER = 3, /* frames of that owner, and above, belong to no Python function */
    TAGS = 7,                 /* bits of a reference that are not of its address (_PyStackRef, 3.14) */
    CODES = 1 << 15,
    CODES_WAYS = 8,
    SKIPPED_MAX = 1024, /* frames without code in one walk: more is no chain of frames */
};

/* Code objects that were seen: the upper half of the hash of what they hold, and their number. Entries are replaced at will. */
static _Atomic uint64_t codes[CODES] HAK_ALIGNED(HAK_CACHE_LINE);
/* Frames that were seen, as words, by code object and instruction, of code objects whose end is told (see python_frames.h). */
static hak_recent_t recent_frames[HAK_RECENT_SIZE] HAK_ALIGNED(HAK_CACHE_LINE);
_Atomic uint64_t hak_python_codes_gone;
_Atomic uintptr_t hak_python_code_type, hak_python_type_offset;
bool (*hak_python_end_is_told)(const void *code);

HAK_RAW_READS static inline uintptr_t raw_word(uintptr_t at) { return *(const volatile uintptr_t *)at; }
HAK_RAW_READS static inline uint32_t raw_int(uintptr_t at) { return *(const volatile uint32_t *)at; }
HAK_RAW_READS static inline uint8_t raw_byte(uintptr_t at) { return *(const volatile uint8_t *)at; }

static uint64_t fold_words(uint64_t a, uint64_t b) { return hak_hash_fold(a ^ 0x2d358dccaa6c78a5u, b ^ 0x8bb84b93962eacc9u); }

/* Of a code object: where it and its parts lie, and of the parts what another object there would not share, the hash of the
 * name and the start of the lines. */
static inline uint64_t fingerprint(const hak_python_layout_t *layout, uintptr_t code) {
    uintptr_t name = raw_word(code + layout->code.qualname), lines = raw_word(code + layout->code.linetable);
    uint64_t name_hash = raw_word(name + layout->text.length + sizeof(uintptr_t));
    uint64_t first = (uint64_t)raw_int(code + layout->code.firstlineno) << 32 | raw_int(code + layout->object.size);
    uint64_t parts = fold_words(name, lines) ^ fold_words(raw_word(code + layout->code.filename), name_hash);
    return fold_words(parts + raw_word(lines + layout->bytes_data), first ^ code << 8);
}

static uint32_t code_number(const hak_python_layout_t *layout, uintptr_t code) {
    uint64_t hash = fingerprint(layout, code);
    _Atomic uint64_t *line = &codes[hash % (CODES / CODES_WAYS) * CODES_WAYS];
    for (size_t way = 0; way < CODES_WAYS; way++) {
        uint64_t entry = hak_load_acquire(&line[way]); /* partner: the release below */
        if ((entry ^ hash) >> 32 == 0 && entry != 0) return (uint32_t)entry;
    }
    uint32_t number = hak_python_code_keep(layout, code, false, NULL);
    size_t way = 0;
    while (way < CODES_WAYS && hak_load_relaxed(&line[way]) != 0) way++;
    if (way == CODES_WAYS) way = code / 64 % CODES_WAYS;
    if (number != 0) hak_store_release(&line[way], hash >> 32 << 32 | number);
    return number;
}

/* A frame of the chain. */
typedef struct frame {
    uintptr_t code, previous, instruction;
    uint8_t owner;
} frame_t;

static HAK_INLINE bool read_word(uintptr_t at, uintptr_t *value, bool careful) {
    if (careful) return hak_os_peek(at, value, sizeof *value);
    *value = raw_word(at);
    return true;
}

static inline bool read_frame(const hak_python_layout_t *layout, uintptr_t at, frame_t *frame, bool careful) {
    if (at % sizeof(uintptr_t) != 0) return false;
    if (careful) {
        if (!hak_os_peek(at + layout->frame.owner, &frame->owner, 1)) return false;
    } else {
        frame->owner = raw_byte(at + layout->frame.owner);
    }
    bool read = read_word(at + layout->frame.executable, &frame->code, careful) &&
                read_word(at + layout->frame.previous, &frame->previous, careful) &&
                read_word(at + layout->frame.instr_ptr, &frame->instruction, careful);
    frame->code &= ~(uintptr_t)TAGS;
    return read;
}

/* Where the frame's instructions start: in a free-threaded 3.14 threads may have copies of them. */
static uintptr_t bytecode(const hak_python_layout_t *layout, uintptr_t at, uintptr_t code, bool careful) {
    uintptr_t copies, start;
    uint32_t index;
    if (layout->frame.tlbc_index == 0 || layout->code.tlbc == 0) return code + layout->code.bytecode;
    if (careful && !hak_os_peek(at + layout->frame.tlbc_index, &index, sizeof index)) return 0;
    if (!careful) index = raw_int(at + layout->frame.tlbc_index);
    if (index == 0 || !read_word(code + layout->code.tlbc, &copies, careful) || copies == 0) {
        return code + layout->code.bytecode;
    }
    return read_word(copies + (1 + (uintptr_t)index) * sizeof start, &start, careful) ? start : 0;
}

/* A frame that has not started yet stands before its first instruction: it is given that one. */
static uint32_t offset_of(const hak_python_layout_t *layout, uintptr_t at, const frame_t *frame, bool careful) {
    intptr_t distance = (intptr_t)(frame->instruction - bytecode(layout, at, frame->code, careful));
    if (distance < 0 && distance >= -16) distance = 0;
    return distance < 0 || distance >= INT32_MAX ? 0 : (uint32_t)(distance / 2) + 1;
}

/* Does `code` lead to a code object? */
static bool is_code(const hak_python_layout_t *layout, uintptr_t code, bool careful) {
    uintptr_t type;
    return code != 0 && read_word(code + layout->object.type, &type, careful) && type == hak_load_relaxed(&hak_python_code_type);
}

static _Thread_local struct {
    bool inside;     /* the getter, and in it the dynamic linker, may allocate and so come here again */
    uintptr_t state; /* the last one */
    hak_python_seen_t seen;
} own;

static HAK_INLINE uintptr_t own_state(const hak_python_layout_t *layout, void *(*get)(void), bool careful) {
    uintptr_t state = get != NULL ? (uintptr_t)get() : 0, owner = 0;
    /* That of 3.11 may be another thread's, and one that has ended may have been freed: first look may fail. */
    if (state == 0 || !read_word(state + layout->thread.thread_id, &owner, careful || state != own.state)) return 0;
    if (owner != (uintptr_t)pthread_self()) return 0;
    return own.state = state;
}

/* The frame that the thread is in; 0 if it runs no Python. */
static HAK_INLINE uintptr_t top_frame(const hak_python_layout_t *layout, bool careful) {
    uintptr_t state = own_state(layout, layout->current_thread_state, careful), top = 0;
    if (state == 0) state = own_state(layout, layout->own_thread_state, careful);
    if (state == 0 || !read_word(state + layout->thread.current_frame, &top, careful) || top == 0) return 0;
    if (layout->thread.by_cframe && !read_word(top + layout->thread.cframe_frame, &top, careful)) return 0;
    return top;
}

/* Where this thread's first frame will show: words that were read with care, in a state that is the thread's still. An interpreter
 * that starts calls malloc thousands of times before it runs its first frame. */
static _Thread_local struct {
    uintptr_t state, top;
} before_frames;

static bool no_frame_yet(const hak_python_layout_t *layout) {
    uintptr_t state = before_frames.state;
    if (state == 0 || (uintptr_t)layout->current_thread_state() != state) return false;
    uintptr_t top = raw_word(state + layout->thread.current_frame);
    return top == before_frames.top && (top == 0 || raw_word(top + layout->thread.cframe_frame) == 0);
}

static void note_no_frame(const hak_python_layout_t *layout) {
    uintptr_t state = own_state(layout, layout->current_thread_state, true), top;
    if (state == 0 || !read_word(state + layout->thread.current_frame, &top, true)) return;
    if (top != 0 && !layout->thread.by_cframe) return;
    before_frames.state = state;
    before_frames.top = top;
}

/* Reads the innermost frame that has code as if nothing were known. False: there is none to be seen yet. */
static bool try_layout(const hak_python_layout_t *layout, bool careful) {
    if (!careful && no_frame_yet(layout)) return false;
    uintptr_t at = top_frame(layout, true), type;
    if (at == 0) note_no_frame(layout);
    frame_t frame;
    for (size_t skipped = 0; at != 0 && skipped < SKIPPED_MAX; skipped++, at = frame.previous) {
        if (!read_frame(layout, at, &frame, true)) {
            hak_python_tried("unsupported: a frame cannot be read");
            return false;
        }
        const char *why_not;
        if (frame.owner >= OWNED_BY_INTERPRETER || hak_python_code_keep(layout, frame.code, true, &why_not) == 0) continue;
        if (!hak_os_peek(frame.code + layout->object.type, &type, sizeof type)) return false;
        hak_store_relaxed(&hak_python_type_offset, layout->object.type);
        hak_store_relaxed(&hak_python_code_type, type);
        if (why_not == NULL && offset_of(layout, at, &frame, true) == 0) {
            why_not = "unsupported: an instruction lies outside its code";
        }
        hak_python_tried(why_not);
        return why_not == NULL;
    }
    return false;
}

/* The instruction lies in its code object, and so names both, as long as no code object has ended. */
static inline uint64_t frame_key(uintptr_t instruction, uint64_t gone) { return instruction ^ gone << 48; }

/* Frozen code objects, as importlib's, lie in an object that stays, and never end. */
static bool is_of_program(uintptr_t code) {
    hak_extent_t extent;
    return hak_object_extent(code, &extent) && extent.lasts;
}

/* *lasts: as long as no code object ends, the instruction stands for this word. */
static HAK_NOINLINE uint64_t frame_slow(const hak_python_layout_t *layout, uintptr_t at, uint64_t key, bool *lasts) {
    frame_t frame;
    *lasts = false;
    if (!read_frame(layout, at, &frame, false) || !is_code(layout, frame.code, false)) return 0;
    uint64_t word = (uint64_t)code_number(layout, frame.code) << 32 | offset_of(layout, at, &frame, false);
    bool (*is_told)(const void *) = layout->frame.tlbc_index == 0 ? hak_python_end_is_told : NULL;
    *lasts = is_told != NULL && (is_told((const void *)frame.code) || is_of_program(frame.code));
    if (*lasts) hak_recent_add(recent_frames, key, word);
    return word;
}

static uint64_t frame_carefully(const hak_python_layout_t *layout, uintptr_t at, const frame_t *frame) {
    if (!is_code(layout, frame->code, true)) return 0;
    return (uint64_t)hak_python_code_keep(layout, frame->code, true, NULL) << 32 | offset_of(layout, at, frame, true);
}

static size_t walk_carefully(const hak_python_layout_t *layout, uint64_t *frames, size_t max) {
    size_t count = 0, skipped = 0;
    frame_t frame;
    for (uintptr_t at = top_frame(layout, true); at != 0 && count < max && skipped < SKIPPED_MAX; at = frame.previous) {
        if (!read_frame(layout, at, &frame, true)) break;
        uint64_t word = frame.owner < OWNED_BY_INTERPRETER ? frame_carefully(layout, at, &frame) : 0;
        if (word != 0) frames[count++] = word;
        else skipped++;
    }
    return count;
}

/* A frame that is read where nothing can fail: its word, 0 if it has none. */
typedef struct plain {
    uintptr_t instruction; /* 0: it does not last */
    uint64_t word;
} plain_t;

static inline plain_t read_plainly(const hak_python_layout_t *layout, uintptr_t at, uint64_t gone) {
    uintptr_t instruction = raw_word(at + layout->frame.instr_ptr);
    if (HAK_UNLIKELY(raw_byte(at + layout->frame.owner) >= OWNED_BY_INTERPRETER)) return (plain_t){instruction, 0};
    uint64_t key = frame_key(instruction, gone), word = hak_recent_find(recent_frames, key);
    bool lasts = true;
    if (HAK_UNLIKELY(word == 0)) word = frame_slow(layout, at, key, &lasts);
    return (plain_t){lasts ? instruction : 0, word};
}

static inline bool may_be_frame(uintptr_t at) { return at != 0 && at % sizeof at == 0; }

/* All anew. */
static HAK_NOINLINE size_t walk_plainly(const hak_python_layout_t *layout, uintptr_t at, uint64_t *frames, size_t max) {
    size_t count = 0, skipped = 0;
    uint64_t gone = hak_load_relaxed(&hak_python_codes_gone);
    for (; may_be_frame(at) && count < max && skipped < SKIPPED_MAX; at = raw_word(at + layout->frame.previous)) {
        uint64_t word = read_plainly(layout, at, gone).word;
        if (HAK_LIKELY(word != 0)) frames[count++] = word;
        else skipped++;
    }
    return count;
}

enum { FRESH_MAX = 8 };

/* Frames above those that were seen. */
typedef struct fresh {
    size_t count;
    uintptr_t at[FRESH_MAX];
    plain_t frame[FRESH_MAX];
} fresh_t;

/* The step went on to another instruction: its word is another. *changed: the outermost such word so far. */
static HAK_NOINLINE bool mend_step(const hak_python_layout_t *layout, hak_python_seen_t *seen, size_t i, uint64_t *changed) {
    hak_python_step_t *step = &seen->steps[i];
    plain_t now = read_plainly(layout, step->at, seen->gone);
    uint64_t before = hak_python_words_before(seen, i);
    if ((now.word != 0) != (step->words != before)) return false;
    step->instruction = now.instruction;
    if (now.word != 0) seen->words[*changed = before] = now.word;
    return true;
}

/* Looks at the steps from `top` outwards, as far as `wanted` words reach, and mends those that went on. False: they do not lie as
 * they lay, or are too few. */
static inline bool mend_steps(const hak_python_layout_t *layout, hak_python_seen_t *seen, size_t top, uint64_t wanted) {
    uintptr_t previous = layout->frame.previous, instruction = layout->frame.instr_ptr;
    uint64_t all = seen->steps[top].words, changed = all;
    size_t last = 0;
    while (all - seen->steps[last].words >= wanted) last++;
    for (const hak_python_step_t *steps = seen->steps, *step = steps + top;; step--) {
        if (HAK_UNLIKELY(raw_word(step->at + instruction) != step->instruction)) {
            if (!mend_step(layout, seen, (size_t)(step - steps), &changed)) return false;
        }
        if (step == steps + last) break;
        if (raw_word(step->at + previous) != step[-1].at) return false;
    }
    for (uint64_t i = changed; i < all; i++) seen->sums[i + 1] = hak_hash_add(seen->sums[i], seen->words[i]);
    return last != 0 || all >= wanted || (seen->beyond == 0 && raw_word(seen->steps[0].at + previous) == 0);
}

/* Finds the frames that were seen below new ones. */
static inline bool follow_seen(const hak_python_layout_t *layout, hak_python_seen_t *seen, uintptr_t at, size_t max) {
    fresh_t fresh;
    size_t top;
    uint64_t words = 0;
    for (fresh.count = 0; (top = hak_python_find_step(seen, at)) == seen->count; at = raw_word(at + layout->frame.previous)) {
        if (fresh.count == FRESH_MAX || !may_be_frame(at)) return false;
        fresh.at[fresh.count] = at;
        fresh.frame[fresh.count] = read_plainly(layout, at, seen->gone);
        words += fresh.frame[fresh.count++].word != 0;
    }
    if (words < max && !mend_steps(layout, seen, top, max - words)) return false;
    seen->count = top + 1;
    while (fresh.count-- != 0) {
        plain_t *frame = &fresh.frame[fresh.count];
        if (!hak_python_push_step(seen, fresh.at[fresh.count], frame->instruction, frame->word)) return false;
    }
    return true;
}

/* Sees all anew; false: there are more frames than are kept. */
static HAK_NOINLINE bool see_anew(const hak_python_layout_t *layout, hak_python_seen_t *seen, uintptr_t at) {
    uintptr_t found[HAK_PYTHON_SEEN];
    size_t count = 0;
    for (; may_be_frame(at) && count < HAK_PYTHON_SEEN; at = raw_word(at + layout->frame.previous)) found[count++] = at;
    seen->gone = hak_load_relaxed(&hak_python_codes_gone);
    seen->beyond = at;
    seen->count = 0;
    seen->sums[0] = 0;
    while (count-- != 0) {
        plain_t frame = read_plainly(layout, found[count], seen->gone);
        hak_python_push_step(seen, found[count], frame.instruction, frame.word);
    }
    return at == 0;
}

/* Outermost first, as the hash is made. */
static size_t turn_and_hash(uint64_t *frames, size_t count, uint64_t *hash) {
    for (size_t i = 0; i < count / 2; i++) {
        uint64_t frame = frames[i];
        frames[i] = frames[count - 1 - i];
        frames[count - 1 - i] = frame;
    }
    for (size_t i = 0; i < count; i++) *hash = hak_hash_add(*hash, frames[i]);
    return count;
}

static size_t walk_seen(const hak_python_layout_t *layout, uint64_t *frames, size_t max, uint64_t *hash) {
    hak_python_seen_t *seen = &own.seen;
    uintptr_t at = top_frame(layout, false);
    seen->taken.max = 0;
    if (at == 0) return 0;
    bool known = seen->gone == hak_load_relaxed(&hak_python_codes_gone) && follow_seen(layout, seen, at, max);
    if (HAK_UNLIKELY(!known && !see_anew(layout, seen, at) && hak_python_words_before(seen, seen->count) < max)) {
        return turn_and_hash(frames, walk_plainly(layout, at, frames, max), hash);
    }
    hak_python_take_words(seen, frames, max);
    *hash = hak_hash_join(*hash, seen->taken.hash, seen->taken.count);
    return seen->taken.count;
}

size_t hak_python_walk(uint64_t *frames, size_t max, bool careful, uint64_t *hash) {
    const hak_python_layout_t *layout;
    hak_python_state_t state = hak_python_state(&layout);
    if ((state != HAK_PYTHON_OK && state != HAK_PYTHON_UNTRIED) || own.inside) return 0;
    own.inside = true;
    size_t count = 0;
    if (state == HAK_PYTHON_OK || try_layout(layout, careful)) {
        if (HAK_UNLIKELY(careful)) count = turn_and_hash(frames, walk_carefully(layout, frames, max), hash);
        else count = walk_seen(layout, frames, max, hash);
    }
    own.inside = false;
    return count;
}

/* Do the frames that were taken last lie where they lay, and stand where they stood? */
static inline bool taken_stay(const hak_python_layout_t *layout, const hak_python_seen_t *seen, uintptr_t at) {
    uintptr_t previous = layout->frame.previous, instruction = layout->frame.instr_ptr;
    const hak_python_step_t *last = &seen->steps[seen->taken.last], *step = &seen->steps[seen->count - 1];
    if (step->at != at) return false;
    for (;; step--) {
        if (raw_word(step->at + instruction) != step->instruction) return false;
        if (step == last) return !seen->taken.whole || raw_word(step->at + previous) == 0;
        if (raw_word(step->at + previous) != step[-1].at) return false;
    }
}

bool hak_python_known(size_t max, uint64_t *hash, size_t *count) {
    const hak_python_layout_t *layout;
    const hak_python_seen_t *seen = &own.seen;
    if (hak_python_state(&layout) != HAK_PYTHON_OK || own.inside || seen->taken.max != max) return false;
    if (seen->gone != hak_load_relaxed(&hak_python_codes_gone)) return false;
    own.inside = true;
    uintptr_t at = top_frame(layout, false);
    bool stay = at != 0 && taken_stay(layout, seen, at);
    own.inside = false;
    if (stay) {
        *count = seen->taken.count;
        *hash = hak_hash_join(*hash, seen->taken.hash, seen->taken.count);
    }
    return stay;
}
