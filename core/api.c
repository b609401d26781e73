/* api.c -- the hak_* doors of include/hakmem.h. May use: doors, alloc, checked, stats. */
#include "hakmem.h"

#include <errno.h>

#include "checked.h"
#include "stats.h"

HAK_EXPORT void *hak_malloc(size_t size) {
    return hak_checking() ? hak_checked_alloc(size, 1, HAK_DOOR_malloc) : hak_alloc(size);
}
HAK_EXPORT void hak_free(void *block) {
    if (hak_checking()) hak_checked_free(block);
    else hak_release(block);
}
HAK_EXPORT void *hak_calloc(size_t count, size_t size) {
    return hak_checking() ? hak_checked_alloc_zero(count, size) : hak_alloc_zero(count, size);
}
HAK_EXPORT void *hak_realloc(void *block, size_t size) {
    return hak_checking() ? hak_checked_resize(block, size, HAK_DOOR_realloc) : hak_resize(block, size);
}
HAK_EXPORT void *hak_reallocarray(void *block, size_t count, size_t size) {
    return hak_checking() ? hak_checked_resize_array(block, count, size) : hak_resize_array(block, count, size);
}

static void *aligned_door(size_t alignment, size_t size, hak_door_t door) {
    return hak_checking() ? hak_checked_alloc(size, alignment, door) : hak_alloc_aligned(alignment, size);
}

/* posix_memalign does not set errno. */
static HAK_NOINLINE void *memalign_quietly(size_t alignment, size_t size) {
    int saved = errno;
    void *block = aligned_door(alignment, size, HAK_DOOR_posix_memalign);
    errno = saved;
    return block;
}

HAK_EXPORT int hak_posix_memalign(void **result, size_t alignment, size_t size) {
    if (!hak_is_power_of_two(alignment) || alignment % sizeof(void *) != 0) return EINVAL;
    void *block = hak_checking() ? NULL : hak_alloc_aligned_fast(alignment, size);
    if (HAK_UNLIKELY(block == NULL)) block = memalign_quietly(alignment, size);
    if (block == NULL) return ENOMEM;
    *result = block;
    return 0;
}

HAK_EXPORT void *hak_aligned_alloc(size_t alignment, size_t size) {
    if (!hak_is_power_of_two(alignment)) {
        errno = EINVAL;
        return NULL;
    }
    return aligned_door(alignment, size, HAK_DOOR_aligned_alloc);
}

HAK_EXPORT int hak_owns(const void *block) {
    return hak_checking() ? hak_checked_owns(block) : hak_owns_block(block);
}
HAK_EXPORT size_t hak_usable_size(const void *block) {
    return hak_checking() ? hak_checked_size(block) : hak_size(block);
}
HAK_EXPORT int hak_trim(size_t pad) { return hak_trim_heap(pad); }
HAK_EXPORT size_t hak_stats_json(char *buffer, size_t size) { return hak_stats_write_json(buffer, size); }
HAK_EXPORT const char *hak_version(void) { return HAK_VERSION; }
HAK_EXPORT const char *hak_build_info(void) { return HAK_BUILD_INFO; }
