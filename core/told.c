#include "told.h"

#include <dlfcn.h>

#include "diag.h"
#include "large.h"
#include "options.h"

/* What an operator new of the program's own asks of malloc is its affair, while delete may still be this one's. */
static bool has_new_of_its_own(void) {
    static const char *const doors[] = {"_Znwm", "_Znam", "_ZnwmSt11align_val_t", "_ZnamSt11align_val_t"};
    void *program = dlopen(NULL, RTLD_LAZY); /* RTLD_DEFAULT begins with this library, which binds to itself first */
    Dl_info own, found;
    if (program == NULL || dladdr(__extension__(void *)has_new_of_its_own, &own) == 0) return true;
    for (size_t i = 0; i < sizeof doors / sizeof *doors; i++) {
        void *door = dlsym(program, doors[i]);
        if (door == NULL || dladdr(door, &found) == 0 || found.dli_fbase != own.dli_fbase) return true;
    }
    return false;
}

/* The block goes back as what it is, so that nothing comes of what was said: release tells it once, and the program goes on. */
static HAK_COLD void mismatch(hak_error_t error, const void *block, hak_door_t door) {
    static _Atomic bool settled;
    if (hak_options.check_kinds == 0 || hak_load_relaxed(&settled)) return;
    hak_store_relaxed(&settled, true);
    if (has_new_of_its_own()) return;
    if (HAK_DEBUG) hak_fatal(error, block, hak_door_name(door));
    hak_tell(error, block, hak_door_name(door));
}

static bool fits_size(unsigned c, size_t have, hak_door_t door, hak_told_t told) {
    bool exact = hak_door_family(door) != HAK_DOOR_malloc && told.alignment <= 1;
    if (!exact) return told.size <= have;
    if (c == HAK_CLASS_LARGE) return told.size <= have && told.size > have / 2;
    if (told.size > HAK_WIDE_MAX) return false;
    unsigned own = hak_class_of(told.size);
    return own == c || (hak_class_is_long(own) && !HAK_SECURE && hak_class_serves(c, own)); /* long.h */
}

/* As hak_alloc_aligned chooses: a class whose size is a multiple of the alignment, or a span. */
static bool fits_alignment(const void *block, unsigned c, size_t alignment) {
    if (alignment <= HAK_BLOCK_ALIGN || !hak_is_power_of_two(alignment)) return true;
    return (c == HAK_CLASS_LARGE ? (uintptr_t)block : hak_classes[c].size) % alignment == 0;
}

void hak_told_check_slow(const void *block, unsigned c, hak_door_t door, hak_told_t told) {
    if (c == 0) return; /* no block, as the release says */
    size_t have = c == HAK_CLASS_LARGE ? hak_large_size(hak_unit_of(block)) : hak_classes[c].size;
    if (told.has_size && !fits_size(c, have, door, told)) mismatch(HAK_ERROR_size_mismatch, block, door);
    if (!fits_alignment(block, c, told.alignment)) mismatch(HAK_ERROR_alignment_mismatch, block, door);
}
