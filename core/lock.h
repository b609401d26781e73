/* lock.h -- a mutex of one word that never allocates and can be made anew in a forked child.
 * May use: base, atomic, os.
 * States: 0 free, 1 held, 2 held and somebody waits (Drepper, "Futexes are tricky", mutex 2). */
#ifndef HAK_LOCK_H
#define HAK_LOCK_H

#include "os.h"

typedef struct hak_lock {
    _Atomic uint32_t state;
} hak_lock_t;

void hak_lock_slow(hak_lock_t *lock);

/* True if the lock was free; false if this call had to wait. Acquire: sees all that the last holder wrote. */
static inline bool hak_lock(hak_lock_t *lock) {
    uint32_t free_state = 0;
    if (HAK_LIKELY(hak_cas_acq_rel(&lock->state, &free_state, 1))) return true;
    hak_lock_slow(lock);
    return false;
}

static inline bool hak_try_lock(hak_lock_t *lock) {
    uint32_t free_state = 0;
    return hak_cas_acq_rel(&lock->state, &free_state, 1);
}

/* Release: partner of the acquire in hak_lock. */
static inline void hak_unlock(hak_lock_t *lock) {
    if (HAK_UNLIKELY(hak_exchange_acq_rel(&lock->state, 0) == 2)) hak_os_wake(&lock->state);
}

static inline void hak_lock_reset(hak_lock_t *lock) { hak_store_relaxed(&lock->state, 0); }

#endif
