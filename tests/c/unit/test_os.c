/* os.h: what each call promises, asked of the real system; errno is kept by all. */
#include <sys/mman.h>

#include "../check.h"
#include "os.h"

enum { SIZE = 1 << 20 };

static bool all_zero(const char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) return false;
    }
    return true;
}

static bool is_resident(void *address) {
    unsigned char state = 0;
    CHECK_EQUAL(mincore(address, hak_os_page_size(), &state), 0);
    return state & 1;
}

static void touch(void *address) { *(volatile char *)address = 1; }

static void reserved_memory_has_no_rights_until_it_is_committed(void) {
    char *p = hak_os_reserve(SIZE);
    CHECK(p != NULL);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        touch(p);
        _exit(0);
    }
    int status;
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(status != 0);
    CHECK(hak_os_commit(p, SIZE));
    CHECK(all_zero(p, SIZE));
    memset(p, 1, SIZE);
    hak_os_release(p, SIZE);
}

static void a_place_that_is_taken_is_left_alone(void) {
    char *p = hak_os_map(NULL, SIZE);
    CHECK(p != NULL);
    memset(p, 7, SIZE);
    CHECK_EQUAL(hak_os_reserve_at(p, SIZE), HAK_TAKEN);
    CHECK_EQUAL(hak_os_reserve_at(p - SIZE / 2, SIZE), HAK_TAKEN);
    CHECK(hak_os_map(p, SIZE) == NULL);
    for (size_t i = 0; i < SIZE; i++) CHECK_EQUAL(p[i], 7);
    hak_os_release(p, SIZE);
    CHECK_EQUAL(hak_os_reserve_at(p, SIZE), HAK_RESERVED);
    hak_os_release(p, SIZE);
}

static void what_is_beyond_the_address_space_is_refused(void) {
    errno = 4711;
    CHECK(hak_os_reserve((size_t)1 << 60) == NULL);
    CHECK(hak_os_map(NULL, (size_t)1 << 60) == NULL);
    CHECK_EQUAL(hak_os_reserve_at((void *)((uintptr_t)1 << 45), (size_t)1 << 60), HAK_REFUSED);
    CHECK(!hak_os_commit((void *)((uintptr_t)1 << 60), SIZE));
    CHECK(!hak_os_purge((void *)((uintptr_t)1 << 60), SIZE));
    /* ThreadSanitizer looks up what is unmapped in its own tables and does not survive such an address. */
    if (CHECK_SANITIZER != CHECK_SANITIZER_THREAD) hak_os_release((void *)((uintptr_t)1 << 60), SIZE);
    CHECK_EQUAL(errno, 4711);
}

static void purged_pages_are_gone_and_read_as_zero(void) {
    size_t page = hak_os_page_size();
    char *p = hak_os_map(NULL, SIZE);
    memset(p, 1, SIZE);
    CHECK(hak_os_purge(p + page, SIZE - 2 * page));
    CHECK(is_resident(p) && is_resident(p + SIZE - page));
    CHECK(!is_resident(p + page) && !is_resident(p + SIZE - 2 * page));
    CHECK(all_zero(p + page, SIZE - 2 * page));
    CHECK(p[0] == 1 && p[SIZE - 1] == 1);
    hak_os_release(p, SIZE);
}

static void moved_pages_leave_zero_behind(void) {
    char *from = hak_os_map(NULL, SIZE), *to = hak_os_map(NULL, SIZE);
    for (size_t i = 0; i < SIZE; i++) from[i] = (char)(i * 7);
    memset(to, 1, SIZE);
    if (hak_os_move(from, to, SIZE) != HAK_MOVED) {
        printf("skipped: this kernel has no MREMAP_DONTUNMAP\n");
        return;
    }
    for (size_t i = 0; i < SIZE; i++) CHECK_EQUAL(to[i], (char)(i * 7));
    CHECK(all_zero(from, SIZE));
    memset(from, 2, SIZE);
    CHECK_EQUAL(to[0], 0);
}

/* A mapping that the kernel keeps in two pieces cannot be moved at once. */
static void a_move_that_fails_leaves_both_places_usable(void) {
    char *from = hak_os_map(NULL, SIZE), *to = hak_os_map(NULL, SIZE);
    memset(from, 5, SIZE);
    CHECK_EQUAL(madvise(from + SIZE / 2, SIZE / 2, MADV_DONTFORK), 0);
    if (hak_os_move(from, to, SIZE) == HAK_MOVED) return; /* this kernel can */
    for (size_t i = 0; i < SIZE; i++) CHECK_EQUAL(from[i], 5);
    memset(to, 1, SIZE); /* still mapped */
}

static void a_mapping_grows_and_keeps_its_contents(void) {
    char *p = hak_os_map(NULL, SIZE);
    memset(p, 3, SIZE);
    p = hak_os_grow(p, SIZE, 4 * SIZE);
    CHECK(p != NULL);
    for (size_t i = 0; i < SIZE; i++) CHECK_EQUAL(p[i], 3);
    CHECK(all_zero(p + SIZE, 3 * SIZE));
    errno = 4711;
    CHECK(hak_os_grow(p, 4 * SIZE, (size_t)1 << 60) == NULL);
    CHECK_EQUAL(errno, 4711);
    CHECK_EQUAL(p[0], 3);
    hak_os_release(p, 4 * SIZE);
}

static void clocks_go_forward(void) {
    uint64_t ms = hak_os_now_ms(), ns = hak_os_now_ns();
    hak_os_sleep_ms(20);
    CHECK(hak_os_now_ns() - ns >= 20000000);
    CHECK(hak_os_now_ms() - ms >= 10); /* coarse */
}

typedef struct seen {
    int count;
    const char *entry;
} seen_t;

static void see(const char *entry, void *context) {
    seen_t *seen = context;
    seen->count++;
    seen->entry = entry;
}

static void the_environment_is_visited_by_prefix(void) {
    seen_t seen = {0, NULL};
    setenv("TESTPREFIX_A", "value=1", 1);
    setenv("TESTPREFI", "other", 1);
    hak_os_environment("TESTPREFIX_", see, &seen);
    CHECK_EQUAL(seen.count, 1);
    CHECK(strcmp(seen.entry, "TESTPREFIX_A=value=1") == 0);
}

static char *forbidden;

static void end_by_strike(int signal) { _exit(signal == SIGSEGV ? 7 : 8); }
static void *strike(void *argument) {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    if (!sigismember(&mask, SIGTERM) || !sigismember(&mask, SIGUSR1)) _exit(9);
    touch(forbidden);
    return argument;
}

/* Where its fault were blocked, the process would end untold. */
static void a_thread_of_its_own_takes_its_faults_and_no_other_signal(void) {
    if (CHECK_SANITIZER != CHECK_SANITIZER_OFF) return; /* they have handlers of their own */
    forbidden = hak_os_reserve(SIZE);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGSEGV, end_by_strike);
        CHECK(hak_os_start_thread(strike));
        hak_os_sleep_ms(10000);
        _exit(0);
    }
    int status;
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status));
    CHECK_EQUAL(WEXITSTATUS(status), 7);
    hak_os_release(forbidden, SIZE);
}

extern char **environ;

/* As before the C library has set itself up; the kernel's copy still has what the process started with. */
static void the_environment_is_found_without_the_c_library(void) {
    seen_t seen = {0, NULL};
    environ = NULL;
    hak_os_environment("PATH=", see, &seen);
    CHECK_EQUAL(seen.count, 1);
    CHECK(strncmp(seen.entry, "PATH=", 5) == 0);
}

CHECK_MAIN(CASE(reserved_memory_has_no_rights_until_it_is_committed), CASE(a_place_that_is_taken_is_left_alone),
           CASE(what_is_beyond_the_address_space_is_refused), CASE(purged_pages_are_gone_and_read_as_zero),
           CASE(moved_pages_leave_zero_behind), CASE(a_move_that_fails_leaves_both_places_usable),
           CASE(a_mapping_grows_and_keeps_its_contents), CASE(clocks_go_forward),
           CASE(a_thread_of_its_own_takes_its_faults_and_no_other_signal), CASE(the_environment_is_visited_by_prefix),
           CASE(the_environment_is_found_without_the_c_library))
