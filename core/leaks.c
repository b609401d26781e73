#include "leaks.h"

#include "options.h"
#include "os.h"
#include "probe.h"
#include "report.h"
#include "spare.h"
#include "witness.h"
#include "world.h"

enum {
    DIRECT_BYTES = 4096, /* larger blocks are read in copies: parts of them may have lost their rights */
    LEAK_PIECE_BYTES = 64 * 1024,
    LEAKS_ALL = 2, /* of check_leaks: reachable blocks by stack too, not only their sum */
};

typedef struct group {
    uint32_t stack;
    bool reachable;
    uint64_t bytes, blocks; /* 0 blocks: unused */
} group_t;

static struct {
    hak_record_t **waiting; /* reached, and not read yet; there is room for every live block */
    size_t waiting_count, blocks;
    uintptr_t *piece;
    group_t *groups;
    size_t group_count; /* a power of two, more than there are stacks */
} leaks;

static bool is_live_record(const hak_record_t *record) { return hak_record_phase(record) == HAK_PHASE_LIVE; }

static void clear_mark(const hak_site_t *site, void *context) {
    (void)context;
    site->record->flags &= (uint8_t)~HAK_RECORD_MARKED;
    leaks.blocks += is_live_record(site->record);
}

static void look_at(const uintptr_t *words, size_t count, void *context) {
    (void)context;
    for (size_t i = 0; i < count; i++) {
        hak_site_t site;
        const void *word = (const void *)words[i];
        if (words[i] < DIRECT_BYTES || !hak_record_find(word, &site)) continue;
        hak_record_t *record = site.record;
        if ((record->flags & HAK_RECORD_MARKED) != 0 || !is_live_record(record)) continue;
        if (words[i] - record->block >= hak_max(record->size, 1) || leaks.waiting_count == leaks.blocks) continue;
        record->flags |= HAK_RECORD_MARKED;
        leaks.waiting[leaks.waiting_count++] = record;
    }
}

/* A record that a wild write has struck may say anything: no more is read than its site holds. */
static void read_reached(const hak_record_t *record) {
    hak_site_t site = hak_record_site(record);
    uintptr_t from = hak_round_up(record->block, sizeof from), end = (uintptr_t)site.start + site.size;
    uintptr_t to = hak_min(hak_record_end(record), end);
    if (site.record != record || to <= from || to - from > site.size) return;
    if (to - from <= DIRECT_BYTES) {
        look_at((const uintptr_t *)from, (to - from) / sizeof from, NULL);
        return;
    }
    for (; from < to; from += LEAK_PIECE_BYTES) {
        size_t n = hak_probe_read(leaks.piece, (const void *)from, hak_min(LEAK_PIECE_BYTES, to - from));
        look_at(leaks.piece, n / sizeof from, NULL);
    }
}

static uintptr_t own_range(uintptr_t address, uintptr_t *next) {
    uintptr_t end = hak_range_end((uintptr_t)leaks.waiting, leaks.blocks * sizeof *leaks.waiting, address, next);
    if (end == 0) end = hak_spare_own(address, next);
    return end != 0 ? end : hak_record_own(address, next);
}

static void add_to_group(const hak_site_t *site, void *context) {
    (void)context;
    const hak_record_t *record = site->record;
    if (!is_live_record(record)) return;
    bool reachable = (record->flags & HAK_RECORD_MARKED) != 0;
    uint32_t stack = reachable && hak_options.check_leaks != LEAKS_ALL ? 0 : record->taken_stack;
    size_t at = (stack * 2u + reachable) * 0x9e3779b1u & (leaks.group_count - 1);
    while (leaks.groups[at].blocks != 0 && (leaks.groups[at].stack != stack || leaks.groups[at].reachable != reachable)) {
        at = (at + 1) & (leaks.group_count - 1);
    }
    group_t *group = &leaks.groups[at];
    group->stack = stack;
    group->reachable = reachable;
    group->bytes += record->size;
    group->blocks++;
}

static void mark_and_group(void) {
    /* The heap's own range and tables hold no pointers of the program but those in blocks. */
    uintptr_t skip_from = (uintptr_t)hak_arena.live, skip_to = hak_arena_base() + hak_load_relaxed(&hak_arena.size);
    hak_world_visit(skip_from, skip_to, own_range, look_at, NULL);
    while (leaks.waiting_count != 0) read_reached(leaks.waiting[--leaks.waiting_count]);
    hak_record_visit(add_to_group, NULL);
}

/* A thread that stood still with a lock in its hands would never give it up, so nobody has those that are wanted here. */
static void stop_the_others(void) {
    hak_witness_before_fork();
    hak_record_before_fork();
    hak_world_stop();
    hak_record_after_fork(false);
    hak_witness_after_fork(false);
    hak_witness_forget_calls();
}

void hak_leaks_find(void) {
    size_t page = hak_os_page_size();
    stop_the_others();
    leaks.blocks = leaks.waiting_count = 0;
    hak_record_visit(clear_mark, NULL);
    leaks.group_count = (size_t)1 << (hak_log2(leaks.blocks + 1) + 2);
    size_t waiting_bytes = hak_round_up((leaks.blocks + 1) * sizeof *leaks.waiting, page);
    size_t group_bytes = hak_round_up(leaks.group_count * sizeof *leaks.groups, page);
    leaks.waiting = hak_os_map(NULL, waiting_bytes);
    leaks.groups = hak_os_map(NULL, group_bytes);
    leaks.piece = hak_os_map(NULL, LEAK_PIECE_BYTES);
    bool ready = leaks.waiting != NULL && leaks.groups != NULL && leaks.piece != NULL;
    if (ready) mark_and_group();
    hak_world_resume();
    for (size_t i = 0; ready && i < leaks.group_count; i++) {
        const group_t *group = &leaks.groups[i];
        if (group->blocks != 0) hak_report_leak(group->stack, group->bytes, group->blocks, group->reachable);
    }
    if (leaks.waiting != NULL) hak_os_release(leaks.waiting, waiting_bytes);
    if (leaks.groups != NULL) hak_os_release(leaks.groups, group_bytes);
    if (leaks.piece != NULL) hak_os_release(leaks.piece, LEAK_PIECE_BYTES);
}
