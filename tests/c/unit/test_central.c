/* central.h: blocks are conserved on their way between threads, batches and slabs, and what is wholly free is retired. */
#include <pthread.h>

#include "../check.h"
#include "central.h"

static void open_arena(void) { CHECK(hak_arena_open((size_t)1 << 40, HAK_HUGE_SYSTEM)); }

static uint32_t length(const void *head) {
    uint32_t count = 0;
    for (; head != NULL; head = hak_next(head)) count++;
    return count;
}

static hak_chain_t get(unsigned c, uint32_t most) {
    hak_source_t source;
    hak_chain_t chain = hak_central_get(c, most, &source);
    CHECK(chain.count != 0);
    return chain;
}

/* Gets blocks one after the other until there are `count`. */
static void get_blocks(unsigned c, void **blocks, size_t count) {
    for (size_t i = 0; i < count;) {
        hak_chain_t chain = get(c, (uint32_t)(count - i));
        CHECK_MOST(chain.count, count - i);
        for (; chain.count != 0; chain.count--, i++) {
            blocks[i] = chain.head;
            chain.head = hak_next(chain.head);
        }
    }
}

static hak_chain_t chain_of(void **blocks, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) hak_set_next(blocks[i], i + 1 < count ? blocks[i + 1] : NULL);
    return (hak_chain_t){blocks[0], count};
}

static void sources_are_told(void) {
    open_arena();
    hak_source_t source;
    hak_chain_t fresh = hak_central_get(5, 10, &source);
    CHECK(fresh.count >= 1 && fresh.count <= 10 && source == HAK_FROM_SPAN);
    CHECK_EQUAL(length(fresh.head) >= fresh.count, 1);
    uint32_t count = fresh.count;
    hak_central_put(5, fresh);
    hak_chain_t again = hak_central_get(5, 1, &source);
    CHECK(source == HAK_FROM_TRANSFER && again.count == count && again.head == fresh.head);
    hak_central_push(5, again, 0);
    hak_chain_t from_slab = hak_central_get(5, count, &source);
    CHECK(source == HAK_FROM_SLAB && from_slab.count == count);
    hak_class_figures_t figures = hak_central_figures(5);
    CHECK_EQUAL(figures.refills, 3);
    CHECK_EQUAL(figures.refilled_blocks, 3 * count);
    CHECK_EQUAL(figures.flushes, 1);
    CHECK_EQUAL(figures.flushed_blocks, count);
    CHECK_EQUAL(figures.transfer_hits, 1);
    CHECK_EQUAL(figures.transfer_puts, 1);
    CHECK_EQUAL(figures.transfer_blocks, 0);
    CHECK_EQUAL(figures.slabs_made, 1);
    CHECK_EQUAL(figures.slabs_retired, 0);
}

static void blocks_of_every_class_are_distinct_and_slabs_go_when_all_are_back(void) {
    enum { MANY = 5000 };
    static void *blocks[MANY];
    open_arena();
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) {
        size_t count = MANY < 3u * hak_classes[c].capacity ? MANY : 3u * hak_classes[c].capacity;
        get_blocks(c, blocks, count);
        for (size_t i = 0; i < count; i++) *(size_t *)blocks[i] = i;
        for (size_t i = 0; i < count; i++) {
            CHECK_EQUAL(*(size_t *)blocks[i], i);
            CHECK_EQUAL(hak_page_map_class(hak_unit_of(blocks[i])), c);
        }
        /* Back in an order that no slab likes. */
        check_random_t random = {check_seed() + c};
        for (size_t i = count; i > 1; i--) {
            size_t k = check_below(&random, i);
            void *block = blocks[k];
            blocks[k] = blocks[i - 1];
            blocks[i - 1] = block;
        }
        for (size_t i = 0; i < count; i += 50) {
            hak_central_push(c, chain_of(blocks + i, count - i < 50 ? (uint32_t)(count - i) : 50), 0);
        }
        hak_central_age(c, true, 0);
        hak_class_figures_t figures = hak_central_figures(c);
        CHECK(figures.slabs_made >= 1);
        CHECK_EQUAL(figures.slabs_made, figures.slabs_retired);
        CHECK_EQUAL(hak_stock_totals().used_units, 0);
    }
}

/* One call is enough to empty a class, with all its blocks in batches and its newest slab still being carved. */
static void ageing_all_empties_a_class_at_once(void) {
    open_arena();
    hak_chain_t chain = get(20, 16);
    hak_central_put(20, chain);
    hak_central_age(20, true, 0);
    CHECK_EQUAL(hak_central_figures(20).transfer_blocks, 0);
    CHECK_EQUAL(hak_central_figures(20).slabs_retired, 1);
    CHECK_EQUAL(hak_stock_totals().used_units, 0);
}

static void only_batches_that_nobody_needed_age(void) {
    open_arena();
    hak_chain_t first = get(8, 8), second = get(8, 8), third = get(8, 8);
    uint32_t size = first.count;
    hak_central_put(8, first);
    hak_central_put(8, second);
    hak_central_put(8, third);
    hak_central_age(8, false, 0); /* a new period begins: they came in the last one */
    uint64_t here = hak_central_figures(8).transfer_blocks;
    CHECK_EQUAL(here, 3 * size);
    hak_chain_t used = get(8, 8);
    hak_central_put(8, used);
    hak_central_age(8, false, 0); /* two of three lay there all the time */
    CHECK_EQUAL(hak_central_figures(8).transfer_blocks, size);
    CHECK_EQUAL(hak_central_figures(8).transfer_puts, 4);
    hak_central_age(8, false, 0);
    CHECK_EQUAL(hak_central_figures(8).transfer_blocks, 0);
}

static void it_knows_where_free_blocks_are(void) {
    open_arena();
    void *blocks[8];
    get_blocks(30, blocks, 8);
    size_t slab = hak_slab_head(hak_unit_of(blocks[0]));
    for (int i = 0; i < 8; i++) CHECK(!hak_central_has(30, slab, blocks[i]));
    CHECK(hak_central_has(30, slab, (char *)blocks[0] + 16));
    hak_central_push(30, chain_of(blocks, 3), 0);
    hak_central_put(30, chain_of(blocks + 3, 3));
    for (int i = 0; i < 8; i++) CHECK_EQUAL(hak_central_has(30, slab, blocks[i]), i < 6);
}

enum { THREADS = 4, CLASSES = 6, HELD = 3000 };
static const unsigned classes[CLASSES] = {1, 3, 16, 64, 70, HAK_CLASS_COUNT - 1};

static void *trade(void *argument) {
    check_random_t random = {check_seed() + (uintptr_t)argument};
    static _Thread_local void *held[CLASSES][HELD];
    size_t counts[CLASSES] = {0};
    for (size_t round = check_scaled(60000); round != 0; round--) {
        unsigned k = (unsigned)check_below(&random, CLASSES), c = classes[k];
        uint64_t kind = check_below(&random, 100);
        if (kind < 50 && counts[k] + 300 < HELD) {
            hak_chain_t chain = get(c, 1 + (uint32_t)check_below(&random, 64));
            for (; chain.count != 0; chain.count--) {
                void *block = chain.head;
                chain.head = hak_next(block);
                ((uintptr_t *)block)[1] = (uintptr_t)argument; /* mine */
                held[k][counts[k]++] = block;
            }
        } else if (kind < 99) {
            uint32_t most = 1 + (uint32_t)check_below(&random, 64), n = 0;
            void *blocks[64];
            while (n < most && counts[k] != 0) {
                size_t at = check_below(&random, counts[k]);
                blocks[n++] = held[k][at];
                held[k][at] = held[k][--counts[k]];
                CHECK_EQUAL(((uintptr_t *)blocks[n - 1])[1], (uintptr_t)argument); /* nobody else had it */
            }
            if (n == 0) continue;
            if (kind < 80) hak_central_put(c, chain_of(blocks, n));
            else hak_central_push(c, chain_of(blocks, n), hak_os_now_ms());
        } else {
            hak_central_age(c, kind % 2, 0);
        }
    }
    for (unsigned k = 0; k < CLASSES; k++) {
        if (counts[k] != 0) hak_central_push(classes[k], chain_of(held[k], (uint32_t)counts[k]), 0);
    }
    return NULL;
}

static void threads_that_trade_blocks_leave_none_behind(void) {
    open_arena();
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) CHECK_EQUAL(pthread_create(&threads[i], NULL, trade, (void *)(i + 1)), 0);
    for (int i = 0; i < THREADS; i++) CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
    for (unsigned k = 0; k < CLASSES; k++) {
        hak_central_age(classes[k], true, 0);
        hak_central_age(classes[k], true, 0);
        hak_class_figures_t figures = hak_central_figures(classes[k]);
        CHECK_EQUAL(figures.slabs_made, figures.slabs_retired);
        CHECK_EQUAL(figures.transfer_blocks, 0);
    }
    CHECK_EQUAL(hak_stock_totals().used_units, 0);
}

typedef struct misuse {
    size_t offset;
    bool unknown;
} misuse_t;

static void push_wrong(void *argument) {
    const misuse_t *misuse = argument;
    static char elsewhere[64];
    open_arena();
    hak_chain_t chain = get(9, 4);
    void *block = misuse->unknown ? elsewhere : (char *)chain.head + misuse->offset;
    hak_central_push(9, (hak_chain_t){block, 1}, 0);
}

static void what_is_no_block_of_the_class_ends_the_process(void) {
    static misuse_t cases[] = {{8, false}, {16, false}, {143, false}, {0, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_end_t end = check_child(push_wrong, &cases[i]);
        CHECK(check_aborted(&end) && strncmp(end.text, "hakmem: ", 8) == 0);
    }
}

CHECK_MAIN(CASE(sources_are_told), CASE(blocks_of_every_class_are_distinct_and_slabs_go_when_all_are_back),
           CASE(ageing_all_empties_a_class_at_once), CASE(only_batches_that_nobody_needed_age),
           CASE(it_knows_where_free_blocks_are), CASE(threads_that_trade_blocks_leave_none_behind),
           CASE(what_is_no_block_of_the_class_ends_the_process))
