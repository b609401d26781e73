/* early.c -- a library whose constructor uses the heap before the preloaded malloc's own constructor may have run, and
 * whose destructor gives the blocks back after it may have ended. */
#include "check.h"

#include <malloc.h>
#include <pthread.h>

static void *blocks[4];

static void *allocate_in_thread(void *unused)
{
    void *block = malloc(5000);
    CHECK(block != NULL);
    free(block);
    return unused;
}

__attribute__((constructor(101))) static void begin(void)
{
    blocks[0] = malloc(100);
    blocks[1] = calloc(100, 100);
    blocks[2] = realloc(NULL, 100000);
    blocks[3] = memalign(4096, 5000);
    CHECK(is_zero(blocks[1], 10000));
    for (uint32_t i = 0; i < 4; i++) {
        CHECK(blocks[i] != NULL);
        fill(blocks[i], 100, i);
    }
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, allocate_in_thread, NULL) == 0);
    pthread_join(thread, NULL);
}

__attribute__((destructor(101))) static void end(void)
{
    for (uint32_t i = 0; i < 4; i++) {
        CHECK(is_intact(blocks[i], 100, i));
        free(blocks[i]);
    }
    CHECK(write(1, "early ok\n", 9) == 9);
}
