/* launch.c -- runs a program and prints its peak resident memory (KiB) and minor faults.
 *
 *   launch LIBRARY PROGRAM [ARGUMENT]...      LIBRARY is preloaded; "" for none
 *
 * A child starts with the peak of the process that made it, so this one has to be small: link it statically. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

extern char **environ;

int main(int count, char **arguments) {
    if (count < 3) return 2;
    if (arguments[1][0] != '\0') setenv("LD_PRELOAD", arguments[1], 1);
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    pid_t child;
    if (posix_spawn(&child, arguments[2], &quiet, NULL, arguments + 2, environ) != 0) return 127;
    int status;
    struct rusage usage;
    if (wait4(child, &status, 0, &usage) != child || status != 0) return 1;
    printf("%ld %ld\n", usage.ru_maxrss, usage.ru_minflt);
    return 0;
}
