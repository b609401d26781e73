/* server_mix.c -- THREADS threads serve REQUESTS requests in all. A request takes 4 to 32 objects, most of them small. Of
 * sixteen objects one goes into a table that all threads share, where it lives until another takes its random place; three are
 * handed to another thread, which frees them; the rest ends with the request.
 *
 *   server_mix THREADS REQUESTS [TABLE [SEED]]
 *
 * Handed objects travel in batches of 32 through the receiver's bounded mailbox; where that is full, the sender frees them
 * itself. So time decides who frees an object, but not which objects there are nor how many frees. */
#include "workload.h"

enum { BATCH = 32, MAILBOX = 32, MOST_OBJECTS = 32 };

typedef struct batch {
    size_t count;
    void *blocks[BATCH];
} batch_t;

typedef struct server {
    _Alignas(LAB_LINE_BYTES) pthread_mutex_t lock;
    uint64_t put, taken;
    batch_t mailbox[MAILBOX];
    _Alignas(LAB_LINE_BYTES) pthread_t thread;
    uint64_t number, requests, random, allocations, frees, bytes;
    batch_t out; /* handed over when full */
} server_t;

static server_t *servers;
static uint64_t threads, places;
static void *_Atomic *table;
static pthread_barrier_t all_served;

/* Of 64 objects: 40 of 16-128 bytes, 18 to 1 KiB, 5 to 8 KiB, 1 to 64 KiB; evenly within each range. */
static size_t object_size(uint64_t random) {
    static const struct {
        uint32_t limit, low, span;
    } ranges[] = {{40, 16, 113}, {58, 129, 896}, {63, 1025, 7168}, {64, 8193, 57344}};
    uint32_t draw = random & 63;
    int range = 0;
    while (draw >= ranges[range].limit) range++;
    return ranges[range].low + lab_below((uint32_t)(random >> 32), ranges[range].span);
}

static void free_batch(server_t *server, batch_t *batch) {
    for (size_t i = 0; i < batch->count; i++) free(batch->blocks[i]);
    server->frees += batch->count;
    batch->count = 0;
}

static void hand_over(server_t *server) {
    uint64_t other = server->number;
    if (threads > 1) other = (other + 1 + lab_below((uint32_t)lab_random(&server->random), threads - 1)) % threads;
    server_t *receiver = &servers[other];
    pthread_mutex_lock(&receiver->lock);
    bool has_room = receiver->put - receiver->taken < MAILBOX;
    if (has_room) receiver->mailbox[receiver->put++ % MAILBOX] = server->out;
    pthread_mutex_unlock(&receiver->lock);
    if (has_room) server->out.count = 0;
    else free_batch(server, &server->out);
}

static void empty_mailbox(server_t *server) {
    for (;;) {
        batch_t batch = {.count = 0};
        pthread_mutex_lock(&server->lock);
        if (server->put != server->taken) batch = server->mailbox[server->taken++ % MAILBOX];
        pthread_mutex_unlock(&server->lock);
        if (batch.count == 0) return;
        free_batch(server, &batch);
    }
}

static void serve(server_t *server) {
    void *mine[MOST_OBJECTS];
    size_t held = 0;
    uint64_t objects = 4 + lab_below((uint32_t)lab_random(&server->random), MOST_OBJECTS - 4 + 1);
    for (uint64_t i = 0; i < objects; i++) {
        uint64_t x = lab_random(&server->random);
        size_t size = object_size(x);
        void *object = lab_malloc(size);
        lab_touch(object, size);
        server->bytes += size;
        uint32_t fate = x >> 8 & 15;
        if (fate == 0) {
            uint64_t place = lab_below((uint32_t)lab_random(&server->random), places);
            void *old = atomic_exchange_explicit(&table[place], object, memory_order_acq_rel);
            free(old);
            server->frees += old != NULL;
        } else if (fate < 4) {
            server->out.blocks[server->out.count++] = object;
            if (server->out.count == BATCH) hand_over(server);
        } else {
            mine[held++] = object;
        }
    }
    server->allocations += objects;
    for (size_t i = 0; i < held; i++) free(mine[i]);
    server->frees += held;
    empty_mailbox(server);
}

static void *run(void *argument) {
    server_t *server = argument;
    for (uint64_t i = 0; i < server->requests; i++) serve(server);
    free_batch(server, &server->out);
    pthread_barrier_wait(&all_served); /* from here on nobody hands anything over */
    empty_mailbox(server);
    return NULL;
}

int main(int count, char **arguments) {
    lab_begin("server_mix", "THREADS REQUESTS [TABLE [SEED]]", count, arguments, 2, 4);
    threads = lab_whole("THREADS", 1, 1024);
    uint64_t requests = lab_whole("REQUESTS", threads, UINT64_MAX / 64);
    places = lab_whole_or("TABLE", 1, 1 << 28, 16384);
    uint64_t seed = lab_whole_or("SEED", 0, UINT64_MAX, 1);
    servers = lab_map(threads * sizeof *servers);
    table = lab_map(places * sizeof *table);
    pthread_barrier_init(&all_served, NULL, (unsigned)threads);

    double begin = lab_now();
    for (uint64_t i = 0; i < threads; i++) {
        pthread_mutex_init(&servers[i].lock, NULL);
        servers[i].number = i;
        servers[i].random = lab_stream(seed, i);
        servers[i].requests = requests / threads + (i < requests % threads);
    }
    for (uint64_t i = 0; i < threads; i++) servers[i].thread = lab_thread(run, &servers[i]);
    for (uint64_t i = 0; i < threads; i++) lab_join(servers[i].thread);
    double seconds = lab_now() - begin;

    uint64_t checksum = 0, allocations = 0, frees = 0, kept = 0;
    for (uint64_t i = 0; i < threads; i++) {
        checksum = lab_mix(lab_mix(checksum, servers[i].random), servers[i].bytes);
        allocations += servers[i].allocations;
        frees += servers[i].frees;
    }
    for (uint64_t i = 0; i < places; i++) {
        void *object = atomic_load_explicit(&table[i], memory_order_relaxed);
        kept += object != NULL;
        free(object);
    }
    if (allocations - frees != kept)
        lab_fail(1, "%llu objects should be left, and are %llu", (unsigned long long)(allocations - frees),
                 (unsigned long long)kept);
    lab_figure("requests", (double)requests);
    lab_result(allocations + frees, seconds, lab_mix(checksum, frees));
    return 0;
}
