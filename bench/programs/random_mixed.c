/* random_mixed.c -- a working set of SLOTS blocks of uniform random size: each operation picks a random slot and frees it if
 * it is full, else fills it.
 *
 *   random_mixed OPERATIONS [SLOTS [SEED [MIN MAX]]]
 *
 * A tenth of the operations warms up first. Prints the timed operations and nanoseconds an operation. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint32_t next_random(uint32_t *state) {
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static long argument(int count, char **arguments, int i, long standard) {
    return i < count ? atol(arguments[i]) : standard;
}

int main(int count, char **arguments) {
    long operations = argument(count, arguments, 1, 10000000);
    long slots = argument(count, arguments, 2, 256);
    uint32_t random = (uint32_t)argument(count, arguments, 3, 1234567);
    uint32_t low = (uint32_t)argument(count, arguments, 4, 16);
    uint32_t span = (uint32_t)argument(count, arguments, 5, 1024) - low + 1;
    void **blocks = calloc((size_t)slots, sizeof *blocks);
    for (int timed = 0; timed < 2; timed++) {
        long n = timed ? operations : operations / 10;
        double begin = now();
        for (long i = 0; i < n; i++) {
            uint32_t x = next_random(&random);
            void **block = &blocks[((uint64_t)x * (uint64_t)slots) >> 32];
            if (*block != NULL) {
                free(*block);
                *block = NULL;
            } else {
                *block = malloc(low + (uint32_t)(((uint64_t)(x * 2654435761u) * span) >> 32));
                *(char *)*block = 1;
            }
        }
        double elapsed = now() - begin;
        if (timed) printf("random_mixed operations=%ld ns=%.3f\n", n, elapsed / (double)n * 1e9);
    }
    for (long i = 0; i < slots; i++) free(blocks[i]);
    free(blocks);
    return 0;
}
