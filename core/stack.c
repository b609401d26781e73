#include "stack.h"

#include <string.h>

#include "atomic.h"
#include "depot.h"

enum { KIND_STACK = 1 };

/* What the depot keeps of a stack: this, and then its words. */
typedef struct header {
    uint32_t native, python;
} header_t;

static struct {
    size_t depth;
    _Atomic uint64_t captures, lost;
} stacks;

void hak_stack_open(size_t depth, size_t budget) {
    if (depth > HAK_STACK_DEPTH_MAX) depth = HAK_STACK_DEPTH_MAX;
    if (depth != 0 && hak_depot_open(budget)) stacks.depth = depth;
}

HAK_NOINLINE uint32_t hak_stack_capture(const void *signal_context) {
    (void)signal_context;
    if (stacks.depth == 0) return 0;
    struct {
        header_t header;
        uintptr_t words[1];
    } found = {{1, 0}, {(uintptr_t)__builtin_return_address(0)}};
    uint32_t number = hak_depot_keep(KIND_STACK, &found, sizeof found);
    hak_add_relaxed(&stacks.captures, 1);
    if (number == 0) hak_add_relaxed(&stacks.lost, 1);
    return number;
}

bool hak_stack_get(uint32_t number, hak_stack_view_t *view) {
    size_t size;
    const header_t *header = hak_depot_get(KIND_STACK, number, &size);
    if (header == NULL) return false;
    const uintptr_t *words = (const uintptr_t *)(header + 1);
    *view = (hak_stack_view_t){words, header->native, header->python, words + header->native};
    return true;
}

hak_python_frame_t hak_stack_python_frame(const hak_stack_view_t *view, size_t index) {
    (void)view;
    (void)index;
    return (hak_python_frame_t){"", "", 0};
}

void hak_stack_modules(void (*visit)(const hak_module_t *module, void *context), void *context) {
    (void)visit;
    (void)context;
}

bool hak_stack_module_of(uintptr_t pc, hak_module_t *module) {
    (void)pc;
    (void)module;
    return false;
}

uint32_t hak_stack_python(const char **status) {
    *status = "";
    return 0;
}

hak_stack_figures_t hak_stack_figures(void) {
    hak_depot_figures_t depot = hak_depot_figures();
    return (hak_stack_figures_t){
        .captures = hak_load_relaxed(&stacks.captures),
        .lost = hak_load_relaxed(&stacks.lost),
        .budget = depot.budget,
        .used = depot.used,
    };
}
