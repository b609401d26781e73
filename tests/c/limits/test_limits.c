/* test_limits.c -- the limits of docs/design/limits.md and what it says about purging, as far as a test can see them.
 *
 * The core's clock is the test's (ld --wrap): it moves by what work is said to take, however long the machine needs for it.
 *
 * Not under sanitizers: their own memory is not this heap's. */
#include <pthread.h>
#include <stdatomic.h>

#include "../check.h"
#include "hakmem.h"
#include "os.h"
#include "stats.h"
#include "stock.h"
#include "thread.h"

#define MIB ((size_t)1 << 20)

static void *touched(size_t size) {
    char *block = hak_malloc(size);
    CHECK(block != NULL);
    for (size_t at = 0; at < size; at += 4096) block[at] = 1;
    return block;
}

/* ---- the clock ---- */

/* The coarse clock moves in steps of 4 ms. The exact one moves with each look at it, by what giving back 8 MiB may take: so a
 * purge comes to the end of its millisecond and has to go on in a later call. */
enum { COARSE_US = 4000, LOOK_US = 300 };
static _Atomic uint64_t clock_us = 1000000;
static bool real_clock;

uint64_t __real_hak_os_now_ms(void);
uint64_t __wrap_hak_os_now_ms(void);
uint64_t __wrap_hak_os_now_ms(void) {
    uint64_t us = atomic_load(&clock_us);
    return real_clock ? __real_hak_os_now_ms() : (us - us % COARSE_US) / 1000;
}
uint64_t __real_hak_os_now_ns(void);
uint64_t __wrap_hak_os_now_ns(void);
uint64_t __wrap_hak_os_now_ns(void) {
    return real_clock ? __real_hak_os_now_ns() : 1000 * atomic_fetch_add(&clock_us, LOOK_US);
}

static void pass(uint64_t us) { atomic_fetch_add(&clock_us, us); }
/* Does `work` again and again, for so long by the clock. */
static void go_on(void (*work)(void), uint64_t ms) {
    for (uint64_t end = atomic_load(&clock_us) + 1000 * ms; atomic_load(&clock_us) < end;) work();
}

/* ---- work, and what it takes ---- */

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }
static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* Blocks in bins and spares; what is in the central store is free memory, not cached by a thread. */
static void add_cached(hak_cache_t *cache, void *context) {
    size_t *bytes = context;
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) *bytes += (size_t)hak_cache_blocks(cache, c) * hak_classes[c].size;
}
static size_t cached_bytes(void) {
    size_t bytes = 0;
    hak_thread_visit(add_cached, &bytes, true);
    return bytes;
}

static void work_a_little(void) {
    hak_free(hak_malloc(200000));
    pass(10000);
}
static void burst(void **blocks, size_t total, check_random_t *random) {
    size_t count = 0;
    for (size_t bytes = 0; bytes < total; count++) {
        size_t size = check_log_uniform(random, 16, 32768);
        blocks[count] = hak_malloc(size);
        CHECK(blocks[count] != NULL);
        bytes += size;
        pass(1);
    }
    while (count != 0) hak_free(blocks[--count]);
}

static void caches_of_one_thread_stay_within_two_mebibytes_in_a_small_program(void) {
    static void *blocks[1 << 20];
    check_random_t random = {check_seed()};
    for (int i = 0; i < 5; i++) burst(blocks, 64 * MIB, &random);
    /* The burst itself was a live heap with a budget of its own; what it left behind is looked at by ticks. */
    go_on(work_a_little, 1000);
    hak_totals_t totals = hak_stats_totals();
    CHECK_MOST(cached_bytes(), larger(2 * MIB, totals.live / 8) + MIB);
}

static pthread_barrier_t barrier;
static void *burst_and_wait(void *argument) {
    check_random_t random = {check_seed() + (uintptr_t)argument};
    void **blocks = malloc(sizeof *blocks << 18);
    for (int i = 0; i < 3; i++) burst(blocks, 8 * MIB, &random);
    pthread_barrier_wait(&barrier); /* measured between the two */
    pthread_barrier_wait(&barrier);
    free(blocks);
    return NULL;
}

static void caches_of_many_threads_stay_within_the_budget_and_go_with_them(void) {
    enum { THREADS = 32 };
    pthread_t threads[THREADS];
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    for (uintptr_t i = 0; i < THREADS; i++) CHECK_EQUAL(pthread_create(&threads[i], NULL, burst_and_wait, (void *)i), 0);
    pthread_barrier_wait(&barrier);
    size_t live = hak_stock_totals().used_units << HAK_UNIT_SHIFT;
    size_t cached = cached_bytes();
    printf("        32 threads cache %zu KiB of %zu KiB in use\n", cached >> 10, live >> 10);
    /* A bin that the budget has nothing for holds two blocks and a spare of two. */
    size_t least = 0;
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) least += 4 * (size_t)hak_classes[c].size;
    CHECK_MOST(cached, smaller(32 * MIB, larger(live / 8, 2 * MIB)) + THREADS * least);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < THREADS; i++) CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
    CHECK_EQUAL(cached_bytes(), 0); /* a thread that exits holds none */
    while (hak_trim(0)) {
    }
    CHECK_EQUAL(hak_stock_totals().used_units, 0);
}

static void descriptors_cost_half_a_percent_at_most(void) {
    void *blocks[1000];
    for (int i = 0; i < 1000; i++) blocks[i] = hak_malloc(MIB);
    hak_totals_t totals = hak_stats_totals();
    CHECK(totals.mapped >= 1000 * MIB);
    CHECK_MOST(totals.metadata, totals.mapped / 200 + MIB);
    for (int i = 0; i < 1000; i++) hak_free(blocks[i]);
}

static size_t unpurged(void) { return hak_stock_totals().dirty_units << HAK_UNIT_SHIFT; }
static size_t unpurged_at_most(size_t kept) { return larger(8 * MIB, kept / 8) + MIB; }

/* Frees a burst that left `kept` bytes in use, then lives on with a little work of one kind. */
static void check_purged(size_t kept, void (*live_on)(size_t kept)) {
    static void *burst_blocks[1000];
    void *keep = touched(kept);
    for (int i = 0; i < 200; i++) burst_blocks[i] = touched(i % 2 == 0 ? MIB : 20000);
    size_t full = check_resident();
    for (int i = 0; i < 200; i++) hak_free(burst_blocks[i]);
    CHECK(real_clock || unpurged() > unpurged_at_most(kept));
    live_on(kept);
    CHECK_MOST(unpurged(), unpurged_at_most(kept));
    CHECK_MOST(check_resident(), full - 80 * MIB);
    hak_free(keep);
}

static void loop_on_one_size(void) {
    for (int i = 0; i < 1000; i++) hak_free(hak_malloc(64));
    pass(50);
}
static void loop_on_a_few_sizes(void) {
    void *blocks[50];
    for (int i = 0; i < 50; i++) blocks[i] = hak_malloc(16 + 40 * (size_t)i);
    for (int i = 0; i < 50; i++) hak_free(blocks[i]);
    pass(100);
}

enum { A_DELAY_AND_THREE_TICKS_MS = 1200 };
static void little_work(size_t kept) {
    (void)kept;
    go_on(work_a_little, A_DELAY_AND_THREE_TICKS_MS);
}
static void one_size(size_t kept) {
    (void)kept;
    go_on(loop_on_one_size, A_DELAY_AND_THREE_TICKS_MS);
}
static void a_few_sizes(size_t kept) {
    (void)kept;
    go_on(loop_on_a_few_sizes, A_DELAY_AND_THREE_TICKS_MS);
}
static void free_memory_goes_back_after_the_delay_with_a_little_work(void) { check_purged(MIB, little_work); }
static void free_memory_goes_back_in_a_loop_of_one_size(void) { check_purged(MIB, one_size); }
static void free_memory_goes_back_in_a_loop_of_a_few_sizes(void) { check_purged(MIB, a_few_sizes); }
static void a_large_live_heap_may_keep_an_eighth(void) { check_purged(200 * MIB, one_size); }

/* The thread that purges sleeps by the system's clock; when it wakes up is up to the machine. */
static void silence(size_t kept) {
    for (int i = 0; i < 6000 && unpurged() > unpurged_at_most(kept); i++) usleep(10000);
}
static void free_memory_goes_back_in_silence_with_background_purge(void) {
    real_clock = true;
    check_purged(MIB, silence);
}

static void small_blocks_go_back_too(void) {
    enum { BLOCKS = 1 << 20 };
    static void *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) *(char *)(blocks[i] = hak_malloc(100)) = 1;
    size_t full = check_resident();
    for (int i = 0; i < BLOCKS; i++) hak_free(blocks[i]);
    go_on(loop_on_one_size, 1500);
    CHECK_MOST(unpurged(), 9 * MIB);
    CHECK_MOST(check_resident(), full - 90 * MIB);
}

static void trimming_gives_back_at_once(void) {
    void *blocks[100];
    for (int i = 0; i < 100; i++) blocks[i] = touched(MIB);
    size_t full = check_resident();
    for (int i = 0; i < 100; i++) hak_free(blocks[i]);
    CHECK(hak_trim(20 * MIB));
    CHECK_MOST(check_resident(), full - 78 * MIB);
    CHECK(hak_stock_totals().dirty_units << HAK_UNIT_SHIFT <= 20 * MIB);
    CHECK(hak_trim(0));
    CHECK_EQUAL(hak_stock_totals().dirty_units, 0);
    CHECK_MOST(check_resident(), full - 98 * MIB);
    CHECK(!hak_trim(0));
}

/* What is freed fills the bin of 64 bytes, and its spare. */
static void *hold_and_idle(void *argument) {
    static _Thread_local void *blocks[4096];
    for (int i = 0; i < 4096; i++) blocks[i] = hak_malloc(64);
    for (int i = 0; i < 4096; i++) hak_free(blocks[i]);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return argument;
}

struct others {
    const hak_cache_t *own;
    size_t spares;
};

static void count_spares(hak_cache_t *cache, void *context) {
    struct others *others = context;
    if (cache == others->own) return;
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) others->spares += atomic_load(&cache->spares[c]) != NULL;
}

static size_t spares_of_others(void) {
    struct others others = {hak_thread_cache(), 0};
    CHECK(hak_thread_visit(count_spares, &others, true));
    return others.spares;
}

static void work_past_the_cache(void) {
    hak_free(touched(MIB));
    work_a_little();
}

/* Threads that sleep for ever do not hold spares for ever, while somebody else works. */
static void idle_threads_give_up_their_spares(void) {
    enum { THREADS = 16 };
    pthread_t threads[THREADS];
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++) CHECK_EQUAL(pthread_create(&threads[i], NULL, hold_and_idle, NULL), 0);
    pthread_barrier_wait(&barrier);
    size_t before = spares_of_others();
    go_on(work_past_the_cache, 1500);
    printf("        16 idle threads have %zu spares, a second later %zu\n", before, spares_of_others());
    CHECK_EQUAL(before, THREADS);
    CHECK_EQUAL(spares_of_others(), 0);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < THREADS; i++) CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
}

CHECK_MAIN(CASE(caches_of_one_thread_stay_within_two_mebibytes_in_a_small_program),
           CASE(caches_of_many_threads_stay_within_the_budget_and_go_with_them),
           CASE(descriptors_cost_half_a_percent_at_most),
           CASE(free_memory_goes_back_after_the_delay_with_a_little_work),
           CASE(free_memory_goes_back_in_a_loop_of_one_size),
           CASE(free_memory_goes_back_in_a_loop_of_a_few_sizes),
           CASE(a_large_live_heap_may_keep_an_eighth),
           CASE_WITH(free_memory_goes_back_in_silence_with_background_purge, "HAKMEM_BACKGROUND_PURGE=1"),
           CASE(small_blocks_go_back_too),
           CASE(trimming_gives_back_at_once),
           CASE(idle_threads_give_up_their_spares))
