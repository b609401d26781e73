#include "depot.h"

#include <string.h>

#include "bits.h"
#include "hash.h"
#include "os.h"
#include "recent.h"

enum { BUCKETS = 1 << 17 };

typedef struct item {
    uint32_t next;   /* number of the next one in its bucket */
    uint32_t number; /* its own: a number that names no item does not find itself */
    uint64_t hash;
    uint32_t kind, size;
    unsigned char bytes[];
} item_t;
_Static_assert(sizeof(item_t) % sizeof(uint64_t) == 0, "what is kept may be read as words");

static struct {
    _Atomic(char *) base; /* of the reservation, whose first part is the buckets */
    size_t budget;
    _Atomic size_t used;
    _Atomic uint64_t items, refused;
    hak_recent_t recent[HAK_RECENT_SIZE] HAK_ALIGNED(HAK_CACHE_LINE); /* hash -> number */
} depot;

static inline _Atomic uint32_t *bucket_of(char *base, uint64_t hash) {
    return (_Atomic uint32_t *)base + hash % BUCKETS;
}
static inline item_t *item_at(char *base, uint32_t number) {
    return (item_t *)(base + (size_t)number * HAK_DEPOT_GRAIN);
}

bool hak_depot_open(size_t budget) {
    if (hak_load_acquire(&depot.base) != NULL) return true;
    size_t buckets = BUCKETS * sizeof(uint32_t);
    size_t size = hak_round_up(hak_max(budget, 2 * buckets), hak_os_page_size());
    if (size > (size_t)UINT32_MAX * HAK_DEPOT_GRAIN) size = (size_t)UINT32_MAX / 2 * HAK_DEPOT_GRAIN;
    char *base = hak_os_map(NULL, size), *none = NULL;
    while (base == NULL && size / 2 > 2 * buckets) base = hak_os_map(NULL, size = hak_round_down(size / 2, hak_os_page_size()));
    if (base == NULL) return false;
    depot.budget = size;
    hak_store_relaxed(&depot.used, buckets);
    /* Release: partner of the acquire loads of `base`; shows budget and used. */
    if (!hak_cas_acq_rel(&depot.base, &none, base)) hak_os_release(base, size);
    return true;
}

static uint64_t hash_of(uint16_t kind, const unsigned char *bytes, size_t size) {
    uint64_t hash = size ^ (uint64_t)kind << 32 ^ 0xa0761d6478bd642fu, other = 0, words[4];
    for (; size >= sizeof words; bytes += sizeof words, size -= sizeof words) {
        __builtin_memcpy(words, bytes, sizeof words);
        hash = hak_hash_fold(words[0] ^ 0xe7037ed1a0b428dbu, words[1] ^ hash);
        other = hak_hash_fold(words[2] ^ 0xd6e8feb86659fd93u, words[3] ^ other);
    }
    hash ^= other;
    for (; size >= 2 * sizeof words[0]; bytes += 2 * sizeof words[0], size -= 2 * sizeof words[0]) {
        __builtin_memcpy(words, bytes, 2 * sizeof words[0]);
        hash = hak_hash_fold(words[0] ^ 0xe7037ed1a0b428dbu, words[1] ^ hash);
    }
    words[0] = words[1] = 0;
    memcpy(words, bytes, size);
    return hak_hash_fold(hak_hash_fold(words[0] ^ 0x8ebc6af09c88c6e3u, words[1] ^ hash), 0x589965cc75374cc3u);
}

static uint32_t depot_search(char *base, uint32_t number, uint32_t end, uint64_t hash, uint16_t kind, const void *bytes,
                       size_t size) {
    for (; number != end; number = item_at(base, number)->next) {
        const item_t *item = item_at(base, number);
        if (item->hash == hash && item->kind == kind && item->size == size && memcmp(item->bytes, bytes, size) == 0) {
            return number;
        }
    }
    return 0;
}

static item_t *new_item(char *base, size_t size) {
    size_t whole = hak_round_up(sizeof(item_t) + size, HAK_DEPOT_GRAIN);
    size_t at = hak_load_relaxed(&depot.used);
    do {
        if (whole > depot.budget - at) {
            hak_add_relaxed(&depot.refused, 1);
            return NULL;
        }
    } while (!hak_cas_relaxed(&depot.used, &at, at + whole));
    hak_add_relaxed(&depot.items, 1);
    return (item_t *)(base + at);
}

/* The number of an item, which is made if there is none. */
static uint32_t depot_enter(char *base, uint64_t hash, uint16_t kind, const void *bytes, size_t size, bool *fresh) {
    _Atomic uint32_t *bucket = bucket_of(base, hash);
    uint32_t first = hak_load_acquire(bucket); /* partner: the publication below */
    uint32_t found = depot_search(base, first, 0, hash, kind, bytes, size);
    if (found != 0) return found;
    item_t *item = new_item(base, size);
    if (item == NULL) return 0;
    uint32_t number = (uint32_t)(((uintptr_t)item - (uintptr_t)base) / HAK_DEPOT_GRAIN), looked = first;
    *item = (item_t){.next = first, .number = number, .hash = hash, .kind = kind, .size = (uint32_t)size};
    memcpy(item->bytes, bytes, size);
    /* Release publishes the item; acquire shows those that came in between, which are looked at too. */
    while (!hak_cas_acq_rel(bucket, &first, number)) {
        found = depot_search(base, first, looked, hash, kind, bytes, size);
        if (found != 0) return found; /* the room of the item is lost */
        item->next = looked = first;
    }
    *fresh = true;
    return number;
}

/* A hash stands for an item here: among a million of them two are alike once in 37 million processes. */
uint32_t hak_depot_known(uint64_t hash) { return (uint32_t)hak_recent_find(depot.recent, hash); }

uint32_t hak_depot_keep_hashed(uint16_t kind, const void *bytes, size_t size, uint64_t hash, bool *fresh) {
    bool made = false;
    char *base = hak_load_acquire(&depot.base); /* partner: hak_depot_open */
    if (fresh != NULL) *fresh = false;
    if (base == NULL || size > HAK_DEPOT_ITEM_MAX) return 0;
    uint32_t number = hak_depot_known(hash);
    if (HAK_LIKELY(number != 0)) return number;
    number = depot_enter(base, hash, kind, bytes, size, &made);
    if (number != 0) hak_recent_add(depot.recent, hash, number);
    if (fresh != NULL) *fresh = made;
    return number;
}

uint32_t hak_depot_keep(uint16_t kind, const void *bytes, size_t size, bool *fresh) {
    return hak_depot_keep_hashed(kind, bytes, size, hash_of(kind, bytes, size), fresh);
}

const void *hak_depot_get(uint16_t kind, uint32_t number, size_t *size) {
    char *base = hak_load_acquire(&depot.base);
    size_t at = (size_t)number * HAK_DEPOT_GRAIN;
    if (base == NULL || at < BUCKETS * sizeof(uint32_t) || at + sizeof(item_t) > hak_load_relaxed(&depot.used)) return NULL;
    const item_t *item = item_at(base, number);
    if (item->number != number || item->kind != kind) return NULL;
    *size = item->size;
    return item->bytes;
}

hak_depot_figures_t hak_depot_figures(void) {
    if (hak_load_acquire(&depot.base) == NULL) return (hak_depot_figures_t){0};
    return (hak_depot_figures_t){
        .budget = depot.budget,
        .used = hak_load_relaxed(&depot.used),
        .items = hak_load_relaxed(&depot.items),
        .refused = hak_load_relaxed(&depot.refused),
    };
}
