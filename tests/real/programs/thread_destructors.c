/* thread_destructors.c -- blocks are freed and made inside destructors of thread keys, at every one of the rounds that
 * POSIX grants, and blocks of threads that are gone are freed by the main thread. Argument: rounds. */
#include "check.h"

#include <limits.h>
#include <pthread.h>

enum { THREADS = 12, LEFT = 50 };

static pthread_key_t first_key, second_key;

struct left_behind {
    void *blocks[LEFT];
};

static void free_and_come_again(void *value)
{
    int *rounds_left = value;
    void *block = malloc(3000);
    CHECK(block != NULL);
    fill(block, 3000, 3);
    CHECK(is_intact(block, 3000, 3));
    free(block);
    if (*rounds_left > 0) {
        int *next = malloc(sizeof *next);
        CHECK(next != NULL);
        *next = *rounds_left - 1;
        /* A destructor that sets its key again is called again. */
        pthread_setspecific(first_key, next);
    }
    free(rounds_left);
}

static void free_list(void *value)
{
    for (void **node = value, **next; node != NULL; node = next) {
        next = *node;
        free(node);
    }
}

static void *live_shortly(void *argument)
{
    struct left_behind *left = argument;
    for (int i = 0; i < LEFT; i++) {
        left->blocks[i] = malloc((size_t)i * 40 + 1);
        CHECK(left->blocks[i] != NULL);
        fill(left->blocks[i], (size_t)i * 40 + 1, (uint32_t)i);
    }
    int *rounds_left = malloc(sizeof *rounds_left);
    *rounds_left = PTHREAD_DESTRUCTOR_ITERATIONS - 1;
    pthread_setspecific(first_key, rounds_left);
    void **list = NULL;
    for (int i = 0; i < 500; i++) {
        void **node = malloc(16 + (size_t)i);
        CHECK(node != NULL);
        *node = list;
        list = node;
    }
    pthread_setspecific(second_key, list);
    return NULL;
}

int main(int count, char **arguments)
{
    int rounds = count > 1 ? atoi(arguments[1]) : 40;
    CHECK(pthread_key_create(&first_key, free_and_come_again) == 0);
    CHECK(pthread_key_create(&second_key, free_list) == 0);
    for (int round = 0; round < rounds; round++) {
        pthread_t threads[THREADS];
        struct left_behind left[THREADS];
        for (int i = 0; i < THREADS; i++) {
            CHECK(pthread_create(&threads[i], NULL, live_shortly, &left[i]) == 0);
        }
        for (int i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
            for (int k = 0; k < LEFT; k++) {
                CHECK(is_intact(left[i].blocks[k], (size_t)k * 40 + 1, (uint32_t)k));
                free(left[i].blocks[k]);
            }
        }
    }
    puts("ok");
    return 0;
}
