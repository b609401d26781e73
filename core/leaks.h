/* leaks.h -- which live blocks nothing points to any more, when the process ends.
 * May use: base, bits, atomic, os, lock, options, probe, record, witness, report, spare, world.
 * A conservative mark (Boehm, Weiser 1988): each word in data segments, stacks, registers, anonymous memory and reached blocks
 * that could be an address inside a live block reaches it. What is reached is "reachable", the rest "lost"; both are
 * reported by the stack that allocated them, the reachable ones as one sum unless all are asked for. */
#ifndef HAK_LEAKS_H
#define HAK_LEAKS_H

#include "record.h"

void hak_leaks_find(void);

#endif
