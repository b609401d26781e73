/* faulty.c -- the C library's malloc with one fault, chosen when it is compiled: workloads must notice it.
 *   DIRTY_CALLOC    calloc does not clear
 *   ODD_ALIGNMENT   aligned blocks are off by half of what was asked
 *   SHORT_REALLOC   realloc copies nothing
 *   SAME_BLOCK      one malloc in a thousand gives the block before once more */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#ifdef DIRTY_CALLOC
void *calloc(size_t count, size_t size) {
    void *block = malloc(count * size);
    return block == NULL ? NULL : memset(block, 0xa5, count * size);
}
#endif

#ifdef ODD_ALIGNMENT
void *memalign(size_t alignment, size_t size);

void *aligned_alloc(size_t alignment, size_t size) {
    char *block = memalign(alignment, size + alignment);
    return block == NULL ? NULL : block + alignment / 2;
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    *block = aligned_alloc(alignment, size);
    return *block == NULL;
}

void free(void *block) { (void)block; }
#endif

#ifdef SHORT_REALLOC
void *realloc(void *old, size_t size) {
    void *block = malloc(size);
    if (block != NULL) memset(block, 0xa5, size);
    free(old);
    return block;
}
#endif

#ifdef SAME_BLOCK
void *__libc_malloc(size_t); /* glibc's own name for its malloc */

void *malloc(size_t size) {
    static _Thread_local void *before;
    static _Thread_local size_t before_size;
    static _Thread_local unsigned calls;
    if (++calls >= 1000 && size <= before_size) {
        calls = 0;
        return before;
    }
    before_size = size;
    return before = __libc_malloc(size);
}
#endif
