/* burst.c -- BYTES in blocks of random size, all freed at once; then the process rests for SECONDS, and what it gives back of
 * the memory, and when, is watched. While it rests it takes LOAD blocks and frees them, each millisecond; 0: it is silent,
 * and an allocator that gives back only when it is called gives back nothing.
 *
 *   burst BYTES MIN MAX SECONDS LOAD [SEED]
 *
 * Operations and time are those of the burst. The figures: resident_peak with all blocks live, resident_end after the rest
 * (bytes, less what the process had before), live_end; half_seconds: from the last free until no more than half of the peak
 * was resident, or all of the rest where that never was. */
#include "workload.h"

enum { MOST_LOAD = 1024 };
#define STEP_SECONDS 0.001
#define POINT_SECONDS 0.1

static void **blocks;
static uint64_t low, span, state;

static size_t draw(void) { return low + lab_below((uint32_t)(lab_random(&state) >> 32), span); }

static void light_work(uint64_t load) {
    void *held[MOST_LOAD];
    for (uint64_t i = 0; i < load; i++) {
        held[i] = lab_malloc(draw());
        *(volatile char *)held[i] = 1;
    }
    for (uint64_t i = 0; i < load; i++) free(held[i]);
}

static uint64_t resident_since(uint64_t before) {
    uint64_t now = lab_resident();
    return now > before ? now - before : 0;
}

/* Rests; gives the seconds until half of `peak` was gone. */
static double rest(double seconds, uint64_t load, uint64_t before, uint64_t peak) {
    double begin = lab_now(), next_point = begin, half = seconds;
    for (double now = begin; now - begin < seconds; now = lab_now()) {
        light_work(load);
        if (half == seconds && resident_since(before) <= peak / 2) half = now - begin;
        if (now >= next_point) {
            lab_point(0);
            next_point += POINT_SECONDS;
        }
        lab_sleep(STEP_SECONDS);
    }
    return half;
}

int main(int count, char **arguments) {
    lab_begin("burst", "BYTES MIN MAX SECONDS LOAD [SEED]", count, arguments, 5, 6);
    uint64_t limit = lab_whole("BYTES", 1, (uint64_t)1 << 40);
    low = lab_whole("MIN", 1, 1 << 30);
    span = lab_whole("MAX", low, 1 << 30) - low + 1;
    double seconds = lab_seconds("SECONDS");
    uint64_t load = lab_whole("LOAD", 0, MOST_LOAD);
    state = lab_stream(lab_whole_or("SEED", 0, UINT64_MAX, 1), 0);
    size_t table = (limit / low + 1) * sizeof *blocks;
    blocks = lab_map(table);
    uint64_t before = lab_resident(), allocations = 0, live = 0;

    double begin = lab_now();
    while (live < limit) {
        size_t size = draw();
        blocks[allocations] = lab_malloc(size);
        lab_touch(blocks[allocations++], size);
        live += size;
    }
    double burst = lab_now() - begin;
    lab_point(live);
    uint64_t touched = allocations * sizeof *blocks, peak = resident_since(before + touched);
    uint64_t checksum = lab_mix(lab_mix(state, allocations), live);
    begin = lab_now();
    for (uint64_t i = 0; i < allocations; i++) free(blocks[i]);
    burst += lab_now() - begin;
    munmap(blocks, table);

    double half = rest(seconds, load, before, peak);
    uint64_t end = resident_since(before);
    lab_point(0);
    lab_figure("resident_peak", (double)peak);
    lab_figure("resident_end", (double)end);
    lab_figure("live_end", 0);
    lab_figure("half_seconds", half);
    lab_result(2 * allocations, burst, checksum);
    return 0;
}
