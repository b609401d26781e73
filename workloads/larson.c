/* larson.c -- the server benchmark of Larson and Krishnan ("Memory allocation for long-running server applications",
 * ISMM 1998): each thread replaces random blocks of an array; after ROUNDS times CHUNKS replacements it hands the array to a
 * thread that it starts, and ends, so that blocks are freed by threads that did not allocate them.
 *
 *   larson SECONDS MIN MAX CHUNKS ROUNDS SEED THREADS
 *
 * Threads are detached, and a failure to create one ends the run. Time decides how much is done, so the checksum tells only
 * that no block was lost: it is that of the arguments. */
#include "workload.h"

#include <semaphore.h>

/* One at a time of the threads that follow each other has it. */
typedef struct worker {
    _Alignas(LAB_LINE_BYTES) void **blocks;
    uint64_t random, operations, threads;
} worker_t;

static uint64_t low, span, chunks, lifetime;
static atomic_bool stop;
static sem_t ended;

static void start(worker_t *worker);

static void *run(void *argument) {
    worker_t *worker = argument;
    uint64_t random = worker->random, done = 0;
    while (done < lifetime && !atomic_load_explicit(&stop, memory_order_relaxed)) {
        uint64_t x = lab_random(&random);
        void **slot = &worker->blocks[lab_below((uint32_t)x, chunks)];
        free(*slot);
        *slot = lab_malloc(low + lab_below((uint32_t)(x >> 32), span));
        *(volatile char *)*slot = 1;
        done++;
    }
    worker->random = random;
    worker->operations += 2 * done;
    if (done == lifetime && !atomic_load_explicit(&stop, memory_order_relaxed)) start(worker);
    else sem_post(&ended);
    return NULL;
}

static void start(worker_t *worker) {
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    worker->threads++;
    int error = pthread_create(&thread, &attributes, run, worker);
    if (error != 0) lab_no_thread(error);
    pthread_attr_destroy(&attributes);
}

static void fill(worker_t *worker, uint64_t stream, uint64_t seed) {
    worker->random = lab_stream(seed, stream);
    worker->blocks = lab_map(chunks * sizeof(void *));
    for (uint64_t i = 0; i < chunks; i++)
        worker->blocks[i] = lab_malloc(low + lab_below((uint32_t)(lab_random(&worker->random) >> 32), span));
}

static uint64_t empty(worker_t *worker) {
    uint64_t found = 0;
    for (uint64_t i = 0; i < chunks; i++) {
        found += worker->blocks[i] != NULL;
        free(worker->blocks[i]);
    }
    return found;
}

int main(int count, char **arguments) {
    lab_begin("larson", "SECONDS MIN MAX CHUNKS ROUNDS SEED THREADS", count, arguments, 7, 7);
    double limit = lab_seconds("SECONDS");
    low = lab_whole("MIN", 1, 1 << 30);
    span = lab_whole("MAX", low, 1 << 30) - low + 1;
    chunks = lab_whole("CHUNKS", 1, 1 << 28);
    lifetime = chunks * lab_whole("ROUNDS", 1, 1 << 30);
    uint64_t seed = lab_whole("SEED", 0, UINT64_MAX), workers = lab_whole("THREADS", 1, 4096);
    worker_t *worker = lab_map(workers * sizeof *worker);
    sem_init(&ended, 0, 0);
    for (uint64_t i = 0; i < workers; i++) fill(&worker[i], i, seed);

    double begin = lab_now();
    for (uint64_t i = 0; i < workers; i++) start(&worker[i]);
    lab_sleep(limit);
    atomic_store(&stop, true);
    for (uint64_t i = 0; i < workers; i++)
        while (sem_wait(&ended) != 0) continue;
    double seconds = lab_now() - begin;

    uint64_t operations = 0, threads = 0, live = 0;
    for (uint64_t i = 0; i < workers; i++) {
        operations += worker[i].operations;
        threads += worker[i].threads;
        live += empty(&worker[i]);
    }
    if (live != workers * chunks)
        lab_fail(1, "%llu blocks are left, and should be %llu", (unsigned long long)live,
                 (unsigned long long)(workers * chunks));
    uint64_t checksum = lab_mix(lab_mix(lab_mix(lab_mix(lifetime, low), span), chunks), lab_mix(seed, workers));
    lab_figure("threads", (double)threads);
    lab_result(operations, seconds, checksum);
    return 0;
}
