/* fork_and_streams.c -- one thread forks, one flushes all streams, one reads lines whose buffer grows under the stream's lock. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/wait.h>

static atomic_bool stop;

static void *flush(void *unused)
{
    while (!atomic_load(&stop)) {
        fflush(NULL);
    }
    return unused;
}

static void *read_lines(void *path)
{
    while (!atomic_load(&stop)) {
        FILE *file = fopen(path, "r");
        CHECK(file != NULL);
        char *line = NULL;
        size_t size = 0;
        while (getline(&line, &size, file) > 0) {
            free(line);
            line = NULL;
            size = 0;
        }
        free(line);
        fclose(file);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    FILE *file = fopen(argv[1], "w");
    CHECK(file != NULL);
    for (int i = 0; i < 200; i++) {
        fprintf(file, "%0*d\n", 100 + i, i);
    }
    fclose(file);
    pthread_t threads[3];
    pthread_create(&threads[0], NULL, flush, NULL);
    pthread_create(&threads[1], NULL, read_lines, argv[1]);
    pthread_create(&threads[2], NULL, read_lines, argv[1]);
    for (double end = now_s() + 3.0; now_s() < end;) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            free(malloc(1000));
            _exit(0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    puts("ok");
    return 0;
}
