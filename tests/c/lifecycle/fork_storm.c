/* fork_storm.c -- threads allocate while the process forks; each child allocates and frees in every class, and ends.
 *
 * Not under ThreadSanitizer, which does not support children of threaded processes. Under AddressSanitizer children make no
 * threads: its malloc, which pthread_create calls, may be locked for ever there. */
#include <pthread.h>

#include "../check.h"
#include "hakmem.h"
#include "size_class.h"
#include "stock.h"

enum { THREADS = 4, MINE = 400, CHILD_SECONDS = 30 };

static _Atomic bool stop;

static void *allocate_all_the_time(void *argument) {
    check_random_t random = {check_seed() + (uintptr_t)argument};
    static _Thread_local void *mine[MINE];
    while (!hak_load_relaxed(&stop)) {
        void **slot = &mine[check_below(&random, MINE)];
        if (*slot != NULL && check_below(&random, 4) == 0) *slot = hak_realloc(*slot, check_log_uniform(&random, 1, 400000));
        else if (*slot != NULL) hak_free(*slot), *slot = NULL;
        else *slot = hak_malloc(check_log_uniform(&random, 1, 100000));
        if (*slot != NULL) *(char *)*slot = 1;
        if (check_below(&random, 10000) == 0) hak_trim(0);
    }
    for (int i = 0; i < MINE; i++) hak_free(mine[i]);
    return NULL;
}

static void use_every_class(void) {
    void *blocks[HAK_CLASS_COUNT][3];
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) {
        for (int i = 0; i < 3; i++) {
            blocks[c][i] = hak_malloc(hak_classes[c].size);
            CHECK(blocks[c][i] != NULL);
            memset(blocks[c][i], (int)c, hak_classes[c].size);
        }
    }
    void *large = hak_malloc(1 << 20), *larger = hak_realloc(hak_malloc(300000), 3 << 20);
    CHECK(large != NULL && larger != NULL);
    for (unsigned c = 1; c < HAK_CLASS_COUNT; c++) {
        for (int i = 0; i < 3; i++) {
            for (size_t k = 0; k < hak_classes[c].size; k++) CHECK_EQUAL(((unsigned char *)blocks[c][i])[k], c);
            hak_free(blocks[c][i]);
        }
    }
    hak_free(large);
    hak_free(larger);
    hak_trim(0);
}

static void *in_a_thread_of_the_child(void *argument) {
    use_every_class();
    return argument;
}

static void live_as_child(unsigned number) {
    alarm(CHILD_SECONDS);
    use_every_class();
    if (number % 8 == 0 && CHECK_SANITIZER == CHECK_SANITIZER_OFF) { /* threads of its own, and a child of its own */
        pthread_t thread;
        CHECK_EQUAL(pthread_create(&thread, NULL, in_a_thread_of_the_child, NULL), 0);
        CHECK_EQUAL(pthread_join(thread, NULL), 0);
        pid_t pid = fork();
        if (pid == 0) {
            use_every_class();
            _exit(0);
        }
        int status;
        CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    }
    _exit(0);
}

static void fork_many(size_t count) {
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) {
        CHECK_EQUAL(pthread_create(&threads[i], NULL, allocate_all_the_time, (void *)i), 0);
    }
    for (unsigned i = 0; i < count; i++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) live_as_child(i);
        hak_free(hak_malloc(i));
        int status = 0;
        CHECK_EQUAL(waitpid(pid, &status, 0), pid);
        CHECK_EQUAL(status, 0);
    }
    hak_store_relaxed(&stop, true);
    for (int i = 0; i < THREADS; i++) CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
    while (hak_trim(0)) {
    }
    CHECK_EQUAL(hak_stock_totals().used_units, 0);
}

static void children_of_a_busy_process_work(void) { fork_many(check_scaled(400)); }

static void children_work_while_memory_goes_back_all_the_time(void) {
    fork_many(check_scaled(200));
}

static void a_process_that_never_allocated_forks_too(void) {
    pid_t pid = fork();
    if (pid == 0) live_as_child(8);
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    use_every_class();
}

/* Makes a thread in each child. */
#define BACKGROUND_PURGE \
    (CHECK_SANITIZER == CHECK_SANITIZER_OFF ? "HAKMEM_BACKGROUND_PURGE=1" : "HAKMEM_BACKGROUND_PURGE=0")

CHECK_MAIN(CASE(children_of_a_busy_process_work),
           CASE_WITH(children_work_while_memory_goes_back_all_the_time, "HAKMEM_PURGE_DELAY_MS=2", "HAKMEM_RETAIN=0",
                     BACKGROUND_PURGE),
           CASE(a_process_that_never_allocated_forks_too))
