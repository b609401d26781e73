/* stack.h -- where a thread is: its native and Python frames, each distinct stack kept once under a number.
 * May use: base, bits, atomic, os, hash, depot, object, unwind, python_layout, python_code,
 * python_frames.
 * Debug flavour alone. Never allocates from the heap, never locks, keeps errno: it may be called inside malloc, in a signal
 * handler and in a forked child. The allocator's own frames are left out: the innermost is the caller of malloc. */
#ifndef HAK_STACK_H
#define HAK_STACK_H

#include "base.h"

enum { HAK_STACK_DEPTH_MAX = 64 };

/* At most `depth` native and as many Python frames a stack, all stacks in `budget` bytes. 0, and also no call at all: none are
 * captured. To be called before the program's own code runs: objects that are loaded by then are taken to stay. */
void hak_stack_open(size_t depth, size_t budget);

/* The number of this thread's stack; 0 if none is kept. With the third argument of a signal handler (ucontext_t), the stack at
 * which the signal struck. */
uint32_t hak_stack_capture(const void *signal_context);
/* The stack from the caller of the function on that passes its own __builtin_frame_address(0), for which the compiler lays the
 * caller's frame pointer and the return address there. */
uint32_t hak_stack_capture_from(const void *frame_address);

/* The calling thread will capture few more, if any. */
void hak_stack_thread_ends(void);
/* In the child. */
void hak_stack_after_fork(void);

/* Innermost frames first. `pcs[i] - 1` lies in the instruction that is executing: they are return addresses, and for a frame
 * that a signal struck the address after its pc. */
typedef struct hak_stack_view {
    const uintptr_t *pcs;
    size_t count, python_count;
    const uint64_t *python; /* see hak_stack_python_frame */
} hak_stack_view_t;

typedef struct hak_python_frame {
    const char *file, *function; /* UTF-8; the function's qualified name */
    uint32_t line;               /* 0 if it is not known */
} hak_python_frame_t;

/* False if there is no such number. What the view points to stays for ever. */
bool hak_stack_get(uint32_t number, hak_stack_view_t *view);
hak_python_frame_t hak_stack_python_frame(const hak_stack_view_t *view, size_t index);

/* An executable mapping of a loaded object. */
typedef struct hak_module {
    uintptr_t start, end, bias;
    size_t offset;                    /* of `start` in the file */
    const char *path;                 /* "" for the program itself */
    unsigned char build_id[32];
    size_t build_id_size;             /* 0 if it has none */
} hak_module_t;

/* Those of all objects that are loaded now. Holds the dynamic linker's lock: not for signal handlers. */
void hak_stack_modules(void (*visit)(const hak_module_t *module, void *context), void *context);
/* The one in which `pc` lies. Takes no lock where the C library has _dl_find_object. */
bool hak_stack_module_of(uintptr_t pc, hak_module_t *module);

/* The CPython in this process: its version, as PY_VERSION_HEX; 0 if none was seen so far. `*status` is "ok" or "unsupported: "
 * and why. */
uint32_t hak_stack_python(const char **status);

typedef struct hak_stack_figures {
    uint64_t captures, stacks, lost; /* captures: of several threads at once, some are not counted; lost: the budget was used up */
    size_t budget, used;             /* bytes */
} hak_stack_figures_t;
hak_stack_figures_t hak_stack_figures(void);

#endif
