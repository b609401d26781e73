/* larson.c -- the server benchmark of Larson and Krishnan ("Memory allocation for long-running server applications",
 * ISMM 1998): each thread replaces random blocks of an array; after its rounds it hands the array to a thread that it
 * starts, and ends, so that blocks are freed by threads that did not allocate them.
 *
 *   larson SECONDS MIN MAX CHUNKS ROUNDS SEED THREADS
 *
 * Threads are detached; a failure to create one is reported and ends the run. Prints operations (one malloc or one free)
 * in all and a second. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct worker {
    void **blocks;
    uint64_t random;
    uint64_t operations;
} worker_t;

static double seconds;
static uint64_t low, span, chunks, rounds;
static atomic_int running;
static atomic_bool stop, broken;

static uint64_t next_random(uint64_t *state) {
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

static void start(worker_t *worker);

static void *run(void *argument) {
    worker_t *worker = argument;
    for (uint64_t i = 0; i < rounds * chunks && !atomic_load_explicit(&stop, memory_order_relaxed); i++) {
        uint64_t x = next_random(&worker->random);
        void **slot = &worker->blocks[x % chunks];
        free(*slot);
        *slot = malloc(low + (x >> 32) % span);
        if (*slot == NULL) {
            fprintf(stderr, "larson: out of memory\n");
            exit(1);
        }
        *(volatile char *)*slot = 1;
        worker->operations += 2;
    }
    if (atomic_load(&stop)) atomic_fetch_sub(&running, 1);
    else start(worker);
    return NULL;
}

static void start(worker_t *worker) {
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int error = pthread_create(&thread, &attributes, run, worker);
    pthread_attr_destroy(&attributes);
    if (error != 0) {
        atomic_store(&broken, true);
        atomic_fetch_sub(&running, 1);
    }
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int count, char **arguments) {
    if (count != 8) {
        fprintf(stderr, "usage: larson SECONDS MIN MAX CHUNKS ROUNDS SEED THREADS\n");
        return 2;
    }
    seconds = atof(arguments[1]);
    low = strtoull(arguments[2], NULL, 10);
    span = strtoull(arguments[3], NULL, 10) - low + 1;
    chunks = strtoull(arguments[4], NULL, 10);
    rounds = strtoull(arguments[5], NULL, 10);
    uint64_t seed = strtoull(arguments[6], NULL, 10);
    int threads = atoi(arguments[7]);
    worker_t *workers = calloc((size_t)threads, sizeof *workers);
    atomic_store(&running, threads);
    double begin = now();
    for (int i = 0; i < threads; i++) {
        workers[i].random = (seed + 1) * 0x9e3779b97f4a7c15u + (uint64_t)i;
        workers[i].blocks = calloc(chunks, sizeof(void *));
        start(&workers[i]);
    }
    struct timespec pause = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&pause, NULL);
    atomic_store(&stop, true);
    double elapsed = now() - begin;
    uint64_t operations = 0;
    for (int i = 0; i < threads; i++) operations += workers[i].operations;
    struct timespec moment = {.tv_nsec = 1000000};
    while (atomic_load(&running) != 0) nanosleep(&moment, NULL);
    if (atomic_load(&broken)) {
        fprintf(stderr, "larson: a thread could not be created\n");
        return 1;
    }
    printf("larson operations=%llu rate=%.2f M/s\n", (unsigned long long)operations, (double)operations / elapsed / 1e6);
    return 0;
}
