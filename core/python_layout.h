/* python_layout.h -- where CPython keeps what a stack needs: offsets into its structures, for 3.11 to 3.14.
 * May use: base, bits, atomic, os, object.
 * From 3.13 on the interpreter tells its own (_Py_DebugOffsets at the start of _PyRuntime); those of 3.11 and 3.12 are in a
 * table. Either way they are tried on a running frame (python_frames.h) before anything relies on them. */
#ifndef HAK_PYTHON_LAYOUT_H
#define HAK_PYTHON_LAYOUT_H

#include "object.h"

/* Offsets in bytes. Fields are named as CPython names them. */
typedef struct hak_python_layout {
    uint32_t version; /* PY_VERSION_HEX */
    bool free_threaded;
    struct {
        uint16_t current_frame, thread_id;
        bool by_cframe; /* current_frame is where a pointer lies to a structure with, at cframe_frame, the frame */
        uint16_t cframe_frame;
    } thread;
    struct {
        uint16_t executable, previous, instr_ptr, owner;
        uint16_t tlbc_index; /* 0: bytecode has no copies for threads */
        bool instr_is_previous;
    } frame;
    struct {
        uint16_t filename, qualname, linetable, firstlineno, bytecode;
        uint16_t tlbc;
    } code;
    struct {
        uint16_t type, size, type_name; /* ob_type, ob_size, tp_name of a type */
    } object;
    uint16_t bytes_data;
    struct {
        uint16_t length, state, ascii_data, other_data;
        uint8_t kind_bit; /* of the state; then come 3 bits of kind, compact, ascii */
    } text;
    void *(*current_thread_state)(void); /* of the thread that holds the GIL, or of this thread */
    void *(*own_thread_state)(void);     /* of this thread, also without the GIL; NULL if it is not exported */
} hak_python_layout_t;

typedef enum {
    HAK_PYTHON_NONE,        /* no interpreter was seen */
    HAK_PYTHON_LOOKING,     /* a thread is reading the layout */
    HAK_PYTHON_UNTRIED,     /* known, but not tried on a frame */
    HAK_PYTHON_OK,
    HAK_PYTHON_UNSUPPORTED,
} hak_python_state_t;

/* Is there a CPython in the object? The first one counts. */
void hak_python_look(const hak_object_t *object);
/* The state; with UNTRIED and OK the layout is there. */
hak_python_state_t hak_python_state(const hak_python_layout_t **layout);
/* What the trial of the layout brought: NULL if it is right, else why not. */
void hak_python_tried(const char *why_not);
/* PY_VERSION_HEX, 0 if no interpreter was seen, and "ok" or "unsupported: why". */
uint32_t hak_python_status(const char **status);

#endif
