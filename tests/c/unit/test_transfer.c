/* transfer.h: batches are kept by processor, last in first out, found by other processors, and survive a fork. */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../check.h"
#include "transfer.h"

enum { CLASS = 4, OTHER_CLASS = 5, PROCESSORS = 200, THREADS = 6, TAKEN_MAX = 64 };

/* The test says on which processor each thread is. */
static _Thread_local unsigned processor;
unsigned __wrap_hak_os_processor(void);
unsigned __wrap_hak_os_processor(void) { return processor; }

static void *blocks[HAK_TRANSFER_DEPTH * 4][4];
static size_t next_block;

/* A batch whose first block is new; the count is all that the transfer cache reads and writes. */
static hak_chain_t batch(uint32_t count) {
    CHECK(next_block < sizeof blocks / sizeof blocks[0]);
    return (hak_chain_t){blocks[next_block++], count};
}

static void drop_all(void) {
    void *idle[HAK_TRANSFER_DEPTH];
    for (uint32_t shard = 0; shard < hak_shard_count(); shard++) {
        for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) hak_transfer_drop(shard, c, true, idle);
    }
    next_block = 0;
    processor = 0;
}

static void the_batch_that_came_last_is_taken_first(void) {
    hak_chain_t first = batch(3), second = batch(7);
    CHECK(hak_transfer_put(CLASS, first) && hak_transfer_put(CLASS, second));
    CHECK_EQUAL(hak_transfer_take(OTHER_CLASS).count, 0);
    hak_chain_t taken = hak_transfer_take(CLASS);
    CHECK(taken.head == second.head && taken.count == 7);
    taken = hak_transfer_take(CLASS);
    CHECK(taken.head == first.head && taken.count == 3);
    CHECK_EQUAL(hak_transfer_take(CLASS).count, 0);
    drop_all();
}

static void a_shelf_has_room_for_so_many_batches(void) {
    for (int i = 0; i < HAK_TRANSFER_DEPTH; i++) CHECK(hak_transfer_put(CLASS, batch(2)));
    hak_chain_t refused = batch(2);
    CHECK(!hak_transfer_put(CLASS, refused));
    CHECK(hak_transfer_put(OTHER_CLASS, refused));
    CHECK_EQUAL(hak_transfer_figures(CLASS).blocks, 2 * HAK_TRANSFER_DEPTH);
    processor = 1;
    CHECK(hak_transfer_put(CLASS, batch(5)));
    CHECK_EQUAL(hak_transfer_figures(CLASS).blocks, 2 * HAK_TRANSFER_DEPTH + 5);
    drop_all();
}

static void what_finds_no_room_in_its_own_shard_goes_to_one_nearby(void) {
    void *idle[HAK_TRANSFER_DEPTH];
    processor = 1;
    CHECK(hak_transfer_put(CLASS, batch(1))); /* the second shard is in use from here on */
    CHECK_EQUAL(hak_transfer_drop(1, CLASS, true, idle), 1);
    processor = 0;
    for (int i = 0; i < HAK_TRANSFER_DEPTH; i++) CHECK(hak_transfer_put(CLASS, batch(1)));
    hak_chain_t spilt = batch(7);
    CHECK(hak_transfer_put(CLASS, spilt));
    processor = 1;
    CHECK(hak_transfer_take(CLASS).head == spilt.head);
    drop_all();
}

static void a_processor_takes_its_own_batches_first_and_then_those_of_others(void) {
    hak_chain_t far = batch(1), near = batch(1);
    processor = 3;
    CHECK(hak_transfer_put(CLASS, far));
    processor = 1;
    CHECK(hak_transfer_put(CLASS, near));
    CHECK(hak_transfer_take(CLASS).head == near.head);
    CHECK(hak_transfer_take(CLASS).head == far.head);
    CHECK_EQUAL(hak_transfer_take(CLASS).count, 0);
    drop_all();
}

static void batches_that_nobody_needed_since_the_last_drop_go(void) {
    void *idle[HAK_TRANSFER_DEPTH];
    hak_chain_t oldest = batch(1);
    CHECK(hak_transfer_put(CLASS, oldest) && hak_transfer_put(CLASS, batch(1)) && hak_transfer_put(CLASS, batch(1)));
    CHECK_EQUAL(hak_transfer_drop(0, CLASS, false, idle), 0); /* they came after the last drop */
    hak_transfer_take(CLASS);
    hak_transfer_take(CLASS);
    CHECK(hak_transfer_put(CLASS, batch(1)));
    CHECK_EQUAL(hak_transfer_drop(0, CLASS, false, idle), 1); /* never fewer than one was there */
    CHECK(idle[0] == oldest.head);
    CHECK_EQUAL(hak_transfer_drop(0, CLASS, true, idle), 1);
    CHECK_EQUAL(hak_transfer_figures(CLASS).blocks, 0);
    drop_all();
}

static void processors_beyond_the_shards_share_them(void) {
    processor = PROCESSORS;
    hak_chain_t kept = batch(9);
    CHECK(hak_transfer_put(CLASS, kept));
    CHECK_MOST(hak_shard_count(), HAK_SHARDS);
    processor = PROCESSORS % HAK_SHARDS;
    CHECK(hak_transfer_take(CLASS).head == kept.head);
    drop_all();
}

/* Bytes are the program's to lend: the test gives counts that its blocks do not hold. */
static void a_shard_has_room_for_so_many_bytes(void) {
    uint32_t big = (uint32_t)(((size_t)2 << 20) / hak_classes[CLASS].size), small = 1;
    CHECK(hak_transfer_put(CLASS, batch(big)));
    CHECK(!hak_transfer_put(OTHER_CLASS, batch(small)));
    CHECK_EQUAL(hak_transfer_take(CLASS).count, big);
    CHECK(hak_transfer_put(OTHER_CLASS, batch(small)));
    CHECK(!hak_transfer_put(CLASS, batch(big)));
    hak_transfer_set_limit((size_t)hak_shard_count() << 22);
    CHECK(hak_transfer_put(CLASS, batch(big)));
    hak_transfer_set_limit(0);
    CHECK(!hak_transfer_put(OTHER_CLASS, batch(small)));
    drop_all();
    CHECK(hak_transfer_put(CLASS, batch(big))); /* what was dropped counts no more */
    drop_all();
}

typedef struct worker {
    unsigned processor;
    size_t rounds;
    int64_t balance; /* batches put, less those taken */
} worker_t;

static void *own_batches[THREADS][4];

/* Each batch is in one place at a time: a thread that took one writes its own mark and finds it still there. */
static void *trade(void *argument) {
    worker_t *worker = argument;
    void *held[TAKEN_MAX] = {own_batches[worker->processor % THREADS]};
    size_t count = 1;
    for (size_t i = 0; i < worker->rounds; i++) {
        processor = worker->processor + (i % 64 == 0); /* moved now and then */
        if (count != 0 && i % 3 != 0) {
            void *mark = held[--count];
            ((void **)mark)[2] = worker;
            CHECK(((void **)mark)[2] == worker);
            if (hak_transfer_put(CLASS, (hak_chain_t){mark, 1})) worker->balance++;
            else held[count++] = mark;
        } else if (count < TAKEN_MAX) {
            hak_chain_t chain = hak_transfer_take(CLASS);
            if (chain.count == 0) continue;
            CHECK_EQUAL(chain.count, 1);
            held[count++] = chain.head;
            worker->balance--;
        }
    }
    return NULL;
}

static void no_batch_is_lost_or_given_twice_between_threads(void) {
    pthread_t threads[THREADS];
    worker_t workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (worker_t){i, check_scaled(200000), 0};
        CHECK_EQUAL(pthread_create(&threads[i], NULL, trade, &workers[i]), 0);
    }
    int64_t balance = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
        balance += workers[i].balance;
    }
    CHECK_EQUAL(hak_transfer_figures(CLASS).blocks, (uint64_t)balance);
    drop_all();
}

static void a_forked_child_finds_every_shard_free(void) {
    for (processor = 0; processor < 3; processor++) CHECK(hak_transfer_put(CLASS, batch(1)));
    processor = 0;
    hak_transfer_before_fork();
    pid_t child = fork();
    CHECK(child >= 0);
    hak_transfer_after_fork(child == 0);
    for (int i = 0; i < 3; i++) CHECK_EQUAL(hak_transfer_take(CLASS).count, 1);
    processor = PROCESSORS + 7; /* a shard that is used for the first time */
    CHECK(hak_transfer_put(CLASS, batch(1)));
    if (child == 0) _exit(0);
    int status;
    CHECK_EQUAL(waitpid(child, &status, 0), child);
    CHECK_EQUAL(status, 0);
    drop_all();
}

CHECK_MAIN(CASE(the_batch_that_came_last_is_taken_first),
           CASE(a_shard_has_room_for_so_many_bytes),
           CASE(a_shelf_has_room_for_so_many_batches),
           CASE(what_finds_no_room_in_its_own_shard_goes_to_one_nearby),
           CASE(a_processor_takes_its_own_batches_first_and_then_those_of_others),
           CASE(batches_that_nobody_needed_since_the_last_drop_go),
           CASE(processors_beyond_the_shards_share_them),
           CASE(no_batch_is_lost_or_given_twice_between_threads),
           CASE(a_forked_child_finds_every_shard_free))
