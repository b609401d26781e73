/* errors.c -- one memory error of a chosen kind in a block of a chosen size, and then on as if nothing had happened.
 *
 *   errors --list          a line for each kind: name, group, whether it has sizes (1 or 0)
 *   errors NAME [SIZE]     makes it
 *
 * Says on stdout how far it got: "before" the error, "made" when it has happened, "end" when the program ends. "refused" says
 * that a size that cannot be was refused, "visible" that what was never written reads as a pattern that nobody takes for data.
 *
 * The error lies between neighbours of the same size, and afterwards all blocks are freed and others are taken, as a program
 * would that has not noticed. Nothing here knows what an allocator does. C++'s functions are called by their mangled names. */
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { NEIGHBOURS = 8, HEAP_BYTES = 16 << 20, LATER_MAX = 2000, MIB = 1 << 20 };

/* Through volatile pointers, so that no compiler knows what is called. */
static void *(*volatile take)(size_t) = malloc;
static void *(*volatile take_zero)(size_t, size_t) = calloc;
static void *(*volatile resize)(void *, size_t) = realloc;
static void *(*volatile take_aligned)(size_t, size_t) = aligned_alloc;
static void (*volatile give)(void *) = free;

static size_t size; /* of the block in which the error is made */
static char *before_it[NEIGHBOURS], *victim, *after_it[NEIGHBOURS];
static int neighbours;
static char global[256] __attribute__((aligned(64)));

static void say(const char *word) {
    if (write(STDOUT_FILENO, word, strlen(word)) < 0) _exit(3);
}

static char *fresh(size_t bytes) {
    char *block = take(bytes);
    if (block == NULL) _exit(4);
    memset(block, 0x11, bytes);
    return block;
}

static void *cxx(const char *name) {
    void *function = dlsym(RTLD_DEFAULT, name);
    if (function == NULL && dlopen("libstdc++.so.6", RTLD_NOW | RTLD_GLOBAL) != NULL) function = dlsym(RTLD_DEFAULT, name);
    if (function == NULL) _exit(5);
    return function;
}

static void *take_by(const char *name) {
    void *(*function)(size_t);
    *(void **)&function = cxx(name);
    char *block = function(size);
    memset(block, 0x11, size);
    return block;
}

/* ---- frees ---- */

static void double_free_at_once(void) {
    give(victim);
    give(victim);
}
static void double_free_delayed(void) {
    give(victim);
    for (int i = 0; i < 200; i++) give(fresh((size_t)(1 + i % 20) * 48));
    for (int i = 0; i < neighbours; i++) {
        give(before_it[i]);
        before_it[i] = NULL;
    }
    give(victim);
}
static void double_free_after_reuse(void) {
    give(victim);
    char *others[4];
    for (int i = 0; i < 4; i++) others[i] = fresh(size);
    give(victim);
    say("made\n");
    for (int i = 0; i < 4; i++) give(others[i]);
}
static void double_free_interleaved(void) {
    give(victim);
    give(before_it[0]);
    give(victim);
    before_it[0] = NULL;
}
static void *give_it(void *block) {
    give(block);
    return NULL;
}
static void double_free_other_thread(void) {
    pthread_t thread;
    give(victim);
    if (pthread_create(&thread, NULL, give_it, victim) != 0) _exit(6);
    pthread_join(thread, NULL);
}

static void free_interior(void) { give(victim + (size <= 16 ? 8 : size / 2 / 16 * 16)); }
static void free_unaligned(void) { give(victim + 1); }
static void free_stack(void) {
    char local[256] __attribute__((aligned(64)));
    memset(local, 0x11, sizeof local);
    give(local + 64);
}
static void free_global(void) { give(global + 64); }
static void free_far(void) { give((void *)(uintptr_t)0x6123456789a0); }
static char *page(void) {
    char *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) _exit(7);
    memset(memory, 0x11, 1 << 20);
    return memory;
}
static void free_foreign(void) { give(page() + 4096); }
static void free_unmapped(void) {
    char *memory = page();
    munmap(memory, 1 << 20);
    give(memory + 4096);
}
static void realloc_freed(void) {
    give(victim);
    victim = resize(victim, size + 1);
    say("made\n");
    give(victim);
}
static void sized_delete_wrong_size(void) {
    void (*function)(void *, size_t);
    void *block = take_by("_Znwm");
    *(void **)&function = cxx("_ZdlPvm");
    function(block, 2 * size);
}
static void delete_wrong_alignment(void) {
    void (*function)(void *, size_t);
    void *block = take_by("_Znwm");
    *(void **)&function = cxx("_ZdlPvSt11align_val_t");
    function(block, 64);
}
static void delete_of_array(void) {
    void (*function)(void *);
    void *block = take_by("_Znam");
    *(void **)&function = cxx("_ZdlPv");
    function(block);
}
static void delete_of_malloc(void) {
    void (*function)(void *);
    *(void **)&function = cxx("_ZdlPv");
    function(fresh(size));
}

/* ---- writes and reads ---- */

static void write_at(char *from, size_t count) {
    for (size_t i = 0; i < count; i++) ((volatile char *)from)[i] = 'A';
}
static void write_down_from(char *end, size_t count) {
    for (size_t i = 1; i <= count; i++) ((volatile char *)end)[-(ptrdiff_t)i] = 'A';
}
static volatile char sink;
static void read_at(char *from, size_t count) {
    for (size_t i = 0; i < count; i++) sink = ((volatile char *)from)[i];
}
static void read_down_from(char *end, size_t count) {
    for (size_t i = 1; i <= count; i++) sink = ((volatile char *)end)[-(ptrdiff_t)i];
}

static void overrun_write_1(void) { write_at(victim + size, 1); }
static void overrun_write_8(void) { write_at(victim + size, 8); }
static void overrun_write_32(void) { write_at(victim + size, 32); }
static void overrun_write_1m(void) { write_at(victim + size, MIB); }
static void underrun_write_1(void) { write_down_from(victim, 1); }
static void underrun_write_8(void) { write_down_from(victim, 8); }
static void underrun_write_32(void) { write_down_from(victim, 32); }
static void underrun_write_1m(void) { write_down_from(victim, MIB); }
static void overrun_read_1(void) { read_at(victim + size, 1); }
static void overrun_read_8(void) { read_at(victim + size, 8); }
static void overrun_read_32(void) { read_at(victim + size, 32); }
static void overrun_read_1m(void) { read_at(victim + size, MIB); }
static void underrun_read_1(void) { read_down_from(victim, 1); }
static void underrun_read_8(void) { read_down_from(victim, 8); }
static void underrun_read_32(void) { read_down_from(victim, 32); }
static void underrun_read_1m(void) { read_down_from(victim, MIB); }

static void write_after_free_start(void) {
    give(victim);
    write_at(victim, 8);
}
static void write_after_free_middle(void) {
    give(victim);
    write_at(victim + size / 2, size < 16 ? 1 : 8);
}
static void read_after_free(void) {
    give(victim);
    read_at(victim + size / 2, 1);
}

/* What a block holds that another one left: the same bytes, zero, or one byte all over, which is no data. */
static void uninitialised_read(void) {
    give(victim);
    victim = take(size);
    const unsigned char *block = (const unsigned char *)victim;
    size_t from = size / 4, same = 0;
    for (size_t i = from; i < size; i++) same += block[i] == block[from];
    if (same == size - from && block[from] != 0 && block[from] != 0x11) say("visible\n");
}
static void zero_size_write(void) {
    char *block = take(0);
    if (block == NULL) _exit(8);
    write_at(block, 1);
    say("made\n");
    give(block);
}

/* ---- sizes ---- */

static void refused(void *block) {
    if (block == NULL) say("refused\n");
}
static void huge_malloc(void) { refused(take(SIZE_MAX)); }
static void negative_malloc(void) { refused(take((size_t)-100)); }
static void overflowing_calloc(void) { refused(take_zero(SIZE_MAX / 8 + 2, 8)); }
static void negative_realloc(void) { refused(resize(fresh(100), (size_t)-64)); }
static void huge_aligned(void) { refused(take_aligned(64, (size_t)-64)); }
static void leak(void) {
    for (int i = 0; i < 4; i++) fresh(size);
}

typedef struct error {
    const char *name, *group;
    int sized, frees_victim;
    void (*make)(void);
} error_t;

#define ERROR(name, group, sized, frees) {#name, group, sized, frees, name}
static const error_t errors[] = {
    ERROR(double_free_at_once, "free", 1, 1),
    ERROR(double_free_delayed, "free", 1, 1),
    ERROR(double_free_after_reuse, "free", 1, 1),
    ERROR(double_free_interleaved, "free", 1, 1),
    ERROR(double_free_other_thread, "free", 1, 1),
    ERROR(free_interior, "free", 1, 0),
    ERROR(free_unaligned, "free", 1, 0),
    ERROR(free_stack, "free", 0, 0),
    ERROR(free_global, "free", 0, 0),
    ERROR(free_far, "free", 0, 0),
    ERROR(free_foreign, "free", 0, 0),
    ERROR(free_unmapped, "free", 0, 0),
    ERROR(realloc_freed, "free", 1, 1),
    ERROR(sized_delete_wrong_size, "free", 1, 0),
    ERROR(delete_wrong_alignment, "free", 1, 0),
    ERROR(delete_of_array, "free", 1, 0),
    ERROR(delete_of_malloc, "free", 1, 0),
    ERROR(overrun_write_1, "write", 1, 0),
    ERROR(overrun_write_8, "write", 1, 0),
    ERROR(overrun_write_32, "write", 1, 0),
    ERROR(overrun_write_1m, "write", 1, 0),
    ERROR(underrun_write_1, "write", 1, 0),
    ERROR(underrun_write_8, "write", 1, 0),
    ERROR(underrun_write_32, "write", 1, 0),
    ERROR(underrun_write_1m, "write", 1, 0),
    ERROR(write_after_free_start, "write", 1, 1),
    ERROR(write_after_free_middle, "write", 1, 1),
    ERROR(zero_size_write, "write", 0, 0),
    ERROR(overrun_read_1, "read", 1, 0),
    ERROR(overrun_read_8, "read", 1, 0),
    ERROR(overrun_read_32, "read", 1, 0),
    ERROR(overrun_read_1m, "read", 1, 0),
    ERROR(underrun_read_1, "read", 1, 0),
    ERROR(underrun_read_8, "read", 1, 0),
    ERROR(underrun_read_32, "read", 1, 0),
    ERROR(underrun_read_1m, "read", 1, 0),
    ERROR(read_after_free, "read", 1, 1),
    ERROR(uninitialised_read, "read", 1, 0),
    ERROR(huge_malloc, "size", 0, 0),
    ERROR(negative_malloc, "size", 0, 0),
    ERROR(overflowing_calloc, "size", 0, 0),
    ERROR(negative_realloc, "size", 0, 0),
    ERROR(huge_aligned, "size", 0, 0),
    ERROR(leak, "leak", 1, 0),
};

static void none(void) {}
static const error_t no_error = ERROR(none, "none", 1, 0);

static void begin(void) {
    neighbours = size > 1 << 20 ? 2 : NEIGHBOURS;
    for (int i = 0; i < neighbours; i++) before_it[i] = fresh(size);
    victim = fresh(size);
    for (int i = 0; i < neighbours; i++) after_it[i] = fresh(size);
}

static void go_on(const error_t *error) {
    if (!error->frees_victim) give(victim);
    for (int i = 0; i < neighbours; i++) {
        give(before_it[i]);
        give(after_it[i]);
    }
    static char *blocks[LATER_MAX];
    size_t count = HEAP_BYTES / size < LATER_MAX ? HEAP_BYTES / size : LATER_MAX;
    for (size_t i = 0; i < count; i++) blocks[i] = fresh(size);
    for (size_t i = 0; i < count; i++) give(blocks[i]);
}

int main(int count, char **arguments) {
    const size_t all = sizeof errors / sizeof *errors;
    const error_t *error = count >= 2 && strcmp(arguments[1], "none") == 0 ? &no_error : NULL;
    for (size_t i = 0; i < all; i++) {
        if (count == 2 && strcmp(arguments[1], "--list") == 0) printf("%s %s %d\n", errors[i].name, errors[i].group, errors[i].sized);
        if (count >= 2 && strcmp(arguments[1], errors[i].name) == 0) error = &errors[i];
    }
    if (error == NULL) return count == 2 && strcmp(arguments[1], "--list") == 0 ? 0 : 2;
    size = count >= 3 ? strtoull(arguments[2], NULL, 10) : 100;
    if (size == 0) return 2;
    begin();
    say("before\n");
    error->make();
    say("made\n");
    go_on(error);
    say("end\n");
    return 0;
}
