/* fragmentation.c -- a heap that grows to LIVE bytes, loses random objects, seven of eight, and grows again with objects of
 * another size, ROUNDS times: the holes never fit what comes next. (Wilson, Johnstone, Neely and Boles, "Dynamic storage
 * allocation: a survey and critical review", IWMM 1995, on changes of phase.) Between growing and losing it rests for PAUSE
 * seconds, which are not in the time, so that who gives memory back after a delay may do so.
 *
 *   fragmentation LIVE ROUNDS PAUSE [SEED]
 *
 * The figures are bytes: resident_peak beside live_peak where the heap was fullest, resident_end beside live_end at the end.
 * Resident is the process's less what it had before its first object, so that the program's own tables are not in it. */
#include "workload.h"

enum { SMALLEST = 128, KEPT_OF = 8 };

typedef struct object {
    void *block;
    uint32_t size;
} object_t;

static const struct {
    uint32_t low, high;
} phases[] = {{SMALLEST, 512}, {512, 2048}, {2048, 8192}, {8192, 32768}};

static object_t *objects;
static uint64_t held, live, allocations, frees, bytes, state;

static void grow(uint64_t limit, uint32_t low, uint32_t high) {
    while (live < limit) {
        uint32_t size = low + lab_below((uint32_t)(lab_random(&state) >> 32), high - low + 1);
        void *block = lab_malloc(size);
        lab_touch(block, size);
        objects[held++] = (object_t){block, size};
        live += size;
        bytes += size;
        allocations++;
    }
}

static void shrink(void) {
    uint64_t kept = 0;
    for (uint64_t i = 0; i < held; i++) {
        if (lab_below((uint32_t)(lab_random(&state) >> 32), KEPT_OF) == 0) {
            objects[kept++] = objects[i];
        } else {
            free(objects[i].block);
            live -= objects[i].size;
            frees++;
        }
    }
    held = kept;
}

static uint64_t resident_since(uint64_t before) {
    uint64_t now = lab_resident();
    return now > before ? now - before : 0;
}

int main(int count, char **arguments) {
    lab_begin("fragmentation", "LIVE ROUNDS PAUSE [SEED]", count, arguments, 3, 4);
    uint64_t limit = lab_whole("LIVE", 65536, (uint64_t)1 << 40), rounds = lab_whole("ROUNDS", 1, 1 << 20);
    double pause = lab_seconds("PAUSE");
    state = lab_stream(lab_whole_or("SEED", 0, UINT64_MAX, 1), 0);
    size_t table = (limit / SMALLEST + 1) * sizeof *objects;
    objects = lab_map(table);
    lab_touch(objects, table);
    uint64_t before = lab_resident(), resident_peak = 0, live_peak = 0;

    double seconds = 0;
    for (uint64_t round = 0; round < rounds; round++) {
        double begin = lab_now();
        grow(limit, phases[round % 4].low, phases[round % 4].high);
        seconds += lab_now() - begin;
        lab_sleep(pause);
        lab_point(live);
        uint64_t resident = resident_since(before);
        if (resident > resident_peak) {
            resident_peak = resident;
            live_peak = live;
        }
        begin = lab_now();
        shrink();
        seconds += lab_now() - begin;
        lab_point(live);
    }
    uint64_t checksum = lab_mix(lab_mix(lab_mix(state, allocations), frees), bytes);
    if (held != allocations - frees) lab_fail(1, "objects were lost");
    lab_figure("resident_peak", (double)resident_peak);
    lab_figure("live_peak", (double)live_peak);
    lab_figure("resident_end", (double)resident_since(before));
    lab_figure("live_end", (double)live);
    lab_result(allocations + frees, seconds, checksum);
    for (uint64_t i = 0; i < held; i++) free(objects[i].block);
    return 0;
}
