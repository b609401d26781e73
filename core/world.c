#include "world.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bits.h"
#include "probe.h"

enum {
    THREADS_MAX = 4096,
    WORLD_WAIT_MS = 100,
    WORLD_PIECE_BYTES = 64 * 1024,
    TEXT_BYTES = 8192,
};
#define PAGE_PRESENT ((uint64_t)3 << 62) /* present or swapped; pagemap(5) of the kernel's documents */

static struct {
    _Atomic uint32_t held;     /* threads that stand still */
    _Atomic uint32_t go;       /* 1: they may go on */
    _Atomic uintptr_t tops[THREADS_MAX]; /* where their stacks end */
    struct sigaction before;
    int pagemap;
} world = {.pagemap = -1};

static int hold_signal(void) { return SIGRTMAX - 1; }

/* The registers lie in the signal's frame, which is on the stack. */
static void hold(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    uint32_t index = hak_add_relaxed(&world.held, 1);
    uintptr_t top = hak_min((uintptr_t)context, (uintptr_t)__builtin_frame_address(0));
    if (index < THREADS_MAX) hak_store_release(&world.tops[index], top);
    while (hak_load_acquire(&world.go) == 0) hak_os_wait(&world.go, 0);
}

struct linux_dirent64 {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

/* How many were sent the signal. */
static uint32_t signal_others(void) {
    char entries[2048] HAK_ALIGNED(8);
    int fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    pid_t process = getpid(), self = gettid();
    uint32_t sent = 0;
    long n;
    while (fd >= 0 && (n = syscall(SYS_getdents64, fd, entries, sizeof entries)) > 0) {
        for (long at = 0; at < n;) {
            const struct linux_dirent64 *entry = (const struct linux_dirent64 *)(entries + at);
            int thread = atoi(entry->name);
            if (thread > 0 && thread != self && syscall(SYS_tgkill, process, thread, hold_signal()) == 0) sent++;
            at += entry->length;
        }
    }
    if (fd >= 0) close(fd);
    return sent;
}

void hak_world_stop(void) {
    struct sigaction action = {.sa_sigaction = hold, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigfillset(&action.sa_mask);
    hak_store_relaxed(&world.held, 0);
    hak_store_relaxed(&world.go, 0);
    sigaction(hold_signal(), &action, &world.before);
    uint32_t sent = signal_others();
    for (int ms = 0; ms < WORLD_WAIT_MS && hak_load_acquire(&world.held) < sent; ms++) hak_os_sleep_ms(1);
}

void hak_world_resume(void) {
    hak_store_release(&world.go, 1);
    for (uint32_t i = 0; i < hak_load_relaxed(&world.held); i++) hak_os_wake(&world.go);
    /* The handler stays: one that was late would find the signal's standard action, the end of the process. */
}

/* Whether the page has ever been written; yes if one cannot tell. */
static bool is_present(uintptr_t address, size_t page) {
    uint64_t entry;
    if (world.pagemap < 0) return true;
    off_t at = (off_t)(address / page * sizeof entry);
    return pread(world.pagemap, &entry, sizeof entry, at) != (ssize_t)sizeof entry || (entry & PAGE_PRESENT) != 0;
}

typedef struct walk {
    uintptr_t skip_from, skip_to;
    uintptr_t (*is_own)(uintptr_t address, uintptr_t *next);
    void (*visit)(const uintptr_t *words, size_t count, void *context);
    void *context;
    uintptr_t *piece;
    size_t page;
    uintptr_t own_top;
} walk_t;

static void walk_piece(const walk_t *walk, uintptr_t from, size_t size) {
    size_t n = hak_probe_read(walk->piece, (const void *)from, size);
    walk->visit(walk->piece, n / sizeof(uintptr_t), walk->context);
}

/* Page by page is slow; so whole pieces, with those pages left out that nobody wrote. */
static void walk_pages(const walk_t *walk, uintptr_t from, uintptr_t to) {
    uintptr_t run = from;
    for (uintptr_t at = from; at < to;) {
        uintptr_t next = hak_min(hak_round_down(at, walk->page) + walk->page, to);
        bool present = is_present(at, walk->page);
        if (!present) {
            if (at > run) walk_piece(walk, run, at - run);
            run = next;
        } else if (next - run >= WORLD_PIECE_BYTES) {
            walk_piece(walk, run, next - run);
            run = next;
        }
        at = next;
    }
    if (to > run) walk_piece(walk, run, to - run);
}

static void walk_range(const walk_t *walk, uintptr_t from, uintptr_t to) {
    while (from < to) {
        uintptr_t next = to;
        uintptr_t end = walk->is_own(from, &next);
        if (end != 0) {
            from = end;
            continue;
        }
        next = hak_min(next, to);
        walk_pages(walk, from, next);
        from = next;
    }
}

/* What lies beyond a stack's top is nobody's any more. */
static uintptr_t stack_top(const walk_t *walk, uintptr_t from, uintptr_t to) {
    uintptr_t top = to;
    if (walk->own_top - from < to - from) top = walk->own_top;
    uint32_t held = hak_load_acquire(&world.held);
    for (uint32_t i = 0; i < held && i < THREADS_MAX; i++) {
        uintptr_t other = hak_load_acquire(&world.tops[i]);
        if (other - from < to - from && other < top) top = other;
    }
    return top == to ? from : hak_round_down(top, sizeof(uintptr_t));
}

static void walk_mapping(const walk_t *walk, uintptr_t from, uintptr_t to) {
    from = stack_top(walk, from, to);
    if (from < walk->skip_from) walk_range(walk, from, hak_min(to, walk->skip_from));
    if (to > walk->skip_to) walk_range(walk, hak_max(from, walk->skip_to), to);
}

static uintptr_t hex(const char **at) {
    uintptr_t number = 0;
    for (;; (*at)++) {
        char c = **at;
        if (c >= '0' && c <= '9') number = number * 16 + (uintptr_t)(c - '0');
        else if (c >= 'a' && c <= 'f') number = number * 16 + (uintptr_t)(c - 'a' + 10);
        else return number;
    }
}

/* A line of /proc/self/maps: from-to rights offset device inode path. Devices may mind being read. */
static void walk_line(const walk_t *walk, const char *line) {
    uintptr_t from = hex(&line);
    if (*line++ != '-') return;
    uintptr_t to = hex(&line);
    if (strncmp(line, " rw-p", 5) != 0 && strncmp(line, " rwxp", 5) != 0) return;
    if (strstr(line, " /dev/") != NULL || strstr(line, " [v") != NULL) return;
    walk_mapping(walk, from, to);
}

/* A line may come in two reads. */
static void walk_maps(const walk_t *walk, char *text) {
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    ssize_t n;
    while (fd >= 0 && (n = read(fd, text + length, TEXT_BYTES - 1 - length)) > 0) {
        length += (size_t)n;
        text[length] = '\0';
        char *line = text, *end;
        while ((end = strchr(line, '\n')) != NULL) {
            *end = '\0';
            walk_line(walk, line);
            line = end + 1;
        }
        length -= (size_t)(line - text);
        memmove(text, line, length);
    }
    if (fd >= 0) close(fd);
}

void hak_world_visit(uintptr_t skip_from, uintptr_t skip_to, uintptr_t (*is_own)(uintptr_t, uintptr_t *),
                     void (*visit)(const uintptr_t *, size_t, void *), void *context) {
    __builtin_unwind_init(); /* what the callers keep in registers is on the stack from here on */
    size_t bytes = WORLD_PIECE_BYTES * 2 + TEXT_BYTES;
    char *memory = hak_os_map(NULL, bytes);
    if (memory == NULL) return;
    walk_t walk = {skip_from, skip_to, is_own, visit, context, (uintptr_t *)memory, hak_os_page_size(),
                   (uintptr_t)__builtin_frame_address(0)};
    world.pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    walk_maps(&walk, memory + WORLD_PIECE_BYTES * 2);
    if (world.pagemap >= 0) close(world.pagemap);
    world.pagemap = -1;
    hak_os_release(memory, bytes);
}
