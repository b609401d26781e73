/* override.c -- the names of the C library and of C++ under which a program finds this allocator.
 * May use: os, secure, alloc, stats, cxx, api. */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "cxx.h"
#include "hakmem.h"
#include "os.h"
#include "secure.h"
#include "stats.h"

HAK_EXPORT HAK_FLAT void *malloc(size_t size) { return hak_alloc(size); }
HAK_EXPORT HAK_FLAT void free(void *block) { hak_release(block); }
HAK_EXPORT void *calloc(size_t count, size_t size) { return hak_alloc_zero(count, size); }
HAK_EXPORT void *realloc(void *block, size_t size) { return hak_resize(block, size); }
HAK_EXPORT void *reallocarray(void *block, size_t count, size_t size) { return hak_resize_array(block, count, size); }

/* cfree was a form of free in glibc before 2.26. */
HAK_EXPORT void cfree(void *block) { hak_release(block); }
/* C23. The sizes are hints that this allocator does not need; the secure flavour compares them. */
HAK_EXPORT void free_sized(void *block, size_t size) {
    if (HAK_SECURE) hak_secure_expect(block, HAK_KIND_MALLOC, size);
    hak_release(block);
}
HAK_EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size) {
    (void)alignment;
    if (HAK_SECURE) hak_secure_expect(block, HAK_KIND_MALLOC, size);
    hak_release(block);
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
    return hak_alloc_aligned(alignment, size);
}
HAK_EXPORT void *valloc(size_t size) { return hak_alloc_aligned(hak_os_page_size(), size); }
HAK_EXPORT void *pvalloc(size_t size) {
    size_t page = hak_os_page_size();
    if (size > PTRDIFF_MAX - page) {
        errno = ENOMEM;
        return NULL;
    }
    return hak_alloc_aligned(page, hak_round_up(hak_max(size, 1), page));
}

HAK_EXPORT size_t malloc_usable_size(void *block) { return hak_size(block); }
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

static inline void *new_plain(size_t size) {
    void *block = hak_alloc(size);
    return HAK_LIKELY(block != NULL) ? block : hak_new_slow(size, 1);
}
static inline void *new_nothrow(size_t size) {
    void *block = hak_alloc(size);
    return HAK_LIKELY(block != NULL) ? block : hak_new_nothrow_slow(size, 1);
}
static inline void *new_aligned(size_t size, size_t alignment) {
    void *block = hak_alloc_aligned(alignment, size);
    return HAK_LIKELY(block != NULL) ? block : hak_new_slow(size, alignment);
}
static inline void *new_aligned_nothrow(size_t size, size_t alignment) {
    void *block = hak_alloc_aligned(alignment, size);
    return HAK_LIKELY(block != NULL) ? block : hak_new_nothrow_slow(size, alignment);
}

/* The secure flavour notes by what kind of call a block was allocated, and compares at the end. */
static inline void *noted(void *block, hak_kind_t kind) {
    if (HAK_SECURE && block != NULL) hak_secure_set_kind(block, kind);
    return block;
}
static inline void delete_as(void *block, hak_kind_t kind, size_t size) {
    if (HAK_SECURE) hak_secure_expect(block, kind, size);
    hak_release(block);
}

#define HAK_NEW(name, parameters, body, kind) \
    HAK_EXPORT void *name parameters; \
    void *name parameters { return noted(body, HAK_KIND_##kind); }
/* SIZE_MAX: the size is not known. */
#define HAK_DELETE(name, parameters, kind, size) \
    HAK_EXPORT void name parameters; \
    HAK_FLAT void name parameters { delete_as(block, HAK_KIND_##kind, size); }
#define HAK_IGNORED __attribute__((unused))

HAK_NEW(_Znwm, (size_t size), new_plain(size), NEW)
HAK_NEW(_Znam, (size_t size), new_plain(size), NEW_ARRAY)
HAK_NEW(_ZnwmRKSt9nothrow_t, (size_t size, HAK_IGNORED const struct nothrow *tag), new_nothrow(size), NEW)
HAK_NEW(_ZnamRKSt9nothrow_t, (size_t size, HAK_IGNORED const struct nothrow *tag), new_nothrow(size), NEW_ARRAY)
HAK_NEW(_ZnwmSt11align_val_t, (size_t size, size_t alignment), new_aligned(size, alignment), NEW_ALIGNED)
HAK_NEW(_ZnamSt11align_val_t, (size_t size, size_t alignment), new_aligned(size, alignment), NEW_ALIGNED)
HAK_NEW(_ZnwmSt11align_val_tRKSt9nothrow_t,
        (size_t size, size_t alignment, HAK_IGNORED const struct nothrow *tag), new_aligned_nothrow(size, alignment), NEW_ALIGNED)
HAK_NEW(_ZnamSt11align_val_tRKSt9nothrow_t,
        (size_t size, size_t alignment, HAK_IGNORED const struct nothrow *tag), new_aligned_nothrow(size, alignment), NEW_ALIGNED)

HAK_DELETE(_ZdlPv, (void *block), NEW, SIZE_MAX)
HAK_DELETE(_ZdaPv, (void *block), NEW_ARRAY, SIZE_MAX)
HAK_DELETE(_ZdlPvRKSt9nothrow_t, (void *block, HAK_IGNORED const struct nothrow *tag), NEW, SIZE_MAX)
HAK_DELETE(_ZdaPvRKSt9nothrow_t, (void *block, HAK_IGNORED const struct nothrow *tag), NEW_ARRAY, SIZE_MAX)
HAK_DELETE(_ZdlPvm, (void *block, HAK_IGNORED size_t size), NEW, size)
HAK_DELETE(_ZdaPvm, (void *block, HAK_IGNORED size_t size), NEW_ARRAY, size)
HAK_DELETE(_ZdlPvSt11align_val_t, (void *block, HAK_IGNORED size_t alignment), NEW_ALIGNED, SIZE_MAX)
HAK_DELETE(_ZdaPvSt11align_val_t, (void *block, HAK_IGNORED size_t alignment), NEW_ALIGNED, SIZE_MAX)
HAK_DELETE(_ZdlPvmSt11align_val_t, (void *block, HAK_IGNORED size_t size, HAK_IGNORED size_t alignment), NEW_ALIGNED, size)
HAK_DELETE(_ZdaPvmSt11align_val_t, (void *block, HAK_IGNORED size_t size, HAK_IGNORED size_t alignment), NEW_ALIGNED, size)
HAK_DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t,
           (void *block, HAK_IGNORED size_t alignment, HAK_IGNORED const struct nothrow *tag), NEW_ALIGNED, SIZE_MAX)
HAK_DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t,
           (void *block, HAK_IGNORED size_t alignment, HAK_IGNORED const struct nothrow *tag), NEW_ALIGNED, SIZE_MAX)
