#include "quarantine.h"

#include "options.h"

enum {
    BATCH_BLOCKS = 64,
    BATCH_BYTES = 64 * 1024,
    CLOSED_SHIFT = 6, /* of a block without pages, only this part of its size counts: it takes address space alone */
    CLOSED_BYTES = 4096,
};

static struct {
    hak_lock_t lock;
    hak_record_t *first, *last;
    _Atomic size_t bytes;
} quarantine;

size_t hak_quarantine_bytes(void) { return hak_load_relaxed(&quarantine.bytes); }

static size_t cost(const hak_record_t *record) {
    if ((record->flags & HAK_RECORD_CLOSED) != 0) return (record->size >> CLOSED_SHIFT) + CLOSED_BYTES;
    return record->size + HAK_REDZONE_BEFORE + HAK_REDZONE_AFTER;
}

/* Under the lock: takes out the oldest until the rest is within the budget. */
static hak_record_t *overflow(void) {
    hak_record_t *out = NULL, **link = &out;
    size_t bytes = hak_load_relaxed(&quarantine.bytes);
    while (quarantine.first != NULL && bytes > hak_options.check_quarantine) {
        hak_record_t *record = quarantine.first;
        quarantine.first = record->next;
        bytes -= cost(record);
        *link = record;
        link = &record->next;
    }
    if (quarantine.first == NULL) quarantine.last = NULL;
    *link = NULL;
    hak_store_relaxed(&quarantine.bytes, bytes);
    return out;
}

static hak_record_t *hand_over(hak_record_t *first, hak_record_t *last, size_t bytes) {
    hak_lock_for(&quarantine.lock, HAK_LOCK_check);
    last->next = NULL;
    if (quarantine.last != NULL) quarantine.last->next = first;
    else quarantine.first = first;
    quarantine.last = last;
    hak_add_relaxed(&quarantine.bytes, bytes);
    hak_record_t *out = overflow();
    hak_unlock(&quarantine.lock);
    return out;
}

bool hak_quarantine_put(hak_witness_t *witness, hak_record_t *record, hak_record_t **out) {
    size_t bytes = cost(record);
    if (HAK_UNLIKELY(witness == &hak_witness_nobody)) {
        *out = hand_over(record, record, bytes);
        return true;
    }
    record->next = NULL;
    if (witness->last != NULL) witness->last->next = record;
    else witness->first = record;
    witness->last = record;
    witness->waiting_bytes += bytes;
    size_t most = hak_min(BATCH_BYTES, hak_options.check_quarantine / 16);
    if (++witness->waiting < BATCH_BLOCKS && witness->waiting_bytes <= most) return false;
    *out = hak_quarantine_flush(witness);
    return true;
}

hak_record_t *hak_quarantine_flush(hak_witness_t *witness) {
    hak_record_t *first = witness->first, *last = witness->last;
    size_t bytes = witness->waiting_bytes;
    witness->first = witness->last = NULL;
    witness->waiting = 0;
    witness->waiting_bytes = 0;
    return first != NULL ? hand_over(first, last, bytes) : NULL;
}

void hak_quarantine_before_fork(void) { hak_lock(&quarantine.lock); }
void hak_quarantine_after_fork(bool child) {
    if (child) hak_lock_reset(&quarantine.lock);
    else hak_unlock(&quarantine.lock);
}
