#include "look.h"

#include "diag.h"

/* Where the slab of a block begins that a list of class `c` names, and how many bytes of it were carved. `before` is the block
 * whose link led there: what is wrong was written to it. */
static uintptr_t slab_of(unsigned c, const void *block, const void *before, size_t *bytes) {
    size_t unit = hak_unit_of(block);
    if (HAK_UNLIKELY(!hak_arena_holds(block) || hak_page_map_class(unit) != c)) hak_link_fatal(before);
    size_t slab = hak_slab_head(unit);
    *bytes = (size_t)hak_slab_carved(hak_unit(slab)) * hak_classes[c].size;
    return (uintptr_t)hak_unit_address(slab);
}

HAK_NOINLINE void hak_look_along(unsigned c, hak_chain_t chain, uint32_t most) {
    const size_t size = hak_classes[c].size;
    const void *block = chain.head, *before = block, *mark = NULL;
    uintptr_t slab = 0;
    size_t bytes = 0;
    for (uint32_t i = 0, steps = (uint32_t)hak_min(chain.count, most); i < steps; i++) {
        if ((uintptr_t)block - slab >= bytes) slab = slab_of(c, block, before, &bytes);
        size_t offset = (uintptr_t)block - slab;
        if (HAK_UNLIKELY(offset >= bytes || hak_class_block_index(c, offset) * size != offset))
            hak_fatal(HAK_ERROR_interior_pointer, block, "free");
        if (HAK_UNLIKELY(block == mark)) hak_fatal(HAK_ERROR_double_free, block, "free");
        if ((i & (i - 1)) == 0) mark = block; /* R. P. Brent's way to find a cycle, BIT 20 (1980) */
        before = block;
        block = hak_next(block);
    }
    if (HAK_UNLIKELY(chain.count <= most && block != NULL)) hak_link_fatal(before);
}
