#include "spare.h"

#include "atomic.h"
#include "bits.h"

enum { BUSY = 1 }; /* no number of bytes in pages */

static _Atomic uintptr_t slots_base;
static _Atomic size_t held[HAK_SPARE_SLOTS];

static void *address_of(size_t slot) {
    return (void *)(hak_load_relaxed(&slots_base) + slot * HAK_SPARE_SLOT_BYTES);
}

static bool map_slots(void) {
    if (HAK_LIKELY(hak_load_relaxed(&slots_base) != 0)) return true;
    void *mapped = hak_os_map(NULL, HAK_SPARE_SLOTS * HAK_SPARE_SLOT_BYTES);
    uintptr_t none = 0;
    if (mapped == NULL) return false;
    if (!hak_cas_relaxed(&slots_base, &none, (uintptr_t)mapped)) hak_os_release(mapped, HAK_SPARE_SLOTS * HAK_SPARE_SLOT_BYTES);
    return true;
}

/* Acquire: partner of the release in say_held; the pages are where it says. */
static bool make_busy(size_t slot, size_t bytes) { return hak_cas_acq_rel(&held[slot], &bytes, BUSY); }
static void say_held(size_t slot, size_t bytes) { hak_store_release(&held[slot], bytes); }

/* The slot that holds the least that is enough, or else the most; *bytes: 0 if there is none. */
static size_t best_slot(size_t wanted, size_t *bytes) {
    size_t best = 0, most = 0;
    for (size_t slot = 0; slot < HAK_SPARE_SLOTS; slot++) {
        size_t has = hak_load_relaxed(&held[slot]);
        if (has == BUSY || has == 0) continue;
        bool better = most >= wanted ? has >= wanted && has < most : has > most;
        if (better) best = slot, most = has;
    }
    *bytes = most;
    return best;
}

hak_moved_t hak_spare_move_in(void *at, size_t *size) {
    size_t bytes, slot = best_slot(*size, &bytes);
    if (bytes == 0 || !make_busy(slot, bytes)) return HAK_NOT_MOVED;
    size_t most = *size = hak_min(bytes, *size);
    hak_moved_t moved = hak_os_move((char *)address_of(slot) + bytes - most, at, most);
    say_held(slot, moved == HAK_MOVED ? bytes - most : bytes);
    return moved;
}

void hak_spare_move_out(void *at, size_t size) {
    if (!map_slots()) return;
    size_t most = hak_min(size, HAK_SPARE_SLOT_BYTES), least = most, slot = 0;
    for (size_t i = 0; i < HAK_SPARE_SLOTS; i++) {
        size_t has = hak_load_relaxed(&held[i]);
        if (has != BUSY && has < least) slot = i, least = has;
    }
    if (least == most || !make_busy(slot, least)) return;
    hak_moved_t moved = hak_os_move(at, address_of(slot), most);
    if (moved == HAK_TARGET_LOST) return; /* the slot stays busy: others may map there */
    say_held(slot, moved == HAK_MOVED ? most : 0);
}

uintptr_t hak_spare_own(uintptr_t address, uintptr_t *next) {
    uintptr_t from = hak_load_relaxed(&slots_base);
    return from == 0 ? 0 : hak_range_end(from, HAK_SPARE_SLOTS * HAK_SPARE_SLOT_BYTES, address, next);
}
