#include "python_layout.h"

#include <string.h>

#include "atomic.h"
#include "os.h"

enum { DEBUG_WORDS = 96 };

static struct {
    _Atomic uint32_t state; /* hak_python_state_t */
    _Atomic uint32_t version;
    _Atomic(const char *) why_not;
    hak_python_layout_t layout;
} python = {.why_not = "unsupported: no frame was seen"};

/* Include/cpython/pystate.h, code.h, unicodeobject.h, object.h and Include/internal/pycore_frame.h of these versions, for
 * machines of 64 bits. */
static const hak_python_layout_t python_3_11 = {
    .thread = {.current_frame = 56, .thread_id = 152, .by_cframe = true, .cframe_frame = 8},
    .frame = {.executable = 32, .previous = 48, .instr_ptr = 56, .owner = 69, .instr_is_previous = true},
    .code = {.filename = 112, .qualname = 128, .linetable = 136, .firstlineno = 72, .bytecode = 184},
    .object = {.type = 8, .size = 16, .type_name = 24},
    .bytes_data = 32,
    .text = {.length = 16, .state = 32, .ascii_data = 48, .other_data = 72, .kind_bit = 2},
};
static const hak_python_layout_t python_3_12 = {
    .thread = {.current_frame = 56, .thread_id = 136, .by_cframe = true, .cframe_frame = 0},
    .frame = {.executable = 0, .previous = 8, .instr_ptr = 56, .owner = 70, .instr_is_previous = true},
    .code = {.filename = 112, .qualname = 128, .linetable = 136, .firstlineno = 68, .bytecode = 192},
    .object = {.type = 8, .size = 16, .type_name = 24},
    .bytes_data = 32,
    .text = {.length = 16, .state = 32, .ascii_data = 40, .other_data = 56, .kind_bit = 2},
};

/* Places, as words from its start, of what is used of _Py_DebugOffsets (Include/internal/pycore_debug_offsets.h; in 3.13
 * pycore_runtime.h). Each group starts with a structure's size, which bounds the offsets after it. */
typedef struct debug_places {
    uint8_t thread, current_frame, thread_id;
    uint8_t frame, previous, executable, instr_ptr, owner, tlbc_index;
    uint8_t code, filename, qualname, linetable, firstlineno, bytecode, tlbc;
    uint8_t object, type;
    uint8_t type_object, type_name;
    uint8_t bytes, bytes_size, bytes_data;
    uint8_t text, state, length, ascii_size;
} debug_places_t;

static const debug_places_t places_3_13 = {
    .thread = 19, .current_frame = 23, .thread_id = 24,
    .frame = 28, .previous = 29, .executable = 30, .instr_ptr = 31, .owner = 33,
    .code = 34, .filename = 35, .qualname = 37, .linetable = 38, .firstlineno = 39, .bytecode = 43,
    .object = 44, .type = 45, .type_object = 46, .type_name = 47,
    .bytes = 64, .bytes_size = 65, .bytes_data = 66,
    .text = 67, .state = 68, .length = 69, .ascii_size = 70,
};
static const debug_places_t places_3_14 = {
    .thread = 22, .current_frame = 26, .thread_id = 27,
    .frame = 31, .previous = 32, .executable = 33, .instr_ptr = 34, .owner = 36, .tlbc_index = 38,
    .code = 39, .filename = 40, .qualname = 42, .linetable = 43, .firstlineno = 44, .bytecode = 48, .tlbc = 49,
    .object = 50, .type = 51, .type_object = 52, .type_name = 53,
    .bytes = 74, .bytes_size = 75, .bytes_data = 76,
    .text = 77, .state = 78, .length = 79, .ascii_size = 80,
};

typedef struct debug_offsets {
    const uint64_t *words;
    bool wrong;
} debug_offsets_t;

/* The offset at `place`, which must lie within the structure whose size is at `size`. */
static uint16_t debug_offset(debug_offsets_t *from, unsigned size, unsigned place) {
    uint64_t offset = from->words[place], end = from->words[size];
    if (end > UINT16_MAX || offset > end) from->wrong = true;
    return (uint16_t)offset;
}

static bool read_debug_offsets(const uint64_t *words, const debug_places_t *at, hak_python_layout_t *out) {
    debug_offsets_t from = {words, false};
    out->free_threaded = words[2] != 0;
    out->thread.current_frame = debug_offset(&from, at->thread, at->current_frame);
    out->thread.thread_id = debug_offset(&from, at->thread, at->thread_id);
    out->frame.previous = debug_offset(&from, at->frame, at->previous);
    out->frame.executable = debug_offset(&from, at->frame, at->executable);
    out->frame.instr_ptr = debug_offset(&from, at->frame, at->instr_ptr);
    out->frame.owner = debug_offset(&from, at->frame, at->owner);
    if (at->tlbc_index != 0) out->frame.tlbc_index = debug_offset(&from, at->frame, at->tlbc_index);
    out->code.filename = debug_offset(&from, at->code, at->filename);
    out->code.qualname = debug_offset(&from, at->code, at->qualname);
    out->code.linetable = debug_offset(&from, at->code, at->linetable);
    out->code.firstlineno = debug_offset(&from, at->code, at->firstlineno);
    out->code.bytecode = debug_offset(&from, at->code, at->bytecode);
    if (at->tlbc != 0) out->code.tlbc = debug_offset(&from, at->code, at->tlbc);
    out->object.type = debug_offset(&from, at->object, at->type);
    out->object.type_name = debug_offset(&from, at->type_object, at->type_name);
    out->object.size = debug_offset(&from, at->bytes, at->bytes_size);
    out->bytes_data = debug_offset(&from, at->bytes, at->bytes_data);
    out->text.state = debug_offset(&from, at->text, at->state);
    out->text.length = debug_offset(&from, at->text, at->length);
    out->text.ascii_data = debug_offset(&from, at->text, at->ascii_size);
    out->text.other_data = (uint16_t)(out->text.ascii_data + 2 * sizeof(uintptr_t)); /* length and address of the UTF-8 form */
    out->text.kind_bit = out->free_threaded && at == &places_3_14 ? 8 : 2;
    return !from.wrong;
}

/* NULL, or why not. */
static const char *read_layout(uintptr_t runtime, hak_python_layout_t *out) {
    uint32_t minor = out->version >> 16 & 0xff, release = out->version >> 4 & 0xf;
    hak_python_layout_t known = minor == 11 ? python_3_11 : python_3_12;
    if (out->version >> 24 != 3 || minor < 11) return "unsupported: older than CPython 3.11";
    if (minor > 14) return "unsupported: newer than CPython 3.14";
    if (release < 0xc) return "unsupported: an alpha or beta release of CPython";
    if (minor < 13) {
        known.version = out->version;
        *out = known;
        return NULL;
    }
    uint64_t words[DEBUG_WORDS];
    if (runtime == 0 || !hak_os_peek(runtime, words, sizeof words)) return "unsupported: _PyRuntime is not exported";
    if (memcmp(words, "xdebugpy", 8) != 0) return "unsupported: _PyRuntime has no debug offsets";
    if (words[1] != out->version) return "unsupported: the debug offsets are another version's";
    const debug_places_t *places = minor == 13 ? &places_3_13 : &places_3_14;
    return read_debug_offsets(words, places, out) ? NULL : "unsupported: the debug offsets contradict each other";
}

static void *(*getter(const hak_object_t *object, const char *name))(void) {
    uintptr_t address = hak_object_symbol(object, name);
    void *(*function)(void);
    memcpy(&function, &address, sizeof function);
    return function;
}

void hak_python_look(const hak_object_t *object) {
    uint64_t version = 0;
    if (hak_load_relaxed(&python.state) != HAK_PYTHON_NONE) return;
    uintptr_t symbol = hak_object_symbol(object, "Py_Version");
    if (symbol == 0 || !hak_os_peek(symbol, &version, sizeof version)) return;
    uint32_t none = HAK_PYTHON_NONE;
    if (!hak_cas_relaxed(&python.state, &none, HAK_PYTHON_LOOKING)) return;
    hak_python_layout_t *layout = &python.layout;
    layout->version = (uint32_t)version;
    const char *why_not = read_layout(hak_object_symbol(object, "_PyRuntime"), layout);
    layout->current_thread_state = getter(object, "PyThreadState_GetUnchecked");
    if (layout->current_thread_state == NULL) {
        layout->current_thread_state = getter(object, "_PyThreadState_UncheckedGet");
    }
    layout->own_thread_state = getter(object, "PyGILState_GetThisThreadState");
    if (why_not == NULL && layout->current_thread_state == NULL) why_not = "unsupported: no thread state is exported";
    if (why_not != NULL) hak_store_relaxed(&python.why_not, why_not);
    hak_store_relaxed(&python.version, (uint32_t)version);
    /* Release: partner of the acquire in hak_python_state; shows the layout. */
    hak_store_release(&python.state, why_not == NULL ? HAK_PYTHON_UNTRIED : HAK_PYTHON_UNSUPPORTED);
}

hak_python_state_t hak_python_state(const hak_python_layout_t **layout) {
    *layout = &python.layout;
    return (hak_python_state_t)hak_load_acquire(&python.state); /* partner: the releases here */
}

void hak_python_tried(const char *why_not) {
    if (why_not != NULL) hak_store_relaxed(&python.why_not, why_not);
    hak_store_release(&python.state, why_not == NULL ? HAK_PYTHON_OK : HAK_PYTHON_UNSUPPORTED);
}

uint32_t hak_python_status(const char **status) {
    bool ok = hak_load_acquire(&python.state) == HAK_PYTHON_OK;
    *status = ok ? "ok" : hak_load_relaxed(&python.why_not);
    return hak_load_relaxed(&python.version);
}
