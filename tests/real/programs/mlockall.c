/* mlockall.c -- the heap is used by a program whose memory is locked. Argument: current, future or onfault.
 * Prints the resident MiB right after locking: address space that is only reserved must not become resident. */
#include "check.h"

#include <malloc.h>
#include <sys/mman.h>

enum { MIB = 1 << 20, BLOCKS = 40000 };

static void use_and_drop(void)
{
    static void *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(i % 3000);
        CHECK(blocks[i] != NULL);
        fill(blocks[i], i % 3000, (uint32_t)i);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        CHECK(is_intact(blocks[i], i % 3000, (uint32_t)i));
        free(blocks[i]);
    }
}

static void large_blocks_are_zero(void)
{
    for (size_t size = MIB / 4; size <= 64 * MIB; size *= 4) {
        unsigned char *dirty = malloc(size);
        CHECK(dirty != NULL);
        memset(dirty, 0xAA, size);
        free(dirty);
        malloc_trim(0);
        unsigned char *zero = calloc(1, size);
        CHECK(zero != NULL && is_zero(zero, size));
        free(zero);
    }
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    free(malloc(1));
    int flags = MCL_CURRENT;
    if (arguments[1][0] == 'f') {
        flags |= MCL_FUTURE;
    } else if (arguments[1][0] == 'o') {
        flags |= MCL_FUTURE | MCL_ONFAULT;
    }
    if (mlockall(flags) != 0) {
        printf("refused: %s\n", strerror(errno));
        return 0;
    }
    printf("%ld\n", status_kib("VmRSS:") / 1024);
    use_and_drop();
    large_blocks_are_zero();
    keep_busy(0.8);
    large_blocks_are_zero();
    use_and_drop();
    puts("ok");
    return 0;
}
