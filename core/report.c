#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "json.h"
#include "options.h"
#include "os.h"
#include "probe.h"
#include "stack.h"

enum {
    LINE_BYTES = 1 << 20,
    KNOWN_STACKS = 1 << 16, /* a table of those that were written; when it is three quarters full it begins anew */
    KNOWN_MODULES = 512,
    DUMP_BYTES = 128,
    DUMP_BEFORE = 48,
    ERRORS_MAX = 10000, /* further ones are counted and not written */
    SEALED_PAGE = 4096, /* a system whose pages are larger leaves what is to be sealed open */
    SEALED_BYTES = 2 * SEALED_PAGE,
};

/* What no report changes: sealed once it is set, lest a wild write lead a report astray. */
static union {
    struct {
        char *line;
        uint32_t *stacks;
        char path[SEALED_BYTES - 2 * sizeof(void *)];
    };
    _Alignas(SEALED_PAGE) char bytes[SEALED_BYTES];
} fixed;

static struct {
    hak_lock_t lock;
    _Atomic uint32_t owner; /* the thread that reports */
    uint32_t stack_count, module_count;
    struct {
        uintptr_t start, end;
    } modules[KNOWN_MODULES];
    bool started, python_told, failed;
    int file;
    _Atomic uint64_t errors;
} report;

uint64_t hak_report_errors(void) { return hak_load_relaxed(&report.errors); }
bool hak_report_is_here(void) { return hak_load_relaxed(&report.owner) == (uint32_t)gettid(); }

static int open_file(void) { return open(fixed.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666); }

static bool keep_path(const char *path) {
    size_t length = 0;
    if (path[0] != '/') {
        if (getcwd(fixed.path, sizeof fixed.path - 1) == NULL) return false;
        length = strlen(fixed.path);
        fixed.path[length++] = '/';
    }
    if (length + strlen(path) >= sizeof fixed.path) return false;
    strcpy(fixed.path + length, path);
    return true;
}

bool hak_report_open(const char *path) {
    int saved = errno;
    report.file = keep_path(path) ? open_file() : -1;
    fixed.line = hak_os_map(NULL, LINE_BYTES);
    fixed.stacks = hak_os_map(NULL, KNOWN_STACKS * sizeof *fixed.stacks);
    bool done = report.file >= 0 && fixed.line != NULL && fixed.stacks != NULL;
    if (!done) hak_warn("no full checks: cannot open HAKMEM_CHECK_FILE:", path);
    if (report.file >= 0) close(report.file);
    if (hak_os_page_size() == SEALED_PAGE) hak_os_seal(&fixed, sizeof fixed);
    errno = saved;
    return done;
}

static hak_json_t begin_line(const char *type) {
    hak_json_t json = {.text = fixed.line, .size = LINE_BYTES};
    hak_json_open(&json, NULL, '{');
    hak_json_string(&json, "type", type);
    hak_json_number(&json, "pid", getpid());
    return json;
}

static void send_line(hak_json_t *json) {
    hak_json_close(json, '}');
    hak_json_end_line(json);
    if (json->cut || report.file < 0) return;
    size_t done = 0;
    while (done < json->length) {
        ssize_t n = write(report.file, json->text + done, json->length - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        done += (size_t)n;
    }
}

static const char *executable(void) {
    static char path[4096]; /* under the lock */
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    return path;
}

static void tell_start(void) {
    hak_json_t json = begin_line("start");
    hak_json_string(&json, "schema", "hakmem-check/1");
    hak_json_string(&json, "exe", executable());
    hak_json_string(&json, "version", HAK_VERSION);
    send_line(&json);
    report.started = true;
}

/* Takes the lock and opens the file; false if this thread is reporting already. */
static bool begin_report(void) {
    if (hak_report_is_here()) return false;
    hak_lock_for(&report.lock, HAK_LOCK_check);
    hak_store_relaxed(&report.owner, (uint32_t)gettid());
    hak_witness_reports++;
    report.file = open_file();
    if (report.file < 0 && !report.failed) hak_warn("cannot write to", fixed.path);
    report.failed = report.file < 0;
    if (!report.started) tell_start();
    return true;
}

static void end_report(void) {
    if (report.file >= 0) close(report.file);
    hak_witness_reports--;
    hak_store_relaxed(&report.owner, 0);
    hak_unlock(&report.lock);
}

void hak_report_start(void) {
    if (begin_report()) end_report();
}

static void tell_module(uintptr_t pc) {
    for (uint32_t i = 0; i < report.module_count; i++) {
        if (pc - report.modules[i].start < report.modules[i].end - report.modules[i].start) return;
    }
    hak_module_t module;
    if (report.module_count == KNOWN_MODULES || !hak_stack_module_of(pc, &module)) return;
    report.modules[report.module_count].start = module.start;
    report.modules[report.module_count++].end = module.end;
    char digits[2 * sizeof module.build_id + 1];
    for (size_t i = 0; i < module.build_id_size; i++) {
        digits[2 * i] = "0123456789abcdef"[module.build_id[i] >> 4];
        digits[2 * i + 1] = "0123456789abcdef"[module.build_id[i] & 15];
    }
    digits[2 * module.build_id_size] = '\0';
    hak_json_t json = begin_line("module");
    hak_json_hex(&json, "base", module.bias);
    hak_json_hex(&json, "start", module.start);
    hak_json_hex(&json, "end", module.end);
    hak_json_number(&json, "offset", (int64_t)module.offset);
    hak_json_string(&json, "path", module.path[0] != '\0' ? module.path : executable());
    hak_json_string(&json, "build_id", digits);
    send_line(&json);
}

static void tell_python(void) {
    const char *status = NULL;
    uint32_t version = hak_stack_python(&status);
    if (version == 0 || report.python_told) return;
    report.python_told = true;
    hak_line_t text = {.length = 0};
    hak_line_number(&text, version >> 24);
    hak_line_text(&text, ".");
    hak_line_number(&text, version >> 16 & 0xff);
    hak_line_text(&text, ".");
    hak_line_number(&text, version >> 8 & 0xff);
    text.text[text.length] = '\0';
    hak_json_t json = begin_line("python");
    hak_json_string(&json, "version", text.text);
    hak_json_string(&json, "status", status);
    send_line(&json);
}

/* True the first time. */
static bool is_new_stack(uint32_t stack) {
    if (report.stack_count > KNOWN_STACKS / 4 * 3) {
        memset(fixed.stacks, 0, KNOWN_STACKS * sizeof *fixed.stacks);
        report.stack_count = 0;
    }
    size_t at = stack * 0x9e3779b1u % KNOWN_STACKS;
    while (fixed.stacks[at] != 0 && fixed.stacks[at] != stack) at = (at + 1) % KNOWN_STACKS;
    bool fresh = fixed.stacks[at] == 0;
    fixed.stacks[at] = stack;
    report.stack_count += fresh;
    return fresh;
}

static void tell_stack(uint32_t stack) {
    hak_stack_view_t view;
    if (stack == 0 || !is_new_stack(stack) || !hak_stack_get(stack, &view)) return;
    for (size_t i = 0; i < view.count; i++) tell_module(view.pcs[i] - 1);
    if (view.python_count != 0) tell_python();
    hak_json_t json = begin_line("stack");
    hak_json_number(&json, "id", stack);
    hak_json_open(&json, "pcs", '[');
    for (size_t i = 0; i < view.count; i++) hak_json_hex(&json, NULL, view.pcs[i]);
    hak_json_close(&json, ']');
    if (view.python_count != 0) {
        hak_json_open(&json, "python", '[');
        for (size_t i = 0; i < view.python_count; i++) {
            hak_python_frame_t frame = hak_stack_python_frame(&view, i);
            hak_json_open(&json, NULL, '{');
            hak_json_string(&json, "file", frame.file);
            hak_json_string(&json, "function", frame.function);
            hak_json_number(&json, "line", frame.line);
            hak_json_close(&json, '}');
        }
        hak_json_close(&json, ']');
    }
    send_line(&json);
}

static void tell_stacks(const hak_finding_t *finding, const hak_ring_t *ring, uint32_t detected) {
    const hak_record_t *records[] = {finding->record, finding->neighbour};
    for (int i = 0; i < 2; i++) {
        if (records[i] == NULL) continue;
        tell_stack(records[i]->taken_stack);
        tell_stack(records[i]->given_stack);
    }
    tell_stack(detected);
    const hak_event_t *event;
    for (uint32_t back = 0; (event = hak_ring_at(ring, back)) != NULL; back++) tell_stack(event->stack);
}

static void put_origin(hak_json_t *json, const char *key, uint32_t stack, uint32_t thread) {
    hak_json_open(json, key, '{');
    hak_json_number(json, "stack", stack);
    hak_json_number(json, "tid", thread);
    hak_json_close(json, '}');
}

static void put_block(hak_json_t *json, const char *key, const hak_record_t *record) {
    static const char *const states[] = {"none", "live", "freed", "quarantined", "freed"};
    hak_phase_t phase = hak_record_phase(record);
    hak_json_open(json, key, '{');
    hak_json_hex(json, "address", record->block);
    hak_json_number(json, "size", (int64_t)record->size);
    hak_json_number(json, "usable", (int64_t)record->size);
    hak_json_number(json, "class", (int64_t)hak_record_class_bytes(record));
    hak_json_string(json, "state", states[phase < 5 ? phase : 0]);
    hak_json_string(json, "kind", hak_door_name(record->door));
    put_origin(json, "allocated", record->taken_stack, record->taken_by);
    if (phase != HAK_PHASE_LIVE) put_origin(json, "freed", record->given_stack, record->given_by);
    hak_json_close(json, '}');
}

static void put_bytes(hak_json_t *json, uintptr_t around) {
    unsigned char bytes[DUMP_BYTES];
    uintptr_t from = (around - DUMP_BEFORE) & ~(uintptr_t)15;
    size_t n = hak_probe_read(bytes, (const void *)from, sizeof bytes);
    if (n == 0) { /* what comes before may lie on a page that cannot be read */
        from = around & ~(uintptr_t)15;
        n = hak_probe_read(bytes, (const void *)from, sizeof bytes);
    }
    hak_json_open(json, "bytes", '{');
    hak_json_hex(json, "address", from);
    hak_json_bytes(json, "hex", bytes, n);
    hak_json_close(json, '}');
}

static void put_events(hak_json_t *json, const hak_ring_t *ring) {
    hak_json_open(json, "events", '[');
    const hak_event_t *event;
    for (uint32_t back = 0; (event = hak_ring_at(ring, back)) != NULL; back++) {
        hak_json_open(json, NULL, '{');
        hak_json_string(json, "call", hak_door_name(event->door));
        hak_json_hex(json, "address", (uintptr_t)event->block);
        hak_json_number(json, "size", (int64_t)event->size);
        hak_json_number(json, "stack", event->stack);
        hak_json_close(json, '}');
    }
    hak_json_close(json, ']');
}

static void put_detected(hak_json_t *json, uint32_t stack) {
    hak_json_open(json, "detected", '{');
    hak_json_number(json, "stack", stack);
    hak_json_close(json, '}');
}

static void tell_error(const hak_finding_t *finding, const hak_ring_t *ring, uint32_t detected) {
    char name[32] = "";
    char sentence[512];
    prctl(PR_GET_NAME, name);
    hak_finding_say(finding, sentence, sizeof sentence);
    hak_json_t json = begin_line("error");
    hak_json_number(&json, "tid", gettid());
    hak_json_string(&json, "thread", name);
    hak_json_string(&json, "error", hak_error_name(finding->error));
    hak_json_string(&json, "call", hak_door_name(finding->door));
    hak_json_hex(&json, "address", (uintptr_t)finding->pointer);
    hak_json_string(&json, "sentence", sentence);
    if (finding->record != NULL) put_block(&json, "block", finding->record);
    else hak_json_null(&json, "block");
    if (finding->neighbour != NULL) put_block(&json, "neighbour", finding->neighbour);
    put_detected(&json, detected);
    hak_json_string(&json, "when", finding->when);
    uintptr_t around = (uintptr_t)finding->pointer;
    if (finding->length != 0) {
        around = finding->record->block + (uintptr_t)finding->offset;
        hak_json_open(&json, "damage", '{');
        hak_json_number(&json, "offset", finding->offset);
        hak_json_number(&json, "length", (int64_t)finding->length);
        hak_json_close(&json, '}');
    }
    put_bytes(&json, around);
    put_events(&json, ring);
    send_line(&json);
}

static void tell_end(const hak_report_figures_t *figures) {
    hak_json_t json = begin_line("end");
    hak_json_number(&json, "errors", (int64_t)hak_report_errors());
    if (figures != NULL) {
        hak_json_number(&json, "live_bytes", (int64_t)figures->live_bytes);
        hak_json_number(&json, "live_blocks", (int64_t)figures->live_blocks);
        hak_json_number(&json, "unguarded", (int64_t)figures->unguarded);
    }
    send_line(&json);
}

void hak_report(const hak_finding_t *finding) {
    int saved = errno;
    hak_witness_reports++;
    bool aborts = hak_options.check_on_error == 0 && !finding->goes_on;
    if (hak_add_relaxed(&report.errors, 1) < ERRORS_MAX) {
        uint32_t detected = hak_stack_capture(finding->signal_context);
        const hak_ring_t *ring = &hak_witness_if_any()->ring;
        if (begin_report()) {
            tell_stacks(finding, ring, detected);
            tell_error(finding, ring, detected);
            if (aborts) tell_end(NULL);
            end_report();
        } else {
            aborts = false; /* its own error: the report that is on its way decides */
        }
    }
    hak_witness_reports--;
    if (aborts) abort();
    errno = saved;
}

void hak_report_leak(uint32_t stack, uint64_t bytes, uint64_t blocks, bool reachable) {
    if (!begin_report()) return;
    tell_stack(stack);
    hak_json_t json = begin_line("leak");
    hak_json_number(&json, "stack", stack);
    hak_json_number(&json, "bytes", (int64_t)bytes);
    hak_json_number(&json, "blocks", (int64_t)blocks);
    hak_json_string(&json, "kind", reachable ? "reachable" : "lost");
    send_line(&json);
    end_report();
}

void hak_report_end(const hak_report_figures_t *figures) {
    if (!begin_report()) return;
    tell_end(figures);
    end_report();
}

void hak_report_before_fork(void) { hak_lock(&report.lock); }

/* The child's lines are its own: it begins with a start. */
void hak_report_after_fork(bool child) {
    if (!child) {
        hak_unlock(&report.lock);
        return;
    }
    hak_lock_reset(&report.lock);
    hak_store_relaxed(&report.owner, 0);
    hak_store_relaxed(&report.errors, 0);
    if (report.stack_count != 0) memset(fixed.stacks, 0, KNOWN_STACKS * sizeof *fixed.stacks);
    report.stack_count = report.module_count = 0;
    report.started = report.python_told = false;
}
