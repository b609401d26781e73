#include "lock.h"

enum { HAK_LOCK_SPINS = 64 };

static inline void pause_cpu(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

HAK_NOINLINE void hak_lock_slow(hak_lock_t *lock) {
    for (int i = 0; i < HAK_LOCK_SPINS; i++) {
        pause_cpu();
        if (hak_load_relaxed(&lock->state) == 0 && hak_try_lock(lock)) return;
    }
    while (hak_exchange_acq_rel(&lock->state, 2) != 0) hak_os_wait(&lock->state, 2);
}
