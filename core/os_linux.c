#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "bits.h"
#include "counters.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

extern char **environ;

/* Of glibc 2.35 and newer: where the kernel keeps the number of a thread's processor; the size is 0 if it does not. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));
enum { RSEQ_PROCESSOR = 0 }; /* cpu_id_start of struct rseq, rseq(2) */

size_t hak_os_page_size(void) { return getauxval(AT_PAGESZ); }

/* A hint, not MAP_FIXED_NOREPLACE, which older kernels and valgrind do not know: the answer is checked instead. */
static hak_reserved_t map(void *at, size_t size, int rights, void **result) {
    int saved = errno;
    void *p = mmap(at, size, rights, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    hak_count(HAK_COUNTER_system_reserve, 1);
    errno = saved;
    if (p == MAP_FAILED) return HAK_REFUSED;
    if (at != NULL && p != at) {
        hak_os_release(p, size);
        return HAK_TAKEN;
    }
    *result = p;
    return HAK_RESERVED;
}

hak_reserved_t hak_os_reserve_at(void *at, size_t size) {
    void *p = NULL;
    return map(at, size, PROT_NONE, &p);
}

void *hak_os_reserve(size_t size) {
    void *p = NULL;
    map(NULL, size, PROT_NONE, &p);
    return p;
}

void *hak_os_map(void *at, size_t size) {
    void *p = NULL;
    map(at, size, PROT_READ | PROT_WRITE, &p);
    return p;
}

bool hak_os_map_anew(void *at, size_t size) {
    int saved = errno;
    hak_count(HAK_COUNTER_system_reserve, 1);
    bool done = mmap(at, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at;
    errno = saved;
    return done;
}

void hak_os_release(void *address, size_t size) {
    int saved = errno;
    hak_count(HAK_COUNTER_system_release, 1);
    munmap(address, size);
    errno = saved;
}

bool hak_os_address_space_is_limited(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

bool hak_os_commit(void *address, size_t size) {
    int saved = errno;
    hak_count(HAK_COUNTER_system_commit, 1);
    bool done = mprotect(address, size, PROT_READ | PROT_WRITE) == 0;
    errno = saved;
    return done;
}

bool hak_os_forbid(void *address, size_t size) {
    int saved = errno;
    bool done = mprotect(address, size, PROT_NONE) == 0;
    errno = saved;
    return done;
}

void hak_os_seal(void *address, size_t size) {
    int saved = errno;
    mprotect(address, size, PROT_READ);
    errno = saved;
}

/* Where guard pages are unknown, each guard splits a mapping: two more of 65,530, as a rule, that a process may have. */
enum { GUARDED_MAPPINGS_MAX = 8192 };

static bool protect(void *address, size_t size, bool on) {
    return mprotect(address, size, on ? PROT_NONE : PROT_READ | PROT_WRITE) == 0;
}

bool hak_os_guard(void *address, size_t size, bool on) {
    static _Atomic bool unknown; /* some, such as locked pages, take no guard pages: both kinds may be there */
    static _Atomic int mapped;
    int saved = errno;
    hak_count(HAK_COUNTER_system_commit, 1);
    bool done = false;
    if (!on) {
        done = madvise(address, size, MADV_GUARD_REMOVE) == 0;
        if (hak_load_relaxed(&unknown)) { /* of one long guard many parts may be opened, so that `mapped` may fall below 0 */
            done = protect(address, size, false);
            hak_sub_relaxed(&mapped, 1);
        }
    } else if (!hak_load_relaxed(&unknown)) {
        done = madvise(address, size, MADV_GUARD_INSTALL) == 0;
        if (!done) hak_store_relaxed(&unknown, true);
    }
    if (on && !done && hak_load_relaxed(&mapped) < GUARDED_MAPPINGS_MAX) {
        done = protect(address, size, true);
        if (done) hak_add_relaxed(&mapped, 1);
    }
    errno = saved;
    return done;
}

bool hak_os_purge(void *address, size_t size) {
    int saved = errno;
    hak_count(HAK_COUNTER_system_purge, 1);
    bool done = madvise(address, size, MADV_DONTNEED) == 0;
    errno = saved;
    return done;
}

hak_moved_t hak_os_move(void *from, void *to, size_t size) {
    int saved = errno;
    hak_count(HAK_COUNTER_system_remap, 1);
    void *p = mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to);
    hak_moved_t result = HAK_MOVED;
    if (p != to) { /* some kernels unmap the target before they refuse */
        p = mmap(to, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        result = p == to ? HAK_NOT_MOVED : HAK_TARGET_LOST;
    }
    errno = saved;
    return result;
}

void *hak_os_grow(void *address, size_t old_size, size_t new_size) {
    int saved = errno;
    hak_count(HAK_COUNTER_system_remap, 1);
    void *p = mremap(address, old_size, new_size, MREMAP_MAYMOVE);
    errno = saved;
    return p == MAP_FAILED ? NULL : p;
}

void hak_os_huge_pages(void *address, size_t size, hak_huge_t policy) {
    if (policy == HAK_HUGE_SYSTEM) return;
    int saved = errno;
    hak_count(HAK_COUNTER_system_advise, 1);
    madvise(address, size, policy == HAK_HUGE_NEVER ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
    errno = saved;
}

static uint64_t clock_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t hak_os_now_ms(void) { return clock_ns(CLOCK_MONOTONIC_COARSE) / 1000000u; }
uint64_t hak_os_now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }
uint64_t hak_os_worked_ms(void) {
    int saved = errno;
    struct timespec t;
    bool known = clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0; /* a system call, which a sandbox may forbid */
    errno = saved;
    return known ? (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 : 0;
}

void hak_os_sleep_ms(uint64_t ms) {
    struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

HAK_COLD bool hak_os_start_thread(void *(*run)(void *)) {
    sigset_t all, old;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV); /* what the thread itself strikes ends a process at once, and untold, where it is blocked */
    sigdelset(&all, SIGBUS);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* a thread begins with its maker's mask */
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    bool done = pthread_create(&thread, &attributes, run, NULL) == 0;
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return done;
}

uint64_t hak_os_entropy(void) {
    uint64_t value = 0;
    if (syscall(SYS_getrandom, &value, sizeof value, GRND_NONBLOCK) != sizeof value) value = hak_os_now_ns();
    return value;
}

bool hak_os_secure(void) { return getauxval(AT_SECURE) != 0; }

static void visit_entry(const char *entry, const char *prefix, void (*visit)(const char *, void *), void *context) {
    if (strncmp(entry, prefix, strlen(prefix)) == 0) visit(entry, context);
}

/* The first allocations come from the dynamic linker, before the C library has set `environ`. */
static void environment_from_proc(const char *prefix, void (*visit)(const char *, void *), void *context) {
    int fd = open("/proc/self/environ", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    size_t size = 64 * 1024, length = 0;
    char *text = hak_os_map(NULL, size);
    ssize_t n = 0;
    while (text != NULL && (n = read(fd, text + length, size - 1 - length)) > 0) {
        length += (size_t)n;
        if (length + 1 == size) {
            char *more = hak_os_grow(text, size, size * 2);
            if (more == NULL) break;
            text = more;
            size *= 2;
        }
    }
    close(fd);
    if (text == NULL) return;
    bool kept = false;
    for (size_t at = 0; at < length; at += strlen(text + at) + 1) {
        kept = kept || strncmp(text + at, prefix, strlen(prefix)) == 0;
        visit_entry(text + at, prefix, visit, context);
    }
    if (!kept) hak_os_release(text, size);
}

void hak_os_environment(const char *prefix, void (*visit)(const char *, void *), void *context) {
    int saved = errno;
    if (environ == NULL) {
        environment_from_proc(prefix, visit, context);
    } else {
        for (char **entry = environ; *entry != NULL; entry++) visit_entry(*entry, prefix, visit, context);
    }
    errno = saved;
}

uint32_t hak_os_thread(void) { return (uint32_t)syscall(SYS_gettid); }

static void futex(_Atomic uint32_t *word, int operation, uint32_t value) {
    int saved = errno;
    syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
    errno = saved;
}

void hak_os_wait(_Atomic uint32_t *word, uint32_t value) { futex(word, FUTEX_WAIT, value); }
void hak_os_wake(_Atomic uint32_t *word) { futex(word, FUTEX_WAKE, 1); }

unsigned hak_os_processor(void) {
    if (HAK_LIKELY(&__rseq_size != NULL && __rseq_size != 0)) {
        const char *area = (const char *)__builtin_thread_pointer() + __rseq_offset;
        return *(const volatile uint32_t *)(area + RSEQ_PROCESSOR);
    }
    int saved = errno, processor = sched_getcpu();
    errno = saved;
    return processor < 0 ? 0 : (unsigned)processor;
}
