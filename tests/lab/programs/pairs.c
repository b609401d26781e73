/* pairs.c -- pairs COUNT BYTES: so many times malloc, one byte written, and free. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int count, char **words) {
    if (count != 3) return 2;
    long pairs = strtol(words[1], NULL, 10);
    size_t bytes = strtoul(words[2], NULL, 10);
    double begin = now();
    for (long i = 0; i < pairs; i++) {
        char *volatile block = malloc(bytes);
        *block = 1;
        free(block);
    }
    printf("lab: result operations=%ld seconds=%.9f checksum=%lx\n", 2 * pairs, now() - begin, pairs ^ (long)bytes);
    return 0;
}
