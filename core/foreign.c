#include "foreign.h"

#include <dlfcn.h>
#include <malloc.h>

/* glibc exports its own functions under these names too; weak, for C libraries that do not. */
extern void __libc_free(void *) __attribute__((weak));
extern void *__libc_realloc(void *, size_t) __attribute__((weak));
extern struct mallinfo __libc_mallinfo(void) __attribute__((weak));

/* The counts are ints that wrap at 4 GiB; that they come out as exactly 0 then is beyond likelihood. */
static bool libc_heap_in_use(void) {
    if (__libc_mallinfo == NULL || __libc_free == NULL || __libc_realloc == NULL) return false;
    struct mallinfo figures = __libc_mallinfo();
    return figures.arena != 0 || figures.hblkhd != 0;
}

bool hak_foreign_free(void *block) {
    if (!libc_heap_in_use()) return false;
    __libc_free(block);
    return true;
}

bool hak_foreign_size(const void *block, size_t *size) {
    if (!libc_heap_in_use()) return false;
    void *symbol = dlsym(RTLD_NEXT, "malloc_usable_size");
    if (symbol == NULL) return false;
    size_t (*libc_size)(void *);
    *(void **)&libc_size = symbol;
    *size = libc_size((void *)block);
    return true;
}

void *hak_foreign_resize(void *block, size_t size) { return __libc_realloc(block, size); }
