/* lock.h -- a mutex of one word that never allocates and can be made anew in a forked child.
 * May use: base, atomic, counters, os, preempt.
 * States: 0 free, 1 held, 2 held and somebody waits (Drepper, "Futexes are tricky", mutex 2). */
#ifndef HAK_LOCK_H
#define HAK_LOCK_H

#include "counters.h"
#include "os.h"
#include "preempt.h"

typedef struct hak_lock {
    _Atomic uint32_t state;
} hak_lock_t;

void hak_lock_slow(hak_lock_t *lock);

/* True if the lock was free; false if this call had to wait. Acquire: sees all that the last holder wrote. */
static inline bool hak_lock(hak_lock_t *lock) {
    uint32_t free_state = 0;
    bool at_once = HAK_LIKELY(hak_cas_acq_rel(&lock->state, &free_state, 1));
    if (!at_once) hak_lock_slow(lock);
    hak_preempt(HAK_AT_LOCKED);
    return at_once;
}

/* The same, counted by what it is for. */
static inline bool hak_lock_for(hak_lock_t *lock, hak_lock_use_t use) {
    bool at_once = hak_lock(lock);
    hak_tally_lock(use, at_once);
    return at_once;
}

static inline bool hak_try_lock(hak_lock_t *lock) {
    uint32_t free_state = 0;
    bool taken = hak_cas_acq_rel(&lock->state, &free_state, 1);
    if (taken) hak_preempt(HAK_AT_LOCKED);
    return taken;
}

static inline bool hak_try_lock_for(hak_lock_t *lock, hak_lock_use_t use) {
    bool taken = hak_try_lock(lock);
    if (taken) hak_tally_lock(use, true);
    return taken;
}

/* Release: partner of the acquire in hak_lock. */
static inline void hak_unlock(hak_lock_t *lock) {
    hak_preempt(HAK_AT_UNLOCKING);
    if (HAK_UNLIKELY(hak_exchange_acq_rel(&lock->state, 0) == 2)) hak_os_wake(&lock->state);
}

static inline void hak_lock_reset(hak_lock_t *lock) { hak_store_relaxed(&lock->state, 0); }

#endif
