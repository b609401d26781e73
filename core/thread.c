#include "thread.h"

#include <errno.h>
#include <pthread.h>

#include "budget.h"
#include "counters.h"
#include "diag.h"
#include "options.h"
#include "os.h"
#include "sampled.h"
#include "state.h"

_Thread_local _Atomic(hak_cache_t *) hak_cache_fast = &hak_cache_empty;
/* NULL before the first call; the empty cache after the thread's end. */
static _Thread_local hak_cache_t *hak_cache_own;
static _Thread_local uint32_t early_frees;

hak_call_figures_t hak_thread_ended_calls;
void (*hak_thread_forked)(void);

enum {
    CHUNK_BYTES = 64 * 1024, /* memory for caches is mapped in pieces of this size */
    EARLY_FREES = 256,       /* so many frees of a thread that has not allocated go straight to the central store */
};

static struct {
    hak_lock_t lock HAK_ALIGNED(64);
    hak_cache_t *first;  /* caches of living threads */
    hak_cache_t *unused; /* caches of threads that have ended, for those to come */
    char *chunk, *chunk_end; /* memory for caches; at first `first_cache` */
    uint32_t threads;
    pthread_key_t key;
    bool has_key;
} registry;

static hak_cache_t first_cache;
static hak_lock_t open_lock;
static _Atomic bool is_open;

static hak_cache_t *new_cache(void) {
    hak_cache_t *cache = registry.unused;
    if (cache != NULL) {
        registry.unused = cache->next;
        return cache;
    }
    if (registry.chunk + sizeof *cache > registry.chunk_end) {
        char *chunk = hak_os_map(NULL, CHUNK_BYTES);
        if (chunk == NULL) return NULL;
        registry.chunk = chunk;
        registry.chunk_end = chunk + CHUNK_BYTES;
    }
    cache = (hak_cache_t *)registry.chunk;
    registry.chunk += sizeof *cache;
    return cache;
}

static void enlist(hak_cache_t *cache) {
    cache->previous = NULL;
    cache->next = registry.first;
    if (cache->next != NULL) cache->next->previous = cache;
    registry.first = cache;
    hak_budget_set_sharers(++registry.threads);
}

static void delist(hak_cache_t *cache) {
    if (cache->previous != NULL) cache->previous->next = cache->next;
    else registry.first = cache->next;
    if (cache->next != NULL) cache->next->previous = cache->previous;
    hak_budget_set_sharers(--registry.threads);
    cache->slot = NULL;
    cache->ticks_seen = 0;
    cache->next = registry.unused;
    registry.unused = cache;
}

static void keep_calls(hak_cache_t *cache) {
    for (unsigned c = 0; HAK_COUNT && c < HAK_CALL_CLASSES; c++) {
        for (int i = 0; i < HAK_CALL_COUNT; i++) {
            hak_thread_ended_calls[c][i] += cache->calls[c][i];
            cache->calls[c][i] = 0;
        }
    }
}

/* The thread's last call of ours in most programs; later calls go straight to the central store. */
static void thread_ends(void *argument) {
    hak_cache_t *cache = argument;
    hak_store_relaxed(&hak_cache_fast, &hak_cache_empty);
    hak_cache_own = &hak_cache_empty;
    hak_cache_flush(cache);
    hak_lock_for(&registry.lock, HAK_LOCK_registry);
    keep_calls(cache);
    delist(cache);
    hak_unlock(&registry.lock);
    hak_count(HAK_COUNTER_threads_ended, 1);
}

extern void _IO_list_lock(void) __attribute__((weak));
extern void _IO_list_unlock(void) __attribute__((weak));
extern void _IO_list_resetlock(void) __attribute__((weak));

void hak_streams_before_fork(void) {
    if (_IO_list_lock != NULL) _IO_list_lock();
}
void hak_streams_after_fork(bool child) {
    if (child && _IO_list_resetlock != NULL) _IO_list_resetlock();
    if (!child && _IO_list_unlock != NULL) _IO_list_unlock();
}

static void before_fork(void) {
    hak_streams_before_fork();
    hak_lock(&open_lock);
    hak_lock(&registry.lock);
    hak_central_before_fork();
    hak_sampled_before_fork();
    hak_large_before_fork();
    hak_stock_before_fork();
    hak_span_before_fork();
}

static void after_fork_in_parent(void) {
    hak_span_after_fork(false);
    hak_stock_after_fork(false);
    hak_large_after_fork(false);
    hak_sampled_after_fork(false);
    hak_central_after_fork(false);
    hak_unlock(&registry.lock);
    hak_unlock(&open_lock);
    hak_streams_after_fork(false);
}

/* The other threads do not exist here. What was in their bins may have been in the middle of a change and is given up;
 * their spares are whole and go back. */
static void after_fork_in_child(void) {
    hak_streams_after_fork(true);
    hak_span_after_fork(true);
    hak_stock_after_fork(true);
    hak_large_after_fork(true);
    hak_sampled_after_fork(true);
    hak_central_after_fork(true);
    hak_lock_reset(&registry.lock);
    hak_lock_reset(&open_lock);
    hak_cache_t *own = hak_cache_own;
    for (hak_cache_t *cache = registry.first, *next; cache != NULL; cache = next) {
        next = cache->next;
        if (cache == own) continue;
        hak_cache_steal_spares(cache, hak_os_now_ms());
        hak_cache_abandon(cache);
        keep_calls(cache);
        delist(cache);
    }
    if (own != NULL) hak_budget_after_fork(own->lease_bytes, hak_load_relaxed(&own->long_bytes));
    else hak_budget_after_fork(0, 0);
    if (hak_thread_forked != NULL) hak_thread_forked();
}

/* Under full checks what waits in the quarantine fills the heap soon, and all of it is touched again and again: small pages are more
 * than a processor's tables hold. Blocks in pages of their own would split large ones. */
static hak_huge_t huge_policy(void) {
    bool checked = hak_options_check() && hak_options.check_guard == 0;
    return checked && hak_options.huge_pages == HAK_HUGE_SYSTEM ? HAK_HUGE_FROM_START : (hak_huge_t)hak_options.huge_pages;
}

static bool open_once(void) {
    static bool options_read; /* a failed try is repeated, its warnings are not */
    if (!options_read) hak_options_read();
    options_read = true;
    if (!hak_arena_open(hak_options.arena_max, huge_policy())) return false;
    if (HAK_SECURE) hak_state_open();
    registry.chunk = (char *)&first_cache;
    registry.chunk_end = registry.chunk + sizeof first_cache;
    if (HAK_SECURE) hak_sampled_open(hak_state_fault);
    else if (!HAK_DEBUG) hak_sampled_open(NULL);
    registry.has_key = pthread_key_create(&registry.key, thread_ends) == 0;
    return true;
}

bool hak_thread_open(void) {
    if (HAK_LIKELY(hak_load_acquire(&is_open))) return true;
    hak_lock_for(&open_lock, HAK_LOCK_start);
    bool first = !hak_load_relaxed(&is_open);
    bool done = !first || open_once();
    /* Release: partner of the acquire above; shows what open_once wrote. */
    hak_store_release(&is_open, done);
    hak_unlock(&open_lock);
    /* May allocate, and does so from the heap that is open by now. */
    if (first && done) pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    return done;
}

static hak_cache_t *attach_new(void) {
    if (!hak_thread_open()) return NULL;
    if (hak_cache_own != NULL) return hak_cache_own; /* opening may have allocated */
    hak_lock_for(&registry.lock, HAK_LOCK_registry);
    hak_cache_t *cache = new_cache();
    if (cache != NULL) enlist(cache);
    hak_unlock(&registry.lock);
    if (cache == NULL) return NULL;
    hak_cache_own = cache;
    hak_store_relaxed(&hak_cache_fast, cache);
    hak_count(HAK_COUNTER_threads_started, 1);
    if (hak_options.prewarm != 0) hak_cache_prewarm(cache);
    /* May call calloc, which finds the cache in place. Only a thread whose end will be seen can be trapped: nobody may write
     * to its pointer after that. */
    bool end_is_seen = registry.has_key && pthread_setspecific(registry.key, cache) == 0;
    hak_lock_for(&registry.lock, HAK_LOCK_registry);
    cache->slot = end_is_seen ? &hak_cache_fast : NULL;
    hak_unlock(&registry.lock);
    return cache;
}

static HAK_COLD hak_cache_t *attach(void) {
    int saved = errno; /* the C library's functions for threads may set it */
    hak_cache_t *cache = attach_new();
    errno = saved;
    return cache;
}

hak_cache_t *hak_thread_cache(void) {
    hak_cache_t *cache = hak_cache_own;
    if (HAK_UNLIKELY(cache == NULL)) return attach();
    return cache == &hak_cache_empty ? NULL : cache;
}

hak_cache_t *hak_thread_cache_to_free(void) {
    if (hak_cache_own == NULL && early_frees < EARLY_FREES) {
        early_frees++;
        return NULL;
    }
    return hak_thread_cache();
}

bool hak_thread_is_trapped(void) { return hak_thread_fast() != hak_cache_own; }

void hak_thread_set_trap(hak_cache_t *cache, bool on) {
    _Atomic(hak_cache_t *) *slot = cache->slot;
    if (slot != NULL) hak_store_relaxed(slot, on ? &hak_cache_empty : cache);
}

bool hak_thread_visit(void (*visit)(hak_cache_t *, void *), void *context, bool wait) {
    if (wait) hak_lock_for(&registry.lock, HAK_LOCK_registry);
    else if (!hak_try_lock_for(&registry.lock, HAK_LOCK_registry)) return false;
    for (hak_cache_t *cache = registry.first; cache != NULL; cache = cache->next) visit(cache, context);
    hak_unlock(&registry.lock);
    return true;
}
