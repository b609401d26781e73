#include "witness.h"

#include <pthread.h>
#include <unistd.h>

#include "diag.h"
#include "os.h"

hak_witness_t hak_witness_nobody;
_Thread_local hak_witness_t *hak_witness_own;
_Thread_local uint32_t hak_witness_reports;
void (*hak_witness_ends)(hak_witness_t *witness);
void (*hak_witness_begins)(hak_witness_t *witness);

static struct {
    hak_lock_t lock;
    hak_witness_t *first, *unused;
    pthread_key_t key;
    bool has_key;
} all;

HAK_COLD void hak_witness_reporter_allocates(void) {
    static _Atomic bool told;
    bool first = false;
    if (hak_cas_relaxed(&told, &first, true)) hak_warn("a report used the heap that it reports on;", "what follows may be wrong");
}

static hak_witness_t *obtain_witness(void) {
    hak_lock_for(&all.lock, HAK_LOCK_check);
    hak_witness_t *witness = all.unused;
    if (witness != NULL) all.unused = witness->next;
    else witness = hak_os_map(NULL, hak_round_up(sizeof *witness, hak_os_page_size()));
    if (witness != NULL) {
        witness->previous = NULL;
        witness->next = all.first;
        if (witness->next != NULL) witness->next->previous = witness;
        all.first = witness;
    }
    hak_unlock(&all.lock);
    return witness;
}

static void unlink_witness(hak_witness_t *witness) {
    if (witness->previous != NULL) witness->previous->next = witness->next;
    else all.first = witness->next;
    if (witness->next != NULL) witness->next->previous = witness->previous;
    witness->ring.count = 0;
    witness->inside = 0;
    if (witness->waiting != NULL) witness->waiting->count = 0; /* the next thread's to fill */
    if (witness->waiting != NULL) witness->waiting->bytes = 0;
    witness->next = all.unused;
    all.unused = witness;
}

static void witness_thread_ends(void *argument) {
    hak_witness_t *witness = argument;
    hak_witness_own = &hak_witness_nobody;
    if (hak_witness_ends != NULL) hak_witness_ends(witness);
    hak_lock_for(&all.lock, HAK_LOCK_check);
    unlink_witness(witness);
    hak_unlock(&all.lock);
}

void hak_witness_open(void) { all.has_key = pthread_key_create(&all.key, witness_thread_ends) == 0; }

HAK_COLD hak_witness_t *hak_witness_new(void) {
    hak_witness_t *witness = all.has_key ? obtain_witness() : NULL;
    hak_witness_own = witness != NULL ? witness : &hak_witness_nobody;
    if (witness == NULL) return hak_witness_own;
    witness->thread = (uint32_t)gettid();
    witness->inside = 1;
    pthread_setspecific(all.key, witness); /* may allocate */
    if (hak_witness_begins != NULL) hak_witness_begins(witness);
    witness->inside = 0;
    return witness;
}

static void forget_calls(hak_ring_t *ring) {
    ring->count = 0;
    for (int i = 0; i < HAK_RING_EVENTS; i++) ring->events[i].block = NULL;
}

void hak_witness_forget_calls(void) {
    forget_calls(&hak_witness_nobody.ring);
    hak_lock_for(&all.lock, HAK_LOCK_check);
    for (hak_witness_t *witness = all.first; witness != NULL; witness = witness->next) forget_calls(&witness->ring);
    for (hak_witness_t *witness = all.unused; witness != NULL; witness = witness->next) forget_calls(&witness->ring);
    hak_unlock(&all.lock);
}

void hak_witness_before_fork(void) { hak_lock(&all.lock); }

/* What other threads had on its way to the quarantine stays freed and is never used again. */
void hak_witness_after_fork(bool child) {
    if (!child) {
        hak_unlock(&all.lock);
        return;
    }
    hak_lock_reset(&all.lock);
    for (hak_witness_t *witness = all.first, *next; witness != NULL; witness = next) {
        next = witness->next;
        if (witness != hak_witness_own) unlink_witness(witness);
    }
    if (hak_witness_own != NULL && hak_witness_own != &hak_witness_nobody) hak_witness_own->thread = (uint32_t)gettid();
}
