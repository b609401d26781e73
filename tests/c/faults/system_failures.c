/* system_failures.c -- the system layer refuses: the n-th call for each n, everything from the n-th on, or at random.
 *
 * A script of allocations of all kinds runs with the failure in place. Each call either does what it should or gives NULL
 * and ENOMEM; contents survive; then everything can be freed, the pool has every unit back, and the heap serves again.
 * The calls of the core to os.h go through the wrappers here (ld --wrap). */
#include <pthread.h>

#include "../check.h"
#include "hakmem.h"
#include "stock.h"

#define MIB ((size_t)1 << 20)

typedef enum { RESERVE_AT, RESERVE, MAP, COMMIT, PURGE, MOVE, KINDS } kind_t;
static const char *const kind_names[KINDS] = {"reserve_at", "reserve", "map", "commit", "purge", "move"};

static struct {
    unsigned kinds;      /* bit set of the kinds that count and fail */
    size_t calls, first; /* calls so far; the first that fails */
    bool from_then_on;   /* all after it fail too */
    unsigned percent;    /* instead: each call fails with this likelihood */
    check_random_t random;
} fault = {.first = SIZE_MAX};

static bool fails(kind_t kind) {
    if ((fault.kinds >> kind & 1) == 0) return false;
    size_t call = fault.calls++;
    if (fault.percent != 0) return check_below(&fault.random, 100) < fault.percent;
    return fault.from_then_on ? call >= fault.first : call == fault.first;
}

#define WRAP(type, name, parameters, arguments, kind, refusal) \
    type __real_##name parameters; \
    type __wrap_##name parameters; \
    type __wrap_##name parameters { return fails(kind) ? refusal : __real_##name arguments; }
WRAP(hak_reserved_t, hak_os_reserve_at, (void *at, size_t size), (at, size), RESERVE_AT, HAK_REFUSED)
WRAP(void *, hak_os_reserve, (size_t size), (size), RESERVE, NULL)
WRAP(void *, hak_os_map, (void *at, size_t size), (at, size), MAP, NULL)
WRAP(bool, hak_os_commit, (void *address, size_t size), (address, size), COMMIT, false)
WRAP(bool, hak_os_purge, (void *address, size_t size), (address, size), PURGE, false)
WRAP(hak_moved_t, hak_os_move, (void *from, void *to, size_t size), (from, to, size), MOVE, HAK_NOT_MOVED)

enum { HELD = 4000 };
static struct {
    unsigned char *block;
    size_t size;
    unsigned char mark;
} held[HELD];
static size_t refused;

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* The ends carry the mark: large blocks stay untouched between them. */
static void mark(size_t i) {
    held[i].mark = (unsigned char)(i * 31 + 1);
    memset(held[i].block, held[i].mark, least(held[i].size, 256));
    if (held[i].size != 0) held[i].block[held[i].size - 1] = held[i].mark;
}
static void check_mark(size_t i, size_t size) {
    for (size_t k = 0; k < least(size, 256); k++) CHECK_EQUAL(held[i].block[k], held[i].mark);
    if (size == held[i].size && size != 0) CHECK_EQUAL(held[i].block[size - 1], held[i].mark);
}

static void accept(size_t i, void *block, size_t size, size_t alignment) {
    if (block == NULL) {
        CHECK_EQUAL(errno, ENOMEM);
        refused++;
        return;
    }
    CHECK_EQUAL((uintptr_t)block % alignment, 0);
    held[i].block = block;
    held[i].size = size;
    mark(i);
}

static void give(size_t i) {
    if (held[i].block == NULL) return;
    check_mark(i, held[i].size);
    errno = 4711;
    hak_free(held[i].block);
    CHECK_EQUAL(errno, 4711);
    held[i].block = NULL;
}

static void step(check_random_t *random) {
    size_t i = check_below(random, HELD);
    uint64_t kind = check_below(random, 100);
    size_t size = kind < 60 ? check_below(random, 3000) : kind < 98 ? check_log_uniform(random, 16 * 1024, MIB)
                                                                : check_log_uniform(random, MIB, 80 * MIB);
    uint64_t how = check_below(random, 10);
    errno = 0;
    if (held[i].block == NULL) {
        if (how < 6) {
            accept(i, hak_malloc(size), size, 16);
        } else if (how < 8) {
            size = least(size, MIB);
            unsigned char *block = hak_calloc(1, size);
            for (size_t k = 0; block != NULL && k < size; k += k < 4096 ? 1 : 4096) CHECK_EQUAL(block[k], 0);
            accept(i, block, size, 16);
        } else {
            size_t alignment = (size_t)1 << check_below(random, 22);
            accept(i, hak_aligned_alloc(alignment, size), size, alignment);
        }
    } else if (how < 6) {
        give(i);
    } else {
        if (held[i].size > 256 * 1024 && held[i].size < 16 * MIB) size = held[i].size * 3 / 2; /* as vectors grow */
        if (size == 0) size = 1;
        unsigned char *moved = hak_realloc(held[i].block, size);
        if (moved == NULL) {
            CHECK_EQUAL(errno, ENOMEM);
            refused++;
            check_mark(i, held[i].size);
        } else {
            held[i].block = moved;
            check_mark(i, least(size, held[i].size));
            held[i].size = size;
            mark(i);
        }
    }
}

static void run_script(size_t steps) {
    check_random_t random = {check_seed()};
    for (size_t i = 0; i < steps; i++) {
        step(&random);
        if (i % 500 == 499) hak_trim(0);
    }
}

static void end_of_faults(void) {
    fault.kinds = 0;
    for (size_t i = 0; i < HELD; i++) give(i);
    while (hak_trim(0)) {
    }
    CHECK_EQUAL(hak_stock_totals().used_units, 0);
    refused = 0;
    run_script(500);
    CHECK_EQUAL(refused, 0);
    for (size_t i = 0; i < HELD; i++) give(i);
    char json[64];
    CHECK(hak_stats_json(json, sizeof json) > sizeof json); /* walks over all that there is */
    while (hak_trim(0)) {
    }
    CHECK_EQUAL(hak_stock_totals().used_units, 0);
    CHECK_EQUAL(hak_stock_totals().dirty_units, 0);
}

enum { STEPS = CHECK_SANITIZER == CHECK_SANITIZER_OFF ? 2500 : 1200 };

static void run_with_fault(void *argument) {
    (void)argument;
    run_script(STEPS);
    end_of_faults();
}

static void count_calls(void *argument) {
    run_script(STEPS);
    fprintf(stderr, "%zu\n", fault.calls);
    (void)argument;
}

static void check_ends_well(const char *what, size_t n) {
    check_end_t end = check_child(run_with_fault, NULL);
    if (end.status == 0) return;
    fprintf(stderr, "with %s %zu failing%s: status %d\n%s\n", what, n, fault.from_then_on ? " and all after it" : "",
            end.status, end.text);
    CHECK(end.status == 0);
}

/* Each n in turn, or, where there are too many for this build, the first ones and a share of the rest. */
static void try_each_call(unsigned kinds, const char *what, bool from_then_on) {
    fault.kinds = kinds;
    fault.first = SIZE_MAX;
    check_end_t count = check_child(count_calls, NULL);
    CHECK_EQUAL(count.status, 0);
    size_t calls = strtoul(count.text, NULL, 10);
    printf("        %zu calls of %s in the script\n", calls, what);
    fault.from_then_on = from_then_on;
    size_t most = check_scaled(150), step = calls > most ? calls / most : 1;
    for (size_t n = 0; n < calls; n += n < most / 8 ? 1 : step) {
        fault.first = n;
        check_ends_well(what, n);
    }
}

static void each_commit_may_fail(void) { try_each_call(1u << COMMIT, kind_names[COMMIT], false); }
static void each_mapping_may_fail(void) { try_each_call(1u << MAP, kind_names[MAP], false); }
static void each_reservation_may_fail(void) {
    try_each_call(1u << RESERVE_AT | 1u << RESERVE, kind_names[RESERVE_AT], false);
}
static void each_purge_may_fail(void) { try_each_call(1u << PURGE, kind_names[PURGE], false); }
static void each_move_may_fail(void) { try_each_call(1u << MOVE, kind_names[MOVE], false); }

static void the_system_may_refuse_everything_from_any_moment_on(void) {
    enum { ALL = (1u << KINDS) - 1 };
    fault.kinds = ALL;
    check_end_t count = check_child(count_calls, NULL);
    size_t calls = strtoul(count.text, NULL, 10);
    fault.from_then_on = true;
    size_t most = check_scaled(100), step = calls > most ? calls / most : 1;
    for (size_t n = 0; n < calls; n += n < most / 3 ? 1 : step) {
        fault.first = n;
        check_ends_well("call", n);
    }
}

static void any_call_may_fail_at_random(void) {
    for (size_t i = check_scaled(60); i != 0; i--) {
        fault.kinds = (1u << COMMIT | 1u << MAP | 1u << PURGE | 1u << MOVE | 1u << RESERVE_AT);
        fault.percent = 1 + (unsigned)i % 50;
        fault.random.state = check_seed() + i;
        check_ends_well("a share of calls, seed", i);
    }
}

/* Before the core's own constructor. */
static __attribute__((constructor(101))) void refuse_everything_from_the_start(void) {
    if (getenv("TEST_REFUSE_EVERYTHING") == NULL) return;
    fault.kinds = (1u << KINDS) - 1;
    fault.first = 0;
    fault.from_then_on = true;
}

static void a_process_without_address_space_gets_null_everywhere(void) {
    for (int i = 0; i < 3; i++) {
        errno = 0;
        CHECK(hak_malloc(100) == NULL && errno == ENOMEM);
        CHECK(hak_malloc(MIB) == NULL && errno == ENOMEM);
        CHECK(hak_calloc(10, 10) == NULL && hak_realloc(NULL, 5) == NULL && hak_aligned_alloc(64, 64) == NULL);
        void *block = NULL;
        CHECK_EQUAL(hak_posix_memalign(&block, 64, 64), ENOMEM);
        hak_free(NULL);
        CHECK(!hak_owns(&fault) && hak_usable_size(NULL) == 0);
        hak_trim(0);
        char json[16];
        hak_stats_json(json, sizeof json);
    }
}

/* What other mappings in the range do when memory is short as well. */
static void block_the_way(void *argument) {
    (void)argument;
    hak_free(hak_malloc(1)); /* opens the heap */
    if (hak_arena.whole) return;
    void *at = hak_unit_address(hak_arena.reserved_units);
    CHECK_EQUAL(__real_hak_os_reserve_at(at, HAK_UNIT_SIZE), HAK_RESERVED);
    size_t count = 0;
    while (hak_arena.committed_units < hak_arena.reserved_units) {
        held[count].block = hak_malloc(MIB);
        CHECK(held[count].block != NULL);
        held[count].size = MIB;
        mark(count++);
    }
    fault.kinds = 1u << COMMIT;
    fault.first = 0;
    fault.from_then_on = true;
    fault.calls = 0;
    for (size_t i = count; i < HELD && fault.calls == 0; i++) accept(i, hak_malloc(MIB), MIB, 16);
    hak_stats_json(NULL, 0);
    end_of_faults();
}

static void foreign_mappings_in_the_way_while_memory_is_short(void) {
    check_end_t end = check_child(block_the_way, NULL);
    if (end.status != 0) fputs(end.text, stderr);
    CHECK_EQUAL(end.status, 0);
}

static void *use_heap(void *argument) {
    check_random_t random = {check_seed() + (uintptr_t)argument};
    enum { MINE = 500 };
    void *mine[MINE] = {NULL};
    for (size_t i = 0; i < check_scaled(60000); i++) {
        void **slot = &mine[check_below(&random, MINE)];
        if (*slot != NULL) {
            hak_free(*slot);
            *slot = NULL;
        } else {
            size_t size = check_log_uniform(&random, 16, MIB);
            *slot = hak_malloc(size);
            if (*slot == NULL) CHECK_EQUAL(errno, ENOMEM);
            else memset(*slot, 1, size < 4096 ? size : 4096);
        }
    }
    for (size_t i = 0; i < MINE; i++) hak_free(mine[i]);
    return NULL;
}

static void run_threads(void *argument) {
    (void)argument;
    pthread_t threads[3];
    for (uintptr_t i = 0; i < 3; i++) CHECK_EQUAL(pthread_create(&threads[i], NULL, use_heap, (void *)i), 0);
    for (int i = 0; i < 3; i++) CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
    end_of_faults();
}

/* The generator of failures is shared and not locked, so ThreadSanitizer does not get to see this one. */
static void threads_meet_failures_too(void) {
    if (CHECK_SANITIZER == CHECK_SANITIZER_THREAD) {
        printf("skipped under ThreadSanitizer: threads_meet_failures_too\n");
        return;
    }
    fault.kinds = 1u << COMMIT | 1u << PURGE | 1u << MAP;
    fault.percent = 30;
    fault.random.state = check_seed();
    check_end_t end = check_child(run_threads, NULL);
    if (end.status != 0) fputs(end.text, stderr);
    CHECK_EQUAL(end.status, 0);
}

CHECK_MAIN(CASE(each_commit_may_fail),
           CASE(each_mapping_may_fail),
           CASE(each_reservation_may_fail),
           CASE(each_purge_may_fail),
           CASE(each_move_may_fail),
           CASE(the_system_may_refuse_everything_from_any_moment_on),
           CASE(any_call_may_fail_at_random),
           CASE_WITH(a_process_without_address_space_gets_null_everywhere, "TEST_REFUSE_EVERYTHING=1"),
           CASE(foreign_mappings_in_the_way_while_memory_is_short),
           CASE_WITH(threads_meet_failures_too, "HAKMEM_PURGE_DELAY_MS=4", "HAKMEM_RETAIN=0"))
