/* Stacks that are captured: against backtrace(3), through the C library, signals, other threads and forks. */
#include "stack.h"

#include <execinfo.h>
#include <pthread.h>
#include <ucontext.h>

#include "../check.h"

enum { DEPTH = HAK_STACK_DEPTH_MAX, BUDGET = 64 << 20 };

#define KEEPS_FRAME_POINTER __attribute__((noinline, optimize("no-omit-frame-pointer")))
#define OMITS_FRAME_POINTER __attribute__((noinline, optimize("omit-frame-pointer")))
/* Stops the compiler from leaving a call out, or making it a jump. */
#define AFTER_CALL() __asm__ volatile("" ::: "memory")

static void open_stacks(void) { hak_stack_open(DEPTH, BUDGET); }

static hak_stack_view_t view_of(uint32_t number) {
    hak_stack_view_t view;
    CHECK(number != 0 && hak_stack_get(number, &view));
    return view;
}

/* All but the innermost frame, which differ by where the call stands, are those that backtrace(3) finds. */
static void compare_with_backtrace(uint32_t number, void *const *frames, int count) {
    hak_stack_view_t view = view_of(number);
    CHECK_EQUAL(view.count, (size_t)count);
    for (size_t i = 1; i < view.count; i++) CHECK_EQUAL(view.pcs[i], frames[i]);
}

static void *here[DEPTH];
static int here_count;
static uint32_t number_here;

static __attribute__((noinline)) void capture_both(void) {
    number_here = hak_stack_capture(NULL);
    here_count = backtrace(here, DEPTH);
    AFTER_CALL();
}

static KEEPS_FRAME_POINTER void with_frame_pointer(int depth);
static OMITS_FRAME_POINTER void without_frame_pointer(int depth) {
    if (depth == 0) capture_both();
    else with_frame_pointer(depth - 1);
    AFTER_CALL();
}
static KEEPS_FRAME_POINTER void with_frame_pointer(int depth) {
    volatile char room[40 + depth];
    room[0] = 1;
    if (depth == 0) capture_both();
    else without_frame_pointer(depth - 1);
    AFTER_CALL();
    CHECK_EQUAL(room[0], 1);
}
/* Its CFA is read from memory. */
static OMITS_FRAME_POINTER void with_aligned_stack(int depth) {
    volatile char room[64 + depth] __attribute__((aligned(128)));
    room[depth] = 1;
    CHECK_EQUAL((uintptr_t)room % 128, 0);
    with_frame_pointer(depth);
    AFTER_CALL();
}

static void frames_are_those_of_backtrace(void) {
    open_stacks();
    for (int depth = 0; depth < 40; depth++) {
        without_frame_pointer(depth);
        compare_with_backtrace(number_here, here, here_count);
        with_aligned_stack(depth);
        compare_with_backtrace(number_here, here, here_count);
    }
}

/* Walks after each other that have some callers in common, at other depths, by other calls, with other frame pointers: what the
 * walk before left must not be taken where it no longer holds. */
static KEEPS_FRAME_POINTER void wander(check_random_t *random, int depth);
static OMITS_FRAME_POINTER void wander_without(check_random_t *random, int depth) {
    capture_both();
    compare_with_backtrace(number_here, here, here_count);
    for (uint64_t calls = check_below(random, 3); calls > 0 && depth < 12; calls--) wander(random, depth + 1);
    if (check_below(random, 3) == 0 && depth < 12) wander_without(random, depth + 1);
    AFTER_CALL();
}
static KEEPS_FRAME_POINTER void wander(check_random_t *random, int depth) {
    volatile char room[16 + 16 * check_below(random, 3)];
    room[0] = 1;
    if (check_below(random, 2) == 0) wander_without(random, depth + 1);
    if (check_below(random, 2) == 0) capture_both();
    else without_frame_pointer((int)check_below(random, 4));
    compare_with_backtrace(number_here, here, here_count);
    CHECK_EQUAL(room[0], 1);
}

static void walks_after_each_other_do_not_mix(void) {
    open_stacks();
    check_random_t random = {check_seed()};
    for (size_t round = 0; round < check_scaled(500); round++) wander(&random, 0);
}

static int compare_ints(const void *a, const void *b) {
    if (number_here == 0) capture_both();
    return *(const int *)a - *(const int *)b;
}

static void a_callback_of_qsort_has_its_callers(void) {
    open_stacks();
    int numbers[] = {3, 1, 2, 5, 4};
    qsort(numbers, 5, sizeof *numbers, compare_ints);
    compare_with_backtrace(number_here, here, here_count);
    CHECK_MOST(4, here_count);
}

static void *thread_main(void *argument) {
    without_frame_pointer(*(int *)argument);
    compare_with_backtrace(number_here, here, here_count);
    return NULL;
}

static void a_thread_has_its_own_stack(void) {
    open_stacks();
    for (int depth = 0; depth < 20; depth++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, thread_main, &depth) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
}

static void *thread_captures(void *argument) {
    uint32_t *number = argument;
    for (size_t i = 0; i < check_scaled(20000); i++) {
        uint32_t again = hak_stack_capture(NULL);
        CHECK(*number == 0 || *number == again);
        *number = again;
    }
    return NULL;
}

static void threads_agree_on_the_number_of_a_stack(void) {
    open_stacks();
    pthread_t threads[4];
    uint32_t numbers[4] = {0};
    for (int i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], NULL, thread_captures, &numbers[i]) == 0);
    for (int i = 0; i < 4; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    for (int i = 1; i < 4; i++) CHECK_EQUAL(numbers[i], numbers[0]);
}

/* There are not trails for all of them, and those of threads that have ended serve later ones. */
enum { MANY_THREADS = 100, GENERATIONS = 3 };
static pthread_barrier_t all_are_there;

static void *capture_among_many(void *argument) {
    uint32_t *number = argument, first = hak_stack_capture(NULL);
    pthread_barrier_wait(&all_are_there);
    CHECK(view_of(first).count > 1);
    for (int i = 0; i < 20; i++) {
        uint32_t again = hak_stack_capture(NULL);
        CHECK(*number == 0 || *number == again);
        *number = again;
    }
    hak_stack_thread_ends();
    CHECK_EQUAL(view_of(hak_stack_capture(NULL)).count, view_of(*number).count);
    return NULL;
}

static void more_threads_than_trails_have_their_stacks(void) {
    static uint32_t numbers[MANY_THREADS];
    pthread_t threads[MANY_THREADS];
    open_stacks();
    CHECK(pthread_barrier_init(&all_are_there, NULL, MANY_THREADS) == 0);
    for (int generation = 0; generation < GENERATIONS; generation++) {
        for (int i = 0; i < MANY_THREADS; i++) CHECK(pthread_create(&threads[i], NULL, capture_among_many, &numbers[i]) == 0);
        for (int i = 0; i < MANY_THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
        for (int i = 1; i < MANY_THREADS; i++) CHECK_EQUAL(numbers[i], numbers[0]);
    }
}

static void fork_and_compare(void *argument) {
    (void)argument;
    without_frame_pointer(3);
    compare_with_backtrace(number_here, here, here_count);
    hak_stack_view_t view;
    CHECK(hak_stack_get(number_here, &view));
}

static void *fork_in_thread(void *argument) {
    uint32_t before = hak_stack_capture(NULL);
    check_end_t end = check_child(fork_and_compare, argument);
    CHECK(WIFEXITED(end.status) && WEXITSTATUS(end.status) == 0);
    hak_stack_view_t view;
    CHECK(hak_stack_get(before, &view));
    return NULL;
}

static void a_forked_child_goes_on(void) {
    open_stacks();
    fork_in_thread(NULL);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, fork_in_thread, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

static uint32_t number_of_signal;
static volatile sig_atomic_t struck;

static void on_signal(int signal, siginfo_t *info, void *context) {
    (void)info;
    number_of_signal = hak_stack_capture(signal == SIGUSR2 ? context : NULL);
    here_count = backtrace(here, DEPTH);
    struck = 1;
}

static void take_signals(int signal, int flags) {
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags};
    CHECK(sigaction(signal, &action, NULL) == 0);
}

static OMITS_FRAME_POINTER void raise_it(int signal) {
    raise(signal);
    AFTER_CALL();
}

/* Both ways: from within the handler, whose frames come first, and from what the handler was told. */
static void check_signals(void) {
    raise_it(SIGUSR1);
    hak_stack_view_t within = view_of(number_of_signal);
    CHECK_EQUAL(within.count, here_count);
    size_t handlers = 2; /* on_signal and the C library's return from it */
    for (size_t i = 1; i < within.count; i++) {
        /* backtrace gives the pc that the signal struck as it is. */
        CHECK_EQUAL(within.pcs[i], (uintptr_t)here[i] + (i == handlers));
    }
    raise_it(SIGUSR2);
    hak_stack_view_t told = view_of(number_of_signal);
    CHECK_EQUAL(told.count, within.count - handlers);
    CHECK_EQUAL(told.pcs[0], within.pcs[handlers]);
    CHECK_EQUAL(told.pcs[told.count - 1], within.pcs[within.count - 1]);
}

static void frames_below_a_signal_are_found(void) {
    open_stacks();
    take_signals(SIGUSR1, 0);
    take_signals(SIGUSR2, 0);
    check_signals();
}

static void frames_below_a_signal_on_another_stack_are_found(void) {
    open_stacks();
    static char room[64 << 10];
    stack_t stack = {.ss_sp = room, .ss_size = sizeof room};
    CHECK(sigaltstack(&stack, NULL) == 0);
    take_signals(SIGUSR1, SA_ONSTACK);
    take_signals(SIGUSR2, SA_ONSTACK);
    check_signals();
}

static void (*volatile wild)(void);
static uint32_t number_of_fault;

static void on_fault(int signal, siginfo_t *info, void *context) {
    (void)signal;
    (void)info;
    number_of_fault = hak_stack_capture(context);
    hak_stack_view_t view = view_of(number_of_fault);
    CHECK_EQUAL(view.pcs[0], 17); /* the pc was 16 */
    CHECK_MOST(3, view.count);
    _exit(0);
}

static OMITS_FRAME_POINTER void call_wild(void) {
    wild();
    AFTER_CALL();
}

static void a_call_through_a_wild_pointer_has_its_callers(void) {
    open_stacks();
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    wild = (void (*)(void))16;
    call_wild();
    CHECK(false);
}

static ucontext_t back;
static void in_coroutine(void) {
    without_frame_pointer(5);
    compare_with_backtrace(number_here, here, here_count);
}

static void a_coroutine_has_frames(void) {
    open_stacks();
    without_frame_pointer(1);
    ucontext_t other;
    size_t size = 256 << 10;
    CHECK(getcontext(&other) == 0);
    other.uc_stack.ss_sp = malloc(size);
    other.uc_stack.ss_size = size;
    other.uc_link = &back;
    makecontext(&other, in_coroutine, 0);
    CHECK(swapcontext(&back, &other) == 0);
    without_frame_pointer(1);
    compare_with_backtrace(number_here, here, here_count);
}

static void equal_stacks_have_one_number(void) {
    open_stacks();
    uint32_t numbers[3];
    for (volatile int i = 0; i < 3; i++) numbers[i] = hak_stack_capture(NULL);
    CHECK_EQUAL(numbers[0], numbers[1]);
    CHECK_EQUAL(numbers[0], numbers[2]);
    CHECK(hak_stack_capture(NULL) != numbers[0]);
}

static void wrong_numbers_name_no_stack(void) {
    open_stacks();
    uint32_t number = hak_stack_capture(NULL);
    hak_stack_view_t view;
    check_random_t random = {check_seed()};
    for (size_t i = 0; i < 100000; i++) {
        uint32_t other = (uint32_t)check_below(&random, i % 2 == 0 ? UINT32_MAX : number * 2);
        CHECK(other == number || !hak_stack_get(other, &view));
    }
}

/* A stack of its own for each number: its bits say at which of two places each call stands. */
static __attribute__((noinline)) uint32_t capture_at_path(unsigned path, int length) {
    uint32_t number;
    if (length == 0) {
        number = hak_stack_capture(NULL);
    } else if (path % 2 == 0) {
        number = capture_at_path(path / 2, length - 1);
        AFTER_CALL();
    } else {
        number = capture_at_path(path / 2, length - 1);
        __asm__ volatile("nop" ::: "memory");
    }
    return number;
}

static void what_exceeds_the_budget_is_counted(void) {
    hak_stack_open(DEPTH, 1 << 20);
    static uint32_t numbers[1 << 13]; /* whose stacks take some 2 MiB */
    unsigned path = 0;
    for (; path == 0 || numbers[path - 1] != 0; path++) {
        CHECK(path < sizeof numbers / sizeof *numbers);
        /* The last one fails; then those that are kept are found again. */
        for (volatile unsigned again = 0; again < 2; again++) {
            uint32_t number = capture_at_path(path, 14);
            CHECK(again == 0 || number == numbers[path]);
            numbers[path] = number;
        }
    }
    path--;
    hak_stack_figures_t figures = hak_stack_figures();
    CHECK_EQUAL(figures.lost, 2);
    CHECK_EQUAL(figures.stacks, path);
    CHECK_EQUAL(figures.captures, 2 * path + 2);
    CHECK_MOST(figures.used, figures.budget);
}

static void nothing_is_captured_unless_asked(void) {
    CHECK_EQUAL(hak_stack_capture(NULL), 0);
    hak_stack_open(0, BUDGET);
    CHECK_EQUAL(hak_stack_capture(NULL), 0);
}

static size_t modules;
static bool found_libc, found_self;
static void look_at_module(const hak_module_t *module, void *context) {
    (void)context;
    modules++;
    uintptr_t libc = (uintptr_t)qsort, self = (uintptr_t)look_at_module;
    found_self = found_self || (self >= module->start && self < module->end && module->path[0] == '\0');
    found_libc = found_libc || (libc >= module->start && libc < module->end && strstr(module->path, "libc") != NULL &&
                                module->build_id_size == 20);
}

static void modules_are_listed(void) {
    hak_stack_modules(look_at_module, NULL);
    CHECK_MOST(3, modules);
    CHECK(found_libc && found_self);
    hak_module_t module;
    CHECK(hak_stack_module_of((uintptr_t)qsort, &module));
    CHECK(strstr(module.path, "libc") != NULL);
    CHECK_EQUAL(module.build_id_size, 20);
    CHECK(!hak_stack_module_of((uintptr_t)&modules, &module)); /* data */
    CHECK(!hak_stack_module_of(16, &module));
}

CHECK_MAIN(CASE(frames_are_those_of_backtrace), CASE(walks_after_each_other_do_not_mix),
           CASE(a_callback_of_qsort_has_its_callers), CASE(a_thread_has_its_own_stack),
           CASE(threads_agree_on_the_number_of_a_stack), CASE(more_threads_than_trails_have_their_stacks),
           CASE(a_forked_child_goes_on), CASE(frames_below_a_signal_are_found),
           CASE(frames_below_a_signal_on_another_stack_are_found), CASE(a_call_through_a_wild_pointer_has_its_callers),
           CASE(a_coroutine_has_frames), CASE(equal_stacks_have_one_number), CASE(wrong_numbers_name_no_stack),
           CASE(what_exceeds_the_budget_is_counted), CASE(nothing_is_captured_unless_asked), CASE(modules_are_listed))
