/* late_close.c LIBRARY -- opens the library beside the system's malloc, uses it in a thread, closes it, and ends the thread. */
#include "check.h"

#include <dlfcn.h>
#include <pthread.h>

static pthread_barrier_t used, closed;

static void *use(void *library)
{
    void *(*take)(size_t) = NULL;
    void (*give)(void *) = NULL;
    *(void **)&take = dlsym(library, "hak_malloc");
    *(void **)&give = dlsym(library, "hak_free");
    CHECK(take != NULL && give != NULL);
    void *block = take(100);
    CHECK(block != NULL);
    give(block);
    pthread_barrier_wait(&used);
    pthread_barrier_wait(&closed);
    return NULL;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL);
    pthread_barrier_init(&used, NULL, 2);
    pthread_barrier_init(&closed, NULL, 2);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, use, library) == 0);
    pthread_barrier_wait(&used);
    dlclose(library);
    pthread_barrier_wait(&closed);
    pthread_join(thread, NULL);
    puts("ok");
    return 0;
}
