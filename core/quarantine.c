#include "quarantine.h"

#include "options.h"
#include "os.h"

enum {
    BATCH_BYTES = 64 * 1024,
    CLOSED_SHIFT = 6, /* of a block without pages, only this part of its size counts: it takes address space alone */
    CLOSED_BYTES = 4096,
    BATCHES_AT_ONCE = 128, /* 64 KiB of them are mapped */
};

static struct {
    hak_lock_t lock;
    hak_waiting_t *first, *last, *unused;
    _Atomic size_t bytes;
} quarantine;

size_t hak_quarantine_bytes(void) { return hak_load_relaxed(&quarantine.bytes); }

static size_t cost(const hak_record_t *record) {
    if ((record->flags & HAK_RECORD_CLOSED) != 0) return (record->size >> CLOSED_SHIFT) + CLOSED_BYTES;
    return record->size + HAK_REDZONE_BEFORE + HAK_REDZONE_AFTER;
}

static void empty_batch(hak_waiting_t *batch) {
    batch->next = NULL;
    batch->bytes = 0;
    batch->count = 0;
}

/* Under the lock: an empty batch; NULL if there is no memory. */
static hak_waiting_t *obtain_batch(void) {
    hak_waiting_t *batch = quarantine.unused;
    if (batch == NULL) {
        hak_waiting_t *fresh = hak_os_map(NULL, BATCHES_AT_ONCE * sizeof *fresh);
        for (size_t i = 0; fresh != NULL && i < BATCHES_AT_ONCE; i++) {
            fresh[i].next = batch;
            batch = &fresh[i];
        }
    }
    if (batch == NULL) return NULL;
    quarantine.unused = batch->next;
    empty_batch(batch);
    return batch;
}

static void add_to_batch(hak_waiting_t *batch, hak_record_t *record) {
    batch->records[batch->count++] = record;
    batch->bytes += cost(record);
}

/* Under the lock: takes out the oldest until the rest is within the budget. */
static hak_waiting_t *overflow(void) {
    hak_waiting_t *out = NULL, **link = &out;
    size_t bytes = hak_load_relaxed(&quarantine.bytes);
    while (quarantine.first != NULL && bytes > hak_options.check_quarantine) {
        hak_waiting_t *batch = quarantine.first;
        quarantine.first = batch->next;
        bytes -= batch->bytes;
        *link = batch;
        link = &batch->next;
    }
    if (quarantine.first == NULL) quarantine.last = NULL;
    *link = NULL;
    hak_store_relaxed(&quarantine.bytes, bytes);
    return out;
}

/* Under the lock. */
static hak_waiting_t *take_in(hak_waiting_t *batch) {
    if (quarantine.last != NULL) quarantine.last->next = batch;
    else quarantine.first = batch;
    quarantine.last = batch;
    hak_add_relaxed(&quarantine.bytes, batch->bytes);
    return overflow();
}

/* For a thread that keeps nothing: in a batch of its own. */
static hak_waiting_t *put_alone(hak_record_t *record) {
    hak_waiting_t *out = NULL;
    hak_lock_for(&quarantine.lock, HAK_LOCK_check);
    hak_waiting_t *batch = obtain_batch();
    if (batch != NULL) {
        add_to_batch(batch, record);
        out = take_in(batch);
    }
    hak_unlock(&quarantine.lock);
    return out;
}

static HAK_NOINLINE hak_waiting_t *begin_batch(hak_witness_t *witness) {
    hak_lock_for(&quarantine.lock, HAK_LOCK_check);
    witness->waiting = obtain_batch();
    hak_unlock(&quarantine.lock);
    return witness->waiting;
}

bool hak_quarantine_put(hak_witness_t *witness, hak_record_t *record, hak_waiting_t **out) {
    if (HAK_UNLIKELY(witness == &hak_witness_nobody)) {
        *out = put_alone(record);
        return true;
    }
    hak_waiting_t *batch = witness->waiting;
    if (HAK_UNLIKELY(batch == NULL) && (batch = begin_batch(witness)) == NULL) return false;
    add_to_batch(batch, record);
    size_t most = hak_min(BATCH_BYTES, hak_options.check_quarantine / 16);
    if (batch->count < HAK_WAITING_BLOCKS && batch->bytes <= most) return false;
    *out = hak_quarantine_flush(witness);
    return true;
}

hak_waiting_t *hak_quarantine_flush(hak_witness_t *witness) {
    hak_waiting_t *batch = witness->waiting;
    if (batch == NULL) return NULL;
    witness->waiting = NULL;
    hak_lock_for(&quarantine.lock, HAK_LOCK_check);
    hak_waiting_t *out = take_in(batch);
    hak_unlock(&quarantine.lock);
    return out;
}

void hak_quarantine_done(hak_witness_t *witness, hak_waiting_t *batches) {
    if (batches != NULL && witness->waiting == NULL && witness != &hak_witness_nobody) {
        witness->waiting = batches; /* to be filled next, without the lock */
        batches = batches->next;
        empty_batch(witness->waiting);
    }
    if (batches == NULL) return;
    hak_waiting_t *last = batches;
    while (last->next != NULL) last = last->next;
    hak_lock_for(&quarantine.lock, HAK_LOCK_check);
    last->next = quarantine.unused;
    quarantine.unused = batches;
    hak_unlock(&quarantine.lock);
}

void hak_quarantine_before_fork(void) { hak_lock(&quarantine.lock); }
void hak_quarantine_after_fork(bool child) {
    if (child) hak_lock_reset(&quarantine.lock);
    else hak_unlock(&quarantine.lock);
}
