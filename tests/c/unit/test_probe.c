/* test_probe.c -- memory that is there, partly there, and not there. */
#include "probe.h"

#include <sys/mman.h>

#include "../check.h"

enum { PAGE = 4096 };

static void reads_up_to_the_first_page_that_cannot_be_read(void) {
    char *pages = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED);
    memset(pages, 7, 4 * PAGE);
    CHECK(mprotect(pages + 3 * PAGE, PAGE, PROT_NONE) == 0);
    static char copy[4 * PAGE];
    errno = 5;
    CHECK_EQUAL(hak_probe_read(copy, pages, 2 * PAGE), 2 * PAGE);
    CHECK(memcmp(copy, pages, 2 * PAGE) == 0);
    CHECK_EQUAL(hak_probe_read(copy, pages + 100, 4 * PAGE - 100), 3 * PAGE - 100);
    CHECK_EQUAL(hak_probe_read(copy, pages + 3 * PAGE - 1, 2), 1);
    CHECK_EQUAL(hak_probe_read(copy, pages + 3 * PAGE, 10), 0);
    CHECK_EQUAL(hak_probe_read(copy, (const void *)8, 10), 0);
    CHECK_EQUAL(hak_probe_read(copy, (const void *)0x4141414141410000, 10), 0);
    CHECK_EQUAL(errno, 5);
}

CHECK_MAIN(CASE(reads_up_to_the_first_page_that_cannot_be_read))
