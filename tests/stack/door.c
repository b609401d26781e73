/* A library of the core's stack layers alone, for interpreters to load: it tells a thread which Python frames the core sees. */
#include <stdio.h>
#include <time.h>

#include "python_frames.h"
#include "stack.h"

#define DOOR __attribute__((visibility("default")))

DOOR void door_open(size_t depth) { hak_stack_open(depth, 32 << 20); }

/* From now on no code object ends. */
static bool always(const void *code) { return code != NULL; }
DOOR void door_code_lasts(void) { hak_python_end_is_told = always; }

DOOR uint32_t door_capture(void) { return hak_stack_capture(NULL); }

/* "file", "function" and "line", each followed by a byte 0; the length, 0 past the outermost frame. */
DOOR int door_python_frame(uint32_t number, size_t index, char *text, size_t size) {
    hak_stack_view_t view;
    if (!hak_stack_get(number, &view) || index >= view.python_count) return 0;
    hak_python_frame_t frame = hak_stack_python_frame(&view, index);
    return snprintf(text, size, "%s%c%s%c%u", frame.file, 0, frame.function, 0, frame.line);
}

DOOR uint32_t door_python(const char **status) { return hak_stack_python(status); }

DOOR size_t door_native(uint32_t number, uintptr_t *pcs, size_t max) {
    hak_stack_view_t view;
    if (!hak_stack_get(number, &view)) return 0;
    size_t count = view.count < max ? view.count : max;
    for (size_t i = 0; i < count; i++) pcs[i] = view.pcs[i];
    return count;
}

/* Nanoseconds that a capture takes here, the least of some rounds. */
DOOR double door_cost(size_t captures) {
    double least = 1e18;
    for (int round = 0; round < 5; round++) {
        struct timespec start, end;
        clock_gettime(CLOCK_MONOTONIC, &start);
        for (size_t i = 0; i < captures; i++) hak_stack_capture(NULL);
        clock_gettime(CLOCK_MONOTONIC, &end);
        double ns = (double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec);
        if (ns / (double)captures < least) least = ns / (double)captures;
    }
    return least;
}
