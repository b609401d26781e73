/* probe.h -- reads memory that may not be there, or may go while it is read, without a fault.
 * May use: base, bits, os.
 * The kernel copies and says how far it came. Keeps errno. */
#ifndef HAK_PROBE_H
#define HAK_PROBE_H

#include "base.h"

/* Copies up to `size` bytes; how many, from the first on, could be read. */
size_t hak_probe_read(void *to, const void *from, size_t size);

#endif
