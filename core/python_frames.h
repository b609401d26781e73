/* python_frames.h -- the Python frames of the calling thread.
 * May use: base, bits, atomic, os, depot, object, python_layout, python_code.
 * Only the interpreter's getter of the thread's state is called; the rest is read where python_layout.h says. The frames are the
 * calling thread's own, which no other thread changes, and it does not while it is here. */
#ifndef HAK_PYTHON_FRAMES_H
#define HAK_PYTHON_FRAMES_H

#include "python_code.h"

/* Writes at most `max` frames, innermost first. careful: every read may fail, as after a signal that struck anywhere. */
size_t hak_python_walk(uint64_t *frames, size_t max, bool careful);

/* A frame in a word: its code's number, and the instruction's offset plus 1; 0: it is not known. */
static inline uint32_t hak_python_frame_code(uint64_t frame) { return (uint32_t)(frame >> 32); }
static inline uint32_t hak_python_frame_line(uint64_t frame) {
    uint32_t offset = (uint32_t)frame;
    return offset == 0 ? 0 : hak_python_code_line(hak_python_frame_code(frame), offset - 1);
}

#endif
