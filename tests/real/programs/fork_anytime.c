/* fork_anytime.c -- threads allocate and free without pause while two threads fork; every child allocates, frees what
 * its parent made, starts a thread and exits in order. Argument: forks of each of the two (default 75). */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

enum { BUSY_THREADS = 3, SLOTS = 300, INHERITED = 200 };

static atomic_int stop;
static int forks = 75;

static void *allocate_without_pause(void *argument)
{
    uint32_t state = (uint32_t)(uintptr_t)argument;
    void *blocks[SLOTS] = {0};
    while (!stop) {
        uint32_t i = next_random(&state) % SLOTS;
        free(blocks[i]);
        blocks[i] = malloc(next_random(&state) % (next_random(&state) % 64 == 0 ? 200000 : 1000));
        CHECK(blocks[i] != NULL);
    }
    for (int i = 0; i < SLOTS; i++) {
        free(blocks[i]);
    }
    return NULL;
}

static void *allocate_a_little(void *unused)
{
    for (size_t size = 1; size < 100000; size = size * 5 / 4 + 1) {
        void *block = calloc(1, size);
        CHECK(block != NULL && is_zero(block, size));
        free(block);
    }
    return unused;
}

static void live_as_child(void **inherited)
{
    for (int i = 0; i < INHERITED; i++) {
        CHECK(is_intact(inherited[i], 100, (uint32_t)i));
        free(inherited[i]);
    }
    allocate_a_little(NULL);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, allocate_a_little, NULL) == 0);
    pthread_join(thread, NULL);
    exit(0);
}

static void *fork_often(void *unused)
{
    void *inherited[INHERITED];
    for (int n = 0; n < forks; n++) {
        for (int i = 0; i < INHERITED; i++) {
            inherited[i] = malloc(100);
            fill(inherited[i], 100, (uint32_t)i);
        }
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            /* A child that hangs must not outlive the test. */
            alarm(20);
            live_as_child(inherited);
        }
        for (int i = 0; i < INHERITED; i++) {
            CHECK(is_intact(inherited[i], 100, (uint32_t)i));
            free(inherited[i]);
        }
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    return unused;
}

int main(int count, char **arguments)
{
    if (count > 1) {
        forks = atoi(arguments[1]);
    }
    pthread_t busy[BUSY_THREADS], forker;
    for (uintptr_t i = 0; i < BUSY_THREADS; i++) {
        CHECK(pthread_create(&busy[i], NULL, allocate_without_pause, (void *)(i + 1)) == 0);
    }
    CHECK(pthread_create(&forker, NULL, fork_often, NULL) == 0);
    fork_often(NULL);
    pthread_join(forker, NULL);
    stop = 1;
    for (int i = 0; i < BUSY_THREADS; i++) {
        pthread_join(busy[i], NULL);
    }
    puts("ok");
    return 0;
}
