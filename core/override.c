/* override.c -- the names of the C library and of C++ under which a program finds this allocator.
 * May use: os, doors, secure, alloc, checked, told, stats, cxx, api. */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "checked.h"
#include "cxx.h"
#include "hakmem.h"
#include "os.h"
#include "secure.h"
#include "stats.h"
#include "told.h"

#define HAK_TOLD_NOTHING ((hak_told_t){false, 0, 0})

/* The secure flavour notes by what kind of call a block was allocated, and compares at the end. An alignment of 1, which
 * std::pmr asks for, is none. */
static inline void *noted(void *block, hak_door_t door, bool aligned) {
    if (HAK_SECURE && block != NULL) hak_secure_set_kind(block, hak_door_kind(door, aligned));
    return block;
}
static inline void expect(const void *block, hak_door_t door, hak_told_t told) {
    if (door == HAK_DOOR_free || door == HAK_DOOR_cfree) return; /* kinds are compared where a size or delete is named */
    hak_secure_expect(block, hak_door_kind(door, told.alignment != 1), told.has_size ? told.size : SIZE_MAX);
}

static inline void release_by(void *block, hak_door_t door, hak_told_t told) {
    if (hak_checking()) {
        if (door == HAK_DOOR_free) hak_checked_free(block);
        else hak_checked_release(block, door, told);
    } else {
        if (HAK_SECURE) expect(block, door, told);
        else if (told.has_size || told.alignment > 1) hak_told_check(block, door, told);
        hak_release(block);
    }
}
static inline void *aligned_by(size_t alignment, size_t size, hak_door_t door) {
    return hak_checking() ? hak_checked_alloc(size, alignment, door) : hak_alloc_aligned(alignment, size);
}

HAK_EXPORT HAK_FLAT void *malloc(size_t size) {
    return hak_checking() ? hak_checked_alloc(size, 1, HAK_DOOR_malloc) : hak_alloc(size);
}
HAK_EXPORT HAK_FLAT void free(void *block) { release_by(block, HAK_DOOR_free, HAK_TOLD_NOTHING); }
HAK_EXPORT void *calloc(size_t count, size_t size) {
    return hak_checking() ? hak_checked_alloc_zero(count, size) : hak_alloc_zero(count, size);
}
HAK_EXPORT void *realloc(void *block, size_t size) {
    return hak_checking() ? hak_checked_resize(block, size, HAK_DOOR_realloc) : hak_resize(block, size);
}
HAK_EXPORT void *reallocarray(void *block, size_t count, size_t size) {
    return hak_checking() ? hak_checked_resize_array(block, count, size) : hak_resize_array(block, count, size);
}

/* cfree was a form of free in glibc before 2.26. */
HAK_EXPORT void cfree(void *block) { release_by(block, HAK_DOOR_cfree, HAK_TOLD_NOTHING); }
/* C23. The sizes are hints that this allocator does not need, but for what they tell of errors. */
HAK_EXPORT void free_sized(void *block, size_t size) {
    release_by(block, HAK_DOOR_free_sized, (hak_told_t){true, size, 0});
}
HAK_EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size) {
    release_by(block, HAK_DOOR_free_aligned_sized, (hak_told_t){true, size, alignment});
}

HAK_EXPORT int posix_memalign(void **result, size_t alignment, size_t size) {
    return hak_posix_memalign(result, alignment, size);
}
HAK_EXPORT void *aligned_alloc(size_t alignment, size_t size) { return hak_aligned_alloc(alignment, size); }

/* glibc's memalign rounds an alignment that is no power of two up to one. */
HAK_EXPORT void *memalign(size_t alignment, size_t size) {
    if (alignment > PTRDIFF_MAX / 2 + 1) {
        errno = EINVAL;
        return NULL;
    }
    while (!hak_is_power_of_two(alignment)) alignment = alignment == 0 ? 1 : (alignment | (alignment - 1)) + 1;
    return aligned_by(alignment, size, HAK_DOOR_memalign);
}
HAK_EXPORT void *valloc(size_t size) { return aligned_by(hak_os_page_size(), size, HAK_DOOR_valloc); }
HAK_EXPORT void *pvalloc(size_t size) {
    size_t page = hak_os_page_size();
    if (size > PTRDIFF_MAX - page) {
        errno = ENOMEM;
        return NULL;
    }
    return aligned_by(page, hak_round_up(hak_max(size, 1), page), HAK_DOOR_pvalloc);
}

HAK_EXPORT size_t malloc_usable_size(void *block) { return hak_usable_size(block); }
HAK_EXPORT int malloc_trim(size_t pad) { return hak_trim_heap(pad); }

/* No parameter of glibc's heap exists here; 0 says "not done". M_MMAP_THRESHOLD and the like have settings of their own. */
HAK_EXPORT int mallopt(int parameter, int value) {
    (void)parameter;
    (void)value;
    return 0;
}

HAK_EXPORT struct mallinfo2 mallinfo2(void) {
    hak_totals_t totals = hak_stats_totals();
    return (struct mallinfo2){
        .arena = totals.mapped,
        .hblkhd = totals.large,
        .uordblks = totals.live,
        .fordblks = totals.cached + totals.free,
        .fsmblks = totals.cached,
        .keepcost = totals.free - totals.purged,
    };
}

/* The old form has ints; as in glibc, what does not fit is cut off. */
HAK_EXPORT struct mallinfo mallinfo(void) {
    struct mallinfo2 wide = mallinfo2();
    return (struct mallinfo){
        .arena = (int)wide.arena,
        .hblkhd = (int)wide.hblkhd,
        .uordblks = (int)wide.uordblks,
        .fordblks = (int)wide.fordblks,
        .fsmblks = (int)wide.fsmblks,
        .keepcost = (int)wide.keepcost,
    };
}

HAK_EXPORT int malloc_info(int options, FILE *stream) {
    if (options != 0) return EINVAL;
    hak_totals_t totals = hak_stats_totals();
    int n = fprintf(stream,
                    "<malloc version=\"hakmem-" HAK_VERSION "\">\n"
                    "<total type=\"live\" size=\"%zu\"/>\n<total type=\"cached\" size=\"%zu\"/>\n"
                    "<total type=\"free\" size=\"%zu\"/>\n<system type=\"current\" size=\"%zu\"/>\n</malloc>\n",
                    (size_t)totals.live, (size_t)totals.cached, (size_t)totals.free, (size_t)totals.mapped);
    return n < 0 ? -1 : 0;
}

HAK_EXPORT void malloc_stats(void) { hak_stats_send(hak_stats_write_text, STDERR_FILENO); }

/* C++, by the names of the Itanium ABI: new and delete, arrays, nothrow, sized, aligned. */
struct nothrow;

static inline void *new_plain(size_t size, hak_door_t door) {
    void *block = hak_checking() ? hak_checked_alloc(size, 1, door) : hak_alloc(size);
    return noted(HAK_LIKELY(block != NULL) ? block : hak_new_slow(size, 1, door), door, false);
}
static inline void *new_nothrow(size_t size, hak_door_t door) {
    void *block = hak_checking() ? hak_checked_alloc(size, 1, door) : hak_alloc(size);
    return noted(HAK_LIKELY(block != NULL) ? block : hak_new_nothrow_slow(size, 1, door), door, false);
}
static inline void *new_aligned(size_t size, size_t alignment, hak_door_t door) {
    void *block = aligned_by(alignment, size, door);
    return noted(HAK_LIKELY(block != NULL) ? block : hak_new_slow(size, alignment, door), door, alignment != 1);
}
static inline void *new_aligned_nothrow(size_t size, size_t alignment, hak_door_t door) {
    void *block = aligned_by(alignment, size, door);
    return noted(HAK_LIKELY(block != NULL) ? block : hak_new_nothrow_slow(size, alignment, door), door, alignment != 1);
}

#define HAK_NEW(name, parameters, body) \
    HAK_EXPORT void *name parameters; \
    void *name parameters { return body; }
#define HAK_DELETE(name, parameters, door, ...) \
    HAK_EXPORT void name parameters; \
    HAK_FLAT void name parameters { release_by(block, HAK_DOOR_##door, (hak_told_t){__VA_ARGS__}); }
#define HAK_IGNORED __attribute__((unused))
#define HAK_TAG HAK_IGNORED const struct nothrow *tag

HAK_NEW(_Znwm, (size_t size), new_plain(size, HAK_DOOR_new))
HAK_NEW(_Znam, (size_t size), new_plain(size, HAK_DOOR_new_array))
HAK_NEW(_ZnwmRKSt9nothrow_t, (size_t size, HAK_TAG), new_nothrow(size, HAK_DOOR_new))
HAK_NEW(_ZnamRKSt9nothrow_t, (size_t size, HAK_TAG), new_nothrow(size, HAK_DOOR_new_array))
HAK_NEW(_ZnwmSt11align_val_t, (size_t size, size_t alignment), new_aligned(size, alignment, HAK_DOOR_new))
HAK_NEW(_ZnamSt11align_val_t, (size_t size, size_t alignment), new_aligned(size, alignment, HAK_DOOR_new_array))
HAK_NEW(_ZnwmSt11align_val_tRKSt9nothrow_t, (size_t size, size_t alignment, HAK_TAG),
        new_aligned_nothrow(size, alignment, HAK_DOOR_new))
HAK_NEW(_ZnamSt11align_val_tRKSt9nothrow_t, (size_t size, size_t alignment, HAK_TAG),
        new_aligned_nothrow(size, alignment, HAK_DOOR_new_array))

HAK_DELETE(_ZdlPv, (void *block), delete, false, 0, 1)
HAK_DELETE(_ZdaPv, (void *block), delete_array, false, 0, 1)
HAK_DELETE(_ZdlPvRKSt9nothrow_t, (void *block, HAK_TAG), delete, false, 0, 1)
HAK_DELETE(_ZdaPvRKSt9nothrow_t, (void *block, HAK_TAG), delete_array, false, 0, 1)
HAK_DELETE(_ZdlPvm, (void *block, size_t size), delete, true, size, 1)
HAK_DELETE(_ZdaPvm, (void *block, size_t size), delete_array, true, size, 1)
HAK_DELETE(_ZdlPvSt11align_val_t, (void *block, size_t alignment), delete, false, 0, alignment)
HAK_DELETE(_ZdaPvSt11align_val_t, (void *block, size_t alignment), delete_array, false, 0, alignment)
HAK_DELETE(_ZdlPvmSt11align_val_t, (void *block, size_t size, size_t alignment), delete, true, size, alignment)
HAK_DELETE(_ZdaPvmSt11align_val_t, (void *block, size_t size, size_t alignment), delete_array, true, size, alignment)
HAK_DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, (void *block, size_t alignment, HAK_TAG), delete, false, 0, alignment)
HAK_DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, (void *block, size_t alignment, HAK_TAG), delete_array, false, 0,
           alignment)
