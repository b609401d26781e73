/* floor.c -- an allocator that does nothing, to preload under a workload: what the workload takes then is its own cost.
 *
 * The first 64 KiB serve the start of the process with blocks of their own; after that every request of a thread is answered
 * with the same block, and free does nothing. Each thread has another block, so that threads share no line. A malloc is five
 * instructions on x86-64; docs/design/limits.md measures allocators against that.
 *
 * One mapping holds it all, and none of it is resident before it is written to:
 *
 *   | blocks of the start | block of thread 0 | block of thread 1 | ... | room for a large block of the last |
 *
 * A block that is larger than the stride reaches into those of later threads: nobody may rely on what a block holds. The
 * dynamic loader does, when it makes a thread, so its calls get blocks of the first part for good. */
#define _GNU_SOURCE
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#define START_LIMIT ((size_t)64 << 10)
#define START_ROOM ((size_t)1 << 30)
#define THREADS 64u                             /* of more threads, some share a block */
#define STRIDE (((size_t)64 << 20) + 4096 + 64) /* for each thread another page and another set of the caches */
#define LAST_ROOM ((size_t)4 << 30)
#define MAPPED (START_ROOM + THREADS * STRIDE + LAST_ROOM)
#define ALIGNMENT ((size_t)64)

/* Tells a workload that it must not look at what blocks hold (workload.h). */
__attribute__((visibility("default"))) const char lab_floor = 1;

static char *memory;
static atomic_size_t used;
static atomic_uint threads;
static uintptr_t loader_begin, loader_end;
/* NULL until the thread asks after the start; read without a call, as a preloaded library can. */
__attribute__((tls_model("initial-exec"))) static _Thread_local char *the_block;

/* Called at the first request or before main, while the process has one thread. */
static void map_memory(void) {
    memory = mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        static const char text[] = "floor: cannot reserve 10 GiB of address space; raise the limit (ulimit -v)\n";
        ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
        _exit(written < 0 ? 126 : 125);
    }
    madvise(memory, MAPPED, MADV_NOHUGEPAGE);
}

static int find_loader(struct dl_phdr_info *object, size_t size, void *base) {
    (void)size;
    if (object->dlpi_addr != *(uintptr_t *)base) return 0;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        uintptr_t end = object->dlpi_addr + object->dlpi_phdr[i].p_vaddr + object->dlpi_phdr[i].p_memsz;
        if (object->dlpi_phdr[i].p_type == PT_LOAD && end > loader_end) loader_end = end;
    }
    loader_begin = object->dlpi_addr;
    return 1;
}

__attribute__((constructor)) static void prepare(void) {
    if (memory == NULL) map_memory();
    uintptr_t base = getauxval(AT_BASE);
    dl_iterate_phdr(find_loader, &base);
}

static bool is_loader(const void *caller) {
    return (uintptr_t)caller >= loader_begin && (uintptr_t)caller < loader_end;
}

/* A block of its own, zeroed and never used again. */
static void *bump(size_t size, size_t alignment) {
    if (memory == NULL) map_memory();
    size_t room = size + alignment;
    size_t at = size > START_ROOM || alignment > START_ROOM ? START_ROOM : atomic_fetch_add(&used, room);
    if (at + room > START_ROOM) {
        errno = ENOMEM;
        return NULL;
    }
    return (void *)(((uintptr_t)memory + at + alignment - 1) & ~(uintptr_t)(alignment - 1));
}

__attribute__((noinline)) static void *allocate_slow(size_t size, size_t alignment) {
    if (atomic_load_explicit(&used, memory_order_relaxed) < START_LIMIT) return bump(size, alignment);
    the_block = memory + START_ROOM + atomic_fetch_add(&threads, 1) % THREADS * STRIDE;
    return (void *)(((uintptr_t)the_block + alignment - 1) & ~(uintptr_t)(alignment - 1));
}

__attribute__((noinline)) static void *malloc_slow(size_t size) { return allocate_slow(size, ALIGNMENT); }

void *malloc(size_t size) {
    char *block = the_block;
    return __builtin_expect(block == NULL, 0) ? malloc_slow(size) : block;
}

void free(void *block) { (void)block; }

void *calloc(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    if (is_loader(__builtin_return_address(0))) return bump(bytes, ALIGNMENT);
    char *block = the_block;
    return __builtin_expect(block == NULL, 0) ? malloc_slow(bytes) : block;
}

void *realloc(void *old, size_t size) {
    bool is_kept = old != NULL && (char *)old < memory + START_ROOM;
    if (__builtin_expect(old != NULL && !is_kept, 1)) return old;
    void *fresh = is_loader(__builtin_return_address(0)) ? bump(size, ALIGNMENT) : malloc(size);
    if (fresh == NULL || !is_kept) return fresh;
    size_t rest = (size_t)(memory + START_ROOM - (char *)old);
    return memmove(fresh, old, size < rest ? size : rest);
}

void *aligned_alloc(size_t alignment, size_t size) {
    char *block = the_block;
    if (__builtin_expect(block == NULL, 0)) return allocate_slow(size, alignment < ALIGNMENT ? ALIGNMENT : alignment);
    return (void *)(((uintptr_t)block + alignment - 1) & ~(uintptr_t)(alignment - 1));
}

void *memalign(size_t alignment, size_t size) { return aligned_alloc(alignment, size); }

int posix_memalign(void **block, size_t alignment, size_t size) {
    *block = aligned_alloc(alignment, size);
    return *block == NULL ? ENOMEM : 0;
}
