/* purge.c -- 400 MiB of small blocks are built and dropped; prints the resident MiB after what the argument says:
 *   loop      a second of malloc and free on one size
 *   trickle   five hundred of them with a pause of 2 ms after each
 *   threads   as loop, but built and dropped by four threads
 *   work      four times: work on blocks of all sizes for less than the purge delay, then the loop; the most of what is resident then
 *   trim      malloc_trim(0), at once
 *   silence   a second and a half of sleep, and more as long as more than ENOUGH_MIB are resident: when a thread of the
 *             library wakes up is up to the machine */
#include "check.h"

#include <malloc.h>
#include <pthread.h>

enum { MIB = 1 << 20, BURST_MIB = 400, THREADS = 4, ENOUGH_MIB = 40, MOST_SILENCES = 20 };

static pthread_barrier_t built;

/* The blocks are a list through their first words: an array of pointers would be a burst of its own. */
static void *build_and_drop(void *mib)
{
    void *head = NULL;
    uint32_t state = 2463534242u;
    for (size_t left = (size_t)(uintptr_t)mib * MIB, size; left > 512; left -= size) {
        size = 16 + next_random(&state) % 497;
        void *block = malloc(size);
        CHECK(block != NULL);
        memset(block, 1, size);
        *(void **)block = head;
        head = block;
    }
    /* Threads wait for each other here, so that all of their blocks live at once. */
    pthread_barrier_wait(&built);
    while (head != NULL) {
        void *next = *(void **)head;
        free(head);
        head = next;
    }
    return NULL;
}

/* Nearly every call goes past the thread's cache. Where this ends is chance: hence four times. */
static void work(double seconds)
{
    static char *blocks[20];
    static uint32_t state = 2463534242u;
    for (double end = now_s() + seconds; now_s() < end;) {
        for (int i = 0; i < 100; i++) {
            char **block = &blocks[next_random(&state) % 20];
            free(*block);
            *block = malloc(20000 + next_random(&state) % MIB);
            CHECK(*block != NULL);
            **block = 1;
        }
    }
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    const char *what = arguments[1];
    int threaded = strcmp(what, "threads") == 0;
    CHECK(pthread_barrier_init(&built, NULL, threaded ? THREADS : 1) == 0);
    long resident_kib = 0;
    if (strcmp(what, "work") == 0) {
        for (int i = 0; i < 4; i++) {
            build_and_drop((void *)(uintptr_t)BURST_MIB);
            work(0.06 + 0.03 * i);
            keep_busy(1.0);
            resident_kib = status_kib("VmRSS:") > resident_kib ? status_kib("VmRSS:") : resident_kib;
        }
    } else if (threaded) {
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++) {
            CHECK(pthread_create(&threads[i], NULL, build_and_drop, (void *)(uintptr_t)(BURST_MIB / THREADS)) == 0);
        }
        for (int i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
        }
        keep_busy(1.0);
    } else {
        build_and_drop((void *)(uintptr_t)BURST_MIB);
        if (strcmp(what, "loop") == 0) {
            keep_busy(1.0);
        } else if (strcmp(what, "trickle") == 0) {
            for (int i = 0; i < 500; i++) {
                free(malloc(64));
                usleep(2000);
            }
        } else if (strcmp(what, "trim") == 0) {
            malloc_trim(0);
        } else {
            CHECK(strcmp(what, "silence") == 0);
            for (int i = 0; i < MOST_SILENCES && (i == 0 || status_kib("VmRSS:") > ENOUGH_MIB * 1024L); i++) {
                usleep(1500000);
            }
        }
    }
    if (resident_kib == 0) {
        resident_kib = status_kib("VmRSS:");
    }
    printf("%ld %ld\n", resident_kib / 1024, status_kib("VmHWM:") / 1024);
    return 0;
}
