/* producer_consumer.c -- PRODUCERS threads only allocate, CONSUMERS threads only free.
 *
 *   producer_consumer PRODUCERS CONSUMERS OBJECTS MIN MAX [SEED]
 *
 * Blocks travel in batches of 128 through one bounded ring, so that a hand-over is one lock for 128 blocks and costs less
 * than they do. The ring's bound keeps at most 16,384 blocks on their way: whoever is faster waits. */
#include "workload.h"

enum { BATCH = 128, RING = 128 };

typedef struct batch {
    size_t count;
    void *blocks[BATCH];
} batch_t;

typedef struct producer {
    _Alignas(LAB_LINE_BYTES) uint64_t objects;
    uint64_t random, bytes;
} producer_t;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t has_batch, has_room;
    uint64_t put, taken, producing;
    batch_t *batches;
} ring = {.lock = PTHREAD_MUTEX_INITIALIZER, .has_batch = PTHREAD_COND_INITIALIZER, .has_room = PTHREAD_COND_INITIALIZER};
static uint64_t low, span;

static void put(const batch_t *batch) {
    pthread_mutex_lock(&ring.lock);
    while (ring.put - ring.taken == RING) pthread_cond_wait(&ring.has_room, &ring.lock);
    ring.batches[ring.put++ % RING] = *batch;
    pthread_cond_signal(&ring.has_batch);
    pthread_mutex_unlock(&ring.lock);
}

/* False when no producer is left and the ring is empty. */
static bool take(batch_t *batch) {
    pthread_mutex_lock(&ring.lock);
    while (ring.put == ring.taken && ring.producing > 0) pthread_cond_wait(&ring.has_batch, &ring.lock);
    bool found = ring.put != ring.taken;
    if (found) *batch = ring.batches[ring.taken++ % RING];
    pthread_cond_signal(&ring.has_room);
    pthread_mutex_unlock(&ring.lock);
    return found;
}

static void *produce(void *argument) {
    producer_t *producer = argument;
    uint64_t random = producer->random, bytes = 0;
    batch_t batch = {.count = 0};
    for (uint64_t i = 0; i < producer->objects; i++) {
        size_t size = low + lab_below((uint32_t)(lab_random(&random) >> 32), span);
        bytes += size;
        void *block = lab_malloc(size);
        *(volatile char *)block = 1;
        batch.blocks[batch.count++] = block;
        if (batch.count == BATCH || i + 1 == producer->objects) {
            put(&batch);
            batch.count = 0;
        }
    }
    producer->random = random;
    producer->bytes = bytes;
    pthread_mutex_lock(&ring.lock);
    if (--ring.producing == 0) pthread_cond_broadcast(&ring.has_batch);
    pthread_mutex_unlock(&ring.lock);
    return NULL;
}

static void *consume(void *argument) {
    uint64_t *freed = argument, count = 0;
    batch_t batch;
    while (take(&batch)) {
        for (size_t i = 0; i < batch.count; i++) free(batch.blocks[i]);
        count += batch.count;
    }
    *freed = count;
    return NULL;
}

int main(int count, char **arguments) {
    lab_begin("producer_consumer", "PRODUCERS CONSUMERS OBJECTS MIN MAX [SEED]", count, arguments, 5, 6);
    uint64_t producers = lab_whole("PRODUCERS", 1, 1024), consumers = lab_whole("CONSUMERS", 1, 1024);
    uint64_t objects = lab_whole("OBJECTS", producers, UINT64_MAX / 4);
    low = lab_whole("MIN", 1, 1 << 30);
    span = lab_whole("MAX", low, 1 << 30) - low + 1;
    uint64_t seed = lab_whole_or("SEED", 0, UINT64_MAX, 1);
    producer_t *producer = lab_map(producers * sizeof *producer);
    uint64_t *freed = lab_map(consumers * sizeof *freed);
    pthread_t *threads = lab_map((producers + consumers) * sizeof *threads);
    ring.batches = lab_map(RING * sizeof *ring.batches);
    ring.producing = producers;

    double begin = lab_now();
    for (uint64_t i = 0; i < producers; i++) {
        producer[i].objects = objects / producers + (i < objects % producers);
        producer[i].random = lab_stream(seed, i);
        threads[i] = lab_thread(produce, &producer[i]);
    }
    for (uint64_t i = 0; i < consumers; i++) threads[producers + i] = lab_thread(consume, &freed[i]);
    for (uint64_t i = 0; i < producers + consumers; i++) lab_join(threads[i]);
    double seconds = lab_now() - begin;

    uint64_t checksum = 0, all_freed = 0;
    for (uint64_t i = 0; i < producers; i++) checksum = lab_mix(lab_mix(checksum, producer[i].random), producer[i].bytes);
    for (uint64_t i = 0; i < consumers; i++) all_freed += freed[i];
    if (all_freed != objects)
        lab_fail(1, "%llu blocks were freed of %llu", (unsigned long long)all_freed, (unsigned long long)objects);
    lab_result(2 * objects, seconds, lab_mix(checksum, all_freed));
    return 0;
}
