#include "state.h"

#include <string.h>

#include "callers.h"

enum { CARVED_MAX = 16384 / HAK_BLOCK_ALIGN }; /* HAK_CARVE_BYTES_MAX of slab.h */

/* Steele and others, Fast splittable pseudorandom number generators, OOPSLA 2014: the finalizer. */
static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

uint64_t hak_canary_secret;
uintptr_t hak_states_origin;

void hak_state_open(void) {
    hak_link_secret = hak_os_entropy();
    hak_canary_secret = hak_options.zero_on_free != 0 ? hak_os_entropy() : hak_link_secret;
    hak_states_origin = (uintptr_t)hak_arena.states - hak_arena_base() / HAK_BLOCK_ALIGN;
}

void hak_state_carve(unsigned c, char *first, uint32_t count, hak_chain_t *out) {
    static _Atomic uint64_t drawn;
    size_t bytes = hak_classes[c].size;
    uint64_t random = mix(hak_add_relaxed(&drawn, HAK_LINK_FACTOR) ^ hak_link_secret);
    uint16_t order[CARVED_MAX];
    for (uint32_t i = 0; i < count; i++) {
        uint32_t k = (uint32_t)((random >> 32) * (i + 1) >> 32);
        order[i] = order[k];
        order[k] = (uint16_t)i;
        random = random * 0xD1342543DE82EF95u + 1;
        char *block = first + i * bytes;
        if (hak_options.zero_on_free != 0) memset(block, 0, bytes);
        if (hak_state_has_last(c)) hak_store_word(block + bytes - HAK_CANARY, hak_canary(block));
        *hak_state(block) = (uint8_t)c;
    }
    void *next = NULL;
    for (uint32_t i = 0; i < count; i++) {
        char *block = first + order[i] * bytes;
        hak_set_next(block, next);
        next = block;
    }
    *out = (hak_chain_t){next, count};
}

hak_fault_end_t hak_state_fault(const hak_fault_t *fault) {
    if (!hak_arena_holds(fault->address)) return HAK_FAULT_UNKNOWN;
    hak_callers_t here;
    hak_callers_find(fault->at, &here);
    hak_callers_tell("accessed", &here);
    hak_tell(fault->writes ? HAK_ERROR_out_of_bounds_write : HAK_ERROR_out_of_bounds_read, fault->address, "access");
    return HAK_FAULT_TOLD;
}

void hak_state_retire(unsigned c, size_t unit, uint32_t carved) {
    char *block = hak_unit_address(unit);
    size_t bytes = hak_classes[c].size;
    if (!hak_state_is_coarse(c)) memset(hak_state(block), 0, carved * (bytes / HAK_BLOCK_ALIGN));
    else for (uint32_t i = 0; i < carved; i++) *hak_state(block + i * bytes) = 0;
}
