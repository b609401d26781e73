/* spare.h: pages go from one block to another with what they hold, each to one alone, and leave the arena's mappings as they were. */
#include "spare.h"

#include <pthread.h>

#include "../check.h"
#include "large.h"

#define KIB ((size_t)1 << 10)
enum { PAGE = 4096 };

static void open_arena(void) { CHECK(hak_arena_open((size_t)1 << 32, HAK_HUGE_NEVER)); }

static char *allocate(size_t size) {
    bool zero;
    char *block = hak_large_alloc(size, 1, &zero);
    CHECK(block != NULL);
    return block;
}

static void mark(char *at, size_t size, char with) {
    for (size_t i = 0; i < size; i += PAGE) memset(at + i, with, 16);
}
/* Pages that hold the mark from the start on. */
static size_t marked(const char *at, size_t size, char with) {
    size_t i = 0;
    while (i < size && at[i] == with && at[i + 15] == with) i += PAGE;
    return i;
}

static void keep(size_t size, char with) {
    char *block = allocate(size);
    mark(block, size, with);
    hak_spare_move_out(block, size);
    CHECK_EQUAL(marked(block, size, 0), size);
}

/* It tells how many bytes were moved, too: those that hold what was there. */
static hak_moved_t move_in(char *at, size_t size) {
    size_t moved = size;
    hak_moved_t result = hak_spare_move_in(at, &moved);
    if (result == HAK_MOVED) CHECK_EQUAL(marked(at, size, at[0]), moved);
    return result;
}

static void pages_move_with_what_they_hold_and_once(void) {
    open_arena();
    char *to = allocate(300 * KIB);
    CHECK_EQUAL(move_in(to, 300 * KIB), HAK_NOT_MOVED);
    keep(300 * KIB, 7);
    CHECK_EQUAL(move_in(to, 300 * KIB), HAK_MOVED);
    CHECK_EQUAL(marked(to, 300 * KIB, 7), 300 * KIB);
    char *again = allocate(300 * KIB);
    CHECK_EQUAL(move_in(again, 300 * KIB), HAK_NOT_MOVED);
    CHECK_EQUAL(marked(again, 300 * KIB, 0), 300 * KIB);
}

static void the_least_that_is_enough_is_taken_or_else_the_most(void) {
    open_arena();
    keep(400 * KIB, 4), keep(320 * KIB, 3), keep(512 * KIB, 5);
    char *to = allocate(2048 * KIB);
    CHECK_EQUAL(move_in(to, 300 * KIB), HAK_MOVED);
    CHECK_EQUAL(marked(to, 2048 * KIB, 3), 300 * KIB);
    to = allocate(2048 * KIB);
    CHECK_EQUAL(move_in(to, 1000 * KIB), HAK_MOVED);
    CHECK_EQUAL(marked(to, 2048 * KIB, 5), 512 * KIB);
    to = allocate(2048 * KIB);
    CHECK_EQUAL(move_in(to, 20 * KIB), HAK_MOVED); /* what was left of the first */
    CHECK_EQUAL(marked(to, 2048 * KIB, 3), 20 * KIB);
}

static void where_no_slot_is_empty_more_pages_are_kept_in_place_of_fewer(void) {
    open_arena();
    for (size_t i = 0; i < HAK_SPARE_SLOTS; i++) keep(300 * KIB + i * PAGE, 1);
    char *small = allocate(288 * KIB);
    mark(small, 288 * KIB, 2);
    hak_spare_move_out(small, 288 * KIB);
    CHECK_EQUAL(marked(small, 288 * KIB, 2), 288 * KIB);
    keep(900 * KIB, 3);
    char *to = allocate(2048 * KIB);
    CHECK_EQUAL(move_in(to, 300 * KIB), HAK_MOVED);
    CHECK_EQUAL(marked(to, 2048 * KIB, 1), 300 * KIB); /* of the second: the first has made way */
    for (size_t i = 2; i < HAK_SPARE_SLOTS; i++) CHECK_EQUAL(move_in(allocate(300 * KIB), 300 * KIB), HAK_MOVED);
    to = allocate(2048 * KIB);
    CHECK_EQUAL(move_in(to, 2048 * KIB), HAK_MOVED);
    CHECK_EQUAL(marked(to, 2048 * KIB, 3), 900 * KIB);
}

static void a_slot_holds_no_more_than_it_has_room_for(void) {
    open_arena();
    size_t size = HAK_SPARE_SLOT_BYTES + 256 * KIB;
    char *from = allocate(size), *to = allocate(size);
    mark(from, size, 9);
    hak_spare_move_out(from, size);
    CHECK_EQUAL(marked(from, size, 0), HAK_SPARE_SLOT_BYTES);
    CHECK_EQUAL(move_in(to, size), HAK_MOVED);
    CHECK_EQUAL(marked(to, size, 9), HAK_SPARE_SLOT_BYTES);
}

static size_t mappings(void) {
    size_t lines = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps != NULL);
    for (int c; (c = getc(maps)) != EOF;) lines += c == '\n';
    fclose(maps);
    return lines;
}

static void a_range_that_is_renewed_is_part_of_the_arena_again(void) {
    enum { BLOCKS = 40 };
    open_arena();
    size_t size = 320 * KIB;
    char *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) blocks[i] = allocate(size);
    keep(size, 1);
    CHECK_EQUAL(move_in(blocks[0], size), HAK_MOVED);
    hak_spare_move_out(blocks[0], size);
    CHECK(hak_arena_renew(blocks[0], size) && hak_os_commit(blocks[0], size));
    size_t before = mappings(); /* the slots are mapped by now, and one was moved to */
    for (size_t i = 0; i < BLOCKS; i++) {
        CHECK_EQUAL(move_in(blocks[i], size), HAK_MOVED);
        hak_spare_move_out(blocks[i], size);
    }
    CHECK_MOST(before + BLOCKS / 2, mappings());
    for (size_t i = 0; i < BLOCKS; i++) {
        CHECK(hak_arena_renew(blocks[i], size) && hak_os_commit(blocks[i], size));
        CHECK_EQUAL(marked(blocks[i], size, 0), size);
    }
    CHECK_MOST(mappings(), before + 2);
}

/* All that comes at once was kept at once by one thread. */
static void *keep_and_take(void *argument) {
    char own = (char)(uintptr_t)argument;
    size_t size = 300 * KIB;
    char *from = allocate(size), *to = allocate(size);
    for (size_t n = check_scaled(3000); n != 0; n--) {
        mark(from, size, own);
        hak_spare_move_out(from, size);
        if (move_in(to, size) == HAK_MOVED) CHECK_EQUAL(marked(to, size, to[0]), size);
        if (to[0] != 0) CHECK(to[0] <= 4);
        mark(to, size, 0);
    }
    return NULL;
}

static void threads_never_share_pages(void) {
    pthread_t threads[4];
    open_arena();
    hak_spare_move_out(allocate(300 * KIB), 300 * KIB);
    CHECK_EQUAL(move_in(allocate(300 * KIB), 300 * KIB), HAK_MOVED);
    for (uintptr_t i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], NULL, keep_and_take, (void *)(i + 1)) == 0);
    for (int i = 0; i < 4; i++) CHECK(pthread_join(threads[i], NULL) == 0);
}

static void its_own_memory_is_known(void) {
    open_arena();
    uintptr_t next = UINTPTR_MAX;
    CHECK_EQUAL(hak_spare_own(4096, &next), 0);
    CHECK_EQUAL(next, UINTPTR_MAX);
    keep(300 * KIB, 1);
    CHECK_EQUAL(hak_spare_own(4096, &next), 0);
    uintptr_t from = next, end = hak_spare_own(from, &next);
    CHECK_EQUAL(end - from, (uintptr_t)HAK_SPARE_SLOTS * HAK_SPARE_SLOT_BYTES);
    CHECK_EQUAL(hak_spare_own(end - 1, &next), end);
    CHECK_EQUAL(hak_spare_own(end, &next), 0);
    CHECK_EQUAL(marked((const char *)from, 300 * KIB, 1), 300 * KIB);
}

CHECK_MAIN(CASE(pages_move_with_what_they_hold_and_once), CASE(the_least_that_is_enough_is_taken_or_else_the_most),
           CASE(where_no_slot_is_empty_more_pages_are_kept_in_place_of_fewer), CASE(a_slot_holds_no_more_than_it_has_room_for),
           CASE(a_range_that_is_renewed_is_part_of_the_arena_again), CASE(threads_never_share_pages),
           CASE(its_own_memory_is_known))
