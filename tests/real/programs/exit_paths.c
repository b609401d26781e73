/* exit_paths.c -- the program ends while its heap is in use: handlers of atexit and at_quick_exit and destructor
 * functions allocate and free. Argument: return, exit, quick, thread (exit from a second thread); each while two more
 * threads allocate. */
#include "check.h"

#include <pthread.h>

static void *kept[500];

static void use_heap(const char *where)
{
    for (size_t i = 0; i < 500; i++) {
        CHECK(is_intact(kept[i], i, (uint32_t)i));
        free(kept[i]);
        kept[i] = calloc(1, i);
        CHECK(kept[i] != NULL && is_zero(kept[i], i));
        fill(kept[i], i, (uint32_t)i);
    }
    dprintf(1, "%s\n", where);
}

static void at_exit(void) { use_heap("atexit"); }
static void at_quick(void) { use_heap("at_quick_exit"); }
__attribute__((destructor)) static void at_end(void) { use_heap("destructor"); }

static void *allocate_for_ever(void *unused)
{
    for (uint32_t state = 7;;) {
        free(malloc(next_random(&state) % 3000));
    }
    return unused;
}

static void *leave(void *unused)
{
    exit(0);
    return unused;
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    for (size_t i = 0; i < 500; i++) {
        kept[i] = malloc(i);
        CHECK(kept[i] != NULL);
        fill(kept[i], i, (uint32_t)i);
    }
    CHECK(atexit(at_exit) == 0 && at_quick_exit(at_quick) == 0);
    pthread_t thread;
    for (int i = 0; i < 2; i++) {
        CHECK(pthread_create(&thread, NULL, allocate_for_ever, NULL) == 0);
    }
    usleep(10000);
    switch (arguments[1][0]) {
        case 'e': exit(0);
        case 'q': quick_exit(0);
        case 't':
            CHECK(pthread_create(&thread, NULL, leave, NULL) == 0);
            pthread_join(thread, NULL);
            return 1;
        default: return 0;
    }
}
