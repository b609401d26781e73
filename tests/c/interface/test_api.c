/* test_api.c -- include/hakmem.h to the letter: errno, edge sizes, alignments, huge and repeated requests. */
#include <sys/resource.h>

#include "../check.h"
#include "hakmem.h"
#include "size_class.h"
#include "span.h"

#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)
/* Sanitizers look at every byte that is copied. */
enum { LARGEST = CHECK_SANITIZER == CHECK_SANITIZER_OFF ? 60 << 20 : 6 << 20 };

static void free_keeps_errno(void) {
    static const size_t sizes[] = {0, 1, 100, 1024, 5000, 32768, 100000, 3 * MIB, 40 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int k = 0; k < 600; k++) {
            void *block = hak_malloc(sizes[i]);
            CHECK(block != NULL);
            errno = 4711;
            hak_free(block);
            CHECK_EQUAL(errno, 4711);
            if (sizes[i] > MIB && k > 4) break;
        }
    }
    errno = 4711;
    hak_free(NULL);
    CHECK_EQUAL(errno, 4711);
    void *many[3000];
    for (int i = 0; i < 3000; i++) many[i] = hak_malloc(64); /* flushes and purges on the way back */
    for (int i = 0; i < 3000; i++) {
        hak_free(many[i]);
        CHECK_EQUAL(errno, 4711);
    }
}

static void size_zero_gives_unique_pointers(void) {
    void *blocks[3000];
    for (int i = 0; i < 3000; i++) {
        blocks[i] = i % 3 == 0 ? hak_malloc(0) : i % 3 == 1 ? hak_calloc(i % 2, 0) : hak_aligned_alloc(64, 0);
        CHECK(blocks[i] != NULL);
        if (!HAK_SECURE) *(void **)blocks[i] = blocks[i]; /* an error, which that flavour finds */
    }
    for (int i = 0; i < 3000; i++) {
        if (!HAK_SECURE) CHECK(*(void **)blocks[i] == blocks[i]);
        hak_free(blocks[i]);
    }
}

static void realloc_to_zero_frees(void) {
    for (size_t size = 1; size < 4 * MIB; size = size * 3 + 1) {
        void *block = hak_malloc(size);
        errno = 4711;
        CHECK(hak_realloc(block, 0) == NULL);
        CHECK_EQUAL(errno, 4711);
        CHECK(!hak_owns(block));
    }
    void *block = hak_realloc(NULL, 0);
    CHECK(block != NULL);
    hak_free(block);
    block = hak_realloc(NULL, 100);
    CHECK(block != NULL && hak_usable_size(block) >= 100);
    hak_free(block);
}

static void what_overflows_is_refused(void) {
    static const size_t sizes[] = {SIZE_MAX,           SIZE_MAX - 1,        SIZE_MAX - 15, SIZE_MAX - 16, SIZE_MAX - 4096,
                                   (size_t)PTRDIFF_MAX + 1, (size_t)PTRDIFF_MAX + 16, SIZE_MAX / 2 + 2};
    char *kept = hak_malloc(50);
    memset(kept, 3, 50);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        errno = 0;
        CHECK(hak_malloc(sizes[i]) == NULL && errno == ENOMEM);
        errno = 0;
        CHECK(hak_calloc(sizes[i], 1) == NULL && errno == ENOMEM);
        errno = 0;
        CHECK(hak_calloc(1, sizes[i]) == NULL && errno == ENOMEM);
        errno = 0;
        CHECK(hak_realloc(kept, sizes[i]) == NULL && errno == ENOMEM);
        errno = 0;
        CHECK(hak_reallocarray(kept, sizes[i], 1) == NULL && errno == ENOMEM);
        errno = 0;
        CHECK(hak_aligned_alloc(64, sizes[i]) == NULL && errno == ENOMEM);
        errno = 4711;
        void *block = kept;
        CHECK_EQUAL(hak_posix_memalign(&block, 4096, sizes[i]), ENOMEM);
        CHECK(block == kept && errno == 4711);
    }
    static const size_t factors[][2] = {
        {SIZE_MAX, 2}, {SIZE_MAX / 2 + 1, 2}, {(size_t)1 << 32, (size_t)1 << 32}, {3, SIZE_MAX / 2}};
    for (size_t i = 0; i < sizeof factors / sizeof *factors; i++) {
        errno = 0;
        CHECK(hak_calloc(factors[i][0], factors[i][1]) == NULL && errno == ENOMEM);
        errno = 0;
        CHECK(hak_reallocarray(kept, factors[i][0], factors[i][1]) == NULL && errno == ENOMEM);
        errno = 0;
        CHECK(hak_reallocarray(NULL, factors[i][0], factors[i][1]) == NULL && errno == ENOMEM);
    }
    for (int i = 0; i < 50; i++) CHECK_EQUAL(kept[i], 3);
    hak_free(kept);
}

static void what_is_far_beyond_memory_is_refused_and_the_heap_goes_on(void) {
    for (size_t size = (size_t)1 << 47; size != 0 && size <= PTRDIFF_MAX; size *= 2) {
        errno = 0;
        CHECK(hak_malloc(size) == NULL && errno == ENOMEM);
        CHECK(hak_malloc(size - 1) == NULL && hak_calloc(2, size / 2) == NULL && hak_aligned_alloc(4096, size) == NULL);
    }
    errno = 0;
    CHECK(hak_malloc(PTRDIFF_MAX) == NULL && errno == ENOMEM);
    void *block = hak_malloc(100);
    CHECK(block != NULL);
    hak_free(block);
}

static void bad_alignments_are_refused(void) {
    static const size_t bad[] = {0, 3, 5, 6, 7, 12, 24, 48, 100, 4095, 4097, SIZE_MAX, SIZE_MAX - 1, (size_t)PTRDIFF_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        errno = 0;
        CHECK(hak_aligned_alloc(bad[i], 100) == NULL && errno == EINVAL);
        void *block = &block;
        errno = 4711;
        CHECK_EQUAL(hak_posix_memalign(&block, bad[i], 100), EINVAL);
        CHECK(block == (void *)&block && errno == 4711);
    }
    void *block = &block;
    for (size_t alignment = 1; alignment < sizeof(void *); alignment *= 2) {
        CHECK_EQUAL(hak_posix_memalign(&block, alignment, 100), EINVAL);
    }
    CHECK(block == (void *)&block);
    errno = 0;
    CHECK(hak_aligned_alloc((size_t)1 << 63, 100) == NULL && errno != 0);
    CHECK(hak_aligned_alloc((size_t)1 << 62, 100) == NULL);
}

static void alignments_up_to_a_gigabyte_hold_for_every_size(void) {
    static const size_t sizes[] = {0,    1,    15,    16,    17,    100,   1000,   1024,
                                   1025, 5000, 16384, 20000, 32768, 32769, 100000, 2 * MIB};
    enum { SIZES = sizeof sizes / sizeof *sizes, EACH = 3 };
    for (size_t alignment = 1; alignment <= GIB; alignment *= 2) {
        char *blocks[SIZES][EACH];
        for (int i = 0; i < SIZES * EACH; i++) {
            if (alignment > 16 * MIB && i >= EACH) break; /* address space is not endless */
            size_t size = sizes[i / EACH];
            char *block = hak_aligned_alloc(alignment, size);
            CHECK(block != NULL);
            CHECK_EQUAL((uintptr_t)block % alignment, 0);
            CHECK(hak_usable_size(block) >= size);
            memset(block, i, size);
            blocks[i / EACH][i % EACH] = block;
        }
        for (int i = 0; i < SIZES * EACH; i++) {
            if (alignment > 16 * MIB && i >= EACH) break;
            char *block = blocks[i / EACH][i % EACH];
            for (size_t k = 0; k < sizes[i / EACH]; k++) CHECK_EQUAL(block[k], (char)i);
            /* May move, and is aligned as malloc's then; contents stay. */
            block = hak_realloc(block, sizes[i / EACH] + 100);
            CHECK(block != NULL);
            for (size_t k = 0; k < sizes[i / EACH]; k++) CHECK_EQUAL(block[k], (char)i);
            hak_free(block);
        }
    }
}

static void all_of_the_usable_size_may_be_used(void) {
    char *before = NULL;
    for (size_t size = 0; size < 70000; size += size < 2000 ? 1 : 517) {
        char *block = hak_malloc(size);
        size_t usable = hak_usable_size(block);
        CHECK(usable >= size);
        CHECK_EQUAL((uintptr_t)block % 16, 0);
        memset(block, 0x5a, usable);
        CHECK_EQUAL(hak_usable_size(block), usable);
        if (before != NULL) hak_free(before);
        before = block;
    }
    hak_free(before);
    CHECK_EQUAL(hak_usable_size(NULL), 0);
}

static void blocks_of_several_gigabytes_cost_nothing_until_touched(void) {
    size_t resident = check_resident();
    char *blocks[4];
    for (int i = 0; i < 4; i++) {
        blocks[i] = i % 2 == 0 ? hak_malloc((3 + (size_t)i) * GIB) : hak_calloc((3 + (size_t)i), GIB);
        CHECK(blocks[i] != NULL);
        blocks[i][0] = 1;
        blocks[i][3 * GIB - 1] = 2;
        if (i % 2 == 1) CHECK_EQUAL(blocks[i][GIB], 0);
    }
    if (CHECK_SANITIZER == CHECK_SANITIZER_OFF) CHECK_MOST(check_resident(), resident + 16 * MIB);
    /* Where the arena was reserved at once these are mappings of their own, which are copied: too slow under sanitizers. */
    for (int i = 0; i < 4 && CHECK_SANITIZER == CHECK_SANITIZER_OFF; i++) {
        CHECK(hak_usable_size(blocks[i]) >= (3 + (size_t)i) * GIB);
        blocks[i] = hak_realloc(blocks[i], (5 + (size_t)i) * GIB);
        CHECK(blocks[i] != NULL && blocks[i][0] == 1 && blocks[i][3 * GIB - 1] == 2);
    }
    if (CHECK_SANITIZER == CHECK_SANITIZER_OFF) CHECK_MOST(check_resident(), resident + 16 * MIB);
    for (int i = 0; i < 4; i++) hak_free(blocks[i]);
}

static void fill(unsigned char *block, size_t size) {
    for (size_t i = 0; i < size; i += i < 5000 ? 1 : 997) block[i] = (unsigned char)(i * 131 >> 3);
}
static void check_fill(const unsigned char *block, size_t size) {
    for (size_t i = 0; i < size; i += i < 5000 ? 1 : 997) CHECK_EQUAL(block[i], (unsigned char)(i * 131 >> 3));
}

static void realloc_keeps_contents_between_all_kinds_of_sizes(void) {
    static const size_t sizes[] = {1, 16, 100, 1024, 1025, 9000, 32768, 32769, 65536, 300000, 2 * MIB, LARGEST / 4, LARGEST};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    for (int i = 0; i < SIZES; i++) {
        for (int k = 0; k < SIZES; k++) {
            unsigned char *block = hak_malloc(sizes[i]);
            fill(block, sizes[i]);
            block = hak_realloc(block, sizes[k]);
            CHECK(block != NULL && hak_usable_size(block) >= sizes[k]);
            check_fill(block, sizes[i] < sizes[k] ? sizes[i] : sizes[k]);
            fill(block, sizes[k]);
            block = hak_realloc(block, sizes[i]);
            check_fill(block, sizes[i] < sizes[k] ? sizes[i] : sizes[k]);
            hak_free(block);
        }
    }
}

static void a_block_that_grows_step_by_step_keeps_its_contents(void) {
    unsigned char *blocks[4] = {NULL};
    size_t size = 1;
    for (; size < LARGEST; size += size / 2 + 1) { /* several at once: they are in each other's way */
        for (int i = 0; i < 4; i++) {
            blocks[i] = hak_realloc(blocks[i], size);
            CHECK(blocks[i] != NULL);
            check_fill(blocks[i], size == 1 ? 0 : size * 2 / 3 - 1);
            fill(blocks[i], size);
        }
    }
    for (int i = 0; i < 4; i++) hak_free(blocks[i]);
}

static void large_blocks_grow_in_place_where_they_can(void) {
    char *block = hak_malloc(MIB);
    char *grown = hak_realloc(block, 2 * MIB);
    CHECK(grown == block);
    CHECK(hak_realloc(block, MIB + 1) == block);
    hak_free(block);
}

static void calloc_gives_zeros_where_others_wrote(void) {
    check_random_t random = {check_seed()};
    for (size_t i = check_scaled(3000); i != 0; i--) {
        size_t size = check_log_uniform(&random, 1, 600000);
        unsigned char *block = hak_calloc(1, size);
        CHECK(block != NULL);
        for (size_t k = 0; k < size; k++) {
            if (block[k] != 0) CHECK_EQUAL(block[k], 0);
        }
        memset(block, 0xff, hak_usable_size(block));
        if (i % 3 == 0) block = hak_realloc(block, size * 2);
        hak_free(block);
        if (i % 100 == 0) hak_trim(0);
    }
}

static void write_pages(char *block) {
    for (size_t at = 0, size = hak_usable_size(block); at < size; at += 4096) block[at] = 1;
}

/* What shrank was cut short where it held something, and what grew may have been moved: what is left of either is somebody's
 * soon. Pages alone are written, since guards are placed in the secure flavour where time has passed. */
static void calloc_gives_zeros_where_large_blocks_shrank_and_moved(void) {
    enum { BLOCKS = 12 };
    check_random_t random = {check_seed()};
    char *blocks[BLOCKS] = {NULL};
    for (size_t round = check_scaled(20000); round != 0; round--) {
        size_t i = check_below(&random, BLOCKS), size = check_log_uniform(&random, 257 * 1024, 2 * MIB);
        if (blocks[i] != NULL && check_below(&random, 4) == 0) {
            hak_free(blocks[i]);
            blocks[i] = NULL;
            continue;
        }
        if (blocks[i] != NULL) {
            blocks[i] = hak_realloc(blocks[i], size);
        } else {
            blocks[i] = hak_calloc(1, size);
            for (size_t at = 0; at < size; at += 4096) CHECK_EQUAL(blocks[i][at], 0);
        }
        write_pages(blocks[i]);
    }
    for (int i = 0; i < BLOCKS; i++) hak_free(blocks[i]);
}

static void only_the_start_of_a_live_block_is_owned(void) {
    static const size_t sizes[] = {1, 16, 100, 1024, 5000, 32768, 100000, 5 * MIB};
    int local = 0;
    CHECK(!hak_owns(NULL) && !hak_owns(&local) && !hak_owns((void *)16) && !hak_owns((void *)UINTPTR_MAX));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *blocks[100];
        for (int k = 0; k < 100; k++) blocks[k] = hak_malloc(sizes[i]);
        for (int k = 0; k < 100; k++) {
            CHECK(hak_owns(blocks[k]));
            CHECK(!hak_owns(blocks[k] + 1) && !hak_owns(blocks[k] + 1 + hak_usable_size(blocks[k]) / 2));
        }
        for (int k = 0; k < 100; k += 2) hak_free(blocks[k]);
        for (int k = 0; k < 100; k++) CHECK_EQUAL(hak_owns(blocks[k]), k % 2);
        for (int k = 1; k < 100; k += 2) hak_free(blocks[k]);
        for (int k = 0; k < 100; k++) CHECK(!hak_owns(blocks[k]));
    }
}

static void statistics_are_cut_like_snprintf_cuts(void) {
    hak_free(hak_malloc(100));
    static char whole[1 << 16], part[1 << 16];
    size_t length = hak_stats_json(whole, sizeof whole);
    CHECK(length > 100 && length < sizeof whole);
    CHECK_EQUAL(strlen(whole), length);
    CHECK(whole[0] == '{' && whole[length - 2] == '}' && whole[length - 1] == '\n');
    CHECK(hak_stats_json(NULL, 0) > 100);
    memset(part, 'x', sizeof part);
    CHECK(hak_stats_json(part, 11) > 100);
    CHECK(memcmp(part, whole, 10) == 0 && part[10] == '\0' && part[11] == 'x');
}

static void version_and_build_are_told(void) {
    CHECK(strlen(hak_version()) >= 5 && strlen(hak_build_info()) > 10);
}

/* With the address space limited after the heap was opened, as servers do. */
static void under_a_limit_on_address_space_it_says_no_and_goes_on(void) {
    if (CHECK_SANITIZER != CHECK_SANITIZER_OFF) {
        printf("skipped: sanitizers reserve more address space than such a limit\n");
        return;
    }
    hak_free(hak_malloc(1));
    struct rlimit limit = {400 * MIB, 400 * MIB};
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    CHECK(file != NULL && fscanf(file, "%lu", &pages) == 1);
    fclose(file);
    limit.rlim_cur += pages * 4096;
    limit.rlim_max = limit.rlim_cur;
    CHECK_EQUAL(setrlimit(RLIMIT_AS, &limit), 0);
    static void *blocks[2000];
    size_t count = 0;
    while (count < 2000 && (blocks[count] = hak_malloc(MIB)) != NULL) memset(blocks[count++], 1, 1000);
    CHECK(count > 100 && count < 500 && errno == ENOMEM);
    void *kept = blocks[--count];
    CHECK(hak_realloc(kept, GIB) == NULL && *(char *)kept == 1);
    hak_free(kept);
    while (count != 0) hak_free(blocks[--count]);
    while (count < 100) {
        blocks[count] = hak_malloc(MIB);
        CHECK(blocks[count++] != NULL);
    }
}

CHECK_MAIN(CASE(free_keeps_errno), CASE(size_zero_gives_unique_pointers), CASE(realloc_to_zero_frees),
           CASE(what_overflows_is_refused), CASE(what_is_far_beyond_memory_is_refused_and_the_heap_goes_on),
           CASE(bad_alignments_are_refused), CASE(alignments_up_to_a_gigabyte_hold_for_every_size),
           CASE(all_of_the_usable_size_may_be_used), CASE(blocks_of_several_gigabytes_cost_nothing_until_touched),
           CASE(realloc_keeps_contents_between_all_kinds_of_sizes), CASE(a_block_that_grows_step_by_step_keeps_its_contents),
           CASE(large_blocks_grow_in_place_where_they_can), CASE(calloc_gives_zeros_where_others_wrote),
           CASE(calloc_gives_zeros_where_large_blocks_shrank_and_moved),
           CASE(only_the_start_of_a_live_block_is_owned), CASE(statistics_are_cut_like_snprintf_cuts),
           CASE(version_and_build_are_told), CASE(under_a_limit_on_address_space_it_says_no_and_goes_on))
