#include "sweep.h"

#include <pthread.h>

#include "inspect.h"
#include "options.h"
#include "os.h"
#include "probe.h"

#define WINDOW_BYTES ((size_t)1 << 20)
#define AHEAD_BYTES ((size_t)128 << 10) /* what is read at once: little enough to be in the processor's cache when it is looked at */
#define PART_BYTES ((size_t)64 << 10) /* of a block that does not fit into the window: a fence is no longer */

static struct {
    hak_lock_t lock;
    char *window; /* WINDOW_BYTES, and two parts behind them */
    uintptr_t from;
    size_t length;
    hak_sweep_totals_t totals;
    hak_finding_t finding; /* what all findings of this sweep have in common */
    _Atomic bool has_thread;
} sweep;
static _Thread_local bool sweeps_here;

/* A copy of the bytes from `from` on; NULL if they cannot be read. */
static const char *window_at(uintptr_t from, size_t length, bool anew) {
    if (anew || from < sweep.from || from + length > sweep.from + sweep.length) {
        sweep.from = from;
        sweep.length = hak_probe_read(sweep.window, (const void *)from, anew ? length : hak_max(length, AHEAD_BYTES));
    }
    return length <= sweep.length ? sweep.window + (from - sweep.from) : NULL;
}

/* True if the copy that was looked at seems damaged. The block may be taken and given meanwhile: one copy of its record says
 * how far is read, and if that was caught half way between two blocks, nothing is. */
static bool looks_damaged(const hak_site_t *current, hak_phase_t phase, bool anew, hak_finding_t *finding) {
    hak_record_t record = *current->record;
    const hak_site_t as_copied = {&record, current->start, current->size}, *site = &as_copied;
    hak_outline_t outline = hak_inspect_outline(site);
    if (outline.from > outline.block || outline.block > outline.end || outline.end > outline.to) return false;
    if (outline.to - outline.from <= WINDOW_BYTES && (phase == HAK_PHASE_FREED || outline.end - outline.block <= PART_BYTES)) {
        const char *copy = window_at(outline.from, outline.to - outline.from, anew);
        return copy != NULL &&
               hak_inspect(site, copy, copy + (outline.block - outline.from), copy + (outline.end - outline.from), phase, finding);
    }
    if (phase == HAK_PHASE_FREED) return false; /* closed, or looked at when its time is up */
    char *before = sweep.window + WINDOW_BYTES, *after = before + PART_BYTES;
    size_t front = outline.block - outline.from, fence = outline.to - outline.end;
    if (front > PART_BYTES || fence > PART_BYTES) return false;
    bool readable = hak_probe_read(before, (const void *)outline.from, front) == front &&
                    hak_probe_read(after, (const void *)outline.end, fence) == fence;
    return readable && hak_inspect(site, before, NULL, after, phase, finding);
}

static void visit(const hak_site_t *site, void *context) {
    (void)context;
    hak_record_t *record = site->record;
    hak_phase_t phase = hak_record_phase(record);
    if (phase == HAK_PHASE_LIVE) {
        sweep.totals.live_blocks++;
        sweep.totals.live_bytes += record->size;
    } else if (phase != HAK_PHASE_FREED) {
        return;
    }
    hak_finding_t finding = sweep.finding;
    if ((record->flags & HAK_RECORD_CLOSED) != 0 || !looks_damaged(site, phase, false, &finding)) return;
    /* What was seen so far may be of two different blocks. Now it counts: a block that is live or freed keeps its slab, so its
     * site is where its record says; fences are whole and the record is filled in before the phase becomes live, a freed
     * block is filled before it becomes freed, and leaves that phase before its memory is given back. So if `state`, which
     * counts every change, is the same before and after the copy, the copy is of one block in one phase. */
    uint32_t state = hak_load_acquire(&record->state);
    phase = hak_record_phase(record);
    if (phase != HAK_PHASE_LIVE && phase != HAK_PHASE_FREED) return;
    hak_site_t now = hak_record_site(record);
    if (now.record != record || !looks_damaged(&now, phase, true, &finding)) return;
    hak_fence_acquire(); /* partner: the fences in record.c; what was read above was read before the next load */
    if (hak_load_relaxed(&record->state) != state) return;
    hak_inspect_blame(&now, &finding);
    hak_report(&finding);
}

/* Reports each damage as `finding` says, if no other sweep is under way or it waits for that. */
static hak_sweep_totals_t look_at_all(hak_finding_t finding, bool waits) {
    if (waits) hak_lock_for(&sweep.lock, HAK_LOCK_check);
    else if (!hak_try_lock_for(&sweep.lock, HAK_LOCK_check)) return (hak_sweep_totals_t){0, 0};
    sweeps_here = true;
    if (sweep.window == NULL) sweep.window = hak_os_map(NULL, WINDOW_BYTES + 2 * PART_BYTES);
    sweep.totals = (hak_sweep_totals_t){0, 0};
    sweep.length = 0;
    sweep.finding = finding;
    if (sweep.window != NULL) hak_record_visit(visit, NULL);
    hak_sweep_totals_t totals = sweep.totals;
    sweeps_here = false;
    hak_unlock(&sweep.lock);
    return totals;
}

void hak_sweep_at_fault(const void *signal_context) {
    hak_finding_t finding = {.door = HAK_DOOR_none, .when = "fault", .signal_context = signal_context, .goes_on = true};
    look_at_all(finding, false); /* the fault may be in a sweep */
}

hak_sweep_totals_t hak_sweep_at_exit(void) {
    if (sweeps_here) return sweep.totals; /* the program ends in a handler of a signal that this thread's sweep met or raised */
    return look_at_all((hak_finding_t){.door = HAK_DOOR_none, .when = "exit", .goes_on = true}, true);
}

static void *sweep_thread(void *argument) {
    (void)argument;
    pthread_setname_np(pthread_self(), "hakmem-sweep");
    for (;;) {
        hak_os_sleep_ms(hak_options.check_sweep);
        look_at_all((hak_finding_t){.door = HAK_DOOR_none, .when = "sweep"}, true);
    }
    return NULL;
}

static HAK_COLD void start(void) {
    bool none = false;
    if (!hak_cas_relaxed(&sweep.has_thread, &none, true)) return;
    if (!hak_os_start_thread(sweep_thread)) hak_store_relaxed(&sweep.has_thread, false);
}

void hak_sweep_start_thread(void) {
    if (hak_options.check_sweep != 0 && !hak_load_relaxed(&sweep.has_thread)) start();
}

void hak_sweep_after_fork(void) {
    hak_lock_reset(&sweep.lock);
    hak_store_relaxed(&sweep.has_thread, false);
}
