/* foreign.h -- blocks of the C library's own malloc that come to our door.
 * May use: base.
 * That happens beside a preloaded allocator: a plugin opened with RTLD_DEEPBIND gets the C library's malloc, and its host
 * frees the block with ours. Only if the C library's heap is in use at all can a foreign pointer be one of its blocks; it is
 * handed over then, and the C library checks it. Otherwise it is a misuse, and ours to report. */
#ifndef HAK_FOREIGN_H
#define HAK_FOREIGN_H

#include "base.h"

bool hak_foreign_free(void *block);
bool hak_foreign_size(const void *block, size_t *size);
void *hak_foreign_resize(void *block, size_t size);

#endif
