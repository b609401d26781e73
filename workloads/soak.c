/* soak.c -- a server for a long time: what it holds rises and falls with each cycle and is the same over the cycles, so that
 * its resident memory should be, too. It writes samples of both, with the allocator's own figures where that is HAKMEM.
 *
 *   soak SECONDS THREADS FILE [CYCLE_MS [INTERVAL_MS [SEED]]]
 *
 * A cycle is cut into slots of 10 ms. In each slot a thread serves as many requests as its phase asks for, then sleeps until
 * the next slot; one that is late catches up. So the requests of a thread follow from the seed alone, and time decides only
 * how those of several threads mix, and who frees what they hand to each other.
 *
 *   share of the cycle   phase     what happens
 *   25 %                 steady    requests of small objects
 *   15 %                 burst     more of them, sessions that stay, and two more threads that live as long as the burst
 *   20 %                 large     few requests, of objects up to 1 MiB; one thread is blocked, another in each cycle
 *   30 %                 quiet     the sessions end; a little work; the same thread is blocked in the first half
 *   10 %                 silence   nobody calls the allocator
 *
 * Of sixteen objects of a request one replaces a random one in a table that all threads share, three are freed by another
 * thread, one grows by realloc; of 512 one replaces an object of a table in which it lives for some cycles.
 *
 * FILE: names of columns, then a line of whole numbers for each sample: milliseconds since the start, live bytes as
 * requested, resident bytes, operations so far; under HAKMEM also the figures of hak_stats_json that `figures` names. Live
 * bytes are read from threads that run: they are off by what moves meanwhile.
 *
 * Each object holds its size and a mark of its address, which are looked at before it is freed. */
#include <stddef.h>

#include "workload.h"

enum {
    SLOT_MS = 10,
    BATCH = 32,
    MAILBOX = 32,
    MOST_OBJECTS = 32,
    PLACES = 8192,
    VISITORS = 2,
    SESSIONS_A_SLOT = 64,
    STATS_BYTES = 1 << 18, /* the JSON has some 20 KiB in the count flavour */
};

typedef struct object {
    uint64_t size, mark;
} object_t;

typedef struct batch {
    size_t count;
    object_t *objects[BATCH];
} batch_t;

typedef struct worker {
    _Alignas(LAB_LINE_BYTES) pthread_mutex_t lock;
    uint64_t put, taken;
    batch_t mailbox[MAILBOX];
    _Alignas(LAB_LINE_BYTES) pthread_t thread;
    uint64_t number, random, checksum, first_slot, slots;
    _Atomic uint64_t allocated_bytes, freed_bytes, operations; /* written by the worker, read by the sampler */
    batch_t out;                                               /* handed over when full */
    object_t **sessions;
    uint64_t session_count;
} worker_t;

typedef enum phase { STEADY, BURST, LARGE, QUIET, SILENCE, PHASES } phase_t;

/* Ends of the phases in percent of the cycle, and requests that a thread serves in a slot. */
static const struct {
    uint32_t end, requests;
} phases[PHASES] = {{25, 60}, {40, 160}, {60, 8}, {90, 2}, {100, 0}};

static worker_t *workers, visitors[VISITORS];
static uint64_t threads, cycle_slots;
static object_t *_Atomic *table, *_Atomic *long_lived;
static double begin;
static _Atomic uint64_t finished;
static pthread_barrier_t all_served;

/* ---- objects ---- */

typedef struct range {
    uint32_t limit, low, span; /* a draw below `limit` of 64, and not below the one before, takes low to low + span - 1 */
} range_t;

static const range_t small[] = {{40, 16, 113}, {58, 129, 896}, {63, 1025, 7168}, {64, 8193, 57344}};
static const range_t large[] = {{24, 16, 113}, {40, 129, 896}, {56, 1025, 15360}, {63, 16385, 49152}, {64, 65537, 983040}};

static size_t object_size(uint64_t random, const range_t *range) {
    uint32_t draw = random & 63;
    while (draw >= range->limit) range++;
    return range->low + lab_below((uint32_t)(random >> 32), range->span);
}

static uint64_t mark_of(const object_t *object) { return (uintptr_t)object ^ 0x5a5a5a5a5a5a5a5au; }

/* Relaxed: a figure with one writer, from which nobody concludes anything about other memory. */
static void add(_Atomic uint64_t *figure, uint64_t n) {
    atomic_store_explicit(figure, atomic_load_explicit(figure, memory_order_relaxed) + n, memory_order_relaxed);
}

static object_t *mark(worker_t *worker, void *block, size_t size) {
    object_t *object = block;
    lab_touch(block, size);
    *object = (object_t){size, mark_of(object)};
    add(&worker->allocated_bytes, size);
    add(&worker->operations, 1);
    worker->checksum = lab_mix(worker->checksum, size);
    return object;
}

static object_t *make(worker_t *worker, size_t size) { return mark(worker, lab_malloc(size), size); }

static void check(const object_t *object) {
    if (object->mark != mark_of(object)) lab_fail(1, "a block was overwritten while it was in use");
}

static void drop(worker_t *worker, object_t *object) {
    if (object == NULL) return;
    check(object);
    add(&worker->freed_bytes, object->size);
    add(&worker->operations, 1);
    object->mark = 0; /* a second free of it is seen */
    free(object);
}

static object_t *grow(worker_t *worker, object_t *object) {
    check(object);
    object_t old = *object;
    size_t size = old.size;
    object_t *block = realloc(object, 2 * size);
    if (block == NULL) lab_out_of_memory(2 * size);
    if (block->size != old.size || block->mark != old.mark) lab_fail(1, "realloc lost the bytes");
    add(&worker->freed_bytes, size);
    return mark(worker, block, 2 * size);
}

static void replace(worker_t *worker, object_t *_Atomic *places, object_t *object) {
    uint64_t place = lab_below((uint32_t)lab_random(&worker->random), PLACES);
    /* The other thread's object is read: acquire; this one will be: release. */
    drop(worker, atomic_exchange_explicit(&places[place], object, memory_order_acq_rel));
}

/* ---- objects that move ---- */

static void drop_batch(worker_t *worker, batch_t *batch) {
    for (size_t i = 0; i < batch->count; i++) drop(worker, batch->objects[i]);
    batch->count = 0;
}

static void hand_over(worker_t *worker) {
    worker_t *receiver = &workers[lab_below((uint32_t)lab_random(&worker->random), threads)];
    pthread_mutex_lock(&receiver->lock);
    bool has_room = receiver->put - receiver->taken < MAILBOX;
    if (has_room) receiver->mailbox[receiver->put++ % MAILBOX] = worker->out;
    pthread_mutex_unlock(&receiver->lock);
    if (has_room) worker->out.count = 0;
    else drop_batch(worker, &worker->out);
}

static void empty_mailbox(worker_t *worker) {
    for (;;) {
        batch_t batch = {.count = 0};
        pthread_mutex_lock(&worker->lock);
        if (worker->put != worker->taken) batch = worker->mailbox[worker->taken++ % MAILBOX];
        pthread_mutex_unlock(&worker->lock);
        if (batch.count == 0) return;
        drop_batch(worker, &batch);
    }
}

/* ---- requests and sessions ---- */

static void serve(worker_t *worker, const range_t *sizes) {
    object_t *mine[MOST_OBJECTS];
    size_t held = 0;
    uint64_t objects = 4 + lab_below((uint32_t)lab_random(&worker->random), MOST_OBJECTS - 4 + 1);
    for (uint64_t i = 0; i < objects; i++) {
        uint64_t x = lab_random(&worker->random);
        uint32_t fate = x >> 8 & 511;
        if (fate == 511) {
            replace(worker, long_lived, make(worker, object_size(x, small)));
            continue;
        }
        object_t *object = make(worker, object_size(x, sizes));
        switch (fate % 16) {
            case 0: replace(worker, table, object); break;
            case 1:
            case 2:
            case 3:
                worker->out.objects[worker->out.count++] = object;
                if (worker->out.count == BATCH) hand_over(worker);
                break;
            case 4: object = grow(worker, object); /* fall through */
            default: mine[held++] = object;
        }
    }
    while (held != 0) drop(worker, mine[--held]);
}

static void open_sessions(worker_t *worker) {
    for (int i = 0; i < SESSIONS_A_SLOT && worker->session_count < cycle_slots * SESSIONS_A_SLOT; i++) {
        worker->sessions[worker->session_count++] = make(worker, object_size(lab_random(&worker->random), small));
    }
}

/* In random order, so that no slab is emptied on purpose. */
static void end_sessions(worker_t *worker, uint64_t count) {
    for (; count != 0 && worker->session_count != 0; count--) {
        uint64_t i = lab_below((uint32_t)lab_random(&worker->random), worker->session_count);
        drop(worker, worker->sessions[i]);
        worker->sessions[i] = worker->sessions[--worker->session_count];
    }
}

/* ---- slots ---- */

static phase_t phase_of(uint64_t slot) {
    uint64_t percent = slot % cycle_slots * 100 / cycle_slots;
    phase_t phase = STEADY;
    while (percent >= phases[phase].end) phase++;
    return phase;
}

static bool is_first_of(uint64_t slot, phase_t phase) { return phase_of(slot) == phase && phase_of(slot - 1) != phase; }

/* One thread a cycle is blocked from the large phase to the middle of the quiet one. */
static bool is_blocked(const worker_t *worker, uint64_t slot) {
    uint64_t percent = slot % cycle_slots * 100 / cycle_slots;
    return slot / cycle_slots % threads == worker->number && percent >= phases[BURST].end && percent < 75;
}

static void do_slot(worker_t *worker, uint64_t slot) {
    phase_t phase = phase_of(slot);
    if (phase == SILENCE) return;
    for (uint32_t i = 0; i < phases[phase].requests; i++) serve(worker, phase == LARGE ? large : small);
    if (phase == BURST) open_sessions(worker);
    if (phase == QUIET) end_sessions(worker, phase_of(slot + 1) == QUIET ? SESSIONS_A_SLOT : worker->session_count);
}

static void wait_for_slot(uint64_t slot) {
    double left = begin + (double)(slot * SLOT_MS) * 1e-3 - lab_now();
    if (left > 0) lab_sleep(left);
}

static void *visit(void *argument) {
    worker_t *visitor = argument;
    for (uint64_t i = 0; i < visitor->slots; i++) {
        wait_for_slot(visitor->first_slot + i);
        for (uint32_t k = 0; k < phases[BURST].requests; k++) serve(visitor, small);
    }
    drop_batch(visitor, &visitor->out);
    return NULL;
}

static void start_visitors(uint64_t slot) {
    uint64_t slots = 1;
    while (phase_of(slot + slots) == BURST) slots++;
    for (int i = 0; i < VISITORS; i++) {
        visitors[i].first_slot = slot;
        visitors[i].slots = slots;
        visitors[i].thread = lab_thread(visit, &visitors[i]);
    }
}

static void *run(void *argument) {
    worker_t *worker = argument;
    bool visited = false;
    for (uint64_t slot = 0; slot < worker->slots; slot++) {
        wait_for_slot(slot);
        if (worker->number == 0 && is_first_of(slot, BURST)) {
            start_visitors(slot);
            visited = true;
        }
        if (!is_blocked(worker, slot)) {
            if (phase_of(slot) != SILENCE) empty_mailbox(worker);
            do_slot(worker, slot);
        }
        if (visited && (phase_of(slot + 1) != BURST || slot + 1 == worker->slots)) {
            for (int i = 0; i < VISITORS; i++) lab_join(visitors[i].thread);
            visited = false;
        }
    }
    end_sessions(worker, UINT64_MAX);
    drop_batch(worker, &worker->out);
    pthread_barrier_wait(&all_served); /* from here on nobody hands anything over */
    empty_mailbox(worker);
    atomic_fetch_add(&finished, 1);
    return NULL;
}

/* ---- samples ---- */

static const char *const figures[] = {"live", "cached", "transfer", "purged", "unpurged", "overdue", "mapped", "metadata"};
enum { FIGURES = sizeof figures / sizeof *figures };

static struct {
    int file;
    size_t (*stats)(char *, size_t); /* NULL unless on HAKMEM */
    char *text;
} sampler;

static uint64_t total(size_t figure) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < threads + VISITORS; i++) {
        const worker_t *worker = i < threads ? &workers[i] : &visitors[i - threads];
        sum += atomic_load_explicit((const _Atomic uint64_t *)((const char *)worker + figure), memory_order_relaxed);
    }
    return sum;
}

static uint64_t figure_of(const char *bytes, const char *name) {
    char key[LAB_LINE_BYTES];
    snprintf(key, sizeof key, "\"%s\": ", name);
    const char *at = strstr(bytes, key);
    if (at == NULL) lab_fail(1, "hak_stats_json tells no %s bytes", name);
    return strtoull(at + strlen(key), NULL, 10);
}

static void write_names(void) {
    char line[LAB_TEXT_BYTES];
    int length = snprintf(line, sizeof line, "milliseconds live resident operations");
    for (int i = 0; i < FIGURES && sampler.stats != NULL; i++) {
        length += snprintf(line + length, sizeof line - (size_t)length, " heap_%s", figures[i]);
    }
    line[length++] = '\n';
    lab_write(sampler.file, line, (size_t)length);
}

static void write_sample(void) {
    char line[LAB_TEXT_BYTES];
    uint64_t freed = total(offsetof(worker_t, freed_bytes)); /* before what was allocated, so that it is not more */
    uint64_t live = total(offsetof(worker_t, allocated_bytes)) - freed;
    const char *bytes = NULL;
    if (sampler.stats != NULL) {
        if (sampler.stats(sampler.text, STATS_BYTES) >= STATS_BYTES) lab_fail(1, "the statistics are too long");
        bytes = strstr(sampler.text, "\"bytes\": {");
        if (bytes == NULL) lab_fail(1, "hak_stats_json tells no bytes");
    }
    int length = snprintf(line, sizeof line, "%llu %llu %llu %llu", (unsigned long long)((lab_now() - begin) * 1e3),
                          (unsigned long long)live, (unsigned long long)lab_resident(),
                          (unsigned long long)total(offsetof(worker_t, operations)));
    for (int i = 0; i < FIGURES && bytes != NULL; i++) {
        length += snprintf(line + length, sizeof line - (size_t)length, " %llu",
                           (unsigned long long)figure_of(bytes, figures[i]));
    }
    line[length++] = '\n';
    lab_write(sampler.file, line, (size_t)length);
}

static void sample_until_done(double interval) {
    for (uint64_t i = 1; atomic_load(&finished) < threads; i++) {
        double left = begin + (double)i * interval - lab_now();
        if (left > 0) lab_sleep(left);
        if (left > -interval) write_sample(); /* late by more: the next one comes at once */
    }
}

static void open_file(const char *path) {
    sampler.file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (sampler.file < 0) lab_fail(2, "cannot write '%s': %s", path, strerror(errno));
    *(void **)&sampler.stats = dlsym(RTLD_DEFAULT, "hak_stats_json");
    sampler.text = lab_map(STATS_BYTES);
    write_names();
}

/* ---- the whole ---- */

static void start(worker_t *worker, uint64_t seed, uint64_t number, uint64_t slots) {
    pthread_mutex_init(&worker->lock, NULL);
    worker->number = number;
    worker->random = lab_stream(seed, number);
    worker->slots = slots;
    worker->sessions = lab_map(cycle_slots * SESSIONS_A_SLOT * sizeof(object_t *));
}

int main(int count, char **arguments) {
    lab_begin("soak", "SECONDS THREADS FILE [CYCLE_MS [INTERVAL_MS [SEED]]]", count, arguments, 3, 6);
    double seconds = lab_seconds("SECONDS");
    threads = lab_whole("THREADS", 1, 1024);
    const char *path = lab.arguments[lab.next++];
    cycle_slots = lab_whole_or("CYCLE_MS", 200, 3600000, 5000) / SLOT_MS;
    double interval = (double)lab_whole_or("INTERVAL_MS", 1, 3600000, 250) * 1e-3;
    uint64_t seed = lab_whole_or("SEED", 0, UINT64_MAX, 1);
    uint64_t slots = (uint64_t)(seconds * 1e3 / SLOT_MS);
    if (lab_is_floor()) lab_fail(2, "does not run on the floor: its objects hold what it must remember");
    open_file(path);
    workers = lab_map(threads * sizeof *workers);
    table = lab_map(PLACES * sizeof *table);
    long_lived = lab_map(PLACES * sizeof *long_lived);
    pthread_barrier_init(&all_served, NULL, (unsigned)threads);
    for (uint64_t i = 0; i < threads; i++) start(&workers[i], seed, i, slots);
    for (uint64_t i = 0; i < VISITORS; i++) start(&visitors[i], seed, threads + i, 0);
    for (uint64_t i = 0; i < PLACES; i++) {
        table[i] = make(&workers[0], object_size(lab_random(&workers[0].random), small));
        long_lived[i] = make(&workers[0], object_size(lab_random(&workers[0].random), small));
    }

    begin = lab_now();
    for (uint64_t i = 0; i < threads; i++) workers[i].thread = lab_thread(run, &workers[i]);
    sample_until_done(interval);
    for (uint64_t i = 0; i < threads; i++) lab_join(workers[i].thread);
    double took = lab_now() - begin;

    for (uint64_t i = 0; i < PLACES; i++) {
        drop(&workers[0], table[i]);
        drop(&workers[0], long_lived[i]);
    }
    uint64_t live = total(offsetof(worker_t, allocated_bytes)) - total(offsetof(worker_t, freed_bytes));
    if (live != 0) lab_fail(1, "%llu bytes are left of what was freed to the last block", (unsigned long long)live);
    uint64_t checksum = 0;
    for (uint64_t i = 0; i < threads; i++) checksum = lab_mix(checksum, workers[i].checksum);
    for (uint64_t i = 0; i < VISITORS; i++) checksum = lab_mix(checksum, visitors[i].checksum);
    lab_result(total(offsetof(worker_t, operations)), took, checksum);
    return 0;
}
