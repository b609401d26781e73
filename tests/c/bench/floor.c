/* floor.c -- the allocator that does nothing: what a benchmark costs by itself.
 *
 * The first 64 KiB are handed out in order, for the start of the program; from then on every malloc is the same block. */
#include <stddef.h>
#include <string.h>

enum { START_BYTES = 64 * 1024, LINE = 64 };

static char memory[64 << 20] __attribute__((aligned(LINE)));
static char block[4096] __attribute__((aligned(LINE)));
static size_t used;

static void *take(size_t size) {
    void *start = memory + used;
    used += (size + LINE - 1) / LINE * LINE;
    return start;
}

void *malloc(size_t size) {
    if (__builtin_expect(used < START_BYTES, 0)) return take(size);
    return block;
}
void free(void *p) { (void)p; }
void *calloc(size_t count, size_t size) { return take(count * size); }
void *realloc(void *old, size_t size) {
    void *fresh = take(size);
    if (old != NULL) memcpy(fresh, old, size);
    return fresh;
}
