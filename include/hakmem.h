/* hakmem.h -- the public C interface of HAKMEM, a memory allocator for Linux.
 *
 * The functions behave as their C and POSIX namesakes. They work in a program that runs on HAKMEM (LD_PRELOAD, or linked
 * with -lhakmem) and in one that opens the library late beside the system's malloc; blocks of one heap must be given
 * back to the same heap. All may be called from any thread. */
#ifndef HAKMEM_H
#define HAKMEM_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* NULL and ENOMEM without memory or above PTRDIFF_MAX; size 0 gives a unique pointer. */
void *hak_malloc(size_t size);
/* Keeps errno; NULL does nothing. Ends the process with one line if `block` is not a live block's start and that is seen. */
void hak_free(void *block);
void *hak_calloc(size_t count, size_t size);
/* hak_realloc(block, 0) frees the block and returns NULL. */
void *hak_realloc(void *block, size_t size);
void *hak_reallocarray(void *block, size_t count, size_t size);
/* Any power of two; otherwise NULL and EINVAL. */
void *hak_aligned_alloc(size_t alignment, size_t size);
/* 0, EINVAL (not a power of two multiple of sizeof(void *)) or ENOMEM; errno is kept. */
int hak_posix_memalign(void **result, size_t alignment, size_t size);

/* 1 for the start of a live block of this heap alone. A slow look: not for each free. */
int hak_owns(const void *block);
/* Bytes that may be used at a live block; 0 for NULL. */
size_t hak_usable_size(const void *block);
/* Gives free memory but `pad` bytes back to the system; 1 if any was given. */
int hak_trim(size_t pad);
/* The figures of docs/reference/statistics.md. Like snprintf: writes at most `size` bytes with the NUL and returns the
 * length of the whole text. */
size_t hak_stats_json(char *buffer, size_t size);

const char *hak_version(void);
/* Compiler and flags of this build. */
const char *hak_build_info(void);

#ifdef __cplusplus
}
#endif

#endif
