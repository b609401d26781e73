/* many_mappings.c -- the process has nearly as many mappings as the system allows, then exactly as many, then few.
 * Prints "near N full N few N": the requests that were refused in each state. None may crash or return a bad block. */
#include "check.h"

#include <malloc.h>
#include <sys/mman.h>

enum { SPARE = 32, BLOCKS = 60000, LARGE = 30 };

static char *region;
static size_t page, splits;

/* Every second page of the region gets other rights: two more mappings each, until the system says no. */
static void use_up_mappings(void)
{
    while (mprotect(region + 2 * splits * page + page, page, PROT_READ) == 0) {
        splits++;
    }
    CHECK(errno == ENOMEM);
}

static void give_back(size_t count)
{
    for (size_t i = 0; i < count && splits > 0; i++) {
        splits--;
        CHECK(mprotect(region + 2 * splits * page + page, page, PROT_NONE) == 0);
    }
}

static void *checked(void *block, size_t size, uint32_t key, int *refused)
{
    if (block == NULL) {
        CHECK(errno == ENOMEM);
        ++*refused;
    } else {
        fill(block, size, key);
    }
    return block;
}

/* How many requests were refused. */
static int use_heap(void)
{
    static void *small[BLOCKS], *large[LARGE];
    int refused = 0;
    for (size_t i = 0; i < BLOCKS; i++) {
        small[i] = checked(malloc(i % 4000), i % 4000, (uint32_t)i, &refused);
    }
    for (size_t i = 0; i < LARGE; i++) {
        large[i] = checked(malloc(i << 17), i << 17, (uint32_t)i, &refused);
    }
    /* Holes everywhere: every second block goes first. */
    for (size_t step = 0; step < 2; step++) {
        for (size_t i = step; i < BLOCKS; i += 2) {
            CHECK(small[i] == NULL || is_intact(small[i], i % 4000, (uint32_t)i));
            free(small[i]);
        }
        for (size_t i = step; i < LARGE; i += 2) {
            CHECK(large[i] == NULL || is_intact(large[i], i << 17, (uint32_t)i));
            free(large[i]);
        }
        malloc_trim(0);
    }
    free(checked(calloc(1, 50 << 20), 4096, 1, &refused));
    return refused;
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    size_t limit = strtoul(arguments[1], NULL, 10);
    page = (size_t)sysconf(_SC_PAGESIZE);
    free(malloc(1));
    region = mmap(NULL, 2 * (limit + 2) * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(region != MAP_FAILED);
    use_up_mappings();
    give_back(SPARE / 2);
    int near = use_heap();
    use_up_mappings();
    int full = use_heap();
    give_back(splits);
    printf("near %d full %d few %d\n", near, full, use_heap());
    return 0;
}
