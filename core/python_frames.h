/* python_frames.h -- the Python frames of the calling thread.
 * May use: base, bits, atomic, os, recent, hash, depot, object, python_layout, python_code, python_seen.
 * Only the interpreter's getter of the thread's state is called; the rest is read where python_layout.h says. The frames are the
 * calling thread's own, which no other thread changes, and it does not while it is here. */
#ifndef HAK_PYTHON_FRAMES_H
#define HAK_PYTHON_FRAMES_H

#include "atomic.h"
#include "python_code.h"

/* Writes at most `max` frames, the innermost ones, outermost first, and adds them to *hash (hash.h). careful: every read may fail,
 * as after a signal that struck anywhere. */
size_t hak_python_walk(uint64_t *frames, size_t max, bool careful, uint64_t *hash);
/* The same if they are those of the thread's last walk, without writing them; false: they are not. */
bool hak_python_known(size_t max, uint64_t *hash, size_t *count);

/* A code object may be followed by another at its address, so frames are looked at anew each time, unless the end of their code
 * object would be told: by hak_python_block_ends, if the function says so of it. NULL: of none. */
extern bool (*hak_python_end_is_told)(const void *code);

extern _Atomic uint64_t hak_python_codes_gone;
extern _Atomic uintptr_t hak_python_code_type, hak_python_type_offset; /* 0 before the first frame was seen */
/* The block, whose bytes are still there, will be no object any more. */
HAK_RAW_READS static inline void hak_python_block_ends(const void *block, size_t size) {
    enum { LEAST = 64 }; /* of a code object */
    uintptr_t type = hak_load_relaxed(&hak_python_code_type);
    if (size < LEAST || type == 0) return;
    const volatile uintptr_t *at = (const volatile uintptr_t *)((const char *)block + hak_load_relaxed(&hak_python_type_offset));
    if (HAK_UNLIKELY(*at == type)) hak_add_relaxed(&hak_python_codes_gone, 1);
}

/* A frame in a word: its code's number, and the instruction's offset plus 1; 0: it is not known. */
static inline uint32_t hak_python_frame_code(uint64_t frame) { return (uint32_t)(frame >> 32); }
static inline uint32_t hak_python_frame_line(uint64_t frame) {
    uint32_t offset = (uint32_t)frame;
    return offset == 0 ? 0 : hak_python_code_line(hak_python_frame_code(frame), offset - 1);
}

#endif
