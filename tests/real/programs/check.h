/* check.h -- what the small test programs share: checks that survive NDEBUG, patterned blocks, resident memory. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Ends the process with 1 and a line that names the place. */
#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

static inline void check_failed(const char *condition, const char *file, int line)
{
    dprintf(2, "%s:%d: not true: %s (errno %d)\n", file, line, condition, errno);
    _exit(1);
}

/* xorshift32; Marsaglia, "Xorshift RNGs", 2003. The state must not be 0. */
static inline uint32_t next_random(uint32_t *state)
{
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

/* A byte that depends on the block's key and the place in it. */
static inline unsigned char pattern(uint32_t key, size_t at)
{
    return (unsigned char)(key * 31 + at * 7 + (at >> 8));
}

static inline void fill(void *block, size_t size, uint32_t key)
{
    for (size_t i = 0; i < size; i++) {
        ((unsigned char *)block)[i] = pattern(key, i);
    }
}

static inline int is_intact(const void *block, size_t size, uint32_t key)
{
    for (size_t i = 0; i < size; i++) {
        if (((const unsigned char *)block)[i] != pattern(key, i)) {
            return 0;
        }
    }
    return 1;
}

static inline int is_zero(const void *block, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)block;
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static inline double clock_s(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline double now_s(void)
{
    return clock_s(CLOCK_MONOTONIC);
}

/* A figure of /proc/self/status in KiB, as "VmRSS:" or "VmHWM:". Does not allocate. */
static inline long status_kib(const char *name)
{
    char text[8192];
    int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    CHECK(file >= 0);
    ssize_t length = read(file, text, sizeof text - 1);
    CHECK(length > 0);
    text[length] = '\0';
    close(file);
    const char *line = strstr(text, name);
    CHECK(line != NULL);
    return strtol(line + strlen(name), NULL, 10);
}

/* A loop of malloc and free on one size, as a program that is not silent does, for so many seconds of the processor: on a busy
 * machine it does as much as on a quiet one. */
static inline void keep_busy(double seconds)
{
    double end = clock_s(CLOCK_THREAD_CPUTIME_ID) + seconds;
    while (clock_s(CLOCK_THREAD_CPUTIME_ID) < end) {
        for (int i = 0; i < 100; i++) {
            void *volatile block = malloc(64);
            CHECK(block != NULL);
            free(block);
        }
    }
}

#endif
