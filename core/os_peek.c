/* os_peek.c -- reads of memory that may be unreadable. See os.h. */
#include <errno.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bits.h"
#include "os.h"

enum { PAGES_A_CALL = 64 };

static long read_self(const struct iovec *to, const struct iovec *from, size_t count) {
    return syscall(SYS_process_vm_readv, getpid(), to, 1ul, from, (unsigned long)count, 0ul);
}

/* Where process_vm_readv is forbidden or missing (old container profiles, emulators): the kernel reads a signal mask before it
 * looks at what is to be done with it, which is nothing that it knows. */
static bool mask_can_be_read(uintptr_t address) {
    enum { NO_SUCH_ACTION = 99, MASK = 8 };
    uintptr_t aligned = hak_round_down(address, MASK);
    return syscall(SYS_rt_sigprocmask, NO_SUCH_ACTION, aligned, NULL, (size_t)MASK) != 0 && errno == EINVAL;
}
static bool is_forbidden(long result) { return result < 0 && (errno == EPERM || errno == ENOSYS); }

HAK_RAW_READS static void copy_bytes(unsigned char *to, uintptr_t from, size_t size) {
    for (size_t i = 0; i < size; i++) to[i] = ((const volatile unsigned char *)from)[i];
}

static bool copy_if_readable(uintptr_t from, void *to, size_t size) {
    size_t page = hak_os_page_size();
    for (uintptr_t at = from; at < from + size; at = hak_round_down(at, page) + page) {
        if (!mask_can_be_read(at)) return false;
    }
    copy_bytes(to, from, size);
    return true;
}

bool hak_os_peek(uintptr_t from, void *to, size_t size) {
    struct iovec target = {to, size}, source = {(void *)from, size};
    int saved = errno;
    long n = read_self(&target, &source, 1);
    bool done = is_forbidden(n) ? copy_if_readable(from, to, size) : n == (long)size;
    errno = saved;
    return done;
}

/* Of one byte in each page. */
static size_t readable_bytes(const struct iovec *pages, size_t count) {
    char bytes[PAGES_A_CALL];
    struct iovec target = {bytes, sizeof bytes};
    long n = read_self(&target, pages, count); /* stops at the first that it cannot read */
    if (!is_forbidden(n)) return n > 0 ? (size_t)n : 0;
    size_t done = 0;
    while (done < count && mask_can_be_read((uintptr_t)pages[done].iov_base)) done++;
    return done;
}

size_t hak_os_readable_pages(uintptr_t address, size_t count) {
    int saved = errno;
    size_t page = hak_os_page_size(), done = 0, asked = 0, found = 0;
    address = hak_round_down(address, page);
    for (; found == asked && done < count; done += found) {
        struct iovec pages[PAGES_A_CALL];
        asked = hak_min(count - done, PAGES_A_CALL);
        for (size_t i = 0; i < asked; i++) pages[i] = (struct iovec){(void *)(address + (done + i) * page), 1};
        found = readable_bytes(pages, asked);
    }
    errno = saved;
    return done;
}
