/* fuzz_heap.c -- libFuzzer target: bytes are operations on a few slots; the shadow says what each block must hold.
 *
 * Built with clang -fsanitize=fuzzer,address from this file and the core without override.c. Two bytes an operation: the
 * first says what and where, the second how large. The heap lives on from one input to the next, as in a long-lived process;
 * at the end of each input everything is freed. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hakmem.h"

enum { SLOTS = 32 };

typedef struct slot {
    unsigned char *block;
    size_t size;
    unsigned char mark;
} slot_t;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

/* 0..255 -> 0..16 MiB, finer where it matters: around each power of two, one below, at, above and at 3/2. */
static size_t size_of(uint8_t byte) {
    size_t power = (size_t)1 << byte / 10;
    static const int offsets[10] = {-16, -1, 0, 1, 2, 15, 16, 17, 0, 0};
    unsigned kind = byte % 10;
    if (kind == 8) return power + power / 2;
    if (kind == 9) return power + power / 3;
    return offsets[kind] < 0 && power < 16 ? 0 : power + (size_t)(ptrdiff_t)offsets[kind];
}

/* The first and the last 64 bytes carry the mark. */
static void visit_ends(const slot_t *slot, bool verify) {
    for (size_t i = 0; i < slot->size; i++) {
        if (i == 64 && slot->size > 128) i = slot->size - 64;
        if (!verify) slot->block[i] = slot->mark;
        else if (slot->block[i] != slot->mark) abort();
    }
}

static void give(slot_t *slot) {
    if (slot->block == NULL) return;
    visit_ends(slot, true);
    hak_free(slot->block);
    slot->block = NULL;
}

static void hold(slot_t *slot, void *block, size_t size, uint8_t mark) {
    if (block == NULL) abort();
    if (hak_usable_size(block) < size || !hak_owns(block)) abort();
    *slot = (slot_t){block, size, (unsigned char)(mark | 1)};
    visit_ends(slot, false);
}

static void resize(slot_t *slot, size_t size) {
    if (size == 0) size = 1;
    visit_ends(slot, true);
    slot_t moved = {hak_realloc(slot->block, size), size, slot->mark};
    if (moved.block == NULL) abort();
    size_t head = slot->size < size ? slot->size : size;
    for (size_t i = 0; i < head && i < 64; i++) {
        if (moved.block[i] != slot->mark) abort();
    }
    hold(slot, moved.block, size, slot->mark);
}

static void *zeros(size_t size) {
    unsigned char *block = hak_calloc(1, size);
    for (size_t i = 0; block != NULL && i < size; i += i < 4096 ? 1 : 4096) {
        if (block[i] != 0) abort();
    }
    return block;
}

static void *aligned(uint8_t byte, size_t size) {
    size_t alignment = (size_t)1 << byte % 22;
    void *block = hak_aligned_alloc(alignment, size);
    if ((uintptr_t)block % alignment != 0) abort();
    return block;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
    static slot_t slots[SLOTS];
    for (size_t at = 0; at + 2 <= length; at += 2) {
        slot_t *slot = &slots[data[at] % SLOTS];
        unsigned what = data[at] / SLOTS;
        size_t size = size_of(data[at + 1]);
        if (slot->block != NULL && what == 5) {
            resize(slot, size);
        } else if (slot->block != NULL) {
            give(slot);
        } else if (what == 6) {
            hold(slot, zeros(size), size, data[at]);
        } else if (what == 7) {
            hold(slot, aligned(data[at + 1], size), size, data[at]);
        } else {
            hold(slot, hak_malloc(size), size, data[at]);
        }
        if (what == 4 && data[at + 1] == 77) hak_trim(0);
    }
    for (int i = 0; i < SLOTS; i++) give(&slots[i]);
    return 0;
}
