/* wrongs.c -- one wrong use of the heap a run: wrongs NAME SIZE [BYTES]. For tests of full checks (tests/python/test_checks.py).
 *
 * Runs under a preload library. Pointers and functions are volatile, so that compilers neither warn nor leave anything out. */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void *(*volatile take)(size_t) = malloc;
static void (*volatile give)(void *) = free;
static void *(*volatile resize)(void *, size_t) = realloc;
static void *(*volatile take_many)(size_t, size_t) = calloc;
static void *(*volatile resize_many)(void *, size_t, size_t) = reallocarray;

static size_t size, bytes;
static char *volatile p, *volatile q;
static volatile char seen;
static char global[64] __attribute__((aligned(16)));

/* A function of C++'s, which the preload library exports. */
static void *named(const char *name) {
    void *found = dlsym(RTLD_DEFAULT, name);
    if (found == NULL) exit(3);
    return found;
}
#define CALL(type, name) (*(type *)(void *[]){named(name)})
typedef void *(*new_t)(size_t);
typedef void *(*new_aligned_t)(size_t, size_t);
typedef void (*delete_t)(void *);
typedef void (*delete_sized_t)(void *, size_t);

static void *free_in_thread(void *block) {
    give(block);
    return NULL;
}
static void in_thread(void *block) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, free_in_thread, block) != 0) exit(3);
    pthread_join(thread, NULL);
}

static void nothing(void) {}

static void twice(void) { give(p), give(p); }
static void twice_later(void) {
    give(p);
    for (int i = 0; i < 1000; i++) give(take(size));
    give(p);
}
static void twice_after_reuse(void) {
    give(p);
    q = take(size);
    give(p);
}
static void twice_interleaved(void) {
    q = take(size);
    give(p), give(q), give(p);
}
static void twice_by_another_thread(void) {
    give(p);
    in_thread(p);
}
static void inside(void) { give(p + (size < 32 ? 4 : 16)); }
static void unaligned(void) { give(p + 1); }
static void on_the_stack(void) {
    char local[64] __attribute__((aligned(16)));
    give(local);
}
static void of_a_global(void) { give(global); }
static void far_away(void) { give((void *)0x4141414141410); }
static void unmapped(void) {
    void *mapped = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(mapped, 65536);
    give(mapped);
}
static void resize_freed(void) {
    give(p);
    resize(p, size + 1);
}
static void size_of_freed(void) {
    give(p);
    seen = (char)malloc_usable_size(p);
}
static void write_behind(void) { p[size + bytes - 1] = 1; }
static void write_behind_and_free(void) {
    write_behind();
    give(p);
}
static void write_all_behind_and_free(void) {
    memset(p + size, 1, bytes);
    give(p);
}
static void write_before_and_free(void) {
    *(p - bytes) = 1;
    give(p);
}
static void write_all_before_and_free(void) {
    memset(p - bytes, 1, bytes);
    give(p);
}
static void read_behind(void) { seen = p[size + bytes - 1]; }
static void read_before(void) { seen = *(p - bytes); }
static void read_all_behind(void) {
    for (size_t i = 0; i < bytes; i++) seen = p[size + i];
}
static void read_all_before(void) {
    for (size_t i = 1; i <= bytes; i++) seen = *(p - i);
}
static void write_freed(void) {
    give(p);
    p[size / 2] = 1;
}
static void write_freed_and_go_on(void) {
    write_freed();
    for (int i = 0; i < 2000; i++) give(take(size));
    _exit(0);
}
static void write_freed_and_wait(void) {
    write_freed();
    sleep(60); /* ends before: the sweep aborts it */
    _exit(0);
}
static void write_behind_and_wait(void) {
    write_behind();
    sleep(60); /* ends before: the sweep aborts it */
    _exit(0);
}
static void exit_at_abort(int number) { exit(number == SIGABRT ? 7 : 3); }
static void exit_when_a_sweep_aborts(void) {
    signal(SIGABRT, exit_at_abort);
    alarm(30);
    write_behind();
    for (;;) pause();
}
/* With a sweep every millisecond, one is on its way when this program ends, and has passed the block as a rule. */
static void write_behind_while_a_sweep_is_on_its_way(void) {
    for (int i = 0; i < 100000; i++) q = take(size);
    usleep(20000);
    write_behind();
}
static void read_freed(void) {
    give(p);
    seen = p[size / 2];
}
static void show_new(void) { printf("%02x%02x\n", (unsigned char)p[0], (unsigned char)p[size - 1]); }
static void show_freed(void) {
    give(p);
    printf("%02x%02x\n", (unsigned char)p[0], (unsigned char)p[size - 1]);
}
static void delete_with_another_size(void) {
    p = CALL(new_t, "_Znwm")(size);
    CALL(delete_sized_t, "_ZdlPvm")(p, size + 1);
}
static void delete_with_another_alignment(void) {
    p = CALL(new_aligned_t, "_ZnwmSt11align_val_t")(size, 64);
    CALL(delete_sized_t, "_ZdlPvSt11align_val_t")(p, 32);
}
static void delete_without_alignment(void) {
    p = CALL(new_aligned_t, "_ZnwmSt11align_val_t")(size, 64);
    CALL(delete_t, "_ZdlPv")(p);
}
static void delete_an_array(void) {
    p = CALL(new_t, "_Znam")(size);
    CALL(delete_t, "_ZdlPv")(p);
}
static void delete_from_malloc(void) { CALL(delete_t, "_ZdlPv")(p); }
static void free_from_new(void) {
    p = CALL(new_t, "_Znwm")(size);
    give(p);
}
static void right_forms_of_delete(void) {
    CALL(delete_t, "_ZdlPv")(CALL(new_t, "_Znwm")(size));
    CALL(delete_sized_t, "_ZdlPvm")(CALL(new_t, "_Znwm")(size), size);
    CALL(delete_t, "_ZdaPv")(CALL(new_t, "_Znam")(size));
    CALL(delete_sized_t, "_ZdlPvSt11align_val_t")(CALL(new_aligned_t, "_ZnwmSt11align_val_t")(size, 64), 64);
    give(aligned_alloc(64, 128)), give(memalign(4096, size)), give(valloc(size));
}
static void write_to_nothing(void) {
    q = take(0);
    q[0] = 1;
    give(q);
}
static void sizes_beyond_all(void) {
    if (take((size_t)-5) != NULL || errno != ENOMEM) exit(3);
    if (take_many(SIZE_MAX / 2, 3) != NULL || resize(p, (size_t)-1) != NULL || resize_many(p, SIZE_MAX, 2) != NULL) exit(3);
    give(p);
}
static void lose(void) {
    p = NULL;
    q = take(size); /* and this one stays reachable */
}
static void fork_and_free_twice(void) {
    if (fork() == 0) {
        give(p), give(p);
        _exit(0);
    }
    int status;
    wait(&status);
    give(p);
}
static void close_all_and_free_twice(void) {
    for (int fd = 0; fd < 100; fd++) close(fd);
    if (chdir("/") != 0) exit(3);
    give(p), give(p);
}
static void own_handler(int number) { _exit(number == SIGSEGV ? 7 : 3); }
static void have_a_handler(void) {
    signal(SIGSEGV, own_handler);
    for (int i = 0; i < 1000; i++) give(take(size)); /* time to notice the handler */
    *(volatile int *)8 = 1;
}
static sigjmp_buf before_the_fault;
static void leave_handler(int number) {
    (void)number;
    siglongjmp(before_the_fault, 1);
}
static void leave_a_handler(void) {
    signal(SIGSEGV, leave_handler);
    for (int i = 0; i < 1000; i++) give(take(size)); /* time to notice the handler */
    for (volatile int i = 0; i < 3; i++) {
        if (sigsetjmp(before_the_fault, 1) == 0) *(volatile int *)8 = 1;
    }
    exit(5);
}
static void leave_at_once(void) { _exit(0); }
/* The links of the heap's own lists, if they are where this reaches. */
static void write_all_over(void) {
    for (int i = 0; i < 50; i++) give(take(64));
    q = take(64);
    memset(q - bytes, 0x41, 2 * bytes);
    for (int i = 0; i < 5000; i++) q = take((size_t)(i % 300));
}
static void bend_a_link(void) {
    give(p), give(q);
    uint64_t *at = (uint64_t *)q - 1;
    while (at > (uint64_t *)q - 32 && (uint64_t)p - *at > 256) at--;
    *at += 8; /* was the address of what p was part of */
    for (int i = 0; i < 3; i++) give(take(size)), q = take(size);
}
static uint64_t random_state = 1;
static uint64_t random_number(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}
static void damage_at_random(void) {
    static char *volatile blocks[200];
    random_state = size * 2654435761u + 1;
    for (int i = 0; i < 3000; i++) {
        size_t at = random_number() % 200;
        uint64_t what = random_number() % 100;
        if (what < 45) blocks[at] = take(random_number() % 3000);
        else if (what < 80) give(blocks[at]), blocks[at] = what < 79 ? NULL : blocks[at];
        else if (what < 95 && blocks[at] != NULL) blocks[at][(int64_t)(random_number() % 4000) - 500] = (char)what;
        else if (what == 95) give((void *)(random_number() >> 17));
        else if (what == 96 && blocks[at] != NULL) give(blocks[at] + random_number() % 64);
        else if (what == 97) blocks[at] = resize(blocks[at], random_number() % 5000);
    }
    _exit(0);
}
/* Tables that the library maps for itself: what is written to them could be anything, if a wild write strikes there. */
enum { SPOILT_WORDS = 1 << 16, SPOILT_RANGE = 8 << 20, SPOILT_BLOCKS = 300, TABLE_BYTES = 64 << 10 };
static uint64_t *volatile words[SPOILT_WORDS]; /* those that hold something, first those that hold a block's address */
static size_t word_count, record_count;
static char *volatile spoilt[SPOILT_BLOCKS], *volatile former[SPOILT_BLOCKS]; /* live blocks, and those freed last */

static int is_block(uint64_t word) {
    for (int i = 0; i < SPOILT_BLOCKS; i++) {
        if (word != 0 && (word == (uint64_t)spoilt[i] || word == (uint64_t)former[i])) return 1;
    }
    return 0;
}
static void gather(int records) {
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        uintptr_t from, to;
        char rights[8], path[256] = "";
        if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %255s", &from, &to, rights, path) < 3) continue;
        int holds_blocks = (uintptr_t)spoilt[0] - from < to - from || (uintptr_t)words - from < to - from; /* or our own */
        if (strcmp(rights, "rw-p") != 0 || path[0] != '\0' || to - from < TABLE_BYTES || holds_blocks) continue;
        if (to - from > SPOILT_RANGE) to = from + SPOILT_RANGE;
        for (uint64_t *at = (uint64_t *)from; at < (uint64_t *)to && word_count < SPOILT_WORDS; at++) {
            if (*at != 0 && is_block(*at) == records) words[word_count++] = at;
        }
    }
    if (maps != NULL) fclose(maps);
}
static uint64_t odd_value(uint64_t now) {
    switch (random_number() % 8) {
    case 0: return random_number();
    case 1: return 0;
    case 2: return UINT64_MAX;
    case 3: return now ^ (uint64_t)1 << random_number() % 64;
    case 4: return now + random_number() % 256 - 128;
    case 5: return (uint64_t)spoilt[random_number() % SPOILT_BLOCKS];
    case 6: return (uint64_t)words[random_number() % word_count];
    default: return random_number() % 256 << 8 * (random_number() % 8);
    }
}
static void use_blocks(int rounds) {
    for (int i = 0; i < rounds; i++) {
        size_t at = random_number() % SPOILT_BLOCKS, n = random_number() % 100 == 0 ? 400000 : random_number() % 3000;
        former[at] = spoilt[at];
        if (random_number() % 4 == 0) spoilt[at] = resize(spoilt[at], n + 1);
        else give(spoilt[at]), spoilt[at] = take(n);
    }
}
static void spoil_the_tables(void) {
    static char buffer[BUFSIZ];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    random_state = size * 2654435761u + 1;
    for (int i = 0; i < SPOILT_BLOCKS; i++) spoilt[i] = take(random_number() % 3000);
    use_blocks(1000);
    gather(1);
    record_count = word_count;
    gather(0);
    if (word_count == 0) exit(3);
    for (uint64_t left = 1 + random_number() % 4; left != 0; left--) {
        int to_record = record_count != 0 && random_number() % 4 != 0;
        uint64_t *at = words[random_number() % (to_record ? record_count : word_count)];
        if (to_record) at += random_number() % 6;
        *at = odd_value(*at);
    }
    if (random_number() % 2 == 0) use_blocks(300);
    char *block = spoilt[random_number() % SPOILT_BLOCKS];
    switch (random_number() % 4) {
    case 0: give(block), give(block); break;
    case 1: give(block + 8); break;
    case 2: block[-1] = 1; break;
    default: give((void *)(random_number() >> 17)); break;
    }
    if (random_number() % 2 == 0) use_blocks(300);
}
static void *volatile shared[64];
static void *churn(void *argument) {
    uint64_t state = (uintptr_t)argument * 88172645463325252u + 1;
    for (int i = 0; i < 40000; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        size_t n = state % 100 == 0 ? 300000 : state % 700;
        char *block = take(n);
        memset(block, 1, n);
        give(__atomic_exchange_n(&shared[state >> 32 & 63], block, __ATOMIC_ACQ_REL));
    }
    return NULL;
}
/* Blocks of all sizes by all calls, so that each place of the heap holds blocks of many kinds one after another. */
static void *churn_in_all_ways(void *argument) {
    uint64_t state = (uintptr_t)argument * 88172645463325252u + 1;
    for (int i = 0; i < 2000; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        size_t n = (state >> 8 & 0xffff) << (state >> 24 & 7) >> (state >> 28 & 15), alignment = (size_t)16 << (state >> 40 & 15);
        char *old = __atomic_exchange_n(&shared[state >> 48 & 63], NULL, __ATOMIC_ACQ_REL), *block = NULL;
        switch (state & 3) {
            case 0: block = take(n); break;
            case 1: block = take_many(1, n); break;
            case 2: block = aligned_alloc(alignment, n); break;
            case 3: block = resize(old, n + 1), old = NULL; break;
        }
        if ((state & 3) == 1 && n != 0 && (block[0] | block[n / 2] | block[n - 1]) != 0) exit(3);
        memset(block, 1, n);
        give(__atomic_exchange_n(&shared[state >> 48 & 63], block, __ATOMIC_ACQ_REL));
        give(old);
    }
    return NULL;
}
static void write_behind_and_exit_quickly(void) {
    write_behind();
    quick_exit(0);
}
static void in_threads(void *(*function)(void *)) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, function, (void *)(uintptr_t)(i + 1));
    if (fork() == 0) _exit(function((void *)9) != NULL);
    int status = 0;
    wait(&status);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    if (status != 0) exit(3);
}
/* Threads begin and end when the process exits: one may be stopped, for the search for leaks, at any instruction of it. */
static void *one_block(void *unused) {
    give(take(10));
    return unused;
}
static void *begin_and_end_threads(void *unused) {
    for (;;) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, one_block, NULL) == 0) pthread_join(thread, NULL);
    }
    return unused;
}
static void exit_while_threads_begin(void) {
    pthread_t thread;
    for (int i = 0; i < 40; i++) pthread_create(&thread, NULL, begin_and_end_threads, NULL);
    usleep(15000);
}
static void churn_in_threads(void) { in_threads(churn); }
static void churn_all_ways_in_threads(void) { in_threads(churn_in_all_ways); }

#define WRONG(function) {#function, function}
static const struct {
    const char *name;
    void (*run)(void);
} wrongs[] = {
    WRONG(nothing), WRONG(twice), WRONG(twice_later), WRONG(twice_after_reuse), WRONG(twice_interleaved),
    WRONG(twice_by_another_thread), WRONG(inside), WRONG(unaligned), WRONG(on_the_stack), WRONG(of_a_global), WRONG(far_away),
    WRONG(unmapped), WRONG(resize_freed), WRONG(size_of_freed), WRONG(write_behind), WRONG(write_behind_and_free),
    WRONG(write_all_behind_and_free), WRONG(write_before_and_free), WRONG(write_all_before_and_free), WRONG(read_behind),
    WRONG(read_before), WRONG(read_all_behind), WRONG(read_all_before), WRONG(write_freed), WRONG(write_freed_and_go_on), WRONG(write_freed_and_wait),
    WRONG(write_behind_and_wait), WRONG(write_behind_and_exit_quickly), WRONG(exit_when_a_sweep_aborts), WRONG(write_behind_while_a_sweep_is_on_its_way),
    WRONG(read_freed), WRONG(show_new), WRONG(show_freed), WRONG(delete_with_another_size),
    WRONG(delete_with_another_alignment), WRONG(delete_without_alignment), WRONG(delete_an_array), WRONG(delete_from_malloc),
    WRONG(free_from_new), WRONG(right_forms_of_delete), WRONG(write_to_nothing), WRONG(sizes_beyond_all), WRONG(lose),
    WRONG(fork_and_free_twice), WRONG(close_all_and_free_twice), WRONG(have_a_handler), WRONG(leave_a_handler), WRONG(leave_at_once),
    WRONG(write_all_over), WRONG(bend_a_link), WRONG(damage_at_random), WRONG(spoil_the_tables), WRONG(exit_while_threads_begin),
    WRONG(churn_in_threads), WRONG(churn_all_ways_in_threads),
};

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    size = strtoull(argv[2], NULL, 0);
    bytes = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        if (strcmp(wrongs[i].name, argv[1]) != 0) continue;
        give(take(1));
        p = take(size);
        q = take(size); /* what lies behind it is a block as well, as a rule */
        wrongs[i].run();
        return 0;
    }
    return 2;
}
