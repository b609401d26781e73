#include "stack.h"

#include "atomic.h"
#include "bits.h"
#include "depot.h"
#include "hash.h"
#include "object.h"
#include "python_frames.h"
#include "unwind.h"

enum { HAK_DEPOT_STACK = 1 };

/* What the depot keeps of a stack: this, and then its words. */
typedef struct stack_header {
    uint32_t native, python;
} stack_header_t;

static struct {
    size_t depth;
    hak_code_t own; /* the allocator's code, if it is a library of its own */
    _Atomic uint64_t captures, stacks, lost;
} stacks;

static hak_code_t own_code(void) {
    hak_object_t object;
    hak_extent_t extent;
    uintptr_t pc = (uintptr_t)hak_stack_capture;
    bool is_library = hak_object_find(pc, &object) && object.path[0] != '\0' && hak_object_extent(pc, &extent);
    return is_library ? (hak_code_t){extent.start, extent.end} : (hak_code_t){0, 0};
}

static void look_for_python(const hak_object_t *object, void *context) {
    (void)context;
    hak_python_look(object);
}

void hak_stack_open(size_t depth, size_t budget) {
    if (depth == 0 || !hak_depot_open(budget)) return;
    if (stacks.depth == 0) hak_object_lasting(look_for_python, NULL);
    stacks.own = own_code();
    stacks.depth = hak_min(depth, HAK_STACK_DEPTH_MAX);
}

/* What the depot knows of a stack: its two walks, as one hash. */
static inline uint64_t hash_of_walks(uint64_t hash, size_t native, size_t python) {
    return hak_hash_end(hash, (uint64_t)HAK_DEPOT_STACK << 32 | native << 16 | python);
}

/* The number of a stack that the thread had before; 0: it is to be walked anew. */
static inline uint32_t capture_known(hak_registers_t here) {
    hak_walk_t walk;
    if (!hak_unwind_known(here, stacks.depth, &walk)) return 0;
    uint64_t words[HAK_STACK_DEPTH_MAX], hash = walk.hash;
    size_t python;
    if (!hak_python_known(stacks.depth, &hash, &python)) python = hak_python_walk(words, stacks.depth, false, &hash);
    hash = hash_of_walks(hash, walk.count, python);
    uint32_t known = (uint32_t)hak_recent_get(walk.stack, hash);
    if (HAK_LIKELY(known != 0)) return known;
    known = hak_depot_known(hash);
    if (known != 0) hak_recent_note(walk.stack, hash, known);
    return known;
}

static HAK_NOINLINE uint32_t capture_anew(hak_registers_t here, bool exact) {
    struct {
        stack_header_t header;
        uint64_t words[2 * HAK_STACK_DEPTH_MAX];
    } found;
    hak_walk_t walk = hak_unwind(here, exact, exact ? (hak_code_t){0, 0} : stacks.own, found.words, stacks.depth);
    for (size_t i = 0; walk.fresh && i < walk.count; i++) {
        hak_object_t object;
        if (hak_object_find(found.words[i] - 1, &object)) hak_python_look(&object);
    }
    uint64_t hash = walk.hash;
    size_t python = hak_python_walk(found.words + walk.count, stacks.depth, exact, &hash);
    found.header = (stack_header_t){(uint32_t)walk.count, (uint32_t)python};
    size_t size = sizeof found.header + (walk.count + python) * sizeof found.words[0];
    bool fresh;
    uint32_t number = hak_depot_keep_hashed(HAK_DEPOT_STACK, &found, size, hash_of_walks(hash, walk.count, python), &fresh);
    if (fresh) hak_add_relaxed(&stacks.stacks, 1);
    if (number == 0) hak_add_relaxed(&stacks.lost, 1);
    return number;
}

static uint32_t capture_at(hak_registers_t here, bool exact) {
    hak_store_relaxed(&stacks.captures, hak_load_relaxed(&stacks.captures) + 1);
    uint32_t known = exact ? 0 : capture_known(here);
    return HAK_LIKELY(known != 0) ? known : capture_anew(here, exact);
}

uint32_t hak_stack_capture_from(const void *frame_address) {
    const uintptr_t *frame = frame_address;
    if (stacks.depth == 0) return 0;
    return capture_at((hak_registers_t){frame[1], (uintptr_t)(frame + 2), frame[0]}, false);
}

HAK_NOINLINE uint32_t hak_stack_capture(const void *signal_context) {
    if (signal_context == NULL) return hak_stack_capture_from(__builtin_frame_address(0));
    return stacks.depth == 0 ? 0 : capture_at(hak_os_registers(signal_context), true);
}

void hak_stack_thread_ends(void) { hak_unwind_thread_ends(); }
void hak_stack_after_fork(void) { hak_unwind_after_fork(); }

bool hak_stack_get(uint32_t number, hak_stack_view_t *view) {
    size_t size;
    const stack_header_t *header = hak_depot_get(HAK_DEPOT_STACK, number, &size);
    if (header == NULL) return false;
    const uintptr_t *words = (const uintptr_t *)(header + 1);
    *view = (hak_stack_view_t){words, header->native, header->python, words + header->native};
    return true;
}

hak_python_frame_t hak_stack_python_frame(const hak_stack_view_t *view, size_t index) {
    uint64_t frame = view->python[view->python_count - 1 - index]; /* they are kept outermost first */
    uint32_t code = hak_python_frame_code(frame);
    return (hak_python_frame_t){hak_python_code_file(code), hak_python_code_function(code), hak_python_frame_line(frame)};
}

static hak_module_t module_of(const hak_object_t *object, const hak_segment_t *segment) {
    hak_module_t module = {segment->start, segment->end, object->bias, segment->offset, object->path, {0}, 0};
    module.build_id_size = hak_object_build_id(object, module.build_id, sizeof module.build_id);
    return module;
}

typedef struct module_tour {
    void (*visit)(const hak_module_t *, void *);
    void *context;
} module_tour_t;

static void visit_segments(const hak_object_t *object, void *context) {
    const module_tour_t *tour = context;
    for (size_t i = 0; i < object->count; i++) {
        if (!object->segments[i].executable) continue;
        hak_module_t module = module_of(object, &object->segments[i]);
        tour->visit(&module, tour->context);
    }
}

void hak_stack_modules(void (*visit)(const hak_module_t *module, void *context), void *context) {
    module_tour_t tour = {visit, context};
    hak_object_each(visit_segments, &tour);
}

bool hak_stack_module_of(uintptr_t pc, hak_module_t *module) {
    hak_object_t object;
    if (!hak_object_find(pc, &object)) return false;
    for (size_t i = 0; i < object.count; i++) {
        const hak_segment_t *segment = &object.segments[i];
        if (!segment->executable || pc < segment->start || pc >= segment->end) continue;
        *module = module_of(&object, segment);
        return true;
    }
    return false;
}

uint32_t hak_stack_python(const char **status) { return hak_python_status(status); }

hak_stack_figures_t hak_stack_figures(void) {
    hak_depot_figures_t depot = hak_depot_figures();
    return (hak_stack_figures_t){
        .captures = hak_load_relaxed(&stacks.captures),
        .stacks = hak_load_relaxed(&stacks.stacks),
        .lost = hak_load_relaxed(&stacks.lost),
        .budget = depot.budget,
        .used = depot.used,
    };
}
