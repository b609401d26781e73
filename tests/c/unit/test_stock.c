/* stock.h: spans taken and given on several processors belong to one owner at a time, are zero where that is said, and all
 * that stocks keep is little, counted, and goes back to the pool in one piece. */
#include <pthread.h>

#include "../check.h"
#include "options.h"
#include "stock.h"

enum { SPANS = 200, LONGEST = 100, PROCESSORS = 4, THREADS = 4, MIB_UNITS = (1 << 20) / HAK_UNIT_SIZE };

/* The test says on which processor each thread is. */
static _Thread_local unsigned processor;
unsigned __wrap_hak_os_processor(void);
unsigned __wrap_hak_os_processor(void) { return processor; }

typedef struct owned {
    size_t unit, units;
    unsigned char mark;
} owned_t;

static void open_heap(uint64_t retain) {
    hak_options.retain = retain;
    CHECK(hak_arena_open((size_t)1 << 40, HAK_HUGE_SYSTEM));
}

static unsigned char *page(const owned_t *span, size_t at) { return (unsigned char *)hak_unit_address(span->unit) + at * 4096; }
static size_t pages(const owned_t *span) { return span->units * (HAK_UNIT_SIZE / 4096); }

static void take(owned_t *span, check_random_t *random) {
    size_t units = 1 + check_below(random, check_below(random, 8) == 0 ? LONGEST : 16);
    size_t alignment = check_below(random, 4) == 0 ? (size_t)1 << check_below(random, 8) : 1;
    hak_unit_kind_t kind = check_below(random, 2) == 0 ? HAK_UNIT_SLAB : HAK_UNIT_LARGE;
    bool zero = false;
    *span = (owned_t){hak_stock_take(units, alignment, kind, &zero), units, (unsigned char)(1 + check_below(random, 255))};
    CHECK(span->unit != 0);
    CHECK_EQUAL((uintptr_t)hak_unit_address(span->unit) % (alignment << HAK_UNIT_SHIFT), 0);
    CHECK_EQUAL(hak_unit(span->unit)->units, units);
    CHECK_EQUAL(hak_load_relaxed(&hak_unit(span->unit)->kind), kind);
    for (size_t at = 0; at < pages(span); at++) {
        if (zero) CHECK_EQUAL(*page(span, at), 0);
        *page(span, at) = span->mark;
    }
}

static void give(owned_t *span) {
    for (size_t at = 0; at < pages(span); at++) CHECK_EQUAL(*page(span, at), span->mark);
    hak_stock_give(span->unit, span->units, 1);
    span->unit = 0;
}

static void *play(void *argument) {
    check_random_t random = {check_seed() + (uintptr_t)argument};
    static _Thread_local owned_t spans[SPANS];
    for (size_t i = 0; i < check_scaled(20000); i++) {
        owned_t *span = &spans[check_below(&random, SPANS)];
        processor = (unsigned)check_below(&random, PROCESSORS);
        if (span->unit != 0) give(span);
        else take(span, &random);
        if (check_below(&random, 1000) == 0) hak_stock_empty();
        if (check_below(&random, 1000) == 0) hak_span_purge(0, UINT64_MAX, UINT64_MAX);
    }
    for (size_t i = 0; i < SPANS; i++) {
        if (spans[i].unit != 0) give(&spans[i]);
    }
    return NULL;
}

static void check_all_is_back(void) {
    CHECK_EQUAL(hak_stock_totals().used_units, 0);
    hak_stock_empty();
    CHECK_EQUAL(hak_stock_used_units(), 0);
    CHECK_EQUAL(hak_stock_dirty_units(), 0);
    hak_span_totals_t pool = hak_span_totals(), all = hak_stock_totals();
    CHECK(pool.used_units == 0 && pool.free_units == all.free_units && pool.dirty_units == all.dirty_units);
    bool zero;
    CHECK(hak_span_alloc(pool.free_units, 1, HAK_MAY_NOT_GROW, HAK_UNIT_LARGE, &zero) != 0); /* all merged */
}

static void spans_have_one_owner_whatever_the_processor(void) {
    open_heap(8 << 20);
    play(NULL);
    check_all_is_back();
}

static void spans_have_one_owner_when_stocks_may_keep_nothing(void) {
    open_heap(0);
    play(NULL);
    CHECK_EQUAL(hak_stock_totals().dirty_units, hak_span_totals().dirty_units);
    check_all_is_back();
}

static void threads_share_stocks(void) {
    open_heap(8 << 20);
    pthread_t ids[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) CHECK_EQUAL(pthread_create(&ids[i], NULL, play, (void *)(i + 1)), 0);
    for (size_t i = 0; i < THREADS; i++) CHECK_EQUAL(pthread_join(ids[i], NULL), 0);
    check_all_is_back();
}

static void all_stocks_keep_at_most_half_of_what_may_be_retained(void) {
    static size_t units[64 * MIB_UNITS];
    size_t count = sizeof units / sizeof units[0];
    bool zero;
    open_heap(8 << 20);
    for (size_t i = 0; i < count; i++) units[i] = hak_stock_take(1, 1, HAK_UNIT_LARGE, &zero);
    for (size_t i = 0; i < count; i++) {
        processor = (unsigned)(i / 100 % PROCESSORS);
        hak_stock_give(units[i], 1, 1);
        size_t kept = hak_stock_totals().dirty_units - hak_span_totals().dirty_units;
        /* A stock learns that others have come when it has too much: until then 4 + 2 + 4/3 + 1 MiB. */
        size_t most = (i < count / 2 ? 9 : 4) * MIB_UNITS, seen = hak_stock_dirty_units();
        CHECK_MOST(kept, most);
        CHECK_MOST(kept > seen ? kept - seen : seen - kept, most / 8);
    }
}

static void what_came_out_of_the_arena_together_serves_without_the_pool(void) {
    bool zero;
    open_heap(8 << 20);
    size_t first = hak_stock_take(1, 1, HAK_UNIT_SLAB, &zero);
    size_t used = hak_span_totals().used_units;
    CHECK_EQUAL(used, HAK_SUPERSLAB_UNITS - first);
    for (size_t i = 1; i < used; i++) {
        CHECK_EQUAL(hak_stock_take(1, 1, HAK_UNIT_SLAB, &zero), first + i);
        CHECK(zero);
    }
    CHECK_EQUAL(hak_span_totals().used_units, used);
    for (size_t i = 0; i < used; i++) hak_stock_give(first + i, 1, 1);
    CHECK_EQUAL(hak_span_totals().used_units, used);
    CHECK_EQUAL(hak_stock_totals().used_units, 0);
}

static void a_span_grows_into_what_the_stock_has(void) {
    bool zero;
    open_heap(8 << 20);
    size_t unit = hak_stock_take(10, 1, HAK_UNIT_LARGE, &zero);
    CHECK(hak_stock_extend(unit, 30, &zero) && zero);
    CHECK_EQUAL(hak_unit(unit)->units, 30);
}

static void what_is_in_a_stock_can_be_overdue(void) {
    bool zero;
    open_heap(8 << 20);
    hak_stock_give(hak_stock_take(5, 1, HAK_UNIT_LARGE, &zero), 5, 70);
    CHECK_EQUAL(hak_stock_overdue_units(69), 0);
    CHECK_EQUAL(hak_stock_overdue_units(70), 5);
    hak_stock_empty();
    CHECK_EQUAL(hak_stock_overdue_units(70), 5);
}

CHECK_MAIN(CASE(spans_have_one_owner_whatever_the_processor), CASE(spans_have_one_owner_when_stocks_may_keep_nothing),
           CASE(threads_share_stocks), CASE(all_stocks_keep_at_most_half_of_what_may_be_retained),
           CASE(what_came_out_of_the_arena_together_serves_without_the_pool), CASE(a_span_grows_into_what_the_stock_has),
           CASE(what_is_in_a_stock_can_be_overdue))
