/* state.h -- the secure flavour's table of states: which blocks are live, which free, beside the descriptors and out of
 * reach of blocks.
 * May use: base, bits, atomic, diag, chain, os, callers, options, size_class, arena.
 *
 * A byte for each 16 bytes of the arena, of which those at the start of a block count. 0: no block was ever handed out from
 * here. 1 ... 127: a free block of that class. From 128 on: a live block; the low bits are the kind of call that allocated it and,
 * for tiny blocks, what it has beyond the requested size. Other blocks ("coarse") are at least 1 KiB, so that a word is theirs
 * alone: state and requested size in one. A state is written without a lock by whoever owns the block; two frees of it within
 * a few nanoseconds may both succeed, and then the second malloc finds a live block.
 * With `zero_on_free` set all of a free block is zero but its links; without it what is behind them is left as it was. Mid
 * blocks of up to 4 KiB have a canary in their last word, free or live.
 * Invariant: a block of class c on any list has state c; a live one has 128 or more. */
#ifndef HAK_STATE_H
#define HAK_STATE_H

#include "arena.h"
#include "chain.h"
#include "options.h"

enum {
    HAK_CANARY = 8,        /* bytes that every block is longer than asked for */
    HAK_STATE_LIVE = 0x80,
    HAK_STATE_KIND_SHIFT = 5,
    HAK_STATE_KIND = 3 << HAK_STATE_KIND_SHIFT,
    HAK_STATE_SLACK = 31, /* of tiny blocks: bytes behind the requested ones, less the canary's */
    HAK_STATE_SIZE_SHIFT = 8, /* of coarse blocks: where the requested size stands in their word */
    HAK_COARSE_ALIGN = 128,
};
_Static_assert(HAK_CLASS_COUNT <= HAK_STATE_LIVE, "a state holds a class");

/* That of links, so that a canary is the key of the block's link, which the short ways have at hand; where `zero_on_free` is set
 * another one, so that no canary fits on the short ways, and all blocks go the long ones. Who knows it can forge a link, but no
 * state. */
extern uint64_t hak_canary_secret;
/* Where the state of address 0 would be. */
extern uintptr_t hak_states_origin;

/* Draws the secrets: after the arena is open, before the first block is made. */
void hak_state_open(void);

static inline uint8_t *hak_state(const void *block) {
    return (uint8_t *)(hak_states_origin + (uintptr_t)block / HAK_BLOCK_ALIGN);
}

/* The canary of a block: a word that depends on the secret and on the block. */
static inline uint64_t hak_canary(const void *block) { return hak_canary_secret ^ (uintptr_t)block; }
/* That of a mid block as its bytes stand from `offset` on: of two of them, those that overlap agree. */
static inline uint64_t hak_canary_turned(uint64_t canary, size_t offset) {
    unsigned bits = offset % 8 * 8;
    return canary >> bits | canary << (-bits % 64);
}
static inline void hak_store_word(void *at, uint64_t word) { __builtin_memcpy(at, &word, sizeof word); }
static inline uint64_t hak_load_word(const void *at) {
    uint64_t word;
    __builtin_memcpy(&word, at, sizeof word);
    return word;
}

/* A fault in the arena, where guards are, is told. */
hak_fault_end_t hak_state_fault(const hak_fault_t *fault);

static inline bool hak_state_is_coarse(unsigned c) { return c > HAK_TINY_CLASSES; }
static inline uint64_t hak_state_live_word(size_t size, unsigned kind) {
    return (uint64_t)size << HAK_STATE_SIZE_SHIFT | kind << HAK_STATE_KIND_SHIFT | HAK_STATE_LIVE;
}

/* Whether there is a canary behind the requested bytes. Wide and large blocks would touch a page for it, and what they have
 * behind those bytes is no other block's. */
static inline bool hak_state_has_canary(unsigned c) { return c < HAK_WIDE_FIRST; }
/* Whether blocks of class `c` end with a canary, free or live: above 4 KiB that would be a page more, too. */
static inline bool hak_state_has_last(unsigned c) {
    return c > HAK_TINY_CLASSES && c <= HAK_TINY_CLASSES + 2 * HAK_CLASSES_PER_DOUBLING;
}

/* Blocks of class `c` were carved: `count` of them from `first` on. Their order in the list is random. */
void hak_state_carve(unsigned c, char *first, uint32_t count, hak_chain_t *out);
/* A slab of class `c`, of which so many blocks were carved, is no more. */
void hak_state_retire(unsigned c, size_t unit, uint32_t carved);

#endif
