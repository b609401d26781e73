/* stats.h -- collecting figures and writing them: JSON for machines, a summary for people.
 * May use: everything up to alloc.
 * Reading other threads' caches is a glance, so figures of a running program may be off by what moves meanwhile. */
#ifndef HAK_STATS_H
#define HAK_STATS_H

#include "thread.h"

typedef struct hak_totals {
    uint64_t live;     /* bytes in live blocks, by block size */
    uint64_t cached;   /* in thread caches and transfer caches */
    uint64_t transfer; /* of the cached ones: in transfer caches */
    uint64_t free;     /* in slabs' lists, not carved yet, or in free spans */
    uint64_t purged;   /* of the free ones: no pages behind them */
    uint64_t unpurged; /* of the free ones: in free spans, with pages behind them */
    uint64_t overdue;  /* of the unpurged ones: free for the purge delay and a tick */
    uint64_t mapped;   /* committed address space and mappings outside the arena */
    uint64_t metadata; /* mapped for descriptors and page map; resident only where the heap is */
    uint64_t large;    /* of the live ones: in large blocks */
} hak_totals_t;

hak_totals_t hak_stats_totals(void);
/* Like snprintf: writes at most `size` bytes with the NUL; the length of the whole text. */
size_t hak_stats_write_json(char *buffer, size_t size);
size_t hak_stats_write_text(char *buffer, size_t size);
/* Writes one of them to a file descriptor. */
void hak_stats_send(size_t (*writer)(char *, size_t), int fd);

const char *hak_flavour_name(void);

#endif
