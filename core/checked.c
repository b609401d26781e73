#include "checked.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "fault.h"
#include "foreign.h"
#include "inspect.h"
#include "leaks.h"
#include "options.h"
#include "os.h"
#include "pages.h"
#include "pattern.h"
#include "python_frames.h"
#include "quarantine.h"
#include "stack.h"
#include "sweep.h"

enum {
    SITE_MIN = 64,                /* no more sites to a unit than its area of records holds */
    STACK_BUDGET = 256 << 20,
    POPULATED_AT_ONCE = 64 << 10, /* blocks above this: smaller ones share pages, or their slab brought them */
};

_Atomic int hak_checks;
static hak_lock_t checks_lock;

static void *no_checked_memory(void) {
    errno = ENOMEM;
    return NULL;
}

/* The stack of a program's call, whose door has this frame; what the checks call themselves, directly or through the C library,
 * has none. */
static inline uint32_t enter_checks(hak_witness_t *witness, const void *frame) {
    if (HAK_UNLIKELY(hak_witness_reports != 0)) hak_witness_reporter_allocates();
    if (HAK_UNLIKELY(witness == &hak_witness_nobody)) return hak_stack_capture_from(frame);
    return witness->inside++ == 0 ? hak_stack_capture_from(frame) : 0;
}
static void leave_checks(hak_witness_t *witness) {
    if (HAK_LIKELY(witness != &hak_witness_nobody)) witness->inside--;
}

static void *bad_size(size_t size, hak_door_t door) {
    hak_report(&(hak_finding_t){
        .error = HAK_ERROR_bad_size, .door = door, .when = "call", .given = size, .goes_on = true});
    return no_checked_memory();
}

/* Bytes before a block: a power of two that keeps its alignment. */
static size_t room_before(size_t size, size_t alignment) {
    size_t least = size > HAK_MID_MAX - SITE_MIN ? HAK_REDZONE_PAGE : HAK_REDZONE_BEFORE;
    return hak_max(least, alignment);
}

/* A block that left the quarantine and was not used again since should be as it left. */
static void look_back(const hak_site_t *site) {
    const hak_record_t *record = site->record;
    if (record->block == 0 || !hak_record_in_slab(site) || hak_record_phase(record) != HAK_PHASE_GONE) return;
    if ((record->flags & (HAK_RECORD_STALE | HAK_RECORD_REOPENED)) != 0) return;
    hak_finding_t finding = {.door = HAK_DOOR_none, .when = "reuse"};
    if (HAK_LIKELY(!hak_inspect_inside(site, &finding))) return;
    hak_inspect_blame(site, &finding);
    hak_report(&finding);
}

/* The heap gave what is no block, or one that is in use: a link in its lists was written to. */
static bool is_no_free_block(const hak_site_t *site, const void *start) {
    hak_phase_t phase = hak_record_phase(site->record);
    return site->start != start || (phase != HAK_PHASE_NONE && phase != HAK_PHASE_GONE);
}

/* A site for the block, with its record's block and flags filled in. *zero: it holds zero bytes. */
static bool take_site(size_t size, size_t alignment, bool *zero, hak_site_t *site) {
    if (hak_pages_take(size, alignment, site)) {
        *zero = false;
        return true;
    }
    size_t before = room_before(size, alignment);
    if (before > PTRDIFF_MAX - HAK_REDZONE_AFTER - size) return false;
    size_t whole = hak_max(before + size + HAK_REDZONE_AFTER, SITE_MIN);
    void *start;
    if (alignment > HAK_BLOCK_ALIGN) start = hak_alloc_aligned(alignment, whole);
    else if (*zero && whole > HAK_MID_MAX) start = hak_alloc_zero(1, whole);
    else start = hak_alloc(whole);
    *zero = *zero && whole > HAK_MID_MAX && alignment <= HAK_BLOCK_ALIGN;
    if (start == NULL) return false;
    *site = hak_record_of_new(start);
    if (site->record == NULL) {
        hak_release(start);
        return false;
    }
    if (HAK_UNLIKELY(is_no_free_block(site, start))) hak_fatal(HAK_ERROR_corrupt_list, start, "malloc");
    look_back(site);
    site->record->block = (uintptr_t)start + before;
    site->record->flags = site->record->flags & HAK_RECORD_OUTSIDE;
    site->record->before_shift = (uint8_t)hak_log2(before);
    return true;
}

/* A block whose first `keep` bytes the caller will write; the others show by their pattern that nobody has. */
static void *take_checked(hak_witness_t *witness, uint32_t stack, size_t size, size_t alignment, hak_door_t door, bool zero, size_t keep) {
    hak_site_t site;
    bool is_zero = zero;
    if (!take_site(size, alignment, &is_zero, &site)) return no_checked_memory();
    hak_record_t *record = site.record;
    record->size = size;
    record->taken_stack = stack;
    record->given_stack = 0;
    record->taken_by = witness->thread;
    record->door = (uint8_t)door;
    record->alignment_shift = alignment > 1 ? (uint8_t)hak_log2(alignment) : 0;
    size_t shown = hak_min(size, HAK_INSPECT_MAX);
    if (shown > POPULATED_AT_ONCE && !is_zero && !hak_pages_bring(&site, shown)) return no_checked_memory();
    hak_inspect_fence(&site);
    char *block = (char *)record->block;
    if (!zero && keep < shown) hak_redzone_fill(block + keep, shown - keep, HAK_BYTE_NEW);
    else if (!is_zero) memset(block, 0, size);
    hak_record_enter(record, HAK_PHASE_LIVE);
    return block;
}

void *hak_checked_alloc(size_t size, size_t alignment, hak_door_t door) {
    if (HAK_UNLIKELY(size > PTRDIFF_MAX)) return bad_size(size, door);
    if (HAK_UNLIKELY(alignment > PTRDIFF_MAX)) return no_checked_memory();
    hak_witness_t *witness = hak_witness();
    uint32_t stack = enter_checks(witness, __builtin_frame_address(0));
    void *block = take_checked(witness, stack, size, alignment, door, false, 0);
    hak_ring_add(&witness->ring, door, block, size, stack);
    leave_checks(witness);
    return block;
}

void *hak_checked_alloc_zero(size_t count, size_t size) {
    size_t bytes;
    if (HAK_UNLIKELY(__builtin_mul_overflow(count, size, &bytes))) bytes = SIZE_MAX;
    if (HAK_UNLIKELY(bytes > PTRDIFF_MAX)) return bad_size(bytes, HAK_DOOR_calloc);
    hak_witness_t *witness = hak_witness();
    uint32_t stack = enter_checks(witness, __builtin_frame_address(0));
    void *block = take_checked(witness, stack, bytes, 1, HAK_DOOR_calloc, true, 0);
    hak_ring_add(&witness->ring, HAK_DOOR_calloc, block, bytes, stack);
    leave_checks(witness);
    return block;
}

/* Gives a freed block to the heap. */
static void let_one_go(hak_record_t *record) {
    hak_site_t site = hak_record_site(record);
    hak_finding_t finding = {.door = HAK_DOOR_none, .when = "reuse"};
    if (HAK_UNLIKELY(hak_inspect_here(&site, HAK_PHASE_FREED, &finding))) {
        hak_inspect_blame(&site, &finding);
        hak_report(&finding);
    }
    hak_record_enter(record, HAK_PHASE_GONE); /* first: a sweep takes what is freed and not closed for filled */
    if (!hak_pages_reopen(&site)) {
        hak_record_enter(record, HAK_PHASE_FREED); /* it stays closed for ever */
        return;
    }
    hak_record_drop(record);
    hak_release(site.start);
}

/* What waited is in no cache any more: a record is fetched while that many before it are seen to, and then the block that it
 * names. */
enum { RECORDS_AHEAD = 16, BLOCKS_AHEAD = 8 };

static void fetch_record(const hak_record_t *record) {
    __builtin_prefetch(record);
    __builtin_prefetch((const char *)(record + 1) - 1);
}
static void fetch_block(const hak_record_t *record) {
    const char *block = (const char *)record->block;
    __builtin_prefetch(block - HAK_REDZONE_BEFORE);
    __builtin_prefetch(block + HAK_CACHE_LINE - HAK_REDZONE_BEFORE);
    __builtin_prefetch(block + record->size);
}

static void let_batch_go(hak_record_t **records, uint32_t count) {
    for (uint32_t i = 0; i < RECORDS_AHEAD && i < count; i++) fetch_record(records[i]);
    for (uint32_t i = 0; i < BLOCKS_AHEAD && i < count; i++) fetch_block(records[i]);
    for (uint32_t i = 0; i < count; i++) {
        if (i + RECORDS_AHEAD < count) fetch_record(records[i + RECORDS_AHEAD]);
        if (i + BLOCKS_AHEAD < count) fetch_block(records[i + BLOCKS_AHEAD]);
        let_one_go(records[i]);
    }
}

static void let_go(hak_witness_t *witness, hak_waiting_t *batches) {
    for (hak_waiting_t *batch = batches; batch != NULL; batch = batch->next) let_batch_go(batch->records, batch->count);
    hak_quarantine_done(witness, batches);
}

/* Says what is wrong with a pointer that is not the start of a live block. */
static HAK_COLD void misuse(const void *pointer, hak_door_t door) {
    hak_ring_add(&hak_witness()->ring, door, pointer, 0, 0);
    hak_finding_t finding = {.error = HAK_ERROR_foreign_pointer, .door = door, .when = "call", .pointer = pointer};
    hak_site_t site;
    if (hak_record_find(pointer, &site) && (site.record->block == (uintptr_t)pointer || hak_record_phase(site.record) != HAK_PHASE_GONE)) {
        finding.record = site.record;
        finding.offset = (ptrdiff_t)((uintptr_t)pointer - site.record->block);
        finding.error = finding.offset == 0 ? HAK_ERROR_double_free : HAK_ERROR_interior_pointer;
    } else if (hak_arena_holds(pointer)) {
        finding.record = hak_record_of_former(pointer);
        finding.error = finding.record != NULL ? HAK_ERROR_double_free : HAK_ERROR_invalid_pointer;
    }
    hak_report(&finding);
}

/* The live block that begins at `pointer`. */
static bool find_live(const void *pointer, hak_site_t *site) {
    return hak_record_find(pointer, site) && site->record->block == (uintptr_t)pointer &&
           hak_record_phase(site->record) == HAK_PHASE_LIVE;
}

static HAK_COLD void tell_difference(const hak_record_t *record, hak_door_t door, hak_told_t told) {
    hak_finding_t finding = {.door = door, .when = "call", .pointer = (const void *)record->block, .record = record};
    size_t alignment = (size_t)1 << record->alignment_shift;
    if (hak_door_family(door) != hak_door_family((hak_door_t)record->door)) {
        finding.error = HAK_ERROR_kind_mismatch;
    } else if (told.alignment != 0 && told.alignment != alignment) {
        finding.error = HAK_ERROR_alignment_mismatch;
        finding.given = told.alignment;
    } else {
        finding.error = HAK_ERROR_size_mismatch;
        finding.given = told.size;
    }
    hak_report(&finding);
}

static inline void compare(const hak_record_t *record, hak_door_t door, hak_told_t told) {
    bool same = hak_door_family(door) == hak_door_family((hak_door_t)record->door);
    if (told.alignment != 0) same = same && told.alignment == (size_t)1 << record->alignment_shift;
    if (told.has_size) same = same && told.size == record->size;
    if (HAK_UNLIKELY(!same)) tell_difference(record, door, told);
}

/* A block that this thread has taken out of the phase live. */
static void give(hak_witness_t *witness, uint32_t stack, const hak_site_t *site, hak_door_t door) {
    hak_record_t *record = site->record;
    hak_finding_t finding = {.door = door, .when = "call"};
    if (HAK_UNLIKELY(hak_inspect_here(site, HAK_PHASE_LIVE, &finding))) {
        hak_inspect_blame(site, &finding);
        hak_report(&finding);
    }
    hak_python_block_ends((const void *)record->block, record->size);
    record->given_stack = stack;
    record->given_by = witness->thread;
    if (!hak_pages_close(site)) hak_redzone_fill((void *)record->block, hak_min(record->size, HAK_INSPECT_MAX), HAK_BYTE_FREED);
    hak_record_enter(record, HAK_PHASE_FREED);
    if (HAK_UNLIKELY((record->flags & HAK_RECORD_OUTSIDE) != 0)) {
        let_one_go(record); /* its mapping goes back to the system: a use after that is stopped */
        return;
    }
    hak_waiting_t *out;
    if (HAK_LIKELY(!hak_quarantine_put(witness, record, &out))) return;
    let_go(witness, out);
    hak_fault_renew();
    hak_sweep_start_thread();
}

static HAK_INLINE void release_from(const void *frame, void *block, hak_door_t door, hak_told_t told) {
    if (block == NULL) return;
    int saved = errno;
    hak_witness_t *witness = hak_witness();
    hak_site_t site;
    bool known = hak_record_fetch_ahead(block, &site);
    uint32_t stack = enter_checks(witness, frame);
    bool found = (known || hak_record_find(block, &site)) && site.record->block == (uintptr_t)block;
    if (HAK_LIKELY(found && hak_record_leave_live(site.record))) {
        hak_ring_add(&witness->ring, door, block, site.record->size, stack);
        compare(site.record, door, told);
        give(witness, stack, &site, door);
    } else if (found || hak_arena_holds(block) || !hak_foreign_free(block)) {
        misuse(block, door);
    }
    leave_checks(witness);
    errno = saved;
}

void hak_checked_release(void *block, hak_door_t door, hak_told_t told) {
    release_from(__builtin_frame_address(0), block, door, told);
}
void hak_checked_free(void *block) { release_from(__builtin_frame_address(0), block, HAK_DOOR_free, (hak_told_t){false, 0, 0}); }

/* A block of the C library's own malloc; see foreign.h. */
static bool is_foreign(const void *block, size_t *size) {
    hak_site_t site;
    return !hak_arena_holds(block) && !hak_record_find(block, &site) && hak_foreign_size(block, size);
}

void *hak_checked_resize(void *block, size_t size, hak_door_t door) {
    if (block == NULL) return hak_checked_alloc(size, 1, door);
    if (size == 0) {
        hak_checked_release(block, door, (hak_told_t){false, 0, 0});
        return NULL;
    }
    if (HAK_UNLIKELY(size > PTRDIFF_MAX)) return bad_size(size, door);
    hak_witness_t *witness = hak_witness();
    uint32_t stack = enter_checks(witness, __builtin_frame_address(0));
    hak_site_t site;
    void *fresh = NULL;
    size_t old_size = 0;
    bool foreign = false;
    if (HAK_UNLIKELY(!find_live(block, &site)) && !(foreign = is_foreign(block, &old_size))) {
        misuse(block, door);
        fresh = take_checked(witness, stack, size, 1, door, false, 0); /* so that a program that goes on can do so */
    } else if (foreign) {
        fresh = hak_foreign_resize(block, size);
    } else {
        old_size = site.record->size;
        compare(site.record, door, (hak_told_t){false, 0, 0});
        fresh = take_checked(witness, stack, size, 1, door, false, hak_min(old_size, size));
        if (fresh != NULL) {
            memcpy(fresh, block, hak_min(old_size, size));
            int saved = errno;
            if (hak_record_leave_live(site.record)) give(witness, stack, &site, door);
            else misuse(block, door);
            errno = saved;
        }
    }
    hak_ring_add(&witness->ring, door, fresh, size, stack);
    leave_checks(witness);
    return fresh;
}

void *hak_checked_resize_array(void *block, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) return bad_size(SIZE_MAX, HAK_DOOR_reallocarray);
    return hak_checked_resize(block, bytes, HAK_DOOR_reallocarray);
}

size_t hak_checked_size(const void *block) {
    hak_site_t site;
    size_t size = 0;
    if (block == NULL) return 0;
    if (HAK_LIKELY(find_live(block, &site))) return site.record->size;
    if (!is_foreign(block, &size)) misuse(block, HAK_DOOR_usable_size);
    return size;
}

bool hak_checked_owns(const void *block) {
    hak_site_t site;
    return block != NULL && find_live(block, &site);
}

static void checked_thread_begins(hak_witness_t *witness) { hak_fault_thread_begins(witness); }

static void checked_thread_ends(hak_witness_t *witness) {
    let_go(witness, hak_quarantine_flush(witness));
    hak_fault_thread_ends(witness);
    hak_stack_thread_ends();
}

/* The heap below found its own lists damaged, and the process will end. */
static void told_fatal(hak_error_t error, const void *pointer) {
    if (hak_report_is_here()) return;
    hak_sweep_at_fault(NULL);
    hak_report(&(hak_finding_t){.error = error, .door = HAK_DOOR_none, .when = "fault", .pointer = pointer, .goes_on = true});
    hak_report_end(NULL);
}

static void checks_before_fork(void) {
    hak_streams_before_fork();
    hak_witness_before_fork();
    hak_quarantine_before_fork();
    hak_record_before_fork();
    hak_report_before_fork();
}
static void checks_after_fork(bool child) {
    hak_report_after_fork(child);
    hak_record_after_fork(child);
    hak_quarantine_after_fork(child);
    hak_witness_after_fork(child);
    hak_streams_after_fork(child);
    if (child) hak_stack_after_fork();
    if (child) hak_sweep_after_fork();
}
static void checks_after_fork_in_parent(void) { checks_after_fork(false); }
static void checks_after_fork_in_child(void) { checks_after_fork(true); }

/* A block that give() will see; what lies outside the arena is asked for with a lock, and is no object of Python. */
static bool end_is_told(const void *code) { return hak_arena_holds(code) && hak_checked_owns(code); }

static hak_checks_t open_checks_once(void) {
    bool on = hak_options_check() && hak_record_open() && hak_report_open(hak_options.check_file);
    if (!on) return HAK_CHECKS_OFF;
    hak_witness_begins = checked_thread_begins;
    hak_witness_ends = checked_thread_ends;
    hak_fatal_told = told_fatal;
    hak_pattern_off = true;
    hak_witness_open();
    hak_stack_open(hak_options.check_stacks, STACK_BUDGET);
    hak_python_end_is_told = end_is_told;
    hak_pages_open();
    hak_fault_open();
    hak_report_start();
    return HAK_CHECKS_ON;
}

HAK_COLD bool hak_checks_open(void) {
    int saved = errno;
    bool first = false;
    if (hak_thread_open()) { /* which may have come here itself, and decided */
        hak_lock_for(&checks_lock, HAK_LOCK_check);
        first = hak_load_relaxed(&hak_checks) == HAK_CHECKS_UNKNOWN;
        if (first) hak_store_relaxed(&hak_checks, open_checks_once());
        hak_unlock(&checks_lock);
    }
    bool on = hak_load_relaxed(&hak_checks) == HAK_CHECKS_ON;
    if (first && on) pthread_atfork(checks_before_fork, checks_after_fork_in_parent, checks_after_fork_in_child);
    errno = saved;
    return on;
}

/* Runs after the program's own exit handlers. */
static __attribute__((destructor)) void check_at_exit(void) {
    if (!HAK_DEBUG || hak_load_relaxed(&hak_checks) != HAK_CHECKS_ON) return;
    hak_sweep_totals_t totals = hak_sweep_at_exit();
    if (hak_options.check_leaks) hak_leaks_find();
    hak_report_end(&(hak_report_figures_t){totals.live_bytes, totals.live_blocks, hak_pages_unguarded()});
}

/* quick_exit(3) runs no destructors, and its handlers in the reverse of the order in which they were named. */
static __attribute__((constructor)) void check_at_start(void) {
    if (!hak_checking()) return;
    at_quick_exit(check_at_exit);
    hak_sweep_start_thread();
}
