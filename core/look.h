/* look.h -- a look at the first links of a list of free blocks, on the slow paths of flavours that trust their links.
 * May use: base, bits, atomic, diag, os, lock, size_class, arena, chain, span, stock, slab.
 *
 * Malloc follows a list's links unchecked, so damage is told only where a slow path meets it first. Lists are last in, first out:
 * what was just done wrong is at the front, and those blocks are still in the caches. So it is the front that is looked at, as
 * many blocks as a look has: each must be the start of a block of its class, none may come again, and a list whose end comes
 * within a look has as many blocks as its count says. What is not so ends the process. */
#ifndef HAK_LOOK_H
#define HAK_LOOK_H

#include "slab.h"

void hak_look_along(unsigned c, hak_chain_t chain, uint32_t most);

/* At the first `most` blocks of a list of class `c`, which is the caller's alone. The secure flavour checks links as it reads them. */
static inline void hak_look(unsigned c, hak_chain_t chain, uint32_t most) {
    if (!HAK_SECURE) hak_look_along(c, chain, most);
}

#endif
