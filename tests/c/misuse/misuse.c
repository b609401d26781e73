/* misuse.c -- wrong uses of malloc and free, and when each flavour finds them: the table of docs/reference/misuse.md.
 *
 * Runs on the shipped library in place of the C library's malloc. Each misuse happens in a child, which says through a
 * shared page which pointer it misuses and whether it got past the misuse. What is found ends the child with abort and one
 * line.
 *
 * Not under sanitizers: they have a malloc of their own, which finds these first. */
#include <sys/mman.h>

#include "../check.h"
#include "base.h"
#include "hakmem.h"

typedef enum { AT_ONCE, LATER, TOLD, NEVER } when_t; /* TOLD: and the process goes on */
enum { MANY = 40 }; /* blocks: more than a new bin holds twice */

static struct {
    void *volatile pointer;
    volatile bool survived;
    volatile when_t expected;
} *shared;

/* Compilers know malloc and free, and warn of what follows here or leave it out. */
static void *(*volatile take)(size_t) = malloc;
static void (*volatile give)(void *) = free;
static void *(*volatile resize)(void *, size_t) = realloc;
extern int malloc_trim(size_t);
extern size_t malloc_usable_size(void *);
extern void free_sized(void *, size_t);
extern void *_Znwm(size_t);                               /* operator new */
extern void _ZdlPvm(void *, size_t);                      /* operator delete, sized */
extern void _ZdlPvSt11align_val_t(void *, size_t);        /* aligned */

static char global[64] __attribute__((aligned(16)));

static void about_to_misuse(void *pointer) { shared->pointer = pointer; }

/* The misuse has happened: what finds it later may do so now. */
static void survived(void) {
    shared->survived = true;
    if (shared->expected == NEVER || shared->expected == TOLD) _exit(0);
}
static void flush(void) {
    survived();
    malloc_trim(0);
}
static void allocate_many(size_t size) {
    survived();
    for (int i = 0; i < 1000; i++) take(size);
}

static void free_twice(void) {
    void *block = take(100);
    about_to_misuse(block);
    give(block);
    give(block);
    survived();
}

/* All blocks that the slab has handed out come back, and one of them twice. */
static void free_an_earlier_one_twice(void) {
    enum { SIZE = 1300, BLOCKS = 3 }; /* of this size three are carved at a time */
    void *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) blocks[i] = take(SIZE);
    about_to_misuse(blocks[0]);
    give(blocks[0]);
    give(blocks[1]);
    give(blocks[0]);
    give(blocks[2]);
    flush();
}

static void free_a_block_twice_whose_slab_is_gone(void) {
    void *block = take(20000);
    about_to_misuse(block);
    give(block);
    malloc_trim(0);
    malloc_trim(0);
    give(block);
    survived();
}

static void free_a_large_block_twice(void) {
    void *block = take(3 << 20);
    about_to_misuse(block);
    give(block);
    give(block);
    survived();
}

static void free_inside_a_small_block(void) {
    char *block = take(1000);
    about_to_misuse(block + 16);
    give(block + 16);
    flush();
}
static void free_an_odd_pointer(void) {
    char *block = take(1000);
    about_to_misuse(block + 1);
    give(block + 1);
    flush();
}
static void free_inside_a_large_block(void) {
    char *block = take(3 << 20);
    about_to_misuse(block + 4096);
    give(block + 4096);
    survived();
}
static void free_far_inside_a_large_block(void) {
    char *block = take(3 << 20);
    about_to_misuse(block + (1 << 20));
    give(block + (1 << 20));
    survived();
}

static void free_on_the_stack(void) {
    char local[64] __attribute__((aligned(16)));
    give(take(1));
    about_to_misuse(local);
    give(local);
    survived();
}
static void free_a_global(void) {
    give(take(1));
    about_to_misuse(global);
    give(global);
    survived();
}
static void free_a_wild_pointer(void) {
    give(take(1));
    about_to_misuse((void *)0x4141414141410);
    give((void *)0x4141414141410);
    survived();
}
static void resize_a_global(void) {
    give(take(1));
    about_to_misuse(global);
    resize(global, 100);
    survived();
}
static void ask_for_the_size_of_a_global(void) {
    give(take(1));
    about_to_misuse(global);
    malloc_usable_size(global);
    survived();
}
static void resize_a_large_block_that_was_freed(void) {
    void *block = take(3 << 20);
    about_to_misuse(block);
    give(block);
    resize(block, 100);
    survived();
}
static void resize_a_small_block_that_was_freed(void) {
    void *block = take(100);
    about_to_misuse(block);
    give(block);
    resize(block, 101);
    survived();
}

static void write_over_the_link_of_a_free_block(void) {
    void *blocks[3];
    for (int i = 0; i < 3; i++) blocks[i] = take(200);
    for (int i = 0; i < 3; i++) give(blocks[i]);
    about_to_misuse(blocks[1]);
    *(void *volatile *)blocks[1] = (void *)0x4141414141410;
    flush();
}
static void link_a_free_block_to_another_size(void) {
    void *other = take(500), *block = take(200), *second = take(200);
    about_to_misuse(block);
    give(block);
    give(second);
    *(void *volatile *)second = other;
    flush();
}
static void write_into_a_free_block(void) {
    char *block = take(300);
    about_to_misuse(block);
    give(block);
    ((volatile char *)block)[100] = 1;
    allocate_many(300);
}
static void write_beyond_a_block_into_a_free_one(void) {
    char *block = take(608), *next = block + 608;
    about_to_misuse(next);
    ((volatile char *)next)[40] = 1;
    allocate_many(608);
}

/* So many frees that the bin is full in their midst, and then its blocks again. */
static void fill_the_bin(void *blocks[], int from) {
    survived();
    for (int i = from; i < MANY; i++) give(blocks[i]);
    allocate_many(100);
}
static void free_two_in_turn_and_one_again(void) {
    void *blocks[MANY];
    for (int i = 0; i < MANY; i++) blocks[i] = take(100);
    about_to_misuse(blocks[0]);
    give(blocks[0]);
    give(blocks[1]);
    give(blocks[0]);
    fill_the_bin(blocks, 2);
}
static void write_over_a_link_and_go_on(void) {
    void *blocks[MANY];
    for (int i = 0; i < MANY; i++) blocks[i] = take(100);
    about_to_misuse(blocks[0]);
    give(blocks[0]);
    *(void *volatile *)blocks[0] = (void *)0x4141414141410;
    fill_the_bin(blocks, 1);
}
static void free_inside_a_block_and_go_on(void) {
    void *blocks[MANY];
    for (int i = 0; i < MANY; i++) blocks[i] = take(100);
    about_to_misuse((char *)blocks[0] + 16);
    give((char *)blocks[0] + 16);
    fill_the_bin(blocks, 1);
}
/* Its list then ends where nothing was freed before, and has fewer blocks than were counted. */
static void clear_a_link_and_allocate(void) {
    void *blocks[MANY];
    for (int i = 0; i < MANY; i++) blocks[i] = take(100);
    for (int i = 0; i < MANY; i++) give(blocks[i]);
    about_to_misuse(blocks[MANY - 1]);
    *(void *volatile *)blocks[MANY - 1] = NULL;
    allocate_many(100);
}

static void delete_with_the_size_of_another_class(void) {
    void *block = _Znwm(100);
    about_to_misuse(block);
    _ZdlPvm(block, 200);
    survived();
}
static void delete_with_the_size_of_another_large_block(void) {
    void *block = _Znwm(3 << 20);
    about_to_misuse(block);
    _ZdlPvm(block, 1 << 20);
    survived();
}
static void free_with_a_size_that_the_block_never_had(void) {
    void *block = take(100);
    about_to_misuse(block);
    free_sized(block, 5000);
    survived();
}
static void delete_with_an_alignment_that_no_such_block_has(void) {
    void *block = _Znwm(100);
    about_to_misuse(block);
    _ZdlPvSt11align_val_t(block, 64);
    survived();
}

typedef struct misuse {
    const char *name;
    void (*run)(void);
    when_t release, debug, secure;
    const char *release_error, *debug_error; /* error kinds of the table in hakmem/spec; NULL: any */
} misuse_t;

#define MISUSE(run) #run, run
static const misuse_t misuses[] = {
    {MISUSE(free_twice), AT_ONCE, AT_ONCE, AT_ONCE, "double_free", "double_free"},
    {MISUSE(free_an_earlier_one_twice), LATER, AT_ONCE, AT_ONCE, "double_free", "double_free"},
    {MISUSE(free_a_block_twice_whose_slab_is_gone), AT_ONCE, AT_ONCE, AT_ONCE, "invalid_pointer", NULL},
    {MISUSE(free_a_large_block_twice), AT_ONCE, AT_ONCE, AT_ONCE, "invalid_pointer", NULL},
    {MISUSE(free_inside_a_small_block), LATER, AT_ONCE, AT_ONCE, "interior_pointer", "interior_pointer"},
    {MISUSE(free_an_odd_pointer), LATER, AT_ONCE, AT_ONCE, "interior_pointer", "interior_pointer"},
    {MISUSE(free_inside_a_large_block), AT_ONCE, AT_ONCE, AT_ONCE, "interior_pointer", "interior_pointer"},
    {MISUSE(free_far_inside_a_large_block), AT_ONCE, AT_ONCE, AT_ONCE, NULL, NULL},
    {MISUSE(free_on_the_stack), AT_ONCE, AT_ONCE, AT_ONCE, "foreign_pointer", "foreign_pointer"},
    {MISUSE(free_a_global), AT_ONCE, AT_ONCE, AT_ONCE, "foreign_pointer", "foreign_pointer"},
    {MISUSE(free_a_wild_pointer), AT_ONCE, AT_ONCE, AT_ONCE, "foreign_pointer", "foreign_pointer"},
    {MISUSE(resize_a_global), AT_ONCE, AT_ONCE, AT_ONCE, "foreign_pointer", "foreign_pointer"},
    {MISUSE(ask_for_the_size_of_a_global), AT_ONCE, AT_ONCE, AT_ONCE, "foreign_pointer", "foreign_pointer"},
    {MISUSE(resize_a_large_block_that_was_freed), AT_ONCE, AT_ONCE, AT_ONCE, "invalid_pointer", NULL},
    {MISUSE(resize_a_small_block_that_was_freed), NEVER, AT_ONCE, AT_ONCE, NULL, "double_free"},
    {MISUSE(write_over_the_link_of_a_free_block), LATER, LATER, LATER, "corrupt_list", NULL},
    {MISUSE(link_a_free_block_to_another_size), LATER, LATER, LATER, "corrupt_list", NULL},
    {MISUSE(free_two_in_turn_and_one_again), LATER, AT_ONCE, AT_ONCE, "double_free", "double_free"},
    {MISUSE(write_over_a_link_and_go_on), LATER, LATER, LATER, "corrupt_list", NULL},
    {MISUSE(free_inside_a_block_and_go_on), LATER, AT_ONCE, AT_ONCE, "interior_pointer", "interior_pointer"},
    {MISUSE(clear_a_link_and_allocate), LATER, LATER, LATER, "corrupt_list", NULL},
    {MISUSE(delete_with_the_size_of_another_class), TOLD, AT_ONCE, AT_ONCE, "size_mismatch", "size_mismatch"},
    {MISUSE(delete_with_the_size_of_another_large_block), TOLD, AT_ONCE, AT_ONCE, "size_mismatch", "size_mismatch"},
    {MISUSE(free_with_a_size_that_the_block_never_had), TOLD, AT_ONCE, AT_ONCE, "size_mismatch", "size_mismatch"},
    {MISUSE(delete_with_an_alignment_that_no_such_block_has), TOLD, AT_ONCE, AT_ONCE, "alignment_mismatch", NULL},
    {MISUSE(write_into_a_free_block), NEVER, LATER, NEVER, NULL, "write_after_free"},
    {MISUSE(write_beyond_a_block_into_a_free_one), NEVER, LATER, NEVER, NULL, "write_after_free"},
};

static void run_misuse(void *argument) { ((const misuse_t *)argument)->run(); }

static bool is_found_as_said(const misuse_t *misuse) {
    const char *error = HAK_DEBUG || HAK_SECURE ? misuse->debug_error : misuse->release_error;
    shared->pointer = NULL;
    shared->survived = false;
    shared->expected = HAK_DEBUG ? misuse->debug : HAK_SECURE ? misuse->secure : misuse->release;
    check_end_t end = check_child(run_misuse, (void *)misuse);
    char pointer[32];
    snprintf(pointer, sizeof pointer, "(%p)", shared->pointer);
    const char *wrong = NULL;
    bool goes_on = shared->expected == NEVER || shared->expected == TOLD;
    if (goes_on && !shared->survived) {
        wrong = "ended in the misuse";
    } else if (shared->expected == NEVER) {
        wrong = NULL;
    } else if (!goes_on && !check_aborted(&end)) {
        wrong = "not found";
    } else if (!goes_on && shared->survived != (shared->expected == LATER)) {
        wrong = shared->survived ? "found late" : "found at once";
    } else if (strncmp(end.text, "hakmem: ", 8) != 0 || strchr(end.text, '\n') != end.text + end.length - 1) {
        wrong = "not told in one line";
    } else if (shared->expected != LATER && strstr(end.text, pointer) == NULL) {
        wrong = "pointer not named";
    } else if (strstr(end.text, "(0x") == NULL || (error != NULL && strstr(end.text, error) == NULL)) {
        wrong = "told as something else";
    }
    if (wrong == NULL) return true;
    fprintf(stderr, "%s: %s (status %d, pointer %s)\n%s\n", misuse->name, wrong, end.status, pointer, end.text);
    return false;
}

static void each_misuse_is_found_when_the_table_says(void) {
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof misuses / sizeof *misuses; i++) wrong += !is_found_as_said(&misuses[i]);
    CHECK_EQUAL(wrong, 0);
}

static void a_process_that_misuses_nothing_is_left_alone(void) {
    give(resize(take(100), 5000));
    CHECK_EQUAL(hak_owns(take(10)), 1); /* it is this malloc that the program runs on */
}

CHECK_MAIN(CASE(a_process_that_misuses_nothing_is_left_alone), CASE(each_misuse_is_found_when_the_table_says))
