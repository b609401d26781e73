/* detached.c -- many detached threads that never call malloc end at once: the C library frees what it kept of some of them in
 * others that are past their destructors. A burst afterwards makes the allocator look at all threads that it knows. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { THREADS = 180, BLOCKS = 1 << 20 };

static atomic_int running = THREADS;
static atomic_bool go;

static void *wait_and_end(void *unused)
{
    while (!atomic_load(&go)) {
        usleep(1000);
    }
    atomic_fetch_sub(&running, 1);
    return unused;
}

int main(void)
{
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, &detached, wait_and_end, NULL) == 0);
    }
    atomic_store(&go, true);
    while (atomic_load(&running) != 0) {
        usleep(1000);
    }
    usleep(200000);
    for (int round = 0; round < 4; round++) {
        static void *blocks[BLOCKS];
        for (int i = 0; i < BLOCKS; i++) {
            blocks[i] = malloc(80);
            CHECK(blocks[i] != NULL);
        }
        for (int i = 0; i < BLOCKS; i++) {
            free(blocks[i]);
        }
        for (double end = now_s() + 0.3; now_s() < end;) {
            free(malloc(64));
        }
    }
    puts("ok");
    return 0;
}
