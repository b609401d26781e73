/* no_madvise.c -- a seccomp filter answers every madvise with EPERM. Argument: late (installed by a running program) or
 * early (installed before the program's start). What calloc gives must be zero all the same. */
#include "check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

enum { MIB = 1 << 20, SMALL = 60000, LARGE = 40 };

static int deny_madvise(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void dirty_then_zero(void)
{
    static void *small[SMALL], *large[LARGE];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < SMALL; i++) {
            small[i] = malloc(16 + i % 2000);
            CHECK(small[i] != NULL);
            memset(small[i], 0xAA, 16 + i % 2000);
        }
        for (size_t i = 0; i < LARGE; i++) {
            large[i] = malloc(MIB + i * 30000);
            CHECK(large[i] != NULL);
            memset(large[i], 0xAA, MIB + i * 30000);
        }
        for (size_t i = 0; i < SMALL; i++) {
            free(small[i]);
        }
        for (size_t i = 0; i < LARGE; i++) {
            free(large[i]);
        }
        if (round == 0) {
            keep_busy(0.8);
        } else {
            malloc_trim(0);
        }
        for (size_t size = 1000; size <= 64 * MIB; size *= 3) {
            void *zero = calloc(1, size);
            CHECK(zero != NULL && is_zero(zero, size));
            large[0] = zero;
            memset(zero, 0xAA, size);
            free(zero);
        }
        for (size_t i = 0; i < LARGE; i++) {
            large[i] = calloc(1, MIB + i * 30000);
            CHECK(large[i] != NULL && is_zero(large[i], MIB + i * 30000));
        }
        for (size_t i = 0; i < LARGE; i++) {
            free(large[i]);
        }
    }
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    if (strcmp(arguments[1], "run") != 0) {
        if (!deny_madvise()) {
            printf("refused: %s\n", strerror(errno));
            return 0;
        }
        if (strcmp(arguments[1], "early") == 0) {
            execl("/proc/self/exe", arguments[0], "run", (char *)NULL);
            CHECK(!"exec");
        }
    }
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED && madvise(page, 4096, MADV_DONTNEED) == -1 && errno == EPERM);
    dirty_then_zero();
    puts("ok");
    return 0;
}
