/* workload.h -- what the workload programs share: arguments, random numbers, the clock, threads, memory that is not the
 * allocator's, and the lines that the laboratory reads.
 *
 * Rules for a program that can run on the floor allocator (floor.c), where every block is the same block:
 *   - what it must remember lies in lab_map, never in a block;
 *   - a check of what a block holds is left out where lab_is_floor() says so.
 * Nothing here allocates, and output goes straight to write(2): a stream's buffer would be a block. Every failure ends the
 * process with one line on stderr: exit code 2 for arguments, 1 for the rest. One source file is one program, so that this
 * header may hold state.
 *
 * On stdout, for the laboratory:
 *   lab: point seconds=<since main> live=<bytes>
 *   lab: result operations=<count> seconds=<timed part> checksum=<hex> [name=value]...
 * The checksum tells which requests were made, never where the blocks lay: it is the same under every allocator. */
#ifndef HAKMEM_WORKLOAD_H
#define HAKMEM_WORKLOAD_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { LAB_LINE_BYTES = 64, LAB_PAGE_BYTES = 4096, LAB_TEXT_BYTES = 512 };

static struct {
    const char *name, *usage;
    char **arguments;
    int count, next;
    double begin;
    char figures[LAB_TEXT_BYTES / 2];
    size_t figures_length;
} lab;

/* ---- words ---- */

static inline void lab_write(int descriptor, const char *text, size_t length) {
    while (length > 0) {
        ssize_t written = write(descriptor, text, length);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) _exit(1);
        text += written;
        length -= (size_t)written;
    }
}

/* Any thread may call this: the process ends here, whatever the others do. The first one speaks. */
__attribute__((cold, format(printf, 2, 3))) static inline _Noreturn void lab_fail(int code, const char *format, ...) {
    static atomic_flag failed = ATOMIC_FLAG_INIT;
    if (atomic_flag_test_and_set(&failed))
        for (;;) pause();
    char text[LAB_TEXT_BYTES];
    size_t length = (size_t)snprintf(text, sizeof text, "%s: ", lab.name);
    va_list values;
    va_start(values, format);
    length += (size_t)vsnprintf(text + length, sizeof text - length, format, values);
    va_end(values);
    if (length > sizeof text - 1) length = sizeof text - 1;
    text[length++] = '\n';
    lab_write(STDERR_FILENO, text, length);
    _exit(code);
}

__attribute__((cold)) static inline _Noreturn void lab_out_of_memory(size_t bytes) {
    lab_fail(1, "out of memory: no block of %zu bytes", bytes);
}

/* ---- clock ---- */

static inline double lab_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline void lab_sleep(double seconds) {
    struct timespec left = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) continue;
}

/* ---- arguments ---- */

/* Starts the program. `usage` names its arguments, of which there are from `least` to `most`. */
static inline void lab_begin(const char *name, const char *usage, int count, char **arguments, int least, int most) {
    lab.begin = lab_now();
    lab.name = name;
    lab.usage = usage;
    lab.arguments = arguments;
    lab.count = count;
    lab.next = 1;
    if (count - 1 < least || count - 1 > most) lab_fail(2, "takes %s", usage);
}

/* The next argument: a whole number within the limits; `standard` where the command ends before it. */
static inline uint64_t lab_whole_or(const char *name, uint64_t low, uint64_t high, uint64_t standard) {
    if (lab.next >= lab.count) return standard;
    const char *text = lab.arguments[lab.next++];
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    bool whole = text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
    if (!whole || value < low || value > high)
        lab_fail(2, "%s must be a whole number from %llu to %llu, not '%s' (%s)", name, (unsigned long long)low,
                 (unsigned long long)high, text, lab.usage);
    return value;
}

static inline uint64_t lab_whole(const char *name, uint64_t low, uint64_t high) {
    return lab_whole_or(name, low, high, low);
}

/* The next argument: seconds, at most an hour. */
static inline double lab_seconds(const char *name) {
    const char *text = lab.arguments[lab.next++];
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= 0 && value <= 3600))
        lab_fail(2, "%s must be a number of seconds from 0 to 3600, not '%s' (%s)", name, text, lab.usage);
    return value;
}

/* ---- random numbers: the generators of Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8 (2003) ---- */

static inline uint32_t lab_random32(uint32_t *state) {
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

static inline uint64_t lab_random(uint64_t *state) {
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

/* Mixes `value` into `digest`; the finalizer is that of Steele, Lea and Flood, "Fast splittable pseudorandom number
 * generators", OOPSLA 2014 (SplitMix64). */
static inline uint64_t lab_mix(uint64_t digest, uint64_t value) {
    uint64_t x = (digest ^ value) + 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* A state for lab_random, another for each `stream` of one seed; never 0, where xorshift stands still. */
static inline uint64_t lab_stream(uint64_t seed, uint64_t stream) { return lab_mix(lab_mix(0, seed), stream) | 1; }

/* From 0 to below `limit`, by the high half of a product (Lemire, "Fast random integer generation in an interval",
 * ACM TOMACS 29 (2019)); x is any 32 random bits. */
static inline uint32_t lab_below(uint32_t x, uint64_t limit) { return (uint32_t)(((uint64_t)x * limit) >> 32); }

/* ---- memory ---- */

/* Zeroed memory that is not the allocator's; never given back unless by munmap. */
static inline void *lab_map(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) lab_out_of_memory(bytes);
    return memory;
}

static inline void *lab_malloc(size_t size) {
    void *block = malloc(size);
    if (__builtin_expect(block == NULL, 0)) lab_out_of_memory(size);
    return block;
}

/* Uses a block as its owner would at the least: every page of it becomes resident. */
static inline void lab_touch(void *block, size_t size) {
    volatile char *bytes = block;
    for (size_t i = 0; i < size; i += LAB_PAGE_BYTES) bytes[i] = 1;
    bytes[size - 1] = 1;
}

/* Whether all blocks are the same block: floor.c says so by this name. */
static inline bool lab_is_floor(void) { return dlsym(RTLD_DEFAULT, "lab_floor") != NULL; }

/* Bytes of the process that are resident (proc(5), statm). */
static inline uint64_t lab_resident(void) {
    char text[LAB_TEXT_BYTES];
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (length <= 0) lab_fail(1, "cannot read /proc/self/statm: %s", strerror(errno));
    close(file);
    text[length] = '\0';
    unsigned long long total, resident;
    if (sscanf(text, "%llu %llu", &total, &resident) != 2) lab_fail(1, "/proc/self/statm has no resident size");
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* ---- threads ---- */

__attribute__((cold)) static inline _Noreturn void lab_no_thread(int error) {
    lab_fail(1, "cannot start a thread: %s; look at the limits on processes (ulimit -u) and memory", strerror(error));
}

static inline pthread_t lab_thread(void *(*run)(void *), void *argument) {
    pthread_t thread;
    int error = pthread_create(&thread, NULL, run, argument);
    if (error != 0) lab_no_thread(error);
    return thread;
}

static inline void lab_join(pthread_t thread) {
    int error = pthread_join(thread, NULL);
    if (error != 0) lab_fail(1, "cannot join a thread: %s", strerror(error));
}

/* ---- what the laboratory reads ---- */

static inline void lab_point(uint64_t live) {
    char text[LAB_TEXT_BYTES];
    int length = snprintf(text, sizeof text, "lab: point seconds=%.6f live=%llu\n", lab_now() - lab.begin,
                          (unsigned long long)live);
    lab_write(STDOUT_FILENO, text, (size_t)length);
}

/* `seconds` where the whole life of the process is what counts: the line has none. */
#define LAB_FROM_START (-1.0)

/* One more figure for the result line. */
static inline void lab_figure(const char *name, double value) {
    size_t room = sizeof lab.figures - lab.figures_length;
    int length = snprintf(lab.figures + lab.figures_length, room, " %s=%.15g", name, value);
    if ((size_t)length >= room) lab_fail(1, "too many figures for the result line");
    lab.figures_length += (size_t)length;
}

static inline void lab_result(uint64_t operations, double seconds, uint64_t checksum) {
    char text[LAB_TEXT_BYTES], timed[LAB_LINE_BYTES] = "";
    if (seconds >= 0) snprintf(timed, sizeof timed, " seconds=%.9f", seconds);
    int length = snprintf(text, sizeof text, "lab: result operations=%llu%s checksum=%016llx%s\n",
                          (unsigned long long)operations, timed, (unsigned long long)checksum, lab.figures);
    lab_write(STDOUT_FILENO, text, (size_t)length);
}

#endif
