/* pairs.c -- malloc and free in turn, one block at a time: pairs PAIRS. Prints nanoseconds a pair. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int count, char **arguments) {
    long pairs = count > 1 ? atol(arguments[1]) : 10000000;
    double begin = now();
    for (long i = 0; i < pairs; i++) {
        char *volatile block = malloc(100);
        *block = 1;
        free(block);
    }
    printf("pairs operations=%ld ns=%.3f\n", 2 * pairs, (now() - begin) / (double)pairs * 1e9);
    return 0;
}
