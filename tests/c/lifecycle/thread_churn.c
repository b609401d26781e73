/* thread_churn.c -- ten thousand threads come and go; what they leave behind is freed by others, and memory stays flat.
 *
 * Resident memory is not compared under sanitizers, which keep records of threads that have ended. */
#include <pthread.h>

#include "../check.h"
#include "hakmem.h"
#include "stock.h"
#include "thread.h"

enum { AT_ONCE = 8, LEFT_BEHIND = 64, OF_ITS_OWN = 400 };

typedef struct parcel {
    void *blocks[LEFT_BEHIND];
    size_t sizes[LEFT_BEHIND];
} parcel_t;

static _Atomic(parcel_t *) mail; /* from a thread that may have ended */
static pthread_key_t early_key, late_key;
static _Atomic unsigned destructor_frees;

static void fill(void *block, size_t size) { memset(block, (int)(size & 0xff), size < 300 ? size : 300); }
static void check_and_free(void *block, size_t size) {
    for (size_t i = 0; i < size && i < 300; i++) CHECK_EQUAL(((unsigned char *)block)[i], size & 0xff);
    hak_free(block);
}

static void *short_life(void *argument) {
    check_random_t random = {check_seed() + (uintptr_t)argument};
    void *own[OF_ITS_OWN];
    for (int i = 0; i < OF_ITS_OWN; i++) own[i] = hak_malloc(check_log_uniform(&random, 1, 4096));
    parcel_t *parcel = malloc(sizeof *parcel);
    for (int i = 0; i < LEFT_BEHIND; i++) {
        parcel->sizes[i] = check_log_uniform(&random, 16, i == 0 ? 200000 : 20000);
        parcel->blocks[i] = hak_malloc(parcel->sizes[i]);
        CHECK(parcel->blocks[i] != NULL);
        fill(parcel->blocks[i], parcel->sizes[i]);
    }
    for (int i = 0; i < OF_ITS_OWN; i++) hak_free(own[i]);
    parcel_t *old = hak_exchange_acq_rel(&mail, parcel);
    for (int i = 0; old != NULL && i < LEFT_BEHIND; i++) check_and_free(old->blocks[i], old->sizes[i]);
    free(old);
    return NULL;
}

static void run_generation(uintptr_t first) {
    pthread_t threads[AT_ONCE];
    for (uintptr_t i = 0; i < AT_ONCE; i++) {
        CHECK_EQUAL(pthread_create(&threads[i], NULL, short_life, (void *)(first + i)), 0);
    }
    for (int i = 0; i < AT_ONCE; i++) CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
}

static void count_cache(hak_cache_t *cache, void *context) {
    (void)cache;
    ++*(size_t *)context;
}

static int compare_sizes(const void *a, const void *b) {
    size_t left = *(const size_t *)a, right = *(const size_t *)b;
    return (left > right) - (left < right);
}
static size_t median(size_t *sizes, size_t count) {
    qsort(sizes, count, sizeof *sizes, compare_sizes);
    return sizes[count / 2];
}

/* Between two parts of the run, since single figures go up and down by what waits for a purge. */
static void ten_thousand_threads_leave_memory_flat(void) {
    size_t generations = check_scaled(10000) / AT_ONCE, part = generations / 5;
    size_t *resident = calloc(generations, sizeof *resident);
    CHECK(resident != NULL && part != 0);
    for (size_t i = 0; i < generations; i++) {
        run_generation(i * AT_ONCE);
        resident[i] = check_resident();
    }
    size_t early = median(resident + part, part), late = median(resident + generations - part, part);
    free(resident);
    printf("        resident, medians: second fifth %zu KiB, last fifth %zu KiB\n", early >> 10, late >> 10);
    if (CHECK_SANITIZER == CHECK_SANITIZER_OFF) CHECK_MOST(late, early + (6 << 20)); /* 1 KiB a thread */
    size_t caches = 0;
    hak_thread_visit(count_cache, &caches, true);
    CHECK_MOST(caches, 1); /* the main thread's, at most: who is gone is not in the registry */
    parcel_t *last = hak_exchange_acq_rel(&mail, NULL);
    for (int i = 0; i < LEFT_BEHIND; i++) check_and_free(last->blocks[i], last->sizes[i]);
    free(last);
    while (hak_trim(0)) {
    }
    CHECK_EQUAL(hak_stock_totals().used_units, 0);
}

/* Destructors of thread-specific data run before and after this allocator's own, and for several rounds. */
typedef struct specific {
    pthread_key_t key;
    unsigned rounds;
} specific_t;

static void set_specific(pthread_key_t key, unsigned rounds, size_t size) {
    specific_t *value = hak_calloc(1, size);
    CHECK(value != NULL);
    *value = (specific_t){key, rounds};
    CHECK_EQUAL(pthread_setspecific(key, value), 0);
}

static void destroy(void *argument) {
    specific_t value = *(specific_t *)argument;
    hak_free(argument);
    void *fresh = hak_malloc(100 * value.rounds);
    fill(fresh, 100 * value.rounds);
    check_and_free(fresh, 100 * value.rounds);
    hak_add_relaxed(&destructor_frees, 1);
    if (value.rounds > 1) set_specific(value.key, value.rounds - 1, 60000 / value.rounds);
}

static void *with_destructors(void *argument) {
    set_specific(early_key, 1 + (uintptr_t)argument % 3, 5000);
    set_specific(late_key, 1 + (uintptr_t)argument % 4, 50);
    return NULL;
}

static void frees_inside_and_after_thread_destructors_are_taken(void) {
    CHECK_EQUAL(pthread_key_create(&early_key, destroy), 0);
    hak_free(hak_malloc(1)); /* the allocator makes its own key between the two */
    CHECK_EQUAL(pthread_key_create(&late_key, destroy), 0);
    size_t count = check_scaled(1000);
    for (size_t i = 0; i < count; i++) {
        pthread_t thread;
        CHECK_EQUAL(pthread_create(&thread, NULL, with_destructors, (void *)i), 0);
        CHECK_EQUAL(pthread_join(thread, NULL), 0);
    }
    CHECK(hak_load_relaxed(&destructor_frees) >= 2 * count);
    size_t caches = 0;
    hak_thread_visit(count_cache, &caches, true);
    CHECK_MOST(caches, 1);
    while (hak_trim(0)) {
    }
    CHECK_EQUAL(hak_stock_totals().used_units, 0);
}

/* Blocks that outlive the thread that asked for them. */
static void *make_blocks(void *argument) {
    void **blocks = argument;
    for (int i = 0; i < 1000; i++) {
        blocks[i] = hak_malloc(100 + (size_t)i);
        fill(blocks[i], 100 + (size_t)i);
    }
    return NULL;
}

static void blocks_outlive_the_thread_that_asked_for_them(void) {
    static void *blocks[20][1000];
    pthread_t threads[20];
    for (int i = 0; i < 20; i++) CHECK_EQUAL(pthread_create(&threads[i], NULL, make_blocks, blocks[i]), 0);
    for (int i = 0; i < 20; i++) CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
    for (int k = 0; k < 1000; k++) {
        for (int i = 0; i < 20; i++) check_and_free(blocks[i][k], 100 + (size_t)k);
    }
    while (hak_trim(0)) {
    }
    CHECK_EQUAL(hak_stock_totals().used_units, 0);
}

CHECK_MAIN(CASE(ten_thousand_threads_leave_memory_flat), CASE(frees_inside_and_after_thread_destructors_are_taken),
           CASE(blocks_outlive_the_thread_that_asked_for_them))
