/* hot_pair.c -- malloc(64) and free, over and over, for the count of instructions of each on its shortest way.
 *
 *   hot_pair TIMES */
#include <stdlib.h>

/* Compilers know the two and would leave them out. */
static void *(*volatile take)(size_t) = malloc;
static void (*volatile give)(void *) = free;

int main(int argc, char **argv) {
    long times = argc == 2 ? atol(argv[1]) : 0;
    for (long i = 0; i < times; i++) give(take(64));
    return times == 0;
}
