/* recent.h -- what was asked for last, in a small table in front of a large one.
 * May use: base, atomic.
 * A large table that is read at random costs a miss of the processor's caches each time; some thousand entries stay in them. Any
 * thread may ask and add, without a lock: an entry is its value and its key mixed with the value, so that half of one entry
 * and half of another fit no key. Entries are replaced at will. */
#ifndef HAK_RECENT_H
#define HAK_RECENT_H

#include "atomic.h"

enum { HAK_RECENT_SIZE = 2048 };

typedef struct hak_recent {
    _Atomic uint64_t mixed, value;
} hak_recent_t;

static inline uint64_t hak_recent_mix(uint64_t key, uint64_t value) { return key ^ value * 0xd6e8feb86659fd93u; }
static inline hak_recent_t *hak_recent_at(hak_recent_t table[HAK_RECENT_SIZE], uint64_t key) {
    return &table[(key * 0x9e3779b97f4a7c15u >> 32) % HAK_RECENT_SIZE];
}

/* The value of an entry if it was noted there with this key; else 0. */
static inline uint64_t hak_recent_get(const hak_recent_t *entry, uint64_t key) {
    uint64_t value = hak_load_acquire(&entry->value); /* partner: the release in hak_recent_note */
    return hak_load_relaxed(&entry->mixed) == hak_recent_mix(key, value) ? value : 0;
}

static inline void hak_recent_note(hak_recent_t *entry, uint64_t key, uint64_t value) {
    hak_store_relaxed(&entry->mixed, hak_recent_mix(key, value));
    /* Release: partner of the acquire in hak_recent_get; shows what the value names. */
    hak_store_release(&entry->value, value);
}

/* The value that was added with this key; 0 if it is not there. */
static inline uint64_t hak_recent_find(hak_recent_t table[HAK_RECENT_SIZE], uint64_t key) {
    return hak_recent_get(hak_recent_at(table, key), key);
}
static inline void hak_recent_add(hak_recent_t table[HAK_RECENT_SIZE], uint64_t key, uint64_t value) {
    hak_recent_note(hak_recent_at(table, key), key, value);
}

#endif
