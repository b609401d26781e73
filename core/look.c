#include "look.h"

#include "diag.h"

/* How far into its slab a block of class `c` lies. Slabs of small blocks are one unit, which saves a look at the descriptor. */
static inline size_t offset_in_slab(const hak_class_t *class, size_t distance) {
    if (HAK_LIKELY(class->units == 1)) return distance & (HAK_UNIT_SIZE - 1);
    return distance - (hak_slab_head(distance >> HAK_UNIT_SHIFT) << HAK_UNIT_SHIFT);
}

HAK_NOINLINE void hak_look_along(unsigned c, hak_chain_t chain, uint32_t most) {
    const hak_class_t *class = &hak_classes[c];
    const uintptr_t base = hak_arena_base();
    const size_t size = hak_load_relaxed(&hak_arena.size);
    const void *block = chain.head, *before = block, *mark = NULL;
    uint32_t marked = 0;
    for (uint32_t i = 0, steps = (uint32_t)hak_min(chain.count, most); i < steps; i++) {
        size_t distance = (uintptr_t)block - base;
        if (HAK_UNLIKELY(distance >= size || hak_page_map_class(distance >> HAK_UNIT_SHIFT) != c)) hak_link_fatal(before);
        size_t offset = offset_in_slab(class, distance);
        if (HAK_UNLIKELY(hak_class_block_index(c, offset) * (size_t)class->size != offset)) {
            hak_fatal(HAK_ERROR_interior_pointer, block, "free");
        }
        if (HAK_UNLIKELY(block == mark)) hak_fatal(HAK_ERROR_double_free, block, "free");
        if (i == marked) { /* R. P. Brent's way to find a cycle, BIT 20 (1980) */
            mark = block;
            marked = 2 * i + 1;
        }
        before = block;
        block = hak_next(block);
    }
    if (HAK_UNLIKELY(chain.count <= most && block != NULL)) hak_link_fatal(before);
}
