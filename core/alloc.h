/* alloc.h -- malloc, free, calloc, realloc and the aligned calls, whatever their doors are called.
 * May use: everything up to upkeep, guard, secure, foreign and sampled.
 * The only layer that sets errno, but for the doors' own checks of alignments. All functions behave as their C and POSIX
 * namesakes; free keeps errno. */
#ifndef HAK_ALLOC_H
#define HAK_ALLOC_H

#include "upkeep.h"

void *hak_alloc(size_t size);
void hak_release(void *block);
/* `count` times `size` zero bytes. */
void *hak_alloc_zero(size_t count, size_t size);
/* As glibc does it: realloc(NULL, n) is malloc(n); realloc(p, 0) frees p and gives NULL. */
void *hak_resize(void *block, size_t size);
void *hak_resize_array(void *block, size_t count, size_t size);
/* `alignment` is a power of two. */
void *hak_alloc_aligned(size_t alignment, size_t size);
/* The same from the thread's own bin; NULL, and errno kept, if that has none. */
void *hak_alloc_aligned_fast(size_t alignment, size_t size);
/* Bytes that may be used at a live block; 0 for NULL. */
size_t hak_size(const void *block);
/* True for the start of a live block alone. A slow look. */
bool hak_owns_block(const void *block);
bool hak_trim_heap(size_t pad);

#endif
