/* test_quarantine.c -- blocks leave in the order in which they came, and no more wait than the budget allows. */
#include "quarantine.h"

#include <pthread.h>

#include "../check.h"
#include "options.h"

enum { BLOCKS = 5000, SIZE = 1000 };

static hak_record_t records[BLOCKS];

static void blocks_leave_first_in_first_out_within_the_budget(void) {
    static hak_witness_t witness;
    hak_options.check_quarantine = 1 << 20;
    size_t left = 0, waiting_most = 0;
    for (size_t i = 0; i < BLOCKS; i++) {
        records[i].size = SIZE;
        hak_waiting_t *out = NULL;
        if (!hak_quarantine_put(&witness, &records[i], &out)) continue;
        for (hak_waiting_t *batch = out; batch != NULL; batch = batch->next) {
            for (uint32_t block = 0; block < batch->count; block++) CHECK(batch->records[block] == &records[left++]);
        }
        hak_quarantine_done(&witness, out);
        CHECK_MOST(hak_quarantine_bytes(), hak_options.check_quarantine);
        if (hak_quarantine_bytes() > waiting_most) waiting_most = hak_quarantine_bytes();
    }
    CHECK_MOST(hak_options.check_quarantine - 100 * 1024, waiting_most); /* it fills up, but for a batch */
    CHECK_MOST(BLOCKS / 2, left);
}

static void without_a_budget_nothing_waits(void) {
    static hak_witness_t witness;
    hak_options.check_quarantine = 0;
    for (size_t i = 0; i < 100; i++) {
        hak_waiting_t *out = NULL;
        records[i].size = SIZE;
        CHECK(hak_quarantine_put(&witness, &records[i], &out));
        CHECK(out->count == 1 && out->records[0] == &records[i] && out->next == NULL);
        hak_quarantine_done(&witness, out);
    }
    CHECK_EQUAL(hak_quarantine_bytes(), 0);
}

static void what_an_ending_thread_gathered_is_handed_over(void) {
    static hak_witness_t witness;
    hak_waiting_t *out;
    records[0].size = SIZE;
    hak_options.check_quarantine = 1 << 20;
    CHECK(!hak_quarantine_put(&witness, &records[0], &out));
    CHECK(hak_quarantine_flush(&witness) == NULL);
    CHECK_MOST(SIZE, hak_quarantine_bytes());
    CHECK(witness.waiting == NULL);
}

enum { THREADS = 4, EACH = BLOCKS / THREADS };

static _Atomic uint32_t let_go[BLOCKS], let_go_at_all;

static void let_all_go(hak_witness_t *witness, hak_waiting_t *out) {
    for (hak_waiting_t *batch = out; batch != NULL; batch = batch->next) {
        for (uint32_t i = 0; i < batch->count; i++) {
            hak_add_relaxed(&let_go[batch->records[i] - records], 1);
            hak_add_relaxed(&let_go_at_all, 1);
        }
    }
    hak_quarantine_done(witness, out);
}

static void *give_some(void *argument) {
    hak_witness_t witness = {.waiting = NULL};
    hak_record_t *first = argument;
    for (hak_record_t *record = first; record < first + EACH; record++) {
        hak_waiting_t *out = NULL;
        record->size = SIZE;
        if (hak_quarantine_put(&witness, record, &out)) let_all_go(&witness, out);
    }
    let_all_go(&witness, hak_quarantine_flush(&witness));
    return NULL;
}

static void each_block_of_several_threads_leaves_once(void) {
    hak_options.check_quarantine = 1 << 20;
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) CHECK_EQUAL(pthread_create(&threads[i], NULL, give_some, &records[i * EACH]), 0);
    for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (size_t i = 0; i < BLOCKS; i++) CHECK_MOST(let_go[i], 1);
    CHECK_EQUAL((BLOCKS - let_go_at_all) * (SIZE + HAK_REDZONE_BEFORE + HAK_REDZONE_AFTER), hak_quarantine_bytes());
    CHECK_MOST(BLOCKS / 2, let_go_at_all);
}

CHECK_MAIN(CASE(blocks_leave_first_in_first_out_within_the_budget), CASE(without_a_budget_nothing_waits),
           CASE(what_an_ending_thread_gathered_is_handed_over), CASE(each_block_of_several_threads_leaves_once))
