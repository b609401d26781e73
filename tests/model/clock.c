/* clock.c -- preloaded into the process of the core under test: the clock that the core sees stands still until it is set.
 * The coarse clock is read by nobody else; of the exact one, the core's readings alone are changed. */
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ms;

void test_clock_set(uint64_t ms) { now_ms = ms; }

static int is_core(const void *caller) {
    Dl_info info;
    return dladdr(caller, &info) != 0 && info.dli_fname != NULL && strstr(info.dli_fname, "libhakmem") != NULL;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (clock == CLOCK_MONOTONIC_COARSE || (clock == CLOCK_MONOTONIC && is_core(__builtin_return_address(0)))) {
        *time = (struct timespec){.tv_sec = (time_t)(now_ms / 1000), .tv_nsec = (long)(now_ms % 1000) * 1000000};
        return 0;
    }
    return (int)syscall(SYS_clock_gettime, clock, time);
}
