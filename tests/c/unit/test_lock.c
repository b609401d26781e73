/* lock.h: one holder at a time, no lost wake-up, new again in a forked child. */
#include <pthread.h>

#include "../check.h"
#include "lock.h"

enum { THREADS = 8 };

static hak_lock_t lock;
static size_t counted; /* guarded by the lock */
static _Atomic uint32_t inside;

static void *count_up(void *argument) {
    size_t times = *(size_t *)argument;
    for (size_t i = 0; i < times; i++) {
        if (i % 3 == 0) {
            while (!hak_try_lock(&lock)) sched_yield();
        } else {
            hak_lock(&lock);
        }
        CHECK_EQUAL(hak_add_relaxed(&inside, 1), 0);
        counted++;
        /* Held for long now and then, so that others go to sleep. */
        if (i % 1000 == 0) sched_yield();
        CHECK_EQUAL(hak_sub_relaxed(&inside, 1), 1);
        hak_unlock(&lock);
    }
    return NULL;
}

static void one_thread_at_a_time_is_inside(void) {
    pthread_t threads[THREADS];
    size_t times = check_scaled(200000);
    for (int i = 0; i < THREADS; i++) CHECK_EQUAL(pthread_create(&threads[i], NULL, count_up, &times), 0);
    for (int i = 0; i < THREADS; i++) CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
    CHECK_EQUAL(counted, times * THREADS);
    CHECK_EQUAL(hak_load_relaxed(&lock.state), 0);
}

static void a_free_lock_is_taken_at_once(void) {
    CHECK(hak_lock(&lock));
    CHECK(!hak_try_lock(&lock));
    hak_unlock(&lock);
    CHECK(hak_try_lock(&lock));
    hak_unlock(&lock);
}

static void *wait_for_lock(void *argument) {
    *(bool *)argument = hak_lock(&lock);
    hak_unlock(&lock);
    return NULL;
}

static void who_had_to_wait_is_told(void) {
    bool at_once = true;
    pthread_t thread;
    CHECK(hak_lock(&lock));
    CHECK_EQUAL(pthread_create(&thread, NULL, wait_for_lock, &at_once), 0);
    while (hak_load_relaxed(&lock.state) != 2) usleep(1000); /* until it sleeps */
    hak_unlock(&lock);
    CHECK_EQUAL(pthread_join(thread, NULL), 0);
    CHECK(!at_once);
}

static void a_forked_child_can_make_it_anew(void) {
    CHECK(hak_lock(&lock));
    pid_t pid = fork();
    if (pid == 0) {
        hak_lock_reset(&lock);
        _exit(hak_lock(&lock) ? 0 : 1);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    hak_unlock(&lock);
}

CHECK_MAIN(CASE(a_free_lock_is_taken_at_once), CASE(one_thread_at_a_time_is_inside), CASE(who_had_to_wait_is_told),
           CASE(a_forked_child_can_make_it_anew))
