/* preemption.c -- 16 to 64 threads that lose the processor at the worst places: with a lock in their hands, between a look and
 * the swap or lock that it decides, and after a swap whose consequences are still to come (core/preempt.h).
 *
 * Two processors run so many threads one after the other; what they would do to each other on sixty-four happens here because
 * each place gives the processor away now and then, by a seed. No thread may wait for ever, no block may be given twice, torn
 * or lost, and the counters must say what docs/design/scaling.md says of locks: equations that hold for every order of events.
 * The core is built here as the count flavour. The rarest orders of the slab protocol are for tests/spin, which sees all. */
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "../check.h"
#include "counters.h"
#include "hakmem.h"
#include "preempt.h"
#include "stats.h"
#include "stock.h"
#include "thread_cache.h"

enum {
    THREADS_MAX = 64,
    PLACES = 2048,         /* of the table by which blocks go from thread to thread */
    MINE = 64,
    GENERATIONS = 3,       /* each thread ends, with its cache, and is followed by another */
    OPERATIONS = 400000,   /* of all threads of a generation */
    YIELD_EVERY = 16,
    SLEEP_EVERY = 1024,
    SLEEP_NS = 20000,
    LONG_SLEEP_EVERY = 64,  /* after a swap, so that others undo what it was the first step of */
    LONG_SLEEP_NS = 500000,
    LARGE_EVERY = 256,
    LOOK_EVERY = 4096,
    LOOKS = CHECK_SANITIZER != CHECK_SANITIZER_THREAD, /* a look is a glance into others' lists, a race on purpose */
    TRIM_EVERY = 4 * LOOK_EVERY,
};

/* ---- losing the processor ---- */

static _Thread_local check_random_t preemption;
static _Atomic uint64_t streams, losses[HAK_AT_PLACES];

void hak_preempt_here(hak_place_t place) {
    int saved = errno;
    if (preemption.state == 0) preemption.state = check_seed() * 1000003 + hak_add_relaxed(&streams, 1) + 1;
    uint64_t draw = check_random(&preemption);
    if (draw % YIELD_EVERY == 0) {
        hak_add_relaxed(&losses[place], 1);
        bool swapped = place == HAK_AT_SWAPPED;
        struct timespec nap = {0, swapped ? LONG_SLEEP_NS : SLEEP_NS};
        uint64_t every = (swapped ? LONG_SLEEP_EVERY : SLEEP_EVERY) / YIELD_EVERY;
        if (draw / YIELD_EVERY % every == 0) nanosleep(&nap, NULL);
        else sched_yield();
    }
    errno = saved;
}

/* ---- blocks that tell whether they are whole ---- */

static uint64_t mark_of(const void *block, size_t size) { return ((uintptr_t)block ^ size) * 0x9e3779b97f4a7c15u; }

/* Bytes of small blocks, how many a thread keeps, and how often one gives everything that is free to the slabs. */
static size_t least = 16, most = 2048, kept = MINE, trim_every = TRIM_EVERY;

static void *make_block(check_random_t *random) {
    bool large = check_below(random, LARGE_EVERY) == 0;
    size_t size = large ? check_log_uniform(random, 32 << 10, 256 << 10) : check_log_uniform(random, least, most);
    size &= ~(size_t)15;
    uint64_t *block = hak_malloc(size);
    CHECK(block != NULL);
    block[0] = size;
    block[size / 8 - 1] = mark_of(block, size) + (size == 16 ? 0 : block[0]);
    return block;
}

static void free_block(uint64_t *block) {
    if (block == NULL) return;
    size_t size = block[0];
    CHECK_MOST(size, 256 << 10);
    CHECK_EQUAL(block[size / 8 - 1], mark_of(block, size) + (size == 16 ? 0 : size));
    block[size / 8 - 1] = 0; /* a second owner would notice */
    hak_free(block);
}

/* ---- the threads ---- */

static _Atomic(uint64_t *) table[PLACES];
static size_t operations;

static void *work(void *argument) {
    check_random_t random = {check_seed() ^ (uintptr_t)argument << 32};
    uint64_t *mine[MINE] = {NULL};
    for (size_t i = 0; i < operations; i++) {
        uint64_t draw = check_random(&random);
        uint64_t **slot = &mine[draw % kept];
        if (draw >> 62 == 0) {
            /* Acquire and release: whoever takes the block reads what its maker wrote. */
            *slot = hak_exchange_acq_rel(&table[draw / MINE % (PLACES / MINE * kept)], *slot);
        } else {
            free_block(*slot);
            *slot = draw >> 61 == 7 ? NULL : make_block(&random);
        }
        if (LOOKS && check_below(&random, LOOK_EVERY) == 0 && *slot != NULL) CHECK(hak_owns(*slot));
        if (check_below(&random, trim_every) == 0) hak_trim(0);
    }
    for (int i = 0; i < MINE; i++) free_block(mine[i]);
    return NULL;
}

/* ---- what must be true afterwards ---- */

static uint64_t taken(hak_lock_use_t use) {
    const hak_tally_t *tally = &hak_lock_tallies[use];
    return hak_load_relaxed(&tally->at_once) + hak_load_relaxed(&tally->not_at_once);
}
static uint64_t waits(hak_lock_use_t use) { return hak_load_relaxed(&hak_lock_tallies[use].not_at_once); }
static uint64_t done(hak_swap_t place) { return hak_load_relaxed(&hak_swap_tallies[place].at_once); }
static uint64_t in_vain(hak_swap_t place) { return hak_load_relaxed(&hak_swap_tallies[place].not_at_once); }

static void check_the_locks(void) {
    hak_class_figures_t sum = {0};
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) {
        hak_class_figures_t figures = hak_central_figures(c);
        sum.refills += figures.refills;
        sum.flushes += figures.flushes;
        sum.transfer_hits += figures.transfer_hits;
        sum.transfer_puts += figures.transfer_puts;
        sum.transfer_full += figures.transfer_full;
        sum.slabs_made += figures.slabs_made;
        sum.slabs_retired += figures.slabs_retired;
    }
    /* A batch taken whole, or given, is one lock of one shard; a lock more is one whose last batch went meanwhile. */
    CHECK_EQUAL(taken(HAK_LOCK_shard_take) + taken(HAK_LOCK_shard_steal), sum.transfer_hits + in_vain(HAK_SWAP_shelf_hint));
    CHECK_EQUAL(done(HAK_SWAP_shelf_hint), sum.transfer_hits);
    CHECK_EQUAL(taken(HAK_LOCK_shard_put) + taken(HAK_LOCK_shard_spill), sum.transfer_puts + sum.transfer_full);
    /* The class lock is for what the shards could not do. */
    CHECK_EQUAL(taken(HAK_LOCK_class_refill), sum.refills - sum.transfer_hits);
    CHECK_EQUAL(taken(HAK_LOCK_class_idle), sum.flushes - sum.transfer_puts - sum.transfer_full);
    CHECK_MOST(taken(HAK_LOCK_class_push), done(HAK_SWAP_slab_push));
    /* A stock's lock: once for each slab made, slab retired, large block allocated, large block freed; here none is so long
     * that it is the pool's. */
    CHECK_EQUAL(taken(HAK_LOCK_stock_slab), sum.slabs_made + sum.slabs_retired);
    CHECK_EQUAL(taken(HAK_LOCK_pool_large), 0);
    CHECK_EQUAL(taken(HAK_LOCK_stock_large),
                hak_load_relaxed(&hak_counters[HAK_COUNTER_large_allocs]) + hak_load_relaxed(&hak_counters[HAK_COUNTER_large_frees]));
    printf("        lost the processor %llu times with a lock, %llu before giving it up, %llu before a swap or lock, %llu after"
           " a swap\n        waits for shards %llu, classes %llu, stocks %llu, the pool %llu; pushes retried %llu of %llu; hints in vain %llu"
           " of %llu; leases undone %llu\n",
           (unsigned long long)losses[HAK_AT_LOCKED], (unsigned long long)losses[HAK_AT_UNLOCKING],
           (unsigned long long)losses[HAK_AT_READ], (unsigned long long)losses[HAK_AT_SWAPPED],
           (unsigned long long)(waits(HAK_LOCK_shard_take) + waits(HAK_LOCK_shard_steal) + waits(HAK_LOCK_shard_put) +
                                waits(HAK_LOCK_shard_spill)),
           (unsigned long long)(waits(HAK_LOCK_class_refill) + waits(HAK_LOCK_class_idle) + waits(HAK_LOCK_class_push)),
           (unsigned long long)(waits(HAK_LOCK_stock_slab) + waits(HAK_LOCK_stock_large) + waits(HAK_LOCK_stock_idle)),
           (unsigned long long)(waits(HAK_LOCK_pool_stock) + waits(HAK_LOCK_pool_upkeep)),
           (unsigned long long)in_vain(HAK_SWAP_slab_push), (unsigned long long)done(HAK_SWAP_slab_push),
           (unsigned long long)in_vain(HAK_SWAP_shelf_hint), (unsigned long long)done(HAK_SWAP_shelf_hint),
           (unsigned long long)in_vain(HAK_SWAP_lease));
    for (int place = 0; place < HAK_AT_PLACES; place++) CHECK(hak_load_relaxed(&losses[place]) != 0);
}

static void run_threads(size_t threads) {
    operations = check_scaled(OPERATIONS) / threads;
    for (uintptr_t generation = 0; generation < GENERATIONS; generation++) {
        pthread_t ids[THREADS_MAX];
        for (uintptr_t i = 0; i < threads; i++) {
            CHECK_EQUAL(pthread_create(&ids[i], NULL, work, (void *)(generation * THREADS_MAX + i + 1)), 0);
        }
        for (size_t i = 0; i < threads; i++) CHECK_EQUAL(pthread_join(ids[i], NULL), 0);
    }
    for (size_t i = 0; i < PLACES; i++) free_block(hak_exchange_acq_rel(&table[i], NULL));
    check_the_locks();
    CHECK_EQUAL(hak_stats_totals().live, 0);
    while (hak_trim(0)) {
    }
    CHECK_EQUAL(hak_stock_totals().used_units, 0);
}

static void sixteen_threads(void) { run_threads(16); }
static void thirty_two_threads(void) { run_threads(32); }
static void sixty_four_threads(void) { run_threads(64); }
/* Bins of a block or two: nearly every call takes a trip. */
static void sixty_four_threads_without_room_in_their_caches(void) { run_threads(64); }
/* Slabs of some eight blocks, which are made, wholly free again, retired, and reused by another class all the time. */
static void sixty_four_threads_whose_slabs_come_and_go(void) {
    least = 8 << 10;
    most = 32 << 10;
    kept = 1;
    trim_every = 64;
    run_threads(64);
}
/* Ticks take bins, spares and batches from under their owners, and pages of free spans go and come back. */
static void sixty_four_threads_amid_ticks(void) { run_threads(64); }

CHECK_MAIN(CASE(sixteen_threads), CASE(thirty_two_threads), CASE(sixty_four_threads),
           CASE_WITH(sixty_four_threads_without_room_in_their_caches, "HAKMEM_CACHE_LIMIT=64K"),
           CASE_WITH(sixty_four_threads_whose_slabs_come_and_go, "HAKMEM_CACHE_LIMIT=64K"),
           CASE_WITH(sixty_four_threads_amid_ticks, "HAKMEM_PURGE_DELAY_MS=40", "HAKMEM_RETAIN=0"))
