/* threads.c -- threads COUNT MILLISECONDS: so many threads that sleep so long. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static useconds_t length;

static void *nap(void *unused) {
    usleep(length);
    return unused;
}

int main(int count, char **words) {
    if (count != 3) return 2;
    length = (useconds_t)strtoul(words[2], NULL, 10) * 1000;
    pthread_t last;
    for (long i = strtol(words[1], NULL, 10); i > 0; i--)
        if (pthread_create(&last, NULL, nap, NULL) != 0) return 1;
    usleep(length);
    return 0;
}
