/* holds.c -- holds CHILDREN MIB MILLISECONDS [LIVE]: each of CHILDREN processes and the first one map so many MiB, touch
 * them, and hold them so long. With LIVE the first one tells so many live bytes once it holds its own. */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void touch(size_t bytes) {
    if (bytes == 0) return;
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) _exit(1);
    for (size_t i = 0; i < bytes; i += 4096) ((volatile char *)memory)[i] = 1;
}

int main(int count, char **words) {
    if (count < 4) return 2;
    double begin = now();
    size_t bytes = strtoul(words[2], NULL, 10) << 20;
    useconds_t length = (useconds_t)strtoul(words[3], NULL, 10) * 1000;
    for (long i = strtol(words[1], NULL, 10); i > 0; i--) {
        if (fork() == 0) {
            touch(bytes);
            usleep(length);
            _exit(0);
        }
    }
    touch(bytes);
    if (count > 4) {
        printf("lab: point seconds=%.6f live=%s\n", now() - begin, words[4]);
        fflush(stdout);
    }
    usleep(length);
    while (wait(NULL) > 0) continue;
    return 0;
}
