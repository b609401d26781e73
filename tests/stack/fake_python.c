/* What a CPython 3.14 shows of itself, as far as the core looks: its version, the offsets at the start of _PyRuntime, a thread
 * state with frames, code and text. Its structures are its own, so that only the offsets say where things are. Compiled with
 * FREE_THREADED as such a build lays objects out: references with tags, strings' states with a byte in front, bytecode copied
 * for the thread. WRONG chooses what is not as it should be. Prints what the core says of it, and the frames that it finds. */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifndef FREE_THREADED
#define FREE_THREADED 0
#endif
#ifndef WRONG
#define WRONG 0
#endif
enum { RIGHT, WRONG_COOKIE, WRONG_VERSION, WRONG_OFFSETS, WRONG_LINES, WRONG_TEXT, NEWER, ALPHA };

#define EXPORT __attribute__((visibility("default")))

void door_open(size_t depth);
uint32_t door_capture(void);
int door_python_frame(uint32_t number, size_t index, char *text, size_t size);
uint32_t door_python(const char **status);

typedef struct object {
    uint64_t count[FREE_THREADED ? 3 : 1];
    struct type *type;
} object_t;
typedef struct type {
    object_t object;
    uint64_t size;
    const char *name;
} type_t;
typedef struct bytes {
    object_t object;
    uint64_t size, hash;
    unsigned char data[32];
} bytes_t;
typedef struct text {
    object_t object;
    uint64_t length, hash;
    uint32_t state;
    unsigned char data[48]; /* the structure for ASCII ends here; two words more, then other characters */
} text_t;
typedef struct code {
    object_t object;
    uint64_t size, unused[3];
    bytes_t *lines;
    text_t *file, *function;
    int32_t first_line;
    uintptr_t *copies;
    uint16_t bytecode[64];
} code_t;
typedef struct frame {
    uint64_t unused;
    uint16_t *instruction;
    struct frame *previous;
    uintptr_t executable;
    int32_t copy;
    char owner;
} frame_t;
typedef struct thread {
    uint64_t unused[5];
    uintptr_t id;
    frame_t *frame;
} thread_t;

static type_t of_code = {.name = "code"}, of_text = {.name = "str"}, of_bytes = {.name = "bytes"}, of_none = {.name = "NoneType"};
static object_t none = {.type = &of_none};

enum { KIND_SHIFT = FREE_THREADED ? 8 : 2, COMPACT = 8, ASCII = 16 };
static text_t plain = {{.type = &of_text}, 4, 11, (1 | COMPACT | ASCII) << KIND_SHIFT | 1, "f.py"};
static text_t two = {{.type = WRONG == WRONG_TEXT ? &of_none : &of_text}, 2, 12, (2 | COMPACT) << KIND_SHIFT, {0}};
/* Lines 7 (2 units), none (1 unit), 10 (8 units), 9 (1 unit). */
static bytes_t lines = {{.type = &of_bytes}, 9, 0, {0x80 | 13 << 3 | 1, 0, 0x80 | 15 << 3, 0x80 | 13 << 3 | 7, 6,
                                                      0x80 | 14 << 3, 3, 0, 0}};
static code_t code = {{.type = &of_code}, WRONG == WRONG_LINES ? 13 : 12, {0}, &lines, &plain, &two, 7, NULL, {0}};
static uint16_t copied[64];
static uintptr_t copies[3] = {2, (uintptr_t)code.bytecode, (uintptr_t)copied};

static frame_t outer = {0, code.bytecode + 11, NULL, (uintptr_t)&code, 0, 0};
static frame_t entry = {0, NULL, &outer, (uintptr_t)&none, 0, 3};
static frame_t inner = {0, code.bytecode + 4, &entry, (uintptr_t)&code + FREE_THREADED, 0, 0};
static thread_t thread = {.frame = &inner};

EXPORT void *PyThreadState_GetUnchecked(void);
EXPORT void *PyThreadState_GetUnchecked(void) { return &thread; }

#define VERSION (WRONG == NEWER ? 0x030f00f0 : WRONG == ALPHA ? 0x030e00a1 : 0x030e02f0)
EXPORT const unsigned long Py_Version = VERSION;

/* In the order of _Py_DebugOffsets in 3.14. */
EXPORT const uint64_t _PyRuntime[100] = {
    WRONG == WRONG_COOKIE ? 0 : 0x7970677562656478, /* "xdebugpy" */
    [1] = WRONG == WRONG_VERSION ? 0x030e01f0 : VERSION, FREE_THREADED,
    [22] = sizeof(thread_t), [26] = offsetof(thread_t, frame), offsetof(thread_t, id),
    [31] = sizeof(frame_t), offsetof(frame_t, previous), offsetof(frame_t, executable),
    WRONG == WRONG_OFFSETS ? 4000 : offsetof(frame_t, instruction), [36] = offsetof(frame_t, owner),
    [38] = FREE_THREADED ? offsetof(frame_t, copy) : 0,
    [39] = sizeof(code_t), offsetof(code_t, file), [42] = offsetof(code_t, function), offsetof(code_t, lines),
    offsetof(code_t, first_line), [48] = offsetof(code_t, bytecode), FREE_THREADED ? offsetof(code_t, copies) : 0,
    [50] = sizeof(object_t), offsetof(object_t, type), sizeof(type_t), offsetof(type_t, name),
    [74] = sizeof(bytes_t), offsetof(bytes_t, size), offsetof(bytes_t, data),
    [77] = sizeof(text_t) + 64, offsetof(text_t, state), offsetof(text_t, length), offsetof(text_t, data),
};

int main(void) {
    thread.id = (uintptr_t)pthread_self();
    static const uint16_t name[] = {0x4e2d, 0x6587};
    memcpy(two.data + 16, name, sizeof name);
    code.copies = copies;
    if (FREE_THREADED) {
        inner.copy = 1;
        inner.instruction = copied + 4;
    }
    door_open(16);
    uint32_t number = door_capture();
    const char *status;
    door_python(&status);
    printf("%s\n", status);
    char text[256];
    for (size_t i = 0; door_python_frame(number, i, text, sizeof text) != 0; i++) {
        const char *function = text + strlen(text) + 1;
        printf("%s %s %s\n", text, function, function + strlen(function) + 1);
    }
    return 0;
}
