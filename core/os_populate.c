/* os_populate.c -- pages at once in place of a fault for each: the debug flavour's, whose heap is all used soon. See os.h. */
#include <errno.h>
#include <sys/mman.h>

#include "bits.h"
#include "os.h"

enum { POPULATE_WRITE = 23 }; /* MADV_POPULATE_WRITE, Linux 5.14; older kernels refuse it, and the pages come one by one */

void hak_os_populate(void *address, size_t size) {
    size_t page = hak_os_page_size();
    uintptr_t from = hak_round_down((uintptr_t)address, page), to = hak_round_up((uintptr_t)address + size, page);
    int saved = errno;
    madvise((void *)from, to - from, POPULATE_WRITE);
    errno = saved;
}
