/* check.h -- the harness of a test program: named cases, checks that say where and why, random numbers with a seed.
 *
 * Each case runs in a process of its own, started anew, so that it has a heap that was never used and may break what it
 * likes. CASE_WITH names environment variables as well: settings are read when the process starts. `program` runs all
 * cases, `program NAME...` some; `program --here NAME` runs one in this process and with its environment, for a debugger.
 * TEST_SEED sets the seed, TEST_SCALE the amount of work in percent. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Set by CMake: slower builds do less. */
#ifndef CHECK_SCALE
#define CHECK_SCALE 100
#endif
#ifndef CHECK_SANITIZER
#define CHECK_SANITIZER CHECK_SANITIZER_OFF
#endif
#define CHECK_SANITIZER_OFF 0
#define CHECK_SANITIZER_ADDRESS 1
#define CHECK_SANITIZER_THREAD 2

enum { CHECK_CASE_SECONDS = 150 };

typedef struct check_case {
    const char *name;
    void (*run)(void);
    const char *settings[6]; /* "NAME=value" */
} check_case_t;

#define CASE(function) {#function, function, {NULL}}
#define CASE_WITH(function, ...) {#function, function, {__VA_ARGS__}}
#define CHECK_MAIN(...) \
    int main(int argc, char **argv) { \
        static const check_case_t cases[] = {__VA_ARGS__}; \
        return check_main(argc, argv, cases, sizeof cases / sizeof *cases); \
    }

static _Noreturn inline void check_failed(const char *condition, const char *file, int line) {
    fprintf(stderr, "%s:%d: not true: %s (errno %d)\n", file, line, condition, errno);
    abort();
}
static _Noreturn inline void check_unequal(const char *pair, uint64_t a, uint64_t b, const char *file, int line) {
    fprintf(stderr, "%s:%d: not equal: %s: %llu (0x%llx) and %llu (0x%llx)\n", file, line, pair, (unsigned long long)a,
            (unsigned long long)a, (unsigned long long)b, (unsigned long long)b);
    abort();
}

#define CHECK(condition) \
    do { \
        if (!(condition)) check_failed(#condition, __FILE__, __LINE__); \
    } while (0)
#define CHECK_EQUAL(a, b) \
    do { \
        uint64_t a_ = (uint64_t)(a), b_ = (uint64_t)(b); \
        if (a_ != b_) check_unequal(#a ", " #b, a_, b_, __FILE__, __LINE__); \
    } while (0)
/* At most, at least. */
#define CHECK_MOST(a, b) \
    do { \
        uint64_t a_ = (uint64_t)(a), b_ = (uint64_t)(b); \
        if (a_ > b_) check_unequal(#a " <= " #b, a_, b_, __FILE__, __LINE__); \
    } while (0)

/* splitmix64 (Steele, Lea, Flood 2014). */
typedef struct check_random {
    uint64_t state;
} check_random_t;

static inline uint64_t check_random(check_random_t *random) {
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
static inline uint64_t check_below(check_random_t *random, uint64_t end) {
    return (uint64_t)(((unsigned __int128)check_random(random) * end) >> 64);
}
/* From low to high, each power of two equally likely. */
static inline uint64_t check_log_uniform(check_random_t *random, uint64_t low, uint64_t high) {
    unsigned doublings = 0;
    while (low << (doublings + 1) <= high) doublings++;
    uint64_t value = (low << check_below(random, doublings + 1)) + check_below(random, low);
    value += check_below(random, value - low + 1);
    return value > high ? high : value;
}

static inline uint64_t check_number(const char *name, uint64_t standard) {
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 0) : standard;
}
static inline uint64_t check_seed(void) { return check_number("TEST_SEED", 20240229); }
/* How much of `n` this build does; at least 1. */
static inline size_t check_scaled(size_t n) {
    size_t scaled = n * check_number("TEST_SCALE", CHECK_SCALE) / 100;
    return scaled != 0 ? scaled : 1;
}

/* How a child ended, and what it said on stderr. */
typedef struct check_end {
    int status;
    size_t length;
    char text[4096];
} check_end_t;

static inline check_end_t check_child(void (*run)(void *), void *argument) {
    check_end_t end = {0};
    int ends[2];
    CHECK(pipe(ends) == 0);
    fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        alarm(60);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        run(argument);
        _exit(0);
    }
    close(ends[1]);
    ssize_t n;
    while ((n = read(ends[0], end.text + end.length, sizeof end.text - 1 - end.length)) > 0) end.length += (size_t)n;
    close(ends[0]);
    CHECK(waitpid(pid, &end.status, 0) == pid);
    return end;
}
static inline bool check_aborted(const check_end_t *end) {
    return WIFSIGNALED(end->status) && WTERMSIG(end->status) == SIGABRT;
}

/* Bytes of this process that are resident; proc(5), statm. */
static inline size_t check_resident(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long size = 0, resident = 0;
    CHECK(file != NULL && fscanf(file, "%lu %lu", &size, &resident) == 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static inline bool check_run_case(const char *program, const check_case_t *one) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) return false;
    if (pid == 0) {
        alarm(CHECK_CASE_SECONDS);
        for (int i = 0; i < 6 && one->settings[i] != NULL; i++) putenv((char *)one->settings[i]);
        execl("/proc/self/exe", program, "--here", one->name, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        printf("ok      %s\n", one->name);
        return true;
    }
    printf("FAILED  %s: ", one->name);
    if (!WIFSIGNALED(status)) printf("exit code %d\n", WEXITSTATUS(status));
    else if (WTERMSIG(status) == SIGALRM) printf("not finished after %d s\n", CHECK_CASE_SECONDS);
    else printf("signal %d, %s\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
    return false;
}

static inline int check_main(int argc, char **argv, const check_case_t *cases, size_t count) {
    bool here = argc > 1 && strcmp(argv[1], "--here") == 0;
    int first = here ? 2 : 1;
    size_t failures = 0, runs = 0;
    if (!here) printf("seed %llu\n", (unsigned long long)check_seed());
    for (size_t i = 0; i < count; i++) {
        bool wanted = first == argc;
        for (int k = first; k < argc; k++) wanted = wanted || strcmp(argv[k], cases[i].name) == 0;
        if (!wanted) continue;
        runs++;
        if (here) cases[i].run();
        else failures += !check_run_case(argv[0], &cases[i]);
    }
    if (runs == 0) fprintf(stderr, "no such case; there are:\n");
    for (size_t i = 0; runs == 0 && i < count; i++) fprintf(stderr, "  %s\n", cases[i].name);
    return failures != 0 || runs == 0;
}

#endif
