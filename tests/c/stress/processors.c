/* processors.c -- a machine with as many processors as one likes, as far as the core can tell: in place of hak_os_processor
 * (ld --wrap). Each thread has a processor of its own, as on a machine with enough of them; HAK_TEST_PROCESSORS says how many
 * there are (64 without it). What threads do to each other's transfer caches on 64 processors can be counted so on two. */
#include <stdlib.h>

#include "atomic.h"

unsigned __wrap_hak_os_processor(void);

unsigned __wrap_hak_os_processor(void) {
    static _Atomic uint32_t threads, processors;
    static _Thread_local uint32_t own; /* from 1 */
    if (own == 0) own = hak_add_relaxed(&threads, 1) + 1;
    uint32_t count = hak_load_relaxed(&processors);
    if (count == 0) {
        const char *text = getenv("HAK_TEST_PROCESSORS"); /* none yet before the C library is set up */
        count = text != NULL ? (uint32_t)strtoul(text, NULL, 10) : 64;
        if (count == 0) count = 1;
        hak_store_relaxed(&processors, count);
    }
    return (own - 1) % count;
}
