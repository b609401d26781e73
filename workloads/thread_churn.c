/* thread_churn.c -- threads with short lives: each does OPERATIONS operations on a working set of SLOTS blocks, frees what it
 * has left, and is joined; AT_ONCE of them live at a time.
 *
 *   thread_churn LIVES AT_ONCE OPERATIONS [SLOTS [MIN MAX [SEED]]] */
#include "slots.h"

enum { MOST_SLOTS = 4096 };

typedef struct life {
    _Alignas(LAB_LINE_BYTES) slots_t slots;
    pthread_t thread;
} life_t;

static uint64_t operations;

static void *allocate(size_t size, uint64_t random) {
    (void)random;
    void *block = lab_malloc(size);
    *(volatile char *)block = 1;
    return block;
}

static void *live(void *argument) {
    life_t *life = argument;
    void *blocks[MOST_SLOTS];
    memset(blocks, 0, life->slots.count * sizeof *blocks);
    life->slots.blocks = blocks;
    slots_run(&life->slots, operations, allocate);
    slots_empty(&life->slots);
    return NULL;
}

int main(int count, char **arguments) {
    lab_begin("thread_churn", "LIVES AT_ONCE OPERATIONS [SLOTS [MIN MAX [SEED]]]", count, arguments, 3, 7);
    uint64_t lives = lab_whole("LIVES", 1, 1 << 30), at_once = lab_whole("AT_ONCE", 1, 1024);
    operations = lab_whole("OPERATIONS", 1, 1 << 30);
    slots_t slots = {.count = lab_whole_or("SLOTS", 1, MOST_SLOTS, 64)};
    slots_read_sizes(&slots);
    uint64_t seed = lab_whole_or("SEED", 0, UINT64_MAX, 1);
    life_t *life = lab_map(at_once * sizeof *life);

    uint64_t checksum = 0, allocations = 0;
    double begin = lab_now();
    for (uint64_t first = 0; first < lives; first += at_once) {
        uint64_t now = lives - first < at_once ? lives - first : at_once;
        for (uint64_t i = 0; i < now; i++) {
            life[i].slots = slots;
            life[i].slots.random = lab_stream(seed, first + i);
            life[i].thread = lab_thread(live, &life[i]);
        }
        for (uint64_t i = 0; i < now; i++) {
            lab_join(life[i].thread);
            checksum = lab_mix(lab_mix(checksum, life[i].slots.random), life[i].slots.bytes);
            allocations += life[i].slots.allocations;
        }
    }
    double seconds = lab_now() - begin;
    lab_figure("threads", (double)lives);
    lab_result(2 * allocations, seconds, lab_mix(checksum, allocations));
    return 0;
}
