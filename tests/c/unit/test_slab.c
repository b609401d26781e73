/* slab.h: carving, the list of free blocks in one word, threads that push while one takes. */
#include <pthread.h>
#include <string.h>

#include "../check.h"
#include "slab.h"

static void open_arena(void) { CHECK(hak_arena_open((size_t)1 << 40, HAK_HUGE_SYSTEM)); }

static void *tail_of(hak_chain_t chain) {
    void *block = chain.head;
    for (uint32_t i = 1; i < chain.count; i++) block = hak_next(block);
    return block;
}

/* Carves all: the blocks in order of address, each within its piece. */
static uint32_t carve_all(size_t slab, size_t size, unsigned char **blocks) {
    uint32_t count = 0;
    for (;;) {
        hak_chain_t chain = hak_slab_carve(slab, 7, HAK_CARVE_BYTES);
        if (chain.count == 0) return count;
        CHECK_MOST(chain.count, 7);
        uint32_t before = count;
        void *block = chain.head;
        for (count += chain.count; chain.count != 0; chain.count--, block = hak_next(block)) {
            size_t index = (size_t)((char *)block - (char *)hak_unit_address(slab)) / size;
            CHECK(index >= before && index < count);
            CHECK(blocks[index] == NULL);
            blocks[index] = block;
        }
        CHECK(block == NULL);
        CHECK_EQUAL(hak_slab_carved(hak_unit(slab)), count);
    }
}

static void every_class_is_carved_to_its_capacity_without_overlap(void) {
    static unsigned char *blocks[HAK_UNIT_SIZE * HAK_SLAB_UNITS_MAX / 16];
    open_arena();
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) {
        size_t slab = hak_slab_make(c);
        CHECK(slab != 0);
        size_t size = hak_classes[c].size;
        memset(blocks, 0, sizeof blocks);
        uint32_t count = carve_all(slab, size, blocks);
        CHECK_EQUAL(count, hak_classes[c].capacity);
        for (uint32_t i = 0; i < count; i++) {
            CHECK_EQUAL((uintptr_t)blocks[i], (uintptr_t)hak_unit_address(slab) + i * size);
            size_t unit = hak_unit_of(blocks[i]);
            CHECK_EQUAL(hak_page_map_class(unit), c);
            CHECK_EQUAL(hak_slab_head(unit), slab);
        }
        CHECK_EQUAL(hak_slab_free_count(hak_unit(slab)), 0);
    }
}

static void a_piece_is_one_block_or_as_long_as_was_asked_for(void) {
    static const uint32_t lengths[] = {HAK_CARVE_BYTES, HAK_CARVE_BYTES_MAX};
    open_arena();
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) {
        for (int i = 0; i < 2; i++) {
            size_t size = hak_classes[c].size;
            hak_chain_t chain = hak_slab_carve(hak_slab_make(c), UINT32_MAX, lengths[i]);
            CHECK_EQUAL(chain.count, hak_min(hak_max(lengths[i] / size, 1), hak_classes[c].capacity));
            CHECK(hak_next(tail_of(chain)) == NULL);
        }
    }
}

static void the_start_of_a_carved_block_is_one_and_nothing_else(void) {
    open_arena();
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) {
        size_t slab = hak_slab_make(c);
        hak_chain_t chain = hak_slab_carve(slab, 5, HAK_CARVE_BYTES);
        const char *start = hak_unit_address(slab);
        for (size_t at = 0; at < hak_classes[c].units * HAK_UNIT_SIZE; at++) {
            bool is_block = at % hak_classes[c].size == 0 && at / hak_classes[c].size < chain.count;
            CHECK_EQUAL(hak_slab_is_block(slab, start + at), is_block);
        }
    }
}

static void what_was_not_carved_was_not_touched(void) {
    open_arena();
    bool zero = false;
    size_t probe = hak_stock_take(hak_classes[1].units, 1, HAK_UNIT_LARGE, &zero);
    hak_stock_give(probe, 0, 0);
    size_t slab = hak_slab_make(1);
    uint32_t carved = hak_slab_carve(slab, 3, HAK_CARVE_BYTES).count;
    const char *bytes = hak_unit_address(slab);
    for (size_t i = carved * hak_classes[1].size; i < hak_classes[1].units * HAK_UNIT_SIZE; i++) CHECK_EQUAL(bytes[i], 0);
}

static void a_push_tells_when_to_look_again(void) {
    open_arena();
    size_t slab = hak_slab_make(10);
    hak_chain_t all = hak_slab_carve(slab, 4, HAK_CARVE_BYTES);
    CHECK_EQUAL(all.count, 4);
    void *blocks[4];
    for (int i = 0; i < 4; i++, all.head = hak_next(all.head)) blocks[i] = all.head;
    CHECK_EQUAL(hak_slab_push(slab, (hak_chain_t){blocks[0], 1}, blocks[0]), HAK_PUSHED_LOOK); /* was empty */
    CHECK_EQUAL(hak_slab_push(slab, (hak_chain_t){blocks[1], 1}, blocks[1]), HAK_PUSHED);
    hak_set_next(blocks[2], blocks[3]);
    CHECK_EQUAL(hak_slab_push(slab, (hak_chain_t){blocks[2], 2}, blocks[3]), HAK_PUSHED_LOOK); /* all are free */
    CHECK_EQUAL(hak_slab_free_count(hak_unit(slab)), 4);
    hak_chain_t taken = hak_slab_take(slab);
    CHECK_EQUAL(taken.count, 4);
    void *expected[4] = {blocks[2], blocks[3], blocks[1], blocks[0]};
    for (int i = 0; i < 4; i++, taken.head = hak_next(taken.head)) CHECK(taken.head == expected[i]);
    CHECK(taken.head == NULL);
    CHECK_EQUAL(hak_slab_take(slab).count, 0);
}

static void push_too_many(void *argument) {
    (void)argument;
    open_arena();
    size_t slab = hak_slab_make(10);
    hak_chain_t all = hak_slab_carve(slab, 4, HAK_CARVE_BYTES);
    hak_slab_push(slab, all, tail_of(all));
    hak_slab_push(slab, (hak_chain_t){all.head, 1}, all.head);
}

static void more_free_blocks_than_were_carved_end_the_process(void) {
    check_end_t end = check_child(push_too_many, NULL);
    CHECK(check_aborted(&end) && strncmp(end.text, "hakmem: ", 8) == 0 && strstr(end.text, "double_free") != NULL);
}

static void a_retired_slab_leaves_no_trace(void) {
    open_arena();
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) {
        size_t slab = hak_slab_make(c);
        hak_chain_t chain = hak_slab_carve(slab, 3, HAK_CARVE_BYTES);
        hak_slab_push(slab, chain, tail_of(chain));
        hak_slab_take(slab);
        hak_slab_retire(slab, 0);
        for (size_t i = 0; i < hak_classes[c].units; i++) CHECK_EQUAL(hak_page_map_class(slab + i), 0);
        CHECK_EQUAL(hak_load_relaxed(&hak_unit(slab)->class), 0);
        CHECK_EQUAL(hak_stock_totals().used_units, 0);
    }
}

enum { PUSHERS = 3 };

typedef struct pusher {
    size_t slab;
    uint32_t batch;
    _Atomic(void *) *inbox; /* a chain of `batch` blocks from the taker */
    _Atomic bool *stop;
} pusher_t;

static void *push_what_comes(void *argument) {
    pusher_t *pusher = argument;
    while (!hak_load_acquire(pusher->stop)) {
        void *head = hak_exchange_acq_rel(pusher->inbox, NULL);
        if (head == NULL) continue;
        hak_chain_t chain = {head, pusher->batch};
        void *tail = tail_of(chain);
        for (void *block = head; block != tail; block = hak_next(block)) CHECK(hak_slab_is_block(pusher->slab, block));
        hak_slab_push(pusher->slab, chain, tail);
    }
    return NULL;
}

/* One thread takes all and hands chains out; the others push them back: no block is lost, none is there twice. */
static void blocks_that_circulate_between_threads_are_all_there_at_the_end(void) {
    open_arena();
    enum { CLASS = 4, BATCH = 5 };
    size_t slab = hak_slab_make(CLASS);
    uint32_t capacity = hak_classes[CLASS].capacity;
    hak_chain_t chain;
    while ((chain = hak_slab_carve(slab, 64, HAK_CARVE_BYTES)).count != 0) hak_slab_push(slab, chain, tail_of(chain));
    static _Atomic(void *) inboxes[PUSHERS];
    static _Atomic bool stop;
    pthread_t threads[PUSHERS];
    pusher_t pushers[PUSHERS];
    for (int i = 0; i < PUSHERS; i++) {
        pushers[i] = (pusher_t){slab, BATCH, &inboxes[i], &stop};
        CHECK_EQUAL(pthread_create(&threads[i], NULL, push_what_comes, &pushers[i]), 0);
    }
    uint32_t next = 0;
    for (size_t handed = 0, end = check_scaled(100000); handed < end;) {
        hak_chain_t taken = hak_slab_take(slab);
        while (taken.count >= BATCH) {
            hak_chain_t piece = {taken.head, BATCH};
            void *tail = tail_of(piece);
            taken = (hak_chain_t){hak_next(tail), taken.count - BATCH};
            void *none = NULL;
            while (!hak_cas_acq_rel(&inboxes[next++ % PUSHERS], &none, piece.head)) none = NULL;
            handed++;
        }
        if (taken.count != 0) hak_slab_push(slab, taken, tail_of(taken));
    }
    hak_store_release(&stop, true);
    for (int i = 0; i < PUSHERS; i++) {
        CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
        void *head = hak_exchange_acq_rel(&inboxes[i], NULL);
        if (head != NULL) hak_slab_push(slab, (hak_chain_t){head, BATCH}, tail_of((hak_chain_t){head, BATCH}));
    }
    static bool seen[UINT16_MAX];
    hak_chain_t all = hak_slab_take(slab);
    CHECK_EQUAL(all.count, capacity);
    for (void *block = all.head; all.count != 0; all.count--, block = hak_next(block)) {
        uint32_t index = hak_class_block_index(CLASS, (uintptr_t)block - (uintptr_t)hak_unit_address(slab));
        CHECK(hak_slab_is_block(slab, block) && !seen[index]);
        seen[index] = true;
    }
}

CHECK_MAIN(CASE(every_class_is_carved_to_its_capacity_without_overlap), CASE(a_piece_is_one_block_or_as_long_as_was_asked_for),
           CASE(the_start_of_a_carved_block_is_one_and_nothing_else), CASE(what_was_not_carved_was_not_touched),
           CASE(a_push_tells_when_to_look_again), CASE(more_free_blocks_than_were_carved_end_the_process),
           CASE(a_retired_slab_leaves_no_trace), CASE(blocks_that_circulate_between_threads_are_all_there_at_the_end))
