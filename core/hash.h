/* hash.h -- the hash of a row of words, to which words are added one by one.
 * May use: base. */
#ifndef HAK_HASH_H
#define HAK_HASH_H

#include "base.h"

/* Multiplies and folds, as wyhash does (Wang Yi). */
static inline uint64_t hak_hash_fold(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* A word is mixed by itself, so that no word waits for the one before; what is left in turn is a multiplication and an addition. */
static inline uint64_t hak_hash_add(uint64_t hash, uint64_t word) {
    return hash * 0x9e3779b97f4a7c15u + hak_hash_fold(word ^ 0xa0761d6478bd642fu, 0xe7037ed1a0b428dbu);
}
/* B, by which a hash is multiplied for each word that follows, to the power of `count`, at most HAK_HASH_POWERS. */
enum { HAK_HASH_POWERS = 64 };
extern const uint64_t hak_hash_powers[HAK_HASH_POWERS + 1];
/* The hash of a row, of that of its beginning and that of the `count` words behind it; and the latter of the two others. */
static inline uint64_t hak_hash_join(uint64_t beginning, uint64_t rest, size_t count) {
    return beginning * hak_hash_powers[count] + rest;
}
static inline uint64_t hak_hash_between(uint64_t beginning, uint64_t whole, size_t count) {
    return whole - beginning * hak_hash_powers[count];
}
static inline uint64_t hak_hash_end(uint64_t hash, uint64_t kind) {
    return hak_hash_fold(hash ^ 0x589965cc75374cc3u, kind ^ 0x8ebc6af09c88c6e3u);
}

#endif
