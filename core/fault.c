#include "fault.h"

#include <signal.h>

#include "options.h"
#include "os.h"
#include "pages.h"
#include "stack.h"
#include "sweep.h"

enum {
    SIGNAL_STACK_BYTES = 128 * 1024,
    NEAR_BYTES = 2 << 20,
    NEAR_STEP = 4096,
};

static struct {
    hak_lock_t lock;
    bool open;
    _Atomic uint64_t renewed_ms; /* once in each tick of the coarse clock is enough, and some system calls less */
} fault;

static uint64_t how_far(const hak_record_t *record, uintptr_t address) {
    return address < record->block ? record->block - address : address - hak_record_end(record);
}

/* An address between two guarded blocks belongs to the nearer one. */
static void blame_nearer(const hak_site_t *site, uintptr_t address, hak_finding_t *finding) {
    hak_site_t other;
    int step = address < site->record->block ? -1 : 1;
    if (!hak_record_neighbour(site, step, &other) || hak_record_phase(other.record) != HAK_PHASE_LIVE) return;
    finding->neighbour = other.record;
    if (how_far(other.record, address) >= how_far(site->record, address)) return;
    finding->neighbour = finding->record;
    finding->record = other.record;
}

static void blame_access(hak_finding_t *finding, uintptr_t address, bool writes) {
    if (hak_record_phase(finding->record) == HAK_PHASE_LIVE) {
        finding->error = writes ? HAK_ERROR_out_of_bounds_write : HAK_ERROR_out_of_bounds_read;
    } else {
        finding->error = writes ? HAK_ERROR_write_after_free : HAK_ERROR_read_after_free;
    }
    finding->offset = (ptrdiff_t)(address - finding->record->block);
    finding->length = writes ? 1 : 0;
}

/* True if the address belongs to a block that the checks have closed, or to what surrounds one. */
static bool explain_fault(uintptr_t address, bool writes, hak_finding_t *finding) {
    hak_site_t site;
    if (!hak_record_find((const void *)address, &site)) return false;
    finding->record = site.record;
    uint8_t flags = site.record->flags;
    if ((flags & (HAK_RECORD_CLOSED | HAK_RECORD_PAGES)) == 0) return false;
    bool inside = address - site.record->block < hak_max(site.record->size, 1);
    if (!inside || (flags & HAK_RECORD_CLOSED) == 0) blame_nearer(&site, address, finding);
    blame_access(finding, address, writes);
    return true;
}

/* The live block nearest to an address that no block holds; NULL if there is none near. */
static const hak_record_t *nearest(uintptr_t address) {
    for (uintptr_t step = 0; step <= NEAR_BYTES; step += NEAR_STEP) {
        hak_site_t site;
        for (int side = 0; side < 2; side++) {
            const void *near = (const void *)(side == 0 ? address - step : address + step);
            if (hak_record_find(near, &site) && hak_record_phase(site.record) == HAK_PHASE_LIVE) return site.record;
        }
    }
    return NULL;
}

/* The heap, its tables below it, and what lies behind it until the next step of its growth. */
static bool is_near_the_heap(uintptr_t address) {
    uintptr_t from = (uintptr_t)hak_arena.live, to = hak_arena_base() + (hak_arena.reserved_units << HAK_UNIT_SHIFT);
    return address - from < to - from;
}

/* Or in what the library called. */
static bool in_the_library(uintptr_t pc) {
    hak_module_t module;
    if (hak_witness_if_any()->inside != 0) return true;
    return hak_stack_module_of((uintptr_t)&hak_fault_open, &module) && pc - module.start < module.end - module.start;
}

static hak_fault_end_t handle_fault(const hak_fault_t *struck) {
    uintptr_t address = (uintptr_t)struck->address;
    if (hak_report_is_here()) {
        hak_warn("a report ended in a fault;", "the check file may be incomplete");
        return HAK_FAULT_LAST;
    }
    hak_finding_t finding = {
        .door = HAK_DOOR_none, .when = "fault", .pointer = struck->address, .signal_context = struck->signal_context};
    if (explain_fault(address, struck->writes, &finding)) {
        hak_report(&finding);
        if (hak_pages_let_pass(struck->address)) return HAK_FAULT_MENDED;
    } else if (in_the_library(struck->at.pc)) {
        hak_sweep_at_fault(struck->signal_context);
        finding.error = HAK_ERROR_corrupt_list;
        hak_report(&finding);
    } else if (is_near_the_heap(address)) {
        finding.error = HAK_ERROR_wild_access;
        finding.record = nearest(address);
        if (finding.record != NULL) blame_access(&finding, address, struck->writes);
        hak_report(&finding);
    }
    return HAK_FAULT_UNKNOWN;
}

void hak_fault_open(void) {
    hak_os_on_fault(handle_fault);
    fault.open = true;
}

void hak_fault_renew(void) {
    uint64_t now_ms = hak_os_now_ms();
    if (!fault.open || now_ms == hak_load_relaxed(&fault.renewed_ms)) return;
    if (!hak_try_lock_for(&fault.lock, HAK_LOCK_check)) return;
    hak_store_relaxed(&fault.renewed_ms, now_ms);
    hak_os_on_fault_again();
    hak_unlock(&fault.lock);
}

void hak_fault_thread_begins(hak_witness_t *witness) {
    stack_t old;
    if (sigaltstack(NULL, &old) != 0 || (old.ss_flags & SS_DISABLE) == 0) return;
    if (witness->signal_stack == NULL) witness->signal_stack = hak_os_map(NULL, SIGNAL_STACK_BYTES);
    if (witness->signal_stack == NULL) return;
    stack_t own = {.ss_sp = witness->signal_stack, .ss_size = SIGNAL_STACK_BYTES};
    sigaltstack(&own, NULL);
}

void hak_fault_thread_ends(hak_witness_t *witness) {
    stack_t old;
    if (witness->signal_stack == NULL || sigaltstack(NULL, &old) != 0 || old.ss_sp != witness->signal_stack) return;
    stack_t none = {.ss_flags = SS_DISABLE};
    sigaltstack(&none, NULL);
}
