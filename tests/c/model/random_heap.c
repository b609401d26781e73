/* random_heap.c -- random operations on several threads, against a shadow heap that knows what every block must hold.
 *
 * Each block is filled with words that follow from its own mark, so that an overlap, a lost write or a move that forgets
 * something is seen when the block is looked at again: before it is freed, resized or handed to another thread. At the end
 * everything is freed, and the pool must have every unit back.
 *
 * Under ThreadSanitizer hak_owns is not asked: it looks at other threads' lists on purpose (thread_cache.h, "a glance"). */
#include <pthread.h>
#include <stdatomic.h>

#include "../check.h"
#include "hakmem.h"
#include "stock.h"

enum {
    THREADS = 4,
    SLOTS = 4000,
    MAILBOXES = 64,
    FULL_BYTES = 16 * 1024, /* patterned throughout up to here; above, a strip of each page and the end */
    STRIP = 64,
    PAGE = 4096,
    LIVE_MAX = 48 << 20, /* bytes a thread */
};

typedef uint64_t __attribute__((may_alias)) word_t;

typedef struct held {
    unsigned char *block;
    size_t size;
    uint64_t mark;
} held_t;

typedef struct player {
    check_random_t random;
    size_t operations, live;
    unsigned number;
    held_t slots[SLOTS];
} player_t;

static _Atomic(held_t *) mailboxes[MAILBOXES];
static bool may_run_out; /* NULL and ENOMEM are right answers */

static uint64_t word_at(uint64_t mark, size_t i) { return mark + i / 8 * 0x9e3779b97f4a7c15u; }

static _Noreturn void damaged(const held_t *held, size_t at) {
    fprintf(stderr, "block %p of %zu bytes, mark %llx: byte %zu has changed\n", (void *)held->block, held->size,
            (unsigned long long)held->mark, at);
    abort();
}

/* Writes or verifies the bytes [from, to); `from` is a multiple of 8. */
static void pattern(const held_t *held, size_t from, size_t to, bool verify) {
    size_t i = from;
    for (; i + 8 <= to; i += 8) {
        word_t *word = (word_t *)(held->block + i);
        if (!verify) *word = word_at(held->mark, i);
        else if (*word != word_at(held->mark, i)) damaged(held, i);
    }
    for (; i < to; i++) {
        unsigned char byte = (unsigned char)(word_at(held->mark, i) >> (8 * (i % 8)));
        if (!verify) held->block[i] = byte;
        else if (held->block[i] != byte) damaged(held, i);
    }
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* The parts of a block that carry the pattern, as far as they lie below `limit`. */
static void walk(const held_t *held, size_t limit, bool verify) {
    pattern(held, 0, least(limit, FULL_BYTES), verify);
    for (size_t at = FULL_BYTES; at < limit; at += PAGE) pattern(held, at, least(limit, at + STRIP), verify);
    if (held->size > STRIP && limit == held->size) pattern(held, (held->size - STRIP) & ~(size_t)7, held->size, verify);
}

static size_t random_size(check_random_t *random) {
    uint64_t kind = check_below(random, 1000);
    if (kind < 830) return check_below(random, 1025);
    if (kind < 970) return check_log_uniform(random, 1024, 32 * 1024);
    if (kind < 998) return check_log_uniform(random, 32 * 1024, 512 * 1024);
    return check_log_uniform(random, 512 * 1024, 8 << 20);
}

static void check_zero(const unsigned char *block, size_t size) {
    for (size_t i = 0; i + 8 <= size; i += 8) CHECK_EQUAL(*(const word_t *)(block + i), 0);
    for (size_t i = size & ~(size_t)7; i < size; i++) CHECK_EQUAL(block[i], 0);
}

static bool ran_out(const void *block) {
    if (block != NULL) return false;
    CHECK(may_run_out && errno == ENOMEM);
    return true;
}

static void accept(player_t *player, held_t *held, void *block, size_t size, size_t alignment) {
    if (ran_out(block)) return;
    CHECK_EQUAL((uintptr_t)block % alignment, 0);
    size_t usable = hak_usable_size(block);
    CHECK(usable >= size && (HAK_SECURE || usable >= 16)); /* the secure flavour tells the size that was asked for */
    /* What is said to be usable is ours: patterned as well, most of the time. */
    if (size != 0 && usable <= FULL_BYTES && check_below(&player->random, 4) != 0) size = usable;
    *held = (held_t){block, size, check_random(&player->random) << 3 | player->number};
    walk(held, size, false);
    player->live += size;
}

static void allocate(player_t *player, held_t *held) {
    check_random_t *random = &player->random;
    size_t size = random_size(random);
    uint64_t kind = check_below(random, 100);
    if (kind < 70) {
        accept(player, held, hak_malloc(size), size, 16);
    } else if (kind < 85) {
        size_t count = 1 + check_below(random, 8);
        unsigned char *block = hak_calloc(count, size / count);
        if (!ran_out(block)) check_zero(block, size / count * count);
        accept(player, held, block, size / count * count, 16);
    } else {
        size_t alignment = (size_t)1 << check_below(random, kind < 98 ? 13 : 23);
        void *block = NULL;
        if (kind < 92 && alignment >= sizeof(void *)) errno = hak_posix_memalign(&block, alignment, size);
        else block = hak_aligned_alloc(alignment, size);
        accept(player, held, block, size, alignment);
    }
}

static void release(player_t *player, held_t *held) {
    walk(held, held->size, true);
    bool may_ask = CHECK_SANITIZER != CHECK_SANITIZER_THREAD;
    if (may_ask && check_below(&player->random, 5000) == 0) CHECK(hak_owns(held->block));
    hak_free(held->block);
    player->live -= held->size;
    held->block = NULL;
}

static void resize(player_t *player, held_t *held) {
    size_t size = random_size(&player->random);
    if (check_below(&player->random, 2) == 0) size = held->size + held->size / 2 + 1; /* as vectors grow */
    if (size == 0 || size > (8 << 20)) size = 1;
    walk(held, held->size, true);
    unsigned char *block = hak_realloc(held->block, size);
    if (ran_out(block)) {
        walk(held, held->size, true);
        return;
    }
    player->live -= held->size;
    held_t kept = {block, held->size, held->mark};
    walk(&kept, least(held->size, size), true);
    accept(player, held, block, size, 16);
}

/* Puts a block into a mailbox and takes what lay there. */
static void hand_over(player_t *player, held_t *held) {
    held_t *letter = malloc(sizeof *letter);
    CHECK(letter != NULL);
    *letter = *held;
    player->live -= held->size;
    held->block = NULL;
    _Atomic(held_t *) *mailbox = &mailboxes[check_below(&player->random, MAILBOXES)];
    held_t *got = atomic_exchange_explicit(mailbox, letter, memory_order_acq_rel);
    if (got == NULL) return;
    *held = *got;
    player->live += got->size;
    free(got);
}

static void *play(void *argument) {
    player_t *player = argument;
    for (size_t i = 0; i < player->operations; i++) {
        held_t *held = &player->slots[check_below(&player->random, SLOTS)];
        uint64_t kind = check_below(&player->random, 100);
        if (held->block == NULL) {
            if (player->live < LIVE_MAX) allocate(player, held);
        } else if (kind < 70 || player->live > LIVE_MAX) {
            release(player, held);
        } else if (kind < 85) {
            resize(player, held);
        } else {
            hand_over(player, held);
        }
        if (i % 100000 == 99999) hak_trim(check_below(&player->random, 2) << 20);
    }
    for (size_t i = 0; i < SLOTS; i++) {
        if (player->slots[i].block != NULL) release(player, &player->slots[i]);
    }
    return NULL;
}

static void run(size_t operations) {
    static player_t players[THREADS];
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        players[i].random.state = check_seed() + i;
        players[i].operations = check_scaled(operations) / THREADS;
        players[i].number = i;
        CHECK_EQUAL(pthread_create(&threads[i], NULL, play, &players[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
    player_t *last = &players[0];
    for (unsigned i = 0; i < MAILBOXES; i++) {
        held_t *letter = atomic_exchange_explicit(&mailboxes[i], NULL, memory_order_acq_rel);
        if (letter == NULL) continue;
        release(last, letter);
        free(letter);
    }
    while (hak_trim(0)) {
    }
    CHECK_EQUAL(hak_stock_totals().used_units, 0);
    CHECK_EQUAL(hak_stock_totals().dirty_units, 0);
}

static void with_default_settings(void) { run(4000000); }

static void while_memory_goes_back_all_the_time(void) {
    run(1000000);
}

static void with_the_smallest_caches(void) {
    run(800000);
}

static void with_background_purge_and_prewarmed_bins(void) {
    run(800000);
}

static void in_an_arena_that_is_too_small(void) {
    may_run_out = true;
    run(800000);
}

/* A large block that realloc moves away gives its place to whoever asks next, at once. */
static void *grow_large(void *argument) {
    for (size_t i = check_scaled(40000); i != 0; i--) {
        char *block = hak_malloc(300000), *fence = hak_malloc(40000);
        block[0] = 7;
        block = hak_realloc(block, 700000);
        CHECK(block != NULL && block[0] == 7);
        hak_free(fence);
        hak_free(block);
    }
    return argument;
}
static void *take_large(void *argument) {
    for (size_t i = check_scaled(120000); i != 0; i--) hak_free(hak_malloc(300000));
    return argument;
}

static void large_blocks_move_while_others_take_their_places(void) {
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        CHECK_EQUAL(pthread_create(&threads[i], NULL, i % 2 == 0 ? grow_large : take_large, NULL), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
    while (hak_trim(0)) {
    }
    CHECK_EQUAL(hak_stock_totals().used_units, 0);
}

CHECK_MAIN(CASE(with_default_settings),
           CASE_WITH(while_memory_goes_back_all_the_time, "HAKMEM_PURGE_DELAY_MS=4", "HAKMEM_RETAIN=0"),
           CASE_WITH(with_the_smallest_caches, "HAKMEM_CACHE_BLOCKS=1", "HAKMEM_CACHE_LIMIT=0"),
           CASE_WITH(with_background_purge_and_prewarmed_bins, "HAKMEM_BACKGROUND_PURGE=1", "HAKMEM_PREWARM=start",
                     "HAKMEM_PURGE_DELAY_MS=20"),
           CASE(large_blocks_move_while_others_take_their_places),
           CASE_WITH(in_an_arena_that_is_too_small, "HAKMEM_ARENA_MAX=64M"))
