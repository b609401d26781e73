#include "alloc.h"

#include <errno.h>
#include <string.h>

#include "counters.h"
#include "diag.h"
#include "foreign.h"
#include "guard.h"
#include "os.h"
#include "pattern.h"
#include "sampled.h"
#include "secure.h"
#include "long.h"

enum {
    LITTLE_PART = 8, /* a block that grows by less than one part in so many will grow again */
    ROOM_PART = 4,   /* and gets one part in so many more */
};

static void *no_memory(void) {
    errno = ENOMEM;
    return NULL;
}

/* Pops a bin; NULL if it is empty. */
static inline void *pop(hak_bin_t *bin) {
    void *block = bin->head;
    if (HAK_LIKELY(block != NULL)) {
        bin->head = hak_next(block);
        bin->room++;
    }
    return block;
}

/* Pushes on a bin; false if it has no room or the block is its head already: then the caller has to put the room back. */
static inline bool push(hak_bin_t *bin, void *block) {
    if (HAK_UNLIKELY(hak_count_down_hot(&bin->room) < 0)) return false;
    void *head = bin->head;
    if (HAK_UNLIKELY(head == block)) return false;
    hak_set_next(block, head);
    bin->head = block;
    return true;
}

/* A thread past its end, or one for which there was no cache: one block straight from the central store. */
static void *central_alloc(unsigned c) {
    hak_source_t source;
    hak_chain_t chain = hak_central_get(c, 1, &source);
    if (chain.count > 1) hak_central_push(c, (hak_chain_t){hak_next(chain.head), chain.count - 1}, hak_os_now_ms());
    hak_upkeep(NULL);
    return chain.head;
}

/* A small block when the thread's fast cache could not give one. */
static void *small_alloc(unsigned c) {
    hak_cache_t *cache = hak_thread_cache();
    if (HAK_UNLIKELY(cache == NULL)) return hak_thread_open() ? central_alloc(c) : NULL;
    if (hak_class_is_long(c)) c = hak_long_serving(cache, c);
    hak_call(cache, c, HAK_CALL_allocations);
    void *block = pop(&cache->bins[c]);
    if (block != NULL) { /* the trap is set, or the block is of a long class above its own */
        hak_call(cache, c, HAK_CALL_malloc_hits);
        hak_call(cache, c, HAK_CALL_trapped);
        hak_upkeep_trapped(cache);
        return block;
    }
    hak_trip_t trip;
    block = hak_class_is_long(c) ? hak_long_refill(cache, c, &trip) : hak_cache_refill(cache, c, &trip);
    if (HAK_UNLIKELY(hak_sampled_bytes != 0)) hak_sampled_count(hak_bin_blocks(&cache->bins[c]));
    hak_upkeep_after(cache, trip);
    hak_upkeep_start_thread();
    return block;
}

static HAK_NOINLINE void *large_alloc(size_t size, size_t alignment, bool *zero) {
    hak_cache_t *cache = hak_thread_cache();
    if (HAK_UNLIKELY(cache == NULL) && !hak_thread_open()) return NULL;
    void *block = hak_large_alloc(size, alignment, zero);
    hak_upkeep(cache);
    hak_upkeep_start_thread();
    return block;
}

/* Every block leaves through here, but for those of the fast paths. */
static void *given(void *block) {
    if (block == NULL) return no_memory();
    if (HAK_DEBUG) {
        unsigned c = hak_arena_holds(block) ? hak_page_map_class(hak_unit_of(block)) : HAK_CLASS_LARGE;
        if (c != HAK_CLASS_LARGE) hak_pattern_check(block, hak_classes[c].size);
        hak_guard_give(block);
    }
    return block;
}

/* A guarded block in place of one for which the thread went past its cache, now and then. */
static void *sampled(size_t size) {
    if (HAK_LIKELY(hak_sampled_bytes == 0) || size > HAK_SAMPLED_MAX) return NULL;
    hak_cache_t *cache = hak_thread_cache();
    if (cache == NULL) return NULL;
    const hak_bin_t *bin = &cache->bins[hak_class_of(size)];
    return bin->head != NULL ? hak_sampled_alloc_trapped(size) : hak_sampled_alloc(size);
}

static HAK_NOINLINE void *alloc_slow(size_t size) {
    void *guarded = HAK_SECURE || HAK_DEBUG ? NULL : sampled(size);
    if (HAK_UNLIKELY(guarded != NULL)) return guarded;
    if (size <= HAK_WIDE_MAX) return given(small_alloc(hak_class_of(size)));
    if (size > PTRDIFF_MAX) return no_memory();
    bool zero;
    return given(large_alloc(size, 1, &zero));
}

/* NULL if the bin at `offset` is empty. */
static inline void *pop_from(size_t offset) {
    hak_cache_t *cache = hak_thread_fast();
    void *block = pop(hak_bin_at(cache, offset));
    if (HAK_COUNT && block != NULL) {
        hak_call(cache, (unsigned)(offset / HAK_BLOCK_ALIGN), HAK_CALL_allocations);
        hak_call(cache, (unsigned)(offset / HAK_BLOCK_ALIGN), HAK_CALL_malloc_hits);
    }
    return block;
}

/* Pops the bin at `offset`, or goes the slow way. */
static inline void *alloc_from(size_t offset, size_t size) {
    void *block = pop_from(offset);
    return HAK_LIKELY(block != NULL) ? block : alloc_slow(size);
}

/* Above 1 KiB. */
static inline void *alloc_beyond_tiny(size_t size) {
    if (HAK_DEBUG || size > HAK_WIDE_MAX) return alloc_slow(size);
    unsigned c = HAK_LIKELY(size <= HAK_MID_MAX) ? hak_class_of_mid(size) : hak_class_of_wide(size);
    return alloc_from(c * sizeof(hak_bin_t), size);
}

/* The bin's offset is the rounded size. Size 0, and sizes that wrap to it, find bin 0, which is always empty. */
static inline void *alloc_inline(size_t size) {
    size_t offset = (size + HAK_BLOCK_ALIGN - 1) & ~(size_t)(HAK_BLOCK_ALIGN - 1);
    HAK_NOT_IN_RESULT(offset);
    if (HAK_DEBUG || HAK_UNLIKELY(offset > HAK_TINY_MAX)) return alloc_beyond_tiny(size);
    return alloc_from(offset, size);
}

/* A block that the secure flavour hands out for `size` bytes. */
static void *checked(void *block, unsigned c, size_t size) {
    if (block != NULL && hak_arena_holds(block)) hak_secure_give(block, c, size);
    return block;
}

static void *checked_large(size_t size, size_t alignment, bool *zero) {
    if (size > PTRDIFF_MAX) return no_memory();
    return checked(given(large_alloc(hak_max(size, 1), alignment, zero)), HAK_CLASS_LARGE, size);
}

/* A block popped off a bin that does not look as it must, or has to be looked at whole. */
static HAK_NOINLINE void *checked_closely(void *block, unsigned c, size_t size) {
    hak_next(block); /* looks at the link */
    return checked(block, c, size);
}

static HAK_NOINLINE void *checked_slow(unsigned c, size_t size) { return checked(alloc_slow(hak_classes[c].size), c, size); }

/* As alloc_from, with what hak_secure_give does; the bin's offset is 16 times the class. A tiny block has at most
 * HAK_STATE_SLACK bytes beyond `size` and the canary. */
static HAK_INLINE void *checked_from(size_t offset, size_t size, bool coarse) {
    size_t c = offset / HAK_BLOCK_ALIGN;
    hak_bin_t *bin = hak_bin_at(hak_thread_fast(), offset);
    char *block = bin->head;
    if (HAK_UNLIKELY(block == NULL)) return checked_slow((unsigned)c, size);
    uint64_t key = hak_link_key(block), next = hak_link_decode(block, key);
    uint8_t *state = hak_state(block);
    uint64_t wrong = ((coarse ? hak_load_word(state) : *state) ^ c) | hak_link_second(block) | hak_options.zero_on_free;
    bin->head = (void *)next;
    bin->room++;
    if (HAK_UNLIKELY((wrong | (next & HAK_LINK_NEVER)) != 0)) return checked_closely(block, (unsigned)c, size);
    if (!coarse) {
        *state = (uint8_t)(offset - size + (HAK_STATE_LIVE - HAK_CANARY));
        hak_store_word(block + size, key);
        return block;
    }
    hak_store_word(state, hak_state_live_word(size, HAK_KIND_MALLOC));
    if (hak_state_has_canary((unsigned)c)) hak_store_word(block + size, hak_canary_turned(key, size));
    return block;
}

static HAK_NOINLINE void *checked_beyond_tiny(size_t size) {
    bool zero;
    if (HAK_UNLIKELY(size > HAK_WIDE_MAX - HAK_CANARY)) return checked_large(size, 1, &zero);
    size_t least = size + HAK_CANARY;
    unsigned c = HAK_LIKELY(least <= HAK_MID_MAX) ? hak_class_of_mid(least) : hak_class_of_wide(least);
    return checked_from(c * sizeof(hak_bin_t), size, true);
}

static inline void *checked_alloc(size_t size) {
    if (HAK_UNLIKELY(size > HAK_TINY_MAX - HAK_CANARY)) return checked_beyond_tiny(size);
    size_t offset = (size + HAK_CANARY + HAK_BLOCK_ALIGN - 1) & ~(size_t)(HAK_BLOCK_ALIGN - 1);
    return checked_from(offset, size, false);
}

/* For `size` bytes in a block that has room for more. */
static void *checked_alloc_roomy(unsigned c, size_t size) {
    size_t offset = c * sizeof(hak_bin_t), most = hak_classes[c].size - HAK_CANARY;
    if (hak_state_is_coarse(c)) return checked_from(offset, size, true);
    return checked_from(offset, most - hak_min(most - size, HAK_STATE_SLACK), false);
}

void *hak_alloc(size_t size) { return HAK_SECURE ? checked_alloc(size) : alloc_inline(size); }

static void give_past_bin(hak_cache_t *cache, unsigned c, void *block) {
    hak_upkeep_after(cache, hak_class_is_long(c) ? hak_long_overflow(cache, c, block) : hak_cache_overflow(cache, c, block));
}

static void small_release(unsigned c, void *block) {
    hak_cache_t *cache = hak_thread_cache_to_free();
    if (HAK_UNLIKELY(cache == NULL)) {
        hak_set_next(block, NULL);
        hak_central_push(c, (hak_chain_t){block, 1}, hak_os_now_ms());
        hak_upkeep(NULL);
        return;
    }
    hak_call(cache, c, HAK_CALL_frees);
    if (cache->bins[c].head == block) hak_fatal(HAK_ERROR_double_free, block, "free");
    if (push(&cache->bins[c], block)) { /* the trap is set */
        hak_call(cache, c, HAK_CALL_free_fast);
        hak_call(cache, c, HAK_CALL_trapped);
        hak_upkeep_trapped(cache);
        return;
    }
    hak_cache_put_room_back(&cache->bins[c]);
    give_past_bin(cache, c, block);
}

/* `block` is not NULL and the fast path could not take it. Keeps errno, as os.h and thread.h promise for what they do. */
static void release_found(void *block) {
    if (HAK_UNLIKELY(!hak_arena_holds(block))) {
        int saved = errno;
        if (hak_sampled_holds(block)) {
            hak_sampled_free(block, "free");
            errno = saved;
            return;
        }
        if (!hak_outside_free(block) && !hak_foreign_free(block)) hak_fatal(HAK_ERROR_foreign_pointer, block, "free");
        errno = saved;
        return;
    }
    size_t unit = hak_unit_of(block);
    unsigned c = hak_page_map_class(unit);
    if (HAK_DEBUG) hak_guard_take(block, "free");
    if (c == 0) hak_fatal(HAK_ERROR_invalid_pointer, block, "free");
    if (c != HAK_CLASS_LARGE) {
        if (HAK_DEBUG) hak_pattern_fill(block, hak_classes[c].size);
        small_release(c, block);
        return;
    }
    if (block != hak_unit_address(unit)) hak_fatal(HAK_ERROR_interior_pointer, block, "free");
    hak_large_free(unit);
    hak_upkeep(hak_thread_cache_to_free());
}

/* The class that a bin's place in a cache stands for; 0 if it stands for none. */
static inline unsigned class_by_place(const hak_cache_t *cache, const hak_bin_t *bin) {
    size_t c = ((uintptr_t)bin - (uintptr_t)cache) / sizeof *bin;
    return c < HAK_CLASS_COUNT ? (unsigned)c : 0;
}

/* The two commonest reasons to be slow, a full bin and a trap, show in the bin's place, without another look at the page map. */
static inline bool release_by_place(void *block, const hak_bin_t *bin) {
    hak_cache_t *cache = hak_thread_fast();
    unsigned c = class_by_place(cache, bin);
    if (c == 0 || bin->head == block) return false;
    if (cache == &hak_cache_empty) {
        small_release(c, block);
    } else {
        hak_call(cache, c, HAK_CALL_frees);
        give_past_bin(cache, c, block);
    }
    return true;
}

/* `bin` is the one that would not take the block; NULL if none was asked. */
static HAK_NOINLINE void release_slow(void *block, hak_bin_t *bin) {
    if (bin != NULL) {
        hak_cache_put_room_back(bin);
        if (HAK_LIKELY(release_by_place(block, bin))) return;
    }
    if (block != NULL) release_found(block);
}

/* Pushes on the bin at `offset`, or goes the slow way. */
static inline void release_to(hak_cache_t *cache, size_t offset, void *block) {
    hak_bin_t *bin = hak_bin_at(cache, offset);
    if (HAK_UNLIKELY(!push(bin, block))) {
        release_slow(block, bin);
    } else if (HAK_COUNT) {
        hak_call(cache, (unsigned)(offset / HAK_BLOCK_ALIGN), HAK_CALL_frees);
        hak_call(cache, (unsigned)(offset / HAK_BLOCK_ALIGN), HAK_CALL_free_fast);
    }
}

/* The offset of the bin of a block in the arena, by one load of the arena's base and one of its size; false if it lies elsewhere. */
static inline bool find_bin(const void *block, size_t *offset) {
    uintptr_t base = hak_arena_base();
    size_t distance = (uintptr_t)block - base;
    if (HAK_UNLIKELY(distance >= hak_read_hot(&hak_arena.size))) return false;
    *offset = hak_load_relaxed((hak_page_map_entry_t *)(base - HAK_PAGE_MAP_SPAN) + (distance >> HAK_UNIT_SHIFT));
    return true;
}

static inline void release_inline(void *block) {
    size_t offset;
    if (!HAK_DEBUG && find_bin(block, &offset)) release_to(hak_thread_fast(), offset, block);
    else release_slow(block, NULL);
}

/* What is outside the arena is checked when it is released. */
static HAK_NOINLINE void checked_release_slow(void *block, const char *doing) {
    if (hak_arena_holds(block)) hak_secure_take(block, doing);
    release_inline(block);
}

/* Puts a block on its bin whose state says that it is free; `key` is its link's. */
static inline void checked_push(void *block, size_t offset, uint64_t key) {
    hak_bin_t *bin = hak_bin_at(hak_thread_fast(), offset);
    if (HAK_UNLIKELY(hak_count_down_hot(&bin->room) < 0)) {
        release_slow(block, bin);
        return;
    }
    hak_link_encode(block, bin->head, key);
    bin->head = block;
}

/* Of a class above 1 KiB. */
static HAK_NOINLINE void checked_release_coarse(char *block, size_t offset) {
    unsigned c = (unsigned)(offset / HAK_BLOCK_ALIGN);
    uint8_t *state = hak_state(block);
    uint64_t word = hak_load_word(state), key = hak_link_key(block);
    size_t size = word >> HAK_STATE_SIZE_SHIFT;
    bool fits = (word & HAK_STATE_LIVE) != 0 && (uintptr_t)block % HAK_COARSE_ALIGN == 0 && c != HAK_CLASS_LARGE;
    if (HAK_LIKELY(fits)) {
        if (hak_state_has_canary(c)) fits = hak_load_word(block + size) == hak_canary_turned(key, size);
        else fits = hak_options.zero_on_free == 0;
        if (hak_state_has_last(c)) fits = fits && hak_load_word(block + hak_classes[c].size - HAK_CANARY) == key;
    }
    if (HAK_UNLIKELY(!fits)) {
        checked_release_slow(block, "free");
        return;
    }
    hak_store_word(state, c);
    checked_push(block, offset, key);
}

static inline void checked_release(void *block) {
    size_t offset;
    if (!find_bin(block, &offset)) {
        checked_release_slow(block, "free");
        return;
    }
    uint8_t *state = hak_state(block);
    if (HAK_UNLIKELY(offset > HAK_TINY_MAX)) {
        checked_release_coarse(block, offset);
        return;
    }
    const char *end = (char *)block + offset - (*state & HAK_STATE_SLACK);
    uint64_t key = hak_link_key(block);
    /* Class 0 leaves here, whose states are never live, and all that is wrong, to be named: for an address that is not aligned
     * no canary fits. */
    if (HAK_UNLIKELY((*state & HAK_STATE_LIVE) == 0 || hak_load_word(end - HAK_CANARY) != key)) {
        checked_release_slow(block, "free");
        return;
    }
    *state = (uint8_t)(offset / HAK_BLOCK_ALIGN);
    checked_push(block, offset, key);
}

void hak_release(void *block) {
    if (HAK_SECURE) checked_release(block);
    else release_inline(block);
}

void *hak_alloc_zero(size_t count, size_t size) {
    size_t bytes;
    if (HAK_UNLIKELY(__builtin_mul_overflow(count, size, &bytes)) || bytes > PTRDIFF_MAX) return no_memory();
    if (bytes <= HAK_MID_MAX) {
        void *block = hak_alloc(bytes);
        return block == NULL ? NULL : memset(block, 0, bytes);
    }
    bool zero;
    void *block = HAK_SECURE ? checked_large(bytes, 1, &zero) : given(large_alloc(bytes, 1, &zero));
    if (block != NULL && !zero) hak_large_clear(block, bytes);
    return block;
}

/* A class whose size is a multiple of the alignment has aligned blocks, since slabs start at units. */
static HAK_NOINLINE void *aligned_slow(size_t alignment, size_t size) {
    if (alignment <= HAK_BLOCK_ALIGN) return hak_alloc(size);
    if (size > PTRDIFF_MAX || alignment > PTRDIFF_MAX) return no_memory();
    size_t least = HAK_SECURE ? size + HAK_CANARY : hak_max(size, 1);
    size_t rounded = hak_round_up(least, alignment);
    if (alignment <= HAK_UNIT_SIZE && rounded <= HAK_WIDE_MAX) {
        unsigned c = hak_class_of(rounded);
        while (c < HAK_CLASS_COUNT && (hak_classes[c].size & (alignment - 1)) != 0) c++;
        if (c < HAK_CLASS_COUNT && HAK_SECURE) return checked_alloc_roomy(c, size);
        if (c < HAK_CLASS_COUNT) return alloc_inline(hak_classes[c].size);
    }
    bool zero;
    if (HAK_SECURE) return checked_large(size, alignment, &zero);
    return given(large_alloc(hak_max(size, 1), alignment, &zero));
}

/* Every multiple of 16 up to 1 KiB is a class. Size 0, and what wraps to it, finds bin 0, which is always empty. */
void *hak_alloc_aligned_fast(size_t alignment, size_t size) {
    size_t mask = (alignment - 1) | (HAK_BLOCK_ALIGN - 1), offset = (size + mask) & ~mask;
    return HAK_SECURE || HAK_DEBUG || HAK_UNLIKELY(offset > HAK_TINY_MAX) ? NULL : pop_from(offset);
}

void *hak_alloc_aligned(size_t alignment, size_t size) {
    void *block = hak_alloc_aligned_fast(alignment, size);
    return HAK_LIKELY(block != NULL) ? block : aligned_slow(alignment, size);
}

/* Size of a live block of the arena; ends the process if it is none. */
static size_t arena_size(const void *block, const char *doing) {
    size_t unit = hak_unit_of(block);
    unsigned c = hak_page_map_class(unit);
    if (HAK_DEBUG) hak_guard_check(block, doing);
    if (HAK_SECURE) return hak_secure_size(block, doing);
    if (c == 0) hak_fatal(HAK_ERROR_invalid_pointer, block, doing);
    if (c != HAK_CLASS_LARGE) return hak_classes[c].size;
    if (block != hak_unit_address(unit)) hak_fatal(HAK_ERROR_interior_pointer, block, doing);
    return hak_large_size(unit);
}

static size_t size_of(const void *block, const char *doing) {
    if (HAK_LIKELY(hak_arena_holds(block))) return arena_size(block, doing);
    if (hak_sampled_holds(block)) return hak_sampled_size(block, doing);
    size_t size = hak_outside_size(block);
    if (size == 0 && !hak_foreign_size(block, &size)) hak_fatal(HAK_ERROR_foreign_pointer, block, doing);
    return size;
}

size_t hak_size(const void *block) { return block == NULL ? 0 : size_of(block, "malloc_usable_size"); }

/* A block that grows beyond mid sizes becomes a span, which grows in place from then on. */
static void *alloc_to_resize(size_t old_size, size_t size) {
    bool zero;
    if (size <= old_size || size <= HAK_MID_MAX) return hak_alloc(size);
    return HAK_SECURE ? checked_large(size, 1, &zero) : given(large_alloc(size, 1, &zero));
}

static void *resize_by_copy(void *block, size_t old_size, size_t size) {
    int saved = errno;
    void *fresh = alloc_to_resize(old_size, size);
    if (fresh == NULL) {
        if (size > old_size) return NULL;
        errno = saved;
        return block; /* a block that cannot become smaller is large enough */
    }
    memcpy(fresh, block, hak_min(old_size, size));
    if (HAK_SECURE) checked_release_slow(block, "realloc");
    else release_inline(block);
    return fresh;
}

static void *resize_large(void *block, size_t old_size, size_t size) {
    size_t unit = hak_unit_of(block);
    if (hak_large_resize(unit, size)) {
        if (HAK_SECURE) hak_secure_resize(block, HAK_CLASS_LARGE, size);
        hak_upkeep(hak_thread_cache());
        return block;
    }
    /* Another thread may get the old span before the move has returned. */
    if (HAK_DEBUG) hak_guard_take(block, "realloc");
    if (HAK_SECURE) hak_secure_leave_large(block);
    void *moved = hak_large_move(unit, size);
    if (HAK_SECURE) hak_secure_give(moved != NULL ? moved : block, HAK_CLASS_LARGE, moved != NULL ? size : old_size);
    if (HAK_DEBUG) hak_guard_give(moved != NULL ? moved : block);
    if (moved == NULL) return resize_by_copy(block, old_size, size);
    hak_upkeep(hak_thread_cache());
    return moved;
}

/* A small block that grows by little will grow again, as strings do: with room for that it is copied less often. Lists and
 * vectors, which take larger steps, made room themselves. */
static size_t with_room_to_grow(size_t old_size, size_t size) {
    size_t roomy = old_size + old_size / ROOM_PART;
    bool grows_little = size > old_size && size < old_size + old_size / LITTLE_PART;
    return grows_little && roomy <= HAK_MID_MAX ? roomy : size;
}

/* A block of the arena, in the secure flavour: looked at once. */
static void *checked_resize(void *block, size_t size) {
    unsigned c;
    size_t old_size = hak_secure_look(block, &c, "realloc"), room = hak_secure_capacity(block, c);
    if (c == HAK_CLASS_LARGE && size > HAK_MID_MAX) return resize_large(block, old_size, size);
    if (size <= room && size >= room / 2) {
        hak_secure_resize(block, c, size);
        return block;
    }
    if (c == HAK_CLASS_LARGE) return resize_by_copy(block, old_size, size);
    int saved = errno;
    size_t roomy = with_room_to_grow(old_size, size);
    void *fresh = size > HAK_MID_MAX ? alloc_to_resize(old_size, size) : checked_alloc_roomy(hak_class_of(roomy + HAK_CANARY), size);
    if (fresh == NULL) {
        if (size > old_size) return NULL;
        errno = saved;
        return block;
    }
    memcpy(fresh, block, hak_min(old_size, size));
    hak_secure_retire(block, c, old_size);
    checked_push(block, c * sizeof(hak_bin_t), hak_link_key(block));
    return fresh;
}

static HAK_NOINLINE void *resize_slow(void *block, size_t size) {
    if (block == NULL) return hak_alloc(size);
    if (size == 0) {
        hak_release(block);
        return NULL;
    }
    if (size > PTRDIFF_MAX) return no_memory();
    if (HAK_SECURE && HAK_LIKELY(hak_arena_holds(block))) return checked_resize(block, size);
    size_t old_size = size_of(block, "realloc");
    bool in_arena = hak_arena_holds(block);
    bool large = in_arena && hak_page_map_class(hak_unit_of(block)) == HAK_CLASS_LARGE;
    if (large && size > HAK_MID_MAX) return resize_large(block, old_size, size);
    if (!in_arena && !hak_sampled_holds(block) && hak_outside_size(block) == 0) return hak_foreign_resize(block, size);
    /* A block that stays at least half full stays where it is. */
    if (size <= old_size && size >= old_size / 2 && !hak_sampled_holds(block)) return block;
    return resize_by_copy(block, old_size, with_room_to_grow(old_size, size));
}

/* A block of a slab whose bin is at `offset`, to one that the cache has. */
static HAK_NOINLINE void *resize_move(void *block, size_t offset, size_t old_size, size_t size) {
    size_t roomy = with_room_to_grow(old_size, size);
    if (HAK_UNLIKELY(roomy - 1 >= HAK_MID_MAX)) return resize_slow(block, size); /* 0, or no size of a slab's */
    size_t place = roomy <= HAK_TINY_MAX ? hak_round_up(roomy, HAK_BLOCK_ALIGN) : hak_class_of_mid(roomy) * sizeof(hak_bin_t);
    void *fresh = pop_from(place);
    if (HAK_UNLIKELY(fresh == NULL)) return resize_slow(block, size);
    memcpy(fresh, block, hak_min(old_size, size));
    release_to(hak_thread_fast(), offset, block);
    return fresh;
}

/* The commonest, a block of a slab, without a second look at the page map. */
void *hak_resize(void *block, size_t size) {
    size_t offset;
    if (HAK_SECURE || HAK_DEBUG || !find_bin(block, &offset)) return resize_slow(block, size);
    unsigned c = (unsigned)(offset / HAK_BLOCK_ALIGN);
    if (HAK_UNLIKELY(c - 1 >= HAK_CLASS_LARGE - 1)) return resize_slow(block, size); /* large, or no block */
    size_t old_size = hak_classes[c].size;
    if (size <= old_size && size >= old_size / 2) return block; /* at least half full */
    return resize_move(block, offset, old_size, size);
}

void *hak_resize_array(void *block, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) return no_memory();
    return hak_resize(block, bytes);
}

typedef struct search {
    unsigned class;
    const void *block;
    bool found;
} search_t;

static void search_cache(hak_cache_t *cache, void *context) {
    search_t *search = context;
    hak_span_hold();
    search->found = search->found || hak_cache_has(cache, search->class, search->block);
    hak_span_let_go();
}

bool hak_owns_block(const void *block) {
    if (block == NULL) return false;
    if (hak_sampled_holds(block)) return hak_sampled_is_live(block);
    if (!hak_arena_holds(block)) return hak_outside_size(block) != 0;
    if (HAK_DEBUG) return hak_guard_is_live(block);
    if (HAK_SECURE) return hak_secure_is_live(block);
    size_t unit = hak_unit_of(block);
    unsigned c = hak_page_map_class(unit);
    if (c == 0 || c == HAK_CLASS_LARGE) return c != 0 && block == hak_unit_address(unit);
    search_t search = {c, block, hak_central_has(c, hak_slab_head(unit), block)};
    if (!search.found) hak_thread_visit(search_cache, &search, true);
    return !search.found;
}

bool hak_trim_heap(size_t pad) { return hak_thread_open() && hak_upkeep_trim(hak_thread_cache(), pad); }
