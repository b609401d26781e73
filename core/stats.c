#include "stats.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "counters.h"
#include "diag.h"
#include "options.h"
#include "os.h"
#include "upkeep.h"

typedef struct class_stats {
    uint64_t slabs, capacity, carved, in_slabs; /* blocks, but for slabs */
    uint64_t in_caches;
    hak_class_figures_t figures;
} class_stats_t;

/* Of a hak_tally_t. */
typedef struct pair {
    uint64_t at_once, not_at_once;
} pair_t;

typedef struct snapshot {
    class_stats_t classes[HAK_CLASS_COUNT];
    hak_call_figures_t calls;
    pair_t locks[HAK_LOCK_USE_COUNT], swaps[HAK_SWAP_COUNT];
    uint64_t large_units;
    hak_totals_t totals;
} snapshot_t;

/* Text in a buffer that may be too short; `length` counts on. */
typedef struct text {
    char *buffer;
    size_t size, length;
} text_t;

static void put(text_t *text, const char *s) {
    for (; *s != '\0'; s++, text->length++) {
        if (text->length + 1 < text->size) text->buffer[text->length] = *s;
    }
}

static void put_number(text_t *text, uint64_t number) {
    char digits[HAK_DIGITS];
    put(text, hak_digits(digits, number, 10));
}

static void put_quoted(text_t *text, const char *s) {
    put(text, "\"");
    for (; *s != '\0'; s++) {
        char one[3] = {*s, '\0', '\0'};
        if (*s == '"' || *s == '\\') {
            one[0] = '\\';
            one[1] = *s;
        }
        put(text, one);
    }
    put(text, "\"");
}

static void put_field(text_t *text, const char *separator, const char *name, uint64_t number) {
    put(text, separator);
    put(text, "\"");
    put(text, name);
    put(text, "\": ");
    put_number(text, number);
}

static size_t put_end(text_t *text) {
    if (text->size != 0) text->buffer[hak_min(text->length, text->size - 1)] = '\0';
    return text->length;
}

static void visit_span(size_t unit, void *context) {
    snapshot_t *snapshot = context;
    hak_unit_t *head = hak_unit(unit);
    unsigned c = hak_page_map_class(unit);
    if (hak_load_relaxed(&head->kind) == HAK_UNIT_LARGE) {
        snapshot->large_units += head->units;
    } else if (c != 0 && c < HAK_CLASS_COUNT) {
        class_stats_t *stats = &snapshot->classes[c];
        stats->slabs++;
        stats->capacity += hak_classes[c].capacity;
        stats->carved += hak_slab_carved(head);
        stats->in_slabs += hak_slab_free_count(head);
    }
}

static void visit_cache(hak_cache_t *cache, void *context) {
    snapshot_t *snapshot = context;
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) snapshot->classes[c].in_caches += hak_cache_blocks(cache, c);
    for (unsigned c = 0; HAK_COUNT && c < HAK_CALL_CLASSES; c++) {
        for (int i = 0; i < HAK_CALL_COUNT; i++) snapshot->calls[c][i] += cache->calls[c][i];
    }
}

static uint64_t live_blocks(const class_stats_t *stats) {
    uint64_t idle = stats->in_slabs + stats->in_caches + stats->figures.transfer_blocks;
    return stats->carved > idle ? stats->carved - idle : 0;
}

static uint64_t bytes_of(uint64_t units) { return units << HAK_UNIT_SHIFT; }

static void add_totals(snapshot_t *snapshot) {
    hak_totals_t *totals = &snapshot->totals;
    hak_span_totals_t spans = hak_stock_totals();
    totals->large = bytes_of(snapshot->large_units) + hak_outside_bytes();
    totals->live = totals->large;
    totals->free = bytes_of(spans.free_units);
    totals->purged = bytes_of(spans.free_units - spans.dirty_units);
    totals->unpurged = bytes_of(spans.dirty_units);
    totals->overdue = bytes_of(hak_upkeep_overdue_units());
    totals->mapped = bytes_of(hak_arena.committed_units) + hak_outside_bytes();
    totals->metadata = hak_arena.table_units * (sizeof(hak_unit_t) + sizeof(hak_page_map_entry_t));
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) {
        const class_stats_t *stats = &snapshot->classes[c];
        uint64_t size = hak_classes[c].size;
        totals->live += live_blocks(stats) * size;
        uint64_t longs = hak_class_is_long(c) ? stats->in_caches * size : 0; /* long.h: threads keep them as they might keep free spans */
        totals->cached += (stats->in_caches + stats->figures.transfer_blocks) * size - longs;
        totals->unpurged += longs;
        totals->free += longs;
        totals->transfer += stats->figures.transfer_blocks * size;
        totals->free += (stats->in_slabs + stats->capacity - stats->carved) * size;
    }
}

static void copy_tallies(pair_t *to, const hak_tally_t *from, size_t count) {
    for (size_t i = 0; HAK_COUNT && i < count; i++) {
        to[i] = (pair_t){hak_load_relaxed(&from[i].at_once), hak_load_relaxed(&from[i].not_at_once)};
    }
}

/* Too large for a small thread's stack, so it gets a mapping; NULL without memory. */
static snapshot_t *take_snapshot(void) {
    if (!hak_thread_open()) return NULL;
    snapshot_t *snapshot = hak_os_map(NULL, hak_round_up(sizeof *snapshot, hak_os_page_size()));
    if (snapshot == NULL) return NULL;
    /* Before all else, and the swaps after it: what happens meanwhile may be in the figures and not in these. */
    copy_tallies(snapshot->locks, hak_lock_tallies, HAK_LOCK_USE_COUNT);
    hak_stock_visit(visit_span, snapshot);
    hak_thread_visit(visit_cache, snapshot, true);
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) snapshot->classes[c].figures = hak_central_figures(c);
    for (unsigned c = 0; HAK_COUNT && c < HAK_CALL_CLASSES; c++) {
        for (int i = 0; i < HAK_CALL_COUNT; i++) snapshot->calls[c][i] += hak_thread_ended_calls[c][i];
        if (c < HAK_CLASS_COUNT) snapshot->calls[c][HAK_CALL_lock_waits] = snapshot->classes[c].figures.lock_waits;
    }
    add_totals(snapshot);
    copy_tallies(snapshot->swaps, hak_swap_tallies, HAK_SWAP_COUNT);
    return snapshot;
}

static void drop_snapshot(snapshot_t *snapshot) {
    hak_os_release(snapshot, hak_round_up(sizeof *snapshot, hak_os_page_size()));
}

hak_totals_t hak_stats_totals(void) {
    hak_totals_t totals = {0};
    snapshot_t *snapshot = take_snapshot();
    if (snapshot == NULL) return totals;
    totals = snapshot->totals;
    drop_snapshot(snapshot);
    return totals;
}

const char *hak_flavour_name(void) {
    static const char *const names[] = {"release", "count", "secure", "debug"};
    return names[HAK_FLAVOUR];
}

static void put_class(text_t *text, const snapshot_t *snapshot, unsigned c) {
    const class_stats_t *stats = &snapshot->classes[c];
    put_field(text, "{", "size", hak_classes[c].size);
    put_field(text, ", ", "live_blocks", live_blocks(stats));
    put_field(text, ", ", "cached_blocks", stats->in_caches + stats->figures.transfer_blocks);
    put_field(text, ", ", "free_blocks", stats->in_slabs);
    put_field(text, ", ", "slabs", stats->slabs);
#define HAK_PUT(id, words) put_field(text, ", ", #id, stats->figures.id);
    HAK_CLASS_COUNTERS(HAK_PUT)
#undef HAK_PUT
    if (HAK_COUNT) {
#define HAK_PUT(id, words) put_field(text, ", ", #id, snapshot->calls[HAK_COUNT ? c : 0][HAK_CALL_##id]);
        HAK_CALL_COUNTERS(HAK_PUT)
#undef HAK_PUT
    }
    put(text, "}");
}

static void put_locks(text_t *text, const snapshot_t *snapshot) {
    static const char *const locks[] = {
#define HAK_NAME(id, words) #id,
        HAK_LOCK_USES(HAK_NAME)};
    static const char *const swaps[] = {HAK_SWAPS(HAK_NAME)};
#undef HAK_NAME
    for (int i = 0; i < HAK_LOCK_USE_COUNT; i++) {
        const pair_t *pair = &snapshot->locks[i];
        put(text, i == 0 ? ", \"locks\": {\"" : ", \"");
        put(text, locks[i]);
        put_field(text, "\": {", "taken", pair->at_once + pair->not_at_once);
        put_field(text, ", ", "waits", pair->not_at_once);
        put(text, "}");
    }
    for (int i = 0; i < HAK_SWAP_COUNT; i++) {
        put(text, i == 0 ? "}, \"swaps\": {\"" : ", \"");
        put(text, swaps[i]);
        put_field(text, "\": {", "done", snapshot->swaps[i].at_once);
        put_field(text, ", ", "in_vain", snapshot->swaps[i].not_at_once);
        put(text, "}");
    }
    put(text, "}");
}

size_t hak_stats_write_json(char *buffer, size_t size) {
    text_t text = {buffer, size, 0};
    snapshot_t *snapshot = take_snapshot();
    if (snapshot == NULL) return put_end(&text);
    put(&text, "{\"schema\": \"hakmem-stats/1\", \"version\": \"" HAK_VERSION "\", \"flavour\": \"");
    put(&text, hak_flavour_name());
    put(&text, "\", \"build\": ");
    put_quoted(&text, HAK_BUILD_INFO);
    put_field(&text, ", ", "pid", (uint64_t)getpid());
    const hak_totals_t *totals = &snapshot->totals;
    put_field(&text, ", \"bytes\": {", "live", totals->live);
    put_field(&text, ", ", "large", totals->large);
    put_field(&text, ", ", "cached", totals->cached);
    put_field(&text, ", ", "transfer", totals->transfer);
    put_field(&text, ", ", "free", totals->free);
    put_field(&text, ", ", "purged", totals->purged);
    put_field(&text, ", ", "unpurged", totals->unpurged);
    put_field(&text, ", ", "overdue", totals->overdue);
    put_field(&text, ", ", "mapped", totals->mapped);
    put_field(&text, ", ", "metadata", totals->metadata);
    const char *separator = "}, \"counters\": {";
#define HAK_PUT(id, words) \
    put_field(&text, separator, #id, hak_load_relaxed(&hak_counters[HAK_COUNTER_##id])); \
    separator = ", ";
    HAK_COUNTERS(HAK_PUT)
#undef HAK_PUT
    put(&text, "}, \"classes\": [");
    separator = "";
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) {
        if (snapshot->classes[c].figures.slabs_made == 0) continue;
        put(&text, separator);
        put_class(&text, snapshot, c);
        separator = ", ";
    }
    put(&text, "]");
    if (HAK_COUNT) put_locks(&text, snapshot);
    put(&text, "}\n");
    drop_snapshot(snapshot);
    return put_end(&text);
}

static void put_kib(text_t *text, const char *words, uint64_t bytes) {
    put(text, words);
    put_number(text, bytes >> 10);
    put(text, " KiB");
}

enum { TEXT_CLASSES = 10 }; /* so many classes, those that hold the most memory, are in the summary */

static uint64_t counter(hak_counter_t id) { return hak_load_relaxed(&hak_counters[id]); }

static uint64_t held_bytes(const class_stats_t *stats, unsigned c) {
    return (stats->capacity) * (uint64_t)hak_classes[c].size;
}

/* The class with the most memory in its slabs; it is struck off, so that the next call finds the next one. */
static void put_next_class(text_t *text, snapshot_t *snapshot) {
    unsigned most = 1;
    for (unsigned c = 2; c < HAK_CLASS_COUNT; c++) {
        if (held_bytes(&snapshot->classes[c], c) > held_bytes(&snapshot->classes[most], most)) most = c;
    }
    class_stats_t *stats = &snapshot->classes[most];
    if (stats->capacity == 0) return;
    put(text, "  class ");
    put_number(text, hak_classes[most].size);
    put(text, " B: live ");
    put_number(text, live_blocks(stats));
    put(text, ", cached ");
    put_number(text, stats->in_caches + stats->figures.transfer_blocks);
    put(text, ", free ");
    put_number(text, stats->in_slabs);
    put(text, ", slabs ");
    put_number(text, stats->slabs);
    put(text, ", refills ");
    put_number(text, stats->figures.refills);
    put(text, "\n");
    stats->capacity = 0;
}

size_t hak_stats_write_text(char *buffer, size_t size) {
    text_t text = {buffer, size, 0};
    snapshot_t *snapshot = take_snapshot();
    if (snapshot == NULL) return put_end(&text);
    const hak_totals_t *totals = &snapshot->totals;
    put(&text, "hakmem " HAK_VERSION " (");
    put(&text, hak_flavour_name());
    put(&text, "), process ");
    put_number(&text, (uint64_t)getpid());
    put_kib(&text, "\n  live    ", totals->live);
    put_kib(&text, ", of it large ", totals->large);
    put_kib(&text, "\n  cached  ", totals->cached);
    put_kib(&text, "\n  free    ", totals->free);
    put_kib(&text, ", of it purged ", totals->purged);
    put_kib(&text, "\n  mapped  ", totals->mapped);
    put(&text, "\n  superslabs: made ");
    put_number(&text, counter(HAK_COUNTER_superslabs_made));
    put(&text, ", reused ");
    put_number(&text, counter(HAK_COUNTER_superslabs_reused));
    put(&text, ", given back ");
    put_number(&text, counter(HAK_COUNTER_superslabs_returned));
    put(&text, "\n  system calls: reserve ");
    put_number(&text, counter(HAK_COUNTER_system_reserve));
    put(&text, ", commit ");
    put_number(&text, counter(HAK_COUNTER_system_commit));
    put(&text, ", purge ");
    put_number(&text, counter(HAK_COUNTER_system_purge));
    put(&text, ", remap ");
    put_number(&text, counter(HAK_COUNTER_system_remap));
    put(&text, ", release ");
    put_number(&text, counter(HAK_COUNTER_system_release));
    put(&text, "\n");
    for (int i = 0; i < TEXT_CLASSES; i++) put_next_class(&text, snapshot);
    drop_snapshot(snapshot);
    return put_end(&text);
}

void hak_stats_send(size_t (*writer)(char *, size_t), int fd) {
    size_t size = hak_round_up(writer(NULL, 0) + 4096, hak_os_page_size());
    char *buffer = hak_os_map(NULL, size);
    if (buffer == NULL) return;
    size_t length = hak_min(writer(buffer, size), size - 1);
    for (size_t done = 0; done < length;) {
        ssize_t n = write(fd, buffer + done, length - done);
        if (n <= 0) break;
        done += (size_t)n;
    }
    hak_os_release(buffer, size);
}

/* "%p" becomes the process id. False: the path is too long. */
static bool expand_path(const char *path, char *out, size_t size) {
    text_t text = {out, size, 0};
    for (const char *at = path; *at != '\0'; at++) {
        if (at[0] == '%' && at[1] == 'p') {
            put_number(&text, (uint64_t)getpid());
            at++;
        } else {
            char one[2] = {*at, '\0'};
            put(&text, one);
        }
    }
    return put_end(&text) < size;
}

static struct {
    int fd;          /* a copy of stderr, made when it is asked for; 0 for none */
    char path[4096]; /* "" for none */
} at_exit HAK_BIG_TABLE;

/* Keeps what the report needs: programs close stderr and overwrite their environment before they end. */
static __attribute__((constructor)) void prepare(void) {
    if (!hak_thread_open()) return;
    if (!hak_options.stats && hak_options.stats_file == NULL) return; /* before the page of `at_exit` is touched */
    const char *path = hak_options.stats_file != NULL ? hak_options.stats_file : "";
    text_t copy = {at_exit.path, sizeof at_exit.path, 0};
    put(&copy, path);
    if (put_end(&copy) >= sizeof at_exit.path) {
        hak_warn("ignored: the path is too long in HAKMEM_STATS_FILE:", path);
        at_exit.path[0] = '\0';
    }
    if (!hak_options.stats && strcmp(path, "-") != 0) return;
    at_exit.fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 100);
    if (at_exit.fd < 0) at_exit.fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3); /* few are allowed */
}

static void send_json(const char *path) {
    char name[4096];
    int fd = expand_path(path, name, sizeof name) ? open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
    if (fd < 0) {
        hak_warn("cannot write statistics to", path);
        return;
    }
    hak_stats_send(hak_stats_write_json, fd);
    close(fd);
}

/* Runs after the program's own exit handlers. */
static __attribute__((destructor)) void stats_at_exit(void) {
    if (!hak_thread_open() || (!hak_options.stats && hak_options.stats_file == NULL)) return;
    if (hak_options.stats && at_exit.fd > 0) hak_stats_send(hak_stats_write_text, at_exit.fd);
    if (strcmp(at_exit.path, "-") == 0) hak_stats_send(hak_stats_write_json, at_exit.fd);
    else if (at_exit.path[0] != '\0') send_json(at_exit.path);
}
