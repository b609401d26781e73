#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bits.h"
#include "os.h"

enum { PROBE_PARTS = 32, PROBE_PIECE = 4096 };

/* A part a page, since a part that cannot be read whole counts as not read. */
static size_t read_by_pages(char *to, const char *from, size_t size, bool *denied) {
    struct iovec remote[PROBE_PARTS];
    size_t done = 0;
    while (done < size) {
        size_t planned = 0;
        int parts = 0;
        for (; parts < PROBE_PARTS && done + planned < size; parts++) {
            const char *at = from + done + planned;
            size_t length = hak_min(PROBE_PIECE - (uintptr_t)at % PROBE_PIECE, size - done - planned);
            remote[parts] = (struct iovec){(void *)at, length};
            planned += length;
        }
        struct iovec local = {to + done, planned};
        ssize_t n = process_vm_readv(getpid(), &local, 1, remote, (unsigned long)parts, 0);
        if (n < 0) *denied = errno != EFAULT;
        if (n > 0) done += (size_t)n;
        if (n != (ssize_t)planned) break;
    }
    return done;
}

/* All in one part first, which is far cheaper. */
static size_t read_by_kernel(char *to, const char *from, size_t size, bool *denied) {
    struct iovec local = {to, size}, remote = {(void *)from, size};
    ssize_t n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
    return n == (ssize_t)size ? size : read_by_pages(to, from, size, denied);
}

/* Where the first call is not allowed: what write(2) cannot read, it refuses. */
static size_t read_by_pipe(char *to, const char *from, size_t size) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return 0;
    size_t done = 0;
    while (done < size) {
        size_t length = hak_min(PROBE_PIECE - (uintptr_t)(from + done) % PROBE_PIECE, size - done);
        ssize_t n = write(ends[1], from + done, length);
        if (n <= 0 || read(ends[0], to + done, (size_t)n) != n) break;
        done += (size_t)n;
    }
    close(ends[0]);
    close(ends[1]);
    return done;
}

size_t hak_probe_read(void *to, const void *from, size_t size) {
    static _Atomic bool denied_once;
    int saved = errno;
    bool denied = hak_load_relaxed(&denied_once);
    size_t done = denied ? 0 : read_by_kernel(to, from, size, &denied);
    if (denied) {
        hak_store_relaxed(&denied_once, true);
        done = read_by_pipe(to, from, size);
    }
    errno = saved;
    return done;
}
