/* unit_costs.c -- what things cost on this machine, each measured alone: the weights by which `hakmem perf` turns
 * amounts (misses, faults, system calls) into time.
 *
 *   unit_costs [LAST_LEVEL_BYTES]
 *
 * Prints one line, "lab: costs instruction=0.13 l1_miss=2.9 ...", in nanoseconds. Each figure is the least of
 * REPEATS: what else the machine does can only add. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { REPEATS = 5, LINE = 64 };

static const size_t L1_FITS = 16u << 10;   /* in every first level of this century */
static const size_t L1_MISSES = 256u << 10; /* in no first level, in every second one */
static const size_t MEMORY_MIN = 64u << 20, MEMORY_MAX = 256u << 20;

static double now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void *map(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("unit_costs: mmap");
    return memory;
}

static double least(double (*measure)(void)) {
    double best = measure();
    for (int i = 1; i < REPEATS; i++) {
        double again = measure();
        if (again < best) best = again;
    }
    return best;
}

/* Two chains of dependent additions: two instructions a cycle, about what an allocator's paths reach. The empty
 * assembly keeps the compiler from folding a chain. */
#define STEP __asm__ volatile("" : "+r"(a), "+r"(b)); a += 3; b += 5;
#define STEPS8 STEP STEP STEP STEP STEP STEP STEP STEP
#define STEPS64 STEPS8 STEPS8 STEPS8 STEPS8 STEPS8 STEPS8 STEPS8 STEPS8
static double instruction(void) {
    enum { ROUNDS = 10000 };
    uint64_t a = 1, b = 2;
    double begin = now_ns();
    for (int i = 0; i < ROUNDS; i++) { STEPS64 STEPS64 }
    double elapsed = now_ns() - begin;
    __asm__ volatile("" ::"r"(a), "r"(b));
    return elapsed / (ROUNDS * 2.0 * 2 * 64);
}

/* A chase through all lines of `size` bytes (a power of two) in an order that no prefetcher knows: the indices of a
 * linear congruential generator with full period (Hull and Dobell, 1962: increment odd, multiplier 1 modulo 4). */
static double chase(char *memory, size_t size, size_t steps) {
    size_t lines = size / LINE;
    for (size_t i = 0; i < lines; i++) {
        size_t next = (i * 1664525u + 1013904223u) & (lines - 1);
        *(void **)(memory + i * LINE) = memory + next * LINE;
    }
    double best = 0;
    void **at = (void **)memory;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        double begin = now_ns();
        for (size_t i = 0; i < steps; i++) at = *at;
        __asm__ volatile("" ::"r"(at));
        double elapsed = (now_ns() - begin) / (double)steps;
        if (repeat == 0 || elapsed < best) best = elapsed;
    }
    return best;
}

/* One branch on each byte: of equal bytes, or of random ones, half of which are guessed wrong. */
enum { BRANCHES = 1 << 19 };
static unsigned char *outcomes;
static double branches(void) {
    uint64_t taken = 0;
    double begin = now_ns();
    for (int i = 0; i < BRANCHES; i++) {
        if (outcomes[i]) __asm__ volatile("" : "+r"(taken));
        else taken += 3;
        __asm__ volatile("" : "+r"(taken)::"memory");
    }
    return (now_ns() - begin) / BRANCHES;
}

static double branch_miss(void) {
    outcomes = map(BRANCHES);
    for (int i = 0; i < BRANCHES; i++) outcomes[i] = 1;
    double guessed = least(branches);
    uint32_t x = 2463534242u;
    for (int i = 0; i < BRANCHES; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        outcomes[i] = (unsigned char)(x >> 31);
    }
    double missed = least(branches);
    munmap(outcomes, BRANCHES);
    return 2 * (missed - guessed);
}

static double fault(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = 2048;
    char *memory = map(pages * page);
    madvise(memory, pages * page, MADV_NOHUGEPAGE);
    double begin = now_ns();
    for (size_t i = 0; i < pages; i++) *(volatile char *)(memory + i * page) = 1;
    munmap(memory, pages * page); /* whoever touches a page has to give it back one day */
    return (now_ns() - begin) / (double)pages;
}

static double system_call(void) {
    enum { CALLS = 20000 };
    double begin = now_ns();
    for (int i = 0; i < CALLS; i++) syscall(SYS_getppid);
    return (now_ns() - begin) / CALLS;
}

/* A byte to and fro between two processes on one processor: two switches, two reads and two writes a round. */
static double context_switch(void) {
    enum { ROUNDS = 2000 };
    int there[2], back[2];
    char byte = 0;
    if (pipe(there) != 0 || pipe(back) != 0) fail("unit_costs: pipe");
    pid_t child = fork();
    if (child < 0) fail("unit_costs: fork");
    if (child == 0) {
        close(there[1]);
        close(back[0]);
        while (read(there[0], &byte, 1) == 1)
            if (write(back[1], &byte, 1) != 1) break;
        _exit(0);
    }
    close(there[0]);
    close(back[1]);
    double begin = now_ns();
    for (int i = 0; i < ROUNDS; i++)
        if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) fail("unit_costs: pipe");
    double elapsed = now_ns() - begin;
    close(there[1]);
    close(back[0]);
    waitpid(child, NULL, 0);
    return elapsed / (2.0 * ROUNDS);
}

static void stay_on_one_processor(void) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0) fail("unit_costs: sched_setaffinity");
}

static double positive(double difference) { return difference > 0 ? difference : 0; }

int main(int count, char **arguments) {
    size_t last_level = count > 1 ? strtoull(arguments[1], NULL, 10) : 0, large = MEMORY_MIN;
    while (large < 4 * last_level && large < MEMORY_MAX) large *= 2;
    size_t inside = L1_MISSES;
    while (inside < last_level / 4 && inside < large) inside *= 2;
    stay_on_one_processor();
    char *memory = map(large);
    double near = chase(memory, L1_FITS, 200000), second = chase(memory, L1_MISSES, 200000);
    double last = chase(memory, inside, 200000), far = chase(memory, large, 100000);
    munmap(memory, large);
    double call = least(system_call);
    printf("lab: costs instruction=%.4f l1_miss=%.3f last_level_hit=%.3f last_level_miss=%.3f branch_miss=%.3f"
           " fault=%.1f system_call=%.1f switch=%.1f\n",
           least(instruction), positive(second - near), positive(last - near), positive(far - second),
           positive(branch_miss()), least(fault), call, positive(least(context_switch) - 2 * call));
    return 0;
}
