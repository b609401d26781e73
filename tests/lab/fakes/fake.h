/* fake.h -- the C library's malloc with one known defect, to preload under a program.
 *
 * A fake includes this file and defines
 *   on_malloc   called before each allocation of whatever kind
 *   on_free     called with each block that is to be freed; false keeps it for good
 * Neither may allocate. Any thread may call. */
#ifndef FAKE_H
#define FAKE_H

#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static inline void on_malloc(void);
static inline bool on_free(void *block);

/* The number of this call, from 1. */
static inline unsigned long fake_count(void) {
    static atomic_ulong calls;
    return atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed) + 1; /* a number, which orders nothing */
}

/* The same for any length: memory of its own, which is not the allocator's. */
static inline char *fake_map(size_t bytes, int flags) {
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    if (memory == MAP_FAILED) _exit(99);
    return memory;
}

/* glibc's own names for its allocator (malloc/malloc.c). */
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

void *malloc(size_t size) {
    on_malloc();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    on_malloc();
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
    on_malloc();
    return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size) {
    on_malloc();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **result, size_t alignment, size_t size) {
    void *block = memalign(alignment, size);
    if (block == NULL) return ENOMEM;
    *result = block;
    return 0;
}

void free(void *block) {
    if (block != NULL && on_free(block)) __libc_free(block);
}

#endif
