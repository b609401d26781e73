#include "fault.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

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

static const int fault_signals[] = {SIGSEGV, SIGBUS};
enum { SIGNALS = sizeof fault_signals / sizeof *fault_signals };

static struct {
    hak_lock_t lock;
    struct sigaction before[SIGNALS]; /* what the program wants, or wanted at the start */
    bool open;
} fault;

static _Thread_local volatile bool chaining;

static int index_of(int signal_number) { return signal_number == SIGSEGV ? 0 : 1; }

/* sigaction(2): not of the kernel's own finding; it says nothing about an address, and does not come again by itself. */
static bool was_sent(const siginfo_t *info) { return info->si_code <= 0; }

/* The program's handler, or the system's action, which follows when the instruction faults again. */
static void chain_fault(int number, siginfo_t *info, void *context) {
    struct sigaction *next = &fault.before[index_of(number)];
    if (next->sa_handler == SIG_IGN && was_sent(info)) return;
    bool own = next->sa_handler != SIG_DFL && next->sa_handler != SIG_IGN;
    if (!own || chaining) {
        struct sigaction standard = {.sa_handler = SIG_DFL};
        sigaction(number, &standard, NULL);
        if (was_sent(info)) tgkill(getpid(), gettid(), number);
        return;
    }
    chaining = true;
    if ((next->sa_flags & SA_SIGINFO) != 0) next->sa_sigaction(number, info, context);
    else next->sa_handler(number);
    chaining = false;
}

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

static void handle_fault(int number, siginfo_t *info, void *context) {
    int saved = errno;
    if (was_sent(info)) {
        chain_fault(number, info, context);
        errno = saved;
        return;
    }
    uintptr_t address = (uintptr_t)info->si_addr;
    if (hak_report_is_here()) {
        hak_warn("a report ended in a fault;", "the check file may be incomplete");
        struct sigaction standard = {.sa_handler = SIG_DFL};
        sigaction(number, &standard, NULL);
        return;
    }
    hak_finding_t finding = {
        .door = HAK_DOOR_none, .when = "fault", .pointer = (const void *)address, .signal_context = context};
    if (explain_fault(address, hak_os_struck_writing(context), &finding)) {
        hak_report(&finding);
        if (hak_pages_let_pass((const void *)address)) {
            errno = saved;
            return;
        }
    } else if (in_the_library(hak_os_registers(context).pc)) {
        hak_sweep_at_fault(context);
        finding.error = HAK_ERROR_corrupt_list;
        hak_report(&finding);
    } else if (is_near_the_heap(address)) {
        finding.error = HAK_ERROR_wild_access;
        finding.record = nearest(address);
        if (finding.record != NULL) blame_access(&finding, address, hak_os_struck_writing(context));
        hak_report(&finding);
    }
    errno = saved;
    chain_fault(number, info, context);
}

static void install_handler(int i, struct sigaction *before) {
    struct sigaction ours = {.sa_sigaction = handle_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigemptyset(&ours.sa_mask);
    sigaction(fault_signals[i], &ours, before);
}

void hak_fault_open(void) {
    for (int i = 0; i < SIGNALS; i++) install_handler(i, &fault.before[i]);
    fault.open = true;
}

void hak_fault_renew(void) {
    if (!fault.open || !hak_try_lock_for(&fault.lock, HAK_LOCK_check)) return;
    for (int i = 0; i < SIGNALS; i++) {
        struct sigaction now;
        if (sigaction(fault_signals[i], NULL, &now) != 0 || now.sa_sigaction == handle_fault) continue;
        /* A handler of the program; the system's action is what it sets to end itself. */
        if (now.sa_handler == SIG_DFL) continue;
        fault.before[i] = now;
        install_handler(i, NULL);
    }
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
