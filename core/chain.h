/* chain.h -- how free blocks are linked: a block's first word leads to the next.
 * May use: base, diag.
 * In the secure flavour the link is mixed with a secret of the process and the block's own address, and multiplied, so that a
 * change of any byte shows in the bits that are zero in every address; what does not decode ends the process before it is
 * followed. The second word is zero, but for the count of a batch in its first block, which is mixed too. */
#ifndef HAK_CHAIN_H
#define HAK_CHAIN_H

#include "diag.h"

/* Mapped addresses of the arena are below 2^47, blocks are aligned to 16. */
#define HAK_LINK_NEVER (~(((uint64_t)1 << 47) - 1) | (HAK_BLOCK_ALIGN - 1))
#define HAK_LINK_FACTOR 0x9E3779B97F4A7C15u  /* odd: 2^64 / golden ratio */
#define HAK_LINK_INVERSE 0xF1DE83E19937733Du /* FACTOR * INVERSE == 1 (mod 2^64) */
_Static_assert(HAK_LINK_FACTOR * HAK_LINK_INVERSE == 1, "decoding undoes encoding");

/* Of the process; set before the first block is linked. */
extern uint64_t hak_link_secret;
HAK_COLD _Noreturn void hak_link_fatal(const void *block);

static inline uint64_t hak_link_key(const void *block) { return hak_link_secret ^ (uintptr_t)block; }
static inline uint64_t hak_link_decode(const void *block, uint64_t key) { return (*(const uint64_t *)block * HAK_LINK_INVERSE) ^ key; }
static inline uint64_t hak_link_second(const void *block) { return ((const uint64_t *)block)[1]; }

static inline void *hak_next(const void *block) {
    if (!HAK_SECURE) return *(void *const *)block;
    uint64_t next = hak_link_decode(block, hak_link_key(block));
    if (HAK_UNLIKELY((next & HAK_LINK_NEVER) != 0)) hak_link_fatal(block);
    return (void *)next;
}

static inline void hak_link_encode(void *block, void *next, uint64_t key) {
    uint64_t *words = block;
    words[0] = ((uintptr_t)next ^ key) * HAK_LINK_FACTOR;
    words[1] = 0;
}

static inline void hak_set_next(void *block, void *next) {
    uint64_t *words = block;
    if (HAK_SECURE) hak_link_encode(block, next, hak_link_key(block));
    else words[0] = (uintptr_t)next;
}

static inline uint32_t hak_batch_count(const void *head) {
    uint64_t word = ((const uint64_t *)head)[1];
    if (!HAK_SECURE) return (uint32_t)word;
    word ^= hak_link_secret;
    if (HAK_UNLIKELY(word > UINT16_MAX)) hak_link_fatal(head);
    return (uint32_t)word;
}
static inline void hak_batch_set_count(void *head, uint32_t count) {
    ((uint64_t *)head)[1] = HAK_SECURE ? count ^ hak_link_secret : count;
}
/* The same when the batch becomes a list. */
static inline uint32_t hak_batch_take_count(void *head) {
    uint32_t count = hak_batch_count(head);
    if (HAK_SECURE) ((uint64_t *)head)[1] = 0;
    return count;
}

#endif
