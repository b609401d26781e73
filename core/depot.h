/* depot.h -- words and strings that are kept for ever, each distinct one once, in mappings of their own.
 * May use: base, bits, atomic, os, recent, hash.
 * Any thread may call, also in a signal handler and in a forked child: there is no lock. What is kept never changes and never
 * moves. Memory comes from a reservation of the size of the budget, so an item is named by its place there: its number times
 * HAK_DEPOT_GRAIN. */
#ifndef HAK_DEPOT_H
#define HAK_DEPOT_H

#include "atomic.h"

enum { HAK_DEPOT_GRAIN = 16, HAK_DEPOT_ITEM_MAX = 1 << 20 };

/* Makes room for `budget` bytes; false: the system refuses. Only the first call counts. */
bool hak_depot_open(size_t budget);
/* The number of the item with these bytes, at most HAK_DEPOT_ITEM_MAX, that is of this kind; 0 if the budget is used up.
 * *fresh tells whether there was none before; it may be NULL. */
uint32_t hak_depot_keep(uint16_t kind, const void *bytes, size_t size, bool *fresh);
/* The same, of a kind whose items all come with a hash of their own. */
uint32_t hak_depot_keep_hashed(uint16_t kind, const void *bytes, size_t size, uint64_t hash, bool *fresh);
/* The number of such an item if it was asked for not long ago, else 0. */
uint32_t hak_depot_known(uint64_t hash);
/* The item's bytes; NULL if no item of this kind has this number, as may be when the number itself was overwritten. */
const void *hak_depot_get(uint16_t kind, uint32_t number, size_t *size);
typedef struct hak_depot_figures {
    size_t budget, used; /* bytes */
    uint64_t items, refused;
} hak_depot_figures_t;
hak_depot_figures_t hak_depot_figures(void);

#endif
