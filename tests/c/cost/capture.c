/* What a capture of the stack costs: ns at several depths, the least of some rounds, beside backtrace(3).
 * capture [COUNT]: captures a round (1,000,000). */
#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "stack.h"

enum { ROUNDS = 5, DEPTHS = 4 };

static double now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static size_t count;
static uint32_t number;

static double least_ns(void (*run)(void)) {
    double least = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns();
        for (size_t i = 0; i < count; i++) run();
        double ns = (now_ns() - start) / (double)count;
        if (ns < least) least = ns;
    }
    return least;
}

static void run_capture(void) { number = hak_stack_capture(NULL); }
static void run_backtrace(void) {
    void *frames[HAK_STACK_DEPTH_MAX];
    backtrace(frames, HAK_STACK_DEPTH_MAX);
}

static __attribute__((noinline)) void at_depth(int depth) {
    if (depth > 0) {
        at_depth(depth - 1);
        __asm__ volatile("" ::: "memory");
        return;
    }
    double own = least_ns(run_capture);
    size_t all = count;
    count /= 20;
    double system = count != 0 ? least_ns(run_backtrace) : 0;
    count = all;
    hak_stack_view_t view = {0};
    hak_stack_get(number, &view);
    printf("frames %zu: %.1f ns, backtrace %.1f ns\n", view.count, own, system);
}

int main(int argc, char **argv) {
    static const int depths[DEPTHS] = {8, 16, 32, 64};
    count = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000000;
    for (int i = 0; i < DEPTHS; i++) {
        hak_stack_open((size_t)depths[i], 64 << 20);
        at_depth(depths[i] - 7 > 0 ? depths[i] - 7 : 1);
    }
    return 0;
}
