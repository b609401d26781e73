/* os_peek.c -- reads of memory that may be unreadable. See os.h. */
#include <errno.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bits.h"
#include "os.h"

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

size_t hak_os_peek_each(const uintptr_t *from, size_t count, size_t size, void *to) {
    struct iovec target = {to, count * size}, sources[HAK_PEEKS_MAX];
    for (size_t i = 0; i < count; i++) sources[i] = (struct iovec){(void *)from[i], size};
    int saved = errno;
    long n = read_self(&target, sources, count); /* never a part of one */
    size_t done = n > 0 ? (size_t)n / size : 0;
    if (is_forbidden(n)) {
        while (done < count && copy_if_readable(from[done], (char *)to + done * size, size)) done++;
    }
    errno = saved;
    return done;
}

size_t hak_os_readable_pages(uintptr_t address, size_t count) {
    size_t page = hak_os_page_size(), done = 0, asked = 0, found = 0;
    address = hak_round_down(address, page);
    for (; found == asked && done < count; done += found) {
        uintptr_t pages[HAK_PEEKS_MAX];
        char bytes[HAK_PEEKS_MAX];
        asked = hak_min(count - done, HAK_PEEKS_MAX);
        for (size_t i = 0; i < asked; i++) pages[i] = address + (done + i) * page;
        found = hak_os_peek_each(pages, asked, 1, bytes);
    }
    return done;
}
