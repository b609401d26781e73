#include "shard.h"

static struct {
    hak_lock_t lock; /* held while the number grows, or must not */
    _Atomic uint32_t count;
} used;

/* Relaxed: who needs a shard that is new does not read it here, but made it so. */
uint32_t hak_shard_count(void) { return hak_load_relaxed(&used.count); }

static HAK_COLD void use_up_to(uint32_t shard) {
    hak_lock_for(&used.lock, HAK_LOCK_start);
    if (hak_load_relaxed(&used.count) <= shard) hak_store_relaxed(&used.count, shard + 1);
    hak_unlock(&used.lock);
}

uint32_t hak_shard_own(void) {
    uint32_t shard = hak_os_processor() % HAK_SHARDS;
    if (HAK_UNLIKELY(shard >= hak_shard_count())) use_up_to(shard);
    hak_preempt(HAK_AT_READ); /* from here on the thread may run on another processor */
    return shard;
}

void hak_shard_hold(void) { hak_lock_for(&used.lock, HAK_LOCK_start); }
void hak_shard_let_go(bool child) {
    if (child) hak_lock_reset(&used.lock);
    else hak_unlock(&used.lock);
}
