#include "sampled.h"

#include <string.h>

#include "bits.h"
#include "callers.h"
#include "lock.h"

enum { SLOTS = 512, FENCE = 0xFB };

typedef struct slot {
    char *block; /* NULL: never used */
    size_t size;
    bool live;
    uint32_t next; /* free slots: the one freed after this, 0 for none */
    hak_callers_t allocated, freed;
} slot_t;

uintptr_t hak_sampled_base;
size_t hak_sampled_bytes;

static struct {
    hak_lock_t lock;
    slot_t *slots; /* 1 ... SLOTS */
    size_t room, stride;
    uint32_t oldest, newest;
    hak_fault_handler_t also;
} guarded;

static _Thread_local int64_t left; /* blocks until the next sample */
static _Thread_local uint64_t dice; /* 0 before the first draw */
static _Thread_local uint64_t looked_ms, worked_ms; /* the last look at the clocks */
static _Thread_local uint64_t brought; /* by trips since then */

static char *start_of(size_t number) {
    return (char *)hak_sampled_base + (number - 1) * guarded.stride + (guarded.stride - guarded.room);
}
static size_t number_of(const void *address) { return ((uintptr_t)address - hak_sampled_base) / guarded.stride + 1; }

static void give_back(size_t number) {
    guarded.slots[number].next = 0;
    if (guarded.newest != 0) guarded.slots[guarded.newest].next = (uint32_t)number;
    else guarded.oldest = (uint32_t)number;
    guarded.newest = (uint32_t)number;
}

/* Distances are uniform, so that no period of the program meets one of ours. */
static void draw(void) {
    if (dice == 0) dice = hak_os_entropy() | 1;
    dice = dice * 0xD1342543DE82EF95u + 0x9E3779B97F4A7C15u;
    left = 1 + (int64_t)((dice >> 32) % (2 * hak_options.guard_sample - 1));
}

/* The pages of a slot's block, the only ones that are ever opened. */
static bool guard_slot(const slot_t *slot, bool on) {
    size_t page = hak_os_page_size();
    uintptr_t from = hak_round_down((uintptr_t)slot->block, page), to = hak_round_up((uintptr_t)slot->block + hak_max(slot->size, 1), page);
    return hak_os_guard((void *)from, to - from, on);
}

static void *place_sampled(size_t size, const void *frame) {
    hak_lock_for(&guarded.lock, HAK_LOCK_outside);
    size_t number = guarded.oldest;
    if (number != 0) {
        guarded.oldest = guarded.slots[number].next;
        if (guarded.oldest == 0) guarded.newest = 0;
    }
    hak_unlock(&guarded.lock);
    if (number == 0) return NULL;
    slot_t *slot = &guarded.slots[number];
    size_t rounded = hak_round_up(hak_max(size, 1), HAK_BLOCK_ALIGN);
    char *block = start_of(number) + ((dice >> 40 & 1) != 0 ? 0 : guarded.room - rounded);
    *slot = (slot_t){.block = block, .size = size, .live = true};
    if (!guard_slot(slot, false)) { /* the slot is lost */
        *slot = (slot_t){.block = NULL};
        return NULL;
    }
    memset(block + size, FENCE, rounded - size);
    hak_callers_find((hak_where_t){0, frame}, &slot->allocated);
    return block;
}

void hak_sampled_count(uint32_t blocks) {
    left -= blocks;
    brought += blocks;
}

/* What the thread took from its own cache: its processor's time says how many blocks it may have been in all. */
static void count_by_time(void) {
    uint64_t now_ms = hak_os_now_ms();
    if (now_ms == looked_ms) return;
    looked_ms = now_ms;
    uint64_t since_ms = worked_ms; /* in a forked child its time begins anew */
    worked_ms = hak_os_worked_ms();
    uint64_t blocks = worked_ms > since_ms ? (worked_ms - since_ms) * HAK_SAMPLED_A_MS : 0;
    if (blocks > brought) left -= (int64_t)(blocks - brought);
    brought = 0;
}

void *hak_sampled_alloc(size_t size) {
    if (HAK_LIKELY(hak_sampled_bytes == 0)) return NULL;
    if (dice == 0) draw();
    hak_sampled_count(1);
    if (left > 0 || size > HAK_SAMPLED_MAX) return NULL;
    draw();
    return place_sampled(size, __builtin_frame_address(0));
}

void *hak_sampled_alloc_trapped(size_t size) {
    if (HAK_LIKELY(hak_sampled_bytes == 0)) return NULL;
    count_by_time();
    return hak_sampled_alloc(size);
}

static _Noreturn void tell(hak_error_t error, const void *pointer, const char *doing, const slot_t *slot) {
    if (slot->allocated.count != 0) hak_callers_tell("allocated", &slot->allocated);
    if (!slot->live) hak_callers_tell("freed", &slot->freed);
    hak_fatal(error, pointer, doing);
}

/* The live block that starts at `block`. */
static slot_t *live_slot(const void *block, const char *doing) {
    slot_t *slot = &guarded.slots[number_of(block)];
    if (slot->block == NULL) hak_fatal(HAK_ERROR_invalid_pointer, block, doing);
    if (block != slot->block) tell(HAK_ERROR_interior_pointer, block, doing, slot);
    if (!slot->live) tell(HAK_ERROR_double_free, block, doing, slot);
    for (size_t i = slot->size; i < hak_round_up(hak_max(slot->size, 1), HAK_BLOCK_ALIGN); i++) {
        if ((unsigned char)slot->block[i] != FENCE) tell(HAK_ERROR_overrun, block, doing, slot);
    }
    return slot;
}

void hak_sampled_free(void *block, const char *doing) {
    hak_lock_for(&guarded.lock, HAK_LOCK_outside);
    slot_t *slot = live_slot(block, doing);
    slot->live = false;
    hak_unlock(&guarded.lock);
    hak_callers_find((hak_where_t){0, __builtin_frame_address(0)}, &slot->freed);
    size_t number = number_of(block);
    bool closed = guard_slot(slot, true);
    hak_lock_for(&guarded.lock, HAK_LOCK_outside);
    if (closed) give_back(number);
    hak_unlock(&guarded.lock);
}

size_t hak_sampled_size(const void *block, const char *doing) { return live_slot(block, doing)->size; }

bool hak_sampled_is_live(const void *block) {
    const slot_t *slot = &guarded.slots[number_of(block)];
    return slot->block == block && slot->live;
}

/* The error that a fault at `address` is: the slot is its own, or the one whose block is nearer. */
static hak_fault_end_t sampled_fault(const hak_fault_t *fault) {
    const void *address = fault->address;
    if (!hak_sampled_holds(address)) return guarded.also != NULL ? guarded.also(fault) : HAK_FAULT_UNKNOWN;
    size_t number = number_of(address);
    const slot_t *slot = &guarded.slots[number];
    bool between = (const char *)address < start_of(number);
    if (between && number > 1) { /* a page between two slots */
        bool before = (size_t)(start_of(number) - (const char *)address) > (guarded.stride - guarded.room) / 2;
        if (slot->block == NULL || (before && guarded.slots[number - 1].block != NULL)) slot = &guarded.slots[number - 1];
    }
    bool freed = slot->block != NULL && !slot->live;
    hak_error_t error = fault->writes ? HAK_ERROR_out_of_bounds_write : HAK_ERROR_out_of_bounds_read;
    if (freed) error = fault->writes ? HAK_ERROR_write_after_free : HAK_ERROR_read_after_free;
    hak_callers_t here;
    hak_callers_find(fault->at, &here);
    hak_callers_tell("accessed", &here);
    if (slot->block != NULL) {
        hak_callers_tell("allocated", &slot->allocated);
        if (freed) hak_callers_tell("freed", &slot->freed);
    }
    hak_tell(error, address, "access");
    return HAK_FAULT_TOLD;
}

void hak_sampled_open(hak_fault_handler_t also) {
    guarded.also = also;
    if (hak_options.guard_sample != 0) {
        size_t page = hak_os_page_size();
        guarded.room = hak_round_up(HAK_SAMPLED_MAX, page);
        guarded.stride = 2 * guarded.room; /* so that starts and ends are as aligned as a class's blocks can be asked to be */
        size_t bytes = SLOTS * guarded.stride + guarded.room;
        char *mapped = hak_os_map(NULL, bytes + guarded.room);
        char *region = (char *)hak_round_up((uintptr_t)mapped, guarded.room);
        guarded.slots = hak_os_map(NULL, hak_round_up((SLOTS + 2) * sizeof *guarded.slots, page));
        if (mapped != NULL && guarded.slots != NULL && hak_os_guard(region, bytes, true)) {
            for (uint32_t i = 1; i <= SLOTS; i++) give_back(i);
            hak_sampled_base = (uintptr_t)region;
            hak_sampled_bytes = bytes;
        }
    }
    if (hak_sampled_bytes != 0 || also != NULL) hak_os_on_fault(sampled_fault);
}

void hak_sampled_before_fork(void) { hak_lock(&guarded.lock); }
void hak_sampled_after_fork(bool child) {
    if (child) hak_lock_reset(&guarded.lock);
    else hak_unlock(&guarded.lock);
}
